// Objection on Knex, with the distances of npm's pgvector
// pooled: nothing
import Knex from 'knex';
import { Model, raw } from 'objection';
import * as pgvector from 'pgvector/objection';
import { SparseVector } from 'pgvector';
import { run } from './common.mjs';

const knex = Knex({ client: 'pg', connection: {}, pool: { min: 0, max: 2 } });
const distance = { '<->': 'l2Distance', '<#>': 'maxInnerProduct', '<=>': 'cosineDistance', '<+>': 'l1Distance', '<~>': 'hammingDistance', '<%>': 'jaccardDistance' };

// region model
class Item extends Model {
  static tableName = 'items';

  $formatDatabaseJson(json) {
    const row = super.$formatDatabaseJson(json);
    return { ...row, embedding: pgvector.toSql(row.embedding), half: pgvector.toSql(row.half), sparse: pgvector.toSql(new SparseVector(row.sparse)) };
  }

  $parseDatabaseJson(json) {
    const row = super.$parseDatabaseJson(json);
    for (const column of ['embedding', 'half', 'sparse']) if (row[column]) row[column] = pgvector.fromSql(row[column]);
    if (row.sparse) row.sparse = row.sparse.toArray();
    return row;
  }
}
// end model
Item.knex(knex);

await run({
  // region migrate
  async migrate() {
    await knex.raw('CREATE EXTENSION IF NOT EXISTS vector');
    if (await knex.schema.hasTable('items')) return;
    await knex.schema.createTable('items', (table) => {
      table.integer('id').primary();
      table.integer('category');
      table.specificType('embedding', 'vector(3)');
      table.specificType('half', 'halfvec(3)');
      table.specificType('sparse', 'sparsevec(6)');
      table.specificType('bits', 'bit(8)');
    });
    await knex.raw('CREATE INDEX ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)');
    await knex.raw('CREATE INDEX ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)');
  },
  // end migrate
  async insert(item) {
    await Item.query().insert(item);
  },
  // region bulk
  async bulk(items) {
    await Item.query().insert(items);
    return 'one INSERT of many rows';
  },
  // end bulk
  async read(id) {
    return (await Item.query().findById(id)).toJSON();
  },
  async nearest(column, operator, value, k) {
    const by = pgvector[distance[operator]](column, column == 'sparse' ? new SparseVector(value) : value);
    return (await Item.query().select('id').orderBy(by).limit(k)).map((item) => item.id);
  },
  // region filtered
  async filtered(category, value, radius, k) {
    const l2 = pgvector.l2Distance('embedding', value);
    return await Item.query()
      .select('id', raw('?', [l2]).as('distance'))
      .where({ category })
      .where(l2, '<', radius)
      .orderBy(l2)
      .limit(k);
  },
  // end filtered
  async introspect() {
    const { columns } = await Item.fetchTableMetadata();
    const { rows } = await knex.raw("SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0");
    return Object.fromEntries(rows.filter((row) => columns.includes(row.attname)).map((row) => [row.attname, row.type]));
  },
  close: () => knex.destroy(),
});
