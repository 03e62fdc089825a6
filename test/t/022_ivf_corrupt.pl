# Damaged pages: whatever is read from them, searches, inserts, VACUUM and the
# checker end, with an error or without, and nobody crashes.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $rounds = $ENV{VECTOR_EXT_CORRUPT_ROUNDS} || 60;
my $seed = $ENV{VECTOR_EXT_CORRUPT_SEED} || 1;
# what checksums would find, which are the default from 18 on, is not ours to see
my $node = vector_node('main', conf => "autovacuum = off\nfull_page_writes = off\nignore_checksum_failure = on\n");
my %index = (coded => 'ivfpq (v vector_cosine_ops)', plain => 'ivfflat (v)', heaps => 'ivfpq (v) WITH (rerank = heap)',
	kept => 'ivfpq (v, id, (id % 7), (id::text), (ARRAY[id % 10, id]))', large => 'ivfpq (w)', bits => 'ivfflat (b bit_hamming_ops)', wide => 'ivfflat (x bit_hamming_ops)');
my %op = (coded => 'v <=>', plain => 'v <->', heaps => 'v <->', kept => 'v <->', large => 'w <->',
	bits => 'b <~>', wide => 'x <~>');

for my $table (sort keys %index)
{
	$node->safe_psql('postgres', sprintf q{
		CREATE TABLE %1$s (id int, v vector(12), w vector(2200), b bit(128), x bit(64000));
		INSERT INTO %1$s SELECT g, (SELECT array_agg(sin(i * g * 0.37 + i * i)) FROM generate_series(1, 12) i),
			CASE '%1$s' WHEN 'large' THEN (SELECT array_agg(i * g) FROM generate_series(1, 2200) i) END,
			bits, CASE '%1$s' WHEN 'wide' THEN repeat(bits::text, 500) END::bit(64000)
			FROM generate_series(1, CASE WHEN '%1$s' IN ('large', 'wide') THEN 20 ELSE 1500 END) g,
			LATERAL (SELECT ('x' || md5(g::text))::bit(128) AS bits) s;
		CREATE INDEX %1$s_v ON %1$s USING %2$s;
		DELETE FROM %1$s WHERE id %% 9 = 0;
		VACUUM %1$s;
		CREATE TABLE %1$s_filenode AS SELECT pg_relation_filenode('%1$s_v') AS n;}, $table, $index{$table});
}
# attributes that are easily found in a file
my $mark = 81985529216486895;
$node->safe_psql('postgres', qq{
	CREATE TABLE marked (id bigint, v vector(2));
	INSERT INTO marked SELECT $mark + g, ARRAY[g, 1] FROM generate_series(1, 100) g;
	CREATE INDEX marked_v ON marked USING ivfpq (v, id);
	CREATE TABLE marked_filenode AS SELECT pg_relation_filenode('marked_v') AS n});
$node->safe_psql('postgres', 'CREATE DATABASE base TEMPLATE postgres');

# Change some bytes of a page: of its head, of its end, where links and kinds
# are, or anywhere
sub damage
{
	my ($file) = @_;
	my $npages = (-s $file) / 8192;
	my $page = rand() < 0.2 ? 0 : int(rand($npages));
	my @places;

	open my $f, '+<', $file or die "$file: $!";
	binmode $f;
	for (1 .. 1 + int(rand(4)))
	{
		my $where = rand();
		my $place = $where < 0.25 ? int(rand(24)) : $where < 0.4 ? 8192 - 1 - int(rand(24)) : $where < 0.75 ? 24 + int(rand(96)) : int(rand(8192));
		my $value = (0, 0xff, 1, 0x7f, int(rand(256)))[ int(rand(5)) ];

		seek $f, $page * 8192 + $place, 0;
		print $f chr($value);
		push @places, "$place=$value";
	}
	if (rand() < 0.05)
	{
		seek $f, $page * 8192, 0;
		print $f "\0" x 8192;
		push @places, 'zeros';
	}
	close $f;
	return "page $page of $npages: @places";
}

srand $seed;
my %outcomes;
my @unexpected;
for my $round (1 .. $rounds)
{
	my $table = (sort keys %index)[ $round % keys %index ];
	my $query = $table eq 'large' ? '(SELECT array_agg(i)::vector FROM generate_series(1, 2200) i)'
	  : $table eq 'bits' ? q{('x' || md5(''))::bit(128)} : $table eq 'wide' ? q{repeat('01', 32000)::bit(64000)}
	  : '(SELECT array_agg(i)::vector FROM generate_series(1, 12) i)';

	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS damaged');
	$node->safe_psql('postgres', 'CREATE DATABASE damaged TEMPLATE base STRATEGY file_copy');
	my ($database, $file) = split /\|/, $node->safe_psql('postgres',
		"SELECT oid, (SELECT n FROM ${table}_filenode) FROM pg_database WHERE datname = 'damaged'");
	my $what = "$table, " . damage($node->data_dir . "/base/$database/$file");
	my ($status, $out, $error) = $node->psql('damaged', qq{
		SET statement_timeout = '20s';
		SET enable_seqscan = off;
		SELECT count(*) FROM (SELECT id FROM $table ORDER BY $op{$table} $query LIMIT 10) k;
		SELECT count(*) FROM (SELECT id FROM $table ORDER BY $op{$table} $query) k;
		SELECT count(*) FROM (SELECT id FROM $table WHERE id < 700 AND id % 7 = 3 AND ARRAY[id % 10, id] && '{3,4}' ORDER BY $op{$table} $query) k;
		SELECT count(*) FROM (SELECT id FROM $table WHERE id::text = '17' ORDER BY $op{$table} $query) k;
		SELECT vector_index_check('${table}_v', true);
		SELECT count(*) FROM vector_index_info('${table}_v');
		INSERT INTO $table SELECT id + 10000, v, w, b, x FROM $table LIMIT 100;
		DELETE FROM $table WHERE id % 3 = 0;
		VACUUM $table;
		INSERT INTO $table SELECT id + 20000, v, w, b, x FROM $table LIMIT 100;
		SELECT count(*) FROM (SELECT id FROM $table ORDER BY $op{$table} $query LIMIT 500) k;
		EXPLAIN SELECT id FROM $table ORDER BY $op{$table} $query LIMIT 500;
		REINDEX INDEX ${table}_v;
		SELECT vector_index_check('${table}_v', true);
		SELECT 'survived'}, on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	# a link far beyond the end: the storage manager's words, as for any index
	$error =~ s/ERROR:  XX000: could not open file .* \(target block \d+\): previous segment is only \d+ blocks/ERROR:  XX001:/g;
	# a version that does not exist
	$error =~ s/ERROR:  55000: index "\w+" has format version \d+/ERROR:  XX002:/g;
	my %states = map { $_ => 1 } $error =~ /ERROR:  (\w{5}):/g;

	$outcomes{$_}++ for %states ? keys %states : 'none';
	# XX001 and XX002: damage was seen
	push @unexpected, "round $round, $what: $error" if $out !~ /survived/ || grep { !/^XX00[12]$/ } keys %states;
}
is(join("\n", @unexpected), '', "$rounds damages from seed $seed: seen, or harmless");
diag(join ', ', map { "$_: $outcomes{$_}" } sort keys %outcomes);
cmp_ok($outcomes{XX002} // 0, '>', $rounds / 10, 'many were seen');

# Attributes that are not the row's: what the page says of all of them shows it, or
# the table does
for my $case ([ 5, 'true', qr/row \(\d+,\d+\) has other attributes in index "marked_v"/ ], [ 5, 'false', qr/^$/ ],
	[ 900, 'false', qr/Attribute 1 of lane \d+ is not valid/ ])
{
	my ($other, $heap, $error) = @$case;

	$node->safe_psql('postgres', 'DROP DATABASE damaged');
	$node->safe_psql('postgres', 'CREATE DATABASE damaged TEMPLATE base STRATEGY file_copy');
	my $path = $node->data_dir . '/base/' . $node->safe_psql('postgres',
		"SELECT oid || '/' || (SELECT n FROM marked_filenode) FROM pg_database WHERE datname = 'damaged'");
	my $at = index(slurp_file($path), pack('q<', $mark + 50));
	open my $f, '+<', $path or die "$path: $!";
	binmode $f;
	seek $f, $at, 0;
	print $f pack('q<', $mark + $other);
	close $f or die "$path: $!";
	cmp_ok($at, '>', 0, 'an attribute is changed');
	like(sql_error($node, 'damaged', "SELECT vector_index_check('marked_v', $heap)"), $error, "attribute $other, heapallindexed = $heap");
}

# An index of another version is no damage, whatever follows its number
$node->safe_psql('postgres', 'DROP DATABASE damaged');
$node->safe_psql('postgres', 'CREATE DATABASE damaged TEMPLATE base STRATEGY file_copy');
my $path = $node->data_dir . '/base/' . $node->safe_psql('postgres',
	"SELECT oid || '/' || (SELECT n FROM plain_filenode) FROM pg_database WHERE datname = 'damaged'");
open my $f, '+<', $path or die "$path: $!";
binmode $f;
seek $f, 24 + 4, 0; # page header, magic
print $f pack('V C40', 1, (0xff) x 40);
close $f or die "$path: $!";
like(sql_error($node, 'damaged', q{SET enable_seqscan = off; SELECT id FROM plain ORDER BY v <-> array_fill(1, ARRAY[12])::vector LIMIT 1}),
	qr/index "plain_v" has format version 1, this library knows version \d+/, 'another version is said to be one');
is(crashes($node), '', 'the log is clean');

done_testing();
