-- Exact nearest neighbours: ORDER BY distance LIMIT k, over a generated table,
-- against a full sort by distances that plain SQL computes from arrays.
\pset format unaligned
\pset footer off
\pset null NULL

CREATE TABLE items (id int PRIMARY KEY, color text, a real[], v vector(4), h halfvec(4), s sparsevec(4), b bit(16));
INSERT INTO items SELECT g, (ARRAY['red', 'green', 'blue'])[1 + g % 3], a, a, a, a,
	(g * 2654435761 % 65536)::int::bit(16)
FROM (SELECT g, ARRAY[g * 7 % 31 - 15, g * g % 17 - 8, (g * 13) % 11, CASE g % 4 WHEN 0 THEN g % 9
	ELSE 0 END]::real[] AS a FROM generate_series(1, 500) g) t;
INSERT INTO items (id, color) VALUES (501, 'red'), (502, 'green');
ANALYZE items;
CREATE TABLE queries (q int, target real[]);
INSERT INTO queries VALUES (1, '{1,2,3,4}'), (2, '{-15,0,10,8}'), (3, '{0.5,0.5,0.5,0}'), (4, '{100,-100,100,-100}'),
	(5, '{0,0,0,1}');
-- no row has only zeros, which is at no cosine distance
SELECT count(*), count(v), count(DISTINCT v) AS different, min(vector_norm(v)) > 0 AS not_zero FROM items;

-- Distances by plain SQL.  All are sums of small multiples of a half, and so exact.
CREATE TABLE truth AS
SELECT q, id, sqrt(sum((x - y)::float8 ^ 2)) AS l2, -sum(x::float8 * y) AS ip,
	1 - sum(x::float8 * y) / sqrt(sum(x::float8 ^ 2) * sum(y::float8 ^ 2)) AS cosine, sum(abs(x - y)::float8) AS l1
FROM items, queries, unnest(a, target) u (x, y) WHERE a IS NOT NULL GROUP BY q, id;

-- The k nearest by each operator and type: their ids, ties by id
CREATE FUNCTION pg_temp.nearest(col text, op text, target text, k int, condition text DEFAULT 'true') RETURNS int[]
	LANGUAGE plpgsql AS $$
DECLARE
	result int[];
BEGIN
	EXECUTE format('SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER () AS n FROM
		(SELECT id FROM items WHERE %s ORDER BY %I %s %L, id LIMIT %s) k) r', condition, col, op, target, k) INTO result;
	RETURN result;
END $$;
SELECT col, op, bool_and(pg_temp.nearest(col, op, CASE col WHEN 's' THEN target::sparsevec::text
	ELSE target::vector::text END, k) =
	(SELECT array_agg(id ORDER BY n) FROM (SELECT id,
		row_number() OVER (ORDER BY CASE op WHEN '<->' THEN l2 WHEN '<#>' THEN ip WHEN '<=>' THEN cosine ELSE l1 END,
		id) AS n FROM truth WHERE truth.q = queries.q) t WHERE n <= k)) AS same
FROM queries, unnest(ARRAY['v', 'h', 's']) col, unnest(ARRAY['<->', '<#>', '<=>', '<+>']) op,
	unnest(ARRAY[1, 10, 100, 500]) k GROUP BY col, op ORDER BY col, op COLLATE "C";
SELECT op, pg_temp.nearest('b', op, '1010101010101010', 20) =
	(SELECT array_agg(id ORDER BY n) FROM (SELECT id,
		row_number() OVER (ORDER BY CASE op WHEN '<~>' THEN length(replace((b # B'1010101010101010')::text, '0', ''))
		ELSE 1 - length(replace((b & B'1010101010101010')::text, '0',
			''))::float8 / length(replace((b | B'1010101010101010')::text, '0', '')) END, id) AS n FROM items
			WHERE b IS NOT NULL) t WHERE n <= 20) AS same
FROM unnest(ARRAY['<~>', '<%>']) op;

-- With conditions, few or many rows passing, also on the distance itself
SELECT condition, bool_and(pg_temp.nearest('v', '<->', target::vector::text, 12, condition) IS NOT DISTINCT FROM
	(SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER (ORDER BY l2, id) AS n FROM truth
		JOIN items USING (id)
		WHERE truth.q = queries.q AND CASE condition WHEN 'color = ''red'' AND v IS NOT NULL' THEN color = 'red'
			WHEN 'id BETWEEN 100 AND 105' THEN id BETWEEN 100 AND 105 WHEN 'id % 50 = 7' THEN id % 50 = 7
			WHEN 'v <-> ''[0,0,0,0]'' < 9' THEN sqrt((SELECT sum(x ^ 2) FROM unnest(a) x)) < 9 WHEN 'false'
				THEN false END) t WHERE n <= 12)) AS same
FROM queries, unnest(ARRAY['color = ''red'' AND v IS NOT NULL', 'id BETWEEN 100 AND 105', 'id % 50 = 7',
	'v <-> ''[0,0,0,0]'' < 9', 'false']) condition GROUP BY condition ORDER BY condition COLLATE "C";

-- NULL vectors are farthest; LIMIT, OFFSET, DESC
SELECT id, v <-> '[0,0,0,0]' AS distance FROM items ORDER BY v <-> '[0,0,0,0]', id OFFSET 499;
SELECT id FROM items ORDER BY v <-> '[0,0,0,0]' DESC, id LIMIT 3;
SELECT id FROM items WHERE v IS NOT NULL ORDER BY v <-> '[0,0,0,0]' DESC, id LIMIT 3;
SELECT id FROM items ORDER BY v <-> '[0,0,0,0]' LIMIT 0;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id LIMIT 10) k)
	= (SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id
		LIMIT 5) k) || (SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id OFFSET 5
		LIMIT 5) k) AS pages;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4]' OFFSET 600) k;

-- Ties: as many rows as lie at the distance of the last one
CREATE TABLE ring (id int, v vector(2));
INSERT INTO ring VALUES (1, '[0,1]'), (2, '[1,0]'), (3, '[0,-1]'), (4, '[-1,0]'), (5, '[0,0]'), (6, '[2,0]'),
	(7, '[1,0]'), (8, '[3,4]');
SELECT id, v <-> '[0,0]' AS distance FROM (SELECT * FROM ring ORDER BY v <-> '[0,0]' FETCH FIRST 2 ROWS WITH TIES) t
	ORDER BY 2, 1;
SELECT min(v <-> '[0,0]'), max(v <-> '[0,0]'), count(*) FROM (SELECT v FROM ring ORDER BY v <-> '[0,0]' LIMIT 4) t;
SELECT id, rank() OVER (ORDER BY v <-> '[0,0]'), dense_rank() OVER (ORDER BY v <-> '[0,0]') FROM ring ORDER BY id;
SELECT DISTINCT ON (v <-> '[0,0]') v <-> '[0,0]' AS distance, id FROM ring ORDER BY v <-> '[0,0]', id DESC;

-- The query vector may come from anywhere.
PREPARE near (vector, int) AS SELECT id FROM items ORDER BY v <-> $1, id LIMIT $2;
EXECUTE near('[1,2,3,4]', 3);
SET plan_cache_mode = force_generic_plan;
EXECUTE near('[1,2,3,4]', 3);
RESET plan_cache_mode;
EXECUTE near(NULL, 3);
EXECUTE near('[1,2]', 3);
DEALLOCATE near;
SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 77), id LIMIT 1;
SELECT id FROM items ORDER BY v <-> ARRAY[1, 2, 3, 4]::vector, id LIMIT 3;
SELECT id FROM items, (VALUES ('[1,2,3,4]'::vector)) q (target) ORDER BY v <-> target, id LIMIT 3;
SELECT id FROM items ORDER BY v <-> NULL, id LIMIT 2;
SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 501), id LIMIT 2;
SELECT id, v <-> '[1,2,3]' FROM items ORDER BY 2 LIMIT 1;

-- Joins: the nearest other row of each row, the nearest of each color
SELECT count(*), bool_and(n.distance = t.distance) AS same
FROM items i, LATERAL (SELECT o.id, o.v <-> i.v AS distance FROM items o WHERE o.id <> i.id ORDER BY o.v <-> i.v, o.id
	LIMIT 1) n,
	LATERAL (SELECT min(i.v <-> o.v) AS distance FROM items o WHERE o.id <> i.id) t WHERE i.id BETWEEN 1 AND 60
		AND i.v IS NOT NULL;
SELECT color, k.id, k.distance::real FROM (SELECT DISTINCT color FROM items) c,
	LATERAL (SELECT id, v <=> '[1,2,3,4]' AS distance FROM items WHERE items.color = c.color
	ORDER BY v <=> '[1,2,3,4]', id LIMIT 2) k ORDER BY color, distance, id;
SELECT id, row_number FROM (SELECT id, color, row_number() OVER (PARTITION BY color ORDER BY v <-> '[1,2,3,4]', id)
	FROM items) r WHERE row_number = 1 ORDER BY color;
-- two distances in one order, and a weighted sum of both
SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', h <=> '[4,3,2,1]', id LIMIT 3;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM items WHERE v IS NOT NULL
	ORDER BY 0.5 * (v <-> '[1,2,3,4]') + 0.5 * (v <+> '[1,2,3,4]'), id LIMIT 5) k)
	= (SELECT array_agg(id) FROM (SELECT id FROM truth WHERE q = 1 ORDER BY 0.5 * l2 + 0.5 * l1, id
		LIMIT 5) k) AS weighted;

-- Cursors forward and back, row locks, changes in one statement
BEGIN;
DECLARE nearest SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id;
FETCH 2 FROM nearest;
FETCH NEXT FROM nearest;
FETCH BACKWARD 1 FROM nearest;
FETCH ABSOLUTE 502 FROM nearest;
CLOSE nearest;
SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id LIMIT 2 FOR UPDATE;
COMMIT;
BEGIN;
DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id LIMIT 2) RETURNING id;
SELECT id FROM items ORDER BY v <-> '[1,2,3,4]', id LIMIT 1;
ROLLBACK;
WITH k AS (SELECT id FROM items WHERE color = 'blue' ORDER BY v <-> '[1,2,3,4]', id LIMIT 1)
UPDATE items SET v = '[1,2,3,4]' FROM k WHERE items.id = k.id;
SELECT color, v <-> '[1,2,3,4]' AS distance FROM items ORDER BY v <-> '[1,2,3,4]', id LIMIT 1;

-- In parallel the same rows
CREATE TEMP TABLE serial AS SELECT id, row_number() OVER ()
	FROM (SELECT id FROM items ORDER BY v <-> '[3,1,2,0]', id LIMIT 50) k;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE items SET (parallel_workers = 2);
CREATE TEMP TABLE parallel AS SELECT id, row_number() OVER ()
	FROM (SELECT id FROM items ORDER BY v <-> '[3,1,2,0]', id LIMIT 50) k;
SELECT count(*) FROM (TABLE serial INTERSECT TABLE parallel) i;
DROP TABLE items, queries, truth, ring;
