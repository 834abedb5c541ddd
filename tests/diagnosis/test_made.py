"""A short, deterministic form of `python tools/slips.py`: each slip in two prints, and some pairs.

With six decimals each is tried by test_sentence_numbers."""

import warnings

import pytest
from diagnosis import judged

SEED = 7
PAIRS = (
    "no-mask+unscaled", "values-transposed+scale-dk", "exp2+no-bias", "first-key-head+no-causal",
    "grad-heads-not-summed+no-row-sum", "softmax-over-queries+grad-unscaled",
)  # fmt: skip
PRINTED = [  # another two of the eight prints for each slip
    (names, judged.PRINTS[(number + step) % len(judged.PRINTS)])
    for number, names in enumerate((*judged.NAMES, *PAIRS))
    for step in (0, 5)
]


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("names", "how"), PRINTED)
def test_a_slip_is_among_the_first_three(names, how):
    if how == "bfloat16":
        pytest.importorskip("ml_dtypes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = judged.place(names, how, SEED)
    assert place is None or place < 3, judged.told(names, how, SEED)
