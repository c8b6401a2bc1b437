"""EvmEval 1.8 (TAC KBP Event Nugget): triggers paired by the Dice coefficient of their characters.

The coefficient of two triggers is 2 · shared characters / (characters of both). All pairs of a
document that share a character are gone through, the highest coefficient first, then in the order
of predictions and of gold, and each whose items are still free is taken. Its coefficient is what it
counts. This is done for each row:

    plain                        any pair
    mention_type                 pairs of the same type
    realis_status                pairs of the same realis
    mention_type+realis_status   pairs of both

Types and realis are compared in lower case, letters and digits only; a gold event without realis
has that of any prediction. A ratio whose denominator is 0 is undefined, and so is F1 where
precision and recall are 0.

Documents without gold events are left out, with their predictions. Macro is the mean over the other
documents, where a document without predictions has 0 and F1 is that of the means. (Source:
scorer_v1.8.py and config.py of hunterhector/EvmEval at 090698c, with characters, its default, read;
it is for Python 2. Its scores of coreference and of the order of events are not printed here.)

Rows: those of the types, as fractions, which EvmEval computes from the pairs of both type and
realis, with the predictions in all documents; then the final rows, in percent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from evalkit.analysis.scorer_rules import (
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
from evalkit.analysis.scorer_sets import DROP_UNPLACED, change_items, set_count
from evalkit.analysis.scorer_spans import group_by_document

NO_REALIS = "notannotated"  # how EvmEval's files spell that there is none
ATTRIBUTES = ("type", "realis")


class NuggetRow(NamedTuple):
    """A row of EvmEval. attributes: those that both items of a pair share; metric: evalkit's."""

    attributes: tuple[str, ...]
    metric: str
    text: str


ROWS = {
    "plain": NuggetRow((), "triggers/exact", "events"),
    "mention_type": NuggetRow(("type",), "triggers/strict", "events of one type"),
    "realis_status": NuggetRow(("realis",), "triggers/exact", "events of one realis"),
    "mention_type+realis_status": NuggetRow(
        ATTRIBUTES, "triggers/strict", "events of one type and realis"
    ),
}
TYPE_ROW = "mention_type+realis_status"  # from whose pairs the rows of types are computed


def build_rules() -> ScorerRules:
    """The rules of EvmEval."""
    measures = []
    for name, row in ROWS.items():
        pair = ScorerRule(
            "count",
            f"pairs {row.text}, the highest Dice coefficient of their characters first, and counts"
            " the coefficient",
            set_count(partial(count_dice, attributes=row.attributes)),
        )
        equality = [COMPARE_TYPES] if "type" in row.attributes else []
        rules = (COUNT_TYPES, DROP_UNPLACED, DROP_EMPTY_DOCUMENTS, *equality, pair, UNDEFINED_F1)
        measures.append(ScorerMeasure(name, row.metric, rules))
    return ScorerRules(measures, report_rows, percent_digits=2)


def count_dice(state: ScorerState, attributes: Sequence[str]) -> ItemCredits:
    """The coefficient of each item that is paired, 0 for others.

    attributes: those of ATTRIBUTES that both items of a pair share.
    """
    gold_credit = [0.0] * len(state.gold)
    predicted_credit = [0.0] * len(state.predicted)
    gold_rows = group_by_document(state.gold)
    for document, rows in group_by_document(state.predicted).items():
        pairs = _list_pairs(state, rows, gold_rows.get(document, ()))
        free = {*gold_rows.get(document, ())}, {*rows}
        for negated, predicted, gold in sorted(pairs):
            if gold not in free[0] or predicted not in free[1]:
                continue
            if _share(state.gold[gold], state.predicted[predicted], attributes):
                free[0].remove(gold)
                free[1].remove(predicted)
                gold_credit[gold] = predicted_credit[predicted] = -negated
    return ItemCredits(gold_credit, predicted_credit)


def _list_pairs(
    state: ScorerState, predicted: Sequence[int], gold: Sequence[int]
) -> Iterator[tuple[float, int, int]]:
    """The negated coefficient and both rows of each pair that shares a character."""
    gold_characters = {row: _list_characters(state.gold[row]) for row in gold}
    for row in predicted:
        own = _list_characters(state.predicted[row])
        for other, characters in gold_characters.items():
            shared = len(characters & own)
            if shared:
                yield -2.0 * shared / (len(characters) + len(own)), row, other


def _list_characters(item: ScorerItem) -> set[int]:
    fragments: Any = item.key
    return set(chain.from_iterable(range(start, end) for start, end in fragments))


def _share(gold: ScorerItem, predicted: ScorerItem, attributes: Sequence[str]) -> bool:
    if "type" in attributes and canonical(gold.label) != canonical(predicted.label):
        return False
    if "realis" not in attributes:
        return True
    realis = canonical(gold.annotation.realis)
    return realis in (NO_REALIS, canonical(predicted.annotation.realis))


def canonical(value: str | None) -> str:
    """A type or realis as it is compared: in lower case, letters and digits only.

    >>> canonical("Conflict.Attack"), canonical(None)
    ('conflictattack', 'notannotated')
    """
    if value is None:
        return NO_REALIS
    return "".join(character.lower() for character in value if character.isalnum())


def _drop_empty_documents(state: ScorerState) -> ScorerState:
    kept = {item.document for item in state.gold}
    return keep_items(state, lambda item: item.document in kept, ("predicted",))


def _count_types(state: ScorerState) -> ScorerState:
    """The state, which notes the predictions of each type in all documents."""
    placed = (item for item in state.predicted if item.start is not None)
    counts = Counter(canonical(item.label) for item in placed)
    return replace(state, details={**state.details, "predicted_types": counts})


def ratios_of_evmeval(credits: ItemCredits) -> Ratios:
    """The ratios; None where EvmEval has nan."""
    precision = divide(sum(credits.predicted_credit), credits.predicted, None)
    recall = divide(sum(credits.gold_credit), credits.gold, None)
    return Ratios(precision, recall, _f1(precision, recall))


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return divide(2 * precision * recall, precision + recall, None)


COUNT_TYPES = ScorerRule("read", "counts the predictions of each type", _count_types)
COMPARE_TYPES = ScorerRule(
    "equal",
    "compares types in lower case, letters and digits only",
    lambda state: change_items(state, lambda item: item._replace(label=canonical(item.label))),
)
DROP_EMPTY_DOCUMENTS = ScorerRule(
    "drop", "leaves out predictions in documents without gold events", _drop_empty_documents
)
UNDEFINED_F1 = ScorerRule(
    "ratio",
    "has no F1 where precision and recall are 0",
    lambda state: replace(state, ratio=ratios_of_evmeval),
)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The rows of the types, and the final ones."""
    rows = list(_type_rows(states[TYPE_ROW]))
    for name, state in states.items():
        credits = state.credits()
        correct = 100 * sum(credits.gold_credit)
        precision = divide(correct, credits.predicted, None)
        recall = divide(correct, credits.gold, None)
        micro = Ratios(precision, recall, _f1(precision, recall))
        rows.append(_row(name, "micro", micro))
        rows.append(_row(name, "macro", _macro(state, credits)))
    return rows


def _row(name: str, average: str, ratios: Ratios, **counts: int) -> dict[str, Any]:
    return {
        "name": name,
        "average": average,
        **dict(zip(("Prec", "Rec", "F1"), ratios)),
        **counts,
    }


def _macro(state: ScorerState, credits: ItemCredits) -> Ratios:
    """The means over the documents with gold events, in percent."""
    gold, predicted = group_by_document(state.gold), group_by_document(state.predicted)
    if not gold:
        return Ratios(None, None, None)
    precisions, recalls = [], []
    for document, rows in gold.items():
        correct = 100 * sum(credits.gold_credit[row] for row in rows)
        precisions.append(divide(correct, len(predicted.get(document, ())), 0.0) or 0.0)
        recalls.append(correct / len(rows))
    precision, recall = sum(precisions) / len(gold), sum(recalls) / len(gold)
    return Ratios(precision, recall, _f1(precision, recall))


def _type_rows(state: ScorerState) -> Iterator[dict[str, Any]]:
    """The rows of the types of gold, as fractions; 0 where nothing divides."""
    correct: dict[str, float] = defaultdict(float)
    gold: Counter[str] = Counter()
    for item, credit in zip(state.gold, state.credits().gold_credit, strict=True):
        gold[canonical(item.label)] += 1
        correct[canonical(item.label)] += credit
    predicted: Counter[str] = state.details["predicted_types"]
    for name in sorted(gold):
        precision = divide(correct[name], predicted[name], None)
        recall = correct[name] / gold[name]
        ratios = Ratios(*(ratio or 0.0 for ratio in (precision, recall, _f1(precision, recall))))
        counts = {"#Gold": gold[name], "#Sys": predicted[name]}
        yield _row(name, "type", ratios, **counts)
