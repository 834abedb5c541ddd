"""Attention in 50 digits, in plain loops over mpmath's numbers, from the request alone: differences give gradients.

It shares no code with attncli and none with the other oracles.
"""

from __future__ import annotations

from typing import Any

from mpmath import cos, exp, fsum, mpf, sin, sqrt, tanh

Row = list[Any]  # of mpf
Rows = list[Row]
Request = dict[str, Any]


def numbers_of(array: Any) -> Any:
    """Return an array as nested lists of mpf."""
    return [numbers_of(part) for part in array] if getattr(array, "ndim", 0) else mpf(float(array))


def loss(queries: list[Rows], keys: list[Rows], values: list[Rows], bias: Rows, d_output: list[Rows], given: Request):
    """Return Σ output · d_output over all heads (heads, n, columns); the bias (n, m) is that of every head."""
    heads = range(len(queries))
    return fsum(
        mpf(share) * mpf(wanted)
        for h in heads
        for row, wants in zip(output(queries[h], keys[h], values[h], bias, given, h), d_output[h], strict=True)
        for share, wanted in zip(row, wants, strict=True)
    )


def output(queries: Rows, keys: Rows, values: Rows, bias: Rows, given: Request, head: int) -> Rows:
    """Return the output (n, columns) of one head."""
    n, m = len(queries), len(keys)
    first = given.get("query_offset", m - n if given.get("align") == "bottom-right" else 0)
    queries = [turn(unit(row, given), first + i, given) for i, row in enumerate(queries)]
    keys = [turn(unit(row, given), j, given) for j, row in enumerate(keys)]
    found = []
    for i, query in enumerate(queries):
        scores = {
            j: score(query, key, bias[i][j], abs(first + i - j), given, head)
            for j, key in enumerate(keys)
            if is_seen(i, j, first + i, given)
        }
        if (count := given.get("top_k")) is not None:
            scores = dict(sorted(scores.items(), key=lambda pair: -pair[1])[:count])
        weights = weigh(scores, given, head)
        if (kept := given.get("dropout_mask")) is not None:
            rest = 1 - mpf(given["dropout"])
            weights = {j: weight / rest for j, weight in weights.items() if kept[head][i][j]}
        found.append([fsum(weights[j] * values[j][c] for j in weights) for c in range(len(values[0]))])
    return found


def unit(row: Row, given: Request) -> Row:
    """Return a row over its length, or over the root of the mean of its squares."""
    squares = fsum(x * x for x in row)
    return {
        None: lambda: row,
        "l2": lambda: [x / sqrt(squares) for x in row],
        "rms": lambda: [x / sqrt(squares / len(row)) for x in row],
    }[given.get("qk_norm")]()


def turn(row: Row, position: int, given: Request) -> Row:
    """Return a row whose pairs of columns are rotated by position/factor · base^(−2 pair / width)."""
    if (kind := given.get("rope")) is None:
        return row
    width, row = given.get("rope_dims", len(row)), list(row)
    for pair in range(width // 2):
        a, b = (pair, pair + width // 2) if kind == "half" else (2 * pair, 2 * pair + 1)
        base, factor = mpf(given.get("rope_base", 10000)), mpf(given.get("rope_scale", 1))
        angle = position / factor * base ** (mpf(-2 * pair) / width)
        row[a], row[b] = row[a] * cos(angle) - row[b] * sin(angle), row[a] * sin(angle) + row[b] * cos(angle)
    return row


def score(query: Row, key: Row, added: Any, distance: int, given: Request, head: int) -> Any:
    """Return one score: scaled, capped, less the slope times the distance, plus the bias."""
    scale = given.get("scale", usual_scale(len(query), given))
    found = similarity(query, key, given) * mpf(scale[head] if isinstance(scale, list) else scale)
    cap, is_late = given.get("softcap"), given.get("softcap_after_bias", False)
    slope = given["alibi"][head] if "alibi" in given else 0
    if cap is not None and not is_late:
        found = cap * tanh(found / cap)
    found += added - mpf(slope) * distance
    return cap * tanh(found / cap) if cap is not None and is_late else found


def similarity(query: Row, key: Row, given: Request) -> Any:
    pairs = list(zip(query, key, strict=True))
    product = fsum(a * b for a, b in pairs)
    return {
        "laplace": lambda: -fsum(abs(a - b) for a, b in pairs),
        "gaussian": lambda: -fsum((a - b) ** 2 for a, b in pairs) / 2,
        "cosine": lambda: product / sqrt(fsum(a * a for a in query) * fsum(b * b for b in key)),
        "additive": lambda: fsum(
            mpf(w) * tanh(a + b) for w, (a, b) in zip(given.get("v_a", [1] * len(pairs)), pairs, strict=True)
        ),
        "uniform": lambda: mpf(0),
    }.get(given.get("variant", "scaled"), lambda: product)()


def usual_scale(columns: int, given: Request) -> Any:
    length = mpf(given.get("length_scale", 1))
    return {"scaled": 1 / sqrt(mpf(columns)), "laplace": 1 / length, "gaussian": 1 / length**2}.get(
        given.get("variant", "scaled"), mpf(1)
    )


def is_seen(i: int, j: int, position: int, given: Request) -> bool:
    """Return whether query i, at this position, may attend to key j."""
    left, right = given.get("window", (-1, -1))
    near = left < 0 or j >= position - left or j < given.get("keep_first", 0)
    if given.get("causal"):
        near = near and j <= position
    elif right >= 0:
        near = near and j <= position + right
    near = near or j < given.get("prefix", 0)
    if (size := given.get("chunk")) is not None:
        near = near and position // size == j // size
    if (segments := given.get("segments")) is not None:
        near = near and segments[i] == given.get("key_segments", segments)[j]
    mask = given.get("mask")
    return near and j < given.get("key_lengths", j + 1) and (mask is None or bool(mask[i][j]))


def weigh(scores: dict[int, Any], given: Request, head: int) -> dict[int, Any]:
    """Return the weights of a row by key."""
    kind = given.get("normalizer", "softmax")
    if kind == "softmax":
        powers = {j: exp(each) for j, each in scores.items()}
        total = fsum(powers.values())
        if (sink := given.get("sink")) is not None:
            total += exp(mpf(sink[head] if isinstance(sink, list) else sink))
        return {j: each / total for j, each in powers.items()}
    if kind == "sparsemax":
        return above(scores, 1)
    if kind == "entmax15":
        return above({j: each / 2 for j, each in scores.items()}, 2)
    of_one = {"sigmoid": lambda s: 1 / (1 + exp(-s)), "tanh": lambda s: 1 + tanh(s), "none": lambda s: s}[kind]
    return {j: of_one(each) for j, each in scores.items()}


def above(scores: dict[int, Any], power: int) -> dict[int, Any]:
    """Return max(score − τ, 0)^power, with the τ that makes them sum to 1, found by halving."""
    low, high = max(scores.values()) - 1, max(scores.values())
    for _ in range(170):  # 2^−170 is below 10^−50
        middle = (low + high) / 2
        total = fsum((each - middle) ** power for each in scores.values() if each > middle)
        low, high = (middle, high) if total > 1 else (low, middle)
    return {j: (each - low) ** power if each > low else mpf(0) for j, each in scores.items()}
