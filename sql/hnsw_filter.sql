-- hnsw: the nearest of the rows that another index names, by links or by row pages
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET max_parallel_workers_per_gather = 0;
-- eight dimensions of their own, the others follow: neighbours there are
CREATE FUNCTION point(g int, dim int) RETURNS vector LANGUAGE sql AS $$
	SELECT array_agg(sin(g * (i % 8 + 1) * 0.7310585 + i / 8) + sin(g * i * 1.37) * 0.3)::vector FROM generate_series(1, dim) i $$;
CREATE FUNCTION bits(v vector) RETURNS varbit LANGUAGE sql AS $$
	SELECT string_agg((x > 0)::int::text, '' ORDER BY n)::varbit FROM unnest(v::real[]) WITH ORDINALITY u(x, n) $$;
-- $1: a query; settings as they are
CREATE FUNCTION ask(t text, operator text, condition text, k int, q int) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	type text = (SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = t::regclass AND attname = 'v');
	query text = CASE WHEN type LIKE 'bit%' THEN bits(point(-q, 24))::text ELSE point(-q, 24)::text END;
	answer float8[];
BEGIN
	IF type LIKE 'sparse%' THEN query := point(-q, 24)::sparsevec::text; END IF;
	EXECUTE format('SELECT array_agg(d) FROM (SELECT v %1$s %2$L::%3$s AS d FROM %4$s WHERE %5$s ORDER BY v %1$s %2$L::%3$s LIMIT %6$s) a',
		operator, query, type, t, condition, k) INTO answer;
	RETURN coalesce(answer, '{}');
END $$;
-- Ten queries with the index and without it: is the LIMIT filled, is the order right,
-- are all of the nearest found, but for one in so many?
CREATE FUNCTION faults(t text, operator text, condition text, k int DEFAULT 10, tolerated int DEFAULT 20) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	exact float8[];
	found float8[];
	wanted int = 0;
	missed int = 0;
	said text = '';
BEGIN
	FOR q IN 1 .. 10 LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		exact := ask(t, operator, condition, k, q);
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		found := ask(t, operator, condition, k, q);
		IF cardinality(found) <> cardinality(exact) THEN
			said := format('%s of %s rows', cardinality(found), cardinality(exact));
		END IF;
		IF found <> ARRAY(SELECT unnest(found) ORDER BY 1) THEN
			said := 'out of order';
		END IF;
		wanted := wanted + cardinality(exact);
		missed := missed + (SELECT count(*) FROM unnest(exact) d WHERE d < ALL (found[cardinality(exact):]) AND d <> ALL (found));
	END LOOP;
	IF missed * tolerated > wanted THEN
		said := format('%s of %s missed', missed, wanted);
	END IF;
	RETURN nullif(said, '');
END $$;
-- is a search by links, or by row pages?
CREATE FUNCTION way(t text, operator text, condition text, k int DEFAULT 10) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	ways text[] = '{}';
BEGIN
	SET LOCAL enable_seqscan = off;
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, TIMING off) SELECT id FROM %I WHERE %s ORDER BY v %s %L::vector LIMIT %s', t, condition, operator, point(-1, 24), k) LOOP
		IF line ~ 'Neighbours Estimated: ' THEN ways := ways || 'links'::text; END IF;
		IF line ~ 'Row Pages Scanned: ' THEN ways := ways || 'rows'::text; END IF;
		IF line ~ 'VectorFilteredScan' THEN ways := ways || 'node'::text; END IF;
	END LOOP;
	RETURN array_to_string(ways, ' ');
END $$;

CREATE TABLE t (id int, part int, place int, v vector(24));
INSERT INTO t SELECT g, g * 7919 % 100, (rank() OVER (ORDER BY v <-> point(-1, 24)))::int, v FROM (SELECT g, point(g, 24) AS v FROM generate_series(1, 4000) g) s;
CREATE INDEX t_part ON t (part);
CREATE INDEX t_place ON t (place);
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
VACUUM ANALYZE t;
SELECT c, faults('t', '<->', c) FROM unnest(ARRAY['part < 80', 'part < 40', 'part < 5', 'part = 17', 'place > 3000', 'place < 1000', 'place BETWEEN 2000 AND 2030']) c;
SELECT way('t', '<->', 'part < 5');
-- more than there are, and all that there are
SELECT k, faults('t', '<->', 'part = 17', k, 1000), faults('t', '<->', 'part < 40', k, 30), faults('t', '<->', 'place BETWEEN 2000 AND 2030', k, 1000)
	FROM unnest(ARRAY[1, 100, 2000]) k;
-- rows that came, changed, went
INSERT INTO t SELECT g, g * 7919 % 100, g, point(g, 24) FROM generate_series(4001, 5000) g;
UPDATE t SET v = point(id + 20000, 24) WHERE id % 10 = 3;
DELETE FROM t WHERE id % 4 = 1;
SELECT c, faults('t', '<->', c) FROM unnest(ARRAY['part < 80', 'part < 5', 'part = 17', 'place < 1000']) c;
VACUUM t;
SELECT c, faults('t', '<->', c) FROM unnest(ARRAY['part < 80', 'part < 5', 'part = 17', 'place < 1000']) c;
SELECT vector_index_check('t_v', true);
-- what equals: a row in two is one of three
UPDATE t SET v = point(id % 3, 24) WHERE id % 2 = 0;
SELECT c, faults('t', '<->', c), faults('t', '<->', c, 300) FROM unnest(ARRAY['part < 80', 'part < 5', 'part = 17']) c;
VACUUM t;
SELECT c, faults('t', '<->', c), faults('t', '<->', c, 300) FROM unnest(ARRAY['part < 80', 'part < 5', 'part = 17']) c;

-- without codes; values of other kinds; by other distances
CREATE TABLE classes (name text, type text, class text, operator text, options text, value text);
INSERT INTO classes VALUES
	('none', 'vector(24)', 'vector_l2_ops', '<->', 'WITH (codes = none)', 'v'), ('product', 'vector(24)', 'vector_ip_ops', '<#>', '', 'v'),
	('cosine', 'vector(24)', 'vector_cosine_ops', '<=>', '', 'v'), ('l1', 'vector(24)', 'vector_l1_ops', '<+>', '', 'v'),
	('half', 'halfvec(24)', 'halfvec_l2_ops', '<->', 'WITH (storage = half)', 'v::halfvec'), ('sparse', 'sparsevec(24)', 'sparsevec_cosine_ops', '<=>', '', 'v::sparsevec'),
	('hamming', 'bit(24)', 'bit_hamming_ops', '<~>', '', 'bits(v)::bit(24)'), ('jaccard', 'bit(24)', 'bit_jaccard_ops', '<%>', '', 'bits(v)::bit(24)');
SELECT line FROM classes, LATERAL unnest(string_to_array(format($$CREATE TABLE t_%1$s AS SELECT id, part, (%6$s)::%2$s AS v FROM (SELECT g AS id, g * 7919 %% 100 AS part, point(g, 24) AS v FROM generate_series(1, 1500) g) s;CREATE INDEX ON t_%1$s (part);CREATE INDEX ON t_%1$s USING hnsw (v %3$s) %5$s;VACUUM ANALYZE t_%1$s$$,
	name, type, class, operator, options, value), ';')) WITH ORDINALITY l(line, n) ORDER BY name, n \gexec
SELECT name, c, faults('t_' || name, operator, c), faults('t_' || name, operator, c, 200, 8) FROM classes, unnest(ARRAY['part < 60', 'part < 5', 'part = 17']) c ORDER BY name, c;

SELECT format('DROP TABLE t_%s', name) FROM classes ORDER BY name \gexec
DROP TABLE t, classes;
DROP FUNCTION way, faults, ask, bits, point(int, int);
