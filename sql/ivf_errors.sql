-- ivfflat and ivfpq: what is refused, in which words; storage parameters.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- What is refused, and how.
CREATE TABLE narrow (id int, any_dim vector, half_any halfvec, one vector(1), half_one halfvec(1));
CREATE TABLE wide (v vector(2001), h halfvec(4001));
CREATE INDEX tried ON items USING ivfpq (v);
CREATE INDEX items_id ON items (id);
SET enable_seqscan = off;
SELECT statement, replace(pg_temp.error_of(statement), 'public.', '') AS error_of FROM (VALUES
	(1, 'CREATE INDEX ON narrow USING ivfflat (any_dim)'),
	(2, 'CREATE INDEX ON narrow USING ivfpq (any_dim vector_ip_ops)'),
	(3, 'CREATE INDEX ON narrow USING ivfpq (half_any)'),
	(4, 'CREATE INDEX ON narrow USING ivfflat (one vector_ip_ops)'),
	(5, 'CREATE INDEX ON narrow USING ivfflat (half_one halfvec_cosine_ops)'),
	(6, 'CREATE INDEX ON wide USING ivfflat (v)'),
	(7, 'CREATE INDEX ON wide USING ivfflat (h halfvec_l2_ops)'),
	(8, 'CREATE UNIQUE INDEX ON items USING ivfpq (v)'),
	(9, 'CREATE INDEX ON items USING ivfpq (v, h)'),
	(10, 'CREATE INDEX ON items USING ivfflat (v) INCLUDE (id)'),
	(11, 'CREATE INDEX ON items USING ivfpq (id)'),
	(12, 'CREATE INDEX ON items USING ivfflat (h)'),
	(13, 'CREATE INDEX ON items USING ivfpq (v vector_l1_ops)'),
	(14, 'CREATE INDEX ON items USING ivfpq (v DESC)'),
	(15, 'ALTER TABLE items ADD EXCLUDE USING ivfpq (v WITH <->)'),
	(16, 'CLUSTER items USING tried'),
	(17, 'CREATE INDEX ON items USING ivfflat (v) WITH (lists = 32769)'),
	(18, 'CREATE INDEX ON items USING ivfflat (v) WITH (lists = -1)'),
	(19, 'CREATE INDEX ON items USING ivfpq (v) WITH (probes = 32769)'),
	(20, 'CREATE INDEX ON items USING ivfpq (v) WITH (m = 16001)'),
	(21, 'CREATE INDEX ON items USING ivfpq (v) WITH (rerank = perhaps)'),
	(22, 'CREATE INDEX ON items USING ivfflat (v) WITH (m = 4)'),
	(23, 'CREATE INDEX ON items USING ivfpq (v) WITH (fillfactor = 50)'),
	(24, 'ALTER INDEX tried SET (probes = -1)'),
	(25, 'SET ivfflat.probes = 0'),
	(26, 'SET ivfflat.probes = 32769'),
	(27, 'SET ivfflat.max_probes = 0'),
	(28, 'SET ivfflat.iterative_scan = strict_order'),
	(29, 'SET ivfflat.iterative_scan = on'),
	(30, 'SET ivfpq.probes = 32769'),
	(31, 'SET ivfpq.probes = -1'),
	(32, 'SET ivfpq.candidates = -1'),
	(33, 'SET ivfpq.other = 1'),
	(34, 'SELECT id FROM items ORDER BY v <-> ''[1,2,3]'' LIMIT 1'),
	(35, 'INSERT INTO items (v) VALUES (''[1,2]'')'),
	(36, 'SELECT vector_index_check(''items'', true)'),
	(37, 'SELECT vector_index_check(''items_id'')'),
	(38, 'SELECT * FROM vector_index_info(''items_id'')'),
	(39, 'SELECT vector_index_check(0)')) s (n, statement) ORDER BY n;
PREPARE fits_not (vector) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE fits_not ('[1,2]');
RESET plan_cache_mode;
DEALLOCATE fits_not;
SELECT vector_index_check(NULL) IS NULL AS strict;
-- a storage parameter is changed without a rebuild, and is in force at once
RESET ivfpq.probes;
ALTER INDEX tried SET (probes = 7);
SELECT name, value FROM vector_index_info('tried') WHERE name LIKE 'probes%';
ALTER INDEX tried SET (probes = 32768);
SELECT DISTINCT value = (SELECT value FROM vector_index_info('tried') WHERE name = 'lists') AS clamped
	FROM vector_index_info('tried') WHERE name LIKE 'probes%';
ALTER INDEX tried RESET (probes);
RESET enable_seqscan;
DROP INDEX tried, items_id;
DROP TABLE narrow, wide;
DROP TABLE items, operators, queries;
