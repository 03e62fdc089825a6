-- hnsw: how far a search goes.  Where nothing is set it stops when what is left is not
-- among the rows wanted, by what is known of estimates; ef_search is a number of nodes.
\pset format unaligned
\pset footer off

-- 4,000 rows around 40 centres in 24 dimensions; queries as far from them as their
-- number says: 1 to 20 like rows, 21 to 40 between two centres; 41 to 80 in the middle, as
-- far from one row as from another
CREATE FUNCTION pg_temp.wave(seed float8, i int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$SELECT sin(sin(i * 12.9898 + seed * 78.233) * 43758.5453)$$;
CREATE TABLE stops (id int, v vector(24));
INSERT INTO stops SELECT g, (SELECT array_agg(pg_temp.wave(g % 40, i) + 0.6 * pg_temp.wave(1000 + g, i) ORDER BY i)::vector FROM generate_series(1, 24) i)
	FROM generate_series(1, 4000) g;
CREATE TABLE asked (id int, v vector(24));
INSERT INTO asked SELECT q, (SELECT array_agg(CASE WHEN q <= 20 THEN pg_temp.wave(q, i) ELSE (pg_temp.wave(q % 40, i) + pg_temp.wave(q % 7, i)) / 2 END
	+ 0.6 * pg_temp.wave(9000 + q, i) ORDER BY i)::vector FROM generate_series(1, 24) i) FROM generate_series(1, 40) q;
INSERT INTO asked SELECT q, (SELECT array_agg(0.1 * pg_temp.wave(9000 + q, i) ORDER BY i)::vector FROM generate_series(1, 24) i) FROM generate_series(41, 80) q;
CREATE INDEX stops_v ON stops USING hnsw (v vector_l2_ops);
ANALYZE stops;

-- nodes that searches for k rows look at, for each of these queries
CREATE FUNCTION pg_temp.nodes(k int, first int, last int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	n float8 := 0;
	query vector;
BEGIN
	SET LOCAL enable_seqscan = off;
	FOR query IN SELECT v FROM asked WHERE id BETWEEN first AND last LOOP
		EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) SELECT id FROM stops ORDER BY v <-> %L LIMIT %s', query, k) INTO plan;
		n := n + jsonb_path_query_first(plan::jsonb, '$.**."Nodes Visited"')::float8;
	END LOOP;
	RETURN n / (last - first + 1);
END $$;
-- the share of the k nearest that is found
CREATE FUNCTION pg_temp.recall(k int, first int, last int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	hits int := 0;
	farthest float8;
	query vector;
BEGIN
	FOR query IN SELECT v FROM asked WHERE id BETWEEN first AND last LOOP
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_indexscan = off;
		EXECUTE format('SELECT max(d) FROM (SELECT v <-> %L AS d FROM stops ORDER BY 1 LIMIT %s) e', query, k) INTO farthest;
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_indexscan = on;
		hits := hits + (SELECT count(*) FROM (SELECT v <-> query AS d FROM stops ORDER BY v <-> query LIMIT k) f WHERE d <= farthest);
	END LOOP;
	RETURN hits / (k * (last - first + 1.0));
END $$;

-- what is measured when an index is built
SELECT name, value::float8 BETWEEN least AND most AS plausible FROM vector_index_info('stops_v') JOIN (VALUES
	('stretch', 1, 8), ('full_stretch', 1, 8), ('margin_for_1', 5, 6), ('margin_for_10', 2.81, 6), ('margin_for_100', 2, 6),
	('ef_for_1', 1, 200), ('ef_for_10', 10, 300), ('ef_for_100', 100, 1000)) w (name, least, most) USING (name) ORDER BY 1;

-- where nothing is set: enough, by few nodes, and by more where more are about as far
SELECT k, pg_temp.recall(k, 1, 40) >= 0.95 AS found, pg_temp.nodes(k, 1, 40) BETWEEN k AND 3 * k + 250 AS few FROM (VALUES (1), (10), (100)) v (k);
SELECT pg_temp.nodes(10, 41, 80) > 1.3 * pg_temp.nodes(10, 1, 20) AS by_query;
SELECT pg_temp.recall(10, 21, 40) >= 0.92 AS between, pg_temp.recall(10, 1, 20) >= 0.97 AS within;

-- ef_search is no less than it says, whatever k; and a full answer is as good as
-- one by distances, which takes as many nodes and all their neighbours
SET hnsw.ef_search = 400;
SELECT pg_temp.nodes(1, 1, 5) >= 400 AS one, pg_temp.nodes(10, 1, 5) >= 400 AS ten;
SET hnsw.ef_search = 100;
SELECT pg_temp.recall(100, 1, 40) AS full_answer \gset
SELECT pg_temp.nodes(100, 1, 40) >= pg_temp.nodes(10, 1, 40) AS more_for_full;
CREATE INDEX stops_plain ON stops USING hnsw (v vector_l2_ops) WITH (codes = none);
BEGIN;
DROP INDEX stops_v;
SELECT :full_answer >= pg_temp.recall(100, 1, 40) - 0.015 AS as_by_distances;
ROLLBACK;
DROP INDEX stops_plain;
RESET hnsw.ef_search;

-- A scan that goes on: rows once, in order, but those found late; each batch at least
-- twice as far
SET enable_seqscan = off;
SELECT count(*) BETWEEN 3980 AND 4000 AS all_rows, count(*) = count(DISTINCT id) AS once, bool_and(d >= before) AS ordered FROM (SELECT id, d, lag(d, 1, 0::float8) OVER () AS before FROM
	(SELECT id, v <-> (SELECT v FROM asked WHERE id = 1) AS d FROM stops ORDER BY v <-> (SELECT v FROM asked WHERE id = 1)) s) q;
CREATE FUNCTION pg_temp.batches(k int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	SET LOCAL enable_sort = off;
	EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) SELECT id FROM (SELECT id FROM stops ORDER BY v <-> %L OFFSET 0) s WHERE id > 0 LIMIT %s',
		(SELECT v FROM asked WHERE id = 1), k) INTO plan;
	RETURN substring(plan::text FROM '"Batches": (\d+)')::int;
END $$;
SELECT pg_temp.batches(3900) BETWEEN 2 AND 6 AS few;

-- Rows inserted into an index that was never calibrated are found too
TRUNCATE stops;
INSERT INTO stops SELECT g, (SELECT array_agg(pg_temp.wave(g % 40, i) + 0.6 * pg_temp.wave(1000 + g, i) ORDER BY i)::vector FROM generate_series(1, 24) i)
	FROM generate_series(1, 2000) g;
SELECT k, pg_temp.recall(k, 1, 40) >= 0.93 AS found FROM (VALUES (1), (10), (100)) v (k);
VACUUM stops;
SELECT name, value FROM vector_index_info('stops_v') WHERE name = 'calibrated_elements';
SELECT k, pg_temp.recall(k, 1, 40) >= 0.93 AS found, pg_temp.nodes(k, 1, 40) BETWEEN k AND 3 * k + 250 AS few FROM (VALUES (1), (10), (100)) v (k);
DROP TABLE stops, asked;
