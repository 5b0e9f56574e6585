# Every SQL block of the README, run as psql runs it, in order.

use strict;
use warnings;

use Cwd qw(getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file('README.md');
my @blocks = $readme =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @blocks, '>=', 10, 'README has SQL blocks');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

# One session: variables and settings hold from block to block.  A file that
# the reader would get in his folder goes to a temporary one.
my $folder = PostgreSQL::Test::Utils::tempdir();
my $script = '';
foreach my $i (0 .. $#blocks)
{
	my $block = $blocks[$i];
	$block =~ s{\\o (\w)}{\\o $folder/$1}g;
	$script .= "\\echo block $i\n$block\n";
}
my ($status, $stdout, $stderr) =
  $node->psql('postgres', $script, on_error_stop => 1,
	extra_params => [ '-P', 'pager=off' ]);

my ($last) = $stdout =~ /.*^block (\d+)$/ms;
foreach my $i (0 .. $#blocks)
{
	ok($status == 0 || $i < ($last // 0), "block $i of the README runs");
}
diag($stderr) if $status != 0;

like($stderr, qr/NOTICE:.*invalid pprof profile/, 'the bad profile is refused');
like(slurp_file("$folder/flamegraph.svg"),
	qr/^<svg .*main\.match.*<\/svg>\s*$/s, 'the SVG is written');
like($stdout, qr/^runtime\.tryDeferToSpanScan\|850000000\|1140000000\|9\.8$/m,
	'the top table names the hottest function');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM profiles'),
	4, 'all good profiles are stored');

# what the README names must be there
foreach my $name ($readme =~ /\b((?:profile|flamegraph)_[a-z_]+)\(/g)
{
	is( $node->safe_psql(
			'postgres', "SELECT count(*) > 0 FROM pg_proc WHERE proname = '$name'"),
		't', "$name exists");
}
foreach my $setting ($readme =~ /^\| `(pyro\.\w+)` \| `([^`]+)`/mg)
{
	next unless $setting =~ /^pyro/;
	my ($default) = $readme =~ /^\| `\Q$setting\E` \| `([^`]+)`/m;
	is( $node->safe_psql('postgres',
			"SELECT profile_time('a 1'::profile); SHOW $setting"),
		"\n$default", "$setting has the default of the README");
}

$node->stop;
done_testing();
