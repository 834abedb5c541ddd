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
    (("compare", *IDENTITY, "--variants", "dot", "--variants", "scaled"), "--variants"),
    (("explain", *IDENTITY, "--until", "raw", "--until", "exp"), "--until"),
    (("batch", "p.yaml", "-d", "a", "-d", "b"), "--directory"),
]


@pytest.mark.parametrize(("words", "option"), REPEATED, ids=lambda value: value if isinstance(value, str) else value[0])
def test_an_option_given_twice_is_an_error(run, words: tuple[str, ...], option: str) -> None:
    assert run(*words) == (2, "", f"error: {option}: is given twice\nhint: give it once\n")


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
