-- Order and equality of vector and halfvec: comparison functions, sorting,
-- btree indexes.  Reference: arrays of real, ordered element by element, then
-- by length, with -0 = 0.
\pset format unaligned
\pset footer off
\pset null NULL

-- 1 to 4 dimensions of few different values, so that many are equal or begin
-- alike, and a few unusual ones
CREATE TABLE ordered (id serial, a real[], v vector, h halfvec);
INSERT INTO ordered (a)
SELECT (ARRAY['-0', 0, 1, -1, 0.5, 2]::real[] || ARRAY['-65504', 6e-8, 1000]::real[])[1 + g % 9]
	|| (ARRAY[0, '-0', 3, -2]::real[])[1 : g / 9 % 4] || (ARRAY[7, -7, 0])[1 : g / 36 % 3]::real[]
FROM generate_series(0, 107) g;
UPDATE ordered SET v = a, h = a, a = a::halfvec::real[];
UPDATE ordered SET v = a;

SELECT count(*),
	count(*) FILTER (WHERE vector_cmp(x.v, y.v) <> r OR (x.v < y.v) <> (r < 0) OR (x.v <= y.v) <> (r <= 0)
		OR (x.v = y.v) <> (r = 0)
		OR (x.v <> y.v) <> (r <> 0) OR (x.v >= y.v) <> (r >= 0) OR (x.v > y.v) <> (r > 0)) AS vector_wrong,
	count(*) FILTER (WHERE halfvec_cmp(x.h, y.h) <> r OR (x.h < y.h) <> (r < 0) OR (x.h <= y.h) <> (r <= 0)
		OR (x.h = y.h) <> (r = 0)
		OR (x.h <> y.h) <> (r <> 0) OR (x.h >= y.h) <> (r >= 0) OR (x.h > y.h) <> (r > 0)) AS halfvec_wrong,
	count(*) FILTER (WHERE r = 0 AND x.id <> y.id) > 0 AS some_equal
FROM ordered x, ordered y, LATERAL (SELECT btarraycmp(x.a, y.a)) c (r);
-- the same beyond the size of any buffer: the last element decides
SELECT count(*), count(*) FILTER (WHERE vector_cmp(x.a::vector, y.a::vector) <> r
	OR halfvec_cmp(x.a::halfvec, y.a::halfvec) <> r) AS wrong
FROM (SELECT array_fill(0::real, ARRAY[d]) || e FROM (VALUES (255), (256), (257), (1000)) n (d),
	(VALUES (0::real), (-1), ('-0'), (1)) s (e)) x (a),
	(SELECT array_fill(0::real, ARRAY[d]) || e FROM (VALUES (255), (256), (257), (1000)) n (d),
		(VALUES (0::real), (-1), ('-0'), (1)) s (e)) y (a),
	LATERAL (SELECT btarraycmp(x.a, y.a)) c (r);
SELECT vector_cmp('[1,2]', '[1,2]'), vector_cmp('[1,2]', '[1]'), vector_cmp('[1]', '[1,-9]'),
	vector_cmp('[2]', '[1,9]'),
	vector_cmp('[3.4028235e38]', '[3.4028233e38]'), vector_cmp('[-1e-45]', '[0]'), vector_cmp('[0]', '[-0]'),
	halfvec_cmp('[-0]', '[0]'), halfvec_cmp('[-6e-8]', '[0]'), halfvec_cmp('[-65504]', '[65504]'),
		halfvec_cmp('[1]', '[0.9995]');
SELECT '[1]'::vector < NULL, NULL = '[1]'::halfvec, '[1]'::vector IS DISTINCT FROM NULL, '[0]'::vector IS DISTINCT
	FROM '[-0]';

-- Sorting, and what is built on it
CREATE FUNCTION pg_temp.ranks(key text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	result int[];
BEGIN
	EXECUTE format('SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER (ORDER BY %s) AS n FROM ordered) s', key) INTO result;
	RETURN result;
END $$;
SELECT pg_temp.ranks('v, id') = pg_temp.ranks('a, id') AS vector,
	pg_temp.ranks('h, id') = pg_temp.ranks('a, id') AS halfvec,
	pg_temp.ranks('v DESC, id') = pg_temp.ranks('a DESC, id') AS vector_desc,
		pg_temp.ranks('h DESC, id') = pg_temp.ranks('a DESC, id') AS halfvec_desc,
	pg_temp.ranks('v, id') <> pg_temp.ranks('id') AS not_trivial;
SELECT v FROM (VALUES ('[1,2]'::vector), (NULL), ('[1]'), ('[-3,9]'), ('[1,2,0]'), ('[1,1.5]')) t (v)
	ORDER BY v NULLS FIRST;
SELECT v FROM (VALUES ('[1,2]'::vector), (NULL), ('[1]'), ('[-3,9]'), ('[1,2,0]'), ('[1,1.5]')) t (v)
	ORDER BY v USING >;
SELECT greatest('[1,2]'::vector, '[1]', '[0,5]'), least('[1,2]'::halfvec, '[1]', '[0,5]'),
	'[2]'::vector BETWEEN '[1,9]' AND '[2,0]' AS is_between, '[2]'::vector IN ('[1]', '[2]') AS listed,
	('[1]'::vector, 2) < ('[1]'::vector, 3) AS of_rows,
		ARRAY['[1]', '[2]']::vector[] < ARRAY['[1]', '[3]']::vector[] AS of_arrays;
SET enable_hashagg = off;
SET enable_hashjoin = off;
SELECT (SELECT count(*) FROM (SELECT DISTINCT v FROM ordered) s) = (SELECT count(*)
	FROM (SELECT DISTINCT a FROM ordered) s) AS vector,
	(SELECT count(*) FROM (SELECT h FROM ordered GROUP BY h) s) = (SELECT count(*)
		FROM (SELECT a FROM ordered GROUP BY a) s) AS halfvec;
SELECT (SELECT count(*) FROM ordered x JOIN ordered y USING (v)) = (SELECT count(*) FROM ordered x
	JOIN ordered y USING (a)) AS vector,
	(SELECT count(*) FROM ordered x JOIN ordered y USING (h)) = (SELECT count(*) FROM ordered x
		JOIN ordered y USING (a)) AS halfvec;
SET enable_mergejoin = off;
SELECT (SELECT count(*) FROM ordered x JOIN ordered y USING (v)) = (SELECT count(*) FROM ordered x
	JOIN ordered y USING (a)) AS nested;
RESET enable_mergejoin;
RESET enable_hashagg;
RESET enable_hashjoin;

-- Indexes answer each operator as a table scan does, in both directions.
CREATE FUNCTION pg_temp.plan_has(query text, node text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found bool := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		found := found OR line LIKE '%' || node || '%';
	END LOOP;
	RETURN found;
END $$;
CREATE INDEX ordered_v ON ordered (v);
CREATE INDEX ordered_h ON ordered (h DESC NULLS LAST);
SET jit = off; -- the cost of a scan that is off would start it
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE FUNCTION pg_temp.matches(col text, op text, bound text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	result int[];
BEGIN
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM ordered WHERE %I %s %L', col, op, bound) INTO result;
	RETURN result;
END $$;
SELECT op, pg_temp.plan_has(format('SELECT id FROM ordered WHERE v %s ''[0]''', op),
	'Index Scan using ordered_v') AS by_v,
	pg_temp.plan_has(format('SELECT id FROM ordered WHERE h %s ''[0]''', op), 'Index Scan using ordered_h') AS by_h,
	count(*) AS bounds,
	count(*) FILTER (WHERE pg_temp.matches('v', op, b::text) IS DISTINCT
		FROM pg_temp.matches('a', op, translate(b::text, '[]', '{}'))) AS v_wrong,
	count(*) FILTER (WHERE pg_temp.matches('h', op, b::text) IS DISTINCT
		FROM pg_temp.matches('a', op, translate(b::text, '[]', '{}'))) AS h_wrong
FROM unnest(ARRAY['<', '<=', '=', '>=', '>']) op, unnest(ARRAY['[0]', '[-0,0]', '[1]', '[-65504]', '[-70,1]',
	'[1,3,7]', '[5000]']::vector[]) b
GROUP BY op ORDER BY op COLLATE "C";
SELECT pg_temp.plan_has('SELECT v FROM ordered ORDER BY v', 'Index Only Scan') AS only_index,
	pg_temp.plan_has('SELECT v FROM ordered ORDER BY v', 'Sort') AS sorts;
SELECT array_agg(v) = (SELECT array_agg(v ORDER BY v) FROM ordered) AS forward
	FROM (SELECT v FROM ordered ORDER BY v) s;
SELECT array_agg(v) = (SELECT array_agg(v ORDER BY v DESC) FROM ordered) AS backward
	FROM (SELECT v FROM ordered ORDER BY v DESC) s;
SELECT array_agg(h) = (SELECT array_agg(h ORDER BY h) FROM ordered) AS forward
	FROM (SELECT h FROM ordered ORDER BY h) s;
SELECT v FROM ordered WHERE v > '[1]' AND v <= '[1,0]' ORDER BY v LIMIT 3;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Unique: 0 and -0 are one key, [1] and [1,0] are two
CREATE TABLE keys (v vector PRIMARY KEY, h halfvec UNIQUE);
INSERT INTO keys VALUES ('[0,1]', '[0]'), ('[1]', '[1]'), ('[1,0]', NULL), ('[2]', NULL);
INSERT INTO keys VALUES ('[-0,1]', '[5]');
INSERT INTO keys VALUES ('[9]', '[-0]');
INSERT INTO keys VALUES (NULL, '[7]');
INSERT INTO keys VALUES ('[-0,1]', '[5]') ON CONFLICT (v) DO UPDATE SET h = EXCLUDED.h RETURNING v, h;
SELECT * FROM keys ORDER BY v;
-- a key beyond a third of a page is refused, as for any type
\set VERBOSITY sqlstate
INSERT INTO keys VALUES (array_fill(1, ARRAY[1000]), NULL);
\set VERBOSITY default
CREATE TABLE refers (v vector REFERENCES keys);
INSERT INTO refers VALUES ('[-0,1]'), ('[1]');
INSERT INTO refers VALUES ('[1,1]');
-- Ranges of vectors in partitions
CREATE TABLE parts (v vector(2)) PARTITION BY RANGE (v);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('[0,0]');
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM ('[0,0]') TO ('[10,0]');
INSERT INTO parts VALUES ('[-1,5]'), ('[-0,0]'), ('[0,-1]'), ('[9,99]');
INSERT INTO parts VALUES ('[10,0]');
SELECT tableoid::regclass AS part, v FROM parts ORDER BY v;
SELECT pg_temp.plan_has('SELECT v FROM parts WHERE v > ''[1,1]''', 'parts_low') AS low_is_read,
	pg_temp.plan_has('SELECT v FROM parts WHERE v > ''[1,1]''', 'parts_high') AS high_is_read;
DROP TABLE ordered, refers, keys, parts;
