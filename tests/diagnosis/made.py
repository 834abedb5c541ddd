"""Random attention problems answered with a slip, or two, in plain NumPy that shares nothing with the package.

A `World` is a problem and a way to answer it; a slip is a function that changes the way, and says what the problem has
to look like. `make(names, random, dtype)` gives the problem as a file would state it, the right and the wrong numbers.
"""

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


def split(array, heads):
    return np.moveaxis(array.reshape(*array.shape[:-1], heads, -1), -2, -3)


def join(array):
    moved = np.moveaxis(array, -3, -2)
    return moved.reshape(*moved.shape[:-2], -1)


def viewed(array):
    """Memory (…, n, H, d) read as (…, H, n, d)."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -2)).reshape(array.shape)


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


def rotated(rows, pairs, base, first=0, size=None, factor=1.0):
    n, d = rows.shape[-2], size or rows.shape[-1]
    turned = np.array(rows)
    for c in range(d // 2):
        one, two = (c, c + d // 2) if pairs == "half" else (2 * c, 2 * c + 1)
        angle = (first + np.arange(n)) / factor * base ** (-2 * c / d)
        turned[..., one] = rows[..., one] * np.cos(angle) - rows[..., two] * np.sin(angle)
        turned[..., two] = rows[..., one] * np.sin(angle) + rows[..., two] * np.cos(angle)
    return turned


class World:
    """A problem, with everything that its answer goes through; wishes settle what it has."""

    def __init__(
        self, random, dtype=None, *, square=False, wide=False, wide_values=False, like_queries=False, variant=None,
        lead=(), heads=None, key_heads=None, packed=False, projected=False, width=None, n=None, mask=None, causal=False,
        window=None, corner=None, empty=False, softcap=False, bias=False, alibi=False, rope=False, sink=False,
        qk_norm=False, segments=False, prefix=False, length=None, only=None, same=False,
    ):  # fmt: skip
        self.random = random
        self.n, self.m = n or int(random.integers(4, 7)), int(random.integers(4, 8))
        if square or same:
            self.m = self.n
        self.d = width or int(random.integers(2, 7))
        self.d_v = int(random.integers(2, 6))
        if wide:
            self.d = self.m
        if wide_values:
            self.d_v = self.m
        if rope:
            self.d = 8 if rope == "wide" else int(random.choice((4, 6)))
        if like_queries or same:
            self.d_v = self.d
        self.variant = variant if isinstance(variant, str) else str(random.choice(variant or ("scaled",)))
        self.key_heads, self.packed, self.only = key_heads, packed, only
        self.lead = (*lead, heads) if heads else tuple(lead)
        self.heads = self.lead[-1] if self.lead else 1
        places = int(random.integers(1, 3))
        self.draw = lambda *shape: narrow(np.round(random.normal(size=shape), places), dtype)
        shared = self.lead if key_heads is None else (*self.lead[:-1], key_heads)
        self.stated = {"variant": self.variant}
        self.queries, self.keys, self.values = (
            self.draw(*self.lead, self.n, self.d), self.draw(*shared, self.m, self.d),
            self.draw(*shared, self.m, self.d_v),
        )  # fmt: skip
        self.x = None
        if projected:
            if self.lead:
                raise ValueError("projected problems have no leading axes here")
            self.project(square=projected == "square")
        self.length = length and float(random.choice((0.5, 2.0, 3.0)))
        if self.length:
            self.stated["length_scale"] = self.length
        self.scale = self.default_scale(self.variant)
        self.similarity = SCORES[self.variant]
        self.mask_it(mask, causal, window, corner, empty, segments, prefix)
        self.softcap = float(random.choice((1.0, 1.5))) if softcap else None
        self.bias = self.draw(self.n, self.m) if bias else None
        self.cap_late = False
        self.slopes = None
        if alibi:
            self.slopes = self.usual_slopes()
            self.stated["alibi"] = "usual"
        self.pairs = str(random.choice(("half", "interleaved"))) if rope else None
        self.base, self.turned, self.far = 100.0, None, 3.0 if rope == "far" else 1.0
        if rope:
            self.stated |= {"rope": self.pairs, "rope_base": 100, "rope_scale": self.far}
        self.sink = 0.5 if sink else None
        self.norm = str(random.choice(("l2", "rms"))) if qk_norm else None
        self.stated |= {
            name: value
            for name, value in (
                ("softcap", self.softcap), ("bias", self.bias), ("sink", self.sink), ("qk_norm", self.norm)
            )
            if value is not None
        }  # fmt: skip
        self.state_matrices()
        self.empty_row = 0.0
        self.normalize = lambda scores: softmax(scores, KEYS, self.empty_row, self.sink)
        self.after, self.met, self.finish, self.present = [], [], [], []
        self.joined = join
        self.lse_of = lambda scores: np.log(np.exp(scores).sum(axis=KEYS) + (0 if self.sink is None else np.exp(0.5)))
        self.rescore = None
        self.backward = backward
        self.takes_exact_weights = False

    def project(self, square):
        width = self.d if square else self.d + 1
        if square:
            self.d_v = self.d
        self.x = self.draw(self.n, width)
        self.m = self.n
        self.w = {"q": self.draw(width, self.d), "k": self.draw(width, self.d), "v": self.draw(width, self.d_v)}
        self.queries, self.keys, self.values = (self.x @ self.w[letter] for letter in "qkv")

    def default_scale(self, variant):
        length = self.length or 1.0
        return {"scaled": 1 / np.sqrt(self.d), "laplace": 1 / length, "gaussian": 1 / length**2}.get(variant, 1.0)

    def usual_slopes(self):
        """Those of Press et al., with the completion where the heads are no power of two."""

        def powers(count):
            return [2.0 ** (-8 * (h + 1) / count) for h in range(count)]

        below = 2 ** int(np.log2(self.heads))
        slopes = powers(below)
        if below < self.heads:
            slopes += powers(2 * below)[0::2][: self.heads - below]
        return np.array(slopes)[:, None, None] if self.lead else np.array(slopes)

    def mask_it(self, mask, causal, window, corner, empty, segments, prefix):
        random, (n, m) = self.random, (self.n, self.m)
        i, j = np.arange(n)[:, None], np.arange(m)
        self.causal, self.window, self.offset, self.prefix = causal, window, 0, None
        if corner == "bottom-right":
            self.offset = m - n
            self.stated["align"] = corner
        self.seen_by_mask = np.ones((n, m), bool)
        if mask:
            shape = (*self.lead[:1], 1, n, m) if mask == "batch" else (n, m)
            seen = random.random(shape) < 0.6
            seen[..., int(random.integers(m))] = True
            seen[..., 0, int(random.integers(m))] = False
            if empty:
                seen[..., int(random.integers(n)), :] = False
            elif not seen.any(axis=-1).all():
                seen[..., 0, :] = True
                seen[..., 0, -1] = False
            if mask == "keys":
                seen = np.ones(m, bool)
                seen[int(random.integers(m))] = False
            self.seen_by_mask = seen
            self.stated["mask"] = seen.astype(int)
        self.segments = None
        if segments:
            self.segments = np.sort(random.integers(0, 3, n))
            self.segments[0], self.segments[-1] = 0, 2
            self.stated["segments"] = self.segments
            self.seen_by_mask = self.seen_by_mask & (self.segments[:, None] == self.segments)
        if prefix:
            self.prefix = 3
            self.stated["prefix"] = 3
        if causal:
            self.stated["causal"] = True
        if window:
            self.stated["window"] = list(window)
        self.i, self.j = i, j

    def seen(self):
        """(…, n, m) booleans."""
        p = self.i + self.offset
        found = np.ones((self.n, self.m), bool)
        if self.causal:
            found &= self.j <= p + (0 if self.causal is True else self.causal)
        if self.window:
            left, right = self.window
            found &= (left == -1) | (self.j >= p - left)
            found &= (right == -1) | (self.j <= p + right)
        if self.prefix:
            found |= self.j < self.prefix
        return found & self.seen_by_mask

    def state_matrices(self):
        if self.x is not None:
            self.stated |= {"x": self.x, **{f"w_{letter}": self.w[letter] for letter in "qkv"}}
            return
        given = {"queries": self.queries, "keys": self.keys, "values": self.values}
        if self.packed:
            given = {name: join(array) for name, array in given.items()}
            self.stated["heads"] = [self.heads, self.key_heads or self.heads]
        self.stated |= given

    def scores(self, raw, seen):
        scores = raw * self.scale
        added = 0 if self.bias is None else self.bias
        if self.slopes is not None:
            added = added - self.slopes * np.abs(self.i + self.offset - self.j)
        if self.softcap and not self.cap_late:
            scores = self.softcap * np.tanh(scores / self.softcap)
        scores = scores + added
        if self.softcap and self.cap_late:
            scores = self.softcap * np.tanh(scores / self.softcap)
        return np.where(seen, scores, -np.inf)

    def answer(self, dtype=None):
        """The results by name; in half precision the weights are rounded before they meet V."""
        q, k, v = self.queries, self.keys, self.values
        if self.key_heads is not None:
            shared = [head // (self.heads // self.key_heads) for head in range(self.heads)]
            q, k, v = q, k[..., shared, :, :], v[..., shared, :, :]
        if self.norm:
            size = {"l2": 1.0, "rms": np.sqrt(self.d)}[self.norm]
            q, k = (rows / over_zero(np.linalg.norm(rows, axis=-1, keepdims=True)) * size for rows in (q, k))
        if self.pairs:
            how = self.pairs, self.base
            q, k = (rotated(rows, *how, at, self.turned, self.far) for rows, at in ((q, self.offset), (k, 0)))
        raw = self.similarity(q, k)
        scores = self.scores(raw, self.seen()) if self.rescore is None else self.rescore(self, raw)
        weights = self.normalize(scores)
        for change in self.after:
            weights = change(weights)
        met = weights
        for change in self.met:
            met = change(met)
        if not self.takes_exact_weights:
            met = narrow(met, dtype if dtype in HALF else None)
        output = met @ v
        if self.packed:
            output = self.joined(output)
        for change in self.finish:
            output = change(output)
        found = {"raw_scores": raw, "scores": scores, "weights": weights, "output": output}
        if self.only and "lse" in self.only:
            found["lse"] = self.lse_of(scores)
        if self.only and any(name.startswith("d_") for name in self.only):
            found |= self.backward(self, q, k, v, weights)
            if self.packed:
                found |= {name: join(found[name]) for name in ("d_queries", "d_keys", "d_values")}
        for change in self.present:
            found = change(found)
        return found


SLOPES = {  # of the raw score by the query, and by the key, (…, n, m, d)
    "laplace": lambda q, k: (-np.sign(apart(q, k)), np.sign(apart(q, k))),
    "gaussian": lambda q, k: (-apart(q, k), apart(q, k)),
    "additive": lambda q, k: 2 * (1 - np.tanh(q[..., :, None, :] + k[..., None, :, :]) ** 2,),
}


def sum_shared(world, array):
    """Gradients of each query head, summed for the key head that they share."""
    if world.key_heads is None:
        if world.stated.get("heads", [0, 0])[0] != world.stated.get("heads", [0, 0])[1]:
            raise ValueError("a slip gave each query head a key head of its own")
        return array
    return array.reshape(*array.shape[:-3], world.key_heads, -1, *array.shape[-2:]).sum(axis=-3)


def backward(world, q, k, v, weights, second=1.0, scales=(1.0, 1.0), share=sum_shared):
    """dV, dP, dS, dQ, dK of a product or of a score whose slopes are in the table."""
    d_output = world.d_output
    d_weights = d_output @ v.mT
    d_scores = weights * (d_weights - second * (weights * d_weights).sum(axis=-1, keepdims=True))
    if world.variant in SLOPES:
        by_query, by_key = SLOPES[world.variant](q, k)
        d_queries, d_keys = (d_scores[..., None] * by_query).sum(axis=-2), (d_scores[..., None] * by_key).sum(axis=-3)
    else:
        d_queries, d_keys = d_scores @ k, d_scores.mT @ q
    return {
        "d_values": share(world, weights.mT @ d_output),
        "d_weights": d_weights,
        "d_scores": d_scores,
        "d_queries": world.scale * scales[0] * d_queries,
        "d_keys": share(world, world.scale * scales[1] * d_keys),
    }
