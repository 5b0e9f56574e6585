#!/usr/bin/env bash
#
# Reports files too long to hold one purpose, version conditionals outside
# src/compat.h, and marks of unfinished work.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
longest=900

while read -r file; do
  lines=$(wc -l <"$file")
  if [ "$lines" -gt "$longest" ]; then
    echo "$file: $lines lines, more than $longest: does it hold two purposes?"
    status=1
  fi
done < <(find src test -name '*.[ch]' ! -name '*_assets.h' ! -path 'test/data/*' | sort)

while IFS= read -r found; do
  echo "$found: belongs into src/compat.h"
  status=1
done < <(grep -rnoE --include='*.[ch]' 'PG_VERSION_NUM' src test 2>/dev/null | grep -v '^src/compat\.h:' || true)

while IFS= read -r found; do
  echo "$found"
  status=1
done < <(grep -rnE --include='*.[ch]' --include='*.sql' --include='*.pl' '\b(TODO|FIXME|XXX)\b' src sql test 2>/dev/null || true)

exit "$status"
