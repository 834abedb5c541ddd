"""Files as torch.save writes them, made without torch: any pickle, any storages."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any

import numpy as np

KINDS = {
    "<f8": "DoubleStorage",
    "<f4": "FloatStorage",
    "<f2": "HalfStorage",
    "<i8": "LongStorage",
    "|b1": "BoolStorage",
}


def name(module: str, attribute: str) -> bytes:
    """The instruction for a class or function."""
    return f"c{module}\n{attribute}\n".encode()


def value(thing: Any) -> bytes:
    """The instructions for a plain Python value."""
    return pickle.dumps(thing, 2)[2:-1].replace(b"q\x00", b"")


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


def tensor(
    kind: str, key: str, length: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], view: bytes = b""
) -> bytes:
    """The instructions for a tensor over the storage `key`."""
    identity = value("storage") + name("torch", KINDS[kind]) + value(key) + value("cpu") + value(length) + view
    stored = b"(" + identity + b"tQ"
    numbers = b"".join(value(number) for number in shape), b"".join(value(number) for number in strides)
    parts = (stored, value(offset), b"(" + numbers[0] + b"t", b"(" + numbers[1] + b"t", value(False))
    return called(name("torch._utils", "_rebuild_tensor_v2"), *parts, called(name("collections", "OrderedDict")))


def mapping(**items: bytes) -> bytes:
    return b"}(" + b"".join(value(key) + item for key, item in items.items()) + b"u"


def archive(instructions: bytes, storages: dict[str, bytes], **others: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("q/data.pkl", b"\x80\x02" + instructions + b".")
        for key, data in {**{f"data/{key}": data for key, data in storages.items()}, **others}.items():
            file.writestr(f"q/{key}", data)
    return stream.getvalue()


def legacy(instructions: bytes, storages: dict[str, np.ndarray]) -> bytes:
    pieces = [pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    pieces += [b"\x80\x02" + instructions + b".", pickle.dumps(list(storages), 2)]
    pieces += [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    return b"".join(pieces)


def of_array(array: np.ndarray) -> bytes:
    """A file of one tensor in C order."""
    kind = array.dtype.newbyteorder("<").str
    strides = tuple(stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides)
    return archive(tensor(kind, "0", array.size, 0, array.shape, strides), {"0": array.astype(kind).tobytes()})
