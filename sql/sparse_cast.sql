-- Casts between sparsevec, the dense types and arrays.
\pset format unaligned
\pset footer off
\pset null NULL

CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' / ' || SQLERRM;
END $$;

-- From arrays of four types: zeros are left out, also those that only become
-- zero by rounding to float
SELECT a AS array, pg_temp.outcome(format('SELECT %s::sparsevec', a)) AS sparsevec
FROM (VALUES
	(1, 'ARRAY[0,5,0,-7]'), (2, 'ARRAY[0,1.5,0]::real[]'), (3, 'ARRAY[1e-46,-1e-50,2]::float8[]'),
		(4, 'ARRAY[0,0.1,0.0]'), (5, 'ARRAY[0,0]'),
	(6, 'ARRAY[-0.0::real,1]'), (7, '''[7:9]={0,1,0}''::int[]'), (8, 'ARRAY[16777217]'), (9, 'ARRAY[1e-45]::real[]'),
		(10, 'NULL::int[]'),
	(11, '''{}''::int[]'), (12, '''{}''::numeric[]'), (13, 'ARRAY[1,NULL]'), (14, 'ARRAY[NULL]::float8[]'),
		(15, 'ARRAY[[1,2]]'), (16, 'ARRAY[[0.5],[1]]'),
	(17, '''{NaN}''::real[]'), (18, '''{0,Infinity}''::float8[]'), (19, '''{-Infinity}''::real[]'),
		(20, '''{NaN}''::numeric[]'), (21, 'ARRAY[1e39]::float8[]'), (22, 'ARRAY[1e39]'), (23, 'ARRAY[1e-46]'),
	(24, 'ARRAY[1]::bigint[]'), (25, 'ARRAY[''1'']'), (26, '1')) t (id, a)
ORDER BY id;
-- there may be more elements than a dense vector holds, not more than 16000 non-zeros
SELECT array_fill(0, ARRAY[100000])::sparsevec,
	pg_temp.outcome('SELECT left(array_fill(1::real, ARRAY[16000])::sparsevec::text, 9)'),
	pg_temp.outcome('SELECT array_fill(1::real, ARRAY[16001])::sparsevec');

-- Between the vector types
SELECT '[0,1.5,-0,-2]'::vector::sparsevec, '[0,0.1,-0,65504]'::halfvec::sparsevec, '[0,0]'::vector::sparsevec,
	'[1e-45]'::vector::sparsevec;
SELECT '{2:1.5,4:-2}/5'::sparsevec::vector, '{2:0.1,4:2049}/5'::sparsevec::halfvec, '{}/2'::sparsevec::vector,
	'{}/2'::sparsevec::halfvec;
SELECT statement, pg_temp.outcome('SELECT ' || statement) AS result
FROM (VALUES
	(1, $$'{1:65519}/2'::sparsevec::halfvec$$), (2, $$'{1:65520}/2'::sparsevec::halfvec$$),
		(3, $$'{2:-1e9}/2'::sparsevec::halfvec$$), (4, $$'{2:1e-9}/2'::sparsevec::halfvec$$),
	(5, $$vector_dims('{16000:1}/16000'::sparsevec::vector)$$), (6, $$'{}/16001'::sparsevec::vector$$),
		(7, $$'{}/16001'::sparsevec::halfvec$$), (8, $$'{1:1}/1000000000'::sparsevec::vector$$),
	(9, $$'{}/16001'::sparsevec::vector(3)$$), (10, $$'{}/3'::sparsevec::vector(2)$$),
		(11, $$'{1:1e9}/3'::sparsevec::halfvec(2)$$), (12, $$'[1,2]'::vector::sparsevec(3)$$),
	(13, $$'[1,2]'::halfvec::sparsevec(1)$$), (14, $$ARRAY[1,NULL]::sparsevec(3)$$),
		(15, $$ARRAY[1,0]::sparsevec(3)$$), (16, $$'{}/3'::sparsevec::sparsevec(3)$$),
	(17, $$'{1:1}/2'::sparsevec::real[]$$), (18, $$'{1:1}/2'::sparsevec::vector::real[]$$)) s (id, statement)
ORDER BY id;
-- there and back
SELECT count(*), bool_and(a::vector::sparsevec::vector::real[] = a) AS vector,
	bool_and(a::halfvec::sparsevec::halfvec::real[] = a) AS halfvec,
	bool_and(a::sparsevec = a::vector::sparsevec AND a::sparsevec = a::halfvec::sparsevec) AS ways
FROM (SELECT array_agg(CASE WHEN (i * i + d) % 3 = 0 THEN 0 ELSE (i * d) % 19 - 9 END::real ORDER BY i)
	FROM generate_series(1, 300) d, generate_series(1, d) i GROUP BY d) t (a);

-- By themselves: dense to sparse anywhere, the other way in assignments
CREATE TABLE targets (s sparsevec, v vector, h halfvec);
INSERT INTO targets VALUES ('[0,1]'::vector, '{1:1}/2'::sparsevec, '{2:5}/2'::sparsevec),
	('[3,0]'::halfvec, NULL, NULL);
INSERT INTO targets (s) VALUES (ARRAY[0,2]), (ARRAY[0.5]), (ARRAY[0,0]::real[]), (ARRAY[1,2]::float8[]);
INSERT INTO targets (h) VALUES ('{1:70000}/1'::sparsevec);
SELECT * FROM targets ORDER BY s;
SELECT '{1:3,2:4}/2'::sparsevec <-> '[0,0]'::vector AS by_vector,
	'{1:1}/2'::sparsevec = '[1,0]'::halfvec AS by_halfvec, l2_norm('{1:3,2:4}/2'::sparsevec) AS norm;
SELECT pg_temp.outcome($$SELECT vector_dims('{}/3'::sparsevec)$$),
	pg_temp.outcome($$SELECT vector_norm('{}/3'::sparsevec)$$),
	pg_temp.outcome($$SELECT '{1:1}/2'::sparsevec + '{1:1}/2'$$),
		pg_temp.outcome($$SELECT sum('{1:1}/2'::sparsevec)$$),
		pg_temp.outcome($$SELECT '{1:1}/2'::sparsevec <-> ARRAY[1,2]$$);
DROP TABLE targets;

-- l2_norm in float8, l2_normalize drops what rounds to zero
SELECT l2_norm('{1:3,9:4}/9'::sparsevec), l2_norm('{}/9'::sparsevec),
	l2_norm('{1:3e38,2:3e38}/2'::sparsevec) > 4.2e38 AS large;
SELECT l2_normalize('{1:3,9:4}/9'::sparsevec), l2_normalize('{}/9'::sparsevec),
	l2_normalize('{1:1e20,2:1e-30}/2'::sparsevec), l2_normalize('{3:-1e-45}/3'::sparsevec),
	l2_normalize('{2:3e38}/2'::sparsevec);
SELECT castsource::regtype, casttarget::regtype, castcontext, castfunc::regprocedure FROM pg_cast
WHERE 'sparsevec'::regtype IN (castsource, casttarget) ORDER BY castfunc::regprocedure::text COLLATE "C";
