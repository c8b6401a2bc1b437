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

PLAIN_GOLD = "plain gold: alternatives, optional items and ignore regions are ignored"


def build_plain_row(metric: Metric, totals: Ints, difference: PlainDifference) -> Row:
    """The micro average over plain gold. totals: those of all labels, in the order of COUNTS."""
    plain = totals.copy()
    plain[GOLD] += difference.gold
    plain[PREDICTED] += difference.predicted
    credit = 2 * int(totals[TP]) + int(totals[TP_HALF]) + difference.credit
    for full, half in ((FOUND, FOUND_HALF), (TP, TP_HALF)):
        plain[full], plain[half] = divmod(credit, 2)
    return build_row(metric, plain[: len(COUNTS)], average="micro")


def lenient_lines(
    plain_rows: Mapping[str, Row],
    rows: Mapping[str, Row],
    set_aside: Mapping[str, Mapping[str, int]],
    numbers: NumberFormat,
) -> Iterator[str]:
    """F1 with gold as it is and with plain gold, and how many optional items were found.

    plain_rows: the micro average over plain gold of each metric that is lenient. rows: the micro
    average of each metric.
    """
    if not plain_rows:
        return
    parts = [
        f"{numbers.format(rows[metric].f1)}, plain {numbers.format(plain.f1)} ({metric})"
        for metric, plain in plain_rows.items()
    ]
    yield (
        "F1, and F1 with plain gold (without alternatives, optional items and ignore regions):"
        f" {'; '.join(parts)}"
    )
    counts_of: dict[tuple[int, int, int], list[str]] = {}
    for metric in plain_rows:
        reasons = set_aside[metric]
        names = ("gold_optional", "optional_found", "alternative_found")
        optional, found, by_alternative = (reasons.get(name, 0) for name in names)
        counts_of.setdefault((optional, found, by_alternative), []).append(metric)
    for (optional, found, by_alternative), metrics in counts_of.items():
        sentences = []
        if optional:
            sentences.append(f"{optional:,} optional, {found:,} found")
        if by_alternative:
            sentences.append(f"{pluralize(by_alternative, 'item')} matched by an alternative")
        if sentences:
            yield f"Gold: {'; '.join(sentences)} ({', '.join(metrics)})"


def plain_gold_lines(metadata: ResultMetadata) -> Sequence[str]:
    """That gold was scored as plain, where this was requested."""
    return (f"Gold: {PLAIN_GOLD}",) if metadata.options.plain_gold is True else ()
