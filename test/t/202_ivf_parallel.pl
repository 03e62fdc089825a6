# An index that is built by several processes: ended at any moment, it leaves
# neither processes nor files nor shared memory behind; and its memory is bounded.

use strict;
use warnings;
use List::Util qw(max sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VectorTest;

my $memory = 64; # MB, for all processes of a build
my $node = vector_node('main', conf => qq{
	shared_buffers = 64MB
	autovacuum = off
	dynamic_shared_memory_type = mmap
	maintenance_work_mem = ${memory}MB
	min_parallel_table_scan_size = 0});
my $data = $node->data_dir;
my $create = 'CREATE INDEX tried ON items USING %s (v) WITH (lists = 1000)';

# 120 MB of vectors
$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, v vector(500));
	INSERT INTO items SELECT g, (SELECT array_agg(random()) FROM generate_series(1, 500) i WHERE g > 0)::vector
		FROM generate_series(1, 3000) g;
	INSERT INTO items SELECT id + 3000 * g, v + array_fill(g, ARRAY[500])::vector FROM items, generate_series(1, 19) g});

# What a build might forget.  Shared memory comes in files; those of the server
# itself, for statistics, are of 1 MB.
sub segments { return grep { (-s $_ // 0) > 2 << 20 } glob("$data/pg_dynshmem/*") }
sub leftovers
{
	my $files = () = (glob("$data/base/pgsql_tmp/*"), segments());

	return "$files files, " . $node->safe_psql('postgres', q{
		SELECT count(*) || ' workers, ' || (SELECT count(*) FROM pg_class WHERE relname LIKE 'tried%') || ' indexes'
		FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
}

sub start
{
	my ($method, $err) = @_;

	return IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', sprintf($create, $method) ],
		'>', \my $out, '2>', $err);
}

# Processes of the build
sub workers { return split ' ', $node->safe_psql('postgres', q{
	SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE backend_type = 'parallel worker'}) }
sub leader { return $node->safe_psql('postgres', q{
	SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE 'CREATE INDEX tried%'}) }

# MB of its own memory; 0 when it has ended
sub anonymous
{
	open my $status, '<', "/proc/$_[0]/status" or return 0;
	my ($line) = grep { /^RssAnon/ } <$status>;

	return defined $line && $line =~ /(\d+)/ ? $1 / 1024 : 0;
}

my $before = '0 files, 0 workers, 0 indexes';

# Memory: own pages of all processes and what they share
for my $method (qw(ivfflat ivfpq))
{
	my $build = start($method, \my $err);
	my ($peak, $most, $seen, $segments) = (0, 0, '', 0);

	while ($build->pumpable)
	{
		my @pids = grep { $_ ne '' } (leader(), workers());

		for my $look (1 .. 20)
		{
			my @each = map { anonymous($_) } @pids;
			my $shared = sum(0, map { -s $_ // 0 } segments()) / 1024 / 1024;

			last if !@each || $each[0] == 0;
			$most = max($most, scalar @each);
			$segments = max($segments, scalar segments());
			next if sum(@each) + $shared <= $peak;
			$peak = sum(@each) + $shared;
			$seen = sprintf '%s, shared %.0f MB', join(' + ', map { sprintf '%.0f', $_ } @each), $shared;
			sleep 0.002;
		}
		$build->pump_nb;
	}
	ok($build->finish, "$method is built") or diag($err);
	is($most, 2, "$method: with one worker, since each process needs 32 MB");
	cmp_ok($peak, '<=', $memory * 1.1 + 20 * $most, "$method: memory is bounded");
	is($segments, 1, "$method: they share a segment");
	note("$method: $seen");
	is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', "$method is whole");
	$node->safe_psql('postgres', 'DROP INDEX tried');
}
is(leftovers(), $before, 'nothing is left of builds');

# Rows lie in memory where three quarters of it are enough for those expected; what
# the blocks of it have no room for goes to files.  A row takes 2,020 bytes.
for my $case ([ 20000, 'memory' ], [ 24500, 'memory and files' ])
{
	my ($nrows, $where) = @$case;
	my $files = q{SELECT pg_stat_force_next_flush(), temp_files FROM pg_stat_database WHERE datname = 'postgres'};
	my $had = (split /\|/, $node->safe_psql('postgres', $files))[-1];

	$node->safe_psql('postgres', "CREATE INDEX tried ON items USING ivfflat (v) WITH (lists = 100) WHERE id <= $nrows");
	my $made = (split /\|/, $node->safe_psql('postgres', $files))[-1] - $had;
	ok($where eq 'memory' ? $made == 0 : $made > 0, "$nrows rows in $where") or diag("$made files");
	is($node->safe_psql('postgres', q{SELECT vector_index_check('tried', true)}), '', 'the index is whole');
	is($node->safe_psql('postgres', q{SELECT value FROM vector_index_info('tried') WHERE name = 'rows'}), $nrows, 'with all rows');
	$node->safe_psql('postgres', 'DROP INDEX tried');
}
is(leftovers(), $before, 'nothing is left of these');

# Cancelled all over the build, with two workers
$node->append_conf('postgresql.conf', 'maintenance_work_mem = 128MB');
$node->reload;
my $began = time;
my (undef, undef, $said) = $node->psql('postgres', 'SET client_min_messages = debug1; ' . sprintf($create, 'ivfflat') . '; DROP INDEX tried');
my $seconds = time - $began;
# tests of applications look for these words
like($said, qr/"tried" is built using 2 parallel workers/, 'a build says who works');
like($said, qr/k-means is shared by 2 parallel workers/, 'and who trains');
my $cancelled = 0;
my $left = '';
for my $round (1 .. 12)
{
	my $method = $round % 2 ? 'ivfflat' : 'ivfpq';
	my $timeout = int(1000 * $seconds * $round / 13) + 1;
	my $error = sql_error($node, 'postgres', "SET statement_timeout = $timeout; " . sprintf($create, $method));

	$cancelled++ if $error =~ /canceling statement/;
	like($error, qr/canceling statement/, "$method: $timeout ms") if $error ne '';
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS tried');
	$left .= leftovers() . "\n" if leftovers() ne $before;
}
cmp_ok($cancelled, '>=', 5, 'builds are cancelled');
is($left, '', 'nothing is left of them');

# The end of a worker is the end of the build
my $build = start('ivfflat', \my $err);
my $ended = 0;
while ($build->pumpable && !$ended)
{
	$ended = $node->safe_psql('postgres', q{
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
	$build->pump_nb;
}
cmp_ok($ended, '>', 0, 'workers are ended');
ok(!$build->finish, 'and so is the build');
like($err, qr/ERROR:  terminating .* due to administrator command/, 'for their reason');
is(leftovers(), $before, 'nothing is left of it');

is(crashes($node), '', 'the server did not crash');
done_testing();
