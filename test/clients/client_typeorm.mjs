// TypeORM, with its own types vector and halfvec
// pooled: nothing, where statements have no name
import 'reflect-metadata';
import typeorm from 'typeorm';
import { SparseVector } from 'pgvector';
import { run, text } from './common.mjs';

const { DataSource, EntitySchema } = typeorm;
// region entity
const Item = new EntitySchema({
  name: 'Item',
  tableName: 'items',
  columns: {
    id: { type: 'int', primary: true },
    category: { type: 'int' },
    embedding: { type: 'vector', length: 3, nullable: true },
    half: { type: 'halfvec', length: 3, nullable: true },
    // TypeORM does not know this type of its own, and it knows no length of it
    sparse: {
      type: 'sparsevec',
      nullable: true,
      transformer: {
        to: (value) => (Array.isArray(value) ? text('sparse', value) : value),
        from: (value) => new SparseVector(value).toArray(),
      },
    },
    bits: { type: 'bit', length: 8, nullable: true },
  },
  // synchronize would drop indexes it does not know
  indices: [
    { name: 'items_hnsw', columns: ['embedding'], synchronize: false },
    { name: 'items_ivfflat', columns: ['embedding'], synchronize: false },
  ],
});
// end entity

// region migration
class CreateItems1700000000000 {
  async up(runner) {
    await runner.query('CREATE EXTENSION IF NOT EXISTS vector');
    await runner.query(`CREATE TABLE items (id int PRIMARY KEY, category int NOT NULL,
      embedding vector(3), half halfvec(3), sparse sparsevec(6), bits bit(8))`);
    await runner.query('CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)');
    await runner.query('CREATE INDEX items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)');
  }
}
// end migration

const source = new DataSource({
  type: 'postgres',
  host: process.env.PGHOST,
  port: process.env.PGPORT,
  database: process.env.PGDATABASE,
  username: process.env.PGUSER,
  entities: [Item],
  migrations: [CreateItems1700000000000],
  extra: { max: 2 },
});
source.driver.supportedDataTypes.push('sparsevec');
await source.initialize();
const items = source.getRepository(Item);

await run({
  // region migrate
  async migrate() {
    await source.runMigrations();
  },
  // end migrate
  async insert(item) {
    await items.insert(item);
  },
  // region bulk
  async bulk(many) {
    await items.insert(many);
    return 'one INSERT of many rows';
  },
  // end bulk
  read: (id) => items.findOneBy({ id }),
  async nearest(column, operator, value, k) {
    const rows = await items
      .createQueryBuilder('item')
      .orderBy(`item.${column} ${operator} :query`)
      .setParameters({ query: text(column, value) })
      .limit(k)
      .getMany();
    return rows.map((row) => row.id);
  },
  // region filtered
  filtered: (category, value, radius, k) =>
    items
      .createQueryBuilder('item')
      .select('item.id', 'id')
      .addSelect('item.embedding <-> :query', 'distance')
      .where('item.category = :category AND item.embedding <-> :query < :radius')
      .orderBy('item.embedding <-> :query')
      .setParameters({ category, radius, query: text('embedding', value) })
      .limit(k)
      .getRawMany(),
  // end filtered
  async introspect() {
    // the schema builder finds nothing to change
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    if (upQueries.length) throw new Error(upQueries.map((q) => q.query).join('; '));
    const table = await source.createQueryRunner().getTable('items');
    return Object.fromEntries(table.columns.map((c) => [c.name, c.length ? `${c.type}(${c.length})` : c.type]));
  },
  close: () => source.destroy(),
});
