-- A condition beside ORDER BY: in every shape of SQL and by every access method the
-- node for filters runs, and what it finds is right.
SET client_min_messages = warning;
\pset format unaligned
\pset footer off
\pset null NULL

-- The same tables for each access method, in a schema of its name; every index on
-- a vector is named by it, others by what they index.
CREATE TABLE methods (n int, method text);
INSERT INTO methods VALUES (1, 'hnsw'), (2, 'ivfpq'), (3, 'ivfflat');
CREATE FUNCTION pg_temp.rows(first int, last int) RETURNS TABLE (id int, color int, size int, label text, tags int[], tenant int, v vector(8))
	LANGUAGE sql AS $$
	SELECT g, g % 20, g * 7919 % 1000, 'label' || g % 100, ARRAY[g % 10, 10 + g % 7], g % 4,
		(SELECT array_agg(sin(sin(i * 12.9898 + g * 78.233) * 43758.5453)) FROM generate_series(1, 8) i)::vector
	FROM generate_series(first, last) g $$;
CREATE FUNCTION pg_temp.create_tables(method text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	EXECUTE format('CREATE SCHEMA %I', method);
	EXECUTE format('SET search_path = %I, public', method);
	CREATE TABLE items (id int PRIMARY KEY, color int, size int, label text, tags int[], tenant int, v vector(8));
	CREATE TABLE bare (LIKE items);
	CREATE TABLE halves (LIKE items);
	CREATE TABLE small (LIKE items);
	CREATE TABLE secured (LIKE items);
	CREATE TABLE parted (LIKE items) PARTITION BY LIST (tenant);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0, 1);
	-- columns in another order, and one that is gone
	CREATE TABLE parted_1 (v vector(8), gone int, tags int[], label text, tenant int, size int, id int NOT NULL, color int);
	ALTER TABLE parted_1 DROP gone;
	ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (2);
	CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
	CREATE TABLE parent (LIKE items);
	CREATE TABLE child () INHERITS (parent);
	CREATE TABLE holes (LIKE items);
	CREATE TABLE copies (LIKE items);
	FOREACH t IN ARRAY ARRAY['items', 'bare', 'halves', 'small', 'secured', 'parted', 'holes', 'copies'] LOOP
		EXECUTE format('INSERT INTO %I SELECT * FROM pg_temp.rows(1, 2000)', t);
	END LOOP;
	INSERT INTO parent SELECT * FROM pg_temp.rows(1, 700);
	INSERT INTO child SELECT * FROM pg_temp.rows(701, 2000);
	UPDATE holes SET v = NULL WHERE id % 4 = 0;
	UPDATE copies c SET v = i.v FROM items i WHERE i.id = c.id % 10 + 1;
	FOREACH t IN ARRAY ARRAY['items', 'bare', 'secured', 'parted', 'parent', 'child', 'holes', 'copies'] LOOP
		EXECUTE format('CREATE INDEX ON %I USING %I (v vector_l2_ops)', t, method);
	END LOOP;
	EXECUTE format('CREATE INDEX ON small USING %I (v vector_l2_ops) WHERE size < 500', method);
	EXECUTE format('CREATE INDEX ON halves USING %I ((v::halfvec(8)) halfvec_l2_ops)', method);
	FOREACH t IN ARRAY ARRAY['items', 'halves', 'small', 'parted', 'parent', 'child', 'holes', 'copies'] LOOP
		EXECUTE format('CREATE INDEX ON %I (color)', t);
		EXECUTE format('CREATE INDEX ON %I (size)', t);
		EXECUTE format('CREATE INDEX ON %I USING gin (tags)', t);
	END LOOP;
	CREATE INDEX ON secured (tenant);
	CREATE INDEX ON bare USING brin (id) WITH (pages_per_range = 1);
	-- of rows that do not hold it
	ALTER TABLE items ADD late int DEFAULT 5;
	CREATE FUNCTION near_color(target vector) RETURNS int STABLE LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT color FROM items WHERE size < 500 ORDER BY v <-> target LIMIT 1); END';
	CREATE VIEW seen AS SELECT id, color, size, v FROM items WHERE size < 800;
	CREATE VIEW barrier WITH (security_barrier) AS SELECT id, color, size, tenant, v FROM items WHERE tenant = 1;
	ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
	CREATE POLICY of_tenant ON secured USING (tenant = current_setting('app.tenant')::int);
	EXECUTE format('GRANT USAGE ON SCHEMA %I TO regress_filter', method);
	EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO regress_filter', method);
END $$;
CREATE ROLE regress_filter;
SELECT pg_temp.create_tables(method) FROM methods ORDER BY n;
RESET search_path;
VACUUM ANALYZE;
SET app.tenant = '1';

-- The shapes.  Q is a vector; each returns (id, distance) in order.  The settings and
-- a PREPARE come before it.  reason: why the node cannot run.
CREATE TABLE shapes (n int GENERATED ALWAYS AS IDENTITY, shape text, statement text, prepare text, settings text[], reason text, ordered bool NOT NULL DEFAULT true);
INSERT INTO shapes (shape, statement) VALUES
('condition, indexed', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('condition, no index', 'SELECT id, v <-> Q FROM bare WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('range', 'SELECT id, v <-> Q FROM items WHERE size BETWEEN 100 AND 150 ORDER BY v <-> Q LIMIT 10'),
('two indexes', 'SELECT id, v <-> Q FROM items WHERE color = 3 AND size < 500 ORDER BY v <-> Q LIMIT 10'),
('BRIN', 'SELECT id, v <-> Q FROM bare WHERE id BETWEEN 300 AND 399 ORDER BY v <-> Q LIMIT 10'),
('volatile function', 'SELECT id, v <-> Q FROM items WHERE color = 3 AND random() < 2 ORDER BY v <-> Q LIMIT 10'),
('NULL vectors', 'SELECT id, v <-> Q FROM holes WHERE color IN (3, 4) AND v IS NOT NULL ORDER BY v <-> Q LIMIT 200'),
('equal vectors', 'SELECT id, v <-> Q FROM copies WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('equal vectors, all of them', 'SELECT id, v <-> Q FROM copies WHERE size < 20 ORDER BY v <-> Q LIMIT 100'),
('OR', 'SELECT id, v <-> Q FROM items WHERE color = 3 OR size < 50 ORDER BY v <-> Q LIMIT 10'),
('IN', 'SELECT id, v <-> Q FROM items WHERE color IN (3, 5, 7) ORDER BY v <-> Q LIMIT 10'),
('array', 'SELECT id, v <-> Q FROM items WHERE tags @> ARRAY[3, 12] ORDER BY v <-> Q LIMIT 10'),
('indexed and not', 'SELECT id, v <-> Q FROM items WHERE color = 3 AND label LIKE ''label%3'' ORDER BY v <-> Q LIMIT 10'),
('LIKE', 'SELECT id, v <-> Q FROM items WHERE label LIKE ''%3'' ORDER BY v <-> Q LIMIT 10'),
('most rows', 'SELECT id, v <-> Q FROM items WHERE color <> 3 ORDER BY v <-> Q LIMIT 10'),
('no row', 'SELECT id, v <-> Q FROM items WHERE color = 99 ORDER BY v <-> Q LIMIT 10'),
('fewer rows than LIMIT', 'SELECT id, v <-> Q FROM items WHERE size = 77 AND color < 15 ORDER BY v <-> Q LIMIT 10'),
('only true for all', 'SELECT id, v <-> Q FROM items WHERE v IS NOT NULL AND color >= 0 ORDER BY v <-> Q LIMIT 10'),
('two keys', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q, id LIMIT 10'),
('three keys', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q, size DESC, id LIMIT 10 OFFSET 5'),
('LIMIT 1000', 'SELECT id, v <-> Q FROM items WHERE size < 700 ORDER BY v <-> Q LIMIT 1000'),
('LIMIT 0', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 0'),
('LIMIT NULL', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT NULL OFFSET 50'),
('LIMIT and OFFSET that overflow', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 9223372036854775807 OFFSET 9'),
('column of later', 'SELECT id, v <-> Q FROM items WHERE color = 3 AND late = 5 ORDER BY v <-> Q LIMIT 10'),
('function that searches', 'SELECT id, v <-> Q FROM items WHERE color < 10 AND near_color(v) < 10 ORDER BY v <-> Q LIMIT 10'),
('no LIMIT', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q'),
('OFFSET', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10 OFFSET 20'),
('OFFSET beyond', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10 OFFSET 200'),
('FETCH FIRST', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q FETCH FIRST 10 ROWS ONLY'),
('WITH TIES', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q FETCH FIRST 10 ROWS WITH TIES'),
('LIMIT by subquery', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT (SELECT 10)'),
('subquery in WHERE', 'SELECT id, v <-> Q FROM items WHERE color = (SELECT 3) ORDER BY v <-> Q LIMIT 10'),
('array of a subquery in WHERE', 'SELECT id, v <-> Q FROM items WHERE color = ANY (ARRAY(SELECT n FROM methods)) ORDER BY v <-> Q LIMIT 10'),
('IN of a subquery, hashed', 'SELECT id, v <-> Q FROM items WHERE (color IN (SELECT n FROM methods)) IS TRUE ORDER BY v <-> Q LIMIT 10'),
('correlated EXISTS, not pulled up', 'SELECT id, v <-> Q FROM items WHERE (EXISTS (SELECT FROM methods WHERE n = color)) IS TRUE ORDER BY v <-> Q LIMIT 10'),
('subquery as vector', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> (SELECT Q) LIMIT 10'),
('vector of another row', 'SELECT id, v <-> (SELECT v FROM bare WHERE id = 7) FROM items WHERE color = 3 ORDER BY v <-> (SELECT v FROM bare WHERE id = 7) LIMIT 10'),
('CTE', 'WITH c AS (SELECT id, v <-> Q AS d FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10) SELECT * FROM c'),
('CTE, materialized', 'WITH c AS MATERIALIZED (SELECT id, v <-> Q AS d FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10) SELECT * FROM c'),
('CTE as vector', 'WITH c AS MATERIALIZED (SELECT Q::vector(8) AS q) SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> (SELECT q FROM c) LIMIT 10'),
('subquery', 'SELECT * FROM (SELECT id, v <-> Q AS d FROM items WHERE color = 3 ORDER BY d LIMIT 10) s WHERE id > 0'),
('alias in ORDER BY', 'SELECT id, v <-> Q AS d FROM items WHERE color = 3 ORDER BY d LIMIT 10'),
('LATERAL, constant condition', 'SELECT f.id, b.id + f.d / 100 FROM (SELECT * FROM bare WHERE id <= 3) b, LATERAL (SELECT id, v <-> b.v AS d FROM items WHERE color = 3 ORDER BY v <-> b.v LIMIT 5) f'),
('LATERAL, condition of the outer row', 'SELECT f.id, b.id + f.d / 100 FROM (SELECT * FROM bare WHERE id <= 3) b, LATERAL (SELECT id, v <-> b.v AS d FROM items WHERE color = b.color ORDER BY v <-> b.v LIMIT 5) f'),
('LATERAL, not indexed', 'SELECT f.id, b.id + f.d / 100 FROM (SELECT * FROM items WHERE id <= 3) b, LATERAL (SELECT id, v <-> b.v AS d FROM bare WHERE color = b.color ORDER BY v <-> b.v LIMIT 5) f'),
('LATERAL, LIMIT of the outer row', 'SELECT f.id, b.id + f.d / 100 FROM (SELECT * FROM bare WHERE id <= 5) b, LATERAL (SELECT id, v <-> b.v AS d FROM items WHERE color = b.color ORDER BY v <-> b.v LIMIT b.id - 1) f'),
('LATERAL, left join', 'SELECT coalesce(f.id, -b.id), b.id + coalesce(f.d, 0) / 100 FROM (SELECT * FROM bare WHERE id <= 3) b LEFT JOIN LATERAL (SELECT id, v <-> b.v AS d FROM items WHERE color = b.color + 18 ORDER BY v <-> b.v LIMIT 5) f ON true'),
('scalar subquery for each row', 'SELECT b.id, (SELECT b.id + (v <-> b.v) / 100 FROM items WHERE color = b.color + 1 ORDER BY v <-> b.v LIMIT 1) FROM bare b WHERE b.id <= 3'),
('recursive CTE', 'WITH RECURSIVE r AS (SELECT 1 AS step, id, v FROM bare WHERE id = 3 UNION ALL SELECT step + 1, f.id, f.v FROM r, LATERAL (SELECT id, v FROM items WHERE color = step + 3 ORDER BY v <-> r.v LIMIT 1) f WHERE step < 6) SELECT id, step FROM r'),
('ARRAY of a subquery', 'SELECT unnest(ARRAY(SELECT id FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10)), 0'),
('FOR UPDATE', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10 FOR UPDATE'),
('FOR SHARE SKIP LOCKED', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10 FOR SHARE SKIP LOCKED'),
('join above', 'SELECT i.id, i.v <-> Q FROM items i JOIN methods m ON m.n = i.color WHERE i.size < 500 ORDER BY i.v <-> Q LIMIT 10'),
('system columns', 'SELECT id + 0 * (ctid <> ''(0,0)'')::int + 0 * tableoid::int, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('whole row', 'SELECT (i).id, (i).v <-> Q FROM (SELECT i FROM items i WHERE color = 3 ORDER BY v <-> Q LIMIT 10) s'),
('partial index', 'SELECT id, v <-> Q FROM small WHERE size < 500 AND color = 3 ORDER BY v <-> Q LIMIT 10'),
('partial index, not indexed', 'SELECT id, v <-> Q FROM small WHERE size < 500 AND label LIKE ''%3'' ORDER BY v <-> Q LIMIT 10'),
('expression index', 'SELECT id, v::halfvec(8) <-> Q::halfvec(8) FROM halves WHERE color = 3 ORDER BY v::halfvec(8) <-> Q::halfvec(8) LIMIT 10'),
('view', 'SELECT id, v <-> Q FROM seen WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('partitions', 'SELECT id, v <-> Q FROM parted WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('one partition', 'SELECT id, v <-> Q FROM parted WHERE tenant = 2 AND size < 500 ORDER BY v <-> Q LIMIT 10'),
('partitions, pruned when it runs', 'SELECT id, v <-> Q FROM parted WHERE tenant = (SELECT 2) AND size < 500 ORDER BY v <-> Q LIMIT 10'),
('inheritance', 'SELECT id, v <-> Q FROM parent WHERE color = 3 ORDER BY v <-> Q LIMIT 10'),
('UNION ALL', '(SELECT id, v <-> Q AS d FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 5) UNION ALL (SELECT id, 100 + (v <-> Q) FROM bare WHERE color = 4 ORDER BY v <-> Q LIMIT 5)'),
('DELETE', 'WITH d AS (DELETE FROM items WHERE id IN (SELECT id FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10) RETURNING id, v <-> Q AS d) SELECT * FROM d ORDER BY d'),
('UPDATE', 'WITH u AS (UPDATE items SET color = 50 WHERE id IN (SELECT id FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10) RETURNING id, v <-> Q AS d) SELECT * FROM u ORDER BY d'),
('INSERT', 'WITH i AS (INSERT INTO bare SELECT id, color, size, label, tags, tenant, v FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10 RETURNING id, v <-> Q AS d) SELECT * FROM i');
INSERT INTO shapes (shape, prepare, statement, settings) VALUES
('prepared, custom', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT $3', 'EXECUTE p (Q, 3, 10)', '{plan_cache_mode=force_custom_plan}'),
('prepared, generic', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT 10', 'EXECUTE p (Q, 3, 10)', '{plan_cache_mode=force_generic_plan}'),
('prepared, generic, LIMIT $3', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT $3', 'EXECUTE p (Q, 3, 10)', '{plan_cache_mode=force_generic_plan}'),
('prepared, generic, not indexed', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM bare WHERE color = $2 ORDER BY v <-> $1 LIMIT $3', 'EXECUTE p (Q, 3, 10)', '{plan_cache_mode=force_generic_plan}'),
('prepared, generic, any array', 'PREPARE p (vector, int[]) AS SELECT id, v <-> $1 FROM items WHERE color = ANY ($2) ORDER BY v <-> $1 LIMIT 10', 'EXECUTE p (Q, ''{3,5}'')', '{plan_cache_mode=force_generic_plan}'),
('prepared, generic, LIMIT 0', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT $3', 'EXECUTE p (Q, 3, 0)', '{plan_cache_mode=force_generic_plan}'),
('prepared, generic, LIMIT NULL', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT $3', 'EXECUTE p (Q, 3, NULL)', '{plan_cache_mode=force_generic_plan}'),
('prepared, NULL as vector', 'PREPARE p (vector, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT 10', 'EXECUTE p (NULL, 3)', '{plan_cache_mode=force_generic_plan}'),
('prepared, generic, NULL', 'PREPARE p (vector, int, int) AS SELECT id, v <-> $1 FROM items WHERE color = $2 ORDER BY v <-> $1 LIMIT 10', 'EXECUTE p (Q, NULL, 10)', '{plan_cache_mode=force_generic_plan}');
INSERT INTO shapes (shape, statement, settings) VALUES
('row security', 'SELECT id, v <-> Q FROM secured ORDER BY v <-> Q LIMIT 10', '{role=regress_filter}'),
('row security and a condition', 'SELECT id, v <-> Q FROM secured WHERE color < 10 ORDER BY v <-> Q LIMIT 10', '{role=regress_filter}'),
('condition by current_setting()', 'SELECT id, v <-> Q FROM secured WHERE tenant = current_setting(''app.tenant'')::int ORDER BY v <-> Q LIMIT 10', NULL),
('no bitmap scans', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10', '{enable_bitmapscan=off}'),
('beside parallel workers', 'SELECT * FROM (SELECT id, v <-> Q AS d FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10) s UNION ALL SELECT count(*), 1000 FROM bare WHERE size < 500',
	'{parallel_setup_cost=0,parallel_tuple_cost=0,min_parallel_table_scan_size=0,max_parallel_workers_per_gather=2,enable_seqscan=on}');
INSERT INTO shapes (shape, statement, settings, reason) VALUES
('switched off', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10', '{vector_ext.enable_filtered_scan=off}', 'vector_ext.enable_filtered_scan is off'),
('no condition', 'SELECT id, v <-> Q FROM items ORDER BY v <-> Q LIMIT 10', NULL, 'there is nothing to filter'),
('condition of a partial index alone', 'SELECT id, v <-> Q FROM small WHERE size < 500 ORDER BY v <-> Q LIMIT 10', NULL, 'all rows of the index meet it'),
('security barrier', 'SELECT id, v <-> Q FROM barrier WHERE color < 10 ORDER BY v <-> Q LIMIT 10', NULL, 'PostgreSQL plans such a view by itself, without the order of what is around it'),
('no order', 'SELECT id, v <-> Q FROM items WHERE color = 3 AND id < 100', NULL, 'no order by distance'),
('descending', 'SELECT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q DESC LIMIT 10', NULL, 'no index has the farthest rows first');
INSERT INTO shapes (shape, statement, settings) VALUES
('LATERAL in parallel workers', 'SELECT f.id, b.id + f.d / 100 FROM (SELECT * FROM secured WHERE id <= 20) b, LATERAL (SELECT id, v <-> b.v AS d FROM items WHERE color = b.color ORDER BY v <-> b.v LIMIT 2) f',
	'{parallel_setup_cost=0,parallel_tuple_cost=0,min_parallel_table_scan_size=0,max_parallel_workers_per_gather=2,enable_seqscan=on}');
UPDATE shapes SET ordered = false WHERE shape ~ 'no order|descending|in parallel workers';
-- (PostgreSQL 16 and newer sort by steps for DISTINCT, too)
INSERT INTO shapes (shape, statement, settings, reason) VALUES
('DISTINCT', 'SELECT DISTINCT id, v <-> Q FROM items WHERE color = 3 ORDER BY v <-> Q LIMIT 10', '{enable_incremental_sort=off}', 'order by more than the distance');

-- What runs a shape in the schema that is set, and what is wrong with its answer.
-- exact: with all indexes off.
CREATE FUNCTION pg_temp.run(s shapes, exact bool, OUT node text, OUT ids int[], OUT distances float8[]) LANGUAGE plpgsql AS $$
DECLARE
	q text := '''[0.1,-0.4,0.3,0.9,-0.2,0.5,0.7,-0.6]''::vector';
	statement text := regexp_replace(s.statement, '\mQ\M', q, 'g');
	off text[] := ARRAY['enable_indexscan=off', 'enable_bitmapscan=off', 'vector_ext.enable_filtered_scan=off'];
	forced text[] := ARRAY['enable_seqscan=off', 'enable_sort=off'];
	setting text;
	plan text := '';
	nodes int;
	line text;
	r record;
BEGIN
	-- (18 forgets what is disabled below an Append of one partition)
	IF exact AND s.shape = 'one partition' THEN
		statement := replace(statement, 'ORDER BY v <-> ' || q, 'ORDER BY abs(v <-> ' || q || ')');
	END IF;
	FOREACH setting IN ARRAY (CASE WHEN exact THEN s.settings || off ELSE forced || s.settings END) LOOP
		PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true);
	END LOOP;
	IF s.prepare IS NOT NULL THEN
		EXECUTE s.prepare;
	END IF;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		plan := plan || line || E'\n';
	END LOOP;
	nodes := (SELECT count(*) FROM regexp_matches(plan, 'Custom Scan \(VectorFilteredScan\)', 'g'));
	node := CASE WHEN nodes > 1 THEN nodes || ' filtered' WHEN nodes > 0 THEN 'filtered' WHEN plan ~ 'Index Scan using \w+_v\w*_idx' THEN 'index' ELSE 'other' END;
	IF s.shape ~ 'parallel' AND plan !~ 'Gather' AND NOT exact THEN
		node := node || ', not parallel';
	END IF;
	-- as the client reads them
	FOR r IN EXECUTE statement LOOP
		SELECT ids || (row ->> 0)::int, distances || (row ->> 1)::float8 INTO ids, distances
			FROM (SELECT jsonb_agg(value ORDER BY n) AS row FROM json_each_text(row_to_json(r)) WITH ORDINALITY e (key, value, n)) e;
	END LOOP;
	IF s.prepare IS NOT NULL THEN
		DEALLOCATE p;
	END IF;
	-- nothing of it stays
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	IF s.prepare IS NOT NULL THEN
		DEALLOCATE ALL;
	END IF;
END $$;
CREATE FUNCTION pg_temp.judge(s shapes, method text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	exact record;
	found record;
	missing int;
BEGIN
	PERFORM set_config('search_path', method || ',public', true);
	SELECT * INTO exact FROM pg_temp.run(s, true);
	SELECT * INTO found FROM pg_temp.run(s, false);
	IF exact.node <> 'other' THEN
		RETURN 'not exact';
	END IF;
	-- equal rows may stand for each other
	SELECT count(*) INTO missing FROM unnest(found.ids, found.distances) f (id, d)
		WHERE NOT CASE WHEN s.ordered THEN d <= (SELECT max(e) FROM unnest(exact.distances) e) + 1e-6 ELSE id = ANY (exact.ids) END;
	RETURN concat_ws(', ', found.node,
		CASE WHEN coalesce(cardinality(found.ids), 0) <> coalesce(cardinality(exact.ids), 0)
			THEN format('%s rows of %s', coalesce(cardinality(found.ids), 0), cardinality(exact.ids)) END,
		CASE WHEN cardinality(found.ids) > (SELECT count(DISTINCT i) FROM unnest(found.ids) i) THEN 'twice' END,
		CASE WHEN s.ordered AND found.distances <> (SELECT array_agg(d ORDER BY d) FROM unnest(found.distances) d) THEN 'disorder' END,
		-- one in ten may be missing: indexes are approximate
		CASE WHEN missing > cardinality(exact.ids) / 10 THEN missing || ' too far' END);
END $$;

SELECT shape, pg_temp.judge(s, 'hnsw') AS hnsw, pg_temp.judge(s, 'ivfpq') AS ivfpq, pg_temp.judge(s, 'ivfflat') AS ivfflat, reason
FROM shapes s ORDER BY n;

-- Cursors: forward, at once and by steps; the row that one stands on.
CREATE TABLE cursors (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO cursors (statement) VALUES
('BEGIN'),
('SET LOCAL enable_sort = off'),
('SET LOCAL enable_seqscan = off'),
('DECLARE c CURSOR FOR SELECT id, color FROM items WHERE color = 3 ORDER BY v <-> (SELECT v FROM bare WHERE id = 3) LIMIT 8'),
('FETCH 2 FROM c'),
('UPDATE items SET color = -1 WHERE CURRENT OF c RETURNING id, color'),
('FETCH 3 FROM c'),
('DELETE FROM items WHERE CURRENT OF c RETURNING id, color'),
('CLOSE c'),
('DECLARE c CURSOR FOR SELECT id, color FROM items WHERE color = 3 ORDER BY v <-> (SELECT v FROM bare WHERE id = 3) FOR UPDATE'),
('FETCH 3 FROM c'),
('UPDATE items SET color = -2 WHERE CURRENT OF c RETURNING id, color'),
('FETCH 2 FROM c'),
('ROLLBACK'),
-- backwards and kept after the transaction
('BEGIN'),
('SET LOCAL enable_sort = off'),
('SET LOCAL enable_seqscan = off'),
('DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id, color FROM bare WHERE color = 3 ORDER BY v <-> (SELECT v FROM items WHERE id = 3) LIMIT 5'),
('FETCH 3 FROM c'),
('FETCH BACKWARD 2 FROM c'),
('FETCH ABSOLUTE 1 FROM c'),
('FETCH ALL FROM c'),
('COMMIT'),
('FETCH FIRST FROM c'),
('CLOSE c');
-- what is right: by a sort
SELECT array_agg(id ORDER BY d) FROM (SELECT id, v <-> (SELECT v FROM hnsw.bare WHERE id = 3) AS d FROM hnsw.bare WHERE color = 3 ORDER BY d LIMIT 8) s;
SELECT statement FROM (SELECT m.n, 0 AS c, format('SET search_path = %I, public', method) AS statement FROM methods m
	UNION ALL SELECT m.n, c.n, c.statement FROM methods m, cursors c) s ORDER BY n, c \gexec
RESET search_path;

-- A function that tells what it sees is shown no row that a barrier or a policy hides:
-- those of other tenants.  It costs nothing, so that whoever may ask it first does.
CREATE FUNCTION leak(id int, tenant int) RETURNS bool LANGUAGE plpgsql STABLE COST 0.0001 AS $$
BEGIN
	PERFORM set_config('app.seen', concat_ws(',', nullif(current_setting('app.seen'), ''), tenant::text), false);
	RETURN true;
END $$;
CREATE TABLE leaks (n int GENERATED ALWAYS AS IDENTITY, what text, statement text);
INSERT INTO leaks (what, statement) VALUES
('barrier', 'SELECT id FROM barrier WHERE leak(id, tenant) ORDER BY v <-> Q LIMIT 10'),
('barrier, with an indexed condition', 'SELECT id FROM barrier WHERE color = 5 AND leak(id, tenant) ORDER BY v <-> Q LIMIT 10'),
('policy', 'SELECT id FROM secured WHERE leak(id, tenant) ORDER BY v <-> Q LIMIT 10'),
('policy, with a condition', 'SELECT id FROM secured WHERE color < 10 AND leak(id, tenant) ORDER BY v <-> Q LIMIT 10'),
('policy, by OR', 'SELECT id FROM secured WHERE color = 2 OR leak(id, tenant) ORDER BY v <-> Q LIMIT 10'),
('policy, known when it runs', 'SELECT id FROM secured WHERE (SELECT true) AND leak(id, tenant) ORDER BY v <-> Q LIMIT 10'),
('policy, LATERAL', 'SELECT s.id FROM (VALUES (Q)) q (target), LATERAL (SELECT id FROM secured WHERE leak(id, tenant) ORDER BY v <-> target LIMIT 10) s');
CREATE FUNCTION pg_temp.leaked(method text, statement text, OUT node text, OUT rows int, OUT seen int, OUT forbidden int) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	PERFORM set_config('search_path', method || ',public', true), set_config('app.seen', '', false),
		set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config('role', 'regress_filter', true);
	statement := regexp_replace(statement, '\mQ\M', '''[0.1,-0.4,0.3,0.9,-0.2,0.5,0.7,-0.6]''::vector(8)', 'g');
	node := 'other';
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		IF line ~ 'Custom Scan \(VectorFilteredScan\)' THEN node := 'filtered'; END IF;
	END LOOP;
	EXECUTE 'SELECT count(*) FROM (' || statement || ') s' INTO rows;
	PERFORM set_config('role', 'none', true);
	SELECT count(*), count(*) FILTER (WHERE t <> '1') INTO seen, forbidden FROM regexp_split_to_table(nullif(current_setting('app.seen'), ''), ',') t;
END $$;
SELECT method, what, node, rows, seen >= rows AS seen, forbidden FROM methods m, leaks l, pg_temp.leaked(method, statement) ORDER BY l.n, m.n;

-- An error in a condition ends the query and nothing else.
\set VERBOSITY terse
SET search_path = hnsw, public;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id FROM items WHERE color < 10 AND 1 / (id - 63) > -5 ORDER BY v <-> (SELECT v FROM bare WHERE id = 63) LIMIT 50;
SELECT count(*) FROM (SELECT id FROM items WHERE color < 10 AND 1 / (id - 79) > -5 ORDER BY v <-> (SELECT v FROM bare WHERE id = 63) LIMIT 50) s;
-- A plan that is kept is made anew when an index goes, or comes.
CREATE FUNCTION pg_temp.nodes(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		IF line ~ 'Custom Scan|items_' THEN RETURN NEXT regexp_replace(line, '^[ >-]*', ''); END IF;
	END LOOP;
END $$;
SET plan_cache_mode = force_generic_plan;
PREPARE kept (int) AS SELECT id FROM items WHERE color = $1 ORDER BY v <-> (SELECT v FROM bare WHERE id = 3) LIMIT 3;
SELECT pg_temp.nodes('EXECUTE kept (3)');
EXECUTE kept (3);
DROP INDEX items_color_idx;
SELECT pg_temp.nodes('EXECUTE kept (3)');
EXECUTE kept (3);
CREATE INDEX ON items (color);
EXECUTE kept (3);
DROP INDEX items_v_idx;
EXECUTE kept (3);
RESET plan_cache_mode;
RESET enable_seqscan;
RESET enable_sort;
RESET search_path;

DROP SCHEMA hnsw, ivfpq, ivfflat CASCADE;
DROP FUNCTION pg_temp.judge, pg_temp.run, leak;
DROP TABLE methods, shapes, cursors, leaks;
DROP ROLE regress_filter;
