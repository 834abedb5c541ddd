"""attend against other implementations, on random problems over all the options that they share.

    python -m tests.differential.soak --seed 1 --problems 100000 [--stages]

Peers: a vectorised float64 formula here; torch (scaled_dot_product_attention; cdist, normalize and mean for the other
variants), the reference of ONNX's Attention operator, JAX and Keras, where they are installed; each against every
engine. With --stages the problems have every stage and layout, and torch computes them by hand (stage_problems.py). The
first difference is printed with what repeats it, and ends the run with status 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np

from attncli import attend
from attncli.engine.engines import missing_packages
from attncli.results.result import Result

try:
    import stage_problems  # beside the tests that import this module
except ImportError:
    from tests.differential import stage_problems
try:
    import torch
except ImportError:
    torch = None
try:
    import jax

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = None
os.environ.setdefault("KERAS_BACKEND", "jax" if jax is not None else "torch")
try:
    import keras
except ImportError:
    keras = None
NEWEST_OPSET = 25  # of Attention in what is compared here
try:
    import onnx
    from onnx.reference import ReferenceEvaluator

    if onnx.defs.onnx_opset_version() < NEWEST_OPSET:
        onnx = None
except ImportError:
    onnx = None

ENGINES = ["numpy"] if missing_packages() else ["numpy", "numba"]
Array = np.ndarray
Problem = dict[str, Any]
VARIANTS = ("scaled", "dot", "laplace", "gaussian", "cosine", "additive", "uniform")
TOLERANCES = {
    "float64": 1e-11,
    "float32": 3e-5,
    "float16": 4e-3,
    "bfloat16": 3e-2,
}  # relative to the largest number of a result


def random_problem(random: np.random.Generator) -> Problem:
    """Keyword arguments of attend: (batch, heads, n, d) of any dtype, and some of all options."""

    def chance(share: float) -> bool:
        return bool(random.random() < share)

    batch, key_heads, share = (int(random.integers(1, 4)) for _ in range(3))
    n, m = (int(random.choice([1, 2, 3, 5, 8, 17, 40])) for _ in range(2))
    d_k, d_v = (int(random.choice([1, 2, 3, 4, 8, 16])) for _ in range(2))
    if chance(0.02):  # more than a block of queries, more than a tile of keys
        batch, key_heads, d_k = 1, 1, min(d_k, 3)
        n, m = int(random.choice([1, 70, 300])), int(random.choice([600, 2100]))
    heads = key_heads * share
    dtype = str(random.choice(["float64", "float64", "float32", "float32", "float16"]))
    size = 1.0 if dtype == "float16" else float(random.choice([0.1, 1.0, 3.0]))
    queries, keys, values = (
        (random.standard_normal(shape) * size).astype(dtype)
        for shape in ((batch, heads, n, d_k), (batch, key_heads, m, d_k), (batch, key_heads, m, d_v))
    )
    problem: Problem = {"queries": queries, "keys": keys, "values": values}
    problem["variant"] = "scaled" if chance(0.6) else str(random.choice(VARIANTS))

    def extra_shape() -> tuple[int, ...]:
        full = (batch, heads, n, m)
        shape = tuple(1 if chance(0.3) and axis < 2 else length for axis, length in enumerate(full))
        return shape if chance(0.5) else full[-2:]

    if chance(0.3):
        problem["mask"] = random.random(extra_shape()) < random.choice([0.2, 0.7, 0.95])
    if chance(0.3):
        bias = random.standard_normal(extra_shape()).astype(dtype)
        bias[random.random(bias.shape) < random.choice([0.0, 0.3])] = -np.inf
        problem["bias"] = bias
    if chance(0.4):
        problem["causal"] = True
    if chance(0.25):
        problem["window"] = tuple(int(side) for side in random.integers(-1, 6, 2))
    if chance(0.2):
        problem["softcap"] = float(random.choice([0.5, 2.0, 20.0]))
    if chance(0.2):
        problem["scale"] = float(random.choice([0.0625, 0.25, 1.0]))  # ONNX takes a root in float32
    elif problem["variant"] in ("laplace", "gaussian") and chance(0.5):
        problem["length_scale"] = float(random.choice([0.5, 2.0, 7.0]))
    if chance(0.2):
        problem["key_lengths"] = random.integers(0, m + 1, batch)
    if chance(0.3):
        problem["align"] = str(random.choice(["top-left", "bottom-right"]))
    elif chance(0.15):
        problem["query_offset"] = int(random.integers(-3, 6))
    if chance(0.3):  # as columns, the way --heads splits them
        problem["heads"] = (heads, key_heads)
        for name in ("queries", "keys", "values"):
            turned = np.moveaxis(problem[name], 1, 2)
            problem[name] = turned.reshape(*turned.shape[:2], -1)
    return problem


def by_head(problem: Problem) -> tuple[Array, Array, Array]:
    """Queries, keys and values as (batch, heads, n, d)."""
    arrays = problem["queries"], problem["keys"], problem["values"]
    if "heads" not in problem:
        return arrays
    counts = problem["heads"][0], problem["heads"][1], problem["heads"][1]
    return tuple(  # type: ignore[return-value]
        np.moveaxis(array.reshape(*array.shape[:2], count, -1), 2, 1)
        for array, count in zip(arrays, counts, strict=True)
    )


def allowed(problem: Problem, n: int, m: int) -> Array:
    """What mask, bias, causal, window and lengths leave: booleans that broadcast to (batch, heads, n, m)."""
    rows, columns = np.arange(n)[:, None], np.arange(m)
    lengths = np.asarray(problem.get("key_lengths", m)).reshape(-1, 1, 1, 1)
    offset = lengths - n if problem.get("align") == "bottom-right" else problem.get("query_offset", 0)
    left, right = problem.get("window", (-1, -1))
    may = columns < lengths
    if problem.get("causal"):
        may = may & (columns <= rows + offset)
    if left >= 0:
        may = may & (columns >= rows + offset - left)
    if right >= 0:
        may = may & (columns <= rows + offset + right)
    if "mask" in problem:
        may = may & problem["mask"]
    if "bias" in problem:
        may = may & (problem["bias"] > -np.inf)
    return may


def scale_of(problem: Problem, d_k: int) -> float:
    """The number that multiplies the raw scores."""
    if "scale" in problem:
        return float(problem["scale"])
    length = problem.get("length_scale", 1.0)
    return {"scaled": d_k**-0.5, "laplace": 1 / length, "gaussian": length**-2}.get(problem["variant"], 1.0)


def by_formula(problem: Problem) -> dict[str, Array]:
    """Every result in float64, all at once."""
    queries, keys, values = (array.astype(np.float64) for array in by_head(problem))
    share = queries.shape[1] // keys.shape[1]
    keys, values = np.repeat(keys, share, axis=1), np.repeat(values, share, axis=1)
    difference = queries[:, :, :, None] - keys[:, :, None]
    product = np.einsum("bhid,bhjd->bhij", queries, keys)
    lengths = np.einsum("bhi,bhj->bhij", np.sqrt((queries**2).sum(axis=-1)), np.sqrt((keys**2).sum(axis=-1)))
    raw = {
        "scaled": product,
        "dot": product,
        "laplace": -np.abs(difference).sum(axis=-1),
        "gaussian": -(difference**2).sum(axis=-1) / 2,
        "cosine": product / np.where(lengths > 0, lengths, 1),
        "additive": np.tanh(queries[:, :, :, None] + keys[:, :, None]).sum(axis=-1),
        "uniform": product * 0,
    }[problem["variant"]]
    scores = raw * scale_of(problem, queries.shape[-1])
    if "softcap" in problem:
        scores = problem["softcap"] * np.tanh(scores / problem["softcap"])
    if "bias" in problem:
        scores = scores + problem["bias"].astype(np.float64)
    may = np.broadcast_to(allowed(problem, *scores.shape[-2:]), scores.shape)
    scores = np.where(may, scores, -np.inf)
    largest = np.where(may.any(axis=-1), scores.max(axis=-1), 0)
    exponentials = np.exp(scores - largest[..., None])
    total = exponentials.sum(axis=-1)
    weights = exponentials / np.where(total > 0, total, 1)[..., None]
    with np.errstate(divide="ignore"):
        lse = np.log(total) + largest
    return {"raw_scores": raw, "scores": scores, "weights": weights, "output": weights @ values, "lse": lse}


def by_torch(problem: Problem) -> dict[str, Array] | None:
    """The output of torch in the problem's dtype; None where torch has no such thing."""
    if torch is None or "softcap" in problem:
        return None
    queries, keys, values = (torch.from_numpy(array.copy()) for array in by_head(problem))
    n, m, grouped = queries.shape[-2], keys.shape[-2], queries.shape[1] != keys.shape[1]
    masking = {"mask", "bias", "window", "key_lengths", "align", "query_offset"} & problem.keys()
    variant, scale = problem["variant"], scale_of(problem, queries.shape[-1])
    if problem.get("causal") and not masking:
        extra: dict[str, Any] = {"is_causal": True}
    else:
        may = torch.from_numpy(np.broadcast_to(allowed(problem, n, m), (*queries.shape[:2], n, m)).copy())
        extra = {"attn_mask": may}
        if "bias" in problem:
            bias = torch.from_numpy(problem["bias"].copy()).expand(may.shape)
            extra = {"attn_mask": bias.masked_fill(~may, -torch.inf)}
    if variant in ("scaled", "dot"):
        attention = torch.nn.functional.scaled_dot_product_attention
        return {"output": attention(queries, keys, values, scale=scale, enable_gqa=grouped, **extra).numpy()}
    queries, keys, values = queries.double(), keys.double(), values.double()
    share = queries.shape[1] // keys.shape[1]
    keys, values = keys.repeat_interleave(share, dim=1), values.repeat_interleave(share, dim=1)
    if variant == "laplace":
        raw = -torch.cdist(queries, keys, p=1)
    elif variant == "gaussian":
        raw = -(torch.cdist(queries, keys, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / 2
    elif variant == "cosine":
        raw = torch.nn.functional.cosine_similarity(queries[:, :, :, None], keys[:, :, None], dim=-1, eps=1e-300)
    elif variant == "additive":
        raw = torch.tanh(queries[:, :, :, None] + keys[:, :, None]).sum(dim=-1)
    else:
        raw = torch.zeros(*queries.shape[:3], m, dtype=torch.float64)
    scores = raw * scale
    if "is_causal" in extra:
        scores = scores.masked_fill(~torch.ones(n, m, dtype=torch.bool).tril(), -torch.inf)
    elif extra["attn_mask"].dtype == torch.bool:
        scores = scores.masked_fill(~extra["attn_mask"], -torch.inf)
    else:
        scores = scores + extra["attn_mask"].double()
    weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
    return {"raw_scores": raw.numpy(), "weights": weights.numpy(), "output": (weights @ values).numpy()}


def by_onnx(problem: Problem) -> dict[str, Array] | None:
    """The results of onnx.reference for the Attention operator; None where the operator has no such thing."""
    if onnx is None or problem["variant"] not in ("scaled", "dot"):
        return None
    dtype, heads = problem["queries"].dtype, problem.get("heads")
    queries, keys, _ = by_head(problem)
    n, m = queries.shape[-2], keys.shape[-2]
    has_lengths, places = "key_lengths" in problem, problem.get("causal") or "window" in problem
    if places and "query_offset" in problem:
        return None
    if places and (problem.get("align") == "bottom-right") != has_lengths and not (n == m and not has_lengths):
        return None  # the operator's corner is at the bottom right exactly where it is given lengths
    scale = scale_of(problem, queries.shape[-1])
    attributes: dict[str, Any] = {}
    if "scale" in problem or problem["variant"] == "dot":
        attributes["scale"] = scale
    if problem.get("causal"):
        attributes["is_causal"] = 1
    if "softcap" in problem:
        attributes["softcap"] = problem["softcap"]
    if heads is not None:
        attributes["q_num_heads"], attributes["kv_num_heads"] = heads
    opset = 24 if has_lengths else 23
    if "window" in problem:
        opset = 25
        attributes["left_window_size"], attributes["right_window_size"] = problem["window"]
    inputs = {"Q": problem["queries"], "K": problem["keys"], "V": problem["values"]}
    if "bias" in problem:
        mask = problem["bias"]
        inputs["attn_mask"] = np.where(problem["mask"], mask, dtype.type(-np.inf)) if "mask" in problem else mask
    elif "mask" in problem:
        inputs["attn_mask"] = problem["mask"]
    if has_lengths:
        inputs["nonpad_kv_seqlen"] = np.broadcast_to(problem["key_lengths"], queries.shape[:1]).astype(np.int64)
    results: dict[str, Array] = {}
    for mode, name in enumerate(("raw_scores", None, "scores", "weights")):
        if name is not None and not (name == "raw_scores" and "softcap" in problem):
            results["output"], results[name] = run_onnx(inputs, {**attributes, "qk_matmul_output_mode": mode}, opset)
    if "raw_scores" in results:
        results["raw_scores"] = results["raw_scores"] / scale
    return results


def run_onnx(inputs: dict[str, Array], attributes: dict[str, Any], opset: int) -> list[Array]:
    """[Y, qk_matmul_output] of one Attention node."""
    names = ["Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"]
    used = [name if name in inputs else "" for name in names]
    while not used[-1]:
        used.pop()
    node = onnx.helper.make_node("Attention", used, ["Y", "", "", "QK"], **attributes)
    graph = onnx.helper.make_graph(
        [node],
        "attention",
        [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in inputs.items()
        ],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in ("Y", "QK")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    return ReferenceEvaluator(model).run(None, inputs)  # type: ignore[no-any-return]


def by_jax(problem: Problem) -> dict[str, Array] | None:
    """The output of JAX's dot_product_attention; None where it has no such thing."""
    n, m = by_head(problem)[0].shape[-2], by_head(problem)[1].shape[-2]
    others = {"softcap", "query_offset"} & problem.keys() or (problem.get("align") == "bottom-right" and n != m)
    if (
        jax is None
        or others
        or problem["variant"] not in ("scaled", "dot")
        or problem["values"].shape != (problem["keys"].shape)
    ):
        return None
    if "key_lengths" in problem and problem.get("align") == "bottom-right":
        return None  # the corner stays where it is
    queries, keys, values = (array.swapaxes(1, 2) for array in by_head(problem))
    may = np.broadcast_to(allowed(problem, n, m), (*queries.shape[:1], queries.shape[2], n, m))
    given: dict[str, Any] = {"is_causal": bool(problem.get("causal")), "scale": scale_of(problem, queries.shape[-1])}
    if (window := problem.get("window", (-1, -1))) != (-1, -1):
        given["local_window_size"] = tuple(m + n if side == -1 else side for side in window)
    for name in ("mask", "bias"):
        if name in problem:
            given[name] = np.broadcast_to(problem[name], may.shape)
    if "key_lengths" in problem:
        given["key_value_seq_lengths"] = problem["key_lengths"].astype(np.int32)
    output = np.asarray(jax.nn.dot_product_attention(queries, keys, values, **given), np.float64).swapaxes(1, 2)
    return {"output": np.where(may.any(axis=-1)[..., None], output, 0)}  # JAX fills rows without a key


def by_keras(problem: Problem) -> dict[str, Array] | None:
    """The output and weights of Keras' MultiHeadAttention with projections that change nothing; None where it has no
    such thing."""
    if keras is None or problem["queries"].dtype != np.float32 or problem["variant"] != "scaled":
        return None
    if {"softcap", "bias", "scale"} & problem.keys():
        return None
    arrays = queries, keys, values = by_head(problem)
    heads, d = queries.shape[1], queries.shape[3]
    if keys.shape[1] != heads or values.shape != keys.shape:
        return None
    may = np.broadcast_to(allowed(problem, queries.shape[2], keys.shape[2]), (*queries.shape[:3], keys.shape[2]))
    packed = [array.swapaxes(1, 2).reshape(len(array), array.shape[2], -1) for array in arrays]
    layer = keras.layers.MultiHeadAttention(heads, d, use_bias=False)
    layer.build(packed[0].shape, packed[2].shape, packed[1].shape)
    eye = np.eye(heads * d, dtype=np.float32)
    layer.set_weights([eye.reshape(heads * d, heads, d)] * 3 + [eye.reshape(heads, d, heads * d)])
    output, weights = layer(packed[0], packed[2], key=packed[1], attention_mask=may, return_attention_scores=True)
    split = np.asarray(output, np.float64).reshape(len(queries), queries.shape[2], heads, d).swapaxes(1, 2)
    return {"output": split, "weights": np.asarray(weights)}


PEERS = {"formula": by_formula, "torch": by_torch, "onnx": by_onnx, "jax": by_jax, "keras": by_keras}


def packed_like(output: Array, problem: Problem) -> Array:
    """A peer's output (batch, heads, n, d) in the shape that attend gives it."""
    if "heads" not in problem or output.ndim == 3:
        return output
    turned = np.moveaxis(output, 1, 2)
    return turned.reshape(*turned.shape[:2], -1)


def differences(problem: Problem, result: Result, found: dict[str, Array], slack: float = 1.0) -> list[str]:
    """The results by name whose numbers are not those of the peer, with the largest difference."""
    said = []
    for name, right in found.items():
        computed = result.array(name).astype(np.float64)
        right = (packed_like(right, problem) if name == "output" else right).astype(np.float64)
        if computed.shape != right.shape:
            said.append(f"{name}: shape {computed.shape}, not {right.shape}")
            continue
        finite = np.isfinite(right)
        size = max(1.0, float(np.abs(right[finite]).max(initial=0)))
        tolerance = TOLERANCES[result.problem.dtype.name] * size * slack
        if not np.array_equal(computed[~finite], right[~finite], equal_nan=True):
            said.append(f"{name}: other infinities")
        elif finite.any() and (worst := float(np.abs(computed[finite] - right[finite]).max())) > tolerance:
            said.append(f"{name}: {worst:.3g} apart, beyond {tolerance:.3g}")
    return said


def slack_of(peer: str, dtype: str) -> float:
    """How many times our tolerance a peer may be off: one that computes in float16 itself is further off than we are,
    and JAX's softmax is in float32, whatever the dtype."""
    if peer == "jax" and dtype == "float64":
        return TOLERANCES["float32"] / TOLERANCES["float64"]
    return 6.0 if peer != "formula" and dtype == "float16" else 2.0


def examine(problem: Problem) -> tuple[Counter[str], list[str]]:
    """Which peers had an answer, and what differs from it."""
    counts: Counter[str] = Counter()
    said: list[str] = []
    results = {engine: attend(**problem, engine=engine) for engine in ENGINES}
    for result in results.values():
        _ = result.output  # alone: it is computed otherwise beside weights
    for peer, answer in PEERS.items():
        found = answer(problem)
        if found is None:
            continue
        counts[peer] += 1
        slack = slack_of(peer, problem["queries"].dtype.name)
        for engine, result in results.items():
            said += [f"{engine}, {peer}, {each}" for each in differences(problem, result, found, slack)]
    return counts, said


def examine_stages(problem: Problem) -> tuple[Counter[str], list[str]]:
    """Whether torch by hand had an answer to a problem with stages, and what differs from it."""
    found = stage_problems.by_torch_with_stages(problem)
    if found is None:
        return Counter(), []
    said: list[str] = []
    for engine in ENGINES:
        result = attend(**stage_problems.given_to_attend(problem), engine=engine)
        _ = result.output
        said += [f"{engine}, torch by hand, {each}" for each in differences(problem, result, found)]
    return Counter(["torch by hand"]), said


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first problem")
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--stages", action="store_true", help="problems with every stage, against torch by hand")
    given = parser.parse_args(arguments)
    make, judge = (random_problem, examine)
    if given.stages:
        make, judge = stage_problems.random_problem_with_stages, examine_stages
    warnings.filterwarnings("ignore", module="onnx")
    counts: Counter[str] = Counter()
    start = time.perf_counter()
    for number in range(given.first, given.first + given.problems):
        problem = make(np.random.default_rng([given.seed, number]))
        found, said = judge(problem)
        counts.update(found)
        if said:
            shown = {name: value if np.ndim(value) == 0 else np.shape(value) for name, value in problem.items()}
            print(f"problem {number} of seed {given.seed} differs: {shown}", *said, sep="\n  ")  # noqa: T201
            extra = " --stages" if given.stages else ""
            print(f"again: python -m tests.differential.soak --seed {given.seed} --first {number} --problems 1{extra}")  # noqa: T201
            return 1
    seconds = time.perf_counter() - start
    told = ", ".join(f"{peer} {count}" for peer, count in counts.items())
    print(f"{given.problems} problems of seed {given.seed} agree ({told}) in {seconds:.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
