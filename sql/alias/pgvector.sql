\echo Use "ALTER EXTENSION vector UPDATE" to load this file. \quit

-- The way back: a catalogue that pgvector's library serves, from a complete one.
-- What uses the rest, such as an index by ivfpq, is named by an error.
DO LANGUAGE plpgsql $update$
DECLARE
	extension CONSTANT oid := (SELECT oid FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'vector');
	statement text;
BEGIN
	FOR statement IN
		WITH members AS (
			SELECT classid, objid FROM pg_catalog.pg_depend
			WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND refobjid OPERATOR(pg_catalog.=) extension AND deptype OPERATOR(pg_catalog.=) 'e'),
		-- support functions of the planner, one of hash operator classes
		functions AS (
			SELECT p.*, p.oid::pg_catalog.regprocedure AS signature,
				proname OPERATOR(pg_catalog.~) '^(vector_(index|ext|foreign)_|ivfpqhandler$)|_(opclass_[a-z0-9]+|attribute|distance_support|hash|hash_extended)$' AS ours
			FROM pg_catalog.pg_proc p JOIN members ON classid OPERATOR(pg_catalog.=) p.tableoid AND objid OPERATOR(pg_catalog.=) p.oid)
		SELECT s FROM (
			SELECT 1, pg_catalog.format('UPDATE pg_catalog.pg_operator SET oprcanhash = false WHERE oid OPERATOR(pg_catalog.=) %s', o.oid)
			FROM pg_catalog.pg_operator o JOIN members ON classid OPERATOR(pg_catalog.=) o.tableoid AND objid OPERATOR(pg_catalog.=) o.oid
			WHERE oprcanhash
			UNION ALL
			SELECT 2, pg_catalog.regexp_replace(pg_catalog.pg_get_functiondef(oid), ' SUPPORT \S+', '')
			FROM functions WHERE prosupport OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
			UNION ALL
			-- with their classes
			SELECT 3, pg_catalog.format('DROP OPERATOR FAMILY %I.%I USING %I', nspname, opfname, amname)
			FROM pg_catalog.pg_opfamily f JOIN members ON classid OPERATOR(pg_catalog.=) f.tableoid AND objid OPERATOR(pg_catalog.=) f.oid
				JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) opfmethod
				JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) opfnamespace
			WHERE amname OPERATOR(pg_catalog.=) ANY (ARRAY['ivfpq', 'hash'])
				OR opfname OPERATOR(pg_catalog.!~) '^(vector|halfvec|sparsevec|bit)_'
			UNION ALL
			SELECT 4, 'DROP ACCESS METHOD ivfpq' WHERE EXISTS (SELECT FROM functions WHERE proname OPERATOR(pg_catalog.=) 'ivfpqhandler')
			UNION ALL
			SELECT 5, pg_catalog.format('DROP FUNCTION %s', signature) FROM functions WHERE ours) t (step, s)
		ORDER BY step, s
	LOOP
		EXECUTE statement;
	END LOOP;
END
$update$;
