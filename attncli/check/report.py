"""The findings of `check` as data: for a case, for each of its matrices, and the slips that explain a wrong one."""

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


ABSOLUTE = "1"  # the unit of errors that are reported as they are
HOLDS = "every number holds"  # how a note begins that a wrong matrix is right with fewer digits


def worst(verdicts: list[str]) -> str:
    """Return the worst of several verdicts."""
    return max(verdicts, key=VERDICTS.index)


@record(kw_only=True)
class Errors:
    """The errors of one matrix for engineers: how large, against what, and where.

    `unit` is the unit of the errors: "ulp of float32", or "units of the last digit", both at the largest right number,
    or 1 where a tolerance was given for texts.
    `largest`, `mean` and `percentile_99` are errors in this unit (the last two of the finite ones), `own_units` is the
    worst error in the unit of its own cell, and `plain` is the largest error that a plain computation in `dtype` may
    make (None if no dtype is claimed).

    `cosine` is that of the angle between all expected and all right numbers, and `gap` is 1 minus the cosine, with more
    digits (None for both if one side is all zeros). `beyond` is the number of cells whose error exceeds that of print
    or computation, and `structure` is their pattern. `first` is the first of them, or the first cell that is not the
    right number as it is printed or stored.
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
    """Another implementation's output against the right one: its own verdict, its largest and mean error, and the
    ratios of the expected output's errors to them (infinite if the baseline has none)."""

    verdict: str
    max_error: float
    mean_error: float
    ratio: float
    mean_ratio: float
    most: float


@record(kw_only=True)
class MatrixCheck:
    """One expected matrix against the right one. `at` is its worst cell, or None if the shape differs.

    `decimals` are those that its text claims, or None if it was compared by tolerance. `said` is a sentence if the cell
    does not show what is wrong, and `note` one about the basis of the verdict. `labels` name the worst cell's row and
    column, if they have names. `blank` is the number of cells without an answer. `would_also_pass` are slips whose
    numbers would pass here, and `tighter` says what would tell them apart.
    """

    what: str
    verdict: str
    decimals: int | None
    max_error: float | None = None
    at: tuple[int, ...] | None = None
    expected: float | None = None
    computed: float | None = None
    text: str | None = None
    labels: tuple[str | None, ...] = ()
    said: str = ""
    tolerance: str = ""
    errors: Errors | None = None
    note: str = ""
    would_also_pass: tuple[str, ...] = ()
    tighter: str = ""
    baseline: Baseline | None = None
    blank: int = 0

    @property
    def is_rounded(self) -> bool:
        """Return whether the numbers are wrong only in their last digits."""
        return self.note.startswith(HOLDS)


@record(kw_only=True)
class Diagnosis:
    """A slip, or two joined with "+", that reproduces the expected numbers. `also` are slips that give the same numbers
    here. It `may_be_chance` if so few digits differ from the right ones that one of all slips might agree with any
    numbers."""

    slip: str
    also: tuple[str, ...]
    verdict: str
    explains: tuple[str, ...]
    sentence: str
    may_be_chance: bool = False


@record(kw_only=True)
class CaseReport:
    """One problem with expected numbers. Its verdict is the worst of its checks."""

    name: str
    verdict: str
    checks: tuple[MatrixCheck, ...]
    diagnosis: tuple[Diagnosis, ...]
    title: str | None
    strict: bool
    notes: tuple[str, ...]

    @property
    def first_wrong(self) -> str | None:
        """Return the first wrong step, or None."""
        return next((check.what for check in self.checks if check.verdict == "wrong"), None)

    @property
    def carried(self) -> tuple[str, ...]:
        """Return the steps that are wrong only because an earlier one is."""
        return tuple(check.what for check in self.checks if check.verdict == "carried")

    @property
    def would_also_pass(self) -> tuple[str, ...]:
        """Return the slips that would pass every check of the case."""
        first, *others = (check.would_also_pass for check in self.checks)
        return tuple(slip for slip in first if all(slip in other for other in others))

    @property
    def holds(self) -> bool:
        """Return whether the numbers are right, by `--strict` if that was requested."""
        return self.verdict == "exact" if self.strict else self.verdict != "wrong"
