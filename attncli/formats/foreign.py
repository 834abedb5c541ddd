"""Files of other programs, recognized by their first bytes, with a command that converts them."""

from __future__ import annotations

import re

from attncli.errors import InputError
from attncli.patterns import pattern

FILE = "FILE"  # where a hint names the file; standard input has no name
QUERY = "QUERY"
OUT = "OUT"  # and what it writes, which is never the file itself
_PYTHON = 'python -c "import sys, {}" FILE'
_PANDAS = _PYTHON.format("pandas; pandas.read_{}(sys.argv[1]).to_csv('OUT.csv', index=False)")
_GGUF = _PYTHON.format(
    "numpy, gguf; numpy.savez('OUT.npz', **{t.name: gguf.dequantize(t.data, t.tensor_type) "
    "for t in gguf.GGUFReader(sys.argv[1]).tensors[:9]})"
)
_PICKLED = _PYTHON.format(
    "pickle, numpy; numpy.save('OUT.npy', numpy.asarray(pickle.load(open(sys.argv[1], 'rb'))), allow_pickle=False)"
)
_TABLES = _PYTHON.format("pandas; pandas.read_html(sys.argv[1])[0].to_csv('OUT.csv', index=False)")
_SQLITE = "sqlite3 -csv -header FILE QUERY > OUT.csv"
_WORKSPACE = "Rscript -e \"write.csv(get(load(commandArgs(TRUE))[1]), 'OUT.csv', row.names = FALSE)\" FILE"
_TABLE = pattern(rb'CREATE TABLE (?:"([^"\x00]{1,60})"|(\w{1,60}))', re.IGNORECASE)
_NO_FILES = frozenset(("standard input", "literal", "queries", "keys", "values", "mask", "bias", "expected"))
QUOTED = '"{}"'
SCHEMA = 1 << 16  # bytes of a database where its first table is looked for
# first bytes, description of the file, what to do with it
MAGIC = (
    (b"\x93NUMPY", "an NPY file", "name it .npy, or leave out --from"),
    (
        b"PK\x03\x04",
        "a zip archive",
        "name it .npz if NumPy wrote it, .pt if torch did, .xlsx or .ods if a spreadsheet",
    ),
    (b"PK\x05\x06", "an empty zip archive", None),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "name it .h5, or .mat if MATLAB wrote it"),
    (b"MATLAB ", "a MAT file", "name it .mat"),
    (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "a file of torch.save", "name it .pt"),
    (b"\x1f\x8b", "compressed by gzip", "add .gz to its name"),
    (b"BZh", "compressed by bzip2", "add .bz2 to its name"),
    (b"\xfd7zXZ\x00", "compressed by xz", "add .xz to its name"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc FILE > OUT.csv"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    (b"PAR1", "a Parquet file", _PANDAS.format("parquet")),
    (b"ARROW1", "an Arrow file", _PANDAS.format("feather")),
    (b"FEA1", "a Feather file", _PANDAS.format("feather")),
    (b"ORC", "an ORC file", _PANDAS.format("orc")),
    (b"SQLite format 3\x00", "an SQLite database", _SQLITE),
    (b"CDF\x01", "a netCDF file", "nccopy -k nc4 FILE OUT.h5"),
    (b"CDF\x02", "a netCDF file", "nccopy -k nc4 FILE OUT.h5"),
    (b"CDF\x05", "a netCDF file", "nccopy -k nc4 FILE OUT.h5"),
    (b"GGUF", "a GGUF model", _GGUF),
    (b"RDX2\n", "an R workspace", _WORKSPACE),
    (b"RDX3\n", "an R workspace", _WORKSPACE),
    (b"%PDF", "a PDF file", "pdftotext -layout FILE OUT.txt, and keep the numbers"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "soffice --headless --convert-to xlsx FILE"),
    (b"{\\rtf", "a document of a word processor", "soffice --headless --convert-to txt:Text FILE"),
    (b"\x89PNG\r\n\x1a\n", "a picture", "type its numbers into a text file"),
    (b"\xff\xd8\xff", "a picture", "type its numbers into a text file"),
    (b"GIF8", "a picture", "type its numbers into a text file"),
    (b"\x7fELF", "a program", None),
)
_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<table")
_PICKLE = tuple(b"\x80" + bytes([version]) for version in (2, 3, 4, 5))


def refuse_foreign(data: bytes, where: str, expected: str, known: tuple[bytes, ...]) -> None:
    """Raise InputError if the bytes are a kind of file other than `expected`.

    `known` are the first bytes of the expected kind.
    """
    if not data:
        raise InputError(where, "the file is empty")
    if data.startswith(known):
        return
    for magic, what, hint in MAGIC:
        if data.startswith(magic):
            raise InputError(where, f"this is {what}, not {expected}", fill_in(hint, where, data))
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
        what = f"this is a page of HTML or XML, not {expected}"
        raise InputError(where, what, f"{fill_in(_TABLES, where, data)} (its first table)")
    if data.startswith(_PICKLE):
        what = "this is a pickle, which may run any code when it is read"
        raise InputError(where, what, f"if you trust it: {fill_in(_PICKLED, where, data)}")


def fill_in(hint: str | None, where: str, data: bytes) -> str | None:
    """Return a command with its names filled in: the file's, quoted for the shell, and that of a database's first
    table."""
    if hint is None:
        return None
    import shlex

    query = ""
    if hint == _SQLITE:
        tables = _TABLE.search(data[:SCHEMA])
        name = "name" if tables is None else (tables[1] or tables[2]).decode(errors="replace")
        query = shlex.quote(f"SELECT * FROM {name if name.isidentifier() else QUOTED.format(name)}")
    is_file = where not in _NO_FILES and ": " not in where
    out = "out" if re.split(r"[/\\\\]", where)[-1].startswith("q.") else "q"
    file = shlex.quote(where) if is_file else FILE
    words = {FILE: file, OUT: out, QUERY: query}
    return re.sub(r"\b(?:FILE|OUT|QUERY)\b", lambda found: words[found[0]], hint)  # in one go: a name may hold them
