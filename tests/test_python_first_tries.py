"""What somebody tries first in Python."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest

import attncli
from attncli import AttncliError, attend

Q, K, V = np.array([[2.0, 0.0], [0.0, 1.0]]), np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])


class Frame:
    """As much of a data frame as labels need."""

    def __init__(self, cells: np.ndarray, index: list[object], columns: list[object]) -> None:
        self.cells, self.index, self.columns = cells, index, columns

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        del dtype, copy
        return self.cells


def test_the_package_shows_what_is_public() -> None:
    attend(Q, K, V)
    assert dir(attncli) == ["AttncliError", "__version__", "assert_attention", "attend"]


def test_one_query_says_what_to_write() -> None:
    with pytest.raises(AttncliError) as caught:
        attend(Q[0], K, V)
    assert caught.value.__notes__ == ["hint: write [[2, 0]] for one row, or [[2], [0]] for one column"]
    attend(Q[0:1], K, V)


@pytest.mark.parametrize(
    ("options", "note"), [({"variant": "lapalce"}, "hint: did you mean 'laplace'?"), ({"scale": "1/"}, "")]
)
def test_what_cannot_be_meant_is_a_value_error_whose_hint_is_a_note(options: dict[str, str], note: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        attend(Q, K, V, **options)  # type: ignore[arg-type]
    assert isinstance(caught.value, AttncliError)
    assert note in "".join(caught.value.__notes__)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.__notes__) == (str(caught.value), caught.value.__notes__)


def test_a_frame_s_labels_are_kept() -> None:
    result = attend(Frame(Q, ["a", "b"], ["x", "y"]), Frame(K, ["c", "d"], ["x", "y"]), Frame(V, [0, 1], ["u", "w"]))
    labels = result.problem.words.labels
    assert (labels.queries, labels.keys, labels.values) == (("a", "b"), ("c", "d"), ("u", "w"))


@pytest.mark.parametrize("variant", ["scaled", "Scaled", "SCALED"])
def test_names_of_settings_are_taken_in_any_case(variant: str) -> None:
    assert attend(Q, K, V, variant=variant).problem.variant.name == "scaled"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("is_causal", "did you mean 'causal'?"),
        ("attn_mask", "mask=MATRIX, with 1 where a query may attend, or the other way round where mask_means is drop"),
        ("temperature", "scale=S, which is one over the temperature"),
        ("num_heads", "did you mean 'heads'?"),
        ("as", "did you mean 'system'?"),
        ("framework", "system=SYSTEM"),
        ("dropout_p", "did you mean 'dropout'?"),
        ("v", "did you mean 'values'?"),
        ("causl", "did you mean 'causal'?"),
        ("x", "project first: attend(x @ w_q + b_q, x @ w_k + b_k, x @ w_v + b_v)"),
        ("w_o", "project first: attend(x @ w_q + b_q, x @ w_k + b_k, x @ w_v + b_v)"),
    ],
)
def test_a_word_that_is_not_a_setting_gets_the_hint_of_the_command_line(word: str, hint: str) -> None:
    for call in (attend, lambda *arrays, **settings: attncli.assert_attention(None, *arrays, **settings)):
        with pytest.raises(AttncliError) as caught:
            call(Q, K, V, **{word: 1})
        assert str(caught.value) == f"{word}: is not a setting of attend"
        assert caught.value.__notes__ == [f"hint: {hint}"]
    assert "causal" in inspect.signature(attend).parameters
