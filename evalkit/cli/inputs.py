"""Loading corpora, with notices on stderr about what was not read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.corpus import (
    Corpus,
    JsonlFile,
    load_corpus,
    open_corpus,
    resolve_location,
)
from evalkit.data.document import LAYERS, Document
from evalkit.errors import InputError, print_notice
from evalkit.evaluation.span_tables import lacks_texts
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.loading import refuse_empty_texts
from evalkit.formats.registry import CorpusLocation, is_streamable
from evalkit.results.wording import pluralize
from evalkit.scoring.span_edges import SpanEdges, describe_edges

if TYPE_CHECKING:
    from evalkit.evaluation.agreement_inputs import Annotator

# What is not read of one annotator, and is read of another
_OF_OTHERS = re.compile(r"^(not read|skipped): [\d,]+ \w+ (by others|of other annotators) \(")


def warn_of_contents(location: CorpusLocation, documents: Sequence[Document]) -> None:
    """Refuse a corpus without documents or texts; warn on stderr if it has no annotations, or
    entities with white space or punctuation at an edge.
    """
    if not documents:
        raise InputError(f"{location.path}: no documents")
    refuse_empty_texts(documents, location)
    if not any(getattr(document, name) for document in documents for name in (*LAYERS, "unplaced")):
        print_notice(
            f"{location.path}: warning: no annotations were read in any of"
            f" {pluralize(len(documents), 'document')}"
        )
    edges = SpanEdges()
    edges.take(documents)
    example_text = None
    for document in documents:
        if edges.example and document.id == edges.example[0]:
            example_text = document.text
            break
    sentence = describe_edges(str(location.path), edges, example_text)
    if sentence:
        print_notice(f"warning: {sentence}")


def report_losses(conversion: ConversionReport, where: str, dropped: str = "not read") -> None:
    """Print on stderr what was detected, dropped, repaired and skipped in reading or writing.

    dropped: the heading of what was dropped.
    """
    for line in _describe_losses(conversion, dropped):
        print_notice(f"{where}: {line}")


def _describe_losses(conversion: ConversionReport, dropped: str = "not read") -> Iterator[str]:
    for name in conversion.detected:
        yield f"detected: {name}"
    for section, counts in conversion.sections().items():
        heading = dropped if section == "dropped" else section
        for line in counts.lines():
            yield f"{heading}: {line}"


def report_annotators(annotators: Sequence[Annotator], paths: Sequence[str]) -> None:
    """Print on stderr what was not read of annotators, and refuse empty texts.

    paths: of each annotator; a single one is a file with all of them, of which the same losses are
    printed once.
    """
    is_split = len(paths) == 1
    for number, annotator in enumerate(annotators):
        path = paths[0] if is_split else paths[number]
        if not is_split:
            report_losses(annotator.corpus.conversion, path)
        refuse_empty_texts(annotator.corpus, resolve_location(path))
    if not is_split:
        return
    lines_of: dict[str, list[str]] = {}
    for annotator in annotators:
        described = _describe_losses(annotator.corpus.conversion)
        lines_of[annotator.name] = [line for line in described if not _OF_OTHERS.search(line)]
    first = lines_of[annotators[0].name]
    shared = [line for line in first if all(line in lines for lines in lines_of.values())]
    for line in shared:
        print_notice(f"{paths[0]}: {line}")
    for name, lines in lines_of.items():
        for line in lines:
            if line not in shared:
                print_notice(f"{paths[0]}, {name}: {line}")


def load_and_report_losses(path: str | Path | None, *, predictions: bool = False) -> Corpus:
    """The corpus at a path, with notices on stderr about what was not read."""
    return _load_and_report(resolve_location(path), str(path), predictions=predictions)


def load_or_stream(path: str, *, predictions: bool = False) -> Corpus | str:
    """The corpus at a path; only the path where a file is scored batch by batch, and of a table of
    spans without texts.
    """
    location = resolve_location(path)
    if is_streamable(location) or lacks_texts(location):
        return path
    return _load_and_report(location, path, predictions=predictions)


def load_or_open(path: str | Path | None) -> Corpus | JsonlFile:
    """The corpus at a path, in which duplicates are kept, with notices on stderr; a JSONL file is
    not loaded.
    """
    location = resolve_location(path)
    if not is_streamable(location):
        return _load_and_report(location, str(path), predictions=True)
    opened = open_corpus(location, predictions=True)
    refuse_empty_texts(opened, location)
    return opened


def _load_and_report(location: CorpusLocation, path: str, *, predictions: bool) -> Corpus:
    corpus = load_corpus(location, predictions=predictions)
    report_losses(corpus.conversion, path)
    refuse_empty_texts(corpus, location)
    return corpus
