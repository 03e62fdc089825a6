\echo Use "ALTER EXTENSION vector UPDATE" to load this file. \quit

-- Catalogues of before 0.5.0, the first version with hnsw
DO LANGUAGE plpgsql $update$
BEGIN
	RAISE EXCEPTION 'extension "vector" of a version before 0.5.0 cannot be updated here'
		USING ERRCODE = 'feature_not_supported',
			  HINT = 'Update it with pgvector to 0.5.0 or newer first, or dump the database and restore it here.';
END
$update$;
