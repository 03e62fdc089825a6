# A graph that grows by insertion, from nothing or from a half, by one client or by
# four at a time, is as good as one that was built: by exact ground truth.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main', conf => q{
	shared_buffers = 128MB
	autovacuum = off
	lock_timeout = 60s
	deadlock_timeout = 100ms});

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'base'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');

sub query
{
	return $node->safe_psql('postgres', $_[0]);
}

# Run scripts of SQL at the same time, a session each.
sub together
{
	my @runs = map { my ($out, $err) = ('', ''); { err => \$err, run => IPC::Run::start(
			[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$_, '>', \$out, '2>', \$err) } } @_;

	$_->{run}->finish for @runs;
	is(join('', map { ${ $_->{err} } } @runs), '', scalar @runs . ' sessions: no errors');
}

# The distance of the tenth row of each query, by a full sort
query(q{
	SET max_parallel_workers_per_gather = 0;
	CREATE TABLE exact AS SELECT q.id, (SELECT max(d) FROM (SELECT v <=> q.v AS d FROM base ORDER BY 1 LIMIT 10) k) AS d FROM queries q});

sub recall
{
	return query(q{
		SET enable_seqscan = off; SET hnsw.ef_search = 100; SET hnsw.iterative_scan = off;
		SELECT round(count(*) / 2000.0, 4) FROM queries q JOIN exact e USING (id),
			LATERAL (SELECT v <=> q.v AS d FROM items ORDER BY v <=> q.v LIMIT 10) k WHERE k.d <= e.d + 1e-6});
}

# Rows that a scan without end finds, and how many of them are different.  Where
# order is strict, one that is found too late does not come at all.
sub all_found
{
	return query(q{
		SET enable_seqscan = off; SET enable_sort = off; SET hnsw.iterative_scan = relaxed_order;
		SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <=> (SELECT v FROM queries WHERE id = 7)) k});
}

# An index that is whole: nothing to say of it, nor a warning of what cannot be reached
sub is_whole
{
	my ($what, $index) = @_;
	my (undef, $out, $err) = $node->psql('postgres', "SELECT vector_index_check('$index', true)");

	is("$out$err", '', "$what: $index is whole");
}

# All rows are inserted but those of which the index is built.
sub grow
{
	my ($what, $built, $clients) = @_;

	query(qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(512));
		ALTER TABLE items ALTER v SET STORAGE PLAIN;
		INSERT INTO items SELECT * FROM base WHERE $built;
		CREATE INDEX items_v ON items USING hnsw (v vector_cosine_ops)});
	my $before = query('SELECT count(*) FROM items');
	together(map { "INSERT INTO items SELECT * FROM base WHERE NOT ($built) AND id % $clients = $_" } 0 .. $clients - 1);
	my $recall = recall();

	diag("$what, $clients clients: recall $recall; $before rows are built");
	cmp_ok($recall, '>=', 0.95, "$what, $clients clients: recall");
	is(all_found(), '8000|8000', "$what, $clients clients: every row is found, once");
	is_whole("$what, $clients clients", 'items_v');
}

grow('from nothing', 'false', 4);
grow('from a half', 'id % 2 = 0', 1);
grow('from a half', 'id % 2 = 0', 4);

# Those that lie elsewhere: rows are nearer to one of two rows than to the other
grow('from another half', q{id IN (SELECT id FROM base ORDER BY (v <=> (SELECT v FROM base WHERE id = 17)) -
	(v <=> (SELECT v FROM base WHERE id = 4001)), id LIMIT 4000)}, 4);

# The first rows of an index come at the same moment, a hundred times: links lead
# to each of them.
query(q{DO $$ BEGIN FOR i IN 1 .. 100 LOOP
	EXECUTE format('CREATE TABLE first_%s (id int, v vector(3)); CREATE INDEX ON first_%1$s USING hnsw (v vector_l2_ops)', i);
	END LOOP; END $$});
my $start = query(q{SELECT clock_timestamp() + '1s'});
together(map { "DO \$\$ DECLARE t timestamptz := '$start'; BEGIN FOR i IN 1 .. 100 LOOP
		EXECUTE format('PREPARE p AS INSERT INTO first_%s VALUES ($_, ''[$_,%1\$s,1]'')', i);
		t := t + '10ms';
		WHILE clock_timestamp() < t LOOP END LOOP;
		EXECUTE 'EXECUTE p'; EXECUTE 'DEALLOCATE p'; END LOOP; END \$\$;" } 1 .. 4);
is(query(q{SELECT count(*) FROM generate_series(1, 100) i, vector_index_check(('first_' || i || '_v_idx')::regclass, true)}),
	100, 'all first rows are within reach');

# One value, from all sides: a node has few places of its own for rows.
query(q{CREATE TABLE same (id int, v vector(3)); CREATE INDEX same_v ON same USING hnsw (v vector_l2_ops)});
together(map { "INSERT INTO same SELECT $_ * 1000 + g, '[1,2,3]' FROM generate_series(0, 999) g" } 1 .. 4);
is(query(q{SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <-> '[0,0,0]' LIMIT 5000) k}),
	'4000|4000', 'rows of one value are found, each once');
cmp_ok(query(q{SELECT pg_relation_size('same_v')}), '<=', 50 * 8192, 'they take no node each');

# Rows of all lengths by inner products, to which the nearest are the longest: the
# short ones are not to take the places of links between these.
query(q{
	CREATE TABLE points AS SELECT i AS id, ARRAY[random(), random(), random()]::vector AS v
		FROM (SELECT setseed(.5)) s, generate_series(1, 6000) i;
	CREATE TABLE asked AS SELECT id, v FROM points WHERE id <= 100;
	CREATE TABLE products AS SELECT q.id, (SELECT max(d) FROM (SELECT v <#> q.v AS d FROM points ORDER BY 1 LIMIT 10) k) AS d FROM asked q});
for my $type (qw(vector halfvec sparsevec))
{
	query("CREATE TABLE long_$type (v $type(3)); CREATE INDEX long_${type}_v ON long_$type USING hnsw (v ${type}_ip_ops)");
	together(map { "INSERT INTO long_$type SELECT v FROM points WHERE id % 4 = $_ ORDER BY id" } 0 .. 3);
	my $found = query(qq{
		SET enable_seqscan = off; SET hnsw.ef_search = 40; SET hnsw.iterative_scan = off;
		SELECT count(*) / 1000.0 FROM asked q JOIN products USING (id),
			LATERAL (SELECT (v <#> q.v::$type)::float8 AS d FROM long_$type ORDER BY v <#> q.v::$type LIMIT 10) k WHERE k.d <= products.d + 1e-3});
	diag("$type inserted, inner products: recall $found");
	cmp_ok($found, '>=', 0.98, "$type: rows of all lengths are found by inner products");
	is(query("SELECT vector_index_check('long_${type}_v', true)"), '', "$type: the short ones are within reach");
}

# What the log says is what the pages are, also after a crash.
query(q{
	SET wal_consistency_checking = 'generic';
	INSERT INTO items SELECT id + 8000, l2_normalize(v + (SELECT v FROM base WHERE id = 3)) FROM base WHERE id < 100;
	INSERT INTO same SELECT 9000 + g, '[1,2,3]' FROM generate_series(1, 20) g;
	INSERT INTO first_1 SELECT g, ARRAY[g, 1, 2] FROM generate_series(1, 200) g});
my $probe = q{SET enable_seqscan = off;
	SELECT string_agg(k.ids, ' ' ORDER BY q.id) FROM queries q,
		LATERAL (SELECT string_agg(id::text, ',') AS ids FROM (SELECT id FROM items ORDER BY v <=> q.v LIMIT 10) i) k WHERE q.id < 50};
my $answers = query($probe);
$node->stop('immediate');
$node->start;
is(query($probe), $answers, 'the same answers after a crash');
is(all_found(), '8100|8100', 'every row is found after a crash');
is_whole('after a crash', $_) for qw(items_v first_1_v_idx same_v);
is(crashes($node), '', 'the log is clean');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nor are there deadlocks');

done_testing();
