# pg_upgrade to a newer PostgreSQL: files of all access methods are taken over as they
# are, by a library that was built for another server.

use strict;
use warnings;
use Digest::MD5 'md5_hex';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my %bindir = (old => $ENV{VECTOR_EXT_OLD_BINDIR}, new => $ENV{VECTOR_EXT_NEW_BINDIR});

# A cluster by hand, as the module of one version does not know all of another
sub start
{
	my ($name) = @_;

	system_or_bail("$bindir{$name}/pg_ctl", '-D', data($name), '-s', '-w', '-l', log_of($name), '-o',
		"-k $ENV{PGHOST} -c listen_addresses='' -c autovacuum=off -c fsync=off -c jit=off", 'start');
}

sub stop
{
	my ($name) = @_;

	system_or_bail("$bindir{$name}/pg_ctl", '-D', data($name), '-s', '-m', 'fast', 'stop');
}

sub data { return "$ENV{PGHOST}/upgrade_$_[0]" }
sub log_of { return "$ENV{PGHOST}/upgrade_$_[0].log" }

sub run
{
	my ($sql, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ "$bindir{new}/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', @options, '-f', '-' ], '<', \$sql, '>', \$out, '2>', \$err);
	chomp $out;
	return $err eq '' ? $out : $err;
}

# Every access method and what its pages may hold; two extensions
my @indexes = (
	[ 'hnsw (v vector_l2_ops)', 'v <-> %s' ],
	[ 'hnsw (v vector_cosine_ops, id)', 'v <=> %s' ],
	[ 'hnsw (v vector_l1_ops)', 'v <+> %s' ],
	[ 'hnsw ((v::halfvec(24)) halfvec_ip_ops)', 'v::halfvec(24) <#> %s::halfvec(24)' ],
	[ 'hnsw (b bit_jaccard_ops)', 'b <%%> binary_quantize(%s)::bit(24)' ],
	[ 'hnsw (s sparsevec_l2_ops)', 's <-> (%s)::sparsevec' ],
	[ 'ivfflat (v vector_l2_ops) WITH (lists = 12)', 'v <-> %s' ],
	[ 'ivfflat (b bit_hamming_ops) WITH (lists = 12)', 'b <~> binary_quantize(%s)::bit(24)' ],
	[ 'ivfpq (v vector_l2_ops)', 'v <-> %s' ],
	[ 'ivfpq (v vector_cosine_ops, id) WITH (rerank = heap)', 'v <=> %s' ],
	[ 'ivfpq (v vector_ip_ops) WITH (codec = sq8)', 'v <#> %s' ]);
my $vector = '(SELECT array_agg(sin(i * %s * 0.37 + i * i) ORDER BY i)::vector(24) FROM generate_series(1, 24) i)';

sub fill
{
	my ($from, $to) = @_;

	return join ';', map {
		my $v = sprintf $vector, 'g';
		"INSERT INTO t$_ SELECT g, v, binary_quantize(v)::bit(24), v::sparsevec FROM generate_series($from, $to) g, LATERAL (SELECT $v AS v) s"
	} 0 .. $#indexes;
}

# The nearest rows of each index and by the table
sub answers
{
	my $sql = 'SET enable_sort = off; ';

	for my $n (0 .. $#indexes)
	{
		my $target = sprintf $vector, '0.777';
		my $distance = sprintf $indexes[$n][1], $target;

		$sql .= "SET enable_seqscan = $_; SET enable_indexscan = " . ($_ eq 'on' ? 'off' : 'on') .
		  "; SELECT '$n $_ ' || string_agg(d::text, ' ') FROM (SELECT round(($distance)::numeric, 5) AS d FROM t$n ORDER BY $distance LIMIT 20) k;\n"
		  for 'on', 'off';
	}
	return run($sql);
}

sub by_table { return join "\n", grep { / on / } split /\n/, $_[0] }
sub by_index { return join "\n", grep { / off / } split /\n/, $_[0] }
sub digest { return md5_hex(join '', map { run("COPY (SELECT * FROM t$_ ORDER BY id) TO STDOUT") } 0 .. $#indexes) }
my $checks = join ';', map { "SELECT vector_index_check('t$_" . "_i', true)" } 0 .. $#indexes;

for my $name ('old', 'new')
{
	my @options = ('-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C');

	# the default of 18, and no option of older ones
	push @options, '--no-data-checksums' if (run_command([ "$bindir{$name}/initdb", '--help' ]))[0] =~ /no-data-checksums/;
	system_or_bail("$bindir{$name}/initdb", '-D', data($name), @options);
}
start('old');
my $from = run('SHOW server_version');
is(run('CREATE EXTENSION vector_ext; CREATE EXTENSION vector; CREATE DATABASE alias'), '', 'extensions');
is(run('CREATE EXTENSION vector; CREATE TABLE a AS SELECT g AS id, ARRAY[g, 1]::vector(2) AS v FROM generate_series(1, 100) g; CREATE INDEX a_v ON a USING hnsw (v vector_l2_ops)', 'alias'), '', 'a database with the alias alone');
is(run(join ';', map { "CREATE TABLE t$_ (id int, v vector(24), b bit(24), s sparsevec(24))" } 0 .. $#indexes), '', 'tables');
is(run(fill(1, 1500)), '', 'rows');
is(run(join ';', map { "CREATE INDEX t$_" . "_i ON t$_ USING $indexes[$_][0]" } 0 .. $#indexes), '', 'indexes');
# what has come and gone since
is(run(fill(1501, 1700) . join '', map { "; DELETE FROM t$_ WHERE id % 7 = 0; VACUUM t$_" } 0 .. $#indexes), '', 'rows come and go');
my $before = answers();
is(scalar(() = $before =~ /^\d+ o/mg), 2 * @indexes, 'each index and table answers');
my $digest = digest();
is(run($checks) =~ s/\n//gr, '', 'indexes are whole');
stop('old');

chdir $ENV{PGHOST} or die "$!";
command_ok([ "$bindir{new}/pg_upgrade", '--no-sync', '-U', 'postgres', '-d', data('old'), '-D', data('new'), '-b', $bindir{old}, '-B', $bindir{new}, '-s', $ENV{PGHOST} ], 'upgraded');
start('new');
my $to = run('SHOW server_version');
isnt($to, $from, "from $from to $to");
is(digest(), $digest, 'the same values');
my $after = answers();
is(by_table($after), by_table($before), 'the same answers by the tables');
is(by_index($after), by_index($before), 'the same answers by the indexes');
is(run($checks) =~ s/\n//gr, '', 'indexes are whole');
is(run('SELECT count(*) FROM vector_foreign_indexes()'), '0', 'and ours');
is(run(fill(1701, 1900) . join '', map { "; DELETE FROM t$_ WHERE id % 5 = 0; VACUUM t$_" } 0 .. $#indexes), '', 'rows come and go');
is(run($checks) =~ s/\n//gr, '', 'indexes are whole');
is(run(join ';', map { "REINDEX INDEX CONCURRENTLY t$_" . '_i' } 0 .. $#indexes), '', 'REINDEX');
is(run($checks) =~ s/\n//gr, '', 'indexes are whole');
is(run(q{SET enable_seqscan = off; SELECT id FROM a ORDER BY v <-> '[40.2,1]' LIMIT 2; SELECT vector_index_check('a_v', true)}, 'alias'), "40\n41\n", 'the alias, too');
stop('new');
unlike(slurp_file(log_of($_)), qr/PANIC:|TRAP:|terminated by signal/, "$_: the log is clean") for 'old', 'new';

done_testing();
