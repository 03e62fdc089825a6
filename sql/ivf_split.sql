-- ivfflat and ivfpq: VACUUM splits lists that have grown, and merges tiny ones.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
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
-- Each codec and transform has its own model space; the rows of a split are coded
-- there.  s: a byte a dimension, r: signs of a random rotation, a: a projection, n:
-- the same without copies, b: bits.  Not split are o, whose centroids came from
-- outside, and h, whose signs alone do not say where a row lies.
CREATE TABLE kinds (id int, s vector(8), r vector(8), a vector(8), n vector(8), o vector(8), h vector(8), b bit(64))
	WITH (autovacuum_enabled = off);
CREATE FUNCTION pg_temp.add_kinds(first int, last int, place int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO kinds SELECT g, v, v, v, v, v, v, b FROM (SELECT g,
		(SELECT array_agg(20 * cos(place * i * i) + sin(g * i * 0.7 + i)) FROM generate_series(1, 8) i)::vector AS v,
		('x' || md5(place::text))::bit(64) # (1::bit(64) << g % 64) # (1::bit(64) << g * 7 % 61) AS b
		FROM generate_series(first, last) g) s $$;
SELECT count(pg_temp.add_kinds(p * 1000 + 1, p * 1000 + 300, p)) FROM generate_series(0, 7) p;
CREATE INDEX kinds_s ON kinds USING ivfpq (s) WITH (lists = 8, codec = sq8);
CREATE INDEX kinds_r ON kinds USING ivfpq (r) WITH (lists = 8, codec = rabitq, transform = random);
CREATE INDEX kinds_a ON kinds USING ivfpq (a vector_cosine_ops) WITH (lists = 8, transform = pca, dimensions = 6);
CREATE INDEX kinds_n ON kinds USING ivfpq (n) WITH (lists = 8, transform = pca, dimensions = 4, rerank = heap);
CREATE INDEX kinds_b ON kinds USING ivfflat (b bit_hamming_ops) WITH (lists = 8);
CREATE TABLE outside AS SELECT * FROM vector_index_centroids('kinds_s');
CREATE INDEX kinds_o ON kinds USING ivfpq (o) WITH (centroids_table = 'public.outside');
CREATE INDEX kinds_h ON kinds USING ivfpq (h) WITH (lists = 8, codec = rabitq, rerank = heap);
CREATE FUNCTION pg_temp.kinds_state() RETURNS TABLE (col text, lists int, generation int, difference text, error text) LANGUAGE sql AS $$
	SELECT c, (SELECT value::int FROM vector_index_info(('kinds_' || c)::regclass) WHERE name = 'lists'),
		(SELECT value::int FROM vector_index_info(('kinds_' || c)::regclass) WHERE name = 'generation'),
		pg_temp.differs('kinds', c, op, format('(SELECT %I FROM kinds WHERE id = 3001)', c), 20000),
		vector_index_check(('kinds_' || c)::regclass, true)::text
	FROM (VALUES ('s', '<->'), ('r', '<->'), ('a', '<=>'), ('n', '<->'), ('b', '<~>'), ('o', '<->'), ('h', '<->')) x (c, op) $$;
SELECT * FROM pg_temp.kinds_state();
-- 1200 rows in a ninth place
SELECT pg_temp.add_kinds(10001, 11200, 11);
VACUUM kinds;
SELECT col, lists, generation, difference, error FROM pg_temp.kinds_state();
-- The nearest rows of the new place, with as many probes and candidates as were
-- measured before it was there: where lists were not split, signs find 2 or 3 of 20.
-- What was coded twice, without copies to code it from (n), is found half as well.
-- (Codes of a are so coarse here that nearly each row of a list was a candidate.)
RESET ivfflat.probes;
RESET ivfpq.probes;
RESET ivfpq.candidates;
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.recall(col text, op text, target int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	distance text := format('%1$I %2$s (SELECT %1$I FROM kinds WHERE id = %3$s)', col, op, target);
	farthest float8;
	n int;
BEGIN
	EXECUTE format('SELECT d FROM (SELECT %s AS d FROM kinds OFFSET 0) s ORDER BY d OFFSET 19 LIMIT 1', distance) INTO farthest;
	EXECUTE format('SELECT count(*) FILTER (WHERE d <= %1$s) FROM (SELECT %2$s AS d FROM kinds ORDER BY %2$s LIMIT 20) s', farthest, distance) INTO n;
	RETURN n;
END $$;
SELECT col, avg(pg_temp.recall(col, op, target)) >= CASE col WHEN 'n' THEN 8 ELSE 18 END AS recall FROM (VALUES ('s', '<->'), ('r', '<->'), ('n', '<->'), ('b', '<~>')) x (col, op),
	generate_series(10001, 10901, 100) target GROUP BY 1 ORDER BY 1;
RESET enable_seqscan;
-- Rows go to the new lists; some lists are merged.
SELECT pg_temp.add_kinds(12001, 12060, 11), pg_temp.add_kinds(13001, 13060, 2);
DELETE FROM kinds WHERE id BETWEEN 2009 AND 2999 OR id BETWEEN 4000 AND 4999 OR id % 7 = 0;
VACUUM kinds;
SET ivfflat.probes = 8;
SET ivfpq.probes = 8;
SET ivfpq.candidates = 1000000;
SELECT col, lists, generation, difference, error FROM pg_temp.kinds_state();
SELECT * FROM vector_index_info('kinds_o') WHERE name = 'lists_built';
DROP TABLE grown, sizes, kinds, outside, items, operators, queries;
