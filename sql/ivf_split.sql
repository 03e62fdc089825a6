-- ivfflat and ivfpq: VACUUM splits lists that have grown, and merges tiny ones.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/ivf_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- Eight places on a circle of radius 20; each kind of index on its own column.
CREATE TABLE grown (id int, f vector(2), l vector(2), p vector(2), h vector(2)) WITH (autovacuum_enabled = off);
CREATE FUNCTION pg_temp.add(first int, last int, x float8, y float8) RETURNS void LANGUAGE sql AS $$
	INSERT INTO grown SELECT g, v, v, v, v FROM (SELECT g,
		ARRAY[x + sin(g) + sin(g * 0.37) / 3, y + cos(g) + cos(g * 0.61) / 3]::vector AS v
		FROM generate_series(first, last) g) s $$;
SELECT count(pg_temp.add(p * 1000 + 1, p * 1000 + 400, 20 * cos(p * pi() / 4), 20 * sin(p * pi() / 4)))
FROM generate_series(0, 7) p;
CREATE INDEX grown_f ON grown USING ivfflat (f) WITH (lists = 8);
CREATE INDEX grown_l ON grown USING ivfpq (l) WITH (lists = 8);
CREATE INDEX grown_p ON grown USING ivfpq (p vector_ip_ops) WITH (lists = 8);
CREATE INDEX grown_h ON grown USING ivfpq (h) WITH (lists = 8, rerank = heap);
-- even: no list has more than three times its share.
CREATE FUNCTION pg_temp.state() RETURNS TABLE (index regclass, lists int, built int, rows int, generation int, even bool)
LANGUAGE sql AS $$
	SELECT i, max(value::int) FILTER (WHERE name = 'lists'), max(value::int) FILTER (WHERE name = 'lists_built'),
		max(value::int) FILTER (WHERE name = 'rows'), max(value::int) FILTER (WHERE name = 'generation'),
		max(value::int) FILTER (WHERE name = 'largest_list')
			<= 3 * max(value::int) FILTER (WHERE name = 'rows') / max(value::int) FILTER (WHERE name = 'lists')
	FROM unnest('{grown_f,grown_l,grown_p,grown_h}'::regclass[]) i, vector_index_info(i)
	WHERE name IN ('lists', 'lists_built', 'rows', 'generation', 'largest_list') GROUP BY i ORDER BY i::text $$;
-- With as many probes as there were lists built, all rows are found, in order,
-- and the indexes are whole.
CREATE FUNCTION pg_temp.wrong() RETURNS TABLE (col text, target text, difference text, error text) LANGUAGE sql AS $$
	SELECT c, t, pg_temp.differs('grown', c, CASE c WHEN 'p' THEN '<#>' ELSE '<->' END, quote_literal(t) || '::vector', 20000) AS d,
		vector_index_check(('grown_' || c)::regclass, true)::text
	FROM unnest('{f,l,p,h}'::text[]) c, unnest('{"[1,2]","[90,90]","[-3,-71]"}'::text[]) t
	ORDER BY 1, 2 $$;
SET ivfflat.probes = 8;
SET ivfpq.probes = 8;
SET ivfpq.candidates = 1000000;
-- What was built is left alone, though no two lists are equal.
VACUUM grown;
SELECT * FROM pg_temp.state();
-- 1500 rows in a place of their own make one list 3.2 times as long as the mean:
-- it becomes four.  Once.  (Without copies rows are what their codes stand for,
-- few different points in two dimensions: the parts cannot be even.)
SELECT pg_temp.add(10001, 11500, 60, 60);
SELECT difference, count(*) FROM pg_temp.wrong() GROUP BY 1;
VACUUM grown;
SELECT * FROM pg_temp.state();
VACUUM grown;
SELECT index, generation FROM pg_temp.state();
SELECT difference, error, count(*) FROM pg_temp.wrong() GROUP BY 1, 2;
-- Rows go to the new lists, and to those that stayed.
SELECT pg_temp.add(20001, 20060, 60, 60), pg_temp.add(21001, 21060, 20, 0);
DELETE FROM grown WHERE id % 7 = 0;
VACUUM grown;
SELECT pg_temp.add(22001, 22060, 60, 60), pg_temp.add(23001, 23060, 20, 0);
SELECT difference, error, count(*) FROM pg_temp.wrong() GROUP BY 1, 2;
-- Two places lose all rows but a few, one loses all: these lists are merged.
DELETE FROM grown WHERE id BETWEEN 3009 AND 3999 OR id BETWEEN 4009 AND 4999 OR id BETWEEN 6000 AND 6999;
VACUUM grown;
SELECT * FROM pg_temp.state();
SELECT difference, error, count(*) FROM pg_temp.wrong() GROUP BY 1, 2;
VACUUM grown;
SELECT index, generation FROM pg_temp.state();
-- When most rows would have to move, all is built anew, where there are copies to
-- build it from.
SELECT pg_temp.add(30001, 38000, -90, 90);
VACUUM grown;
SELECT index, built, lists >= built AS lists, rows FROM pg_temp.state();
SELECT difference, error, count(*) FROM pg_temp.wrong() GROUP BY 1, 2;
-- Nothing is left: the lists stay as they are.
DELETE FROM grown;
VACUUM grown;
SELECT index, rows FROM pg_temp.state();
SELECT difference, error, count(*) FROM pg_temp.wrong() GROUP BY 1, 2;
-- Pages of lists that were replaced are used again: an index that is split time
-- and again, and has as many rows as before, does not grow without end.
SELECT pg_temp.add(1, 2000, 0, 0);
REINDEX TABLE grown;
VACUUM grown;
CREATE TABLE sizes AS SELECT 0 AS round, pg_relation_size('grown_l') AS bytes;
\set ECHO none
SELECT format('SELECT pg_temp.add(%s, %s, %s, %s)', 100000 * r, 100000 * r + 1999, 30 * r, -30 * r),
	format('DELETE FROM grown WHERE id < %s', 100000 * r), 'VACUUM grown',
	format('INSERT INTO sizes SELECT %s, pg_relation_size(''grown_l'')', r)
FROM generate_series(1, 8) r \gexec
\set ECHO all
SELECT max(bytes) FILTER (WHERE round > 3) <= 1.3 * max(bytes) FILTER (WHERE round <= 3) AS bounded FROM sizes;
SELECT difference, error, count(*) FROM pg_temp.wrong() GROUP BY 1, 2;
