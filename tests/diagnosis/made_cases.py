"""A problem as it is stated, with the right numbers and those of a slip, or of two."""

import zlib

import numpy as np
from diagnosis import (  # noqa: F401 – their slips join the table
    made_backward_steps,
    made_borders,
    made_choices,
    made_hand_steps,
    made_kernels,
    made_stages,
)
from diagnosis.made import World, join
from diagnosis.made_slips import SLIPS
from diagnosis.made_steps import HALF, SCORES, narrow


def make(names, seed, dtype=None, least=1e-8):
    """The problem as it is stated, the right and the wrong numbers by matrix name, and how many decimals weights are
    printed with; None where two slips contradict each other, or one of them hardly changes the numbers of the other."""
    try:
        worlds = make_worlds(names, seed, dtype)
        if worlds is None:
            return None
        right, both, *alone = worlds
        made = answered(names.split("+"), right, both, dtype)
        others = [answered(names.split("+"), right, one, dtype)[2] for one in alone]
        return None if any(are_alike(made[2], other, least, dtype) for other in others) else made
    except (ValueError, IndexError):
        if "+" in names:  # what one makes of the shapes is no problem for the other
            return None
        raise


def are_alike(one, other, least, dtype):
    """Whether no number differs by more than `least`, of a dump by that part of the largest number."""
    largest = {name: 1 if dtype is None else np.nanmax(np.abs(array), initial=0) for name, array in one.items()}
    return all(np.allclose(one[name], other[name], 0, least * largest[name], equal_nan=True) for name in one)


def make_worlds(names, seed, dtype):
    """The problem answered the right way, with the slips, and with each of two; None where their wishes contradict
    each other."""
    plan = make_plan(names, seed, dtype)
    if plan is None:
        return None
    names = names.split("+")
    is_alone = len(names) == 1
    own = [(name, 2 + place) for place, name in enumerate(names)]  # the same choices alone and together
    ways = ((), own, *([each] for each in own if not is_alone))
    return [build(plan, dtype, made, is_alone) for made in ways]


def make_plan(names, seed, dtype):
    """The seeds of a problem, what it has to look like, and what is expected of it; None where the wishes of the slips
    contradict each other."""
    seeds = [zlib.crc32(f"{names} {dtype}".encode()), seed]
    names = names.split("+")
    random = np.random.default_rng(seeds)
    chosen = [SLIPS[name] for name in names]
    wishes = {}
    for own, _, _ in chosen:
        for name, value in own[int(random.integers(len(own)))].items():
            if wishes.setdefault(name, value) != value:
                return None
    choices = [told for _, _, told in chosen]
    graded = [told for told in choices if told[0][0].startswith("d_")]
    first, *others = graded or choices  # a mistake of the forward pass shows in the gradients too
    told = [choice for choice in first if all(choice in other for other in others)]
    if not told:
        return None
    if dtype is not None and "rounded-weights" in names:
        told = [("output",)]  # a dump of weights holds them in full
    return seeds, wishes, told[int(random.integers(len(told)))]


def build(plan, dtype, made, is_alone, slips=SLIPS):
    """The world of a plan, with slips made in turn: pairs of a name and the number of the stream of its choices."""
    seeds, wishes, only = plan
    random = np.random.default_rng([*seeds, 1])
    world = World(random, dtype, **wishes, only=only)
    if any(name.startswith("d_") for name in only):
        world.d_output = world.draw(*world.lead, world.n, world.d_v)
        world.stated["d_output"] = join(world.d_output) if world.packed else world.d_output
    world.told, world.print_weights, world.is_alone = only, None, is_alone
    for name, stream in made:
        world.random = np.random.default_rng([*seeds, stream])
        slips[name][1](world)
    return world


def as_system(empty, corner):
    """The slip of a system, of whose conventions some are taken."""

    def change(world):
        wants = dict(zip(("scale", "heads", "empty", "corner"), world.random.random(4) < 0.5, strict=True))
        if wants["scale"]:
            world.similarity, world.scored, world.scale = SCORES["scaled"], "scaled", world.d**-0.5
        if wants["heads"]:
            world.is_tiled = False
        if wants["empty"]:
            world.empty_row = empty / world.m
        if wants["corner"]:
            world.offset = corner * (world.m - world.n)

    return (), change, ()


# the row of a query without a key (0 or uniform) and the corner (0: the upper left), as these systems have them
SYSTEM_SLIPS = {
    f"as-{name}": as_system(empty, corner)
    for name, empty, corner in (("torch", 0, 0), ("onnx", 0, 0), ("jax", 1, 0), ("keras", 1, 0), ("flash-attn", 0, 1))
}


def remake(names, seed, dtype, others, stream):
    """The wrong numbers of the problem of `make(names, seed, dtype)` with other slips, made in turn; None where these
    can't be made there."""
    plan = make_plan(names, seed, dtype)
    try:
        made = [(name, stream + place) for place, name in enumerate(others)]
        world = build(plan, dtype, made, is_alone=len(others) == 1, slips=SLIPS | SYSTEM_SLIPS)
        averaged = [name for name in names.split("+") if name == "averaged-weights"]
        return answered([*others, *averaged], build(plan, dtype, (), is_alone=True), world, dtype)[2]
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):  # a stage or a matrix that it has not
        return None


def answered(names, one, two, dtype):
    random = one.random
    half = str(random.choice(tuple(HALF))) if "lower-precision" in names else None
    right, wrong = one.answer(dtype), two.answer(half or dtype)
    if half:
        wrong = {name: narrow(array, half) for name, array in wrong.items()}
    if "averaged-weights" in names:
        right, wrong = ({**each, "weights": each["weights"].mean(axis=-3)} for each in (right, wrong))
    found = {name: narrow(wrong[name], dtype) for name in one.told}
    return one.stated, {name: right[name] for name in one.told}, found, two.print_weights
