"""The forms of text that are not read: how each looks, what it is, and what to do instead."""

from __future__ import annotations

import re

from attncli.formats.prints.reader import (
    OF_A_MAPPING,
    OF_LLDB,
    PLACES,
    PRINT_IN_FULL,
    ROWS_OF_LINES,
    SHORTENED,
)
from attncli.records import record

CODE = "this is code, which attncli does not run"
_CELL = r"[-+]?[0-9.][\w.+-]*"
_PASTE = "print the array, and paste what it shows"
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
        "contains terminal colour codes",
        "print it without them: NO_COLOR=1, or pipe it through sed 's/\\x1b\\[[0-9;]*m//g'",
    ),
    Unread(
        re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE),
        "contains text outside its code fences",
        "keep only one fenced block, or put the name of each matrix above its fence: Q:",
    ),
    Unread(
        re.compile(r"\A\s*(?:\[[A-Za-z_]+ ?[0-9]*\]:?[ \t]+\S|\[?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b)"),
        "begins with a log level, such as INFO",
        "keep only the arrays, each with its name: Q = …",
    ),
    Unread(
        re.compile(r"\A\s*<class '[^'\n]*'>[ \t]*\n"),
        "its first line is a type, not numbers",
        "delete that line",
    ),
    Unread(
        re.compile(r"\A\s*<\|"),
        "this is a Mathematica association",
        "print its arrays one at a time, each with its name: Q = …",
    ),
    Unread(
        re.compile(r"\A\s*<<[^<>\n]*[|,][^<>\n]*>"),
        "this is a Maple matrix in angle brackets",
        "print it as a list: convert(x, listlist)",
    ),
    Unread(
        re.compile(r"\A\s*[0-9]+×[0-9]+ DataFrame\b|^[ \t]*Row │", re.MULTILINE),
        "this is a data frame as Julia prints it",
        "print its numbers: Matrix(df)",
    ),
    Unread(
        re.compile(r"\A\s*Rows: [0-9]+[ \t]*\nColumns: [0-9]+[ \t]*\n"),
        "this is the output of glimpse(), one line per column",
        "print(x.to_csv(index=False)) in Python, write.csv(x, row.names = FALSE) in R",
    ),
    Unread(
        re.compile(r"\A(?s:.{0,200}?)!!opencv-matrix"),
        "this is a matrix as OpenCV writes it, with its numbers in one list",
        "print its rows: print(fs.getNode('Q').mat().tolist())",
    ),
    Unread(
        re.compile(r"\bVecStorage \{|\A\s*Matrix \{ data: "),
        "this is a matrix as nalgebra prints it with {:?}, column by column",
        'print it with {}: println!("{}", x)',
    ),
    Unread(
        re.compile(r"\A\s*Tensor\[(?:\[[0-9, ]*\]|dims [0-9, ]*)[,;]"),
        "this describes a tensor, without its numbers",
        'print it with {}: println!("{}", x)',
    ),
    Unread(
        re.compile(
            r"\A[^\n&]*[0-9}][ \t$]*&[ \t]*[-+\\$0-9.{][^\n]*"
            r"(?:\n[^\n&]*&|\\\\[ \t]*(?:\\hline)?[ \t]*\Z)"
        ),
        "its cells are separated by '&', as in LaTeX",
        r"write \begin{bmatrix} above them and \end{bmatrix} below, and \\ after each row",
    ),
    Unread(
        re.compile(r"\A\s*[\[(]?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[ T,]+)?[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?![0-9])"),
        "begins with a time, like the lines of a log",
        "keep only the arrays, each with its name: Q = …",
    ),
    Unread(
        re.compile(
            r"\A[ \t]*1[ \t]*[|│:][ \t]*\S[^\n]*\n[ \t]*2[ \t]*[|│:][ \t]*\S|\A[ \t]*1[ \t]+[A-Za-z_]\w*[ \t]*=(?!=)"
        ),
        "its lines are numbered",
        "delete the line numbers and the signs after them",
    ),
    Unread(
        re.compile(r"\A[^\n#%/]*[0-9.][ \t]+(?:#|//|%)[ \t]+[^\W\d]"),
        "a comment follows a row",
        "put it on its own line after # and a space, or delete it",
    ),
    Unread(
        re.compile(
            r"^[a-z][a-zA-Z ]*(?: \[[0-9, ]+\])? \([0-9]+ [×x] [0-9]+[^\n()]*\)\n[^\n]*\n(?:─{4}|\w+ )", re.MULTILINE
        ),
        "this is a table as attncli prints it, with rounded numbers",
        "print a form that can be read back: -f csv, -f json or -f markdown",
    ),
    Unread(PLACES, OF_LLDB, ROWS_OF_LINES),
    Unread(
        re.compile(r"■\("),
        "this is a matrix as Word writes it in an equation",
        "write its rows with semicolons between them: '1 0; 0 1'",
    ),
    Unread(
        re.compile(r"\A\s*Tensor \{\s*\n\s*data:"),
        "this is a tensor as Burn prints it, with its metadata",
        "keep only the list after data:",
    ),
    Unread(
        re.compile(r"\A\s*\w+\( # [0-9,]+ \("),
        "this is a variable as Flax prints it",
        "print its numbers: print(x.value)",
    ),
    Unread(
        re.compile(r"\A\s*(?:num|int|logi) \["),
        "this is the output of R's str()",
        "print all of it: print(x)",
    ),
    Unread(
        re.compile(r"\A\s*(?:dense<[^<>]*> : \w+<|[a-z]+[0-9]*\[[0-9, ]*\](?:\{[0-9, ]*\})? (?:\w+ ?= ?)?\{)"),
        "this is a constant as a compiler prints it, with its type",
        "keep only the numbers and their brackets",
    ),
    Unread(
        re.compile(r"\A\s*<([A-Za-z]\w*)(?:\s[^<>]*)?>.*</\1>\s*\Z", re.DOTALL),
        "its numbers are between tags, as in XML and MathML",
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
        "its rows are numbered",
        "delete the row numbers and the signs after them",
    ),
    Unread(
        re.compile(
            r"\A\s*[A-Za-z][^\n\[\]={}():.]{0,80}[ \t](?:is|are|was|equals?|as|with|given by|of)[ \t]*:?[ \t]*"
            r"\[\[?[ \t]*[-+.0-9]"
        ),
        "words come before an array",
        "write its name and = before it: Q = [[1, 0], [0, 1]]",
    ),
    Unread(
        re.compile(r"\A\s*INSERT\s+INTO\s", re.IGNORECASE),
        CODE,
        "run it in a database, and paste the table that SELECT shows",
    ),
    Unread(
        re.compile(r"\A\s*ARMA_MAT_TXT"),
        "this is a text file of Armadillo",
        "delete its first two lines, which give the type and the size",
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
        "its lines are keys and values, and some keys are repeated",
        "keep only the rows of the matrix, without their keys",
    ),
    Unread(re.compile(r"\A\s*[A-Za-z_]\w*:[ \t]*\n\s*-[ \t]+(?:\[|-|[0-9])"), "this is YAML", "name the file .yaml"),
    Unread(
        re.compile(r"\A\s*(?:[A-Za-z_]\w*,[ \t]*)+[A-Za-z_]\w*[ \t]*="),
        "several names share one =",
        "put each array on its own line, after its name: Q = …",
    ),
    Unread(
        re.compile(r"\[[A-Za-z_]\w*\](?:\[\w*\])*[ \t]*=[ \t]*\{"),
        "its lengths are names, not numbers",
        "write the numbers, as in float q[2][3] = {…};",
    ),
    Unread(
        re.compile(r"\A\s*(?:(?:[-*•]|[0-9]+[.)])[ \t]+\**[A-Za-z_]\w*\**[ \t]*[=:][^\n]*(?:\n\s*|\Z))+\Z"),
        "its names follow list markers",
        "delete the markers, so that each line begins with its name: Q = …",
    ),
    Unread(
        re.compile(r"\A\s*(?:(?:[-*•]|[0-9]+[.)])[ \t]+\[?[-+.0-9][^\n]*(?:\n\s*|\Z))+\Z"),
        "its rows follow list markers",
        "delete the markers, so that each line is a row",
    ),
    Unread(
        re.compile(r"\A\s*[^\W\d]\w*[ \t]*(?:∈|\\in\b)[^\n]*[:=]"),
        "a name is followed by the set that its array is in",
        "write each array directly after its name: Q = [[1, 0], [0, 1]]",
    ),
    Unread(
        re.compile(r"\A\s*[“”„‟«‘’‚]"),
        "it has typographic quotation marks",
        "use plain ones, or none",
    ),
    Unread(re.compile(r"\A\s*\{\|.*^\|-", re.DOTALL | re.MULTILINE), "this is a wiki table", ROWS_OF_LINES),
    Unread(
        re.compile(
            r"\A(?:\s*[\"']?[^\W\d][\w'-]*[\"']?[ \t]+(?:\w+\()?\[[^\[\]\n=]*\]\)?[ \t]*,?[ \t]*(?:\n|\Z))+\s*\Z"
        ),
        "each row is a label and a list",
        "delete the brackets: a label and its numbers make a row",
    ),
    Unread(
        re.compile(r"\A\s*[^\s\[\](){},;]{1,60}?[ \t]*(?:[-=]{1,4}>|→|⟶|↦|⇒)[ \t]*[-+.0-9\[(]"),
        "an arrow separates a label from its row",
        "delete the arrows: a label and its numbers make a row",
    ),
    Unread(
        re.compile(
            r"\A\s*(?:[A-Za-z_]\w*[ \t]*=[ \t]*)?-?(?:[0-9.]+[ \t]*[*/@+-][ \t]*)+(?:[A-Za-z_][\w.]*[ \t]*)?[(\[]"
            rf"|\A\s*(?:import|from)[ \t]+[a-z]|[\w)][ \t]*<<[ \t]*{_CELL}[ \t]*,"
        ),
        CODE,
        _PASTE,
    ),
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
        "this is a sparse array as SciPy prints it, with only its nonzero cells",
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
        "MATLAB's last axis is the first here: write each slice, x(:,:,1), to its own file",
    ),
    Unread(
        re.compile(rf"^[ \t]*\w+(?:\[[0-9]+\]|\([0-9]+(?:, ?[0-9]+)*\))+\s*[=:]\s*{_CELL}", re.MULTILINE),
        "each line holds one cell and its index",
        ROWS_OF_LINES,
    ),
    Unread(
        re.compile(r"\A\s*<xarray\."),
        "this is an xarray array with its coordinates",
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
        "several arrays are in one pair of parentheses",
        "print them one at a time",
    ),
    Unread(
        re.compile(rf"\A\s*\(\s*{_CELL}[ \t,]+{_CELL}[^()\n]*\)\s*,?\s*\("),
        "each row has its own parentheses",
        _ONE_LIST,
    ),
    Unread(
        re.compile(r"\A(?:[ \t]*[A-Za-z_]+[ \t]*[0-9]+[ \t]*:[ \t]*[-+.0-9][^\n]*(?:\n+|\Z))+\Z"),
        "each line begins with a name and a colon",
        "delete everything up to the colon",
    ),
    Unread(
        re.compile(
            r"\A\s*(?:<(?!!|\?|html|table)[^<>]*[A-Za-z][^<>]*>?|\w*Traced<|dask\.array<|\S[^\n]*<[A-Z]\w* [^<>\n]*>)"
        ),
        "this describes an array, without its numbers",
        "print its numbers: print(x.tolist())",
    ),
    Unread(
        re.compile(r"\A[^\n]*\n[ \t]*-{2,}(?:[ \t]+-{2,})*[ \t]*\n"),
        "its second line is a line of dashes under the header, not numbers",
        "delete that line",
    ),
    Unread(
        re.compile(rf"\A(?:\s*\|[ \t]*{_CELL}(?:[ \t]+{_CELL})+[ \t]*\|[ \t]*(?:\n|\Z))+\s*\Z"),
        "each row is between bars",
        "delete the bars, so that each line is a row: 1 0",
    ),
    Unread(
        re.compile(r"\A\s*\|[^\n]*\|[ \t]*\n\s*\|[^\n]*\|"),
        "its cells are separated by bars, without a line of dashes under the header",
        "put | | | and |---|---| above it, with the same number of cells",
    ),
    Unread(
        re.compile(r"\A(?:#[^\n]*\n)*\|?[^\n|]*[0-9A-Za-z.\"][ \t]*\|[ \t]*[0-9A-Za-z.\"+-][^\n]*\n[^\n|]*\|"),
        "its cells are separated by bars, without a line of dashes under the header",
        "put a line of dashes under the header, ---|---, or commas in place of the bars",
    ),
    Unread(re.compile(r"\A\s*\[[^\[\]\n]*\][ \t]*\n\s*\["), "each row is a list of its own", _ONE_LIST),
    Unread(
        re.compile(
            r"\A\s*(?:(?:[\w.]+[ \t]+)?[$@]?[A-Za-z_][\w.]*[ \t]*(?:=|<-|:=)[ \t]*)?[A-Za-z_][\w.:<>]*!?[ \t]*[(\[]"
            r"(?:[^\n]*|[^\n]*[(\[{,][ \t]*\n(?s:.*))[)\]](?:\.\w+(?:\(\))?|')*\??\s*;?\s*\Z"
        ),
        CODE,
        _PASTE,
    ),
)
