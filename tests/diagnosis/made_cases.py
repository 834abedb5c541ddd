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
from diagnosis.made_steps import HALF, narrow


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
    only = told[int(random.integers(len(told)))]
    worlds = []
    for made in ((), chosen, *([each] for each in chosen if len(chosen) > 1)):
        random = np.random.default_rng([*seeds, 1])
        world = World(random, dtype, **wishes, only=only)
        if any(name.startswith("d_") for name in only):
            world.d_output = world.draw(*world.lead, world.n, world.d_v)
            world.stated["d_output"] = join(world.d_output) if world.packed else world.d_output
        world.told, world.print_weights, world.is_alone = only, None, len(chosen) == 1
        for own in made:
            world.random = np.random.default_rng([*seeds, 2 + chosen.index(own)])  # the same choices alone and together
            own[1](world)
        worlds.append(world)
    return worlds


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
