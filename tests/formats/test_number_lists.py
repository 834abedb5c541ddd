"""Large lists of numbers are read by orjson, with the results and the messages of the careful readers."""

from __future__ import annotations

import numpy as np
import pytest
from amount import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attncli.errors import InputError
from attncli.formats import BY_NAME, number_lists
from attncli.formats.contents import NumberList
from attncli.matrix import Matrix, Reading

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(("0", "-0", "-0.0", "1E5", "1e-7", "010", "+1", ".5", "1.", "1 2", "1e999", "nan", "", "a", "[]")),
)
ODDS = st.sampled_from(
    ('"', "'", "[", "]", "{", "}", ",", ":", "-", "#", "|", ">", " ", "\n", "\n- ", "1", "null", "&a", "*a")
)


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    return _documents(draw, '{{"title": "t: [1, 2]", "queries": {}, "keys": {}}}', ("[{}]", ", ", ",\n    "), "[{}]")


@st.composite
def yaml_texts(draw: st.DrawFn) -> str:
    form = draw(st.sampled_from(("title: t\nqueries: {}\nexpected:\n  output: {}\n", "{{queries: {}, keys: {}}}\n")))
    if draw(st.booleans()):
        return _documents(draw, form, ("[{}]", ", ", ",\n    "), "[{}]")
    if draw(st.booleans()):
        return _documents(draw, form, ("\n  - {}", "\n  - "), "- {}", "\n    - ")
    return _documents(draw, form, ("\n  - {}", "\n  - "), "[{}]")


def _documents(draw: st.DrawFn, form: str, outer: tuple[str, ...], inner: str, between: str = ", ") -> str:
    """A document of two matrices, mostly even, with a few characters put in or taken out."""
    whole, *separators = outer
    matrices = []
    for _ in range(2):
        rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        cells = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
        lists = [inner.format(between.join(cells[row * columns : (row + 1) * columns])) for row in range(rows)]
        matrices.append(whole.format(draw(st.sampled_from(separators)).join(lists)))
    text = form.format(*matrices)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(ODDS) + text[place + draw(st.integers(0, 1)) :]
    return text


def outcome(format: str, text: str) -> tuple[dict[str, tuple[object, ...]], object] | str:
    """Names, shapes, bits and texts of the matrices, and what else there is; or the whole message."""
    try:
        contents = BY_NAME[format].read(text.encode(), "p", Reading(keep_text=True))
        matrices = {name: decode() for name, decode in contents.matrices.items()}
    except InputError as error:
        return f"{error.where}: {error.what} {error.hint}"
    assert contents.tree is not None
    root = contents.tree.root
    others = [_plain(root[key]) for key in root if key not in matrices] if isinstance(root, dict) else []
    return {name: _parts(matrix) for name, matrix in matrices.items()}, others


def _parts(matrix: Matrix) -> tuple[object, ...]:
    return matrix.array.shape, matrix.array.dtype, matrix.array.tobytes(), list(matrix.texts or ())


def _plain(node: object) -> object:
    """A node with one spelling of each number."""
    if isinstance(node, NumberList):
        return _plain(node.array.tolist())
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return list(map(_plain, node))
    try:
        return repr(float(str(node)))
    except ValueError:
        return node


def assert_same_outcome(format: str, text: str) -> None:
    careful = outcome(format, text)
    for piece in (1, 12, number_lists.PIECE):  # a piece ends in each row, in some rows, in none
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(number_lists, "LARGE", 1)
            patch.setattr(number_lists, "PIECE", piece)
            assert outcome(format, text) == careful


@example('{"q": [[1, 2], 3[, 4]], "k": [[1]]}')
@example('{"q": [[1, 2], [3, 4]5], "k": [[1]]}')
@example('{"q": [[1, 2], [3, 4]], [[5]]: 1}')
@example('{"q": [[1, 2], [3, 4]], "q": [[1]]}')
@example('{"q": [[[1], [2]], [[3], [4]]]}')
@example('{"q": [[1, 2], [3]]}')
@example('{"q": [[1, -0], [3, 010]]}')
@example("[[1, 2], [3, 4]]")
@example('{"q": "[[1, 2], [3, 4]]"}')
@example('{"q\\"": [[1, 2], [3, 4]]}')
@example('{"q": [[1, true], [null, 4]]}')
@example('{"q": [[1, 2], {}, [3, 4]]}')
@example('{"q": [[1, 2], [3, 4],\n]}')
@example('{"q": [[1, 2],, [3, 4]]}')
@example('{"q": [[1, 2] [3, 4]]}')
@example('{"q": [[1, 2], [3, 4]\u00a0]}')
@example('{"q": [[1,\t2], [3, 4]]}')
@example('{"q": [[1, 2], 3, [4, 5]]}')
@settings(max_examples=examples(40))
@given(json_texts())
def test_json_is_read_as_the_careful_reader_reads_it(text: str) -> None:
    assert_same_outcome("json", text)


@example("q:\n- [1, 2]\n- [3, 4]\nk:\n- [1, 2]\n")
@example("q:\n  - [1, 2]\n  - 3\nk:\n - [1]\n")
@example("e:\n  q:\n - [1, 2]\n - [3, 4]\n")
@example("q: |\n  - [1, 2]\n  - [3, 4]\n")
@example("q: '\n  k:\n  - [1, 2]\n  - [3, 4]'\n")
@example("{q:\n  - [1, 2]\n  - [3, 4]}\n")
@example("q: [[1, 2], [3, 4]] word\nk: 1\n")
@example("q: [[1, 2], [3, 4]]\n word: 1\n")
@example("q:\n  - [1, 2], [5, 6]\n  - [3, 4]\n")
@example("q: &a\n  - [1, 2]\n  - [3, 4]\nk: *a\n")
@example("q:\n  - [1,\n    2]\n  - [3,\n 4]\n")
@example("q:\n  - [1, 2] # a: comment\n  - [3, 4]\n")
@example("q:\n  - [1, 2]\n  -  [3, 4]\n")
@example("q:\n  - [1, 2]\n  - [[3, 4]]\n")
@example("q:\n  - [1, true]\n  - [null, 4]\n")
@example("q:\n  - [1, 2],\n  - [3, 4]\n")
@example("q:\n  - [1]\n  - []\n")
@example("q: [[1, 2], [3, 4]]\nq: [[1, 2], [3, 4]]\n")
@example("null: [[1, 2], [3, 4]]\n")
@example("q: [[1, 2], [3, 4]]\n  k: [[1, 2], [3, 4]]\n")
@example("q: [[1,\t2], [3, 4]]\n")
@example("q: [[1, 2], [3, 4],]\n")
@example("q:\n- - 1\n  - 2.50\n- - -3\n  - 4e0\nk:\n- - 1\n")
@example("q:\n  - - 1\n    - 2\n  - - 3\n    - 4 # a: comment\n")
@example("q:\n  - - 1\n    - 2\n\n  - - 3\n    - 4\n...\n")
@example("q:\n  - - 1\n    - 2,5\n  - - 3\n    - 4,5\n")
@example("q:\n  - - 1\n    - [2]\n  - - 3\n    - [4]\n")
@example("q:\n  - - 1\n   - 2\n")
@example("q:\n  - - 1\n    - 2\n    -\n")
@example("e:\n  q:\n - - 1\n   - 2\n")
@example("q:\n  - - 1\n    -  2\n  -  - 3\n    - 4\n")
@example("q:\n  - - 1\n      5\n  - - 3\n")
@example("q:\n  - - 1\n  - k:\n    - - 1\n")
@settings(max_examples=examples(40))
@given(yaml_texts())
def test_yaml_is_read_as_the_careful_reader_reads_it(text: str) -> None:
    assert_same_outcome("yaml", text)


@pytest.mark.parametrize("format", ["json", "yaml"])
@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 1)])
def test_what_is_written_is_read_quickly(format: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_lists, "LARGE", 1)
    array = np.random.default_rng(1).standard_normal(shape)
    data = b"".join(bytes(chunk) for chunk in BY_NAME[format].write({"queries": Matrix(array, "")}))
    contents = BY_NAME[format].read(data, "p", Reading())
    assert contents.tree is not None
    assert type(contents.tree.root["queries"]) is NumberList
    assert contents.matrices["queries"]().array.tobytes() == array.tobytes()


def test_the_default_form_of_pyyaml_is_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    monkeypatch.setattr(number_lists, "LARGE", 1)
    array = np.random.default_rng(1).standard_normal((3, 4))
    text = yaml.dump({"queries": array.tolist(), "expected": {"output": (-array).tolist()}})
    contents = BY_NAME["yaml"].read(text.encode(), "p", Reading())
    assert contents.tree is not None
    found = contents.tree.root["queries"], contents.tree.root["expected"]["output"]
    assert list(map(type, found)) == [NumberList, NumberList]
    assert [each.array.tobytes() for each in found] == [array.tobytes(), (-array).tobytes()]


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_the_texts_of_a_large_list_take_little_more_than_the_text_itself(format: str) -> None:
    import tracemalloc

    rows = (f"[{', '.join(f'{cell:.4f}' for cell in row)}]" for row in np.random.default_rng(1).random((200, 500)))
    data = f'{{"queries": [{",".join(rows)}]}}'.encode()
    tracemalloc.start()
    matrix = BY_NAME[format].read(data, "p", Reading(keep_text=True)).matrices["queries"]()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.3 * (matrix.array.nbytes + len(data))
