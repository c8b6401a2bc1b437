"""The agreement F1 of pairs of annotators, and its mean over pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from evalkit.evaluation.agreement_inputs import PreparedAnnotators
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.results.agreement_result import AgreementF1, DocumentF1
from evalkit.results.metric_scores import MetricScores
from evalkit.results.scores import Scores
from evalkit.scoring.columns import Ints
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric, get_scheme
from evalkit.stats.intervals import split_credits
from evalkit.stats.pair_means import mean_f1_interval


def score_pair(
    prepared: PreparedAnnotators,
    options: ScoreOptions,
    a: str,
    b: str,
    metrics: Sequence[Metric],
) -> Scores | None:
    """The scores of two annotators over the documents that both annotated in the layer of some
    metrics, which is one layer of documents; None without such a document.
    """
    document_layer = get_layer(metrics[0].layer).document_layer
    ids = prepared.ids_with_layer(document_layer, (a, b))
    if not ids:
        return None
    first, second = (prepared.select_documents(name, ids) for name in (a, b))
    zones = options.zones
    if isinstance(zones, frozenset):
        # The zones of other documents are no mistake here.
        zones &= {zone.label for document in first for zone in document.zones}
    inputs = EvaluationInputs(a, b, prepared.schema, first, second, "error", duplicates="drop")
    run = ScoringRun(
        inputs,
        replace(options, metrics=tuple(metrics), zones=zones),
        len(ids),
        # The maps depend on all metrics, of which these are a part.
        options.resolve_labels(prepared.schema),
    )
    return Scores.from_result(run.count(), run)


class PairMeans:
    """The mean F1 over pairs of one metric: of all items, of each label, and of each document."""

    def __init__(
        self, metric: Metric, scores: Sequence[MetricScores | None], level: float | None
    ) -> None:
        """Keep the scores of all pairs; None for a pair without a common document. level: of
        intervals; None for none.
        """
        self._metric, self._level = metric, level
        self._scores = [each for each in scores if each is not None]
        index: dict[str, int] = {}
        self._documents = [
            [index.setdefault(id, len(index)) for id in each.counts.resampling_units.documents]
            for each in self._scores
        ]
        self._index = index

    def rows(self, values: Sequence[float | None]) -> list[AgreementF1]:
        """The row of the metric, and of each label with an item. values: the F1 of each pair."""
        credits = [each.counts.credits_by_unit() for each in self._scores]
        rows = [self._row(None, values, *self._spread(zip(self._documents, credits)))]
        if not get_scheme(self._metric.scheme).same_label:
            return rows
        tables = [each.counts.credits_by_label() for each in self._scores]
        for label in sorted({label for each in self._scores for label in each.labels}):
            f1: list[float | None] = []
            of_label = []
            for scores, documents, table in zip(self._scores, self._documents, tables):
                if label not in scores.labels:
                    continue
                f1.append(scores[label].f1)
                number = scores.labels.index(label)
                start = int(table.sizes[:number].sum())
                here = slice(start, start + int(table.sizes[number]))
                numbers = [documents[unit] for unit in table.units[here].tolist()]
                of_label.append((numbers, table.credits[here]))
            if any(value is not None for value in f1):
                rows.append(self._row(label, f1, *self._spread(of_label)))
        return rows

    def _spread(self, parts: Iterable[tuple[list[int], Ints]]) -> tuple[Ints, Ints]:
        """The right and all items of each pair and document: pairs × documents."""
        right: list[Ints] = []
        total: list[Ints] = []
        for documents, credits in parts:
            for rows, values in zip((right, total), split_credits(credits)["f1"]):
                row = np.zeros(len(self._index), np.int64)
                row[documents] = values
                rows.append(row)
        shape = (-1, len(self._index))
        return np.array(right, np.int64).reshape(shape), np.array(total, np.int64).reshape(shape)

    def _row(
        self, label: str | None, values: Sequence[float | None], right: Ints, total: Ints
    ) -> AgreementF1:
        known = [value for value in values if value is not None]
        low = high = None
        reason = ""
        if self._level is not None:
            low, high, reason = mean_f1_interval(right, total, self._level)
        return AgreementF1(
            str(self._metric),
            label,
            sum(known) / len(known) if known else None,
            low,
            high,
            reason,
            min(known, default=None),
            max(known, default=None),
            len(known),
            len(self._index),
        )

    def document_rows(self, ids: Sequence[str]) -> list[DocumentF1]:
        """The row of each document in a pair. ids: of all documents, in order."""
        values: dict[str, list[float]] = {id: [] for id in self._index}
        for each in self._scores:
            for document, row in each.by_document():
                if row.f1 is not None:
                    values[document].append(row.f1)
        rows = []
        for id in ids:
            if id not in values:
                continue
            known = values[id]
            mean = sum(known) / len(known) if known else None
            ends = min(known, default=None), max(known, default=None)
            rows.append(DocumentF1(str(self._metric), id, mean, *ends, len(known)))
        return rows
