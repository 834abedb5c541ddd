"""What a problem file is refused for, with its place and a hint."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problem_sources import sources

from attncli.errors import AttncliError, InputError
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Worksheet
from attncli.inputs.sources import Sources

pytestmark = pytest.mark.usefixtures("folder")


LABELS_FORM = "labels: {queries: […], keys: […]}; also features, and values for the columns of V"


EXPECTED_FORM = "name the matrix, as in expected: {weights: […], output: […]}"


KINDS_OF_KEYS = "keys are queries, keys, values, labels, expected, and the options of attncli help calculation"


ONE_OF_RESULTS = (
    "one of: raw_scores, scores, weights, output, lse, d_values, d_weights, d_scores, d_queries, d_keys, d_bias, d_x, "
    "d_context, d_values_context, d_w_q, d_w_k, d_w_v, d_w_o, d_b_q, d_b_k, d_b_v, d_b_o"
)


MATRIX = "a matrix is a list of rows, as in [[1, 0], [0, 1]]"


MISSING = "give it a value, or leave the key out"


# the document, the whole message, the hint
REFUSED = [
    ("querys: [[1]]", "p.yaml: line 1, column 1: unknown key 'querys'", "did you mean 'query'?"),
    ("q: [[1]]\nmask: causal", "p.yaml: line 2, column 7: mask: 'causal' is not a matrix", "causal: true"),
    ("enable_gqa: false", "p.yaml: line 1, column 1: unknown key 'enable_gqa'", "heads: H/KV, as in 8/2"),
    ("tokens: [a]", "p.yaml: line 1, column 1: unknown key 'tokens'", "labels: {queries: […], keys: […]}"),
    ("num_heads: 2", "p.yaml: line 1, column 1: unknown key 'num_heads'", "did you mean 'heads'?"),
    ("isCausal: true", "p.yaml: line 1, column 1: unknown key 'isCausal'", "did you mean 'causal'?"),
    (
        "temperature: 2",
        "p.yaml: line 1, column 1: unknown key 'temperature'",
        "scale: S, which is one over the temperature",
    ),
    ("answers: [[1]]", "p.yaml: line 1, column 1: unknown key 'answers'", "expected: {weights: […], output: […]}"),
    ("q: [[1]]\nmasks:\n- [1]", "p.yaml: line 2, column 1: unknown key 'masks'", "did you mean 'mask'?"),
    (
        "q: [[1]]\nqueries: [[1]]",
        "p.yaml: line 2, column 1: q and queries are two names for the same thing",
        "keep one of them",
    ),
    ("x: [[1]]\nX: [[1]]", "p.yaml: line 2, column 1: x and X are two names for the same thing", "keep one of them"),
    ("q:", "p.yaml: line 1, column 3: q: the value is missing", MISSING),
    ("q: null", "p.yaml: line 1, column 4: q: the value is missing", MISSING),
    ("q: {a: 1}", "p.yaml: line 1, column 8: '1'; expected a list", MATRIX),
    (
        "q: [[1], [abc]]",
        "p.yaml: line 1, column 11: 'abc' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "q: 010",
        "p.yaml: line 1, column 4: q: '010' has a leading zero, which programs read in different ways",
        "type 10",
    ),
    ("q: 1_000", "p.yaml: line 1, column 4: q: '1_000' is not a number: its digits are in groups", "type 1000"),
    ("q: gone.csv", "p.yaml: q: gone.csv: no such file", None),
    ("q: p.yml", "p.yaml: q: p.yml: no such file", "did you mean p.yaml?"),
    ("q: '-'", "p.yaml: q: a problem file cannot take a matrix from standard input", "name a file"),
    (
        "q: '1 x'",
        "p.yaml: q: row 1, column 2: 'x' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    ("variant: scald", "p.yaml: line 1, column 10: variant: 'scald' is not a variant", "did you mean 'scaled'?"),
    (
        "variant: [scaled]",
        "p.yaml: line 1, column 10: variant: a list; expected one value",
        "write it after the colon, as in scale: 0.5",
    ),
    (
        "variant: {a: b}",
        "p.yaml: line 1, column 10: variant: a mapping; expected one value",
        "write it after the colon, as in scale: 0.5",
    ),
    ("scale:", "p.yaml: line 1, column 7: scale: the value is missing", MISSING),
    ("causal: yes", "p.yaml: line 1, column 9: causal: 'yes' is neither true nor false", None),
    ("causal: 1", "p.yaml: line 1, column 9: causal: '1' is neither true nor false", None),
    ("softcap: -1", "p.yaml: line 1, column 10: softcap: -1 is not a number above 0", None),
    ("softcap: .inf", "p.yaml: line 1, column 10: softcap: '.inf' is not a finite number", None),
    ("softcap: 1_0", "p.yaml: line 1, column 10: softcap: '1_0' is not a number: its digits are in groups", "type 10"),
    (
        "softcap: 010",
        "p.yaml: line 1, column 10: softcap: '010' has a leading zero, which programs read in different ways",
        "type 10",
    ),
    (
        "window: [1, 010]",
        "p.yaml: line 1, column 13: window: '010' has a leading zero, which programs read in different ways",
        "type 10",
    ),
    (
        "window: 3",
        "p.yaml: line 1, column 9: window: '3' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    (
        "window: [1, 2, 3]",
        "p.yaml: line 1, column 9: window: '1,2,3' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    (
        "window: [1, [2]]",
        "p.yaml: line 1, column 13: window: a list; expected one value",
        "write it after the colon, as in scale: 0.5",
    ),
    ("window: [1, ~]", "p.yaml: line 1, column 13: window: the value is missing", MISSING),
    ("heads: 3/2", "p.yaml: line 1, column 8: heads: 3 query heads are not a multiple of 2 key/value heads", None),
    (
        "heads: 2.0",
        "p.yaml: line 1, column 8: heads: '2.0' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    ("query_offset: 1.5", "p.yaml: line 1, column 15: query_offset: '1.5' is not a whole number", None),
    ("dtype: flaot32", "p.yaml: line 1, column 8: dtype: 'flaot32' is not a dtype", "did you mean 'float32'?"),
    (
        "as: [torch]",
        "p.yaml: line 1, column 5: as: a list; expected one value",
        "write it after the colon, as in scale: 0.5",
    ),
    (
        "title: [a]",
        "p.yaml: line 1, column 8: title: a list; expected one value",
        "write it after the colon, as in scale: 0.5",
    ),
    ("allow_nonfinite: true", "p.yaml: line 1, column 1: unknown key 'allow_nonfinite'", KINDS_OF_KEYS),
    ("labels: [a]", "p.yaml: line 1, column 9: labels: a list; expected a mapping", LABELS_FORM),
    ("labels: {querie: [a]}", "p.yaml: line 1, column 10: unknown key 'querie'", "did you mean 'queries'?"),
    (
        "labels: {keys: a}",
        "p.yaml: line 1, column 16: labels: keys: 'a'; expected a list of names",
        "keys: [first, second]",
    ),
    (
        "labels: {keys: [a, [b]]}",
        "p.yaml: line 1, column 20: labels: keys: a list; expected a name",
        "keys: [first, second]",
    ),
    ("expected: [[1]]", "p.yaml: line 1, column 11: expected: a list; expected a mapping", EXPECTED_FORM),
    ("expected:", "p.yaml: line 1, column 10: expected: nothing; expected a mapping", EXPECTED_FORM),
    ("expected: {weight: [[1]]}", "p.yaml: line 1, column 12: unknown key 'weight'", "did you mean 'weights'?"),
    ("expected: {probs: [[1]]}", "p.yaml: line 1, column 12: unknown key 'probs'", "did you mean 'weights'?"),
    ("expected: {context: [[1]]}", "p.yaml: line 1, column 12: unknown key 'context'", "did you mean 'output'?"),
    ("expected: {dQ: [[1]]}", "p.yaml: line 1, column 12: unknown key 'dQ'", "did you mean 'd_queries'?"),
    ("expected: {zzz: [[1]]}", "p.yaml: line 1, column 12: unknown key 'zzz'", ONE_OF_RESULTS),
    (
        "expected:\n  output:\n  - [1, 2]\n  - [3]",
        "p.yaml: line 4, column 5: a list of 1, where the first, in line 3, has 2",
        "every row has the same number of entries; one that is left blank is written as a question mark: [0.5, ?]",
    ),
    ("digits: -1", "p.yaml: line 1, column 9: digits: -1 is below 0", "the number of decimals, as in 4"),
    ("digits: 1.5", "p.yaml: line 1, column 9: digits: '1.5' is not a whole number", None),
    (
        "digits: 04",
        "p.yaml: line 1, column 9: digits: '04' has a leading zero, which programs read in different ways",
        "type 4",
    ),
    (
        "digits: [4]",
        "p.yaml: line 1, column 9: digits: a list; expected one value",
        "write it after the colon, as in scale: 0.5",
    ),
    ("digits: {queries: 4}", "p.yaml: line 1, column 10: unknown key 'queries'", "did you mean 'd_queries'?"),
    (
        "[[1, 0]]",
        "p.yaml: holds one matrix, but a problem has queries and keys",
        "give the matrices separately: attncli run Q K V, or attncli check Q K V --expect-output FILE; "
        "an answer to a problem: attncli check PROBLEM --expect-output FILE",
    ),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_meant_is_refused_with_its_place(read, text, message, hint):
    with pytest.raises(AttncliError) as error:
        read(text)
    assert error.value.hint == hint
    assert str(error.value) == message


def test_json_says_the_same_of_its_places(read):
    with pytest.raises(AttncliError) as error:
        read('{"q": [[1]],\n "widnow": [1, 2]}', "p.json")
    assert (str(error.value), error.value.hint) == (
        "p.json: line 2, column 2: unknown key 'widnow'",
        "did you mean 'window'?",
    )


# the arrays of an NPZ, the whole message, the hint
REFUSED_ARRAYS = [
    (["q", "queries", "k"], "p.npz: q and queries are two names for the same thing", "keep one of them"),
    (
        ["expected_lse", "expected.lse"],
        "p.npz: expected_lse and expected.lse are two names for the same thing",
        "keep one of them",
    ),
    (
        ["a", "b"],
        "p.npz: holds a, b, and no queries",
        "name its arrays queries, keys and values, or give them separately as p.npz:a p.npz:b",
    ),
    (
        ["in/v", "in/q", "in/k", "out"],
        "p.npz: holds in/v, in/q, in/k, out, and no queries",
        "name its arrays queries, keys and values, or give them separately as p.npz:in/q p.npz:in/k p.npz:in/v",
    ),
    (
        ["output", "weights"],
        "p.npz: holds output, weights, and no queries",
        "if these are answers to a problem: attncli check PROBLEM --expect-output FILE",
    ),
    (
        ["k"],
        "p.npz: holds k, and no queries",
        "name its arrays queries, keys and values, or give them separately as FILE:NAME",
    ),
]


@pytest.mark.parametrize(("names", "message", "hint"), REFUSED_ARRAYS)
def test_arrays_that_are_not_a_problem_are_refused(names, message, hint):
    np.savez("p.npz", **dict.fromkeys(names, np.eye(2)))
    with pytest.raises(AttncliError) as error:
        read_problem("p.npz", sources())
    assert (str(error.value), error.value.hint) == (message, hint)


SCRAPS = st.sampled_from(
    ["queries", "k: ", "labels: ", "expected:", "[", "]", "{", "}", ", ", ": ", "- ", "&a ", "*a ", "!t ", "|\n", "? "]
    + [
        "\n",
        "\n  ",
        "\t",
        "'",
        '"',
        "#",
        "1",
        "-1",
        ".5",
        "010",
        "true",
        "~",
        "inf",
        "<<",
        "---\n",
        "%",
        "@",
        "\x00",
        "é",
        "\x85",
    ]
)


@given(st.lists(SCRAPS, max_size=40).map("".join), st.sampled_from(["yaml", "json"]))
def test_no_document_is_answered_with_anything_but_a_problem_or_a_refusal(text, format):
    document = Sources(lambda: io.BytesIO(text.encode()), from_format=format)
    with contextlib.suppress(AttncliError):
        assert isinstance(read_problem("-", document), Worksheet)


def test_a_manifest_is_sent_to_batch(run, tmp_path):
    path = tmp_path / "jobs.yaml"
    path.write_text("defaults: {variant: dot}\njobs: []\n")
    assert run("run", path).err.splitlines() == [
        f"error: {path}: line 1, column 1: unknown key 'defaults'",
        "hint: a manifest of jobs is for attncli batch FILE -d DIR",
    ]


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("\n  1 0\n  0 1", "line 2, column 3"),
        (" >\n  1 0\n  0 1", "line 1, column 4"),
        (" '1 0\n  0 1'", "line 1, column 4"),
    ],
)
def test_rows_that_yaml_joins_to_one_line_are_refused(read, written, place):
    with pytest.raises(InputError) as caught:
        read(f"q:{written}\nk: [[1, 0, 0, 1]]\n")
    assert caught.value.where == f"p.yaml: {place}"
    assert caught.value.what == "q: YAML joins its lines into one, so its rows are lost"
    assert caught.value.hint == "write | after the colon: q: |"


@pytest.mark.parametrize("keys", [("shape", "data"), ("dims", "values")])
def test_a_mapping_with_a_shape_and_numbers_is_not_a_matrix_with_labels(read, keys):
    with pytest.raises(InputError, match="a mapping with its shape and its numbers, as a library writes an array"):
        read(f"q: {{{keys[0]}: [1, 2], {keys[1]}: [1, 0]}}\nk: [[1, 0]]\n")


@pytest.mark.parametrize("cell", ["01", "0x1", "1_0", "1:30"])
def test_a_number_of_json_that_no_text_may_hold_is_not_sent_to_txt(read, cell):
    with pytest.raises(InputError) as caught:
        read(f'{{"q": [[{cell}, 0]], "k": [[1, 0]]}}', "p.json")
    assert "name it .txt" not in (caught.value.hint or "")
