"""Commands for corpora: validate, convert, new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.inputs import load_and_report_losses, report_losses, warn_of_contents
from evalkit.cli.option_values import check_writable
from evalkit.cli.options import CorpusPath
from evalkit.corpus import (
    collect_documents,
    describe_contents,
    iter_documents,
    load_corpus,
    load_schema_for,
    refuse_unread,
    resolve_location,
    with_offset_hints,
)
from evalkit.data.document import LAYERS
from evalkit.errors import InputError, LoadError, print_line, print_notice
from evalkit.formats.conversion import Losses
from evalkit.formats.registry import parse_location
from evalkit.hub.new_corpus import create_or_extend_corpus
from evalkit.results.summary import pluralize


def validate(corpus: CorpusPath = None) -> None:
    """Check offsets, texts, ids and the schema of a corpus."""
    place, losses = resolve_location(corpus), Losses()
    schema = load_schema_for(place)
    try:
        documents = collect_documents(iter_documents(place, losses, schema=schema))
    except LoadError as error:
        raise with_offset_hints(error, place) from None
    report_losses(losses, str(place.path))
    refuse_unread(place, documents)
    warn_of_contents(place, documents)
    counts = {
        layer: sum(len(getattr(d, layer) or ()) for d in documents)
        for layer in ("entities", "events", "attributions")
    }
    checked = "offsets, texts and ids" + (
        ", labels, zones and rules of the schema" if schema else "; no schema.json"
    )
    print_line(
        f"{place.path}: {pluralize(len(documents), 'document')},"
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
    check_writable(out.path, str(parse_location(source).path), option="OUT", folders=True)
    corpus = load_and_report_losses(
        f"{read_as}:{source}" if read_as else source, predictions=predictions
    )
    warn_of_contents(resolve_location(f"{read_as}:{source}" if read_as else source), list(corpus))
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
