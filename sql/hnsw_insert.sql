-- hnsw: rows that come after the index.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- The answers of all indexes against those without: nothing, where they are the same;
-- the check warns of what links do not lead to.
SET hnsw.ef_search = 1000;
SET hnsw.iterative_scan = off;
CREATE TABLE grown (id int, note text, v vector(12), h halfvec(12));
CREATE INDEX grown_l2 ON grown USING hnsw (v vector_l2_ops);
CREATE INDEX grown_ip ON grown USING hnsw (h halfvec_ip_ops) WITH (m = 4, ef_construction = 10);
CREATE INDEX grown_cosine ON grown USING hnsw (v vector_cosine_ops);
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
	SELECT vector_index_check(('grown_' || n)::regclass, true) FROM unnest(ARRAY['l2', 'ip', 'cosine']) n;
	SELECT string_agg(difference, ', ') FROM (VALUES (3), (70), (900)) s (k), queries q,
		LATERAL (SELECT pg_temp.differs('grown', 'v', '<->', quote_literal(target), k) UNION ALL
			SELECT pg_temp.differs('grown', 'h', '<#>', quote_literal(target::halfvec), k) UNION ALL
			SELECT pg_temp.differs('grown', 'v', '<=>', quote_literal(target), k)) d (difference) WHERE q.q IN (2, 6) $$;

-- the first rows of all, one statement each, and many at once; equal ones, and NULL
INSERT INTO grown SELECT id, 'x', v, h FROM items WHERE id = 1;
SELECT pg_temp.state();
INSERT INTO grown SELECT id, 'x', v, h FROM items WHERE id = 2;
SELECT pg_temp.state();
INSERT INTO grown SELECT id, 'x', v, h FROM items WHERE id BETWEEN 3 AND 600;
SELECT pg_temp.state();
SELECT count(*), count(v), count(DISTINCT v) FROM grown;

-- rows of one value: more than a node has places for, and than a slot of TIDs has
INSERT INTO grown SELECT 1000 + g, 'same', v, h FROM items, generate_series(1, 200) g WHERE id = 77;
SELECT pg_temp.state();
SELECT count(*), count(DISTINCT id), min(d) = max(d) AS equal FROM (SELECT id, v <-> (SELECT v FROM items WHERE id = 77) AS d
	FROM grown ORDER BY v <-> (SELECT v FROM items WHERE id = 77) LIMIT 201) k;

-- Zero has no direction: it is in two of the indexes.
INSERT INTO grown VALUES (2000, 'zero', (SELECT array_agg(0) FROM generate_series(1, 12)), (SELECT array_agg(0) FROM generate_series(1, 12)));
SELECT pg_temp.differs('grown', 'v', '<->', quote_literal(target), 900), pg_temp.differs('grown', 'h', '<#>', quote_literal(target::halfvec), 900)
	FROM queries WHERE q = 2;
SET enable_seqscan = off;
SELECT id FROM grown ORDER BY v <-> (SELECT v FROM grown WHERE note = 'zero') LIMIT 1;
SELECT count(*) FROM (SELECT id FROM grown ORDER BY v <=> (SELECT target FROM queries WHERE q = 2) LIMIT 1000) k;
SELECT count(*) FROM grown WHERE v IS NOT NULL;
RESET enable_seqscan;
DELETE FROM grown WHERE note = 'zero';

-- what is undone, as a whole and in part
BEGIN;
INSERT INTO grown SELECT id, 'gone', v, h FROM items WHERE id BETWEEN 601 AND 620;
SAVEPOINT s;
INSERT INTO grown SELECT id, 'gone', v, h FROM items WHERE id BETWEEN 621 AND 640;
SELECT pg_temp.state();
ROLLBACK TO s;
INSERT INTO grown SELECT id, 'gone', v, h FROM items WHERE id BETWEEN 631 AND 650;
SELECT pg_temp.state();
ROLLBACK;
SELECT pg_temp.state();
BEGIN;
SAVEPOINT s;
INSERT INTO grown SELECT id, 'y', v, h FROM items WHERE id BETWEEN 601 AND 620;
RELEASE s;
COMMIT;
SELECT pg_temp.state();

-- UPDATE: of another column, HOT or not, of the value, and back
UPDATE grown SET note = 'hot' WHERE id % 5 = 0;
SELECT pg_temp.state();
CREATE INDEX ON grown (note);
UPDATE grown SET note = 'cold' WHERE id % 3 = 0;
SELECT pg_temp.state();
UPDATE grown SET v = h, h = v, note = 'other' WHERE id % 7 = 0;
UPDATE grown SET v = v + v WHERE id % 11 = 0;
SELECT pg_temp.state();
UPDATE grown SET v = (SELECT i.v FROM items i WHERE i.id = grown.id) WHERE id < 1000;
SELECT pg_temp.state();

-- upsert
CREATE UNIQUE INDEX grown_id ON grown (id);
INSERT INTO grown SELECT id, 'upsert', v, h FROM items WHERE id BETWEEN 590 AND 640
	ON CONFLICT (id) DO UPDATE SET note = excluded.note, v = excluded.v * excluded.v;
SELECT count(*) FILTER (WHERE id <= 620) AS updated, count(*) FILTER (WHERE id > 620) AS inserted FROM grown WHERE note = 'upsert';
SELECT pg_temp.state();

-- What does not fit the column changes nothing, nor does what fails later.
SELECT pg_temp.error_of(s) FROM (VALUES ('INSERT INTO grown VALUES (3000, NULL, ''[1,2]'')'),
	('INSERT INTO grown VALUES (3000, NULL, NULL, ''[1,2,3]'')'),
	('INSERT INTO grown SELECT id + 4000, NULL, v, h FROM items WHERE 1 / (100 - id) > -1')) t (s);
SELECT pg_temp.state();

-- Values are stored out of line, in a temporary table, an unlogged one.
CREATE TEMP TABLE far (id int, v vector(2000));
ALTER TABLE far ALTER v SET STORAGE EXTERNAL;
CREATE INDEX far_v ON far USING hnsw (v vector_l2_ops);
INSERT INTO far SELECT g, (SELECT array_agg(sin(g * i)) FROM generate_series(1, 2000) i) FROM generate_series(1, 40) g;
UPDATE far SET id = id + 100 WHERE id % 2 = 0;
SELECT pg_temp.differs('far', 'v', '<->', '(SELECT array_agg(cos(i)) FROM generate_series(1, 2000) i)::vector', k) FROM unnest(ARRAY[1, 10, 100]) k;
CREATE UNLOGGED TABLE quick (id int, v vector(12));
CREATE INDEX quick_v ON quick USING hnsw (v vector_l2_ops);
INSERT INTO quick SELECT id, v FROM items WHERE id < 300;
SELECT pg_temp.differs('quick', 'v', '<->', quote_literal(target), 900) FROM queries WHERE q < 3;
TRUNCATE quick;
INSERT INTO quick SELECT id, v FROM items WHERE id BETWEEN 300 AND 500;
SELECT pg_temp.differs('quick', 'v', '<->', quote_literal(target), 900) FROM queries WHERE q < 3;

-- An index that is replaced while a statement inserts is none that it may know.
CREATE FUNCTION renewed() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO quick SELECT id, v FROM items WHERE id = 501;
	TRUNCATE quick;
	INSERT INTO quick SELECT id, v FROM items WHERE id BETWEEN 502 AND 503;
	REINDEX INDEX quick_v;
	INSERT INTO quick SELECT id, v FROM items WHERE id BETWEEN 504 AND 506;
	RETURN (SELECT count(*) FROM quick); END $$;
SELECT renewed();
SELECT pg_temp.differs('quick', 'v', '<->', quote_literal(target), 900) FROM queries WHERE q < 3;

-- With codes of neighbours: half of the rows are built, half inserted.
CREATE TABLE coded (id int, v vector(24));
INSERT INTO coded SELECT id, (v::real[] || v::real[])::vector(24) FROM items WHERE id % 2 = 0;
CREATE INDEX coded_v ON coded USING hnsw (v vector_cosine_ops) WITH (codes = '2');
INSERT INTO coded SELECT id, (v::real[] || v::real[])::vector(24) FROM items WHERE id % 2 = 1;
SELECT pg_temp.differs('coded', 'v', '<=>', quote_literal((target::real[] || target::real[])::vector), k) FROM queries, unnest(ARRAY[1, 10, 100]) k WHERE q < 8;
SELECT vector_index_check('coded_v', true);
DROP TABLE coded, grown, items, operators, queries;
