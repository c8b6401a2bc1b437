"""What is done with corpora on the command line?

Checked, begun, and written in other formats. What is left out is told on stderr.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.options import CorpusPath, Output, check_writable, write_output
from evalkit.corpus import (
    Corpus,
    collect_documents,
    describe_contents,
    iter_documents,
    load_corpus,
    load_schema_for,
    refuse_empty_texts,
    refuse_unread,
    resolve_location,
    with_offset_hints,
)
from evalkit.data.document import LAYERS, Document
from evalkit.errors import (
    InputError,
    LoadError,
    advise_extra,
    print_line,
    print_notice,
    quoted_repr,
)
from evalkit.evaluation.document_join import is_jsonl
from evalkit.formats.conversion import Losses
from evalkit.formats.registry import FORMATS, CorpusLocation, parse_location
from evalkit.hub.card_builder import REPO, card_for_path, card_source_path
from evalkit.hub.card_check import card_errors
from evalkit.hub.card_source import CardSource, read_part, split_card
from evalkit.hub.dataset_files import read_license
from evalkit.hub.new_corpus import create_or_extend_corpus
from evalkit.hub.publishing import publish as published
from evalkit.results.scores import Scores
from evalkit.results.summary import pluralize
from evalkit.scoring.span_edges import SpanEdges, describe_edges

MAX_SHOWN_DIFFERENCES = 5  # places in which a card departs from the one that would be written


def validate(corpus: CorpusPath = None) -> None:
    """Check a corpus: offsets, texts, ids, and what its schema declares."""
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
        str, typer.Argument(metavar="IN", help="A corpus in any format: see `evalkit formats`.")
    ],
    target: Annotated[str, typer.Argument(metavar="OUT", help="A file or folder.")],
    read_as: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FORMAT", help="The format of IN, where its name does not tell."
        ),
    ] = None,
    write_as: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="FORMAT", help="The format of OUT, where its name does not tell."
        ),
    ] = None,
    *,
    predictions: Annotated[
        bool,
        typer.Option(
            "--predictions", help="IN holds predictions, in which an annotation may stand twice."
        ),
    ] = False,
) -> None:
    """Write a corpus in another format, and say what that format cannot hold.

    Options: FORMAT:PATH?KEY=VALUE.
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
        Path, typer.Argument(metavar="DIR", help="A new folder, or a corpus that is to grow.")
    ],
    texts: Annotated[
        list[Path] | None, typer.Argument(metavar="[TEXT…]", help="Text files, in UTF-8.")
    ] = None,
    *,
    text: Annotated[
        list[Path] | None,
        typer.Option("--text", metavar="FILE", help="Text files; more may follow."),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="CORPUS", help="Take the schema of this corpus, such as evalkit-news."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Of the texts, such as en.")
    ] = None,
    provenance: Annotated[
        str | None, typer.Option("--provenance", help="Where the texts come from.")
    ] = None,
    rights: Annotated[
        str | None, typer.Option("--rights", help="Who may do what with them.")
    ] = None,
) -> None:
    """Lay out a corpus: texts byte for byte, with guidelines and a schema to fill.

    A corpus that is there grows.
    """
    every = [*(text or ()), *(texts or ())]
    if not every:
        raise InputError("new: name the texts, as in evalkit new DIR --text a.txt b.txt")
    added = create_or_extend_corpus(
        folder,
        every,
        schema=load_corpus(like).schema if like else None,
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


def formats() -> None:
    """List the formats of corpora: the name that may stand before a colon, the suffixes that tell
    it, and what it is.
    """
    rows = [
        (
            name,
            ", ".join(of.suffixes).replace("/", "a folder"),
            of.what + (f"; needs {advise_extra(of.extra)}" if of.missing else ""),
        )
        for name, of in FORMATS.items()
    ]
    width, told = (max(len(row[n]) for row in rows) for n in (0, 1))
    for name, suffixes, what in rows:
        print_line(f"{name:{width}}  {suffixes:{told}}  {what}")


def card(
    corpus: CorpusPath = None,
    *,
    output: Output = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="FILE",
            help="Check a card against the corpus instead of writing one.",
        ),
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="The card of a publication that holds the texts.")
    ] = False,
    repo: Annotated[
        str,
        typer.Option(
            "--repo", metavar="OWNER/NAME", help="Where the data set will stand on the Hub."
        ),
    ] = "OWNER/NAME",
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="RESULT",
            help="A saved result, as the baseline of a corpus of yours.",
        ),
    ] = None,
    command: Annotated[
        str, typer.Option("--command", help="The command that gave --results.")
    ] = "",
) -> None:
    """Write the corpus's dataset card for the Hugging Face Hub, from its schema, its counts and
    corpus/card.md; or check one.
    """
    if check:
        wrong = list(card_errors(read_text(check), load_and_report_losses(corpus), name=str(check)))
        if wrong:
            raise LoadError(wrong)
        print_line(f"{check}: every section is filled, and the counts are those of this corpus")
        for line in card_differences(read_text(check), corpus, with_text=with_text):
            print_line(f"{check}:{line}")
        return
    check_writable(output, corpus)
    scores = Scores.load(results) if results else None
    write_output(
        card_for_path(
            corpus, with_text=with_text, repo=repo, scores=scores, command=command
        ).removesuffix("\n"),
        output,
    )


def publish(
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="The data set's name on the Hub.")
    ],
    corpus: CorpusPath = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")
    ] = False,
    with_text: Annotated[
        bool,
        typer.Option(
            "--with-text",
            help=(
                "Send the texts too. Without it offsets and digests go out, and nothing that quotes"
                " them."
            ),
        ),
    ] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="The branch; the Hub's default is main.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a data set that only you see.")
    ] = False,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
    ] = False,
    tag: Annotated[
        str | None,
        typer.Option("--tag", help="The version's tag. Default: v and the schema's version."),
    ] = None,
    card_file: Annotated[
        Path | None,
        typer.Option(
            "--card", metavar="FILE", help="A card of your own. Default: what evalkit card writes."
        ),
    ] = None,
    licence: Annotated[
        Path | None,
        typer.Option("--licence", metavar="FILE", help="The terms. Default: the corpus's LICENSE."),
    ] = None,
) -> None:
    """Publish a corpus on the Hugging Face Hub: card, tables, schema, licence, Croissant file, and
    a version tag.
    """
    known, place = load_and_report_losses(corpus), resolve_location(corpus)
    told = (
        read_text(card_file).replace(REPO, repo)
        if card_file
        else card_for_path(corpus, corpus=known, with_text=with_text, repo=repo)
    )
    terms = read_text(licence) if licence else read_license(place.path)
    if card_file and card_source_path(corpus).is_file():
        check_license_fields(
            split_card(told, str(card_file))[0], read_part(card_source_path(corpus)), card_file
        )
    sending = published(
        known,
        repo,
        card=told,
        licence=terms,
        with_text=with_text,
        dry_run=dry_run,
        revision=revision,
        private=private,
        create_pr=create_pr,
        tag=tag,
    )
    for line in sending:
        print_line(line)


def card_differences(text: str, corpus: str | None, *, with_text: bool) -> Iterator[str]:
    """Where a card departs from the one that would be written: a person may have meant it, and a
    reader should know.
    """
    found = re.search(r'load_dataset\("([^"]+)"', text)
    wanted = card_for_path(
        corpus, with_text=with_text, repo=found[1] if found else REPO
    ).splitlines()
    lines = text.splitlines()
    changed = [
        tag
        for tag in SequenceMatcher(None, wanted, lines, autojunk=False).get_opcodes()
        if tag[0] != "equal"
    ]
    for _, _, _, start, end in changed[:MAX_SHOWN_DIFFERENCES]:
        yield (
            f"{start + 1}: not as evalkit card writes it:"
            f" {quoted_repr(' '.join(lines[start:end]) or 'lines are missing')}"
        )
    if len(changed) > MAX_SHOWN_DIFFERENCES:
        yield f" and {len(changed) - MAX_SHOWN_DIFFERENCES} more places"


def check_license_fields(metadata: Mapping[str, Any], part: CardSource, where: Path) -> None:
    """Refuse a card that states other terms or another language than the corpus's own words do."""
    for name in ("license", "license_name", "license_link", "language", "annotations_creators"):
        if metadata.get(name) != part.metadata.get(name):
            raise InputError(
                f"{where}: {name}: {quoted_repr(metadata.get(name))}, and {part.where} says"
                f" {quoted_repr(part.metadata.get(name))}; change one of them"
            )


def read_text(path: Path) -> str:
    """A text file. Raises InputError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def warn_of_contents(place: CorpusLocation, documents: Sequence[Document]) -> None:
    """Refuse a corpus without documents or texts; warn on stderr if it has no annotations, or
    entities with white space or punctuation at an edge.
    """
    if not documents:
        raise InputError(f"{place.path}: no documents")
    refuse_empty_texts(documents, place)
    if not any(getattr(document, layer) for document in documents for layer in LAYERS):
        print_notice(
            f"{place.path}: warning: no annotations were read in any of"
            f" {pluralize(len(documents), 'document')}"
        )
    edges = SpanEdges()
    edges.take(documents)
    text = next(
        (
            document.text
            for document in documents
            if edges.example and document.id == edges.example[0]
        ),
        None,
    )
    sentence = describe_edges(str(place.path), edges, text)
    if sentence:
        print_notice(f"warning: {sentence}")


def report_losses(losses: Losses, where: str, what: str = "not read") -> None:
    """Say on stderr what was dropped, repaired and skipped in reading or writing. what: how to say
    that something was dropped.
    """
    for section, counts in losses.sections().items():
        for line in counts.lines():
            print_notice(f"{where}: {what if section == 'dropped' else section}: {line}")


def load_and_report_losses(path: str | Path | None, *, predictions: bool = False) -> Corpus:
    """The corpus at a path; what its format held and documents do not is told on stderr."""
    corpus = load_corpus(path, predictions=predictions)
    report_losses(corpus.conversion, str(path))
    refuse_empty_texts(corpus, resolve_location(path))
    return corpus


def load_or_stream(path: str, *, predictions: bool = False) -> Corpus | str:
    """The corpus at a path; for JSONL only the path, since it is scored block by block."""
    place = parse_location(path)
    streamed = place.format in (None, "jsonl") and not place.options and is_jsonl(place.path)
    return path if streamed else load_and_report_losses(path, predictions=predictions)


COMMANDS = {
    command.__name__: command for command in (validate, convert, new, formats, card, publish)
}
