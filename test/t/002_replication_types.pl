# A standby has the rows of its primary byte for byte; a logical subscriber gets
# vectors too, in columns added while the subscription runs as well.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $rows = q{
	SELECT g, ARRAY[g, -g, g / 7.0]::vector(3), ARRAY[g, 1]::halfvec(2),
		ARRAY[0, g]::sparsevec(2), (SELECT array_agg(sin(g * i))::vector FROM generate_series(1, 2000) i)
	FROM generate_series(%d, %d) g};

my $primary = vector_node('primary', allows_streaming => 'logical',
	conf => "wal_consistency_checking = all\n");
$primary->safe_psql('postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(2), s sparsevec(2), wide vector);
	CREATE INDEX items_v ON items (v);
	CREATE INDEX items_h ON items USING hash (h)});
$primary->safe_psql('postgres', 'INSERT INTO items ' . sprintf($rows, 1, 500));

# Streaming: half of the rows come with the backup, half by WAL.
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', 'INSERT INTO items ' . sprintf($rows, 501, 1000));
$primary->safe_psql('postgres', q{
	UPDATE items SET v = v + '[1,1,1]', wide = wide * wide WHERE id % 3 = 0;
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items});
$primary->wait_for_catchup($standby);

my $expected = all_rows($primary, 'postgres', 'items');
cmp_ok(scalar(split /^/, $expected), '==', 800, 'the primary has rows to compare');
ok(all_rows($standby, 'postgres', 'items') eq $expected, 'the standby has the same rows');

my $by_index = q{SET enable_seqscan = off; SELECT id FROM items WHERE v = '[7,-7,1]' OR v < '[4,-9,0]' ORDER BY v};
my $by_distance = q{SELECT id FROM items ORDER BY v <-> '[100,1,1]' LIMIT 10};
for my $query ($by_index, $by_distance)
{
	my $answer = $primary->safe_psql('postgres', $query);
	isnt($answer, '', 'the primary answers');
	is($standby->safe_psql('postgres', $query), $answer, 'the standby answers the same');
}
is(crashes($standby), '', 'replay found every page as the primary left it');

# The standby works on its own after promotion.
$standby->promote;
$standby->safe_psql('postgres', "INSERT INTO items (id, v) VALUES (2000, '[1,2,3]')");
is($standby->safe_psql('postgres', q{SELECT id FROM items WHERE v = '[1,2,3]'}),
	'2000', 'the promoted standby takes vectors');
$standby->stop;

# Logical replication, in text and in binary.
my $subscriber = vector_node('subscriber', allows_streaming => 'logical');
my $connstr = $primary->connstr . ' dbname=postgres';
for my $binary ('false', 'true')
{
	my $table = "published_$binary";

	$_->safe_psql('postgres', "CREATE TABLE $table (id int PRIMARY KEY, v vector(3), s sparsevec)")
	  for ($primary, $subscriber);
	$primary->safe_psql('postgres', qq{
		INSERT INTO $table SELECT g, ARRAY[g, g, 1 / 3.0], ARRAY[g, 0] FROM generate_series(1, 50) g;
		CREATE PUBLICATION $table FOR TABLE $table});
	$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION $table CONNECTION '$connstr' PUBLICATION $table WITH (binary = $binary)");
	$subscriber->wait_for_subscription_sync($primary, $table);

	$primary->safe_psql('postgres', qq{
		UPDATE $table SET v = v - '[1,0,0]' WHERE id < 10;
		DELETE FROM $table WHERE id = 50});
	$_->safe_psql('postgres', "ALTER TABLE $table ADD COLUMN h halfvec(3)")
	  for ($subscriber, $primary);
	$primary->safe_psql('postgres', qq{
		INSERT INTO $table VALUES (51, '[1,2,3]', '{2:1}/2', '[0.1,-65504,6e-8]')});
	$primary->wait_for_catchup($table);

	my $published = all_rows($primary, 'postgres', $table);
	like($published, qr/51,"\[1,2,3\]",\{2:1\}\/2,"\[0\.0999/, "binary = $binary: the publisher's rows");
	is(all_rows($subscriber, 'postgres', $table), $published,
		"binary = $binary: the subscriber has the same rows");
	my $query = "SELECT * FROM $table ORDER BY id";
	ok(binary_rows($subscriber, 'postgres', $query) eq binary_rows($primary, 'postgres', $query),
		"binary = $binary: to the last bit");
}
is(crashes($_), '', 'the log is clean') for ($primary, $subscriber);

done_testing();
