"""Refused forms of numbers and of missing values, as other languages, spreadsheets and programs write them.

Nothing is parsed here. `doubt` reports whether a cell that is not a number may have been meant as one, so that it is
not taken for a label, and how to type it.
"""

from __future__ import annotations

import re
import unicodedata

from attncli.numbers.units import CURRENCIES, MAGNITUDES, SUFFIXES, is_unit, words
from attncli.patterns import pattern
from attncli.records import record

NUMBER, MISSING, INFINITE, HIDDEN = "a number", "a missing number", "infinity", "an invisible character"

_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words and emoji, and are invisible only beside ASCII
_INVISIBLE = pattern(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
    f"|(?<![^\x00-\x7f])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f])"
)
_LONGEST = 200  # characters: longer text counts as a number only by its digits
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d\u207b\u208b\u30fc\u00af"
_TO_ASCII = str.maketrans(
    dict.fromkeys(_DASHES, "-")
    | dict.fromkeys("’‘ʼ′´`＇", "'")
    | dict.fromkeys("×·⋅✕", "*")
    | {"٫": ".", "٬": ",", "\u2044": "/", "\u2215": "/"}
)
_MINUS = str.maketrans(dict.fromkeys(_DASHES, "-"))
_BRACKETS = "()[]{}<>\"' "

_MISSING = words("""
    na n/a n.a n.a. n/a. nan null none nil undefined undef missing nodata no-data na_real_ na_integer_ na_character_
    dbnull system.dbnull pd.na np.nan numpy.nan math.nan jnp.nan torch.nan float(nan float('nan nat \\n #n/a #na #n/d
    #nv #n/b #н/д н/д nd. n/d n.d. k.a. b.d. s/d s.d. n/v n.v. qnan snan indeterminate nan(ind nan(snan
""") | {"no data", "not available", "k. a.", "not applicable"}
_EXCEL_ERROR = pattern(r"#[^\W\d_][/\w]*[!?]|#DIV/0!?")
_NAN = pattern(r"[+-]?(?:1\.#)?[qs]?nan(?:\d\d|\(.*\)?|\d*q|s|q)?|[+-]?1\.#(?:ind|qnan|snan)\d*", re.IGNORECASE)
_INFINITE = pattern(
    r"[+-]?(?:∞|\$?\\?infty\$?|\\inf|inf\.|inf(?:inity)?(?:16|32|64|f|d)|infinit[yeo]|(?:np|numpy|math|jnp|torch)\.inf"
    r"|float\(['\"]?[+-]?inf(?:inity)?['\"]?\)?|complexinfinity|1\.#inf\d*|unendlich|infini)|[+-]oo",
    re.IGNORECASE,
)
_WITH_SIGNS = pattern(r"([+-]?\.?(?:inf(?:inity)?|nan))\s*(?:[^\w\s]+|#.*)", re.IGNORECASE)  # or a comment after it
# these also occur as words in sentences, so they are refused only if no word stands beside them
_FAINT = words(". .. ... … ? ?? : ~ _ __ * ** *** # ## ### #### ##### ###### + / '' \" ″ ⋅ · • ∅")
_FAINT_WORDS = words("Na nothing unknown empty blank void tbd tba nd nv nul unset 無 无 нет なし 欠測 欠損 缺失")

_BASED = pattern(r"[+-]?(?:0[xXoObB][0-9A-Fa-f_.pP+-]+|&[hHoO][0-9A-Fa-f]+|[0-9][0-9A-Fa-f]*[hH])")
_LOOK_ALIKE = pattern(r"[+-]?[0-9OoIl]*[.,][0-9OoIl]+")
_LETTERS = pattern(r"[^\W\d_]+")
_TEN_TO_THE = pattern(r" ?[*xX] ?10 ?(?:\^|\*\*)? ?(?=[+({-]?[0-9])| ?\*\^")
_WORDED = pattern(
    r"(?P<lead>[^\w.,]*)(?P<before>(?:[^\W\d_]+\.?)?)(?P<symbol>[^\w.,]*)"
    r"(?P<core>(?:[0-9]|[.,](?=[0-9]))[0-9.,' ]*(?:_[0-9]+)*)(?P<after>.*)",
    re.DOTALL,
)
_TAIL_OF_FRACTION = pattern(r"[\s#_°/]*[^\W\d_]+[\s.²³)\]}\"'*]*")
_EXPONENT = pattern(r"[eEdDqQfFsSlL] ?\(?([+-]?[0-9]+)\)?")
_TYPED = pattern(r"_?[fiu](?:8|16|32|64)|_?[a-z]{2}")  # Rust's and Fortran's types
_UNIT = pattern(r"_?[^\W\d_]*\.?|[°'\"]C?|[^\w]", re.IGNORECASE)
_FACTORS = frozenset((*"eEijIkKMGBThπ!‰%*/^:)#", "im", "pi"))
_PLAIN = pattern(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?")
_VULGAR = pattern(r"([+-]?)([0-9]*) ?([\u00bc-\u00be\u2150-\u215e])")  # ½ and 1½
_DIVIDED = pattern(r"([+-]?[0-9.]+) ?[\u00f7\u2044\u2215/] ?([0-9.]+)")
_DECIMAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_SEVERAL = pattern(rf"(?:{_DECIMAL} )+{_DECIMAL}")
_GROUPS = pattern(r"[0-9]{1,3}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")


@record
class Doubt:
    """What a cell may be meant as, and `cure`, the way to type that ("" if unknown). `is_faint` if it may be a word as
    well."""

    kind: str
    cure: str = ""
    is_faint: bool = False

    @property
    def hint(self) -> str:
        """Return what to type for the likely meaning of the cell."""
        if self.kind == MISSING:
            return "type nan for a missing number"
        if self.kind == HIDDEN:
            return f"type {self.cure}" if self.cure else "delete that character"
        return f"type {self.cure}" if self.cure else "type a plain number, as in -1234.5"


def doubt(cell: str) -> Doubt | None:
    """Return what a cell that is not a number here could mean, or None if it is just a word."""
    if cell.isascii() and cell.isalpha():
        return _doubt_of_word(cell)
    if (hidden := invisible(cell)) is not None:
        rest = cell.replace(hidden, "")
        return Doubt(HIDDEN, _cure(_as_ascii(rest)) or (rest if _PLAIN.fullmatch(rest) else ""))
    if len(cell) > _LONGEST:
        is_word = any(map(str.isalpha, cell)) and not _PLAIN.fullmatch(cell.lstrip("+-").lower())
        return None if is_word else Doubt(NUMBER)
    plain = _as_ascii(cell)
    if (found := _doubt_of_word(plain)) is not None:
        return found
    if _INFINITE.fullmatch(plain.strip("()[] ")):
        return Doubt(INFINITE, "-inf" if "-" in plain else "inf")
    if _NAN.fullmatch(plain.rstrip(".")):
        return Doubt(MISSING, "nan")
    if with_signs := _WITH_SIGNS.fullmatch(plain):
        return Doubt(MISSING if "nan" in with_signs[1].lower() else INFINITE, with_signs[1])
    if cell in _FAINT:
        return Doubt(MISSING, is_faint=True)
    if not any(unicodedata.category(character) in ("Nd", "No") for character in cell):
        return None
    return _doubt_of_digits(cell, plain)


def invisible(text: str) -> str | None:
    """Return the first invisible character, or None. It makes two cells that look alike differ."""
    found = None if text.isascii() and text.isprintable() else _INVISIBLE.search(text)
    return found[0] if found else None


def _as_ascii(cell: str) -> str:
    """Return the cell with ASCII digits, minus signs, points and spaces in place of those of other scripts."""
    plain = unicodedata.normalize("NFKC", cell.translate(_TO_ASCII))
    if plain.isascii():
        return plain.strip()
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else " " if character.isspace() else character
        for character in plain
    ).strip()


def _doubt_of_word(plain: str) -> Doubt | None:
    bare = plain.strip(_BRACKETS)
    folded = bare.casefold()
    if bare == "Na" or bare in _FAINT_WORDS or (folded in _FAINT_WORDS and bare.isascii()):
        return Doubt(MISSING, "nan", is_faint=True)
    if folded.lstrip("+-") in _MISSING and bare not in ("nat", "Nat"):
        return Doubt(MISSING, "nan")
    if (bare.isupper() and _EXCEL_ERROR.fullmatch(bare)) or ("-" in bare and set(bare) <= {"-", " "}):
        return Doubt(MISSING, "nan")
    if bare.isalpha() and _INFINITE.fullmatch(bare):
        return Doubt(INFINITE, "inf")
    return None


def _doubt_of_digits(cell: str, plain: str) -> Doubt | None:
    """Check digits, with or without a unit, currency or suffix that makes them a number in some language."""
    if fraction := _fraction(cell):
        return Doubt(NUMBER, fraction)
    if not _LETTERS.search(plain):
        cure = _cure(plain) if _has_plain_digits(cell) else ""
        if not cure and not cell.isascii() and _SEVERAL.fullmatch(plain):  # a no-break space stands between them
            cure = f"{plain}, with plain spaces between its numbers"
        return Doubt(NUMBER, cure)
    if _BASED.fullmatch(plain) or _LOOK_ALIKE.fullmatch(plain):
        return Doubt(NUMBER)
    worded = _WORDED.fullmatch(_TEN_TO_THE.sub("e", plain))
    if worded is None or not _is_currency(worded["before"], worded["symbol"]):
        return None
    core, after = worded["core"].strip(), worded["after"]
    is_fraction = any(mark in core.rstrip(".,") for mark in ".,")
    tails = _LETTERS.findall(after)
    if (is_fraction and _TAIL_OF_FRACTION.fullmatch(after)) or all(_is_tail(tail) for tail in tails):
        return Doubt(NUMBER, _cure(plain) if _has_plain_digits(cell) else "")
    return None


def _fraction(cell: str) -> str:
    """Return a fraction such as ½, 1½ or 1⁄2 as it is typed here, or ""."""
    plain = cell.translate(_MINUS)
    if found := _VULGAR.fullmatch(plain):
        above, _, below = unicodedata.normalize("NFKC", found[3]).partition("\u2044")
        return f"{found[1]}{int(found[2] or 0) * int(below) + int(above)}/{below}" if below else ""
    found = _DIVIDED.fullmatch(plain)
    return f"{found[1]}/{found[2]}" if found else ""


def _has_plain_digits(cell: str) -> bool:
    """Return whether every digit stands on the line: 10² is not 102."""
    return not any(unicodedata.category(character) == "No" for character in cell)


def _is_currency(before: str, symbol: str) -> bool:
    """Return whether the text before the digits is empty or a currency: `US$`, `EUR`, `Fr.`."""
    if not before or before in CURRENCIES:
        return True
    return before.isupper() and len(before) <= 3 and unicodedata.category(symbol[:1] or " ") == "Sc"


def _is_tail(tail: str) -> bool:
    folded = tail.casefold()
    return tail in SUFFIXES or tail in CURRENCIES or folded in MAGNITUDES or is_unit(tail)


def _cure(plain: str) -> str:
    """Return the number as it is typed here, without its unit, or "" if that is not obvious."""
    worded = _WORDED.fullmatch(_TEN_TO_THE.sub("e", plain.strip(" \"'=")))
    if worded is None:
        return ""
    signs = [sign for sign in worded["lead"] + worded["symbol"] if unicodedata.category(sign) != "Sc" and sign != " "]
    after = worded["after"].strip()
    if signs[:1] == ["("] and after.endswith(")"):
        signs, after = ["-", *signs[1:]], after[:-1].strip()
    if after.endswith("-"):
        signs, after = ["-", *signs], after[:-1].strip()
    exponent = _EXPONENT.match(after)
    rest = after[exponent.end() :] if exponent and not _TYPED.fullmatch(after) else after
    power = int(exponent[1]) if exponent and rest != after and len(exponent[1]) < 9 else 0
    if rest == "%":
        rest, power = "", power - 2
    if signs not in ([], ["-"], ["+"]) or not (_TYPED.fullmatch(rest) or _UNIT.fullmatch(rest)) or _changes(rest):
        return ""
    typed = [
        f"{'-' if signs == ['-'] else ''}{number}{f'e{power}' if power else ''}"
        for number in _ungrouped(worded["core"])
    ]
    return " or ".join(typed)


def _changes(unit: str) -> bool:
    """Return whether leaving the letters out would change the number: thousands, i, π."""
    return unit in _FACTORS or any(tail.casefold() in MAGNITUDES for tail in _LETTERS.findall(unit))


def _ungrouped(core: str) -> list[str]:
    """Return the number, or the two numbers, that digits in groups can mean."""
    core = core.replace("_", "").strip(" '").removesuffix(",")
    marks = [mark for mark in core if mark in ".,"]
    last = marks[-1] if marks else ""
    if last and (len(set(marks)) == 2 or any(space in core for space in "' ")):  # groups, then a decimal mark
        whole, _, part = core.rpartition(last)
        whole_ok = _GROUPS.fullmatch(whole) and marks.count(last) == 1
        return [f"{re.sub('[^0-9]', '', whole)}.{part}"] if whole_ok and part.isdigit() else []
    if _GROUPS.fullmatch(core):
        whole = re.sub("[^0-9]", "", core)
        return [whole, core.replace(",", ".")] if marks == [","] else [core] if marks == ["."] else [whole]
    plain = core.replace(",", ".")
    return [plain] if _PLAIN.fullmatch(plain) else []
