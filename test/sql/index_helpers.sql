-- Helpers and data of the tests of indexes; they include this file.
SET client_min_messages = warning;

-- What a query finds by the index and what it finds without: nothing, where the
-- distances are the same in the same order and no row comes twice.  The index is
-- seen to be used.
CREATE FUNCTION pg_temp.answers(source text, col text, op text, target text, k int DEFAULT 20, condition text DEFAULT 'true')
	RETURNS TABLE (distances float8[], ids int[], plan text) LANGUAGE plpgsql AS $$
DECLARE
	body text := format('SELECT id, %1$I %2$s %3$s AS distance FROM %4$s WHERE (%5$s) AND %1$I IS NOT NULL ORDER BY %1$I %2$s %3$s LIMIT %6$s',
		col, op, target, source, condition, k);
	line text;
BEGIN
	EXECUTE format('SELECT array_agg(distance ORDER BY n), array_agg(id ORDER BY n)
		FROM (SELECT *, row_number() OVER () AS n FROM (%s) b) a', body) INTO distances, ids;
	plan := '';
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || body LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN NEXT;
END $$;
CREATE FUNCTION pg_temp.differs(source text, col text, op text, target text, k int DEFAULT 20, condition text DEFAULT 'true')
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	exact record;
	found record;
BEGIN
	PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true),
		set_config('enable_sort', 'on', true);
	SELECT * INTO exact FROM pg_temp.answers(source, col, op, target, k, condition);
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true),
		set_config('enable_sort', 'off', true);
	SELECT * INTO found FROM pg_temp.answers(source, col, op, target, k, condition);
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
	IF exact.plan NOT LIKE '%Sort%' THEN
		RETURN 'not exact: ' || exact.plan;
	ELSIF found.plan NOT LIKE '%Index Scan%' THEN
		RETURN 'no index: ' || found.plan;
	ELSIF found.distances IS DISTINCT FROM exact.distances THEN
		RETURN (SELECT format('%s rows of %s; first at %s: %s, not %s', cardinality(found.distances),
			cardinality(exact.distances), n, f, e)
			FROM unnest(found.distances, exact.distances) WITH ORDINALITY u (f, e, n)
			WHERE f IS DISTINCT FROM e ORDER BY n LIMIT 1);
	ELSIF (SELECT count(DISTINCT i) FROM unnest(found.ids) i) <> coalesce(cardinality(found.ids), 0) THEN
		RETURN 'rows come twice: ' || found.ids::text;
	END IF;
	RETURN NULL;
END $$;

-- What is wrong with the answer of an index that may miss rows: nothing, where they
-- come in order, each once, and few are missing.
CREATE FUNCTION pg_temp.disorder(col text, op text, target text, k int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found record;
BEGIN
	PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
	SELECT * INTO found FROM pg_temp.answers('items', col, op, target, k, col || ' IS NOT NULL');
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
	RETURN CASE WHEN found.plan NOT LIKE '%Index Scan%' THEN 'no index'
		WHEN found.distances <> (SELECT array_agg(d ORDER BY d) FROM unnest(found.distances) d) THEN 'disorder'
		WHEN (SELECT count(DISTINCT i) FROM unnest(found.ids) i) <> cardinality(found.ids) THEN 'twice'
		WHEN cardinality(found.ids) < least(k, 2994) * 0.9 THEN cardinality(found.ids) || ' rows of ' || k END;
END $$;

-- Statements at their error, with everything it says.
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN replace(concat_ws(' ', SQLSTATE, SQLERRM, nullif('DETAIL: ' || detail, 'DETAIL: '), nullif('HINT: ' || hint, 'HINT: ')),
		'items'::regclass::oid::text, 'OID');
END $$;

-- Vectors of unit length in float4, which float2 cannot hold; each tenth row is
-- a copy of another one, some are NULL.
CREATE TABLE items (id int, color int, v vector(12), h halfvec(12));
INSERT INTO items SELECT id, id % 7, v, v FROM (SELECT g AS id, CASE WHEN g % 500 <> 0 THEN
	(SELECT l2_normalize(array_agg(sin(i * (g - CASE WHEN g % 10 = 3 THEN 60 ELSE 0 END) * 0.37 + i * i))::vector)
		FROM generate_series(1, 12) i) END AS v FROM generate_series(1, 3000) g) t;
ANALYZE items;
CREATE TABLE operators (op text, class text);
INSERT INTO operators VALUES ('<->', 'l2'), ('<#>', 'ip'), ('<=>', 'cosine');
CREATE TABLE queries (q int, target vector(12));
INSERT INTO queries SELECT q, (SELECT array_agg(cos(i * q)) FROM generate_series(1, 12) i)
	FROM generate_series(1, 5) q;
INSERT INTO queries SELECT 5 + id / 600, v FROM items WHERE id IN (601, 1203);
INSERT INTO queries VALUES (8, (SELECT array_agg(1000) FROM generate_series(1, 12))),
	(9, (SELECT array_agg(1e-6) FROM generate_series(1, 12)));

