"""What goes wrong with one problem of several is that problem's error; the others are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

RIGHT = "queries: [[1, 0], [0, 1]]\nkeys: [[1, 0], [0, 1]]\nvalues: [[1], [1]]\nexpected: {{output: [[{}], [1]]}}\n"
EXPONENTS = [
    "1e-99999999999999999999",
    "0e99999999999999999999",
    "0e-99999999999999999999",
    "-0.0e+400",
    "1e-" + "9" * 5000,
    "1e-" + "0" * 5000 + "1",
    "1.5E-400",
]


@pytest.mark.parametrize("cell", EXPONENTS, ids=lambda cell: cell[:30])
def test_an_exponent_beyond_all_measure_is_judged_as_any_number(run, tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT.format(cell))
    (tmp_path / "b.yaml").write_text(RIGHT.format("1"))
    ran = run("check", str(tmp_path))
    assert ran.status in (0, 1)
    assert "exact  b" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (OverflowError("too large"), 70, "error: attncli: a bug, OverflowError: too large"),
        (ValueError("no"), 70, "error: attncli: a bug, ValueError: no"),
        (RecursionError("deep"), 70, "error: attncli: a bug, RecursionError: deep"),
        (MemoryError(), 2, "error: a: not enough memory for this problem"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_one_problem_raises_the_others_are_judged(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int, said: str
) -> None:
    import attncli.cli.cases

    original = attncli.cli.cases.check

    def check(worksheet, **given):
        if worksheet.name == "a":
            raise raised
        return original(worksheet, **given)

    monkeypatch.setattr(attncli.cli.cases, "check", check)
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(RIGHT.format("1"))
    ran = run("check", str(tmp_path))
    assert ran.status == status
    assert ran.err.startswith(said)
    assert "b" in ran.out
    assert "exact" in ran.out


@pytest.mark.parametrize("setting", ["scale: 5e-324", "scale: -1e-320", "softcap: 5e-324"])
def test_a_number_at_the_end_of_float64_is_not_a_bug_where_another_is_looked_for(run, tmp_path, setting):
    path = tmp_path / "p.yaml"
    expected = "[[0.4011, 0.1978, 0.4011], [0.1408, 0.5710, 0.2882]]"
    path.write_text(
        f"queries: [[1, 0], [0, 1]]\nkeys: [[1, 0], [0, 2], [1, 1]]\n{setting}\nexpected: {{weights: {expected}}}\n"
    )
    assert run("check", path).status == 1
