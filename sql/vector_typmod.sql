-- Type modifiers: vector(n), halfvec(n), sparsevec(n) hold n dimensions.
\pset format unaligned
\pset footer off

CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF statement NOT LIKE 'SELECT %' THEN
		EXECUTE statement;
		RETURN 'ok';
	END IF;
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' / ' || SQLERRM;
END $$;

-- What may be written in the parentheses
SELECT type, pg_temp.outcome(format('SELECT NULL::%s IS NULL', type)) AS result
FROM (VALUES
	(1, 'vector(1)'), (2, 'vector(16000)'), (3, 'vector(16001)'), (4, 'vector(0)'), (5, 'vector(-1)'),
	(6, 'vector(1,2)'), (7, 'vector(a)'), (8, 'vector(''3'')'), (9, 'vector(''x'')'),
	(10, 'vector(1.5)'), (11, 'vector(2147483648)'), (12, 'vector(NULL)'), (13, 'vector(1)(2)'),
	(21, 'halfvec(1)'), (22, 'halfvec(16000)'), (23, 'halfvec(16001)'), (24, 'halfvec(0)'),
	(25, 'halfvec(3,4)'),
	(31, 'sparsevec(1)'), (32, 'sparsevec(1000000000)'), (33, 'sparsevec(1000000001)'),
	(34, 'sparsevec(0)'), (35, 'sparsevec(-5)'), (36, 'sparsevec(5,6)')) t (id, type)
ORDER BY id;

-- Every way into a typed column checks; nothing is cut or filled up.
CREATE TABLE typed (v vector(3), h halfvec(3), s sparsevec(3), a vector(2)[]);
SELECT attname, format_type(atttypid, atttypmod), atttypmod, attstorage
FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;

INSERT INTO typed VALUES ('[1,2,3]', '[1,2,3]', '{1:1}/3', ARRAY['[1,2]', NULL, '[3,4]']::vector[]);
INSERT INTO typed DEFAULT VALUES;
SELECT statement, pg_temp.outcome(statement) AS result
FROM (VALUES
	(1, $$INSERT INTO typed (v) VALUES ('[1,2]')$$),
	(2, $$INSERT INTO typed (h) VALUES ('[1,2,3,4]')$$),
	(3, $$INSERT INTO typed (s) VALUES ('{}/4')$$),
	(4, $$INSERT INTO typed (a) VALUES (ARRAY['[1,2]', '[1]']::vector[])$$),
	(5, $$INSERT INTO typed (a) VALUES ('{"[1,2]","[1,2,3]"}')$$),
	(6, $$INSERT INTO typed (v) SELECT '[1,2]'::vector$$),
	(7, $$INSERT INTO typed (v) VALUES (ARRAY[1,2])$$),
	(8, $$INSERT INTO typed (h) VALUES ('[1,2]'::vector)$$),
	(9, $$INSERT INTO typed (s) VALUES ('[1,2]'::vector)$$),
	(10, $$UPDATE typed SET v = v || '[4]'$$),
	(11, $$UPDATE typed SET a[1] = '[1,2,3]'$$),
	(12, $$SELECT '[1,2,3]'::vector(2)$$),
	(13, $$SELECT '[1,2,3]'::vector::vector(4)$$),
	(14, $$SELECT CAST('[1,2,3]'::halfvec AS halfvec(2))$$),
	(15, $$SELECT '{1:1}/3'::sparsevec::sparsevec(2)$$),
	(16, $$SELECT ARRAY[1,2,3]::vector(2)$$),
	(17, $$SELECT '{"[1,2]"}'::vector(3)[]$$),
	(18, $$SELECT '[1,2,3]'::vector::vector(3)$$),
	(19, $$SELECT '[1,2]'::vector(2)::vector$$),
	(20, $$SELECT '[1,2]'::vector(2)::halfvec(2)::sparsevec(2)::vector(2)$$)) s (id, statement)
ORDER BY id;
COPY typed (v, h) FROM stdin;
[1,2,3,4]	[1,2,3]
\.
COPY typed (v, h) FROM stdin;
[4,5,6]	[7,8,9]
\.
SELECT v, h, s, a FROM typed ORDER BY v, h;

-- The modifier of a column may be changed as far as the rows allow.
SELECT statement, pg_temp.outcome(statement) AS result
FROM (VALUES
	(1, 'ALTER TABLE typed ALTER v TYPE vector(4)'),
	(2, 'ALTER TABLE typed ALTER v TYPE vector'),
	(3, 'ALTER TABLE typed ALTER v TYPE vector(3)'),
	(4, 'ALTER TABLE typed ALTER h TYPE vector(2)'),
	(5, 'ALTER TABLE typed ALTER h TYPE vector(3)'),
	(6, 'ALTER TABLE typed ALTER s TYPE halfvec(3)')) s (id, statement)
ORDER BY id;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum;
SELECT v, h, s FROM typed ORDER BY v, h;

-- A function's argument and result have no modifier: only the cast checks.
CREATE FUNCTION pg_temp.tail(vector(3)) RETURNS vector(2) LANGUAGE sql AS 'SELECT subvector($1, 2, 10)';
SELECT pg_temp.tail('[1,2,3,4]');

-- Modifiers in derived columns
CREATE VIEW typed_view AS SELECT v, v + v AS sum, v::halfvec(3) AS h, subvector(v, 1, 2)::vector(2) AS part
	FROM typed;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'typed_view'::regclass ORDER BY attnum;
DROP VIEW typed_view;
DROP TABLE typed;
