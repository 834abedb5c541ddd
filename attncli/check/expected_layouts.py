"""How expected arrays of other shapes are laid over the results: heads packed or not, axes joined or left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from attncli.matrix import Array
from attncli.problem.heads import pack_heads, swap_heads, unpack_heads

if TYPE_CHECKING:
    from attncli.problem.problem import Problem

Layout = Callable[[Array], Array]


def find_layout(name: str, shape: tuple[int, ...], problem: Problem) -> Layout:
    """Return the function that lays an expected array of this shape over the result, with the heads first.

    It may have the result's shape, or be:
    - the output of heads that were not packed, (…, H, n, d_v) or (…, n, H, d_v), packed here
    - the output of heads that were packed, (…, n, H·d_v), or of all tokens, (batch·n, H·d_v), unpacked here
    - the result with its first axes joined: (batch·heads, n, m), or the rows of all entries, or a flat list
    - the expected number of cells in one row
    - an output of one column or an lse, with or without axes of length 1, as the row or column of a text table
    - the result's axes without some of length 1, such as that of one query, or with more of them

    Any other array is left as it is.
    """
    lay = _layout_as_given(name, shape, problem)
    if name not in problem.heads_last:
        return lay

    def lay_by_head(array: Array) -> Array:
        over = lay(array)
        return swap_heads(over) if over.ndim > 2 else over

    return lay_by_head


def _layout_as_given(name: str, shape: tuple[int, ...], problem: Problem) -> Layout:
    """Return the function that gives an expected array the axes of the result, in the layout of the problem."""
    right = problem.shapes()[name]

    def lay_out(array: Array) -> Array:
        return array.reshape(right)

    joined = {(math.prod(right[:count]), *right[count:]): lay_out for count in range(2, len(right) + 1)}
    known = {(1, math.prod(right)): lay_out} | joined | _layouts_of_heads(name, problem, lay_out)
    if shape in known:
        return known[shape]
    longer, longer_right = ([size for size in each if size > 1] for each in (shape, right))
    is_column = name == "lse" or (name == "output" and right[-1] == 1)
    is_turned = len(shape) == len(right) and not is_column  # a row where a column is expected
    return lay_out if longer == longer_right and not is_turned else lambda array: array


def _layouts_of_heads(name: str, problem: Problem, lay_out: Layout) -> dict[tuple[int, ...], Layout]:
    """Return the layouts of an output by shape whose heads are packed where those of the result are not, or the other
    way round."""
    lead, n, d_v = problem.lead, problem.n, problem.d_v
    if name != "output" or d_v is None or not lead or problem.output_projection is not None:
        return {}
    *entries, heads = lead
    if problem.packed:
        return {(*entries, n, heads, d_v): lay_out, (*lead, n, d_v): pack_heads}
    joined = (*entries, n, heads * d_v)

    def unpack(array: Array) -> Array:
        return unpack_heads(array.reshape(joined), heads)

    lay = lay_out if name in problem.heads_last else unpack
    return {joined: lay, (math.prod(joined[:-1]), joined[-1]): lay}
