"""What is numba's own: when it is taken, and what is said without it."""

import numpy as np
import pytest

from attncli.api import attend
from attncli.engine import engines
from attncli.errors import MissingExtraError, install_command

VARIANTS = ("scaled", "laplace", "gaussian", "cosine", "uniform")


def random_arrays(*lead, n=300, m=280, d=7, dtype="float64"):
    source = np.random.default_rng(11)
    return [source.standard_normal((*lead, rows, d)).astype(dtype) for rows in (n, m, m)]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lead", [(), (6, 5)], ids=["one part", "parts"])
def test_numba_agrees_with_numpy(variant, dtype, lead):
    pytest.importorskip("numba")
    arrays = random_arrays(*lead, dtype=dtype, **({"n": 9, "m": 8} if lead else {}))
    positions = ({"causal": True, "query_offset": -4}, {"window": "2,1"}, {"window": "0,5", "query_offset": 6})
    for options in (
        {},
        {"causal": True},
        *positions,
        {"scale": 40},
        {"softcap": 3},
        {"mask": np.arange(arrays[1].shape[-2]) % 3},
    ):
        mine = {name: attend(*arrays, variant=variant, engine=name, **as_mask(options)) for name in ("numba", "numpy")}
        for name in ("output", "weights", "lse"):
            found, right = mine["numba"].array(name), mine["numpy"].array(name)
            np.testing.assert_allclose(
                found, right, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-5 if dtype == "float32" else 1e-14
            )


@pytest.mark.parametrize("options", [{}, {"causal": True, "query_offset": 19_000}, {"window": "17000,5"}], ids=str)
def test_more_keys_than_are_gathered_in_one_go_agree_with_numpy(options):
    pytest.importorskip("numba")
    arrays = random_arrays(n=300, m=20_000, d=3)
    found, right = (attend(*arrays, engine=name, **options).output for name in ("numba", "numpy"))
    np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"key_lengths": [250, 3]}], ids=str)
@pytest.mark.parametrize("key_heads", [16, 4])
def test_heads_that_are_gathered_together_agree_with_numpy(options, key_heads):
    pytest.importorskip("numba")
    source = np.random.default_rng(2)
    arrays = [source.standard_normal((2, heads, 260, 5)) for heads in (16, key_heads, key_heads)]
    found, right = (attend(*arrays, engine=name, **options).output for name in ("numba", "numpy"))
    np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("variant", ["scaled", "laplace"])
def test_numba_takes_arrays_as_they_lie_in_memory(variant):
    """Read-only, not aligned, in the order of columns, or every second column of a wider one."""
    pytest.importorskip("numba")
    rows = np.random.default_rng(8).standard_normal((30, 6))
    right = attend(rows, rows, rows, variant=variant).output
    wide = np.repeat(rows, 2, axis=1)
    shifted = np.frombuffer(b"-" + rows.tobytes(), np.uint8)[1:].view(np.float64).reshape(rows.shape)
    assert not shifted.flags.aligned
    for array in (shifted, np.asfortranarray(rows), wide[:, ::2]):
        array.flags.writeable = False
        found = attend(array, array, array, variant=variant, engine="numba").output
        np.testing.assert_allclose(found, right, rtol=1e-12)


def as_mask(options):
    return {name: value > 0 if name == "mask" else value for name, value in options.items()}


@pytest.mark.parametrize("missing", ["numba", "scipy"])
def test_without_what_numba_needs_the_engine_is_an_error_that_says_what_to_install(monkeypatch, missing):
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(MissingExtraError) as caught:
        _ = attend([[1.0]], [[1.0]], engine="numba").weights
    assert str(caught.value) == f"--engine numba: this needs {missing}, which is not installed"
    assert caught.value.hint == install_command("fast")


def test_auto_takes_numba_by_the_problem_and_only_where_it_is_installed(monkeypatch):
    small = attend([[1.0]], [[1.0]], variant="laplace").problem
    row = np.broadcast_to(np.zeros(64, np.float32), (20_000, 64))
    large = attend(row, row, row, variant="laplace").problem
    monkeypatch.setattr(engines, "find_spec", lambda _name: object())
    assert [engines.choose_engine(problem, "auto").name for problem in (small, large)] == ["numpy", "numba"]
    for missing in ("numba", "scipy"):
        monkeypatch.setattr(engines, "find_spec", lambda name, missing=missing: None if name == missing else object())
        assert engines.choose_engine(large, "auto").name == "numpy"
