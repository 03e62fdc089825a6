# With a condition beside ORDER BY, whatever share of the rows meets it, an index
# fills the LIMIT and finds at least 95 of 100 nearest neighbours, in exact order
# and none that fails the condition: with an index on the columns of the condition
# and without.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $k = 10;
my $queries = $ENV{VECTOR_EXT_FILTER_RECALL_QUERIES} // 30;
my $node = vector_node('main', conf => "shared_buffers = 128MB\n");

# From half of the rows down to few or none of them.  $2 and $3 differ by query: the
# section of the package that it is about, and another one.
my @conditions = (
	[ 'half', q{architecture = 'all'} ],
	[ 'third', q{installed_size < 100} ],
	[ 'tag', q{tags @> '{role::program}'} ],
	[ 'two columns', q{section = 'libdevel' AND architecture = 'amd64'} ],
	[ 'prefix', q{source LIKE 'rust-%'} ],
	[ 'equal', q{section = 'science'} ],
	[ 'tag and range', q{tags @> '{interface::commandline}' AND installed_size BETWEEN 100 AND 1000} ],
	[ 'list', q{section IN ('games', 'kde', 'tex', 'news')} ],
	[ 'or', q{section = 'games' OR installed_size > 100000 OR tags @> '{role::documentation}'} ],
	[ 'not', q{priority <> 'optional'} ],
	[ 'rare', q{installed_size > 100000} ],
	[ 'rare of a section', q{section = 'games' AND installed_size < 500} ],
	[ 'fewer than the LIMIT', q{section = 'gnu-r' AND installed_size > 5000} ],
	[ 'none', q{section = 'gnu-r' AND installed_size < 0} ],
	[ 'null', q{checked IS NULL} ],
	[ 'expression', q{length(short) % 16 = 3} ],
	[ 'own section', q{section = $2} ],
	[ 'other section', q{section = $3} ]);

load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'vectors');
load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'query_vectors');
load_lines($node, 'postgres', 'debtext-8k.attrs.tsv', 'attributes', id => 'int', installed_size => 'int', tags => 'text[]');
load_lines($node, 'postgres', 'debtext-8k.query.tsv', 'query_lines', id => 'int');
$node->safe_psql('postgres', qq{
	CREATE TABLE items (LIKE attributes, checked bool, v vector(512));
	ALTER TABLE items ALTER v SET STORAGE PLAIN;
	INSERT INTO items SELECT a.*, CASE WHEN id % 32 <> 5 THEN true END, v.v FROM attributes a JOIN vectors v USING (id) ORDER BY id;
	CREATE TABLE queries AS SELECT id AS q, v AS target, l.section AS own, l.other_section AS other
		FROM query_vectors JOIN query_lines l USING (id) WHERE id < $queries ORDER BY id;
	CREATE TABLE exact (name text, q int, n int, d float8);
	CREATE TABLE found (name text, q int, n int, id int, d float8);
	VACUUM ANALYZE;
	-- as applications ask: the values are parameters of the statement
	CREATE FUNCTION ask(name text, condition text, k int) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE
		q queries;
	BEGIN
		FOR q IN SELECT * FROM queries LOOP
			EXECUTE format('INSERT INTO found SELECT %L, %s, row_number() OVER (), id, d
				FROM (SELECT id, v <=> \$1 AS d FROM items WHERE %s ORDER BY v <=> \$1 LIMIT %s) f',
				name, q.q, condition, k) USING q.target, q.own, q.other;
		END LOOP;
	END \$\$});

# A condition where the values are columns of the table of queries.
sub by_columns
{
	my ($condition) = @_;

	return "($condition)" =~ s/\$2/q.own/gr =~ s/\$3/q.other/gr;
}

for my $c (@conditions)
{
	my $where = by_columns($c->[1]);

	$node->safe_psql('postgres', qq{
		SET max_parallel_workers_per_gather = 0;
		INSERT INTO exact SELECT '$c->[0]', q, n, d FROM queries q,
			LATERAL (SELECT row_number() OVER (ORDER BY d) AS n, d FROM
				(SELECT i.v <=> q.target AS d FROM items i WHERE $where ORDER BY 1 LIMIT $k) k) s});
}
$node->safe_psql('postgres', 'CREATE INDEX ON exact (name, q, n); ANALYZE exact');

# All conditions with these settings: recall of each at least .95, nothing wrong.
sub conditions_are_met
{
	my ($what, $settings, $plan) = @_;

	for my $c (@conditions)
	{
		my ($name, $condition) = @$c;
		my $where = by_columns($condition);
		my $explain = "EXPLAIN (COSTS OFF) SELECT id FROM items WHERE $condition ORDER BY v <=> \$1 LIMIT $k";
		my $asked = $node->safe_psql('postgres', qq{
			$settings;
			TRUNCATE found;
			SELECT ask('$name', \$c\$$condition\$c\$, $k);
			RESET enable_sort; RESET enable_seqscan;
			SET enable_indexscan = off;
			SELECT (SELECT count(*) FROM exact WHERE name = '$name'), (SELECT count(*) FROM found),
				(SELECT count(*) FROM found f JOIN exact e ON (e.name, e.q) = (f.name, f.q) AND f.d <= e.d + 1e-6
					AND e.n = (SELECT max(n) FROM exact x WHERE (x.name, x.q) = (f.name, f.q))),
				(SELECT count(*) - count(DISTINCT (q, id)) FROM found),
				(SELECT count(*) FROM (SELECT d < lag(d) OVER (PARTITION BY q ORDER BY n) AS bad FROM found) f WHERE bad),
				(SELECT count(*) FROM found f JOIN items i ON i.id = f.id JOIN queries q ON q.q = f.q
					WHERE NOT coalesce($where, false) OR abs((i.v <=> q.target) - f.d) > 1e-6)});
		my ($wanted, $found, $near, @wrong) = split /\|/, (split /\n/, $asked)[-1];

		is($found, $wanted, "$what: $name: the LIMIT is filled, or all rows come");
		is("@wrong", '0 0 0', "$what: $name: none twice, in order, all of them meet it");
		ok($near >= 0.95 * $wanted, "$what: $name: recall, $near of $wanted");
		next unless defined $plan;
		$explain =~ s/\$1/(SELECT target FROM queries WHERE q = 0)/;
		$explain =~ s/\$[23]/'science'/;
		like($node->safe_psql('postgres', "$settings; $explain"), $plan, "$what: $name: plan");
	}
}

my %columns = (btree => [ 'section', 'architecture', 'installed_size', 'source text_pattern_ops', 'checked' ], gin => ['tags']);

sub index_columns
{
	for my $method (sort keys %columns)
	{
		$node->safe_psql('postgres', "CREATE INDEX ON items USING $method ($_)") for @{ $columns{$method} };
	}
}

my $by_index = 'SET enable_sort = off; SET enable_seqscan = off';
my $filtered = qr/Custom Scan \(VectorFilteredScan\)/;

# An index with attributes stands alone: what it holds needs no other index.
my $attributes = 'section, architecture, installed_size, source, priority, checked';
for my $index ('hnsw (v vector_cosine_ops)', "hnsw (v vector_cosine_ops, $attributes)", 'ivfpq (v vector_cosine_ops)', 'ivfflat (v vector_cosine_ops)')
{
	my ($method) = $index =~ /^(\w+)/;

	$node->safe_psql('postgres', "CREATE INDEX tried ON items USING $index");
	conditions_are_met("$index alone", $by_index, $index =~ /,/ ? qr/Index Scan using tried/ : $filtered);
	if ($index =~ /,/)
	{
		$node->safe_psql('postgres', 'DROP INDEX tried');
		next;
	}
	index_columns();
	conditions_are_met("$method and indexes", $by_index, $filtered);
	conditions_are_met("$method and indexes, the planner's choice", 'RESET enable_sort');
	# sets of rows that keep pages only
	conditions_are_met("$method and indexes, little memory", "$by_index; SET work_mem = '64kB'", $filtered) if $method eq 'ivfpq';
	$node->safe_psql('postgres', q{
		DO $$ DECLARE i regclass; BEGIN
			FOR i IN SELECT indexrelid FROM pg_index WHERE indrelid = 'items'::regclass LOOP
				EXECUTE 'DROP INDEX ' || i;
			END LOOP;
		END $$});
}
is(crashes($node), '', 'the log is clean');

done_testing();
