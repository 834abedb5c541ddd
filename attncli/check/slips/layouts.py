"""Axes in another order: a view of the memory instead of a transpose."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need_values, transposed_output
from attncli.check.slips.slip import Slip
from attncli.problem.heads import pack_heads
from attncli.problem.problem import Problem, Visible
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array

MATRICES = ("queries", "keys", "values")


# heads that were not split


def _one_head(request: Request, scale: str | None) -> Request:
    return replace(request, heads=None, scale=request.scale if scale is None else scale)


def _not_split(case: Case) -> list[Route]:
    """Return the routes with one head of all columns, with its own scale or a head's, or with each head a block of rows
    of a view."""
    if not case.problem.packed or case.heads < 2:
        return []
    own = repr(case.problem.scale)
    one = f"the {case.width} columns were taken as one head: {case.heads} heads of {case.d_k} columns are expected"
    routes = [Route(requests=(partial(_one_head, scale=scale),), said=one) for scale in (None, own)]
    viewed = (
        f"the columns were split into {case.heads} heads by a view, (n, H·d) as (H, n, d), which mixes the rows: "
        "head h is the columns h·d to (h + 1)·d of every row"
    )
    split = partial(_viewed, names=MATRICES)
    routes += [
        Route(problems=(split,), join=join, is_whole=join is not None, said=viewed) for join in (None, _view_joined)
    ]
    mixed = (
        f"the columns were split as (d, H), column c of a row into head c mod {case.heads}: head h is the columns h·d "
        "to (h + 1)·d of every row"
    )
    split = partial(_turn_all, turn=_split_by_column)
    routes += [Route(problems=(split,), join=join, said=mixed) for join in (None, _join_by_column)]
    return routes


def _split_by_column(array: Array) -> Array:
    """Read rows (…, H·d), given as (…, H, n, d), as (…, d, H)."""
    heads, _, d = array.shape[-3:]
    rows = np.moveaxis(array, -3, -2)
    taken = np.ascontiguousarray(rows).reshape(*rows.shape[:-2], d, heads)
    return np.moveaxis(taken, -1, -3)


def _join_by_column(output: Array) -> Array:
    """Put heads (…, H, n, d) into rows of (d, H)."""
    rows = np.moveaxis(output, -3, -1)
    return np.ascontiguousarray(rows).reshape(*rows.shape[:-2], -1)


def _viewed(problem: Problem, names: tuple[str, ...]) -> Problem:
    """Read memory (…, n, H, d) as (…, H, n, d)."""
    return _turn_all(problem, _as_view, names)


def _turn_all(problem: Problem, turn: Callable[[Array], Array], names: tuple[str, ...] = MATRICES) -> Problem:
    """Return the problem with these matrices, if it has them, in another layout."""
    given = {name: getattr(problem, name) for name in names}
    turned = {name: turn(array) for name, array in given.items() if array is not None}
    return replace(problem, **turned)  # type: ignore[arg-type]


def _swap(array: Array) -> Array:
    return np.swapaxes(array, -2, -3)


def _as_view(array: Array) -> Array:
    """Read memory (…, n, H, d) as (…, H, n, d)."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -2)).reshape(array.shape)


def _as_view_back(array: Array) -> Array:
    """Read memory (…, H, n, d) as (…, n, H, d), and return it by head again."""
    heads, n, d = array.shape[-3:]
    return np.moveaxis(np.ascontiguousarray(array).reshape(*array.shape[:-3], n, heads, d), -2, -3)


def _view_joined(output: Array) -> Array:
    """Read (…, H, n, d) as (…, n, H·d)."""
    heads, n, d = output.shape[-3:]
    return np.ascontiguousarray(output).reshape(*output.shape[:-3], n, heads * d)


def _not_joined(case: Case) -> list[Route]:
    if not case.problem.packed or case.heads < 2 or "output" not in case.wrong:
        return []
    return [Route(join=_view_joined, is_whole=True)]


def _turned_output(case: Case) -> list[Route]:
    """Return the routes with two axes of the output exchanged, by a transpose or by a view."""
    if "output" not in case.wrong or case.problem.is_joined or case.heads < 2 or case.problem.lead[-1] != case.heads:
        return transposed_output(case)
    said = "the output, in memory (…, heads, n, d), was read as (…, n, heads, d), which mixes heads and positions"
    return [*transposed_output(case), Route(present=_view_output, said=said)]


def _view_output(name: str, array: Array) -> Array:
    return _as_view_back(array) if name == "output" else array


# the other layout


def _other_layout(problem: Problem, masked: bool) -> Problem:
    """Take (…, heads, n, d) as (…, n, heads, d): the heads of each position attend to each other."""
    visible = replace(problem.visible, lengths=None) if masked else Visible()
    lead = (*problem.lead[:-1], problem.n)
    return replace(_turn_all(problem, _swap), lead=lead, mask=None, bias=None, visible=visible)


def _swap_output(name: str, array: Array) -> Array:
    return np.swapaxes(array, -2, -3) if name == "output" else array


def _swap_joined(output: Array) -> Array:
    """Return (…, n, H, d) side by side: (…, n, H·d)."""
    return output.reshape(*output.shape[:-2], -1)


def _layouts(case: Case) -> list[Route]:
    problem = case.problem
    if not problem.lead or problem.values is None:
        return []
    places = f"the {case.n} positions and the {case.heads} heads changed places"
    told = f"{places}, so that the heads of a position attend to each other"
    if problem.key_heads is not None or case.n != case.m:  # heads that share a key head, if it is read otherwise
        if problem.is_joined:
            return []
        last = partial(replace, layout="heads-last")
        first = partial(replace, heads_last=())  # of the results, as everywhere in a search
        return [Route(requests=(last,), problems=(first,), present=_swap_output, said=f"{told}{_cure(case)}")]
    routes = []
    for masked in (True, False) if not problem.visible.is_everything else (False,):
        change = partial(_other_layout, masked=masked)
        if problem.packed:
            routes.append(Route(problems=(change,), join=_swap_joined, is_whole=True, said=told))
        else:
            routes.append(Route(problems=(change,), present=_swap_output, said=f"{told}{_cure(case)}"))
            routes.append(Route(problems=(change,), present=_seen_as(case), said=f"{told}, and the output was left so"))
    return routes


def _read_one(case: Case) -> list[Route]:
    """Return the routes with the memory of Q or K alone, or of K and V, read in another layout."""
    problem = case.problem
    if problem.packed or not problem.lead:
        return []
    orders = {("n, heads", "heads, n"): _as_view, ("heads, n", "n, heads"): _as_view_back}
    ways: dict[str, tuple[str, ...]] = {"Q, in memory {}, was": ("queries",), "K, in memory {}, was": ("keys",)}
    if problem.values is not None:
        ways["K and V, in memory {}, were"] = ("keys", "values")
    whole = MATRICES if problem.values is not None else MATRICES[:2]
    ways[f"{'Q, K and V' if whole is MATRICES else 'Q and K'}, in memory {{}}, were"] = whole
    return [
        Route(
            problems=(partial(_turn_all, turn=turn, names=names),),
            present=present,
            is_whole=True,
            said=f"{words.format(f'(…, {own}, d)')} read as (…, {taken}, d), which mixes heads and positions",
        )
        for words, names in ways.items()
        if all(getattr(problem, name).ndim > 2 and getattr(problem, name).shape[-3] > 1 for name in names)
        for (own, taken), turn in orders.items()
        for present in ((None, _view_output) if names is MATRICES and turn is _as_view else (None,))
    ]


def _batches(case: Case) -> list[Route]:
    """Return the route in which the entries of the batch attend to each other at each position, as where a batch that
    comes first is taken for the positions."""
    problem = case.problem
    if len(problem.lead) < 2 or case.n != case.m or problem.values is None or problem.lead[0] < 2:
        return []
    if any(array.shape[0] != problem.lead[0] for array in (problem.queries, problem.keys, problem.values)):
        return []
    said = (
        f"the {case.n} positions and the {problem.lead[0]} entries of the batch changed places, so that the entries of "
        "a position attend to each other"
    )
    back = _pack_swapped if problem.packed else None
    present = None if problem.packed else _swap_entries
    return [Route(problems=(_other_batch,), join=back, present=present, is_whole=True, said=said)]


def _other_batch(problem: Problem) -> Problem:
    lead = (problem.n, *problem.lead[1:])
    turned = _turn_all(problem, lambda array: np.swapaxes(array, 0, -2))
    return replace(turned, lead=lead, mask=None, bias=None, visible=Visible(), segments=None)


def _pack_swapped(output: Array) -> Array:
    """Put heads (n, …, H, entries, d) side by side, with the entries first."""
    return pack_heads(np.swapaxes(output, 0, -2))


def _swap_entries(name: str, array: Array) -> Array:
    return np.swapaxes(array, 0, -2) if name == "output" else array


def _cure(case: Case) -> str:
    """Return the option that reads the arrays in another layout, or "" if an output is expected, whose layout is then
    known."""
    if "output" not in case.judges:
        return ""
    other = "heads-first" if case.judges["output"].heads_last else "heads-last"
    return f"; if your arrays are laid out so, --layout {other} reads them"


def _seen_as(case: Case) -> Callable[[str, Array], Array]:
    shape = case.problem.shapes()["output"]

    def present(name: str, array: Array) -> Array:
        return array.reshape(shape) if name == "output" else array

    return present


# memory read by other strides


def _strided(problem: Problem, back: bool, names: tuple[str, ...]) -> Problem:
    return _turn_all(problem, _as_view_back if back else _as_view, names)


def _strided_values(case: Case) -> list[Route]:
    if case.heads < 2 or case.problem.values is None or case.problem.key_heads is not None:
        return []
    ways = (
        (False, "V's memory, (positions, heads, d_v), was read as (heads, positions, d_v)"),
        (True, "V's memory, (heads, positions, d_v), was read as (positions, heads, d_v)"),
    )
    return [Route(problems=(partial(_strided, back=back, names=("values",)),), said=said) for back, said in ways]


def _reshaped_values(case: Case) -> list[Route]:
    """Return the routes with the memory of V, or of its transpose, read as that of the other."""
    if case.problem.values is None or case.m == 1 or case.problem.d_v == 1:
        return []
    m, d_v = case.m, case.problem.d_v
    ways = {
        f"V, {m} × {d_v}, was reshaped to {d_v} × {m}, which keeps the order in memory, for its transpose": True,
        f"V, in memory by columns, {d_v} × {m}, was read by rows, as {m} × {d_v}": False,
    }
    return [
        Route(problems=(partial(_reshape_values, turned=turned),), said=f"{said}: row j of V is that of key j")
        for said, turned in ways.items()
    ]


def _reshape_values(problem: Problem, *, turned: bool) -> Problem:
    values = np.asarray(need_values(problem))
    rows, columns = values.shape[-2:]
    if turned:
        found = np.ascontiguousarray(values).reshape(*values.shape[:-2], columns, rows).mT
    else:
        found = np.ascontiguousarray(values.mT).reshape(values.shape)
    return replace(problem, values=found)


def _reshaped_keys(problem: Problem) -> Problem:
    """Read the memory of K (…, m, d_k) as (…, d_k, m), for its transpose."""
    keys = np.ascontiguousarray(problem.keys)
    return replace(problem, keys=keys.reshape(*keys.shape[:-2], keys.shape[-1], keys.shape[-2]).mT)


READ = (  # as the columns are stored, and as they were read
    ("(3, H, d)", "(H, 3, d)"),
    ("(H, 3, d)", "(3, H, d)"),
    ("(3, H, d)", "(H, d, 3)"),
    ("(H, d, 3)", "(3, H, d)"),
)
ORDERS = {  # of the columns of a fused projection, from those of three matrices side by side
    "(3, H, d)": (0, 1, 2),
    "(H, 3, d)": (1, 0, 2),
    "(H, d, 3)": (1, 2, 0),
}


def _interleaved(problem: Problem, stored: str, read: str) -> Problem:
    """Return Q, K and V as one matrix whose columns are stored in one order and read in another."""
    heads = problem.heads
    matrices = [getattr(problem, name) for name in MATRICES]
    if not problem.lead:
        matrices = [matrix[None] for matrix in matrices]
    fused = np.stack([np.moveaxis(matrix, -3, -2) for matrix in matrices], axis=-3)  # (…, n, 3, H, d)
    d = fused.shape[-1]
    before = fused.shape[:-3]
    columns = np.ascontiguousarray(_ordered(fused, ORDERS[stored])).reshape(*before, -1)
    sizes = (3, heads, d)
    taken = columns.reshape(*before, *(sizes[axis] for axis in ORDERS[read]))
    back = tuple(int(place) for place in np.argsort(ORDERS[read]))
    seen = _ordered(taken, back)  # (…, n, 3, H, d)
    parts = [np.moveaxis(seen[..., index, :, :], -2, -3) for index in range(3)]
    if not problem.lead:
        parts = [part[0] for part in parts]
    return replace(problem, **dict(zip(MATRICES, parts, strict=True)))  # type: ignore[arg-type]


def _ordered(array: Array, order: tuple[int, ...]) -> Array:
    """Return the last three axes in another order."""
    first = array.ndim - 3
    return array.transpose(*range(first), *(first + axis for axis in order))


def _fused(case: Case) -> list[Route]:
    problem = case.problem
    same = problem.values is not None and problem.values.shape == problem.keys.shape == problem.queries.shape
    if not same or problem.key_heads is not None:
        return []
    sizes = f"(H = {case.heads}, d = {case.d_k})"
    return [
        Route(
            problems=(partial(_interleaved, stored=stored, read=read),),
            said=f"the columns of the fused Q, K and V, stored as {stored}, were read as {read} {sizes}",
        )
        for stored, read in READ
        if case.heads > 1 or "(H, d, 3)" in (stored, read)
    ]


LAYOUT_SLIPS = (
    Slip("heads-not-split", "heads", _not_split, "the heads were not split"),
    Slip(
        "heads-not-joined",
        "result",
        _not_joined,
        lambda case: (
            f"the {case.heads} heads' outputs were put into one matrix by a view, (H, n, d) as (n, H·d): "
            "each query's row has its heads side by side"
        ),
    ),
    Slip("other-layout", "heads", _layouts, "heads and positions changed places"),
    Slip(
        "other-layout",
        "heads",
        _batches,
        "entries and positions changed places",
        paired=False,
    ),
    Slip(
        "output-transposed",
        "result",
        _turned_output,
        lambda case: f"your output is the right one with two axes exchanged: the right shape is {case.output_shape}",
    ),
    Slip(
        "other-layout",
        "heads",
        _read_one,
        "Q or K was read in another layout",
        paired=False,
    ),
    Slip("values-strided", "heads", _strided_values, "V was read by other strides"),
    Slip("values-strided", "values", _reshaped_values, "V was read by other strides", paired=False),
    Slip(
        "keys-reshaped",
        "keys",
        lambda _case: [Route(problems=(_reshaped_keys,))],
        lambda case: (
            f"K, {case.m} × {case.d_k}, was reshaped to {case.d_k} × {case.m}, which keeps the order in memory: its "
            "transpose is expected"
        ),
    ),
    Slip("qkv-interleaved", "heads", _fused, "Q, K and V were read in another order"),
)
