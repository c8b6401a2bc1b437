"""Help: summaries, panels, former names of options, completion."""

import pytest
from helpers.cli import run_evalkit as evalkit

from evalkit.cli.entry_point import app

COMMANDS = [command.name for command in app.registered_commands]


def help_of(*command, columns=80):
    return evalkit(*command, "--help", env={"COLUMNS": str(columns)}).stdout


def panels(text):
    """The titles of the panels, in their order."""
    return [line.strip("╭╮─ ") for line in text.splitlines() if line.startswith("╭")]


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda command: command.name)
def test_the_summary_of_each_command_fits_on_one_line_of_80_columns(command):
    summary = command.callback.__doc__.splitlines()[0]

    line = next(line for line in help_of().splitlines() if line.startswith(f"│ {command.name} "))

    assert line.strip("│ ").removeprefix(command.name).strip() == summary


def test_options_are_grouped():
    assert panels(help_of("run")) == [
        "Arguments",
        "Options",
        "Running",
        "Scoring",
        "Output",
        "Publishing",
    ]
    assert panels(help_of()) == ["Options", "Evaluation", "Corpora", "Reference"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_no_former_name_and_every_bracket(command):
    text = help_of(command, columns=200)

    assert "--sections" not in text
    assert "--like" not in text
    assert "[/" not in text


def test_a_former_name_of_an_option_is_accepted_with_a_notice():
    now = evalkit("run", "--boot", "0", "--zones", "all", "--format", "csv")
    former = evalkit("run", "--bootstrap", "0", "--sections=all", "--format", "csv")

    assert former.stdout == now.stdout
    assert former.stderr == (
        "evalkit: --bootstrap is deprecated: write --boot\n"
        "evalkit: --sections is deprecated: write --zones\n"
    )


def test_an_option_under_both_names_is_an_error():
    run = evalkit("run", "--sections", "all", "--zones", "all")

    assert (run.returncode, run.stderr) == (
        2,
        "evalkit: --sections is the former name of --zones; give one of them\n",
    )


def test_the_shell_completes_commands():
    run = evalkit(
        env={
            "_EVALKIT_COMPLETE": "complete_bash",
            "COMP_WORDS": "evalkit ver",
            "COMP_CWORD": "1",
        }
    )

    assert run.stdout == "verify\n"
