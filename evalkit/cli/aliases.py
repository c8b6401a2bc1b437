"""Former names of options, still accepted for one release with a line on stderr.

They are replaced before the options are parsed, so that help shows the present names alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from evalkit.cli.help_renderer import hide_flag_types, import_help_renderer
from evalkit.cli.option_conversion import convert_plainly
from evalkit.errors import InputError, print_notice

OPTION_ALIASES = {
    "--sections": "--zones",
    "--missing-documents": "--missing",
    "--resample": "--units",
    "--sampling-unit": "--units",
    "--bootstrap": "--boot",
    "--confidence": "--level",
    "--like": "--schema-from",
    "--repo": "--hub-dataset",
    "--results": "--baseline",
    "--command": "--baseline-command",
    "--licence": "--license",
    "--explain": "--by",
    "--errors": "--save-errors",
    "--fold": "--ignore-case",
    "--documents": "--max-documents",
    "--strict-gold": "--plain-gold",
}


class AliasedCommand(TyperCommand):
    """A command that accepts the former names of its options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        import_help_renderer()
        hide_flag_types(self.get_params(ctx))
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Replace former names, then parse as usual."""
        convert_plainly(self.get_params(ctx))
        names = {name for parameter in self.params for name in parameter.opts}
        return super().parse_args(ctx, replace_option_aliases(args, names))


def replace_option_aliases(arguments: Sequence[str], names: set[str]) -> list[str]:
    """The arguments of a command with former option names replaced by the present ones.

    names: the options of the command. Prints a notice for each replaced name. Raises InputError if
    an option is given under both names.
    """
    given = {argument.partition("=")[0] for argument in arguments}
    replaced: list[str] = []
    for position, argument in enumerate(arguments):
        if argument == "--":
            return [*replaced, *arguments[position:]]
        alias, equals, value = argument.partition("=")
        option = OPTION_ALIASES.get(alias)
        if option is None or option not in names or alias in names:
            replaced.append(argument)
            continue
        if option in given:
            raise InputError(f"{alias} is the former name of {option}; give one of them")
        print_notice(f"evalkit: {alias} is deprecated: write {option}")
        replaced.append(f"{option}{equals}{value}")
    return replaced
