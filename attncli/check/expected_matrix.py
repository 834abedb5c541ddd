"""One expected matrix as it was given: its numbers, and what its text claims or the tolerance it is compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.dtype_texts import FLOAT32_DIGITS, are_float32, evidence_of
from attncli.check.precision import Claims
from attncli.matrix import Array
from attncli.records import record


@record
class Tolerance:
    """|expected − computed| ≤ absolute + relative·|computed|. `said` is its name in messages, if it has one."""

    relative: float
    absolute: float
    said: str = ""

    def of(self, computed: Array) -> Array:
        """Return what is allowed in each cell."""
        with np.errstate(invalid="ignore"):  # 0 times infinity is NaN
            allowed: Array = self.absolute + self.relative * np.abs(computed)
        return allowed

    def __str__(self) -> str:
        return self.said or f"rtol {self.relative:g}, atol {self.absolute:g}"


# torch.testing.assert_close
DEFAULTS = {
    "float16": Tolerance(1e-3, 1e-5),
    "bfloat16": Tolerance(1.6e-2, 1e-5),
    "float32": Tolerance(1.3e-6, 1e-5),
    "float64": Tolerance(1e-7, 1e-7),
}


@dataclass
class ExpectedMatrix:
    """One expected matrix, with what its text claims or the tolerance that it is compared by.

    `expected` is in float64 and in the public shape of its result. Without claims and tolerance, the bound is that of a
    plain computation in its dtype. If the tolerance is that of the dtype (`is_default`), numbers in float32 and in half
    precision may also be off by the error of a computation in it. `heads_last`: users have the result as
    (…, n, heads, d), and here it is (…, heads, n, d). `is_beside_float32`: the texts of all matrices together show that
    the numbers of the case were printed in float32. `says_float32`: the print says that its numbers, of which it may
    show few digits, are of float32. `is_of_float32`: so are those that Q, K and V are made of.
    """

    name: str
    expected: Array
    claims: Claims | None
    tolerance: Tolerance | None
    dtype: str
    texts: Sequence[str] | None = None
    order: Array | None = None  # the place of each cell among the texts, if it is not that in C order
    is_default: bool = False
    heads_last: bool = False
    stated: str | None = None  # the half precision that a print says its numbers are of
    is_beside_float32: bool = False
    says_float32: bool = False
    is_of_float32: bool = False
    narrow: tuple[str, ...] = ()  # half precisions whose numbers these are

    @property
    def is_plain_float32(self) -> bool:
        """Return whether these are float32 numbers of a binary file, which may also be off by the error of a plain
        computation: an angle of rotary positions has the rounding of a large number."""
        return self.is_default and self.dtype == "float32"

    @cached_property
    def is_float32(self) -> bool:
        """Return whether the texts are those of float32 numbers."""
        assert self.claims is not None
        return are_float32(self.expected, self.claims, is_known=self.shows_float32)

    @property
    def rounds_float32(self) -> bool:
        """Return whether the texts may be those of float32 numbers that were rounded for the print."""
        return self.says_float32 or self.is_of_float32

    @cached_property
    def shows_float32(self) -> bool:
        """Return whether the texts are long enough to rule out a coincidence, here or with those of other matrices."""
        assert self.claims is not None
        return self.is_beside_float32 or self.evidence_of_float32 >= FLOAT32_DIGITS

    @cached_property
    def evidence_of_float32(self) -> float:
        """Return in how many decimal digits the texts tell float32 numbers from others."""
        assert self.claims is not None
        return evidence_of(self.expected, self.claims, "float32")

    @cached_property
    def largest(self) -> float:
        """Return the size of the largest finite number."""
        blocks = (self.expected[where] for where in block_indices(self.expected.shape))
        return max(float(np.abs(block[np.isfinite(block)]).max(initial=0)) for block in blocks)
