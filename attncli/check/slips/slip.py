"""A slip: its name, the routes by which the numbers may have come about, and a sentence with the problem's numbers."""

from __future__ import annotations

from collections.abc import Callable

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.records import record

# in the order in which two slips are made; matrices are turned before they change places
FAMILIES = (
    "projection",
    "system",
    "score",
    "keys",
    "values",
    "queries",
    "heads",
    "mask",
    "stage",
    "scale",
    "softmax",
    "weights",
    "rounding",
    "result",
    "gradient",
)


@record
class Slip:
    """`routes(case)` are the ways to make the slip on this problem, none where it makes no sense there; `sentence` says
    what was done and what is expected. Slips of one `family` exclude each other. One that is not `paired` is searched
    alone: it changes so much that anything beside it is believed too easily, or takes too long. `evidence` are the
    decimal digits in which its numbers must differ from the right ones to be believed, not counting the cells it has
    `fitted` numbers left out."""

    name: str
    family: str
    routes: Callable[[Case], list[Route]]
    sentence: Callable[[Case], str]
    paired: bool = True
    evidence: float = 0.0
    fitted: int = 0

    @property
    def stage(self) -> int:
        """Of two slips the one of the lower stage is made first."""
        return FAMILIES.index(self.family)
