# Logical replication of everything, from a table with blocks to another that
# is compacted on its own.  What users do arrives; what compaction does never
# leaves, and the extension's own tables neither send nor receive.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{PYRO_TEST_FULL} ? 60 : 6;
my $seed = $ENV{PYRO_TEST_SEED} // int(rand(1_000_000));
note "PYRO_TEST_SEED=$seed";
srand($seed);

my %nodes;
foreach my $name (qw(publisher subscriber))
{
	my $node = $nodes{$name} = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "fsync = off\nlog_statement = none\nautovacuum = off\ntimezone = 'UTC'\nlogical_decoding_work_mem = 64kB\npyro.block_rows = " . ($name eq 'publisher' ? 100 : 70));
	$node->start;

	# each has blocks of its own before, so that no number can be mistaken
	$node->safe_psql(
		'postgres', qq{
		CREATE EXTENSION pyro_ext;
		CREATE FUNCTION big(seed int, n int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
			\$\$ SELECT string_agg(md5((1000 * seed + i)::text), '') FROM generate_series(1, n) i \$\$;
		CREATE TABLE keyed (id int PRIMARY KEY, k int, t text, prof profile) USING pyro;
		CREATE TABLE whole (id int, k int, t text) USING pyro;
		ALTER TABLE whole REPLICA IDENTITY FULL;
		CREATE TABLE indexed (id int, k int NOT NULL, n int NOT NULL, t text) USING pyro;
		CREATE UNIQUE INDEX indexed_unique ON indexed (n, k);
		ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_unique;
		CREATE TABLE parted (id int, k int, t text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
		CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (500) USING pyro;
		CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (500) TO (1000) USING pyro});
}
my ($publisher, $subscriber) = @nodes{qw(publisher subscriber)};
my @tables = qw(keyed whole indexed parted_low parted_high);

my $contents = join ' UNION ALL ', map {
	"SELECT '$_', count(*), sum(k), md5(string_agg(r, '|' ORDER BY r)) FROM (SELECT k, concat_ws(',', $_.*) AS r FROM $_) x"
} @tables;
my $own = 'SELECT (SELECT count(*) FROM pyro.storage) AS storage, (SELECT count(*) FROM pyro.block) AS block, (SELECT count(*) FROM pyro.block_delete) AS mark';

sub compact
{
	my ($node) = @_;
	$node->safe_psql('postgres', join ';', map { "CALL pyro.compact('$_')" } @tables);
	return;
}

sub arrives
{
	my ($when) = @_;
	$publisher->wait_for_catchup('everything');
	is($subscriber->safe_psql('postgres', $contents), $publisher->safe_psql('postgres', $contents), "$when: the subscriber has what the publisher has");
	foreach my $name (sort keys %nodes)
	{
		is($nodes{$name}->safe_psql('postgres', join ' UNION ALL ', map { "SELECT '$_', v::text FROM pyro.verify('$_') v" } @tables), '', "$when: nothing is wrong on the $name");
	}
	return;
}

sub insert
{
	my ($from, $to) = @_;
	return join '', map {
		my $table = $_;
		my $last = { keyed => ", ('main;f' || i || ' 1')::profile", indexed => '' }->{$table} // '';
		my $n = $table eq 'indexed' ? 'i / 3, ' : '';
		my $k = $table eq 'indexed' ? 'i % 3' : 'i * 7 % 1000';
		"INSERT INTO $table SELECT i, $k, ${n}CASE i % 5 WHEN 0 THEN big(i, 150) WHEN 1 THEN NULL ELSE 'text ' || i END$last FROM generate_series($from, $to) i;\n";
	} qw(keyed whole indexed parted);
}

# Rows from before: the first synchronisation copies blocks and head.
$publisher->safe_psql('postgres', insert(1, 250));
compact($publisher);
$publisher->safe_psql('postgres', insert(251, 300));
$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
# one more slot, read as text, sees all that decoding gives
$publisher->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('text', 'test_decoding')});
$publisher->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('binary', 'pgoutput')});
my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$connection' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'everything');
is($subscriber->safe_psql('postgres', $own), '0|0|0', 'the extension\'s own tables were not copied');
cmp_ok($publisher->safe_psql('postgres', 'SELECT count(*) FROM pyro.block'), '>', 2, 'although the publisher has rows there');
arrives('at the beginning');

# How many changes there are to send: rows of pgoutput, of which its
# messages of transactions and relations are no part.
sub published
{
	return $publisher->safe_psql(
		'postgres', q{SELECT count(*) FROM pg_logical_slot_peek_binary_changes('binary', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')
			WHERE get_byte(data, 0) IN (ascii('I'), ascii('U'), ascii('D'), ascii('T'))});
}

sub drain
{
	$publisher->safe_psql('postgres', q{SELECT count(*) FROM pg_logical_slot_get_binary_changes('binary', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')});
	return $publisher->safe_psql('postgres', q{SELECT string_agg(data, E'\n') FROM pg_logical_slot_get_changes('text', NULL, NULL) WHERE data ~ '^table '});
}

# a deleted row of which nothing is said is what a plugin gets of compaction
my $shown = qr/^table [\w.]+: (?!DELETE: \(no-tuple-data\)$)/m;
drain();
compact($publisher);
is(published(), '0', 'compaction publishes nothing');
unlike(drain(), $shown, 'and shows no row to whoever decodes');
arrives('compacted on the publisher');
compact($subscriber);
arrives('compacted on both sides');

# Compacted rows are updated and deleted, by key, by the whole row, and by an
# index; with and without a change of the key; within aborted subtransactions.
sub changes
{
	my ($round) = @_;
	my $some = "id % 11 = $round % 11";
	my $other = "id % 13 = $round % 13";
	return "BEGIN;\n" . join('', map {
		my $table = $_;
		my $key = { keyed => 'id = id + 100000', whole => 'id = id + 100000', indexed => 'n = n + 100000', parted => 'k = (k + 500) % 1000' }->{$table};
		"UPDATE $table SET t = coalesce(left(t, 20), '') || '$round' WHERE $some;
		SAVEPOINT a;
		DELETE FROM $table;
		ROLLBACK TO a;
		UPDATE $table SET t = t WHERE id % 17 = $round % 17;
		DELETE FROM $table WHERE $other;
		UPDATE $table SET $key WHERE id < 100000 AND id % 59 = $round % 59;\n"
	} qw(keyed whole indexed parted)) . 'COMMIT;';
}

foreach my $round (1 .. $rounds)
{
	my @steps = (
		sub { $publisher->safe_psql('postgres', changes($round)) },
		sub { $publisher->safe_psql('postgres', insert(1000 * $round, 1000 * $round + 80)) },
		sub { compact($publisher) },
		sub { compact($subscriber) },
		sub { $publisher->safe_psql('postgres', 'VACUUM') },
		sub { $subscriber->safe_psql('postgres', 'VACUUM') });
	$_->() foreach map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @steps;
	arrives("round $round");
}
my $decoded = drain();
like($decoded, qr/^table public\.keyed: /m, 'changes of users are decoded');
unlike($decoded, qr/^table pyro\.\w+: (?!DELETE: \(no-tuple-data\)$)/m, 'those of the extension are not');

# A row updated by the subscriber's own apply while its own compaction has it.
$publisher->safe_psql('postgres', 'TRUNCATE keyed, whole');
arrives('truncated');
$publisher->safe_psql('postgres', insert(50_000, 50_200));
compact($publisher);
arrives('filled again');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM pg_subscription_rel WHERE srrelid::regclass::text LIKE 'pyro.%' AND srsubstate NOT IN ('r', 's')}), '0', 'no table of the extension waits for a copy');
unlike(slurp_file($subscriber->logfile), qr/ERROR|FATAL(?!.*terminating)|PANIC/, 'the subscriber had no error');

# Copies of the blocks of a table that is gone on one side only.
$publisher->safe_psql('postgres', 'DROP TABLE whole');
$publisher->safe_psql('postgres', insert(60_000, 60_001) =~ s/^INSERT INTO whole.*\n//mr);
$publisher->wait_for_catchup('everything');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM whole') > 0, 1, 'a table dropped on the publisher stays on the subscriber');
is($subscriber->safe_psql('postgres', q{SELECT * FROM pyro.verify('whole')}), '', 'and is right');

$_->stop foreach values %nodes;
done_testing();
