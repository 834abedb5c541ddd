"""What is reported about a problem, beside its numbers."""

from __future__ import annotations

from dataclasses import field

from attncli.inputs.request import Labels
from attncli.records import record


@record
class Words:
    """The labels, the conventions in force by name, and the notes and warnings that need no calculation."""

    labels: Labels = Labels()
    conventions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
