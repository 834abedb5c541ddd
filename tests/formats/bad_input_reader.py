"""Reading a whole source, lazily decoded arrays and all."""

from __future__ import annotations

from attncli.formats import BY_NAME
from attncli.inputs.literal import read_typed
from attncli.matrix import Matrix, Reading

try:
    from ml_dtypes import bfloat16
except ImportError:  # tests with its name are skipped then
    bfloat16 = None


def read_all(format_name: str, data: bytes, reading: Reading | None = None) -> dict[str, Matrix]:
    """Every matrix of a source called q.FORMAT; a literal is called Q."""
    reading = reading or Reading()
    if format_name == "literal":
        contents = read_typed(data.decode("utf-8", "surrogateescape"), "Q", reading)
    else:
        contents = BY_NAME[format_name].read(data, f"q.{format_name}", reading)
    return {name: decode() for name, decode in contents.matrices.items()}
