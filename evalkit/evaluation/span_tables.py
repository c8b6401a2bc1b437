"""Opens both sides of an evaluation, of which one or both may be a table of spans without texts.

Such a table gets the texts of the other side. Where neither side has texts, the spans are compared
by their offsets alone, on texts of replacement characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.corpus import (
    Corpus,
    CorpusSource,
    JsonlFile,
    load_corpus,
    open_corpus,
    resolve_location,
    to_corpus,
)
from evalkit.data.document import Entity
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.evaluation.span_arrays import BareSpan
from evalkit.files.encodings import open_files_as
from evalkit.formats.arrow_objects import (
    ArrowTable,
    documents_of_results,
    is_arrow_table,
    is_data_frame,
    read_table,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import split_options
from evalkit.formats.registry import CorpusLocation, is_table_file
from evalkit.formats.span_table import WITHOUT_ROWS, SpanTable
from evalkit.scoring.metrics import Metric

Side = Corpus | JsonlFile
NEEDS_TEXTS = ("tokens", "surfaces", "speakers")  # layers that are computed from the texts
WITHOUT_TEXTS = {"texts": "none"}  # the reading option in the signature


def open_sides(
    gold: CorpusSource | CorpusLocation, predicted: CorpusSource | CorpusLocation
) -> tuple[Side, Side]:
    """Returns gold and the predictions; JSONL and Parquet files with documents are not loaded.

    Raises InputError or LoadError for a side that cannot be read.
    """
    gold_side = _open_side(gold, "gold", predictions=False)
    predicted_side = _open_side(predicted, "predictions", predictions=True)
    if not isinstance(gold_side, _SpanSide):
        if isinstance(predicted_side, _SpanSide):
            predicted_side = predicted_side.corpus(_texts_of(gold_side))
        return gold_side, predicted_side
    if not isinstance(predicted_side, _SpanSide):
        return gold_side.corpus(_texts_of(predicted_side)), predicted_side
    if not gold_side.table.spans.keys() & predicted_side.table.spans.keys():
        raise InputError(
            f"{predicted_side.name} and {gold_side.name} have no document in common: expected the"
            " same ids in their columns of documents"
        )
    texts = gold_side.table.fill_texts(predicted_side.table)
    filled_gold, filled_predicted = gold_side.corpus(texts), predicted_side.corpus(texts)
    for corpus in (filled_gold, filled_predicted):
        corpus.read_options.update(WITHOUT_TEXTS)
    return filled_gold, filled_predicted


def check_metrics(metrics: Iterable[Metric], gold: Side) -> None:
    """Raises InputError for a metric that needs texts, if there are none."""
    if not isinstance(gold, Corpus) or gold.read_options.get("texts") != "none":
        return
    for metric in metrics:
        if metric.layer in NEEDS_TEXTS:
            option = spell_option("texts", "FILE", of="format")
            raise InputError(
                f"{metric}: {gold.name} has no texts, from which {metric.layer} are computed; name"
                f" the corpus that has them ({option})"
            )


def lacks_texts(location: CorpusLocation) -> bool:
    """Whether a location is a table of spans without texts."""
    if "texts" in location.options or not is_table_file(location):
        return False
    with open_files_as(split_options(location.options).encoding):
        return bool(location.module.is_span_file(location.path, **_own_options(location)))


def _own_options(location: CorpusLocation) -> dict[str, Any]:
    return split_options(location.options).own


class _SpanSide:
    """A table of spans without texts."""

    def __init__(self, name: str, table: SpanTable) -> None:
        self.name, self.table = name, table

    def corpus(self, texts: Mapping[str, str]) -> Corpus:
        results = self.table.documents(texts, "the other side")
        return Corpus(documents_of_results(results), self.name, None, self.table.conversion)


class _SpanFile(_SpanSide):
    """A file with a table of spans without texts."""

    def __init__(self, location: CorpusLocation, *, predictions: bool) -> None:
        options = _own_options(location)
        with open_files_as(split_options(location.options).encoding):
            table = location.module.read_spans(location.path, ConversionReport(), **options)
        super().__init__(location.path.stem, table)
        self._location, self._predictions = location, predictions

    def corpus(self, texts: Mapping[str, str]) -> Corpus:
        options = {**self._location.options, "texts": texts}
        location = replace(self._location, options=options)
        return load_corpus(location, predictions=self._predictions)


def _open_side(
    source: CorpusSource | CorpusLocation, name: str, *, predictions: bool
) -> Side | _SpanSide:
    if isinstance(source, (str, Path, CorpusLocation)):
        location = resolve_location(source)
        if lacks_texts(location):
            return _SpanFile(location, predictions=predictions)
        return open_corpus(location, predictions=predictions)
    if not isinstance(source, Corpus) and is_arrow_table(source):
        conversion = ConversionReport()
        results, spans = read_table(source, name, conversion)
        if spans is not None and spans.texts is None:
            return _SpanSide(name, spans)
        if spans is not None:
            results = spans.documents(spans.texts or {})
        return Corpus(documents_of_results(results or iter(())), name, None, conversion)
    return to_corpus(source, name)


def _texts_of(side: Side) -> dict[str, str]:
    return {document.id: document.text for document in side}


def list_table_spans(
    gold: ArrowTable, predicted: ArrowTable
) -> tuple[list[list[BareSpan]], list[list[BareSpan]], dict[str, ConversionReport]]:
    """Returns the spans of each document of two tables, in the same order, and what was read.

    A document without rows in one table has no spans there, and is counted. Raises InputError for a
    side that is not a table, for discontinuous spans, and for tables without a common document.
    """
    sides: dict[str, dict[str, list[BareSpan]]] = {}
    reports: dict[str, ConversionReport] = {}
    for name, table in (("gold", gold), ("predicted", predicted)):
        if not is_data_frame(table):
            raise InputError(
                f"{name}: expected a table of spans, as on the other side, got {quoted_repr(table)}"
            )
        reports[name] = ConversionReport()
        sides[name] = _spans_by_document(table, name, reports[name])
    if not sides["gold"].keys() & sides["predicted"].keys():
        raise InputError(
            "predicted and gold have no document in common: expected the same ids in their columns"
            " of documents"
        )
    ids = dict.fromkeys((*sides["gold"], *sides["predicted"]))
    for name, spans in sides.items():
        for id in ids:
            if id not in spans:
                reports[name].repaired.add(WITHOUT_ROWS, f"document {quoted_repr(id)}")
    gold_spans, predicted_spans = ([side.get(id, []) for id in ids] for side in sides.values())
    return gold_spans, predicted_spans, reports


def _spans_by_document(
    table: ArrowTable, name: str, conversion: ConversionReport
) -> dict[str, list[BareSpan]]:
    results, spans = read_table(table, name, conversion)
    by_document: dict[str, list[Entity]] = {}
    if spans is not None:
        if spans.errors:
            raise LoadError(error for errors in spans.errors.values() for error in errors)
        by_document = {id: [row.entity for row in rows] for id, rows in spans.spans.items()}
    else:
        documents = Corpus(documents_of_results(results or iter(())), name)
        by_document = {document.id: list(document.entities or ()) for document in documents}
    bare_spans: dict[str, list[BareSpan]] = {}
    for id, entities in by_document.items():
        if any(entity.fragments for entity in entities):
            raise InputError(
                f"{name}: document {quoted_repr(id)}: a discontinuous span, which is not (start,"
                " end, label); use score(gold, predicted)"
            )
        bare_spans[id] = [(entity.start, entity.end, entity.label) for entity in entities]
    return bare_spans
