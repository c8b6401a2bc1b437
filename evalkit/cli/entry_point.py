"""evalkit's command line: results to stdout, progress to stderr.

Exit codes: 0 success, 1 a bug, 2 bad input or usage, 3 environment, 4 partial run, 5 a gate
failed.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from evalkit.cli.command_table import LazyGroup, add_commands
from evalkit.errors import (
    EvalkitError,
    escape_controls,
    print_line,
    print_notice,
    use_command_line_spelling,
)
from evalkit.redaction import redact
from evalkit.version import evalkit_version

ENVIRONMENT, INTERRUPTED = 3, 130

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _evalkit(
    *,
    version: Annotated[
        bool, typer.Option("--version", "-V", metavar="", help="Show the version and exit.")
    ] = False,
) -> None:
    """Score information extraction: entities, relations, events and quotations."""
    if version:
        from evalkit.data.compiled import core

        kind = "pure Python" if core is None else "compiled core"
        print_line(f"evalkit {evalkit_version()} ({kind})")
        raise typer.Exit


add_commands(app)


def main() -> None:
    """Run the command line.

    Errors are printed on stderr, one line each; a traceback is a bug.
    """
    if sys.stdout is None or sys.stderr is None:
        sys.exit(ENVIRONMENT)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    use_command_line_spelling()
    try:
        sys.exit(app(standalone_mode=False))
    except EvalkitError as error:
        print_notice(f"evalkit: {redact(str(error))}")
        if error.exit_code == INTERRUPTED:  # threads that wait for an endpoint are not waited for
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read the report has seen enough; keep the interpreter from complaining when it
        # closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print_notice(f"evalkit: {error.filename or 'standard output'}: {error.strerror or error}")
        sys.exit(ENVIRONMENT)
    except Exception as error:
        if _is_usage_error(error):
            sys.exit(_show_usage_error(error))
        if os.environ.get("EVALKIT_DEBUG"):
            raise
        print_notice(
            f"evalkit: a bug: {type(error).__name__}: {redact(str(error))} (EVALKIT_DEBUG=1 shows"
            " where)"
        )
        sys.exit(1)
    finally:
        use_command_line_spelling(on=False)


def _is_usage_error(error: Exception) -> bool:
    """Whether it is a ClickException: that of the package click, or of the copy that some versions
    of typer bring.
    """
    return any(kind.__name__ == "ClickException" for kind in type(error).__mro__)


def _show_usage_error(error: Any) -> int:
    """Print the usage and what is wrong with the command line. Returns the exit code."""
    error.message = escape_controls(redact(str(error.message)), keep="\n")
    error.show()
    return int(error.exit_code)
