#!/usr/bin/python3
"""plot.py RESULTS SET: recall against queries per second, by gnuplot.

SET.kN.svg for each k, another where shared_buffers are small, and all points
as SET.csv. Of queries with conditions, SET.filter.recall.svg and .qps.svg, over
the share of rows that meet the condition; of the peer the fastest of those that
find enough, and its own choice.
"""
import csv
import subprocess
import sys

from results import ENOUGH, fastest, points, read_rows


def plot(path, title, curves, axes=("recall", "queries per second"), logarithmic="y"):
    script = [
        "set terminal svg size 900,600 noenhanced",
        f"set output '{path}'",
        f"set title '{title}'",
        f"set xlabel '{axes[0]}'",
        f"set ylabel '{axes[1]}'",
        f"set logscale {logarithmic}",
        "set key outside",
        "set grid",
    ]
    plots = []
    for number, (key, curve) in enumerate(sorted(curves.items())):
        script.append(f"$curve{number} << end")
        script += [f"{recall} {qps}" for recall, qps in sorted(curve)]
        script.append("end")
        plots.append(f"$curve{number} with linespoints title '{key}'")
    script.append("plot " + ", ".join(plots))
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


def family(row):
    """Conditions of one kind, whose shares differ."""
    return row["filter"].split("_")[0] if row["filter"][-1].isdigit() else ""


def filter_curves(rows, field):
    """Of each kind of conditions and each way: (share of rows, field)."""
    curves = {}
    best = fastest([row for row in rows if row["server"] == "peer"], ENOUGH)
    for row in rows:
        title = row["config"]
        if row["server"] == "peer" and not title.endswith("defaults"):
            if row not in best:
                continue
            title = "fastest that finds enough"
        if title.endswith("post-filter"):
            continue
        key = f"{row['server']} {title}, indexes: {row['secondary']} {family(row)}"
        curves.setdefault(key, []).append((row["selectivity"], row[field]))
    return curves


def plot_filters(folder, name, rows):
    share = "share of rows that meet the condition"
    for field, title, logarithmic in (("recall", "recall", "x"),
                                      ("qps", "queries per second", "xy")):
        plot(f"{folder}/{name}.filter.{field}.svg", name, filter_curves(rows, field),
             (share, title), logarithmic)


def main():
    folder, name = sys.argv[1], sys.argv[2]
    everything = [row for row in read_rows(folder) if row["set"] == name]
    filtered = [row for row in everything if row["experiment"] == "filtered queries"]
    if filtered:
        plot_filters(folder, name, filtered)
    rows = points(everything)
    if not rows:
        return
    with open(f"{folder}/{name}.csv", "w", newline="") as f:
        fields = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(f, fields)
        writer.writeheader()
        writer.writerows(rows)
    charts = {}
    for row in rows:
        chart = f"k{row['k']}" + (f".{row['buffers']}" if row["small"] else "")
        default = ", defaults" if row["config"].endswith("defaults") else ""
        key = f"{row['server']} {row['index']}{default} ({row['mode']})"
        charts.setdefault(chart, {}).setdefault(key, []).append((row["recall"], row["qps"]))
    for chart, curves in charts.items():
        plot(f"{folder}/{name}.{chart}.svg", f"{name}, {chart}", curves)


main()
