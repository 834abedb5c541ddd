"""Problem files: each key is converted to its field of a `Worksheet`, and back to text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from attncli.errors import InputError, ValueFault, nearest, suggest
from attncli.files import exists, is_folder, path_text
from attncli.formats.contents import Contents, Folded, Quoted, Tree
from attncli.formats.tree import NULLS, describe_node, labelled_rows, matrix_at
from attncli.formats.tree_places import Key, Path, fault_at, node_at, refuse_decimal_commas
from attncli.inputs.array_names import ALIASES, doubt_about, expected_name, matrix_name, packed_name, result_name
from attncli.inputs.packed import PARTS, QKV_ORDERS, split_packed
from attncli.inputs.problem_arrays import APART, ONE_MATRIX, OTHER_KEYS, worksheet_from_arrays
from attncli.inputs.request import EXPECTED_NAMES, MATRIX_NAMES, RESULT_NAMES, Labels, Request, Worksheet
from attncli.inputs.setting_words import key_meant, suggest_value
from attncli.inputs.settings import BY_KEY, read_whole
from attncli.inputs.sources import Sources, source_name
from attncli.matrix import Matrix, count_blanks
from attncli.numbers.blanks import is_blank
from attncli.records import record

LABELLED = tuple(f.name for f in fields(Labels))
KEYS = (*(key for name in MATRIX_NAMES for key in (name, *ALIASES.get(name, ()))), *OTHER_KEYS)
# (columns of the input, columns of the output), or the transpose, as in a Linear of torch
W_LAYOUTS = ("in-out", "out-in")
IN_BASE64 = ("__ndarray__", "bdata", "b64", "base64")  # where json-tricks, plotly and others keep an array
RESULT = frozenset(("variant", "shapes", "conventions"))  # among the keys that `run -f json` and `-f yaml` print
CAUSAL_WORDS = ("causal", "tril", "lower", "lower triangular", "triangular", "autoregressive")  # given as a mask
NO_VALUE = frozenset(("null", "Null", "NULL", "~", "None"))
PARSERS = {**{key: setting.parse for key, setting in BY_KEY.items()}, "digits": read_whole}
BESIDE_ANSWERS = frozenset(("digits", "title", "source", "labels"))  # keys of a sheet that holds only answers
MAPPINGS = {  # how the keys are written whose values are mappings
    "labels": "labels: {queries: […], keys: […]}; also features, and values for the columns of V",
    "expected": "name the matrix, as in expected: {weights: […], output: […]}",
}
KINDS_OF_KEYS = "keys are queries, keys, values, labels, expected, and the options of attncli help calculation"


def suggest_key(key: str, choices: tuple[str, ...] = KEYS) -> str:
    """Return the hint for a key that is not one of the choices. Those of a problem are too many to list."""
    if choices == KEYS and (meant := key_meant(key)):
        return ": ".join(meant) if meant[1] else f"did you mean {meant[0]!r}?"
    return KINDS_OF_KEYS if choices == KEYS and nearest(key, KEYS) is None else suggest_value(key, choices)


def read_problem(text: str, sources: Sources) -> Worksheet:
    """Return the problem in a file, a folder, standard input or a YAML literal."""
    if exists(text) and is_folder(text):
        from attncli.inputs.onnx_case import read_case

        if (case := read_case(text, sources)) is not None:
            return case
        _refuse_problems(text)
    contents = sources.contents(text)
    name = source_name(text)
    if contents.tree is None:
        return worksheet_from_arrays(contents, name)
    if not isinstance(contents.tree.root, dict):
        raise InputError(contents.where, ONE_MATRIX, APART)
    folder = os.path.dirname(text if exists(text) else text.strip())  # noqa: PTH120 - "" is the current folder
    return read_mapping(contents.tree, (), name=name, where=contents.where, folder=folder, sources=sources)


def _refuse_problems(folder: str) -> None:
    """Raise InputError for a folder that is not a problem, but holds some."""
    from attncli.inputs.folders import matrices_in, problems_in

    if not matrices_in(folder) & {"queries", "keys"} and (problems := problems_in(folder)):
        hint = f"name one, as {path_text(problems[0])}; or attncli batch {path_text(folder)} -d DIR"
        raise InputError(path_text(folder), "is a folder of problems; expected one problem", hint)


@record
class Answers:
    """The expected numbers of a document, with their `digits`; `has_problem` if it has queries or keys of its own."""

    expected: Mapping[str, Matrix]
    digits: int | Mapping[str, int] | None
    has_problem: bool


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
        found = _answers_by_name(contents)
        return None if found is None else Answers(found, None, has_problem=False)
    if not isinstance(tree.root, dict):
        return None
    keys = tree.root.keys()
    is_bare, has_problem = "expected" not in keys, any(matrix_name(key) in ("queries", "keys", "x") for key in keys)
    if is_bare and (has_problem or not any(map(result_name, keys))):
        return None
    reader = _Reader(tree, (), path_text(text), os.path.dirname(text), sources)  # noqa: PTH120 - "" is the current folder
    return Answers(
        expected=reader.answers(() if is_bare else ("expected",)),
        digits=reader.digits() if "digits" in keys else None,
        has_problem=has_problem,
    )


def _answers_by_name(contents: Contents) -> dict[str, Matrix] | None:
    """Return arrays that are all named as results, or the only array if its table is, or None."""
    names = {expected_name(name) or result_name(name): name for name in contents.matrices}
    if len(names) == len(contents.matrices) and names and set(EXPECTED_NAMES).issuperset(names):
        return {str(role): contents.matrices[name]() for role, name in names.items()}
    is_table = set(contents.matrices) == {""} or contents.select is not None
    if len(contents.matrices) != 1 or not is_table:
        return None
    matrix = next(iter(contents.matrices.values()))()
    role = result_name(matrix.title or "") or result_name(f"{matrix.title}s")
    return None if role is None else {role: matrix}


def given_matrices(text: str, sources: Sources) -> dict[str, Matrix]:
    """Return the matrices of the problem that a form has beside its answers, without those that cannot be read."""
    contents = sources.contents(text)
    assert contents.tree is not None
    reader = _Reader(contents.tree, (), path_text(text), os.path.dirname(text), sources)  # noqa: PTH120
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


def read_mapping(
    tree: Tree,
    path: Path,
    *,
    name: str,
    where: str,
    folder: str,
    sources: Sources,
    also: tuple[str, ...] = (),
) -> Worksheet:
    """Return the problem in the mapping at `path` of a document. The keys in `also` are left to the caller."""
    reader = _Reader(tree, path, where, folder, sources)
    request, around = reader.read(also)
    return Worksheet(request=Request(**request), name=name, where=where, own_notes=tree.notes, **around)


def _name_place(path: Path) -> str:
    """Return the keys that lead to a matrix, `expected.output`, of a job `job 2: queries`, as jobs are counted."""
    if path[0] == "jobs" and isinstance(path[1], int):
        return f"job {path[1] + 1}: {_name_place(path[2:])}"
    return ".".join(map(str, path))


def _transpose(matrix: Matrix) -> Matrix:
    """Return weights as (in, out) that the file has as (out, in)."""
    import numpy as np

    array = matrix.array
    if array.ndim < 2:
        return matrix
    texts = tuple(matrix.texts) if matrix.texts else ()
    order = np.arange(len(texts)).reshape(array.shape).swapaxes(-1, -2).reshape(-1) if texts else ()
    return replace(
        matrix,
        array=array.swapaxes(-1, -2),
        row_labels=matrix.column_labels,
        column_labels=matrix.row_labels,
        texts=matrix.texts and tuple(texts[index] for index in order),
    )


def _has_rows(node: Any) -> bool:
    """Return whether a node is a list of lists, a mapping of lists, or text of several lines."""
    if isinstance(node, str):
        return "\n" in node
    parts = node.values() if isinstance(node, dict) else node
    return any(isinstance(part, list) for part in parts)


class _Reader:
    """One mapping of a document. Every error has the line and column of its node."""

    def __init__(self, tree: Tree, path: Path, where: str, folder: str, sources: Sources) -> None:
        self.tree = tree
        self.path = path
        self.where = where
        self.folder = folder
        self.sources = sources

    def fault(self, path: Path, what: str, hint: str | None = None) -> InputError:
        return fault_at(self.tree, self.where, self.path + path, what, hint)

    def node(self, path: Path) -> Any:
        return node_at(self.tree, self.path + path)

    def read(self, also: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields of the Request, and the other fields of the Worksheet."""
        request: dict[str, Any] = {}
        around: dict[str, Any] = {}
        seen: dict[str, str] = {}
        w_layout, order = "in-out", None
        packed: dict[str, str] = {}
        if self.mapping(()).keys() >= RESULT and isinstance(self.node(("conventions",)), dict):
            also = (*also, *self.beside_problem())
        for key in self.mapping(()):
            if key in also:
                continue
            meant = key if key in OTHER_KEYS else matrix_name(key)
            if meant is None and "qkv_order" in self.mapping(()):
                meant = packed_name(key)
            if meant is None and self.is_null((key,)) and (doubt_about(key) or key_meant(key)):
                continue  # as attn_mask: null
            if meant is None:
                if doubt := doubt_about(key):
                    raise self.fault((Key(key),), f"{key}: {doubt[0]}", doubt[1])
                raise self.unknown((key,), KEYS)
            if meant in seen:
                both = f"{seen[meant]} and {key} are two names for the same thing"
                raise self.fault((Key(key),), both, "keep one of them")
            seen[meant] = key
            if meant not in ("queries", "keys") and self.is_null((key,)):
                continue  # how a program writes a value that was not given
            if meant in MATRIX_NAMES:
                request[meant] = self.matrix((key,), meant)
            elif meant in BY_KEY:
                request[BY_KEY[meant].name] = self.setting(key)
            elif meant == "labels":
                request["labels"] = self.labels()
            elif meant == "expected":
                around["expected"] = self.expected()
            elif meant == "w_layout":
                w_layout = self.choice(key, W_LAYOUTS)
            elif meant == "qkv_order":
                order = self.choice(key, QKV_ORDERS)
            elif meant in PARTS:
                packed[meant] = key
                request[meant] = self.matrix((key,), meant)
            else:
                around[meant] = self.digits() if meant == "digits" else self.text((key,))
        if w_layout == "out-in":
            request |= {name: _transpose(request[name]) for name in request if name.startswith("w_")}
        for name, key in packed.items():
            for part in PARTS[name]:
                if part in seen:
                    raise self.fault((Key(key),), f"{key} holds {part}, which {seen[part]} gives too", "keep one")
            request |= split_packed(name, request.pop(name), order or QKV_ORDERS[0], request.get("heads"))
        if order is not None and not packed:
            raise self.fault((Key("qkv_order"),), "qkv_order without an array that holds Q, K and V", "add qkv")
        return request, around

    def beside_problem(self) -> list[str]:
        """Return the keys of a result, as `run -f json` prints it, that are no part of the problem that it solves.

        Raises InputError if the result does not show all of the problem.
        """
        found, where = self.mapping(()), self.where
        file = path_text(where) if exists(where) else "FILE"
        if not found.keys() >= {"queries", "keys"}:
            hint = f"run again with --show all; or attncli check PROBLEM --expect-output {file}"
            raise InputError(where, "is a result of attncli run without its queries and keys", hint)
        if found["conventions"]:
            names = path_text(", ".join(found["conventions"]))
            hint = f"give them as options again: attncli run {file}:queries {file}:keys {file}:values …"
            raise InputError(where, f"is a result of attncli run, which only describes its settings ({names})", hint)
        return [key for key in found if matrix_name(key) is None and key not in ("variant", "scale")]

    def is_null(self, path: Path) -> bool:
        """Return whether the value was written as null, rather than left empty."""
        node = self.node(path)
        return type(node) is str and node in NO_VALUE

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        text = self.text((key,))
        if text not in choices:
            raise self.fault((key,), f"{key}: {path_text(text)!r} is not known", suggest(text, choices))
        return text

    def unknown(self, path: tuple[str, ...], choices: tuple[str, ...]) -> InputError:
        cure = suggest_key(path[-1], choices)
        if path in (("defaults",), ("jobs",)):
            cure = "a manifest of jobs is for attncli batch FILE -d DIR"
        if len(path) == 1 and path[-1] in EXPECTED_NAMES:
            cure = f"put it under expected:, as in expected: {{{path[-1]}: […]}}"
        if path[-1] in IN_BASE64:
            cure = "numbers in base64 are not read: write array.tolist(), or numpy.save an NPY file"
        return self.fault((*path[:-1], Key(path[-1])), f"unknown key {path_text(path[-1])!r}", cure)

    def mapping(self, path: tuple[str, ...]) -> Mapping[str, Any]:
        node = self.node(path)
        if not isinstance(node, dict):
            what = f"{path[-1]}: " if path else ""
            cure = MAPPINGS.get(path[-1], "as in name: value") if path else "as in name: value"
            raise self.fault(path, f"{what}{describe_node(node)}; expected a mapping", cure)
        return node

    def text(self, path: Path) -> str:
        """Return a scalar as text.

        Raises InputError for an empty value, because a forgotten value must not act as a choice.
        """
        node = self.node(path)
        if isinstance(node, (dict, list)):
            raise self.fault(
                path,
                f"{path[0]}: {describe_node(node)}; expected one value",
                "write it behind the colon, as in scale: 0.5",
            )
        if type(node) is str and node in NULLS:
            raise self.fault(path, f"{path[0]}: the value is missing", "give it a value or leave the key out")
        return str(node)

    def matrix(self, path: tuple[str, ...], role: str) -> Matrix:
        """Return a matrix from a list, a number (an array without axes), or a source relative to this file."""
        node, place = self.node(path), self.path + path
        name = f"{self.where}: {_name_place(place)}"
        if isinstance(node, dict) and node:
            return labelled_rows(self.tree, place, self.where, name, self.sources.reading)
        if isinstance(node, (list, dict)):
            return matrix_at(self.tree, place, self.where, name, self.sources.reading)
        from attncli.numbers.numerals import may_be_cell

        text = self.text(path)
        if role == "mask" and text.strip().lower() in CAUSAL_WORDS:
            raise self.fault(path, f"{path[0]}: {path_text(text)!r} is not a matrix", "causal: true")
        if not isinstance(node, Quoted) and may_be_cell(text):
            return self.number(path, text, name)
        if isinstance(node, Folded) and ";" not in text and all(map(may_be_cell, text.replace(",", " ").split())):
            what = f"{path[-1]}: YAML joins its lines to one, so that its rows are lost"
            raise self.fault(path, what, f"write | behind the colon: {path[-1]}: |")
        return self.sources.matrix(text, role=role, folder=self.folder, where=name)

    def number(self, path: Path, text: str, name: str) -> Matrix:
        from attncli.numbers.numerals import NUMBER_HINT, NumeralError, parse_cells

        try:
            cells = parse_cells([text], leading_zero=False)
        except NumeralError as error:
            raise self.fault(path, f"{path[0]}: {error.what}", error.hint or NUMBER_HINT) from None
        return Matrix(cells.reshape(()), name, texts=(text,) if self.sources.reading.keep_text else None)

    def setting(self, key: str) -> Any:
        node = self.node((key,))
        if isinstance(node, list) and key in BY_KEY and BY_KEY[key].takes_list:
            refuse_decimal_commas(self.tree, (*self.path, key), self.where)
            listed = BY_KEY[key].join_list(self.unpadded_text((key, index)) for index in range(len(node)))
            return self.parse_text(key, (key,), listed)
        return self.parse_text(key, (key,), self.unpadded_text((key,)))

    def parse_text(self, key: str, path: Path, text: str) -> Any:
        try:
            return PARSERS[key](text.strip())
        except ValueFault as error:
            raise self.fault(path, f"{key}: {error.what}", error.hint) from None

    def unpadded_text(self, path: Path) -> str:
        """Return the text of a setting, which must not be a number such as 010."""
        from attncli.numbers.numerals import NumeralError, parse_number

        text = self.text(path)
        try:
            parse_number(text)
        except NumeralError:
            return text
        try:
            parse_number(text, leading_zero=False)
        except NumeralError as error:
            raise self.fault(path, f"{path[0]}: {error.what}", error.hint) from None
        return text

    def labels(self) -> Labels:
        found = {}
        for kind in self.mapping(("labels",)):
            if kind not in LABELLED:
                raise self.unknown(("labels", kind), LABELLED)
            names = self.node(("labels", kind))
            if not isinstance(names, list):
                what = f"labels: {kind}: {describe_node(names)}; expected a list of names"
                raise self.fault(("labels", kind), what, f"{kind}: [first, second]")
            for index, name in enumerate(names):
                if not isinstance(name, str):
                    what = f"labels: {kind}: {describe_node(name)}; expected a name"
                    raise self.fault(("labels", kind, index), what, f"{kind}: [first, second]")
            found[kind] = tuple(map(str, names))
        return Labels(**found)

    def expected(self) -> dict[str, Matrix]:
        names = list(self.mapping(("expected",)))
        for name in names:
            if name not in EXPECTED_NAMES:
                raise self.unknown(("expected", name), EXPECTED_NAMES)
        return self.results({name: ("expected", name) for name in names})

    def answers(self, path: tuple[str, ...]) -> dict[str, Matrix]:
        """Return the results in a mapping that somebody wrote, whose names may be written in any way.

        Words and numbers beside them, as a name or a remark, are left out, and so is what belongs to a problem. Raises
        InputError for rows under another name, because they may be an answer.
        """
        named: dict[str, tuple[str, ...]] = {}
        is_printed = self.mapping(path).keys() >= RESULT  # by `run`, with more beside the results
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

    def results(self, paths: Mapping[str, tuple[str, ...]]) -> dict[str, Matrix]:
        """Return the matrices at some paths, by the names of results, without those that were left blank."""
        found = {}
        reader = _Reader(self.tree, self.path, self.where, self.folder, self.sources.of_answers())
        for name, path in paths.items():
            node = self.node(path)
            if isinstance(node, str) and is_blank(node):
                continue  # a form that was not filled in
            matrix = reader.matrix(path, name)
            if count_blanks(matrix) < matrix.array.size:
                found[name] = matrix
        return found

    def digits(self) -> int | dict[str, int]:
        if not isinstance(self.node(("digits",)), dict):
            return self.decimals(("digits",))
        for name in self.mapping(("digits",)):
            if name not in EXPECTED_NAMES:
                raise self.unknown(("digits", name), EXPECTED_NAMES)
        return {name: self.decimals(("digits", name)) for name in self.mapping(("digits",))}

    def decimals(self, path: Path) -> int:
        number: int = self.parse_text("digits", path, self.unpadded_text(path))
        if number < 0:
            raise self.fault(path, f"digits: {number} is below 0", "the number of decimals, as in 4")
        return number
