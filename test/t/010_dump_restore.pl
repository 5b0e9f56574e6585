# What pg_dump writes comes back the same: as text with COPY and with INSERT,
# as an archive restored by two jobs, in the schema that it came from.
use strict;
use warnings;

use Cwd;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = getcwd() . '/test/data';
my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->start;

# The extension stands apart, so that a restore has to name its schema.
$node->safe_psql('postgres', 'CREATE DATABASE original');
$node->safe_psql(
	'original', qq{
	CREATE SCHEMA flames;
	CREATE EXTENSION pyro_ext SCHEMA flames;
	SET search_path = flames, public;
	CREATE TABLE public.profiles (
		file text PRIMARY KEY,
		profile profile NOT NULL CHECK (profile_sample_count(profile) > 0),
		total bigint GENERATED ALWAYS AS (profile_total(profile)) STORED,
		flame flamegraph DEFAULT 'main 1',
		EXCLUDE USING hash (profile WITH =));
	INSERT INTO public.profiles (file, profile)
		SELECT file, pg_read_binary_file('$data/' || file)::profile
		FROM pg_ls_dir('$data') AS file
		WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';
	UPDATE public.profiles p SET flame =
		(SELECT flamegraph(q.profile) FROM public.profiles q WHERE q.file = p.file)
		WHERE file LIKE 'go%';
	CREATE INDEX ON public.profiles (profile_default_sample_type(profile));

	-- names that are hard on text
	CREATE TABLE public.hard (n int, profile profile, flame flamegraph);
	INSERT INTO public.hard
		SELECT n, profile_from_folded(name || ' 1'), (E'flamegraph 1 a/b\\n1\\t1\\t' || hex)::flamegraph
		FROM (VALUES (1, E'a\\tb', '\\x09\\x0a\\x00'), (2, 'c\\d', '\\x5c'), (3, '\\N', '\\xff\\xfe'),
			(4, '\\.', '\\x5c.'), (5, 'quote'' "', '"'), (6, '', '')) v (n, name, hex)
		WHERE name <> '';
	INSERT INTO public.hard VALUES (7, NULL, NULL), (8, '', '');

	-- a profile decides by its hash into which partition it goes
	CREATE TABLE public.parted (n int, profile profile) PARTITION BY HASH (profile);
	CREATE TABLE public.parted_0 PARTITION OF public.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	INSERT INTO public.parted SELECT n, ('main;f' || n || ' 1')::profile FROM generate_series(1, 100) n;

	-- what is said of a table comes along
	CREATE TABLE public.stored (n int, k text) USING pyro;
	SELECT pyro.set_policy('public.stored', order_by => '{k,n}', block_size => 100000, merge_windows => '{1 h,1 day}');
	CREATE SCHEMA "Odd ""s";
	CALL pyro.create_profiles_table('"Odd ""s"."Pro''f"', retention => '9 days', partition_by => '1 week');
	SELECT pyro.set_retention('"Odd ""s"."Pro''f"', '{env="d''e\\\\v"}', '1 day');

	CREATE VIEW public.tops AS SELECT file, t.* FROM public.profiles, flamegraph_top(flame) t;
	CREATE MATERIALIZED VIEW public.drawn AS
		SELECT total > 1000 AS large, flamegraph_merge(flame) AS flame, profile_merge(profile) AS profile
		FROM public.profiles WHERE file LIKE 'go-cpu%' GROUP BY 1;
	CREATE FUNCTION public.doubled(p profile) RETURNS profile LANGUAGE sql RETURN p + p;
	CREATE AGGREGATE public.own (profile) (SFUNC = flamegraph_accum, STYPE = flamegraph, FINALFUNC = flamegraph_final);
});

# All that is in a database, by content: bytes out are canonical.
my $content = q{
	SET search_path = flames, public;
	SELECT 'profiles', count(*), sum(total), md5(string_agg(concat(file, profile_to_pprof(profile), flame), '|' ORDER BY file)) FROM profiles
	UNION ALL SELECT 'hard', count(*), count(profile), md5(string_agg(concat(n, profile_to_pprof(profile), flame), '|' ORDER BY n)) FROM hard
	UNION ALL SELECT tableoid::regclass::text, count(*), sum(n), md5(string_agg(profile::text, '|' ORDER BY n)) FROM parted GROUP BY tableoid
	UNION ALL SELECT 'policies', count(*), 0, string_agg(policy::text, '|' ORDER BY relation::text DESC) FROM pyro.policy
	UNION ALL SELECT 'rules', count(*), 0, string_agg(retention_rule::text, '|') FROM pyro.retention_rule
	UNION ALL SELECT 'tops', count(*), sum(self), md5(string_agg(function, '|' ORDER BY file, function COLLATE "C")) FROM tops
	UNION ALL SELECT 'drawn', count(*), 0, md5(string_agg(concat(flame, profile), '|' ORDER BY large)) FROM drawn
	UNION ALL SELECT 'functions', 0, profile_total(doubled('main 1')), md5((SELECT own(profile)::text FROM profiles WHERE file LIKE 'go-cpu%'))
	ORDER BY 1};
my $expected = $node->safe_psql('original', $content);
like($expected, qr/^policies\|2\|0\|\(stored,,,,"\{k,n\}",,,100000,"\{01:00:00,""1 day""\}",\)\|.*Pro'f.*,00:05:00,"9 days",,,,,,,"7 days"\)$/m, 'there are policies to dump');
like($expected, qr/^rules\|1\|0\|.*Pro'f.*d'e.*v.*,"1 day"\)$/m, 'and a rule of retention');
like($expected, qr/^profiles\|15\|\d/m, 'there is something to dump');

my $folder = $node->basedir;
my %dumps = (
	'text with COPY' => [ '--file', "$folder/copy.sql" ],
	'text with INSERT' => [ '--inserts', '--file', "$folder/insert.sql" ],
	'archive' => [ '--format', 'custom', '--file', "$folder/archive.dump" ]);
foreach my $form (sort keys %dumps)
{
	my @options = @{ $dumps{$form} };
	my $file = $options[-1];
	my $database = 'restored_' . ($form =~ s/\W/_/gr);

	$node->command_ok([ 'pg_dump', @options, $node->connstr('original') ],
		"dump as $form");
	$node->safe_psql('postgres', "CREATE DATABASE \"$database\" TEMPLATE template0");
	if ($form eq 'archive')
	{
		$node->command_ok(
			[
				'pg_restore', '--exit-on-error', '--jobs', '2', '--dbname',
				$node->connstr($database), $file
			],
			"restore from $form");
	}
	else
	{
		$node->command_ok(
			[
				'psql', '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1',
				'--dbname', $node->connstr($database), '--file', $file
			],
			"restore from $form");
	}
	is($node->safe_psql($database, $content), $expected, "content after $form");
}

# The extension itself is dumped as one command.
my $text = slurp_file("$folder/copy.sql");
like($text, qr/^CREATE EXTENSION IF NOT EXISTS pyro_ext WITH SCHEMA flames;/m,
	'the dump has CREATE EXTENSION');
unlike($text, qr/^CREATE (FUNCTION|TYPE|OPERATOR) flames\./m,
	'and none of its objects');

$node->stop;
done_testing();
