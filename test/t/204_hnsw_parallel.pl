# An hnsw index that is built by several processes: ended at any moment, it leaves
# neither processes nor shared memory behind; and where there is no shared memory
# it is built all the same.

use strict;
use warnings;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VectorTest;

# Small segments of WAL, as files will be limited
my $node = vector_node('main', extra => ['--wal-segsize=1'], conf => q{
	shared_buffers = 64MB
	autovacuum = off
	dynamic_shared_memory_type = mmap
	maintenance_work_mem = 256MB
	min_parallel_table_scan_size = 0});
my $data = $node->data_dir;

# Wide ones have long rows, those with many links have long arrays of them
$node->safe_psql('postgres', q{
	CREATE TABLE wide (id int, v vector(500));
	INSERT INTO wide SELECT g, (SELECT array_agg(random()) FROM generate_series(1, 500) i WHERE g > 0)::vector
		FROM generate_series(1, 8000) g;
	CREATE TABLE narrow (id int, v vector(16));
	INSERT INTO narrow SELECT g, (SELECT array_agg(random()) FROM generate_series(1, 16) i WHERE g > 0)::vector
		FROM generate_series(1, 10000) g;
	ANALYZE});
my %create = (
	wide => 'CREATE INDEX tried ON wide USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 40, codes = none)',
	narrow => 'CREATE INDEX tried ON narrow USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 200, codes = none)');

# What a build might forget.  Shared memory comes in files; those of the server
# itself, for statistics, are of 1 MB at most.
my $leftovers = q{SELECT (SELECT count(*) FROM pg_ls_dir('pg_dynshmem') f WHERE (pg_stat_file('pg_dynshmem/' || f, true)).size > 2 << 20)
	|| ' segments, ' || (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker')
	|| ' workers, ' || (SELECT count(*) FROM pg_class WHERE relname LIKE 'tried%') || ' indexes'};
sub leftovers { return $node->safe_psql('postgres', $leftovers) }

my $nothing = '0 segments, 0 workers, 0 indexes';

# Build; what it says, and what it is
sub build
{
	my ($table, $workers) = @_;
	my ($status, $out, $err) = $node->psql('postgres',
		"SET client_min_messages = debug1; SET max_parallel_maintenance_workers = $workers; $create{$table}");
	my $content;

	is($status, 0, "$table is built with $workers workers") or diag($err);
	is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', '... and is whole');
	$content = pages_digest($node, 'tried');
	$node->safe_psql('postgres', 'DROP INDEX tried');
	is(leftovers(), $nothing, '... and leaves nothing');
	return ($content, $err);
}

my %alone;
for my $table (qw(wide narrow))
{
	($alone{$table}) = build($table, 0);
	for my $workers (1, 2)
	{
		my ($content, $said) = build($table, $workers);

		is($content, $alone{$table}, "... the same as by one process");
		like($said, qr/DEBUG:  using $workers parallel workers/, '... says how many');
		like($said, qr/DEBUG:  leader processed \d+ tuples/, '... what the leader did');
		is(() = $said =~ /DEBUG:  worker processed \d+ tuples/g, $workers, '... and each worker');
	}
}

# No file may be longer than 12 MB: rows of the one table need more; links of the
# other one do, when processes are at work.  Neither does the index.
my $postmaster = $node->{_pid};
system_or_bail('prlimit', "--pid=$postmaster", '--fsize=12000000:unlimited');
for my $table (qw(wide narrow))
{
	my ($content, $said) = build($table, 2);

	is($content, $alone{$table}, '... the same with shared memory');
	like($said, qr/WARNING:  hnsw index is built without parallel workers/, '... says that it has to be');
	like($said, $table eq 'wide' ? qr/\A(?!.*using)/s : qr/using 2 parallel workers/, '... and when');
}
system_or_bail('prlimit', "--pid=$postmaster", '--fsize=unlimited:unlimited');

# Cancelled all over the build, with two workers
my $began = time;
$node->safe_psql('postgres', "$create{narrow}; DROP INDEX tried");
my $seconds = time - $began;
my $cancelled = 0;
my $left = '';
for my $round (1 .. 8)
{
	my $timeout = int(1000 * $seconds * $round / 9) + 1;
	# the session goes on: it must not keep what the build had
	my (undef, $out, $error) = $node->psql('postgres', "SET client_min_messages = error; SET statement_timeout = $timeout; $create{narrow};
		RESET statement_timeout; DROP INDEX IF EXISTS tried; $leftovers", on_error_stop => 0);

	$cancelled++ if $error =~ /canceling statement/;
	like($error, qr/canceling statement/, "$timeout ms") if $error ne '';
	$left .= "$out\n" if $out ne $nothing;
}
cmp_ok($cancelled, ">=", 3, 'builds are cancelled');
is($left, '', 'nothing is left of them');

# The end of a worker is the end of the build, whatever it is doing
my $ended = 0;
for my $round (1 .. 3)
{
	my $build = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', $create{narrow} ],
		'>', \my $out, '2>', \my $err);
	my $done = 0;

	sleep $seconds * $round / 5;
	while ($build->pumpable && !$done)
	{
		$done = $node->safe_psql('postgres', q{
			SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
		$build->pump_nb;
	}
	if ($build->finish)
	{
		$node->safe_psql('postgres', 'DROP INDEX tried');
	}
	else
	{
		like($err, qr/ERROR:  terminating .* due to administrator command/, 'ended for the reason of a worker');
		$ended++;
	}
	is(leftovers(), $nothing, 'nothing is left of it');
}
cmp_ok($ended, '>', 0, 'builds end with their workers');

is(crashes($node), '', 'the server did not crash');
done_testing();
