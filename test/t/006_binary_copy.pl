# Binary COPY: what comes out goes in again; bytes that lie end in a clean error
# or in a legal value, never in a crash.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $seed = 20261124;
my $mutations = 1500;    # of each type
my $node = vector_node('main');
my $folder = PostgreSQL::Test::Utils::tempdir();
my %values = (
	vector => [ '[1,-0,3.4028235e+38]', '[1e-45]', '[' . join(',', 1 .. 2000) . ']' ],
	halfvec => [ '[1,-0,65504]', '[6e-08]', '[' . join(',', 1 .. 2000) . ']' ],
	sparsevec => [ '{1:1.5,3:-2}/5', '{}/1', '{1000000000:3.4028235e+38}/1000000000' ],
	bit => [ '101', '0' x 1000, '' ]);

# Round trip
for my $type (sort keys %values)
{
	my $column = $type eq 'bit' ? 'bit varying' : $type;
	my $file = "$folder/$type.bin";

	$node->safe_psql('postgres', "CREATE TABLE t_$type (id int, x $column); CREATE TABLE copy_$type (LIKE t_$type)");
	$node->safe_psql('postgres', "INSERT INTO t_$type VALUES (1, '$_')") for @{ $values{$type} };
	$node->safe_psql('postgres', "INSERT INTO t_$type VALUES (2, NULL)");
	$node->safe_psql('postgres', "COPY t_$type TO '$file' (FORMAT binary); COPY copy_$type FROM '$file' (FORMAT binary)");

	my $rows = all_rows($node, 'postgres', "t_$type");
	is(scalar(my @lines = split /^/, $rows), 4, "$type: rows to compare");
	is(all_rows($node, 'postgres', "copy_$type"), $rows, "$type: the same after a round trip");
}

# The documented format, byte by byte
sub dense { my ($format, @x) = @_; return pack("n n ($format>)*", scalar @x, 0, @x); }
my %payload = (
	vector => dense('f', 1, -2.5, 1e30),
	halfvec => dense('S', 0x3C00, 0xC100, 0x7BFF),
	sparsevec => pack('N3 N2 (f>)2', 5, 2, 0, 0, 4, 1.5, -2));
my %text = (vector => '[1,-2.5,1e+30]', halfvec => '[1,-2.5,65504]', sparsevec => '{1:1.5,5:-2}/5');

# A file of binary COPY with one field; length may lie.
sub copy_file
{
	my ($payload, $length) = @_;

	return "PGCOPY\n\xff\r\n\0" . pack('N N n N', 0, 0, 1, $length // length $payload)
	  . $payload . pack('n', 0xFFFF);
}

sub write_file
{
	my ($name, $content) = @_;

	open my $file, '>:raw', "$folder/$name" or die "could not write $name: $!";
	print $file $content;
	close $file or die "could not write $name: $!";
	return "$folder/$name";
}

# One to three bytes changed, a piece removed or added; now and then the length
# of the field is wrong as well.
sub mutate
{
	my ($payload) = @_;
	my $length;

	for (0 .. int rand 3)
	{
		my $at = int rand(length($payload) + 1);
		my $how = rand;

		if ($how < 0.7)
		{
			my @bytes = (0, 1, 0x7F, 0x80, 0xFF, int rand 256);
			substr($payload, $at, 1) = chr $bytes[ rand @bytes ];
		}
		elsif ($how < 0.85)
		{
			substr($payload, $at, 1 + int rand 8) = '';
		}
		else
		{
			substr($payload, $at, 0) = join '', map { chr int rand 256 } 0 .. int rand 8;
		}
	}
	$length = length($payload) + int(rand 9) - 4 if rand() < 0.1;
	return copy_file($payload, $length);
}

srand $seed;
note "seed $seed";
for my $type (sort keys %payload)
{
	$node->safe_psql('postgres', "CREATE TABLE in_$type (x $type)");
	my $good = write_file("good_$type", copy_file($payload{$type}));
	$node->safe_psql('postgres', "COPY in_$type FROM '$good' (FORMAT binary)");
	is(all_rows($node, 'postgres', "in_$type"), qq{("$text{$type}")},
		"$type: bytes as documented are read");

	# one session: it must survive all of them
	my $script = "\\set VERBOSITY sqlstate\nSELECT pg_backend_pid();\n";
	for my $i (1 .. $mutations)
	{
		my $file = write_file("$type.$i", mutate($payload{$type}));
		$script .= "COPY in_$type FROM '$file' (FORMAT binary);\n";
	}
	$script .= "SELECT pg_backend_pid();\n";
	my ($status, $stdout, $stderr) = $node->psql('postgres', $script, on_error_stop => 0);

	is($status, 0, "$type: the session lives");
	my ($before, $after) = split /\n/, $stdout;
	is($after, $before, "$type: and is the same");

	# 22P03, 08P01: core's for a message of the wrong length; 22000 and 54000:
	# ours; 22P04: the file itself; 22003: none may come from finite bytes
	my %states;
	$states{$_}++ for $stderr =~ /ERROR:\s+(\w+)/g;
	my $refused = 0;
	$refused += $_ for values %states;
	note "$type: refused by ", explain \%states;
	cmp_ok($refused, '>', $mutations / 4, "$type: many are refused");
	is(join(' ', sort grep { !/^(22P03|08P01|22000|54000|22P04)$/ } keys %states), '',
		"$type: by errors that say what is wrong");
	is( $node->safe_psql('postgres', "SELECT count(*) - 1 FROM in_$type"),
		$mutations - $refused, "$type: the others are stored");
	is( $node->safe_psql('postgres', qq{
			SELECT x FROM in_$type WHERE x <> x::text::$type OR x::text ~* 'nan|inf'
				OR (x <-> x) NOT IN (0, 'NaN', 'Infinity')}),
		'', "$type: and are legal values");
}
is(crashes($node), '', 'the log is clean');

done_testing();
