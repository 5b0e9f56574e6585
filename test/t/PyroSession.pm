# A psql that stays open, and that answers one script after the other.
#
# What it prints, errors included, comes in the order in which it happened,
# with the SQLSTATE of every error, so that a test can run a whole transaction
# at once and judge it afterwards.
package PyroSession;

use strict;
use warnings;

use IO::Select;
use IPC::Open3;

# A session of a PostgreSQL::Test::Cluster node.
sub new
{
	my ($class, $node, $database, %options) = @_;
	my $self = bless { number => 0, patience => $options{patience} // 180 }, $class;
	local $ENV{PGAPPNAME} = $options{name} // 'session';
	$self->{pid} = open3(
		$self->{in}, $self->{out}, undef,
		'psql', '--no-psqlrc', '--no-align', '--tuples-only',
		'--dbname', $node->connstr($database), '--file', '-');
	$self->run('\set VERBOSITY verbose');
	return $self;
}

# Runs a script.  Result: what psql printed, and whether it is still there;
# a session that is lost, or that has run out of patience, cannot be used again.
sub run
{
	my ($self, $script) = @_;
	my $mark = '@end ' . ++$self->{number};
	my $read = '';
	my $select = IO::Select->new($self->{out});

	local $SIG{PIPE} = 'IGNORE';
	print { $self->{in} } "$script\n\\echo $mark\n";
	$self->{in}->flush;
	while ($read !~ /^\Q$mark\E\n/m)
	{
		if (!$select->can_read($self->{patience}))
		{
			kill 'KILL', $self->{pid};
			return ("${read}no answer within $self->{patience} s\n", 0);
		}
		return ($read, 0) if !sysread $self->{out}, $read, 65536, length $read;
	}
	$read =~ s/^\Q$mark\E\n//m;
	return ($read, $read !~ /server closed the connection|connection to server was lost/);
}

# Ends the session.
sub finish
{
	my ($self) = @_;
	close $self->{in};
	close $self->{out};
	waitpid $self->{pid}, 0;
	return;
}

# Stands in for what is not there yet.
sub stand_in
{
	my ($node) = @_;
	$node->safe_psql('postgres', q{DO $$ BEGIN ALTER EXTENSION pyro_ext DROP PROCEDURE pyro.compact(regclass); DROP PROCEDURE pyro.compact(regclass);
		IF to_regproc('pyro.verify') IS NOT NULL THEN ALTER EXTENSION pyro_ext DROP FUNCTION pyro.verify(regclass); DROP FUNCTION pyro.verify(regclass); END IF; END $$})
	  if ($ENV{PYRO_TEST_AM} // '') eq 'heap';
	$node->safe_psql('postgres', q{
		CREATE SCHEMA IF NOT EXISTS pyro;
		DO $do$ BEGIN
			IF to_regproc('pyro.compact') IS NULL THEN
				CREATE PROCEDURE pyro.compact(regclass) LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM pg_sleep(0.005); END $$;
			END IF;
			IF to_regproc('pyro.verify') IS NULL THEN
				CREATE FUNCTION pyro.verify(regclass) RETURNS SETOF text LANGUAGE sql AS $$ SELECT 'x' WHERE false $$;
			END IF;
			IF to_regclass('pyro.block') IS NULL THEN
				CREATE TABLE pyro.storage (x int);
				CREATE TABLE pyro.block (x int);
				CREATE TABLE pyro.block_delete (x int);
			END IF;
		END $do$});
	return;
}

1;
