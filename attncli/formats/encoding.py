"""Recognizing the kind of a file by its first bytes, and decoding text."""

from __future__ import annotations

import codecs

from attncli.errors import InputError
from attncli.formats.foreign import refuse_foreign

RENAME_TEXT = "name it .csv or .txt"  # for text under another suffix
RENAME = "give it the suffix of its format: .csv, .json, .npy, …"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which is a prefix of it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_START = 512
_TEXT = bytes(sorted({*range(32, 127), *b"\t\n\r\f", *range(128, 256)}))  # of UTF-8, or of an older encoding
_SAVE_AGAIN = "save its arrays with numpy.savez(FILE, q=q, k=k), or give type and shape: q.bin@float32:4,64"
_AS_UTF8 = "save it as UTF-8"


def decode(data: bytes, where: str) -> str:
    """Decode UTF-8 with or without a BOM, or UTF-16 with one, and convert all line ends to "\\n"."""
    refuse_foreign(data, where, "text", known=())
    mark, encoding = next((pair for pair in _BYTE_ORDER_MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if not mark and data[:_START].translate(None, _TEXT):
            raise InputError(where, "this is neither text nor a file format that attncli knows", _SAVE_AGAIN) from None
        line = data.count(b"\n", 0, error.start) + 1
        culprit = data[error.start : error.start + 1].hex()
        raise InputError(f"{where}: line {line}", f"the byte 0x{culprit} is not {encoding.upper()}", _AS_UTF8) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{where}: line {line}", "a NUL character is not text", _AS_UTF8)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def looks_like_text(data: bytes) -> bool:
    """Return whether the first bytes are printable text."""
    return not data[:512].translate(None, bytes(range(32, 127)) + b"\t\r\n")
