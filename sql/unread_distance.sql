-- The distance that only orders a scan is not computed for its rows, unless someone
-- reads it.
\pset format unaligned
\pset footer off
CREATE TABLE spots (id int, v vector(2)) WITH (autovacuum_enabled = off);
INSERT INTO spots SELECT g, ARRAY[g % 37 + g * 0.001, g % 11]::vector FROM generate_series(1, 400) g;
CREATE INDEX spots_v ON spots USING ivfflat (v) WITH (lists = 3);
CREATE FUNCTION pg_temp.output(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || statement LOOP
		IF line ~ 'Output|->|^Limit|^Index' THEN
			RETURN NEXT regexp_replace(line, '^ +', '  ');
		END IF;
	END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT * FROM pg_temp.output('SELECT id FROM spots ORDER BY v <-> ''[1,2]'' LIMIT 3');
SELECT * FROM pg_temp.output('SELECT id FROM spots ORDER BY v <-> ''[1,2]''');
-- it is read
SELECT * FROM pg_temp.output('SELECT id, v <-> ''[1,2]'' AS d FROM spots ORDER BY d LIMIT 3');
SELECT * FROM pg_temp.output('(SELECT id FROM spots ORDER BY v <-> ''[1,2]'' LIMIT 3) UNION ALL SELECT 0');
-- a row is a row, with and without
SELECT id FROM spots ORDER BY v <-> '[1,2]' LIMIT 3;
SELECT id, v <-> '[1,2]' AS d FROM spots ORDER BY d LIMIT 3;
SELECT id FROM spots ORDER BY v <-> '[1,2]', id LIMIT 4;
SELECT id FROM spots ORDER BY v <-> '[1,2]' FETCH FIRST 2 ROWS WITH TIES;
SELECT id FROM spots ORDER BY v <-> '[1,2]' LIMIT 2 FOR UPDATE;
SELECT array_agg(id) FROM (SELECT id FROM spots ORDER BY v <-> '[1,2]' LIMIT 3) s;
SELECT ARRAY(SELECT id FROM spots ORDER BY v <-> '[1,2]' LIMIT 3);
WITH w AS MATERIALIZED (SELECT id FROM spots ORDER BY v <-> '[1,2]' LIMIT 3) SELECT * FROM w;
PREPARE near(vector) AS SELECT id FROM spots ORDER BY v <-> $1 LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE near('[1,2]');
EXECUTE near('[30,2]');
RESET plan_cache_mode;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM spots ORDER BY v <-> '[1,2]';
FETCH 2 FROM c;
FETCH 2 FROM c;
COMMIT;
CREATE TABLE copied AS SELECT id FROM spots ORDER BY v <-> '[1,2]' LIMIT 3;
SELECT * FROM copied;
-- partitions are merged by it
CREATE TABLE halves (id int, v vector(2)) PARTITION BY RANGE (id);
CREATE TABLE halves_low PARTITION OF halves FOR VALUES FROM (0) TO (200);
CREATE TABLE halves_high PARTITION OF halves FOR VALUES FROM (200) TO (1000);
INSERT INTO halves SELECT * FROM spots;
CREATE INDEX ON halves USING ivfflat (v) WITH (lists = 2);
SELECT count(*) FILTER (WHERE line LIKE '%NULL::double%') AS left_out
	FROM pg_temp.output('SELECT id FROM halves ORDER BY v <-> ''[1,2]'' LIMIT 3') line;
SELECT id FROM halves ORDER BY v <-> '[1,2]' LIMIT 3;
DROP TABLE spots, halves, copied;
