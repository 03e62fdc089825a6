// Drizzle on node-postgres, with its own column types and distances
// pooled: nothing, where statements have no name
import { and, cosineDistance, eq, getTableColumns, hammingDistance, innerProduct, jaccardDistance, l1Distance, l2Distance, lt, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bit, halfvec, integer, pgTable, sparsevec, vector } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { run, text } from './common.mjs';
import { SparseVector } from 'pgvector';

const pool = new pg.Pool({ max: 2 });
const db = drizzle(pool);
// region table
const items = pgTable('items', {
  id: integer('id').primaryKey(),
  category: integer('category'),
  embedding: vector('embedding', { dimensions: 3 }),
  half: halfvec('half', { dimensions: 3 }),
  sparse: sparsevec('sparse', { dimensions: 6 }),
  bits: bit('bits', { dimensions: 8 }),
});
// end table
const distance = { '<->': l2Distance, '<#>': innerProduct, '<=>': cosineDistance, '<+>': l1Distance, '<~>': hammingDistance, '<%>': jaccardDistance };
const values = (item) => ({ ...item, sparse: text('sparse', item.sparse) });

await run({
  // region migrate
  // What drizzle-kit writes into a migration, made of the same table
  async migrate() {
    await db.execute(sql`CREATE EXTENSION IF NOT EXISTS vector`);
    const columns = Object.values(getTableColumns(items)).map((c) => `"${c.name}" ${c.getSQLType()}${c.primary ? ' PRIMARY KEY' : ''}`);
    await db.execute(sql.raw(`CREATE TABLE IF NOT EXISTS "items" (${columns})`));
    await db.execute(sql`CREATE INDEX IF NOT EXISTS "items_hnsw" ON "items" USING hnsw ("embedding" vector_l2_ops) WITH (m=8,ef_construction=32)`);
    await db.execute(sql`CREATE INDEX IF NOT EXISTS "items_ivfflat" ON "items" USING ivfflat ("embedding" vector_cosine_ops) WITH (lists=4)`);
  },
  // end migrate
  async insert(item) {
    await db.insert(items).values(values(item));
  },
  // region bulk
  async bulk(many) {
    await db.insert(items).values(many.map(values));
    return 'one INSERT of many rows';
  },
  // end bulk
  async read(id) {
    const [row] = await db.select().from(items).where(eq(items.id, id));
    return { ...row, sparse: new SparseVector(row.sparse).toArray() };
  },
  async nearest(column, operator, value, k) {
    const by = distance[operator](items[column], column == 'sparse' ? text(column, value) : value);
    return (await db.select({ id: items.id }).from(items).orderBy(by).limit(k)).map((row) => row.id);
  },
  // region filtered
  async filtered(category, value, radius, k) {
    const l2 = l2Distance(items.embedding, value);
    return await db
      .select({ id: items.id, distance: l2 })
      .from(items)
      .where(and(eq(items.category, category), lt(l2, radius)))
      .orderBy(l2)
      .limit(k);
  },
  // end filtered
  async introspect() {
    const { rows } = await db.execute(sql`SELECT attname, format_type(atttypid, atttypmod) AS type
      FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0`);
    const found = Object.fromEntries(rows.map((row) => [row.attname, row.type]));
    for (const column of Object.values(getTableColumns(items)))
      if (found[column.name] != column.getSQLType()) throw new Error(`${column.name} is ${found[column.name]}`);
    return found;
  },
  close: () => pool.end(),
});
