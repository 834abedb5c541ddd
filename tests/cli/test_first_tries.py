"""What a newcomer types first, and what it prints: each try answers, or says what to type."""

from __future__ import annotations

import json

import numpy as np
import pytest

Q, K, V = "1 0; 0 1", "1 0; 0 1", "1 2; 3 4"
SHOWN = [
    ("all", ["queries Q", "keys K", "values V", "raw scores", "scores", "weights", "output", "log of the sum"]),
    ("queries,keys,values", ["queries Q", "keys K", "values V"]),
    ("q,K,values", ["queries Q", "keys K", "values V"]),
    ("raw-scores,Weights", ["raw scores", "weights"]),
]


@pytest.mark.parametrize(("names", "titles"), SHOWN)
def test_show_prints_what_goes_in_and_what_comes_out(run, names, titles):
    ran = run("run", Q, K, V, "--show", names)
    assert ran.status == 0
    found = [block.split("\n")[0] for block in ran.out.split("\n\n")[1:]]
    assert [title.partition(" (")[0].removesuffix(" of the exponentials") for title in found] == titles


def test_show_prints_projected_queries(run):
    ran = run("run", "examples/two_heads.yaml", "--show", "queries", "--format", "json")
    assert ran.status == 0
    assert '"queries": [\n    [\n      [2.0, 0.0],' in ran.out


def test_show_all_without_values_leaves_output_out(run):
    ran = run("run", Q, K, "--show", "all")
    assert ran.status == 0
    assert "values" not in ran.out
    assert run("run", Q, K, "--show", "values").err == (
        "error: --show: no values were given\nhint: give V, or --show weights\n"
    )


HINTS = [
    # what is typed, what stands on standard error, in part
    ("calculate", "hint: attncli run\n"),
    ("steps", "hint: attncli explain\n"),
    ("verify", "hint: attncli check\n"),
    ("example", "hint: attncli demo\n"),
    ("list", "hint: attncli variants\n"),
    ("worksheet", "hint: attncli exercise\n"),
    ("explian", "hint: did you mean 'explain'?\n"),
    ("zzz", "hint: one of: run, explain, compare, check, batch, play, exercise, demo, variants\n"),
    ("demo --steps", "no such option: --steps\nhint: attncli explain shows every step\n"),
    ("demo --explain", "hint: attncli explain shows every step\n"),
    ("demo --color", "hint: FORCE_COLOR=1 attncli demo …\n"),
    ("demo --no-color", "hint: --ascii, or NO_COLOR=1 attncli demo …\n"),
    ("explain demo --queries 0", "hint: --query for one query to explain; Q itself is an argument\n"),
    ("run --q q.csv", "hint: attncli run q.csv k.csv v.csv: no options\n"),
    ("demo --json", "hint: -f json\n"),
    ("demo --tex", "hint: -f latex\n"),
    ("demo --md", "hint: -f markdown\n"),
    ("demo --precision 3", "hint: --digits N\n"),
    ("demo --temperature 2", "hint: --scale S, which is one over the temperature\n"),
    ("demo --kernel laplace", "hint: --variant NAME, of attncli variants\n"),
    ("demo --is-causal", "hint: --causal\n"),
    ("demo --num-heads 2", "hint: --heads H[/KV]\n"),
    ("demo --num_kv_heads 2", "hint: --heads H/KV, as in 8/2\n"),
    ("demo --sliding-window 4", "hint: --window L,R, as in 3,0 for a query's own position and 3 keys before it\n"),
    ("demo --softmax-scale 4", "hint: --scale EXPR\n"),
    ("demo --rope-theta 4", "hint: --rope-base NUMBER\n"),
    ("demo --cache-seqlens 4", "hint: --key-lengths SOURCE\n"),
    ("demo --no-scale", "hint: --scale 1\n"),
    ("demo --attn-mask m.csv", "hint: --mask MATRIX, with 1 where a query may attend"),
    ("demo --padding-mask m.csv", "hint: --mask MATRIX, with 1 where a query may attend"),
    ("demo --tokens a,b", "hint: in a problem file, labels: {queries: […], keys: […]}\n"),
    ("demo --no-causal", "hint: causal: false in the problem file, or leave out --causal\n"),
    ("demo --autoregressive", "hint: --causal\n"),
    ("demo --out o.csv", "hint: -o FILE\n"),
    ("demo --overwrite", "hint: --force\n"),
    ("demo --sacle 1", "hint: did you mean --scale?\n"),
    ("demo --xyzzy", "error: attncli demo: no such option: --xyzzy\n"),
    ("demo --mask causal", "error: --mask: it is a matrix; the causal one has an option of its own\nhint: --causal\n"),
    ("demo -a lapalce", "hint: did you mean 'laplace'?\n"),
    ("explain problem.yaml", "hint: to start from an example: attncli demo --yaml > problem.yaml\n"),
    ("run problem.yaml", "hint: to start from an example: attncli demo --yaml > problem.yaml\n"),
    ("run nowhere/problem.yml", "hint: to start from an example: attncli demo --yaml > problem.yml\n"),
    ("run ./problem.yml", "hint: to start from an example: attncli demo --yaml > ./problem.yml\n"),
    ("explain", "error: attncli explain: missing argument"),
    ("demo --query 0", "hint: attncli explain … --query\n"),
    ("demo --softmax", "hint: --normalizer NAME\n"),
    ("demo --stats", "hint: --show stats\n"),
    ("demo --all", "hint: --show all\n"),
    ("explain demo --all", "hint: --query all\n"),
    ("check demo --expect o.csv", "hint: --expect-output\n"),
    ("demo --expect o.csv", "hint: attncli check … --expect-output\n"),
    ("demo --layout bnhd", "hint: did you mean 'heads-last'?\n"),
    ("demo --layout dnb", "hint: heads-first: (batch, heads, n, d); heads-last: (batch, n, heads, d)\n"),
    ("demo --as huggingface", "hint: did you mean 'transformers'?\n"),
    ("demo --dtype torch.float16", "hint: did you mean 'float16'?\n"),
    ("demo --rope", "hint: --rope half or interleaved\n"),
    ("demo --show gradients", "hint: one by one, with --grad SOURCE: --show d_queries,d_keys,d_values\n"),
    ("demo --show gradients --grad ones", "error: --show: 'gradients' is not a result\n"),
    ("play demo", "hint: -o play.html\n"),
    ("play demo -o play.pdf", "error: --output: play.pdf does not end in .html, and a page to play with is HTML\n"),
    ("explain demo -o w.html --play play.png", "hint: --play play.html\n"),
]


@pytest.mark.parametrize(("words", "said"), HINTS, ids=[words for words, _ in HINTS])
def test_another_word_is_refused_with_what_to_type(run, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    ran = run(*words.split())
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_word_that_is_like_no_option_gets_no_guess(run):
    assert run("demo", "--foo") == (2, "", "error: attncli demo: no such option: --foo\n")


FILES = [
    ("run problem.yaml v.csv",
     "error: problem.yaml: is a problem, which has its own keys, and another source follows it\n"
     "hint: give the problem only; or problem.yaml:NAME for one array of it\n"),
    ("explain problem.yaml v.csv v.csv", "is a problem, which has its own keys"),
    ("run queries.csv v.csv", "error: queries.csv: no such file\n"),
    ("run v2.csv v.csv", "error: v2.csv: no such file\nhint: did you mean v.csv?\n"),
    ("check problem.yaml hand/", "hint: if these are answers to a problem: --expect-output hand/\n"),
    ("check problem.yaml hand/*.csv", "hint: --expect-output hand/ takes each file in it\n"),
    ("check problem.yaml --expect-weights hand/*.csv", "hint: --expect-weights hand/ takes each file in it\n"),
    ("run *.csv v.csv", "hint: leave out the quotes, so that the shell lists the files\n"),
    ("run expects.yaml", "hint: put it under expected:, as in expected: {weights: […]}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), FILES, ids=[words for words, _ in FILES])
def test_files_in_the_wrong_place_are_refused_with_where_they_go(run, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hand").mkdir()
    for name in ("v.csv", "grades.csv", "hand/ben.csv"):
        (tmp_path / name).write_text("1,2\n3,4\n")
    (tmp_path / "problem.yaml").write_text("queries: [[1, 0]]\nkeys: [[1, 0], [0, 1]]\nvalues: [[1], [2]]\n")
    (tmp_path / "expects.yaml").write_text("queries: [[1, 0]]\nkeys: [[1, 0]]\nweights: [[1]]\n")
    ran = run(*words.split())
    assert ran.status == 2
    assert said in ran.err
    assert "did you mean" not in ran.err or "did you mean" in said


def test_one_array_of_a_problem_is_taken_by_its_name(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text("queries: [[1, 0]]\nkeys: [[1, 0], [0, 1]]\n")
    assert run("run", "p.yaml:queries", "1 0; 0 1").status == 0
    assert run("run", "p.yaml", "p.yaml", "1; 2").status == 0


ANSWERS = [
    (["help"], "Attention, computed from matrices"),
    (["help", "run"], "Compute attention; print its tables"),
    (["version"], "attncli "),
    (["-V"], "attncli "),
    ([Q, K, V], "output (2 × 2)"),
    (["[[1, 0]]", "[[1, 0]]"], "weights (1 × 1"),
    (["run", "demo"], "Which bank?"),
    (["explain", "demo"], "━━ bank ━"),
    (["compare", "demo"], "uniform"),
    (["demo", "-a", "Laplace"], "laplace attention"),
    (["demo", "-a", "DOT"], "dot attention"),
    (["demo", "-f", "tex"], r"\begin{bmatrix}"),
    (["demo", "-f", "md"], "| the |"),
    (["demo", "-f", "JSON"], '"variant": "scaled"'),
    (["explain", "demo", "-f", "tex"], r"\documentclass"),
    (["explain", "demo", "-f", "md"], "# Which bank?"),
    (["explain", "demo", "--query", "q2"], "━━ bank ━"),
    (["explain", "demo", "--query", "query 2"], "━━ bank ━"),
    (["demo", "--scale", "1/dk"], "softmax(QKᵀ/d_k)V, d_k = 2"),
    (["demo", "--scale", "0.5"], "softmax(QKᵀ · 0.5)V"),
    (["demo", "--show", "all"], "queries Q"),
]


@pytest.mark.parametrize(("words", "said"), ANSWERS, ids=[" ".join(words) for words, _ in ANSWERS])
def test_a_first_try_is_answered(run, words, said):
    ran = run(*words)
    assert (ran.status, said in ran.out) == (0, True)


def test_sources_without_a_command_are_run_and_a_note_says_so(run):
    assert run(Q, K, V).err == "note: read as attncli run …\n"


@pytest.mark.parametrize(
    "words",
    [
        ("check", "demo", "-q"),
        ("check", "p.json", "answer.csv", "-q"),  # beside expected weights of the problem's own
        ("check", "dump.npz", "--expect-output", "answer.csv", "-q"),  # which holds more than a problem
        ("run", "demo", "-q", "-o", "/dev/null"),
        ("p.json", "-q", "-o", "/dev/null"),
    ],
    ids=" ".join,
)
def test_a_quiet_command_prints_no_note(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    problem = {"q": [[1]], "k": [[1]], "v": [[5]]}
    (tmp_path / "p.json").write_text(json.dumps({**problem, "expected": {"weights": [[1]]}}))
    np.savez(tmp_path / "dump.npz", **problem, hidden=[[1]])
    (tmp_path / "answer.csv").write_text("5\n")
    loud = run(*(word for word in words if word != "-q"))
    quiet = run(*words)
    assert (loud.status, "note: " in loud.err) == (0, True)
    assert (quiet.status, quiet.out, "note: " in quiet.err) == (0, "", False)


def test_the_built_in_problem_says_how_to_start_with_ones_own(run):
    assert run("explain", "demo").err == (
        "note: the built-in problem; for yours: attncli demo --yaml > problem.yaml, or q.csv k.csv v.csv\n"
    )


def test_a_person_who_gives_no_problem_gets_the_built_in_one(run, monkeypatch):
    from attncli.cli import group

    monkeypatch.setattr(group, "is_conversation", lambda: True)
    assert "Which bank?" in run("explain").out
    assert "Which bank?" in run("compare", "--variants", "dot,scaled").out
    assert run("check").out.startswith("exact  demo\n")


def test_without_values_a_note_says_that_there_are_weights_only(run):
    assert run("run", Q, K).err == "note: no values given: weights only\n"
    assert run("run", Q, K, "--show", "weights").err == ""
    assert run("run", Q, K, "-f", "csv").err == ""


@pytest.mark.parametrize("words", [("explain", Q, K, V), ("compare", Q, K, V, "--variants", "dot,scaled")])
def test_a_person_who_gives_a_problem_gets_no_other(run, monkeypatch, words):
    from attncli.cli import group

    expected = run(*words)
    monkeypatch.setattr(group, "is_conversation", lambda: True)
    assert run(*words) == expected
    assert expected.status == 0


def test_a_stage_that_may_stand_without_a_value_does_before_another_option(run):
    assert run("run", Q, K, V, "--alibi", "--causal").status == 0
    assert run("run", "--alibi", "[[1, 0], [0, 1]]", K, V).status == 0


def test_a_printed_list_is_the_value_of_a_stage_that_may_stand_without_one(run):
    due = run("run", Q, K, V, "--alibi", "0.5")
    for slopes in ("[0.5]", "tensor([0.5])", "array([0.5], dtype=float32)"):
        assert run("run", Q, K, V, "--alibi", slopes) == due


COMMANDS = ["run", "explain", "compare", "check", "batch", "play", "exercise", "demo", "variants"]


@pytest.mark.parametrize("command", [*([name, option] for name in COMMANDS for option in ("-h", "--help")), ["help"],
                                     ["help", "calculation"]], ids=" ".join)  # fmt: skip
def test_help_fits_78_columns(run, command):
    ran = run(*command)
    assert (ran.status, ran.err) == (0, "")
    assert max(map(len, ran.out.split("\n"))) <= 78
    assert "attncli" in ran.out


def test_short_help_is_an_option_of_a_command_whose_options_were_listed_before(run, monkeypatch):
    from attncli.cli import group

    monkeypatch.setattr(group, "build_command", group.build_command.__wrapped__)
    command = group.build_command("run")
    monkeypatch.setattr(group, "build_command", lambda _: command)
    assert run("help", "calculation").status == 0
    assert run("run", "-h").status == 0


@pytest.mark.parametrize("command", ["run", "explain", "compare", "check", "demo"])
def test_short_help_leaves_the_calculation_to_a_page_of_its_own(run, command):
    short, whole, calculation = run(command, "-h").out, run(command, "--help").out, run("help", "calculation").out
    assert "--length-scale" not in short
    assert f"Every option: attncli {command} --help\nThe calculation's: attncli help calculation\n" in short
    for option in ("--length-scale", "--causal", "--mask"):
        assert option in whole
        assert option in calculation


@pytest.mark.parametrize(
    ("words", "notes"),
    [
        ("q.csv k.csv v.csv", ""),
        ("k.csv q.csv v.csv", "note: the queries come from k.csv: the order is Q, K, V\n"
                              "note: the keys come from q.csv: the order is Q, K, V\n"),
        ("q.csv v.csv k.csv", "note: the keys come from v.csv: the order is Q, K, V\n"
                              "note: the values come from k.csv: the order is Q, K, V\n"),
        ("q.csv q.csv v.csv", ""),
        ("x.csv x.csv x.csv", ""),
        ("values.csv k.csv x.csv", "note: the queries come from values.csv: the order is Q, K, V\n"),
    ],
)  # fmt: skip
def test_files_in_another_order_than_their_names_get_a_note(run, monkeypatch, tmp_path, words, notes):
    monkeypatch.chdir(tmp_path)
    for name in words.split():
        (tmp_path / name).write_text("1,2\n3,4\n")
    ran = run("run", *words.split())
    assert (ran.status, ran.err) == (0, notes)
