"""Random attention problems answered with a slip, or two, in plain NumPy that shares nothing with the package.

A `World` is a problem and a way to answer it; a slip is a function that changes the way, and says what the problem has
to look like. `make(names, random, dtype)` gives the problem as a file would state it, the right and the wrong numbers.
"""

import numpy as np
from diagnosis.made_gradients import backward
from diagnosis.made_steps import HALF, KEYS, NORMALIZERS, SCORES, keep_largest, narrow, normed, rotated, softmax


def split(array, heads):
    return np.moveaxis(array.reshape(*array.shape[:-1], heads, -1), -2, -3)


def join(array):
    moved = np.moveaxis(array, -3, -2)
    return moved.reshape(*moved.shape[:-2], -1)


def viewed(array):
    """Memory (…, n, H, d) read as (…, H, n, d)."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -2)).reshape(array.shape)


class World:
    """A problem, with everything that its answer goes through; wishes settle what it has."""

    def __init__(
        self, random, dtype=None, *, square=False, wide=False, wide_values=False, like_queries=False, variant=None,
        lead=(), heads=None, key_heads=None, packed=False, projected=False, width=None, n=None, mask=None, causal=False,
        window=None, corner=None, empty=False, softcap=False, bias=False, alibi=False, rope=False, sink=False,
        qk_norm=False, segments=False, prefix=False, length=None, only=None, same=False, keep_first=None, chunk=None,
        lengths=False, top_k=None, dropout=False, normalizer="softmax", cap_late=False, system=None,
        m=None, loud=False,
    ):  # fmt: skip
        self.random = random
        self.n, self.m = n or int(random.integers(4, 7)), m or int(random.integers(4, 8))
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
        self.key_heads, self.packed, self.only, self.shares = key_heads, packed, only, key_heads is not None
        self.lead = (*lead, heads) if heads else tuple(lead)
        self.heads = self.lead[-1] if self.lead else 1
        places = int(random.integers(1, 3))
        size = 4.0 if loud else 1.0
        self.draw = lambda *shape: narrow(np.round(random.normal(scale=size, size=shape), places), dtype)
        shared = self.lead if key_heads is None else (*self.lead[:-1], key_heads)
        self.stated = {"variant": self.variant}
        self.queries, self.keys, self.values = (
            self.draw(*self.lead, self.n, self.d), self.draw(*shared, self.m, self.d),
            self.draw(*shared, self.m, self.d_v),
        )  # fmt: skip
        self.x = self.w_o = None
        if projected:
            if self.lead:
                raise ValueError("projected problems have no leading axes here")
            self.project(how=projected)
        self.length = length and float(random.choice((0.5, 2.0, 3.0)))
        if self.length:
            self.stated["length_scale"] = self.length
        self.scale = self.default_scale(self.variant)
        self.similarity, self.scored = SCORES[self.variant], self.variant
        self.mask_it(mask, causal, window, corner, empty, segments, prefix)
        self.narrow_it(keep_first, chunk, lengths)
        self.softcap = float(random.choice((1.0, 1.5))) if softcap else None
        self.bias = self.draw(*(self.lead if bias == "heads" else ()), self.n, self.m) if bias else None
        self.cap_late, self.top_k, self.normalizer = cap_late, top_k, normalizer
        self.drop = None
        if dropout:
            kept = random.random((*self.lead, self.n, self.m)) >= 0.25
            kept.flat[:2] = True, False
            self.stated |= {"dropout": 0.25, "dropout_mask": kept.astype(int)}
            self.drop = kept / 0.75
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
                ("softcap", self.softcap), ("bias", self.bias), ("sink", self.sink), ("qk_norm", self.norm),
                ("top_k", top_k), ("softcap_after_bias", cap_late or None), ("as", system),
                ("normalizer", None if normalizer == "softmax" else normalizer),
            )
            if value is not None
        }  # fmt: skip
        self.state_matrices()
        if system == "jax" and self.lead:
            raise ValueError("heads of this system stand behind the positions")
        self.empty_row = 1 / self.m if system == "jax" else 0.0
        self.is_tiled = system == "x-transformers"
        if self.is_tiled:
            self.offset = self.m - self.n
            if self.offset < 0 and causal:
                raise ValueError("queries without a key are of this system's own")
        self.normalize = self.weigh
        self.after, self.met, self.finish, self.present = [], [], [], []
        self.joined = join
        self.lse_of = lambda scores: np.log(np.exp(scores).sum(axis=KEYS) + (0 if self.sink is None else np.exp(0.5)))
        self.rescore = None
        self.backward = backward
        self.takes_exact_weights = False

    def project(self, how):
        """Matrices that are "square", with "offsets" too, or with other rows as a "context"."""
        square = how in ("square", "offsets", "context")
        width = self.d if square else self.d + 1
        if square:
            self.d_v = self.d
        self.x = self.draw(self.n, width)
        self.context = self.x
        if how == "context":
            self.context = self.draw(self.n, width)
        self.m = self.n
        self.w = {"q": self.draw(width, self.d), "k": self.draw(width, self.d), "v": self.draw(width, self.d_v)}
        self.b, self.parts = dict.fromkeys("qkvo"), "qkv"
        if how == "offsets":
            self.w_o = self.draw(self.d_v, self.d_v)
            self.b = {letter: self.draw(self.d if letter in "qk" else self.d_v) for letter in "qkvo"}
        self.queries, self.keys, self.values = (self.projected(letter) for letter in "qkv")

    def projected(self, letter):
        rows = (self.x if letter == "q" else self.context) @ self.w[letter]
        return rows if self.b[letter] is None else rows + self.b[letter]

    def back_to_x(self, found):
        """The gradient of x, of the parts through some of Q, K and V."""
        names = {"q": "d_queries", "k": "d_keys", "v": "d_values"}
        return sum(found[names[letter]] @ self.w[letter].T for letter in self.parts)

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
        self.segments, self.mask_alone = None, self.seen_by_mask
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

    def narrow_it(self, keep_first, chunk, lengths):
        self.keep_first, self.chunk = keep_first, chunk
        self.length_of_keys = int(self.random.integers(2, self.m)) if lengths else self.m
        if lengths:
            self.stated["key_lengths"] = self.length_of_keys
        self.stated |= {
            name: value for name, value in (("keep_first", keep_first), ("chunk", chunk)) if value is not None
        }

    def seen(self):
        """(…, n, m) booleans."""
        p = self.i + self.offset
        found = np.ones((self.n, self.m), bool)
        if self.causal:
            found &= self.j <= p + (0 if self.causal is True else self.causal)
        if self.window:
            left, right = self.window
            inside = (left == -1) | (self.j >= p - left)
            inside &= (right == -1) | (self.j <= p + right)
            found &= inside | (self.j < (self.keep_first or 0))
        if self.prefix:
            found |= self.j < self.prefix
        if self.chunk:
            found &= self.j // self.chunk == p // self.chunk
        return found & self.seen_by_mask & (self.j < self.length_of_keys)

    def state_matrices(self):
        if self.x is not None:
            self.stated |= {"x": self.x, **{f"w_{letter}": self.w[letter] for letter in "qkv"}}
            if self.context is not self.x:
                self.stated["context"] = self.context
            if self.w_o is not None:
                self.stated |= {"w_o": self.w_o, **{f"b_{letter}": self.b[letter] for letter in "qkvo"}}
            return
        given = {"queries": self.queries, "keys": self.keys, "values": self.values}
        if self.packed:
            given = {name: join(array) for name, array in given.items()}
            self.stated["heads"] = [self.heads, self.key_heads or self.heads]
        self.stated |= given

    def distances(self):
        """Those that ALiBi takes from the scores, times its slopes."""
        return np.abs(self.i + self.offset - self.j)

    def added(self):
        """What is added to the scores."""
        added = 0 if self.bias is None else self.bias
        return added if self.slopes is None else added - self.slopes * self.distances()

    def scores(self, raw, seen):
        scores, added = raw * self.scale, self.added()
        if self.softcap and not self.cap_late:
            scores = self.softcap * np.tanh(scores / self.softcap)
        scores = scores + added
        if self.softcap and self.cap_late:
            scores = self.softcap * np.tanh(scores / self.softcap)
        return np.where(seen, scores, -np.inf)

    def weigh(self, scores):
        if self.top_k is not None:
            scores = keep_largest(scores, self.top_k)
        if self.normalizer != "softmax":
            return NORMALIZERS[self.normalizer](scores)
        return softmax(scores, KEYS, self.empty_row, self.sink)

    def repeated(self, rows):
        """Rows of K or V for each query head."""
        if self.key_heads is None:
            return rows
        each = self.heads // self.key_heads
        shared = [head % self.key_heads if self.is_tiled else head // each for head in range(self.heads)]
        return rows[..., shared, :, :]

    @np.errstate(invalid="ignore")
    def answer(self, dtype=None):
        """The results by name; in half precision the weights are rounded before they meet V."""
        q, k, v = self.queries, self.repeated(self.keys), self.repeated(self.values)
        if self.norm:
            q, k = (normed(rows, self.norm) for rows in (q, k))
        if self.pairs:
            how = self.pairs, self.base
            q, k = (rotated(rows, *how, at, self.turned, self.far) for rows, at in ((q, self.offset), (k, 0)))
        raw = self.similarity(q, k)
        scores = self.scores(raw, self.seen()) if self.rescore is None else self.rescore(self, raw)
        weights = self.normalize(scores) * (1 if self.drop is None else self.drop)
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
        if self.w_o is not None:
            output = output @ self.w_o + (0 if self.b["o"] is None else self.b["o"])
        for change in self.finish:
            output = change(output)
        found = {"raw_scores": raw, "scores": scores, "weights": weights, "output": output}
        if self.only and "lse" in self.only:
            found["lse"] = self.lse_of(scores)
        if self.only and any(name.startswith("d_") for name in self.only):
            found |= self.backward(self, q, k, v, weights)
            if self.x is not None:
                found["d_x"] = self.back_to_x(found)
            if self.packed:
                found |= {name: join(found[name]) for name in ("d_queries", "d_keys", "d_values")}
        for change in self.present:
            found = change(found)
        return found
