"""What run prints as JSON or YAML is its problem again, or says why it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

PROBLEM = ["1 0.5; 0.25 1", "1 0; 0 1; 2 1", "1 2; 3 4; 5 6"]


@pytest.mark.parametrize("format", ["json", "yaml"])
@pytest.mark.parametrize("suffix", ["format", "txt", "typed", "stdin"])
@pytest.mark.parametrize("options", [(), ("--scale", "2"), ("-a", "laplace", "--length-scale", "3")])
def test_a_result_with_its_matrices_is_its_problem_again(
    run, tmp_path: Path, format: str, suffix: str, options: tuple[str, ...]
) -> None:
    printed = run("run", *PROBLEM, *options, "--show", "all", "-f", format).out
    path = tmp_path / f"r.{format if suffix == 'format' else suffix}"
    path.write_text(printed)
    source = {"typed": printed, "stdin": "-"}.get(suffix, str(path))
    ran = run("run", source, "--show", "all", "-f", format, input=printed.encode())
    assert (ran.status, ran.out) == (0, printed)
    assert run("check", path, "--expect-output", f"{path}:output").status == 0 or suffix in ("typed", "stdin")


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_a_result_without_its_matrices_says_how_it_is_used(run, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"r.{format}"
    path.write_text(run("run", *PROBLEM, "-f", format).out)
    ran = run("run", path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        f"error: {path}: is a result of attncli run without its queries and keys\n"
        f"hint: run again with --show all; or attncli check PROBLEM --expect-output {path}\n"
    )


def test_a_result_with_other_settings_is_not_computed_without_them(run, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(run("run", *PROBLEM, "--causal", "--show", "all", "-f", "json").out)
    ran = run("run", path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        f"error: {path}: is a result of attncli run, which only describes its settings (causal, align)\n"
        f"hint: give them as options again: attncli run {path}:queries {path}:keys {path}:values …\n"
    )
    again = run("run", f"{path}:queries", f"{path}:keys", f"{path}:values", "--causal", "--show", "all", "-f", "json")
    assert again.out == path.read_text()


@pytest.mark.parametrize("conventions", ["5", "[causal]", "text"])
def test_keys_that_only_look_like_a_result_are_unknown(run, tmp_path: Path, conventions: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"variant: dot\nshapes: [1]\nconventions: {conventions}\nqueries: [[1]]\nkeys: [[1]]\n")
    assert f"{path}: line 2, column 1: unknown key 'shapes'" in run("run", path).err
