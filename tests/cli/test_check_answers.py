"""One problem against many answers, and what is written of them."""

import json

import pytest

HOMEWORK = "queries: [[2, 1]]\nkeys: [[1, 0], [0, 0]]\nvalues: [[1, 2], [3, 4]]\n"
RIGHT, UNSCALED = "1.3911,2.3911\n", "1.2384,2.2384\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hw.yaml").write_text(HOMEWORK)
    handins = tmp_path / "handins"
    handins.mkdir()
    (handins / "ann.csv").write_text(UNSCALED)
    (handins / "ben.csv").write_text(RIGHT)
    (handins / ".hidden.csv").write_text(RIGHT)
    return tmp_path


TABLE = """\
| name | verdict | first wrong | what was done instead |
|---|---|---|---|
| ann | wrong | output | unscaled: your output is softmax(QKᵀ) V: divide by √d_k = 1.4142 |
| ben | exact |  |  |
"""


@pytest.mark.parametrize(
    "words",
    [
        ("--expect-output", "handins"),
        ("handins/ann.csv", "handins/ben.csv"),
        ("--expect-output", "handins/ann.csv", "handins/ben.csv"),
    ],
    ids=["a folder", "files behind the problem", "as a shell expands a glob"],
)
def test_each_answer_has_a_line_under_its_own_name(run, words):
    assert run("check", "hw.yaml", *words, "-f", "markdown") == (1, TABLE, "")


def test_other_matrices_are_answered_too(run, folder):
    (folder / "handins" / "ann.csv").write_text("0.8808,0.1192\n")
    (folder / "handins" / "ben.csv").write_text("0.8044,0.1956\n")
    told = run("check", "hw.yaml", "--expect-weights", "handins", "-f", "json").out
    assert [case["verdict"] for case in json.loads(told)["cases"]] == ["wrong", "exact"]


def test_one_answer_that_cannot_be_read_leaves_the_others(run, folder):
    (folder / "handins" / "carl.csv").write_text("1,abc,\n2\n")
    ran = run("check", "hw.yaml", "--expect-output", "handins", "-f", "markdown")
    assert ran.status == 2
    assert "| ben | exact |" in ran.out
    assert "| carl | error |" in ran.out


def test_grades_are_a_mark_for_each_step(run, folder):
    (folder / "two.yaml").write_text(HOMEWORK + "expected: {weights: [[0.8808, 0.1192]], output: [[1.2384, 2.2384]]}\n")
    ran = run("check", "two.yaml", "hw.yaml", "--grades", "g.csv", "-q")
    assert (ran.status, ran.err) == (1, "wrote g.csv: 2 cases\n")
    assert (folder / "g.csv").read_text() == (
        "name,weights,output,right,of,verdict,slip\ntwo,0,1,1,2,wrong,unscaled\nhw,,,,,skipped,\n"
    )
    again = run("check", "two.yaml", "--grades", "g.csv", "-q")
    assert again.status == 2


def test_csv_has_a_line_for_each_matrix(run):
    told = run("check", "hw.yaml", "handins/ben.csv", "-f", "csv").out.splitlines()
    assert told[0] == "name,verdict,what,matrix_verdict,at,expected,computed,max_error,slip,error"
    assert told[1].startswith("ben,exact,output,exact,0 ")


def test_a_problem_without_expected_is_skipped_among_others(run, folder):
    (folder / "right.yaml").write_text(HOMEWORK + "expected: {weights: [[0.8044, 0.1956]]}\n")
    ran = run("check", "hw.yaml", "right.yaml")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "skipped  hw\nexact  right  (weights)\n\n2 cases: 1 exact, 1 skipped\n"


def test_nothing_expected_in_any_is_an_error(run):
    ran = run("check", "hw.yaml", "hw.yaml")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "error: check: nothing is expected in any of the 2 problems\n"
        "hint: expected: {output: […]} in a file, or --expect-output SOURCE\n"
    )


def test_grades_go_to_a_csv_file(run):
    ran = run("check", "hw.yaml", "handins/ben.csv", "--grades", "g.txt")
    assert ran.err == "error: --grades: g.txt does not end in .csv\nhint: as in --grades grades.csv\n"


def test_forms_of_one_name_are_distinguished_by_their_folders(run, tmp_path) -> None:
    text = "queries: [[1]]\nkeys: [[1]]\nvalues: [[2]]\nexpected: {{output: [[{0}]]}}\n"
    for folder, number in (("ada", 2), ("bob", 3)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "answers.yaml").write_text(text.format(number))
    forms = [tmp_path / folder / "answers.yaml" for folder in ("ada", "bob")]
    ran = run("check", *forms, "--grades", tmp_path / "g.csv")
    assert ran.out.startswith("exact  ada/answers  (output)\nwrong  bob/answers\n")
    rows = (tmp_path / "g.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["name", "ada/answers", "bob/answers"]
    assert run("check", forms[0], forms[0]).out.startswith("exact  ")


@pytest.mark.parametrize("name", ["bne.csv", "ben.cvs", "ben.yaml", "ben"])
def test_an_answer_that_does_not_exist_leaves_the_others(run, name):
    ran = run("check", "hw.yaml", "handins/ann.csv", f"handins/{name}", "handins/ben.csv", "-f", "json")
    cases = json.loads(ran.out)["cases"]
    assert [case["verdict"] for case in cases] == ["wrong", "error", "exact"]
    assert ran.status == 2
    assert ran.err.startswith(f"error: handins/{name}: no such file\nhint: ")
    assert ran.err.count("error: ") == 1


def test_the_only_answer_may_be_missing(run):
    ran = run("check", "hw.yaml", "handins/bem.csv")
    assert (ran.status, ran.err) == (2, "error: handins/bem.csv: no such file\nhint: did you mean handins/ben.csv?\n")


OWN = {
    "weights": "[[0.9, 0.1]]",
    "scores": "[[9, 9]]",
    "raw_scores": "[[9, 9]]",
    "lse": "[9]",
    "output": "[[9, 9]]",
}


@pytest.mark.parametrize("what", OWN)
def test_an_answer_is_not_judged_by_what_the_problem_expects(run, folder, what):
    (folder / "own.yaml").write_text(f"{HOMEWORK}expected: {{{what}: {OWN[what]}}}\n")
    plain, own = (
        run("check", name, "handins/ann.csv", "handins/ben.csv", "-f", "json") for name in ("hw.yaml", "own.yaml")
    )
    assert (own.status, own.out) == (plain.status, plain.out)
    note = "" if what == "output" else f"note: own: its own expected numbers ({what}) are not part of the answers\n"
    assert own.err == note


def test_grades_of_answers_have_only_columns_for_what_was_answered(run, folder):
    (folder / "own.yaml").write_text(f"{HOMEWORK}expected: {{weights: [[0.9, 0.1]]}}\n")
    run("check", "own.yaml", "handins/ben.csv", "--grades", "g.csv", "-q")
    assert (folder / "g.csv").read_text() == "name,output,right,of,verdict,slip\nben,1,1,1,exact,\n"


def test_json_names_each_answer(run):
    told = run("check", "hw.yaml", "handins/ann.csv", "handins/ben.csv", "-f", "json").out
    assert [case["name"] for case in json.loads(told)["cases"]] == ["ann", "ben"]


def test_what_of_a_folder_is_not_an_answer_is_reported(run, folder):
    for name in ("carl.docx", "dora.pdf", ".hidden", "~$carl.docx"):
        (folder / "handins" / name).write_text("")
    (folder / "handins" / "late").mkdir()
    ran = run("check", "hw.yaml", "--expect-output", "handins", "-f", "markdown")
    assert (ran.out, ran.err) == (
        TABLE,
        "note: handins: not judged, not a known format: carl.docx, dora.pdf, late\n",
    )


def test_a_folder_of_folders_of_answers_says_how_to_name_them(run, folder):
    (folder / "all").mkdir()
    (folder / "handins").rename(folder / "all" / "monday")
    assert run("check", "hw.yaml", "--expect-output", "all").err == (
        "error: all: holds no file of numbers\nhint: attncli check PROBLEM all/*/*\n"
    )


def test_dumps_that_hold_a_result_beside_q_and_k_say_how_it_is_expected(run, folder):
    import numpy as np

    (folder / "dumps").mkdir()
    for name in "ab":
        np.savez(folder / "dumps" / f"{name}.npz", q=[[1.0]], k=[[1.0]], v=[[1.0]], out=[[1.0]])
    assert run("check", "dumps").err == (
        "error: check: nothing is expected in any of the 2 problems\n"
        "hint: call out expected_output in each file; or for one: --expect-output FILE:out\n"
    )
