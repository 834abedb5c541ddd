"""Q, K and perhaps V that are given apart, each a source of its own."""

from __future__ import annotations

import os

from attncli.errors import InputError, UsageError
from attncli.files import exists, is_folder, path_text
from attncli.inputs.array_names import matrix_name
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources, source_name


def notes_of_roles(given: dict[str, str | None]) -> tuple[str, ...]:
    """Return a note if the name of a file says that it is another of Q, K and V than it was given as."""
    found = []
    for role, text in given.items():
        meant = None if text is None else matrix_name(os.path.split(text)[1].partition(".")[0])
        if meant in given and meant != role and given[meant] != text:
            found.append(f"the {role} come from {path_text(text or '')}: the order is Q, K, V")
    return tuple(found)


def worksheet_from_matrices(queries: str, keys: str, values: str | None, sources: Sources) -> Worksheet:
    """Return the problem of matrices that were given separately."""
    request = Request(
        queries=sources.matrix(queries, role="queries"),
        keys=sources.matrix(keys, role="keys"),
        values=None if values is None else sources.matrix(values, role="values"),
    )
    assert request.queries is not None
    refuse_problem(queries, keys, sources)
    notes = notes_of_roles({"queries": queries, "keys": keys, "values": values})
    return Worksheet(request=request, own_notes=notes, name=source_name(queries), where=request.queries.where)


def refuse_problem(queries: str, keys: str, sources: Sources) -> None:
    """Raise UsageError if the queries come from a problem that has keys, and the keys from another source: the keys
    and values of the problem would silently be left out."""
    found = None if queries.strip() == keys.strip() else sources.whole(queries)
    if found is None:
        return
    names = {matrix_name(str(name)) for name in found.matrices}
    if {"queries", "keys"} <= names:
        what = "is a problem, which has its own keys, and another source follows it"
        where = path_text(queries) if exists(queries) else found.where
        raise UsageError(
            where, what, f"give the problem only; or {where if exists(queries) else 'FILE'}:NAME for one array of it"
        )


def are_matrices(words: list[str], sources: Sources) -> bool:
    """Return whether two or three words are Q, K and perhaps V, each a single matrix, and not several problems."""
    return len(words) in (2, 3) and all(is_matrix(word, sources) for word in words)


def is_matrix(word: str, sources: Sources) -> bool:
    """Return whether a word is a single matrix, standard input among them, or one array of a file."""
    if word.strip() == "-":
        return True
    if exists(word) and is_folder(word):
        return False
    try:
        contents = sources.contents(word)
    except InputError:
        return not exists(word) and exists(word.rpartition(":")[0])  # FILE:NAME
    root = None if contents.tree is None else contents.tree.root
    roles = {matrix_name(str(key)) for key in (root if isinstance(root, dict) else ())} - {None}
    return len(contents.matrices) == 1 and len(roles) < 2 and "x" not in roles  # x alone is a problem
