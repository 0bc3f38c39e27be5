#!/usr/bin/env bash
# Builds the demo without Google's Maven: an APK without model and signature, and with a model one that can be installed.
# usage: build_apk.sh [-o BASE.apk] [-m MODEL.tflite [-a APP.apk]]
#   -o   the unsigned APK without model           [build/base.apk]
#   -m   a model to put in                        [app/src/main/assets/model.tflite where it is there]
#   -a   the APK with it, signed for debugging    [build/app.apk]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
OUT=$BUILD/base.apk APP=$BUILD/app.apk MODEL=''
ASSETS=$PROJECT/app/src/main/assets
ABIS='arm64-v8a armeabi-v7a x86_64'
while getopts o:m:a: option; do
  case $option in o) OUT=$OPTARG ;; m) MODEL=$OPTARG ;; a) APP=$OPTARG ;; *) die "wrong use" "build_apk.sh [-o BASE.apk] [-m MODEL [-a APP.apk]]" 2 ;; esac
done
if [ -z "$MODEL" ] && [ -f "$ASSETS/model.tflite" ]; then MODEL=$ASSETS/model.tflite; fi
[ -z "$MODEL" ] || [ -f "$MODEL" ] || die "the model does not exist: $MODEL" "" 4
for path in "$OUT" "$APP"; do
  [ -d "$(dirname "$path")" ] || mkdir -p "$(dirname "$path")"
done

JAVA_HOME=$(java_home)
find_sdk
need zip zip
need unzip unzip
need python3 python3
if [ -z "$SDK_JAR" ]; then
  need aapt2 aapt
  need zipalign zipalign
  need apksigner apksigner
fi
bash "$TOOLS/fetch.sh"
mkdir -p "$BUILD"
WORK=$(mktemp -d "$BUILD/.work.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

# The framework: what the code is compiled against, and what resources are linked against.
framework() {
  if [ -n "$SDK_JAR" ]; then
    FRAMEWORK=$SDK_JAR RESOURCES=$SDK_JAR
    return
  fi
  FRAMEWORK=$(dep android-all)
  RESOURCES=$DEPS/framework-$(sha256sum "$TOOLS/plain_resources.py" | cut -c1-12).apk
  [ -f "$RESOURCES" ] || { python3 "$TOOLS/plain_resources.py" "$FRAMEWORK" "$WORK/framework.apk" && mv "$WORK/framework.apk" "$RESOURCES"; }
}

runtime() {
  local name
  for name in tensorflow-lite tensorflow-lite-api tensorflow-lite-gpu; do
    unzip -q "$(dep $name)" -d "$WORK/$name"
    mkdir -p "$WORK/runtime"
    unzip -q -o "$WORK/$name/classes.jar" -x 'META-INF/*' -d "$WORK/runtime"
  done
  javac --release 8 -nowarn -Xlint:-options -cp "$WORK/runtime" -d "$WORK/runtime" "$TOOLS"/gpu/org/tensorflow/lite/gpu/*.java
  for name in $ABIS; do
    mkdir -p "$WORK/apk/lib/$name"
    cp "$WORK"/tensorflow-lite/jni/"$name"/*.so "$WORK"/tensorflow-lite-gpu/jni/"$name"/*.so "$WORK/apk/lib/$name/"
  done
}

# What the APK says about itself, for whoever puts a model in.
about() {
  local activity version
  activity=$(tr '\n' ' ' <"$PROJECT/app/src/main/AndroidManifest.xml" | grep -oE '<activity [^>]*android:name="[^"]+"' | head -n 1 | sed -E 's/.*android:name="([^"]+)"/\1/')
  version=$(awk -F: '$2 == "tensorflow-lite" { print $3 }' "$LOCK")
  printf '{"package": "%s", "activity": "%s", "version": "%s", "min_sdk": %s, "target_sdk": %s, "abis": ["%s"], "runtime": "TensorFlow Lite %s", "sources_sha256": "%s"}\n' \
    "$(from_gradle namespace)" "$activity" "$(from_gradle versionName)" "$(from_gradle minSdk)" "$(from_gradle targetSdk)" "${ABIS// /\", \"}" "$version" "$(sources_hash)"
}

# Resources and the manifest; Gradle takes package and versions from its own file, aapt2 wants them told.
resources() {
  sed "s,<manifest ,<manifest package=\"$(from_gradle namespace)\" ," "$PROJECT/app/src/main/AndroidManifest.xml" >"$WORK/AndroidManifest.xml"
  sed -Ei '0,/<application\b/s,,<application android:extractNativeLibs="false",' "$WORK/AndroidManifest.xml"
  "$(tool aapt2)" compile --dir "$PROJECT/app/src/main/res" -o "$WORK/res.zip" || die "the resources do not compile" "" 5
  mkdir "$WORK/assets"
  about >"$WORK/assets/edge_effnet_demo.json"
  if [ -d "$ASSETS" ]; then cp -r "$ASSETS/." "$WORK/assets" && rm -f "$WORK"/assets/model.* "$WORK"/assets/.[a-z]*; fi
  # Debian's aapt2 does not know <uses-native-library> yet; whatever else it wonders about is an error.
  "$(tool aapt2)" link --warn-manifest-validation -o "$WORK/linked.apk" -I "$RESOURCES" --manifest "$WORK/AndroidManifest.xml" --java "$WORK/gen" \
    --proguard "$WORK/manifest.pro" --min-sdk-version "$(from_gradle minSdk)" --target-sdk-version "$(from_gradle targetSdk)" \
    --version-code "$(from_gradle versionCode)" --version-name "$(from_gradle versionName)" -0 .tflite -A "$WORK/assets" "$WORK/res.zip" \
    2>"$WORK/link.log" || { cat "$WORK/link.log" >&2; die "the resources do not link" "" 5; }
  ! grep -v 'unexpected element <uses-native-library>' "$WORK/link.log" >&2 || die "the resources do not link without a warning" "" 5
}

code() {
  compile_core "$WORK/core"
  mapfile -t generated < <(find "$WORK/gen" -name '*.java')
  javac --release 8 -nowarn -Xlint:-options -d "$WORK/app" "${generated[@]}"
  kotlinc -module-name app -cp "$FRAMEWORK:$(dep kotlin-stdlib):$WORK/core:$WORK/app:$WORK/runtime" -d "$WORK/app" \
    "$PROJECT/app/src/main/kotlin" || die "the app does not compile" "" 5
}

# Shrinks, then translates to DEX: 1.7 MB of Kotlin's library become what the app uses.
dex() {
  local part
  for part in core app runtime; do echo "-injars $WORK/$part(!META-INF/**)"; done >"$WORK/shrink.pro"
  cat >>"$WORK/shrink.pro" <<RULES
-injars $(dep kotlin-stdlib)(!META-INF/**)
-outjars $WORK/shrunk.jar
-libraryjars $JAVA_HOME/jmods/java.base.jmod(!**.jar;!module-info.class)
-libraryjars $JAVA_HOME/jmods/java.logging.jmod(!**.jar;!module-info.class)
-libraryjars $FRAMEWORK(!java/**;!META-INF/**)
-libraryjars $(dep annotations)
-include $WORK/manifest.pro
-include $PROJECT/app/proguard-rules.pro
-include $TOOLS/proguard.pro
RULES
  proguard "$WORK/shrink.pro" "$WORK/shrink.log" || { cat "$WORK/shrink.log" >&2; die "ProGuard failed" "" 5; }
  mkdir -p "$WORK/apk"
  if [ -n "$SDK_TOOLS" ]; then
    "$SDK_TOOLS/d8" --release --min-api "$(from_gradle minSdk)" --lib "$FRAMEWORK" --output "$WORK/apk" "$WORK/shrunk.jar" || die "d8 failed" "" 5
  else
    java "${JAVA_OPTIONS[@]}" -cp "$(dep dalvik-dx)" com.android.dx.command.Main --dex --min-sdk-version="$(from_gradle minSdk)" \
      --output="$WORK/apk/classes.dex" "$WORK/shrunk.jar" || die "dx failed" "" 5
  fi
}

# pack OUT: every entry at the same time and in the same order, so that the same sources give the same bytes.
pack() {
  find "$WORK/apk" -exec touch -d '1980-01-01 00:00' {} +
  cp "$WORK/linked.apk" "$WORK/packed.apk"
  (cd "$WORK/apk" && zip -q -X -D "$WORK/packed.apk" classes.dex && find lib -name '*.so' | sort | zip -q -X -D -0 -@ "$WORK/packed.apk")
  "$(tool zipalign)" -f 16384 "$WORK/packed.apk" "$WORK/base.apk"
  mv "$WORK/base.apk" "$1"
  say "· $1: $(stat -c %s "$1") bytes, sha256 $(sha256sum "$1" | cut -d' ' -f1)"
}

# debug_key: made once, in the place where `edge-effnet demo android` looks too, so that either's APK installs over the other's.
debug_key() {
  local key=$CACHE/android/debug.p12
  if [ ! -f "$key" ]; then
    mkdir -p "$CACHE/android"
    keytool -genkeypair -storetype PKCS12 -keystore "$WORK/debug.p12" -storepass:env EDGE_EFFNET_DEBUG_PASSWORD -alias debug \
      -dname 'CN=Android Debug' -keyalg RSA -keysize 2048 -validity 10950 >/dev/null 2>&1 || die "keytool made no debug key" "" 3
    chmod 600 "$WORK/debug.p12"
    mv "$WORK/debug.p12" "$key"
  fi
  printf '%s' "$key"
}

# contract_beside MODEL: the contract beside it, when it is of this file or the model has none inside.
contract_beside() {
  local contract=${1%.tflite}.contract.json
  [ -f "$contract" ] || return 0
  if ! grep -q edge_effnet_contract "$1" || grep -q "$(sha256sum "$1" | cut -d' ' -f1)" "$contract"; then printf '%s' "$contract"; else
    say "! $contract is of another file and is left out"
  fi
}

# with_model MODEL OUT: the model stored as it is, signed with a key that is good for nothing but trying.
with_model() {
  local key contract
  export EDGE_EFFNET_DEBUG_PASSWORD=android
  key=$(debug_key)
  contract=$(contract_beside "$1")
  mkdir -p "$WORK/model/assets"
  cp "$1" "$WORK/model/assets/model.tflite"
  [ -z "$contract" ] || cp "$contract" "$WORK/model/assets/model.contract.json"
  find "$WORK/model" -exec touch -d '1980-01-01 00:00' {} +
  cp "$OUT" "$WORK/unaligned.apk"
  (cd "$WORK/model" && zip -q -X -D -0 "$WORK/unaligned.apk" assets/*)
  "$(tool zipalign)" -f 16384 "$WORK/unaligned.apk" "$WORK/unsigned.apk"
  "$(tool apksigner)" sign --v1-signing-enabled false --ks "$key" --ks-pass env:EDGE_EFFNET_DEBUG_PASSWORD --ks-key-alias debug \
    --out "$WORK/app.apk" "$WORK/unsigned.apk"
  mv "$WORK/app.apk" "$2"
  say "· $2: $(stat -c %s "$2") bytes, signed with a debug key: it can be installed and not published"
}

framework
runtime
resources
code
dex
pack "$OUT"
[ -z "$MODEL" ] || with_model "$MODEL" "$APP"
