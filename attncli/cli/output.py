"""Standard output for results, standard error for everything else."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterable
from itertools import chain
from typing import BinaryIO, TextIO

from attncli.errors import InputError, OutputError, format_errors, printable, system_reason
from attncli.patterns import pattern

# characters that control a terminal, except line ends and tabs; a label in CSV or JSON may contain any
STEERING = "[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
IN_COLOUR = pattern(f"{STEERING}|\x1b(?!\\[[0-9;]*m)")  # except colours, which are attncli's
PLAIN = pattern(f"{STEERING}|\x1b")


class PipeClosed(BaseException):
    """The reader of standard output is gone. (Not an OSError, for which typer would exit with status 1.)"""


def buffer_output() -> None:
    """Replace an unbuffered standard output (PYTHONUNBUFFERED), which silently drops the rest after a short write.

    The replacement is flushed after every message.
    """
    stream = sys.stdout
    if stream is not None and isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        sys.stdout = os.fdopen(stream.fileno(), "w", encoding=stream.encoding, errors=stream.errors, closefd=False)


def write_out(text: str, *, in_colour: bool = True) -> None:
    """Write to standard output, without control characters if it is a terminal.

    If the text is not `in_colour`, escapes for colours come from a file, and are shown as text like the others. Raises
    OutputError if standard output cannot be written to.
    """
    if text:
        write_chunks([text], in_colour=in_colour)


def write_chunks(chunks: Iterable[str], *, in_colour: bool = True) -> None:
    """Write a text in the same way while it is made."""
    if (first := next(iterator := iter(chunks), None)) is None:
        return
    if sys.stdout is None:
        raise OutputError("standard output", "it is closed", "use -o FILE, or -q for nothing")
    try:
        if not in_colour:
            _speak_utf8()
        steering = (IN_COLOUR if in_colour else PLAIN) if sys.stdout.isatty() else None
        for text in chain([first], iterator):
            sys.stdout.write(text if steering is None else steering.sub(lambda found: printable(found[0]), text))
        sys.stdout.flush()
    except BrokenPipeError:
        raise PipeClosed from None
    except UnicodeEncodeError as error:
        hint = "set PYTHONUTF8=1 or use --ascii"
        raise OutputError(
            "standard output", f"its encoding {error.encoding} has no {error.object[error.start]!r}", hint
        ) from None
    except OSError as error:
        raise OutputError("standard output", system_reason(error)) from None


def _speak_utf8() -> None:
    """Write documents, which programs read, in UTF-8 whatever the locale's encoding. A terminal keeps its encoding."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")


def write_prose(text: str) -> None:
    """Write help, or a line for people: in ASCII if standard output cannot encode all of it."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        from attncli.render.result.tables import Style, to_ascii  # imports numpy, which most help does not need

        text = to_ascii(text, Style(ascii_only=True))
    write_out(text)


def page_out(text: str, *, in_colour: bool = True) -> None:
    """Write text for people to standard output, through $PAGER (default less -R) if it is longer than the terminal."""
    if not _is_interactive() or text.count("\n") < _terminal_lines() or (pager := _pager()) is None:
        write_out(text, in_colour=in_colour)
        return
    import subprocess

    shown = IN_COLOUR.sub(lambda found: printable(found[0]), text)
    try:
        environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
        subprocess.run(pager, input=shown.encode(sys.stdout.encoding, "replace"), env=environment, check=False)
    except OSError:  # the pager does not exist
        write_out(text, in_colour=in_colour)


def _is_interactive() -> bool:
    streams = (sys.stdin, sys.stdout)
    return all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM") != "dumb"


def _terminal_lines() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines or 24
    except (OSError, ValueError):
        return 24


def _pager() -> list[str] | None:
    """Return the user's pager, or less, or None if the user wants none."""
    import shlex

    words = os.environ.get("PAGER", "less -R")
    try:
        return shlex.split(words) or None
    except ValueError:
        return None


def write_err(text: str) -> None:
    """Write lines to standard error, without control characters. Nothing is written if it is closed."""
    try:
        if sys.stderr is not None:
            sys.stderr.write("\n".join(map(printable, text.split("\n"))))
            sys.stderr.flush()
    except (OSError, ValueError):
        abandon(sys.stderr)


def write_remarks(notes: Iterable[str], warnings: Iterable[str], written: Iterable[str] = ()) -> None:
    """Write what follows the results of a command to standard error: notes, warnings, each once, and the files."""
    for kind, remarks in (("note", notes), ("warning", warnings)):
        for remark in dict.fromkeys(remarks):
            write_err(f"{kind}: {printable(remark)}\n")
    for line in written:
        write_err(f"{line}\n")


def write_error(what: str, hint: str | None) -> None:
    """Write an error and its cure to standard error."""
    write_err(format_errors([(what, hint)]))


def abandon(stream: TextIO) -> None:
    """Discard what a stream could not write, which the interpreter would try again at exit and end with status 120."""
    with contextlib.suppress(OSError, ValueError):  # it is closed
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def standard_input() -> BinaryIO:
    """Return standard input as bytes.

    Raises InputError if it is closed.
    """
    if sys.stdin is None:
        raise InputError("standard input", "it is closed", "name a file")
    return sys.stdin.buffer
