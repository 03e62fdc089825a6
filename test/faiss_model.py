#!/usr/bin/python3
"""
faiss_model.py - a model trained by Faiss, and what Faiss makes of it

	faiss_model.py train BASE QUERIES DIM FOLDER METRIC LISTS PARTS BITS OPQ
	faiss_model.py compare FOLDER

train: IVF (LISTS centroids, or one at zero where LISTS is 0) and a product
quantizer of PARTS parts and BITS bits on residuals, after a rotation where OPQ is 1.
BASE and QUERIES are files of float16; METRIC is l2, ip or cosine.  Writes to
FOLDER, in PostgreSQL's text format, transform, centroids, codebook and nearest
(query, ids and distances of the 10 best of the 100 best estimates of PROBES
lists), and model.npz for compare.

compare: codes.copy of FOLDER has id, list and code of each row, as an index has
them.  Prints the number of rows, the share of equal codes, and the greatest
difference of distances over the places where codes or lists differ.
"""
import sys

import faiss
import numpy as np

PROBES = 8
ESTIMATES = 100
NEAREST = 10


def unit(rows):
    rows = rows.astype(np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def vector(values):
    return "[" + ",".join("%.9g" % v for v in values) + "]"


def write(folder, name, lines):
    with open(folder + "/" + name, "w") as out:
        out.writelines("\t".join(map(str, line)) + "\n" for line in lines)


def new_index(dim, metric, lists, parts, bits):
    kind = faiss.METRIC_INNER_PRODUCT if metric == "ip" else faiss.METRIC_L2
    quantizer = faiss.IndexFlatL2(dim)
    index = faiss.IndexIVFPQ(quantizer, dim, max(lists, 1), parts, bits, kind)
    if lists == 0:
        quantizer.add(np.zeros((1, dim), dtype=np.float32))
    index.cp.seed = 1
    index.pq.cp.niter = 8
    index.nprobe = min(PROBES, max(lists, 1))
    return index


def codes_of(index, n):
    """List and codes of each row, out of the inverted lists"""
    lists = np.empty(n, dtype=np.int64)
    codes = np.empty((n, index.pq.M), dtype=np.uint8)
    for i in range(index.nlist):
        size = index.invlists.list_size(i)
        if size == 0:
            continue
        ids = faiss.rev_swig_ptr(index.invlists.get_ids(i), size).copy()
        packed = faiss.rev_swig_ptr(index.invlists.get_codes(i), size * index.code_size)
        packed = packed.reshape(size, index.code_size)
        if index.pq.nbits == 4:
            packed = np.stack([packed & 15, packed >> 4], axis=2).reshape(size, -1)
        codes[ids] = packed[:, : index.pq.M]
        lists[ids] = i
    return lists, codes


def train(base, queries, dim, folder, metric, lists, parts, bits, opq):
    faiss.omp_set_num_threads(1)
    dim, lists, parts, bits = int(dim), int(lists), int(parts), int(bits)
    rows = np.fromfile(base, dtype="<f2").reshape(-1, dim).astype(np.float32)
    asked = np.fromfile(queries, dtype="<f2").reshape(-1, dim).astype(np.float32)
    exact, targets = rows, asked
    if metric == "cosine":
        rows, asked = unit(rows), unit(asked)
        exact, targets = rows, asked

    if opq == "1":
        rotation = faiss.OPQMatrix(dim, parts)
        rotation.niter = 4
        quantizer = faiss.ProductQuantizer(dim, parts, bits)
        rotation.pq = quantizer
        rotation.train(rows[:4000])
        matrix = faiss.vector_to_array(rotation.A).reshape(dim, dim)
        rows, asked = rotation.apply(rows), rotation.apply(asked)
        write(folder, "transform", ((i, vector(row)) for i, row in enumerate(matrix)))

    index = new_index(dim, metric, lists, parts, bits)
    index.train(rows)
    index.add(rows)
    centroids = index.quantizer.reconstruct_n(0, index.nlist)
    codebook = faiss.vector_to_array(index.pq.centroids).reshape(parts, 1 << bits, -1)
    write(folder, "centroids", ((i, vector(row)) for i, row in enumerate(centroids)))
    write(folder, "codebook",
          ((part, code, vector(codebook[part, code])) for part in range(parts) for code in range(1 << bits)))

    _, found = index.search(asked, ESTIMATES)
    lines = []
    for q, ids in enumerate(found):
        ids = ids[ids >= 0]
        x, y = exact[ids].astype(np.float64), targets[q].astype(np.float64)
        distances = np.linalg.norm(x - y, axis=1) if metric == "l2" else -(x @ y)
        distances += metric == "cosine"
        order = np.argsort(distances, kind="stable")[:NEAREST]
        lines += [(q, n + 1, ids[i], repr(float(distances[i]))) for n, i in enumerate(order)]
    write(folder, "nearest", lines)
    found_lists, codes = codes_of(index, len(rows))
    np.savez(folder + "/model.npz", rows=rows, centroids=centroids, codebook=codebook,
             lists=found_lists, codes=codes)


def compare(folder):
    model = np.load(folder + "/model.npz")
    rows, centroids, codebook = model["rows"], model["centroids"], model["codebook"]
    lists, codes = model["lists"], model["codes"]
    equal, worst, n = 0, 0.0, 0
    for line in open(folder + "/codes.copy"):
        row, other_list, other = line.rstrip("\n").split("\t")
        row, other_list = int(row), int(other_list)
        other = np.array(other.strip("{}").split(","), dtype=np.int64)
        n += 1
        x = rows[row].astype(np.float64)
        if other_list != lists[row]:
            both = ((x - centroids[[lists[row], other_list]]) ** 2).sum(axis=1)
            worst = max(worst, abs(both[0] - both[1]))
            continue
        equal += bool((other == codes[row]).all())
        residual = (x - centroids[other_list]).reshape(codebook.shape[0], -1)
        for part in np.flatnonzero(other != codes[row]):
            entries = codebook[part, [codes[row][part], other[part]]]
            both = ((residual[part] - entries) ** 2).sum(axis=1)
            worst = max(worst, abs(both[0] - both[1]))
    print(n, equal / max(n, 1), worst)


if __name__ == "__main__":
    {"train": train, "compare": compare}[sys.argv[1]](*sys.argv[2:])
