-- hnsw: indexes built by several processes are those of one, bit by bit.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET min_parallel_table_scan_size = 0;
SET maintenance_work_mem = '128MB';
SET hnsw.ef_search = 1000;
CREATE TABLE big (id int, color int, v vector(24), h halfvec(24)) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT id + 10000 * g, color, (v::real[] || v::real[])::vector,
	((v + array_fill(g, ARRAY[12])::vector)::real[] || v::real[])::halfvec FROM items, generate_series(1, 2) g;
-- rows without a value, dead ones, ones that were updated, and one value with many rows
INSERT INTO big SELECT id + 90000, color, NULL, NULL FROM items;
DELETE FROM big WHERE id % 11 = 0;
UPDATE big SET color = color + 1 WHERE id % 7 = 0;
INSERT INTO big SELECT 95000 + g, 0, (SELECT v FROM big WHERE id = 10002), (SELECT h FROM big WHERE id = 10002) FROM generate_series(1, 2000) g;
ANALYZE big;

-- Workers take a part of the table; their errors are ours.
CREATE FUNCTION in_worker(v vector) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_stat_get_activity(pg_backend_pid()) WHERE backend_type = 'parallel worker') THEN
		RAISE EXCEPTION 'a worker builds the index';
	END IF;
	-- there shall be something left when they come
	IF current_setting('test.waits')::bool THEN
		PERFORM pg_sleep(0.001);
	END IF;
	RETURN v;
END $$;
SET test.waits = on;
SET max_parallel_maintenance_workers = 3;
CREATE INDEX ON big USING hnsw ((in_worker(v)::vector(24)) vector_l2_ops);
SET test.waits = off;
SET max_parallel_maintenance_workers = 0;
CREATE INDEX alone ON big USING hnsw ((in_worker(v)::vector(24)) vector_l2_ops);
DROP INDEX alone;
SET max_parallel_maintenance_workers = 3;
-- nobody may run it in a worker
ALTER FUNCTION in_worker PARALLEL RESTRICTED;
CREATE INDEX alone ON big USING hnsw ((in_worker(v)::vector(24)) vector_l2_ops);
DROP INDEX alone;
ALTER FUNCTION in_worker PARALLEL SAFE;
-- nor where the table says so
ALTER TABLE big SET (parallel_workers = 0);
CREATE INDEX alone ON big USING hnsw ((in_worker(v)::vector(24)) vector_l2_ops);
DROP INDEX alone;
ALTER TABLE big RESET (parallel_workers);
CREATE FUNCTION pg_temp.run(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
END $$;

-- The pages, without the position in the log that each of them begins with
CREATE FUNCTION pg_temp.content(index regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file bytea;
	size int := current_setting('block_size');
BEGIN
	CHECKPOINT;
	file := pg_read_binary_file(pg_relation_filepath(index));
	RETURN (SELECT count(*) || ' ' || md5(string_agg(substr(file, size * i + 11, size - 10), '' ORDER BY i))
		FROM generate_series(0, length(file) / size - 1) i);
END $$;
-- What is wrong with an index, and with that of more processes
CREATE FUNCTION pg_temp.build(source text, definition text, col text, op text, condition text DEFAULT 'true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	contents text[] := '{}';
	result text;
	tuples real;
BEGIN
	FOR workers IN 0 .. 3 LOOP
		CONTINUE WHEN workers = 2;
		PERFORM set_config('max_parallel_maintenance_workers', workers::text, true);
		EXECUTE format('CREATE INDEX tried ON %s USING hnsw %s', source, definition);
		contents := contents || pg_temp.content('tried');
		PERFORM vector_index_check('tried', true);
		SELECT reltuples INTO tuples FROM pg_class WHERE relname = 'tried';
		EXECUTE format('SELECT nullif(count(*), %s) FROM %s WHERE %s IS NOT NULL AND %s', tuples, source, col, condition) INTO result;
		-- (how well products are searched for is another matter)
		IF workers = 3 AND op <> '<#>' THEN
			result := concat_ws(' ', result, pg_temp.differs(source, col, op,
				'''[1,1,0,0,1,1,0,0,-1,-1,0,0,1,1,0,0,1,1,0,0,-1,-1,0,1]''', 10, condition));
		END IF;
		DROP INDEX tried;
		IF result <> '' THEN
			RETURN result;
		END IF;
	END LOOP;
	RETURN CASE WHEN contents[1] <> ALL (contents[2:]) OR contents[2] <> contents[3] THEN contents::text END;
END $$;
SELECT kind, name, options, pg_temp.build('big', format('(%s %s) %s', col, kind || '_' || name || '_ops', options), col, op)
FROM (VALUES ('vector', 'v'), ('halfvec', 'h')) c (kind, col),
	(VALUES ('l2', '<->', ''), ('ip', '<#>', 'WITH (m = 6)'), ('cosine', '<=>', 'WITH (codes = none, m = 4)')) d (name, op, options)
ORDER BY 1, 2, 3;
-- so few that there are more processes than ranges
SELECT n, pg_temp.build('few_' || n, '(v vector_l2_ops)', 'v', '<->') FROM (VALUES (0), (1), (70)) a (n),
	LATERAL pg_temp.run(format('CREATE TABLE few_%s AS SELECT id, v FROM big WHERE v IS NOT NULL LIMIT %1$s', n)) b;
-- a part of the table
SELECT pg_temp.build('big', '(v vector_l2_ops) WHERE color = 3', 'v', '<->', 'color = 3');
-- a table that is read slowly, so that all have a part of it
CREATE FUNCTION slowly(v vector) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('max_parallel_maintenance_workers') <> '0' THEN
		PERFORM pg_sleep(0.0005);
	END IF;
	RETURN v;
END $$;
SELECT pg_temp.build('big', '((slowly(v)::vector(24)) vector_l2_ops) WHERE id < 40000', 'v', '<#>', 'id < 40000');
-- statistics that say nothing: room is made while the table is read
CREATE TABLE growing (id int, v vector(24)) WITH (autovacuum_enabled = off);
INSERT INTO growing SELECT id, v FROM big WHERE v IS NOT NULL;
ANALYZE growing;
UPDATE pg_class SET reltuples = 1 WHERE relname = 'growing';
SELECT pg_temp.build('growing', '(v vector_l2_ops)', 'v', '<->');
DROP TABLE growing;
-- rows that do not fit into memory are linked in parts
SET client_min_messages = notice;
ALTER TABLE big SET (parallel_workers = 3);
SET maintenance_work_mem = '1MB';
SET max_parallel_maintenance_workers = 3;
CREATE INDEX tried ON big USING hnsw (v vector_l2_ops);
SELECT vector_index_check('tried', true);
DROP INDEX tried;
-- what is too much for that, too, is inserted by whoever read it
INSERT INTO big SELECT 100000 + g, 0, (SELECT v FROM big WHERE id = 10002), NULL FROM generate_series(1, 10000) g;
CREATE INDEX tried ON big USING hnsw (v vector_l2_ops);
SET maintenance_work_mem = '128MB';
-- (it may say that some are hard to find)
SET client_min_messages = error;
SELECT vector_index_check('tried', true);
SELECT reltuples = (SELECT count(v) FROM big) FROM pg_class WHERE relname = 'tried';
DROP INDEX tried;
DELETE FROM big WHERE id > 100000;
ALTER TABLE big RESET (parallel_workers);
SET client_min_messages = warning;

-- a table of parts; one that is not logged, and one that nobody else sees
CREATE TABLE parted (id int, v vector(24)) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE UNLOGGED TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT id, v FROM big;
CREATE INDEX parted_v ON parted USING hnsw (v vector_l2_ops);
SELECT relid, vector_index_check(relid, true) FROM pg_partition_tree('parted_v') WHERE isleaf ORDER BY 1;
DROP TABLE parted;
CREATE TEMP TABLE temporary AS SELECT id, v FROM big;
CREATE INDEX temporary_v ON temporary USING hnsw (v vector_l2_ops);
SELECT vector_index_check('temporary_v', true);
CREATE INDEX CONCURRENTLY slowly ON big USING hnsw (v vector_ip_ops);
SELECT vector_index_check('slowly', true);
REINDEX INDEX CONCURRENTLY slowly;
SELECT vector_index_check('slowly', true);
DROP INDEX slowly;
-- rows of the build's own transaction, and of none
BEGIN;
INSERT INTO big SELECT id + 200000, color, v FROM big;
DELETE FROM big WHERE id % 3 = 0;
CREATE INDEX tried ON big USING hnsw (v vector_l2_ops);
SELECT vector_index_check('tried', true);
ROLLBACK;
-- a value that does not fit
CREATE FUNCTION lies(v vector, id int) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE sql
	RETURN CASE WHEN id = 96999 THEN '[1,2]'::vector ELSE v END;
SELECT pg_temp.error_of('CREATE INDEX ON big USING hnsw ((lies(v, id)::vector(24)) vector_l2_ops)');
-- nothing stays behind
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker';
DROP TABLE big, few_0, few_1, few_70, items, operators, queries CASCADE;
DROP FUNCTION in_worker, slowly, lies;
