"""From the words on the command line to matrices: files, `FILE:NAME`, standard input, literals and folders."""

# A path stays the text that was typed, because pathlib drops the trailing slash of a folder.
# ruff: noqa: PTH100, PTH118, PTH120
from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import BinaryIO

from attncli.errors import InputError, UsageError, nearest, system_reason
from attncli.files import (
    LONGEST_PATH,
    exists,
    is_folder,
    list_folder,
    path_text,
    read_all,
    read_bytes,
    read_link,
    refuse_pipe,
    resolve_path,
)
from attncli.formats import BY_NAME, COMPRESSED, by_suffix, split_suffix
from attncli.formats.contents import STANDARD_INPUT, Contents
from attncli.formats.raw import EXAMPLE, RawForm, raw_form, read_raw
from attncli.formats.raw import SUFFIXES as RAW
from attncli.inputs.array_names import ALIASES, expected_name, matrix_name
from attncli.inputs.chosen_array import pick
from attncli.inputs.recognition import begins_mapping, looks_raw, read_as_problem, recognize_format
from attncli.inputs.request import ONES
from attncli.matrix import Matrix, Reading
from attncli.patterns import pattern
from attncli.records import record, replace

FILE_OR_NUMBERS = "name a file, or type numbers: '1 0; 0 1'"
_LONGEST_PRINT = 1 << 16  # bytes of a file that is read a second time to explain why it was not read
_END = 1 << 12  # bytes in which a notebook of Jupyter says that it is one
_BLANK_LINES = pattern(r"\A[ \n\r]*(?:[\n\r]|\Z)")


@record(frozen=False)
class Sources:
    """The sources of one command. A file is read once even if it is named several times, and standard input at most
    once.

    `reading` applies to every source, and `from_format` (`--from`) to standard input and to files without a known
    suffix.
    """

    stdin: Callable[[], BinaryIO]
    reading: Reading = field(default_factory=Reading)
    from_format: str | None = None
    _files: dict[str, Contents] = field(default_factory=dict)
    _matrices: dict[tuple[str, str], Matrix] = field(default_factory=dict)
    _raw_files: set[str] = field(default_factory=set)
    _stdin_user: str | None = None
    _stdin_contents: Contents | None = None
    _stdin_data: bytes = b""

    def __post_init__(self) -> None:
        if self.from_format is not None and self.from_format not in BY_NAME:
            near = nearest(self.from_format, tuple(BY_NAME))
            hint = f"did you mean {near}?" if near else f"one of: {', '.join(BY_NAME)}"
            raise UsageError("--from", f"{self.from_format!r} is not a format", hint)

    @property
    def paths(self) -> frozenset[str]:
        """Return the real paths of the files that were read."""
        return frozenset(map(resolve_path, (*self._files, *self._raw_files)))

    def of_answers(self) -> Sources:
        """Return the reader of the same files whose cells may be blank, if their texts are kept, which show them."""
        return replace(self, reading=replace(self.reading, may_be_blank=self.reading.keep_text))

    def matrix(self, text: str, *, role: str, folder: str | None = None, where: str | None = None) -> Matrix:
        """Return the one matrix of a source.

        `role` is its use (queries, mask, …), by which it is chosen among the arrays of a file. A problem file passes
        its `folder`, to which paths are relative, and `where`, the name in messages of a matrix that is not from a
        file.
        """
        where = where or role
        found = self._find_file(text, folder)
        if found is not None:
            path, name = found
            if folder is not None:
                refuse_pipe(path)
            return self._of_file(path, name, role)
        text = _BLANK_LINES.sub("", text).rstrip(" \n\r")  # a tab at either end is an empty cell
        if text.strip(" ") == "-":
            if folder is not None:
                raise InputError(where, "a problem file cannot take a matrix from standard input", "name a file")
            contents = self._standard_input(role)
            if not contents.matrices and not self.from_format:
                contents = self._read_words(self._stdin_data, STANDARD_INPUT)
            return self._pick_array(contents, "", None, role)
        if role == "d_output" and text.lower() == ONES:
            import numpy as np

            return Matrix(np.ones(()), ONES)
        from attncli.inputs.literal import looks_like_path, read_typed

        if not text:
            raise InputError(where, "an empty source", "a file, - for standard input, or numbers as in '1 0; 0 1'")
        if looks_like_path(text):
            path, at, _ = text.rpartition("@")
            if at and exists(join_path(folder, path)):
                what = "expected a type and a shape after @"
                raise InputError(path_text(text), what, f"as in {EXAMPLE}")
            if role == "d_output" and nearest(text.lower(), (ONES,)):
                raise InputError(path_text(text), "no such file", f"did you mean {ONES}?")
            raise missing_file(text, folder, where if folder is not None else None)
        contents = read_typed(text, where, self.reading)
        return contents.matrices[pick(contents, None, role)]()

    def contents(self, text: str, *, folder: str | None = None) -> Contents:
        """Return everything in one source: a file, a folder with q.* k.* v.*, standard input, or a typed problem."""
        path = join_path(folder, text)
        if not exists(path) and exists(join_path(folder, text.strip())):
            path = join_path(folder, text.strip())
        if exists(path):
            return self._folder(path) if is_folder(path) else self._file(path)
        text = text.strip()
        if text == "-":
            return self._standard_input("the problem")
        if begins_mapping(text):
            from attncli.formats.prints.reader import read_mapping_text

            return read_mapping_text(text, "literal", self.reading)
        from attncli.inputs.literal import looks_like_path, read_typed

        if text and self._find_file(text, folder) is not None:
            hint = "give the whole file, or the matrices separately: attncli run Q K V"
            raise InputError(path_text(text), "is one array, but a problem has queries and keys", hint)
        if not text or looks_like_path(text):
            raise missing_file(text, folder)
        return read_typed(text, "literal", self.reading)

    def whole(self, text: str) -> Contents | None:
        """Return everything in the source that a matrix was taken from, or None for FILE:NAME."""
        path = text if exists(text) else text.strip()
        if exists(path):
            return None if is_folder(path) else self._file(path)
        if path == "-":
            return self._stdin_contents
        if self._find_file(text, None) is not None:
            return None
        from attncli.inputs.literal import read_typed

        return read_typed(text, "literal", self.reading)

    def _find_file(self, text: str, folder: str | None) -> tuple[str, str | RawForm | None] | None:
        """Return (path, name) if the text is a file, FILE:NAME (split at the last colon) or FILE@DTYPE:SHAPE, or
        None."""
        for candidate in dict.fromkeys((text, text.strip())):
            if len(candidate) > LONGEST_PATH or candidate in ("", "-"):
                continue
            if exists(join_path(folder, candidate)):
                return join_path(folder, candidate), None
            form = raw_form(candidate)
            if form is not None and exists(join_path(folder, form[0])) and not is_folder(join_path(folder, form[0])):
                return join_path(folder, form[0]), form[1]
            colon = candidate.rfind(":")
            while colon > 0:
                path = join_path(folder, candidate[:colon])
                if exists(path) and not is_folder(path):
                    return path, candidate[colon + 1 :]
                colon = candidate.rfind(":", 0, colon)
        return None

    def _of_folder(self, path: str, role: str) -> Matrix:
        refuse_pipe(path)
        return self._of_file(path, None, role)

    def _of_file(self, path: str, name: str | RawForm | None, role: str) -> Matrix:
        if is_folder(path):
            hint = f"attncli run {path_text(path)} takes a folder with q.*, k.* and v.*"
            raise InputError(path_text(path), "is a folder; expected one matrix", hint)
        if isinstance(name, RawForm):
            return self._raw(path, name)
        contents = self._file(path)
        if not contents.matrices and not self.from_format and by_suffix(split_suffix(path)[1]) is None:
            contents = self._read_words(_bytes(path), path_text(path))
        return self._pick_array(contents, os.path.abspath(path), name, role)

    def _read_words(self, data: bytes, where: str) -> Contents:
        """Return the table of a text that was recognized as YAML, which has no list in it: `Q: 1 2`."""
        return BY_NAME["txt"].read(data, where, self.reading)

    def data_of(self, path: str) -> bytes:
        """Return the bytes of a file that belongs to a problem and has a reader of its own."""
        self._raw_files.add(os.path.abspath(path))
        return _bytes(path)

    def _raw(self, path: str, form: RawForm) -> Matrix:
        key = (os.path.abspath(path), f"@{form.dtype}:{form.shape}")
        if key not in self._matrices:
            self._matrices[key] = read_raw(self.data_of(path), form, path_text(path))
        return self._matrices[key]

    def _pick_array(self, contents: Contents, path: str, name: str | None, role: str) -> Matrix:
        if name is not None and name not in contents.matrices and contents.select is not None:
            return contents.select(name)
        chosen = pick(contents, name, role)
        if (path, chosen) not in self._matrices:
            self._matrices[path, chosen] = contents.matrices[chosen]()
        return self._matrices[path, chosen]

    def _file(self, path: str) -> Contents:
        key = os.path.abspath(path)
        if key not in self._files:
            self._files[key] = self._read(_bytes(path), path_text(path), split_suffix(path)[1])
        return self._files[key]

    def _standard_input(self, user: str) -> Contents:
        if self._stdin_user is not None:
            what = f"can be read only once: {self._stdin_user} took it before {user}"
            raise UsageError(STANDARD_INPUT, what, "save one of them to a file")
        self._stdin_user = user
        try:
            data = read_all(self.stdin(), STANDARD_INPUT)
        except OSError as error:
            raise InputError(STANDARD_INPUT, system_reason(error)) from None
        if not data:
            raise InputError(STANDARD_INPUT, "is empty", "redirect a file to it, as in attncli run - k.csv < q.csv")
        self._stdin_data = _decompress(data, STANDARD_INPUT)
        self._stdin_contents = self._read(self._stdin_data, STANDARD_INPUT, "")
        return self._stdin_contents

    def _read(self, data: bytes, where: str, suffix: str) -> Contents:
        known = by_suffix(suffix)
        is_text = self.from_format in (None, "txt") and (known is None or known.name in ("txt", "markdown"))
        try:
            contents = self._read_form(data, where, suffix)
        except InputError:
            if not is_text or (example := self._read_example(data, where)) is None:
                raise
            return example
        if is_text and any(matrix_name(name) for name in contents.passed_over):
            return self._read_example(data, where) or contents
        return contents

    def _read_example(self, data: bytes, where: str) -> Contents | None:
        from attncli.inputs.worked_examples import read_example_in

        return read_example_in(data, where, self.reading)

    def _read_form(self, data: bytes, where: str, suffix: str) -> Contents:
        if b'"nbformat"' in data[-_END:] and data.lstrip()[:1] == b"{":
            hint = "copy what its cells show, or save arrays from it: numpy.savez('problem.npz', q=q, k=k, v=v)"
            raise InputError(where, "this is a Jupyter notebook, not a problem", hint)
        known = by_suffix(suffix)
        if known is not None:
            try:
                return known.read(data, where, self.reading)
            except InputError as refusal:
                is_page = known.name == "markdown" and (b"```" in data or b"~~~" in data)
                if is_page:
                    with suppress(InputError):
                        return BY_NAME["txt"].read(data, where, self.reading)  # what stands between its fences
                if (known.name == "txt" or is_page) and (problem := self._read_problem_in(data, where)):
                    return problem
                raise self._explain_text(refusal, data, known.name) from None
        if suffix in RAW and looks_raw(data):
            what = "the type of its numbers cannot be recognized"
            raise InputError(where, what, f"give the type and the shape, as in {EXAMPLE}")
        names = (self.from_format,) if self.from_format else recognize_format(data)
        refusals: list[InputError] = []
        for name in names:
            try:
                return BY_NAME[name].read(data, where, self.reading)
            except InputError as error:
                refusals.append(error)
        if not self.from_format and (problem := self._read_problem_in(data, where)):
            return problem
        if names[0] == "yaml" and not self.from_format and b"```" in data:
            raise refusals[-1]  # a page with fences begins like a key: `Here:`
        first = refusals[0]
        if len(refusals) > 1 and names[0] == "json":
            from attncli.formats.json import TrailingTextError

            first = refusals[1] if isinstance(first, TrailingTextError) else first
        if names[0] in ("yaml", "json") and not self.from_format:
            from attncli.formats.prints.unread import name_beginning

            raise name_beginning(first, data.decode("utf-8-sig", "replace"), where)
        raise first

    def _read_problem_in(self, data: bytes, where: str) -> Contents | None:
        """Return the problem in YAML that a text is, or that stands between the fences of a page, or None."""
        from attncli.formats.text_file import note_page, undecorate

        problem = read_as_problem(undecorate(data, where), where, self.reading)
        return problem and note_page(problem, data, where)

    def _explain_text(self, refusal: InputError, data: bytes, name: str) -> InputError:
        """Return the refusal of a file; if it is a print or a table under a suffix of another kind of text, with the
        suffix that it needs."""
        if name not in ("json", "yaml", "markdown", "tex") or len(data) > _LONGEST_PRINT:
            return refusal
        try:
            for decode in BY_NAME["txt"].read(data, refusal.where, self.reading).matrices.values():
                decode()
        except InputError:
            return refusal
        return InputError(refusal.where, refusal.what, "it can be read as text: name it .txt")

    def _folder(self, path: str) -> Contents:
        """Read a folder: each file named after a matrix, such as q.csv or mask.npy, is that matrix. Other files are
        ignored."""
        matrices: dict[str, Callable[[], Matrix]] = {}
        owners: dict[str, str] = {}
        for entry in list_folder(path):
            stem, suffix = split_suffix(entry)
            name = matrix_name(stem) or (stem if expected_name(stem) else None)
            if name is None or by_suffix(suffix) is None:
                continue
            if name in owners:
                what = f"two files for {name}: {owners[name]} and {entry}"
                raise InputError(path_text(path), what, "keep one of them")
            owners[name] = entry
            matrices[name] = partial(self._of_folder, os.path.join(path, entry), name)
        for name in ("queries", "keys"):
            if name not in matrices:
                what = f"a folder without {ALIASES[name][0]}.*, the {name}"
                raise InputError(path_text(path), what, "a folder is a problem if it holds q.*, k.* and v.*")
        return Contents(path_text(path), matrices)


def join_path(folder: str | None, text: str) -> str:
    return os.path.join(folder, text) if folder and text else text


def missing_file(
    text: str, folder: str | None, where: str | None = None, *, otherwise: str = FILE_OR_NUMBERS
) -> InputError:
    """Return the error for a missing file, with the most similar name in its folder, or with the hint `otherwise` for
    what looks like no file."""
    path = join_path(folder, text)
    parent, name = os.path.split(path)
    target = read_link(path)
    what = "no such file" if target is None else f"is a link to {path_text(target)}, which does not exist"
    try:
        near = nearest(name, [entry for entry in list_folder(parent or ".") if entry != name]) if name else None
    except (InputError, ValueError):
        near = None
        if parent and not exists(parent):
            what = f"no such file: there is no folder {path_text(parent)}"
    hint = f"did you mean {path_text(os.path.join(os.path.dirname(text), near))}?" if near else None
    if is_pattern(text):
        hint = "leave out the quotes, so that the shell lists the files"
    if hint is None and not folder and text.lower().endswith((".yaml", ".yml")):
        made = text if not parent or exists(parent) else name  # a shell makes no folder
        hint = f"to start from an example: attncli demo --yaml > {path_text(made)}"
    if hint is None and not os.path.dirname(text) and by_suffix(split_suffix(text)[1]) is None:
        hint = otherwise
    culprit = path_text(text if len(text) <= 200 else f"{text[:100]}…{text[-20:]}")
    return InputError(where, f"{culprit}: {what}", hint) if where else InputError(culprit, what, hint)


def is_pattern(text: str) -> bool:
    """Return whether a path that is not there is a pattern of the shell, such as hand/*.csv."""
    return any(mark in os.path.basename(text) for mark in "*?") and not exists(text)  # noqa: PTH119


def source_name(text: str) -> str:
    """Return a short name of a source: that of its file without the suffix, of its folder, `stdin` or `literal`."""
    path = text if exists(text) else text.strip()
    if path == "-" and not exists(path):
        return "stdin"
    form = None if exists(path) else raw_form(path)
    if form is not None and exists(form[0]):
        path = form[0]
    elif not exists(path) and exists(path.rpartition(":")[0]):
        path = path.rpartition(":")[0]
    if not exists(path):
        from attncli.inputs.literal import looks_like_path

        if path.startswith("{") or not looks_like_path(path):
            return "literal"
    name = os.path.basename(os.path.abspath(path))  # noqa: PTH119 - Path.resolve() follows links
    return name if is_folder(path) else split_suffix(name)[0]


def _bytes(path: str) -> bytes:
    data = read_bytes(path)
    return _decompress(data, path_text(path)) if path.lower().endswith(COMPRESSED) else data


def _decompress(data: bytes, where: str) -> bytes:
    """Return the decompressed bytes, or the bytes themselves if they are not compressed."""
    from attncli.formats.compressed import compression, decompress

    return data if compression(data) is None else decompress(data, where)
