# What the documents for people are made of: chapters of blocks, tables, and
# regions of client files that they show.
#
# A block stands between ``` lines; its language says what it is.  Comments right
# before it, which readers do not see, say what a test has to know:
#
#	<!-- not run: why -->		a shell block for people alone
#	<!-- $1 = '[1,2,3]' -->		what stands for a parameter of its statements
#	<!-- client_NAME.py: one two -->	it shows these regions of test/clients/client_NAME.py
#
# and anywhere in a chapter, SQL that its blocks need beforehand:
#
#	<!-- setup: CREATE EXTENSION vector_ext; -->

package Documents;

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename;

our @EXPORT = qw(document_files document_blocks document_tables client_regions update_clients);

my $top = abs_path(dirname(__FILE__) . '/../..');

sub slurp
{
	my ($path) = @_;

	open my $in, '<', $path or die "$path: $!";
	local $/;
	return scalar <$in>;
}

# Paths from the top
sub document_files
{
	return qw(README.md sql/reference.md src/ivf/models.md test/clients/snippets.md);
}

# The blocks and setups of a document in order, each {file, line, chapter, kind,
# text, why, values, client}; kind is the language, "setup", or "" of a block that
# has none.
sub document_blocks
{
	my ($file) = @_;
	my $text = slurp("$top/$file");
	my ($line, $chapter, %marks) = (1, '');
	my @blocks;

	while ($text =~ /\G(?:(```)(\w*)\n(.*?)^```\n|<!--\s*(.*?)\s*-->\n?|([^\n]*)\n)/gsm)
	{
		my %block = (file => $file, line => $line, chapter => $chapter);
		my ($fence, $kind, $body, $comment, $prose) = ($1, $2, $3, $4, $5);

		$line += $& =~ tr/\n//;
		if (defined $fence)
		{
			push @blocks, { values => {}, %block, %marks, kind => $kind, text => $body };
			%marks = ();
		}
		elsif (!defined $comment)
		{
			$chapter = $1 if $prose =~ /^## (.*)/;
			%marks = ();
		}
		elsif ($comment =~ /^setup:\s*(.*)/s)
		{
			push @blocks, { %block, kind => 'setup', text => "$1\n" };
		}
		elsif ($comment =~ /^not run: (.*)/s) { $marks{why} = $1 }
		elsif ($comment =~ /^\$(\d+) = (.*)/s) { $marks{values}{$1} = $2 }
		elsif ($comment =~ /^(client_\w+\.\w+): (.*)/s) { $marks{client} = [ $1, split ' ', $2 ] }
		else { die "$file:$block{line}: a comment that says nothing: $comment" }
	}
	return @blocks;
}

# The tables of a document as {chapter, part, head, rows}: of each row its cells,
# without the bars; part is the heading of the third level.
sub document_tables
{
	my ($file) = @_;
	my ($chapter, $part, $table) = ('', '');
	my @tables;

	foreach my $line (split /\n/, slurp("$top/$file"))
	{
		if ($line =~ /^## (.*)/) { ($chapter, $part) = ($1, '') }
		elsif ($line =~ /^### (.*)/) { $part = $1 }
		if ($line !~ /^\|/)
		{
			$table = undef;
			next;
		}
		my @cells = map { s/^\s+|\s+$//gr =~ s/\\\|/|/gr } split /(?<!\\)\|/, $line =~ s/^\|//r, -1;
		pop @cells;
		next if $line =~ /^\|[-|: ]+$/;
		if ($table) { push @{ $table->{rows} }, \@cells }
		else { push @tables, $table = { chapter => $chapter, part => $part, head => \@cells, rows => [] } }
	}
	return @tables;
}

# Regions of a client file, which stand between lines of comments "region NAME" and
# "end NAME", one after the other and from the left margin.
sub client_regions
{
	my ($name, @regions) = @_;
	my $text = slurp("$top/test/clients/$name");
	my @found;

	foreach my $region (@regions)
	{
		$text =~ m{^\h*(?:#|//) region \Q$region\E\n(.*?)\n\h*(?:#|//) end \Q$region\E\n}sm
		  or die "no region $region in $name";
		my $body = $1;
		my ($margin) = $body =~ /^(\h*)/;
		push @found, $body =~ s/^$margin//gmr;
	}
	return join("\n\n", @found) . "\n";
}

# Write what the regions are now into the documents that show them
sub update_clients
{
	foreach my $file (document_files())
	{
		my $text = slurp("$top/$file");

		$text =~ s{^(<!-- (client_\w+\.\w+): (.*?) -->\n```\w+\n).*?^```\n}
			{$1 . client_regions($2, split ' ', $3) . "```\n"}gsme;
		open my $out, '>', "$top/$file" or die "$file: $!";
		print $out $text;
		close $out or die "$file: $!";
	}
	return;
}

1;
