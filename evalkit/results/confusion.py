"""The confusion matrix of labels: how often gold has one label and the prediction another for the
same span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from evalkit.analysis.error_counts import ErrorCounts
from evalkit.analysis.error_kinds import ALL_KINDS
from evalkit.errors import MissingDependencyError, UnknownNameError
from evalkit.results.error_numbers import SAME_SPAN_KINDS
from evalkit.results.tables import RENDERERS, Report, Table, to_html_fragment

NO_ITEM = "(none)"  # no item of the same span on the other side


class ConfusionMatrix(dict[tuple[str | None, str | None], int]):
    """A dict from (gold label, predicted label) to a count, which prints as a matrix.

    None stands for no item on the other side. Rows of the matrix are gold labels, columns predicted
    ones. Pairs that do not occur are not in the dict.
    """

    def __init__(
        self,
        counts: Mapping[tuple[str | None, str | None], int],
        layer: str,
        no_item: str = "no item of the same span",
    ) -> None:
        """Keep the counts, sorted by label; None comes last. no_item: what None stands for."""
        ordered = sorted(counts.items(), key=lambda item: tuple(map(_label_order, item[0])))
        super().__init__(ordered)
        self.layer = layer
        self._no_item = no_item

    @property
    def gold_labels(self) -> list[str | None]:
        """The labels of the rows, sorted, None last."""
        return sorted({gold for gold, _ in self}, key=_label_order)

    @property
    def predicted_labels(self) -> list[str | None]:
        """The labels of the columns, sorted, None last."""
        return sorted({predicted for _, predicted in self}, key=_label_order)

    def to_pandas(self) -> Any:
        """The matrix as a pandas DataFrame: gold labels in the index, predicted ones in columns."""
        pandas = import_pandas()
        cells = [
            [self.get((gold, predicted), 0) for predicted in self.predicted_labels]
            for gold in self.gold_labels
        ]
        return pandas.DataFrame(
            cells,
            index=pandas.Index([label or NO_ITEM for label in self.gold_labels], name="gold"),
            columns=pandas.Index(
                [label or NO_ITEM for label in self.predicted_labels], name="predicted"
            ),
        )

    def render(self, format: str = "table", *, width: int | None = None) -> str:
        """The matrix as table, markdown, latex, csv or html."""
        if format not in RENDERERS:
            raise UnknownNameError("format", format, RENDERERS)
        return RENDERERS[format](self._report(), width)

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def to_table(self) -> Table:
        """The matrix as a table of text; the diagonal stands out."""
        columns = ("gold \\ predicted", *(label or NO_ITEM for label in self.predicted_labels))
        rows = []
        diagonal = set()
        for index, gold in enumerate(self.gold_labels):
            cells = [gold or NO_ITEM]
            for column, predicted in enumerate(self.predicted_labels):
                count = self.get((gold, predicted), 0)
                cells.append(f"{count:,}" if count else "·")
                if count and gold == predicted:
                    diagonal.add((index, column + 1))
            rows.append(tuple(cells))
        notes = (f"{NO_ITEM}: {self._no_item}",)
        title = f"Confusion of {self.layer}"
        return Table(title, columns, tuple(rows), notes, highlighted=frozenset(diagonal))

    def _report(self) -> Report:
        records = [
            {"gold": gold, "predicted": predicted, "count": count}
            for (gold, predicted), count in self.items()
        ]
        return Report(tables=(self.to_table(),), rows=tuple(records))


class Confusion(NamedTuple):
    """How often gold has one label and the prediction another.

    same_span: for items with the same span. paired: for all pairs, also those with other
    boundaries. None stands for missed and spurious items.
    """

    same_span: ConfusionMatrix
    paired: ConfusionMatrix


def count_confusions(counts: ErrorCounts) -> Confusion:
    """How often labels are confused, from counts of errors."""
    same_span: Counter[tuple[str | None, str | None]] = Counter()
    paired: Counter[tuple[str | None, str | None]] = Counter()
    for (gold, predicted, kind), n in counts.pairs.items():
        paired[gold, predicted] += n
        if kind in SAME_SPAN_KINDS:
            same_span[gold, predicted] += n
        else:
            same_span[gold, None] += n
            same_span[None, predicted] += n
    wrong_kinds = [ALL_KINDS.index(kind) for kind in ("spurious", "duplicate", "unplaced")]
    for label, row in zip(counts.labels, counts.by_label.tolist(), strict=True):
        missed = row[ALL_KINDS.index("missed")]
        wrong = sum(row[kind] for kind in wrong_kinds)
        for matrix in (same_span, paired):
            matrix[label, None] += missed
            matrix[None, label] += wrong
    return Confusion(
        ConfusionMatrix(+same_span, counts.layer),
        ConfusionMatrix(+paired, counts.layer, "missed or spurious"),
    )


def import_pandas() -> Any:
    """The module pandas. Raises MissingDependencyError where it is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingDependencyError("to_pandas needs pandas: pip install pandas") from None
    return pd


def _label_order(label: str | None) -> tuple[bool, str]:
    return label is None, label or ""
