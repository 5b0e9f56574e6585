# The formats of other tools, by those who know them: go tool pprof reads the
# profiles of call trees, and speedscope files of the corpora have the totals
# that are counted here from their JSON.

use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use File::Basename;
use IPC::Run qw(run);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('formats');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pyro_ext');

my $folder = PostgreSQL::Test::Utils::tempdir();
my $data = getcwd() . '/test/data';
local $ENV{HOME} = $folder;

# pprof's table of all functions: self, total and name.
sub pprof_top
{
	my ($file, @options) = @_;
	my ($stdout, $stderr);
	run([ qw(go tool pprof -top -trim=false -nodecount=1000000 -nodefraction=0 -edgefraction=0 -symbolize=none),
			@options, $file ], '>', \$stdout, '2>', \$stderr)
	  or return $stderr;
	my @rows;
	my ($table) = $stdout =~ /^ +flat.*?\n(.*)/ms;
	foreach my $line (split /\n/, $table // '')
	{
		my ($self, $total, $name) =
		  $line =~ /^ *(-?[0-9]+)[a-zA-Z]* +\S+ +\S+ +(-?[0-9]+)[a-zA-Z]* +\S+ +(.*?)$/
		  or return "unexpected line: $line";
		push @rows, "$name|$self|$total";
	}
	return join "\n", sort @rows;
}

my %unit = (nanoseconds => [ '-unit=ns' ], bytes => [ '-unit=B' ], count => []);

SKIP:
{
	# IPC::Run dies of a program that is not there
	skip 'go is not installed', 1
	  unless eval { run([ 'go', 'version' ], '>', \my $out, '2>', \my $err) };
	foreach my $file (sort glob "$data/*.pb*")
	{
		my $name = basename($file);
		my $profile = "pg_read_binary_file('$file')::profile";
		foreach my $type (split /\n/, $node->safe_psql('postgres', "SELECT unnest(profile_sample_types($profile))"))
		{
			my $tree = "(SELECT flamegraph($profile, '$type'))";
			my $path = "$folder/$name";
			open my $out, '>:raw', $path or die "$path: $!";
			print $out pack('H*', $node->safe_psql('postgres', "SELECT encode(flamegraph_pprof($tree), 'hex')"));
			close $out;
			my $expected = join "\n", sort split /\n/, $node->safe_psql('postgres',
				"SELECT function, self, total FROM flamegraph_top($tree)");
			is(pprof_top($path, @{ $unit{ $type =~ s{.*/}{}r } }), $expected, "go tool pprof reads $name, $type");
		}
	}
}

# What a file says in all, in the unit of its sample type.
my %scale = (none => 1, bytes => 1, nanoseconds => 1, microseconds => 1e3, milliseconds => 1e6, seconds => 1e9);

sub total_of
{
	my ($profile) = @_;
	my $total = 0;
	if ($profile->{type} eq 'sampled')
	{
		$total += $_ foreach @{ $profile->{weights} };
	}
	else
	{
		my $depth = 0;
		my $last = 0;
		foreach my $event (@{ $profile->{events} })
		{
			$total += $event->{at} - $last if $depth > 0;
			$last = $event->{at};
			$depth += $event->{type} eq 'O' ? 1 : -1;
		}
	}
	return $total * $scale{ $profile->{unit} };
}

# The tree of one profile, where an aggregate may not stand.
$node->safe_psql('postgres', q{
	CREATE FUNCTION tree(p profile, t text DEFAULT NULL) RETURNS flamegraph
		LANGUAGE sql AS 'SELECT flamegraph(p, t)'});

my $corpora = $ENV{PYRO_CORPORA} || '../shared/corpora';
SKIP:
{
	my @files = map { abs_path($_) } grep { -e } sort glob "$corpora/*/*speedscope.json* $corpora/jlfwong__speedscope/{incomplete-trace,out-of-order-events}.json";
	skip 'no corpora', 1 unless @files;
	foreach my $file (@files)
	{
		my $name = basename($file);
		my $text = "pg_read_file('$file')::jsonb";
		if ($name =~ /incomplete|out-of-order/)
		{
			my ($status, undef, $stderr) = $node->psql('postgres', "SELECT profile_from_speedscope($text)");
			like($stderr, qr/ERROR: +invalid speedscope file: profile 1 (ends|closes)/, "$name is refused");
			next;
		}
		my $content = JSON::PP->new->utf8->decode(slurp_file($file));
		# one writer has stacks of lists, which the format does not know
		if (grep { ref } map { @$_ } map { @{ $_->{samples} // [] } } @{ $content->{profiles} })
		{
			my ($status, undef, $stderr) = $node->psql('postgres', "SELECT profile_from_speedscope($text)");
			like($stderr, qr/ERROR: +invalid speedscope file: a frame of a sample is not a number/, "$name is refused");
			next;
		}
		my $expected = 0;
		$expected += total_of($_) foreach @{ $content->{profiles} };
		is( $node->safe_psql('postgres',
				"SELECT sum(profile_total(p, t)) FROM profile_from_speedscope($text) p, unnest(profile_sample_types(p)) t"),
			$expected, "$name has its total");
		# and goes on to others with the same tree
		is( $node->safe_psql('postgres', qq{
				SELECT bool_and(tree(profile_from_speedscope(flamegraph_speedscope(tree(p, t))))::text = tree(p, t)::text)
				FROM profile_from_speedscope($text) p, unnest(profile_sample_types(p)) t}),
			't', "$name comes back from speedscope as it was");
	}
}

$node->stop;
done_testing();
