"""Writing results to an NPY file while they are computed, so that a matrix of any size needs the memory of a tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import OutputError
from attncli.files import AtomicFile, path_text
from attncli.formats.npy import make_header
from attncli.results.result import FINISHED_BY_ROW

if TYPE_CHECKING:
    from os import PathLike

    from attncli.matrix import Array
    from attncli.problem.problem import Problem


class NpySink:
    """An NPY file as a sink of the engine. The header is written at once, and blocks at their offsets, from any
    thread."""

    def __init__(self, file: AtomicFile, shape: tuple[int, ...], dtype: np.dtype) -> None:
        head = make_header(shape, dtype)
        self._file = file
        self._start = len(head)
        self._shape = shape
        self._dtype = dtype
        file.reserve(self._start + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        file.write_at(0, head)

    def __setitem__(self, where: tuple[int | slice, ...], block: Array) -> None:
        """Write the rows of `block`, which are consecutive.

        `where` has an index for each axis but the last, for which it has a slice.
        """
        place = 0
        for length, index in zip(self._shape, where, strict=False):
            place = place * length + int(index.start if isinstance(index, slice) else index)
        for length in self._shape[len(where) :]:
            place *= length
        data = np.ascontiguousarray(block, self._dtype).reshape(-1).view(np.uint8).data
        self._file.write_at(self._start + place * self._dtype.itemsize, data)


@contextmanager
def npy_sinks(
    problem: Problem, paths: Mapping[str, str | PathLike[str]], *, force: bool = False
) -> Iterator[dict[str, NpySink]]:
    """Yield a sink for each result by name. The files appear if the block succeeds, and none of them otherwise."""
    shapes = problem.shapes()
    with ExitStack() as stack:
        sinks = {}
        for name, path in paths.items():
            if name not in FINISHED_BY_ROW:
                raise OutputError(path_text(path), f"{name} cannot be written while it is computed")
            if problem.dtype.kind != "f":
                raise OutputError(
                    path_text(path),
                    f"no other program reads an NPY file of {problem.dtype.name}",
                    "write it to .safetensors, or add --dtype float32",
                )
            file = stack.enter_context(AtomicFile(path, force=force))
            sinks[name] = NpySink(file, shapes[name], problem.dtype)
        yield sinks
