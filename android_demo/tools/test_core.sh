#!/usr/bin/env bash
# Compiles core and its tests with the compiler of the build and runs them on this machine's Java.
# usage: test_core.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
java_home >/dev/null
bash "$TOOLS/fetch.sh"
mkdir -p "$BUILD"
WORK=$(mktemp -d "$BUILD/.work.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
compile_core "$WORK/core"
compile_tests "$WORK/tests" "$WORK/core"
run_tests "$WORK/tests" "$WORK/core"
