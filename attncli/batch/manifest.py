"""Manifests: `{defaults: {…}, jobs: [{name, queries, keys, values, …}]}`, with paths relative to the file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from attncli.batch.job import Entry, Job
from attncli.errors import InputError
from attncli.files import path_text, read_bytes
from attncli.formats import BY_SUFFIX
from attncli.formats.contents import Contents, Quoted, Tree
from attncli.formats.tree import NULLS, describe_node
from attncli.formats.tree_places import Key, Path, fault_at
from attncli.inputs.problem_keys import KEYS, is_key, suggest_key
from attncli.matrix import Reading

TOP_KEYS = ("defaults", "jobs")
MENTIONS_JOBS = re.compile(rb"""(?:^|[{,\s])["']?jobs["']?\s*:""", re.MULTILINE)
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
FORM = "as in {name: first, queries: q.csv, keys: k.csv, values: v.csv}"


def manifest_jobs(path: str, data: bytes) -> list[Job] | None:
    """Return the jobs of a manifest, or None if the file is not a manifest (it may be a problem)."""
    if not MENTIONS_JOBS.search(data.replace(b"\0", b"") if data[:2] in UTF_16 else data):
        return None
    where = path_text(path)
    tree = _parsed(path, data).tree
    if tree is None or not isinstance(tree.root, dict) or "jobs" not in tree.root:
        return None
    root = tree.root
    for key in root:
        if key not in TOP_KEYS:
            raise _unknown(tree, where, (key,), key, TOP_KEYS)
    defaults = root.get("defaults")
    if defaults is not None:
        _refuse_defaults(tree, where, defaults)
    if not isinstance(root["jobs"], list) or not root["jobs"]:
        raise fault_at(tree, where, ("jobs",), "jobs must be a list of jobs", FORM)
    return [
        Job(_name(tree, where, index), path, Entry(index, node, defaults, tree.raw_rows is not None))
        for index, node in enumerate(root["jobs"])
    ]


def _parsed(path: str, data: bytes) -> Contents:
    return BY_SUFFIX[os.path.splitext(path)[1].lower()].read(data, path_text(path), Reading())  # noqa: PTH122


def _refuse_defaults(tree: Tree, where: str, defaults: Any) -> None:
    """Refuse wrong keys in the defaults once, before any job runs, because every job would fail on them."""
    if not isinstance(defaults, dict):
        raise fault_at(tree, where, ("defaults",), f"defaults: {describe_node(defaults)}; expected a mapping")
    for key in defaults:
        if not is_key(key):
            raise _unknown(tree, where, ("defaults", key), key, KEYS)


def _name(tree: Tree, where: str, index: int) -> str:
    node = tree.root["jobs"][index]
    if not isinstance(node, dict):
        raise fault_at(tree, where, ("jobs", index), f"{describe_node(node)}; expected a job", FORM)
    name = node.get("name")
    if not isinstance(name, str) or (type(name) is str and name in NULLS):
        raise fault_at(tree, where, ("jobs", index), f"job {index + 1} has no name", FORM)
    return str(name)


def _unknown(tree: Tree, where: str, path: tuple[str, ...], key: str, choices: tuple[str, ...]) -> InputError:
    cure = suggest_key(key, choices)
    return fault_at(tree, where, (*path[:-1], Key(key)), f"unknown key {path_text(key)!r}", cure)


def tree_of(entry: Entry, path: str) -> Tree:
    """Return the part of a job's manifest that the job needs. The manifest is read again only to locate an error, or a
    comma in doubt."""
    root = {"jobs": {entry.index: entry.node}, "defaults": entry.defaults or {}}

    def locate(place: Path) -> tuple[int, int]:
        tree = _parsed(path, read_bytes(path)).tree
        return tree.locate(place) if tree is not None else (1, 1)

    def raw_rows(place: Path) -> list[list[Any]]:
        tree = _parsed(path, read_bytes(path)).tree
        return tree.raw_rows(place) if tree is not None and tree.raw_rows is not None else []

    return Tree(root, locate, raw_rows if entry.is_doubtful else None)


def canonical(node: Any) -> str:
    """Return a document node as text that is equal for equal meanings, whatever the order of its keys."""
    if isinstance(node, Mapping):
        inside = ",".join(f"{canonical(Quoted(key))}:{canonical(node[key])}" for key in sorted(node))
        return f"{{{inside}}}"
    if isinstance(node, list):
        return f"[{','.join(map(canonical, node))}]"
    return repr(str(node)) if isinstance(node, Quoted) else f"={str(node)!r}"
