#!/usr/bin/python3
"""bars.py RESULTS [SET...]: what was measured against what is wanted.

A line for each bar and set of which there are figures in RESULTS: met, missed,
or open where the other side was not measured or did not get there. Also written
to bars.txt. A bar is a row of BARS below; the peer is the server of that name.
"""
import re
import sys
from dataclasses import dataclass
from typing import Callable

from results import ENOUGH, fastest, points, qps_at, read_rows

LEVEL = (r"debtext-512|wink-100|winkfull", 0.95)
FASHION = (r"fashion-mnist(-784)?", 0.995)
ALL = r"debtext-512|fashion-mnist(-784)?|wink-100|winkfull"
NEAR = 1.3  # a plan's time over the best plan's


class Unmeasured(Exception):
    """There are no figures of ours: nothing to say."""


class Open(Exception):
    """Figures of ours, but none to compare them with."""


@dataclass
class Figures:
    """The rows of a set, and those of all others."""
    rows: list
    everything: list

    def select(self, **wanted):
        return [row for row in self.rows
                if all(row.get(key) == value for key, value in wanted.items())]

    def one(self, **wanted):
        found = self.select(**wanted)
        if found:
            return found[-1]
        raise (Unmeasured if wanted.get("server") == "ours" else Open)("not measured")

    def speed(self, recall, **wanted):
        found = points(self.select(**wanted))
        ours = wanted.get("server") == "ours"
        if not found:
            raise (Unmeasured if ours else Open)("not measured")
        qps = qps_at([(row["recall"], row["qps"]) for row in found], recall)
        if qps is None:
            most = max(row["recall"] for row in found)
            raise Open(f"{wanted['server']} gets to {most:.3f} only")
        return qps


@dataclass
class Bar:
    what: str
    sets: str
    measure: Callable
    least: float = None
    most: float = None
    goal: float = None


def queries(index, server="ours", k=10, mode="prepared", small=False):
    return {"experiment": "k-NN queries", "index": index, "server": server, "k": k,
            "mode": mode, "small": small}


def faster(recall, index, than, **how):
    """Queries per second at a recall over those of the peer's index."""
    return lambda f: (f.speed(recall, **queries(index, **how)) /
                      f.speed(recall, **queries(than, server="peer", **how)))


def faster_than_library(recall, index, library, name):
    return lambda f: (f.speed(recall, **queries(index)) /
                      f.speed(recall, experiment="reference", server=library, index=name, k=10))


def default_recall(index, k):
    return lambda f: f.one(**queries(index, k=k), config=f"{index}, defaults")["recall"]


def default_faster(index, than, recall):
    """Queries per second with nothing set over the peer's at a recall that ours reaches."""
    def measure(f):
        row = f.one(**queries(index), config=f"{index}, defaults")
        if row["recall"] < recall:
            raise Open(f"recall is {row['recall']:.3f}")
        return row["qps"] / f.speed(recall, **queries(than, server="peer"))
    return measure


def lock_waits(index):
    """The highest share of looks at a client that waited for a heavyweight lock."""
    def measure(f):
        rows = f.select(**queries(index, mode="clients"))
        if not rows:
            raise Unmeasured
        return max(row["lock_pct"] for row in rows)
    return measure


def same_setting(index, field, worst):
    """Ours over the peer's, or less it, where their labels are equal."""
    def measure(f):
        theirs = {row["config"]: row[field] for row in f.select(**queries(index, server="peer"))}
        pairs = [(row[field], theirs[row["config"]]) for row in f.select(**queries(index))
                 if row["config"] in theirs]
        if not pairs:
            raise Unmeasured
        return min(worst(a, b) for a, b in pairs)
    return measure


def ratio(experiment, field, index, than, upside_down=False):
    """A figure of ours over the peer's, or the peer's over ours."""
    def measure(f):
        ours = f.one(experiment=experiment, server="ours", config=index)[field]
        theirs = f.one(experiment=experiment, server="peer", config=than)[field]
        return theirs / ours if upside_down else ours / theirs
    return measure


def own(experiment, field, index, over=None):
    """A figure of ours, or one over another."""
    def measure(f):
        row = f.one(experiment=experiment, server="ours", config=index)
        if isinstance(row[field], str):
            raise Open(row[field])
        return row[field] / row[over] if over else row[field]
    return measure


def aged(index, way, compare):
    """The worst of all settings, beside the same in a fresh index."""
    def measure(f):
        fresh = {row["config"]: row
                 for row in f.select(experiment="age", server="ours", way="fresh", index=index)}
        pairs = [(row, fresh[row["config"]])
                 for row in f.select(experiment="age", server="ours", way=way, index=index)
                 if row["config"] in fresh]
        if not pairs:
            raise Unmeasured
        return compare(pairs)
    return measure


def lost_recall(pairs):
    return max(fresh["recall"] - row["recall"] for row, fresh in pairs)


def aged_speed(index, way, recall, peer=None):
    """Queries per second at a recall over those of a fresh index, or of the peer's."""
    def measure(f):
        def curve(server, name):
            rows = f.select(experiment="age", server=server, way=name, index=index)
            if not rows:
                raise (Unmeasured if server == "ours" else Open)("not measured")
            qps = qps_at([(row["recall"], row["qps"]) for row in rows], recall)
            if qps is None:
                raise Open(f"{server}, {name}, does not get to {recall}")
            return qps
        return curve("ours", way) / curve(peer or "ours", "fresh")
    return measure


def spread(index):
    """Between the best and the worst order, of each setting of ours; the greatest."""
    def measure(f):
        recalls = {}
        for row in f.select(experiment="order", server="ours", index=index):
            recalls.setdefault(row["config"], []).append(row["recall"])
        if not recalls:
            raise Unmeasured
        return max(max(values) - min(values) for values in recalls.values())
    return measure


def growth(index, recall):
    """Query time at a million rows over that at 100,000 of the same set."""
    def measure(f):
        stem = f.rows[0]["set"].split(":")[0]
        small = Figures([row for row in f.everything if row["set"] == f"{stem}:100000"],
                        f.everything)
        try:
            return small.speed(recall, **queries(index)) / f.speed(recall, **queries(index))
        except Unmeasured as e:
            raise (Open("100,000 rows were not measured")
                   if f.select(**queries(index)) else e) from e
    return measure


def on_both(what, measure, **bar):
    """At .95, on fashion-mnist at .995."""
    return [Bar(what.replace("@", f"at recall {recall:g}"), sets, measure(recall), **bar)
            for sets, recall in (LEVEL, FASHION)]


class Worst(float):
    """A figure and where it was."""
    def __new__(cls, pairs):
        value, where = min(pairs)
        worst = super().__new__(cls, value)
        worst.where = where
        return worst


def filtered(f, server, index, secondary, experiment="filtered queries"):
    """Rows of a server by the name of the condition."""
    rows = f.select(experiment=experiment, server=server, secondary=secondary)
    rows = [row for row in rows if index is None or row["config"] == index]
    if not rows:
        raise (Unmeasured if server == "ours" else Open)("not measured")
    return rows


def least_of(field, index, secondary, experiment="filtered queries"):
    """The least of all conditions."""
    return lambda f: Worst([(row[field], row["filter"])
                            for row in filtered(f, "ours", index, secondary, experiment)])


def between(rows, low, high):
    """Those whose share of rows is so many percent."""
    found = [row for row in rows if low <= 100 * row["selectivity"] < high]
    if not found:
        raise Unmeasured
    return found


def filter_speed(index, secondary, low, high, beside="all"):
    """Over the fastest of the peer's that finds enough, of each condition."""
    def measure(f):
        ours = between(filtered(f, "ours", index, secondary), low, high)
        theirs = {row["filter"]: row["qps"]
                  for row in fastest(filtered(f, "peer", None, beside), ENOUGH)}
        pairs = [(row["qps"] / theirs[row["filter"]], row["filter"]) for row in ours
                 if row["filter"] in theirs and row["recall"] >= ENOUGH]
        if not pairs:
            raise Open("neither finds enough")
        return Worst(pairs)
    return measure


def beside_own(index, secondary):
    """Over the faster of an exact scan and of filtering what the index returns."""
    name = index.split(",")[0]

    def measure(f):
        ours = filtered(f, "ours", index, secondary)
        other = [row for row in filtered(f, "ours", None, secondary)
                 if row["config"] in ("exact", f"{name}, post-filter")]
        best = {row["filter"]: row["qps"] for row in fastest(other, ENOUGH)}
        pairs = [(row["qps"] / best[row["filter"]], row["filter"]) for row in ours
                 if row["filter"] in best]
        if not pairs:
            raise Unmeasured
        return Worst(pairs)
    return measure


def range_speed(index, most):
    """Over the exact scan, of ranges that so many rows meet."""
    def measure(f):
        exact = {row["filter"]: row["qps"]
                 for row in filtered(f, "ours", "exact", "none", "ranges")}
        pairs = [(row["qps"] / exact[row["filter"]], row["filter"])
                 for row in filtered(f, "ours", index, "none", "ranges")
                 if int(row["filter"].split("_")[1]) <= most]
        return Worst(pairs)
    return measure


def tenant_ms(index):
    return lambda f: max([row["p50_ms"] for row in filtered(f, "ours", index, "none")
                          if row["filter"] == "tenant"])


def near_best(index):
    def measure(f):
        rows = f.select(experiment="plans", config=index)
        if not rows:
            raise Unmeasured
        return sum(row["ratio"] <= NEAR for row in rows) / len(rows)
    return measure


def filter_bars():
    ways = [(index, secondary, title)
            for name in ("hnsw", "ivfpq")
            for index, secondary, title in (
                (f"{name}, defaults", "all", f"{name}, filter indexes"),
                (f"{name}, defaults", "none", f"{name}, no filter index"),
                (f"{name} attributes, defaults", "none", f"{name}, attributes"))]
    for index, secondary, title in ways + [("ivfflat, defaults", "all", "ivfflat, filter indexes"),
                                           ("ivfflat, defaults", "none",
                                            "ivfflat, no filter index")]:
        yield Bar(f"{title}: share of LIMITs filled", ".*",
                  least_of("filled", index, secondary), least=1)
        yield Bar(f"{title}: recall under a condition", ".*",
                  least_of("recall", index, secondary), least=ENOUGH)
    for index, secondary, title in ways:
        bare = title.endswith("no filter index")
        # shares are near those of the titles
        for share, low, high, least in ((("5 % and more", 4.5, 101, 3), ("less", 0, 4.5, 1))
                                        if bare else (("1 % and more", 0.95, 101, 5),
                                                      ("0.5 to 1 %", 0.45, 0.95, 2),
                                                      ("less", 0, 0.45, 1))):
            yield Bar(f"{title}: qps / peer's best, {share} of the rows", ".*",
                      filter_speed(index, secondary, low, high, "none" if bare else "all"),
                      least=least, goal=15)
        if "attributes" not in title:
            yield Bar(f"{title}: qps / own exact scan or post-filter", ".*",
                      beside_own(index, secondary), least=0.8)
    for name in ("hnsw", "ivfpq"):
        yield Bar(f"{name}, attributes: ms (p50) of a tenant of 100 rows", ".*:1000000",
                  tenant_ms(f"{name} attributes, defaults"), most=5)
        yield Bar(f"{name}: share of cells where the plan is near the best", ".*", near_best(name),
                  least=0.95)
    for name in ("hnsw", "ivfpq", "ivfflat"):
        yield Bar(f"{name}, ranges: recall", ".*",
                  least_of("recall", f"{name}, defaults", "none", "ranges"), least=ENOUGH)
        yield Bar(f"{name}, ranges of 1 to 100 rows: qps / exact scan", ".*",
                  range_speed(f"{name}, defaults", 100), least=5)


def build_seconds(f):
    return f.one(experiment="index builds", server="ours", index="ivfpq")["seconds"]


BARS = [
    # hnsw
    *[Bar(f"hnsw, defaults: recall, k = {k}", ALL, default_recall("hnsw", k), least=0.95)
      for k in (1, 10, 100)],
    Bar("hnsw: recall less peer's, same ef_search", ALL,
        same_setting("hnsw", "recall", lambda a, b: a - b), least=-0.005),
    *on_both("hnsw: qps @ / peer hnsw", lambda r: faster(r, "hnsw", "hnsw"), least=5, goal=9),
    *on_both("hnsw, defaults: qps / peer hnsw @",
             lambda r: default_faster("hnsw", "hnsw", r), least=5, goal=9),
    Bar("hnsw: qps at recall .99 / peer hnsw", "wink-100|debtext-512",
        faster(0.99, "hnsw", "hnsw"), least=3, goal=6),
    *on_both("hnsw: qps @, k = 100 / peer hnsw",
             lambda r: faster(r, "hnsw", "hnsw", k=100), least=4),
    *on_both("hnsw: qps @, text / peer hnsw",
             lambda r: faster(r, "hnsw", "hnsw", mode="text"), least=3),
    *on_both("hnsw: qps @, 64 MB / peer hnsw",
             lambda r: faster(r, "hnsw", "hnsw", small=True), least=3),
    *on_both("hnsw: qps @, four clients / peer hnsw",
             lambda r: faster(r, "hnsw", "hnsw", mode="clients"), least=5, goal=9),
    Bar("hnsw: % of looks at a client waiting for a lock", ".*", lock_waits("hnsw"), most=0),
    *on_both("hnsw: qps @ / hnswlib, no bar",
             lambda r: faster_than_library(r, "hnsw", "hnswlib", "M"), least=0, goal=1),
    Bar("hnsw: qps at recall .95 / peer hnsw", r".*:bit(:.*)?|debtext-bm25.*|.*:l1",
        faster(0.95, "hnsw", "hnsw"), least=1, goal=2),
    Bar("hnsw, defaults: recall", r".*:(4096|16000)d", default_recall("hnsw", 10), least=0.95),
    Bar("hnsw: build, peer's time / ours", ALL,
        ratio("builds", "seconds", "hnsw", "hnsw", upside_down=True), least=3, goal=6),
    Bar("hnsw: build in a tenth of its memory / own time", ".*",
        own("builds", "tenth_s", "hnsw", over="seconds"), most=3, goal=2),
    *[Bar(f"{index}: {what} / allowed", ".*", own("builds", field, index, over=over), most=1)
      for index in ("hnsw", "ivfpq", "ivfflat")
      for what, field, over in (("peak memory", "peak_MB", "allowed_MB"),
                                ("peak in a tenth", "tenth_peak", "tenth_allow"))],
    *[Bar("hnsw: size / peer hnsw", sets, ratio("builds", "MB", "hnsw", "hnsw"), most=most,
          goal=goal)
      for sets, most, goal in (("debtext-512", 0.85, 0.6), (FASHION[0], 0.75, 0.6),
                               ("wink-100|winkfull", 1.5, None), (".*:1536d", 0.6, None))],
    *[Bar(f"hnsw: inserts, {name} / peer hnsw", ALL,
          ratio("life of an index", field, "hnsw", "hnsw"), least=4, goal=8)
      for name, field in (("INSERT ... SELECT", "select_1"), ("prepared", "prepared_1"))],
    Bar("hnsw: VACUUM of 1 %, peer's time of the index / ours", ALL,
        ratio("life of an index", "of_index_ms", "hnsw", "hnsw", upside_down=True), least=20),
    Bar("hnsw: recall lost by replacing half", ALL, aged("hnsw", "replaced", lost_recall),
        most=0.01),
    Bar("hnsw: recall lost, filled and 20 % deleted", ALL, aged("hnsw", "filled", lost_recall),
        most=0.01),
    *on_both("hnsw: qps @, filled and 20 % deleted / fresh",
             lambda r: aged_speed("hnsw", "filled", r), least=0.8),
    *on_both("hnsw: qps @, filled and 20 % deleted / peer's fresh",
             lambda r: aged_speed("hnsw", "filled", r, peer="peer"), least=5, goal=9),
    *[Bar(f"{index}: recall between the orders of rows", ALL, spread(index), most=0.01)
      for index in ("hnsw", "ivfpq")],
    Bar("hnsw: query time at 1,000,000 rows / at 100,000", ".*:1000000", growth("hnsw", 0.95),
        most=2.5, goal=1.8),
    # ivfpq and ivfflat
    *[Bar(f"ivfpq, defaults: recall, k = {k}", f"{ALL}|wink-100:ip", default_recall("ivfpq", k),
          least=0.95) for k in (1, 10, 100)],
    Bar("ivfpq: qps at recall .95 / peer hnsw", LEVEL[0], faster(0.95, "ivfpq", "hnsw"),
        least=6, goal=9),
    Bar("ivfpq: qps at recall .98 / peer hnsw", "debtext-512", faster(0.98, "ivfpq", "hnsw"),
        least=6, goal=9),
    Bar("ivfpq, defaults: qps / peer hnsw at recall .95", LEVEL[0],
        default_faster("ivfpq", "hnsw", 0.95), least=6, goal=9),
    Bar("ivfpq: qps at recall .995 / peer hnsw", FASHION[0], faster(0.995, "ivfpq", "hnsw"),
        least=4.5, goal=6),
    Bar("ivfpq: qps at recall .95 / peer ivfflat", LEVEL[0], faster(0.95, "ivfpq", "ivfflat"),
        least=12),
    Bar("ivfpq: qps at recall .98 / peer ivfflat", "debtext-512",
        faster(0.98, "ivfpq", "ivfflat"), least=12),
    *on_both("ivfpq: qps @, k = 100 / peer hnsw",
             lambda r: faster(r, "ivfpq", "hnsw", k=100), least=4),
    *on_both("ivfpq: qps @, text / peer hnsw",
             lambda r: faster(r, "ivfpq", "hnsw", mode="text"), least=3),
    *on_both("ivfpq: qps @, 64 MB / peer hnsw",
             lambda r: faster(r, "ivfpq", "hnsw", small=True), least=3),
    *on_both("ivfpq, rerank = heap: qps @ / peer hnsw",
             lambda r: faster(r, "ivfpq heap", "hnsw"), least=3),
    *on_both("ivfpq: qps @ / Faiss in-process",
             lambda r: faster_than_library(r, "ivfpq", "Faiss", "IVF"), least=2),
    *[Bar(f"{index}: size / peer ivfflat", sets, ratio("builds", "MB", index, "ivfflat"),
          most=most, goal=goal)
      for index, sets, most, goal in (("ivfpq", f"debtext-512|{FASHION[0]}", 0.5, None),
                                      ("ivfpq", "wink-100|winkfull", 0.65, None),
                                      ("ivfpq heap", ALL, 0.10, 0.06))],
    Bar("ivfpq: build, peer hnsw's time / ours", f"debtext-512|{FASHION[0]}",
        ratio("builds", "seconds", "ivfpq", "hnsw", upside_down=True), least=3, goal=5),
    Bar("ivfpq: build, peer hnsw's time / ours", "winkfull",
        ratio("builds", "seconds", "ivfpq", "hnsw", upside_down=True), least=5),
    Bar("ivfflat: build, peer ivfflat's time / ours", ALL,
        ratio("builds", "seconds", "ivfflat", "ivfflat", upside_down=True), least=2),
    Bar("ivfflat: qps / peer's, same probes", "wink-100|winkfull",
        same_setting("ivfflat", "qps", lambda a, b: a / b), least=2),
    Bar("ivfflat: qps / peer's, same probes", f"debtext-512|{FASHION[0]}",
        same_setting("ivfflat", "qps", lambda a, b: a / b), least=1.5, goal=2),
    Bar("ivfflat: recall less peer's, same probes", ALL,
        same_setting("ivfflat", "recall", lambda a, b: a - b), least=-0.005),
    Bar("ivfpq: seconds to build 1,000,000 rows", "wink-100:1000000", build_seconds, most=60,
        goal=30),
    Bar("ivfpq: query time at 1,000,000 rows / at 100,000", ".*:1000000", growth("ivfpq", 0.95),
        most=2.5),
    Bar("ivfpq: recall lost by drift", ALL, aged("ivfpq", "drifted", lost_recall), most=0.02),
    Bar("ivfpq: inserts, INSERT ... SELECT / peer ivfflat", "wink-100",
        ratio("life of an index", "select_1", "ivfpq", "ivfflat"), least=0.5),
    Bar("ivfpq: inserts of four / of one", "wink-100",
        own("life of an index", "select_4", "ivfpq", over="select_1"), least=1.6),
    Bar("ivfpq: ms of VACUUM of 1 %", "wink-100", own("life of an index", "vacuum_ms", "ivfpq"),
        most=300),
    # conditions
    *filter_bars(),
]


def judge(bar, figures):
    """A line, or None where nothing of ours was measured."""
    limit = f"at least {bar.least:g}" if bar.most is None else f"at most {bar.most:g}"
    if bar.goal is not None:
        limit += f", goal {bar.goal:g}"
    try:
        value = bar.measure(figures)
    except Unmeasured:
        return None
    except Open as reason:
        return f"open    {bar.what}: {reason} ({limit})"
    met = value >= bar.least if bar.most is None else value <= bar.most
    where = f", {value.where}" if isinstance(value, Worst) else ""
    return f"{'met' if met else 'MISSED':7} {bar.what}: {value:.3g}{where} ({limit})"


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    rows = points_and_others(read_rows(folder))
    lines = []
    for name in names or sorted({row["set"] for row in rows}):
        figures = Figures([row for row in rows if row["set"] == name], rows)
        found = [judge(bar, figures) for bar in BARS
                 if figures.rows and re.fullmatch(bar.sets, name)]
        lines += [f"{name:20} {line}" for line in found if line]
    with open(f"{folder}/bars.txt", "w") as f:
        f.writelines(line + "\n" for line in lines)
    if lines:
        print("\n== bars", *lines, sep="\n")


def points_and_others(rows):
    return points(rows) + [row for row in rows
                           if row["experiment"] not in ("k-NN queries", "reference")]


main()
