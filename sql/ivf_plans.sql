-- ivfflat and ivfpq in plans: LIMIT, conditions, cursors, rescans, merges.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- When the index is used, and what for.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	-- newer servers say more of nodes that are off, and name parameters
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		line := regexp_replace(line, '''\[.*\]''', 'target');
		line := regexp_replace(line, ' \(returns \$\d\)| *Disabled: true', '');
		line := regexp_replace(line, '\$\d|q\.id\)|\(InitPlan \d\)\.col1', 'parameter');
		IF line <> '' THEN
			RETURN NEXT regexp_replace(line, 'parameter(?!\))', 'parameter)');
		END IF;
	END LOOP;
END $$;
CREATE INDEX tried ON items USING ivfpq (v vector_cosine_ops);
CREATE INDEX flat ON items USING ivfflat (v) WITH (lists = 20);
SELECT id AS same, target::text AS target FROM items, queries WHERE q = 2 AND id = 17 \gset
RESET ivfpq.candidates;
RESET ivfpq.probes;
RESET ivfflat.probes;
SELECT pg_temp.plan('SELECT id FROM items ORDER BY v <=> ''' || :'target' || ''' LIMIT 5');
SELECT pg_temp.plan('SELECT id FROM items ORDER BY v <-> ''' || :'target' || ''' LIMIT 5');
SET enable_seqscan = off;
-- another distance, descending, of rows, under an aggregate, within a distance
SELECT pg_temp.plan('SELECT id FROM items ORDER BY v <+> ''' || :'target' || ''' LIMIT 5') LIKE '%Index Scan%' AS used;
SELECT pg_temp.plan('SELECT id FROM items ORDER BY v <=> ''' || :'target' || ''' DESC LIMIT 5');
SELECT pg_temp.plan('SELECT v <=> v FROM items ORDER BY v <=> v LIMIT 5');
SELECT pg_temp.plan('SELECT count(*) FROM items');
SELECT pg_temp.plan('SELECT v FROM items WHERE v <=> ''' || :'target' || ''' < 0.5');
SELECT pg_temp.plan('SELECT v <=> ''' || :'target' || ''' AS d FROM items ORDER BY d LIMIT 2');
SELECT pg_temp.plan('SELECT id FROM items WHERE color = 3 ORDER BY v <=> ''' || :'target' || ''', id LIMIT 2');
RESET enable_seqscan;
-- the number of columns read does not matter: there is no index-only scan
SET enable_seqscan = off;
SELECT pg_temp.plan('SELECT v FROM items ORDER BY v <-> ''' || :'target' || ''' LIMIT 1');

-- From here on exactly: all lists, all candidates.
SET ivfpq.probes = 32768;
SET ivfpq.candidates = 1000000;
SET ivfflat.probes = 32768;
CREATE TABLE truth AS SELECT row_number() OVER (ORDER BY v <-> :'target') AS n, id, color, v <-> :'target' AS distance FROM items
	WHERE v IS NOT NULL;
-- LIMIT 0, OFFSET, a LIMIT that is a parameter, NULL, an expression or a query
SELECT id FROM items ORDER BY v <-> :'target' LIMIT 0;
SET enable_sort = off;
SELECT array_agg(v <-> :'target') = (SELECT array_agg(distance ORDER BY n) FROM truth WHERE n BETWEEN 101 AND 120) AS "offset"
	FROM (SELECT v FROM items ORDER BY v <-> :'target' LIMIT 20 OFFSET 100) t;
SELECT count(*) FROM (SELECT v FROM items ORDER BY v <-> :'target' OFFSET 2990) t;
PREPARE near (int, int) AS SELECT v <-> :'target' AS distance FROM items ORDER BY v <-> :'target' LIMIT $1 OFFSET $2;
CREATE FUNCTION pg_temp.near(k int, skip int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	found float8[];
	d float8;
BEGIN
	FOR d IN EXECUTE format('EXECUTE near (%s, %s)', coalesce(k::text, 'NULL'), skip) LOOP
		found := found || d;
	END LOOP;
	RETURN found IS NOT DISTINCT FROM (SELECT array_agg(distance ORDER BY n) FROM truth WHERE n > skip AND (n <= skip + k OR k IS NULL));
END $$;
SELECT mode, set_config('plan_cache_mode', mode, false) = mode AND pg_temp.near(5, 0) AND pg_temp.near(300, 7) AND pg_temp.near(0, 0) AND pg_temp.near(NULL, 1) AND pg_temp.near(3000, 0) AS right
	FROM unnest(ARRAY['force_custom_plan', 'force_generic_plan']) mode;
RESET plan_cache_mode;
SELECT pg_temp.near(-1, 0);
DEALLOCATE near;
SELECT count(*), max(n) FROM truth JOIN (SELECT id FROM items ORDER BY v <-> :'target' LIMIT (SELECT 7 + count(*) * 0 FROM queries)) t USING (id);
SELECT count(*), max(n) FROM truth JOIN (SELECT id FROM items ORDER BY v <-> :'target' FETCH FIRST 9 ROWS ONLY) t USING (id);
SELECT count(*) = (SELECT count(*) FROM truth WHERE distance <= (SELECT distance FROM truth WHERE n = 4)) AS ties
	FROM (SELECT id FROM items ORDER BY v <-> :'target' FETCH FIRST 4 ROWS WITH TIES) t;

-- Conditions beside the order: the scan goes on until the LIMIT is filled.
SELECT left(condition, 12) AS condition, k, pg_temp.differs('items', 'v', '<->', quote_literal(:'target'), k, condition)
FROM unnest(ARRAY['color = 3', 'id % 100 = 7', 'id = 42', 'id < 0', 'v <-> ''' || :'target' || ''' > 1.5', 'id IN (SELECT id FROM truth WHERE n > 2900)']) condition,
	unnest(ARRAY[1, 10, 500]) k;
RESET ivfpq.probes;
RESET ivfpq.candidates;
RESET ivfflat.probes;
DROP INDEX flat;
CREATE INDEX tried_l2 ON items USING ivfpq (v);
SET enable_seqscan = off;
SELECT condition, count(*) FROM unnest(ARRAY['color = 3', 'id % 100 = 7']) condition,
	LATERAL (SELECT id FROM items WHERE CASE condition WHEN 'color = 3' THEN color = 3 ELSE id % 100 = 7 END
		ORDER BY v <-> :'target' LIMIT 10) k GROUP BY condition ORDER BY condition COLLATE "C";
SET ivfpq.probes = 32768;
SET ivfpq.candidates = 1000000;

-- Cursors: forward, past the end, back (a SCROLL cursor keeps what it has read),
-- after the transaction, beside changes and rolled back subtransactions
BEGIN;
CREATE TEMP TABLE got (n serial, id int);
DECLARE near NO SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> :'target';
SELECT pg_temp.plan('SELECT id FROM items ORDER BY v <-> ''' || :'target' || '''');
CREATE FUNCTION pg_temp.take(cursor refcursor, k int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	taken int := 0;
	one int;
BEGIN
	FOR i IN 1..k LOOP
		FETCH cursor INTO one;
		EXIT WHEN NOT FOUND;
		INSERT INTO got (id) VALUES (one);
		taken := taken + 1;
	END LOOP;
	RETURN taken;
END $$;
CREATE VIEW verdict AS SELECT count(*), count(DISTINCT got.id) AS rows,
	(SELECT array_agg(t.distance ORDER BY g.n) FROM got g JOIN truth t USING (id))
	= (SELECT array_agg(distance ORDER BY n) FROM truth WHERE n <= (SELECT count(*) FROM got)) AS right FROM got;
SELECT pg_temp.take('near', 5);
SAVEPOINT s;
SELECT pg_temp.take('near', 100);
-- its own changes later in the transaction do not show in an open cursor
INSERT INTO items VALUES (100001, 0, :'target');
DELETE FROM items WHERE id % 2 = 0;
UPDATE items SET v = '[1,1,1,1,1,1,1,1,1,1,1,1]' WHERE id % 3 = 0;
SELECT pg_temp.take('near', 100);
TABLE verdict;
ROLLBACK TO s;
SELECT count(*) FROM got;
-- the cursor's position is not rolled back
SELECT pg_temp.take('near', 3000);
SELECT pg_temp.take('near', 1);
SELECT count(*), count(DISTINCT id) FROM got;
COMMIT;
TRUNCATE got;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM items ORDER BY v <-> :'target' LIMIT 2000;
SELECT pg_temp.take('held', 10);
COMMIT;
SELECT pg_temp.take('held', 3000);
CLOSE held;
TABLE verdict;
BEGIN;
TRUNCATE got;
DECLARE back SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> :'target';
MOVE 20 IN back;
MOVE BACKWARD 15 IN back;
MOVE ABSOLUTE 0 IN back;
SELECT pg_temp.take('back', 30);
TABLE verdict;
COMMIT;
-- a subtransaction that fails during a scan, and the next scan
CREATE FUNCTION pg_temp.fails(k int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(1 / (n - 30)) FROM (SELECT row_number() OVER () AS n FROM (SELECT id FROM items ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]') i) t;
	RETURN 'no error';
EXCEPTION WHEN division_by_zero THEN
	RETURN SQLERRM;
END $$;
SELECT pg_temp.fails(k), pg_temp.differs('items', 'v', '<->', quote_literal(:'target'), k) FROM generate_series(1, 3) k;

-- Rescans: the nearest of each of many rows, in one statement
SET enable_sort = off;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT pg_temp.plan('SELECT q.id, n.id FROM truth q, LATERAL (SELECT id, v <-> (SELECT v FROM items WHERE id = q.id) AS d FROM items ORDER BY 2 LIMIT 3) n');
RESET enable_seqscan;
CREATE TABLE targets AS SELECT id, v FROM items WHERE id BETWEEN 490 AND 560;
SELECT pg_temp.plan('SELECT * FROM targets t, LATERAL (SELECT i.id, i.v <-> t.v AS d FROM items i ORDER BY i.v <-> t.v LIMIT 3) n');
CREATE TABLE neighbours AS SELECT t.id, n.d, n.place FROM targets t,
	LATERAL (SELECT d, row_number() OVER () AS place FROM (SELECT i.v <-> t.v AS d FROM items i ORDER BY i.v <-> t.v LIMIT 3) k) n;
SET enable_indexscan = off;
SET enable_sort = on;
SELECT count(*), count(*) FILTER (WHERE n.d IS DISTINCT FROM e.d) AS different FROM neighbours n FULL JOIN
	(SELECT t.id, k.d, k.place FROM targets t, LATERAL (SELECT i.v <-> t.v AS d, row_number() OVER (ORDER BY i.v <-> t.v) AS place
		FROM items i WHERE i.v IS NOT NULL OR t.v IS NULL ORDER BY 1 LIMIT 3) k WHERE t.v IS NOT NULL) e USING (id, place)
	WHERE id IN (SELECT id FROM targets WHERE v IS NOT NULL);
-- a NULL among the targets finds rows too, in no order
SELECT count(*) FROM neighbours WHERE id IN (SELECT id FROM targets WHERE v IS NULL);
RESET enable_indexscan;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- Several indexes under one order: UNION ALL and partitions are merged, and a
-- scan that broke the order would break the merge
CREATE TABLE parts (id int, v vector(12)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1300);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1300) TO (2950);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (2950) TO (9000);
CREATE INDEX parts_v ON parts USING ivfpq (v) WITH (lists = 20);
INSERT INTO parts SELECT id, v FROM items;
SELECT vector_index_check(relid, true) FROM pg_partition_tree('parts_v') WHERE isleaf;
REINDEX TABLE parts;
SELECT relid, vector_index_check(relid, true) FROM pg_partition_tree('parts_v') WHERE isleaf ORDER BY relid::text COLLATE "C";
SET enable_seqscan = off;
SET enable_sort = off;
SELECT pg_temp.plan('SELECT id FROM parts ORDER BY v <-> ''' || :'target' || ''' LIMIT 10');
SELECT pg_temp.plan('SELECT * FROM (SELECT id, v FROM parts_1 UNION ALL SELECT id, v FROM parts_2) u ORDER BY v <-> ''' || :'target' || ''' LIMIT 10');
RESET enable_seqscan;
RESET enable_sort;
SELECT k, pg_temp.differs('parts', 'v', '<->', quote_literal(:'target'), k),
	pg_temp.differs('(SELECT id, v FROM parts_1 UNION ALL SELECT id, v FROM parts_2) u', 'v', '<->', quote_literal(:'target'), k)
	FROM unnest(ARRAY[1, 50, 2000, 4000]) k;
CREATE TABLE parts_4 (id int, v vector(12));
INSERT INTO parts_4 SELECT id + 9000, v FROM items WHERE id < 100;
ALTER TABLE parts ATTACH PARTITION parts_4 FOR VALUES FROM (9000) TO (9999);
ALTER TABLE parts DETACH PARTITION parts_1;
SELECT k, pg_temp.differs('parts', 'v', '<->', quote_literal(:'target'), k) FROM unnest(ARRAY[1, 50, 4000]) k;
SELECT count(vector_index_check(relid, true)) FROM pg_partition_tree('parts_v') WHERE isleaf;
DROP TABLE parts, parts_1, targets, neighbours;
DROP TABLE items, operators, queries, truth CASCADE;
