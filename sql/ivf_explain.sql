-- EXPLAIN (ANALYZE): what scans of ivfflat and ivfpq have done.
\pset format unaligned
\pset footer off
\set VERBOSITY terse
-- Our lines of a plan, the same on all servers: from 18 on they belong to the
-- plan's nodes, before they follow below.
CREATE FUNCTION pg_temp.lines(query text, format text DEFAULT 'text') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	below boolean := current_setting('server_version_num')::int < 180000;
	ours text := '(Searches|Lists|Rows[ -](Estimated|Compared|Sorted|Found)|Candidates|Heap[ -]Rows|Batches|Ended|Parallel[ -]Workers)';
	result text;
	line text;
BEGIN
	FOR result IN EXECUTE format('EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, FORMAT %s) %s', format, query) LOOP
		IF format = 'json' THEN
			PERFORM result::json;
		END IF;
		FOREACH line IN ARRAY string_to_array(result, E'\n') LOOP
			IF line ~ 'Vector Index Scan: ' THEN
				RETURN NEXT regexp_replace(line, '^.*: ', '');
			ELSIF NOT below AND line ~ 'Index Scan using .*rows=' THEN
				RETURN NEXT regexp_replace(line, '^.* using (.*) on (\S+ )?(\S+|".*") \(actual.*$', '\1 on \3');
			ELSIF line ~ ('^\s*["<]?' || ours) THEN
				RETURN NEXT '  ' || rtrim(ltrim(line), ',');
			END IF;
		END LOOP;
	END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;

-- Ten lists of twenty rows.
CREATE TABLE rows (id int, v vector(2));
INSERT INTO rows SELECT 20 * c + i, ARRAY[1000 * c, i] FROM generate_series(0, 9) c, generate_series(0, 19) i;
CREATE INDEX rows_v ON rows USING ivfflat (v) WITH (lists = 10);
ANALYZE rows;
SET ivfflat.probes = 3;
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 5');
-- three lists, then twice as many
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 100');
-- settings end a scan
SET ivfflat.max_probes = 5;
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 100');
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 101');
SET ivfflat.iterative_scan = off;
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 60');
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 61');
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 61', 'json');
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 61', 'yaml');
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 60', 'xml');
RESET ivfflat.iterative_scan;
RESET ivfflat.max_probes;
-- nothing is said of what was not run
SELECT pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 0');
EXPLAIN (COSTS off) SELECT id FROM rows ORDER BY v <-> '[0,0]' LIMIT 5;
-- restarts, several scans, names
SELECT pg_temp.lines('SELECT n, b.id FROM generate_series(0, 2) n,
	LATERAL (SELECT id FROM rows ORDER BY v <-> ARRAY[1000 * n, 0]::vector LIMIT 25) b');
SELECT pg_temp.lines('SELECT (SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 1),
	(SELECT id FROM rows AS "A b" ORDER BY v <-> o.v LIMIT 1) FROM rows AS o LIMIT 2');
SELECT pg_temp.lines('DECLARE c CURSOR FOR SELECT id FROM rows ORDER BY v <-> ''[0,0]''');
SELECT pg_temp.lines('CREATE TABLE nearest AS SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 5');
-- before 18 the server lets no one add to this
PREPARE nearest(vector) AS SELECT id FROM rows ORDER BY v <-> $1 LIMIT 5;
SELECT (count(*) > 0) = (current_setting('server_version_num')::int >= 180000) AS expected
	FROM pg_temp.lines('EXECUTE nearest(''[0,0]'')') line WHERE line LIKE '%Lists%';
-- statements inside are not the one that is explained
CREATE FUNCTION pg_temp.inner_nearest() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.lines('SELECT id FROM rows ORDER BY v <-> ''[9000,0]'' LIMIT 1');
	PERFORM pg_temp.lines('EXECUTE nearest(''[0,0]'')');
	RETURN (SELECT id FROM rows ORDER BY v <-> '[9000,0]' LIMIT 1);
END $$;
SELECT pg_temp.lines('SELECT pg_temp.inner_nearest()');
SELECT pg_temp.lines('SELECT id, pg_temp.inner_nearest() FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 2');
-- an error leaves nothing behind
SELECT pg_temp.lines('SELECT 1 / (id - 1) FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 5');
SELECT pg_temp.lines('SELECT 1');
-- workers count for themselves
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE rows SET (parallel_workers = 2);
SET parallel_leader_participation = off;
SET enable_seqscan = on;
SELECT regexp_replace(line, 'Counted: [12]', 'Counted: some') AS lines
	FROM pg_temp.lines('SELECT id FROM rows WHERE id NOT IN (SELECT id FROM rows ORDER BY v <-> ''[0,0]'' LIMIT 1)') line;
RESET parallel_leader_participation;
ALTER TABLE rows RESET (parallel_workers);
SET enable_seqscan = off;

-- Partitions.
CREATE TABLE parts (id int, v vector(2)) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT * FROM rows;
CREATE INDEX parts_v ON parts USING ivfflat (v) WITH (lists = 5);
ANALYZE parts;
SELECT pg_temp.lines('SELECT id FROM parts ORDER BY v <-> ''[0,0]'' LIMIT 5');
DROP TABLE parts;

-- Rows that are found too late.  The first batch returns ten rows of the list
-- that is nearest to 870: 760 to 400.  The second one finds those of the other
-- list, from 1000 in steps of 40.  Nine are nearer than 400: 1000 to 1320.
CREATE TABLE late (id int, v vector(1));
INSERT INTO late SELECT 1000 * c + 40 * i, ARRAY[1000 * c + 40 * i] FROM generate_series(0, 1) c, generate_series(0, 19) i;
CREATE INDEX late_v ON late USING ivfflat (v) WITH (lists = 2);
SET ivfflat.probes = 1;
SELECT pg_temp.lines('SELECT id FROM late ORDER BY v <-> ''[870]''');
DROP TABLE late;

-- Codes: all rows are estimated, fifty verified.
CREATE TABLE codes (id int, v vector(8));
INSERT INTO codes SELECT g, (SELECT array_agg(sin(i * g * 0.37 + i * i)) FROM generate_series(1, 8) i) FROM generate_series(1, 2000) g;
CREATE INDEX codes_v ON codes USING ivfpq (v) WITH (lists = 20);
SET ivfpq.probes = 20;
SET ivfpq.candidates = 50;
-- how many are fetched depends on how near to each other they are
SELECT regexp_replace(line, '(Order: )[1-9]\d*', '\1some') AS lines
	FROM pg_temp.lines('SELECT id FROM codes ORDER BY v <-> ''[1,0,0,0,0,0,0,0]'' LIMIT 5') line;
SELECT pg_temp.lines('SELECT id FROM codes ORDER BY v <-> (SELECT NULL::vector) LIMIT 5');
DROP INDEX codes_v;
CREATE INDEX codes_heap ON codes USING ivfpq (v) WITH (lists = 20, rerank = heap);
SELECT pg_temp.lines('SELECT id FROM codes ORDER BY v <-> ''[1,0,0,0,0,0,0,0]'' LIMIT 5');
DROP INDEX codes_heap;
CREATE INDEX codes_none ON codes USING ivfpq (v) WITH (lists = 20, rerank = none);
SELECT pg_temp.lines('SELECT id FROM codes ORDER BY v <-> ''[1,0,0,0,0,0,0,0]'' LIMIT 5');
DROP TABLE codes;
DROP TABLE rows;
