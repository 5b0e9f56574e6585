# Rows survive kill -9 of an inserting backend, of the compacting one, and of
# the whole server.  Clients insert, update and delete rows, and note down each
# change before they ask for it and after its COMMIT; another session compacts
# and vacuums.  After every kill each row must be as its client knows it, exactly
# once, by every way to read it, and compaction must go on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PyroSession;
use Test::More;
use Time::HiRes qw(sleep);

my $seed = $ENV{PYRO_TEST_SEED} // int(rand(1_000_000));
my $moments = $ENV{PYRO_TEST_MOMENTS} // ($ENV{PYRO_TEST_FULL} ? 100 : 10);
my $clients = 3;

note "PYRO_TEST_SEED=$seed";
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('kill');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	fsync = off
	log_statement = none
	restart_after_crash = on
	max_wal_size = 64MB
	min_wal_size = 32MB
	autovacuum_naptime = 1s
	pyro.block_rows = 100});
$node->start;
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION pyro_ext;
	CREATE FUNCTION big(seed bigint, n int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		\$\$ SELECT coalesce(string_agg(md5((1000 * seed + i)::text), ''), '') FROM generate_series(1, n) i \$\$;
	CREATE TABLE p (id bigint PRIMARY KEY, version int NOT NULL, t text NOT NULL, prof profile,
		at timestamptz NOT NULL DEFAULT '2024-01-01 00:00Z'::timestamptz + random() * interval '3 hours') USING pyro;
	CREATE INDEX p_version ON p (version, id)});
my $amcheck = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
$node->safe_psql('postgres', 'CREATE EXTENSION amcheck') if $amcheck;

# What the rows of an id and version contain.
my $content = q{big(id, (id % 7)::int * 10), ('main;f' || id % 50 || ' ' || version)::profile};

my $folder = $node->basedir . '/clients';
mkdir $folder;

# One client.  Its file has a line for each change, "? id version" before and
# "! id version" after its COMMIT; version 0 is a deletion.
sub client
{
	my ($number, $rows, $next) = @_;
	my $session = PyroSession->new($node, 'postgres', name => "client$number");
	open my $notes, '>', "$folder/$number" or die "could not open notes: $!";
	my $alive = 1;
	while ($alive && !-e "$folder/stop")
	{
		my @known = keys %$rows;
		my (%changes, @sql);
		my $kind = rand();
		if ($kind < (@known > 1500 ? 0.2 : 0.55) || @known < 20)
		{
			my @ids = map { $number * 1_000_000_000 + $$next++ } 1 .. 1 + int(rand(20));
			%changes = map { $_ => 1 } @ids;
			@sql = ("INSERT INTO p (id, version, t, prof) SELECT id, version, $content FROM (SELECT unnest('{" . join(',', @ids) . "}'::bigint[]) AS id, 1 AS version) x");
		}
		else
		{
			my %chosen = map { $known[ rand @known ] => 1 } 1 .. 1 + int(rand(12));
			foreach my $id (keys %chosen)
			{
				$changes{$id} = rand() < 0.6 ? 0 : $rows->{$id} + 1;
				push @sql, $changes{$id} ? "UPDATE p SET (version, t, prof) = (SELECT $changes{$id}, $content FROM (SELECT p.id, $changes{$id} AS version) x) WHERE id = $id"
				  : "DELETE FROM p WHERE id = $id";
			}
		}
		my $rollback = rand() < 0.1;
		my $savepoint = rand() < 0.3;
		print $notes "? $_ $changes{$_}\n" foreach $rollback ? () : sort keys %changes;
		$notes->flush;
		my $script = "BEGIN;\n";
		$script .= "SAVEPOINT a;\n" . join('', map { "$_;\n" } @sql) . "ROLLBACK TO a;\n" if $savepoint;
		$script .= join('', map { "$_;\n" } @sql) . ($rollback ? 'ROLLBACK' : 'COMMIT') . ';';
		my $output;
		($output, $alive) = $session->run($script);
		if ($output =~ /^COMMIT$/m)
		{
			print $notes "! $_ $changes{$_}\n" foreach sort keys %changes;
			$notes->flush;
			foreach my $id (keys %changes)
			{
				if ($changes{$id}) { $rows->{$id} = $changes{$id} }
				else { delete $rows->{$id} }
			}
		}
		elsif ($alive && !$rollback)
		{
			print $notes "E $output\n";
			last;
		}
		my @tags = $output =~ /^((?:UPDATE|DELETE) 0)$/mg;
		print $notes "E @tags: a row was not found\n$script\n" if @tags && $alive;
	}
	close $notes;
	$session->finish;
	return;
}

# Compacts and vacuums until the session is lost.
sub keeper
{
	my $session = PyroSession->new($node, 'postgres', name => 'compact');
	open my $notes, '>', "$folder/compact" or die "could not open notes: $!";
	my $alive = 1;
	while ($alive && !-e "$folder/stop")
	{
		my $script = rand() < 0.7 ? "CALL pyro.compact('p');" : ('VACUUM p;', 'VACUUM (INDEX_CLEANUP ON) p;', 'CHECKPOINT;')[ rand 3 ];
		my $output;
		($output, $alive) = $session->run($script);
		print $notes "rounds\n";
		print $notes "E $script $output\n" if $alive && $output =~ /ERROR/;
	}
	close $notes;
	$session->finish;
	return;
}

sub spawn
{
	my ($work) = @_;
	my $pid = fork() // die "could not fork: $!";
	return $pid if $pid;
	srand($seed * 1000 + $$);
	my $good = eval { $work->(); 1 };
	print STDERR $@ if !$good;
	POSIX::_exit($good ? 0 : 1);
}

# Kills a backend by its name, or the server with all its children.
sub strike
{
	my ($victim) = @_;
	my $postmaster = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/ ? $1 : die 'no postmaster';
	if ($victim eq 'server')
	{
		my @children = `ps -o pid= --ppid $postmaster` =~ /(\d+)/g;
		$node->kill9;
		kill 'KILL', @children;
		# a process that nobody has waited for yet still counts as running
		for (1 .. 300) { last if !kill 0, $postmaster; sleep 0.1 }
		return 1;
	}
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = '$victim' AND backend_type = 'client backend'");
	sleep rand 0.05;
	return $pid ? kill('KILL', $pid) : 0;
}

my %rows;
my @next = map { my $n = 1; \$n } 0 .. $clients;
my %count = (compactions => 0, changes => 0, unsure => 0);

# What a client's notes say: the versions that each row may have now.
sub read_notes
{
	my %possible;
	my @errors;
	foreach my $number (1 .. $clients)
	{
		foreach my $line (split /\n/, slurp_file("$folder/$number"))
		{
			if ($line =~ /^\? (\d+) (\d+)$/)
			{
				my ($id, $version) = ($1, $2);
				$possible{$id} //= { $rows{$id} // 0 => 1 };
				$possible{$id}{$version} = 1;
				${ $next[$number] } = $id % 1_000_000_000 + 1 if $id % 1_000_000_000 >= ${ $next[$number] };
			}
			elsif ($line =~ /^! (\d+) (\d+)$/) { $possible{$1} = { $2 => 1 }; $count{changes}++ }
			else { push @errors, $line }
		}
	}
	my $compact = slurp_file("$folder/compact");
	$count{compactions} += () = $compact =~ /^rounds$/mg;
	push @errors, grep { $_ ne 'rounds' } split /\n/, $compact;
	is(join("\n", @errors), '', 'no client saw an error before');
	$possible{$_} //= { $rows{$_} => 1 } foreach keys %rows;
	return \%possible;
}

sub check
{
	my ($when, $possible) = @_;
	my %ways = (
		'sequential scan' => 'SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;',
		'index scan' => 'SET enable_seqscan = off; SET enable_bitmapscan = off;',
		'bitmap scan' => 'SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off;');
	my %found;
	foreach my $way (sort keys %ways)
	{
		$found{$way} = $node->safe_psql('postgres', "$ways{$way} SELECT id, version, t = big(id, (id % 7)::int * 10) AND prof = ('main;f' || id % 50 || ' ' || version)::profile FROM p WHERE id > 0 ORDER BY id, version");
		ok($found{$way} eq $found{'bitmap scan'}, "$when: $way finds what a bitmap scan finds");
	}
	my (%actual, @wrong);
	foreach my $line (split /\n/, $found{'sequential scan'})
	{
		my ($id, $version, $right) = split /\|/, $line;
		push @wrong, "$id twice" if exists $actual{$id};
		push @wrong, "$id of version $version has another content" if $right ne 't';
		push @wrong, "$id from nowhere" if !exists $possible->{$id};
		$actual{$id} = $version;
	}
	foreach my $id (sort keys %$possible)
	{
		my $version = $actual{$id} // 0;
		$count{unsure}++ if keys %{ $possible->{$id} } > 1;
		push @wrong, "$id is of version $version, not " . join(' or ', sort keys %{ $possible->{$id} }) . ' (0: not there)'
		  if !$possible->{$id}{$version};
	}
	is(scalar @wrong, 0, "$when: every acknowledged change is there, once")
	  or diag "PYRO_TEST_SEED=$seed\n" . join "\n", splice @wrong, 0, 20;
	is($node->safe_psql('postgres', "SELECT * FROM pyro.verify('p')"), '', "$when: verify finds nothing");
	is($node->psql('postgres', "SELECT bt_index_check(i::regclass, true) FROM unnest('{p_pkey,p_version}'::text[]) i"), 0, "$when: the indexes have all rows") if $amcheck;
	%rows = %actual;
	return;
}

my @victims = ('client1', 'compact', 'server');
foreach my $moment (1 .. $moments)
{
	my $victim = $victims[ $moment % 3 ];
	my $when = "moment $moment, $victim killed";
	unlink "$folder/stop";
	my @pids = spawn(\&keeper);
	foreach my $number (1 .. $clients)
	{
		my %own = map { $_ => $rows{$_} } grep { int($_ / 1_000_000_000) == $number } keys %rows;
		push @pids, spawn(sub { client($number, \%own, $next[$number]) });
	}
	sleep 0.3 + rand 1.2;
	ok(strike($victim), $when);
	sleep 0.1;
	open my $stop, '>', "$folder/stop";
	close $stop;
	waitpid $_, 0 foreach @pids;
	$node->start if $victim eq 'server';
	$node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT('the server does not come back');

	check($when, read_notes());
	my ($status, undef, $error) = $node->psql('postgres', "CALL pyro.compact('p')");
	is("$status$error", '0', "$when: compaction goes on");
	check("$when, compacted", { map { $_ => { $rows{$_} => 1 } } keys %rows });
}
note join ', ', (map { "$_ $count{$_}" } sort keys %count), 'rows ' . keys %rows;
cmp_ok($count{compactions}, '>', $moments, 'there were compactions before the kills');
cmp_ok($count{changes}, '>', 50 * $moments, 'and changes');

$node->stop;
done_testing();
