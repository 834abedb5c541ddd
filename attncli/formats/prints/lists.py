"""Nested lists in brackets, braces or parentheses, as Python, C, Go, Julia, Mathematica and libraries write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from attncli.errors import InputError
from attncli.formats.prints import cells
from attncli.formats.prints.lines import COPY_ALL, times
from attncli.matrix import Matrix
from attncli.numbers.decimal_commas import find_decimal_comma, may_hold_decimal_commas
from attncli.numbers.numerals import NUMBER_HINT, REAL_PART, NumeralError, quote
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Reading

_DEEPEST = 32  # axes
_NUMPY_DIGITS, _TORCH_DIGITS = 8, 4  # that they print at most
_CLOSERS = {"[": "]", "{": "}", "(": ")"}
_TYPES = (  # of the items of a list, written before it
    r"(?:Float(?:16|32|64)|U?Int(?:8|16|32|64)?|Bool|Any)(?=\[)|vec!(?=\[)"
    r"|(?:\[(?:[0-9]*|\.\.\.)\])+\s*(?:float(?:32|64)|u?int[0-9]*|bool|f(?:16|32|64)"
    r"|[iu](?:8|16|32|64))(?=\{)"  # Go and Zig
    r"|new\s*(?:float|double|int|long)?\s*(?:\[[0-9, ]*\])+\s*(?=\{)"
    r"|(?:float|double|int|long)(?:\[[0-9]*\])+\s*(?=\{)"  # Java, C#
    r"|@[SM](?:Matrix|Vector)\s*(?=\[)|List(?=\[)"  # Julia, Mathematica
    r"|std::\w+<[\w:<>, ]*>\s*(?=\{)|'(?=\{)"  # C++, Verilog
    r"|(?:(?:Float(?:32|64)|U?[iI]nt(?:8|16|32))?Array)?\([0-9]+\)\s*(?=\[)|Array\s*(?=\[)"  # JavaScript
    r"|(?:array!|mat!|d?matrix!|Matrix|@|&|#|!!)(?=\[)|\.(?=[ \t]*\{)"  # Rust, Ruby, Nim, Lean, Zig
    r"|Numo::\w+(?:#shape=\[[0-9,]*\]\s*)?(?=\[)|(?:'?#(?:[0-9]A)?|'|@)(?=\()"  # Ruby, Lisp, PowerShell
)
_TOKEN = re.compile(  # str.split also splits at the no-break spaces within a number
    rf"[ \t\n\r\f\v]*(?:{_TYPES})?([\[\]{{}},]|[\"'][^\"'\n]*[\"']"
    r"|-?[\w.]*[A-Za-z_]\w*\([^()\[\]{},;\s]*\)|[()]|[^ \t\n\r\f\v\[\]{}(),]+)"
)
_LIBRARY = (
    r"(?:new\s+)?(?:(?:np|numpy|cp|cupy|torch|nn|torch\.nn|jnp|jax\.numpy|jax|tf|tensorflow|mx|mlx\.core|mx\.nd|mx\.np"
    r"|paddle|sp|sympy|Nx|nd|math)\.)?"
)
_MAKER = (
    r"(?:Some|Ok|Object\.freeze|DenseMatrix\.OfArray|Tensor::(?:new|from(?:_data)?)|tensor[1-6]d|array|arr[123]|asarray|ascontiguousarray|matrix|mat|tensor|as_tensor|from_numpy|(?:Float|Double|Half|BFloat16|Long|Int|Short|"
    r"Byte|Char|Bool)?Tensor|Parameter|constant|convert_to_tensor|to_tensor|Variable|Array(?!\s*\([0-9]+\)\s*\[)|DeviceArray|ndarray|single|double|logical"
    r"|(?:Immutable|Mutable)?(?:Dense)?Matrix|(?:Float(?:32|64)|U?[iI]nt(?:8|16|32))Array(?:\.from)?(?!\([0-9]+\)))"
)
_BUILDERS = re.compile(
    r"(?<![\w.])(?:(?:(?:float|double|int|long)A|a)rrayOf|(?:mutableL|l)istOf|Arrays\.asList|List\.of|[Aa]rray|List|Seq|Vector)\s*\(\s*"
)
_NUMBER = r"[-+]?\.?[0-9][\w.]*\s*"
_BUILT = re.compile(  # lists in the parentheses of Kotlin, Scala and PHP; of a call, NumPy's array(1.5) is one number
    rf"\s*(?:{_BUILDERS.pattern}(?:{_NUMBER},\s*{_NUMBER}[,)]|(?:{_BUILDERS.pattern})+{_NUMBER}[,)]))"
)
_ROW_ARGUMENTS = re.compile(  # of Maxima and of Breeze: a row is an argument
    rf"\s*(?:matrix(?=\s*\(\s*\[\s*{_NUMBER}[^][()]*\]\s*,\s*\[)|DenseMatrix(?=\s*\(\s*\(\s*{_NUMBER}))"
)
_MATRIX_TEXT = re.compile(  # NumPy's np.matrix("1 2; 3 4"), and mat(1, 2; 3, 4) of Typst
    r"\s*\$?\s*(?:np\.|numpy\.)?mat(?:rix)?\s*\(\s*([\"']?)([^()\[\]{}\"']*;[^()\[\]{}\"']*)\1\s*\)\s*\$?\s*"
)
_SIZED = re.compile(r"(?:(?:QQ|ZZ|RR|RDF|SR)\s*,\s*)?(?:([0-9]+)\s*,\s*([0-9]+)\s*,\s*)?(?=\[)")  # Sage, Maple
_CALL = re.compile(rf"(?:Parameter containing:\s*)?{_LIBRARY}{_MAKER}\s*\(\s*")
_ANGLE = re.compile(r"<(?:tf\.)?(?:Tensor|(?:Keras)?Variable)\b[^<>]*?\b(?:numpy|value)=\s*|<tf\.RaggedTensor\s*(?=\[)")
_SQUARE = re.compile(r"(?:MatrixForm|TableForm|N|Normal|NumericArray)\[\s*(?=\{)")  # of Mathematica
_VALUE = r"(?:<[^<>]*>|'[^'\n]*'|\"[^\"\n]*\"|\([^()]*\)|\[[^\[\]]*\]|[\w.]+(?:\([^()]*\))?)"
_NAMES = (
    r"(dtype|device|grad_fn|names|requires_grad|layout|weak_type|copy|order|name|subok|ndmin|shape|size|place|stop_gradient"
    r"|quantization_scheme|scale|zero_point|storage|datatype)"
)
_KEYWORD = re.compile(
    rf"\s*,\s*(?:{_NAMES}\s*=\s*({_VALUE})"
    r"|(?:(?:np|numpy|torch|jnp|tf|mx)\.\w+|float|int|bool|'[a-z0-9]+'|\"[a-z0-9]+\"|&[\w:]+))"
)
_HALF = re.compile(r"(?<!\w)(b?float16)(?!\w)")  # as dtype=torch.float16 says
_LEADING = re.compile(rf"{_NAMES}\s*=\s*({_VALUE})\s*,\s*|(?:data|object|value)\s*=\s*(?=[\[(])")  # as Paddle prints
_TRAILER = re.compile(  # what MXNet, Candle and Rust's ndarray print behind an array, with its lengths
    r"\s*(?:<NDArray ([0-9x]+) @[\w()]+>|Tensor\[\[([0-9, ]+)\], \w+(?:, \w+(?::[0-9]+)?)?\]"
    r"|, shape=\[([0-9, ]+)\], strides=[^\n]*)\s*"
)
_CLOSING = re.compile(r"\s*,?\s*\)")
_CLOSINGS = {")": _CLOSING, ">": re.compile(r"\s*>"), "]": re.compile(r"\s*(?:,\s*\"\w+\"\s*)?\]")}
_COMMENT = re.compile(
    r"(?:(?<=[,;()\[\]{}])[ \t]*|^[ \t]*)(?:#(?!(?:[0-9]A)?\()|//|%)[^\n]*|/\*.*?\*/", re.DOTALL | re.MULTILINE
)
_INNER_CALL = re.compile(rf"(?<![\w.]){_CALL.pattern}([^()]*?)(?:{_KEYWORD.pattern})*{_CLOSING.pattern}")
_BLANKS = re.compile(r"([ \t])[ \t]+|(\n)\s+")
_SEPARATORS = re.compile(r"[][;]")
_ROWS = re.compile(r"\[([^\[\]{}();]*+;[^\[\]{}()]*+)\]")  # as MATLAB and Julia separate them
_SHEET = re.compile(r"\s*(?:=\s*)?\{([^\[\]{}()\\;]*+;[^\[\]{}()\\]*+)\}\s*")  # as spreadsheets do
_DECIMAL_COMMAS = re.compile(r"\s*(?:=\s*)?\{([^\[\]{}().\\]*+\\[^\[\]{}().]*+)\}\s*")  # of spreadsheets in Europe
_SIZED_LIST = re.compile(r"\s*\(([0-9]+)><([0-9]+)\)\s*(?=\[[^\[\]]*\]\s*\Z)")  # of Haskell's hmatrix
_SIZED_ROWS = re.compile(r"\s*\[([0-9]+),([0-9]+)\](?=\(\()")  # of Boost's uBLAS
_LENGTHS = re.compile(r"std::\w+ of length [0-9]+(?:, capacity [0-9]+)? = (?=\{)")  # of gdb
_QUOTIENT = re.compile(r"(?<![\w.])(?:Fraction|Rational)\(\s*(-?[0-9]+)\s*,\s*([0-9]+)\s*\)")  # of Python, SymPy
_FLOAT = re.compile(r"(?<![\w.])Float\(\s*'([^'\n]*)'\s*(?:,\s*precision=[0-9]+\s*)?\)")  # of SymPy's srepr
_RATIO = re.compile(r"(?<![\w./])(-?[0-9]+)//([0-9]+)(?![\w./])")  # of Julia
_SPLIT_COMPLEX = re.compile(r"[0-9.][ \t]+[-+][ \t]*[0-9.]+(?:e[-+]?[0-9]+)?[ij]\b")
_TYPE_BEHIND = re.compile(r"\s*(?:::\s*\[*[A-Z]\w*\]*|as\s+const)\s*")  # of Haskell and TypeScript
_LINES = re.compile(r"\s*(?:\(\s*)?\[([^\[\]{}(),;]*)\]\s*\)?\s*")
_LINES_ENDED = re.compile(  # rows of MATLAB and Julia: NumPy prints no semicolon, and a list has commas between lines
    r"\s*\[((?:[^\[\]{}();\n]*[^\[\]{}();,\s][ \t]*\n)+[^\[\]{}();\n]*)\]\s*;\s*"
)
_GROUP = re.compile(r"\(\s*(?:\(\s*)?[\[{]")
_PIECES = re.compile(r"[][(){}]|[^][(){}\s]+")
_CALLED = re.compile(r"[\w'#@!>.]")  # what makes of parentheses behind it a call, or a list of Lisp
_INNERMOST = re.compile(r"[\[{(]([^][{}()]*)[\]})]")
_FLAT_LIST = re.compile(r"\[[^][]*\]")
_OWN_LISTS = re.compile(r"\s*\[(?![ \t]*\])[^][{}();\n]*\](?:[ \t]*(?:,[ \t]*)?\n\s*\[[^][{}();\n]*\])+\s*(?:,\s*)?")
_NARROW = 60  # characters: NumPy and torch fill about 75 before they wrap a line
_FORM = "a matrix is a list of rows, as in [[1, 0], [0, 1]]"
_ONE_LIST = "if these are its rows, put them into one list: [[1, 0], [0, 1]]"
_RESTS = (  # what follows a list, and what to do about it
    (re.compile(r"(?:print|display|show|\w+\.\w+)\("), "delete it: nothing is run"),
    (re.compile(r"\w+:\s"), "if this is a problem in YAML, name the file .yaml"),
    (re.compile(r",?\s*(?:torch\.Size\(\[)?\(?[0-9]+,[ ]?[0-9]*\]?\)\s*\Z"), "delete it, if it is the shape"),
    (re.compile(r"\[,1\]"), "print one item of the list of R: print(x[[1]])"),
    (re.compile(r",\s*nrows: "), 'print it with {} in place of {:?}: println!("{}", x)'),
    (re.compile(r",\s*_size: "), "print its lists: console.log(x.toArray())"),
    (re.compile(r"[]})]"), "delete it, or open as many lists as are closed"),
    (re.compile(r",?\s*(?:[\[{(]|\w+\()"), _ONE_LIST),
    (re.compile(r",\s*\w+\s*="), "delete that argument"),
    (re.compile(r"[.'*/+@^-]"), "nothing is calculated here: print the array, and paste what it shows"),
    (re.compile(r"\S"), "keep only the array"),
)
_NEXT_NAME = re.compile(r",?\s*[A-Za-z_]\w*\s*=")
_SHAPE = re.compile(r"shape=(\([^()]*\))")
_NUMBER_LIST = re.compile(r"[0-9, ]*")
_FIRST = (  # what a list begins with (a label such as [CLS] begins with something else)
    r"[\[{(]|\||[\"']?\s*[-+\N{MINUS SIGN}]?\.?(?:[0-9]|[iI]nf|[nN]a[nN])"
    r"|[Tt]rue|[Ff]alse|TRUE|FALSE|-?(?:np|numpy|math|torch|float|array|tensor|Parameter|Fraction|Rational|Decimal|Integer)\b"
)
BEGINNING = re.compile(  # a single tuple, (1,234), could be a number in parentheses
    rf"(?:{_TYPES})|=?(?!\{{\|)[\[{{]\s*(?:{_FIRST}|{_TYPES})|\(\s*[\[({{]\s*(?:{_FIRST})|{_CALL.pattern}|{_ANGLE.pattern}"
    rf"|{_SQUARE.pattern}|{_SIZED_LIST.pattern}|{_SIZED_ROWS.pattern}|{_LENGTHS.pattern}|\$\s*mat\s*\("
    rf"|{_BUILT.pattern}|{_ROW_ARGUMENTS.pattern}"
)


def read_list(text: str, where: str, reading: Reading, dimensions: tuple[int, ...] = ()) -> Matrix:
    """Return the array in `text`, with one axis for each level of nesting.

    `dimensions` are those of a declaration, as in `float q[2][3]`. Raises InputError with the indices of the error.
    """
    if "\n" not in text:  # or what stands behind // may be a comment
        text = _RATIO.sub(r"\1/\2", text)
    text = _FLOAT.sub(r"\1", text)
    if _SPLIT_COMPLEX.search(text):
        raise InputError(where, "its cells are complex, not real numbers", REAL_PART)
    text = _LENGTHS.sub("", _QUOTIENT.sub(r"\1/\2", _COMMENT.sub("", text)))
    notes: tuple[str, ...] = ()
    if sized := _SIZED_LIST.match(text):
        return _reshape(read_list(text[sized.end() :], where, reading), (int(sized[1]), int(sized[2])))
    if sized := _SIZED_ROWS.match(text):
        text, dimensions = text[sized.end() :], (int(sized[1]), int(sized[2]))
    if "[|" in text:  # of OCaml and F#, where a semicolon separates the items
        text = text.replace("[|", "[").replace("|]", "]").replace(";", ",")
    if _DECIMAL_COMMAS.fullmatch(text):
        text = text.replace(",", ".").replace("\\", ",")
    if _OWN_LISTS.fullmatch(text):
        rows = [row for row in _FLAT_LIST.findall(text) if row.strip("[] \t")]
        text = f"[{','.join(rows)}]"
        notes = (f"{where}: its {len(rows)} lists, each on a line of its own, are read as the rows of one matrix",)
    if ended := _LINES_ENDED.fullmatch(text):
        text = _make_list(ended)
    if _BUILT.match(text):
        text = _BUILDERS.sub("(", text)
    elif named := _ROW_ARGUMENTS.match(text):
        text = text[named.end() :]
    if quoted := _MATRIX_TEXT.fullmatch(text):
        text = f"[{quoted[2]}]"
    text = _strip_groups(text)
    _refuse_mixed(text, where)
    text = _ROWS.sub(_make_list, _SHEET.sub(_make_list, text) if _SHEET.fullmatch(text) else text)
    end, closings, claimed = _open(text)
    if "(" in text[end:]:  # of several blanks, each part of a call could have any
        text = text[:end] + _INNER_CALL.sub(r"\1", _BLANKS.sub(r"\1\2", text[end:]))
    _refuse_lines(text[end:], where)
    _refuse_decimal_commas(text[end:], where)
    walk = _Walk(where)
    end = walk.read(text, end)
    claimed += [dimensions] if dimensions else []
    for closing in reversed(closings):
        while closing == ")" and (keyword := _KEYWORD.match(text, end)):
            claimed += _claim(keyword[1], keyword[2])
            end = keyword.end()
        found = _CLOSINGS[closing].match(text, end)
        if found is None:
            _refuse_rest(where, text[end:], f"'{closing}'")
        end = found.end()
    if trailer := _TRAILER.fullmatch(text, end):
        claimed.append(tuple(map(int, re.findall("[0-9]+", trailer[trailer.lastindex or 0]))))
        end = len(text)
    rest = text[end:].strip()
    if rest.removesuffix(";") not in ("", ".", "?") and not _TYPE_BEHIND.fullmatch(rest):
        _refuse_rest(where, rest, "the end", walk.shape())
    for shape in claimed:
        if shape != walk.shape():
            what = f"the array has the shape {walk.shape()}, and {shape} is written beside it"
            is_row = len(shape) == len(walk.shape()) == 1
            cure = "if it numbers a row, write all rows in one list" if is_row else "write a list for each row"
            raise InputError(where, what, f"{cure}, or leave the shape out: [[1, 0], [0, 1]]")
    try:
        array, texts = cells.parse(walk.cells, leading_zero=False)
    except NumeralError as error:
        raise InputError(f"{where}: {walk.place(error.index)}", error.what, error.hint or NUMBER_HINT) from None
    is_torch = "tensor" in text[:end] and "tf." not in text[:end]
    half = _HALF.search(text[: text.find("[")] + text[text.rfind("]") + 1 :])
    return Matrix(
        array.reshape(walk.shape()),
        where,
        texts=tuple(texts) if reading.keep_text else None,
        notes=notes,
        point_digits=_TORCH_DIGITS if is_torch else _NUMPY_DIGITS,
        stated_dtype=half[1] if half else None,
    )


def _reshape(matrix: Matrix, shape: tuple[int, int]) -> Matrix:
    """Return the rows of a flat list.

    Raises InputError if it has not as many numbers as they need.
    """
    if matrix.array.size != shape[0] * shape[1]:
        what = f"it says {times(shape)}, but {matrix.array.size} numbers follow"
        raise InputError(matrix.where, what, COPY_ALL)
    return replace(matrix, array=matrix.array.reshape(shape))


def _open(text: str) -> tuple[int, list[str], list[tuple[int, ...]]]:
    """Return the start of the outermost list, after any calls around it, the tokens that must close these calls, and
    the shapes that stand before the list."""
    position = len(text) - len(text.lstrip())
    closings: list[str] = []
    claimed: list[tuple[int, ...]] = []
    while len(closings) < _DEEPEST:
        if call := _CALL.match(text, position):
            closings.append(")")
            position = call.end()
            if sized := _SIZED.match(text, position):
                claimed += [(int(sized[1]), int(sized[2]))] if sized[1] else []
                position = sized.end()
            while keyword := _LEADING.match(text, position):
                claimed += _claim(keyword[1], keyword[2])
                position = keyword.end()
        elif square := _SQUARE.match(text, position):
            closings.append("]")
            position = square.end()
        elif angle := _ANGLE.match(text, position):
            closings.append(">")
            claimed += [shape for found in _SHAPE.findall(angle[0]) for shape in _claim("shape", found)]
            position = angle.end()
        else:
            break
    return position, closings, claimed


def _strip_groups(text: str) -> str:
    """Return the text without the parentheses around one list in brackets: a tuple of one has a comma behind it."""
    if _GROUP.search(text) is None:
        return text
    spare: list[int] = []
    open_: list[tuple[int, list[str]]] = []  # the place of each bracket, and the kinds of what stands in it
    for found in _PIECES.finditer(text):
        piece = found[0]
        if piece in _CLOSERS:
            open_.append((found.start(), []))
        elif piece in ("]", "}", ")") and open_:
            start, inner = open_.pop()
            kind = text[start]
            is_called = _CALLED.search(text, max(0, start - 1), start) is not None
            if kind == "(" and inner in (["["], ["tuple"]) and not is_called:
                spare += [start, found.start()]
                kind = "["
            elif kind == "(" and set(inner) == {"[", ","}:  # of Python, where blanks separate nothing
                kind = "tuple"
            if open_:
                open_[-1][1].append("[" if kind == "{" else kind)
        elif open_:
            open_[-1][1].append(",")
    ends = [-1, *sorted(spare), len(text)]
    return "".join(text[before + 1 : after] for before, after in pairwise(ends))


def _make_list(found: re.Match[str]) -> str:
    """Return rows that are separated by semicolons or line ends as a list of rows."""
    rows = re.split(r"\s*;\s*|\s*\n\s*", found[1].strip().removesuffix(";"))
    return "[" + ",".join(f"[{row}]" for row in rows) + "]"


def _refuse_mixed(text: str, where: str) -> None:
    """Raise InputError for semicolons among brackets within brackets: MATLAB joins `[[1 2; 3 4]]` and `[[1 2]; [3 4]]`
    to a matrix, Julia makes a list of matrices of the first."""
    if ";" not in text:
        return
    depth, deepest, has_semicolon = 0, 0, False
    for token in _SEPARATORS.findall(text):
        depth += {"[": 1, "]": -1}.get(token, 0)
        deepest = max(deepest, depth)
        has_semicolon |= token == ";" and depth > 0
    if has_semicolon and deepest > 1:
        what = "a semicolon among nested brackets could separate rows or matrices"
        raise InputError(where, what, "commas for lists: [[1, 0], [0, 1]], or rows in one pair of brackets: [1 0; 0 1]")


def _refuse_lines(text: str, where: str) -> None:
    """Raise InputError for `[1 2` above `3 4]`, which is one wrapped axis in NumPy but two rows in MATLAB."""
    found = _LINES.match(text)
    if found is None or "\n" not in found[1]:
        return
    lines = [line.split() for line in found[1].strip().split("\n")]
    if len({len(line) for line in lines}) == 1 and len(found[1].strip().split("\n")[0]) < _NARROW:
        hint = "separate rows by ';', or write one line"
        raise InputError(where, f"{len(lines)} lines in one pair of brackets could be rows or one row", hint)


def _refuse_decimal_commas(text: str, where: str) -> None:
    """Raise InputError with the indices of two cells that could be one number with a decimal comma."""
    if not may_hold_decimal_commas(text.encode("utf-8", "surrogateescape")):
        return
    rows = [(found.start(1), found[1].split(",")) for found in _INNERMOST.finditer(text)]
    if doubt := find_decimal_comma(row for _, row in rows):
        indices: list[int] = []
        for token in re.findall(r"[][(){},]", text[: rows[doubt.row][0]]):
            if token in _CLOSERS:
                indices.append(0)
            elif token != ",":
                del indices[-1:]
            elif indices:
                indices[-1] += 1
        place = "".join(f"[{index}]" for index in (*indices[:-1], doubt.column))
        raise InputError(f"{where}: {place}", doubt.what, doubt.hint)


def _claim(keyword: str | None, value: str | None) -> list[tuple[int, ...]]:
    """Return the shape that a keyword argument gives, if the keyword is one for shapes."""
    if keyword not in ("shape", "size") or value is None or not _NUMBER_LIST.fullmatch(value[1:-1]):
        return []
    return [tuple(int(word) for word in value[1:-1].replace(" ", "").split(",") if word)]


def _hint(token: str) -> str:
    """Return what to do about a word in place of a list: `indices=` of a sparse tensor, or a number."""
    return (
        "print all of its cells: print(x.to_dense())"
        if token.endswith("indices=")
        else "write a list: [[1, 0], [0, 1]]"
    )


def _refuse_rest(where: str, rest: str, expected: str, shape: tuple[int, ...] = ()) -> NoReturn:
    rest = rest.strip()
    found = quote(rest) if rest else "nothing"
    if expected == "the end" and _NEXT_NAME.match(rest):
        raise InputError(
            where, f"expected the end after the list, found {found}", "write each array on a line of its own"
        )
    cure = next(
        (hint for begins, hint in _RESTS if begins.match(rest)), f"end it with {expected}" if not rest else None
    )
    if cure == _ONE_LIST and len(shape) > 1 and shape[0] > 1:
        cure = "if it is another array, put each behind its name, on a line of its own: Q = …"
    raise InputError(where, f"expected {expected} after the list, found {found}", cure)


@dataclass(slots=True)
class _Open:
    """A list that is not closed yet: the token that closes it, and the number of its items so far."""

    closer: str
    count: int = 0
    style: str = ""  # "," or " ", and "" before the second item


class _Walk:
    """One pass over the brackets, without recursion. Every list at a depth must be as long as the first one there."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.cells: list[str] = []
        self.lengths: list[int] = []  # per depth, from its first closed list (0 until then)
        self.open: list[_Open] = []
        self.leaf_depth = 0

    def shape(self) -> tuple[int, ...]:
        return tuple(self.lengths)

    def place(self, index: int) -> str:
        """Return the indices, such as `[1][0]`, of the cell at a position in C order."""
        indices = []
        for length in reversed(self.lengths):
            index, rest = divmod(index, length)
            indices.append(f"[{rest}]")
        return "".join(reversed(indices))

    def here(self) -> str:
        """Return the indices of the next item of the innermost list."""
        return f"{self.where}: {self._indices(self.open[:-1])}[{self.open[-1].count}]"

    def _indices(self, lists: list[_Open]) -> str:
        """Return the indices of the last item in each list."""
        return "".join(f"[{item.count - 1}]" for item in lists)

    def read(self, text: str, position: int) -> int:
        """Read the list that begins at `position`, and return the position of its end."""
        previous = ""
        while found := _TOKEN.match(text, position):
            token, position = found[1], found.end()
            if not self.open and token not in _CLOSERS:
                raise InputError(self.where, f"expected '[', found {quote(token)}", _hint(token))
            if token == ",":
                self._separate(previous, ",")
            elif token in ("]", "}", ")"):
                self._close(token)
                if not self.open:
                    return position
            else:
                if previous not in ("", ",", *_CLOSERS):
                    self._separate(previous, " ")
                if token in _CLOSERS:
                    self._push(token)
                else:
                    self._number(token)
            previous = token
        closer = self.open[-1].closer if self.open else "]"
        opener = next(opener for opener, closing in _CLOSERS.items() if closing == closer)
        raise InputError(self.where, f"a '{opener}' is never closed", f"end the list with '{closer}'")

    def _separate(self, previous: str, style: str) -> None:
        if style == "," and previous in (",", *_CLOSERS):
            raise InputError(self.here(), "a number is missing before ','", "write it, or nan")
        innermost = self.open[-1]
        if innermost.style not in ("", style):
            what = "the items of a list are separated by commas or by blanks, not by both"
            raise InputError(self.here(), what, "put a comma between all of them, and a point in decimals: [1.5, 2, 3]")
        innermost.style = style

    def _push(self, opener: str) -> None:
        depth = len(self.open)
        if depth == _DEEPEST:
            raise InputError(self.where, f"lists are nested deeper than {_DEEPEST}", _FORM)
        if self.leaf_depth and depth == self.leaf_depth:
            raise InputError(self.here(), "a list stands where other rows have a number", _FORM)
        if self.open:
            self.open[-1].count += 1
        self.open.append(_Open(_CLOSERS[opener]))
        if len(self.lengths) < len(self.open):
            self.lengths.append(0)

    def _number(self, token: str) -> None:
        depth = len(self.open)
        if not self.leaf_depth:
            self.leaf_depth = depth
        if depth != self.leaf_depth or depth != len(self.lengths):
            raise InputError(self.here(), f"{quote(token)} stands where other rows have a list", _FORM)
        self.open[-1].count += 1
        self.cells.append(token)

    def _close(self, token: str) -> None:
        depth = len(self.open)
        closed = self.open.pop()
        place = f"{self.where}: {self._indices(self.open)}" if self.open else self.where
        if token != closed.closer:
            what = f"the list is closed by '{token}', not by '{closed.closer}'"
            raise InputError(place, what, f"write '{closed.closer}' in its place, or check the brackets before it")
        if not closed.count:
            raise InputError(place, "the list is empty", "write numbers into it: [[1, 0], [0, 1]]")
        first = self.lengths[depth - 1]
        if first and closed.count != first:
            item = "number" if depth == self.leaf_depth else "list"
            what = f"this list has {closed.count} {item if closed.count == 1 else item + 's'}, the first has {first}"
            raise InputError(place, what, "all rows need the same number of entries")
        self.lengths[depth - 1] = closed.count
