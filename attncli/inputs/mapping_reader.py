"""Reading the values of one mapping of a document: matrices, texts, settings. Every error has its line and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attncli.errors import InputError, ValueFault, suggest
from attncli.files import path_text
from attncli.formats.contents import Folded, Quoted, Tree
from attncli.formats.tree import NULLS, describe_node, labelled_rows, matrix_at
from attncli.formats.tree_places import Key, Path, fault_at, node_at, refuse_decimal_commas
from attncli.inputs.problem_keys import suggest_key
from attncli.inputs.request import EXPECTED_NAMES
from attncli.inputs.settings import BY_KEY, read_whole
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, count_blanks
from attncli.numbers.blanks import is_blank

IN_BASE64 = ("__ndarray__", "bdata", "b64", "base64")  # where json-tricks, plotly and others keep an array
CAUSAL_WORDS = ("causal", "tril", "lower", "lower triangular", "triangular", "autoregressive")  # given as a mask
NO_VALUE = frozenset(("null", "Null", "NULL", "~", "None"))
PARSERS = {**{key: setting.parse for key, setting in BY_KEY.items()}, "digits": read_whole}
MAPPINGS = {  # how the keys are written whose values are mappings
    "labels": "labels: {queries: […], keys: […]}; also features, and values for the columns of V",
    "expected": "name the matrix, as in expected: {weights: […], output: […]}",
}


def _name_place(path: Path) -> str:
    """Return the keys that lead to a matrix, `expected.output`, of a job `job 2: queries`, as jobs are counted."""
    if path[0] == "jobs" and isinstance(path[1], int):
        return f"job {path[1] + 1}: {_name_place(path[2:])}"
    return ".".join(map(str, path))


class MappingReader:
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

    def is_null(self, path: Path) -> bool:
        """Return whether the value was written as null, rather than left empty."""
        node = self.node(path)
        return type(node) is str and node in NO_VALUE

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
            what = f"{path[0]}: {describe_node(node)}; expected one value"
            raise self.fault(path, what, "write it after the colon, as in scale: 0.5")
        if type(node) is str and node in NULLS:
            raise self.fault(path, f"{path[0]}: the value is missing", "give it a value, or leave the key out")
        return str(node)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        text = self.text((key,))
        if text not in choices:
            raise self.fault((key,), f"{key}: {path_text(text)!r} is not known", suggest(text, choices))
        return text

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
            what = f"{path[-1]}: YAML joins its lines into one, so its rows are lost"
            raise self.fault(path, what, f"write | after the colon: {path[-1]}: |")
        return self.sources.matrix(text, role=role, folder=self.folder, where=name)

    def number(self, path: Path, text: str, name: str) -> Matrix:
        from attncli.numbers.numerals import NUMBER_HINT, NumeralError, parse_cells

        try:
            cells = parse_cells([text], leading_zero=False)
        except NumeralError as error:
            raise self.fault(path, f"{path[0]}: {error.what}", error.hint or NUMBER_HINT) from None
        return Matrix(cells.reshape(()), name, texts=(text,) if self.sources.reading.keep_text else None)

    def results(self, paths: Mapping[str, tuple[str, ...]]) -> dict[str, Matrix]:
        """Return the matrices at some paths, by the names of results, without those that were left blank."""
        found = {}
        reader = MappingReader(self.tree, self.path, self.where, self.folder, self.sources.of_answers())
        for name, path in paths.items():
            node = self.node(path)
            if isinstance(node, str) and is_blank(node):
                continue  # a form that was not filled in
            matrix = reader.matrix(path, name)
            if count_blanks(matrix) < matrix.array.size:
                found[name] = matrix
        return found

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

    def unknown(self, path: tuple[str, ...], choices: tuple[str, ...]) -> InputError:
        cure = suggest_key(path[-1], choices)
        if path in (("defaults",), ("jobs",)):
            cure = "a manifest of jobs is for attncli batch FILE -d DIR"
        if len(path) == 1 and path[-1] in EXPECTED_NAMES:
            cure = f"put it under expected:, as in expected: {{{path[-1]}: […]}}"
        if path[-1] in IN_BASE64:
            cure = "numbers in base64 are not read: write array.tolist(), or numpy.save an NPY file"
        return self.fault((*path[:-1], Key(path[-1])), f"unknown key {path_text(path[-1])!r}", cure)
