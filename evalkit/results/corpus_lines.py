"""Lines about corpora: leakage, sizes, languages, and layers that are not annotated everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_differences import CorpusDifferences
from evalkit.results.wording import join_some, pluralize
from evalkit.scoring.layers import LAYERS


def describe_corpora(
    statistics: Mapping[str, CorpusCounts], differences: CorpusDifferences | None
) -> Iterator[str]:
    """Lines about corpora: leakage, sizes, and layers that are not annotated in all documents."""
    if differences is not None:
        yield from _describe_leakage(differences)
    for name, corpus in statistics.items():
        yield from _describe_corpus(name, corpus)
    if differences is not None and differences.same_ids and not differences.same_documents:
        verb = "id is" if differences.same_ids == 1 else "ids are"
        yield (
            f"{differences.same_ids:,} document {verb} in both {differences.first} and"
            f" {differences.second}"
        )


def _describe_leakage(differences: CorpusDifferences) -> Iterator[str]:
    """A warning of texts that are in both corpora, unless all documents are the same."""
    first, second = differences.first, differences.second
    if differences.same_documents:
        return
    if differences.second_texts:
        verb = "has" if differences.second_texts == 1 else "have"
        yield (
            f"Warning: {pluralize(differences.second_texts, 'document')} of {second} {verb} the"
            f" text of a document of {first}: leakage, if one of them is training data"
        )


def _describe_corpus(name: str, corpus: CorpusCounts) -> Iterator[str]:
    line = (
        f"{name}: {pluralize(corpus.documents, 'document')},"
        f" {pluralize(corpus.characters, 'character')}"
    )
    for layer in corpus.layers.values():
        effective = layer.total.effective_documents
        if effective and corpus.documents > 1:
            line += f"; effective number of documents: {effective:.1f} (by {layer.layer})"
            break
    yield line
    languages = corpus.document_stats.languages
    if languages:
        counts = [f"{language} ({count:,})" for language, count in languages.items()]
        yield f"{name}: language (documents): {join_some(counts)}"
    yield from _describe_layers(name, corpus)
    if marks := corpus.gold_marks.describe():
        yield f"{name}: {marks}"
    if corpus.failed_documents:
        yield f"{name}: {pluralize(corpus.failed_documents, 'document')} failed"
    repeated = corpus.document_stats.repeated_texts
    if repeated:
        yield f"{name}: {repeated:,} documents have the text of another document"


def _describe_layers(name: str, corpus: CorpusCounts) -> Iterator[str]:
    """Lines about layers that are not annotated in all documents, or without any annotation."""
    # Triggers and arguments are annotated together: a line names what documents hold.
    missing: dict[str, None] = {}
    partial: dict[str, int] = {}
    empty = []
    for layer in corpus.layers.values():
        noun = LAYERS[layer.layer].document_layer
        if not layer.annotated_documents:
            missing[noun] = None
        elif layer.annotated_documents < corpus.documents:
            partial[noun] = layer.annotated_documents
        has_none = not layer.total.annotations and not layer.without_trigger
        if layer.annotated_documents and has_none:
            empty.append(layer.layer)
    if missing:
        yield f"{name}: not annotated: {', '.join(missing)}"
    for noun, annotated in partial.items():
        yield f"{name}: {noun} are annotated in {annotated:,} of {corpus.documents:,} documents"
    if empty:
        yield f"{name}: annotated, without any annotation: {', '.join(empty)}"
