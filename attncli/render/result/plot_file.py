"""`--plot FILE`: refused early, drawn from computed results, written whole."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from attncli.errors import MissingExtraError, OutputError, UsageError
from attncli.files import path_text, refuse_existing, resolve_path
from attncli.records import record

if TYPE_CHECKING:
    from attncli.compare.comparison import Comparison
    from attncli.results.result import Result

TERMINAL = "-"
SUFFIXES = (".png", ".svg", ".pdf")


@record
class Drawing:
    """The picture of a command, or none."""

    path: str | None
    force: bool = False

    @classmethod
    def settle(cls, path: str | None, others: list[str], *, force: bool) -> Drawing:
        """Raise an error, before anything is computed, if the picture cannot be drawn or written.

        `others` are the other files that are written.
        """
        if path is None or path == TERMINAL:
            return cls(path)
        if _suffix(path) not in SUFFIXES:
            raise OutputError(
                "--plot", f"{path_text(path)} is not the name of a picture", f"one of: {' '.join(SUFFIXES)}"
            )
        if find_spec("matplotlib") is None:
            raise MissingExtraError("--plot", "matplotlib", "plot")
        if resolve_path(path) in map(resolve_path, others):
            raise UsageError("--plot", f"{path_text(path)} already receives a matrix", "give the picture its own file")
        refuse_existing([path], force)
        return cls(path, force)

    @property
    def is_shown(self) -> bool:
        """Whether the picture goes to the terminal and not to a file."""
        return self.path == TERMINAL

    def of_weights(self, result: Result, title: str | None) -> dict[str, list[bytes]]:
        """Draw the picture of a result's weights, and return the content of its file by path."""
        if self.path is None or self.is_shown:
            return {}
        from attncli.render.result.plot import weights_picture

        return {self.path: [weights_picture(result, _suffix(self.path), title)]}

    def of_comparison(self, comparison: Comparison, title: str | None) -> dict[str, list[bytes]]:
        """Draw the picture of every candidate's weights, and return the content of its file by path."""
        if self.path is None or self.is_shown:
            return {}
        from attncli.render.result.plot import comparison_picture

        return {self.path: [comparison_picture(comparison, _suffix(self.path), title)]}


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 - a trailing slash must stay
