"""A slip: its name, the routes that compute its numbers, and a sentence with the numbers of the problem."""

from __future__ import annotations

from collections.abc import Callable

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.records import record

# in the order in which two slips are made: matrices are transposed before they are swapped
FAMILIES = (
    "projection",
    "system",
    "score",
    "keys",
    "values",
    "queries",
    "heads",
    "mask",
    "seen",
    "stage",
    "scale",
    "softmax",
    "weights",
    "rounding",
    "result",
    "gradient softmax",
    "gradient scale",
    "gradient",
    "gradient place",
)


@record
class Slip:
    """A mistake.

    `routes(case)` are the ways to make it on this problem, or none if it makes no sense there. `sentence` says what was
    done and what is expected, where the route that was found does not say it. Slips of one `family` exclude each other.
    A slip that is not `paired` is only searched by itself: what is fitted to the expected numbers, what has many ways,
    what nothing in the problem asks for, and what leaves nothing for a second slip to change.
    One that is not, unless it `is_common`, needs evidence: in some digits, not counting the cells to which it has
    `fitted` numbers, its numbers must differ from the right ones. So does one that `is_slight`, whose numbers are near
    the right ones; with less evidence it is reported after the others. One that `is_late`, and changes a row or a few
    cells, is reported after single cells and fitted numbers. One that `passes_easily` agrees with nearly every print of
    few digits, and proves nothing against it. One that `follows_print` works on from a printed step: if it gives every
    digit of the next one, it needs no evidence.
    """

    name: str
    family: str
    routes: Callable[[Case], list[Route]]
    sentence: str | Callable[[Case], str]
    paired: bool = True
    is_common: bool = False
    is_slight: bool = False
    fitted: int = 0
    is_late: bool = False
    passes_easily: bool = False
    follows_print: bool = False

    @property
    def needs_evidence(self) -> bool:
        return self.is_slight or not (self.paired or self.is_common)

    def tell(self, case: Case) -> str:
        """Return the sentence about this case."""
        return self.sentence if isinstance(self.sentence, str) else self.sentence(case)

    @property
    def stage(self) -> int:
        """Return the order of the slip: of two slips, the one with the lower stage is made first."""
        return FAMILIES.index(self.family)
