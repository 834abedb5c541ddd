"""`attncli check` as it is typed: what is printed, what is written, how it exits."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from attncli import attend

GOOD = "queries: [[2, 1]]\nkeys: [[1, 0], [0, 0]]\nvalues: [[1, 2], [3, 4]]\nvariant: dot\n"
RIGHT = GOOD + "expected: {weights: [[0.8808, 0.1192]]}\n"
UNSCALED = GOOD.replace("dot", "scaled") + "expected: {weights: [[0.8808, 0.1192]], output: [[1.2384, 2.2384]]}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right.yaml").write_text(RIGHT)
    (tmp_path / "unscaled.yaml").write_text(UNSCALED)
    return tmp_path


WRONG = """\
wrong  unscaled
  weights     wrong            4 decimals
    worst at [0, 0]: says 0.8808, the right number is 0.804430
    off by 764 units of the last digit; every cell
    errors: mean 764, 99 % within 764 units of the last digit; cosine
    0.994599; first at [0, 0]
  output      carried          4 decimals
    worst at [0, 1]: says 2.2384, the right number is 2.391141
    errors: largest 1,527, mean 1,527, 99 % within 1,527 units of the last
    digit; cosine 0.999767; first at [0, 0]
  the first wrong step: weights; output follows from what is printed before
  what was done instead:
    unscaled: your weights are softmax(QKᵀ): divide by √d_k = 1.4142
      (the same numbers here: variant-dot, as-keras-attention)
"""


def test_a_wrong_case_says_what_is_wrong_and_what_was_done(run):
    assert run("check", "unscaled.yaml") == (1, WRONG, "")


def test_notes_on_the_problem_and_on_the_axes_of_a_wrong_case_are_reported(run, folder):
    (folder / "right.yaml").write_text(RIGHT + "align: bottom-right\n")
    assert run("check", "right.yaml").err == "note: --align bottom-right changes nothing without --causal or --window\n"
    four = np.ones((1, 2, 3, 4))
    np.savez("axes.npz", queries=four, keys=four, values=four, **{"expected.weights": four[..., :3]})
    ran = run("check", "axes.npz")
    assert (ran.status, ran.err) == (1, "note: Q, K and V were read as (batch, heads, n, d)\n")


def test_a_hint_that_errors_in_a_row_share_stands_after_the_last(run, folder):
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("1,2\n")
    (folder / "c.json").write_text("")
    (folder / "d.csv").write_text("1,2\n")
    one = "holds one matrix, but a problem has queries and keys"
    apart = (
        "hint: give the matrices separately: attncli run Q K V, or attncli check Q K V --expect-output FILE; "
        "an answer to a problem: attncli check PROBLEM --expect-output FILE\n"
    )
    assert run("check", "a.csv", "b.csv", "c.json", "d.csv").err == (
        f"error: a.csv: {one}\nerror: b.csv: {one}\n{apart}"
        "error: c.json: the file is empty\nhint: write numbers into it, or name another file\n"
        f"error: d.csv: {one}\n{apart}"
    )


def test_a_folder_is_a_test_suite(run):
    told = run("check", ".").out
    assert told.startswith("exact  right  (weights)\nwrong  unscaled\n")
    assert told.endswith("\n2 cases: 1 exact, 1 wrong\n")


def test_a_folder_gives_its_problem_files_and_nothing_else(run, folder):
    (folder / "a.YAML").write_text(RIGHT)
    (folder / ".hidden.yaml").write_text(RIGHT)
    (folder / "notes.txt").write_text("no problem\n")
    assert run("check", ".").out.endswith("\n3 cases: 2 exact, 1 wrong\n")


def test_a_folder_of_matrices_is_one_problem(run, tmp_path):
    folder = tmp_path / "matrices"
    folder.mkdir()
    (folder / "Q.csv").write_text("2,1\n")
    (folder / "keys.csv").write_text("1,0\n0,0\n")
    (folder / "unscaled.yaml").write_text(RIGHT)
    assert run("check", folder, "-a", "dot", "--expect-weights", "0.8808 0.1192").out.startswith("exact  matrices\n")


def test_each_case_is_checked_whatever_the_others_are(run, folder):
    (folder / "broken.yaml").write_text("queries: [[1, a]]\n")
    told = run("check", "broken.yaml", "unscaled.yaml", "right.yaml")
    assert told.status == 2
    assert told.out.splitlines()[0].startswith("error  broken: ")
    assert told.out.endswith("\n3 cases: 1 exact, 1 wrong, 1 error\n")
    assert told.err == (
        "error: broken.yaml: line 1, column 15: 'a' is not a number\n"
        "hint: type a number, as in -1234.5, or nan if it is missing\n"
    )


def test_one_failure_is_printed_on_one_stream_only(run, folder):
    (folder / "broken.yaml").write_text("queries: [[1, a]]\n")
    told = run("check", "broken.yaml")
    assert (told.status, told.out) == (2, "")
    assert told.err == (
        "error: broken.yaml: line 1, column 15: 'a' is not a number\n"
        "hint: type a number, as in -1234.5, or nan if it is missing\n"
    )


def test_a_missing_file_is_named(run):
    told = run("check", "right.yaml", "gone.yaml")
    assert "\nerror  gone: no such file\n" in told.out


def test_what_is_right_exits_with_0_and_what_is_not_exact_fails_strictly(run, folder):
    assert run("check", "right.yaml").status == 0
    (folder / "right.yaml").write_text(RIGHT.replace("0.8808", "0.8807"))
    assert run("check", "right.yaml").status == 0
    assert run("check", "right.yaml", "--strict").status == 1


def test_json_has_the_keys_of_the_contract(run):
    (case,) = json.loads(run("check", "unscaled.yaml", "-f", "json").out)["cases"]
    assert (case["name"], case["verdict"]) == ("unscaled", "wrong")
    assert {key: case["checks"][0][key] for key in ("what", "verdict", "decimals", "at", "expected")} == {
        "what": "weights",
        "verdict": "wrong",
        "decimals": 4,
        "at": [0, 0],
        "expected": 0.8808,
    }
    assert case["checks"][0]["computed"] == pytest.approx(0.80442968)
    assert case["checks"][0]["max_error"] == pytest.approx(0.8808 - 0.80442968)
    (found,) = case["diagnosis"]
    assert (found["slip"], found["also"]) == ("unscaled", ["variant-dot", "as-keras-attention"])
    assert (found["verdict"], found["explains"]) == ("exact", ["weights", "output"])


def test_junit_is_well_formed_and_counts(run, folder):
    (folder / "odd <&>.yaml").write_text("title: '<\x85&'\nqueries: [[1]]\nexpected: {lse: [1]}\n")
    assert run("check", ".", "--junit", "report.xml", "-q").status == 2
    suite = ElementTree.parse(folder / "report.xml").getroot()[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert [case.get("name") for case in suite] == ["odd <&>", "right", "unscaled"]
    assert suite[2][0].get("message") == "wrong: unscaled"
    told = run("check", "right.yaml", "--junit", "report.xml")
    assert told.status == 2
    assert "report.xml" in told.err


@pytest.mark.parametrize("name", ["right.yaml", "unscaled.yaml", "broken.yaml"])
def test_a_report_never_takes_the_place_of_a_problem(run, folder, name):
    (folder / "broken.yaml").write_text("queries: [[1, a]]\n")
    before = (folder / name).read_bytes()
    told = run("check", "right.yaml", "broken.yaml", "unscaled.yaml", "--junit", name, "--force")
    assert (told.status, told.out) == (2, "")
    assert told.err == f"error: --junit: {name} is an input and would be overwritten\nhint: name another file\n"
    assert (folder / name).read_bytes() == before


def test_expected_numbers_in_a_file_of_their_own(run, folder):
    (folder / "plain.yaml").write_text(GOOD)
    (folder / "output.csv").write_text("1.2384,2.2384\n")
    assert run("check", "plain.yaml", "--expect-output", "output.csv").status == 0
    assert run("check", "plain.yaml", "--expect-output", "1.24 2.25", "-q").status == 0
    assert run("check", "plain.yaml", "--expect-output", "1.24 2.26").status == 1
    assert run("check", "plain.yaml", "--expect-output", "1.24 2.26", "--atol", "0.1").status == 0
    assert "nothing is expected" in run("check", "plain.yaml").err


DUMPS = {
    "output": ("q", "k", "v", "output"),
    "out": ("query_states", "key_states", "value_states", "out"),
    "attn_output": ("query_layer", "key_layer", "value_layer", "attn_output"),
}


@pytest.mark.parametrize("names", DUMPS.values(), ids=DUMPS)
def test_a_dump_of_a_kernel_holds_its_output_beside_its_inputs(run, names):
    given = np.random.default_rng(2).normal(size=(3, 4, 2))
    np.savez("dump.npz", **dict(zip(names, [*given, attend(*given).output], strict=True)))
    asked = run("check", "dump.npz")
    assert asked.err == (
        "error: dump.npz: nothing is expected, so there is nothing to check\n"
        f"hint: --expect-output dump.npz:{names[-1]}\n"
    )
    for source in (f"dump.npz:{names[-1]}", "dump.npz"):
        told = run("check", "dump.npz", "--expect-output", source)
        assert (told.status, told.err) == (0, "")
    assert f"note: dump.npz: left out, not part of a problem: {names[-1]}\n" in run("run", "dump.npz").err


def test_options_are_laid_over_the_file(run):
    assert run("check", "unscaled.yaml", "-a", "dot").status == 0


def test_lines_fit_into_80_columns_and_are_ascii_where_asked(run):
    told = run("check", "unscaled.yaml", "--ascii").out
    assert told.isascii()
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--atol", "-1"], "error: --atol: -1 is below 0\n"),
        (["--rtol", "nan"], "error: --rtol: 'nan' is not a finite number\n"),
        (["-f", "jsno"], "error: --format: 'jsno' is not a format for verdicts\nhint: did you mean 'json'?\n"),
        (["--as", "tarch"], "error: --as: 'tarch' is not a system\nhint: did you mean 'torch'?\n"),
    ],
    ids=["a negative tolerance", "a tolerance that is no number", "an unknown format", "an unknown system"],
)
def test_what_cannot_be_meant_is_an_error(run, words, message):
    assert run("check", "right.yaml", *words) == (2, "", message)


def test_a_fraction_among_decimals_is_reported_in_their_unit(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "queries: [[1, 0], [0, 1]]\nkeys: [[1, 0], [0, 1]]\ncausal: true\n"
        'expected: {weights: [[0.67, "1/3"], [0.33, 0.67]]}\n'
    )
    ran = run("check", path)
    assert (ran.status, ran.err) == (1, "")
    assert "says 1/3, the right number is 0.0000" in ran.out
    assert "off by 33.3 units of the last digit; only row 0" in ran.out


def test_no_cell_is_the_worst_where_none_differs(run):
    ran = run("check", "[[2]]", "[[3]]", "[[1]]", "--expect-raw-scores", "6", "--expect-output", "1")
    assert "worst" not in ran.out
    assert ran.out.startswith("exact")
