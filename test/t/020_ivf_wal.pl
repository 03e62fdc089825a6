# A standby replays builds, inserts, deletes and VACUUM of ivfpq and ivfflat
# indexes to the same bytes, answers like its primary, and can take over.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $primary = vector_node('primary', allows_streaming => 1,
	conf => "wal_consistency_checking = all\nautovacuum = off\nmax_wal_size = 1GB\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nhot_standby_feedback = off\n");
$standby->start;

# Three ways to lay out a segment: codes with half precision copies, vectors
# alone, vectors that take several pages each.
my %tables = (
	coded => [ 16, 2000, 'ivfpq (v vector_cosine_ops)', '<=>' ],
	plain => [ 16, 2000, 'ivfflat (v vector_l2_ops)', '<->' ],
	heaps => [ 16, 2000, 'ivfpq (v vector_ip_ops) WITH (rerank = heap)', '<#>' ],
	large => [ 2100, 40, 'ivfpq (v vector_l2_ops)', '<->' ]);
my $vector = q{(SELECT array_agg(sin(i * g * 0.37 + i * i))::vector FROM generate_series(1, %d) i)};
my $all = 'SET ivfpq.probes = 32768; SET ivfpq.candidates = 1000000; SET ivfflat.probes = 32768;';

sub rows
{
	my ($table, $from, $to) = @_;

	return sprintf "INSERT INTO $table SELECT g, $vector FROM generate_series($from, $to) g;", $tables{$table}[0];
}

# The distances of the nearest, by the index or without.
sub nearest
{
	my ($node, $table, $index) = @_;
	my ($dim, undef, undef, $op) = @{ $tables{$table} };
	my $target = sprintf $vector =~ s/g \*/0.7 */r, $dim;

	return $node->safe_psql('postgres', "$all SET enable_"
		  . ($index ? 'seqscan' : 'indexscan') . " = off;
		SELECT string_agg((v $op ($target))::text, ' ') FROM (SELECT v FROM $table ORDER BY v $op ($target) LIMIT 60) k");
}

# Both have the rows that a full sort finds, and whole indexes.
sub same
{
	my ($what) = @_;

	$primary->wait_for_catchup('standby');
	for my $table (sort keys %tables)
	{
		my $exact = nearest($primary, $table, 0);

		is(nearest($primary, $table, 1), $exact, "$what: $table, the primary's answer");
		is(nearest($standby, $table, 1), $exact, "$what: $table, the standby's answer");
		is($_->safe_psql('postgres', "SELECT vector_index_check('${table}_v', true)"), '',
			"$what: $table is whole on the " . $_->name) for ($primary, $standby);
	}
}

for my $table (sort keys %tables)
{
	my ($dim, $n, $index) = @{ $tables{$table} };

	$primary->safe_psql('postgres', "CREATE TABLE $table (id int, v vector($dim));"
		  . rows($table, 1, $n) . "CREATE INDEX ${table}_v ON $table USING $index");
}
same('built');

$primary->safe_psql('postgres', rows($_, 3001, 3000 + $tables{$_}[1] / 2)) for sort keys %tables;
same('inserted');

$primary->safe_psql('postgres', "DELETE FROM $_ WHERE id % 3 = 0; VACUUM $_;") for sort keys %tables;
$primary->safe_psql('postgres', "VACUUM $_") for sort keys %tables;
same('deleted');

$primary->safe_psql('postgres', rows($_, 6001, 6000 + $tables{$_}[1])) for sort keys %tables;
$primary->safe_psql('postgres', 'REINDEX INDEX coded_v; TRUNCATE plain; ' . rows('plain', 1, 900));
same('inserted again');

# The standby takes over, in the middle of a transaction.
my $stdin = "BEGIN;\n" . rows('coded', 9001, 9100) . "SELECT 'inserted';\nSELECT pg_sleep(100);\n";
my $open = IPC::Run::start([ 'psql', '-XAtq', '-d', $primary->connstr('postgres') ], '<', \$stdin, '>', \my $output, '2>', \my $ignored);
$open->pump until $output =~ /inserted/;
$primary->safe_psql('postgres', 'CREATE TABLE flush ()');
$primary->wait_for_catchup('standby');
$standby->promote;
$primary->stop('immediate');
eval { $open->kill_kill };
for my $table (sort keys %tables)
{
	is($standby->safe_psql('postgres', "SELECT vector_index_check('${table}_v', true)"), '', "promoted: $table is whole");
	$standby->safe_psql('postgres', "DELETE FROM $table WHERE id % 5 = 1; VACUUM $table;"
		  . rows($table, 9201, 9200 + $tables{$table}[1] / 4));
	is($standby->safe_psql('postgres', "SELECT vector_index_check('${table}_v', true)"), '', "promoted: $table is whole after changes");
	is(nearest($standby, $table, 1), nearest($standby, $table, 0), "promoted: $table, the answer");
}
is($standby->safe_psql('postgres', 'SELECT count(*) FROM coded WHERE id BETWEEN 9001 AND 9100'), 0, 'the open transaction is gone');
is(crashes($_), '', 'the log of the ' . $_->name . ' is clean') for ($primary, $standby);
unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'all pages were replayed as they were');

done_testing();
