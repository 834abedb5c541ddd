"""The slips of stages that were chosen otherwise, of projections and of inputs, in the table of `made_slips`."""

import numpy as np
from diagnosis.made import join, split
from diagnosis.made_slips import BARE, OUTPUT, simple, slip
from diagnosis.made_stages import without
from diagnosis.made_steps import NORMALIZERS, keep_largest, normed, rotated, softmax

# projections

OFFSETS = {"projected": "offsets"}
simple("no-projection-o", without("w_o"), OFFSETS, told=OUTPUT)


@slip("no-projection-qkvo", OFFSETS, told=OUTPUT)
def no_projection_qkvo(world):
    world.queries = world.keys = world.values = world.x
    world.w_o = None


@slip("no-projection-bias", OFFSETS, told=OUTPUT)
def no_projection_bias(world):
    shows = ("q", "qkvo") if "weights" in world.told else ("q", "v", "o", "qkvo")  # that of K is the same for all keys
    world.b = world.b | dict.fromkeys(str(world.random.choice(shows)))
    world.queries, world.keys, world.values = (world.projected(letter) for letter in "qkv")


@slip("projection-bias-twice", OFFSETS, told=OUTPUT)
def projection_bias_twice(world):
    world.b = world.b | {"o": 2 * world.b["o"]}


def layer_norm(rows):
    return (rows - rows.mean(axis=-1, keepdims=True)) / np.sqrt(rows.var(axis=-1, keepdims=True) + 1e-5)


@slip("layer-norm", {"like_queries": True}, OFFSETS, {"like_queries": True, "causal": True}, told=OUTPUT)
def normed_layer(world):
    if world.x is not None:
        world.x = world.context = layer_norm(world.x)
        world.queries, world.keys, world.values = (world.projected(letter) for letter in "qkv")
    else:
        added = world.queries if world.random.random() < 0.5 else 0
        world.finish.append(lambda output: layer_norm(output + added))


@slip("constant-added", *BARE, {"causal": True, "n": 6}, told=(("output",),))
def constant_added(world):
    world.constant = float(world.random.choice((0.3, -1.0, 0.25)))
    world.finish.append(lambda output: output + world.constant)


@slip("heads-added", {"heads": 2}, {"heads": 3, "causal": True, "n": 6})
def heads_added(world):
    def rescore(world, raw):
        scores = world.scores(raw, world.seen())
        return np.broadcast_to(scores.sum(axis=-3, keepdims=True), scores.shape)

    world.rescore = rescore


@slip("dropout-other", {"dropout": True}, {"dropout": True, "heads": 2})
def dropout_other(world):
    kept = world.drop > 0
    ways = {"undivided": kept * 1.0, "multiplied": kept * 0.75, "over p": kept / 0.25, "inverted": ~kept / 0.75}
    world.drop = ways[str(world.random.choice(list(ways)))]


@slip("other-context", {"projected": "context"})
def other_context(world):
    if "output" in world.told and world.random.random() < 0.5:
        world.context = world.x
    else:
        world.x = world.context
    world.queries, world.keys, world.values = (world.projected(letter) for letter in "qkv")


# normalizers and weights

simple("plain-softmax", without("normalizer", "softmax"), *({"normalizer": name} for name in NORMALIZERS))


@slip("other-normalizer", *BARE, {"normalizer": "sparsemax"}, {"mask": True})
def other_normalizer(world):
    others = [name for name in ("sparsemax", "entmax15", "sigmoid", "tanh") if name != world.normalizer]
    world.normalizer = str(world.random.choice(others))


simple("no-dropout", without("drop"), {"dropout": True}, {"dropout": True, "heads": 2})

TOP = ({"top_k": 2}, {"top_k": 3, "heads": 2}, {"top_k": 2, "causal": True, "n": 6})
simple("no-top-k", without("top_k"), *TOP)


@slip("top-k-other", *TOP)
def top_k_other(world):
    step = int(world.random.choice((-1, 1)))
    world.top_k += step if world.top_k + step < world.m else -1  # all keys are none that are chosen


@slip("top-k-after-softmax", *TOP)
def top_k_after_softmax(world):
    count = world.top_k

    def keep(scores):
        weights = softmax(scores)
        return np.where(np.isneginf(keep_largest(weights, count)), 0, weights)

    world.normalize = keep


@slip("log-softmax", *BARE, {"causal": True}, told=(("weights",),))
def log_softmax(world):
    def logarithms(weights):
        with np.errstate(divide="ignore"):
            return np.log(weights)

    world.after.append(logarithms)


@slip("weights-squared", *BARE, {"mask": True})
def weights_squared(world):
    world.after.append(np.square)


@slip("absolute-scores", *BARE, {"causal": True})
def absolute_scores(world):
    world.normalize = lambda scores: softmax(np.where(np.isneginf(scores), scores, np.abs(scores)))


@slip("softmax-of-output", *BARE, told=(("output",),))
def softmax_of_output(world):
    world.normalize = lambda scores: scores
    world.finish.append(softmax)


# norms, biases and softcaps


@slip("unasked-qk-norm", *BARE, {"causal": True})
def unasked_qk_norm(world):
    world.norm = str(world.random.choice(("l2", "rms")))


@slip("qk-norm-other", {"qk_norm": True}, {"qk_norm": True, "heads": 2})
def qk_norm_other(world):
    way = int(world.random.integers(3 if world.heads > 1 else 2))
    if way == 0:
        world.norm = {"l2": "rms", "rms": "l2"}[world.norm]
    elif way == 1:
        world.queries, world.keys = (a - a.mean(axis=-1, keepdims=True) for a in (world.queries, world.keys))
    else:
        world.queries, world.keys = (
            split(normed(join(rows), world.norm), world.heads) for rows in (world.queries, world.keys)
        )
        world.norm = None


simple("softcap-before-bias", without("cap_late", False), {"softcap": True, "bias": True, "cap_late": True})


@slip("bias-other", {"bias": True}, {"bias": True, "square": True}, {"bias": True, "heads": 2})
def bias_other(world):
    bias = world.bias
    ways = [-bias, 2 * bias, bias * world.scale, bias / world.scale, *([bias.mT] if world.n == world.m else [])]
    way = int(world.random.integers(len(ways) + 1))
    if way < len(ways):
        world.bias = ways[way]
    else:
        world.rescore = lambda w, raw: np.where(w.seen(), raw * w.scale * bias, -np.inf)


@slip("bias-of-first-head", {"bias": "heads", "heads": 3}, {"bias": "heads", "heads": 2, "packed": True})
def bias_of_first_head(world):
    world.bias = np.broadcast_to(world.bias[:1], world.bias.shape)


# positions

SLOPED = ({"alibi": True, "heads": 4}, {"alibi": True, "heads": 2, "corner": "bottom-right", "n": 6})


@slip("alibi-shifted", *SLOPED)
def alibi_shifted(world):
    places = [at for at in (0, world.m - world.n, world.offset + 1, world.offset - 1) if at != world.offset]
    at = int(world.random.choice(places))
    world.at = at
    world.distances = lambda: np.abs(world.i + at - world.j)


@slip("alibi-signed", *SLOPED)
def alibi_signed(world):
    world.distances = lambda: world.i + world.offset - world.j


def turned_at(world, name, factor=1.0):
    return rotated(getattr(world, name), world.pairs, world.base, world.offset * (name == "queries"), None, factor)


ROTATED = ({"rope": True}, {"rope": True, "heads": 2})


@slip("rope-twice", *ROTATED)
def rope_twice(world):
    for name in (("queries",), ("keys",), ("queries", "keys"))[int(world.random.integers(3))]:
        setattr(world, name, turned_at(world, name))


@slip("rope-unsigned", *ROTATED)
def rope_unsigned(world):
    d = world.queries.shape[-1]
    first = np.arange(d) < d // 2 if world.pairs == "half" else np.arange(d) % 2 == 0
    for name in ("queries", "keys"):
        setattr(world, name, np.where(first, turned_at(world, name, -1.0), turned_at(world, name)))
    world.pairs = None


simple(
    "heads-interleaved", without("is_tiled", False), {"heads": 4, "key_heads": 2, "system": "x-transformers"},
    {"heads": 6, "key_heads": 3, "system": "x-transformers"},
)  # fmt: skip

# inputs


@slip("entry-misread", {}, {"variant": "dot"}, told=(("output",), ("weights", "output"), ("weights",)))
def entry_misread(world):
    names = ("queries", "keys") if "weights" in world.told else ("queries", "keys", "values")
    name = str(world.random.choice(names))
    array = np.array(getattr(world, name))
    row, column = (int(world.random.integers(size)) for size in array.shape)
    own = array[row, column]
    world.misread = name, row, column, own, float(world.random.choice((-own, 0, own + 1, own - 1, 10 * own, own / 10)))
    array[row, column] = world.misread[-1]
    setattr(world, name, array)


PAGED = ({"m": 8}, {"m": 12, "n": 5}, {"m": 12, "heads": 2})


@slip("pages-misread", *PAGED, told=OUTPUT)
def pages_misread(world):
    """Pages of 4 rows: one in the place of another, two exchanged, all one page late, or one empty."""
    one, two = (list(range(4 * page, 4 * page + 4)) for page in world.random.choice(world.m // 4, 2, replace=False))
    order = np.arange(world.m)
    ways = (0, 3) if "weights" in world.told else (0, 1, 2, 3)  # weights in another order are a slip of their own
    way = int(world.random.choice(ways))
    if way < 2:
        order[one] = two
    if way == 1:
        order[two] = one
    if way == 2:
        order = np.roll(order, 4)
    is_sum_alone = "weights" in world.told or way == 3  # values of 0 are keys that the sum leaves out
    sides = (("keys", "values"), ("keys",), *(() if is_sum_alone else (("values",),)))
    for name in sides[int(world.random.integers(len(sides)))]:
        rows = getattr(world, name)[..., order, :]
        if way == 3:
            rows[..., one, :] = 0
        setattr(world, name, rows)
    ends = one[0], one[-1], two[0], two[-1]
    world.paged = (ends, sorted(ends), (4,), ends[:2])[way]
