# The rules of the house that only a server can check: what the extension's
# objects say about themselves, and where they can be installed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('house');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

# Functions of the extension, for the rules below.
my $members = q{
	pg_proc p JOIN pg_depend d
	  ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e
	  ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	  AND e.extname = 'pyro_ext'};

# Each rule is a query for what breaks it.
sub nothing_breaks
{
	my ($rule, $query) = @_;
	is($node->safe_psql('postgres', $query), '', $rule);
	return;
}

my ($version) =
  slurp_file('pyro_ext.control') =~ /^default_version *= *'([^']*)'/m;
is( $node->safe_psql(
		'postgres',
		q{SELECT extversion FROM pg_extension WHERE extname = 'pyro_ext'}),
	$version,
	'the version is that of the control file');

nothing_breaks('every object has a short comment',
	slurp_file('scripts/check/comments.sql'));

# what reads tables must not run in a worker, where temporary ones are not, and
# what changes something, or needs the latest snapshot, not beside one
nothing_breaks('functions that read no tables are parallel safe', qq{
	SELECT p.oid::regprocedure FROM $members
	WHERE p.proparallel <> CASE p.provolatile WHEN 'i' THEN 's' ELSE 'r' END
	AND NOT (p.provolatile = 'v' AND p.proparallel = 'u') AND p.prokind <> 'p' ORDER BY 1});

nothing_breaks('functions with a NULL default are not strict', qq{
	SELECT p.oid::regprocedure FROM $members
	WHERE p.proisstrict AND pg_get_function_arguments(p.oid) ~* 'DEFAULT NULL'
	ORDER BY 1});

# Times of questions are "from" and until, quoted where they are named.
nothing_breaks('no argument is named by a keyword', qq{
	SELECT p.oid::regprocedure, n
	FROM $members, unnest(p.proargnames) n, pg_get_keywords() k
	WHERE k.word = n AND k.catcode IN ('R', 'T')
		AND NOT (n = 'from' AND p.pronamespace = 'pyro'::regnamespace) ORDER BY 1});

nothing_breaks('aggregates combine, and keep their state in an SQL type', qq{
	SELECT p.oid::regprocedure FROM $members JOIN pg_aggregate a ON a.aggfnoid = p.oid
	WHERE a.aggtranstype = 'internal'::regtype OR a.aggcombinefn = 0
	ORDER BY 1});

# In a schema of its own choice, and without a trace once dropped.
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
my $objects = q{
	SELECT count(*) FROM pg_depend WHERE objid >= 16384};
my $before = $node->safe_psql('elsewhere', $objects);
$node->safe_psql(
	'elsewhere', q{
	CREATE SCHEMA "Apart";
	CREATE EXTENSION pyro_ext SCHEMA "Apart"});
is( $node->safe_psql(
		'elsewhere', q{
	SELECT DISTINCT typnamespace::regnamespace
	FROM pg_type WHERE typname IN ('profile', 'flamegraph')}),
	'"Apart"',
	'the types live in the schema of CREATE EXTENSION');
is( $node->safe_psql(
		'elsewhere', q{
	SELECT "Apart".flamegraph_total("Apart".flamegraph('main;work 10'::"Apart".profile))}),
	'10',
	'functions find each other outside the search path');
$node->safe_psql(
	'elsewhere', q{
	DROP EXTENSION pyro_ext;
	DROP SCHEMA "Apart"});
is($node->safe_psql('elsewhere', $objects),
	$before, 'DROP EXTENSION leaves nothing');

$node->stop;
done_testing();
