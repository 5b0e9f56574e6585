#!/usr/bin/env bash
#
# Reports every ereport of an error that has no errcode, and primary messages
# that end in a full stop.
set -euo pipefail
cd "$(dirname "$0")/../.."

mapfile -t files < <(find src -name '*.[ch]' | sort)
[ ${#files[@]} -gt 0 ] || exit 0

perl -0777 -e '
  my $status = 0;
  for my $file (@ARGV) {
    open my $in, "<", $file or die "could not open $file: $!\n";
    my $text = <$in>;
    close $in;
    $text =~ s{(/\*.*?\*/)}{$1 =~ tr/\n//cdr}gse;   # comments, but not their lines
    # the argument list of each call, with strings and nested parentheses
    while ($text =~ /\b(?:ereport|ereport_domain|errsave|ereturn)\s*(\((?:[^()"\x27]|"(?:[^"\\]|\\.)*"|\x27(?:[^\x27\\]|\\.)*\x27|(?1))*\))/gs) {
      my $call = $1;
      my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
      next if $call =~ /^\(\s*(?:DEBUG\d|LOG|LOG_SERVER_ONLY|INFO|NOTICE|WARNING)\b/;
      next if $call =~ /\.\.\.\s*\)|__VA_ARGS__/;   # a macro around it
      if ($call !~ /\berrcode(?:_\w+)?\s*\(/) {
        print "$file:$line: an error without errcode\n";
        $status = 1;
      }
      if ($call =~ /\berrmsg(?:_internal|_plural)?\s*\(\s*"(?:[^"\\]|\\.)*\."\s*[,)]/) {
        print "$file:$line: a primary message with a full stop\n";
        $status = 1;
      }
    }
  }
  exit $status;
' "${files[@]}"
