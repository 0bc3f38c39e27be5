# shellcheck shell=bash
# What the scripts beside this file share: where things lie, what is needed, how the compilers are called.
set -euo pipefail
export TZ=UTC LC_ALL=C.UTF-8
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(dirname "$TOOLS")
BUILD=$PROJECT/build
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/edge-effnet
DEPS=${EDGE_EFFNET_ANDROID_DEPS:-$CACHE/android-tools}
LOCK=$TOOLS/lock.txt

say() { printf '%s\n' "$*" >&2; }

# die WHAT FIX [EXIT CODE]: 3 something is missing, 2 wrong use, 4 bad input, 5 the build failed.
die() {
  say "error: $1"
  [ -z "${2:-}" ] || say "fix: $2"
  exit "${3:-3}"
}

# need PROGRAM DEBIAN-PACKAGE
need() { command -v "$1" >/dev/null || die "$1 is not installed" "apt-get install $2 (all at once: $TOOLS/debian-packages.txt)"; }

# dep ARTIFACT [VERSION]: the file that the lock names; the first where it has several versions.
dep() {
  local name file
  name=$(awk -v a="$1" -v v="${2:-}" '{ split($1, c, ":"); if (c[2] == a && index(c[3], v) == 1) { print c[2] "-" c[3] "." c[4]; exit } }' "$LOCK")
  file=$DEPS/$name
  [ -n "$name" ] && [ -f "$file" ] || die "$1 has not been fetched" "$TOOLS/fetch.sh"
  printf '%s' "$file"
}

# deps ARTIFACT..: a class path.
deps() {
  local out='' name
  for name in "$@"; do out+=${out:+:}$(dep "$name"); done
  printf '%s' "$out"
}

# from_gradle KEY: a value of app/build.gradle.kts, which is the one place that has it.
from_gradle() {
  local value
  value=$(sed -nE "s/^ *$1 = \"?([^\"]*)\"?$/\1/p" "$PROJECT/app/build.gradle.kts" | head -n 1)
  [ -n "$value" ] || die "app/build.gradle.kts does not set $1" "" 4
  printf '%s' "$value"
}

# sources_hash: a hash over everything that an APK without a model is built from; edge_effnet/demo/android/sources.py has the same rule.
sources_hash() {
  (cd "$PROJECT" && find core/src/main app/src/main app/build.gradle.kts app/proguard-rules.pro tools -type f \
    ! -path 'app/src/main/assets/*' ! -path '*/__pycache__/*' | sort | xargs -d '\n' sha256sum | sha256sum | cut -d' ' -f1)
}

java_home() {
  local version
  need java openjdk-17-jdk-headless
  need javac openjdk-17-jdk-headless
  version=$(javac -version 2>&1 | sed -E 's/[^0-9]*([0-9]+).*/\1/')
  [ "$version" -ge 17 ] || die "Java $version is too old: ProGuard and apksigner need 17" "apt-get install openjdk-17-jdk-headless"
  (cd "$(dirname "$(readlink -f "$(command -v javac)")")/.." && pwd)
}

# Short runs on two cores: the quick compiler of the JVM and a collector without threads of its own.
JAVA_OPTIONS=(-Xmx1500m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

# kotlinc OPTION..: Kotlin to Java 8 class files without invokedynamic, which dx cannot translate.
kotlinc() {
  local compiler
  compiler=$(deps kotlin-compiler-embeddable kotlin-stdlib kotlin-script-runtime kotlin-reflect kotlin-daemon-embeddable \
    kotlinx-coroutines-core-jvm annotations)
  java "${JAVA_OPTIONS[@]}" -cp "$compiler" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -no-stdlib -no-reflect -Xjdk-release=1.8 \
    -jvm-target 1.8 -Xlambdas=class -Xsam-conversions=class -Xstring-concat=inline "$@"
}

# proguard RULES LOG
proguard() {
  java "${JAVA_OPTIONS[@]}" -cp "$(deps proguard-base proguard-core kotlin-metadata-jvm kotlin-stdlib gson log4j-api log4j-core json)" \
    proguard.ProGuard @"$1" >"$2" 2>&1
}

# compile_core OUT: the part that knows no Android; a warning is an error, as in core/build.gradle.kts.
compile_core() {
  rm -rf "$1"
  kotlinc -Werror -module-name core -cp "$(dep kotlin-stdlib)" -d "$1" "$PROJECT/core/src/main/kotlin" \
    || die "core does not compile" "" 5
}

# compile_tests OUT CORE
compile_tests() {
  rm -rf "$1"
  kotlinc -Werror -module-name core_test -Xfriend-paths="$2" -cp "$(deps kotlin-stdlib junit hamcrest-core):$2" -d "$1" \
    "$PROJECT/core/src/test/kotlin" || die "the tests of core do not compile" "" 5
}

# run_tests TESTS CORE..: JUnit on this machine's Java.
run_tests() {
  local tests=$1 names
  shift
  names=$(cd "$tests" && find . -name '*Test.class' | sed 's,^\./,,; s,/,.,g; s,\.class$,,' | sort)
  [ -n "$names" ] || die "core has no tests" "" 4
  # shellcheck disable=SC2086
  (cd "$PROJECT/core" && java "${JAVA_OPTIONS[@]}" -cp "$(deps kotlin-stdlib junit hamcrest-core):$(IFS=:; echo "$*"):$tests:$PROJECT/core/src/test/resources" \
    org.junit.runner.JUnitCore $names)
}

# tool NAME: the SDK's where one is used, else the system's.
tool() { if [ -n "${SDK_TOOLS:-}" ]; then printf '%s' "$SDK_TOOLS/$1"; else printf '%s' "$1"; fi; }

# find_sdk: sets SDK_JAR and SDK_TOOLS where an Android SDK has all that is needed; says why not otherwise.
find_sdk() {
  local sdk=${ANDROID_HOME:-${ANDROID_SDK_ROOT:-}} level name
  SDK_JAR='' SDK_TOOLS=''
  [ -n "$sdk" ] || return 0
  level=$(from_gradle compileSdk)
  SDK_JAR=$sdk/platforms/android-$level/android.jar
  SDK_TOOLS=$(find "$sdk/build-tools" -mindepth 1 -maxdepth 1 2>/dev/null | sort -V | tail -n 1)
  for name in aapt2 d8 zipalign apksigner; do
    if [ ! -f "$SDK_JAR" ] || [ ! -x "$SDK_TOOLS/$name" ]; then
      say "! the Android SDK at $sdk lacks platforms/android-$level or build-tools/*/$name: using Maven's and Debian's parts"
      SDK_JAR='' SDK_TOOLS=''
      return 0
    fi
  done
  say "· Android SDK: $sdk, $(basename "$SDK_TOOLS")"
}
