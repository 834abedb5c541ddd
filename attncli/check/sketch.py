"""The results of a small problem in a few steps over whole arrays, for the search: a fifth of the engine's time, at the
price of some rounding errors more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from attncli.check.normalizations import normalize_scores
from attncli.check.visible_cells import visible_cells
from attncli.engine.compute import Outcome, compute
from attncli.engine.scores import cap_scores
from attncli.engine.stacks import score_rows
from attncli.problem.problem import Part, over_heads
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX, keep_largest

if TYPE_CHECKING:
    from attncli.engine.compute import Sink
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Made = TypeVar("Made")

KEPT = 8  # raw scores, and masks
LEVELS: dict[str, Callable[[int], float]] = {"uniform": lambda m: 1 / m, "nan": lambda _: np.nan}  # of m keys
FEW_CELLS = 1 << 13  # of all heads: with more of them, the arithmetic takes longer than its steps


class Sketches:
    """The sketches of many problems that differ in little: raw scores and masks of the last ones are kept."""

    def __init__(self) -> None:
        self._raw_scores = _Kept(_raw_scores)
        self._allowed = _Kept(_allowed)

    def __call__(self, problem: Problem, sinks: Mapping[str, Sink], **_options: object) -> Outcome:
        """Fill each sink as `compute` does.

        What has more cells than a few, numbers that are not finite, or queries without a key whose weights are not
        level, is left to `compute`, which raises its errors.
        """
        with np.errstate(all="ignore"):
            found = self._sketch(problem, frozenset(sinks)) if _is_simple(problem) else None
        if found is None:
            return compute(problem, sinks, engine="numpy")
        for name, sink in sinks.items():
            sink[...] = found[name]  # type: ignore[index]
        return Outcome()

    def _sketch(self, problem: Problem, wanted: frozenset[str]) -> dict[str, Array] | None:
        """Return the wanted results by name, [*lead, n, column], or None if they are not simple after all."""
        raw = self._raw_scores.of(problem, _parts_of_scores(problem))
        scores = _scores(problem, raw)
        if scores is None:
            return None
        allowed = self._allowed.of(problem, (problem.visible, problem.mask, problem.bias, problem.segments))
        is_finite = np.isfinite(scores)
        if allowed is not None:
            scores = np.where(allowed, scores, -np.inf)
            is_finite |= ~allowed
        if not is_finite.all():
            return None
        unseen, seen = 0.0, None
        if allowed is not None and problem.conventions.empty != "zeros":
            seen = allowed.any(axis=-1, keepdims=True)
            if not seen.all():
                if not _has_level_rows(problem):
                    return None
                unseen = LEVELS[problem.conventions.empty](problem.m)
        found = {"raw_scores": raw, "scores": scores}
        if "lse" in wanted:
            found["lse"] = _log_sums(problem, scores)
        if "weights" in wanted or "output" in wanted:
            found["weights"] = normalize_scores(problem, scores, unseen)
        if "output" in wanted and problem.values is not None:
            found["output"] = found["weights"] @ problem.repeat_key_heads(problem.values)
        if "raw_scores" in wanted and not np.isfinite(raw).all():
            return None
        if "output" in wanted:
            is_right = np.isfinite(found["output"])
            if not (is_right if seen is None else is_right | ~seen).all():
                return None
        return found


def sketch_result(problem: Problem) -> Result:
    """Return the results of one problem, which are sketched when they are used."""
    return Result(problem, "numpy", Sketches())


class _Kept(Generic[Made]):
    """What a function makes of the last problems: most slips leave all but one of the parts of a problem alone."""

    def __init__(self, make: Callable[[Problem], Made]) -> None:
        self._make = make
        self._found: dict[tuple[int, ...], tuple[tuple[object, ...], Made]] = {}

    def of(self, problem: Problem, parts: tuple[object, ...]) -> Made:
        """Return what is made of the problem, which depends on these parts of it only. They are known by their
        identity."""
        key = tuple(map(id, parts))
        if key not in self._found:
            if len(self._found) == KEPT:
                del self._found[next(iter(self._found))]
            self._found[key] = parts, self._make(problem)  # with the parts, so that no other object gets their ids
        return self._found[key][1]


def _is_simple(problem: Problem) -> bool:
    is_bare = problem.is_finite and problem.given_keys is None
    stands_apart = len(problem.visible.offsets) > 1 and (problem.slopes is not None or problem.rotation is not None)
    return is_bare and not stands_apart and problem.parts * problem.n * problem.m <= FEW_CELLS


def _has_level_rows(problem: Problem) -> bool:
    """Return whether a query without a key has the same weight for each key, whatever the masks."""
    is_changed = problem.bias is not None or problem.dropout_mask is not None or problem.sink is not None
    return problem.conventions.empty in LEVELS and problem.normalizer is SOFTMAX and not is_changed


def _parts_of_scores(problem: Problem) -> tuple[object, ...]:
    """Return the parts of a problem that its raw scores depend on."""
    rotated = (problem.rotation, problem.visible) if problem.rotation is not None else ()
    rows = problem.queries, problem.keys, problem.row_norm
    return (*rows, problem.variant, problem.conventions, problem.key_heads, problem.lead, *rotated)


def _raw_scores(problem: Problem) -> Array:
    keys = problem.repeat_key_heads(problem.keys)
    queries, keys = score_rows(problem, Part(problem.queries, keys, None, None, None, first=0))
    raw: Array = queries @ keys.mT if problem.variant.is_product else problem.variant.score(queries, keys)
    return raw


def _scores(problem: Problem, raw: Array) -> Array | None:
    """Return the scores before anything is masked, or None where a softcap would hide one that overflows."""
    scores = raw * problem.scales
    if problem.softcap is not None and not np.isfinite(scores).all():
        return None
    late = problem.conventions.softcap_after_bias
    if problem.softcap is not None and not late:
        cap_scores(scores, problem.softcap)
    if problem.slopes is not None:
        positions = problem.visible.positions(0, np.arange(problem.n))
        scores -= over_heads(problem.slopes) * np.abs(positions[:, None] - np.arange(problem.m))
    if problem.bias is not None:
        scores = scores + problem.bias
    if problem.softcap is not None and late:
        cap_scores(scores, problem.softcap)
    return scores


def _allowed(problem: Problem) -> Array | None:
    """Return (*lead, n, m) booleans, True where the query may attend, or None if all are True."""
    is_free = problem.visible.is_everything and problem.bias is None and problem.segments is None
    return problem.mask if is_free else visible_cells(problem)


def _log_sums(problem: Problem, scores: Array) -> Array:
    """Return log Σ e^score (*lead, n), with the logit of a sink."""
    if problem.top_k is not None:
        scores = np.array(scores)
        keep_largest(scores, problem.top_k)
    largest = scores.max(axis=-1)
    if problem.sink is not None:
        sink = np.broadcast_to(over_heads(problem.sink), scores.shape)[..., 0]
        largest = np.maximum(largest, sink)
    sums = np.exp(scores - largest[..., None]).sum(axis=-1)
    if problem.sink is not None:
        sums = sums + np.exp(sink - largest)
    log_sums: Array = np.where(np.isneginf(largest), largest, largest + np.log(sums))
    return log_sums
