from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError
from attncli.inputs.literal import looks_like_path, read_typed
from attncli.matrix import Matrix, Reading

LITERALS = [
    ("1 0; 0 1", [[1, 0], [0, 1]]),
    ("-1 0; 0 1", [[-1, 0], [0, 1]]),
    ("1, 0; 0, 1;", [[1, 0], [0, 1]]),
    ("1 0;\n0 1", [[1, 0], [0, 1]]),
    ("1 0\n0 1\n", [[1, 0], [0, 1]]),
    ("1 0", [[1, 0]]),
    ("1; 0", [[1], [0]]),
    ("5", [[5]]),
    ("1/2 -inf", [[0.5, -np.inf]]),
    ("true false; false true", [[True, False], [False, True]]),
    ("[1, 0]", [1, 0]),
    ("[[1, 0], [0, 1],]", [[1, 0], [0, 1]]),
    ("[[[1]], [[2]]]", [[[1]], [[2]]]),
    ('["-inf", 1]', [-np.inf, 1]),
    ("[.5, 1e3, -.inf]", [0.5, 1000, -np.inf]),
    ("((1, 0), (0, 1))", [[1, 0], [0, 1]]),
    ("((1, 0),\n (0, 1))", [[1, 0], [0, 1]]),
    ("((1, 0),)", [[1, 0]]),
    ("([1, 0], [0, 1])", [[1, 0], [0, 1]]),
    ("[1 0; 0 1]", [[1, 0], [0, 1]]),
    ("[[1. 0.]\n [0. 1.]]", [[1, 0], [0, 1]]),
    ("array([[ True, False]])", [[True, False]]),
    ("np.array([1, 2], dtype=np.float32)", [1, 2]),
    (
        "tensor([[1.0000e+00,       -inf],\n        [2.5000e-01, 3.0000e+00]], device='cuda:0',\n"
        "       dtype=torch.float16, grad_fn=<MulBackward0>)",
        [[1, -np.inf], [0.25, 3]],
    ),
    ("Parameter containing:\ntensor([1., 2.], requires_grad=True)", [1, 2]),
]


def read_literal(text: str, reading: Reading | None = None) -> Matrix:
    """The only matrix of a literal, called Q."""
    (decode,) = read_typed(text, "Q", reading or Reading()).matrices.values()
    return decode()


@pytest.mark.parametrize(("text", "numbers"), LITERALS)
def test_a_literal_is_read(text: str, numbers: list) -> None:
    array = read_literal(text).array
    assert array.tolist() == numbers
    assert array.dtype == (np.bool_ if "rue" in text and "grad" not in text else np.float64)


def test_texts_are_kept_on_request() -> None:
    assert read_literal("1.50 1/3", Reading(keep_text=True)).texts == ("1.50", "1/3")
    assert read_literal("[[1.50], [2]]", Reading(keep_text=True)).texts == ("1.50", "2")
    assert read_literal("1").texts is None


@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int32, np.bool_]),
        arrays.array_shapes(max_dims=4, max_side=3),
    )
)
def test_what_numpy_prints_is_read(array: np.ndarray) -> None:
    with np.printoptions(floatmode="unique"):
        texts = (repr(array), str(array), repr(array.tolist()))
    for text in texts:
        back = read_literal(text).array
        with np.errstate(over="ignore", invalid="ignore"):
            np.testing.assert_array_equal(back.astype(array.dtype), array)
        assert back.shape == array.shape


@given(st.text(alphabet="[]();,. 01-ea\n\"'rytnos", max_size=30))
def test_no_text_raises_anything_but_an_input_error(text: str) -> None:
    try:
        where = read_literal(text).where
    except InputError as error:
        where = error.where
    assert where.startswith("Q")


PATHS = [
    "q.csv",
    "x.npz:weights",
    "data/q.csv",
    "./1",
    "../q",
    "/q",
    "~/q",
    "q",
    "model.pt",
    "my file.csv",
    "1.csv",
    "Q.CSV",
    "a b",
    "(a) b",
    "./1 0",
    "../1;2",
    "/1 0",
    "~/1 0",
    ".\\1 0",
    "..\\1 0",
    "1 0.csv",
    "1 0.npz:q",
]
NOT_PATHS = [
    "1",
    "1 0; 0 1",
    "-1 0",
    "1/2 1/3",
    "[1, 2]",
    "nan",
    "true",
    "tensor([1])",
    "1 x",
    "a; b",
    ".5 1",
    "",
    "((1,0),(0,1))",
    "(1,0)",
]


@pytest.mark.parametrize(
    ("text", "is_path"), [*((text, True) for text in PATHS), *((text, False) for text in NOT_PATHS)]
)
def test_what_looks_like_a_path_is_never_a_literal(text: str, is_path: bool) -> None:
    assert looks_like_path(text) is is_path


def _tuples(array: list) -> tuple:
    return tuple(_tuples(item) if isinstance(item, list) else item for item in array)


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=4, max_side=3)))
def test_what_python_prints_of_nested_tuples_is_read(array: np.ndarray) -> None:
    text = str(_tuples(array.tolist()))
    assert not looks_like_path(text)
    np.testing.assert_array_equal(read_literal(text).array, array)


@pytest.mark.parametrize("separator", [r" \n ", r"\n", r" \n", " | ", "|", " || ", r" \\ ", r"\r\n"])
@pytest.mark.parametrize("row", ["1 0", "1, 0", "1,0"])
def test_another_sign_between_rows_is_refused_with_the_right_one(row: str, separator: str) -> None:
    with pytest.raises(InputError, match="is not a number") as caught:
        read_literal(separator.join([row, row]))
    assert "rows are separated by ';'" in caught.value.hint


@pytest.mark.parametrize("text", ["1,5 2; 3 4", "1 2; 3,5 4", "1,5 2,5; 3 4", "1, 0 0, 1"])
def test_commas_and_blanks_in_a_row_are_refused_with_both_meanings(text: str) -> None:
    with pytest.raises(InputError, match="is not a number") as caught:
        read_literal(text)
    assert (
        caught.value.hint
        == "separate cells by commas or by spaces, not both, and write decimals with a point: '1.5 2; 3 4'"
    )


@pytest.mark.parametrize("text", ["(1,0)", "(1, 0), (0, 1)"])
def test_tuples_that_could_be_numbers_in_parentheses_are_refused_with_a_list(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_literal(text)
    assert "[[1, 0], [0, 1]]" in caught.value.hint
