"""The commands by name, each built when it is called, and help that begins with examples."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from attncli.cli.guesses import MISSING_WORDS, command_meant, format_meant, is_source, option_hint
from attncli.cli.stray import Pair, once_hint, pair_words, refuse_stray
from attncli.cli.unused import always_refused, refuse_unused
from attncli.errors import ExitStatus, UsageError, nearest, suggest
from attncli.patterns import pattern
from attncli.version import __version__

COMMANDS = {
    "run": "compute; print tables; write files",
    "explain": "the worked solution, step by step",
    "compare": "variants side by side",
    "check": "given numbers against the right ones",
    "batch": "many problems: parallel, resumable, on a cluster if asked",
    "play": "a page to play with in a browser: change a number, and see",
    "exercise": "a worksheet with friendly numbers, its key, and a form to hand in",
    "demo": "a built-in problem, needing no file",
    "variants": "the table of variants and their formulas",
}
BUILT_IN = "demo"  # as a source, the built-in problem
BUILT_IN_FOR = ("explain", "compare", "check")
WIDTH = 78  # columns of help
COMPUTING = ("run", "explain", "compare", "check", "batch", "play")
HEAD = pattern(r"^(?:[A-Z][A-Za-z ]*:$|Usage:)", re.MULTILINE)
SHORT = "attncli.short_help"
SHARED = ("Calculation", "Reading")  # panels that --help shows, but -h does not
# what begins with a dash and is no option: a negative number, an item of a list, a rule above a table
NO_OPTION = pattern(r"-(?:\d|\.\d|\.?inf\b|\.?nan\b|-*>?\s)", re.IGNORECASE)
NUMBERS = pattern(r"[-+]?[0-9.][-+0-9.eE,/]*|\[[^\[\]]*\]")  # Q, K and V are no flat lists
INTRODUCTION = """\
Attention, computed from matrices that you have, with every step shown.

Examples:
  attncli demo                                  an example, no file needed
  attncli run q.csv k.csv v.csv                 softmax(QKᵀ/√d_k)V
  attncli run '1 0; 0 1' '1 0; 0 1' '1 2; 3 4'  numbers typed here
  attncli explain problem.yaml                  the worked solution
  attncli check problem.yaml                    are these numbers right?
  attncli compare problem.yaml                  the variants side by side
"""


def is_conversation() -> bool:
    """Return whether both standard input and output are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


CALCULATION_HELP = """\
softmax(QKᵀ/√d_k)V, and what changes it: options of run, explain, compare,
check, batch and demo, and keys of a problem file.

Examples:
  attncli run problem.yaml -a laplace --length-scale 2
  attncli run q.csv k.csv v.csv --scale 1/dk
  attncli explain problem.yaml --causal
  attncli run problem.yaml -m '1 1 0; 1 0 1'      1 = may attend
  attncli compare problem.yaml --as flash-attn

"""


def show_help(context: Any, _option: Any, wanted: bool) -> None:
    """Print the help like all other output, so that a closed output is an error and a broken pipe is not."""
    from attncli.cli.output import write_prose

    if wanted and not context.resilient_parsing:
        write_prose(embolden_heads(context.get_help()) + "\n")
        context.exit()


def embolden_heads(text: str) -> str:
    """Return help with bold headings, on a terminal that has colours."""
    from attncli.render.console import has_colour

    return HEAD.sub("\x1b[1m\\g<0>\x1b[0m", text) if has_colour(ascii_only=False) else text


def fold_help(text: str) -> str:
    """Return the text in lines of at most WIDTH columns.

    Prose is wrapped between words, and the text after a command goes on its own line if there is no room.
    """
    from textwrap import wrap

    lines: list[str] = []
    for line in text.split("\n"):
        command, gap, words = line.lstrip().partition("  ")
        if len(line) <= WIDTH:
            lines.append(line)
        elif line.startswith("  ") and gap:
            lines += [f"  {command}", *(f"      {folded}" for folded in wrap(words.strip(), WIDTH - 6))]
        else:
            lines += wrap(line, WIDTH, break_on_hyphens=False, break_long_words=False)
    return "\n".join(lines)


class Helpful:
    """A command whose -h and --help are printed by attncli, in whatever context it is asked for them first."""

    def get_help_option_names(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the parser's signature
        return ["-h", "--help"]

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = show_help
        return option


def fill_in_bare(words: list[str]) -> list[str]:
    """Insert the implied value of options that may have none, such as --alibi before anything but numbers."""
    from attncli.inputs.settings import PRINTED_LIST, SETTINGS

    bare = {setting.option: setting.bare for setting in SETTINGS if setting.bare is not None}

    def filled(word: str, behind: str) -> str:
        is_bare = (
            word in bare and behind != bare[word] and not (NUMBERS.fullmatch(behind) or PRINTED_LIST.fullmatch(behind))
        )
        return f"{word}={bare[word]}" if is_bare else word

    return [filled(word, behind) for word, behind in zip(words, [*words[1:], ""], strict=False)]


class Command(Helpful, TyperCommand):
    """A command whose help begins with examples and groups its options by panel."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[SHORT] = "-h" in args and "--help" not in args
        words = [f"\n{word}" if NO_OPTION.match(word) else word for word in fill_in_bare(args)]
        if self.name in BUILT_IN_FOR and is_conversation() and not self.sources_in(ctx, list(words)):
            words.append(BUILT_IN)
        pairs = pair_words(words, self.spellings(ctx))
        given = self.refuse_repeated(ctx, list(words), pairs)
        refuse_stray(self.name or "", pairs)
        parsed: list[str] = super().parse_args(ctx, words)
        for name in ("format", "showing_format"):
            if isinstance(ctx.params.get(name), str):
                ctx.params[name] = format_meant(ctx.params[name])
        refuse_unused(self.name or "", {option: ctx.params.get(name) for option, name in given.items()})
        return parsed

    def sources_in(self, ctx: Any, words: list[str]) -> list[str]:
        """Return the arguments that are not options."""
        options, left, order = self.make_parser(ctx).parse_args(words)
        arguments = [options.get(str(each.name)) for each in order if each.param_type_name == "argument"]
        sources = [word for value in arguments for word in (value if isinstance(value, (list, tuple)) else [value])]
        return [
            *left,
            *(word for word in sources if isinstance(word, str)),
            *(word for word in words if word in ("-h", "--help")),
        ]

    def spellings(self, ctx: Any) -> dict[str, tuple[str, bool]]:
        """Return the long name of each spelling of an option, and whether the option takes a value."""
        found: dict[str, tuple[str, bool]] = {}
        for each in self.get_params(ctx):
            if each.param_type_name == "option":
                name = next((opt for opt in each.opts if opt.startswith("--")), each.opts[0])
                takes_value = not getattr(each, "is_flag", False)
                found |= dict.fromkeys((*each.opts, *each.secondary_opts), (name, takes_value))
        return found

    def refuse_repeated(self, ctx: Any, words: list[str], pairs: list[Pair]) -> dict[str, str]:
        """Return the long name of each option that is given, with the name of its parameter; arguments are "".

        Raise UsageError if an option with a single value is given twice, because the parser would silently keep the
        last.
        """
        _, _, order = self.make_parser(ctx).parse_args(words)
        seen: set[str | None] = set()
        for parameter in order:
            is_single = parameter.param_type_name == "option" and not getattr(parameter, "multiple", False)
            if not is_single or (getattr(parameter, "is_flag", False) and not parameter.secondary_opts):
                continue
            if parameter.name in seen:
                flag = "/".join([*parameter.opts[:1], *parameter.secondary_opts[:1]])
                values = [value for option, value in pairs if option == flag and value is not None]
                raise UsageError(flag, "is given twice", once_hint(self.name or "", flag, values))
            seen.add(parameter.name)
        named = [(next((opt for opt in p.opts if opt.startswith("--")), ""), str(p.name)) for p in order]
        return dict(named)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(fold_help((self.help or "").rstrip()) + "\n\n")
        self.format_usage(ctx, formatter)
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                panel = getattr(parameter, "rich_help_panel", None) or "Options"
                panels.setdefault(panel, []).append(record)
        is_short = ctx.meta.get(SHORT) and SHARED[0] in panels
        for panel, records in panels.items():
            if not (is_short and panel in SHARED):
                with formatter.section(panel):
                    formatter.write_dl(records, col_max=28)
        if is_short:
            formatter.write(f"\nEvery option: {ctx.command_path} --help\nThe calculation's: attncli help calculation\n")


class Group(Helpful, TyperGroup):
    """All commands. Only the one that is called is imported and built."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            meant = command_meant(cmd_name)
            hint = f"attncli {meant}" if meant else suggest(cmd_name, COMMANDS)
            raise UsageError("attncli", f"{cmd_name!r} is not a command", hint)
        return build_command(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(INTRODUCTION + "\n")
        self.format_usage(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Options"):
            formatter.write_dl([record for p in self.get_params(ctx) if (record := p.get_help_record(ctx))])


CONTEXT: dict[str, Any] = {"max_content_width": WIDTH}


@cache
def build_command(name: str) -> Any:
    """Return typer's command of this name, which takes longer to build than a small problem to calculate."""
    module = import_module(f"attncli.cli.{name}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command, help=module.HELP, context_settings=CONTEXT)(getattr(module, f"{name}_command"))
    command = typer.main.get_command(app)
    command.name = name
    for parameter in command.params:
        if isinstance(parameter, TyperOption) and not always_refused(name).isdisjoint(parameter.opts):
            parameter.hidden = True
    return command


application = typer.Typer(cls=Group, rich_markup_mode=None, context_settings=CONTEXT, no_args_is_help=False)


@application.callback(invoke_without_command=True)
def attncli(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> int:
    """Compute attention from given matrices."""
    from attncli.cli.output import write_out, write_prose

    if version:
        write_out(f"attncli {__version__}\n")
    elif context.invoked_subcommand is None:
        write_prose(context.get_help() + "\n")
    return ExitStatus.DONE


def dispatch(arguments: list[str]) -> int:
    """Run the command that the arguments name.

    Raises UsageError if the arguments are not valid.
    """
    from typer._click.exceptions import ClickException, NoSuchOption

    if arguments in (["help", "calculation"], ["calculation", "--help"], ["calculation", "-h"]):
        write_calculation_help()
        return ExitStatus.DONE
    arguments = read_as_meant(arguments)
    if arguments and arguments[0] in COMPUTING and not {"-h", "--help"} & set(arguments):
        import numpy  # noqa: F401 - here, because further down the stack its import takes and frees memory 400 times
    try:
        status = typer.main.get_command(application).main(arguments, prog_name="attncli", standalone_mode=False)
    except ClickException as error:
        path = f"attncli {arguments[0]}" if arguments and arguments[0] in COMMANDS else "attncli"
        if isinstance(error, NoSuchOption):
            raise UsageError(path, f"no such option: {error.option_name}", hint_for(error, path)) from None
        raise UsageError(path, lower_first(error.format_message()), cure_for(error, path)) from None
    if status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    return int(status or 0)


def write_calculation_help() -> None:
    """Print the options of the calculation, which most commands share."""
    from attncli.cli.output import write_prose

    command = Group(name="attncli").get_command(None, "run")
    context = command.context_class(command, info_name="run", max_content_width=WIDTH)
    formatter = context.make_formatter()
    records = [
        parameter.get_help_record(context)
        for parameter in command.get_params(context)
        if getattr(parameter, "rich_help_panel", None) == SHARED[0]
    ]
    formatter.write(CALCULATION_HELP)
    with formatter.section(SHARED[0]):
        formatter.write_dl([record for record in records if record is not None], col_max=28)
    write_prose(embolden_heads(formatter.getvalue()))


def hint_for(error: Any, path: str) -> str | None:
    """Return what to type instead of an option that a command does not have."""
    command = path.removeprefix("attncli").strip() or "run"
    known = {option.lstrip("-"): option for option in error.possibilities or []}
    near = nearest(error.option_name.lstrip("-"), tuple(known))
    return option_hint(error.option_name, command) or (f"did you mean {known[near]}?" if near else None)


def cure_for(error: Any, path: str) -> str:
    """Return the hint for arguments that the parser refuses: the values of an option, or else the command's help."""
    from attncli.inputs.settings import SETTINGS

    named = [getattr(error, "option_name", None), *getattr(getattr(error, "param", None), "opts", ())]
    choices = {setting.option: setting.choices for setting in SETTINGS if setting.choices}
    for option in named:
        if option in choices:
            names = choices[option]
            return f"{option} {' or '.join(names)}" if len(names) < 3 else f"one of: {', '.join(names)}"
        if option in MISSING_WORDS and "missing" in error.format_message().lower():
            return MISSING_WORDS[option]
    return f"{path} --help"


def read_as_meant(arguments: list[str]) -> list[str]:
    """Return the arguments with `help`, `version` and sources in place of a command rewritten to the command that is
    meant."""
    from attncli.cli.output import write_err

    if not arguments:
        return arguments
    first, *rest = arguments
    if first == "help":
        return [*rest, "--help"]
    if first in ("version", "-V") and not rest:
        return ["--version"]
    if first in COMMANDS or (first.startswith("-") and not NO_OPTION.match(first)) or not is_source(first):
        return arguments
    if not {"-q", "--quiet"}.intersection(rest):
        write_err("note: read as attncli run …\n")
    return ["run", *arguments]


def lower_first(message: str) -> str:
    """Return a message of the parser in the style of attncli's messages."""
    return (message[:1].lower() + message[1:]).rstrip(".")
