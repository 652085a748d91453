# SPDX-License-Identifier: Apache-2.0
# Which files go round in a circle: a calls b, b calls c, c calls a. Nobody reads one of them alone, so each circle that
# stays is written down with its reason: circles.pl LIST OBJECT...
# A call is a symbol that one object lacks and another has; what is registered as a pointer is none, by design. Headers may
# not include each other in a circle at all.
use strict;
use warnings;

my ($list, @objects) = @ARGV;
my ($bad, %has, %lacks, %edges) = (0);
sub say_bad { print "$_[0]\n"; $bad = 1 }

# ---- who calls whom
open my $nm, '-|', 'nm', '-A', '-g', @objects or die "nm: $!\n";
while (<$nm>) {
	my ($object, $type, $symbol) = /^(\S+)\.o:\s*[0-9a-f]*\s+([A-Za-z]) (\S+)/ or next;
	$object =~ s{^build[^/]*/}{};
	if ($type eq 'U') { push @{ $lacks{$object} }, $symbol } else { $has{$symbol} = $object }
}
close $nm or die "nm failed\n";
for my $from (keys %lacks) {
	for my $symbol (@{ $lacks{$from} }) {
		my $to = $has{$symbol};
		$edges{"$from.c"}{"$to.c"} = $symbol if defined $to && $to ne $from;
	}
}
say_bad('circles: no calls were found, so nothing was looked at') if keys %edges < 50;

# ---- who includes whom
my $includes = 0;
open my $git, '-|', qw(git ls-files -co --exclude-standard -- proto/*.h runtime/*.h) or die "git: $!\n";
while (my $header = <$git>) {
	chomp $header;
	open my $in, '<', $header or next; # deleted, and not yet committed
	while (<$in>) {
		$includes += $edges{$header}{$1} = 1 if /^#include "(.*)"/;
	}
}
say_bad('circles: no includes were found, so nothing was looked at') if !$includes;

# ---- Tarjan's strongly connected components
my ($count, %index, %low, %on, @stack, @found) = (0);
sub visit {
	my $v = shift;
	$index{$v} = $low{$v} = ++$count;
	push @stack, $v;
	$on{$v} = 1;
	for my $w (sort keys %{ $edges{$v} }) {
		if (!$index{$w}) {
			visit($w);
			$low{$v} = $low{$w} if $low{$w} < $low{$v};
		} elsif ($on{$w}) {
			$low{$v} = $index{$w} if $index{$w} < $low{$v};
		}
	}
	return if $low{$v} != $index{$v};
	my @circle;
	do { push @circle, pop @stack; delete $on{ $circle[-1] } } until $circle[-1] eq $v;
	push @found, [ sort @circle ] if @circle > 1;
}
{
	no warnings 'recursion';
	for (sort keys %edges) { visit($_) if !$index{$_} }
}

# ---- the list: a paragraph is a circle, its reason behind "#", then its files
my @listed;
open my $in, '<', $list or die "$list: $!\n";
{
	local $/ = '';
	while (my $paragraph = <$in>) {
		my @files = grep { !/^#/ } split /\n/, $paragraph;
		my %files = map { $_ => 1 } @files;
		next if !@files;
		say_bad("$list: the circle of $files[0] has no reason") if $paragraph !~ /^# \S/m;
		push @listed, \%files;
	}
}

# ---- held against each other
for my $circle (@found) {
	my ($best) = grep { my $l = $_; grep { $l->{$_} } @$circle } @listed;
	if (!$best) {
		say_bad('these files call or include each other in a circle:');
	} elsif (my @new = grep { !$best->{$_} } @$circle) {
		say_bad("these files have come into a circle of $list: @new");
	} else {
		$best->{$_} = 2 for @$circle;
		next;
	}
	for my $from (@$circle) {
		for my $to (@$circle) {
			my $how = $edges{$from}{$to} or next;
			next if $best && $best->{$from} && $best->{$to};
			print "  $from -> $to", $how eq 1 ? "\n" : " ($how)\n";
		}
	}
	$best->{$_} = 2 for $best ? @$circle : ();
}
for my $l (@listed) {
	my @gone = grep { $l->{$_} != 2 } sort keys %$l;
	say_bad("$list: in no circle any more, take them out: @gone") if @gone;
}
exit $bad;
