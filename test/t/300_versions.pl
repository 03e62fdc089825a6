# Versions: what an update finds, and one clear message where the library and the
# SQL of a database do not belong together.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main');
my $version = $node->safe_psql('postgres',
	q{SELECT value FROM vector_ext_capabilities() WHERE name = 'library_version'});

# What psql says beside the rows
sub said
{
	my (undef, undef, $stderr) = $node->psql('postgres', @_);
	return $stderr;
}

is($node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'vector_ext'}),
	$version, 'installed: the version of the library');
like(said('ALTER EXTENSION vector_ext UPDATE'),
	qr/NOTICE:  version "\Q$version\E" of extension "vector_ext" is already installed/,
	'nothing to update');
is( $node->safe_psql('postgres', qq{
		SELECT source, path FROM pg_extension_update_paths('vector_ext')
		WHERE target = '$version' AND path IS NULL}),
	'', 'every version there is a script of leads to the newest');

# A difference
my $use = q{SELECT '[1]'::vector};
is(said("$use; $use"), '', 'versions agree: silence');
$node->safe_psql('postgres', q{UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'vector_ext'});
my $message = qr/WARNING:  extension "vector_ext" has version 0.0.9 in this database, but its library has version \Q$version\E
(?:LINE 1: .*
 *\^
)?HINT:  Run ALTER EXTENSION vector_ext UPDATE/;
like(said("$use; $use"), $message, 'they differ: a warning');
is(() = said("$use; $use; SELECT '[2]'::halfvec") =~ /WARNING/g, 1, 'once a session');
is($node->safe_psql('postgres', $use), '[1]', 'and the answer');
like(said("BEGIN; SET LOCAL max_parallel_workers_per_gather = 0; $use; COMMIT"), $message, 'in a transaction block');
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT ARRAY[g]::vector(1) AS v FROM generate_series(1, 100) g');
like(said(q{CREATE INDEX ON t USING hnsw (v vector_l2_ops)}), $message, 'by the handler of an access method');
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT v FROM t ORDER BY v <-> '[3]' LIMIT 1}),
	'[3]', 'the index is built and answers');
like(said('ALTER EXTENSION vector_ext UPDATE'),
	qr/extension "vector_ext" has no update path from version "0.0.9" to version "\Q$version\E"/,
	'no path from a version that never was');

# Preloaded, there is no database to look at
$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'vector_ext'});
$node->restart;
is(said($use), '', 'preloaded: no message, no failure');

is(crashes($node), '', 'no backend crashed');
done_testing();
