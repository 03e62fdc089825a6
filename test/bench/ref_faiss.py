#!/usr/bin/python3
"""In-process references from Debian's Faiss, one thread.

ref_faiss.py FOLDER SET K QUERIES             rows as JSON on standard output
ref_faiss.py --dump FOLDER SET K QUERIES FILE the set for ref_hnswlib
"""
import gzip
import json
import subprocess
import sys
import time

import numpy as np

TIE = 1e-6
FASHION = "/usr/share/datasets/fashion-mnist"


def read(folder, name, part):
    for ending, dtype in (("u8", "u1"), ("f16", "<f2"), ("f32", "<f4")):
        path = f"{folder}/{name}.{part}.{ending}.zst"
        done = subprocess.run(["zstd", "-dcq", path], capture_output=True)
        if done.returncode == 0:
            return np.frombuffer(done.stdout, dtype).astype(np.float32)
    sys.exit(f"no file {folder}/{name}.{part}")


def read_idx(file):
    with gzip.open(f"{FASHION}/{file}") as f:
        return np.frombuffer(f.read(), "u1", offset=16).reshape(-1, 784).astype(np.float32)


def load(folder, name, k, queries):
    """base, query, metric, distance of the k-th nearest row of each query"""
    if name == "fashion-mnist":
        base = read_idx("train-images-idx3-ubyte.gz")
        query = read_idx("t10k-images-idx3-ubyte.gz")[:queries]
        kth = np.array([np.sort(distances("l2", base, q))[k - 1] for q in query])
        return base, query, "l2", kth
    with open(f"{folder}/{name}.json") as f:
        about = json.load(f)
    base = read(folder, name, "base").reshape(-1, about["dim"])
    query = read(folder, name, "query").reshape(-1, about["dim"])[:queries]
    kth = read(folder, name, "gtd").reshape(-1, about["k"])[:queries, k - 1]
    metric = about["metric"].split()[0]
    return base, query, "ip" if metric.startswith(("inner", "ip")) else metric, kth


def distances(metric, rows, query):
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return np.linalg.norm(rows - query, axis=1)
    product = rows @ query
    if metric == "ip":
        return -product
    return 1 - product / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query))


def recall(metric, base, query, kth, found):
    right = sum((distances(metric, base[ids[ids >= 0]], q) <= limit + TIE).sum()
                for q, ids, limit in zip(query, found, kth))
    return right / found.size


def unit(v):
    return np.ascontiguousarray(v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-30))


def measure(label, index, settings, metric, base, query, kth, k, build):
    """One row for each setting; queries one by one, as a server gets them."""
    import faiss

    sent = unit(query) if metric == "cosine" else query
    rows = []
    for text, apply in settings:
        apply(index)
        rounds = []
        for _ in range(3):
            start = time.perf_counter()
            found = np.vstack([index.search(q[None], k)[1] for q in sent])
            rounds.append(len(sent) / (time.perf_counter() - start))
        rows.append({"experiment": "reference", "library": f"Faiss {faiss.__version__}",
                     "config": f"{label}, {text}", "k": k,
                     "recall": float(recall(metric, base, query, kth, found)),
                     "qps": float(np.median(rounds)), "build_s": build})
    return rows


def main():
    arguments = sys.argv[1:]
    dump = arguments[0] == "--dump"
    if dump:
        arguments = arguments[1:]
    folder, name, k, queries = arguments[0], arguments[1], int(arguments[2]), int(arguments[3])
    base, query, metric, kth = load(folder, name, k, queries)
    if dump:
        with open(arguments[4], "wb") as f:
            code = {"l2": 0, "cosine": 1, "ip": 2}[metric]
            np.array([len(base), base.shape[1], len(query), k, code], "<i8").tofile(f)
            for part in (base, query, kth.astype(np.float32)):
                part.astype("<f4").tofile(f)
        return

    import faiss

    faiss.omp_set_num_threads(1)
    stored = unit(base) if metric == "cosine" else base
    kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    rows = []

    flat = faiss.IndexFlat(base.shape[1], kind)
    flat.add(stored)
    rows += measure("flat", flat, [("exact", lambda index: None)],
                    metric, base, query, kth, k, 0.0)

    lists = int(np.sqrt(len(base)))
    start = time.perf_counter()
    ivf = faiss.index_factory(base.shape[1],
                              f"IVF{lists},PQ{base.shape[1] // 4}x4fs,RFlat", kind)
    ivf.train(stored)
    ivf.add(stored)
    build = time.perf_counter() - start

    def probes(n):
        def apply(index):
            index.k_factor = 10
            faiss.downcast_index(index.base_index).nprobe = n
        return f"nprobe {n}", apply

    rows += measure(f"IVF{lists} PQx4fs refined", ivf,
                    [probes(n) for n in (1, 2, 4, 8, 16, 32, 64, 128) if n <= lists],
                    metric, base, query, kth, k, build)
    json.dump(rows, sys.stdout, indent=1)
    print()


main()
