// MikroORM 6, with the types and distances of npm's pgvector
// pooled: nothing
import { EntitySchema, MikroORM, raw } from '@mikro-orm/postgresql';
import * as pgvector from 'pgvector/mikro-orm';
import { SparseVector } from 'pgvector';
import { run } from './common.mjs';

// region entity
const Item = new EntitySchema({
  name: 'Item',
  tableName: 'items',
  properties: {
    id: { type: 'integer', primary: true, autoincrement: false },
    category: { type: 'integer' },
    embedding: { type: pgvector.VectorType, length: 3 },
    half: { type: pgvector.HalfvecType, length: 3 },
    sparse: { type: pgvector.SparsevecType, length: 6 },
    bits: { type: pgvector.BitType, length: 8 },
  },
  indexes: [
    { name: 'items_hnsw', expression: 'create index items_hnsw on items using hnsw (embedding vector_l2_ops) with (m = 8, ef_construction = 32)' },
    { name: 'items_ivfflat', expression: 'create index items_ivfflat on items using ivfflat (embedding vector_cosine_ops) with (lists = 4)' },
  ],
});
// end entity
const orm = await MikroORM.init({
  entities: [Item],
  dbName: process.env.PGDATABASE,
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  pool: { min: 0, max: 2 },
  discovery: { warnWhenNoEntities: false },
});
const distance = { '<->': 'l2Distance', '<#>': 'maxInnerProduct', '<=>': 'cosineDistance', '<+>': 'l1Distance', '<~>': 'hammingDistance', '<%>': 'jaccardDistance' };
const values = (item) => ({ ...item, sparse: new SparseVector(item.sparse) });

await run({
  // region migrate
  async migrate() {
    await orm.em.getConnection().execute('CREATE EXTENSION IF NOT EXISTS vector');
    await orm.schema.updateSchema();
  },
  // end migrate
  async insert(item) {
    await orm.em.fork().insert(Item, values(item));
  },
  // region bulk
  async bulk(items) {
    await orm.em.fork().insertMany(Item, items.map(values));
    return 'insertMany';
  },
  // end bulk
  async read(id) {
    const row = await orm.em.fork().findOne(Item, id);
    return { ...row, sparse: row.sparse.toArray() };
  },
  async nearest(column, operator, value, k) {
    const by = pgvector[distance[operator]](column, column == 'sparse' ? new SparseVector(value) : value);
    const rows = await orm.em.fork().createQueryBuilder(Item).orderBy({ [by]: 'ASC' }).limit(k).getResultList();
    return rows.map((row) => row.id);
  },
  // region filtered
  async filtered(category, value, radius, k) {
    const l2 = () => pgvector.l2Distance('embedding', value);
    return await orm.em
      .fork()
      .createQueryBuilder(Item)
      .select(['id', raw('embedding <-> ? as distance', [JSON.stringify(value)])])
      .where({ category, [l2()]: { $lt: radius } })
      .orderBy({ [l2()]: 'ASC' })
      .limit(k)
      .execute('all', false);
  },
  // end filtered
  async introspect() {
    // The schema comparator finds nothing to change, apart from lengths of
    // halfvec and sparsevec: it reads that of vector only.
    const change = (await orm.schema.getUpdateSchemaSQL({ wrap: false })).split('\n').filter((line) => line && !/alter column "(half|sparse)" type/.test(line));
    if (change.length) throw new Error(change.join('\n'));
    const rows = await orm.em.getConnection().execute("SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0");
    return Object.fromEntries(rows.map((row) => [row.attname, row.type]));
  },
  close: () => orm.close(),
});
