#!/usr/bin/perl
#
# Compares what PostgreSQL's own tests printed in two runs, and prints a TAP
# line for each test.
#
#   compare.pl --run RUN --suite SUITE --heap FOLDER --pyro FOLDER
#              --input FOLDER --lists FOLDER --version MAJOR --found FOLDER
#              --diffs FILE
#
#   --heap, --pyro  the folders with the results of the tests
#   --input         the suite: its sql/ or specs/, and expected/
#   --lists         the differences that are known, see README.md there
#   --found         where the differences that there are get written, in the
#                   form of those lists
#   --diffs         what is not listed is appended to that file
#
# A test passes if its two results are the same, if the one on pyro is one that
# PostgreSQL expects, or if all they differ in is listed.  Where a list says that
# anything may differ, only errors are compared.  In a run that moves
# rows about, rows come in any order unless the statement says ORDER BY, and by
# any plan.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Getopt::Long qw(GetOptions);

my %arguments;
GetOptions(\%arguments, map { "$_=s" } qw(run suite heap pyro input lists version found diffs))
  or die "compare.pl: wrong arguments\n";
my ($run, $suite) = @arguments{qw(run suite)};
my $any_order = $run eq 'compacted';

sub lines_of
{
	my $file = shift;
	open my $in, '<', $file or return;
	local $/;
	my $text = <$in>;
	return split /\n/, $text // '', -1;
}

# For each line of a result, the statement that printed it: of SQL, what psql
# echoed last; of an isolation test, the permutation and its step.  And for
# each, whether it is such an echo.
sub statements_of
{
	my ($test, @result) = @_;
	my ($permutation, $statement, $in_echo, @of, @echoed) = ('', '', 0);

	if (-f "$arguments{input}/specs/$test.spec")
	{
		for my $line (@result)
		{
			$permutation = $1 if $line =~ /^starting permutation: (.*)/;
			if ($line =~ /^(?:step|starting|teardown|Parsed)\b/)
			{
				$statement = $line;
				$in_echo = $line =~ /^step/ && $line !~ /[;>]\s*$/;
				push @echoed, 1;
			}
			elsif ($in_echo)
			{
				$statement .= " $line";
				$in_echo = $line !~ /;\s*$/;
				push @echoed, 1;
			}
			else
			{
				push @echoed, 0;
			}
			push @of, "$permutation: $statement";
		}
		return (\@of, \@echoed);
	}

	# psql echoes the lines of its input in their order, but for the empty ones
	my @sql = grep { /\S/ } lines_of("$arguments{input}/sql/$test.sql");
	my $next = 0;
	for my $line (@result)
	{
		my $found;
		for (my $i = $next; $i < @sql && $i < $next + 300; $i++)
		{
			if ($line eq $sql[$i])
			{
				$found = $i;
				last;
			}
			# lines of data are not echoed; others seldom are left out
			last if $i > $next && length $line < 12;
		}
		if (defined $found)
		{
			$next = $found + 1;
			$statement = '' if !$in_echo || $statement =~ /^(?:--|\\)|;\s*(?:--.*)?$/ || $line =~ /^(?:--|\\)/;
			$statement .= ($statement eq '' ? '' : ' ') . $line;
		}
		$in_echo = defined $found;
		push @of, $statement;
		push @echoed, $in_echo;
	}
	return (\@of, \@echoed);
}

# Does the statement, and not only a query within it, ask for an order?
sub asks_for_order
{
	my $statement = shift;
	1 while $statement =~ s/\([^()]*\)//g;
	return $statement =~ /\border\s+by\b/i;
}

# Sort the rows of each table that a statement without ORDER BY printed, and
# leave out plans, which depend on what was compacted so far, and TIDs, with
# the widths of columns, which depend on them, and what the isolation tests'
# noisy_oper() says of the order in which conditions are checked.
sub sort_rows
{
	my ($lines, $statements, $echoed) = @_;
	my @result = map { s/^(?:\w+: )?NOTICE:  \w+: \w+ .* \w+ .*: [tf]$//r } @$lines;

	for (my $i = 1; $i < @result; $i++)
	{
		# the rule below the names of columns is as long as they are
		next if $result[$i] !~ /^-[-+]*$/ || $echoed->[$i] || $echoed->[ $i - 1 ];
		next if length $result[$i] != length $result[ $i - 1 ];
		my $end = $i + 1;
		$end++ while $end < @result && !$echoed->[$end] && $result[$end] !~ /^\(\d+ rows?\)$/;
		next if $end >= @result || $result[$end] !~ /^\(\d+ row/;
		if ($result[ $i - 1 ] =~ /^ *(?:QUERY PLAN|explain_\w+) *$/)
		{
			@result[ $i - 1 .. $end ] = ('(a plan)', ('') x ($end - $i + 1));
			next;
		}
		if ($result[ $i - 1 ] =~ /\bctid\b/)
		{
			s/\(\d+,\d+\)/(TID)/g, s/ *\| */|/g, s/^ +| +$//g, s/-+/-/g for @result[ $i - 1 .. $end - 1 ];
		}
		my @rows = @result[ $i + 1 .. $end - 1 ];
		# not a row of several lines
		next if grep { /\+$|\+\s*\|/ } @rows or asks_for_order($statements->[$i]);
		@result[ $i + 1 .. $end - 1 ] = sort @rows;
	}
	return @result;
}

# The differences of two results as hunks: the statement, the lines that only
# heap printed and those that only pyro printed.
sub hunks_of
{
	my ($test, $heap, $pyro) = @_;
	my ($statements, $echoed) = statements_of($test, @$heap);
	my @sides = ($heap, $pyro);
	my @files;
	my @hunks;

	if ($any_order)
	{
		@sides = (
			[ sort_rows($heap, $statements, $echoed) ],
			[ sort_rows($pyro, statements_of($test, @$pyro)) ]);
	}
	make_path($arguments{found});
	for my $side (0, 1)
	{
		my $file = "$arguments{found}/compared.$side";
		open my $out, '>', $file or die "$file: $!\n";
		# a TOAST relation is called after the OID of its table
		print $out map { s/\bpg_toast_\K\d+/OID/gr . "\n" } @{ $sides[$side] };
		close $out or die "$file: $!\n";
		push @files, $file;
	}
	# what was left out has empty lines instead
	open my $diff, '-|', 'diff', '-a', '-d', '-U0', $any_order ? '-B' : (), @files or die "diff: $!\n";
	while (my $line = <$diff>)
	{
		if ($line =~ /^@@ -(\d+)(?:,(\d+))? /)
		{
			# lines of pyro alone come after the line that is named
			my $statement = $statements->[ $1 > 0 ? $1 - 1 : 0 ] // '';
			$statement =~ s/\s+/ /g;
			push @hunks, '@@ ' . substr($statement, 0, 200) . "\n";
		}
		elsif (@hunks)
		{
			$hunks[-1] .= $line;
		}
	}
	close $diff;
	unlink @files;
	return @hunks;
}

# The list of a test: of this version if there is one, else that of all.
sub list_of
{
	my ($run, $test) = @_;
	for my $version ($arguments{version}, 'all')
	{
		my $file = "$arguments{lists}/$version/$run/$suite/$test.diff";
		return $file if -f $file;
	}
	return;
}

# Read a list: why, its hunks, each with whether it may be missing, and whether
# anything may differ, with the errors that may come then.
sub read_list
{
	my $file = shift;
	my ($why, $errors, @hunks) = ('');
	for my $line (lines_of($file))
	{
		if ($line =~ /^# ?(.*)/ && !@hunks)
		{
			$why .= ($why eq '' ? '' : ' ') . $1;
		}
		elsif ($line =~ /^@\* ?(.*)/ && !@hunks)
		{
			push @$errors, $1 ne '' ? $1 : ();
		}
		elsif ($line =~ /^@~ (.+)/)
		{
			push @hunks, { any => $1, optional => 1, text => '' };
		}
		elsif ($line =~ /^@([@?]) ?(.*)/)
		{
			push @hunks, { text => "\@\@ $2\n", optional => $1 eq '?' };
		}
		elsif (@hunks && $line =~ /^[-+\\]/)
		{
			$hunks[-1]{text} .= "$line\n";
		}
		elsif ($line ne '')
		{
			die "$file: not a line of a difference: $line\n";
		}
	}
	die "$file: does not say why\n" if $why eq '';
	return ($why, $errors, @hunks);
}

# What is wrong whatever may differ: errors that neither heap had in this test
# nor the list has, of any step or of one ("STEP: ERROR: ...", and what ends in
# "..." may go on as it likes), connections that were lost, tests that did not
# end, and anomalies: where heap could not serialize, pyro cannot either.
sub errors_of
{
	my ($allowed, $heap, $pyro) = @_;
	my %known = map { $_ => 1 } @$allowed, map { s/^.*?(?=ERROR:)//r } @$heap;
	my @beginnings = map { /^(.*)\.\.\.$/ ? $1 : () } @$allowed;
	my ($step, @wrong, @refused, @order) = ('');

	for my $line (@$pyro)
	{
		$step = $1 // '' if $line =~ /^(?:step (\w+)|starting permutation|teardown):/;
		next if $line !~ /\b(?:ERROR|FATAL|PANIC):|^isolationtester:|server closed|connection to server/;
		my $error = $line =~ s/^.*?(?=ERROR:)//r;
		next if $known{$error} || $known{"$step: $error"} || grep { index($error, $_) == 0 } @beginnings;
		push @wrong, "\@\@ step $step\n+$line\n";
	}
	for my $side (0, 1)
	{
		my @permutations = split /^(?=starting permutation: )/m, join("\n", @{ ($heap, $pyro)[$side] });
		my $refusal = $side ? qr/could not serialize|deadlock detected|canceling statement/ : qr/could not serialize/;
		$refused[$side] = [ map { /$refusal/ ? 1 : 0 } @permutations ];
		$order[$side] = [ map { /^(starting .*)/ ? $1 : '' } @permutations ];
	}
	return (@wrong, "not all permutations were run\n") if "@{ $order[0] }" ne "@{ $order[1] }";
	push @wrong, map { "$order[0][$_]: only heap could not serialize\n" }
	  grep { $refused[0][$_] && !$refused[1][$_] } 0 .. $#{ $refused[0] };
	return @wrong;
}

# What of the hunks is not listed, and what is listed but missing.  A run that
# moves rows about depends on timing: nothing need be there, in any order.
sub unlisted
{
	my ($listed, $found) = @_;
	my (@new, @missing);

	if ($any_order)
	{
		my %known = map { $_->{text} => 1 } @$listed;
		my @any = map { "\@\@ $_->{any}" } grep { defined $_->{any} } @$listed;
		for my $hunk (@$found)
		{
			push @new, $hunk if !$known{$hunk} && !grep { index($hunk, $_) == 0 } @any;
		}
		return (\@new, []);
	}
	my @rest = @$listed;
	for my $hunk (@$found)
	{
		my $at = 0;
		$at++ while $at < @rest && $rest[$at]{text} ne $hunk;
		if ($at == @rest)
		{
			push @new, $hunk;
			next;
		}
		push @missing, map { $_->{text} } grep { !$_->{optional} } @rest[ 0 .. $at - 1 ];
		splice @rest, 0, $at + 1;
	}
	push @missing, map { $_->{text} } grep { !$_->{optional} } @rest;
	return (\@new, \@missing);
}

sub show
{
	my ($what, @hunks) = @_;
	my @lines = map { split /\n/ } @hunks;
	my $more = @lines - 60;
	print "# $what:\n", map { "#   $_\n" } @lines > 60 ? @lines[ 0 .. 59 ] : @lines;
	print "#   ... and $more lines more\n" if $more > 0;
	open my $out, '>>', $arguments{diffs} or die "$arguments{diffs}: $!\n";
	print $out "$run $suite: $what\n", @hunks;
	close $out or die "$arguments{diffs}: $!\n";
}

# What PostgreSQL's authors accept of a test, in this run or another, is right.
sub is_expected
{
	my ($test, @result) = @_;
	my $result = join "\n", @result;
	for my $file ("$arguments{input}/expected/$test.out", glob "$arguments{input}/expected/${test}_?.out")
	{
		return 1 if -f $file && join("\n", lines_of($file)) eq $result;
	}
	return 0;
}

my $status = 0;

sub report
{
	my ($good, $test, $remark) = @_;
	print $good ? 'ok' : 'not ok', " - $run $suite: $test", $remark ? " ($remark)" : '', "\n";
	$status = 1 if !$good;
}

my %tests;
for my $folder (@arguments{qw(heap pyro)})
{
	$tests{ s{.*/}{}r =~ s{\.out$}{}r } = 1 for glob "$folder/*.out";
}
die "compare.pl: no results in $arguments{heap}\n" if !%tests;

for my $test (sort keys %tests)
{
	my @heap = lines_of("$arguments{heap}/$test.out");
	my @pyro = lines_of("$arguments{pyro}/$test.out");
	my (@listed, @whys, $errors);

	if (!@heap || !@pyro)
	{
		report(0, $test, 'printed nothing on ' . (@heap ? 'pyro' : 'heap'));
		next;
	}
	for my $kind ($any_order ? qw(idle compacted) : $run)
	{
		my $list = list_of($kind, $test) or next;
		my ($why, $more_errors, @hunks) = read_list($list);
		push @whys, $why;
		push @listed, @hunks;
		$errors = $more_errors if $more_errors;
	}
	if (!@listed && (join("\n", @heap) eq join("\n", @pyro) || is_expected($test, @pyro)))
	{
		report(1, $test);
		next;
	}
	my @found = hunks_of($test, \@heap, \@pyro);
	if (@found)
	{
		my $file = "$arguments{found}/$test.diff";
		make_path(dirname($file));
		open my $out, '>', $file or die "$file: $!\n";
		print $out @found;
		close $out or die "$file: $!\n";
	}
	my ($new, $missing) =
	  $errors ? ([ errors_of($errors, \@heap, \@pyro) ], []) : unlisted(\@listed, \@found);
	show("$test differs from heap", @$new) if @$new;
	show("$test no longer differs as listed", @$missing) if @$missing;
	report(!@$new && !@$missing, $test, @found && @whys ? join('; ', @whys) : '');
}
exit $status;
