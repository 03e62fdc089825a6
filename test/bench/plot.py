#!/usr/bin/python3
"""plot.py RESULTS SET: recall against queries per second as SVG, by gnuplot."""
import glob
import json
import subprocess
import sys

folder, name = sys.argv[1], sys.argv[2]
curves = {}
for path in sorted(glob.glob(f"{folder}/{name}.*.json")):
    with open(path) as f:
        for row in json.load(f):
            if row.get("experiment") == "k-NN queries":
                key = f"{row['server']} {row['config'].split(',')[0]} ({row['mode']})"
                curves.setdefault(key, []).append((row["recall"], row["qps"]))
if not curves:
    sys.exit()

script = [
    "set terminal svg size 900,600",
    f"set output '{folder}/{name}.svg'",
    f"set title '{name}'",
    "set xlabel 'recall'",
    "set ylabel 'queries per second'",
    "set logscale y",
    "set key outside",
    "set grid",
]
plots = []
for number, (key, points) in enumerate(sorted(curves.items())):
    script.append(f"$curve{number} << end")
    script += [f"{recall} {qps}" for recall, qps in sorted(points)]
    script.append("end")
    plots.append(f"$curve{number} with linespoints title '{key}'")
script.append("plot " + ", ".join(plots))
subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
