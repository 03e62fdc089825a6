#!/bin/sh
# assemble.sh EXTENSION OTHER FRAGMENT... > EXTENSION--VERSION.sql
#
# An extension script from the fragments of this folder, in order.
#
# The same objects are installed by two extensions: vector_ext, and vector, the
# name that applications written for pgvector create.  Where the other one is
# in the database already, the script creates nothing, so that
# CREATE EXTENSION IF NOT EXISTS succeeds in either order.  Scripts have no
# conditions of their own, hence DO and EXECUTE.  Objects that EXECUTE creates
# belong to the extension as usual, in the schema it is created in: the script
# names no schema and runs with search_path set to that schema alone.
set -eu

extension=$1
other=$2
shift 2

cat <<EOT
\\echo Use "CREATE EXTENSION $extension" to load this file. \\quit

DO LANGUAGE plpgsql \$install\$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_extension
			   WHERE extname OPERATOR(pg_catalog.=) '$other') THEN
		-- Ours owns this function.  pgvector's extension, which is named
		-- vector as well, does not: its objects are not ours to build on.
		IF EXISTS (SELECT
				   FROM pg_catalog.pg_depend d,
						pg_catalog.pg_extension e,
						pg_catalog.pg_proc p
				   WHERE d.classid OPERATOR(pg_catalog.=)
						 'pg_catalog.pg_proc'::pg_catalog.regclass
					 AND d.objid OPERATOR(pg_catalog.=) p.oid
					 AND d.refclassid OPERATOR(pg_catalog.=)
						 'pg_catalog.pg_extension'::pg_catalog.regclass
					 AND d.refobjid OPERATOR(pg_catalog.=) e.oid
					 AND e.extname OPERATOR(pg_catalog.=) '$other'
					 AND p.proname OPERATOR(pg_catalog.=)
						 'vector_ext_capabilities') THEN
			RETURN;
		END IF;
		RAISE EXCEPTION 'extension "$other" in this database does not provide the objects of vector_ext'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Drop it first, or use another database.';
	END IF;

EXECUTE \$script\$
EOT
cat "$@"
cat <<EOT
\$script\$;
END
\$install\$;
EOT
