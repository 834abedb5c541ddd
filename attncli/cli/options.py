"""The options that commands share, declared once. A command names a bundle of options, and gets it filled."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from attncli.cli.completion import FORMATS, READ, SHOWN, complete_from
from attncli.errors import UsageError
from attncli.inputs.settings import ENGINES, SETTINGS, Setting
from attncli.records import record
from attncli.variants import WITH_WEIGHTS

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.inputs.sources import Sources

CALCULATION, READING, SHOWING, FILES = "Calculation", "Reading", "Showing", "Files"
MATRIX_OPTIONS = {
    "mask": "--mask",
    "bias": "--bias",
    "key_lengths": "--key-lengths",
    "segments": "--segments",
    "key_segments": "--key-segments",
    "dropout_mask": "--dropout-mask",
    "v_a": "--v-a",
    "d_output": "--grad",
}


def declare_digits(panel: str, help: str = "decimals shown") -> Any:
    """Declare the option of decimals, in a panel of the help."""
    return typer.Option("--digits", metavar="N", help=help, rich_help_panel=panel)


def declare_ascii(panel: str) -> Any:
    """Declare the option of plain output."""
    return typer.Option("--ascii", help="no colour and no Unicode", rich_help_panel=panel)


def declare_format(panel: str | None, choices: Iterable[str], more: str = "") -> Any:
    """Declare the option of the form in which results are printed: one of the choices, and `more` about them."""
    complete = complete_from(*choices)
    help = ", ".join(choices) + more
    return typer.Option("--format", "-f", metavar="FORMAT", help=help, rich_help_panel=panel, autocompletion=complete)


def declare_plot(panel: str) -> Any:
    """Declare the option of a picture."""
    words = "draw the weights: .png, .svg, .pdf, or - here"
    return typer.Option("--plot", metavar="FILE", help=words, rich_help_panel=panel)


def declare_quiet(panel: str, help: str = "print no notes") -> Any:
    """Declare the option of silence."""
    return typer.Option("--quiet", "-q", help=help, rich_help_panel=panel)


def declare_force(panel: str, help: str = "overwrite an existing file") -> Any:
    """Declare the option to overwrite."""
    return typer.Option("--force", help=help, rich_help_panel=panel)


@record
class ReadingOptions:
    """How sources are read."""

    from_format: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="the format of standard input",
            rich_help_panel=READING,
            autocompletion=complete_from(*READ),
        ),
    ] = None
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="whether text files start with a header", rich_help_panel=READING),
    ] = None

    def sources(self, *, keep_text: bool = False) -> Sources:
        """Return the reader of this command's sources."""
        from attncli.cli.output import standard_input
        from attncli.inputs.sources import Sources
        from attncli.matrix import Reading as ReadingRule

        return Sources(standard_input, ReadingRule(header=self.header, keep_text=keep_text), self.from_format)


@record
class ShowingOptions:
    """What is printed, and how."""

    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            metavar="NAMES",
            help="queries, keys, values, raw_scores, scores, weights, output, lse, d_…, mask, stats, all "
            "(default weights,output)",
            rich_help_panel=SHOWING,
            autocompletion=complete_from(*SHOWN),
        ),
    ] = None
    format: Annotated[str, declare_format(SHOWING, FORMATS)] = "table"
    digits: Annotated[int, declare_digits(SHOWING)] = 4
    full: Annotated[bool, typer.Option("--full", help="show large matrices whole", rich_help_panel=SHOWING)] = False
    ascii: Annotated[bool, declare_ascii(SHOWING)] = False
    quiet: Annotated[bool, declare_quiet(SHOWING, "print no tables and no notes")] = False


@record
class FileOptions:
    """Where results are written."""

    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="write the output", rich_help_panel=FILES)
    ] = None
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", metavar="FILE", help="write the weights", rich_help_panel=FILES)
    ] = None
    scores: Annotated[
        str | None, typer.Option("--scores", "-s", metavar="FILE", help="write the scores", rich_help_panel=FILES)
    ] = None
    lse: Annotated[
        str | None, typer.Option("--lse", metavar="FILE", help="write the log-sum-exps", rich_help_panel=FILES)
    ] = None
    grads: Annotated[
        str | None,
        typer.Option("--grads", metavar="FILE", help="write the gradients (with --grad)", rich_help_panel=FILES),
    ] = None
    plot: Annotated[str | None, declare_plot(FILES)] = None
    force: Annotated[bool, declare_force(FILES, "overwrite existing files")] = False

    def targets(self, gradients: list[str]) -> dict[str, str]:
        """Return the file of each result that is to be written, with one file for all `gradients`."""
        named = {"output": self.output, "weights": self.weights, "scores": self.scores, "lse": self.lse}
        named |= dict.fromkeys(gradients, self.grads)
        return {name: path for name, path in named.items() if path is not None}


class CalculationOptions:
    """The settings, masks and engine of a calculation, which override those of a problem file."""

    def __init__(self, engine: str, **given: Any) -> None:
        self.engine = engine
        self._given = given

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """Return a parameter for each setting, each matrix option, and the engine."""
        settings = [_parameter(s.name, *_setting_option(s)) for s in SETTINGS]
        helps = {
            "mask": "0/1 or true/false; 1 = may attend",
            "bias": "added to the scores; -inf forbids",
            "key_lengths": "valid keys: one number, or one per entry of the first axis",
            "segments": "one id per position: a query sees keys of its own id only",
            "key_segments": "the ids of the keys, if they differ from --segments",
            "dropout_mask": "1 = weight kept; with --dropout P the kept ones are divided by 1 − P",
            "v_a": f"the weights of the features in the variant {WITH_WEIGHTS} (default ones)",
            "d_output": "the gradient at the output, or the word ones, for d_queries, d_keys, d_values",
        }
        matrices = [
            _parameter(
                name,
                str | None,
                typer.Option(
                    flag,
                    *(["-m"] if name == "mask" else []),
                    metavar="SOURCE",
                    help=helps[name],
                    rich_help_panel=CALCULATION,
                ),
            )
            for name, flag in MATRIX_OPTIONS.items()
        ]
        others = [
            _parameter(
                "engine",
                str,
                typer.Option(
                    "--engine",
                    metavar="ENGINE",
                    envvar="ATTNCLI_ENGINE",
                    show_envvar=True,
                    help="auto, numpy, numba",
                    rich_help_panel=CALCULATION,
                    autocompletion=complete_from(*ENGINES),
                ),
                "auto",
            ),
        ]
        return [*settings, *matrices, *others]

    def check_engine(self) -> str:
        """Return the name of the engine.

        Raises UsageError if there is no such engine.
        """

        if self.engine not in ENGINES:
            raise UsageError("--engine", f"{self.engine!r} is not an engine", f"one of: {', '.join(ENGINES)}")
        return self.engine

    def defaults(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of the given settings, and the sources of the given matrices, which are not read yet."""
        settings: dict[str, Any] = {}
        for setting in SETTINGS:
            given = self._given[setting.name]
            if setting.is_flag:
                settings[setting.name] = True if given else None
            elif given is not None:
                settings[setting.name] = setting.value(given, setting.option)
        matrices = {name: self._given[name] for name in MATRIX_OPTIONS if self._given[name] is not None}
        return {name: value for name, value in settings.items() if value is not None}, matrices

    def apply(self, request: Request, sources: Sources) -> Request:
        """Return the request with the options from the command line applied."""
        from attncli.inputs.request import overlay

        settings, matrices = self.defaults()
        if matrices.get("mask", "").lower() in ("causal", "lower", "triangular"):
            raise UsageError("--mask", "it is a matrix; the causal one has an option of its own", "--causal")
        read = {name: sources.matrix(text, role=name, where=MATRIX_OPTIONS[name]) for name, text in matrices.items()}
        return overlay(request, {**settings, **read})


def _setting_option(setting: Setting) -> tuple[Any, Any, Any]:
    names = [setting.option, *([setting.short] if setting.short else [])]
    if setting.is_flag:
        return bool, typer.Option(*names, help=setting.help, rich_help_panel=CALCULATION), False
    complete = complete_from(*setting.choices) if setting.choices else None
    option = typer.Option(
        *names, metavar=setting.form, help=setting.help, rich_help_panel=CALCULATION, autocompletion=complete
    )
    return str | None, option, None


def _parameter(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _bundle_parameters(bundle: Any) -> list[inspect.Parameter]:
    if hasattr(bundle, "parameters"):
        found: list[inspect.Parameter] = bundle.parameters()
        return found
    hints = get_type_hints(bundle, include_extras=True)
    return [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(bundle)
        if f.default is not MISSING
    ]


BUNDLES = (CalculationOptions, ReadingOptions, ShowingOptions, FileOptions)


def expand_bundles(function: Callable[..., int]) -> Callable[..., int]:
    """Return the command with each parameter that is a bundle replaced by the bundle's options."""
    hints = get_type_hints(function, include_extras=True)
    bundles: dict[str, tuple[Any, list[inspect.Parameter]]] = {}
    plain: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if hints[name] in BUNDLES:
            bundles[name] = (hints[name], _bundle_parameters(hints[name]))
        else:
            plain.append(parameter.replace(annotation=hints[name]))

    @wraps(function)
    def command(**given: Any) -> int:
        filled = {p.name: given[p.name] for p in plain}
        for name, (bundle, parameters) in bundles.items():
            filled[name] = bundle(**{p.name: given[f"{name}_{p.name}"] for p in parameters})
        return function(**filled)

    options = [p.replace(name=f"{name}_{p.name}") for name, (_, ps) in bundles.items() for p in ps]
    command.__signature__ = inspect.Signature([*plain, *options])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*plain, *options]}
    return command
