"""Each slip is found in answers that code which shares nothing with the package made with it."""

import json

import numpy as np
import pytest
from wrong_answers import SLIPS

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

PRINTS = {
    **{f"{digits} digits": (lambda cell, digits=digits: f"{cell:.{digits}f}") for digits in (2, 3, 4, 6)},
    "float32": lambda cell: repr(float(str(np.float32(cell)))),
    "float16": lambda cell: repr(float(np.float16(cell))),
}


def text(value, show=repr):
    if isinstance(value, np.ndarray):
        return text(value.tolist(), show)
    if isinstance(value, list):
        return "[" + ", ".join(text(each, show) for each in value) + "]"
    if isinstance(value, float):
        return ".nan" if np.isnan(value) else show(value)
    return json.dumps(value)


def found(slip, seed, show):
    stated, wrong = SLIPS[slip](np.random.default_rng(seed))
    pairs = [f"{name}: {text(value)}" for name, value in stated.items()]
    pairs.append("expected: {" + ", ".join(f"{name}: {text(rows, show)}" for name, rows in wrong.items()) + "}")
    report = check(read_problem("{" + ", ".join(pairs) + "}", Sources(lambda: None, Reading(keep_text=True))))
    return report.verdict, report.diagnosis


def is_found(slip, seed, show):
    verdict, diagnosis = found(slip, seed, show)
    return verdict != "wrong" or any(slip in (each.slip, *each.also) for each in diagnosis[:3])


@pytest.mark.parametrize("how", PRINTS)
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_among_the_first_three(slip, how):
    assert is_found(slip, list(PRINTS).index(how), PRINTS[how])
