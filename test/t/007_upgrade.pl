# pg_upgrade restores definitions before there are rows: an index whose model
# comes from tables is not built then, and its file is taken over as it is.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $old = vector_node('old');

$old->safe_psql('postgres', q{
	CREATE SCHEMA model;
	CREATE TABLE model.c AS SELECT g AS list, ARRAY[sin(g), cos(g), 0, g]::vector AS centroid FROM generate_series(0, 5) g;
	CREATE TABLE model.e AS SELECT p AS part, c AS code, ARRAY[c / 8.0 - 1, sin(p * c)]::vector AS entry
		FROM generate_series(0, 1) p, generate_series(0, 15) c;
	CREATE TABLE items AS SELECT g AS id, ARRAY[sin(g), sin(2 * g), cos(3 * g), g % 6]::vector(4) AS v FROM generate_series(1, 2000) g;
	CREATE INDEX given ON items USING ivfpq (v) WITH (centroids_table = 'model.c', codebook_table = 'model.e')});

my $state = q{SELECT count(*), md5(string_agg(id || ':' || list || ':' || code::text, ',' ORDER BY id))
	FROM items i JOIN vector_index_codes('given') c ON c.tid = i.ctid};
my $before = $old->safe_psql('postgres', $state);

like($before, qr/^2000\|/, 'all rows have codes');

# A library that is not installed is found by extension_control_path from 18 on, but
# not by pg_upgrade, which LOADs "$libdir/..." as it is written.
$old->safe_psql('postgres', q{UPDATE pg_proc SET probin = 'vector_ext' WHERE probin = '$libdir/vector_ext'})
  if $old->pg_version >= 18;
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
my $bindir = $old->config_data('--bindir');
chdir $new->basedir or die "$!";
command_ok(
	[ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ],
	'upgraded');
$new->start;
is($new->safe_psql('postgres', $state), $before, 'the same codes');
is($new->safe_psql('postgres', q{SELECT vector_index_check('given', true)}), '', 'the index is whole');
$new->safe_psql('postgres', 'REINDEX INDEX given');
is($new->safe_psql('postgres', $state), $before, 'and again, from the tables');

done_testing();
