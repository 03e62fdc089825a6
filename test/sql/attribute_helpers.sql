-- Data and helpers of the tests of attributes; they include this file behind index_helpers.sql.
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
DO $$ BEGIN PERFORM pg_temp.fill(1, 2500, 0); END $$;
-- two values each that have the same hash: found by trying
CREATE TABLE twins AS SELECT min(s) AS a, max(s) AS b FROM (SELECT 'twin ' || g AS s FROM generate_series(1, 200000) g) c
	GROUP BY hashtext(s) HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
CREATE TABLE uuid_twins AS SELECT min(s::text)::uuid AS a, max(s::text)::uuid AS b FROM (SELECT md5('twin ' || g)::uuid AS s FROM generate_series(1, 200000) g) c
	GROUP BY uuid_hash(s) HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
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

-- A plan, without the query's vector.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		RETURN NEXT regexp_replace(line, '''\[.*\]''', 'target');
	END LOOP;
END $$;

-- What is missing of an answer: rows, or many of the nearest.
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
