# Compaction and its kin that are cancelled at any moment, or find the disk full,
# lose nothing and go on afterwards.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{PYRO_TEST_FULL} ? 100 : 12;
my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pyro_ext;
	CREATE TABLE h (id int PRIMARY KEY, at timestamptz NOT NULL, v text, w text) USING heap;
	CREATE TABLE p (LIKE h INCLUDING ALL) USING pyro;
	CREATE INDEX p_w ON p (w);
	ALTER TABLE p ALTER v SET STORAGE EXTERNAL;
});

# Readers of profiles that are cancelled: what the session reads afterwards, and
# stores, is right, and no memory is left behind.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE profiles (id int PRIMARY KEY, note text, p profile) USING pyro;
	INSERT INTO profiles SELECT n, NULL, string_agg(format('main;s%s;f%s;g%s_%s %s', n % 7, i, n, i % 9, i), E'\n')::profile
		FROM generate_series(1, 200) n, generate_series(1, 150) i GROUP BY n ORDER BY n;
	CREATE TABLE expected AS SELECT id, md5(profile_send(p)) AS digest FROM profiles;
	CALL pyro.compact('profiles')});
my $script = '';
foreach my $round (1 .. $rounds * 10)
{
	$script .= 'SET statement_timeout = ' . (1 + $round % 12) . ";\nSELECT sum(profile_total(p)) FROM profiles;\nSET statement_timeout = 0;\n"
	  . "UPDATE profiles SET note = 'round $round' WHERE id = 1 + $round % 200;\n";
	$script .= "DISCARD ALL;\n" if $round % 60 == 0;
}
$script .= q{SELECT 'contexts', sum(total_bytes) < 100000000 FROM pg_backend_memory_contexts};
my ($done, $shown, $cancelled) = $node->psql('postgres', $script, on_error_stop => 0);
my $times = () = $cancelled =~ /canceling statement due to statement timeout/g;
note "cancelled $times times";
cmp_ok($times, '>', 0, 'readers of profiles were cancelled');
like($shown, qr/^contexts\|t$/m, 'they leave no memory behind');
is($node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE digest <> md5(profile_send(p))) FROM profiles JOIN expected USING (id)'),
	'200|0', 'and what was read and stored afterwards is right');

# What differs between the twins, and what is not sound.
sub differences
{
	return $node->safe_psql(
		'postgres', q{
		SELECT count(*) FROM (TABLE h EXCEPT ALL TABLE p) d HAVING count(*) > 0;
		SELECT count(*) FROM (TABLE p EXCEPT ALL TABLE h) d HAVING count(*) > 0;
		SET enable_seqscan = off; SET enable_bitmapscan = off;
		SELECT count(*) FROM h JOIN p USING (id) HAVING count(*) <> (SELECT count(*) FROM h);
		SELECT * FROM pyro.verify('p')});
}

sub insert_both
{
	my ($first, $last) = @_;
	$node->safe_psql(
		'postgres', qq{
		INSERT INTO h SELECT i, '2026-01-01Z'::timestamptz + i * interval '1 min',
			(SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 80) j), md5(i::text)
			FROM generate_series($first, $last) i;
		INSERT INTO p SELECT * FROM h WHERE id BETWEEN $first AND $last});
}

# ---- cancelled ----

my %cancelled;
my $inserted = 0;
my @duties = (
	"SET pyro.block_rows = 100; CALL pyro.compact('p')",
	"SET pyro.block_rows = 1000; CALL pyro.compact('p')",
	'VACUUM FULL p', 'VACUUM (INDEX_CLEANUP ON) p', 'REINDEX TABLE p',
	"CALL pyro.drop_before('p', '2026-01-01Z'::timestamptz + CUT * interval '1 min')");
foreach my $round (1 .. $rounds)
{
	insert_both($inserted + 1, $inserted + 400);
	$inserted += 400;
	$node->safe_psql('postgres', "UPDATE $_ SET w = 'x' || id WHERE id % 10 = $round % 10") foreach qw(h p);
	foreach my $duty (@duties)
	{
		my $timeout = 1 + int(rand(40));
		my $cut = $node->safe_psql('postgres', 'SELECT min(id) + 20 FROM h');
		my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = $timeout; " . $duty =~ s/CUT/$cut/r);
		if ($status != 0)
		{
			like($err, qr/canceling statement due to statement timeout/, "only cancelled: $duty") or diag($err);
			$cancelled{$duty}++;
		}

		# what is older is dropped as a whole, or not at all
		$node->safe_psql('postgres', "DELETE FROM h WHERE id < $cut")
		  if $duty =~ /drop_before/ && $status == 0;
		is(differences(), '', "round $round, after $timeout ms of: $duty");
	}
}
ok(keys %cancelled >= 2, 'duties were cancelled: ' . join(', ', map { "$cancelled{$_} of $_" } sort keys %cancelled));
$node->safe_psql('postgres', "CALL pyro.compact('p')");
is(differences(), '', 'compaction goes on');

# ---- the disk is full: no file may grow beyond what they have now ----

# Start the server with a limit on the size of files, in kB.
sub restart_limited
{
	my ($limit) = @_;
	$node->stop;
	system_or_bail('bash', '-c',
		"ulimit -f $limit; exec pg_ctl -w -D '" . $node->data_dir . "' -l '" . $node->logfile . "' start >/dev/null");
	$node->_update_pid(1);
}

insert_both($inserted + 1, $inserted + 12_000);
my $size = $node->safe_psql('postgres',
	q{SELECT pg_relation_size(reltoastrelid) / 1024 FROM pg_class WHERE oid = 'p'::regclass});
cmp_ok($size, '>', 24_000, "the TOAST relation is larger than a segment of WAL ($size kB)");
my $vpages = 'SELECT sum(rows) FROM pyro.blocks';
restart_limited($size + 1_000);
my ($status, $out, $err) = $node->psql('postgres', "CALL pyro.compact('p')");
isnt($status, 0, 'compaction fails where there is no room');
like($err, qr/could not (?:extend|write)|No space left|File too large/, 'and says why');
is(differences(), '', 'nothing is lost');
($status, $out, $err) = $node->psql('postgres', 'VACUUM FULL p');
is(differences(), '', 'nor by VACUUM FULL');
$node->safe_psql('postgres', 'INSERT INTO h SELECT 1000000, now(), NULL, NULL; INSERT INTO p SELECT * FROM h WHERE id = 1000000');
is(differences(), '', 'small rows still go in');

$node->stop;
$node->start;
$node->safe_psql('postgres', "CALL pyro.compact('p')");
is(differences(), '', 'with room again compaction goes on');
is($node->safe_psql('postgres', 'SELECT count(*) FROM p WHERE ctid < \'(2147483648,0)\''), 0, 'to the end');

$node->stop;
done_testing();
