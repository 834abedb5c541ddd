"""How functions are compiled: once per machine, into a cache of the user's, where an interrupt is not lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
from numba.core import config

from attncli.engine.compiled.exponential import EXACT
from attncli.matrix import Array
from attncli.version import __version__

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": EXACT, "error_model": "numpy"}


def cache_folder() -> str:
    """Return the folder for compiled code.

    It is in the user's cache, because site-packages may be read-only or shared, with one folder per version, because
    numba checks the date of only one source file.
    """
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(base) / "attncli" / f"numba-{__version__}")


class Compiled:
    """A loop that is compiled, or loaded from the cache, at its first call with arrays of some dtype.

    LLVM calls back into Python while it compiles, and an interrupt that is raised in such a callback is lost. Python
    raises interrupts on the main thread, so another thread compiles while the caller waits.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self._dispatcher = _dispatcher_of(function)
        self._ready: set[tuple[Any, ...]] = set()

    def __call__(self, *arrays: Array) -> None:
        kinds = tuple((array.dtype, array.flags.writeable) for array in arrays)
        if kinds not in self._ready:
            signature = tuple(numba.typeof(array) for array in arrays)
            with ThreadPoolExecutor(1, "attncli-compile") as aside:
                aside.submit(self._compile, signature).result()
            self._ready.add(kinds)
        self._dispatcher(*arrays)

    def _compile(self, signature: tuple[Any, ...]) -> None:
        try:
            self._dispatcher.compile(signature)
        except Exception:  # a damaged cache file raises whatever error its reader has
            self._dispatcher = numba.njit(**OPTIONS)(self._function)
            self._dispatcher.compile(signature)


def _dispatcher_of(function: Callable[..., None]) -> Any:
    """Return numba's object for the function, uncached if no cache can be written."""
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = before or cache_folder()
        return numba.njit(cache=True, **OPTIONS)(function)
    except (RuntimeError, OSError):
        return numba.njit(**OPTIONS)(function)
    finally:
        config.CACHE_DIR = before
