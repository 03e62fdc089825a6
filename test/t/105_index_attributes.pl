# Attributes in an index, with nothing set: whatever share of real rows meets the
# conditions, LIMIT is filled and at least 95 of 100 of the nearest are found, in order.

use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => "shared_buffers = 128MB\nautovacuum = off\n");
my $dir = dirname(__FILE__) . '/../data';

load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'items');
load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries');
for my $name (qw(attrs query))
{
	run_log([ 'zstd', '-dqf', '-o', $node->basedir . "/$name.tsv", "$dir/debtext-8k.$name.tsv.zst" ]) or BAIL_OUT("$name: zstd failed");
}
$node->safe_psql('postgres', sprintf q{
	CREATE TABLE attrs (id int, package text, source text, section text, priority text, architecture text, installed_size int, deb_size int,
		tags text[], short text, text text);
	COPY attrs FROM '%1$s/attrs.tsv' (HEADER);
	CREATE TABLE asked (id int, kind text, query text, package text, source text, section text, other_section text);
	COPY asked FROM '%1$s/query.tsv' (HEADER);
	CREATE TABLE labels AS SELECT row_number() OVER (ORDER BY tag)::int AS label, tag FROM (SELECT DISTINCT unnest(tags) AS tag FROM attrs) t;
	CREATE TABLE rows AS SELECT i.id, i.v, a.section, a.architecture = 'all' AS everywhere, a.installed_size, a.source,
		'2020-01-01'::timestamptz + a.deb_size * interval '1 minute' AS built,
		(SELECT array_agg(label ORDER BY label) FROM labels WHERE tag = ANY (a.tags)) AS labels, i.id %% 1000 AS tenant
		FROM items i JOIN attrs a USING (id) ORDER BY i.id;
	CREATE TABLE targets AS SELECT q.id AS q, q.v, a.section, a.other_section FROM queries q JOIN asked a USING (id) WHERE q.id %% 3 = 0;
	ANALYZE}, $node->basedir);
my $program = $node->safe_psql('postgres', q{SELECT label FROM labels WHERE tag = 'role::program'});

# A share of about a half to one in a thousand rows; conditions that have to do with
# the query, or not; some that are the query's own.
my @conditions = ('everywhere', 'installed_size < 100', "labels && '{$program}'", 'installed_size > 100000', "section = 'science'",
	"section IN ('science', 'math', 'games')", 'everywhere AND installed_size > 5000', "labels && '{$program}' AND installed_size < 100",
	'tenant = 7', 'tenant < 80', "built > '2020-01-08'", 'section = q.section', 'section = q.other_section', 'labels IS NULL');

# For k rows of each condition: the share of neighbours found; queries whose rows are
# too few, out of order, or none of those asked for.
sub recall
{
	my ($condition, $k) = @_;
	my $rows = qq{SELECT q.q, s.* FROM targets q, LATERAL (SELECT row_number() OVER () AS n, d, id FROM
		(SELECT r.v <=> q.v AS d, r.id FROM rows r WHERE $condition ORDER BY r.v <=> q.v LIMIT $k) k) s};
	my $plan = $node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (COSTS off) $rows");

	unlike($plan, qr/Filter/, "$condition: no filter") || diag($plan);
	return split /\|/, $node->safe_psql('postgres', qq{
		SET enable_indexscan = off;
		CREATE TEMP TABLE exact AS $rows;
		SET enable_indexscan = on; SET enable_seqscan = off; SET enable_sort = off;
		CREATE TEMP TABLE found AS $rows;
		RESET ALL;
		SELECT round(sum(hits)::numeric / sum(wanted), 3), count(*) FILTER (WHERE n < wanted OR bad)
		FROM (SELECT q, count(*) AS wanted, max(d) AS farthest FROM exact GROUP BY q) e LEFT JOIN
			(SELECT q, count(*) AS n, bool_or(d < before) OR count(DISTINCT id) < count(*) AS bad FROM
				(SELECT *, lag(d) OVER (PARTITION BY q ORDER BY n) AS before FROM found) o GROUP BY q) f USING (q),
			LATERAL (SELECT count(*) AS hits FROM found WHERE found.q = e.q AND found.d <= e.farthest + 1e-6) h});
}

sub index_is_good
{
	my ($definition, @ks) = @_;

	$node->safe_psql('postgres', "DROP INDEX IF EXISTS tried; CREATE INDEX tried ON rows USING $definition; VACUUM ANALYZE rows");
	for my $condition (@conditions)
	{
		for my $k (@ks)
		{
			my ($recall, $bad) = recall($condition, $k);

			cmp_ok($recall, '>=', 0.95, "$definition, $condition: recall\@$k");
			is($bad, 0, "$definition, $condition: $k rows, in order, each once");
		}
	}
	is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', "$definition: whole");
}
my $columns = 'section, everywhere, installed_size, built, labels, tenant';
index_is_good("ivfpq (v vector_cosine_ops, $columns)", 10, 100);
index_is_good("ivfflat (v vector_cosine_ops, $columns)", 10);
index_is_good("hnsw (v vector_cosine_ops, $columns)", 10, 100);
is(crashes($node), '', 'the log is clean');

done_testing();
