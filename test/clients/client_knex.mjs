// Knex, with the column types and distances of npm's pgvector
// pooled: nothing
import Knex from 'knex';
import 'pgvector/knex';
import { fromSql, SparseVector } from 'pgvector';
import { run, text } from './common.mjs';

const knex = Knex({ client: 'pg', connection: {}, pool: { min: 0, max: 2 } });

const distance = { '<->': 'l2Distance', '<#>': 'maxInnerProduct', '<=>': 'cosineDistance', '<+>': 'l1Distance', '<~>': 'hammingDistance', '<%>': 'jaccardDistance' };
const values = (item) => Object.fromEntries(Object.entries(item).map(([column, value]) => [column, text(column, value)]));

await run({
  // region migrate
  async migrate() {
    await knex.schema.createExtensionIfNotExists('vector');
    if (await knex.schema.hasTable('items')) return;
    await knex.schema.createTable('items', (table) => {
      table.integer('id').primary();
      table.integer('category');
      table.vector('embedding', 3);
      table.halfvec('half', 3);
      table.sparsevec('sparse', 6);
      table.specificType('bits', 'bit(8)');
    });
    await knex.raw('CREATE INDEX ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)');
    await knex.raw('CREATE INDEX ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)');
  },
  // end migrate
  async insert(item) {
    await knex('items').insert(values(item));
  },
  // region bulk
  async bulk(items) {
    await knex.batchInsert('items', items.map(values), 100);
    return 'batchInsert';
  },
  // end bulk
  async read(id) {
    const row = await knex('items').where({ id }).first();
    return { ...row, embedding: fromSql(row.embedding), half: fromSql(row.half), sparse: new SparseVector(row.sparse).toArray() };
  },
  nearest: (column, operator, value, k) =>
    knex('items')
      .orderBy(knex(undefined)[distance[operator]](column, column == 'sparse' ? new SparseVector(value) : value))
      .limit(k)
      .pluck('id'),
  // region filtered
  async filtered(category, value, radius, k) {
    const l2 = () => knex(undefined).l2Distance('embedding', value);
    return await knex('items')
      .select('id', knex.raw('? AS distance', [l2()]))
      .where({ category })
      .where(l2(), '<', radius)
      .orderBy(l2())
      .limit(k);
  },
  // end filtered
  async introspect() {
    const info = await knex('items').columnInfo();
    // information_schema knows no types of extensions
    const rows = await knex('information_schema.columns').select('column_name', 'udt_name').where({ table_name: 'items' });
    return Object.fromEntries(rows.map((row) => [row.column_name, info[row.column_name].type == 'USER-DEFINED' ? row.udt_name : info[row.column_name].type]));
  },
  close: () => knex.destroy(),
});
