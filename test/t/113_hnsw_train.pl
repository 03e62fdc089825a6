# An index that was made before its rows: after VACUUM it finds as much as one that
# was built, by looking at as many nodes; whatever ends VACUUM's learning, or goes on
# beside it, the index is whole; a standby follows.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VectorTest;

my $conf = "autovacuum = off\nmax_wal_size = 4GB\n";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $vector = q{(SELECT array_agg(sin(i * %s * 0.37 + i * i))::vector FROM generate_series(1, 24) i)};
my $target = sprintf($vector, '0.7');

sub info
{
	my ($node, $index, $name) = @_;

	return $node->safe_psql('postgres', "SELECT value FROM vector_index_info('$index') WHERE name = '$name'");
}

# Text vectors, in no order, a fifth of them deleted
my $node = vector_node('main', conf => $conf . "shared_buffers = 128MB\n");
is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'base'), 8000, 'rows are loaded');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');
$node->safe_psql('postgres', q{
	CREATE TABLE items (LIKE base);
	ALTER TABLE items ALTER v SET STORAGE PLAIN;
	CREATE INDEX items_v ON items USING hnsw (v vector_cosine_ops);
	INSERT INTO items SELECT * FROM base ORDER BY hashint4(id);
	DELETE FROM items WHERE id % 5 = 0});
is(info($node, 'items_v', 'codes'), 'untrained', 'an index of inserted rows has no codes');
$node->safe_psql('postgres', 'VACUUM items');
is(info($node, 'items_v', 'codes'), 'used', 'VACUUM makes them');
$node->safe_psql('postgres', q{
	SET max_parallel_workers_per_gather = 0;
	CREATE TABLE exact AS SELECT q.id, (SELECT max(d) FROM (SELECT v <=> q.v AS d FROM items ORDER BY 1 LIMIT 10) k) AS d FROM queries q});

# Recall of ten, and nodes that were looked at
sub recall
{
	my ($setting) = @_;
	my $search = 'LATERAL (SELECT v <=> q.v AS d FROM items ORDER BY v <=> q.v LIMIT 10) k';
	my $out = $node->safe_psql('postgres', qq{
		SET jit = off; SET enable_seqscan = off; SET hnsw.iterative_scan = off; $setting
		SELECT count(*) / 2000.0 FROM queries q JOIN exact e USING (id), $search WHERE k.d <= e.d + 1e-6;
		EXPLAIN (ANALYZE, TIMING off) SELECT k.d FROM queries q, $search});

	return ($out =~ /^(\S+)/, $out =~ /Nodes Visited: (\d+)/);
}

my @settings = ('', 'SET hnsw.ef_search = 100;', 'SET hnsw.ef_search = 200;');
my %inserted = map { $_ => [ recall($_) ] } @settings;
is($node->safe_psql('postgres', q{SELECT vector_index_check('items_v', true)}), '', 'it is whole');
$node->safe_psql('postgres', 'REINDEX INDEX items_v');
for my $setting (@settings)
{
	my ($recall, $nodes) = recall($setting);
	my ($what) = map { $_ || 'by calibration' } $setting;

	diag(sprintf '%s: recall and nodes: inserted %.4f %d, built %.4f %d', $what, @{ $inserted{$setting} }, $recall, $nodes);
	cmp_ok($inserted{$setting}[0], '>=', $recall - 0.01, "$what: recall is that of a new index");
	cmp_ok($inserted{$setting}[1], '<=', 1.25 * $nodes, "$what: so are nodes looked at");
}

# One row in a hundred: there is nothing to learn
my ($wal) = map { $node->safe_psql('postgres', $_) } 'SELECT pg_current_wal_insert_lsn()';
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 100 = 7; VACUUM (INDEX_CLEANUP on) items');
cmp_ok($node->safe_psql('postgres', "SELECT (pg_current_wal_insert_lsn() - '$wal') / pg_relation_size('items_v')"), '<', 1.5,
	'VACUUM does not learn what it knows');

# More codes than there is memory for, in turn: the check reads them all
$node->safe_psql('postgres', q{CREATE INDEX base_v ON base USING hnsw (v vector_cosine_ops) WITH (codes = 2)});
is($node->safe_psql('postgres', q{SET maintenance_work_mem = '1MB'; SELECT vector_index_rebalance('base_v'), vector_index_check('base_v', true)}),
	'|', 'codes are made anew in parts');
is(crashes($node), '', 'the log is clean');
$node->stop;

# Inserts, deletes and searches while codes are made again and again; rows that come
# meanwhile have codes, whatever they link to.
my $busy = vector_node('busy', allows_streaming => 1,
	conf => $conf . "wal_consistency_checking = 'generic'\nwal_keep_size = 4GB\n");
$busy->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($busy, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\n");
$standby->start;
$busy->safe_psql('postgres', sprintf(q{
	CREATE TABLE few (id int, v vector(24));
	CREATE INDEX few_v ON few USING hnsw (v vector_l2_ops);
	INSERT INTO few SELECT g, %1$s FROM generate_series(1, 1500) g;
	CREATE TABLE many (id int, v vector(24));
	INSERT INTO many SELECT g, %1$s FROM generate_series(1, 3000) g;
	CREATE INDEX many_v ON many USING hnsw (v vector_l2_ops) WITH (m = 8);
	CREATE INDEX ON few (id); CREATE INDEX ON many (id)}, sprintf($vector, 'g')));

# The index and a full sort have the same answer
sub answers
{
	my ($server, $table, $what) = @_;
	my $query = "SELECT string_agg(d::text, ' ') FROM (SELECT v <-> $target AS d FROM $table ORDER BY d LIMIT 100) k";

	is($server->safe_psql('postgres', "SET enable_seqscan = off; SET hnsw.ef_search = 1000; $query"),
		$server->safe_psql('postgres', "SET enable_indexscan = off; $query"), "$what: the answer");
}

sub whole
{
	my ($server, $table, $what) = @_;
	my ($status, undef, $error) = $server->psql('postgres', "SELECT vector_index_check('${table}_v', true)");

	# a warning may say that elements are out of reach: the answer counts
	is($status, 0, "$what: $table is whole") or diag($error);
	answers($server, $table, $what);
}

is(info($busy, 'few_v', 'codes'), 'untrained', 'a search on a standby knows');
$busy->wait_for_catchup('standby');
is(info($standby, 'few_v', 'codes'), 'untrained', 'that there are no codes');
answers($standby, 'few', 'standby, before');
for my $table ('few', 'many')
{
	my $any = sprintf($vector, ':id');
	my %script = (
		insert => "INSERT INTO $table VALUES (:id, $any), (:id, " . sprintf($vector, '(:id + 0.5)') . ");\n",
		delete => "DELETE FROM $table WHERE id BETWEEN :id AND :id + 1;\n",
		# in order, and each row once
		select => "SET enable_seqscan = off;\nSELECT 1 / (bool_and(d >= before) AND count(*) = count(DISTINCT c))::int FROM
			(SELECT c, d, lag(d, 1, d) OVER (ORDER BY n) AS before FROM (SELECT ctid AS c, v <-> $any AS d, row_number() OVER () AS n
			FROM (SELECT ctid, v FROM $table ORDER BY v <-> $any LIMIT 40) k) l) m;\n");

	append_to_file("$dir/$_.$table.sql", "\\set id random(1, 3000)\n" . $script{$_} =~ s/\n(?=\t)/ /gr) for keys %script;
	append_to_file("$dir/learn.sql", "VACUUM $table;\nSELECT vector_index_rebalance('${table}_v');\n");
}
my ($log, $learned) = ('', '');
my $load = IPC::Run::start([ 'pgbench', '-n', '-T', 10, '-c', 4, '-j', 2,
		(map { my $table = $_; map { ('-f', "$dir/$_.$table.sql\@4") } qw(insert delete select) } qw(few many)),
		$busy->connstr('postgres') ], '>', \$log, '2>&1');
my $learner = IPC::Run::start([ 'pgbench', '-n', '-T', 9, '-c', 1, '-f', "$dir/learn.sql", $busy->connstr('postgres') ], '>', \$learned, '2>&1');
my $until = time + 8;
my %errors;
while (time < $until)
{
	for my $sql ("SELECT vector_index_check('few_v')", map { "SET enable_seqscan = off; SELECT count(DISTINCT c) FROM
		(SELECT ctid AS c FROM $_ ORDER BY v <-> $target LIMIT 50) k" } qw(few many))
	{
		my ($status, $count, $message) = $standby->psql('postgres', $sql);

		$errors{ $message =~ s/\d+/N/gr }++ if $status != 0;
		$errors{"$count rows"}++ if $status == 0 && $sql =~ /count/ && $count ne '50';
	}
}
ok($load->finish, 'inserts, deletes, searches: no statement failed') or diag($log);
ok($learner->finish, 'learning beside them went well') or diag($learned);
is(join("\n", map { "$errors{$_} times $_" } sort keys %errors), '', 'the standby answered every time');
$busy->wait_for_catchup('standby');
for my $table ('few', 'many')
{
	is(info($busy, "${table}_v", 'codes'), 'used', "$table: codes are used");
	whole($busy, $table, 'in the end');
	whole($standby, $table, 'standby');
	is(info($standby, "${table}_v", $_), info($busy, "${table}_v", $_), "standby: $_ of $table") for qw(codes trained_elements calibrated_elements);
}
diag("learning: $1 rounds") if $learned =~ /actually processed: (\d+)/;
is(crashes($_), '', 'the log of ' . $_->name . ' is clean') for $busy, $standby;
$standby->stop;
$busy->stop;

# Cancelled, or killed with the server: while it samples and learns, while it writes
# codes, while it calibrates.  What is there is whole, and the next VACUUM finishes.
my $killed = vector_node('killed', conf => $conf . "wal_consistency_checking = 'generic'\n");
for my $try (1 .. 6)
{
	my $stage = ('untrained', 'being made', 'used')[ $try % 3 ];
	my @slow = map { ('-c', "SET vacuum_cost_$_") } 'limit = 20', 'delay = 10', 'page_hit = 20';
	my ($out, $err) = ('', '');

	$killed->safe_psql('postgres', sprintf(q{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(24));
		CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
		INSERT INTO items SELECT g, %s FROM generate_series(1, 1200) g;
		VACUUM (INDEX_CLEANUP off) items}, sprintf($vector, 'g')));
	# what comes by standard input would wait until it is pumped
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $killed->connstr('postgres'), @slow, '-c', 'VACUUM items', '-c', "SELECT 'finished'" ],
		'<', \'', '>', \$out, '2>', \$err);
	$killed->safe_psql('postgres', sprintf(q{DO $$
		DECLARE
			vacuum int;
			ends boolean = %s;
		BEGIN
			WHILE vacuum IS NULL LOOP
				PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
				SELECT pid INTO vacuum FROM pg_stat_activity WHERE query = 'VACUUM items' AND state = 'active';
			END LOOP;
			WHILE (SELECT value FROM vector_index_info('items_v') WHERE name = 'codes') <> '%s' LOOP
				PERFORM pg_sleep(0.01);
			END LOOP;
			PERFORM pg_sleep(0.1 * random()), pg_cancel_backend(CASE WHEN ends THEN vacuum END);
		END $$}, $try % 2 ? 'true' : 'false', $stage));
	$killed->stop('immediate') if $try % 2 == 0;
	$psql->finish;
	$killed->start if $try % 2 == 0;
	like($err, qr/canceling statement|server closed the connection|terminating connection/, "$stage: it was ended early");
	my $left = info($killed, 'items_v', 'codes');
	# after a crash there is what had come into the log
	$try % 2 ? is($left, $stage, "$stage: so are codes now") : diag("$stage when it was killed, $left after it");
	whole($killed, 'items', $stage);
	# rows that come and go before it begins again
	$killed->safe_psql('postgres', sprintf('INSERT INTO items SELECT g, %s FROM generate_series(2001, 2100) g;
		DELETE FROM items WHERE id %% 9 = 0; VACUUM (INDEX_CLEANUP off) items', sprintf($vector, 'g')));
	whole($killed, 'items', "$stage: and rows after it");
	$killed->safe_psql('postgres', 'VACUUM items');
	is(join(' ', map { info($killed, 'items_v', $_) } qw(codes trained_elements calibrated_elements)),
		join(' ', 'used', ($killed->safe_psql('postgres', 'SELECT count(*) FROM items')) x 2), "$stage: VACUUM finishes");
	whole($killed, 'items', "$stage: in the end");
}
is(crashes($killed), '', 'the log is clean');
done_testing();
