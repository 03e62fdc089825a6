#!/bin/sh
# assemble.sh install|complete EXTENSION OTHER FRAGMENT... > script
#
# An extension script from the fragments of this folder, in order: one that
# creates their objects, or one that creates those which are missing and lets
# the others be what the fragments say ("complete.awk"), for updates.
#
# The same objects are installed by two extensions: vector_ext, and vector, the
# name that applications written for pgvector create.  Where the other one is
# in the database already and has them, the script creates nothing, so that
# CREATE EXTENSION IF NOT EXISTS succeeds in either order.  It then depends on
# the other: pg_dump writes extensions in the order of dependencies, else of
# names, and the first to be restored decides about the schema of the types.
# Scripts have no conditions of their own, hence DO and EXECUTE.  Objects that
# EXECUTE creates belong to the extension as usual, in the schema it is created
# in: the script names no schema and runs with search_path set to that schema
# alone.
set -eu

mode=$1
extension=$2
other=$3
shift 3

case $mode in
install)
	use="CREATE EXTENSION $extension"
	# pgvector's extension, which is named vector as well, does not have ours
	absent="
		RAISE EXCEPTION 'extension \"$other\" in this database does not provide the objects of vector_ext'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Drop it first, use another database, or where pgvector made it: ALTER EXTENSION vector UPDATE.';"
	body='cat "$@"'
	;;
complete)
	use="ALTER EXTENSION $extension UPDATE"
	absent='
		-- we have them'
	body='awk -v extension="$extension" -f "$(dirname "$0")/complete.awk" "$@"'
	;;
*)
	echo "unknown kind of script: $mode" >&2
	exit 1
	;;
esac

cat <<EOT
\\echo Use "$use" to load this file. \\quit

DO LANGUAGE plpgsql \$install\$
DECLARE
	other oid := (SELECT oid FROM pg_catalog.pg_extension
				  WHERE extname OPERATOR(pg_catalog.=) '$other');
BEGIN
	IF other IS NOT NULL THEN
		-- who has ours owns this function
		IF EXISTS (SELECT
				   FROM pg_catalog.pg_depend d, pg_catalog.pg_proc p
				   WHERE d.classid OPERATOR(pg_catalog.=)
						 'pg_catalog.pg_proc'::pg_catalog.regclass
					 AND d.objid OPERATOR(pg_catalog.=) p.oid
					 AND d.refclassid OPERATOR(pg_catalog.=)
						 'pg_catalog.pg_extension'::pg_catalog.regclass
					 AND d.refobjid OPERATOR(pg_catalog.=) other
					 AND d.deptype OPERATOR(pg_catalog.=) 'e'
					 AND p.proname OPERATOR(pg_catalog.=)
						 'vector_ext_capabilities') THEN
			-- what "requires" in a control file would record; an update
			-- removes it and then runs its scripts
			INSERT INTO pg_catalog.pg_depend
				(classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
			SELECT tableoid, oid, 0, tableoid, other, 0, 'n'
			FROM pg_catalog.pg_extension
			WHERE extname OPERATOR(pg_catalog.=) '$extension'
			  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
							  WHERE d.classid OPERATOR(pg_catalog.=) pg_extension.tableoid
								AND d.objid OPERATOR(pg_catalog.=) pg_extension.oid
								AND d.refclassid OPERATOR(pg_catalog.=) pg_extension.tableoid
								AND d.refobjid OPERATOR(pg_catalog.=) other);
			RETURN;
		END IF;$absent
	END IF;

EOT
if [ "$mode" = install ]; then
	echo "EXECUTE \$script\$"
	eval "$body"
	echo "\$script\$;"
elif [ $# -gt 0 ]; then
	eval "$body"
fi
cat <<EOT
END
\$install\$;
EOT
