"""psycopg2, text parameters and text COPY, with types it is taught.

packages: python3-psycopg2
pooled: nothing
"""

import io
import sys

import psycopg2
from psycopg2 import extensions, extras, sql

import common
from common import COLUMNS, text, value

conn = psycopg2.connect("")
conn.autocommit = True


def execute(query, arguments=None):
    cursor = conn.cursor()
    cursor.execute(query, arguments)
    return cursor


# region migrate
def migrate():
    execute("CREATE EXTENSION IF NOT EXISTS vector")
    execute(
        """CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int, embedding vector(3),
           half halfvec(3), sparse sparsevec(6), bits bit(8))"""
    )
    execute(
        """CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops)
           WITH (m = 8, ef_construction = 32)"""
    )
    execute(
        """CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops)
           WITH (lists = 4)"""
    )
    names = ("vector", "halfvec", "sparsevec")
    columns = ("embedding", "half", "sparse")
    for name, column in zip(names, columns):
        oid, array = execute("SELECT to_regtype(%s)::oid, to_regtype(%s)::oid", [name, "_" + name]).fetchone()
        one = extensions.new_type((oid,), name, lambda x, _, c=column: x and value(c, x))
        many = extensions.new_array_type((array,), "_" + name, one)
        extensions.register_type(one, conn)
        extensions.register_type(many, conn)
# end migrate


def row(item):
    return [text(c, item[c]) for c in COLUMNS]


def insert(item):
    execute("INSERT INTO items VALUES (%s, %s, %s, %s, %s, %s)", row(item))


# region bulk
def bulk(items):
    half = len(items) // 2
    extras.execute_values(conn.cursor(), "INSERT INTO items VALUES %s", map(row, items[:half]))
    lines = "".join("\t".join(map(str, row(item))) + "\n" for item in items[half:])
    conn.cursor().copy_expert("COPY items FROM STDIN", io.StringIO(lines))
    return "execute_values and text COPY"
# end bulk


def read(id):
    return dict(zip(COLUMNS, execute("SELECT * FROM items WHERE id = %s", [id]).fetchone()))


def nearest(column, operator, query, k):
    statement = sql.SQL(
        """SELECT array_agg(id ORDER BY d), array_agg({0} ORDER BY d)
           FROM (SELECT id, {0}, {0} {1} %s AS d FROM items ORDER BY d LIMIT %s) t"""
    ).format(sql.Identifier(column), sql.SQL(operator.replace("%", "%%")))
    ids, values = execute(statement, [text(column, query), k]).fetchone()
    # an array of a type of the extension
    if column != "bits":
        common.same(values, [common.ITEMS[id - 1][column] for id in ids])
    return ids


# region filtered
def filtered(category, query, radius, k):
    return execute(
        """SELECT id, embedding <-> %(query)s AS distance FROM items
           WHERE category = %(category)s AND embedding <-> %(query)s < %(radius)s
           ORDER BY embedding <-> %(query)s LIMIT %(k)s""",
        {"query": text("embedding", query), "category": category, "radius": radius, "k": k},
    ).fetchall()
# end filtered


def introspect():
    columns = execute("SELECT * FROM items LIMIT 0").description
    types = dict(execute("SELECT oid, typname FROM pg_type").fetchall())
    return {c.name: types[c.type_code] for c in columns}


def close():
    conn.close()


if __name__ == "__main__":
    common.run(sys.modules[__name__])
