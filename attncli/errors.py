"""Everything attncli can say no with: one hierarchy, one exit status each, caught at one boundary."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process returns; users may rely on these numbers."""

    DONE = 0
    DIFFERS = 1  # an answer differs, or some jobs of a batch failed
    FAULT = 2  # usage, input, output or a missing extra is at fault
    BUG = 70
    INTERRUPTED = 130


def printable(text: str) -> str:
    """The text as one line that no terminal obeys: control characters and bytes that are no text are escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte that was not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode() if not "\ud800" <= letter <= "\udfff" else f"\\u{ord(letter):04x}"


class AttncliError(Exception):
    """A fault to be told to the user: where it is, what is wrong, what to type instead.

    Names from files are quoted in it, so that it is made printable here, whoever raises it.
    """

    status = ExitStatus.FAULT

    def __init__(self, where: str, what: str, hint: str | None = None) -> None:
        self.where = printable(where)
        self.what = printable(what)
        self.hint = None if hint is None else printable(hint)
        super().__init__(f"{self.where}: {self.what}")
        if self.hint:
            self.add_note(f"hint: {self.hint}")

    def __reduce__(self) -> tuple[type[AttncliError], tuple[str, str, str | None]]:
        return type(self), (self.where, self.what, self.hint)


class UsageError(AttncliError, ValueError):
    """An option or argument that cannot be meant."""


class InputError(AttncliError):
    """A source that cannot be read as matrices."""


class ProblemError(AttncliError, ValueError):
    """Matrices and options that do not fit together."""


class NumericError(AttncliError, ValueError):
    """Numbers that the computing dtype cannot hold."""


class OutputError(AttncliError):
    """A result that cannot be written."""


class BugError(AttncliError):
    """A fault of attncli's own."""

    status = ExitStatus.BUG

    @classmethod
    def of(cls, error: Exception) -> BugError:
        """The error that Python raised, and where."""
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"a bug, {type(error).__name__}: {error} ({place.name}, line {place.lineno})"
        return cls("attncli", what, "please report it with what ATTNCLI_DEBUG=1 shows")


class MissingExtraError(AttncliError):
    """A feature whose optional dependency is not installed."""

    def __init__(self, where: str, package: str, extra: str) -> None:
        super().__init__(where, f"this needs {package}, which is not installed", f"pip install 'attncli[{extra}]'")
        self._arguments = (where, package, extra)

    def __reduce__(self) -> tuple[type[AttncliError], tuple[str, str, str]]:
        return type(self), self._arguments


def system_reason(error: OSError) -> str:
    """What the system says of an error, begun as a sentence of ours is."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def nearest(word: str, choices: Sequence[str]) -> str | None:
    """The choice most like `word`, for a hint; None where nothing is close."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return found[0] if found else None


def suggest(word: str, choices: Collection[str]) -> str:
    """The hint for a word that is none of the choices: the nearest one, else all of them."""
    near = nearest(word, tuple(choices))
    return f"did you mean {near!r}?" if near else f"one of: {', '.join(choices)}"
