"""Outputs and gradients of every variant and stage against loops in 50 digits, and differences of their loss."""

import numpy as np
import pytest
from mpmath import fsum, mpf, workdps

import attncli
from attncli.inputs.settings import SETTINGS
from attncli.stages.normalizers import NORMALIZERS, SOFTMAX
from attncli.stages.row_transforms import PAIRINGS, ROW_NORMS
from attncli.variants import DEFAULT, VARIANTS
from gradients import exact
from gradients.cases import CASES, D_V, HEADS, RNG, D, M, N

GRADIENTS = ("d_queries", "d_keys", "d_values", "d_bias")
# settings that change no derivative: how numbers are read and stored, and what a system stands for
WITHOUT_A_DERIVATIVE = {"mask_means", "heads", "layout", "dtype", "as", "allow_nonfinite"}


def test_every_setting_and_every_choice_of_a_stage_is_a_case():
    compared = {key for case in CASES.values() for key in case}
    assert {setting.key for setting in SETTINGS} - compared - WITHOUT_A_DERIVATIVE == set()
    for key, usual, records in (
        ("variant", DEFAULT, VARIANTS),
        ("normalizer", SOFTMAX.name, NORMALIZERS),
        ("qk_norm", None, ROW_NORMS),
        ("rope", None, PAIRINGS),
    ):
        assert {record.name for record in records} - {case.get(key, usual) for case in CASES.values()} == set()


def moved(array, direction, step):
    """The array as nested mpf, moved along the direction."""
    return exact.numbers_of(array) if direction is None else add(array, direction, step)


def add(array, direction, step):
    if array.ndim:
        return [add(*parts, step) for parts in zip(array, direction, strict=True)]
    return mpf(float(array)) + step * mpf(float(direction))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("request_", CASES.values(), ids=CASES)
def test_gradients_are_central_differences_in_fifty_digits(request_):
    shapes = (HEADS, N, D), (HEADS, M, D), (HEADS, M, D_V), (N, M)
    arrays = [RNG.normal(size=shape) for shape in shapes]
    d_output = RNG.normal(size=(HEADS, N, D_V))
    result = attncli.attend(*arrays[:3], **request_, bias=arrays[3])
    found = result.gradients(d_output)
    with workdps(50):
        step, wanted = mpf(10) ** -18, exact.numbers_of(d_output)
        output = [
            exact.output(
                *(exact.numbers_of(array[h]) for array in arrays[:3]), exact.numbers_of(arrays[3]), request_, h
            )
            for h in range(HEADS)
        ]
        np.testing.assert_allclose(result.output, np.array(output, float), rtol=1e-13, atol=1e-14)
        for place, name in enumerate(GRADIENTS):
            # along a random direction, so that every cell counts
            direction = RNG.uniform(0.5, 1.5, size=shapes[place]) * RNG.choice([-1, 1], size=shapes[place])
            losses = [
                exact.loss(
                    *(moved(array, direction if place == at else None, sign * step) for at, array in enumerate(arrays)),
                    wanted,
                    request_,
                )
                for sign in (1, -1)
            ]
            slope = (losses[0] - losses[1]) / (2 * step)
            along = fsum(
                mpf(float(a)) * mpf(float(b)) for a, b in zip(found.array(name).flat, direction.flat, strict=True)
            )
            assert abs(along - slope) < 1e-12
