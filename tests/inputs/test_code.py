"""Code around arrays is passed over only where it can change none of them."""

from __future__ import annotations

import io

import pytest

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

ARRAYS = "Q = np.array([[1, 2]])\nK = np.array([[3, 4]])\n"


def _read(text: str):
    return BY_NAME["txt"].read(text.encode(), "p.txt", Reading())


@pytest.mark.parametrize(
    "code",
    [
        "scores = Q @ K.T",
        "scores = Q.dot(K.T) / np.sqrt(K.shape[-1])",
        "weights = torch.softmax(scores, dim=-1)",
        "a, b = Q.shape",
        "s: float = 1 / 2",
        "print(Q, K)",
        "print('Q = Q + 1; K *= 2')",
        "is_same = Q.shape == K.shape",
        "def f(q):\n    return q @ K.T",
        "def f(q, k):\n    # Q *= 2\n    s = q @ k.T\n    for row in s:\n        print(row)\n    return s",
        "def f(x): return x / 2",
        "mine = sorted(Q.tolist())",
        "x1 = np.sort(Q)",
        "Q",
        "const s = matmul(Q, K);\nconsole.log(s);",
        "assert Q.shape == K.shape",
    ],
)
def test_code_that_only_uses_arrays_is_ignored_with_a_note(code: str) -> None:
    for text in (f"{ARRAYS}{code}\n", f"Q = np.array([[1, 2]])\n{code}\nK = np.array([[3, 4]])"):
        found = {name: make() for name, make in _read(text).matrices.items()}
        assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": [[1, 2]], "K": [[3, 4]]}
        note = found["Q"].notes[0]
        assert note.startswith("p.txt: code is ignored: ")
        assert code.split("\n")[0].rstrip(";") in note


@pytest.mark.parametrize(
    "code",
    [
        "Q *= 2",
        "Q = Q / 2",
        "Q[0] = 2",
        "Q[0, 0] += 2",
        "Q, K = K, Q",
        "A = Q\nA += 1",
        "A = B = Q",
        "A = (Q := K)",
        "A = np.add(Q, 1, out=Q)",
        "A = K.mul_(2)",
        "A = Q.sort()",
        "A = np.random.shuffle(Q)",
        "np.fill_diagonal(Q, 0)",
        "print(Q.fill(0))",
        "print(exec('Q = 0'))",
        "del Q",
        "for i in range(2):\n    Q = Q + 1",
        "if True:\n    Q = K",
        "with torch.no_grad():\n    K.zero_()",
        "def f(q):\n    q += 1\n    return q",
        "def f(q):\n    q[0] = 1",
        "def f():\n    global Q\n    Q = 0",
        "def f(q):\n    return q.sub_(1)",
        "class A:\n    Q = 1",
        "S = Q*K'; K = K*2; T = K'",
        "A = [x for x in map(Q.itemset, [0], [1])]",
        "Q = np.array([[1, 2]]) * 2",
        "S <<- Q",
    ],
)
def test_code_that_may_change_an_array_is_refused(code: str) -> None:
    with pytest.raises(InputError):
        pytest.fail(str(_read(f"{ARRAYS}{code}\n").matrices))


def test_a_word_among_rows_is_not_code_and_rows_behind_code_are_not_rows() -> None:
    for text in ("Q =\n1\nNA\n3\nprint(Q)\n", "Q =\n1 2\nprint(Q)\n3 4\n", "Q =\n1 2\nx = f(Q)\n3 4\n"):
        with pytest.raises(InputError):
            pytest.fail(str(_read(text).matrices))
    assert _read("Q =\n1 2\n3 4\nprint(Q)\n").matrices["Q"]().array.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "code", ["mask = np.tril(np.ones((1, 1)))", "V = K + 1", "scale = 1 / np.sqrt(2)", "causal = f()"]
)
def test_a_matrix_or_a_setting_that_code_assigns_is_asked_for(code: str) -> None:
    name = code.partition(" ")[0]
    with pytest.raises(InputError) as caught:
        read_problem(f"{ARRAYS}{code}\n", Sources(io.BytesIO))
    assert str(caught.value) == f"literal: {name} is assigned by code, which attncli does not run"
    assert caught.value.hint == "print it and put the printed array in its place, or delete that line"
    queries = Sources(io.BytesIO).matrix(f"{ARRAYS}{code}\n", role="queries")
    assert queries.array.tolist() == [[1, 2]]


def test_what_code_sets_to_nothing_is_not_asked_for() -> None:
    request = read_problem(f"{ARRAYS}mask = None\n", Sources(io.BytesIO)).request
    assert request.mask is None


def test_an_array_is_not_taken_for_the_queries_that_code_makes_of_it() -> None:
    with pytest.raises(InputError, match="Q is assigned by code, which attncli does not run"):
        Sources(io.BytesIO).matrix("a = np.array([[1, 2]])\nQ = a * 2\n", role="queries")
