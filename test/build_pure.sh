#!/usr/bin/env bash
#
# Compiles one C program together with the pure code, optimised and without
# sanitizers.
#
#   test/build_pure.sh SOURCE.c PROGRAM
set -euo pipefail

source=$(realpath "$1")
mkdir -p "$(dirname "$2")"
program=$(realpath "$2")
cd "$(dirname "$0")/.."
pg_config=${PG_CONFIG:-pg_config}
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" pyro_ext.control)

make -s PG_CONFIG="$pg_config" src/flame/flame_svg_assets.h
mapfile -t pure < <(
  grep -l '^.ifndef FRONTEND' src/*/*.c)
"${CC:-cc}" -std=gnu11 -O2 -g -DFRONTEND -D_GNU_SOURCE -DPYRO_VERSION="\"$version\"" -Isrc -Itest/unit \
  -I"$("$pg_config" --includedir-server)" "$source" "${pure[@]}" \
  -L"$("$pg_config" --pkglibdir)" -L"$("$pg_config" --libdir)" \
  -lpgcommon -lpgport -lzstd -ldeflate -lm -o "$program"
