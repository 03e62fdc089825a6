-- Text form of vector and halfvec: grammar, errors, range, rounding, and that
-- what is written reads back as the same value.
\pset format unaligned
\pset footer off

-- What a statement returns, or SQLSTATE, message and detail of its error.
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	detail text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' / ', SQLSTATE, SQLERRM, nullif(detail, ''));
END $$;

CREATE TEMP TABLE literals (id serial, literal text);
INSERT INTO literals (literal) VALUES
	-- numbers in every way C writes them
	('[1,2,3]'), ('[-1]'), ('[+1]'), ('[1.]'), ('[.5]'), ('[-.5]'), ('[007]'),
	('[1.250]'), ('[1e3]'), ('[1E+3]'), ('[25e-1]'), ('[0,-0]'), ('[0e99999]'),
	('[0x10]'), ('[0X.8]'), ('[-0x1.8p1]'),
	('[00000000000000000000000000000000000001.5]'),
	('[0.00000000000000000000000000000000000015e37]'),
	('[1500000000000000000000000000000000000000000e-42]'),
	-- the frame
	(''), (' '), ('['), (']'), ('[]'), ('[ ]'), ('[1'), ('[1,'), ('[1,2'), ('1'),
	('1,2'), ('{1,2}'), ('(1,2)'), ('x[1]'), ('[1]x'), ('[1]]'), ('[1] [2]'),
	('[1],'),
	-- commas
	('[,]'), ('[,1]'), ('[1,]'), ('[1,,2]'), ('[1 2]'), ('[1;2]'), ('[1, ,2]'),
	-- numbers that are none
	('[.]'), ('[-]'), ('[- 1]'), ('[+-1]'), ('[--1]'), ('[e5]'), ('[1e]'),
	('[1e+]'), ('[1e 5]'), ('[1.2.3]'), ('[1_000]'), ('[0x]'), ('[0xg]'),
	('[1f]'), ('[one]'), ('["1"]'), ('[null]'), ('[[1]]'),
	-- numbers that are none of ours
	('[nan]'), ('[NaN]'), ('[-NaN,1]'), ('[inf]'), ('[1,Infinity]'),
	('[-infinity]'), ('[infinit]'), ('[INF,nan]'), ('[nan,inf]'),
	-- out of range of either type; the first one is named
	('[4e38]'), ('[-1e39]'), ('[1, 2e400 ,3e500]'), ('[0x1p128]'), ('[1e99999999999]'),
	('[1' || repeat('0', 39) || ']'), ('[1e40'), ('[1e40,x]'), ('[x,1e40]'), ('[nan,1e40]');

SELECT literal, pg_temp.outcome(format('SELECT %L::vector', literal)) AS result
FROM literals ORDER BY id;

-- halfvec says the same under its own name, hence no row
SELECT literal, pg_temp.outcome(format('SELECT %L::halfvec', literal))
FROM literals
WHERE replace(pg_temp.outcome(format('SELECT %L::halfvec', literal)), 'halfvec', 'vector')
	<> pg_temp.outcome(format('SELECT %L::vector', literal))
ORDER BY id;

-- What C calls space may stand around every part, nothing else may
SELECT string_agg(to_hex(code), ' ' ORDER BY code) AS spaces
FROM generate_series(1, 127) code
WHERE pg_temp.outcome(format('SELECT %L::vector',
	replace('?[?1?,?2?]?', '?', repeat(chr(code), 2)))) = '[1,2]'
  AND pg_temp.outcome(format('SELECT %L::halfvec',
	replace('?[?1?,?2?]?', '?', repeat(chr(code), 2)))) = '[1,2]';

-- The largest float is 2^128 - 2^104; half a unit more rounds to infinity.
-- The smallest is 2^-149, 1.4013e-45; at half of it and below there is zero,
-- which keeps its sign.
SELECT number, pg_temp.outcome(format('SELECT %L::vector', '[' || number || ']')) AS vector
FROM (VALUES (1, '3.4028235e38'), (2, '-3.4028235e38'),
	(3, '340282346638528859811704183484516925440'), (4, '3.40282356e38'),
	(5, '3.40282357e38'), (6, '-3.40282357e38'),
	(7, '340282356779733661637539395458142568447'),
	(8, '340282356779733661637539395458142568448'),
	(9, '1.17549435e-38'), (10, '1.1754942e-38'), (11, '2e-45'), (12, '1e-45'), (13, '7.1e-46'),
	(14, '7.0e-46'), (15, '-7.0e-46'), (16, '1e-46'), (17, '1e-500'), (18, '-1e-99999'),
	(19, '0x1p-149'), (20, '0x1p-150')) n (id, number)
ORDER BY id;

-- The same for halfvec: 65504 + 16 would be the next; 2^-24 is the smallest,
-- 5.9604645e-08.  Ties go to even.
SELECT number, pg_temp.outcome(format('SELECT %L::halfvec', '[' || number || ']')) AS halfvec
FROM (VALUES (1, '65504'), (2, '-65504'), (3, '65519'), (4, '65519.99'),
	(5, '65520'), (6, '-65520'), (7, '70000'), (8, '1e5'), (9, '6.1035156e-05'),
	(10, '5.9604645e-08'), (11, '2.9802323e-08'), (12, '2.9802322e-08'),
	(13, '-2.9802322e-08'), (14, '1e-8'), (15, '1e-60'), (16, '8.940697e-08'),
	(17, '2047'), (18, '2049'), (19, '2051'), (20, '2049.001'), (21, '0.1'), (22, '1.23456')) n (id, number)
ORDER BY id;

-- At most 16000 dimensions
SELECT type, dims, pg_temp.outcome(format('SELECT vector_dims(%L::%s)',
	'[' || repeat('1,', dims - 1) || '1]', type)) AS result
FROM (VALUES ('vector'), ('halfvec')) t (type), (VALUES (15999), (16000), (16001), (40000)) d (dims)
ORDER BY type DESC, dims;

-- Which of two errors is told: the one met first
SELECT pg_temp.outcome(format('SELECT %L::vector(2)', literal))
FROM (VALUES (1, '[1,2,3'), (2, '[1,2,3]'), (3, '[1,2,nan]'), (4, '[]'),
	(5, '[' || repeat('1,', 16000) || 'x]')) l (id, literal) ORDER BY id;

-- Rounding.  Reading a decimal and casting the same text to real must give the
-- same bits: 1 to 36 digits, the point anywhere, exponents all over the range.
CREATE TEMP TABLE decimals AS
SELECT CASE i % 3 WHEN 0 THEN '-' WHEN 1 THEN '' ELSE '+' END
	|| left(digits, point) || CASE WHEN i % 5 = 0 THEN '' ELSE '.' END || substr(digits, point + 1)
	|| 'e' || (exponent - CASE WHEN i % 5 = 0 THEN length(digits) ELSE point END) AS number
FROM (
	SELECT i,
		left((('x1' || left(md5('a' || i), 14))::bit(60)::bigint::text
			|| ('x1' || left(md5('b' || i), 14))::bit(60)::bigint::text), 1 + i % 36) AS digits,
		least((i / 7) % 12, 1 + i % 36) AS point,
		(i * 13) % 82 - 43 AS exponent
	FROM generate_series(1, 4000) i) d;
INSERT INTO decimals SELECT (sin(i) * 10 ^ (i % 9))::float8::text FROM generate_series(1, 2000) i;
INSERT INTO decimals SELECT (cos(i) * 10 ^ (i % 7))::real::text FROM generate_series(1, 2000) i;

SELECT count(*) AS decimals,
	count(*) FILTER (WHERE vector_send(('[' || number || ']')::vector)
		<> '\x00010000'::bytea || float4send(number::real)) AS wrong
FROM decimals;

-- Halfway between two floats: n * 2^e with an odd n between 2^24 and 2^25.  The
-- even neighbour is right, and the nearer one as soon as any digit differs.
-- All of it is exact in numeric: a negative power of 2 is one of 5 over one of 10.
CREATE TEMP TABLE midpoints AS
SELECT n, e,
	n * CASE WHEN e < 0 THEN 5::numeric ^ -e ELSE 2::numeric ^ e END AS mantissa,
	'e' || least(e, 0) AS exponent,
	CASE WHEN n % 4 = 1 THEN n - 1 ELSE n + 1 END * 2.0::float8 ^ e AS even,
	(n - 1) * 2.0::float8 ^ e AS below,
	(n + 1) * 2.0::float8 ^ e AS above
FROM (SELECT 16777217 + 2 * (i * 70001::bigint % 8388607) AS n, i % 90 - 45 AS e
	FROM generate_series(0, 999) i) m;
SELECT count(*) AS midpoints,
	count(*) FILTER (WHERE (('[' || trim_scale(mantissa) || exponent || ']')::vector::real[])[1] <> even) AS wrong_even,
	count(*) FILTER (WHERE (('[' || trim_scale(mantissa - 0.00000001) || exponent || ']')::vector::real[])[1] <> below) AS wrong_below,
	count(*) FILTER (WHERE (('[' || trim_scale(mantissa + 0.00000001) || exponent || ']')::vector::real[])[1] <> above) AS wrong_above
FROM midpoints;
SELECT '[16777217,16777219,16777217.0000001,9007199791611905,9007199791611904.99]'::vector;

-- Output is the shortest text that gives the float back, as real itself
-- prints, for floats of every exponent and sign, whatever extra_float_digits says.
CREATE TEMP TABLE floats AS
SELECT array_agg((CASE i % 2 WHEN 0 THEN 1 ELSE -1 END
	* (8388608 + (i * 7919) % 8388608) * 2.0::float8 ^ ((i / 8) % 250 - 149))::real ORDER BY i) AS a
FROM generate_series(1, 4000) i GROUP BY i % 8;
SELECT bool_and(a::vector::text = translate(a::text, '{}', '[]')) AS as_real,
	bool_and(vector_send(a::vector::text::vector) = vector_send(a::vector)) AS round_trip
FROM floats;
SET extra_float_digits = 0;
SELECT '[0.1,1e-45,16777216]'::vector, '[0.1,6e-8,65504]'::halfvec, 0.1::real / 3;
SET extra_float_digits = 3;
SELECT '[0.1,1e-45,16777216]'::vector, '[0.1,6e-8,65504]'::halfvec;
RESET extra_float_digits;
SELECT '[1e15,1e16,123456789,1e-4,1e-5,-0]'::vector, '[2048,0.333,-0,-1e-7]'::halfvec;

-- Bytes on the wire: dimensions, zero, then big-endian elements
SELECT vector_send('[1,-2,0.1]'), halfvec_send('[1,-2,0.1,65504,6e-8]');

-- From 16 on bad input can be asked about without an error.
DO $$
DECLARE
	bad text;
	valid boolean;
BEGIN
	IF current_setting('server_version_num')::int < 160000 THEN
		RETURN;
	END IF;
	FOREACH bad IN ARRAY ARRAY['', '[]', '[1', '[1]x', '[nan]', '[inf]', '[1e40]',
		'[1,2,3]', '[' || repeat('1,', 16000) || '1]'] LOOP
		EXECUTE format('SELECT pg_input_is_valid(%1$L, ''vector(2)'')
			OR pg_input_is_valid(%1$L, ''halfvec(2)'')
			OR NOT pg_input_is_valid(''[1,2]'', ''vector(2)'')
			OR NOT pg_input_is_valid(''[1,2]'', ''halfvec(2)'')', bad) INTO valid;
		IF valid IS DISTINCT FROM false THEN
			RAISE 'not a soft error: %', left(bad, 20);
		END IF;
	END LOOP;
END $$;
