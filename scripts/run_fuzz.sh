#!/usr/bin/env bash
#
# Runs fuzz targets over their corpora, as many at a time as there are
# processors, and prints one TAP line for each.
#
#   scripts/run_fuzz.sh RUNS PROGRAM...
#
# The corpus of fuzz_x is test/fuzz/corpus/fuzz_x or test/fuzz/corpus/x; it is
# read only.  New inputs and crashes go to a folder beside the program.
# FUZZ_SECONDS bounds the time of each target; unset, only RUNS does.
set -euo pipefail

fuzz_one() {
  local runs=$1 program=$2 name log found started corpus
  local -a folders options
  name=$(basename "$program")
  log=$program.log
  found=$program.found
  if [ ! -x "$program" ]; then
    echo "not ok - $name was not built"
    return 1
  fi
  mkdir -p "$found"
  folders=("$found")
  for corpus in "test/fuzz/corpus/$name" "test/fuzz/corpus/${name#fuzz_}"; do
    [ ! -d "$corpus" ] || folders+=("$corpus")
  done
  options=(-runs="$runs" -seed=1 -timeout=20 -rss_limit_mb=3000
    -artifact_prefix="$program.crash-" -print_final_stats=1)
  [ -z "${FUZZ_SECONDS:-}" ] || options+=(-max_total_time="$FUZZ_SECONDS")
  [ ! -f "test/fuzz/$name.dict" ] || options+=(-dict="test/fuzz/$name.dict")

  started=$SECONDS
  if "$program" "${options[@]}" "${folders[@]}" >"$log" 2>&1 </dev/null; then
    echo "ok - $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs" \
      "in $((SECONDS - started)) s"
  else
    echo "not ok - $name"
    {
      grep -E 'runtime error|ERROR: |SUMMARY|[Aa]ssert|DEDUP' "$log" || true
      grep -A 12 -E '^ *#0 ' "$log" | head -n 14 || true
      tail -n 4 "$log"
    } | cut -c 1-200 | sed 's/^/# /'
    return 1
  fi
}

if [ "$1" = --one ]; then
  fuzz_one "$2" "$3"
else
  runs=$1
  shift
  [ $# -gt 0 ] || exit 0
  printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" "$0" --one "$runs"
fi
