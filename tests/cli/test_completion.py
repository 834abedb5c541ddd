"""The shell completes the values of options, and each list is the one that the command takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from attncli.batch.options import SAVE_FORMATS
from attncli.cli import completion
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


COMPLETED = [
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
]
# a process of its own, because lists of options are read once, when the program starts at a shell's request
COMPLETE = """
import contextlib, io, json, os, sys
os.environ["_ATTNCLI_COMPLETE"] = "complete_bash"
from attncli.cli.group import application
for line in json.loads(sys.argv[1]):
    os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        application(prog_name="attncli")
    print(json.dumps(out.getvalue().split()))
"""


def test_values_are_completed() -> None:
    lines = json.dumps([line for line, _ in COMPLETED])
    ran = subprocess.run([sys.executable, "-c", COMPLETE, lines], capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [found for _, found in COMPLETED]


def test_the_program_completes() -> None:
    line = "attncli run -a c"
    words = {"_ATTNCLI_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "attncli"], env={**os.environ, **words}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["cosine"]
