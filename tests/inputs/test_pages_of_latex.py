"""Pages of LaTeX, as lectures and answers have them: the matrices in their formulas, and no other text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

Q, K, V = [[1, 0], [0, 1]], [[1, 2], [3, 4], [0.5, -1]], [[1, 2], [3, 4], [5, 6]]
SHOW = ["--show", "queries,keys,values", "-f", "json"]
MATRICES = tuple(
    f"\\begin{{bmatrix}} {' '.join(chr(92) * 2 + ' ' + ' & '.join(map(str, row)) for row in rows)[2:]} \\end{{bmatrix}}"
    for rows in (Q, K, V)
)
PAGES = {
    "an article": (
        "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\nLet $d_k = 2$ and\n"
        "\\[ Q = %s, \\quad\nK = %s, \\quad\nV = %s. \\]\nThen\n"
        "\\begin{equation}\n  \\mathrm{softmax}\\left(\\frac{QK^\\top}{\\sqrt{d_k}}\\right)V\n\\end{equation}\n"
        "costs \\$5.\\\\[1em]\n\\end{document}\n"
    ),
    "a word above a display": "Given:\n\n$$Q = %s, \\quad K = %s, \\quad V = %s$$\n\nwith a causal mask.\n",
    "a list": "Given:\n\n- $Q = %s$\n- $K = %s$\n- $V = %s$\n\nWhat is the output?\n",
    "displays with shapes": (
        "The queries are $$Q = %s \\in \\mathbb{R}^{2\\times 2}$$ and the keys\n"
        "\\begin{align*}\nK &= %s\n\\end{align*}\nwith the values\n\\(V = %s\\).\n"
    ),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_matrices_of_a_page_are_a_problem(run_all, page: str, tmp_path: Path) -> None:
    text = page % MATRICES
    (tmp_path / "page.tex").write_text(text)
    for status, out, err in run_all([["run", text, *SHOW], ["run", "page.tex", *SHOW]]):
        assert (status, err) == (0, "")
        assert [json.loads(out)[name] for name in ("queries", "keys", "values")] == [Q, K, V]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Then $2 %s$ holds.", "line 1, column 7: '2' before a matrix is not understood"),
        ("So $QK^T = %s$.", "line 1, column 5: 'QK^T' names a product or a changed matrix"),
        ("We know $K^T =$\n\\[ %s \\]", "line 1, column 10: 'K^T' names a product or a changed matrix"),
        ("So $A%s$ and $x = 2$.", "line 1, column 5: 'A' before a matrix is not understood"),
        ("the matrix %s, of course", "line 1, column 1: 'the matrix' before a matrix is not understood"),
        ("It costs $5, and $Q = %s$.", "line 1, column 1: 'It costs $5, and $Q =' before a matrix is not understood"),
    ],
)
def test_what_changes_a_matrix_in_a_formula_of_a_page_is_refused(
    run_all, text: str, fault: str, tmp_path: Path
) -> None:
    (tmp_path / "q.tex").write_text(text % MATRICES[0])
    ((status, out, err),) = run_all([["run", "q.tex", "1 0"]])
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == f"error: q.tex: {fault}"
