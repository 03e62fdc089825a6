"""Peewee on psycopg2, with fields in its own terms.

packages: python3-peewee python3-psycopg2
pooled: nothing
"""

import os
import sys

from peewee import SQL, Expression, Field, IntegerField, Model, PostgresqlDatabase, Value

import common
from common import COLUMNS, text, value

db = PostgresqlDatabase(os.environ["PGDATABASE"], host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]))


class VectorField(Field):
    """vector(n), halfvec(n), sparsevec(n), bit(n): text on the wire, lists in Python"""

    def __init__(self, type, column, dimensions, **kwargs):
        self.field_type, self.as_column, self.dimensions = type, column, dimensions
        super().__init__(**kwargs)

    def get_modifiers(self):
        return [self.dimensions]

    def db_value(self, x):
        return x if x is None or isinstance(x, str) else text(self.as_column, x)

    def python_value(self, x):
        return x if x is None else value(self.as_column, x)

    def distance(self, operator, query):
        return Expression(self, operator.replace("%", "%%"), Value(self.db_value(query), unpack=False))


# region model
class Item(Model):
    id = IntegerField(primary_key=True)
    category = IntegerField()
    embedding = VectorField("vector", "embedding", 3)
    half = VectorField("halfvec", "half", 3)
    sparse = VectorField("sparsevec", "sparse", 6)
    bits = VectorField("bit", "bits", 8)

    class Meta:
        database = db
        table_name = "items"


Item.add_index(
    SQL(
        """CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops)
           WITH (m = 8, ef_construction = 32)"""
    )
)
Item.add_index(
    SQL(
        """CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops)
           WITH (lists = 4)"""
    )
)
# end model


# region migrate
def migrate():
    db.execute_sql("CREATE EXTENSION IF NOT EXISTS vector")
    db.create_tables([Item])
# end migrate


def insert(item):
    Item.insert(**item).execute()


# region bulk
def bulk(items):
    with db.atomic():
        Item.insert_many(items).execute()
    return "insert_many"
# end bulk


def read(id):
    return Item.select().where(Item.id == id).dicts().get()


def nearest(column, operator, query, k):
    by = getattr(Item, column).distance(operator, query)
    return [item.id for item in Item.select(Item.id).order_by(by).limit(k)]


# region filtered
def filtered(category, query, radius, k):
    by = Item.embedding.distance("<->", query)
    items = Item.select(Item.id, by.alias("distance")).where(Item.category == category, by < radius)
    return list(items.order_by(by).limit(k).tuples())
# end filtered


def introspect():
    names = [index.name for index in db.get_indexes("items")]
    common.same(sorted(names), ["items_hnsw", "items_ivfflat", "items_pkey"])
    # information_schema knows no types of extensions
    found = db.execute_sql("SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = 'items'")
    names = dict(found.fetchall())
    return {c.name: names[c.name] if c.data_type == "USER-DEFINED" else c.data_type for c in db.get_columns("items")}


def close():
    db.close()


if __name__ == "__main__":
    common.run(sys.modules[__name__])
