"""A step that is wrong only because an earlier printed step is."""

import pytest
from slip_cases import FOUR, MASK, TWO, numbers, problem

from attncli.check import check
from attncli.check.suites import CaseOutcome
from attncli.render.check import verdict_text

STEPS = ("raw_scores", "scores", "weights", "output")


def printed(rows, digits):
    return "[" + ", ".join("[" + ", ".join(f"{cell:.{digits}f}" for cell in row) + "]" for row in rows) + "]"


def verdicts(right, wrong, digits, *, search=True, **steps):
    """Of the steps as `wrong` has them, but for those that are given."""
    shown = {what: printed(steps.get(what, numbers(wrong, what)), digits) for what in STEPS}
    given = ", ".join(f"{what}: {rows}" for what, rows in shown.items())
    return check(problem(f"{right}, expected: {{{given}}}"), search=search)


@pytest.mark.parametrize("digits", [2, 3, 4, 6, 17])
@pytest.mark.parametrize(
    ("right", "wrong", "first"),
    [
        (FOUR, f"{FOUR}, variant: dot", "scores"),
        (FOUR, f"{FOUR}, variant: laplace, scale: 1/sqrt(dk)", "raw_scores"),
        (f"{TWO}, {MASK}", TWO, "scores"),
    ],
    ids=["unscaled", "a distance", "no mask"],
)
def test_the_steps_after_the_first_wrong_one_are_carried(right, wrong, first, digits):
    found = verdicts(right, wrong, digits, search=digits in (2, 4))
    after = STEPS[STEPS.index(first) + 1 :]
    assert (found.verdict, found.first_wrong, found.carried) == ("wrong", first, after)
    assert bool(found.diagnosis) == (digits in (2, 4))


def test_a_step_that_does_not_follow_is_wrong_too():
    weights = [[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]
    found = verdicts(FOUR, f"{FOUR}, variant: dot", 4, weights=weights)
    assert [each.verdict for each in found.checks] == ["exact", "wrong", "wrong", "wrong"]
    assert found.diagnosis[0].slip == "unscaled"  # of the scores alone
    assert found.diagnosis[0].explains == ("scores",)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("variant: dot", "scores; weights and output follow"),
        ("variant: laplace, scale: 1/sqrt(dk)", "raw_scores; scores, weights and output follow"),
    ],
    ids=["two", "three"],
)
def test_the_report_names_the_first_wrong_step_and_what_follows(wrong, sentence):
    text = verdict_text([CaseOutcome("p", verdicts(FOUR, f"{FOUR}, {wrong}", 4))], ascii_only=True)
    assert f" the first wrong step: {sentence} from what is printed before " in " ".join(text.split())


SCALING = "divide by √d_k = 2"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            {"output": [[2.1, 9.3], [5.2, 3.7]]},
            [
                f"your scores are QKᵀ: {SCALING} (this explains your scores only, and your output remains unexplained)",
            ],
        ),
        (
            {"scores": [[0.3, 1.9, 0.7], [2.2, 0.1, 0.5]], "weights": numbers(FOUR, "weights")},
            [
                f"your output is softmax(QKᵀ) V: {SCALING} "
                "(this explains your output only, and your scores remain unexplained)",
            ],
        ),
        (
            {"scores": numbers(FOUR, "scores"), "weights": numbers(FOUR, "weights")},
            [
                f"your output is softmax(QKᵀ) V: {SCALING} "
                "(this explains your output only: your raw scores, scores and weights are right)",
            ],
        ),
    ],
    ids=["the first step", "the last step", "the last step beside right ones"],
)
def test_the_sentence_of_a_slip_says_which_matrices_it_explains_and_which_not(steps, said):
    found = verdicts(FOUR, f"{FOUR}, variant: dot", 4, **steps)
    assert [each.sentence for each in found.diagnosis] == said
