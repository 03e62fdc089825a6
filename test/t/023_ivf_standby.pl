# While rows come, go and take each other's room on the primary, a standby
# answers, and its indexes are whole whenever it looks: a false alarm would be as
# bad as none.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VectorTest;

my $primary = vector_node('primary', allows_streaming => 1, conf => "autovacuum = off\nwal_keep_size = 4GB\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nhot_standby_feedback = off\n");
$standby->start;

$primary->safe_psql('postgres', q{
	CREATE TABLE many (id int, v vector(2));
	INSERT INTO many SELECT g, ARRAY[sin(g), cos(g)] FROM generate_series(1, 60000) g;
	CREATE INDEX many_pq ON many USING ivfpq (v) WITH (lists = 50);
	CREATE INDEX many_flat ON many USING ivfflat (v vector_ip_ops) WITH (lists = 50)});
$primary->wait_for_catchup('standby');
my $churn = PostgreSQL::Test::Utils::tempdir() . '/churn.sql';
append_to_file($churn, q{
\set id random(1, 58000)
DELETE FROM many WHERE id BETWEEN :id AND :id + 2000;
VACUUM many;
INSERT INTO many SELECT g, ARRAY[sin(g + random()), cos(g + 7 * random())] FROM generate_series(:id, :id + 2000) g;
});
my ($out, $err) = ('', '');
my $load = IPC::Run::start([ 'pgbench', '-n', '-T', '13', '-c', '1', '-f', $churn, $primary->connstr('postgres') ], '>', \$out, '2>', \$err);
my $until = time + 12;
my ($rounds, %errors) = (0);
while (time < $until)
{
	for my $sql ("SELECT vector_index_check('many_pq')", "SELECT vector_index_check('many_flat')",
		map { "SET enable_seqscan = off; SELECT count(DISTINCT c) FROM (SELECT ctid AS c FROM $_ LIMIT 50) k" }
		"many ORDER BY v <-> '[1,0]'", "many ORDER BY v <#> '[1,0]'")
	{
		my ($status, $count, $message) = $standby->psql('postgres', $sql);

		$errors{ $message =~ s/\d+/N/gr }++ if $status != 0;
		$errors{"$count rows"}++ if $status == 0 && $sql =~ /count/ && $count ne '50';
		$rounds++;
	}
}
ok($load->finish, 'the load on the primary went well') or diag($err);
cmp_ok($rounds, '>', 20, 'the standby was read');
is(join("\n", map { "$errors{$_} times $_" } sort keys %errors), '', 'and answered every time');

$primary->wait_for_catchup('standby');
for my $node ($primary, $standby)
{
	is($node->safe_psql('postgres', "SELECT vector_index_check('many_pq', true), vector_index_check('many_flat', true)"), '|',
		'in the end the indexes are whole on the ' . $node->name);
	is(crashes($node), '', 'the log of the ' . $node->name . ' is clean');
}

done_testing();
