"""The gradients of a loss with respect to everything that the output depends on, from the gradient at the output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.backward import compute_gradients
from attncli.engine.compute import compute
from attncli.engine.overflow import narrow_result
from attncli.errors import NumericError, ProblemError, UsageError, suggest
from attncli.problem.heads import pack_heads, swap_heads, unpack_heads
from attncli.problem.origins import Projection, sum_to
from attncli.products import multiply_by_blocks

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

CORE = ("d_values", "d_weights", "d_scores", "d_bias", "d_queries", "d_keys")
TOGETHER = ("d_values", "d_queries", "d_keys")  # one pass gives all three for little more than the cost of one


def refuse_infinite_gradient(problem: Problem, name: str, gradient: Array, computed: np.dtype | None = None) -> None:
    """Raise NumericError if a gradient, computed in this dtype, is not finite while the problem is."""
    if problem.is_finite and not np.isfinite(gradient).all():
        dtype = gradient.dtype if computed is None else computed
        hint = "--dtype float64" if dtype == np.float32 else "divide d_output by a power of ten"
        raise NumericError(name, f"a gradient overflows {dtype.name}", hint)


class _Gradient:
    """An array that is computed at its first use."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc
        self.name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    def __get__(self, gradients: Gradients, _owner: type) -> Array:
        return gradients.array(self.name)


class Gradients:
    """d_queries, d_keys, d_values … for one d_output, each computed once, at its first use.

    They have the shapes of the inputs: axes that broadcasting gave an input are summed over, and so are query heads
    that share a key head. Raises UsageError for gradients that the problem does not have (d_bias without a bias).
    `weights` (*lead, n, m) and `row_sums` (*lead, n), if given, take the place of the problem's own weights and of
    Σ P ∘ dP, as those of a mistaken computation do. With `part`, numbers that other parts (heads, entries) have a share
    in are NaN.
    """

    d_values = _Gradient("(…, m, d_v): weightsᵀ · dO")
    d_weights = _Gradient("(…, n, m): dO · valuesᵀ")
    d_scores = _Gradient("(…, n, m): P ∘ (dP − Σ P ∘ dP), 0 where masked")
    d_queries = _Gradient("(…, n, d_k): scale · dS · keys for a dot product")
    d_keys = _Gradient("(…, m, d_k): scale · dSᵀ · queries for a dot product")
    d_bias = _Gradient("of the bias's shape")
    d_x = _Gradient("of x's shape")
    d_context = _Gradient("of the context's shape")
    d_w_q = _Gradient("(in, out): xᵀ · d_queries")
    d_w_k = _Gradient("(in, out): contextᵀ · d_keys")
    d_w_v = _Gradient("(in, out): contextᵀ · d_values")
    d_w_o = _Gradient("(in, out): outputᵀ · dO, of the joined heads")
    d_b_q = _Gradient("the sum of d_queries over all rows")
    d_b_k = _Gradient("the sum of d_keys over all rows")
    d_b_v = _Gradient("the sum of d_values over all rows")
    d_b_o = _Gradient("the sum of dO over all rows")

    def __init__(
        self,
        problem: Problem,
        engine: str = "auto",
        weights: Array | None = None,
        row_sums: Array | None = None,
        part: int | None = None,
    ) -> None:
        assert problem.d_output is not None
        assert problem.origins is not None
        self.problem = problem
        self.engine = engine
        self.weights = weights
        self._row_sums = row_sums
        self._part = part
        self.d_output = problem.d_output
        self._projections = problem.origins.projections
        cells = (*problem.lead, problem.n, problem.m)
        self._shapes = problem.origins.gradient_shapes(cells, problem.output_projection)
        self.names = tuple(self._shapes)
        self._core: dict[str, Array] = {}  # in the shapes of the inputs and the computing dtype
        self._arrays: dict[str, Array] = {}

    def __repr__(self) -> str:
        return f"<gradients: {', '.join(self.names)}>"

    def array(self, name: str) -> Array:
        """Return one gradient by name, in the dtype of the results.

        Raises NumericError if it overflows that dtype.
        """
        if name not in self.names:
            raise UsageError("gradients", f"the problem has no {name}", suggest(name, self.names))
        if name not in self._arrays:
            with np.errstate(over="ignore", invalid="ignore"):
                array = self._narrow(name, self._make(name))
                self._arrays[name] = swap_heads(array) if name in self.problem.heads_last else array
        return self._arrays[name]

    def compute(self, *names: str) -> Gradients:
        """Compute these gradients in one pass, and return self."""
        wanted = [need for name in names for need in self._needs(name)]
        self._compute_core(*(name for name in CORE if name in wanted))
        return self

    def in_part(self, part: int) -> Gradients:
        """Return the same gradients, of which only those of this part of the problem are computed."""
        return Gradients(self.problem, self.engine, self.weights, self._row_sums, part)

    def _needs(self, name: str) -> list[str]:
        if name in CORE:
            return [name]
        return [f"d_{own.role}" for own in self._projections if name in _names_of(own)]

    def _make(self, name: str) -> Array:
        if name in CORE:
            return self._core_array(name)
        if name == "d_w_o":
            return _product_over_rows(self.joined_output(), self.d_output)
        if name == "d_b_o":
            return _sum_over_rows(self.d_output)
        own = [each for each in self._projections if name in _names_of(each)]
        arriving = [self._core_array(f"d_{each.role}") for each in own]
        if name.startswith("d_b_"):
            return _sum_over_rows(arriving[0])
        if name.startswith("d_w_"):
            return _product_over_rows(own[0].rows, arriving[0])
        total = _before_projection(arriving[0], own[0])
        for each, gradient in zip(own[1:], arriving[1:], strict=True):
            total += _before_projection(gradient, each)
        return total

    def _narrow(self, name: str, array: Array) -> Array:
        narrow = narrow_result(array.reshape(self._shapes[name]), self.problem, name)
        if self._part is None:
            refuse_infinite_gradient(self.problem, name, narrow, array.dtype)
        return narrow

    def _core_array(self, name: str) -> Array:
        if name not in self._core:
            self._compute_core(*(TOGETHER if name in TOGETHER and self._projections else (name,)))
        return self._core[name]

    def _compute_core(self, *names: str) -> None:
        missing = [name for name in names if name not in self._core]
        if missing:
            found = compute_gradients(
                self.problem,
                self.d_output_by_head(),
                missing,
                engine=self.engine,
                weights=self.weights,
                row_sums=self._row_sums,
                part=self._part,
            )
            self._core.update({name: self._as_given(name, array) for name, array in found.items()})

    def _as_given(self, name: str, array: Array) -> Array:
        """Return the gradient in the shape of its input: heads packed again, and broadcast axes summed over."""
        if name in ("d_weights", "d_scores"):
            return array
        shape = self._shapes[name]
        if self.problem.packed and name in TOGETHER:
            if shape[-1] == array.shape[-1]:  # one key head for all query heads, over which it was broadcast
                array = array.sum(axis=-3, keepdims=True)
            array = pack_heads(array)
        return sum_to(array, (*shape, 1) if name == "d_values" and len(shape) == 1 else shape)

    def d_output_by_head(self) -> Array:
        """Return the gradient at each head's output (*lead, n, d_v), back through w_o and the packing of the heads."""
        problem, d_output = self.problem, self.d_output
        if problem.d_v is None:
            raise ProblemError("d_output", "there is no output without values", "give V")
        if problem.output_projection is not None:
            d_output = multiply_by_blocks(d_output, problem.output_projection[0].T)
        if problem.packed:
            return unpack_heads(d_output, problem.lead[-1])
        return d_output

    def joined_output(self) -> Array:
        """Return the output before w_o, in the computing dtype."""
        problem = replace(self.problem, dtype=self.problem.queries.dtype)
        if self.weights is not None:
            assert problem.values is not None
            output = self.weights @ problem.repeat_key_heads(problem.values)
        else:
            output = np.empty((*problem.lead, problem.n, problem.d_v or 0), problem.dtype)
            compute(problem, {"output": output}, engine=self.engine)
        return pack_heads(output) if problem.packed else output


def _names_of(projection: Projection) -> tuple[str, ...]:
    """Return the names of the gradients that go through a projection."""
    return f"d_{projection.source}", f"d_w_{projection.letter}", f"d_b_{projection.letter}"


def _before_projection(arriving: Array, own: Projection) -> Array:
    """Return the gradient of the rows from that of rows · weights."""
    return multiply_by_blocks(arriving, own.weights.astype(arriving.dtype, copy=False).T)


def _product_over_rows(rows: Array, arriving: Array) -> Array:
    """Return rowsᵀ · arriving summed over all leading axes: (a, b) from (…, n, a) and (…, n, b)."""
    left, right = (each.reshape(-1, each.shape[-1]) for each in (rows, arriving))
    return multiply_by_blocks(left.astype(right.dtype, copy=False).T, right)


def _sum_over_rows(arriving: Array) -> Array:
    """Return the sum (d,) over the rows of (…, n, d)."""
    total: Array = arriving.reshape(-1, arriving.shape[-1]).sum(axis=0)
    return total
