# Blocks go where the table goes: to standbys, which check every page that they
# replay, to a promoted one, into a recovery to a point between two compactions,
# through pg_dump, into a copy of the database, and to another tablespace.
# A heap table, which gets the same changes in the same transactions, tells what
# the contents must be.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PyroSession;
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = $ENV{PYRO_TEST_FULL} ? 60 : 8;
my $seed = $ENV{PYRO_TEST_SEED} // int(rand(1_000_000));
note "PYRO_TEST_SEED=$seed";
srand($seed);

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, has_archiving => 1);
$primary->append_conf(
	'postgresql.conf', q{
	fsync = off
	log_statement = none
	wal_consistency_checking = all
	autovacuum_naptime = 1s
	max_wal_size = 256MB
	pyro.block_rows = 100});
$primary->start;

my $columns = '(id int PRIMARY KEY, k int NOT NULL, ts timestamptz NOT NULL, t text, prof profile)';
$primary->safe_psql(
	'postgres', qq{
	CREATE EXTENSION pyro_ext;
	CREATE FUNCTION big(seed int, n int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		\$\$ SELECT string_agg(md5((1000 * seed + i)::text), '') FROM generate_series(1, n) i \$\$;
	CREATE TABLE h $columns USING heap;
	CREATE TABLE p $columns USING pyro;
	CREATE INDEX h_k ON h (k, id);
	CREATE INDEX p_k ON p (k, id);
	CREATE INDEX p_prof ON p USING hash (prof)});

my $contents = q{SELECT count(*), sum(k), md5(string_agg(concat_ws('|', id, k, ts, md5(t), prof), ',' ORDER BY id)) FROM };
my %ways = (
	'sequential scan' => [ 'SET enable_indexscan = off; SET enable_bitmapscan = off;', 'true' ],
	'index scan' => [ 'SET enable_seqscan = off; SET enable_bitmapscan = off;', 'k >= 0' ],
	'bitmap scan' => [ 'SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off;', 'k >= 0' ]);

# Table p of a database is what it has to be: heap's contents, or what is told.
sub check
{
	my ($node, $database, $when, $expected) = @_;
	my $zone = "SET timezone = 'UTC';";
	$expected //= $node->safe_psql($database, "$zone $contents h");
	like($expected, qr/^[1-9]/, "$when: there are rows");
	foreach my $way (sort keys %ways)
	{
		my ($set, $where) = @{ $ways{$way} };
		is($node->safe_psql($database, "$zone $set $contents p WHERE $where"), $expected, "$when: $way");
	}
	is($node->safe_psql($database, "SELECT * FROM pyro.verify('p')"), '', "$when: nothing is wrong");
	return $expected;
}

# Goes on with a table: changes, compaction, and all of it again.
sub goes_on
{
	my ($node, $database, $when) = @_;
	foreach my $time (1, 2)
	{
		$node->safe_psql($database, change($_)) foreach qw(p h);
		my ($status, undef, $error) = $node->psql($database, "CALL pyro.compact('p')");
		is("$status$error", '0', "$when: compaction, time $time");
	}
	check($node, $database, "$when, gone on");
	return;
}

# New rows, changed and deleted ones; each call is the same for both tables.
my ($calls, $base, $mix) = (0, 0, 0);
sub change
{
	my ($table) = @_;
	($base, $mix) = ($base + 150, int(rand(1000))) if $calls++ % 2 == 0;
	return "INSERT INTO $table SELECT i, i * 31 % 1000, '2024-01-01 00:00Z'::timestamptz + i * interval '1 s', CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN big(i, 90) ELSE big(i, 1) END,
			('main;f' || i % 20 || ' ' || i)::profile FROM generate_series($base, $base + 149) i;
		UPDATE $table SET k = (k + 1) % 1000, t = left(t, 1000) || '+' WHERE k % 29 = $mix % 29;
		DELETE FROM $table WHERE k % 23 = $mix % 23;
		INSERT INTO $table SELECT id, 7, ts, 'again', NULL FROM $table WHERE id % 37 = $mix % 37 ON CONFLICT (id) DO UPDATE SET k = 7, t = EXCLUDED.t;";
}

sub change_both
{
	my ($node) = @_;
	$node->safe_psql('postgres', join "\n", 'BEGIN;', change('p'), change('h'), 'COMMIT;');
	return;
}

sub blocks
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, 'SELECT count(*) FROM pyro.block');
}

# Two standbys, with and without hot_standby_feedback.
change_both($primary);
$primary->safe_psql('postgres', "CALL pyro.compact('p')");
$primary->backup('base');
my %standbys;
foreach my $feedback (qw(on off))
{
	my $standby = PostgreSQL::Test::Cluster->new("standby_feedback_$feedback");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "hot_standby_feedback = $feedback\nwal_receiver_status_interval = 1s\nmax_standby_streaming_delay = 200ms");
	$standby->start;
	$standbys{$feedback} = $standby;
}

# Each is read all the time: one statement sees both tables equal, one snapshot
# sees the same again.  Without feedback recovery may cancel the reader.
my $folder = $primary->basedir . '/readers';
mkdir $folder;
my $difference = "SELECT 'differ', (SELECT count(*) FROM (TABLE h EXCEPT ALL TABLE p) x), (SELECT count(*) FROM (TABLE p EXCEPT ALL TABLE h) x)";
sub read_all_the_time
{
	my ($feedback) = @_;
	my $pid = fork() // die "could not fork: $!";
	return $pid if $pid;
	my $session = PyroSession->new($standbys{$feedback}, 'postgres', name => 'reader');
	my $unread = "\\set onemd5 ''\n\\set twomd5 ''\n";	# where the first reading is cancelled
	open my $notes, '>', "$folder/$feedback" or POSIX::_exit(1);
	while (!-e "$folder/stop")
	{
		my ($output, $alive) = $session->run("${unread}BEGIN ISOLATION LEVEL REPEATABLE READ;\n$contents p \\gset one\n$difference;\nSELECT pg_sleep(0.1);\n"
			  . ((values %ways)[ rand 3 ][0] =~ s/SET/SET LOCAL/gr) . "\n$difference;\n$contents p \\gset two\nSELECT 'moved', :'onemd5' = :'twomd5';\nCOMMIT;");
		print $notes "round\n";
		foreach my $line (split /\n/, $output)
		{
			print $notes "cancelled\n" if $line =~ /ERROR:\s+40001: canceling statement due to conflict|FATAL:\s+40001/;
			print $notes "E $line\n" if ($line =~ /ERROR|FATAL|PANIC/ && $line !~ /(?:ERROR|FATAL):\s+(?:40001|25P02):/)
			  || ($line =~ /^differ/ && $line ne 'differ|0|0') || $line eq 'moved|f';
		}
		next if $alive;
		$session->finish;
		$session = PyroSession->new($standbys{$feedback}, 'postgres', name => 'reader');
	}
	close $notes;
	$session->finish;
	POSIX::_exit(0);
}

my @readers = map { read_all_the_time($_) } sort keys %standbys;
foreach my $round (1 .. $rounds)
{
	change_both($primary);
	$primary->safe_psql('postgres', "CALL pyro.compact('p')");
	# not the TOAST table's index: a new one has no rows for snapshots that only
	# a standby has, so that heap, too, misses values there
	$primary->safe_psql('postgres', (
		'VACUUM p', 'VACUUM (INDEX_CLEANUP ON) p', 'VACUUM (FREEZE) p', 'CHECKPOINT', 'ANALYZE', 'REINDEX INDEX p_k')[ $round % 6 ]);
	next if $round % 4;
	foreach my $feedback (sort keys %standbys)
	{
		$primary->wait_for_catchup($standbys{$feedback}, 'replay', $primary->lsn('write'));
		is($standbys{$feedback}->safe_psql('postgres', "$contents p"), $primary->safe_psql('postgres', "$contents h"), "round $round: standby, feedback $feedback");
	}
}
open my $stop, '>', "$folder/stop";
close $stop;
waitpid $_, 0 foreach @readers;
cmp_ok(blocks($primary, 'postgres'), '>', 0, 'there are blocks');
foreach my $feedback (sort keys %standbys)
{
	my $notes = slurp_file("$folder/$feedback");
	my $read = () = $notes =~ /^round$/mg;
	my $cancelled = () = $notes =~ /^cancelled$/mg;
	note "feedback $feedback: read $read times, cancelled $cancelled times";
	cmp_ok($read - $cancelled, '>', 0, "feedback $feedback: the standby was read meanwhile");
	is(join("\n", $notes =~ /^(E .*)$/mg), '', "feedback $feedback: readers saw both tables equal, and no change in a snapshot");
	$primary->wait_for_catchup($standbys{$feedback}, 'replay', $primary->lsn('write'));
	check($standbys{$feedback}, 'postgres', "standby, feedback $feedback", $primary->safe_psql('postgres', "SET timezone = 'UTC'; $contents h"));
}

# A restore point between two compactions, with changes on both sides.
$primary->safe_psql('postgres', q{UPDATE p SET t = 'marked' WHERE k % 5 = 1});
$primary->safe_psql('postgres', q{UPDATE h SET t = 'marked' WHERE k % 5 = 1});
my $at_point = check($primary, 'postgres', 'before the restore point');
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('between')});
change_both($primary);
$primary->safe_psql('postgres', "CALL pyro.compact('p')");
$primary->safe_psql('postgres', 'VACUUM p');
my $after_point = check($primary, 'postgres', 'after the restore point');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', q{SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) OR pg_walfile_name(pg_current_wal_lsn()) > last_archived_wal FROM pg_stat_archiver})
  or die 'WAL is not archived';

# Another database, and another tablespace.
$primary->safe_psql('postgres', $_)
  foreach "SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION ''", 'CREATE DATABASE copied_wal TEMPLATE postgres STRATEGY wal_log',
  'CREATE DATABASE copied_file TEMPLATE postgres STRATEGY file_copy TABLESPACE elsewhere';
foreach my $database (qw(copied_wal copied_file))
{
	check($primary, $database, $database, $after_point);
	is(blocks($primary, $database), blocks($primary, 'postgres'), "$database: has the blocks");
	goes_on($primary, $database, $database);
	check($primary, 'postgres', "the template of $database", $after_point);
}
$primary->safe_psql('template1', 'ALTER DATABASE copied_wal SET TABLESPACE elsewhere');
my $moved = check($primary, 'copied_wal', 'database in another tablespace');
goes_on($primary, 'copied_wal', 'database in another tablespace');
$primary->safe_psql('copied_wal', 'DROP TABLE p');
check($primary, 'postgres', 'a table was dropped in the copy', $after_point);

$primary->safe_psql('postgres', 'ALTER TABLE p SET TABLESPACE elsewhere');
check($primary, 'postgres', 'table in another tablespace', $after_point);
is($primary->psql('postgres', 'BEGIN; ALTER TABLE p SET TABLESPACE pg_default; ROLLBACK'), 0, 'and back, in vain');
check($primary, 'postgres', 'table still in another tablespace', $after_point);
goes_on($primary, 'postgres', 'table in another tablespace');
$primary->safe_psql('postgres', 'ALTER TABLE p SET TABLESPACE pg_default');
my $final = check($primary, 'postgres', 'table back again');

# Dump and restore; the restored table is one of blocks as well.
my $dump = $primary->basedir . '/p.dump';
$primary->command_ok([ 'pg_dump', '--format', 'custom', '--file', $dump, $primary->connstr('postgres') ], 'pg_dump');
$primary->safe_psql('template1', 'CREATE DATABASE restored TEMPLATE template0');
$primary->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $primary->connstr('restored'), $dump ], 'pg_restore');
check($primary, 'restored', 'restored', $final);
is($primary->safe_psql('restored', q{SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relname = 'p'}), 'pyro', 'restored: the access method');
goes_on($primary, 'restored', 'restored');

# All that is on the standbys as well; one of them becomes the primary.
foreach my $feedback (sort keys %standbys)
{
	$primary->wait_for_catchup($standbys{$feedback}, 'replay', $primary->lsn('write'));
	check($standbys{$feedback}, 'postgres', "standby at last, feedback $feedback", $final);
	check($standbys{$feedback}, 'copied_file', "copied database on the standby, feedback $feedback");
}
$primary->stop('immediate');
$standbys{off}->promote;
check($standbys{off}, 'postgres', 'promoted', $final);
goes_on($standbys{off}, 'postgres', 'promoted');
$_->stop foreach values %standbys;

# Recovery to the point between the compactions.
my $recovered = PostgreSQL::Test::Cluster->new('recovered');
$recovered->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
$recovered->append_conf('postgresql.conf', "recovery_target_name = 'between'\nrecovery_target_action = 'promote'");
$recovered->start;
$recovered->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
check($recovered, 'postgres', 'recovered to the point', $at_point);
goes_on($recovered, 'postgres', 'recovered to the point');
$recovered->stop;

done_testing();
