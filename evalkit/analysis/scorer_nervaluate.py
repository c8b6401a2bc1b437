"""nervaluate 1.2.1: four measures of overlapping spans, matched in the order of the predictions.

Tags are read as by its list loader: an item begins at a tag after O, at B and at a change of the
type, and a tag that is not O, B- or I- can only continue an item. Spans have inclusive ends.

A prediction overlaps a gold item if they share at least `min_overlap_percentage` of the gold item
(1 percent unless given). The predictions of a document are matched one after the other with the
gold items that are left:

    strict    correct: equal span and label; else incorrect with the first item that it overlaps
    exact     correct: equal span; else incorrect with the first item that it overlaps
    partial   correct: equal span; else partial, which counts ½, with the first one
    ent_type  correct: the closest item of the same label that it overlaps; else incorrect with the
              first one

Those without such an item are spurious, and gold items that are left missed. Precision is (correct
+ ½ partial) / actual, recall the same / possible; both are 0 where nothing divides. The numbers of
a tag come from matching its items alone, so they need not add up to those of all tags. (Source:
nervaluate/strategies.py, evaluator.py and loaders.py of 1.2.1, run.)

Rows: those of `evaluate()`, "overall" and "entities".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from evalkit.analysis.scorer_options import parse_labels, parse_number
from evalkit.analysis.scorer_rules import (
    WITH_ZERO,
    ItemCredits,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
)
from evalkit.analysis.scorer_spans import (
    DROP_UNPLACED,
    WHOLE_SPANS,
    Range,
    group_by_document,
    split_by_label,
)
from evalkit.analysis.scorer_tags import Chunk, has_tags, read_chunks
from evalkit.errors import InputError

METRICS = {
    "strict": "entities/strict",
    "partial": "entities/partial",
    "ent_type": "entities/type",
    "exact": "entities/exact",
}
MATCHES = {
    "strict": "equal spans and labels are correct, the first overlapping gold item else incorrect",
    "partial": "equal spans are correct, the first overlapping gold item else partial",
    "ent_type": "the closest gold item of the same label is correct",
    "exact": "equal spans are correct, the first overlapping gold item else incorrect",
}
CREDIT = {"correct": 1.0, "partial": 0.5}
CELL = 32  # characters


def build_rules(
    *, tags: str | Iterable[str] | None = None, min_overlap_percentage: float | str = 1.0
) -> ScorerRules:
    """The rules of nervaluate.

    tags: the labels that are compared; default: all. min_overlap_percentage: of the gold span.
    """
    least = parse_number("min_overlap_percentage", min_overlap_percentage, 1, 100)
    rules = [READ_TAGS, READ_SPANS, DROP_UNPLACED]
    if tags is not None:
        rules.append(_drop_other_labels(frozenset(parse_labels("tags", tags))))
    measures = [
        ScorerMeasure(name, metric, (*rules, _match(name, least), WITH_ZERO))
        for name, metric in METRICS.items()
    ]
    return ScorerRules(measures, report_rows)


def read_tags(tags: Sequence[str]) -> Iterator[Chunk]:
    """The chunks of a sequence of tags. Raises InputError for a tag that nervaluate refuses."""
    begin, label = 0, None
    for position, tag in enumerate(tags):
        if label is not None and (tag == "O" or tag[2:] != label or tag[:1] == "B"):
            yield begin, position, label
            label = None
        if tag != "O" and label is None:
            if tag[:2] not in ("B-", "I-"):
                raise InputError(
                    f"invalid tag {tag!r}: nervaluate refuses an item whose first tag does not"
                    " begin with B- or I-"
                )
            begin, label = position, tag[2:]
    if label is not None:
        yield begin, len(tags), label


_TAGS = read_chunks(read_tags, "reads an item from a tag after O and from a change of the type")
READ_TAGS = ScorerRule(
    "read", _TAGS.text, lambda state: _TAGS.apply(state) if has_tags(state) else state
)
READ_SPANS = ScorerRule(
    "read", WHOLE_SPANS.text, lambda state: state if has_tags(state) else WHOLE_SPANS.apply(state)
)


def _drop_other_labels(labels: frozenset[str]) -> ScorerRule:
    return ScorerRule(
        "drop",
        f"drops items whose label is not one of the tags {', '.join(sorted(labels))}",
        lambda state: keep_items(state, lambda item: item.label in labels),
    )


def _match(strategy: str, least: float) -> ScorerRule:
    count = partial(match_in_order, strategy=strategy, least=least)
    return ScorerRule(
        "count",
        f"matches predictions in their order: {MATCHES[strategy]}",
        lambda state: replace(state, count=count),
    )


def match_in_order(state: ScorerState, strategy: str, least: float) -> ItemCredits:
    """The credits of all items.

    strategy: one of METRICS. least: the percentage of a gold span that an overlap has.
    """
    gold_credit = [0.0] * len(state.gold)
    kinds = ["spurious"] * len(state.predicted)
    gold_of = group_by_document(state.gold)
    for document, positions in group_by_document(state.predicted).items():
        candidates = _GoldItems([(row, state.gold[row]) for row in gold_of.get(document, ())])
        for position in positions:
            match = candidates.match(state.predicted[position], strategy, least)
            if match is not None:
                row, kinds[position] = match
                gold_credit[row] = CREDIT.get(kinds[position], 0.0)
    predicted_credit = [CREDIT.get(kind, 0.0) for kind in kinds]
    return ItemCredits(gold_credit, predicted_credit, predicted_kinds=kinds)


class _GoldItems:
    """The gold items of a document that are not matched yet, found by position."""

    def __init__(self, rows: Sequence[tuple[int, ScorerItem]]) -> None:
        self._items = dict(rows)
        self._cells: dict[int, list[int]] = defaultdict(list)
        for row, item in rows:
            for cell in _cells(_span(item)):
                self._cells[cell].append(row)

    def match(self, item: ScorerItem, strategy: str, least: float) -> tuple[int, str] | None:
        """The row of the gold item that a prediction is matched with, and how it counts. That gold
        item is not left for others.
        """
        start, end = _span(item)
        closest: tuple[int, int] | None = None
        first: int | None = None
        for row in self._overlapping(start, end):
            gold = self._items[row]
            gold_start, gold_end = _span(gold)
            shared = min(end, gold_end) - max(start, gold_start)
            if shared / (gold_end - gold_start) * 100 < least:
                continue
            distance = abs(start - gold_start) + abs(end - gold_end)
            is_correct = distance == 0 or strategy == "ent_type"
            if strategy in ("strict", "ent_type"):
                is_correct = is_correct and item.label == gold.label
            if is_correct and (closest is None or distance < closest[0]):
                closest = distance, row
            elif not is_correct and first is None:
                first = row
        if closest is not None:
            del self._items[closest[1]]
            return closest[1], "correct"
        if first is not None:
            del self._items[first]
            return first, "partial" if strategy == "partial" else "incorrect"
        return None

    def _overlapping(self, start: int, end: int) -> list[int]:
        """The rows of the items that share a character with a span, in the order of input."""
        rows = {
            row
            for cell in _cells((start, end))
            for row in self._cells.get(cell, ())
            if row in self._items
        }
        spans = {row: _span(self._items[row]) for row in rows}
        return sorted(row for row in rows if spans[row][0] < end and start < spans[row][1])


def _cells(span: Range) -> range:
    """The numbers of the cells that a span touches."""
    return range(span[0] // CELL, (span[1] - 1) // CELL + 1)


def _span(item: ScorerItem) -> Range:
    """The words of an item, if tags were read, or else its characters."""
    first, *_ = cast("tuple[Any, ...]", item.key)
    return cast("Range", first if isinstance(first, tuple) else item.key)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The counts and ratios of all tags and of each, for each measure."""
    rows = [_row("overall", name, state) for name, state in states.items()]
    by_label: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, state in states.items():
        for label, own in split_by_label(state).items():
            by_label[label].append(_row(label, name, own))
    return rows + [row for own in by_label.values() for row in own]


def _row(name: str, strategy: str, state: ScorerState) -> dict[str, Any]:
    numbers = state.numbers()
    kinds = Counter(state.credits().predicted_kinds)
    matched = kinds["correct"] + kinds["incorrect"] + kinds["partial"]
    return {
        "name": name,
        "strategy": strategy,
        "correct": kinds["correct"],
        "incorrect": kinds["incorrect"],
        "partial": kinds["partial"],
        "missed": len(state.gold) - matched,
        "spurious": kinds["spurious"],
        "possible": len(state.gold),
        "actual": len(state.predicted),
        "precision": numbers.precision,
        "recall": numbers.recall,
        "f1": numbers.f1,
    }
