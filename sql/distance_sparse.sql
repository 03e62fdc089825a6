-- Distances of sparsevec: those of the dense vectors they stand for, which
-- distance_dense checks against plain SQL.  At every SIMD level of this machine.
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

-- Small integers, exact in float4.  How full: from none to all, also one full and
-- one nearly empty, and sharing some places, none or all of them.
CREATE TABLE pairs AS
SELECT d, m, n, array_agg(CASE WHEN (i * 7 + d) % m = 0 THEN (i * 31 + d) % 19 - 9 ELSE 0 END
	ORDER BY i)::vector AS a,
	array_agg(CASE WHEN (i * 5 + d) % n = 1 % n THEN (i * 17 + d) % 13 - 6 ELSE 0 END ORDER BY i)::vector AS b
FROM unnest(ARRAY[1, 2, 3, 8, 17, 64, 200, 3000]) d, unnest(ARRAY[1, 2, 5, 50]) m, unnest(ARRAY[1, 3, 4, 999]) n,
	generate_series(1, d) i GROUP BY d, m, n;
SELECT pg_temp.each_level('SELECT (count(*), count(*) FILTER (WHERE s <-> t <> a <-> b OR s <#> t <> a <#> b
	OR s <+> t <> a <+> b OR s <=> t <> a <=> b),
		count(*) FILTER (WHERE l2_distance(t, s) <> l2_distance(b, a) OR inner_product(t, s) <> inner_product(b, a)
			OR l1_distance(t, s) <> l1_distance(b, a) OR cosine_distance(t, s) <> cosine_distance(b, a)
			OR sparsevec_l2_squared_distance(s, t) <> vector_l2_squared_distance(a, b)
				OR sparsevec_negative_inner_product(s, t) <> vector_negative_inner_product(a, b)))
	FROM (SELECT a, b, a::sparsevec, b::sparsevec FROM pairs) p (a, b, s, t)') AS wrong;
SELECT pg_temp.each_level('SELECT count(*) FILTER (WHERE s <-> s <> 0 OR s <+> s <> 0 OR s <#> s <> a <#> a
	OR s <-> empty <> vector_norm(a) OR empty <#> s <> 0 OR empty <=> s <> ''NaN'')
	FROM (SELECT a, a::sparsevec, (''{}/'' || d)::sparsevec FROM pairs WHERE d = 3
		AND vector_norm(a) > 0 UNION ALL SELECT ''[3,0,4]'', ''{1:3,3:4}/3'', ''{}/3'') p (a, s,
		empty)') AS of_itself_wrong;

-- By hand, with places that no dense vector has
SELECT expression, pg_temp.each_level('SELECT ' || expression) AS result
FROM (VALUES
	(1, $$'{1:3,1000000000:4}/1000000000'::sparsevec <-> '{}/1000000000'$$),
		(2, $$'{5:3,999999999:2}/1000000000'::sparsevec <#> '{5:4,1000000000:9}/1000000000'$$),
	(3, $$'{1:1,2:2}/9'::sparsevec <+> '{2:-2,9:7}/9'$$), (4, $$'{1:1}/9'::sparsevec <=> '{9:1}/9'$$),
		(5, $$'{1:1}/9'::sparsevec <=> '{1:-5}/9'$$), (6, $$'{3:7}/9'::sparsevec <=> '{3:2}/9'$$),
	(7, $$'{}/2'::sparsevec <-> '{}/2'$$), (8, $$'{}/2'::sparsevec <#> '{}/2'$$),
		(9, $$'{}/2'::sparsevec <=> '{}/2'$$), (10, $$'{}/2'::sparsevec <=> '{1:1}/2'$$),
	(11, $$'{1:3e38}/2'::sparsevec <-> '{1:-3e38}/2'$$), (12, $$'{1:3e38}/2'::sparsevec <-> '{2:3e38}/2'$$),
		(13, $$'{1:3e38}/2'::sparsevec <#> '{1:3e38}/2'$$), (14, $$'{1:3e38}/2'::sparsevec <+> '{2:3e38}/2'$$),
	(15, $$'{1:3e38}/2'::sparsevec <=> '{1:3e38}/2'$$),
		(16, $$inner_product('{1:1e20}/1'::sparsevec, '{1:-1e20}/1')$$),
		(17, $$('{1:1e-45}/1'::sparsevec <+> '{}/1') = 2 ^ -149::float8$$),
		(18, $$'{1:1e-30}/1'::sparsevec <=> '{1:1e-30}/1'$$),
	(21, $$'{}/2'::sparsevec <-> '{}/3'$$), (22, $$'{1:1}/3'::sparsevec <#> '{1:1}/2'$$),
		(23, $$'{}/2'::sparsevec <=> '{}/3'$$), (24, $$'{}/1000000000'::sparsevec <+> '{}/1'$$),
		(25, $$l2_distance('{}/2'::sparsevec, '{}/3')$$),
	(26, $$inner_product('{}/2'::sparsevec, '{}/3')$$), (27, $$cosine_distance('{}/2'::sparsevec, '{}/3')$$),
		(28, $$l1_distance('{}/2'::sparsevec, '{}/3')$$), (29, $$sparsevec_l2_squared_distance('{}/2', '{}/3')$$),
	(30, $$sparsevec_negative_inner_product('{}/2', '{}/3')$$), (31, $$'{}/2'::sparsevec <-> NULL$$),
		(32, $$NULL <=> '{}/2'::sparsevec$$)) e (id, expression)
ORDER BY id;
-- 16000 entries against none, one and as many
SELECT pg_temp.each_level('SELECT (s <#> s, s <-> t, s <+> u, s <#> u, u <#> s, s <-> u)
	FROM (SELECT (''{'' || string_agg(i * 3 || '':1'', '','') || ''}/48001'')::sparsevec,
	(''{'' || string_agg(i * 3 + 1 || '':1'', '','') || ''}/48001'')::sparsevec,
	''{48000:2,48001:1}/48001''::sparsevec FROM generate_series(1, 16000) i) t (s, t, u)') AS many;
DROP TABLE pairs;
