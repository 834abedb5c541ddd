"""`check`: compare each expected matrix of a worksheet with the right one, and find the mistake if it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from attncli.check.baseline import compare_baseline
from attncli.check.blank_cells import fill_blank_cells
from attncli.check.expected_matrix import Tolerance
from attncli.check.half_precision import recognize_narrow
from attncli.check.judge import Judge, make_judge, recognize_float32, recognize_rounded
from attncli.check.matrix_checks import describe_matrix
from attncli.check.refusals import refuse_misfits, refuse_nothing_expected
from attncli.check.report import Baseline, CaseReport, Diagnosis, MatrixCheck, worst
from attncli.check.routes import RIGHT, Route, mean_over_heads
from attncli.check.steps import verdicts_of
from attncli.check.tolerance.measures import Measured
from attncli.check.tolerance.rounding import find_rounded_inputs
from attncli.errors import ProblemError, UsageError
from attncli.inputs.request import EXPECTED_NAMES
from attncli.problem.layouts import give_heads_first
from attncli.threads import one_blas_thread

if TYPE_CHECKING:
    from attncli.inputs.request import Worksheet
    from attncli.matrix import Matrix
    from attncli.problem.problem import Problem

AVERAGED = Route(present=mean_over_heads)


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
    refuse_nothing_expected(worksheet)
    if baseline is not None and (rtol, atol) != (None, None):
        raise UsageError("--baseline", "already sets a tolerance", "leave out --rtol and --atol")
    names = [name for name in EXPECTED_NAMES if name in worksheet.expected]
    given = RIGHT.problem(worksheet.request, describes=True)
    request = give_heads_first(worksheet.request, given)
    problem = RIGHT.problem(request, describes=True) if given.heads_last else given
    refuse_misfits(worksheet, problem)
    is_averaged = _expects_mean_of_heads(worksheet, problem)
    measured = Measured(AVERAGED if is_averaged else RIGHT, request, names, find_rounded_inputs(request))

    tolerance = None if rtol is None and atol is None else Tolerance(rtol or 0.0, atol or 0.0)
    filled = {name: fill_blank_cells(name, worksheet.expected[name], given, measured.numbers[name]) for name in names}
    judges = {
        name: make_judge(name, answer.matrix, given, _digits_of(worksheet, name, digits), tolerance, strict)
        for name, answer in filled.items()
    }
    partly_blank = {name: judges.pop(name) for name in names if filled[name].blanks}
    judges = recognize_rounded(recognize_float32(judges, request), measured)
    judges = recognize_narrow(judges, measured)
    beside = None
    if baseline is not None:
        beside, judges = _compare_with_baseline(baseline, worksheet, given, judges, measured)

    verdicts = verdicts_of(judges, measured)
    found = {name: describe_matrix(judge, verdicts[name], measured) for name, judge in judges.items()}
    diagnosis: tuple[Diagnosis, ...] = ()
    if search:
        diagnosis, found = _search(judges, verdicts, found, measured)
    for name, judge in partly_blank.items():
        found[name] = filled[name].report(describe_matrix(judge, judge.verdict(measured), measured))
    if beside is not None:
        found["output"] = replace(found["output"], baseline=beside)
    if is_averaged:
        found["weights"] = _note_mean(found["weights"], problem)
    verdict = worst([each.verdict for each in found.values()])
    return CaseReport(
        name=worksheet.name,
        title=worksheet.title,
        verdict=verdict,
        checks=tuple(found[name] for name in names),
        diagnosis=diagnosis,
        strict=strict,
        notes=tuple(dict.fromkeys([*worksheet.notes, *_notes_of_axes(given, verdict), *measured.problem.words.notes])),
    )


def _search(
    judges: dict[str, Judge], verdicts: dict[str, str], found: dict[str, MatrixCheck], measured: Measured
) -> tuple[tuple[Diagnosis, ...], dict[str, MatrixCheck]]:
    """Return the slips that explain wrong numbers, and the checks, which say of right ones what else would pass."""
    if "wrong" in verdicts.values():
        from attncli.check.search.case_diagnosis import diagnose_case

        return diagnose_case(judges, tuple(found.values()), measured), found
    if not judges:
        return (), found
    from attncli.check.search.power import would_also_pass

    powers = would_also_pass(judges, verdicts, measured)
    told = {name: replace(found[name], would_also_pass=own.slips, tighter=own.tighter) for name, own in powers.items()}
    return (), {**found, **told}


def _compare_with_baseline(
    baseline: Matrix, worksheet: Worksheet, given: Problem, judges: dict[str, Judge], measured: Measured
) -> tuple[Baseline, dict[str, Judge]]:
    """Return the errors of the baseline beside those of the output, and the judges, of which that of the output allows
    twice as much."""
    if "output" not in judges:
        hint = "--expect-output SOURCE gives the output to compare with it"
        raise ProblemError(worksheet.where, "a baseline is given, but no output is expected", hint)
    theirs = recognize_narrow({"output": make_judge("output", baseline, given, None, None, False)}, measured)["output"]
    found, tolerance = compare_baseline(judges["output"], theirs, measured)
    if tolerance is None:
        return found, judges
    return found, {**judges, "output": replace(judges["output"], tolerance=tolerance, is_default=False)}


def _notes_of_axes(problem: Problem, verdict: str) -> list[str]:
    """Return how the axes were read, which a wrong verdict may come from."""
    axes = problem.words.conventions.get("axes") if verdict == "wrong" else None
    return [f"Q, K and V were read as {axes}"] if axes else []


def _expects_mean_of_heads(worksheet: Worksheet, problem: Problem) -> bool:
    """Return whether one matrix of weights is expected for a problem with several heads."""
    matrix, lead = worksheet.expected.get("weights"), problem.lead
    if matrix is None or not lead or lead[-1] == 1:
        return False
    return matrix.array.shape == (*lead[:-1], problem.n, problem.m)


def _note_mean(check: MatrixCheck, problem: Problem) -> MatrixCheck:
    """Return the check of weights with a note that they were compared with the mean of all heads."""
    said = f"compared with the mean of the {problem.lead[-1]} heads' weights, as their shape is (heads-averaged)"
    return replace(check, note=check.note or said)


def _digits_of(worksheet: Worksheet, name: str, digits: int | None) -> int | None:
    if digits is None:
        said = worksheet.digits
        digits = said.get(name) if isinstance(said, Mapping) else said
    if digits is not None and not 0 <= digits <= 17:
        raise UsageError("--digits", f"{digits} is not between 0 and 17")
    return digits
