"""Matrices in LaTeX. Anything that is not understood is an error, because `^T` after a matrix changes it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.formats.plain_tex import write_environments
from attncli.formats.table_cells import Table
from attncli.formats.tex_columns import group_end, refuse_inserted
from attncli.formats.tex_names import LABEL, NAME, NAME_HINT, is_changed, plain_name
from attncli.formats.text_table import matrix_of
from attncli.formats.text_table_writer import as_table
from attncli.matrix import Matrix
from attncli.numbers import numerals
from attncli.numbers.numerals import NumeralError, quote
from attncli.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from attncli.matrix import Reading

_TABLES = ("tabular", "tabularx", "tabulary", "longtable", "NiceTabular")
_WITH_COLUMNS = ("array", "NiceArray", *_TABLES)  # which take an argument for them
_BEGIN = re.compile(
    r"\\begin\s*\{([bpB]?matrix|[bpB]?smallmatrix|[bpB]?NiceMatrix|array|NiceArray|tabular[xy]?|longtable|NiceTabular)(\*?)\}"
)
_WIDTH = re.compile(r"\s*\{[^{}]*\}(?=\s*(?:\[[a-z]\]\s*)?\{)")  # before the columns of some tables
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)(%[^\n]*)")
_FONT = re.compile(
    r"\\(?:mathbf|mathrm|mathit|mathsf|mathtt|mathcal|bm|boldsymbol|text|textbf|textrm|operatorname|num|boxed|underline|emph"
    r"|ensuremath|(?:textcolor|colorbox)\s*\{[^{}]*\})(?![A-Za-z])\s*"
    r"(?:\{((?:[^{}\\]|\\_)*)\}|([A-Za-z0-9]))"
)
_SEPARATOR = re.compile(  # without a separator, two matrices are a product
    r"\n\s*\n|(?<!\\)(?<!left)(?<!right)[,.;&$]|\\[\[\]()\\]|\\q?quad|\\(?:begin|end)\s*\{"
)
_AROUND = re.compile(  # text that may stand between matrices without changing them
    r"\s+|\$\$?|\\[\[\]()]|\\(?:left|right|[bB]igg?[lr]?)\s*(?:\\[{}|]|[\[\]().|])|\\(?:qquad|quad|displaystyle)(?![A-Za-z])"
    r"|\\setcounter\{MaxMatrixCols\}\{\d+\}|\\[,;:! ]|~|[,.;&\[\]()]|\\\\(?:\[[^\]]*\])?|\\(?:label|tag)\{[^{}]*\}"
    r"|\\(?:begin|end)\s*\{(?:document|center|equation|align|aligned|gather|gathered|displaymath|math|split|table)\*?\}(?:\[[^][]*\])?"
    r"|\\(?:centering|small|footnotesize)(?![A-Za-z])|\\caption\{[^{}]*\}"
    r"|\\in\s*\\mathbb\s*(?:\{R\}|R)\s*\^\s*\{[^{}]*\}"  # the shape of the matrix before
)
_SIZE = r"\\in\s*\\mathbb\s*(?:\{R\}|R)\s*\^\s*\{\s*([0-9]+)\s*(?:\\times|\\cdot|×|x)\s*([0-9]+)\s*\}"
_SIZE_OF_NAME = re.compile(rf"{_SIZE}(?=\s*&?\s*:?=)")
_SIZE_BEFORE = re.compile(rf"{_SIZE}\s*&?\s*:?=[^=A-Za-z]*(?:\\left[^=A-Za-z]*)?\Z")
_SIZE_BEHIND = re.compile(rf"\\end\s*\{{\w+\*?\}}(?:\\right.|[\s)\]])*{_SIZE}")
_LONGEST_SIZE = 120
_SYMBOL = re.compile(r"\\(ell|alpha)(?=\s*(?:_|&?\s*:?=))")  # that are names of a result
_ROW_END = re.compile(
    r"\\\\\*?(?:\[\s*-?[0-9.]+\s*(?:pt|em|ex|mm|cm|in|mu|pc|bp|sp)\s*\])?|\\(?:tabularnewline|cr)(?![A-Za-z])"
)
_RULE = re.compile(
    r"\s*\\(?:hline|toprule|midrule|bottomrule|cline|cmidrule|end(?:first)?head|end(?:last)?foot)(?![A-Za-z])(?:\([lr]*\))?(?:\{[0-9-]*\})?"
    r"|\s*\\(?:rowcolor(?:\[[^][]*\])?\{[^{}]*\}|addlinespace(?![A-Za-z])(?:\[[^][]*\])?)"
)
_SPACING = re.compile(r"\s+|\\[,;:! ]|~|\\(?:quad|qquad|displaystyle|textstyle)(?![A-Za-z])|\\h?phantom\{[^{}]*\}")
_ARGUMENT = r"\s*(?:\{{\s*({0})\s*\}}|([0-9]))"
_MATH = re.compile(r"^\$([^$]*)\$$|\\(?=_)")
_FRACTION = re.compile(r"([+-]?)\s*\\[dt]?frac" + _ARGUMENT.format(r"[+-]?[0-9.]+") + _ARGUMENT.format(r"[0-9.]+"))
_POWER = re.compile(r"([+-]?[0-9.]+)\s*\\(?:times|cdot)\s*10\s*\^\s*(?:\{\s*([+-]?[0-9]+)\s*\}|([0-9]))")
_QUOTIENT = re.compile(r"([+-]?[0-9.]+)\s*/\s*([0-9.]+)")
_COLOUR = re.compile(r"\\(?:cell)?color(?:\[\w*\])?\s*\{[^{}]*\}\s*")
_HALF_ROW_END = re.compile(r"[0-9}]\s*\\\s+[-+0-9.{\\]")  # what a chat leaves of \\\\ where it is copied
_INFINITY = re.compile(r"([+-]?)\s*\\infty")
COLUMNS_OF_AMSMATH = 10
_EXAMPLE = r"write \begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}"
_SUMMARY = re.compile(r"\\[cdvl]?dots|\\ldots|\.\.\.|…")


@record
class _Block:
    """One environment: its name, the text of its entries and the position of that text."""

    name: str
    start: int
    end: int
    is_table: bool = False


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read every matrix of the file under its name. If one of several has no name, they are numbered from 1."""
    source = _Source(where, write_environments(_without_comments(decode(data, where))))
    blocks = _blocks_of_page(source)
    names = [block.name for block in blocks]
    if len(blocks) > 1:
        names = [name or str(number) for number, name in enumerate(names, 1)]
    matrices: dict[str, Callable[[], Matrix]] = {}
    for name, block in zip(names, blocks, strict=True):
        if name in matrices:
            raise InputError(
                source.at(block.start), f"there are two matrices called {quote(name)}", "give each its own name"
            )
        matrix = source.matrix(block, f"{where}: {name}" if name else where, reading)
        matrices[name] = lambda matrix=matrix: matrix  # type: ignore[misc]
    return Contents(where, matrices)


def _blocks_of_page(source: _Source) -> list[_Block]:
    """Return the matrices of a text that is nothing else, or those in the formulas of a page with prose."""
    try:
        return source.blocks()
    except InputError:
        from attncli.formats.tex_pages import without_prose  # pages are rare

        formulas = without_prose(source.text)
        if formulas is None or formulas == source.text or "\\begin" not in formulas:
            raise
        return _Source(source.where, formulas).blocks()


def _without_comments(text: str) -> str:
    """Replace comments by spaces, so that positions stay the same."""
    return _COMMENT.sub(lambda found: found[1] + " " * len(found[2]), text)


class _Source:
    """The text of a file, and the places in it for messages."""

    def __init__(self, where: str, text: str) -> None:
        self.where = where
        self.text = text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def at(self, position: int) -> str:
        line = bisect_right(self._lines, position)
        return f"{self.where}: line {line}, column {position - self._lines[line - 1] + 1}"

    def blocks(self) -> list[_Block]:
        """Return the environments in order. Between them only names, dollars and brackets are allowed."""
        opening = self.text.find(r"\begin{document}")
        position = max(opening, 0)  # nothing in a preamble affects a number
        closing = self.text.find(r"\end{document}")
        stop = len(self.text) if closing < 0 else closing
        found: list[_Block] = []
        if not _BEGIN.search(self.text, position, stop):
            raise InputError(self.where, "there is no matrix", _EXAMPLE)
        while begin := _BEGIN.search(self.text, position, stop):
            name = self._name(position, begin.start(), after=bool(found))
            if found and not name and not _SEPARATOR.search(self.text, position, begin.start()):
                raise InputError(
                    self.at(begin.start()),
                    "two matrices side by side are a product, which is not computed",
                    "if they are two arrays, put a comma between them or name each: Q = …, K = …",
                )
            start = self._after_argument(begin)
            ending = f"\\end{{{begin[1]}{begin[2]}}}"
            end = self.text.find(ending, start, stop)
            if end < 0:
                raise InputError(
                    self.at(begin.start()), f"{begin[0]} has no {ending}", f"write {ending} after the last row"
                )
            if (inner := self.text.find("\\begin", start, end)) >= 0:
                raise InputError(
                    self.at(inner), "an environment inside a matrix is not understood", "write its numbers out"
                )
            found.append(_Block(name, start, end, begin[1] in _TABLES))
            position = end + len(ending)
        if self._name(position, stop, after=True):
            raise InputError(self.at(position), "no matrix follows a name", _EXAMPLE)
        return found

    def _name(self, start: int, stop: int, *, after: bool) -> str:
        """Return the name in the text before a matrix, or "" if there are only dollars, brackets and spaces."""
        name, position, is_label = "", start, False
        flat = _FONT.sub(lambda found: (found[1] or found[2] or "").ljust(len(found[0])), self.text[start:stop])
        flat = _SIZE_OF_NAME.sub(lambda found: " " * len(found[0]), _SYMBOL.sub(r"\1 ", flat))
        while position < stop:
            if around := _AROUND.match(flat, position - start):
                position = start + around.end()
            elif (not name or is_label) and (called := NAME.match(flat, position - start)):
                if is_changed(called[1]):
                    what = f"{quote(' '.join(called[1].split()))} names a product or a changed matrix"
                    raise InputError(self.at(position), what, NAME_HINT)
                name, position, is_label = plain_name(called[1]), start + called.end(), False
            elif not name and (label := LABEL.match(flat, position - start)):
                name, position, is_label = label[1], start + label.end(), True
            else:
                rest = self.text[position:stop].split("\n")[0].strip()
                side = "after" if after and not name else "before"
                raise InputError(
                    self.at(position),
                    f"{quote(rest)} {side} a matrix is not understood",
                    "keep only the matrices, each with a name before it: Q = …",
                )
        return name

    def _after_argument(self, begin: re.Match[str]) -> int:
        """Return the start of the entries, after the column argument of an array: a brace group or a single token."""
        position = begin.end()
        if (begin[1] in ("tabularx", "tabulary") or begin[1] + begin[2] == "tabular*") and (
            width := _WIDTH.match(self.text, position)
        ):
            position = width.end()
        optional = (
            re.compile(r"\s*\[[a-z]\]").match(self.text, position) if begin[1] in _WITH_COLUMNS or begin[2] else None
        )
        position = optional.end() if optional else position
        if begin[1] not in _WITH_COLUMNS:
            return position
        blank = re.compile(r"\s*").match(self.text, position)
        position = blank.end() if blank else position
        if not self.text.startswith("{", position):
            token = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL).match(self.text, position)
            return token.end() if token else position
        end = group_end(self.text, position)
        if end < 0:
            raise InputError(
                self.at(position), "the '{' of the columns is never closed", "close it, as in \\begin{array}{cc}"
            )
        refuse_inserted(self.text[position:end], self.at(position))
        return end

    def matrix(self, block: _Block, where: str, reading: Reading) -> Matrix:
        rows = self._rows(block)
        columns = len(rows[0])
        if block.is_table:
            return replace(matrix_of(self._table(rows), self.where, reading), where=where)
        texts: list[str] = []
        places: list[int] = []
        for row in rows:
            if len(row) != columns:
                raise InputError(
                    self.at(row[min(len(row), columns + 1) - 1][0]),
                    f"this row has {len(row)} {'entry' if len(row) == 1 else 'entries'}, the first has {columns}",
                    "all rows need the same number of cells",
                )
            for position, entry in row:
                texts.append(self._entry(position, entry))
                places.append(position)
        try:
            array = numerals.parse_cells(texts).reshape(len(rows), columns)
        except NumeralError as error:
            raise InputError(self.at(places[error.index]), error.what, error.hint or numerals.NUMBER_HINT) from None
        self._check_size(block, array.shape)
        return Matrix(array, where, texts=tuple(texts) if reading.keep_text else None)

    def _check_size(self, block: _Block, shape: tuple[int, ...]) -> None:
        r"""Raise InputError if the size that is stated before or after a matrix, `\in \mathbb{R}^{3 \times 4}`, is not
        its own."""
        begin = self.text.rfind("\\begin", 0, block.start)
        before = _SIZE_BEFORE.search(self.text[max(0, begin - _LONGEST_SIZE) : begin])
        stated = before or _SIZE_BEHIND.match(self.text, block.end)
        if stated and (int(stated[1]), int(stated[2])) != shape:
            what = f"is stated as {stated[1]} × {stated[2]}, but has {shape[0]} × {shape[1]} entries"
            raise InputError(self.at(block.start), what, "write all of its entries, or leave the size out")

    def _table(self, rows: list[list[tuple[int, str]]]) -> Table:
        """Return the cells of a tabular, which may have a header and row labels."""
        ends = [found.start() for found in re.finditer("\n", self.text)]
        lines = [bisect_left(ends, row[0][0]) + 1 for row in rows]
        cells = [[self._entry(at, _MATH.sub(r"\1", entry)) if entry else "" for at, entry in row] for row in rows]
        table = Table(self.where, cells, lines, "&")
        for index, row in enumerate(cells):
            if len(row) != len(cells[0]):
                what = f"this row has {len(row)} cells, line {lines[0]} has {len(cells[0])}"
                place = table.place(index, min(len(row), len(cells[0])))
                raise InputError(place, what, "all rows need the same number of cells")
        return table

    def _rows(self, block: _Block) -> list[list[tuple[int, str]]]:
        """Return the entries as (position, text), without rules and without an empty last row."""
        rows = []
        start = block.start
        ends = [*_ROW_END.finditer(self.text, block.start, block.end), None]
        for row_end in ends:
            stop = block.end if row_end is None else row_end.start()
            while rule := _RULE.match(self.text, start, stop):
                start = rule.end()
            line = self.text[start:stop]
            if row_end is not None or line.strip():
                row, position = [], start
                for entry in re.split(r"(?<!\\)&", line):
                    spaces = len(entry) - len(entry.lstrip())
                    row.append((position + (spaces if entry.strip() else 0), entry.strip()))
                    position += len(entry) + 1
                rows.append(row)
            start = stop if row_end is None else row_end.end()
        if not rows:
            raise InputError(self.at(block.start), "the matrix is empty", "write entries into it: 1 & 0")
        return rows

    def _entry(self, position: int, entry: str) -> str:
        """Return the number in our grammar, with fractions as a/b, exponents with e, and -inf."""
        plain = _trim(_COLOUR.sub("", entry))
        if font := _FONT.fullmatch(plain.lstrip("+-")):
            plain = plain[: -len(font[0])] + (font[1] or font[2] or "").strip()
        if plain.startswith("{") and plain.endswith("}") and plain.count("{") == 1:
            plain = plain[1:-1].strip()
        if not plain:
            raise InputError(self.at(position), "the entry is empty", "write the number that belongs there")
        if _SUMMARY.search(plain):
            raise InputError(self.at(position), f"{quote(entry)} takes the place of numbers", "write every number out")
        if _HALF_ROW_END.search(plain):
            raise InputError(self.at(position), f"{quote(entry)} has one backslash between two rows", r"write two: \\")
        plain = re.sub(r"^(?:\{([+-])\}|([+-]))\s*", lambda sign: sign[1] or sign[2], plain)
        if fraction := _FRACTION.fullmatch(plain):
            return f"{fraction[1]}{fraction[2] or fraction[3]}/{fraction[4] or fraction[5]}"
        if power := _POWER.fullmatch(plain):
            return f"{power[1]}e{power[2] or power[3]}"
        if quotient := _QUOTIENT.fullmatch(plain):
            return f"{quotient[1]}/{quotient[2]}"
        if infinity := _INFINITY.fullmatch(plain):
            return f"{infinity[1]}inf"
        return plain.replace("{,}", ",")  # a decimal comma is refused with the spelling that has a point


def _trim(plain: str) -> str:
    """Strip spacing commands before and after. Spacing inside a number remains, and is refused."""
    start = begin = end = 0  # of text that is not spacing
    for spacing in _SPACING.finditer(plain):
        if spacing.start() > start:
            begin, end = (begin if end else start), spacing.start()
        start = spacing.end()
    if start < len(plain):
        begin, end = (begin if end else start), len(plain)
    return plain[begin:end]


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes]:
    """Write one display `NAME = \\begin{bmatrix} … \\end{bmatrix}` per matrix. One axis becomes a column."""
    tables = {name: as_table(matrix, name) for name, matrix in matrices.items()}

    def chunks() -> Iterator[bytes]:
        for name, table in tables.items():
            cells = map(_spell, numerals.shortest_texts(table, ("0", "1")))
            rows = numerals.join_rows(cells, table.shape[1], " & ")
            before = f"{_shown_name(name)} = " if name else ""
            body = " \\\\\n  ".join(rows)
            yield columns_allowed(table.shape[1]).encode()
            yield f"\\[\n{before}\\begin{{bmatrix}}\n  {body}\n\\end{{bmatrix}}\n\\]\n".encode()

    return chunks()


def columns_allowed(columns: int) -> str:
    """Return the setting that amsmath needs before a matrix of more than ten columns."""
    return f"\\setcounter{{MaxMatrixCols}}{{{columns}}}\n" if columns > COLUMNS_OF_AMSMATH else ""


def _shown_name(name: str) -> str:
    return name if len(name) == 1 else "\\mathrm{" + name.replace("_", "\\_") + "}"


def _spell(cell: str) -> str:
    if cell in ("inf", "-inf"):
        return cell.replace("inf", "\\infty")
    if cell == "nan":
        return "\\mathrm{nan}"
    digits, e, exponent = cell.partition("e")
    return f"{digits} \\times 10^{{{int(exponent)}}}" if e else cell
