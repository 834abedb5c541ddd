"""How precisely numbers were printed, read from their texts."""

import tracemalloc

import numpy as np
import pytest

from attncli.check.dtype_texts import are_float32
from attncli.check.precision import read_claims, rounding_of
from attncli.inputs.literal import read_typed
from attncli.matrix import Matrix, Reading
from attncli.numbers.numerals import parse_number


def matrix(*texts):
    values = [parse_number(text) for text in texts]
    return Matrix(np.array(values, float), "here", texts=texts)


@pytest.mark.parametrize(
    ("texts", "units"),
    [
        pytest.param(["0.5", "0.4028"], [1e-4, 1e-4], id="a half beside four decimals claims four"),
        pytest.param(
            ["0.236089863", "0.00738987555"], [1e-9, 1e-11], id="as many decimals as make the most significant digits"
        ),
        pytest.param(["8", "2", "10"], [1, 1, 1], id="whole numbers claim the unit"),
        pytest.param(["1.10", "2.345"], [1e-3, 1e-3], id="the most decimals of any cell"),
        pytest.param(["0.10"], [1e-2], id="a trailing zero counts"),
        pytest.param(["0.85203", "6.0337e-06"], [1e-5, 1e-10], id="an exponent claims its own digits"),
        pytest.param(["1E+3", "1.50e2"], [1e3, 1], id="exponents above zero"),
        pytest.param(["−0.25", "0"], [1e-2, 1e-2], id="a zero claims the decimals of the others"),
        pytest.param([".5", "11."], [1e-1, 1], id="a point without digits on one side"),
        pytest.param(["0.25", "nan", "-inf"], [1e-2, 1e-2, 1e-2], id="what is no number claims nothing of its own"),
        pytest.param(["0.25", "1.2345e-2"], [1e-2, 1e-6], id="an exponent's digits are its own alone"),
        pytest.param(["0.0012", "2"], [1e-4, 1e-1], id="one digit claims as many as the most that another shows"),
        pytest.param(["0.001", "0"], [1e-3, 1e-3], id="a zero claims decimals also where others show one digit"),
        pytest.param(["0.25 ", "0.5"], [1e-2, 1e-2], id="a space claims nothing"),
        pytest.param(["0.25\t", "0.5"], [1e-2, 1e-2], id="nor does a tab"),
        pytest.param(["1/3", "0.25"], [0, 1e-2], id="a fraction has no last digit"),
        pytest.param(
            ["2/1.732", "0/1.732"], [1e-3, 1e-3], id="a quotient of decimals claims the digits of the shorter"
        ),
        pytest.param(["3.17/5.955", "12/5.955"], [1e-3, 1e-3], id="each its own"),
        pytest.param(["1.", "0."], [1e-8, 1e-8], id="whole numbers printed with a point claim NumPy's eight decimals"),
        pytest.param(["103.", "1e3"], [1e-8, 1e3], id="an exponent beside them its own digits"),
        pytest.param(["0e3", "20"], [1, 1], id="an exponent makes no zero coarser"),
        pytest.param(["0e3"], [1], id="nor where there is nothing else"),
        pytest.param(["0", "1e-9"], [1e-9, 1e-9], id="a zero's unit is the smallest of its matrix"),
        pytest.param(["0.00", "1.5", "2e-5", "1/3"], [1e-5, 0.1, 1e-5, 0], id="a zero with decimals too"),
        pytest.param(["1e-99999999999999999999", "0.5"], [1e-323, 0.1], id="an exponent beyond all numbers"),
        pytest.param(["0." + "0" * 200 + "1", "0.5"], [1e-201, 0.1], id="a long text among short ones"),
    ],
)
def test_a_text_claims_its_last_digit(texts, units):
    assert read_claims(matrix(*texts)).unit.tolist() == units


@pytest.mark.parametrize(
    ("texts", "units"),
    [
        pytest.param(["6.000e-03", "1.234e+00", "2.100e-02"], [1e-3] * 3, id="a print with exponents"),
        pytest.param(["6.000e-03", "1.234e+00", "0.000e+00"], [1e-3] * 3, id="with a zero that the rounding left"),
        pytest.param(["5.000e-02", "1.234e+00"], None, id="two zeros at an end"),
        pytest.param(["6.000e-03", "2.000e-02", "1.000e-03"], None, id="zeros that pad to no number"),
        pytest.param(["6.000e-03", "1.234e+00", "2.10e-02"], None, id="zeros that pad to another length"),
        pytest.param(["-6.3400e+00", "-1.8301e+00", "-7.0000e-03"], None, id="one long number among short ones"),
        pytest.param(
            [repr(float(np.float32(number))) for number in (0.02, 0.57, -1.25, 0.1)],
            [1e-2] * 4,
            id="a print of float32 in full",
        ),
    ],
)
def test_numbers_that_were_rounded_before_they_were_printed_claim_what_is_left(texts, units):
    rounded = read_claims(matrix(*texts)).as_rounded()
    assert (None if rounded is None else rounded.unit.tolist()) == units


def test_torch_prints_four_decimals_where_all_are_whole():
    reading = Reading(keep_text=True)
    for text, unit in (("tensor([[1., 0.]])", 1e-4), ("array([[1., 0.]])", 1e-8), ("[[1. 0.]]", 1e-8)):
        assert read_claims(read_typed(text, "here", reading).matrices[""]()).unit.tolist() == [[unit, unit]]


@pytest.mark.parametrize(
    ("texts", "ceilings"),
    [
        (["-1e9", "1e-3", "2.5e0"], [5e8, 5e-4, 1.25]),
        (["3", "0", "0.25", "1/3"], [1.5, np.inf, np.inf, np.inf]),
        (["0e3", "-inf", "8.0"], [np.inf, np.inf, np.inf]),
    ],
    ids=["exponents", "whole numbers", "what is neither"],
)
def test_no_tolerance_reaches_half_of_an_exponent_or_a_whole_number(texts, ceilings):
    assert read_claims(matrix(*texts)).ceiling.tolist() == ceilings


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        (["1", "0", "12"], [True, True, True]),
        (["1", "0.5"], [False, False]),
        (["1.", "0."], [False, False]),
        (["3", "-1e9", "-inf", "1/2"], [True, False, False, False]),
    ],
    ids=["whole numbers", "a decimal", "points", "other kinds beside them"],
)
def test_whole_numbers_without_a_point_claim_nothing_but_themselves(texts, whole):
    assert read_claims(matrix(*texts)).is_whole.tolist() == whole


def test_a_long_text_costs_no_more_than_its_own_length():
    texts = ["0." + "1" * 20000] + ["0.25"] * 20000
    tracemalloc.start()
    units = read_claims(Matrix(np.full(len(texts), 0.25), "here", texts=tuple(texts))).unit
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6
    assert units[-1] == 1e-323  # as many decimals as the long one


def test_digits_given_override_the_text():
    claims = read_claims(matrix("0.5", "0.25"), 4)
    assert claims.unit.tolist() == [1e-4, 1e-4]
    assert claims.decimals == 4


def test_fifteen_significant_digits_are_a_float_in_full():
    claims = read_claims(matrix("0.123456789012345", "0.5", "0", "0.000"))
    assert claims.is_full.tolist() == [True, True, True, True]
    assert read_claims(matrix("6e-20", "1.5")).is_full.tolist() == [False, False]
    assert not read_claims(matrix("0.12345678901234", "0.5")).is_full.any()
    assert read_claims(matrix("1/3")).is_full.all()


def test_numbers_without_text_claim_nothing():
    assert read_claims(Matrix(np.zeros(2), "here")) is None


@pytest.mark.parametrize(
    ("texts", "halves"),
    [
        pytest.param(["0.7621", "0.789", "2"], [5e-5, 5e-5, 0], id="integers are exact beside four decimals"),
        pytest.param(["0.25", "1.5"], None, id="two decimals are exact"),
        pytest.param(["1/3", "0.125"], [0, 5e-4], id="a fraction is exact"),
        pytest.param(["0.375/1.125", "0.5"], None, id="so is one of decimals"),
        pytest.param(["0.7621", "0.5"], [5e-5, 5e-5], id="one decimal is rounded beside four"),
        pytest.param(["0.30719590187072754", "0.506"], None, id="so is a matrix of float64 in full"),
        pytest.param(["0.3071959018707275e-2", "0.506"], None, id="with exponents too"),
        pytest.param(["0.307195901870728", "0.506"], [5e-16, 5e-16], id="but not fifteen digits of them"),
        pytest.param(["1e-3", "1.234e-3"], [0, 5e-7], id="exponents count the decimals of their mantissa"),
    ],
)
def test_inputs_are_rounded_from_three_decimals_on(texts, halves):
    found = rounding_of(matrix(*texts))
    assert found is None if halves is None else found.tolist() == pytest.approx(halves)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["0.30719590187072754", "0.5"], True, id="in full"),
        pytest.param(["0.3071959", "0.50648040"], True, id="shortest, one with a zero that a fixed width adds"),
        pytest.param(["0.307195902", "0.506480396"], True, id="nine digits"),
        pytest.param(["0.307195907", "0.506480396"], False, id="nine digits of another number"),
        pytest.param(["0.3072", "0.5065"], False, id="too few digits to show it"),
        pytest.param(["34.120000", "0.506480396"], False, id="zeros that no float32 has"),
        pytest.param(["1.0004882812", "0.3071959"], True, id="halfway between two texts, rounded down"),
        pytest.param(["0.99975585938", "0.3071959"], True, id="halfway between two texts, rounded up"),
        pytest.param(["123456790", "0.3071959"], True, id="shortest, beyond the integers that float32 has"),
        pytest.param(["123456790.0", "0.3071959"], True, id="shortest, with the zero that floats have"),
        pytest.param(["123456789", "0.3071959"], False, id="an integer that float32 has not"),
        pytest.param(["1/3", "0.30719590187072754"], False, id="a fraction that float32 has not"),
        pytest.param(["1/2", "0.30719590187072754"], True, id="a fraction that float32 has"),
        pytest.param(["1e39", "0.3071959"], False, id="too large"),
        pytest.param(["nan", "inf"], False, id="no number at all"),
        pytest.param(["9000001", "8999999"], False, id="integers that float32 has, as it has all of seven digits"),
    ],
)
def test_texts_of_float32_numbers_are_recognized(texts, expected):
    numbers = matrix(*texts)
    assert are_float32(numbers.array, read_claims(numbers)) is expected
