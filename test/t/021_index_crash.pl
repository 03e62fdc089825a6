# Crashes under load, with tiny and large buffers: afterwards indexes are whole,
# have all rows that were committed, and take new ones.
#
# A process is killed (signal 9) at one of its family's places a round, in turn.
# VECTOR_EXT_CRASH_ROUNDS: how many rounds of each family; VECTOR_EXT_CRASH_SEED:
# other moments; VECTOR_EXT_CRASH_FAMILY: of these alone, a pattern.

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
	min_parallel_table_scan_size = 0
	checkpoint_timeout = 30s
	max_wal_size = 32MB
	min_wal_size = 32MB});
my $vector = q{(SELECT array_agg(sin(i * %s * 0.37 + i * i))::vector FROM generate_series(1, 24) i)};
my $dir = PostgreSQL::Test::Utils::tempdir();

# For each family of access methods: the indexes of three tables, by which operator
# they are asked; of two columns of a table whose rows move about; how many
# dimensions the wide column has; settings with which they find all rows, and how
# many are asked for; where processes are to die, and how often at least.
my %families = (
	ivf => {
		index => { coded => 'ivfpq (v vector_cosine_ops, id, (id::text))', plain => 'ivfflat (v, id)', large => 'ivfpq (w)' },
		moving => { v => 'ivfflat (v) WITH (lists = 40)', w => 'ivfpq (w, id) WITH (lists = 40)' },
		extra => 'ivfflat (v)',
		wide => 2200,
		exactly => 'SET ivfpq.probes = 32768; SET ivfpq.candidates = 1000000; SET ivfflat.probes = 32768;',
		limit => 'LIMIT 100',
		places => [qw(insert split build vacuum switch rebalance)],
		rounds => 6,
		unlogged => [ 'ivfpq (v vector_cosine_ops, id)', 'ivfflat (v vector_l2_ops)' ],
		whole => [ 'ivfpq (v, id)', 'ivfflat (v vector_ip_ops)' ] },
	# an element that nobody links to yet is found by those who ask for all rows
	hnsw => {
		index => { coded => 'hnsw (v vector_cosine_ops, id, (id::text))', plain => 'hnsw (v vector_l2_ops) WITH (m = 4, codes = none)', large => 'hnsw (w vector_l2_ops)' },
		moving => { v => 'hnsw (v vector_l2_ops) WITH (m = 5)', w => 'hnsw (w vector_l2_ops, id) WITH (ef_construction = 40)' },
		extra => 'hnsw (v vector_l2_ops)',
		wide => 1900,
		exactly => 'SET hnsw.iterative_scan = relaxed_order;',
		limit => '',
		places => [qw(insert vacuum worker entry concurrently build any)],
		rounds => 5,
		unlogged => [ 'hnsw (v vector_cosine_ops, id)', 'hnsw (v vector_l2_ops) WITH (codes = none)' ],
		whole => [ 'hnsw (v vector_l2_ops, id)', 'hnsw (v vector_ip_ops) WITH (m = 4)' ] });
my $seed = $ENV{VECTOR_EXT_CRASH_SEED} || 1;
my %op = (coded => 'v <=>', plain => 'v <->', large => 'w <->');
my $family;

sub build
{
	for my $table (sort keys %op)
	{
		$node->safe_psql('postgres', sprintf(qq{
			DROP TABLE IF EXISTS $table;
			CREATE TABLE $table (id int, v vector(24), w vector($family->{wide}));
			INSERT INTO $table SELECT g, $vector FROM generate_series(1, %d) g;
			UPDATE $table SET w = v || array_fill(id, ARRAY[$family->{wide} - 24])::vector WHERE '$table' = 'large';
			CREATE INDEX ${table}_v ON $table USING $family->{index}{$table};
			DROP TABLE IF EXISTS ${table}_done;
			CREATE TABLE ${table}_done (id int, gone bool)}, 'g', $table eq 'large' ? 50 : 1500));
	}
}

# Each transaction notes what it has done; that is what must be found later.
for my $table (sort keys %op)
{
	my $wide = $table eq 'large' ? ', (SELECT array_agg(:id)::vector FROM generate_series(1, :wide))' : '';
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

# The least distances, from an index or by a sort of all rows
sub distances
{
	my ($table, $what, $index) = @_;

	return $node->safe_psql('postgres', "$family->{exactly} SET enable_" . ($index ? 'seqscan = off; SET enable_sort' : 'indexscan') . " = off;
		SELECT count(*), min(d), md5(string_agg(d::text, ' ' ORDER BY d + 0)) FROM (SELECT $what AS d FROM $table ORDER BY $what $family->{limit}) k");
}

# What comes first from an index comes in order, and there is hardly anything nearer: to
# one query, of rows ten times as many as the index was made for: by more than is looked
# at where nothing is set.
sub in_order
{
	my ($table, $what) = @_;

	return $node->safe_psql('postgres', "SET enable_seqscan = off; SET hnsw.ef_search = 1000; SET ivfpq.probes = 100; SET ivfpq.candidates = 3000; SET ivfflat.probes = 100;
		SELECT bool_and(d >= before), count(*), count(*) FILTER (WHERE d <= (SELECT max(d) FROM
			(SELECT $what AS d FROM (SELECT v, w FROM $table OFFSET 0) t ORDER BY 1 LIMIT 100) e)) >= 0.9 * count(*)
		FROM (SELECT d, lag(d, 1, d) OVER (ORDER BY n) AS before FROM
			(SELECT d, row_number() OVER () AS n FROM (SELECT $what AS d FROM $table ORDER BY $what LIMIT 100) k) l) m");
}

sub whole
{
	my ($what) = @_;

	for my $table (sort keys %op)
	{
		my $name = "$what: $table";

		is($node->safe_psql('postgres', "SELECT vector_index_check('${table}_v', true)"), '', "$name is whole");
		my $distance = $op{$table} . ' (' . sprintf($vector, '0.7') . ($table eq 'large' ? " || array_fill(7, ARRAY[$family->{wide} - 24])::vector)" : ')');
		is(distances($table, $distance, 1), distances($table, $distance, 0), "$name, the answer");
		is(in_order($table, $distance), 't|' . $node->safe_psql('postgres', "SELECT least(100, count(*)) FROM $table WHERE v IS NOT NULL") . '|t', "$name, in order");
		is($node->safe_psql('postgres', "SELECT count(*) FROM ${table}_done d
			WHERE NOT EXISTS (SELECT FROM $table t WHERE t.id = d.id)"), 0, "$name has what was committed");
		is($node->safe_psql('postgres', "SELECT count(*) FROM $table WHERE id > 10000000"), 0,
			"$name has nothing that was rolled back");
	}
}

# Rows come in a place of their own and go again, so that VACUUM splits and merges
# lists, or buries and frees nodes, all the time.
sub build_moving
{
	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS moving, moving_done;
		CREATE TABLE moving (id int, v vector(2), w vector(2));
		INSERT INTO moving SELECT g, ARRAY[sin(g), cos(g)], ARRAY[sin(g), cos(g)] FROM generate_series(1, 6000) g;
		CREATE INDEX moving_v ON moving USING $family->{moving}{v};
		CREATE INDEX moving_w ON moving USING $family->{moving}{w};
		CREATE TABLE moving_done (place int)});
}
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

	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM pg_index, vector_index_check(indexrelid, true)
		WHERE indrelid = 'moving'::regclass}), '>', 1, "$what: moving is whole");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM moving_done LEFT JOIN
		(SELECT id / 10000 AS place, count(*) AS n FROM moving GROUP BY 1) m USING (place) WHERE coalesce(n, 0) < 18}), 0, "$what: all committed rows of theirs are there");
	is($node->safe_psql('postgres', qq{SET enable_seqscan = off; SET enable_sort = off; $family->{exactly}
		SELECT (SELECT count(*) FROM (SELECT id FROM moving ORDER BY $_ <-> '[1,1]') s) - (SELECT count(*) FROM moving)}), 0,
		"$what: and found by $_") for qw(v w);
	is(distances('moving', $_, 1), distances('moving', $_, 0), "$what: the answer, $_") for ("v <-> '[2,1]'", "w <-> '[500,1]'");
}

# Who is to die: processes at a place.
my %victims = (
	insert => q{SELECT pid FROM pg_stat_activity WHERE query ~ '^INSERT' AND state = 'active'},
	build => q{SELECT pid FROM pg_stat_progress_create_index WHERE phase ~ '^building index'},
	vacuum => q{SELECT pid FROM pg_stat_progress_vacuum WHERE phase = 'vacuuming indexes'},
	split => q{SELECT pid FROM pg_stat_progress_vacuum WHERE relid = 'moving'::regclass AND phase = 'cleaning up indexes'},
	# inserts are kept out while the new lists come in force, or the entry is moved
	switch => q{SELECT pid FROM pg_locks WHERE locktype = 'page' AND mode = 'ExclusiveLock' AND granted
		AND relation IN ('moving_v'::regclass, 'moving_w'::regclass)},
	concurrently => q{SELECT pid FROM pg_stat_progress_create_index WHERE command ~ 'CONCURRENTLY'},
	worker => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'parallel worker'},
	any => q{SELECT pid FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend'},
	rebalance => q{SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT vector_index_rebalance' AND state = 'active'});
# so short is the moment that those who wait for it are seen, and go on
$victims{entry} = $victims{switch} =~ s/AND granted//r;
# What else must run, for a place
my %also = (rebalance => 'rebalance', map { $_ => 'build' } qw(build concurrently worker));
append_to_file("$dir/build.sql", q{
DROP INDEX IF EXISTS extra;
REINDEX INDEX coded_v;
REINDEX INDEX CONCURRENTLY moving_w;
REINDEX INDEX plain_v;
CREATE INDEX CONCURRENTLY extra ON moving USING :extra;
});
append_to_file("$dir/rebalance.sql", q{
SELECT vector_index_rebalance('moving_w');
SELECT vector_index_rebalance('moving_v');
SELECT vector_index_rebalance('coded_v');
});
# The n-th time that the query finds a process
$node->safe_psql('postgres', q{
	CREATE FUNCTION victim(query text, n int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		until timestamptz := clock_timestamp() + '30 s';
		found int;
	BEGIN
		WHILE clock_timestamp() < until LOOP
			PERFORM pg_stat_clear_snapshot();
			EXECUTE 'SELECT pid FROM (' || query || ') v WHERE pid <> pg_backend_pid() ORDER BY random() LIMIT 1' INTO found;
			n := n - (found IS NOT NULL)::int;
			EXIT WHEN n = 0;
		END LOOP;
		RETURN found;
	END $$});

# Kill one process where it is wanted, or it and then all; how many were killed.
# The shell waits for the numbers: from the sight to the signal it is no time.
# When a process has died the postmaster sends SIGQUIT to the groups of the others,
# the shell's among them, which has yet to say whom it killed.
sub kill_at
{
	my ($place, $all) = @_;
	my $n = $place =~ /switch|entry/ ? 1 : 1 + int rand 60;
	my $others = $all ? "SELECT pid FROM (VALUES ($node->{_pid}) UNION ALL SELECT pid FROM pg_stat_activity) a(pid) WHERE EXISTS (SELECT FROM v)"
	  : 'SELECT NULL WHERE false';
	my $killed = "$dir/killed";

	unlink $killed;
	$node->psql('postgres', "COPY (WITH v AS MATERIALIZED (SELECT pid FROM victim(\$q\$$victims{$place}\$q\$, $n) pid WHERE pid IS NOT NULL)
		SELECT pid FROM v UNION ALL $others)
		TO PROGRAM 'trap \"\" QUIT; while read p; do kill -9 \$p && echo \$p >> $killed; done'");
	# without the server the shell goes on
	sleep 0.5;
	return -e $killed ? scalar(() = slurp_file($killed) =~ /\n/g) : 0;
}

sub start_again
{
	my $pid = $node->{_pid};

	# until the processes are gone, and their shared memory
	for (1 .. 600)
	{
		$node->kill9;
		return if !kill(0, $pid) && $node->start(fail_ok => 1);
		sleep 0.1;
	}
	BAIL_OUT('the server does not start');
}

sub rows_done
{
	return $node->safe_psql('postgres', 'SELECT ' . join(' + ', map { "(SELECT count(*) FROM ${_}_done)" } (sort(keys %op), 'moving')));
}

sub crash_round
{
	my ($round, @places) = @_;
	my $place = $places[($round - 1) % @places];
	# those who work in parallel need more buffers: see below
	my $buffers = $place eq 'worker' ? '128MB' : ('1MB', '128MB', '400kB', '128MB', '1MB')[($round + $seed) % 5];
	my $what = "round $round, $place, $buffers";

	# each process of a build logs 32 pages at a time, with pins on all of them
	$node->append_conf('postgresql.conf',
		"shared_buffers = $buffers\nmax_parallel_maintenance_workers = " . ($buffers eq '128MB' ? 2 : 0) . "\n");
	$node->restart;
	# a crash soon after the build: nothing of it has reached the files
	if ($round % @places == 2)
	{
		build();
		build_moving();
	}
	my $before = rows_done();
	my $err = '';
	my @load = map {
		IPC::Run::start([ 'pgbench', '-n', '-T', '60', '-c', '1', '-D', "wide=$family->{wide}", '-D', "extra=$family->{extra}",
				'-f', "$dir/$_.sql", $node->connstr('postgres') ], '>', \my $out, '2>', \$err)
	} (sort(keys %op), 'coded', 'plain', 'moving', 'vacuum', $also{$place} // ());
	sleep 1 + rand 1;
	# the server recovers by itself, or is started again
	my $all = ($round + int(($round - 1) / @places)) % 2 == 0;
	my $least = $all ? 2 : 0;
	my $n = kill_at($place, $all);
	# some moments are too short to be met by a slow machine: then at any other
	if ($n <= $least)
	{
		diag("$what: not met");
		$n = kill_at('any', $all);
	}
	my $killed = cmp_ok($n, '>', $least, "$what: killed");
	$_->finish for @load;
	diag($err) if !$killed;
	start_again() if $all;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
	# what is left of a build
	$node->safe_psql('postgres', $_) for split /\n/, $node->safe_psql('postgres',
		q{SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid});
	cmp_ok(rows_done(), '>', $before, "$what: rows were inserted");
	whole($what);
	moving_whole($what);
	$node->safe_psql('postgres', "VACUUM $_; INSERT INTO $_ (id, v, w) SELECT id + 500, v, w FROM $_ LIMIT 40;") for sort keys %op;
	whole("$what, new rows");
	$node->safe_psql('postgres', 'VACUUM moving');
	moving_whole("$what, after VACUUM");
}

my @names = grep { $_ =~ ($ENV{VECTOR_EXT_CRASH_FAMILY} || '.') } sort keys %families;
for my $name (@names)
{
	$family = $families{$name};
	my $rounds = $ENV{VECTOR_EXT_CRASH_ROUNDS} || $family->{rounds};
	my $replaced = 0;

	srand $seed;
	build();
	build_moving();
	for my $round (1 .. $rounds)
	{
		crash_round($round, @{ $family->{places} });
		$replaced += $node->safe_psql('postgres', "SELECT value FROM vector_index_info('moving_w') WHERE name = 'generation'")
		  if $name eq 'ivf';
	}
	cmp_ok($replaced, '>', 2 * $rounds, 'lists were replaced many times') if $name eq 'ivf';
}

# Unlogged: after a crash the index is empty and works, whatever had been written
# of it, and whoever had written it.
for my $buffers ('400kB', '128MB')
{
	$node->append_conf('postgresql.conf', "shared_buffers = $buffers\n");
	$node->restart;
	for my $method (map { @{ $_->{unlogged} } } @families{@names})
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
for (@families{@names})
{
	$node->safe_psql('postgres', sprintf(qq{
		DROP TABLE IF EXISTS made_whole;
		BEGIN;
		CREATE TABLE made_whole (id int, v vector(24));
		INSERT INTO made_whole SELECT g, %1\$s FROM generate_series(1, 1500) g;
		CREATE INDEX made_a ON made_whole USING $_->{whole}[0];
		CREATE INDEX made_b ON made_whole USING $_->{whole}[1];
		INSERT INTO made_whole SELECT g, %1\$s FROM generate_series(1501, 2000) g;
		COMMIT;
		DROP INDEX coded_v;
		CREATE INDEX coded_v ON coded USING $_->{index}{coded};
		BEGIN;
		TRUNCATE coded;
		INSERT INTO coded (id, v) SELECT * FROM made_whole;
		COMMIT}, sprintf($vector, 'g')));
	$node->stop('immediate');
	$node->start;
	for my $index (qw(made_a made_b coded_v))
	{
		is($node->safe_psql('postgres', "SELECT vector_index_check('$index', true), (SELECT count(*) FROM made_whole)"), '|2000',
			"wal_level = minimal, $_->{index}{coded}: $index is whole");
	}
}
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC:|TRAP:|signal 11|signal 6|runtime error:/, 'only the crashes that were made');

done_testing();
