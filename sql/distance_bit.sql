-- Hamming and Jaccard distances of bit strings, at every SIMD level of this machine.
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

-- The reference counts digits in text.  All lengths up to 140, and some around
-- larger steps; densities from none to all.
CREATE TABLE pairs AS
SELECT n, k, string_agg(CASE WHEN ('x' || substr(md5(n || 'a' || i), 1, 2))::bit(8)::int % 4 < k THEN '1'
	ELSE '0' END, '' ORDER BY i)::varbit AS a,
	string_agg(CASE WHEN ('x' || substr(md5(i || 'b' || n), 1, 2))::bit(8)::int % 4 < 4 - k THEN '1' ELSE '0' END, ''
		ORDER BY i)::varbit AS b
FROM (SELECT generate_series(1, 140) UNION ALL SELECT unnest(ARRAY[255, 256, 257, 511, 512, 513, 1023, 2048,
	2049])) l (n), generate_series(0, 4) k, generate_series(1, n) i GROUP BY n, k;
CREATE TABLE reference AS
SELECT n, k, a, b, length(replace((a # b)::text, '0', '')) AS hamming,
	CASE WHEN position('1' IN (a & b)::text) = 0 THEN 1
		ELSE 1 - length(replace((a & b)::text, '0', ''))::float8 / length(replace((a | b)::text, '0',
		'')) END AS jaccard
FROM pairs;
SELECT pg_temp.each_level('SELECT (count(*), count(*) FILTER (WHERE a <~> b <> hamming
	OR hamming_distance(b, a) <> hamming),
	count(*) FILTER (WHERE a <%> b <> jaccard OR jaccard_distance(b, a) <> jaccard),
	count(*) FILTER (WHERE a <~> a <> 0 OR (a <%> a <> 0) <> (bit_count(a) = 0) OR a <~> ~a <> n OR a <%> ~a <> 1))
		FROM reference') AS wrong;

-- One bit at each place
SELECT pg_temp.each_level('SELECT count(*) FILTER (WHERE one <~> zero <> 1 OR one <%> one <> 0 OR one <%> zero <> 1)
	FROM (SELECT repeat(''0'', n)::varbit, (repeat(''0'', place - 1) || ''1'' || repeat(''0'', n - place))::varbit
		FROM unnest(ARRAY[1, 8, 63, 64, 65, 130, 513]) n, generate_series(1, n) place) t (zero,
		one)') AS places_wrong;
SELECT pg_temp.each_level('SELECT (a <~> ~a, a <%> a, a <%> ~a, a <~> b, a <%> b)
	FROM (SELECT repeat(''10'', 100000)::varbit, repeat(''1100'', 50000)::varbit) t (a, b)') AS long;

-- By hand: empty strings, nothing in common, types and modifiers
SELECT expression, pg_temp.each_level('SELECT ' || expression) AS result
FROM (VALUES
	(1, $$B'1100' <~> B'1010'$$), (2, $$B'1100' <%> B'1010' = 1 - 1 / 3::float8$$), (3, $$B'0' <~> B'0'$$),
		(4, $$B'0' <%> B'0'$$), (5, $$B'' <~> B''$$), (6, $$B'' <%> B''$$), (7, $$B'1' <%> B'0'$$),
		(8, $$B'111' <%> B'111'$$),
	(9, $$'101'::bit(3) <~> '111'::varbit$$), (10, $$'101'::varbit(9) <%> '100'::varbit$$),
		(11, $$hamming_distance('110', '011')$$), (12, $$jaccard_distance('110', '010')$$),
		(13, $$B'101'::bit(5) <~> B'10101'$$),
	(14, $$binary_quantize('[1,-1,2]'::vector) <~> binary_quantize('[-1,-1,3]'::halfvec)$$),
		(15, $$5::bit(8) <~> 6::bit(8)$$),
	(21, $$B'1' <~> B'11'$$), (22, $$B'' <~> B'1'$$), (23, $$B'111' <%> B'11'$$),
		(24, $$hamming_distance('1', '11')$$), (25, $$jaccard_distance('11', '1')$$),
		(26, $$'1'::varbit <~> '10'::bit(2)$$),
	(27, $$B'1' <~> NULL$$), (28, $$NULL <%> B'1'$$), (29, $$B'1' <-> B'1'$$)) e (id, expression)
ORDER BY id;

-- Columns, stored in line and out of line
CREATE TABLE bits (id int, fixed bit(9), free varbit);
INSERT INTO bits SELECT g, g::bit(9), repeat(g::bit(9)::text, CASE WHEN g % 2 = 0 THEN 1 ELSE 20000 END)::varbit
	FROM generate_series(1, 6) g;
INSERT INTO bits VALUES (7, NULL, NULL);
SELECT id, fixed <~> B'000000111' AS hamming, fixed <%> B'000000111' AS jaccard, free <~> ~free = length(free) AS free
	FROM bits ORDER BY fixed <~> B'000000111', id;
SELECT count(free <~> B'000000001') FROM bits;
DROP TABLE pairs, reference, bits;
