"""tools/fuzz.py feeds every reader: each has right files to start from, and a few damaged ones do it no harm."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from attncli.errors import InputError, MissingExtraError
from attncli.formats import FORMATS
from attncli.matrix import Matrix, Reading

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import fuzz
from fuzz_readers import READERS, agree, read, seeds


def test_every_format_is_fuzzed() -> None:
    assert {format.name for format in FORMATS} <= set(READERS)


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_takes_a_right_file_and_lets_nothing_out_of_damaged_ones(reader: str) -> None:
    try:
        known = seeds(reader)
        read(reader, known[0], Reading())
    except MissingExtraError:
        pytest.skip("an extra is missing")
    assert fuzz.attempt(reader, known[0])
    random_ = random.Random(reader)
    for _ in range(20):
        fuzz.attempt(reader, fuzz.mutated(random_, known))


def test_an_error_without_a_place_or_with_a_control_character_is_a_finding() -> None:
    with pytest.raises(AssertionError, match="no place"):
        fuzz.check_message(InputError(" ", "something"))
    error = InputError("q.csv", "something")
    error.hint = "\x1b[31m"
    with pytest.raises(AssertionError, match="a control character"):
        fuzz.check_message(error)


def test_other_numbers_than_an_independent_reader_has_are_a_finding() -> None:
    found = {"": Matrix(np.array([[1.0, np.nan]]), "q")}
    agree({"": np.array([[1, np.nan]])}, found, "another")
    for other in (np.array([[1.0, 2.0]]), np.array([1.0, np.nan])):
        with pytest.raises(AssertionError, match="another reads it as"):
            agree({"": other}, found, "another")
