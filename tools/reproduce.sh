#!/usr/bin/env bash
# Makes a release again, of its own commit and in a folder of another depth, and compares every byte.
# Usage: tools/reproduce.sh CARGO_CYCLONEDX DIST
set -euo pipefail
cyclonedx=$1
cd "$(dirname "$0")/.."
dist=$(realpath "$2")
if ! [ -f "$dist/release.json" ]; then
    echo "there is no release in $2: make one first (make release)" >&2
    exit 1
fi
read -r commit archs < <(python3 -c 'import json, sys
release = json.load(open(sys.argv[1]))
print(release["commit"] or "-", *release["architectures"])' "$dist/release.json")
if [ "$commit" = - ]; then
    echo "the release in $2 is of changes that are not committed, and nobody can make it again: commit them, and make it anew" >&2
    exit 1
fi
again=$PWD/target/reproduce/of/another/depth
rm -rf target/reproduce
git clone --quiet --no-hardlinks . "$again"
# Of a commit without a branch too.
git -C "$again" checkout --quiet --detach "$commit"
# Variables of Cargo would have it write into this folder, or with other flags; those of make would name another dist. Whether
# the changelog has the version was asked the first time.
env -u CARGO_TARGET_DIR -u RUSTFLAGS -u MAKEFLAGS make --no-print-directory -C "$again" release \
    CYCLONEDX="$cyclonedx" ARCHS="$archs" UNRELEASED=1
tools/same.sh "$dist" "$again/dist"
