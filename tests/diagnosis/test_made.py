"""A short, deterministic form of `python tools/slips.py`: each slip in two prints, and some pairs.

With six decimals each is tried by test_sentence_numbers."""

import warnings

import pytest
from diagnosis import judged
from diagnosis.made_cases import make
from diagnosis.made_slips import SLIPS as MADE

from attncli.check import check
from attncli.check.slips.table import SLIPS
from attncli.check.slips.words import WORDS

SEED = 7
PAIRS = (
    "no-mask+unscaled", "values-transposed+scale-dk", "exp2+no-bias", "first-key-head+no-causal",
    "grad-heads-not-summed+no-row-sum", "softmax-over-queries+grad-unscaled",
    "hardmax+no-dropout", "heads-not-joined+qk-norm-other", "no-exponential+grad-heads-not-summed",
    "one-ahead+no-chunk", "exp2+heads-interleaved", "hardmax+no-alibi", "hardmax+values-as-keys",
    "window-off-by-one+no-chunk",
)  # fmt: skip
PRINTED = [  # another two of the eight prints for each slip
    (names, judged.PRINTS[(number + step) % len(judged.PRINTS)])
    for number, names in enumerate((*judged.NAMES, *PAIRS))
    for step in (0, 5)
]


@pytest.mark.sampled(12)
@pytest.mark.parametrize(("names", "how"), PRINTED)
def test_a_slip_is_among_the_first_three(names, how):
    if how == "bfloat16":
        pytest.importorskip("ml_dtypes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = judged.place(names, how, SEED)
    assert place is None or place < 3, judged.told(names, how, SEED)


KINDS = (  # of pairs that need more than the ways of each slip by itself
    ("hardmax+mask-on-queries", "3", 1000),  # a row without a key has a largest score, the first
    ("rounded-exponentials+mask-on-queries", "4", 1000),  # and the exponentials of none
    ("no-keep-first+rounded-exponentials", "5", 6000),  # and nothing is left of those that are seen
    ("no-exponential+grad-unscaled", "4", 1000),  # gradients of NaN
    ("scale-after-softmax+grad-heads-not-summed", "5", 1000),  # no scale on the way back
    ("scale-after-softmax+variant-uniform", "6", 4000),  # the right scale beside another variant
    ("euclidean-distance+no-row-sum", "5", 1000),  # gradients of another distance
    ("squared-distance+values-strided", "float32", 1000),  # among layouts of other shapes
    ("variant-laplace+no-window", "6", 1000),  # every query sees one key
    ("mask-on-queries+grad-swapped", "float32", 4000),  # gradients of a uniform row without a key, by the formula
    ("mask-on-queries+grad-swapped", "2", 4000),  # and of one that is NaN
    ("window-off-by-one+no-top-k", "5", 4000),  # the largest scores are in both windows
    ("no-window+alibi-other-slopes", "5", 3000),  # every query sees keys as far away
)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("names", "how", "seed"), KINDS)
def test_pairs_of_slips_that_show_in_each_other_are_found(names, how, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert judged.place(names, how, seed) < 3, judged.told(names, how, seed)


def test_every_name_of_a_slip_has_problems_that_are_made_with_it():
    assert {*WORDS, *(slip.name for slip in SLIPS)} <= {*judged.NAMES}


BEHIND = ("softcap-other", "rope-shifted", "no-qk-norm", "variant-cosine", "no-sink", "first-key-head", "unscaled")
GRADED = [f"{forward}+{backward}" for forward in BEHIND for backward in ("no-row-sum", "grad-unscaled")]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("names", [*MADE, *GRADED])
def test_the_right_numbers_of_a_problem_are_right(names):
    made = make(names, SEED)
    if made is None:
        pytest.skip("the two exclude each other")
    stated, right, *_ = made
    pairs = ", ".join(f"{name}: {judged.text(value)}" for name, value in stated.items())
    rows = {name: judged.text(array, lambda cell: f"{cell:.6f}") for name, array in right.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert check(judged.read(pairs, rows), search=False).verdict == "exact"
