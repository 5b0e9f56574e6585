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

1;
