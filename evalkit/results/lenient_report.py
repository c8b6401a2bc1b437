"""What a report says about gold with alternatives, optional items and ignore regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.results.metadata import PlainDifference, ResultMetadata
from evalkit.results.rows import Row, build_row
from evalkit.results.tables import NumberFormat
from evalkit.results.wording import pluralize
from evalkit.scoring.cells import COUNTS, FOUND, FOUND_HALF, GOLD, PREDICTED, TP, TP_HALF
from evalkit.scoring.columns import Ints
from evalkit.scoring.metrics import Metric

PLAIN_GOLD = "alternatives, optional items and ignore regions are ignored (plain gold)"


def build_plain_row(metric: Metric, totals: Ints, difference: PlainDifference) -> Row:
    """The micro average over plain gold. totals: those of all labels, in the order of COUNTS."""
    plain = totals.copy()
    plain[GOLD] += difference.gold
    plain[PREDICTED] += difference.predicted
    credit = 2 * int(totals[TP]) + int(totals[TP_HALF]) + difference.credit
    for full, half in ((FOUND, FOUND_HALF), (TP, TP_HALF)):
        plain[full], plain[half] = divmod(credit, 2)
    return build_row(metric, plain[: len(COUNTS)], average="micro")


def plain_score_lines(
    plain_rows: Mapping[str, Row], rows: Mapping[str, Row], numbers: NumberFormat
) -> Iterator[str]:
    """F1 with gold as it is and with plain gold.

    plain_rows: the micro average over plain gold of each metric under which gold is not plain.
    rows: the micro average of each metric.
    """
    if plain_rows:
        parts = [
            f"{numbers.format(plain.f1)} instead of {numbers.format(rows[metric].f1)} ({metric})"
            for metric, plain in plain_rows.items()
        ]
        yield (
            "F1 with plain gold (without alternatives, optional items and ignore regions):"
            f" {'; '.join(parts)}"
        )


def accepted_lines(set_aside: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """How many optional items there are and were found, and how many items were matched by an
    alternative: a line for metrics with the same numbers. set_aside: the counts of each metric.
    """
    metrics_of: dict[tuple[int, int, int], list[str]] = {}
    for metric, reasons in set_aside.items():
        names = ("gold_optional", "optional_found", "alternative_found")
        optional, found, by_alternative = (reasons.get(name, 0) for name in names)
        if optional or by_alternative:
            metrics_of.setdefault((optional, found, by_alternative), []).append(metric)
    for (optional, found, by_alternative), metrics in metrics_of.items():
        parts = []
        if optional:
            parts.append(f"{pluralize(optional, 'optional item')}, {found:,} of them found")
        if by_alternative:
            parts.append(f"{pluralize(by_alternative, 'item')} matched by an alternative")
        yield f"Gold: {'; '.join(parts)} ({', '.join(metrics)})"


def plain_gold_lines(metadata: ResultMetadata) -> Sequence[str]:
    """That gold was scored as plain, where this was requested."""
    return (f"Gold: {PLAIN_GOLD}",) if metadata.options.plain_gold is True else ()
