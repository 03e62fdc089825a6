# While VACUUM splits and merges lists over and over, and their pages are used
# again, every scan finds every row that its snapshot sees, on the primary and on
# a standby that checks each page it replays.

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

my $point = 'ARRAY[:place + sin(g), cos(g)]';
my $first = $point =~ s/:place/0/r;
$primary->safe_psql('postgres', qq{
	CREATE TABLE moving (id int, v vector(2), w vector(2), h vector(2));
	INSERT INTO moving SELECT g, $first, $first, $first FROM generate_series(1, 3000) g;
	CREATE INDEX moving_v ON moving USING ivfflat (v) WITH (lists = 20);
	CREATE INDEX moving_w ON moving USING ivfpq (w) WITH (lists = 20);
	CREATE INDEX moving_h ON moving USING ivfpq (h) WITH (lists = 20, rerank = heap)});
$primary->wait_for_catchup('standby');

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/insert.sql", qq{
\\set place random(2, 100)
INSERT INTO moving SELECT :place, $point, $point, $point FROM generate_series(1, 150) g;
DELETE FROM moving WHERE id = :place + 13;
});
append_to_file("$dir/vacuum.sql", "VACUUM moving;\nSELECT pg_sleep(0.02);\n");

# In one statement, so with one snapshot: as many rows by each index as there are.
my $all = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;
	SET ivfflat.probes = 32768; SET ivfpq.probes = 32768; SET ivfpq.candidates = 1000000;';
my $differ = "$all SELECT string_agg(n, ' ') FROM (" . join(' UNION ALL ', map {
	"SELECT '$_ ' || (SELECT count(DISTINCT c) FROM (SELECT ctid AS c FROM moving ORDER BY $_ <-> '[30,1]') s) || ' of ' ||
		(SELECT count(*) FROM moving) AS n WHERE (SELECT count(DISTINCT c) FROM (SELECT ctid AS c FROM moving ORDER BY $_ <-> '[30,1]') s)
		<> (SELECT count(*) FROM moving)" } qw(v w h)) . ') d';

my ($out, $err) = ('', '');
my @load = map {
	IPC::Run::start([ 'pgbench', '-n', '-T', '16', '-c', $_ eq 'insert' ? 2 : 1, '-f', "$dir/$_.sql", $primary->connstr('postgres') ],
		'>', \$out, '2>', \$err)
} qw(insert vacuum);
my $until = time + 15;
my ($rounds, %wrong, $replaced) = (0);
while (time < $until)
{
	for my $node ($primary, $standby)
	{
		my ($status, $found, $message) = $node->psql('postgres', $differ);

		# rows that a sort had collected: on a standby a page may be used again meanwhile
		if ($node == $standby && $status != 0 && $message =~ /was replaced during the scan/) { $replaced++ }
		elsif ($status != 0) { $wrong{ $node->name . ': ' . $message }++ }
		elsif ($found ne '') { $wrong{ $node->name . ': ' . $found }++ }
		$rounds++;
	}
}
$_->finish for @load;
diag("$rounds statements, ", $replaced // 0, ' to be repeated');
cmp_ok($rounds, '>', 5, 'both were read');
is(join("\n", sort keys %wrong), '', 'every scan found all rows');
unlike($err, qr/ERROR|aborted/, 'the load went well');
for my $index (qw(moving_v moving_w moving_h))
{
	my $generation = $primary->safe_psql('postgres', "SELECT value FROM vector_index_info('$index') WHERE name = 'generation'");

	cmp_ok($generation, '>', 4, "$index: lists were replaced while it was read");
}
$primary->wait_for_catchup('standby');
for my $node ($primary, $standby)
{
	is($node->safe_psql('postgres', "SELECT vector_index_check('$_', true)"), '', "$_ is whole on the " . $node->name)
	  for qw(moving_v moving_w moving_h);
	is($node->safe_psql('postgres', $differ), '', 'all rows are found on the ' . $node->name);
	is(crashes($node), '', 'the log of the ' . $node->name . ' is clean');
}
unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'all pages were replayed as they were');

done_testing();
