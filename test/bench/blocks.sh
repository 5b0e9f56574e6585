# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016,SC2034   # variables and functions are those of
# scripts/bench, dollars are awk's columns and SQL's quotes
#
# Blocks of profiles: bytes by part, and speed.  To be sourced by scripts/bench
# behind storage.sh, whose tables and functions it uses.

# measure_blocks NAME LIST PORTION: some rounds of bench_blocks
measure_blocks() {
  local round
  : >"$work/lists/blocks.$1"
  for ((round = 0; round < 3; round++)); do
    "$programs/bench_blocks" "$2" "$3" >>"$work/lists/blocks.$1"
  done
}

# block_figure NAME FIGURE: the median of the rounds
block_figure() {
  awk -F '\t' -v wanted="$2" '$1 == wanted { print $2 }' "$work/lists/blocks.$1" | median
}

# best NAME FIGURE: the least of the rounds, of what other work can only slow down
best() {
  awk -F '\t' -v wanted="$2" '$1 == wanted { print $2 }' "$work/lists/blocks.$1" | sort -g | head -n 1
}

# Bytes of a part; they are the same in all rounds.
part_bytes() {
  awk -F '\t' -v wanted="$2" '$1 == wanted { print $4; exit }' "$work/lists/blocks.$1"
}

# "part a, part b, ...": bytes a sample
part_list() {
  awk -F '\t' '!seen[$1]++ && $3 == "bytes a sample" && $1 != "gzip" && $1 != "block" {
    printf "%s%s %s", n++ ? ", " : "", $1, $2 }' "$work/lists/blocks.$1"
}

parts=(heads names trie details keys values tree)

heading '10. Blocks of profiles'
# Goals are for series of 2,400 profiles and a real base with many stacks.
# goal PROFILES GOAL
goal() {
  [ "$1" -lt 2400 ] || printf '%s' "$2"
}

# print_blocks NAME TITLE GOAL: sizes of a series
print_blocks() {
  local name=$1
  figure "$2: gzip / live bytes" "$3" %.1f "$(block_figure "$name" 'times smaller')"
  note "$(block_figure "$name" profiles) profiles, $(block_figure "$name" samples) samples, $(block_figure "$name" 'different keys') keys: $(block_figure "$name" block) bytes a sample, gzip $(block_figure "$name" gzip)"
  note "bytes a sample: $(part_list "$name")"
  note "$(block_figure "$name" 'profiles that came back as they were') profiles rebuilt, all as they were"
}

printf '%s\n' "${series_files[@]}" >"$work/lists/all"
portion=$(((series_count + 11) / 12))
measure_blocks cpu "$work/lists/all" "$portion"
print_blocks cpu 'CPU, 12 portions merged' "$(goal "$series_count" '>= 35')"
note "portions before merging: $(block_figure cpu 'portions, times smaller') times smaller than gzip"
figure 'CPU: compaction, million samples/s' "$(goal "$series_count" '>= 1.5')" %.2f "$(block_figure cpu 'portions, making')"
figure 'CPU: compaction and merging, million samples/s' "$(goal "$series_count" '>= 1')" %.2f "$(block_figure cpu 'all making')"
note "ns a sample: open stored profiles $(block_figure cpu 'opening stored profiles') (not counted above), add $(block_figure cpu adding), finish $(block_figure cpu finishing), merge $(block_figure cpu merging), zstd $(block_figure cpu compressing); peak memory $(block_figure cpu 'peak memory') MB"
figure 'decode and sum up, ns a sample (floor 0.9)' "$(goal "$series_count" '<= 2')" %.2f "$(best cpu 'decoding and summing up')"
figure 'open the name tree, ns a node' "$(goal "$series_count" '<= 7')" %.2f "$(best cpu 'opening the name tree')"
figure 'open the exact trie, ns a node' "$(goal "$series_count" '<= 7')" %.2f "$(best cpu 'opening the trie')"
note "$(block_figure cpu 'nodes of the name tree') and $(block_figure cpu 'nodes of the trie') nodes; finding stacks in the name tree $(best cpu 'finding stacks in it') ns a node of the trie"
note "ns a location: names $(best cpu 'opening names'), details $(best cpu 'opening details'); a block with all $(best cpu 'opening all') ms, $(block_figure cpu 'open block') MB"
figure 'rebuild a profile, us' '' %.0f "$(best cpu rebuilding)"

#
# The same in the server
#

# table_figures TITLE LIST LIVE_GOAL FILE_GOAL: what is in table numbered, as a
# table that is loaded in 12 portions
table_figures() {
  local size live bytes
  bytes=$(xargs -a "$2" -d '\n' cat | wc -c)
  read -r _ _ size live < <(life life 'at bigint, profile profile' 'SELECT at, profile FROM numbered WHERE true' '')
  figure "$1, table of 12 portions: gzip / live bytes" "$3" %.1f "$(calculate "$bytes / $live")"
  figure "$1, table of 12 portions: gzip / file" "$4" %.1f "$(calculate "$bytes / $size")"
  note "bytes by part: $(sql -c "
    SELECT string_agg(format('%s %s', part, bytes), ', ' ORDER BY bytes DESC)
    FROM (SELECT concat_ws(' ', \"column\", part) AS part, sum(stored_bytes) AS bytes
          FROM pyro.block_parts WHERE relation = 'life'::regclass GROUP BY 1) AS parts")"
}

table_figures CPU "$work/lists/all" "$(goal "$series_count" '>= 35')" "$(goal "$series_count" '>= 25')"
sql -c 'DROP TABLE IF EXISTS fresh' -c 'CREATE TABLE fresh (at bigint, profile profile) USING pyro' \
  -c 'INSERT INTO fresh SELECT at, profile FROM numbered'
sql -c 'SELECT cpu_ms()' -c "CALL pyro.compact('fresh')" -c 'SELECT cpu_ms(), peak_memory()' |
  tr '\n' ' ' >"$work/lists/compact"
figure 'CALL pyro.compact of it all, million samples/s' '' %.2f \
  "$(awk -v n="$(block_figure cpu samples)" '{ print n / ($2 - $1) / 1e3 }' "$work/lists/compact")"
note "all that there is to do: reading, deleting and TOAST included; peak memory of the backend $(awk '{ printf "%.0f", $3 }' "$work/lists/compact") MB"
for ((round = 0; round < rounds; round++)); do
  sql -c "SELECT cost('SELECT count(*) FROM fresh WHERE profile IS NOT NULL'),
                 cost('SELECT flamegraph_total(flamegraph(profile)) FROM fresh'),
                 cost('SELECT flamegraph_total(flamegraph(profile)) FROM series')"
done >"$work/lists/rows"
figure 'flamegraph over the rows of blocks, ms a profile' '' %.3f "$(of_rounds "$work/lists/rows" '$2 / n')"
note "over the heap table $(of_rounds "$work/lists/rows" '$3 / n'); rows without looking at their profiles $(of_rounds "$work/lists/rows" '$1 / n')"
sql -c 'DROP TABLE life, fresh, numbered'

#
# Other series: Go heaps, a deploy, a span on each sample, what was recorded
#

# other_series NAME TITLE BASE KIND PROFILES HITS GOAL [FILE_GOAL]: the last one, as
# a table too
other_series() {
  local folder=$work/series.$1
  mkdir "$folder"
  "$programs/make_series" -n "$5" -h "$6" -k "$4" "$3" "$folder"
  find "$folder" -name '*.pb.gz' | sort >"$work/lists/$1"
  measure_blocks "$1" "$work/lists/$1" "$((($5 + 11) / 12))"
  print_blocks "$1" "$2" "$7"
  if [ $# -gt 7 ]; then
    write_copy_file <"$work/lists/$1" >"$work/$1.copy"
    sql -c 'CREATE TABLE loaded (profile profile)' -c "COPY loaded FROM '$work/$1.copy' (FORMAT binary)" \
      -c 'CREATE TABLE numbered AS SELECT row_number() OVER () AS at, profile FROM loaded'
    table_figures "$2" "$work/lists/$1" "$7" "$8"
    sql -c 'DROP TABLE life, loaded, numbered'
    rm "$work/$1.copy"
  fi
  rm -r "$folder"
}

heap_base=$top/test/data/go-allocs.pb.gz
if [ -n "$corpora" ] && [ -f "$corpora/grafana__pyroscope/testdata-heap" ]; then
  heap_base=$corpora/grafana__pyroscope/testdata-heap
fi
other_series heap 'Go heap of 10 processes' "$heap_base" heap "$series_profiles" 800 \
  "$(goal "$series_profiles" '>= 25')" "$(goal "$series_profiles" '>= 18')"
note "made from $(basename "$heap_base"); decode and sum up $(best heap 'decoding and summing up') ns a sample, compaction $(block_figure heap 'portions, making') M samples/s"
other_series deploy 'CPU, another build in the middle' "$base" deploy "$series_profiles" 1000 ''
other_series spans 'CPU, span_id on each sample' "$base" spans "$((series_profiles / 4))" 1000 ''
if [ "$full" = yes ]; then
  many_base=$base
  [ ! -f "$corpora/grafana__pyroscope/distributors.pb.gz.hist-272188fe8258" ] ||
    many_base=$corpora/grafana__pyroscope/distributors.pb.gz.hist-272188fe8258
  other_series many 'CPU, 10,000 profiles' "$many_base" cpu 10000 600 '>= 55'
  note "made from $(basename "$many_base"), mean of 600 hits a profile"
fi

# recorded NAME TITLE FILE...: profiles that are there
recorded() {
  local name=$1 title=$2
  shift 2
  printf '%s\n' "$@" >"$work/lists/$name"
  measure_blocks "$name" "$work/lists/$name" 0
  print_blocks "$name" "$title" ''
}

if [ -n "$corpora" ]; then
  recorded parca 'Parca, consecutive heaps' "$corpora"/parca-dev__parca/16445*.pb.gz
  recorded kafka 'Kafka, CPU from JFR' "$corpora"/grafana__pyroscope/cortex-dev-01__kafka-0__*process_cpu_cpu_*.pb.gz
fi

#
# Anatomy: one block of whatever there is in a language
#

# anatomy NAME TITLE FILE...: a line of the table
anatomy() {
  local title=$1 part
  shift
  [ $# -gt 0 ] || return 0
  printf '%s\n' "$@" >"$work/lists/anatomy"
  "$programs/bench_blocks" "$work/lists/anatomy" >"$work/lists/blocks.anatomy" || return 0
  printf '    %-22s %8.0f %9.0f %9.0f %6.1f' "$title" "$(block_figure anatomy profiles)" \
    "$(part_bytes anatomy gzip)" "$(part_bytes anatomy block)" "$(block_figure anatomy 'times smaller')"
  for part in "${parts[@]}"; do
    printf ' %8d' "$(part_bytes anatomy "$part")"
  done
  echo
}

heading '11. Anatomy: bytes of one block of all profiles of a kind'
printf '    %-22s %8s %9s %9s %6s' kind profiles files block times
printf ' %8s' "${parts[@]}"
echo
for language in go java node python rust; do
  anatomy "test/data, $language" "$top/test/data/$language"-*.pb*
done
if [ -n "$corpora" ]; then
  while IFS= read -r language; do
    mapfile -t files < <(awk -F '\t' -v folder="$corpora" -v language="$language" '
      $8 == language && ($7 == "pprof" || $7 == "pprof gz") { print folder "/" $1 }' "$corpora/MANIFEST.tsv" |
      xargs -r -d '\n' "$programs/bench_decode" check)
    anatomy "corpora, $language" "${files[@]}"
  done < <(awk -F '\t' 'NR > 1 && $8 != "-" && ($7 == "pprof" || $7 == "pprof gz") { print $8 }' \
    "$corpora/MANIFEST.tsv" | sort -u)
fi
