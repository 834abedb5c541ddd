"""`repr` of many float64 at once: the fewest digits that read back, several times as fast as one by one.

Each |x| is scaled to an integer of 17 digits and a remainder, in double-double arithmetic (error below 1e-13 of a
unit). Rounding that to 15 or 16 digits gives the shortest text if it lies within half a spacing of x. Every case
that the error could decide is left to `repr`.

References: T. J. Dekker, "A floating-point technique for extending the available precision" (1971), for the exact
product; G. L. Steele and J. L. White, "How to print floating-point numbers accurately" (1990), for the criterion.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_SMALLEST, _LARGEST = 1e-270, 1e270  # beyond, a product of the splitting could overflow or lose bits
_SPLITTER = 134217729.0  # 2**27 + 1 parts a double in two halves whose products are exact
_UNSURE = 1e-6  # of a unit of the 17th digit: far above the error, far below what happens by chance
_WIDTH = 25  # the longest repr has 24 characters; then the delimiter
_AT_ONCE = 1 << 13  # numbers: the work stays in the cache
_FEW = 500  # below, repr is as fast


def texts(flat: Array) -> list[str]:
    """The repr of each cell of one axis of float64."""
    if flat.size < _FEW:
        return list(map(repr, flat.tolist()))
    return joined(flat.reshape(1, -1), b",")[:-1].decode("ascii").split(",")


def joined(table: Array, delimiter: bytes) -> bytes:
    """Lines of the reprs of a float64 table, each ended by a newline."""
    columns = table.shape[1]
    if table.size < _FEW:
        separator = delimiter.decode()
        return "".join(separator.join(map(repr, row)) + "\n" for row in table.tolist()).encode()
    flat = table.reshape(-1)
    pieces = []
    for start in range(0, flat.size, _AT_ONCE):
        block = flat[start : start + _AT_ONCE]
        characters = _characters(block)
        characters[:, -1] = delimiter[0]
        characters[columns - 1 - start % columns :: columns, -1] = ord("\n")
        pieces.append(characters.tobytes().translate(None, b"\0"))
    return b"".join(pieces)


@cache
def _powers() -> tuple[Array, Array]:
    """10**s for s from -290 to 290, as the nearest double and the double nearest to what that misses."""
    exact = [Fraction(10) ** exponent for exponent in range(-290, 291)]
    high = [float(power) for power in exact]
    low = [float(power - Fraction(near)) for power, near in zip(exact, high, strict=True)]
    return np.array(high), np.array(low)


@cache
def _four_digits() -> Array:
    """0000 to 9999 as four characters each, seen as one number."""
    characters = np.array([f"{number:04d}" for number in range(10000)], dtype="S4")
    return characters.view(np.uint32)


def _characters(values: Array) -> Array:
    """(count, 26): each repr with NULs in it to be left out, and a last column for the delimiter."""
    result = np.zeros((values.size, _WIDTH + 1), np.uint8)
    with np.errstate(invalid="ignore"):
        magnitude = np.abs(values)
        inside = (magnitude >= _SMALLEST) & (magnitude <= _LARGEST)
    rows = np.flatnonzero(inside)
    digits, exponent, sure = _shortest(magnitude[rows])
    _lay_out(result, rows[sure], digits[sure], exponent[sure])
    result[np.signbit(values), 0] = ord("-")
    zero = values == 0
    result[zero, 1:4] = np.frombuffer(b"0.0", np.uint8)
    for row in [*rows[~sure].tolist(), *np.flatnonzero(~inside & ~zero).tolist()]:
        text = repr(float(values[row])).encode()
        result[row, :_WIDTH] = np.frombuffer(text.ljust(_WIDTH, b"\0"), np.uint8)
    return result


def _shortest(magnitude: Array) -> tuple[Array, Array, Array]:
    """17 digits as an integer (trailing zeros to be left out), the exponent of the first, and whether that is sure."""
    exponent = np.floor(np.log10(magnitude)).astype(np.int64)
    high, low = _powers()
    power, missed = high[16 - exponent + 290], low[16 - exponent + 290]
    product = magnitude * power
    rest = _product_error(magnitude, power, product) + magnitude * missed
    whole = np.rint(rest)
    digits = product.astype(np.int64) + whole.astype(np.int64)  # the product is an integer, being over 2**53
    fraction = rest - whole
    half = np.spacing(magnitude) * 0.5 * power  # what is nearer than this reads back
    below_is_nearer = (magnitude.view(np.uint64) & np.uint64((1 << 52) - 1)) == 0  # at a power of two

    sure = (digits >= 10**16) & (product < 1e17 - 64) & (np.abs(np.abs(fraction) - 0.5) > _UNSURE)
    found = digits.copy()
    for unit in (10, 100):  # the fewer digits, if they read back, overwrite the more
        quotient = digits // unit
        over = (digits - quotient * unit) + fraction
        up = over > unit / 2
        distance = np.where(up, unit - over, over)
        fits = distance < half
        sure &= (np.abs(distance - half) > _UNSURE) & ~(fits & (np.abs(over - unit / 2) < _UNSURE))
        found = np.where(fits, (quotient + up) * unit, found)
    sure &= ~below_is_nearer | (distance < half * 0.5 - _UNSURE)
    return found, exponent, sure & (found < 10**17)


def _product_error(left: Array, right: Array, product: Array) -> Array:
    """left * right - product, exactly."""
    left_high = left * _SPLITTER
    left_high = left_high - (left_high - left)
    right_high = right * _SPLITTER
    right_high = right_high - (right_high - right)
    left_low, right_low = left - left_high, right - right_high
    error: Array = ((left_high * right_high - product) + left_high * right_low + left_low * right_high) + (
        left_low * right_low
    )
    return error


def _lay_out(result: Array, rows: Array, digits: Array, exponent: Array) -> None:
    """Write the digits into their rows, with point and exponent as repr has them, from the second column on."""
    characters = np.empty((rows.size, 20), np.uint8)
    fours = characters.view(np.uint32)
    digits = digits.view(np.uint64)
    for place in (4, 3, 2, 1):
        quotient = digits // np.uint64(10000)
        fours[:, place] = _four_digits()[(digits - quotient * np.uint64(10000)).view(np.int64)]
        digits = quotient
    characters[:, 3] = digits + ord("0")
    characters = characters[:, 3:]
    bare = characters.copy()
    _strip_zeros(bare)
    lowest = int(exponent.min()) if exponent.size else 0
    for power in (np.flatnonzero(np.bincount(exponent - lowest)) + lowest).tolist():
        chosen = np.flatnonzero(exponent == power)
        result[rows[chosen]] = _placed(characters, bare, chosen, power)


def _strip_zeros(characters: Array) -> None:
    """Make NULs of trailing zeros; few numbers have more than one."""
    zero = ord("0")
    last = characters[:, 16] == zero
    several = np.flatnonzero(last & (characters[:, 15] == zero))
    tail = characters[several]
    zeros = np.logical_and.accumulate(tail[:, ::-1] == zero, axis=1)[:, ::-1]
    characters[:, 16] *= ~last
    characters[several] = np.where(zeros, 0, tail)


def _placed(characters: Array, bare: Array, chosen: Array, power: int) -> Array:
    """The rows whose first digit stands for 10**power; `bare` is without trailing zeros."""
    line = np.zeros((chosen.size, _WIDTH + 1), np.uint8)
    digits = bare[chosen]
    if 0 <= power < 16:
        whole = characters[chosen, : power + 2]
        line[:, 1 : power + 2] = whole[:, :-1]
        line[:, power + 2] = ord(".")
        line[:, power + 3] = whole[:, -1]  # at least one digit behind the point
        line[:, power + 4 : 19] = digits[:, power + 2 :]
    elif -4 <= power < 0:
        before = b"0." + b"0" * (-power - 1)
        line[:, 1 : 1 + len(before)] = np.frombuffer(before, np.uint8)
        line[:, 1 + len(before) : 18 + len(before)] = digits
    else:
        behind = f"e{power:+03d}".encode()
        line[:, 1] = digits[:, 0]
        line[:, 2] = np.where(digits[:, 1] > 0, ord("."), 0)
        line[:, 3:19] = digits[:, 1:]
        line[:, 19 : 19 + len(behind)] = np.frombuffer(behind, np.uint8)
    return line
