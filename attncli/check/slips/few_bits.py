"""Matrices that were kept in few bits: float8, or whole numbers with a scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.matrix import Array
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.problem.problem import Problem

NEAR = 0.35  # mean error, relative to the mean of the right numbers, that few bits may make
FLOATS = {"float8 e4m3": (3, -6, 448.0), "float8 e5m2": (2, -14, 57344.0)}  # bits after the first, exponent, largest
WHOLE = {"int8": 127.0, "int4": 7.0}  # largest numbers
SIDES = {"K and V": ("keys", "values"), "Q, K and V": ("queries", "keys", "values"), "K": ("keys",), "V": ("values",)}
AXES: dict[str, tuple[int, ...] | None] = {
    "one scale for all": None,
    "a scale for each head": (-2, -1),
    "a scale for each row": (-1,),
    "a scale for each column": (-2,),
}

Keep = Callable[[Array], Array]


def as_float(array: Array, bits: int, least: int, largest: float) -> Array:
    """Return the nearest numbers with so many bits after the first one."""
    _, exponent = np.frexp(array)
    unit = np.exp2(np.maximum(exponent - 1, least) - bits)
    found: Array = np.clip(np.round(array / unit) * unit, -largest, largest)
    return found


@np.errstate(all="ignore")
def _scaled(array: Array, axes: tuple[int, ...] | None, largest: float, keep: Keep) -> Array:
    """Return numbers kept after a scale that takes the largest of them to the largest that can be kept."""
    scale = np.abs(array).max(axis=axes, keepdims=True) / largest
    return np.where(scale > 0, keep(array / scale) * scale, array)


def _ways() -> dict[str, Keep]:
    """Return the ways to keep a matrix in few bits, by words."""
    ways: dict[str, Keep] = {}
    for name, (bits, least, largest) in FLOATS.items():
        own = partial(as_float, bits=bits, least=least, largest=largest)
        ways[name] = own
        for words in ("one scale for all", "a scale for each head"):
            ways[f"{name} with {words}"] = partial(_scaled, axes=AXES[words], largest=largest, keep=own)
    for name, largest in WHOLE.items():
        for words, axes in AXES.items():
            ways[f"{name} with {words}"] = partial(_scaled, axes=axes, largest=largest, keep=np.round)
    for words, axes in AXES.items():
        own = partial(_scaled, axes=axes, largest=WHOLE["int8"], keep=np.trunc)
        ways[f"cut to int8 with {words}"] = own
    return ways


def _weights_kept() -> list[Route]:
    """Return the routes with weights in few bits, as they meet V."""
    ways: dict[str, Keep] = {name: partial(as_float, bits=b, least=e, largest=m) for name, (b, e, m) in FLOATS.items()}
    ways["int8, in steps of 1/127"] = lambda weights: np.round(weights * 127) / 127
    ways["int8, in steps of 1/255"] = lambda weights: np.round(weights * 255) / 255
    said = "the weights were rounded to {}, before they were multiplied by V: full numbers are expected"
    return [Route(weigh=keep, said=said.format(words)) for words, keep in ways.items()]


def _change(problem: Problem, names: tuple[str, ...], keep: Keep) -> Problem:
    return replace(problem, **{name: keep(np.asarray(getattr(problem, name), np.float64)) for name in names})  # type: ignore[arg-type]


def _kept(case: Case) -> list[Route]:
    """Return the routes with matrices in few bits, and with the weights too, if the numbers are near the right ones."""
    if not is_near(case) or case.problem.values is None:
        return []
    routes = [
        Route(
            problems=(partial(_change, names=names, keep=keep),),
            said=(
                f"{letters} {'was' if len(names) == 1 else 'were'} "
                f"{words if words.startswith('cut') else f'rounded to {words}'}: full numbers are expected"
            ),
        )
        for words, keep in _ways().items()
        for letters, names in SIDES.items()
    ]
    first = partial(as_float, bits=3, least=-6, largest=448.0)
    said = "Q, K, V and the weights were rounded to float8 e4m3: full numbers are expected"
    names = SIDES["Q, K and V"]
    routes.append(Route(problems=(partial(_change, names=names, keep=first),), weigh=first, said=said))
    return routes + (_weights_kept() if "output" in case.wrong else [])


@np.errstate(all="ignore")
def is_near(case: Case) -> bool:
    """Return whether the wrong numbers are the right ones but for an error that few bits may make."""
    for name in case.wrong:
        expected, right = case.judges[name].expected, case.right.numbers[name]
        if expected.shape != right.shape:
            return False
        off = size = 0.0
        for where in block_indices(right.shape):
            off += float(np.nansum(np.abs(expected[where] - right[where])))
            size += float(np.nansum(np.abs(right[where])))
        if not off <= NEAR * size < np.inf:
            return False
    return True


FEW_BITS_SLIPS = (
    Slip(
        "few-bits",
        "values",
        _kept,
        "few bits were kept",
        paired=False,
        passes_easily=True,
    ),
)
