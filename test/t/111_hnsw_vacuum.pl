# VACUUM of a graph: what it takes away is not found and not missed, room is used
# again, and after all of the rows were replaced it finds as much as a new graph.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VectorTest;

my $node = vector_node('main', conf => "shared_buffers = 128MB\nautovacuum = off\nmax_wal_size = 4GB\n");
my $dir = PostgreSQL::Test::Utils::tempdir();

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'base'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');

sub info
{
	my ($name, $index) = @_;

	$index //= 'items_v';
	return $node->safe_psql('postgres', "SELECT value FROM vector_index_info('$index') WHERE name = '$name'");
}

sub size
{
	return $node->safe_psql('postgres', q{SELECT pg_relation_size('items_v')});
}

# The index contradicts neither itself nor its table, and no element is out of
# reach, of which a warning would say.
sub whole
{
	my ($what) = @_;
	my ($status, $out, $error) = $node->psql('postgres', q{SELECT vector_index_check('items_v', true)});

	is("$status $error", '0 ', "$what: whole");
	is(info('rows'), $node->safe_psql('postgres', 'SELECT count(*) FROM items'), "$what: all rows, and no others");
}

# Recall of ten by the distance of the tenth that a full sort finds, with a fixed
# number of nodes looked at.
sub recall
{
	return $node->safe_psql('postgres', q{
		CREATE TEMP TABLE exact AS SELECT q.id, s.d FROM queries q,
			LATERAL (SELECT d FROM (SELECT v <=> q.v AS d FROM items) i ORDER BY d OFFSET 9 LIMIT 1) s;
		SET enable_seqscan = off; SET hnsw.ef_search = 60; SET hnsw.iterative_scan = off;
		SELECT round(count(*) / 2000.0, 4) FROM queries q JOIN exact e USING (id),
			LATERAL (SELECT v <=> q.v AS d FROM items ORDER BY v <=> q.v LIMIT 10) s WHERE s.d <= e.d + 1e-6});
}

sub wal
{
	my ($sql) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	my $start = time;

	$node->safe_psql('postgres', $sql);
	return (time - $start, $node->safe_psql('postgres', "SELECT pg_current_wal_insert_lsn() - '$before'"));
}

for my $definition ('v vector_cosine_ops', 'v vector_cosine_ops) WITH (codes = none')
{
	my $name = $definition =~ /none/ ? 'without codes' : 'with codes';

	$node->safe_psql('postgres', "DROP TABLE IF EXISTS items; CREATE TABLE items AS SELECT * FROM base;
		CREATE INDEX items_v ON items USING hnsw ($definition)");
	is(info('codec'), $definition =~ /none/ ? 'none' : 'pq4', "$name");
	whole("$name: as built");

	# One row in a hundred
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 100 = 7; VACUUM (INDEX_CLEANUP off) items');
	my ($seconds, $bytes) = wal('VACUUM (INDEX_CLEANUP on) items');
	my $degree = info('average_degree');
	diag(sprintf '%s: 1 %% of 8000 rows vacuumed in %.2f s, %d bytes of WAL, %d a row', $name, $seconds, $bytes, $bytes / 80);
	whole("$name: one in a hundred");
	is(info('dead_nodes'), 0, "$name: no node is left dead");
	cmp_ok($degree, '>=', 31, "$name: nodes have as many neighbours as before");

	# Half of the rows, and others instead of them
	my $before = size();
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0');
	$node->safe_psql('postgres', 'VACUUM items');
	whole("$name: half");
	is(info('dead_nodes'), 0, "$name: no node is left dead");
	diag("$name: recall of the half that is left: ", recall(), ', neighbours: ', info('average_degree'));
	cmp_ok(info('average_degree'), '>=', 28, "$name: nodes have others in the place of those that went");
	$node->safe_psql('postgres', 'INSERT INTO items SELECT * FROM base WHERE id % 2 = 0 OR id % 100 = 7');
	whole("$name: replaced");
	my $replaced = recall();

	# Rounds of the same
	for my $round (1 .. 4)
	{
		$node->safe_psql('postgres', "DELETE FROM items WHERE id % 4 = $round % 4; DELETE FROM items WHERE id % 17 = $round");
		$node->safe_psql('postgres', 'VACUUM items');
		$node->safe_psql('postgres', "INSERT INTO items SELECT * FROM base WHERE id % 4 = $round % 4 OR id % 17 = $round");
	}
	whole("$name: rounds");
	cmp_ok(size(), '<=', 1.02 * $before, "$name: room is used again");
	my $rounds = recall();
	$node->safe_psql('postgres', 'REINDEX INDEX items_v');
	my $fresh = recall();
	diag("$name: recall of ten: half replaced $replaced, after four rounds $rounds, built anew $fresh");
	cmp_ok($replaced, '>=', $fresh - 0.01, "$name: recall with half of the rows replaced");
	cmp_ok($rounds, '>=', $fresh - 0.01, "$name: recall after rounds");

	# Most rows, so that the neighbours of nearly all are dead
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 400 <> 3');
	$node->safe_psql('postgres', 'VACUUM items');
	whole("$name: one in 400 is left");
	is(recall(), '1.0000', "$name: which are found");

	# All rows, and the first ones again
	$node->safe_psql('postgres', 'DELETE FROM items');
	$node->safe_psql('postgres', 'VACUUM items');
	whole("$name: empty");
	is(info('entry_level'), 'none', "$name: there is no entry");
	is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM
		(SELECT id FROM items ORDER BY v <=> (SELECT v FROM queries LIMIT 1)) k'), 0, "$name: nothing is found");
	$node->safe_psql('postgres', 'INSERT INTO items SELECT * FROM base WHERE id < 500');
	whole("$name: filled again");
	cmp_ok(size(), '<=', 1.02 * $before, "$name: in the room that was there");
}
# Inserts, deletes, searches and VACUUM at a time.  Few distinct rows, so that dead
# elements get rows again and chains of TIDs grow and shrink; many others; and some
# whose records go on in slots of their own.
my $vector = q{(SELECT array_agg(sin(i * %s * 0.37 + i * i))::vector FROM generate_series(1, 24) i)};
my $sparse = q{(SELECT ('{' || string_agg(i * 40 || ':' || 1.5 + sin(i * %1$s * 0.37 + i * i), ',' ORDER BY i) || '}/1000')::sparsevec
	FROM generate_series(1, CASE WHEN %1$s::int %% 5 = 0 THEN 24 ELSE 4 END) i)} =~ s/\s+/ /gr;
my %value = (few => $vector, many => $vector, parts => $sparse);
my %type = (few => 'vector(24)', many => 'vector(24)', parts => 'sparsevec(1000)');
my %any = (few => sprintf($vector, '(:id % 20)'), many => sprintf($vector, ':id'), parts => sprintf($sparse, ':id'));
for my $table (sort keys %any)
{
	my $rows = $table eq 'few' ? 'g % 20' : 'g';
	my $class = $type{$table} =~ s/\(.*//r . '_l2_ops';

	$node->safe_psql('postgres', sprintf(qq{
		CREATE TABLE $table (id int, v $type{$table});
		INSERT INTO $table SELECT g, $value{$table} FROM generate_series(1, 3000) g;
		CREATE INDEX ${table}_v ON $table USING hnsw (v $class);
		CREATE INDEX ON $table (id)}, "($rows)"));
	my %script = (
		insert => "INSERT INTO TABLE VALUES (:id, $any{$table}), (:id, $any{$table});\n",
		delete => "DELETE FROM TABLE WHERE id BETWEEN :id AND :id + 3;\n",
		sweep => "DELETE FROM TABLE WHERE id % 20 = :id % 20;\n",
		# in order, and each row once
		select => "SET enable_seqscan = off;\nSELECT 1 / (bool_and(d >= before) AND count(*) = count(DISTINCT c))::int FROM
			(SELECT c, d, lag(d, 1, d) OVER (ORDER BY n) AS before FROM (SELECT ctid AS c, v <-> $any{$table} AS d, row_number() OVER () AS n
			FROM (SELECT ctid, v FROM TABLE ORDER BY v <-> $any{$table} LIMIT 40) k) l) m;\n",
		vacuum => "VACUUM TABLE;\n");
	append_to_file("$dir/$_.$table.sql", "\\set id random(1, 3000)\n" . $script{$_} =~ s/TABLE/$table/gr =~ s/\n(?=\t)/ /gr)
	  for keys %script;
}
my %weights = (insert => 12, delete => 10, sweep => 1, select => 6, vacuum => 2);
my $log;
ok(run_log([ 'pgbench', '-n', '-T', 10, '-c', 6, '-j', 2,
		(map { my $table = $_; map { ('-f', "$dir/$_.$table.sql\@$weights{$_}") } sort keys %weights } sort keys %any),
		$node->connstr('postgres') ], '>', \$log, '2>&1'), 'all at a time: no statement failed') or diag($log);
for my $try ('all at a time', 'and VACUUM')
{
	for my $table (sort keys %any)
	{
		my ($status, $out, $error) = $node->psql('postgres', "SELECT vector_index_check('${table}_v', true)");
		my $query = "SELECT string_agg(d::text, ' ') FROM (SELECT v <-> " . sprintf($value{$table}, '0.7') . " AS d FROM $table ORDER BY d LIMIT 100) k";

		# a warning may say that elements are out of reach: the answer counts
		is($status, 0, "$try: $table is whole") or diag($error);
		is($node->safe_psql('postgres', "SET enable_seqscan = off; SET hnsw.ef_search = 1000; $query"),
			$node->safe_psql('postgres', "SET enable_indexscan = off; $query"), "$try: $table, the answer");
		is(info('rows', "${table}_v"), $node->safe_psql('postgres', "VACUUM $table; SELECT count(*) FROM $table"), "$try: $table, rows")
		  if $try eq 'and VACUUM';
	}
	$node->safe_psql('postgres', "VACUUM $_") for sort keys %any;
}
is(crashes($node), '', 'the log is clean');
$node->stop;

# Cancelled, or killed with the server, at any moment: what is there is whole, and
# the next VACUUM finishes.  Replay compares its pages with those that were written.
my $killed = vector_node('killed', conf => "autovacuum = off\nwal_consistency_checking = 'generic'\n");
$killed->safe_psql('postgres', sprintf(q{
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT g, %s FROM generate_series(1, 4000) g;
	INSERT INTO items SELECT g, %s FROM generate_series(4001, 5000) g;
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops)}, sprintf($vector, 'g'), sprintf($vector, '(g % 7)')));
srand 3;
my %ended;
for my $try (1 .. 10)
{
	my @slow = ('vacuum_cost_limit = 100', 'vacuum_cost_delay = 1', 'vacuum_cost_page_dirty = 60');
	my $after = 5 + int rand 250;
	my @sql = ('VACUUM (INDEX_CLEANUP on) items', "SELECT 'finished'");
	my ($out, $err) = ('', '');

	$killed->safe_psql('postgres', "DELETE FROM items WHERE id % 10 = $try % 10");
	if ($try % 2)
	{
		(undef, $out) = $killed->psql('postgres', join('; ', (map { "SET $_" } @slow), @sql), connstr => $killed->connstr('postgres') . " options='-c statement_timeout=$after'");
	}
	else
	{
		# what comes by standard input would wait until it is pumped; who has finished stays to be seen
		my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $killed->connstr('postgres'), map { ('-c', $_) } (map { "SET $_" } @slow), @sql, 'SELECT pg_sleep(180)' ],
			'<', \'', '>', \$out, '2>', \$err);

		$killed->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'VACUUM%' OR query LIKE 'SELECT pg_sleep%'})
			or die 'VACUUM did not start';
		sleep $after / 1000;
		$killed->stop('immediate');
		$psql->finish;
		$killed->start;
	}
	$ended{ $out =~ /finished/ ? 'finished' : $try % 2 ? 'cancelled' : 'killed' }++;
	is($killed->safe_psql('postgres', q{SELECT vector_index_check('items_v', true)}), '', "ended after $after ms: whole");
	$killed->safe_psql('postgres', sprintf("INSERT INTO items SELECT g, %s FROM generate_series(1, 5000) g WHERE g %% 10 = $try %% 10",
			sprintf($vector, '(CASE WHEN g > 4000 THEN g % 7 ELSE g END)'))) if $try > 5;
	$killed->safe_psql('postgres', 'VACUUM items');
	is($killed->safe_psql('postgres', q{SELECT vector_index_check('items_v', true);
		SELECT value FROM vector_index_info('items_v') WHERE name = 'dead_nodes'}), "\n0", 'and what VACUUM leaves');
}
diag(join ', ', map { "$_: $ended{$_}" } sort keys %ended);
cmp_ok(($ended{cancelled} // 0), '>=', 2, 'some were cancelled');
cmp_ok(($ended{killed} // 0), '>=', 2, 'some were killed');
is(crashes($killed), '', 'the log is clean');

done_testing();
