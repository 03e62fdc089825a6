-- Arithmetic, concatenation, parts and properties of vector and halfvec.
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

SELECT '[1,2,-3]'::vector + '[4,-5,0.5]' AS sum, '[1,2,-3]'::vector - '[4,-5,0.5]' AS difference,
	'[1,2,-3]'::vector * '[4,-5,0.5]' AS product, '[1,2]'::vector || '[3]' AS joined;
SELECT '[1,2,-3]'::halfvec + '[4,-5,0.5]' AS sum, '[1,2,-3]'::halfvec - '[4,-5,0.5]' AS difference,
	'[1,2,-3]'::halfvec * '[4,-5,0.5]' AS product, '[1,2]'::halfvec || '[3]' AS joined;
-- a half result is the float result rounded: 2048 + 1 is a tie, 2048 + 3 is not
SELECT '[2048,2048,0.1]'::halfvec + '[1,3,0.2]', '[0.1]'::halfvec * '[0.1]',
	'[0.1]'::halfvec::vector * '[0.1]'::halfvec::vector;

-- Element by element as real does it, all dimensions from 1 to 40 and one longer
-- than any buffer; integers up to 40 are exact in both types
CREATE TEMP TABLE pairs AS
SELECT d, array_agg(((i * 37 + d) % 81 - 40)::real ORDER BY i) AS a,
	array_agg(((i * 59 + d) % 79 - 39)::real ORDER BY i) AS b
FROM (SELECT generate_series(1, 40) UNION SELECT 1537) n (d), generate_series(1, d) i GROUP BY d;
SELECT count(*),
	bool_and((a::vector + b::vector)::real[] = s.sum AND (a::halfvec + b::halfvec)::real[] = s.sum) AS sum,
	bool_and((a::vector - b::vector)::real[] = s.difference
		AND (a::halfvec - b::halfvec)::real[] = s.difference) AS difference,
	bool_and((a::vector * b::vector)::real[] = s.product
		AND (a::halfvec * b::halfvec)::real[] = s.product) AS product,
	bool_and((a::vector || b::vector)::real[] = a || b AND (a::halfvec || b::halfvec)::real[] = a || b) AS joined,
	bool_and(vector_dims(a::vector) = d AND vector_dims(a::halfvec) = d) AS dims,
	bool_and(vector_norm(a::vector) = s.norm AND l2_norm(a::halfvec) = s.norm) AS norm,
	bool_and(binary_quantize(a::vector)::text = s.signs AND binary_quantize(a::halfvec)::text = s.signs) AS signs
FROM pairs, LATERAL (SELECT array_agg(x + y ORDER BY i) AS sum, array_agg(x - y ORDER BY i) AS difference,
		array_agg(x * y ORDER BY i) AS product, sqrt(sum(x::float8 * x)) AS norm,
		string_agg(CASE WHEN x > 0 THEN '1' ELSE '0' END, '' ORDER BY i) AS signs
	FROM unnest(a, b) WITH ORDINALITY u (x, y, i)) s;

-- Results no element can hold are errors.  A product that vanishes is one too
-- (vector: below 7e-46; halfvec: below 3e-8), a sum that vanishes is just zero.
SELECT statement, pg_temp.outcome('SELECT ' || statement) AS result
FROM (VALUES
	(1, $$'[3e38]'::vector + '[1e38]'$$), (2, $$'[-3e38]'::vector - '[1e38]'$$), (3, $$'[1e20]'::vector * '[1e20]'$$),
	(4, $$'[1,3.4028235e38]'::vector + '[1,1e31]'$$), (5, $$'[3.4028235e38]'::vector + '[1e30]'$$),
	(6, $$'[1e-30]'::vector * '[1e-30]'$$), (7, $$'[1e-30]'::vector * '[1e-14]'$$),
		(8, $$'[0,1e-30]'::vector * '[1e-30,0]'$$),
	(9, $$'[1e-45]'::vector - '[1e-45]'$$),
	(11, $$'[65504]'::halfvec + '[15]'$$), (12, $$'[65504]'::halfvec + '[16]'$$),
		(13, $$'[-65504]'::halfvec - '[32]'$$),
	(14, $$'[256]'::halfvec * '[256]'$$), (15, $$'[1e-4]'::halfvec * '[1e-4]'$$),
		(16, $$'[6e-8]'::halfvec * '[0.51]'$$),
	(17, $$'[6e-8]'::halfvec * '[0.5]'$$), (18, $$'[0]'::halfvec * '[1e-4]'$$),
		(19, $$'[6e-8]'::halfvec - '[6e-8]'$$),
	(21, $$'[1,2]'::vector + '[1]'$$), (22, $$'[1]'::vector - '[1,2]'$$), (23, $$'[1,2,3]'::vector * '[1]'$$),
	(24, $$'[1,2]'::halfvec + '[1]'$$), (25, $$'[1]'::halfvec - '[1,2]'$$), (26, $$'[1,2,3]'::halfvec * '[1]'$$),
	(27, $$'[1]'::vector / '[1]'$$), (28, $$'[1]'::vector * 2$$), (29, $$- '[1]'::vector$$),
	(30, $$'[1]'::vector + NULL$$), (31, $$NULL::halfvec || '[1]'$$),
	(32, $$'[1,-0]'::vector + '[-1,-0]'$$), (33, $$'[0,-1]'::vector * '[-1,0]'$$)) s (id, statement)
ORDER BY id;
SELECT vector_dims(v || v) FROM (SELECT array_fill(1, ARRAY[8000])::vector) t (v);
SELECT vector_dims(v || v || '[1]') FROM (SELECT array_fill(1, ARRAY[8000])::vector) t (v);
SELECT vector_dims(v || v || '[1]') FROM (SELECT array_fill(1, ARRAY[8000])::halfvec) t (v);

-- Norms are computed in float8: no overflow, no loss of small numbers
SELECT vector_norm('[3e38,4e37]') > 3e38 AS large, vector_norm('[3e-30,4e-30]')::real AS small,
	vector_norm('[0,0]') AS zero, l2_norm('[65504,65504]'::halfvec)::real AS half, vector_norm('[-7]') AS one;

SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,-0]'::vector), l2_normalize('[-1e-45]'::vector),
	l2_normalize('[3e38,0]'::vector), l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0]'::halfvec),
	l2_normalize('[65504,0]'::halfvec);
SELECT bool_and(abs(vector_norm(l2_normalize(a::vector)) - 1) < 1e-6) AS vector,
	bool_and(abs(l2_norm(l2_normalize(a::halfvec)) - 1) < 1e-3) AS halfvec,
	max(l2_normalize(a::vector) <=> a::vector) < 1e-6 AS same_direction
FROM pairs WHERE (a::vector <#> a::vector) < 0;

-- Bits: above zero or not, in order, any number of dimensions
SELECT binary_quantize('[1,0,-1,-0,1e-45,0.5,-0.5,2,3]'::vector), binary_quantize('[6e-8,-6e-8,0]'::halfvec),
	length(binary_quantize(array_fill(1, ARRAY[16000])::vector)),
		bit_count(binary_quantize(array_fill(1, ARRAY[16000])::vector));

-- subvector(v, start, count) is to vectors what substring is to text, except
-- that an empty one does not exist
CREATE FUNCTION pg_temp.cut(type text, start int, count int) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.outcome(format('SELECT subvector(%L::%s, %s, %s)', '[1,2,3,4,5,6,7,8,9]', type, start, count))
$$;
SELECT count(*) AS cuts, count(*) FILTER (WHERE pg_temp.cut(type, start, count) IS DISTINCT FROM expected) AS wrong
FROM (VALUES ('vector'), ('halfvec')) t (type), generate_series(-3, 12) start, generate_series(0, 13) count,
LATERAL (SELECT coalesce('[' || nullif(trim(trailing ','
	FROM regexp_replace(substring('123456789' FROM start FOR count), '(.)', '\1,', 'g')), '') || ']',
	'22000 / ' || type || ' must have at least 1 dimension')) e (expected);
SELECT start, count, pg_temp.cut('vector', start, count) AS vector, pg_temp.cut('halfvec', start, count) AS halfvec
FROM (VALUES (1, -1), (1, -2147483648), (2147483647, 2147483647), (-2147483648, 2147483647),
	(-2147483648, -2147483648),
	(9, 2147483647), (-2147483647, 2147483647), (0, 2147483647), (10, 1)) t (start, count);
SELECT subvector(subvector('[1,2,3,4,5]'::vector, 2, 3), 2, 2), subvector(v, 15999, 9) FROM (
	SELECT array_agg(i)::vector FROM generate_series(1, 16000) i) t (v);
