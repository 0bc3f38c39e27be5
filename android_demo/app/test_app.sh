#!/usr/bin/env bash
# Runs the screens on this machine's Java: Android's own code (Robolectric) and our app, with a runtime that only pretends.
# usage: test_app.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"
java_home >/dev/null
need mvn maven
need aapt2 aapt
need unzip unzip
bash "$TOOLS/fetch.sh"
APP=$PROJECT/app
PARTS=$DEPS/app-tests-$(sha256sum "$APP/test-parts.xml" | cut -c1-12)
RESOURCES=$DEPS/framework-$(sha256sum "$TOOLS/plain_resources.py" | cut -c1-12).apk
mkdir -p "$BUILD"
WORK=$(mktemp -d "$BUILD/.work.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

parts() {
  local name
  mvn -B -q -f "$APP/test-parts.xml" dependency:copy-dependencies -DoutputDirectory="$WORK/parts" >&2 \
    || die "Maven could not bring what the tests of the app take" "is there a network? the message above is Maven's"
  for name in "$WORK"/parts/*.aar; do unzip -q "$name" classes.jar -d "$WORK/aar" && mv "$WORK/aar/classes.jar" "${name%.aar}.jar" && rm "$name"; done
  mkdir "$WORK/parts/android"
  mv "$WORK"/parts/android-all-*.jar "$WORK/parts/android/"
  cp "$(dep android-all 7)" "$WORK/parts/android/"
  mv "$WORK/parts" "$PARTS"
}

resources() {
  [ -f "$RESOURCES" ] || { python3 "$TOOLS/plain_resources.py" "$(dep android-all)" "$WORK/framework.apk" && mv "$WORK/framework.apk" "$RESOURCES"; }
  sed "s,<manifest ,<manifest package=\"$(from_gradle namespace)\" ," "$APP/src/main/AndroidManifest.xml" >"$WORK/AndroidManifest.xml"
  aapt2 compile --dir "$APP/src/main/res" -o "$WORK/res.zip"
  aapt2 link --warn-manifest-validation -o "$WORK/resources.apk" -I "$RESOURCES" --manifest "$WORK/AndroidManifest.xml" --java "$WORK/gen" \
    --min-sdk-version "$(from_gradle minSdk)" --target-sdk-version "$(from_gradle targetSdk)" \
    --version-code "$(from_gradle versionCode)" --version-name "$(from_gradle versionName)" "$WORK/res.zip" \
    2>"$WORK/link.log" || { cat "$WORK/link.log" >&2; die "the resources do not link" "" 5; }
  mkdir -p "$WORK/config/com/android/tools"
  cat >"$WORK/config/com/android/tools/test_config.properties" <<CONFIG
android_merged_manifest=$WORK/AndroidManifest.xml
android_resource_apk=$WORK/resources.apk
android_custom_package=$(from_gradle namespace)
CONFIG
}

code() {
  local name libraries
  for name in tensorflow-lite tensorflow-lite-api; do unzip -q "$(dep $name)" classes.jar -d "$WORK/$name"; done
  libraries=$(dep kotlin-stdlib):$WORK/core:$WORK/app:$WORK/tensorflow-lite/classes.jar:$WORK/tensorflow-lite-api/classes.jar
  compile_core "$WORK/core"
  mapfile -t generated < <(find "$WORK/gen" -name '*.java')
  javac --release 8 -nowarn -Xlint:-options -d "$WORK/app" "${generated[@]}"
  kotlinc -Werror -module-name app -cp "$(dep android-all):$libraries" -d "$WORK/app" "$APP/src/main/kotlin" || die "the app does not compile" "" 5
  ANDROID=$(find "$PARTS/android" -name 'android-all-1*.jar')
  TEST_PATH=$(printf '%s:' "$PARTS"/*.jar)$(deps junit hamcrest-core):$libraries:$ANDROID
  kotlinc -Werror -module-name app_test -Xfriend-paths="$WORK/app" -cp "$TEST_PATH" -d "$WORK/tests" "$APP/src/test/kotlin" \
    || die "the tests of the app do not compile" "" 5
}

# Robolectric moves into parts of Java that are closed to others.
run() {
  local opened=() names name
  for name in lang util io net nio; do opened+=(--add-opens "java.base/java.$name=ALL-UNNAMED"); done
  names=$(cd "$WORK/tests" && find . -name '*Test.class' | sed 's,^\./,,; s,/,.,g; s,\.class$,,' | sort)
  # shellcheck disable=SC2086
  (cd "$APP" && timeout 600 java -Xmx3g "${opened[@]}" -Drobolectric.offline=true -Drobolectric.dependency.dir="$PARTS/android" \
    -Drobolectric.usePreinstrumentedJars=false -Djava.io.tmpdir="$WORK" -cp "$WORK/tests:$WORK/config:$TEST_PATH" org.junit.runner.JUnitCore $names)
}

[ -d "$PARTS" ] || parts
resources
code
run
