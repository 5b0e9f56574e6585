# A client that has pprof files sends them as they are: binary COPY carries a
# file's own bytes as the value, in and out.
use strict;
use warnings;

use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('copy');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pyro_ext;
	CREATE TABLE profiles (file text, profile profile);
	CREATE TABLE flames (file text, flame flamegraph)});

# PostgreSQL's binary COPY format: a signature, two empty words, tuples of
# fields with their lengths, and -1.
sub binary_copy
{
	my (@rows) = @_;
	my $stream = "PGCOPY\n\377\r\n\0" . pack('NN', 0, 0);
	foreach my $row (@rows)
	{
		$stream .= pack('n', scalar @$row);
		$stream .= defined $_ ? pack('N', length $_) . $_ : pack('N', 0xFFFFFFFF)
		  foreach @$row;
	}
	return $stream . pack('n', 0xFFFF);
}

sub write_file
{
	my ($name, $bytes) = @_;
	my $path = $node->basedir . "/$name";
	open my $file, '>:raw', $path or die "could not write $path: $!";
	print $file $bytes;
	close $file;
	return $path;
}

sub copy_in
{
	my ($table, $path) = @_;
	return $node->psql('postgres', "\\copy $table FROM '$path' (FORMAT binary)");
}

my @files = sort grep { /\.pb(\.gz)?$/ } glob 'test/data/*';
my %bytes = map { $_ => slurp_file($_) } @files;

# Whole files, as the profilers wrote them, in one COPY.
my ($status, undef, $errors) = copy_in('profiles',
	write_file('profiles.copy', binary_copy(map { [ $_, $bytes{$_} ] } @files)));
is($status, 0, 'binary COPY takes pprof files') or diag $errors;
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT profile) FROM profiles'),
	scalar(@files) . '|' . scalar(@files), 'all of them');

# Every value is what the same bytes give as text.
my $same = 0;
foreach my $file (@files)
{
	my $hex = unpack 'H*', $bytes{$file};
	my $sql = write_file('compare.sql',
		"SELECT profile = '\\x$hex' FROM profiles WHERE file = '$file'");
	my ($out) = run_command(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $sql ]);
	$same += $out eq 't';
}
is($same, scalar @files, 'and each is what its bytes are');

# What comes out in binary is gzip'd pprof, to be written into a file as it is.
my $out_path = $node->basedir . '/out.copy';
$node->safe_psql('postgres',
	"\\copy (SELECT profile FROM profiles ORDER BY file) TO '$out_path' (FORMAT binary)");
my $out = slurp_file($out_path);
my $position = 19;
my @values;
while ((my $nfields = unpack 'n', substr $out, $position, 2) != 0xFFFF)
{
	my $length = unpack 'N', substr $out, $position + 2, 4;
	push @values, substr $out, $position + 6, $length;
	$position += 6 + $length;
}
is(scalar @values, scalar @files, 'as many values come out');
my $readable = 0;
foreach my $value (@values)
{
	my $plain;
	$readable += (gunzip(\$value => \$plain) && length $plain > 0
		  && unpack('C', $plain) >> 3 <= 15) ? 1 : 0;
}
is($readable, scalar @files, 'each of them a gzip file');
$node->safe_psql('postgres', 'CREATE TABLE again (profile profile)');
is((copy_in('again', $out_path))[0], 0, 'which comes in again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM again JOIN profiles USING (profile)'),
	scalar @files, 'unchanged');

# One bad row among good ones: its number is in the error, and nothing stays.
my @rows = map { [ $_, $bytes{$_} ] } @files;
my $bad = substr $bytes{'test/data/go-heap.pb.gz'}, 0, 1000;
splice @rows, 4, 0, [ 'bad', $bad ];
$node->safe_psql('postgres', 'TRUNCATE profiles');
($status, undef, $errors) =
  copy_in('profiles', write_file('bad.copy', binary_copy(@rows)));
isnt($status, 0, 'a file that is cut off is refused');
like($errors, qr/invalid pprof profile: gzip data is damaged or cut off/, 'with the reason');
like($errors, qr/CONTEXT:  COPY profiles, line 5, column profile/, 'and its line');
is($node->safe_psql('postgres', 'SELECT count(*) FROM profiles'), '0', 'and so are the rows before it');

# Values that are NULL, empty or no profiles at all.
is( (copy_in('profiles', write_file('null.copy', binary_copy([ 'null', undef ]))))[0],
	0, 'NULL is NULL');
foreach my $case ([ 'empty', '' ], [ 'text', 'main;work 10' ], [ 'hex', '\x3200' ],
	[ 'flamegraph', "flamegraph 1 a/b\n" ], [ 'random', join '', map { chr(7 * $_ % 256) } 1 .. 1000 ])
{
	my ($name, $value) = @$case;
	($status, undef, $errors) =
	  copy_in('profiles', write_file("$name.copy", binary_copy([ 'good', $bytes{ $files[0] } ], [ $name, $value ])));
	like($errors, qr/ERROR:  invalid pprof profile: .*CONTEXT:  COPY profiles, line 2, column profile/s,
		"$name is no profile");
}
is($node->safe_psql('postgres', 'SELECT count(*), count(profile) FROM profiles'), '1|0', 'none of them was stored');

# Flame graphs go out and come in as bytes, too, and only as theirs.
$node->safe_psql('postgres', q{INSERT INTO flames SELECT 'one', E'main;work 10\nmain 1'::flamegraph});
my $flames = $node->basedir . '/flames.copy';
$node->safe_psql('postgres', "\\copy flames TO '$flames' (FORMAT binary)");
is((copy_in('flames', $flames))[0], 0, 'binary COPY takes flame graphs');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT flame) FROM flames'), '2|1', 'unchanged');
($status, undef, $errors) =
  copy_in('flames', write_file('wrong.copy', binary_copy([ 'wrong', $bytes{ $files[0] } ])));
like($errors, qr/ERROR:  invalid flame graph: .*CONTEXT:  COPY flames, line 1, column flame/s,
	'a profile is no flame graph');

# Text COPY from a client: hexadecimal as pg_dump writes it, or folded stacks.
$node->safe_psql('postgres', 'TRUNCATE profiles');
my $text = write_file('text.copy',
	join "\n", 'folded' . "\t" . 'main;work 10\nmain 1',
	"hex\t\\\\x" . unpack('H*', $bytes{ $files[0] }), "null\t\\N", "bad\tmain", '');
($status, undef, $errors) = $node->psql('postgres', "\\copy profiles FROM '$text'");
like($errors, qr/invalid folded stacks: .*CONTEXT:  COPY profiles, line 4, column profile: "main"/s,
	'text COPY names the line and the value');
$text = write_file('text.copy',
	join "\n", 'folded' . "\t" . 'main;work 10\nmain 1',
	"hex\t\\\\x" . unpack('H*', $bytes{ $files[0] }), "null\t\\N", '');
is(($node->psql('postgres', "\\copy profiles FROM '$text'"))[0], 0, 'text COPY takes both forms');
is($node->safe_psql('postgres', q{SELECT count(*), count(profile), sum(profile_sample_count(profile)) > 500 FROM profiles}),
	'3|2|t', 'as values');

$node->stop;
done_testing();
