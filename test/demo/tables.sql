-- What a user would have: one table with everything, one with questions.

CREATE TABLE packages AS
	SELECT a.*, v.embedding FROM attributes a JOIN vectors v USING (id);
ALTER TABLE packages ADD PRIMARY KEY (id);
CREATE INDEX ON packages (section);
CREATE INDEX ON packages USING gin (tags);
CREATE INDEX packages_embedding ON packages USING ivfpq (embedding vector_cosine_ops);

CREATE TABLE questions AS
	SELECT id, query AS question, v.embedding
	FROM question_texts JOIN question_vectors v USING (id);
ALTER TABLE questions ADD PRIMARY KEY (id);

DROP TABLE attributes, vectors, question_texts, question_vectors;
ANALYZE packages, questions;
