#!/usr/bin/env bash
# Brings everything that the build takes from Maven Central into the user's cache, each file with the hash that lock.txt has.
# usage: fetch.sh [-o]     -o: offline, from Maven's own cache (~/.m2) alone
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
offline=()
case "${1:-}" in '') ;; -o) offline=(-o) ;; *) die "usage: fetch.sh [-o]" "" 2 ;; esac

# check: prints the coordinates of what is missing or not what it should be.
check() {
  local coordinate sum size group name version kind
  while read -r coordinate sum size; do
    IFS=: read -r group name version kind <<<"$coordinate"
    echo "$sum  $DEPS/$name-$version.$kind" | sha256sum --check --status 2>/dev/null || echo "$coordinate $size"
  done < <(grep -v '^#' "$LOCK")
}

pom() {
  local coordinate group name version kind
  cat <<HEAD
<project><modelVersion>4.0.0</modelVersion><groupId>edgeeffnet</groupId><artifactId>fetch</artifactId><version>1</version>
<packaging>pom</packaging><build><plugins><plugin><groupId>org.apache.maven.plugins</groupId>
<artifactId>maven-dependency-plugin</artifactId><version>2.8</version><configuration><outputDirectory>$1</outputDirectory>
<artifactItems>
HEAD
  while read -r coordinate _; do
    IFS=: read -r group name version kind <<<"$coordinate"
    echo "<artifactItem><groupId>$group</groupId><artifactId>$name</artifactId><version>$version</version><type>$kind</type></artifactItem>"
  done
  echo '</artifactItems></configuration></plugin></plugins></build></project>'
}

mkdir -p "$DEPS"
missing=$(check)
if [ -n "$missing" ]; then
  need mvn maven
  say "· $(wc -l <<<"$missing") files, $(awk '{ sum += $2 } END { printf "%.0f", sum / 1e6 }' <<<"$missing") MB, to $DEPS"
  work=$(mktemp -d "$DEPS/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  pom "$work/out" <<<"$missing" >"$work/pom.xml"
  mvn "${offline[@]}" -B -q -f "$work/pom.xml" dependency:copy >&2 \
    || die "Maven could not bring all of them" "is there a network? the message above is Maven's"
  mv "$work"/out/* "$DEPS"/
  missing=$(check)
  [ -z "$missing" ] || die "not the file that lock.txt names: $missing" "delete it from $DEPS and from Maven's cache, then fetch again"
fi
say "· all parts of $LOCK are in $DEPS"
