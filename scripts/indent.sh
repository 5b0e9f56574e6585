#!/usr/bin/env bash
#
# Formats our C as PostgreSQL's own, by pg_bsd_indent (Debian package
# pg-bsd-indent).
#
#   scripts/indent.sh [FILE...]          rewrites the files that need it
#   scripts/indent.sh --check [FILE...]  prints a diff and fails instead
set -euo pipefail
cd "$(dirname "$0")/.."

check=no
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi

flags=(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79
  -lp -lpl -nip -npro -sac -tpg -ts4)

if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(find src test -name '*.[ch]' ! -name '*_assets.h' ! -path 'test/data/*' | sort)
fi

status=0
formatted=$(mktemp)
marks=$(mktemp)
typedefs=$(mktemp)
trap 'rm -f "$formatted" "$marks" "$typedefs" "$typedefs.plain"' EXIT
scripts/typedefs.sh >"$typedefs"
grep -vx text "$typedefs" >"$typedefs.plain"

for file in "${files[@]}"; do
  # "text" is a type of PostgreSQL, and a plain word where that is not used
  types=$typedefs
  if ! grep -q '\btext \*' "$file"; then
    types=$typedefs.plain
  fi
  if ! scripts/indent_literals.pl hide "$marks" <"$file" |
    pg_bsd_indent "${flags[@]}" "-U$types" |
    scripts/indent_literals.pl show "$marks" >"$formatted"; then
    grep -n '/\*\*INDENT\*\*' "$formatted" | sed "s|^|$file, as formatted, line |" || true
    echo "$file: pg_bsd_indent does not understand it"
    status=1
    continue
  fi
  if cmp -s "$file" "$formatted"; then
    continue
  elif [ "$check" = yes ]; then
    diff -u --label "$file" --label "$file, indented" "$file" "$formatted" || true
    status=1
  else
    cat "$formatted" >"$file"
    echo "$file"
  fi
done
exit "$status"
