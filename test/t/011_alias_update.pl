# The versions of the extension "vector": all that applications ask for can be
# created and updated, and an update completes what pgvector's scripts made, from
# 0.5.0 on, as if it had been ours from the start.  And back.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my @versions = qw(0.5.0 0.5.1 0.6.0 0.6.1 0.6.2 0.7.0 0.7.1 0.7.2 0.7.3 0.7.4 0.8.0 0.8.1 0.8.2 0.8.3 0.8.4 0.8.5 0.8.6 0.8.7);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub database
{
	my ($name, $template) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE " . ($template // 'template1'));
	return $name;
}

# Members of the extension and what the catalogue says of them, but for OIDs.
sub definitions
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		WITH m AS (SELECT classid AS class, objid AS oid FROM pg_depend WHERE deptype = 'e'
				AND refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector')),
			f AS (SELECT p.* FROM pg_proc p JOIN m ON class = 'pg_proc'::regclass AND m.oid = p.oid),
			amf AS (SELECT m.oid, amname, opfname FROM pg_opfamily o JOIN pg_am a ON a.oid = opfmethod JOIN m ON class = 'pg_opfamily'::regclass AND m.oid = o.oid)
		SELECT pg_describe_object(class, oid, 0), obj_description(oid, class::regclass::name) FROM m
		UNION ALL SELECT oid::regprocedure::text, concat_ws('|', prorettype::regtype, prosrc, probin, provolatile, proisstrict, proparallel, procost, prorows, prosupport::regproc,
				prokind, proretset, array_to_string(proargnames, ',', '-'), array_to_string(proargmodes, ',', '-')) FROM f
		UNION ALL SELECT 'aggregate ' || aggfnoid::regprocedure, concat_ws('|', aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype, agginitval) FROM pg_aggregate WHERE aggfnoid IN (SELECT oid FROM f)
		UNION ALL SELECT oid::regoperator::text, concat_ws('|', oprcanmerge, oprcanhash, oprresult::regtype, oprcom::regoperator, oprnegate::regoperator, oprcode, oprrest, oprjoin)
			FROM pg_operator WHERE oid IN (SELECT oid FROM m WHERE class = 'pg_operator'::regclass)
		UNION ALL SELECT 'type ' || typname, concat_ws('|', typinput, typoutput, typreceive, typsend, typmodin, typstorage, typalign, typarray::regtype)
			FROM pg_type WHERE oid IN (SELECT oid FROM m WHERE class = 'pg_type'::regclass)
		UNION ALL SELECT format('cast %s %s', castsource::regtype, casttarget::regtype), concat_ws('|', castfunc::regprocedure, castcontext)
			FROM pg_cast WHERE oid IN (SELECT oid FROM m WHERE class = 'pg_cast'::regclass)
		UNION ALL SELECT format('class %s %s', amname, opcname), concat_ws('|', opfname, opcintype::regtype, opcdefault) FROM pg_opclass JOIN amf ON amf.oid = opcfamily
		UNION ALL SELECT format('%s %s operator %s', amname, opfname, amopstrategy), concat_ws('|', amopopr::regoperator, amoppurpose) FROM pg_amop JOIN amf ON amf.oid = amopfamily
		UNION ALL SELECT format('%s %s function %s', amname, opfname, amprocnum), concat_ws('|', amproclefttype::regtype, amproc::regprocedure) FROM pg_amproc JOIN amf ON amf.oid = amprocfamily
		ORDER BY 1, 2}) =~ s/-\|/|/gr;
}

sub version
{
	my ($db) = @_;

	return $node->safe_psql($db, q{SELECT extversion FROM pg_extension WHERE extname = 'vector'});
}

# How many members there are of each kind
sub members
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (
			-- from 17 on array types are members, too
			SELECT type AS kind, count(*) AS n FROM pg_depend, pg_identify_object(classid, objid, 0)
			WHERE identity !~ '\[\]$' AND deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector')
			GROUP BY 1) k});
}

#
# By name
#

database('fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION vector');
my $fresh = definitions('fresh');
cmp_ok(scalar(split /^/, $fresh), '>', 1000, 'there are definitions');

database('versions');
my $wrong = '';
for my $version (@versions)
{
	$node->safe_psql('versions', "CREATE EXTENSION vector VERSION '$version'");
	$wrong .= "$version: " . version('versions') if version('versions') ne $version;
	$wrong .= "$version: other objects" if definitions('versions') ne $fresh;
	$node->safe_psql('versions', 'ALTER EXTENSION vector UPDATE');
	$wrong .= "$version: updated to " . version('versions') if version('versions') ne '0.8.7';
	$node->safe_psql('versions', "ALTER EXTENSION vector UPDATE TO '$version'") if $version ne '0.8.7';
	$wrong .= "$version: back at " . version('versions') if version('versions') ne $version;
	$wrong .= "$version: other objects at last" if $version =~ /0$/ && definitions('versions') ne $fresh;
	$node->safe_psql('versions', 'DROP EXTENSION vector');
}
is($wrong, '', 'every version can be created and updated, and has all objects');
like(sql_error($node, 'versions', q{CREATE EXTENSION vector VERSION '0.4.4'}),
	qr/has no installation script nor update path for version "0.4.4"/, 'older ones cannot be created');
$node->safe_psql('fresh', q{UPDATE pg_extension SET extversion = '0.4.4' WHERE extname = 'vector'});
like(sql_error($node, 'fresh', 'ALTER EXTENSION vector UPDATE'),
	qr/extension "vector" of a version before 0.5.0 cannot be updated here\s+HINT:  Update it with pgvector to 0.5.0/,
	'nor updated: what to do');

#
# Catalogues as pgvector makes them.  The way back makes one of 0.8; older ones
# are the same with less in it, and differ in operators and a type.
#

# members, by their identity, that the version after it has and it has not
my %later = (
	'0.8.0' => undef,
	'0.7.0' => '^\((integer|real|double precision|numeric)\[\] AS .*sparsevec\)|array_to_sparsevec',
	'0.6.1' => 'halfvec|sparsevec|vector_l1_ops|bit_hamming_ops|bit_jaccard_ops|<~>|<%>|<\+>|\|\||hamming_distance|jaccard_distance'
	  . '|vector_concat|l2_normalize|binary_quantize|subvector|_bit_support',
	'0.5.0' => undef);
my %different = (
	'0.5.0' => [ 'ALTER TYPE vector SET (STORAGE = extended)',
		'ALTER OPERATOR <= (vector, vector) SET (RESTRICT = scalarltsel, JOIN = scalarltjoinsel)',
		'ALTER OPERATOR >= (vector, vector) SET (RESTRICT = scalargtsel, JOIN = scalargtjoinsel)',
		q{UPDATE pg_operator SET oprcom = oid WHERE oid = '-(vector,vector)'::regoperator} ]);
my $of_vector = 'access method 2, aggregate 2, cast 6, function 35, operator 12, operator class 7, operator family 7, type 1';
my %members = (
	'0.8.0' => 'access method 2, aggregate 4, cast 23, function 114, operator 40, operator class 24, operator family 24, type 3',
	'0.7.0' => 'access method 2, aggregate 4, cast 19, function 110, operator 40, operator class 24, operator family 24, type 3',
	'0.6.1' => $of_vector,
	'0.5.0' => $of_vector);

$node->safe_psql('fresh', q{UPDATE pg_extension SET extversion = '0.8.7' WHERE extname = 'vector'});
my $from = 'fresh';
for my $version ('0.8.0', '0.7.0', '0.6.1', '0.5.0')
{
	my $db = database('pgvector_' . $version =~ tr/.//dr, $from);

	$from = $db;
	$node->safe_psql($db, q{ALTER EXTENSION vector UPDATE TO '0.0.0-pgvector'}) if $version eq '0.8.0';
	# first no members any more, since a member takes the extension with it
	$node->safe_psql($db, qq{
		SET client_min_messages = error;
		DO \$\$
		DECLARE
			objects text[] := ARRAY(SELECT format('%s %s', type, identity)
				FROM pg_depend, pg_identify_object(classid, objid, 0)
				WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
					AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector') AND identity ~ '$later{$version}'
					AND NOT (type = 'type' AND identity ~ '\\[\\]\$'));
			object text;
		BEGIN
			FOREACH object IN ARRAY objects LOOP
				EXECUTE 'ALTER EXTENSION vector DROP ' || object;
			END LOOP;
			FOREACH object IN ARRAY objects LOOP
				EXECUTE 'DROP ' || regexp_replace(object, '^(aggregate|cast|function|operator class|operator family|operator|type)', '\\1 IF EXISTS') || ' CASCADE';
			END LOOP;
		END
		\$\$}) if defined $later{$version};
	$node->safe_psql($db, $_) for (@{ $different{$version} // [] });
	is(members($db), $members{$version}, "$version: as many objects as pgvector has");

	$node->safe_psql('postgres', "ALTER DATABASE $db SET client_min_messages = warning");
	my $moved = database("moved_$db", $db);
	$node->safe_psql($moved, "UPDATE pg_extension SET extversion = '$version' WHERE extname = 'vector'");
	$node->safe_psql($moved, q{CREATE TABLE items AS SELECT g AS id, ARRAY[g, g % 7]::vector(2) AS v FROM generate_series(1, 300) g;
		CREATE VIEW differences AS SELECT v - '[1,1]' AS d, v <= '[9,9]' AS low FROM items;
		CREATE INDEX by_graph ON items USING hnsw (v vector_cosine_ops);
		CREATE INDEX by_lists ON items USING ivfflat (v vector_l2_ops) WITH (lists = 2)});
	my $nearest = q{SET enable_seqscan = off; SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items ORDER BY v <-> '[50,1]' LIMIT 3) n};
	is($node->safe_psql($moved, $nearest), '50 51 49', "$version: before the update indexes answer");
	like($node->safe_psql($moved, "SET enable_seqscan = off; EXPLAIN SELECT id FROM items ORDER BY v <=> '[50,1]' LIMIT 3"), qr/by_graph/, "$version: cosine is known by its norm");
	$node->safe_psql($moved, 'ALTER EXTENSION vector UPDATE');
	is(version($moved), '0.8.7', "$version: updated");
	ok(definitions($moved) eq $fresh, "$version: all is as if it were created here");
	is($node->safe_psql($moved, $nearest), '50 51 49', "$version: indexes answer");
	$node->safe_psql($moved, 'CREATE INDEX ON items USING ivfpq (v)');
	is($node->safe_psql($moved, 'SET enable_sort = off; SELECT count(*) FROM (SELECT v FROM items GROUP BY v) g'), '300', "$version: vectors can be hashed");
	is($node->safe_psql($moved, 'CREATE EXTENSION vector_ext; SELECT count(*) FROM differences WHERE low'), '9', "$version: views stay, vector_ext is welcome");
}

# Newest by name, but made by pgvector
my $named = database('named', 'pgvector_080');
$node->safe_psql($named, q{UPDATE pg_extension SET extversion = '0.8.7' WHERE extname = 'vector'});
like(sql_error($node, $named, 'CREATE EXTENSION vector_ext'),
	qr/does not provide the objects of vector_ext\s+HINT:  .*ALTER EXTENSION vector UPDATE/, 'vector_ext needs the update');
$node->safe_psql($named, q{ALTER EXTENSION vector UPDATE TO '0.0.0-complete'; ALTER EXTENSION vector UPDATE});
is(version($named), '0.8.7', 'over the version between');
ok(definitions($named) eq $fresh, 'it is completed, too');

# The way back is closed by what pgvector does not have
$node->safe_psql($named, 'CREATE TABLE t (v vector(2)); CREATE INDEX t_codes ON t USING ivfpq (v)');
like(sql_error($node, $named, q{ALTER EXTENSION vector UPDATE TO '0.0.0-pgvector'}), qr/cannot drop .*\n.*index t_codes depends on/, 'an index of ours is in the way back');
$node->safe_psql($named, q{DROP INDEX t_codes; ALTER EXTENSION vector UPDATE TO '0.0.0-pgvector'; ALTER EXTENSION vector UPDATE TO '0.8.0'});
is(version($named), '0.8.0', 'back, at the version that will be there');
is(members($named), $members{'0.8.0'}, 'and nothing is left that pgvector does not have');
is($node->safe_psql($named, q{SELECT count(*) FROM pg_proc WHERE prosupport <> 0 AND probin IS NOT NULL}), '0', 'no planner support either');

# Nobody's object becomes the extension's
my $attacked = database('attacked', 'pgvector_050');
$node->safe_psql($attacked, q{UPDATE pg_extension SET extversion = '0.5.0' WHERE extname = 'vector';
	CREATE ROLE mallory; GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory;
	CREATE FUNCTION mine(vector, vector) RETURNS float8 LANGUAGE sql AS 'SELECT 1::float8';
	CREATE OPERATOR <+> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = mine)});
like(sql_error($node, $attacked, 'ALTER EXTENSION vector UPDATE'),
	qr/operator <\+>\(vector,vector\) is not a member of extension "vector"/, 'an operator of somebody else is not taken');
is(version($attacked), '0.5.0', 'nothing has changed');

# Trusted: who may create it may update it
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE DATABASE owned OWNER app');
$node->safe_psql('owned', q{SET ROLE app; CREATE EXTENSION vector VERSION '0.7.4'; ALTER EXTENSION vector UPDATE});
is(version('owned'), '0.8.7', 'by the owner of a database, no superuser');

is(crashes($node), '', 'no backend crashed');
done_testing();
