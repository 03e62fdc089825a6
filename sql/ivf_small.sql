-- ivfflat and ivfpq: from an empty table on, rows without a place in an index,
-- the narrowest and widest columns, the smallest and greatest values.
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
SET ivfflat.probes = 32768;

-- Empty and nearly empty tables, NULLs, equal rows, one dimension; each index is
-- checked, and grows.
CREATE TABLE small (id int, v vector(3), h halfvec(3));
CREATE FUNCTION pg_temp.life(method text, class text, op text, VARIADIC actions text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	action text;
	difference text;
BEGIN
	TRUNCATE small;
	EXECUTE format('CREATE INDEX small_v ON small USING %I (v %s) WITH (lists = 5)', method, 'vector_' || class);
	EXECUTE format('CREATE INDEX small_h ON small USING %I (h %s)', method, 'halfvec_' || class);
	FOREACH action IN ARRAY actions LOOP
		EXECUTE action;
		PERFORM vector_index_check('small_v', true), vector_index_check('small_h', true);
		difference := coalesce(pg_temp.differs('small', 'v', op, '''[1,2,3]''', 1000, 'vector_norm(v) > 0'),
			pg_temp.differs('small', 'h', op, '''[3,2,1]''', 1000, 'l2_norm(h) > 0'));
		EXIT WHEN difference IS NOT NULL;
	END LOOP;
	DROP INDEX small_v, small_h;
	RETURN action || ': ' || difference;
END $$;
SET ivfflat.probes = 32768;
SELECT method, class, pg_temp.life(method, class || '_ops', op, 'INSERT INTO small VALUES (1, ''[1,2,4]'', ''[4,2,1]'')',
	'INSERT INTO small VALUES (2, NULL, NULL)', 'REINDEX TABLE small', 'TRUNCATE small', 'REINDEX TABLE small',
	'INSERT INTO small VALUES (3, ''[-1,0,-2]'', ''[0,0,0]''), (4, ''[0,0,0]'', ''[1,1,1]'')', 'REINDEX TABLE small',
	'INSERT INTO small SELECT 10 + i, ''[0.1,0.2,0.7]'', ''[0.1,0.2,0.7]'' FROM generate_series(1, 700) i', 'REINDEX TABLE small',
	'DELETE FROM small WHERE id % 2 = 0', 'INSERT INTO small SELECT i, NULL, NULL FROM generate_series(1, 90) i',
	'TRUNCATE small', 'INSERT INTO small SELECT i, ''[0.1,0.2,0.7]'', ''[0,0,0]'' FROM generate_series(1, 1500) i', 'REINDEX TABLE small',
	'INSERT INTO small SELECT i, ARRAY[i, 1, 0], ARRAY[0, 0, i] FROM generate_series(1, 1500) i')
FROM unnest(ARRAY['ivfflat', 'ivfpq']) method, operators;

-- Rows without a place: NULL, and no length under cosine
CREATE TABLE placed (id int, v vector(3));
INSERT INTO placed VALUES (1, '[0,0,0]'), (2, NULL), (3, '[1,0,0]'), (4, '[-0,0,-0]'), (5, '[0,-1,0]'), (6, '[1e-30,0,0]');
CREATE INDEX placed_l2 ON placed USING ivfpq (v);
CREATE INDEX placed_ip ON placed USING ivfpq (v vector_ip_ops);
CREATE INDEX placed_cosine ON placed USING ivfpq (v vector_cosine_ops);
CREATE INDEX placed_flat_l2 ON placed USING ivfflat (v) WITH (lists = 1);
CREATE INDEX placed_flat_ip ON placed USING ivfflat (v vector_ip_ops) WITH (lists = 1);
CREATE INDEX placed_flat_cosine ON placed USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
INSERT INTO placed VALUES (7, '[0,0,0]'), (8, '[0,0,1]'), (9, NULL);
SELECT indexrelid::regclass AS index, vector_index_check(indexrelid, true) FROM pg_index
	WHERE indrelid = 'placed'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";
SET enable_seqscan = off;
SET enable_sort = off;
-- each operator with each of its indexes alone; a NULL query finds all rows that
-- are indexed, and so does a query of no length under cosine
CREATE FUNCTION pg_temp.placed(kept text, op text, target text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	result int[];
	line text;
	seen boolean := false;
BEGIN
	BEGIN
		FOR line IN SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'placed'::regclass LOOP
			IF line <> kept THEN
				EXECUTE 'DROP INDEX ' || line;
			END IF;
		END LOOP;
		FOR line IN EXECUTE format('EXPLAIN SELECT id FROM placed ORDER BY v %s %s', op, target) LOOP
			seen := seen OR line LIKE '%Index Scan using ' || kept || '%';
		END LOOP;
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM placed ORDER BY v %s %s) k', op, target)
			INTO result;
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
		RETURN CASE WHEN seen THEN result END;
	END;
END $$;
SELECT kept, target, pg_temp.placed(kept, CASE WHEN kept LIKE '%l2' THEN '<->' WHEN kept LIKE '%ip' THEN '<#>' ELSE '<=>' END, target)
FROM unnest(ARRAY['placed_l2', 'placed_ip', 'placed_cosine', 'placed_flat_l2', 'placed_flat_ip', 'placed_flat_cosine']) kept,
	unnest(ARRAY['''[1,2,3]''', '(SELECT NULL::vector)', '''[0,0,0]''']) target ORDER BY kept, target;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE placed, small;

-- As wide as can be: in line and out of line copies, few rows and trained ones
CREATE TABLE widest (id int, v vector(16000), h halfvec(16000), f vector(2000), g halfvec(4000), one vector(1));
INSERT INTO widest SELECT id, v, v, subvector(v, 1, 2000), subvector(v, 1, 4000), subvector(v, 1, 1)
	FROM (SELECT r AS id, (SELECT array_agg(sin(i * r * 0.37 + i / 100.0))::vector(16000) FROM generate_series(1, 16000) i) AS v
	FROM generate_series(1, 30) r) t;
CREATE TABLE columns (col text, method text, class text);
INSERT INTO columns VALUES ('v', 'ivfpq', 'vector_l2_ops'), ('h', 'ivfpq', 'halfvec_l2_ops'), ('f', 'ivfflat', 'vector_l2_ops'),
	('g', 'ivfflat', 'halfvec_l2_ops'), ('one', 'ivfflat', 'vector_l2_ops'), ('one', 'ivfpq', 'vector_l2_ops');
CREATE FUNCTION pg_temp.wide_life(col text, method text, class text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	difference text;
	target text := format('(SELECT %I FROM widest WHERE id = 7)', col);
BEGIN
	EXECUTE format('CREATE INDEX wide ON widest USING %I (%I %s)', method, col, class);
	PERFORM vector_index_check('wide', true);
	difference := pg_temp.differs('widest', col, '<->', target, 10);
	INSERT INTO widest SELECT id + 100, v, h, f, g, one FROM widest WHERE id <= 20;
	PERFORM vector_index_check('wide', true);
	difference := coalesce(difference, pg_temp.differs('widest', col, '<->', target, 100));
	DROP INDEX wide;
	DELETE FROM widest WHERE id > 100;
	RETURN difference;
END $$;
SELECT *, pg_temp.wide_life(col, method, class) FROM columns;
-- codes of the widest: a thousand rows are needed for them to be trained
INSERT INTO widest SELECT 1000 + r, NULL, (SELECT array_agg(sin(i * r))::halfvec || array_fill(0, ARRAY[15900])::halfvec
	FROM generate_series(1, 100) i) FROM generate_series(1, 1100) r;
CREATE INDEX wide_pq ON widest USING ivfpq (h) WITH (lists = 3);
SELECT vector_index_check('wide_pq', true);
SELECT name, value FROM vector_index_info('wide_pq') WHERE name IN ('codec', 'copies', 'm', 'rows');
SELECT pg_temp.differs('widest', 'h', '<->', '(SELECT h FROM widest WHERE id = 1010)', 20);
INSERT INTO widest (id, h) SELECT id + 10000, h FROM widest WHERE id > 1000 AND id < 1020;
SELECT vector_index_check('wide_pq', true);
SELECT pg_temp.differs('widest', 'h', '<->', '(SELECT h FROM widest WHERE id = 1010)', 20);
DROP INDEX wide_pq;
CREATE INDEX ON widest USING ivfpq (h) WITH (m = 16000);
DROP TABLE widest;

-- Values at the edges of float4 and float2: put into an index that has seen none
-- such, then indexed with it.  Distances that do not overflow are found as they
-- are; beyond that each row still comes, once and in order.
CREATE TABLE extreme (id int, v vector(4));
CREATE FUNCTION pg_temp.extremes(method text, class text, op text, odd text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	target text;
	result text[];
	found record;
BEGIN
	TRUNCATE extreme;
	INSERT INTO extreme SELECT i, ARRAY[sin(i), cos(i), sin(2 * i), 1] FROM generate_series(1, 1200) i;
	EXECUTE format('CREATE INDEX extreme_v ON extreme USING %I (v %I)', method, 'vector_' || class || '_ops');
	INSERT INTO extreme VALUES (2001, odd::vector);
	FOR i IN 1..2 LOOP
		PERFORM vector_index_check('extreme_v', true);
		FOREACH target IN ARRAY ARRAY['[1,1,1,1]', '[70000,-70000,1,65504]', '[1e10,-1e10,1e10,1e10]', '[1e-9,0,0,-1e-9]'] LOOP
			result := result || (i || ' ' || target || ': ' || pg_temp.differs('extreme', 'v', op, quote_literal(target), 1300));
		END LOOP;
		PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
		FOREACH target IN ARRAY ARRAY['[3e38,3e38,3e38,3e38]', '[1e-30,0,0,1e-30]'] LOOP
			SELECT * INTO found FROM pg_temp.answers('extreme', 'v', op, quote_literal(target), 1300);
			result := result || CASE WHEN array_replace(found.distances, 'NaN', 'Infinity')
				<> (SELECT array_agg(d ORDER BY d) FROM unnest(array_replace(found.distances, 'NaN', 'Infinity')) d)
				OR (SELECT count(DISTINCT id) FROM unnest(found.ids) id) <> 1201
				THEN i || ' ' || target || ': ' || cardinality(found.ids) || ' rows' END;
		END LOOP;
		PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
		REINDEX INDEX extreme_v;
	END LOOP;
	DROP INDEX extreme_v;
	RETURN array_remove(result, NULL);
END $$;
SELECT method, class, odd, pg_temp.extremes(method, class, op, odd) FROM unnest(ARRAY['ivfflat', 'ivfpq']) method, operators,
	unnest(ARRAY['[1,2,3,4]', '[1e-45,0,0,0]', '[1e-9,0,0,0]', '[65504,1e-8,0,0]', '[70000,-70000,0,65504]', '[1e10,-1e10,1e10,1e10]',
		'[1e15,1,1,1]']) odd ORDER BY method, class, odd;
DROP TABLE extreme;
DROP TABLE items, operators, queries, columns;
