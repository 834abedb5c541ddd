"""The shell completes the values of options, and each list is the one that the command takes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from attncli.batch.options import SAVE_FORMATS
from attncli.cli import completion
from attncli.cli.group import application
from attncli.explain import page
from attncli.formats import BY_NAME as FORMATS
from attncli.inputs.request import FACT_NAMES, GRADIENT_NAMES, INPUT_NAMES, RESULT_NAMES
from attncli.render.check import verdict_renderer
from attncli.render.explain import formats
from attncli.render.result.documents import RENDERERS


def test_the_lists_are_those_of_the_commands() -> None:
    assert completion.STEPS == page.STEPS
    assert completion.PAGES == formats.FORMATS
    assert (*INPUT_NAMES, *RESULT_NAMES, *GRADIENT_NAMES, *FACT_NAMES, "all") == completion.SHOWN
    assert set(completion.FORMATS) <= set(RENDERERS)
    assert all(verdict_renderer(format) for format in completion.VERDICTS)
    assert completion.SAVED == SAVE_FORMATS
    assert tuple(FORMATS) == completion.READ


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("attncli run --show ra", ["raw_scores"]),
        ("attncli run --show weights,o", ["weights,output"]),
        ("attncli run -f m", ["markdown"]),
        ("attncli run --engine n", ["numpy", "numba"]),
        ("attncli explain --until e", ["exp"]),
        ("attncli compare --variants dot,l", ["dot,laplace"]),
        ("attncli compare --systems fl", ["flash-attn"]),
        ("attncli run -a c", ["cosine"]),
        ("attncli check -f m", ["markdown"]),
        ("attncli compare -f j", ["json"]),
        ("attncli variants -f m", ["markdown"]),
        ("attncli run --from sa", ["safetensors"]),
        ("attncli batch --save-format np", ["npz", "npy"]),
        ("attncli explain examples/river_bank.yaml --query b", ["bank"]),
        ("attncli explain examples/gradients.yaml --query 1", ["1"]),
        ("attncli explain missing.yaml --query b", []),
        ("attncli run examples/gradients.yaml:k", ["examples/gradients.yaml:keys"]),
        ("attncli run examples/gradients.yaml : v", ["values"]),
    ],
)
def test_a_value_is_completed(
    line: str, found: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in words_of(line).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        application(prog_name="attncli")
    assert capsys.readouterr().out.split() == found


def words_of(line: str) -> dict[str, str]:
    """What bash sets where the last word of a line is to be completed."""
    return {"_ATTNCLI_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}


def test_the_program_completes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "attncli"],
        env={**os.environ, **words_of("attncli run -a c")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["cosine"]
