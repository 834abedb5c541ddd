"""What other versions and paths of a system do otherwise: told where it can matter, and only there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attncli import attend
from attncli.problem.asides import APPLIES
from attncli.systems import EMPTY, SYSTEMS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "systems.md").read_text(encoding="utf-8")
ASIDES = [(system.name, aside) for system in SYSTEMS for aside in system.asides]


def notes(system, n=2, m=3, **given):
    notes = attend(np.ones((n, 1)), np.ones((m, 1)), np.ones((m, 1)), system=system, **given).problem.words.notes
    return [note for note in notes if note.startswith("as ")]


@pytest.mark.parametrize(
    ("system", "note", "where", "elsewhere"),
    [
        (
            "onnx", "as onnx: onnxruntime 1.32 lets one query with a past see all new keys",
            {"n": 1, "causal": True, "query_offset": 1},
            [{"n": 1, "causal": True, "query_offset": 2}, {"n": 2, "causal": True, "query_offset": 1}, {"n": 1},
             {"n": 1, "causal": True}],
        ),
        (
            "onnx", "as onnx: until April 2026 the softcap came after bias and mask",
            {"softcap": 2, "mask": [[1, 0, 1]]}, [{"softcap": 2}, {"mask": [[1, 0, 1]]}],
        ),
        (
            "flash-attn", "as flash-attn: before 2.1 the corner was top-left",
            {"causal": True}, [{"causal": True, "n": 3}, {"causal": True, "align": "top-left"}, {}],
        ),
        (
            "xformers",
            "as xformers: LowerTriangularMask counts from the top left, LowerTriangularFromBottomRightMask does not",
            {"causal": True}, [{"causal": True, "window": (1, 0)}, {"causal": True, "align": "bottom-right"}],
        ),
        (
            "transformers", "as transformers: sdpa without a mask counts from the top left",
            {"causal": True}, [{"causal": True, "n": 4}, {"causal": True, "mask": [[1, 0, 1]]}],
        ),
        (
            "x-transformers", "as x-transformers: with flash=True the corner is top-left",
            {"causal": True, "n": 4}, [{"causal": True}, {"n": 4}],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and not value.startswith("as ") else "",
)  # fmt: skip
def test_an_aside_is_a_note_where_it_applies(system, note, where, elsewhere):
    assert notes(system, **where) == [note]
    for given in elsewhere:
        assert note not in notes(system, **given), given


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("torch-mha", "NaN (with need_weights=False 0, but NaN on the fast path (eval, no_grad, self-attention))"),
        ("keras", "0 (without return_attention_scores=True uniform)"),
        ("mlx", "uniform over all keys (the fused kernels of a GPU were not run)"),
        ("torch", "0"),
    ],
)
def test_an_aside_on_the_row_without_a_key_stands_in_its_warning(system, words):
    result = attend([[1.0]], [[1.0], [2.0]], [[1.0], [2.0]], mask=[[0, 0]], mask_means="keep", system=system).compute()
    assert result.warnings == (f"query 0 may attend to no key: its weights are {words}",)


def test_a_sink_that_takes_the_row_without_a_key_leaves_nothing_to_say():
    result = attend([[1.0]], [[1.0]], [[1.0]], mask=[[0]], sink=0, system="mlx").compute()
    assert result.warnings == ("query 0 may attend to no key: its weights are 0",)


@pytest.mark.parametrize(("system", "aside"), ASIDES)
def test_every_aside_has_its_condition_and_stands_in_the_documentation(system, aside):
    assert aside.when == EMPTY or aside.when in APPLIES
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{system}` "))
    assert aside.words in row


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_the_documentation_says_what_was_run_and_what_was_read(system):
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{system.name}` "))
    assert f"| {system.describes} |" in row
