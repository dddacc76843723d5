#!/usr/bin/env bash
# Compares two releases, folder and archive, byte by byte; names every file that differs, or is in one of them alone.
# Usage: tools/compare-releases.sh FOLDER FOLDER
set -euo pipefail
first=$1 second=$2
differing=0
while read -r file; do
    if ! cmp --silent "$first/$file" "$second/$file"; then
        echo "differs: $file" >&2
        differing=1
    fi
done < <({ (cd "$first" && find . -type f); (cd "$second" && find . -type f); } | sort -u)
cmp "$first.tar.gz" "$second.tar.gz" || differing=1
if [ "$differing" = 0 ]; then
    echo "the same bytes twice: sha256 $( (sha256sum 2> /dev/null || shasum -a 256) < "$first.tar.gz" | cut -c 1-64)"
fi
exit "$differing"
