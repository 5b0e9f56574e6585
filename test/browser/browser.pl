# What our SQL gives, in the programs it is meant for: frames and diffs in
# Grafana's own flame graph component, speedscope files in speedscope, both in
# a real browser.  Needs the packages of package.json, node and chromium.
#
# Pictures go to build/browser, to be looked at.

use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use File::Path qw(make_path remove_tree);
use IPC::Run qw(run);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $browser = getcwd() . '/test/browser';
plan skip_all => 'the packages of test/browser are not installed (npm ci)'
  unless -d "$browser/node_modules";

my ($chromium) = grep { defined && -x }
  $ENV{CHROMIUM}, map { my $d = $_; map { "$d/$_" } qw(chromium chromium-browser google-chrome) } split /:/, $ENV{PATH};
plan skip_all => 'there is no chromium' unless defined $chromium;
$ENV{CHROMIUM} = $chromium;

my $output = getcwd() . '/build/browser';
my $pages = PostgreSQL::Test::Utils::tempdir() . '/pages';
remove_tree($output);
make_path($output, "$pages/cases", "$pages/speedscope-cases");

my $node = PostgreSQL::Test::Cluster->new('browser');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

sub file_as_profile
{
	my ($name) = @_;
	my $path = abs_path("test/data/$name");
	return "pg_read_binary_file('$path')::profile";
}

my $before = '(SELECT flamegraph(' . file_as_profile('go-cpu-before.pb.gz') . '))';
my $after = '(SELECT flamegraph(' . file_as_profile('go-cpu-after.pb.gz') . '))';
my $heap =
  '(SELECT flamegraph(' . file_as_profile('go-heap.pb.gz') . q{, 'inuse_space'))};
my $small = q{E'main;work;deep 300\nmain;work 100\nmain;rest 50\nmain 10\nidle 540'::flamegraph};
my $changed = q{E'main;work;deep 100\nmain;work 300\nmain;new 50\nidle 600'::flamegraph};
my $names =
  q{E'größe 火焰;"quoted" <b>&amp</b> 400\ngröße 火焰;back\\\\slash{} 300\nother;total 300'::flamegraph};

# A binary tree of 16,384 leaves: of 32,768 nodes 16,384 rows show the heaviest.
my $large = q{(SELECT string_agg(stack || ' ' || 1 + i % 97, E'\n')::flamegraph
	FROM generate_series(0, 16383) i,
		LATERAL (SELECT string_agg(format('f%s.%s', k, i >> 14 - k), ';' ORDER BY k) AS stack
				 FROM generate_series(1, 14) k) s)};

my %grafana = (
	single => ["flamegraph_frames($before)", 'ns'],
	memory => ["flamegraph_frames($heap, 500)", 'bytes'],
	small => ["flamegraph_frames($small)", 'short'],
	cut => ["flamegraph_frames($small, 4)", 'short'],
	names => ["flamegraph_frames($names)", 'short'],
	empty => ['flamegraph_frames((SELECT flamegraph(NULL::profile)))', 'short'],
	'no-profile' => ['flamegraph_diff((SELECT flamegraph(NULL::profile)), (SELECT flamegraph(NULL::profile)))', 'short'],
	large => ["flamegraph_frames($large)", 'short'],
	diff => ["flamegraph_diff($before, $after)", 'ns'],
	'diff-by-total' => ["flamegraph_diff($before, $after, 'total', 1000)", 'ns'],
	'small-diff' => ["flamegraph_diff($small, $changed)", 'short'],
	'diff-with-nothing' => ["flamegraph_diff($small, (SELECT flamegraph(NULL::profile)))", 'short']);
my %speedscope = (
	single => $before,
	memory => $heap,
	small => $small,
	names => $names,
	empty => '(SELECT flamegraph(NULL::profile))');

my $json = JSON::PP->new->utf8;
my %case;

# The columns as the server names and types them, and the rows.
foreach my $name (sort keys %grafana)
{
	my ($call, $unit) = @{ $grafana{$name} };
	my $query = "SELECT * FROM $call";
	my @columns = map { my ($n, $t) = split /\|/; { name => $n, type => $t } }
	  split /\n/, $node->safe_psql('postgres', "$query \\gdesc");
	my $rows = $json->decode(
		$node->safe_psql('postgres', "SELECT json_agg(r) FROM ($query) r"));
	$case{$name} = { columns => \@columns, rows => $rows, unit => $unit };
	open my $file, '>', "$pages/cases/$name.json" or die "$name: $!";
	print $file $json->encode($case{$name});
	close $file;
}
foreach my $name (sort keys %speedscope)
{
	open my $file, '>', "$pages/speedscope-cases/$name.json" or die "$name: $!";
	print $file $node->safe_psql('postgres',
		"SELECT flamegraph_speedscope($speedscope{$name})");
	close $file;
}

sub run_node
{
	my ($script, @arguments) = @_;
	my ($stdout, $stderr);
	my $result = run [ 'node', "$browser/$script", @arguments ], '>', \$stdout, '2>', \$stderr;
	ok($result, "$script runs") or do { diag($stderr); die "no $script" };
	return $stdout;
}
run_node('build.mjs', $pages);
my $seen = $json->decode(run_node('show.mjs', $pages, $output));
note("Chromium $seen->{version}");

# Bars that are at least half a pixel wide are drawn, where their parent is.
sub expected_nodes
{
	my ($case, $width) = @_;
	my $count = 0;
	my $hidden_below;
	my $total;

	foreach my $row (@{ $case->{rows} })
	{
		my $value = $row->{value} + ($row->{valueRight} // 0);
		$total //= $value;
		next if defined $hidden_below && $row->{level} > $hidden_below;
		undef $hidden_below;
		my $pixels = $total > 0 ? $value * $width / $total : 0;
		$pixels -= 1 if $pixels > 10;
		if ($pixels < 0.5) { $hidden_below = $row->{level} }
		else { $count++ }
	}
	return $count;
}

foreach my $name (sort keys %case)
{
	my $shown = $seen->{grafana}{$name};
	my $rows = $case{$name}{rows};
	my ($deepest) = sort { $b <=> $a } map { $_->{level} } @$rows;
	is($shown->{failure}, undef, "$name: the component takes the frame");
	is_deeply($shown->{errors}, [], "$name: no error in the browser");
	next if $rows->[0]{value} + ($rows->[0]{valueRight} // 0) == 0;
	is($shown->{levels}, $deepest + 1, "$name: all levels");
	is($shown->{nodes}, expected_nodes($case{$name}, $shown->{width}),
		"$name: all nodes wide enough to be seen, $shown->{nodes} of " . @$rows);
}

# What stands in the canvas and above it.
my $grafana = $seen->{grafana};
is_deeply(
	[ sort @{ $grafana->{small}{labels} } ],
	[   'deep (300)', 'idle (540)', 'main (460)', 'rest (50)',
		'total (1 K)', 'work (400)' ],
	'small: names and values');
like($grafana->{small}{text}, qr/1 K \| 1 K samples \(Count\)/, 'small: total');
is_deeply(
	[ sort @{ $grafana->{cut}{labels} } ],
	[ 'idle (540)', 'main (460)', 'other (450)', 'total (1 K)' ],
	'cut: the rest is called other');
is_deeply(
	[ sort @{ $grafana->{names}{labels} } ],
	[   "\"quoted\" <b>&amp</b> (400)", "back\\slash{} (300)",
		"gr\x{f6}\x{df}e \x{706b}\x{7130} (700)",
		'other (300)', 'total (1 K)', 'total (300)' ],
	'names: as they are');
like($grafana->{single}{text}, qr/8\.48 s \| 8\.48 Bil samples \(Time\)/, 'single: time');
like($grafana->{memory}{text}, qr/9\.77 MiB \| .* samples \(RAM\)/, 'memory: bytes');
is(scalar @{ $case{large}{rows} }, 16384, 'large: 16,384 rows');
like($grafana->{large}{text}, qr/802 K samples \(Count\)/, 'large: total');
foreach my $name ('diff', 'diff-by-total', 'small-diff', 'diff-with-nothing')
{
	like($grafana->{$name}{text}, qr/Baseline.*Comparison.*Diff/s, "$name: compares");
}
unlike($grafana->{single}{text}, qr/Comparison/, 'single: compares nothing');
like($grafana->{'small-diff'}{text}, qr/^new\s+0%\s+4\.76%\s+new$/m, 'small-diff: what came');
like($grafana->{'small-diff'}{text}, qr/^rest\s+5%\s+0%\s+removed$/m, 'small-diff: what went');

foreach my $name (sort keys %speedscope)
{
	my $shown = $seen->{speedscope}{$name};
	ok($shown->{valid}, "speedscope, $name: valid by its schema")
	  or diag($json->encode($shown->{violations}));
	is($shown->{failure}, undef, "speedscope, $name: opens");
	is_deeply($shown->{errors}, [], "speedscope, $name: no error in the browser");
	next if $name eq 'empty';
	my ($top, $total) = split /\|/,
	  $node->safe_psql('postgres',
		"SELECT function, self FROM flamegraph_top($speedscope{$name}) LIMIT 1");
	like($shown->{sandwich}, qr/\Q$top\E/, "speedscope, $name: the hottest function");
}

$node->stop;
done_testing();
