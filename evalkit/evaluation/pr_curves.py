"""Where should the threshold be?

Predictions that carry scores in; precision and recall over all thresholds out.

An item that is predicted is right if it is in gold under the strict scheme, whatever else is
predicted, so one comparison serves all thresholds. Of annotations that are equal the one of the
highest score is the item, the others are copies; of items that a layer makes equal the highest
score counts. Precision and recall at a threshold count the items of at least that score; recall is
of all gold items, those that were never predicted among them. Average precision is the sum of
precisions weighed by the steps of recall (scikit-learn, `average_precision_score`; no
interpolation). The best threshold is that of the largest F1; of equal ones, the highest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from evalkit.corpus import Corpus, CorpusSource, to_corpus
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    escape_controls,
    escape_controls_in_json,
    quoted_repr,
    shorten,
)
from evalkit.evaluation.corpus_scores import score
from evalkit.files import replace_file
from evalkit.results.tables import RENDERERS, Report, Table, to_html_fragment
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import Metric
from evalkit.scoring.pairs import ItemPair

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
    """What `curves` returns: print it, draw it, or ask for its rows.

    All labels together come last.
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

    def render(self, form: str = "table", *, width: int | None = None) -> str:
        """The table as text, markdown, latex, csv or html; json holds the curves too."""
        if form == "json":
            data = {
                "metric": self.metric,
                "model": self.model,
                "corpus": self.corpus,
                "curves": [curve._asdict() for curve in self.curves],
            }
            return escape_controls_in_json(
                json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
            )
        if form not in RENDERERS:
            raise UnknownNameError("format", form, ("json", *RENDERERS))
        return RENDERERS[form](self._report(), width)

    def _report(self) -> Report:
        lines = [
            (
                curve.label or "micro",
                *("–" if value is None else f"{value:.3f}" for value in curve[4:7]),
                str(curve.predicted),
                str(curve.gold),
            )
            for curve in self.curves
        ]
        table = Table(
            f"Scores of {self.metric}",
            ("label", "average precision", "best threshold", "F1 there", "predicted", "gold"),
            tuple(lines),
        )
        foot = (
            (
                "a threshold that was chosen on the data it is measured on flatters the model:"
                " choose on one corpus, measure on another"
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
    asked = Metric.parse(metric)
    if asked.scheme != "strict":
        raise InputError(
            f"{asked}: under {asked.scheme}, what is right depends on what else is predicted;"
            f" {asked.layer}/strict would do"
        )
    if LAYERS[asked.layer].grouped_by_cue:
        raise InputError(
            f"{asked}: whose cue matches depends on what else is predicted; attributions/strict"
            " would do"
        )
    scores = score(gold, sort_by_score(predicted), [asked], boot=0, **options)
    pairs = scores.pairs(asked)
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
    found = [_curve(label, pairs_by_label[label]) for label in sorted(pairs_by_label)]
    return Curves(
        str(asked),
        predicted.name,
        gold.name,
        (*found, _curve(None, pairs)),
        scores.metadata["failures"],
        tuple(scores.label_warnings(command_line=True)),
    )


def sort_by_score(predicted: Corpus) -> Corpus:
    """The predictions with the annotations of each document by falling score; equal ones keep their
    order.
    """
    documents = [
        msgspec.structs.replace(
            document,
            entities=document.entities and _sorted(document.entities),
            events=document.events
            and tuple(
                msgspec.structs.replace(e, arguments=_sorted(e.arguments))
                for e in _sorted(document.events)
            ),
            attributions=document.attributions and _sorted(document.attributions),
        )
        for document in predicted
    ]
    return predicted.with_documents(documents)


def _sorted(marks: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(sorted(marks, key=lambda mark: -mark.score if mark.score is not None else 0.0))


def _curve(label: str | None, pairs: Sequence[ItemPair]) -> Curve:
    said = [
        pair
        for pair in pairs
        if pair.predicted is not None and label in (None, pair.predicted.label)
    ]
    gold = sum(1 for pair in pairs if pair.gold is not None and label in (None, pair.gold.label))
    right = np.array([pair.kind == "correct" for pair in said])
    known = [
        pair.predicted.score
        for pair in said
        if pair.predicted is not None and pair.predicted.score is not None
    ]
    # What has no place in the text has no score, and is wrong at every threshold.
    value = np.array(
        [
            (
                max(known, default=1.0)
                if pair.predicted is None or pair.predicted.score is None
                else pair.predicted.score
            )
            for pair in said
        ]
    )
    if not gold or not right.any():
        return Curve(label, (), (), (), None if not gold else 0.0, None, None, gold, len(said))
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(right, value)
    recall = recall * (right.sum() / gold)
    average = float(-np.sum(np.diff(recall) * precision[:-1]))
    # F1 = 2 tp / (gold + predicted), of whole numbers: tp = recall · gold, predicted = tp /
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
        len(said),
    )
