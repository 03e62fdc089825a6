-- The types inside of other things: arrays, domains, composites, columns of
-- every storage, generated columns, partitions, views, functions, JSON.
\pset format unaligned
\pset footer off
\pset null NULL

-- Arrays of one and two dimensions
CREATE TABLE lists (v vector(2)[], h halfvec[], s sparsevec[], grid vector[][]);
INSERT INTO lists VALUES ('{"[1,2]",NULL,"[3,4]"}', ARRAY['[1]', '[2,3]']::halfvec[],
	ARRAY['{1:1}/2', '{}/5']::sparsevec[],
	ARRAY[['[1]', '[2]'], ['[3]', '[4,5]']]::vector[]);
SELECT * FROM lists;
SELECT v[1], v[2], v[3] <-> v[1] AS distance, h[2:2], s[2], grid[2][2], array_dims(grid), array_length(v, 1)
	FROM lists;
UPDATE lists SET v[2] = '[9,9]', v[5] = '[7,7]', s = s || '{2:2}/2'::sparsevec, h = array_remove(h, '[1]'),
	grid[1][1] = '[-1]';
SELECT * FROM lists;
SELECT array_position(v, '[9,9]'), array_positions(v, '[-1,0]') AS none, '[3,4]'::vector = ANY (v) AS any,
	'[3,4]' <> ALL (h) AS all,
	v @> ARRAY['[9,9]']::vector[] AS contains, v && ARRAY['[0,0]']::vector[] AS overlaps FROM lists;
SELECT u, ordinality, u <-> '[1,2]' AS distance FROM lists, unnest(v) WITH ORDINALITY u ORDER BY 3, 2;
SELECT array_agg(u ORDER BY u DESC) FROM lists, unnest(grid) u;
SELECT ARRAY['[1]', '[2]']::vector[] = ARRAY['[1]', '[2]']::vector[] AS equal,
	ARRAY['[-0]']::halfvec[] = ARRAY['[0]']::halfvec[] AS zeros,
	ARRAY['[1]', '[2]']::vector[] < ARRAY['[1]', '[1,5]']::vector[] AS less,
		'{"{1:1}/3"}'::sparsevec[] || '{}/1'::sparsevec AS joined;
CREATE INDEX lists_v ON lists (v);
CREATE INDEX lists_gin ON lists USING gin (v);
SET enable_seqscan = off;
SELECT count(*) FROM lists WHERE v @> '{"[7,7]"}';
RESET enable_seqscan;

-- Domains, also over a modifier, and arrays of domains
CREATE DOMAIN direction AS vector(2) CHECK (abs(vector_norm(VALUE) - 1) < 1e-6);
CREATE DOMAIN counts AS sparsevec NOT NULL CHECK (VALUE >= '{}/1');
CREATE TABLE winds (d direction, many direction[], c counts DEFAULT '{1:1}/4');
INSERT INTO winds VALUES ('[0.6,0.8]', '{"[1,0]","[0,-1]"}');
INSERT INTO winds VALUES ('[1,1]');
INSERT INTO winds VALUES ('[1,0,0]');
INSERT INTO winds VALUES ('[1,0]', '{"[1,0]","[2,0]"}');
INSERT INTO winds VALUES ('[1,0]', NULL, NULL);
INSERT INTO winds VALUES ('[1,0]', NULL, '{1:-1}/2');
INSERT INTO winds VALUES (l2_normalize('[3,-4]'::vector));
SELECT *, d <-> '[0,0]' AS length, d + d AS twice FROM winds ORDER BY d;

-- Composites: columns, arrays of them, comparison, whole rows
CREATE TYPE place AS (name text, at vector(2), tags sparsevec);
CREATE TABLE trips (id int, start place, stops place[]);
INSERT INTO trips VALUES (1, ROW('a', '[0,0]', '{1:1}/9'),
	ARRAY[ROW('b', '[3,4]', NULL), ROW('c', '[6,8]', '{}/9')]::place[]);
INSERT INTO trips VALUES (2, '(d,"[1,1]",{2:5}/9)', NULL);
INSERT INTO trips VALUES (3, '(d,"[1,1,1]",)', NULL);
SELECT id, (start).at, stops[1].at <-> (start).at AS distance, stops FROM trips ORDER BY start DESC;
UPDATE trips SET start.at = '[5,5]' WHERE id = 2;
SELECT t FROM trips t ORDER BY id;
SELECT t::text::trips = t AS same FROM trips t ORDER BY id;

-- Defaults, generated columns, checks
CREATE TABLE computed (id int, v vector(3) DEFAULT '[1,2,2]', norm float8 GENERATED ALWAYS AS (vector_norm(v)) STORED,
	unit vector(3) GENERATED ALWAYS AS (l2_normalize(v)) STORED, small halfvec(3) GENERATED ALWAYS AS (v) STORED,
	bits bit(3) GENERATED ALWAYS AS (binary_quantize(v)::bit(3)) STORED, sparse sparsevec
		GENERATED ALWAYS AS (v) STORED,
	CONSTRAINT not_zero CHECK (v <> '[0,0,0]'));
INSERT INTO computed VALUES (1, DEFAULT), (2, '[0,3,-4]'), (3, NULL);
INSERT INTO computed VALUES (4, '[0,-0,0]');
INSERT INTO computed (id, small) VALUES (5, '[1,1,1]');
UPDATE computed SET v = '[0,0,65520]' WHERE id = 2;
UPDATE computed SET v = v + '[0,0,8]' WHERE id = 2;
SELECT * FROM computed ORDER BY id;
ALTER TABLE computed ADD later vector(2) DEFAULT '[7,8]';
SELECT id, later FROM computed ORDER BY id;

-- Every storage and every length of a datum: short header, plain, compressed,
-- out of line.  What is read must not depend on it.
CREATE TABLE stored (id int, plain vector, external vector, extended vector, main halfvec, sparse sparsevec);
ALTER TABLE stored ALTER plain SET STORAGE plain, ALTER external SET STORAGE external,
	ALTER extended SET STORAGE extended,
	ALTER main SET STORAGE main, ALTER sparse SET STORAGE extended;
INSERT INTO stored SELECT d, a, a, a, a, a FROM (SELECT d,
	array_agg(CASE WHEN i % 9 = 0 THEN i % 128 ELSE 0 END::real ORDER BY i)
	FROM unnest(ARRAY[1, 29, 30, 31, 61, 62, 500, 1500]) d, generate_series(1, d) i GROUP BY d) t (d, a);
INSERT INTO stored SELECT d, NULL, a, a, a, a FROM (SELECT d, array_agg((i % 1000)::real ORDER BY i)
	FROM (VALUES (4000), (16000)) n (d), generate_series(1, d) i GROUP BY d) t (d, a);
SELECT count(*), bool_and(coalesce(plain = external, true) AND external = extended AND extended::halfvec = main
	AND external::sparsevec = sparse) AS equal,
	bool_and(external <-> extended = 0 AND extended::halfvec <+> main = 0
		AND external::sparsevec <-> sparse = 0) AS near,
	bool_and(vector_dims(external) = id AND vector_dims(main) = id) AS dims,
		bool_and(vector_send(extended) = vector_send(external)) AS bytes,
	bool_and(extended::text = external::text AND main::text = main::text::halfvec::text) AS text FROM stored;
SELECT bool_or(pg_column_size(extended) < 4 * id) AS compressed,
	bool_or(pg_column_size(main) < 2 * id) AS main_compressed,
	min(pg_column_size(external)) AS short_header FROM stored;

-- Partitions, inheritance, views and materialized views
CREATE TABLE months (month int, v vector(2)) PARTITION BY LIST (month);
CREATE TABLE months_1 PARTITION OF months FOR VALUES IN (1);
CREATE TABLE months_2 (v vector(2), month int);
ALTER TABLE months ATTACH PARTITION months_2 FOR VALUES IN (2);
INSERT INTO months SELECT 1 + g % 2, ARRAY[g, g] FROM generate_series(1, 6) g;
INSERT INTO months VALUES (1, '[1,2,3]');
SELECT tableoid::regclass AS part, v FROM months ORDER BY v <-> '[4,4]', v LIMIT 3;
UPDATE months SET month = 3 - month WHERE v = '[3,3]';
CREATE VIEW near AS SELECT month, v, v <-> '[0,0]' AS distance FROM months;
CREATE MATERIALIZED VIEW means AS SELECT month, avg(v), sum(v::halfvec), count(*) FROM months GROUP BY month;
SELECT * FROM near WHERE distance < 4 ORDER BY distance;
INSERT INTO months VALUES (2, '[100,100]');
REFRESH MATERIALIZED VIEW means;
SELECT * FROM means ORDER BY month;
SELECT pg_get_viewdef('near') LIKE '%<-> ''[0,0]''::vector%' AS shown;

-- JSON by text only; the array inside of it is an array of numbers
SELECT to_jsonb('[1,2.5]'::vector) AS string, '[1,2.5]'::vector::text::jsonb AS array,
	to_jsonb('[1,2.5]'::vector::real[]) AS same,
	'[1, 2.5]'::jsonb::text::vector AS back, (jsonb_populate_record(NULL::trips,
		'{"start": {"name": "x", "at": "[1,2]"}}')).start;
SELECT at FROM json_to_record('{"at": "[1,2]", "list": ["[3]"]}') AS r (at vector(2), list vector[]);
SELECT row_to_json(p) FROM (SELECT '[1]'::vector AS v, '{1:2}/3'::sparsevec AS s, '[0.5]'::halfvec AS h) p;

-- Prepared statements, PL/pgSQL, SQL functions, polymorphism
PREPARE near_to (vector, int) AS SELECT v FROM months WHERE month = $2 ORDER BY v <-> $1 LIMIT 2;
EXECUTE near_to('[4.9,4.9]', 2);
EXECUTE near_to(ARRAY[1,1], 1);
EXECUTE near_to('[1]', 1);
DEALLOCATE near_to;
DO $$
DECLARE
	v vector(2) := '[1,2]';
	h halfvec := v;
	list vector[] := '{}';
	s sparsevec;
	r record;
BEGIN
	v := v + v;
	s := v;
	FOR r IN SELECT ARRAY[g, g]::vector AS x FROM generate_series(1, 3) g LOOP
		list := list || r.x;
	END LOOP;
	list[2] := list[2] * '[10,10]';
	RAISE NOTICE '% % % % %', v, h, s, list, list[2] <-> v;
	v := ARRAY[5, 6];
	RAISE NOTICE '%', v;
	v := '[1,2,3]';
EXCEPTION WHEN data_exception THEN
	RAISE NOTICE '% %', SQLSTATE, SQLERRM;
END $$;
CREATE FUNCTION pg_temp.nearer(a anyelement, b anyelement, target anyelement) RETURNS anyelement LANGUAGE plpgsql AS
	'BEGIN RETURN CASE WHEN a <-> target <= b <-> target THEN a ELSE b END; END';
SELECT pg_temp.nearer('[1]'::vector, '[5]', '[4]'), pg_temp.nearer('[1]'::halfvec, '[5]', '[2]'),
	pg_temp.nearer('{}/3'::sparsevec, '{1:9}/3', '{1:5}/3');
SELECT coalesce(NULL, '[1]'::vector), nullif('[0]'::vector, '[-0]'), CASE WHEN true THEN '[1]'::vector ELSE '[2]' END,
	lag(v) OVER (ORDER BY v)
FROM (VALUES ('[1]'::vector), ('[2]')) t (v);

DROP MATERIALIZED VIEW means;
DROP VIEW near;
DROP TABLE lists, winds, trips, computed, stored, months;
DROP TYPE place;
DROP DOMAIN direction, counts;
