"""What slips and their sentences need of a case: the problem, the expected matrices, and words for both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.records import record
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem


def has_mask(problem: Problem) -> bool:
    """Return whether anything in the problem keeps a query from a key."""
    is_given = problem.mask is not None or problem.segments is not None
    has_bias = problem.bias is not None and bool(np.isneginf(problem.bias).any())
    return is_given or has_bias or not problem.visible.is_everything


@record
class Case:
    """A wrong case: the expected matrices, of which `wrong` are wrong, and the right numbers."""

    judges: dict[str, Judge]
    wrong: tuple[str, ...]
    right: Measured
    least: float = 0.0  # digits of evidence that every slip needs

    @property
    def request(self) -> Request:
        """Return the request as it was made."""
        return self.right.request

    @property
    def problem(self) -> Problem:
        """Return the right problem."""
        return self.right.problem

    @property
    def n(self) -> int:
        return self.problem.n

    @property
    def m(self) -> int:
        return self.problem.m

    @property
    def d_k(self) -> int:
        return self.problem.d_k

    @property
    def heads(self) -> int:
        return self.problem.heads

    @property
    def width(self) -> int:
        """Return the number of columns of all heads together."""
        return self.d_k * self.problem.heads

    def has_stage(self, *names: str) -> bool:
        """Return whether the problem has any of these stages, by the names of its fields, or another normalizer than
        softmax."""
        return self.problem.normalizer is not SOFTMAX or any(getattr(self.problem, name) is not None for name in names)

    @property
    def is_masked(self) -> bool:
        """Return whether anything keeps a query from a key."""
        return has_mask(self.problem)

    @property
    def masks(self) -> str:
        """Return the masks of the problem, in words."""
        request = self.request
        told = ["the mask"] if request.mask is not None else []
        told += ["the causal mask"] if request.causal else []
        told += ["the window"] if request.window not in (None, (-1, -1)) else []
        told += ["the chunks"] if request.chunk is not None else []
        told += ["the segments"] if request.segments is not None else []
        told += ["the mask of the key lengths"] if request.key_lengths is not None else []
        return " or ".join(told) or "the mask"

    def masks_of(self, kinds: tuple[str, ...]) -> list[str]:
        """Return the masks of these kinds, in words."""
        request, bias = self.request, self.problem.bias
        is_explicit = request.mask is not None or (bias is not None and bool(np.isneginf(bias).any()))
        named = {
            "mask": (["the mask"] if is_explicit else []) + (["the segments"] if request.segments is not None else []),
            "order": (["the causal mask"] if request.causal else [])
            + (["the window"] if request.window not in (None, (-1, -1)) else [])
            + (["the chunks"] if request.chunk is not None else []),
            "lengths": ["the mask of the key lengths"] if request.key_lengths is not None else [],
        }
        return [name for kind in kinds for name in named[kind]]

    @property
    def order(self) -> str:
        """Return what hides the keys after a query by their position, in words."""
        return "the causal mask" if self.problem.visible.is_causal else "the window"

    @property
    def output_shape(self) -> str:
        """Return the shape of the output, in words."""
        shape = self.problem.shapes()["output"]
        return " × ".join(map(str, self.judges["output"].given_shape(shape) if "output" in self.judges else shape))

    @property
    def position(self) -> str:
        """Return the position of query i, in words."""
        return position_text(self.problem.visible.offsets[0])

    @property
    def variant(self) -> str:
        return self.problem.variant.name

    @property
    def formula(self) -> str:
        return self.problem.variant.formula

    @property
    def score(self) -> str:
        """Return the raw score for all pairs."""
        return "QKᵀ" if self.problem.variant.is_dot else self.formula

    def divide_score(self, divisor: str) -> str:
        """Return the score divided by `divisor`."""
        return f"{self.score}/{divisor}" if self.score == "QKᵀ" else f"({self.score}) / {divisor}"

    @property
    def scaled_score(self) -> str:
        """Return the score with the right scale."""
        if self.problem.scale == 1:
            return self.score
        if self.problem.scale_text == "1/sqrt(dk)":
            return self.divide_score("√d_k")
        return f"{self.score} · {self.factor}"

    @property
    def factor(self) -> str:
        scales = self.problem.head_scales or (self.problem.scale,)
        return ", ".join(f"{scale:.6g}" for scale in scales)

    @property
    def length(self) -> str:
        length = self.problem.length_scale
        return "1" if length is None else f"{length:g}"

    @property
    def subject(self) -> str:
        """Return the name of the wrong matrix that is nearest to the inputs."""
        return self.wrong[0]

    @property
    def yours(self) -> str:
        """Return "your weights are", "your output is"."""
        return f"your {name_result(self.subject)} {'is' if self.subject == 'output' else 'are'}"

    @property
    def those(self) -> str:
        """Return "your weights are those" or "your output is that"."""
        return f"{self.yours} {'that' if self.subject == 'output' else 'those'}"

    def weighing(self, scores: str) -> str:
        """Return the formula of the wrong matrix, given that of its scores."""
        if self.subject in ("raw_scores", "scores"):
            return scores
        if self.subject == "lse":
            return f"log Σ exp({scores})"
        return f"softmax({scores}){' V' if self.subject == 'output' else ''}"


def name_result(name: str) -> str:
    """Return the words for a result: "raw scores", "log-sum-exps"."""
    return {"raw_scores": "raw scores", "lse": "log-sum-exps"}.get(name, name)


def count_keys(count: int) -> str:
    """Return "1 key" or "2 keys"."""
    return f"{count} key" if count == 1 else f"{count} keys"


def listed(names: list[str]) -> str:
    """Join names: "Q", "Q and K", "Q, K and V"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def list_numbers(numbers: Sequence[float], most: int = 6) -> str:
    """Return the first numbers: "1, 0.5, 0.25, 0.125, …"."""
    first = [str(number) if isinstance(number, int) else f"{number:g}" for number in numbers[:most]]
    return ", ".join(first) + (", …" if len(numbers) > most else "")


def square_root(d_k: int) -> str:
    """Return √d_k, as a whole number if it is one."""
    root = math.isqrt(d_k)
    return str(root) if root * root == d_k else f"{math.sqrt(d_k):.4f}"


def _shortened(text: str) -> str:
    """Return a plain number as sentences have it, or another text unchanged."""
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text


def scaling(case: Case) -> str:
    """Return how to scale the raw scores."""
    text = case.problem.scale_text
    if case.problem.head_scales is not None:
        return f"multiply the raw scores of each head by its own scale: {case.factor}"
    if case.problem.scale == 1:
        return "the raw scores are not to be scaled"
    if text == "1/sqrt(dk)":
        return f"divide by √d_k = {square_root(case.d_k)}"
    if text == "1/dk":
        return f"divide by d_k = {case.d_k}"
    said = "" if f"{case.problem.scale:.6g}" in (text.strip(), _shortened(text)) else f" ({text})"
    return f"multiply the raw scores by {case.factor}{said}"
