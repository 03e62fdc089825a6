-- hnsw: settings, storage parameters, what is refused and in which words.  A
-- setting that was never set is automatic; one that was set means what it says,
-- also where that is what SHOW prints anyway.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse

-- Set before the library is loaded: adopted, or refused when it is
SET hnsw.ef_search = 1000;
SET hnsw.iterative_scan = 'on';
SET hnsw.max_scan_tuples = 0;
SET hnsw.scan_mem_multiplier = 2.5;
SELECT vector_dims('[1]'::vector);
SELECT name, setting, boot_val, min_val, max_val, enumvals, context FROM pg_settings WHERE name ~ '^hnsw\.' ORDER BY name COLLATE "C";
SELECT name, short_desc, extra_desc FROM pg_settings WHERE name ~ '^hnsw\.' ORDER BY name COLLATE "C";
SET hnsw.anything = 1;
RESET ALL;

CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || concat_ws(' / ', message, nullif(detail, ''), nullif(hint, ''));
END $$;

CREATE TABLE items (id int, v vector(3), h halfvec(3), b bit(3), s sparsevec(3), any_dim vector, any_half halfvec, any_sparse sparsevec,
	varying bit varying(3), edge vector(2000), half_edge halfvec(4000), bit_edge bit(64000), wide vector(2001), half_wide halfvec(4001), bit_wide bit(64001),
	widest vector(16000), half_widest halfvec(16000));
CREATE INDEX tried ON items USING hnsw (v vector_l2_ops);
-- (whether core names a schema depends on the version)
SELECT n, replace(pg_temp.error_of(statement), 'public.', '') AS error_of FROM (VALUES
	(1, 'SET hnsw.ef_search = 0'),
	(2, 'SET hnsw.ef_search = 1001'),
	(3, 'SET hnsw.iterative_scan = on'),
	(4, 'SET hnsw.max_scan_tuples = 0'),
	(5, 'SET hnsw.scan_mem_multiplier = 0.9'),
	(6, 'SET hnsw.scan_mem_multiplier = 1001'),
	(7, 'ALTER INDEX tried SET (ef_search = 1001)'),
	(8, 'ALTER INDEX tried SET (ef_search = -1)'),
	(10, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 1)'),
	(11, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 101)'),
	(12, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (ef_construction = 3)'),
	(13, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001)'),
	(14, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31)'),
	(15, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (m = 33)'),
	(16, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (codes = ''8'')'),
	(17, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (storage = double)'),
	(18, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (lists = 10)'),
	(19, 'ALTER INDEX tried SET (m = 101)'),
	(20, 'CREATE INDEX ON items USING hnsw (v)'),
	(21, 'CREATE INDEX ON items USING hnsw (id)'),
	(22, 'CREATE INDEX ON items USING hnsw (any_dim vector_ip_ops)'),
	(23, 'CREATE INDEX ON items USING hnsw (any_half halfvec_cosine_ops)'),
	(24, 'CREATE INDEX ON items USING hnsw (any_sparse sparsevec_l2_ops)'),
	(25, 'CREATE INDEX ON items USING hnsw (wide vector_cosine_ops)'),
	(26, 'CREATE INDEX ON items USING hnsw (half_wide halfvec_l2_ops)'),
	(27, 'CREATE INDEX ON items USING hnsw (bit_wide bit_hamming_ops)'),
	(28, 'CREATE INDEX ON items USING hnsw (varying bit_hamming_ops)'),
	(30, 'CREATE UNIQUE INDEX ON items USING hnsw (v vector_l2_ops)'),
	(31, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops, h halfvec_l2_ops)'),
	(32, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops) INCLUDE (id)'),
	(33, 'CREATE INDEX ON items USING hnsw (v vector_l2_ops DESC)'),
	(34, 'ALTER TABLE items ADD EXCLUDE USING hnsw (v vector_l2_ops WITH <->)'),
	(35, 'CLUSTER items USING tried')) s (n, statement) ORDER BY n;
-- every operator class that is for values of other kinds, or other distances
SELECT opclass, pg_temp.error_of(format('CREATE INDEX ON items USING hnsw (%s %s)', col, opclass)) FROM (VALUES
	('v', 'vector_l1_ops'), ('h', 'halfvec_l1_ops'), ('b', 'bit_hamming_ops'), ('bit_edge', 'bit_jaccard_ops'),
	('s', 'sparsevec_l2_ops'), ('s', 'sparsevec_ip_ops'), ('s', 'sparsevec_cosine_ops'), ('s', 'sparsevec_l1_ops')) c (col, opclass);
-- as many as pgvector takes, and more, in whatever way a node of them is kept
SELECT opclass, pg_temp.error_of(format('CREATE INDEX ON items USING hnsw (%s %s)', col, opclass)) FROM (VALUES
	('edge', 'vector_l2_ops'), ('edge', 'vector_ip_ops'), ('edge', 'vector_cosine_ops'),
	('half_edge', 'halfvec_l2_ops'), ('half_edge', 'halfvec_ip_ops'), ('half_edge', 'halfvec_cosine_ops'),
	('widest', 'vector_l2_ops'), ('widest', 'vector_l1_ops'), ('half_widest', 'halfvec_ip_ops'), ('half_widest', 'halfvec_l1_ops')) c (col, opclass);
-- every value of what is ours, and the bounds
SELECT options, pg_temp.error_of(format('CREATE INDEX ON items USING hnsw (v vector_l2_ops) WITH (%s)', options)) FROM (VALUES
	('m = 2, ef_construction = 4'), ('m = 100, ef_construction = 200'), ('ef_construction = 1000'), ('m = 16, ef_construction = 32'),
	('codes = auto'), ('codes = none'), ('codes = ''1'''), ('codes = ''2'''), ('codes = ''4'''),
	('storage = auto'), ('storage = int8'), ('storage = float'), ('storage = ''float'''), ('storage = half')) o (options);
-- a storage is one of the column and its distances
SELECT col, opclass, storage, pg_temp.error_of(format('CREATE INDEX ON items USING hnsw (%s %s) WITH (storage = %s)', col, opclass, storage)) FROM
	(VALUES ('v', 'vector_l1_ops'), ('h', 'halfvec_l2_ops'), ('h', 'halfvec_l1_ops'), ('b', 'bit_jaccard_ops'), ('s', 'sparsevec_ip_ops')) c (col, opclass),
	unnest(ARRAY['float', 'half', 'int8']) storage;
-- parameters are looked at together when the index is built
ALTER INDEX tried SET (m = 40);
REINDEX INDEX tried;
ALTER INDEX tried SET (ef_construction = 80);
REINDEX INDEX tried;
SELECT reloptions FROM pg_class WHERE relname = 'tried';
DROP TABLE items;

-- What settings do to a scan
CREATE TABLE spread (id int, v vector(4));
INSERT INTO spread SELECT g, (SELECT array_agg(sin(sin(i * 12.9898 + g * 78.233) * 43758.5453))::vector FROM generate_series(1, 4) i) FROM generate_series(1, 2000) g;
CREATE INDEX spread_v ON spread USING hnsw (v vector_l2_ops);
ANALYZE spread;
-- rows found, and are they in order; in each session anew
\set found 'SELECT count(*), count(DISTINCT id) = count(*) AS once, bool_and(d >= before) AS ordered FROM (SELECT id, v <-> ''[0,0,0,0]'' AS d, lag(v <-> ''[0,0,0,0]'', 1, 0) OVER () AS before FROM (SELECT * FROM spread ORDER BY v <-> ''[0,0,0,0]'' LIMIT 500) p) q;'
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 500;
-- never set: as many as are wanted
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
:found
-- ef_search set to what SHOW printed: the scan still goes on
SET hnsw.ef_search = 40;
:found
-- both set, as pgvector means it: no more than were kept
SET hnsw.iterative_scan = off;
:found
SET hnsw.ef_search = 1;
:found
SET hnsw.ef_search = 1000;
:found
-- off alone: as many as the automatic way keeps for the LIMIT
RESET hnsw.ef_search;
:found
-- RESET and DEFAULT are as if they were never set
SET hnsw.ef_search = 7;
:found
RESET hnsw.iterative_scan;
:found
SET hnsw.iterative_scan = off;
:found
SET hnsw.iterative_scan TO DEFAULT;
:found
RESET ALL;
SET enable_seqscan = off;
-- the index's own parameter counts before what it knows of itself, a setting before it
ALTER INDEX spread_v SET (ef_search = 12);
:found
SET hnsw.iterative_scan = off;
:found
SET hnsw.ef_search = 13;
:found
RESET hnsw.ef_search;
ALTER INDEX spread_v RESET (ef_search);
:found
RESET ALL;
SET enable_seqscan = off;
-- going on, without a budget that nobody has set
SET hnsw.ef_search = 7;
SET hnsw.iterative_scan = strict_order;
:found
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 500) p;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 2000) p;
-- a budget: the first search is not part of it
SET hnsw.max_scan_tuples = 1;
SELECT count(*) BETWEEN 7 AND 499 AS few FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 500) p;
SET hnsw.iterative_scan = strict_order;
SELECT count(*) BETWEEN 7 AND 499 AS few FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 500) p;
SET hnsw.max_scan_tuples = 2147483647;
:found
-- max_scan_tuples alone caps the automatic way as well
RESET hnsw.iterative_scan;
SET hnsw.max_scan_tuples = 1;
SELECT count(*) BETWEEN 7 AND 499 AS few FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 500) p;
-- but it is no matter of scans that do not go on
SET hnsw.iterative_scan = off;
:found
RESET ALL;
SET enable_seqscan = off;
SET hnsw.scan_mem_multiplier = 1000;
:found
-- the budget is of rows, however often a search began anew; and of memory, more
-- than work_mem if it says so
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.max_scan_tuples = 1500;
SELECT count(*) BETWEEN 1200 AND 1500 AS about_1500 FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]') p;
RESET hnsw.iterative_scan;
RESET hnsw.max_scan_tuples;
SET work_mem = 64;
SELECT count(*) > 1980 AS nearly_all FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]') p;
SET hnsw.scan_mem_multiplier = 1;
SELECT count(*) BETWEEN 1000 AND 1950 AS no_more_fit FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]') p;
RESET work_mem;
RESET hnsw.scan_mem_multiplier;
-- a filter that most rows do not pass
SELECT count(*) FROM (SELECT id FROM spread WHERE id % 100 = 0 ORDER BY v <-> '[0,0,0,0]' LIMIT 20) p;
SET hnsw.ef_search = 10;
SET hnsw.iterative_scan = off;
SELECT count(*) < 20 AS fewer FROM (SELECT id FROM spread WHERE id % 100 = 0 ORDER BY v <-> '[0,0,0,0]' LIMIT 20) p;

-- In a transaction and in a function, and undone with them
RESET ALL;
SET enable_seqscan = off;
BEGIN;
SET LOCAL hnsw.ef_search = 9;
SET LOCAL hnsw.iterative_scan = off;
:found
SAVEPOINT s;
SET LOCAL hnsw.ef_search = 11;
:found
ROLLBACK TO s;
:found
COMMIT;
:found
CREATE FUNCTION nine() RETURNS bigint LANGUAGE sql SET hnsw.ef_search = 9 SET hnsw.iterative_scan = off AS
	$$SELECT count(*) FROM (SELECT id FROM spread ORDER BY v <-> '[0,0,0,0]' LIMIT 500) p$$;
SELECT nine();
:found
DROP FUNCTION nine();

-- For a role and a database: set, to the values that SHOW prints anyway
CREATE ROLE regress_vector_user LOGIN;
GRANT SELECT ON spread TO regress_vector_user;
ALTER ROLE regress_vector_user SET hnsw.ef_search = 40;
ALTER ROLE regress_vector_user SET hnsw.iterative_scan = off;
SELECT current_database() AS database, current_user AS owner \gset
\c - regress_vector_user
SET enable_seqscan = off;
:found
RESET hnsw.ef_search;
:found
\c - :owner
DROP OWNED BY regress_vector_user;
DROP ROLE regress_vector_user;
ALTER DATABASE :"database" SET hnsw.iterative_scan = off;
\c -
SET enable_seqscan = off;
SET hnsw.ef_search = 3;
:found
ALTER DATABASE :"database" RESET hnsw.iterative_scan;
-- Set before the library is loaded
\c -
SET hnsw.ef_search = 40;
SET hnsw.iterative_scan = off;
SET enable_seqscan = off;
:found
RESET ALL;

-- Automatic is chosen for a recall: of the 100 nearest, whether or not the scan
-- could go on
CREATE FUNCTION pg_temp.recall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	hits int := 0;
	q int;
BEGIN
	FOR q IN 1..40 LOOP
		SET LOCAL enable_seqscan = off;
		CREATE TEMP TABLE found AS SELECT id, v <-> (SELECT v FROM spread WHERE id = q * 47) AS d FROM spread
			ORDER BY v <-> (SELECT v FROM spread WHERE id = q * 47) LIMIT 100;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		hits := hits + (SELECT count(*) FROM found WHERE d <= (SELECT max(d) FROM
			(SELECT v <-> (SELECT v FROM spread WHERE id = q * 47) AS d FROM spread ORDER BY 1 LIMIT 100) e));
		SET LOCAL enable_indexscan = on;
		DROP TABLE found;
	END LOOP;
	RETURN hits >= 40 * 100 * 0.93;
END $$;
SELECT pg_temp.recall();
SET hnsw.iterative_scan = off;
SELECT pg_temp.recall();
DROP TABLE spread;
