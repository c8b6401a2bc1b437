"""Commands for corpora: validate, convert, new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.inputs import report_losses, warn_of_contents
from evalkit.cli.option_values import check_writable
from evalkit.cli.options import CorpusPath
from evalkit.corpus import load_corpus, resolve_location
from evalkit.data.document import LAYERS
from evalkit.data.document_display import describe_contents
from evalkit.errors import InputError, LoadError, print_line, print_notice
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.loading import (
    collect_documents,
    iter_documents,
    load_schema_for,
    refuse_unread,
    with_offset_hints,
)
from evalkit.formats.registry import parse_location
from evalkit.hub.new_corpus import create_or_extend_corpus
from evalkit.results.summary import pluralize


def validate(corpus: CorpusPath = None) -> None:
    """Check offsets, texts, ids and the schema of a corpus."""
    location, conversion = resolve_location(corpus), ConversionReport()
    schema = load_schema_for(location)
    try:
        documents = collect_documents(iter_documents(location, conversion, schema=schema))
    except LoadError as error:
        raise with_offset_hints(error, location) from None
    report_losses(conversion, str(location.path))
    refuse_unread(location, documents)
    warn_of_contents(location, documents)
    counts = {
        layer: sum(len(getattr(d, layer) or ()) for d in documents)
        for layer in ("entities", "events", "attributions")
    }
    checked = "offsets, texts and ids" + (
        ", labels, zones and rules of the schema" if schema else "; no schema.json"
    )
    print_line(
        f"{location.path}: {pluralize(len(documents), 'document')},"
        f" {', '.join(f'{n} {layer}' for layer, n in counts.items())}: valid ({checked})"
    )
    for line in describe_contents(documents):
        print_line(f"  {line}")


def convert(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A corpus in any format (see evalkit formats).")
    ],
    target: Annotated[str, typer.Argument(metavar="OUT", help="A file or folder.")],
    read_as: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help="Format of IN; default: by its name."),
    ] = None,
    write_as: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="Format of OUT; default: by its name."),
    ] = None,
    *,
    predictions: Annotated[
        bool,
        typer.Option(
            "--predictions", metavar="", help="IN holds predictions, where duplicates are allowed."
        ),
    ] = False,
) -> None:
    """Convert a corpus to another format.

    Annotations that the format cannot hold are reported on stderr.

    Options of formats: FORMAT:PATH?KEY=VALUE; see evalkit formats FORMAT.
    """
    out = parse_location(f"{write_as}:{target}" if write_as else target)
    source_location = resolve_location(f"{read_as}:{source}" if read_as else source)
    check_writable(out.path, str(source_location.path), option="OUT", folders=True)
    corpus = load_corpus(source_location, predictions=predictions)
    report_losses(corpus.conversion, f"{read_as}:{source}" if read_as else source)
    warn_of_contents(source_location, list(corpus))
    report_losses(
        corpus.save(out.path if out.format is None else f"{out.format}:{out.path}", **out.options),
        target,
        "not written",
    )
    sizes = {
        layer: sum(len(getattr(document, layer) or ()) for document in corpus) for layer in LAYERS
    }
    read_layers = ", ".join(f"{size:,} {layer}" for layer, size in sizes.items() if size)
    print_line(
        f"{out.path}: {pluralize(len(corpus), 'document')} (read:"
        f" {read_layers or 'no annotations'})"
    )


def new(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or a corpus to add texts to.")
    ],
    texts: Annotated[
        list[Path] | None, typer.Argument(metavar="TEXT", help="Text files, in UTF-8.")
    ] = None,
    *,
    text: Annotated[list[Path] | None, typer.Option("--text", hidden=True)] = None,
    schema_from: Annotated[
        str | None,
        typer.Option(
            "--schema-from",
            metavar="CORPUS",
            help="Copy the schema of this corpus, such as evalkit-news.",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="CODE", help="Language of the texts, such as en."),
    ] = None,
    provenance: Annotated[
        str | None, typer.Option("--provenance", metavar="TEXT", help="Source of the texts.")
    ] = None,
    rights: Annotated[
        str | None, typer.Option("--rights", metavar="TEXT", help="Rights in the texts.")
    ] = None,
) -> None:
    """Create a corpus from text files, or add texts to one.

    Texts are stored unchanged, with guidelines and a schema to fill in.
    """
    if text:
        print_notice("evalkit: --text is deprecated: write evalkit new DIR a.txt b.txt")
    files = [*(text or ()), *(texts or ())]
    if not files:
        raise InputError("new: no texts given; write evalkit new DIR a.txt b.txt")
    added = create_or_extend_corpus(
        folder,
        files,
        schema=load_corpus(schema_from).schema if schema_from else None,
        language=language,
        provenance=provenance,
        rights=rights,
    )
    named = (
        f": {', '.join(added[:5])}{' …' * (len(added) > 5)}"
        if added
        else ", since the corpus holds these texts already"
    )
    print_line(f"{folder}: {pluralize(len(added), 'document')} added{named}")
    print_line(
        f"next: rules in {folder}/annotations/GUIDELINES.md, which says how annotations are written"
        f" down, and labels in schema.json beside it; evalkit validate {folder}"
    )
    print_line(
        f"to publish it: the words of its card in {folder}/corpus/card.md, and who may do what in"
        f" {folder}/corpus/LICENSE"
    )


COMMANDS = {"validate": validate, "convert": convert, "new": new}
