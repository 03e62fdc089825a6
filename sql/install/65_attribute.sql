-- Attributes: columns beside the vector in an index.  For each kind a support
-- function, called by the access methods alone, which says how it is kept.

CREATE FUNCTION int2_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'int2_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION int2_attribute(internal) IS
	'index support: smallint beside a vector';
CREATE FUNCTION int4_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'int4_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION int4_attribute(internal) IS
	'index support: integer beside a vector';
CREATE FUNCTION int8_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'int8_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION int8_attribute(internal) IS
	'index support: bigint beside a vector';
CREATE FUNCTION float4_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'float4_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION float4_attribute(internal) IS
	'index support: real beside a vector';
CREATE FUNCTION float8_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'float8_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION float8_attribute(internal) IS
	'index support: double precision beside a vector';
CREATE FUNCTION bool_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'bool_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bool_attribute(internal) IS
	'index support: boolean beside a vector';
CREATE FUNCTION date_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'date_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION date_attribute(internal) IS
	'index support: date beside a vector';
CREATE FUNCTION timestamp_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'timestamp_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION timestamp_attribute(internal) IS
	'index support: timestamp beside a vector';
CREATE FUNCTION timestamptz_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'timestamptz_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION timestamptz_attribute(internal) IS
	'index support: timestamp with time zone beside a vector';
CREATE FUNCTION text_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'text_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION text_attribute(internal) IS
	'index support: text beside a vector, by its hash';
CREATE FUNCTION uuid_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'uuid_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uuid_attribute(internal) IS
	'index support: uuid beside a vector, by its hash';
CREATE FUNCTION int4_array_attribute(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'int4_array_attribute' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION int4_array_attribute(internal) IS
	'index support: labels, an integer[], beside a vector, by their signature';

-- The same operator classes for each access method.  Families have the operators
-- of all pairs of their types, as those of btree have.

DO LANGUAGE plpgsql $attributes$
DECLARE
	method text;
	support int;
	family text;
	types text[];
	kind text;
	other text;
BEGIN
	-- the access method, and which of its support functions it is
	FOR method, support IN VALUES ('ivfflat', 6), ('ivfpq', 1), ('hnsw', 4) LOOP
		FOR family, types IN VALUES
			('integer_ops', ARRAY['int2', 'int4', 'int8']),
			('float_ops', ARRAY['float4', 'float8']),
			('datetime_ops', ARRAY['date', 'timestamp', 'timestamptz']),
			('bool_ops', ARRAY['bool'])
		LOOP
			EXECUTE pg_catalog.format('CREATE OPERATOR FAMILY %I USING %I', family, method);
			FOREACH kind IN ARRAY types LOOP
				EXECUTE pg_catalog.format(
					'CREATE OPERATOR CLASS %1$s_ops DEFAULT FOR TYPE pg_catalog.%1$s USING %2$I FAMILY %3$I AS
						OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=,
						OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>, FUNCTION %4$s %1$s_attribute(internal)',
					kind, method, family, support);
			END LOOP;
			FOREACH kind IN ARRAY types LOOP
				FOREACH other IN ARRAY types LOOP
					CONTINUE WHEN kind OPERATOR(pg_catalog.=) other;
					EXECUTE pg_catalog.format(
						'ALTER OPERATOR FAMILY %4$I USING %3$I ADD
							OPERATOR 1 pg_catalog.< (pg_catalog.%1$s, pg_catalog.%2$s),
							OPERATOR 2 pg_catalog.<= (pg_catalog.%1$s, pg_catalog.%2$s),
							OPERATOR 3 pg_catalog.= (pg_catalog.%1$s, pg_catalog.%2$s),
							OPERATOR 4 pg_catalog.>= (pg_catalog.%1$s, pg_catalog.%2$s),
							OPERATOR 5 pg_catalog.> (pg_catalog.%1$s, pg_catalog.%2$s)',
						kind, other, method, family);
				END LOOP;
			END LOOP;
		END LOOP;
		-- by a hash: only what is equal
		FOREACH kind IN ARRAY ARRAY['text', 'uuid'] LOOP
			EXECUTE pg_catalog.format(
				'CREATE OPERATOR CLASS %1$s_ops DEFAULT FOR TYPE pg_catalog.%1$s USING %2$I AS
					OPERATOR 3 pg_catalog.=, FUNCTION %3$s %1$s_attribute(internal)',
				kind, method, support);
		END LOOP;
		EXECUTE pg_catalog.format(
			'CREATE OPERATOR CLASS int4_array_ops DEFAULT FOR TYPE pg_catalog.int4[] USING %I AS
				OPERATOR 6 pg_catalog.&& (anyarray, anyarray), OPERATOR 7 pg_catalog.@> (anyarray, anyarray),
				FUNCTION %s int4_array_attribute(internal)',
			method, support);
	END LOOP;
END
$attributes$;
