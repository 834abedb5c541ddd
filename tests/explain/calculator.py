"""Reads the lines of a worked solution back, in each format, and computes every side from its printed numbers."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np

BACK = r"mean of dP|d[qk], feature|d[qk] (?:before|along)|d[wb]_|d(?:x|context|values_context) |final output"
SIGNS = re.compile(r"\s*([=≈])\s*")
NAMES = {
    "exp": lambda x: math.exp(x),
    "tanh": lambda x: math.tanh(x),
    "sqrt": math.sqrt,
    "abs": abs,
    "array": np.array,
    "inf": math.inf,
    "nan": math.nan,
}


def equations_of_text(page: str) -> list[str]:
    """The lines with a sign of a page wide enough for each to stand on one."""
    lines = [
        line for line in page.split("\n") if re.match(rf"   (?:(?:query|key) \d|sum |output|{BACK}|key head|dq )", line)
    ]
    return [re.sub(r"  +[█#]+$", "", line).strip() for line in lines]


def equations_of_markdown(page: str) -> list[str]:
    """The middle cells of the tables of work."""
    page = re.sub(r"\n## The matrices\n.*?\n(?=#)", "\n", page, flags=re.DOTALL)
    rows = [re.split(r"(?<!\\)\|", line)[2] for line in page.split("\n") if line.startswith("| ")]
    return [html.unescape(re.sub(r"\\(.)", r"\1", row)).strip() for row in rows]


def equations_of_latex(page: str) -> list[str]:
    """What stands between the dollars of each \\work."""
    return [_from_latex(found) for found in re.findall(r"^\\work\{.*?\}\{\$(.*?)\$", page, re.MULTILINE)]


def _from_latex(text: str) -> str:
    for old, new in {
        r"\approx": "≈", r"\cdot": "*", r"\,": "", r"\allowbreak\ ": " ", r"\exp": "exp", r"\tanh": "tanh",
        r"\lvert": "abs(", r"\rvert": ")", r"\infty": "inf", r",\quad": " = ", r"\dots": "…", r"\lVert": "‖",
        r"\rVert": "‖",
    }.items():  # fmt: skip
        text = text.replace(old, new)
    text = re.sub(r"\\text\{ \([\d,]+ more\)\}", "", text)
    text = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", text)
    while (found := re.sub(r"\\sqrt\{((?:[^{}]|\{[^{}]*\})*)\}", r"sqrt(\1)", text)) != text:
        text = found
    return re.sub(r"\{([^{}]*)\}\^2", r"(\1)**2", text)


def equations_of_html(page: str) -> list[str]:
    """The <math> pieces of each row of the tables of work."""
    found = []
    for table in re.findall(r'<table class="work">.*?</table>', page, re.DOTALL):
        for row in re.findall(r"<td>(.*?)</td>", table, re.DOTALL):
            pieces = re.findall(r"<math>(.*?)</math>", row, re.DOTALL)
            found.append("".join(_from_mathml(ElementTree.fromstring(f"<math>{piece}</math>")) for piece in pieces))
    return found


def _from_mathml(node: ElementTree.Element) -> str:
    parts = [_from_mathml(child) for child in node]
    if node.tag == "msup":
        return f"e{parts[1]}" if parts[0] == "10" else f"({parts[0]})**{parts[1]}"
    if node.tag == "msqrt":
        return f"sqrt({''.join(parts)})"
    text = "".join(parts) or node.text or ""
    return {"×": "", "∞": "inf"}.get(text, "" if " more)" in text else text)


READERS: dict[str, Callable[[str], list[str]]] = {
    "text": equations_of_text,
    "markdown": equations_of_markdown,
    "latex": equations_of_latex,
    "html": equations_of_html,
}


def computed(side: str) -> np.ndarray:
    """What a side comes to, (cells,)."""
    text = re.sub(r"\([\d,]+ more\)", "", side)
    text = re.sub(r"\s{2,}(masked|of|the|its).*", "", text).replace("exp(−∞)", "0").replace("exp(-inf)", "0")
    for old, new in {"−": "-", "·": "*", "²": "**2", "^2": "**2", "∞": "inf", "…,": "", "...,": ""}.items():
        text = text.replace(old, new)
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    text = re.sub(r"√(\d+(?:\.\d+)?(?:e-?\d+)?)", r"sqrt(\1)", text).replace("√", "sqrt")
    text = re.sub(r"\[([^\]]*)\]", r"array([\1])", text)
    with np.errstate(all="ignore"):
        return np.atleast_1d(np.asarray(eval(text.strip(), {}, NAMES), np.float64))


def units_of(side: str, digits: int) -> np.ndarray:
    """A 1 in the last digit of each printed number of a side, of an exact one in the last decimal of the page."""
    found = []
    plain = re.sub(r"\([\d,]+ more\)", "", side).replace("−", "-")
    for mantissa, exponent in re.findall(r"(\d+(?:\.\d+)?)(?:e([+-]?\d+))?", plain):
        decimals = len(mantissa.partition(".")[2])
        found.append(10.0 ** (int(exponent) - decimals) if exponent else 10.0 ** -max(decimals, digits))
    return np.array(found)


def check(equation: str, digits: int) -> int:
    """Assert that each side comes to the last, but for a unit of its last digit; how many sides there were."""
    sides = SIGNS.split(equation.replace("~", "≈"))
    signs, sides = sides[1::2], sides[::2]
    if re.search(r"[qkv]\W*$", sides[0].strip()):  # ‖q‖ = …, and what is given
        if "‖" not in sides[0] and "||" not in sides[0]:
            return 0
        signs, sides = signs[1:], sides[1:]
    last = computed(sides[-1])
    for side, sign in zip(sides, signs, strict=False):
        found = computed(side)
        with np.errstate(invalid="ignore"):
            apart = np.where(np.isfinite(last), np.abs(found - last), 0.0)
        terms = [float(text) for text in re.findall(r"(?<![\d.e])\d+(?:\.\d+)?(?:e[+-]?\d+)?", side)]
        slack = 1e-12 * np.maximum(np.abs(last), 1e-300) + 1e-15 * max(terms, default=0.0)  # what a float64 leaves
        allowed = slack if sign == "=" and len(sides) == 2 else units_of(sides[-1], digits) * (1 + 1e-9) + slack
        assert (apart <= allowed).all(), f"{side} {sign} {sides[-1]}: {equation}"
    return len(signs)
