# Profiles survive what happens to a server: an immediate stop, a backend that
# is killed, and a standby reads the same flame graphs from the same pages.
use strict;
use warnings;

use Cwd;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = getcwd() . '/test/data';
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "synchronous_commit = on\nrestart_after_crash = on");
$primary->start;
$primary->safe_psql(
	'postgres', qq{
	CREATE EXTENSION pyro_ext;
	CREATE TABLE profiles (n serial, profile profile, flame flamegraph, EXCLUDE USING hash (profile WITH =));
	CREATE TABLE small (n int, profile profile UNIQUE);
	CREATE TABLE raw AS SELECT pg_read_binary_file('$data/' || file) AS bytes FROM pg_ls_dir('$data') AS file
		WHERE file LIKE 'go-cpu%' OR file LIKE 'node-wall%';
	INSERT INTO profiles (profile, flame)
		SELECT p, flamegraph(p) FROM (SELECT bytes::profile AS p FROM raw OFFSET 0) r GROUP BY p;
	INSERT INTO small SELECT n, ('main;f' || n || ' 1')::profile FROM generate_series(1, 1000) n;
});

# Everything that there is, through heap, TOAST and both kinds of index.
my $content = q{
	SET enable_seqscan = off;
	SELECT count(*), sum(profile_total(profile)), md5(string_agg(concat(profile_to_pprof(profile), flame), '|' ORDER BY n)) FROM profiles
	UNION ALL SELECT count(*), 0, md5(flamegraph(profile)::text) FROM small
	UNION ALL SELECT count(*), sum(n), '' FROM small WHERE profile = ANY (ARRAY(SELECT profile FROM small WHERE n % 10 = 0))
	UNION ALL SELECT count(*), 0, '' FROM raw JOIN profiles ON profile = bytes::profile};
my $committed = $primary->safe_psql('postgres', $content);
like($committed, qr/^4\|\d+\|\w+\n1000\|0\|\w+\n100\|50500\|\n4\|0\|$/, 'what is committed');

# A stop without a checkpoint, in the middle of a transaction.
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start(
	[
		'psql', '--no-psqlrc', '--quiet', '--no-align', '--tuples-only',
		'--dbname', $primary->connstr('postgres'), '--file', '-'
	],
	'<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout(60));
$in .= q{
	BEGIN;
	INSERT INTO profiles (profile) SELECT ('lost;f' || n || ' 1')::profile FROM generate_series(1, 1000) n;
	DELETE FROM small;
	SELECT 'pid ' || pg_backend_pid();
};
$session->pump until $out =~ /pid (\d+)/;
$primary->stop('immediate');
$session->finish;
$primary->start;
is($primary->safe_psql('postgres', $content), $committed,
	'all that was committed is there after an immediate stop, and no more');

# A backend that is killed takes all others along; they come again.
($in, $out, $err) = ('', '', '');
$session = IPC::Run::start(
	[
		'psql', '--no-psqlrc', '--quiet', '--no-align', '--tuples-only',
		'--dbname', $primary->connstr('postgres'), '--file', '-'
	],
	'<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout(60));
$in .= q{
	BEGIN;
	INSERT INTO profiles (profile) VALUES ('lost 1');
	SELECT 'pid ' || pg_backend_pid();
	SELECT flamegraph_total(flamegraph(profile)) FROM small, generate_series(1, 1000000);
};
$session->pump until $out =~ /pid (\d+)/;
my ($pid) = $out =~ /pid (\d+)/;
is(system('kill', '-KILL', $pid), 0, "a backend that draws is killed");
$session->finish;
ok($primary->poll_query_until('postgres', 'SELECT true'), 'the server is back');
is($primary->safe_psql('postgres', $content), $committed, 'and so is all that was committed');

# A standby draws the same, while the primary goes on.
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql(
	'postgres', q{
	INSERT INTO profiles (profile, flame) SELECT profile + 'x 1', flame FROM profiles;
	UPDATE profiles SET flame = flame + flame WHERE n % 2 = 0;
	DELETE FROM profiles WHERE n = 1;
	VACUUM profiles;
	INSERT INTO small SELECT n, ('main;f' || n || ' 1')::profile FROM generate_series(1001, 1100) n;
	REINDEX TABLE small;
});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $tree = q{SELECT flamegraph_folded(flamegraph_merge(flame)) FROM profiles WHERE flamegraph_sample_type(flame) = 'cpu/nanoseconds';
	SELECT * FROM flamegraph_frames((SELECT flamegraph(profile) FROM small), 50)};
is( $standby->safe_psql('postgres', $tree),
	$primary->safe_psql('postgres', $tree),
	'a standby draws what the primary draws');
is( $standby->safe_psql('postgres', $content),
	$primary->safe_psql('postgres', $content),
	'and finds the same through its indexes');
is( $standby->safe_psql('postgres', q{
		SET max_parallel_workers_per_gather = 2;
		SET parallel_setup_cost = 0;
		SET parallel_tuple_cost = 0;
		SET min_parallel_table_scan_size = 0;
		SELECT flamegraph_total(flamegraph(profile)) FROM small}),
	'1100', 'in parallel, too');

# Promoted, it takes profiles itself.
$primary->stop('immediate');
$standby->promote;
$standby->safe_psql('postgres', q{INSERT INTO small VALUES (0, 'promoted 5')});
is($standby->safe_psql('postgres', 'SELECT flamegraph_total(flamegraph(profile)) FROM small'),
	'1105', 'a promoted standby takes profiles');
$standby->stop;

done_testing();
