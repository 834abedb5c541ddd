"""A small problem, and what `check` reports of numbers that are expected of it."""

import numpy as np

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

QKV = "queries: [[2, 0]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 4]], variant: dot"
# weights 0.8807970779778823 0.11920292202211755, output 1.2384058440442351 2.238405844044235


def report(expected, problem=QKV, *, search=False, **options):
    """The report without a search for slips, which changes no verdict and takes most of the time."""
    text = f"{{{problem}, expected: {{{expected}}}}}"
    return check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))), search=search, **options)


def errors(name, expected, mask=None, system=None, **options):
    """The errors of numbers without text, where the right ones are those of one query and two keys, 1 and 0."""
    request = Request(
        queries=Matrix(np.ones((1, 1)), "q"),
        keys=Matrix(np.array([[1.0], [0.0]]), "k"),
        mask=None if mask is None else Matrix(np.array(mask), "m"),
        mask_means="keep",
        variant="dot",
        system=system,
    )
    worksheet = Worksheet(request=request, name="case", where="case", expected={name: Matrix(expected, "e")})
    found = check(worksheet, search=False, **options)
    return found.verdict, found.checks[0].errors
