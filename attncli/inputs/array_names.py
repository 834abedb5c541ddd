"""Recognizing the matrix of a problem by the name of an array, as people, papers and libraries write it."""

from __future__ import annotations

import re

from attncli.inputs.request import EXPECTED_NAMES, MATRIX_NAMES

ALIASES = {"queries": ("q", "query"), "keys": ("k", "key"), "values": ("v", "value")}
_MARKS = re.compile(r"[\s_^{}\\$-]")  # between the letters of W_q, W^Q, w-q and of LaTeX
_MATRICES = {"".join(alias.split("_")): name for name in MATRIX_NAMES for alias in (name, *ALIASES.get(name, ()))}
_RESULTS = {"".join(name.split("_")): name for name in EXPECTED_NAMES}
_EXPECTED = re.compile(r"expected[._\s]+(.+)", re.IGNORECASE)
_POLARITY = "call it mask, with mask_means: keep or drop; or bias, if it is added to the scores"
_PACKED = "split it first: numpy.split(array, 3, axis=-1), if Q, K and V are side by side"
IN_DOUBT = {  # names of a matrix that do not by themselves determine its numbers
    **dict.fromkeys(
        ("attnmask", "attentionmask", "keypaddingmask", "srcmask"),
        ("systems disagree whether 1 may attend there, or is hidden", _POLARITY),
    ),
    **dict.fromkeys(
        ("qkv", "wqkv", "bqkv", "inprojweight", "inprojbias", "cattn", "cattnweight"),
        ("queries, keys and values in one array, in an order that its name does not show", _PACKED),
    ),
}


def letters_of(name: str) -> str:
    """Return the letters of a name: `wq` for W_q, Wq and W^{Q}."""
    return _MARKS.sub("", name).lower()


def matrix_name(name: str) -> str | None:
    """Return the matrix of a problem that the name means, or None."""
    return _MATRICES.get(letters_of(name))


def expected_name(name: str) -> str | None:
    """Return the result that a name such as expected_output or expected.weights means, or None."""
    found = _EXPECTED.fullmatch(name)
    return _RESULTS.get(letters_of(found[1])) if found else None


def doubt_about(name: str) -> tuple[str, str] | None:
    """Return why the name is ambiguous and what to do, or None if it is not."""
    return IN_DOUBT.get(letters_of(name))
