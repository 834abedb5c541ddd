"""Text tables written with commas between cells. They are read by their contents, not by their suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.formats.text_file import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attncli.matrix import Matrix

__all__ = ["read", "write"]


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes]:
    """Write the only matrix with commas between its cells."""
    from attncli.formats import text_table_writer  # reading needs none of it

    return text_table_writer.write(matrices, ",")
