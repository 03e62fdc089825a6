-- ivfflat over bit strings by Hamming distance.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
-- Rows near one of 40 centres, an eighth of their bits changed; each tenth row is
-- a copy of another one, some are NULL.
CREATE FUNCTION pg_temp.noise(seed text) RETURNS bit(128) LANGUAGE sql IMMUTABLE AS
	$$ SELECT ('x' || md5(seed))::bit(128) $$;
CREATE FUNCTION pg_temp.near(g int) RETURNS bit(128) LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_temp.noise('centre' || g % 40) # (pg_temp.noise('a' || g) & pg_temp.noise('b' || g) & pg_temp.noise('c' || g)) $$;
CREATE TABLE strings (id int, color int, b bit(128), n bit(7), o bit(1), w bit(1003));
INSERT INTO strings SELECT id, id % 7, b, b::bit(7), b::bit(1), w FROM (SELECT g AS id, b,
	(SELECT string_agg((b # pg_temp.noise(i || 'w' || g % 40))::text, '' ORDER BY i) FROM generate_series(1, 8) i)::bit(1003) AS w
	FROM generate_series(1, 3000) g,
	LATERAL (SELECT CASE WHEN g % 500 <> 0 THEN pg_temp.near(g - CASE WHEN g % 10 = 3 THEN 57 ELSE 0 END) END AS b) s) t;
ANALYZE strings;
CREATE TABLE targets (q int, b bit(128), n bit(7), o bit(1), w bit(1003));
INSERT INTO targets SELECT q, b, b::bit(7), b::bit(1), repeat(b::text, 8)::bit(1003)
	FROM generate_series(1, 6) q, pg_temp.near(q * 10007) b;
INSERT INTO targets SELECT 7, b, n, o, w FROM strings WHERE id = 1203;
INSERT INTO targets SELECT 8, repeat('1', 128)::bit(128), B'1111111', B'1', repeat('1', 1003)::bit(1003);
CREATE FUNCTION pg_temp.target(col text, q int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT %I::text FROM targets WHERE q = %s', col, q) INTO result;
	RETURN 'B' || quote_literal(result);
END $$;
\set ECHO all
SELECT count(*), count(b), count(DISTINCT b) AS different, count(DISTINCT o) AS one FROM strings;

-- All lists: the exact answer.
SET ivfflat.probes = 32768;
CREATE TABLE results (col text, lists int, k int, q int, difference text);
DO $$
DECLARE
	col text;
	lists int;
BEGIN
	FOREACH col IN ARRAY ARRAY['b', 'n', 'o', 'w'] LOOP
		FOREACH lists IN ARRAY ARRAY[0, 1, 40, 2999] LOOP
			EXECUTE format('CREATE INDEX tried ON strings USING ivfflat (%I bit_hamming_ops)', col) ||
				CASE WHEN lists > 0 THEN format(' WITH (lists = %s)', lists) ELSE '' END;
			INSERT INTO results SELECT col, lists, k, q, pg_temp.differs('strings', col, '<~>', pg_temp.target(col, q), k)
				FROM targets, unnest(ARRAY[1, 10, 100, 3000]) k;
			PERFORM vector_index_check('tried', true);
			DROP INDEX tried;
		END LOOP;
	END LOOP;
END $$;
SELECT col, count(*), count(difference) AS different FROM results GROUP BY 1 ORDER BY 1;
SELECT * FROM results WHERE difference IS NOT NULL ORDER BY 1, 2, 3, 4 LIMIT 5;
RESET ivfflat.probes;

-- What an index is; with nothing set it finds the nearest, in order and once, as
-- many as are asked for, through a condition as well.
CREATE INDEX tried ON strings USING ivfflat (b bit_hamming_ops);
SELECT name, value FROM vector_index_info('tried') WHERE name !~ 'probes|bytes';
CREATE FUNCTION pg_temp.recall(k int, condition text DEFAULT 'true')
	RETURNS TABLE (recall bool, full_length bool, ordered bool, once bool) LANGUAGE plpgsql AS $$
DECLARE
	exact record;
	found record;
	i int;
	hits int := 0;
BEGIN
	full_length := true;
	ordered := true;
	once := true;
	FOR i IN 1..8 LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		SELECT * INTO exact FROM pg_temp.answers('strings', 'b', '<~>', pg_temp.target('b', i), k, condition);
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		SELECT * INTO found FROM pg_temp.answers('strings', 'b', '<~>', pg_temp.target('b', i), k, condition);
		ASSERT exact.plan LIKE '%Sort%' AND found.plan LIKE '%Index Scan%';
		hits := hits + (SELECT count(*) FROM unnest(found.distances) d WHERE d <= exact.distances[cardinality(exact.distances)]);
		full_length := full_length AND cardinality(found.ids) = cardinality(exact.ids);
		ordered := ordered AND found.distances = (SELECT array_agg(d ORDER BY d) FROM unnest(found.distances) d);
		once := once AND (SELECT count(DISTINCT u) = count(*) FROM unnest(found.ids) u);
	END LOOP;
	recall := hits >= 0.95 * 8 * k;
	PERFORM set_config('enable_seqscan', 'on', true);
	RETURN NEXT;
END $$;
SELECT k, r.* FROM unnest(ARRAY[1, 10, 60]) k, pg_temp.recall(k) r;
SELECT r.* FROM pg_temp.recall(10, 'color = 3') r;
-- one list alone holds fewer rows; without a setting the scan goes on
SET enable_seqscan = off;
SET ivfflat.probes = 1;
SET ivfflat.iterative_scan = off;
SELECT count(*) BETWEEN 1 AND 500 AS one_list FROM (SELECT id FROM strings ORDER BY b <~> (SELECT b FROM targets WHERE q = 1)) s;
RESET ivfflat.iterative_scan;
RESET ivfflat.probes;
SELECT count(*) FROM (SELECT id FROM strings ORDER BY b <~> (SELECT b FROM targets WHERE q = 1)) s;
-- NULL has no distance: all rows, in any order
SELECT count(*) FROM (SELECT id FROM strings ORDER BY b <~> (SELECT NULL::bit(128))) s;
RESET enable_seqscan;
DROP INDEX tried;

-- From an empty table on, through everything that happens to rows.
SET ivfflat.probes = 32768;
CREATE TABLE life (id int, b bit(128), w bit(1003)) WITH (autovacuum_enabled = off);
CREATE UNLOGGED TABLE unlogged (id int, b bit(128));
CREATE INDEX life_b ON life USING ivfflat (b bit_hamming_ops);
CREATE INDEX life_w ON life USING ivfflat (w bit_hamming_ops) WITH (lists = 3);
CREATE INDEX unlogged_b ON unlogged USING ivfflat (b bit_hamming_ops);
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
BEGIN
	PERFORM vector_index_check('life_b', true), vector_index_check('life_w', true), vector_index_check('unlogged_b', true);
	FOR k IN 1..3 LOOP
		result := concat_ws(', ', nullif(result, ''),
			pg_temp.differs('life', 'b', '<~>', pg_temp.target('b', k), (ARRAY[3, 70, 5000])[k]),
			pg_temp.differs('life', 'w', '<~>', pg_temp.target('w', k), (ARRAY[3, 70, 5000])[k]),
			pg_temp.differs('unlogged', 'b', '<~>', pg_temp.target('b', k), (ARRAY[3, 70, 5000])[k]));
	END LOOP;
	RETURN nullif(result, '');
END $$;
SELECT pg_temp.state();
INSERT INTO life VALUES (0, NULL, NULL);
INSERT INTO life SELECT id, b, w FROM strings WHERE id < 100;
INSERT INTO unlogged SELECT id, b FROM strings;
SELECT pg_temp.state();
REINDEX TABLE life;
INSERT INTO life SELECT id, b, w FROM strings WHERE id >= 100;
SELECT pg_temp.state();
SELECT vector_index_rebalance('life_b'), vector_index_rebalance('life_w'), vector_index_rebalance('unlogged_b');
SELECT pg_temp.state();
SELECT name, value FROM vector_index_info('life_b') WHERE name IN ('rows', 'generation', 'copies', 'codec');
DELETE FROM life WHERE id % 3 = 0;
SELECT pg_temp.state();
VACUUM life;
SELECT pg_temp.state();
UPDATE life SET b = ~b, w = ~w WHERE id % 5 = 0;
INSERT INTO life SELECT id, b, w FROM strings WHERE id % 3 = 0;
SELECT pg_temp.state();
ALTER TABLE life SET UNLOGGED;
ALTER TABLE unlogged SET LOGGED;
SELECT pg_temp.state();
TRUNCATE life, unlogged;
SELECT pg_temp.state();
DROP TABLE life, unlogged;

-- The widest rows, whose centroids and copies take pages of their own, in little
-- memory.
SET maintenance_work_mem = '1MB';
CREATE TABLE wide (id int, b bit(64000)) WITH (autovacuum_enabled = off);
INSERT INTO wide SELECT id, repeat(b::text, 500)::bit(64000) FROM strings WHERE id <= 60;
INSERT INTO wide SELECT 100 + i, (repeat('0', 63999 - i) || repeat('1', i + 1))::bit(64000) FROM generate_series(0, 4) i;
CREATE INDEX wide_b ON wide USING ivfflat (b bit_hamming_ops) WITH (lists = 6);
SELECT vector_index_check('wide_b', true);
SELECT name, value FROM vector_index_info('wide_b') WHERE name IN ('dimensions', 'lists', 'rows');
SELECT pg_temp.differs('wide', 'b', '<~>', '(SELECT b FROM wide WHERE id = 7)', k) FROM unnest(ARRAY[1, 10, 1000]) k;
-- one bit after the other, the last one of all included
SET enable_seqscan = off;
SELECT id, b <~> repeat('0', 64000)::bit(64000) AS distance FROM wide ORDER BY 2 LIMIT 3;
RESET enable_seqscan;
DELETE FROM wide WHERE id % 2 = 0;
VACUUM wide;
INSERT INTO wide SELECT 1000 + id, ~b FROM wide;
SELECT vector_index_check('wide_b', true);
SELECT pg_temp.differs('wide', 'b', '<~>', '(SELECT b FROM wide WHERE id = 7)', k) FROM unnest(ARRAY[1, 10, 1000]) k;
SELECT vector_index_rebalance('wide_b');
SELECT vector_index_check('wide_b', true);
SELECT pg_temp.differs('wide', 'b', '<~>', '(SELECT b FROM wide WHERE id = 1007)', k) FROM unnest(ARRAY[1, 10, 1000]) k;
RESET maintenance_work_mem;
DROP TABLE wide;
RESET ivfflat.probes;

-- What is refused, and how.
CREATE TABLE refused (v varbit(3), wider bit(64001), one bit(1), three bit(3));
CREATE INDEX tried ON strings USING ivfflat (b bit_hamming_ops);
-- without rows, so that no operator finds it out
CREATE INDEX ON refused USING ivfflat (three bit_hamming_ops);
SET enable_seqscan = off;
SELECT statement, pg_temp.error_of(statement) FROM (VALUES
	(1, 'CREATE INDEX ON refused USING ivfflat (v bit_hamming_ops)'),
	(2, 'CREATE INDEX ON refused USING ivfflat ((v || v) bit_hamming_ops)'),
	(3, 'CREATE INDEX ON refused USING ivfflat ((three & three) bit_hamming_ops)'),
	(4, 'CREATE INDEX ON refused USING ivfflat (wider bit_hamming_ops)'),
	(5, 'CREATE INDEX ON refused USING ivfflat (three)'),
	(6, 'CREATE INDEX ON refused USING ivfpq (three bit_hamming_ops)'),
	(7, 'CREATE INDEX ON refused USING ivfflat (three bit_jaccard_ops)'),
	(8, 'CREATE INDEX ON refused USING ivfflat (three vector_l2_ops)'),
	(9, 'SELECT id FROM strings ORDER BY b <~> B''101'' LIMIT 1'),
	(10, 'INSERT INTO strings (b) VALUES (B''101'')'),
	(11, 'SELECT three FROM refused ORDER BY three <~> B''1101''')) s (n, statement) ORDER BY n;
-- a length of its own for each expression; one bit is enough
CREATE INDEX ON refused USING ivfflat ((v::bit(2)) bit_hamming_ops);
CREATE INDEX ON refused USING ivfflat (one bit_hamming_ops);
INSERT INTO refused VALUES (B'101', NULL, B'1', NULL), (B'0', NULL, B'0', NULL), (B'011', NULL, NULL, NULL);
SELECT v FROM refused ORDER BY v::bit(2) <~> B'11', v;
SELECT one FROM refused WHERE one IS NOT NULL ORDER BY one <~> B'1';
RESET enable_seqscan;
DROP TABLE strings, targets, results, refused, items, operators, queries;
