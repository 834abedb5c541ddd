"""Regular expressions that are compiled when they are first used.

A start of the program loads some fifty, of which a small problem uses six. To compile one takes a tenth of a
millisecond.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def pattern(form: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what `re.compile` returns, compiled when one of its attributes is first asked for."""
    return cast("re.Pattern[AnyStr]", _Pattern(form, flags))


class _Pattern:
    """A regular expression with the attributes of a compiled one."""

    def __init__(self, form: Any, flags: int) -> None:
        self._arguments = form, flags

    def __getattr__(self, name: str) -> Any:
        """Compile the expression, and keep the attribute, so that the next call finds it here."""
        found = getattr(re.compile(*self._arguments), name)
        setattr(self, name, found)
        return found
