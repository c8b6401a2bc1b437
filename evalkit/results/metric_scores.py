"""The scores of one metric: its rows, averages and signature, from its counts."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from evalkit.errors import InputError, UnknownNameError, escape_controls, warn_deprecated
from evalkit.results.ceiling import Ceiling
from evalkit.results.lenient_report import build_plain_row
from evalkit.results.metadata import PlainDifference
from evalkit.results.rows import Muc, Row, build_row
from evalkit.results.summary import build_metric_report
from evalkit.results.tables import RENDERERS, Report, to_html_fragment
from evalkit.scoring.cells import FOUND, FOUND_HALF, GOLD, PREDICTED, WRONG_GOLD
from evalkit.scoring.columns import Ints
from evalkit.scoring.counts import Accuracy, Counts
from evalkit.scoring.digest import CorpusDigests
from evalkit.scoring.metrics import Metric, get_scheme
from evalkit.scoring.pairs import ItemPair
from evalkit.stats.intervals import RATIOS, IntervalTable, Resampling, ratios_of

if TYPE_CHECKING:
    from evalkit.analysis.document_errors import DocumentErrors
    from evalkit.analysis.error_collector import ErrorRequest, ErrorSummary
    from evalkit.analysis.error_counts import ErrorCounts
    from evalkit.analysis.error_items import ErrorItem
    from evalkit.results.cascade_gains import CascadeGain


class ScoringSource(Protocol):
    """What was counted, for the few things that scores do not keep: each is computed when it is
    asked for. has_documents: whether
    errors can be looked up. has_texts: whether documents have texts.
    """

    has_documents: bool
    has_texts: bool

    def pairs(self, metric: Metric) -> Iterator[ItemPair]:
        """The items of a metric, matched. Raises InputError if the documents are not available."""

    def counts_with_muc(self) -> Sequence[Counts]:
        """The counts of each metric, with those that only MUC's sums need."""

    def summarize_errors(self, request: ErrorRequest) -> ErrorSummary:
        """The errors of a layer, counted. Raises InputError as `pairs` does."""

    def iter_errors(self, layer: str) -> Iterator[ErrorItem]:
        """The errors of a layer in the order of the text. Raises InputError as `pairs` does."""

    def iter_documents(
        self, layers: Sequence[str], ids: Collection[str]
    ) -> Iterator[DocumentErrors]:
        """Some documents with all items of some layers. Raises InputError as `pairs` does."""

    def measure_cascades(self, metric: Metric) -> list[CascadeGain]:
        """What a metric would gain if other layers were correct; nothing without documents."""

    def digests(self) -> CorpusDigests | None:
        """The digests of gold; None for scores that were made without documents."""


class CountsOnly:
    """The source of scores that were read from a file: there are no documents."""

    has_documents, has_texts = False, False

    def __init__(
        self, digests: CorpusDigests | None, error_counts: Mapping[str, ErrorCounts] | None = None
    ) -> None:
        """Keep the digests and the counts of errors of the file."""
        self._digests = digests
        self._error_counts = error_counts or {}

    def pairs(self, metric: Metric) -> Iterator[ItemPair]:
        """Raise InputError."""
        raise InputError(
            f"{metric}: pairs need the documents, and these scores hold only counts; score the"
            " corpora again"
        )

    def summarize_errors(self, request: ErrorRequest) -> ErrorSummary:
        """The counts of the file, without examples and breakdowns. Raises InputError if it has
        none, or if breakdowns are requested.
        """
        if request.layer not in self._error_counts or request.shown_features:
            raise self._no_documents(request.layer)
        from evalkit.analysis.error_collector import ErrorSummary

        return ErrorSummary(self._error_counts[request.layer])

    def iter_errors(self, layer: str) -> Iterator[ErrorItem]:
        """Raise InputError."""
        raise self._no_documents(layer)

    def iter_documents(
        self, layers: Sequence[str], ids: Collection[str]
    ) -> Iterator[DocumentErrors]:
        """Raise InputError."""
        del ids
        raise self._no_documents(", ".join(layers))

    def measure_cascades(self, metric: Metric) -> list[CascadeGain]:  # noqa: ARG002
        """Nothing: the documents are needed."""
        return []

    def _no_documents(self, layer: str) -> InputError:
        return InputError(
            f"errors of {layer} need the documents, and these scores hold only counts; score the"
            " corpora again"
        )

    def counts_with_muc(self) -> Sequence[Counts]:
        """No counts: those of a file hold all that MUC's sums need."""
        return ()

    def digests(self) -> CorpusDigests | None:
        """The digests of the file."""
        return self._digests


class MetricScores:
    """The scores of one metric: `scores["entities/strict"]["ORG"].f1`, `.micro`, `.macro`,
    `.weighted`, `.signature`.
    """

    def __init__(
        self,
        counts: Counts,
        resampling: Resampling,
        source: ScoringSource,
        plain_difference: PlainDifference | None = None,
        ceiling: Ceiling | None = None,
    ) -> None:
        """Keep the counts. `source` computes what few users ask for. plain_difference: what plain
        gold changes. ceiling: the agreement of the annotators of gold, if it was measured.
        """
        self.counts = counts
        self.resampling = resampling
        self.metric = Metric.parse(counts.metric)
        self._source = source
        self._plain_difference = plain_difference
        self.ceiling = ceiling
        self._intervals = IntervalTable(counts, resampling)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of gold, prediction and schema, sorted."""
        return self.counts.labels

    @cached_property
    def _label_index(self) -> dict[str, int]:
        """The row of each label in the totals."""
        return {label: index for index, label in enumerate(self.counts.labels)}

    @cached_property
    def _label_rows(self) -> list[Row]:
        """The row of each label."""
        return [
            self._build_row(totals, label=label)
            for label, totals in zip(self.counts.labels, self.counts.totals)
        ]

    def __getitem__(self, label: str) -> Row:
        if label not in self._label_index:
            raise UnknownNameError("label", label, self.counts.labels, within=self.counts.metric)
        return self._label_rows[self._label_index[label]]

    @property
    def micro(self) -> Row:
        """The sums over all labels."""
        return self._build_row(self.counts.totals.sum(axis=0), average="micro")

    @property
    def plain(self) -> Row | None:
        """The micro average without alternatives, optional items and ignore regions of gold; None
        if gold has none, or they were not used.
        """
        if self._plain_difference is None:
            return None
        totals = self.counts.totals.sum(axis=0)
        return build_plain_row(self.metric, totals, self._plain_difference)

    @property
    def macro(self) -> Row:
        """The unweighted mean over the labels that have a gold or predicted item; an undefined
        ratio counts as 0.
        """
        return self._mean("macro")

    @property
    def weighted(self) -> Row:
        """The mean over the same labels as `macro`, weighted by their gold items."""
        return self._mean("weighted")

    @property
    def per_document(self) -> Row:
        """The unweighted mean of the documents' ratios, over documents that have an item on either
        side; an undefined ratio counts as 0.
        """
        means: dict[str, float | None] = {}
        credits = self.counts.credits_by_document()
        with_items = credits[(credits[:, 0] > 0) | (credits[:, 1] > 0)]
        for name, ratios in ratios_of(with_items).items():
            means[name] = None
            if len(with_items):
                # A sum that is rounded only once does not depend on the order of the documents.
                means[name] = math.fsum(np.nan_to_num(ratios).tolist()) / len(with_items)
        return self._build_average_row("per-document", means)

    @property
    def accuracy(self) -> Accuracy | None:
        """How many of the pairs of items with one span are equal in value, id or speaker:
        `correct`, `pairs`, and their ratio `value`. None for metrics other than the strict ones of
        `entities:KEY`, `links` and `speakers`.
        """
        return self.counts.accuracy

    @property
    def signature(self) -> str:
        """One line with everything that the numbers depend on."""
        return escape_controls(
            "|".join(f"{name}:{value}" for name, value in self.signature_fields.items())
        )

    @cached_property
    def signature_fields(self) -> dict[str, str]:
        """The fields of the signature."""
        fields = dict(self.counts.signature)
        if fields.get("corpus", "").endswith("@"):
            digests = self._source.digests()
            if digests is not None:
                fields["corpus"] += digests.digest_of(self.metric.digest_layer)[:8]
        return fields

    @property
    def signed(self) -> dict[str, str]:
        """Deprecated name of `signature_fields`."""
        warn_deprecated("MetricScores.signed is deprecated: use MetricScores.signature_fields")
        return self.signature_fields

    @property
    def counts_with_muc(self) -> Counts:
        """The counts, with those that only MUC's sums need; these are computed on first use."""
        if not self.counts.has_incorrect:
            for counts in self._source.counts_with_muc():
                if counts.metric == self.counts.metric:
                    self.counts = counts
        return self.counts

    @property
    def muc(self) -> Muc:
        """The counts of SemEval-2013 (MUC), over all labels."""
        total = self.counts_with_muc.totals.sum(axis=0)
        correct = int(total[FOUND])
        partial = int(total[FOUND_HALF])
        incorrect = int(total[WRONG_GOLD])
        matched = correct + partial + incorrect
        return Muc(
            correct=correct,
            incorrect=incorrect,
            partial=partial,
            missing=int(total[GOLD]) - matched,
            spurious=int(total[PREDICTED]) - matched,
        )

    def rows(self) -> list[Row]:
        """A row for each label, then the averages."""
        return [
            *self._label_rows,
            self.micro,
            self.macro,
            self.weighted,
            self.per_document,
        ]

    def by_document(self) -> list[tuple[str, Row]]:
        """The micro average of each document, in the order of gold (of a result that was read from
        a file, by id).
        """
        return self._group_rows([unit.document for unit in self.counts.units])

    def by_zone(self) -> list[tuple[str, Row]]:
        """The micro average of each zone label; "" for documents without zones."""
        return self._group_rows([unit.zone or "" for unit in self.counts.units])

    def __repr__(self) -> str:
        labels = len(self.labels)
        noun = "label" if labels == 1 else "labels"
        return f"<MetricScores {self.metric}: {labels} {noun}, {describe_micro(self)}>"

    def __str__(self) -> str:
        return RENDERERS["table"](self._report(), None)

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def _report(self) -> Report:
        """The table of this metric alone."""
        return build_metric_report(
            self.rows(),
            self.signature_fields,
            self.counts.set_aside,
            self.resampling,
            self.counts.resampling_unit_count,
            self.accuracy,
            self.plain,
        )

    def _group_rows(self, group_of_unit: Sequence[str]) -> list[tuple[str, Row]]:
        """The micro average of each group of units, without intervals."""
        names = list(dict.fromkeys(group_of_unit))
        index = {name: n for n, name in enumerate(names)}
        groups = np.array([index[name] for name in group_of_unit], np.int64)
        totals = self.counts.sum_groups(groups[self.counts.unit], len(names))
        return [
            (name, build_row(self.metric, total, average="micro"))
            for name, total in zip(names, totals)
        ]

    def _build_row(
        self, totals: Ints, *, label: str | None = None, average: str | None = None
    ) -> Row:
        return build_row(
            self.metric,
            totals,
            label=label,
            average=average,
            intervals=self._intervals,
            level=self.resampling.level,
        )

    def _mean(self, average: str) -> Row:
        """The mean over the labels that have an item on either side; an undefined ratio counts as
        0. The weighted mean is 0 where there is no gold item.
        """
        rows = [row for row in self._label_rows if row.gold or row.predicted]
        weights = [row.gold or 0 for row in rows] if average == "weighted" else [1] * len(rows)
        total_weight = sum(weights)
        means: dict[str, float | None] = {}
        for name in RATIOS:
            if not rows or (name == "f1" and not get_scheme(self.metric.scheme).same_label):
                means[name] = None
            elif not total_weight:
                means[name] = 0.0
            else:
                values = [getattr(row, name) or 0 for row in rows]
                weighted = [value * weight for value, weight in zip(values, weights, strict=True)]
                means[name] = sum(weighted) / total_weight
        return self._build_average_row(average, means)

    def _build_average_row(self, average: str, means: Mapping[str, float | None]) -> Row:
        return Row(
            metric=str(self.metric),
            label=None,
            average=average,
            precision=means["precision"],
            recall=means["recall"],
            f1=means["f1"],
            intervals=self._intervals,
            level=self.resampling.level,
        )


def describe_micro(scores: MetricScores) -> str:
    """The micro F1, for a line that describes the scores."""
    f1 = scores.micro.f1
    return f"micro F1 {'undefined' if f1 is None else f'{f1:.3f}'}"
