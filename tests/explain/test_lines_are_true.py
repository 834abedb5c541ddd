"""Every line of every format, read back and computed from its own printed numbers, whatever the options."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from explain.board import PROBLEMS, page_of, worksheet
from explain.calculator import BACK, READERS, check

from attncli.explain import explain
from attncli.inputs.request import MATRIX_NAMES, Request
from attncli.inputs.settings import SETTINGS
from attncli.matrix import Matrix
from attncli.render.explain.formats import page_renderer
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style
from attncli.stages.normalizers import NORMALIZER_NAMES
from attncli.stages.row_transforms import PAIRING_NAMES, ROW_NORM_NAMES
from attncli.variants import VARIANTS


def problem(seed: int) -> Request:
    """A random problem with some options, in numbers of all sizes."""
    random = np.random.default_rng(seed)
    n, m, d, d_v = (int(size) for size in random.integers(1, 5, 4))
    d = d * 8 if seed % 11 == 0 else d
    size, decimals = float(random.choice([1, 1, 1, 100, 1e-3, 1e5])), int(random.choice([1, 2, 20]))

    def matrix(*shape: int) -> Matrix:
        return Matrix(np.round(random.normal(size=shape) * size, decimals), "m")

    variant = VARIANTS[seed % len(VARIANTS)]
    options: dict[str, object] = {"variant": variant.name}
    if random.random() < 0.5:
        options["bias"] = Matrix(np.round(random.normal(size=(n, m)), 3), "bias")
    if random.random() < 0.5:
        options["softcap"] = float(random.choice([1, 5, 30]))
        options["softcap_after_bias"] = bool(random.random() < 0.3)
    if random.random() < 0.3:
        options["causal"] = True
    if random.random() < 0.4 and not variant.has_length:
        options["scale"] = "0.37"
    known = {name: value for name, value in options.items() if name in Request.__dataclass_fields__}
    return Request(queries=matrix(n, d), keys=matrix(m, d), values=matrix(m, d_v), **known)  # type: ignore[arg-type]


def problem_with_stages(seed: int) -> Request:
    """A random problem with some of the stages between score and output."""
    random = np.random.default_rng(seed)
    n, m, d_v = (int(size) for size in random.integers(1, 5, 3))
    d = int(random.choice([2, 4]))

    def matrix(*shape: int) -> Matrix:
        return Matrix(np.round(random.normal(size=shape), 2), "m")

    options: dict[str, object] = {}
    if seed % 2:
        options["normalizer"] = str(random.choice(["sparsemax", "entmax15", "sigmoid", "tanh", "none"]))
    elif random.random() < 0.6:
        options["sink"] = (float(random.choice([0, 1.5, -2])),)
    if random.random() < 0.4:
        options["alibi"] = (0.25,)
    if random.random() < 0.4:
        options["softcap"] = 2.0
    if random.random() < 0.4:
        options["rope"], options["qk_norm"] = "half", "rms"
    if random.random() < 0.4:
        options["top_k"] = int(random.integers(1, 4))
    if random.random() < 0.4:
        options["dropout"], options["dropout_mask"] = 0.25, Matrix(random.random((n, m)) < 0.7, "dropout_mask")
    return Request(queries=matrix(n, d), keys=matrix(m, d), values=matrix(m, d_v), **options)  # type: ignore[arg-type]


SHOWN_ELSEWHERE = {"heads", "layout", "dtype", "system", "allow_nonfinite", "d_output"}  # they make no step of a query


def problem_with_every_stage(seed: int) -> Request:
    """A random problem with a few of all settings and matrices that a calculation can have."""
    random = np.random.default_rng([seed, 7])
    n, m, d_v = (int(size) for size in random.integers(1, 5, 3))
    d = int(random.choice([2, 4]))
    options: dict[str, object] = {}

    def matrix(*shape: int) -> Matrix:
        return Matrix(np.round(random.normal(size=shape), 2), "m")

    def ids(size: int) -> Matrix:
        return Matrix(np.sort(random.integers(0, 2, size)), "segments")

    def maybe(share: float, **made: object) -> None:
        if random.random() < share:
            options.update(made)

    maybe(0.3, variant=VARIANTS[seed % len(VARIANTS)].name)
    if options.get("variant") in ("laplace", "gaussian"):
        maybe(0.7, length_scale=2.0)
    if options.get("variant") == "additive":
        maybe(0.7, v_a=matrix(d))
    if "length_scale" not in options:
        maybe(0.2, scale="log(m+1)/sqrt(dk)")
    maybe(0.2, mask=Matrix(random.random((n, m)) < 0.7, "mask"), mask_means=("keep", "drop")[seed % 2])
    maybe(0.2, bias=matrix(n, m))
    maybe(0.3, causal=True)
    maybe(0.2, window=(1, 1))
    maybe(0.2, keep_first=1)
    maybe(0.2, prefix=2)
    maybe(0.2, chunk=2)
    maybe(0.2, segments=ids(n), key_segments=ids(m))
    maybe(0.2, key_lengths=Matrix(np.array([max(1, m - 1)]), "key_lengths"))
    maybe(0.3, align="bottom-right")
    if "align" not in options:
        maybe(0.2, query_offset=1)
    maybe(0.2, alibi=(0.5,))
    maybe(0.2, qk_norm=("l2", "rms")[seed % 2])
    maybe(0.4, rope=("half", "interleaved")[seed % 2])
    if "rope" in options:
        maybe(0.5, rope_base=100.0)
        maybe(0.5, rope_dims=2)
        maybe(0.5, rope_scale=2.0)
    maybe(0.3, softcap=2.0)
    if "softcap" in options:
        maybe(0.5, softcap_after_bias=True)
    maybe(0.3, normalizer=NORMALIZER_NAMES[seed % len(NORMALIZER_NAMES)])
    if options.get("normalizer", "softmax") == "softmax":
        maybe(0.4, sink=(0.5,))
    maybe(0.2, top_k=2)
    maybe(0.2, dropout=0.25, dropout_mask=Matrix(random.random((n, m)) < 0.7, "dropout_mask"))
    if random.random() < 0.2:  # projected from rows of three numbers
        rows = {"x": matrix(n, 3), "context": matrix(m, 3), "values_context": matrix(m, 3)}
        weights = {"w_q": matrix(3, d), "w_k": matrix(3, d), "w_v": matrix(3, d_v), "w_o": matrix(d_v, 2)}
        offsets = {"b_q": matrix(d), "b_k": matrix(d), "b_v": matrix(d_v), "b_o": matrix(2)}
        return Request(**rows, **weights, **offsets, **options)  # type: ignore[arg-type]
    return Request(queries=matrix(n, d), keys=matrix(m, d), values=matrix(m, d_v), **options)  # type: ignore[arg-type]


def with_gradient(request: Request, seed: int) -> Request:
    """The problem with a gradient at its output."""
    assert request.queries is not None
    assert request.values is not None
    shape = (request.queries.array.shape[0], request.values.array.shape[-1])
    gradient = np.round(np.random.default_rng(seed + 1000).normal(size=shape), 2)
    return replace(request, d_output=Matrix(gradient, "d_output"))


def check_page(request: Request, digits: int, **options: object) -> int:
    """Compute every line of the page in every format; how many sides were compared."""
    page = explain(request, digits=digits, **options)  # type: ignore[arg-type]
    counts = []
    for format, read in READERS.items():
        style = Style(digits)
        text = explanation_text(page, style, 100_000) if format == "text" else page_renderer(format)(page, style)
        lines = [line for line in read(text) if re.search("[=≈]", line)]
        counts.append(sum(check(_work(line), digits) for line in lines if _is_work(line)))
    assert max(counts[1:]) == min(counts[1:]), "each format says the same lines"
    return sum(counts)


def _is_work(line: str) -> bool:
    is_symbolic = re.match(r"\s*(raw score|scale|e|weight|output|new sum|d[PSRqkv]|d[wb]_[qkvo]) = ", line)
    return not is_symbolic and "other" not in line and "dO" not in line


def _work(line: str) -> str:
    """Without the label of a text page, and the words behind a line."""
    label = r"(?:query|key|key head \d+, key) \d+(?:, (?:[qkv] \d+|dk|length))?|sum|sink|output(?:, column(?: \d+)?)?|"
    label += rf"largest so far|factor|(?:sum|values) so far(?:, column(?: \d+)?)?|dq|(?:{BACK})[^=≈]*?"
    line = re.sub(rf"^(?:{label})  +", "", line)
    return re.split(r"  +(?=of |masked|the |dropped|not |no )| \((?=of |masked|the |dropped|not |no )", line)[0]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(66))
def test_each_line_comes_to_what_it_says(seed: int) -> None:
    assert check_page(problem(seed), (1, 4, 9)[seed % 3]) > 0


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(60))
def test_each_line_of_a_stage_comes_to_what_it_says(seed: int) -> None:
    assert check_page(problem_with_stages(seed), (2, 4, 9)[seed % 3]) > 0


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(30))
def test_each_line_of_a_running_softmax_comes_to_what_it_says(seed: int) -> None:
    request = replace(problem_with_stages(seed), normalizer="softmax", top_k=None)
    assert check_page(request, (2, 4, 9)[seed % 3], blocks=1 + seed % 4) > 0


SEEDS = range(40)  # the fewest that have every setting


@pytest.mark.parametrize("seed", SEEDS)
def test_each_line_of_every_setting_comes_to_what_it_says(seed: int) -> None:
    check_page(problem_with_every_stage(seed), (2, 4, 9)[seed % 3])


def test_every_setting_and_matrix_of_a_calculation_is_among_the_recomputed() -> None:
    requests = [problem_with_every_stage(seed) for seed in SEEDS]
    names = {*(setting.name for setting in SETTINGS), *MATRIX_NAMES} - SHOWN_ELSEWHERE
    unused = {name for name in names if all(getattr(request, name) is None for request in requests)}
    assert not unused, "give them to problem_with_every_stage"
    for name, choices in (
        ("variant", {variant.name for variant in VARIANTS}),
        ("normalizer", set(NORMALIZER_NAMES)),
        ("rope", set(PAIRING_NAMES)),
        ("qk_norm", set(ROW_NORM_NAMES)),
    ):
        assert choices <= {getattr(request, name) for request in requests}, name


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(66))
def test_each_line_of_the_way_back_comes_to_what_it_says(seed: int) -> None:
    request = problem(seed) if seed % 5 else problem_with_stages(seed)
    assert check_page(with_gradient(request, seed), (2, 4, 9)[seed % 3], backward=True) > 0


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_each_line_of_a_page_says_the_same_in_every_format(path: object) -> None:
    page = page_of(worksheet(path).request, digits=4)  # type: ignore[arg-type]
    for format, read in list(READERS.items())[1:]:
        for line in read(page_renderer(format)(page, Style(4))):
            if re.search("[=≈]", line) and "[" not in line.partition("=")[0]:
                check(_work(line), 4)


def test_a_false_line_would_be_found() -> None:
    with pytest.raises(AssertionError):
        check("2 · 0.707107 ≈ 1.4142 + 1 = 2.4142", 4)
    with pytest.raises(AssertionError):
        check("0.0004·0.0003 ≈ 1.5e-07", 4)


ROUNDED = {
    "a product": (("0.1 0.3", "3 -1; 1 1"), "0.3 − 0.3 = 0"),
    "a distance": (("0.30000000000000004", "0.3; 1"), "−|0.3 − 0.3| = 0"),
    "a score and a bias": (("1", "0.3; 1"), "0.3 − 0.3 = 0"),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_rounding_is_not_arithmetic(name: str) -> None:
    (queries, keys), line = ROUNDED[name]
    rows = [np.array([[float(x) for x in row.split()] for row in text.split(";")]) for text in (queries, keys)]
    more: dict[str, object] = {"variant": "laplace" if name == "a distance" else "dot"}
    if name == "a score and a bias":
        more["bias"] = Matrix(np.array([[-0.30000000000000004, 0.0]]), "bias")
    request = Request(queries=Matrix(rows[0], "q"), keys=Matrix(rows[1], "k"), **more)  # type: ignore[arg-type]
    text = explanation_text(explain(request), Style(), 200)
    assert line in text
    assert not re.search(r"e-1[5-9]", text)


def test_a_length_below_the_root_of_the_least_number_is_not_zero() -> None:
    request = Request(
        queries=Matrix(np.array([[1e-200, 0.0]]), "q"), keys=Matrix(np.array([[1e-200, 0.0]]), "k"), variant="cosine"
    )
    text = explanation_text(explain(request), Style(), 200)
    assert "‖q‖ = √(1.0e-200² + 0²) = 1.0e-200" in text
    assert "/ (1.0e-200·1.0e-200) = 1" in text
