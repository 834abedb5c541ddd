"""Standard output for results, standard error for everything else."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterable
from itertools import chain
from typing import BinaryIO

from attncli.errors import InputError, OutputError, printable, system_reason

# what a terminal obeys, but for line ends and tabs; a label in CSV or JSON may hold any of it
STEERING = "[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
IN_COLOUR = re.compile(f"{STEERING}|\x1b(?!\\[[0-9;]*m)")  # the colours are ours
PLAIN = re.compile(f"{STEERING}|\x1b")


class PipeClosed(BaseException):
    """Whoever read standard output has gone. (No OSError: typer would end the program with status 1 for that.)"""


def buffer_output() -> None:
    """Replace a standard output without a buffer (PYTHONUNBUFFERED), which drops in silence what a short write leaves
    over; ours is flushed by every `say`."""
    stream = sys.stdout
    if stream is not None and isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        sys.stdout = os.fdopen(stream.fileno(), "w", encoding=stream.encoding, errors=stream.errors, closefd=False)


def write_out(text: str, *, in_colour: bool = True) -> None:
    """Write to standard output, on a terminal without what would steer it; OutputError where it cannot be written to.

    Where nothing of ours is `in_colour`, an escape for a colour is a file's, and is shown as text like the others.
    """
    if text:
        write_chunks([text], in_colour=in_colour)


def write_chunks(chunks: Iterable[str], *, in_colour: bool = True) -> None:
    """The same of a text that is made while it is written."""
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
    """Have documents, which programs read, written in UTF-8 whatever the locale's encoding is; a terminal keeps its."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")


def write_help(text: str) -> None:
    """Write help, in ASCII where standard output cannot say all of it."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        from attncli.render.result.tables import Style, to_ascii  # imports numpy, which other help needs not

        text = to_ascii(text, Style(ascii_only=True))
    write_out(text)


def page_out(text: str, *, in_colour: bool = True) -> None:
    """Write what people read to standard output: through $PAGER (less -R unless it says otherwise) where a terminal has
    fewer lines than the text, as it is everywhere else."""
    if not _is_interactive() or text.count("\n") < _terminal_lines() or (pager := _pager()) is None:
        write_out(text, in_colour=in_colour)
        return
    import subprocess

    shown = IN_COLOUR.sub(lambda found: printable(found[0]), text)
    try:
        environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
        subprocess.run(pager, input=shown.encode(sys.stdout.encoding, "replace"), env=environment, check=False)
    except OSError:  # a pager that is not there
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
    """The reader's pager, or less; None where they want none."""
    import shlex

    words = os.environ.get("PAGER", "less -R")
    try:
        return shlex.split(words) or None
    except ValueError:
        return None


def write_err(text: str) -> None:
    """Write lines to standard error, none of which steers a terminal; nothing is written where it is closed."""
    try:
        if sys.stderr is not None:
            sys.stderr.write("\n".join(map(printable, text.split("\n"))))
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def standard_input() -> BinaryIO:
    """Standard input as bytes; an InputError where it is closed."""
    if sys.stdin is None:
        raise InputError("standard input", "it is closed", "name a file")
    return sys.stdin.buffer
