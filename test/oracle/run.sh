#!/usr/bin/env bash
#
# Compares every pprof file of test/data and of the corpora with what we make
# of it, as google/pprof reads both.  Needs Go; its module is fetched once.
#
#   test/oracle/run.sh [raw]
#
# raw compares the text of "go tool pprof -raw" as well.  Files that we refuse
# are listed with our reason and google/pprof's.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$PWD/build/oracle
corpora=${PYRO_CORPORA:-../shared/corpora}
mkdir -p "$build"
rm -rf "$build/reencoded"
mkdir "$build/reencoded"

test/build_pure.sh test/unit/pprof_reencode.c "$build/pprof_reencode"
(cd test/oracle && go build -o "$build/oracle" .)

# the files, by the lists that come with them
files=()
while IFS= read -r file; do
  [ ! -f "$file" ] || files+=("$file")
done < <(
  awk -F'\t' '$2 ~ /^pprof/ { print "test/data/" $1 }' test/data/COUNTS.tsv
  [ ! -f "$corpora/MANIFEST.tsv" ] ||
    awk -F'\t' -v folder="$corpora" '$7 ~ /^pprof/ { print folder "/" $1 }' \
      "$corpora/MANIFEST.tsv"
)

arguments=()
: >"$build/pairs"
for i in "${!files[@]}"; do
  arguments+=("${files[$i]}" "$build/reencoded/$i.pb.gz")
done
"$build/pprof_reencode" "${arguments[@]}" >"$build/refused" || true
for i in "${!files[@]}"; do
  [ ! -f "$build/reencoded/$i.pb.gz" ] ||
    printf '%s\t%s\n' "${files[$i]}" "$build/reencoded/$i.pb.gz" >>"$build/pairs"
done

# what we refuse, beside google/pprof's opinion
while IFS=$'\t' read -r file reason; do
  echo "$file"
  echo "  ours:         $reason"
  echo "  google/pprof: $("$build/oracle" stats "$file" | sed -n '2s/^[^\t]*\t//p')"
done <"$build/refused"
echo "$(wc -l <"$build/refused") of ${#files[@]} files refused"

status=0
"$build/oracle" compare -list "$build/pairs" || status=1
if [ "${1:-}" = raw ]; then
  "$build/oracle" raw -list "$build/pairs" || status=1
fi
exit "$status"
