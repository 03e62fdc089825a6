# An hnsw index of more rows than maintenance_work_mem has room for is built in
# parts: as good as one that was built in memory, the same whoever builds it, and
# ended at any moment it leaves nothing behind.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VectorTest;

my $node = vector_node('main', conf => q{
	shared_buffers = 64MB
	autovacuum = off
	dynamic_shared_memory_type = mmap
	max_parallel_maintenance_workers = 0
	min_parallel_table_scan_size = 0});
my $data = $node->data_dir;

sub query
{
	return $node->safe_psql('postgres', $_[0]);
}

is(load_data($node, 'postgres', 'debtext-8k.base.f16', 512, 'base'), 8000, 'rows are loaded');
# (with so little memory nobody but the table asks for workers)
query('ALTER TABLE base SET (parallel_workers = 2)');
is(load_data($node, 'postgres', 'debtext-8k.query.f16', 512, 'queries'), 200, 'queries are loaded');
query(q{
	SET max_parallel_workers_per_gather = 0;
	CREATE TABLE exact AS SELECT q.id, (SELECT max(d) FROM (SELECT v <=> q.v AS d FROM base ORDER BY 1 LIMIT 10) k) AS d FROM queries q});

# What a build might forget.  Shared memory comes in files; those of the server
# itself, for statistics, are of 1 MB at most.
sub leftovers
{
	my $segments = () = grep { (-s $_ // 0) > 2 << 20 } glob("$data/pg_dynshmem/*");
	my $files = () = glob("$data/base/pgsql_tmp/*");

	return "$segments segments, $files files, " . query(q{
		SELECT count(*) || ' workers, ' || (SELECT count(*) FROM pg_class WHERE relname LIKE 'tried%') || ' indexes'
		FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
}

my $nothing = '0 segments, 0 files, 0 workers, 0 indexes';

# Build "tried"; what the server says, but for debugging.  A tenth of the memory
# that all rows of base need is 2.4 MB.
sub build
{
	my ($what, $on, %options) = @_;
	my $memory = $options{memory} // '2400kB';
	my $workers = $options{workers} // 0;
	my ($status, $out, $err) = $node->psql('postgres', qq{
		SET client_min_messages = debug1;
		SET maintenance_work_mem = '$memory'; SET max_parallel_maintenance_workers = $workers;
		CREATE INDEX tried ON $on});

	is($status, 0, "$what: is built") or diag($err);
	is(() = $err =~ /using $workers parallel workers/g, $workers > 0 ? 1 : 0, '... by all of them');
	is(() = $err =~ /NOTICE:  hnsw graph no longer fits .*\nDETAIL:  The index is built in parts\./g,
		$memory eq '64MB' ? 0 : 1, '... and says if it is in parts');
	unlike($err, qr/NOTICE:.*NOTICE:|WARNING:/s, '... and nothing else');
	my ($checked, undef, $said) = $node->psql('postgres', q{SELECT vector_index_check('tried', true)});
	is("$checked$said", '0', '... is whole, all of it within reach');
}

sub recall
{
	my ($table, $ef) = @_;

	return query(qq{
		SET enable_seqscan = off; SET hnsw.ef_search = $ef; SET hnsw.iterative_scan = off;
		SELECT round(count(*) / 2000.0, 4) FROM queries q JOIN exact e USING (id),
			LATERAL (SELECT v <=> q.v AS d FROM $table ORDER BY v <=> q.v LIMIT 10) k WHERE k.d <= e.d + 1e-6});
}

sub drop_tried
{
	query('DROP INDEX tried');
	is(leftovers(), $nothing, '... and leaves nothing');
}

# As good as in memory, and the same for any number of processes
my $index = 'USING hnsw (v vector_cosine_ops)';
my @efs = (40, 100);
# (of 2000 answers; half a point is chance, and codes are learned from a thousand rows)
my $margin = 0.015;

build('whole', "base $index", memory => '64MB');
my %whole = map { $_ => recall('base', $_) } @efs;
my $elements = query(q{SELECT value FROM vector_index_info('tried') WHERE name = 'elements'});
drop_tried();

my @contents;
for my $workers (0, 1, 2)
{
	build("in parts, $workers workers", "base $index", workers => $workers);
	push @contents, pages_digest($node, 'tried');
	if ($workers == 0)
	{
		cmp_ok(recall('base', $_), '>=', $whole{$_} - $margin, "as good as $whole{$_} at ef $_") for @efs;
		is(query(q{SELECT value FROM vector_index_info('tried') WHERE name = 'elements'}), $elements, 'as many elements');
	}
	drop_tried();
}
is($contents[$_], $contents[0], "the same with $_ workers") for (1, 2);

# Where the table does not say how many, little memory is enough for them
query('ALTER TABLE base RESET (parallel_workers)');
build('4 MB for each', "base $index", memory => '12MB', workers => 2);
drop_tried();

# Rows in an order that follows the vectors
query(q{
	CREATE TABLE sorted (id int, v vector(512));
	ALTER TABLE sorted ALTER v SET STORAGE PLAIN;
	INSERT INTO sorted SELECT id, v FROM base ORDER BY v <=> (SELECT v FROM base WHERE id = 17);
	ALTER TABLE sorted SET (parallel_workers = 2);
	ANALYZE sorted});
build('sorted', "sorted $index");
cmp_ok(recall('sorted', $_), '>=', $whole{$_} - $margin, "as good as $whole{$_} at ef $_") for @efs;
drop_tried();

# Levels above the ground do not fit, either; every type and metric; values whose
# squares overflow
query(q{
	CREATE TABLE other (id int, v vector(512), h halfvec(64), large vector(64)) WITH (parallel_workers = 2);
	INSERT INTO other SELECT id, v, subvector(v, 1, 64)::halfvec, subvector(v, 1, 64)::real[]::vector * array_fill(1e20::real, ARRAY[64])::vector FROM base});
for my $on ('(v vector_l2_ops) WITH (m = 3)', '(v vector_ip_ops) WITH (m = 5, codes = none)', '(h halfvec_cosine_ops)',
	'(h halfvec_ip_ops)', '(large vector_l2_ops)', '(large vector_ip_ops)')
{
	build($on, "other USING hnsw $on", memory => '1400kB', workers => 1);
	drop_tried();
}

# One value in most of the rows, some in a few
query(q{
	CREATE TABLE copies (id int, v vector(512)) WITH (parallel_workers = 2);
	ALTER TABLE copies ALTER v SET STORAGE PLAIN;
	INSERT INTO copies SELECT b.id, b.v FROM base b, generate_series(1, CASE WHEN b.id = 5 THEN 9000 WHEN b.id % 100 = 0 THEN 30 ELSE 1 END)});
build('copies', "copies $index", memory => '3500kB', workers => 1);
is(query(q{SELECT value FROM vector_index_info('tried') WHERE name = 'elements'}), $elements, 'as many elements');
is(query(q{
	SET enable_seqscan = off; SET hnsw.iterative_scan = off;
	SELECT count(*) FROM (SELECT id FROM copies ORDER BY v <=> (SELECT v FROM base WHERE id = 5) LIMIT 9000) k WHERE id = 5}),
	9000, 'all copies are found');
drop_tried();

# Files are limited
like(sql_error($node, 'postgres', "SET maintenance_work_mem = '2400kB'; SET temp_file_limit = '20MB'; CREATE INDEX tried ON base $index"),
	qr/ERROR:  temporary file size exceeds "?temp_file_limit/, 'too little room for files');
is(leftovers(), $nothing, 'leaves nothing');

# Cancelled all over the build
for my $workers (0, 2)
{
	my $set = "SET maintenance_work_mem = '2400kB'; SET max_parallel_maintenance_workers = $workers";
	my $began = time;
	my $cancelled = 0;
	my $left = '';

	query("$set; CREATE INDEX tried ON base $index; DROP INDEX tried");
	my $seconds = time - $began;
	for my $round (1 .. 7)
	{
		my $timeout = int(1000 * $seconds * $round / 8) + 1;
		my $error = sql_error($node, 'postgres', "$set; SET statement_timeout = $timeout; CREATE INDEX tried ON base $index");

		$cancelled++ if $error =~ /canceling statement/;
		like($error, qr/canceling statement/, "$timeout ms") if $error ne '';
		query('DROP INDEX IF EXISTS tried');
		$left .= leftovers() . "\n" if leftovers() ne $nothing;
	}
	cmp_ok($cancelled, '>=', 3, "builds are cancelled, $workers workers");
	is($left, '', 'nothing is left of them');
}

is(crashes($node), '', 'the server did not crash');
done_testing();
