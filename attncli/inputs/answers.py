"""Answers: the expected numbers of a problem, or a sheet that holds nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from attncli.errors import InputError, nearest
from attncli.files import exists, is_folder, path_text
from attncli.formats.contents import Contents
from attncli.formats.tree_places import Key
from attncli.inputs.array_names import matrix_name, result_name, results_by_name, says_step
from attncli.inputs.mapping_reader import MappingReader
from attncli.inputs.request import EXPECTED_NAMES, RESULT_NAMES
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix
from attncli.records import record

PRINTED_KEYS = frozenset(("variant", "shapes", "conventions"))  # among the keys that `run -f json` and `-f yaml` print
BESIDE_ANSWERS = frozenset(("digits", "title", "source", "labels"))  # keys of a sheet that holds only answers


@record
class Answers:
    """The expected numbers of a document, with their `digits`; `has_problem` if it has queries or keys of its own.

    `left_out` are arrays beside them. `has_plain_scores` if its only scores are called by a word that people use for
    the raw scores too.
    """

    expected: Mapping[str, Matrix]
    digits: int | Mapping[str, int] | None
    has_problem: bool
    left_out: tuple[str, ...] = ()
    has_plain_scores: bool = False


def read_answers(text: str, sources: Sources) -> Answers | None:
    """Return the answers in a file, or None if it holds another problem, or one matrix.

    They are the expected numbers of a problem, or a sheet with nothing else: matrices by their names, in a YAML or JSON
    file also under `expected`.
    """
    if not exists(text) or is_folder(text) or text.lower().endswith(".npy"):
        return None
    contents = sources.contents(text)
    tree = contents.tree
    if tree is None:
        return _answers_by_name(contents)
    if not isinstance(tree.root, dict):
        return None
    keys = tree.root.keys()
    is_bare, has_problem = "expected" not in keys, any(matrix_name(key) in ("queries", "keys", "x") for key in keys)
    if is_bare and (has_problem or not any(map(result_name, keys))):
        return None
    reader = _AnswerReader(tree, (), path_text(text), os.path.dirname(text), sources)  # noqa: PTH120 - "" is the current folder
    return Answers(
        expected=reader.answers(() if is_bare else ("expected",)),
        digits=reader.digits() if "digits" in keys else None,
        has_problem=has_problem,
    )


def _answers_by_name(contents: Contents) -> Answers | None:
    """Return arrays that are named as results, or the only array if its table is, or None.

    Raises InputError for rows of a text under another name, because they may be an answer, and for two names for one
    result.
    """
    roles = results_by_name(contents.matrices)
    is_table = set(contents.matrices) == {""} or contents.select is not None
    if not roles and len(contents.matrices) == 1 and is_table:
        matrix = next(iter(contents.matrices.values()))()
        role = result_name(matrix.title or "") or result_name(f"{matrix.title}s")
        return None if role is None else Answers({role: matrix}, None, has_problem=False)
    if not roles or any(matrix_name(name) in ("queries", "keys", "x") for name in contents.matrices):
        return None
    known = {name for called in roles.values() for name in called}
    others = _left_out({name: make for name, make in contents.matrices.items() if name not in known}, contents.where)
    return _answers_of(contents, roles, others)


def _answers_of(contents: Contents, roles: dict[str, list[str]], left_out: list[str]) -> Answers | None:
    """Return the arrays that are called so, or None if none of them is a result.

    Raises InputError for two names for one result.
    """
    before = roles.pop("", [])
    for called in roles.values():
        if len(called) > 1:
            both = f"{path_text(' and '.join(called[:2]))} are two names for the same thing"
            raise InputError(contents.where, both, "keep one of them")
    if not roles:
        return None
    is_plain = "scores" in roles and "raw_scores" not in roles and not says_step(roles["scores"][0])
    return Answers(
        expected={role: contents.matrices[called[0]]() for role, called in roles.items()},
        digits=None,
        has_problem=False,
        left_out=(*before, *left_out),
        has_plain_scores=is_plain,
    )


def results_beside(text: str, sources: Sources) -> Answers | None:
    """Return the results that a text of named arrays holds beside a problem, as a worked example does, or None."""
    contents = sources.whole(text)
    if contents is None or contents.tree is not None:
        return None
    roles = results_by_name(name for name in contents.matrices if matrix_name(name) is None)
    found = _answers_of(contents, roles, []) if roles else None
    is_text = found is not None and all(matrix.texts is not None for matrix in found.expected.values())
    return found if is_text else None


def _left_out(others: Mapping[str, Callable[[], Matrix]], where: str) -> list[str]:
    """Return the names of arrays that are no results: those of a binary file, and lists of a text.

    Raises InputError for rows of a text.
    """
    for name, make in others.items():
        matrix = make()
        if matrix.texts is not None and matrix.array.ndim > 1:
            near = nearest(name, EXPECTED_NAMES)
            cure = f"did you mean {near!r}?" if near else f"one of: {', '.join(RESULT_NAMES)}; or leave it out"
            raise InputError(where, f"{path_text(name)!r} is the name of no result", cure)
    return list(others)


def given_matrices(text: str, sources: Sources) -> dict[str, Matrix]:
    """Return the matrices of the problem that a form has beside its answers, without those that cannot be read."""
    contents = sources.contents(text)
    assert contents.tree is not None
    reader = MappingReader(contents.tree, (), path_text(text), os.path.dirname(text), sources)  # noqa: PTH120
    found = {}
    for key in reader.mapping(()):
        if (name := matrix_name(key)) is not None:
            with suppress(InputError):
                found[name] = reader.matrix((key,), name)
    return found


def read_expected(text: str, role: str, sources: Sources, where: str) -> Matrix:
    """Return the matrix that is expected as `role`: a source, or that matrix among the answers in a file."""
    answers = read_answers(text, sources)
    if answers is not None and role in answers.expected:
        return answers.expected[role]
    return sources.matrix(text, role=role, where=where)


def unasked_answers(text: str, roles: Iterable[str], sources: Sources) -> list[str]:
    """Return the results in a file of answers that are none of those that were asked of it."""
    if text.strip() == "-":
        return []
    answers = read_answers(text, sources)
    return [] if answers is None else [name for name in answers.expected if name not in roles]


def _has_rows(node: Any) -> bool:
    """Return whether a node is a list of lists, a mapping of lists, or text of several lines."""
    if isinstance(node, str):
        return "\n" in node
    parts = node.values() if isinstance(node, dict) else node
    return any(isinstance(part, list) for part in parts)


class _AnswerReader(MappingReader):
    """A mapping that somebody wrote, or that `run` printed."""

    def answers(self, path: tuple[str, ...]) -> dict[str, Matrix]:
        """Return the results in a mapping that somebody wrote, whose names may be written in any way.

        Words and numbers beside them, as a name or a remark, are left out, and so is what belongs to a problem. Raises
        InputError for rows under another name, because they may be an answer.
        """
        named: dict[str, tuple[str, ...]] = {}
        is_printed = self.mapping(path).keys() >= PRINTED_KEYS  # by `run`, with more beside the results
        for key, node in self.mapping(path).items():
            role = result_name(key)
            is_known = is_printed or key in BESIDE_ANSWERS or matrix_name(key) not in (None, "x", "context")
            if role is None and _has_rows(node) and not (path == () and is_known):
                raise self.unknown_answer((*path, key))
            if role in named:
                both = f"{named[role][-1]} and {key} are two names for the same thing"
                raise self.fault((*path, Key(key)), both, "keep one of them")
            if role is not None:
                named[role] = (*path, key)
        return self.results(named)

    def unknown_answer(self, path: tuple[str, ...]) -> InputError:
        near = nearest(path[-1], EXPECTED_NAMES)
        cure = f"did you mean {near!r}?" if near else f"one of: {', '.join(RESULT_NAMES)}; or leave it out"
        return self.fault((*path[:-1], Key(path[-1])), f"unknown key {path_text(path[-1])!r}", cure)
