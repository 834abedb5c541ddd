"""Problem files: each key is converted to its field of a `Worksheet`."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import Any

from attncli.errors import InputError
from attncli.files import exists, is_folder, path_text
from attncli.formats.contents import Tree
from attncli.formats.tree import describe_node
from attncli.formats.tree_places import Key, Path
from attncli.inputs.answers import PRINTED_KEYS
from attncli.inputs.array_names import doubt_about, matrix_name, packed_name
from attncli.inputs.mapping_reader import MappingReader
from attncli.inputs.packed import PARTS, QKV_ORDERS, split_packed
from attncli.inputs.problem_arrays import APART, ONE_MATRIX, worksheet_from_arrays
from attncli.inputs.problem_keys import KEYS, OTHER_KEYS
from attncli.inputs.request import EXPECTED_NAMES, MATRIX_NAMES, Labels, Request, Worksheet
from attncli.inputs.setting_words import key_meant
from attncli.inputs.settings import BY_KEY
from attncli.inputs.sources import Sources, source_name
from attncli.matrix import Matrix

LABELLED = tuple(f.name for f in fields(Labels))
# (columns of the input, columns of the output), or the transpose, as in a Linear of torch
W_LAYOUTS = ("in-out", "out-in")
NEEDED = ("queries", "keys")


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
        hint = f"name one, such as {path_text(problems[0])}; or attncli batch {path_text(folder)} -d DIR"
        raise InputError(path_text(folder), "is a folder of problems; expected one problem", hint)


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
    reader = _ProblemReader(tree, path, where, folder, sources)
    request, around = reader.read(also)
    return Worksheet(request=Request(**request), name=name, where=where, own_notes=tree.notes, **around)


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


class _ProblemReader(MappingReader):
    """The mapping of one problem."""

    def read(self, also: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields of the Request, and the other fields of the Worksheet."""
        if self.mapping(()).keys() >= PRINTED_KEYS and isinstance(self.node(("conventions",)), dict):
            also = (*also, *self.beside_problem())
        keys = self.keys_by_meaning(also)
        # a program writes null for what was not given
        given = {meant: key for meant, key in keys.items() if meant in NEEDED or not self.is_null((key,))}
        request: dict[str, Any] = {}
        around: dict[str, Any] = {}
        for meant, key in given.items():
            if meant in MATRIX_NAMES or meant in PARTS:
                request[meant] = self.matrix((key,), meant)
            elif meant in BY_KEY:
                request[BY_KEY[meant].name] = self.setting(key)
            elif meant == "labels":
                request["labels"] = self.labels()
            elif meant == "expected":
                around["expected"] = self.expected()
            elif meant not in ("w_layout", "qkv_order"):
                around[meant] = self.digits() if meant == "digits" else self.text((key,))
        if "w_layout" in given and self.choice("w_layout", W_LAYOUTS) == "out-in":
            request |= {name: _transpose(request[name]) for name in request if name.startswith("w_")}
        order = self.choice("qkv_order", QKV_ORDERS) if "qkv_order" in given else None
        packed = [name for name in given if name in PARTS]
        if order is not None and not packed:
            raise self.fault((Key("qkv_order"),), "qkv_order without an array that holds Q, K and V", "add qkv")
        for name in packed:
            for part in PARTS[name]:
                if part in keys:
                    what = f"{keys[name]} holds {part}, which {keys[part]} gives too"
                    raise self.fault((Key(keys[name]),), what, "keep one")
            request |= split_packed(name, request.pop(name), order or QKV_ORDERS[0], request.get("heads"))
        return request, around

    def keys_by_meaning(self, also: tuple[str, ...]) -> dict[str, str]:
        """Return the keys by what they mean, without those in `also`, and without null under another system's name.

        Raises InputError for an unknown key, and for two with one meaning.
        """
        found: dict[str, str] = {}
        has_order = "qkv_order" in self.mapping(())
        for key in self.mapping(()):
            if key in also:
                continue
            meant = key if key in OTHER_KEYS else matrix_name(key) or (packed_name(key) if has_order else None)
            doubt = doubt_about(key) if meant is None else None
            if meant is None and self.is_null((key,)) and (doubt or key_meant(key)):
                continue  # as attn_mask: null
            if doubt:
                raise self.fault((Key(key),), f"{key}: {doubt[0]}", doubt[1])
            if meant is None:
                raise self.unknown((key,), KEYS)
            if meant in found:
                both = f"{found[meant]} and {key} are two names for the same thing"
                raise self.fault((Key(key),), both, "keep one of them")
            found[meant] = key
        return found

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
