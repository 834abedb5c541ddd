"""Another implementation's output beside the expected one, and what is told of errors on a pass too."""

import json

import numpy as np
import pytest

import attncli
from attncli.cli.main import run_cli

Q, K, V = (np.random.default_rng(3).normal(size=shape) for shape in ((4, 8), (6, 8), (6, 5)))


def right():
    """softmax(QKᵀ/√8) V in plain NumPy."""
    scores = Q @ K.T / np.sqrt(8)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True) @ V


@pytest.fixture
def check(tmp_path, monkeypatch, run):
    """`check(output, baseline)`: the status, the JSON of the output's check, and what is printed."""
    monkeypatch.chdir(tmp_path)
    np.savez("p.npz", q=Q, k=K, v=V)

    def command(output, baseline=None, *more):
        np.save("out.npy", output)
        words = ["check", "p.npz", "--expect-output", "out.npy", *more]
        if baseline is not None:
            np.save("base.npy", baseline)
            words += ["--baseline", "base.npy"]
        found = run(*words, "-f", "json")
        checks = json.loads(found.out)["cases"][0]["checks"] if found.status < 2 else found.err
        return found.status, checks[0] if found.status < 2 else checks, run(*words).out

    return command


def shifted(by):
    """The right output in float32 with one cell moved."""
    found = right().astype(np.float32)
    found[1, 2] += by
    return found


@pytest.mark.parametrize(("times", "status"), [(0.5, 0), (1.9, 0), (2.2, 1)])
def test_an_output_may_be_off_by_twice_as_much_as_the_baseline(check, times, status):
    found, told, _ = check(shifted(times * 8e-6), shifted(8e-6))
    assert found == status
    assert told["baseline"]["ratio"] == pytest.approx(times, rel=0.1)
    assert told["baseline"]["most"] == 2
    assert told["baseline"]["max_error"] == pytest.approx(8e-6, rel=0.1)


def test_the_ratio_is_reported_in_words(check):
    text = check(shifted(4e-6), shifted(8e-6))[2]
    assert "by 2 times the baseline's largest error" in text
    assert "times the baseline's largest error, 8e-06" in text.replace("\n    ", " ")


def test_a_baseline_that_is_wrong_itself_allows_nothing(check):
    status, told, text = check(shifted(1e-3), shifted(1e-2))
    assert status == 1
    assert told["baseline"]["verdict"] == "wrong"
    assert "the baseline is wrong itself, by up to 0.01: it allows nothing" in text


def test_a_baseline_without_an_error_allows_the_rounding_of_the_dtype(check):
    assert check(right().astype(np.float32), right())[0] == 0
    assert check(shifted(1e-6), right())[0] == 1


def test_a_slip_is_looked_for_where_the_baseline_is_better(check):
    status, _, text = check((right() * 0 + V.mean(axis=0)).astype(np.float32), shifted(1e-7))
    assert status == 1
    assert "variant-uniform" in text


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--rtol", "1e-3"], "error: --baseline: already sets a tolerance\nhint: leave out --rtol and --atol\n"),
        (["--baseline", "p.npz:q"], "error: --baseline: its shape is 4 × 8; expected 4 × 5\n"),
    ],
)
def test_a_baseline_that_cannot_be_meant_is_refused(tmp_path, monkeypatch, run, words, error):
    monkeypatch.chdir(tmp_path)
    np.savez("p.npz", q=Q, k=K, v=V)
    np.save("out.npy", right())
    given = words if "--baseline" in words else ["--baseline", "out.npy", *words]
    found = run("check", "p.npz", "--expect-output", "out.npy", *given)
    assert (found.status, found.err) == (2, error)


def test_a_baseline_needs_an_output_to_stand_beside(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    np.savez("p.npz", q=Q, k=K, v=V)
    np.save("out.npy", right())
    found = run("check", "p.npz", "--expect-weights", "out.npy", "--baseline", "out.npy")
    assert found.status == 2
    assert "a baseline is given, but no output is expected" in found.err


def test_python_has_the_baseline_too():
    attncli.assert_attention(shifted(1.5e-5), Q, K, V, baseline=shifted(8e-6))
    with pytest.raises(AssertionError, match="times the baseline's largest error"):
        attncli.assert_attention(shifted(3e-5), Q, K, V, baseline=shifted(8e-6))


def test_the_spread_of_errors_is_reported_on_a_pass_too(check):
    output = shifted(3e-6)
    status, told, text = check(output)
    error = np.abs(output.astype(float) - right())
    ulp = float(np.spacing(np.float32(np.abs(right()).max())))
    errors = told["errors"]
    assert (status, errors["unit"]) == (0, "ulp of float32")
    assert errors["largest"] == pytest.approx(error.max() / ulp)
    assert errors["mean"] == pytest.approx(error.mean() / ulp)
    assert errors["percentile_99"] == pytest.approx(np.percentile(error, 99) / ulp)
    one, two = output.astype(float).ravel(), right().ravel()
    assert errors["cosine"] == pytest.approx(one @ two / np.linalg.norm(one) / np.linalg.norm(two), abs=1e-14)
    assert errors["first"] == [1, 2]
    assert told["at"] == [1, 2]
    assert "    errors: largest " in text
    assert "first at [1, 2]" in text


def test_a_cell_near_0_is_counted_in_units_of_the_largest_number(check):
    tiny = right()
    tiny[0, 0] += 1e-3
    _, told, _ = check(tiny, None, "--atol", "1")
    assert told["errors"]["largest"] == pytest.approx(1e-3 / np.spacing(np.abs(right()).max()))


def test_right_numbers_as_they_are_printed_have_no_first_difference(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("p.npz", q=Q, k=K, v=V)
    rows = "\n".join(",".join(f"{cell:.4f}" for cell in row) for row in right())
    (tmp_path / "out.csv").write_text(rows + "\n")
    assert run_cli(["check", "p.npz", "--expect-output", "out.csv", "-f", "json"]) == 0
    errors = json.loads(capsys.readouterr().out)["cases"][0]["checks"][0]["errors"]
    assert errors["first"] is None
    assert 0.25 < errors["largest"] <= 0.5
    assert errors["unit"] == "units of the last digit"


def test_whole_numbers_that_are_wrong_are_not_noise(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "{queries: [[0, 0]], keys: [[1, 0], [0, 1]], values: [[2, 4], [4, 8]], expected: {output: [[4, 6]]}}"
    )
    found = run("check", path)
    assert found.status == 1
    assert "off by 1 unit of the last digit; one cell" in found.out
