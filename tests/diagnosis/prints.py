"""Right numbers printed in the usual ways, and the same with one cell off: what `check` must pass and refuse."""

import json
import re
import zlib
from decimal import ROUND_DOWN, Decimal

import numpy as np
from diagnosis.judged import read, stored, text
from diagnosis.made import World, narrow

from attncli.check import check
from attncli.matrix import Matrix

STAGES = ("softcap", "bias", "sink", "qk_norm", "rope", "causal")
NOISE = 1e-14  # relative to the largest number: the error of a float64 computation
NOISE_OF_FLOAT32 = 1e-6
FLOATS = ("float32", "bfloat16", "float16")  # of two names in one the longer first


def made(random, dtype=None):
    """A problem with some stages, and its right numbers."""
    wishes = {name: True for name in STAGES if random.random() < 0.15}
    wishes |= [{}, {}, {"heads": 2}, {"heads": 2, "packed": True}, {"mask": True}, {"lead": (2,)}][random.integers(6)]
    variant = ("scaled", "scaled", "dot", "laplace", "gaussian", "cosine")[random.integers(6)]
    only = (("output",), ("weights",), ("weights", "output"), ("scores", "weights", "output"))[random.integers(4)]
    world = World(random, dtype, variant=variant, **wishes, only=only)
    found = world.answer(dtype)
    return world.stated, {name: found[name] for name in only}


def nested(array, show):
    if array.ndim == 0:
        return show(float(array))
    return "[" + ", ".join(nested(each, show) for each in array) + "]"


def special(cell):
    return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(str(cell))


def plainly(show):
    """Each cell by itself, as this function shows it."""
    return lambda array: nested(array, lambda cell: special(cell) or show(cell))


def cut(cell, decimals):
    return f"{Decimal(cell).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN):f}"


def numpy_print(dtype, **options):
    def show(array):
        with np.printoptions(threshold=10**6, **options):
            return json.dumps(str(np.asarray(array, dtype)))

    return show


def torch_print(array):
    """As torch prints a tensor: four decimals for all, or an exponent for all."""
    sizes = np.abs(array[np.isfinite(array) & (array != 0)])
    wide = sizes.size and (sizes.max() / sizes.min() > 1000 or sizes.max() > 1e8 or sizes.min() < 1e-4)
    if sizes.size and (sizes == np.floor(sizes)).all():
        rows = nested(array, lambda cell: f"{cell:.0f}.")
    else:
        rows = nested(array, lambda cell: f"{cell:.4e}" if wide else f"{cell:.4f}")
    return json.dumps(f"tensor({rows})")


PRINTS = {
    **{f"{d} decimals": plainly(lambda cell, d=d: f"{cell:.{d}f}") for d in range(2, 9)},
    **{f"{d} decimals, cut": plainly(lambda cell, d=d: cut(cell, d)) for d in (3, 4, 6)},
    **{f"{d} digits": plainly(lambda cell, d=d: f"{cell:.{d}g}") for d in (4, 6, 9)},
    "4 decimals, no zeros": plainly(lambda cell: f"{round(cell, 4):g}"),
    "exponents": plainly(lambda cell: f"{cell:.5e}"),
    "in full": plainly(repr),
    "NumPy": numpy_print("float64"),
    "NumPy, 4": numpy_print("float64", precision=4),
    "NumPy, 3, plain": numpy_print("float64", precision=3, suppress=True),
    "NumPy float32": numpy_print("float32"),
    "NumPy float16": numpy_print("float16"),
    "float32": plainly(lambda cell: str(np.float32(cell))),
    "float32 in full": plainly(lambda cell: repr(float(np.float32(cell)))),
    "float16 in full": plainly(lambda cell: repr(float(np.float16(cell)))),
    "bfloat16 in full": plainly(lambda cell: repr(float(narrow(np.array(cell), "bfloat16")))),
    "torch": torch_print,
    **{f"{dtype} dump": None for dtype in FLOATS},
}


def problem(how, seed, spoil=None):
    """The worksheet of right numbers in this print, one of them changed by `spoil(random, array, how)`; None where the
    print can't show it."""
    random = np.random.default_rng([zlib.crc32(how.encode()), seed])
    dtype = next((name for name in FLOATS if name in how), None)
    stated, right = made(random, dtype)
    pairs = ", ".join(f"{name}: {text(value)}" for name, value in stated.items())
    if spoil is not None:
        name = list(right)[random.integers(len(right))]
        right = {**right, name: spoil(random, right[name], how)}
        if right[name] is None:
            return None
    if how.endswith("dump"):
        found = read(pairs)
        found.expected.update(
            {name: Matrix(stored(narrow(array, dtype), dtype), name) for name, array in right.items()}
        )
        return found
    return read(pairs, {name: PRINTS[how](array) for name, array in right.items()})


def spoil_cell(random, array, how):
    """One cell off by more than the print claims: two units and a half of its last digit, or more than the error of a
    computation in the dtype that its numbers are of."""
    places = np.argwhere(np.isfinite(array))
    if not len(places):
        return None
    at = tuple(places[random.integers(len(places))])
    largest = float(np.abs(array[np.isfinite(array)]).max())
    if "float16" in how:
        step = (0.2 if how.startswith("b") else 0.1) * largest
    elif "float32" in how or is_like_float32(how, largest):
        step = 1e-4 * max(largest, 1)
    elif how == "in full":
        step = 1e-10 * max(largest, 1)
    else:
        step = 2.5 * claimed_unit(PRINTS[how](array), int(np.ravel_multi_index(at, array.shape)))
        # a sum that cancels to 1e-17 has no digits, and in float32, of which torch prints, one that cancels to 1e-7
        step = max(step, (NOISE_OF_FLOAT32 if how == "torch" else NOISE) * largest)
    changed = np.array(array)
    changed[at] += step * random.choice((-1, 1)) * random.choice((1, 1.7, 4, 30))
    if PRINTS[how] is not None and how != "in full":
        place, print = int(np.ravel_multi_index(at, array.shape)), PRINTS[how](changed)
        if abs(changed[at] - array[at]) < 2.4 * claimed_unit(print, place):  # without its last zero it may claim less
            return None
        if float(cells_of(print)[place]) == float(cells_of(PRINTS[how](array))[place]):  # 0. for 1e-7 is right
            return None
    return changed


def is_like_float32(how, largest):
    """Whether nearly any such texts are those of float32 numbers too: 7 decimals, or 8 digits."""
    return how == "7 decimals" or (how.startswith("6 decimals") and largest >= 10)


def claimed_unit(print, place):
    """By the contract: as many decimals as any plain cell shows, or as make as many significant digits as any shows;
    with an exponent the cell's own. As NumPy and torch print whole numbers, 8 and 4 decimals."""
    cells = cells_of(print)
    cell = cells[place]
    if "e" in cell:
        mantissa, exponent = cell.split("e")
        return 10.0 ** (int(exponent) - behind(mantissa))
    plain = [each for each in cells if "e" not in each and "n" not in each]
    most = max(map(behind, plain))
    if most == 0 and any("." in each for each in plain):
        return 1e-4 if "tensor" in print else 1e-8
    if not significant(cell):
        return 10.0**-most
    digits = max(map(significant, plain))
    return 10.0 ** -min(most, digits - significant(cell) + behind(cell))


def cells_of(print):
    return re.findall(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.?(?:nan|inf))", print)


def behind(cell):
    return len(cell.partition(".")[2])


def significant(cell):
    return len(cell.replace(".", "").lstrip("-0"))


def verdict(how, seed, spoil=None):
    """The verdict, without the search for slips, which does not change it; None where there is no such problem."""
    case = problem(how, seed, spoil)
    if case is None or (spoil is None and how == "NumPy float16" and is_like_one_wrong_cell(how, seed)):
        return None
    return check(case, search=False).verdict


def is_like_one_wrong_cell(how, seed):
    """Whether the numbers of a float16 are as well those of that many decimals, one of which is off by more than its
    print allows: a matrix of few digits, in which nothing tells the two apart."""
    _, right = made(np.random.default_rng([zlib.crc32(how.encode()), seed]), "float16")
    for array in right.values():
        cells = re.findall(r"-?\d+\.\d*(?:e[-+]\d+)?", PRINTS[how](array))
        decimals = max((behind(cell) for cell in cells if "e" not in cell), default=0)
        finite = array[np.isfinite(array)]
        if len(cells) == finite.size:
            off = np.abs([float(cell) for cell in cells] - finite) > 1.0001 * 10.0**-decimals
            if off.sum() == 1:
                return True
    return False
