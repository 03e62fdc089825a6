-- What an ordinary user may do, what he must not learn, and what the catalogue
-- says about every object of the extension.
\pset format unaligned
\pset footer off

-- Members of the extension
CREATE TEMP VIEW member AS
SELECT classid, objid FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext');
CREATE TEMP VIEW member_function AS SELECT p.* FROM pg_proc p, member WHERE classid = 'pg_proc'::regclass
	AND objid = p.oid;
SELECT count(*) > 150 AS many FROM member;

-- Each function, aggregate, operator and type explains itself.
SELECT pg_describe_object(classid, objid, 0) AS without_comment FROM member
WHERE classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
	AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
	AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid AND typelem <> 0);
-- All lie in the extension's schema; so do the array types that come with them.
SELECT pg_describe_object(classid, objid, 0) AS elsewhere
FROM member, pg_extension e, LATERAL pg_identify_object(classid, objid, 0) i
WHERE e.extname = 'vector_ext' AND i.schema IS NOT NULL
	AND i.schema <> quote_ident(e.extnamespace::regnamespace::name);
SELECT t.typname FROM pg_type t JOIN pg_type a ON a.oid = t.typarray JOIN member ON objid = t.oid
	WHERE a.typnamespace <> t.typnamespace;

-- Functions: immutable, strict, parallel safe, with exceptions; none promises not
-- to leak its arguments (errors show dimensions), none runs as its owner.
SELECT oid::regprocedure AS exception, provolatile, proisstrict, proparallel FROM member_function
WHERE prokind = 'f' AND NOT (provolatile = 'i' AND proisstrict AND proparallel = 's')
	ORDER BY oid::regprocedure::text COLLATE "C";
SELECT count(*) FILTER (WHERE proleakproof) AS leakproof, count(*) FILTER (WHERE prosecdef) AS as_owner,
	count(*) FILTER (WHERE proacl IS NOT NULL) AS restricted,
	count(*) FILTER (WHERE proparallel <> 's') AS not_parallel,
		count(*) FILTER (WHERE proconfig IS NOT NULL) AS configured FROM member_function;

-- An ordinary user uses it all.
CREATE ROLE regress_vector_owner;
CREATE ROLE regress_vector_user;
SET ROLE regress_vector_user;
CREATE TEMP TABLE mine (v vector(2), h halfvec(2), s sparsevec(2), list vector[]);
CREATE INDEX ON mine (v);
INSERT INTO mine VALUES ('[1,2]', '[3,4]', '{1:1}/2', ARRAY['[1]']::vector[]),
	(ARRAY[3,4], '[1,2]'::vector, '[0,1]'::vector, NULL);
SELECT v <-> h AS distance, avg(v) OVER () AS mean, s::vector, l2_normalize(v), binary_quantize(h) <~> B'11' AS bits
	FROM mine ORDER BY v;
SELECT vector_dims(v) FROM mine GROUP BY v HAVING v = '[1,2]';
CREATE DOMAIN pg_temp.small AS vector CHECK (vector_norm(VALUE) < 9);
SELECT count(*) FROM vector_ext_capabilities();
DROP TABLE mine;
-- but cannot hand made-up bytes to functions that trust their caller
\set VERBOSITY sqlstate
SELECT vector_recv('\x0001', 0, -1);
SELECT vector_distance_support(0);
SELECT vector_in('[1]'::text, 0, -1);
CREATE FUNCTION pg_temp.f(internal) RETURNS vector LANGUAGE internal AS 'vector_recv';
\set VERBOSITY default
RESET ROLE;

-- What is revoked is gone, through the operator as well.
BEGIN;
REVOKE EXECUTE ON FUNCTION l2_distance(vector, vector) FROM PUBLIC;
REVOKE USAGE ON TYPE halfvec FROM PUBLIC;
SET LOCAL ROLE regress_vector_user;
SAVEPOINT s;
SELECT '[1]'::vector <-> '[2]';
ROLLBACK TO s;
CREATE TEMP TABLE refused (h halfvec);
ROLLBACK TO s;
SELECT '[1]'::vector <=> '[2]';
ROLLBACK;

-- Rows behind a security barrier: a user's function is not called for them,
-- however cheap, and no error of ours tells of their dimensions.
CREATE SCHEMA regress_vector_schema AUTHORIZATION regress_vector_owner;
GRANT USAGE ON SCHEMA regress_vector_schema TO regress_vector_user;
SET ROLE regress_vector_owner;
SET search_path = regress_vector_schema, public;
CREATE TABLE secrets (id int, reader name, v vector);
INSERT INTO secrets VALUES (1, 'regress_vector_user', '[1,2]'), (2, 'nobody', '[7,7,7]'),
	(3, 'regress_vector_user', '[3,4]');
CREATE VIEW barrier WITH (security_barrier) AS SELECT id, v FROM secrets WHERE reader = current_user;
CREATE TABLE guarded (id int, reader name, v vector);
INSERT INTO guarded TABLE secrets;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (reader = current_user);
GRANT SELECT ON barrier, guarded TO regress_vector_user;
GRANT SELECT (id), INSERT (id, v) ON secrets TO regress_vector_user;
SET ROLE regress_vector_user;
CREATE FUNCTION pg_temp.peek(vector) RETURNS bool
	LANGUAGE plpgsql COST 0.0000001 AS 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END';
SELECT id FROM barrier WHERE pg_temp.peek(v) ORDER BY id;
SELECT id FROM barrier WHERE v <-> '[0,0]' < 100 AND v > '[0,0]' ORDER BY v <-> '[0,0]';
SELECT id FROM guarded WHERE pg_temp.peek(v) ORDER BY id;
SELECT id FROM guarded WHERE v + '[1,1]' <> '[0,0]' ORDER BY v <-> '[3,3]' LIMIT 2;
SELECT sum(v), avg(v) FROM guarded;
-- a distance reads the column
SELECT id FROM secrets ORDER BY id;
SELECT id FROM secrets ORDER BY v <-> '[0,0]';
SELECT v FROM secrets WHERE id = 1;
INSERT INTO secrets (id, v) VALUES (4, '[5,6]');
INSERT INTO secrets (id, v) VALUES (4, '[5,6]') RETURNING v;
RESET ROLE;
RESET search_path;
DROP FUNCTION pg_temp.peek(vector);
DROP DOMAIN pg_temp.small;
DROP SCHEMA regress_vector_schema CASCADE;
DROP ROLE regress_vector_owner, regress_vector_user;
