# Parallel plans give the answers of serial ones.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => q{
	max_worker_processes = 8
	max_parallel_workers = 8
});

# Whole numbers, small enough for their sums to be exact in float16 too: then
# the order of summation does not show in the result.
$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, k int, v vector(3), h halfvec(3), s sparsevec(3), b bit(24));
	INSERT INTO items SELECT g, g % 3, ARRAY[g % 7, -g % 11, g % 1000],
			ARRAY[(g % 100 = 0)::int, (g % 40 = 0)::int, -(g % 50 = 0)::int],
			ARRAY[g % 5, 0, g % 13], (g * 7919)::bit(24)
		FROM generate_series(1, 20000) g;
	ANALYZE items});

my $serial = 'SET max_parallel_workers_per_gather = 0;';
my $parallel = q{
	SET max_parallel_workers_per_gather = 2;
	SET parallel_setup_cost = 0;
	SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0;
	SET parallel_leader_participation = off;};    # so that workers do it all

# A query's serial and parallel answer are equal, and its plan is what we think.
sub same_in_parallel
{
	my ($name, $query, @nodes) = @_;
	my $plan = $node->safe_psql('postgres',
		"$parallel EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $query");
	my $answer = $node->safe_psql('postgres', "$serial $query");

	like($plan, $_, "$name: plan has $_") for (@nodes, qr/Workers Launched: 2/);
	isnt($answer, '', "$name: there is an answer");
	is($node->safe_psql('postgres', "$parallel $query"), $answer, "$name: the same answer");
}

for my $aggregate (qw(avg(v) sum(v) avg(h) sum(h)))
{
	same_in_parallel($aggregate, "SELECT $aggregate FROM items", qr/Partial Aggregate/);
}
same_in_parallel('grouped',
	'SELECT k, avg(v), sum(h), count(*) FROM items GROUP BY k ORDER BY k',
	qr/Partial HashAggregate|Partial GroupAggregate/);
same_in_parallel('no rows', 'SELECT avg(v) IS NULL, sum(v) IS NULL FROM items WHERE id * 0 > k',
	qr/Partial Aggregate/);
like(sql_error($node, 'postgres', "$parallel SELECT avg(CASE WHEN id = 7 THEN '[1]'::vector ELSE v END) FROM items"),
	qr/expected \d dimensions, not \d/, 'avg of different dimensions is an error in parallel');

# Every distance; ties are broken by id.
my %query = (v => q{'[3,-4,500]'}, h => q{'[1,2,-3]'}, s => q{'{1:2,3:7}/3'}, b => q{B'101100111000111100001111'});
for my $column (qw(v h s b))
{
	for my $operator ($column eq 'b' ? qw(<~> <%>) : qw(<-> <#> <=> <+>))
	{
		same_in_parallel("$column $operator",
			"SELECT id, $column $operator $query{$column} FROM items ORDER BY $column $operator $query{$column}, id LIMIT 20",
			qr/Gather Merge/, qr/Parallel Seq Scan on items/);
	}
}
same_in_parallel('hash join', 'SELECT count(*) FROM items a JOIN items b ON a.v = b.v AND a.id <> b.id',
	qr/Parallel Hash Join/);
is(crashes($node), '', 'the log is clean');

done_testing();
