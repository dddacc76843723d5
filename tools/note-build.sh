#!/usr/bin/env bash
# Notes in a folder of what is going to be built there: the version, and the commit, or null where changes are not committed.
# Usage: tools/note-build.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
commit=null
if head=$(git rev-parse HEAD 2> /dev/null) && changes=$(git status --porcelain --untracked-files=no) && [ -z "$changes" ]; then
    commit="\"$head\""
fi
printf '{"version":"%s","commit":%s}\n' "$version" "$commit" > "$folder/built.json"
