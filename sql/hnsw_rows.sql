-- hnsw: row pages, where each row has a lane.  vector_index_check() compares lanes
-- with what nodes have, so here it is asked after everything that moves rows.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
CREATE FUNCTION point(g int, dim int) RETURNS vector LANGUAGE sql AS $$
	SELECT array_agg(sin(g * 12.9898 + i * 78.233 + g * i * 0.37))::vector FROM generate_series(1, dim) i $$;
-- lanes: those in use, from the pages and what is free in them
CREATE FUNCTION lanes(index regclass) RETURNS TABLE (per_page int, pages int, used int, rows int) LANGUAGE sql AS $$
	SELECT per_page, pages, pages * per_page - free, rows FROM (SELECT
		max(value::int) FILTER (WHERE name = 'rows_per_page') AS per_page, max(value::int) FILTER (WHERE name = 'row_bytes') / 8192 AS pages,
		max(value::int) FILTER (WHERE name = 'free_lanes') AS free, max(value::int) FILTER (WHERE name = 'rows') AS rows
		FROM vector_index_info(index) WHERE name IN ('rows_per_page', 'row_bytes', 'free_lanes', 'rows')) i $$;

-- an index of nothing has a page for what comes
CREATE TABLE t (id int, v vector(24));
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SELECT * FROM lanes('t_v');
-- 10 bytes a row, 12 for codes of 24 parts: 8152 - 16 bytes are words of 32 * 22 + 4
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(1, 500) g;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
-- rows of one element, in its head and in slots of its own
INSERT INTO t SELECT g, point(7, 24) FROM generate_series(501, 600) g;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
-- lanes that are freed are used again
DELETE FROM t WHERE id % 3 = 0 AND id < 550;
VACUUM t;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(1001, 1183) g;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
-- codes come with what VACUUM learns, and new rows have them
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(2001, 2700) g;
VACUUM t;
SELECT value FROM vector_index_info('t_v') WHERE name = 'codes';
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
INSERT INTO t SELECT g, point(g % 50, 24) FROM generate_series(3001, 3200) g;
UPDATE t SET v = point(id + 1, 24) WHERE id % 10 = 1;
SELECT vector_index_check('t_v', true), used, rows FROM lanes('t_v');
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT vector_index_check('t_v', true), used, rows FROM lanes('t_v');
SELECT vector_index_rebalance('t_v');
SELECT vector_index_check('t_v', true);
-- all go, and some come
DELETE FROM t;
VACUUM t;
SELECT vector_index_check('t_v', true), used, rows FROM lanes('t_v');
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(1, 100) g;
SELECT vector_index_check('t_v', true), used, rows FROM lanes('t_v');
-- as built: from the table, in parts, by workers
INSERT INTO t SELECT g, point(g % 2500, 24) FROM generate_series(101, 3000) g;
REINDEX INDEX t_v;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
SET maintenance_work_mem = '1MB';
SET client_min_messages = warning;
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(3001, 6000) g;
REINDEX INDEX t_v;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
RESET maintenance_work_mem;
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
REINDEX INDEX t_v;
SELECT vector_index_check('t_v', true), * FROM lanes('t_v');
DROP TABLE t;

-- what has no codes has the most lanes: 8152 - 16 bytes are words of 32 * 10 + 4
CREATE TABLE bits (v bit(64));
INSERT INTO bits SELECT (g * 12345678901)::bit(64) FROM generate_series(1, 1000) g;
CREATE INDEX bits_v ON bits USING hnsw (v bit_hamming_ops) WITH (codes = none);
SELECT vector_index_check('bits_v', true), * FROM lanes('bits_v');
DROP TABLE bits;
-- an unlogged one begins with its init fork
CREATE UNLOGGED TABLE u (v vector(3));
CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops);
INSERT INTO u SELECT point(g, 3) FROM generate_series(1, 2000) g;
SELECT vector_index_check('u_v', true), * FROM lanes('u_v');
DROP TABLE u;
DROP FUNCTION lanes(regclass), point(int, int);
