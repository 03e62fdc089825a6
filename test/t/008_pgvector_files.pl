# Indexes whose files pgvector has written, as they are when its library was replaced
# by ours: nobody scans them, what would change them says how to build them anew, and
# that is all that has to be done.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgvectorFiles;
use VectorTest;

my $node = vector_node('main', conf => "autovacuum = off\nclient_min_messages = notice\n");
my %name = (hnsw => 'public.items_h', ivfflat => '"Odd Names"."An ""index"', part => 'public.part_1_v_idx', old => 'public.old_v', mine => 'public.mine_v');

$node->safe_psql('postgres', q{
	CREATE SCHEMA "Odd Names";
	CREATE TABLE items (id int PRIMARY KEY, v vector(4), note text) WITH (fillfactor = 50);
	INSERT INTO items SELECT g, ARRAY[g, 1, 2, 3]::vector FROM generate_series(1, 8) g;
	CREATE INDEX items_h ON items USING hnsw (v vector_l2_ops);
	CREATE TABLE "Odd Names".lists AS SELECT * FROM items;
	CREATE INDEX "An ""index" ON "Odd Names".lists USING ivfflat (v vector_l2_ops) WITH (lists = 1);
	CREATE TABLE part (id int, v vector(4)) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (5);
	CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (5) TO (10);
	INSERT INTO part SELECT id, v FROM items;
	CREATE INDEX ON part USING hnsw (v vector_l2_ops);
	CREATE TABLE old AS SELECT * FROM items;
	CREATE INDEX old_v ON old USING hnsw (v vector_l2_ops);
	CREATE ROLE owner;
	CREATE ROLE reader IN ROLE pg_monitor;
	CREATE ROLE other;
	CREATE TABLE mine AS SELECT * FROM items;
	CREATE INDEX mine_v ON mine USING ivfflat (v vector_l2_ops) WITH (lists = 1);
	ALTER TABLE mine OWNER TO owner;
	CREATE TABLE ours AS SELECT * FROM items;
	CREATE INDEX ours_v ON ours USING hnsw (v vector_l2_ops)});

my %rows; # TIDs and elements of the table
my %file;
for my $index (keys %name)
{
	my ($table, $file) = split /\|/, $node->safe_psql('postgres', "SELECT indrelid::regclass, pg_relation_filepath(indexrelid) FROM pg_index WHERE indexrelid = '$name{$index}'::regclass");

	$file{$index} = $node->data_dir . "/$file";
	$rows{$index} = [ map { [ /(-?\d+)/g ] } split /\n/, $node->safe_psql('postgres', "SELECT ctid, v FROM $table ORDER BY id") ];
}
$node->stop;
without_checksums($node);
for my $index (keys %name)
{
	open my $f, '>', $file{$index} or die "$file{$index}: $!";
	binmode $f;
	print $f $index =~ /ivfflat|mine/ ? pgvector_ivfflat(@{ $rows{$index} }) : pgvector_hnsw(16, @{ $rows{$index} });
	close $f;
}
my %bytes = map { $_ => slurp_file($file{$_}) } keys %name;
$node->start;

# Its output, and its messages.
sub run
{
	my ($sql, %options) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 0, %options);

	return ($out, $err);
}

my $near = q{ORDER BY v <-> '[5.2,1,2,3]' LIMIT 3};
my ($out, $err);

# Scans
for (1, 2)
{
	($out, $err) = run(qq{SET enable_seqscan = off; SELECT id FROM items $near; SELECT id FROM items $near; SELECT id FROM "Odd Names".lists $near; EXPLAIN (COSTS off) SELECT id FROM items $near});
	like($out, qr/^5\n6\n4\n5\n6\n4\n5\n6\n4\n/, "session $_: the table answers");
	unlike($out, qr/items_h/, "session $_: not the index");
	is(scalar(() = $err =~ /WARNING/g), 2, "session $_: one warning an index");
	like($err, qr/WARNING:  index "items_h" was built by pgvector and is not used\nHINT:  Run REINDEX INDEX CONCURRENTLY public.items_h\.\n/, "session $_: which says what to do");
	like($err, qr/HINT:  Run REINDEX INDEX CONCURRENTLY "Odd Names"."An ""index"\.$/, "session $_: with a name to be quoted");
}
($out, $err) = run(q{SET enable_seqscan = off; SELECT v FROM items WHERE id = 3; SELECT count(*) FROM items; ANALYZE items; SELECT id FROM ours ORDER BY v <-> '[2,1,2,3]' LIMIT 1});
is($out, "[3,1,2,3]\n8\n2", 'other questions, other indexes');
is($err, '', 'say nothing');
($out, $err) = run(qq{SELECT id FROM part $near});
is($out, "5\n6\n4", 'partitions, of which one has such an index');
like($err, qr/WARNING:  index "part_1_v_idx"/, 'of which it is said');
($out, $err) = run(q{SET enable_seqscan = off; SELECT id FROM items WHERE v <-> '[5,1,2,3]' < 1.5 AND id > 4 ORDER BY v <-> '[5,1,2,3]'; SELECT id FROM items ORDER BY 1 - (v <-> '[5,1,2,3]') DESC LIMIT 1; SELECT o.id FROM ours o, LATERAL (SELECT id FROM items i ORDER BY i.v <-> o.v LIMIT 1) n WHERE n.id <> o.id});
is($out, "5\n6\n5", 'filters, other forms of the order, joins');
is(scalar(() = $err =~ /WARNING/g), 1, 'warn once');

# Writes
($out, $err) = run(q{INSERT INTO items VALUES (20, '[1,2,3,4]')}, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($err, qr/ERROR:  55000: index "items_h" was built by pgvector\nHINT:  Run REINDEX INDEX CONCURRENTLY public.items_h\.\n/, 'INSERT');
($out, $err) = run(q{INSERT INTO "Odd Names".lists VALUES (20, '[1,2,3,4]')});
like($err, qr/ERROR:  index "An "index" was built by pgvector\nHINT:  Run REINDEX INDEX CONCURRENTLY "Odd Names"."An ""index"\.$/, 'INSERT, ivfflat');
($out, $err) = run(q{UPDATE items SET v = '[0,0,0,0]' WHERE id = 1; INSERT INTO part VALUES (1, '[1,2,3,4]'), (2, '[1,2,3,4]')});
is(scalar(() = $err =~ /ERROR/g), 2, 'UPDATE of the vector, INSERT through a partitioned table');
($out, $err) = run(q{UPDATE items SET note = 'seen' WHERE id = 2; INSERT INTO items VALUES (21, NULL); DELETE FROM items WHERE id IN (7, 8, 21); DELETE FROM "Odd Names".lists WHERE id = 8; INSERT INTO part VALUES (9, '[1,2,3,4]'); SELECT count(*), count(note) FROM items});
is("$out$err", '6|1', 'what the index is not asked for');

# VACUUM
($out, $err) = run('VACUUM (INDEX_CLEANUP ON) items; VACUUM (INDEX_CLEANUP ON) items; VACUUM (INDEX_CLEANUP ON, PARALLEL 2) "Odd Names".lists; VACUUM (FREEZE) part; ANALYZE');
unlike($err, qr/ERROR/, 'VACUUM does not fail');
is(scalar(() = $err =~ /WARNING/g), 3, 'and warns once an index');
$node->safe_psql('postgres', 'CHECKPOINT');
is(slurp_file($file{$_}), $bytes{$_}, "$_: the file is what it was") for sort keys %name;
($out, $err) = run(qq{SELECT count(*) FROM items; SELECT id FROM items $near});
is($out, "6\n5\n6\n4", 'the rest is there');
like(sql_error($node, 'postgres', "SELECT vector_index_$_"), qr/index "items_h" was built by pgvector/, $_)
  for q{check('items_h')}, q{info('items_h')}, q{rebalance('items_h')};

# Which are they?
my $all = q{SELECT index, "table", command FROM vector_foreign_indexes() ORDER BY index::text COLLATE "C"};
is($node->safe_psql('postgres', $all), <<'EOT' =~ s/\n\z//r, 'all of them, with commands');
"Odd Names"."An ""index"|"Odd Names".lists|REINDEX INDEX CONCURRENTLY "Odd Names"."An ""index"
items_h|items|REINDEX INDEX CONCURRENTLY public.items_h
mine_v|mine|REINDEX INDEX CONCURRENTLY public.mine_v
old_v|old|REINDEX INDEX CONCURRENTLY public.old_v
part_1_v_idx|part_1|REINDEX INDEX CONCURRENTLY public.part_1_v_idx
EOT
for my $case ([ 'owner', 1 ], [ 'reader', 5 ], [ 'other', 0 ])
{
	my ($role, $expected) = @$case;
	is($node->safe_psql('postgres', "SET ROLE $role; SELECT count(*) FROM vector_foreign_indexes()"), $expected, "as $role: $expected");
}

# Other ways than REINDEX
$node->safe_psql('postgres', 'VACUUM FULL old');
is($node->safe_psql('postgres', $all) =~ /old_v/, '', 'VACUUM FULL builds it anew');
$node->safe_psql('postgres', 'TRUNCATE mine');
is($node->safe_psql('postgres', $all) =~ /mine_v/, '', 'so does TRUNCATE');

# The whole cure
($out, $err) = run('SELECT command FROM vector_foreign_indexes() \gexec');
is("$out$err", '', 'the commands run');
is($node->safe_psql('postgres', $all), '', 'none is left');
for my $index ('items_h', 'part_1_v_idx', '"Odd Names"."An ""index"')
{
	is(sql_error($node, 'postgres', "SELECT vector_index_check('" . ($index =~ s/'/''/gr) . "', true)"), '', "$index is whole");
}
($out, $err) = run(qq{SET enable_seqscan = off; SET enable_sort = off; INSERT INTO items VALUES (20, '[5.3,1,2,3]'); SELECT id FROM items $near; EXPLAIN (COSTS off) SELECT id FROM items $near; SELECT id FROM "Odd Names".lists $near; DELETE FROM items WHERE id = 5; VACUUM items; SELECT id FROM items $near});
is($err, '', 'nothing to warn of');
like($out, qr/^20\n5\n6\n.*Index Scan using items_h.*\n5\n6\n4\n20\n6\n4$/s, 'the index answers, takes rows and loses them');
is(crashes($node), '', 'the log is clean');

done_testing();
