"""`attncli demo`: a built-in problem, which needs no file."""

from __future__ import annotations

from typing import Annotated

import typer

from attncli.cli.options import CalculationOptions, FileOptions, ReadingOptions, ShowingOptions, expand_bundles
from attncli.cli.output import write_out
from attncli.cli.run import PROBLEM, answer
from attncli.errors import ExitStatus

HELP = """\
A built-in problem: which bank does "bank" mean beside a river?

Examples:
  attncli demo                        its weights and output
  attncli demo -a laplace             the same with another variant
  attncli demo --yaml > mine.yaml     a problem file to start from
"""


@expand_bundles
def demo_command(
    calculation: CalculationOptions,
    reading: ReadingOptions,
    showing: ShowingOptions,
    files: FileOptions,
    yaml: Annotated[bool, typer.Option("--yaml", help="print the problem as a file")] = False,
) -> int:
    """Run the built-in problem like a problem file."""
    if yaml:
        from attncli.files import read_bytes

        write_out(read_bytes(PROBLEM).decode(), in_colour=False)
        return ExitStatus.DONE
    from attncli.inputs.problem_file import read_problem

    sources = reading.sources()
    return answer(read_problem(str(PROBLEM), sources), sources, calculation, showing, files)
