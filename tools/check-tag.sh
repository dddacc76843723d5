#!/usr/bin/env bash
# Refuses a tag that is not that of the version in Cargo.toml, or of a release of one's own of it, or that the changelog lacks.
# Usage: tools/check-tag.sh TAG
set -euo pipefail
tag=$1
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
if ! [[ $tag == "v$version" || $tag =~ ^v"$version"-[A-Za-z0-9.-]+$ ]]; then
    echo "the tag $tag is not that of version $version in Cargo.toml: v$version, or v$version-... for a release of one's own" >&2
    exit 1
fi
if ! grep -Eq "^## \[?${version//./\\.}(\]|\s|$)" CHANGELOG.md; then
    echo "CHANGELOG.md has no section $version" >&2
    exit 1
fi
