-- What differs in objects that scripts of older versions or of pgvector made.
-- By the catalogue where ALTER OPERATOR cannot: before 17 it does not know
-- HASHES, and no version takes a commutator away.

-- before 0.6.0: extended
ALTER TYPE vector SET (STORAGE = external);

-- before 0.6.1: those of < and >, and a - b for b - a
ALTER OPERATOR <= (vector, vector) SET (RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
ALTER OPERATOR >= (vector, vector) SET (RESTRICT = scalargesel, JOIN = scalargejoinsel);
UPDATE pg_catalog.pg_operator SET oprcom = 0
	WHERE oid OPERATOR(pg_catalog.=) '-(vector,vector)'::pg_catalog.regoperator
		AND oprcom OPERATOR(pg_catalog.<>) 0;

-- pgvector: no hash operator classes
UPDATE pg_catalog.pg_operator SET oprcanhash = true
	WHERE oid OPERATOR(pg_catalog.=) ANY (ARRAY['=(vector,vector)', '=(halfvec,halfvec)',
			'=(sparsevec,sparsevec)']::pg_catalog.regoperator[]::pg_catalog.oid[])
		AND NOT oprcanhash;
