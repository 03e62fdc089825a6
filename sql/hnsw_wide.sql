-- hnsw: records that fit no page, or no slot, go on in others.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
-- A row is a wave of its own; each tenth is a copy of another one, one is NULL.
CREATE FUNCTION pg_temp.wave(g float8, dim int) RETURNS real[] STRICT IMMUTABLE LANGUAGE sql AS $$
	SELECT array_agg(sin(g * i * 0.37 + i % 91)::real ORDER BY i) FROM generate_series(1, dim) i $$;
CREATE FUNCTION pg_temp.bits(g float8, dim int) RETURNS text STRICT IMMUTABLE LANGUAGE sql AS $$
	SELECT string_agg((sin(g * i * 0.37 + i % 91) > 0.2)::int::text, '' ORDER BY i) FROM generate_series(1, dim) i $$;
-- so many elements that are not zero
CREATE FUNCTION pg_temp.elements(g float8, n int) RETURNS text STRICT IMMUTABLE LANGUAGE sql AS $$
	SELECT '{' || string_agg((i * 90001 + (g * i)::int % 90001) || ':' || (2 + sin(g * i))::real, ',' ORDER BY i) || '}/100000000' FROM generate_series(1, n) i $$;
CREATE TABLE seeds AS SELECT id, CASE WHEN id <> 50 THEN (CASE WHEN id % 10 = 3 THEN id + 1 ELSE id END)::float8 END AS g FROM generate_series(1, 60) id;
CREATE TABLE wide AS SELECT id, pg_temp.wave(g, 16000)::vector(16000) AS v, pg_temp.wave(g, 16000)::halfvec(16000) AS h,
	pg_temp.wave(g, 4096)::vector(4096) AS v4, pg_temp.bits(g, 64000)::bit(64000) AS b,
	pg_temp.elements(g, CASE WHEN id % 5 = 1 THEN 1000 ELSE 5 + id % 40 END)::sparsevec(100000000) AS s FROM seeds;
ANALYZE wide;
CREATE TABLE classes (n int, col text, class text, op text, options text);
INSERT INTO classes SELECT row_number() OVER (), col, class, op, options FROM (VALUES
	('v', 'vector_l2_ops', '<->', ''), ('v', 'vector_cosine_ops', '<=>', 'WITH (m = 100, ef_construction = 200)'), ('v', 'vector_ip_ops', '<#>', 'WITH (storage = float)'),
	('v', 'vector_l1_ops', '<+>', ''), ('h', 'halfvec_ip_ops', '<#>', ''), ('h', 'halfvec_l2_ops', '<->', 'WITH (storage = half)'), ('v4', 'vector_l2_ops', '<->', ''),
	('v4', 'vector_cosine_ops', '<=>', 'WITH (storage = float)'), ('b', 'bit_hamming_ops', '<~>', ''), ('b', 'bit_jaccard_ops', '<%>', 'WITH (m = 100, ef_construction = 200)'),
	('s', 'sparsevec_l2_ops', '<->', ''), ('s', 'sparsevec_cosine_ops', '<=>', 'WITH (m = 4)'), ('s', 'sparsevec_ip_ops', '<#>', ''), ('s', 'sparsevec_l1_ops', '<+>', '')) c (col, class, op, options);
CREATE FUNCTION pg_temp.target(col text, g float8) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN col IN ('v', 'h') THEN quote_literal(pg_temp.wave(g, 16000)::vector) WHEN col = 'v4' THEN quote_literal(pg_temp.wave(g, 4096)::vector)
		WHEN col = 'b' THEN 'B' || quote_literal(pg_temp.bits(g, 64000)) ELSE quote_literal(pg_temp.elements(g, 30)) END $$;
CREATE TABLE targets AS SELECT col, g, pg_temp.target(col, g) AS target FROM unnest(ARRAY['v', 'h', 'v4', 'b', 's']) col, unnest(ARRAY[7, 0.7]) g;
-- What is wrong with an index: with ten rows, and with all
CREATE FUNCTION pg_temp.faults(c classes) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', k, g, d), ', ') FROM targets t, unnest(ARRAY[10, 200]) k,
		pg_temp.differs('wide', c.col, c.op, t.target, k) d WHERE t.col = c.col AND d IS NOT NULL $$;
CREATE FUNCTION pg_temp.fact(index text, fact text) RETURNS int LANGUAGE sql AS $$
	SELECT value::int FROM vector_index_info(index::regclass) WHERE name = fact $$;
CREATE TABLE results (n int, parts int, built text, refilled int, half_gone text, none_left text, grown text);
\set ECHO all
SELECT count(*), count(v), count(DISTINCT v) AS v, count(DISTINCT b) AS b, count(DISTINCT s) AS s FROM wide;
-- Each index by itself: built; half of the rows deleted, and others in their place; all
-- deleted, and inserted again.
CREATE TABLE pool AS TABLE wide;
-- (VACUUM is no part of a transaction)
SELECT format($$
	CREATE INDEX tried_%1$s ON wide USING hnsw (%2$I %3$s) %4$s;
	SELECT vector_index_check('tried_%1$s', true);
	INSERT INTO results SELECT n, pg_temp.fact('tried_%1$s', 'part_slots'), pg_temp.faults(c) FROM classes c WHERE n = %1$s $$, n, col, class, options)
	FROM classes ORDER BY n
\set ECHO none
\pset tuples_only on
\gexec
\pset tuples_only off
\set ECHO all
SELECT n, concat_ws(' ', col, class, options) AS class, parts, built FROM classes JOIN results USING (n) ORDER BY n;
DELETE FROM wide WHERE id % 2 = 0;
VACUUM wide;
UPDATE results r SET refilled = pg_temp.fact('tried_' || r.n, 'part_slots'), half_gone = pg_temp.faults(c) FROM classes c WHERE c.n = r.n;
SELECT n, parts > 0 AS has_parts, refilled BETWEEN parts * 0.3 AND parts * 0.7 AS half_of_them, half_gone FROM results ORDER BY n;
SELECT n, vector_index_check(('tried_' || n)::regclass, true) FROM results ORDER BY n;
-- in the room that was there
SELECT sum(pg_relation_size(('tried_' || n)::regclass)) AS size FROM results \gset
INSERT INTO wide SELECT * FROM pool WHERE id % 2 = 0;
SELECT sum(pg_relation_size(('tried_' || n)::regclass)) <= 1.05 * :size AS room_is_used_again FROM results;
SELECT n, vector_index_check(('tried_' || n)::regclass, true) FROM results ORDER BY n;
UPDATE results r SET grown = pg_temp.faults(c), refilled = pg_temp.fact('tried_' || r.n, 'part_slots') FROM classes c WHERE c.n = r.n;
SELECT n, refilled = parts AS as_many_parts, grown FROM results ORDER BY n;
DELETE FROM wide;
VACUUM wide;
SELECT n, pg_temp.fact('tried_' || n, 'part_slots') AS parts, pg_temp.fact('tried_' || n, 'held_slots') AS held,
	pg_temp.fact('tried_' || n, 'nodes') AS nodes, vector_index_check(('tried_' || n)::regclass, true) FROM results ORDER BY n;
INSERT INTO wide SELECT * FROM pool;
UPDATE results r SET none_left = pg_temp.faults(c) FROM classes c WHERE c.n = r.n;
SELECT count(*), count(none_left) AS faults FROM results;
-- An insertion that fails while there are parts leaves nothing that VACUUM does not find
SELECT pg_temp.error_of($$INSERT INTO wide SELECT 1000 + id, v, h, v4, b, CASE WHEN id = 41 THEN pg_temp.elements(3, 1001)::sparsevec(100000000) ELSE s END FROM pool$$);
DELETE FROM wide WHERE id < 10;
VACUUM wide;
SELECT n, vector_index_check(('tried_' || n)::regclass, true) FROM results ORDER BY n;

-- Sparse vectors of more elements than pgvector takes: when the index is built, and later
CREATE TABLE dense (s sparsevec(100000000));
INSERT INTO dense VALUES (pg_temp.elements(1, 1001)::sparsevec);
SELECT pg_temp.error_of('CREATE INDEX ON dense USING hnsw (s sparsevec_l2_ops)');
TRUNCATE dense;
CREATE INDEX ON dense USING hnsw (s sparsevec_l2_ops);
INSERT INTO dense VALUES (pg_temp.elements(1, 1000)::sparsevec);
SELECT pg_temp.error_of($$INSERT INTO dense VALUES (pg_temp.elements(1, 1001)::sparsevec)$$);
-- a query may have as many as it likes, but of the column's dimensions
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT s FROM dense ORDER BY s <-> pg_temp.elements(1, 1100)::sparsevec) k;
SELECT pg_temp.error_of($$SELECT s FROM dense ORDER BY s <-> '{1:1}/3'$$);
DROP TABLE dense, wide, pool, seeds, classes, targets, results, items, operators, queries CASCADE;
