"""Headings and fences divide a text into matrices; what could be meant otherwise stays as it was, or is refused."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import pytest

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

BLOCKS = {"Q": "1 0\n0 1", "K": "[[1, 2], [3, 4]]"}
HEADINGS = (
    *("# {}", "#{}", "## {} ##", "{}:", "{}", "**{}**", "**{}:**", "__{}__", "% {}", "// {}", "--- {} ---", "== {} =="),
    *("1. {}", "- **{}**", "Matrix {}", "The matrix {}", "{} matrix", "`{}`"),
)


def _matrices(text: str) -> dict[str, Matrix]:
    contents = BY_NAME["txt"].read(text.encode(), "p.txt", Reading())
    return {name: make() for name, make in contents.matrices.items()}


@pytest.mark.parametrize("form", HEADINGS)
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_heading_of_any_form_names_what_follows(form: str, gap: str) -> None:
    text = gap.join(line for name, block in BLOCKS.items() for line in (form.format(name), block)) + "\n"
    found = _matrices(text)
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {
        "Q": [[1, 0], [0, 1]],
        "K": [[1, 2], [3, 4]],
    }


@pytest.mark.parametrize("form", HEADINGS)
@pytest.mark.parametrize("names", [("queries", "keys"), ("weights", "output"), ("Raw scores", "Scores")])
def test_rows_with_commas_are_named_too_and_so_are_results(form: str, names: tuple[str, str]) -> None:
    if form.startswith("`"):
        names = tuple(name.replace(" ", "_") for name in names)
    found = _matrices(f"{form.format(names[0])}\n1,2\n3,4\n{form.format(names[1])}\n5,6\n")
    told = [(name.replace("_", " "), matrix.array.tolist()) for name, matrix in found.items()]
    assert told == list(zip((name.replace("_", " ") for name in names), ([[1, 2], [3, 4]], [[5, 6]]), strict=True))


@pytest.mark.parametrize("form", HEADINGS)
def test_a_heading_of_any_form_names_what_its_fence_holds(form: str) -> None:
    text = "Words.\n" + "".join(f"{form.format(name)}\n\n```\n{block}\n```\n" for name, block in BLOCKS.items())
    found = _matrices(text)
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {
        "Q": [[1, 0], [0, 1]],
        "K": [[1, 2], [3, 4]],
    }
    assert {matrix.notes for matrix in found.values()} == {("p.txt: only its fenced blocks are read",)}


def test_a_large_matrix_below_a_heading_is_not_joined_with_the_next() -> None:
    rows = "\n".join(f"{row} {row / 7}" for row in range(5000))
    found = _matrices(f"# Q\n{rows}\n# K\n1 2\n")
    assert (found["Q"].array.shape, found["K"].array.tolist()) == ((5000, 2), [[1, 2]])


@pytest.mark.parametrize(
    "text",
    [
        "# Q\n1 2\n3 4\n",  # one heading is a comment
        "# Q\n1 2\n# mine\n3 4\n",
        "# mask\n1 2\n# weights\n3 4\n",  # none of an input
        "# queries\n# keys\n1 2\n3 4\n",
        "# Q\n1 2\n3 4\n# K\n",
        "# Q is 1 2\n1 2\n# so is this\n3 4\n",
    ],
)
def test_other_comments_stay_comments(text: str) -> None:
    assert _matrices(text)[""].array.tolist() == [[1, 2], [3, 4]]


def test_comments_above_names_and_within_brackets_stay_comments() -> None:
    named = _matrices("# Q\nq = [[1, 2]]\n# K\nk = [[3, 4]]\n")
    assert {name: matrix.array.tolist() for name, matrix in named.items()} == {"q": [[1, 2]], "k": [[3, 4]]}
    assert _matrices("# Q\n[[1, 2],\n# K\n[3, 4]]\n")[""].array.tolist() == [[1, 2], [3, 4]]
    problem = "# queries\nq: [[1, 2]]\n# keys\nk: [[3, 4]]\ncausal: true\n"
    assert read_problem(problem, Sources(io.BytesIO)).request.causal is True


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            "# Q\n1,0\n0,1\n# K\n1,2\n3,x\n",
            "p.txt: K: line 6, column 2: 'x' is not a number",
            "type a number, as in -1234.5, or nan if it is missing",
        ),
        *(
            (
                f"# Q{rest}\n1 2\n# K{rest}\n3 4\n",
                f"p.txt: its comments name several matrices: '# Q{rest}', '# K{rest}'",
                "let each contain only the name of the matrix below it, as in # Q",
            )
            for rest in ("^T", " transposed", ", normed by rows", " is below")
        ),
        (
            "# Q\n1,2\n# K\n3,4\n# of another kind\n5,6",
            "p.txt: K: a comment divides its rows",
            "delete the comment, or let it contain only a name: # K",
        ),
        ("# Q\n1 0\n# K\n1 2\n# Q\n3 4\n", "p.txt: two arrays are called 'Q'", "give each its own name"),
    ]
    + [
        (
            text,
            "p.txt: contains text outside its code fences",
            "keep only one fenced block, or put the name of each matrix above its fence: Q:",
        )
        for text in (
            "```\n1 2\n```\n```\n3 4\n```\n",
            "Q:\n```\n1 2\n```\nand\n```\n3 4\n```\n",
            "Q:\n```\n1 2\n```\nK:\n```\n3 4\n",
            "Q:\n```\n1 2\n```\nand K:\n3 4\n5 6\n",
            "Let `K = [[1, 2]]` be below\n```\nQ = [[1, 2]]\n```\n",
        )
    ],
)
def test_what_is_half_understood_is_refused(text: str, error: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        _matrices(text)
    assert (str(caught.value), caught.value.hint) == (error, hint)


def test_fences_of_a_markdown_file_are_read_if_it_has_no_table(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_text("# Task\n\n## Q\n```\n1 2\n```\n## K\n```\n3 4\n```\n")
    request = read_problem(str(tmp_path / "p.md"), Sources(io.BytesIO)).request
    assert request.queries is not None
    assert request.queries.array.tolist() == [[1, 2]]
    (tmp_path / "q.md").write_text("```\n5 6\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert Sources(io.BytesIO).matrix(str(tmp_path / "q.md"), role="queries").array.tolist() == [[1, 2]]


@pytest.mark.parametrize("way", ["typed", "stdin", "txt", "md"])
def test_a_problem_in_yaml_between_fences_keeps_its_settings(way: str, tmp_path: Path) -> None:
    text = "Here:\n\n```yaml\nqueries: [[1, 2], [3, 4]]\nkeys: [[1, 2], [3, 4]]\ncausal: true\n```\nDone.\n"
    path = tmp_path / f"p.{way}"
    path.write_text(text)
    source = {"typed": text, "stdin": "-"}.get(way, str(path))
    worksheet = read_problem(source, Sources(lambda: io.BytesIO(text.encode())))
    assert worksheet.request.causal is True
    where = {"typed": "literal", "stdin": "standard input"}.get(way, str(path))
    assert worksheet.notes == (f"{where}: only its fenced blocks are read",)


def test_matrices_of_latex_below_headings_are_read_as_a_page_of_latex() -> None:
    found = _matrices(
        "## Query\n\n$$Q = \\begin{bmatrix}1&2\\end{bmatrix}$$\n\n## Key\n\n$$K = \\begin{bmatrix}3&4\\end{bmatrix}$$\n"
    )
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": [[1, 2]], "K": [[3, 4]]}


def test_a_page_on_standard_input_that_begins_like_a_key_is_refused_as_a_page() -> None:
    text = b"Q:\n```\n1 2\n```\nthen\n```\n3 4\n```\n"
    with pytest.raises(InputError, match="contains text outside its code fences"):
        read_problem("-", Sources(lambda: io.BytesIO(text)))


@pytest.mark.parametrize(
    "text",
    [
        "Q\n```\n1 2\n```\n" * 5000,
        "# Q\n1 2\n# K\n3 4\n" * 5000,
        "Q:\n1 2\nK:\n3 4\n" * 5000,
        "Q = [[1]]\nx" + " " * 8000 + "y\n",
        "Q = [[1]]\n" + "x = f(1)\n" * 5000,
        "\n" * 200_000 + "```\n1 2\n```\n",
    ],
)
def test_long_pages_are_read_or_refused_in_linear_time(text: str) -> None:
    start = time.process_time()
    with contextlib.suppress(InputError):
        _matrices(text)
    assert time.process_time() - start < 3


def test_lines_of_many_spaces_are_not_headings_at_once() -> None:
    # each sign that may be left out could have any of the spaces, so that these lines took a quarter of an hour
    with pytest.raises(InputError):
        read_problem("\n".join(["Q" + " " * 75 + "x"] * 1000), Sources(io.BytesIO))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("Q (3x2) = [[1, 0], [0, 1]]", "Q"),
        ("Q: torch.Size([3, 2])\ntensor([[1, 0], [0, 1]])", "Q"),
        ("Q, shape (3, 2):\n1 0\n0 1", "Q"),
        ("# Q (3, 2)\n1 0\n0 1\n# K (2, 2)\n1 0\n0 1", "Q"),
        ("Q: 3x2\n1 0\n0 1", "Q"),
        ("Q is 3x2:\n1 0\n0 1", "Q"),
        ("Q.shape: (3, 2)\nQ:\n[[1 0]\n [0 1]]", "Q"),
        ("Q: tensor([[1, 0], [0, 1]])\nQ.shape torch.Size([3, 2])\n", "Q"),
        ("**Q** (2x2):\n1 0\n0 1\n\n**K matrix** (3 × 2)\n1 0\n0 1", "K"),
    ],
)
def test_a_size_beside_a_name_has_to_be_that_of_the_array(text: str, where: str, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(text)
    for source in (text, str(tmp_path / "p.txt")):
        with pytest.raises(InputError) as caught:
            Sources(io.BytesIO).matrix(source, role="queries" if where == "Q" else "keys")
        assert caught.value.where.endswith(f": {where}")
        assert caught.value.what == "the array has the shape (2, 2), and (3, 2) is written beside it"


def test_labels_that_look_like_sizes_stay_labels() -> None:
    matrix = Sources(io.BytesIO).matrix("conv 3x3\n1 2\n3 4", role="queries")
    assert matrix.column_labels == ("conv", "3x3")


def test_values_that_ocaml_shows_have_their_names() -> None:
    text = "val q : float array array = [|[|1.; 0.|]; [|0.; 1.|]|]\nval k : float array array = [|[|1.; 2.|]|]\n"
    problem = read_problem(text, Sources(io.BytesIO)).request
    assert problem.queries is not None
    assert problem.keys is not None
    assert (problem.queries.array.tolist(), problem.keys.array.tolist()) == ([[1, 0], [0, 1]], [[1, 2]])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Kᵀ = [[1, 2]]", "Kᵀ"),
        ("K⊤ = [[1, 2]]", "K⊤"),
        ("K^\\top = [[1, 2]]", "K^\\\\top"),
        ("K_T = [[1, 2]]", "K_T"),
        ("KT:\n1 2\n3 4", "KT"),
        ("K transposed:\n1 2\n3 4", "K transposed"),
        ("Transpose of K:\n1 2\n3 4", "Transpose of K"),
        ("Q = [[1, 0]]\nK_transposed = [[1, 2]]", "K_transposed"),
    ],
)
def test_a_name_that_says_transposed_is_refused(text: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "k.txt").write_text(text)
    for source in (text, str(tmp_path / "k.txt")):
        with pytest.raises(InputError) as caught:
            Sources(io.BytesIO).matrix(source, role="keys")
        assert caught.value.what == f"'{name}' names a transposed or changed matrix"


@pytest.mark.parametrize("name", ["Tokens", "keys_text", "weights", "q_t1", "Vector", "KTable"])
def test_other_names_with_a_t_are_names(name: str) -> None:
    assert Sources(io.BytesIO).matrix(f"{name} = [[1, 2]]", role="keys").array.tolist() == [[1, 2]]
