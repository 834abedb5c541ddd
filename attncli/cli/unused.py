"""Options that a command takes but could not use as they stand beside the others: refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attncli.errors import UsageError
from attncli.records import record

Given = Mapping[str, Any]  # the options that stand on the command line, by their long names, and "" for the arguments

PROGRAMS = ("csv", "tsv", "long", "json", "yaml")  # formats in full precision, for programs
DOCUMENTS = (*PROGRAMS, "markdown", "latex", "html", "xlsx")
WRITTEN = ("--output", "--weights", "--scores", "--lse", "--grads", "--plot")


@record
class Rule:
    """`option` of these `commands` is refused where `is_unused`; `what` and `hint` may name the {format}."""

    commands: tuple[str, ...]
    option: str
    is_unused: Callable[[Given], bool]
    what: str
    hint: str


def _is_always(_given: Given) -> bool:
    return True


def _for_programs(given: Given) -> bool:
    return _format(given) in PROGRAMS


def _for_documents(given: Given) -> bool:
    return _format(given) in DOCUMENTS


def _has_tolerance(given: Given) -> bool:
    return "--rtol" in given or "--atol" in given


def _is_drawn_beside_document(given: Given) -> bool:
    return given["--plot"].strip() == "-" and _for_documents(given)


def _is_shown_nowhere(given: Given) -> bool:
    """Return whether no gradient is asked for. JSON and YAML tell the shapes of all."""
    if "--grads" in given or _format(given) in ("json", "yaml"):
        return False
    shown = given.get("--show", "all" if _format(given) not in ("csv", "tsv", "long") else "output")
    return not any(
        name.strip().lower().replace("-", "_").startswith(("d_", "all", "grad")) for name in shown.split(",")
    )


def _needs_no_format(given: Given) -> bool:
    """Return whether every source is a file whose suffix says its format."""
    from attncli.files import exists
    from attncli.formats import by_suffix, split_suffix

    words = [word for value in given.values() for word in (value if isinstance(value, (list, tuple)) else [value])]
    texts = [word.strip() for word in words if isinstance(word, str)]
    return not any(text == "-" or (exists(text) and by_suffix(split_suffix(text)[1]) is None) for text in texts)


ANSWERING = ("run", "demo")
LEFT_OUT = "leave it out"
NO_COLOUR = "{format} is a document, which holds its text as it is"
RULES = (
    Rule(("demo",), "--yaml", lambda given: len(given) > 1, "prints the file as it is", "leave out the other options"),
    Rule(
        ANSWERING,
        "--quiet",
        lambda given: not any(option in given for option in WRITTEN),
        "nothing is printed, and no file is written",
        "-o FILE; or leave out --quiet",
    ),
    Rule(("explain",), "--quiet", lambda given: "--output" not in given, "nothing would be printed", "-o FILE"),
    Rule(("compare",), "--quiet", lambda given: "--plot" not in given, "nothing would be printed", "--plot FILE"),
    Rule(
        (*ANSWERING, "compare"),
        "--digits",
        _for_programs,
        "{format} holds every digit of its numbers",
        "-f table, markdown or latex; or leave it out",
    ),
    Rule(("explain", *ANSWERING, "compare", "check", "variants"), "--ascii", _for_documents, NO_COLOUR, LEFT_OUT),
    Rule(
        (*ANSWERING, "compare"),
        "--plot",
        _is_drawn_beside_document,
        "- draws on standard output, where {format} goes",
        "--plot FILE.png; or leave out --format",
    ),
    Rule(("check", "play"), "--engine", _is_always, "numbers are computed in float64 by one engine", LEFT_OUT),
    Rule(
        ("compare", "play"),
        "--grad",
        _is_always,
        "no gradients are shown here",
        "run --grad, or explain --backward",
    ),
    Rule(
        ("explain",),
        "--grad",
        lambda given: "--backward" not in given,
        "nothing is worked out from it",
        "add --backward",
    ),
    Rule(
        ANSWERING,
        "--grad",
        _is_shown_nowhere,
        "no gradient is shown or written",
        "--show d_queries, or --grads FILE",
    ),
    Rule(
        ("compare",),
        "--as",
        lambda given: "--systems" in given,
        "each system has a column of its own",
        "leave out --as, or --systems",
    ),
    Rule(("check",), "--digits", _has_tolerance, "a tolerance is given, and digits are another", "leave one out"),
    Rule(("check",), "--strict", _has_tolerance, "accepts no tolerance", "leave out --rtol and --atol"),
    Rule(("batch",), "--jobs", lambda given: "--dask" in given, "the cluster has workers of its own", LEFT_OUT),
    Rule(
        (*ANSWERING, "explain", "compare", "check", "play"),
        "--from",
        _needs_no_format,
        "no source needs it: it is the format of standard input, and of files whose suffix says none",
        "- in the place of the source",
    ),
)


def always_refused(command: str) -> frozenset[str]:
    """Return the options of a command that it never takes, so that no help offers them."""
    return frozenset(rule.option for rule in RULES if command in rule.commands and rule.is_unused is _is_always)


def refuse_unused(command: str, given: Given) -> None:
    """Raise UsageError for the first option that could not be used beside the others."""
    if command == "explain" and "--format" not in given and "--output" in given:
        from attncli.render.explain.formats import chosen_format

        given = {**given, "--format": chosen_format(None, given["--output"])}
    for rule in RULES:
        if command in rule.commands and rule.option in given and rule.is_unused(given):
            raise UsageError(rule.option, rule.what.format(format=_format(given)), rule.hint)


def _format(given: Given) -> str:
    return str(given.get("--format", "table"))
