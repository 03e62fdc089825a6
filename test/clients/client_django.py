"""Django 3.2: a migration with Django's own CreateExtension, fields and indexes.

packages: python3-django python3-psycopg2
pooled: DISABLE_SERVER_SIDE_CURSORS
"""

import io
import os
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "DISABLE_SERVER_SIDE_CURSORS": bool(os.environ.get("POOLED")),
        }
    },
    INSTALLED_APPS=["django.contrib.postgres"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib.postgres.indexes import PostgresIndex
from django.contrib.postgres.operations import CreateExtension
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django.db.models import Func, Value

import common
from common import COLUMNS, text, value


class VectorField(models.Field):
    """vector(n), halfvec(n), sparsevec(n): text on the wire, lists in Python"""

    def __init__(self, *args, type="vector", column="embedding", dimensions=None, **kwargs):
        self.type, self.as_column, self.dimensions = type, column, dimensions
        super().__init__(*args, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "type": self.type, "column": self.as_column, "dimensions": self.dimensions}

    def db_type(self, connection):
        return "%s(%d)" % (self.type, self.dimensions)

    def from_db_value(self, x, expression, connection):
        return x if x is None else value(self.as_column, x)

    def get_prep_value(self, x):
        return x if x is None or isinstance(x, str) else text(self.as_column, x)


class HnswIndex(PostgresIndex):
    suffix = "hnsw"
    options = ("m", "ef_construction")

    def __init__(self, *expressions, **kwargs):
        self.values = {o: kwargs.pop(o) for o in self.options if o in kwargs}
        super().__init__(*expressions, **kwargs)

    def deconstruct(self):
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, **self.values}

    def get_with_params(self):
        return ["%s = %d" % pair for pair in self.values.items()]


class IvfflatIndex(HnswIndex):
    suffix = "ivfflat"
    options = ("lists",)


class Distance(Func):
    """column OPERATOR value"""

    output_field = models.FloatField()
    template = "(%(expressions)s)"

    def __init__(self, column, operator, query):
        super().__init__(column, Value(query))
        self.arg_joiner = " %s " % operator.replace("%", "%%")


# region migration
class CreateItems(migrations.Migration):
    operations = [
        CreateExtension("vector"),
        migrations.CreateModel(
            "Item",
            [
                ("id", models.IntegerField(primary_key=True)),
                ("category", models.IntegerField()),
                ("embedding", VectorField(dimensions=3)),
                ("half", VectorField(type="halfvec", column="half", dimensions=3)),
                ("sparse", VectorField(type="sparsevec", column="sparse", dimensions=6)),
                ("bits", VectorField(type="bit", column="bits", dimensions=8)),
            ],
            {"db_table": "items"},
        ),
        migrations.AddIndex(
            "Item",
            HnswIndex(fields=["embedding"], name="items_hnsw", opclasses=["vector_l2_ops"], m=8, ef_construction=32),
        ),
        migrations.AddIndex(
            "Item", IvfflatIndex(fields=["embedding"], name="items_ivfflat", opclasses=["vector_cosine_ops"], lists=4)
        ),
    ]
# end migration


migration = CreateItems("0001_initial", "shop")
Item = migration.mutate_state(ProjectState()).apps.get_model("shop", "Item")


def migrate():
    if "items" in connection.introspection.table_names():
        # as in another application of the project
        with connection.schema_editor() as editor:
            migration.operations[0].database_forwards("shop", editor, ProjectState(), ProjectState())
        return
    with connection.schema_editor() as editor:
        migration.apply(ProjectState(), editor)


def insert(item):
    Item.objects.create(**item)


# region bulk
def bulk(items):
    Item.objects.bulk_create([Item(**item) for item in items])
    return "bulk_create"
# end bulk


def read(id):
    return Item.objects.values(*COLUMNS).get(pk=id)


def nearest(column, operator, query, k):
    items = Item.objects.order_by(Distance(column, operator, text(column, query)))[:k]
    return [item.id for item in items.iterator()]


# region filtered
def filtered(category, query, radius, k):
    items = Item.objects.annotate(distance=Distance("embedding", "<->", text("embedding", query)))
    return items.filter(category=category, distance__lt=radius).order_by("distance").values_list("id", "distance")[:k]
# end filtered


def introspect():
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "items")
        common.same(constraints["items_hnsw"]["columns"], ["embedding"])
        common.same(constraints["items_hnsw"]["type"], "hnsw")
        columns = connection.introspection.get_table_description(cursor, "items")
        cursor.execute("SELECT oid, typname FROM pg_type")
        names = dict(cursor.fetchall())
    models = io.StringIO()
    call_command("inspectdb", "items", stdout=models)
    common.same("db_table = 'items'" in models.getvalue(), True)
    return {c.name: names[c.type_code] for c in columns}


def close():
    connection.close()


if __name__ == "__main__":
    common.run(sys.modules[__name__])
