// pg-promise, with the types of npm's pgvector
// pooled: nothing, where statements have no name
import pgPromise from 'pg-promise';
import pgvector from 'pgvector/pg-promise';
import { run, text } from './common.mjs';

let migrated = false;
// region connect
const pgp = pgPromise({
  async connect({ client, useCount }) {
    if (migrated && useCount == 0) await pgvector.registerTypes(client);
  },
  noWarnings: true,
});
const db = pgp({ max: 2 });
// end connect

const columns = new pgp.helpers.ColumnSet(['id', 'category', 'embedding', 'half', 'sparse', 'bits'], { table: 'items' });
const values = (item) => Object.fromEntries(Object.entries(item).map(([column, value]) => [column, text(column, value)]));

await run({
  // region migrate
  async migrate() {
    // connections of "db" look up the types
    const first = pgp({ max: 1 });
    await first.none('CREATE EXTENSION IF NOT EXISTS vector');
    await first.none(`CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int,
      embedding vector(3), half halfvec(3), sparse sparsevec(6), bits bit(8))`);
    await first.none('CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)');
    await first.none('CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)');
    await first.$pool.end();
    migrated = true;
  },
  // end migrate
  async insert(item) {
    await db.none(pgp.helpers.insert(values(item), columns));
  },
  // region bulk
  async bulk(items) {
    await db.none(pgp.helpers.insert(items.map(values), columns));
    return 'one INSERT of many rows';
  },
  // end bulk
  async read(id) {
    const row = await db.one('SELECT * FROM items WHERE id = $1', [id]);
    return { ...row, sparse: row.sparse.toArray() };
  },
  nearest: (column, operator, value, k) =>
    db.map('SELECT id FROM items ORDER BY $1:name $2:raw $3 LIMIT $4', [column, operator, text(column, value), k], (row) => row.id),
  // region filtered
  filtered: (category, value, radius, k) =>
    db.any(
      `SELECT id, embedding <-> $<query> AS distance FROM items
         WHERE category = $<category> AND embedding <-> $<query> < $<radius>
         ORDER BY embedding <-> $<query> LIMIT $<k>`,
      { category, query: text('embedding', value), radius, k },
    ),
  // end filtered
  async introspect() {
    const rows = await db.any(`SELECT attname, format_type(atttypid, atttypmod) AS type
      FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0`);
    return Object.fromEntries(rows.map((row) => [row.attname, row.type]));
  },
  close: () => pgp.end(),
});
