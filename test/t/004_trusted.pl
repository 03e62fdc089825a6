# Whoever may create objects in a database may create the extension, and gains
# nothing by it.  Objects of an attacker, first in search_path, are never used.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE bob LOGIN;
	CREATE DATABASE owned OWNER alice;
	CREATE DATABASE attacked;
	CREATE DATABASE rows});

my @who = (extra_params => [ '-U', 'bob' ]);

# Rights
like(sql_error($node, 'owned', 'CREATE EXTENSION vector_ext', @who),
	qr/permission denied to create extension "vector_ext"/,
	'without CREATE on the database: refused');
@who = (extra_params => [ '-U', 'alice' ]);
is(sql_error($node, 'owned', 'CREATE SCHEMA ext; CREATE EXTENSION vector_ext SCHEMA ext', @who),
	'', 'with CREATE on the database: created');
is( $node->safe_psql('owned', q{
		SELECT extowner::regrole, (SELECT string_agg(DISTINCT proowner::regrole::text, ' ')
			FROM pg_proc WHERE pronamespace = 'ext'::regnamespace) = current_user
		FROM pg_extension WHERE extname = 'vector_ext'}),
	'alice|t', 'she owns the extension, not its functions');
like(sql_error($node, 'owned', q{CREATE OR REPLACE FUNCTION ext.vector_dims(ext.vector) RETURNS int
		LANGUAGE sql AS 'SELECT 7'}, @who),
	qr/must be owner of function vector_dims/, 'and cannot change them');
like(sql_error($node, 'owned', 'ALTER EXTENSION vector_ext DROP FUNCTION ext.vector_dims(ext.vector)', @who),
	qr/must be owner of function/, 'nor take them out of the extension');
like(sql_error($node, 'owned', q{CREATE FUNCTION mine(cstring) RETURNS int LANGUAGE c AS '$libdir/vector_ext', 'vector_in'}, @who),
	qr/permission denied for language c/, 'nor reach the library');
$node->safe_psql('owned', q{GRANT USAGE ON SCHEMA ext TO bob});
is( $node->safe_psql('owned', q{SET search_path = ext; SELECT '[3,4]'::vector <-> '[0,0]'},
		extra_params => [ '-U', 'bob' ]),
	'5', 'others may use the types');
is(sql_error($node, 'owned', 'DROP EXTENSION vector_ext', @who), '', 'she may drop it');

# Names of the extension and of what its script uses, made by an attacker who
# comes first in the search_path of a superuser.  Whatever runs leaves a trace.
$node->safe_psql('attacked', q{
	CREATE SCHEMA evil;
	CREATE TABLE evil.trace (what text);
	CREATE DOMAIN evil.vector AS text;
	CREATE DOMAIN evil.halfvec AS text;
	CREATE DOMAIN evil.sparsevec AS text;
	CREATE DOMAIN evil.int4 AS text;
	CREATE DOMAIN evil.bool AS text;
	CREATE TABLE evil.pg_extension (extname text);
	CREATE FUNCTION evil.caught(text) RETURNS bool LANGUAGE sql
		AS 'INSERT INTO evil.trace VALUES ($1); SELECT true';
	CREATE FUNCTION evil.same(name, text) RETURNS bool LANGUAGE sql AS $$SELECT evil.caught('=')$$;
	CREATE FUNCTION evil.same(oid, oid) RETURNS bool LANGUAGE sql AS $$SELECT evil.caught('=')$$;
	CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.same);
	CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.same);
	CREATE FUNCTION evil.array_to_vector(int[], int, bool) RETURNS text LANGUAGE sql AS $$SELECT evil.caught('cast')$$;
	CREATE FUNCTION evil.vector_avg(float8[]) RETURNS text LANGUAGE sql AS $$SELECT evil.caught('avg')$$;
	CREATE FUNCTION evil.vector_combine(float8[], float8[]) RETURNS float8[] LANGUAGE sql
		AS $$SELECT evil.caught('combine'); SELECT $1$$;
	INSERT INTO evil.pg_extension VALUES ('vector')});
is(sql_error($node, 'attacked',
		'SET search_path = evil, pg_catalog, public; CREATE EXTENSION vector_ext SCHEMA public'),
	'', 'created with an attacker first in search_path');

# Every type, function and operator that a member refers to, on paper.
my $foreign = q{
	WITH member AS (
		SELECT classid, objid FROM pg_depend
		WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext'))
	SELECT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0)
	FROM member m JOIN pg_depend d USING (classid, objid)
		CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) r
	WHERE r.schema = 'evil' OR r.name = 'evil'};
is($node->safe_psql('attacked', $foreign), '', 'no member refers to what the attacker made');
is($node->safe_psql('attacked', 'SELECT * FROM evil.trace'), '', 'nothing of it was run');

# Now the attacker knows the types.  Order, hash, aggregates and qualified
# operators have been looked up when the extension was made.
$node->safe_psql('attacked', q{
	CREATE FUNCTION evil.l2_distance(public.vector, public.vector) RETURNS float8 LANGUAGE sql
		AS $$SELECT evil.caught('distance'); SELECT 0.0::float8$$;
	CREATE FUNCTION evil.vector_cmp(public.vector, public.vector) RETURNS int LANGUAGE sql
		AS $$SELECT evil.caught('cmp'); SELECT 0$$;
	CREATE FUNCTION evil.vector_add(public.vector, public.vector) RETURNS public.vector LANGUAGE sql
		AS $$SELECT evil.caught('add'); SELECT $1$$;
	CREATE FUNCTION evil.vector_eq(public.vector, public.vector) RETURNS bool LANGUAGE sql
		AS $$SELECT evil.caught('eq')$$;
	CREATE OPERATOR evil.<-> (LEFTARG = public.vector, RIGHTARG = public.vector, FUNCTION = evil.l2_distance);
	CREATE OPERATOR evil.= (LEFTARG = public.vector, RIGHTARG = public.vector, FUNCTION = evil.vector_eq);
	CREATE OPERATOR evil.+ (LEFTARG = public.vector, RIGHTARG = public.vector, FUNCTION = evil.vector_add);
	CREATE TABLE public.items (v public.vector(2), s public.sparsevec);
	INSERT INTO public.items VALUES ('[1,2]', '{1:1}/2'), ('[1,2]', '{}/2'), ('[0,2]', '{2:5}/2')});
is( $node->safe_psql('attacked', q{
		SET search_path = evil, pg_catalog, public;
		CREATE INDEX ON public.items (v);
		CREATE INDEX ON public.items USING hash (v);
		SELECT string_agg(DISTINCT v::text, ' ' ORDER BY v::text) FROM public.items;
		SELECT v, count(*) FROM public.items GROUP BY v ORDER BY v;
		SELECT public.avg(v), public.sum(v), public.sum(v::public.halfvec) FROM public.items;
		SELECT v, v OPERATOR(public.<->) '[0,2]' FROM public.items ORDER BY v OPERATOR(public.<->) '[0,2]', s;
		SELECT s::public.vector, ARRAY[1, 2]::public.vector::public.sparsevec FROM public.items ORDER BY s}),
	join("\n", '[0,2] [1,2]', '[0,2]|1', '[1,2]|2', '[0.6666667,2]|[2,6]|[2,6]',
		'[0,2]|0', '[1,2]|1', '[1,2]|1',
		'[0,0]|{1:1,2:2}/2', '[0,5]|{1:1,2:2}/2', '[1,0]|{1:1,2:2}/2'),
	'results are those of the extension');
is($node->safe_psql('attacked', 'SELECT * FROM evil.trace'), '', 'the attacker saw no call');
is( $node->safe_psql('attacked', q{
		SET search_path = evil, public;
		SELECT '[1,2]'::public.vector <-> '[0,2]'; SELECT what FROM evil.trace}),
	"0\ndistance", 'he sees those that name his operator: the trace works');

# A distance tells about its arguments by its errors, so it must not be run on
# rows that a policy hides.
$node->safe_psql('rows', q{
	CREATE EXTENSION vector_ext;
	CREATE TABLE secrets (owner name, v vector);
	INSERT INTO secrets VALUES ('bob', '[1,2]'), ('alice', '[1,2,3]');
	ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON secrets USING (owner = current_user);
	GRANT SELECT ON secrets TO bob});
my $leaky = q{SELECT v FROM secrets WHERE (v <-> '[1,2]') < 9};
like(sql_error($node, 'rows', $leaky), qr/different vector dimensions 3 and 2/,
	'who sees all rows sees the error');
is($node->safe_psql('rows', $leaky, extra_params => [ '-U', 'bob' ]), '[1,2]',
	'the error of a hidden row is not seen');
is( $node->safe_psql('rows', q{
		SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid
		WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext')
			AND (p.proleakproof OR p.prosecdef OR p.proacl IS NOT NULL)}),
	'', 'no function is leakproof, runs as its owner, or has rights of its own');

done_testing();
