"""How many examples a test of random ones tries: a part of them by default, all of them with --thorough."""

from __future__ import annotations

share = 3  # one example in so many; conftest makes it 1 for --thorough before test modules are imported


def examples(count: int) -> int:
    """Return the number of examples to try of `count`."""
    return -(-count // share)
