-- What operator classes order: kind of values and metric.  Support functions,
-- called by the access methods alone: for classes that pgvector does not have,
-- ours of ivfpq and those of others.  The rest is known by its distance function.

CREATE FUNCTION vector_opclass_l2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vector_opclass_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION vector_opclass_l2(internal) IS
	'index support: vector by Euclidean distance';
CREATE FUNCTION vector_opclass_ip(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vector_opclass_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION vector_opclass_ip(internal) IS
	'index support: vector by inner product';
CREATE FUNCTION vector_opclass_cosine(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vector_opclass_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION vector_opclass_cosine(internal) IS
	'index support: vector by cosine distance';
CREATE FUNCTION vector_opclass_l1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'vector_opclass_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION vector_opclass_l1(internal) IS
	'index support: vector by taxicab distance';
CREATE FUNCTION halfvec_opclass_l2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'halfvec_opclass_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_opclass_l2(internal) IS
	'index support: halfvec by Euclidean distance';
CREATE FUNCTION halfvec_opclass_ip(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'halfvec_opclass_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_opclass_ip(internal) IS
	'index support: halfvec by inner product';
CREATE FUNCTION halfvec_opclass_cosine(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'halfvec_opclass_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_opclass_cosine(internal) IS
	'index support: halfvec by cosine distance';
CREATE FUNCTION halfvec_opclass_l1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'halfvec_opclass_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_opclass_l1(internal) IS
	'index support: halfvec by taxicab distance';
CREATE FUNCTION bit_opclass_hamming(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'bit_opclass_hamming' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bit_opclass_hamming(internal) IS
	'index support: bit strings by Hamming distance';
CREATE FUNCTION bit_opclass_jaccard(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'bit_opclass_jaccard' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bit_opclass_jaccard(internal) IS
	'index support: bit strings by Jaccard distance';
CREATE FUNCTION sparsevec_opclass_l2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sparsevec_opclass_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_opclass_l2(internal) IS
	'index support: sparsevec by Euclidean distance';
CREATE FUNCTION sparsevec_opclass_ip(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sparsevec_opclass_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_opclass_ip(internal) IS
	'index support: sparsevec by inner product';
CREATE FUNCTION sparsevec_opclass_cosine(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sparsevec_opclass_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_opclass_cosine(internal) IS
	'index support: sparsevec by cosine distance';
CREATE FUNCTION sparsevec_opclass_l1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sparsevec_opclass_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_opclass_l1(internal) IS
	'index support: sparsevec by taxicab distance';
