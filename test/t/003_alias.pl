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

# Both, in either order: the second creates nothing and its end changes nothing.
for my $order ([ $ours, 'vector_ext', $alias, 'vector' ], [ $alias, 'vector', $ours, 'vector_ext' ])
{
	my ($create_first, $first, $create_second, $second) = @$order;
	my $both = database("first_$first", $create_first, $create_second);

	is(members($both, $first), $full, "$first first: it owns everything");
	is(members($both, $second), '', "$first first: $second owns nothing");
	$node->safe_psql($both, 'CREATE TABLE items (v vector(2), h halfvec, s sparsevec); '
		  . q{INSERT INTO items VALUES ('[1,2]', '[3]', '{1:1}/9')});

	my $copy = database("copy_$first");
	my $dump = $node->basedir . "/$first.dump";
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr($both) ],
		"$first first: dump");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($copy), $dump ],
		"$first first: restore");
	is(all_rows($node, $copy, 'items'), '("[1,2]",[3],{1:1}/9)', "$first first: restored rows");
	is($node->safe_psql($copy, q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension
			WHERE extname ~ 'vector'}),
		'vector vector_ext', "$first first: both are restored");

	$node->safe_psql($both, "DROP EXTENSION $second");
	ok(works($both), "$first first: types outlive $second");
}

# An extension "vector" that is not ours, as pgvector's is not.
$db = database('foreign_one', $alias, 'ALTER EXTENSION vector DROP FUNCTION vector_ext_capabilities()');
like(sql_error($node, $db, $ours),
	qr/extension "vector" in this database does not provide the objects of vector_ext/,
	'vector_ext does not build on objects of another vector');

done_testing();
