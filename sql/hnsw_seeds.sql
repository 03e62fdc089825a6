-- A backend that often searches an index keeps codes of some rows, by which later
-- searches begin near the query: as good as by levels, in fewer looks
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
-- twelve groups, far from each other
CREATE FUNCTION place(g int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(sin(g * (i % 8 + 1) * 0.7310585 + i / 8) + sin(g * i * 1.37) * 0.3 + CASE WHEN i = 1 + g % 12 THEN 4 ELSE 0 END)::vector FROM generate_series(1, 24) i $$;
CREATE TABLE seeded (id int, v vector(24));
INSERT INTO seeded SELECT g, place(g) FROM generate_series(1, 6000) g;
CREATE FUNCTION search(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR q IN first .. last LOOP
		PERFORM id FROM seeded ORDER BY v <-> place(q) LIMIT 10;
	END LOOP;
END $$;
-- a number that EXPLAIN shows of a query; NULL: the line is not there
CREATE FUNCTION count_of(line text, q int, op text DEFAULT '<->') RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	shown text;
BEGIN
	FOR shown IN EXECUTE format('EXPLAIN (ANALYZE, TIMING off) SELECT id FROM seeded ORDER BY v %s %L LIMIT 10', op, place(q)) LOOP
		IF shown ~ line THEN
			RETURN substring(shown FROM '\d+');
		END IF;
	END LOOP;
	RETURN NULL;
END $$;
-- of 40 queries, the share of the ten nearest rows that is found
CREATE FUNCTION recall(first int, op text DEFAULT '<->') RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	near float8;
	found int = 0;
BEGIN
	FOR q IN first .. first + 39 LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE format('SELECT max(d) FROM (SELECT v %s $1 AS d FROM seeded ORDER BY v %1$s $1 LIMIT 10) e', op) INTO near USING place(q);
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE format('SELECT $1 + count(*) FROM (SELECT v %s $2 AS d FROM seeded ORDER BY v %1$s $2 LIMIT 10) f WHERE d <= $3 + 1e-6', op) INTO found USING found, place(q), near;
	END LOOP;
	RETURN found / 400.0;
END $$;
SET enable_seqscan = off;
CREATE INDEX seeded_v ON seeded USING hnsw (v vector_l2_ops);
VACUUM ANALYZE seeded;
-- the first searches go by levels
SELECT count_of('Seeds Estimated', 5001) IS NULL;
CREATE TABLE before AS SELECT q, count_of('Nodes Visited', q) AS nodes FROM generate_series(5001, 5003) q;
SELECT search(1, 200);
SELECT count_of('Seeds Estimated', 5001) BETWEEN 6000 / 32 AND 6000 / 16;
SELECT sum(count_of('Nodes Visited', q)) < 0.8 * sum(nodes) FROM before;
SELECT recall(5001) >= 0.97;
-- rows that come later are found, though they are far from all seeds
INSERT INTO seeded SELECT g, array_fill(20::float4, ARRAY[24])::vector + place(g) FROM generate_series(6001, 6300) g;
SELECT count_of('Seeds Estimated', 5001) BETWEEN 6000 / 32 AND 6000 / 16;
SELECT min(id) > 6000, count(*) FROM (SELECT id FROM seeded ORDER BY v <-> array_fill(20::float4, ARRAY[24])::vector LIMIT 100) a;
-- once they are many seeds are copied anew
INSERT INTO seeded SELECT g, place(g) FROM generate_series(6301, 9000) g;
SELECT search(201, 500);
SELECT count_of('Seeds Estimated', 5001) > 6000 / 16;
SELECT recall(8001) >= 0.97;
-- three of twelve groups are left, in turn: queries of the others are far from all rows
DELETE FROM seeded WHERE id % 12 < 9;
VACUUM seeded;
SELECT search(501, 700);
SELECT count_of('Seeds Estimated', 5001) > 0;
SELECT recall(3001) >= 0.9;
REINDEX INDEX seeded_v;
SELECT count_of('Seeds Estimated', 5001) IS NULL;
SELECT search(501, 700);
SELECT count_of('Seeds Estimated', 5001) > 0;
SELECT recall(3001) >= 0.85;
SELECT vector_index_check('seeded_v', true);
-- with a condition, and as far as there are rows
SELECT count(*), min(id % 2) FROM (SELECT id FROM seeded WHERE id % 2 = 1 ORDER BY v <-> place(9) LIMIT 50) a;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(DISTINCT id), count(*) FROM (SELECT id FROM seeded ORDER BY v <-> place(9)) a;
RESET hnsw.iterative_scan;
-- products, whose estimates have another unit
DROP INDEX seeded_v;
CREATE INDEX seeded_v ON seeded USING hnsw (v vector_ip_ops);
SELECT recall(1, '<#>') > 0.5;
SELECT count_of('Seeds Estimated', 5001, '<#>') > 0;
SELECT recall(5001, '<#>') >= 0.95;
-- a few rows have no seeds
CREATE TABLE few AS SELECT * FROM seeded ORDER BY id LIMIT 500;
CREATE INDEX few_v ON few USING hnsw (v vector_l2_ops);
DO $$ BEGIN FOR q IN 1 .. 300 LOOP PERFORM id FROM few ORDER BY v <-> place(q) LIMIT 10; END LOOP; END $$;
SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> place(9) LIMIT 10) a;
DROP TABLE seeded, before, few;
DROP FUNCTION place, search, count_of, recall;
