"""results.py: the rows of all result files of a folder, for plot.py and bars.py."""
import glob
import json
import math
import os
import re

SMALL_BUFFERS = "64MB"
ENOUGH = 0.95  # recall under conditions


def read_rows(folder):
    """All rows; each with set, server, and the index its label begins with."""
    rows = []
    for path in sorted(glob.glob(f"{glob.escape(folder)}/*.json")):
        with open(path) as f:
            for row in json.load(f):
                row = {key.lstrip("_"): value for key, value in row.items()}
                row.setdefault("set", os.path.basename(path).split(".")[0])
                row.setdefault("index", row.get("config", "").split(",")[0])
                if row["experiment"] == "reference":
                    row["server"] = row["library"].split()[0]
                    row["index"] = re.split(r"[ 0-9]", row["index"])[0]
                rows.append(row)
    return rows


def points(rows):
    """Those with a recall and queries per second in a final index."""
    return [{"mode": "in-process", **row, "small": row.get("buffers") == SMALL_BUFFERS}
            for row in rows if row["experiment"] in ("k-NN queries", "reference")]


def fastest(rows, recall):
    """Of the rows under each condition and with the same indexes on its columns, the
    fastest that has the recall."""
    best = {}
    for row in rows:
        key = row["filter"], row["secondary"]
        if row["recall"] >= recall and (key not in best or row["qps"] > best[key]["qps"]):
            best[key] = row
    return list(best.values())


def qps_at(curve, wanted):
    """Queries per second at a recall, of a curve of (recall, qps).

    Between the two best points around it, linear in the recall and in the
    logarithm of the speed; the fastest point where all find more (then what is
    returned is the least it could be); None where none finds so much.
    """
    best = []
    for recall, qps in sorted(curve, key=lambda point: (-point[1], -point[0])):
        if not best or recall > best[-1][0]:
            best.append((recall, qps))
    above = [point for point in best if point[0] >= wanted]
    below = [point for point in best if point[0] < wanted]
    if not above:
        return None
    if not below:
        return above[0][1]
    (r0, q0), (r1, q1) = below[-1], above[0]
    t = (wanted - r0) / (r1 - r0)
    return math.exp((1 - t) * math.log(q0) + t * math.log(q1))
