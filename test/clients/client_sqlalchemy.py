"""SQLAlchemy 1.4 ORM on psycopg2, with types and operators in its own terms.

packages: python3-sqlalchemy python3-psycopg2
pooled: poolclass=NullPool, the pooler pools
"""

import os
import sys

from sqlalchemy import Column, Float, Index, Integer, MetaData, Table, create_engine, insert as insert_, inspect, select, text as sql
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Session, declarative_base
from sqlalchemy.pool import NullPool
from sqlalchemy.types import UserDefinedType

import common
from common import COLUMNS, text, value


class VectorType(UserDefinedType):
    """vector(n), halfvec(n), sparsevec(n): text on the wire, lists in Python"""

    name = column = None

    def __init__(self, dim=None):
        self.dim = None if dim is None else int(dim)

    def get_col_spec(self, **kw):
        return self.name.upper() if self.dim is None else "%s(%d)" % (self.name.upper(), self.dim)

    def bind_processor(self, dialect):
        return lambda x: x if x is None or isinstance(x, str) else text(self.column, x)

    def result_processor(self, dialect, coltype):
        return lambda x: x if x is None else value(self.column, x)

    class comparator_factory(UserDefinedType.Comparator):
        def distance(self, operator, other):
            return self.op(operator, return_type=Float)(other)


class Vector(VectorType):
    cache_ok = True
    name, column = "vector", "embedding"


class HalfVector(VectorType):
    cache_ok = True
    name, column = "halfvec", "half"


class SparseVector(VectorType):
    cache_ok = True
    name, column = "sparsevec", "sparse"


ischema_names.update(vector=Vector, halfvec=HalfVector, sparsevec=SparseVector)
Base = declarative_base()


# region model
class Item(Base):
    __tablename__ = "items"
    id = Column(Integer, primary_key=True, autoincrement=False)
    category = Column(Integer)
    embedding = Column(Vector(3))
    half = Column(HalfVector(3))
    sparse = Column(SparseVector(6))
    bits = Column(BIT(8))
    __table_args__ = (
        Index(
            "items_hnsw",
            "embedding",
            postgresql_using="hnsw",
            postgresql_with={"m": 8, "ef_construction": 32},
            postgresql_ops={"embedding": "vector_l2_ops"},
        ),
        Index(
            "items_ivfflat",
            "embedding",
            postgresql_using="ivfflat",
            postgresql_with={"lists": 4},
            postgresql_ops={"embedding": "vector_cosine_ops"},
        ),
    )
# end model


engine = create_engine(
    "postgresql+psycopg2://", future=True, **({"poolclass": NullPool} if os.environ.get("POOLED") else {})
)


# region migrate
def migrate():
    with engine.begin() as conn:
        conn.execute(sql("CREATE EXTENSION IF NOT EXISTS vector"))
    Base.metadata.create_all(engine)
# end migrate


def insert(item):
    with Session(engine) as session:
        session.add(Item(**item))
        session.commit()


# region bulk
def bulk(items):
    with Session(engine) as session:
        session.execute(insert_(Item), items)
        session.commit()
    return "one INSERT of many rows"
# end bulk


def read(id):
    with Session(engine) as session:
        item = session.get(Item, id)
        return {c: getattr(item, c) for c in COLUMNS}


def nearest(column, operator, query, k):
    attribute = getattr(Item, column)
    by = attribute.op(operator, return_type=Float)(query)
    with Session(engine) as session:
        return session.scalars(select(Item.id).order_by(by).limit(k)).all()


# region filtered
def filtered(category, query, radius, k):
    by = Item.embedding.distance("<->", query)
    with Session(engine) as session:
        found = select(Item.id, by).where(Item.category == category, by < radius).order_by(by).limit(k)
        return session.execute(found).all()
# end filtered


def introspect():
    indexes = {i["name"]: i for i in inspect(engine).get_indexes("items")}
    common.same(indexes["items_hnsw"]["dialect_options"]["postgresql_using"], "hnsw")
    # a copy made of what reflection finds
    table = Table("items", MetaData(), autoload_with=engine)
    with engine.begin() as conn:
        copy = table.to_metadata(MetaData(), name="items_copy")
        copy.indexes.clear()
        copy.primary_key.name = None
        copy.create(conn)
        rows = "SELECT string_agg(t::text, ',' ORDER BY id) FROM %s t"
        conn.execute(sql("INSERT INTO items_copy SELECT * FROM items"))
        common.same(conn.scalar(sql(rows % "items_copy")), conn.scalar(sql(rows % "items")))
        copy.drop(conn)
    return {c.name: c.type.compile(engine.dialect) for c in table.columns}


def close():
    engine.dispose()


if __name__ == "__main__":
    common.run(sys.modules[__name__])
