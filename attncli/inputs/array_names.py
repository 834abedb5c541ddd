"""Recognizing the matrix of a problem by the name of an array, as people, papers and libraries write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attncli.inputs.request import EXPECTED_NAMES, MATRIX_NAMES
from attncli.patterns import pattern

ALIASES = {"queries": ("q", "query"), "keys": ("k", "key"), "values": ("v", "value")}
DUMPED = {  # names in the code of models, and in worked examples
    **{name: (f"{singular}_states", f"{singular}_layer") for name, (_, singular) in ALIASES.items()},
    "output": ("out", "o", "context_vector", "context_vectors", "context_vec", "context_vecs", "weighted_sum"),
    "weights": ("probs", "probabilities", "softmax_weights", "alpha", "alphas"),
    "raw_scores": ("unscaled_scores", "dot_products", "dot_product_scores", "qk_t", "qkᵀ"),
    "lse": ("softmax_lse", "logsumexp"),
}
SCALED, MASKED = "scaled", "masked"  # scores that say so, beside which others are those before that step
_STEPS_OF_SCORES = ("scores", "dot_products", "qk_t", "logits")
_OF_ATTENTION = {"matrix": "weights", "map": "weights", "distribution": "weights"}  # attention matrix
_OF_TEXTS = {
    "context": "output",
    "s": "scores",
    "p": "weights",
    "a": "weights",
    "z": "output",
    "y": "output",
    "result": "output",
    "results": "output",
}
_MARKS = pattern(r"[\s_^{}\\$-]")  # between the letters of W_q, W^Q, w-q and of LaTeX


def _by_letters(names: Iterable[str]) -> dict[str, str]:
    """Return each of the names by the letters of all that it is called."""
    called = {name: (name, *ALIASES.get(name, ()), *DUMPED.get(name, ())) for name in names}
    return {"".join(alias.split("_")): name for name in names for alias in called[name]}


_MATRICES, _RESULTS = _by_letters(MATRIX_NAMES), _by_letters(EXPECTED_NAMES)
_SCORES = frozenset(name.replace("_", "") for name in _STEPS_OF_SCORES)
_PLAIN_WORDS = pattern(r"(?:\b(?:the|matrix|matrices|vectors?|tensors?|arrays?)\b|[():\s])+", re.IGNORECASE)
_EXPECTED = pattern(r"expected[._\s]+(.+)", re.IGNORECASE)
_POLARITY = "call it mask, with mask_means: keep or drop; or bias, if it is added to the scores"
_PACKED = "in a problem file: qkv_order: blocks (all of Q, then K, then V), or heads (q, k and v of each head)"
PACKED = {  # names of one array for three
    "qkv": ("qkv",),
    "w_qkv": ("wqkv", "inprojweight", "cattn", "cattnweight"),
    "b_qkv": ("bqkv", "inprojbias", "cattnbias"),
}
IN_DOUBT = {  # names of a matrix that do not by themselves determine its numbers
    **dict.fromkeys(
        ("attnmask", "attentionmask", "keypaddingmask", "srcmask"),
        ("systems disagree on whether 1 means may attend or hidden", _POLARITY),
    ),
    **dict.fromkeys(
        tuple(letters for names in PACKED.values() for letters in names),
        ("queries, keys and values in one array, and the name does not say in which order", _PACKED),
    ),
}


def letters_of(name: str) -> str:
    """Return the letters of a name: `wq` for W_q, Wq and W^{Q}."""
    return _MARKS.sub("", name).lower()


def matrix_name(name: str) -> str | None:
    """Return the matrix of a problem that the name means, or None.

    Two names for one matrix, as in the headings `queries Q` that `run -f markdown` writes, mean that one, and words
    that only say that it is a matrix mean nothing: `Query matrix (Q)`.
    """
    if letters_of(name) in _RESULTS:  # context vector
        return None
    name = _PLAIN_WORDS.sub(" ", name).strip()
    found = {_MATRICES.get(letters_of(word)) for word in name.split(" ")} if name.count(" ") == 1 else set()
    return next(iter(found)) if len(found) == 1 and None not in found else _MATRICES.get(letters_of(name))


def expected_name(name: str) -> str | None:
    """Return the result that a name such as expected_output or expected.weights means, or None."""
    found = _EXPECTED.fullmatch(name)
    return _RESULTS.get(letters_of(found[1])) if found else None


def result_name(name: str) -> str | None:
    """Return the result that the name of a dumped array means, such as output for attn_output, or None."""
    return _result_of(letters_of(name), {}) or _result_of(letters_of(_PLAIN_WORDS.sub(" ", name)), {})


def result_of_text(name: str) -> str | None:
    """Return the result that a name in a text of results means, where a letter or a word says enough too, or None."""
    return result_name(name) or _result_of(letters_of(name), _OF_TEXTS)


def says_step(name: str) -> bool:
    """Return whether the name of scores says that they are scaled or masked, and thus not the raw ones."""
    return SCALED in letters_of(name) or MASKED in letters_of(name)


def _result_of(letters: str, also: Mapping[str, str]) -> str | None:
    letters = letters.removeprefix("final").removeprefix("self")
    raw = letters.removeprefix("raw").removeprefix("unscaled")
    if raw != letters and _without_attention(raw) in _SCORES:
        return "raw_scores"
    step = letters.replace(MASKED, "").replace(SCALED, "")
    if step != letters and (_without_attention(step) in _SCORES or also.get(step) == "scores"):
        return "scores"
    plain = _without_attention(letters)
    return _RESULTS.get(plain) or (_OF_ATTENTION.get(plain) if plain != letters else also.get(plain))


def _without_attention(letters: str) -> str:
    return letters.removeprefix("attention").removeprefix("attn")


def results_by_name(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names in a text by the result that each means.

    Scores beside scaled or masked ones are those before: the raw scores, or with a mask the scaled ones, which are none
    of the results and have the role "".
    """
    found: dict[str, list[str]] = {}
    for name in names:
        if role := expected_name(name) or result_of_text(name):
            found.setdefault(role, []).append(name)
    steps = found.get("scores", [])
    last = [name for name in steps if MASKED in letters_of(name)] or [
        name for name in steps if SCALED in letters_of(name)
    ]
    if len(steps) > 1 and len(last) == 1:
        found["scores"] = last
        for name in steps:
            if name not in last:
                is_raw = SCALED not in letters_of(name) and (SCALED in letters_of(last[0]) or len(steps) == 3)
                found.setdefault("raw_scores" if is_raw else "", []).append(name)
    return found


def doubt_about(name: str) -> tuple[str, str] | None:
    """Return why the name is ambiguous and what to do, or None if it is not."""
    return IN_DOUBT.get(letters_of(name))


def packed_name(name: str) -> str | None:
    """Return `qkv`, `w_qkv` or `b_qkv` if the name means one array for three, or None."""
    return next((packed for packed, names in PACKED.items() if letters_of(name) in names), None)
