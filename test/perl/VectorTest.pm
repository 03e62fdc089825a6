# Helpers of the TAP tests: servers with the extension, and what they compare.

package VectorTest;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(vector_node sql_error all_rows binary_rows load_data load_lines pages_digest without_checksums crashes);

# A started server with the extension in the database postgres.  Options are
# those of PostgreSQL::Test::Cluster::init, and conf: lines of postgresql.conf.
sub vector_node
{
	my ($name, %options) = @_;
	my $conf = delete $options{conf};
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%options);
	$node->append_conf('postgresql.conf', $conf) if defined $conf;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION vector_ext');
	return $node;
}

# The error a statement ends with, "" when there is none.
sub sql_error
{
	my ($node, $database, $sql, %options) = @_;
	my ($status, undef, $stderr) = $node->psql($database, $sql, %options);

	return $status == 0 ? '' : $stderr;
}

# All rows of a table as text, in an order that depends on nothing else.
sub all_rows
{
	my ($node, $database, $table) = @_;

	return $node->safe_psql($database, "SELECT t::text FROM $table t ORDER BY 1");
}

# A query's rows as bytes, for what text might round.  No arrays and composites:
# their binary form contains OIDs, which differ between databases.
sub binary_rows
{
	my ($node, $database, $query) = @_;
	my $copy = "COPY ($query) TO STDOUT (FORMAT binary)";
	my ($bytes) = run_command([ 'psql', '-XAtq', '-d', $node->connstr($database), '-c', $copy ]);

	die "no rows: $query" if length $bytes < 22;
	return $bytes;
}

# Fill a new table (id, v vector of unit length) with vectors of test/data, of
# which file is one without its .zst.  The files hold float2; at unit length in
# float4 hardly any of the vectors is exact in float2.  value: another expression
# of h, the vector as it is in the file.
sub load_data
{
	my ($node, $database, $file, $dim, $table, $value) = @_;
	my $path = dirname(__FILE__) . "/../data/$file.zst";
	my $copy = $node->basedir . "/$table.copy";
	my $n = 0;

	$value //= 'l2_normalize(h::vector)';
	# binary COPY: a header, rows of (number of columns, length, value), an end
	open my $in, '-|', 'zstd', '-dcq', $path or die "$path: $!";
	open my $out, '>', $copy or die "$copy: $!";
	binmode $_ for ($in, $out);
	print $out "PGCOPY\n\xff\r\n\0", pack('N2', 0, 0);
	while ((read $in, my $row, 2 * $dim) == 2 * $dim)
	{
		print $out pack('n N N N n2 n*', 2, 4, $n++, 4 + 2 * $dim, $dim, 0, unpack('v*', $row));
	}
	print $out pack('n', 0xffff);
	close $out or die "$copy: $!";
	close $in or die "$path: zstd failed";
	$node->safe_psql($database, qq{
		CREATE TEMP TABLE halves (id int, h halfvec($dim));
		COPY halves FROM '$copy' (FORMAT binary);
		CREATE TABLE $table (id int, v vector($dim));
		ALTER TABLE $table ALTER v SET STORAGE PLAIN;
		INSERT INTO $table SELECT id, $value FROM halves;
		ANALYZE $table});
	return $n;
}

# Fill a new table with the lines of a .tsv file of test/data, of which file is
# one without its .zst; their first names the columns.  types: of those that are
# not text.
sub load_lines
{
	my ($node, $database, $file, $table, %types) = @_;
	my $path = dirname(__FILE__) . "/../data/$file.zst";
	my $copy = $node->basedir . "/$table.tsv";
	my @names;

	open my $in, '-|', 'zstd', '-dcq', $path or die "$path: $!";
	open my $out, '>', $copy or die "$copy: $!";
	binmode $_ for ($in, $out);
	chomp(my $head = <$in>);
	@names = split /\t/, $head;
	print $out $_ while <$in>;
	close $out or die "$copy: $!";
	close $in or die "$path: zstd failed";
	$node->safe_psql($database, "CREATE TABLE $table (" .
		join(', ', map { "$_ " . ($types{$_} // 'text') } @names) . "); COPY $table FROM '$copy' (ENCODING utf8); ANALYZE $table");
	return;
}

# What tells pages of a relation from others, without the position in the log that
# each of them begins with.
sub pages_digest
{
	my ($node, $relation) = @_;

	return $node->safe_psql('postgres', qq{
		CHECKPOINT;
		SELECT count(*) || ' ' || md5(string_agg(
			pg_read_binary_file(pg_relation_filepath('$relation'), 8192 * i + 10, 8182), '' ORDER BY i))
		FROM generate_series(0, pg_relation_size('$relation') / 8192 - 1) i});
}

# Pages of a stopped server that a test writes have none; they are the default from 18 on.
sub without_checksums
{
	my ($node) = @_;

	# an error where there are none
	run_command([ 'pg_checksums', '--disable', '--no-sync', '-D', $node->data_dir ]);
	return;
}

# Lines of the server's log that no input may cause.
sub crashes
{
	my ($node) = @_;

	return join '',
	  grep { /PANIC:|TRAP:|terminated by signal|runtime error:|inconsistent page/ }
	  split /^/, slurp_file($node->logfile);
}

1;
