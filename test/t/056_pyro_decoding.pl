# Changes of rows in blocks are decoded as those of a heap's rows, but for an
# update, which comes as DELETE and INSERT.  What is written to that end into
# the head is seen by nobody.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('publisher');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
if ($node->psql('postgres', q{SELECT pg_create_logical_replication_slot('s', 'test_decoding')}) != 0)
{
	plan skip_all => 'test_decoding is not installed';
}
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext; CREATE EXTENSION IF NOT EXISTS pageinspect;');

my %create = (
	default => 'id int PRIMARY KEY, k text NOT NULL, v text',
	full => 'id int PRIMARY KEY, k text NOT NULL, v text',
	index => 'id int PRIMARY KEY, k text NOT NULL, v text, CONSTRAINT %s_k UNIQUE (k)',
	nothing => 'id int PRIMARY KEY, k text NOT NULL, v text');
my %identity = (
	default => 'DEFAULT',
	full => 'FULL',
	index => 'USING INDEX %s_k',
	nothing => 'NOTHING');

sub decoded
{
	my $changes = $node->safe_psql('postgres',
		q{SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')
			WHERE data LIKE 'table public.%'});
	$changes =~ s/\w(?=_(default|full|index|nothing):)/t/g;
	return $changes;
}

# Do statements on a heap and a pyro table; what each of them published.
sub both
{
	my ($kind, @statements) = @_;
	my @results;
	for my $prefix ('h', 'p')
	{
		(my $sql = join('; ', @statements)) =~ s/\bT\b/${prefix}_$kind/g;
		$node->safe_psql('postgres', "BEGIN; $sql; COMMIT;");
		push @results, decoded();
	}
	return @results;
}

for my $kind (sort keys %create)
{
	for my $prefix ('h', 'p')
	{
		my $am = $prefix eq 'h' ? 'heap' : 'pyro';
		my $columns = sprintf($create{$kind}, "${prefix}_$kind");
		my $identity = sprintf($identity{$kind}, "${prefix}_$kind");
		$node->safe_psql('postgres', qq{
			CREATE TABLE ${prefix}_$kind ($columns) USING $am;
			ALTER TABLE ${prefix}_$kind REPLICA IDENTITY $identity;
			INSERT INTO ${prefix}_$kind SELECT i, 'key ' || i, 'row ' || i FROM generate_series(1, 10) i;
			UPDATE ${prefix}_$kind SET v = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i) WHERE id = 10;
		});
	}
	decoded();
	$node->safe_psql('postgres', "CALL pyro.compact('p_$kind')");
	like(decoded(), qr/^(table public.t_$kind: DELETE: \(no-tuple-data\)\n?)*$/, "$kind: compaction publishes nothing");
	is($node->safe_psql('postgres', "SELECT count(*) FROM p_$kind WHERE ctid >= '(2147483648,0)'"),
		'10', "$kind: all rows are in a block");

	my ($heap, $pyro) = both($kind, 'DELETE FROM T WHERE id = 1', 'DELETE FROM T WHERE id = 10');
	if ($kind eq 'nothing')
	{
		like($heap, qr/^(table public.t_nothing: DELETE: \(no-tuple-data\)\n?){2}$/, "nothing: a heap publishes deletes without a row");
		is($pyro, '', 'nothing: no delete is published');
	}
	else
	{
		is($pyro, $heap, "$kind: deletes");
		like($pyro, qr/DELETE: .*(1|'key 1')/, "$kind: they have the old key");
	}

	my $old = { default => 'id[integer]:2', index => "k[text]:'key 2'",
		full => "id[integer]:2 k[text]:'key 2' v[text]:'row 2'" }->{$kind};
	($heap, $pyro) = both($kind, q{UPDATE T SET v = 'changed' WHERE id = 2});
	my $delete = $kind eq 'nothing' ? '' : "table public.t_$kind: DELETE: $old\n";
	my $insert = $kind eq 'nothing' ? '' :
		"table public.t_$kind: INSERT: id[integer]:2 k[text]:'key 2' v[text]:'changed'";
	is($pyro, $delete . $insert, "$kind: an update");
	($heap, $pyro) = both($kind, q{UPDATE T SET v = 'again' WHERE id = 2});
	is($pyro, $heap, "$kind: an update of a row of the head");

	($heap, $pyro) = both($kind, 'SAVEPOINT a', 'DELETE FROM T WHERE id = 3', 'ROLLBACK TO a',
		'DELETE FROM T WHERE id = 4');
	unlike($pyro, qr/3/, "$kind: what is rolled back is not published");
	is($pyro, $kind eq 'nothing' ? '' : $heap, "$kind: what comes after is");

	($heap, $pyro) = both($kind, q{INSERT INTO T VALUES (5, 'key 50', 'x') ON CONFLICT (id) DO UPDATE SET k = excluded.k},
		'DELETE FROM T WHERE id = 5');
	is(scalar(() = $pyro =~ /INSERT/g), $kind eq 'nothing' ? 0 : 1, "$kind: a row updated and deleted, inserted once");
	is(scalar(() = $pyro =~ /DELETE/g), $kind eq 'nothing' ? 1 : 2, "$kind: and deleted twice");

	# Nobody sees the stub, by no scan, in no transaction.
	my $seen = q{
		SELECT string_agg(concat(id, k, v), ',' ORDER BY id) FROM T;
		SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
		SELECT string_agg(concat(id, k, v), ',' ORDER BY id) FROM T WHERE id > 0;
		SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = on;
		SELECT string_agg(concat(id, k, v), ',' ORDER BY id) FROM T WHERE id > 0;
		SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = off;
		SELECT string_agg(concat(id, k, v), ',' ORDER BY id) FROM T TABLESAMPLE SYSTEM (100);
		SELECT string_agg(concat(id, k, v), ',' ORDER BY id) FROM T TABLESAMPLE BERNOULLI (100);
		SELECT string_agg(concat(id, k, v), ',' ORDER BY id) FROM T WHERE ctid >= '(0,0)';
		SELECT string_agg(concat(t.id, t.k, t.v), ',' ORDER BY t.id) FROM generate_series(1, 100) n, T t WHERE t.ctid = ('(0,' || n || ')')::tid};
	my @commands = (q{UPDATE p SET v = 'now' WHERE id = 6}, 'DELETE FROM p WHERE id = 7', 'SAVEPOINT a',
		q{UPDATE p SET v = 'now', k = k || '!' WHERE id = 8}, 'RELEASE a');
	(my $script = "BEGIN; " . join('; ', map { "$_; $seen" } @commands) .
		"; CREATE UNIQUE INDEX ON T (id, v); CREATE INDEX ON T (lower(k)); ANALYZE T; $seen;") =~ s/\bUPDATE p\b/UPDATE T/g;
	$script =~ s/\bDELETE FROM p\b/DELETE FROM T/g;
	my %results;
	for my $prefix ('h', 'p')
	{
		(my $sql = $script) =~ s/\bT\b/${prefix}_$kind/g;
		# rows of the head alone differ: by TID all rows of the heap are found
		$results{$prefix} = [ split /\n/, $node->safe_psql('postgres', "$sql COMMIT; SELECT 'after', string_agg(concat(id, k, v), ',' ORDER BY id) FROM ${prefix}_$kind;") ];
	}
	my @by_tid = grep { $_ % 7 == 6 } (0 .. $#{ $results{h} } - 1);
	for my $i (@by_tid)
	{
		my %live = map { $_ => 1 } split /,/, $results{h}[ $i - 1 ];
		is_deeply([ grep { !$live{$_} } split /,/, $results{p}[$i] // '' ], [], "$kind: a fetch by TID finds live rows only");
		$results{$_}[$i] = '' for 'h', 'p';
	}
	is(join("\n", @{ $results{p} }), join("\n", @{ $results{h} }), "$kind: all scans see the same as on a heap");
	decoded();
}

# the stubs are in the head, and were deleted by the command that made them
my $stubs = $node->safe_psql('postgres', q{
	BEGIN;
	DELETE FROM p_default WHERE id = 9;
	SELECT count(*) FILTER (WHERE t_xmin = t_xmax AND t_xmin::text = txid_current()::text) || ' ' ||
		count(*) FILTER (WHERE t_xmin = t_xmax AND t_xmin::text = txid_current()::text AND t_infomask & 32 <> 0)
		FROM heap_page_items(get_raw_page('p_default', 0));
	COMMIT;});
is($stubs, '1 0', 'a stub without a combo command id');
is($node->safe_psql('postgres', 'VACUUM p_default; SELECT count(*) FROM p_default'), '4', 'VACUUM takes it');

# pgoutput: nothing of the extension's own tables
$node->safe_psql('postgres', q{CREATE PUBLICATION everything FOR ALL TABLES; SELECT pg_create_logical_replication_slot('o', 'pgoutput')});
$node->safe_psql('postgres', q{UPDATE p_full SET v = 'published' WHERE id = 9});
my $kinds = $node->safe_psql('postgres', q{
	SELECT string_agg(chr(get_byte(data, 0)), '') FROM pg_logical_slot_get_binary_changes('o', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')});
is($kinds, 'BRDIC', 'pgoutput: one relation, a delete and an insert');

$node->stop;
done_testing();
