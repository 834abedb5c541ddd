"""Commands, options and values that people type although attncli calls them something else, with what to type
instead."""

from __future__ import annotations

from attncli.files import exists
from attncli.patterns import pattern

# the command for a first word that is not one (`help` and `version` are handled separately)
COMMAND_WORDS = {
    **dict.fromkeys(("calc", "calculate", "compute", "attend", "attention", "solve"), "run"),
    **dict.fromkeys(("steps", "show", "work", "worked", "exlpain", "solution"), "explain"),
    **dict.fromkeys(("diff", "cmp", "versus"), "compare"),
    **dict.fromkeys(("verify", "grade", "test", "validate", "mark"), "check"),
    **dict.fromkeys(("example", "init", "new", "template", "try"), "demo"),
    **dict.fromkeys(("list", "kernels", "formulas"), "variants"),
    **dict.fromkeys(("worksheet", "quiz", "homework"), "exercise"),
    **dict.fromkeys(("serve", "html", "browser"), "play"),
    **dict.fromkeys(("many", "jobs"), "batch"),
}
# the meaning of options that a command does not have ({command} is the one that was typed)
OPTION_WORDS = {
    **dict.fromkeys(("--steps", "--explain", "--step-by-step"), "attncli explain shows every step"),
    **dict.fromkeys(("--compare",), "attncli compare sets variants side by side"),
    **dict.fromkeys(("--check", "--expected"), "attncli check compares with expected numbers"),
    **dict.fromkeys(("--color", "--colour"), "FORCE_COLOR=1 attncli {command} …"),
    **dict.fromkeys(
        ("--no-color", "--no-colour", "--nocolor", "--plain"), "--ascii, or NO_COLOR=1 attncli {command} …"
    ),
    **dict.fromkeys(("--queries", "--row", "--token"), "--query for one query to explain; Q itself is an argument"),
    **dict.fromkeys(("--q", "--k", "--v", "--keys", "--values"), "attncli {command} q.csv k.csv v.csv: no options"),
    **dict.fromkeys(("--precision", "--decimals", "--round"), "--digits N"),
    **dict.fromkeys(("--json", "--csv", "--tsv", "--yaml", "--latex", "--markdown", "--html"), "-f {word}"),
    **dict.fromkeys(("--tex",), "-f latex"),
    **dict.fromkeys(("--md",), "-f markdown"),
    **dict.fromkeys(("--out", "--save", "--outfile"), "-o FILE"),
    **dict.fromkeys(("--overwrite", "--clobber"), "--force"),
    **dict.fromkeys(("--no-scale", "--unscaled"), "--scale 1"),
    **dict.fromkeys(("--no-causal",), "causal: false in the problem file, or leave out --causal"),
    **dict.fromkeys(("--version", "-V"), "attncli --version"),
    **dict.fromkeys(("--verbose", "-v"), "attncli explain shows every step"),
    **dict.fromkeys(("--query",), "attncli explain … --query"),
    **dict.fromkeys(("--stats", "--statistics", "--entropy"), "--show stats"),
    **dict.fromkeys(("--all",), "--show all"),
    **dict.fromkeys(("--expect",), "attncli check … --expect-output"),
}
COMMAND_OPTION_WORDS = {  # where a command has an option for it
    ("explain", "--all"): "--query all",
    ("check", "--expect"): "--expect-output",
    ("check", "--expected"): "--expect-output",
}
MISSING_WORDS = {"--output": "-o play.html"}  # examples of options that a command must be given
FORMAT_WORDS = {
    **dict.fromkeys(("tex", "bmatrix"), "latex"), "md": "markdown", "txt": "text", "htm": "html", "yml": "yaml",
}  # fmt: skip
SOURCE = pattern(r"[./\\;:\[\s]|^-?\d")  # characters that are not in the name of a command


def command_meant(word: str) -> str | None:
    """Return the command that another word means, or None."""
    return COMMAND_WORDS.get(word.lower())


def is_source(word: str) -> bool:
    """Return whether a first word is a file, an array or numbers, so that `run` is meant."""
    return bool(SOURCE.search(word)) or exists(word)


def option_hint(option: str, command: str) -> str | None:
    """Return what to type instead of an option with another name, or None."""
    name = option.lower().partition("=")[0]
    hint = COMMAND_OPTION_WORDS.get((command, name)) or OPTION_WORDS.get(name)
    if hint is None:
        return setting_hint(name.lstrip("-"))
    return hint.format(command=command, word=option.lstrip("-").lower())


def setting_hint(word: str) -> str | None:
    """Return the option, or the key of a problem file, for which people and other systems have this name, or None."""
    from attncli.cli.options import MATRIX_OPTIONS
    from attncli.inputs.setting_words import key_meant
    from attncli.inputs.settings import BY_KEY

    if (meant := key_meant(word)) is None:
        return None
    key, form = meant
    if key in MATRIX_OPTIONS:
        return f"{MATRIX_OPTIONS[key]} {form or 'SOURCE'}"
    if key in BY_KEY:
        return f"{BY_KEY[key].option} {form or BY_KEY[key].form}".strip()
    return f"in a problem file, {key}: {form or 'TEXT'}"


def format_meant(format: str) -> str:
    """Return the name of a format, however it is spelled."""
    word = format.strip().lower().removeprefix(".")
    return FORMAT_WORDS.get(word, word)
