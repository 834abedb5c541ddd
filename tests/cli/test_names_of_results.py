"""Results by the names that worked examples give them: in a sheet of answers, and beside the problem on one page."""

import json

import numpy as np
import pytest

PROBLEM = "queries: [[1, 0], [0, 1]]\nkeys: [[1, 0], [1, 1]]\nvalues: [[2, 0], [0, 3]]\n"
RAW, SCORES = "[[1, 1], [0, 1]]", "[[0.7071, 0.7071], [0.0000, 0.7071]]"
WEIGHTS, OUTPUT = "[[0.5000, 0.5000], [0.3302, 0.6698]]", "[[1.0000, 1.5000], [0.6605, 2.0093]]"
ALL = ["raw_scores", "scores", "weights", "output"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(PROBLEM)
    return tmp_path


def judged(run, *words):
    """The verdict of each matrix of the only case, and the notes."""
    ran = run("check", *words, "-f", "json")
    [case] = json.loads(ran.out)["cases"]
    return {found["what"]: found["verdict"] for found in case["checks"]}, ran.err


@pytest.mark.parametrize(
    ("raw", "scores", "weights", "output"),
    [
        ("raw_scores", "scores", "weights", "output"),
        ("scores", "scaled_scores", "attention_weights", "context"),
        ("attention_scores", "scaled_attention_scores", "attn_weights", "context_vec"),
        ("QK^T", "Scaled QK^T", "Attention Weights", "Final output"),
        ("Raw Attention Scores", "Scaled Attention Scores", "Attention matrix", "Context vectors"),
        ("dot_products", "S", "A", "Z"),
        ("unscaled scores", "Scaled scores", "P", "Result"),
    ],
)
def test_every_matrix_of_a_sheet_is_judged_by_its_name(run, folder, raw, scores, weights, output):
    named = zip((raw, scores, weights, output), (RAW, SCORES, WEIGHTS, OUTPUT), strict=True)
    (folder / "ann.txt").write_text("".join(f"{name} =\n{rows}\n" for name, rows in named))
    found, err = judged(run, "p.yaml", "ann.txt")
    assert (found, err) == (dict.fromkeys(ALL, "exact"), "")


@pytest.mark.parametrize("name", ["Weigths", "Averages", "head 1 weights"])
def test_rows_of_a_sheet_under_another_name_are_an_error(run, folder, name):
    (folder / "ann.txt").write_text(f"output = {OUTPUT}\n{name} = {WEIGHTS}\n")
    ran = run("check", "p.yaml", "ann.txt")
    assert (ran.status, ran.out) == (2, "")
    assert f"error: ann.txt: '{name}' is the name of no result" in ran.err


def test_two_names_for_one_result_of_a_sheet_are_an_error(run, folder):
    (folder / "ann.txt").write_text(f"output = {OUTPUT}\nZ = {OUTPUT}\n")
    assert run("check", "p.yaml", "ann.txt").err == (
        "error: ann.txt: output and Z are two names for the same thing\nhint: keep one of them\n"
    )


def test_arrays_of_a_binary_sheet_that_are_no_results_are_told(run):
    np.savez("ann.npz", output=[[1, 1.5], [0.6605, 2.0093]], losses=[[1.0, 2.0]])
    found, err = judged(run, "p.yaml", "ann.npz", "--atol", "1e-4")
    assert found == {"output": "within-tolerance"}
    assert err == "note: ann: left out, the name of no result: losses\n"


def test_an_option_tells_what_else_its_file_holds(run, folder):
    (folder / "ann.txt").write_text(f"weights = [[0.1, 0.9], [0.5, 0.5]]\noutput = {OUTPUT}\n")
    found, err = judged(run, "p.yaml", "--expect-output", "ann.txt")
    assert found == {"output": "exact"}
    assert err == "note: ann.txt: weights in it is not checked: attncli check PROBLEM ann.txt checks all of them\n"


RAW_NOTE = (
    "note: ann: scores are taken for the raw scores, before the scale and the masks, as their numbers are these\n"
)


@pytest.mark.parametrize(
    ("weights", "expected", "err"),
    [
        (WEIGHTS, {"raw_scores": "exact", "weights": "exact"}, RAW_NOTE),
        ("[[0.5000, 0.5000], [0.2689, 0.7311]]", {"raw_scores": "exact", "weights": "wrong"}, RAW_NOTE),  # unscaled
    ],
)
def test_scores_without_another_word_may_be_the_raw_ones(run, folder, weights, expected, err):
    (folder / "ann.txt").write_text(f"scores = {RAW}\nweights = {weights}\n")
    assert judged(run, "p.yaml", "ann.txt") == (expected, err)


def test_scores_that_are_not_scaled_and_what_follows_from_them_are_one_slip(run, folder):
    (folder / "ann.txt").write_text("scores = [[1.0, 1.0], [0.0, 1.0]]\nweights = [[0.5000, 0.5000], [0.2689, 0.7311]]")
    found, err = judged(run, "p.yaml", "ann.txt")
    assert found == {"scores": "wrong", "weights": "carried"}
    assert err == ""


def test_scores_that_say_that_they_are_scaled_are_not_the_raw_ones(run, folder):
    (folder / "ann.txt").write_text(f"scaled_scores = [[1.0, 1.0], [0.0, 1.0]]\nweights = {WEIGHTS}")
    assert judged(run, "p.yaml", "ann.txt") == ({"scores": "wrong", "weights": "exact"}, "")


PAGE = f"""Q = [[1, 0], [0, 1]]
K = [[1, 0], [1, 1]]
V = [[2, 0], [0, 3]]
Attention weights: {WEIGHTS}
Output: {OUTPUT}
"""


def test_the_results_beside_a_problem_on_one_page_are_checked(run, folder):
    (folder / "page.txt").write_text(PAGE)
    note = "note: page: weights, output beside the problem are checked, by their names\n"
    assert judged(run, "page.txt") == ({"weights": "exact", "output": "exact"}, note)
    (folder / "page.txt").write_text(PAGE.replace("2.0093", "2.0193"))
    assert judged(run, "page.txt") == ({"weights": "exact", "output": "wrong"}, note)


def test_what_a_page_expects_and_what_an_option_expects_come_first(run, folder):
    (folder / "page.txt").write_text(PAGE + f"expected_output = {OUTPUT}\n")
    assert judged(run, "page.txt")[0] == {"output": "exact"}
    (folder / "page.txt").write_text(PAGE)
    assert judged(run, "page.txt", "--expect-weights", WEIGHTS)[0] == {"weights": "exact"}


@pytest.mark.parametrize("name", ["raw scores", "Query weights", "old Q", "head 1 output", "masked scores"])
def test_words_before_a_name_belong_to_it(run, folder, name):
    (folder / "page.txt").write_text(f"Q = [[1, 0]]\nK = [[1, 0], [1, 1]]\n{name} = [[5, 6]]\n")
    assert run("run", "page.txt").err.startswith(f"note: page.txt: left out, not part of a problem: {name}\n")


@pytest.mark.parametrize("words", ["let", "const float", "MatrixXf", "Let", "matrix", "export const", "auto&"])
def test_a_type_before_a_name_does_not_belong_to_it(run, folder, words):
    (folder / "page.txt").write_text(f"{words} Q = [[1, 0]];\n{words} K = [[1, 0], [1, 1]];\n")
    assert run("run", "page.txt", "--show", "weights").status == 0
