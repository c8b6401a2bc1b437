"""Commands that list what evalkit knows: formats, models."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from evalkit.cli.columns import list_width, print_columns
from evalkit.errors import UnknownNameError, advise_extra, print_line
from evalkit.formats.option_descriptions import describe_option as describe_format_option
from evalkit.formats.reading_options import SHARED_OPTIONS
from evalkit.formats.registry import FORMATS, describe_recognition, module_name
from evalkit.models.option_descriptions import describe_option as describe_model_option
from evalkit.models.registry import MODEL_KINDS, find_plugins


def formats(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the options of this format.")
    ] = None,
) -> None:
    """List the formats of corpora, or the options of one."""
    if name is not None:
        for line in _format_lines(name):
            print_line(line)
        return
    rows = []
    for known, corpus_format in FORMATS.items():
        needs = f"\nneeds {advise_extra(corpus_format.extra)}" if corpus_format.missing else ""
        read_only = "; only read" if corpus_format.read_only else ""
        suffixes = ", ".join(suffix for suffix in corpus_format.suffixes if suffix != "/")
        shown_suffixes = f" ({suffixes})" if suffixes else ""
        rows.append((known, f"{corpus_format.description}{shown_suffixes}{read_only}{needs}"))
    print_columns(rows)
    print_line("")
    print_line(
        "Write the name before the path, as in doccano:FILE, or let the suffix or the content"
    )
    print_line("of the file decide; the first line of a report says what was detected.")


def models(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="Show the options of this kind.")
    ] = None,
) -> None:
    """List the kinds of models, or the options of one."""
    if kind is not None:
        for line in _model_lines(kind):
            print_line(line)
        return
    rows = []
    for known in MODEL_KINDS.values():
        needs = f"\nneeds {advise_extra(known.extra)}" if known.missing else ""
        rows.append((known.pattern, f"{known.description}; gives {known.layers}{needs}"))
    for plugin in find_plugins():
        package = plugin.dist.name if plugin.dist else "another package"
        rows.append((f"{plugin.name}:NAME", f"from {package}: {plugin.value}"))
    print_columns(rows)


def _format_lines(name: str) -> Iterator[str]:
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    known = FORMATS[name]
    module = import_module(module_name(name))
    yield f"{name}: {known.description}"
    if known.missing:
        yield f"needs {advise_extra(known.extra)}"
    yield f"Recognized by: {describe_recognition(name) or f'{name}: before the path'}"
    read_options = _keyword_defaults(module.read) | SHARED_OPTIONS
    tables = {"reading": read_options}
    if not known.read_only:
        tables["writing"] = _keyword_defaults(module.write)
    for title, options in tables.items():
        yield ""
        if not options:
            yield f"No options for {title}."
            continue
        yield f"Options for {title}:"
        for option, default in options.items():
            yield from _option_lines(option, default, describe_format_option(name, option))
    if known.read_only:
        yield ""
        yield "This format is only read."
    location = f"{name}:{_example_path(name, known.suffixes)}"
    yield ""
    yield "Example:"
    yield f"  evalkit validate {location}"
    if read_options:
        option, default = next(iter(read_options.items()))
        yield f"  evalkit validate '{location}?{option}={_example_value(default)}'"
    yield ""
    yield from _wrap_docstring(inspect.getdoc(module) or "")


def _model_lines(name: str) -> Iterator[str]:
    if name not in MODEL_KINDS:
        raise UnknownNameError("kind of model", name, MODEL_KINDS)
    kind = MODEL_KINDS[name]
    module = import_module(f"evalkit.models.{kind.module}")
    yield f"{kind.pattern}: {kind.description}"
    yield f"Layers: {kind.layers}"
    if kind.missing:
        yield f"needs {advise_extra(kind.extra)}"
    options = _keyword_defaults(module.load)
    yield ""
    if options:
        yield "Options (-a KEY=VALUE):"
        for option, default in options.items():
            yield from _option_lines(option, default, describe_model_option(name, option))
    elif _accepts_any_keyword(module.load):
        yield "Options (-a KEY=VALUE): those of the function."
    else:
        yield "No options."
    yield ""
    yield "Example:"
    example = f"  evalkit run -m {kind.pattern}"
    if options:
        option, default = next(iter(options.items()))
        example += f" -a {option}={_example_value(default)}"
    yield example
    yield ""
    yield from _wrap_docstring(inspect.getdoc(module) or "")


def _keyword_defaults(function: Callable[..., Any]) -> dict[str, object]:
    """The keyword-only parameters of a function with their defaults."""
    defaults = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            defaults[name] = parameter.default
    return defaults


def _accepts_any_keyword(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _option_lines(option: str, default: object, description: str) -> list[str]:
    """The lines for an option: its name and default, then the description, indented."""
    head = f"  {option}" if default in (None, ()) else f"  {option}={_example_value(default)}"
    indent = " " * 28
    if len(head) < len(indent) - 1:
        return textwrap.wrap(
            description, list_width(), initial_indent=f"{head:28}", subsequent_indent=indent
        ) or [head]
    wrapped = textwrap.wrap(
        description, list_width(), initial_indent=indent, subsequent_indent=indent
    )
    return [head, *wrapped]


def _example_value(default: object) -> str:
    """A default as it is typed; "…" where there is none."""
    if default in (None, ()):
        return "…"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _example_path(name: str, suffixes: Sequence[str]) -> str:
    """A path of the format, for an example."""
    files = [suffix for suffix in suffixes if suffix != "/"]
    if name in ("brat", "directory", "hf"):
        return "DIR"
    return f"FILE{files[0]}" if files else "FILE"


def _wrap_docstring(text: str) -> Iterator[str]:
    """A docstring wrapped to the terminal, with the items of lists; indented paragraphs (tables,
    examples) stay as they are.
    """
    for paragraph in text.split("\n\n"):
        lines = paragraph.splitlines()
        if paragraph.startswith("- "):
            yield from _wrap_list(lines)
        elif any(line.startswith(" ") for line in lines):
            yield from lines
        else:
            yield from textwrap.wrap(" ".join(lines), list_width())
        yield ""


def _wrap_list(lines: Sequence[str]) -> Iterator[str]:
    """The items of a Markdown list, each wrapped and indented below its dash."""
    items: list[str] = []
    for line in lines:
        if line.startswith("- "):
            items.append(line)
        else:
            items[-1] += " " + line.strip()
    for item in items:
        yield from textwrap.wrap(item, list_width(), subsequent_indent="  ")
