"""`attend`, the function behind every command: it takes arrays and returns a result that is computed on demand."""

from __future__ import annotations

import inspect
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from attncli.errors import ProblemError, UsageError, suggest
from attncli.formats.narrow import EIGHT_BITS, narrow_dtype, narrow_matrix
from attncli.inputs.array_names import matrix_name
from attncli.inputs.request import GRADIENT_NAMES, MATRIX_NAMES, Request, Worksheet
from attncli.inputs.settings import ENGINES, SETTINGS, Setting
from attncli.matrix import Matrix
from attncli.notebook import NotebookResult
from attncli.problem.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")


def explain_parameters(function: Callable[_Parameters, _Returned]) -> Callable[_Parameters, _Returned]:
    """Return the function, which raises UsageError with a hint for a word that is none of its parameters."""
    known = frozenset(inspect.signature(function).parameters)

    @wraps(function)
    def call(*arrays: _Parameters.args, **settings: _Parameters.kwargs) -> _Returned:
        for word in settings:
            if word not in known:
                raise UsageError(word, "is not a setting of attend", _suggest_parameter(word))
        return function(*arrays, **settings)

    return call


@explain_parameters
def attend(
    queries: ArrayLike,
    keys: ArrayLike,
    values: ArrayLike | None = None,
    *,
    variant: str | None = None,
    scale: float | str | Sequence[float | str] | None = None,
    length_scale: float | None = None,
    mask: ArrayLike | None = None,
    mask_means: str | None = None,
    bias: ArrayLike | None = None,
    causal: bool = False,
    align: str | None = None,
    query_offset: int | None = None,
    window: tuple[int, int] | None = None,
    softcap: float | None = None,
    heads: int | tuple[int, int] | str | None = None,
    layout: str | None = None,
    key_lengths: ArrayLike | None = None,
    v_a: ArrayLike | None = None,
    segments: ArrayLike | None = None,
    key_segments: ArrayLike | None = None,
    keep_first: int | None = None,
    prefix: int | None = None,
    chunk: int | None = None,
    alibi: bool | float | Sequence[float] | str | None = None,
    rope: str | None = None,
    rope_base: float | None = None,
    rope_dims: int | None = None,
    rope_scale: float | None = None,
    qk_norm: str | None = None,
    softcap_after_bias: bool = False,
    sink: float | Sequence[float] | None = None,
    normalizer: str | None = None,
    top_k: int | None = None,
    dropout: float | None = None,
    dropout_mask: ArrayLike | None = None,
    dtype: str | None = None,
    system: str | None = None,
    allow_nonfinite: bool = False,
    engine: str = "auto",
) -> NotebookResult:
    """Compute softmax(scale · similarity(Q, K) + bias, masked) · V for Q (…, n, d_k), K (…, m, d_k) and V (…, m, d_v).

    Returns a result with `output` (…, n, d_v) (None without values), `weights`, `scores` and `raw_scores` (…, n, m),
    and `lse` (…, n), each computed when it is first used.

    The parameters are the keys of a problem file (`system` for `as`). `variant` and `mask_means` default to "scaled"
    and "keep", or to those of the system. `scale` is a number, an expression of dk, n and m, or a list of
    these with one per head. It defaults to that of the variant (1/√d_k for "scaled"). The computation is done in the
    widest dtype of Q, K and V, at least float32. Integers count as float64.

    Raises AttncliError if the input is not valid or the dtype cannot hold the result.
    """
    given = locals()
    if engine not in ENGINES:
        raise UsageError("engine", f"{engine!r} is not an engine", f"one of: {', '.join(ENGINES)}")
    request = _request_of(given)
    return NotebookResult(prepare(request), engine, request)


def assert_attention(
    output: ArrayLike | None,
    queries: ArrayLike,
    keys: ArrayLike,
    values: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    lse: ArrayLike | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    baseline: ArrayLike | None = None,
    **settings: Any,
) -> None:
    """Raise AssertionError, with the verdict and the likely mistake, unless `output` (…, n, d_v) is the attention of
    these arrays.

    `weights`, `scores` and `lse`, if given, are checked too, and so are gradients, such as `d_queries`, beside
    `d_output`, the gradient that arrives at the output. The rules are those of `attncli check`, and other `settings`
    are those of `attend`. The tolerance defaults to that of the arrays' dtype. With a `baseline`, the output of another
    implementation, the error may be twice the baseline's largest. Raises AttncliError if the input is not valid.
    """
    from attncli.check import check
    from attncli.render.check import case_lines

    gradients = {name: settings.pop(name) for name in GRADIENT_NAMES if name in settings}
    unknown = sorted(set(settings) - set(_PARAMETERS) - {"d_output"} | settings.keys() & {"engine"})
    if unknown:
        raise UsageError(unknown[0], "is not a setting of attend", _suggest_parameter(unknown[0]))
    given = {"output": output, "weights": weights, "scores": scores, "lse": lse, **gradients}
    expected = {name: matrix for name, array in given.items() if (matrix := as_matrix(array, name)) is not None}
    request = _request_of({**settings, "queries": queries, "keys": keys, "values": values})
    worksheet = Worksheet(request=request, name="output", where="output", expected=expected)
    report = check(worksheet, rtol=rtol, atol=atol, baseline=as_matrix(baseline, "baseline"))
    if not report.holds:
        raise AssertionError("\n".join([f"attention is {report.verdict}", *case_lines(report, brief=False)]))


SETTING_BY_NAME = {setting.name: setting for setting in SETTINGS}
_PARAMETERS = inspect.signature(attend).parameters
_NOT_GIVEN: dict[str, Any] = {setting.name: False for setting in SETTINGS if setting.is_flag}


def _suggest_parameter(word: str) -> str:
    """Return the hint for a word that is not a parameter of attend."""
    from attncli.inputs.setting_words import key_meant

    key, form = key_meant(word) or (matrix_name(word) or word, "")
    name = "system" if key == "as" else key
    if name == "d_output":
        return "attend(…).gradients(d_output)"
    if name in MATRIX_NAMES and name not in _PARAMETERS:
        return "project first: attend(x @ w_q + b_q, x @ w_k + b_k, x @ w_v + b_v)"
    if name not in _PARAMETERS:
        return suggest(word, [*_PARAMETERS])
    return f"{name}={form}" if form else f"did you mean {name!r}?"


def _request_of(given: Mapping[str, Any]) -> Request:
    """Return the request with these arrays and settings."""
    arrays = ((name, given.get(name)) for name in MATRIX_NAMES)
    matrices: dict[str, Any] = {name: as_matrix(array, name) for name, array in arrays if array is not None}
    settings = dict(_NOT_GIVEN)
    for name, value in given.items():
        is_default = value is None or (value is False and name in _NOT_GIVEN)
        if name in SETTING_BY_NAME and not is_default:
            settings[name] = _value(SETTING_BY_NAME[name], value)
    return Request(**matrices, **settings)


def as_matrix(array: ArrayLike | None, name: str) -> Matrix | None:
    """Return the array as a matrix, with the name that errors use."""
    if array is None:
        return None
    if isinstance(array, np.ma.MaskedArray):
        raise ProblemError(
            name, "a NumPy masked array, whose mask would be lost", "give its .data, and the mask separately"
        )
    rows, columns = frame_labels(array)
    try:
        return Matrix(_array_of(array, name), name, row_labels=rows, column_labels=columns)
    except (ValueError, TypeError, RuntimeError) as error:  # of NumPy, or of the library that the array comes from
        ragged = _first_ragged(array)
        raise ProblemError(name, ragged or f"cannot be converted to an array: {error}") from None


def _array_of(array: Any, name: str) -> np.ndarray:
    """Return an array, or the numbers of a tensor of torch, whatever its device, gradient or dtype."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(array, torch.Tensor):
        return np.asarray(array)
    tensor = array.detach().cpu()
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype != "bfloat16" and dtype not in EIGHT_BITS:
        return np.asarray(tensor)
    bits = tensor.contiguous().view(torch.int16 if dtype == "bfloat16" else torch.uint8)
    return narrow_matrix(np.asarray(bits).view(narrow_dtype(dtype, name)), name).array


def frame_labels(array: Any) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the labels of the rows and the columns of a data frame, if they are text, or None for each."""
    index, columns = getattr(array, "index", None), getattr(array, "columns", None)
    if index is None or columns is None or callable(index) or callable(columns):
        return None, None
    return _labels(index), _labels(columns)


def _labels(axis: Any) -> tuple[str, ...] | None:
    labels = tuple(axis)
    return labels if labels and all(isinstance(label, str) for label in labels) else None


def _first_ragged(rows: Any) -> str | None:
    """Return where nested lists are ragged, or None if they are not."""
    if not isinstance(rows, (list, tuple)):
        return None
    widths = [len(row) if isinstance(row, (list, tuple)) else None for row in rows]
    for i, width in enumerate(widths):
        if width != widths[0]:
            return f"row {i} has {_numbers(width)}, row 0 has {_numbers(widths[0])}"
    return next((found for found in map(_first_ragged, rows) if found), None)


def _numbers(width: int | None) -> str:
    return "no brackets" if width is None else f"{width} {'entry' if width == 1 else 'entries'}"


def _truth(setting: Setting, value: Any) -> bool:
    """Return true or false, which may also be text, 0 or 1. Anything else is an error."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str):
        return bool(setting.value(value, setting.name))
    if isinstance(value, (int, np.integer)) and value in (0, 1):
        return bool(value)
    raise UsageError(setting.name, f"{value!r} is neither true nor false")


def _dtype_name(dtype: Any) -> str | None:
    """Return float32 for numpy.float32, "f4" and so on. Unknown text is returned unchanged, for the setting to
    refuse."""
    if dtype is None:
        return None
    try:
        return str(np.dtype(dtype).name)
    except TypeError:
        return str(dtype).removeprefix("torch.")


def _value(setting: Setting, value: Any) -> Any:
    """Return a value given in Python, checked by the same rules as its text in a file."""
    if setting.is_flag:
        return _truth(setting, value)
    if setting.name == "dtype":
        value = _dtype_name(value)
    if value is None:
        return None
    if isinstance(value, np.ndarray) and value.ndim < 2:
        value = value.tolist()
    if value is True and setting.bare is not None:
        value = setting.bare
    if isinstance(value, (tuple, list)):
        value = setting.join_list(str(item) for item in value)
    elif isinstance(value, (float, np.floating)):
        value = repr(float(value))
    return setting.value(str(value), setting.name)
