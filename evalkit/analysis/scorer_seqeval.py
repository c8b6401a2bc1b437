"""seqeval 1.2.2 in its default mode: chunks of tags, compared as sets.

A chunk begins at B and S, at a change of the type, and after O, E and S; I without B begins one. It
ends at E and S and before the next chunk. The first letter of a tag is its prefix, whatever it is,
and the type is what follows a dash: U and L are no prefixes that seqeval knows, and a tag without a
dash loses its first letter. (Source: seqeval/metrics/sequence_labeling.py of 1.2.2, run.)

Rows: those of `classification_report`: each type, and the micro, macro and weighted average.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.analysis.scorer_rules import (
    WITH_ZERO,
    ScorerMeasure,
    ScorerRules,
    ScorerState,
    labels_of,
    select_label,
)
from evalkit.analysis.scorer_tags import TO_TAGS, Chunk, read_chunks

OUTSIDE = ("O", "_")


def build_rules() -> ScorerRules:
    """The rules of seqeval."""
    read = read_chunks(
        read_lenient_chunks,
        "reads the tags as the default mode of seqeval: an invalid tag begins an item, or goes on"
        " with one, and the prefixes U and L are not known",
    )
    return ScorerRules(
        (ScorerMeasure("micro avg", "entities/strict", (*TO_TAGS, read, WITH_ZERO)),), report_rows
    )


def read_lenient_chunks(tags: Sequence[str]) -> Iterator[Chunk]:
    """The chunks of a sequence of tags in the default mode of seqeval."""
    begin: int | None = None
    before = OUTSIDE
    for position, tag in enumerate([*tags, "O"]):
        now = split_tag(tag)
        if begin is not None and _ends(before, now):
            yield begin, position, before[1]
            begin = None
        if _begins(before, now):
            begin = position
        before = now


def split_tag(tag: str) -> tuple[str, str]:
    """The prefix and the type of a tag: "B-PER" is B and PER, "O" is O and _."""
    return tag[0], tag[1:].split("-", 1)[-1] or "_"


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if before[0] in ("E", "S"):
        return True
    if before[0] in ("B", "I") and now[0] in ("B", "S", "O"):
        return True
    return before[0] not in ("O", ".") and before[1] != now[1]


def _begins(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if now[0] in ("B", "S"):
        return True
    if before[0] in ("E", "S", "O") and now[0] in ("E", "I"):
        return True
    return now[0] not in ("O", ".") and before[1] != now[1]


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The rows of `classification_report`, not rounded."""
    state = next(iter(states.values()))
    rows = [_row(label, select_label(state, label)) for label in labels_of(state)]
    micro = _row("micro avg", state)
    support = sum(row["support"] for row in rows)
    averages = [micro]
    for name, weights in (
        ("macro avg", [1] * len(rows)),
        ("weighted avg", [row["support"] for row in rows]),
    ):
        average: dict[str, Any] = {"name": name}
        for column in ("precision", "recall", "f1-score"):
            weighted = [row[column] * weight for row, weight in zip(rows, weights)]
            # The macro average of no types is nan in seqeval, the weighted one 0.
            undefined = 0.0 if name == "weighted avg" else None
            average[column] = sum(weighted) / sum(weights) if sum(weights) else undefined
        averages.append({**average, "support": support})
    return [*rows, *averages]


def _row(name: str, state: ScorerState) -> dict[str, Any]:
    numbers = state.numbers()
    return {
        "name": name,
        "precision": numbers.precision,
        "recall": numbers.recall,
        "f1-score": numbers.f1,
        "support": len(state.gold),
    }
