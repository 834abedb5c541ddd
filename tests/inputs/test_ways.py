"""Every printed form means the same typed, on standard input, in a text file, and as a string of a problem file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from printed_forms import ARRAYS, NAMED, PAGES, SEVERAL
from refused_forms import REFUSED
from test_unread_forms import UNREAD

from attncli.errors import InputError, UsageError
from attncli.inputs.matrices_apart import worksheet_from_matrices
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

TABLES = [
    ("a table of Markdown", "| | a | b |\n|---|---|---|\n| cat | 1 | 2 |\n| dog | 3 | 4 |", [[1, 2], [3, 4]]),
    ("a table of psql", "  a  |  b  \n-----+-----\n   1 |   2\n   3 |   4\n(2 rows)", [[1, 2], [3, 4]]),
    (
        "a table of console.table",
        "┌─────────┬───┬───┐\n"
        "│ (index) │ 0 │ 1 │\n"
        "├─────────┼───┼───┤\n"
        "│    0    │ 1 │ 2 │\n"
        "│    1    │ 3 │ 4 │\n"
        "└─────────┴───┴───┘",
        [[1, 2], [3, 4]],
    ),
    (
        "a table of Polars",
        "shape: (2, 2)\n"
        "┌─────┬─────┐\n"
        "│ a   ┆ b   │\n"
        "│ --- ┆ --- │\n"
        "│ f64 ┆ f64 │\n"
        "╞═════╪═════╡\n"
        "│ 1.0 ┆ 2.0 │\n"
        "│ 3.0 ┆ 4.0 │\n"
        "└─────┴─────┘",
        [[1, 2], [3, 4]],
    ),
    (
        "a table of DuckDB",
        "┌───────┬───────┐\n"
        "│   a   │   b   │\n"
        "│ int32 │ int32 │\n"
        "├───────┼───────┤\n"
        "│     1 │     2 │\n"
        "│     3 │     4 │\n"
        "└───────┴───────┘",
        [[1, 2], [3, 4]],
    ),
    (
        "a grid",
        "+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+\n| 3 | 4 |\n+---+---+",
        [[1, 2], [3, 4]],
    ),
    ("a table of reStructuredText", "===  ===\n a    b\n===  ===\n 1    2\n 3    4\n===  ===\n", [[1, 2], [3, 4]]),
    ("rows between rules", "===  ===\n 1    2\n 3    4\n===  ===\n", [[1, 2], [3, 4]]),
    ("rows between dashes", "---  ---\n  1    2\n  3    4\n---  ---", [[1, 2], [3, 4]]),
    ("tabulate", "  a    b\n---  ---\n  1    2\n  3    4", [[1, 2], [3, 4]]),
    ("tabulate with labels", "       a    b\n---  ---  ---\ncat    1    2\ndog    3    4", [[1, 2], [3, 4]]),
    ("a tibble", "# A tibble: 2 × 2\n      a     b\n* <dbl> <dbl>\n1     1     2\n2     3     4\n", [[1, 2], [3, 4]]),
    (
        "a tibble with words",
        "# A tibble: 2 x 2\n# Groups:   a [2]\n  a         b\n  <chr> <dbl>\n1 cat       2\n2 dog       4\n",
        [[2], [4]],
    ),
    ("data.table", "       a     b\n   <num> <num>\n1:     1     2\n2:     3     4\n", [[1, 2], [3, 4]]),
    (
        "a tabular",
        "\\begin{tabular}{|r|r|}\n\\hline\n1.0 & 2.0 \\\\ \\hline\n3 & 4 \\\\\n\\end{tabular}",
        [[1, 2], [3, 4]],
    ),
    (
        "a table of booktabs",
        "\\begin{table}[ht]\n\\centering\n\\caption{Q}\n\\begin{tabular}{lrr}\n\\toprule\n & a\\_1 & \\textbf{b} \\\\\n"
        "\\midrule\ncat & $1$ & 2 \\\\\ndog & 3 & 4 \\\\\n\\bottomrule\n\\end{tabular}\n\\end{table}\n",
        [[1, 2], [3, 4]],
    ),
    ("rows in SymPy's brackets", "⎡1  2⎤\n⎢    ⎥\n⎣3  4⎦", [[1, 2], [3, 4]]),
    ("nalgebra's box", "  ┌     ┐\n  │ 1 2 │\n  │ 3 4 │\n  └     ┘\n", [[1, 2], [3, 4]]),
    (
        "Polars with words",
        "shape: (2, 3)\n"
        "┌─────┬─────┬──────┐\n"
        "│ tok ┆ a   ┆ b    │\n"
        "│ --- ┆ --- ┆ ---  │\n"
        "│ str ┆ f64 ┆ f64  │\n"
        "╞═════╪═════╪══════╡\n"
        "│ cat ┆ 1.0 ┆ 2.0  │\n"
        "│ dog ┆ 3.0 ┆ 4.0  │\n"
        "└─────┴─────┴──────┘",
        [[1, 2], [3, 4]],
    ),
    (
        "a grid of double lines",
        "╔═══╦═══╗\n║ a ║ b ║\n╠═══╬═══╣\n║ 1 ║ 2 ║\n╟───╫───╢\n║ 3 ║ 4 ║\n╚═══╩═══╝",
        [[1, 2], [3, 4]],
    ),
    (
        "a grid of heavy lines",
        "┏━━━┳━━━┓\n┃ a ┃ b ┃\n┣━━━╋━━━┫\n┃ 1 ┃ 2 ┃\n┃ 3 ┃ 4 ┃\n┗━━━┻━━━┛",
        [[1, 2], [3, 4]],
    ),
    (
        "reStructuredText with a corner",
        "===  ===  ===\n ..    a    b\n===  ===  ===\ncat    1    2\ndog    3    4\n===  ===  ===\n",
        [[1, 2], [3, 4]],
    ),
    ("records with numbers for keys", "[{0: 1.0, 1: 2.0}, {0: 3.0, 1: 4.0}]", [[1, 2], [3, 4]]),
    ("MATLAB's table", "    a    b\n    _    _\n\n    1    2\n    3    4\n", [[1, 2], [3, 4]]),
    ("a fenced table", "```\n1 2\n3 4\n```", [[1, 2], [3, 4]]),
    ("plain TeX", r"\pmatrix{1 & 2 \cr 3 & 4 \cr}", [[1, 2], [3, 4]]),
    (
        "plain TeX with fractions and a name",
        r"$$Q = \left[\matrix{1 & \frac{4}{2} \cr 3 & 4}\right]$$",
        [[1, 2], [3, 4]],
    ),
    ("OCaml's answer", "- : float array array = [|[|1.; 2.|]; [|3.; 4.|]|]", [[1, 2], [3, 4]]),
    (
        "Polars with types only",
        "┌─────┬─────┐\n│ f64 ┆ f64 │\n╞═════╪═════╡\n│ 1.0 ┆ 2.0 │\n│ 3.0 ┆ 4.0 │\n└─────┴─────┘",
        [[1, 2], [3, 4]],
    ),
    ("LaTeX", r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", [[1, 2], [3, 4]]),
    ("LaTeX with a name", "$$Q = \\begin{pmatrix}\n1 & 2 \\\\\n3 & 4\n\\end{pmatrix}$$", [[1, 2], [3, 4]]),
    ("rows of a block list", "- [1, 2]\n- [3, 4]", [[1, 2], [3, 4]]),
    ("cells of a block list", "- - 1\n  - 2\n- - 3\n  - 4", [[1, 2], [3, 4]]),
    ("LaTeX below a label", "Queries:\n\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}\n", [[1, 2], [3, 4]]),
    (
        "LaTeX in dollars after a label",
        "Query matrix: $\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}$",
        [[1, 2], [3, 4]],
    ),
    *(
        (
            f"LaTeX's {name}",
            f"\\begin{{{name}}}{columns}"
            " 1 & \\num{2} \\cr \\color{red}{3} & \\textcolor{red}{4} "
            f"\\end{{{name}}}",
            [[1, 2], [3, 4]],
        )
        for name, columns in (
            ("psmallmatrix", ""),
            ("bNiceMatrix", ""),
            ("NiceArray", "{cc}"),
            ("NiceTabular", "{cc}"),
            ("longtable", "{rr}"),
            ("tabularx", "{\\textwidth}{XX}"),
            ("tabular*", "{5cm}{rr}"),
        )
    ),
    (
        "LaTeX's table with colours and a column of siunitx",
        "\\begin{tabular}{S[table-format=1.2]S} {a} & {b} \\\\ "
        "\\rowcolor{gray} 1 & 2 \\\\ \\cellcolor{gray!25}3 & 4 \\end{tabular}",
        [[1, 2], [3, 4]],
    ),
    (
        "what a chat leaves of a display of LaTeX",
        "The queries are\n\n[\nQ = \\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}\n]\n\nas you see.",
        [[1, 2], [3, 4]],
    ),
    ("a fraction of LaTeX with a slash", "\\begin{bmatrix} 1 / 2 & {-}2 \\end{bmatrix}", [[0.5, -2]]),
    (
        "a table of Presto with labels",
        "     |   a |   b\n-----+-----+-----\n cat |   1 |   2\n dog |   3 |   4",
        [[1, 2], [3, 4]],
    ),
    ("rows under a rule of two dashes", "---  --\n 1    2\n 3    4\n---  --", [[1, 2], [3, 4]]),
    ("icecream", "ic| q: array([[1., 2.],\n              [3., 4.]])", [[1, 2], [3, 4]]),
    ("rows below a sign of quotation", ">>> 1 2\n3 4", [[1, 2], [3, 4]]),
    ("rows below a label", "Q:\n1.0 2.0\n3.0 4.0\n", [[1, 2], [3, 4]]),
    ("rows between CR", "1 2\r3 4\r", [[1, 2], [3, 4]]),
    ("LaTeX with a name and no dollars", "Q = \\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}", [[1, 2], [3, 4]]),
    ("rows", "1 2; 3 4", [[1, 2], [3, 4]]),
    ("rows in lines", "1 2;\n3 4;", [[1, 2], [3, 4]]),
    ("rows of words with commas", "1, 2; 3, 4", [[1, 2], [3, 4]]),
    ("a list that begins with another minus", "[[\N{MINUS SIGN}1, 2], [3, 4]]", [[-1, 2], [3, 4]]),
    ("a row of fractions", "[Fraction(1, 2), Decimal('2')]", [0.5, 2]),
    ("decimal commas beside a tab", "1,0\t2,5", [[1, 2.5]]),
    ("decimal commas after tabs", "1,0\t,5\n2\t,25", [[1, 0.5], [2, 0.25]]),
    ("a plain table", "1 2\n3 4", [[1, 2], [3, 4]]),
    ("a table with a header", "a,b\n1,2\n3,4", [[1, 2], [3, 4]]),
    ("a table with labels on both sides", ",a,b\ncat,1,2\ndog,3,4", [[1, 2], [3, 4]]),
    ("Octave's text", "# name: Q\n# type: matrix\n# rows: 2\n# columns: 2\n 1 2\n 3 4\n", [[1, 2], [3, 4]]),
]
FORMS = [
    *((name, text, numbers) for name, text, numbers in ARRAYS),
    *((f"{name}'s name", *case) for name, *case in [(n, t, e) for n, t, _, e in NAMED]),
    *TABLES,
]
KEEP = Reading(keep_text=True)


def ways(text: str, folder: Path):
    """Name and matrix of each way that a text can come."""
    (folder / "q.txt").write_bytes(text.encode())
    (folder / "bare").write_bytes(text.encode())
    (folder / "p.json").write_text(json.dumps({"queries": text, "keys": [[1]]}))
    block = "\n".join(f"  {line}" for line in text.replace("\r", "\n").split("\n"))
    (folder / "p.yaml").write_text(f"queries: |2-\n{block}\nkeys: [[1]]\n")
    typed = Sources(io.BytesIO, KEEP)
    yield "typed", lambda: worksheet_from_matrices(text, "1", None, typed).request.queries
    yield "standard input", lambda: Sources(lambda: io.BytesIO(text.encode()), KEEP).matrix("-", role="queries")
    for file in ("q.txt", "bare"):
        yield file, lambda file=file: typed.matrix(str(folder / file), role="queries")
    for file in ("p.json", "p.yaml"):
        yield file, lambda file=file: read_problem(str(folder / file), typed).request.queries


@pytest.mark.parametrize(("text", "numbers"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_a_form_means_the_same_in_every_way(text: str, numbers: list, tmp_path: Path) -> None:
    found = {way: read() for way, read in ways(text, tmp_path)}
    for way, matrix in found.items():
        np.testing.assert_array_equal(matrix.array, numbers, err_msg=way)
    assert len({tuple(matrix.texts) for matrix in found.values()}) == 1
    for field in ("row_labels", "column_labels", "point_digits"):
        assert len({getattr(matrix, field) for matrix in found.values()}) == 1, field


def test_a_form_that_is_a_matrix_is_taken_as_an_argument_of_the_command(run) -> None:
    for _, text, numbers in FORMS:
        array = np.array(numbers)
        if array.ndim == 2 and array.dtype != bool and np.isfinite(array).all():
            ran = run("run", text, json.dumps([[1] * array.shape[1]]), "-f", "json", "--show", "queries")
            assert (ran.status, text) == (0, text), ran.err
            assert json.loads(ran.out)["queries"] == array.tolist()


@pytest.mark.parametrize("text", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_half_understood_is_refused_in_every_way(text: str, tmp_path: Path) -> None:
    for way, read in ways(text, tmp_path):
        with pytest.raises(InputError):
            pytest.fail(f"{way}: {read()}")


def _prompted(first: str, others: str):
    """Return what puts a prompt before the first line of a text, and another one before the others."""
    return lambda text: first + text.replace("\n", f"\n{others}")


def _indented(indent: str):
    return _prompted(indent, indent)


DRESSINGS = {
    "nothing": lambda text: text,
    "an indent": _indented("    "),
    "an indent of its first line": lambda text: f"  {text}",
    "tabs": _indented("\t"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "a comma": lambda text: f"{text},",
    "a semicolon": lambda text: f"{text};",
    "blank lines": lambda text: f"\n\n{text}\n\n\n",
    "spaces at the ends of lines": lambda text: "\n".join(f"{line}  " for line in text.split("\n")),
    "a name": lambda text: f"Q = {text}",
    "a name and a line": lambda text: f"Q =\n{text}",
    "an attribute": lambda text: f"self.Q = {text}",
    "a declaration": lambda text: f"let Q = {text};",
    "a label": lambda text: f"Q: {text}",
    "a fence": lambda text: f"```python\n{text}\n```\n",
    "another fence": lambda text: f"~~~\n{text}\n~~~",
    "an indented fence": lambda text: _indented("   ")(f"```\n{text}\n```"),
    "half a fence": lambda text: f"```python\n{text}",
    "words before it": lambda text: f"Here is the matrix:\n\n{text}",
    "words after it": lambda text: f"{text}\n\nHope this helps!",
    "Python's prompt": lambda text: f">>> print(Q)\n{text}\n>>> ",
    "Python's prompts": _prompted(">>> Q = ", "... "),
    "Python's prompts without a name": _prompted(">>> ", "... "),
    "an indented prompt": lambda text: _indented("    ")(f">>> Q\n{text}"),
    "IPython's output": lambda text: f"In [3]: Q\nOut[3]: \n{text}",
    "IPython's output on a line": lambda text: f"Out[3]: {text}",
    "IPython's prompts": _prompted("In [3]: ", "   ...: "),
    "Julia's prompt": lambda text: f"julia> Q\n{text}",
    "another prompt of R": lambda text: f"R> Q\n{text}",
    "Octave's prompt": lambda text: f"octave:1> Q\n{text}",
    "Ruby's prompt": lambda text: f"irb(main):001:0> Q\n{text}",
    "a quotation": _indented("> "),
    "a session within another": lambda text: f"In [1]: julia> Q\n{text}",
    "a comment": lambda text: f"# queries\n{text}",
    "a comment of C": lambda text: f"// queries\n{text}",
    "parentheses": lambda text: f"({text})",
    "another minus": lambda text: text.replace("2", "\N{MINUS SIGN}2"),
}
ONE_LINES = ["q 5", "cat 1 2 3", "1,2,3", "cat,1,2", "1;2;3", "1 2 3", '"1" "2"', "1,5\t2,5", "5", "x=5", "a 1; b 2"]
TEXTS = [*(case[1] for case in FORMS), *(case[1] for case in (*REFUSED, *UNREAD)), *ONE_LINES]


def _outcome(read) -> tuple:
    try:
        matrix = read()
    except InputError:
        return ("refused",)
    return (str(matrix.array.tolist()), matrix.row_labels, matrix.column_labels)


@pytest.mark.parametrize("dressing", DRESSINGS)
def test_what_stands_around_a_form_means_the_same_in_every_way(dressing: str, tmp_path: Path, sample) -> None:
    first = list(DRESSINGS).index(dressing) % 12  # each form in every twelfth dressing, its neighbours in others
    for text in map(DRESSINGS[dressing], sample(TEXTS[first::12], 4, first)):
        left_out = ("p.yaml",) if "\r" in text or "\ufeff" in text else ()  # no block of YAML holds these
        found = {way: _outcome(read) for way, read in ways(text, tmp_path) if way not in left_out}
        assert len(set(found.values())) == 1, (text, found)


def test_the_label_of_a_typed_row_is_noted() -> None:
    typed = Sources(io.BytesIO).matrix("q 5", role="queries")
    assert typed.row_labels == ("q",)
    assert typed.notes == ("queries: 'q' is read as the label of its row",)


@pytest.mark.parametrize("text", ["q.bin@float32:2,-1", "q.bin@:2,2", "a/b 1", "q.csv 2"])
def test_what_could_name_a_file_is_not_a_label_of_a_typed_row(text: str) -> None:
    with pytest.raises(InputError, match="is not a number"):
        Sources(io.BytesIO).matrix(text, role="queries")


def test_records_that_tabs_indent_are_read_and_a_comma_behind_them_is_not_a_record() -> None:
    for text in ('[\n\t{"a": 1},\n\t{"a": 2}\n]', '{"a": 1}\n{"a": 2}\n,'):
        assert Sources(io.BytesIO).matrix(text, role="queries").array.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    "text", ["Q, K = np.array([[1, 2], [3, 4]])", "float a, q[2] = {1, 2};", "Q, K, V = [[1]]", "[#1 2]\n [3 4]]"]
)
def test_several_names_for_one_value_and_half_a_list_are_refused_in_every_way(text: str, tmp_path: Path) -> None:
    for way, read in ways(text, tmp_path):
        with pytest.raises(InputError):
            pytest.fail(f"{way}: {read()}")


@pytest.mark.parametrize("text", ["1 2\x0b3 4", "1 2\x0c3 4", "⎡1  2⎤\x0b⎣3  4⎦"])
def test_a_line_end_of_word_separates_neither_rows_nor_cells(text: str, tmp_path: Path) -> None:
    for way, read in ways(text, tmp_path):
        with pytest.raises(InputError):
            pytest.fail(f"{way}: {read()}")


@pytest.mark.parametrize("text", [case[1] for case in (*SEVERAL, *PAGES)], ids=[case[0] for case in (*SEVERAL, *PAGES)])
def test_several_arrays_are_a_problem_typed_or_sent_or_in_a_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(text)
    for source in (text, "-", str(tmp_path / "p.txt")):
        request = read_problem(source, Sources(lambda: io.BytesIO(text.encode()))).request
        assert request.queries is not None
        assert request.keys is not None
        assert request.values is not None
        assert request.queries.array.tolist() == [[1, 0], [0, 1]]
        assert request.keys.array.tolist() == [[1, 2], [3, 4]]
        assert request.values.array.tolist() == [[5], [6]]


@pytest.mark.parametrize("text", [case[1] for case in (*SEVERAL, *PAGES)], ids=[case[0] for case in (*SEVERAL, *PAGES)])
def test_several_arrays_before_other_keys_are_refused_typed_or_sent_or_in_a_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(text)
    for source in (text, "-", str(tmp_path / "p.txt")):
        with pytest.raises(UsageError, match="is a problem, which has its own keys, and another source follows it"):
            worksheet_from_matrices(source, "1 2", None, Sources(lambda: io.BytesIO(text.encode())))


def test_one_of_several_arrays_is_chosen_by_its_role_or_its_name(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(SEVERAL[0][1])
    sources = Sources(io.BytesIO)
    assert sources.matrix(SEVERAL[0][1], role="keys").array.tolist() == [[1, 2], [3, 4]]
    assert sources.matrix(f"{tmp_path / 'p.txt'}:V", role="queries").array.tolist() == [[5], [6]]


@pytest.mark.parametrize(
    "text",
    [
        "queries: [[1]]  # (1, 1)\nkeys: [[1]]\nwindow: [0, 0]\n",
        "title: x = [1, 2]\nqueries: [[1]]\nkeys: [[1]]",
        "queries: [[1]]\nkeys: [[1]]\n# x = [[2]]\n",
    ],
)
def test_a_problem_of_yaml_is_never_taken_for_a_print(text: str) -> None:
    assert read_problem("-", Sources(lambda: io.BytesIO(text.encode()))).request.queries is not None


LABELLED = [
    "[CLS],the,cat\n1,2,3\n",
    "[CLS] [SEP]\n1 2\n3 4\n",
    "a = b,c\n1,2\n",
    "{x},{y}\n1,2\n",
    "lr=0.1,lr=0.2\n1,2\n",
]


@pytest.mark.parametrize("text", LABELLED)
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_labels_with_brackets_or_signs_stay_labels(text: str, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"q{suffix}").write_text(text)
    matrix = Sources(io.BytesIO).matrix(str(tmp_path / f"q{suffix}"), role="queries")
    assert matrix.column_labels is not None


def test_a_folder_of_problems_is_not_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / "many" / name).mkdir(parents=True)
        for matrix in ("q.csv", "k.csv"):
            (tmp_path / "many" / name / matrix).write_text("1\n")
    with pytest.raises(InputError) as caught:
        read_problem("many", Sources(io.BytesIO))
    assert str(caught.value) == "many: is a folder of problems; expected one problem"
    assert caught.value.hint == "name one, such as many/one; or attncli batch many -d DIR"
    assert read_problem("many/one", Sources(io.BytesIO)).name == "one"


@pytest.mark.parametrize("source", ["p.yaml:q", "q.bin@float32:1,1"])
def test_one_array_of_a_file_is_not_a_problem(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text("q: [[1]]\nk: [[1]]\n")
    (tmp_path / "q.bin").write_bytes(bytes(4))
    with pytest.raises(InputError) as caught:
        read_problem(source, Sources(io.BytesIO))
    assert str(caught.value) == f"{source}: is one array, but a problem has queries and keys"
    assert caught.value.hint == "give the whole file, or the matrices separately: attncli run Q K V"
    assert Sources(io.BytesIO).matrix(source, role="queries").array.shape == (1, 1)


def test_one_typed_matrix_is_not_a_problem() -> None:
    with pytest.raises(InputError) as caught:
        read_problem("1 0; 0 1", Sources(io.BytesIO))
    assert str(caught.value) == "literal: holds one matrix, but a problem has queries and keys"
    assert (
        caught.value.hint
        == "give the matrices separately: attncli run Q K V, or attncli check Q K V --expect-output FILE; "
        "an answer to a problem: attncli check PROBLEM --expect-output FILE"
    )
