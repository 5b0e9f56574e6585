# Damaged payload: reading says which table, block and stream, other blocks can
# be read, pyro.verify lists what is damaged and nothing else, and what is
# sound can be saved.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('damage');

# with checksums of pages, which 18 has by itself, damage is noticed earlier
$node->init(extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : [], force_initdb => 1);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pyro_ext;
	CREATE TABLE t (id int PRIMARY KEY, b text, c float8) USING pyro;
	INSERT INTO t SELECT n, sha512(n::text::bytea)::text, n FROM generate_series(1, 500) n});
$node->safe_psql('postgres', "SET pyro.block_rows = 100; CALL pyro.compact('t')");
is($node->safe_psql('postgres', q{SELECT string_agg(block::text, ',' ORDER BY block) FROM pyro.blocks}), '0,1,2,3,4', 'five blocks');

# A block's chunks and where in its payload a stream lies: offset and size.
my $toast = $node->safe_psql('postgres', q{SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 't'});
my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$toast')");
my %payload = split /[|\n]/, $node->safe_psql('postgres', 'SELECT first_vpage, payload FROM pyro.block');

sub stream
{
	my ($block, $column) = @_;
	my $layout = pack 'H*', $node->safe_psql('postgres', "SELECT encode(streams, 'hex') FROM pyro.block WHERE first_vpage = $block");
	my (undef, $count) = unpack 'SS', $layout;
	foreach my $i (0 .. $count - 1)
	{
		my ($attnum, undef, $offset, $stored) = unpack 'sSLL', substr $layout, 16 + 24 * $i;
		return ($offset, $stored) if $attnum == $column;
	}
	die "no stream of column $column";
}

# The block's payload, in the file: positions of 16 bytes of it.
sub position_in_file
{
	my ($block, $offset) = @_;
	my $bytes = pack 'H*', $node->safe_psql('postgres', "SELECT encode(substr(string_agg(chunk_data, '' ORDER BY chunk_seq), $offset + 1, 16), 'hex') FROM $toast WHERE chunk_id = $payload{$block}");
	my $file = slurp_file($path);
	my $position = index $file, $bytes;
	die 'these bytes are not there once' if $position < 0 || index($file, $bytes, $position + 1) >= 0;
	return $position;
}

sub flip
{
	my ($position) = @_;
	open my $file, '+<:raw', $path or die "could not open $path: $!";
	seek $file, $position, 0;
	read $file, my $byte, 1;
	seek $file, $position, 0;
	print $file chr(255 - ord $byte);
	close $file or die "could not write $path: $!";
	return;
}

sub rows_of_block
{
	my ($block) = @_;
	my ($from, $to) = (2147483648 + $block, 2147483649 + $block);
	return $node->psql('postgres', "\\set VERBOSITY verbose\nSET enable_seqscan = off; SELECT count(*), sum(id), sum(c), count(DISTINCT b) FROM t WHERE ctid >= '($from,1)' AND ctid < '($to,0)'");
}

$node->safe_psql('postgres', 'CHECKPOINT');
my ($b_offset, $b_size) = stream(1, 2);
my ($c_offset, $c_size) = stream(3, 3);
my ($id_offset, $id_size) = stream(3, 1);
my @positions = (position_in_file(1, $b_offset + int($b_size / 2)), position_in_file(3, $c_offset + int($c_size / 2)));
$node->stop;
flip($_) foreach @positions;
$node->start;

my ($status, $output, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT count(*), max(b) FROM t");
is($status, 3, 'reading the table fails');
like($error, qr/ERROR:  XX001: a block's stream of column 2 is damaged.*block 1 of table "t"/s, 'the error names table, block and stream');
my %damaged = (1 => 2, 3 => 3);
foreach my $block (0 .. 4)
{
	($status, $output, $error) = rows_of_block($block);
	if ($damaged{$block})
	{
		like($error, qr/ERROR:  XX001: a block's stream of column $damaged{$block} is damaged.*block $block of table "t"/s, "block $block cannot be read");
		next;
	}
	my ($first, $last) = (100 * $block + 1, 100 * $block + 100);
	my $sum = ($first + $last) * 50;
	is($output, "100|$sum|$sum|100", "block $block can be read");
}
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT c FROM t WHERE id = 250'), '250', 'so can its rows by an index');
is( $node->safe_psql('postgres', q{SELECT * FROM pyro.verify('t')}),
	qq{block 1 of table "t", stream of column "b": a block's stream of column 2 is damaged: Its checksum is wrong.
block 3 of table "t", stream of column "c": a block's stream of column 3 is damaged: Its checksum is wrong.},
	'pyro.verify lists both, and nothing else');

# Nothing that rewrites all rows may lose those quietly.
foreach my $statement ('ALTER TABLE t SET ACCESS METHOD heap', 'ALTER TABLE t ALTER c TYPE numeric', 'CREATE TABLE copy AS SELECT * FROM t')
{
	($status, undef, $error) = $node->psql('postgres', $statement);
	like($error, qr/a block's stream of column \d is damaged/, "refused: $statement");
}
# Copying blocks as they are keeps them damaged, and known to be.
$node->safe_psql('postgres', 'VACUUM FULL t');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pyro.verify('t')}), '2', 'VACUUM FULL keeps them as they are');

# A chunk that is not there at all, by a page of zeros.
$toast = $node->safe_psql('postgres', q{SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 't'});
$path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$toast')");
%payload = split /[|\n]/, $node->safe_psql('postgres', 'SELECT first_vpage, payload FROM pyro.block');
my ($page) = $node->safe_psql('postgres', "SELECT (ctid::text::point)[0] FROM $toast WHERE chunk_id = $payload{4} ORDER BY chunk_seq DESC LIMIT 1");
is($node->safe_psql('postgres', "SELECT DISTINCT chunk_id FROM $toast WHERE (ctid::text::point)[0] = $page"), $payload{4}, 'a page of block 4 alone');
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;
open my $file, '+<:raw', $path or die "could not open $path: $!";
seek $file, 8192 * $page, 0;
print $file "\0" x 8192;
close $file or die "could not write $path: $!";
$node->start;
($status, $output, $error) = rows_of_block(4);
like($error, qr/ERROR:  XX001: .*block 4 of table "t"/s, 'a missing chunk is damage of its block');
($status, $output, $error) = rows_of_block(2);
is($output, '100|25050|25050|100', 'and of no other');
my $found = $node->safe_psql('postgres', q{SELECT * FROM pyro.verify('t')});
like($found, qr/^block 1 of .*\nblock 3 of .*\n(block 4 of table "t", stream of .*\n?)+$/, 'pyro.verify lists it');

# What can be read is saved block by block; the rest of the table goes on.
$node->safe_psql(
	'postgres', q{
	INSERT INTO t VALUES (501, 'head', 501);
	CREATE TABLE saved (LIKE t);
	DO $$
	DECLARE
		part record;
	BEGIN
		SET LOCAL enable_seqscan = off;
		FOR part IN SELECT block + 2147483648 AS first, block + 2147483648 + (rows + 255) / 256 AS next
			FROM pyro.blocks WHERE relation = 't'::regclass UNION ALL SELECT 0, 2147483648 LOOP
			BEGIN
				EXECUTE format('INSERT INTO saved SELECT * FROM t WHERE ctid >= %L AND ctid < %L',
					format('(%s,0)', part.first), format('(%s,0)', part.next));
			EXCEPTION WHEN data_corrupted THEN
				RAISE NOTICE 'block % is lost: %', part.first - 2147483648, SQLERRM;
			END;
		END LOOP;
	END $$});
is($node->safe_psql('postgres', 'SELECT count(*), sum(id) FROM saved'), (100 + 100 + 1) . '|' . (5050 + 25050 + 501), 'what is sound is saved');
$node->safe_psql('postgres', 'DROP TABLE t');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pyro.block'), '0', 'the damaged table can be dropped');

$node->stop;
done_testing();
