"""Standard output for results, standard error for everything else."""

from __future__ import annotations

import sys
from typing import BinaryIO

from attncli.errors import InputError, OutputError


class PipeClosed(BaseException):
    """Whoever read standard output has gone. (No OSError: typer would end the program with status 1 for that.)"""


def say(text: str) -> None:
    """Write to standard output; an OutputError where there is none to write to."""
    if not text:
        return
    if sys.stdout is None:
        raise OutputError("standard output", "it is closed", "use -o FILE, or -q for nothing")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise PipeClosed from None
    except UnicodeEncodeError as error:
        hint = "set PYTHONUTF8=1 or use --ascii"
        raise OutputError(
            "standard output", f"its encoding {error.encoding} has no {error.object[error.start]!r}", hint
        ) from None
    except OSError as error:
        raise OutputError("standard output", (error.strerror or str(error)).lower()) from None


def tell(text: str) -> None:
    """Write to standard error; where that is closed there is nobody to tell."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except (OSError, ValueError):
        pass


def standard_input() -> BinaryIO:
    """Standard input as bytes; an InputError where it is closed."""
    if sys.stdin is None:
        raise InputError("standard input", "it is closed", "name a file")
    return sys.stdin.buffer
