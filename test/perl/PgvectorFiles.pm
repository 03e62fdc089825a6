# Index files as pgvector writes them: what is to be recognised and left alone.
#
# Layouts are facts of pgvector 0.5 to 0.8, from its src/hnsw.h and src/ivfflat.h;
# "make check-move" has pgvector itself read files written here.  Little-endian,
# 8 kB pages, no checksums; vectors of type vector, few enough for one page.

package PgvectorFiles;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(pgvector_hnsw pgvector_ivfflat);

my $page_size = 8192;
my $header = 24;
my $none = 0xffffffff; # InvalidBlockNumber

sub aligned
{
	my ($bytes) = @_;

	return $bytes . "\0" x (-length($bytes) % 8);
}

# A page: PageHeaderData, what lies behind it, items from the end, and a special
# space of 8 bytes that names the access method.
sub page
{
	my ($id, $contents, @items) = @_;
	my $upper = $page_size - 8;
	my $body = '';
	my $pointers = '';

	for my $item (map { aligned($_) } @items)
	{
		$upper -= length $item;
		$body = $item . $body;
		# ItemIdData: offset 15 bits, state 2 bits (1: normal), length 15 bits
		$pointers .= pack 'V', $upper | 1 << 15 | length($item) << 17;
	}
	my $lower = $header + length($contents) + length $pointers;
	die 'more than fits a page' if $lower > $upper;
	return pack('VV v6 V', 0, 0, 0, 0, $lower, $upper, $page_size - 8, $page_size | 4, 0)
	  . $contents . $pointers . "\0" x ($upper - $lower) . $body . pack('V v v', $none, 0, $id);
}

# ItemPointerData
sub tid
{
	my ($block, $offset) = @_;

	return pack 'v3', $block >> 16, $block & 0xffff, $offset;
}

# A value of type vector, behind its length
sub vector
{
	my (@elements) = @_;

	return pack 'v v f<*', scalar @elements, 0, @elements;
}

sub with_length
{
	my ($value) = @_;

	return pack('V', (4 + length $value) << 2) . $value;
}

# pgvector_hnsw(m, [ block, offset, elements... ], ...) - bytes of an index of rows
#
# All are on level 0 and each leads to all others.
sub pgvector_hnsw
{
	my ($m, @rows) = @_;
	my $dim = @{ $rows[0] } - 2;
	my $n = 0;
	my @items;

	# an element and its neighbours: items 2 n + 1 and 2 n + 2 of block 1
	for my $row (@rows)
	{
		my ($block, $offset, @elements) = @$row;
		my @others = map { tid(1, 2 * $_ + 1) } grep { $_ != $n } 0 .. $#rows;
		my $nothing = tid($none, 0);

		die 'more rows than links' if @others > 2 * $m;
		# type, level, deleted, version, 10 heap TIDs, TID of neighbours, unused
		push @items, pack('C4', 1, 0, 0, 1) . tid($block, $offset) . $nothing x 9 . tid(1, 2 * $n + 2)
		  . pack('v', 0) . with_length(vector(@elements));
		# type, version, count, TIDs
		push @items, pack('C2 v', 2, 1, 2 * $m) . join('', @others) . $nothing x (2 * $m - @others);
		$n++;
	}
	# magic, version, dimensions, m, ef_construction, entry's block, offset, level, insert page
	return page(0xFF90, pack('V3 v2 V v2 V', 0xA953A953, 1, $dim, $m, 64, 1, 1, 0, 1)) . page(0xFF90, '', @items);
}

# pgvector_ivfflat([ block, offset, elements... ], ...) - the same with one list
sub pgvector_ivfflat
{
	my (@rows) = @_;
	my $dim = @{ $rows[0] } - 2;
	my @items;

	for my $row (@rows)
	{
		my ($block, $offset, @elements) = @$row;
		my $value = vector(@elements);
		my $size = 8 + 1 + length $value;

		# IndexTupleData: TID, length and "has varlena"; a varlena with 1 byte of length
		push @items, tid($block, $offset) . pack('v', ($size + 7 & ~7) | 0x4000) . pack('C', (1 + length $value) << 1 | 1) . $value;
	}
	# magic, version, dimensions, lists; a list: first page, insert page, centre
	return page(0xFF84, pack('V2 v2', 0x14FF1A7, 1, $dim, 1)) .
	  page(0xFF84, '', pack('V2', 2, 2) . with_length(vector((0) x $dim))) . page(0xFF84, '', @items);
}

1;
