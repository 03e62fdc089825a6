# Crashes under load, with tiny and large buffers: afterwards ivfpq and ivfflat
# indexes are whole, have all rows that were committed, and take new ones.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use VectorTest;

# checkpoints during the load, so that recovery starts in the middle of things
my $node = vector_node('main', conf => q{
	autovacuum = off
	restart_after_crash = on
	checkpoint_timeout = 30s
	max_wal_size = 32MB
	min_wal_size = 32MB});
my $vector = q{(SELECT array_agg(sin(i * %s * 0.37 + i * i))::vector FROM generate_series(1, 24) i)};
my $dir = PostgreSQL::Test::Utils::tempdir();
my %index = (coded => 'ivfpq (v vector_cosine_ops)', plain => 'ivfflat (v)', large => 'ivfpq (w)');
my %op = (coded => 'v <=>', plain => 'v <->', large => 'w <->');

sub build
{
	for my $table (sort keys %index)
	{
		$node->safe_psql('postgres', sprintf(qq{
			DROP TABLE IF EXISTS $table;
			CREATE TABLE $table (id int, v vector(24), w vector(2200));
			INSERT INTO $table SELECT g, $vector FROM generate_series(1, %d) g;
			UPDATE $table SET w = v || array_fill(id, ARRAY[2176])::vector WHERE '$table' = 'large';
			CREATE INDEX ${table}_v ON $table USING $index{$table};
			DROP TABLE IF EXISTS ${table}_done;
			CREATE TABLE ${table}_done (id int, gone bool)}, 'g', $table eq 'large' ? 50 : 1500));
	}
}

# Each transaction notes what it has done; that is what must be found later.
for my $table (sort keys %index)
{
	my $wide = $table eq 'large' ? ', (SELECT array_agg(:id)::vector FROM generate_series(1, 2200))' : '';
	my $columns = $table eq 'large' ? 'id, v, w' : 'id, v';
	append_to_file("$dir/$table.sql", sprintf(qq{
\\set id random(10000, 1000000)
BEGIN;
INSERT INTO $table ($columns) VALUES (:id, $vector$wide);
INSERT INTO ${table}_done VALUES (:id, false);
COMMIT;
BEGIN;
DELETE FROM $table WHERE id IN (SELECT id FROM $table WHERE id % 5 = :id % 5 LIMIT 1);
INSERT INTO $table ($columns) VALUES (:id + 10000000, $vector$wide), (:id + 20000000, $vector$wide);
ROLLBACK;
DELETE FROM $table WHERE id = :id / 700;
UPDATE $table SET v = v WHERE id = :id / 651;
}, (':id') x 3));
	append_to_file("$dir/vacuum.sql", "VACUUM $table;\n");
}

sub distances
{
	my ($table, $index) = @_;
	my $target = sprintf $vector, '0.7';
	my $what = $table eq 'large' ? "$op{$table} ($target || array_fill(7, ARRAY[2176])::vector)" : "$op{$table} ($target)";

	return $node->safe_psql('postgres', 'SET ivfpq.probes = 32768; SET ivfpq.candidates = 1000000; SET ivfflat.probes = 32768; SET enable_'
		  . ($index ? 'seqscan' : 'indexscan') . " = off;
		SELECT string_agg(($what)::text, ' ') FROM (SELECT v, w FROM $table ORDER BY $what LIMIT 100) k");
}

sub whole
{
	my ($what) = @_;

	for my $table (sort keys %index)
	{
		my $name = "$what: $table";

		is($node->safe_psql('postgres', "SELECT vector_index_check('${table}_v', true)"), '', "$name is whole");
		is(distances($table, 1), distances($table, 0), "$name, the answer");
		is($node->safe_psql('postgres', "SELECT count(*) FROM ${table}_done d
			WHERE NOT EXISTS (SELECT FROM $table t WHERE t.id = d.id)"), 0, "$name has what was committed");
		is($node->safe_psql('postgres', "SELECT count(*) FROM $table WHERE id > 10000000"), 0,
			"$name has nothing that was rolled back");
	}
}

# Rows come in a place of their own and go again, so that VACUUM splits and merges
# lists all the time.
$node->safe_psql('postgres', q{
	CREATE TABLE moving (id int, v vector(2), w vector(2));
	INSERT INTO moving SELECT g, ARRAY[sin(g), cos(g)], ARRAY[sin(g), cos(g)] FROM generate_series(1, 6000) g;
	CREATE INDEX moving_v ON moving USING ivfflat (v) WITH (lists = 40);
	CREATE INDEX moving_w ON moving USING ivfpq (w) WITH (lists = 40);
	CREATE TABLE moving_done (place int)});
append_to_file("$dir/moving.sql", q{
\set place random(2, 1000)
BEGIN;
INSERT INTO moving SELECT :place * 10000 + g, ARRAY[:place + sin(g), cos(g)], ARRAY[:place + sin(g), cos(g)] FROM generate_series(1, 900) g;
INSERT INTO moving_done VALUES (:place);
COMMIT;
DELETE FROM moving WHERE id / 10000 IN (SELECT place FROM moving_done ORDER BY random() LIMIT 1) AND id > 10000 AND id % 50 <> 0;
INSERT INTO moving SELECT 1, ARRAY[:place + sin(g), cos(g)], ARRAY[:place + sin(g), cos(g)] FROM generate_series(1, 50) g;
});
append_to_file("$dir/vacuum.sql", "VACUUM moving;\n");

sub moving_whole
{
	my ($what) = @_;

	is($node->safe_psql('postgres', q{SELECT vector_index_check('moving_v', true), vector_index_check('moving_w', true)}), '|',
		"$what: lists that were split are whole");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM moving_done d WHERE
		(SELECT count(*) FROM moving WHERE id / 10000 = d.place) < 18}), 0, "$what: all committed rows of theirs are there");
	is($node->safe_psql('postgres', qq{SET enable_seqscan = off; SET enable_sort = off; SET ivfflat.probes = 32768;
		SET ivfpq.probes = 32768; SET ivfpq.candidates = 1000000;
		SELECT (SELECT count(*) FROM (SELECT id FROM moving ORDER BY $_ <-> '[1,1]') s) - (SELECT count(*) FROM moving)}), 0,
		"$what: and found by $_") for qw(v w);
}

build();
my $round = 0;
for my $buffers ('1MB', '128MB', '400kB', '128MB', '1MB')
{
	$round++;
	$node->append_conf('postgresql.conf', "shared_buffers = $buffers\n");
	$node->restart;
	# a crash right after the build: nothing of it has reached the files
	build() if $round == 2;
	my @load = map {
		IPC::Run::start([ 'pgbench', '-n', '-T', '30', '-c', '1', '-f', "$dir/$_.sql", $node->connstr('postgres') ],
			'>', \my $out, '2>', \my $err)
	} (sort(keys %index), 'moving', 'vacuum');
	sleep 1 + $round * 0.31;
	if ($round % 2)
	{
		# one backend dies: all others are stopped, and the server recovers
		my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
			WHERE query ~ '^(INSERT|VACUUM|DELETE)' AND state = 'active' LIMIT 1})
		  || $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
		kill 9, $pid;
		$_->finish for @load;
		$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
	}
	else
	{
		$node->stop('immediate');
		$_->finish for @load;
		$node->start;
	}
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM coded_done'), '>', 20, "round $round: rows were inserted");
	whole("round $round, $buffers");
	moving_whole("round $round, $buffers");
	$node->safe_psql('postgres', "VACUUM $_; INSERT INTO $_ (id, v, w) SELECT id + 500, v, w FROM $_ LIMIT 40;") for sort keys %index;
	whole("round $round, new rows");
	$node->safe_psql('postgres', 'VACUUM moving');
	moving_whole("round $round, after VACUUM");
}

cmp_ok($node->safe_psql('postgres', "SELECT value FROM vector_index_info('moving_w') WHERE name = 'generation'"), '>', 5,
	'lists were replaced many times');

# Unlogged: after a crash the index is empty and works, whatever had been written
# of it, and whoever had written it.
for my $buffers ('400kB', '128MB')
{
	$node->append_conf('postgresql.conf', "shared_buffers = $buffers\n");
	$node->restart;
	for my $method ('ivfpq (v vector_cosine_ops)', 'ivfflat (v)')
	{
		$node->safe_psql('postgres', sprintf(qq{
			DROP TABLE IF EXISTS unlogged;
			CREATE UNLOGGED TABLE unlogged (id int, v vector(24));
			INSERT INTO unlogged SELECT g, $vector FROM generate_series(1, 1500) g;
			CREATE INDEX unlogged_v ON unlogged USING $method}, 'g'));
		$node->stop('immediate');
		$node->start;
		is($node->safe_psql('postgres', q{SELECT vector_index_check('unlogged_v', true), count(*) FROM unlogged}), '|0',
			"$method, $buffers: the unlogged index is empty and whole");
		is($node->safe_psql('postgres', sprintf(qq{
			INSERT INTO unlogged SELECT g, $vector FROM generate_series(1, 500) g;
			SET enable_seqscan = off; SET ivfflat.probes = 32768;
			SELECT vector_index_check('unlogged_v', true), count(*) FROM
				(SELECT id FROM unlogged ORDER BY v %s (SELECT v FROM unlogged WHERE id = 3) LIMIT 1000) k}, 'g',
			$method =~ /cosine/ ? '<=>' : '<->')), '|500', "$method, $buffers: and usable");
		$node->safe_psql('postgres', 'REINDEX INDEX unlogged_v');
		is($node->safe_psql('postgres', q{SELECT vector_index_check('unlogged_v', true)}), '', "$method, $buffers: and built anew");
	}
}
# With the least WAL a table and an index made in one transaction are not logged,
# but synced when it commits.
$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\nwal_skip_threshold = 0\n");
$node->restart;
$node->safe_psql('postgres', sprintf(q{
	BEGIN;
	CREATE TABLE made_whole (id int, v vector(24));
	INSERT INTO made_whole SELECT g, %1$s FROM generate_series(1, 1500) g;
	CREATE INDEX made_pq ON made_whole USING ivfpq (v);
	CREATE INDEX made_flat ON made_whole USING ivfflat (v vector_ip_ops);
	INSERT INTO made_whole SELECT g, %1$s FROM generate_series(1501, 2000) g;
	COMMIT;
	BEGIN;
	TRUNCATE coded;
	INSERT INTO coded (id, v) SELECT * FROM made_whole;
	COMMIT}, sprintf($vector, 'g')));
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT vector_index_check('$_', true), (SELECT count(*) FROM made_whole)"), '|2000',
	"wal_level = minimal: $_ is whole") for qw(made_pq made_flat coded_v);
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC:|TRAP:|signal 11|signal 6|runtime error:/, 'only the crashes that were made');

done_testing();
