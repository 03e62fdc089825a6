# Moving over from pgvector as users do it: the same data directory under its library
# and under ours, forth and back; dumps of each restored into the other.
#
# run.sh has made a copy of PostgreSQL's files, into which swap() puts one of both.

use strict;
use warnings;
use Digest::MD5 'md5_hex';
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgvectorFiles;
use VectorTest;

my $tree = $ENV{VECTOR_EXT_TREE};
my %files = (pgvector => $ENV{VECTOR_EXT_PGVECTOR}, ours => $ENV{VECTOR_EXT_OURS});

# Where questions must find so many of the nearest; pgvector's graphs are by chance
my %least = (pgvector => 0.7, ours => 0.9);
my $library;

# Remove what one package has put there, and put the other's files
sub swap
{
	my ($to) = @_;

	for my $folder (values %files)
	{
		find(sub {
			my $file = $tree . substr $File::Find::name, length $folder;
			unlink $file if -f || -l;
		}, $folder) if -d $folder;
	}
	system_or_bail('cp', '-a', "$files{$to}/.", $tree);
	$library = $to;
}

swap('pgvector');
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nmax_parallel_workers_per_gather = 0\n");
$node->start;

sub restart_with
{
	my ($to) = @_;

	$node->stop;
	swap($to);
	$node->start;
}

sub run
{
	my ($database, $sql) = @_;
	my ($status, $out, $err) = $node->psql($database, $sql, on_error_stop => 0);

	return ($out, $err);
}

# What an application has: types in columns, arrays, domains; a generated column, a
# view, partitions, bodies of functions, a constraint, expressions and conditions of
# indexes.  Elements are whole numbers: sums are exact in any order.
my $rows = 3000;
my $schema = q{
	CREATE EXTENSION vector;
	CREATE DOMAIN embedding AS vector(16) CHECK (vector_dims(VALUE) = 16);
	CREATE TABLE items (
		id int PRIMARY KEY, kind text NOT NULL, v vector(16) NOT NULL DEFAULT array_fill(1, ARRAY[16])::vector,
		h halfvec(16) GENERATED ALWAYS AS (v::halfvec(16)) STORED, b bit(16) NOT NULL, s sparsevec(500), several vector(2)[], e embedding,
		CHECK (vector_norm(v) < 1000));
	CREATE FUNCTION element(id int, i int) RETURNS int LANGUAGE sql IMMUTABLE
		AS $$ SELECT ('x' || substr(md5(id || ' ' || i), 1, 7))::bit(28)::int %% 40 - 20 + id %% 7 * 6 $$;
	CREATE FUNCTION row_of(id int) RETURNS vector LANGUAGE sql IMMUTABLE
		AS $$ SELECT array_agg(element(id, i) ORDER BY i)::vector FROM generate_series(1, 16) i $$;
	INSERT INTO items (id, kind, v, b, s, several, e) SELECT g, chr(97 + g %% 5), row_of(g), binary_quantize(row_of(g)), (row_of(g)::real[] || array_fill(0::real, ARRAY[484]))::vector(500)::sparsevec,
		ARRAY['[1,2]', '[3.5,-4e-20]']::vector(2)[], row_of(g) FROM generate_series(1, %d) g;
	UPDATE items SET s = NULL, several = NULL WHERE id %% 100 = 0;
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_cosine ON items USING ivfflat (v vector_cosine_ops) WITH (lists = 10);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 40);
	CREATE INDEX items_h ON items USING ivfflat (h halfvec_ip_ops) WITH (lists = 10);
	CREATE INDEX items_some ON items USING hnsw ((v::halfvec(16)) halfvec_l2_ops) WHERE kind = 'a';
	CREATE INDEX items_b ON items USING hnsw (b bit_hamming_ops);
	CREATE INDEX items_s ON items USING hnsw (s sparsevec_l2_ops);
	CREATE INDEX items_order ON items (v);
	CREATE VIEW near AS SELECT id, kind, v <-> row_of(0) AS distance FROM items;
	CREATE MATERIALIZED VIEW means AS SELECT kind, avg(v) AS mean, sum(h) AS sum FROM items GROUP BY kind;
	CREATE FUNCTION nearest(q vector, n int) RETURNS SETOF int LANGUAGE plpgsql STABLE
		AS $$ BEGIN RETURN QUERY SELECT id FROM items ORDER BY v <-> q LIMIT n; END $$;
	CREATE FUNCTION nearest_of(k text, n int) RETURNS SETOF int LANGUAGE sql STABLE
		BEGIN ATOMIC SELECT id FROM items WHERE kind = k ORDER BY v <=> row_of(0) LIMIT n; END;
	CREATE TABLE parts (id int, v vector(16)) PARTITION BY LIST ((id %% 3));
	CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
	INSERT INTO parts SELECT id, v FROM items WHERE id <= 900;
	CREATE INDEX ON parts USING hnsw (v vector_l2_ops);
	ANALYZE};

# All values of a database as one number, by COPY as text and as bytes
sub digest
{
	my ($database) = @_;
	my $digest = '';

	for my $table ('items', 'parts', 'means')
	{
		my $order = $table eq 'means' ? 'kind' : 'id';

		$digest .= binary_rows($node, $database, "SELECT * FROM $table ORDER BY $order") if $table eq 'parts';
		$digest .= $node->safe_psql($database, "COPY (SELECT * FROM $table ORDER BY $order) TO STDOUT");
	}
	# arrays have OIDs in their binary form
	$digest .= binary_rows($node, $database, 'SELECT id, v, h, b, s, e::vector FROM items ORDER BY id');
	return md5_hex($digest);
}

my @questions = (
	[ 'items_v', 'SELECT id FROM items ORDER BY v <-> row_of(%d) LIMIT 10' ],
	[ 'items_cosine', 'SELECT id FROM items ORDER BY v <=> row_of(%d) LIMIT 10' ],
	[ 'items_l1', 'SELECT id FROM items ORDER BY v <+> row_of(%d) LIMIT 10' ],
	[ 'items_h', 'SELECT id FROM items ORDER BY h <#> row_of(%d)::halfvec(16) LIMIT 10' ],
	[ 'items_some', q{SELECT id FROM items WHERE kind = 'a' ORDER BY v::halfvec(16) <-> row_of(%d)::halfvec(16) LIMIT 10} ],
	[ 'items_b', 'SELECT id FROM items ORDER BY b <~> binary_quantize(row_of(%d))::bit(16) LIMIT 10' ],
	[ 'items_s', 'SELECT id FROM items ORDER BY s <-> (row_of(%d)::real[] || array_fill(0::real, ARRAY[484]))::vector(500)::sparsevec LIMIT 10' ],
	[ 'parts_\d_v_idx', 'SELECT id FROM parts ORDER BY v <-> row_of(%d) LIMIT 10' ]);
my $settings = 'SET hnsw.ef_search = 100; SET ivfflat.probes = 5';

# The share of the nearest rows by the table that are found: as near as these, by distance
sub recall
{
	my ($database, $question) = @_;
	my ($index, $query) = @$question;
	my $distance = ($query =~ /ORDER BY (.*) LIMIT/)[0];
	my $found = 0;

	$query =~ s/SELECT id/SELECT round(($distance)::numeric, 4)/;
	for my $target (map { 5000 + $_ } 1 .. 10)
	{
		my ($sql) = $query =~ s/%d/$target/gr;
		my @exact = split /\n/, $node->safe_psql($database, "SET enable_indexscan = off; $sql");
		my @rows = split /\n/, $node->safe_psql($database, "$settings; SET enable_seqscan = off; SET enable_sort = off; $sql");

		$found += grep { $_ <= $exact[-1] } @rows;
	}
	return $found / 100;
}

# Each question, with the index and by the table
sub questions_answered
{
	my ($database, $what, $by_index) = @_;

	for my $question (@questions)
	{
		my ($index, $query) = @$question;
		my ($sql) = $query =~ s/%d/7000/gr;
		my $plan = $node->safe_psql($database, "$settings; SET enable_seqscan = off; SET enable_sort = off; EXPLAIN $sql");

		if ($by_index)
		{
			like($plan, qr/Index Scan using $index/, "$what: $index is used");
		}
		else
		{
			unlike($plan, qr/Index Scan using $index/, "$what: $index is not used");
		}
		cmp_ok(recall($database, $question), '>=', $least{$library}, "$what: $index, rows found");
	}
}

# Views and functions, without a word on how
sub objects
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SET hnsw.ef_search = 400; SET ivfflat.probes = 10;
		SELECT id, round(distance::numeric, 4) FROM near WHERE kind = 'b' ORDER BY 2, 1 LIMIT 5;
		SELECT array_agg(n ORDER BY n) FROM nearest(row_of(0), 4) n;
		SELECT array_agg(n ORDER BY n) FROM nearest_of('c', 4) n;
		SELECT kind, vector_dims(mean), round(l2_norm(sum)::numeric, 2) FROM means ORDER BY 1});
}

# Rows come and go, VACUUM; the table ends as it was
my $churn = qq{
	INSERT INTO items (id, kind, v, b, s, several, e) SELECT id + 10000, kind, v, b, s, several, e FROM items WHERE id <= 200;
	INSERT INTO parts SELECT id + 9000, v FROM parts WHERE id <= 50;
	DELETE FROM items WHERE id > 10000;
	DELETE FROM parts WHERE id > 9000;
	VACUUM items;
	VACUUM parts};

# Those of both access methods, for who has no function that knows which
my $reindex = q{
	SELECT format('REINDEX INDEX CONCURRENTLY %s', c.oid::regclass) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
	WHERE amname IN ('hnsw', 'ivfflat') AND relkind = 'i' \gexec};

# pgvector
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', sprintf $schema, $rows);
my $version = $node->safe_psql('app', q{SELECT extversion FROM pg_extension WHERE extname = 'vector'});
my $digest = digest('app');
my $objects = objects('app');
like($version, qr/^0\.[5-9]/, "pgvector $version");
questions_answered('app', "pgvector $version", 1);

# The files that 008_pgvector_files writes are such files
$node->safe_psql('app', q{
	CREATE TABLE few AS SELECT g AS id, ARRAY[g, 1, 2, 3]::vector(4) AS v FROM generate_series(1, 8) g;
	CREATE INDEX few_h ON few USING hnsw (v vector_l2_ops);
	CREATE TABLE few_lists AS SELECT * FROM few;
	CREATE INDEX few_i ON few_lists USING ivfflat (v vector_l2_ops) WITH (lists = 1)});
my @few = map { [ 0, $_, $_, 1, 2, 3 ] } 1 .. 8;
my %written = (few_h => pgvector_hnsw(16, @few), few_i => pgvector_ivfflat(@few));
my %path = map { $_ => $node->data_dir . '/' . $node->safe_psql('app', "SELECT pg_relation_filepath('$_')") } keys %written;
$node->stop;
without_checksums($node);
for my $index (keys %written)
{
	open my $f, '>', $path{$index} or die "$path{$index}: $!";
	binmode $f;
	print $f $written{$index};
	close $f;
}
$node->start;
for my $table ('few', 'few_lists')
{
	is($node->safe_psql('app', "SET enable_seqscan = off; SELECT id FROM $table ORDER BY v <-> '[5.2,1,2,3]'") =~ s/\n/ /gr,
		'5 6 4 7 3 8 2 1', "pgvector reads a file of ours: $table");
	is(sql_error($node, 'app', "INSERT INTO $table VALUES (9, '[9,1,2,3]'); DELETE FROM $table WHERE id = 4; VACUUM $table"), '', 'and changes it');
	is($node->safe_psql('app', "SET enable_seqscan = off; SELECT id FROM $table ORDER BY v <-> '[5.2,1,2,3]'") =~ s/\n/ /gr,
		'5 6 7 3 8 2 9 1', 'well');
}
$node->safe_psql('app', 'DROP TABLE few, few_lists');
my $dump = $node->basedir . '/pgvector.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('app') ], 'dumped with pgvector');

# Ours in its place
restart_with('ours');
is(digest('app'), $digest, 'in place: the same values');
is(objects('app'), $objects, 'in place: views and functions');
questions_answered('app', 'in place, before REINDEX', 0);
my ($out, $err) = run('app', q{INSERT INTO items (id, kind, v, b) SELECT 20000, kind, v, b FROM items WHERE id = 1});
like($err, qr/ERROR:  index "items_\w+" was built by pgvector\n.*HINT:  Run REINDEX INDEX CONCURRENTLY public\.items_/s, 'in place: INSERT says what to do');
($out, $err) = run('app', 'BEGIN; DELETE FROM items WHERE id = 1; ROLLBACK; VACUUM items; VACUUM parts; ANALYZE');
unlike($err, qr/ERROR/, 'in place: VACUUM leaves the files');
($out, $err) = run('app', $reindex);
unlike($err, qr/ERROR/, 'in place: REINDEX');
questions_answered('app', 'in place, after REINDEX', 1);
($out, $err) = run('app', "$churn; SELECT id FROM items ORDER BY v <-> row_of(1) LIMIT 1");
is("$out$err", '1', 'in place: rows come and go, without a warning');
is(digest('app'), $digest, 'in place: values stay the same');
$node->safe_psql('app', q{
	CREATE FUNCTION check_index(regclass, boolean) RETURNS void LANGUAGE c AS '$libdir/vector', 'vector_index_check';
	CREATE FUNCTION foreign_indexes(OUT regclass, OUT regclass, OUT text) RETURNS SETOF record LANGUAGE c AS '$libdir/vector', 'vector_foreign_indexes'});
is($node->safe_psql('app', q{SELECT count(check_index(c.oid, true)) > 8 FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE amname IN ('hnsw', 'ivfflat') AND relkind = 'i'}),
	't', 'in place: the indexes are whole');
is($node->safe_psql('app', 'SELECT count(*) FROM foreign_indexes()'), '0', 'in place: none is left');
$node->safe_psql('app', 'DROP FUNCTION check_index, foreign_indexes');

# The catalogue, too
my $copy = $node->basedir . '/app.dump';
$node->safe_psql('postgres', 'CREATE DATABASE updated TEMPLATE app');
is(sql_error($node, 'updated', 'ALTER EXTENSION vector UPDATE'), '', "catalogue updated from $version");
is($node->safe_psql('updated', 'SELECT count(*) FROM vector_foreign_indexes()'), '0', 'updated: its functions are there');
is($node->safe_psql('updated', q{CREATE INDEX items_codes ON items USING ivfpq (v); SELECT vector_index_check('items_codes', true); DROP INDEX items_codes}), '', 'updated: so is ivfpq');
is(digest('updated'), $digest, 'updated: the same values');
questions_answered('updated', 'updated', 1);

# Dumps: pgvector's into ours, one of ours
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], "dump of pgvector $version restored");
$node->safe_psql('restored', 'ANALYZE');
is(digest('restored'), $digest, 'restored: the same values');
is(objects('restored'), $objects, 'restored: views and functions');
questions_answered('restored', 'restored', 1);
is($node->safe_psql('restored', 'SELECT count(*) FROM vector_foreign_indexes()'), '0', 'restored: indexes are ours');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.ours", '-d', $node->connstr('restored') ], 'dumped with ours');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $copy, '-d', $node->connstr('app') ], 'the database in place dumped with ours');

# And back, where catalogues are made pgvector's again
for my $database ('updated', 'restored')
{
	is(sql_error($node, $database, "ALTER EXTENSION vector UPDATE TO '0.0.0-pgvector'; ALTER EXTENSION vector UPDATE TO '$version'"), '',
		"$database: catalogue of pgvector $version");
}
restart_with('pgvector');
($out, $err) = run('app', 'SET enable_seqscan = off; SELECT id FROM items ORDER BY v <-> row_of(1) LIMIT 1');
like($err, qr/ERROR:  hnsw index is not valid/, 'back: pgvector refuses an index of ours');
for my $database ('app', 'updated', 'restored')
{
	is(digest($database), $digest, "$database, back: the same values");
	($out, $err) = run($database, $reindex);
	unlike($err, qr/ERROR/, "$database, back: REINDEX");
	questions_answered($database, "$database, back", 1);
	is(objects($database), $objects, "$database, back: views and functions");
	is(sql_error($node, $database, $churn), '', "$database, back: rows come and go");
	is(digest($database), $digest, "$database, back: values stay the same");
}
for my $case ([ back => "$dump.ours" ], [ twice => $copy ])
{
	my ($database, $file) = @$case;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($database), $file ], "$database: restored with pgvector");
	$node->safe_psql($database, 'ANALYZE');
	is(digest($database), $digest, "$database: the same values");
	is(objects($database), $objects, "$database: views and functions");
	questions_answered($database, $database, 1);
}
is(crashes($node), '', 'the log is clean');

done_testing();
