# Faults while the worker is at work: kill -9 of the worker and of the server
# in each duty, objects that go away under it, promotion of a standby, damage,
# and locks.  All rows must be there once, as they were, and the worker go on.
#
# PYRO_TEST_FULL=1 kills in each duty many times.
use strict;
use warnings;

use Cwd ();
use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PyroSession;
use Test::More;
use Time::HiRes qw(sleep time);

my $kills = $ENV{PYRO_TEST_FULL} ? 15 : 1;

my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init(allows_streaming => 1);
$node->append_conf(
	'postgresql.conf', q{
	fsync = off
	autovacuum = off
	shared_preload_libraries = 'pyro_ext'
	max_worker_processes = 12
	restart_after_crash = on
	log_statement = none
	pyro.worker_naptime = 1s
	pyro.compact_after = 0
	pyro.block_rows = 500
	autovacuum_vacuum_cost_delay = 1ms});
$node->start;

sub query { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

# Waits until a query answers this, true by default.
sub wait_for
{
	my ($what, $query, $expected, $database) = @_;
	ok($node->poll_query_until($database // 'postgres', $query, $expected // 't'), $what);
	return;
}

sub set_worker
{
	my ($value) = @_;
	query("ALTER SYSTEM SET pyro.worker = $value");
	query('SELECT pg_reload_conf()');
	return if $value eq 'on';
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pyro worker'})
	  or die 'the worker stays';
	return;
}

query(q{
	CREATE EXTENSION pyro_ext;
	CREATE TABLE p (id bigint PRIMARY KEY, ts timestamptz NOT NULL, t text NOT NULL, prof profile) USING pyro;
	CREATE INDEX p_t ON p (left(t, 8));
	CREATE FUNCTION content(id bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
		$$ SELECT string_agg(md5((1000 * id + i)::text), '') FROM generate_series(1, 1 + id % 12 * 8) i $$;
	CREATE PROCEDURE fill(first bigint, n int) LANGUAGE sql AS $$
		INSERT INTO p SELECT id, date_trunc('hour', now()) - interval '3 hours' + (id - first) * interval '1 ms', content(id),
			('main;f' || id % 50 || ' ' || id + 1)::profile FROM generate_series(first, first + n - 1) id $$;});

# ---- kill -9 in each duty ----

my $next = 1;
my $live = 0;		# rows that should be there, and the sum of their ids
my $sum = 0;

sub fill
{
	my ($n) = @_;
	query("CALL fill($next, $n)");
	$live += $n;
	$sum += $n * $next + $n * ($n - 1) / 2;
	$next += $n;
	return;
}

sub check
{
	my ($what) = @_;
	is( query(q{SELECT count(*), sum(id), count(DISTINCT id), count(*) FILTER (WHERE t <> content(id) OR profile_total(prof) <> id + 1) FROM p}),
		"$live|$sum|$live|0", "$what: every row is there once, as it was");
	return;
}

# Before the worker may begin: something to do for each duty.
my %prepare = (
	'compact' => sub { fill(3000) },
	'merge' => sub { fill(4000) },
	'clean indexes' => sub {
		fill(3000);
		query(q{CALL pyro.compact('p')});
	},
	'vacuum' => sub {
		fill(3000);
		query(q{CALL pyro.compact('p')});
	},
	'settle' => sub {
		fill(6000);
		# a snapshot that makes the file grow, and then goes
		my $reader = PyroSession->new($node, 'postgres');
		$reader->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;');
		query(q{CALL pyro.compact('p')});
		query('VACUUM p');
		fill(1000);
		query(q{CALL pyro.compact('p')});
		$reader->run('COMMIT;');
		$reader->finish;
	},
	'retention' => sub {
		# another table each time: what was looked at is not looked at again soon
		query(q{
			DROP TABLE IF EXISTS r;
			CREATE TABLE r (id int, ts timestamptz NOT NULL) USING pyro;
			INSERT INTO r SELECT i, now() - interval '1 hour' * i FROM generate_series(1, 2000) i});
		query(q{CALL pyro.compact('r')});
		query(q{INSERT INTO r SELECT i, now() - interval '1 hour' * i FROM generate_series(2001, 3000) i});
		query(q{SELECT pyro.set_policy('r', retention => '1510 minutes')});
	});

# The process that does a duty of the worker, as soon as there is one.
my $finder = q{
	DO $$
	DECLARE
		victim int;
		wanted text := '%s';
	BEGIN
		FOR i IN 1 .. 3000 LOOP
			SELECT p.pid INTO victim FROM pyro.progress_rows() p WHERE p.duty = wanted AND p.pid <> pg_backend_pid();
			EXIT WHEN victim IS NOT NULL;
			PERFORM pg_sleep(0.001);
		END LOOP;
		RAISE NOTICE 'pid %%', victim;
	END $$;};

my %met;
foreach my $duty (sort keys %prepare)
{
	foreach my $round (1 .. $kills)
	{
		foreach my $victim ('worker', 'server')
		{
			set_worker('off');
			$prepare{$duty}->();
			my $watcher = PyroSession->new($node, 'postgres');
			query('ALTER SYSTEM SET pyro.worker = on');
			query('SELECT pg_reload_conf()');
			my ($said) = $watcher->run(sprintf $finder, $duty);
			sleep rand() * 0.02 if $kills > 1;
			if ($said =~ /pid (\d+)/)
			{
				$met{$duty}++;
				if ($victim eq 'worker') { kill 'KILL', $1 }
				else { $node->kill9 }
			}
			$watcher->finish;
			if ($victim eq 'server' && $said =~ /pid \d/)
			{
				my $until = time + 30;
				# its children notice by and by
				until ($node->start(fail_ok => 1))
				{
					die 'the server does not start' if time > $until;
					$node->{_pid} = undef;
					sleep 0.2;
				}
			}
			else
			{
				$node->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';
			}
			wait_for("$duty, $victim killed: the worker goes on", q{SELECT count(*) = 0 FROM p WHERE ctid < '(2147483648,0)'});
			if ($duty eq 'retention')
			{
				wait_for('old rows have gone, and no others', 'SELECT count(*) = 25 AND sum(id) = 325 FROM r');
			}
			check("$duty, $victim killed");
		}
	}
}
foreach my $duty ('compact', 'merge', 'vacuum')
{
	ok($met{$duty}, "$duty: it was met");
}
note 'met: ' . join ', ', map { "$_ " . ($met{$_} // 0) . '/' . 2 * $kills } sort keys %prepare;
is(query(q{SELECT count(*) FROM pyro.verify('p')}), '0', 'the table is sound');
wait_for('no error is left', q{SELECT failures = 0 FROM pyro.run WHERE relid = 'p'::regclass});

# ---- a standby ----

set_worker('on');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
query('CREATE TABLE canary (id int) USING pyro');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pyro%'}), '0', 'a standby has neither launcher nor worker');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM pyro.progress'), '0', 'and pyro.progress can be read');
$standby->promote;
$standby->safe_psql('postgres', 'INSERT INTO canary VALUES (1)');
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 0 FROM canary WHERE ctid < '(2147483648,0)'}), 'after promotion the worker works');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM p'), $live, 'and the rows are there');
$standby->stop;

# ---- objects that go away ----

# Have the worker busy for some seconds with a table of a database.
sub busy
{
	my ($database) = @_;
	query('CREATE EXTENSION IF NOT EXISTS pyro_ext', $database);
	query(q{
		-- a millisecond for each row
		CREATE OR REPLACE FUNCTION slow(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
			BEGIN
				IF current_setting('application_name') LIKE 'pyro worker%' THEN PERFORM pg_sleep(0.001); END IF;
				RETURN id;
			END $$;
		DROP TABLE IF EXISTS w;
		CREATE TABLE w (id int, t text) USING pyro;
		SELECT pyro.set_policy('w', block_rows => 2000);
		CREATE INDEX ON w (slow(id));
		INSERT INTO w SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 8000) i}, $database);
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pyro worker' AND datname = '$database' AND state = 'active' AND query = 'pyro worker: compact w'")
	  or die 'nobody works';
	return;
}

my $log = -s $node->logfile;
query('CREATE DATABASE d');
foreach my $case (
	[ 'DROP TABLE', 'd', 'DROP TABLE w' ],
	[ 'TRUNCATE', 'd', 'TRUNCATE w' ],
	[ 'ALTER TABLE', 'd', 'ALTER TABLE w ADD extra int' ],
	[ 'VACUUM FULL', 'd', 'VACUUM FULL w' ],
	[ 'another access method', 'd', 'ALTER TABLE w SET ACCESS METHOD heap; DROP TABLE w' ],
	[ 'DROP EXTENSION', 'd', 'DROP EXTENSION pyro_ext CASCADE' ],
	[ 'ALTER DATABASE', 'postgres', 'ALTER DATABASE d RENAME TO d2', 'ALTER DATABASE d2 RENAME TO d' ],
	[ 'a copy of the database', 'postgres', 'CREATE DATABASE d2 TEMPLATE d', 'DROP DATABASE d2' ],
	[ 'DROP DATABASE', 'postgres', 'DROP DATABASE d' ])
{
	my ($what, $database, @statements) = @$case;
	busy('d');
	foreach my $statement (@statements)
	{
		my $begin = time;
		my ($status, undef, $error) = $node->psql($database, $statement);
		is($error =~ /(ERROR:.*)/ ? $1 : $status, '0', "$what beside the worker: $statement");
		cmp_ok(time - $begin, '<', 15, 'and soon');
	}
}

my $tablespace = Cwd::abs_path($node->basedir) . '/tablespace';
mkdir $tablespace or die "could not make $tablespace: $!";
query("CREATE TABLESPACE elsewhere LOCATION '$tablespace'");
query('CREATE DATABASE d');
busy('d');
my $begin = time;
query('ALTER DATABASE d SET TABLESPACE elsewhere');
cmp_ok(time - $begin, '<', 15, 'ALTER DATABASE SET TABLESPACE does not wait for the worker');
wait_for('which then goes on', q{SELECT count(*) = 0 FROM w WHERE ctid < '(2147483648,0)'}, 't', 'd');
is(query(q{SELECT count(*) FROM pyro.verify('w')}, 'd'), '0', 'the table is sound');

$begin = time;
busy('d');
$node->stop('fast');
cmp_ok(time - $begin, '<', 20, 'neither does a shutdown');
my $text = slurp_file($node->logfile, $log);
unlike($text, qr/PANIC|TRAP|was terminated by signal (?!9)/, 'nobody crashed');
$node->start;
query('DROP DATABASE d');

# ---- a damaged table ----

set_worker('off');
query(q{
	CREATE TABLE damaged (id int, ts timestamptz NOT NULL, t text) USING pyro;
	CREATE TABLE sound (id int) USING pyro;});
for my $i (1 .. 5)
{
	query(qq{INSERT INTO damaged SELECT i, date_trunc('hour', now()) - interval '3 hours', sha512(i::text::bytea)::text FROM generate_series(1, 300) i});
	query(q{SET pyro.merge_windows = ''; CALL pyro.compact('damaged')}) if $i < 4;
}
my $path = $node->data_dir . '/' . query(q{SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'damaged'});
query('CHECKPOINT');
$node->stop;
open my $file, '+<:raw', $path or die "could not open $path: $!";
seek $file, 8192 + 4096, 0;
print $file "\x5a" x 2048;
close $file or die "could not write $path: $!";
$node->start;
set_worker('on');
wait_for('a damaged table is named with its error', q{SELECT last_error ~ '^merge: ' AND failures > 0 FROM pyro.run WHERE relid = 'damaged'::regclass});
is(query(q{SELECT count(*) FROM damaged WHERE ctid < '(2147483648,0)'}), '0', 'its fresh rows are compacted all the same');
query('INSERT INTO sound VALUES (1)');
wait_for('other tables are looked after', q{SELECT count(*) = 0 FROM sound WHERE ctid < '(2147483648,0)'});
like(slurp_file($node->logfile), qr/WARNING:  pyro worker: duty "merge" failed for table "damaged": .*\n.*CONTEXT:.*table "damaged"/, 'and the log says what is damaged');
$node->stop;
done_testing();
