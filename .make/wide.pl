# SPDX-License-Identifier: Apache-2.0
# Lines wider than 110 columns (a tab is four), held against how many each folder had when that became the rule:
# wide.pl LIST FILE...   Where there are more now, those are named that were not there when the list was last changed.
use strict;
use warnings;
use open ':std', ':encoding(UTF-8)';

my ($list, @files) = @ARGV;
my (%allowed, %wide, $looked);
open my $in, '<', $list or die "$list: $!\n";
while (<$in>) {
	$allowed{$2} = $1 if /^(\d+) (\S+)$/;
}
for my $file (@files) {
	my ($folder) = $file =~ m{^(.*)/};
	open my $text, '<', $file or next; # deleted, and not yet committed
	while (<$text>) {
		chomp(my $line = $_);
		chomp;
		1 while s/\t/' ' x (4 - $-[0] % 4)/e;
		$looked = 1;
		print "$file:$.: wider than 132 columns\n" if length > 132;
		push @{ $wide{$folder} }, [ "$file:$.", $line ] if length > 110;
	}
}
print "wide.pl: nothing to look at\n" if !$looked;
chomp(my $then = `git log -1 --format=%H -- $list`);
for my $folder (sort keys %wide) {
	my $now = @{ $wide{$folder} };
	my $most = $allowed{$folder} // 0;
	next if $now <= $most;
	my %old = map { $_ => 1 } $then ? split /\n/, qx{git grep -hE '.{80}' $then -- '*.c' '*.h'} : ();
	my @new = grep { !$old{ $_->[1] } } @{ $wide{$folder} };
	print "$folder: $now lines wider than 110 columns, at most $most may be: ", join(" ", map { $_->[0] } @new), "\n";
}
