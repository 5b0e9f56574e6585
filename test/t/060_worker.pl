# The background worker: who starts and who ends, what it does for tables, that
# none of them keeps another waiting, and that it rests where something fails.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PyroSession;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('worker');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	fsync = off
	autovacuum = off
	shared_preload_libraries = 'pyro_ext'
	max_worker_processes = 12
	pyro.worker_naptime = 1s
	pyro.compact_after = 0
	log_min_messages = debug1});
$node->start;

sub query { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

# Waits until a query answers this, true by default.
sub wait_for
{
	my ($what, $query, $expected, $database) = @_;
	ok($node->poll_query_until($database // 'postgres', $query, $expected // 't'), $what);
	return;
}

my $workers = q{SELECT coalesce(string_agg(datname, ',' ORDER BY datname), '') FROM pg_stat_activity WHERE backend_type = 'pyro worker'};

# ---- life ----

wait_for('there is a launcher', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pyro launcher'});
is(query('SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()'), '0', 'but nobody in a database without the extension');
query('CREATE DATABASE other');
query('CREATE DATABASE template IS_TEMPLATE true');
query('CREATE EXTENSION pyro_ext', 'template');

my $begin = time;
query('BEGIN; CREATE EXTENSION pyro_ext; ROLLBACK');
query('CREATE EXTENSION pyro_ext');
wait_for('CREATE EXTENSION has a worker started', $workers, 'postgres');
cmp_ok(time - $begin, '<', 10, 'at once');
query('CREATE EXTENSION pyro_ext', 'other');
wait_for('each database has its own, templates have none', $workers, 'other,postgres');
query('CREATE DATABASE copy TEMPLATE template');
wait_for('a copy of a template has one', $workers, 'copy,other,postgres');
query('DROP DATABASE copy');
is(query('SELECT pyro.wake_worker()'), 't', 'somebody hears when they are woken');
my ($status, undef, $error) = $node->psql('postgres', 'CREATE ROLE somebody; SET ROLE somebody; SELECT pyro.wake_worker()');
like($error, qr/permission denied for function wake_worker/, 'not everybody may do that');

# One that is still starting, here for a lock on a catalog, has no tables to make due.
{
	my $locker = PyroSession->new($node, 'postgres', name => 'locker');
	my $waker = PyroSession->new($node, 'other', name => 'waker');
	my $log = -s $node->logfile;
	my $started = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pyro worker' AND datname = 'other'});

	$locker->run('BEGIN; LOCK TABLE pg_db_role_setting IN ACCESS EXCLUSIVE MODE;');
	$locker->run("SELECT pg_terminate_backend($started);");
	$locker->run(q{DO 'BEGIN FOR i IN 1..1000 LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE relation = ''pg_db_role_setting''::regclass AND NOT granted); PERFORM pg_sleep(0.01); END LOOP; END';});
	$waker->run('SELECT pyro.wake_worker();');
	$locker->run('ROLLBACK;');
	wait_for('a worker may be woken before it is there', $workers, 'other,postgres');
	sleep 0.5;
	unlike(slurp_file($node->logfile, $log), qr/terminated by signal/, 'and goes on');
	$_->finish for $locker, $waker;
}

query('DROP EXTENSION pyro_ext', 'other');
wait_for('without the extension the worker goes', $workers, 'postgres');

my $old = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pyro worker'});
query("SELECT pg_terminate_backend($old)");
wait_for('one that was terminated is started again', qq{SELECT pid <> $old FROM pg_stat_activity WHERE backend_type = 'pyro worker'});
$old = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pyro worker'});
query("SELECT pg_cancel_backend($old)");
sleep 0.3;
is(query($workers), 'postgres', 'one that is cancelled while it sleeps stays');
is(query(qq{SELECT count(*) FROM pg_stat_activity WHERE pid = $old}), '1', 'it is the same');

my $launcher = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pyro launcher'});
query("SELECT pg_terminate_backend($launcher)");
wait_for('so is the launcher', qq{SELECT pid <> $launcher FROM pg_stat_activity WHERE backend_type = 'pyro launcher'});
is(query(qq{SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE backend_type = 'pyro worker'}), $old, 'which finds the worker of the one before');

query('ALTER SYSTEM SET pyro.worker = off');
query('SELECT pg_reload_conf()');
wait_for('pyro.worker = off sends workers away', $workers, '');
query('ALTER SYSTEM RESET pyro.worker');
query('SELECT pg_reload_conf()');
wait_for('and on has them back', $workers, 'postgres');

# ---- duties ----

query(q{
	CREATE TABLE p (id int PRIMARY KEY, ts timestamptz NOT NULL DEFAULT now(), t text, prof profile) USING pyro;
	CREATE PROCEDURE fill(n int) LANGUAGE sql AS $$
		INSERT INTO p SELECT n * 10000 + i, date_trunc('hour', now()) - interval '3 hours', sha512(i::text::bytea)::text,
			profile_from_folded((SELECT string_agg('main;f' || i || ';g' || j || ' ' || i, E'\n') FROM generate_series(1, 40) j))
			FROM generate_series(1, 3000) i $$;
	CALL fill(0);});
my $in_head = q{SELECT count(*) FROM p WHERE ctid < '(2147483648,0)'};
wait_for('rows are compacted', $in_head, '0');
is(query('SELECT count(*), sum(id) FROM p'), '3000|4501500', 'and all there');
wait_for('VACUUM gives their space back', q{SELECT pg_relation_size('p') <= 2 * 8192});
wait_for('pyro.run says so', q{SELECT last_success IS NOT NULL AND last_error IS NULL AND rows_compacted = 3000 FROM pyro.run WHERE relid = 'p'::regclass});
for my $i (1 .. 6)
{
	query("CALL fill($i)");
	$node->poll_query_until('postgres', $in_head, '0');
}
wait_for('small blocks are merged', q{SELECT blocks_merged >= 4 FROM pyro.run WHERE relid = 'p'::regclass});
wait_for('the file stays near what is live',
	q{SELECT pg_relation_size(c.reltoastrelid) < 3 * (SELECT bytes FROM pyro.storage WHERE relid = c.oid) + 64 * 8192 FROM pg_class c WHERE c.oid = 'p'::regclass});
is(query(q{SELECT count(*) FROM pyro.verify('p')}), '0', 'the table is sound');
query(q{UPDATE p SET ts = now() - interval '2 days' WHERE id < 10000});
query(q{SELECT pyro.set_policy('p', retention => '1 day')});
wait_for('old rows go', 'SELECT count(*) = 18000 FROM p');
query(q{SELECT pyro.clear_policy('p', 'retention')});

# What it does can be seen, by hand as well.
query('INSERT INTO p (id) SELECT -i FROM generate_series(1, 10) i');
query('ALTER SYSTEM SET pyro.worker = off');
query('SELECT pg_reload_conf()');
wait_for('the worker is gone', $workers, '');
query('INSERT INTO p (id) SELECT -i FROM generate_series(11, 20) i');
my $holder = PyroSession->new($node, 'postgres', name => 'holder');
$holder->run('SELECT pg_advisory_lock(4711);');
system_or_bail('sh', '-c', "psql -X -d '" . $node->connstr('postgres') . "' -c 'SET pyro.debug_compact_lock = 4711' -c \"CALL pyro.compact('p')\" >/dev/null 2>&1 &");
wait_for('pyro.progress shows a CALL', q{SELECT string_agg(concat_ws(' ', backend_type, relation, duty, rows > 0, blocks), ',') FROM pyro.progress}, 'client backend p compact t 1');
is(query('SET ROLE somebody; SELECT count(*) FROM pyro.progress'), '0', 'but not to those who may not read the table');
$holder->run('SELECT pg_advisory_unlock(4711);');
wait_for('until it is over', 'SELECT count(*) FROM pyro.progress', '0');
query('ALTER SYSTEM RESET pyro.worker');
query('SELECT pg_reload_conf()');

# ---- fairness ----

query(q{
	CREATE TABLE large (LIKE p) USING pyro;
	CREATE TABLE small (LIKE p) USING pyro;
	SELECT pyro.set_policy('large', block_rows => 500);
	-- the worker needs a millisecond for each row
	CREATE FUNCTION slow(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			IF current_setting('application_name') LIKE 'pyro worker%' THEN PERFORM pg_sleep(0.001); END IF;
			RETURN id;
		END $$;
	CREATE INDEX ON large (slow(id));});
query(q{INSERT INTO large SELECT i, now() FROM generate_series(1, 20000) i});
wait_for('a large table is begun with', 'SELECT count(*) > 0 FROM pyro.storage WHERE relid = \'large\'::regclass');
query('INSERT INTO small (id, ts) VALUES (1, now())');
wait_for('a small one does not wait for it', q{SELECT count(*) = 0 FROM small WHERE ctid < '(2147483648,0)'});
is(query(q{SELECT count(*) > 0 FROM large WHERE ctid < '(2147483648,0)'}), 't', 'which is not done by then');
query('DROP TABLE large, small');

# ---- failures ----

query(q{
	CREATE TABLE switch (ok bool);
	INSERT INTO switch VALUES (false);
	CREATE FUNCTION fails(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			IF NOT (SELECT ok FROM public.switch) AND current_setting('application_name') LIKE 'pyro worker%' THEN
				RAISE 'the switch is off';
			END IF;
			RETURN id;
		END $$;
	CREATE TABLE bad (id int, ts timestamptz NOT NULL DEFAULT now()) USING pyro;
	CREATE INDEX ON bad (fails(id));
	CREATE TABLE locked (id int) USING pyro;
	CREATE TABLE good (id int) USING pyro;
	INSERT INTO bad SELECT generate_series(1, 10);
	INSERT INTO locked SELECT generate_series(1, 10);});
wait_for('the locked one was compacted before', q{SELECT count(*) = 0 FROM locked WHERE ctid < '(2147483648,0)'});
$holder->run('BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE;');
my $log = -s $node->logfile;
wait_for('an error is in pyro.run', q{SELECT last_error FROM pyro.run WHERE relid = 'bad'::regclass}, 'compact: the switch is off');
wait_for('a lock is, too', q{SELECT last_error ~ 'table "locked" is locked by somebody else' FROM pyro.run WHERE relid = 'locked'::regclass});
query('INSERT INTO good SELECT generate_series(1, 10)');
wait_for('other tables are compacted all the while', q{SELECT count(*) = 0 FROM good WHERE ctid < '(2147483648,0)'});
wait_for('both fail several times', q{SELECT min(failures) >= 4 FROM pyro.run WHERE relid IN ('bad'::regclass, 'locked'::regclass)});
my $since = time;
my $before = query(q{SELECT sum(failures) FROM pyro.run WHERE relid IN ('bad'::regclass, 'locked'::regclass)});
sleep 5;
my $after = query(q{SELECT sum(failures) FROM pyro.run WHERE relid IN ('bad'::regclass, 'locked'::regclass)});
cmp_ok($after - $before, '<=', 2, 'and then more seldom');
my $logged = () = slurp_file($node->logfile, $log) =~ /WARNING:  pyro worker: duty "compact" failed for table "bad": the switch is off/g;
cmp_ok($logged, '>=', 3, 'errors are logged');
is(() = slurp_file($node->logfile, $log) =~ /WARNING:.*locked/g, 0, 'locks are not');
$holder->run('ROLLBACK;');
query('UPDATE switch SET ok = true');
query(q{INSERT INTO bad SELECT generate_series(11, 20)});
wait_for('what can be done again is', q{SELECT sum(failures) = 0 FROM pyro.run WHERE relid IN ('bad'::regclass, 'locked'::regclass)});
is(query(q{SELECT count(*) FROM bad WHERE ctid < '(2147483648,0)'}), '0', 'the table that failed is compacted');

# Somebody who wants a table that the worker works on gets it soon.
query(q{INSERT INTO p (id) SELECT -i FROM generate_series(100, 200) i});
$holder->run('SELECT pg_advisory_lock(4711);');
query('ALTER SYSTEM SET pyro.debug_compact_lock = 4711');
query('SELECT pg_reload_conf()');
wait_for('the worker waits in the middle of it', q{SELECT last_error ~ 'lock timeout' FROM pyro.run WHERE relid = 'p'::regclass});
$begin = time;
query('BEGIN; ALTER TABLE p ADD extra int; COMMIT');
cmp_ok(time - $begin, '<', 5, 'DDL does not');
$holder->run('SELECT pg_advisory_unlock(4711);');
query('ALTER SYSTEM RESET pyro.debug_compact_lock');
query('SELECT pg_reload_conf()');
wait_for('and the worker goes on', q{SELECT count(*) = 0 FROM p WHERE ctid < '(2147483648,0)'});

# ---- few places ----

query('CREATE EXTENSION pyro_ext', 'other');
query('CREATE TABLE t (id int) USING pyro', 'other');
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$log = -s $node->logfile;
$node->restart;
wait_for('one database has a worker', qq{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pyro worker'});
sleep 3;
is(() = slurp_file($node->logfile, $log) =~ /LOG:  no place for a worker of pyro_ext/g, 1, 'that there is no place for another is logged once');
SKIP:
{
	skip 'it takes two minutes; set PYRO_TEST_FULL', 2 unless $ENV{PYRO_TEST_FULL};
	query('INSERT INTO t VALUES (1)', 'other');
	query('INSERT INTO p (id) SELECT -i FROM generate_series(300, 400) i');
	wait_for('databases take turns', q{SELECT count(*) = 0 FROM t WHERE ctid < '(2147483648,0)'}, 't', 'other');
	wait_for('all of them', q{SELECT count(*) = 0 FROM p WHERE ctid < '(2147483648,0)'});
}
$holder->finish;

# ---- without the library preloaded ----

$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
is(query('SELECT pyro.wake_worker()'), 'f', 'unless preloaded there is nobody to wake');
query(q{INSERT INTO p (id) VALUES (-1000); CALL pyro.compact('p')});
is(query($in_head), '0', 'by hand everything works');
query(q{INSERT INTO p (id) VALUES (-1001)});
query(q{CALL pyro.maintain('p')});
is(query("SELECT ($in_head), (SELECT count(*) FROM pyro.progress)"), '0|0', 'all duties, and pyro.progress is empty');
is(query(q{SELECT count(*) FROM pyro.verify('p')}), '0', 'the table is sound');
$node->stop;
done_testing();
