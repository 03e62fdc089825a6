"""asyncpg, binary parameters, results and COPY.

packages: python3-asyncpg
pooled: statement_cache_size = 0, and each statement in a transaction, since asyncpg
    prepares and executes in two round trips
"""

import asyncio
import os
import struct
import sys

import asyncpg

import common
from common import COLUMNS


def dense_encoder(code):
    return lambda x: struct.pack(">HH%d%s" % (len(x), code), len(x), 0, *x)


def dense_decoder(code):
    def decode(data):
        dimensions, _ = struct.unpack_from(">HH", data)
        return list(struct.unpack_from(">%d%s" % (dimensions, code), data, 4))

    return decode


def encode_sparse(x):
    index = [i for i, e in enumerate(x) if e != 0]
    n = len(index)
    return struct.pack(">iii%di%df" % (n, n), len(x), n, 0, *index, *(x[i] for i in index))


def decode_sparse(data):
    dimensions, n, _ = struct.unpack_from(">iii", data)
    index = struct.unpack_from(">%di" % n, data, 12)
    elements = dict(zip(index, struct.unpack_from(">%df" % n, data, 12 + 4 * n)))
    return [elements.get(i, 0.0) for i in range(dimensions)]


async def connect():
    return await asyncpg.connect(
        host=os.environ["PGHOST"], **({"statement_cache_size": 0} if os.environ.get("POOLED") else {})
    )


loop = asyncio.new_event_loop()
conn = loop.run_until_complete(connect())


def wait(action):
    async def together():
        async with conn.transaction():
            return await action

    return loop.run_until_complete(together() if os.environ.get("POOLED") else action)


# region migrate
def migrate():
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS vector",
        """CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int, embedding vector(3),
           half halfvec(3), sparse sparsevec(6), bits bit(8))""",
        """CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops)
           WITH (m = 8, ef_construction = 32)""",
        """CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops)
           WITH (lists = 4)""",
    ):
        wait(conn.execute(statement))
    for name, encoder, decoder in (
        ("vector", dense_encoder("f"), dense_decoder("f")),
        ("halfvec", dense_encoder("e"), dense_decoder("e")),
        ("sparsevec", encode_sparse, decode_sparse),
    ):
        wait(conn.set_type_codec(name, schema="public", encoder=encoder, decoder=decoder, format="binary"))
# end migrate


def row(item):
    return [asyncpg.BitString(item[c]) if c == "bits" else item[c] for c in COLUMNS]


def insert(item):
    wait(conn.execute("INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6)", *row(item)))


# region bulk
def bulk(items):
    wait(conn.copy_records_to_table("items", records=map(row, items), columns=COLUMNS))
    return "binary COPY"
# end bulk


def read(id):
    found = dict(wait(conn.fetchrow("SELECT * FROM items WHERE id = $1", id)))
    return {**found, "bits": found["bits"].as_string().replace(" ", "")}


def nearest(column, operator, query, k):
    query = asyncpg.BitString(query) if column == "bits" else query
    statement = "SELECT id FROM items ORDER BY %s %s $1 LIMIT $2" % (column, operator)
    return [r["id"] for r in wait(conn.fetch(statement, query, k))]


# region filtered
def filtered(category, query, radius, k):
    return wait(
        conn.fetch(
            """SELECT id, embedding <-> $1 AS distance FROM items
               WHERE category = $2 AND embedding <-> $1 < $3 ORDER BY embedding <-> $1 LIMIT $4""",
            query,
            category,
            radius,
            k,
        )
    )
# end filtered


def introspect():
    async def attributes():
        return (await conn.prepare("SELECT * FROM items")).get_attributes()

    return {a.name: a.type.name for a in wait(attributes())}


def close():
    loop.run_until_complete(conn.close())


if __name__ == "__main__":
    common.run(sys.modules[__name__])
