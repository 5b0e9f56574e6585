# Days of several services in a table and in a partitioned one, with nobody but
# the worker to look after them: files have to level off near what they hold.
#
# The server's clock runs faster (test/soak/fast_clock.c): a day takes 4 s, and 9 days with
# a retention of 4 are run; with PYRO_TEST_FULL a day takes PYRO_SOAK_DAY (120)
# seconds, and 14 days with a retention of 7 are run.  All policies are those of
# real life.  Figures go to the log, and as a plot to the file PYRO_SOAK_SVG
# (build/soak.svg).
use strict;
use warnings;

use Cwd;
use File::Basename;
use File::Path;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $top = getcwd();
my $clock = "$top/build/fast_clock.so";
system_or_bail('mkdir', '-p', "$top/build");
system_or_bail('cc', '-O2', '-shared', '-fPIC', '-o', $clock, "$top/test/soak/fast_clock.c");

my $full = $ENV{PYRO_TEST_FULL};
my $day = $full ? $ENV{PYRO_SOAK_DAY} // 120 : 4;
my ($days, $retention) = $full ? (14, 7) : (9, 4);
my $ticks = $full ? 288 : 24;		# times a day at which profiles come
my ($services, $pods) = $full ? (5, 4) : (5, 2);
my $svg = $ENV{PYRO_SOAK_SVG} // 'build/soak.svg';
my @tables = qw(plain parted);

# What a table's files may be of what they would be if made anew.  The goal is
# 1.3; B-trees keep us from it, which do not shrink after each row was in three
# of their places.  In the short form a day has few rows, and the parts of fixed
# size count for more.
my $bound = $full ? 1.6 : 4;

my $node = PostgreSQL::Test::Cluster->new('soak');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pyro_ext'
	pyro.worker_naptime = 1
	autovacuum_naptime = 1
	max_wal_size = 4GB
	checkpoint_timeout = 1d
	fsync = off});
{
	local $ENV{LD_PRELOAD} = $clock;
	local $ENV{FAST_CLOCK_START} = int time;
	local $ENV{FAST_CLOCK_SPEED} = int(86400 / $day);
	$node->start;
}

# ---- the load ----

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pyro_ext;
	CREATE FUNCTION mb(bytes numeric) RETURNS numeric LANGUAGE sql AS 'SELECT round(bytes / 1e6, 2)';

	-- profiles of some 600 stacks, few of them frequent
	CREATE TABLE pool AS SELECT n, (SELECT string_agg(format('main;serve;handler_%s;query_%s;f_%s;f_%s %s', k % 7, k % 31, k % 301, k, 1 + (random() * 3)::int), E'\n')
		FROM (SELECT DISTINCT (4000 ^ random() + n % 10 * 500)::int AS k FROM generate_series(1, 1500 + n - n)) d)::profile AS profile
		FROM generate_series(1, 60) n;

	-- a profile of each pod, by the server's clock
	CREATE PROCEDURE load(place regclass, services int, pods int) LANGUAGE plpgsql AS $$ BEGIN
		EXECUTE format('INSERT INTO %s (ts, service, name, labels, profile)
			SELECT clock_timestamp(), ''service_'' || s, ''process_cpu'', jsonb_build_object(''pod'', ''pod_'' || s || ''_'' || p),
				(SELECT profile FROM pool WHERE n = 1 + (s * 13 + p * 7 + $1) %% 60)
			FROM generate_series(1, $2) s, generate_series(1, $3) p', place) USING (random() * 10)::int, services, pods;
	END $$;
});
$node->safe_psql('postgres', "CALL pyro.create_profiles_table('plain', retention => interval '$retention days')");
$node->safe_psql('postgres', "CALL pyro.create_profiles_table('parted', retention => interval '$retention days', partition_by => interval '1 day')");

# ---- what is measured ----

# The table, or its partitions.
sub leaves
{
	my ($table) = @_;
	return "(SELECT oid FROM pg_class WHERE relkind = 'r' AND (oid = '$table'::regclass OR oid IN (SELECT relid FROM pg_partition_tree('$table'))))";
}

sub query
{
	return split /\|/, $node->safe_psql('postgres', $_[0]);
}

# Of a table or its partitions: files, live bytes (payload, and profiles in the
# head), rows, blocks, dead rows.
sub measure
{
	my ($table) = @_;
	my $leaves = leaves($table);
	my ($files, $payload, $blocks, $rows) = query(
		"SELECT coalesce(sum(pg_total_relation_size(oid)), 0), coalesce(sum(stored_bytes), 0), coalesce(sum(blocks), 0), coalesce(sum(rows), 0)
		FROM $leaves AS t LEFT JOIN pyro.tables ON relation = oid");
	my ($directory) = query(
		'SELECT pg_total_relation_size(\'pyro.block\') + pg_total_relation_size(\'pyro.block_delete\')');
	my ($head) = query(
		"SELECT coalesce(sum(pg_column_size(profile) + 100), 0) FROM $table WHERE ctid < '(2147483648,1)'");
	my ($dead) = query("SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE relid IN $leaves");

	return { files => $files, directory => $directory, live => $payload + $head, blocks => $blocks, rows => $rows, dead => $dead };
}

# What the files of a table are made of, in MB.
sub describe_files
{
	my ($table) = @_;
	return $node->safe_psql(
		'postgres', "SELECT format('head %s, indexes %s, TOAST %s, index of TOAST %s', mb(sum(pg_relation_size(t.oid))), mb(sum(pg_indexes_size(t.oid))),
			mb(sum(pg_relation_size(c.reltoastrelid))), mb(sum(pg_indexes_size(c.reltoastrelid)))) FROM " . leaves($table) . " AS t JOIN pg_class c USING (oid)");
}

# Seconds of processor time of all workers up to now.
my %worker_times;

sub worker_time
{
	my $hertz = 100;
	my $sum = 0;

	foreach my $pid (query("SELECT string_agg(pid::text, '|') FROM pg_stat_activity WHERE backend_type LIKE 'pyro%'"))
	{
		my $stat = eval { slurp_file("/proc/$pid/stat") } // next;
		my @fields = split / /, $stat =~ s/^.*\) //r;
		$worker_times{$pid} = ($fields[11] + $fields[12]) / $hertz;
	}
	$sum += $_ foreach values %worker_times;
	return $sum;
}

# ---- the days ----

my $start = time;
my ($wal_start) = query("SELECT pg_current_wal_insert_lsn() - '0/0'");
my $loader = $node->background_psql('postgres', timeout => 3600);
my @series;

for (my $tick = 0; $tick < $days * $ticks; $tick++)
{
	my $pause = $start + $tick * $day / $ticks - time;

	sleep $pause if $pause > 0;
	$loader->query_safe(join(' ', map { "CALL load('$_', $services, $pods);" } @tables), verbose => 0);
	next if $tick % ($ticks / 4) != 0;

	my %sample = (day => (time - $start) / $day, cpu => worker_time());

	$sample{$_} = measure($_) foreach @tables;
	push @series, \%sample;
	diag sprintf('day %4.1f: %s; worker %.1f s', $sample{day},
		join('; ', map { "$_ $sample{$_}{rows} rows in $sample{$_}{blocks} blocks, $sample{$_}{files} of $sample{$_}{live} live bytes, $sample{$_}{dead} dead rows" } @tables),
		$sample{cpu})
	  if $full;
}
$loader->quit;
my ($wal) = query("SELECT pg_current_wal_insert_lsn() - '0/0' - $wal_start");

# ---- what came of it ----

foreach my $table (@tables)
{
	my ($rows, $oldest) = query(
		"SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(ts)), 0) FROM $table");

	cmp_ok($rows, '>', 0, "$table: there are rows ($rows)");
	cmp_ok($oldest / 86400, '<', $retention + 2.5, sprintf('%s: none is much older than it should be (%.1f days)', $table, $oldest / 86400));
	is($node->safe_psql('postgres', "SELECT v FROM " . leaves($table) . " AS t, pyro.verify(oid) v"),
		'', "$table: sound");
	is( $node->safe_psql(
			'postgres', "SELECT relation, last_error FROM pyro.tables WHERE last_error NOT LIKE '%is locked by somebody else' AND relation IN " . leaves($table)),
		'',
		"$table: nothing has failed");
	cmp_ok($series[-1]{$table}{blocks}, '>', 0, "$table: there are blocks");
}

# against the same rows in a file that is made anew
$node->append_conf('postgresql.conf', 'pyro.worker = off');
$node->reload;
foreach my $table (@tables)
{
	my $before = measure($table);
	my $files_before = describe_files($table);

	$node->safe_psql('postgres', "VACUUM FULL $_")
	  foreach query("SELECT string_agg(oid::regclass::text, '|') FROM " . leaves($table) . " AS t");
	my $after = measure($table);
	my $ratio = $before->{files} / $after->{files};

	note sprintf('%s: %d rows, %.2f MB of files, %.2f MB after VACUUM FULL, %.2f MB of payload and fresh profiles',
		$table, $before->{rows}, $before->{files} / 1e6, $after->{files} / 1e6, $before->{live} / 1e6);
	note "$table: $files_before; anew: " . describe_files($table);
	cmp_ok($ratio, '<=', $bound, sprintf('%s: files are %.2f of what is live', $table, $ratio));
}
my ($loaded) = query('SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE relname <> \'pool\'');
note sprintf('%d profiles loaded, %.0f bytes of WAL each; the worker took %.1f s, %.1f %% of a processor',
	$loaded, $wal / $loaded, $series[-1]{cpu}, 100 * $series[-1]{cpu} / ($days * $day));

# ---- the plot ----

sub plot
{
	my ($file) = @_;
	my ($width, $height, $left, $top) = (800, 320, 70, 30);
	my %color = (files => '#c0392b', live => '#2471a3');
	my $out = "";

	foreach my $t (0 .. $#tables)
	{
		my $table = $tables[$t];
		my $most = 1;
		my $base = $top + $t * ($height + 60);

		foreach my $sample (@series)
		{
			$most = $sample->{$table}{$_} > $most ? $sample->{$table}{$_} : $most foreach keys %color;
		}
		$out .= sprintf qq{<text x="%d" y="%d">%s: bytes, up to %.2f MB, over %d days</text>\n}, $left, $base - 8, $table, $most / 1e6, $days;
		$out .= sprintf qq{<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#999"/>\n}, $left, $base, $width, $height;
		foreach my $what (sort keys %color)
		{
			my $points = join ' ', map {
				sprintf '%.1f,%.1f', $left + $width * $_->{day} / $days, $base + $height * (1 - $_->{$table}{$what} / $most)
			} @series;
			$out .= qq{<polyline points="$points" fill="none" stroke="$color{$what}" stroke-width="1.5"/>\n};
		}
		$out .= sprintf qq{<text x="%d" y="%d" fill="%s">%s</text>\n}, $left + $width + 6, $base + 20 * ($_ eq 'files' ? 1 : 2), $color{$_}, $_
		  foreach sort keys %color;
	}
	mkpath(dirname($file));
	open my $handle, '>', $file or die "cannot write $file: $!";
	printf $handle qq{<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">\n%s</svg>\n},
	  $left + $width + 80, $top + @tables * ($height + 60), $out;
	close $handle;
	note "plot in $file";
}

plot($svg);
$node->stop;
done_testing();
