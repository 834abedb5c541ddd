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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("corner.csv", "weights,a,b\nq,0.8044,0.1956\n"),
        ("long.csv", "query,key,weight\n0,0,0.8044\n0,1,0.1956\n"),
        ("heading.md", "## Weights\n\n| a | b |\n|---|---|\n| 0.8044 | 0.1956 |\n"),
        ("named.txt", f"attn_weights = {WEIGHTS}\n"),
        ("capital.yaml", f"Weights: {WEIGHTS}\n"),
    ],
)
def test_one_matrix_is_judged_as_the_result_that_it_is_called(run, folder, name, text):
    (folder / name).write_text(text)
    (folder / "other.csv").write_text("1.3911,2.3911\n")
    found = told(run, "hw.yaml", name, "other.csv")
    assert found == {name.partition(".")[0]: ("exact", ["weights"]), "other": ("exact", ["output"])}


def test_a_csv_that_names_its_matrices_is_judged_in_all_of_them(run, folder):
    (folder / "ann.csv").write_text("weights\n0.8044,0.1956\noutput\n1.3911,2.3911\n")
    assert told(run, "hw.yaml", "ann.csv") == {"ann": ("exact", ["weights", "output"])}


@pytest.mark.parametrize("suffix", ["xlsx", "csv", "yaml"])
def test_the_same_numbers_get_the_same_verdict_in_every_form(run, folder, suffix):
    rows = [[0.8044, 0.1956]]
    if suffix == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        book.active.title = "weights"
        book.active.append(rows[0])
        book.save("ann.xlsx")
    else:
        text = "weights,a,b\nq,0.8044,0.1956\n" if suffix == "csv" else f"weights: {rows}\n"
        (folder / f"ann.{suffix}").write_text(text)
    assert told(run, "hw.yaml", f"ann.{suffix}") == {"ann": ("exact", ["weights"])}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.yaml", "name: Ben\nWeigths: [[0.8044, 0.1956]]\noutput: [[1.3911, 2.3911]]\n"),
        ("bad.json", "{}"),
        ("bad.npz", ""),
        ("bad.yaml", PROBLEM),
        ("bad", "1 2\n3\n"),
    ],
)
def test_no_file_among_answers_makes_problems_of_the_others(run, folder, name, text):
    (folder / name).write_text(text)
    (folder / "ann.csv").write_text("1.3911,2.3911\n")
    assert told(run, "hw.yaml", "ann.csv", name) == {"ann": ("exact", ["output"]), "bad": ("error", [])}


def test_words_beside_answers_are_left_out_and_rows_under_another_name_are_an_error(run, folder):
    (folder / "ann.yaml").write_text(f"name: Ann\nnumber: 17\nexpected: {{remark: done, output: {OUTPUT}}}\n")
    (folder / "ben.yaml").write_text(f"name: Ben\nWeigths: {WEIGHTS}\noutput: {OUTPUT}\n")
    (folder / "cem.yaml").write_text(f"name: Cem\nAusgabe: {OUTPUT}\nweights: {WEIGHTS}\n")
    ran = run("check", "hw.yaml", "ann.yaml", "ben.yaml", "cem.yaml")
    assert "exact  ann  (output" in ran.out
    assert ran.err == (
        "error: ben.yaml: line 2, column 1: unknown key 'Weigths'\n"
        "hint: did you mean 'weights'?\n"
        "error: cem.yaml: line 2, column 1: unknown key 'Ausgabe'\n"
        "hint: one of: raw_scores, scores, weights, output, lse; or leave it out\n"
    )


def test_two_names_for_one_result_are_an_error(run, folder):
    (folder / "ann.yaml").write_text(f"output: {OUTPUT}\nOut: {OUTPUT}\n")
    assert run("check", "hw.yaml", "ann.yaml").err == (
        "error: ann.yaml: line 2, column 1: output and Out are two names for the same thing\nhint: keep one of them\n"
    )


def test_a_wrong_form_of_another_problem_says_so_and_a_right_one_passes(run, folder):
    (folder / "ann.yaml").write_text(FORM.replace("[2, 1]", "[2, 3]"))
    (folder / "ben.yaml").write_text(FORM.replace("[2, 1]", "[2, 3]").replace("1.3911", "1.2"))
    (folder / "cem.yaml").write_text(FORM.replace("1.3911", "1.2"))
    (folder / "d.csv").write_text("1.3911,2.3911\n")
    found = {
        name: verdict
        for name, (verdict, _) in told(run, "hw.yaml", "ann.yaml", "ben.yaml", "cem.yaml", "d.csv").items()
    }
    assert found == {"ann": "exact", "ben": "error", "cem": "wrong", "d": "exact"}
    assert run("check", "hw.yaml", "ben.yaml", "d.csv").err == (
        "error: ben.yaml: is a form of another problem: its queries are not those of hw\n"
        "hint: attncli check ben.yaml judges it by its own problem\n"
    )


def test_answers_that_differ_in_their_suffix_only_are_distinguished_by_it(run, folder):
    (folder / "ann.csv").write_text("1.3911,2.3911\n")
    (folder / "ann.txt").write_text("1.3911 2.3911\n")
    assert list(told(run, "hw.yaml", "ann.csv", "ann.txt")) == ["ann.csv", "ann.txt"]


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("?,?\n0.5,0.5\n", 2),
        ("q,?,-\nr,0.5,0.5\n", 2),
        ("a,b\n?,?\n0.5,0.5\n", 2),
        ("?,0.5\n?,0.5\n", 2),
        ("query,key,weight\n0,0,?\n0,1,0.5\n1,0,0.5\n1,1,0.5\n", 1),
    ],
)
def test_blank_cells_of_a_table_are_neither_header_nor_labels(run, folder, text, blank):
    (folder / "two.yaml").write_text("queries: [[1], [1]]\nkeys: [[1], [1]]\n")
    (folder / "ann.csv").write_text(text)
    ran = run("check", "two.yaml", "--expect-weights", "ann.csv")
    assert f"{blank} of its 4 cells {'is' if blank == 1 else 'are'} blank; the others are right" in ran.out


def test_numbers_of_another_shape_may_be_another_result(run, folder):
    (folder / "hw.yaml").write_text(PROBLEM.replace("[1, 2], [3, 4]", "[1, 2, 5], [3, 4, 5]"))
    (folder / "ann.csv").write_text("0.8044,0.1956\n")
    shape = "its shape is 1 × 2; expected 1 × 3. The scores and the weights have this"
    assert shape in run("check", "hw.yaml", "ann.csv").out
    assert "expected 1 × 2. The output has this shape" in run("check", "hw.yaml", "--expect-weights", "[[1, 2, 3]]").out


def test_matrices_of_any_format_are_q_k_and_v_before_an_expected_output(run):
    np.savez("q.npz", a=[[2.0, 1.0]])
    np.save("k.npy", [[1.0, 0.0], [0.0, 0.0]])
    np.save("v.npy", [[1.0, 2.0], [3.0, 4.0]])
    for queries in ("q.npz", "q.npz:a", "[[2, 1]]"):
        ran = run("check", queries, "k.npy", "v.npy", "--expect-output", "[[1.3911, 2.3911]]")
        assert (ran.status, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            "output: [[1.3911, ], [1, 2]]\n",
            "ann.yaml: line 1, column 22: a list of 2, where the first, in line 1, has 1",
            "every row has the same number of entries; one that is left blank is written as a question mark: [0.5, ?]",
        ),
        (
            "output:\n- 1.3911 2.3911\n",
            "ann.yaml: line 2, column 3: '1.3911 2.3911' is not a number",
            "write a row as a list, with a comma between its numbers and a point in decimals: [0.5, 2.5]",
        ),
        (
            "output: [[1,3911; 2,3911], [1,5; 2]]\n",
            "ann.yaml: line 1, column 28: a list of 2, where the first, in line 1, has 3",
            "write a row as a list, with a comma between its numbers and a point in decimals: [0.5, 2.5]",
        ),
    ],
)
def test_rows_of_yaml_that_are_not_lists_say_how_a_row_is_written(run, folder, text, error, hint):
    (folder / "ann.yaml").write_text(text)
    assert run("check", "hw.yaml", "ann.yaml").err == f"error: {error}\nhint: {hint}\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "weights: {query 1: [0.5, 0.5], query 0: [0.5, 0.5]}\n",
            "its rows are 'query 1', 'query 0', and those of the right weights 'query 0', 'query 1'",
        ),
        (
            "weights: [{k2: 0.5, k1: 0.5}, {k2: 0.5, k1: 0.5}]\n",
            "its columns are 'k2', 'k1', and those of the right weights 'k1', 'k2'",
        ),
    ],
)
def test_numbered_labels_in_another_order_are_refused_where_the_problem_names_none(run, folder, text, what):
    (folder / "two.yaml").write_text("queries: [[1], [1]]\nkeys: [[1], [1]]\n")
    (folder / "ann.yaml").write_text(text)
    error = f"error: ann.yaml: weights: {what}: the same labels in another order\n"
    hint = "hint: put them in one order: they are paired by position\n"
    assert run("check", "two.yaml", "ann.yaml").err == error + hint


@pytest.mark.parametrize("labels", ["query 0: [0.5, 0.5], query 1: [0.5, 0.5]", "k7: [0.5, 0.5], k3: [0.5, 0.5]"])
def test_labels_in_order_and_labels_that_do_not_count_are_taken(run, folder, labels):
    (folder / "two.yaml").write_text("queries: [[1], [1]]\nkeys: [[1], [1]]\n")
    (folder / "ann.yaml").write_text(f"weights: {{{labels}}}\n")
    assert told(run, "two.yaml", "ann.yaml") == {"ann": ("exact", ["weights"])}


def test_context_beside_answers_may_be_an_output_and_is_not_an_input(run, folder):
    (folder / "ann.yaml").write_text(f"weights: {WEIGHTS}\nContext: {OUTPUT}\n")
    assert "unknown key 'Context'" in run("check", "hw.yaml", "ann.yaml").err
