"""conlleval (the script of CoNLL-2000, version of 2004-01-26): chunks of tags, in percent.

A chunk begins at B after B, I or O, at I after O and after E, at E after O and after E, and where
the type changes. It ends before B and O after B and I, before E, I and O after E, and where the
type changes. So B after E of the same type begins no chunk: tags of BIOES that are `B E B E` are
one chunk. O has an empty type. Tags with brackets are not read. (Source: conlleval.pl of that
version.)

Rows: what the script prints, in percent with two decimals: all types, with the accuracy of the
tags, and each type with the number of its predicted chunks.
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
from evalkit.analysis.scorer_tags import OUTSIDE, TO_TAGS, Chunk, read_chunks, read_tokens

BEGINS_AFTER = {"B": "BIO", "I": "OE", "E": "OE"}
ENDS_BEFORE = {"B": "BO", "I": "BO", "E": "EIO"}
DIGITS = 2


def build_rules() -> ScorerRules:
    """The rules of conlleval."""
    chunks = read_chunks(
        iter_chunks,
        "reads the tags as conlleval: an invalid tag begins an item, or goes on with one",
    )
    tokens = read_tokens(
        str, "compares the tags of all words, those with the tag O too", keeps_outside=True
    )
    measures = (
        ScorerMeasure("overall", "entities/strict", (*TO_TAGS, chunks, WITH_ZERO)),
        ScorerMeasure("accuracy", "entities/strict", (*TO_TAGS, tokens, WITH_ZERO)),
    )
    return ScorerRules(measures, report_rows, percent_digits=DIGITS)


def iter_chunks(tags: Sequence[str]) -> Iterator[Chunk]:
    """The chunks of a sequence of tags."""
    begin: int | None = None
    before = OUTSIDE, ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, label = tag.partition("-")
        now = prefix, label
        if begin is not None and _ends(before, now):
            yield begin, position, before[1]
            begin = None
        if _begins(before, now):
            begin = position
        before = now


def _begins(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if now[0] not in (OUTSIDE, ".") and before[1] != now[1]:
        return True
    return before[0] != "" and before[0] in BEGINS_AFTER.get(now[0], "")


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if before[0] not in (OUTSIDE, ".") and before[1] != now[1]:
        return True
    return now[0] != "" and now[0] in ENDS_BEFORE.get(before[0], "")


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The lines that conlleval prints."""
    state, tokens = states["overall"], states["accuracy"]
    overall = {
        "type": "overall",
        "accuracy": round(_percent(round(tokens.numbers().found), len(tokens.gold)), DIGITS),
        **_ratios(state),
        "tokens": len(tokens.gold),
        "phrases": len(state.gold),
        "correct": round(state.numbers().found),
    }
    rows = [{"type": label, **_ratios(select_label(state, label))} for label in labels_of(state)]
    return [overall, *rows]


def _ratios(state: ScorerState) -> dict[str, Any]:
    """The ratios in percent, computed as there: FB1 from those in percent, so that it is rounded to
    the same side.
    """
    correct = round(state.numbers().found)
    precision = _percent(correct, len(state.predicted))
    recall = _percent(correct, len(state.gold))
    total = precision + recall
    ratios = precision, recall, 2 * precision * recall / total if total else 0.0
    rounded = (round(ratio, DIGITS) for ratio in ratios)
    return {**dict(zip(("precision", "recall", "FB1"), rounded)), "found": len(state.predicted)}


def _percent(count: int, total: int) -> float:
    return 100 * count / total if total else 0.0
