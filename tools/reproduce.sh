#!/usr/bin/env bash
# Makes the release of the commit that is checked out twice, in two folders of different depth, and compares every byte.
# Usage: tools/reproduce.sh CARGO_CYCLONEDX "ARCH ..." [UNRELEASED]
set -euo pipefail
cyclonedx=$1 archs=$2 unreleased=${3:-}
cd "$(dirname "$0")/.."
if [ -n "$(git status --porcelain)" ]; then
    echo "what is not committed is in no second build: commit it first" >&2
    exit 1
fi
# Read once: whoever commits while the first is made has the second made of the same commit.
commit=$(git rev-parse HEAD)
work=$PWD/target/reproduce
first=$work/first second=$work/of/another/depth/second
rm -rf "$work"
for folder in "$first" "$second"; do
    git clone --quiet --no-hardlinks . "$folder"
    # Of a commit without a branch too.
    git -C "$folder" checkout --quiet --detach "$commit"
    # Variables of Cargo would have both write into one folder, or with other flags; those of make would name another dist.
    env -u CARGO_TARGET_DIR -u RUSTFLAGS -u MAKEFLAGS make --no-print-directory -C "$folder" release \
        CYCLONEDX="$cyclonedx" ARCHS="$archs" UNRELEASED="$unreleased"
done
tools/same.sh "$first/dist" "$second/dist"
