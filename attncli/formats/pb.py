"""Files of one ONNX tensor, as in the test data of ONNX operators, read with onnx (extra `onnx`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError, MissingExtraError
from attncli.formats.archive import DAMAGED
from attncli.formats.contents import Contents
from attncli.formats.encoding import looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.formats.narrow import narrow_matrix

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

_OF_A_MODEL = "of a model, save each array by itself: numpy.save(FILE, onnx.numpy_helper.to_array(tensor))"
_NARROW = frozenset(("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"))


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Read the only tensor, under its name if it has one."""
    refuse_foreign(data, where, "an ONNX tensor", known=())
    if looks_like_text(data):
        raise InputError(where, "this is text, not an ONNX tensor", "name it .csv or .txt")
    tensor = parse_tensor(data, where)
    return Contents(where, {"": lambda: decode_tensor(tensor, where)})


def parse_tensor(data: bytes, where: str) -> Any:
    """Return the TensorProto.

    Raises InputError if the bytes are not one.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError(where, "onnx", "onnx") from None
    try:
        tensor = onnx.TensorProto.FromString(data)
        is_known = tensor.data_type in onnx.TensorProto.DataType.values() and tensor.data_type != 0
    except Exception:  # DecodeError of whichever protobuf is installed
        is_known = False
    if not is_known:
        raise InputError(where, "this is not an ONNX tensor (TensorProto)", _OF_A_MODEL)
    return tensor


def decode_tensor(tensor: Any, where: str) -> Matrix:
    """Return the numbers of a TensorProto.

    Raises InputError if they are in another file, or are not real numbers.
    """
    from onnx import TensorProto, numpy_helper

    kind = TensorProto.DataType.Name(tensor.data_type)
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise InputError(where, "its numbers lie in another file, which is not opened", "save it with raw_data")
    if kind.startswith(("COMPLEX", "STRING")):
        raise InputError(where, f"its cells are {kind}, not real numbers", "save it as FLOAT")
    if tensor.HasField("segment") or any(length < 0 for length in tensor.dims):
        raise InputError(where, "the tensor cannot be read", DAMAGED)
    try:
        array = np.array(numpy_helper.to_array(tensor))
    except Exception:  # its shape and its numbers do not match, or NumPy lacks its type
        raise InputError(where, f"a tensor of {kind} and shape {tuple(tensor.dims)} cannot be read", DAMAGED) from None
    if array.dtype.kind not in "biuf" and array.dtype.name not in _NARROW:
        raise InputError(where, f"its cells are {kind}, which attncli does not support", "save it as FLOAT")
    return narrow_matrix(array, where)
