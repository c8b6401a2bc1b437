"""Commands for corpora: validate, stats, convert, new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.inputs import load_or_open, report_losses, warn_of_contents
from evalkit.cli.option_values import (
    check_outputs,
    check_writable,
    output_format,
    terminal_width,
    write_output,
)
from evalkit.cli.options import (
    CorpusPath,
    Detect,
    Digits,
    ExampleContext,
    Examples,
    NoText,
    Output,
    OutputFormat,
    Percent,
    ReportFile,
    SecondCorpusPath,
)
from evalkit.cli.report_output import check_report
from evalkit.corpus import Corpus, JsonlFile, load_corpus, resolve_location
from evalkit.data.document import LAYERS, Document
from evalkit.data.document_display import count_labels, describe_contents
from evalkit.data.schema import Schema
from evalkit.data.similar_labels import find_similar_labels
from evalkit.errors import InputError, LoadError, print_line, print_notice, quoted_repr
from evalkit.files import write_atomically
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.loading import (
    collect_documents,
    iter_documents,
    load_schema_for,
    refuse_unread,
    with_offset_hints,
)
from evalkit.formats.registry import parse_location
from evalkit.formats.writing import find_writer
from evalkit.hub.new_corpus import create_or_extend_corpus, declares_labels, derive_schema
from evalkit.results.corpus_examples import DEFAULT_EXAMPLES, ExampleOptions
from evalkit.results.corpus_stats import CorpusStats
from evalkit.results.sample_size import SampleSize
from evalkit.results.stats_report import StatsReport, arrange_corpora
from evalkit.results.tables import NumberFormat
from evalkit.results.wording import pluralize
from evalkit.stats.planning import validate_difference

MAX_LISTED_IDS = 5
SINGULAR = {
    "entities": "entity",
    "events": "event",
    "attributions": "attribution",
    "relations": "relation",
}


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
    for layer, labels in count_labels(documents).items():
        declared = schema.labels_of("triggers" if layer == "events" else layer) if schema else ()
        for rarer, label in find_similar_labels(labels, declared):
            print_notice(
                f"{location.path}: warning: {layer}: label {quoted_repr(rarer)}"
                f" ({labels[rarer]:,}) resembles {quoted_repr(label)} ({labels[label]:,}); if they"
                " are one, rename it"
            )
    layers = list(LAYERS)
    if all(document.relations is None for document in documents):
        layers.remove("relations")  # few corpora have any
    counts = [count_annotations(documents, layer) for layer in layers]
    print_line(
        f"{location.path}: {pluralize(len(documents), 'document')}, {', '.join(counts)}: valid"
        f" ({_list_checks(schema)})"
    )
    for line in describe_contents(documents):
        print_line(f"  {line}")


def count_annotations(documents: Iterable[Document], layer: str) -> str:
    """The number of annotations of a layer: "1 entity", "2 entities"."""
    size = sum(len(getattr(document, layer) or ()) for document in documents)
    return f"{size:,} {SINGULAR[layer] if size == 1 else layer}"


def _list_checks(schema: Schema | None) -> str:
    """What `validate` has checked, in words."""
    if schema is None:
        return "offsets, texts and ids; no schema.json"
    checks = {
        "labels": declares_labels(schema),
        "zones": bool(schema.zones),
        "rules": bool(schema.rules),
    }
    checked = ", ".join(name for name, is_declared in checks.items() if is_declared)
    if not checked:
        return "offsets, texts and ids; schema.json declares no labels"
    return f"offsets, texts and ids; {checked} of schema.json"


def stats(
    corpus: CorpusPath = None,
    other: SecondCorpusPath = None,
    *,
    examples: Examples = DEFAULT_EXAMPLES,
    context: ExampleContext = False,
    no_text: NoText = False,
    detect: Detect = None,
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
    report: ReportFile = None,
) -> None:
    """Show what a corpus holds: documents, labels and examples.

    A second corpus, such as test data, is compared with the first.

    If both have the same documents, the second is taken as predictions for the first.

    -o FILE.html and --report FILE.html write a page for readers.
    """
    check_outputs({"-o": output, "--report": report}, corpus, other)
    check_report(report)
    format = output_format(form, output)
    numbers = NumberFormat(digits, percent)
    example_options = ExampleOptions(examples, context, no_text)
    if detect is not None:
        validate_difference(detect)
    first = load_or_open(corpus)
    second = None if other is None else load_or_open(other)
    counted = first.stats()
    statistics, heading = arrange_corpora(counted, None if second is None else second.stats())
    sample_sizes: dict[str, SampleSize] = {}
    if detect is not None:
        sample_sizes = _plan_sizes(statistics, detect, second)
    stats_report = StatsReport(statistics, heading, numbers, example_options, sample_sizes)
    if output is not None and format == "html":
        write_atomically(output, stats_report.to_html())
    else:
        write_output(stats_report.render(format, terminal_width(output)), output)
    if report is None:
        return
    if report.suffix == ".html":
        write_atomically(report, stats_report.to_html())
    else:
        write_atomically(report, stats_report.render("markdown") + "\n")


def _plan_sizes(
    statistics: Mapping[str, CorpusStats], difference: float, second: Corpus | JsonlFile | None
) -> dict[str, SampleSize]:
    """The number of documents needed to detect a difference, by the name of a corpus.

    second: the second corpus, which may hold predictions for the first.
    """
    if "predicted" in statistics:
        return {"gold": statistics["gold"].documents_needed(difference, second)}
    return {name: each.documents_needed(difference) for name, each in statistics.items()}


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
    find_writer(out)
    source_location = resolve_location(f"{read_as}:{source}" if read_as else source)
    named_source = f"{source_location.format_name or 'directory'}:{source_location.path}"
    check_writable(out.path, named_source, option="OUT", folders=True)
    corpus = load_corpus(source_location, predictions=predictions)
    report_losses(corpus.conversion, f"{read_as}:{source}" if read_as else source)
    warn_of_contents(source_location, list(corpus))
    report_losses(
        corpus.save(out.path if out.format is None else f"{out.format}:{out.path}", **out.options),
        target,
        "not written",
    )
    counts = [
        count_annotations(corpus, layer)
        for layer in LAYERS
        if any(getattr(document, layer) for document in corpus)
    ]
    print_line(
        f"{out.path}: {pluralize(len(corpus), 'document')} (read:"
        f" {', '.join(counts) or 'no annotations'})"
    )


def new(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or a corpus to add texts to.")
    ],
    texts: Annotated[
        list[Path] | None, typer.Argument(metavar="TEXT…", help="Text files, in UTF-8.")
    ] = None,
    *,
    text: Annotated[list[Path] | None, typer.Option("--text", hidden=True)] = None,
    schema_from: Annotated[
        str | None,
        typer.Option(
            "--schema-from",
            metavar="CORPUS",
            help=(
                "Copy the schema of this corpus; if it declares no labels, list those of its"
                " annotations."
            ),
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
        str | None,
        typer.Option(
            "--rights",
            metavar="TEXT",
            help="Rights in the texts; 'cleared' means that they may be published.",
        ),
    ] = None,
) -> None:
    """Create a corpus from text files, or add texts to one.

    Texts are stored unchanged, with guidelines and a schema to fill in.
    """
    if text:
        print_notice("evalkit: --text is deprecated: write evalkit new DIR a.txt b.txt")
    files = [*(text or ()), *(texts or ())]
    schema = None if schema_from is None else load_or_derive_schema(schema_from)
    added = create_or_extend_corpus(
        folder,
        files,
        schema=schema,
        language=language,
        provenance=provenance,
        rights=rights,
    )
    summary = f"{folder}: {pluralize(len(added), 'document')} added"
    if added:
        more = " …" if len(added) > MAX_LISTED_IDS else ""
        summary += f": {', '.join(added[:MAX_LISTED_IDS])}{more}"
    elif files:
        summary += ": the corpus has these texts already"
    print_line(summary)
    print_line(_describe_next_steps(folder))
    print_line(
        f"to publish: fill {folder}/corpus/card.md; evalkit card {folder} --draft lists what is"
        " missing"
    )


def _describe_next_steps(folder: Path) -> str:
    """What is to be done in a corpus folder, where its schema may declare labels already."""
    schema = load_schema_for(resolve_location(folder))
    schema_path = f"{folder}/annotations/schema.json"
    guidelines = (
        f"write the guidelines ({folder}/annotations/GUIDELINES.md, with the format of annotations)"
    )
    if not declares_labels(schema):
        steps = f"{guidelines} and the labels ({schema_path})"
    elif schema is not None and not all(schema.labels.values()):
        steps = f"{guidelines} and the definitions of the labels ({schema_path})"
    else:
        steps = guidelines
    return f"next: {steps}, annotate, and check with evalkit validate {folder}"


def load_or_derive_schema(path: str) -> Schema:
    """The schema of a corpus, or one of the labels that occur in it.

    Raises InputError where it has neither.
    """
    corpus = load_corpus(path)
    if corpus.schema is not None and declares_labels(corpus.schema):
        return corpus.schema
    derived = derive_schema(corpus)
    if not declares_labels(derived):
        raise InputError(f"--schema-from {path}: the corpus has no schema and no annotations")
    return derived
