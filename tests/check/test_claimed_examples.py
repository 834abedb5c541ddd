"""Published examples, right and wrong, get the verdicts and the causes that are known of them."""

from pathlib import Path

import pytest

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

CASES = Path(__file__).parent.parent / "cases" / "claimed"
RIGHT = {
    "allennlp_bilinear": "exact",
    "apple_tutorial": "exact",
    "deepml_94_a": "exact",
    "js_transformer_steps": "last-digit",
    "leetgpu_111_backward": "exact",
    "leetgpu_112_sinks": "float32",
    "leetgpu_80_grouped": "exact",
    "mygpt_causal": "exact",
    "nnlib_specific": "exact",
    "ort_float16": "float16",
    "ort_unidirectional": "float32",
    "pycomplete": "input-rounding",
    "robust_fill_lengths": "float32",
}
WRONG = {  # the first of what may have been done, if anything is known
    "ains6003_rounded": None,
    "ai_by_hand_columns": "all-by-column",
    "apple_is_great": "one-cell",
    "cat_sat_on_mat": "unasked-causal",
    "century": "impossible",
    "chinese_invented_weights": None,
    "click4ai_sdpa_1": "impossible",
    "deepml_131_window": "unasked-window",
    "deepml_94_example": "no-softmax",
    "flynncao_scores": "one-cell",
    "german_slide": "one-cell",
    "keras_bert_padding": "no-mask",
    "korean_from_qk": None,
    "leetgpu_53_causal_2": "not-averaged",
    "leetgpu_55_alibi_1": "one-cell",
    "prakash_03": "impossible",
    "pythia_rope": "unasked-rope",
    "sum_normalised": "no-exponential",
    "the_cat_sleeps": None,
    "two_heads_unscaled": "unscaled",
}


def report(name):
    return check(read_problem(str(CASES / f"{name}.yaml"), Sources(lambda: None, Reading(keep_text=True))))


def test_every_example_is_judged():
    assert {path.stem for path in CASES.glob("*.yaml")} == {*RIGHT, *WRONG}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_example_passes(name):
    assert report(name).verdict == RIGHT[name]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_example_is_called_wrong_and_its_cause_is_named(name):
    found = report(name)
    assert found.verdict == "wrong"
    assert next((each.slip for each in found.diagnosis), None) == WRONG[name]


def test_a_print_of_rounded_numbers_is_reported_with_its_digits():
    (found,) = report("ains6003_rounded").checks
    assert found.note == "every number holds at 3 decimals: --digits 3"


def test_a_cell_of_the_first_wrong_step_says_nothing_of_later_ones():
    found = report("apple_is_great")
    assert [each.verdict for each in found.checks] == ["wrong", "carried", "wrong"]
    (cell,) = found.diagnosis
    assert cell.sentence == (
        "all of raw_scores is right except raw_scores at [0, 1], which says 1 and should be 0 "
        "(this explains your raw scores only, and your weights remain unexplained)"
    )
