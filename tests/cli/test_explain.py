"""`attncli explain` as it is typed: what is chosen, what is written, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from explain.board import ROOT

from attncli.cli.main import run_cli as run

BANK = str(ROOT / "examples" / "river_bank.yaml")


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def test_every_query_of_a_small_problem_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", BANK]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.split("\n") if line.startswith("━━")] == ["the", "river", "bank"]
    assert err == ""


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html"])
def test_weights_that_are_not_numbers_are_shown_without_bars(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "1 2", "1 nan; 3 4", "1; 2", "--allow-nonfinite", "-f", format]) == 0
    out = capsys.readouterr().out
    assert "nothing to say about them" in out
    assert "width:nan" not in out


def test_a_page_never_takes_the_place_of_its_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = tmp_path / "bank.yaml"
    problem.write_bytes(Path(BANK).read_bytes())
    assert run(["explain", str(problem), "-f", "text", "-o", str(problem), "--force"]) == 2
    assert f"error: --output: {problem} is an input and would be overwritten\n" in capsys.readouterr().err
    assert problem.read_bytes() == Path(BANK).read_bytes()


def test_words_that_were_said_are_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    run(["explain", BANK])
    out = capsys.readouterr().out
    assert out.count("The exponential makes every score positive") == 1
    assert out.count("Nothing is masked") == 1
    assert out.count("river  k = [1, 0],  v = [  1,   0]") == 1
    assert out.count("4. Turn scores into positive numbers") == 3


@pytest.mark.parametrize("words", [["--query", "bank"], ["--query", "2"], ["--query", "bank", "--query", "2"]])
def test_a_query_is_chosen_by_label_or_number(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", BANK, *words]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.split("\n") if line.startswith("━━")] == ["bank"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--query", "rivr"], "error: --query: no query is called 'rivr'\nhint: did you mean 'river'?\n"),
        (["--query", "3"], "error: --query: there is no query 3: they are numbered 0 to 2\n"),
        (["--query", "-1"], "error: --query: there is no query -1: they are numbered 0 to 2\n"),
        (["--until", "weight"], "error: --until: 'weight' is not a step\nhint: did you mean 'weights'?\n"),
        (["-f", "pdf"], "error: --format: 'pdf' is not a format of explain\n"
         "hint: one of: text, markdown, latex, html, xlsx\n"),
        (["--digits", "40"], "error: --digits: 40 is not between 0 and 17\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", BANK, *words]) == 2
    assert capsys.readouterr().err == error


def test_a_label_of_several_queries_asks_for_a_number(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("labels: {queries: [a, a]}\nqueries: [[1], [2]]\nkeys: [[1]]\n")
    assert run(["explain", str(tmp_path / "p.yaml"), "--query", "a"]) == 2
    assert capsys.readouterr().err == "error: --query: 'a' is the label of several queries\nhint: by number: 0 and 1\n"


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html"])
def test_a_page_goes_to_a_file_whole(format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page"
    assert run(["explain", BANK, "-f", format]) == 0
    page = capsys.readouterr().out
    assert run(["explain", BANK, "-f", format, "-o", str(file)]) == 0
    assert file.read_text(encoding="utf-8") == page
    assert capsys.readouterr() == ("", f"wrote {file}\n")
    assert run(["explain", BANK, "-f", format, "-o", str(file)]) == 2
    assert capsys.readouterr().err == f"error: {file}: exists already\nhint: --force replaces it\n"
    assert run(["explain", BANK, "-f", format, "-o", str(file), "--force"]) == 0


def test_a_large_problem_is_explained_by_its_first_query(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.save(tmp_path / "q.npy", np.eye(40))
    assert run(["explain", str(tmp_path / "q.npy"), str(tmp_path / "q.npy")]) == 0
    out, err = capsys.readouterr()
    assert sum(line.startswith("━━") for line in out.split("\n")) == 1
    assert err == (
        "note: this is the first of 40 queries: --query I chooses another, by number or label, "
        "and --query all works them all out\n"
        "note: of 40 keys the page shows the highest-scoring and those at both ends; every sum is over all\n"
    )


def test_a_query_without_keys_is_reported_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "1 0", "1 0; 0 1", "1; 2", "-m", "0 0"]) == 0
    out, err = capsys.readouterr()
    assert "by convention its weights are 0, and so is its output." in " ".join(out.split())
    assert "The query may attend to no key, so no value reaches its output." in out
    assert err == "warning: query 0 may attend to no key: its weights are 0\n"


def test_many_keys_are_explained_in_a_readable_excerpt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(1)
    for name, shape in {"q": (3, 8), "k": (100_000, 8), "v": (100_000, 4)}.items():
        np.save(tmp_path / f"{name}.npy", random.normal(size=shape))
    files = [str(tmp_path / f"{name}.npy") for name in "qkv"]
    assert run(["explain", *files, "--query", "1"]) == 0
    out = capsys.readouterr().out
    assert len(out.split("\n")) < 250  # at the 80 columns of a pipe
    assert "(99,991 more)" in out
    assert "key 99999" in out
    weights = np.load(tmp_path / "q.npy")[1] @ np.load(tmp_path / "k.npy").T / np.sqrt(8)
    assert f"attends most to key {weights.argmax()}: " in out


def test_many_keys_take_at_most_twice_the_time_of_their_run(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for name, shape in {"q": (1, 64), "k": (100_000, 64), "v": (100_000, 64)}.items():
        np.save(tmp_path / f"{name}.npy", random.normal(size=shape))
    files = [str(tmp_path / f"{name}.npy") for name in "qkv"]

    def seconds(command: str) -> float:
        """Of the processor, which a busy machine does not stretch as it does the clock's."""
        before = os.times()
        subprocess.run([sys.executable, "-m", "attncli", command, *files], check=True, capture_output=True)
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system

    # on a busy machine only the least of several is near what a command needs
    taken = (seconds("explain") / seconds("run") for _ in range(4))
    assert any(ratio <= 2 for ratio in taken)


@pytest.mark.parametrize(
    ("name", "start"),
    [("work.html", "<!DOCTYPE html>"), ("work.TEX", "\\documentclass"), ("work.md", "# "), ("work.txt", "Which bank?")],
)
def test_the_suffix_of_the_file_says_the_format(name: str, start: str, tmp_path: Path) -> None:
    assert run(["explain", BANK, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("work.pdf", "error: --output: explain writes no PDF\nhint: -o work.tex and pdflatex work.tex, or -o work.html "
         "and print it to PDF in a browser\n"),
        ("work.docx", "error: --output: work.docx has no suffix of a page\n"
         "hint: one of: .txt .md .markdown .tex .html .htm .xlsx; or name the format with -f\n"),
    ],
)  # fmt: skip
def test_a_suffix_of_no_page_is_refused(name: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", BANK, "-o", name]) == 2
    assert capsys.readouterr().err == error
    assert not Path(name).exists()


def test_a_page_links_to_the_page_to_play_with_and_both_are_written(run, tmp_path):
    (tmp_path / "games").mkdir()
    work, play = tmp_path / "work.html", tmp_path / "games" / "a b.html"
    ran = run("explain", ROOT / "examples" / "river_bank.yaml", "-o", work, "--play", play)
    assert (ran.status, ran.err) == (0, f"wrote {work}\nwrote {play}\n")
    assert '<a href="games/a%20b.html">Play with it: change a number, and see</a>' in work.read_text("utf-8")
    assert "<title>Which bank? A token asks, another answers</title>" in play.read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "error: --play: only a page for the browser can link to it\nhint: -o work.html\n"),
        (["-o", "{}/work.md"], "error: --play: only a page for the browser can link to it\nhint: -o work.html\n"),
        (
            ["-o", "{}/play.html"],
            "error: --play: it is the file of the worked solution too\nhint: give each a file of its own\n",
        ),
    ],
)
def test_where_no_page_can_link_to_it_a_page_to_play_with_is_refused(run, tmp_path, options, said):
    words = [option.format(tmp_path) for option in options]
    ran = run("explain", ROOT / "examples" / "river_bank.yaml", *words, "--play", tmp_path / "play.html")
    assert (ran.status, ran.out, ran.err) == (2, "", said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["1", "q1", "Q1", "query 1", "query1", "query_1", " 1 "])
def test_a_query_is_named_as_tables_and_pages_name_it(run, word):
    ran = run("explain", "1 0; 0 1", "1 0; 0 1", "1 2; 3 4", "--query", word)
    assert ran.status == 0
    assert "━━ query 1 ━" in ran.out


def test_a_page_is_cut_by_lines_and_query_all_shows_the_rest(run, tmp_path):
    random = np.random.default_rng(0)
    files = []
    for name in "qkv":
        files.append(str(tmp_path / f"{name}.npy"))
        np.save(files[-1], random.normal(size=(8, 64)))
    first, whole = run("explain", *files), run("explain", *files, "--query", "all")
    assert "━━ query 1 ━" not in first.out
    assert "--query all" in first.err
    assert len(first.out.split("\n")) < 300
    assert "━━ query 7 ━" in whole.out
    assert "--query all" not in whole.err


@pytest.mark.parametrize(
    ("pager", "lines", "paged"),
    [
        ("{python} -c 'print(6*7)'", 5, True),
        ("{python} -c 'print(6*7)'", 500, False),
        ("", 5, False),
        ("no-such", 5, False),
    ],
)
def test_a_long_page_goes_through_the_pager_of_a_terminal(monkeypatch, capfd, pager, lines, paged):
    from attncli.cli import output

    monkeypatch.setattr(output, "_is_interactive", lambda: True)
    monkeypatch.setattr(output, "_terminal_lines", lambda: lines)
    monkeypatch.setenv("PAGER", pager.format(python=sys.executable))
    output.page_out("line\n" * 20)
    assert capfd.readouterr().out == ("42\n" if paged else "line\n" * 20)
