-- hnsw with attributes: columns beside the vector in the index.
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
-- So few dimensions have no codes: all rows that meet the conditions are looked at.
CREATE INDEX facts_v ON facts USING hnsw (v vector_l2_ops, i2, i4, i8, f4, f8, b, d, ts, tz, t, vc, u, labels);
SELECT name, value FROM vector_index_info('facts_v') WHERE name IN ('attributes', 'format_version', 'codec', 'rows_per_page');
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
-- more than fits work_mem: the rest is sorted
SET work_mem = '64kB';
SELECT pg_temp.wrong('v', '<->', 'i4 < 100', 4000), pg_temp.wrong('v', '<->', 't IN (''text 5'', ''text 11'')', 4000);
RESET work_mem;
-- a summary is of the rows that are there: once they are gone it rules out none that come
DELETE FROM facts;
VACUUM facts;
SELECT pg_temp.fill(600, 1400, 30000);
SELECT vector_index_check('facts_v', true);
SELECT pg_temp.wrong('v', '<->', 'i4 = 7', 100), pg_temp.wrong('v', '<->', 'i4 < 0', 1000);
TRUNCATE facts;
SELECT pg_temp.fill(1, 3000, 0);
SELECT pg_temp.wrong('v', '<->', 'i4 = 7', 100), vector_index_check('facts_v', true);
DROP INDEX facts_v;
-- records that are values, halves, bits, sparse vectors with parts
ALTER TABLE facts ADD h halfvec(12), ADD bits bit(12), ADD s sparsevec(12);
UPDATE facts SET h = v, bits = binary_quantize(v), s = v::sparsevec;
VACUUM FULL facts;
ANALYZE facts;
SELECT col, op, definition, (SELECT count(*) FROM conditions WHERE condition ~ '^i4' AND condition !~ '\y(i2|i8|f4|f8|b|d|ts|tz|t|u|labels|v)\y'
	AND pg_temp.differs('facts', col, op, target, 10, condition) IS NOT NULL) AS wrong
FROM (SELECT col, op, definition, CASE col WHEN 'bits' THEN 'B''101010101010''' WHEN 's' THEN '''{1:1,4:2,7:3}/12''' ELSE '''[1,0,0,2,0,0,3,0,0,0,0,0]''' END AS target, pg_temp.error_of('DROP INDEX IF EXISTS facts_v') || pg_temp.error_of('CREATE INDEX facts_v ON facts USING hnsw ' || definition)
	|| pg_temp.error_of('SELECT vector_index_check(''facts_v'', true)') AS done
	FROM (VALUES ('v', '<=>', '(v vector_cosine_ops, i4) WITH (storage = float)'), ('v', '<+>', '(v vector_l1_ops, i4)'), ('h', '<#>', '(h halfvec_ip_ops, i4)'),
		('bits', '<~>', '(bits bit_hamming_ops, i4)'), ('s', '<->', '(s sparsevec_l2_ops, i4)')) f (col, op, definition) OFFSET 0) d
	WHERE done = 'nonenonenone';
DROP INDEX facts_v;

-- Plans
SET enable_seqscan = off;
SET enable_sort = off;
CREATE INDEX facts_v ON facts USING hnsw (v vector_l2_ops, i4, t, b, labels, tz);
SELECT pg_temp.plan('SELECT id FROM facts WHERE ' || condition || ' ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5')
FROM unnest(ARRAY['i4 = 7', 'i4 IN (7, 8) AND b', 'NOT b AND t IS NULL', 'labels && ''{3}'' AND i2 = 3', 'tz > now() AND i4 < 5::int8', 'v IS NOT NULL']) condition;
-- orders that are the distance's, and rows within a distance
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
-- an index with the attribute rather than one without
CREATE INDEX facts_bare ON facts USING hnsw (v vector_l2_ops);
SELECT pg_temp.plan('SELECT id FROM facts WHERE i4 = 8 ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5');
DROP INDEX facts_bare;
-- rows of an outer table, each with its own condition
SET enable_seqscan = off;
SELECT i, n = (SELECT least(5, count(*)) FROM facts WHERE i4 = i AND v IS NOT NULL) AS filled FROM generate_series(-3, 9, 3) i,
	LATERAL (SELECT count(*) AS n FROM (SELECT FROM facts WHERE i4 = i ORDER BY v <-> '[1,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 5) k) s;
-- a query without order: rows that meet the conditions, all the same
SELECT count(*) = (SELECT count(*) FROM facts WHERE i4 = 7 AND v IS NOT NULL) AS all_rows
	FROM (SELECT FROM facts WHERE i4 = 7 ORDER BY v <-> (SELECT NULL::vector)) s;
RESET enable_seqscan;
DROP INDEX facts_v;

-- With codes, and more pages of rows than a look at a few of them passes.
CREATE TABLE coded (id int, v vector(24), i4 int, far bool, t text, labels int4[]) WITH (autovacuum_enabled = off);
ALTER TABLE coded ALTER v SET STORAGE PLAIN;
CREATE FUNCTION pg_temp.more(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO coded SELECT g, v, g * 7 % 1000, v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' > 5.28, 'text ' || g % 200, CASE WHEN g % 3 > 0 THEN ARRAY[g % 10, g % 50] END
	FROM (SELECT g, (SELECT array_agg(sin(i * g * 0.37 + i * i)) FROM generate_series(1, 24) i)::vector AS v FROM generate_series(first, last) g) s $$;
SELECT pg_temp.more(1, 12000);
CREATE INDEX coded_v ON coded USING hnsw (v vector_l2_ops, i4, far, t, labels);
CREATE INDEX coded_id ON coded (id);
ANALYZE coded;
SELECT name, CASE WHEN value ~ '^\d+$' THEN (value::int / 8192 > 32)::text ELSE value END AS value FROM vector_index_info('coded_v') WHERE name IN ('attributes', 'codes', 'row_bytes');
SELECT vector_index_check('coded_v', true);
-- How often rows are too few, out of order, twice or none of those asked for; and how many
-- of the nearest are found in all, of 100.
CREATE FUNCTION pg_temp.coded_found(condition text, k int) RETURNS TABLE (bad bigint, percent numeric) LANGUAGE plpgsql AS $$
DECLARE
	body text := format('SELECT q, n, s.id, d FROM (SELECT id AS q, v AS target FROM coded WHERE id %% 3000 = 7) q, LATERAL (SELECT row_number() OVER () AS n, id, d
		FROM (SELECT id, v <-> target AS d FROM coded WHERE %s ORDER BY v <-> target LIMIT %s) k) s', condition, k);
BEGIN
	SET LOCAL enable_indexscan = off;
	EXECUTE 'CREATE TEMP TABLE exact AS ' || body;
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	EXECUTE 'CREATE TEMP TABLE found AS ' || body;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_sort = on;
	RETURN QUERY SELECT count(*) FILTER (WHERE f.n IS DISTINCT FROM e.n OR f.ids < f.n OR disorder OR others), round(100.0 * sum(hits) / sum(e.n))
		FROM (SELECT q, count(*) AS n, max(d) AS farthest FROM exact GROUP BY q) e LEFT JOIN
			(SELECT q, count(*) AS n, count(DISTINCT id) AS ids, bool_or(d < before) AS disorder, bool_or(other) AS others FROM
				(SELECT o.*, lag(d) OVER (PARTITION BY q ORDER BY n) AS before, c.id IS NULL AS other FROM found o LEFT JOIN pg_temp.met c USING (id)) o GROUP BY q) f USING (q),
			LATERAL (SELECT count(*) AS hits FROM found WHERE found.q = e.q AND found.d <= e.farthest + 1e-6) h;
	DROP TABLE exact, found;
END $$;
CREATE TEMP TABLE met (id int);
CREATE FUNCTION pg_temp.coded_wrong() RETURNS TABLE (condition text, k int, bad bigint, percent numeric) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH condition IN ARRAY ARRAY['i4 < 500', 'i4 < 200', 'i4 < 10', 'i4 = 7', 'i4 <> 7 AND i4 >= 100', 't IN (''text 7'', ''text 8'')', 'labels && ''{3}''', 'labels IS NULL',
		'far', 'NOT far', 'far AND i4 > 100', 'i4 < 700 AND id % 2 = 0', 'i4 < 700 AND id < 4000', 'i4 < 20 AND id BETWEEN 3000 AND 9000', 'i4 < 0'] LOOP
		EXECUTE 'TRUNCATE met; INSERT INTO met SELECT id FROM coded WHERE ' || condition;
		FOREACH k IN ARRAY '{10,100}'::int[] LOOP
			SELECT f.bad, f.percent FROM pg_temp.coded_found(condition, k) f INTO bad, percent;
			IF bad > 0 OR percent < 95 THEN
				RETURN NEXT;
			END IF;
		END LOOP;
	END LOOP;
END $$;
SELECT * FROM pg_temp.coded_wrong();
-- all of them, however the search begins
SET enable_seqscan = off;
SELECT condition, n, pg_temp.differs('coded', 'v', '<->', '''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]''', n, condition)
	FROM unnest(ARRAY['i4 < 500', 'i4 = 7', 'far', 'NOT far AND i4 < 900']) condition, unnest(ARRAY[20000]) n;
-- what ran: where most rows meet the condition those near are asked of the table, else row
-- pages are passed; and so they are where those near do not meet it after all
CREATE FUNCTION pg_temp.ran(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || query LOOP
		IF line ~ 'Searches Leaving|Row Pages|Rows Tested|Index Cond|Batches: [1-9]' THEN
			RETURN NEXT ltrim(regexp_replace(line, '(Pages Scanned|Tested by Attributes): \d+', '\1: N'));
		END IF;
	END LOOP;
END $$;
SELECT pg_temp.ran('SELECT id FROM coded WHERE i4 < 900 ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 5');
SELECT pg_temp.ran('SELECT id FROM coded WHERE i4 = 7 ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 5');
SELECT pg_temp.ran('SELECT id FROM coded WHERE far ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 5');
-- settings that end a search count rows that meet the conditions
SET hnsw.iterative_scan = off;
SET hnsw.ef_search = 20;
SELECT condition, (SELECT count(*) >= 20 FROM (SELECT FROM query_to_xml(format('SELECT id FROM coded WHERE %s ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 20', condition), true, true, '') x,
	LATERAL regexp_matches(x::text, '<row', 'g')) r) AS filled FROM unnest(ARRAY['i4 < 500', 'i4 IN (7, 14)', 'i4 < 3', 'far']) condition;
RESET hnsw.ef_search;
RESET hnsw.iterative_scan;
RESET enable_seqscan;
-- rows that come and go; codes that are made anew
UPDATE coded SET i4 = i4 + 1, far = NOT far WHERE id % 4 = 0;
DELETE FROM coded WHERE id % 9 = 1;
VACUUM coded;
SELECT pg_temp.more(20001, 21000);
SELECT vector_index_check('coded_v', true);
SELECT vector_index_rebalance('coded_v');
SELECT vector_index_check('coded_v', true);
SELECT * FROM pg_temp.coded_wrong();
-- built by several processes; in parts; the rest inserted
DELETE FROM coded WHERE id > 6000;
INSERT INTO coded SELECT id + 1000000, v, i4 + 1, far, t, labels FROM coded WHERE id % 3 = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
SET maintenance_work_mem = '128MB';
REINDEX INDEX coded_v;
SELECT vector_index_check('coded_v', true);
SET max_parallel_maintenance_workers = 0;
SET maintenance_work_mem = '1MB';
REINDEX INDEX coded_v;
SELECT vector_index_check('coded_v', true);
SELECT * FROM pg_temp.coded_wrong();
SET max_parallel_maintenance_workers = 2;
REINDEX INDEX coded_v;
SELECT vector_index_check('coded_v', true);
DROP INDEX coded_v;
CREATE INDEX coded_v ON coded USING hnsw (v vector_l2_ops, i4, labels) WITH (storage = float);
SELECT vector_index_check('coded_v', true);
RESET maintenance_work_mem;
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
DROP INDEX coded_v;

-- An index that is made before there are rows: VACUUM learns codes, which attributes
-- stay beside.
CREATE TABLE later (LIKE coded) WITH (autovacuum_enabled = off);
CREATE INDEX later_v ON later USING hnsw (v vector_l2_ops, i4, t);
INSERT INTO later SELECT * FROM coded WHERE id <= 500;
SELECT value FROM vector_index_info('later_v') WHERE name = 'codes';
SELECT pg_temp.differs('later', 'v', '<->', '''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]''', 20, 'i4 < 100'), vector_index_check('later_v', true);
INSERT INTO later SELECT * FROM coded WHERE id > 500 AND id < 3000;
VACUUM later;
SELECT value FROM vector_index_info('later_v') WHERE name = 'codes';
SELECT pg_temp.differs('later', 'v', '<->', '''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]''', 20, 'i4 < 100'), vector_index_check('later_v', true);
DROP TABLE later;

-- Row security: rows that a policy hides are not shown to other conditions, however the
-- search goes.
CREATE INDEX coded_v ON coded USING hnsw (v vector_l2_ops, i4, t);
CREATE FUNCTION seen(number int, of int) RETURNS bool LANGUAGE plpgsql COST 1 AS $$
BEGIN
	IF number >= of THEN
		RAISE WARNING 'saw %', number;
	END IF;
	RETURN true;
END $$;
CREATE ROLE regress_attribute_reader;
GRANT SELECT ON coded TO regress_attribute_reader;
ALTER TABLE coded ENABLE ROW LEVEL SECURITY;
CREATE POLICY numbers ON coded USING (i4 < current_setting('tests.number')::int);
SET ROLE regress_attribute_reader;
SET tests.number = 800;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM coded WHERE seen(i4, 800) ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 100) s;
SELECT count(*) FROM (SELECT id FROM coded WHERE seen(i4, 800) AND id < 0 ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 100) s;
SET tests.number = 20;
SELECT count(*) FROM (SELECT id FROM coded WHERE seen(i4, 20) ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 100) s;
RESET enable_seqscan;
RESET ROLE;
DROP POLICY numbers ON coded;
REVOKE SELECT ON coded FROM regress_attribute_reader;
DROP ROLE regress_attribute_reader;
DROP FUNCTION seen;
DROP TABLE coded;

-- An expression, a partial index, a partitioned table
CREATE INDEX facts_v ON facts USING hnsw (v vector_l2_ops, (i4 % 10), upper(t)) WHERE b;
SELECT pg_temp.plan('SELECT id FROM facts WHERE b AND i4 % 10 = 3 AND upper(t) = ''TEXT 5'' ORDER BY v <-> ''[1,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 5');
SELECT pg_temp.wrong('v', '<->', 'b AND i4 % 10 = 3', 20), pg_temp.wrong('v', '<->', 'b AND upper(t) = ''TEXT 5''', 20), vector_index_check('facts_v', true);
DROP INDEX facts_v;
CREATE TABLE parts (id int, v vector(12), i4 int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1300);
CREATE TABLE parts_2 (i4 int, id int, v vector(12));
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (1300) TO (90000);
CREATE INDEX ON parts USING hnsw (v vector_l2_ops, i4);
INSERT INTO parts SELECT id, v, i4 FROM facts;
SELECT pg_temp.differs('parts', 'v', '<->', '''[1,0,0,2,0,0,3,0,0,0,0,0]''', 20, 'i4 IN (7, 8)');
DROP TABLE parts;

-- What is refused
SELECT statement, pg_temp.error_of(statement) FROM (VALUES
	(1, 'CREATE INDEX ON facts USING hnsw (i4)'), (2, 'CREATE INDEX ON facts USING hnsw (i4, v vector_l2_ops)'), (3, 'CREATE INDEX ON facts USING hnsw (v vector_l2_ops, h halfvec_l2_ops)'),
	(4, 'CREATE INDEX ON facts USING hnsw (v vector_l2_ops) INCLUDE (i4)'), (5, 'CREATE INDEX ON facts USING hnsw (v vector_l2_ops, (t::bpchar))'), (6, 'CREATE INDEX ON facts USING hnsw (v vector_l2_ops, i4 DESC)'),
	(7, 'CREATE UNIQUE INDEX ON facts USING hnsw (v vector_l2_ops, i4)'),
	(8, 'CREATE INDEX ON facts USING hnsw (v vector_l2_ops, ' || (SELECT string_agg('i8', ', ') FROM generate_series(1, 31)) || ')')) s (n, statement) ORDER BY n;
-- so many, if not of eight bytes each, fit
SELECT pg_temp.error_of('CREATE INDEX facts_v ON facts USING hnsw (v vector_l2_ops, ' || (SELECT string_agg('i4', ', ') FROM generate_series(1, 31)) || ')'),
	pg_temp.error_of('CREATE INDEX facts_w ON facts USING hnsw (v vector_l2_ops, ' || (SELECT string_agg('i8', ', ') FROM generate_series(1, 28)) || ')');
SELECT pg_temp.wrong('v', '<->', 'i4 = 7', 20), vector_index_check('facts_v', true), vector_index_check('facts_w', true);
DROP TABLE facts, twins, uuid_twins, conditions;
DROP TABLE items, operators, queries;
