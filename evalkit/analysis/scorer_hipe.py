"""HIPE-scorer (commit 0d94382): strict and fuzzy, over all documents and as mean of documents.

The tags of a document are read as one sequence, in capitals. An entity begins at the first tag
after O, at B- and where the type changes; the first letter is not looked at otherwise. Entities
whose type does not occur in gold are ignored on both sides; so are all types with a dash, since the
types of gold are taken from behind the last dash. A prediction that is not correct takes the first
gold entity of the document that it overlaps and that no prediction has taken.

    strict   the borders and the type are equal
    fuzzy    the type is equal, and the entities overlap

Options: `tagset` has further types that count, as `--tagset` of the scorer has.

Rows: those of the table that `clef_evaluation.py` writes, not rounded: micro and macro_doc, ALL
types and each type. The mean of documents has precision over the documents with predictions, recall
over those with gold, and F1 over those with both. (Source: hipe_evaluation/ner_eval.py and
utils.py. The columns of links, noise and time are not read.)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any, NamedTuple

from evalkit.analysis.scorer_options import parse_names
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ItemCredits,
    Ratios,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    divide,
    keep_items,
)
from evalkit.analysis.scorer_tags import OUTSIDE, TO_TAGS, Chunk, read_chunks

ALL = "ALL"
REGIMES = {"fuzzy": "entities/type", "strict": "entities/strict"}
# The kinds of pairs that count as correct
CORRECT = {"strict": ("equal",), "fuzzy": ("equal", "overlap")}


class ItemPairing(NamedTuple):
    """A gold entity and its prediction, or one alone: their numbers in the state. kind: "equal",
    "overlap" (of the same type), "other" (of another type), "missed" or "spurious".
    """

    kind: str
    gold: int | None
    predicted: int | None


def build_rules(*, tagset: str | Iterable[str] = ()) -> ScorerRules:
    """The rules of HIPE-scorer."""
    others = {name.upper() for name in parse_names("tagset", tagset, "types")}
    read = read_chunks(
        iter_chunks,
        "reads the tags of a document as one sequence, with types in capitals: an item begins after"
        " O, at B- and where the type changes",
        over_documents=True,
    )
    drop = ScorerRule(
        "drop",
        "drops items whose type does not occur in gold" + (", or in the tagset" if others else ""),
        lambda state: _drop_other_types(state, others),
    )
    count = ScorerRule(
        "count",
        "pairs each prediction that is not correct with the first gold item that it overlaps",
        lambda state: replace(state, count=_count_fuzzily),
    )
    measures = (
        ScorerMeasure("fuzzy", REGIMES["fuzzy"], (*TO_TAGS, read, drop, count, WITH_ZERO)),
        ScorerMeasure("strict", REGIMES["strict"], (*TO_TAGS, read, drop, WITH_ZERO)),
    )
    return ScorerRules(measures, report_rows)


def iter_chunks(tags: Sequence[str]) -> Iterator[Chunk]:
    """The entities of the tags of a document."""
    begin: int | None = None
    label = ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        own = tag.upper()
        if begin is not None and (own == OUTSIDE or label != own[2:] or own[0] == "B"):
            yield begin, position, label
            begin = None
        if begin is None and own != OUTSIDE:
            begin, label = position, own[2:]


def _drop_other_types(state: ScorerState, others: set[str]) -> ScorerState:
    """Drops the items whose type neither gold nor the tagset has. The types are looked for among
    the last parts of tags, which have no dash, and of which O and _ are none.
    """
    types = {str(item.label).split("|")[0].split("-")[-1] for item in state.gold}
    types |= {name for name in others if "-" not in name}
    types -= {OUTSIDE, "_"}
    return keep_items(state, lambda item: item.label in types)


def pair_items(state: ScorerState) -> Iterator[ItemPairing]:
    """The pairs of all documents. The items of a side do not overlap each other."""
    sides: dict[str, dict[int, list[tuple[int, ScorerItem]]]] = {}
    for side in SIDES:
        sides[side] = defaultdict(list)
        for number, item in enumerate(state.items(side)):
            sides[side][item.document].append((number, item))
    for document in sorted({*sides["gold"], *sides["predicted"]}):
        yield from _pair_document(sides["gold"][document], sides["predicted"][document])


def _pair_document(
    gold: Sequence[tuple[int, ScorerItem]], predicted: Sequence[tuple[int, ScorerItem]]
) -> Iterator[ItemPairing]:
    starts = [item.start or 0 for _, item in gold]
    ends = [item.end or 0 for _, item in gold]
    taken: set[int] = set()
    for number, item in predicted:
        first = bisect_right(ends, item.start or 0)
        overlapping = gold[first : bisect_left(starts, item.end or 0)]
        pair = _find_pair(item, overlapping, taken)
        if pair is None:
            yield ItemPairing("spurious", None, number)
            continue
        kind, partner = pair
        taken.add(partner)
        yield ItemPairing(kind, partner, number)
    for number, _ in gold:
        if number not in taken:
            yield ItemPairing("missed", number, None)


def _find_pair(
    item: ScorerItem, overlapping: Sequence[tuple[int, ScorerItem]], taken: set[int]
) -> tuple[str, int] | None:
    """The kind and the gold item of the pair of a prediction; None for a spurious one."""
    for number, gold in overlapping:
        if gold.key == item.key:
            return ("equal" if gold.label == item.label else "other"), number
        if number not in taken:
            return ("overlap" if gold.label == item.label else "other"), number
    return None


def _count_fuzzily(state: ScorerState) -> ItemCredits:
    gold, predicted = [0.0] * len(state.gold), [0.0] * len(state.predicted)
    for pair in pair_items(state):
        if pair.gold is not None and pair.predicted is not None:
            credit = float(pair.kind in CORRECT["fuzzy"])
            gold[pair.gold] = predicted[pair.predicted] = credit
    return ItemCredits(gold, predicted)


class _Counts(NamedTuple):
    """What HIPE-scorer counts."""

    correct: int
    possible: int
    actual: int

    @property
    def ratios(self) -> Ratios:
        precision = divide(self.correct, self.actual, 0.0) or 0.0
        recall = divide(self.correct, self.possible, 0.0) or 0.0
        total = precision + recall
        return Ratios(precision, recall, divide(2 * precision * recall, total, 0.0))


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The rows of the table of HIPE-scorer."""
    state = states["strict"]
    pairs = list(pair_items(state))
    by_regime = {regime: _count_documents(state, pairs, CORRECT[regime]) for regime in REGIMES}
    names = sorted({ALL, *(name for counts in by_regime["strict"].values() for name in counts)})
    rows = []
    for regime, documents in by_regime.items():
        for name in names:
            total = _add(counts[name] for counts in documents.values() if name in counts)
            rows.append(
                {
                    "Evaluation": f"micro-{regime}",
                    "Label": name,
                    **dict(zip(("P", "R", "F1"), total.ratios)),
                    "TP": total.correct,
                    "FP": total.actual - total.correct,
                    "FN": total.possible - total.correct,
                }
            )
    for regime, documents in by_regime.items():
        for name in names:
            own = [counts[name] for counts in documents.values() if name in counts]
            rows.append({"Evaluation": f"macro_doc-{regime}", "Label": name, **_means(own)})
    return rows


def _count_documents(
    state: ScorerState, pairs: Iterable[ItemPairing], correct: Sequence[str]
) -> dict[int, dict[str, _Counts]]:
    """The counts of each document by type; a pair counts for the type of gold."""
    counts: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for pair in pairs:
        if pair.gold is not None:
            item = state.gold[pair.gold]
        elif pair.predicted is not None:
            item = state.predicted[pair.predicted]
        for name in (ALL, str(item.label)):
            own = counts[item.document][name]
            own["correct"] += pair.kind in correct
            own["possible"] += pair.gold is not None
            own["actual"] += pair.predicted is not None
    return {
        document: {
            name: _Counts(own["correct"], own["possible"], own["actual"])
            for name, own in by_name.items()
        }
        for document, by_name in counts.items()
    }


def _add(counts: Iterable[_Counts]) -> _Counts:
    rows = list(counts)
    return _Counts(*(sum(column) for column in zip(*rows))) if rows else _Counts(0, 0, 0)


def _means(counts: Sequence[_Counts]) -> dict[str, float | None]:
    """The means over documents and their standard deviations."""
    values = {
        "P": [own.ratios.precision or 0.0 for own in counts if own.actual],
        "R": [own.ratios.recall or 0.0 for own in counts if own.possible],
        "F1": [own.ratios.f1 or 0.0 for own in counts if own.possible and own.actual],
    }
    means = {name: sum(column) / len(column) if column else None for name, column in values.items()}
    deviations: dict[str, float | None] = {}
    for name, column in values.items():
        mean = means[name]
        deviations[f"{name}_std"] = None
        if mean is not None:
            squares = sum((value - mean) ** 2 for value in column)
            deviations[f"{name}_std"] = sqrt(squares / len(column))
    return {**means, **deviations}
