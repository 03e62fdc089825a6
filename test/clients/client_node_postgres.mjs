// node-postgres, with the types of npm's pgvector
// pooled: nothing, where statements have no name
import pg from 'pg';
import { registerTypes } from 'pgvector/pg';
import { run, text } from './common.mjs';

let migrated = false;
// region pool
const pool = new pg.Pool({ max: 2, onConnect: (client) => (migrated ? registerTypes(client) : undefined) });
// end pool

const columns = 'id, category, embedding, half, sparse, bits';
const values = (item) => Object.entries(item).map(([column, value]) => text(column, value));

await run({
  // region migrate
  async migrate() {
    const client = new pg.Client();
    await client.connect();
    await client.query('CREATE EXTENSION IF NOT EXISTS vector');
    await client.query(`CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int,
      embedding vector(3), half halfvec(3), sparse sparsevec(6), bits bit(8))`);
    await client.query('CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)');
    await client.query('CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)');
    await client.end();
    migrated = true;
  },
  // end migrate
  async insert(item) {
    await pool.query(`INSERT INTO items (${columns}) VALUES ($1, $2, $3, $4, $5, $6)`, values(item));
  },
  // region bulk
  // One statement for all rows: an array for each column
  async bulk(items) {
    const rows = items.map(values);
    await pool.query(
      `INSERT INTO items (${columns}) SELECT * FROM unnest($1::int[], $2::int[],
         $3::vector[], $4::halfvec[], $5::sparsevec[], $6::bit(8)[])`,
      [0, 1, 2, 3, 4, 5].map((i) => rows.map((row) => row[i])),
    );
    return 'arrays and unnest';
  },
  // end bulk
  async read(id) {
    const { rows } = await pool.query(`SELECT ${columns} FROM items WHERE id = $1`, [id]);
    return { ...rows[0], sparse: rows[0].sparse.toArray() };
  },
  async nearest(column, operator, value, k) {
    const { rows } = await pool.query(`SELECT id FROM items ORDER BY ${column} ${operator} $1 LIMIT $2`, [text(column, value), k]);
    return rows.map((row) => row.id);
  },
  // region filtered
  async filtered(category, value, radius, k) {
    const { rows } = await pool.query(
      `SELECT id, embedding <-> $2 AS distance FROM items
         WHERE category = $1 AND embedding <-> $2 < $3 ORDER BY embedding <-> $2 LIMIT $4`,
      [category, text('embedding', value), radius, k],
    );
    return rows;
  },
  // end filtered
  async introspect() {
    const { rows } = await pool.query(`SELECT attname, format_type(atttypid, atttypmod) AS type
      FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0`);
    return Object.fromEntries(rows.map((row) => [row.attname, row.type]));
  },
  close: () => pool.end(),
});
