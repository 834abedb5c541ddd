"""The command line: parse, call, render, exit. Every error ends here, in one place."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from attncli.cli.output import PipeClosed, abandon, buffer_output, write_err, write_error, write_out
from attncli.errors import AttncliError, BugError, ExitStatus, system_reason
from attncli.version import __version__


class Terminated(BaseException):
    """A termination signal arrived: clean up as for Ctrl-C, so that no file stays half-written."""


# the signals that end a program, as far as the system has them, and their messages (SIGBREAK: a window is closed on
# Windows)
ENDINGS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up", "SIGBREAK": "interrupted"}


def run_cli(arguments: list[str]) -> int:
    """Run one command and return its exit status. No exception leaves this function."""
    buffer_output()
    _arrived.clear()
    if may_set_handlers():
        _catch_signals()
    try:
        return _flush_status(_dispatch(arguments))
    except AttncliError as error:
        return _report_fault(error.where, error.what, error.hint, error.status)
    except PipeClosed:
        return _end_broken_pipe()
    except (KeyboardInterrupt, Terminated):
        return _report_end()
    except MemoryError:
        return _report_fault(
            "memory",
            "not enough of it for this problem",
            "fewer results at once: --show output, or -q -o FILE.npy",
            ExitStatus.FAULT,
        )
    except OSError as error:
        where = "standard output" if error.filename is None else str(error.filename)
        return _report_fault(where, system_reason(error), None, ExitStatus.FAULT)
    except Exception as error:
        # an interrupt during the import of a library can be lost, and the half-imported library then fails
        return _report_end() if _arrived else _report_bug(error)


def may_set_handlers() -> bool:
    """Return whether signal handlers may be set, which only the main thread may do."""
    import threading

    return threading.current_thread() is threading.main_thread()


def _catch_signals() -> None:
    """Handle the signals that end a program, except those that a shell or nohup has set to be ignored."""
    for number in filter(None, (getattr(signal, name, None) for name in ENDINGS)):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _interrupt if number == signal.SIGINT else _terminate)


def _dispatch(arguments: list[str]) -> int:
    if arguments == ["--version"]:  # fast: not even typer is imported
        write_out(f"attncli {__version__}\n")
        return ExitStatus.DONE
    from attncli.cli.group import dispatch

    return dispatch(arguments)


def _flush_status(status: int) -> int:
    if sys.stdout is not None:
        sys.stdout.flush()
    return status


_arrived: list[int] = []  # the termination signals that have arrived


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _arrived.append(number)
    raise KeyboardInterrupt


def _terminate(number: int, _frame: FrameType | None) -> None:
    _arrived.append(number)
    raise Terminated


def _report_fault(where: str, what: str, hint: str | None, status: int) -> int:
    if os.environ.get("ATTNCLI_DEBUG") == "1":
        import traceback

        write_err(traceback.format_exc())
    write_error(f"{where}: {what}", hint)
    _abandon_output()
    return status


def _end_broken_pipe() -> int:
    """Exit silently, because a reader that closes the pipe is not an error."""
    _abandon_output()
    return ExitStatus.DONE


def _report_end() -> int:
    """Report the first of the signals that arrived."""
    number = signal.Signals(_arrived[0]) if _arrived else signal.SIGINT
    write_err(f"\n{ENDINGS[number.name]}\n")
    _abandon_output()
    return 128 + number


def _report_bug(error: Exception) -> int:
    bug = BugError.of(error)
    return _report_fault(bug.where, bug.what, bug.hint, bug.status)


def _abandon_output() -> None:
    """Keep the interpreter from flushing output that has no reader, which would raise a second error at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        abandon(sys.stdout)
