"""SeqScore 0.9.0: mentions of BIO tags, which are refused or repaired where they are invalid.

Options: `repair` says what happens at an I- that follows no tag of its type: "none" refuses the
tags, "conlleval" begins a mention, "discard" reads O, and so a prediction that is discarded costs
nothing. (Source: seqscore/encoding.py and scoring.py of 0.9.0, run.)

Rows: all types (ALL) and each type, as fractions, which `seqscore score --full-precision` prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.analysis.scorer_options import parse_choice
from evalkit.analysis.scorer_rules import (
    WITH_ZERO,
    ScorerMeasure,
    ScorerRules,
    ScorerState,
    labels_of,
    select_label,
)
from evalkit.analysis.scorer_tags import OUTSIDE, TO_TAGS, Chunk, read_chunks
from evalkit.errors import InputError, quoted_repr, spell_option

REPAIR_RULES = {
    "none": "reads the tags as BIO",
    "conlleval": "reads the tags as BIO, and begins an item at an invalid I-",
    "discard": "reads the tags as BIO, and an invalid I- as O",
}


def build_rules(*, repair: str = "none") -> ScorerRules:
    """The rules of SeqScore."""
    parse_choice("repair", repair, REPAIR_RULES)

    def read_mentions(tags: Sequence[str]) -> Iterator[Chunk]:
        return iter_mentions(tags, repair)

    read = read_chunks(read_mentions, REPAIR_RULES[repair])
    measure = ScorerMeasure("ALL", "entities/strict", (*TO_TAGS, read, WITH_ZERO))
    return ScorerRules((measure,), report_rows)


def iter_mentions(tags: Sequence[str], repair: str) -> Iterator[Chunk]:
    """The mentions of a sequence of BIO tags. Raises InputError for what SeqScore refuses."""
    begin: int | None = None
    label = ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, label_of_tag = tag.partition("-")
        if tag != OUTSIDE and (prefix not in ("B", "I") or not label_of_tag):
            raise InputError(
                f"token {position}: SeqScore refuses the tag {quoted_repr(tag)}: expected O, B-TYPE"
                " or I-TYPE"
            )
        if prefix == "I" and begin is not None and label_of_tag == label:
            continue
        if begin is not None:
            yield begin, position, label
            begin = None
        if prefix == "I":
            if repair == "none":
                raise InputError(
                    f"token {position}: SeqScore refuses the tag {quoted_repr(tag)}, which follows"
                    " no tag of its type: correct the tags, or choose a repair:"
                    f" {spell_option('repair', 'conlleval', of='scorer')} or discard"
                )
            prefix = "B" if repair == "conlleval" else OUTSIDE
        if prefix == "B":
            begin, label = position, label_of_tag


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The rows that `seqscore score` prints, as fractions."""
    state = states["ALL"]
    by_type = [(label, select_label(state, label)) for label in labels_of(state)]
    rows = []
    for name, own in [("ALL", state), *by_type]:
        numbers = own.numbers()
        rows.append(
            {
                "Type": name,
                "Precision": numbers.precision,
                "Recall": numbers.recall,
                "F1": numbers.f1,
                "Reference": len(own.gold),
                "Predicted": len(own.predicted),
                "Correct": round(numbers.found),
            }
        )
    return rows
