# Rows that were made by interpolation have neighbours so near as no query has: what a
# calibration on rows learns must hold for queries all the same.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => "shared_buffers = 256MB\nmaintenance_work_mem = 256MB\n");

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'base'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');

# On the way from a row to each of its five nearest, as good as all of which are found
$node->safe_psql('postgres', q{
	CREATE INDEX ON base USING hnsw (v vector_cosine_ops);
	SET enable_seqscan = off;
	SET hnsw.ef_search = 400;
	CREATE TABLE items AS SELECT id, v FROM base;
	INSERT INTO items
		SELECT b.id, b.v + (n.v - b.v) * array_fill(n.n / 6.0::float4, ARRAY[512])::vector
		FROM base b, LATERAL (SELECT v, row_number() OVER () AS n FROM
			(SELECT v FROM base o ORDER BY o.v <=> b.v LIMIT 6) o) n
		WHERE n.n > 1;
	DROP TABLE base;
	VACUUM ANALYZE items;
	SET enable_indexscan = off;
	SET max_parallel_workers_per_gather = 0;
	CREATE TABLE exact AS SELECT q.id, n, d FROM queries q,
		LATERAL (SELECT row_number() OVER (ORDER BY d) AS n, d FROM
			(SELECT v <=> q.v AS d FROM items ORDER BY 1 LIMIT 100) k) s
		WHERE n IN (1, 10, 100);
	CREATE INDEX ON exact (n, id)});
is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), 48000, 'rows are interpolated');

for my $method (qw(ivfpq ivfflat))
{
	$node->safe_psql('postgres', "CREATE INDEX tried ON items USING $method (v vector_cosine_ops)");
	for my $k (1, 10, 100)
	{
		my $recall = $node->safe_psql('postgres', qq{
			SET enable_seqscan = off;
			SELECT round(count(*) / 200.0 / $k, 3) FROM queries q JOIN exact e USING (id),
				LATERAL (SELECT v <=> q.v AS d FROM items ORDER BY v <=> q.v LIMIT $k) s
			WHERE e.n = $k AND s.d <= e.d + 1e-6});

		# (of one answer each, .02 is the chance of 200 queries)
		diag("$method: recall\@$k $recall");
		cmp_ok($recall, '>=', $k == 1 ? 0.93 : 0.95, "$method: recall\@$k");
	}
	$node->safe_psql('postgres', 'DROP INDEX tried');
}
is(crashes($node), '', 'the log is clean');

done_testing();
