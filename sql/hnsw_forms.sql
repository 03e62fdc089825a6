-- hnsw over values that are kept as they are: bit strings, sparse vectors, L1, and
-- vectors in their own precision; and over records that fit no page.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
-- The rows of items and their like as bits, few and many, and as sparse vectors, of as
-- many dimensions and of far more; each tenth row is a copy of another one, some are
-- NULL.  An eighth of the elements are zeros.
CREATE FUNCTION pg_temp.as_bits(v real[], n int) RETURNS text STRICT IMMUTABLE LANGUAGE sql AS $$
	SELECT string_agg((v[1 + i % cardinality(v)] * (1 + i % 3) > sin(i))::int::text, '' ORDER BY i) FROM generate_series(0, n - 1) i $$;
CREATE FUNCTION pg_temp.as_sparse(v real[], dim int) RETURNS text STRICT IMMUTABLE LANGUAGE sql AS $$
	SELECT '{' || coalesce(string_agg(i || ':' || x, ','), '') || '}/' || dim FROM
		(SELECT CASE WHEN dim = cardinality(v) THEN i ELSE (i - 1) * (dim / 12) + (v[i] * 10)::int + 11 END AS i, v[i] AS x
			FROM generate_subscripts(v, 1) i WHERE v[i] > -0.4) e $$;
CREATE TABLE forms AS SELECT id, color, v, h, pg_temp.as_bits(v::real[], 100)::bit(100) AS b, pg_temp.as_bits(v::real[], 5000)::bit(5000) AS b_wide,
	pg_temp.as_bits(v::real[], 7)::bit(7) AS b_few, pg_temp.as_sparse(v::real[], 12)::sparsevec(12) AS s,
	pg_temp.as_sparse(v::real[], 1000000)::sparsevec(1000000) AS s_wide FROM items;
-- zeros: no place under cosine; nothing in common with anybody
INSERT INTO forms VALUES (9000, 0, array_fill(0, ARRAY[12])::vector, array_fill(0, ARRAY[12])::halfvec, 0::bit(100), 0::bit(5000), 0::bit(7), '{}/12', '{}/1000000');
ANALYZE forms;
-- in the order in which they are tried
CREATE TABLE classes (n int, col text, class text, op text, options text);
INSERT INTO classes SELECT row_number() OVER (), col, class, op, options FROM (VALUES
	('v', 'vector_l1_ops', '<+>', ''), ('v', 'vector_l1_ops', '<+>', 'WITH (codes = none, m = 5)'), ('h', 'halfvec_l1_ops', '<+>', ''),
	('v', 'vector_l2_ops', '<->', 'WITH (storage = float)'), ('v', 'vector_ip_ops', '<#>', 'WITH (storage = float)'),
	('v', 'vector_cosine_ops', '<=>', 'WITH (storage = float)'), ('h', 'halfvec_ip_ops', '<#>', 'WITH (storage = half)'),
	('b', 'bit_hamming_ops', '<~>', ''), ('b', 'bit_jaccard_ops', '<%>', ''), ('b', 'bit_hamming_ops', '<~>', 'WITH (codes = none)'),
	('b_few', 'bit_hamming_ops', '<~>', ''), ('b_few', 'bit_jaccard_ops', '<%>', ''),
	('b_wide', 'bit_hamming_ops', '<~>', ''), ('b_wide', 'bit_jaccard_ops', '<%>', ''),
	('s', 'sparsevec_l2_ops', '<->', ''), ('s', 'sparsevec_ip_ops', '<#>', ''), ('s', 'sparsevec_cosine_ops', '<=>', ''), ('s', 'sparsevec_l1_ops', '<+>', ''),
	('s_wide', 'sparsevec_l2_ops', '<->', ''), ('s_wide', 'sparsevec_ip_ops', '<#>', ''), ('s_wide', 'sparsevec_cosine_ops', '<=>', ''),
	('s_wide', 'sparsevec_l1_ops', '<+>', ''), ('s_wide', 'sparsevec_l2_ops', '<->', 'WITH (codes = none)')) c (col, class, op, options);
-- A target in the column's type; zero norm has no place in the order of cosine, so it
-- is left out there, and asked for by nobody
CREATE TABLE targets (q int, v vector(12));
INSERT INTO targets SELECT q, target FROM queries WHERE q IN (1, 3, 6, 8);
CREATE FUNCTION pg_temp.target(col text, v vector) RETURNS text LANGUAGE sql AS $$
	SELECT CASE col WHEN 'v' THEN quote_literal(v) WHEN 'h' THEN quote_literal(v::halfvec) WHEN 's' THEN quote_literal(pg_temp.as_sparse(v::real[], 12))
		WHEN 's_wide' THEN quote_literal(pg_temp.as_sparse(l2_normalize(v)::real[], 1000000)) WHEN 'b' THEN 'B' || quote_literal(pg_temp.as_bits(v::real[], 100))
		WHEN 'b_few' THEN 'B' || quote_literal(pg_temp.as_bits(v::real[], 7)) ELSE 'B' || quote_literal(pg_temp.as_bits(v::real[], 5000)) END $$;
CREATE FUNCTION pg_temp.differences(c classes, k int) RETURNS TABLE (class text, k int, q int, difference text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', c.col, c.class, c.options), k, q, pg_temp.differs('forms', c.col, c.op, pg_temp.target(c.col, v), k,
		CASE WHEN c.op = '<=>' THEN 'id <> 9000' ELSE 'true' END) FROM targets $$;
CREATE TABLE results (class text, k int, q int, difference text);
CREATE TABLE facts (class text, name text, value text);
\set ECHO all
SELECT count(*), count(b), count(DISTINCT v) AS v, count(DISTINCT b) AS b, count(DISTINCT b_few) AS b_few, count(DISTINCT b_wide) AS b_wide,
	count(DISTINCT s) AS s, count(DISTINCT s_wide) AS s_wide FROM forms;

-- Built by one process, and by more, which makes no difference: a search that keeps a third of
-- all rows finds nearly always the nearest of them; whoever wants all gets the exact answer.
SET min_parallel_table_scan_size = 0;
CREATE FUNCTION pg_temp.content(index regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file bytea;
BEGIN
	CHECKPOINT;
	file := pg_read_binary_file(pg_relation_filepath(index));
	RETURN (SELECT md5(string_agg(substr(file, 8192 * i + 11, 8182), '' ORDER BY i)) FROM generate_series(0, length(file) / 8192 - 1) i);
END $$;
DO $$
DECLARE
	c classes;
	built text;
BEGIN
	FOR c IN SELECT * FROM classes ORDER BY n LOOP
		SET LOCAL max_parallel_maintenance_workers = 0;
		EXECUTE format('CREATE INDEX tried ON forms USING hnsw (%I %s) %s', c.col, c.class, c.options);
		built := pg_temp.content('tried');
		PERFORM vector_index_check('tried', true);
		INSERT INTO facts SELECT concat_ws(' ', c.col, c.class, c.options), name, value FROM vector_index_info('tried');
		SET LOCAL hnsw.ef_search = 1000;
		INSERT INTO results SELECT d.* FROM unnest(ARRAY[1, 30]) k, pg_temp.differences(c, k) d;
		RESET hnsw.ef_search;
		INSERT INTO results SELECT * FROM pg_temp.differences(c, 4000);
		DROP INDEX tried;
		SET LOCAL max_parallel_maintenance_workers = 3;
		EXECUTE format('CREATE INDEX tried ON forms USING hnsw (%I %s) %s', c.col, c.class, c.options);
		INSERT INTO results SELECT concat_ws(' ', c.col, c.class, c.options), 0, 0, 'parallel build differs' WHERE built <> pg_temp.content('tried');
		DROP INDEX tried;
	END LOOP;
END $$;
SELECT class, string_agg(value, ' ' ORDER BY name) FILTER (WHERE name IN ('codec', 'copies', 'image_dimensions', 'metric', 'type')) AS facts
	FROM facts GROUP BY 1 ORDER BY min((SELECT n FROM classes c WHERE concat_ws(' ', col, c.class, options) = facts.class));
SELECT k, count(*), count(difference) <= count(*) / 20 AS few_differ, count(*) FILTER (WHERE difference NOT LIKE '% rows of %') AS other_faults
	FROM results GROUP BY 1 ORDER BY 1;
SELECT * FROM results WHERE difference IS NOT NULL AND k IN (0, 4000) ORDER BY 1, 2, 3;

-- From an empty table, one row after another; a half goes, and VACUUM
TRUNCATE results;
CREATE TABLE pool AS TABLE forms;
TRUNCATE forms;
DO $$
DECLARE
	c classes;
BEGIN
	FOR c IN SELECT * FROM classes WHERE options = '' ORDER BY n LOOP
		EXECUTE format('CREATE INDEX grown_%s ON forms USING hnsw (%I %s)', c.n, c.col, c.class);
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.try_all() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c classes;
BEGIN
	FOR c IN SELECT * FROM classes WHERE options = '' ORDER BY n LOOP
		EXECUTE format('INSERT INTO results SELECT d.class, d.k, q, CASE WHEN difference IS NOT NULL THEN difference || %L END
			FROM unnest(ARRAY[10, 4000]) k, pg_temp.differences(%L::classes, k) d', '', c);
		PERFORM vector_index_check(format('grown_%s', c.n)::regclass, true);
	END LOOP;
END $$;
INSERT INTO forms SELECT * FROM pool WHERE id < 500 OR id = 9000;
SELECT pg_temp.try_all();
DELETE FROM forms WHERE id % 2 = 0;
VACUUM forms;
SELECT pg_temp.try_all();
INSERT INTO forms SELECT * FROM pool WHERE id BETWEEN 500 AND 800;
SELECT pg_temp.try_all();
SELECT k, count(*), count(difference) <= count(*) / 20 AS few_differ, count(*) FILTER (WHERE difference NOT LIKE '% rows of %') AS other_faults
	FROM results GROUP BY 1 ORDER BY 1;
SELECT class, k, q, difference FROM results WHERE difference IS NOT NULL AND k = 4000 ORDER BY 1, 2, 3;
DROP TABLE forms, pool, items, operators, queries, targets, classes, results, facts CASCADE;
