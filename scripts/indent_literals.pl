#!/usr/bin/perl
#
# Compound literals, "(Type) {a, b}", for pg_bsd_indent, which does not know
# them: among arguments it takes the brace for a block and fails.
#
#   indent_literals.pl hide MARKS <source >disguised
#   indent_literals.pl show MARKS <formatted >source
#
# hide writes the braces of literals as parentheses and notes in the file
# MARKS which of all parentheses these are; show turns them back.  The
# formatter keeps the order of parentheses.  A literal outside of parentheses
# that takes several lines is left as it is.
use strict;
use warnings;

my ($action, $marks) = @ARGV;
local $/ = undef;
my $text = <STDIN>;

if ($action eq 'show')
{
	open my $in, '<', $marks or die "could not open $marks: $!\n";
	my %literal = map { $_ => 1 } split ' ', <$in>;
	my $n = 0;
	$text =~ s/([()])/$literal{$n++} ? ($1 eq '(' ? "\x01" : '}') : $1/ge;
	$text =~ s/\)(\s*)\x01/')' . ($1 eq '' ? ' ' : $1) . '{'/ge;
	$text =~ tr/\x01/{/;
	# a function that returns a pointer is not a declaration to align
	$text =~ s/^((?:\w+ )*\w+)[ \t]+(\*+)$/$1 $2/gm;
	print $text;
	exit;
}

# Tokens, with their places; only brackets and what stands before them matter.
my @tokens;
while ($text =~ m{\G(?:(\s+|/\*.*?\*/|//[^\n]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\w+)|(.))}gs)
{
	next if defined $1;
	push @tokens, [ $2 // $3 // $4, $-[0] ];
}

# The closing partner of each opening bracket, by number of token.
my (@open, %partner);
for my $i (0 .. $#tokens)
{
	my $token = $tokens[$i][0];
	push @open, $i if $token =~ /^[({]$/;
	if ($token =~ /^[)}]$/ && @open)
	{
		my $start = pop @open;
		$partner{$start} = $i;
		$partner{$i} = $start;
	}
}

my (@inside, %hidden);
for my $i (0 .. $#tokens)
{
	my $token = $tokens[$i][0];
	if ($token eq '{' && !$hidden{$i} && defined $partner{$i} && $i > 0 && $tokens[ $i - 1 ][0] eq ')')
	{
		my $cast = $partner{ $i - 1 };
		my $type = defined $cast ? join ' ', map { $_->[0] } @tokens[ $cast + 1 .. $i - 2 ] : '';
		my $before = $cast ? $tokens[ $cast - 1 ][0] : ';';
		my $end = $partner{$i};
		my $body = substr($text, $tokens[$i][1], $tokens[$end][1] - $tokens[$i][1]);
		# among arguments, or on one line
		if (   $type =~ /^(?:(?:const|struct|unsigned) )*\w+(?: \*| \[| \]| \w+)*$/
			&& ($before eq 'return' || $before !~ /^\w|^\)$/)
			&& ((@inside && $inside[-1] eq '(') || $body !~ /\n/))
		{
			for my $j ($i .. $end)
			{
				$hidden{$j} = 1 if $tokens[$j][0] =~ /^[{}]$/;
			}
		}
	}
	push @inside, $hidden{$i} ? '(' : $token if $token =~ /^[({]$/;
	pop @inside if $token =~ /^[)}]$/ && @inside;
}

substr($text, $tokens[$_][1], 1) = $tokens[$_][0] eq '{' ? '(' : ')' for keys %hidden;

# number the parentheses as show will, comments and strings included
my %place = map { $tokens[$_][1] => 1 } keys %hidden;
my $n = 0;
open my $out, '>', $marks or die "could not write $marks: $!\n";
while ($text =~ /[()]/g)
{
	print $out "$n\n" if $place{ $-[0] };
	$n++;
}
close $out;
print $text;
