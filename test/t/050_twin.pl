# The heap twin: what four clients at once do to a heap table they do to a
# table of the access method pyro as well, while other sessions compact, vacuum
# and index it, and look on.  Both must be equal at every moment.
#
# How the outcome can be required to be equal, although two statements are not
# one: in each phase one of the tables leads.  A statement goes to the leader
# first, so that whoever works on a row, or on a key, has its lock there before
# he comes to the follower.  In READ COMMITTED, where the second statement may see
# more than the first, a statement works on rows that were locked in the leader
# before, or on both tables in one statement, which has one snapshot.  In
# REPEATABLE READ and SERIALIZABLE every predicate will do.  Hence
# - each statement's rows, tags and RETURNING are the same on both tables;
# - nothing on the follower waits for another client, but for compaction only;
# - whoever compares both tables in one statement finds no difference, ever.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PyroSession;
use Test::More;
use Time::HiRes qw(sleep time);

my $full = $ENV{PYRO_TEST_FULL};
my $seed = $ENV{PYRO_TEST_SEED} // int(rand(1_000_000));
my $clients = 4;
my $statements = $ENV{PYRO_TEST_STATEMENTS} // ($full ? 20_000 : 1600);
my $pool = 400;
my $phase = 0;

note "PYRO_TEST_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('twin');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	fsync = off
	max_connections = 30
	max_prepared_transactions = 10
	autovacuum_naptime = 1s
	deadlock_timeout = 50ms
	statement_timeout = 120s
	log_error_verbosity = verbose
	log_statement = none
	pyro.block_rows = 64});
$node->start;

my $columns = q{(id int PRIMARY KEY, k int NOT NULL, ts timestamptz NOT NULL, t text, j jsonb, prof profile)};
my $child = q{(id int PRIMARY KEY, parent int NOT NULL REFERENCES %s ON UPDATE CASCADE ON DELETE CASCADE)};
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION pyro_ext;
	CREATE FUNCTION big(seed int, n int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		\$\$ SELECT string_agg(md5((1000 * seed + i)::text), '') FROM generate_series(1, n) i \$\$;
	CREATE TABLE h $columns USING heap;
	CREATE TABLE p $columns USING pyro;
	CREATE TABLE hc @{[sprintf $child, 'h']} USING heap;
	CREATE TABLE pc @{[sprintf $child, 'p']} USING pyro;
	CREATE INDEX ON h (k, id);
	CREATE INDEX p_k ON p (k, id);
	CREATE INDEX ON h USING gin (j);
	CREATE INDEX p_j ON p USING gin (j);
	CREATE INDEX p_t ON p USING hash (left(t, 40));
	CREATE INDEX p_ts ON p (ts) WHERE k % 2 = 0;
	CREATE INDEX ON hc (parent);
	CREATE INDEX pc_parent ON pc (parent);
	CREATE INDEX p_prof ON p USING hash (prof);
	CREATE TABLE hl (what text, before text, after text);
	CREATE TABLE pl (LIKE hl);
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
		EXECUTE format('INSERT INTO %I VALUES (\$1, \$2, \$3)', TG_TABLE_NAME || 'l') USING TG_OP || TG_ARGV[0],
			CASE WHEN TG_OP <> 'INSERT' THEN concat_ws(' ', OLD.id, OLD.k, md5(OLD.t)) END, CASE WHEN TG_OP <> 'DELETE' THEN concat_ws(' ', NEW.id, NEW.k, md5(NEW.t)) END;
		RETURN NULL;
	END \$\$});
# VACUUM holds compaction up for seconds where it waits to truncate the file.
$node->safe_psql('postgres', "ALTER TABLE $_ SET (vacuum_truncate = off, toast.vacuum_truncate = off)") foreach qw(p pc);
# What triggers are shown, at once and at the end of the transaction.
$node->safe_psql('postgres', "CREATE TRIGGER once AFTER INSERT OR UPDATE OR DELETE ON $_ FOR EACH ROW EXECUTE FUNCTION note('');
	CREATE CONSTRAINT TRIGGER late AFTER UPDATE OR DELETE ON $_ DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note(' late')")
  foreach qw(h p);
my $amcheck = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
$node->safe_psql('postgres', 'CREATE EXTENSION amcheck') if $amcheck;


my $files = $node->basedir . '/twin';
mkdir $files;

# One row as SQL, without its id.
sub values_of
{
	my $k = int(rand(1000));
	my $n = int(rand(100_000));
	my $t = ('NULL', "''", "'short $n'", "big($n, 3)", "big($n, 3)", "big($n, 80)", "big($n, 700)")[ rand 7 ];
	my $j = ('NULL', "'[]'", qq('{"a": @{[$k % 10]}, "b": [$n, null]}'),
		qq('{"a": @{[$k % 10]}}'), "jsonb_build_object('a', @{[$k % 10]}, 'c', big($n, 100))")[ rand 5 ];
	my $prof = ('NULL', "'main;f@{[$n % 50]} $k'", qq(E'main;f$n 1\\nmain;g;h 2'))[ rand 3 ];
	return "$k, '2024-01-01 00:00Z'::timestamptz + @{[$n % 5000]} * interval '1 minute', ${t}::text, ${j}::jsonb, ${prof}::profile";
}

# An id out of the pool for which all clients fight, for some more than for others.
sub pool_id
{
	return 1 + int($pool * rand()**3);
}

# Some different ones, mostly in order.
sub pool_ids
{
	my ($count) = @_;
	my %ids = map { pool_id() => 1 } 1 .. $count;
	my @ids = keys %ids;
	@ids = sort { $a <=> $b } @ids if rand() < 0.8;
	return @ids;
}

sub rows_of
{
	my (@ids) = @_;
	return join ",\n", map { "($_, " . values_of() . ')' } @ids;
}

# A predicate that some rows fulfil.
sub some_rows
{
	my $from = int(rand(1000));
	my $id = pool_id();
	my $to = $from + 15;
	return (
		"id = $id",
		"id = $id",
		"id BETWEEN $id AND $id + 6",
		"id IN (" . join(', ', pool_ids(5)) . ')',
		"k BETWEEN $from AND $to",
		"id < 100 AND k BETWEEN $from AND $to + 100",
		"j \@> '{\"a\": @{[$from % 10]}}' AND k % 16 = @{[$from % 16]}",
		"ts < '2024-01-01 00:00Z'::timestamptz + $id * interval '2 minutes' AND k % 30 = @{[$from % 30]}")[ rand 8 ];
}

# What an UPDATE sets, other than the key.
sub changes
{
	my $n = int(rand(100_000));
	return (
		'k = (k + 1) % 1000',
		'k = (k + 17) % 1000, ts = ts + interval \'1 second\'',
		"t = coalesce(left(t, 100), '') || '+'",
		"t = big($n, 80)",
		"t = big($n, 500), k = (k * 7 + 1) % 1000",
		"t = NULL, j = NULL",
		"j = coalesce(j, '{}') || '{\"a\": @{[$n % 10]}}'",
		"prof = coalesce(prof + 'main;u 1', 'main;u 1'), j = '{\"u\": [1, 2]}'")[ rand 8 ];
}

my $returned = q{id, k, ts, md5(t), j, prof::text};

# One client's transactions: statements and what is known of their outcome.
package Client
{
	sub new
	{
		my ($class, %self) = @_;
		return bless { %self, fresh => 0, script => '', pairs => 0, done => 0, counts => {}, failures => [] }, $class;
	}

	sub count { my ($self, $what) = @_; $self->{counts}{$what}++; return; }

	sub add { my ($self, $sql) = @_; $self->{script} .= "$sql\n"; return; }

	# Ids that nobody else uses.
	sub fresh
	{
		my ($self, $count) = @_;
		return map { 1_000_000 * ($self->{phase} * 10 + $self->{number}) + ++$self->{fresh} } 1 .. $count;
	}

	sub on
	{
		my ($self, $role, $sql) = @_;
		my $table = $self->{$role};
		return $sql =~ s/\{t\}/$table/gr =~ s/\{c\}/${table}c/gr;
	}

	# The same on leader and follower.  {t} is the table, {c} its child.
	sub pair
	{
		my ($self, $kind, $sql) = @_;
		my $number = ++$self->{pairs};
		$self->{kind}{$number} = $kind;
		$self->{sql}{$number} = $sql;
		foreach my $role (qw(lead follow))
		{
			$self->add("\\echo \@$number $role");
			$self->add($self->on($role, $sql) . ($sql =~ /;\s*$|^\\\.$/m ? '' : ';'));
		}
		$self->add('\echo @0 none');
		return;
	}

	# One statement on both, which says what differs.
	sub both
	{
		my ($self, $kind, $sql) = @_;
		my $number = ++$self->{pairs};
		$self->{kind}{$number} = $kind;
		$self->{sql}{$number} = $sql;
		$self->add("\\echo \@$number both\n$sql;\n\\echo \@0 none");
		return;
	}

	# Locks rows in the leader; :ids are theirs.
	sub pin
	{
		my ($self, $predicate, $lock, $limit) = @_;
		$self->add("\\echo \@@{[++$self->{pairs}]} pin");
		$self->add($self->on('lead', "SELECT coalesce(array_agg(id ORDER BY id), '{}') AS ids FROM (SELECT id FROM {t} WHERE $predicate ORDER BY id LIMIT $limit $lock) x \\gset"));
		$self->add('\echo @0 none');
		$self->{kind}{ $self->{pairs} } = "pin $lock";
		$self->{sql}{ $self->{pairs} } = $predicate;
		return;
	}

	sub fail
	{
		my ($self, $what, $script, $output) = @_;
		$self->count('failures');
		push @{ $self->{failures} },
		  "phase $self->{phase} ($self->{isolation}, $self->{lead} leads), client $self->{number}, transaction $self->{transaction}: $what\n"
		  . "--- script\n$script--- output\n$output"
		  if @{ $self->{failures} } < 3;
		return;
	}
}

my $pinned = q{id = ANY (:'ids'::int[])};

# The ways to work on both tables.  Each adds statements of its client.
my %moves;
%moves = (
	insert => sub {
		my ($client) = @_;
		$client->pair('insert', 'INSERT INTO {t} VALUES ' . rows_of($client->fresh(1)) . " RETURNING $returned");
	},
	insert_pool => sub {
		my ($client) = @_;
		$client->pair('insert into pool', 'INSERT INTO {t} VALUES ' . rows_of(pool_ids(1)));
	},
	multi_insert => sub {
		my ($client) = @_;
		$client->pair('multi-row insert', 'INSERT INTO {t} VALUES ' . rows_of($client->fresh(2 + int(rand(8)))) . ' RETURNING id, k');
	},
	copy => sub {
		my ($client) = @_;
		my $rows = join "\n", map { join "\t", $_, int(rand(1000)), '2024-02-02 00:00Z',
			('\\N', 'copied\\nby\\tname', 'x' x int(rand(3000)))[ rand 3 ], ('\\N', '{"a": 3}')[ rand 2 ], 'main;copy 3' } $client->fresh(1 + int(rand(40)));
		$client->pair('copy', "COPY {t} FROM stdin;\n$rows\n\\.");
	},
	conflict_update => sub {
		my ($client) = @_;
		$client->pair('on conflict do update', 'INSERT INTO {t} AS o VALUES ' . rows_of(pool_ids(1 + int(rand(4))))
			  . " ON CONFLICT (id) DO UPDATE SET k = (o.k + EXCLUDED.k) % 1000, t = EXCLUDED.t, j = EXCLUDED.j WHERE o.k % 5 <> 0 RETURNING $returned");
	},
	conflict_nothing => sub {
		my ($client) = @_;
		my $rows = rows_of(pool_ids(1 + int(rand(5))));
		$client->add("\\echo \@@{[++$client->{pairs}]} pin");
		$client->{kind}{ $client->{pairs} } = 'on conflict do nothing, leader';
		$client->add($client->on('lead', "WITH i AS (INSERT INTO {t} VALUES $rows ON CONFLICT DO NOTHING RETURNING id) SELECT coalesce(array_agg(id), '{}') AS ids FROM i \\gset"));
		$client->add('\echo @0 none');
		my $count = ++$client->{pairs};
		$client->{kind}{$count} = 'on conflict do nothing';
		$client->add("\\echo \@$count lead\nSELECT id FROM unnest(:'ids'::int[]) id;");
		$client->add("\\echo \@$count follow\n\\set QUIET on\n"
			  . $client->on('follow', "INSERT INTO {t} SELECT * FROM (VALUES $rows) v (id) WHERE $pinned ON CONFLICT DO NOTHING RETURNING id;")
			  . "\n\\set QUIET off\n\\echo \@0 none");
	},
	conflict_pinned => sub {
		my ($client) = @_;
		$client->pin(some_rows(), ('FOR KEY SHARE', 'FOR SHARE')[ rand 2 ], 5);
		$client->pair('on conflict do nothing, all there', "INSERT INTO {t} (id, k, ts) SELECT unnest(:'ids'::int[]), 1, now() ON CONFLICT DO NOTHING RETURNING id");
	},
	update => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR NO KEY UPDATE', 10);
		$client->pair('update', "UPDATE {t} SET @{[changes()]} WHERE $pinned RETURNING $returned");
	},
	update_quiet => sub {
		my ($client) = @_;
		$client->pin(some_rows(), ('FOR UPDATE', 'FOR NO KEY UPDATE')[ rand 2 ], 20);
		$client->pair('update without returning', "UPDATE {t} SET @{[changes()]} WHERE $pinned");
		$client->pair('update again', "UPDATE {t} SET @{[changes()]} WHERE $pinned") if rand() < 0.3;
	},
	update_key => sub {
		my ($client) = @_;
		my ($id) = $client->fresh(1);
		$client->pin(some_rows(), 'FOR UPDATE', 2);
		$client->pair('update of the key', "UPDATE {t} SET id = $id, k = k + 1 WHERE id = (:'ids'::int[])[1] RETURNING $returned");
	},
	update_by_tid => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR UPDATE', 5);
		$client->pair('update by ctid', "UPDATE {t} SET @{[changes()]} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {t} WHERE $pinned)) RETURNING $returned");
	},
	update_join => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR UPDATE', 8);
		$client->pair('update of a join', "UPDATE {t} a SET k = (a.k + b.k) % 1000, t = left(b.t, 60) FROM {t} b WHERE b.id = a.id AND a.$pinned RETURNING a.id, a.k, a.t");
	},
	delete => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR UPDATE', 6);
		$client->pair('delete', "DELETE FROM {t} WHERE $pinned RETURNING $returned");
	},
	delete_insert => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR UPDATE', 2);
		$client->pair('delete', "DELETE FROM {t} WHERE $pinned");
		$client->pair('insert of the same key', "INSERT INTO {t} SELECT id, @{[values_of()]} FROM unnest(:'ids'::int[]) id RETURNING $returned");
	},
	merge => sub {
		my ($client) = @_;
		my ($id) = $client->fresh(1);
		$client->pin(some_rows(), 'FOR UPDATE', 6);
		$client->pair('merge', "MERGE INTO {t} USING (SELECT unnest(:'ids'::int[] || $id) AS id) s ON {t}.id = s.id"
			  . " WHEN MATCHED AND {t}.k % 5 = 0 THEN DELETE WHEN MATCHED AND {t}.k % 5 = 1 THEN DO NOTHING WHEN MATCHED THEN UPDATE SET @{[changes()]}"
			  . " WHEN NOT MATCHED THEN INSERT VALUES (s.id, @{[values_of()]})");
	},
	lock => sub {
		my ($client) = @_;
		my $lock = ('FOR UPDATE', 'FOR SHARE', 'FOR NO KEY UPDATE')[ rand 3 ];
		$client->pin(some_rows(), $lock, 10);
		$client->pair("select $lock", "SELECT $returned FROM {t} WHERE $pinned $lock");
	},
	lock_key_share => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR KEY SHARE', 10);
		$client->pair('select for key share', "SELECT id FROM {t} WHERE $pinned FOR KEY SHARE");
	},
	skip_locked => sub {
		my ($client) = @_;
		$client->pin(some_rows(), 'FOR UPDATE SKIP LOCKED', 10);
		$client->pair('skip locked', "SELECT count(*) <= cardinality(:'ids'::int[]) FROM (SELECT id FROM {t} WHERE $pinned FOR UPDATE SKIP LOCKED) x");
		$client->pair('update after skip locked', "UPDATE {t} SET @{[changes()]} WHERE $pinned RETURNING $returned");
	},
	# Not by index alone: then heap's CURRENT OF misses rows whose page was pruned.
	cursor => sub {
		my ($client) = @_;
		my $what = ("UPDATE {t} SET @{[changes()]} WHERE CURRENT OF c RETURNING $returned", "DELETE FROM {t} WHERE CURRENT OF c RETURNING $returned")[ rand() < 0.3 ];
		$client->pin('id IN (' . join(', ', pool_ids(12)) . ')', 'FOR UPDATE', 4);
		$client->pair('cursor for update', "DECLARE c CURSOR FOR SELECT id, ts FROM {t} WHERE $pinned ORDER BY id FOR UPDATE;\nFETCH 1 FROM c;\n$what;\nFETCH 1 FROM c;\n$what;\nCLOSE c;");
	},
	cursor_plain => sub {
		my ($client) = @_;
		$client->pin('id IN (' . join(', ', pool_ids(12)) . ')', 'FOR UPDATE', 1);
		$client->pair('cursor', "DECLARE c CURSOR FOR SELECT id, ts FROM {t} WHERE $pinned;\nFETCH 1 FROM c;\nSELECT pg_sleep(0.005) WHERE false;\n"
			  . "UPDATE {t} SET @{[changes()]} WHERE CURRENT OF c;\nCLOSE c;");
	},
	child => sub {
		my ($client) = @_;
		my ($id) = $client->fresh(1);
		$client->pin(some_rows(), 'FOR KEY SHARE', 3);
		$client->pair('child', "INSERT INTO {c} SELECT $id, (:'ids'::int[])[1] WHERE cardinality(:'ids'::int[]) > 0");
	},
	twin_update => sub {
		my ($client) = @_;
		my ($changes, $where) = (changes(), some_rows());
		$client->both('twin update', "WITH l AS (UPDATE $client->{lead} SET $changes WHERE $where RETURNING $returned),"
			  . " f AS (UPDATE $client->{follow} SET $changes WHERE (SELECT count(*) FROM l) >= 0 AND $where RETURNING $returned)"
			  . q{ SELECT 'differ', (SELECT count(*) FROM (TABLE l EXCEPT ALL TABLE f) x), (SELECT count(*) FROM (TABLE f EXCEPT ALL TABLE l) x)});
	},
	twin_delete => sub {
		my ($client) = @_;
		my $where = some_rows();
		$client->both('twin delete', "WITH l AS (DELETE FROM $client->{lead} WHERE $where RETURNING $returned),"
			  . " f AS (DELETE FROM $client->{follow} WHERE (SELECT count(*) FROM l) >= 0 AND $where RETURNING $returned)"
			  . q{ SELECT 'differ', (SELECT count(*) FROM (TABLE l EXCEPT ALL TABLE f) x), (SELECT count(*) FROM (TABLE f EXCEPT ALL TABLE l) x)});
	},
	compare => sub { $_[0]->both('compare', differences()) },
	free => sub {
		my ($client) = @_;
		return $moves{twin_update}->($client) if $client->{isolation} eq 'READ COMMITTED';
		my $where = some_rows();
		$client->pair('range update', "UPDATE {t} SET @{[changes()]} WHERE $where RETURNING $returned");
		$client->pair('range select', "SELECT $returned FROM {t} WHERE @{[some_rows()]}");
		$client->pair('range lock', "SELECT $returned FROM {t} WHERE @{[some_rows()]} FOR UPDATE") if rand() < 0.5;
		$client->pair('range delete', "DELETE FROM {t} WHERE k % 50 = 7 AND $where RETURNING $returned") if rand() < 0.3;
		$client->pair('sums', 'SELECT count(*), sum(k), sum(length(t)), min(ts), count(prof) FROM {t}');
	});
my @moves = (sort(keys %moves), qw(insert_pool insert_pool conflict_update conflict_nothing conflict_nothing multi_insert free free twin_update update update_quiet));

# Says how many rows one table has more than the other.
sub differences
{
	return join ' UNION ALL ', map {
		my ($one, $other) = @$_;
		"SELECT 'differ', (SELECT count(*) FROM (TABLE $one EXCEPT ALL TABLE $other) x), (SELECT count(*) FROM (TABLE $other EXCEPT ALL TABLE $one) x)"
	} [ 'h', 'p' ], [ 'hc', 'pc' ], [ 'hl', 'pl' ];
}

my $same = join "\n", ('differ|0|0') x 3;

sub some_plan
{
	my @off = grep { rand() < 0.35 } qw(enable_seqscan enable_indexscan enable_bitmapscan enable_indexonlyscan
		enable_hashjoin pyro.enable_blockscan);
	return map { "SET LOCAL $_ = off;" } @off;
}

# Writes one transaction, runs it and judges it.
sub transaction
{
	my ($client, $session) = @_;
	my $statements = 1 + int(rand(6));
	@{$client}{qw(script pairs sql kind)} = ('', 0, {}, {});
	$client->{transaction}++;
	$client->add("\\set ids '{}'\nBEGIN ISOLATION LEVEL $client->{isolation};\nLOCK TABLE h, p, hc, pc IN ROW EXCLUSIVE MODE;");
	$client->add($_) foreach some_plan();
	my $depth = 0;
	while ($client->{pairs} < $statements)
	{
		$client->add('SAVEPOINT s' . ++$depth . ';') if rand() < 0.2;
		$moves{ $moves[ rand @moves ] }->($client);
		next if !$depth || rand() < 0.5;
		$client->add((rand() < 0.5 ? 'ROLLBACK TO' : 'RELEASE') . " s$depth;");
		$depth--;
	}
	my $end = rand();
	my $name = "c$client->{phase}_$client->{number}_$client->{transaction}";
	$client->add("\\echo \@0 end");
	$client->add(
		  $end < 0.12 ? 'ROLLBACK;'
		: $end < 0.15 ? "PREPARE TRANSACTION '$name';\nROLLBACK PREPARED '$name';"
		: $end < 0.20 ? "PREPARE TRANSACTION '$name';\nCOMMIT PREPARED '$name';"
		: 'COMMIT;');

	my ($output, $alive) = $session->run($client->{script});
	judge($client, $output);
	$client->{done} += $client->{pairs};
	$client->fail('the session was lost', $client->{script}, $output) if !$alive;
	return $alive;
}

# Compares what leader and follower said.
sub judge
{
	my ($client, $output) = @_;
	my %said;
	my ($number, $role) = (0, 'none');
	foreach my $line (split /\n/, $output)
	{
		if ($line =~ /^@(\d+) (\w+)$/) { ($number, $role) = ($1, $2); $said{$number}{$role} //= []; }
		else { push @{ $said{$number}{$role} }, $line; }
	}
	$client->count('transactions');
	foreach my $state ("@{ $said{0}{end} // [] }" =~ /ERROR:\s+(\w{5}):/g)
	{
		next if $state eq '42704';
		$client->count("end $state");
		$client->fail("error $state at the end", $client->{script}, $output) if !allowed($client, $state, 'end');
	}
	foreach my $pair (sort { $a <=> $b } grep { $_ } keys %said)
	{
		my %error;
		foreach my $role (keys %{ $said{$pair} })
		{
			my @lines = @{ $said{$pair}{$role} };
			my ($state) = "@lines" =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}):/;
			next if !defined $state;
			$error{$role} = $state;
			next if $state eq '25P02';
			$client->count("$role $state");
			$client->fail("error $state of $client->{kind}{$pair} ($role, statement $pair)", $client->{script}, $output)
			  if !allowed($client, $state, $role, $client->{kind}{$pair});
		}
		next if %error;
		$client->count("ok: $client->{kind}{$pair}");
		my ($lead, $follow) = map { join "\n", sort @{ $said{$pair}{$_} // [] } } qw(lead follow);
		if ($said{$pair}{both})
		{
			$client->fail("$client->{kind}{$pair} differs (statement $pair)", $client->{script}, $output)
			  if grep { $_ !~ /^differ\|0\|0$/ } @{ $said{$pair}{both} } or !@{ $said{$pair}{both} };
		}
		elsif ($said{$pair}{follow} and $lead ne $follow)
		{
			$client->fail("$client->{kind}{$pair} differs (statement $pair)\nleader:\n$lead\nfollower:\n$follow\n", $client->{script}, $output);
		}
	}
	return;
}

# Errors that a heap table gives as well.  Only the leader may find a key
# taken, or a cursor at its end; in READ COMMITTED nobody may fail to serialize.
sub allowed
{
	my ($client, $state, $role, $kind) = @_;
	return 1 if $state eq '24000' && $role eq 'lead' && $kind =~ /^cursor/;
	return 1 if $state eq '40P01';
	return 1 if $state eq '40001' && $client->{isolation} ne 'READ COMMITTED';
	return 1 if $state eq '23505' && ($role eq 'lead' || $role eq 'pin');
	return 0;
}

# Runs something in a process of its own, which leaves its result in a file.
sub spawn
{
	my ($name, $work) = @_;
	my $pid = fork() // die "could not fork: $!";
	return $pid if $pid;
	my $result = eval { $work->() } // { failures => ["$name: $@"], counts => { failures => 1 } };
	open my $file, '>', "$files/$name" or POSIX::_exit(1);
	print $file encode_json($result);
	close $file;
	POSIX::_exit(0);
}

sub work
{
	my ($number, $phase, $isolation, $lead, $quota) = @_;
	srand($seed * 1000 + $phase * 10 + $number);
	my $client = Client->new(
		number => $number, phase => $phase, isolation => $isolation, lead => $lead,
		follow => $lead eq 'h' ? 'p' : 'h');
	my $session = PyroSession->new($node, 'postgres', name => "client $number");
	while ($client->{done} < $quota)
	{
		last if !transaction($client, $session);
		last if ($client->{counts}{failures} // 0) > 10;
	}
	$session->finish;
	return { counts => { %{ $client->{counts} }, statements => $client->{done} }, failures => $client->{failures} };
}

# Runs scripts until the file "stop" is there.  An error is a failure unless
# it is one of those that heap would give, too.
sub repeat
{
	my ($name, $allowed, $script) = @_;
	my (%counts, @failures);
	srand($seed * 1000 + $phase * 10 + length $name);
	my $session = PyroSession->new($node, 'postgres', name => $name);
	while (!-e "$files/stop")
	{
		my $sql = $script->();
		my ($output, $alive) = $session->run($sql);
		$counts{"$name rounds"}++;
		foreach my $state ($output =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}):/g)
		{
			# the rest of a transaction that has failed
			next if $state eq '25P02';
			$counts{"$name $state"}++;
			next if $state =~ $allowed;
			$counts{failures}++;
			push @failures, "$name: error $state\n$sql\n$output" if @failures < 3;
		}
		my @differ = grep { !/^(?:differ|moved)\|0\|0$/ } $output =~ /^((?:differ|moved)\|.*)$/mg;
		if (@differ)
		{
			$counts{failures}++;
			push @failures, "$name: tables differ\n$sql\n$output" if @failures < 3;
		}
		if (!$alive)
		{
			$counts{failures}++;
			push @failures, "$name: session lost\n$sql\n$output";
			last;
		}
	}
	$session->finish;
	return { counts => \%counts, failures => \@failures };
}

my %background = (
	compact => sub {
		repeat('compact', qr/^$/, sub { sleep rand 0.02; return "CALL pyro.compact('p');\nCALL pyro.compact('pc');" });
	},
	maintain => sub {
		# One index at a time: heap fails too, "no valid index found for toast relation",
		# where the index of its TOAST relation is rebuilt concurrently.
		my @indexes = qw(p_pkey p_k p_j p_t p_ts p_prof);
		repeat('maintain', qr/^40P01$/, sub {
			sleep rand 0.05;
			return (
				'VACUUM p;', 'VACUUM (INDEX_CLEANUP ON) p, pc;', 'ANALYZE p;', 'VACUUM ANALYZE pc;', 'VACUUM (FREEZE) p;', 'VACUUM (TRUNCATE ON) p;',
				'REINDEX INDEX p_k;', "REINDEX INDEX CONCURRENTLY $indexes[rand @indexes];", 'REINDEX TABLE p;',
				'CREATE INDEX CONCURRENTLY p_new ON p (ts, id);', 'DROP INDEX CONCURRENTLY IF EXISTS p_new;',
				'CREATE INDEX CONCURRENTLY p_new ON p (ts, id);', 'DROP INDEX IF EXISTS p_new;',
				'CHECKPOINT;')[ rand 14 ] =~ s/^(?=CREATE INDEX)/DROP INDEX IF EXISTS p_new;\n/r;
		});
	},
	# one snapshot sees the same all the time, whatever plan reads it
	look => sub {
		repeat('look', qr/^(?:40P01)$/, sub {
			my $differences = differences();
			my @plans = map { join '', some_plan() } 1 .. 2;
			my $pause = sprintf '%.3f', rand 0.1;
			my $cursor = "DO \$\$ DECLARE c CURSOR FOR SELECT k, t FROM p; r record; sums bigint := 0; sum_now bigint; BEGIN
				OPEN c;
				FOR n IN 1 .. 1000000 LOOP
					FETCH c INTO r;
					EXIT WHEN NOT FOUND;
					sums := sums + 1000000 + r.k + coalesce(length(r.t), 0);
					IF n = 70 THEN PERFORM pg_sleep($pause); END IF;
				END LOOP;
				SELECT coalesce(sum(1000000 + k + coalesce(length(t), 0)), 0) INTO sum_now FROM p;
				IF sum_now <> sums THEN RAISE 'a cursor has read %, not %', sums, sum_now; END IF;
			END \$\$;";
			return "BEGIN ISOLATION LEVEL REPEATABLE READ;\n$cursor\nCOMMIT;\n" if rand() < 0.3;
			return "BEGIN ISOLATION LEVEL REPEATABLE READ;\nCREATE TEMP TABLE before ON COMMIT DROP AS TABLE p;\n$differences;\nSELECT pg_sleep($pause);\n$plans[0]\n"
			  . "SELECT 'moved', (SELECT count(*) FROM (TABLE p EXCEPT ALL TABLE before) x), (SELECT count(*) FROM (TABLE before EXCEPT ALL TABLE p) x);\n$differences;\nCOMMIT;\n"
			  . "BEGIN;$plans[1]\n$differences;\nCOMMIT;";
		});
	});

# Ways to read a whole table, and the plan node that shows it.
my $wide = 'id, k, ts, t, j, prof';
my @parallel = qw(parallel_setup_cost=0 parallel_tuple_cost=0 min_parallel_table_scan_size=0 min_parallel_index_scan_size=0);
my $sums = 'SELECT count(*) AS a, sum(k) AS b, sum(length(t)) AS c, min(ts) AS d, sum(length(j::text)) AS e FROM %s';
my @ways = (
	[ 'sequential scan', [qw(pyro.enable_blockscan=off)], "SELECT $wide FROM %s", qr/Seq Scan on p\b/ ],
	[ 'parallel scan', [ @parallel, 'pyro.enable_blockscan=off' ], $sums, qr/Parallel Seq Scan on p\b/ ],
	[ 'scan of blocks', [], "SELECT $wide FROM %s", qr/Custom Scan \(PyroScan\) on p\b/ ],
	[ 'parallel scan of blocks', \@parallel, $sums, qr/Parallel Custom Scan \(PyroScan\) on p\b/ ],
	[ 'scan of blocks for some rows', [qw(enable_indexscan=off enable_bitmapscan=off)],
		"SELECT $wide FROM %s WHERE k BETWEEN 5 AND 40 AND (id > 50 OR prof IS NOT NULL)", qr/Custom Scan \(PyroScan\) on p\b/ ],
	[ 'index scan', [qw(enable_seqscan=off enable_bitmapscan=off)], "SELECT $wide FROM %s WHERE id > -1", qr/Index Scan using .* on p\b/ ],
	[ 'index scan of two columns', [qw(enable_seqscan=off enable_bitmapscan=off)], "SELECT $wide FROM %s WHERE k >= -5 ORDER BY k, id", qr/Index Scan using p_k.* on p\b/ ],
	[ 'index-only scan', [qw(enable_seqscan=off enable_bitmapscan=off)], 'SELECT k, id FROM %s WHERE k >= -5', qr/Index Only Scan using p_k.* on p\b/ ],
	[ 'partial index', [qw(enable_seqscan=off enable_bitmapscan=off)], "SELECT $wide FROM %s WHERE k %% 2 = 0 AND ts > '2000-01-01'", qr/Index Scan using p_ts.* on p\b/ ],
	[ 'bitmap scan', [qw(enable_seqscan=off enable_indexscan=off enable_indexonlyscan=off)], "SELECT $wide FROM %s WHERE k >= 100 AND id > 10", qr/Bitmap Heap Scan on p\b/ ],
	[ 'lossy bitmap scan', [qw(enable_seqscan=off enable_indexscan=off enable_indexonlyscan=off work_mem=64kB)], "SELECT $wide FROM %s WHERE k >= 0", qr/Bitmap Heap Scan on p\b/ ],
	[ 'gin', [qw(enable_seqscan=off)], qq(SELECT $wide FROM %s WHERE j @> '{"a": 3}'), qr/Bitmap Heap Scan on p\b/ ],
	[ 'hash index', [qw(enable_seqscan=off enable_bitmapscan=off)], "SELECT $wide FROM %s WHERE prof = 'main;copy 3'", qr/Index Scan using p_prof.* on p\b/ ],
	[ 'TID scan', [qw(enable_seqscan=off)], "SELECT $wide FROM %1\$s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1\$s))", qr/Tid Scan on p\b/ ],
	[ 'sample', [], "SELECT $wide FROM %s TABLESAMPLE BERNOULLI (100)", qr/Sample Scan on p\b/ ],
	[ 'sample of pages', [], "SELECT $wide FROM %s TABLESAMPLE SYSTEM (100)", qr/Sample Scan on p\b/ ]);

sub check
{
	my ($when) = @_;
	my $good = 1;
	foreach my $way (@ways)
	{
		my ($name, $settings, $sql, $plan) = @$way;
		my $set = join '', map { my ($key, $value) = split /=/; "SET $key = '$value';" } @$settings;
		my ($p, $h) = map { my $table = $_; sprintf $sql, $table } qw(p h);
		my $explain = $node->safe_psql('postgres', "$set EXPLAIN (COSTS OFF) $p");
		$good &= like($explain, $plan, "$when: plan of $name") if $explain !~ $plan;
		my $differ = $node->safe_psql('postgres', "SET statement_timeout = 0; CREATE TEMP TABLE theirs AS $h; $set CREATE TEMP TABLE ours AS $p; RESET ALL;
			SELECT count(*), (SELECT count(*) FROM (TABLE theirs EXCEPT ALL TABLE ours) x), (SELECT count(*) FROM (TABLE ours EXCEPT ALL TABLE theirs) x) FROM theirs");
		$good &= like($differ, qr/^\d+\|0\|0$/, "$when: $name equals heap's") if $differ !~ /^\d+\|0\|0$/;
	}
	my $there_and_back = $node->safe_psql('postgres', q{BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM p; FETCH ALL FROM c; SELECT 'back'; FETCH BACKWARD ALL FROM c; COMMIT});
	my ($there, $back) = split /^back\n?/m, $there_and_back;
	$good &= is(join(' ', split ' ', $there // ''), join(' ', reverse split ' ', $back // ''), "$when: backwards is the reverse of forwards");
	$good &= is($node->safe_psql('postgres', differences()), $same, "$when: no difference");
	foreach my $table (qw(p pc))
	{
		$good &= is($node->safe_psql('postgres', "SELECT * FROM pyro.verify('$table')"), '', "$when: nothing wrong in $table");
	}
	my $btrees = q{FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
		WHERE i.indrelid IN ('p'::regclass, 'pc'::regclass) AND a.amname = 'btree' AND indisvalid};
	is($node->psql('postgres', "SELECT bt_index_check(c.oid, true) $btrees"), 0, "$when: indexes have all rows") if $amcheck;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '0', "$when: no transaction is left");
	return $good;
}

# Merges the results of all processes.
sub collect
{
	my (@names) = @_;
	my (%counts, @failures);
	foreach my $name (@names)
	{
		my $result = -e "$files/$name" ? decode_json(slurp_file("$files/$name")) : { counts => {}, failures => ["$name left no result"] };
		$counts{$_} += $result->{counts}{$_} foreach keys %{ $result->{counts} };
		push @failures, @{ $result->{failures} };
		unlink "$files/$name";
	}
	return (\%counts, \@failures);
}

# All clients at work, at one isolation level and under one leader.
sub run_phase
{
	my ($isolation, $lead) = @_;
	my $name = "$isolation, $lead leads";
	my $started = time;
	$phase++;
	unlink "$files/stop";
	my @background = map { spawn($_, $background{$_}) } sort keys %background;
	my @workers = map { my $number = $_; spawn("client$number", sub { work($number, $phase, $isolation, $lead, $statements / 2 / $clients) }) } 1 .. $clients;
	waitpid $_, 0 foreach @workers;
	open my $stop, '>', "$files/stop";
	close $stop;
	waitpid $_, 0 foreach @background;

	my ($counts, $failures) = collect((map { "client$_" } 1 .. $clients), sort keys %background);
	note sprintf '%s: %.0f s', $name, time - $started;
	note join ', ', map { "$_ $counts->{$_}" } sort keys %$counts;
	note 'virtual pages so far: ' . $node->safe_psql('postgres', 'SELECT sum(next_vpage) FROM pyro.storage');
	is($counts->{failures} // 0, 0, "$name: nothing went wrong") or diag join "\n\n", "PYRO_TEST_SEED=$seed", @$failures;
	cmp_ok($counts->{statements} // 0, '>=', $statements / 2, "$name: $statements/2 statements");
	cmp_ok($counts->{'compact rounds'} // 0, '>', 0, "$name: compaction went on");
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM pyro.block'), '>', 1, "$name: there are blocks");
	# above READ COMMITTED a compaction in between is a reason to fail, but a
	# rare one; to SERIALIZABLE the follower is as good a place as any
	my %share = ('READ COMMITTED' => 0, 'REPEATABLE READ' => 0.1, 'SERIALIZABLE' => 0.25);
	cmp_ok($counts->{'follow 40001'} // 0, '<=', $share{$isolation} * ($counts->{transactions} + 20), "$name: few failures to serialize on the follower");
	# the follower waits for nobody but compaction
	is($counts->{'follow 40P01'} // 0, 0, "$name: no deadlock on the follower");
	return;
}

# Rows to begin with; half of the pool.
$node->safe_psql('postgres', "INSERT INTO h SELECT i, i * 7 % 1000, '2024-01-01 00:00Z'::timestamptz + i * interval '1 minute', big(i, i % 90), jsonb_build_object('a', i % 10), ('main;f' || i || ' 1')::profile FROM generate_series(1, $pool, 2) i;
	INSERT INTO p TABLE h; CALL pyro.compact('p'); ANALYZE");
check('at the beginning');

my @between = (
	'VACUUM FULL p', 'CLUSTER p USING p_k', 'TRUNCATE h, p, hc, pc, hl, pl',
	"ALTER TABLE p SET ACCESS METHOD heap; ALTER TABLE p SET ACCESS METHOD pyro",
	'BEGIN; TRUNCATE h, p CASCADE; INSERT INTO p (id, k, ts) VALUES (0, 0, now()); ROLLBACK', 'REINDEX DATABASE postgres');
foreach my $isolation ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	foreach my $lead (qw(h p))
	{
		run_phase($isolation, $lead);
		check("$isolation, $lead leads");
		my $statement = shift @between;
		$node->safe_psql('postgres', $statement);
		is($node->safe_psql('postgres', differences()), $same, "after $statement");
	}
}

$node->stop;
done_testing();
