# sql/reference.md lists what the catalogue has, all of it and nothing else, in the
# same words for types, results, bounds and defaults.

use strict;
use warnings;
use Cwd 'abs_path';
use Documents;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $node = vector_node('main');
my @tables = document_tables('sql/reference.md');

# The rows of the tables of a chapter, or of a part of it, as cells
sub rows
{
	my ($chapter, $part) = @_;
	my @found = grep { $_->{chapter} eq $chapter && (!defined $part || $_->{part} eq $part) } @tables;

	die "no table in $chapter" if !@found;
	return map { @{ $_->{rows} } } @found;
}

# What a cell has in quotes of code
sub codes
{
	return $_[0] =~ /`([^`]*)`/g;
}

# Lines of the document against the rows of a query, as sets
sub same_set
{
	my ($name, $documented, $sql) = @_;
	my %left = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', $sql);
	my (%seen, @extra);

	foreach my $line (@$documented)
	{
		push @extra, "twice: $line" if $seen{$line}++;
		push @extra, $line if !delete $left{$line};
	}
	cmp_ok(scalar @$documented, '>', 0, "$name: there are some");
	is(join("\n", sort keys %left), '', "$name: nothing is missing in the reference");
	is(join("\n", @extra), '', "$name: nothing else is in the reference");
	return;
}

my $ours = q{JOIN pg_depend d ON d.classid = '%s'::regclass AND d.objid = o.oid AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_ext')};

# Types.  That of bit strings is PostgreSQL's own.
same_set('types', [ map { s/\(.*//r } grep { $_ ne 'bit(n)' } map { codes($_->[0]) } rows('Types') ],
	sprintf "SELECT typname FROM pg_type o $ours WHERE typtype = 'b' AND typelem = 0", 'pg_type');

# Operators: symbol | types on both sides | result | function | ...
same_set('operators',
	[ map { my $r = $_; map { join ' ', (codes($r->[0]))[0], $_, $r->[2] =~ s/`//gr =~ s/the same/$_/r } codes($r->[1]) } rows('Operators') ],
	sprintf q{SELECT concat_ws(' ', oprname, oprleft::regtype, oprresult::regtype) FROM pg_operator o } . $ours
	  . q{ WHERE oprleft = oprright}, 'pg_operator');
is($node->safe_psql('postgres', sprintf "SELECT count(*) FROM pg_operator o $ours WHERE oprleft <> oprright", 'pg_operator'),
	0, 'operators: both sides have one type');

# Functions: name(types) | what v stands for | result | ...
sub functions
{
	my @documented;

	foreach my $r (@_)
	{
		foreach my $v (codes($r->[1]), $r->[1] eq '' ? '' : ())
		{
			my ($signature) = codes($r->[0]);
			my $result = $r->[2] =~ s/`//gr =~ s/the same/$v/r;
			my $optional = $signature =~ s/ \[(.*)\]/$1/ ? 1 : 0;

			push @documented, join ' ', $signature =~ s/\bv\b/$v/gr =~ s/, /,/gr, $result, $optional;
		}
	}
	return @documented;
}

my $signature = q{concat_ws(' ', replace(o.oid::regprocedure::text, 'public.', ''),
	CASE WHEN proretset THEN (SELECT 'rows of ' || string_agg(n || ' ' || format_type(t, NULL), ', ' ORDER BY i)
			FROM unnest(proargnames, proallargtypes, proargmodes) WITH ORDINALITY a (n, t, m, i) WHERE m IN ('o', 't'))
		ELSE format_type(prorettype, NULL) END,
	least(pronargdefaults, 1))};
my @people = rows('Functions');
my @internal = map { codes($_->[1]) } rows('Functions of types, operators and indexes');
my @names = map { "'" . (s/\(.*//r) . "'" } map { codes($_->[0]) } @people;

same_set('functions', [ functions(@people) ],
	sprintf "SELECT $signature FROM pg_proc o $ours WHERE proname IN (" . join(', ', @names)
	  . ") AND proname || '|' || pronargs NOT IN ('vector|3', 'halfvec|3', 'sparsevec|3')", 'pg_proc');
same_set('functions of types, operators and indexes', [ map { s/, /,/gr } @internal ],
	sprintf "SELECT replace(o.oid::regprocedure::text, 'public.', '') FROM pg_proc o $ours WHERE proname NOT IN ("
	  . join(', ', @names) . ')', 'pg_proc');

# Casts: from | to | when
same_set('casts',
	[ map { my $r = $_; map { my $from = $_; map { join ' ', $from, $_, $r->[2] } codes($r->[1]) } codes($r->[0]) } rows('Casts') ],
	sprintf q{SELECT concat_ws(' ', castsource::regtype, casttarget::regtype,
		CASE castcontext WHEN 'i' THEN 'by itself' WHEN 'a' THEN 'in assignments' ELSE 'when written' END)
		FROM pg_cast o } . $ours . ' WHERE castsource <> casttarget', 'pg_cast');

# Operator classes: name | type | operator of the order | a column for each access method
my @classes;
foreach my $table (grep { $_->{chapter} eq 'Operator classes' } @tables)
{
	foreach my $r (@{ $table->{rows} })
	{
		foreach my $i (3 .. $#$r)
		{
			my ($method) = codes($table->{head}[$i]);
			push @classes, join ' ', (codes($r->[0]))[0], (codes($r->[1]))[0], (codes($r->[2]))[0] // '-', $method, $r->[$i]
			  if $r->[$i] ne '';
		}
	}
}
same_set('operator classes', \@classes,
	sprintf q{SELECT concat_ws(' ', opcname, opcintype::regtype,
		coalesce((SELECT oprname FROM pg_amop JOIN pg_operator p ON p.oid = amopopr
			WHERE amopfamily = opcfamily AND amoppurpose = 'o'), '-'),
		amname, CASE WHEN opcdefault THEN 'default' ELSE 'x' END)
		FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod } . $ours, 'pg_opclass');

# Access methods
same_set('access methods', [ map { codes($_->[0]) } rows('Access methods') ],
	sprintf "SELECT amname FROM pg_am o $ours", 'pg_am');

# Index options: name | values | default | ...  What one may be is what the server
# says to what it may not be.
my @options = do
{
	my %seen;
	grep { !$seen{$_}++ } map { slurp_file($_) =~ /\{"(\w+)", RELOPT_TYPE_/g } glob "$top/src/*/*.c";
};
cmp_ok(scalar @options, '>', 10, 'options are found in the source');
$node->safe_psql('postgres', 'CREATE TABLE t (v vector(3))');

# The values of an option of an access method, undef where it has none of this name
sub option_values
{
	my ($method, $option) = @_;
	my $error = join "\n",
	  map { sql_error($node, 'postgres', "CREATE INDEX ON t USING $method (v vector_l2_ops) WITH ($option = '$_')") } 'x!', '-2000000000';

	return undef if $error =~ /unrecognized parameter "$option"/;
	return "$1 to $2" if $error =~ /Valid values are between "(-?\d+)" and "(\d+)"/;
	return join ', ', $1 =~ /"([^"]*)"/g if $error =~ /Valid values are (.*)/;
	return 'on, off' if $error =~ /invalid value for boolean option/;
	return 'schema.table' if $error =~ /must be schema-qualified/;
	return $error;
}

foreach my $method (split /\n/, $node->safe_psql('postgres', sprintf "SELECT amname FROM pg_am o $ours", 'pg_am'))
{
	my %wanted = map { my $v = option_values($method, $_); defined $v ? ($_ => $v) : () } @options;
	my %documented = map { (codes($_->[0]))[0] => $_->[1] =~ s/`//gr } rows('Index options', "Of $method");

	is_deeply(\%documented, \%wanted, "options of $method: names and values");
}

# Settings: name | values | default | ...
same_set('settings', [ map { join ' | ', map { s/`//gr } @$_[ 0 .. 2 ] } rows('Settings') ],
	q{LOAD 'vector_ext';
	SELECT concat_ws(' | ', name, CASE vartype WHEN 'enum' THEN array_to_string(enumvals, ', ') WHEN 'bool' THEN 'on, off'
			ELSE min_val || ' to ' || max_val END, boot_val)
	FROM pg_settings WHERE name ~ ('^(' || (SELECT string_agg(amname, '|') FROM pg_am) || '|vector_ext)[.]')});

# What vector_index_info() says of an index of each access method
my %said;
$node->safe_psql('postgres', q{
	DROP TABLE t;
	CREATE TABLE t AS SELECT g, (SELECT array_agg(sin(g * i + i)) FROM generate_series(1, 64) i)::vector(64) AS v
		FROM generate_series(1, 2000) g});
foreach my $method (split /\n/, $node->safe_psql('postgres', sprintf "SELECT amname FROM pg_am o $ours", 'pg_am'))
{
	$node->safe_psql('postgres', "CREATE INDEX i_$method ON t USING $method (v vector_l2_ops)");
	$said{$_}{$method} = 1 foreach split /\n/, $node->safe_psql('postgres', "SELECT name FROM vector_index_info('i_$method')");
}
my @info = map { my $r = $_; map { join ' ', $_, sort(codes($r->[1])) } codes($r->[0]) } rows('What vector_index_info() says');
is(join("\n", sort @info), join("\n", sort map { join ' ', $_, sort keys %{ $said{$_} } } keys %said),
	'vector_index_info(): names, and of which access methods');

# Counters of EXPLAIN, as the source names them
my %labels = map { $_ => 1 } grep { defined } map { slurp_file($_) =~ /explain_count\(\s*"([^"]+)"|ExplainProperty\w+\(\s*"([^"]+)"/g } glob "$top/src/*/*.c";
is( join("\n", sort map { codes($_->[0]) } rows('What EXPLAIN (ANALYZE) counts')),
	join("\n", sort grep { !/^(Index Name|Alias|Vector Index Scan)$/ } keys %labels),
	'EXPLAIN: counters');

is(crashes($node), '', 'no backend crashed');
done_testing();
