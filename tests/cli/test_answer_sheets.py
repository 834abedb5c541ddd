"""Answers that hold several matrices: sheets with nothing else, and forms with the problem beside them."""

import json

import numpy as np
import pytest

PROBLEM = "queries: [[2, 1]]\nkeys: [[1, 0], [0, 0]]\nvalues: [[1, 2], [3, 4]]\n"
WEIGHTS, OUTPUT = "[[0.8044, 0.1956]]", "[[1.3911, 2.3911]]"
FORM = f"{PROBLEM}expected:\n  weights: {WEIGHTS}\n  output: {OUTPUT}\n"
SHEETS = {
    "expected.yaml": f"expected: {{weights: {WEIGHTS}, output: {OUTPUT}}}\n",
    "names.yaml": f"weights: {WEIGHTS}\noutput: {OUTPUT}\ntitle: Ann\nraw_scores:\n",
    "names.json": f'{{"weights": {WEIGHTS}, "output": {OUTPUT}}}',
    "named.txt": f"weights = {WEIGHTS}\noutput = {OUTPUT}\n",
    "headed.md": "## Weights\n\n| a | b |\n|---|---|\n| 0.8044 | 0.1956 |\n\n"
    "## Output\n\n| a | b |\n|---|---|\n| 1.3911 | 2.3911 |\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hw.yaml").write_text(PROBLEM)
    return tmp_path


def told(run, *words):
    """What is said of each case: its verdict, and the matrices that were judged."""
    cases = json.loads(run("check", *words, "-f", "json").out)["cases"]
    return {case["name"]: (case["verdict"], [found["what"] for found in case["checks"]]) for case in cases}


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_is_judged_in_all_its_matrices(run, folder, name):
    (folder / name).write_text(SHEETS[name])
    (folder / "other.csv").write_text("1.2384,2.2384\n")
    both = {name.partition(".")[0]: ("exact", ["weights", "output"]), "other": ("wrong", ["output"])}
    assert told(run, "hw.yaml", name, "other.csv") == both
    alone = name.partition(".")[0]
    assert told(run, "hw.yaml", name) == {alone: both[alone]}


def test_arrays_that_are_all_results_are_a_sheet(run):
    np.savez("ann.npz", attn_weights=[[0.8044, 0.1956]], out=[[1.3911, 2.3911]])
    assert told(run, "hw.yaml", "ann.npz", "--atol", "1e-4") == {"ann": ("within-tolerance", ["weights", "output"])}


def test_a_form_is_an_answer_beside_answers_and_a_problem_beside_problems(run, folder):
    (folder / "ann.yaml").write_text(FORM)
    (folder / "ben.csv").write_text("1.2384,2.2384\n")
    both = ["weights", "output"]
    assert told(run, "hw.yaml", "ann.yaml", "ben.csv") == {"ann": ("exact", both), "ben": ("wrong", ["output"])}
    assert told(run, "hw.yaml", "ann.yaml") == {"hw": ("skipped", []), "ann": ("exact", both)}


def test_a_file_that_cannot_be_read_is_an_answer_among_answers(run, folder):
    (folder / "ann.yaml").write_text(SHEETS["names.yaml"])
    (folder / "ben.yaml").write_text("")
    assert told(run, "hw.yaml", "ann.yaml", "ben.yaml") == {
        "ann": ("exact", ["weights", "output"]),
        "ben": ("error", []),
    }


def test_the_digits_of_a_sheet_are_those_of_its_numbers(run, folder):
    (folder / "ann.yaml").write_text("output: [[1.4, 2.4]]\ndigits: 2\n")
    (folder / "ben.yaml").write_text("output: [[1.4, 2.4]]\n")
    assert told(run, "hw.yaml", "ann.yaml", "ben.yaml") == {
        "ann": ("last-digit", ["output"]),
        "ben": ("exact", ["output"]),
    }


def test_a_sheet_that_was_not_filled_in_says_so(run, folder):
    (folder / "ann.yaml").write_text("expected: {output: , weights: }\n")
    assert run("check", "hw.yaml", "ann.yaml").err == (
        "error: ann.yaml: no matrix of the answers is filled in\nhint: fill in one of them\n"
    )


@pytest.mark.parametrize("name", ["expected.yaml", "names.yaml", "names.json", "form.yaml"])
def test_an_option_takes_its_own_matrix_of_a_sheet_or_a_form(run, folder, name):
    (folder / name).write_text({**SHEETS, "form.yaml": FORM}[name])
    assert told(run, "hw.yaml", "--expect-output", name) == {"hw": ("exact", ["output"])}
    assert told(run, "hw.yaml", "--expect-weights", name) == {"hw": ("exact", ["weights"])}


def test_a_matrix_that_a_form_lacks_is_not_one_of_its_inputs(run, folder):
    (folder / "form.yaml").write_text(PROBLEM)
    ran = run("check", "hw.yaml", "--expect-output", "form.yaml")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.endswith("none is called output\nhint: name it output\n")


def test_a_problem_that_is_typed_or_not_there_has_answers_behind_it_too(run, folder):
    (folder / "ann.csv").write_text("1.3911,2.3911\n")
    typed = "{queries: [[2, 1]], keys: [[1, 0], [0, 0]], values: [[1, 2], [3, 4]]}"
    assert told(run, typed, "ann.csv") == {"ann": ("exact", ["output"])}
    assert told(run, "gone.yaml", "ann.csv") == {"ann": ("error", [])}
    assert "gone.yaml: no such file" in run("check", "gone.yaml", "ann.csv").err
