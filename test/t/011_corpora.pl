# Every profile of the corpora: real ones of many profilers with the counts of
# their manifest, and hostile ones, which are refused or bounded.
#
# PYRO_CORPORA names the folder, which is not part of this repository; else it
# is sought beside the checkout, and without it there is nothing to do.
use strict;
use warnings;

use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = $ENV{PYRO_CORPORA} || '../shared/corpora';
plan skip_all => 'no corpora' unless -r "$folder/MANIFEST.tsv";
$folder = abs_path($folder);

my $node = PostgreSQL::Test::Cluster->new('corpora');
$node->init;
$node->append_conf('postgresql.conf', "statement_timeout = '300s'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

# The manifest, its columns found by their names.
my @lines = split /\n/, slurp_file("$folder/MANIFEST.tsv");
my @columns = split /\t/, shift @lines;
my %column;
@column{@columns} = 0 .. $#columns;
my @wanted = qw(file format sample_types samples unique_stacks locations functions note);
my @rows;
foreach my $line (@lines)
{
	my @fields = split /\t/, $line, -1;
	next unless -f "$folder/$fields[$column{file}]";
	my @values = map { $fields[ $column{$_} ] } @wanted;
	push @rows, '(' . join(', ', map { s/'/''/gr =~ s/^(.*)$/'$1'/r } @values) . ')';
}
$node->safe_psql('postgres',
	    'CREATE TABLE manifest (file text, format text, sample_types text, '
	  . 'samples text, unique_stacks text, locations text, functions text, note text);'
	  . 'INSERT INTO manifest VALUES '
	  . join(', ', @rows));

# What becomes of each file.  Times are taken file by file: that none hangs is
# a part of what is tested.
$node->safe_psql(
	'postgres', qq{
	CREATE FUNCTION load(file text, format text, OUT profile profile, OUT error text, OUT seconds float8)
		LANGUAGE plpgsql AS \$\$
	DECLARE
		bytes bytea := pg_read_binary_file('$folder/' || file);
		started timestamptz := clock_timestamp();
	BEGIN
		IF format LIKE 'folded%' THEN
			profile := profile_from_folded(convert_from(bytes, 'UTF8'));
		ELSE
			profile := profile_from_pprof(bytes);
		END IF;
		seconds := extract(epoch FROM clock_timestamp() - started);
	EXCEPTION WHEN OTHERS THEN
		error := SQLSTATE || ' ' || SQLERRM;
		seconds := extract(epoch FROM clock_timestamp() - started);
	END \$\$;
	CREATE TABLE loaded AS SELECT m.*, l.* FROM manifest m, LATERAL load(file, format) l;
	CREATE VIEW sound AS SELECT * FROM loaded WHERE format IN ('pprof', 'pprof gz', 'folded') AND profile IS NOT NULL;
});

sub query_is
{
	my ($query, $expected, $name) = @_;
	is($node->safe_psql('postgres', $query), $expected, $name);
	return;
}

my $profiles = $node->safe_psql('postgres', 'SELECT count(*) FROM sound');
cmp_ok($profiles, '>', 200, "$profiles profiles of the corpora are read");

# Refused are only those that google/pprof refuses, and folded files with
# lines that are not "stack count".
query_is(
	q{SELECT file, error FROM loaded WHERE format IN ('pprof', 'pprof gz') AND profile IS NULL ORDER BY file},
	'grafana__pyroscope/dotnet-pprof-3.pb.gz|22P03 invalid pprof profile: a function has the id 0',
	'pprof files that are refused');
query_is(
	q{SELECT string_agg(regexp_replace(file, '.*/', ''), ' ' ORDER BY file COLLATE "C") FROM loaded
	  WHERE format = 'folded' AND error LIKE '22P02 invalid folded stacks: line %'},
	'test_stackfile test_stackfile_html bad-lines.txt flames.txt fractional.txt with-space.txt zero-fractionals.txt',
	'folded files that are refused: comments, fractions, no numbers');
query_is(
	q{SELECT file, error FROM loaded WHERE format LIKE 'folded%' AND error NOT LIKE '22P02 %'},
	'', 'with no other error');

# Counts.  Locations and functions that no sample refers to are not kept, and
# equal ones become one; stacks by name are never more than stacks by location.
query_is(
	q{SELECT file, samples, profile_sample_count(profile) FROM sound
	  WHERE samples <> '-' AND profile_sample_count(profile)::text <> samples},
	'', 'samples are those of the manifest');
query_is(
	q{SELECT file, sample_types, profile_sample_types(profile) FROM sound
	  WHERE format <> 'folded' AND array_to_string(profile_sample_types(profile), ',') <> sample_types},
	'', 'sample types are those of the manifest');
query_is(
	q{SELECT file, note, profile_total(profile) FROM sound
	  WHERE note ~ '^total=' AND profile_total(profile)::text <> substring(note FROM 'total=([0-9]+)')},
	'', 'totals are those of the manifest');
query_is(
	q{SELECT file, l.n, f.n, s.n FROM sound,
		LATERAL (SELECT count(DISTINCT id) AS n FROM profile_locations(profile)) l,
		LATERAL (SELECT count(*) AS n FROM profile_functions(profile)) f,
		LATERAL (SELECT count(DISTINCT stack) AS n FROM profile_samples(profile)) s
	  WHERE format <> 'folded' AND samples <> '-'
		AND (l.n > locations::int OR f.n > functions::int OR s.n > unique_stacks::int
			 OR s.n = 0 AND profile_sample_count(profile) > 0)},
	'', 'locations, functions and stacks are not more than in the manifest');
query_is(
	q{SELECT count(*) FROM sound, LATERAL (SELECT count(DISTINCT id) AS n FROM profile_locations(profile)) l
	  WHERE format <> 'folded' AND samples <> '-' AND l.n <> locations::int},
	'5', 'five files have locations without a sample, or twice');
query_is(
	q{SELECT file, f.n, s.n FROM sound,
		LATERAL (SELECT count(DISTINCT coalesce(function, '')) AS n FROM profile_locations(profile)) f,
		LATERAL (SELECT count(DISTINCT stack) AS n FROM profile_samples(profile)) s
	  WHERE format = 'folded' AND samples <> '-' AND (f.n <> functions::int OR s.n <> unique_stacks::int)},
	'', 'functions and stacks of folded files are those of the manifest');

# Nothing is lost on the way out and in, nor into a tree.
query_is(
	q{SELECT file FROM loaded WHERE profile IS NOT NULL AND profile_to_pprof(profile)::profile <> profile},
	'', 'what is encoded again is equal');

# Nor in blocks: in one for all, and in those that were merged.
$node->safe_psql('postgres', q{CREATE TABLE stored (n serial, file text, profile profile) USING pyro});
foreach my $step ([ 200, 'one block' ], [ 7, 'blocks of 7' ], [ 1000, 'merged blocks' ])
{
	my ($rows, $when) = @$step;
	$node->safe_psql('postgres', 'INSERT INTO stored (file, profile) SELECT file, profile FROM loaded ORDER BY file')
	  if $when ne 'merged blocks';
	$node->safe_psql('postgres', "SET pyro.block_rows = $rows;\nCALL pyro.compact('stored');\nCALL pyro.compact('stored')");
	query_is(
		q{SELECT DISTINCT s.file FROM stored s JOIN loaded l USING (file)
		  WHERE s.profile IS DISTINCT FROM l.profile OR profile_send(s.profile) IS DISTINCT FROM profile_send(l.profile)},
		'', "what comes out of $when is equal, and so is its pprof form");
}
query_is(q{SELECT * FROM pyro.verify('stored')}, '', 'and nothing is wrong with it');

query_is(
	q{SELECT file, type FROM sound, unnest(profile_sample_types(profile)) type,
		LATERAL (SELECT flamegraph(p, type) AS f FROM (VALUES (profile)) v (p)) t
	  WHERE flamegraph_total(f) <> profile_total(profile, type) OR f::text::flamegraph <> f},
	'', 'trees have the totals of their profiles, and read back equal');
query_is(
	q{SELECT file FROM sound, LATERAL (SELECT flamegraph(p) AS f FROM (VALUES (profile)) v (p)) t
	  WHERE NOT xml_is_well_formed_document(flamegraph_svg(f, file))},
	'', 'SVGs are well-formed');

# Hand-made files say by their name what is to become of them.
query_is(
	q{SELECT file, error FROM loaded
	  WHERE (file ~ '/(bad|not-a-profile)-' OR file ~ '/empty' OR format = 'pprof malformed') AND error IS NULL},
	'', 'bad ones are refused');
query_is(
	q{SELECT file, error FROM loaded WHERE error !~ '^(22P02|22P03|54000) '},
	'', 'every error has its code');
query_is(q{SELECT file, error FROM loaded WHERE file ~ '/ok-' AND error IS NOT NULL},
	'', 'sound ones are read');
query_is(
	q{SELECT file, error, profile_sample_count(profile) FROM loaded
	  WHERE file ~ '/hostile-' AND error IS NULL
		AND (profile_sample_count(profile) > 1000000 OR pg_column_size(profile) > 10 * 1024 * 1024)},
	'', 'hostile ones are refused or bounded');
query_is(q{SELECT file, seconds FROM loaded WHERE seconds > 20}, '', 'none takes long');

# Files of other formats are no profiles: an error, or at worst something
# small, but nothing else.
$node->safe_psql('postgres',
	q{CREATE TABLE others AS SELECT m.file, m.format, l.* FROM manifest m, LATERAL load(file, format) l
	  WHERE m.format NOT LIKE 'pprof%' AND m.format NOT LIKE 'folded%'});
query_is(
	q{SELECT file, error FROM others WHERE error !~ '^(22P03|54000) ' OR seconds > 20},
	'', 'files of other formats are refused');
query_is(
	q{SELECT file FROM others WHERE error IS NULL AND profile_sample_count(profile) > 0},
	'', 'or have no samples');

# All of it in one profile, and every type of it in one tree.
$node->safe_psql('postgres',
	q{CREATE TABLE whole AS SELECT profile_merge(profile) AS profile FROM sound});
query_is(
	q{SELECT type FROM whole, unnest(profile_sample_types(profile)) type
	  WHERE profile_total(profile, type) <>
		(SELECT sum(profile_total(profile, type)) FROM sound
		 WHERE type = ANY (profile_sample_types(profile)))},
	'', 'all profiles add up to one, type by type');
query_is(
	q{SELECT type FROM whole, unnest(profile_sample_types(profile)) type,
		LATERAL (SELECT flamegraph(p, type) AS f FROM (VALUES (profile)) v (p)) w,
		LATERAL (SELECT flamegraph(s.profile, type) AS f FROM sound s
				 WHERE type = ANY (profile_sample_types(s.profile))) t
	  WHERE flamegraph_folded(w.f) <> flamegraph_folded(t.f)},
	'', 'and the tree of their sum is the sum of their trees');

$node->stop;
done_testing();
