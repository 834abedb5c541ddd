"""Which slips are found: pairs, other names, tolerances, numbers that come from nowhere."""

import re
from contextlib import suppress

import numpy as np
import pytest
from slip_cases import DISTANCES, FOUR, HEADS, MASK, TWO, diagnosis, named, numbers, problem, told

from attncli.check import check
from attncli.check.routes import RIGHT, Route
from attncli.check.search import attempts
from attncli.errors import AttncliError


@pytest.mark.parametrize(
    ("right", "wrong", "found", "missing"),
    [
        ("variant: laplace, scale: 0.3", "variant: laplace", "unscaled", "variant-laplace"),
        ("variant: scaled", "scale: 1/dk", "scale-dk", "length-scale-dk"),
        ("as: torch, causal: true, align: bottom-right", "causal: true", "other-corner", "as-torch"),
    ],
    ids=["the variant itself", "a length that there is not", "the system itself"],
)
def test_what_the_problem_says_itself_is_not_a_slip(right, wrong, found, missing):
    names = named(f"{TWO}, {right}", {"weights": numbers(f"{TWO}, {wrong}", "weights")})
    assert found in names
    assert missing not in names


@pytest.mark.parametrize("variant", ["dot", "scaled"], ids=["with the variant that was given", "with its own"])
def test_another_system_is_reported_whichever_of_its_conventions_were_taken(variant):
    weights = numbers(f"{TWO}, variant: {variant}, causal: true, align: bottom-right", "weights")
    assert "as-flash-attn" in named(f"{TWO}, variant: dot, causal: true, align: top-left", {"weights": weights})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "queries: [[1, 2]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 5]]",
            {"weights": [[0.3, 0.4]], "output": [[1.3, 9.2]]},
            id="both of weights and output",
        ),
        pytest.param(
            "queries: [[1, 2]], keys: [[1, 0], [0, 1]], values: [1, 3], heads: 1",
            {"output": [[9.2]]},
            id="values of one axis",
        ),
        pytest.param(
            "x: [[1, 2], [3, 4]], w_q: [[1, 0], [0, 1]], w_k: [[1, 0], [2, 1]], w_v: [[1, 0], [1, 1]], heads: 2",
            {"output": [[9.2, 1.3], [5.7, -1.1]]},
            id="heads of projections",
        ),
        pytest.param(
            f"{TWO}, variant: laplace, length_scale: 1e-200",
            {"weights": [[0.3, 0.4, 9.1], [0.7, 0.7, 0.7]]},
            id="a length whose square is none",
        ),
        pytest.param(
            f"{TWO}, variant: laplace, length_scale: 1e-300",
            {"scores": [[0.30000000000000004] * 3] * 2},
            id="scores near the end of the range",
        ),
        pytest.param(
            "x: [[1, 2], [3, 4]], w_q: [[1], [1]], w_k: [[1], [0]], w_v: [[1, 0], [1, 1]], w_o: [[1, 0], [1, 0]]",
            {"weights": "[[.inf, 0], [0.5, 0.5]]", "output": [[9.2, 1.3], [5.7, -1.1]]},
            id="infinite weights before a projection",
        ),
        pytest.param(f"{TWO}, {MASK}", {"weights": [[0.3, 0.4, 9.1], [0.7, 0.7, 0.7]]}, id="masked"),
        pytest.param(f"{TWO}, {MASK}", {"weights": [[0.3, 0.4], [0.7, 0.7], [9.1, 0.7]]}, id="masked, by column"),
        pytest.param(TWO, {"weights": [0.3, 0.4, 0.9], "output": [[9.2, 1.3], [5.7, -1.1]]}, id="fewer weights"),
    ],
)
@pytest.mark.sampled(2)
def test_numbers_that_come_from_nowhere_are_not_a_slip(text, expected):
    assert told(text, expected)[0] in ("", "impossible")


@pytest.mark.parametrize("hidden", ["0.0000", "-.inf", "-1000000000.0000"])
def test_scores_used_as_weights_are_found_with_any_number_where_they_are_masked(hidden):
    weights = f"[[0.7071, {hidden}, 0.7071], [2.1213, -0.7071, {hidden}]]"
    assert told(f"{TWO}, {MASK}", {"weights": weights})[0] == "no-softmax"


def test_masked_scores_used_as_weights_are_found_in_full_too():
    text = "queries: [[0.3], [0.7]], keys: [[1.1], [0.6]], values: [[1], [-1]], variant: laplace, causal: true"
    expected = {what: numbers(text, what, Route(softmax="none")) for what in ("raw_scores", "weights", "output")}
    assert told(text, expected)[0] == "no-softmax"


@pytest.mark.parametrize(("decimals", "slip"), [(3, ""), (4, "unscaled+no-mask")], ids=["three digits", "four digits"])
def test_two_slips_are_believed_where_they_change_four_digits(decimals, slip):
    values = "[[101, 0, 0, 0, 0], [105, 0, 0, 0, 0], [113, 0, 0, 0, 0]]"
    problem = f"queries: [[1, 2]], keys: [[1, 0], [0, 1], [-1, 1]], values: {values}"
    ((wrong, *_),) = numbers(f"{problem}, variant: dot", "output")
    assert wrong == pytest.approx(105.848, abs=0.001)
    assert numbers(f"{problem}, mask: [1, 1, 0]", "output")[0][0] == pytest.approx(103.680, abs=0.001)
    assert told(f"{problem}, mask: [1, 1, 0]", {"output": f"[[{wrong:.{decimals}f}, 0, 0, 0, 0]]"})[0] == slip


@pytest.mark.parametrize(("rtol", "slips"), [(0.05, ["unscaled"]), (0.02, [])])
def test_a_slip_reproduces_numbers_within_the_tolerance_that_was_given(rtol, slips):
    rough = [[cell * 1.03 for cell in row] for row in numbers(f"{TWO}, variant: dot", "output")]
    found = check(problem(f"{TWO}, expected: {{output: {rough}}}"), rtol=rtol)
    assert (found.verdict, [each.slip for each in found.diagnosis[:1]]) == ("wrong", slips)


ROUND = Route(rescore=lambda scores: scores.round())
TWICE = Route(reweigh=lambda _, weights: np.exp(weights) / np.exp(weights).sum(axis=-1, keepdims=True))
HIDE = Route(reweigh=lambda _, weights: weights * [[1, 0, 1], [1, 1, 0]])
ROUNDED = {"weigh": lambda weights: weights.round(2)}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("right", "wrong", "route", "what", "slips"),
    [
        (TWO, TWO, Route(softmax="queries", **ROUNDED), "output", "softmax-over-queries+rounded-weights"),
        (TWO, TWO, Route(scale_after=True, **ROUNDED), "output", "scale-after-softmax+rounded-weights"),
        (f"{TWO}, {MASK}", TWO, Route(scale_after=True), "weights", "scale-after-softmax+no-mask"),
        (f"{TWO}, {MASK}", TWO, Route(softmax="queries"), "weights", "softmax-over-queries+no-mask"),
        (
            f"{TWO}, {MASK}",
            f"{TWO}, {MASK}, variant: dot",
            Route(softmax="none", unseen=-np.inf),
            "weights",
            "unscaled+no-softmax",
        ),
        (
            TWO,
            "queries: [[1, 0], [0, 1], [-1, 1]], keys: [[1, 2], [3, -1]], variant: dot",
            RIGHT,
            "weights",
            "unscaled+queries-keys-swapped",
        ),
        (TWO, f"{TWO}, scale: 0.5", ROUND, "weights", "scale-dk+rounded-scores"),
        (f"{TWO}, {MASK}", TWO, ROUND, "output", "no-mask+rounded-scores"),
        (TWO, f"{TWO}, scale: 0.5", TWICE, "weights", "scale-dk+softmax-twice"),
        (f"{TWO}, {MASK}", TWO, TWICE.then(HIDE), "weights", "mask-after-softmax+softmax-twice"),
        (f"{TWO}, {MASK}", TWO, HIDE.then(TWICE), "weights", "mask-after-softmax+softmax-twice"),
    ],
    ids=lambda value: value if isinstance(value, str) and "+" in value else "",
)
def test_two_slips_are_found_together(right, wrong, route, what, slips):
    found = check(problem(f"{right}, expected: {{{what}: {numbers(wrong, what, route)}}}")).diagnosis
    assert found[0].slip == slips  # a step rounded to few decimals may be another explanation


def test_other_names_of_two_slips_are_reported_too():
    turned = numbers("queries: [[1, 0], [0, 1], [-1, 1]], keys: [[1, 2], [3, -1]], variant: dot", "weights")
    (found,) = diagnosis(TWO, {"weights": turned})
    assert found.also == ("variant-dot+queries-keys-swapped", "as-keras-attention+queries-keys-swapped")


def test_other_names_of_a_slip_with_several_ways_are_reported():
    text = f"{HEADS}, scale: 1"  # whole scores, which no rounding changes, of two heads of two columns: 1/√4 is 1/2
    rounded = numbers(f"{HEADS}, scale: 0.5", "output", ROUND)
    (found,) = diagnosis(text, {"output": rounded})
    names = {name.removesuffix("+rounded-scores") for name in (found.slip, *found.also)}
    assert names == {"scale-sqrt-dk", "scale-dk", "scale-sqrt-heads"}


def test_slips_that_give_the_same_nan_are_one():
    wrong = [[float("nan")] * 3, [0, 1, 0]]  # the first query may attend to all keys
    (found,) = check(problem(f"{TWO}, mask: [[1, 1, 1], [1, 0, 1]], expected: {{weights: {wrong}}}")).diagnosis
    assert (found.slip, found.also) == ("mask-inverted", ("as-torch-mha",))


def test_a_slip_is_named_once_and_what_it_shares_numbers_with_in_another_way_too():
    problem_of = "queries: [[0], [0]], keys: [[0], [0], [0], [0]], values: [[6], [0], [12], [-6.4]]"
    wrong = "output: [[6], [3]]"  # top left gives 6, 3, and bottom right 6, 2.9
    found = check(problem(f"{problem_of}, causal: true, query_offset: 1, expected: {{{wrong}}}")).diagnosis
    assert [each.slip for each in found] == ["other-corner", "as-flash-attn"]
    assert found[0].also[:2] == ("as-torch", "as-torch-mha")
    assert found[1].also == ("as-transformers", "as-mlx", "as-x-transformers", "one-ahead")


@pytest.mark.parametrize("slip", ["unscaled", "no-softmax"])
def test_a_slip_of_a_float32_computation_is_found(slip):
    queries, keys = np.array([[1.3, 2.1], [3.7, -1.9]]), np.array([[1.1, 0.3], [0.7, 1.9], [-1.3, 1.7]])
    scores = queries.astype(np.float32) @ keys.astype(np.float32).T
    scores[0, 2] = -np.inf
    powers = np.exp(scores)
    weights = scores / np.sqrt(np.float32(2)) if slip == "no-softmax" else powers / powers.sum(axis=1, keepdims=True)
    said = "[" + ", ".join("[" + ", ".join(f"{cell:.9g}" for cell in row) + "]" for row in weights) + "]"
    problem = f"queries: {queries.tolist()}, keys: {keys.tolist()}, mask: [[1, 1, 0], [1, 1, 1]]"
    assert told(problem, {"weights": said})[0] == slip


@pytest.mark.parametrize(
    ("text", "weights", "slip"),
    [
        pytest.param(
            "queries: [[0.1, 0.2, -0.3]], keys: [[1, 1, 1], [1, 0, 0]], variant: dot",
            [[2.7755575615628914e-17, 0.1]],  # the first added up in another order
            "no-softmax",
            id="a score that cancels",
        ),
        pytest.param(
            "queries: [[0.1], [0.4]], keys: [[1], [2]], mask: [1, 0], variant: dot",
            [[0.4255574831883414, float("nan")], [0.5744425168116590, float("nan")]],  # a few ulps off
            "softmax-over-queries",
            id="beside nan",
        ),
    ],
)
def test_a_slip_of_a_float64_computation_is_found(text, weights, slip):
    assert told(text, {"weights": weights})[0] == slip


@pytest.mark.parametrize("scale", ["0.25", "0.5", "2"])
@pytest.mark.parametrize("slip", ["scale-sqrt-dk", "scale-dk"])
def test_a_sentence_on_the_scale_has_the_numbers_of_both(scale, slip):
    divisor = "sqrt(dk)" if slip == "scale-sqrt-dk" else "dk"
    found, said = told(f"{FOUR}, scale: {scale}", {"weights": numbers(f"{FOUR}, scale: 1/{divisor}", "weights")})
    if found == slip:
        due, by, times = map(
            float, re.search(r"scores by ([\d.]+); dividing by \S+ = ([\d.]+).* by ([\d.]+)$", said).groups()
        )
        assert due == float(scale)
        assert by * times == pytest.approx(1, rel=1e-4)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("given", ["variant: gaussian, length_scale: 2", "variant: laplace, length_scale: 3"])
@pytest.mark.parametrize(("power", "sign"), [(1, "−‖q − k‖₂"), (2, "−‖q − k‖₂²")])
@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 4, 1 / 9])
def test_a_sentence_on_a_distance_has_the_scale_that_was_taken(given, power, sign, factor):
    scores = -(DISTANCES**power) * factor
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    slip, said = told(f"{TWO}, {given}", {"weights": weights.tolist()})
    if slip in ("squared-distance", "euclidean-distance"):
        formula, taken = re.search(r"softmax\((\S+ − \S+?) · ([\d.]+)\)", said).groups()
        assert formula == sign
        assert float(taken) == pytest.approx(factor, rel=1e-5)


def test_another_variant_with_the_problem_s_scale_is_a_pair():
    right, wrong = f"{FOUR}", f"{FOUR}, variant: laplace, scale: 1/sqrt(dk)"
    slip, said = told(right, {"weights": numbers(wrong, "weights")})
    assert slip in ("variant-laplace+scale-sqrt-dk", "scale-sqrt-dk+variant-laplace")
    assert "the scale was the right one, 1/√d_k" in said


def test_zeros_are_explained_by_nothing():
    assert told(f"{TWO}, {MASK}", {"weights": "[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]"}) == ("", "")


@pytest.mark.parametrize(("factor", "is_residual"), [(1, True), (1.0001, False)])
def test_what_is_added_to_an_output_leaves_it_no_more_room(factor, is_residual):
    output = np.array(numbers(TWO, "output")) + factor * np.array([[1, 2], [3, -1]])
    assert ("residual-added" in named(TWO, {"output": output.tolist()})) == is_residual


@pytest.mark.parametrize(("more", "is_without"), [(0, True), (0.0001, False)])
def test_what_takes_the_place_of_a_log_sum_exp_leaves_it_no_more_room(more, is_without):
    scores = np.array(numbers(TWO, "scores"))
    lse = np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)) + more
    assert ("lse-other" in named(TWO, {"lse": lse.tolist()})) == is_without


def test_matrices_that_are_exchanged_are_found_in_either_order():
    queries, keys = "[[1, 2, 1], [3, -1, 0], [0.5, 1, 2]]", "[[1, 0, 1], [2, 1, 3], [0, 1, 1]]"
    values = "[[2, 1, 0], [1, 3, 1], [1, 0, 4]]"
    right = f"queries: {queries}, keys: {keys}, values: {values}"
    for one, two in ((keys, values), (values, queries)):
        output = numbers(f"queries: {one}, keys: {two}, values: {values}", "output")
        assert "queries-keys-swapped+values-as-keys" in named(right, {"output": output})


STAGES = (
    "bias: [[0.5, 1, 0], [0.25, 0, 2], [1, 0.5, 0]], rope: half, alibi: true, sink: 0.5, qk_norm: l2, softcap: 20, "
    "causal: true, segments: [0, 0, 1], chunk: 2, key_lengths: 2"
)
THREE = (
    "queries: [[1, 2], [3, -1], [0, 1]], keys: [[1, 0], [2, 1], [-1, 2]], values: [[1, 2], [3, 5], [7, 1]], heads: 1"
)


def test_a_slip_of_a_stage_that_another_one_left_out_is_none_and_no_crash(monkeypatch):
    routes = []
    monkeypatch.setattr(attempts, "try_route", lambda *asked: routes.append(asked[1]) or [])
    diagnosis(f"{THREE}, {STAGES}", {"weights": [[0.7, 0.2, 0.3], [0.9, 0.8, 0.1], [0.2, 0.3, 0.1]]})
    diagnosis(f"{THREE}, {STAGES}", {"output": [[0.3, 0.7], [0.2, 0.9], [4, 1]]})
    assert len(routes) > 100
    for route in routes:
        with suppress(AttncliError, ValueError, IndexError):
            route.change_problem(RIGHT.problem(problem(THREE).request))


def test_a_fitted_number_is_reported_beside_keys_or_factors_that_agree_with_few_digits():
    queries, keys = np.array([[1, 2], [0, 1], [2, -1]]), np.array([[1, 0], [0, 1], [1, 1], [-1, 1]])
    powers = np.exp(queries @ keys.T / np.sqrt(2))
    weights = powers / (powers.sum(axis=-1, keepdims=True) + np.exp(1.5))
    text = f"queries: {queries.tolist()}, keys: {keys.tolist()}, values: [[1], [2], [3], [4]]"
    assert [each.slip for each in diagnosis(text, {"weights": weights.round(2).tolist()})] == [
        "phantom-keys",
        "sink-other",
    ]
