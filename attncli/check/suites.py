"""Several problems at once: the problems in a list of files and folders, and the outcome of each."""

# A path stays the text that was typed.
# ruff: noqa: PTH118, PTH122
from __future__ import annotations

import os
import re
from collections import Counter
from io import BytesIO
from pathlib import Path

from attncli.check.report import CaseReport
from attncli.errors import AttncliError, InputError
from attncli.files import exists, is_folder, list_folder, path_text, read_bytes
from attncli.formats import BY_SUFFIX
from attncli.inputs.answers import read_answers
from attncli.inputs.array_names import matrix_name, result_name
from attncli.inputs.folders import is_problem_folder, matrices_in, problems_in
from attncli.inputs.matrices_apart import is_matrix
from attncli.inputs.onnx_case import case_folders, case_name
from attncli.inputs.sources import Sources, source_name
from attncli.matrix import Reading
from attncli.patterns import pattern
from attncli.records import record

_KEY = pattern(r"(?:^|[{,])[ \t]*[\"']?([A-Za-z_]+)[\"']?[ \t]*:", re.MULTILINE)
_SHOWN = 10  # files that a note names
_START = 1 << 16  # bytes in which the keys of a sheet are looked for


@record
class CaseOutcome:
    """The report of one problem, or the error instead, or neither if it expects nothing."""

    name: str
    report: CaseReport | None = None
    error: AttncliError | None = None

    @property
    def verdict(self) -> str:
        """Return the verdict of the report, `error`, or `skipped`."""
        if self.error is not None:
            return "error"
        return "skipped" if self.report is None else self.report.verdict


def answer_files(folder: str) -> tuple[list[str], str | None]:
    """Return the files of a folder that may be answers, those of a known format, sorted; and a note about the others.

    Hidden files and the locks of office programs are no answers.
    """
    entries = [entry for entry in list_folder(folder) if not entry.startswith((".", "~$"))]
    folders = [entry for entry in entries if is_folder(os.path.join(folder, entry))]
    known = [entry for entry in entries if os.path.splitext(entry)[1].lower() in BY_SUFFIX and entry not in folders]
    if not known:
        hint = f"attncli check PROBLEM {path_text(folder)}/*/*" if folders else "an answer is one matrix, as in ben.csv"
        raise InputError(path_text(folder), "holds no file of numbers", hint)
    others = [entry for entry in entries if entry not in known]
    shown = ", ".join(map(path_text, others[:_SHOWN])) + (", …" if len(others) > _SHOWN else "")
    note = f"{path_text(folder)}: not judged, not a known format: {shown}" if others else None
    return [os.path.join(folder, entry) for entry in known], note


def split_answers(words: list[str]) -> tuple[list[str], list[str]]:
    """Return a problem and the answers after it, tables of numbers or answer sheets. Otherwise all words are problems,
    or Q, K and V.

    Among answers every other file is one too, whose own error does not change what the others are: a problem, with
    expected numbers as a form that was filled in or without them, and a file that is not there or not readable.
    """
    first, *others = words
    if not others or _is_table(first) or (first.strip() != "-" and is_matrix(first, _sources())):
        return words, []
    kinds = [_kind_of(word) for word in others]
    if (TABLE in kinds or SHEET in kinds) and FOLDER not in kinds and _kind_of(first) != SHEET:
        return [first], others
    return words, []


def _kind_of(word: str) -> str:
    """Return what a word may be: a table, an answer sheet, a folder or standard input, or any other file."""
    if _is_table(word):
        return TABLE
    if _is_gone(word):
        return OTHER
    if word.strip() == "-" or is_folder(word):
        return FOLDER
    sources = _sources()
    try:
        answers = read_answers(word, sources)
        if answers is None:
            return TABLE if is_matrix(word, sources) else OTHER
    except AttncliError:  # reported where the file is judged
        return SHEET if _has_keys_of_a_sheet(word) else OTHER
    return OTHER if answers.has_problem else SHEET


def _sources() -> Sources:
    return Sources(BytesIO, Reading(keep_text=True))  # which shows blank cells


def _has_keys_of_a_sheet(word: str) -> bool:
    """Return whether a file that cannot be read has the names of results among its keys, and none of Q and K."""
    if os.path.splitext(word)[1].lower() not in (".yaml", ".yml", ".json"):
        return False
    keys = set(_KEY.findall(read_bytes(word)[:_START].decode("utf-8", "replace")))
    return any(map(result_name, keys)) and not any(matrix_name(key) in ("queries", "keys", "x") for key in keys)


def _is_table(word: str) -> bool:
    """Return whether this is the name of a table, which may not exist, and not of a folder."""
    return os.path.splitext(word)[1].lower() in TABLES and not (exists(word) and is_folder(word))


def _is_gone(word: str) -> bool:
    return word.strip() != "-" and not exists(word)


TABLE, SHEET, FOLDER, OTHER = "table", "sheet", "folder", "other"
TABLES = (".csv", ".tsv", ".txt", ".npy", ".xlsx", ".ods", ".md", ".tex")


def problem_sources(words: list[str]) -> list[tuple[str, str]]:
    """Return (source, name) of every problem. A folder that is not a problem itself stands for each problem in it,
    sorted."""
    found = []
    for word in words:
        for source in _in_folder(word) if exists(word) and is_folder(word) else [word]:
            found.append((source, case_name(source) if case_folders(source) else source_name(source)))
    return tell_apart(found)


def tell_apart(named: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (source, name) with the folders in front of a name that several have, as many as tell them apart:
    `01/answers`. Where these do not, the suffixes do: `ann.csv`."""
    counts = Counter(name for _, name in named)
    longest = max((len(_folders(source)) for source, _ in named), default=0)
    for depth in range(1, longest + 1):
        if max(counts.values(), default=1) == 1:
            break
        named = [
            (source, name if counts[name] == 1 else "/".join([*_folders(source)[-depth:], name.rpartition("/")[2]]))
            for source, name in named
        ]
        counts = Counter(name for _, name in named)
    return [
        (source, name if counts[name] == 1 else f"{name}{os.path.splitext(source)[1]}" if exists(source) else name)
        for source, name in named
    ]


def _folders(source: str) -> list[str]:
    """Return the folders of a path that is there, outermost first."""
    return [path_text(part) for part in Path(source).parts[:-1] if part != "/"] if exists(source) else []


def _in_folder(folder: str) -> list[str]:
    if is_problem_folder(folder) or case_folders(folder):
        return [folder]
    if found := problems_in(folder):
        return found
    if matrices_in(folder) & {"queries", "keys", "x"}:
        return [folder]  # a part of a problem, whose error says what is missing
    hint = "a problem file ends in .yaml, .json, .npz or .safetensors"
    if any(map(_is_table, (os.path.join(folder, entry) for entry in list_folder(folder)))):
        hint = f"if these are answers to a problem: --expect-output {path_text(folder)}"
    raise InputError(path_text(folder), "holds no problem file", hint)
