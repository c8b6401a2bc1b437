"""The kinds of error of attributions and of their parts, for the layer `attached-attributions`.

Attributions are paired as `scoring/attribution_pairing.py` says. In a pair, each of source, cue and
content has a status:

    correct          the same characters
    too short        a part of gold's characters, and no other
    too long         all of gold's characters, and more
    shifted          some of gold's characters, and others
    wrong place      no character of gold's
    missed           gold has the part, the prediction does not
    spurious         the prediction has the part, gold does not
    correct (none)   neither has the part

All parts of an attribution without a pair are missed or spurious. A predicted part that is not
correct but equals the same part of another gold attribution is attached elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.analysis.span_comparison import compare_spans
from evalkit.data.document import ATTRIBUTION_PARTS, Attribution, Fragments, span_fragments
from evalkit.scoring.attribution_pairing import pair_attributions

CORRECT_STATUSES = ("correct", "correct (none)")
# The kind and the detail of a status in a table of errors, where it differs from (status, none)
_KINDS = {
    "too short": ("boundary", "too short"),
    "too long": ("boundary", "too long"),
    "shifted": ("boundary", "shifted"),
}


class PartOutcome(NamedTuple):
    """A part of an attribution; see the head of the module.

    gold, predicted: the ranges of the part; () where it is absent. attached_elsewhere: the index of
    the gold attribution that the predicted part belongs to, if it is another one.
    """

    part: str
    status: str
    gold: Fragments
    predicted: Fragments
    attached_elsewhere: int | None = None

    @property
    def kind(self) -> tuple[str, str | None]:
        """The kind and the detail in a table of errors; a part that neither side has is in none."""
        kind, detail = _KINDS.get(self.status, (self.status, None))
        if self.attached_elsewhere is not None:
            detail = "attached elsewhere"
        return kind, detail


class AttributionOutcome(NamedTuple):
    """An attribution of either side, or a pair of them: `kind` is "paired", "missed" or "spurious".

    gold, predicted: indices; None for a missing side. anchor: the part that the pair was found by.
    parts: source, cue and content; of an attribution without a pair, those that it has. is_failed:
    whether the attribution is missed because the model failed on the document.
    """

    kind: str
    gold: int | None
    predicted: int | None
    anchor: str | None
    parts: tuple[PartOutcome, ...]
    is_failed: bool = False

    @property
    def is_correct(self) -> bool:
        """Whether all three parts are correct."""
        return self.kind == "paired" and all(part.status in CORRECT_STATUSES for part in self.parts)


def classify_attributions(
    gold: Sequence[Attribution], predicted: Sequence[Attribution], *, is_failed: bool = False
) -> list[AttributionOutcome]:
    """What became of each attribution of a document: those of gold in order, then the spurious
    ones.

    predicted: without duplicates. is_failed: whether the model failed on the document. Raises
    InputError where more attributions compete for each other than can be paired.
    """
    pairs = dict(pair_attributions(gold, predicted))
    gold_parts = [_ranges_of_parts(attribution) for attribution in gold]
    predicted_parts = [_ranges_of_parts(attribution) for attribution in predicted]
    owners = _owners_of_parts(gold_parts)
    outcomes = []
    for g, parts in enumerate(gold_parts):
        p = pairs.get(g)
        if p is None:
            compared = _compare_parts(parts, {}, owners)
            outcomes.append(AttributionOutcome("missed", g, None, None, compared, is_failed))
        else:
            compared = _compare_parts(parts, predicted_parts[p], owners)
            anchor = "cue" if parts["cue"] else "content"
            outcomes.append(AttributionOutcome("paired", g, p, anchor, compared))
    paired = set(pairs.values())
    for p, parts in enumerate(predicted_parts):
        if p not in paired:
            compared = _compare_parts({}, parts, owners)
            outcomes.append(AttributionOutcome("spurious", None, p, None, compared))
    return outcomes


def _ranges_of_parts(attribution: Any) -> dict[str, Fragments]:
    """The ranges of each part; () for an absent one."""
    ranges: dict[str, Fragments] = {}
    for part in ATTRIBUTION_PARTS:
        span = getattr(attribution, part)
        ranges[part] = () if span is None else span_fragments(span)
    return ranges


def _owners_of_parts(gold: Sequence[Mapping[str, Fragments]]) -> dict[tuple[str, Fragments], int]:
    """The gold attribution that has a part; of several, the first in the order of the text."""
    owners: dict[tuple[str, Fragments], int] = {}
    in_text_order = sorted(
        range(len(gold)), key=lambda g: [gold[g][part] for part in ("content", "cue", "source")]
    )
    for g in in_text_order:
        for part, ranges in gold[g].items():
            owners.setdefault((part, ranges), g)
    return owners


def _compare_parts(
    gold: Mapping[str, Fragments],
    predicted: Mapping[str, Fragments],
    owners: Mapping[tuple[str, Fragments], int],
) -> tuple[PartOutcome, ...]:
    """The status of each part. gold, predicted: empty for an attribution without a pair."""
    parts = []
    for part in ATTRIBUTION_PARTS:
        of_gold, of_predicted = gold.get(part, ()), predicted.get(part, ())
        status = _status_of(of_gold, of_predicted)
        if status == "correct (none)" and not (gold and predicted):
            continue
        owner = None
        if of_predicted and status != "correct":
            owner = owners.get((part, of_predicted))
        parts.append(PartOutcome(part, status, of_gold, of_predicted, owner))
    return tuple(parts)


def _status_of(gold: Fragments, predicted: Fragments) -> str:
    if gold and predicted:
        return compare_spans(gold, predicted)
    if gold:
        return "missed"
    return "spurious" if predicted else "correct (none)"
