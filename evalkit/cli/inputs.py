"""Loading corpora, with notices on stderr about what was not read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.corpus import Corpus, load_corpus, refuse_empty_texts, resolve_location
from evalkit.data.document import LAYERS, Document
from evalkit.errors import InputError, print_notice
from evalkit.evaluation.document_join import is_jsonl
from evalkit.formats.conversion import Losses
from evalkit.formats.registry import CorpusLocation, parse_location
from evalkit.results.summary import pluralize
from evalkit.scoring.span_edges import SpanEdges, describe_edges


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
    """Print on stderr what was dropped, repaired and skipped in reading or writing.

    what: the words for dropped items.
    """
    for section, counts in losses.sections().items():
        for line in counts.lines():
            print_notice(f"{where}: {what if section == 'dropped' else section}: {line}")


def load_and_report_losses(path: str | Path | None, *, predictions: bool = False) -> Corpus:
    """The corpus at a path, with notices on stderr about what was not read."""
    corpus = load_corpus(path, predictions=predictions)
    report_losses(corpus.conversion, str(path))
    refuse_empty_texts(corpus, resolve_location(path))
    return corpus


def load_or_stream(path: str, *, predictions: bool = False) -> Corpus | str:
    """The corpus at a path; for JSONL only the path, since it is scored block by block."""
    place = parse_location(path)
    streamed = place.format in (None, "jsonl") and not place.options and is_jsonl(place.path)
    return path if streamed else load_and_report_losses(path, predictions=predictions)
