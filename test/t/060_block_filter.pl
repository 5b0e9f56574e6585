# Block filters against the truth: random conditions on a table with blocks of
# many shapes, and on a heap table with the same rows.  What the two find must
# be equal, with literals and with parameters, alone and as the inner side of
# joins; and blocks must have been left out at all.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PyroSession;
use RandomQuals;
use Test::More;

my $full = $ENV{PYRO_TEST_FULL};
my $seed = $ENV{PYRO_TEST_SEED} // int(rand(1_000_000));
my $conditions = $ENV{PYRO_TEST_STATEMENTS} // ($full ? 20_000 : 1500);
my $blocks = 30;
my $rows = 20;

note "PYRO_TEST_SEED=$seed";
RandomQuals::seed($seed);

my $node = PostgreSQL::Test::Cluster->new('filter');
# letters beyond ASCII, wherever the tests run
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], force_initdb => 1);
$node->append_conf(
	'postgresql.conf', qq{
	fsync = off
	timezone = 'Europe/Berlin'
	client_min_messages = error
	pyro.block_rows = $rows});
$node->start;
if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_collation WHERE collprovider = 'i'") == 0)
{
	plan skip_all => 'server without ICU';
}

my $setup = q{
	CREATE EXTENSION pyro_ext;
	CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE TYPE mood AS ENUM ('low', 'high');
	ALTER TYPE mood ADD VALUE 'mid' BEFORE 'high';
	CREATE DOMAIN word AS varchar(100);
	CREATE DOMAIN label_domain AS jsonb;
	CREATE FUNCTION same(text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
	CREATE FUNCTION later(text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS 'BEGIN RETURN $1; END';
	-- what a query finds, or its error
	CREATE FUNCTION found(query text, OUT result text) LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE query INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE || ' ' || SQLERRM;
	END $$;
	-- blocks of p that a query leaves out
	CREATE FUNCTION skipped(query text, OUT n int) LANGUAGE plpgsql AS $$
	DECLARE
		line text;
	BEGIN
		n := 0;
		FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ' || query LOOP
			n := n + coalesce(substring(line FROM 'Blocks: read=\d+ skipped=(\d+)')::int, 0);
		END LOOP;
	EXCEPTION WHEN OTHERS THEN
		n := 0;
	END $$;
	CREATE TABLE results (condition text, p text, h text, skipped int);
	CREATE PROCEDURE compare(query text) LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO results SELECT query, found(format(query, 'p')), found(format(query, 'h')), skipped(format(query, 'p'));
		COMMIT;
	END $$;
};
$setup .= 'CREATE TABLE p (' . RandomQuals::definition() . ") USING pyro;\n";
foreach my $block (0 .. $blocks - 1)
{
	$setup .= "ALTER TABLE p ADD young int DEFAULT 2;\n" if $block == $blocks / 3;
	$setup .= "ALTER TABLE p ADD younger text;\n" if $block == $blocks / 2;
	$setup .= 'INSERT INTO p ' . RandomQuals::rows($block * $rows, $rows, $block >= $blocks / 2) . ";\n";
	$setup .= "CALL pyro.compact('p');\n" if $block < $blocks - 1;
}

# Some rows of blocks are gone, some have come back in the head.
$setup .= q{
	DELETE FROM p WHERE id % 17 = 0;
	UPDATE p SET i4 = 3, service = 'web', labels = '{"env": "prod"}' WHERE id % 19 = 0;
	CREATE TABLE h USING heap AS TABLE p;
	ANALYZE p, h;
};
$node->safe_psql('postgres', $setup);
is($node->safe_psql('postgres', "SELECT count(*) FROM pyro.blocks WHERE relation = 'p'::regclass"), $blocks - 1, 'each portion is a block of its own');
is($node->safe_psql('postgres', "SELECT * FROM pyro.verify('p')"), '', 'the table is in order');

# Runs queries, each of them on both tables: %1$I is the table.
sub compare
{
	my ($what, $least_used, @queries) = @_;
	my $script = '';
	foreach my $query (@queries)
	{
		$query =~ s/'/''/g;
		$script .= "CALL compare('$query');\n";
	}
	$node->safe_psql('postgres', 'TRUNCATE results');
	$node->safe_psql('postgres', $script);
	is($node->safe_psql('postgres', 'SELECT condition, p, h FROM results WHERE p IS DISTINCT FROM h ORDER BY length(condition) LIMIT 5'),
		'', "$what: the same is found");
	my ($n, $used, $empty, $errors) = split /\|/,
		$node->safe_psql('postgres', q{SELECT count(*), count(*) FILTER (WHERE skipped > 0), count(*) FILTER (WHERE p = '0'), count(*) FILTER (WHERE p ~ '^[0-9A-Z]{5} .*[a-z]') FROM results});
	note "$what: of $n queries $used left blocks out, $empty found nothing, $errors were errors";
	cmp_ok($used, '>=', $n * $least_used, "$what: blocks are left out");
	cmp_ok($errors, '<=', $n / 20, "$what: few are errors");
	return;
}

sub condition
{
	my $condition = RandomQuals::qual(3);
	$condition =~ s/%/%%/g;
	return $condition;
}

my $sum = q{concat_ws(' ', count(*), sum(id), sum(hashtext(t.*::text)))};
compare('literals', 0.5, map { "SELECT $sum FROM %1\$I t WHERE " . condition() } 1 .. $conditions);

# As the inner side of a join: values that are known only while it runs.
my $inner = q{SELECT concat_ws(' ', count(*), sum(t.id * o.id)) FROM (SELECT * FROM h WHERE id %% 37 = 1 ORDER BY id) o, LATERAL (SELECT * FROM %1$I t WHERE };
my @join_conditions = map {
	RandomQuals::pick(
		't.i4 = o.i8', 't.i4 >= o.i2', 't.t = o.t', 't.t = o.v', 't.tc = o.t', 't.c = o.c', 't.nm = o.t', 't.e = o.e', 't.nu = o.i4', 't.tz = o.ts',
		't.ts >= o.tz', 't.d <> o.d', 't.f4 = ANY (ARRAY[o.f8, 0.1])', 't.labels @> o.labels', 't.labels @> o.dl', 't.labels ? o.t',
		"t.labels ->> 'env' = o.service", "t.labels ->> o.t = 'x'", 't.b = o.b', 't.service IS NOT DISTINCT FROM o.service', 't.iv = o.iv',
		"pyro.matches(t.service, t.name, t.labels, format('{service_name=\"%%s\"}', o.i2))", 't.by < o.by', 't.tn = o.tn', '(o.b OR t.i2 = o.i4)',
		't.p @> o.t', 't.young = o.young')
} 1 .. $conditions / 10;
compare('joins', 0.3, map { "$inner $_ OFFSET 0) t" } @join_conditions);
compare('nested loops', 0, map { "SELECT concat_ws(' ', count(*), sum(t.id * o.id)) FROM h o JOIN %1\$I t ON $_ WHERE o.id %% 97 = 1" } @join_conditions);

# One plan for parameters that change, through a cursor of many values.
my $session = PyroSession->new($node, 'postgres');
$session->run('SET plan_cache_mode = force_generic_plan;');
my @prepared = (
	[ 'int', 'i4 = $1', '1', '-5', 'NULL', '77' ],
	[ 'text', 'service = $1', "'web'", "'none'", 'NULL', "''" ],
	[ 'text[]', 'service = ANY ($1)', "'{web,db}'", "'{}'", "'{NULL}'", 'NULL', "'{none,cart,NULL}'" ],
	[ 'text[]', 'service <> ALL ($1)', "'{web,db}'", "'{}'", "'{NULL}'", 'NULL' ],
	[ 'text', "(\$1 = '' OR tz >= nullif(\$1, '')::timestamptz)", "''", "'2024-10-27 00:30+00'", 'NULL' ],
	[ 'jsonb', 'labels @> $1', q{'{"env": "prod"}'}, "'{}'", "'[]'", 'NULL', q{'{"env": "none"}'} ],
	[ 'text', 'pyro.matches(service, name, labels, $1)', q('{env="prod"}'), q('{env!="prod"}'), 'NULL', q('{}'), q('{pod=~"p.*"}') ],
	[ 'text', 'p @> $1', "'main'", "'h'", "'none'", 'NULL' ],
	[ 'bool', '($1 OR i8 = 3)', 'true', 'false', 'NULL' ]);
my @different;
foreach my $round (0 .. 1)
{
	foreach my $i (0 .. $#prepared)
	{
		my ($type, $condition, @values) = @{ $prepared[$i] };
		foreach my $table (qw(p h))
		{
			$session->run("PREPARE $table$i ($type) AS SELECT $sum FROM $table t WHERE $condition;") if $round == 0;
		}
		foreach my $value (@values)
		{
			my ($p) = $session->run("EXECUTE p$i ($value);");
			my ($h) = $session->run("EXECUTE h$i ($value);");
			push @different, "$condition, $value: $p$h" if $p ne $h || $p !~ /^\d/;
		}
	}
}
is_deeply(\@different, [], 'prepared statements find the same with each parameter');
my ($plan) = $session->run(q(EXPLAIN (ANALYZE, COSTS OFF) EXECUTE p1 ('web');));
like($plan, qr/Block Filter: \(service = \$1\).*Blocks: read=\d+ skipped=[1-9]/s, 'a generic plan leaves blocks out');
$session->finish;

$node->stop;
done_testing();
