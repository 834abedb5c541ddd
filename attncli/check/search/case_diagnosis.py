"""Which matrices of a case are explained together: all of them, the first wrong one with the right ones, or each wrong
one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attncli.check.search.diagnosis import diagnose
from attncli.check.search.refused_routes import RefusedRoutes
from attncli.check.slips.case import listed, name_result
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.report import Diagnosis, MatrixCheck
    from attncli.check.tolerance.measures import Measured

ALONE = 4.0  # digits of evidence for a slip of the first wrong step that does not explain a later step


def diagnose_case(judges: dict[str, Judge], checks: Sequence[MatrixCheck], measured: Measured) -> tuple[Diagnosis, ...]:
    """Return the slips that explain all the numbers of these checks, or else those of the first wrong step beside the
    right ones, and single ones of each wrong matrix that they do not explain."""
    verdicts = {check.what: check.verdict for check in checks}
    differing = [name for name, verdict in verdicts.items() if verdict in ("wrong", "carried")]
    wrong = [name for name, verdict in verdicts.items() if verdict == "wrong"]
    is_rounded = all(check.is_rounded for check in checks if check.what in wrong)
    refused = RefusedRoutes() if len(judges) > 1 else None  # of a single matrix there is one search
    found = diagnose(judges, measured, differing, verdicts, is_rounded=is_rounded, refused=refused)
    if any(entry.slip != "impossible" for entry in found):
        return found
    right = [name for name in judges if name not in differing]
    entries: list[Diagnosis] = []
    for name, beside, pairs in ((wrong[0], right, True), *((name, [], False) for name in wrong[0 if right else 1 :])):
        until = {each: judge for each, judge in judges.items() if each == name or each in beside}
        if len(until) < len(judges) and not any(name in entry.explains for entry in entries):
            entries += diagnose(
                until, measured, [name], verdicts, is_rounded=True, least=ALONE, pairs=pairs, refused=refused
            )
    rest = [name for name in wrong if not any(name in entry.explains for entry in entries)]
    told = tuple(_tell_rest(entry, rest, right) for entry in entries)
    return (*told, *found) if rest or not told else told  # what is explained is no longer impossible


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
