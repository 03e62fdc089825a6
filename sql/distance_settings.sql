-- The setting vector_ext.simd_level and the function that reports what is used.
-- Which levels there are depends on the processor; what must hold does not.
\pset format unaligned
\pset footer off

-- The library is loaded by the first function called.  The test's own session
-- may have been started with another level, hence SET and no RESET.
SELECT vector_dims('[1,2]'::vector);
SET vector_ext.simd_level = auto;
SELECT name, unit, context, vartype, boot_val, enumvals FROM pg_settings WHERE name LIKE 'vector\_ext.%'
	ORDER BY name COLLATE "C";

CREATE FUNCTION pg_temp.capability(wanted text) RETURNS text
	LANGUAGE sql AS 'SELECT value FROM vector_ext_capabilities() WHERE name = wanted';
SELECT name FROM vector_ext_capabilities();
SELECT pg_temp.capability('library_version') = extversion AS version,
	pg_temp.capability('built_for_postgresql') LIKE current_setting('server_version_num')::int / 10000 || '.%' AS server,
	pg_temp.capability('simd_level') = ANY (string_to_array(pg_temp.capability('simd_levels_available'),
		', ')) AS level,
	pg_temp.capability('simd_levels_available') LIKE 'scalar%' AS scalar_is_first
FROM pg_extension WHERE extname = 'vector_ext';

-- Exactly the levels that are listed can be set, and are then used; auto takes
-- the last one, the best.
DO $$
DECLARE
	available text[] := string_to_array(pg_temp.capability('simd_levels_available'), ', ');
	level text;
	message text;
BEGIN
	FOREACH level IN ARRAY ARRAY['scalar', 'avx2', 'avx512', 'neon'] LOOP
		message := NULL;
		BEGIN
			PERFORM set_config('vector_ext.simd_level', level, false);
		EXCEPTION WHEN invalid_parameter_value THEN
			GET STACKED DIAGNOSTICS message = PG_EXCEPTION_DETAIL;
		END;
		IF level = ANY (available) THEN
			ASSERT message IS NULL, level || ' is refused: ' || message;
			ASSERT pg_temp.capability('simd_level') = level, level || ' is not used';
		ELSE
			ASSERT message = 'This processor has no ' || level || '.', level || ' is not refused: ' || coalesce(message, 'no error');
		END IF;
		PERFORM set_config('vector_ext.simd_level', 'auto', false);
		ASSERT pg_temp.capability('simd_level') = available[array_length(available, 1)], 'auto after ' || level;
	END LOOP;
END $$;
SET vector_ext.simd_level = scalar;
SET vector_ext.simd_level = sse9;
SET vector_ext.simd_level = '';
SHOW vector_ext.simd_level;
SELECT pg_temp.capability('simd_level');
SET vector_ext.simd_level = auto;

-- For a transaction, a function, and undone with them; any user may
BEGIN;
SET LOCAL vector_ext.simd_level = 'SCALAR';
SELECT pg_temp.capability('simd_level');
ROLLBACK;
SHOW vector_ext.simd_level;
CREATE FUNCTION pg_temp.slowly() RETURNS text
	LANGUAGE sql SET vector_ext.simd_level = scalar AS $$SELECT pg_temp.capability('simd_level')$$;
SELECT pg_temp.slowly(), current_setting('vector_ext.simd_level');
CREATE ROLE regress_vector_user;
SET ROLE regress_vector_user;
SET vector_ext.simd_level = scalar;
SHOW vector_ext.simd_level;
RESET ROLE;
SET vector_ext.simd_level = auto;
DROP ROLE regress_vector_user;

-- Nothing else may be set under our prefix
SET vector_ext.simd_levels = scalar;
SELECT set_config('vector_ext.anything', '1', false);
SHOW vector_ext.anything;

-- Set before the library is there, as ALTER DATABASE does: the value is taken
-- over when the library comes, or refused with a warning then.
\set VERBOSITY terse
\c -
SET vector_ext.simd_level = scalar;
SHOW vector_ext.simd_level;
SELECT value FROM vector_ext_capabilities() WHERE name = 'simd_level';
\c -
SET vector_ext.simd_level = sse9;
SET vector_ext.nothing = 1;
SELECT vector_dims('[1]'::vector);
SELECT current_setting('vector_ext.simd_level') = 'sse9' AS kept,
	current_setting('vector_ext.nothing', true) IS NULL AS removed;
