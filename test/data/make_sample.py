#!/usr/bin/python3
"""make_sample.py DATA ROWS QUERIES OUT: the shipped sample of debtext-512.

Takes the first ROWS rows and QUERIES queries of the set debtext-512 in the
folder DATA (its row order is random, so they are a uniform sample) and computes
the exact nearest neighbours by brute force in float64. Needs numpy and zstd.
"""
import hashlib
import json
import subprocess
import sys

import numpy as np

DIM = 512
K = 100


def read(folder, name):
    path = f"{folder}/debtext-512.{name}.zst"
    return subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout


def write(folder, set_name, name, content, files):
    path = f"{folder}/{set_name}.{name}"
    with open(path, "wb") as f:
        f.write(content)
    subprocess.run(["zstd", "-19", "-q", "-f", "--rm", path], check=True)
    files[f"{set_name}.{name}"] = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def lines(content, count):
    """The header line and count more."""
    return b"".join(content.splitlines(keepends=True)[: count + 1])


def main():
    data, rows, queries, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    set_name = f"debtext-{rows // 1000}k"
    with open(f"{data}/debtext-512.json") as f:
        about = json.load(f)
    base = np.frombuffer(read(data, "base.f16"), "<f2").reshape(-1, DIM)[:rows]
    query = np.frombuffer(read(data, "query.f16"), "<f2").reshape(-1, DIM)[:queries]

    b = base.astype(np.float64)
    q = query.astype(np.float64)
    cosine = (q @ b.T) / np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(b, axis=1))
    distance = 1.0 - cosine
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :K]

    files = {}
    write(out, set_name, "base.f16", base.tobytes(), files)
    write(out, set_name, "query.f16", query.tobytes(), files)
    write(out, set_name, "attrs.tsv", lines(read(data, "attrs.tsv"), rows), files)
    write(out, set_name, "query.tsv", lines(read(data, "query.tsv"), queries), files)
    write(out, set_name, "gt.i32", nearest.astype("<i4").tobytes(), files)
    write(out, set_name, "gtd.f32",
          np.take_along_axis(distance, nearest, axis=1).astype("<f4").tobytes(), files)
    kept = {key: about[key] for key in ("metric", "dtype", "source", "model", "licence", "queries")}
    with open(f"{out}/{set_name}.json", "w") as f:
        json.dump({"name": set_name, "n": rows, "dim": DIM, "n_query": queries, "k": K,
                   **kept, "files": files}, f, indent=1)
        f.write("\n")


main()
