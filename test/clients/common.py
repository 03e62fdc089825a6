"""common.py - what every Python client is asked to do, and the right answers

    run(client)     the sequence, as TAP

A client is an object, or a module, with these functions:

    migrate()       extension, table "items", an hnsw index (vector_l2_ops) and an
                    ivfflat index (vector_cosine_ops); harmless the second time
    insert(item)    one row
    bulk(items)     many rows, the fastest way the client has; says which
    read(id)        one row as an item
    nearest(column, operator, value, k)     ids in order of distance
    filtered(category, value, radius, k)    (id, distance): the nearest rows of a
                    category within a radius, by <-> on embedding
    introspect()    {column: type} as the client's own tools tell it
    close()

An item is a dict of id, category, embedding: vector(3), half: halfvec(3), sparse:
sparsevec(6), bits: bit(8): lists of floats, sparse ones dense, and a string.

text(column, value) and value(column, text) are the text form and back, for columns
of these types; others stay as they are.
"""

import math
import traceback

COLUMNS = ("id", "category", "embedding", "half", "sparse", "bits")
TYPES = {"embedding": "vector(3)", "half": "halfvec(3)", "sparse": "sparsevec(6)", "bits": "bit(8)"}


def text(column, value):
    if column == "sparse":
        pairs = ("%d:%r" % (i + 1, x) for i, x in enumerate(value) if x != 0)
        return "{%s}/%d" % (",".join(pairs), len(value))
    return "[%s]" % ",".join(map(repr, value)) if column in ("embedding", "half") else value


def value(column, text):
    if column == "sparse":
        pairs, dimensions = text[1:].split("}/")
        dense = [0.0] * int(dimensions)
        for pair in filter(None, pairs.split(",")):
            index, x = pair.split(":")
            dense[int(index) - 1] = float(x)
        return dense
    return [float(x) for x in text[1:-1].split(",")] if column in ("embedding", "half") else text


def _items():
    state = 1

    def random(n):
        nonlocal state
        state = (state * 1103515245 + 12345) % 2**31
        return (state >> 16) % n

    for id in range(301):
        # small integers: exact in every type
        yield {
            "id": id,
            "category": random(3),
            "embedding": [random(199) - 99.0 for _ in range(3)],
            "half": [random(199) - 99.0 for _ in range(3)],
            "sparse": [random(20) + 1.0 if i == id % 6 or random(3) == 0 else 0.0 for i in range(6)],
            "bits": "".join(str(random(2)) for _ in range(8)),
        }


QUERY, *ITEMS = _items()


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def _count(a, b, both):
    return sum(both(x == "1", y == "1") for x, y in zip(a, b))


DISTANCE = {
    "<->": math.dist,
    "<#>": lambda a, b: -_dot(a, b),
    "<=>": lambda a, b: 1 - _dot(a, b) / math.sqrt(_dot(a, a) * _dot(b, b)),
    "<+>": lambda a, b: sum(abs(x - y) for x, y in zip(a, b)),
    "<~>": lambda a, b: _count(a, b, bool.__xor__),
    "<%>": lambda a, b: 1 - _count(a, b, bool.__and__) / _count(a, b, bool.__or__),
}


def same(got, wanted):
    if got != wanted:
        raise AssertionError("%r instead of %r" % (got, wanted))


# Rows may tie, so distances are compared.  The indexes visit all of so few rows.
def same_distances(got, wanted):
    if len(got) != len(wanted) or not all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4) for a, b in zip(got, wanted)):
        raise AssertionError("%r instead of %r" % (got, wanted))


def run(client):
    number = 0

    def test(name, body):
        nonlocal number
        number += 1
        try:
            note = body()
            print("ok %d - %s%s" % (number, name, ", " + note if note else ""), flush=True)
        except Exception:
            print("not ok %d - %s" % (number, name))
            print("".join("# %s\n" % line for line in traceback.format_exc().splitlines()), flush=True)

    def one():
        client.insert(ITEMS[0])
        same(client.read(1), ITEMS[0])

    def bulk():
        how = client.bulk(ITEMS[1:])
        for id in (2, 150, 300):
            same(client.read(id), ITEMS[id - 1])
        return how

    def nearest(column, operator):
        def distance(item):
            return DISTANCE[operator](item[column], QUERY[column])

        ids = client.nearest(column, operator, QUERY[column], 7)
        same(len(set(ids)), len(ids))
        same_distances([distance(ITEMS[id - 1]) for id in ids], sorted(map(distance, ITEMS))[:7])

    def filtered():
        def distance(item):
            return math.dist(item["embedding"], QUERY["embedding"])

        rows = client.filtered(1, QUERY["embedding"], 80, 5)
        wanted = sorted(d for d in (distance(i) for i in ITEMS if i["category"] == 1) if d < 80)[:5]
        same([ITEMS[id - 1]["category"] for id, _ in rows], [1] * 5)
        same_distances([distance(ITEMS[id - 1]) for id, _ in rows], wanted)
        same_distances([float(d) for _, d in rows], wanted)

    def introspection():
        found = client.introspect()
        for column, type in TYPES.items():
            name = str(found[column]).lower()
            # some tools tell no dimensions
            if name != type:
                same(name, type.split("(")[0])

    def refused():
        try:
            client.insert({**ITEMS[0], "id": 1000, "embedding": [1.0, 2.0]})
        except Exception as error:
            if "expected 3 dimensions, not 2" not in str(error):
                raise
        else:
            raise AssertionError("no error")

    test("migration", client.migrate)
    test("migration again", client.migrate)
    test("insert", one)
    test("bulk insert", bulk)
    for column in TYPES:
        for operator in ("<~>", "<%>") if column == "bits" else ("<->", "<#>", "<=>", "<+>"):
            test("%s %s" % (column, operator), lambda: nearest(column, operator))
    test("filter, order and limit", filtered)
    test("introspection", introspection)
    test("a wrong number of dimensions is refused", refused)
    client.close()
    print("1..%d" % number)
