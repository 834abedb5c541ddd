"""Attention with every stage as the contract says it, a cell at a time, in plain Python, without code of attncli."""

from __future__ import annotations

import math


def rotate(row, position, pairing, base, size, factor):
    turned = list(row)
    for c in range(size // 2):
        angle = position / factor * base ** (-2 * c / size)
        a, b = (c, c + size // 2) if pairing == "half" else (2 * c, 2 * c + 1)
        turned[a] = row[a] * math.cos(angle) - row[b] * math.sin(angle)
        turned[b] = row[a] * math.sin(angle) + row[b] * math.cos(angle)
    return turned


def norm(row, kind):
    length = math.sqrt(sum(x * x for x in row))
    if kind == "rms":
        length /= math.sqrt(len(row))
    return [x / length if length else 0.0 for x in row]


def sees(i, j, o):
    p = i + o.get("offset", 0)
    left, right = o.get("window", (-1, -1))
    in_window = (left == -1 or j >= p - left) and (right == -1 or j <= p + right)
    visible = (in_window or j < o.get("keep_first", 0)) and not (o.get("causal") and j > p)
    visible = visible or j < o.get("prefix", 0)
    if "chunk" in o:
        visible = visible and p // o["chunk"] == j // o["chunk"]
    if "segments" in o:
        visible = visible and o["segments"][i] == o.get("key_segments", o["segments"])[j]
    if "mask" in o:
        visible = visible and bool(o["mask"][i][j])
    return visible


def raw_score(q, k, o):
    """(similarity, default scale) of a query and a key."""
    pairs = [*zip(q, k, strict=True)]
    product, variant, length = sum(a * b for a, b in pairs), o.get("variant", "scaled"), o.get("length_scale", 1.0)
    lengths = math.sqrt(sum(a * a for a in q) * sum(b * b for b in k))
    return {
        "scaled": (product, 1 / math.sqrt(len(q))),
        "dot": (product, 1.0),
        "laplace": (-sum(abs(a - b) for a, b in pairs), 1 / length),
        "gaussian": (-sum((a - b) ** 2 for a, b in pairs) / 2, 1 / length**2),
        "cosine": (product / lengths if lengths else 0.0, 1.0),
        "additive": (
            sum(w * math.tanh(a + b) for w, (a, b) in zip(o.get("v_a", [1] * len(q)), pairs, strict=True)),
            1.0,
        ),
    }[variant]


def score(q, k, i, j, o):
    p = i + o.get("offset", 0)
    s, scale = raw_score(q, k, o)
    s *= o.get("scale", scale)
    cap, late = o.get("softcap"), o.get("softcap_after_bias")
    if cap and not late:
        s = cap * math.tanh(s / cap)
    s -= o.get("slope", 0.0) * abs(p - j)
    if "bias" in o:
        s += o["bias"][i][j]
    if cap and late:
        s = cap * math.tanh(s / cap)
    return s


def threshold(total, low, high):
    """Where a decreasing function of tau is 1, by bisection."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) > 1 else (low, middle)
    return (low + high) / 2


def normalize(scores, kind, sink):
    """Weights of the keys that count, by key."""
    if not scores:
        return {}
    top = max(scores.values())
    if kind == "softmax":
        shift = top if sink is None else max(top, sink)
        powers = {j: math.exp(s - shift) for j, s in scores.items()}
        total = sum(powers.values()) + (0 if sink is None else math.exp(sink - shift))
        return {j: power / total for j, power in powers.items()}
    if kind == "sparsemax":
        tau = threshold(lambda t: sum(max(s - t, 0) for s in scores.values()), top - 1, top)
        return {j: max(s - tau, 0) for j, s in scores.items()}
    if kind == "entmax15":
        tau = threshold(lambda t: sum(max(s / 2 - t, 0) ** 2 for s in scores.values()), top / 2 - 1, top / 2)
        return {j: max(s / 2 - tau, 0) ** 2 for j, s in scores.items()}
    functions = {"sigmoid": lambda s: 1 / (1 + math.exp(-s)), "tanh": lambda s: 1 + math.tanh(s), "none": lambda s: s}
    return {j: functions[kind](s) for j, s in scores.items()}


def attend_plainly(queries, keys, values, **o):
    """(weights, output, lse) of one head."""
    n, m = len(queries), len(keys)
    if "qk_norm" in o:
        queries, keys = ([norm(row, o["qk_norm"]) for row in rows] for rows in (queries, keys))
    if "rope" in o:
        settings = o["rope"], o.get("rope_base", 10000.0), o.get("rope_dims", len(queries[0])), o.get("rope_scale", 1.0)
        queries = [rotate(row, i + o.get("offset", 0), *settings) for i, row in enumerate(queries)]
        keys = [rotate(row, j, *settings) for j, row in enumerate(keys)]
    weights, output, lses = [], [], []
    for i in range(n):
        scores = {j: score(queries[i], keys[j], i, j, o) for j in range(m) if sees(i, j, o)}
        sink = o.get("sink")
        if "top_k" in o:
            best = sorted(scores, key=lambda j: (-scores[j], j))[: o["top_k"]]
            scores = {j: scores[j] for j in best}
        row = normalize(scores, o.get("normalizer", "softmax"), sink)
        terms = [*scores.values(), *([] if sink is None else [sink])]
        lses.append(max(terms) + math.log(sum(math.exp(t - max(terms)) for t in terms)) if terms else -math.inf)
        row = [row.get(j, 0.0) for j in range(m)]
        if "dropout_mask" in o:
            row = [w * kept / (1 - o.get("dropout", 0.0)) for w, kept in zip(row, o["dropout_mask"][i], strict=True)]
        weights.append(row)
        output.append([sum(w * v[c] for w, v in zip(row, values, strict=True)) for c in range(len(values[0]))])
    return weights, output, lses
