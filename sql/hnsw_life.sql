-- hnsw: indexes of tables that change, of parts and expressions, of partitions; and
-- what may happen to a scan.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- What is wrong with the answers of an index: nothing, where a scan without end
-- finds each row once, and one that keeps many nodes the 50 nearest in exact order.
CREATE FUNCTION pg_temp.wrong(source text, col text, op text, target text, condition text DEFAULT 'true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	exact record;
	found record;
BEGIN
	PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
	SELECT * INTO exact FROM pg_temp.answers(source, col, op, target, 100000, condition);
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),
		set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '10', true);
	SELECT * INTO found FROM pg_temp.answers(source, col, op, target, 100000, condition);
	IF found.plan NOT LIKE '%Index Scan%' OR exact.plan NOT LIKE '%Sort%' THEN
		RETURN 'plans: ' || found.plan || exact.plan;
	ELSIF (SELECT array_agg(d ORDER BY d) FROM unnest(found.distances) d) IS DISTINCT FROM exact.distances THEN
		RETURN format('%s rows of %s', cardinality(found.distances), cardinality(exact.distances));
	ELSIF (SELECT count(DISTINCT i) FROM unnest(found.ids) i) <> coalesce(cardinality(found.ids), 0) THEN
		RETURN 'rows come twice';
	END IF;
	PERFORM set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '1000', true);
	SELECT * INTO found FROM pg_temp.answers(source, col, op, target, 50, condition);
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
	IF found.distances IS DISTINCT FROM exact.distances[1:50] THEN
		RETURN 'not the nearest: ' || found.distances::text || ', not ' || exact.distances[1:50]::text;
	END IF;
	RETURN NULL;
END $$;
SELECT target::text AS target FROM queries WHERE q = 2 \gset
-- Rows come and go, in rounds: with codes of neighbours and without, the index stays whole, its
-- answers exact, and it does not grow without end.  f has values of many rows.
CREATE TABLE churn (id int, note text, f vector(12), v vector(24), h halfvec(12)) WITH (autovacuum_enabled = off, fillfactor = 50);
CREATE VIEW sources AS SELECT id, CASE WHEN id % 4 = 2 THEN array_fill((id % 5)::real, ARRAY[12])::vector ELSE v END AS f, (v::real[] || v::real[])::vector(24) AS v, h FROM items WHERE id <= 1300;
INSERT INTO churn SELECT id, 'x', f, v, h FROM sources;
CREATE INDEX churn_f ON churn USING hnsw (f vector_l2_ops);
CREATE INDEX churn_v ON churn USING hnsw (v vector_cosine_ops);
CREATE INDEX churn_h ON churn USING hnsw (h halfvec_ip_ops) WITH (m = 8);
SELECT value FROM unnest(ARRAY['f', 'v', 'h']) n, vector_index_info(('churn_' || n)::regclass) WHERE name = 'codec';
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text := '''[1,1,0,0,1,1,0,0,-1,-1,0,0]''';
	t24 text := '''[1,1,0,0,1,1,0,0,-1,-1,0,0,1,1,0,0,1,1,0,0,-1,-1,0,1]''';
BEGIN
	PERFORM vector_index_check(('churn_' || n)::regclass, true) FROM unnest(ARRAY['f', 'v', 'h']) n;
	RETURN nullif(concat_ws(', ', pg_temp.wrong('churn', 'f', '<->', t), pg_temp.wrong('churn', 'v', '<=>', t24),
		pg_temp.wrong('churn', 'h', '<#>', t)), '');
END $$;
CREATE TABLE sizes AS SELECT n, pg_relation_size('churn_' || n) AS bytes FROM unnest(ARRAY['f', 'v', 'h']) n;
SELECT pg_temp.state();
-- updates in place, of which indexes hear nothing, and others
UPDATE churn SET note = 'y' WHERE id % 4 = 0;
SELECT n, pg_relation_size('churn_' || n) = bytes AS same FROM sizes;
SELECT pg_temp.state();
UPDATE churn SET f = h, h = f WHERE id % 5 = 0;
SELECT pg_temp.state();
UPDATE churn SET v = NULL WHERE id % 50 = 1;
UPDATE churn SET v = s.v FROM sources s WHERE s.id = churn.id AND s.id % 100 = 1;
SELECT pg_temp.state();
BEGIN;
DELETE FROM churn WHERE id % 7 = 0;
SELECT pg_temp.state();
SAVEPOINT s;
INSERT INTO churn SELECT id + 10000, 'z', f, v, h FROM sources WHERE id < 200;
SELECT pg_temp.state();
ROLLBACK TO s;
SELECT pg_temp.state();
ROLLBACK;
SELECT pg_temp.state();
VACUUM churn;
SELECT pg_temp.state();
DELETE FROM churn WHERE id % 3 = 0;
VACUUM churn;
SELECT pg_temp.state();
INSERT INTO churn SELECT id, 'w', f, v, h FROM sources WHERE id % 3 = 0;
SELECT pg_temp.state();
DELETE FROM churn;
VACUUM (TRUNCATE off) churn;
SELECT pg_temp.state();
VACUUM churn;
SELECT count(*) FROM vector_index_info('churn_v') WHERE name = 'rows' AND value = '0';
INSERT INTO churn SELECT id, 'v', f, v, h FROM sources;
SELECT pg_temp.state();
VACUUM (INDEX_CLEANUP on, PARALLEL 2) churn;
-- the same rows again and again take the room of those that went
DELETE FROM churn WHERE id % 2 = 0;
VACUUM churn;
INSERT INTO churn SELECT id, 'v', f, v, h FROM sources WHERE id % 2 = 0;
DELETE FROM churn WHERE id % 2 = 1;
VACUUM churn;
INSERT INTO churn SELECT id, 'v', f, v, h FROM sources WHERE id % 2 = 1;
SELECT n, pg_relation_size('churn_' || n) <= bytes * 1.5 AS bounded FROM sizes;
SELECT pg_temp.state();
-- the table is written anew, or moved
ALTER TABLE churn ALTER note TYPE varchar(7);
SELECT pg_temp.state();
VACUUM FULL churn;
SELECT pg_temp.state();
CREATE INDEX churn_id ON churn (id);
CLUSTER churn USING churn_id;
SELECT pg_temp.state();
REINDEX TABLE churn;
SELECT pg_temp.state();
ALTER TABLE churn SET UNLOGGED;
SELECT pg_temp.state();
ALTER TABLE churn SET LOGGED;
SELECT pg_temp.state();
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_vector_space LOCATION '';
ALTER INDEX churn_v SET TABLESPACE regress_vector_space;
REINDEX (TABLESPACE regress_vector_space) INDEX churn_f;
SELECT pg_temp.state();
INSERT INTO churn SELECT id + 20000, 'space', f, v, h FROM sources WHERE id < 100;
SELECT pg_temp.state();
ALTER INDEX churn_v SET TABLESPACE pg_default;
ALTER INDEX churn_f SET TABLESPACE pg_default;
DROP TABLESPACE regress_vector_space;
SELECT pg_temp.state();
BEGIN;
TRUNCATE churn;
SELECT pg_temp.state();
INSERT INTO churn SELECT id, 'v', f, v, h FROM sources WHERE id < 100;
SELECT pg_temp.state();
ROLLBACK;
SELECT pg_temp.state();
TRUNCATE churn;
SELECT pg_temp.state();
INSERT INTO churn SELECT id, 'v', f, v, h FROM sources WHERE id < 700;
SELECT pg_temp.state();
-- a column of another type, or of other dimensions
ALTER TABLE churn ALTER f TYPE halfvec(12);
DROP INDEX churn_f;
ALTER TABLE churn ALTER v TYPE vector(12) USING subvector(v, 1, 12);
SELECT pg_temp.wrong('churn', 'v', '<=>', quote_literal(:'target'));
DROP VIEW sources;
DROP TABLE churn, sizes;

-- A part of the rows, an expression, tables that do not last
CREATE INDEX part ON items USING hnsw (v vector_l2_ops) WHERE color = 3;
SELECT vector_index_check('part', true);
SELECT pg_temp.wrong('items', 'v', '<->', quote_literal(:'target'), 'color = 3');
UPDATE items SET color = 10 - color WHERE id < 500 AND color IN (3, 4);
INSERT INTO items SELECT id + 5000, color, v, h FROM items WHERE id < 90;
SELECT vector_index_check('part', true);
SELECT pg_temp.wrong('items', 'v', '<->', quote_literal(:'target'), 'color = 3');
DROP INDEX part;
CREATE INDEX expressed ON items USING hnsw ((subvector(v, 1, 5)::vector(5)) vector_cosine_ops);
SELECT vector_index_check('expressed', true);
CREATE VIEW expressions AS SELECT id, subvector(v, 1, 5)::vector(5) AS e FROM items;
SELECT pg_temp.wrong('expressions', 'e', '<=>', '''[1,-1,2,0,1]''');
INSERT INTO items SELECT id + 6000, color, v, h FROM items WHERE id < 90;
SELECT vector_index_check('expressed', true);
SELECT pg_temp.wrong('expressions', 'e', '<=>', '''[1,-1,2,0,1]''');
-- rounded to float2: what is indexed is the expression's value
CREATE INDEX rounded ON items USING hnsw ((v::halfvec(12)) halfvec_l2_ops);
CREATE VIEW roundings AS SELECT id, v::halfvec(12) AS r FROM items;
SELECT pg_temp.wrong('roundings', 'r', '<->', quote_literal(:'target'));
DROP VIEW expressions, roundings;
DROP INDEX rounded, expressed;
CREATE TEMP TABLE temporary (id int, v vector(12)) ON COMMIT DELETE ROWS;
CREATE INDEX temporary_v ON temporary USING hnsw (v vector_l2_ops);
BEGIN;
INSERT INTO temporary SELECT id, v FROM items;
SELECT vector_index_check('temporary_v', true);
SELECT pg_temp.wrong('temporary', 'v', '<->', quote_literal(:'target'));
REINDEX INDEX temporary_v;
SELECT pg_temp.wrong('temporary', 'v', '<->', quote_literal(:'target'));
COMMIT;
SELECT pg_temp.wrong('temporary', 'v', '<->', quote_literal(:'target')), count(*) FROM temporary;
INSERT INTO temporary SELECT id, v FROM items;
SELECT vector_index_check('temporary_v', true), count(*) FROM temporary;
BEGIN;
CREATE TEMP TABLE passing (id int, v vector(12)) ON COMMIT DROP;
CREATE INDEX ON passing USING hnsw (v vector_l2_ops);
INSERT INTO passing SELECT id, v FROM items;
SELECT pg_temp.wrong('passing', 'v', '<->', quote_literal(:'target'));
COMMIT;
CREATE UNLOGGED TABLE unlogged (id int, v vector(12));
CREATE INDEX unlogged_v ON unlogged USING hnsw (v vector_l2_ops);
INSERT INTO unlogged SELECT id, v FROM items;
SELECT vector_index_check('unlogged_v', true);
SELECT pg_temp.wrong('unlogged', 'v', '<->', quote_literal(:'target'));
-- CONCURRENTLY, with rows that went before and columns that did
CREATE TABLE dropped (a int, id int, b text, v vector(12));
INSERT INTO dropped SELECT 1, id, 'x', v FROM items;
ALTER TABLE dropped DROP a;
DELETE FROM dropped WHERE id % 4 = 0;
ALTER TABLE dropped DROP b;
CREATE INDEX CONCURRENTLY dropped_v ON dropped USING hnsw (v vector_ip_ops);
SELECT vector_index_check('dropped_v', true);
SELECT pg_temp.wrong('dropped', 'v', '<#>', quote_literal(:'target'));
REINDEX INDEX CONCURRENTLY dropped_v;
REINDEX TABLE CONCURRENTLY dropped;
ALTER TABLE dropped ADD c int DEFAULT 7;
INSERT INTO dropped SELECT id + 10000, v, 1 FROM items WHERE id < 100;
SELECT vector_index_check('dropped_v', true);
SELECT pg_temp.wrong('dropped', 'v', '<#>', quote_literal(:'target'));
DROP INDEX CONCURRENTLY dropped_v;
DROP TABLE dropped, unlogged, temporary;

-- Partitions: an index of each, joined in order; attached, detached
CREATE TABLE parted (id int, v vector(12)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (2000);
INSERT INTO parted SELECT id, v FROM items WHERE id < 2000;
CREATE INDEX parted_v ON parted USING hnsw (v vector_l2_ops);
CREATE TABLE parted_3 (id int, v vector(12));
INSERT INTO parted_3 SELECT id, v FROM items WHERE id BETWEEN 2000 AND 2999;
CREATE INDEX own ON parted_3 USING hnsw (v vector_l2_ops) WITH (m = 8);
ALTER TABLE parted ATTACH PARTITION parted_3 FOR VALUES FROM (2000) TO (3000);
SELECT inhrelid::regclass AS index FROM pg_inherits WHERE inhparent = 'parted_v'::regclass ORDER BY 1::text COLLATE "C";
SET hnsw.ef_search = 300;
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM parted ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 5;
RESET enable_seqscan;
SELECT pg_temp.wrong('parted', 'v', '<->', quote_literal(:'target'));
DELETE FROM parted WHERE id BETWEEN 1500 AND 1600;
UPDATE parted SET id = id + 1000 WHERE id BETWEEN 500 AND 600;
SELECT pg_temp.wrong('parted', 'v', '<->', quote_literal(:'target')), count(vector_index_check(inhrelid, true))
	FROM pg_inherits WHERE inhparent = 'parted_v'::regclass;
ALTER TABLE parted DETACH PARTITION parted_2;
SELECT pg_temp.wrong('parted', 'v', '<->', quote_literal(:'target'));
SELECT pg_temp.wrong('parted_2', 'v', '<->', quote_literal(:'target'));
REINDEX INDEX parted_v;
REINDEX TABLE CONCURRENTLY parted;
SELECT pg_temp.wrong('parted', 'v', '<->', quote_literal(:'target'));
RESET hnsw.ef_search;
DROP TABLE parted, parted_2;

-- Scans: back and forth, again with other queries, plans that do not know the query
CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SET enable_sort = off;
BEGIN;
DECLARE forth CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]';
MOVE 5 IN forth;
FETCH BACKWARD 1 FROM forth;
ROLLBACK;
BEGIN;
DECLARE forth_and_back SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 500;
CREATE TEMP TABLE fetched (n serial, id int);
DO $$
DECLARE
	c CONSTANT refcursor := 'forth_and_back';
	r int;
BEGIN
	FOR i IN 1..400 LOOP FETCH c INTO r; INSERT INTO fetched (id) VALUES (r); END LOOP;
	FOR i IN 1..300 LOOP FETCH BACKWARD FROM c INTO r; INSERT INTO fetched (id) VALUES (r); END LOOP;
	FETCH ABSOLUTE 400 FROM c INTO r; INSERT INTO fetched (id) VALUES (r);
END $$;
SELECT bool_and(a.id = b.id), count(*) FROM fetched a JOIN fetched b ON b.n = 800 - a.n WHERE a.n BETWEEN 100 AND 399;
SELECT count(DISTINCT id) FROM fetched;
SELECT count(*) FROM fetched WHERE n = 701 AND id = (SELECT id FROM fetched WHERE n = 400);
ROLLBACK;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 20;
COMMIT;
DELETE FROM items WHERE id > 6000;
MOVE FORWARD ALL IN held;
CLOSE held;
SET plan_cache_mode = force_generic_plan;
PREPARE nearest (vector, int) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
EXPLAIN (COSTS off) EXECUTE nearest('[1,0,0,0,0,0,0,0,0,0,0,0]', 3);
CREATE FUNCTION pg_temp.nearest_by_plan(q vector, n int) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	RETURN ARRAY(SELECT id FROM items ORDER BY v <-> q LIMIT n);
END $$;
SELECT id, n, pg_temp.nearest_by_plan(v, n) = ARRAY(SELECT i.id FROM items i ORDER BY i.v <-> items.v LIMIT n) AS same,
	cardinality(pg_temp.nearest_by_plan(v, n)) = n AS all FROM items, unnest(ARRAY[0, 1, 40]) n WHERE id IN (7, 555) ORDER BY id, n;
EXECUTE nearest('[1,0]', 3);
EXECUTE nearest(NULL, 0);
DEALLOCATE nearest;
RESET plan_cache_mode;
-- LATERAL: a scan begun anew for each row, NULL among the queries
SELECT q.n, count(k.id), count(DISTINCT k.id), bool_and(k.d >= k.before) AS ordered FROM
	(SELECT n, CASE WHEN n % 4 > 0 THEN v END AS v FROM (SELECT id / 400 AS n, v FROM items WHERE id % 400 = 1 AND id < 3000) i) q,
	LATERAL (SELECT *, lag(d, 1, d) OVER () AS before FROM (SELECT id, v <-> q.v AS d FROM items ORDER BY v <-> q.v LIMIT q.n * 20 + 1) s) k
	GROUP BY 1 ORDER BY 1;
-- rows that are locked, changed and found in one transaction
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 30 FOR UPDATE) k;
UPDATE items SET v = '[1,0,0,0,0,0,0,0,0,0,0,0]' WHERE id = 1234;
SELECT id, v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' AS distance FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 1;
SAVEPOINT s;
DELETE FROM items WHERE id = 1234;
SELECT id = 1234 FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 1;
ROLLBACK TO s;
SELECT id = 1234 FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 1;
ROLLBACK;
SELECT id = 1234 FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 1;
RESET enable_seqscan;
RESET enable_sort;
-- a parallel sequential scan says the same
SET enable_indexscan = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TEMP TABLE parallel AS SELECT id FROM items ORDER BY v <-> :'target' LIMIT 10;
RESET enable_indexscan;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SET enable_seqscan = off;
SELECT count(*) FROM parallel JOIN (SELECT id FROM items ORDER BY v <-> :'target' LIMIT 10) k USING (id);
RESET enable_seqscan;
-- NULLS FIRST is refused, as DESC is
CREATE INDEX ON items USING hnsw (v vector_l2_ops NULLS FIRST);
DROP TABLE items, operators, queries CASCADE;

-- A build says how many rows the table has, not how many it took.  (From 18 on
-- nobody notes it without autovacuum.)
CREATE TABLE counted (v vector(3));
INSERT INTO counted SELECT CASE WHEN i % 2 = 0 THEN ARRAY[0, i % 4, 0]::vector END FROM generate_series(1, 1200) i;
CREATE INDEX counted_part ON counted USING hnsw (v vector_l2_ops) WHERE v <-> '[0,0,0]' > 1;
SELECT relname, CASE WHEN reltuples = -1 AND NOT current_setting('autovacuum')::bool THEN 1200 ELSE reltuples END AS reltuples
	FROM pg_class WHERE relname ~ '^counted' ORDER BY 1;
CREATE INDEX counted_all ON counted USING hnsw (v vector_cosine_ops);
SELECT relname, CASE WHEN reltuples = -1 AND NOT current_setting('autovacuum')::bool THEN 1200 ELSE reltuples END AS reltuples
	FROM pg_class WHERE relname ~ '^counted' ORDER BY 1;
DROP TABLE counted;
