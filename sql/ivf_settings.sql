-- ivfflat and ivfpq: a setting that was never set is automatic; one that was set
-- means what it says, also where that is what SHOW prints anyway.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse

-- Three lists of 40 rows each around [0,0], [100,0] and [0,200]: whatever k-means
-- does, a query near one of them sees that list first.
CREATE TABLE piles (id int, v vector(2));
INSERT INTO piles SELECT i, ARRAY[i % 3 % 2 * 100 + i / 3 * 0.01, i % 3 / 2 * 200 + i / 3 * 0.02] FROM generate_series(0, 119) i;
CREATE INDEX piles_v ON piles USING ivfflat (v) WITH (lists = 3);
ANALYZE piles;
SET enable_seqscan = off;
-- rows found from [0,0], and from how many piles, in each session anew
\set found 'SELECT count(*), count(DISTINCT id % 3) AS piles, bool_and(d >= before) AS ordered FROM (SELECT id, v <-> ''[0,0]'' AS d, lag(v <-> ''[0,0]'', 1, 0) OVER () AS before FROM (SELECT * FROM piles ORDER BY v <-> ''[0,0]'' LIMIT 100) p) q;'

-- never set: the scan goes on
SHOW ivfflat.probes;
SHOW ivfflat.iterative_scan;
SHOW ivfflat.max_probes;
:found
-- probes set to what SHOW printed: one list first, but iterative_scan is still unset
SET ivfflat.probes = 1;
:found
-- both set, as pgvector means it: no more than the lists probed
SET ivfflat.iterative_scan = off;
:found
SET ivfflat.probes = 2;
:found
SET ivfflat.probes = 3;
:found
-- more than the index has
SET ivfflat.probes = 32768;
:found
SET ivfflat.probes = 1;
-- RESET and DEFAULT are as if they were never set
RESET ivfflat.iterative_scan;
:found
SET ivfflat.iterative_scan = off;
:found
SET ivfflat.iterative_scan TO DEFAULT;
:found
RESET ALL;
SET enable_seqscan = off;
:found
-- relaxed_order goes on as well, up to max_probes
SET ivfflat.probes = 1;
SET ivfflat.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id % 3) FROM (SELECT id FROM piles ORDER BY v <-> '[0,0]' LIMIT 100) p;
SELECT max_probes, set_config('ivfflat.max_probes', max_probes::text, false) IS NOT NULL AS set,
	(SELECT count(*) FROM (SELECT id FROM piles ORDER BY v <-> ('[0,' || max_probes * 0 || ']')::vector LIMIT 119) p) AS rows
	FROM unnest(ARRAY[1, 2, 3, 32768]) max_probes;
-- max_probes alone caps the automatic way as well
RESET ivfflat.iterative_scan;
RESET ivfflat.probes;
SET ivfflat.max_probes = 1;
:found
SET ivfflat.max_probes = 2;
:found
-- but never below probes
SET ivfflat.max_probes = 1;
SET ivfflat.probes = 2;
:found
SET ivfflat.iterative_scan = relaxed_order;
:found
RESET ALL;
SET enable_seqscan = off;

-- In a transaction and in a function, and undone with them
BEGIN;
SET LOCAL ivfflat.probes = 1;
SET LOCAL ivfflat.iterative_scan = off;
:found
SAVEPOINT s;
SET LOCAL ivfflat.probes = 2;
:found
ROLLBACK TO s;
:found
COMMIT;
:found
CREATE FUNCTION one_list() RETURNS bigint LANGUAGE sql SET ivfflat.probes = 1 SET ivfflat.iterative_scan = off AS
	$$SELECT count(*) FROM (SELECT id FROM piles ORDER BY v <-> '[0,0]' LIMIT 100) p$$;
SELECT one_list();
:found

-- The index's own parameter counts before the calibration, a setting before it
ALTER INDEX piles_v SET (probes = 2);
SELECT DISTINCT value FROM vector_index_info('piles_v') WHERE name LIKE 'probes%';
SET ivfflat.iterative_scan = off;
:found
SET ivfflat.probes = 1;
SELECT DISTINCT value FROM vector_index_info('piles_v') WHERE name LIKE 'probes%';
:found
RESET ivfflat.probes;
:found
ALTER INDEX piles_v RESET (probes);
RESET ivfflat.iterative_scan;

-- Where lists were not given probes are of the hundred that pgvector makes: a share of them
CREATE TABLE many AS SELECT ARRAY[i % 63, i / 63]::vector(2) AS v FROM generate_series(0, 3999) i;
CREATE INDEX many_v ON many USING ivfflat (v);
CREATE FUNCTION pg_temp.probes(probes int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('ivfflat.probes', probes::text, true);
	RETURN (SELECT value FROM vector_index_info('many_v') WHERE name = 'probes_for_10');
END $$;
SELECT p, lists > 50 AS many, pg_temp.probes(p) = least(ceil(p * lists / 100), lists) AS share
	FROM unnest(ARRAY[1, 10, 50, 100, 32768]) p, (SELECT value::numeric AS lists FROM vector_index_info('many_v') WHERE name = 'lists') l;
SET ivfflat.max_probes = 100;
SELECT count(*) FROM (SELECT FROM many ORDER BY v <-> '[0,0]') m;
SET ivfflat.max_probes = 10;
SELECT count(*) BETWEEN 200 AND 1000 AS a_tenth FROM (SELECT FROM many ORDER BY v <-> '[0,0]') m;
RESET ivfflat.max_probes;
DROP TABLE many;

-- For a role and a database: set, to the values that SHOW prints anyway
CREATE ROLE regress_vector_user LOGIN;
GRANT SELECT ON piles TO regress_vector_user;
ALTER ROLE regress_vector_user SET ivfflat.probes = 1;
ALTER ROLE regress_vector_user SET ivfflat.iterative_scan = off;
SELECT current_database() AS database, current_user AS owner \gset
\c - regress_vector_user
SET enable_seqscan = off;
:found
RESET ivfflat.probes;
:found
\c - :owner
SET enable_seqscan = off;
:found
DROP OWNED BY regress_vector_user;
DROP ROLE regress_vector_user;
ALTER DATABASE :"database" SET ivfflat.max_probes = 2;
\c -
SET enable_seqscan = off;
:found
ALTER DATABASE :"database" RESET ivfflat.max_probes;
\c -

-- Set before the library is loaded
SET ivfflat.probes = 1;
SET ivfflat.iterative_scan = off;
SET enable_seqscan = off;
:found
\c -
SET ivfflat.probes = 0;
SET ivfflat.iterative_scan = strict_order;
SET ivfpq.probes = 'many';
SELECT vector_dims('[1]'::vector);
SELECT name, setting, boot_val, min_val, max_val, enumvals, context FROM pg_settings WHERE name ~ '^(ivfflat|ivfpq)\.' ORDER BY name COLLATE "C";
SET enable_seqscan = off;
:found
SET ivfflat.anything = 1;
DROP TABLE piles;
DROP FUNCTION one_list();

-- Automatic is chosen for a recall: the index says how far it goes for k, and
-- iterative_scan = off with probes unset still goes as far as k needs.
CREATE TABLE spread (id int, v vector(8));
INSERT INTO spread SELECT g, (SELECT array_agg(sin(sin(i * 12.9898 + g * 78.233) * 43758.5453))::vector FROM generate_series(1, 8) i) FROM generate_series(1, 4000) g;
CREATE INDEX spread_v ON spread USING ivfflat (v);
SELECT a.value::int <= b.value::int AND b.value::int < c.value::int AS rising FROM vector_index_info('spread_v') a,
	vector_index_info('spread_v') b, vector_index_info('spread_v') c
	WHERE a.name = 'probes_for_1' AND b.name = 'probes_for_10' AND c.name = 'probes_for_100';
CREATE FUNCTION pg_temp.recall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	hits int := 0;
	q int;
BEGIN
	FOR q IN 1..40 LOOP
		SET LOCAL enable_seqscan = off;
		CREATE TEMP TABLE found AS SELECT id, v <-> (SELECT v FROM spread WHERE id = q * 97) AS d FROM spread
			ORDER BY v <-> (SELECT v FROM spread WHERE id = q * 97) LIMIT 100;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		hits := hits + (SELECT count(*) FROM found WHERE d <= (SELECT max(d) FROM
			(SELECT v <-> (SELECT v FROM spread WHERE id = q * 97) AS d FROM spread ORDER BY 1 LIMIT 100) e));
		SET LOCAL enable_indexscan = on;
		DROP TABLE found;
	END LOOP;
	RETURN hits >= 40 * 100 * 0.93;
END $$;
SELECT pg_temp.recall();
SET ivfflat.iterative_scan = off;
SELECT pg_temp.recall();
DROP TABLE spread;
