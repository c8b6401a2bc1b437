"""Precision and recall of scored predictions over all thresholds, and the best threshold.

Under the strict scheme a predicted item is correct if gold has it, whatever else is predicted, so
that one comparison serves all thresholds. Of equal annotations the one with the highest score is
the item and the others are duplicates; of items that a layer makes equal the highest score counts.
Precision and recall at a threshold count the items with at least that score; recall is of all gold
items, also those that were never predicted. Average precision is the sum of precisions weighted by
the steps of recall, without interpolation (scikit-learn, `average_precision_score`). The best
threshold is the one with the largest F1; of several, the highest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from evalkit.corpus import Corpus, CorpusSource, to_corpus
from evalkit.data.option_aliases import accept_former_names
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    escape_controls,
    escape_controls_in_json,
    quoted_repr,
    shorten,
    warn_deprecated,
)
from evalkit.evaluation.corpus_scores import score
from evalkit.files import replace_file
from evalkit.results.lenient_report import PLAIN_GOLD
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    Table,
    to_html_fragment,
)
from evalkit.scoring.layers import get_layer
from evalkit.scoring.lenient_gold import find_kinds
from evalkit.scoring.metrics import Metric
from evalkit.scoring.pairs import Item, ItemPair

CURVE_OPTIONS = ("labels", "label_map", "zones", "missing")
IMAGE_SUFFIXES = (".png", ".svg", ".pdf")


class Curve(NamedTuple):
    """Precision and recall at each threshold, ascending, of a label (None: of all together)."""

    label: str | None
    thresholds: tuple[float, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    average_precision: float | None
    best_threshold: float | None
    best_f1: float | None
    gold: int
    predicted: int

    def steps(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Recall, ascending from 0, and the precision on the way to each recall from the one
        before.

        The area under these steps is the average precision: each step of recall has the precision
        at its upper end. A label that was never predicted correctly has a single point at 0.
        """
        if not self.recall:
            return (0.0,), (0.0,)
        recall, precision = self.recall[::-1], self.precision[::-1]
        return (0.0, *recall), (precision[0], *precision)


@dataclass(frozen=True, repr=False)
class Curves:
    """Precision-recall curves of a model: print or plot them, or get their rows.

    The curve of all labels together comes last.
    """

    metric: str
    model: str
    corpus: str
    curves: tuple[Curve, ...]
    failures: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each label, without the curve itself."""
        return [
            {name: value for name, value in curve._asdict().items() if not isinstance(value, tuple)}
            for curve in self.curves
        ]

    @accept_former_names(form="format")
    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The curves as table, markdown, latex, csv, html or json; only json has all their points.

        width: columns of the terminal, for the table. digits: decimals of ratios (default 3, in
        percent 1). percent: percent instead of fractions, but for the threshold. csv and json
        always hold the unrounded fractions.
        """
        numbers = NumberFormat(digits, percent)
        if format == "json":
            data = {
                "metric": self.metric,
                "model": self.model,
                "corpus": self.corpus,
                "curves": [curve._asdict() for curve in self.curves],
            }
            return escape_controls_in_json(
                json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
            )
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self._report(numbers), width)

    def _report(self, numbers: NumberFormat = DEFAULT_FORMAT) -> Report:
        thresholds = NumberFormat(numbers.digits)  # scores of a model are no ratios
        lines = [
            (
                curve.label or "micro",
                numbers.format(curve.average_precision),
                thresholds.format(curve.best_threshold),
                numbers.format(curve.best_f1),
                str(curve.predicted),
                str(curve.gold),
            )
            for curve in self.curves
        ]
        table = Table(
            f"Scores of {self.metric}",
            (
                "label",
                "average precision",
                "best threshold",
                "F1 at threshold",
                "predicted",
                "gold",
            ),
            tuple(lines),
        )
        foot = (
            (
                "a threshold that is chosen on the corpus it is measured on overestimates F1:"
                " choose it on another corpus"
            ),
        )
        failed = (
            (f"FAILED on {len(self.failures)} documents; their gold items count as missed",)
            if self.failures
            else ()
        )
        head = (
            f"{self.model} on {self.corpus}",
            *failed,
            *(f"Warning: {warning}" for warning in self.warnings),
        )
        return Report(head, (table,), foot, tuple(self.rows()))

    def __repr__(self) -> str:
        return escape_controls(
            f"<Curves {self.metric} of {self.model} on {self.corpus}: {len(self.curves)} curves>"
        )

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def draw(self, path: str | Path) -> None:
        """Deprecated name of `plot`."""
        warn_deprecated("Curves.draw is deprecated: use Curves.plot")
        self.plot(path)

    def plot(self, path: str | Path) -> None:
        """Write a picture of precision over recall: .png, .svg or .pdf. Needs the extra `plot`."""
        try:
            import matplotlib as mpl
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingDependencyError(
                f"a picture needs matplotlib: {advise_extra('plot')}"
            ) from None
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots()
        for curve in self.curves:
            if curve.average_precision is None:
                continue
            # A legend leaves out what begins with a low line, and reads what stands between dollars
            # as mathematics.
            name = escape_controls(shorten(curve.label or "micro")).replace("$", r"\$")
            label = f"{' ' * name.startswith('_')}{name} ({curve.average_precision:.2f})"
            style: dict[str, Any] = (
                {"color": "black", "linewidth": 2} if curve.label is None else {"linewidth": 1.2}
            )
            axes.step(*curve.steps(), where="pre", label=label, **style)
        title = f"{shorten(self.model)} on {shorten(self.corpus)}, {self.metric}"
        axes.set(
            xlabel="recall",
            ylabel="precision",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
            title=escape_controls(title).replace("$", r"\$"),
        )
        if axes.lines:
            axes.legend(title="average precision", fontsize="small")
        kind = Path(path).suffix.lower().removeprefix(".") or "png"
        dates = {
            "svg": {"Date": None},
            "pdf": {"CreationDate": None},
        }  # left out, so that equal curves are equal files
        with mpl.rc_context({"svg.hashsalt": "evalkit"}), replace_file(path) as file:
            figure.savefig(file, format=kind, dpi=150, metadata=dates.get(kind))


def curves(
    gold: CorpusSource,
    predicted: CorpusSource,
    metric: str | Metric = "entities/strict",
    **options: Any,
) -> Curves:
    """The curve of each label, and of all together.

    Options: `labels`, `label_map`, `zones` and `missing`, as those of `score`.

    Raises InputError for a scheme that is not strict, and for predictions without scores.
    """
    for name in options:
        if name not in CURVE_OPTIONS:
            raise UnknownNameError("option", name, CURVE_OPTIONS, within="curves")
    gold = to_corpus(gold)
    predicted = to_corpus(predicted, "predictions", predictions=True)
    parsed = Metric.parse(metric)
    if parsed.scheme != "strict":
        raise InputError(
            f"{parsed}: curves have one scheme, strict, under which no match depends on the other"
            f" predictions; use {parsed.layer}/strict"
        )
    if get_layer(parsed.layer).grouped_by_cue:
        raise InputError(
            f"{parsed}: whether cues match depends on the other predictions; use"
            " attributions/strict"
        )
    # With alternatives, too, a match would depend on the other predictions.
    ranked = sort_by_score(predicted)
    scores = score(gold, ranked, [parsed], boot=0, plain_gold=True, **options)
    pairs = scores.pairs(parsed)
    for pair in pairs:
        if pair.predicted is not None and pair.predicted.score is None and pair.kind != "unplaced":
            raise InputError(
                f"document {pair.document!r}: {quoted_repr(pair.predicted.text)} at"
                f" {pair.predicted.start} was predicted without a score; curves need one for each"
                " item"
            )
    pairs_by_label: dict[str, list[ItemPair]] = {}
    for pair in pairs:
        for label in {item.label for item in (pair.gold, pair.predicted) if item is not None}:
            pairs_by_label.setdefault(label, []).append(pair)
    curves_by_label = [_curve(label, pairs_by_label[label]) for label in sorted(pairs_by_label)]
    return Curves(
        str(parsed),
        predicted.name,
        gold.name,
        (*curves_by_label, _curve(None, pairs)),
        scores.metadata.failures,
        (*_warn_of_plain_gold(gold, parsed), *scores.label_warnings(command_line=True)),
    )


def _warn_of_plain_gold(gold: Corpus, metric: Metric) -> Iterator[str]:
    """A warning if gold has alternatives, optional items or ignore regions in a layer where they
    apply.
    """
    if get_layer(metric.layer).has_lenient_gold and any(map(find_kinds, gold)):
        yield f"curves: {PLAIN_GOLD}"


def sort_by_score(predicted: Corpus) -> Corpus:
    """The predictions with the annotations of each document by falling score; equal ones keep their
    order.
    """
    documents = [
        msgspec.structs.replace(
            document,
            entities=document.entities and _by_falling_score(document.entities),
            events=document.events
            and tuple(
                msgspec.structs.replace(e, arguments=_by_falling_score(e.arguments))
                for e in _by_falling_score(document.events)
            ),
            attributions=document.attributions and _by_falling_score(document.attributions),
        )
        for document in predicted
    ]
    return predicted.with_documents(documents)


def _by_falling_score(annotations: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(sorted(annotations, key=lambda each: 0.0 if each.score is None else -each.score))


def _curve(label: str | None, pairs: Sequence[ItemPair]) -> Curve:
    """The curve of a label; of all labels together for None."""
    gold = sum(pair.gold is not None and _has_label(pair.gold, label) for pair in pairs)
    predictions = [
        pair for pair in pairs if pair.predicted is not None and _has_label(pair.predicted, label)
    ]
    is_correct = np.array([pair.kind == "correct" for pair in predictions])
    scores = [pair.predicted and pair.predicted.score for pair in predictions]
    known = [score for score in scores if score is not None]
    # Unplaced items have no score, and are wrong at every threshold.
    value = np.array([max(known, default=1.0) if score is None else score for score in scores])
    if not gold or not is_correct.any():
        return Curve(label, (), (), (), None if not gold else 0.0, None, None, gold, len(value))
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(is_correct, value)
    recall = recall * (is_correct.sum() / gold)
    average = float(-np.sum(np.diff(recall) * precision[:-1]))
    # F1 = 2 tp / (gold + predicted), from whole numbers: tp = recall · gold, predicted = tp /
    # precision.
    tp = recall[:-1] * gold
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(tp > 0, 2 * tp / (gold + tp / precision[:-1]), 0.0)
    best = len(f1) - 1 - int(np.argmax(np.round(f1[::-1], 12)))
    return Curve(
        label,
        tuple(map(float, thresholds)),
        tuple(map(float, precision[:-1])),
        tuple(map(float, recall[:-1])),
        average,
        float(thresholds[best]),
        float(f1[best]),
        gold,
        len(value),
    )


def _has_label(item: Item, label: str | None) -> bool:
    return label is None or item.label == label
