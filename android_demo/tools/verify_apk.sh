#!/usr/bin/env bash
# Checks an APK as far as it can be checked without a phone, and runs the tests of core on the code that is inside it.
# usage: verify_apk.sh APP.apk
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 1 ] || die "wrong use" "verify_apk.sh APP.apk" 2
[ -f "$1" ] || die "the APK does not exist: $1" "" 4
APK=$(realpath "$1")
JAVA_HOME=$(java_home)
need apksigner apksigner
need aapt2 aapt
need dexdump dexdump
need enjarify enjarify
need unzip unzip
bash "$TOOLS/fetch.sh"
mkdir -p "$BUILD"
WORK=$(mktemp -d "$BUILD/.work.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
failed=0

# check NAME COMMAND..: one line for what holds, all of the output for what does not.
check() {
  local name=$1
  shift
  if "$@" >"$WORK/log" 2>&1; then say "ok    $name"; else
    say "WRONG $name"
    cat "$WORK/log" >&2
    failed=1
  fi
}

signature() {
  apksigner verify --verbose "$APK" >"$WORK/signature" && cat "$WORK/signature" \
    && grep -q 'v2 scheme (APK Signature Scheme v2): true' "$WORK/signature"
}

# badging PATTERN
badging() { grep -Eq "$1" "$WORK/badging" || { cat "$WORK/badging" && return 1; }; }

# What Java 8 has and Android lacks before API 26; a list of what one reaches for, since nothing tells all of it.
newer_java() {
  ! dexdump -d "$WORK/classes.dex" | grep -oE 'L(java/time|java/nio/file|java/lang/invoke)/[A-Za-z/]+;|Ljava/util/Base64[^;]*;' | sort -u | grep .
}

# Every name of Android's own that the app uses is looked up in Android 7.0; newer ones must be in newer_names.txt, with where
# the app asks for the version before it uses them.
newer_android() {
  cat >"$WORK/link.pro" <<RULES
-injars $WORK/apk.jar
-outjars $WORK/linked.jar
-libraryjars $(dep android-all 7.)(!META-INF/**)
-libraryjars $JAVA_HOME/jmods/java.base.jmod(!**.jar;!module-info.class)
-libraryjars $JAVA_HOME/jmods/java.logging.jmod(!**.jar;!module-info.class)
-dontshrink
-dontoptimize
-dontobfuscate
-ignorewarnings
-dontnote **
-dontwarn org.checkerframework.**
RULES
  proguard "$WORK/link.pro" "$WORK/link.log" || { cat "$WORK/link.log" && return 1; }
  sed -nE "s/^Warning: [^ ]+: can't find referenced //p" "$WORK/link.log" | sort -u >"$WORK/newer"
  ! grep -vxFf <(grep -v '^#' "$TOOLS/newer_names.txt" | cut -f 1) "$WORK/newer"
}

# Loads, verifies and initialises every class of the APK beside Android 7.0's own classes.
link_classes() { java "$TOOLS/LinkClasses.java" "$WORK/apk.jar" "$(dep android-all 7.)"; }

# manifest PATTERN
manifest() { grep -Eq "$1" "$WORK/manifest" || { cat "$WORK/manifest" && return 1; }; }

# What the manifest names must have outlived the shrinking.
classes_of_manifest() {
  local name names
  names=$(awk '/ E: / { ours = $2 == "activity" || $2 == "application" } ours && /android:name\(/ { split($0, part, "\""); print part[2] }' "$WORK/manifest")
  [ -n "$names" ] || return 1
  for name in $names; do
    grep -qF "Class descriptor  : 'L${name//./\/};'" "$WORK/classes" || { echo "$name is not in the code" && return 1; }
  done
}

core_tests() { run_tests "$WORK/tests" "$WORK/apk.jar"; }

# The APK's model through the APK's own code and nothing else; the golden pictures are in the contract beside the model.
golden() {
  local beside=()
  [ ! -f "$WORK/assets/model.contract.json" ] || beside=("$WORK/assets/model.contract.json")
  java -cp "$WORK/apk.jar" "$TOOLS/OwnCode.java" "$WORK/assets/model.tflite" "${beside[@]}"
}

check 'the signature (apksigner, scheme v2)' signature
aapt2 dump badging "$APK" >"$WORK/badging" || die "this is no APK: $APK" "" 4
check "the package $(from_gradle namespace)" badging "^package: name='$(from_gradle namespace)'"
check "runs from API $(from_gradle minSdk)" badging "^sdkVersion:'$(from_gradle minSdk)'"
check "made for API $(from_gradle targetSdk)" badging "^targetSdkVersion:'$(from_gradle targetSdk)'"
check 'asks for the camera' badging "^uses-permission: name='android.permission.CAMERA'"
check 'asks for nothing else: no network' test "$(grep -c ^uses-permission: "$WORK/badging")" = 1
check 'has an icon and an activity to start' badging '^launchable-activity: name='
aapt2 dump xmltree "$APK" --file AndroidManifest.xml >"$WORK/manifest"
check 'libraries are mapped where they lie (extractNativeLibs is false)' manifest 'extractNativeLibs\(0x010104ea\)=false'
check 'is not debuggable' test "$(grep -c 'debuggable(.*=true' "$WORK/manifest")" = 0
check 'stored entries at multiples of 16384' python3 "$TOOLS/check_apk.py" "$APK"
grep -E '\.so|\.tflite' "$WORK/log" | sed 's/^/      /' >&2
unzip -q -o "$APK" classes.dex 'assets/*' -d "$WORK" 2>/dev/null || true
check 'the code can be disassembled (dexdump)' dexdump -d "$WORK/classes.dex"
dexdump "$WORK/classes.dex" >"$WORK/classes" 2>/dev/null || true
check 'every class that the manifest names is in the code' classes_of_manifest
check 'none of Java that Android 7 lacks' newer_java
# Debian's enjarify starts the first python3 of the path with Debian's modules.
check 'DEX back to class files (enjarify)' env PATH=/usr/bin:/bin enjarify -f "$WORK/classes.dex" -o "$WORK/apk.jar"
check 'none of Android that API 24 lacks, but what newer_names.txt says is asked for first' newer_android
check "every class of the APK links beside Android 7.0's own" link_classes
tail -n 1 "$WORK/log" | sed 's/^/      /' >&2
compile_core "$WORK/core"
compile_tests "$WORK/tests" "$WORK/core"
rm -rf "$WORK/core"
check "core's tests on the APK's own code" core_tests
grep -E '^OK|^Tests run' "$WORK/log" | sed 's/^/      /' >&2 || true
if [ -f "$WORK/assets/model.tflite" ]; then
  check "the model and its golden pictures through the APK's own code" golden
  sed 's/^/      /' "$WORK/log" >&2
else
  say "-     no model inside: nothing to read"
fi
[ "$failed" = 0 ] || die "the APK is not as it should be" "" 5
