"""What other versions or paths of a system do otherwise, told where it can matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attncli.systems import BETWEEN, BY_NAME, CAPPED, TALL, UNEVEN, WIDE

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

# of an aside that the problem alone decides; a query with no key is found by the calculation
APPLIES: dict[str, Callable[[Problem], bool]] = {
    UNEVEN: lambda problem: _is_causal_alone(problem) and problem.n != problem.m,
    TALL: lambda problem: problem.visible.has_order and problem.n > problem.m,
    WIDE: lambda problem: _is_causal_alone(problem) and problem.mask is None and problem.n < problem.m,
    BETWEEN: lambda problem: (
        problem.visible.is_causal and problem.n == 1 and 0 < min(problem.visible.offsets) < problem.m - 1
    ),
    CAPPED: lambda problem: problem.softcap is not None and _forbids_or_adds(problem),
}
ABOUT_THE_CORNER = (UNEVEN, TALL, WIDE)


def describe_asides(problem: Problem, request: Request) -> list[str]:
    """Return a note for each aside of the request's system that can change the numbers of this problem."""
    system = BY_NAME.get(request.system or "")
    if system is None:
        return []
    return [
        f"as {system.name}: {aside.words}"
        for aside in system.asides
        if aside.when in APPLIES
        and APPLIES[aside.when](problem)
        and (aside.when not in ABOUT_THE_CORNER or request.align == system.corner)
    ]


def _is_causal_alone(problem: Problem) -> bool:
    return problem.visible.is_causal and problem.visible.left is None


def _forbids_or_adds(problem: Problem) -> bool:
    return problem.mask is not None or problem.bias is not None or not problem.visible.is_everything
