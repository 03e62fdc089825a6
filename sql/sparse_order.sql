-- Order of sparsevec: that of the dense vectors they stand for.
\pset format unaligned
\pset footer off
\pset null NULL
SET jit = off; -- the cost of a scan that is off would start it

-- Few values, 1 to 5 dimensions, so that many are equal or begin alike
CREATE TABLE sparse (id serial, v vector, s sparsevec);
INSERT INTO sparse (v) SELECT v FROM (
	SELECT ((ARRAY[0, 1, -1, 0.5])[1 + g % 4] || (ARRAY[0, 3, 0, -2, 0])[1 : g / 4 % 5] || (ARRAY[0, 0,
		7])[1 : g / 20 % 2])::real[]::vector FROM generate_series(0, 119) g) t (v);
UPDATE sparse SET s = v;
SELECT count(*), count(*) FILTER (WHERE r = 0 AND x.id <> y.id) > 0 AS some_equal,
	count(*) FILTER (WHERE sparsevec_cmp(x.s, y.s) <> r OR (x.s < y.s) <> (r < 0) OR (x.s <= y.s) <> (r <= 0)
		OR (x.s = y.s) <> (r = 0)
		OR (x.s <> y.s) <> (r <> 0) OR (x.s >= y.s) <> (r >= 0) OR (x.s > y.s) <> (r > 0)) AS wrong
FROM sparse x, sparse y, LATERAL (SELECT btarraycmp(x.v::real[], y.v::real[])) c (r);

-- By hand: an element that is not there is zero; the shorter of two that agree
-- as far as it goes is less, whatever the longer one has behind
SELECT sparsevec_cmp(a::sparsevec, b::sparsevec), a, b
FROM (VALUES (1, '{}/1', '{}/1'), (2, '{}/1', '{}/2'), (3, '{2:-1}/2', '{}/1'), (4, '{2:-1}/2', '{}/2'),
	(5, '{1:1}/2', '{2:9}/2'), (6, '{1:-1}/2', '{2:-9}/2'),
	(7, '{}/3', '{3:1}/3'), (8, '{}/3', '{3:-1}/3'), (9, '{1:1,3:1}/3', '{1:1,2:-1}/3'),
		(10, '{1:1,3:1}/3', '{1:1,2:1}/3'), (11, '{1:1,3:1}/3', '{1:1}/1000000000'),
	(12, '{1000000000:1}/1000000000', '{999999999:1}/1000000000'), (13, '{1:1}/1000000000', '{1:1}/999999999'),
		(14, '{1:3.4028235e38}/1', '{1:3.4028233e38}/1'),
	(15, '{1:-1e-45}/1', '{}/1'), (16, '{5:1}/5', '{}/2'), (17, '{5:-1}/5', '{}/2')) p (id, a, b) ORDER BY id;
SELECT s FROM (VALUES ('{1:1}/2'::sparsevec), (NULL), ('{2:1}/2'), ('{}/9'), ('{1:-1}/1'), ('{}/2'),
	('{1:1}/3')) t (s) ORDER BY s DESC NULLS LAST;
SELECT greatest('{1:1}/2'::sparsevec, '{2:9}/2'), '{1:1}/2'::sparsevec BETWEEN '{}/2' AND '{1:2}/2' AS is_between,
	'{}/2'::sparsevec IS DISTINCT FROM '{1:0}/2' AS is_distinct, NULL < '{}/1'::sparsevec AS unknown;

-- A btree index answers each operator as a table scan does.
CREATE INDEX sparse_s ON sparse (s);
CREATE FUNCTION pg_temp.matches(op text, bound text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	result int[];
BEGIN
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM sparse WHERE s %s %L', op, bound) INTO result;
	RETURN result;
END $$;
CREATE TEMP TABLE answers AS
SELECT op, bound, NULL::int[] AS by_index, NULL::int[] AS by_scan FROM unnest(ARRAY['<', '<=', '=', '>=', '>']) op,
	unnest(ARRAY['{}/1', '{}/2', '{1:1}/1', '{1:-1,2:3}/2', '{1:1,2:3}/4', '{}/99', '{1:9}/1']) bound;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
UPDATE answers SET by_scan = pg_temp.matches(op, bound);
RESET enable_indexscan;
RESET enable_bitmapscan;
SET enable_seqscan = off;
UPDATE answers SET by_index = pg_temp.matches(op, bound);
SELECT op, count(*), count(by_index) AS hits, count(*) FILTER (WHERE by_index IS DISTINCT FROM by_scan) AS wrong
	FROM answers GROUP BY op ORDER BY op COLLATE "C";
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT s FROM sparse WHERE s >= '{1:1}/1' ORDER BY s DESC;
RESET enable_sort;
RESET enable_bitmapscan;
SELECT array_agg(s) = (SELECT array_agg(s ORDER BY s) FROM sparse) AS forward
	FROM (SELECT s FROM sparse ORDER BY s) o;
RESET enable_seqscan;
SELECT array_agg(id ORDER BY s, id) = array_agg(id ORDER BY v, id) AS as_dense FROM sparse;
SET enable_hashagg = off;
SELECT (SELECT count(*) FROM (SELECT s FROM sparse GROUP BY s) g) = (SELECT count(*)
	FROM (SELECT v FROM sparse GROUP BY v) g) AS groups;
RESET enable_hashagg;

CREATE TABLE keys (s sparsevec UNIQUE);
INSERT INTO keys VALUES ('{1:1}/2'), ('{1:1}/3'), ('{}/2'), (NULL), (NULL);
INSERT INTO keys VALUES ('{2:0,1:1}/2');
INSERT INTO keys VALUES ('[0,0]'::vector) ON CONFLICT DO NOTHING;
SELECT count(*) FROM keys;
DROP TABLE sparse, keys;
