// Kysely on node-postgres, with the distances of npm's pgvector
// pooled: nothing
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import * as pgvector from 'pgvector/kysely';
import { SparseVector } from 'pgvector';
import { run, text } from './common.mjs';

const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ max: 2 }) }) });
const distance = { '<->': 'l2Distance', '<#>': 'maxInnerProduct', '<=>': 'cosineDistance', '<+>': 'l1Distance', '<~>': 'hammingDistance', '<%>': 'jaccardDistance' };
const values = (item) => Object.fromEntries(Object.entries(item).map(([column, value]) => [column, text(column, value)]));

await run({
  // region migrate
  async migrate() {
    await sql`CREATE EXTENSION IF NOT EXISTS vector`.execute(db);
    await db.schema
      .createTable('items')
      .ifNotExists()
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('category', 'integer')
      .addColumn('embedding', sql`vector(3)`)
      .addColumn('half', sql`halfvec(3)`)
      .addColumn('sparse', sql`sparsevec(6)`)
      .addColumn('bits', sql`bit(8)`)
      .execute();
    await sql`CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)`.execute(db);
    await sql`CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)`.execute(db);
  },
  // end migrate
  async insert(item) {
    await db.insertInto('items').values(values(item)).execute();
  },
  // region bulk
  async bulk(items) {
    await db.insertInto('items').values(items.map(values)).execute();
    return 'one INSERT of many rows';
  },
  // end bulk
  async read(id) {
    const row = await db.selectFrom('items').selectAll().where('id', '=', id).executeTakeFirst();
    return { ...row, embedding: pgvector.fromSql(row.embedding), half: pgvector.fromSql(row.half), sparse: pgvector.fromSql(row.sparse).toArray() };
  },
  async nearest(column, operator, value, k) {
    const by = pgvector[distance[operator]](column, column == 'sparse' ? new SparseVector(value) : value);
    return (await db.selectFrom('items').select('id').orderBy(by).limit(k).execute()).map((row) => row.id);
  },
  // region filtered
  filtered: (category, value, radius, k) =>
    db
      .selectFrom('items')
      .select(['id', pgvector.l2Distance('embedding', value).as('distance')])
      .where('category', '=', category)
      .where(pgvector.l2Distance('embedding', value), '<', radius)
      .orderBy(pgvector.l2Distance('embedding', value))
      .limit(k)
      .execute(),
  // end filtered
  async introspect() {
    const table = (await db.introspection.getTables()).find((t) => t.name == 'items');
    return Object.fromEntries(table.columns.map((column) => [column.name, column.dataType]));
  },
  close: () => db.destroy(),
});
