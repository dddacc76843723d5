#!/usr/bin/env bash
# Notes in a folder of what is going to be built there: the version, and the commit, or null where changes are not committed, or a file
# is not that Cargo or the template takes for a part: a program in functions/*/src/bin, for instance.
# Usage: tools/note-build.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
commit=null
if head=$(git rev-parse HEAD 2> /dev/null) && changes=$(git status --porcelain --untracked-files=no) && [ -z "$changes" ] &&
    added=$(git status --porcelain --untracked-files=all -- .cargo crates functions infra tools) && [ -z "$added" ]; then
    commit="\"$head\""
fi
printf '{"version":"%s","commit":%s}\n' "$version" "$commit" > "$folder/built.json"
