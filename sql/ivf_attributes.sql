-- ivfflat and ivfpq with attributes: columns beside the vector in the index.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set attributes :abs_srcdir '/test/sql/attribute_helpers.sql'
\set ECHO none
\i :helpers
\i :attributes
\set ECHO all
SELECT (SELECT hashtext(a) = hashtext(b) AND a <> b FROM twins) AS texts, (SELECT uuid_hash(a) = uuid_hash(b) AND a <> b FROM uuid_twins) AS uuids;
SELECT kind, count(*), count(*) FILTER (WHERE met > 0) AS that_some_rows_meet FROM conditions c,
	LATERAL (SELECT count(*) AS met FROM query_to_xml(format('SELECT FROM facts WHERE %s LIMIT 1', condition), true, true, '') x WHERE x::text LIKE '%<row%') m
	GROUP BY kind ORDER BY kind;

-- Exactly: all lists, all candidates.
SET ivfpq.probes = 32768;
SET ivfpq.candidates = 1000000;
SET ivfflat.probes = 32768;
CREATE INDEX facts_v ON facts USING ivfpq (v, i2, i4, i8, f4, f8, b, d, ts, tz, t, vc, u, labels) WITH (lists = 30);
SELECT name, value FROM vector_index_info('facts_v') WHERE name IN ('attributes', 'format_version', 'codec', 'lists');
SELECT vector_index_check('facts_v', true);
SELECT * FROM pg_temp.all_wrong('v', '<->');
-- rows that come, change and go
SELECT pg_temp.fill(2400, 3000, 10000);
UPDATE facts SET i4 = 7, labels = '{3,200}', t = 'text 11', b = NULL WHERE id % 10 = 2;
DELETE FROM facts WHERE id % 8 = 1;
VACUUM facts;
SELECT vector_index_check('facts_v', true);
SELECT pg_temp.fill(1, 500, 20000);
SELECT vector_index_check('facts_v', true);
SELECT * FROM pg_temp.all_wrong('v', '<->');
SELECT vector_index_rebalance('facts_v');
SELECT vector_index_check('facts_v', true);
SELECT pg_temp.wrong('v', '<->', 'i4 = 7', 100), pg_temp.wrong('v', '<->', 'labels && ''{200}''', 100);
REINDEX INDEX CONCURRENTLY facts_v;
SELECT vector_index_check('facts_v', true);
DROP INDEX facts_v;
CREATE INDEX facts_v ON facts USING ivfflat (v vector_cosine_ops, i2, i4, i8, f4, f8, b, d, ts, tz, t, vc, u, labels) WITH (lists = 20);
SELECT vector_index_check('facts_v', true);
SELECT * FROM pg_temp.all_wrong('v', '<=>');
-- more than fits work_mem: the rest is sorted
SET work_mem = '64kB';
SELECT pg_temp.wrong('v', '<=>', 'i4 < 100', 4000), pg_temp.wrong('v', '<=>', 't IN (''text 5'', ''text 11'')', 4000);
RESET work_mem;
DROP INDEX facts_v;
-- without copies, other codecs, one attribute (an index is for the transaction that made
-- it only where no row was updated)
VACUUM FULL facts;
SELECT definition, (SELECT count(*) FROM conditions WHERE condition ~ '^i4' AND condition !~ '\y(i2|i8|f4|f8|b|d|ts|tz|t|u|labels)\y'
	AND pg_temp.wrong('v', '<->', condition, 10) IS NOT NULL) AS wrong
FROM (SELECT definition, pg_temp.error_of('DROP INDEX IF EXISTS facts_v') || pg_temp.error_of('CREATE INDEX facts_v ON facts USING ' || definition)
	|| pg_temp.error_of('SELECT vector_index_check(''facts_v'', true)') AS done
	FROM unnest(ARRAY['ivfpq (v, i4) WITH (rerank = heap)', 'ivfpq (v, i4) WITH (codec = rabitq)', 'ivfpq (v, i4) WITH (codec = sq8)', 'ivfflat (v, i4)']) definition OFFSET 0) d
	WHERE done = 'nonenonenone';
DROP INDEX facts_v;

-- Plans
SET enable_seqscan = off;
SET enable_sort = off;
CREATE INDEX facts_v ON facts USING ivfpq (v, i4, t, b, labels, tz);
SELECT pg_temp.plan('SELECT id FROM facts WHERE ' || condition || ' ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5')
FROM unnest(ARRAY['i4 = 7', 'i4 IN (7, 8) AND b', 'NOT b AND t IS NULL', 'labels && ''{3}'' AND i2 = 3', 'tz > now() AND i4 < 5::int8', 'v IS NOT NULL']) condition;
-- orders that are the distance's, and rows within a distance
SELECT pg_temp.plan('SELECT id FROM facts WHERE 7 = i4 AND t IS NOT NULL AND NOT b ORDER BY 2 * (v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'') LIMIT 5');
SELECT pg_temp.plan('SELECT id FROM facts WHERE i4 IN (7, 8) AND v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' < 1.2');
SELECT array_agg(d) = (SELECT array_agg(d) FROM (SELECT 2 * (v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]') AS d FROM (SELECT * FROM facts OFFSET 0) f WHERE i4 = 7 AND t IS NOT NULL ORDER BY 1 LIMIT 20) e) AS same
	FROM (SELECT 2 * (v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]') AS d FROM facts WHERE 7 = i4 AND t IS NOT NULL ORDER BY 2 * (v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]') LIMIT 20) s;
SELECT count(*) > 0 AS some, count(*) = (SELECT count(*) FROM (SELECT * FROM facts OFFSET 0) f WHERE i4 IN (7, 8) AND v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' < 1.2) AS same
	FROM facts WHERE i4 IN (7, 8) AND v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' < 1.2;
RESET enable_seqscan;
RESET enable_sort;
-- not without an order, nor for rows that it does not have
SELECT pg_temp.plan('SELECT id FROM facts WHERE i4 = 7');
SELECT pg_temp.plan('SELECT id FROM facts WHERE v IS NULL ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5');
SELECT pg_temp.plan('SELECT id FROM facts WHERE i4 = 7 ORDER BY i4 LIMIT 5');
-- an index with the attribute rather than one without
CREATE INDEX facts_bare ON facts USING ivfpq (v);
SELECT pg_temp.plan('SELECT id FROM facts WHERE i4 = 8 ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5');
DROP INDEX facts_bare;
-- parameters: known when the scan begins
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
PREPARE near (int, text, int[]) AS SELECT count(*), count(*) FILTER (WHERE i4 = $1), min(t), max(t)
	FROM (SELECT * FROM facts WHERE i4 = $1 AND (t = $2 OR $2 IS NULL) AND i4 = ANY ($3) ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 100000) s;
-- (the conditions stand the other way round from 17 on)
SELECT replace(plan, '(i4 = ANY ($3)) AND (i4 = $1)', '(i4 = $1) AND (i4 = ANY ($3))') AS plan
	FROM pg_temp.plan('EXECUTE near (7, ''text 11'', ''{7,8}'')') plan;
EXECUTE near (7, 'text 11', '{7,8}');
SELECT count(*), count(*), min(t), max(t) FROM facts WHERE i4 = 7 AND t = 'text 11' AND v IS NOT NULL;
EXECUTE near (7, 'text 11', '{8,9}');
EXECUTE near (NULL, 'text 11', '{8,9}');
DEALLOCATE near;
RESET plan_cache_mode;
-- rows of an outer table, each with its own condition
SELECT i, n = (SELECT least(5, count(*)) FROM facts WHERE i4 = i AND v IS NOT NULL) AS filled FROM generate_series(-3, 9, 3) i,
	LATERAL (SELECT count(*) AS n FROM (SELECT FROM facts WHERE i4 = i ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 5) k) s;
-- a query without order: rows that meet the conditions, all the same
SELECT count(*) = (SELECT count(*) FROM facts WHERE i4 = 7 AND v IS NOT NULL) AS all_rows
	FROM (SELECT FROM facts WHERE i4 = 7 ORDER BY v <-> (SELECT NULL::vector)) s;

-- Row security: rows that a policy hides are not shown to other conditions, neither those
-- of another number nor those whose text has the same hash.
CREATE FUNCTION seen(what text) RETURNS bool LANGUAGE plpgsql COST 1 AS $$
BEGIN
	IF what NOT IN ('7', current_setting('tests.text')) THEN
		RAISE WARNING 'saw %', what;
	END IF;
	RETURN true;
END $$;
SELECT set_config('tests.text', a, false) <> '' AS set FROM twins;
CREATE ROLE regress_attribute_reader;
GRANT SELECT ON facts TO regress_attribute_reader;
ALTER TABLE facts ENABLE ROW LEVEL SECURITY;
CREATE POLICY numbers ON facts USING (i4 = current_setting('tests.number')::int);
SET tests.number = 7;
SET ROLE regress_attribute_reader;
SELECT pg_temp.plan('SELECT id FROM facts WHERE seen(i4::text) ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5');
SELECT count(*) FROM (SELECT id FROM facts WHERE seen(i4::text) ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 100) s;
SELECT count(*) FROM (SELECT id FROM facts WHERE seen(i4::text) AND id < 0 ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 100) s;
RESET ROLE;
ALTER POLICY numbers ON facts USING (t = current_setting('tests.text'));
SET ROLE regress_attribute_reader;
SELECT count(*) > 50 AS some FROM (SELECT id FROM facts WHERE seen(t) ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM facts WHERE seen(t) AND id < 0 ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 100) s;
RESET ROLE;
DROP POLICY numbers ON facts;
ALTER TABLE facts DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON facts FROM regress_attribute_reader;
DROP ROLE regress_attribute_reader;

-- As settings are by default, LIMIT is filled, and near a row few others are missing.
RESET ivfpq.probes;
RESET ivfpq.candidates;
RESET ivfflat.probes;
SELECT condition, k, q, found FROM (SELECT condition, k, q, pg_temp.found(condition, k, target::text, q IN (6, 7)) AS found
	FROM unnest(ARRAY['i4 = 7', 'i4 = 8', 'i4 < 0', 't = ''text 11''', 'b', 'i4 = 9 AND b', 'labels && ''{3}''', 'labels @> ''{5,55}''', 'i4 IN (1, 2, 3, 4)', 'i4 IS NULL']) condition,
	unnest('{1,10,100}'::int[]) k, queries) f WHERE found IS NOT NULL;
DROP INDEX facts_v;

-- An expression, a partial index, a partitioned table, halfvec and bit strings
SET ivfpq.probes = 32768;
SET ivfpq.candidates = 1000000;
SET ivfflat.probes = 32768;
CREATE INDEX facts_v ON facts USING ivfpq (v, (i4 % 10), upper(t)) WHERE b;
SELECT pg_temp.plan('SELECT id FROM facts WHERE b AND i4 % 10 = 3 AND upper(t) = ''TEXT 5'' ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5');
SELECT pg_temp.wrong('v', '<->', 'b AND i4 % 10 = 3', 20), pg_temp.wrong('v', '<->', 'b AND upper(t) = ''TEXT 5''', 20), vector_index_check('facts_v', true);
DROP INDEX facts_v;
ALTER TABLE facts ADD h halfvec(12), ADD bits bit(12);
UPDATE facts SET h = v, bits = binary_quantize(v);
CREATE INDEX facts_h ON facts USING ivfpq (h halfvec_ip_ops, i4);
CREATE INDEX facts_bits ON facts USING ivfflat (bits bit_hamming_ops, i4);
SELECT vector_index_check('facts_h', true), vector_index_check('facts_bits', true);
SELECT pg_temp.differs('facts', 'h', '<#>', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 = 7'), pg_temp.differs('facts', 'bits', '<~>', 'B''101010101010''', 20, 'i4 = 7');
DROP INDEX facts_h, facts_bits;
CREATE TABLE parts (id int, v vector(12), i4 int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1300);
CREATE TABLE parts_2 (i4 int, id int, v vector(12));
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (1300) TO (90000);
CREATE INDEX ON parts USING ivfpq (v, i4);
INSERT INTO parts SELECT id, v, i4 FROM facts;
SELECT pg_temp.differs('parts', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 IN (7, 8)');
DROP TABLE parts;

-- An index that is made before there are rows: VACUUM trains it.
CREATE TABLE later (LIKE facts) WITH (autovacuum_enabled = off);
CREATE INDEX later_v ON later USING ivfpq (v, i4, t);
INSERT INTO later SELECT * FROM facts WHERE id <= 400;
SELECT value FROM vector_index_info('later_v') WHERE name = 'codec';
SELECT pg_temp.differs('later', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 < 0'), pg_temp.differs('later', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 't = ''text 11'''), vector_index_check('later_v', true);
INSERT INTO later SELECT * FROM facts WHERE id > 400;
VACUUM later;
SELECT value FROM vector_index_info('later_v') WHERE name = 'codec';
SELECT pg_temp.differs('later', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 < 0'), pg_temp.differs('later', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 't = ''text 11'''), vector_index_check('later_v', true);
-- and lists that grow are split
INSERT INTO later (id, v, i4, t) SELECT 10000 + g, l2_normalize(v + ARRAY(SELECT 5 + sin(g * i) FROM generate_series(1, 12) i)::vector), g % 5, 'text ' || g % 9 FROM items, generate_series(1, 2) g WHERE id % 500 > 0;
SELECT value FROM vector_index_info('later_v') WHERE name = 'generation';
VACUUM later;
SELECT value::int > 2 AS replaced FROM vector_index_info('later_v') WHERE name = 'generation';
SELECT pg_temp.differs('later', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 = 3'), pg_temp.differs('later', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 't = ''text 3'''), vector_index_check('later_v', true);
DROP TABLE later;
-- built by several processes
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
SET maintenance_work_mem = '128MB';
CREATE TABLE big AS SELECT id + 100000 * g AS id, v, i4, t, labels FROM facts, generate_series(1, 4) g;
CREATE INDEX big_v ON big USING ivfpq (v, i4, t, labels);
SELECT vector_index_check('big_v', true);
SELECT pg_temp.differs('big', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 = 7'), pg_temp.differs('big', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'labels && ''{3}''');
DROP TABLE big;

-- What is refused
SELECT statement, pg_temp.error_of(statement) FROM (VALUES
	(1, 'CREATE INDEX ON facts USING ivfpq (i4)'), (2, 'CREATE INDEX ON facts USING ivfflat (i4, v)'), (3, 'CREATE INDEX ON facts USING ivfpq (v, h)'),
	(4, 'CREATE INDEX ON facts USING ivfpq (v) INCLUDE (i4)'), (5, 'CREATE INDEX ON facts USING ivfpq (v, (t::bpchar))'), (6, 'CREATE INDEX ON facts USING ivfpq (v, i4 DESC)'),
	(7, 'CREATE UNIQUE INDEX ON facts USING ivfpq (v, i4)')) s (n, statement) ORDER BY n;
DROP FUNCTION seen;
DROP TABLE facts, twins, uuid_twins, conditions;
DROP TABLE items, operators, queries;
