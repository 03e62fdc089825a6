// postgres.js, which sends text that the server takes for the right type
// pooled: prepare: false
import postgres from 'postgres';
import { fromSql, SparseVector } from 'pgvector';
import { run, text } from './common.mjs';

const sql = postgres({
  max: 2,
  prepare: !process.env.POOLED,
  onnotice: () => {},
  host: process.env.PGHOST,
});
const values = (item) => Object.fromEntries(Object.entries(item).map(([column, value]) => [column, text(column, value)]));

await run({
  // region migrate
  async migrate() {
    await sql`CREATE EXTENSION IF NOT EXISTS vector`;
    await sql`CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int,
      embedding vector(3), half halfvec(3), sparse sparsevec(6), bits bit(8))`;
    await sql`CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)`;
    await sql`CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)`;
  },
  // end migrate
  async insert(item) {
    await sql`INSERT INTO items ${sql(values(item))}`;
  },
  // region bulk
  async bulk(items) {
    const copy = await sql`COPY items FROM STDIN`.writable();
    for (const item of items) copy.write(`${Object.values(values(item)).join('\t')}\n`);
    await new Promise((resolve, reject) => copy.on('finish', resolve).on('error', reject).end());
    return 'text COPY';
  },
  // end bulk
  async read(id) {
    const [row] = await sql`SELECT * FROM items WHERE id = ${id}`;
    return { ...row, embedding: fromSql(row.embedding), half: fromSql(row.half), sparse: new SparseVector(row.sparse).toArray() };
  },
  async nearest(column, operator, value, k) {
    const rows = await sql`SELECT id FROM items ORDER BY ${sql(column)} ${sql.unsafe(operator)} ${text(column, value)} LIMIT ${k}`;
    return rows.map((row) => row.id);
  },
  // region filtered
  async filtered(category, value, radius, k) {
    const query = text('embedding', value);
    return await sql`SELECT id, embedding <-> ${query} AS distance FROM items
      WHERE category = ${category} AND embedding <-> ${query} < ${radius} ORDER BY embedding <-> ${query} LIMIT ${k}`;
  },
  // end filtered
  async introspect() {
    const { columns } = await sql`SELECT * FROM items`.describe();
    const types = await sql`SELECT oid, typname FROM pg_type WHERE oid IN ${sql(columns.map((c) => c.type))}`;
    return Object.fromEntries(columns.map((c) => [c.name, types.find((t) => t.oid == c.type).typname]));
  },
  close: () => sql.end(),
});
