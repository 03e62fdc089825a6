# The documents say what is so: their SQL runs, in order, in a database of its own
# for each chapter, and prints what they show; their shell commands run, or say why
# they do not; code of clients is that of test/clients; links lead somewhere.

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
my $node = PostgreSQL::Test::Cluster->new('main');
my $databases = 0;
my %count = map { $_ => 0 } qw(sql sh client not_run);

$node->init;
$node->start;

# What psql or bash prints of a script, what it complains of, and whether it succeeds
sub output_of
{
	my ($database, $script, @command) = @_;
	my ($output, $errors) = ('', '');
	local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, $database);
	my $ok = IPC::Run::run(\@command, '<', \$script, '>', \$output, '2>', \$errors);

	return ($output, $errors, $ok);
}

# What "make demo" leaves in its database
sub load_demo
{
	my ($database) = @_;
	my %types = map { $_ => 'int' } qw(id installed_size deb_size);

	$node->safe_psql($database, slurp_file("$top/test/demo/setup.sql"));
	load_data($node, $database, 'debtext-8k.base.f16', 512, 'base', 'h::vector');
	load_data($node, $database, 'debtext-8k.query.f16', 512, 'query', 'h::vector');
	load_lines($node, $database, 'debtext-8k.attrs.tsv', 'lines', %types, tags => 'text[]');
	load_lines($node, $database, 'debtext-8k.query.tsv', 'question_lines', %types);
	$node->safe_psql($database, q{
		INSERT INTO vectors SELECT * FROM base;
		INSERT INTO question_vectors SELECT * FROM query;
		INSERT INTO attributes SELECT * FROM lines;
		INSERT INTO question_texts SELECT * FROM question_lines;
		DROP TABLE base, query, lines, question_lines});
	$node->safe_psql($database, slurp_file("$top/test/demo/tables.sql"));
	return;
}

# Does output look as a document shows it?  "..." stands for anything.
sub looks_like
{
	my ($got, $shown) = @_;
	my $pattern = join '.*?', map { quotemeta } split /\.\.\./, $shown =~ s/\s+$//r, -1;

	return $got =~ s/\h+$//gmr =~ s/\s+$//r =~ /^$pattern$/s;
}

# Consecutive SQL of a chapter, in one session: [block, block that shows its output]
sub check_sql
{
	my ($database, @pairs) = @_;
	my $script = '';

	foreach my $i (0 .. $#pairs)
	{
		my $block = $pairs[$i][0];
		my $sql = $block->{text} =~ s/\$(\d+)/$block->{values}{$1} \/\/ "\$$1"/ger;

		$script .= "\\echo == $i\n$sql\n;\n";
	}
	my ($output, $errors, $ok) = output_of($database, $script . "\\echo == end\n",
		qw(psql -XqP pager=off -v ON_ERROR_STOP=1));
	my %part = $output =~ /^== (\d+)\n(.*?)(?=^== |\z)/gsm;

	foreach my $i (0 .. $#pairs)
	{
		my ($block, $shown) = @{ $pairs[$i] };
		my $ran = exists $part{$i} && ($ok || exists $part{ $i + 1 });

		next if $ran && $block->{kind} eq 'setup';
		ok($ran, "$block->{file}:$block->{line}: $block->{kind} runs")
		  or diag(exists $part{$i} ? $errors : 'not reached');
		$count{sql}++;
		next if !$shown;
		ok($ran && looks_like($part{$i}, $shown->{text}), "$shown->{file}:$shown->{line}: is its output")
		  or diag("printed was\n" . ($part{$i} // ''));
	}
	return;
}

# Goals of the Makefile that a command names are there
sub check_goals
{
	my ($block) = @_;

	while ($block->{text} =~ /^(?:\w+=\S+ )*(?:sudo )?make((?: [a-z-]+)*)/gm)
	{
		my @command = ('make', '-n', '-C', $top, 'PG_CONFIG=' . $node->config_data('--bindir') . '/pg_config', split ' ', $1);
		my $output;
		ok(IPC::Run::run(\@command, '<', \undef, '>&', \$output), "$block->{file}:$block->{line}: make$1 is known")
		  or diag($output);
	}
	return;
}

sub check_shell
{
	my ($database, $block) = @_;

	if ($block->{why})
	{
		pass("$block->{file}:$block->{line}: not run, $block->{why}");
		$count{not_run}++;
		check_goals($block);
		return;
	}
	my ($output, $errors, $ok) = output_of($database, 'cd ' . $node->basedir . "\n$block->{text}", qw(bash -e));
	ok($ok, "$block->{file}:$block->{line}: sh runs") or diag($errors);
	$count{sh}++;
	return;
}

# The blocks of a chapter in order
sub check_chapter
{
	my (@blocks) = @_;
	my $database = 'documents' . ++$databases;
	my @pairs;
	my $flush = sub { check_sql($database, splice @pairs) if @pairs };

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	while (my $block = shift @blocks)
	{
		my $kind = $block->{kind};

		if ($kind eq 'setup' && $block->{text} eq "demo\n")
		{
			load_demo($database);
		}
		elsif ($kind eq 'setup' || $kind eq 'sql')
		{
			push @pairs, [ $block, $kind eq 'sql' && @blocks && $blocks[0]{kind} eq 'text' ? shift @blocks : undef ];
		}
		elsif ($kind eq 'sh')
		{
			$flush->();
			check_shell($database, $block);
		}
		elsif ($block->{client})
		{
			is($block->{text}, client_regions(@{ $block->{client} }),
				"$block->{file}:$block->{line}: is the code of $block->{client}[0]");
			$count{client}++;
		}
		else
		{
			fail("$block->{file}:$block->{line}: a block of kind \"$kind\" that nothing checks");
		}
	}
	$flush->();
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return;
}

# The anchors of a document's headings, as web sites make them
sub anchors
{
	my ($path) = @_;

	return map { lc($_) =~ s/[^\w\- ]//gr =~ tr/ /-/r } slurp_file($path) =~ /^#+ (.*)/gm;
}

foreach my $file (document_files())
{
	my @blocks = document_blocks($file);

	while (@blocks)
	{
		my $chapter = $blocks[0]{chapter};
		my ($n) = grep { $_ == @blocks || $blocks[$_]{chapter} ne $chapter } 1 .. @blocks;

		check_chapter(splice @blocks, 0, $n);
	}

	my $text = slurp_file("$top/$file");
	my @broken;
	while ($text =~ /\]\(([^)#]*)#?([^)]*)\)/g)
	{
		my $path = $1 eq '' ? "$top/$file" : dirname("$top/$file") . "/$1";
		push @broken, "$1#$2" if !-e $path || $2 ne '' && !grep { $_ eq $2 } anchors($path);
	}
	is("@broken", '', "$file: links");
}

# Every client is shown
my %shown = map { $_->{client} ? ($_->{client}[0] => 1) : () } map { document_blocks($_) } document_files();
is(join(' ', sort keys %shown), join(' ', map { basename($_) } sort glob "$top/test/clients/client_*"),
	'code of every client is shown');

note("$count{sql} blocks of SQL and $count{sh} of shell commands ran, $count{not_run} did not; $count{client} blocks of clients");
my @fences = map { slurp_file("$top/$_") =~ /^```(\w+)$/gm } document_files();
is($count{sql}, scalar(grep { $_ eq 'sql' } @fences), 'all SQL was run');
is($count{sh} + $count{not_run}, scalar(grep { $_ eq 'sh' } @fences), 'all shell commands were run or said why not');
is(crashes($node), '', 'no backend crashed');
done_testing();
