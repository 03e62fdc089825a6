-- ivfflat and ivfpq: answers of the index against those of a sequential scan.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SELECT count(*), count(v), count(DISTINCT v) AS different, bool_or(v::halfvec::vector = v) AS representable,
	min(abs(vector_norm(v) - 1)) < 1e-6 AS unit FROM items;

-- Both methods, both types, every distance, all lists: the exact answer.
SET ivfpq.candidates = 1000000;
SET ivfpq.probes = 32768;
SET ivfflat.probes = 32768;
CREATE TABLE results (method text, type text, class text, k int, q int, difference text);
DO $$
DECLARE
	method text;
	col text;
	o record;
BEGIN
	FOREACH method IN ARRAY ARRAY['ivfflat', 'ivfpq'] LOOP
		FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
			FOR o IN TABLE operators LOOP
				EXECUTE format('CREATE INDEX tried ON items USING %I (%I %I)', method, col,
					CASE col WHEN 'v' THEN 'vector_' ELSE 'halfvec_' END || o.class || '_ops');
				INSERT INTO results SELECT method, col, o.class, k, q,
					pg_temp.differs('items', col, o.op, format('%L', target), k)
					FROM queries, unnest(ARRAY[1, 10, 100, 3000]) k;
				PERFORM vector_index_check('tried', true);
				DROP INDEX tried;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SELECT method, type, class, count(*), count(difference) AS different FROM results GROUP BY 1, 2, 3
	ORDER BY method, type, class COLLATE "C";
SELECT * FROM results WHERE difference IS NOT NULL ORDER BY 1, 2, 3, 4, 5 LIMIT 5;

-- The same through the other ways to keep rows, and with few and many lists.
DO $$
DECLARE
	options text;
	o record;
BEGIN
	FOREACH options IN ARRAY ARRAY['ivfpq (v %s) WITH (rerank = heap)', 'ivfpq (v %s) WITH (m = 1)',
		'ivfpq (v %s) WITH (m = 12, lists = 1)', 'ivfpq (v %s) WITH (lists = 900)', 'ivfflat (v %s) WITH (lists = 1)',
		'ivfflat (v %s) WITH (lists = 2999)'] LOOP
		FOR o IN TABLE operators LOOP
			EXECUTE 'CREATE INDEX tried ON items USING ' || format(options, 'vector_' || o.class || '_ops');
			INSERT INTO results SELECT options, 'v', o.class, k, q, pg_temp.differs('items', 'v', o.op, format('%L', target), k)
				FROM queries, unnest(ARRAY[1, 30, 3000]) k;
			PERFORM vector_index_check('tried', true);
			DROP INDEX tried;
		END LOOP;
	END LOOP;
END $$;
SELECT method, count(*), count(difference) AS different FROM results WHERE method LIKE '% %' GROUP BY 1
	ORDER BY method COLLATE "C";
SELECT * FROM results WHERE method LIKE '% %' AND difference IS NOT NULL ORDER BY 1, 2, 3, 4, 5 LIMIT 5;

-- With automatic settings rows may be missing, but come in order and once; and
-- whoever asks on gets all rows.
RESET ivfpq.candidates;
RESET ivfpq.probes;
RESET ivfflat.probes;
DO $$
DECLARE
	method text;
	col text;
	o record;
BEGIN
	TRUNCATE results;
	FOREACH method IN ARRAY ARRAY['ivfflat', 'ivfpq'] LOOP
		FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
			FOR o IN TABLE operators LOOP
				EXECUTE format('CREATE INDEX tried ON items USING %I (%I %I)', method, col,
					CASE col WHEN 'v' THEN 'vector_' ELSE 'halfvec_' END || o.class || '_ops');
				INSERT INTO results SELECT method, col, o.class, k, q, pg_temp.disorder(col, o.op, format('%L', target), k)
					FROM queries, unnest(ARRAY[1, 10, 300, 2994]) k;
				DROP INDEX tried;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SELECT count(*), count(difference) FROM results;
SELECT * FROM results WHERE difference IS NOT NULL ORDER BY 1, 2, 3, 4, 5 LIMIT 5;
-- rerank = none: in the order of estimates, but each row once
CREATE INDEX tried ON items USING ivfpq (v) WITH (rerank = none);
SELECT cardinality(ids), (SELECT count(DISTINCT i) FROM unnest(ids) i) FROM pg_temp.answers('items', 'v', '<->',
	'''[1,1,1,1,1,1,1,1,1,1,1,1]''', 50);
SELECT name, value FROM vector_index_info('tried') WHERE name IN ('codec', 'copies', 'dimensions', 'metric', 'type', 'rows', 'm');
DROP INDEX tried;
DROP TABLE items, operators, queries, results;
