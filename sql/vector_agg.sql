-- avg and sum of vector and halfvec.
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

CREATE TABLE scores (id int, team int, v vector(3), h halfvec(3));
INSERT INTO scores VALUES
	(1, 1, '[1,2,3]', '[1,2,3]'), (2, 1, NULL, NULL), (3, 1, '[4,5,-6]', '[4,5,-6]'),
	(4, 2, '[0.5,0,1]', '[0.5,0,1]'), (5, 3, NULL, NULL), (6, 2, '[0.5,0,1]', '[0.5,0,1]'),
		(7, 2, '[2,6,4]', '[2,6,4]');

-- NULLs do not count; no rows, or only NULLs, give NULL
SELECT avg(v), sum(v), avg(h), sum(h) FROM scores;
SELECT avg(v), sum(v), avg(h), sum(h) FROM scores WHERE false;
SELECT team, avg(v), sum(v), avg(h), sum(h) FROM scores GROUP BY team ORDER BY team;
SELECT team, avg(DISTINCT v), sum(DISTINCT h), avg(v) FILTER (WHERE id > 4) AS filtered, sum(v ORDER BY id DESC)
FROM scores GROUP BY ROLLUP (team) ORDER BY team;
SELECT team FROM scores GROUP BY team HAVING avg(v) <-> '[1,2,2]' < 0.1;
SELECT pg_typeof(avg(v)), pg_typeof(sum(h)), pg_typeof(avg(h)) FROM scores;

-- Against plain SQL, element by element.  All sums are integers below 2^24, for
-- halfvec below 2^11, and so exact: order and partial sums cannot matter.  There
-- are more dimensions than any buffer holds.
CREATE TABLE many AS
SELECT g AS id, g % 7 AS team, 
	(SELECT array_agg((g * i * 31 % 201 - 100)::real ORDER BY i) FROM generate_series(1, 300) i) AS a,
	(SELECT array_agg((g * i * 31 % 5 - 2)::real ORDER BY i) FROM generate_series(1, 300) i) AS b
FROM generate_series(1, 700) g;
ALTER TABLE many ADD v vector, ADD h halfvec;
UPDATE many SET v = a, h = b;
CREATE TEMP TABLE plain AS
SELECT team, array_agg(av ORDER BY i) AS av, array_agg(sv ORDER BY i) AS sv, array_agg(ah ORDER BY i) AS ah,
	array_agg(sh ORDER BY i) AS sh
FROM (SELECT team, i, avg(x::float8)::real AS av, sum(x::float8)::real AS sv, avg(y::float8)::real AS ah,
	sum(y::float8)::real AS sh
	FROM many, unnest(a, b) WITH ORDINALITY u (x, y, i) GROUP BY team, i) s GROUP BY team;
SELECT count(*), bool_and(p.av = s.av::real[]) AS av, bool_and(p.sv = s.sv::real[]) AS sv,
	bool_and(p.ah::halfvec = s.ah) AS ah, bool_and(p.sh = s.sh::real[]) AS sh
FROM (SELECT team, avg(v) AS av, sum(v) AS sv, avg(h) AS ah, sum(h) AS sh FROM many GROUP BY team) s
	JOIN plain p USING (team);

-- Parallel plans combine partial states to the same
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found bool := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		found := found OR line LIKE '%Partial %Aggregate%';
	END LOOP;
	RETURN found;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT avg(v) AS av, sum(v) AS sv, avg(h) AS ah, sum(h) AS sh, count(*) FROM many;
CREATE TEMP TABLE serial_team AS SELECT team, avg(v) AS av, sum(v) AS sv, avg(h) AS ah, sum(h) AS sh FROM many
	GROUP BY team;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE many SET (parallel_workers = 2);
SELECT pg_temp.is_parallel('SELECT avg(v), sum(v), avg(h), sum(h) FROM many') AS parallel,
	pg_temp.is_parallel('SELECT team, avg(v), sum(v), avg(h), sum(h) FROM many GROUP BY team') AS parallel_groups;
CREATE TEMP TABLE parallel AS SELECT avg(v) AS av, sum(v) AS sv, avg(h) AS ah, sum(h) AS sh, count(*) FROM many;
CREATE TEMP TABLE parallel_team AS SELECT team, avg(v) AS av, sum(v) AS sv, avg(h) AS ah, sum(h) AS sh FROM many
	GROUP BY team;
SELECT count(*) FROM (TABLE parallel INTERSECT TABLE serial) s;
SELECT count(*) FROM (TABLE parallel_team INTERSECT TABLE serial_team) s;
-- partial states without rows
SELECT avg(v), sum(v), avg(h), sum(h) FROM many WHERE id < 0;
SELECT avg(v) = (SELECT v FROM many WHERE id = 3) AS av, sum(h) = (SELECT h FROM many WHERE id = 3) AS sh FROM many
	WHERE id = 3;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- Window frames.  The state lives on while results are taken from it, and no
-- result may change afterwards: each must equal a plain aggregate of its frame.
CREATE FUNCTION pg_temp.frame(first int, last int) RETURNS TABLE (av vector, sv vector, ah halfvec, sh halfvec)
	LANGUAGE sql AS
	'SELECT avg(v), sum(v), avg(h), sum(h) FROM scores WHERE id BETWEEN first AND last';
SELECT id, avg(v) OVER growing, sum(v) OVER growing, avg(h) OVER growing, sum(h) OVER growing
FROM scores WINDOW growing AS (ORDER BY id) ORDER BY id;
SELECT id, avg(v) OVER sliding, sum(v) OVER sliding, avg(h) OVER sliding, sum(h) OVER sliding
FROM scores WINDOW sliding AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) ORDER BY id;
CREATE TEMP TABLE frames AS
SELECT id, 'growing' AS frame, 1 AS first, id AS last, avg(v) OVER w AS av, sum(v) OVER w AS sv, avg(h) OVER w AS ah,
	sum(h) OVER w AS sh
	FROM scores WINDOW w AS (ORDER BY id)
UNION ALL SELECT id, 'sliding', id - 1, id + 1, avg(v) OVER w, sum(v) OVER w, avg(h) OVER w, sum(h) OVER w
	FROM scores WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
UNION ALL SELECT id, 'shrinking', id, 7, avg(v) OVER w, sum(v) OVER w, avg(h) OVER w, sum(h) OVER w
	FROM scores WINDOW w AS (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
UNION ALL SELECT id, 'behind', id - 3, id - 2, avg(v) OVER w, sum(v) OVER w, avg(h) OVER w, sum(h) OVER w
	FROM scores WINDOW w AS (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING)
UNION ALL SELECT id, 'all', 1, 7, avg(v) OVER w, sum(v) OVER w, avg(h) OVER w, sum(h) OVER w
	FROM scores WINDOW w AS ();
SELECT frame, count(*), count(*) FILTER (WHERE (f.av, f.sv, f.ah, f.sh) IS DISTINCT
	FROM (p.av, p.sv, p.ah, p.sh)) AS wrong
FROM frames f, pg_temp.frame(first, last) p GROUP BY frame ORDER BY frame;
SELECT id, sum(v) OVER (PARTITION BY team ORDER BY id ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) FROM scores
	ORDER BY id;

-- Dimensions must agree: avg expects those of the first row, sum adds
SELECT avg(v) FROM (VALUES (1, '[1,2]'::vector), (2, '[3]')) t (id, v);
SELECT sum(v) FROM (VALUES (1, '[1,2]'::vector), (2, '[3]')) t (id, v);
SELECT avg(v) FROM (VALUES (1, '[1,2]'::halfvec), (2, '[3]')) t (id, v);
SELECT sum(v) FROM (VALUES (1, '[1,2]'::halfvec), (2, '[3]')) t (id, v);

-- avg adds in float8 and fails only if the mean does not fit, sum in the type
SELECT avg(v), avg(h) FROM (VALUES ('[3e38]'::vector, '[65504]'::halfvec), ('[3e38]', '[65504]')) t (v, h);
SELECT avg(h), avg(v) FROM (VALUES ('[0.1]'::halfvec, '[1e-45]'::vector), ('[0.3]', '[0]'), ('[-60000]', '[0]'),
	('[60000]', '[0]')) t (h, v);
SELECT sum(v) FROM (VALUES ('[3e38]'::vector), ('[3e38]')) t (v);
SELECT sum(h) FROM (VALUES ('[65504]'::halfvec), ('[16]')) t (h);

-- The functions of avg can be called by anyone with anything.
SELECT call, pg_temp.outcome('SELECT ' || call) AS result
FROM (VALUES
	(1, $$vector_accum('{0}', '[1,2]')$$), (2, $$vector_accum('{2,10,20}', '[1,2]')$$),
		(3, $$vector_accum('{5}', '[1,2]')$$),
	(4, $$vector_accum('{1,1}', '[1,2]')$$), (5, $$vector_accum('{0,0}', '[1,2]')$$),
		(6, $$vector_accum('{}', '[1]')$$),
	(7, $$vector_accum('{NULL}', '[1]')$$), (8, $$vector_accum('{{1,2},{3,4}}', '[1]')$$),
		(9, $$vector_accum('{{1}}', '[1]')$$),
	(10, $$vector_accum('{1,1.7e308}', '[1]')$$), (11, $$vector_accum('{1,Infinity}', '[1]')$$),
		(12, $$vector_accum(NULL, '[1]')$$),
	(14, $$halfvec_accum('{0}', '[1,2]')$$), (15, $$halfvec_accum('{}', '[1]')$$),
	(16, $$halfvec_accum('{1,1,1}', '[1]')$$),
	(21, $$vector_avg('{0}')$$), (22, $$vector_avg('{0,1,2}')$$), (23, $$vector_avg('{4,1,2}')$$),
		(24, $$vector_avg('{1}')$$),
	(25, $$vector_avg('{}')$$), (26, $$vector_avg('{1,NULL}')$$), (27, $$vector_avg('{{1,2}}')$$),
		(28, $$vector_avg('{-1,2}')$$),
	(29, $$vector_avg('{NaN,2}')$$), (30, $$vector_avg('{1,NaN}')$$), (31, $$vector_avg('{1,Infinity}')$$),
		(32, $$vector_avg('{1,1e39}')$$),
	(33, $$vector_avg('{1,1e-50}')$$), (34, $$vector_avg(array_fill(1::float8, ARRAY[16002]))$$),
	(35, $$vector_dims(vector_avg(array_fill(1::float8, ARRAY[16001])))$$), (36, $$halfvec_avg('{1,65519}')$$),
	(37, $$halfvec_avg('{1,65520}')$$), (38, $$halfvec_avg('{}')$$), (39, $$halfvec_avg('{0}')$$),
		(40, $$halfvec_avg('{1,NaN}')$$),
	(41, $$vector_combine('{0}', '{0}')$$), (42, $$vector_combine('{1,2,3}', '{0}')$$),
		(43, $$vector_combine('{0}', '{1,2,3}')$$),
	(44, $$vector_combine('{1,2,3}', '{2,5,7}')$$), (45, $$vector_combine('{1,2,3}', '{2,5}')$$),
	(47, $$vector_combine('{}', '{1,2}')$$), (48, $$vector_combine('{1,2}', '{}')$$),
		(49, $$vector_combine('{1,2}', '{{1,2}}')$$),
	(50, $$vector_combine('{1,NULL}', '{1,2}')$$), (51, $$vector_combine('{1,1.7e308}', '{1,1.7e308}')$$),
	(52, $$vector_combine('{1,2}', NULL)$$), (53, $$halfvec_combine('{1,2}', '{1,4}')$$),
		(54, $$halfvec_combine('{}', '{1,4}')$$),
	(55, $$vector_combine(array_fill(1::float8, ARRAY[16002]), array_fill(1::float8, ARRAY[16002]))$$),
	(56, $$vector_combine('{-1,2}', '{1,2}')$$)) c (id, call)
ORDER BY id;

-- A state that belongs to somebody else is copied, never changed.
DO $$
DECLARE
	state float8[] := '{1,10,20}';
	other float8[] := '{2,1,1}';
	next float8[];
	empty float8[] := '{0}';
BEGIN
	next := vector_accum(state, '[1,1]');
	RAISE NOTICE '% %', state, next;
	next := vector_combine(state, other);
	RAISE NOTICE '% % %', state, other, next;
	next := halfvec_accum(state, '[2,2]');
	RAISE NOTICE '% %', state, next;
	next := vector_combine(empty, other);
	next := vector_accum(next, '[1,1]');
	RAISE NOTICE '% % %', empty, other, next;
END $$;
-- nor where it is the very row in the buffer: long enough to need no unpacking
CREATE TABLE rows (state float8[], before text);
INSERT INTO rows SELECT a, a::text FROM (SELECT array_agg(i::float8 ORDER BY i) FROM generate_series(1, 21) i) t (a);
SELECT (vector_accum(state, array_fill(1, ARRAY[20])::vector))[1:3] AS accum,
	(halfvec_accum(state, array_fill(1, ARRAY[20])::halfvec))[1:3] AS half_accum,
	(vector_combine(state, state))[1:3] AS combine, (vector_combine(state, '{0}'))[1:3] AS nothing FROM rows;
SELECT state::text = before AS unchanged FROM rows;
-- also where it comes from a table row, as the first state of an aggregate
CREATE AGGREGATE pg_temp.merged(float8[]) (SFUNC = vector_combine, STYPE = float8[], COMBINEFUNC = vector_combine,
	PARALLEL = SAFE);
CREATE TABLE states (id int, state float8[]);
INSERT INTO states VALUES (1, '{1,2,3}'), (2, '{0}'), (3, '{2,2,2}'), (4, '{1,-4,5}');
SELECT pg_temp.merged(state ORDER BY id), vector_avg(pg_temp.merged(state)) FROM states;
SELECT id, pg_temp.merged(state) OVER (ORDER BY id), pg_temp.merged(state) OVER (ORDER BY id DESC) FROM states
	ORDER BY id;
SELECT * FROM states ORDER BY id;
DROP TABLE scores, many, states, rows;
