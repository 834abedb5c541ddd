"""`check Q K V --expect-output FILE` is taken as `run` takes Q, K and V."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import attend

QUERIES, KEYS, VALUES = np.eye(2), np.array([[1.0, 2], [3, 4]]), np.array([[5.0], [6]])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, array in (("q", QUERIES), ("k", KEYS), ("v", VALUES)):
        np.save(f"{name}.npy", array)
    np.savez("all.npz", q=QUERIES, k=KEYS, v=VALUES)
    np.save("o.npy", attend(QUERIES, KEYS, VALUES).output)
    np.save("w.npy", attend(QUERIES, KEYS).weights)


@pytest.mark.parametrize(
    "words",
    [
        ("q.npy", "k.npy", "v.npy", "--expect-output", "o.npy"),
        ("all.npz:q", "all.npz:k", "all.npz:v", "--expect-output", "o.npy"),
        ("q.npy", "k.npy", "--expect-weights", "w.npy"),
        ("1 0; 0 1", "1 2; 3 4", "5; 6", "--expect-output", "o.npy"),
    ],
)
def test_matrices_apart_are_one_case(run, words) -> None:
    status, out, _ = run("check", *words)
    assert status == 0
    assert out.startswith("within-tolerance")


def test_a_wrong_answer_is_found(run) -> None:
    assert run("check", "q.npy", "k.npy", "v.npy", "--expect-output", "v.npy")[0] == 1


def test_several_problems_stay_several(run) -> None:
    status, out, _ = run("check", "all.npz", "all.npz", "--expect-output", "o.npy")
    assert status == 0
    assert out.endswith("2 cases: 2 within-tolerance\n")
