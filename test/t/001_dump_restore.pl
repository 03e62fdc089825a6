# A database with every way a type can be used goes through pg_dump -Fc and
# pg_restore, and is the same: data, definitions, members of the extension.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

my $tables = q{
	CREATE TABLE plain (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(5), b bit(8));
	INSERT INTO plain VALUES
		(1, '[1,-0,1.17549435e-38]', '[0.1,65504,-6e-8]', '{1:1.5,5:-2}/5', B'10110010'),
		(2, '[3.4028235e38,1e-45,0.1]', '[1,2,3]', '{}/5', B'00000000'),
		(3, NULL, NULL, NULL, NULL);

	CREATE TABLE untyped (v vector, h halfvec, s sparsevec);
	INSERT INTO untyped VALUES ('[1]', '[1,2]', '{1000000000:1}/1000000000'), ('[1,2,3]', '[4]', '{}/1');

	-- stored out of line
	CREATE TABLE wide (id int, v vector(16000));
	INSERT INTO wide SELECT g, array_agg(sin(g * i))::vector(16000)
		FROM generate_series(1, 3) g, generate_series(1, 16000) i GROUP BY g;

	CREATE TABLE arrays (v vector(2)[], h halfvec[], s sparsevec(3)[]);
	INSERT INTO arrays VALUES (ARRAY['[1,2]', '[3,4]']::vector(2)[],
		ARRAY['[5]', NULL]::halfvec[], ARRAY['{1:1}/3', '{2:2}/3']::sparsevec(3)[]);

	CREATE DOMAIN unit_vector AS vector(2) CHECK (abs(vector_norm(VALUE) - 1) < 1e-6);
	CREATE TYPE pair AS (left_one vector(2), right_one halfvec);
	CREATE TABLE composed (u unit_vector, p pair);
	INSERT INTO composed VALUES ('[0.6,0.8]', ('[1,2]', '[3]'));

	CREATE TABLE generated (v vector(2) DEFAULT '[1,2]',
		length float8 GENERATED ALWAYS AS (vector_norm(v)) STORED,
		h halfvec(2) GENERATED ALWAYS AS (v::halfvec(2)) STORED,
		CHECK (vector_dims(v) = 2));
	INSERT INTO generated VALUES ('[3,4]'), (DEFAULT);

	CREATE TABLE parts (v vector(2)) PARTITION BY RANGE (v);
	CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('[0,0]');
	CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM ('[0,0]') TO (MAXVALUE);
	INSERT INTO parts VALUES ('[-1,5]'), ('[1,5]');

	CREATE UNIQUE INDEX plain_v ON plain (v);
	CREATE INDEX plain_h ON plain (h DESC);
	CREATE INDEX plain_s ON plain (s) WHERE s IS NOT NULL;
	CREATE INDEX plain_expr ON plain ((v <-> '[0,0,0]'));
	CREATE INDEX untyped_hash ON untyped USING hash (v);
	CREATE VIEW nearest AS SELECT id, v <-> '[1,0,0]' AS distance FROM plain ORDER BY v <-> '[1,0,0]';
	CREATE MATERIALIZED VIEW mean AS SELECT avg(v) AS v, sum(h) AS h FROM plain WHERE id = 1;
};
my @relations = qw(plain untyped wide arrays composed generated
  parts_low parts_high nearest mean);

my $members = q{
	SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
	WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext')
	ORDER BY 1};

# Definitions, members and data of a database as one text.
sub content
{
	my ($database) = @_;
	my ($schema) = run_command([ 'pg_dump', '-s', '-d', $node->connstr($database) ]);

	# newer minor releases write a random key
	$schema =~ s/^\\(un)?restrict .*$//mg;
	return join "\n", $schema, $node->safe_psql($database, $members),
	  map { all_rows($node, $database, $_) } @relations;
}

for my $schema ('public', 'ours')
{
	my ($from, $to) = ("from_$schema", "to_$schema");

	$node->safe_psql('postgres', "CREATE DATABASE $from");
	$node->safe_psql('postgres', "CREATE DATABASE $to");
	$node->safe_psql($from, "CREATE SCHEMA IF NOT EXISTS $schema;"
		  . "CREATE EXTENSION vector_ext SCHEMA $schema;"
		  . "SET search_path = public, $schema; $tables");
	# a view's query names the schema; all_rows looks types up by search_path
	$node->safe_psql('postgres', "ALTER DATABASE $_ SET search_path = public, $schema")
	  for ($from, $to);

	my $dump = $node->basedir . "/$schema.dump";
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr($from) ],
		"schema $schema: dump");
	$node->command_ok(
		[ 'pg_restore', '--exit-on-error', '-d', $node->connstr($to), $dump ],
		"schema $schema: restore");

	my $expected = content($from);
	cmp_ok(length $expected, '>', 100_000, "schema $schema: there is content");
	ok(content($to) eq $expected, "schema $schema: the copy is the same");
	for my $query ('SELECT * FROM plain ORDER BY id', 'SELECT * FROM wide ORDER BY id')
	{
		ok(binary_rows($node, $to, $query) eq binary_rows($node, $from, $query),
			"schema $schema: to the last bit: $query");
	}
	is( $node->safe_psql($to, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"),
		'0', "schema $schema: all indexes are valid");
	like(sql_error($node, $to, "INSERT INTO plain (id, v) VALUES (4, '[3.4028235e38,1e-45,0.1]')"),
		qr/duplicate key value violates unique constraint "plain_v"/,
		"schema $schema: the restored unique index works");
}

# The dump names the extension alone: its objects come from CREATE EXTENSION.
my ($script) = run_command([ 'pg_dump', '-s', '-d', $node->connstr('from_ours') ]);
like($script, qr/^CREATE EXTENSION IF NOT EXISTS vector_ext WITH SCHEMA ours;$/m,
	'the dump creates the extension in its schema');
unlike($script, qr/^CREATE (FUNCTION|OPERATOR|CAST|TYPE ours\.vector)/m,
	'the dump contains no object of the extension');

done_testing();
