"""The agreement of annotators beside the F1 of a system: what a result keeps, and how it is shown.

Agreement is no upper bound of the F1 of a system (Boguslav & Cohen 2017), so that it is called
"annotators among themselves", and no ratio of both is given.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evalkit.results.tables import NumberFormat, Table

AMONG = "annotators among themselves"
AGAINST_GOLD = (
    "F1 of an annotator against gold is usually higher than that, because gold was made from these"
    " annotations; neither is an upper bound"
)


class AnnotatorF1(msgspec.Struct, frozen=True):
    """The F1 of an annotator against gold, over the documents that the annotator annotated."""

    name: str
    f1: float | None
    documents: int


class Ceiling(msgspec.Struct, frozen=True):
    """The agreement of annotators under a metric.

    f1: the mean over all pairs of annotators, with the ends of its interval (None without one), the
    least and the greatest of the pairs, and their number. documents: those that two annotators or
    more annotated. labels: the mean of each label. annotators: each against gold.
    """

    f1: float | None
    low: float | None
    high: float | None
    min: float | None
    max: float | None
    pairs: int
    documents: int
    labels: dict[str, float | None]
    annotators: list[AnnotatorF1]


def describe_ceiling(f1: float | None, ceiling: Ceiling, numbers: NumberFormat) -> str:
    """The F1 of a system with the agreement behind it, and each annotator against gold.

    >>> one = Ceiling(0.942, None, None, 0.942, 0.942, 1, 9, {}, [AnnotatorF1("ann", 0.97, 9)])
    >>> describe_ceiling(0.795, one, NumberFormat())
    'F1 0.795 (annotators among themselves 0.942); against gold: ann 0.970'
    """
    against = ", ".join(f"{each.name} {numbers.format(each.f1)}" for each in ceiling.annotators)
    among = f"{AMONG} {numbers.format(ceiling.f1)}"
    return f"F1 {numbers.format(f1)} ({among}); against gold: {against}"


def build_ceiling_table(
    f1_of: Mapping[str, float | None], ceilings: Mapping[str, Ceiling], numbers: NumberFormat
) -> Table:
    """A line for each metric: F1 of the system, the agreement, and each annotator against gold.

    f1_of: a metric to the micro F1 of the system.
    """
    first = next(iter(ceilings.values()))
    has_pairs = len(first.annotators) > 2
    columns = ["metric", "F1", AMONG]
    if has_pairs:
        columns.append("min–max")
    columns += [f"{each.name} against gold" for each in first.annotators]
    lines = []
    for metric, ceiling in ceilings.items():
        cells = [metric, numbers.format(f1_of[metric]), numbers.format(ceiling.f1)]
        if has_pairs:
            cells.append(numbers.format_range(ceiling.min, ceiling.max))
        cells += [numbers.format(each.f1) for each in ceiling.annotators]
        lines.append(tuple(cells))
    mean = "mean over all pairs of annotators, " if has_pairs else ""
    documents = ", ".join(f"{each.name} {each.documents:,}" for each in first.annotators)
    notes = (
        f"{AMONG}: {mean}F1 of one against another, over documents that both annotated",
        AGAINST_GOLD,
        f"documents: {documents}",
    )
    title = "Annotators among themselves, and against gold (micro F1)"
    return Table(title, tuple(columns), tuple(lines), notes)
