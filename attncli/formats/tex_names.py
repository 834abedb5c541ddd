"""Names before a LaTeX matrix, and the names that mean a changed matrix."""

from __future__ import annotations

import re

NAME = re.compile(r"((?:[A-Za-z](?:[A-Za-z0-9_^{}'*() -]|\\[A-Za-z]+(?![A-Za-z])|\\_){0,80}?))\s*(?:&\s*)?:?=\s*&?")
LABEL = re.compile(  # `Q:` or `**Query matrix:**`
    r"(?:\*\*|__)?([A-Za-z]\w*(?: [A-Za-z]+){0,2})\s*(?:\*\*:|__:|:\*\*|:__|:)\s*(?=[$\\]|\Z)"
)  # in words, above a matrix or its formula
NAME_HINT = "give the matrix itself a name, as in K = …: nothing is transposed, inverted or multiplied here"
_PRIME = re.compile(r"'|\^\s*\{?\s*\\prime")
_OPERATIONS = re.compile(
    r"\s*(?:[T*tH+]|trans(?:pose)?|-\s*[0-9A-Za-z]+|\+?\s*(?:[2-9]|[1-9][0-9]+)"
    r"|-?\s*\\(?:top|intercal|dagger|dag|ast|star|prime)(?![A-Za-z])|-?\s*\\math(?:sf|rm|bf|tt)\s*\{?\s*T\s*\}?)\s*"
)
_SUPERSCRIPT = re.compile(r"\^\s*(?:\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|(\\[A-Za-z]+|.))")
_SCRIPTS = r"(?:\s*[_^]\s*(?:\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z0-9]))*"
_PRODUCT = re.compile(rf"(?:[QKVWX]{_SCRIPTS}\s*){{2,}}|(?:[A-Za-z]{_SCRIPTS}\s*[ -]\s*)+[A-Za-z]{_SCRIPTS}\s*")


def plain_name(text: str) -> str:
    """Return `W^{Q}` as `W^Q`, without braces and spaces."""
    return re.sub(r"[{}\s]", "", text.replace("\\_", "_"))


def is_changed(text: str) -> bool:
    """Return whether the name means a transpose, a power, an inverse or a product: `K^T`, `K'`, `QK`."""
    scripts = (found[1] if found[1] is not None else found[2] for found in _SUPERSCRIPT.finditer(text))
    return (
        bool(_PRIME.search(text))
        or any(_OPERATIONS.fullmatch(script) for script in scripts)
        or bool(_PRODUCT.fullmatch(text))
        or "\\" in re.sub(_SCRIPTS, "", text.replace("\\_", ""))
    )
