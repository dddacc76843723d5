#!/usr/bin/env bash
# Makes a release again, of its own commit and in a folder of another depth, and compares every byte.
# Usage: tools/reproduce.sh CARGO_CYCLONEDX DIST
set -euo pipefail
cyclonedx=$1
cd "$(dirname "$0")/.."
if ! { [ -f "$2/release.json" ] && dist=$(cd "$2" && pwd) && [ -f "$dist.tar.gz" ]; }; then
    echo "there is no release in $2, or no archive of it beside: make one first (make release)" >&2
    exit 1
fi
read -r commit archs < <(python3 -c 'import json, sys
release = json.load(open(sys.argv[1]))
print(release["commit"] or "-", *release["architectures"])' "$dist/release.json")
if [ "$commit" = - ]; then
    echo "the release in $2 is of changes that are not committed, and nobody can make it again: commit them, and make it anew" >&2
    exit 1
fi
own=upvest-webhooks-$(rustc -vV | sed -n 's/^host: //p').tar.gz
if [ "$(ls "$dist/cli")" != "$own" ]; then
    echo "the command lines in $2 are not this machine's alone, which makes no other: make a release here (make release), and compare" \
        "functions/ and cli/$own of both" >&2
    exit 1
fi
again=$PWD/target/reproduce/of/another/depth
rm -rf target/reproduce
git clone --quiet --no-hardlinks . "$again"
# Of a commit without a branch too.
git -C "$again" checkout --quiet --detach "$commit"
# Variables of Cargo would have it write into this folder, or with other flags. What make was given it gives on in the
# environment as well: DIST would name the release that is to be checked, which the new one would replace. Whether the
# changelog has the version was asked the first time.
env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u MAKEFLAGS -u MAKEOVERRIDES -u TAG -u NOTES \
    make --no-print-directory -C "$again" release CYCLONEDX="$cyclonedx" ARCHS="$archs" UNRELEASED=1 DIST=dist
tools/compare-releases.sh "$dist" "$again/dist"
