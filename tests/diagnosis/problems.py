"""Random attention problems and wrong answers to them, in plain loops that share nothing with the package."""

import json
import math
from dataclasses import dataclass, field

NAN = float("nan")


@dataclass
class Problem:
    """Everything in nested lists; `heads` packs H heads into the columns. `seen[i][j]` is settled by `visible`."""

    queries: list
    keys: list
    values: list
    variant: str = "scaled"
    scale: float | None = None
    length: float | None = None
    mask: list | None = None
    drop: bool = False
    causal: bool = False
    window: tuple | None = None
    corner: str = "top-left"
    lengths: int | None = None
    softcap: float | None = None
    bias: list | None = None
    heads: tuple | None = None
    given: dict = field(default_factory=dict)

    @property
    def n(self):
        return len(self.queries)

    @property
    def m(self):
        return len(self.keys)

    @property
    def d_k(self):
        return len(self.queries[0]) // (self.heads[0] if self.heads else 1)


@dataclass
class Way:
    """How an answer is computed: the right way unless something is said."""

    scale: float | None = None
    score: str | None = None
    softmax: str = "keys"
    after: bool = False
    swap: bool = False
    turn_keys: bool = False
    turn_values: bool = False
    no_mask: bool = False
    invert: bool = False
    corner: str | None = None
    empty: str = "zeros"
    tiled: bool = False
    cap_late: bool = False
    rounded: int | None = None  # decimals of the weights that meet the values


def transposed(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def default_scale(variant, d_k, length):
    if variant == "scaled":
        return 1 / math.sqrt(d_k)
    if variant == "laplace":
        return 1 / (length or 1)
    if variant == "gaussian":
        return 1 / (length or 1) ** 2
    return 1.0


def similarity(kind, q, k):
    dot = sum(a * b for a, b in zip(q, k, strict=True))
    square = sum((a - b) ** 2 for a, b in zip(q, k, strict=True))
    if kind in ("scaled", "dot"):
        return dot
    if kind == "laplace":
        return -sum(abs(a - b) for a, b in zip(q, k, strict=True))
    if kind == "gaussian":
        return -square / 2
    if kind == "squared":
        return -square
    if kind == "euclidean":
        return -math.sqrt(square)
    if kind == "cosine":
        lengths = math.sqrt(sum(a * a for a in q)) * math.sqrt(sum(b * b for b in k))
        return dot / lengths if lengths else 0.0
    return 0.0


def visible(problem, way):
    """Booleans: may query i attend to key j?"""
    n, m = problem.n, problem.m
    if way.no_mask:
        return [[True] * m for _ in range(n)]
    length = m if problem.lengths is None else problem.lengths
    corner = way.corner or problem.corner
    offset = length - n if corner == "bottom-right" else 0
    left, right = problem.window or (-1, -1)
    if problem.causal:
        right = 0
    seen = []
    for i in range(n):
        row = []
        for j in range(m):
            p = i + offset
            ok = j < length and (left == -1 or j >= p - left) and (right == -1 or j <= p + right)
            if problem.mask is not None:
                ok = ok and bool(problem.mask[i][j]) != problem.drop
            row.append(ok != way.invert)
        seen.append(row)
    return seen


def softmax(numbers, allowed, empty):
    """Over a list, those not allowed left out."""
    if not any(allowed) and empty == "scores":  # less a number that all of them get
        allowed = [True] * len(numbers)
    if not any(allowed):
        return [{"zeros": 0.0, "nan": NAN, "uniform": 1 / len(numbers)}[empty]] * len(numbers)
    largest = max(x for x, ok in zip(numbers, allowed, strict=True) if ok)
    powers = [math.exp(x - largest) if ok else 0.0 for x, ok in zip(numbers, allowed, strict=True)]
    total = sum(powers)
    return [power / total for power in powers]


def one_head(problem, way, queries, keys, values):
    """(raw scores, scores, weights, output) of one head."""
    kind = way.score or problem.variant
    d_k = len(queries[0])
    own = problem.scale if problem.scale is not None else default_scale(problem.variant, d_k, problem.length)
    scale = own if way.scale is None else way.scale
    if way.score is not None and way.scale is None and way.score in ("scaled", "dot", "laplace", "gaussian", "cosine"):
        scale = default_scale(way.score, d_k, problem.length if problem.variant in ("laplace", "gaussian") else None)
    if way.swap:
        queries, keys = keys, queries
    if way.turn_keys:
        keys = transposed(keys)
    if way.turn_values:
        values = transposed(values)
    raw = [[similarity(kind, q, k) for k in keys] for q in queries]
    seen = visible(problem, way)
    scores = []
    for i, row in enumerate(raw):
        line = []
        for j, score in enumerate(row):
            x = score * (1.0 if way.after else scale)
            added = problem.bias[i][j] if problem.bias else 0.0
            cap = problem.softcap
            x = (
                (cap * math.tanh((x + added) / cap) if cap else x + added)
                if way.cap_late
                else ((cap * math.tanh(x / cap) if cap else x) + added)
            )
            line.append(x)
        scores.append(line)
    weights = weigh(way, scores, seen)
    if way.after:
        weights = [[x * scale for x in row] for row in weights]
    met = weights if way.rounded is None else [[round(x, way.rounded) for x in row] for row in weights]
    output = [[sum(w * v[c] for w, v in zip(row, values, strict=True)) for c in range(len(values[0]))] for row in met]
    hidden = [[x if ok else -math.inf for x, ok in zip(*rows, strict=True)] for rows in zip(scores, seen, strict=True)]
    return raw, hidden, weights, output


def weigh(way, scores, seen):
    if way.softmax == "keys":
        return [softmax(row, ok, way.empty) for row, ok in zip(scores, seen, strict=True)]
    if way.softmax == "queries":
        columns = zip(transposed(scores), transposed(seen), strict=True)
        return transposed([softmax(column, ok, way.empty) for column, ok in columns])
    if way.softmax == "all":
        width = len(scores[0])
        flat = softmax([x for row in scores for x in row], [ok for row in seen for ok in row], way.empty)
        return [flat[start : start + width] for start in range(0, len(flat), width)]
    return [[x if ok else 0.0 for x, ok in zip(*rows, strict=True)] for rows in zip(scores, seen, strict=True)]


def answer(problem, way):
    """raw_scores, scores, weights, output; with heads the first three have a leading axis."""
    if problem.heads is None:
        names = ("raw_scores", "scores", "weights", "output")
        return dict(zip(names, one_head(problem, way, problem.queries, problem.keys, problem.values), strict=True))
    heads, shared = problem.heads
    parts = []
    for head in range(heads):
        other = head % shared if way.tiled else head // (heads // shared)
        split = [
            [row[h * len(row) // total : (h + 1) * len(row) // total] for row in rows]
            for rows, h, total in (
                (problem.queries, head, heads), (problem.keys, other, shared), (problem.values, other, shared)
            )
        ]  # fmt: skip
        parts.append(one_head(problem, way, *split))
    output = [[x for part in parts for x in part[3][i]] for i in range(problem.n)]
    return {
        "raw_scores": [part[0] for part in parts],
        "scores": [part[1] for part in parts],
        "weights": [part[2] for part in parts],
        "output": output,
    }


# problems at random


def matrix(random, rows, columns, kind):
    """Whole numbers, or decimals of one, two, or four digits."""
    if kind == 0:
        return [[random.randint(-3, 3) for _ in range(columns)] for _ in range(rows)]
    return [[round(random.uniform(-2, 2), kind) for _ in range(columns)] for _ in range(rows)]


VARIANTS = ("scaled", "dot", "laplace", "gaussian", "cosine", "uniform")


def make(random, *, variant=None, masked=None, square=False, wide=False, exact=True, heads=None, turned_values=False):
    """A problem; `square` for as many queries as keys, `wide` for as many keys as columns."""
    n, m = random.randint(1, 6), random.randint(2, 7)
    d_k, d_v = random.randint(1, 8), random.randint(1, 5)
    if square:
        n = m
    if wide:
        d_k = m
    if turned_values:
        d_v = m
    kind = random.choice((0, 1, 2)) if exact else random.choice((0, 1, 2, 4))
    heads = (
        heads if heads is not None else (random.choice(((2, 2), (2, 1), (4, 2))) if random.random() < 0.15 else None)
    )
    own, shared = heads or (1, 1)
    queries = matrix(random, n, d_k * own, kind)
    keys, values = matrix(random, m, d_k * shared, kind), matrix(random, m, d_v * shared, kind)
    problem = Problem(queries, keys, values, variant or random.choice(VARIANTS[:5]), heads=heads)
    if problem.variant in ("laplace", "gaussian") and random.random() < 0.3:
        problem.length = random.choice((0.5, 2.0, 3.0))
    if random.random() < 0.15 and problem.variant in ("scaled", "dot"):
        problem.scale = random.choice((0.3, 0.75, 2.0))
    mask_it(random, problem, masked if masked is not None else random.choice((None, None, "mask", "causal", "length")))
    if random.random() < 0.1:
        problem.softcap = random.choice((2.0, 5.0))
    if random.random() < 0.1:
        problem.bias = matrix(random, n, m, 1)
    return problem


def mask_it(random, problem, kind):
    n, m = problem.n, problem.m
    if kind == "mask":
        problem.mask = [[random.random() < 0.6 for _ in range(m)] for _ in range(n)]
        for row in problem.mask:
            if random.random() < 0.9:  # the others may be left without a key
                row[random.randrange(m)] = True
        problem.drop = random.random() < 0.3
        if problem.drop:
            problem.mask = [[not cell for cell in row] for row in problem.mask]
    elif kind == "causal":
        problem.causal = True
        problem.corner = random.choice(("top-left", "bottom-right"))
    elif kind == "window":
        problem.window = random.choice(((1, 0), (1, 1), (0, 2), (2, -1)))
        problem.corner = random.choice(("top-left", "bottom-right"))
    elif kind == "length":
        problem.lengths = random.randint(1, m)


def as_text(problem, expected):
    """The problem file, its expected numbers as they were printed: {name: nested lists of texts}."""
    parts = {"queries": problem.queries, "keys": problem.keys, "values": problem.values, "variant": problem.variant}
    settings = {
        "scale": problem.scale,
        "length_scale": problem.length,
        "mask": problem.mask,
        "mask_means": "drop" if problem.drop else None,
        "causal": problem.causal or None,
        "window": problem.window,
        "align": problem.corner if problem.causal or problem.window else None,
        "key_lengths": problem.lengths,
        "softcap": problem.softcap,
        "bias": problem.bias,
        "heads": None if problem.heads is None else f"{problem.heads[0]}/{problem.heads[1]}",
    }
    parts |= {key: value for key, value in settings.items() if value is not None}
    parts |= problem.given
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in parts.items()]
    told = ", ".join(f"{json.dumps(name)}: {plain(rows)}" for name, rows in expected.items())
    return "{" + ", ".join([*lines, f'"expected": {{{told}}}']) + "}"


def plain(rows):
    return rows if isinstance(rows, str) else "[" + ", ".join(map(plain, rows)) + "]"


def printed(rows, show):
    if isinstance(rows, list):
        return [printed(row, show) for row in rows]
    return "nan" if math.isnan(rows) else str(rows) if math.isinf(rows) else show(rows)
