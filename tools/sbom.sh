#!/usr/bin/env bash
# Writes a CycloneDX bill of materials for each function: what is compiled into its binary, for one instruction set.
# Usage: tools/sbom.sh CARGO_CYCLONEDX arm64|x86_64 FOLDER
set -euo pipefail
tool=$(realpath "$1") folder=$3
case $2 in
    arm64) target=aarch64-unknown-linux-gnu ;;
    x86_64) target=x86_64-unknown-linux-gnu ;;
    *) echo "no instruction set of Lambda: $2" >&2 && exit 1 ;;
esac
cd "$(dirname "$0")/.."
# The time of the commit, so that one commit has one bill.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
# cargo-cyclonedx knows no --locked: a lock file that does not fit is refused here.
cargo metadata --locked --format-version 1 > /dev/null
trap 'git ls-files -z --others --exclude-standard -- "*.cdx.json" | xargs -0 -r rm' EXIT
# It writes one beside the manifest of each package of the workspace, those of tests and tools too.
"$tool" cyclonedx --quiet --manifest-path functions/ingest/Cargo.toml --target "$target" \
    --describe binaries --no-build-deps --format json --spec-version 1.5
rm -rf "$folder" && mkdir -p "$folder"
for bill in functions/*/*_bin.cdx.json; do
    name=$(basename "$bill" _bin.cdx.json)
    # Without the folder of this checkout, so that it is the same wherever it is made.
    sed "s|path+file://$PWD/|path+file:///|g" "$bill" > "$folder/$name.cdx.json"
    echo "$folder/$name.cdx.json: $(grep -c '"purl": "pkg:cargo' "$folder/$name.cdx.json") components"
done
