"""Slips of single cells, and what can be said about numbers that no other slip explains."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import Index, block_indices, cell_of
from attncli.check.dtype_texts import spacing
from attncli.check.report import Diagnosis
from attncli.check.slips.case import listed
from attncli.check.tolerance.narrow import BITS, rounded
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array
from attncli.problem.heads import pack_heads

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.slips.case import Case
    from attncli.check.tolerance.measures import Measured
    from attncli.problem.problem import Problem

MOST_CELLS = 2  # that are wrong while all others are right
LEAST_CELLS = 4  # that must be off to conclude a lower precision
ROUNDINGS = 8  # relative to the largest number: the largest error of such a computation
NAMES = {"float16": "float16 or TF32", "bfloat16": "bfloat16"}  # what computes with so many digits
FEW_DECIMALS = 4  # of a print that shows a lower precision only if its numbers are those of the dtype
ALIKE = 2.0  # digits of evidence that numbers are those of a dtype, or of a computation in it
TELLING = 1 << 16  # cells that are compared with those of a lower precision
SHARE = 4  # at most one of so many cells may be wrong
LEAST = 3  # cells of a row by hand, of which one may be wrong
LEAST_BESIDE_RIGHT = 2  # where another step is right


def diagnose_cells(case: Case) -> tuple[Diagnosis, ...]:
    """Return `one-cell` if only one or two cells are wrong, with `copied-digit` if one digit makes them right."""
    right = case.right
    wrong: dict[str, list[tuple[int, ...]]] = {}
    verdicts = []
    least = LEAST if len(case.judges) == len(case.wrong) else LEAST_BESIDE_RIGHT
    for name in case.wrong:
        judge = case.judges[name]
        if judge.expected.shape != right.numbers[name].shape:
            return ()
        cells, verdict = _wrong_cells(judge, right, least)
        if not cells:
            return ()
        wrong[name] = cells
        verdicts.append(verdict)
    if sum(map(len, wrong.values())) > MOST_CELLS:
        return ()
    told = [(name, cell, *_texts(case.judges[name], cell, right)) for name, cells in wrong.items() for cell in cells]
    sentences = [
        f"{name} at [{_place(case.judges[name].given_cell(cell))}], which says {says} and should be {due}"
        for name, cell, says, due in told
    ]
    whole = f"all of {listed(list(wrong))}" if case.least else "everything"  # later steps may be wrong too
    sentence = f"{whole} is right except {', and '.join(sentences)}"
    slips = [_describe_copy(says, due) for _, _, says, due in told]
    also: tuple[str, ...] = ()
    if all(slips):
        also = ("copied-digit",)
        sentence += f": {' and '.join(dict.fromkeys(slips))}"
    is_thin = any(_count_telling(case.judges[name], right) < SHARE for name in wrong)
    found = Diagnosis(
        slip="one-cell",
        also=also,
        verdict=verdicts[0],
        explains=case.wrong,
        sentence=sentence,
        may_be_chance=is_thin,
    )
    return (found,)


def _wrong_cells(judge: Judge, right: Measured, least: int) -> tuple[list[tuple[int, ...]], str]:
    """Return the one or two cells without which the matrix is right, and its verdict then, or none if there are
    more."""
    telling = _count_telling(judge, right)
    most = min(MOST_CELLS, telling // SHARE) or int(telling >= least)
    cells: list[tuple[int, ...]] = []
    for cell in judge.farthest(most, right):
        cells.append(cell)
        verdict = _mended(judge, cells, right)
        if verdict != "wrong":
            # a cell that is far off in its own unit may hold as a computation in half precision
            needed = [each for each in cells if _mended(judge, [own for own in cells if own != each], right) == "wrong"]
            return needed or cells, verdict
    return [], "wrong"


def _mended(judge: Judge, cells: list[tuple[int, ...]], right: Measured) -> str:
    """Return the verdict of the matrix with the right numbers in these cells."""
    mended = np.array(judge.expected)
    for cell in cells:
        mended[cell] = _as_printed(judge, float(right.numbers[judge.name][cell]), cell)
    return replace(judge, expected=mended).verdict(right)


def _count_telling(judge: Judge, right: Measured) -> int:
    """Return how many cells are not 0, which says nothing, on either side."""
    return sum(int(((block.expected != 0) & (block.computed != 0)).sum()) for block in judge.blocks(right))


def _as_printed(judge: Judge, number: float, cell: tuple[int, ...]) -> float:
    """Return the right number in the precision of its text or its dtype."""
    if not math.isfinite(number):
        return number
    for dtype in judge.narrow:
        return float(rounded(np.array(number), dtype))
    if judge.claims is None:
        return number
    if judge.is_float32:
        return float(np.float32(number))
    claims = judge.claims.at(cell)
    unit = float(claims.unit)
    return round(number / unit) * unit if unit and not claims.is_full else number


def _texts(judge: Judge, cell: tuple[int, ...], right: Measured) -> tuple[str, str]:
    """Return the text of the cell, and the right text with the same number of decimals."""
    number = float(right.numbers[judge.name][cell])
    text = judge.text_of(cell)
    if text is None:
        return f"{judge.expected[cell]:.9g}", f"{number:.9g}"
    says = text.strip().replace("\N{MINUS SIGN}", "-")
    _, _, behind = says.partition(".")
    if not set(says) <= set("+-.0123456789") or not math.isfinite(number):
        return says, f"{number:.9g}"
    decimals = max(len(behind), judge.claims.decimals or 0 if judge.claims is not None else 0)
    return says, f"{number:.{decimals}f}"


def _describe_copy(says: str, due: str) -> str:
    """Return how one changed digit makes the text right, or "" if none does or few digits are left."""
    if sum(letter.isdigit() for letter in due) < 2:
        return ""
    if says.lstrip("+-") == due.lstrip("+-"):
        return "the sign is wrong"
    if len(says) == len(due):
        places = [place for place, (one, two) in enumerate(zip(says, due, strict=True)) if one != two]
        if len(places) == 1:
            return "one digit is wrong"
        if len(places) == 2 and says[places[0]] == due[places[1]] and says[places[1]] == due[places[0]]:
            return "two digits changed places"
    if len(due) == len(says) + 1 and any(due[:place] + due[place + 1 :] == says for place in range(len(due))):
        return "one digit is missing"
    if len(says) == len(due) + 1 and any(says[:place] + says[place + 1 :] == due for place in range(len(says))):
        return "one digit is too many"
    if says.replace(".", "").strip("0") == due.replace(".", "").strip("0"):
        return "the point is in another place"
    return ""


def diagnose_precision(case: Case, evidence: float = 0.0) -> tuple[Diagnosis, ...]:
    """Return `lower-precision` if a computation in half precision is as far off, for numbers that claim more.

    With some `evidence`, the printed numbers must be numbers of the dtype, to so many digits in total. Without, they
    may be near those of a computation in it instead.
    """
    right, judges = case.right, [case.judges[name] for name in case.wrong]
    if any(judge.expected.shape != right.numbers[judge.name].shape for judge in judges):
        return ()
    if not evidence and sum(judge.count_off(right) for judge in judges) < LEAST_CELLS:
        return ()
    for dtype in BITS:
        if any(_is_short(judge) and _evidence(judge, dtype) < 0 for judge in judges):
            continue
        digits = sum(_evidence(judge, dtype) for judge in judges)
        if digits < (evidence or ALIKE) and (evidence or not _are_imitated(judges, right, dtype)):
            continue
        if all(_is_rounding(judge, right, dtype) for judge in judges):
            sentence = (
                f"{case.yours} as far off as a computation in {NAMES[dtype]} is, which keeps {BITS[dtype]} binary "
                "digits: compute in float32 or float64"
            )
            return (Diagnosis(slip="lower-precision", also=(), verdict=dtype, explains=case.wrong, sentence=sentence),)
    return ()


def _is_short(judge: Judge) -> bool:
    """Return whether the numbers have so few digits that any small error is that of a half precision."""
    decimals = None if judge.claims is None else judge.claims.decimals
    return decimals is not None and decimals <= FEW_DECIMALS


def _evidence(judge: Judge, dtype: str) -> float:
    """Return in how many decimal digits printed numbers are those of the dtype, or minus infinity if one is not."""
    if judge.claims is None:
        return -math.inf
    digits = 0.0
    for where in block_indices(judge.expected.shape):
        expected, unit = judge.expected[where], judge.claims.at(where).unit
        use = np.isfinite(expected) & (expected != 0) & (unit > 0)
        numbers, units = expected[use], unit[use]
        if bool((np.abs(numbers - rounded(numbers, dtype)) > units / 2 * (1 + 1e-9)).any()):
            return -math.inf
        digits += float(np.log10(np.maximum(spacing(numbers, dtype) / units, 1)).sum())
    return digits


@np.errstate(all="ignore")
def _are_imitated(judges: list[Judge], right: Measured, dtype: str) -> bool:
    """Return whether the numbers are nearer to those of one way to compute in the dtype than to the right ones, by more
    than errors of another kind are: so many errors, at random, get smaller by a factor as seldom as one of the power of
    their number."""
    off, cells, rest = 0.0, 0, np.zeros(0)
    for judge in judges:
        if judge.name in GRADIENT_NAMES:
            return False
        for block in judge.blocks(right):
            ways = [np.nan_to_num(block.expected - way) for way in right.imitate(judge.name, dtype, block.where)]
            squares = np.array([(each**2).sum() for each in ways])
            rest = squares if rest.size == 0 else rest + squares
            off += float((np.nan_to_num(block.expected - block.computed) ** 2).sum())
            cells += int((block.error > 0).sum())
            if cells > TELLING:
                break
    return cells > 0 and cells / 2 * math.log10(off / max(float(rest.min()), np.finfo(float).tiny)) >= ALIKE


def _is_rounding(judge: Judge, right: Measured, dtype: str) -> bool:
    """Return whether a computation in the dtype, which makes a few roundings, may be so far off."""
    most = ROUNDINGS * 2.0 ** -BITS[dtype] * right.largest(judge.name)
    return judge.is_within(lambda _block: most, right) and judge.is_within(lambda block: 2 * block.narrow(dtype), right)


def diagnose_impossible(case: Case) -> tuple[Diagnosis, ...]:
    """Return `impossible` if no queries and keys give such weights, or no weights give such an output."""
    proofs = [_weights_proof(case), _output_proof(case)]
    told = tuple(name for name, proof in zip(("weights", "output"), proofs, strict=True) if proof)
    if not told:
        return ()
    sentence = "; ".join(proof for proof in proofs if proof)
    return (Diagnosis(slip="impossible", also=(), verdict="wrong", explains=told, sentence=sentence),)


def _units(judge: Judge, where: Index) -> Array:
    """Return by how much each expected number of a block may be off for its precision only."""
    expected = judge.expected[where]
    if judge.claims is not None:
        return judge.claims.at(where).unit
    if judge.tolerance is not None:
        return judge.tolerance.of(expected)
    found: Array = ROUNDINGS * spacing(expected, judge.narrow[0] if judge.narrow else judge.dtype)
    return found


def _weights_proof(case: Case) -> str:
    """Return why no scores give such weights: one is below 0, or a row does not sum to 1 (with a sink: to more)."""
    judge, problem = case.judges.get("weights"), case.problem
    if judge is None or "weights" not in case.wrong or judge.expected.ndim < 2:
        return ""
    blocks = block_indices(judge.expected.shape)
    if not problem.normalizer.is_signed:
        below = [_first(judge.expected[where] < -_units(judge, where), where) for where in blocks]
        if at := min(filter(None, below), default=None):
            return f"the weight at [{_place(at)}] is {judge.expected[at]:g}, and no weight is below 0"
    if not problem.normalizer.sums_to_one or problem.dropout_mask is not None:
        return ""
    off = [_first(_misses_one(judge, where, problem), where[:-1]) for where in blocks]
    at = min(filter(None, off), default=None)
    if at is None:
        return ""
    rule = "a row of weights sums to 1" if problem.shares_one else "with a sink, a row of weights sums to less than 1"
    return f"the weights of row {_place(at)} sum to {judge.expected[at].sum(axis=-1):.6g}: {rule}"


def _misses_one(judge: Judge, where: Index, problem: Problem) -> Array:
    """Return which rows of a block do not sum to 1, or with a sink to more, by more than their precision."""
    sums = judge.expected[where].sum(axis=-1)
    excess, room = sums - 1, _units(judge, where).sum(axis=-1) + 1e-6
    found: Array = ((np.abs(excess) if problem.shares_one else excess) > room) & (sums != 0)
    return found


def _output_proof(case: Case) -> str:
    """Return why no weights give such an output: it is outside the range of V, which a sink extends to 0.

    Weights that do not sum to 1 without a sink, and a projection of the output, allow any number.
    """
    judge, problem = case.judges.get("output"), case.problem
    if judge is None or "output" not in case.wrong or problem.values is None or problem.output_projection is not None:
        return ""
    if not problem.normalizer.sums_to_one or problem.dropout_mask is not None:
        return ""
    output = judge.expected
    if output.shape != case.right.numbers["output"].shape:
        return ""
    values = problem.repeat_key_heads(problem.values)
    least, most = values.min(axis=-2, keepdims=True), values.max(axis=-2, keepdims=True)
    if problem.packed:
        least, most = map(pack_heads, (least, most))
    units = _units(judge, (...,))

    def outside(low: Array, high: Array) -> Array:
        found: Array = (output < low - units) | (output > high + units)
        found &= output != 0  # of a query without a key
        return found

    beyond = outside(np.minimum(least, 0), np.maximum(most, 0))  # also of weights that sum to less than 1
    found = outside(least, most) if problem.shares_one else beyond
    if not found.any():
        return ""
    at = _first(beyond if beyond.any() else found)
    assert at is not None
    low, high = (float(np.broadcast_to(side, output.shape)[at]) for side in (least, most))
    said = f"the output at [{_place(judge.given_cell(at))}] is {output[at]:g}, outside the range of its column of V, "
    said += f"{low:g} to {high:g}"
    if not problem.shares_one:
        return f"{said}, and 0: with a sink, a weighted sum of values lies between the least and the largest of these"
    if beyond.any():
        return f"{said}: an average of values lies between them"
    return (
        f"{said}: an average of values lies between them. Weights that sum to less than 1, as with a sink, can give "
        "such a number"
    )


def _first(found: Array, where: Index = (...,)) -> tuple[int, ...] | None:
    """Return the index in the whole matrix of the first cell of a block that is found, or None."""
    return cell_of(int(np.argmax(found)), found.shape, where) if found.any() else None


def _place(at: tuple[int, ...]) -> str:
    return ", ".join(map(str, at))
