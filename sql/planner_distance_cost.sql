-- What the planner takes a distance to cost: more with dimensions, more again
-- when the value lies out of line.  Only comparisons are shown: the numbers are
-- tuned, and depend on the machine's settings.
\pset format unaligned
\pset footer off

-- Cost of a distance for one row: what the query costs more than without it
CREATE FUNCTION pg_temp.total(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
CREATE FUNCTION pg_temp.cost(source text, expression text) RETURNS float8 LANGUAGE sql AS $$
	SELECT (pg_temp.total(format('SELECT %s FROM %s', expression, source)) - pg_temp.total(format('SELECT 1 FROM %s', source))) / 1000 / current_setting('cpu_operator_cost')::float8
$$;
SET max_parallel_workers_per_gather = 0;

CREATE TABLE vectors (d3 vector(3), d300 vector(300), d1500 vector(1500), plain vector(1500), main vector(1500),
	h300 halfvec(300), h1500 halfvec(1500), b64 bit(64), b9000 bit(9000), b90000 bit(90000), any_dims vector,
	s sparsevec, n float8);
ALTER TABLE vectors ALTER plain SET STORAGE plain;
INSERT INTO vectors (d3, any_dims) SELECT ARRAY[g, 1, 2], ARRAY[g, 1, 2] FROM generate_series(1, 1000) g;
ANALYZE vectors;
CREATE TEMP TABLE costs AS
SELECT name, cost FROM (VALUES
	('plus', pg_temp.cost('vectors', 'n + 1')),
	('d3', pg_temp.cost('vectors', 'd3 <-> ''[1,2,3]''')), ('d300', pg_temp.cost('vectors', 'd300 <-> d300')),
		('d1500', pg_temp.cost('vectors', 'd1500 <-> array_fill(0, ARRAY[1500])::vector')),
		('plain', pg_temp.cost('vectors', 'plain <-> array_fill(0, ARRAY[1500])::vector')),
	('reversed', pg_temp.cost('vectors', 'array_fill(0, ARRAY[1500])::vector <-> d1500')),
		('function', pg_temp.cost('vectors', 'l2_distance(d1500, array_fill(0, ARRAY[1500])::vector)')),
	('both', pg_temp.cost('vectors', 'd1500 <-> d1500')), ('h300', pg_temp.cost('vectors', 'h300 <-> h300')),
		('h1500', pg_temp.cost('vectors', 'h1500 <-> h1500')),
	('b64', pg_temp.cost('vectors', 'b64 <~> b64')), ('b9000', pg_temp.cost('vectors', 'b9000 <~> b9000')),
		('b90000', pg_temp.cost('vectors', 'b90000 <~> b90000')),
	('inner', pg_temp.cost('vectors', 'd1500 <#> d1500')), ('cosine', pg_temp.cost('vectors', 'd1500 <=> d1500')),
		('l1', pg_temp.cost('vectors', 'd1500 <+> d1500')), ('jaccard', pg_temp.cost('vectors', 'b90000 <%> b90000')),
	('squared', pg_temp.cost('vectors', 'vector_l2_squared_distance(d1500, d1500)')),
		('any_dims', pg_temp.cost('vectors', 'any_dims <-> ''[1,2,3]''')),
		('computed', pg_temp.cost('vectors', '(d300 + d300) <-> d300')),
		('sparse', pg_temp.cost('vectors', 's <-> ''{}/9'''))) c (name, cost);
CREATE FUNCTION pg_temp.of(wanted text) RETURNS float8 LANGUAGE sql AS 'SELECT cost FROM costs WHERE name = wanted';
SELECT pg_temp.of('plus')::numeric(9, 3) AS plus, pg_temp.of('d3') BETWEEN 1 AND 1.5 AS d3_is_cheap,
	pg_temp.of('any_dims') BETWEEN 1 AND 1.5 AS any_dims_is_cheap;
-- dimensions: 300 float4 are 1200 bytes and stay in line, as do 1500 where storage is plain
SELECT pg_temp.of('d300') > pg_temp.of('d3') AS more_for_300,
	pg_temp.of('plain') > pg_temp.of('d300') AS more_for_1500, pg_temp.of('h300') BETWEEN pg_temp.of('d3')
	AND pg_temp.of('d300') AS less_for_halves;
-- out of line: a multiple; two such arguments cost twice
SELECT pg_temp.of('d1500') > 10 * pg_temp.of('plain') AS toasted,
	pg_temp.of('reversed') = pg_temp.of('d1500') AS reversed,
	pg_temp.of('function') = pg_temp.of('d1500') AS as_function,
	pg_temp.of('both') / pg_temp.of('d1500') BETWEEN 1.8 AND 2 AS both, pg_temp.of('h1500') BETWEEN pg_temp.of('h300')
		AND pg_temp.of('both') AS halves;
-- every distance has it
SELECT bool_and(pg_temp.of(name) = pg_temp.of('both')) AS dense
	FROM unnest(ARRAY['inner', 'cosine', 'l1', 'squared']) name;
SELECT pg_temp.of('b64') < pg_temp.of('b9000') AS bits,
	pg_temp.of('b9000') * 10 < pg_temp.of('b90000') AS toasted_bits,
	pg_temp.of('jaccard') = pg_temp.of('b90000') AS jaccard, pg_temp.of('sparse') BETWEEN 1 AND 1.5 AS no_sparse;
SELECT count(*), count(*) FILTER (WHERE prosupport::text LIKE '%\_distance\_support') AS with_support
FROM pg_proc WHERE proname ~ '(_distance|inner_product)$' AND pronargs = 2 AND prorettype = 'float8'::regtype
	AND proargtypes[0] IN ('vector'::regtype, 'halfvec'::regtype, 'sparsevec'::regtype, 'bit'::regtype);

-- Where there is no declared number of dimensions, statistics tell the width.
CREATE TABLE wide (narrow vector, broad vector);
ALTER TABLE wide ALTER broad SET STORAGE plain;
INSERT INTO wide SELECT ARRAY[g], array_fill(g, ARRAY[400]) FROM generate_series(1, 1000) g;
ANALYZE wide;
SELECT pg_temp.cost('wide', 'broad <-> broad') > pg_temp.cost('wide', 'narrow <-> narrow') + 5 AS by_statistics;

-- Not only columns of a table: through subqueries, joins, views, CTEs, functions,
-- outer queries, parameters and rows being checked, nothing breaks.
CREATE VIEW seen AS SELECT d1500 AS v, n FROM vectors;
SELECT pg_temp.cost('seen', 'v <-> v') = pg_temp.of('both') AS of_view,
	pg_temp.total('SELECT v <-> v FROM (SELECT d1500 AS v FROM vectors OFFSET 0) s') > 0 AS of_subquery,
	pg_temp.total('WITH c AS MATERIALIZED (SELECT d1500 FROM vectors) SELECT a.d1500 <-> b.d1500 FROM c a, vectors b') > 0 AS of_cte,
		pg_temp.total('SELECT v <-> ''[1]'' FROM unnest(ARRAY[''[1]'', ''[2]'']::vector[]) v') > 0 AS of_function,
	pg_temp.total('SELECT * FROM vectors a LEFT JOIN vectors b ON a.d300 <-> b.d300 < 1') > pg_temp.total('SELECT * FROM vectors a LEFT JOIN vectors b ON a.n + b.n < 1') AS of_join,
	pg_temp.total('SELECT (SELECT min(b.d300 <-> a.d300) FROM vectors b) FROM vectors a') > 0 AS of_outer,
		pg_temp.total('SELECT count(*) FROM vectors GROUP BY d3 <-> ''[1,2,3]'' HAVING min(d3 <-> d3) < 1') > 0 AS of_group,
	pg_temp.total('SELECT ''[1]''::vector <-> ''[2]''') > 0 AS of_constants;
PREPARE near(vector) AS SELECT d300 <-> $1 FROM vectors ORDER BY d300 <-> $1 LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE near('[1]');
DEALLOCATE near;
CREATE INDEX vectors_by_distance ON vectors ((d3 <-> '[0,0,0]'));
CREATE TABLE checked (v vector CHECK (v <-> '[0]' < 9), d float8 GENERATED ALWAYS AS (v <-> '[1]') STORED);
INSERT INTO checked VALUES ('[3]') RETURNING d;
UPDATE vectors SET n = d3 <-> '[1,1,1]' WHERE d3 <-> '[1,1,2]' < 0.5;
DELETE FROM vectors WHERE d3 <-> '[1,1,2]' < 0.5 RETURNING n;
DROP VIEW seen;
DROP TABLE vectors, wide, checked;
