"""An option is taken once, and never ignored."""

from __future__ import annotations

import pytest

IDENTITY = ("1 0; 0 1", "1 0; 0 1", "1 2; 3 4")
REPEATED = [
    (("run", *IDENTITY, "-a", "dot", "--variant", "scaled"), "--variant"),
    (("run", *IDENTITY, "--scale", "1", "--scale=1"), "--scale"),
    (("run", *IDENTITY, "--header", "--no-header"), "--header/--no-header"),
    (("run", *IDENTITY, "-m", "1 1", "--mask", "1 0"), "--mask"),
    (("run", *IDENTITY, "-f", "csv", "-fjson"), "--format"),
    (("check", "p.yaml", "--expect-output", "1 2", "--expect-output", "3 4"), "--expect-output"),
    (("explain", *IDENTITY, "--until", "raw", "--until", "exp"), "--until"),
    (("batch", "p.yaml", "-d", "a", "-d", "b"), "--directory"),
]


@pytest.mark.parametrize(("words", "option"), REPEATED, ids=lambda value: value if isinstance(value, str) else value[0])
def test_an_option_given_twice_is_an_error(run, words: tuple[str, ...], option: str) -> None:
    assert run(*words) == (2, "", f"error: {option}: is given twice\nhint: give it once\n")


LISTS = [
    ("compare --variants scaled --variants=dot", "--variants", "--variants scaled,dot"),
    ("compare -a dot -alaplace", "--variant", "--variants dot,laplace"),
    ("run --show weights --show output", "--show", "--show weights,output"),
    ("compare --systems torch --systems jax --systems keras", "--systems", "--systems torch,jax,keras"),
]


@pytest.mark.parametrize(("words", "option", "hint"), LISTS, ids=[words for words, _, _ in LISTS])
def test_an_option_of_a_list_given_twice_is_refused_with_the_list(run, words: str, option: str, hint: str) -> None:
    command, *options = words.split()
    assert run(command, *IDENTITY, *options) == (2, "", f"error: {option}: is given twice\nhint: {hint}\n")


STRAY = [
    ("compare --variants scaled dot", "--variants takes one word, and 'dot' follows it", "--variants scaled,dot"),
    ("compare --variants=scaled, dot rbf --causal", "--variants takes one word", None),
    ("run --show weights raw-scores output", "--show takes one word, and 'raw-scores' follows it",
     "--show weights,raw-scores,output"),
    ("run --causal true", "--causal takes no value, and 'true' follows it", "leave out 'true'"),
    ("run --causal False", "--causal takes no value, and 'False' follows it", "leave out --causal False"),
    ("run -q true", "--quiet takes no value, and 'true' follows it", "leave out 'true'"),
    ("explain --query 0 1", "--query takes one query, and '1' follows it", "--query 0 --query 1"),
    ("explain --query bank river", "--query takes one query, and 'river' follows it", "--query bank --query river"),
    ("compare 1", "4 sources, and Q, K and V are three", "quote numbers that hold spaces: '1 0; 0 1'"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "what", "hint"), STRAY, ids=[words for words, _, _ in STRAY])
def test_a_second_value_behind_an_option_is_refused_with_how_it_is_given(run, words, what, hint) -> None:
    command, *options = words.split()
    ran = run(command, *IDENTITY, *options)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: attncli {command}: {what}")
    assert hint is None or ran.err.endswith(f"\nhint: {hint}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--causal", *IDENTITY),
        ("run", "--show", "weights", *IDENTITY),
        ("compare", "--variants", "dot,scaled", *IDENTITY),
        ("explain", "--query", "0", *IDENTITY),
        ("explain", "--query", "0", "1", "2", "3"),
        ("explain", "1", "2", "--query", "0", "3"),
        ("run", "--show", "weights", "demo"),
        ("run", "1", "--causal", "--", "-1", "3"),
        ("run", "1", "--causal", "-1 ", "3"),
    ],
    ids=lambda words: " ".join(words),
)
def test_sources_may_stand_behind_options(run, words: tuple[str, ...]) -> None:
    assert run(*words).status == 0


def test_a_file_named_like_a_result_is_a_source(run, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "output").write_text("1 0\n0 1\n")
    assert run("run", *IDENTITY[:2], "--show", "weights", "output").status == 0


@pytest.mark.parametrize(
    "words",
    [
        ("run", *IDENTITY, "--causal", "--causal", "-q", "-q", "-o"),
        ("explain", *IDENTITY, "--query", "0", "--query", "1"),
    ],
    ids=["a flag", "an option of several values"],
)
def test_what_may_be_given_twice_is_taken(run, tmp_path, words: tuple[str, ...]) -> None:
    assert run(*words, *([tmp_path / "o.npy"] if words[-1] == "-o" else [])).status == 0


def test_compare_refuses_one_variant(run) -> None:
    assert run("compare", *IDENTITY, "-a", "dot") == (
        2,
        "",
        "error: --variant: compare sets several variants side by side\nhint: --variants dot,scaled\n",
    )
    assert run("compare", *IDENTITY, "-a", "dot", "--systems", "torch").status == 0
