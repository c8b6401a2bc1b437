"""The commands in the order and the panels of the help, and how one is loaded.

The module of a command is imported when the command runs, so that `evalkit --help` and each command
load no more than they need; the summaries stand here for the help.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from evalkit.cli.aliases import AliasedCommand
from evalkit.cli.help_renderer import hide_flag_types, import_help_renderer
from evalkit.cli.option_conversion import convert_plainly


class CommandSource(NamedTuple):
    """Where the function of a command is defined. summary: the first paragraph of its docstring."""

    panel: str
    module: str
    function: str
    summary: str

    def load_function(self) -> Callable[..., None]:
        """The function of the command."""
        function: Callable[..., None] = getattr(import_module(self.module), self.function)
        return function


def _source(panel: str, module: str, function: str, summary: str) -> CommandSource:
    return CommandSource(panel, f"evalkit.cli.{module}", function, summary)


EVALUATION, ANNOTATORS, CORPORA, REFERENCE = "Evaluation", "Annotators", "Corpora", "Reference"
COMMANDS = {
    "score": _source(
        EVALUATION,
        "score_commands",
        "score_command",
        "Score predictions against a gold corpus.",
    ),
    "run": _source(
        EVALUATION,
        "run_commands",
        "run",
        "Run a model over a corpus and score its predictions.",
    ),
    "predict": _source(
        EVALUATION,
        "run_commands",
        "predict",
        "Run a model over a corpus and write its predictions.",
    ),
    "compare": _source(
        EVALUATION,
        "comparison_commands",
        "compare_command",
        "Compare systems: differences, intervals, p-values.",
    ),
    "errors": _source(
        EVALUATION,
        "error_commands",
        "errors_command",
        "Analyze errors: kinds, what each costs in F1, where they are.",
    ),
    "curve": _source(
        EVALUATION,
        "curve_commands",
        "curve_command",
        "Precision-recall curves and best thresholds by label.",
    ),
    "emulate": _source(
        EVALUATION,
        "emulate_commands",
        "emulate_command",
        "Print what another scorer prints, and explain the difference.",
    ),
    "report": _source(
        EVALUATION,
        "score_commands",
        "report_command",
        "Print saved results in any format, or merge shards.",
    ),
    "verify": _source(
        EVALUATION,
        "comparison_commands",
        "verify",
        "Score again and compare with a saved result.",
    ),
    "agreement": _source(
        ANNOTATORS,
        "agreement_commands",
        "agreement_command",
        "Measure the agreement of annotators: F1 of pairs, κ, α and γ.",
    ),
    "adjudicate": _source(
        ANNOTATORS,
        "adjudication_commands",
        "adjudicate_command",
        "Merge the annotations of several annotators into gold.",
    ),
    "validate": _source(
        CORPORA,
        "corpus_commands",
        "validate",
        "Check offsets, texts, ids and the schema of a corpus.",
    ),
    "stats": _source(
        CORPORA,
        "corpus_commands",
        "stats",
        "Show what a corpus holds: documents, labels and examples.",
    ),
    "convert": _source(
        CORPORA,
        "corpus_commands",
        "convert",
        "Convert a corpus to another format.",
    ),
    "new": _source(
        CORPORA,
        "corpus_commands",
        "new",
        "Create a corpus from text files, or add texts to one.",
    ),
    "card": _source(
        CORPORA,
        "publishing_commands",
        "card",
        "Write the dataset card of a corpus, or check one.",
    ),
    "publish": _source(
        CORPORA,
        "publishing_commands",
        "publish",
        "Publish a corpus on the Hugging Face Hub.",
    ),
    "formats": _source(
        REFERENCE,
        "listing_commands",
        "formats",
        "List the formats of corpora, or the options of one.",
    ),
    "models": _source(
        REFERENCE,
        "listing_commands",
        "models",
        "List the kinds of models, or the options of one.",
    ),
}

# Other names of commands, which are not in the help
COMMAND_ALIASES = {"agree": "agreement", "as": "emulate"}


def load_command(name: str) -> Any:
    """The command as typer runs it, with its options."""
    source = COMMANDS[name]
    single = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    single.command(name=name, cls=AliasedCommand, rich_help_panel=source.panel)(
        source.load_function()
    )
    return get_command(single)


class LazyGroup(TyperGroup):
    """A group of commands without options; one is replaced by the whole command when it runs, or
    when its own options are completed.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        import_help_renderer()
        hide_flag_types(self.get_params(ctx))
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the name of a command."""
        convert_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name of the command, the command and the other arguments."""
        if args and args[0] in COMMAND_ALIASES:
            args = [COMMAND_ALIASES[args[0]], *args[1:]]
        name, command, rest = super().resolve_command(ctx, args)
        return name, None if command is None else load_command(str(name)), rest


def add_commands(app: typer.Typer) -> None:
    """Add the name, panel and summary of each command to an app of class LazyGroup."""
    for name, source in COMMANDS.items():
        app.command(name=name, help=source.summary, rich_help_panel=source.panel)(_do_nothing)


def _do_nothing() -> None:
    """Stands for the function of a command that is not loaded."""
