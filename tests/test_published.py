"""Numbers that others have published, to the digits that they printed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest

from attncli import attend

CAR = {
    "queries": [[0.8, 0.66, 0.07, 0.35, 0.96, 0.05, 0.75, 0.00]],
    "keys": [
        [1, 0, 0.5, 1, 1, 0, 1, 0],
        [0, 1, 0, 1, 1, 1, 0, 0],
        [0.5, 0, 0.5, 0, 0, 0, 0, 1],
        [1, 1, 0, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 1, 0, 1, 0],
        [0, 1, 0, 0, 0, 1, 0, 0],
        [1, 0, 0, 0, 1, 0, 1, 0],
        [0, 0, 1, 0, 0, 0, 0, 1],
    ],
    "values": [[0.6], [0.9], [0.05], [0.25], [0.95], [0.01], [0.5], [0.01]],
}
CARS = [
    ("scaled", {}, "0.512328688216"),
    ("dot", {"variant": "dot"}, "0.627149297819"),
    ("divided by d_k, as the question writes it", {"scale": "1/dk"}, "0.448390983491"),
    ("laplace", {"variant": "laplace"}, "0.654109765716"),
]


@pytest.mark.parametrize(("options", "output"), [case[1:] for case in CARS], ids=[case[0] for case in CARS])
def test_how_much_it_looks_like_a_car(options: dict[str, Any], output: str) -> None:
    assert_as_printed(attend(**CAR, **options).output, output)


class Published(NamedTuple):
    """A problem and what its author printed for it; `printed` has rows parted by lines, numbers by spaces."""

    sentence: str
    problem: dict[str, Any]
    printed: dict[str, str]


PUBLISHED = [
    Published(
        "machinelearningmastery.com, the attention mechanism from scratch",
        {
            "queries": [[2, 0, 2], [2, 0, 0], [4, 0, 2], [2, 1, 2]],
            "keys": [[2, 2, 2], [0, 2, 1], [2, 4, 3], [0, 1, 1]],
            "values": [[1, 1, 0], [0, 1, 1], [1, 2, 1], [0, 0, 0]],
        },
        {
            "raw_scores": "8 2 10 2\n 4 0 4 0\n 12 2 14 2\n 10 4 14 3",
            "weights": """
                0.236089863 0.00738987555 0.749130386 0.00738987555
                0.454826323 0.0451736775 0.454826323 0.0451736775
                0.239275049 0.000743870015 0.759237211 0.000743870015
                0.0899501754 0.00281554063 0.905653685 0.00158059922
            """,
            "output": """
                0.98522025 1.74174051 0.75652026
                0.90965265 1.40965265 0.5
                0.99851226 1.75849334 0.75998108
                0.99560386 1.90407309 0.90846923
            """,
        },
    ),
    Published(
        "illustrated self-attention",
        {
            "variant": "dot",
            "queries": [[1, 0, 2], [2, 2, 2], [2, 1, 3]],
            "keys": [[0, 1, 1], [4, 4, 0], [2, 3, 1]],
            "values": [[1, 2, 3], [2, 8, 0], [2, 6, 3]],
        },
        {
            "weights": """
                0.063379 0.46831 0.46831
                6.0337e-06 0.98201 0.017986
                0.00029539 0.88054 0.11917
            """,
            "output": "1.9366 6.6831 1.5951\n 2 7.964 0.054\n 1.9997 7.7599 0.3584",
        },
    ),
    Published(
        "the Keras test of dot-product attention",
        {
            "variant": "dot",
            "queries": [[1, 0], [0, 1]],
            "keys": [[0, 1], [1, 0]],
            "values": [[1, 2], [3, 4]],
        },
        {"weights": "0.269 0.731\n 0.731 0.269", "output": "2.462 3.462\n 1.538 2.538"},
    ),
    Published(
        "a course's animals, mammal and reptile against five",
        {
            "queries": [[8.7, 3.2, 4.1], [2.1, 9.9, 1.6]],
            "keys": [[9.1, 1, 2.1], [0.1, 7.5, 4.3], [1.3, 5.5, 8.2], [7.6, 2.4, 4], [8.5, 2.7, 2.7]],
            "values": [
                [3.4, 1.3, 0.4, 9.8],
                [7.5, 3.9, 4.1, 0.2],
                [8.3, 2.8, 2.3, 0.1],
                [1.6, 8.4, 9.9, 3.4],
                [2.2, 9.4, 8.7, 1.1],
            ],
        },
        {
            "weights": """
                0.157823895 1.10228985e-13 1.16042942e-08 0.100599432 0.741576662
                5.25436708e-13 0.99829748 0.0017025112 1.4729768e-09 7.33251915e-09
            """,
            "output": "2.32902909 8.02102694 7.51078092 2.70444657\n 7.50136196 3.89812728 4.09693552 0.19982976",
        },
    ),
    Published(
        "attention by hand in a spreadsheet",
        {
            "queries": [[2, 0, 3], [1, 1, 2], [0, 1, 2], [2, 1, 1]],
            "keys": [[0, 0, 1], [2, 1, 0], [1, 0, -1], [0, 0, 1]],
            "values": [[20, 0, 0], [0, 0, 10], [0, 10, 0], [20, 10, 0]],
        },
        {
            "raw_scores": "3 4 -1 3\n 2 3 -1 2\n 2 1 -2 2\n 1 5 1 1",
            "weights": """
                0.25768992519603773 0.45902620089740415 0.025593948710520373 0.25768992519603773
                0.2526379583741795 0.4500270708944241 0.04469701235721694 0.2526379583741795
                0.37584028966758737 0.21099069277691304 0.03732872788791222 0.37584028966758737
                0.07652050458229058 0.7704384862531284 0.07652050458229058 0.07652050458229058
            """,
            "output": """
                10.307597007841508 2.832838739065581 4.590262008974041
                10.105518334967181 2.9733497073139645 4.5002707089442415
                15.033611586703495 4.131690175554996 2.1099069277691305
                3.0608201832916233 1.5304100916458117 7.704384862531284
            """,
        },
    ),
    Published(
        "the ONNX node test of a bidirectional window",
        {
            "window": [1, 2],
            "queries": [[0]] * 5,
            "keys": [[0]] * 5,
            "values": [[0], [1], [2], [3], [4]],
        },
        {"output": "1\n 1.5\n 2.5\n 3\n 3.5"},
    ),
    Published(
        "Wikipedia's softmax of 1, 2, 3, 4, 1, 2, 3, as distances from 4",
        {"variant": "laplace", "queries": [[4]], "keys": [[1], [2], [3], [4], [1], [2], [3]]},
        {"weights": "0.02364054 0.06426166 0.1746813 0.474833 0.02364054 0.06426166 0.1746813"},
    ),
    Published(
        "the car, with 40 digits",
        CAR,
        {
            "raw_scores": "2.895 2.02 0.435 2.56 3.17 0.71 2.51 0.07",
            "weights": """
                0.171048121057 0.125535138802 0.0716794134507 0.151942861769
                0.188513968769 0.0789986503512 0.149280467863 0.0630013779377
            """,
            "output": "0.512328688216",
        },
    ),
]


@pytest.mark.parametrize("case", PUBLISHED, ids=[case.sentence for case in PUBLISHED])
def test_every_printed_digit_holds(case: Published) -> None:
    result = attend(**case.problem)
    for name, printed in case.printed.items():
        assert_as_printed(result.array(name), printed)


def assert_as_printed(computed: np.ndarray, printed: str) -> None:
    """Within half a unit of the last digit: of its own where a number has an exponent, else of as many digits as the
    fullest of its neighbours shows, in decimals or in significant digits, whichever is coarser."""
    numbers = [Decimal(text) for text in printed.split()]
    plain = [number for number, text in zip(numbers, printed.split(), strict=True) if "e" not in text]
    decimals = max(-int(number.as_tuple().exponent) for number in plain)
    significant = max(len(number.as_tuple().digits) for number in plain if number)
    assert computed.size == len(numbers)
    for right, number, text in zip(computed.reshape(-1), numbers, printed.split(), strict=True):
        if significant >= 15:  # a float64 in full: sums may differ in their last bits
            assert float(right) == pytest.approx(float(number), rel=4e-15, abs=1e-15)
            continue
        last = int(number.as_tuple().exponent)
        if "e" not in text:
            last = -decimals if not number else max(-decimals, number.adjusted() + 1 - significant)
        unit = Decimal(1).scaleb(last)
        assert abs(Decimal(float(right)) - number) <= unit / 2 + Decimal("1e-15"), (float(right), text)


def test_a_masked_key_gets_nothing_as_a_course_prints_in_float32() -> None:
    result = attend(
        np.float32([[1, 0, 1, 1], [0, 1, 1, 1], [1, 0, 0, 1]]),
        np.float32([[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1]]),
        np.float32([[0, 0], [1, 0], [1, 0], [1, 1]]),
        mask=[[True, True, False, True]] * 3,
    )
    weights = [[0.30719590187072754, 0.5064803957939148, 0, 0.18632373213768005]]
    weights += [[0.3836517333984375, 0.3836517333984375, 0, 0.2326965481042862]] * 2
    output = [[0.6928040981292725, 0.18632373213768005]] + [[0.6163482666015625, 0.2326965481042862]] * 2
    assert result.weights.dtype == np.float32
    np.testing.assert_allclose(result.weights, weights, rtol=2.4e-7)
    np.testing.assert_allclose(result.output, output, rtol=2.4e-7)
    assert not result.weights[:, 2].any()


def test_inputs_printed_to_four_decimals_explain_what_is_off_by_a_unit_or_two() -> None:
    result = attend(
        [[0.7621, -0.0428], [1.1063, 0.789], [1.1164, -2.1336]],
        [[-0.1469, -0.3038], [0.1057, 0.3685], [-0.9914, -2.4152]],
        [[0.6038, 0.7434], [-0.3502, 0.5303], [3.8695, 2.4246]],
    )
    raw_scores = [[-0.099, 0.0648, -0.6523], [-0.4022, 0.4078, -3.0024], [0.4842, -0.6683, 4.0461]]
    weights = [[0.3573, 0.4011, 0.2416], [0.341, 0.6047, 0.0542], [0.0722, 0.032, 0.8959]]
    output = [[1.01, 1.0641], [0.204, 0.7057], [3.4989, 2.2427]]
    np.testing.assert_allclose(result.raw_scores, raw_scores, atol=2e-4)
    np.testing.assert_allclose(result.weights, weights, atol=1e-4)
    np.testing.assert_allclose(result.output, output, atol=3e-4)


PATTERNS = [
    (2, 5, "top-left", "10000 11000"),
    (2, 5, "bottom-right", "11110 11111"),
    (5, 2, "top-left", "10 11 11 11 11"),
    (5, 2, "bottom-right", "00 00 00 10 11"),
    (4, 4, "top-left", "1000 1100 1110 1111"),
    (4, 4, "bottom-right", "1000 1100 1110 1111"),
]


@pytest.mark.parametrize(
    ("n", "m", "align", "rows"), PATTERNS, ids=[f"{n} queries, {m} keys, {align}" for n, m, align, _ in PATTERNS]
)
def test_causal_is_the_pattern_of_flash_attention_and_torch(n: int, m: int, align: str, rows: str) -> None:
    pattern = np.array([[int(cell) for cell in row] for row in rows.split()])
    weights = attend(np.zeros((n, 1)), np.zeros((m, 1)), causal=True, align=align).weights
    np.testing.assert_array_equal(weights, pattern / np.maximum(pattern.sum(axis=1, keepdims=True), 1))


def test_a_corner_counts_valid_keys_as_onnx_does() -> None:
    """ONNX Attention's documentation: 4 queries, 8 keys; 4 valid ones give offset 0, 8 give 4."""
    zeros = np.zeros((2, 4, 1)), np.zeros((2, 8, 1))
    scores = attend(*zeros, causal=True, align="bottom-right", key_lengths=[4, 8]).scores
    rows = ["".join(str(int(cell)) for cell in row) for row in np.isfinite(scores).reshape(8, 8)]
    assert rows[:4] == ["10000000", "11000000", "11100000", "11110000"]
    assert rows[4:] == ["11111000", "11111100", "11111110", "11111111"]


def test_a_sliding_window_is_onnx_opset_25s() -> None:
    """Its documentation: 4 queries, 6 keys, 2 to the left, 1 to the right."""
    scores = attend(np.zeros((4, 1)), np.zeros((6, 1)), window=(2, 1)).scores
    rows = ["".join(str(int(cell)) for cell in row) for row in np.isfinite(scores)]
    assert rows == ["110000", "111000", "111100", "011110"]
