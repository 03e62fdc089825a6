-- The demo's tables: package descriptions with attributes and vectors, and
-- questions with theirs.  Files are given by demo.sh.

CREATE EXTENSION vector_ext;

CREATE TABLE attributes (
	id integer PRIMARY KEY, package text, source text, section text,
	priority text, architecture text, installed_size integer, deb_size integer,
	tags text[], short text, text text
);
CREATE TABLE vectors (id integer PRIMARY KEY, embedding vector(512));
CREATE TABLE question_texts (
	id integer PRIMARY KEY, kind text, query text, package text, source text,
	section text, other_section text
);
CREATE TABLE question_vectors (id integer PRIMARY KEY, embedding vector(512));
