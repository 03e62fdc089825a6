# Every object of test/data/sql_surface.tsv exists with every property listed
# there, and belongs to the extension.  Objects and properties beyond it are ours
# to add, with one exception: overloads that would make calls ambiguous.

use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main');

# The columns of the first row of a query, as text; SQL's NULL is ''.
sub row
{
	my ($sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $sql);

	return $status == 0 ? split(/\|/, $stdout =~ s/\n.*//sr, -1) : ("error: $stderr");
}

my $member = q{(SELECT deptype FROM pg_depend
	WHERE classid = '%s'::regclass AND objid = %s AND refclassid = 'pg_extension'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext'))};

# "KEY = value, KEY = value" as a hash
sub properties
{
	my ($list) = @_;

	return map { /^(\S+)\s*=\s*'?(.*?)'?$/ ? ($1 => $2) : die "not a property: $_" }
	  split /\s*,\s+/, $list;
}

my %expected_flags = (
	'IMMUTABLE STRICT PARALLEL SAFE' => 'i|t|s',
	'VOLATILE, not strict, PARALLEL UNSAFE' => 'v|f|u');

sub check_function
{
	my ($signature, $result, $symbol, $flags) = @_;

	$result =~ s/^-> // or die;
	$symbol =~ s/^C symbol=// or die;
	is( join('|', row(sprintf q{
			SELECT format_type(prorettype, NULL) = format_type('%s'::regtype, NULL), lanname, prosrc, provolatile, proisstrict, proparallel,
				prokind, proretset, probin LIKE '%%/vector_ext', } . $member . q{
			FROM pg_proc p JOIN pg_language l ON l.oid = prolang WHERE p.oid = to_regprocedure('%s')},
			$result, 'pg_proc', 'p.oid', $signature)),
		"t|c|$symbol|" . ($expected_flags{$flags} // die $flags) . '|f|f|t|e',
		"function $signature");
}

sub check_aggregate
{
	my ($signature, $list) = @_;
	my %p = properties($list);

	is( join('|', row(sprintf q{
			SELECT aggtransfn, format_type(aggtranstype, NULL), nullif(aggfinalfn::oid, 0)::regproc, nullif(aggcombinefn::oid, 0)::regproc,
				agginitval, proparallel, aggkind, nullif(aggsortop, 0), } . $member . q{
			FROM pg_aggregate JOIN pg_proc p ON p.oid = aggfnoid WHERE p.oid = to_regprocedure('%s')},
			'pg_proc', 'p.oid', $signature)),
		join('|', @p{qw(SFUNC STYPE)}, map({ $p{$_} // '' } qw(FINALFUNC COMBINEFUNC INITCOND)),
			{ SAFE => 's' }->{ $p{PARALLEL} }, 'n', '', 'e'),
		"aggregate $signature");
}

sub check_operator
{
	my ($signature, $function, $list) = @_;
	my %p = properties($list =~ s/ ,/,/gr);
	my ($name, $args) = $signature =~ /^(\S+?)(\(.*\))$/ or die $signature;

	$function =~ s/^proc=// or die;
	is( join('|', row(sprintf q{
			SELECT p.proname, format_type(oprresult, NULL) = format_type(p.prorettype, NULL), nullif(oprcom, 0)::regoperator, nullif(oprnegate, 0)::regoperator,
				nullif(oprrest::oid, 0)::regproc, nullif(oprjoin::oid, 0)::regproc, oprkind, oprcanmerge, } . $member . q{
			FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode
			WHERE o.oid = to_regoperator('%s') AND p.proargtypes[0] = oprleft AND p.proargtypes[1] = oprright},
			'pg_operator', 'o.oid', $signature)),
		join('|', $function, 't', map({ defined $p{$_} ? $p{$_} . $args : '' } 'COMMUTATOR', 'NEGATOR'), $p{RESTRICT} // '', $p{JOIN} // '', 'b', 'f', 'e'),
		"operator $signature");
}

sub check_cast
{
	my ($types, $context, $function) = @_;
	my ($source, $target) = split / -> /, $types;

	$function =~ s/^via // or die;
	is( join('|', row(sprintf q{
			SELECT castcontext, castmethod, castfunc = to_regprocedure('%s'), } . $member . q{
			FROM pg_cast c WHERE castsource = to_regtype('%s') AND casttarget = to_regtype('%s')},
			$function, 'pg_cast', 'c.oid', $source, $target)),
		{ IMPLICIT => 'i', ASSIGNMENT => 'a' }->{$context} . '|f|t|e',
		"cast $types");
}

# Beside what is listed: variable length, aligned to 4, category U, an array type
sub check_type
{
	my ($name, $list) = @_;
	my %p = properties($list);

	is( join('|', row(sprintf q{
			SELECT typinput, typoutput, typmodin, typreceive, typsend, typstorage, nullif(typmodout::oid, 0)::regproc, nullif(typanalyze::oid, 0)::regproc,
				typlen, typbyval, typalign, typcategory, typispreferred, typdelim, nullif(typcollation, 0), nullif(typsubscript::oid, 0)::regproc, typarray::regtype, } . $member . q{
			FROM pg_type t WHERE t.oid = to_regtype('%s')}, 'pg_type', 't.oid', $name)),
		join('|', @p{qw(INPUT OUTPUT TYPMOD_IN RECEIVE SEND)}, { external => 'e' }->{ $p{STORAGE} }, '', '', '-1', 'f', 'i', 'U', 'f', ',', '', '', $name . '[]', 'e'),
		"type $name");
	is((row("SELECT typname FROM pg_type WHERE oid = '${name}[]'::regtype"))[0], "_$name", "array of type $name");
}

sub check_opclass
{
	my ($name, $head, $list) = @_;
	my ($default, $type, $am) = $head =~ /^(DEFAULT )?FOR TYPE (\S+) USING (\S+)$/ or die $head;
	my $class = sprintf q{(SELECT c.oid FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
		WHERE opcname = '%s' AND amname = '%s' AND opcintype = to_regtype('%s'))}, $name, $am, $type;
	my $family = "(SELECT opcfamily FROM pg_opclass WHERE oid = $class)";

	is( join('|', row(sprintf q{SELECT opcdefault, opckeytype, } . $member . qq{ FROM pg_opclass c WHERE oid = $class}, 'pg_opclass', 'c.oid')),
		($default ? 't' : 'f') . '|0|e', "operator class $name USING $am");
	for (split /\s*,\s+(?=OPERATOR|FUNCTION)/, $list =~ s/ ,/,/gr)
	{
		if (/^OPERATOR (\d+) (\S+)(?: \(.*?\))?(?: FOR ORDER BY (\S+))?$/)
		{
			my ($strategy, $operator, $order) = ($1, $2, $3);
			is( join('|', row(qq{SELECT amopopr = to_regoperator('$operator($type,$type)'), amoppurpose,
					(SELECT opfname FROM pg_opfamily WHERE oid = amopsortfamily) FROM pg_amop
					WHERE amopfamily = $family AND amopstrategy = $strategy AND amoplefttype = to_regtype('$type') AND amoprighttype = amoplefttype})),
				$order ? "t|o|$order" : 't|s|', "operator class $name USING $am: $_");
		}
		elsif (/^FUNCTION (\d+) (.*)$/)
		{
			my ($number, $function) = ($1, $2);
			is( join('|', row(qq{SELECT amproc = to_regprocedure('$function') FROM pg_amproc
					WHERE amprocfamily = $family AND amprocnum = $number AND amproclefttype = to_regtype('$type') AND amprocrighttype = amproclefttype})),
				't', "operator class $name USING $am: $_");
		}
		else
		{
			fail("operator class $name: $_");
		}
	}
}

sub check_am
{
	my ($name, $handler) = @_;

	$handler =~ s/^handler=// or die;
	is( join('|', row(sprintf q{SELECT amhandler, amtype, } . $member . q{ FROM pg_am a WHERE amname = '%s'}, 'pg_am', 'a.oid', $name)),
		"$handler|i|e", "access method $name");
}

my %check = (
	FUNCTION => \&check_function,
	AGGREGATE => \&check_aggregate,
	OPERATOR => \&check_operator,
	CAST => \&check_cast,
	TYPE => \&check_type,
	OPCLASS => \&check_opclass,
	AM => \&check_am);
my %rows;

for (split /\n/, slurp_file(dirname(__FILE__) . '/../data/sql_surface.tsv'))
{
	my ($kind, @columns) = split /\t/;

	next if /^#/;
	$columns[2] //= ''; # operators without properties
	$check{$kind}->(@columns);
	$rows{$kind}++;
}
is_deeply(
	[ @rows{qw(TYPE AGGREGATE CAST OPERATOR OPCLASS AM)} ],
	[ 3, 4, 23, 40, 24, 2 ],
	'the list is complete');

# What is called with untyped literals must have one candidate.
for my $name (qw(vector_norm vector_add vector_sub vector_mul vector_concat
	vector_lt vector_le vector_eq vector_ne vector_ge vector_gt vector_cmp
	vector_accum vector_avg vector_combine vector_l2_squared_distance
	vector_negative_inner_product vector_spherical_distance
	halfvec_add halfvec_cmp halfvec_accum halfvec_avg halfvec_combine
	sparsevec_cmp sparsevec_l2_squared_distance hamming_distance jaccard_distance))
{
	is((row("SELECT count(*) FROM pg_proc WHERE proname = '$name'"))[0], 1, "one function $name");
}
is((row('SELECT ARRAY[1,2] = ARRAY[1,2]'))[0], 't', 'arrays still compare as arrays');

done_testing();
