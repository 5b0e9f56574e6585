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

# what EXPLAIN says, which the README explains line by line
like($stdout, qr/^ +Block Filter: .*\n +Columns: at, service, profile\n +Blocks: read=1 skipped=5 \(by range 5, by filter 0\)\n +Runs: read=1 skipped=1\n +Streams: \d+ decoded,/m,
	'a scan leaves blocks out as the README shows');

# what the README names must be there
my %named = map { $_ => 1 } $readme =~ /\b((?:profile|flamegraph)_[a-z_]+)\(/g;
foreach my $name (sort keys %named)
{
	is( $node->safe_psql(
			'postgres', "SELECT count(*) > 0 FROM pg_proc WHERE proname = '$name'"),
		't', "$name exists");
}
%named = map { $_ => 1 } $readme =~ /\bpyro\.([a-z_]+)/g;
foreach my $name (sort keys %named)
{
	is( $node->safe_psql('postgres', qq{LOAD 'pyro_ext';
SELECT EXISTS (SELECT FROM pg_proc WHERE proname = '$name' AND pronamespace = 'pyro'::regnamespace)
	OR EXISTS (SELECT FROM pg_class WHERE relname = '$name' AND relnamespace = 'pyro'::regnamespace)
	OR EXISTS (SELECT FROM pg_settings WHERE name = 'pyro.$name')}),
		't', "pyro.$name exists");
}
foreach my $view (qw(tables blocks block_parts progress run policy retention_rule))
{
	ok($named{$view}, "the README names pyro.$view");
}

# its links lead somewhere
my %places;
while ($readme =~ /^#+ (.*)$/mg)
{
	my $place = lc $1;
	$place =~ s/[^a-z0-9 _-]//g;
	$place =~ tr/ /-/;
	$places{$place} = 1;
}
foreach my $link ($readme =~ /\]\(([^)\s]+)\)/g)
{
	next if $link =~ m{^https?:};
	my ($file, $place) = $link =~ /^([^#]*)(?:#(.*))?$/;
	ok(($file ne '' || $places{$place}) && ($file eq '' || -e $file), "link $link");
}

# all settings, and nothing else
my %settings = map { /^(\S+)\|(.*)\|(\S+)$/ ? ($1 => "`$2` | $3") : () } split /\n/,
  $node->safe_psql('postgres', q{LOAD 'pyro_ext';
SELECT name, current_setting(name), context FROM pg_settings WHERE name LIKE 'pyro.%'});
my ($table) = $readme =~ /^## Settings\n(.*?)^## /ms;
my %documented = $table =~ /^\| `(pyro\.\w+)` \| (`[^`]*` \| \w+) \|/mg;
is_deeply(\%documented, \%settings, 'the README has all settings, their defaults and contexts');

# each policy setting, and each column of the views
foreach my $column (split /\n/, $node->safe_psql('postgres', q{
SELECT attname FROM pg_attribute WHERE attrelid = 'pyro.policy'::regclass AND attnum > 1
UNION SELECT attname FROM pg_attribute WHERE attnum > 0 AND attrelid IN ('pyro.tables'::regclass, 'pyro.blocks'::regclass,
	'pyro.block_parts'::regclass, 'pyro.progress'::regclass)}))
{
	like($readme, qr/`$column`/, "the README tells of $column");
}

$node->stop;
done_testing();
