"""The shell completes the values of options, and each list is the one that the command takes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from attncli.cli import completion
from attncli.explain import page
from attncli.inputs.request import FACT_NAMES, GRADIENT_NAMES, INPUT_NAMES, RESULT_NAMES
from attncli.render.explain import formats
from attncli.render.result.documents import RENDERERS


def test_the_lists_are_those_of_the_commands() -> None:
    assert completion.STEPS == page.STEPS
    assert completion.PAGES == formats.FORMATS
    assert (*INPUT_NAMES, *RESULT_NAMES, *GRADIENT_NAMES, *FACT_NAMES, "all") == completion.SHOWN
    assert set(completion.FORMATS) <= set(RENDERERS)


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
    ],
)
def test_a_value_is_completed(line: str, found: list[str]) -> None:
    words = {"_ATTNCLI_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    code = "from attncli.cli.group import application; application(prog_name='attncli')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **words}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == found
