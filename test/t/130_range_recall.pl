# Of the rows within a distance an index finds at least 95 of 100 in real text
# embeddings, be they 1 or 1000, and no others; with a condition beside it too.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => "shared_buffers = 128MB\n");

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'items'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');
$node->safe_psql('postgres', q{
	DELETE FROM queries WHERE id NOT IN (SELECT id FROM queries ORDER BY id LIMIT 24);
	ALTER TABLE items ADD color int;
	UPDATE items SET color = id % 10;
	VACUUM FULL ANALYZE items;
	CREATE TABLE exact (op text, k int, q int, r float8, n int, colored int)});

# How far the k-th row is, and how many rows are not farther, by a full sort
my %class = ('<=>' => 'vector_cosine_ops', '<->' => 'vector_l2_ops', '<#>' => 'vector_ip_ops');
for my $op (sort keys %class)
{
	$node->safe_psql('postgres', qq{
		SET enable_indexscan = off;
		SET max_parallel_workers_per_gather = 0;
		INSERT INTO exact SELECT '$op', k, q.id, d[k],
				(SELECT count(*) FROM unnest(d) x WHERE x <= d[k]),
				(SELECT count(*) FROM unnest(d, c) u (x, color) WHERE x <= d[k] AND color = 3)
			FROM queries q, unnest(ARRAY[1, 10, 100, 1000]) k,
				LATERAL (SELECT array_agg(v $op q.v ORDER BY v $op q.v, id) AS d, array_agg(color ORDER BY v $op q.v, id) AS c FROM items) s});
}

for my $method (qw(hnsw ivfflat ivfpq))
{
	for my $op (sort keys %class)
	{
		$node->safe_psql('postgres', "CREATE INDEX tried ON items USING $method (v $class{$op})");
		for my $color ('', 'AND color = 3')
		{
			my $expected = $color ? 'colored' : 'n';

			for my $k (1, 10, 100, 1000)
			{
				my $found = "SELECT array_agg(i.id) FROM items i WHERE i.v $op q.v <= e.r $color";
				my $searches = qq{SELECT q.id, e.$expected AS n, ($found) AS ids
					FROM queries q JOIN exact e ON e.q = q.id WHERE e.op = '$op' AND e.k = $k};

				like($node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN $searches"),
					qr/VectorFilteredScan/, "$method $op $k $color: by the index") if $k == 10;
				my ($recall, $bad) = split /\|/, $node->safe_psql('postgres', qq{
					SET enable_seqscan = off;
					CREATE TEMP TABLE found AS $searches;
					SELECT round(coalesce(sum(cardinality(ids)), 0)::numeric / greatest(sum(n), 1), 3),
						count(*) FILTER (WHERE cardinality(ids) > n OR
							cardinality(ids) <> (SELECT count(DISTINCT x) FROM unnest(ids) x)) FROM found});

				cmp_ok($recall, '>=', 0.95, "$method $op $k $color: $recall found");
				is($bad, 0, "$method $op $k $color: no others");
			}
		}
		$node->safe_psql('postgres', 'DROP INDEX tried');
	}
}

is(crashes($node), '', 'no crash');
done_testing();
