"""exp in a form that numba compiles to vector instructions, for float32 and float64.

exp(x) = 2^n · exp(r), n = round(x / ln 2). Adding 1.5·2^52 (1.5·2^23) rounds, and leaves n in the low bits, which are
shifted into the exponent, because a conversion to integer would not be vectorized. ln 2 is split into two parts, the
first with so few bits that n times it is exact. exp(r) = 1 + r + r²·q(r), where q interpolates at the Chebyshev nodes
of |r| ≤ ln 2 / 2: the error is 1.0e-8 (float32) or 1.7e-17 (float64), and about 0.7 ulp for the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from attncli.records import record

EXACT = {"contract"}  # a product and a sum may be rounded once, together, and nothing else may change


@record
class FloatLayout:
    """The constants of a floating type for the reduction.

    exp is 0 below `least` in the plain form. Below `floor` even the subnormal result is 0.
    """

    shifter: float
    log2_e: float
    ln2_high: float
    ln2_low: float
    least: float
    floor: float
    fraction_bits: int
    exponent_bias: int
    floating: type
    integer: type


FORMATS = {
    types.float32: FloatLayout(
        shifter=1.5 * 2**23,
        log2_e=1.4426950408889634,
        ln2_high=0.693145751953125,
        ln2_low=1.4286068203094173e-06,
        least=-87,
        floor=-104.5,
        fraction_bits=23,
        exponent_bias=127,
        floating=np.float32,
        integer=np.int32,
    ),
    types.float64: FloatLayout(
        shifter=1.5 * 2**52,
        log2_e=1.4426950408889634,
        ln2_high=0.6931471805598903,
        ln2_low=5.497923018708371e-14,
        least=-708,
        floor=-746,
        fraction_bits=52,
        exponent_bias=1023,
        floating=np.float64,
        integer=np.int64,
    ),
}
Implementation = Callable[..., Any]


def _recast(pairs: dict[Any, tuple[Any, ir.Type]]) -> Any:
    """Return a function for compiled code that reinterprets the bits of a number as another type of the same size."""

    @intrinsic
    def recast(_context: Any, value: Any) -> Any:
        to_type, to_ir = pairs[value]

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], to_ir)

        return to_type(value), generate

    return recast


bits_of = _recast({types.float32: (types.int32, ir.IntType(32)), types.float64: (types.int64, ir.IntType(64))})
float_of = _recast({types.int32: (types.float32, ir.FloatType()), types.int64: (types.float64, ir.DoubleType())})


def exponential(x: float) -> float:
    """Return exp(x) in compiled code, or 0 if the result is below the normal numbers."""
    raise NotImplementedError


def wide_exponential(x: float, error: float, least: float) -> float:
    """Return exp(x + error) in compiled code, for x ≤ 0 and the rounding error of x, or 0 for x below `least`, which is
    `floor` or above. Subnormal results and NaN are right."""
    raise NotImplementedError


def _polynomial(r: float) -> float:
    """Return exp(r) for |r| ≤ ln 2 / 2."""
    raise NotImplementedError


@overload(_polynomial, strict=False, jit_options={"fastmath": EXACT})
def _polynomial_of(r: Any) -> Implementation:
    if r == types.float32:
        one, c0, c1 = np.float32(1), np.float32(0.5), np.float32(0.16666576989698775)
        c2, c3, c4 = (np.float32(c) for c in (0.041666554617204574, 0.008363179052722578, 0.0013926183587713494))

        def low(r: float) -> float:
            return one + (r + (r * r) * ((((c4 * r + c3) * r + c2) * r + c1) * r + c0))

        return low

    def high(r: float) -> float:
        q = 2.510038549551032e-08
        q = q * r + 2.7620088445409746e-07
        q = q * r + 2.7557268459997064e-06
        q = q * r + 2.4801521295954376e-05
        q = q * r + 0.00019841269863053618
        q = q * r + 0.0013888888917213717
        q = q * r + 0.008333333333330062
        q = q * r + 0.04166666666662413
        q = q * r + 0.16666666666666669
        q = q * r + 0.5000000000000001
        return 1.0 + (r + (r * r) * q)

    return high


@overload(exponential, strict=False, jit_options={"fastmath": EXACT})
def _exponential_of(x: Any) -> Implementation:
    form = FORMATS[x]
    floating, integer = form.floating, form.integer
    shifter, log2_e = floating(form.shifter), floating(form.log2_e)
    ln2_high, ln2_low = floating(form.ln2_high), floating(form.ln2_low)
    least, zero, fraction_bits = floating(form.least), floating(0), integer(form.fraction_bits)

    def plain(x: float) -> float:
        rounded = x * log2_e + shifter
        n = rounded - shifter
        p = polynomial((x - n * ln2_high) - n * ln2_low)
        y = float_of(integer(bits_of(p) + integer(bits_of(rounded) << fraction_bits)))
        return y if x > least else zero

    return plain


@overload(wide_exponential, strict=False, jit_options={"fastmath": EXACT})
def _wide_exponential_of(x: Any, error: Any, least: Any) -> Implementation:
    del error, least
    form = FORMATS[x]
    floating, integer = form.floating, form.integer
    shifter, log2_e = floating(form.shifter), floating(form.log2_e)
    ln2_high, ln2_low = floating(form.ln2_high), floating(form.ln2_low)
    zero = floating(0)
    fraction_bits, bias = integer(form.fraction_bits), integer(form.exponent_bias)

    def wide(x: float, error: float, least: float) -> float:
        is_lost = x < least
        error = zero if is_lost else error  # far below, it is not tiny, or is NaN
        x = zero if is_lost else x  # a product that underflows takes a hundred times as long
        rounded = x * log2_e + shifter
        n = rounded - shifter
        p = polynomial(((x - n * ln2_high) - n * ln2_low) + error)
        power = integer(bits_of(rounded) - bits_of(shifter))
        # 2^n in two factors, so that a subnormal result is rounded only at the second
        half = integer(power >> integer(1))
        first = float_of(integer((half + bias) << fraction_bits))
        second = float_of(integer((power - half + bias) << fraction_bits))
        return zero if is_lost else (p * first) * second

    return wide


@njit(fastmath=EXACT)
def polynomial(r: float) -> float:
    """Return exp(r) for |r| ≤ ln 2 / 2."""
    return _polynomial(r)
