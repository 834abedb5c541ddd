"""What kind of file some bytes are, by their first ones, and the text in them."""

from __future__ import annotations

import codecs

from attncli.errors import InputError

# first bytes, what such a file is, what to do with it
MAGIC = (
    (b"\x93NUMPY", "an NPY file", "name it .npy, or say --from npy"),
    (b"PK\x03\x04", "a zip archive", "an NPZ file is named .npz, or say --from npz; save a spreadsheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive", None),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "save the arrays as .npz or .safetensors"),
    (b"\x1f\x8b", "compressed by gzip", "decompress it first: gunzip FILE"),
    (b"%PDF", "a PDF file", "copy the numbers into a text file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "save the spreadsheet as CSV"),
)
_PICKLE = tuple(b"\x80" + bytes([version]) for version in (2, 3, 4, 5))
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AS_UTF8 = "save it as UTF-8"


def decode(data: bytes, where: str) -> str:
    """The text of UTF-8 with or without BOM or of UTF-16 with one, its line ends all "\\n"."""
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
    """Raise InputError where the bytes are another kind of file than `expected`; `known` are its own first bytes."""
    if not data:
        raise InputError(where, "the file is empty")
    if data.startswith(known):
        return
    for magic, what, hint in MAGIC:
        if data.startswith(magic):
            raise InputError(where, f"this is {what}, not {expected}", hint)
    if data.startswith(_PICKLE):
        raise InputError(
            where,
            "this is a pickle, which may run any code when it is read",
            "save the array with numpy.save(FILE, array, allow_pickle=False)",
        )


def looks_like_text(data: bytes) -> bool:
    """Whether the first bytes could be typed."""
    return not data[:512].translate(None, bytes(range(32, 127)) + b"\t\r\n")
