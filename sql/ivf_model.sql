-- ivfpq: models from outside and out of an index; whose tables, whose rights.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET ivfpq.candidates = 1000000;
SET ivfpq.probes = 32768;
CREATE SCHEMA "Odd ""model";
CREATE FUNCTION pg_temp.info(index regclass, variadic names text[]) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(value, ' ' ORDER BY ord) FROM unnest(names) WITH ORDINALITY n (name, ord) JOIN vector_index_info(index) USING (name) $$;
-- Out of an index and into another one: the same lists, codes, answers.
CREATE TABLE trips (id int, a vector(12), b halfvec(12));
INSERT INTO trips SELECT id, v * (SELECT array_agg(100000 * i) FROM generate_series(1, 12) i)::vector, h FROM items;
CREATE INDEX own_a ON trips USING ivfpq (a) WITH (m = 5);
CREATE INDEX own_b ON trips USING ivfpq (b halfvec_cosine_ops) WITH (lists = 7);
CREATE TABLE "Odd ""model"."A'c" AS SELECT * FROM vector_index_centroids('own_a') ORDER BY list % 3;
CREATE TABLE "Odd ""model".ae AS SELECT * FROM vector_index_codebook('own_a') ORDER BY code, part;
CREATE TABLE "Odd ""model".bc AS SELECT * FROM vector_index_centroids('own_b');
CREATE TABLE "Odd ""model".b AS SELECT * FROM vector_index_codebook('own_b');
CREATE MATERIALIZED VIEW "Odd ""model".be AS SELECT *, 'more' AS note FROM "Odd ""model".b;
CREATE INDEX new_a ON trips USING ivfpq (a) WITH (centroids_table = '"Odd ""model"."A''c"', codebook_table = '"Odd ""model".ae', m = 5);
CREATE INDEX new_b ON trips USING ivfpq (b halfvec_cosine_ops) WITH (centroids_table = '"Odd ""model".bc', codebook_table = '"Odd ""model".be');
SELECT x, (SELECT count(*) FROM vector_index_codes(('own_' || x)::regclass)) AS rows,
	(SELECT count(*) FROM (SELECT * FROM vector_index_codes(('own_' || x)::regclass) INTERSECT SELECT * FROM vector_index_codes(('new_' || x)::regclass)) s) AS same,
	pg_temp.info(('own_' || x)::regclass, 'lists', 'm') = pg_temp.info(('new_' || x)::regclass, 'lists', 'm') AS alike,
	vector_index_check(('own_' || x)::regclass, true), vector_index_check(('new_' || x)::regclass, true)
	FROM unnest(ARRAY['a', 'b']) x;
SELECT count(*) AS differ FROM ((TABLE "Odd ""model"."A'c" EXCEPT SELECT * FROM vector_index_centroids('new_a'))
	UNION ALL (SELECT * FROM vector_index_centroids('new_a') EXCEPT TABLE "Odd ""model"."A'c")) s;
SELECT count(*) AS differ FROM (TABLE "Odd ""model".ae EXCEPT SELECT * FROM vector_index_codebook('new_a')) s;
DROP INDEX own_a, own_b;
SELECT pg_temp.differs('trips', 'a', '<->', quote_literal(l.a)), pg_temp.differs('trips', 'b', '<=>', quote_literal(l.b))
	FROM trips l WHERE id IN (77, 1203);
-- With codes of 8 bits, too; and of learned transforms, whose matrix is given.
CREATE INDEX own_8 ON trips USING ivfpq (a) WITH (bits = 8, m = 5, lists = 6);
CREATE INDEX own_pca ON trips USING ivfpq (a) WITH (transform = pca, dimensions = 7, m = 3, lists = 6);
CREATE INDEX own_opq ON trips USING ivfpq (a) WITH (transform = opq, m = 4, lists = 6);
DO $$
DECLARE
	x text;
BEGIN
	FOREACH x IN ARRAY ARRAY['8', 'pca', 'opq'] LOOP
		EXECUTE format('CREATE TABLE "Odd ""model".c%1$s AS SELECT * FROM vector_index_centroids(''own_%1$s'')', x);
		EXECUTE format('CREATE TABLE "Odd ""model".e%1$s AS SELECT * FROM vector_index_codebook(''own_%1$s'')', x);
		EXECUTE format('CREATE TABLE "Odd ""model".t%1$s AS SELECT * FROM vector_index_transform(''own_%1$s'')', x);
		EXECUTE format('CREATE INDEX new_%1$s ON trips USING ivfpq (a) WITH (bits = %2$s, %3$s
			centroids_table = ''"Odd ""model".c%1$s'', codebook_table = ''"Odd ""model".e%1$s'')', x, CASE WHEN x = '8' THEN 8 ELSE 4 END,
			CASE WHEN x <> '8' THEN format('transform_table = ''"Odd ""model".t%s'',', x) ELSE '' END);
	END LOOP;
END $$;
SELECT x, pg_temp.info(('new_' || x)::regclass, 'codec', 'transform', 'm', 'lists', 'model_dimensions'),
	(SELECT count(*) FROM (SELECT * FROM vector_index_codes(('own_' || x)::regclass) INTERSECT SELECT * FROM vector_index_codes(('new_' || x)::regclass)) s) AS same,
	vector_index_check(('new_' || x)::regclass, true)
	FROM unnest(ARRAY['8', 'pca', 'opq']) x;
DROP INDEX own_8, own_pca, own_opq, new_8, new_pca, new_opq;
-- Parts that a table does not have are learned here.
CREATE INDEX part_c ON trips USING ivfpq (a) WITH (centroids_table = '"Odd ""model"."A''c"', m = 3);
CREATE INDEX part_e ON trips USING ivfpq (a) WITH (codebook_table = '"Odd ""model".ae', lists = 4);
CREATE INDEX part_n ON trips USING ivfpq (a) WITH (centroids_table = '"Odd ""model"."A''c"', codec = none);
SELECT x, pg_temp.info(x, 'codec', 'm', 'lists', 'centroids'), vector_index_check(x, true), (SELECT count(*) FROM vector_index_codebook(x)) AS entries,
	(SELECT count(*) FROM (SELECT * FROM vector_index_centroids(x) INTERSECT TABLE "Odd ""model"."A'c") s) AS same_centroids,
	(SELECT count(*) FROM (SELECT * FROM vector_index_codebook(x) INTERSECT TABLE "Odd ""model".ae) s) AS same_entries
	FROM unnest(ARRAY['part_c', 'part_e', 'part_n']::regclass[]) x ORDER BY x::text;
-- Codes are those that SQL makes of the same tables: the matrix, the nearest
-- centroid, the nearest entries to what is left.
CREATE SCHEMA model;
CREATE TABLE model.t (dimension int, entry vector);
CREATE TABLE model.c (list int PRIMARY KEY, centroid vector(10)) PARTITION BY RANGE (list);
CREATE TABLE model.c1 PARTITION OF model.c FOR VALUES FROM (0) TO (4);
CREATE TABLE model.c2 PARTITION OF model.c FOR VALUES FROM (4) TO (9);
CREATE TABLE model.e (part int, code int, entry vector);
-- dimensions 11 and 0 turned by 0.6, 0.8; 1 to 8 by themselves, and with another sign; 9 and 10 left out
INSERT INTO model.t SELECT d, (SELECT array_agg(CASE WHEN d = 0 AND i = 0 OR d = 9 AND i = 11 THEN 0.6 WHEN d = 0 AND i = 11 THEN 0.8
	WHEN d = 9 AND i = 0 THEN -0.8 WHEN d = i AND d BETWEEN 1 AND 8 THEN 1 - d % 2 * 2 ELSE 0 END ORDER BY i) FROM generate_series(0, 11) i)::vector
	FROM generate_series(0, 9) d;
INSERT INTO model.c SELECT l, (SELECT array_agg(sin(i * l + 1) / 3) FROM generate_series(1, 10) i) FROM generate_series(0, 8) l;
INSERT INTO model.e SELECT p, c, (SELECT array_agg(cos(i * c * (p + 1)) / 4) FROM generate_series(p * 10 / 4, (p + 1) * 10 / 4 - 1) i)::vector
	FROM generate_series(0, 3) p, generate_series(0, 15) c;
CREATE TABLE mapped (id int, v vector(12));
CREATE INDEX mapped_v ON mapped USING ivfpq (v) WITH (transform_table = 'model.t', centroids_table = 'model.c', codebook_table = 'model.e');
-- no row is needed where nothing is to be learned
SELECT pg_temp.info('mapped_v', 'transform', 'model_dimensions', 'codec', 'm', 'lists', 'rows', 'copies', 'generation');
CREATE FUNCTION pg_temp.other_codes() RETURNS TABLE (id int, list int, code text) LANGUAGE sql AS $$
	SELECT m.id, n.list, c.code FROM mapped m,
		LATERAL (SELECT (SELECT array_agg(-(entry <#> m.v) ORDER BY dimension) FROM model.t)::vector AS y) t,
		LATERAL (SELECT list, y - centroid AS residual FROM model.c ORDER BY centroid <-> y LIMIT 1) n,
		LATERAL (SELECT array_agg(e.code ORDER BY part) AS code FROM generate_series(0, 3) part,
			LATERAL (SELECT code FROM model.e e WHERE e.part = part.part
				ORDER BY e.entry <-> subvector(residual, part * 10 / 4 + 1, (part + 1) * 10 / 4 - part * 10 / 4) LIMIT 1) e) c
	EXCEPT SELECT m.id, list, code FROM vector_index_codes('mapped_v') i JOIN mapped m ON i.tid = m.ctid $$;
INSERT INTO mapped SELECT id, h FROM items WHERE id <= 700 AND h IS NOT NULL;
SELECT count(*) AS rows, count(DISTINCT list) > 3 AS lists, count(DISTINCT code) > 30 AS codes, (SELECT count(*) FROM pg_temp.other_codes()) AS other
	FROM vector_index_codes('mapped_v');
REINDEX INDEX mapped_v;
SELECT count(*) AS rows, (SELECT count(*) FROM pg_temp.other_codes()) AS other, vector_index_check('mapped_v', true) FROM vector_index_codes('mapped_v');
INSERT INTO mapped SELECT id, h FROM items WHERE id > 700 AND h IS NOT NULL;
SELECT vector_index_rebalance('mapped_v');
SELECT count(*) AS rows, (SELECT count(*) FROM pg_temp.other_codes()) AS other, vector_index_check('mapped_v', true) FROM vector_index_codes('mapped_v');
SELECT pg_temp.differs('mapped', 'v', '<->', quote_literal(target)) FROM queries WHERE q < 4;
SELECT count(*) AS differ FROM ((TABLE model.t EXCEPT SELECT * FROM vector_index_transform('mapped_v'))
	UNION ALL (SELECT * FROM vector_index_transform('mapped_v') EXCEPT TABLE model.t)) s;
-- Some row by hand.
CREATE TABLE model.hand_c (list, centroid) AS VALUES (0, '[0,0]'::vector), (1, '[8,0]');
CREATE TABLE model.hand_e (part, code, entry) AS SELECT p, c, ARRAY[c - 8]::vector FROM generate_series(0, 1) p, generate_series(0, 15) c;
CREATE TABLE hand (v vector(2));
CREATE INDEX hand_v ON hand USING ivfpq (v) WITH (centroids_table = 'model.hand_c', codebook_table = 'model.hand_e', rerank = none);
INSERT INTO hand VALUES ('[0,0]'), ('[3.75,-2.25]'), ('[4.25,20]'), ('[100,-100]');
SELECT v, list, code FROM hand h JOIN vector_index_codes('hand_v') c ON c.tid = h.ctid ORDER BY h.ctid;
-- What is refused, and how.
CREATE TABLE model.two (list int, centroid vector);
CREATE TABLE model.empty (list int, centroid vector);
CREATE VIEW model.view AS TABLE model.two;
CREATE TABLE model.big (list bigint, centroid vector);
CREATE TABLE model.halves (list int, centroid halfvec(12));
CREATE TABLE model.short (part int, code int, entry vector);
CREATE TABLE model.turn (dimension int, entry vector);
CREATE FUNCTION pg_temp.model_error(filling text, parameters text, col text DEFAULT 'v') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE filling;
	result := pg_temp.error_of(format('CREATE INDEX tried ON items USING ivfpq (%s) WITH (%s)', col, parameters));
	DELETE FROM model.two;
	DELETE FROM model.short;
	DELETE FROM model.turn;
	DROP INDEX IF EXISTS tried;
	RETURN result;
END $$;
CREATE FUNCTION pg_temp.unit(i int) RETURNS vector LANGUAGE sql AS 'SELECT array_agg((i = j)::int ORDER BY j)::vector FROM generate_series(0, 11) j';
SELECT n, pg_temp.model_error(filling, parameters) FROM (VALUES
	(1, '', 'centroids_table = two'),
	(2, '', 'centroids_table = ''postgres.model.two'''),
	(3, '', 'centroids_table = ''model."two'''),
	(4, '', 'centroids_table = '''''),
	(5, '', 'centroids_table = ''model.none'''),
	(6, '', 'codebook_table = ''nowhere.none'''),
	(7, '', 'centroids_table = ''model.view'''),
	(8, '', 'centroids_table = ''model.t'''),
	(9, '', 'centroids_table = ''model.big'''),
	(10, '', 'centroids_table = ''model.halves'''),
	(11, '', 'centroids_table = ''model.empty'''),
	(12, 'INSERT INTO model.two SELECT i, pg_temp.unit(i) FROM unnest(ARRAY[0, 1, 3]) i', 'centroids_table = ''model.two'''),
	(13, 'INSERT INTO model.two SELECT i, pg_temp.unit(i) FROM unnest(ARRAY[0, 1, 1]) i', 'centroids_table = ''model.two'''),
	(14, 'INSERT INTO model.two SELECT i, pg_temp.unit(i) FROM unnest(ARRAY[1, 2]) i', 'centroids_table = ''model.two'''),
	(15, 'INSERT INTO model.two VALUES (-1, pg_temp.unit(0))', 'centroids_table = ''model.two'''),
	(16, 'INSERT INTO model.two VALUES (NULL, pg_temp.unit(0))', 'centroids_table = ''model.two'''),
	(17, 'INSERT INTO model.two VALUES (0, NULL)', 'centroids_table = ''model.two'''),
	(18, 'INSERT INTO model.two VALUES (0, pg_temp.unit(0)), (1, ''[1,2]'')', 'centroids_table = ''model.two'''),
	(19, 'INSERT INTO model.two SELECT i, pg_temp.unit(0) FROM generate_series(0, 32768) i', 'centroids_table = ''model.two'''),
	(20, 'INSERT INTO model.two SELECT i, pg_temp.unit(i) FROM generate_series(0, 3) i', 'centroids_table = ''model.two'', lists = 3'),
	(21, 'INSERT INTO model.two VALUES (0, array_fill(3e38::float8, ARRAY[12])::vector)', 'centroids_table = ''model.two'''),
	(22, '', 'codebook_table = ''model.two'''),
	(23, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 3) p, generate_series(0, 15) c', 'codebook_table = ''model.short'', m = 3'),
	(24, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 3) p, generate_series(0, 15) c WHERE (p, c) <> (2, 7)', 'codebook_table = ''model.short'''),
	(25, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 3) p, generate_series(0, 15) c WHERE (p, c) <> (3, 15)', 'codebook_table = ''model.short'''),
	(26, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 3) p, generate_series(0, 16) c', 'codebook_table = ''model.short'''),
	(27, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 2) p, generate_series(0, 15) c', 'codebook_table = ''model.short'''),
	(28, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 4) p, generate_series(0, 15) c', 'codebook_table = ''model.short'''),
	(29, 'INSERT INTO model.short SELECT p, c, (CASE WHEN c = 5 THEN ''[1,2]'' ELSE ''[1,2,3]'' END)::vector FROM generate_series(0, 3) p, generate_series(0, 15) c', 'codebook_table = ''model.short'''),
	(30, 'INSERT INTO model.short SELECT p, c, (ARRAY[''[1,2]'', ''[1,2,3,4]'', ''[1,2]'', ''[1,2,3,4]''])[p + 1]::vector FROM generate_series(0, 3) p, generate_series(0, 15) c', 'codebook_table = ''model.short'''),
	(31, 'INSERT INTO model.short SELECT p, c, ''[1,2,3]'' FROM generate_series(0, 3) p, generate_series(0, 15) c', 'codebook_table = ''model.short'', codec = sq8'),
	(32, 'INSERT INTO model.turn SELECT i, pg_temp.unit(i) FROM generate_series(0, 11) i', 'transform_table = ''model.turn'', transform = pca'),
	(33, 'INSERT INTO model.turn SELECT i, pg_temp.unit(i / 2) FROM generate_series(0, 11) i', 'transform_table = ''model.turn'''),
	(34, 'INSERT INTO model.turn SELECT i, pg_temp.unit(i) + pg_temp.unit(5) FROM generate_series(0, 4) i', 'transform_table = ''model.turn'''),
	(35, 'INSERT INTO model.turn SELECT i, pg_temp.unit(i % 12) FROM generate_series(0, 12) i', 'transform_table = ''model.turn'''),
	(36, 'INSERT INTO model.turn VALUES (0, ''[1,0]'')', 'transform_table = ''model.turn'''),
	(37, 'INSERT INTO model.turn SELECT i, pg_temp.unit(i) FROM generate_series(0, 11) i', 'transform_table = ''model.turn'', codec = none'),
	(38, 'INSERT INTO model.two SELECT i, pg_temp.unit(i) FROM generate_series(0, 3) i', 'centroids_table = ''model.two'', transform = opq'),
	(39, 'INSERT INTO model.two SELECT i, pg_temp.unit(i) FROM generate_series(0, 3) i; INSERT INTO model.turn SELECT i, pg_temp.unit(i) FROM generate_series(0, 4) i',
		'centroids_table = ''model.two'', transform_table = ''model.turn''')) s (n, filling, parameters) ORDER BY n;
SELECT pg_temp.error_of('CREATE INDEX tried ON items USING ivfflat (v) WITH (centroids_table = ''model.two'')');
SET maintenance_work_mem = '1MB';
SELECT pg_temp.model_error('INSERT INTO model.two SELECT i, pg_temp.unit(0) FROM generate_series(0, 20000) i', 'centroids_table = ''model.two''');
RESET maintenance_work_mem;
-- What is not finite comes in by a superuser's cast alone.
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
SELECT pg_temp.model_error($$INSERT INTO model.two VALUES (0, ('\x0c00' || '0000' || repeat('0000803f', 11) || '0000c07f')::bytea::vector)$$, 'centroids_table = ''model.two''');
DROP CAST (bytea AS vector);
-- The index does not need the tables any more, but to be built again.
DROP SCHEMA model CASCADE;
INSERT INTO mapped SELECT id, h FROM items WHERE id < 300 AND h IS NOT NULL;
DELETE FROM mapped WHERE id % 3 = 0;
VACUUM mapped;
SELECT vector_index_check('mapped_v', true);
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY['REINDEX INDEX mapped_v', 'SELECT vector_index_rebalance(''mapped_v'')', 'TRUNCATE mapped']) statement;
SELECT pg_temp.info('mapped_v', 'rows', 'transform'), vector_index_check('mapped_v', true);
ALTER INDEX mapped_v RESET (transform_table, centroids_table, codebook_table);
SELECT vector_index_rebalance('mapped_v');
SELECT pg_temp.info('mapped_v', 'transform', 'codec', 'model_dimensions'), vector_index_check('mapped_v', true);
-- What there is nothing of has no rows.
CREATE INDEX flat ON trips USING ivfflat (a) WITH (lists = 9);
CREATE INDEX even ON trips USING ivfpq (a) WITH (lists = 6, m = 3, balanced = true, centroids_table = '"Odd ""model"."A''c"');
CREATE INDEX even ON trips USING ivfpq (a) WITH (m = 3, balanced = true, centroids_table = '"Odd ""model"."A''c"');
SELECT pg_temp.info('even', 'lists', 'centroids', 'balanced'), vector_index_check('even', true),
	(SELECT max(n) < 1.25 * avg(n) FROM (SELECT count(*) AS n FROM vector_index_codes('even') GROUP BY list) s) AS even;
CREATE TABLE few AS SELECT * FROM items LIMIT 10;
CREATE INDEX few_v ON few USING ivfpq (v);
SELECT x, (SELECT count(*) FROM vector_index_centroids(x)) AS centroids, (SELECT count(*) FROM vector_index_codebook(x)) AS entries,
	(SELECT count(*) FROM vector_index_transform(x)) AS transform, (SELECT count(*) FROM vector_index_codes(x)) AS codes
	FROM unnest(ARRAY['flat', 'few_v', 'new_a']::regclass[]) x;
SELECT pg_temp.error_of('SELECT vector_index_centroids(''trips'')');
-- Part of a model, and too few rows for the rest: a rebuild is asked for, as
-- VACUUM does not read other tables.
CREATE TABLE growing (v vector(12));
CREATE INDEX growing_v ON growing USING ivfpq (v) WITH (codebook_table = '"Odd ""model".ae');
INSERT INTO growing SELECT v FROM items;
VACUUM growing;
SELECT pg_temp.info('growing_v', 'codec', 'lists');
SELECT vector_index_rebalance('growing_v');
SELECT pg_temp.info('growing_v', 'codec', 'm'), vector_index_check('growing_v', true);
-- Tables are read as the indexed table's owner, whoever asks.
CREATE ROLE regress_model_owner;
CREATE ROLE regress_model_other;
GRANT CREATE ON SCHEMA public TO regress_model_owner;
CREATE SCHEMA model;
GRANT USAGE ON SCHEMA model TO regress_model_owner;
CREATE TABLE model.c (list int, centroid vector);
INSERT INTO model.c SELECT i, pg_temp.unit(i) FROM generate_series(0, 3) i;
SET ROLE regress_model_owner;
CREATE TABLE theirs (id int, v vector(12));
RESET ROLE;
INSERT INTO theirs SELECT id, v FROM items;
\set create 'CREATE INDEX theirs_v ON theirs USING ivfpq (v) WITH (centroids_table = ''model.c'')'
SELECT pg_temp.error_of(:'create');
GRANT SELECT (list) ON model.c TO regress_model_owner;
SELECT pg_temp.error_of(:'create');
GRANT SELECT ON model.c TO regress_model_owner;
SELECT pg_temp.error_of(:'create');
SELECT pg_temp.info('theirs_v', 'lists', 'codec');
REVOKE SELECT ON model.c FROM regress_model_owner;
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY['REINDEX TABLE theirs', 'SELECT vector_index_rebalance(''theirs_v'')']) statement;
SELECT current_user = session_user AS myself, current_setting('row_security');
REVOKE USAGE ON SCHEMA model FROM regress_model_owner;
SELECT pg_temp.error_of('REINDEX TABLE theirs');
-- Row filters neither hide centroids nor run.
GRANT USAGE ON SCHEMA model TO regress_model_owner;
GRANT SELECT ON model.c TO regress_model_owner;
ALTER TABLE model.c ENABLE ROW LEVEL SECURITY;
CREATE POLICY none ON model.c USING (list < 2);
SELECT pg_temp.error_of('REINDEX TABLE theirs');
ALTER TABLE model.c DISABLE ROW LEVEL SECURITY;
SELECT pg_temp.error_of('REINDEX TABLE theirs');
-- What an index has learned is for those who may read the table.
SET ROLE regress_model_other;
SELECT pg_temp.error_of(format('SELECT count(*) FROM vector_index_%s(''theirs_v'')', f)) FROM unnest(ARRAY['centroids', 'codebook', 'transform', 'codes']) f;
RESET ROLE;
GRANT SELECT (v) ON theirs TO regress_model_other;
SET ROLE regress_model_other;
SELECT pg_temp.error_of('SELECT count(*) FROM vector_index_centroids(''theirs_v'')');
RESET ROLE;
GRANT SELECT ON theirs TO regress_model_other;
SET ROLE regress_model_other;
SELECT (SELECT count(*) FROM vector_index_centroids('theirs_v')) AS centroids, (SELECT count(*) FROM vector_index_codes('theirs_v')) AS codes;
RESET ROLE;
ALTER TABLE theirs ENABLE ROW LEVEL SECURITY;
SET ROLE regress_model_other;
SELECT pg_temp.error_of('SELECT count(*) FROM vector_index_centroids(''theirs_v'')');
RESET ROLE;
\set ECHO none
SET client_min_messages = error;
DROP OWNED BY regress_model_owner, regress_model_other CASCADE;
DROP ROLE regress_model_owner, regress_model_other;
DROP SCHEMA model, "Odd ""model" CASCADE;
DROP TABLE items, trips, mapped, hand, few, growing, operators, queries;
