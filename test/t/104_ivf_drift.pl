# Rows that lie elsewhere than those an index was built from: VACUUM makes it as
# good as a new one, by splitting lists or by building all anew.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => "shared_buffers = 128MB\nautovacuum = off\n");

# Clusters of real text embeddings: each row goes to the nearer one of two rows,
# and the halves are those of the difference.
is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'texts'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'text_queries'), 200, 'queries are loaded');
$node->safe_psql('postgres', q{
	CREATE TABLE text_base AS SELECT id, v, ntile(100) OVER (ORDER BY (v <=> (SELECT v FROM texts WHERE id = 17)) -
		(v <=> (SELECT v FROM texts WHERE id = 4001)), id) AS part FROM texts});

# Clusters around points of a normal distribution, which come one after another.
$node->safe_psql('postgres', q{
	CREATE FUNCTION normal(n int, deviation float8) RETURNS vector LANGUAGE sql VOLATILE AS $$
		SELECT array_agg(deviation * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::vector FROM generate_series(1, n) $$;
	SELECT setseed(0.5);
	CREATE TABLE centers AS SELECT c, normal(24, 1) AS v FROM generate_series(1, 100) c;
	CREATE TABLE point_base AS SELECT g AS id, (c.v + normal(24, 0.5))::vector(24) AS v, c.c AS part
		FROM generate_series(1, 20000) g JOIN centers c ON c.c = g % 100 + 1;
	CREATE TABLE point_queries AS SELECT g AS id, (c.v + normal(24, 0.5))::vector(24) AS v
		FROM generate_series(1, 200) g JOIN centers c ON c.c = g % 100 + 1;});

sub info
{
	my ($name) = @_;

	return $node->safe_psql('postgres', "SELECT value FROM vector_index_info('items_v') WHERE name = '$name'");
}

# Recall of ten, by the distance of the tenth that a full sort finds.
sub recall
{
	my ($data, $op, $set) = @_;

	return $node->safe_psql('postgres', qq{
		SET enable_seqscan = off; $set;
		SELECT round(count(*) / 2000.0, 4) FROM ${data}_queries q JOIN ${data}_exact e USING (id),
			LATERAL (SELECT v $op q.v AS d FROM items ORDER BY v $op q.v LIMIT 10) s WHERE s.d <= e.d + 1e-6});
}

# Rows of the lists that a query visits
sub rows_visited
{
	return info('probes_for_10') * info('rows') / info('lists');
}

my %set = (automatic => '', explicit => 'SET ivfpq.probes = 20; SET ivfpq.candidates = 300; SET ivfflat.probes = 20');
my %anew;

# What an index of all rows is like.  The rows of a sample are chance, and recall with
# them: the mean of three indexes, of rows in other orders.
sub anew
{
	my ($data, $op, $definition) = @_;

	return $anew{$data, $definition} //= do
	{
		my %fresh;

		for my $order (1 .. 3)
		{
			$node->safe_psql('postgres', "DROP TABLE IF EXISTS items;
				CREATE TABLE items AS SELECT * FROM ${data}_base ORDER BY hashint8extended(id, $order);
				CREATE INDEX items_v ON items USING $definition; VACUUM ANALYZE items");
			$fresh{$_} += recall($data, $op, $set{$_}) / 3 for keys %set;
			$fresh{visited} += rows_visited() / 3;
		}
		$fresh{lists} = info('lists');
		\%fresh;
	};
}

# parts: how many hundredths of the data the index is built from.
sub drift
{
	my ($data, $op, $definition, $parts) = @_;
	my $name = "$data, $definition, $parts %";
	my $fresh = anew($data, $op, $definition);

	$node->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items AS SELECT * FROM ${data}_base WHERE part <= $parts;
		CREATE INDEX items_v ON items USING $definition; INSERT INTO items SELECT * FROM ${data}_base WHERE part > $parts");
	$node->safe_psql('postgres', 'VACUUM items');
	cmp_ok(info('generation'), '>', 1, "$name: lists were replaced");
	diag("$name: ", info('lists'), ' lists, ', info('lists_built'), " built; anew $fresh->{lists}");
	for (sort keys %set)
	{
		my $recall = recall($data, $op, $set{$_});

		diag(sprintf("$name, $_: $recall, built anew %.4f", $fresh->{$_}));
		cmp_ok($recall, '>=', $fresh->{$_} - 0.02, "$name: recall by $_ settings");
	}
	cmp_ok(rows_visited(), '<=', ($definition =~ /heap/ ? 4 : 2) * $fresh->{visited}, "$name: queries do not read many more rows");
	cmp_ok(info('largest_list'), '<=', 12 * info('rows') / info('lists'), "$name: no list has a great share of all rows");
	is($node->safe_psql('postgres', "SELECT vector_index_check('items_v', true)"), '', "$name: whole");

	my $generation = info('generation');
	$node->safe_psql('postgres', 'VACUUM items; VACUUM items');
	is(info('generation'), $generation, "$name: and that is all");
}

$node->safe_psql('postgres', "CREATE TABLE ${_}_exact AS SELECT q.id, s.d FROM ${_}_queries q,
	LATERAL (SELECT d FROM (SELECT v " . ($_ eq 'text' ? '<=>' : '<->') . " q.v AS d FROM ${_}_base) b ORDER BY d OFFSET 9 LIMIT 1) s")
  for qw(text point);

drift('text', '<=>', 'ivfpq (v vector_cosine_ops)', 50);
drift('text', '<=>', 'ivfflat (v vector_cosine_ops)', 50);
drift('text', '<=>', 'ivfpq (v vector_cosine_ops)', 75);
drift('point', '<->', 'ivfpq (v)', 50);
drift('point', '<->', 'ivfpq (v) WITH (rerank = heap)', 50);
drift('point', '<->', 'ivfflat (v) WITH (lists = 60)', 50);
drift('point', '<->', 'ivfpq (v)', 80);
drift('point', '<->', 'ivfflat (v)', 80);
is(crashes($node), '', 'the log is clean');

done_testing();
