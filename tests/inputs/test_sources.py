"""From typed words to matrices: what a word means, in which order, and what is said when it means nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from attncli.errors import AttncliError, InputError, UsageError
from attncli.inputs import sources as module
from attncli.inputs.problem_file import read_problem
from attncli.inputs.settings import BY_KEY
from attncli.inputs.sources import Sources
from attncli.matrix import Reading


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with one of each."""
    monkeypatch.chdir(tmp_path)
    np.save("q.npy", np.eye(2))
    np.savez("p.npz", q=np.eye(2), k=np.ones((2, 2)), extra=np.zeros(3))
    np.savez("both.npz", q=np.eye(2), queries=np.eye(2))
    np.savez("one.npz", anything=np.eye(3))
    files = {
        "k.csv": "1,0\n0,1\n",
        "a:b.csv": "5,6\n",
        "1 0": "7 8\n",
        "p.yaml": "queries: [[1, 0]]\nkeys: [[0, 1]]\nwindow: [1, 2]\n",
        "results.json": '{"weights": [[1]], "output": [[2]]}',
        "without_suffix": "[[1, 2]]",
        "d/q.csv": "1,2\n",
        "d/k.npy": "",
        "d/README.md": "not a matrix",
        "d/notes.csv": "nor is this",
        "d/expected_weights.csv": "1",
        "twice/q.csv": "1",
        "twice/queries.txt": "1",
        "keyless/q.csv": "1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    np.save("d/k.npy", np.array([[3.0, 4.0]]))
    (tmp_path / "dangling.csv").symlink_to("gone")
    return tmp_path


def sources(stdin=b"", **options):
    return Sources(lambda: io.BytesIO(stdin), **options)


def refusal(error):
    return f"{error.value}", error.value.hint


IDENTITY = [[1.0, 0.0], [0.0, 1.0]]

# the word, what errors call the matrix, its numbers
FOUND = [
    ("q.npy", "q.npy", IDENTITY),
    ("k.csv", "k.csv", IDENTITY),
    (" k.csv", "k.csv", IDENTITY),
    ("p.npz", "p.npz: q", IDENTITY),
    ("p.npz:k", "p.npz: k", [[1.0, 1.0], [1.0, 1.0]]),
    ("one.npz", "one.npz: anything", np.eye(3).tolist()),
    ("p.yaml", "p.yaml: queries", [[1.0, 0.0]]),
    ("p.yaml:window", "p.yaml: window", [1.0, 2.0]),
    ("results.json:output", "results.json: output", [[2.0]]),
    ("without_suffix", "without_suffix", [[1.0, 2.0]]),
    ("a:b.csv", "a:b.csv", [[5.0, 6.0]]),
    ("1 0", "1 0", [[7.0, 8.0]]),
    ("1 0; 0 1", "queries", IDENTITY),
    (" -1 0; 0 1", "queries", [[-1.0, 0.0], [0.0, 1.0]]),
    ("[[1, 0], [0, 1]]", "queries", IDENTITY),
    ("array([[1., 0.],\n       [0., 1.]])", "queries", IDENTITY),
]


@pytest.mark.parametrize(("text", "where", "numbers"), FOUND, ids=[case[0] for case in FOUND])
def test_a_word_means_a_file_before_it_means_numbers(text, where, numbers):
    matrix = sources().matrix(text, role="queries")
    assert (matrix.where, matrix.array.tolist()) == (where, numbers)


# the word, the whole message, the hint
REFUSED = [
    ("qq.npy", "qq.npy: no such file", "did you mean q.npy?"),
    ("q.csv", "q.csv: no such file", "did you mean k.csv?"),
    ("d/qq.csv", "d/qq.csv: no such file", "did you mean d/q.csv?"),
    ("./x", "./x: no such file", None),
    ("no/such.csv", "no/such.csv: no such file: there is no folder no", None),
    ("dangling.csv", "dangling.csv: is a link to gone, which does not exist", None),
    ("p.npz:zzz", "p.npz: has no array 'zzz': it holds q, k, extra", None),
    ("p.npz:exta", "p.npz: has no array 'exta': it holds q, k, extra", "did you mean p.npz:extra?"),
    ("p.npz:", "p.npz: has no array '': it holds q, k, extra", None),
    ("gone.npz:q", "gone.npz:q: no such file", "did you mean one.npz?"),
    ("k.csv:k", "k.csv: holds one array without a name, not 'k'", "leave the name out"),
    (
        "both.npz",
        "both.npz: holds 2 arrays: q, queries; queries and q could both be queries",
        "name one, as in both.npz:queries",
    ),
    (
        "results.json",
        "results.json: holds 2 arrays: weights, output; none is called queries",
        "name one, as in results.json:weights",
    ),
    ("d", "d: is a folder; expected one matrix", "attncli run d takes a folder with q.*, k.* and v.*"),
    ("", "queries: an empty source", "a file, - for standard input, or numbers as in '1 0; 0 1'"),
    ("  ", "queries: an empty source", "a file, - for standard input, or numbers as in '1 0; 0 1'"),
    ("a\0b", "a\\x00b: no such file", "name a file, or type numbers: '1 0; 0 1'"),
    ("a\x1b[31m", "a\\x1b[31m: no such file", "name a file, or type numbers: '1 0; 0 1'"),
    ("x" * 5000, f"{'x' * 100}…{'x' * 20}: no such file", "name a file, or type numbers: '1 0; 0 1'"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED, ids=[case[0][:20] for case in REFUSED])
def test_a_word_that_means_nothing_is_refused(text, message, hint):
    with pytest.raises(InputError) as error:
        sources().matrix(text, role="queries")
    assert refusal(error) == (message, hint)


@pytest.mark.parametrize("text", ["one", "Onse", "ons"])
def test_a_mistyped_word_for_a_gradient_of_ones_is_recognized(text):
    with pytest.raises(InputError) as error:
        sources().matrix(text, role="d_output")
    assert refusal(error) == (f"{text}: no such file", "did you mean ones?")


@pytest.mark.parametrize(
    ("role", "text", "where"),
    [
        ("keys", "p.npz", "p.npz: k"),
        ("weights", "results.json", "results.json: weights"),
        ("mask", "one.npz", "one.npz: anything"),
    ],
)
def test_a_role_chooses_among_the_arrays_of_a_file(role, text, where):
    assert sources().matrix(text, role=role).where == where


def test_the_rightmost_colon_whose_left_side_is_a_file_parts_them(folder):
    np.savez("x:y.npz", **{"a:b": np.eye(1), "c": np.eye(2)})
    assert sources().matrix("x:y.npz:a:b", role="queries").where == "x:y.npz: a:b"
    np.savez("x", c=np.eye(3))
    (folder / "x.npz").rename(folder / "x")
    assert sources().matrix("x:y.npz:c", role="queries").array.shape == (2, 2)


# what comes in, the numbers
STANDARD_INPUT = [
    (b"1 2\n3 4\n", [[1.0, 2.0], [3.0, 4.0]]),
    (b"1,2\n", [[1.0, 2.0]]),
    ("1;2\n".encode("utf-16"), [[1.0, 2.0]]),
    (b"[[1, 2]]", [[1.0, 2.0]]),
    (b"\xef\xbb\xbf[[1, 2]]", [[1.0, 2.0]]),
    (b"[[1, .5]]", [[1.0, 0.5]]),
    (b'{"q": [[1]]}', [[1.0]]),
    (b"{q: [[1]]}", [[1.0]]),
    (b"# a comment\n\nqueries:\r\n- [1]\n", [[1.0]]),
    (b"- [1, 2]\n", [[1.0, 2.0]]),
    (b"A = \\begin{bmatrix}1 & 2\\end{bmatrix}", [[1.0, 2.0]]),
    (b"[[1. 2.]\n [3. 4.]]\n", [[1.0, 2.0], [3.0, 4.0]]),
    (b"tensor([[1., 2.]], dtype=torch.float64)", [[1.0, 2.0]]),
]


@pytest.mark.parametrize(("data", "numbers"), STANDARD_INPUT)
def test_standard_input_is_recognized(data, numbers):
    matrix = sources(data).matrix("-", role="queries")
    assert matrix.array.tolist() == numbers
    assert matrix.where.startswith("standard input")


@pytest.mark.parametrize("name", ["q.npy", "one.npz"])
def test_binary_standard_input_is_recognized(folder, name):
    assert sources((folder / name).read_bytes()).matrix("-", role="queries").array.shape[0] > 1


def test_safetensors_on_standard_input_is_recognized():
    numpy = pytest.importorskip("safetensors.numpy")
    assert sources(numpy.save({"q": np.eye(2)})).matrix("-", role="queries").array.tolist() == IDENTITY


def test_from_names_the_format_of_what_has_no_suffix(folder):
    (folder / "noname").write_text("1,5;2")
    for text in ("-", "noname"):
        found = sources(b"1,5;2", from_format="csv").matrix(text, role="queries")
        assert found.array.tolist() == [[1.5, 2.0]]
    with pytest.raises(InputError):
        sources(b"1 2", from_format="json").matrix("-", role="queries")
    assert sources(from_format="json").matrix("k.csv", role="queries").where == "k.csv"


def test_an_unknown_format_is_refused():
    with pytest.raises(UsageError) as error:
        sources(from_format="jsn")
    assert refusal(error) == ("--from: 'jsn' is not a format", "did you mean json?")


def test_standard_input_is_used_once():
    once = sources(b"1 2")
    once.matrix("-", role="queries")
    with pytest.raises(UsageError) as error:
        once.matrix("-", role="keys")
    what = "standard input: can be read only once: queries took it before keys"
    assert refusal(error) == (what, "save one of them to a file")


def test_empty_standard_input_is_refused():
    with pytest.raises(InputError) as error:
        sources().matrix("-", role="queries")
    hint = "redirect a file to it, as in attncli run - k.csv < q.csv"
    assert refusal(error) == ("standard input: is empty", hint)


def test_a_problem_file_cannot_take_standard_input():
    with pytest.raises(InputError) as error:
        sources(b"1").matrix("-", role="queries", folder="", where="p.yaml: queries")
    assert refusal(error) == ("p.yaml: queries: a problem file cannot take a matrix from standard input", "name a file")


def test_a_file_is_read_once_however_often_it_is_named(monkeypatch):
    reads = []
    read = module.read_bytes
    monkeypatch.setattr(module, "read_bytes", lambda path: reads.append(path) or read(path))
    once = sources()
    first = once.matrix("p.npz:q", role="queries")
    assert once.matrix("./p.npz:q", role="keys") is first
    once.matrix("p.npz:k", role="keys")
    once.contents("p.npz")
    assert reads == ["p.npz"]


def test_paths_are_relative_to_the_folder_that_is_given(folder):
    assert sources().matrix("q.csv", role="queries", folder="d").where == "d/q.csv"
    assert sources().matrix(str(folder / "k.csv"), role="keys", folder="d").array.tolist() == IDENTITY
    with pytest.raises(InputError) as error:
        sources().matrix("qq.csv", role="queries", folder="d", where="d/p.yaml: queries")
    assert refusal(error) == ("d/p.yaml: queries: qq.csv: no such file", "did you mean q.csv?")


def test_a_folder_is_a_problem_of_its_files():
    contents = sources().contents("d/")
    assert {name: decode().where for name, decode in contents.matrices.items()} == {
        "queries": "d/q.csv",
        "keys": "d/k.npy",
        "expected_weights": "d/expected_weights.csv",
    }


# the word, the whole message, the hint
REFUSED_PROBLEMS = [
    ("twice", "twice: two files for queries: q.csv and queries.txt", "keep one of them"),
    ("keyless", "keyless: a folder without k.*, the keys", "a folder is a problem if it holds q.*, k.* and v.*"),
    ("pp.yaml", "pp.yaml: no such file", "did you mean p.yaml?"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED_PROBLEMS)
def test_a_word_that_is_not_a_problem_is_refused(text, message, hint):
    with pytest.raises(AttncliError) as error:
        sources().contents(text)
    assert refusal(error) == (message, hint)


def test_text_is_kept_where_the_reading_says_so():
    keeping = sources(b"[[1.50]]", reading=Reading(keep_text=True))
    assert keeping.matrix("-", role="weights").texts == ("1.50",)
    assert keeping.matrix("0.50 1", role="weights").texts == ("0.50", "1")


def test_a_name_that_is_not_text_can_be_read_and_shown(folder):
    (folder / "q\udcff\n.csv").write_text("1 x")
    with pytest.raises(InputError) as error:
        sources().matrix("q\udcff\n.csv", role="queries")
    assert error.value.where.startswith("q\\xff\\n.csv: ")


@pytest.mark.parametrize("name", ["shape", "dims", "size"])
def test_an_only_list_that_describes_a_matrix_is_not_taken_for_it(name: str) -> None:
    Path("described.json").write_text(f'{{"data": "AAAA", "{name}": [[2, 1]]}}')
    with pytest.raises(InputError) as caught:
        Sources(lambda: io.BytesIO(b"")).matrix("described.json", role="queries")
    assert (caught.value.what, caught.value.hint) == (
        f"holds no matrix: its only list is called {name!r}, like a property of one",
        f"if it is the matrix, use described.json:{name}",
    )
    matrix = Sources(lambda: io.BytesIO(b"")).matrix(f"described.json:{name}", role="queries")
    assert matrix.array.tolist() == [[2, 1]]


def test_a_hint_names_one_array_of_standard_input_as_that_of_a_file() -> None:
    with pytest.raises(InputError) as caught:
        Sources(lambda: io.BytesIO(b'{"a": [[1]], "b": [[2]]}')).matrix("-", role="queries")
    assert str(caught.value) == "standard input: holds 2 arrays: a, b; none is called queries"
    assert caught.value.hint == "name one, as in FILE:a"


def test_a_hint_names_no_file_for_arrays_that_were_typed() -> None:
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix("a = [[1, 2]]; b = [[2, 3]]", role="queries")
    assert str(caught.value) == "queries: holds 2 arrays: a, b; none is called queries"
    assert caught.value.hint == "keep only the one that is meant"


FRAME = {
    "split": '{"columns":["a","b"],"index":[0,1],"data":[[1.5,-2.0],[0.25,3.0]]}',
    "index": '{"0":{"a":1.5,"b":-2.0},"1":{"a":0.25,"b":3.0}}',
    "table": '{"schema":{"fields":[{"name":"index"}]},"data":[{"index":0,"a":1.5},{"index":1,"a":2.5}]}',
}


def test_a_data_frame_in_json_says_where_its_numbers_are(tmp_path) -> None:
    for name, text in FRAME.items():
        (tmp_path / f"{name}.json").write_text(text)
    sources = Sources(io.BytesIO)
    with pytest.raises(InputError) as caught:
        sources.matrix(str(tmp_path / "split.json"), role="queries")
    assert caught.value.hint == f"its numbers are data: {tmp_path / 'split.json'}:data"
    assert sources.matrix(f"{tmp_path / 'split.json'}:data", role="queries").array.tolist() == [[1.5, -2], [0.25, 3]]
    with pytest.raises(InputError) as caught:
        sources.matrix(FRAME["split"], role="queries")
    assert caught.value.hint == "keep only the list after data"
    with pytest.raises(InputError) as caught:
        sources.matrix(str(tmp_path / "index.json"), role="queries")
    assert caught.value.what == "holds nested mappings, whose keys may name rows or columns, but no array"
    assert caught.value.hint == "in pandas, x.to_json(orient='values') writes its rows"


@pytest.mark.parametrize("key", ["index", "id", "token_id"])
def test_records_whose_first_key_counts_them_get_the_note_of_a_table(key: str) -> None:
    text = f'[{{"{key}": 0, "a": 1.5}}, {{"{key}": 1, "a": 2.5}}]'
    table = Sources(lambda: io.BytesIO(f"{key},a\n0,1.5\n1,2.5\n".encode())).matrix("-", role="queries")
    records = Sources(io.BytesIO).matrix(text, role="queries")
    assert [note.replace("queries: ", "standard input: ") for note in records.notes] == list(table.notes)
    assert len(records.notes) == 1


def test_a_sparse_matrix_of_scipy_is_called_that(tmp_path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, indices=[0], indptr=[0, 1], format=b"csr", shape=[1, 1], data=[1.0])
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(str(path), role="queries")
    assert caught.value.hint == (
        "this is a SciPy sparse matrix: save all of its cells, numpy.save('q.npy', matrix.toarray())"
    )


def test_a_mapping_that_was_saved_as_one_array_of_objects_is_called_that(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array({"q": np.eye(2)}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError) as caught:
        read_problem(str(tmp_path / "p.npy"), Sources(io.BytesIO))
    assert caught.value.what == "its cells are Python objects, which can be read only by unpickling"
    cures = "array.astype('float64'), or several arrays: numpy.savez('problem.npz', q=q, k=k, v=v)"
    assert caught.value.hint == f"save the array as float64: {cures}"


def test_a_list_of_numbers_for_a_setting_is_not_a_file() -> None:
    with pytest.raises(UsageError) as caught:
        BY_KEY["sink"].value("sinks.npy", "--sink")
    assert (str(caught.value), caught.value.hint) == (
        "--sink: 'sinks.npy' is not a number",
        "type the numbers, with commas between them: 0.5,0.25",
    )
