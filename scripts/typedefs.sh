#!/usr/bin/env bash
#
# Prints the list that pg_bsd_indent needs to tell a type from a variable:
# every typedef of our sources and of PostgreSQL's headers whose name our
# sources use.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

headers=$(${PG_CONFIG:-pg_config} --includedir-server)
mapfile -t sources < <(find src test -name '*.[ch]' ! -name '*_assets.h' ! -path 'test/data/*' | sort)

known=$(mktemp)
trap 'rm -f "$known"' EXIT

typedefs() {
  perl -0777 -ne '
    s{/\*.*?\*/}{ }gs;
    s{//[^\n]*}{}g;
    s{^\s*#(?:\\\n|[^\n])*}{}gm;
    # bodies of structs, unions and enums go, innermost first
    1 while s/\{[^{}]*\}/ /gs;
    while (/\btypedef\b([^;]*);/gs) {
      my $type = $1;
      $type =~ s/\b(?:pg_attribute_\w+|__attribute__)\s*\(+[^()]*\)+//g;
      # a pointer to a function has its name in parentheses, all others last
      if ($type =~ /\(\s*\*\s*(\w+)\s*\)\s*\(/) { print "$1\n" }
      elsif ($type =~ /\b(\w+)\s*\(/) { print "$1\n" }
      elsif ($type =~ /(\w+)\s*(?:\[[^\]]*\]\s*)*$/) { print "$1\n" }
    }
    ' "$@"
}

{
  find "$headers" -name '*.h' -print0 | xargs -0 cat | typedefs
  typedefs "${sources[@]}"
  # from the C library, zstd, libdeflate and protobuf-c
  printf '%s\n' FILE bool int16_t int32_t int64_t int8_t intptr_t off_t \
    ptrdiff_t size_t ssize_t time_t uint16_t uint32_t uint64_t uint8_t \
    uintptr_t va_list ZSTD_CCtx ZSTD_DCtx ZSTD_CStream ZSTD_DStream \
    ZSTD_inBuffer ZSTD_outBuffer ProtobufCAllocator
} | sort -u >"$known"

# words of code, not of comments; words that are variables here stay out
cat "${sources[@]}" |
  perl -0777 -pe 's{/\*.*?\*/|"(?:[^"\\]|\\.)*"|\x27(?:[^\x27\\]|\\.)*\x27}{ }gs' |
  grep -oE '[A-Za-z_][A-Za-z0-9_]*' | sort -u |
  grep -vxE 'digit|interval|iterator|other|pointer|reference|string|symbol|timestamp|type' |
  comm -12 - "$known"
