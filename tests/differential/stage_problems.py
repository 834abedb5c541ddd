"""Random problems over every stage and layout, and what torch makes of them, written out by hand in float64.

The formulas are others than the package's: rotations are products of complex numbers, the thresholds of sparsemax and
entmax come from bisection, positions are compared pair by pair.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

try:
    import torch
except ImportError:
    torch = None

Array = np.ndarray
Problem = dict[str, Any]
Tensor = Any
VARIANTS = ("dot", "laplace", "gaussian", "cosine", "additive", "uniform")
NORMALIZERS = ("sparsemax", "entmax15", "sigmoid", "tanh", "none")
FORMS = ("heads-first", "heads-last", "packed", "three axes", "three axes, heads-last", "two axes")
STAGES = (
    "mask", "bias", "causal", "window", "keep_first", "prefix", "chunk", "key_lengths", "align", "query_offset",
    "segments", "key_segments", "alibi", "qk_norm", "rope", "rope_base", "rope_dims", "rope_scale", "softcap",
    "softcap_after_bias", "sink", "normalizer", "top_k", "dropout", "dropout_mask", "scale", "length_scale", "v_a",
)  # fmt: skip
NEAR = 1e-5  # of the largest score: a narrow dtype may take such neighbours for each other


def random_problem_with_stages(random: np.random.Generator) -> Problem:
    """Keyword arguments of attend, with `form`, which says how Q, K and V are laid out."""

    def maybe(name: str, share: float, make: Any) -> None:
        if random.random() < share:
            problem[name] = make()

    def one_of(*choices: Any) -> Any:
        return choices[int(random.integers(len(choices)))]

    form = one_of(*FORMS)
    batch, key_heads, share = (int(random.integers(1, 4)) for _ in range(3))
    if form == "two axes":
        batch = key_heads = share = 1
    elif form.startswith("three axes"):
        batch = 1
    heads = key_heads * share
    n, m = (int(one_of(1, 2, 3, 5, 8, 13)) for _ in range(2))
    if random.random() < 0.02:  # several blocks of queries and tiles of keys
        n, m, batch = one_of(1, 150), one_of(600, 2100), 1
    d_k, d_v = int(one_of(2, 4, 6, 8)), int(random.integers(1, 6))
    dtype = str(one_of("float64", "float64", "float32", "bfloat16"))

    def numbers(*shape: int) -> Array:
        made: Array = torch.from_numpy(random.standard_normal(shape)).to(getattr(torch, dtype)).double().numpy()
        return made

    def of_cells(lowest: int = 2) -> tuple[int, ...]:
        """The shape of something for each query and key, which broadcasts."""
        full = (n, m) if form == "two axes" else (heads, n, m) if form.startswith("three") else (batch, heads, n, m)
        kept = full[-int(random.integers(lowest, len(full) + 1)) :]
        return tuple(1 if random.random() < 0.2 else size for size in kept)

    def of_heads(make: Any) -> Any:
        return make() if random.random() < 0.4 else [make() for _ in range(heads)]

    def ids(size: int) -> Array:
        entries = batch if form in ("heads-first", "heads-last", "packed") and random.random() < 0.5 else 1
        made: Array = np.sort(random.integers(0, 3, (entries, size)), axis=-1)
        return made if entries > 1 else made[0]

    problem: Problem = {"form": form, "dtype": dtype}
    problem["queries"], problem["keys"], problem["values"] = (
        numbers(batch, heads, n, d_k), numbers(batch, key_heads, m, d_k), numbers(batch, key_heads, m, d_v)
    )  # fmt: skip
    maybe("variant", 0.4, lambda: one_of(*VARIANTS))
    variant = problem.get("variant", "scaled")
    if variant in ("laplace", "gaussian"):
        maybe("length_scale", 0.5, lambda: one_of(0.5, 3.0))
    if variant == "additive":
        maybe("v_a", 0.6, lambda: numbers(d_k))
    if "length_scale" not in problem and variant != "uniform":
        maybe("scale", 0.3, lambda: of_heads(lambda: one_of(0.25, 1.0, -0.5, "1/dk", "log(m+1)/sqrt(dk)", "1/(n*dk)")))
    maybe("mask", 0.25, lambda: random.random(of_cells()) < one_of(0.3, 0.8))
    if "mask" in problem:
        maybe("mask_means", 0.3, lambda: "drop")
    maybe("bias", 0.25, lambda: np.where(random.random(shape := of_cells()) < 0.15, -np.inf, numbers(*shape)))
    maybe("causal", 0.4, lambda: True)
    maybe("window", 0.3, lambda: tuple(int(side) for side in random.integers(-1, 5, 2)))
    maybe("keep_first", 0.2, lambda: int(random.integers(0, 4)))
    maybe("prefix", 0.2, lambda: int(random.integers(0, 4)))
    maybe("chunk", 0.15, lambda: int(random.integers(1, 6)))
    maybe("key_lengths", 0.2, lambda: random.integers(0, m + 1, batch) if batch > 1 else int(random.integers(0, m + 1)))
    maybe("align", 0.3, lambda: one_of("top-left", "bottom-right"))
    if "align" not in problem:
        maybe("query_offset", 0.2, lambda: int(random.integers(-4, 9)))
    maybe("segments", 0.2, lambda: ids(n))
    if "segments" in problem and (n != m or random.random() < 0.5):
        problem["key_segments"] = ids(m)
    maybe("alibi", 0.2, lambda: one_of("usual", of_heads(lambda: one_of(0.5, 0.0625, -0.25))))
    maybe("qk_norm", 0.2, lambda: one_of("l2", "rms"))
    maybe("rope", 0.3, lambda: one_of("half", "interleaved"))
    if "rope" in problem:
        maybe("rope_base", 0.4, lambda: one_of(100.0, 500000.0))
        maybe("rope_dims", 0.4, lambda: 2 * int(random.integers(1, d_k // 2 + 1)))
        maybe("rope_scale", 0.3, lambda: one_of(2.0, 8.0))
    maybe("softcap", 0.25, lambda: one_of(0.5, 2.0, 20.0))
    if "softcap" in problem:
        maybe("softcap_after_bias", 0.4, lambda: True)
    maybe("normalizer", 0.3, lambda: one_of(*NORMALIZERS))
    if "normalizer" not in problem:
        maybe("sink", 0.3, lambda: of_heads(lambda: one_of(0.0, 1.5, -3.0, 30.0)))
    maybe("top_k", 0.15, lambda: int(random.integers(1, 6)))
    if random.random() < 0.15:
        problem |= {"dropout": one_of(0.0, 0.25), "dropout_mask": random.random(of_cells()) < 0.75}
    return problem


def given_to_attend(problem: Problem) -> Problem:
    """The keyword arguments of attend, with Q, K and V in the form that the problem names."""
    form, given = problem["form"], {name: value for name, value in problem.items() if name != "form"}
    if form == "packed":
        given["heads"] = (problem["queries"].shape[1], problem["keys"].shape[1])
    elif form.endswith("heads-last"):
        given["layout"] = "heads-last"
    for name in ("queries", "keys", "values"):
        given[name] = _in_form(problem[name], form)
    return given


def by_torch_with_stages(problem: Problem) -> dict[str, Array] | None:
    """Every result, in the form of the problem; None where the largest scores of --top-k are nearly equal."""
    queries, keys, values = (torch.from_numpy(problem[name]) for name in ("queries", "keys", "values"))
    batch, heads, n, d_k = queries.shape
    share, m = heads // keys.shape[1], keys.shape[2]
    keys, values = keys.repeat_interleave(share, dim=1), values.repeat_interleave(share, dim=1)
    rows, columns = _positions(problem, batch, n, m), torch.arange(m).double()
    kind = problem.get("qk_norm")
    if kind is not None:
        queries, keys = (_unit(rows_of, kind) for rows_of in (queries, keys))
    if "rope" in problem:
        queries, keys = _rotate(queries, rows[:, None], problem), _rotate(keys, columns, problem)
    raw = _similarity(problem, queries, keys)
    scores = raw * _scales(problem, n, m, d_k)
    cap, late = problem.get("softcap"), problem.get("softcap_after_bias", False)
    if cap and not late:
        scores = cap * torch.tanh(scores / cap)
    allowed = _allowed(problem, rows, columns).broadcast_to(scores.shape)
    if "alibi" in problem:
        scores = scores - _slopes(problem["alibi"], heads) * (rows[:, None, :, None] - columns).abs()
    if "bias" in problem:
        bias = torch.from_numpy(problem["bias"])
        scores, allowed = scores + bias.clamp(min=-1e30), allowed & (bias > -math.inf)
    if cap and late:
        scores = cap * torch.tanh(scores / cap)
    scores = torch.where(allowed, scores, -math.inf)
    counted = scores
    if "top_k" in problem:
        if (kept := _largest(scores, allowed, problem["top_k"])) is None:
            return None
        counted = torch.where(kept, scores, -math.inf)
    sink = problem.get("sink")
    joined = counted
    if sink is not None:
        logits = _double(np.broadcast_to(sink, heads))
        joined = torch.cat([counted, logits[:, None, None].expand(batch, heads, n, 1)], dim=-1)
    weights = _normalize(joined, problem.get("normalizer", "softmax"))[..., :m]
    if "dropout_mask" in problem:
        weights = weights * torch.from_numpy(problem["dropout_mask"]).double() / (1 - problem["dropout"])
    found = {"weights": weights, "output": weights @ values, "lse": torch.logsumexp(joined, dim=-1), "raw_scores": raw}
    if "top_k" not in problem:
        found["scores"] = scores
    form = problem["form"]
    return {
        name: _in_form(array.numpy(), form) if name == "output" else _drop_axes(array.numpy(), form)
        for name, array in found.items()
    }


def _double(numbers: Any) -> Tensor:
    return torch.from_numpy(np.array(numbers, np.float64))


def _in_form(array: Array, form: str) -> Array:
    """(batch, heads, n, d) as the form has it."""
    array = _drop_axes(array, form)
    if form in ("heads-first", "three axes", "two axes"):
        return array
    turned: Array = array.swapaxes(-2, -3)
    return turned.reshape(*turned.shape[:2], -1) if form == "packed" else turned


def _drop_axes(array: Array, form: str) -> Array:
    """Without the leading axes that the form has not."""
    return array[0, 0] if form == "two axes" else array[0] if form.startswith("three axes") else array


def _positions(problem: Problem, batch: int, n: int, m: int) -> Tensor:
    """Where the queries stand, (batch, n)."""
    lengths = _double(np.broadcast_to(problem.get("key_lengths", m), batch))
    start = torch.full_like(lengths, problem.get("query_offset", 0))
    if problem.get("align") == "bottom-right":
        start = lengths - n
    return start[:, None] + torch.arange(n)


def _unit(rows: Tensor, kind: str) -> Tensor:
    size = rows.norm(dim=-1, keepdim=True) if kind == "l2" else rows.square().mean(dim=-1, keepdim=True).sqrt()
    return torch.where(size > 0, rows / size, 0.0)


def _rotate(rows: Tensor, positions: Tensor, problem: Problem) -> Tensor:
    """Rows (batch, heads, n, d) times e^(i·angle), pair by pair."""
    size = problem.get("rope_dims", rows.shape[-1])
    first, second = slice(0, size // 2), slice(size // 2, size)
    if problem["rope"] == "interleaved":
        first, second = slice(0, size, 2), slice(1, size, 2)
    speed = torch.exp(-math.log(problem.get("rope_base", 10000.0)) * torch.arange(0, size, 2).double() / size)
    angles = positions[..., None] / problem.get("rope_scale", 1.0) * speed
    turned = torch.complex(rows[..., first], rows[..., second]) * torch.polar(torch.ones_like(angles), angles)
    rows = rows.clone()
    rows[..., first], rows[..., second] = turned.real, turned.imag
    return rows


def _similarity(problem: Problem, queries: Tensor, keys: Tensor) -> Tensor:
    variant = problem.get("variant", "scaled")
    if variant == "laplace":
        return -torch.cdist(queries, keys, p=1)
    if variant == "gaussian":
        return -torch.cdist(queries, keys, compute_mode="donot_use_mm_for_euclid_dist").square() / 2
    if variant == "cosine":
        return torch.nn.functional.cosine_similarity(queries[..., None, :], keys[..., None, :, :], dim=-1, eps=1e-300)
    if variant == "additive":
        v_a = torch.from_numpy(np.asarray(problem.get("v_a", np.ones(queries.shape[-1]))))
        return torch.tanh(queries[..., None, :] + keys[..., None, :, :]) @ v_a
    product = queries @ keys.mT
    return product * 0 if variant == "uniform" else product


def _scales(problem: Problem, n: int, m: int, d_k: int) -> Any:
    if "scale" in problem:
        asked = problem["scale"] if isinstance(problem["scale"], list) else [problem["scale"]]
        sizes = {"n": n, "m": m, "dk": d_k, "sqrt": math.sqrt, "log": math.log}
        return _double([float(eval(str(each), sizes)) for each in asked])[:, None, None]
    length = problem.get("length_scale", 1.0)
    return {"scaled": d_k**-0.5, "laplace": 1 / length, "gaussian": length**-2}.get(
        problem.get("variant", "scaled"), 1.0
    )


def _allowed(problem: Problem, rows: Tensor, columns: Tensor) -> Tensor:
    """What a query may see, but for the bias: (batch, 1, n, m), or with heads if the mask has them."""
    behind = rows[:, :, None] - columns  # how far key j lies behind query i
    left, right = problem.get("window", (-1, -1))
    near = torch.ones_like(behind, dtype=torch.bool)
    if left >= 0:
        near &= behind <= left
    if right >= 0:
        near &= behind >= -right
    may = near | (columns < problem.get("keep_first", 0))
    if problem.get("causal"):
        may = may & (behind >= 0)
    may = may | (columns < problem.get("prefix", 0))
    if "chunk" in problem:
        may = may & (torch.floor(rows / problem["chunk"])[:, :, None] == torch.floor(columns / problem["chunk"]))
    if "key_lengths" in problem:
        may = may & (columns < torch.from_numpy(np.atleast_1d(problem["key_lengths"]))[:, None, None])
    if "segments" in problem:
        own = torch.from_numpy(np.atleast_2d(problem["segments"]))
        theirs = torch.from_numpy(np.atleast_2d(problem["key_segments"])) if "key_segments" in problem else own
        may = may & (own[:, :, None] == theirs[:, None, :])
    may = may[:, None]
    if "mask" in problem:
        mask = torch.from_numpy(problem["mask"])
        may = may & (~mask if problem.get("mask_means") == "drop" else mask)
    return may


def _slopes(alibi: Any, heads: int) -> Tensor:
    """(heads, 1, 1)"""
    if alibi == "usual":
        power = 2 ** int(math.log2(heads))
        alibi = [2 ** (-8 * (h + 1) / power) for h in range(power)]
        alibi += [2 ** (-8 * (h + 1) / (2 * power)) for h in range(0, 2 * power, 2)][: heads - power]
    return _double(np.broadcast_to(alibi, heads))[:, None, None]


def _largest(scores: Tensor, allowed: Tensor, count: int) -> Tensor | None:
    """Which cells are among the `count` largest of their row; None if the last of them is nearly equal to the next."""
    ordered, places = torch.sort(scores, dim=-1, descending=True, stable=True)
    if count < scores.shape[-1]:
        last, following = ordered[..., count - 1], ordered[..., count]
        gap = (last - following)[following > -math.inf]
        size = scores[allowed].abs().max() if allowed.any() else 0.0
        if bool((gap < NEAR * max(1.0, float(size))).any()):
            return None
    return torch.zeros_like(allowed).scatter(-1, places[..., :count], value=True) & allowed


def _normalize(scores: Tensor, kind: str) -> Tensor:
    """Weights of scores of which those of −inf do not count; a row of them alone gets zeros."""
    counts = scores > -math.inf
    if kind == "softmax":
        return torch.softmax(scores, dim=-1).nan_to_num(0.0)
    if kind in ("sigmoid", "tanh", "none"):
        function = {"sigmoid": torch.sigmoid, "tanh": lambda x: 1 + torch.tanh(x), "none": lambda x: x}[kind]
        return torch.where(counts, function(torch.where(counts, scores, 0.0)), 0.0)
    power = 1.0 if kind == "sparsemax" else 2.0
    halved = scores if kind == "sparsemax" else scores / 2
    high = halved.max(dim=-1, keepdim=True).values.nan_to_num(neginf=0.0)
    low = high - 1
    for _ in range(80):
        middle = (low + high) / 2
        is_above = ((halved - middle).clamp(min=0) ** power).sum(dim=-1, keepdim=True) > 1
        low, high = torch.where(is_above, middle, low), torch.where(is_above, high, middle)
    return (halved - (low + high) / 2).clamp(min=0) ** power
