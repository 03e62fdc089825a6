-- ivfflat and ivfpq: indexes of tables that change, of parts and expressions.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET ivfpq.candidates = 1000000;
SET ivfpq.probes = 32768;
SET ivfflat.probes = 32768;
SELECT target::text AS target FROM queries WHERE q = 2 \gset
-- Rows come and go, in rounds: the index stays whole, its answers exact, and it
-- does not grow without end.
CREATE TABLE churn (id int, note text, f vector(12), v vector(12), h halfvec(12)) WITH (autovacuum_enabled = off);
INSERT INTO churn SELECT id, 'x', v, v, h FROM items;
CREATE INDEX churn_f ON churn USING ivfflat (f);
CREATE INDEX churn_v ON churn USING ivfpq (v vector_cosine_ops);
CREATE INDEX churn_h ON churn USING ivfpq (h halfvec_ip_ops);
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	t text := '''[1,1,0,0,1,1,0,0,-1,-1,0,0]''';
BEGIN
	PERFORM vector_index_check(('churn_' || n)::regclass, true) FROM unnest(ARRAY['f', 'v', 'h']) n;
	FOR k IN 1..3 LOOP
		result := concat_ws(', ', nullif(result, ''), pg_temp.differs('churn', 'f', '<->', t, (ARRAY[3, 70, 5000])[k]),
			pg_temp.differs('churn', 'v', '<=>', t, (ARRAY[3, 70, 5000])[k]), pg_temp.differs('churn', 'h', '<#>', t, (ARRAY[3, 70, 5000])[k]));
	END LOOP;
	RETURN nullif(result, '');
END $$;
CREATE TABLE sizes AS SELECT n, pg_relation_size('churn_' || n) AS bytes FROM unnest(ARRAY['f', 'v', 'h']) n;
SELECT pg_temp.state();
UPDATE churn SET note = 'y' WHERE id % 2 = 0;
SELECT pg_temp.state();
UPDATE churn SET f = v, v = h, h = v WHERE id % 5 = 0;
SELECT pg_temp.state();
BEGIN;
DELETE FROM churn WHERE id % 7 = 0;
SELECT pg_temp.state();
SAVEPOINT s;
INSERT INTO churn SELECT id + 10000, 'z', v, v, h FROM items WHERE id < 200;
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
INSERT INTO churn SELECT id, 'w', v, v, h FROM items WHERE id % 3 = 0;
SELECT pg_temp.state();
DELETE FROM churn;
VACUUM (TRUNCATE off) churn;
SELECT pg_temp.state();
VACUUM churn;
SELECT count(*) FROM vector_index_info('churn_v') WHERE name = 'rows' AND value = '0';
INSERT INTO churn SELECT id, 'v', v, v, h FROM items;
SELECT pg_temp.state();
VACUUM (INDEX_CLEANUP on, PARALLEL 2) churn;
SELECT value FROM vector_index_info('churn_v') WHERE name = 'rows';
-- the same rows again and again take the room of those that went
DELETE FROM churn WHERE id % 2 = 0;
VACUUM churn;
INSERT INTO churn SELECT id, 'v', v, v, h FROM items WHERE id % 2 = 0;
DELETE FROM churn WHERE id % 2 = 1;
VACUUM churn;
INSERT INTO churn SELECT id, 'v', v, v, h FROM items WHERE id % 2 = 1;
SELECT n, pg_relation_size('churn_' || n) <= bytes * 1.5 AS bounded FROM sizes;
SELECT pg_temp.state();
ALTER TABLE churn ALTER note TYPE varchar(7);
SELECT pg_temp.state();
VACUUM FULL churn;
SELECT pg_temp.state();
REINDEX TABLE churn;
SELECT pg_temp.state();
ALTER TABLE churn SET UNLOGGED;
SELECT pg_temp.state();
ALTER TABLE churn SET LOGGED;
SELECT pg_temp.state();
BEGIN;
TRUNCATE churn;
SELECT pg_temp.state();
INSERT INTO churn SELECT id, 'v', v, v, h FROM items WHERE id < 100;
SELECT pg_temp.state();
ROLLBACK;
SELECT pg_temp.state();
TRUNCATE churn;
SELECT pg_temp.state();
INSERT INTO churn SELECT id, 'v', v, v, h FROM items WHERE id < 1500;
SELECT pg_temp.state();
DROP TABLE churn, sizes;

-- A part of the rows, an expression, tables that do not last
CREATE INDEX part ON items USING ivfpq (v) WHERE color = 3;
SELECT vector_index_check('part', true);
SELECT pg_temp.differs('items', 'v', '<->', quote_literal(:'target'), k, 'color = 3') FROM unnest(ARRAY[5, 1000]) k;
UPDATE items SET color = 10 - color WHERE id < 500 AND color IN (3, 4);
INSERT INTO items SELECT id + 5000, color, v, h FROM items WHERE id < 90;
SELECT vector_index_check('part', true);
SELECT pg_temp.differs('items', 'v', '<->', quote_literal(:'target'), 1000, 'color = 3');
DROP INDEX part;
CREATE INDEX expressed ON items USING ivfpq ((subvector(v, 1, 5)::vector(5)) vector_cosine_ops);
SELECT vector_index_check('expressed', true);
CREATE VIEW expressions AS SELECT id, subvector(v, 1, 5)::vector(5) AS e FROM items;
SELECT pg_temp.differs('expressions', 'e', '<=>', '''[1,-1,2,0,1]''', k) FROM unnest(ARRAY[5, 1000]) k;
INSERT INTO items SELECT id + 6000, color, v, h FROM items WHERE id < 90;
SELECT vector_index_check('expressed', true);
SELECT pg_temp.differs('expressions', 'e', '<=>', '''[1,-1,2,0,1]''', 1000);
-- rounded to float2: what is indexed is the expression's value
CREATE INDEX rounded ON items USING ivfflat ((v::halfvec(12)) halfvec_l2_ops);
CREATE VIEW roundings AS SELECT id, v::halfvec(12) AS r FROM items;
SELECT pg_temp.differs('roundings', 'r', '<->', quote_literal(:'target'), k) FROM unnest(ARRAY[5, 1000]) k;
DROP INDEX rounded, expressed;
CREATE TEMP TABLE temporary (id int, v vector(12)) ON COMMIT DELETE ROWS;
CREATE INDEX temporary_v ON temporary USING ivfpq (v);
BEGIN;
INSERT INTO temporary SELECT id, v FROM items;
SELECT vector_index_check('temporary_v', true);
SELECT pg_temp.differs('temporary', 'v', '<->', quote_literal(:'target'), 1000);
REINDEX INDEX temporary_v;
SELECT pg_temp.differs('temporary', 'v', '<->', quote_literal(:'target'), 1000);
COMMIT;
SELECT pg_temp.differs('temporary', 'v', '<->', quote_literal(:'target'), 1000), count(*) FROM temporary;
CREATE UNLOGGED TABLE unlogged (id int, v vector(12));
CREATE INDEX unlogged_v ON unlogged USING ivfflat (v) WITH (lists = 7);
INSERT INTO unlogged SELECT id, v FROM items;
SELECT vector_index_check('unlogged_v', true);
SELECT pg_temp.differs('unlogged', 'v', '<->', quote_literal(:'target'), 1000);
-- CONCURRENTLY, with rows that went before and a column that did
CREATE TABLE dropped (a int, id int, b text, v vector(12));
INSERT INTO dropped SELECT 1, id, 'x', v FROM items;
ALTER TABLE dropped DROP a;
DELETE FROM dropped WHERE id % 4 = 0;
ALTER TABLE dropped DROP b;
CREATE INDEX CONCURRENTLY dropped_v ON dropped USING ivfpq (v vector_ip_ops);
SELECT vector_index_check('dropped_v', true);
SELECT pg_temp.differs('dropped', 'v', '<#>', quote_literal(:'target'), 1000);
REINDEX INDEX CONCURRENTLY dropped_v;
SELECT vector_index_check('dropped_v', true);
SELECT pg_temp.differs('dropped', 'v', '<#>', quote_literal(:'target'), 1000);
DROP INDEX CONCURRENTLY dropped_v;
DROP TABLE dropped, unlogged, temporary;
DROP TABLE items, operators, queries CASCADE;
-- A build says how many rows the table has, not how many it took.  (From 18 on
-- nobody notes it without autovacuum.)
CREATE TABLE counted (v vector(3));
INSERT INTO counted SELECT CASE WHEN i % 2 = 0 THEN ARRAY[0, i % 4, 0]::vector END FROM generate_series(1, 1200) i;
CREATE INDEX counted_part ON counted USING ivfpq (v) WHERE v <-> '[0,0,0]' > 1;
SELECT relname, CASE WHEN reltuples = -1 AND NOT current_setting('autovacuum')::bool THEN 1200 ELSE reltuples END AS reltuples
	FROM pg_class WHERE relname ~ '^counted' ORDER BY 1;
CREATE INDEX counted_all ON counted USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
SELECT relname, CASE WHEN reltuples = -1 AND NOT current_setting('autovacuum')::bool THEN 1200 ELSE reltuples END AS reltuples
	FROM pg_class WHERE relname ~ '^counted' ORDER BY 1;
DROP TABLE counted;
