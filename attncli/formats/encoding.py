"""Recognizing the kind of a file by its first bytes, and decoding text."""

from __future__ import annotations

import codecs

from attncli.errors import InputError

_PANDAS = "python -c \"import pandas; pandas.read_{}('FILE').to_csv('FILE.csv', index=False)\""
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
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "decompress it first: zstd -d FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first: 7z x FILE"),
    (b"PAR1", "a Parquet file", _PANDAS.format("parquet")),
    (b"ARROW1", "an Arrow file", _PANDAS.format("feather")),
    (b"FEA1", "a Feather file", _PANDAS.format("feather")),
    (b"ORC", "an ORC file", _PANDAS.format("orc")),
    (b"SQLite format 3\x00", "an SQLite database", "sqlite3 -csv FILE 'SELECT * FROM name' > q.csv"),
    (b"CDF\x01", "a netCDF file", "ncks -O --fl_fmt=netcdf4 FILE q.h5"),
    (b"CDF\x02", "a netCDF file", "ncks -O --fl_fmt=netcdf4 FILE q.h5"),
    (b"CDF\x05", "a netCDF file", "ncks -O --fl_fmt=netcdf4 FILE q.h5"),
    (b"GGUF", "a GGUF model", "take a tensor out of it: numpy.save('q.npy', gguf.GGUFReader('FILE').tensors[0].data)"),
    (b"RDX2\n", "an R workspace", "in R: write.csv(q, 'q.csv', row.names = FALSE)"),
    (b"RDX3\n", "an R workspace", "in R: write.csv(q, 'q.csv', row.names = FALSE)"),
    (b"%PDF", "a PDF file", "copy the numbers into a text file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "save the spreadsheet as .xlsx or CSV"),
    (b"{\\rtf", "a document of a word processor", "copy the numbers into a text file"),
    (b"\x89PNG\r\n\x1a\n", "a picture", "type its numbers into a text file"),
    (b"\xff\xd8\xff", "a picture", "type its numbers into a text file"),
    (b"GIF8", "a picture", "type its numbers into a text file"),
    (b"\x7fELF", "a program", None),
)
_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<table")
_PICKLE = tuple(b"\x80" + bytes([version]) for version in (2, 3, 4, 5))
RENAME_TEXT = "name it .csv or .txt"  # for text under another suffix
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which is a prefix of it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AS_UTF8 = "save it as UTF-8"


def decode(data: bytes, where: str) -> str:
    """Decode UTF-8 with or without a BOM, or UTF-16 with one, and convert all line ends to "\\n"."""
    refuse_foreign(data, where, "text", known=())
    mark, encoding = next((pair for pair in _BYTE_ORDER_MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        culprit = data[error.start : error.start + 1].hex()
        raise InputError(f"{where}: line {line}", f"the byte 0x{culprit} is not {encoding.upper()}", _AS_UTF8) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{where}: line {line}", "a NUL character is not text", _AS_UTF8)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


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
            raise InputError(where, f"this is {what}, not {expected}", hint)
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
        hint = "pandas.read_html('FILE')[0].to_csv('FILE.csv', index=False), or copy its table into a spreadsheet"
        raise InputError(where, f"this is a page of HTML or XML, not {expected}", hint)
    if data.startswith(_PICKLE):
        raise InputError(
            where,
            "this is a pickle, which may run any code when it is read",
            "where it was made: numpy.save('q.npy', array, allow_pickle=False)",
        )


def looks_like_text(data: bytes) -> bool:
    """Return whether the first bytes are printable text."""
    return not data[:512].translate(None, bytes(range(32, 127)) + b"\t\r\n")
