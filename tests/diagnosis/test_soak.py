"""A short, deterministic form of the soak: `python -m tests.diagnosis.soak --per-slip 1000` is the whole."""

import pytest
from diagnosis import soak

SEEDS = range(3)


@pytest.mark.parametrize("name", soak.SLIPS)
def test_a_slip_is_among_the_first_three(name, sample):
    for seed in sample(SEEDS, 3):
        result = soak.try_slip(name, seed)
        if result is not None and result[0] == "wrong":
            assert result[1] is not None, result[2]
            assert result[1] < 3, result[2]


@pytest.mark.parametrize("how", soak.PRINTS)
def test_right_numbers_are_never_called_wrong(how):
    for seed in SEEDS:
        verdict, text = soak.try_correct(how, seed)
        assert verdict != "wrong", text


def test_altered_numbers_are_always_called_wrong():
    for seed in SEEDS:
        result = soak.try_altered(seed)
        assert result is None or result[0] == "wrong", result


def test_numbers_at_random_are_not_a_slip(sample):
    for seed in sample(SEEDS, 3):
        verdict, slips, text = soak.try_random(seed)
        assert verdict == "wrong", text
        assert set(slips) <= {"impossible"}, text  # a proof, and no slip
