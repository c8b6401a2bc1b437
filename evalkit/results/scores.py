"""What is the number?

Counts of what was there, what was said and what agreed, and the ratios of them.

Precision, recall and F1 are worked out of the counts when they are asked for, their intervals when
those are.

    tp      credit on the predicted side: predicted items that answer a gold item, a half for each
            half credit
    found   credit on the gold side: gold items that are answered
    fp = predicted - tp, fn = gold - found
    precision = tp / predicted, recall = found / gold, F1 = 2 tp / (gold + predicted); 0/0 is None

Under a label-free scheme (exact, partial) a label's recall counts gold items of that label, its
precision predicted ones, and only micro and per-document have an F1. `micro` sums the labels.
`macro` is the unweighted mean over the labels that have a gold or predicted item (duplicates and
items without offsets included), an undefined ratio counting as 0; `weighted` weights the same
labels by their gold items. Both equal seqeval 1.2.2's and scikit-learn's, the latter with `labels`
= these labels and `zero_division=0`. `per_document` is the unweighted mean of the documents'
ratios, over documents that have an item on either side.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_controls,
    quoted_repr,
    shorten,
)
from evalkit.files import write_atomically
from evalkit.results.confusion import ConfusionMatrix, import_pandas
from evalkit.results.label_advice import iter_label_warnings
from evalkit.results.result_file import from_json, merge_results, to_json
from evalkit.results.summary import build_report, pluralize, warnings
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    to_html_fragment,
)
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import FOUND, FOUND_HALF, GOLD, PREDICTED, TP, TP_HALF, WRONG_GOLD
from evalkit.scoring.counts import Counts
from evalkit.scoring.digest import CorpusDigests
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import SCHEMES, Metric
from evalkit.scoring.pairs import ItemPair
from evalkit.stats.intervals import (
    NOT_ASKED,
    RATIOS,
    UNDEFINED_RATIO,
    Resampling,
    RowKey,
    compute_intervals,
    ratios_of,
)
from evalkit.stats.resampling import Interval, wilson

COUNTS = ("tp", "found", "fp", "fn", "predicted", "gold")
AVERAGES = ("micro", "macro", "weighted", "per-document")
WHOLE_CREDIT_SCHEMES = (
    "strict",
    "exact",
    "type",
)  # schemes of whole credits, for which a share of items is a share


@dataclass(frozen=True, repr=False)
class Row:
    """A line of a report.

    A label's row has no average, an average's row no label; only micro has counts.

    `f1_low`, `f1_high` and those of the other ratios are the ends of the interval, None where there
    is none; `interval("f1")` says why. They are worked out when the first of them is asked for.
    """

    metric: str
    label: str | None
    average: str | None
    precision: float | None
    recall: float | None
    f1: float | None
    tp: float | None = None
    found: float | None = None
    fp: float | None = None
    fn: float | None = None
    predicted: int | None = None
    gold: int | None = None
    intervals: Callable[[], Mapping[RowKey, Mapping[str, Interval]]] = field(
        default=dict, repr=False, compare=False
    )
    level: float = field(default=0.95, repr=False, compare=False)

    def interval(self, ratio: str) -> Interval:
        """The interval of precision, recall or f1: low, high and, where there is none, why not."""
        if ratio not in RATIOS:
            raise UnknownNameError("ratio", ratio, RATIOS)
        if getattr(self, ratio) is None:
            return UNDEFINED_RATIO
        return self.intervals().get((self.label, self.average), {}).get(ratio, NOT_ASKED)

    def wilson(self, ratio: str) -> Interval:
        """The Wilson interval of precision or recall, if items were independent: under strict,
        exact and type alone.
        """
        part, whole = {
            "precision": (self.tp, self.predicted),
            "recall": (self.found, self.gold),
        }.get(ratio, (None, None))
        if (
            part is None
            or whole is None
            or Metric.parse(self.metric).scheme not in WHOLE_CREDIT_SCHEMES
        ):
            return Interval(
                None,
                None,
                "only precision and recall under strict, exact and type are shares of items",
            )
        return wilson(part, whole, self.level)

    @property
    def precision_low(self) -> float | None:
        """The lower end of precision."""
        return self.interval("precision").low

    @property
    def precision_high(self) -> float | None:
        """The upper end of precision."""
        return self.interval("precision").high

    @property
    def recall_low(self) -> float | None:
        """The lower end of recall."""
        return self.interval("recall").low

    @property
    def recall_high(self) -> float | None:
        """The upper end of recall."""
        return self.interval("recall").high

    @property
    def f1_low(self) -> float | None:
        """The lower end of F1."""
        return self.interval("f1").low

    @property
    def f1_high(self) -> float | None:
        """The upper end of F1."""
        return self.interval("f1").high

    @property
    def support(self) -> int | None:
        """The number of gold items; None for an average other than micro."""
        return self.gold

    def __repr__(self) -> str:
        parts = [self.metric, self.label or self.average or ""]
        for name in RATIOS:
            value = getattr(self, name)
            parts.append(f"{name}={'None' if value is None else f'{value:.3f}'}")
        for name in ("tp", "fp", "fn", "support"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name}={value:g}")
        return f"<Row {' '.join(map(escape_controls, parts))}>"

    def as_dict(self) -> dict[str, Any]:
        """All fields by name; beside each ratio the ends of its interval, or the reason why there
        is none.
        """
        found: dict[str, Any] = {
            "metric": self.metric,
            "label": self.label,
            "average": self.average,
        }
        for name in RATIOS:
            low, high, reason = self.interval(name)
            found |= {
                name: getattr(self, name),
                f"{name}_low": low,
                f"{name}_high": high,
                f"{name}_reason": reason or None,
            }
        return found | {name: getattr(self, name) for name in COUNTS}


class Muc(NamedTuple):
    """The counts of SemEval-2013 task 9.1: of gold items correct + partial + incorrect + missing,
    of predicted ones … + spurious.
    """

    correct: int
    incorrect: int
    partial: int
    missing: int
    spurious: int


class MetricScores:
    """The scores under one metric: `scores["entities/strict"]["ORG"].f1`, `.micro`, `.macro`,
    `.weighted`, `.signature`.
    """

    def __init__(
        self,
        counts: Counts,
        how: Resampling,
        digests: Callable[[], CorpusDigests | None],
        recount: Callable[[str], Counts] | None = None,
    ) -> None:
        """Keep the counts; `digests` are those of gold, made when the signature is first asked for,
        `recount` makes the counts with MUC's.
        """
        self.counts = counts
        self.resampling = how
        self._recount = recount
        self.metric = Metric.parse(counts.metric)
        self._digests = digests

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of gold, prediction and schema, sorted."""
        return self.counts.labels

    @cached_property
    def _label_index(self) -> dict[str, int]:
        """Each label's row in the totals."""
        return {label: index for index, label in enumerate(self.counts.labels)}

    def __getitem__(self, label: str) -> Row:
        if label not in self._label_index:
            raise UnknownNameError("label", label, self.counts.labels, within=self.counts.metric)
        return self._row(self.counts.totals[self._label_index[label]], label=label)

    @property
    def micro(self) -> Row:
        """All labels taken together."""
        return self._row(self.counts.totals.sum(axis=0), average="micro")

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
        there = credits[(credits[:, 0] > 0) | (credits[:, 1] > 0)]
        for name, ratios in ratios_of(there).items():
            # A sum that is rounded only once does not depend on the order of the documents.
            means[name] = (
                math.fsum(np.nan_to_num(ratios).tolist()) / len(there) if len(there) else None
            )
        return self._average_row("per-document", means)

    @property
    def signature(self) -> str:
        """One line that lets a stranger repeat the number."""
        return escape_controls(
            "|".join(f"{name}:{value}" for name, value in self.signature_fields.items())
        )

    @cached_property
    def signature_fields(self) -> dict[str, str]:
        """The fields of the signature."""
        fields = dict(self.counts.signature)
        if fields.get("corpus", "").endswith("@") and (digests := self._digests()) is not None:
            fields["corpus"] += digests.of(LAYERS[self.metric.layer].document_layer)[:8]
        return fields

    @cached_property
    def _intervals(self) -> Mapping[RowKey, Mapping[str, Interval]]:
        return compute_intervals(self.counts, self.resampling)

    def _sure(self) -> Mapping[RowKey, Mapping[str, Interval]]:
        return self._intervals

    @property
    def counts_with_muc(self) -> Counts:
        """The counts with those that only MUC's sums need; they are made when they are first asked
        for.
        """
        if not self.counts.has_incorrect and self._recount is not None:
            self.counts = self._recount(self.counts.metric)
        return self.counts

    @property
    def muc(self) -> Muc:
        """The counts of MUC, over all labels."""
        total = self.counts_with_muc.totals.sum(axis=0)
        correct, partial, wrong = int(total[FOUND]), int(total[FOUND_HALF]), int(total[WRONG_GOLD])
        answered = correct + partial + wrong
        return Muc(
            correct, wrong, partial, int(total[GOLD]) - answered, int(total[PREDICTED]) - answered
        )

    def rows(self) -> list[Row]:
        """A row for each label, then the averages."""
        return [
            *(self[label] for label in self.labels),
            self.micro,
            self.macro,
            self.weighted,
            self.per_document,
        ]

    def by_document(self) -> list[tuple[str, Row]]:
        """The micro average of each document, in the order of gold (of a result that was read from
        a file, by id).
        """
        return list(self._by([unit.document for unit in self.counts.units]))

    def by_zone(self) -> list[tuple[str, Row]]:
        """The micro average of each zone label; "" for documents without zones."""
        return list(self._by([unit.zone or "" for unit in self.counts.units]))

    def __repr__(self) -> str:
        labels = len(self.labels)
        noun = "label" if labels == 1 else "labels"
        return f"<MetricScores {self.metric}: {labels} {noun}, {_describe_micro(self)}>"

    def __str__(self) -> str:
        return RENDERERS["table"](self._report(), None)

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def _report(self) -> Report:
        """The table of this metric alone."""
        name = str(self.metric)
        return build_report(
            self.rows(),
            {name: self.signature_fields},
            {name: self.counts.set_aside},
            {"corpus": {"documents": self.resampling.documents}},
            self.resampling,
            {name: self.counts.resampling_unit_count},
        ).without_header()

    def _by(self, names: Sequence[str]) -> Iterator[tuple[str, Row]]:
        place = {name: n for n, name in enumerate(dict.fromkeys(names))}
        groups = np.fromiter((place[name] for name in names), np.int64, len(names))
        for name, counts in zip(place, self.counts.summed(groups[self.counts.unit], len(place))):
            yield name, self._row(counts, average="micro", sure=dict)

    def _row(
        self,
        counts: Ints,
        *,
        label: str | None = None,
        average: str | None = None,
        sure: Callable[[], Any] | None = None,
    ) -> Row:
        gold, predicted = int(counts[GOLD]), int(counts[PREDICTED])
        # Twice the credit, so that halves stay whole numbers until the one division.
        found, tp = (
            2 * int(counts[FOUND]) + int(counts[FOUND_HALF]),
            2 * int(counts[TP]) + int(counts[TP_HALF]),
        )
        comparable = average == "micro" or SCHEMES[self.metric.scheme].same_label
        f1 = _ratio(2 * tp, 2 * (gold + predicted)) if comparable else None
        ratios = _ratio(tp, 2 * predicted), _ratio(found, 2 * gold), f1
        missed = _halve(2 * predicted - tp), _halve(2 * gold - found)
        return Row(
            str(self.metric),
            label,
            average,
            *ratios,
            _halve(tp),
            _halve(found),
            *missed,
            predicted,
            gold,
            sure or self._sure,
            self.resampling.level,
        )

    def _mean(self, average: str) -> Row:
        """The mean over the labels that have an item on either side, 0 without gold to weight by;
        an undefined ratio counts as 0.
        """
        rows = [row for row in map(self.__getitem__, self.labels) if row.gold or row.predicted]
        weights = [(row.gold or 0) if average == "weighted" else 1 for row in rows]
        means: dict[str, float | None] = {}
        for name in RATIOS:
            if not rows or (name == "f1" and not SCHEMES[self.metric.scheme].same_label):
                means[name] = None
            elif not sum(weights):
                means[name] = 0.0
            else:
                means[name] = sum(
                    (getattr(row, name) or 0) * weight
                    for row, weight in zip(rows, weights, strict=True)
                ) / sum(weights)
        return self._average_row(average, means)

    def _average_row(self, average: str, means: Mapping[str, float | None]) -> Row:
        precision, recall, f1 = (means[name] for name in RATIOS)
        return Row(
            str(self.metric),
            None,
            average,
            precision,
            recall,
            f1,
            intervals=self._sure,
            level=self.resampling.level,
        )


def _describe_micro(scores: MetricScores) -> str:
    """F1 of all labels together, for a line that describes the scores."""
    f1 = scores.micro.f1
    return f"micro F1 {'undefined' if f1 is None else f'{f1:.3f}'}"


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _halve(twice: int) -> float:
    return twice / 2 if twice % 2 else twice // 2


class Scores:
    """What `evaluate` and `score` return: print it, index it by metric, or ask for its rows."""

    def __init__(
        self,
        counts: Sequence[Counts],
        how: Resampling,
        *,
        about: Mapping[str, Any],
        digests: Callable[[], CorpusDigests | None] = lambda: None,
        pairs: Callable[[Metric], Iterator[ItemPair]] | None = None,
        recount: Callable[[], Sequence[Counts]] | None = None,
    ) -> None:
        """Keep the counts of each metric; `about`: what was run on what, as results.py lists it."""
        self.resampling, self.metadata = how, dict(about)
        self._recount, self._pairs, self._make_digests = recount, pairs, digests
        self._metrics = {c.metric: MetricScores(c, how, self.digests, self._full) for c in counts}

    def digests(self) -> CorpusDigests | None:
        """The digests of gold; None for scores that were made without documents."""
        return self._digests

    @cached_property
    def _digests(self) -> CorpusDigests | None:
        return self._make_digests()

    @cached_property
    def _recounted(self) -> dict[str, Counts]:
        return {counts.metric: counts for counts in self._recount()} if self._recount else {}

    def _full(self, metric: str) -> Counts:
        return self._recounted[metric]

    def pairs(self, metric: str | Metric) -> list[ItemPair]:
        """Who answers whom under a metric: (document, kind, gold item, predicted item), in the
        order of the text.

        Raises InputError where the documents are not at hand: for scores read from a file, or made
        from tags or bare spans.
        """
        if self._pairs is None:
            raise InputError(
                "pairs need the documents, and these scores hold only counts; score the corpora"
                " again"
            )
        return list(self._pairs(Metric.parse(metric)))

    def confusion(self, layer: str = "entities") -> ConfusionMatrix:
        """How often gold said one label and the prediction another, of one span: (gold label,
        predicted label) to a number.

        None stands for no item of the same span. Rows sum up to gold's items, columns to the
        predicted ones, and the diagonal is what strict finds. Raises InputError where the documents
        are not at hand, and for layers that are sets.
        """
        metric = Metric.parse(f"{layer}/exact")
        if LAYERS[metric.layer].deduplicate:
            raise InputError(
                f"{layer} are a set whose labels `exact` drops; labels of entities, realis, tokens"
                " and attributions can be confused"
            )
        found: Counter[tuple[str | None, str | None]] = Counter()
        for _, kind, gold, predicted in self.pairs(metric):
            sides = gold and gold.label, predicted and predicted.label
            found.update(
                [sides]
                if kind == "correct"
                else [side for side in ((sides[0], None), (None, sides[1])) if side != (None, None)]
            )
        return ConfusionMatrix(found, metric.layer)

    def __getitem__(self, metric: str) -> MetricScores:
        name = str(Metric.parse(metric))
        if name not in self._metrics:
            raise UnknownNameError("metric", metric, self._metrics, within="these scores")
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def __contains__(self, metric: str) -> bool:
        return metric in self._metrics

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each metric and label, and for each average: the columns of a data frame."""
        return [row.as_dict() for metric in self._metrics.values() for row in metric.rows()]

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame with the index (metric, label).

        An average has its name in the place of the label and in the column `average`, which is
        empty for labels. Labels that neither gold nor the prediction has are left out. Counts are
        whole numbers where all of a column are.
        """
        pandas = import_pandas()
        records = []
        for row in self.rows():
            if row["average"] is None and not (row["gold"] or row["predicted"]):
                continue
            row["label"] = row["average"] if row["label"] is None else row["label"]
            row["average"] = row["average"] or ""
            records.append(row)
        frame = pandas.DataFrame(records, columns=list(records[0]) if records else None)
        for name in COUNTS:
            column = frame[name].astype("Float64")
            is_whole = bool((column.dropna() % 1 == 0).all())
            frame[name] = column.astype("Int64") if is_whole else column
        return frame.set_index(["metric", "label"])

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The report as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of ratios (default 3, in
        percent 1). percent: percent instead of fractions. csv and json always hold the unrounded
        fractions.
        """
        numbers = NumberFormat(digits, percent)
        if format == "json":
            return self.to_json()
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self._report(numbers), width)

    def to_json(self) -> str:
        """Everything: signatures, rows, counts, and what was run on what; see results.py."""
        about = {**self.metadata, "warnings": self.warnings}
        return to_json(
            [metric.counts_with_muc for metric in self._metrics.values()],
            self.rows(),
            self.resampling,
            self.digests(),
            self.signature_fields,
            about,
        )

    def to_markdown(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The report as markdown tables; see `render`."""
        return self.render("markdown", digits=digits, percent=percent)

    def to_latex(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The tables in LaTeX, for the package booktabs; see `render`."""
        return self.render("latex", digits=digits, percent=percent)

    def to_csv(self) -> str:
        """The rows, with a header line."""
        return self.render("csv")

    def to_html(self) -> str:
        """A page for readers: all metrics with bars and intervals, the confusion of labels, and the
        documents with the lowest F1. `render("html")` has the tables alone.
        """
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.scores_page import build_scores_page

        return build_scores_page(self, self._report())

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def __repr__(self) -> str:
        model = self.metadata.get("name") or self.metadata.get("model", "predictions")
        corpus = self.metadata.get("corpus", {}).get("name", "corpus")
        first = next(iter(self._metrics.values()), None)
        headline = "" if first is None else f"; {first.metric} {_describe_micro(first)}"
        return escape_controls(
            f"<Scores of {model} on {corpus}: {pluralize(self.resampling.documents, 'document')},"
            f" {pluralize(len(self), 'metric')}{headline}>"
        )

    def __str__(self) -> str:
        return self.render("table")

    @property
    def warnings(self) -> list[str]:
        """What a reader should know before believing the numbers."""
        return [*self.label_warnings(), *warnings(self.metadata)]

    def label_warnings(self, *, command_line: bool = False) -> list[str]:
        """The warnings that are about labels; `command_line`: name options as they are typed,
        instead of parameters as they are called.
        """
        return list(
            iter_label_warnings(
                (metric.counts for metric in self._metrics.values()),
                self.metadata,
                command_line=command_line,
            )
        )

    @property
    def signature_fields(self) -> dict[str, dict[str, str]]:
        """The fields of each metric's signature."""
        return {name: metric.signature_fields for name, metric in self._metrics.items()}

    def _report(self, numbers: NumberFormat = DEFAULT_FORMAT) -> Report:
        rows = [row for metric in self._metrics.values() for row in metric.rows()]
        aside = {name: metric.counts.set_aside for name, metric in self._metrics.items()}
        drawn = {
            name: metric.counts.resampling_unit_count for name, metric in self._metrics.items()
        }
        return build_report(
            rows,
            self.signature_fields,
            aside,
            self.metadata,
            self.resampling,
            drawn,
            self.label_warnings(command_line=True),
            numbers,
        )

    def save(self, path: str | Path) -> None:
        """Write the result to a file: all that reports and comparisons need, and no text of the
        corpus.

        Raises InputError for a path that cannot be written to, WriteError where writing fails; then
        an old file is as it was.
        """
        write_atomically(path, self.to_json() + "\n")

    @classmethod
    def from_json(cls, text: str) -> Scores:
        """The scores that `to_json` wrote. Raises InputError where the text is none."""
        return cls._of(from_json(text))

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """The scores that `save` wrote. Raises InputError where the file is none."""
        if not isinstance(path, (str, Path)):
            raise InputError(
                f"expected the path of a saved result, got {type(path).__name__}"
                f" {quoted_repr(path)}"
            )
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{shorten(str(path), 200)}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a result of evalkit: not UTF-8") from None
        try:
            return cls.from_json(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def merge(cls, shards: Sequence[Scores]) -> Scores:
        """The scores of a corpus that was scored in shards: to the byte those of the whole, in
        whatever order they come.

        Raises InputError, naming the field, for shards that were not scored alike, and for a
        document that is in two.
        """
        for shard in shards:
            if not isinstance(shard, Scores):
                raise InputError(
                    f"expected Scores to merge, got {type(shard).__name__} {quoted_repr(shard)}"
                )
        return cls._of(merge_results([from_json(shard.to_json()) for shard in shards]))

    @classmethod
    def _of(cls, result: Any) -> Scores:
        return cls(
            result.counts, result.resampling, about=result.metadata, digests=lambda: result.digests
        )
