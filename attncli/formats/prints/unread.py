"""What a text is that is not an array in full: code, a print without its numbers, or rows between other signs."""

from __future__ import annotations

import re
from collections.abc import Callable

from attncli.errors import InputError
from attncli.formats.prints.reader import (
    OF_A_MAPPING,
    OF_LLDB,
    PLACES,
    PRINT_IN_FULL,
    ROWS_OF_LINES,
    SHORTENED,
)
from attncli.formats.prints.spare_lines import hint_at_lines
from attncli.numbers.numerals import may_be_cell
from attncli.records import record

_LONGEST = 1 << 16  # characters in which a form is looked for
_LONGEST_ECHO = 60
_CELL = r"[-+]?[0-9.][\w.+-]*"
_PASTE = "print the array, and paste what it shows"
_ROW_SIGNS = (r"\s*\\\\\s*", r"\s+//?\s+", r"\s*\|\s*", r"\s*\\n\s*", r"\s+:\s+", r"\s+\\\s+")
_GENERAL_HINTS = (  # of one cell or row, which a line above or below the table may have brought about
    "all rows need the same number of cells",
    "name every column, or none",
    "type the number that belongs there, or nan",
    "a first column holds labels only if no cell of it is a number",
    "use --header if the first row is a header, or else name it",
)
_ONE_LIST = "put the rows into one list: [[1, 0], [0, 1]]"


@record
class Unread:
    """A form that is not read: how it looks anywhere in a text, what it is, and what to do."""

    looks: re.Pattern[str]
    what: str
    hint: str


UNREAD = (
    Unread(
        re.compile(r"\x1b\["),
        "holds the colours of a terminal",
        "print it without them: NO_COLOR=1, or pipe it through sed 's/\\x1b\\[[0-9;]*m//g'",
    ),
    Unread(
        re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE),
        "holds other text besides what stands between its fences",
        "keep only what stands between two of them, or put the name of each matrix above its fence: Q:",
    ),
    Unread(
        re.compile(r"\A\s*(?:\[[A-Za-z_]+ ?[0-9]*\]:?[ \t]+\S|\[?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b)"),
        "begins with a word of a log, as INFO",
        "keep only the arrays, each with its name: Q = …",
    ),
    Unread(
        re.compile(r"\A\s*<class '[^'\n]*'>[ \t]*\n"),
        "its first line is a type, not numbers",
        "delete that line",
    ),
    Unread(
        re.compile(r"\A\s*<\|"),
        "this is an association of Mathematica",
        "print its arrays one by one, each with its name: Q = …",
    ),
    Unread(
        re.compile(r"\A\s*<<[^<>\n]*[|,][^<>\n]*>"),
        "this is a matrix between the angle brackets of Maple",
        "print it as a list: convert(x, listlist)",
    ),
    Unread(
        re.compile(r"\A\s*[0-9]+×[0-9]+ DataFrame\b|^[ \t]*Row │", re.MULTILINE),
        "this is a data frame as Julia prints it",
        "print its numbers: Matrix(df)",
    ),
    Unread(
        re.compile(r"\A\s*Rows: [0-9]+[ \t]*\nColumns: [0-9]+[ \t]*\n"),
        "this is what glimpse() says of a data frame, a column to a line",
        "print(x.to_csv(index=False)) in Python, write.csv(x, row.names = FALSE) in R",
    ),
    Unread(
        re.compile(r"\A(?s:.{0,200}?)!!opencv-matrix"),
        "this is a matrix as OpenCV writes it, its numbers in one list",
        "print its rows: print(fs.getNode('Q').mat().tolist())",
    ),
    Unread(
        re.compile(r"\bVecStorage \{|\A\s*Matrix \{ data: "),
        "this is a matrix as nalgebra prints it with {:?}, column by column",
        'print it with {}: println!("{}", x)',
    ),
    Unread(
        re.compile(r"\A\s*Tensor\[(?:\[[0-9, ]*\]|dims [0-9, ]*)[,;]"),
        "this names a tensor, without its numbers",
        'print it with {}: println!("{}", x)',
    ),
    Unread(
        re.compile(
            r"\A[^\n&]*[0-9}][ \t$]*&[ \t]*[-+\\$0-9.{][^\n]*"
            r"(?:\n[^\n&]*&|\\\\[ \t]*(?:\\hline)?[ \t]*\Z)"
        ),
        "its cells are separated by '&', as in LaTeX",
        r"write \begin{bmatrix} above them and \end{bmatrix} below, and \\ behind each row",
    ),
    Unread(
        re.compile(r"\A\s*[\[(]?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[ T,]+)?[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?![0-9])"),
        "begins with a time, as the lines of a log",
        "keep only the arrays, each with its name: Q = …",
    ),
    Unread(
        re.compile(
            r"\A[ \t]*1[ \t]*[|│:][ \t]*\S[^\n]*\n[ \t]*2[ \t]*[|│:][ \t]*\S|\A[ \t]*1[ \t]+[A-Za-z_]\w*[ \t]*=(?!=)"
        ),
        "its lines are numbered",
        "delete the numbers of the lines, and the signs behind them",
    ),
    Unread(
        re.compile(r"\A[^\n#%/]*[0-9.][ \t]+(?:#|//|%)[ \t]+[^\W\d]"),
        "a comment stands behind a row",
        "put it on a line of its own, # and a blank before it, or delete it",
    ),
    Unread(
        re.compile(
            r"^[a-z][a-zA-Z ]*(?: \[[0-9, ]+\])? \([0-9]+ [×x] [0-9]+[^\n()]*\)\n[^\n]*\n(?:─{4}|\w+ )", re.MULTILINE
        ),
        "this is a table as attncli prints it, with rounded numbers",
        "let it print what is read again: -f csv, -f json or -f markdown",
    ),
    Unread(PLACES, OF_LLDB, ROWS_OF_LINES),
    Unread(
        re.compile(r"■\("),
        "this is a matrix as Word writes it in an equation",
        "write its rows with semicolons between them: '1 0; 0 1'",
    ),
    Unread(
        re.compile(r"\A\s*Tensor \{\s*\n\s*data:"),
        "this is a tensor as Burn prints it, with what it knows of it",
        "keep only the list behind data:",
    ),
    Unread(
        re.compile(r"\A\s*\w+\( # [0-9,]+ \("),
        "this is a variable as Flax prints it",
        "print its numbers: print(x.value)",
    ),
    Unread(
        re.compile(r"\A\s*(?:num|int|logi) \["),
        "this is what str() of R says of an array",
        "print all of it: print(x)",
    ),
    Unread(
        re.compile(r"\A\s*(?:dense<[^<>]*> : \w+<|[a-z]+[0-9]*\[[0-9, ]*\](?:\{[0-9, ]*\})? (?:\w+ ?= ?)?\{)"),
        "this is a constant as a compiler prints it, with its type",
        "keep only the numbers and their brackets",
    ),
    Unread(
        re.compile(r"\A\s*<([A-Za-z]\w*)(?:\s[^<>]*)?>.*</\1>\s*\Z", re.DOTALL),
        "its numbers stand between tags, as in XML and MathML",
        ROWS_OF_LINES,
    ),
    Unread(
        re.compile(r"\A\s*\[[A-Za-z_][\w.-]*\][ \t]*\n\s*[A-Za-z_]\w*[ \t]*="),
        "its first line is the name of a section, as in TOML and INI",
        "delete that line",
    ),
    Unread(
        re.compile(
            r"\A(?:\s*(?:[-*•][ \t]+)?(?:[Rr]ow[ \t]*)?[0-9]{1,4}[ \t]*[.:)][ \t]*(?:\([0-9]+\)[ \t]*)?"
            r"\[[^\[\]\n]*\],?[ \t]*(?:\n|\Z))+\s*\Z"
        ),
        "its rows stand behind their numbers",
        "delete the numbers of the rows, and the signs behind them",
    ),
    Unread(
        re.compile(
            r"\A\s*[A-Za-z][^\n\[\]={}():.]{0,80}[ \t](?:is|are|was|equals?|as|with|given by|of)[ \t]*:?[ \t]*"
            r"\[\[?[ \t]*[-+.0-9]"
        ),
        "words stand before an array",
        "put its name and a sign before it: Q = [[1, 0], [0, 1]]",
    ),
    Unread(
        re.compile(r"\A\s*INSERT\s+INTO\s", re.IGNORECASE),
        "this is code, which attncli does not run",
        "run it in a database, and paste the table that SELECT shows",
    ),
    Unread(
        re.compile(r"\A\s*ARMA_MAT_TXT"),
        "this is a text file of Armadillo",
        "delete its first two lines, which say the type and the size",
    ),
    Unread(
        re.compile(
            r"\A[^\n]*(?:\(|Size\(\[)[0-9]+, ?[0-9]+\]?\)[^\n\[\](]*\n\s*(?:\w+[ \t]*[=:]\s*)?"
            r"(?:\[|[a-z.]*(?:tensor|[aA]rray)\()"
        ),
        "its first line is the shape, not numbers",
        "delete that line",
    ),
    Unread(
        re.compile(r"\A[^\n]*[^\n\\]\\[ \t]*\n"),
        "its columns are wrapped into several blocks of lines",
        "print(x.to_csv(index=False)) prints what attncli reads",
    ),
    Unread(
        re.compile(r"\A\s*\w+:[^\n]* = [^\n]*\) = \{[0-9, ]+\}[ \t]*\n"),
        "this is a tensor as llama.cpp prints it, with its name above and its sum below",
        "print it in full, and keep only what stands in brackets",
    ),
    Unread(
        re.compile(r"\A\s*(?:shape: \([0-9,]+\)\s*)?Series: '"),
        "this is a Series as Polars prints it",
        "print(x.to_list()) prints what attncli reads",
    ),
    Unread(
        re.compile(r"\A\s*(?:\w+: [^\n]*\n)*?(\w+): [-+0-9.]\S*\n\1: [-+0-9.]"),
        "its lines are keys and values, some keys more than once",
        "keep only the rows of the matrix, without their keys",
    ),
    Unread(re.compile(r"\A\s*[A-Za-z_]\w*:[ \t]*\n\s*-[ \t]+(?:\[|-|[0-9])"), "this is YAML", "name the file .yaml"),
    Unread(
        re.compile(r"\A\s*(?:[A-Za-z_]\w*,[ \t]*)+[A-Za-z_]\w*[ \t]*="),
        "several names stand before one sign =",
        "write each array behind its own name, on a line of its own: Q = …",
    ),
    Unread(
        re.compile(r"\[[A-Za-z_]\w*\](?:\[\w*\])*[ \t]*=[ \t]*\{"),
        "its lengths are names, not numbers",
        "write the numbers, as in float q[2][3] = {…};",
    ),
    Unread(
        re.compile(r"\A\s*(?:(?:[-*•]|[0-9]+[.)])[ \t]+\**[A-Za-z_]\w*\**[ \t]*[=:][^\n]*(?:\n\s*|\Z))+\Z"),
        "its names stand behind the signs of a list",
        "delete these signs, so that each line begins with its name: Q = …",
    ),
    Unread(
        re.compile(r"\A\s*(?:(?:[-*•]|[0-9]+[.)])[ \t]+\[?[-+.0-9][^\n]*(?:\n\s*|\Z))+\Z"),
        "its rows stand behind the signs of a list",
        "delete these signs, so that each line is a row",
    ),
    Unread(
        re.compile(r"\A\s*[^\W\d]\w*[ \t]*(?:∈|\\in\b)[^\n]*[:=]"),
        "a set that its array is in stands behind a name",
        "write each array behind its name alone: Q = [[1, 0], [0, 1]]",
    ),
    Unread(
        re.compile(r"\A\s*[“”„‟«‘’‚]"),
        "its quotation marks are those of a word processor",
        "type plain ones, or none",
    ),
    Unread(re.compile(r"\A\s*\{\|.*^\|-", re.DOTALL | re.MULTILINE), "this is a table of a wiki", ROWS_OF_LINES),
    Unread(
        re.compile(
            r"\A(?:\s*[\"']?[^\W\d][\w'-]*[\"']?[ \t]+(?:\w+\()?\[[^\[\]\n=]*\]\)?[ \t]*,?[ \t]*(?:\n|\Z))+\s*\Z"
        ),
        "each row is a label and a list",
        "delete the brackets: a label and its numbers make a row",
    ),
    Unread(
        re.compile(r"\A\s*[^\s\[\](){},;]{1,60}?[ \t]*(?:[-=]{1,4}>|→|⟶|↦|⇒)[ \t]*[-+.0-9\[(]"),
        "an arrow stands between a label and its row",
        "delete the arrows: a label and its numbers make a row",
    ),
    Unread(
        re.compile(
            r"\A\s*(?:[A-Za-z_]\w*[ \t]*=[ \t]*)?-?(?:[0-9.]+[ \t]*[*/@+-][ \t]*)+(?:[A-Za-z_][\w.]*[ \t]*)?[(\[]"
        ),
        "this is code, which attncli does not run",
        _PASTE,
    ),
    Unread(re.compile(r"\A\s*(?:import|from)[ \t]+[a-z]"), "this is code, which attncli does not run", _PASTE),
    Unread(re.compile(rf"[\w)][ \t]*<<[ \t]*{_CELL}[ \t]*,"), "this is code, which attncli does not run", _PASTE),
    Unread(
        re.compile(
            r"^[^\n#]*(?<![\w/\\.])(?:\.\.\.|…|⋮|⋯|⋱)(?![\w/\\.])[^\n]*\n(?s:.*)\[[0-9]+ rows x [0-9]+ columns\]",
            re.MULTILINE,
        ),
        SHORTENED,
        "print it in full: print(x.to_csv(index=False))",
    ),
    Unread(re.compile(r"(?<![\w/\\.])(?:\.\.\.|…|⋮|⋯|⋱)(?![\w/\\.])"), SHORTENED, PRINT_IN_FULL),
    Unread(
        re.compile(r"\[[0-9]+ rows x [0-9]+ columns\]\s*\Z"),
        "this is a data frame as pandas prints it, with its size below it",
        "print(x.to_csv(index=False)) prints what attncli reads",
    ),
    Unread(
        re.compile(r"^(?:Name: [^\n]*, )?(?:Length: [0-9]+, )?dtype: \w+\s*\Z", re.MULTILINE),
        "this is a Series as pandas prints it",
        "print(x.to_list()) prints what attncli reads",
    ),
    Unread(
        re.compile(r"^[ \t]*\([0-9]+, ?[0-9]+\)[ \t]+\S", re.MULTILINE),
        "this is a sparse array as SciPy prints it, only the cells that are not zero",
        "print(x.toarray()) prints what attncli reads",
    ),
    Unread(re.compile(r"masked_array\("), "this is a masked array as NumPy prints it", "print(x.filled(float('nan')))"),
    Unread(
        re.compile(r"(?:pd|pandas)\.DataFrame\(|(?:pl|polars)\.DataFrame\(|\bdata\.frame\("),
        "this is code for a data frame, which attncli does not run",
        "print its numbers: print(x.to_csv(index=False)) in Python, write.csv(x, row.names = FALSE) in R",
    ),
    Unread(
        re.compile(r"^[ \t]*\w+\(:, ?:, ?[0-9]+\) =", re.MULTILINE),
        "this is an array of three axes as MATLAB prints it",
        "MATLAB's last axis is the first here: write each slice, x(:,:,1), to a file of its own",
    ),
    Unread(
        re.compile(rf"^[ \t]*\w+(?:\[[0-9]+\]|\([0-9]+(?:, ?[0-9]+)*\))+\s*[=:]\s*{_CELL}", re.MULTILINE),
        "each line holds one cell and its place",
        ROWS_OF_LINES,
    ),
    Unread(
        re.compile(r"\A\s*<xarray\."),
        "this is an array of xarray with its coordinates",
        "print its numbers: print(x.values)",
    ),
    Unread(
        re.compile(r"\A\s*(?:\[\s*)?\{\s*(?:\"[^\"\n]*\"|'[^'\n]*')\s*:"),
        "this is a mapping, not a matrix",
        OF_A_MAPPING,
    ),
    Unread(
        re.compile(
            r"\A\s*(?:\(\s*(?:tensor|array|Array|\[\[)|[A-Za-z_][\w.]*\(\s*\w+=\(?(?:tensor|array|Array)\([^\n]*(?:\n(?s:.*))?=\(?(?:tensor|array|Array)\()"
        ),
        "several arrays stand in one pair of parentheses",
        "print each of them by itself",
    ),
    Unread(
        re.compile(rf"\A\s*\(\s*{_CELL}[ \t,]+{_CELL}[^()\n]*\)\s*,?\s*\("),
        "each row stands in parentheses of its own",
        _ONE_LIST,
    ),
    Unread(
        re.compile(r"\A(?:[ \t]*[A-Za-z_]+[ \t]*[0-9]+[ \t]*:[ \t]*[-+.0-9][^\n]*(?:\n+|\Z))+\Z"),
        "each line begins with a name and a colon",
        "delete them, up to the colon",
    ),
    Unread(
        re.compile(
            r"\A\s*(?:<(?!!|\?|html|table)[^<>]*[A-Za-z][^<>]*>?|\w*Traced<|dask\.array<|\S[^\n]*<[A-Z]\w* [^<>\n]*>)"
        ),
        "this names an array, without its numbers",
        "print its numbers: print(x.tolist())",
    ),
    Unread(
        re.compile(r"\A[^\n]*\n[ \t]*-{2,}(?:[ \t]+-{2,})*[ \t]*\n"),
        "its second line is a rule under the header, not numbers",
        "delete that line",
    ),
    Unread(
        re.compile(rf"\A(?:\s*\|[ \t]*{_CELL}(?:[ \t]+{_CELL})+[ \t]*\|[ \t]*(?:\n|\Z))+\s*\Z"),
        "each row stands between bars",
        "delete the bars, so that each line is a row: 1 0",
    ),
    Unread(
        re.compile(r"\A\s*\|[^\n]*\|[ \t]*\n\s*\|[^\n]*\|"),
        "its cells are separated by bars, without a rule under the header",
        "put | | | and |---|---| above it, with as many cells, for a table without names",
    ),
    Unread(
        re.compile(r"\A(?:#[^\n]*\n)*\|?[^\n|]*[0-9A-Za-z.\"][ \t]*\|[ \t]*[0-9A-Za-z.\"+-][^\n]*\n[^\n|]*\|"),
        "its cells are separated by bars, without a rule under the header",
        "put a line of dashes under the header, ---|---, or commas in place of the bars",
    ),
    Unread(re.compile(r"\A\s*\[[^\[\]\n]*\][ \t]*\n\s*\["), "each row is a list of its own", _ONE_LIST),
    Unread(
        re.compile(
            r"\A\s*(?:(?:[\w.]+[ \t]+)?[$@]?[A-Za-z_][\w.]*[ \t]*(?:=|<-|:=)[ \t]*)?[A-Za-z_][\w.:<>]*!?[ \t]*[(\[]"
            r"(?:[^\n]*|[^\n]*[(\[{,][ \t]*\n(?s:.*))[)\]](?:\.\w+(?:\(\))?|')*\??\s*;?\s*\Z"
        ),
        "this is code, which attncli does not run",
        _PASTE,
    ),
)


def looks_like_code(text: str) -> bool:
    """Return whether a line is a call such as `np.eye(2)`, or names an array without its numbers, `<…>`: no path."""
    return bool(
        re.fullmatch(
            r"(?:[\w.]+[ \t]*(?:=|<-)[ \t]*)?(?:[0-9.]+[ \t]*[*/+-][ \t]*)?[A-Za-z_][\w.]*\([^/\\]*\)|[\w.]*<.*>", text
        )
    )


def name_beginning(refusal: InputError, text: str, where: str) -> InputError:
    """Return the error that says what begins the text, which could be YAML, or the refusal itself."""
    return _named_by(re.Pattern.match, refusal, text[:_LONGEST], where)


def name_form(refusal: InputError, text: str, where: str) -> InputError:
    """Return the error that says what the text is as a whole, or the refusal itself where that is not known."""
    start = text[:_LONGEST]
    if rewritten := _rows_between_other_signs(start):
        echo = rewritten if len(rewritten) <= _LONGEST_ECHO else "1 0; 0 1"
        return InputError(refusal.where, refusal.what, f"rows are separated by ';': '{echo}'")
    named = _named_by(re.Pattern.search, refusal, start, where)
    if named is refusal and len(text) <= _LONGEST and (refusal.hint or "").endswith(_GENERAL_HINTS):
        return InputError(refusal.where, refusal.what, hint_at_lines(text) or refusal.hint)
    return named


def _named_by(find: Callable[[re.Pattern[str], str], object], refusal: InputError, text: str, where: str) -> InputError:
    """Return the error of the first form that is found in the text, or the refusal itself."""
    form = next((form for form in UNREAD if find(form.looks, text)), None)
    return refusal if form is None else InputError(where, form.what, form.hint)


def _rows_between_other_signs(text: str) -> str | None:
    """Return one line of rows with semicolons where it has other signs between them, `1 0 / 0 1`, or None."""
    line = text.strip()
    if "\n" in line or len(line) > 1000:
        return None
    cells = re.sub(r"\s*&\s*", " ", line.removesuffix(r"\\"))
    for sign in _ROW_SIGNS:
        rows = [row.replace(",", " ").split() for row in re.split(sign, cells)]
        lengths = {len(row) for row in rows}
        if len(rows) > 1 and len(lengths) == 1 and all(may_be_cell(cell) for row in rows for cell in row):
            return "; ".join(" ".join(row) for row in rows)
    return None
