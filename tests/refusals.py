"""Refused calls of attend, for the tables of the tests."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from attncli import AttncliError, attend
from attncli.inputs.request import MATRIX_NAMES, Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.results.result import Result

QUERIES = np.arange(6.0).reshape(2, 3)
KEYS = np.arange(12.0).reshape(4, 3) / 10
VALUES = np.arange(8.0).reshape(4, 2)
X = np.arange(6.0).reshape(2, 3)
W = np.ones((3, 2))
nan, inf = math.nan, math.inf


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape)


class Bad(NamedTuple):
    """A call that is refused: what is given beside, or instead of, QUERIES, KEYS and VALUES, and what is said."""

    sentence: str
    given: dict[str, Any]
    message: str
    hint: str | None


def by_sentence(*tables: list[Bad]) -> dict[str, Any]:
    """Arguments of parametrize: each case under its sentence."""
    cases = [case for table in tables for case in table]
    return {"argvalues": cases, "ids": [case.sentence for case in cases]}


def asked(**given: Any) -> Result:
    """The result of a request, projections included, which attend has no parameters for."""
    matrices = {name: Matrix(np.asarray(given[name]), name) for name in MATRIX_NAMES if name in given}
    return Result(prepare(Request(**{**given, **matrices})))


def refuse(case: Bad) -> None:
    """Assert that attend refuses the case with its whole message and hint."""
    given = {"queries": QUERIES, "keys": KEYS, "values": VALUES, **case.given}
    with pytest.raises(AttncliError) as refusal:
        attend(given.pop("queries"), given.pop("keys"), **given)
    assert (str(refusal.value), refusal.value.hint) == (case.message, case.hint)
