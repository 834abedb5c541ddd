"""What attend refuses of masks, biases and key lengths, whole messages; and how they broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import KEYS, QUERIES, VALUES, Bad, by_sentence, inf, nan, refuse, zeros

from attncli import attend

MASKS = [
    Bad(
        "a mask of 0.5",
        {"mask": np.full((2, 4), 0.5)},
        "mask: 0.5 at [0, 0]: a mask is 0/1 or true/false",
        "numbers to be added to the scores are a bias: name it so, or give it with --bias",
    ),
    Bad(
        "a mask that is a bias",
        {"mask": [0, 0, -inf, 0]},
        "mask: -inf at [2]: a mask is 0/1 or true/false",
        "numbers to be added to the scores are a bias: name it so, or give it with --bias",
    ),
    Bad(
        "a mask of 2",
        {"mask": [[1, 1, 1, 1], [1, 1, 2, 1]]},
        "mask: 2 at [1, 2]: a mask is 0/1 or true/false",
        "numbers to be added to the scores are a bias: name it so, or give it with --bias",
    ),
    Bad(
        "a mask with NaN",
        {"mask": [nan, 1, 1, 1]},
        "mask: nan at [0]: a mask is 0/1 or true/false",
        "numbers to be added to the scores are a bias: name it so, or give it with --bias",
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
        "a mask whose entries and heads are one axis",
        {"queries": zeros(6, 5, 2, 3), "mask": np.ones((30, 2, 4))},
        "mask: a mask of shape (30, 2, 4) does not fit 2 queries and 4 keys with the leading axes (6, 5)",
        "if its first axis is entries times heads, reshape it to (6, 5, 2, 4)",
    ),
    Bad(
        "a mask with a row for each entry",
        {"queries": zeros(6, 5, 2, 3), "mask": np.ones((6, 4))},
        "mask: a mask of shape (6, 4) does not fit 2 queries and 4 keys with the leading axes (6, 5)",
        "if it has a row for each entry, give it as (6, 1, 1, 4)",
    ),
    Bad(
        "a mask of two batches without the heads' axis",
        {"queries": zeros(6, 5, 2, 3), "mask": np.ones((6, 2, 4))},
        "mask: a mask of shape (6, 2, 4) does not fit 2 queries and 4 keys with the leading axes (6, 5)",
        "the axis of the heads is missing: give it as (6, 1, 2, 4)",
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


@pytest.mark.parametrize("case", **by_sentence(MASKS))
def test_attend_refuses_masks(case: Bad) -> None:
    refuse(case)


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
