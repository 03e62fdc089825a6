-- the library and this machine

CREATE FUNCTION vector_ext_capabilities(OUT name text, OUT value text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_ext_capabilities'
	LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 4;
COMMENT ON FUNCTION vector_ext_capabilities() IS
	'version of the library and the processor instructions in use';
