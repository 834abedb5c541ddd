"""Words after an option that are meant as its value, although the parser takes them for sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from attncli.cli.guesses import is_source
from attncli.errors import UsageError

TRUTHS = ("true", "false", "yes", "no", "on", "off")
REPEATABLE = "--query"
Pair = tuple[str, str | None]  # an option with its value, or "" with a source


def pair_words(words: Sequence[str], options: Mapping[str, tuple[str, bool]]) -> list[Pair]:
    """Return each option with its value, or None for a flag, and each source after the option "".

    `options` has the long name of each spelling of an option, and whether it takes a value.
    """
    pairs: list[Pair] = []
    left = iter(words)
    for word in left:
        if word == "--":
            return [*pairs, *(("", source) for source in left)]
        pairs += _pairs_of(word, left, options)
    return pairs


def _pairs_of(word: str, left: Iterator[str], options: Mapping[str, tuple[str, bool]]) -> list[Pair]:
    spelled, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:3], word[2:])
    if spelled not in options or spelled in ("", "-"):
        return [("", word)]
    name, takes_value = options[spelled]
    if takes_value:
        return [(name, value if equals else next(left, None))]
    return [(name, None), *(_pairs_of(f"-{value}", left, options) if value and word[:2] != "--" else [])]


def names_of_lists() -> dict[str, tuple[str, ...]]:
    """Return the names that each option takes as a list between commas."""
    from attncli.inputs.request import FACT_NAMES, GRADIENT_NAMES, INPUT_NAMES, RESULT_NAMES
    from attncli.systems import NAMES as SYSTEMS
    from attncli.variants import BY_NAME

    return {
        "--variants": tuple(BY_NAME),
        "--systems": ("all", *SYSTEMS),
        "--show": ("all", *INPUT_NAMES, *RESULT_NAMES, *GRADIENT_NAMES, *FACT_NAMES),
        "--save": RESULT_NAMES,
    }


def once_hint(command: str, option: str, values: Sequence[str]) -> str:
    """Return the hint for an option that is given several times: a list, if it or its sibling takes one."""
    joined = ",".join(value.strip() for value in values)
    if option in names_of_lists():
        return f"{option} {joined}"
    if (command, option) == ("compare", "--variant"):
        return f"--variants {joined}"
    return "give it once"


def refuse_stray(command: str, pairs: Sequence[Pair]) -> None:
    """Raise UsageError for a word after an option that is meant as a value of it: a second name of a list, true
    after a flag, a second query. A file of that name is a source."""
    sources = [value for option, value in pairs if not option]
    for index, ((option, value), (behind, word)) in enumerate(pairwise(pairs)):
        if not option or behind or word is None:
            continue
        name = word.strip().strip(",").lower()
        if value is None and name in TRUTHS and not is_source(word):
            cure = f"leave out {word!r}" if name in TRUTHS[::2] else f"leave out {option} {word}"
            raise UsageError(f"attncli {command}", f"{option} takes no value, and {word!r} follows it", cure)
        if value is None:
            continue
        rest = _words_after(pairs, index)
        choices = {each.replace("-", "_") for each in names_of_lists().get(option, ())}
        if name.replace("-", "_") in choices and not is_source(word):
            names = ",".join(each.strip().strip(",") for each in (value, *rest))
            what = f"{option} takes one word, and {word!r} follows it"
            raise UsageError(f"attncli {command}", what, f"{option} {names}")
        is_number = name.isdecimal() and not all(source is not None and _is_number(source) for source in sources)
        if option == REPEATABLE and sources[0] is not word and (is_number or not is_source(word)):
            what = f"{option} takes one query, and {word!r} follows it"
            raise UsageError(f"attncli {command}", what, " ".join(f"{option} {each}" for each in (value, *rest)))


def _words_after(pairs: Sequence[Pair], index: int) -> list[str]:
    """Return the words between the option at `index` and the next option that are no files."""
    found = []
    for option, word in pairs[index + 1 :]:
        if option or word is None or (is_source(word) and not _is_number(word)):
            break
        found.append(word)
    return found


def _is_number(word: str) -> bool:
    return word.strip().lstrip("-").replace(".", "", 1).isdecimal()
