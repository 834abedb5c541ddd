"""A short, deterministic form of `python tools/soak_check.py`."""

import warnings

import pytest
from diagnosis import prints

SEEDS = range(3)


@pytest.mark.parametrize("how", prints.PRINTS)
def test_right_numbers_pass_and_a_cell_that_is_off_does_not(how):
    if "bfloat16" in how:
        pytest.importorskip("ml_dtypes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in SEEDS:
            assert prints.verdict(how, seed) != "wrong", seed
            assert prints.verdict(how, seed, prints.spoil_cell) in (None, "wrong", "carried"), seed
