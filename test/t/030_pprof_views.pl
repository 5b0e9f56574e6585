# Views of profiles against google/pprof: its own packages filter, count, pivot,
# name, add and scale the profiles of test/data, random ones and, in the full
# form, the corpora; test/oracle/views says how.
#
# Needs Go and google/pprof's module.  What pprof shows of test/data is kept in
# test/data/VIEWS.tsv, for machines without them.
use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = getcwd();
my $work = PostgreSQL::Test::Utils::tempdir();
my $views = "$work/views";
$ENV{GOCACHE} = "$work/gocache";
$ENV{GOMODCACHE} = "$work/gomodcache";
$ENV{GOFLAGS} = '-modcacherw -buildvcs=false';

sub in_folder
{
	my ($folder, $command) = @_;
	return system("cd '$folder' && $command") == 0;
}

plan skip_all => 'no Go' unless in_folder($top, 'go version >/dev/null 2>&1');
plan skip_all => 'no module of google/pprof'
  unless in_folder("$top/test/oracle/views", 'go mod download >/dev/null 2>&1');
ok(in_folder("$top/test/oracle/views", "go build -o '$views' ."), 'the oracle is built')
  or BAIL_OUT('no oracle');

# Sets of profiles: a name, a folder and the files in it.
my $full = $ENV{PYRO_TEST_FULL};
my $random = $full ? 300 : 60;
my $corpora = $ENV{PYRO_CORPORA} || '../shared/corpora';
mkdir "$work/random";
system($views, 'random', "$work/random", $random, 1) == 0 or die 'no random profiles';
my @sets = (
	[ 'test/data', "$top/test/data", '*.pb *.pb.gz' ],
	[ 'random profiles', "$work/random", '*.pb.gz' ]);
if ($full && -r "$corpora/MANIFEST.tsv")
{
	my @files;
	foreach my $line (split /\n/, slurp_file("$corpora/MANIFEST.tsv"))
	{
		my ($file, undef, $size, undef, undef, undef, $format) = split /\t/, $line;
		push @files, $file
		  if $format =~ /^pprof/ && $size < 4_000_000 && $file !~ /^self-made__hostile/;
	}
	push @sets, [ 'corpora', abs_path($corpora), join(' ', map { "'$_'" } @files) ];
}

my $node = PostgreSQL::Test::Cluster->new('views');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

foreach my $set (@sets)
{
	my ($name, $folder, $files) = @$set;
	my $cases = "$work/cases.tsv";
	ok(in_folder($folder, "'$views' cases -pairs $files >'$cases' 2>'$work/refused'"),
		"$name: google/pprof's views");
	is(slurp_file($cases), slurp_file('test/data/VIEWS.tsv'), 'VIEWS.tsv is what google/pprof shows')
	  if $name eq 'test/data';
	note(slurp_file("$work/refused"));

	$node->safe_psql('postgres', slurp_file('test/sql/include/views.sql'));
	$node->safe_psql(
		'postgres', qq{
		COPY views.expected FROM '$cases';
		CREATE TABLE views.refused AS
			SELECT file, views.load(file, '$folder/' || file) AS error
			FROM (SELECT DISTINCT file FROM views.expected) f;
		CREATE TABLE views.compared AS SELECT * FROM views.found;
	});
	is( $node->safe_psql('postgres', 'SELECT file, error FROM views.refused WHERE error IS NOT NULL'),
		'', "$name: all profiles that google/pprof reads are read");

	# pprof has no packages: only what all granularities have in common.
	is( $node->safe_psql(
			'postgres', q{
			SELECT count(*) FROM views.profile
			WHERE flamegraph_total(views.tree_by(profile, 'package')) <> flamegraph_total(f)}),
		'0', "$name: packages have the same total");

	my $compared = $node->safe_psql(
		'postgres', q{
		SELECT view, count(DISTINCT file), count(*), count(*) FILTER (WHERE found IS NULL),
			count(*) FILTER (WHERE found <> digest),
			coalesce(min(concat_ws(' ', file, argument, other, found)) FILTER (WHERE found <> digest), '')
		FROM views.compared GROUP BY view ORDER BY view});
	foreach my $line (split /\n/, $compared)
	{
		my ($view, $profiles, $shown, $absent, $differ, $first) = split /\|/, $line, 6;
	  SKIP:
		{
			skip "$name: $view is not there", 1 if $absent == $shown;
			is("$differ $first", '0 ', "$name: $view: $shown views of $profiles profiles");
		}
	}

	# Where pprof shows something else of the profile as it is, and why.
	my $as_is = $node->safe_psql(
		'postgres', q{
		SELECT view, count(*), count(*) FILTER (WHERE as_is <> ''),
			count(*) FILTER (WHERE as_is ~ 'unnamed'), count(*) FILTER (WHERE as_is ~ 'files'),
			count(*) FILTER (WHERE as_is ~ 'mapping'), count(*) FILTER (WHERE as_is ~ 'inlined')
		FROM views.compared WHERE view IN ('focus', 'ignore', 'hide', 'show', 'show_from', 'prune_from')
		GROUP BY view ORDER BY view});
	note("$name: view|shown|other as it is|unnamed frames|file names|mapped files|shared inlined lines");
	note($as_is);
}

$node->stop;
done_testing();
