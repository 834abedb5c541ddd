"""Small problems, and what check tells of numbers that a slip makes of them."""

import numpy as np

from attncli.check import check
from attncli.check.routes import RIGHT
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

TWO = "queries: [[1, 2], [3, -1]], keys: [[1, 0], [0, 1], [-1, 1]], values: [[1, 2], [3, 5], [7, 11]]"
FOUR = (
    "queries: [[1, 2, 0, 1], [3, -1, 1, 1]], keys: [[1, 0, 2, 1], [0, 1, 1, 0], [-1, 1, 0, 1]],"
    "values: [[1, 2], [3, 5], [7, 11]]"
)
TALL = "queries: [[1, 2], [3, -1], [1, 1]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 5]]"
SQUARE = "queries: [[1, 2], [3, -1]], keys: [[1, 0], [2, 1]], values: [[1, 2], [3, 5]]"
BATCH = "queries: [[[1, 2], [3, -1]], [[1, 2], [3, -1]]], keys: [[[1, 0], [0, 1]], [[1, 0], [0, 1]]]"
DISTANCES = np.array([[4, 2, 5], [5, 13, 20]]) ** 0.5  # of TWO
HEADS = f"{FOUR}, heads: 2"
MASK = "mask: [[1, 0, 1], [1, 1, 0]]"


def in_turns(names):
    """Each name with the dtype of its dump: float64 and float32 in turns."""
    return [(name, (np.float64, np.float32)[place % 2]) for place, name in enumerate(names)]


def problem(text):
    return read_problem(f"{{{text}}}", Sources(lambda: None, Reading(keep_text=True)))


def numbers(text, what, route=RIGHT):
    return route.numbers(problem(text).request, [what])[what].tolist()


def diagnosis(text, expected):
    given = ", ".join(f"{what}: {rows}" for what, rows in expected.items())
    return check(problem(f"{text}, expected: {{{given}}}")).diagnosis


def told(text, expected):
    """The first explanation's slip and sentence; two empty words where there is none."""
    found = diagnosis(text, expected)
    return (found[0].slip, found[0].sentence) if found else ("", "")


def named(text, expected):
    """Every slip that explains the numbers."""
    return {name for found in diagnosis(text, expected) for name in (found.slip, *found.also)}
