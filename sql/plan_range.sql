-- Rows within a distance, and orders that grow or shrink with one, by vector indexes.
\pset format unaligned
\pset footer off
\pset null NULL
CREATE FUNCTION pg_temp.plan(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	-- newer servers say more of nodes that are off
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		CONTINUE WHEN line ~ 'Disabled: true';
		RETURN NEXT regexp_replace(line, '''\[[^]]*\]''::(vector|halfvec)(\(\d+\))?', 'Q', 'g');
	END LOOP;
END $$;
-- how often a statement's searches ended since all that is left is farther
CREATE FUNCTION pg_temp.ended(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
		CONTINUE WHEN line !~ 'Ended|never executed';
		RETURN regexp_replace(line, '^ *|^.*(?=\(never)', '');
	END LOOP;
	RETURN 'not ended';
END $$;
-- whether few rows were asked that did not pass
CREATE FUNCTION pg_temp.asked(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
		CONTINUE WHEN line !~ 'Rows Removed';
		RETURN CASE WHEN substring(line FROM '\d+')::int < 100 THEN 'few' ELSE 'many' END;
	END LOOP;
	RETURN 'few';
END $$;
-- how many rows a condition has by the node, and whether they are those without it
CREATE FUNCTION pg_temp.found(condition text, OUT n bigint, OUT same text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	node bool = false;
	found int[];
	exact int[];
BEGIN
	FOR line IN EXECUTE 'EXPLAIN SELECT id FROM grid WHERE ' || condition LOOP
		node = node OR line ~ 'VectorFilteredScan';
	END LOOP;
	EXECUTE 'SELECT array_agg(id ORDER BY id) FROM grid WHERE ' || condition INTO found;
	SET LOCAL vector_ext.enable_filtered_scan = off;
	EXECUTE 'SELECT array_agg(id ORDER BY id) FROM grid WHERE ' || condition INTO exact;
	RESET vector_ext.enable_filtered_scan;
	n = coalesce(cardinality(found), 0);
	same = CASE WHEN NOT node THEN 'no node' WHEN found IS NOT DISTINCT FROM exact THEN 'same' ELSE 'differ' END;
END $$;

-- whole numbers: distances are exact, lattice points can be counted
CREATE TABLE grid (id int, tag int, v vector(2), f vector(2) NOT NULL, r float8, small real);
INSERT INTO grid SELECT x * 100 + y, (x + y) % 5, ARRAY[x, y]::vector, ARRAY[x + 1, y + 1]::vector, x, y
	FROM generate_series(0, 49) x, generate_series(0, 49) y;
INSERT INTO grid SELECT -i, 1, NULL, '[1,1]', 0, 0 FROM generate_series(1, 100) i;

-- shapes of plans
CREATE INDEX grid_v ON grid USING hnsw (v vector_l2_ops);
CREATE INDEX grid_f ON grid USING ivfpq (f vector_cosine_ops);
VACUUM ANALYZE grid;
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE 5 >= ''[30,30]'' <-> v ORDER BY id');
SET enable_seqscan = off; -- rows are few
SELECT pg_temp.plan('SELECT count(*) FROM grid WHERE l2_distance(v, ''[30,30]'') < 5 AND tag <> 2');
RESET enable_seqscan;
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5 ORDER BY v <-> ''[30,30]'' LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5 ORDER BY v <-> ''[30,30]''');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5 ORDER BY v <-> ''[31,30]'' LIMIT 10');
SELECT pg_temp.plan('DELETE FROM grid WHERE v <-> ''[30,30]'' < 5');
-- what no index can: farther than, another operator, not linear, no number, of the row
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' > 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <=> ''[30,30]'' < 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE -(v <-> ''[30,30]'') < 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE 1 / (v <-> ''[30,30]'') > 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE (v <-> ''[30,30]'') * 0 < 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE (v <-> ''[30,30]'') + ''NaN'' < 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < r');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> f < 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5 * random()');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5 OR tag = 7');
SET vector_ext.enable_filtered_scan = off;
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 1 - (f <=> ''[30,30]'') DESC LIMIT 10');
RESET vector_ext.enable_filtered_scan;
-- budgets as pgvector has them: the scan may not go on
SET hnsw.iterative_scan = off;
SELECT pg_temp.plan('SELECT id FROM grid WHERE v <-> ''[30,30]'' < 5');
RESET hnsw.iterative_scan;

-- orders that are a distance's
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 1 - (f <=> ''[30,31]'') DESC LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid WHERE tag = 3 ORDER BY -(f <=> ''[30,31]'') DESC LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 2 + (f <=> ''[30,31]'') / 3 LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY cosine_distance(''[30,31]'', f) LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY (f <=> ''[30,31]'') * -1 DESC NULLS LAST LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 1 - (v <-> ''[30,31]'') DESC NULLS LAST LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v IS NOT NULL ORDER BY 1 - (v <-> ''[30,31]'') DESC LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid WHERE 1 - (v <-> ''[30,31]'') > -5 ORDER BY 1 - (v <-> ''[30,31]'') DESC LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY v <-> ''[30,31]'' NULLS FIRST LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v IS NOT NULL ORDER BY v <-> ''[30,31]'' NULLS FIRST LIMIT 10');
-- NULLs come first; the other direction; farther ones; two keys
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 1 - (v <-> ''[30,31]'') DESC LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 1 - (f <=> ''[30,31]'') LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY abs(f <=> ''[30,31]'') LIMIT 10');
SELECT pg_temp.plan('SELECT id FROM grid ORDER BY 1 - (f <=> ''[30,31]'') DESC, id LIMIT 10');
-- the rows are those of a sort
SELECT id, 1 - (v <-> '[30.3,31.1]') AS nearness FROM grid ORDER BY nearness DESC NULLS LAST LIMIT 4;
SELECT id FROM grid WHERE tag = 3 AND v IS NOT NULL ORDER BY -(v <-> '[30.3,31.1]') DESC LIMIT 4;
SELECT id FROM grid WHERE v IS NOT NULL ORDER BY (v <-> '[30.3,31.1]') * 2 - 7 LIMIT 4;
SELECT count(*) FROM (SELECT v FROM grid ORDER BY 1 - (v <-> '[30,31]') DESC LIMIT 101) s WHERE v IS NULL;
-- on the bound, beyond it, no number, nothing: 69 lattice points are nearer than 5, 81 not farther
DO $$
DECLARE
	method text;
	line record;
	condition text;
BEGIN
	FOREACH method IN ARRAY ARRAY['hnsw', 'ivfflat', 'ivfpq'] LOOP
		DROP INDEX grid_v, grid_f;
		EXECUTE format('CREATE INDEX grid_v ON grid USING %s (v vector_l2_ops)', method);
		EXECUTE format('CREATE INDEX grid_f ON grid USING %s (f vector_ip_ops)', method);
		SET LOCAL enable_seqscan = off;
		FOREACH condition IN ARRAY ARRAY[
			'v <-> ''[30,30]'' < 5',
			'v <-> ''[30,30]'' <= 5',
			'5 > v <-> ''[30,30]''',
			'5 >= ''[30,30]'' <-> v',
			'v <-> ''[30,30]'' = 5',
			'v <-> ''[30,30]'' BETWEEN 1 AND 5',
			'v <-> ''[30,30]'' < 5 AND v <-> ''[30,30]'' <= 1',
			'v <-> ''[30,30]'' < 5::real',
			'1 - (v <-> ''[30,30]'') > -4',
			'1 - (v <-> ''[30,30]'') >= -4',
			'-4 <= 1 - (v <-> ''[30,30]'')',
			'-(v <-> ''[30,30]'') >= -5',
			'(v <-> ''[30,30]'') * -1 > -5',
			'(v <-> ''[30,30]'') / 3 <= 5.0 / 3',
			'3 * (1 - (v <-> ''[30,30]'') / 10) >= 1.5',
			'(v <-> ''[30,30]'') + 1e17 <= 1e17',
			'(v <-> ''[30,30]'') - 1 <= 4',
			'v <-> ''[30,30]'' < 0',
			'v <-> ''[30,30]'' <= 0',
			'v <-> ''[30,30]'' < -1',
			'v <-> ''[30,30]'' < ''-infinity''',
			'v <-> ''[30,30]'' < ''infinity''',
			'v <-> ''[30,30]'' < ''NaN''',
			'1 - (v <-> ''[30,30]'') > ''NaN''',
			'v <-> ''[30,30]'' < (SELECT NULL::float8)',
			'v <-> (SELECT NULL::vector) < 5',
			'v <-> ''[30,30]'' < (SELECT 5)',
			'v <-> ''[30,30]'' <= 5 AND tag = 0',
			'v <-> ''[3000,30]'' < 5',
			'f <#> ''[1,1]'' < -90',
			'(f <#> ''[1,1]'') * -1 >= 90',
			'1 + (f <#> ''[1,1]'') < -89',
			'-(f <#> ''[1,1]'') > 100',
			'f <#> ''[-1,-1]'' <= 10'] LOOP
			SELECT * INTO line FROM pg_temp.found(condition);
			RAISE NOTICE '% %: % %', method, condition, line.n, line.same;
		END LOOP;
		RESET enable_seqscan;
	END LOOP;
END $$;
-- found with all hits looked at by distance: the search ends where the radius does
SELECT pg_temp.ended('SELECT id FROM grid WHERE v <-> ''[30,30]'' <= 5');
SELECT pg_temp.ended('SELECT id FROM grid WHERE v <-> ''[30,30]'' <= 5 ORDER BY v <-> ''[30,30]'' LIMIT 82');
SELECT pg_temp.ended('SELECT id FROM grid WHERE v <-> ''[30,30]'' <= 5 ORDER BY v <-> ''[30,30]'' LIMIT 9');
SELECT pg_temp.ended('SELECT id FROM grid WHERE v <-> ''[30,30]'' <= 5 AND tag = 0 ORDER BY v <-> ''[30,30]'' LIMIT 82');
SELECT pg_temp.ended('SELECT id FROM grid WHERE v <-> ''[30,30]'' < (SELECT NULL::float8)');
SELECT count(*), max(d) FROM (SELECT v <-> '[30,30]' AS d FROM grid WHERE v <-> '[30,30]' <= 5 ORDER BY v <-> '[30,30]' LIMIT 100) s;
SELECT array_agg(id) FROM (SELECT id FROM grid WHERE 1 - (v <-> '[30,30]') >= 0 ORDER BY 1 - (v <-> '[30,30]') DESC, id LIMIT 100) s;

-- not known before it runs: parameters, values that only are the same, outer rows
SET plan_cache_mode = force_generic_plan;
PREPARE within (vector, float8) AS SELECT count(*) FROM grid WHERE v <-> $1 < $2;
SELECT pg_temp.plan('EXECUTE within (''[30,30]'', 5)');
EXECUTE within ('[30,30]', 5);
EXECUTE within ('[30,30]', 1.1);
EXECUTE within ('[30,30]', NULL);
EXECUTE within (NULL, 5);
EXECUTE within ('[30,30]', 'infinity');
PREPARE twice (vector, vector, float8, int) AS SELECT count(*) FROM (SELECT id FROM grid WHERE v <-> $2 <= $3 ORDER BY v <-> $1 LIMIT $4) s;
SELECT pg_temp.plan('EXECUTE twice (''[30,30]'', ''[30,30]'', 5, 100)');
SELECT pg_temp.asked('EXECUTE twice (''[30,30]'', ''[30,30]'', 5, 100)');
SELECT pg_temp.asked('EXECUTE twice (''[31,30]'', ''[30,30]'', 5, 100)');
EXECUTE twice ('[30,30]', '[30,30]', 5, 100);
EXECUTE twice ('[31,30]', '[30,30]', 5, 100);
EXECUTE twice ('[60,60]', '[30,30]', 5, 100);
EXECUTE twice ('[30,30]', NULL, 5, 100);
EXECUTE twice (NULL, '[30,30]', 5, 100);
DEALLOCATE ALL;
RESET plan_cache_mode;
SELECT pg_temp.plan('SELECT q.id, n.id FROM (SELECT * FROM grid WHERE id IN (3030, 4001)) q, LATERAL (SELECT id FROM grid WHERE v <-> q.v <= q.tag + 1 ORDER BY v <-> q.v LIMIT 50) n');
SELECT q.id, q.tag, count(*) FROM (SELECT * FROM grid WHERE id IN (3030, 4001, 4002, 4004)) q,
	LATERAL (SELECT id FROM grid WHERE v <-> q.v <= q.tag + 1 ORDER BY v <-> q.v LIMIT 50) n
	GROUP BY q.id, q.tag ORDER BY q.id;
SELECT x, (SELECT count(*) FROM grid WHERE v <-> '[30,30]' < x) FROM (VALUES (1.1), (5), (NULL), (2)) r (x);
WITH q AS MATERIALIZED (SELECT '[30,30]'::vector AS v, 5 AS r)
	SELECT count(*) FROM grid WHERE v <-> (SELECT v FROM q) <= (SELECT r FROM q);

-- joins: for each row of the other table
CREATE TABLE centres AS SELECT id, v, (id % 7)::float8 AS r FROM grid WHERE id IN (3030, 1010, 2013, 4001);
INSERT INTO centres VALUES (0, NULL, 1), (1, '[3,3]', NULL);
ANALYZE centres;
SELECT pg_temp.plan('SELECT c.id, g.id FROM centres c JOIN grid g ON g.v <-> c.v <= c.r');
SELECT c.id, c.r, count(*) FROM centres c JOIN grid g ON g.v <-> c.v <= c.r GROUP BY 1, 2 ORDER BY 1;
SELECT c.id, c.r, count(g.id) FROM centres c LEFT JOIN grid g ON 1 - (g.v <-> c.v) >= -c.r GROUP BY 1, 2 ORDER BY 1;
SELECT count(*), sum(x) FROM centres c LEFT JOIN LATERAL (SELECT coalesce(c.id + g.id, 3) AS x FROM grid g WHERE g.v <-> '[3,3]' <= 2) s ON true;
CREATE INDEX grid_tag ON grid (tag);
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_material = off;
SELECT pg_temp.plan('SELECT c.id, g.id FROM centres c JOIN grid g ON g.v <-> c.v <= c.r WHERE g.tag = 3');
SELECT c.id, c.r, count(*) FROM centres c JOIN grid g ON g.v <-> c.v <= c.r WHERE g.tag = 3 GROUP BY 1, 2 ORDER BY 1;
RESET enable_hashjoin;
RESET enable_material;
RESET enable_seqscan;
DROP INDEX grid_tag;
DROP TABLE centres;
SELECT pg_temp.plan('SELECT a.id, b.id FROM grid a JOIN grid b ON a.v <-> b.v <= 1 AND a.id < b.id');
SELECT count(*) FROM grid a JOIN grid b ON a.v <-> b.v <= 1 AND a.id < b.id; -- 2 * 49 * 50

-- the scan starts again, stops under way, and changes what it finds
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM grid WHERE v <-> '[30.1,30.2]' <= 1.1 ORDER BY v <-> '[30.1,30.2]';
FETCH 1 FROM c;
FETCH ALL FROM c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
UPDATE grid SET tag = 100 WHERE v <-> '[30,30]' < 5;
SELECT count(*) FROM grid WHERE tag = 100;
DELETE FROM grid WHERE v <-> '[30,30]' <= 5;
SELECT count(*) FROM grid WHERE v <-> '[30,30]' <= 6;
SELECT count(*) FROM (SELECT FROM grid WHERE v <-> '[30,30]' <= 6 FOR UPDATE) s;
ROLLBACK;

-- of rows that other indexes have too, of some rows, of what is made of the column
CREATE INDEX grid_tag ON grid (tag);
SET enable_seqscan = off;
SELECT pg_temp.found('v <-> ''[30,30]'' <= 5 AND tag = 0');
SELECT pg_temp.found('v <-> ''[30,30]'' <= 5 AND tag = 9');
DROP INDEX grid_tag, grid_v;
CREATE INDEX grid_v ON grid USING hnsw (v vector_l2_ops) WHERE tag < 3;
SELECT pg_temp.found('v <-> ''[30,30]'' <= 5');
SELECT pg_temp.found('v <-> ''[30,30]'' <= 5 AND tag < 3');
SELECT pg_temp.found('v <-> ''[30,30]'' <= 1000 AND tag < 3');
SELECT pg_temp.found('v <-> ''[30,30]'' <= 5 AND tag = 2');
DROP INDEX grid_v;
CREATE INDEX grid_v ON grid USING hnsw ((v::halfvec(2)) halfvec_l2_ops);
SELECT pg_temp.found('v::halfvec(2) <-> ''[30,30]'' <= 5');
SELECT pg_temp.plan('SELECT id FROM grid WHERE v::halfvec(2) IS NOT NULL ORDER BY -(v::halfvec(2) <-> ''[30,30]'') DESC LIMIT 3');
RESET enable_seqscan;
DROP TABLE grid;

-- partitions: each has its search
CREATE TABLE parts (id int, v vector(2) NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (3500);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (3500) TO (10000);
INSERT INTO parts SELECT x * 100 + y, ARRAY[x, y]::vector FROM generate_series(0, 69) x, generate_series(0, 69) y;
CREATE INDEX ON parts USING ivfflat (v);
VACUUM ANALYZE parts;
SET max_parallel_workers_per_gather = 0;
SET enable_seqscan = off; -- rows are few
SELECT pg_temp.plan('SELECT id FROM parts WHERE v <-> ''[34,30]'' <= 5');
RESET enable_seqscan;
SELECT pg_temp.plan('SELECT id FROM parts WHERE v <-> ''[34,30]'' <= 5 ORDER BY v <-> ''[34,30]'' LIMIT 100');
SELECT pg_temp.plan('SELECT id FROM parts ORDER BY 1 - (v <-> ''[34,30]'') DESC LIMIT 5');
SELECT count(*) FROM parts WHERE v <-> '[34,30]' <= 5;
SELECT count(*) FROM (SELECT FROM parts WHERE v <-> '[34,30]' <= 5 ORDER BY v <-> '[34,30]' LIMIT 100) s;
SELECT id FROM parts ORDER BY 1 - (v <-> '[34.3,30.1]') DESC LIMIT 3;
DROP TABLE parts;

-- 1, 10, 100, 1000 rows, for every operator that an index orders by
CREATE TABLE items (id int, v vector(8), h halfvec(8), s sparsevec(8), b bit(256));
SELECT setseed(0.5);
INSERT INTO items SELECT i, v, v::halfvec, v::sparsevec, b::bit(256) FROM (
	SELECT i, array_agg(floor(random() * 2000) / 1000 - 0.8)::vector(8) AS v,
		string_agg(floor(random() * 4294967296)::bigint::bit(32)::text, '') AS b
	FROM generate_series(1, 2000) i, generate_series(1, 8) GROUP BY i) s;
ANALYZE items;
CREATE FUNCTION pg_temp.recall(method text, class text, col text, op text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wanted int;
	query text;
	radius float8;
	condition text;
	truth int[];
	found int[];
	hits float8;
	total float8;
	node bool = true;
	line text;
	result text = '';
BEGIN
	EXECUTE format('CREATE INDEX items_x ON items USING %s (%s %s)', method, col, class);
	FOREACH wanted IN ARRAY ARRAY[1, 10, 100, 1000] LOOP
		hits = 0;
		total = 0;
		FOR query_id IN 1..5 LOOP
			EXECUTE format('SELECT %s FROM items WHERE id = $1', col) INTO query USING query_id;
			query = format(CASE WHEN col = 'b' THEN '%L::bit(256)' ELSE '%L' END, query);
			SET LOCAL enable_indexscan = off;
			EXECUTE format('SELECT %1$s %2$s %3$s FROM items ORDER BY 1 LIMIT 1 OFFSET %4$s - 1', col, op, query, wanted) INTO radius;
			condition = format('%1$s %2$s %3$s <= %4$L', col, op, query, radius);
			EXECUTE 'SELECT array_agg(id) FROM items WHERE ' || condition INTO truth;
			RESET enable_indexscan;
			SET LOCAL enable_seqscan = off;
			EXECUTE 'SELECT array_agg(id) FROM items WHERE ' || condition INTO found;
			FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT id FROM items WHERE ' || condition LOOP
				node = node AND line ~ 'VectorFilteredScan';
				EXIT;
			END LOOP;
			RESET enable_seqscan;
			IF NOT truth @> coalesce(found, '{}') OR cardinality(found) <> (SELECT count(DISTINCT x) FROM unnest(found) x) THEN
				RETURN 'rows that are none';
			END IF;
			total = total + cardinality(truth);
			hits = hits + coalesce(cardinality(found), 0);
		END LOOP;
		result = result || CASE WHEN hits / total >= 0.95 THEN ' ok' ELSE format(' %s', hits / total) END;
	END LOOP;
	DROP INDEX items_x;
	RETURN format('%s, %s %s%s', method, class, op, CASE WHEN node THEN result ELSE ' no node' END);
END $$;
SELECT pg_temp.recall(method, class, col, op) FROM
	unnest(ARRAY['hnsw', 'ivfflat', 'ivfpq']) method,
	(VALUES ('vector_l2_ops', 'v', '<->'), ('vector_ip_ops', 'v', '<#>'), ('vector_cosine_ops', 'v', '<=>'), ('vector_l1_ops', 'v', '<+>'),
		('halfvec_l2_ops', 'h', '<->'), ('halfvec_ip_ops', 'h', '<#>'), ('halfvec_cosine_ops', 'h', '<=>'), ('halfvec_l1_ops', 'h', '<+>'),
		('sparsevec_l2_ops', 's', '<->'), ('sparsevec_ip_ops', 's', '<#>'), ('sparsevec_cosine_ops', 's', '<=>'), ('sparsevec_l1_ops', 's', '<+>'),
		('bit_hamming_ops', 'b', '<~>'), ('bit_jaccard_ops', 'b', '<%>')) c (class, col, op)
	WHERE EXISTS (SELECT FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod WHERE amname = method AND opcname = class)
	ORDER BY method, class;
DROP TABLE items;

-- as Spring AI and LlamaIndex ask
CREATE TABLE vector_store (id int, content text, metadata json, embedding vector(3));
INSERT INTO vector_store SELECT i, 'c' || i, json_build_object('year', 2000 + i % 10, 'lang', CASE i % 4 WHEN 0 THEN 'de' ELSE 'en' END),
	ARRAY[sin(i), cos(i), sin(i * 0.37) * 0.5]::vector FROM generate_series(1, 3000) i;
CREATE INDEX vector_store_e ON vector_store USING hnsw (embedding vector_cosine_ops);
CREATE INDEX vector_store_ip ON vector_store USING hnsw (embedding vector_ip_ops);
VACUUM ANALYZE vector_store;
PREPARE spring (vector, vector, float8, int) AS
	SELECT *, embedding <=> $1 AS distance FROM vector_store
	WHERE embedding <=> $2 < $3 AND metadata::jsonb @@ '$.year == 2003'::jsonpath ORDER BY distance LIMIT $4;
PREPARE spring_ip (vector, vector, float8, int) AS
	SELECT *, (1 + (embedding <#> $1)) AS distance FROM vector_store
	WHERE (1 + (embedding <#> $2)) < $3 AND metadata::jsonb @@ '$.lang == "de"'::jsonpath ORDER BY distance LIMIT $4;
CREATE TABLE data_llama AS SELECT id, content AS text, metadata AS metadata_, 'n' || id AS node_id, embedding FROM vector_store;
CREATE INDEX data_llama_e ON data_llama USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
VACUUM ANALYZE data_llama;
PREPARE llama (vector, text, int) AS
	SELECT id, node_id, text, metadata_, embedding <=> $1 AS distance FROM data_llama
	WHERE metadata_->>'lang' = $2 ORDER BY distance ASC LIMIT $3;
SET enable_seqscan = off; -- rows are few
SET plan_cache_mode = force_custom_plan;
SELECT pg_temp.plan('EXECUTE spring (''[1,1,1]'', ''[1,1,1]'', 0.02, 10)');
SELECT pg_temp.plan('EXECUTE spring_ip (''[1,1,1]'', ''[1,1,1]'', -0.8, 10)');
SELECT pg_temp.plan('EXECUTE llama (''[1,1,1]'', ''de'', 10)');
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.plan('EXECUTE spring (''[1,1,1]'', ''[1,1,1]'', 0.02, 10)');
SELECT pg_temp.plan('EXECUTE spring_ip (''[1,1,1]'', ''[1,1,1]'', -0.8, 10)');
SELECT pg_temp.plan('EXECUTE llama (''[1,1,1]'', ''de'', 10)');
CREATE FUNCTION pg_temp.rows_of(statement text) RETURNS TABLE (id int, distance float8) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN EXECUTE statement LOOP
		id = r.id;
		distance = r.distance;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE TEMP TABLE asked (statement text);
INSERT INTO asked VALUES ('EXECUTE spring (''[1,1,1]'', ''[1,1,1]'', 0.02, 100)'), ('EXECUTE spring (''[1,1,1]'', ''[1,1,1]'', 0.5, 10)'),
	('EXECUTE spring_ip (''[1,1,1]'', ''[1,1,1]'', -0.8, 100)'), ('EXECUTE llama (''[1,1,1]'', ''de'', 10)');
CREATE TEMP TABLE answers AS SELECT statement, (SELECT array_agg(id) FROM pg_temp.rows_of(statement)) AS ids FROM asked;
DEALLOCATE ALL;
RESET enable_seqscan;
SET enable_indexscan = off;
PREPARE spring (vector, vector, float8, int) AS
	SELECT *, embedding <=> $1 AS distance FROM vector_store
	WHERE embedding <=> $2 < $3 AND metadata::jsonb @@ '$.year == 2003'::jsonpath ORDER BY distance LIMIT $4;
PREPARE spring_ip (vector, vector, float8, int) AS
	SELECT *, (1 + (embedding <#> $1)) AS distance FROM vector_store
	WHERE (1 + (embedding <#> $2)) < $3 AND metadata::jsonb @@ '$.lang == "de"'::jsonpath ORDER BY distance LIMIT $4;
PREPARE llama (vector, text, int) AS
	SELECT id, node_id, text, metadata_, embedding <=> $1 AS distance FROM data_llama
	WHERE metadata_->>'lang' = $2 ORDER BY distance ASC LIMIT $3;
SELECT a.statement, cardinality(a.ids), a.ids = x.ids AS same FROM answers a,
	LATERAL (SELECT array_agg(id) AS ids FROM pg_temp.rows_of(a.statement)) x ORDER BY 1;
DEALLOCATE ALL;
RESET enable_indexscan;
RESET plan_cache_mode;
DROP TABLE vector_store, data_llama, asked, answers;
