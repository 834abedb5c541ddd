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
_SAVE = (
    "numpy.savez('OUT.npz', **x) if isinstance(x, dict) else "
    "numpy.save('OUT.npy', numpy.asarray(x), allow_pickle=False)"
)
_PICKLED = _PYTHON.format(f"pickle, numpy; x = pickle.load(open(sys.argv[1], 'rb')); {_SAVE}")
_JOBLIB = _PYTHON.format(f"joblib, numpy; x = joblib.load(sys.argv[1]); {_SAVE}")
_STREAM = _PYTHON.format(
    "pyarrow; pyarrow.ipc.open_stream(pyarrow.memory_map(sys.argv[1])).read_pandas().to_csv('OUT.csv', index=False)"
)
_AVRO = _PYTHON.format(
    "pandas, fastavro; pandas.DataFrame(fastavro.reader(open(sys.argv[1], 'rb'))).to_csv('OUT.csv', index=False)"
)
_FITS = _PYTHON.format("numpy, astropy.io.fits as f; numpy.save('OUT.npy', f.getdata(sys.argv[1]))")
_IDX = _PYTHON.format(
    "numpy; d = open(sys.argv[1], 'rb').read(); n = d[3]; "
    "t = {8: 'u1', 9: 'i1', 11: '>i2', 12: '>i4', 13: '>f4', 14: '>f8'}[d[2]]; "
    "numpy.save('OUT.npy', numpy.frombuffer(d, t, offset=4 + 4 * n).reshape(numpy.frombuffer(d, '>u4', n, 4)))"
)
_FLAX = _PYTHON.format(
    "numpy, flax.serialization as s, flax.traverse_util as t; "
    "numpy.savez('OUT.npz', **t.flatten_dict(s.msgpack_restore(open(sys.argv[1], 'rb').read()), sep='.'))"
)
_TABLES = _PYTHON.format("pandas; pandas.read_html(sys.argv[1])[0].to_csv('OUT.csv', index=False)")
_SQLITE = "sqlite3 -csv -header FILE QUERY > OUT.csv"
_WORKSPACE = "Rscript -e \"write.csv(get(load(commandArgs(TRUE))[1]), 'OUT.csv', row.names = FALSE)\" FILE"
_RDS = "Rscript -e \"write.csv(readRDS(commandArgs(TRUE)[1]), 'OUT.csv', row.names = FALSE)\" FILE"
_PICTURE = "type its numbers into a text file"
_TABLE = pattern(rb'CREATE TABLE (?:"([^"\x00]{1,60})"|(\w{1,60}))', re.IGNORECASE)
_NO_FILES = frozenset(("standard input", "literal", "queries", "keys", "values", "mask", "bias", "expected"))
QUOTED = '"{}"'
SCHEMA = 1 << 16  # bytes of a database where its first table is looked for
# first bytes, description of the file, what to do with it
ARCHIVES = (  # members of a zip archive that is not an NPZ file
    (b"word/document.xml", "a Word document", "soffice --headless --convert-to txt:Text FILE"),
    (b"ppt/presentation.xml", "a presentation", "soffice --headless --convert-to pdf FILE"),
    (b"opendocument.text", "a LibreOffice text document", "soffice --headless --convert-to txt:Text FILE"),
    (b"xl/workbook.xml", "an Excel workbook", "name it .xlsx"),
    (b"opendocument.spreadsheet", "a LibreOffice spreadsheet", "name it .ods"),
    (b"Index/Document.iwa", "a Numbers, Pages or Keynote document", "export it from there as CSV"),
    (b"model.weights.h5", "a Keras model", "unzip FILE model.weights.h5"),
    (b".csv", "a zip archive", "unzip FILE"),
    (b".txt", "a zip archive", "unzip FILE"),
)
_R = pattern(rb"RD[AX][23]\n|X\n\x00\x00\x00[\x02\x03]")  # what gzip, bzip2 or xz hold when R wrote it
_TAR = 257  # bytes before the word that says what a tar archive is
_MORE = (  # beginnings that more than some fixed bytes make
    (pattern(rb"\xff\xff\xff\xff(?s:...)\x00"), "an Arrow stream", _STREAM),
    (pattern(rb"\x00\x00[\x08\x09\x0b-\x0e][\x01-\x08]\x00"), "an IDX file, the format of MNIST", _IDX),
    (
        pattern(rb"(?:[\x81-\x8f]|\xde\x00.)[\xa1-\xbf\xd9]", re.DOTALL),
        "a MessagePack file, as flax writes it",
        _FLAX,
    ),
    (pattern(rb"RIFF....WEBP", re.DOTALL), "a picture", _PICTURE),
    (pattern(rb"BM.{4}\x00\x00\x00\x00", re.DOTALL), "a picture", _PICTURE),
    (pattern(rb"(?s:.{257})ustar"), "a tar archive", "tar -xvf FILE"),
)
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
    (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "a torch.save file", "name it .pt"),
    (b"\x1f\x8b", "compressed by gzip", "add .gz to its name"),
    (b"BZh", "compressed by bzip2", "add .bz2 to its name"),
    (b"\xfd7zXZ\x00", "compressed by xz", "add .xz to its name"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc FILE > OUT.csv"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc FILE > OUT.csv"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    (b"PAR1", "a Parquet file", _PANDAS.format("parquet")),
    (b"ARROW1", "an Arrow file", _PANDAS.format("feather")),
    (b"FEA1", "a Feather file", _PANDAS.format("feather")),
    (b"ORC", "an ORC file", _PANDAS.format("orc")),
    (b"Obj\x01", "an Avro file", _AVRO),
    (b"SIMPLE  =", "a FITS file", _FITS),
    (b"SQLite format 3\x00", "an SQLite database", _SQLITE),
    (b"CDF\x01", "a netCDF file", "nccopy -k nc4 FILE OUT.h5"),
    (b"CDF\x02", "a netCDF file", "nccopy -k nc4 FILE OUT.h5"),
    (b"CDF\x05", "a netCDF file", "nccopy -k nc4 FILE OUT.h5"),
    (b"GGUF", "a GGUF model", _GGUF),
    (b"lmgg", "a GGML model", "convert it to GGUF with llama.cpp's convert_llama_ggml_to_gguf.py"),
    (b"tjgg", "a GGML model", "convert it to GGUF with llama.cpp's convert_llama_ggml_to_gguf.py"),
    (b"X\n\x00\x00\x00\x02", "an R object", _RDS),
    (b"X\n\x00\x00\x00\x03", "an R object", _RDS),
    (b"RDA2\n", "an R workspace", _WORKSPACE),
    (b"RDA3\n", "an R workspace", _WORKSPACE),
    (b"RDX2\n", "an R workspace", _WORKSPACE),
    (b"RDX3\n", "an R workspace", _WORKSPACE),
    (b"%PDF", "a PDF file", "pdftotext -layout FILE OUT.txt, and keep the numbers"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "soffice --headless --convert-to xlsx FILE"),
    (b"{\\rtf", "a word processor document", "soffice --headless --convert-to txt:Text FILE"),
    (b"\x89PNG\r\n\x1a\n", "a picture", _PICTURE),
    (b"\xff\xd8\xff", "a picture", _PICTURE),
    (b"GIF8", "a picture", _PICTURE),
    (b"II*\x00", "a picture", _PICTURE),
    (b"MM\x00*", "a picture", _PICTURE),
    (b"\x7fELF", "a program", None),
)
WRITE_NUMBERS = "write numbers into it, or name another file"
_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<table")
_PICKLE = pattern(rb"\x80[\x02-\x05]|\((?:lp|dp)[0-9]*\n|c[\w.]+\n\w+\n")


def refuse_foreign(data: bytes, where: str, expected: str, known: tuple[bytes, ...]) -> None:
    """Raise InputError if the bytes are a kind of file other than `expected`.

    `known` are the first bytes of the expected kind.
    """
    if not data:
        raise InputError(where, "the file is empty", WRITE_NUMBERS)
    if data.startswith(known):
        return
    for magic, what, hint in (*_within(data), *MAGIC):
        if data.startswith(magic):
            raise InputError(where, f"this is {what}, not {expected}", fill_in(hint, where, data))
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
        what = f"this is an HTML or XML page, not {expected}"
        raise InputError(where, what, f"{fill_in(_TABLES, where, data)} (its first table)")
    if data[:1] in (b"\x80", b"(", b"c") and _PICKLE.match(data):
        what = "this is a pickle, which can run any code when it is loaded"
        command = _JOBLIB if b"joblib" in data[:256] else _PICKLED
        raise InputError(where, what, f"if you trust it: {fill_in(command, where, data)}")
    is_binary = b"\0" in data[:300] or data[0] >= 0x80  # expressions are compiled for no text
    for begins, what, hint in _MORE if is_binary else ():
        if begins.match(data):
            raise InputError(where, f"this is {what}, not {expected}", fill_in(hint, where, data))


def refuse_archive(data: bytes, where: str, expected: str) -> None:
    """Raise InputError if a zip archive is known by what it holds."""
    for part, what, hint in ARCHIVES:
        if part in data:
            raise InputError(where, f"this is {what}, not {expected}", fill_in(hint, where, data))


def _within(data: bytes) -> tuple[tuple[bytes, str, str], ...]:
    """Return what an archive or compressed data is by its contents, as an entry of MAGIC, or nothing."""
    if data.startswith(b"PK\x03\x04"):
        return tuple((b"PK", what, hint) for part, what, hint in ARCHIVES if part in data)[:1]
    if data.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")):
        from attncli.formats.compressed import decompress_start

        start = decompress_start(data)
        if _R.match(start):
            of_one = start.startswith(b"X")
            return ((data[:2], "an R object" if of_one else "an R workspace", _RDS if of_one else _WORKSPACE),)
        if start[_TAR:].startswith(b"ustar"):
            return ((data[:2], "a compressed tar archive", "tar -xvf FILE"),)
    return ()


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
    is_file = where not in _NO_FILES and ": " not in where and not where.startswith("--")
    out = "out" if re.split(r"[/\\\\]", where)[-1].startswith("q.") else "q"
    file = shlex.quote(where) if is_file else FILE
    words = {FILE: file, OUT: out, QUERY: query}
    return re.sub(r"\b(?:FILE|OUT|QUERY)\b", lambda found: words[found[0]], hint)  # in one go: a name may hold them
