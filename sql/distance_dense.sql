-- Distances of vector and halfvec, at every SIMD level of this machine.
\pset format unaligned
\pset footer off
\pset null NULL

-- What a query returns when the kernels of each level this machine has compute
-- it: one value if they agree, else each with its level.
CREATE FUNCTION pg_temp.each_level(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	level text;
	result text;
	results text[] := '{}';
	list text := '';
BEGIN
	FOREACH level IN ARRAY string_to_array((SELECT value FROM vector_ext_capabilities() WHERE name = 'simd_levels_available'), ', ') LOOP
		PERFORM set_config('vector_ext.simd_level', level, true);
		BEGIN
			EXECUTE query INTO result;
		EXCEPTION WHEN OTHERS THEN
			result := SQLSTATE || ' / ' || SQLERRM;
		END;
		results := results || coalesce(result, 'NULL');
		list := concat_ws(E'\n', nullif(list, ''), level || ': ' || coalesce(result, 'NULL'));
	END LOOP;
	PERFORM set_config('vector_ext.simd_level', 'auto', true);
	RETURN CASE WHEN results[1] = ALL (results) THEN results[1] ELSE list END;
END $$;

-- Small integers: every product and sum is exact in float4, so the result is too.
-- The reference is plain SQL.  All dimensions up to 70 (each remainder of each
-- kernel's step), and some around larger steps.
CREATE TABLE pairs AS
SELECT d, array_agg(((i * 37 + d * 11) % 19 - 9)::real ORDER BY i) AS a,
	array_agg(((i * 53 + d * 7) % 17 - 8)::real ORDER BY i) AS b
FROM (SELECT generate_series(1, 70) UNION ALL SELECT unnest(ARRAY[127, 128, 129, 255, 256, 257, 383, 1000, 1023,
	2048])) n (d), generate_series(1, d) i GROUP BY d;
CREATE TABLE reference AS
SELECT d, sqrt(sum((x - y)::float8 ^ 2)) AS l2, sum(x::float8 * y) AS ip, sum(abs(x - y)::float8) AS l1,
	1 - greatest(-1, least(1, sum(x::float8 * y) / nullif(sqrt(sum(x::float8 ^ 2) * sum(y::float8 ^ 2)),
		0))) AS cosine, sum((x - y)::float8 ^ 2) AS sq,
	acos(greatest(-1, least(1, sum(x::float8 * y)))) / pi() AS angle
FROM pairs, unnest(a, b) u (x, y) GROUP BY d;
CREATE TABLE stored AS SELECT d, a::vector AS va, b::vector AS vb, a::halfvec AS ha, b::halfvec AS hb FROM pairs;
SELECT pg_temp.each_level('SELECT (count(*), count(*) FILTER (WHERE va <-> vb <> l2 OR va <#> vb <> -ip
	OR va <=> vb <> cosine OR va <+> vb <> l1))
	FROM stored JOIN reference USING (d)') AS vector_operators_wrong;
SELECT pg_temp.each_level('SELECT count(*) FILTER (WHERE l2_distance(vb, va) <> l2 OR inner_product(vb, va) <> ip
	OR cosine_distance(vb, va) <> cosine OR l1_distance(vb, va) <> l1
	OR vector_l2_squared_distance(va, vb) <> sq OR vector_negative_inner_product(va, vb) <> -ip
		OR vector_spherical_distance(va, vb) <> angle)
	FROM stored JOIN reference USING (d)') AS vector_functions_wrong;
SELECT pg_temp.each_level('SELECT (count(*), count(*) FILTER (WHERE ha <-> hb <> l2 OR ha <#> hb <> -ip
	OR ha <=> hb <> cosine OR ha <+> hb <> l1))
	FROM stored JOIN reference USING (d)') AS halfvec_operators_wrong;
SELECT pg_temp.each_level('SELECT count(*) FILTER (WHERE l2_distance(hb, ha) <> l2 OR inner_product(hb, ha) <> ip
	OR cosine_distance(hb, ha) <> cosine OR l1_distance(hb, ha) <> l1
	OR halfvec_l2_squared_distance(ha, hb) <> sq OR halfvec_negative_inner_product(ha, hb) <> -ip
		OR halfvec_spherical_distance(ha, hb) <> angle)
	FROM stored JOIN reference USING (d)') AS halfvec_functions_wrong;
-- against a constant or a computed vector, which lie elsewhere in memory
SELECT pg_temp.each_level('SELECT count(*) FILTER (WHERE a::vector <-> vb <> l2 OR va <-> b::vector <> l2
	OR a::halfvec <+> hb <> l1 OR ha <+> (b::halfvec) <> l1)
	FROM stored JOIN reference USING (d) JOIN pairs USING (d)') AS computed_wrong;

-- One element out of place, at each place: no kernel may miss or repeat one.
SELECT pg_temp.each_level('SELECT count(*) FILTER (WHERE zero <-> v <> 3 OR zero <+> v <> 3 OR v <#> v <> -9
	OR zero::halfvec <-> v::halfvec <> 3 OR zero::halfvec <+> v::halfvec <> 3 OR v::halfvec <#> v::halfvec <> -9)
	FROM (SELECT array_fill(0, ARRAY[d])::vector, (array_fill(0, ARRAY[place - 1]) || 3 || array_fill(0,
		ARRAY[d - place]))::vector
		FROM unnest(ARRAY[1, 2, 31, 63, 64, 65, 130]) d, generate_series(1, d) place) t (zero, v)') AS places_wrong;
SELECT pg_temp.each_level('SELECT (v <#> v, v <-> w, v <+> w, v <=> w, h <#> h, h <-> g, h <+> g, h <=> g)
	FROM (SELECT array_fill(1, ARRAY[16000])::vector, array_fill(-1, ARRAY[16000])::vector,
		array_fill(2, ARRAY[16000])::halfvec, array_fill(-2, ARRAY[16000])::halfvec) t (v, w, h, g)') AS longest;

-- Fractions that both types hold: float4 sums may be off by a few units in the
-- last place for each addition, relative to the sum of magnitudes.
SELECT pg_temp.each_level('SELECT (count(*),
		count(*) FILTER (WHERE NOT (abs((v <-> w) - l2) <= 3e-5 * l2 AND abs((v <#> w) + ip) <= 3e-5 * size
			AND abs((v <+> w) - l1) <= 3e-5 * l1 AND abs((v <=> w) - cosine) <= 1e-4)),
		count(*) FILTER (WHERE NOT (abs((h <-> g) - l2) <= 3e-5 * l2 AND abs((h <#> g) + ip) <= 3e-5 * size
			AND abs((h <+> g) - l1) <= 3e-5 * l1 AND abs((h <=> g) - cosine) <= 1e-4)))
	FROM (SELECT a::vector AS v, b::vector AS w, a::halfvec AS h, b::halfvec AS g, s.*
		FROM (SELECT array_agg(sin(i * d) ORDER BY i)::halfvec::real[] AS a,
			array_agg(cos(i * i + d) ORDER BY i)::halfvec::real[] AS b FROM generate_series(1, 50) d,
			generate_series(1, d * 7) i GROUP BY d) p,
		LATERAL (SELECT sqrt(sum((x::float8 - y) ^ 2)) AS l2, sum(x::float8 * y) AS ip,
			sum(abs(x::float8 * y)) AS size, sum(abs(x::float8 - y)) AS l1,
			1 - sum(x::float8 * y) / sqrt(sum(x::float8 ^ 2) * sum(y::float8 ^ 2)) AS cosine
				FROM unnest(a, b) u (x, y)) s) t') AS outside_of_bounds;

-- Extreme values: sums are float4, so that what exceeds it is Infinity and what
-- falls below it zero; a cosine of such sums, or of a zero vector, is NaN.
SELECT expression, pg_temp.each_level('SELECT ' || expression) AS result
FROM (VALUES
	(1, $$'[3e38]'::vector <-> '[-3e38]'$$), (2, $$'[2e19]'::vector <-> '[0]'$$),
		(3, $$abs(('[1e19,0]'::vector <-> '[0,0]') / 1e19 - 1) < 1e-6$$), (4, $$'[3e38]'::vector <#> '[3e38]'$$),
	(5, $$'[3e38]'::vector <#> '[-3e38]'$$), (6, $$inner_product('[1e20]'::vector, '[-1e20]')$$),
		(7, $$'[3e38]'::vector <+> '[-3e38]'$$), (8, $$'[3e38,3e38]'::vector <+> '[0,0]'$$),
	(9, $$'[3e38]'::vector <=> '[3e38]'$$), (10, $$'[1e-30]'::vector <=> '[1e-30]'$$),
		(11, $$'[0,0]'::vector <=> '[1,2]'$$), (12, $$'[0]'::vector <=> '[0]'$$), (13, $$'[-0]'::vector <=> '[1]'$$),
	(14, $$'[1e-45]'::vector <-> '[0]'$$), (15, $$('[1e-45]'::vector <+> '[0]') = 2 ^ -149::float8$$),
		(16, $$'[1e-30]'::vector <#> '[1e-30]'$$), (17, $$'[3e38]'::vector <-> '[3e38]'$$),
	(19, $$vector_l2_squared_distance('[1e20]', '[0]')$$), (20, $$vector_spherical_distance('[1e20]', '[1e20]')$$),
	(21, $$vector_spherical_distance('[1e20]', '[-1e20]')$$), (22, $$vector_spherical_distance('[1,0]', '[0,1]')$$),
		(23, $$vector_spherical_distance('[0,-1]', '[0,-1]')$$),
	(31, $$'[65504]'::halfvec <-> '[-65504]'$$), (32, $$'[65504]'::halfvec <#> '[-65504]'$$),
		(33, $$'[65504]'::halfvec <+> '[-65504]'$$), (34, $$'[65504]'::halfvec <=> '[65504]'$$),
	(35, $$('[6e-8]'::halfvec <+> '[0]') = 2 ^ -24::float8$$),
		(36, $$('[6e-8]'::halfvec <-> '[-6e-8]') = 2 ^ -23::float8$$),
		(37, $$('[6e-8]'::halfvec <#> '[6e-8]') = -(2 ^ -48::float8)$$), (38, $$'[0]'::halfvec <=> '[1]'$$),
	(39, $$'[6e-8,0]'::halfvec <=> '[0,6e-8]'$$), (40, $$'[0]'::halfvec <=> '[-0]'$$),
		(41, $$halfvec_spherical_distance('[1,0]', '[-1,0]')$$)) e (id, expression)
ORDER BY id;
-- in every lane and in the rest
SELECT pg_temp.each_level('SELECT (count(*), count(*) FILTER (WHERE v <-> zero <> ''Infinity''
	OR v <#> v <> ''-Infinity'' OR v <+> w <> ''Infinity'' OR v <=> v <> ''NaN'' OR zero <=> v <> ''NaN''))
	FROM (SELECT (array_fill(0::real, ARRAY[place - 1]) || 3e38::real || array_fill(0::real,
		ARRAY[d - place]))::vector,
		(array_fill(0::real, ARRAY[place - 1]) || -3e38::real || array_fill(0::real, ARRAY[d - place]))::vector,
			array_fill(0, ARRAY[d])::vector
		FROM unnest(ARRAY[1, 15, 16, 17, 64, 70]) d, generate_series(1, d) place) t (v, w, zero)') AS infinite_wrong;

-- Cosine stays within 0 and 2 whatever the rounding: a vector is at 0 from itself
-- and its multiples, and at 2 from their opposites
SELECT pg_temp.each_level('SELECT (min(v <=> v) >= 0, max(v <=> v) < 1e-6, min(v <=> u) >= 0, max(v <=> u) < 1e-6,
		max(v <=> w) <= 2, min(v <=> w) > 2 - 1e-6, min(v::halfvec <=> u::halfvec) >= 0, max(v::halfvec <=> w::halfvec) <= 2)
	FROM (SELECT v, v + v + v, v - v - v - v FROM (SELECT array_agg(sin(i * d) * 10 ^ (d % 7 - 3))::vector
		FROM generate_series(1, 300) d, generate_series(1, 1 + d % 77) i GROUP BY d) t (v)) t (v, u, w)') AS bounds;

-- Different dimensions are an error in each function, NULL gives NULL
SELECT call, pg_temp.each_level(format('SELECT ' || call, 'vector')) AS vector,
	pg_temp.each_level(format('SELECT ' || replace(call, 'vector_', 'halfvec_'), 'halfvec')) AS halfvec
FROM (VALUES (1, $$'[1,2]'::%s <-> '[3]'$$), (2, $$'[1]'::%s <#> '[3,4]'$$), (3, $$'[1,2,3]'::%s <=> '[3,4]'$$),
	(4, $$'[1,2]'::%s <+> '[3]'$$), (5, $$l2_distance('[1,2]'::%s, '[3]')$$),
	(6, $$inner_product('[1,2]'::%s, '[3]')$$), (7, $$cosine_distance('[1,2]'::%s, '[3]')$$),
		(8, $$l1_distance('[1]'::%s, '[3,4]')$$), (9, $$vector_l2_squared_distance('[1,2]'::%s, '[3]')$$),
	(10, $$vector_negative_inner_product('[1,2]'::%s, '[3]')$$),
		(11, $$vector_spherical_distance('[1,2]'::%s, '[3]')$$), (12, $$'[1]'::%s <-> NULL$$),
		(13, $$cosine_distance(NULL, '[1]'::%s)$$)) c (id, call)
ORDER BY id;

-- In an ORDER BY, NaN is the farthest distance but one: NULL is farther
SELECT v, v <=> '[1,0]' AS distance FROM (VALUES ('[0,0]'::vector), ('[0,1]'), (NULL), ('[5,0]'), ('[-3,0]')) t (v)
	ORDER BY v <=> '[1,0]';
DROP TABLE pairs, reference, stored;
