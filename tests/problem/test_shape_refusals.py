"""What attend refuses of shapes and types, whole messages."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from refusals import KEYS, QUERIES, VALUES, Bad, by_sentence, inf, nan, refuse, zeros

from attncli import attend

SHAPES = [
    Bad(
        "keys given as columns",
        {"keys": KEYS.T},
        "keys: queries have 3 columns, keys have 4 (queries (2, 3), keys (3, 4))",
        "keys look transposed: expected one key per row",
    ),
    Bad(
        "keys of a batch given as columns",
        {"queries": zeros(5, 2, 3), "keys": zeros(5, 3, 4), "values": None},
        "keys: queries have 3 columns, keys have 4 (queries (5, 2, 3), keys (5, 3, 4))",
        "keys look transposed: expected one key per row",
    ),
    Bad(
        "keys of fewer columns than the queries",
        {"keys": KEYS[:, :2]},
        "keys: queries have 3 columns, keys have 2 (queries (2, 3), keys (4, 2))",
        "queries and keys need the same number of columns",
    ),
    Bad(
        "values given as columns",
        {"values": VALUES.T},
        "values: 4 keys, but 2 values (keys (4, 3), values (2, 4))",
        "values look transposed: expected one value per row",
    ),
    Bad(
        "values of a batch given as columns",
        {"queries": zeros(5, 2, 3), "keys": zeros(5, 4, 3), "values": zeros(5, 2, 4)},
        "values: 4 keys, but 2 values (keys (5, 4, 3), values (5, 2, 4))",
        "values look transposed: expected one value per row",
    ),
    Bad(
        "a column of values for one key",
        {"keys": KEYS[:1], "values": [1, 2]},
        "values: 1 key, but 2 values (keys (1, 3), values (2,))",
        "expected one value per key",
    ),
    Bad(
        "fewer values than keys",
        {"values": VALUES[:3]},
        "values: 4 keys, but 3 values (keys (4, 3), values (3, 2))",
        "expected one value per key",
    ),
    Bad(
        "a column of values that is too short",
        {"values": VALUES[:3, 0]},
        "values: 4 keys, but 3 values (keys (4, 3), values (3,))",
        "expected one value per key",
    ),
    Bad(
        "queries of one axis",
        {"queries": [0, 1, 2]},
        "queries: queries must be 2-D (one row per query); got 1 axis",
        "write [[0, 1, 2]] for one row, or [[0], [1], [2]] for one column",
    ),
    Bad(
        "a long query of one axis",
        {"queries": np.arange(9) / 2},
        "queries: queries must be 2-D (one row per query); got 1 axis",
        "write [[0, 0.5, 1, …]] for one row, or [[0], [0.5], [1], …] for one column",
    ),
    Bad(
        "keys of one axis",
        {"keys": [1, 2, 3]},
        "keys: keys must be 2-D (one row per key); got 1 axis",
        "write [[1, 2, 3]] for one row, or [[1], [2], [3]] for one column",
    ),
    Bad(
        "a query of one axis with a number more than its hint shows",
        {"queries": [0, 1, 2, 3]},
        "queries: queries must be 2-D (one row per query); got 1 axis",
        "write [[0, 1, 2, …]] for one row, or [[0], [1], [2], …] for one column",
    ),
    Bad(
        "keys of one number and one axis",
        {"keys": [5]},
        "keys: keys must be 2-D (one row per key); got 1 axis",
        "write [[5]] for one row",
    ),
    Bad(
        "keys of two numbers and one axis",
        {"keys": [5, 6]},
        "keys: keys must be 2-D (one row per key); got 1 axis",
        "write [[5, 6]] for one row, or [[5], [6]] for one column",
    ),
    Bad(
        "a number for queries",
        {"queries": 3.0},
        "queries: queries must be 2-D (one row per query); got a single number",
        "write [[3]]",
    ),
    Bad(
        "a number for values",
        {"values": 3.0},
        "values: values must be 2-D (one row per key); got a single number",
        "write [[3]]",
    ),
    Bad(
        "nothing in the queries",
        {"queries": []},
        "queries: queries have no rows: their shape is (0,)",
        None,
    ),
    Bad(
        "a row without a number",
        {"queries": [[]]},
        "queries: queries have no columns: their shape is (1, 0)",
        None,
    ),
    Bad(
        "no query",
        {"queries": zeros(0, 3)},
        "queries: queries have no rows: their shape is (0, 3)",
        None,
    ),
    Bad(
        "no key",
        {"keys": zeros(0, 3), "values": zeros(0, 2)},
        "keys: keys have no rows: their shape is (0, 3)",
        None,
    ),
    Bad(
        "rows of no columns",
        {"queries": zeros(2, 0), "keys": zeros(4, 0)},
        "queries: queries have no columns: their shape is (2, 0)",
        None,
    ),
    Bad(
        "values of no columns",
        {"values": zeros(4, 0)},
        "values: values have no columns: their shape is (4, 0)",
        None,
    ),
    Bad(
        "a batch of rows of no columns",
        {"queries": zeros(5, 2, 0)},
        "queries: queries have no columns: their shape is (5, 2, 0)",
        None,
    ),
    Bad(
        "a batch of no rows",
        {"keys": zeros(5, 0, 3)},
        "keys: keys have no rows: their shape is (5, 0, 3)",
        None,
    ),
    Bad(
        "a batch of nothing",
        {"queries": zeros(0, 2, 3)},
        "queries: queries have no entries: their shape is (0, 2, 3)",
        None,
    ),
    Bad(
        "no values at all",
        {"values": []},
        "values: values have no rows: their shape is (0, 1)",
        None,
    ),
    Bad(
        "queries are missing",
        {"queries": None},
        "problem: no queries",
        "give queries and keys, or x with w_q and w_k",
    ),
    Bad(
        "keys are missing",
        {"keys": None},
        "problem: no keys",
        "give queries and keys, or x with w_q and w_k",
    ),
    Bad(
        "ragged rows",
        {"queries": [[1, 2, 3], [1, 2]]},
        "queries: row 1 has 2 entries, row 0 has 3 entries",
        None,
    ),
    Bad(
        "a row without brackets",
        {"keys": [[1, 2, 3], 4]},
        "keys: row 1 has no brackets, row 0 has 3 entries",
        None,
    ),
    Bad(
        "ragged rows inside a batch",
        {"values": [[[1, 2], [3, 4]], [[1, 2], [3]]]},
        "values: row 1 has 1 entry, row 0 has 2 entries",
        None,
    ),
    Bad(
        "batches that do not broadcast",
        {"queries": zeros(2, 2, 3), "keys": zeros(3, 4, 3), "values": None},
        "keys: the axes before the last two don't fit: queries (2, 2, 3), keys (3, 4, 3)",
        "each must be equal or 1; on axis -3 the queries may have a multiple of the keys' heads",
    ),
    Bad(
        "batches of values that do not broadcast",
        {"values": zeros(3, 4, 2), "queries": zeros(2, 2, 3)},
        "keys: the axes before the last two don't fit: queries (2, 2, 3), keys (4, 3), values (3, 4, 2)",
        "each must be equal or 1; on axis -3 the queries may have a multiple of the keys' heads",
    ),
    Bad(
        "query heads that are no multiple of the key heads",
        {"queries": zeros(3, 2, 3), "keys": zeros(2, 4, 3), "values": None},
        "keys: the axes before the last two don't fit: queries (3, 2, 3), keys (2, 4, 3)",
        "each must be equal or 1; on axis -3 the queries may have a multiple of the keys' heads",
    ),
    Bad(
        "more key heads than query heads",
        {"queries": zeros(2, 2, 3), "keys": zeros(4, 4, 3), "values": None},
        "keys: the axes before the last two don't fit: queries (2, 2, 3), keys (4, 4, 3)",
        "each must be equal or 1; on axis -3 the queries may have a multiple of the keys' heads",
    ),
    Bad(
        "value heads that are not the key heads",
        {"queries": zeros(6, 2, 3), "keys": zeros(2, 4, 3), "values": zeros(3, 4, 2)},
        "values: 3 value heads, but 2 key heads (keys (2, 4, 3), values (3, 4, 2))",
        "axis -3 of values must be 2",
    ),
    Bad(
        "grouped heads under batches that do not broadcast",
        {"queries": zeros(5, 4, 2, 3), "keys": zeros(3, 2, 4, 3), "values": None},
        "keys: the axes before the last two don't fit: queries (5, 4, 2, 3), keys (3, 2, 4, 3)",
        "each must be equal or 1; on axis -3 the queries may have a multiple of the keys' heads",
    ),
]

TYPES = [
    Bad(
        "words",
        {"queries": [["a", "b", "c"]]},
        "queries: holds text ('a'); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "numbers as text",
        {"keys": [["1", "2", "3"]]},
        "keys: holds text ('1'); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "bytes",
        {"values": np.array([[b"1"]])},
        "values: holds text (\"b'1'\"); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "a hole",
        {"queries": [[1, None, 2]]},
        "queries: holds Python objects (NoneType); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "a dictionary",
        {"queries": {"q": 1}},
        "queries: holds Python objects (dict); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "integers beyond 64 bits",
        {"queries": [[10**30, 1, 1]]},
        "queries: holds Python objects (integers of any size); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "fractions",
        {"queries": [[Fraction(1, 3), 1, 1]]},
        "queries: holds Python objects (Fraction); expected real numbers",
        "convert it with np.array(…, dtype=float)",
    ),
    Bad(
        "complex numbers",
        {"queries": QUERIES + 1j},
        "queries: holds complex128; expected real numbers",
        "save it as float32 or float64",
    ),
    Bad(
        "extended precision",
        {"queries": QUERIES.astype(np.longdouble)},
        "queries: holds float128; expected real numbers",
        "save it as float32 or float64",
    ),
    Bad(
        "true and false",
        {"queries": QUERIES > 2},
        "queries: contains booleans; expected numbers",
        "a mask goes to --mask",
    ),
    Bad(
        "dates",
        {"values": np.zeros((4, 1), "M8[s]")},
        "values: holds datetime64[s]; expected real numbers",
        "save it as float32 or float64",
    ),
    Bad(
        "records",
        {"values": np.zeros((4, 1), [("a", "f8")])},
        "values: holds void64; expected real numbers",
        "save it as float32 or float64",
    ),
    Bad(
        "a masked array",
        {"queries": np.ma.masked_array(QUERIES, mask=QUERIES > 4)},
        "queries: a NumPy masked array, whose mask would be lost",
        "give its .data, and the mask separately",
    ),
    Bad(
        "a NaN query",
        {"queries": [[0, 1, 2], [3, nan, 5]]},
        "queries: nan at [1, 1] in the queries",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "an infinite key",
        {"keys": np.where(KEYS == 0.7, inf, KEYS)},
        "keys: inf at [2, 1] in the keys",
        "--allow-nonfinite computes as IEEE says; --mask keeps it out",
    ),
    Bad(
        "a value of minus infinity",
        {"values": np.where(VALUES == 5, -inf, VALUES)},
        "values: -inf at [2, 1] in the values",
        "--allow-nonfinite computes as IEEE says; --mask keeps it out",
    ),
    Bad(
        "a NaN in a column of values",
        {"values": [1, 2, nan, 4]},
        "values: nan at [2] in the values",
        "--allow-nonfinite computes as IEEE says; --mask keeps it out",
    ),
    Bad(
        "a NaN in a packed head is named where the user has it",
        {"queries": [[1, 2, 3, nan]], "keys": zeros(4, 4), "heads": 2},
        "queries: nan at [0, 3] in the queries",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "a NaN key shared by a batch is named where the user has it",
        {"queries": zeros(5, 2, 3), "keys": np.where(KEYS == 0.7, nan, KEYS)},
        "keys: nan at [2, 1] in the keys",
        "--allow-nonfinite computes as IEEE says; --mask keeps it out",
    ),
    Bad(
        "a number beyond float16",
        {"queries": [[1, 1e5, 1]], "dtype": "float16"},
        "queries: 100000.0 at [0, 1] is beyond float16",
        "--dtype float32",
    ),
    Bad(
        "a number beyond float32",
        {"values": [[1], [2], [1e39], [4]], "dtype": "float32"},
        "values: 1e+39 at [2, 0] is beyond float32",
        "--dtype float64",
    ),
]


@pytest.mark.parametrize("case", **by_sentence(SHAPES, TYPES))
def test_attend_refuses_shapes_and_types(case: Bad) -> None:
    refuse(case)


@pytest.mark.parametrize(
    ("queries", "keys", "values"),
    [
        pytest.param((6, 2, 3), (3, 4, 3), (3, 4, 2), id="heads"),
        pytest.param((5, 6, 2, 3), (5, 3, 4, 3), (5, 3, 4, 2), id="heads of a batch"),
        pytest.param((7, 5, 6, 2, 3), (5, 3, 4, 3), (7, 1, 3, 4, 2), id="heads of two batches"),
        pytest.param((6, 2, 3), (5, 3, 4, 3), (3, 4, 2), id="keys of a batch alone"),
        pytest.param((6, 2, 3), (3, 4, 3), (5, 3, 4, 2), id="values of a batch alone"),
        pytest.param((5, 6, 2, 3), (3, 4, 3), (1, 4, 2), id="values that all heads share"),
        pytest.param((5, 6, 2, 3), (3, 4, 3), (4, 2), id="values without heads"),
    ],
)
def test_key_heads_that_queries_share_are_as_if_they_were_repeated(
    queries: tuple[int, ...], keys: tuple[int, ...], values: tuple[int, ...]
) -> None:
    random = np.random.default_rng(5)
    q, k, v = (random.standard_normal(shape) for shape in (queries, keys, values))
    each = v if v.ndim < 3 or v.shape[-3] == 1 else v.repeat(2, axis=-3)
    shared, repeated = attend(q, k, v), attend(q, k.repeat(2, axis=-3), each)
    np.testing.assert_allclose(shared.output, repeated.output, rtol=1e-14)
    assert shared.problem.key_heads == 3
    assert repeated.problem.key_heads is None
