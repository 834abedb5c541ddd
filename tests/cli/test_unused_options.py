"""What a command takes and could not use is refused with a way out; nothing given is ignored."""

from __future__ import annotations

import pytest
import typer

from attncli.cli.group import COMMANDS, Group
from attncli.cli.unused import RULES
from attncli.inputs.settings import SETTINGS

IDENTITY = ("1 0; 0 1", "1 0; 0 1", "1 2; 3 4")
EXPECTED = ("--expect-output", "1 2; 3 4")
REFUSED = [
    (
        ("run", *IDENTITY, "-q"),
        "--quiet",
        "nothing is printed, and no file is written",
        "-o FILE; or leave out --quiet",
    ),
    (("demo", "-q"), "--quiet", "nothing is printed, and no file is written", "-o FILE; or leave out --quiet"),
    (("explain", *IDENTITY, "-q"), "--quiet", "nothing would be printed", "-o FILE"),
    (("compare", *IDENTITY, "-q"), "--quiet", "nothing would be printed", "--plot FILE"),
    *(
        (
            ("run", *IDENTITY, "-f", format, "--digits", "2"),
            "--digits",
            f"{format} holds every digit of its numbers",
            "-f table, markdown or latex; or leave it out",
        )
        for format in ("csv", "tsv", "long", "json", "yaml")
    ),
    (
        ("compare", *IDENTITY, "--digits=2", "-f", "json"),
        "--digits",
        "json holds every digit of its numbers",
        "-f table, markdown or latex; or leave it out",
    ),
    *(
        (words, "--ascii", f"{format} is a document, which holds its text as it is", "leave it out")
        for words, format in [
            (("run", *IDENTITY, "-f", "csv", "--ascii"), "csv"),
            (("explain", *IDENTITY, "-f", "html", "--ascii"), "html"),
            (("explain", *IDENTITY, "-o", "work.tex", "--ascii"), "latex"),
            (("compare", *IDENTITY, "-f", "markdown", "--ascii"), "markdown"),
            (("check", *IDENTITY, *EXPECTED, "-f", "json", "--ascii"), "json"),
            (("variants", "-f", "json", "--ascii"), "json"),
        ]
    ),
    *(
        (
            (*words, "--plot", "-", "-f", format),
            "--plot",
            f"- draws on standard output, where {format} goes",
            "--plot FILE.png; or leave out --format",
        )
        for words, format in [
            (("run", *IDENTITY), "csv"),
            (("demo",), "yaml"),
            (("demo", "-q"), "latex"),
            (("compare", *IDENTITY), "json"),
        ]
    ),
    *(
        (words, "--engine", "numbers are computed in float64 by one engine", "leave it out")
        for words in [
            ("check", *IDENTITY, *EXPECTED, "--engine", "numpy"),
            ("play", *IDENTITY, "-o", "page.html", "--engine", "numba"),
        ]
    ),
    *(
        (words, "--grad", "no gradients are shown here", "run --grad, or explain --backward")
        for words in [("compare", *IDENTITY, "--grad", "ones"), ("play", *IDENTITY, "-o", "p.html", "--grad", "ones")]
    ),
    (("explain", *IDENTITY, "--grad", "ones"), "--grad", "nothing is worked out from it", "add --backward"),
    *(
        (words, "--grad", "no gradient is shown or written", "--show d_queries, or --grads FILE")
        for words in [
            ("run", *IDENTITY, "--grad", "ones", "-f", "csv"),
            ("run", *IDENTITY, "--grad", "ones", "--show", "weights"),
        ]
    ),
    (
        ("compare", *IDENTITY, "--systems", "all", "--as", "torch"),
        "--as",
        "each system has a column of its own",
        "leave out --as, or --systems",
    ),
    (
        ("check", *IDENTITY, *EXPECTED, "--rtol", "1", "--digits", "2"),
        "--digits",
        "a tolerance is given, and digits are another",
        "leave one out",
    ),
    (
        ("check", *IDENTITY, *EXPECTED, "--atol", "1", "--strict"),
        "--strict",
        "accepts no tolerance",
        "leave out --rtol and --atol",
    ),
    (
        ("batch", "x.yaml", "-d", "d", "-j", "2", "--dask", "tcp://127.0.0.1:1"),
        "--jobs",
        "the cluster has workers of its own",
        "leave it out",
    ),
    *(
        (
            words,
            "--from",
            "no source needs it: it is the format of standard input, and of files whose suffix says none",
            "- in the place of the source",
        )
        for words in [
            ("run", *IDENTITY, "--from", "csv"),
            ("demo", "--from", "csv"),
            ("check", "p.yaml", "--from", "csv"),
        ]
    ),
    (("demo", "--yaml", "--causal"), "--yaml", "prints the file as it is", "leave out the other options"),
]


@pytest.mark.parametrize(
    ("words", "option", "what", "hint"), REFUSED, ids=[f"{words[0]} {' '.join(words[-2:])}" for words, *_ in REFUSED]
)
def test_an_option_that_could_not_be_used_is_refused(run, tmp_path, monkeypatch, words, option, what, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text("queries: [[1]]\nkeys: [[1]]")
    assert run(*words) == (2, "", f"error: {option}: {what}\nhint: {hint}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]


def test_every_rule_is_tried():
    tried = {(words[0], option) for words, option, *_ in REFUSED}
    assert {rule.option for rule in RULES} == {option for _, option in tried}
    assert all(any((command, rule.option) in tried for command in rule.commands) for rule in RULES)


def test_every_rule_is_about_an_option_that_its_commands_have():
    group = Group(name="attncli")
    for command in COMMANDS:
        made = group.get_command(None, command)
        options = {option for parameter in made.get_params(typer.Context(made)) for option in parameter.opts}
        missing = [rule.option for rule in RULES if command in rule.commands and rule.option not in options]
        assert not missing, command


def test_an_option_that_is_always_refused_is_in_no_help(run):
    play, check, explain = (run(command, "--help").out for command in ("play", "check", "explain"))
    assert "--grad " not in play
    assert "--engine" not in play + check
    assert "--grad " in explain
    assert "--engine" in explain


USED = [
    ("run", *IDENTITY, "-f", "table", "--plot", "-"),
    ("run", *IDENTITY, "-f", "markdown", "--digits", "2"),
    ("run", *IDENTITY, "--grad", "ones"),
    ("run", *IDENTITY, "--grad", "ones", "--show", "all"),
    ("run", *IDENTITY, "--grad", "ones", "-f", "csv", "--show", "d-keys"),
    ("run", "q.dat", "1 0", "1", "--from", "csv"),
    ("explain", *IDENTITY, "--backward", "--grad", "ones"),
    ("compare", *IDENTITY, "-f", "markdown", "--digits", "2"),
    ("demo", "--yaml"),
]


@pytest.mark.parametrize("words", USED, ids=" ".join)
def test_what_is_used_is_taken(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.dat").write_text("1,0\n")
    ran = run(*words)
    assert (ran.status, ran.err) == (0, "")


def test_an_engine_of_the_environment_is_not_an_option_that_was_given(run, monkeypatch):
    monkeypatch.setenv("ATTNCLI_ENGINE", "numpy")
    assert run("check", *IDENTITY, "--expect-output", "1.66 2.66; 2.34 3.34").status == 0


# each setting where it has no effect at all: an error, or a note that says so
IDLE = {
    "--variant": None, "--scale": ("-a", "uniform", "--scale", "2"), "--length-scale": ("--length-scale", "2"),
    "--mask-means": ("--mask-means", "drop"), "--causal": None, "--align": ("--align", "bottom-right"),
    "--query-offset": ("--query-offset", "1"), "--window": None, "--keep-first": ("--keep-first", "1"),
    "--prefix": ("--prefix", "1"), "--chunk": None, "--alibi": None, "--rope": None,
    "--rope-base": ("--rope-base", "5"), "--rope-dims": ("--rope-dims", "2"), "--rope-scale": ("--rope-scale", "2"),
    "--qk-norm": None, "--softcap": None, "--softcap-after-bias": ("--softcap-after-bias",),
    "--sink": ("--sink", "1", "--normalizer", "none"), "--normalizer": None, "--top-k": None,
    "--dropout": ("--dropout", "0.5"), "--heads": None, "--layout": ("--layout", "heads-last"), "--dtype": None,
    "--as": None, "--allow-nonfinite": None,
}  # fmt: skip


@pytest.mark.parametrize("option", [setting.option for setting in SETTINGS])
def test_a_setting_without_effect_is_reported(run, option):
    if IDLE[option] is not None:
        ran = run("run", *IDENTITY, *IDLE[option])
        assert (option in ran.err) or ran.status == 2, ran.err
        assert "changes nothing" in ran.err or ran.status == 2


@pytest.mark.parametrize(("expected", "is_used"), [("{output: [[1]]}", False), ("{d_values: [[1]]}", True)])
def test_a_gradient_without_expected_gradients_is_noted_by_check_and_batch(run, tmp_path, expected, is_used):
    (tmp_path / "p.yaml").write_text(f"q: [[1, 0]]\nk: [[1, 0]]\nv: [[1]]\nexpected: {expected}\n")
    note = "note: --grad changes nothing: no gradients are expected\n"
    checked = run("check", tmp_path / "p.yaml", "--grad", "ones")
    assert (checked.status, checked.err) == (0, "" if is_used else note)
    ran = run("batch", tmp_path / "p.yaml", "-d", tmp_path / "out", "--grad", "ones", "-j", "1")
    assert ran.status == 0
    assert ran.err.endswith(note) != is_used
    assert note not in run("check", tmp_path / "p.yaml").err
    assert run("check", tmp_path / "p.yaml", "--grad", "ones", "-q").err == ""


@pytest.mark.parametrize(
    ("words", "option", "hint"),
    [
        (("run", *IDENTITY, "-o", ""), "--output", "--output result.csv"),
        (("run", *IDENTITY, "--weights", ""), "--weights", "--weights result.csv"),
        (("explain", *IDENTITY, "-o", ""), "--output", "-o work.html"),
        (("explain", *IDENTITY, "-f", "html", "-o", ""), "--output", "-o work.html"),
        (("play", "{q: [[1]], k: [[1]]}", "-o", ""), "--output", "-o play.html"),
    ],
)
def test_an_empty_name_of_a_file_is_refused_as_that(run, words, option, hint):
    ran = run(*words)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"error: {option}: the name of the file is empty\nhint: {hint}\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.html", "html"), ("x.htm", "html"), ("x.md", "markdown"), ("x.tex", "latex"), ("X.XLSX", "xlsx")],
)
def test_a_page_of_another_format_than_its_suffix_is_refused(run, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    for format, suffix in (("text", ".txt"), ("markdown", ".md"), ("latex", ".tex"), ("html", ".html")):
        ran = run("explain", *IDENTITY, "-f", format, "-o", name, "--force")
        if format == said:
            assert ran.status == 0
            continue
        assert (ran.status, ran.err) == (
            2,
            f"error: --format: {name} is named as {said}, not as {format}\n"
            f"hint: leave out -f, or end the name in {suffix}\n",
        )
    assert run("explain", *IDENTITY, "-f", "latex", "-o", "x.txt").status == 0
    assert "explain writes no PDF" in run("explain", *IDENTITY, "-f", "latex", "-o", "x.pdf").err
