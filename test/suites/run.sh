#!/usr/bin/env bash
#
# Runs PostgreSQL's own regression and isolation tests with the tables of the
# access method pyro, and compares what they print with what the same tests on
# the same server print with those of heap.
#
#   test/suites/run.sh [--full] [--run RUN]... [--suite SUITE]... SUITES
#
#   --full   also while tables are compacted all the time
#   --run    idle or compacted: only that
#   --suite  regress or isolation: only that
#   SUITES   their folder, as test/suites/fetch.sh prints it
#
# The server of PG_CONFIG must have the extension installed.  Every run of a
# suite has a cluster of its own, new and alike, so that none sees what another
# left.  Results, logs and the differences that there are, in the form of
# test/suites/differences, are in build/suites.  Prints TAP lines.
#
# Functions are called by way of "check" and "trap":
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/../.."

here=$PWD/test/suites
out=$PWD/build/suites
pg_config=${PG_CONFIG:-pg_config}
pg_bin=$("$pg_config" --bindir)
pg_major=$("$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
programs=$(dirname "$(dirname "$("$pg_config" --pgxs)")")/test
runs=(idle)
only_runs=()
suites=()

while [ $# -gt 0 ]; do
  case $1 in
    --full) runs=(idle compacted) ;;
    --run) only_runs+=("$2") && shift ;;
    --suite) suites+=("$2") && shift ;;
    -*) echo "run.sh: unknown option $1" >&2 && exit 2 ;;
    *) break ;;
  esac
  shift
done
if [ $# -ne 1 ] || [ ! -d "$1/regress" ]; then
  echo "run.sh: needs the folder of the suites" >&2
  exit 2
fi
source=$(cd "$1" && pwd)
[ ${#only_runs[@]} -eq 0 ] || runs=("${only_runs[@]}")
[ ${#suites[@]} -gt 0 ] || suites=(regress isolation)

rm -rf "$out"
mkdir -p "$out"
export PGISOLATIONTIMEOUT=60     # seconds for a step
sockets=$(mktemp -d)             # short: the path of a unix socket is limited

clean_up() {
  local data
  # shellcheck disable=SC2046
  kill $(jobs -p) 2>/dev/null || true
  for data in "$out"/*/data; do
    [ ! -f "$data/postmaster.pid" ] || "$pg_bin/pg_ctl" -D "$data" -m immediate -s stop || true
  done
  rm -rf "$sockets" "$out"/*/data
}
trap clean_up EXIT

#
# Clusters: copies of one that was made once
#

make_template() {
  "$pg_bin/initdb" -D "$out/template/data" -U postgres -A trust -N -E UTF8 --no-locale \
    >"$out/initdb.log"
  cat >>"$out/template/data/postgresql.conf" <<'CONF'
listen_addresses = ''
fsync = off
log_line_prefix = '%m %b[%p] %e %q%a '
# the tests of prepared transactions are among those of isolation
max_prepared_transactions = 10
# what hangs is to fail, but not what is slow on a busy machine
statement_timeout = 180s
CONF
}

# Start the cluster of run $1, with the database $2 whose tables are of the
# access method $3.  The extension is there in any case, so that the tables are
# all that is different.
start_cluster() {
  local name=$1 database=$2 method=$3 data=$out/$1/data setting
  mkdir -p "$out/$name" "$sockets/$name"
  cp -a "$out/template/data" "$data"
  echo "unix_socket_directories = '$sockets/$name'" >>"$data/postgresql.conf"
  "$pg_bin/pg_ctl" -D "$data" -l "$out/$name/server.log" -s -w -t 120 start
  {
    echo "CREATE DATABASE $database TEMPLATE template0;"
    # as pg_regress sets them in a database that it makes
    for setting in "lc_messages='C'" "lc_monetary='C'" "lc_numeric='C'" "lc_time='C'" \
      "bytea_output='hex'" "timezone_abbreviations='Default'"; do
      echo "ALTER DATABASE $database SET $setting;"
    done
    # no step of an isolation test takes long, and some of them wait in vain
    [ "$database" = regression ] || echo "ALTER DATABASE $database SET statement_timeout = '20s';"
    echo "\\connect $database"
    echo "CREATE EXTENSION pyro_ext;"
    echo "ALTER DATABASE $database SET default_table_access_method = '$method';"
  } | sql "$name" postgres >"$out/$name/create.log" 2>&1
}

stop_cluster() {
  "$pg_bin/pg_ctl" -D "$out/$1/data" -s -w -t 120 -m fast stop
}

# sql RUN DATABASE [OPTION]...: what psql is given, in that run's cluster
sql() {
  "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$sockets/$1" -U postgres -d "$2" "${@:3}"
}

#
# The suites
#

build_library() {
  mkdir -p "$out/lib"
  cp "$("$pg_config" --pkglibdir)"/{refint,autoinc}.so "$out/lib"
  # shellcheck disable=SC2046
  ${CC:-gcc} -O1 -fPIC -shared $("$pg_config" --cppflags) -I"$("$pg_config" --includedir-server)" \
    -o "$out/lib/regress.so" "$source/regress/regress.c"
}

# Run a suite's tests in a started cluster.  That tests fail says nothing: the
# suite may be of another minor version than the server.
run_tests() {
  local name=$1 suite=$2 status=0
  local -a command arguments=(--use-existing --host="$sockets/$name" --user=postgres
    --bindir="$pg_bin" --inputdir="$source/$suite" --outputdir="$out/$name")
  [ "$pg_major" -lt 16 ] || arguments+=(--expecteddir="$source/$suite")
  case $suite in
    regress)
      command=("$programs/regress/pg_regress" --dbname=regression --dlpath="$out/lib"
        --max-concurrent-tests=20 --schedule="$source/regress/parallel_schedule")
      ;;
    isolation)
      command=("$programs/isolation/pg_isolation_regress" --dbname=isolation_regression
        --schedule="$source/isolation/isolation_schedule"
        prepared-transactions prepared-transactions-cic)
      ;;
  esac
  (cd "$out/$name" && "${command[@]}" "${arguments[@]}" </dev/null >tests.log 2>&1) || status=$?
  # 1 is a failed test, others are failures of the program
  [ "$status" -le 1 ]
}

# Compact every table of a database again and again, until it is stopped.  A
# table may be dropped or locked at any time.
compact_all() {
  local name=$1 database=$2
  while [ -e "$out/$name/compacting" ]; do
    sql "$name" "$database" -v ON_ERROR_STOP=0 -v VERBOSITY=verbose -f "$here/compact_all.sql" || true
  done >>"$out/$name/compact.log" 2>&1
}

# Run suite $2 in the way of $1: heap, idle or compacted.
run_suite() {
  local run=$1 suite=$2 name=$1.$2 database=regression method=pyro compactor='' status=0
  [ "$suite" = regress ] || database=isolation_regression
  [ "$run" != heap ] || method=heap
  start_cluster "$name" "$database" "$method"
  if [ "$run" = compacted ]; then
    touch "$out/$name/compacting"
    compact_all "$name" "$database" &
    compactor=$!
  fi
  run_tests "$name" "$suite" || status=$?
  if [ -n "$compactor" ]; then
    rm "$out/$name/compacting"
    wait "$compactor" || true
    # and once more, at rest
    sql "$name" "$database" -v ON_ERROR_STOP=0 -v VERBOSITY=verbose -f "$here/compact_all.sql" \
      >>"$out/$name/compact.log" 2>&1 || true
  fi
  sql "$name" "$database" -f "$here/after.sql" >"$out/$name/after.log" 2>&1 || status=1
  mkdir -p "$out/$name/results"
  sql "$name" "$database" -f "$here/contents.sql" >"$out/$name/results/contents.out" 2>&1 || status=1
  stop_cluster "$name" || status=1
  rm -rf "$out/$name/data"
  return "$status"
}

#
# What is found
#

status=0

# check NAME COMMAND...: a TAP line, after what the command finds
check() {
  local name=$1 findings
  shift
  if findings=$("$@" 2>&1) && [ -z "$findings" ]; then
    echo "ok - $name"
  else
    echo "${findings:+# ${findings//$'\n'/$'\n'# }}"
    echo "not ok - $name"
    status=1
  fi
}

# Messages of the server that no test may cause: of crashes, of what was not
# released, and of autovacuum.
complaints() {
  grep -hE 'PANIC:|terminated by signal|TRAP:|WARNING:.*(leak|not closed|still active|still referenced)|autovacuum worker\[[0-9]+\] .*(ERROR|FATAL):' \
    "$out/$1/server.log" | grep -v 'canceling autovacuum task' | head -n 20 || true
}

# Internal errors, and those of damaged data, that heap did not have: whether a
# test prints them or not, and whatever may differ in it.  Those of compaction
# are looked at below.
internal_errors() {
  comm -13 <(internal_errors_of "heap.$2") <(internal_errors_of "$1.$2") | head -n 20
}

internal_errors_of() {
  sed -nE '/ psql ERROR:/d; s/^.* (XX[0-9A-Z]{3}) ([^ ]* )?((ERROR|FATAL|PANIC):.*)/\1 \3/p' "$out/$1/server.log" | sort -u
}

# What compaction complained of, other than that a table had gone.
compaction_errors() {
  local errors=$out/$1/compact.log
  grep -hE '(ERROR|FATAL|PANIC):' "$errors" |
    grep -vE ' (42P01|3F000|42704|55P03|40P01|57014):|could not open relation with OID|cache lookup failed for relation' |
    sed 's/^psql:[^ ]* //' | sort | uniq -c | sort -rn | head -n 20 || true
}

# Of the tables that the tests left, whether enough are of the access method.
tables_are() {
  local tables
  tables=$(sed -n "s/^tables of $2: //p" "$out/$1/after.log")
  [ "${tables:-0}" -ge "$3" ] || echo "${tables:-no} tables of $2"
}

# Whether tables have blocks, of which the last pass left some.
compactions() {
  local blocks
  blocks=$(sed -n 's/^blocks: //p' "$out/$1/after.log")
  [ "${blocks:-0}" -ge "$2" ] || echo "only ${blocks:-0} tables with blocks"
}

index_errors() {
  sed -n 's/^.*WARNING: *//p' "$out/$1/after.log"
}

report() {
  local run=$1 suite=$2 name=$1.$2
  "$here/compare.pl" --run "$run" --suite "$suite" --version "$pg_major" --lists "$here/differences" \
    --heap "$out/heap.$suite/results" --pyro "$out/$name/results" --input "$source/$suite" \
    --found "$out/differences/$run/$suite" --diffs "$out/regression.diffs" || status=1
  check "$run $suite: the server did not complain" complaints "$name"
  check "$run $suite: no internal errors" internal_errors "$run" "$suite"
  if [ "$suite" = regress ]; then
    check "$run $suite: its tables were tables of pyro" tables_are "$name" pyro 300
    check "$run $suite: indexes agree with tables" index_errors "$name"
  fi
  if [ "$run" = compacted ]; then
    if [ "$suite" = regress ]; then
      check "$run $suite: tables were compacted" compactions "$name" 100
    fi
    check "$run $suite: compaction did not fail" compaction_errors "$name"
  fi
}

# All runs of a suite.
run_lane() {
  local suite=$1 run
  for run in heap "${runs[@]}"; do
    check "$run $suite: was run" run_suite "$run" "$suite"
    [ "$run" = heap ] || report "$run" "$suite"
  done
  return "$status"
}

make_template
! [[ " ${suites[*]} " == *" regress "* ]] || build_library
echo "# the suites are those of $(cat "$source/SOURCE"), the server is $("$pg_config" --version)"

# side by side, since the tests of isolation wait most of the time
lanes=()
for suite in "${suites[@]}"; do
  run_lane "$suite" >"$out/$suite.tap" 2>&1 &
  lanes+=($!)
done
for i in "${!suites[@]}"; do
  wait "${lanes[$i]}" || status=1
  cat "$out/${suites[$i]}.tap"
done
exit "$status"
