from __future__ import annotations

import numpy as np
import pytest

from attncli.numbers import shortest_digits

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
    "powers of two": 2.0 ** np.arange(-1070, 1020),
    "powers of ten": 10.0 ** np.arange(-300, 300),
    "just below powers of ten": np.nextafter(10.0 ** np.arange(-300, 300), 0),
    "just above powers of ten": np.nextafter(10.0 ** np.arange(-300, 300), np.inf),
    "special values": np.tile([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308, 0.5, -1.0], 100),
}


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once_are_written_as_repr_writes_each(kind: str) -> None:
    assert shortest_digits.texts(KINDS[kind]) == list(map(repr, KINDS[kind].tolist()))


@pytest.mark.parametrize("shape", [(1, 1), (3, 100), (1000, 1), (1, 9000), (700, 33)])
def test_rows_end_where_they_should(shape: tuple[int, int]) -> None:
    table = SEED.standard_normal(shape)
    assert (
        shortest_digits.joined(table, b";")
        == "".join(";".join(map(repr, row)) + "\n" for row in table.tolist()).encode()
    )
