"""Tables on a terminal: no number is ever cut, labels are clipped before numbers, columns go into groups."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from attncli.cli.main import run_cli as run
from attncli.render import console

SENTENCE = "The quick brown fox jumps over the lazy dog and runs away into the dark woods"


@contextmanager
def terminal(columns: int) -> Iterator[None]:
    """A terminal of so many columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", str(columns))
        patch.setattr(console, "stdout_is_terminal", lambda: True)
        yield


def numbers_in(text: str, digits: int) -> Counter[str]:
    return Counter(re.findall(rf"(?<![\d.])\d\.\d{{{digits}}}(?!\d)", text))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("size", [1, 7, 16, 25])
@pytest.mark.parametrize("labelled", [False, True], ids=["plain", "labelled"])
def test_every_number_of_a_full_table_is_shown_whole(
    size: int, labelled: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(size)
    file = tmp_path / "p.yaml"
    keys = random.normal(size=(size, 2)).round(2).tolist()
    labels = f"labels: {{queries: [{SENTENCE}, b], keys: [{', '.join(f'{SENTENCE} {i}' for i in range(size))}]}}\n"
    file.write_text(f"queries: [[1, 2], [3, 4]]\nkeys: {keys}\n" + (labels if labelled else ""))
    for command in (["run", str(file), "--full", "--ascii"], ["compare", str(file), "--full", "--ascii"]):
        assert run(command) == 0
        whole = numbers_in(capsys.readouterr().out, 4)
        for columns in (20, 40, 80, 200):
            with terminal(columns):
                assert run(command) == 0
            out = capsys.readouterr().out
            assert not whole - numbers_in(out, 4), out
            if columns >= 40 and command[0] == "run":
                assert max(map(len, out.split("\n"))) <= columns


def test_groups_of_columns_say_which_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal(80):
        assert run(["run", "0.1", "0;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15", "--full", "--ascii"]) == 0
    out = capsys.readouterr().out
    assert re.findall("keys .* of 16", out) == ["keys 0 to 8 of 16", "keys 9 to 15 of 16"]
