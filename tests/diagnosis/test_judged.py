"""Names count as found where the code that makes these slips gives the numbers, never because `check` says so."""

from types import SimpleNamespace

import pytest
from diagnosis import judged

SEED = 1000
PAIR = "no-projection-k+keys-with-keys"  # queries that are keys, and keys that are not projected
TRUE = ("no-projection-qk", "no-projection-q+no-projection-k", PAIR)
FALSE = (
    "no-projection-qkv",
    "no-projection-q",
    "no-projection-k",
    "keys-with-keys",
    "no-mask",
    "heads-tiled",
    "unscaled+no-projection-qk",
)


def say(*names):
    return SimpleNamespace(verdict="wrong", diagnosis=[SimpleNamespace(slip=name, also=()) for name in names])


@pytest.mark.parametrize("how", ["4", "float32"])
@pytest.mark.parametrize(("others", "gives"), [*((name, True) for name in TRUE), *((name, False) for name in FALSE)])
def test_others_are_true_where_their_own_code_gives_the_print(others, gives, how):
    assert judged.give_same(PAIR, how, SEED, others) is gives


def test_what_check_says_does_not_count_unless_it_gives_the_print():
    assert judged.place_of_others(say("no-projection-qkv", "unscaled", *TRUE[:1]), PAIR, "4", SEED) == 2
    assert judged.place_of_others(say(*FALSE[:3], *TRUE), PAIR, "4", SEED) == judged.FAR


@pytest.mark.parametrize("names", ["no-mask+unscaled", "grad-no-mask+no-row-sum", "rope-twice+sink-other"])
@pytest.mark.parametrize("how", ["3", "float16"])
def test_a_pair_gives_its_own_print_and_neither_of_its_slips_does(names, how):
    if judged.worksheet(names, how, SEED) is None:
        pytest.skip("the print does not show both")
    given = [judged.give_same(names, how, SEED, name) for name in (names, *names.split("+"))]
    assert given == [True, False, False]


def test_numbers_that_differ_in_a_printed_digit_are_not_the_same():
    one, other = ({"weights": judged.np.array([[0.12344, share]])} for share in (0.5, 0.50002))
    assert judged.is_same_print(one, other, "4", None)
    assert not judged.is_same_print(one, other, "5", None)
    assert not judged.is_same_print(one, other, "float32", None)


@pytest.mark.parametrize(("how", "is_told"), [("2", True), ("4", False)])
def test_another_score_that_shows_in_one_cell_is_one_cell(how, is_told):
    """The weight 0.05 that became 0.03 moves the others of its row by less than a unit of two decimals."""
    assert judged.is_in_few_cells("one-score", how, 71003) is is_told
    place = judged.place_of_others(say("no-mask", "one-cell"), "one-score", how, 71003)
    assert place == (1 if is_told else judged.FAR)
