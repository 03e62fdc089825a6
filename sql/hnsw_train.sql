-- hnsw: what VACUUM teaches an index that was made before its rows
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET enable_seqscan = off;
CREATE FUNCTION stage(index regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(value, ' ' ORDER BY name) FROM vector_index_info(index)
	WHERE name IN ('codec', 'codes', 'trained_elements', 'calibrated_elements') $$;
-- a vector that has nothing to do with any other
CREATE FUNCTION point(g int, dim int) RETURNS vector LANGUAGE sql AS $$
	SELECT array_agg(sin(g * 12.9898 + i * 78.233 + g * i * 0.37))::vector FROM generate_series(1, dim) i $$;
-- the answers of an index that differ from those of a full sort, for five queries
CREATE FUNCTION differences(t regclass, operator text, dim int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	answers text[] = '{}';
BEGIN
	FOR setting IN 0 .. 1 LOOP
		PERFORM set_config('enable_indexscan', CASE setting WHEN 0 THEN 'on' ELSE 'off' END, true);
		EXECUTE format('SELECT array_agg((SELECT string_agg(d::text, '' '') FROM (SELECT v %s point(-q, %s)::%s AS d FROM %s ORDER BY d LIMIT 20) k)
			ORDER BY q) FROM generate_series(1, 5) q', operator, dim,
			(SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = t AND attname = 'v'), t) INTO found;
		answers := answers || found;
	END LOOP;
	PERFORM set_config('enable_indexscan', 'on', true);
	RETURN (SELECT count(*) FROM generate_series(1, 5) q WHERE answers[q] IS DISTINCT FROM answers[q + 5]);
END $$;
-- does a search look at codes?
CREATE FUNCTION estimates(t regclass, operator text, dim int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	type regtype = (SELECT atttypid FROM pg_attribute WHERE attrelid = t AND attname = 'v');
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, TIMING off) SELECT v FROM %s ORDER BY v %s %L::%s LIMIT 5', t, operator, point(-1, dim), type) LOOP
		IF line ~ 'Neighbours Estimated: ' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- from nothing
CREATE TABLE t (id int, v vector(24));
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SELECT stage('t_v'), vector_index_check('t_v', true);
VACUUM t;
SELECT stage('t_v');
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(1, 900) g;
DELETE FROM t WHERE id % 9 = 0;
VACUUM t;
SELECT stage('t_v'), vector_index_check('t_v', true), estimates('t', '<->', 24), differences('t', '<->', 24);
-- there are enough now: not an insertion, nor ANALYZE, but VACUUM learns
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(1001, 1250) g;
ANALYZE t;
SELECT stage('t_v'), vector_index_check('t_v', true), estimates('t', '<->', 24), differences('t', '<->', 24);
VACUUM t;
SELECT stage('t_v'), vector_index_check('t_v', true), estimates('t', '<->', 24), differences('t', '<->', 24);
-- rows that come come with codes; dead ones are replaced by their neighbours' codes
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(2001, 2300) g;
DELETE FROM t WHERE id % 7 = 0;
VACUUM t;
SELECT stage('t_v'), vector_index_check('t_v', true), differences('t', '<->', 24);
-- twice as many: searches may have to go further
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(3001, 4200) g;
VACUUM t;
SELECT stage('t_v'), vector_index_check('t_v', true), differences('t', '<->', 24);
-- ten times as many: codes are learned anew
INSERT INTO t SELECT g, point(g, 24) FROM generate_series(6001, 14500) g;
VACUUM t;
SELECT stage('t_v'), vector_index_check('t_v', true), estimates('t', '<->', 24), differences('t', '<->', 24);
-- and on request
DELETE FROM t WHERE id > 6000;
VACUUM t;
SELECT stage('t_v') AS not_due, vector_index_rebalance('t_v'), stage('t_v') AS anew, vector_index_check('t_v', true), differences('t', '<->', 24);
-- TRUNCATE begins with nothing
TRUNCATE t;
SELECT stage('t_v'), vector_index_rebalance('t_v'), stage('t_v');
DROP TABLE t;

-- Other values and distances, tables of one session and such as a crash empties; rows that
-- equal each other count once
CREATE TABLE h (v halfvec(40));
CREATE INDEX h_v ON h USING hnsw (v halfvec_ip_ops);
INSERT INTO h SELECT point(g % 900, 40) FROM generate_series(1, 1100) g;
VACUUM h;
SELECT stage('h_v');
INSERT INTO h SELECT point(g, 40) FROM generate_series(901, 1100) g;
VACUUM h;
SELECT stage('h_v'), vector_index_check('h_v', true), estimates('h', '<#>', 40), differences('h', '<#>', 40);
DROP TABLE h;
CREATE TEMP TABLE temporary (v vector(16));
CREATE INDEX temporary_v ON temporary USING hnsw (v vector_cosine_ops);
CREATE UNLOGGED TABLE unlogged (v vector(16));
CREATE INDEX unlogged_v ON unlogged USING hnsw (v vector_cosine_ops);
INSERT INTO temporary SELECT point(g, 16) FROM generate_series(1, 1200) g;
INSERT INTO unlogged TABLE temporary;
VACUUM temporary, unlogged;
SELECT stage(i), vector_index_check(i, true), estimates(t, '<=>', 16), differences(t, '<=>', 16)
FROM (VALUES ('temporary_v'::regclass, 'temporary'::regclass), ('unlogged_v', 'unlogged')) s (i, t);
DROP TABLE temporary, unlogged;

-- Without codes there are calibrations; a table that has rows already is no different
CREATE TABLE bare (v vector(24));
INSERT INTO bare SELECT point(g, 24) FROM generate_series(1, 500) g;
CREATE INDEX bare_none ON bare USING hnsw (v vector_l2_ops) WITH (codes = none);
CREATE INDEX bare_four ON bare USING hnsw (v vector_l2_ops) WITH (codes = 4);
SELECT stage('bare_none'), stage('bare_four');
INSERT INTO bare SELECT point(g, 24) FROM generate_series(501, 1500) g;
VACUUM bare;
SELECT stage(i), vector_index_check(i, true) FROM (VALUES ('bare_none'::regclass), ('bare_four')) s (i);
SELECT differences('bare', '<->', 24);
DROP TABLE bare;

-- Values that are kept, some of them in parts: codes come from their images, calibrations from
-- themselves, and from what CREATE INDEX asks for with the same rows
CREATE TABLE kept (b bit(96), s sparsevec(2000));
CREATE INDEX kept_b ON kept USING hnsw (b bit_jaccard_ops);
CREATE INDEX kept_s ON kept USING hnsw (s sparsevec_cosine_ops);
INSERT INTO kept SELECT binary_quantize(point(g, 96))::bit(96), (SELECT '{' || string_agg(i * 8 || ':' || x, ',' ORDER BY i) || '}/2000'
	FROM unnest(point(g, CASE WHEN g % 10 = 0 THEN 200 ELSE 24 END)::real[]) WITH ORDINALITY u (x, i))::sparsevec FROM generate_series(1, 1500) g;
VACUUM kept;
-- (a row whose equal is not found is an element of its own)
SELECT i, regexp_replace(stage(i), '14\d\d', '14..', 'g') AS stage, vector_index_check(i, true) FROM (VALUES ('kept_b'::regclass), ('kept_s')) s (i);
SELECT value::int > 0 AS has_parts FROM vector_index_info('kept_s') WHERE name = 'part_slots';
CREATE TABLE learned AS SELECT i.indexrelid::regclass AS i, f.name, f.value::int AS ef FROM pg_index i, vector_index_info(i.indexrelid) f
	WHERE indrelid = 'kept'::regclass AND name = 'ef_for_100';
REINDEX TABLE kept;
SELECT l.i, l.ef / f.value::float BETWEEN 0.5 AND 2 AS as_if_built FROM learned l, vector_index_info(l.i) f WHERE f.name = l.name ORDER BY 1;
DROP TABLE kept, learned;

-- Too large to learn from: squares overflow
CREATE TABLE large (v vector(16));
CREATE INDEX large_v ON large USING hnsw (v vector_l2_ops);
INSERT INTO large SELECT (SELECT array_agg(x * 1e25)::vector FROM unnest(point(g, 16)::real[]) x) FROM generate_series(1, 1100) g;
VACUUM large;
SELECT stage('large_v'), vector_index_check('large_v', true), estimates('large', '<->', 16);
-- later ones are out of reach of what was learned, but not lost
TRUNCATE large;
INSERT INTO large SELECT point(g, 16) FROM generate_series(1, 1100) g;
VACUUM large;
INSERT INTO large SELECT (SELECT array_agg(x * 1e25)::vector FROM unnest(point(g, 16)::real[]) x) FROM generate_series(1, 3) g;
SELECT stage('large_v'), vector_index_check('large_v', true);
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT 1 FROM large ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]') k;
DROP TABLE large;
DROP FUNCTION stage(regclass), point(int, int), differences(regclass, text, int), estimates(regclass, text, int);
