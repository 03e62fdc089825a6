-- What VACUUM leaves of a graph: states of slots, chains of TIDs, the entry
\set VERBOSITY terse
CREATE FUNCTION facts(index regclass) RETURNS TABLE (fact text, value text) LANGUAGE sql AS $$
	SELECT name, value FROM vector_index_info(index)
	WHERE name IN ('rows', 'elements', 'dead_nodes', 'more_slots', 'entry_level') $$;
CREATE TABLE t (id int, v vector(3));
INSERT INTO t SELECT g, ARRAY[g, g * g % 17, 1] FROM generate_series(1, 100) g;
-- an element with more rows than its node has room for
INSERT INTO t SELECT 1000 + g, '[1,2,3]' FROM generate_series(1, 500) g;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SELECT vector_index_check('t_v', true);
SELECT * FROM facts('t_v');
SELECT name, value FROM vector_index_info('t_v') WHERE name NOT LIKE 'ef\_for%' AND name NOT IN ('average_degree', 'levels');

-- the rows of the head and of the first slots go, the element stays
DELETE FROM t WHERE id BETWEEN 1001 AND 1300;
VACUUM t;
SELECT vector_index_check('t_v', true);
SELECT * FROM facts('t_v') WHERE fact <> 'more_slots';
SET enable_seqscan = off;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 200) k;

-- the rest of them, but one
DELETE FROM t WHERE id > 1000 AND id <> 1400;
VACUUM t;
SELECT vector_index_check('t_v', true);
SELECT * FROM facts('t_v');
SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 1;

-- and that one: the element goes
DELETE FROM t WHERE id = 1400;
VACUUM t;
SELECT vector_index_check('t_v', true);
SELECT * FROM facts('t_v');
-- it comes again
INSERT INTO t VALUES (1401, '[1,2,3]');
SELECT vector_index_check('t_v', true);
SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 1;

-- nearly all
DELETE FROM t WHERE id % 20 > 0;
VACUUM t;
SELECT vector_index_check('t_v', true);
SELECT id FROM t ORDER BY v <-> '[0,0,0]';
-- all: there is no entry; then there is one
DELETE FROM t;
VACUUM t;
SELECT vector_index_check('t_v', true);
SELECT * FROM facts('t_v');
SELECT id FROM t ORDER BY v <-> '[0,0,0]';
SELECT pg_relation_size('t_v') AS size \gset
INSERT INTO t SELECT g, ARRAY[g, g * g % 17, 1] FROM generate_series(1, 100) g;
SELECT vector_index_check('t_v', true);
SELECT rows.value, pg_relation_size('t_v') <= :size AS room_is_used_again FROM facts('t_v') rows WHERE fact = 'rows';
SELECT id FROM t ORDER BY v <-> '[50,1,1]' LIMIT 3;

-- rows that were inserted are counted, once there was something to remove
SELECT reltuples FROM pg_class WHERE relname = 't_v';
DELETE FROM t WHERE id = 1;
VACUUM t;
SELECT reltuples FROM pg_class WHERE relname = 't_v';
-- nothing to remove
VACUUM (INDEX_CLEANUP on) t;
SELECT vector_index_check('t_v', true);

-- a concurrent build asks for all TIDs, more than a head has as well
INSERT INTO t SELECT 1000 + g, '[1,2,3]' FROM generate_series(1, 300) g;
CREATE INDEX CONCURRENTLY t_other ON t USING hnsw (v vector_cosine_ops);
SELECT vector_index_check('t_other', true);
DROP INDEX t_other;

-- what is only for lists
SELECT * FROM vector_index_centroids('t_v');
-- and for nobody
SELECT vector_index_check('t');
CREATE INDEX t_id ON t (id);
SELECT vector_index_check('t_id');
DROP TABLE t;
DROP FUNCTION facts;
