# The files of a table that is loaded in portions, with compaction and VACUUM
# after each, stay near its live bytes, and come back to them after a snapshot
# has kept everything from being reclaimed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $portions = $ENV{PYRO_TEST_FULL} ? 60 : 30;
my $node = PostgreSQL::Test::Cluster->new('size');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nmax_wal_size = 4GB");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

# 100 rows of 40 kB in a portion, of which compression leaves a twentieth
sub create_table
{
	my ($name, $parameters) = @_;
	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $name (at int, v text) USING pyro $parameters;
		ALTER TABLE $name ALTER v SET STORAGE EXTERNAL;
	});
}

sub load
{
	my ($name, $portion) = @_;
	$node->safe_psql(
		'postgres', qq{
		INSERT INTO $name
			SELECT $portion * 100 + i, (SELECT repeat(string_agg(md5(random()::text || i || j), ''), 20) FROM generate_series(1, 60) j)
			FROM generate_series(1, 100) i;
	});
	compact($name);
}

sub compact
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CALL pyro.compact('$name')");
	$node->safe_psql('postgres', "VACUUM $name");
}

# The table's files in relation to its payload.
sub part
{
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"SELECT round(pg_total_relation_size('$name')::numeric / stored_bytes, 2) FROM pyro.tables WHERE relation = '$name'::regclass"
	);
}

my $settled = 'WITH (toast.vacuum_index_cleanup = on)';
create_table('loaded', $settled);
load('loaded', $_) foreach 1 .. $portions;
compact('loaded');
my $part = part('loaded');
cmp_ok($part, '<=', 1.4, "loaded in $portions portions: files within 1.4 of live bytes ($part)");

# a reader from before keeps all that is moved
create_table('held', $settled);
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM held');
load('held', $_) foreach 1 .. $portions;
$part = part('held');
cmp_ok($part, '>', 5, "with an old snapshot nothing is given back ($part)");
is($reader->query_safe('SELECT count(*) FROM held'), 0, 'which sees what it saw before');
$reader->query_safe('COMMIT');
$reader->quit;
$node->safe_psql('postgres', 'VACUUM held');
compact('held') foreach 1 .. 3;

# but for the index of the TOAST relation, which only REINDEX makes smaller
$node->safe_psql('postgres',
	"SELECT format('REINDEX TABLE %s', reltoastrelid::regclass) FROM pg_class WHERE oid = 'held'::regclass \\gexec"
);
$part = part('held');
cmp_ok($part, '<=', 1.4, "once it has ended the files come down ($part)");
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT at), min(length(v)) FROM held"),
	($portions * 100) . '|' . ($portions * 100) . '|38400', 'and all rows are there');
is($node->safe_psql('postgres', "SELECT * FROM pyro.verify('held')"), '', 'and sound');

# without the parameter VACUUM leaves the tail: it is worth what is said of it
create_table('plain', 'WITH (toast.vacuum_index_cleanup = off)');
load('plain', $_) foreach 1 .. $portions;
compact('plain');
$part = part('plain');
cmp_ok($part, '>', 1.4, "without index cleanup they do not ($part)");

$node->stop;
done_testing();
