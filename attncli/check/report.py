"""What `check` finds, as data: for a case, for each of its matrices, and the slips that explain a wrong one."""

from __future__ import annotations

from attncli.records import record

VERDICTS = (  # from best to worst
    "exact",
    "last-digit",
    "float32",
    "float16",
    "bfloat16",
    "input-rounding",
    "step-rounding",
    "within-tolerance",
    "carried",
    "wrong",
)


def worst(verdicts: list[str]) -> str:
    """The worst of several verdicts."""
    return max(verdicts, key=VERDICTS.index)


@record(kw_only=True)
class Errors:
    """The errors of one matrix for engineers: how large, against what, and where.

    `unit` is what errors are counted in: "ulp of float32", or "units of the last digit", both at the size of the
    largest right number. `largest`, `mean` and `percentile_99` are errors so counted (the last two of the finite ones),
    `own_units` is the worst error in the unit of its own cell, `plain` the largest that a plain computation in `dtype`
    may make (None where no dtype is claimed). `cosine` is that of the angle between all expected and all right numbers,
    and `gap` is 1 less the cosine, which has more digits (None for both where one side is all zeros). `beyond` is the
    number of cells whose error is more than that of print or computation, `structure` says what they have in common;
    `first` is the first of them, or the first cell that is not the right number as it is printed or stored.
    """

    unit: str
    largest: float
    mean: float
    percentile_99: float
    own_units: float
    cosine: float | None
    gap: float | None
    first: tuple[int, ...] | None
    dtype: str | None
    plain: float | None
    beyond: int
    cells: int
    structure: str


@record(kw_only=True)
class Baseline:
    """Another implementation's output against the right one: its verdict by itself, its largest and mean error, and the
    ratios of the expected output's errors to them (infinite where the baseline has none)."""

    verdict: str
    max_error: float
    mean_error: float
    ratio: float
    mean_ratio: float
    most: float


@record(kw_only=True)
class MatrixCheck:
    """One expected matrix against the right one; `at` is its worst cell, None where another shape says it all.

    `decimals` are those that its text claims, None where it was compared by tolerance. `said` is a sentence where the
    cell alone does not tell what is wrong, `note` one about what a verdict rests on. `labels` name the worst cell's row
    and column where they have names. `would_also_pass` are slips that pass for right numbers here.
    """

    what: str
    verdict: str
    decimals: int | None
    max_error: float | None
    at: tuple[int, ...] | None
    expected: float | None
    computed: float | None
    text: str | None = None
    labels: tuple[str | None, ...] = ()
    said: str = ""
    tolerance: str = ""
    errors: Errors | None = None
    note: str = ""
    would_also_pass: tuple[str, ...] = ()
    baseline: Baseline | None = None


@record(kw_only=True)
class Diagnosis:
    """A slip, or two joined with "+", that reproduces the expected numbers; `also` gives the same numbers here."""

    slip: str
    also: tuple[str, ...]
    verdict: str
    explains: tuple[str, ...]
    sentence: str


@record(kw_only=True)
class CaseReport:
    """One problem with expected numbers: its verdict is its worst check's."""

    name: str
    verdict: str
    checks: tuple[MatrixCheck, ...]
    diagnosis: tuple[Diagnosis, ...]
    title: str | None
    strict: bool
    notes: tuple[str, ...]

    @property
    def first_wrong(self) -> str | None:
        """The first wrong step."""
        return next((check.what for check in self.checks if check.verdict == "wrong"), None)

    @property
    def carried(self) -> tuple[str, ...]:
        """The steps that are wrong only because an earlier one is."""
        return tuple(check.what for check in self.checks if check.verdict == "carried")

    @property
    def would_also_pass(self) -> tuple[str, ...]:
        """The slips that would pass every check of the case."""
        first, *others = (check.would_also_pass for check in self.checks)
        return tuple(slip for slip in first if all(slip in other for other in others))

    @property
    def holds(self) -> bool:
        """Whether the numbers are right, by `--strict` where that was asked for."""
        return self.verdict == "exact" if self.strict else self.verdict != "wrong"
