// common.mjs - what every JavaScript client is asked to do, and the right answers
//
//	run(client)	the sequence, as TAP
//
// A client has a name and these functions, all of them asynchronous:
//
//	migrate()	extension, table "items", an hnsw index (vector_l2_ops) and an
//			ivfflat index (vector_cosine_ops); harmless the second time
//	insert(item)	one row
//	bulk(items)	many rows, the fastest way the client has
//	read(id)	one row as an item
//	nearest(column, operator, value, k)	ids in order of distance
//	filtered(category, value, radius, k)	{id, distance}: the nearest rows of a
//			category within a radius, by <-> on embedding
//	introspect()	{column: type} as the client's own tools tell it
//	close()
//
// An item is {id, category, embedding: vector(3), half: halfvec(3), sparse:
// sparsevec(6), bits: bit(8)}: arrays of numbers, sparse ones dense, and a string.

import { SparseVector, toSql } from 'pgvector';

const types = { embedding: 'vector(3)', half: 'halfvec(3)', sparse: 'sparsevec(6)', bits: 'bit(8)' };

// What a parameter for a column is sent as; other columns' values stay as they are
export const text = (column, value) =>
  column == 'sparse' ? toSql(new SparseVector(value)) : Array.isArray(value) ? toSql(value) : value;

let state = 1;
function random(n) {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor(state / 65536) % n;
}

// Small integers: exact in every type
function item(id) {
  const dense = () => Array.from({ length: 3 }, () => random(199) - 99);
  return {
    id,
    category: random(3),
    embedding: dense(),
    half: dense(),
    sparse: Array.from({ length: 6 }, (_, i) => (i == id % 6 || random(3) == 0 ? random(20) + 1 : 0)),
    bits: Array.from({ length: 8 }, () => random(2)).join(''),
  };
}

const items = Array.from({ length: 300 }, (_, i) => item(i + 1));
const query = item(0);

const sum = (a, f) => a.reduce((s, x, i) => s + f(x, i), 0);
const dot = (a, b) => sum(a, (x, i) => x * b[i]);
const distance = {
  '<->': (a, b) => Math.sqrt(sum(a, (x, i) => (x - b[i]) ** 2)),
  '<#>': (a, b) => -dot(a, b),
  '<=>': (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  '<+>': (a, b) => sum(a, (x, i) => Math.abs(x - b[i])),
  '<~>': (a, b) => sum([...a], (x, i) => x != b[i]),
  '<%>': (a, b) => 1 - sum([...a], (x, i) => x & b[i]) / sum([...a], (x, i) => x | b[i]),
};

let number = 0;
async function test(name, body) {
  number++;
  try {
    const note = await body();
    console.log(`ok ${number} - ${name}${note ? `, ${note}` : ''}`);
  } catch (error) {
    console.log(`not ok ${number} - ${name}`);
    console.log(String(error.stack ?? error).replace(/^/gm, '# ').split('\n').slice(0, 12).join('\n'));
  }
}

function same(got, wanted) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a != b) throw new Error(`${a} instead of ${b}`);
}

// The order of columns is the client's
const sameItem = (got, wanted) => same(Object.entries(got).sort(), Object.entries(wanted).sort());

// Rows may tie, so distances are compared.  The indexes visit all of so few rows.
function sameDistances(got, wanted) {
  if (got.length != wanted.length || got.some((d, i) => !(Math.abs(d - wanted[i]) <= 1e-4 * (1 + Math.abs(d)))))
    throw new Error(`${got} instead of ${wanted}`);
}

const byId = (id) => items[id - 1];

export async function run(client) {
  await test('migration', client.migrate);
  await test('migration again', client.migrate);
  await test('insert', async () => {
    await client.insert(items[0]);
    sameItem(await client.read(1), items[0]);
  });
  await test('bulk insert', async () => {
    const how = await client.bulk(items.slice(1));
    for (const id of [2, 150, 300]) sameItem(await client.read(id), byId(id));
    return how;
  });
  for (const [column, operators] of Object.entries({
    embedding: ['<->', '<#>', '<=>', '<+>'],
    half: ['<->', '<#>', '<=>', '<+>'],
    sparse: ['<->', '<#>', '<=>', '<+>'],
    bits: ['<~>', '<%>'],
  })) {
    for (const operator of operators) {
      await test(`${column} ${operator}`, async () => {
        const ids = await client.nearest(column, operator, query[column], 7);
        const by = distance[operator];
        same(new Set(ids).size, ids.length);
        sameDistances(
          ids.map((id) => by(byId(id)[column], query[column])),
          items
            .map((i) => by(i[column], query[column]))
            .sort((a, b) => a - b)
            .slice(0, 7),
        );
      });
    }
  }
  await test('filter, order and limit', async () => {
    const by = (i) => distance['<->'](i.embedding, query.embedding);
    const rows = await client.filtered(1, query.embedding, 80, 5);
    same(rows.map((r) => byId(r.id).category), [1, 1, 1, 1, 1]);
    const wanted = items
      .filter((i) => i.category == 1 && by(i) < 80)
      .map(by)
      .sort((a, b) => a - b)
      .slice(0, 5);
    sameDistances(rows.map((r) => by(byId(r.id))), wanted);
    sameDistances(rows.map((r) => Number(r.distance)), wanted);
  });
  await test('introspection', async () => {
    const found = await client.introspect();
    for (const [column, type] of Object.entries(types)) {
      const name = String(found[column]).toLowerCase();
      // some tools tell no dimensions
      if (name != type) same(name, type.replace(/\(.*/, ''));
    }
  });
  await test('a wrong number of dimensions is refused', async () => {
    try {
      await client.insert({ ...items[0], id: 1000, embedding: [1, 2] });
    } catch (error) {
      const text = `${error.message} ${error.cause?.message}`;
      if (!text.includes('expected 3 dimensions, not 2')) throw error;
      return;
    }
    throw new Error('no error');
  });
  await client.close();
  console.log(`1..${number}`);
}
