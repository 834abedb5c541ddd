"""The table of variants, made from their records."""

from __future__ import annotations

from attncli.errors import UsageError
from attncli.render.console import make_console, render_text, speaks_unicode
from attncli.variants import VARIANTS, Variant

COLUMNS = ("variant", "raw score", "default scale", "in words", "source")
NOTES = (
    "softmax(QKᵀ/d_k)V, as many people write it, is --scale 1/dk; the papers divide by √d_k.",
    "laplace is not MEGA's “laplace attention function” (½(1 + erf)).",
    "scikit-learn's laplacian_kernel takes ℓ = d_k by default: --length-scale sets ℓ.",
)


def rows() -> list[tuple[str, ...]]:
    """Return a row for each variant."""
    shown = [variant.with_weights(()) if variant.takes_weights else variant for variant in VARIANTS]
    return [(v.name, v.formula, _default_scale(v), v.explained, v.source) for v in shown]


def _default_scale(variant: Variant) -> str:
    if variant.is_constant:
        return "–"
    return variant.default_scale + (", ℓ = 1" if variant.has_length else "")


def variants_text(format: str, *, ascii_only: bool = False) -> str:
    """Return the table as text, markdown or json."""
    if format == "json":
        import json

        keys = [column.replace(" ", "_") for column in COLUMNS]
        return json.dumps([dict(zip(keys, row, strict=True)) for row in rows()], ensure_ascii=False, indent=2) + "\n"
    if format == "markdown":
        lines = ["| " + " | ".join(row) + " |" for row in (COLUMNS, ("---",) * len(COLUMNS), *rows())]
        return "\n".join(lines) + "\n"
    if format != "table":
        raise UsageError("--format", f"{format!r} is not a format for the variants", "one of: table, markdown, json")
    return _table(ascii_only or not speaks_unicode())


def _table(ascii_only: bool) -> str:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from attncli.render.result.tables import Style, to_ascii

    grid = Table(box=None if ascii_only else box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in COLUMNS:
        grid.add_column(Text(column), overflow="fold", no_wrap=column in ("variant", "raw score", "default scale"))
    style = Style(ascii_only=ascii_only)
    for row in rows():
        grid.add_row(*(Text(to_ascii(cell, style)) for cell in row))
    console = make_console(ascii_only=ascii_only)
    text = render_text(console, grid) + "\n" + "".join(render_text(console, Text(f"{note}")) for note in NOTES)
    return to_ascii(text, style)
