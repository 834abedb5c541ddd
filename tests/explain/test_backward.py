"""The way back on a page: its numbers are the engine's, and what it says of them is true."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import attend
from attncli.errors import AttncliError
from attncli.explain import explain
from attncli.explain.page import Explanation
from attncli.inputs.request import ONES, Labels, Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.render.explain.formats import page_renderer
from attncli.render.explain.html import explanation_html
from attncli.render.explain.notation import BREAK, WRITER
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style
from attncli.results.gradients import Gradients
from attncli.stages.normalizers import NORMALIZERS
from attncli.variants import VARIANTS, Variant

RNG = np.random.default_rng(5)
N, M, D, D_V = 4, 5, 4, 3
Q, K, V, D_OUTPUT = (np.round(RNG.normal(size=shape), 2) for shape in ((N, D), (M, D), (M, D_V), (N, D_V)))
KEEP = RNG.random((N, M)) < 0.7
KEEP[:, 0] = True


def request(**more: object) -> Request:
    arrays = {"queries": Q, "keys": K, "values": V, "d_output": D_OUTPUT}
    arrays |= {name: value for name, value in more.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in more.items() if not isinstance(value, np.ndarray)}
    return Request(**{name: Matrix(array, name) for name, array in arrays.items()}, **rest)  # type: ignore[arg-type]


CASES: dict[str, dict[str, object]] = {
    **{variant.name: {"variant": variant.name} for variant in VARIANTS},
    **{normalizer.name: {"normalizer": normalizer.name, "mask": KEEP} for normalizer in NORMALIZERS},
    "stages": {"softcap": 0.7, "alibi": (0.25,), "sink": (0.5,), "causal": True, "rope": "half", "qk_norm": "rms"},
    "a late softcap": {"softcap": 0.7, "softcap_after_bias": True, "bias": RNG.normal(size=(N, M))},
    "cosine after rope": {"variant": "cosine", "rope": "interleaved", "qk_norm": "l2"},
    "top 2 and dropout": {"top_k": 2, "dropout": 0.25, "dropout_mask": KEEP},
}


GRIDS = {"dQ": "d_queries", "dK": "d_keys", "dV": "d_values", "dS": "d_scores", "dP": "d_weights"}


def numbers_of(page: Explanation, name: str) -> list[np.ndarray]:
    return [np.array(grid.wholes, float) for grid in page.grids if grid.name == name]


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_the_matrices_of_a_page_are_the_engines_gradients(options: dict[str, object]) -> None:
    asked = request(**options)
    page, found = explain(asked, backward=True), Gradients(prepare(asked, compute="float64"))
    for short, name in GRIDS.items():
        (printed,) = numbers_of(page, short)
        hidden = found.array("d_scores") == 0 if short == "dP" else np.zeros(printed.shape, bool)
        np.testing.assert_allclose(
            np.where(hidden, 0, printed), np.where(hidden, 0, found.array(name)), rtol=1e-9, atol=1e-12
        )


def last_numbers(page: Explanation, step: str) -> list[list[float]]:
    """What the lines of a step end with."""
    found = []
    for solution in page.solutions:
        for each in solution.steps:
            if each.name == step:
                ends = (line.equation.sides[-1] for line in each.lines if line.equation is not None)
                found.append([cell.value for end in ends for cell in getattr(end, "cells", (end,))])
    return found


def test_heads_projections_and_shared_keys_come_to_the_gradients_of_what_was_given() -> None:
    x = np.round(RNG.normal(size=(3, 2)), 1)
    weights = {f"w_{letter}": np.round(RNG.normal(size=shape), 1) for letter, shape in
               {"q": (2, 4), "k": (2, 2), "v": (2, 2), "o": (4, 2)}.items()}  # fmt: skip
    offsets = {"b_q": np.array([0.1, 0, 0, 0.2]), "b_o": np.array([0.5, 0])}
    arrays = {"x": x, **weights, **offsets, "d_output": np.round(RNG.normal(size=(3, 2)), 1)}
    asked = Request(**{name: Matrix(array, name) for name, array in arrays.items()}, heads=(2, 1), causal=True)
    page, found = explain(asked, backward=True), Gradients(prepare(asked, compute="float64"))
    told = [number for step in last_numbers(page, "projections") for number in step]
    names = ["d_w_o", "d_b_o", "d_w_q", "d_b_q", "d_w_k", "d_w_v", "d_x"]
    np.testing.assert_allclose(told, np.concatenate([found.array(name).ravel() for name in names]), atol=1e-12)
    values, keys = last_numbers(page, "shared")
    np.testing.assert_allclose(values, found.d_values.ravel(), atol=1e-12)
    np.testing.assert_allclose(keys, found.d_keys.ravel(), atol=1e-12)


def test_the_sums_of_many_queries_and_keys_are_whole() -> None:
    rng = np.random.default_rng(11)
    arrays = {"queries": (30, 3), "keys": (40, 3), "values": (40, 2), "d_output": (30, 2)}
    asked = Request(**{name: Matrix(rng.normal(size=shape), name) for name, shape in arrays.items()}, variant="laplace")
    page, found = explain(asked, backward=True, queries=["7"]), Gradients(prepare(asked, compute="float64"))
    shown = [0, 1, 2, 3, 36, 37, 38, 39]
    np.testing.assert_allclose(last_numbers(page, "d_values")[0], found.d_values[shown].ravel(), atol=1e-12)
    np.testing.assert_allclose(last_numbers(page, "d_keys")[0], found.d_keys[shown].ravel(), atol=1e-12)
    np.testing.assert_allclose(last_numbers(page, "d_queries")[0][-3:], found.d_queries[7], atol=1e-12)


def words_of(page: Explanation) -> str:
    steps = [step for solution in page.solutions for step in solution.steps]
    return " ".join(words for step in steps for words in (*step.words, *step.after))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"variant": "laplace", "queries": K[:N]}, "|q − k| has a corner there, and no slope. 0 is taken"),
        ({"variant": "cosine", "queries": Q * [[0], [1], [1], [1]]}, "A row of zeros has no direction"),
        ({"qk_norm": "l2", "queries": Q * [[0], [1], [1], [1]]}, "A row of zeros has no direction"),
        ({"normalizer": "sparsemax", "variant": "dot", "queries": np.array([[1.0], [0], [0], [0]]),
          "keys": np.array([[1.0], [0], [-5], [-5], [-5]])}, "key 1 stands exactly at the threshold"),
        ({"sink": (1.0,)}, "need not add up to 0"),
        ({"variant": "uniform"}, "the gradient is 0"),
        ({"normalizer": "none"}, "the gradients pass as they are"),
        ({"values": np.ones((M, D_V))}, "Every value pulls alike"),
    ],
)  # fmt: skip
def test_a_sentence_says_which_derivative_is_taken(options: dict[str, object], sentence: str) -> None:
    assert sentence in words_of(explain(request(**options), backward=True))


def test_the_words_name_the_key_that_pulls_most() -> None:
    asked = Request(
        queries=Matrix(np.array([[1.0, 0]]), "q"), keys=Matrix(np.eye(2), "k"),
        values=Matrix(np.array([[3.0], [-1]]), "v"),
        d_output=Matrix(np.array(1.0), ONES), labels=Labels(keys=("one", "two")),
    )  # fmt: skip
    told = words_of(explain(asked, backward=True))
    assert "With the weight of “one” the loss grows fastest (3), with that of “two” slowest (−1)" in told
    assert "lowers the score of “one” most and raises that of “two” most" in told


def test_a_query_with_no_key_sends_nothing_back() -> None:
    told = explain(request(mask=np.array([[0] * M, *[[1] * M] * (N - 1)])), backward=True)
    assert "all its gradients are 0" in words_of(told)


def test_without_a_gradient_at_the_output_the_way_back_has_no_start(run) -> None:  # type: ignore[no-untyped-def]
    assert run("explain", "1 0", "1 0", "1", "--backward") == (
        2,
        "",
        "error: --backward: there is no gradient at the output to start from\n"
        "hint: --grad SOURCE, or --grad ones; in a file: d_output\n",
    )


def test_a_sheet_leaves_the_way_back_blank() -> None:
    page = explain(request(), backward=True, until="scores")
    text = explanation_text(page, Style(), 100)
    assert "8. Go back through the softmax" in text
    assert not [grid.name for grid in page.grids if grid.name.startswith("d")]
    back = [step for solution in page.solutions for step in solution.steps if step.name.startswith("d_")]
    assert back
    assert all(line.is_blank for step in back for line in step.lines)


def test_gradients_are_coloured_around_0_in_html() -> None:
    html = explanation_html(explain(request(), backward=True), Style())
    assert "color-mix(in srgb,var(--below) 100%" in html or "color-mix(in srgb,var(--above) 100%" in html
    assert 'class="scale signed"' in html


@pytest.mark.parametrize("format", ["markdown", "latex", "html"])
def test_without_backward_a_problem_with_a_gradient_is_explained_as_before(format: str) -> None:
    with_gradient, without = request(), request()
    object.__setattr__(without, "d_output", None)
    render = page_renderer(format)
    assert render(explain(with_gradient), Style()) == render(explain(without), Style())


def test_a_system_that_gives_empty_rows_weights_is_refused() -> None:
    asked = request(mask=np.zeros((N, M)), system="keras-attention")
    with pytest.raises(AttncliError):
        explain(asked, backward=True)


def test_a_result_in_python_explains_its_gradients() -> None:
    told = repr(attend(Q, K, V).explain(0, d_output="ones"))
    assert told == repr(attend(Q, K, V).explain(0, d_output=np.ones((N, D_V))))
    assert "8. Go back through the softmax" in told


FORMULAS = {  # of dq and dk
    "scaled": ("dq = Σ dR·k", "dk = Σ dR·q"),
    "dot": ("dq = Σ dR·k", "dk = Σ dR·q"),
    "laplace": ("dq = Σ dR·(−sign(q − k))", "dk = Σ dR·sign(q − k)"),
    "gaussian": ("dq = Σ dR·(k − q)", "dk = Σ dR·(q − k)"),
    "cosine": ("dq = Σ dR·(k / ‖k‖)", "dk = Σ dR·(q / ‖q‖)"),
    "additive": ("dq = Σ dR·(1 − tanh(q + k)²)", "dk = Σ dR·(1 − tanh(q + k)²)"),
    "uniform": (None, None),
}


def formula_of(page: Explanation, name: str) -> str | None:
    step = next(step for solution in page.solutions for step in solution.steps if step.name == name)
    sides = () if step.formula is None else step.formula.sides
    return " = ".join(WRITER.write(side).replace(BREAK, "") for side in sides) or None


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_formulas_of_the_way_back_name_the_slope_of_the_raw_score(variant: Variant) -> None:
    page = explain(request(variant=variant.name), backward=True)
    assert (formula_of(page, "d_queries"), formula_of(page, "d_keys")) == FORMULAS[variant.name]


def test_the_formulas_of_the_way_back_name_given_weights_of_the_features() -> None:
    page = explain(request(variant="additive", v_a=np.array([2.0, 1, 1, -1])), backward=True)
    assert formula_of(page, "d_queries") == "dq = Σ dR·v_a·(1 − tanh(q + k)²)"
    assert formula_of(page, "d_keys") == "dk = Σ dR·v_a·(1 − tanh(q + k)²)"


def test_a_negative_factor_after_a_minus_stands_in_brackets() -> None:
    page = explanation_text(explain(request(variant="cosine", qk_norm="rms"), backward=True), Style(), 100)
    assert "− −" not in page
    assert "− (−" in page


def test_a_gradient_of_the_keys_that_overflows_is_an_error(run):
    huge = ("-1e200 0; 0 5e-324", "1 0; 0 1; 1e-320 1", "1e308; -1e308; 0")
    ran = run("explain", *huge, "--backward", "--grad", "ones", "--normalizer", "sparsemax")
    said = "error: d_keys: a gradient overflows float64\nhint: divide d_output by a power of ten\n"
    assert (ran.status, ran.out, ran.err) == (2, "", said)
