# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016,SC2034   # variables and functions are those of
# scripts/bench, dollars are awk's columns, and names are used by reference
#
# What the access method costs and saves.  To be sourced by scripts/bench when
# its server is up.

heading '7. Access method pyro: writing'
sql <<'SQL'
CREATE TABLE series_pyro (profile profile) USING pyro;
CREATE TABLE row_heap (id int PRIMARY KEY, at timestamptz, name text) USING heap;
CREATE TABLE row_pyro (id int PRIMARY KEY, at timestamptz, name text) USING pyro;
CREATE PROCEDURE insert_rows(place regclass, n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. n LOOP
    IF place = 'row_heap'::regclass THEN
      INSERT INTO row_heap VALUES (i, now(), 'x');
    ELSE
      INSERT INTO row_pyro VALUES (i, now(), 'x');
    END IF;
  END LOOP;
END $$;
SQL
for ((round = 0; round < rounds; round++)); do
  sql -c 'TRUNCATE series_pyro' \
    -c 'CREATE TABLE series_heap (profile profile) USING heap' \
    -c "SELECT cost('COPY series_heap FROM ''$work/series.copy'' (FORMAT binary)'),
               cost('COPY series_pyro FROM ''$work/series.copy'' (FORMAT binary)'),
               cost('COPY series_heap FROM ''$work/series.copy'' (FORMAT binary)')" \
    -c 'DROP TABLE series_heap'
done >"$work/lists/copy"
figure 'COPY: CPU of the backend, pyro / heap' '<= 1.05' %.3f \
  "$(of_rounds "$work/lists/copy" '2 * $2 / ($1 + $3)')"
insert_count=50000
for ((round = 0; round < rounds; round++)); do
  sql -c 'TRUNCATE row_heap, row_pyro' \
    -c "SELECT cost('CALL insert_rows(''row_heap'', $insert_count)'),
               cost('CALL insert_rows(''row_pyro'', $insert_count)')"
done >"$work/lists/insert"
figure 'single-row INSERT: CPU of the backend, pyro / heap' '<= 1.05' %.3f \
  "$(of_rounds "$work/lists/insert" '$2 / $1')"
note "us a row: heap $(of_rounds "$work/lists/insert" "\$1 * 1000 / $insert_count"), pyro $(of_rounds "$work/lists/insert" "\$2 * 1000 / $insert_count")"

#
# A table's life in portions of 5 minutes, as a worker would treat it
#

# life NAME TABLE COLUMNS ROWS BETWEEN: load rows in 12 portions, each with what
# is done between insert and compaction, then CALL pyro.compact and VACUUM.
# Prints WAL of the inserts, WAL of all, the table's bytes, live bytes, all in
# bytes.
life() {
  local table=$1 columns=$2 rows=$3 between=$4 portion inserted=0 start
  local wal="SELECT pg_current_wal_insert_lsn() - '0/0'"
  sql -c "DROP TABLE IF EXISTS $table" -c "CREATE TABLE $table ($columns) USING pyro" \
    -c "ALTER TABLE $table SET (toast.vacuum_index_cleanup = on)" -c CHECKPOINT
  start=$(sql -c "$wal")
  for ((portion = 0; portion < 12; portion++)); do
    inserted=$((inserted - $(sql -c "$wal")))
    sql -c "INSERT INTO $table $rows AND at % 12 = $portion"
    inserted=$((inserted + $(sql -c "$wal")))
    [ -z "$between" ] || sql -c "$between"
    sql -c "CALL pyro.compact('$table')"
    sql -c "VACUUM $table"
  done
  echo "$inserted $(($(sql -c "$wal") - start))" \
    "$(sql -c "CALL pyro.compact('$table')" -c "VACUUM $table" \
      -c "CALL pyro.compact('$table')" -c "VACUUM $table" \
      -c "SELECT pg_total_relation_size('$table'), bytes FROM pyro.storage WHERE relid = '$table'::regclass")"
}

heading '8. Access method pyro: a table loaded in 12 portions'
sql <<'SQL'
CREATE TABLE numbered AS SELECT row_number() OVER () AS at, profile FROM series;
SQL
profiles="SELECT at, profile FROM numbered WHERE true"
log_lines="SELECT at, repeat(md5((at / 5)::text), 60) FROM generate_series(1, 60000) AS at WHERE true"
: >"$work/lists/life"
for kind in profiles log_lines; do
  columns='at bigint, profile profile'
  [ "$kind" = profiles ] || columns='at bigint, line text'
  for between in '' CHECKPOINT; do
    echo "$kind ${between:-none} $(life life "$columns" "${!kind}" "$between")" >>"$work/lists/life"
  done
done
while read -r kind between inserted all size live; do
  goal='<= 1.15'
  [ "$between" = none ] || goal='<= 2.2'
  figure "$kind: WAL of its life / of its INSERT, checkpoint between: $between" "$goal" %.3f \
    "$(calculate "$all / $inserted")"
  note "$(calculate "$inserted / 1e6") MB inserted, payload $(calculate "$live / 1e6") MB, or $(calculate "$live / $inserted") of that; the rest $(calculate "($all - $live) / $inserted")"
  figure "$kind: table / live bytes" '<= 1.4' %.2f "$(calculate "$size / $live")"
done <"$work/lists/life"

heading '9. Access method pyro: the directory'
sql <<'SQL'
CREATE TABLE few (id int, at timestamptz, name text) USING pyro;
INSERT INTO few SELECT i, now(), 'x' FROM generate_series(1, 1000) AS i;
CALL pyro.compact('few');
CREATE TABLE many (id int, at timestamptz, name text) USING pyro;
INSERT INTO many SELECT i, now(), 'x' FROM generate_series(1, 1000) AS i;
CALL pyro.compact('many');
-- as a table it lets itself be changed
UPDATE pg_class SET relkind = 'r', relhasrules = false WHERE relnamespace = 'pyro'::regnamespace AND relkind = 'm';
-- nine thousand nine hundred and ninety-nine more, which nobody opens
INSERT INTO pyro.block
  SELECT storage_id, first_vpage + i * 10, block.rows, format, level, created, payload, payload_size, raw_size,
    samples, streams, zones
  FROM pyro.block JOIN pyro.storage USING (storage_id), generate_series(1, 9999) AS i
  WHERE relid = 'many'::regclass;
UPDATE pyro.storage SET blocks = 10000, next_vpage = 200000 WHERE relid = 'many'::regclass;
VACUUM ANALYZE pyro.block;
SQL
for ((round = 0; round < rounds; round++)); do
  sql -c "SELECT cost('SELECT 1 FROM few LIMIT 1', 1), cost('SELECT 1 FROM many LIMIT 1', 1)" \
    -c "SELECT cost('SELECT 1 FROM few LIMIT 1', 200), cost('SELECT 1 FROM many LIMIT 1', 200),
               cost('EXPLAIN SELECT 1 FROM few', 2000), cost('EXPLAIN SELECT 1 FROM many', 2000)" | tail -n 1
done >"$work/lists/directory"
figure 'begin of a scan of 10,000 blocks, ms' '<= 3' %.2f \
  "$(of_rounds "$work/lists/directory" '$2 - $1')"
figure 'planning with 10,000 blocks / with one' '<= 1.1' %.2f \
  "$(of_rounds "$work/lists/directory" '$4 / $3')"
sql -c 'DROP TABLE many, few, life, series_pyro, row_heap, row_pyro'
