"""Results for programs (csv, tsv, json, yaml, in full precision) and for papers (markdown, LaTeX, in the digits
shown)."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from attncli.errors import check_choice
from attncli.formats import BY_NAME as FORMATS
from attncli.formats.list_writer import nested_lists
from attncli.formats.tex import columns_allowed
from attncli.matrix import Matrix
from attncli.render.explain.latex_notation import escape_latex
from attncli.render.markdown import escape_markdown
from attncli.render.result.facts import FACTS, fact_json, fact_long, fact_table
from attncli.render.result.long_table import long_table
from attncli.render.result.tables import LEGENDS, Style, result_heading
from attncli.render.result.text import result_chunks
from attncli.render.result.view import View, parts_shown, row_texts, row_views, sources_of, views
from attncli.results.targets import label_result

if TYPE_CHECKING:
    from attncli.results.computed_rows import ComputedRows
    from attncli.results.result import Result


def one_matrix(result: Result, name: str, format: str) -> Iterator[str]:
    """Yield csv or tsv of one result, several rows at a time."""
    if name in FACTS:
        return fact_table(result, name, "," if format == "csv" else "\t")
    return _text(FORMATS[format].write({name: label_result(result, name, format)}))


def _text(chunks: Any) -> Iterator[str]:
    return codecs.iterdecode((bytes(chunk) for chunk in chunks), "utf-8")


def result_facts(result: Result) -> dict[str, Any]:
    """Return the facts before the matrices in json and yaml. The `warnings` are written last, because computing rows
    adds to them."""
    problem = result.problem
    return {
        "variant": problem.variant.name,
        "scale": problem.scale if problem.head_scales is None else list(problem.head_scales),
        "shapes": {name: list(shape) for name, shape in problem.shapes().items()},
        "conventions": problem.words.conventions,
    }


def result_json(result: Result, names: list[str]) -> Iterator[str]:
    """Yield one object, row by row. Numbers that JSON cannot express are null."""
    if "stats" in names:
        result.compute("lse" if result.is_large("weights") else "weights")
    # here, so that errors are raised at once
    matrices = {name: result.stream(name) for name in names if name not in FACTS}
    cells = {name: fact_json(result, name, 2) if name in FACTS else json_rows(matrices[name], 2) for name in names}
    return _json_chunks(result, cells)


def _json_chunks(result: Result, matrices: dict[str, Iterator[str]]) -> Iterator[str]:
    import json

    start = "{\n"
    for key, value in result_facts(result).items():
        yield f"{start}  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        start = ",\n"
    for name, chunks in matrices.items():
        yield f'{start}  "{name}": '
        yield from chunks
    yield f',\n  "warnings": {json.dumps(result.warnings, ensure_ascii=False)}\n}}\n'


def json_rows(array: np.ndarray | ComputedRows, indent: int) -> Iterator[str]:
    """Yield an array as JSON lists, one row per line, with null for what JSON cannot express."""
    return nested_lists(cast("np.ndarray", array), _number_or_null, " " * indent)


def _number_or_null(text: str) -> str:
    return "null" if text[-1] in "fn" else text


def result_yaml(result: Result, names: list[str]) -> Iterator[str]:
    """Yield the object of json as YAML, with YAML's infinities."""
    streams = {name: result.stream(name) for name in names if name not in FACTS}
    matrices = {name: Matrix(cast("np.ndarray", array), name) for name, array in streams.items()}
    facts = (chunk for name in names if name in FACTS for chunk in _yaml_fact(result, name))
    return _yaml_chunks(result, chain(_text(FORMATS["yaml"].write(matrices)), facts))


def _yaml_chunks(result: Result, matrices: Iterator[str]) -> Iterator[str]:
    yield _yaml_text(result_facts(result))
    yield from matrices
    yield _yaml_text({"warnings": list(result.warnings)})


def _yaml_text(facts: dict[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100_000)
    return text


def _yaml_fact(result: Result, name: str) -> Iterator[str]:
    """Yield rows as flow lists and mappings, which have the same form in JSON."""
    yield f"{name}:\n  "
    yield from fact_json(result, name, 2)
    yield "\n"


def result_markdown(result: Result, names: list[str], style: Style) -> Iterator[str]:
    """Yield a GitHub table for each result and head, several rows at a time."""
    yield "\\\n".join(map(escape_markdown, result_heading(result).split("\n"))) + "\n"
    for name in names:
        for table in _tables(result, name, style):
            for place, view in enumerate(table):
                if not place:
                    part = f" {view.part}" if view.part else ""
                    yield f"\n**{LEGENDS[name]}{part}**{_omitted_note(view, style)}\n\n{_markdown_head(view)}"
                yield "".join(_markdown_rows(view, style))
        if name in FACTS:
            shown = [view for table in _tables(result, name, style) for view in table]
            yield "\n" + "\\\n".join(map(escape_markdown, FACTS[name].after(result, shown))) + "\n"


def _tables(result: Result, name: str, style: Style) -> Iterator[Iterable[View]]:
    """Yield the tables of a result, each in pieces of several rows."""
    if name in FACTS:
        return ([FACTS[name].view(result, part, style)] for part in parts_shown(result, style.full))
    if style.full:
        return (row_views(result, source) for source in sources_of(result, name, full=True))
    return ([view] for view in views(result, name))


def _omitted_note(view: View, style: Style) -> str:
    return f" ({view.omitted} left out)" if view.omitted and not style.full else ""


def _markdown_head(view: View) -> str:
    head = "| | " + " | ".join(escape_markdown(label) for label in view.column_labels) + " |"
    return f"{head}\n|---|" + "---:|" * len(view.column_labels) + "\n"


def _markdown_rows(view: View, style: Style) -> Iterator[str]:
    for place, label in enumerate(view.row_labels):
        cells = row_texts(view, place, style.digits, "·")
        if view.cells.dtype == object:
            cells = list(map(escape_markdown, cells))
        yield f"| {escape_markdown(label)} | " + " | ".join(cells) + " |\n"


LATEX_SYMBOLS = {
    "queries": "Q", "keys": "K", "values": "V",
    "d_queries": r"\mathrm{d}Q", "d_keys": r"\mathrm{d}K", "d_values": r"\mathrm{d}V",
    "d_weights": r"\mathrm{d}A", "d_scores": r"\mathrm{d}S", "d_bias": r"\mathrm{d}B",
    "weights": "A", "output": "O", "scores": "S", "raw_scores": r"S_{\text{raw}}", "lse": r"\ell",
}  # fmt: skip


def result_latex(result: Result, names: list[str], style: Style) -> Iterator[str]:
    """Yield a bmatrix of amsmath for each result and head, several rows at a time."""
    between = ""
    for name in names:
        for table in _tables(result, name, style):
            yield between
            yield from _latex_table(name, table, style)
            between = "\n"


def _latex_table(name: str, table: Iterable[View], style: Style) -> Iterator[str]:
    symbol = LATEX_SYMBOLS.get(name) or _gradient_symbol(name)
    for place, view in enumerate(table):
        if name in FACTS:
            yield _latex_fact(view, style) + "\n"
            return
        if not place:
            comment = f"% {LEGENDS[name]}{f' {view.part}' if view.part else ''}{_omitted_note(view, style)}\n"
            comment += columns_allowed(len(view.columns))
            yield f"{comment}\\[ {symbol} = \\begin{{bmatrix}}\n"
        rows = (
            "  " + " & ".join(map(_latex_number, row_texts(view, row, style.digits, r"\cdot")))
            for row in range(len(view.rows))
        )
        yield (" \\\\\n" if place else "") + " \\\\\n".join(rows)
    yield "\n\\end{bmatrix} \\]\n"


def _latex_fact(view: View, style: Style) -> str:
    """Return a tabular, because its cells may be words."""
    rows = [["", *view.column_labels]]
    rows += [[label, *cells] for label, cells in zip(view.row_labels, view.cells.tolist(), strict=True)]
    plain = Style(ascii_only=True).allowed  # no LaTeX font has the sign without a package
    texts = ([escape_latex(cell).replace(Style().allowed, plain) for cell in row] for row in rows)
    first, *lines = (" & ".join(row) + r" \\" for row in texts)
    comment = f"% {LEGENDS[view.name]}{f' {view.part}' if view.part else ''}{_omitted_note(view, style)}\n"
    body = "\n".join([first, r"\hline", *lines])
    return f"{comment}\\begin{{tabular}}{{l{'r' * len(view.columns)}}}\n{body}\n\\end{{tabular}}"


def _gradient_symbol(name: str) -> str:
    """Return the symbol of a gradient: dW_q for d_w_q."""
    letter, _, index = name.removeprefix("d_").partition("_")
    return rf"\mathrm{{d}}{letter[0].upper()}" + (f"_{{{index}}}" if index else "")


def _latex_number(text: str) -> str:
    if "e" in text and math.isfinite(float(text)):
        mantissa, exponent = text.split("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\text{nan}"}.get(text, text)


def long_lines(result: Result, name: str) -> Iterator[str]:
    """Yield a line per cell of a result or a fact."""
    return fact_long(result, name) if name in FACTS else long_table(result, name)


Renderer = Callable[["Result", list[str], Style, str | None], Iterator[str]]
RENDERERS: dict[str, Renderer] = {
    "table": result_chunks,
    "csv": lambda result, names, _style, _title: one_matrix(result, names[0], "csv"),
    "tsv": lambda result, names, _style, _title: one_matrix(result, names[0], "tsv"),
    "long": lambda result, names, _style, _title: long_lines(result, names[0]),
    "json": lambda result, names, _style, _title: result_json(result, names),
    "yaml": lambda result, names, _style, _title: result_yaml(result, names),
    "markdown": lambda result, names, style, _title: result_markdown(result, names, style),
    "latex": lambda result, names, style, _title: result_latex(result, names, style),
}


def result_renderer(format: str) -> Renderer:
    """Return the function that renders this format in chunks of text.

    It raises errors before the first chunk. Raises UsageError if there is no such format.
    """
    return RENDERERS[check_choice(format, RENDERERS, "--format", "a format")]
