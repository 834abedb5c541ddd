"""What `check` makes of the problems of `made_cases`, in every print."""

import json
import random as randomness
from itertools import product

import numpy as np
from diagnosis import soak
from diagnosis.made_cases import SYSTEM_SLIPS, make, remake
from diagnosis.made_slips import SLIPS
from diagnosis.made_steps import narrow
from diagnosis.problems import Way, answer, as_text

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

PRINTS = ("2", "3", "4", "5", "6", "float32", "float16", "bfloat16")  # decimals of a text, or the dtype of a dump
LEAST = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}  # what both of a pair change, of the largest number
FIRST = 3  # diagnoses that are read
CELL, FEW_CELLS = "one-cell", 2  # that are another number
FAR = 99  # the place of a slip that is not found
FEW_DIGITS = ("2", "3", "4", "float16", "bfloat16")  # prints that show no lower precision
SAME = {"grad-no-mask": "no-mask", "averaged-weights": "no-mask"}  # the name under which a slip is told
WAYS = 200  # choices of a slip that are tried: a factor, a side, a head
NOISE = 1e-10  # difference of numbers that two ways of summing give
SYSTEMS = tuple(name for name in soak.SLIPS if name.startswith("as-"))
NAMES = (*SLIPS, "copied-digit", *SYSTEMS)


def text(value, show=repr):
    if isinstance(value, np.ndarray):
        return text(value.tolist(), show)
    if isinstance(value, list):
        return "[" + ", ".join(text(each, show) for each in value) + "]"
    if isinstance(value, float):
        return ".nan" if np.isnan(value) else str(value).replace("inf", ".inf") if np.isinf(value) else show(value)
    return json.dumps(value)


def worksheet(names, how, seed):
    """The problem with its wrong numbers; None where there is none, or where the print is the right one's."""
    dtype = None if how.isdigit() else how
    if names == "copied-digit":
        return None if dtype else copied(how, seed)
    if (names == "lower-precision" and how in FEW_DIGITS) or ("entry-misread" in names and dtype):
        return None
    if names in SYSTEMS:
        found = of_system(names, dtype, seed * 10 + PRINTS.index(how))
        return told_as(*found, how)
    made = make(names, seed * 10 + PRINTS.index(how), dtype, least_of(how))
    if made is None:
        return None
    stated, right, wrong, few = made
    pairs = ", ".join(f"{name}: {text(value)}" for name, value in stated.items())
    return told_as(pairs, right, wrong, how, few)


def least_of(how):
    """By how much both of a pair must change the numbers of a print."""
    return LEAST.get(how) or 1.5 * 10.0 ** -int(how)


def told_as(pairs, right, wrong, how, few=None):
    """The problem file of these pairs with wrong numbers in a print, the weights with a `few` decimals."""
    if not how.isdigit():
        found = read(pairs)
        found.expected.update({name: Matrix(stored(array, how), name) for name, array in wrong.items()})
        return found
    places = {name: few if name == "weights" and few else how for name in wrong}
    rows, others = (
        {name: text(array, lambda cell, name=name: f"{cell:.{places[name]}f}") for name, array in numbers.items()}
        for numbers in (wrong, right)
    )
    return None if rows == others else read(pairs, rows)


def read(pairs, rows=None):
    told = "" if rows is None else ", expected: {" + ", ".join(f"{name}: {each}" for name, each in rows.items()) + "}"
    return read_problem("{" + pairs + told + "}", Sources(lambda: None, Reading(keep_text=True)))


def of_system(name, dtype, seed):
    """What another system gives, by the plain loops of the soak."""
    random = randomness.Random(f"{name} {seed}")
    problem, way = soak.SLIPS[name](random)
    for matrix in ("queries", "keys", "values"):
        setattr(problem, matrix, narrow(np.array(getattr(problem, matrix), float), dtype).tolist())
    right, wrong = answer(problem, Way()), answer(problem, way)
    only = soak.expectations(random, right)
    right, wrong = ({name: narrow(np.array(found[name], float), dtype) for name in only} for found in (right, wrong))
    return as_text(problem, {})[1:-1].replace(', "expected": {}', ""), right, wrong


def copied(how, seed):
    """Right numbers, one of them with a digit that is another one, missing or moved."""
    stated, right, _, _ = make("one-cell", seed, None)
    random = randomness.Random(seed)
    name = random.choice(list(right))
    texts = [f"{cell:.{how}f}" for cell in right[name].ravel()]
    long = [place for place, shown in enumerate(texts) if len(shown.strip("-0.")) > 1]
    if not long:
        return None
    place = random.choice(long)
    texts[place] = spoilt(texts[place], random)
    cells = iter(texts)
    rows = {each: text(array) if each != name else text(array, lambda _: next(cells)) for each, array in right.items()}
    return read(", ".join(f"{each}: {text(value)}" for each, value in stated.items()), rows)


def spoilt(shown, random):
    digits = [place for place, letter in enumerate(shown) if letter.isdigit()]
    place = random.choice(digits)
    kind = random.choice(("other", "missing", "swapped"))
    after = place + 1
    if kind == "swapped" and after < len(shown) and shown[after].isdigit() and shown[after] != shown[place]:
        return shown[:place] + shown[after] + shown[place] + shown[after + 1 :]
    if kind == "missing" and place > shown.index("."):
        return shown[:place] + shown[after:]
    other = random.choice([digit for digit in "0123456789" if digit != shown[place]])
    return shown[:place] + other + shown[after:]


def stored(array, dtype):
    if dtype == "bfloat16":
        import ml_dtypes

        return array.astype(np.float32).astype(ml_dtypes.bfloat16)
    return array.astype(dtype)


def place(names, how, seed):
    """At which place of the diagnosis the slip is, FAR where it is not; None where nothing is wrong."""
    found = judge(names, how, seed)
    return None if found is None else min(found)


def judge(names, how, seed):
    """At which places of the diagnosis the slip itself and others that give the same numbers are, FAR where they are
    not; None where nothing is wrong."""
    case = worksheet(names, how, seed)
    report = None if case is None else check(case)
    named = None if report is None else place_in(report, names)
    if named is None:
        return None
    is_made = all(name in SLIPS for name in names.split("+"))
    return named, place_of_others(report, names, how, seed) if is_made and named >= FIRST else FAR


def place_in(report, names):
    """At which place of a report the slip is."""
    if report.verdict != "wrong":
        return None
    wanted = spellings(names, lambda part: (part, SAME.get(part, part)))
    found = (number for number, each in enumerate(report.diagnosis) if wanted & {each.slip, *each.also})
    return next(found, FAR)


def place_of_others(report, names, how, seed):
    """The place, of the first ones, of other slips that are as true: made on the problem by the code that makes each of
    them, they give its numbers; or the right numbers, printed alike, but for a cell or two, are these."""
    others = [
        (number, name) for number, each in enumerate(report.diagnosis[:FIRST]) for name in (each.slip, *each.also)
    ]
    return next(
        (
            number
            for number, name in others
            if (is_in_few_cells(names, how, seed) if name == CELL else give_same(names, how, seed, name))
        ),
        FAR,
    )


def is_in_few_cells(names, how, seed):
    """Whether a problem differs in a cell or two from the print of the right numbers."""
    dtype = None if how.isdigit() else how
    _, right, wrong, few = make(names, seed * 10 + PRINTS.index(how), dtype, least_of(how))
    places = {name: few if name == "weights" and few else how for name in wrong}
    others = (~are_printed_alike(narrow(right[name], dtype), wrong[name], places[name]) for name in wrong)
    return 0 < sum(int(np.sum(each)) for each in others) <= FEW_CELLS


def spellings(names, of_part):
    """The names of one or two slips in either order, each part under all names that `of_part` gives it."""
    chosen = set(product(*(of_part(part) for part in names.split("+"))))
    return {"+".join(each) for parts in chosen for each in (parts, parts[::-1])}


def give_same(names, how, seed, others):
    """Whether other slips, made in one of the ways that there are to make them, give the print of a problem."""
    dtype, own = None if how.isdigit() else how, seed * 10 + PRINTS.index(how)
    due, few = make(names, own, dtype, least_of(how))[2:]
    ways = spellings(others, lambda part: [each for each in (*SLIPS, *SYSTEM_SLIPS) if part in (each, SAME.get(each))])
    made = (remake(names, own, dtype, way.split("+"), stream) for way in sorted(ways) for stream in range(2, 2 + WAYS))
    return any(found is not None and is_same_print(due, found, how, few) for found in made)


def is_same_print(one, other, how, few):
    """Whether two results are printed alike, but for noise at the border of two roundings."""
    return all(
        array.shape == other[name].shape
        and bool(
            (
                np.isclose(array, other[name], 0, NOISE, equal_nan=True) | are_printed_alike(array, other[name], places)
            ).all()
        )
        for name, array in one.items()
        for places in [(few if name == "weights" and few else how)]
    )


def are_printed_alike(one, other, places):
    """Booleans: of a dump, of which the dtype's own numbers are compared, the equal ones."""
    if not str(places).isdigit():
        return one == other
    texts = (np.vectorize(lambda cell: float(f"{cell:.{places}f}"))(array) for array in (one, other))
    return np.equal(*texts)


def told(names, how, seed):
    """What the report says instead."""
    report = check(worksheet(names, how, seed))
    checks = ", ".join(f"{each.what} {each.verdict}" for each in report.checks)
    return f"{checks}: " + ("; ".join("/".join((each.slip, *each.also)) for each in report.diagnosis) or "nothing")
