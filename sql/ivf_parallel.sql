-- ivfflat and ivfpq: indexes built by several processes are those of one.
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
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 3;
SET maintenance_work_mem = '128MB';
SELECT target::text AS target FROM queries WHERE q = 2 \gset
CREATE TABLE big (id int, color int, v vector(12), h halfvec(12)) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT id + 10000 * g, color, v, h FROM items, generate_series(1, 4) g;
-- rows without a value, dead ones, and ones that were updated
INSERT INTO big SELECT id + 90000, color, NULL, NULL FROM items;
DELETE FROM big WHERE id % 11 = 0;
UPDATE big SET color = color + 1 WHERE id % 7 = 0;
ANALYZE big;

-- Workers take a part of the table; their errors are ours.
CREATE FUNCTION in_worker(v vector) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('max_parallel_maintenance_workers')::int > 0
		AND EXISTS (SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = 'parallel worker') THEN
		RAISE EXCEPTION 'a worker builds the index';
	END IF;
	RETURN v;
END $$;
CREATE INDEX ON big USING ivfflat ((in_worker(v)::vector(12)));
SET max_parallel_maintenance_workers = 0;
CREATE INDEX alone ON big USING ivfflat ((in_worker(v)::vector(12)));
SELECT vector_index_check('alone', true);
DROP INDEX alone;
RESET max_parallel_maintenance_workers;
-- nobody may run it in a worker
ALTER FUNCTION in_worker PARALLEL RESTRICTED;
CREATE INDEX alone ON big USING ivfflat ((in_worker(v)::vector(12)));
DROP INDEX alone;
-- too little memory to be shared: 32 MB for each process
ALTER FUNCTION in_worker PARALLEL SAFE;
SET maintenance_work_mem = '63MB';
CREATE INDEX alone ON big USING ivfflat ((in_worker(v)::vector(12)));
DROP INDEX alone;
SET maintenance_work_mem = '128MB';
-- nor where the table says so
ALTER TABLE big SET (parallel_workers = 0);
CREATE INDEX alone ON big USING ivfflat ((in_worker(v)::vector(12)));
DROP INDEX alone;
ALTER TABLE big RESET (parallel_workers);
SET max_parallel_maintenance_workers = 3;

-- Every row once, answers exact, whichever process wrote a list
CREATE FUNCTION pg_temp.state(source text, opclass text, col text, op text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	target text := '''[1,1,0,0,1,1,0,0,-1,-1,0,0]''';
	result text;
BEGIN
	PERFORM vector_index_check(c.oid, true) FROM pg_class c WHERE relname = 'tried';
	SELECT string_agg(d, ', ') INTO result FROM unnest(ARRAY[3, 70, 100000]) k, pg_temp.differs(source, col, op, target, k) d;
	RETURN nullif(concat_ws(' ', opclass, result), opclass);
END $$;
CREATE FUNCTION pg_temp.build(source text, definition text, col text, op text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE INDEX tried ON %s USING %s', source, definition);
	result := pg_temp.state(source, definition, col, op);
	EXECUTE 'REINDEX INDEX tried';
	result := concat_ws(', ', result, pg_temp.state(source, definition, col, op));
	EXECUTE 'DROP INDEX tried';
	RETURN nullif(result, '');
END $$;
SELECT method, kind, name, pg_temp.build('big', format('%s (%s %s)', method, col, kind || '_' || name || '_ops'), col, op)
FROM unnest(ARRAY['ivfflat', 'ivfpq']) method, (VALUES ('vector', 'v'), ('halfvec', 'h')) c (kind, col),
	(VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>')) d (name, op)
ORDER BY 1, 2, 3;
SELECT pg_temp.build('big', 'ivfpq (v) WITH (rerank = heap)', 'v', '<->');
SELECT pg_temp.build('big', 'ivfflat (v) WITH (lists = 2)', 'v', '<->');
SELECT pg_temp.build('big', 'ivfflat (v) WITH (lists = 3000)', 'v', '<->');
-- one list, whose rows are more than a process may sort in memory
CREATE TABLE same (id int, v vector(2000)) WITH (autovacuum_enabled = off);
INSERT INTO same SELECT g, (SELECT array_agg(CASE WHEN g = 1 THEN i ELSE 1 END) FROM generate_series(1, 2000) i)::vector FROM generate_series(1, 3000) g;
SET maintenance_work_mem = '64MB';
CREATE INDEX same_v ON same USING ivfflat (v) WITH (lists = 2);
SELECT vector_index_check('same_v', true);
SELECT value FROM vector_index_info('same_v') WHERE name IN ('lists', 'rows') ORDER BY name;
DROP TABLE same;
SET maintenance_work_mem = '128MB';

-- Lists are trained by all processes: one sample, one result, also where its values
-- lie out of line and are read late.
CREATE TABLE near_rows (id int, v vector(510)) WITH (autovacuum_enabled = off);
ALTER TABLE near_rows ALTER v SET STORAGE plain;
INSERT INTO near_rows SELECT 1000 * s + g, (SELECT array_agg(sin(g * i) + CASE WHEN i % 12 = s THEN 2 ELSE 0 END) FROM generate_series(1, 510) i)::vector
	FROM generate_series(0, 11) s, generate_series(1, 1000) g;
CREATE TABLE far_rows (LIKE near_rows) WITH (autovacuum_enabled = off);
ALTER TABLE far_rows ALTER v SET STORAGE external;
ALTER TABLE far_rows SET (toast_tuple_target = 128);
INSERT INTO far_rows SELECT id, v FROM near_rows ORDER BY id;
CREATE FUNCTION pg_temp.trained(source text, workers int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('max_parallel_maintenance_workers', workers::text, true);
	EXECUTE format('CREATE INDEX trained ON %s USING ivfflat (v) WITH (lists = 120)', source);
	SELECT md5(string_agg(c::text, ' ')) INTO result FROM vector_index_centroids('trained') c;
	DROP INDEX trained;
	RETURN result;
END $$;
SELECT pg_relation_size('far_rows') < 2000000 AS out_of_line;
SELECT count(*) AS builds, count(DISTINCT trained) AS results
	FROM (SELECT pg_temp.trained(source, workers) AS trained FROM unnest(ARRAY['near_rows', 'far_rows']) source, generate_series(0, 2) workers OFFSET 0) t;
DROP TABLE near_rows, far_rows;

-- Values out of line are found wherever they lie: between others, of two chunks and
-- of one, behind rows that came later, compressed.
CREATE TABLE far_rows (id int, note text, v vector(600)) WITH (autovacuum_enabled = off, toast_tuple_target = 128);
ALTER TABLE far_rows ALTER v SET STORAGE external, ALTER note SET STORAGE external;
INSERT INTO far_rows SELECT g, CASE WHEN g % 5 = 0 THEN repeat('note', 100 * (g % 20)) END,
	(SELECT array_agg(sin(g * i)) FROM generate_series(1, 600) i)::vector FROM generate_series(1, 900) g;
UPDATE far_rows SET v = v + v WHERE id % 3 = 0;
DELETE FROM far_rows WHERE id % 7 = 0;
VACUUM far_rows;
INSERT INTO far_rows SELECT g, NULL, (SELECT array_agg(cos(g * i)) FROM generate_series(1, 600) i)::vector FROM generate_series(901, 1200) g;
ALTER TABLE far_rows ALTER v SET STORAGE extended;
INSERT INTO far_rows SELECT g, NULL, (SELECT array_agg(g % 10 + i / 300) FROM generate_series(1, 600) i)::vector FROM generate_series(1201, 1300) g;
SELECT count(*) > 50 AS compressed FROM far_rows WHERE pg_column_size(v) < 2000;
CREATE FUNCTION pg_temp.build_far(workers int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('max_parallel_maintenance_workers', workers::text, true);
	CREATE INDEX tried ON far_rows USING ivfflat (v) WITH (lists = 3);
	PERFORM vector_index_check('tried', true);
	RETURN QUERY SELECT pg_temp.differs('far_rows', 'v', '<->', format('(SELECT v FROM far_rows WHERE id = %s)', id), 2000)
		FROM unnest(ARRAY[1, 900, 1300]) id;
	DROP INDEX tried;
END $$;
SELECT workers, pg_temp.build_far(workers) FROM unnest(ARRAY[0, 3]) workers;
DROP TABLE far_rows;

-- the table's rows are counted, not the index's
UPDATE pg_class SET reltuples = 5 WHERE relname = 'big';
CREATE INDEX part ON big USING ivfflat (v) WHERE color = 3;
-- (from 18 on a table without autovacuum keeps what it has)
SELECT reltuples IN ((SELECT count(*) FROM big), 5) FROM pg_class WHERE relname = 'big';
SELECT reltuples = (SELECT count(*) FROM big WHERE color = 3 AND v IS NOT NULL) FROM pg_class WHERE relname = 'part';
SELECT vector_index_check('part', true);
SELECT pg_temp.differs('big', 'v', '<->', quote_literal(:'target'), k, 'color = 3') FROM unnest(ARRAY[5, 5000]) k;
DROP INDEX part;
-- an expression; a table of parts; one that is not logged, and one that nobody else sees
CREATE INDEX expressed ON big USING ivfpq ((subvector(v, 1, 5)::vector(5)) vector_cosine_ops);
SELECT vector_index_check('expressed', true);
CREATE VIEW expressions AS SELECT id, subvector(v, 1, 5)::vector(5) AS e FROM big;
SELECT pg_temp.differs('expressions', 'e', '<=>', '''[1,-1,2,0,1]''', 1000);
DROP VIEW expressions;
DROP INDEX expressed;
CREATE TABLE parted (id int, v vector(12)) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE UNLOGGED TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT id, v FROM big;
CREATE INDEX parted_v ON parted USING ivfflat (v);
SELECT relid, vector_index_check(relid, true) FROM pg_partition_tree('parted_v') WHERE isleaf ORDER BY 1;
SELECT pg_temp.differs('parted_' || p, 'v', '<->', quote_literal(:'target'), 1000) FROM unnest(ARRAY[0, 1]) p;
DROP TABLE parted;
CREATE TEMP TABLE temporary AS SELECT id, v FROM big;
CREATE INDEX temporary_v ON temporary USING ivfpq (v);
SELECT vector_index_check('temporary_v', true);
SELECT pg_temp.differs('temporary', 'v', '<->', quote_literal(:'target'), 1000);
CREATE INDEX CONCURRENTLY slowly ON big USING ivfpq (v vector_ip_ops);
SELECT vector_index_check('slowly', true);
SELECT pg_temp.differs('big', 'v', '<#>', quote_literal(:'target'), 1000);
REINDEX INDEX CONCURRENTLY slowly;
SELECT vector_index_check('slowly', true);
SELECT pg_temp.differs('big', 'v', '<#>', quote_literal(:'target'), 1000);
DROP INDEX slowly;
-- rows of the build's own transaction, and of none
BEGIN;
INSERT INTO big SELECT id + 200000, color, v, h FROM items;
DELETE FROM big WHERE id % 3 = 0;
CREATE INDEX tried ON big USING ivfflat (v);
SELECT pg_temp.state('big', '', 'v', '<->');
ROLLBACK;
TRUNCATE big;
CREATE INDEX tried ON big USING ivfflat (v);
SELECT pg_temp.state('big', '', 'v', '<->');
DROP INDEX tried;
-- a value that does not fit
INSERT INTO big SELECT id + 10000 * g, color, v, h FROM items, generate_series(1, 4) g;
CREATE FUNCTION lies(v vector, id int) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE sql
	RETURN CASE WHEN id = 42999 THEN '[1,2]'::vector ELSE v END;
SELECT pg_temp.error_of('CREATE INDEX ON big USING ivfflat ((lies(v, id)::vector(12)))');
-- nothing stays behind
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker';
SELECT count(*) FROM pg_ls_tmpdir();
DROP TABLE big, items, operators, queries CASCADE;
DROP FUNCTION in_worker, lies;
