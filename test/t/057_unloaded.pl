# A session that has not loaded the library drops tables: the event trigger
# notices; where event triggers are off, the next compaction does.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('unloaded');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

my $storages = 'SELECT string_agg(relid::text, \' \' ORDER BY relid) FROM pyro.storage';
my $rest = 'SELECT (SELECT count(*) FROM pyro.storage), (SELECT count(*) FROM pyro.block), (SELECT count(*) FROM pyro.block_delete)';

my $said = 'SELECT (SELECT count(*) FROM pyro.policy), (SELECT count(*) FROM pyro.retention_rule), (SELECT count(*) FROM pyro.run)';

# Tables with blocks and marks; c also with an index, whose own DROP, before the
# table's, loads the library.
sub make
{
	foreach my $table (@_)
	{
		$node->safe_psql('postgres', "CREATE TABLE $table (id int, t text) USING pyro; INSERT INTO $table SELECT n, 'x' FROM generate_series(1, 100) n");
		$node->safe_psql('postgres', "CREATE INDEX ON $table (id)") if $table eq 'c';
		$node->safe_psql('postgres', "CALL pyro.compact('$table')");
		$node->safe_psql('postgres', "DELETE FROM $table WHERE id < 10");
	}
	return;
}

foreach my $preload ('', 'pyro_ext')
{
	my $when = $preload ? 'preloaded' : 'not loaded';
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'");
	$node->restart;
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: nothing at first");

	make('a');
	$node->safe_psql('postgres', 'DROP TABLE a');
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: DROP TABLE");

	make(qw(a b c));
	$node->safe_psql('postgres', 'DROP TABLE b, a, c');
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: DROP of three");

	$node->safe_psql('postgres', "CALL pyro.create_profiles_table('a', partition_by => '1 day')");
	$node->safe_psql('postgres', "CALL pyro.create_profiles_table('b')");
	$node->safe_psql('postgres', "SELECT pyro.set_retention(t, '{env=\"dev\"}', '1 h') FROM unnest('{a,b}'::regclass[]) t");
	$node->safe_psql('postgres', "CALL pyro.maintain('b')");
	is($node->safe_psql('postgres', $said), '2|2|1', "$when: something is said of tables");
	$node->safe_psql('postgres', 'DROP TABLE a, b');
	is($node->safe_psql('postgres', $said), '0|0|0', "$when: which goes with them");

	make('a');
	is($node->safe_psql('postgres', "BEGIN; DROP TABLE a; SELECT count(*) FROM pyro.block; ROLLBACK"), '0', "$when: a DROP that is taken back");
	is($node->safe_psql('postgres', $rest), '1|1|9', "$when: changes nothing");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM a}), '91', "$when: at all");
	$node->safe_psql('postgres', 'BEGIN; SAVEPOINT s; DROP TABLE a; ROLLBACK TO s; DROP TABLE a; COMMIT');
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: the second time it stands");

	$node->safe_psql('postgres', 'CREATE SCHEMA apart');
	make('apart.a');
	$node->safe_psql('postgres', 'DROP SCHEMA apart CASCADE');
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: DROP SCHEMA");

	make('a');
	$node->safe_psql('postgres', 'TRUNCATE a');
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: TRUNCATE");
	$node->safe_psql('postgres', 'DROP TABLE a');

	make('a');
	$node->safe_psql('postgres', 'CREATE MATERIALIZED VIEW m USING pyro AS TABLE a');
	$node->safe_psql('postgres', "CALL pyro.compact('m')");
	$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW m');
	is($node->safe_psql('postgres', $rest), '1|1|9', "$when: DROP MATERIALIZED VIEW");
	$node->safe_psql('postgres', 'DROP TABLE a');

	# A session that drops again and again, heap tables, too.
	make(qw(a b c));
	$node->safe_psql('postgres', join ";\n", 'CREATE TEMP TABLE h (id int)', 'DROP TABLE h', map { "DROP TABLE $_" } qw(a b c));
	is($node->safe_psql('postgres', $rest), '0|0|0', "$when: one after another");

	make('a');
	$node->safe_psql('postgres', 'DROP EXTENSION pyro_ext CASCADE');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'a'}), '0', "$when: DROP EXTENSION CASCADE");
	$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');
}

# Without the trigger it is up to the next compaction, of whatever table.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
make(qw(a b));
$node->safe_psql('postgres', "SET session_replication_role = replica; DROP TABLE a");
is($node->safe_psql('postgres', $rest), '2|2|18', 'without its trigger a DROP is missed');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pyro.verify('b')}), '0', 'which others do not feel');
$node->safe_psql('postgres', "CALL pyro.compact('b')");
is($node->safe_psql('postgres', $rest), '1|1|9', 'until the next compaction');
is($node->safe_psql('postgres', 'SELECT count(*) FROM b'), '91', 'which sweeps up that alone');

# A session whose temporary tables go with it leaves nothing either.
$node->safe_psql('postgres', 'CREATE TEMP TABLE gone (id int) USING pyro; INSERT INTO gone VALUES (1)');
is($node->safe_psql('postgres', $rest), '1|1|9', 'temporary tables');

$node->stop;
done_testing();
