#!/usr/bin/env bash
#
# The module exports what the server calls and nothing else: the magic block,
# _PG_init, the main functions of background workers, and each SQL function
# with its pg_finfo_ twin.  Each C function
# that the install script names must be there, and each one there be named.
set -euo pipefail
cd "$(dirname "$0")/../.."

module=${1:-pyro_ext.so}
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" pyro_ext.control)
script=sql/pyro_ext--$version.sql
status=0

exported=$(nm -D --defined-only "$module" | awk '{print $3}' | sort)
functions=$(sed -n 's/^pg_finfo_//p' <<<"$exported")
# AS 'MODULE_PATHNAME' alone means a C function named as the SQL function
named=$(perl -0777 -ne '
  s/--[^\n]*//g;
  while (/\b(?:FUNCTION|PROCEDURE)\s+([\w.]+)\s*\((?:(?!;).)*?\x27MODULE_PATHNAME\x27(?:\s*,\s*\x27(\w+)\x27)?/gsi) {
    my ($sql, $c) = ($1, $2);
    $sql =~ s/.*\.//;
    print defined $c ? $c : $sql, "\n";
  }' "$script" | sort -u)

while read -r symbol; do
  case $symbol in
    '' | Pg_magic_func | _PG_init | pg_finfo_* | pyro_*_main) continue ;;
  esac
  if ! grep -qx "$symbol" <<<"$functions"; then
    echo "$module: exports $symbol"
    status=1
  fi
done <<<"$exported"

while read -r name; do
  echo "$script: $name is not in $module"
  status=1
done < <(comm -13 <(echo "$functions") <(echo "$named") | grep . || true)

while read -r name; do
  echo "$module: $name has no SQL function"
  status=1
done < <(comm -23 <(echo "$functions") <(echo "$named") | grep . || true)

exit "$status"
