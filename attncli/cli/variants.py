"""`attncli variants`: the table of variants and their formulas."""

from __future__ import annotations

from typing import Annotated

import typer

from attncli.cli.options import declare_format, expand_bundles
from attncli.cli.output import write_out
from attncli.errors import ExitStatus

HELP = """\
The variants of attention: how each scores a query against a key.

Examples:
  attncli variants
  attncli variants -f json
"""


@expand_bundles
def variants_command(
    format: Annotated[str, declare_format(None, ("table", "markdown", "json"))] = "table",
    ascii_only: Annotated[bool, typer.Option("--ascii", help="no Unicode")] = False,
) -> int:
    """Print the records of `attncli.variants`."""
    from attncli.render.variants import variants_text

    write_out(variants_text(format, ascii_only=ascii_only), in_colour=format == "table")
    return ExitStatus.DONE
