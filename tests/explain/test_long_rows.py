"""A row of very many features is explained by the few that are shown: no object is made for each of the others."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from attncli.expressions import Numeral


@pytest.mark.parametrize("variant", ["scaled", "laplace", "gaussian", "cosine"])
def test_as_many_numerals_are_made_for_a_long_row_as_for_a_short_one(variant: str) -> None:
    from attncli.explain import explain
    from attncli.inputs.request import Request
    from attncli.matrix import Matrix

    def made(features: int) -> int:
        row = Matrix(np.ones((1, features)), "q")
        with patch.object(Numeral, "__init__", autospec=True, side_effect=Numeral.__init__) as numeral:
            explain(Request(queries=row, keys=row, values=Matrix(np.ones((1, 1)), "v"), variant=variant))
        return numeral.call_count

    assert made(3000) < made(300) + 30  # more digits where a line needs them, never one for each feature
