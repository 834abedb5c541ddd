"""`attncli run` as its users type it: sources, tables, formats, files, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

CAR = """\
Is this a car?
scaled attention: softmax(QKᵀ/√d_k)V, √d_k ≈ 2.82843
queries 1 × 8, keys 8 × 8, values 8 × 1
"""
IDENTITY = ("1 0; 0 1", "1 0; 0 1", "1 2; 3 4")


@pytest.fixture
def example(pytestconfig: pytest.Config):
    return lambda name: str(pytestconfig.rootpath / "examples" / name)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_numbers_typed_on_the_command_line_give_two_tables(run):
    ran = run("run", *IDENTITY)
    assert ran == (
        0,
        """\
scaled attention: softmax(QKᵀ/√d_k)V, √d_k ≈ 1.41421
queries 2 × 2, keys 2 × 2, values 2 × 2

weights (2 × 2, queries × keys; * the largest of its row)
          k0        k1         Σ
────────────────────────────────
q0   0.6698*    0.3302    1.0000
q1    0.3302   0.6698*    1.0000

output (2 × 2)
         c0       c1
────────────────────
q0   1.6605   2.6605
q1   2.3395   3.3395
""",
        "",
    )


def test_three_csv_files_give_the_same_as_their_folder(run, example):
    names = [example(f"animals/{letter}.csv") for letter in "qkv"]
    assert run("run", *names) == run("run", example("animals"))


def test_a_problem_file_is_headed_by_its_title_and_what_was_computed(run, example):
    assert run("run", example("car.yaml")).out.startswith(CAR)


@pytest.mark.parametrize(
    ("options", "output"),
    [
        ([], 0.512328688216),
        (["-a", "dot"], 0.627149297819),
        (["--scale", "1/dk"], 0.448390983491),
        (["-a", "laplace"], 0.654109765716),
    ],
    ids=["scaled", "dot", "as the question writes it", "laplace"],
)
def test_the_car_has_its_published_output(run, example, options, output):
    told = json.loads(run("run", example("car.yaml"), *options, "-f", "json").out)
    assert told["output"] == [[pytest.approx(output, abs=5e-13)]]


def test_a_leading_minus_is_a_number_and_not_an_option(run):
    ran = run("run", "-1 0; 0 1", "-1 0; 0 1", "-.5 2; 3 -4", "-f", "csv")
    assert ran.status == 0
    assert ran.err == ""


def test_one_source_of_the_three_may_be_standard_input(process):
    ran = process("run", "-", "1 0; 0 1", "1 2; 3 4", "-f", "csv", input=b"1,0\n0,1\n")
    assert ran.status == 0
    assert ran.out.splitlines()[0].startswith("1.66")


def test_standard_input_is_read_once(process):
    ran = process("run", "-", "-", input=b"1,0\n")
    assert ran.status == 2
    assert ran.err == (
        "error: standard input: can be read only once: queries took it before keys\nhint: save one of them to a file\n"
    )


def test_the_demo_is_a_problem_file_that_can_be_started_from(run):
    Path("mine.yaml").write_text(run("demo", "--yaml").out)
    assert run("run", "mine.yaml") == run("demo")


def test_the_demo_is_the_river_bank_of_the_examples(run, example):
    assert run("demo", "--yaml").out == Path(example("river_bank.yaml")).read_text()


def test_a_masked_cell_looks_different_from_a_small_one(run):
    out = run("run", "100", "1; 0; 0", "-m", "1 1 0").out
    row = next(line for line in out.splitlines() if line.startswith("q0"))
    assert row.split() == ["q0", "1.0000*", "3.7e-44", "·", "1.0000"]


def test_no_key_to_attend_to_is_a_warning(run):
    ran = run("run", "1 2", "1 2; 3 4", "5; 6", "-m", "0 0")
    assert ran.status == 0
    assert ran.err == "warning: query 0 may attend to no key: its weights are 0\n"
    assert "q0   0.0000" in ran.out


def test_labels_are_never_read_as_markup(run):
    Path("p.yaml").write_text(
        "labels: {queries: ['[bold]', ':cat:'], keys: ['[/INST]', '[red]x[/red]']}\n"
        "queries: [[1, 0], [0, 1]]\nkeys: [[1, 0], [0, 1]]\n"
    )
    out = run("run", "p.yaml").out
    assert all(label in out for label in ("[bold]", ":cat:", "[/INST]", "[red]x[/red]"))


def test_a_label_cannot_steer_the_terminal(run):
    Path("p.yaml").write_text('labels: {keys: ["\\e[31mred\\a"]}\nqueries: [[1]]\nkeys: [[1]]\n')
    out = run("run", "p.yaml").out
    assert "\x1b" not in out
    assert r"\x1b[31mred\x07" in out


@pytest.mark.parametrize("show", ["raw_scores", "scores", "weights", "output", "lse"])
def test_each_result_can_be_shown_alone(run, show):
    told = json.loads(run("run", *IDENTITY, "--show", show, "-f", "json").out)
    assert set(told) == {"variant", "scale", "shapes", "conventions", "warnings", show}


def test_json_says_null_for_what_it_cannot_say(run):
    told = json.loads(run("run", "1 2", "1 2; 3 4", "-m", "1 0", "--show", "scores,lse", "-f", "json").out)
    assert told["scores"][0][1] is None
    assert told["conventions"] == {"mask": "1 = may attend, 0 = masked"}


def test_yaml_says_what_json_says(run):
    command = ("run", *IDENTITY, "--causal", "-f")
    assert yaml.safe_load(run(*command, "yaml").out) == json.loads(run(*command, "json").out)


def test_csv_prints_the_output_in_full_precision(run):
    text = run("run", *IDENTITY, "-f", "csv").out
    expected = [[1.6604769013466862, 2.6604769013466862], [2.3395230986533138, 3.3395230986533138]]
    assert [[float(cell) for cell in line.split(",")] for line in text.splitlines()] == expected


def test_csv_of_two_results_is_an_error(run):
    assert run("run", *IDENTITY, "-f", "csv", "--show", "weights,output") == (
        2,
        "",
        "error: --format: csv holds one matrix, and weights and output are asked for\nhint: --show output\n",
    )


@pytest.mark.parametrize(
    "option", [("--digits", "18"), ("-f", "csv", "--show", "weights,output"), ("-f", "xml"), ("-m", "0.5 1; 1 1")]
)
def test_what_cannot_be_shown_is_refused_before_a_file_is_written(run, here, option):
    assert run("run", *IDENTITY, "-o", "out.csv", *option).status == 2
    assert list(here.iterdir()) == []


def test_digits_are_decimals_shown_and_never_written(run):
    ran = run("run", *IDENTITY, "--digits", "2", "-o", "out.csv")
    assert "0.67*" in ran.out
    assert (
        Path("out.csv").read_text() == "1.6604769013466862,2.6604769013466862\n2.3395230986533138,3.3395230986533138\n"
    )


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "yaml", "json", "npy", "npz", "tex"])
def test_what_was_written_reads_back_to_the_same_bits(run, suffix):
    rng = np.random.default_rng(7)
    for name in "qkv":
        np.save(f"{name}.npy", rng.standard_normal((5, 4)))
    assert run("run", "q.npy", "k.npy", "v.npy", "-q", "-w", f"w.{suffix}").status == 0
    assert run("run", "q.npy", "k.npy", "v.npy", "-q", "-w", "again.npy").status == 0
    run("run", f"w.{suffix}", f"w.{suffix}", "-q", "-s", "from_file.npy")
    run("run", "again.npy", "again.npy", "-q", "-s", "from_bits.npy")
    assert Path("from_file.npy").read_bytes() == Path("from_bits.npy").read_bytes()


def test_several_results_go_into_one_container(run):
    ran = run("run", *IDENTITY, "-o", "all.npz", "-w", "all.npz", "--lse", "all.npz", "-q")
    assert ran == (0, "", "wrote all.npz: output 2 × 2, weights 2 × 2, lse 2\n")
    with np.load("all.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {"output": (2, 2), "weights": (2, 2), "lse": (2,)}


def test_two_results_do_not_fit_into_one_csv(run):
    ran = run("run", *IDENTITY, "-o", "all.csv", "-w", "./all.csv")
    assert ran.status == 2
    assert ran.err == (
        "error: --weights: ./all.csv holds one matrix, and output and weights go there\n"
        "hint: give each its own file, or use .npz, .yaml, .json or .safetensors\n"
    )
    assert not Path("all.csv").exists()


def test_an_existing_file_is_refused_before_anything_is_computed_or_shown(run):
    Path("out.csv").write_text("mine")
    ran = run("run", *IDENTITY, "-o", "out.csv")
    assert ran == (2, "", "error: out.csv: exists already\nhint: --force replaces it\n")
    assert Path("out.csv").read_text() == "mine"
    assert run("run", *IDENTITY, "-o", "out.csv", "--force").status == 0
    assert Path("out.csv").read_text() != "mine"


def test_an_error_leaves_nothing_written(run, here):
    ran = run("run", "1 2", "1 2 3", "-w", "w.npy")
    assert ran.status == 2
    assert list(here.iterdir()) == []


def test_dev_null_stays_a_device(process):
    assert process("run", *IDENTITY, "-q", "-o", "/dev/null").status == 0
    assert not Path("/dev/null").is_file()


def test_float16_results_stay_float16_in_files(run):
    for name in "qk":
        np.save(f"{name}.npy", np.eye(2, dtype=np.float16))
    run("run", "q.npy", "k.npy", "-q", "-w", "w.npy")
    assert np.load("w.npy").dtype == np.float16


def test_a_large_matrix_shows_its_edges_and_says_what_is_left_out(run):
    np.save("q.npy", np.zeros((100, 2)))
    out = run("run", "q.npy", "q.npy", "--show", "weights").out
    assert "weights (100 × 100, queries × keys; * the largest of its row; 84 of 100 rows" in out
    assert "…" in out
    assert len(out.splitlines()) < 30
    whole = run("run", "q.npy", "q.npy", "--show", "weights", "--full").out
    assert len(whole.splitlines()) == 106
    assert "…" not in whole


def test_ascii_has_no_other_character(run, example):
    for arguments in (("run", example("two_heads.yaml")), ("run", example("laplace_regression.yaml")), ("variants",)):
        assert run(*arguments, "--ascii").out.isascii()


def test_no_digit_is_cut_off_where_nobody_looks_at_a_terminal(run):
    np.save("q.npy", np.random.default_rng(0).standard_normal((3, 2)))
    np.save("k.npy", np.random.default_rng(1).standard_normal((16, 2)))
    out = run("run", "q.npy", "k.npy", "--digits", "15").out
    row = next(line for line in out.splitlines() if line.startswith("q0"))
    assert len(re.findall(r"\d\.\d{15}", row)) == 17


WRITABLE = "one of: .csv .tsv .txt .yaml .yml .json .npy .npz .tex .safetensors"
USAGE_ERRORS = {
    "no source": ("run", "attncli run: missing argument 'Q K [V] | PROBLEM'", "attncli run --help"),
    "a mistyped command": ("rnu a", "attncli: 'rnu' is not a command", "did you mean 'run'?"),
    "a missing file": ("run q.csv k.csv", "q.csv: no such file", None),
    "a mistyped variant": ("run 1 1 -a scalde", "--variant: 'scalde' is not a variant", "did you mean 'scaled'?"),
    "a mistyped option": ("run 1 1 --sacle 1", "attncli run: no such option: --sacle", "did you mean --scale?"),
    "a mistyped result": ("run 1 1 --show wieghts", "--show: 'wieghts' is not a result", "did you mean 'weights'?"),
    "an output without values shown": (
        "run 1 1 --show output",
        "--show: there is no output without values",
        "give V, or --show weights",
    ),
    "an output without values written": (
        "run 1 1 -o o.csv",
        "--output: there is no output without values",
        "give V, or -w FILE for the weights",
    ),
    "an unknown suffix": ("run 1 1 -w w.xyz", "--weights: w.xyz has no known suffix", WRITABLE),
    "standard output": (
        "run 1 1 -w -",
        "--weights: '-' is not a file",
        "-f csv prints the output, and --show NAME another result",
    ),
    "no suffix": ("run 1 1 -w w", "--weights: w has no suffix to tell the format", WRITABLE),
    "a mistyped format": ("run 1 1 -f jsno", "--format: 'jsno' is not a format", "did you mean 'json'?"),
    "negative digits": ("run 1 1 --digits -1", "--digits: -1 is not between 0 and 17", None),
    "an unknown engine": ("run 1 1 --engine gpu", "--engine: 'gpu' is not an engine", "one of: auto, numpy, numba"),
    "too many sources": (
        "run 1 1 1 1",
        "attncli run: 4 sources, and Q, K and V are three",
        "quote numbers that hold spaces: '1 0; 0 1'",
    ),
    "a folder that is not there": (
        "run 1 1 -w no/such/folder/w.csv",
        "no/such/folder/w.csv: there is no folder no/such/folder",
        "mkdir -p no/such/folder",
    ),
}


@pytest.mark.parametrize(("command", "error", "hint"), USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_a_usage_error_says_where_what_and_what_to_type(run, here, command, error, hint):
    ran = run(*command.split())
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines() == [f"error: {error}", *([f"hint: {hint}"] if hint else [])]
    assert list(here.iterdir()) == []


def test_weights_too_many_to_hold_are_streamed_and_their_edges_shown(run):
    rng = np.random.default_rng(3)
    np.save("q.npy", rng.standard_normal((2100, 2), np.float32))
    np.save("k.npy", rng.standard_normal((2100, 2), np.float32))
    ran = run("run", "q.npy", "k.npy", "-w", "w.npy", "--causal")
    assert ran.status == 0
    assert ran.err == "note: no values given: weights only\nwrote w.npy: weights 2100 × 2100\n"
    written = np.load("w.npy")
    assert written.dtype == np.float32
    np.testing.assert_allclose(written.sum(axis=1), 1, rtol=1e-5)
    last = next(line for line in ran.out.splitlines() if line.startswith("q2099"))
    assert last.split()[1].rstrip("*") in (f"{written[-1, 0]:.4f}", f"{written[-1, 0]:.1e}")


def test_a_streamed_file_that_exists_is_refused(run):
    np.save("q.npy", np.zeros((2100, 2), np.float32))
    Path("w.npy").write_text("mine")
    assert run("run", "q.npy", "q.npy", "-q", "-w", "w.npy").status == 2
    assert Path("w.npy").read_text() == "mine"


def test_many_problems_are_for_a_batch(run, example):
    problems = [example(name) for name in ("car.yaml", "causal.yaml", "river_bank.yaml", "gradients.yaml")]
    for command in ("run", "explain"):
        assert run(command, *problems).err == (
            f"error: attncli {command}: 4 sources, and Q, K and V are three\n"
            "hint: many problems: attncli batch FILE… -d DIR\n"
        )


def test_a_fourth_matrix_is_an_option(run):
    for name in ("q.csv", "k.csv", "v.csv", "mask.csv"):
        Path(name).write_text("1,0\n0,1\n")
    assert run("run", "q.csv", "k.csv", "v.csv", "mask.csv").err == (
        "error: attncli run: 4 sources, and Q, K and V are three\nhint: a mask is --mask FILE, and a bias --bias FILE\n"
    )


def test_an_input_is_never_written_over(run, example):
    before = Path(example("car.yaml")).read_text()
    Path("car.yaml").write_text(before)
    Path("link.yaml").symlink_to("car.yaml")
    ran = run("run", "car.yaml", "-q", "-o", "link.yaml", "--force")
    assert ran == (2, "", "error: --output: link.yaml is an input and would be overwritten\nhint: name another file\n")
    assert Path("car.yaml").read_text() == before


def test_heads_beside_an_axis_of_heads_are_distinguished(run):
    np.save("q.npy", np.ones((2, 8, 5, 16)))
    np.save("k.npy", np.ones((2, 2, 9, 16)))
    assert run("run", "q.npy", "k.npy").status == 0
    ran = run("run", "q.npy", "k.npy", "--heads", "8")
    assert ran.err.splitlines()[1] == (
        "hint: --heads splits packed columns: leave it out if the arrays have an axis of heads"
    )


def test_what_is_left_out_between_heads_is_reported_between_them(run):
    np.save("q.npy", np.ones((16, 2, 3)))
    out = run("run", "q.npy", "q.npy", "--show", "weights").out
    assert out.index("weights [2]") < out.index("… 10 more of 16 weights") < out.index("weights [13]")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(
    "words",
    [
        ("run", "q.npy", "q.npy"),
        ("run", "q.npy", "q.npy", "--dtype", "float16"),
        ("run", "q.npy", "q.npy", "--dtype", "float64"),
        ("explain", "q.npy", "q.npy"),
        ("run", "1 2; 3 4", "1 2; 3 4", "--bias", "q.npy"),
    ],
)
def test_a_signalling_nan_is_reported_like_a_quiet_one(run, words, dtype):
    array = np.ones((2, 2), dtype)
    np.save("q.npy", np.where(np.eye(2), np.nan, array).astype(dtype))
    quiet = run(*words)
    exponent = int(array.dtype.type("inf").view(f"u{array.itemsize}"))
    array.view(f"u{array.itemsize}")[[0, 1], [0, 1]] = exponent + 1
    np.save("q.npy", array)
    assert "nan at [0, 0]" in quiet.err
    assert run(*words) == quiet


def test_cosines_of_rows_with_an_infinity_are_not_numbers_and_no_warnings(run):
    ran = run("run", "inf 1; 2 3", "1 2; 3 4", "--variant", "cosine", "--allow-nonfinite")
    assert (ran.status, ran.err) == (0, "note: no values given: weights only\n")


@pytest.mark.parametrize("label", ["=1+1", "+1x", "-x", "@a"])
def test_a_label_that_a_spreadsheet_takes_for_a_formula_is_noted(run, label: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"queries: [[1]]\nkeys: [[1]]\nvalues: [[1]]\nlabels: {{keys: ['{label}']}}\n")
    note = (
        f"note: a spreadsheet takes the label '{label}' for a formula: import it as text, or attncli explain "
        "-o work.xlsx\n"
    )
    assert run("run", path, "-f", "csv").err == note
    assert run("run", path).err == ""
    ran = run("run", path, "-q", "-w", tmp_path / "w.tsv")
    assert ran.err == f"{note}wrote {tmp_path}/w.tsv: weights 1 × 1\n"
    assert run("run", path, "-q", "-w", tmp_path / "w.json").err == f"wrote {tmp_path}/w.json: weights 1 × 1\n"
