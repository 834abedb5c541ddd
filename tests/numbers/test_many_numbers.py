"""Many numbers at once, which orjson reads and writes: the same as float() and repr one by one, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attncli.numbers import numerals
from attncli.numbers.numerals import lines, parse_plain_numbers, shortest_texts

SEED = np.random.default_rng(20)
DECIMAL = zip(SEED.integers(1, 10**17, 20000).tolist(), SEED.integers(-300, 280, 20000).tolist(), strict=True)
KINDS = {
    "any bits": SEED.integers(0, 1 << 64, 50000, dtype=np.uint64).view(np.float64),
    "normal numbers": SEED.standard_normal(50000),
    "four decimals": np.round(SEED.standard_normal(20000), 4),
    "integers": SEED.integers(-(10**6), 10**6, 20000).astype(float),
    "large integers": SEED.integers(0, 1 << 63, 20000).astype(float),
    "seventeen digits": np.array([float(f"{digits}e{power}") for digits, power in DECIMAL]),
    "widened float32": SEED.standard_normal(20000).astype(np.float32).astype(float),
    "weights of many keys": SEED.standard_normal(20000) * 2e-5,
    "powers of two": 2.0 ** np.arange(-1070, 1020),
    "powers of ten": 10.0 ** np.arange(-300, 300),
    "just below powers of ten": np.nextafter(10.0 ** np.arange(-300, 300), 0),
    "just above powers of ten": np.nextafter(10.0 ** np.arange(-300, 300), np.inf),
    "special values": np.tile([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308, 0.5, -1.0], 100),
}
SIGNS = st.sampled_from(("", "-", "+"))
DIGITS = st.text("0123456789", max_size=22)


@pytest.fixture(autouse=True)
def any_number_is_many() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numerals, "_MANY", 1)
        patch.setattr(numerals, "_PIECE", 8)
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once_are_written_as_repr_writes_each(kind: str) -> None:
    assert shortest_texts(KINDS[kind]) == list(map(repr, KINDS[kind].tolist()))


@pytest.mark.parametrize("kind", KINDS)
def test_many_float32_are_written_with_numpy_s_shortest_digits(kind: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        array = KINDS[kind].astype(np.float32)
    assert shortest_texts(array) == [repr(float(str(cell))) for cell in array]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_nan_that_signals_is_a_nan(dtype: type) -> None:
    bits = {4: 0x7F800001, 8: 0x7FF0000000000001}[np.dtype(dtype).itemsize]
    assert shortest_texts(np.array([bits, 0], f"u{np.dtype(dtype).itemsize}").view(dtype)) == ["nan", "0.0"]


@given(st.lists(st.floats(width=64), min_size=1, max_size=6))
def test_a_row_of_any_doubles_is_the_reprs(row: list[float]) -> None:
    assert lines(np.array([row]), ",").decode() == ",".join(map(repr, row)) + "\n"


@given(st.lists(st.floats(width=32), min_size=1, max_size=6))
def test_a_row_of_any_float32_reads_back_to_its_bits(row: list[float]) -> None:
    array = np.array([row], np.float32)
    back = np.array(list(map(float, lines(array, ",").split(b","))), np.float32)
    np.testing.assert_array_equal(back.view(np.uint32)[~np.isnan(back)], array.view(np.uint32)[~np.isnan(array)])


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_the_ends_of_every_integer_are_written(dtype: str) -> None:
    ends = np.array([[np.iinfo(dtype).min, np.iinfo(dtype).max]], dtype)
    assert lines(ends, ";").decode() == f"{np.iinfo(dtype).min};{np.iinfo(dtype).max}\n"


@pytest.mark.parametrize("shape", [(1, 1), (3, 100), (1000, 1), (1, 9000), (700, 33)])
@pytest.mark.parametrize("factor", [1, 1e-5, 1e20])
def test_rows_end_where_they_should(shape: tuple[int, int], factor: float) -> None:
    table = SEED.standard_normal(shape) * factor
    assert lines(table, ";") == "".join(";".join(map(repr, row)) + "\n" for row in table.tolist()).encode()


@pytest.mark.parametrize("table", [np.arange(12.0).reshape(4, 3).T, np.arange(6).astype(">f8").reshape(2, 3)])
def test_the_order_of_rows_and_of_bytes_in_memory_does_not_matter(table: np.ndarray) -> None:
    assert lines(table, ",") == "".join(",".join(map(repr, row)) + "\n" for row in table.tolist()).encode()


@example(["-0", "1"])
@example(["-0 ", "010", ".5", "1.", "+1"])
@example(["18446744073709551616", "9223372036854775807", "-9223372036854775809"])
@example(["1e400"])
@example(["2.2250738585072011e-308", "4.9e-324", "1e-400", "0." + "0" * 400 + "1"])
@given(
    st.lists(
        st.one_of(
            st.builds("{}{}".format, SIGNS, DIGITS),
            st.builds("{}{}.{}".format, SIGNS, DIGITS, DIGITS),
            st.builds("{}{}.{}e{}".format, SIGNS, DIGITS, DIGITS, st.integers(-400, 400)),
            st.floats(allow_nan=False, allow_infinity=False).map(repr),
            st.text("0123456789.+-eE \t", max_size=6),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_many_are_read_as_float_reads_each_or_not_at_all(texts: list[str]) -> None:
    found = parse_plain_numbers(",".join(texts).encode(), len(texts))
    try:
        expected = np.array(list(map(float, texts)))
    except ValueError:
        assert found is None
        return
    if not np.isfinite(expected).all():
        assert found is None
        return
    assert found is not None
    assert found.tobytes() == expected.tobytes()
