# The extension "vector", under which applications ask for the types: alone,
# beside vector_ext in either order, moved, dropped, dumped.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

# A new database after some statements.
sub database
{
	my ($name, @statements) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $_) for @statements;
	return $name;
}

# What an extension owns.
sub members
{
	my ($database, $extension) = @_;

	return $node->safe_psql($database, qq{
		SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
		WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = '$extension')
		ORDER BY 1});
}

# Is there a working type, reached by search_path?
sub works
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SELECT '[1,2]'::vector <-> '[4,6]', avg(h) <#> '[1,1]', sum(s <-> '{}/3')
		FROM (VALUES ('[1,2]'::halfvec, '{1:3,2:4}/3'::sparsevec)) t (h, s)}) eq '5|-3|5';
}

# Dump the database from_NAME, restore it as to_NAME: rows, and which extensions
# it has in which schemas, the owner of the types first.
sub restored
{
	my ($name, $what, $extensions, $format) = @_;
	my $dump = $node->basedir . "/$name.dump";

	database("to_$name");
	$node->command_ok([ 'pg_dump', "-F$format", '-f', $dump, '-d', $node->connstr("from_$name") ], "$what: dump");
	$node->command_ok(
		$format eq 'plain'
		? [ 'psql', '-XqvON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr("to_$name") ]
		: [ 'pg_restore', '--exit-on-error', '-d', $node->connstr("to_$name"), $dump ],
		"$what: restore");
	is(all_rows($node, "to_$name", 'items'), '("[1,2]",[3],{1:1}/9)', "$what: restored rows");
	is( $node->safe_psql("to_$name", q{
			SELECT string_agg(extname || ' ' || nspname, ', ' ORDER BY members DESC)
			FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace,
				LATERAL (SELECT count(*) AS members FROM pg_depend
					WHERE refclassid = 'pg_extension'::regclass AND refobjid = e.oid AND deptype = 'e') m
			WHERE extname ~ 'vector'}), $extensions, "$what: the same extensions in the same schemas");
	is( $node->safe_psql("to_$name", q{SELECT nspname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = 'sparsevec'}),
		(split /[ ,]+/, $extensions)[1], "$what: types are in the schema of their owner");
	return;
}

my $alias = 'CREATE EXTENSION IF NOT EXISTS vector';
my $ours = 'CREATE EXTENSION vector_ext';

# Alone
my $db = database('alone', $alias, $alias);
is( $node->safe_psql($db, q{SELECT extversion FROM pg_extension WHERE extname = 'vector'}),
	'0.8.7', 'version as applications expect it');
ok(works($db), 'alone: the types work');
my $full = members(database('reference', $ours), 'vector_ext');
cmp_ok(scalar(split /^/, $full), '>', 150, 'vector_ext has members');
is(members($db, 'vector'), $full, 'alone: the same members as vector_ext');
is($node->safe_psql($db, "LOAD 'vector_ext'; SELECT 1"), '1',
	'the library under both names in one session');

$node->safe_psql($db, 'CREATE SCHEMA other; CREATE TABLE items (v vector(2)); '
	  . q{INSERT INTO items VALUES ('[1,2]'); CREATE INDEX ON items (v)});
$node->safe_psql($db, 'ALTER EXTENSION vector SET SCHEMA other');
is($node->safe_psql($db, q{SET enable_seqscan = off; SELECT v FROM items WHERE v OPERATOR(other.=) '[1,2]'}),
	'[1,2]', 'moved to another schema: table and index work');
like(sql_error($node, $db, 'DROP EXTENSION vector'),
	qr/cannot drop extension vector because other objects depend on it/,
	'a table keeps the extension');
$node->safe_psql($db, 'DROP EXTENSION vector CASCADE');
is($node->safe_psql($db, q{SELECT count(*) FROM pg_proc WHERE probin LIKE '%vector%'}),
	'0', 'dropped: no function is left');
$node->safe_psql($db, $alias);
ok(works($db), 'created again');

# Both, in either order: the second creates nothing, and its end changes nothing.
# It depends on the first, so that a dump creates that first, and in its schema.
for my $both ([ 'vector_ext', 'vector' ], [ 'vector', 'vector_ext' ])
{
	my ($first, $second) = @$both;

	for my $schemas ([ 'public', 'public' ], [ 'public', 's2' ], [ 's1', 'public' ], [ 's1', 's2' ])
	{
		my ($schema, $other) = @$schemas;
		my $what = "$first in $schema, then $second in $other";
		my $name = "${first}_${schema}_$other";

		database("from_$name", 'CREATE SCHEMA s1', 'CREATE SCHEMA s2',
			"CREATE EXTENSION $first SCHEMA $schema", "CREATE EXTENSION IF NOT EXISTS $second SCHEMA $other",
			"CREATE TABLE items (v $schema.vector(2), h $schema.halfvec, s $schema.sparsevec)",
			q{INSERT INTO items VALUES ('[1,2]', '[3]', '{1:1}/9')},
			"CREATE INDEX ON items USING hnsw (v $schema.vector_l2_ops)");
		is(members("from_$name", $first), $full, "$what: $first owns everything")
		  if $schema eq 'public';
		is(members("from_$name", $second), '', "$what: $second owns nothing");
		# an update forgets dependencies, and this one records it again
		$node->safe_psql("from_$name", "ALTER EXTENSION vector UPDATE TO '0.7.0'") if $schema ne $other;
		restored($name, $what, "$first $schema, $second $other", $other eq 's2' ? 'plain' : 'custom');
		like(sql_error($node, "to_$name", "DROP EXTENSION $first"),
			qr/extension $second depends on extension $first/, "$what: restored, $second needs $first");
	}
	$node->safe_psql("from_${first}_public_public", "DROP EXTENSION $second");
	ok(works("from_${first}_public_public"), "$first first: types outlive $second");
}
for my $extension ('vector', 'vector_ext')
{
	database("from_$extension", 'CREATE SCHEMA s1', "CREATE EXTENSION $extension SCHEMA s1",
		'CREATE TABLE items (v s1.vector(2), h s1.halfvec, s s1.sparsevec)',
		q{INSERT INTO items VALUES ('[1,2]', '[3]', '{1:1}/9')});
	restored($extension, "$extension alone", "$extension s1", 'custom');
}

# An extension "vector" that is not ours, as pgvector's is not.
$db = database('foreign_one', $alias, 'ALTER EXTENSION vector DROP FUNCTION vector_ext_capabilities()');
like(sql_error($node, $db, $ours),
	qr/extension "vector" in this database does not provide the objects of vector_ext/,
	'vector_ext does not build on objects of another vector');

done_testing();
