-- ivfflat and ivfpq: inverted file indexes

CREATE FUNCTION ivfflathandler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'ivfflathandler' LANGUAGE C;
COMMENT ON FUNCTION ivfflathandler(internal) IS
	'inverted lists of vectors as they are';
CREATE ACCESS METHOD ivfflat TYPE INDEX HANDLER ivfflathandler;
COMMENT ON ACCESS METHOD ivfflat IS
	'inverted lists of vectors as they are';

CREATE FUNCTION ivfpqhandler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'ivfpqhandler' LANGUAGE C;
COMMENT ON FUNCTION ivfpqhandler(internal) IS
	'inverted lists of product-quantized codes';
CREATE ACCESS METHOD ivfpq TYPE INDEX HANDLER ivfpqhandler;
COMMENT ON ACCESS METHOD ivfpq IS
	'inverted lists of product-quantized codes';

-- Support functions, called by the access methods alone

CREATE FUNCTION ivfflat_halfvec_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'ivfflat_halfvec_support' LANGUAGE C;
COMMENT ON FUNCTION ivfflat_halfvec_support(internal) IS
	'index support: kept for its name';
CREATE FUNCTION ivfflat_bit_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'ivfflat_bit_support' LANGUAGE C;
COMMENT ON FUNCTION ivfflat_bit_support(internal) IS
	'index support: kept for its name';

CREATE OPERATOR CLASS vector_l2_ops DEFAULT FOR TYPE vector USING ivfflat AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_l2_squared_distance(vector, vector),
	FUNCTION 3 l2_distance(vector, vector);
CREATE OPERATOR CLASS vector_l2_ops DEFAULT FOR TYPE vector USING ivfpq AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_opclass_l2(internal);

CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING ivfflat AS
	OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_negative_inner_product(vector, vector),
	FUNCTION 3 vector_spherical_distance(vector, vector),
	FUNCTION 4 vector_norm(vector);
CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING ivfpq AS
	OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_opclass_ip(internal);

CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING ivfflat AS
	OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_negative_inner_product(vector, vector),
	FUNCTION 2 vector_norm(vector),
	FUNCTION 3 vector_spherical_distance(vector, vector),
	FUNCTION 4 vector_norm(vector);
CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING ivfpq AS
	OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_opclass_cosine(internal);

CREATE OPERATOR CLASS halfvec_l2_ops FOR TYPE halfvec USING ivfflat AS
	OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_l2_squared_distance(halfvec, halfvec),
	FUNCTION 3 l2_distance(halfvec, halfvec),
	FUNCTION 5 ivfflat_halfvec_support(internal);
CREATE OPERATOR CLASS halfvec_l2_ops DEFAULT FOR TYPE halfvec USING ivfpq AS
	OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_opclass_l2(internal);

CREATE OPERATOR CLASS halfvec_ip_ops FOR TYPE halfvec USING ivfflat AS
	OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_negative_inner_product(halfvec, halfvec),
	FUNCTION 3 halfvec_spherical_distance(halfvec, halfvec),
	FUNCTION 4 l2_norm(halfvec),
	FUNCTION 5 ivfflat_halfvec_support(internal);
CREATE OPERATOR CLASS halfvec_ip_ops FOR TYPE halfvec USING ivfpq AS
	OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_opclass_ip(internal);

CREATE OPERATOR CLASS halfvec_cosine_ops FOR TYPE halfvec USING ivfflat AS
	OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_negative_inner_product(halfvec, halfvec),
	FUNCTION 2 l2_norm(halfvec),
	FUNCTION 3 halfvec_spherical_distance(halfvec, halfvec),
	FUNCTION 4 l2_norm(halfvec),
	FUNCTION 5 ivfflat_halfvec_support(internal);
CREATE OPERATOR CLASS halfvec_cosine_ops FOR TYPE halfvec USING ivfpq AS
	OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_opclass_cosine(internal);

CREATE OPERATOR CLASS bit_hamming_ops FOR TYPE bit USING ivfflat AS
	OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
	FUNCTION 1 hamming_distance(bit, bit),
	FUNCTION 3 hamming_distance(bit, bit),
	FUNCTION 5 ivfflat_bit_support(internal);

-- What people ask about an index

CREATE FUNCTION vector_index_info(index regclass, OUT name text, OUT value text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_index_info'
	LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 24;
COMMENT ON FUNCTION vector_index_info(regclass) IS
	'an index as it is: settings in force, rows, bytes of its parts';
CREATE FUNCTION vector_index_check(index regclass, heapallindexed boolean DEFAULT false)
	RETURNS void
	AS 'MODULE_PATHNAME', 'vector_index_check'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_check(regclass, boolean) IS
	'errors where an index contradicts itself or, on request, its table';
CREATE FUNCTION vector_index_rebalance(index regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'vector_index_rebalance'
	LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vector_index_rebalance(regclass) IS
	'an index learns anew from its rows: lists are replaced, codes made again; reads and writes go on';

CREATE FUNCTION vector_foreign_indexes(OUT index regclass, OUT "table" regclass, OUT command text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_foreign_indexes'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION vector_foreign_indexes() IS
	'indexes that pgvector has built, which are not used, and the commands that build them anew';

-- What an index has learned, in the shape of the tables that centroids_table,
-- codebook_table and transform_table name; for who may read the table

CREATE FUNCTION vector_index_centroids(index regclass, OUT list integer, OUT centroid vector)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_index_centroids'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_centroids(regclass) IS
	'centroids of an index''s lists; no rows where it is not trained';
CREATE FUNCTION vector_index_codebook(index regclass, OUT part integer, OUT code integer, OUT entry vector)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_index_codebook'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_codebook(regclass) IS
	'codebook of an index''s product quantizer; no rows where it has none';
CREATE FUNCTION vector_index_transform(index regclass, OUT dimension integer, OUT entry vector)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_index_transform'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_transform(regclass) IS
	'matrix of an index''s transform, a row for each dimension it leads to; no rows where it has none';
CREATE FUNCTION vector_index_codes(index regclass, OUT tid tid, OUT list integer, OUT code integer[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vector_index_codes'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_codes(regclass) IS
	'list and code of each row, dead ones too until they are vacuumed; no rows where there is no codec';
