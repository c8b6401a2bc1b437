"""Reading the values of options, and writing what a command returns."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.corpus import Corpus, load_schema_for, resolve_location
from evalkit.data.document import LAYERS
from evalkit.data.label_maps import LabelMapOption, parse_label_map, parse_labels
from evalkit.errors import InputError, quoted_repr
from evalkit.files import replace_file, write_atomically
from evalkit.formats.registry import FOLDER_FORMATS, CorpusLocation, parse_location

if TYPE_CHECKING:
    from evalkit.evaluation.sharded_inputs import ShardedInputs

FORMAT_BY_SUFFIX = {
    ".json": "json",
    ".md": "markdown",
    ".tex": "latex",
    ".csv": "csv",
    ".html": "html",
    ".txt": "table",
    "": "table",
}
# Files in the folders of corpora that no command overwrites: texts and annotations
TEXT_SUFFIX = ".txt"
CORPUS_SUFFIXES = (TEXT_SUFFIX, ".ann", ".a1", ".a2", ".xmi", ".tsv", ".conll", ".conllu")
CORPUS_FILES = ("corpus.jsonl", "schema.json", *(f"{layer}.jsonl" for layer in LAYERS))
# Options that write lines of JSON under any name, but for those that promise another format
JSONL_OPTIONS = ("--save-errors", "--save-items")


def parse_model_args(arguments: Iterable[str] | None) -> dict[str, Any]:
    """key=value as a dict; values that are JSON (numbers, true, lists) are taken as such."""
    values: dict[str, Any] = {}
    for argument in arguments or ():
        key, equals, value = argument.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"-a {argument}: write KEY=VALUE")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return values


def parse_systems(systems: Iterable[str]) -> list[tuple[str | None, str | list[str]]]:
    """The name (None without one) and the path of each [NAME=]FILE, or the paths of its runs in
    [NAME=]FILE,FILE; an existing file is a path.
    """
    named: list[tuple[str | None, str | list[str]]] = []
    for system in systems:
        name, equals, path = system.partition("=")
        has_name = bool(equals) and not Path(system).exists() and not set(name) & set("/:?")
        if has_name and not (name and path):
            raise InputError(f"{system}: write NAME=FILE")
        runs = path if has_name else system
        paths = [runs] if Path(runs).exists() else runs.split(",")
        if not all(paths):
            raise InputError(f"{system}: empty file name: write NAME=FILE,FILE without spaces")
        named.append((name if has_name else None, paths[0] if len(paths) == 1 else paths))
    return named


def parse_zones(zones: str) -> str | list[str]:
    """primary, all, or a list of names."""
    return zones if zones in ("primary", "all") else zones.split(",")


def read_label_options(
    gold: Corpus | ShardedInputs | str | Path, labels: str | None, label_maps: Sequence[str] | None
) -> dict[str, Any]:
    """`labels` and `label_map` of `score`, where they were given.

    The name of a map in gold's schema as --labels is taken as --label-map.
    """
    options: dict[str, Any] = {}
    if label_maps:
        options["label_map"] = merge_label_maps(label_maps)
    if labels is None:
        return options
    if isinstance(gold, (str, Path)):
        schema = load_schema_for(resolve_location(gold))
    else:
        schema = gold.schema
    if schema is not None and labels in schema.label_maps:
        if label_maps:
            raise InputError(
                f"--labels {labels} names a label map of the schema, and --label-map is given too;"
                " give the map with --label-map, and labels to keep with --labels"
            )
        print(
            f"evalkit: --labels {labels} names a label map: write --label-map {labels}",
            file=sys.stderr,
        )
        return {"label_map": labels}
    return {**options, "labels": parse_labels(labels)}


def merge_label_maps(texts: Sequence[str]) -> LabelMapOption:
    """The label map of one or more --label-map options.

    Raises InputError if a label has two targets, or if one of several is not a plain map of labels.
    """
    if len(texts) == 1:
        return parse_label_map(texts[0])
    merged: dict[str, str | None] = {}
    for text in texts:
        label_map = parse_label_map(text)
        is_plain = isinstance(label_map, Mapping) and not any(
            isinstance(target, Mapping) for target in label_map.values()
        )
        if not isinstance(label_map, Mapping) or not is_plain:
            raise InputError(
                f"--label-map {text}: only maps of the form LABEL=NEW can be combined; give this"
                " one alone, or write one FILE.json"
            )
        for label, target in label_map.items():
            if merged.setdefault(label, target) != target:
                raise InputError(
                    f"--label-map: {quoted_repr(label)} is renamed to"
                    f" {quoted_repr(merged[label] or '')} and to {quoted_repr(target or '')};"
                    " give one of them"
                )
    return merged


def check_writable(
    output: Path | None, *inputs: str | None, option: str = "-o", folders: bool = False
) -> None:
    """Refuse an output that cannot be written, that is an input, or that is a text or annotations
    in a folder that is an input, before anything is run.
    """
    if output is None:
        return
    for location in _list_locations(inputs):
        path = location.path
        if output.absolute() == path.absolute() or (
            output.exists() and path.exists() and output.samefile(path)
        ):
            raise InputError(
                f"{option} {output}: the command reads or writes this file already; name another"
            )
        is_inside = output.is_file() and path.resolve() in output.resolve().parents
        if is_inside and _is_corpus_file(output, location.format):
            raise InputError(
                f"{option} {output}: exists in the folder {path}, which the command reads; name a"
                " file outside of it"
            )
    if output.is_dir() and not folders:
        raise InputError(f"{option} {output}: is a folder; name a file")
    if not output.parent.is_dir():
        raise InputError(f"{option} {output}: no such folder: {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise InputError(f"{option} {output}: cannot be written")


def _is_corpus_file(path: Path, format: str | None) -> bool:
    """Whether a file in the folder of a corpus may be one of its texts or annotations.

    format: of the corpus; None if it is not known, so that any format is considered.
    """
    suffixes = set(CORPUS_SUFFIXES)
    if format in FOLDER_FORMATS:
        suffixes &= {TEXT_SUFFIX, *FOLDER_FORMATS[format]}
    return path.suffix in suffixes or path.name in CORPUS_FILES


def _list_locations(inputs: Iterable[str | None]) -> Iterator[CorpusLocation]:
    """The locations of inputs, which may have a format and options, and several of which may be in
    one string with commas.
    """
    for text in inputs:
        for part in dict.fromkeys([text, *(text or "").split(",")]):
            if not part:
                continue
            yield CorpusLocation(None, Path(part))
            with contextlib.suppress(InputError):
                yield parse_location(part)


def check_outputs(outputs: Mapping[str, Path | None], *inputs: str | None) -> None:
    """Refuse outputs, by option, that cannot be written, that are an input or an output before
    them, or whose name promises another format, before anything is run.
    """
    others = list(inputs)
    for option, path in outputs.items():
        if option in JSONL_OPTIONS and path is not None:
            suffix = path.suffix.lower()
            if suffix and suffix in FORMAT_BY_SUFFIX:
                raise InputError(f"{option} {path}: expected a name that ends in .jsonl")
        check_writable(path, *others, option=option)
        others.append(None if path is None else str(path))


def output_format(
    form: enum.Enum | None, output: Path | None, more_suffixes: Mapping[str, str] | None = None
) -> str:
    """The name of a format: the requested one, or that of the output's suffix.

    more_suffixes: those that the command has beside the usual ones. Raises InputError for a suffix
    without format.
    """
    if form:
        return str(form.value)
    format_by_suffix = {**FORMAT_BY_SUFFIX, **(more_suffixes or {})}
    suffix = output.suffix if output else ""
    if suffix not in format_by_suffix:
        known = ", ".join(filter(None, format_by_suffix))
        raise InputError(
            f"-o {output}: unknown suffix {suffix!r}: expected one of: {known}; or give --format"
        )
    return format_by_suffix[suffix]


def write_output(text: str, output: Path | None) -> None:
    """Write a text to a file, or to stdout."""
    if output:
        write_atomically(output, text + "\n")
    else:
        sys.stdout.write(text + "\n")


def write_lines(lines: Iterator[str], output: Path | None) -> None:
    """Write lines to a file, or to stdout, as they come."""
    if output is None:
        for line in lines:
            sys.stdout.write(f"{line}\n")
        return
    with replace_file(output) as file:
        for line in lines:
            file.write(f"{line}\n".encode())


def terminal_width(output: Path | None) -> int | None:
    """The columns of the terminal that is written to; None for a file or a pipe."""
    if output is not None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def parse_max_documents(text: str) -> int | None:
    """The number of --max-documents; None for all."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise InputError(f"--max-documents {text}: expected a whole number, or all")
    return int(text)
