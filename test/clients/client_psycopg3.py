"""psycopg 3 (3.1), text parameters and binary COPY.

packages: python3-psycopg
pooled: prepare_threshold = None, since the next transaction may have another session
"""

import os
import struct

import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

import common
from common import COLUMNS, text, value


class Vector(list):
    """Values of vector(n): what COPY sends in binary"""


class HalfVector(list):
    """Values of halfvec(n)"""


class SparseVector(list):
    """Values of sparsevec(n), dense"""


class VectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj):
        return struct.pack(">HH%df" % len(obj), len(obj), 0, *obj)


class HalfVectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj):
        return struct.pack(">HH%de" % len(obj), len(obj), 0, *obj)


class SparseVectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj):
        index = [i for i, x in enumerate(obj) if x != 0]
        return struct.pack(
            ">iii%di%df" % (len(index), len(index)), len(obj), len(index), 0, *index, *(obj[i] for i in index)
        )


class Bits(str):
    """Values of bit(n)"""


class BitsDumper(Dumper):
    format = Format.BINARY
    oid = psycopg.adapters.types["bit"].oid

    def dump(self, obj):
        size = (len(obj) + 7) // 8
        return struct.pack(">i", len(obj)) + int(obj.ljust(8 * size, "0"), 2).to_bytes(size, "big")


conn = psycopg.connect(autocommit=True)
if os.environ.get("POOLED"):
    conn.prepare_threshold = None


# region migrate
def migrate():
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    conn.execute(
        """CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int, embedding vector(3),
           half halfvec(3), sparse sparsevec(6), bits bit(8))"""
    )
    conn.execute(
        """CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops)
           WITH (m = 8, ef_construction = 32)"""
    )
    conn.execute(
        """CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops)
           WITH (lists = 4)"""
    )
    for name, python, dumper in (
        ("vector", Vector, VectorDumper),
        ("halfvec", HalfVector, HalfVectorDumper),
        ("sparsevec", SparseVector, SparseVectorDumper),
    ):
        info = TypeInfo.fetch(conn, name)
        info.register(conn)
        conn.adapters.register_dumper(python, type(dumper.__name__, (dumper,), {"oid": info.oid}))
    conn.adapters.register_dumper(Bits, BitsDumper)
# end migrate


def insert(item):
    conn.execute("INSERT INTO items VALUES (%s, %s, %s, %s, %s, %s)", [text(c, item[c]) for c in COLUMNS])


# region bulk
def bulk(items):
    with conn.cursor() as cursor, cursor.copy("COPY items FROM STDIN WITH (FORMAT binary)") as copy:
        copy.set_types(["int4", "int4", "vector", "halfvec", "sparsevec", "bit"])
        for i in items:
            copy.write_row(
                (
                    i["id"],
                    i["category"],
                    Vector(i["embedding"]),
                    HalfVector(i["half"]),
                    SparseVector(i["sparse"]),
                    Bits(i["bits"]),
                )
            )
    return "binary COPY"
# end bulk


def read(id):
    row = conn.execute("SELECT * FROM items WHERE id = %s", [id]).fetchone()
    return {c: value(c, x) for c, x in zip(COLUMNS, row)}


def nearest(column, operator, query, k):
    statement = sql.SQL("SELECT id FROM items ORDER BY {} {} %s LIMIT %s").format(
        sql.Identifier(column), sql.SQL(operator.replace("%", "%%"))
    )
    return [id for id, in conn.execute(statement, [text(column, query), k])]


# region filtered
def filtered(category, query, radius, k):
    return conn.execute(
        """SELECT id, embedding <-> %(query)s AS distance FROM items
           WHERE category = %(category)s AND embedding <-> %(query)s < %(radius)s
           ORDER BY embedding <-> %(query)s LIMIT %(k)s""",
        {"query": text("embedding", query), "category": category, "radius": radius, "k": k},
    ).fetchall()
# end filtered


def introspect():
    columns = conn.execute("SELECT * FROM items LIMIT 0").description
    return {c.name: conn.adapters.types[c.type_code].name for c in columns}


def close():
    conn.close()


if __name__ == "__main__":
    import sys

    common.run(sys.modules[__name__])
