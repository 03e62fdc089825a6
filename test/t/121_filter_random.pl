# Random queries with conditions, joins, LIMIT and OFFSET, prepared and not: no row
# that fails its WHERE, none twice, in order, the LIMIT filled, and the nearest rows
# found, beside the same query with all indexes off.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $count = $ENV{VECTOR_EXT_FILTER_QUERIES} // 100;
my $seed = $ENV{VECTOR_EXT_FILTER_SEED} // 1;
my $only = $ENV{VECTOR_EXT_FILTER_ONLY};    # the number of a query: it alone, shown
my $targets = 40;
my $node = vector_node('main', conf => "shared_buffers = 256MB\n");

load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'vectors');
load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'query_vectors');
load_lines($node, 'postgres', 'debtext-8k.attrs.tsv', 'attributes', id => 'int', installed_size => 'int', tags => 'text[]');

# The same rows in tables with other indexes.  A tenth of the rows is newer than the
# indexes, a tenth has changed without them, a twentieth is deleted, and their entries
# are still there.
my %indexes = (
	hnsw => 'hnsw (v vector_cosine_ops)',
	ivfpq => 'ivfpq (v vector_cosine_ops)',
	ivfflat => 'ivfflat (v vector_cosine_ops)',
	hnsw_alone => 'hnsw (v vector_cosine_ops)',
	ivfpq_alone => 'ivfpq (v vector_cosine_ops)',
	attributes_alone => 'ivfpq (v vector_cosine_ops, section, installed_size, architecture)',
	parted => 'hnsw (v vector_cosine_ops, section, installed_size)');
my @tables = sort keys %indexes;

for my $table (@tables)
{
	my $parted = $table eq 'parted' ? 'PARTITION BY LIST (architecture)' : '';
	my $options = $parted || 'WITH (fillfactor = 80)';

	$node->safe_psql('postgres', qq{
		CREATE TABLE $table (id int, source text, section text, architecture text, installed_size int, tags text[], short text, v vector(128)) $options});
	$node->safe_psql('postgres', qq{
		CREATE TABLE parted_all PARTITION OF parted FOR VALUES IN ('all') WITH (fillfactor = 80);
		CREATE TABLE parted_rest PARTITION OF parted DEFAULT WITH (fillfactor = 80)}) if $parted;
	$node->safe_psql('postgres', qq{
		INSERT INTO $table SELECT id, source, CASE WHEN id % 40 <> 7 THEN section END, architecture, installed_size, tags, short,
			l2_normalize(subvector(v, 1, 128)) FROM attributes JOIN vectors USING (id) ORDER BY id;
		CREATE INDEX ON $table USING $indexes{$table}});
	$node->safe_psql('postgres', qq{
		CREATE INDEX ON $table (section);
		CREATE INDEX ON $table (installed_size);
		CREATE INDEX ON $table (source text_pattern_ops);
		CREATE INDEX ON $table USING gin (tags)}) unless $table =~ /alone/;
	$node->safe_psql('postgres', qq{
		ANALYZE $table;
		UPDATE $table SET installed_size = installed_size + 1 WHERE id % 10 = 3;
		-- on their pages, without new entries
		UPDATE $table SET short = short || '!' WHERE id % 10 = 4;
		DELETE FROM $table WHERE id % 20 = 11});
}
$node->safe_psql('postgres', qq{
	CREATE TABLE sections (name text PRIMARY KEY, kind int);
	INSERT INTO sections SELECT section, row_number() OVER (ORDER BY section) % 5 FROM attributes GROUP BY section;
	CREATE TABLE targets AS SELECT id AS q, l2_normalize(subvector(v, 1, 128)) AS target FROM query_vectors WHERE id < $targets;
	CREATE FUNCTION target(int) RETURNS vector STABLE LANGUAGE sql AS 'SELECT target FROM targets WHERE q = \$1';
	ANALYZE sections; ANALYZE targets});

# Names that occur in the data.
my @sections = split /\n/, $node->safe_psql('postgres', 'SELECT name FROM sections ORDER BY name');
my @tags = split /\n/, $node->safe_psql('postgres',
	'SELECT tag FROM attributes, unnest(tags) tag GROUP BY tag HAVING count(*) > 20 ORDER BY tag');

srand($seed);

sub any { return $_[ int rand @_ ] }

sub list { return join ', ', map { "'" . any(@_) . "'" } 1 .. 1 + int rand 5 }

# A size that a random share of the rows is below; sizes are far apart.
sub size { return int(10**(1 + rand 4.5)) }

my @atoms = (
	sub { "i.section = '" . any(@sections) . "'" },
	sub { 'i.section IN (' . list(@sections) . ')' },
	sub { 'i.section = ANY (ARRAY[' . list(@sections) . '])' },
	sub { "i.section <> '" . any(@sections) . "'" },
	sub { 'i.section IS ' . any('', 'NOT ') . 'NULL' },
	sub { 'i.installed_size ' . any('<', '<=', '>', '>=') . ' ' . size() },
	sub { my $size = size(); "i.installed_size BETWEEN $size AND " . $size * any(2, 3, 10) },
	sub { "i.source LIKE '" . any('rust-%', 'golang%', 'python%', 'r-cran-%', 'lib%', 'k%', '%-dev', '%a%') . "'" },
	sub { "i.tags @> '{" . any(@tags) . "}'" },
	sub { "i.tags && ARRAY[" . list(@tags) . "]" },
	sub { "i.tags = '{}'" },
	sub { "i.architecture = '" . any('all', 'amd64') . "'" },
	sub { 'i.id % ' . any(2, 3, 10, 100) . ' = ' . any(0, 1) },
	sub { 'i.id < ' . int rand 8000 },
	sub { 'length(i.short) > ' . int rand 60 },
	sub { any('true', 'i.v IS NOT NULL', 'false') },
	sub { 'i.section IN (SELECT name FROM sections WHERE kind = ' . any(0 .. 5) . ')' },
	sub { 'EXISTS (SELECT FROM sections s WHERE s.name = i.section AND s.kind < ' . any(0 .. 4) . ')' });

# false only where nothing else was drawn: it says little
sub atom
{
	my $atom = any(@atoms)->();

	return $atom eq 'false' && rand() < 0.8 ? atom() : $atom;
}

sub condition
{
	my ($depth) = @_;
	my $chance = rand;

	return atom() if $depth == 0 || $chance < 0.4;
	return '(' . condition($depth - 1) . ' OR ' . condition($depth - 1) . ')' if $chance < 0.6;
	return 'NOT coalesce(' . condition($depth - 1) . ', false)' if $chance < 0.65;
	return condition($depth - 1) . ' AND ' . condition($depth - 1);
}

# A query: found, as it is asked, of rows (q, id, d); truth, all its rows, in no
# order; and how it is asked.
sub random_query
{
	my %query = (table => any(@tables), limit => any(1, 3, 10, 10, 10, 20, 50), offset => any(0, 0, 0, 0, 5, 30), target => int rand $targets);
	my $where = condition(2);
	my $from = "$query{table} i";
	my $target = ":'target$query{target}'";
	my $limit = $query{limit};
	my $shape = any(qw(plain plain plain prepared prepared prepared generic join lateral lateral scalar cte));

	if ($shape eq 'join')
	{
		$from .= ' JOIN sections s ON s.name = i.section';
		$where .= ' AND s.kind < ' . any(1 .. 5);
	}
	$target = '(SELECT target FROM targets WHERE q = ' . $query{target} . ')' if $shape eq 'scalar';
	($target, $limit) = ('$1', rand() < 0.5 ? '$2' : $limit) if $shape eq 'prepared' || $shape eq 'generic';
	$target = 't.target' if $shape eq 'lateral';

	my $end = "ORDER BY i.v <=> $target LIMIT $limit" . ($query{offset} > 0 ? " OFFSET $query{offset}" : '');
	if ($shape eq 'lateral')
	{
		my $of = "t.q >= $query{target} AND t.q < " . ($query{target} + 4);

		# a condition on the other row too
		$where .= ' AND i.id % 4 <> t.q % 4' if rand() < 0.3;
		$query{found} = "SELECT t.q, f.id, f.d FROM targets t, LATERAL (SELECT i.id, i.v <=> t.target AS d FROM $from WHERE $where $end) f WHERE $of";
		$query{truth} = "SELECT t.q, i.id, i.v <=> t.target AS d FROM targets t, $from WHERE $of AND ($where)";
	}
	else
	{
		$query{found} = "SELECT 0 AS q, i.id, i.v <=> $target AS d FROM $from WHERE $where $end";
		$query{found} = "WITH c AS MATERIALIZED ($query{found}) SELECT * FROM c" if $shape eq 'cte';
		$query{truth} = "SELECT 0 AS q, i.id, i.v <=> target($query{target}) AS d FROM $from WHERE $where";
	}
	$query{shape} = $shape;
	# without a sort the vector index is all that is left to the planner
	$query{settings} = any('', 'SET enable_sort = off; SET enable_seqscan = off;');
	return \%query;
}

my $off = 'SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; SET enable_sort = on; SET enable_seqscan = on;'
  . ' SET vector_ext.enable_filtered_scan = off;';
my $reset = 'RESET enable_indexscan; RESET enable_bitmapscan; RESET enable_indexonlyscan; RESET enable_sort; RESET enable_seqscan;'
  . ' RESET vector_ext.enable_filtered_scan;';

# What psql is given for one query.
sub script
{
	my ($n, $query) = @_;
	my $ask = "INSERT INTO found SELECT $n, row_number() OVER (), f.* FROM ($query->{found}) f";
	my $asked = $ask;
	my $prepare = '';

	if ($query->{shape} =~ /prepared|generic/)
	{
		my $mode = $query->{shape} eq 'generic' ? 'force_generic_plan' : 'auto';

		$prepare = "SET plan_cache_mode = $mode; PREPARE p (vector, int) AS $ask;";
		$asked = "EXECUTE p (target($query->{target}), $query->{limit})";
	}
	my $last = $query->{limit} + $query->{offset};
	return qq{
		$reset $query->{settings}
		$prepare
		\\echo #query $n
		EXPLAIN (COSTS OFF) $asked;
		$asked;
		} . ($prepare ne '' ? 'DEALLOCATE p;' : '') . qq{
		$off
		INSERT INTO verdicts
			WITH truth AS MATERIALIZED (SELECT *, row_number() OVER (PARTITION BY q ORDER BY d) AS rank FROM ($query->{truth}) t),
			wanted AS (SELECT q, count(*) FILTER (WHERE rank > $query->{offset} AND rank <= $last) AS n,
				max(d) FILTER (WHERE rank <= $last) AS most FROM truth GROUP BY q),
			got AS (SELECT *, lag(d) OVER (PARTITION BY q ORDER BY place) AS before FROM found WHERE n = $n)
			SELECT $n, '$query->{table}', '$query->{shape}',
				(SELECT count(*) FROM got g WHERE NOT EXISTS (SELECT FROM truth t WHERE (t.q, t.id) = (g.q, g.id))),
				(SELECT count(*) - count(DISTINCT (q, id)) FROM got),
				(SELECT count(*) FROM got WHERE d < before),
				(SELECT count(*) FROM wanted w FULL JOIN (SELECT q, count(*) AS n FROM got GROUP BY q) g USING (q)
					WHERE coalesce(w.n, 0) <> coalesce(g.n, 0)),
				(SELECT count(*) FROM got g JOIN wanted w USING (q) WHERE g.d <= w.most + 1e-6),
				(SELECT coalesce(sum(n), 0) FROM wanted);
	};
}

my @queries = map { random_query() } 1 .. $count;
my $script = q{
	SET max_parallel_workers_per_gather = 0;
	CREATE TABLE found (n int, place int, q int, id int, d float8);
	CREATE INDEX ON found (n);
	CREATE TABLE verdicts (n int, source text, shape text, forbidden int, twice int, disorder int, unfilled int, near int, wanted int);
};
$script .= "SELECT target AS target$_ FROM targets WHERE q = $_ \\gset\n" for 0 .. $targets - 1;
for my $n (0 .. $#queries)
{
	$script .= script($n, $queries[$n]) unless defined $only && $only != $n;
}

my ($status, $output, $errors) = $node->psql('postgres', $script, on_error_die => 0, on_error_stop => 0);
$errors =~ s/^(.{2000}).*/$1 .../s;
is($errors, '', 'no query ends with an error');
diag($script, $output) if defined $only;

# How many queries were answered by the node, of those that had no other choice.
my %plans = map { /\A(\d+)\n(.*)\z/s ? ($1 => $2) : () } split /^#query /m, $output;
my @filtered = grep { $plans{$_} =~ /Custom Scan \(VectorFilteredScan\)/ } keys %plans;
note(scalar(@filtered), ' of ', scalar(keys %plans), ' queries by the filtered scan');
cmp_ok(scalar @filtered, '>=', 0.3 * keys %plans, 'many of them by the filtered scan');

my %wrong = (forbidden => 'rows that fail their WHERE', twice => 'rows that come twice', disorder => 'rows out of order', unfilled => 'LIMITs that are not filled');
for my $what (sort keys %wrong)
{
	my @bad = split /\n/, $node->safe_psql('postgres', "SELECT n FROM verdicts WHERE $what > 0 ORDER BY n");

	is(scalar @bad, 0, "$wrong{$what}: none");
	diag("VECTOR_EXT_FILTER_ONLY=$_: $queries[$_]{shape} $queries[$_]{settings} $queries[$_]{found}\n", $plans{$_}) for grep { defined } @bad[ 0 .. 2 ];
}
my $asked = defined $only ? 1 : $count;
is($node->safe_psql('postgres', 'SELECT count(*) FROM verdicts'), $asked, 'all queries were judged');
cmp_ok($node->safe_psql('postgres', 'SELECT avg(near::float8 / wanted) FROM verdicts WHERE wanted > 0'), '>=', 0.95, 'mean recall');
note($node->safe_psql('postgres', 'SELECT source, shape, count(*) AS queries, round(avg(near::numeric / wanted), 3) AS recall
	FROM verdicts WHERE wanted > 0 GROUP BY GROUPING SETS (source, shape) ORDER BY 1, 2'));
is(crashes($node), '', 'the log is clean');

done_testing();
