"""One problem under the conventions of several systems: whose results differ, and by which convention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from attncli.compare.comparison import Candidate
from attncli.errors import AttncliError, UsageError
from attncli.inputs.request import Request
from attncli.inputs.settings import BY_NAME as BY_SETTING
from attncli.problem.conventions import adopt_system
from attncli.problem.layouts import keep_layout
from attncli.problem.prepare import prepare
from attncli.results.conventions import conventions_that_differ
from attncli.systems import BY_NAME, NAMES


def system_candidates(
    request: Request, names: Sequence[str], apply_options: Callable[[Request], Request]
) -> tuple[list[Candidate], list[str]]:
    """Return the problem as each system would compute it, with a note for each system that was left out.

    A system uses its own conventions whatever the problem file says. `apply_options` applies the settings of the
    command line to a request, and these take precedence. For "all", systems that lack a feature of the problem are
    left out.
    """
    everyone = list(names) == ["all"]
    base = prepare(replace(keep_layout(apply_options(request)), system=None))
    found, left_out = [], []
    for name in NAMES if everyone else dict.fromkeys(names):
        system = BY_SETTING["system"].value(name, "--systems")
        asked = replace(apply_options(adopt_system(request, system)), system=system)
        try:
            causes = conventions_that_differ(base, prepare(asked))
        except AttncliError as error:
            if not everyone:
                raise
            left_out.append(f"{system} is left out: {error.what}")
            continue
        found.append(Candidate(system, asked, _note(system, causes), tuple(causes)))
    if not found:
        raise UsageError("--systems", "none of these systems supports this problem", left_out[0] if left_out else None)
    return found, left_out


def _note(system: str, causes: list[str]) -> str:
    text = f"differs by {'; '.join(causes)}" if causes else "as the problem stands"
    return f"{text} [{BY_NAME[system].describes}]"
