# With nothing set, an index finds at least 95 of 100 nearest neighbours in real
# text embeddings, for every distance, and in exact order.

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
	ALTER TABLE items ADD h halfvec(512), ADD b bit(512), ADD color int, ADD s sparsevec(51200);
	-- sparse: the largest elements, in more dimensions than a graph has floats for
	CREATE FUNCTION sparse(v vector) RETURNS sparsevec IMMUTABLE LANGUAGE sql AS $$
		SELECT ('{' || string_agg(i * 100 || ':' || x, ',') || '}/51200')::sparsevec FROM unnest(v::real[]) WITH ORDINALITY u (x, i) WHERE abs(x) > 0.06 $$;
	UPDATE items SET h = v, b = binary_quantize(v), s = sparse(v), color = id % 10;
	VACUUM FULL ANALYZE items;
	ALTER TABLE queries ADD s sparsevec(51200);
	UPDATE queries SET s = sparse(v);
	CREATE TABLE exact (name text, k int, q int, d float8)});

# What an index must find: the distance of the k-th nearest of each query, by a
# full sort.
my %distance = (cosine => '<=>', l2 => '<->', ip => '<#>', hamming => '<~>', jaccard => '<%>', l1 => '<+>');
my %query = (v => 'q.v', h => 'q.v::halfvec(512)', b => 'binary_quantize(q.v)::bit(512)', s => 'q.s');
my %distances = (v => [qw(cosine ip l2 l1)], h => [qw(cosine l2 l1)], b => [qw(hamming jaccard)], s => [qw(ip l2)]);
my @names;
for my $column (qw(v h b s))
{
	for my $distance (@{ $distances{$column} })
	{
		my $d = "i.$column $distance{$distance} $query{$column}";

		push @names, "$column $distance";
		$node->safe_psql('postgres', qq{
			SET enable_indexscan = off;
			SET max_parallel_workers_per_gather = 0;
			INSERT INTO exact SELECT '$names[-1]', n, q.id, d FROM queries q,
				LATERAL (SELECT row_number() OVER (ORDER BY d) AS n, d FROM
					(SELECT $d AS d FROM items i ORDER BY 1 LIMIT 100) k) s
				WHERE n IN (1, 10, 100)});
	}
}
$node->safe_psql('postgres', 'CREATE INDEX ON exact (name, k, q); ANALYZE exact');

# The share of neighbours found; the number of queries whose rows are out of
# order, come twice, or are too few.
sub recall
{
	my ($column, $distance, $k, $condition) = @_;
	my $d = "i.$column $distance{$distance} $query{$column}";
	my $rows = qq{
		SELECT q.id AS q, s.* FROM queries q,
			LATERAL (SELECT row_number() OVER () AS n, d, id FROM
				(SELECT $d AS d, i.id FROM items i WHERE $condition ORDER BY $d LIMIT $k) k) s};

	like($node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN $rows"), qr/Index Scan/,
		"$column $distance $k: by the index");
	return split /\|/, $node->safe_psql('postgres', qq{
		SET enable_seqscan = off;
		CREATE TEMP TABLE found AS $rows;
		SET enable_seqscan = on;
		SELECT round(sum(hits) / 200.0 / $k, 3), count(*) FILTER (WHERE bad)
		FROM (SELECT q, count(*) FILTER (WHERE d <= (SELECT e.d + 1e-6 FROM exact e
					WHERE e.name = '$column $distance' AND e.k = $k AND e.q = f.q)) AS hits,
				count(*) < $k OR count(DISTINCT id) < count(*) OR bool_or(d < before) AS bad
			FROM (SELECT *, lag(d) OVER (PARTITION BY q ORDER BY n) AS before FROM found) f GROUP BY q) r});
}

sub index_is_good
{
	my ($definition, $column, $distance, @ks) = @_;

	$node->safe_psql('postgres', "CREATE INDEX tried ON items USING $definition");
	for my $k (@ks)
	{
		my ($recall, $bad) = recall($column, $distance, $k, 'true');

		cmp_ok($recall, '>=', 0.95, "$definition: recall\@$k");
		is($bad, 0, "$definition: $k rows, in order, each once");
	}
	is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', "$definition: whole");
}

for my $definition ('ivfpq (v vector_cosine_ops)', 'hnsw (v vector_cosine_ops)')
{
	index_is_good($definition, 'v', 'cosine', 1, 10, 100);

	# A condition that every tenth row meets fills its LIMIT.
	my (undef, $bad) = recall('v', 'cosine', 10, 'i.color = 3');
	is($bad, 0, "$definition: with a condition as many rows as are asked for");

	# Half of the rows are new since the index was built.
	$node->safe_psql('postgres', q{
		CREATE TABLE copy AS SELECT * FROM items WHERE id % 2 = 0;
		DELETE FROM items WHERE id % 2 = 0;
		VACUUM items;
		INSERT INTO items SELECT * FROM copy;
		DROP TABLE copy});
	for my $k (1, 10, 100)
	{
		my ($recall, $bad) = recall('v', 'cosine', $k, 'true');

		cmp_ok($recall, '>=', 0.95, "$definition, half of the rows are new: recall\@$k");
		is($bad, 0, "$definition, half of the rows are new: $k rows, in order, each once");
	}
	$node->safe_psql('postgres', 'DROP INDEX tried');
}

for my $definition ('ivfpq (v vector_l2_ops)', 'ivfpq (v vector_ip_ops)', 'ivfpq (h halfvec_cosine_ops)',
	'ivfpq (v vector_cosine_ops) WITH (rerank = heap)', 'ivfflat (v vector_cosine_ops)', 'ivfflat (h halfvec_l2_ops)', 'hnsw (v vector_l2_ops)',
	'hnsw (v vector_ip_ops)', 'hnsw (h halfvec_cosine_ops)', 'hnsw (v vector_cosine_ops) WITH (codes = none)',
	'hnsw (v vector_l1_ops)', 'hnsw (h halfvec_l1_ops)', 'hnsw (b bit_hamming_ops)', 'hnsw (b bit_jaccard_ops)', 'hnsw (v vector_cosine_ops) WITH (storage = float)',
	'hnsw (s sparsevec_l2_ops)', 'hnsw (s sparsevec_ip_ops)')
{
	my ($column, $distance) = $definition =~ /\((.) \w+?_(l2|ip|cosine|l1|hamming|jaccard)_ops/;

	index_is_good($definition, $column, $distance, 10);
	$node->safe_psql('postgres', 'DROP INDEX tried');
}
index_is_good('ivfflat (b bit_hamming_ops)', 'b', 'hamming', 1, 10, 100);
is(crashes($node), '', 'the log is clean');

done_testing();
