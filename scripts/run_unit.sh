#!/usr/bin/env bash
#
# Runs unit test programs one after the other.  Each prints TAP lines; a
# program that dies without a "not ok" line gets one here.
#
#   scripts/run_unit.sh PROGRAM...
set -uo pipefail

status=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

for program in "$@"; do
  echo "# $(basename "$program")"
  if [ ! -x "$program" ]; then
    echo "not ok - $(basename "$program") was not built"
    status=1
    continue
  fi
  "$program" </dev/null 2>&1 | tee "$output"
  result=${PIPESTATUS[0]}
  if grep -q '^not ok' "$output"; then
    status=1
  elif [ "$result" -ne 0 ]; then
    echo "not ok - $(basename "$program") ended with status $result"
    status=1
  elif ! grep -q '^ok' "$output"; then
    echo "not ok - $(basename "$program") reported no test"
    status=1
  fi
done
exit "$status"
