-- Hashing of vector, halfvec and sparsevec: what is equal hashes equal, so that
-- hash joins, aggregates, indexes and partitions agree with =.  (pgvector has no
-- hash operator classes; the reference here is = itself, tested in vector_order
-- and sparse_order.)
\pset format unaligned
\pset footer off
SET jit = off; -- the cost of a scan that is off would start it

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

-- 300 values of which many are equal, some only because -0 = 0
CREATE TABLE hashed (id serial, v vector, h halfvec, s sparsevec);
INSERT INTO hashed (v, h, s)
SELECT a, a, a::vector
FROM (SELECT (ARRAY['-0', 0, 1, -1, 0.5]::real[])[1 + g % 5] || (ARRAY[0, '-0',
	3]::real[])[1 : g / 5 % 4] || (ARRAY[7, 0, '-0'])[1 : g / 20 % 3]::real[]
	FROM generate_series(0, 299) g) t (a);

-- For all pairs: equal values, equal hashes; the other way round as well, though
-- only chance keeps it so.  Another seed, another hash; seed 0 extends the plain one.
SELECT count(*),
	count(*) FILTER (WHERE (x.v = y.v) <> (vector_hash(x.v) = vector_hash(y.v))
		OR (x.v = y.v) <> (vector_hash_extended(x.v, 1) = vector_hash_extended(y.v, 1))) AS vector_wrong,
	count(*) FILTER (WHERE (x.h = y.h) <> (halfvec_hash(x.h) = halfvec_hash(y.h))
		OR (x.h = y.h) <> (halfvec_hash_extended(x.h, 1) = halfvec_hash_extended(y.h, 1))) AS halfvec_wrong,
	count(*) FILTER (WHERE (x.s = y.s) <> (sparsevec_hash(x.s) = sparsevec_hash(y.s))
		OR (x.s = y.s) <> (sparsevec_hash_extended(x.s, 1) = sparsevec_hash_extended(y.s, 1))) AS sparsevec_wrong
FROM hashed x, hashed y;
SELECT bool_and(vector_hash_extended(v, 0)::bit(32) = vector_hash(v)::bit(32)
	AND halfvec_hash_extended(h, 0)::bit(32) = halfvec_hash(h)::bit(32)
		AND sparsevec_hash_extended(s, 0)::bit(32) = sparsevec_hash(s)::bit(32)) AS seed_0,
	bool_and(vector_hash_extended(v, 5) <> vector_hash_extended(v, 0)
		AND halfvec_hash_extended(h, 5) <> halfvec_hash_extended(h, 0)
		AND sparsevec_hash_extended(s, 5) <> sparsevec_hash_extended(s, 0)) AS seed_5
FROM hashed;
-- Beyond any buffer's size each element counts, and the number of dimensions does
SELECT count(DISTINCT vector_hash(v)) AS vector, count(DISTINCT halfvec_hash(v::halfvec)) AS halfvec,
	count(DISTINCT sparsevec_hash(v::sparsevec)) AS sparsevec
FROM (SELECT array_agg(CASE WHEN i = place THEN 1 ELSE 0 END ORDER BY i)::vector FROM generate_series(1, 600) i,
	generate_series(1, 600) place GROUP BY place
	UNION ALL SELECT array_fill(0, ARRAY[d])::vector FROM generate_series(1, 600) d) t (v);
SELECT vector_hash(array_fill('-0'::real, ARRAY[1000])::vector) = vector_hash(array_fill(0,
	ARRAY[1000])::vector) AS vector,
	halfvec_hash(array_fill('-0'::real, ARRAY[1000])::halfvec) = halfvec_hash(array_fill(0,
		ARRAY[1000])::halfvec) AS halfvec,
	sparsevec_hash(array_fill('-0'::real, ARRAY[1000])::sparsevec) = sparsevec_hash('{}/1000') AS sparsevec;

-- Grouping and joining by hash gives what sorting gives
CREATE FUNCTION pg_temp.groups(col text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(ids::text, '';'' ORDER BY ids) FROM (SELECT array_agg(id ORDER BY id) AS ids FROM hashed GROUP BY %I) g', col) INTO result;
	RETURN md5(result) || ' ' || (SELECT count(*) FROM regexp_matches(result, ';', 'g'));
END $$;
CREATE FUNCTION pg_temp.pairs(col text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT count(*) || '' '' || sum(x.id * y.id) FROM hashed x JOIN hashed y USING (%I)', col) INTO result;
	RETURN result;
END $$;
CREATE TEMP TABLE by_sort AS SELECT col, pg_temp.groups(col) AS groups, pg_temp.pairs(col) AS pairs
	FROM (VALUES ('v'), ('h'), ('s')) c (col) LIMIT 0;
SET enable_hashagg = off;
SET enable_hashjoin = off;
SET enable_nestloop = off;
INSERT INTO by_sort SELECT col, pg_temp.groups(col), pg_temp.pairs(col) FROM (VALUES ('v'), ('h'), ('s')) c (col);
RESET enable_hashagg;
RESET enable_hashjoin;
SET enable_sort = off;
SET enable_mergejoin = off;
SELECT col, pg_temp.plan_has(format('SELECT count(*) FROM hashed GROUP BY %I', col),
	'HashAggregate') AS hashes_groups,
	pg_temp.plan_has(format('SELECT count(*) FROM hashed x JOIN hashed y USING (%I)', col),
		'Hash Join') AS hashes_join,
	groups = pg_temp.groups(col) AS groups, pairs = pg_temp.pairs(col) AS pairs
FROM by_sort ORDER BY col;
SELECT count(*) FROM (SELECT v FROM hashed INTERSECT SELECT v FROM hashed WHERE id > 150) i;
SELECT count(*) FROM (SELECT v, h FROM hashed UNION SELECT v, h FROM hashed) u;
SELECT count(*) FROM hashed WHERE v NOT IN (SELECT v FROM hashed WHERE id < 100);
RESET enable_sort;
RESET enable_mergejoin;
RESET enable_nestloop;
-- a join that spills to many batches finds the same pairs
SET work_mem = '64kB';
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) = 300 * 5 AS batches FROM (SELECT ARRAY[g, -g]::vector AS v FROM generate_series(1, 300) g,
	generate_series(1, 5)) x JOIN (SELECT ARRAY[g, -g]::vector AS v, repeat('x', 1000) AS wide
	FROM generate_series(1, 300) g) y USING (v) WHERE wide <> '';
RESET work_mem;
RESET enable_mergejoin;
RESET enable_nestloop;

-- Hash indexes find 0 by -0
CREATE INDEX hashed_v ON hashed USING hash (v);
CREATE INDEX hashed_h ON hashed USING hash (h);
CREATE INDEX hashed_s ON hashed USING hash (s);
SET enable_seqscan = off;
SELECT pg_temp.plan_has($$SELECT FROM hashed WHERE v = '[0]'$$, 'hashed_v') AS by_v,
	pg_temp.plan_has($$SELECT FROM hashed WHERE h = '[0]'$$, 'hashed_h') AS by_h,
	pg_temp.plan_has($$SELECT FROM hashed WHERE s = '{}/1'$$, 'hashed_s') AS by_s;
CREATE FUNCTION pg_temp.found(col text, value text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	result int[];
BEGIN
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM hashed WHERE %I = %L', col, value) INTO result;
	RETURN result;
END $$;
CREATE TEMP TABLE by_index AS
SELECT col, value, pg_temp.found(col, value) AS ids
FROM (VALUES ('v'), ('h')) c (col), (VALUES ('[0]'), ('[-0]'), ('[0,0,0]'), ('[-0,0]'), ('[1,-0,7]'),
	('[42]')) x (value)
UNION ALL SELECT 's', value, pg_temp.found('s', value)
	FROM (VALUES ('{}/1'), ('{}/2'), ('{1:1,3:7}/3'), ('{1:1}/1')) x (value);
RESET enable_seqscan;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT col, count(*), count(ids) AS hits, bool_and(ids IS NOT DISTINCT FROM pg_temp.found(col, value)) AS same
	FROM by_index GROUP BY col ORDER BY col;
RESET enable_indexscan;
RESET enable_bitmapscan;

-- Hash partitions: every row is found in one, 0 and -0 in the same
CREATE TABLE spread (v vector, h halfvec, s sparsevec) PARTITION BY HASH (v, h, s);
CREATE TABLE spread_0 PARTITION OF spread FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE spread_1 PARTITION OF spread FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE spread_2 PARTITION OF spread FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO spread SELECT v, h, s FROM hashed;
INSERT INTO spread VALUES (NULL, NULL, NULL);
SELECT count(*), count(DISTINCT tableoid) AS parts FROM spread;
SELECT max(parts) AS parts_of_one_value FROM (SELECT count(DISTINCT tableoid) AS parts FROM spread GROUP BY v, h,
	s) p;
SELECT count(*) AS in_spread, (SELECT count(*) FROM hashed WHERE v = '[0,0]') AS in_hashed FROM spread
	WHERE v = '[-0,0]' AND h = '[0,-0]' AND s = '{}/2';
DROP TABLE hashed, spread;
