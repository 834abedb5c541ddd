"""Steps of attention in plain NumPy, for the problems of `made`: numbers of a dtype, norms, rotations, normalizers."""

import numpy as np

KEYS, ROWS = -1, -2
HALF = {"float16": 11, "bfloat16": 8}  # significant bits


def narrow(array, dtype):
    """The nearest numbers of the dtype, in float64."""
    if dtype == "float32":
        return array.astype(np.float32).astype(np.float64)
    if dtype not in HALF:
        return array
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(array)
        least = -14 if dtype == "float16" else -126
        bits = np.where(exponent - 1 < least, HALF[dtype] - (least - exponent + 1), HALF[dtype])
        scale = np.exp2(bits.astype(np.float64))
        return np.where(np.isfinite(array), np.ldexp(np.round(fraction * scale) / scale, exponent), array)


def product(q, k):
    return q @ np.swapaxes(k, -1, -2)


def apart(q, k):
    return q[..., :, None, :] - k[..., None, :, :]


def over_zero(lengths):
    """Lengths that may be divided by: a row of zeros stays one."""
    return np.where(lengths > 0, lengths, 1)


def cosine(q, k):
    lengths = np.linalg.norm(q, axis=-1)[..., :, None] * np.linalg.norm(k, axis=-1)[..., None, :]
    return product(q, k) / over_zero(lengths)


SCORES = {
    "scaled": product,
    "dot": product,
    "laplace": lambda q, k: -np.abs(apart(q, k)).sum(axis=-1),
    "gaussian": lambda q, k: -(apart(q, k) ** 2).sum(axis=-1) / 2,
    "cosine": cosine,
    "additive": lambda q, k: np.tanh(q[..., :, None, :] + k[..., None, :, :]).sum(axis=-1),
    "uniform": lambda q, k: 0 * product(q, k),
}


def size_of(norm, width):
    """The length that a norm gives a row."""
    return {"l2": 1.0, "rms": np.sqrt(width)}[norm]


def normed(rows, norm):
    return rows / over_zero(np.linalg.norm(rows, axis=-1, keepdims=True)) * size_of(norm, rows.shape[-1])


def rotated(rows, pairs, base, first=0, size=None, factor=1.0):
    n, d = rows.shape[-2], size or rows.shape[-1]
    turned = np.array(rows)
    for c in range(d // 2):
        one, two = (c, c + d // 2) if pairs == "half" else (2 * c, 2 * c + 1)
        angle = (first + np.arange(n)) / factor * base ** (-2 * c / d)
        turned[..., one] = rows[..., one] * np.cos(angle) - rows[..., two] * np.sin(angle)
        turned[..., two] = rows[..., one] * np.sin(angle) + rows[..., two] * np.cos(angle)
    return turned


def softmax(scores, axis=KEYS, empty=0.0, sink=None, base=np.e):
    """Over an axis, or several; `sink` are logits (…, 1) that join each sum."""
    with np.errstate(all="ignore"):
        largest = scores.max(axis=axis, keepdims=True)
        if sink is not None:
            largest = np.maximum(largest, sink)
        powers = base ** (scores - largest)
        total = powers.sum(axis=axis, keepdims=True)
        if sink is not None:
            total = total + base ** (sink - largest)
        return np.where(np.isneginf(largest), empty, powers / total)


def over_threshold(scores, power):
    """max(0, scores − t)^power with the t of each row that makes its sum 1, found by halving."""
    largest = scores.max(axis=-1, keepdims=True)
    low, high = largest - 1, largest
    for _ in range(80):
        middle = (low + high) / 2
        is_low = (np.maximum(scores - middle, 0) ** power).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return np.maximum(scores - low, 0) ** power


@np.errstate(all="ignore")
def sigmoid(scores):
    return 1 / (1 + np.exp(-scores))


NORMALIZERS = {
    "sparsemax": lambda scores: over_threshold(scores, 1),
    "entmax15": lambda scores: over_threshold(scores / 2, 2),
    "sigmoid": sigmoid,
    "tanh": lambda scores: np.where(np.isneginf(scores), 0, 1 + np.tanh(scores)),
    "none": lambda scores: np.where(np.isneginf(scores), 0, scores),
}


def keep_largest(scores, count):
    """The scores but all behind the `count` largest of a row, which are masked; of equal ones the first are kept."""
    order = np.argsort(-scores, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    return np.where(rank < count, scores, -np.inf)
