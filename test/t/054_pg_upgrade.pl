# pg_upgrade with blocks in place: from this version to itself, and from each
# older one beside which the extension is installed, too.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
my ($major) = (run_command([ 'pg_config', '--version' ]))[0] =~ /(\d+)/;

# Folders of installations to upgrade from.
my @installations = ($bindir =~ s{/bin$}{}r);
foreach my $older (sort glob '/usr/lib/postgresql/*')
{
	my ($version) = $older =~ m{/(\d+)$} or next;
	push @installations, $older
	  if $version < $major && -x "$older/bin/initdb" && -e "$older/lib/pyro_ext.so";
}

# 18 has checksums where older ones have none.
sub init
{
	my ($node) = @_;
	$node->init(force_initdb => 1, extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
	$node->append_conf('postgresql.conf', "fsync = off\nallow_in_place_tablespaces = on");
	return;
}

my $contents = q{
	SET timezone = 'UTC';
	SET enable_seqscan = off;
	SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM t WHERE id > 0;
	RESET enable_seqscan;
	SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM t;
	SELECT tableoid::regclass, count(*), sum(id) FROM whole GROUP BY tableoid ORDER BY tableoid::regclass::text;
	SELECT relation, blocks, rows, deleted_rows, raw_bytes, stored_bytes FROM pyro.tables ORDER BY relation::text;
	SELECT relation, block, rows, deleted_rows FROM pyro.blocks ORDER BY relation::text, block;
	SELECT relation, retention, block_rows FROM pyro.policy ORDER BY relation::text;
	SELECT relid::regclass, rows_compacted FROM pyro.run ORDER BY relid;
	SELECT storage_id, relid::regclass, next_vpage, blocks, rows, bytes FROM pyro.storage ORDER BY storage_id};
my $problems = q{SELECT relation, v FROM pyro.tables, pyro.verify(relation) v};

sub upgrade
{
	my ($installation, $mode) = @_;
	my ($from) = $installation =~ m{(\d+)$};
	my $name = "from $from by $mode";
	my $old = PostgreSQL::Test::Cluster->new("old_${from}_$mode", install_path => $installation);
	my $new = PostgreSQL::Test::Cluster->new("new_${from}_$mode");

	init($old);
	$old->start;
	$old->safe_psql(
		'postgres', q{
		CREATE EXTENSION pyro_ext;
		SET pyro.block_rows = 100;
		CREATE TABLE t (id int PRIMARY KEY, b text, c timestamptz NOT NULL, p profile, gone int) USING pyro;
		INSERT INTO t SELECT n, repeat(md5(n::text), n % 100), '2024-01-01Z'::timestamptz + n * interval '1 min',
			('main;f' || n || ' 1')::profile, n FROM generate_series(1, 1000) n;
		CREATE TABLE whole (id int) PARTITION BY RANGE (id);
		CREATE TABLE part_1 PARTITION OF whole FOR VALUES FROM (0) TO (250) USING pyro;
		CREATE TABLE part_2 PARTITION OF whole FOR VALUES FROM (250) TO (1000) USING heap;
		INSERT INTO whole SELECT generate_series(0, 500)});
	$old->safe_psql('postgres', $_)
	  foreach "SET pyro.block_rows = 100; CALL pyro.compact('t')",
	  "CALL pyro.compact('part_1')",
	  "SELECT pyro.set_policy('t', retention => '1000 years', block_rows => 7), pyro.set_policy('whole', block_rows => 8)",
	  'ALTER TABLE t DROP gone, ADD later int DEFAULT 5',
	  'DELETE FROM t WHERE id % 7 = 0',
	  q{UPDATE t SET b = 'new' WHERE id % 11 = 0},
	  q{INSERT INTO t (id, b, c) SELECT n, 'head', now() FROM generate_series(2001, 2100) n};
	my $before = $old->safe_psql('postgres', $contents);
	like($before, qr/t\|10\|1000\|\d\d\d\|/, "$name: there are blocks and marks");
	like($before, qr/^t\|1000 years\|7\nwhole\|\|8$/m, "$name: there are policies");
	is($old->safe_psql('postgres', $problems), '', "$name: they are sound");
	$old->stop;

	init($new);
	chdir ${PostgreSQL::Test::Utils::tmp_check};
	command_ok(
		[
			'pg_upgrade', '--no-sync', ($mode eq 'link' ? '--link' : ()),
			'--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
			'--old-bindir', "$installation/bin", '--new-bindir', $bindir,
			'--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port
		],
		"$name: pg_upgrade");
	$new->start;
	is($new->safe_psql('postgres', $contents), $before, "$name: everything is there");
	is($new->safe_psql('postgres', $problems), '', "$name: and sound");

	# Life goes on.
	$new->safe_psql('postgres', $_)
	  foreach "CALL pyro.compact('t')", 'DELETE FROM t WHERE id % 5 = 0', 'VACUUM FULL t',
	  "CALL pyro.compact('t')", 'REINDEX TABLE t', 'ANALYZE t';
	is($new->safe_psql('postgres', $problems), '', "$name: sound after changes");
	is( $new->safe_psql('postgres', 'SELECT count(*), sum(later), sum(profile_total(p)) FROM t'),
		$new->safe_psql('postgres', q{SELECT count(*), 5 * count(*), count(*) FILTER (WHERE n <= 1000)
			FROM generate_series(1, 2100) n WHERE (n <= 1000 AND n % 7 <> 0 OR n > 2000) AND n % 5 <> 0}),
		"$name: and right");
	$new->safe_psql('postgres', 'DROP TABLE t, whole');
	is( $new->safe_psql('postgres', 'SELECT (SELECT count(*) FROM pyro.storage), (SELECT count(*) FROM pyro.block), (SELECT count(*) FROM pyro.block_delete)'),
		'0|0|0', "$name: drops leave nothing");
	$new->safe_psql('postgres', 'DROP EXTENSION pyro_ext');
	$new->stop;
	return;
}

foreach my $installation (@installations)
{
	upgrade($installation, $_) foreach qw(copy link);
}

done_testing();
