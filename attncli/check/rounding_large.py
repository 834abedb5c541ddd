"""The rounding bound of a problem too large to move each input by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from attncli.check.routes import Route
    from attncli.request import Request

Array = np.ndarray


def bound_of(route: Route, request: Request, numbers: dict[str, Array], halves: dict[str, Array], name: str) -> Array:
    """Nothing is explained yet."""
    del route, request, halves
    return np.full(numbers[name].shape, np.inf)
