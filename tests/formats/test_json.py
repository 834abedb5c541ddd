"""JSON with its text kept: what it means, what it refuses and where, and that what is written reads back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError
from attncli.formats import json as format
from attncli.formats.contents import Quoted
from attncli.formats.json_faults import find_json_fault
from attncli.formats.tree_places import Key
from attncli.matrix import Matrix, Reading


def read(text, **reading):
    data = text if isinstance(text, bytes) else text.encode()
    return format.read(data, "p.json", Reading(**reading))


def matrices(text):
    return {name: decode() for name, decode in read(text).matrices.items()}


X = "x"

# title, document, the whole message, the hint
REFUSED = [
    (
        "leading zero",
        '{"a": [1, 010]}',
        "p.json: line 1, column 11: '010' has a leading zero, which programs read in different ways",
        "type 10",
    ),
    ("bare point", '{"a": [.5]}', "p.json: line 1, column 8: '.5' is not JSON", 'write ".5" in quotes'),
    ("plus", '{"a": [+1]}', "p.json: line 1, column 8: '+1' is not JSON", 'write "+1" in quotes'),
    ("fraction", '{"a": [1/3]}', "p.json: line 1, column 8: '1/3' is not JSON", 'write "1/3" in quotes'),
    (
        "null",
        '{"a": [1, null]}',
        "p.json: line 1, column 11: null; expected a number",
        "nothing is guessed: write the number",
    ),
    (
        "quoted truth",
        '{"a": ["true"]}',
        "p.json: line 1, column 8: 'true' is text, not a boolean",
        "write it without quotes",
    ),
    (
        "truth beside numbers",
        '{"a": [1, true]}',
        "p.json: line 1, column 11: 'true' is among numbers",
        "type 1 for true and 0 for false",
    ),
    (
        "ragged rows",
        '{"a": [[1, 2],\n [3]]}',
        "p.json: line 2, column 2: a list of 1, where the first, in line 1, has 2",
        "every row has the same number of entries",
    ),
    (
        "object among rows",
        '{"a": [[1], {"b": 1}]}',
        "p.json: line 1, column 13: a mapping; expected a number or a list",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "empty list",
        '{"a": [[]]}',
        "p.json: line 1, column 8: an empty list",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    ("key twice", '{"a": 1, "a": 2}', "p.json: line 1, column 10: the key a is given twice", "remove one of the two"),
    (
        "inner key twice",
        '{"b": [{"a": 1,\n "a": 2}]}',
        "p.json: line 2, column 2: the key a is given twice",
        "remove one of the two",
    ),
    ("trailing comma", '{"a": [1, ]}', "p.json: line 1, column 9: not JSON: a comma before ]", "delete the comma"),
    (
        "missing comma",
        '{"a": [1] "b": 2}',
        "p.json: line 1, column 11: not JSON: a comma is missing",
        "put a comma between two values",
    ),
    (
        "word after the end",
        '{"a": [1]} x',
        "p.json: line 1, column 12: something follows the end of the JSON value",
        "one value per file; lists on separate lines are read from a .txt file",
    ),
    (
        "second value",
        '{"a": [1]}{"b": 2}',
        "p.json: line 1, column 11: something follows the end of the JSON value",
        "one value per file; lists on separate lines are read from a .txt file",
    ),
    (
        "comment",
        '{"a": [1]}\n// c',
        "p.json: line 2, column 1: something follows the end of the JSON value",
        "one value per file; lists on separate lines are read from a .txt file",
    ),
    (
        "open list",
        '{"a": [1',
        "p.json: line 1, column 9: not JSON: unexpected end",
        "close what is open: brackets, braces and quotation marks",
    ),
    ("open string", '{"a": "x', "p.json: line 1, column 7: not JSON: a string that is never closed", 'end it with "'),
    (
        "line break in a string",
        '{"a": "x\ny"}',
        "p.json: line 1, column 9: a line break or control character within a string",
        "write \\n for a line break",
    ),
    ("nothing", "", "p.json: the file is empty", "write numbers into it, or name another file"),
    ("spaces", " \n", "p.json: the file is empty", "a matrix is a list of rows, as in [[1, 0], [0, 1]]"),
    (
        "null alone",
        "null",
        "p.json: line 1, column 1: nothing; expected a list or a mapping",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "number alone",
        "3",
        "p.json: line 1, column 1: '3'; expected a list or a mapping",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "40 letters beside a list",
        f'[[1], "{X * 40}"]',
        f"p.json: line 1, column 7: '{X * 40}' beside lists, the first in line 1",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "41 letters beside a list",
        f'[[1], "{X * 41}"]',
        f"p.json: line 1, column 7: '{X * 37}...' beside lists, the first in line 1",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "in line 3",
        '{\n"a": [1,\n "x"]}',
        "p.json: line 3, column 2: 'x' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "after an empty line",
        '\n{"a": ["x"]}',
        "p.json: line 2, column 8: 'x' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "in the third axis",
        '[[[1, 2], [3, 4]], [[5, 6], [7, "x"]]]',
        "p.json: line 1, column 33: 'x' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "a number with two points",
        '{"a": [1.2.3]}',
        "p.json: line 1, column 8: '1.2.3' is not JSON",
        "text goes in double quotes",
    ),
    (
        "a word of 40 letters",
        "x" * 40,
        f"p.json: line 1, column 1: '{X * 40}' is not JSON",
        "text goes in double quotes",
    ),
    (
        "a word of 41 letters",
        "x" * 41,
        f"p.json: line 1, column 1: '{X * 37}...' is not JSON",
        "text goes in double quotes",
    ),
    (
        "a key that is repeated after its like among the values",
        '{"a": "a", "b": 1, "b": 2}',
        "p.json: line 1, column 20: the key b is given twice",
        "remove one of the two",
    ),
    (
        "a quoted truth after a plain one",
        '{"a": [true, "false"]}',
        "p.json: line 1, column 14: 'false' is text, not a boolean",
        "write it without quotes",
    ),
    (
        "65 lists",
        "[" * 65 + "1" + "]" * 65,
        "p.json: line 1, column 65: lists and objects more than 64 deep",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "65 objects",
        '{"a":' * 65 + "1" + "}" * 65,
        "p.json: line 1, column 321: lists and objects more than 64 deep",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "60,000 brackets",
        "[" * 60_000,
        "p.json: line 1, column 65: lists and objects more than 64 deep",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "2,000 objects",
        '{"a":' * 2_000 + "1" + "}" * 2_000,
        "p.json: line 1, column 321: lists and objects more than 64 deep",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "100 deep",
        "[" * 100 + "]" * 100,
        "p.json: line 1, column 65: lists and objects more than 64 deep",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    ("word", '{"a": [abc]}', "p.json: line 1, column 8: 'abc' is not JSON", "text goes in double quotes"),
    ("single quotes", "{'a': [1]}", "p.json: line 1, column 2: \"'a'\" is not JSON", "text goes in double quotes"),
    (
        "text",
        '{"a": ["abc"]}',
        "p.json: line 1, column 8: 'abc' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "beyond float64",
        '{"a": [1e999]}',
        "p.json: line 1, column 8: '1e999' is beyond the largest float64, 1.8e308",
        "type inf if infinity is meant",
    ),
    ("hexadecimal", '{"a": [0x1F]}', "p.json: line 1, column 8: '0x1F' is not a number: it is not decimal", "type 31"),
    (
        "digit groups",
        '{"a": [1_000]}',
        "p.json: line 1, column 8: '1_000' is not a number: its digits are in groups",
        "type 1000",
    ),
    (
        "padded text",
        '{"a": ["010"]}',
        "p.json: line 1, column 8: '010' has a leading zero, which programs read in different ways",
        "type 10",
    ),
    ("Python's True", '{"a": [True]}', "p.json: line 1, column 8: 'True' is not JSON", "write true"),
    ("Python's None", '{"a": [None]}', "p.json: line 1, column 8: 'None' is not JSON", "write null"),
    ("nan", '{"a": [nan]}', "p.json: line 1, column 8: 'nan' is not JSON", 'write "nan" in quotes'),
    ("Latin-1", b'{"a": \xe9}', "p.json: line 1: the byte 0xe9 is not UTF-8", "save it as UTF-8"),
    (
        "no value",
        '{"a"}',
        "p.json: line 1, column 5: not JSON: a colon is missing",
        "write a colon and a value after the key",
    ),
    (
        "a number after a number",
        "[1 2]",
        "p.json: line 1, column 4: not JSON: a comma is missing",
        "put a comma between two values",
    ),
    (
        "a number after a key",
        '{"a" 1}',
        "p.json: line 1, column 6: not JSON: a colon is missing",
        "write a colon and a value after the key",
    ),
    (
        "two commas",
        "[1,, 2]",
        "p.json: line 1, column 4: not JSON: a value is missing",
        "a value is a number, text in double quotes, a list or a mapping",
    ),
    ("no key", '{"a": 1, : 2}', "p.json: line 1, column 10: not JSON: a key is missing", "keys go in double quotes"),
    ("a number as a key", "{1: 2}", "p.json: line 1, column 2: '1' is not JSON", 'write "1" in quotes'),
    (
        "another bracket than the open one",
        '{"a": [1}',
        "p.json: line 1, column 9: not JSON: ] is missing before }",
        "close what is open with ]",
    ),
    (
        "an unknown escape",
        '["\\d"]',
        "p.json: line 1, column 3: not JSON: invalid \\d",
        "write two backslashes for one",
    ),
    (
        "a string that ends with an escaped quotation mark",
        '["a", "b\\"]',
        "p.json: line 1, column 7: not JSON: a string that is never closed",
        'end it with "',
    ),
    ("a comment", "[1, // c\n2]", "p.json: line 1, column 5: a comment, which JSON does not have", "delete it"),
    (
        "a space that does not break",
        "[1,\xa02]",
        "p.json: line 1, column 4: the character U+00A0 between values",
        "use plain spaces",
    ),
    (
        "an open list and a line break",
        "[1,\n",
        "p.json: line 1, column 4: not JSON: unexpected end",
        "close what is open: brackets, braces and quotation marks",
    ),
    ("YAML", "a: [1]", "p.json: line 1, column 1: 'a' is not JSON", "text goes in double quotes"),
]

# title, document, the matrix that it is
ACCEPTED = [
    ("rows", "[[1, 0], [0, 1]]", [[1.0, 0.0], [0.0, 1.0]]),
    ("one axis", "[1, 2.5, 1e-3]", [1.0, 2.5, 0.001]),
    ("what JSON cannot say", '["-inf", "inf", "1/4", ".5"]', [-np.inf, np.inf, 0.25, 0.5]),
    ("what Python writes all the same", "[Infinity, -Infinity]", [np.inf, -np.inf]),
    ("truths", "[[true, false]]", [[True, False]]),
    ("a byte order mark", "\ufeff[1]", [1.0]),
    ("UTF-16", "[1]".encode("utf-16"), [1.0]),
    ("digits without end", f"[1.{'0' * 5000}1]", [1.0]),
]


@pytest.mark.parametrize(("text", "message", "hint"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_what_cannot_be_meant_is_refused_with_its_place(text, message, hint):
    with pytest.raises(InputError) as refusal:
        matrices(text)
    assert (str(refusal.value), refusal.value.hint) == (message, hint)


@given(st.lists(st.sampled_from(["[", "]", "{", "}", ",", ":", '"a"', '"b', "1", "1.", "nul", "null", "\\", "\n"])))
def test_a_text_has_a_fault_where_python_s_json_does_not_read_it(tokens):
    text = "".join(tokens)
    try:
        json.loads(text)
    except ValueError:
        assert find_json_fault(text) is not None
    else:
        assert find_json_fault(text) is None


@pytest.mark.parametrize("text", ['{"a":' * 64 + "1" + "}" * 64, '{"a":' + "[" * 63 + "1" + "]" * 63 + "}"])
def test_64_lists_and_objects_may_stand_in_one_another(text):
    assert read(text).tree is not None


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case[1:], id=case[0]) for case in ACCEPTED])
def test_lists_are_matrices(text, expected):
    found = matrices(text)[""].array
    assert found.dtype == np.array(expected).dtype
    np.testing.assert_array_equal(found, expected)


def test_a_scalar_keeps_its_text_and_whether_it_was_a_string():
    root = read('{"a": 1.50, "b": "1.50", "c": true, "d": null, "e": [{"f": -0}]}').tree.root
    assert root == {"a": "1.50", "b": "1.50", "c": "true", "d": "null", "e": [{"f": "-0"}]}
    assert [type(root[key]) for key in "abcd"] == [str, Quoted, str, str]


def test_a_place_is_found_by_its_path():
    locate = read('{"a\\"b": 1,\n "b": [[1, 2],\n  [3, {"c": 4}]]}').tree.locate
    assert locate(()) == (1, 1)
    assert locate(('a"b',)) == (1, 10)
    assert locate((Key("b"),)) == (2, 2)
    assert locate(("b", 1, 1, "c")) == (3, 13)


@given(
    st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=4, max_side=4))
    )
)
def test_what_was_written_reads_back_to_the_same_bits(array):
    written = b"".join(format.write({"output": Matrix(array, "")}))
    json.loads(written, parse_constant=pytest.fail)
    found = matrices(written)["output"].array.astype(array.dtype)
    np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(np.signbit(found)[found == 0], np.signbit(array)[found == 0])


def test_a_file_is_one_object_of_nested_lists():
    written = b"".join(
        format.write(
            {"weights": Matrix(np.array([[0.5, -np.inf], [np.nan, 1e-13]]), ""), "lse": Matrix(np.ones(2), "")}
        )
    )
    assert written.decode() == (
        '{\n  "weights": [\n    [0.5, "-inf"],\n    ["nan", 1e-13]\n  ],\n  "lse": [1.0, 1.0]\n}\n'
    )


@pytest.mark.parametrize("shape", [(0,), (2, 0), (1, 2, 0)])
def test_an_array_without_cells_is_written_with_its_axes(shape):
    written = b"".join(format.write({"a": Matrix(np.zeros(shape), "")}))
    assert json.loads(written) == {"a": np.zeros(shape).tolist()}


def test_only_what_has_labels_in_a_problem_file_keeps_them():
    from attncli.formats import yaml

    lse = Matrix(np.ones((1, 1)), "", row_labels=("a",), column_labels=("b",))
    assert b"".join(yaml.write({"lse": lse})) == b"lse:\n  - [1.0]\n"


def test_numbers_in_base64_are_refused_with_a_way_to_write_them(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.json").write_text('{"__ndarray__": "AAAAAAAA8D8=", "dtype": "float64", "shape": [1]}')
    assert run("run", "p.json") == (
        2,
        "",
        "error: p.json: line 1, column 2: unknown key '__ndarray__'\n"
        "hint: numbers in base64 are not read: write array.tolist(), or numpy.save an NPY file\n",
    )
