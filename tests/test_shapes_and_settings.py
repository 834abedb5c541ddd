"""What attend refuses and how it says so, whole messages; and what each setting's text means."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attncli import AttncliError, attend
from attncli.inputs.request import MATRIX_NAMES, Labels, Request
from attncli.inputs.scale import FORM, SIZE, evaluate_scale
from attncli.inputs.settings import BY_KEY
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.results.result import Result

QUERIES = np.arange(6.0).reshape(2, 3)
KEYS = np.arange(12.0).reshape(4, 3) / 10
VALUES = np.arange(8.0).reshape(4, 2)
X = np.arange(6.0).reshape(2, 3)
W = np.ones((3, 2))
nan, inf = math.nan, math.inf


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape)


class Bad(NamedTuple):
    """A call that is refused: what is given beside, or instead of, QUERIES, KEYS and VALUES, and what is said."""

    sentence: str
    given: dict[str, Any]
    message: str
    hint: str | None


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

MASKS = [
    Bad(
        "a mask of 0.5",
        {"mask": np.full((2, 4), 0.5)},
        "mask: 0.5 at [0, 0]: a mask is 0/1 or true/false",
        "numbers to be added to the scores go to --bias",
    ),
    Bad(
        "a mask that is a bias",
        {"mask": [0, 0, -inf, 0]},
        "mask: -inf at [2]: a mask is 0/1 or true/false",
        "numbers to be added to the scores go to --bias",
    ),
    Bad(
        "a mask of 2",
        {"mask": [[1, 1, 1, 1], [1, 1, 2, 1]]},
        "mask: 2 at [1, 2]: a mask is 0/1 or true/false",
        "numbers to be added to the scores go to --bias",
    ),
    Bad(
        "a mask with NaN",
        {"mask": [nan, 1, 1, 1]},
        "mask: nan at [0]: a mask is 0/1 or true/false",
        "numbers to be added to the scores go to --bias",
    ),
    Bad(
        "a mask of words",
        {"mask": [["yes"] * 4] * 2},
        "mask: holds text ('yes'): a mask is 0/1 or true/false",
        None,
    ),
    Bad(
        "a mask with a hole",
        {"mask": [True, None, True, True]},
        "mask: holds Python objects (NoneType): a mask is 0/1 or true/false",
        None,
    ),
    Bad(
        "a complex mask",
        {"mask": np.ones((2, 4), complex)},
        "mask: holds complex128: a mask is 0/1 or true/false",
        None,
    ),
    Bad(
        "a mask given as columns",
        {"mask": np.ones((4, 2))},
        "mask: a mask of shape (4, 2) does not fit 2 queries and 4 keys",
        "the mask looks transposed: expected one row per query",
    ),
    Bad(
        "a mask of a batch given as columns",
        {"queries": zeros(5, 2, 3), "mask": np.ones((5, 4, 2))},
        "mask: a mask of shape (5, 4, 2) does not fit 2 queries and 4 keys with the leading axes (5,)",
        "the mask looks transposed: expected one row per query",
    ),
    Bad(
        "a mask of two batches and no heads",
        {
            "queries": zeros(6, 5, 2, 6),
            "keys": zeros(4, 6),
            "heads": "3/3",
            "mask": np.ones((6, 5, 2, 4)),
            "values": None,
        },
        "mask: a mask of shape (6, 5, 2, 4) does not fit 2 queries and 4 keys with the leading axes (6, 5, 3)",
        "the axis of the heads is missing: give it as (6, 5, 1, 2, 4)",
    ),
    Bad(
        "a mask of too many queries",
        {"mask": np.ones((3, 4))},
        "mask: a mask of shape (3, 4) does not fit 2 queries and 4 keys",
        "a mask must broadcast to (2, 4)",
    ),
    Bad(
        "a mask of too few keys",
        {"mask": np.ones(3)},
        "mask: a mask of shape (3,) does not fit 2 queries and 4 keys",
        "a mask must broadcast to (2, 4)",
    ),
    Bad(
        "a mask of many rows for one query",
        {"queries": [[1, 2, 3]], "mask": np.ones((4, 4))},
        "mask: a mask of shape (4, 4) does not fit 1 query and 4 keys",
        "a mask must broadcast to (1, 4)",
    ),
    Bad(
        "an empty mask",
        {"mask": []},
        "mask: a mask of shape (0,) does not fit 2 queries and 4 keys",
        "a mask must broadcast to (2, 4)",
    ),
    Bad(
        "a mask for another batch",
        {"queries": zeros(5, 2, 3), "mask": np.ones((3, 2, 4))},
        "mask: a mask of shape (3, 2, 4) does not fit 2 queries and 4 keys with the leading axes (5,)",
        "a mask must broadcast to (5, 2, 4)",
    ),
    Bad(
        "a mask per batch entry without an axis for packed heads",
        {"queries": zeros(5, 2, 6), "keys": zeros(4, 6), "values": None, "heads": 3, "mask": np.ones((5, 2, 4))},
        "mask: a mask of shape (5, 2, 4) does not fit 2 queries and 4 keys with the leading axes (5, 3)",
        "the axis of the heads is missing: give it as (5, 1, 2, 4)",
    ),
    Bad(
        "a mask of more heads than there are",
        {"heads": 1, "mask": np.ones((3, 2, 4))},
        "mask: a mask of shape (3, 2, 4) does not fit 2 queries and 4 keys with the leading axes (1,)",
        "a mask must broadcast to (1, 2, 4)",
    ),
    Bad(
        "a ragged mask",
        {"mask": [[1, 1, 1, 1], [1, 1]]},
        "mask: row 1 has 2 entries, row 0 has 4 entries",
        None,
    ),
    Bad(
        "a boolean bias",
        {"bias": np.ones((2, 4), bool)},
        "bias: contains booleans: a bias is numbers added to the scores",
        "use --mask",
    ),
    Bad(
        "a NaN bias",
        {"bias": [[0, 0, nan, 0]]},
        "bias: nan at [0, 2]: a bias is finite, or -inf to forbid",
        None,
    ),
    Bad(
        "a bias of plus infinity",
        {"bias": [0, inf, 0, 0]},
        "bias: inf at [1]: a bias is finite, or -inf to forbid",
        None,
    ),
    Bad(
        "a bias given as columns",
        {"bias": zeros(4, 2)},
        "bias: a bias of shape (4, 2) does not fit 2 queries and 4 keys",
        "the bias looks transposed: expected one row per query",
    ),
    Bad(
        "a bias of another shape",
        {"bias": zeros(2, 3)},
        "bias: a bias of shape (2, 3) does not fit 2 queries and 4 keys",
        "a bias must broadcast to (2, 4)",
    ),
    Bad(
        "a bias of words",
        {"bias": [["a"] * 4] * 2},
        "bias: holds text ('a'): a bias is numbers added to the scores",
        None,
    ),
    Bad(
        "a complex bias",
        {"bias": np.ones((2, 4), complex)},
        "bias: holds complex128: a bias is numbers added to the scores",
        None,
    ),
    Bad(
        "a bias beyond float32",
        {"queries": np.float32(QUERIES), "keys": np.float32(KEYS), "values": None, "bias": [0, 1e300, 0, 0]},
        "bias: 1e+300 at [1] is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "more valid keys than keys",
        {"key_lengths": 5},
        "key_lengths: length 5 is not between 0 and the 4 keys",
        None,
    ),
    Bad(
        "fewer than no keys",
        {"key_lengths": -1},
        "key_lengths: length -1 is not between 0 and the 4 keys",
        None,
    ),
    Bad(
        "half a key",
        {"key_lengths": 2.5},
        "key_lengths: 2.5 is not a whole number of keys",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "NaN keys",
        {"key_lengths": nan},
        "key_lengths: nan is not a whole number of keys",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "a length of true",
        {"key_lengths": True},
        "key_lengths: holds booleans; expected whole numbers",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "a length in words",
        {"key_lengths": "all"},
        "key_lengths: holds text ('all'); expected whole numbers",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "lengths without a batch",
        {"key_lengths": [1, 2]},
        "key_lengths: 2 lengths, but there is no leading axis",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "lengths for another batch",
        {"queries": zeros(2, 2, 3), "key_lengths": [1, 2, 3]},
        "key_lengths: 3 lengths, but the first axis has 2 entries",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "lengths as a table",
        {"key_lengths": [[1, 2], [3, 4]]},
        "key_lengths: key lengths have the shape (2, 2)",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "no lengths",
        {"key_lengths": []},
        "key_lengths: 0 lengths, but there is no leading axis",
        "one length for all, or one per entry of the first axis",
    ),
    Bad(
        "an absurd length",
        {"key_lengths": 1e300},
        "key_lengths: length 1e+300 is not between 0 and the 4 keys",
        None,
    ),
]

SETTINGS = [
    Bad(
        "a window of one side",
        {"window": (1,)},
        "window: '1' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window of three sides",
        {"window": (1, 2, 3)},
        "window: '1,2,3' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window as one number",
        {"window": 5},
        "window: '5' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window below -1",
        {"window": (-2, 0)},
        "window: '-2,0' goes below -1",
        "-1 is unbounded, 0 is the query's own position",
    ),
    Bad(
        "a window below -1 to the right",
        {"window": (0, -2)},
        "window: '0,-2' goes below -1",
        "-1 is unbounded, 0 is the query's own position",
    ),
    Bad(
        "a window of halves",
        {"window": (1.5, 0)},
        "window: '1.5' is not a whole number",
        None,
    ),
    Bad(
        "a window in words",
        {"window": "a,b"},
        "window: 'a' is not a whole number",
        None,
    ),
    Bad(
        "an empty window",
        {"window": ""},
        "window: '' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window wider than any matrix",
        {"window": (10**20, 0)},
        "window: 100000000000000000000 is beyond any matrix",
        None,
    ),
    Bad(
        "no head",
        {"heads": 0},
        "heads: '0' has no head",
        None,
    ),
    Bad(
        "no key head",
        {"heads": "8/0"},
        "heads: '8/0' has no head",
        None,
    ),
    Bad(
        "no query head",
        {"heads": "0/2"},
        "heads: '0/2' has no head",
        None,
    ),
    Bad(
        "a negative number of heads",
        {"heads": -1},
        "heads: '-1' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "heads in words",
        {"heads": "many"},
        "heads: 'many' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "half of H/KV",
        {"heads": "2/"},
        "heads: '2/' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "heads as a float",
        {"heads": 1.0},
        "heads: '1.0' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "query heads that key heads do not divide",
        {"heads": (4, 3)},
        "heads: 4 query heads are not a multiple of 3 key/value heads",
        None,
    ),
    Bad(
        "fewer query heads than key heads",
        {"heads": (2, 4)},
        "heads: 2 query heads are not a multiple of 4 key/value heads",
        None,
    ),
    Bad(
        "heads that do not divide the columns",
        {"heads": 2},
        "queries: the 3 columns of queries don't split into 2 heads",
        "numbers of heads that divide 3: 1, 3",
    ),
    Bad(
        "heads that do not divide many columns, of which at most 64 are told",
        {"queries": zeros(2, 65), "keys": zeros(4, 65), "heads": 2},
        "queries: the 65 columns of queries don't split into 2 heads",
        "numbers of heads that divide 65: 1, 5, 13",
    ),
    Bad(
        "heads that do not divide 64 columns",
        {"queries": zeros(2, 64), "keys": zeros(4, 64), "heads": 3},
        "queries: the 64 columns of queries don't split into 3 heads",
        "numbers of heads that divide 64: 1, 2, 4, 8, 16, 32, 64",
    ),
    Bad(
        "heads that do not divide the columns of V",
        {"heads": 3},
        "values: the 2 columns of values don't split into 3 heads",
        "numbers of heads that divide 2: 1, 2",
    ),
    Bad(
        "packed keys of another head size",
        {"queries": zeros(3, 8), "keys": zeros(5, 8), "values": None, "heads": "4/2"},
        "keys: a query head has 2 columns, a key head 4 (queries (3, 8) in 4 heads, keys (5, 8) in 2)",
        "keys of 4 columns would fit, or other --heads",
    ),
    Bad(
        "keys of another size in one head",
        {"keys": KEYS[:, :2], "heads": 1},
        "keys: queries have 3 columns, keys have 2 (queries (2, 3), keys (4, 2))",
        "queries and keys need the same number of columns",
    ),
    Bad(
        "a softcap of 0",
        {"softcap": 0},
        "softcap: 0 is not a number above 0",
        None,
    ),
    Bad(
        "a negative softcap",
        {"softcap": -1},
        "softcap: -1 is not a number above 0",
        None,
    ),
    Bad(
        "a softcap of infinity",
        {"softcap": inf},
        "softcap: 'inf' is not a finite number",
        None,
    ),
    Bad(
        "a softcap of NaN",
        {"softcap": nan},
        "softcap: 'nan' is not a finite number",
        None,
    ),
    Bad(
        "a softcap in words",
        {"softcap": "thirty"},
        "softcap: 'thirty' is not a number",
        None,
    ),
    Bad(
        "a softcap with an underscore",
        {"softcap": "1_000"},
        "softcap: '1_000' is not a number: its digits are in groups",
        "type 1000",
    ),
    Bad(
        "a length scale of 0",
        {"variant": "laplace", "length_scale": 0},
        "length_scale: 0 is not a number above 0",
        None,
    ),
    Bad(
        "a negative length scale",
        {"variant": "laplace", "length_scale": -2},
        "length_scale: -2 is not a number above 0",
        None,
    ),
    Bad(
        "a length scale that vanishes when squared",
        {"variant": "gaussian", "length_scale": 1e-200},
        "--length-scale: ℓ = 1e-200 is too small: 1/ℓ² is beyond float64",
        None,
    ),
    Bad(
        "a length scale that overflows when squared",
        {"variant": "gaussian", "length_scale": 1e300},
        "--length-scale: ℓ = 1e+300 is too large: 1/ℓ² is beyond float64",
        None,
    ),
    Bad(
        "a length scale for the dot product",
        {"variant": "dot", "length_scale": 2},
        "--length-scale: dot has no length scale",
        "only laplace and gaussian have; or use --scale",
    ),
    Bad(
        "a length scale without a variant",
        {"length_scale": 2},
        "--length-scale: scaled has no length scale",
        "only laplace and gaussian have; or use --scale",
    ),
    Bad(
        "a length scale beside a scale",
        {"variant": "laplace", "length_scale": 2, "scale": 1},
        "--length-scale: cannot be combined with --scale: both set the scale",
        "leave one out",
    ),
    Bad(
        "a scale without a value",
        {"scale": "1/(dk-3)"},
        "--scale: '1/(dk-3)' has no value at dk = 3",
        None,
    ),
    Bad(
        "a scale that is no number",
        {"scale": "sqrt(1-dk)"},
        "--scale: 'sqrt(1-dk)' has no value at dk = 3",
        None,
    ),
    Bad(
        "a scale beyond float64",
        {"scale": "9**9**9**9"},
        "--scale: '9**9**9**9' is beyond the largest float64",
        None,
    ),
    Bad(
        "a scale beyond float32",
        {"queries": np.float32(QUERIES), "keys": np.float32(KEYS), "values": None, "scale": "1e300"},
        "--scale: the scale 1e+300 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a scale that float32 takes for 0",
        {"queries": np.float32(QUERIES), "keys": np.float32(KEYS), "values": None, "scale": "1e-46"},
        "--scale: the scale 1e-46 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a length scale beyond float32",
        {"dtype": "float32", "variant": "gaussian", "length_scale": 1e-30},
        "--length-scale: the scale 1e+60 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a softcap that float32 takes for infinity",
        {"dtype": "float32", "softcap": 1e39},
        "--softcap: the softcap 1e+39 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a softcap that float32 takes for 0",
        {"dtype": "float16", "softcap": 1e-300},
        "--softcap: the softcap 1e-300 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a scale that is a list of other than the heads",
        {"scale": [1, 2]},
        "--scale: 2 scales for 1 head",
        "one scale for all, or one per query head",
    ),
    Bad(
        "a scale that is true",
        {"scale": True},
        "scale: invalid scale 'True': 'True' is not known",
        FORM,
    ),
    Bad(
        "an infinite scale",
        {"scale": inf},
        "scale: invalid scale 'inf': 'inf' is not known",
        FORM,
    ),
    Bad(
        "a variant misspelt",
        {"variant": "laplac"},
        "variant: 'laplac' is not a variant",
        "did you mean 'laplace'?",
    ),
    Bad(
        "a variant with a letter too many",
        {"variant": "Scaledd"},
        "variant: 'Scaledd' is not a variant",
        "did you mean 'scaled'?",
    ),
    Bad(
        "a variant that there is not",
        {"variant": "rbf"},
        "variant: 'rbf' is not a variant",
        "one of: scaled, dot, laplace, gaussian, cosine, uniform",
    ),
    Bad(
        "a dtype misspelt",
        {"dtype": "flaot32"},
        "dtype: 'flaot32' is not a dtype",
        "did you mean 'float32'?",
    ),
    Bad(
        "a dtype of integers",
        {"dtype": "int64"},
        "dtype: 'int64' is not a dtype",
        "one of: float16, bfloat16, float32, float64",
    ),
    Bad(
        "a dtype that is too wide",
        {"dtype": np.longdouble},
        "dtype: 'float128' is not a dtype",
        "did you mean 'float32'?",
    ),
    Bad(
        "a dtype that is none",
        {"dtype": 5},
        "dtype: '5' is not a dtype",
        "one of: float16, bfloat16, float32, float64",
    ),
    Bad(
        "a corner misspelt",
        {"align": "bottom-rigth"},
        "align: 'bottom-rigth' is not a corner",
        "did you mean 'bottom-right'?",
    ),
    Bad(
        "a corner with an underscore",
        {"align": "top_left"},
        "align: 'top_left' is not a corner",
        "did you mean 'top-left'?",
    ),
    Bad(
        "a corner that there is not",
        {"align": "centre"},
        "align: 'centre' is not a corner",
        "one of: top-left, bottom-right",
    ),
    Bad(
        "a corner beside an offset",
        {"align": "top-left", "query_offset": 1},
        "--query-offset: cannot be combined with --align: both set the position of query 0",
        "leave one out",
    ),
    Bad(
        "half an offset",
        {"query_offset": 1.5},
        "query_offset: '1.5' is not a whole number",
        None,
    ),
    Bad(
        "an offset in words",
        {"query_offset": "last"},
        "query_offset: 'last' is not a whole number",
        None,
    ),
    Bad(
        "an offset beyond any matrix",
        {"query_offset": 10**18},
        "query_offset: 1000000000000000000 is beyond any matrix",
        None,
    ),
    Bad(
        "a meaning that a mask has not",
        {"mask_means": "ignore"},
        "mask_means: 'ignore' is not a meaning",
        "one of: keep, drop",
    ),
    Bad(
        "causal in words",
        {"causal": "yes"},
        "causal: 'yes' is neither true nor false",
        None,
    ),
    Bad(
        "causal as 2",
        {"causal": 2},
        "causal: 2 is neither true nor false",
        None,
    ),
    Bad(
        "non-finite numbers allowed in words",
        {"allow_nonfinite": "no"},
        "allow_nonfinite: 'no' is neither true nor false",
        None,
    ),
    Bad(
        "an engine that there is not",
        {"engine": "cuda"},
        "engine: 'cuda' is not an engine",
        "one of: auto, numpy, numba",
    ),
]

PROJECTIONS = [
    Bad(
        "x without w_q",
        {"x": X, "w_k": W},
        "x: x is given without w_q",
        "queries = x w_q: add w_q",
    ),
    Bad(
        "x without w_k",
        {"x": X, "w_q": W},
        "x: x is given without w_k",
        "keys = x w_k: add w_k",
    ),
    Bad(
        "w_q without x",
        {"queries": X, "keys": X, "w_q": W},
        "w_q: w_q is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "a context without x",
        {"queries": X, "keys": X, "context": X},
        "context: context is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "a context of the values without x",
        {"queries": X, "keys": X, "values_context": X},
        "values_context: values_context is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "a context of the values without w_v",
        {"x": X, "w_q": W, "w_k": W, "values_context": X},
        "values_context: values_context is given without w_v",
        "add w_v",
    ),
    Bad(
        "b_k without x",
        {"queries": X, "keys": X, "b_k": [1, 2]},
        "b_k: b_k is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "queries beside x",
        {"x": X, "w_q": W, "w_k": W, "queries": X},
        "queries: queries are given beside x",
        "give either x with w_q, w_k, w_v or Q, K, V",
    ),
    Bad(
        "values beside x",
        {"x": X, "w_q": W, "w_k": W, "values": X},
        "values: values are given beside x",
        "give either x with w_q, w_k, w_v or Q, K, V",
    ),
    Bad(
        "b_v without w_v",
        {"x": X, "w_q": W, "w_k": W, "b_v": [1, 2]},
        "b_v: b_v is given without w_v",
        None,
    ),
    Bad(
        "w_q given as columns",
        {"x": X, "w_q": W.T, "w_k": W},
        "w_q: w_q has shape (2, 3), but x has 3 columns",
        "w_q must be (3, …); it looks transposed",
    ),
    Bad(
        "w_k of another height",
        {"x": X, "w_q": W, "w_k": np.ones((4, 2))},
        "w_k: w_k has shape (4, 2), but x has 3 columns",
        "w_k must be (3, …)",
    ),
    Bad(
        "w_q of one axis",
        {"x": X, "w_q": [1, 1, 1], "w_k": W},
        "w_q: w_q has shape (3,), but x has 3 columns",
        "w_q must be (3, …)",
    ),
    Bad(
        "w_q of three axes",
        {"x": X, "w_q": np.ones((2, 3, 2)), "w_k": W},
        "w_q: w_q has shape (2, 3, 2), but x has 3 columns",
        "w_q must be (3, …)",
    ),
    Bad(
        "x of one axis",
        {"x": [1, 2, 3], "w_q": W, "w_k": W},
        "x: has 1 axis; expected one row per token",
        "write [[…]] for one row",
    ),
    Bad(
        "x as a number",
        {"x": 1.0, "w_q": W, "w_k": W},
        "x: is a single number; expected one row per token",
        "write [[…]] for one row",
    ),
    Bad(
        "a context of other columns than w_k has rows",
        {"x": X, "context": np.ones((4, 2)), "w_q": W, "w_k": W},
        "w_k: w_k has shape (3, 2), but context has 2 columns",
        "w_k must be (2, …); it looks transposed",
    ),
    Bad(
        "w_q and w_k of different widths",
        {"x": X, "w_q": W, "w_k": np.ones((3, 4))},
        "w_k: w_q has 2 columns, w_k has 4",
        "queries and keys must be equally wide",
    ),
    Bad(
        "b_q too long",
        {"x": X, "w_q": W, "w_k": W, "b_q": [1, 2, 3]},
        "b_q: b_q has shape (3,); expected one number per column: (2,)",
        None,
    ),
    Bad(
        "b_q as a table",
        {"x": X, "w_q": np.ones((3, 4)), "w_k": np.ones((3, 4)), "b_q": np.ones((2, 2))},
        "b_q: b_q has shape (2, 2); expected one number per column: (4,)",
        None,
    ),
    Bad(
        "x of true and false",
        {"x": X > 1, "w_q": W, "w_k": W},
        "x: holds booleans; expected numbers",
        None,
    ),
    Bad(
        "w_q of words",
        {"x": X, "w_q": [["a"] * 2] * 3, "w_k": W},
        "w_q: holds text ('a'); expected numbers",
        None,
    ),
    Bad(
        "a NaN in x",
        {"x": np.where(X == 4, np.nan, X), "w_q": W, "w_k": W},
        "x · w_q: nan at [1, 0] in the queries",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "a product beyond float32",
        {"x": np.float32(X * 6e37), "w_q": np.float32(W), "w_k": np.float32(W)},
        "w_q: x w_q overflows float32",
        "--dtype float64",
    ),
    Bad(
        "a product beyond float64",
        {"x": X * 3e307, "w_q": W, "w_k": W},
        "w_q: x w_q overflows float64",
        "rescale x",
    ),
    Bad(
        "x beyond float16",
        {"x": X * 1e5, "w_q": W, "w_k": W, "dtype": "float16"},
        "x: 100000.0 at [0, 1] is beyond float16",
        "--dtype float32",
    ),
    Bad(
        "w_k beyond float32",
        {"x": X, "w_q": W, "w_k": W * 1e39, "dtype": "float32"},
        "w_k: 1e+39 at [0, 0] is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "w_o of another height",
        {"queries": X, "keys": X, "values": X, "w_o": W.T},
        "w_o: w_o has shape (2, 3), but the joined heads have 3 columns",
        "w_o must be (3, …)",
    ),
    Bad(
        "w_o that does not fit the joined heads",
        {
            "queries": np.ones((2, 4)),
            "keys": np.ones((2, 4)),
            "values": np.ones((2, 4)),
            "heads": (2, 2),
            "w_o": np.ones((2, 4)),
        },
        "w_o: w_o has shape (2, 4), but the joined heads have 4 columns",
        "w_o must be (4, …)",
    ),
    Bad(
        "w_o of one axis",
        {"queries": X, "keys": X, "values": X, "w_o": [1, 2, 3]},
        "w_o: w_o has shape (3,), but the joined heads have 3 columns",
        "w_o must be (3, …)",
    ),
    Bad(
        "w_o without values",
        {"queries": X, "keys": X, "w_o": W},
        "w_o: w_o projects the output, and without values there is none",
        None,
    ),
    Bad(
        "b_o without w_o",
        {"queries": X, "keys": X, "values": X, "b_o": [1, 2, 3]},
        "b_o: b_o is given without w_o",
        None,
    ),
    Bad(
        "b_o too short",
        {"queries": X, "keys": X, "values": X, "w_o": W, "b_o": [1, 2, 3]},
        "b_o: b_o has shape (3,); expected one number per column: (2,)",
        None,
    ),
    Bad(
        "a NaN in w_o",
        {"queries": X, "keys": X, "values": X, "w_o": np.where(W == 1, np.nan, W)},
        "w_o: w_o has nan at [0, 0]",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "an infinite b_o",
        {"queries": X, "keys": X, "values": X, "w_o": W, "b_o": [1, np.inf]},
        "b_o: b_o has inf at [1]",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "an output projection beyond float32",
        {"queries": np.float32(X), "keys": np.float32(X), "values": np.float32(X * 6e37), "w_o": np.float32(W)},
        "output: output · w_o overflows float32",
        "--dtype float64",
    ),
    Bad(
        "w_o beyond float32",
        {"queries": np.float32(X), "keys": np.float32(X), "values": np.float32(X), "w_o": W * 1e39},
        "w_o: 1e+39 at [0, 0] is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "an output projection beyond float64",
        {"queries": X, "keys": X, "values": X * 1e307, "w_o": W * 1e3},
        "output: output · w_o overflows float64",
        "rescale w_o",
    ),
    Bad(
        "nothing at all",
        {"variant": "dot"},
        "problem: no queries",
        "give queries and keys, or x with w_q and w_k",
    ),
]


def by_sentence(*tables: list[Bad]) -> dict[str, Any]:
    """Arguments of parametrize: each case under its sentence."""
    cases = [case for table in tables for case in table]
    return {"argvalues": cases, "ids": [case.sentence for case in cases]}


@pytest.mark.parametrize("case", **by_sentence(SHAPES, TYPES, MASKS, SETTINGS))
def test_attend_refuses(case: Bad) -> None:
    given = {"queries": QUERIES, "keys": KEYS, "values": VALUES, **case.given}
    with pytest.raises(AttncliError) as refusal:
        attend(given.pop("queries"), given.pop("keys"), **given)
    assert (str(refusal.value), refusal.value.hint) == (case.message, case.hint)


def asked(**given: Any) -> Result:
    """The result of a request, projections included, which attend has no parameters for."""
    matrices = {name: Matrix(np.asarray(given[name]), name) for name in MATRIX_NAMES if name in given}
    return Result(prepare(Request(**{**given, **matrices})))


@pytest.mark.parametrize("case", **by_sentence(PROJECTIONS))
def test_projections_are_refused(case: Bad) -> None:
    with pytest.raises(AttncliError) as refusal:
        asked(**case.given).compute()
    assert (str(refusal.value), refusal.value.hint) == (case.message, case.hint)


def test_projections_are_x_w_plus_b() -> None:
    x, context = np.array([[1.0, 2], [0, 1]]), np.array([[1.0, 0], [2, 1], [0, 3]])
    w_q, w_k, w_v, w_o = np.array([[1.0, 0], [1, 2]]), np.array([[0.0, 1], [1, 0]]), np.array([[2.0], [1]]), [[10, 20]]
    result = asked(
        x=x, context=context, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, b_q=[1, 0], b_k=[[0], [1]], b_v=[5], b_o=[0, 1]
    )
    by_hand = attend([[4, 4], [2, 2]], [[0, 2], [1, 3], [3, 1]], [[7], [10], [8]])
    np.testing.assert_array_equal(result.weights, by_hand.weights)
    np.testing.assert_allclose(result.output, by_hand.output @ [[10, 20]] + [0, 1], rtol=1e-15)


def test_values_may_have_a_context_of_their_own() -> None:
    x, context, other = np.eye(2), np.array([[1.0, 0], [2, 1], [0, 3]]), np.array([[1.0], [2], [4]])
    found = asked(x=x, context=context, values_context=other, w_q=np.eye(2), w_k=np.eye(2), w_v=[[10]])
    np.testing.assert_array_equal(found.output, attend(x, context, 10 * other).output)
    alone = asked(x=context, values_context=other, w_q=np.eye(2), w_k=np.eye(2), w_v=[[10]])
    np.testing.assert_array_equal(alone.output, attend(context, context, 10 * other).output)


def test_x_is_its_own_context() -> None:
    assert asked(x=X, w_q=W, w_k=W, w_v=W).output.tolist() == asked(x=X, context=X, w_q=W, w_k=W, w_v=W).output.tolist()


def test_a_dtype_is_what_x_and_its_weights_are_cast_to_before_they_are_multiplied() -> None:
    x, w = np.float32(X * 6e37), np.float32(W)
    with pytest.raises(AttncliError):
        asked(x=x, w_q=w, w_k=w, scale="1e-76")
    assert asked(x=x, w_q=w, w_k=w, scale="1e-76", dtype="float64").raw_scores.dtype == np.float64
    third = asked(x=[[1 / 3]], w_q=[[1.0]], w_k=[[1.0]], dtype="float32", variant="dot").raw_scores
    assert third.tolist() == [[float(np.float32(1 / 3) * np.float32(1 / 3))]]


def test_checking_computes_projections_in_float64() -> None:
    x, w = Matrix(np.float32([[1 / 3]]), "x"), Matrix(np.float32([[1 / 3]]), "w")
    problem = prepare(Request(x=x, w_q=w, w_k=w), compute="float64")
    assert problem.queries.tolist() == [[float(np.float32(1 / 3)) ** 2]]


WRONG_LABELS = [
    ({"queries": ("a", "b", "c")}, "labels: queries: 3 labels for 2 queries"),
    ({"keys": ("a", "b")}, "labels: keys: 2 labels for 4 keys"),
    ({"features": ("a", "b")}, "labels: features: 2 labels for 3 columns of Q and K"),
]


@pytest.mark.parametrize(("names", "message"), WRONG_LABELS, ids=[next(iter(names)) for names, _ in WRONG_LABELS])
def test_labels_are_as_many_as_what_they_name(names: dict[str, Any], message: str) -> None:
    with pytest.raises(AttncliError) as refusal:
        asked(queries=zeros(5, 2, 3), keys=KEYS, labels=Labels(**names))
    assert str(refusal.value) == message


def test_labels_given_apart_win_over_those_read_with_the_matrices() -> None:
    queries = Matrix(QUERIES, "queries", row_labels=("a", "b"), column_labels=("x", "y", "z"))
    keys, own = Matrix(KEYS, "keys", row_labels=("k", "l", "m", "n")), Labels(queries=("c", "d"), values=("v",))
    problem = prepare(Request(queries=queries, keys=keys, labels=own))
    assert problem.labels == Labels(("c", "d"), ("k", "l", "m", "n"), ("x", "y", "z"), ("v",))


def test_features_of_packed_heads_are_named_as_one_likes() -> None:
    labels = Labels(features=("x", "y"))
    assert asked(queries=zeros(1, 4), keys=zeros(1, 4), heads=(2, 2), labels=labels).problem.labels == labels


@pytest.mark.parametrize("lengths", [[3, 4], [[3, 4]], [[3], [4]]], ids=["an axis", "a row", "a column"])
def test_key_lengths_may_stand_in_a_row_or_a_column(lengths: list[Any]) -> None:
    assert attend(zeros(2, 2, 3), KEYS, key_lengths=lengths).problem.visible.lengths == (3, 4)


@pytest.mark.parametrize("name", ["mask", "bias"])
def test_a_mask_or_bias_widens_a_leading_axis_of_one(name: str) -> None:
    extra = np.arange(40).reshape(5, 2, 4) % 3 > 0
    wide = attend(QUERIES[None], KEYS, VALUES, **{name: extra if name == "mask" else extra * 1.0})
    for i in range(5):
        one = attend(QUERIES, KEYS, VALUES, **{name: extra[i] if name == "mask" else extra[i] * 1.0})
        np.testing.assert_array_equal(wide.output[i], one.output)


def test_a_mask_widens_the_batch_of_packed_heads() -> None:
    mask = np.arange(40).reshape(5, 2, 4) % 3 > 0
    wide = attend(QUERIES[None], KEYS, VALUES, mask=mask[:, None], heads=1).output
    np.testing.assert_array_equal(wide, [attend(QUERIES, KEYS, VALUES, mask=one).output for one in mask])


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


SCALES = [
    ("0.125", 0.125),
    ("1/30", 1 / 30),
    ("1/dk", 1 / 12),
    ("1/sqrt(dk)", 1 / math.sqrt(12)),
    ("1/√dk", 1 / math.sqrt(12)),
    ("1/√(dk)", 1 / math.sqrt(12)),
    ("1/√d_k", 1 / math.sqrt(12)),
    (" 1 / sqrt ( dk ) ", 1 / math.sqrt(12)),
    ("dk**-0.5", 12**-0.5),
    ("dk^-.5", 12**-0.5),
    ("2*dk-3/4+1", 2 * 12 - 3 / 4 + 1),
    ("2−1", 1),
    ("3·4", 12),
    ("-2^2", -4),
    ("(-2)^2", 4),
    ("2^3^2", 512),
    ("2^-1", 0.5),
    ("6/2/3", 1),
    ("7-2-1", 4),
    ("1--1", 2),
    ("+-+1", -1),
    ("1e-3", 1e-3),
    (".5", 0.5),
    ("5.", 5),
    ("1E+2", 100),
    ("sqrt(sqrt 16)", 2),
    ("log(2)*sqrt 9", 3 * math.log(2)),
    ("1/(sqrt(dk)*2)", 1 / (math.sqrt(12) * 2)),
    ("d", 12),
    ("0", 0),
    ("-1", -1),
    ("1/" + "(" * 40 + "2" + ")" * 40, 0.5),
    ("-" * 199 + "1", -1),
    ("sqrt(" * 33 + "1" + ")" * 33, 1),
    ("1^" * 99 + "1", 1),
]


@pytest.mark.parametrize(("text", "value"), SCALES, ids=[text[:20] for text, _ in SCALES])
def test_a_scale_means(text: str, value: float) -> None:
    assert evaluate_scale(text, {SIZE: 12.0}) == value
    assert attend(zeros(1, 12), zeros(1, 12), scale=text).problem.scale == value


@pytest.mark.parametrize("end", ["tiny", "max"])
def test_a_scale_may_be_at_the_end_of_what_float32_holds(end: str) -> None:
    scale = float(getattr(np.finfo(np.float32), end))
    assert attend(np.float32(QUERIES), np.float32(KEYS), scale=scale).problem.scale == scale


LENGTHS = [
    ({"variant": "laplace"}, 1),
    ({"variant": "gaussian", "length_scale": 2}, 2),
    ({"variant": "laplace", "scale": 3}, None),
    ({"variant": "dot"}, None),
]


@pytest.mark.parametrize(("given", "length"), LENGTHS, ids=["default", "given", "a scale instead", "a product"])
def test_a_distance_has_a_length_scale_unless_its_scale_is_given(given: dict[str, Any], length: float | None) -> None:
    assert attend(QUERIES, KEYS, **given).problem.length_scale == length


NO_SCALES = [
    ("", "an empty scale", FORM),
    (" ", "an empty scale", FORM),
    ("((", "invalid scale '((': unexpected end", FORM),
    ("1/", "invalid scale '1/': unexpected end", FORM),
    ("(1", "invalid scale '(1': a bracket is not closed", FORM),
    ("1)", "invalid scale '1)': a bracket is closed that was not opened", FORM),
    ("()", "invalid scale '()': ')' is out of place", FORM),
    ("1//2", "invalid scale '1//2': '/' is out of place", FORM),
    ("*2", "invalid scale '*2': '*' is out of place", FORM),
    ("2dk", "invalid scale '2dk': an operator is missing before 'dk'", FORM),
    ("1 2", "invalid scale '1 2': an operator is missing before '2'", FORM),
    ("2(3)", "invalid scale '2(3)': an operator is missing before '('", FORM),
    ("1_000", "invalid scale '1_000': an operator is missing before '_'", FORM),
    ("0x10", "invalid scale '0x10': an operator is missing before 'x'", FORM),
    ("1e", "invalid scale '1e': an operator is missing before 'e'", FORM),
    ("1,5", "invalid scale '1,5': ',' is not part of a scale", FORM),
    (".", "invalid scale '.': '.' is not part of a scale", FORM),
    ("½", "invalid scale '½': '½' is not part of a scale", FORM),
    ("٣", "invalid scale '٣': '٣' is not part of a scale", FORM),
    ("exp(1)", "invalid scale 'exp(1)': 'exp' is not known", FORM),
    ("nan", "invalid scale 'nan': 'nan' is not known", FORM),
    ("import os", "invalid scale 'import os': 'import' is not known", FORM),
    ("dk.real", "invalid scale 'dk.real': '.' is not part of a scale", FORM),
    ("__import__('os')", 'invalid scale "__import__(\'os\')": "\'" is not part of a scale', FORM),
    ("lambda: 1", "invalid scale 'lambda: 1': ':' is not part of a scale", FORM),
    ("1\n2", "invalid scale '1\\n2': an operator is missing before '2'", FORM),
    ("1" * 201, "a scale of 201 characters", FORM),
    ("(" * 200, f"invalid scale '{'(' * 200}': too many brackets", FORM),
    ("sqrt-4", "invalid scale 'sqrt-4': sqrt needs brackets", FORM),
    ("2 log(2)", "invalid scale '2 log(2)': an operator is missing before 'log'", FORM),
    ("1/0", "'1/0' has no value", None),
    ("0**-1", "'0**-1' has no value", None),
    ("sqrt(-1)", "'sqrt(-1)' has no value", None),
    ("(-1)**0.5", "'(-1)**0.5' has no value", None),
    ("sqrt((-1)**0.5)", "'sqrt((-1)**0.5)' has no value", None),
    ("1e999", "'1e999' is beyond the largest float64", None),
    ("9**9**9**9", "'9**9**9**9' is beyond the largest float64", None),
    ("1e308*10", "'1e308*10' is beyond the largest float64", None),
    ("1e999-1e999", "'1e999-1e999' is beyond the largest float64", None),
]


@pytest.mark.parametrize(("text", "what", "hint"), NO_SCALES, ids=[repr(text[:20]) for text, _, _ in NO_SCALES])
def test_a_scale_is_refused(text: str, what: str, hint: str | None) -> None:
    with pytest.raises(AttncliError) as refusal:
        attend(zeros(1, 12), zeros(1, 12), scale=text)
    assert (refusal.value.what, refusal.value.hint) == (what, hint)


PIECES = [
    "dk",
    "sqrt",
    "√",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "**",
    "^",
    "9",
    "1e308",
    ".5",
    " ",
    "e",
    "_",
    "os",
    "\n",
    "['",
]


@given(text=st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)))
@settings(derandomize=True, deadline=None, max_examples=800)
def test_a_scale_is_a_finite_number_or_refused_at_once(text: str) -> None:
    start = time.process_time()
    try:
        value = evaluate_scale(text, {SIZE: 64.0})
    except ValueError:
        value = 0.0
    assert type(value) is float
    assert math.isfinite(value)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "piece", ["9**", "-", "+", "(", ")", "√", "sqrt(", "sqrt ", "1+", "1*", "2^", "(1+", "dk", "1e9", "9^-"]
)
def test_a_scale_of_200_hostile_characters_is_quick(piece: str) -> None:
    start = time.process_time()
    for tail in ("", "1", ")"):
        try:
            evaluate_scale((piece * 200)[: 200 - len(tail)] + tail, {SIZE: 64.0})
        except ValueError:
            continue
    assert time.process_time() - start < 1


TEXTS = [
    ("window", "2,0", (2, 0)),
    ("window", "2 0", (2, 0)),
    ("window", "[2, 0]", (2, 0)),
    ("window", "(2, 0)", (2, 0)),
    ("window", "-1,3", (-1, 3)),
    ("window", "−1,+3", (-1, 3)),
    ("heads", "8", (8, 8)),
    ("heads", "8/2", (8, 2)),
    ("heads", " 8 / 2 ", (8, 2)),
    ("heads", "[8, 2]", (8, 2)),
    ("softcap", "30", 30.0),
    ("softcap", "1/2", 0.5),
    ("length_scale", ".5", 0.5),
    ("query_offset", "-3", -3),
    ("query_offset", "−3", -3),
    ("query_offset", "9" * 18, 10**18 - 1),
    ("causal", "True", True),
    ("causal", "false", False),
    ("variant", " laplace ", "laplace"),
]


@pytest.mark.parametrize(("key", "text", "value"), TEXTS, ids=[f"{key} {text}" for key, text, _ in TEXTS])
def test_a_setting_means(key: str, text: str, value: object) -> None:
    assert BY_KEY[key].value(text, key) == value


@pytest.mark.parametrize("given", [False, None, 0, "false", "False", np.False_], ids=repr)
def test_false_is_said_in_many_ways(given: Any) -> None:
    assert attend(QUERIES, KEYS, causal=given).problem.visible.is_everything


def described(**given: Any) -> dict[str, str]:
    problem = {"queries": QUERIES, "keys": KEYS, "values": VALUES, **given}
    return attend(problem.pop("queries"), problem.pop("keys"), **problem).problem.described


CONVENTIONS = [
    ("nothing in force", {}, {}),
    ("a mask", {"mask": True}, {"mask": "1 = may attend, 0 = masked"}),
    ("a mask that drops", {"mask": True, "mask_means": "drop"}, {"mask": "1 = masked, 0 = may attend"}),
    ("a bias", {"bias": 0.5}, {"bias": "added to the scores"}),
    ("causal", {"causal": True}, {"causal": "query i sees keys j ≤ i", "align": "top-left"}),
    (
        "causal at the other corner",
        {"causal": True, "align": "bottom-right"},
        {"causal": "query i sees keys j ≤ i + 2", "align": "bottom-right"},
    ),
    (
        "causal before the keys",
        {"causal": True, "query_offset": -1},
        {"causal": "query i sees keys j ≤ i − 1", "align": "query offset -1"},
    ),
    ("a window", {"window": (2, 1)}, {"window": "query i sees keys i − 2 ≤ j ≤ i + 1", "align": "top-left"}),
    ("the position itself", {"window": (0, 0)}, {"window": "query i sees keys i ≤ j ≤ i", "align": "top-left"}),
    ("a window to the left", {"window": (2, -1)}, {"window": "query i sees keys i − 2 ≤ j", "align": "top-left"}),
    ("a window to the right", {"window": (-1, 1)}, {"window": "query i sees keys j ≤ i + 1", "align": "top-left"}),
    ("a window of everything", {"window": (-1, -1)}, {}),
    (
        "a window that an offset moves",
        {"window": (2, 2), "align": "bottom-right"},
        {"window": "query i sees keys i ≤ j ≤ i + 4", "align": "bottom-right"},
    ),
    (
        "lengths that move a window",
        {"queries": zeros(2, 2, 3), "window": (2, 1), "align": "bottom-right", "key_lengths": [3, 4]},
        {
            "window": "query i sees keys i + length − n − 2 ≤ j ≤ i + length − n + 1",
            "align": "bottom-right",
            "key lengths": "3, 4",
        },
    ),
    ("a softcap", {"softcap": 30}, {"softcap": "30·tanh(scores/30), after the scale, before bias and mask"}),
    (
        "grouped heads",
        {"queries": zeros(6, 2, 3), "keys": zeros(2, 4, 3), "values": None},
        {"grouped heads": "6 on 2 key/value heads, interleaved: heads 0 to 2 share key head 0"},
    ),
    (
        "one key head for all",
        {"queries": zeros(2, 8), "keys": zeros(4, 2), "values": None, "heads": "4/1"},
        {"grouped heads": "4 on 1 key/value head"},
    ),
    ("a key head for each head", {"queries": zeros(2, 4), "keys": zeros(4, 4), "values": None, "heads": "2/2"}, {}),
    (
        "half precision",
        {"queries": np.float16(QUERIES), "keys": np.float16(KEYS), "values": None},
        {"dtype": "computed in float32, returned in float16"},
    ),
]


@pytest.mark.parametrize(("given", "said"), [case[1:] for case in CONVENTIONS], ids=[case[0] for case in CONVENTIONS])
def test_conventions_in_force_are_told(given: dict[str, Any], said: dict[str, str]) -> None:
    assert described(**given) == said


IN_VAIN = [
    ("a corner", {"align": "bottom-right"}, "--align bottom-right changes nothing without --causal or --window"),
    ("an offset", {"query_offset": 2}, "--query-offset changes nothing without --causal or --window"),
    ("a meaning", {"mask_means": "drop"}, "--mask-means drop changes nothing without --mask"),
    ("a scale", {"variant": "uniform", "scale": 2}, "--scale changes nothing with uniform, whose scores are all 0"),
]


@pytest.mark.parametrize(("given", "note"), [case[1:] for case in IN_VAIN], ids=[case[0] for case in IN_VAIN])
def test_what_changes_nothing_is_noted(given: dict[str, Any], note: str) -> None:
    assert attend(QUERIES, KEYS, **given).problem.notes == (note,)


def test_what_is_in_force_is_not_noted() -> None:
    given = {"mask": True, "mask_means": "drop", "causal": True, "align": "top-left", "scale": 2}
    assert attend(QUERIES, KEYS, **given).problem.notes == ()
