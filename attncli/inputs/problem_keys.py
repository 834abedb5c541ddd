"""The keys of a problem file, and what to do about an unknown one."""

from __future__ import annotations

from attncli.errors import nearest
from attncli.inputs.array_names import ALIASES, matrix_name
from attncli.inputs.request import MATRIX_NAMES
from attncli.inputs.setting_words import key_meant, suggest_value
from attncli.inputs.settings import BY_KEY

OTHER_KEYS = (*BY_KEY, "labels", "expected", "digits", "title", "source", "w_layout", "qkv_order")
KEYS = (*(key for name in MATRIX_NAMES for key in (name, *ALIASES.get(name, ()))), *OTHER_KEYS)
KINDS_OF_KEYS = "keys are queries, keys, values, labels, expected, and the options of attncli help calculation"


def is_key(key: str) -> bool:
    """Return whether a problem file may have the key."""
    return key in OTHER_KEYS or matrix_name(key) is not None


def suggest_key(key: str, choices: tuple[str, ...] = KEYS) -> str:
    """Return the hint for a key that is not one of the choices. Those of a problem are too many to list."""
    if choices == KEYS and (meant := key_meant(key)):
        return ": ".join(meant) if meant[1] else f"did you mean {meant[0]!r}?"
    return KINDS_OF_KEYS if choices == KEYS and nearest(key, KEYS) is None else suggest_value(key, choices)
