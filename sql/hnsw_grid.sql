-- hnsw: rows of whole numbers, or of multiples of a power of two, are their copies of 8
-- bits a dimension, so that their order is known without a look at the table.
\pset format unaligned
\pset footer off
\set VERBOSITY terse
-- steps apart, from low on, at most so many; the last of a row is off them by so much
-- (which halfvec does not see)
CREATE TABLE kinds (kind text, low float8, step float8, steps int, off float8);
INSERT INTO kinds VALUES ('pixels', 0, 1, 255, 0), ('few', 0, 1, 90, 0), ('signed', -128, 1, 255, 0), ('quarters', -7, 0.25, 200, 0),
	('tens of thousands', 20000, 2, 255, 0), ('far from zero', 1e7, 1, 255, 0), ('tiny', 0, 2 ^ -70, 255, 0),
	('too many steps', 0, 1, 700, 0), ('between steps', 0, 1, 255, 0.0001), ('alike', 3, 0, 0, 0);
CREATE FUNCTION pg_temp.row_of(kind kinds, g int) RETURNS vector LANGUAGE sql AS $$
	SELECT array_agg(kind.low + kind.step * floor((kind.steps + 1) * abs(sin(g * 12.9898 + i * 78.233 + g * i * 0.37)))
		+ CASE WHEN i = 32 THEN kind.off ELSE 0 END ORDER BY i)::vector FROM generate_series(1, 32) i $$;
CREATE TABLE grid (id int, v vector(32), h halfvec(32));
-- Distances by the index that are not those without it, and the rows of the table read for them
CREATE FUNCTION pg_temp.ask(col text, op text, target vector, OUT wrong int, OUT fetched int) LANGUAGE plpgsql AS $$
DECLARE
	body text := format('SELECT %1$I %2$s %3$L::%4$s AS d FROM grid ORDER BY %1$I %2$s %3$L::%4$s LIMIT 60',
		col, op, target, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END);
	exact float8[];
	found float8[];
	plan json;
BEGIN
	SET LOCAL enable_indexscan = off;
	EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (%s) b', body) INTO exact;
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_seqscan = off;
	EXECUTE format('SELECT array_agg(d) FROM (%s) b', body) INTO found;
	EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ' || body INTO plan;
	SELECT count(*) INTO wrong FROM unnest(exact, found) e (exact, found) WHERE e.exact IS DISTINCT FROM e.found;
	fetched := coalesce(substring(plan::text FROM '"Heap Rows Fetched for Order": (\d+)')::int, 0);
	IF plan::text NOT LIKE '%Index Scan%' THEN
		RAISE 'no index: %', plan;
	END IF;
END $$;
-- For a query of the kind's own steps, and for one of none
CREATE FUNCTION pg_temp.try(asked kinds, col text, class text, op text) RETURNS TABLE (wrong bigint, fetched bigint, wrong_beside bigint) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE grid;
	DROP INDEX IF EXISTS grid_i;
	INSERT INTO grid SELECT g, r, CASE WHEN asked.low < 1000 THEN r::halfvec END FROM generate_series(1, 400) g, pg_temp.row_of(asked, g % 380) r;
	EXECUTE format('CREATE INDEX grid_i ON grid USING hnsw (%s %s) WITH (codes = none)', col, class);
	SET LOCAL hnsw.ef_search = 400;
	RETURN QUERY SELECT sum(a.wrong), sum(a.fetched), sum(b.wrong) FROM generate_series(1000, 1003) q,
		pg_temp.row_of(asked, q) r, pg_temp.ask(col, op, r) a, pg_temp.ask(col, op, (SELECT array_agg(x + 0.37 * sin(n)) FROM unnest(r::real[]) WITH ORDINALITY u (x, n))::vector) b;
END $$;
SET client_min_messages = warning;
SELECT kind, t.wrong, t.fetched > 0 AS fetches, t.wrong_beside FROM kinds k, pg_temp.try(k, 'v', 'vector_l2_ops', '<->') t;
SELECT kind, t.wrong, t.fetched > 0 AS fetches, t.wrong_beside FROM kinds k, pg_temp.try(k, 'v', 'vector_ip_ops', '<#>') t;
SELECT kind, t.wrong, t.fetched > 0 AS fetches, t.wrong_beside FROM kinds k, pg_temp.try(k, 'h', 'halfvec_l2_ops', '<->') t WHERE low < 1000;
SELECT kind, t.wrong, t.wrong_beside FROM kinds k, pg_temp.try(k, 'v', 'vector_cosine_ops', '<=>') t;
SELECT vector_index_check('grid_i', true);
DROP TABLE grid;
DROP TABLE kinds CASCADE;
