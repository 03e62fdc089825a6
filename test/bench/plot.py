#!/usr/bin/python3
"""plot.py RESULTS SET: recall against queries per second, by gnuplot.

SET.kN.svg for each k, another where shared_buffers are small, and all points
as SET.csv.
"""
import csv
import subprocess
import sys

from results import points, read_rows


def plot(path, title, curves):
    script = [
        "set terminal svg size 900,600 noenhanced",
        f"set output '{path}'",
        f"set title '{title}'",
        "set xlabel 'recall'",
        "set ylabel 'queries per second'",
        "set logscale y",
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


def main():
    folder, name = sys.argv[1], sys.argv[2]
    rows = points(row for row in read_rows(folder) if row["set"] == name)
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
