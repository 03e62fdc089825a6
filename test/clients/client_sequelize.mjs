// Sequelize 6, with the types and distances of npm's pgvector
// pooled: SET client_min_messages at connect is not lasting, which is harmless
import { DataTypes, Op, Sequelize } from 'sequelize';
import * as pgvector from 'pgvector/sequelize';
import { SparseVector } from 'pgvector';
import { run } from './common.mjs';

// Types are looked up at the first connection, so the extension has to be there
const open = () =>
  new Sequelize({
    dialect: 'postgres',
    host: process.env.PGHOST,
    port: process.env.PGPORT,
    database: process.env.PGDATABASE,
    username: process.env.PGUSER,
    logging: false,
    pool: { max: 2 },
  });
const first = open();
await first.query('CREATE EXTENSION IF NOT EXISTS vector');
await first.close();

const sequelize = open();
// region model
const Item = sequelize.define(
  'Item',
  {
    id: { type: DataTypes.INTEGER, primaryKey: true },
    category: DataTypes.INTEGER,
    embedding: DataTypes.VECTOR(3),
    half: DataTypes.HALFVEC(3),
    sparse: DataTypes.SPARSEVEC(6),
    bits: 'BIT(8)',
  },
  { tableName: 'items', timestamps: false },
);
// end model
const distance = { '<->': 'l2Distance', '<#>': 'maxInnerProduct', '<=>': 'cosineDistance', '<+>': 'l1Distance', '<~>': 'hammingDistance', '<%>': 'jaccardDistance' };
const values = (item) => ({ ...item, sparse: new SparseVector(item.sparse) });

await run({
  // region migrate
  async migrate() {
    await sequelize.query('CREATE EXTENSION IF NOT EXISTS vector');
    await Item.sync();
    await sequelize.query('CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)');
    await sequelize.query('CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops) WITH (lists = 4)');
  },
  // end migrate
  async insert(item) {
    await Item.create(values(item));
  },
  // region bulk
  async bulk(items) {
    await Item.bulkCreate(items.map(values));
    return 'bulkCreate';
  },
  // end bulk
  async read(id) {
    const row = (await Item.findByPk(id)).get();
    return { ...row, sparse: row.sparse.toArray() };
  },
  async nearest(column, operator, value, k) {
    const by = pgvector[distance[operator]](column, column == 'sparse' ? new SparseVector(value) : value, sequelize);
    return (await Item.findAll({ order: by, limit: k })).map((item) => item.id);
  },
  // region filtered
  async filtered(category, value, radius, k) {
    const l2 = pgvector.l2Distance('embedding', value, sequelize);
    return await Item.findAll({
      attributes: ['id', [l2, 'distance']],
      where: { [Op.and]: [{ category }, sequelize.where(l2, '<', radius)] },
      order: l2,
      limit: k,
      raw: true,
    });
  },
  // end filtered
  async introspect() {
    const table = await sequelize.getQueryInterface().describeTable('items');
    // information_schema knows no types of extensions
    const [rows] = await sequelize.query("SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = 'items'");
    return Object.fromEntries(rows.map((row) => [row.column_name, table[row.column_name].type == 'USER-DEFINED' ? row.udt_name : table[row.column_name].type]));
  },
  close: () => sequelize.close(),
});
