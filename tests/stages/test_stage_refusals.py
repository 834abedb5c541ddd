"""What attend refuses of stages, whole messages, and that every option is refused something somewhere."""

from __future__ import annotations

import numpy as np
import pytest
from inputs import test_setting_refusals
from problem import test_mask_refusals, test_projection_refusals, test_shape_refusals
from refusals import Bad, by_sentence, inf, nan, refuse, zeros

from attncli.inputs.request import MATRIX_NAMES
from attncli.inputs.settings import SETTINGS

IDS = "one id per position, or per entry of the first axis and position"
TYPED = "type the numbers, with commas between them: 0.5,0.25"
PER_HEAD = "one number for all, or one per query head"
SQUARE = {"keys": np.arange(6.0).reshape(2, 3), "values": zeros(2, 1)}  # as many keys as queries

STAGES = [
    Bad("sinks of other heads", {"sink": [1, 2, 3]}, "--sink: 3 sinks for 1 head", PER_HEAD),
    Bad(
        "a sink beside a normalizer without a sum",
        {"sink": 1, "normalizer": "sparsemax"},
        "--sink: sparsemax has no sum that a sink could join",
        "leave out --sink, or --normalizer",
    ),
    Bad("an infinite sink", {"sink": inf}, "sink: 'inf' is not a finite number", TYPED),
    Bad("slopes of other heads", {"alibi": [1, 2]}, "--alibi: 2 slopes for 1 head", PER_HEAD),
    Bad("slopes in words", {"alibi": "steep"}, "alibi: 'steep' is not a number", TYPED),
    Bad(
        "rope over an odd number of columns",
        {"rope": "half"},
        "--rope: columns are rotated in pairs, but there are 3",
        "--rope-dims with an even number",
    ),
    Bad(
        "rope over an odd number of the columns",
        {"rope": "half", "rope_dims": 1},
        "--rope-dims: columns are rotated in pairs, but there is 1",
        "--rope-dims with an even number",
    ),
    Bad(
        "rope over more columns than there are",
        {"rope": "half", "rope_dims": 4},
        "--rope-dims: 4 columns are to be rotated, but a head has 3",
        None,
    ),
    Bad("a base without rope", {"rope_base": 10}, "--rope-base: there are no rotary positions", "add --rope half"),
    Bad("columns without rope", {"rope_dims": 2}, "--rope-dims: there are no rotary positions", "add --rope half"),
    Bad("a scale without rope", {"rope_scale": 2}, "--rope-scale: there are no rotary positions", "add --rope half"),
    Bad("a base of 0", {"rope": "half", "rope_base": 0}, "rope_base: 0 is not a number above 0", None),
    Bad("a negative factor", {"rope": "half", "rope_scale": -2}, "rope_scale: -2 is not a number above 0", None),
    Bad("a pairing that there is not", {"rope": "diagonal"}, "rope: 'diagonal' is not a pairing",
        "one of: half, interleaved"),
    Bad("a norm that there is not", {"qk_norm": "l1"}, "qk_norm: 'l1' is not a norm", "one of: l2, rms"),
    Bad(
        "segments of other length", {"segments": [0, 1, 2], **SQUARE},
        "segments: segments have the shape (3,); there are 2 queries", IDS,
    ),
    Bad(
        "segments of queries alone, where keys are others", {"segments": [0, 1]},
        "segments: the ids are those of 2 queries, but there are 4 keys", "give those of the keys with --key-segments",
    ),
    Bad(
        "segments of other entries", {"segments": zeros(3, 2), **SQUARE},
        "segments: segments of 3 entries, but there is no leading axis", IDS,
    ),
    Bad(
        "segments in words", {"segments": ["a", "b"], **SQUARE},
        "segments: contains text ('a'); segments are numbers", IDS,
    ),
    Bad("a segment that is NaN", {"segments": [0, nan], **SQUARE}, "segments: nan is not a segment's id", IDS),
    Bad(
        "segments of keys alone", {"key_segments": [0, 1, 1, 1]},
        "key_segments: the queries have no segments", "add --segments",
    ),
    Bad("fewer than no kept keys", {"keep_first": -1}, "keep_first: -1 is below 0", None),
    Bad("fewer than no keys in front", {"prefix": -1}, "prefix: -1 is below 0", None),
    Bad("an empty chunk", {"chunk": 0}, "chunk: 0 is below 1", None),
    Bad("half a chunk", {"chunk": 1.5}, "chunk: '1.5' is not a whole number", None),
    Bad("no key at all", {"top_k": 0}, "top_k: 0 is below 1", None),
    Bad(
        "dropout without its mask", {"dropout": 0.1},
        "--dropout: which weights are dropped is not known: attncli draws no random numbers",
        "give the mask with --dropout-mask, 1 = kept",
    ),
    Bad("dropout of everything", {"dropout": 1.0},
        "dropout: 1.0 is not a number from 0 up to, but not including, 1", None),
    Bad("dropout below 0", {"dropout": -0.1}, "dropout: -0.1 is not a number from 0 up to, but not including, 1", None),
    Bad(
        "a dropout mask of shares", {"dropout_mask": [[0.5, 1, 1, 1], [1, 1, 1, 1]]},
        "dropout_mask: 0.5 at [0, 0]: a dropout mask is 0/1 or true/false", None,
    ),
    Bad(
        "a cap that is moved but not given", {"softcap_after_bias": True},
        "--softcap-after-bias: there is no softcap", "add --softcap C",
    ),
    Bad(
        "a normalizer that there is not", {"normalizer": "softmin"},
        "normalizer: 'softmin' is not a normalizer", "one of: softmax, sparsemax, entmax15, sigmoid, tanh, none",
    ),
    Bad(
        "a layout that there is not", {"layout": "dnb"}, "layout: 'dnb' is not a layout",
        "heads-first: (batch, heads, n, d); heads-last: (batch, n, heads, d)",
    ),
    Bad(
        "a layout by the letters of its axes", {"layout": "bshd"}, "layout: 'bshd' is not a layout",
        "did you mean 'heads-last'?",
    ),
    Bad("a system that there is not", {"system": "torsh"}, "system: 'torsh' is not a system", "did you mean 'torch'?"),
    Bad(
        "weights of features of a product", {"v_a": [1, 1, 1]}, "v_a: scaled has no weights of features",
        "-a additive",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", **by_sentence(STAGES))
def test_attend_refuses_stages(case: Bad) -> None:
    refuse(case)


OF_FILES = {"d_output"}  # attend takes it apart, in gradients


def test_every_setting_and_matrix_is_refused_something() -> None:
    modules = (test_setting_refusals, test_mask_refusals, test_projection_refusals, test_shape_refusals)
    tables = [table for module in modules for table in vars(module).values() if isinstance(table, list)]
    cases = [case for table in [STAGES, *tables] for case in table if isinstance(case, Bad)]
    names = {*(setting.name for setting in SETTINGS), *MATRIX_NAMES}
    named = {name for name in names for case in cases if name in case.given and _is_about(name, case)}
    assert names - OF_FILES - named == set()


def _is_about(name: str, case: Bad) -> bool:
    """Whether the message names the setting or matrix, or is all that was given."""
    where = case.message.partition(":")[0].removeprefix("--").replace("-", "_")
    return where == name or set(case.given) == {name}
