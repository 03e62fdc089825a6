# Models that Faiss has trained: an index that is given them has its codes and
# finds its neighbours.  Rows are exact in float2, as codes are made of copies.

use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $python = '/usr/bin/python3'; # Debian's, which has Debian's Faiss
my $script = dirname(__FILE__) . '/../faiss_model.py';
my $data = dirname(__FILE__) . '/../data';

# Not a reason to go on without: test/install_packages.sh has them.
die "Debian packages python3-faiss and python3-numpy are needed\n"
  if system("$python -c 'import faiss, numpy' > /dev/null 2>&1") != 0;

my $node = vector_node('main', conf => "shared_buffers = 128MB\n");

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'items', 'h'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries', 'h'), 200, 'queries are loaded');

my $folder = $node->basedir . '/model';
mkdir $folder;
for my $part (qw(base query))
{
	is(system("zstd -dcq '$data/debtext-8k.$part.f16.zst' > '$folder/$part'"), 0, "$part is unpacked");
}

# The index over all rows, or over rows that came later; the same codes.
sub same_codes
{
	my ($name) = @_;

	$node->safe_psql('postgres', qq{
		COPY (SELECT id, list, code FROM items i JOIN vector_index_codes('given') c ON c.tid = i.ctid ORDER BY id) TO '$folder/codes.copy'});
	my ($result) = run_command([ $python, $script, 'compare', $folder ]);
	my ($rows, $equal, $worst) = split / /, $result;

	note("$name: $equal equal, the others within $worst");
	is($rows, 8000, "$name: all rows have codes");
	cmp_ok($equal, '>=', 0.999, "$name: share of equal codes");
	cmp_ok($worst, '<=', 1e-5, "$name: the others are ties");
	is($node->safe_psql('postgres', q{SELECT vector_index_check('given', true)}), '', "$name: the index is whole");
}

# Metric, lists (0: none, one at zero), parts, bits, with a rotation
for my $model ([ 'l2', 64, 64, 4, 1 ], [ 'cosine', 50, 128, 4, 0 ], [ 'ip', 0, 64, 8, 0 ])
{
	my ($metric, $lists, $parts, $bits, $opq) = @$model;
	my $name = "$metric, $lists lists, $parts parts of $bits bits" . ($opq ? ', OPQ' : '');
	my $operator = { l2 => '<->', cosine => '<=>', ip => '<#>' }->{$metric};
	my $transform = $opq ? ", transform_table = 'faiss.transform'" : '';

	is( system("$python '$script' train '$folder/base' '$folder/query' 512 '$folder' @$model > '$folder/log' 2>&1"),
		0, "$name: trained") or diag slurp_file("$folder/log");
	$node->safe_psql('postgres', qq{
		DROP INDEX IF EXISTS given;
		DROP SCHEMA IF EXISTS faiss CASCADE;
		CREATE SCHEMA faiss;
		CREATE TABLE faiss.centroids (list int, centroid vector);
		CREATE TABLE faiss.codebook (part int, code int, entry vector);
		CREATE TABLE faiss.transform (dimension int, entry vector);
		CREATE TABLE faiss.nearest (q int, n int, id int, d float8);
		COPY faiss.centroids FROM '$folder/centroids';
		COPY faiss.codebook FROM '$folder/codebook';
		COPY faiss.nearest FROM '$folder/nearest';} .
		($opq ? "COPY faiss.transform FROM '$folder/transform';" : '') . qq{
		CREATE INDEX given ON items USING ivfpq (v vector_${metric}_ops)
			WITH (centroids_table = 'faiss.centroids', codebook_table = 'faiss.codebook', bits = $bits $transform)});
	same_codes($name);

	# The index verifies as many estimates of as many lists as the script does.  Lists and
	# candidates that are as far as the last ones may be others: of Faiss 1.7 none are, of 1.11
	# those of 11 neighbours.
	my ($same, $plan) = split /\|/, $node->safe_psql('postgres', qq{
		SET enable_seqscan = off;
		SET ivfpq.probes = 8;
		SET ivfpq.candidates = 100;
		CREATE TEMP TABLE found AS SELECT q.id AS q, s.* FROM queries q,
			LATERAL (SELECT row_number() OVER () AS n, d FROM
				(SELECT i.v $operator q.v AS d FROM items i ORDER BY i.v $operator q.v LIMIT 10) k) s;
		SELECT count(*) FILTER (WHERE abs(f.d - e.d) <= 1e-5), count(*)
		FROM faiss.nearest e LEFT JOIN found f USING (q, n)});
	note("$name: $same of $plan neighbours are the same");
	is($plan, 2000, "$name: Faiss finds 10 neighbours of each query");
	cmp_ok($same, '>=', 1980, "$name: the same neighbours");
}

# Rows that come later have the same codes; no table is needed for them.
$node->safe_psql('postgres', q{
	CREATE TABLE aside AS SELECT * FROM items WHERE id % 2 = 0;
	DELETE FROM items WHERE id % 2 = 0;
	VACUUM items;
	ALTER SCHEMA faiss RENAME TO elsewhere;
	INSERT INTO items SELECT * FROM aside;
	DROP TABLE aside;
	ALTER SCHEMA elsewhere RENAME TO faiss});
same_codes('rows inserted');

# Indexes are restored behind the data, the model's tables included.
my $dump = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dumped');
command_ok([ 'pg_restore', '-j', 2, '-d', $node->connstr('restored'), $dump ], 'restored');
my $codes = q{SELECT md5(string_agg(id || ' ' || list || code::text, ',' ORDER BY id))
	FROM items i JOIN vector_index_codes('given') c ON c.tid = i.ctid};
is($node->safe_psql('restored', $codes), $node->safe_psql('postgres', $codes), 'the same codes after restoring');
is(crashes($node), '', 'the log is clean');

done_testing();
