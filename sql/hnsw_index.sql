-- hnsw: answers of the index against those of a sequential scan.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT count(*), count(v), count(DISTINCT v) AS different FROM items;

-- Both types, every distance, with codes of neighbours and without, and few links: a search
-- that keeps a third of all rows finds nearly always the nearest of them, in exact order.
SET hnsw.ef_search = 1000;
CREATE TABLE sixteen AS SELECT id, color, (v::real[] || v::real[])::vector(24) AS v,
	(v::real[] || v::real[])::halfvec(24) AS h FROM items;
ANALYZE sixteen;
CREATE TABLE results (source text, options text, type text, class text, k int, q int, difference text);
DO $$
DECLARE
	source text;
	options text;
	col text;
	o record;
BEGIN
	FOREACH source IN ARRAY ARRAY['items', 'sixteen'] LOOP
		FOREACH options IN ARRAY ARRAY['', 'WITH (m = 6)', 'WITH (codes = none, m = 20)'] LOOP
			FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
				FOR o IN TABLE operators LOOP
					EXECUTE format('CREATE INDEX tried ON %I USING hnsw (%I %I) %s', source, col,
						CASE col WHEN 'v' THEN 'vector_' ELSE 'halfvec_' END || o.class || '_ops', options);
					INSERT INTO results SELECT source, options, col, o.class, k, q,
						pg_temp.differs(source, col, o.op, format('%L', CASE source WHEN 'items' THEN target::text
							ELSE (target::real[] || target::real[])::vector::text END), k)
						FROM queries, unnest(ARRAY[1, 30]) k;
					PERFORM vector_index_check('tried', true);
					DROP INDEX tried;
				END LOOP;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SELECT source, class, count(*), count(difference) <= count(*) / 12 AS few_differ,
	count(*) FILTER (WHERE difference NOT LIKE '% rows of %') AS other_faults FROM results GROUP BY 1, 2
	ORDER BY source, class COLLATE "C";

-- With automatic settings rows may be missing, but come in order and once; and
-- whoever asks on gets all rows.
RESET hnsw.ef_search;
DO $$
DECLARE
	col text;
	o record;
BEGIN
	TRUNCATE results;
	FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
		FOR o IN TABLE operators LOOP
			EXECUTE format('CREATE INDEX tried ON items USING hnsw (%I %I)', col,
				CASE col WHEN 'v' THEN 'vector_' ELSE 'halfvec_' END || o.class || '_ops');
			INSERT INTO results SELECT 'items', '', col, o.class, k, q, pg_temp.disorder(col, o.op, format('%L', target), k)
				FROM queries, unnest(ARRAY[1, 10, 300, 2994]) k;
			DROP INDEX tried;
		END LOOP;
	END LOOP;
END $$;
SELECT count(*), count(difference) FROM results;
SELECT * FROM results WHERE difference IS NOT NULL ORDER BY 1, 2, 3, 4, 5, 6 LIMIT 5;

-- An empty table, one row, equal rows alone: a thousand copies are all found.
CREATE TABLE few (id int, v vector(3));
CREATE INDEX tried ON few USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT * FROM few ORDER BY v <-> '[1,2,3]') f;
INSERT INTO few VALUES (1, '[1,2,3]');
SELECT id, v <-> '[1,2,4]' AS distance FROM few ORDER BY v <-> '[1,2,4]' LIMIT 5;
INSERT INTO few SELECT i, '[3,2,1]' FROM generate_series(2, 1001) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM few ORDER BY v <-> '[3,2,2]' LIMIT 1000) f WHERE id > 1;
REINDEX INDEX tried;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM few ORDER BY v <-> '[3,2,2]' LIMIT 1000) f WHERE id > 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM few ORDER BY v <-> '[3,2,2]') f;
-- what has no place in the order comes in none
SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> NULL) f;
SELECT id FROM few ORDER BY v <-> '[1,2]';
-- a query so far out that copies say nothing of its distances
CREATE INDEX ON sixteen USING hnsw (v vector_l2_ops);
SET hnsw.iterative_scan = off;
SET hnsw.ef_search = 10;
SELECT count(*) FROM (SELECT id FROM sixteen ORDER BY v <-> array_fill(1e18::real, ARRAY[24])::vector LIMIT 5) f;
RESET hnsw.iterative_scan;
RESET hnsw.ef_search;
DROP TABLE few, items, sixteen, operators, queries, results;
