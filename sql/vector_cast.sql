-- Casts of vector and halfvec: between themselves, from and to SQL arrays, and
-- where they happen by themselves.  (sparse_cast has those of sparsevec.)
\pset format unaligned
\pset footer off

CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' / ' || SQLERRM;
END $$;

-- Arrays of four types.  NULL elements, more or fewer dimensions than one, NaN
-- and infinities are refused; lower bounds do not matter.
SELECT a AS array, pg_temp.outcome(format('SELECT %s::vector', a)) AS vector,
	pg_temp.outcome(format('SELECT %s::halfvec', a)) AS halfvec
FROM (VALUES
	(1, 'ARRAY[1,-2,3]'), (2, 'ARRAY[1,-2,3]::real[]'), (3, 'ARRAY[1,-2,3]::float8[]'),
	(4, 'ARRAY[1,-2,3]::numeric[]'), (5, 'ARRAY[1.5,-0.25]'), (6, '''[5:7]={1,2,3}''::int[]'),
	(7, '''[-1:0]={0.5,2}''::numeric[]'), (8, '(ARRAY[1,2,3,4])[2:3]'), (9, 'ARRAY[-0.0::real, 0]'),
	(11, '''{}''::int[]'), (12, '''{}''::real[]'), (13, '''{}''::float8[]'), (14, '''{}''::numeric[]'),
	(15, 'NULL::real[]'), (16, '(ARRAY[1,2])[3:4]'),
	(21, 'ARRAY[1,NULL]'), (22, 'ARRAY[NULL,1]::real[]'), (23, 'ARRAY[NULL]::float8[]'),
	(24, 'ARRAY[NULL,NULL]::numeric[]'), (25, '(ARRAY[1,NULL,3])[3:3]'),
	(31, 'ARRAY[[1,2],[3,4]]'), (32, 'ARRAY[[1]]::real[]'), (33, '''{{{1}}}''::float8[]'),
	(34, 'ARRAY[[1.5]]'), (35, 'ARRAY[[NULL]]::int[]'),
	(41, '''{1,NaN}''::real[]'), (42, '''{NaN}''::float8[]'), (43, '''{NaN}''::numeric[]'),
	(44, '''{Infinity}''::real[]'), (45, '''{1,-Infinity}''::float8[]'), (46, '''{Infinity}''::numeric[]'),
	-- numbers too large or too small for the target
	(51, 'ARRAY[16777217,2147483647,-2147483648]'), (52, 'ARRAY[65504,-65504]'), (53, 'ARRAY[65519]'),
		(54, 'ARRAY[1,65520]'),
	(55, 'ARRAY[70000]::real[]'), (56, 'ARRAY[1e39]::float8[]'), (57, 'ARRAY[-1e300]::float8[]'),
	(58, 'ARRAY[1e39]'), (59, 'ARRAY[3.4028235e38]::float8[]'), (60, 'ARRAY[3.40282357e38]::float8[]'),
	(61, 'ARRAY[1e-46]::float8[]'), (62, 'ARRAY[-1e-46]::float8[]'), (63, 'ARRAY[1e-46]'),
	(64, 'ARRAY[1e-45]::real[]'), (65, 'ARRAY[1e-20]'), (66, 'ARRAY[16777217]::float8[]'), (67, 'ARRAY[0.1]'),
	(68, 'array_fill(1, ARRAY[16001])'),
	-- types for which there is no cast
	(71, 'ARRAY[1,2]::bigint[]'), (72, 'ARRAY[1,2]::smallint[]'), (73, 'ARRAY[''1'',''2'']'),
	(74, 'ARRAY[true]'), (75, '1'), (76, '1.5::float8'), (77, '''[1]''::text'), (78, '''[1]''::json')) t (id, a)
ORDER BY id;
SELECT vector_dims(array_fill(1::real, ARRAY[16000])::vector), vector_dims(array_fill(1, ARRAY[16000])::halfvec);

-- The functions behind the casts check what the casts promise, whoever calls
-- them: typmod, and the type of the array where someone declared another one.
DO $$
BEGIN
	EXECUTE (SELECT format('CREATE FUNCTION pg_temp.from_bigint(bigint[], int, bool) RETURNS vector
		LANGUAGE c STRICT AS %L, %L', probin, prosrc)
		FROM pg_proc WHERE oid = 'array_to_vector(int[],int,bool)'::regprocedure);
END $$;
SELECT pg_temp.from_bigint('{1,2}', -1, false);
SELECT array_to_vector(ARRAY[1,2], 2, false), array_to_halfvec(ARRAY[1.5], -1, true),
	vector('[1,2]'::vector, -1, false), vector_to_float4('[1,2]', 7, true);
SELECT array_to_vector(ARRAY[1,2], 3, false);
SELECT vector('[1,2]'::vector, 3, false);
SELECT vector_to_halfvec('[1,2]', 1, false);

-- To arrays and back
SELECT '[1.5,-0,3e38]'::vector::real[] AS vector, '[0.1,-0,65504]'::halfvec::real[] AS halfvec,
	array_dims('[1,2,3]'::vector::real[]), ('[1,2,3]'::vector::real[])[2] AS second;
SELECT '[1,2]'::vector::float8[];
SELECT '[1,2]'::vector::int[];
SELECT '[1,2]'::vector::numeric[];

-- Between vector and halfvec: to nearest, ties to even; too large is an error
SELECT '[1,0.1,2049,2051,65519,1e-8,-1e-8,6e-8,-0]'::vector::halfvec,
	'[0.1,65504,6e-8,-0]'::halfvec::vector;
SELECT '[1,65520]'::vector::halfvec;
SELECT '[-3e38,nan]'::halfvec;
SELECT '[-3e38,1]'::vector::halfvec;

-- Every finite half, 2 x 31744 of them: mantissa m, exponent e.  Through real[]
-- and text they stay what they are.  All are exact in float8.
CREATE TEMP TABLE halves AS
SELECT e, m, CASE e WHEN 0 THEN m * 2.0::float8 ^ -24 ELSE (1024 + m) * 2.0::float8 ^ (e - 25) END AS value,
	2.0::float8 ^ (greatest(e, 1) - 25) AS unit
FROM generate_series(0, 30) e, generate_series(0, 1023) m;
SELECT count(*), count(*) FILTER (WHERE a::halfvec::real[] <> a) AS changed,
	count(*) FILTER (WHERE a::halfvec::text::halfvec::real[] <> a) AS changed_by_text,
	count(*) FILTER (WHERE a::vector::halfvec::vector::real[] <> a) AS changed_by_vector
FROM (SELECT array_agg((sign * value)::real ORDER BY m) AS a FROM halves, (VALUES (1), (-1)) s (sign) GROUP BY e,
	sign) h;
-- Halfway to the next one is the even one; a little less or more is not halfway.
SELECT count(*),
	count(*) FILTER (WHERE (ARRAY[value + unit / 2]::halfvec::real[])[1] <> value + m % 2 * unit) AS tie,
	count(*) FILTER (WHERE (ARRAY[value + unit * 0.499]::halfvec::real[])[1] <> value) AS below,
	count(*) FILTER (WHERE (ARRAY[-value - unit * 0.501]::vector::halfvec::real[])[1] <> -value - unit) AS above
FROM halves WHERE (e, m) <> (30, 1023) AND m % 7 IN (0, 3);

-- By themselves: in assignments all of them, in expressions some
CREATE TABLE targets (v vector, h halfvec, f real[]);
INSERT INTO targets VALUES (ARRAY[1,2], ARRAY[1,2]::real[], '[1,2]'::vector);
INSERT INTO targets VALUES (ARRAY[1.5], ARRAY[2.5]::float8[], '[3.5]'::halfvec);
INSERT INTO targets VALUES ('[1]'::halfvec, '[2]'::vector, NULL);
UPDATE targets SET v = h, h = v;
SELECT * FROM targets ORDER BY v, h;
SELECT statement, pg_temp.outcome(statement) AS result
FROM (VALUES
	(1, $$SELECT '[1,2]'::vector = '[1,2]'::halfvec$$),
	(2, $$SELECT '[3,4]'::vector <-> '[0,0]'::halfvec$$),
	(3, $$SELECT pg_typeof('[1,2]'::vector + '[1,2]'::halfvec)$$),
	(4, $$SELECT '[1,2]'::vector = ARRAY[1,2]::real[]$$),
	(5, $$SELECT '[1,2]'::vector = ARRAY[1,2]$$),
	(6, $$SELECT '[1,2]'::vector <-> ARRAY[1,2]$$),
	(7, $$SELECT l2_distance('[1,2]'::vector, ARRAY[1,2])$$),
	(8, $$SELECT array_length('[1,2]'::vector, 1)$$),
	(9, $$SELECT array_length('[1,2]'::halfvec, 1)$$),
	(10, $$SELECT array_length('[1,2]'::vector::real[], 1)$$),
	(11, $$SELECT ('[1,2]'::vector)[1]$$),
	(12, $$SELECT vector_norm('[3,4]'::halfvec)$$),
	(13, $$SELECT vector_norm('[3,4]')$$),
	(14, $$SELECT ARRAY[1,2] = ARRAY[1,2]$$),
	(15, $$SELECT ARRAY[1.5] < ARRAY[2.5]$$),
	(16, $$SELECT ARRAY[1,2] || 3$$),
	(17, $$SELECT coalesce('[1,2]'::vector, '[1]')$$),
	(18, $$SELECT pg_typeof(coalesce('[1,2]'::vector, '[1]'::halfvec))$$),
	(19, $$SELECT '[1]'::vector UNION SELECT '[1]'::halfvec$$),
	(20, $$SELECT '[1,2]'::vector <-> '{1:1}/2'::sparsevec$$),
	(21, $$SELECT '[1,2]' <-> '[1,2]'$$)) s (id, statement)
ORDER BY id;
DROP TABLE targets;

-- Arrays of vectors cast element by element
SELECT ARRAY['[1,2]','[3,4]']::vector[]::halfvec[], '{"[1]"}'::halfvec[]::vector[];

-- Contexts as declared: i = by itself anywhere, a = in assignments
SELECT * FROM (
	SELECT castsource::regtype::text COLLATE "C" AS source, casttarget::regtype::text COLLATE "C" AS target,
		castcontext, castmethod, castfunc::regprocedure AS function
	FROM pg_cast
	WHERE 'vector'::regtype IN (castsource, casttarget) OR 'halfvec'::regtype IN (castsource, casttarget)) c
ORDER BY source, target;
