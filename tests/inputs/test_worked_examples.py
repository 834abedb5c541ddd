"""Problems on pages of words: what a person reads without doubt is read, and what is in doubt is refused."""

import io

import pytest

from attncli.errors import InputError
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

QUERIES, KEYS, VALUES = [[1, 0], [0, 2]], [[1, 1], [0, 2], [1, 2]], [[1, 0], [2, 2], [2, 1]]

READ = {
    "words between arrays": """\
Take a look at these.
Q = [[1, 0], [0, 2]]   # two queries
The keys follow, with d_k = 2.
d_k = 2
K = [[1, 1],  # the first
     [0, 2],
     [1, 2]]
And finally: V = [[1, 0], [2, 2], [2, 1]].
""",
    "numbered vectors": """\
**Word 1:**
- `q1 = [1, 0]`
- `k1 = [1, 1]`
- `v1 = [1, 0]`
**Word 2:**
- `q2 = [0, 2]`
- `k2 = [0, 2]`
- `v2 = [2, 2]`
**Word 3:**
- `k3 = [1, 2]`
- `v3 = [2, 1]`
""",
    "vectors in one sentence": (
        "Given query vectors q1 = [1, 0], q2 = [0, 2], key vectors K1 = [1, 1], K2 = [0, 2], K3 = [1, 2], and value "
        "vectors V1 = [1, 0], V2 = [2, 2], V3 = [2, 1], what is the output?\n"
    ),
    "vectors in the order of their numbers": """\
First: k2 = [0, 2], k1 = [1, 1], k3 = [1, 2]
q0 = [1, 0]; q1 = [0, 2]
v3 = [2, 1], v1 = [1, 0], v2 = [2, 2]
""",
    "labelled rows below a heading": """\
Query vectors:
a → [1, 0]
b → [0, 2]
Key vectors:
a → [1, 1]
b → [0, 2]
c → [1, 2]

In words, the values are:
Value vectors:
a: [1, 0]
b: [2, 2]
c: [2, 1]
""",
    "side by side": """\
Let us use
Q = [[1, 0],     K = [[1, 1],     V = [[1, 0],
     [0, 2]]          [0, 2]]          [2, 2]]
here.
""",
    "side by side in bars": """\
Q = | 1 0 |   K = | 1 1 |   V = | 1 0 |
    | 0 2 |       | 0 2 |       | 2 2 |
""",
    "prints below words": """\
Tokens : ['a', 'b']
Q =
 [[1. 0.]
 [0. 2.]]

K =
 [[1. 1.]
 [0. 2.]
 [1. 2.]]

V =
 [[1. 0.]
 [2. 2.]
 [2. 1.]]

d_k = 2
""",
    "a notebook": """\
In [4]:
Q

array([[1, 0],
       [0, 2]])

In [5]:
K

array([[1, 1],
       [0, 2],
       [1, 2]])

In [6]:
V

array([[1, 0],
       [2, 2],
       [2, 1]])
""",
    "code with words for tokens": """\
tokens = ["a", "b"]
Q = np.array([[1, 0], [0, 2]])
K = np.array([[1, 1], [0, 2], [1, 2]])
V = np.array([[1, 0], [2, 2], [2, 1]])
d_k = Q.shape[1]
out = attention(Q, K, V)
print("out =", out)
""",
    "a formula between name and array": """\
The three are
Q = X W_Q = [[1, 0], [0, 2]]
K = X W_K = [[1, 1], [0, 2], [1, 2]]
V = X W_V = [[1, 0], [2, 2], [2, 1]]
""",
}


def request(text):
    worksheet = read_problem("-", Sources(lambda: io.BytesIO(text.encode()), Reading(keep_text=True)))
    return worksheet.request, worksheet


def rows(matrix):
    return matrix.array.tolist()


@pytest.mark.parametrize("name", READ)
def test_a_page_is_read_as_a_person_reads_it(name):
    found, _ = request(READ[name])
    most = 2 if name.startswith("side") else 3
    assert (rows(found.queries), rows(found.keys), rows(found.values)) == (QUERIES, KEYS[:most], VALUES[:most])


@pytest.mark.parametrize("chain", ["Q = X\nK = X\nV = X\n", "Q = X  [3, 2]\nK = X  [3, 2]\nV = X  [3, 2]\n"])
def test_a_name_may_stand_for_another_array(chain):
    found, _ = request(f"Here Q, K and V are x.\nX = [[1, 0], [2, 2], [2, 1]]\n{chain}")
    assert found.x is None
    assert rows(found.queries) == rows(found.keys) == rows(found.values) == VALUES


def test_one_array_may_have_several_names():
    found, _ = request("K1 = V1 = h1 = [1, 0]\nK2 = V2 = h2 = [0, 1]\nQ = [2, 1]\n")
    assert (rows(found.queries), rows(found.keys), rows(found.values)) == ([[2, 1]], [[1, 0], [0, 1]], [[1, 0], [0, 1]])
    found, _ = request("Q = K = V = [[1, 0], [0, 1]]\n")
    assert rows(found.queries) == rows(found.keys) == rows(found.values) == [[1, 0], [0, 1]]


def test_rows_by_letter_keep_their_letters_and_v_a_is_the_value_of_a_there():
    found, _ = request(
        "- `Q_A = [1.0, 0.0]`\n- `K_A = [1.0, 0.0]`\n- `V_A = [10.0, 20.0]`\n- `K_B = [0, 1]`\n- `V_B = [3, 4]`\n"
    )
    assert (rows(found.queries), rows(found.keys), rows(found.values)) == (
        [[1, 0]],
        [[1, 0], [0, 1]],
        [[10, 20], [3, 4]],
    )
    assert found.keys.row_labels == ("A", "B")
    assert found.v_a is None


PROJECTED = (
    "Some words.\nX = [[1, 2], [3, 4]]\nW_Q = [[1, 0], [0, 1]]\nW_K = [[1, 1], [0, 1]]\nW_V = [[1, 1], [0, 1]]\n"
)


@pytest.mark.parametrize("formula", ["X @ W_Q  # (2 x 2)", "X W_Q", "np.dot(X, W_Q)", "X.dot(W_Q)", "X · W_Q"])
def test_a_formula_of_a_projection_that_is_given_is_no_doubt(formula):
    found, _ = request(f"{PROJECTED}Q = {formula}\n")
    assert rows(found.w_q) == [[1, 0], [0, 1]]
    assert found.queries is None


def test_the_results_of_a_page_stay_beside_its_problem():
    found, worksheet = request(
        f"{READ['prints below words']}S = Q K^T / sqrt(d_k) :\n [[0.71 1.41 1.41]\n [1.41 2.83 2.83]]\n"
    )
    assert worksheet.left_out == ("S",)
    assert found.queries.notes == ("standard input: of this page only Q, K, V, S are read",)


def test_a_page_that_speaks_of_a_mask_says_that_none_is_read():
    found, _ = request(f"With a causal mask.\n{READ['prints below words']}")
    note = "standard input: of this page only Q, K, V are read, and no mask, of which it speaks"
    assert found.queries.notes == (note,)


QK = "Some words.\nQ = [[1, 2], [3, 4]]\nK = [[1, 2], [3, 5]]\n"
IN_DOUBT = {
    "two arrays of one name": QK + "Next example.\nQ = [[1, 2], [3, 6]]\n",
    "a ragged array": QK + "V = [[1, 2],\n     [3]]\n",
    "an input that is code": QK + "V = np.eye(2)\n",
    "an input that is changed": QK + "Q = Q * 2\n",
    "a cell that is changed": QK + "K[0] += 1\n",
    "an array that a call changes": QK + "Q.mul_(2)\n",
    "a setting": QK + "num_heads = 2\n",
    "a causal setting": QK + "causal = True\n",
    "another width": QK + "d_k = 3\n",
    "a mask that is code": QK + "mask = np.tril(np.ones((2, 2)))\n",
    "values that are not read": QK + "Values:\nnothing here\n",
    "a gap in the numbers": "q1 = [1, 0], k1 = [1, 1], k2 = [0, 1]\nv1 = [1, 2], v3 = [3, 4]\n",
    "matrices of heads": "Head 1:\nQ1 = [[1, 2]]\nK1 = [[1, 2]]\nHead 2:\nQ2 = [[1, 3]]\nK2 = [[1, 3]]\n",
    "vectors of several tokens": 'Token "it":\nq = [1, 0]\nToken "cat":\nk = [1, 1]\nToken "mat":\nk = [1, 2]\n',
    "another formula than the projection": f"{PROJECTED}Q = X W_Q^T\n",
    "a bias in the formula": f"{PROJECTED}Q = X @ W_Q + b\n",
    "operands only": "We compute [1, 0] · [0, 1] = 0 for Q and K.\nQ: [1, 0] · [1, 1] = 1\nK: [1, 1] · [1, 0] = 1\n",
}


@pytest.mark.parametrize("name", IN_DOUBT)
def test_a_page_in_doubt_is_refused(name):
    with pytest.raises(InputError):
        request(IN_DOUBT[name])


def test_rows_in_brackets_of_their_own_are_one_matrix_and_not_its_first_row():
    found, _ = request("Words, then\nX =\n[ 1  0 ]\n[ 0  1 ]\n\nQ = X\nK = X\nV = X\n")
    assert rows(found.queries) == [[1, 0], [0, 1]]
