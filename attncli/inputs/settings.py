"""The settings of a calculation: one record each, with which problem files, options and manifests are parsed.

A setting's `parse` converts its text to the value that a `Request` holds, or raises ValueFault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attncli.errors import UsageError, ValueFault
from attncli.numbers.decimal_commas import find_decimal_comma
from attncli.patterns import pattern
from attncli.records import record
from attncli.stages.normalizers import NORMALIZER_NAMES
from attncli.stages.row_transforms import PAIRING_NAMES, ROW_NORM_NAMES
from attncli.stages.slopes import USUAL
from attncli.systems import LAYOUTS
from attncli.systems import NAMES as SYSTEM_NAMES
from attncli.variants import DEFAULT, VARIANTS, WITH_LENGTH

DTYPES = ("float16", "bfloat16", "float32", "float64")
NOTHING = ("none", "null", "no", "off", "false", "na", "n/a")  # words for a setting that is not made
ENGINES = ("auto", "numpy", "numba")
PRINTED_LIST = pattern(
    r"(?:\w+\.)?(?:tensor|[aA]rray)\(\s*(\[[^\[\]]*\])[^\[\]]*\)"
)  # as NumPy, torch and JAX print it


@record
class Setting:
    """A setting: its `key` in a problem file, its `option` on the command line (with `short`), and its `form` for help.

    `field` is the field of a Request and the parameter of `attend`. It is the key unless that is a Python keyword.
    `in_files` is true if a problem file may have the setting, and `takes_list` if it may be a list there, whose text
    is `in_brackets` if it could be that of one value. `bare` is the meaning of the option without a value.
    """

    key: str
    parse: Callable[[str], Any]
    help: str
    form: str
    option: str
    short: str | None = None
    is_flag: bool = False
    choices: tuple[str, ...] = ()
    field: str = ""
    in_files: bool = True
    takes_list: bool = False
    in_brackets: bool = False
    bare: str | None = None

    @property
    def name(self) -> str:
        """Return the field of a Request that holds the value."""
        return self.field or self.key

    def join_list(self, parts: Iterable[str]) -> str:
        """Return the text of a list."""
        joined = ",".join(parts)
        return f"[{joined}]" if self.in_brackets else joined

    def value(self, text: str, where: str) -> Any:
        """Return the value of `text`.

        Raises UsageError at `where` if the text is not valid.
        """
        return parse_value(self.parse, text, where)


def parse_value(parse: Callable[[str], Any], text: str, where: str) -> Any:
    """Return the parsed text, with a ValueFault of `parse` raised as a UsageError at `where`."""
    try:
        return parse(text.strip())
    except ValueFault as error:
        raise UsageError(where, error.what, error.hint) from None


def make_choice(noun: str, choices: tuple[str, ...], cure: str | None = None) -> Callable[[str], str]:
    """Return a parser of one of the choices; `cure` is the hint for another word, by default the nearest choice."""

    def parse(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        from attncli.inputs.setting_words import suggest_value

        raise ValueFault(f"{text!r} is not {noun}", suggest_value(text, choices, cure))

    return parse


def read_number(text: str) -> float:
    from attncli.numbers.numerals import parse_number

    if text.lower() in NOTHING:
        raise ValueFault(f"{text!r} is not a number", "leave the setting out")
    value = parse_number(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueFault(f"{text!r} is not a finite number")
    return value


def read_positive(text: str) -> float:
    value = read_number(text)
    if value <= 0:
        raise ValueFault(f"{text} is not a number above 0")
    return value


def read_whole(text: str) -> int:
    text = text.replace("\N{MINUS SIGN}", "-")
    digits = text[1:] if text[:1] in ("+", "-") else text
    if text.lower() in NOTHING:
        raise ValueFault(f"{text!r} is not a whole number", "leave the setting out")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueFault(f"{text!r} is not a whole number")
    if len(digits) > 18:
        raise ValueFault(f"{text} is larger than any matrix")
    return int(text)


def read_count(text: str) -> int:
    count = read_whole(text)
    if count < 0:
        raise ValueFault(f"{text} is below 0")
    return count


def read_size(text: str) -> int:
    size = read_whole(text)
    if size < 1:
        raise ValueFault(f"{text} is below 1")
    return size


def read_share(text: str) -> float:
    share = read_number(text)
    if not 0 <= share < 1:
        raise ValueFault(f"{text} is not a number from 0 up to, but not including, 1")
    return share


def split_list(text: str) -> list[str]:
    """Return the items of a flat list: `1, 2`, `[1 2]`, `(1, 2)`, `tensor([1., 2.], device='cuda:0')`.

    Raises ValueFault for commas that could be decimal, or that stand beside items with only spaces between them.
    """
    printed = PRINTED_LIST.fullmatch(text)
    plain = (printed[1] if printed else text).strip("[]() ")
    if doubt := find_decimal_comma([plain.split(",")]):
        raise ValueFault(doubt.what, doubt.hint)
    if "," in plain and any(len(part.split()) > 1 for part in plain.split(",")):
        raise ValueFault(f"{plain!r} has commas and spaces between its items", "separate all of them by commas")
    return plain.replace(",", " ").split()


def read_numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(read_number, split_list(text))) or (read_number(text),)
    except ValueFault as fault:
        raise ValueFault(fault.what, fault.hint or "type the numbers, with commas between them: 0.5,0.25") from None


def read_slopes(text: str) -> tuple[float, ...] | str:
    return USUAL if text.lower() in (USUAL, "true") else read_numbers(text)


def read_truth(text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueFault(f"{text!r} is neither true nor false")


def read_window(text: str) -> tuple[int, int]:
    parts = split_list(text)
    if len(parts) != 2:
        raise ValueFault(f"{text!r} is not LEFT,RIGHT", "two whole numbers, as in 2,0; -1 is unbounded")
    left, right = read_whole(parts[0]), read_whole(parts[1])
    if left < -1 or right < -1:
        raise ValueFault(f"{text!r} goes below -1", "-1 is unbounded, 0 is the query's own position")
    return left, right


def read_heads(text: str) -> tuple[int, int]:
    parts = [part.strip() for part in text.strip("[]() ").replace(",", "/").split("/")]
    if len(parts) not in (1, 2) or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueFault(f"{text!r} is not H or H/KV", "as in 8, or 8/2 for 8 query heads and 2 key/value heads")
    query_heads, key_heads = read_whole(parts[0]), read_whole(parts[-1])
    if not query_heads or not key_heads:
        raise ValueFault(f"{text!r} has no head")
    if query_heads % key_heads:
        raise ValueFault(f"{query_heads} query heads are not a multiple of {key_heads} key/value heads")
    return query_heads, key_heads


def read_scale(text: str) -> str:
    from attncli.inputs.scale import parse_scale, split_scales

    for each in split_scales(text) or (text,):
        parse_scale(each)
    return text


VARIANT_NAMES = tuple(variant.name for variant in VARIANTS)
MEANINGS = ("keep", "drop")
CORNERS = ("top-left", "bottom-right")

SETTINGS = (
    Setting(
        "variant",
        make_choice("a variant", VARIANT_NAMES),
        f"{', '.join(VARIANT_NAMES)} (default {DEFAULT}); `attncli variants` explains them",
        "NAME",
        "--variant",
        short="-a",
        choices=VARIANT_NAMES,
    ),
    Setting(
        "scale",
        read_scale,
        "multiplies the raw scores: a number, or an expression of dk, n and m with sqrt and log, such as 1/dk",
        "EXPR",
        "--scale",
        takes_list=True,
        in_brackets=True,
    ),
    Setting("length_scale", read_positive, f"the length ℓ of {WITH_LENGTH} (default 1)", "NUMBER", "--length-scale"),
    Setting(
        "mask_means",
        make_choice("a meaning", MEANINGS),
        "whether 1 in the mask keeps a key (default) or drops it",
        "keep|drop",
        "--mask-means",
        choices=MEANINGS,
    ),
    Setting("causal", read_truth, "only keys at or before the query's position", "", "--causal", is_flag=True),
    Setting(
        "align",
        make_choice("a corner", CORNERS),
        "where positions start: top-left (default) or bottom-right, the last query at the last key",
        "CORNER",
        "--align",
        choices=CORNERS,
    ),
    Setting("query_offset", read_whole, "the position of query 0 among the keys", "N", "--query-offset"),
    Setting(
        "window",
        read_window,
        "only keys from L before to R after the query; -1 is unbounded",
        "L,R",
        "--window",
        takes_list=True,
    ),
    Setting("keep_first", read_count, "the window never hides the first N keys", "N", "--keep-first"),
    Setting(
        "prefix", read_count, "every query sees the first N keys, even with --causal and --window", "N", "--prefix"
    ),
    Setting("chunk", read_size, "only keys of the query's own chunk of N positions", "N", "--chunk"),
    Setting(
        "alibi",
        read_slopes,
        "add −slope·|p − j|: 'usual' for the usual slopes, or one slope, or one per head",
        "SLOPES",
        "--alibi",
        takes_list=True,
        bare=USUAL,
    ),
    Setting(
        "rope",
        make_choice("a pairing", PAIRING_NAMES),
        "rotary positions on Q and K: pairs (c, c + d/2) or (2c, 2c + 1)",
        "half|interleaved",
        "--rope",
        choices=PAIRING_NAMES,
    ),
    Setting("rope_base", read_positive, "the base of the rotary angles (default 10000)", "NUMBER", "--rope-base"),
    Setting("rope_dims", read_size, "rotate the first D columns only", "D", "--rope-dims"),
    Setting("rope_scale", read_positive, "divide positions by F before they are rotated", "F", "--rope-scale"),
    Setting(
        "qk_norm",
        make_choice("a norm", ROW_NORM_NAMES),
        "divide each row of Q and K by its length (l2) or its root mean square (rms)",
        "l2|rms",
        "--qk-norm",
        choices=ROW_NORM_NAMES,
    ),
    Setting("softcap", read_positive, "cap the scores: C·tanh(scores/C)", "C", "--softcap"),
    Setting(
        "softcap_after_bias", read_truth, "apply the softcap after the bias", "", "--softcap-after-bias", is_flag=True
    ),
    Setting(
        "sink",
        read_numbers,
        "a logit without a value, which is added to each row's softmax sum; one number, or one per query head",
        "S",
        "--sink",
        takes_list=True,
    ),
    Setting(
        "normalizer",
        make_choice("a normalizer", NORMALIZER_NAMES),
        f"turns scores into weights: {', '.join(NORMALIZER_NAMES)} (default softmax)",
        "NAME",
        "--normalizer",
        choices=NORMALIZER_NAMES,
    ),
    Setting("top_k", read_size, "only the K largest scores of a row take part", "K", "--top-k"),
    Setting("dropout", read_share, "multiply the weights by the dropout mask over 1 − P", "P", "--dropout"),
    Setting(
        "heads",
        read_heads,
        "split packed columns into H query heads and KV key/value heads",
        "H[/KV]",
        "--heads",
        takes_list=True,
    ),
    Setting(
        "layout",
        make_choice("a layout", LAYOUTS, "heads-first: (batch, heads, n, d); heads-last: (batch, n, heads, d)"),
        "order of three or more axes of Q, K and V: (…, heads, n, d), the default, or (…, n, heads, d)",
        "LAYOUT",
        "--layout",
        choices=LAYOUTS,
    ),
    Setting(
        "dtype",
        make_choice("a dtype", DTYPES),
        f"cast the inputs to it: {', '.join(DTYPES)}",
        "DTYPE",
        "--dtype",
        choices=DTYPES,
    ),
    Setting(
        "as",
        make_choice("a system", SYSTEM_NAMES),
        f"another system's conventions: {', '.join(SYSTEM_NAMES)}",
        "SYSTEM",
        "--as",
        choices=SYSTEM_NAMES,
        field="system",
    ),
    Setting(
        "allow_nonfinite",
        read_truth,
        "allow inf and NaN in Q, K and V",
        "",
        "--allow-nonfinite",
        is_flag=True,
        in_files=False,
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
BY_KEY = {setting.key: setting for setting in SETTINGS if setting.in_files}  # allowed in a problem file
