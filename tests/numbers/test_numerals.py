from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from formats.bad_input_reader import bfloat16
from hypothesis import example, given
from hypothesis import strategies as st

from attncli.numbers.numerals import (
    TRUTHS,
    NumeralError,
    may_be_cell,
    parse_cells,
    parse_number,
    parse_plain_numbers,
    quote,
    shortest_texts,
)

BFLOAT16 = pytest.param(bfloat16, id="bfloat16")
NUMBERS = [
    ("1", 1.0),
    ("-0", -0.0),
    ("+1", 1.0),
    ("1.", 1.0),
    (".5", 0.5),
    ("-.5e-1", -0.05),
    ("1e3", 1000.0),
    ("1E+3", 1000.0),
    ("1.e2", 100.0),
    ("010", 10.0),
    (" 7 ", 7.0),
    ("\N{MINUS SIGN}2.5", -2.5),
    ("1e\N{MINUS SIGN}3", 0.001),
    ("inf", math.inf),
    ("-INF", -math.inf),
    ("+.Inf", math.inf),
    ("-Infinity", -math.inf),
    ("1/3", 1 / 3),
    ("-1/8", -0.125),
    ("0.5/3", 0.5 / 3),
    ("1e-999", 0.0),
    ("0/5", 0.0),
    ("-0/5", -0.0),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_a_number_is_read(text: str, value: float) -> None:
    found = parse_number(text)
    assert (found, math.copysign(1, found)) == (value, math.copysign(1, value))


@pytest.mark.parametrize("text", ["nan", "NaN", ".nan", ".NAN", "-nan"])
def test_nan_is_read_in_any_case(text: str) -> None:
    assert math.isnan(parse_number(text))


NOT_NUMBERS = [
    ("", "a number is missing"),
    ("abc", "'abc' is not a number"),
    ("1_000", "'1_000' is not a number: its digits are in groups; type 1000"),
    ("1_0.5", "'1_0.5' is not a number: its digits are in groups; type 10.5"),
    ("1,000", "'1,000' could be 1000 or 1.000; type 1000 or 1.000"),
    ("-1,000,000.5", "'-1,000,000.5' is not a number: its digits are in groups; type -1000000.5"),
    ("1 000", "'1 000' is not a number: its digits are in groups; type 1000"),
    ("1'000", '"1\'000" is not a number: its digits are in groups; type 1000'),
    ("0,5", "'0,5' is not a number: it has a decimal comma; type 0.5"),
    ("0x1F", "'0x1F' is not a number: it is not decimal; type 31"),
    ("-0b11", "'-0b11' is not a number: it is not decimal; type -3"),
    ("5%", "'5%' is not a number: it is a percentage; type 5e-2"),
    ("1e999", "'1e999' is beyond the largest float64, 1.8e308; type inf if infinity is meant"),
    ("1/0", "'1/0' divides by zero; type inf, -inf or nan if that is meant"),
    ("1/2/3", "'1/2/3' is not a number"),
    ("1e400/2", "'1e400/2' is not a number"),
    ("1 2", "'1 2' is not a number"),
    ("١", "'١' is not a number; type 1"),
    ("1e", "'1e' is not a number"),
    ("..5", "'..5' is not a number"),
    ("\u00af2", "'\u00af2' is not a number; type -2"),  # of APL
    ("9" * 5000 + "/7", f"'{'9' * 40}…{'9' * 8}/7' has 5001 digits, more than 4000; type it as a decimal"),
]


@pytest.mark.parametrize(("text", "message"), NOT_NUMBERS)
def test_what_is_not_a_number_says_why_and_how_to_write_it(text: str, message: str) -> None:
    with pytest.raises(NumeralError) as caught:
        parse_number(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "cure"), [("010", "10"), ("-007", "-7"), ("00.5", "0.5"), ("00", "0"), ("01e2", "1e2")]
)
def test_a_leading_zero_is_refused_where_readers_disagree(text: str, cure: str) -> None:
    with pytest.raises(NumeralError) as caught:
        parse_number(text, leading_zero=False)
    assert caught.value.hint == f"type {cure}"
    assert parse_number(text) == float(text)
    assert parse_number("0.5", leading_zero=False) == 0.5


@given(st.integers(), st.integers(min_value=1))
def test_a_fraction_is_rounded_once(above: int, below: int) -> None:
    try:
        value = float(Fraction(above, below))
    except OverflowError:
        with pytest.raises(NumeralError):
            parse_number(f"{above}/{below}")
    else:
        assert parse_number(f"{above}/{below}") == value


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), (" TRUE ", True), ("False", False), ("tRue", None), ("1", None)]
)
def test_truth_is_yaml_s_words_only(text: str, value: bool | None) -> None:
    assert TRUTHS.get(text.strip()) is value


@pytest.mark.parametrize(
    ("text", "is_cell"), [("1", True), ("1_000", True), ("true", True), ("abc", False), ("", False)]
)
def test_a_number_written_badly_is_still_no_label(text: str, is_cell: bool) -> None:
    assert may_be_cell(text) is is_cell


@example(["1", " ", "2"])
@example(["\t", "2"])
@example(["1", " "])
@example(["1", "2", ""])
@given(st.lists(st.text(alphabet="0123456789.+-eE \tinfa_,/x", max_size=6), min_size=1, max_size=5))
def test_cells_in_bulk_are_the_cells_one_by_one(texts: list[str]) -> None:
    try:
        expected = [parse_number(text) for text in texts]
    except NumeralError:
        with pytest.raises(NumeralError) as caught:
            parse_cells(texts)
        with pytest.raises(NumeralError):
            parse_number(texts[caught.value.index])
    else:
        np.testing.assert_array_equal(parse_cells(texts), expected)


def test_a_comma_within_a_cell_parts_no_numbers() -> None:
    with pytest.raises(NumeralError):
        parse_cells(["5,5"])


def test_every_way_of_writing_true_and_false_is_known() -> None:
    assert parse_cells(["true", "True", "TRUE", "false", "False", "FALSE"]).tolist() == [True] * 3 + [False] * 3


def test_a_long_text_is_quoted_by_its_ends() -> None:
    assert quote("x" * 60) == repr("x" * 60)
    assert quote("x" * 40 + "y" * 21) == repr("x" * 40 + "…" + "y" * 10)


def test_a_fraction_may_have_4000_digits() -> None:
    assert parse_number(f"{'2' * 2000}/{'1' * 2000}") == 2
    with pytest.raises(NumeralError) as caught:
        parse_number(f"{'1' * 2000}/{'1' * 2001}")
    assert caught.value.what.endswith("has 4001 digits, more than 4000")


def test_16_digits_that_are_not_decimal_are_reported_in_decimals_and_no_more() -> None:
    for digits, hint in ((16, f"type {16**16 - 1}"), (17, None)):
        with pytest.raises(NumeralError) as caught:
            parse_number("0x" + "f" * digits)
        assert caught.value.hint == hint


def test_truths_make_a_mask_and_truths_among_numbers_an_error() -> None:
    assert parse_cells(["true", "FALSE"]).tolist() == [True, False]
    with pytest.raises(NumeralError) as caught:
        parse_cells(["1", "true"])
    assert (caught.value.index, caught.value.hint) == (1, "type 1 for true and 0 for false")


def test_without_leading_zeros_the_fast_way_is_not_taken() -> None:
    with pytest.raises(NumeralError) as caught:
        parse_cells(["1", "010"], leading_zero=False)
    assert caught.value.index == 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, BFLOAT16])
def test_shortest_digits_read_back_to_the_same_bits(dtype: type) -> None:
    size = np.dtype(dtype).itemsize
    patterns = (
        np.arange(1 << 16, dtype=np.uint16)
        if size == 2
        else np.random.default_rng(0).integers(0, 1 << (8 * size), 100_000, dtype=f"u{size}")
    )
    array = patterns.view(dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        texts = shortest_texts(array)
        back = np.array([parse_number(text) for text in texts]).astype(dtype)
        numbers = ~np.isnan(array.astype(np.float64))
    assert (back.view(patterns.dtype)[numbers] == patterns[numbers]).all()
    assert all(text == "nan" for text, number in zip(texts, numbers, strict=True) if not number)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, BFLOAT16])
@given(st.data())
def test_fewer_digits_would_not_read_back(dtype: type, data: st.DataObject) -> None:
    size = np.dtype(dtype).itemsize
    pattern = data.draw(st.integers(0, (1 << (8 * size)) - 1))
    value = np.array([pattern], f"u{size}").view(dtype)
    with np.errstate(invalid="ignore"):  # of a signalling NaN
        is_finite = np.isfinite(value.astype(np.float64))[0]
    if not is_finite or (pattern & (0x7FFFFF if size == 4 else 0x7F)) == 0:
        return  # at a power of two the nearest decimal may read back to the neighbour where a farther one does not
    digits = shortest_texts(value)[0].lower().split("e")[0].replace(".", "").lstrip("-0").rstrip("0")
    with np.errstate(over="ignore"):
        for fewer in range(1, len(digits)):
            assert np.float64(f"{float(value[0]):.{fewer - 1}e}").astype(dtype) != value[0]


def test_integers_and_truths_are_written_as_they_are() -> None:
    assert shortest_texts(np.array([[1, -2], [3, 2**62]])) == ["1", "-2", "3", str(2**62)]
    assert shortest_texts(np.array([True, False])) == ["true", "false"]
    assert shortest_texts(np.array([True, False]), ("0", "1")) == ["1", "0"]


@pytest.mark.parametrize("text", [b"1,", b"1,2,", b"1,2,3,4", b"1"])
def test_only_as_many_numbers_as_were_asked_for_are_read_at_once(text):
    # of an empty last cell fromstring makes what is in memory, which may be any number
    assert parse_plain_numbers(text, 3) is None
    assert parse_plain_numbers(b"1,2,3", 3).tolist() == parse_plain_numbers(b"1,2,3,", 3).tolist() == [1, 2, 3]
