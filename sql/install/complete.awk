# complete.awk - fragments as PL/pgSQL that creates what is missing of them
#
#	awk -v extension=NAME -f complete.awk FRAGMENT...
#
# For catalogues that other scripts made: those of pgvector, or of an earlier
# version.  Functions and aggregates are replaced by ours, with the properties
# that ours have.  Everything else that exists stays, since tables and indexes
# depend on it; what is different in it is said by fragments of updates, which
# come last.  It must be a member of the extension, so that nobody can slip an
# object of his into it: ALTER EXTENSION DROP is an error where it is not.
# (Functions that are no members cannot be replaced by a script either, and
# access methods, operator classes and families can be made by superusers only.)
#
# A statement ends with the line that ends with ";", unless a DO is open.

/^--/ || (/^$/ && statement == "") { next }

/^DO / { quote = $NF }

{ statement = statement $0 "\n" }

/;$/ && (quote == "" || $0 == quote ";") {
	write()
	statement = quote = ""
}

# What ALTER EXTENSION calls the object; "": nothing that could be slipped in
function identity(name, types) {
	split(statement, word, /[ ;\n]+/)
	if (word[2] == "TYPE")
		return "TYPE " word[3]
	if (word[2] == "CAST")
		return "CAST " substr(statement, 13, index(statement, ")") - 12)
	if (word[2] == "OPERATOR" && word[3] != "CLASS" && word[3] != "FAMILY") {
		name = statement
		sub(/.*LEFTARG = /, "", name)
		types = name
		sub(/,.*/, "", name)
		sub(/.*RIGHTARG = /, "", types)
		sub(/,.*/, "", types)
		return "OPERATOR " word[3] " (" name ", " types ")"
	}
	return ""
}

function write(member) {
	if (statement ~ /^CREATE (FUNCTION|AGGREGATE) /)
		sub(/^CREATE /, "CREATE OR REPLACE ", statement)
	if (statement !~ /^(CREATE (TYPE|CAST|OPERATOR|ACCESS METHOD)|DO) /) {
		printf "EXECUTE $script$%s$script$;\n", statement
		return
	}
	member = identity()
	printf "BEGIN EXECUTE $script$%s$script$;\n", statement
	printf "EXCEPTION WHEN duplicate_object OR duplicate_function THEN\n"
	if (member == "")
		printf "\tNULL;\n"
	else
		printf "\tALTER EXTENSION %s DROP %s;\n\tALTER EXTENSION %s ADD %s;\n", extension, member, extension, member
	printf "END;\n"
}
