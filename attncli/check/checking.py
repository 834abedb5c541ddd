"""`check`: compare each expected matrix of a worksheet with the right one, and find the mistake if it is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.baseline import compare_baseline
from attncli.check.blank_cells import fill_blank_cells, fill_masked_cells, tell_blanks, without_empty_column
from attncli.check.error_pattern import measure_errors
from attncli.check.expected_matrix import DEFAULTS, Tolerance
from attncli.check.half_precision import recognize_narrow
from attncli.check.judge import Judge
from attncli.check.precision import read_claims, rounding_of
from attncli.check.report import HOLDS, Baseline, CaseReport, Diagnosis, MatrixCheck, worst
from attncli.check.routes import RIGHT, Route, mean_over_heads
from attncli.check.slips.case import listed, name_result
from attncli.check.steps import verdicts_of
from attncli.check.tolerance.measures import Measured
from attncli.engine.threads import one_blas_thread
from attncli.errors import ProblemError, UsageError
from attncli.files import exists
from attncli.inputs.array_names import result_name
from attncli.inputs.request import EXPECTED_NAMES, GRADIENT_NAMES, MATRIX_NAMES, RESULT_NAMES
from attncli.matrix import Array, count_blanks, holds_numbers
from attncli.problem.heads import pack_heads, swap_heads, unpack_heads
from attncli.problem.label_orders import COLUMNS, ROWS, in_order_of_numbers, labels_along, refuse_other_order
from attncli.problem.layouts import give_heads_first
from attncli.results.targets import labels_of_columns, labels_of_rows

if TYPE_CHECKING:
    from attncli.inputs.request import Labels, Request, Worksheet
    from attncli.matrix import Matrix
    from attncli.problem.problem import Problem

SHOWS = 0.005  # a difference from a whole number that two decimals show
LEAST_DIGITS = 100  # units of the largest number for which fewer decimals are still meaningful
ALONE = 4.0  # digits of evidence for a slip of the first wrong step that does not explain a later step
FEW = 4  # right numbers in a message

Layout = Callable[[Array], Array]


def _name_expected(worksheet: Worksheet) -> str:
    """Return how to name the expected numbers: those that the source itself holds, or others."""
    own = worksheet.left_out if exists(worksheet.where) else ()
    for name in own:
        if (result := result_name(name)) in RESULT_NAMES:
            return f"--expect-{result.replace('_', '-')} {worksheet.where}:{name}"
    if len(own) == 1:
        return f"--expect-output {worksheet.where}:{own[0]}, if it is the output"
    return "expected: {output: […]} in the file, or --expect-output SOURCE"


@one_blas_thread()  # products of a few rows each: several threads would mostly wait for one another
def check(
    worksheet: Worksheet,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    digits: int | None = None,
    strict: bool = False,
    baseline: Matrix | None = None,
    search: bool = True,
) -> CaseReport:
    """Check the expected numbers of a worksheet, and find the slips that explain wrong ones.

    `rtol` and `atol` compare by tolerance. `digits` overrides how many decimals the texts claim (only matrices read
    with `Reading(keep_text=True)` have texts). `strict` accepts only the verdict exact. With a `baseline`, another
    implementation's output, the expected output may be off by twice as much as the baseline. Without `search` no slips
    are looked for, which changes no verdict. Raises AttncliError if the problem cannot be computed or nothing is
    expected.
    """
    if not worksheet.expected:
        raise ProblemError(
            worksheet.where, "nothing is expected, so there is nothing to check", _name_expected(worksheet)
        )
    names = [name for name in EXPECTED_NAMES if name in worksheet.expected]
    given = RIGHT.problem(worksheet.request, describes=True)
    worksheet = replace(worksheet, request=give_heads_first(worksheet.request, given))
    problem = RIGHT.problem(worksheet.request, describes=True) if given.heads_last else given
    if "output" in names and problem.values is None:
        raise ProblemError(worksheet.where, "an output is expected, but there are no values", "give V, or w_v")
    _refuse_gradients(worksheet, names, problem)
    for name in names:
        _refuse_other_orders(worksheet.expected[name], name, problem.words.labels)
    averaged = _are_averaged(worksheet, problem)
    measured = Measured(
        AVERAGED if averaged else RIGHT, worksheet.request, names, find_rounded_inputs(worksheet.request)
    )
    worksheet = replace(worksheet, expected=_without_needless_blanks(worksheet.expected, given, measured))
    blank = [name for name in names if count_blanks(worksheet.expected[name])]
    tolerance = None if rtol is None and atol is None else Tolerance(rtol or 0.0, atol or 0.0)
    judges = {}
    for name in names:
        matrix = worksheet.expected[name]
        if name in blank:
            matrix = fill_blank_cells(matrix, _lay_by_head(name, matrix.array.shape, given), measured.numbers[name])
        judges[name] = make_judge(name, matrix, given, _digits_of(worksheet, name, digits), tolerance, strict)
    partly = {name: judges.pop(name) for name in blank}
    judges = recognize_narrow(_recognize_float32(judges), measured)
    beside = None
    if baseline is not None:
        if tolerance is not None:
            raise UsageError("--baseline", "is a tolerance by itself", "leave out --rtol and --atol")
        beside = _lay_baseline(baseline, worksheet, given, judges, measured)
    verdicts = verdicts_of(judges, measured)
    found_in = {name: _check_matrix(judge, verdicts[name], measured) for name, judge in judges.items()}
    for name, judge in partly.items():
        rest = _check_matrix(judge, judge.verdict(measured), measured)
        found_in[name] = tell_blanks(rest, worksheet.expected[name])
    checks = [found_in[name] for name in names]
    checks = [replace(found, baseline=beside) if found.what == "output" else found for found in checks]
    if averaged:
        said = f"compared with the mean of the {problem.lead[-1]} heads' weights, as their shape is (heads-averaged)"
        checks = [replace(found, note=found.note or said) if found.what == "weights" else found for found in checks]
    verdict = worst([found.verdict for found in checks])
    diagnosis: tuple[Diagnosis, ...] = ()
    if search and "wrong" in verdicts.values():
        whole = [found for found in checks if found.what in judges]
        diagnosis = _diagnose(worksheet, judges, verdicts, measured, whole)
    elif search and judges:
        from attncli.check.search.power import would_also_pass

        also = would_also_pass(worksheet, judges, verdicts, measured)
        checks = [
            replace(found, would_also_pass=power.slips, tighter=power.tighter)
            if (power := also.get(found.what))
            else found
            for found in checks
        ]
    return CaseReport(
        name=worksheet.name,
        title=worksheet.title,
        verdict=verdict,
        checks=tuple(checks),
        diagnosis=diagnosis,
        strict=strict,
        notes=tuple(dict.fromkeys([*worksheet.notes, *_notes_of_axes(given, verdict), *measured.problem.words.notes])),
    )


def _recognize_float32(judges: dict[str, Judge]) -> dict[str, Judge]:
    """Return the judges, which know if the texts of any of them are those of float32: what one matrix shows needs no
    further evidence in the others."""
    texts = [judge for judge in judges.values() if judge.claims is not None]
    long = [judge for judge in texts if judge.shows_float32]
    if len(long) == len(texts) or not any(judge.is_float32 for judge in long):
        return judges
    return {name: replace(judge, is_beside_float32=True) for name, judge in judges.items()}


def _diagnose(
    worksheet: Worksheet,
    judges: dict[str, Judge],
    verdicts: dict[str, str],
    measured: Measured,
    checks: list[MatrixCheck],
) -> tuple[Diagnosis, ...]:
    """Return the slips that explain all the numbers, or else those of the first wrong step beside the right ones, and
    single ones of each wrong matrix that they do not explain."""
    from attncli.check.search.diagnosis import diagnose

    differing = [name for name, verdict in verdicts.items() if verdict in ("wrong", "carried")]
    own = [found for found in checks if found.verdict == "wrong"]
    is_rounded = all(found.is_rounded for found in own)
    found = diagnose(worksheet, judges, measured, differing, verdicts, is_rounded=is_rounded)
    if any(entry.slip != "impossible" for entry in found):
        return found
    wrong = [check.what for check in own]
    right = [name for name in judges if name not in differing]
    entries: list[Diagnosis] = []
    for name, beside, pairs in ((wrong[0], right, True), *((name, [], False) for name in wrong)):
        until = {each: judge for each, judge in judges.items() if each == name or each in beside}
        if len(until) < len(judges) and not any(name in entry.explains for entry in entries):
            entries += diagnose(worksheet, until, measured, [name], verdicts, is_rounded=True, least=ALONE, pairs=pairs)
    rest = [name for name in wrong if not any(name in entry.explains for entry in entries)]
    return (*(_tell_rest(entry, rest, right) for entry in entries), *found)


def _tell_rest(entry: Diagnosis, rest: list[str], right: list[str]) -> Diagnosis:
    """Return the entry with a sentence that says which matrices it explains, and which remain unexplained, or else are
    right."""
    if not rest and not right:
        return entry
    told = f"this explains your {_list_nouns(entry.explains)} only"
    if rest:
        remains = "remains" if rest == ["output"] else "remain"
        told += f", and your {_list_nouns(rest)} {remains} unexplained"
    else:
        told += f": your {_list_nouns(right)} {'is' if right == ['output'] else 'are'} right"
    return replace(entry, sentence=f"{entry.sentence} ({told})")


def _list_nouns(names: Sequence[str]) -> str:
    return listed([name_result(name) for name in names])


def _lay_baseline(
    baseline: Matrix, worksheet: Worksheet, given: Problem, judges: dict[str, Judge], measured: Measured
) -> Baseline:
    """Return the errors of the baseline beside those of the output, and make its judge allow twice as much from here
    on."""
    if "output" not in judges:
        hint = "--expect-output SOURCE gives the output that is held against it"
        raise ProblemError(worksheet.where, "a baseline is given, but no output is expected", hint)
    theirs = recognize_narrow({"output": make_judge("output", baseline, given, None, None, False)}, measured)["output"]
    found, tolerance = compare_baseline(judges["output"], theirs, measured)
    if tolerance is not None:
        judges["output"] = replace(judges["output"], tolerance=tolerance, is_default=False)
    return found


def _notes_of_axes(problem: Problem, verdict: str) -> list[str]:
    """Return how the axes were read, which a wrong verdict may come from."""
    axes = problem.words.conventions.get("axes") if verdict == "wrong" else None
    return [f"Q, K and V were read as {axes}"] if axes else []


AVERAGED = Route(present=mean_over_heads)


def _are_averaged(worksheet: Worksheet, problem: Problem) -> bool:
    """Return whether one matrix of weights is expected for a problem with several heads."""
    matrix, lead = worksheet.expected.get("weights"), problem.lead
    if matrix is None or not lead or lead[-1] == 1:
        return False
    return matrix.array.shape == (*lead[:-1], problem.n, problem.m)


def find_rounded_inputs(request: Request) -> dict[str, Array]:
    """Return half a unit of the last digit of each rounded input, by matrix name."""
    found = {}
    for name in MATRIX_NAMES:
        matrix = getattr(request, name)
        if matrix is not None and name not in ("mask", "key_lengths"):
            half = rounding_of(matrix)
            if half is not None:
                found[name] = half
    return found


def _digits_of(worksheet: Worksheet, name: str, digits: int | None) -> int | None:
    if digits is None:
        said = worksheet.digits
        digits = said.get(name) if isinstance(said, Mapping) else said
    if digits is not None and not 0 <= digits <= 17:
        raise UsageError("--digits", f"{digits} is not between 0 and 17")
    return digits


def make_judge(
    name: str, matrix: Matrix, problem: Problem, digits: int | None, tolerance: Tolerance | None, strict: bool
) -> Judge:
    """Return the judge of an expected matrix: by tolerance if given, or by its text, or else by its dtype."""
    array, dtype = _floats(matrix)
    claims = None if tolerance is not None else read_claims(matrix, digits)
    is_default = claims is None and tolerance is None and not strict
    if is_default:
        tolerance = DEFAULTS[dtype]
    lay, heads_last = _lay_by_head(name, array.shape, problem), name in problem.heads_last
    if claims is not None:
        claims = claims.arranged(lay)
    laid, order = lay(array), None
    keeps_order = laid.flags.c_contiguous and np.may_share_memory(laid, array)
    if matrix.texts is not None and not keeps_order:
        order = lay(np.arange(array.size).reshape(array.shape))
    stated = matrix.stated_dtype
    return Judge(name, laid, claims, tolerance, dtype, matrix.texts, order, is_default, heads_last, stated=stated)


def _lay_by_head(name: str, shape: tuple[int, ...], problem: Problem) -> Callable[[Array], Array]:
    """Return the function that lays an expected array over the result, with the heads first."""
    lay = layout_of(name, shape, problem)
    return _by_head(lay) if name in problem.heads_last else lay


def _floats(matrix: Matrix) -> tuple[Array, str]:
    """Return the expected numbers in float64, and their original dtype."""
    array = matrix.array
    if not holds_numbers(array):
        raise ProblemError(matrix.where, f"holds {array.dtype.name} where numbers are expected")
    dtype = array.dtype.name if array.dtype.name in DEFAULTS else "float64"
    return np.asarray(array, np.float64), dtype


def _by_head(lay: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return a layout that puts the heads first, (…, heads, n, d), after `lay`."""

    def lay_by_head(array: Array) -> Array:
        over = lay(array)
        return swap_heads(over) if over.ndim > 2 else over

    return lay_by_head


def layout_of(name: str, shape: tuple[int, ...], problem: Problem) -> Layout:
    """Return the function that lays an expected array of this shape over the result.

    It may have the result's shape, or be:
    - the output of heads that were not packed, (…, H, n, d_v) or (…, n, H, d_v), packed here
    - the output of heads that were packed, (…, n, H·d_v), or of all tokens, (batch·n, H·d_v), unpacked here
    - the result with its first axes joined: (batch·heads, n, m), or the rows of all entries, or a flat list
    - the expected number of cells in one row
    - an output of one column or an lse, with or without axes of length 1, as the row or column of a text table
    - the result's axes without some of length 1, such as that of one query, or with more of them
    """
    due = problem.shapes()[name]

    def lay_out(array: Array) -> Array:
        return array.reshape(due)

    joined = {(math.prod(due[:count]), *due[count:]): lay_out for count in range(2, len(due) + 1)}
    known = {(1, math.prod(due)): lay_out} | joined | _layouts_of_heads(name, problem, lay_out)
    if shape in known:
        return known[shape]
    longer, longer_due = ([size for size in each if size > 1] for each in (shape, due))
    is_column = name == "lse" or (name == "output" and due[-1] == 1)
    is_turned = len(shape) == len(due) and not is_column  # a row where a column is due
    return lay_out if longer == longer_due and not is_turned else lambda array: array


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


def _check_matrix(judge: Judge, verdict: str, measured: Measured) -> MatrixCheck:
    """Return the check of one matrix for the report."""
    name, expected = judge.name, judge.expected
    computed = measured.numbers[name]
    decimals = None if judge.claims is None or judge.tolerance is not None else judge.claims.decimals
    tolerance = "" if judge.tolerance is None else str(judge.tolerance)
    if computed.shape != expected.shape:
        return MatrixCheck(
            what=name,
            verdict=verdict,
            decimals=decimals,
            max_error=None,
            at=None,
            expected=None,
            computed=None,
            said=_describe_shapes(judge, measured),
            tolerance=tolerance,
        )
    at, units = judge.worst(measured)
    says, right = float(expected[at]), float(computed[at])
    error = 0.0 if units == 0 else abs(says - right)
    return MatrixCheck(
        what=name,
        verdict=verdict,
        decimals=decimals,
        max_error=error,
        at=judge.given_cell(at),
        expected=says,
        computed=right,
        text=judge.text_of(at),
        labels=_labels(measured.problem, name, at),
        tolerance=tolerance,
        errors=measure_errors(judge, measured),
        note=_describe_whole(judge, verdict, measured) or _describe_digits(judge, verdict, measured),
    )


def _without_needless_blanks(expected: Mapping[str, Matrix], given: Problem, measured: Measured) -> dict[str, Matrix]:
    """Return the expected matrices, in whose scores no masked cell is blank, without a last column that is empty where
    there is one more than is due: what a sign at the end of each line makes of a table."""
    found = dict(expected)
    for name in [name for name in expected if count_blanks(expected[name])]:
        *lead, width = measured.numbers[name].shape
        if expected[name].array.shape == (*lead, width + 1):
            found[name] = without_empty_column(expected[name])
    if (scores := found.get("scores")) is not None and count_blanks(scores):
        lay = _lay_by_head("scores", scores.array.shape, given)
        found["scores"] = fill_masked_cells(scores, lay, measured.numbers["scores"])
    return found


def _describe_shapes(judge: Judge, measured: Measured) -> str:
    """Return a sentence about the shape of the numbers, and whether they are the right ones, transposed."""
    due = judge.given_shape(measured.numbers[judge.name].shape)
    said = f"its shape is {_format_shape(judge.given_shape(judge.expected.shape))}; expected {_format_shape(due)}"
    turned = judge.transposed(measured.numbers[judge.name].shape)
    if turned is not None and turned.verdict(measured) != "wrong":
        return f"{said}. It holds the right numbers, transposed"
    if judge.name == "weights" and _ends_with_sums(judge.expected, due):
        return f"{said}. Its last column is the sum of each row: leave it out"
    return f"{said}{_describe_namesakes(judge, measured)}{_describe_own_queries(judge, measured)}"


def _ends_with_sums(array: Array, due: tuple[int, ...]) -> bool:
    """Return whether the numbers have a column more than is due, which is that of the ones to which weights add up."""
    return array.shape == (*due[:-1], due[-1] + 1) and bool((abs(array[..., -1] - 1) < SHOWS).all())


def _describe_namesakes(judge: Judge, measured: Measured) -> str:
    """Return which other result has this shape, of which the numbers may be."""
    shapes = {name: judge.given_shape(shape) for name, shape in measured.problem.shapes().items()}
    given = judge.given_shape(judge.expected.shape)
    if judge.name == "output" and given == shapes["weights"]:
        return ". The scores and the weights have this shape: if it is one of them, name it, as in weights: [[…]]"
    is_output = judge.name in ("raw_scores", "scores", "weights") and given == shapes.get("output")
    return ". The output has this shape" if is_output else ""


def _describe_own_queries(judge: Judge, measured: Measured) -> str:
    """Return how to give each entry a query of its own, if the numbers have one row for each entry and Q is one matrix
    for all."""
    problem, queries = measured.problem, measured.request.queries
    rows, width = problem.n, problem.d_k
    due = measured.numbers[judge.name].shape
    if queries is None or queries.array.ndim > 2 or problem.lead != (rows,) or judge.expected.shape != (rows, due[-1]):
        return ""
    return f". Each entry has all {rows} queries: for one of its own, give Q as {rows} × 1 × {width}"


def _describe_whole(judge: Judge, verdict: str, measured: Measured) -> str:
    """Return what a verdict on whole numbers is based on, if the right numbers are not whole."""
    if verdict in ("wrong", "carried") or judge.claims is None or not judge.claims.extremes.has_whole:
        return ""
    numbers: list[tuple[tuple[int, ...], float]] = []  # the first few right ones that are not whole
    for block in judge.blocks(measured):
        with np.errstate(invalid="ignore"):  # infinities
            differs = block.claims.is_whole & (np.abs(block.expected - block.computed) > SHOWS)
        places = np.flatnonzero(differs)[: FEW + 1].tolist()
        numbers = sorted(numbers + [(block.cell(place), float(block.computed.flat[place])) for place in places])
        numbers = numbers[: FEW + 1]
    right = [f"{number:.{2 if abs(number) >= 0.005 else 4}g}" for _, number in numbers[:FEW]]
    more = ", …" if len(numbers) > FEW else ""
    if not right:
        return ""
    verb = "one is" if len(right) == 1 else "ones are"
    return f"claims whole numbers only; the right {verb} {', '.join(right)}{more}"


def _describe_digits(judge: Judge, verdict: str, measured: Measured) -> str:
    """Return with how many fewer decimals, or only with the digits shown, every number of a wrong matrix is right."""
    if (
        verdict not in ("wrong", "carried")
        or judge.claims is None
        or judge.tolerance is not None
        or judge.claims.decimals is None
        or judge.claims.extremes.has_whole
    ):
        return ""
    if judge.claims.shows_less and replace(judge, claims=judge.claims.as_shown()).holds(measured):
        return f"{HOLDS} to the digits that it shows itself"
    for decimals in range(judge.claims.decimals - 1, 0, -1):
        unit = 10.0**-decimals
        if judge.largest < LEAST_DIGITS * unit:
            break
        if replace(judge, claims=judge.claims.with_decimals(decimals)).holds(measured):
            return f"{HOLDS} at {decimals} decimal{'' if decimals == 1 else 's'}: --digits {decimals}"
    return ""


def _format_shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "that of one number"


def _labels(problem: Problem, name: str, at: tuple[int, ...]) -> tuple[str | None, ...]:
    """Return the names of the worst cell's row and column."""
    labels = problem.words.labels
    columns = labels_of_columns(labels, name)
    # labels of the columns of V, not of all heads
    if columns is not None and len(columns) != problem.shapes()[name][-1]:
        columns = None
    rows, row = labels_of_rows(labels, name), at[-1] if name == "lse" or len(at) == 1 else at[-2]
    return rows[row] if rows and row < len(rows) else None, columns[at[-1]] if columns else None


def _refuse_other_orders(matrix: Matrix, name: str, labels: Labels) -> None:
    """Raise ProblemError for an expected matrix whose rows or columns are labelled in another order than the
    problem's."""
    for axis, known in ((ROWS, labels_of_rows(labels, name)), (COLUMNS, labels_of_columns(labels, name))):
        due = in_order_of_numbers(labels_along(matrix, axis)) if known is None else known
        if due is not None:
            refuse_other_order(matrix, axis, f"those of the right {name}", due)


def _refuse_gradients(worksheet: Worksheet, names: list[str], problem: Problem) -> None:
    """Raise ProblemError if a gradient is expected that the problem does not have."""
    for name in names:
        if name in GRADIENT_NAMES and problem.d_output is None:
            what = f"{name} is expected, but no gradient arrives at the output"
            raise ProblemError(worksheet.where, what, "add d_output, of the output's shape or the word ones; or --grad")
        if name in GRADIENT_NAMES and name not in problem.shapes():
            raise ProblemError(worksheet.where, f"{name} is expected, but the problem has no {name.removeprefix('d_')}")
