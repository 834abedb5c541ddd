"""Calls around a list, such as `torch.tensor([[1, 0]], dtype=torch.float32)`, and what follows the list."""

from __future__ import annotations

import re
from typing import NoReturn

from attncli.errors import InputError
from attncli.formats.prints.brackets import DEEPEST
from attncli.numbers.numerals import quote
from attncli.records import record

_LIBRARY = (
    r"(?:new\s+)?(?:(?:np|numpy|cp|cupy|torch|nn|torch\.nn|jnp|jax\.numpy|jax|tf|tensorflow|mx|mlx\.core|mx\.nd|mx\.np"
    r"|paddle|sp|sympy|Nx|nd|math)\.)?"
)
_MAKER = (
    r"(?:Some|Ok|Object\.freeze|DenseMatrix\.OfArray|Tensor::(?:new|from(?:_data)?)|tensor[1-6]d|array|arr[123]|asarray|ascontiguousarray|matrix|mat|tensor|as_tensor|from_numpy|(?:Float|Double|Half|BFloat16|Long|Int|Short|"
    r"Byte|Char|Bool)?Tensor|Parameter|constant|convert_to_tensor|to_tensor|Variable|Array(?!\s*\([0-9]+\)\s*\[)|DeviceArray|ndarray|single|double|logical"
    r"|(?:Immutable|Mutable)?(?:Dense)?Matrix|(?:Float(?:32|64)|U?[iI]nt(?:8|16|32))Array(?:\.from)?(?!\([0-9]+\)))"
)
_SIZED = re.compile(r"(?:(?:QQ|ZZ|RR|RDF|SR)\s*,\s*)?(?:([0-9]+)\s*,\s*([0-9]+)\s*,\s*)?(?=\[)")  # Sage, Maple
CALL = re.compile(rf"(?:Parameter containing:\s*)?{_LIBRARY}{_MAKER}\s*\(\s*")
ANGLE = re.compile(r"<(?:tf\.)?(?:Tensor|(?:Keras)?Variable)\b[^<>]*?\b(?:numpy|value)=\s*|<tf\.RaggedTensor\s*(?=\[)")
SQUARE = re.compile(r"(?:MatrixForm|TableForm|N|Normal|NumericArray)\[\s*(?=\{)")  # of Mathematica
_VALUE = r"(?:<[^<>]*>|'[^'\n]*'|\"[^\"\n]*\"|\([^()]*\)|\[[^\[\]]*\]|[\w.]+(?:\([^()]*\))?)"
_NAMES = (
    r"(dtype|device|grad_fn|names|requires_grad|layout|weak_type|copy|order|name|subok|ndmin|shape|size|place|stop_gradient"
    r"|quantization_scheme|scale|zero_point|storage|datatype)"
)
_KEYWORD = re.compile(
    rf"\s*,\s*(?:{_NAMES}\s*=\s*({_VALUE})"
    r"|(?:(?:np|numpy|torch|jnp|tf|mx)\.\w+|float|int|bool|'[a-z0-9]+'|\"[a-z0-9]+\"|&[\w:]+))"
)
_LEADING = re.compile(rf"{_NAMES}\s*=\s*({_VALUE})\s*,\s*|(?:data|object|value)\s*=\s*(?=[\[(])")  # as Paddle prints
_TRAILER = re.compile(  # what MXNet, Candle and Rust's ndarray print after an array, with its lengths
    r"\s*(?:<NDArray ([0-9x]+) @[\w()]+>|Tensor\[\[([0-9, ]+)\], \w+(?:, \w+(?::[0-9]+)?)?\]"
    r"|, shape=\[([0-9, ]+)\], strides=[^\n]*)\s*"
)
_CLOSING = re.compile(r"\s*,?\s*\)")
_CLOSINGS = {")": _CLOSING, ">": re.compile(r"\s*>"), "]": re.compile(r"\s*(?:,\s*\"\w+\"\s*)?\]")}
_INNER_CALL = re.compile(rf"(?<![\w.]){CALL.pattern}([^()]*?)(?:{_KEYWORD.pattern})*{_CLOSING.pattern}")
_SPACES = re.compile(r"([ \t])[ \t]+|(\n)\s+")
_ONE_LIST = "if these are its rows, put them into one list: [[1, 0], [0, 1]]"
_RESTS = (  # what follows a list, and what to do about it
    (re.compile(r"(?:print|display|show|\w+\.\w+)\("), "delete it: attncli runs no code"),
    (re.compile(r"\w+:\s"), "if this is a YAML problem, name the file .yaml"),
    (re.compile(r",?\s*(?:torch\.Size\(\[)?\(?[0-9]+,[ ]?[0-9]*\]?\)\s*\Z"), "delete it, if it is the shape"),
    (re.compile(r"\[,1\]"), "print one item of the R list: print(x[[1]])"),
    (re.compile(r",\s*nrows: "), 'print it with {} in place of {:?}: println!("{}", x)'),
    (re.compile(r",\s*_size: "), "print its lists: console.log(x.toArray())"),
    (re.compile(r"[]})]"), "delete it, or add the opening bracket that is missing"),
    (re.compile(r",?\s*(?:[\[{(]|\w+\()"), _ONE_LIST),
    (re.compile(r",\s*\w+\s*="), "delete that argument"),
    (re.compile(r"[.'*/+@^-]"), "attncli does not evaluate it: print the array, and paste what it shows"),
    (re.compile(r"\S"), "keep only the array"),
)
_NEXT_NAME = re.compile(r",?\s*[A-Za-z_]\w*\s*=")
_SHAPE = re.compile(r"shape=(\([^()]*\))")
_NUMBER_LIST = re.compile(r"[0-9, ]*")
_TYPE_BEHIND = re.compile(r"\s*(?:::\s*\[*[A-Z]\w*\]*|as\s+const)\s*")  # of Haskell and TypeScript


@record
class OpenCalls:
    """The calls around a list: where the list begins, the tokens that close them, and the shapes before the list."""

    position: int
    closings: list[str]
    shapes: list[tuple[int, ...]]


def open_calls(text: str) -> OpenCalls:
    """Return the calls around the outermost list of a text."""
    position = len(text) - len(text.lstrip())
    closings: list[str] = []
    shapes: list[tuple[int, ...]] = []
    while len(closings) < DEEPEST:
        if call := CALL.match(text, position):
            closings.append(")")
            position = call.end()
            if sized := _SIZED.match(text, position):
                shapes += [(int(sized[1]), int(sized[2]))] if sized[1] else []
                position = sized.end()
            while keyword := _LEADING.match(text, position):
                shapes += _find_shape(keyword[1], keyword[2])
                position = keyword.end()
        elif square := SQUARE.match(text, position):
            closings.append("]")
            position = square.end()
        elif angle := ANGLE.match(text, position):
            closings.append(">")
            shapes += [shape for found in _SHAPE.findall(angle[0]) for shape in _find_shape("shape", found)]
            position = angle.end()
        else:
            break
    return OpenCalls(position, closings, shapes)


def drop_inner_calls(text: str) -> str:
    """Return the text without calls around the items of a list, as in `[np.float64(1.5), 2.0]`."""
    return _INNER_CALL.sub(r"\1", _SPACES.sub(r"\1\2", text)) if "(" in text else text  # _SPACES keeps the search fast


def close_calls(text: str, end: int, calls: OpenCalls, where: str) -> tuple[int, list[tuple[int, ...]]]:
    """Return the end of the calls around a list that ends at `end`, and the shapes that stand before and after it.

    Raises InputError if they are not closed.
    """
    shapes = list(calls.shapes)
    for closing in reversed(calls.closings):
        while closing == ")" and (keyword := _KEYWORD.match(text, end)):
            shapes += _find_shape(keyword[1], keyword[2])
            end = keyword.end()
        found = _CLOSINGS[closing].match(text, end)
        if found is None:
            refuse_rest(where, text[end:], f"'{closing}'")
        end = found.end()
    if trailer := _TRAILER.fullmatch(text, end):
        shapes.append(tuple(map(int, re.findall("[0-9]+", trailer[trailer.lastindex or 0]))))
        end = len(text)
    return end, shapes


def ends_list(rest: str) -> bool:
    """Return whether what follows a list says nothing more: a sign, or its type."""
    return rest.removesuffix(";") in ("", ".", "?") or _TYPE_BEHIND.fullmatch(rest) is not None


def _find_shape(keyword: str | None, value: str | None) -> list[tuple[int, ...]]:
    """Return the shape that a keyword argument gives, if the keyword is one for shapes."""
    if keyword not in ("shape", "size") or value is None or not _NUMBER_LIST.fullmatch(value[1:-1]):
        return []
    return [tuple(int(word) for word in value[1:-1].replace(" ", "").split(",") if word)]


def refuse_rest(where: str, rest: str, expected: str, shape: tuple[int, ...] = ()) -> NoReturn:
    """Raise InputError for what follows a list of this shape where something else is expected."""
    rest = rest.strip()
    found = quote(rest) if rest else "nothing"
    if expected == "the end" and _NEXT_NAME.match(rest):
        what = f"expected the end after the list, found {found}"
        raise InputError(where, what, "put each array on its own line")
    cure = next((hint for begins, hint in _RESTS if begins.match(rest)), None if rest else f"end it with {expected}")
    if cure == _ONE_LIST and len(shape) > 1 and shape[0] > 1:
        cure = "if it is another array, put each on its own line, after its name: Q = …"
    raise InputError(where, f"expected {expected} after the list, found {found}", cure)
