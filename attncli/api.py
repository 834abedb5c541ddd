"""`attend`, the function behind everything: arrays in, a lazily computed result out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.door import prepare
from attncli.errors import ProblemError, UsageError
from attncli.matrices import Matrix
from attncli.request import Request
from attncli.result import Result
from attncli.settings import BY_KEY, ENGINES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def attend(
    queries: ArrayLike,
    keys: ArrayLike,
    values: ArrayLike | None = None,
    *,
    variant: str = "scaled",
    scale: float | str | None = None,
    length_scale: float | None = None,
    mask: ArrayLike | None = None,
    mask_means: str = "keep",
    bias: ArrayLike | None = None,
    causal: bool = False,
    align: str | None = None,
    query_offset: int | None = None,
    window: tuple[int, int] | None = None,
    softcap: float | None = None,
    heads: int | tuple[int, int] | str | None = None,
    key_lengths: ArrayLike | None = None,
    dtype: str | None = None,
    system: str | None = None,
    allow_nonfinite: bool = False,
    engine: str = "auto",
) -> Result:
    """softmax(scale · similarity(Q, K) + bias, masked) · V of Q (…, n, d_k), K (…, m, d_k), V (…, m, d_v).

    Gives a result with `output` (…, n, d_v) (None without values), `weights`, `scores` and `raw_scores` (…, n, m) and
    `lse` (…, n); each is computed when it is first asked for. The parameters are the keys of a problem file. `scale`
    is a number or an expression of dk (default: the variant's, 1/√d_k for "scaled"). Computed in the widest dtype of
    Q, K and V, at least float32; integers count as float64. Raises AttncliError where the input can't be meant or
    the dtype can't hold the result.
    """
    if engine not in ENGINES:
        raise UsageError("engine", f"{engine!r} is not an engine", f"one of: {', '.join(ENGINES)}")
    request = Request(
        queries=as_matrix(queries, "queries"),
        keys=as_matrix(keys, "keys"),
        values=as_matrix(values, "values"),
        mask=as_matrix(mask, "mask"),
        bias=as_matrix(bias, "bias"),
        key_lengths=as_matrix(key_lengths, "key_lengths"),
        variant=_setting("variant", variant),
        scale=_setting("scale", scale),
        length_scale=_setting("length_scale", length_scale),
        mask_means=_setting("mask_means", mask_means),
        causal=bool(causal),
        align=_setting("align", align),
        query_offset=_setting("query_offset", query_offset),
        window=_setting("window", window),
        softcap=_setting("softcap", softcap),
        heads=_setting("heads", heads),
        dtype=_setting("dtype", None if dtype is None else np.dtype(dtype).name),
        system=system,
        allow_nonfinite=allow_nonfinite,
    )
    return Result(prepare(request), engine)


def as_matrix(array: ArrayLike | None, name: str) -> Matrix | None:
    """The array under the name that errors give it."""
    if array is None:
        return None
    try:
        return Matrix(np.asarray(array), name)
    except ValueError as error:
        raise ProblemError(name, f"no array can be made of it: {error}") from None


def _setting(key: str, value: Any) -> Any:
    """A value given in Python, held to the rules that its text in a file is held to."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        value = ",".join(str(item) for item in value)
    elif isinstance(value, (float, np.floating)):
        value = repr(float(value))
    return BY_KEY[key].value(str(value), key)
