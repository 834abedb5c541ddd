"""Have LibreOffice calculate the workbooks of `attncli explain -o work.xlsx`, and compare every cell.

python tools/recalculate.py        # needs soffice, as in Debian's libreoffice-calc-nogui
"""

# ruff: noqa: T201
from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import openpyxl

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from explain.test_workbook import KEYS, QUERIES, SETTINGS, VALUES  # noqa: E402

from attncli.cli.main import run_cli  # noqa: E402

EXAMPLES = [[str(path)] for path in sorted((ROOT / "examples").glob("*.yaml"))]


def main() -> int:
    """Write all workbooks without their numbers, convert them in one go, compare; 1 where a cell differs."""
    cases = [[QUERIES, KEYS, VALUES, *words] for words in SETTINGS.values()] + EXAMPLES
    with tempfile.TemporaryDirectory() as folder:
        bare, calculated = Path(folder, "bare"), Path(folder, "calculated")
        bare.mkdir()
        stored = []
        for number, words in enumerate(cases):
            path = Path(folder, f"{number}.xlsx")
            assert run_cli(["explain", *words, "-o", str(path), "-q"]) == 0, words
            stored.append(openpyxl.load_workbook(path, data_only=True))
            openpyxl.load_workbook(path).save(bare / path.name)  # which writes no numbers of formulas
        command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", "xlsx"]
        files = [str(bare / f"{number}.xlsx") for number in range(len(cases))]
        subprocess.run([*command, "--outdir", str(calculated), *files], check=True, stdout=subprocess.DEVNULL)
        wrong = count = 0
        for number, (words, ours) in enumerate(zip(cases, stored, strict=True)):
            theirs = openpyxl.load_workbook(calculated / f"{number}.xlsx", data_only=True)
            for sheet in ours:
                for row in sheet.iter_rows():
                    for cell in row:
                        other = theirs[sheet.title][cell.coordinate].value
                        count += cell.value is not None
                        if not is_same(cell.value, other):
                            wrong += 1
                            print(f"{words[-2:]} {sheet.title}!{cell.coordinate}: {cell.value!r}, there {other!r}")
    print(f"{count:,} cells of {len(cases)} workbooks, {wrong} of them different")
    return bool(wrong)


def is_same(ours: object, theirs: object) -> bool:
    """Whether two cells hold the same text, or numbers that differ by rounding alone."""
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= 1e-9 * max(1, abs(ours))
    return (ours or "") == (theirs or "")


if __name__ == "__main__":
    sys.exit(main())
