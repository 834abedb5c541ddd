"""What a notebook shows of a result: tables with heat colours, the worked solution, and the picture."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import MissingExtraError
from attncli.inputs.request import ONES
from attncli.matrix import Matrix
from attncli.results.result import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from attncli.explain.page import Explanation
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

FRAME_HEIGHT = "32rem"


class NotebookResult(Result):
    """A result that keeps its request, so that it can be explained and drawn."""

    def __init__(self, problem: Problem, engine: str, request: Request) -> None:
        super().__init__(problem, engine)
        self.request = request

    def __repr__(self) -> str:
        """Return what was calculated, in five lines, without computing anything."""
        from attncli.render.result.summary import summary_lines

        return "\n".join(summary_lines(self, frozenset(self._arrays)))

    def _repr_html_(self) -> str:
        from attncli.render.result.html import result_html

        return result_html(self)

    def explain(
        self,
        *queries: int | str,
        until: str = "output",
        digits: int = 4,
        d_output: ArrayLike | str | None = None,
        blocks: int | None = None,
    ) -> Worked:
        """Return the worked solution of these queries, by number or label (default: all of a small problem, or the
        first).

        With a gradient at the output, or the word "ones", it includes the gradients, and with `blocks` the softmax as
        a running one, over blocks of so many keys.
        """
        from attncli.explain import explain

        words, request = [str(query) for query in queries], self.request
        if d_output is not None:
            is_word = isinstance(d_output, str) and d_output == ONES
            arriving = Matrix(np.ones(()) if is_word else np.asarray(d_output), ONES if is_word else "d_output")
            request = replace(request, d_output=arriving)
        page = explain(
            request,
            queries=words,
            until=until,
            digits=digits,
            engine=self.engine,
            backward=d_output is not None,
            blocks=blocks,
        )
        return Worked(page)

    def plot(self, title: str | None = None) -> Picture:
        """Return the weights as a picture.

        Raises MissingExtraError if matplotlib is not installed (extra `plot`).
        """
        if find_spec("matplotlib") is None:
            raise MissingExtraError("plot", "matplotlib", "plot")
        from attncli.render.result.plot import weights_picture

        return Picture(weights_picture(self, ".svg", title).decode())


class Worked:
    """A worked solution: text at a prompt, a page in a notebook."""

    def __init__(self, page: Explanation) -> None:
        self.page = page

    def __repr__(self) -> str:
        return self._text("text").rstrip("\n")

    def _repr_markdown_(self) -> str:
        return self._text("markdown")

    def _repr_html_(self) -> str:
        """Return the page in a frame, so that its styles and the notebook's do not mix."""
        style = f"width:100%;height:{FRAME_HEIGHT};border:0"
        return f'<iframe srcdoc="{escape(self._text("html"))}" style="{style}" title="worked solution"></iframe>'

    def _text(self, format: str) -> str:
        from attncli.render.explain.formats import page_renderer
        from attncli.render.result.tables import Style

        return page_renderer(format)(self.page, Style())


class Picture:
    """A picture that a notebook shows. `svg` is its text."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        return f"<picture of {len(self.svg):,} characters of SVG>"

    def _repr_svg_(self) -> str:
        return self.svg
