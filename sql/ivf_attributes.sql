-- ivfflat and ivfpq with attributes: columns beside the vector in the index.
\pset format unaligned
\pset footer off
\pset null NULL
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/test/sql/index_helpers.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET timezone = 'Europe/Paris';
SET datestyle = 'ISO';
-- Each kind of attribute, with NULLs and the ends of its range.
CREATE TABLE facts (id int, v vector(12), i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, b bool, d date, ts timestamp,
	tz timestamptz, t text, vc varchar(30), u uuid, labels int4[]) WITH (autovacuum_enabled = off);
CREATE FUNCTION pg_temp.fill(first int, last int, shift int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO facts SELECT id + shift, v,
		CASE id % 17 WHEN 0 THEN NULL WHEN 1 THEN -32768 WHEN 2 THEN 32767 ELSE id % 50 - 25 END,
		CASE id % 19 WHEN 0 THEN NULL WHEN 1 THEN -2147483648 WHEN 2 THEN 2147483647 ELSE id * 7 % 300 - 150 END,
		CASE id % 23 WHEN 0 THEN NULL WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE (id % 400 - 200) * 30000000000 END,
		CASE id % 13 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '-0' WHEN 5 THEN 0 WHEN 6 THEN '1e-40' WHEN 7 THEN 0.1::float4 ELSE (id % 9 - 4.5)::float4 END,
		CASE id % 11 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '-0' WHEN 5 THEN 0 WHEN 6 THEN '5e-324' WHEN 7 THEN 0.1::float4 ELSE (id % 9 - 4.5)::float8 END,
		CASE id % 5 WHEN 0 THEN NULL ELSE id % 3 = 0 END,
		CASE id % 29 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '5000000-01-01' WHEN 4 THEN '4713-01-01 BC' ELSE '2024-03-25'::date + id % 14 END,
		CASE id % 31 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '4713-01-01 BC' ELSE '2024-03-30'::timestamp + (id % 200) * interval '30 minutes' END,
		CASE id % 37 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '290000-01-01' ELSE '2024-03-30'::timestamptz + (id % 200) * interval '30 minutes' END,
		CASE id % 7 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'text ' || id % 40 END,
		CASE id % 41 WHEN 0 THEN NULL ELSE 'short ' || id % 30 END,
		CASE id % 43 WHEN 0 THEN NULL ELSE md5((id % 60)::text)::uuid END,
		CASE id % 6 WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE ARRAY[id % 10, id % 100, CASE WHEN id % 4 > 0 THEN id END] END
	FROM items WHERE id BETWEEN first AND last $$;
SELECT pg_temp.fill(1, 2500, 0);
-- two values each that have the same hash: found by trying
CREATE TABLE twins AS SELECT min(s) AS a, max(s) AS b FROM (SELECT 'twin ' || g AS s FROM generate_series(1, 200000) g) c
	GROUP BY hashtext(s) HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
CREATE TABLE uuid_twins AS SELECT min(s::text)::uuid AS a, max(s::text)::uuid AS b FROM (SELECT md5('twin ' || g)::uuid AS s FROM generate_series(1, 200000) g) c
	GROUP BY uuid_hash(s) HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
SELECT (SELECT hashtext(a) = hashtext(b) AND a <> b FROM twins) AS texts, (SELECT uuid_hash(a) = uuid_hash(b) AND a <> b FROM uuid_twins) AS uuids;
UPDATE facts SET t = CASE WHEN id % 2 = 0 THEN twins.a ELSE twins.b END FROM twins WHERE id % 20 IN (4, 5);
UPDATE facts SET u = CASE WHEN id % 2 = 0 THEN uuid_twins.a ELSE uuid_twins.b END FROM uuid_twins WHERE id % 20 IN (6, 7);
ANALYZE facts;

-- What is asked: each operator of each kind, with values at, beside and beyond those of
-- the rows, of each type that it compares with.
CREATE TABLE conditions (n serial, kind text, condition text);
INSERT INTO conditions (kind, condition)
SELECT col, format('%s %s %s', col, op, value) FROM (VALUES
	('i2', '{(-32768)::int2,32767::int2,3::int2,3::int4,40000::int4,-40000::int4,3::int8,32767::int8,9999999999::int8}'::text[]),
	('i4', '{2147483647,-150,-149,7::int2,7,(-2147483648)::int4,5000000000::int8,-5000000000::int8,-143::int8}'),
	('i8', '{9223372036854775807::int8,(-9223372036854775808)::int8,30000000000::int8,7::int2,7,-30000000000::int8}'),
	('f4', '{''NaN''::float4,''Infinity''::float4,''-Infinity''::float4,0::float4,0.1::float4,0.1::float8,1e300::float8,-1e300::float8,''NaN''::float8,1e-60::float8,-1e-60::float8,1e-40::float8,-4.5::float8}'),
	('f8', '{''NaN''::float8,''Infinity''::float8,''-Infinity''::float8,0::float8,0.1::float4,0.1::float8,''NaN''::float4,-4.5::float4,5e-324::float8}'),
	('b', '{true,false,(SELECT NULL::bool)}'),
	('d', '{''2024-03-31''::date,''infinity''::date,''-infinity''::date,''2024-03-31 00:00''::timestamp,''2024-03-31 01:00''::timestamp,''1999-12-31 23:00''::timestamp,''infinity''::timestamp,''-infinity''::timestamp,''2024-03-31 00:00+01''::timestamptz,''2024-03-31 00:00+02''::timestamptz,''2024-04-01 00:00+02''::timestamptz,''infinity''::timestamptz,''-infinity''::timestamptz}'),
	('ts', '{''2024-03-31 02:30''::timestamp,''infinity''::timestamp,''-infinity''::timestamp,''2024-03-31''::date,''5000000-01-01''::date,''infinity''::date,''-infinity''::date,''2024-03-31 03:00''::timestamptz,''2024-03-31 02:30+01''::timestamptz,''infinity''::timestamptz}'),
	('tz', '{''2024-03-31 03:30''::timestamptz,''infinity''::timestamptz,''-infinity''::timestamptz,''2024-03-31''::date,''5000000-01-01''::date,''infinity''::date,''2024-03-31 02:30''::timestamp,''2024-03-31 03:30''::timestamp,''-infinity''::timestamp,''infinity''::timestamp}')
) v (col, list), unnest(list) value, unnest('{<,<=,=,>=,>}'::text[]) op;
INSERT INTO conditions (kind, condition)
SELECT kind, condition FROM (VALUES
	('t', 't = (SELECT a FROM twins)'), ('t', 't = (SELECT b FROM twins)'), ('t', 't = ''text 5'''), ('t', 't = '''''), ('t', 't = ''none'''),
	('t', 't IN (''text 5'', ''text 6'', NULL)'), ('t', 't = ANY (ARRAY[(SELECT a FROM twins), ''text 9''])'),
	('vc', 'vc = ''short 3'''), ('vc', 'vc IN (''short 3'', ''short 9'')'), ('vc', 'vc = ''short 3 '''),
	('u', 'u = (SELECT a FROM uuid_twins)'), ('u', 'u = (SELECT b FROM uuid_twins)'), ('u', 'u = md5(''7'')::uuid'),
	('u', 'u IN (md5(''7'')::uuid, md5(''8'')::uuid)'),
	('labels', 'labels && ''{3}'''), ('labels', 'labels && ''{3,4,77}'''), ('labels', 'labels && ''{}'''), ('labels', 'labels && ''{NULL}'''),
	('labels', 'labels && ''{-5}'''), ('labels', 'labels @> ''{3,33}'''), ('labels', 'labels @> ''{}'''), ('labels', 'labels @> ''{3,NULL}'''),
	('labels', 'labels && (SELECT NULL::int4[])'), ('labels', 'labels && ''{{3,4},{5,6}}'''),
	('in', 'i4 IN (7, -143, 42, 5000)'), ('in', 'i4 = ANY (''{}'')'), ('in', 'i4 = ANY (''{NULL,7}'')'), ('in', 'i4 = ANY ((SELECT NULL::int[])::int[])'),
	('in', 'i4 < ANY (''{-140,-100}'')'), ('in', 'i4 >= ANY (''{140,100,NULL}'')'), ('in', 'i4 IN (7::int8, 9999999999)'),
	('in', 'i4 = ANY (ARRAY(SELECT g FROM generate_series(-150, 150, 3) g))'), ('in', 'i4 = ANY (ARRAY(SELECT g::int8 FROM generate_series(100000, 100100, 3) g))'),
	('in', 'i2 IN (1, 2, 3)'), ('in', 'i2 = ANY (ARRAY(SELECT g::int2 FROM generate_series(-20, 20, 2) g))'),
	('in', 'i8 = ANY (ARRAY(SELECT g * 30000000000 FROM generate_series(-100, 100, 3) g))'), ('in', 'i8 IN (30000000000, 60000000000)'),
	('in', 'f4 IN (0, ''NaN'')'), ('in', 'f8 IN (0.1, 0, 0.5, ''Infinity'')'), ('in', 'b IN (true, false)'), ('in', 'd IN (''2024-03-31'', ''infinity'')'),
	('in', 'd = ANY (ARRAY[''2024-03-31''::timestamp, ''2024-04-01 12:00''::timestamp])'),
	('in', 'd = ANY (ARRAY[''2024-03-31''::timestamptz, ''2024-04-03''::timestamptz])'), ('in', 'tz IN (''2024-03-31 03:30'', ''2024-03-31 01:30'')'),
	('bool', 'b'), ('bool', 'NOT b'), ('bool', 'b IS TRUE'), ('bool', 'b IS FALSE'),
	('both', 'i4 = 7 AND t = ''text 11'''), ('both', 'i4 > -10 AND i4 < 10'), ('both', 'i4 > 10 AND i4 < -10'), ('both', 'i4 BETWEEN -100 AND 100 AND b AND d >= ''2024-03-30'''),
	('both', 'i4 > -10 AND i4 < 10 AND i4 <> 3'), ('both', 'i4 IN (7, 14, 21) AND i4 >= 14'), ('both', 'i4 = 7 AND i4 IS NULL'),
	('both', 'labels && ''{3}'' AND i2 < 0 AND f8 >= 0'), ('both', 'v IS NOT NULL AND i4 = 7')) c (kind, condition)
UNION ALL SELECT 'null', col || is_null FROM unnest('{i2,i4,i8,f4,f8,b,d,ts,tz,t,vc,u,labels}'::text[]) col, unnest('{" IS NULL"," IS NOT NULL"}'::text[]) is_null;

-- A condition is wrong by its answer, or where the index is not asked for all of it.
CREATE FUNCTION pg_temp.wrong(col text, op text, condition text, k int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	target text := '''[1,-2,3,-1,2,-3,1,2,-1,-2,1,3]''';
	line text;
	difference text := pg_temp.differs('facts', col, op, target, k, condition);
BEGIN
	IF difference IS NOT NULL THEN
		RETURN difference;
	END IF;
	SET LOCAL enable_seqscan = off;
	FOR line IN EXECUTE format('EXPLAIN (COSTS off) SELECT id FROM facts WHERE %s ORDER BY %I %s %s LIMIT %s', condition, col, op, target, k) LOOP
		IF line LIKE '%Filter%' AND condition NOT LIKE '%<>%' THEN
			RETURN line;
		END IF;
	END LOOP;
	RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.all_wrong(col text, op text) RETURNS TABLE (condition text, k int, wrong text) LANGUAGE sql AS $$
	SELECT * FROM (SELECT condition, k, pg_temp.wrong(col, op, condition, k) FROM conditions, LATERAL (SELECT (ARRAY[10,3000,1])[n % 3 + 1] AS k) l ORDER BY n) w
	WHERE wrong IS NOT NULL $$;
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
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		RETURN NEXT regexp_replace(line, '''\[.*\]''', 'target');
	END LOOP;
END $$;
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
SELECT pg_temp.plan('EXECUTE near (7, ''text 11'', ''{7,8}'')');
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
CREATE FUNCTION pg_temp.found(condition text, k int, target text, near bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	body text := format('SELECT id, v <-> %L AS d FROM facts WHERE (%s) AND v IS NOT NULL ORDER BY v <-> %L LIMIT %s', target, condition, target, k);
	n int;
	hits int;
	wanted int;
BEGIN
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('CREATE TEMP TABLE exact AS %s', body);
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_indexscan = on;
	EXECUTE format('SELECT (SELECT count(*) FROM exact), count(*), count(*) FILTER (WHERE d <= (SELECT max(d) FROM exact)) FROM (%s) s', body) INTO wanted, n, hits;
	DROP TABLE exact;
	RETURN CASE WHEN n < wanted THEN n || ' rows of ' || wanted WHEN near AND hits < 0.8 * wanted THEN hits || ' of the nearest' END;
END $$;
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
