"""Everything attncli can say no with: one hierarchy, one exit status each, caught at one boundary."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process returns; users may rely on these numbers."""

    DONE = 0
    DIFFERS = 1  # an answer differs, or some jobs of a batch failed
    FAULT = 2  # usage, input, output or a missing extra is at fault
    BUG = 70
    INTERRUPTED = 130


class AttncliError(Exception):
    """A fault to be told to the user: where it is, what is wrong, what to type instead."""

    status = ExitStatus.FAULT

    def __init__(self, where: str, what: str, hint: str | None = None) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what
        self.hint = hint

    def __reduce__(self) -> tuple[type[AttncliError], tuple[str, str, str | None]]:
        return type(self), (self.where, self.what, self.hint)


class UsageError(AttncliError):
    """An option or argument that cannot be meant."""


class InputError(AttncliError):
    """A source that cannot be read as matrices."""


class ProblemError(AttncliError):
    """Matrices and options that do not fit together."""


class NumericError(AttncliError):
    """Numbers that the computing dtype cannot hold."""


class OutputError(AttncliError):
    """A result that cannot be written."""


class MissingExtraError(AttncliError):
    """A feature whose optional dependency is not installed."""

    def __init__(self, where: str, package: str, extra: str) -> None:
        super().__init__(where, f"this needs {package}, which is not installed", f"pip install 'attncli[{extra}]'")
        self._arguments = (where, package, extra)

    def __reduce__(self) -> tuple[type[AttncliError], tuple[str, str, str]]:
        return type(self), self._arguments


def nearest(word: str, choices: Sequence[str]) -> str | None:
    """The choice most like `word`, for a hint; None where nothing is close."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return found[0] if found else None
