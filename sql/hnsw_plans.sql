-- hnsw: when the planner takes the index, and when it must not.
\pset format unaligned
\pset footer off
\pset null NULL
CREATE TABLE items (id int, rare int, v vector(64));
INSERT INTO items SELECT g, g % 100, (SELECT array_agg(sin(sin(i * 12.9898 + g * 78.233) * 43758.5453))::vector FROM generate_series(1, 64) i) FROM generate_series(1, 5000) g;
CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 16);
VACUUM ANALYZE items;
SELECT v AS q FROM items WHERE id = 1 \gset
CREATE FUNCTION pg_temp.plan(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	-- newer servers say more of nodes that are off
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		CONTINUE WHEN line ~ 'Disabled: true';
		RETURN NEXT regexp_replace(line, '''\[.*\]''::vector', 'Q');
	END LOOP;
END $$;
-- few rows of many
SELECT pg_temp.plan(format('SELECT id FROM items ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan(format('SELECT id FROM items ORDER BY v <-> %L LIMIT 10 OFFSET 90', :'q'));
-- all of them: read and sort
SELECT pg_temp.plan(format('SELECT id FROM items ORDER BY v <-> %L', :'q'));
SELECT pg_temp.plan(format('SELECT id FROM items ORDER BY v <-> %L LIMIT 5000', :'q'));
-- another order than that of the index
SELECT pg_temp.plan(format('SELECT id FROM items ORDER BY v <-> %L DESC LIMIT 10', :'q'));
SELECT pg_temp.plan(format('SELECT id FROM items ORDER BY v <=> %L LIMIT 10', :'q'));
-- a LIMIT that is not known: some rows
PREPARE unknown (int) AS SELECT id FROM items ORDER BY v <-> :'q' LIMIT $1;
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.plan('EXECUTE unknown (10)');
RESET plan_cache_mode;
DEALLOCATE unknown;
-- most rows pass: by index; one in a hundred does: cheaper to look for them
SELECT pg_temp.plan(format('SELECT id FROM items WHERE rare <> 3 ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan(format('SELECT id FROM items WHERE rare = 3 ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan(format('SELECT id FROM items WHERE id = 3 ORDER BY v <-> %L LIMIT 10', :'q'));
CREATE INDEX items_rare ON items (rare);
SELECT pg_temp.plan(format('SELECT id FROM items WHERE rare = 3 ORDER BY v <-> %L LIMIT 10', :'q'));
DROP INDEX items_rare;
-- no order, no index, whatever is switched off
SET enable_seqscan = off;
SELECT pg_temp.plan('SELECT count(*) FROM items');
SELECT pg_temp.plan('SELECT id FROM items WHERE id = 3');
-- within a distance
SELECT pg_temp.plan(format('SELECT id FROM items WHERE v <-> %L < 1', :'q'));
RESET enable_seqscan;
-- for each of some queries
SELECT pg_temp.plan('SELECT q.id, n.id FROM (SELECT * FROM items WHERE id <= 5) q, LATERAL (SELECT id FROM items ORDER BY v <-> q.v LIMIT 5) n');
-- rows of a partial index all pass its filter
CREATE INDEX items_part ON items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 16) WHERE rare < 20;
ANALYZE items;
SELECT pg_temp.plan(format('SELECT id FROM items WHERE rare < 20 ORDER BY v <-> %L LIMIT 10', :'q'));
DROP TABLE items;
-- wide rows, stored out of line
CREATE TABLE wide (id int, v vector(1500));
INSERT INTO wide SELECT g, (SELECT array_agg(sin(sin(i * 12.9898 + g * 78.233) * 43758.5453))::vector FROM generate_series(1, 1500) i) FROM generate_series(1, 1000) g;
CREATE INDEX wide_v ON wide USING hnsw (v vector_cosine_ops) WITH (m = 8, ef_construction = 16);
VACUUM ANALYZE wide;
SELECT v AS q FROM wide WHERE id = 1 \gset
SELECT pg_temp.plan(format('SELECT id FROM wide ORDER BY v <=> %L LIMIT 10', :'q'));
SELECT pg_temp.plan(format('SELECT id FROM wide ORDER BY v <=> %L', :'q'));
DROP TABLE wide;
