# While rows come, go and take each other's room on the primary, a standby
# answers, and its indexes are whole whenever it looks: a false alarm would be as
# bad as none.  What is replayed is what was written; and after all the standby
# becomes a primary.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VectorTest;

my $primary = vector_node('primary', allows_streaming => 1,
	conf => "autovacuum = off\nwal_keep_size = 4GB\nwal_consistency_checking = all\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nhot_standby_feedback = off\n");
$standby->start;

# Tables: how many rows of how many dimensions, what value row g has, how many of
# them go and come at a time; indexes, and by which operators they are asked.
my %tables = (
	lists => { rows => 60000, dim => 2, value => 'ARRAY[sin(g + :r), cos(g + 7 * :r)]', churn => 2000,
		indexes => { lists_pq => 'ivfpq (v) WITH (lists = 50)', lists_flat => 'ivfflat (v vector_ip_ops) WITH (lists = 50)' },
		exactly => 'SET ivfpq.probes = 50; SET ivfpq.candidates = 1000000; SET ivfflat.probes = 50;' },
	nodes => { rows => 4000, dim => 24, value => '(SELECT array_agg(sin(i * (g + :r) * 0.37 + i * i)) FROM generate_series(1, 24) i)', churn => 150,
		indexes => { nodes_coded => 'hnsw (v vector_l2_ops)', nodes_bare => 'hnsw (v vector_ip_ops) WITH (m = 4, codes = none)' },
		exactly => 'SET hnsw.iterative_scan = relaxed_order;' },
	# few values: chains of TIDs
	chains => { rows => 2000, dim => 2, value => 'ARRAY[g % 20, 1 + floor(2 * :r)]', churn => 300,
		indexes => { chains_v => 'hnsw (v vector_l2_ops)', chains_ip => 'hnsw (v vector_ip_ops)' },
		exactly => 'SET hnsw.iterative_scan = relaxed_order;' });
my $dir = PostgreSQL::Test::Utils::tempdir();

for my $table (sort keys %tables)
{
	my %t = %{ $tables{$table} };
	my ($first, $new) = map { my $r = $_; $t{value} =~ s/:r/$r/gr } ('0', 'random()');

	$primary->safe_psql('postgres', "CREATE TABLE $table (id int, v vector($t{dim}));
		INSERT INTO $table SELECT g, $first FROM generate_series(1, $t{rows}) g;"
		  . join('', map { "CREATE INDEX $_ ON $table USING $t{indexes}{$_};" } sort keys %{ $t{indexes} }));
	append_to_file("$dir/$table.sql", "\\set id random(1, $t{rows} - $t{churn})
DELETE FROM $table WHERE id BETWEEN :id AND :id + $t{churn};
VACUUM $table;
INSERT INTO $table SELECT g, $new FROM generate_series(:id, :id + $t{churn}) g;
");
}
$primary->wait_for_catchup('standby');

# In one statement, so with one snapshot: does an index find as many rows as there are?
sub differ
{
	my ($table) = @_;
	my $target = "array_fill(0.5, ARRAY[$tables{$table}{dim}])::vector";

	return "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; $tables{$table}{exactly} SELECT string_agg(n, ' ') FROM (" . join(' UNION ALL ', map {
		"SELECT (SELECT count(DISTINCT c) || ' and ' || count(*) FROM (SELECT ctid AS c FROM $table ORDER BY v $_ $target) s) || ' by $_' AS n, count(*) AS of FROM $table" } ('<->', '<#>'))
	  . ") d WHERE n !~ ('^' || of || ' and ' || of || ' ')";
}

sub first_rows
{
	return map { "SET enable_seqscan = off; SELECT count(DISTINCT c) FROM (SELECT ctid AS c FROM $_[0] ORDER BY v $_ array_fill(0.7, ARRAY[$tables{$_[0]}{dim}])::vector LIMIT 50) k" } ('<->', '<#>');
}

my ($out, $err) = ('', '');
my @load = map {
	IPC::Run::start([ 'pgbench', '-n', '-T', '17', '-c', '1', '-f', "$dir/$_.sql", $primary->connstr('postgres') ], '>', \$out, '2>', \$err)
} sort keys %tables;
my $until = time + 16;
my ($rounds, %errors) = (0);
while (time < $until)
{
	for my $table (sort keys %tables)
	{
		for my $sql ((map { "SELECT vector_index_check('$_')" } sort keys %{ $tables{$table}{indexes} }), first_rows($table),
			$table eq 'lists' ? () : differ($table))
		{
			my ($status, $found, $message) = $standby->psql('postgres', $sql);

			$errors{ "$table: " . $message =~ s/\d+/N/gr }++ if $status != 0;
			$errors{"$table: $found rows"}++ if $status == 0 && $sql =~ /count/ && $found ne ($sql =~ /LIMIT 50/ ? '50' : '');
			$rounds++;
		}
	}
}
ok($_->finish, 'the load on the primary went well') or diag($err) for @load;
cmp_ok($rounds, '>', 20, 'the standby was read');
is(join("\n", map { "$errors{$_} times $_" } sort keys %errors), '', 'and answered every time');

sub whole
{
	my ($node, $when) = @_;

	for my $table (sort keys %tables)
	{
		is($node->safe_psql('postgres', "SELECT vector_index_check('$_', true)"), '', "$when $_ is whole on the " . $node->name)
		  for sort keys %{ $tables{$table}{indexes} };
		is($node->safe_psql('postgres', differ($table)), '', "$when $table is found on the " . $node->name);
	}
}

$primary->wait_for_catchup('standby');
whole($_, 'in the end') for ($primary, $standby);
$primary->stop('immediate');
$standby->promote;
whole($standby, 'as it takes over');
for my $table (sort keys %tables)
{
	my $new = $tables{$table}{value} =~ s/:r/random()/gr;

	$standby->safe_psql('postgres', $_) for ("DELETE FROM $table WHERE id % 3 = 0", "VACUUM $table",
		"INSERT INTO $table SELECT g, $new FROM generate_series(1, $tables{$table}{churn}) g", "DELETE FROM $table WHERE id % 7 = 0", "VACUUM $table");
}
whole($standby, 'with rows of its own');
is(crashes($_), '', 'the log of the ' . $_->name . ' is clean') for ($primary, $standby);

done_testing();
