"""attncli: an attention calculator for the command line and for Python.

from attncli import attend

attend(queries, keys, values).output
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attncli.version import __version__

if TYPE_CHECKING:
    from attncli.api import assert_attention as assert_attention
    from attncli.api import attend as attend
    from attncli.errors import AttncliError as AttncliError

__all__ = ["AttncliError", "__version__", "assert_attention", "attend"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    # attend needs numpy, for which `attncli --version` must not wait
    if name == "attend":
        from attncli.api import attend

        return attend
    if name == "assert_attention":
        from attncli.api import assert_attention

        return assert_attention
    if name == "AttncliError":
        from attncli.errors import AttncliError

        return AttncliError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
