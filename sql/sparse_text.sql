-- Text form of sparsevec: {index:value,...}/dimensions, indices from 1.
\pset format unaligned
\pset footer off

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
	-- any order goes in, ascending order comes out; written zeros do not
	('{1:1,2:2}/2'), ('{3:1.5,1:-2}/5'), ('{}/1'), ('{}/3'), ('{1:0}/1'), ('{2:0,1:7,3:-0}/3'),
		('{1:0x10,2:.5,3:1e3,4:+1}/4'),
	('{+1:1}/+2'), ('{01:1}/02'), ('{1000000000:1}/1000000000'), ('{5:1,4:2,3:3,2:4,1:5}/5'),
	-- the frame
	(''), ('{'), ('}'), ('{}'), ('{}/'), ('/3'), ('3'), ('[1,2]'), ('{1:1'), ('{1:1}'), ('{1:1}/'), ('{1:1,}/2'),
		('{,1:1}/2'), ('{,}/2'),
	('{1:1,,2:2}/2'), ('{1:1 2:2}/2'), ('{1:1}{}/2'), ('{1:1}2'), ('{}/3x'), ('{}/3/3'), ('{}/3 3'), ('x{}/3'),
		('{}/x'), ('{}/-'), ('{}/1.5'), ('{}/1e3'), ('{}/0x3'),
	-- entries
	('{1}/2'), ('{1:}/2'), ('{:1}/2'), ('{1:1:1}/2'), ('{a:1}/2'), ('{1:a}/2'), ('{1.5:1}/2'), ('{1e0:1}/2'),
		('{0x1:1}/2'), ('{- 1:1}/2'), ('{1=1}/2'), ('{1;1}/2'), ('{"1":1}/2'),
	-- dimensions
	('{}/0'), ('{}/-1'), ('{}/1000000001'), ('{}/2147483648'), ('{}/99999999999999999999'),
		('{}/-99999999999999999999'), ('{1:1}/0'),
	-- indices
	('{0:1}/2'), ('{-1:1}/2'), ('{3:1}/2'), ('{3:0}/2'), ('{2147483648:1}/2'), ('{-2147483649:1}/2'),
		('{99999999999999999999:1}/2'), ('{1000000001:1}/1000000000'),
	('{1:1,1:2}/2'), ('{2:1,1:1,2:1}/2'), ('{1:1,1:0}/2'), ('{1:0,1:0}/2'),
	-- values
	('{1:nan}/1'), ('{1:-Infinity}/1'), ('{1:inf,2:nan}/2'), ('{1:4e38}/1'), ('{1:-1e400}/1'),
		('{1:3.4028235e38,2:1e-45}/2'),
	-- unlike a dense vector's element, a value that rounds to zero is refused
	('{1:1e-46}/1'), ('{1:-1e-99}/1'), ('{1:7.1e-46}/1'), ('{1:0e-99}/1'), ('{1:0x1p-200}/1'),
	-- which of several is told
	('{1:nan}/0'), ('{5:1}/0'), ('{1:1,1:1}/1000000001'), ('{9:1,1:1,1:2}/3');

SELECT literal, pg_temp.outcome(format('SELECT %L::sparsevec', literal)) AS result FROM literals ORDER BY id;
SELECT pg_temp.outcome(format('SELECT %L::sparsevec(2)', literal))
	FROM (VALUES (1, '{}/3'), (2, '{3:1}/3'), (3, '{3:1}/2'), (4, '{2:1}/2')) l (id, literal) ORDER BY id;

-- Spaces, as C has them, may stand around everything
SELECT string_agg(to_hex(code), ' ' ORDER BY code) AS spaces
FROM generate_series(1, 127) code
WHERE pg_temp.outcome(format('SELECT %L::sparsevec',
	replace('?{?2?:?1?,?1?:?2?}?/?3?', '?', repeat(chr(code), 2)))) = '{1:2,2:1}/3';

-- At most 16000 entries, however many dimensions
SELECT n, left(pg_temp.outcome(format('SELECT %L::sparsevec', literal)), 70) AS result, length(literal)
FROM generate_series(15999, 16001) n, LATERAL (SELECT '{' || string_agg(i * 60000 || ':1', ','
	ORDER BY i) || '}/1000000000' FROM generate_series(1, n) i) l (literal) ORDER BY n;

-- In any order: the same vector
SELECT count(DISTINCT literal) > 90 AS orders, count(DISTINCT literal::sparsevec) AS vectors,
	min(literal::sparsevec::text)
FROM (SELECT '{' || string_agg(i * 3 || ':' || i / 2.0, ',' ORDER BY md5(i || 'x' || g)) || '}/100'
	FROM generate_series(1, 9) i, generate_series(1, 100) g GROUP BY g) l (literal);

-- Values are rounded as in real, and written as real writes them
CREATE TEMP TABLE floats AS
SELECT g % 8 AS row, g AS index, ((CASE g % 2 WHEN 0 THEN 1
	ELSE -1 END) * (8388608 + (g * 7919) % 8388608) * 2.0::float8 ^ ((g / 8) % 250 - 149))::real AS value
	FROM generate_series(1, 2000) g;
SELECT count(*), bool_and(literal::sparsevec::text = literal) AS same,
	bool_and(literal::sparsevec::text::sparsevec = literal::sparsevec) AS round_trip
FROM (SELECT '{' || string_agg(index || ':' || value, ',' ORDER BY index) || '}/2000' FROM floats
	GROUP BY row) l (literal);
SELECT count(*) FILTER (WHERE literal::sparsevec::text <> '{1:' || decimal::real || '}/1') AS wrong
FROM (SELECT decimal, '{1:' || decimal || '}/1' FROM (SELECT left(('x1' || left(md5('s' || i),
	14))::bit(60)::bigint::text, 1 + i % 19) || 'e' || i % 60 - 40
	FROM generate_series(1, 1000) i) d (decimal)) l (decimal, literal)
WHERE decimal !~ '^0+e';
SET extra_float_digits = 0;
SELECT '{1:0.1,2:16777217,3:1e-5}/3'::sparsevec;
RESET extra_float_digits;

-- Bytes on the wire: dimensions, entries, zero, indices from 0, values
SELECT sparsevec_send('{2:1,5:-2}/7'), sparsevec_send('{}/1000000000');

-- From 16 on bad input can be asked about without an error.
DO $$
DECLARE
	bad text;
	valid boolean;
BEGIN
	IF current_setting('server_version_num')::int < 160000 THEN
		RETURN;
	END IF;
	FOREACH bad IN ARRAY ARRAY['', '{}', '{}/0', '{}/3x', '{3:1}/2', '{1:1,1:1}/2', '{1:nan}/2', '{1:inf}/2', '{1:1e40}/2', '{1:1e-99}/2',
		'{}/1000000001', '{}/3', '{' || repeat('1:1,', 16000) || '1:1}/2'] LOOP
		EXECUTE format('SELECT pg_input_is_valid(%1$L, ''sparsevec(2)'') OR NOT pg_input_is_valid(''{2:1}/2'', ''sparsevec(2)'')', bad) INTO valid;
		IF valid IS DISTINCT FROM false THEN
			RAISE 'not a soft error: %', left(bad, 20);
		END IF;
	END LOOP;
END $$;
