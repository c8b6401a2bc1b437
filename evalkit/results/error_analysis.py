"""The errors of a system in one layer: what kinds there are, what they cost, and where they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from evalkit.analysis.attached_errors import gains_by_need
from evalkit.analysis.breakdowns import Bucket
from evalkit.analysis.document_errors import DocumentErrors
from evalkit.analysis.error_collector import MAX_EXAMPLES, ErrorRequest, ErrorSummary
from evalkit.analysis.error_counts import Gain
from evalkit.analysis.error_items import ErrorItem
from evalkit.analysis.error_kinds import ALL_KINDS, kinds_of_layer
from evalkit.analysis.fair_counts import FairScores, count_fairly
from evalkit.analysis.features import fold_surface, parse_features
from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_controls,
    escape_controls_in_json,
    spell_option,
)
from evalkit.results.cascade_gains import CascadeGain
from evalkit.results.confusion import Confusion, count_confusions
from evalkit.results.error_report import ErrorReport, StrictNotes, build_error_report
from evalkit.results.error_requests import SPAN_LAYERS, make_error_request
from evalkit.results.metadata import ResultMetadata
from evalkit.results.metric_scores import ScoringSource
from evalkit.results.tables import DEFAULT_FORMAT, RENDERERS, NumberFormat, to_html_fragment
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import Resampling

DEFAULT_EXAMPLES = 5
JSON_FORMATS = ("json", "jsonl")
NO_NOTES = StrictNotes()


class HardDocument(NamedTuple):
    """A document with its wrong items, and the share of F1 that they cost: the shares of all
    documents add up to 1 - F1.
    """

    document: str
    fn: int
    fp: int
    loss: float


class SurfaceErrors(NamedTuple):
    """How often a surface form is wrong in one way: "Islamic State", ORG → PERSON, 4 times.

    surface: of the gold item, or of the prediction where there is none. gold, predicted: the
    labels; None for a side without an item.
    """

    surface: str
    kind: str
    gold: str | None
    predicted: str | None
    n: int


class ErrorAnalysis:
    """The errors of a system in one layer. Print it, or look at its parts."""

    def __init__(
        self,
        request: ErrorRequest,
        summary: ErrorSummary,
        source: ScoringSource,
        resampling: Resampling,
        metadata: ResultMetadata,
        signature: str = "",
        notes: StrictNotes = NO_NOTES,
    ) -> None:
        """signature, notes: of the layer's strict metric."""
        self.request, self.error_counts = request, summary.counts
        self.resampling, self.metadata, self.signature = resampling, metadata, signature
        self.notes = notes
        self._source = source
        self._examples = summary.examples
        self._breakdowns = dict(summary.breakdowns)

    @property
    def layer(self) -> str:
        """The layer that was analyzed."""
        return self.request.layer

    @property
    def f1(self) -> float | None:
        """Micro F1 under strict; None without items."""
        return self.error_counts.f1

    @cached_property
    def counts(self) -> dict[str, int]:
        """A kind to its number of pairs or items; kinds that do not occur have 0.

        gold = all kinds of pairs + missed, such as correct + label + boundary + label+boundary +
        missed; predicted = all kinds of pairs + spurious + duplicate + unplaced.
        """
        return {kind: self.error_counts.count_kind(kind) for kind in kinds_of_layer(self.layer)}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of error that the layer has."""
        return kinds_of_layer(self.layer)[1:]

    @cached_property
    def details(self) -> dict[tuple[str, str], int]:
        """(kind, detail) to the number of pairs or items."""
        counts = self.error_counts
        return {
            (kind, detail): counts.count_kind(kind, detail)
            for kind in self.kinds
            for detail in counts.details_of(kind)
        }

    @property
    def items(self) -> list[ErrorItem]:
        """All errors, in the order of the text.

        Raises InputError if the documents are not available: for scores read from a file.
        """
        return list(self.iter_items())

    def iter_items(self) -> Iterator[ErrorItem]:
        """The same as `items`, one at a time. Goes through all documents again."""
        return self._source.iter_errors(self.layer)

    @property
    def has_documents(self) -> bool:
        """Whether errors can be looked up: not for saved results."""
        return self._source.has_documents

    @property
    def has_texts(self) -> bool:
        """Whether there are documents with texts: not for tags, bare spans and saved results."""
        return self._source.has_texts

    def iter_documents(
        self, ids: Collection[str], layers: Sequence[str] = ()
    ) -> Iterator[DocumentErrors]:
        """Some documents with all items of some layers (default: this one), in the order of gold.

        Raises InputError if the documents are not available.
        """
        return self._source.iter_documents(layers or (self.layer,), ids)

    def examples(self, kind: str, n: int = DEFAULT_EXAMPLES) -> list[ErrorItem]:
        """Some errors of a kind: those with the highest scores, else spread over documents.

        Raises UnknownNameError for an unknown kind.
        """
        if kind not in self.kinds:
            raise UnknownNameError("kind of error", kind, self.kinds)
        return self._examples.get(kind, [])[:n]

    @cached_property
    def confusion(self) -> Confusion:
        """The labels of pairs: of those with the same span, and of all."""
        return count_confusions(self.error_counts)

    @cached_property
    def gains(self) -> list[Gain]:
        """What each kind and each detail that occurs costs: n, loss, gain and its interval.

        The losses of the kinds add up to 1 - F1.
        """
        rows = []
        for kind in self.kinds:
            if not self.counts[kind]:
                continue
            rows.append(self.error_counts.gain(kind, resampling=self.resampling))
            rows += [
                self.error_counts.gain(kind, detail, resampling=self.resampling)
                for detail in self.error_counts.details_of(kind)
            ]
        return rows

    @cached_property
    def gains_by_label(self) -> list[Gain]:
        """What each kind costs in each label: that of gold, or the predicted one of items that have
        no gold item.
        """
        counts = self.error_counts
        return [
            counts.gain(kind, label=label, resampling=self.resampling)
            for label, row in zip(counts.labels, counts.by_label.tolist(), strict=True)
            for kind in self.kinds
            if row[ALL_KINDS.index(kind)]
        ]

    @property
    def gain_without_false_positives(self) -> Gain:
        """What all wrong predictions together cost: a question of precision."""
        return self.error_counts.gain_without_false_positives(self.resampling)

    @property
    def gain_without_false_negatives(self) -> Gain:
        """What all gold items that are not found together cost: a question of recall."""
        return self.error_counts.gain_without_false_negatives(self.resampling)

    @property
    def fair(self) -> FairScores | None:
        """Precision, recall and F1 in which each error counts once (Ortmann 2022); None for layers
        that are not of spans.
        """
        return count_fairly(self.error_counts) if self.layer in SPAN_LAYERS else None

    @cached_property
    def needs(self) -> list[Gain]:
        """What arguments need to become correct, and what each need costs; nothing for other layers
        than attached-arguments.

        A pair may need several corrections. Its loss is divided equally among them, so that all
        losses add up to 1 - F1; a gain is that of one correction alone.
        """
        if self.layer != "attached-arguments":
            return []
        return gains_by_need(self.error_counts, self.resampling)

    @cached_property
    def cascades(self) -> list[CascadeGain]:
        """What the layer would gain if another layer were correct: arguments, realis, attached
        attributions and relations. Scores the corpus again for each correction; nothing without
        documents.
        """
        return self._source.measure_cascades(Metric(self.layer))

    @property
    def breakdowns(self) -> dict[str, list[Bucket]]:
        """A feature to its buckets, for the features that were requested so far."""
        return dict(self._breakdowns)

    def by(self, feature: str) -> list[Bucket]:
        """Recall and precision by a feature; see `analysis.features`. Goes through all documents
        again for a feature that was not requested before.

        Raises UnknownNameError for an unknown feature.
        """
        (name,) = parse_features([feature], has_training=self.request.train is not None)
        if name not in self._breakdowns:
            request = replace(self.request, features=(name,), shown_features=(name,), examples=0)
            self._breakdowns |= self._source.summarize_errors(request).breakdowns
        return self._breakdowns[name]

    def hardest(self, n: int = 10) -> list[HardDocument]:
        """The documents with the largest share of 1 - F1, the largest first."""
        rows = self.error_counts.losses_by_document()[:n]
        return [HardDocument(*row) for row in rows]

    def by_surface(self, n: int = 10) -> list[SurfaceErrors]:
        """The surface forms that are wrong most often, with kind and labels. Goes through all
        documents again; empty for items without text.

        Raises InputError if the documents are not available.
        """
        counts: Counter[tuple[str, str, str | None, str | None]] = Counter()
        for item in self.iter_items():
            shown = item.gold or item.predicted
            if shown is None or not shown.text:
                continue
            surface = shown.text
            if self.request.ignore_case:
                surface = fold_surface(surface)
            labels = [None if side is None else side.label for side in (item.gold, item.predicted)]
            counts[surface, item.kind, labels[0], labels[1]] += 1
        ranked = sorted(counts.items(), key=lambda each: (-each[1], *map(str, each[0])))
        return [SurfaceErrors(*key, number) for key, number in ranked[:n]]

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each kind, each detail, and each kind in each label."""
        return [_gain_to_json(gain) for gain in (*self.gains, *self.gains_by_label)]

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
        examples: int = DEFAULT_EXAMPLES,
        no_text: bool = False,
    ) -> str:
        """The analysis as table, markdown, latex, csv, html, json or jsonl (one error a line).

        width: columns of the terminal, for the table. digits, percent: of ratios; csv and json
        always hold the unrounded fractions. examples: of each kind. no_text: offsets and hashes
        instead of surface forms and context.
        """
        if format == "jsonl":
            return "\n".join(iter_json_lines([self], no_text=no_text))
        if format == "json":
            data = self.to_builtins(examples=examples, no_text=no_text)
            return escape_controls_in_json(json.dumps(data, ensure_ascii=False, indent=1))
        if format == "html":
            return self.to_html(no_text=no_text)
        if format not in RENDERERS:
            raise UnknownNameError("format", format, (*JSON_FORMATS, *RENDERERS))
        numbers = NumberFormat(digits, percent)
        report = self._report(numbers, width=width, examples=examples, text=not no_text)
        if format == "csv":  # the rows of many labels take time
            report = replace(report, rows=tuple(self.rows()))
        return RENDERERS[format](report, width)

    def to_html(self, *, no_text: bool = False, max_documents: int | None = 20) -> str:
        """A page for readers. no_text: without surface forms and context. max_documents: how many
        are shown in full; None for all.

        Raises InputError for another number of documents.
        """
        if max_documents is not None and (type(max_documents) is not int or max_documents < 0):
            raise InputError(
                f"invalid {spell_option('max_documents', max_documents)}: expected a whole number"
                " from 0 on, or None for all"
            )
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.errors_page import build_errors_page

        return build_errors_page([self], text=not no_text, max_documents=max_documents)

    def to_builtins(
        self, *, examples: int = DEFAULT_EXAMPLES, no_text: bool = False
    ) -> dict[str, Any]:
        """The analysis as JSON values."""
        counts = self.error_counts
        return {
            "system": self.metadata.system_name,
            "corpus": self.metadata.corpus.name,
            "metric": f"{self.layer}/strict",
            "signature": self.signature,
            "gold": counts.gold,
            "predicted": counts.predicted,
            "correct": counts.correct,
            "f1": self.f1,
            "approximate_pairs": counts.approximate,
            "gains": self.rows(),
            "false_positives": _gain_to_json(self.gain_without_false_positives),
            "false_negatives": _gain_to_json(self.gain_without_false_negatives),
            "fair": None if self.fair is None else self.fair._asdict(),
            "needs": [_gain_to_json(gain) for gain in self.needs],
            "cascades": [gain.as_dict() for gain in self.cascades],
            "confusion": [
                {"gold": gold, "predicted": predicted, "kind": kind, "n": n}
                for (gold, predicted, kind), n in sorted(counts.pairs.items())
            ],
            "breakdowns": [
                vars(bucket) for buckets in self._breakdowns.values() for bucket in buckets
            ],
            "hardest": [document._asdict() for document in self.hardest()],
            "examples": [
                item.to_json(no_text=no_text)
                for kind in self.kinds
                for item in self.examples(kind, examples)
            ],
        }

    def _report(
        self,
        numbers: NumberFormat = DEFAULT_FORMAT,
        *,
        width: int | None = None,
        examples: int = DEFAULT_EXAMPLES,
        text: bool = True,
    ) -> Any:
        content = ErrorReport(
            metadata=self.metadata,
            notes=self.notes,
            metric=self.request.metric,
            counts=self.error_counts,
            gains=self.gains,
            sides=(self.gain_without_false_positives, self.gain_without_false_negatives),
            fair=self.fair,
            needs=self.needs,
            cascades=self.cascades,
            breakdowns=self._breakdowns,
            shown_features=self.request.shown_features,
            hardest=[tuple(document) for document in self.hardest(DEFAULT_EXAMPLES)],
            examples={kind: self.examples(kind, examples) for kind in self.kinds},
            resampling=self.resampling,
            signature=self.signature,
            has_documents=bool(self._examples) or self._source.has_documents,
            rows=(),
        )
        return build_error_report(content, numbers, width=width, text=text)

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        wrong = sum(self.counts[kind] for kind in self.kinds)
        return escape_controls(
            f"<ErrorAnalysis of {self.metadata.system_name} on {self.metadata.corpus.name}:"
            f" {self.layer}, {wrong:,} errors>"
        )


def analyze_errors(
    source: ScoringSource,
    layer: str,
    resampling: Resampling,
    metadata: ResultMetadata,
    signature: str,
    *,
    by: str | Iterable[str] | None = None,
    train: Any = None,
    metric: str | None = None,
    ignore_case: bool = False,
    examples: int = MAX_EXAMPLES,
    with_texts: bool = True,
    notes: StrictNotes = NO_NOTES,
) -> ErrorAnalysis:
    """The errors of a layer; see `Scores.errors`."""
    request = make_error_request(
        layer,
        by=by,
        train=train,
        metric=metric,
        ignore_case=ignore_case,
        examples=examples,
        with_texts=with_texts,
    )
    summary = source.summarize_errors(request)
    return ErrorAnalysis(request, summary, source, resampling, metadata, signature, notes)


def iter_json_lines(analyses: Iterable[ErrorAnalysis], *, no_text: bool = False) -> Iterator[str]:
    """The errors of some analyses, each as one line of JSON. no_text: without context, and
    with hashes instead of surface forms.
    """
    for analysis in analyses:
        for item in analysis.iter_items():
            line = json.dumps(item.to_json(no_text=no_text), ensure_ascii=False)
            yield escape_controls_in_json(line)


def _gain_to_json(gain: Gain) -> dict[str, Any]:
    return {
        "kind": gain.kind,
        "detail": gain.detail or None,
        "label": gain.label,
        "n": gain.n,
        "loss": gain.loss,
        "gain": gain.gain,
        "low": gain.interval.low,
        "high": gain.interval.high,
        "reason": gain.interval.reason or None,
    }
