# The headers for other C extensions: one that is compiled against what is
# installed takes the types and makes values of them, under either name.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorTest;

my $node = vector_node('main');
my $config = sub { my ($out) = run_command([ 'pg_config', "--$_[0]" ]); return $out };

# Where the extension is installed: the folder before that of libraries
my $dest = $node->safe_psql('postgres', 'SHOW dynamic_library_path') =~ s/:.*//r;
substr($dest, -length $config->('pkglibdir')) = '';

my $program = <<'END';
#include "postgres.h"
#include "extension/NAME/vector.h"
#include "extension/NAME/halfvec.h"
#include "extension/NAME/sparsevec.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(twice_vector);
PG_FUNCTION_INFO_V1(reverse_halfvec);
PG_FUNCTION_INFO_V1(negate_sparsevec);

Datum
twice_vector(PG_FUNCTION_ARGS)
{
	Vector *v = PG_GETARG_VECTOR_P(0);
	Vector *result = InitVector(v->dim);

	for (int i = 0; i < v->dim; i++)
		result->x[i] = 2 * v->x[i];
	PG_RETURN_VECTOR_P(result);
}

Datum
reverse_halfvec(PG_FUNCTION_ARGS)
{
	HalfVector *v = PG_GETARG_HALFVEC_P(0);
	HalfVector *result = InitHalfVector(v->dim);

	for (int i = 0; i < v->dim; i++)
		result->x[i] = v->x[v->dim - 1 - i];
	PG_RETURN_HALFVEC_P(result);
}

Datum
negate_sparsevec(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);
	SparseVector *result = InitSparseVector(v->dim, v->nnz);

	for (int i = 0; i < v->nnz; i++)
	{
		result->indices[i] = v->indices[i];
		SPARSEVEC_VALUES(result)[i] = -SPARSEVEC_VALUES(v)[i];
	}
	PG_RETURN_SPARSEVEC_P(result);
}
END

for my $name ('vector_ext', 'vector')
{
	my $base = $node->basedir . "/other_$name";

	open my $file, '>', "$base.c" or die "$base.c: $!";
	print $file $program =~ s/NAME/$name/gr;
	close $file or die "$base.c: $!";
	command_ok([ 'cc', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Wno-sign-compare', '-Werror', '-O2', '-fPIC', '-shared',
			'-isystem', $config->('includedir-server'), '-I', $dest . $config->('includedir-server'), '-o', "$base.so", "$base.c" ],
		"$name: compiled without a warning");
	is( $node->safe_psql('postgres', qq{
			CREATE FUNCTION twice_vector(vector) RETURNS vector LANGUAGE c STRICT AS '$base';
			CREATE FUNCTION reverse_halfvec(halfvec) RETURNS halfvec LANGUAGE c STRICT AS '$base';
			CREATE FUNCTION negate_sparsevec(sparsevec) RETURNS sparsevec LANGUAGE c STRICT AS '$base';
			-- stored out of line, too
			CREATE TABLE t AS SELECT array_agg(i)::vector AS v FROM generate_series(1, 3000) i;
			SELECT twice_vector('[1,2.5,-3]'), reverse_halfvec('[1,2.5,-3]'), negate_sparsevec('{1:1,7:-2.5}/9'), negate_sparsevec('{}/2'),
				twice_vector('[1,2]') = '[2,4]'::vector, twice_vector(v) = v + v FROM t}),
		'[2,5,-6]|[-3,2.5,1]|{1:-1,7:2.5}/9|{}/2|t|t', "$name: values go in and come out");
	$node->safe_psql('postgres', 'DROP TABLE t; DROP FUNCTION twice_vector, reverse_halfvec, negate_sparsevec');
}

is(crashes($node), '', 'no backend crashed');
done_testing();
