-- Installing the extension: in a schema of its own, against a hostile search
-- path, by an ordinary user; moving it; dropping it.  In a database of its own.
\pset format unaligned
\pset footer off
SELECT current_database() AS home \gset
CREATE DATABASE regress_vector_ext TEMPLATE template0;
\c regress_vector_ext

-- Objects that would like to be taken for ours or the system's, first in the path
CREATE SCHEMA hostile;
CREATE SCHEMA "Vec tors";
SET search_path = hostile, pg_catalog;
CREATE FUNCTION hostile.raise(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''called by %'', $1; END';
CREATE FUNCTION hostile.eq(name, text) RETURNS bool LANGUAGE sql AS 'SELECT hostile.raise(''name = text'')';
CREATE FUNCTION hostile.eq(name, name) RETURNS bool LANGUAGE sql AS 'SELECT hostile.raise(''name = name'')';
CREATE FUNCTION hostile.eq(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT hostile.raise(''oid = oid'')';
CREATE OPERATOR hostile.= (LEFTARG = name, RIGHTARG = text, FUNCTION = hostile.eq);
CREATE OPERATOR hostile.= (LEFTARG = name, RIGHTARG = name, FUNCTION = hostile.eq);
CREATE OPERATOR hostile.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = hostile.eq);
CREATE TABLE hostile.pg_extension (oid oid, extname name);
INSERT INTO hostile.pg_extension VALUES (1, 'vector'), (2, 'vector_ext');
CREATE TYPE hostile.vector AS (fake int);
CREATE DOMAIN hostile.bit AS text;
CREATE DOMAIN hostile.real AS text;
CREATE DOMAIN hostile.float8 AS text;
CREATE DOMAIN hostile.int4 AS text;
CREATE FUNCTION hostile.l2_distance(hostile.vector, hostile.vector) RETURNS float LANGUAGE sql AS 'SELECT 1.0::float';
CREATE OPERATOR hostile.<-> (LEFTARG = hostile.vector, RIGHTARG = hostile.vector, FUNCTION = hostile.l2_distance);

CREATE EXTENSION vector_ext SCHEMA "Vec tors";
CREATE EXTENSION vector_ext;
CREATE EXTENSION IF NOT EXISTS vector_ext;
CREATE EXTENSION IF NOT EXISTS vector_ext SCHEMA hostile;
SELECT extname, extnamespace::regnamespace, extrelocatable, extconfig IS NULL AS no_tables
	FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'vector_ext'::text;
-- all of it is where it should be, made of the system's types
SELECT pg_describe_object(classid, objid, 0) AS elsewhere FROM pg_depend,
	LATERAL pg_identify_object(classid, objid, 0) i
WHERE deptype = 'e' AND refobjid OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_extension
	WHERE extname OPERATOR(pg_catalog.=) 'vector_ext'::text) AND i.schema <> '"Vec tors"';
SELECT pg_describe_object(d.classid, d.objid, 0) AS depends, pg_describe_object(d.refclassid, d.refobjid, 0) AS on
FROM pg_depend d, LATERAL pg_identify_object(refclassid, refobjid, 0) i,
	LATERAL pg_identify_object(d.classid, d.objid, 0) o WHERE i.schema = 'hostile' AND o.schema = '"Vec tors"';

-- Without any search path: qualified names for types, functions and operators;
-- sorting, grouping and casts know their way.
SET search_path = '';
SELECT '[1,2]'::"Vec tors".vector OPERATOR("Vec tors".<->) '[4,6]' AS distance,
	"Vec tors".l2_distance('[0,0]'::"Vec tors".halfvec, '[3,4]'), "Vec tors".vector_norm('[3,4]');
SELECT '[1,2]'::vector;
SELECT '[1]'::"Vec tors".vector <-> '[2]';
CREATE TABLE public.placed (v "Vec tors".vector(2), h "Vec tors".halfvec(2) DEFAULT '[9,9]',
	s "Vec tors".sparsevec(2), PRIMARY KEY (v));
INSERT INTO public.placed (v, s) VALUES ('[3,4]', '[3,4]'::"Vec tors".vector), (ARRAY[1,2], '{1:1}/2'),
	('[2,2]', NULL);
SELECT v, v::real[] AS a, v::"Vec tors".sparsevec AS sparse, s FROM public.placed ORDER BY v;
SELECT h, "Vec tors".avg(v), pg_catalog.count(DISTINCT v) FROM public.placed GROUP BY h;
CREATE VIEW public.near AS SELECT v, v OPERATOR("Vec tors".<->) '[2,2]' AS distance FROM public.placed
	ORDER BY v OPERATOR("Vec tors".<->) '[2,2]';
CREATE INDEX placed_distance ON public.placed ((v OPERATOR("Vec tors".<=>) '[1,0]'));
CREATE INDEX placed_hash ON public.placed USING hash (h);
SELECT v FROM public.near;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.placed'::regclass AND attnum > 0
	ORDER BY attnum;
RESET search_path;

-- Moving it: what was built on it goes on working.
ALTER EXTENSION vector_ext SET SCHEMA hostile;
DROP TYPE hostile.vector CASCADE;
ALTER EXTENSION vector_ext SET SCHEMA public;
SELECT v, v <-> '[2,2]' AS distance FROM placed ORDER BY v <-> '[2,2]', v LIMIT 2;
SELECT v FROM near;
INSERT INTO placed VALUES ('[5,5]', DEFAULT, '{}/2');
SELECT count(*) FROM placed WHERE v > '[2,2]';
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.placed'::regclass AND attnum > 0
	ORDER BY attnum;
DROP SCHEMA "Vec tors";
DROP SCHEMA hostile CASCADE;

-- Single members cannot be dropped, nor the extension while it is in use; with
-- CASCADE it takes columns along, not tables.
DROP FUNCTION l2_distance(vector, vector);
DROP TYPE vector CASCADE;
\set VERBOSITY terse
DROP EXTENSION vector_ext;
SET client_min_messages = warning;
DROP EXTENSION vector_ext CASCADE;
\set VERBOSITY default
SELECT * FROM placed;
SELECT count(*) FROM pg_proc WHERE probin LIKE '%vector_ext%';
SELECT count(*) FROM pg_type WHERE typname IN ('vector', '_vector', 'halfvec', '_halfvec', 'sparsevec', '_sparsevec');
SELECT count(*) FROM pg_opclass WHERE opcname IN ('vector_ops', 'halfvec_ops', 'sparsevec_ops');
DROP TABLE placed;

-- And again, in the same session, then with a version, a wrong version, and an update to the same
CREATE EXTENSION vector_ext;
SELECT '[1,2]'::vector <-> '[1,5]' AS distance;
SELECT extversion AS version FROM pg_extension WHERE extname = 'vector_ext' \gset
DROP EXTENSION vector_ext;
CREATE EXTENSION vector_ext VERSION 'none';
CREATE EXTENSION vector_ext VERSION :'version';
ALTER EXTENSION vector_ext UPDATE;
SELECT extversion = :'version' AS same FROM pg_extension WHERE extname = 'vector_ext';
DROP EXTENSION vector_ext;

-- It is trusted: who may create objects in the database may create it. He owns
-- the extension, not its C functions.
CREATE ROLE regress_vector_installer;
SET ROLE regress_vector_installer;
CREATE EXTENSION vector_ext;
RESET ROLE;
GRANT CREATE ON DATABASE regress_vector_ext TO regress_vector_installer;
SET ROLE regress_vector_installer;
CREATE SCHEMA mine;
CREATE EXTENSION vector_ext SCHEMA mine;
SELECT '[1,2]'::mine.vector OPERATOR(mine.<+>) '[0,0]' AS distance;
SELECT extowner::regrole, (SELECT proowner = 10 FROM pg_proc
	WHERE proname = 'vector_in') AS functions_are_the_superusers FROM pg_extension WHERE extname = 'vector_ext';
CREATE OR REPLACE FUNCTION mine.vector_dims(mine.vector) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT 1';
DROP EXTENSION vector_ext;
SELECT count(*) FROM pg_extension WHERE extname = 'vector_ext';
RESET ROLE;

\c :home
DROP DATABASE regress_vector_ext;
DROP ROLE regress_vector_installer;
