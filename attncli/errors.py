"""The errors of attncli: one hierarchy, one exit status each, caught in one place."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of the process. Users may rely on these numbers."""

    DONE = 0
    DIFFERS = 1  # an answer differs, or some jobs of a batch failed
    FAULT = 2  # an error in usage, input or output, or a missing extra
    BUG = 70
    INTERRUPTED = 130


def printable(text: str) -> str:
    """Return the text as one line without terminal control characters or undecodable bytes, which are escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte that was not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode() if not "\ud800" <= letter <= "\udfff" else f"\\u{ord(letter):04x}"


class AttncliError(Exception):
    """An error that is reported to the user: where it is, what is wrong, and what to type instead.

    Messages quote names from files, so they are made printable here.
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


class ValueFault(ValueError):
    """A text is not a value of its kind: what is wrong, and what to type instead. Where it stands, the caller knows."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what if hint is None else f"{what}; {hint}")
        self.what = what
        self.hint = hint


class UsageError(AttncliError, ValueError):
    """An option or argument is not valid."""


class InputError(AttncliError):
    """A source cannot be read as matrices."""


class RowError(InputError):
    """A row of a table cannot be read, perhaps because a line above or below it is not part of the table."""


class ProblemError(AttncliError, ValueError):
    """Matrices and options do not fit together."""


class NumericError(AttncliError, ValueError):
    """The computing dtype cannot hold a number."""


class OutputError(AttncliError):
    """A result cannot be written."""


class BugError(AttncliError):
    """An error in attncli itself."""

    status = ExitStatus.BUG

    @classmethod
    def of(cls, error: Exception) -> BugError:
        """Return the error for an exception that Python raised, with its place."""
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"a bug, {type(error).__name__}: {error} ({place.name}, line {place.lineno})"
        return cls("attncli", what, "please report it with what ATTNCLI_DEBUG=1 shows")


class MissingExtraError(AttncliError):
    """An optional dependency of a feature is not installed."""

    def __init__(self, where: str, package: str, extra: str) -> None:
        super().__init__(where, f"this needs {package}, which is not installed", install_command(extra))
        self._arguments = (where, package, extra)

    def __reduce__(self) -> tuple[type[AttncliError], tuple[str, str, str]]:
        return type(self), self._arguments


def install_command(extra: str) -> str:
    """Return the command that installs an extra, as it works for the way in which this attncli was installed: from the
    checkout that it is in or came from, or else from the index."""
    import shlex

    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib is slow to start
    if not os.path.exists(os.path.join(root, "pyproject.toml")):  # noqa: PTH110, PTH118
        root = _folder_of_origin() or "attncli"
    try:
        place = "." if root == os.getcwd() else root  # noqa: PTH109
    except OSError:  # the working folder was removed
        place = root
    return f"pip install {shlex.quote(f'{place}[{extra}]')}"


def _folder_of_origin() -> str | None:
    """Return the folder that attncli was installed from, as pip noted it, or None."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote, urlsplit

    try:
        note = json.loads(distribution("attncli").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    url = urlsplit(str(note.get("url", "")))
    path = unquote(url.path)
    return path if url.scheme == "file" and os.path.isdir(path) else None  # noqa: PTH112


def system_reason(error: OSError) -> str:
    """Return the system's description of an error, beginning in lower case like attncli's messages."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


LIKENESS = 0.75  # of a word and a guess at it: a swapped or missing letter, but not another word


def nearest(word: str, choices: Sequence[str]) -> str | None:
    """Return the choice most similar to `word`, for a hint, or None if nothing is close."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), choices, n=1, cutoff=LIKENESS)
    swapped = [choice for choice in choices if sorted(choice) == sorted(word.lower())]
    shortened = [choice for choice in choices if choice.startswith(f"{word}.")]  # a file without its suffix
    return next(iter((*found, *swapped, *shortened)), None)


def format_errors(errors: Sequence[tuple[str, str | None]]) -> str:
    """Return the lines of errors, each with its hint. A hint that errors in a row share stands after the last of
    them."""
    lines = []
    following = [*(hint for _, hint in errors[1:]), None]
    for (what, hint), next_hint in zip(errors, following, strict=False):
        lines.append(f"error: {what}\n")
        if hint and hint != next_hint:
            lines.append(f"hint: {hint}\n")
    return "".join(lines)


def suggest(word: str, choices: Collection[str]) -> str:
    """Return the hint for a word that is not one of the choices: the nearest one, or else all of them."""
    near = nearest(word, tuple(choices))
    return f"did you mean {near!r}?" if near else f"one of: {', '.join(choices)}"


def check_choice(word: str, choices: Collection[str], option: str, noun: str) -> str:
    """Return the value of an option.

    Raises UsageError if it is not one of the choices, which are called `a format`, `a step`, …
    """
    if word not in choices:
        raise UsageError(option, f"{word!r} is not {noun}", suggest(word, choices))
    return word
