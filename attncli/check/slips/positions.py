"""Optional stages that are left out, done differently, or done without being requested: rotary positions, ALiBi, norms
of rows, segments, sinks, normalizers, dropout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import need
from attncli.check.slips.sinks import (
    count_twice,
    describe_sinks,
    lse_without_sink,
    sink_column,
    sink_value,
    unasked_sink,
    unshifted_sink,
)
from attncli.check.slips.slip import Slip
from attncli.problem.problem import over_heads
from attncli.records import replace
from attncli.stages.row_transforms import PAIRING_NAMES
from attncli.stages.slopes import USUAL, usual_slopes

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def _leaving_out(*names: str) -> Callable[[Case], list[Route]]:
    """Return the routes without these settings, if the first of them is given."""

    def routes(case: Case) -> list[Route]:
        if getattr(case.request, names[0]) in (None, 0, False):
            return []
        return [Route(requests=(partial(replace, **dict.fromkeys(names)),))]

    return routes


def _left_out(name: str, stage: str, words: Callable[[Case], str], *settings: str, family: str = "stage") -> Slip:
    return Slip(name, family, _leaving_out(*settings), lambda case: f"{stage} left out: {words(case)}")


def _other_pairs(case: Case) -> list[Route]:
    own = case.request.rope
    return [
        Route(
            requests=(partial(replace, rope=name),),
            said=f"the columns were rotated in the pairs of {name}: those of {own} are expected",
        )
        for name in PAIRING_NAMES
        if own is not None and name != own
    ]


def _unasked_rope(case: Case) -> list[Route]:
    """Return the routes with rotary positions that were not requested, on all columns, half of them, or a quarter."""
    if case.request.rope is not None or case.d_k % 2:
        return []
    sizes = [size for size in dict.fromkeys((case.d_k, case.d_k // 2, case.d_k // 4)) if size and size % 2 == 0]
    return [
        Route(
            requests=(partial(replace, rope=name, rope_dims=size),),
            said=f"rotary positions ({name}) turned {size} of the {case.d_k} columns of Q and K: none are asked for",
        )
        for size in sizes
        for name in PAIRING_NAMES
    ]


# slopes


def _other_slopes(case: Case) -> list[Route]:
    own = case.problem.slopes
    if own is None:
        return []
    heads = case.heads
    ways = {
        "2^(−8h/H) of every head, without the completion": tuple(2 ** (-8 * (h + 1) / heads) for h in range(heads)),
        f"2^(−8h/{1 << (heads - 1).bit_length()}), of the next power of 2": tuple(
            2 ** (-8 * (h + 1) / (1 << (heads - 1).bit_length())) for h in range(heads)
        ),
        "2^(−8(h − 1)/H), one head too early": tuple(2 ** (-8 * h / heads) for h in range(heads)),
        "those in the order from the last head": tuple(reversed(own)),
        "the same with the other sign": tuple(-slope for slope in own),
        "2^−h": tuple(2.0 ** -(h + 1) for h in range(heads)),
        "1/h": tuple(1 / (h + 1) for h in range(heads)),
        "that of head 0 for all heads": own[:1] * len(own),
        "1": (1.0,),
        "the usual ones": usual_slopes(heads),
    }
    if (shared := case.problem.key_heads) is not None and 1 < shared < heads:
        group = heads // shared
        usual = usual_slopes(shared)
        ways |= {
            f"those of {shared} key heads, of which {group} query heads share one": tuple(
                usual[h // group] for h in range(heads)
            ),
        }
        if len(own) > 1:
            firsts = tuple(own[h // group] for h in range(heads))
            ways[f"those of heads 0 to {shared - 1}, one for each key head"] = firsts
    for parts in (2, 4, 8):
        if heads % parts == 0 and heads > parts:
            some = usual_slopes(heads // parts)
            ways[f"those of {heads // parts} heads, again in each of {parts} parts of the heads"] = some * parts
    return [
        Route(
            problems=(partial(replace, slopes=slopes),),
            said=f"the slopes of ALiBi were {words}, {list_numbers(slopes)}: {list_numbers(own)} are expected",
        )
        for words, slopes in ways.items()
        if slopes != own
    ]


def _signed_distances(problem: Problem) -> Problem:
    """Return the problem with −slope·(p − j) added, which is above 0 for keys after the query."""
    slopes = need(problem.slopes)
    positions = np.arange(problem.n)[:, None] + problem.visible.offsets[0]
    added = np.broadcast_to(
        -over_heads(slopes) * (positions - np.arange(problem.m)), (*problem.lead, problem.n, problem.m)
    )
    return replace(problem, slopes=None, bias=added if problem.bias is None else problem.bias + added)


def _signed_slopes(case: Case) -> list[Route]:
    if case.problem.slopes is None or len(case.problem.visible.offsets) > 1:
        return []
    said = "ALiBi added −slope·(p − j), which raises the scores of keys after the query: −slope·|p − j| is expected"
    return [Route(problems=(_signed_distances,), said=said)]


def _slopes_elsewhere(case: Case) -> list[Route]:
    """Return the routes in which ALiBi counts the positions of the queries from another place."""
    offsets = case.problem.visible.offsets
    if case.problem.slopes is None or len(offsets) > 1:
        return []
    own = offsets[0]
    multiplied = "the scores were multiplied by −slope·|p − j| of ALiBi: it is added to them"
    free = (partial(replace, slopes=None),)
    factors = _distances(case.problem, own)
    times = Route(problems=free, rescore=partial(_times, factors=factors), is_whole=True, said=multiplied)
    functions = [times] + [
        Route(
            problems=(partial(_distances_from, offset=own, of=of),),
            said=f"ALiBi took {words}: −slope·|p − j| is added",
        )
        for words, of in DISTANCES.items()
    ]
    return functions + [
        Route(
            problems=(partial(_distances_from, offset=offset),),
            said=(
                f"ALiBi's distances were those of query i at position {position_text(offset)}: it stands at "
                f"{position_text(own)}"
            ),
        )
        for offset in dict.fromkeys((0, case.m - case.n, own + 1, own - 1))
        if offset != own
    ]


DISTANCES: dict[str, Callable[[Array], Array]] = {
    "the squares of the distances": np.square,
    "the square roots of the distances": np.sqrt,
    "log(1 + distance) for the distances": np.log1p,
    "the distances less 1, from 0 on": lambda apart: np.maximum(apart - 1, 0),
}


def _distances(problem: Problem, offset: int, of: Callable[[Array], Array] = np.positive) -> Array:
    """Return −slope·|i + offset − j|, or that of a function of the distances, for all heads (*lead, n, m)."""
    apart = of(np.abs(np.arange(problem.n)[:, None] + offset - np.arange(problem.m)).astype(np.float64))
    return np.broadcast_to(-over_heads(need(problem.slopes)) * apart, (*problem.lead, problem.n, problem.m))


def _distances_from(problem: Problem, offset: int, of: Callable[[Array], Array] = np.positive) -> Problem:
    """Return the problem with these distances in ALiBi."""
    added = _distances(problem, offset, of)
    return replace(problem, slopes=None, bias=added if problem.bias is None else problem.bias + added)


def _times(scores: Array, factors: Array) -> Array:
    return np.where(np.isneginf(scores), scores, np.where(np.isneginf(scores), 0, scores) * factors)


def _unasked_alibi(case: Case) -> list[Route]:
    return [] if case.request.alibi is not None else [Route(requests=(partial(replace, alibi=USUAL),))]


POSITION_SLIPS = (
    _left_out(
        "no-segments",
        "the segments were",
        lambda _case: "a query sees keys of its own id",
        "segments",
        "key_segments",
        family="seen",
    ),
    _left_out(
        "no-prefix",
        "the prefix was",
        lambda case: f"the first {case.request.prefix} keys are seen by every query",
        "prefix",
        family="seen",
    ),
    _left_out(
        "no-keep-first",
        "the keys that are kept were",
        lambda case: f"the window never hides the first {case.request.keep_first}",
        "keep_first",
        family="seen",
    ),
    _left_out(
        "no-chunk",
        "the chunks were",
        lambda case: f"a query sees its own chunk of {case.request.chunk}",
        "chunk",
        family="seen",
    ),
    _left_out(
        "no-alibi",
        "ALiBi was",
        lambda case: f"−slope·|p − j| is added to the scores, slope {list_numbers(case.problem.slopes or ())}",
        "alibi",
    ),
    Slip("alibi-other-slopes", "stage", _other_slopes, "the slopes were others"),
    Slip(
        "alibi-shifted",
        "stage",
        _slopes_elsewhere,
        "the distances were others",
        paired=False,
    ),
    Slip("alibi-signed", "stage", _signed_slopes, "the distances had signs", paired=False),
    _left_out(
        "no-rope",
        "the rotary positions were",
        lambda case: f"Q and K are rotated ({case.request.rope}) before they are scored",
        "rope",
        "rope_base",
        "rope_dims",
        "rope_scale",
    ),
    Slip("rope-other-pairs", "stage", _other_pairs, "other columns were rotated"),
    _left_out("no-sink", "the sink was", describe_sinks, "sink"),
    Slip(
        "sink-unshifted",
        "weights",
        unshifted_sink,
        lambda case: (
            f"e^S was added to the sum of e^(score − largest): e^(S − largest) joins that sum, S = "
            f"{list_numbers(case.problem.sink or ())}"
        ),
        paired=False,
    ),
    Slip(
        "sink-as-key",
        "weights",
        sink_column,
        "the last column of the weights was dropped, and the sink's is the first: key 0 has the sink's weight, and "
        "each key after it that of the one before",
        paired=False,
    ),
    Slip("sink-as-key", "rounding", sink_value, "the sink had a value", paired=False),
    Slip("sink-twice", "stage", count_twice, "the sink was counted twice"),
    _left_out(
        "no-qk-norm",
        "the norm of Q and K was",
        lambda case: f"their rows are normed by {case.request.qk_norm}",
        "qk_norm",
    ),
    _left_out(
        "no-top-k",
        "the choice of keys was",
        lambda case: f"only the {case.request.top_k} largest scores take part",
        "top_k",
    ),
    _left_out(
        "no-dropout",
        "dropout was",
        lambda case: f"the weights are masked and divided by 1 − {case.problem.dropout:g}",
        "dropout",
        "dropout_mask",
    ),
    _left_out(
        "plain-softmax", "the normalizer was", lambda case: f"{case.request.normalizer} is expected", "normalizer"
    ),
    Slip(
        "lse-without-sink",
        "result",
        lse_without_sink,
        lambda case: f"the log-sum-exps have no sink: {describe_sinks(case)}",
    ),
    Slip("unasked-rope", "stage", _unasked_rope, "rotary positions were applied", paired=False),
    Slip(
        "unasked-alibi",
        "stage",
        _unasked_alibi,
        "ALiBi with the usual slopes was added: none is asked for",
        paired=False,
        passes_easily=True,  # with one head the slope is 1/256
    ),
    Slip(
        "unasked-sink",
        "stage",
        unasked_sink,
        "1 was added to each row's sum, as a sink of 0 does: none is asked for",
        paired=False,
    ),
)
