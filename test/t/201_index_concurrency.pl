# Many sessions at once: inserts, deletes, updates, searches and VACUUM; indexes
# built and rebuilt CONCURRENTLY beside them; and statements cancelled at any
# moment.  Afterwards every index is whole and has every row.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VectorTest;

my $node = vector_node('main', conf => q{
	shared_buffers = 8MB
	autovacuum = off
	max_connections = 40
	lock_timeout = 30s
	deadlock_timeout = 100ms});
my $dir = PostgreSQL::Test::Utils::tempdir();
my $vector = q{(SELECT array_agg(sin(i * %s * 0.37 + i * i))::vector FROM generate_series(1, 24) i)};
my $any = sprintf $vector, ':id';

# Tables, each with an index, an operator, what finds the nearest 100 for sure
my $lists = 'SET ivfpq.probes = 32768; SET ivfpq.candidates = 1000000; SET ivfflat.probes = 32768;';
my $graph = 'SET hnsw.iterative_scan = relaxed_order;';
my %tables = (
	# two lists: everyone meets everyone
	coded => { index => 'ivfpq (v vector_cosine_ops) WITH (lists = 2)', op => '<=>', exactly => $lists, limit => 'LIMIT 100' },
	plain => { index => 'ivfflat (v) WITH (lists = 2)', op => '<->', exactly => $lists, limit => 'LIMIT 100' },
	# an element to which nobody links yet is found by those who ask for all rows
	graph => { index => 'hnsw (v vector_cosine_ops)', op => '<=>', exactly => $graph, limit => '' },
	bare => { index => 'hnsw (v vector_l2_ops) WITH (m = 4, codes = none)', op => '<->', exactly => $graph, limit => '' });
my %op = map { $_ => $tables{$_}{op} } keys %tables;
my $n = keys %tables;

for my $table (sort keys %tables)
{
	$node->safe_psql('postgres', sprintf(qq{
		CREATE TABLE $table (id int, n int, v vector(24));
		INSERT INTO $table SELECT g, 0, $vector FROM generate_series(1, 3000) g;
		CREATE INDEX ${table}_v ON $table USING $tables{$table}{index};
		CREATE INDEX ON $table (id)}, 'g'));
}

my %script = (
	insert => "INSERT INTO TABLE VALUES (:id, 1, $any), (:id, 2, $any);\n",
	delete => "DELETE FROM TABLE WHERE id = :id;\n",
	update => "UPDATE TABLE SET v = $any, n = n + 1 WHERE id = :id;\n",
	hot => "UPDATE TABLE SET n = n + 1 WHERE id = :id;\n",
	# in order, and each row once
	select => "SET enable_seqscan = off;\nSELECT 1 / (bool_and(d >= before) AND count(*) = count(DISTINCT c))::int FROM
		(SELECT c, d, lag(d, 1, d) OVER (ORDER BY n) AS before FROM (SELECT ctid AS c, v OP $any AS d, row_number() OVER () AS n FROM
		(SELECT ctid, v FROM TABLE ORDER BY v OP $any LIMIT 40) k) l) m;\n",
	vacuum => "VACUUM TABLE;\nSELECT pg_sleep(0.05);\n");
for my $name (keys %script)
{
	for my $table (sort keys %op)
	{
		my $sql = $script{$name} =~ s/TABLE/$table/gr =~ s/\bOP\b/$op{$table}/gr =~ s/\n(?=\t)/ /gr;

		append_to_file("$dir/$name.$table.sql", "\\set id random(1, 3000)\n$sql");
	}
}

# Start clients: so many sessions, each with its mix of scripts by weight.
sub load
{
	my ($seconds, $clients, %weights) = @_;
	my ($out, $err) = ('', '');

	return IPC::Run::start([ 'pgbench', '-n', '-T', $seconds, '-c', $clients, '-j', 2,
			(map { my $table = $_; map { ('-f', "$dir/$_.$table.sql\@$weights{$_}") } sort keys %weights } sort keys %op),
			$node->connstr('postgres') ], '>', \$out, '2>', \$err), \$err;
}

sub whole
{
	my ($what, @indexes) = @_;

	@indexes = map { "${_}_v" } sort keys %op if !@indexes;
	is($node->safe_psql('postgres', "SELECT vector_index_check('$_', true)"), '', "$what: $_ is whole") for @indexes;
	for my $table (sort keys %op)
	{
		my $target = sprintf $vector, '0.7';
		my $query = "SELECT count(*), string_agg(d::text, ' ' ORDER BY d) FROM (SELECT v $op{$table} $target AS d FROM $table ORDER BY v $op{$table} $target $tables{$table}{limit}) k";

		is($node->safe_psql('postgres', "$tables{$table}{exactly} SET enable_seqscan = off; SET enable_sort = off; $query"),
			$node->safe_psql('postgres', "SET enable_indexscan = off; $query"), "$what: $table, the answer");
	}
}

sub ran_well
{
	my ($what, $load, $err) = @_;

	ok($load->finish, "$what: no client failed") or diag($$err);
	unlike($$err, qr/aborted|ERROR/, "$what: no statement failed");
}

# Mixes: mostly inserts, mostly deletes, all together
for my $mix ([ inserts => insert => 8, select => 2, vacuum => 1 ], [ deletes => delete => 8, insert => 2, vacuum => 4 ],
	[ all => insert => 4, delete => 4, update => 4, hot => 2, select => 4, vacuum => 1 ])
{
	my ($what, %weights) = @$mix;

	ran_well($what, load(4, 6, %weights));
	whole($what);
}

# Room is used again: rounds of the same rows do not grow an index without end.
my $size = 'SELECT ' . join(' + ', map { "pg_relation_size('${_}_v')" } sort keys %op);
my @sizes;
for my $round (1 .. 6)
{
	$node->safe_psql('postgres', sprintf(qq{DELETE FROM $_; }, 'g')) for sort keys %op;
	$node->safe_psql('postgres', "VACUUM $_") for sort keys %op;
	$node->safe_psql('postgres', sprintf("INSERT INTO $_ SELECT g, 0, $vector FROM generate_series(1, 3000) g", 'g')) for sort keys %op;
	push @sizes, $node->safe_psql('postgres', $size);
}
cmp_ok($sizes[-1], '<=', $sizes[1] * 1.1, "sizes stay: @sizes");
whole('room used again');

# Indexes built and rebuilt beside it all
my ($load, $err) = load(14, 4, insert => 4, delete => 4, update => 4, hot => 2);
my $until = time + 12;
my $built = 0;
while (time < $until)
{
	my $table = (sort keys %op)[ $built % $n ];

	$node->safe_psql('postgres', "CREATE INDEX CONCURRENTLY other ON $table USING $tables{$table}{index}");
	$node->safe_psql('postgres', "SELECT vector_index_check('other', true)");
	$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY other');
	$node->safe_psql('postgres', "SELECT vector_index_check('other', true)");
	$node->safe_psql('postgres', "REINDEX INDEX CONCURRENTLY ${table}_v");
	$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY other');
	$built++;
}
ran_well('concurrent builds', $load, $err);
cmp_ok($built, '>=', 2, 'indexes were built concurrently');
whole('concurrent builds');
$node->safe_psql('postgres', "VACUUM $_") for sort keys %op;
whole('concurrent builds and VACUUM');

# Cancelled at any moment: in builds, inserts, scans and VACUUM
srand 7;
my %cancelled;
my %statement = (
	build => q{DROP INDEX IF EXISTS tried; CREATE INDEX tried ON TABLE USING INDEX},
	insert => sprintf("INSERT INTO TABLE SELECT g, 5, $vector FROM generate_series(1, 3000) g", 'g'),
	scan => 'SET enable_seqscan = off; SET work_mem = 64; SELECT count(*) FROM (SELECT id FROM TABLE ORDER BY v OP (SELECT v FROM TABLE LIMIT 1)) k',
	vacuum => 'SET vacuum_cost_delay = 1; SET vacuum_cost_limit = 30; VACUUM (INDEX_CLEANUP on) TABLE');
for my $what (sort keys %statement)
{
	for my $try (1 .. 16)
	{
		my $table = (sort keys %op)[ $try % $n ];
		my $sql = $statement{$what} =~ s/USING INDEX/USING $tables{$table}{index}/r =~ s/TABLE/$table/gr =~ s/\bOP\b/$op{$table}/gr;

		$node->safe_psql('postgres', "DELETE FROM $table WHERE id % 20 = $try") if $what eq 'vacuum';
		my $error = sql_error($node, 'postgres', $sql, extra_params => [ '-v', 'ON_ERROR_STOP=1' ],
			connstr => $node->connstr('postgres') . " options='-c statement_timeout=" . (1 + int(rand(rand() < 0.5 ? 15 : 120))) . "'");
		$cancelled{$what}++ if $error =~ /canceling statement due to statement timeout/;
		$error =~ s/^(?:.*canceling statement due to statement timeout|.*NOTICE|CONTEXT|while vacuuming).*\n?//mg;
		is($error, '', "$what is cancelled and no more") if $error ne '';
	}
	cmp_ok($cancelled{$what} // 0, '>=', 2, "$what: some were cancelled");
	whole("after cancelled $what");
}
$node->safe_psql('postgres', "VACUUM $_") for sort keys %op;
whole('after all');
is(crashes($node), '', 'the log has no crash');
unlike(slurp_file($node->logfile), qr/WARNING:.*(?:leak|still referenced|not closed)|index returned tuples in wrong order|corrupted/,
	'and no leak');

done_testing();
