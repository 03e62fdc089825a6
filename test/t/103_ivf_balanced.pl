# Balanced lists are nearly even, with real text embeddings, also when rows come
# later; they find as much as others, and codes are those of their lists.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => "shared_buffers = 128MB\n");

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'items'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');

# The longest list in lengths of an even one
sub longest
{
	return $node->safe_psql('postgres', q{
		SELECT round(max(n) * (SELECT value FROM vector_index_info('tried') WHERE name = 'lists')::int / sum(n), 2)
		FROM (SELECT count(*) AS n FROM vector_index_codes('tried') GROUP BY list) s});
}

for my $definition ('vector_cosine_ops) WITH (lists = 40', 'vector_l2_ops) WITH (lists = 40, transform = opq', 'vector_l2_ops) WITH (lists = 7, codec = sq8')
{
	my ($operator) = $definition =~ /cosine/ ? '<=>' : '<->';

	$node->safe_psql('postgres', "DROP INDEX IF EXISTS tried; CREATE INDEX tried ON items USING ivfpq (v $definition)");
	my $before = longest();
	$node->safe_psql('postgres', 'ALTER INDEX tried SET (balanced = true); REINDEX INDEX tried');
	my $after = longest();
	note("$definition: $before, balanced $after");
	cmp_ok($before, '>', 1.5, "$definition: lists are of all lengths");
	cmp_ok($after, '<=', 1.25, "$definition: balanced");
	is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', "$definition: whole");

	my $recall = $node->safe_psql('postgres', qq{
		CREATE TEMP TABLE exact AS SELECT q.id AS q, (SELECT max(d) FROM
			(SELECT i.v $operator q.v AS d FROM items i ORDER BY 1 LIMIT 10) k) AS d FROM queries q;
		SET enable_seqscan = off;
		SELECT count(*) / 2000.0 FROM exact JOIN queries q ON q.id = q,
			LATERAL (SELECT i.v $operator q.v AS d FROM items i ORDER BY i.v $operator q.v LIMIT 10) k WHERE k.d <= exact.d + 1e-6});
	cmp_ok($recall, '>=', 0.95, "$definition: recall\@10");
}

# Half of the rows are new since the index was built.
$node->safe_psql('postgres', q{
	DROP INDEX tried;
	CREATE TABLE aside AS SELECT * FROM items WHERE id % 2 = 0;
	DELETE FROM items WHERE id % 2 = 0;
	VACUUM items;
	CREATE INDEX tried ON items USING ivfpq (v vector_cosine_ops) WITH (lists = 20, balanced = true);
	INSERT INTO items SELECT * FROM aside});
my $later = longest();
note("half of the rows are new: $later");
cmp_ok($later, '<=', 1.25, 'half of the rows are new: nearly as even as before');
$node->safe_psql('postgres', q{SELECT vector_index_rebalance('tried')});
cmp_ok(longest(), '<=', 1.25, 'and after a rebuild');
is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', 'whole');
is(crashes($node), '', 'the log is clean');

done_testing();
