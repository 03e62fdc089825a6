-- ivfflat and ivfpq, nothing set: scans go on beyond what they were begun for.
-- Conditions that few rows meet still fill their LIMIT, and whoever fetches to
-- the end has nearly all rows; in order, each once.
\pset format unaligned
\pset footer off
\pset null NULL
CREATE TABLE many (id int, v vector(64));
INSERT INTO many SELECT g, (SELECT array_agg(sin(i * g * 0.37 + i * i)) FROM generate_series(1, 64) i)
	FROM generate_series(1, 20000) g;
CREATE FUNCTION pg_temp.scan(q int, k int, condition text, OUT rows bigint, OUT twice bigint, OUT disorder bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(*), count(*) - count(DISTINCT id), count(*) FILTER (WHERE d < before) FROM
		(SELECT id, d, lag(d) OVER (ORDER BY n) AS before FROM (SELECT id, v <-> q AS d, row_number() OVER () AS n FROM
			(SELECT id, v, q FROM many, (SELECT v AS q FROM many WHERE id = %s) t WHERE %s ORDER BY v <-> (SELECT v FROM many WHERE id = %s)
			LIMIT %s) k) r) o', q, condition, q, coalesce(k::text, 'ALL')) INTO rows, twice, disorder;
END $$;
-- the plan must be that of a scan of the index
CREATE FUNCTION pg_temp.indexed() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN SELECT id FROM many WHERE id % 10 = 1 ORDER BY v <-> (SELECT v FROM many WHERE id = 3) LOOP
		IF line LIKE '%Index Scan using%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
CREATE FUNCTION pg_temp.verdict(OUT asked text, OUT right text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	step int;
	k int;
BEGIN
	-- of each step-th row there are 20000 / step: k of them can be found
	FOR step, k IN VALUES (10, 10), (100, 10), (100, 100), (1000, 10), (5000, 2), (20000, 1), (1, 300), (1, 5000), (1, NULL) LOOP
		asked := format('%s of every %sth', coalesce(k::text, 'all'), step);
		SELECT CASE WHEN max(s.twice) > 0 THEN max(s.twice) || ' twice' WHEN max(s.disorder) > 0
			THEN max(s.disorder) || ' in disorder' WHEN min(s.rows) < coalesce(k, 19000)
			THEN 'as few as ' || min(s.rows) ELSE 'yes' END
			INTO "right" FROM unnest(ARRAY[1, 11, 1111, 11111]) q,
				pg_temp.scan(q, k, format('id %% %s = %s', step, CASE step WHEN 1 THEN 0 ELSE 7 END)) s;
		RETURN NEXT;
	END LOOP;
END $$;
SET enable_sort = off;
SET enable_seqscan = off;
CREATE INDEX many_pq ON many USING ivfpq (v);
SELECT pg_temp.indexed();
SELECT * FROM pg_temp.verdict();
DROP INDEX many_pq;
CREATE INDEX many_heap ON many USING ivfpq (v) WITH (rerank = heap);
SELECT pg_temp.indexed();
SELECT * FROM pg_temp.verdict();
DROP INDEX many_heap;
CREATE INDEX many_flat ON many USING ivfflat (v);
SELECT pg_temp.indexed();
SELECT * FROM pg_temp.verdict();
-- with little memory what is left is sorted
SET work_mem = '64kB';
SELECT * FROM pg_temp.verdict();
DROP TABLE many;
