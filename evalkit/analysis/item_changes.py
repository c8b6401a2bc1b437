"""Compares what two systems make of the same gold items.

    status     gold items             status    wrong predictions without a gold item
    won        correct in a only      new       in a only
    lost       correct in b only      gone      in b only
    both       correct in both        in both   in both
    neither    correct in neither

Items are equal if document, label and span are. Equal gold items, which a label map can make, are
counted one by one: those that are wrong in both systems first. A wrong prediction without a gold
item is in both systems if the other one has the same wrong prediction, also where it is paired with
a gold item there. Swapping the systems swaps won and lost, new and gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from evalkit.analysis.error_items import Context, ErrorItem, item_to_json
from evalkit.analysis.error_kinds import KINDS
from evalkit.scoring.pairs import Item

GOLD_STATUSES = ("won", "lost", "both", "neither")
PREDICTION_STATUSES = ("new", "gone", "in both")
CORRECT = KINDS[0]
_Key = tuple[Any, ...]


class Outcome(NamedTuple):
    """What a system makes of an item: the kind of error ("correct" for none), its detail, and the
    predicted item. kind is None for a wrong prediction that the system does not make.
    """

    kind: str | None
    detail: str
    predicted: Item | None

    def to_json(self, suffix: str, *, text: bool = True) -> dict[str, Any]:
        """The fields as JSON values, with a suffix to their names. text: with the surface form
        itself, not its hash.
        """
        predicted = None
        if self.predicted is not None:
            predicted = {**item_to_json(self.predicted, text=text), "score": self.predicted.score}
        return {
            f"kind_{suffix}": self.kind,
            f"detail_{suffix}": self.detail or None,
            f"predicted_{suffix}": predicted,
        }


class ItemChange(NamedTuple):
    """An item that a system has wrong: a gold item, or a wrong prediction without one (then `gold`
    is None).

    a, b: what the systems make of it. Context, sentence and zone are those of the item.
    """

    document: str
    layer: str
    status: str
    gold: Item | None
    a: Outcome
    b: Outcome
    context: Context | None
    sentence: int | None
    zone: str | None

    @property
    def item(self) -> Item:
        """The gold item, or else the prediction."""
        item = self.gold or self.a.predicted or self.b.predicted
        if item is None:
            raise ValueError("a change without an item")
        return item

    def to_json(self, *, no_text: bool = False) -> dict[str, Any]:
        """The change as JSON values. no_text: without context, and with hashes instead of surface
        forms.
        """
        context = None if no_text else self.context
        return {
            "document": self.document,
            "layer": self.layer,
            "status": self.status,
            "side": "gold" if self.gold is not None else "predicted",
            **item_to_json(self.item, text=not no_text),
            **self.a.to_json("a", text=not no_text),
            **self.b.to_json("b", text=not no_text),
            "context": context.text if context else None,
            "context_start": context.start if context else None,
            "sentence": self.sentence,
            "zone": self.zone,
        }


def compare_errors(
    errors_a: Iterable[ErrorItem], errors_b: Iterable[ErrorItem], places: Mapping[str, int]
) -> Iterator[ItemChange]:
    """The items that at least one system has wrong, in the order of the documents and the text.

    errors_a, errors_b: the errors of each system, document by document, in the order of the
    documents. places: the place of each document in that order.
    """
    for first, second in _join_documents(errors_a, errors_b, places):
        yield from compare_document(first, second)


def compare_document(
    errors_a: Sequence[ErrorItem], errors_b: Sequence[ErrorItem]
) -> list[ItemChange]:
    """The items of a document that at least one system has wrong, in the order of the text."""
    changes = [*_compare_gold(errors_a, errors_b), *_compare_predictions(errors_a, errors_b)]
    return sorted(changes, key=_text_order_key)


def _compare_gold(
    errors_a: Sequence[ErrorItem], errors_b: Sequence[ErrorItem]
) -> Iterator[ItemChange]:
    wrong_a, wrong_b = _group_gold(errors_a), _group_gold(errors_b)
    for key in dict.fromkeys([*wrong_a, *wrong_b]):
        a, b = wrong_a.get(key, []), wrong_b.get(key, [])
        for n in range(max(len(a), len(b))):
            error_a = a[n] if n < len(a) else None
            error_b = b[n] if n < len(b) else None
            known = error_a or error_b
            if known is None or known.gold is None:
                continue
            status = "neither"
            if error_a is None:
                status = "won"
            elif error_b is None:
                status = "lost"
            yield ItemChange(
                known.document,
                known.layer,
                status,
                known.gold,
                _outcome_of_gold(error_a, known.gold),
                _outcome_of_gold(error_b, known.gold),
                known.context,
                known.sentence,
                known.zone,
            )


def _outcome_of_gold(error: ErrorItem | None, gold: Item) -> Outcome:
    """What a system makes of a gold item; without an error the prediction equals it."""
    if error is None:
        return Outcome(CORRECT, "", gold._replace(score=None))
    return Outcome(error.kind, error.detail, error.predicted)


def _group_gold(errors: Iterable[ErrorItem]) -> dict[_Key, list[ErrorItem]]:
    """The errors with a gold item by this item; those of equal items in an order of their own."""
    groups: dict[_Key, list[ErrorItem]] = defaultdict(list)
    for error in errors:
        if error.gold is not None:
            groups[_key(error.gold)].append(error)
    for group in groups.values():
        group.sort(key=_error_key)
    return groups


def _compare_predictions(
    errors_a: Sequence[ErrorItem], errors_b: Sequence[ErrorItem]
) -> Iterator[ItemChange]:
    """The wrong predictions without a gold item."""
    single_a, single_b = _group_predictions(errors_a), _group_predictions(errors_b)
    paired_a, paired_b = _group_paired(errors_a), _group_paired(errors_b)
    for key in dict.fromkeys([*single_a, *single_b]):
        a, b = single_a.get(key, []), single_b.get(key, [])
        n_both = min(len(a), len(b))
        for error_a, error_b in zip(a, b, strict=False):
            yield _prediction_change("in both", error_a, error_b)
        # The rest may be paired with a gold item in the other system.
        partners_a, partners_b = paired_a.get(key, []), paired_b.get(key, [])
        for n, error in enumerate(a[n_both:]):
            partner = partners_b[n] if n < len(partners_b) else None
            yield _prediction_change("in both" if partner else "new", error, partner)
        for n, error in enumerate(b[n_both:]):
            partner = partners_a[n] if n < len(partners_a) else None
            yield _prediction_change("in both" if partner else "gone", partner, error)


def _prediction_change(
    status: str, error_a: ErrorItem | None, error_b: ErrorItem | None
) -> ItemChange:
    known = next(error for error in (error_a, error_b) if error is not None and error.gold is None)
    return ItemChange(
        known.document,
        known.layer,
        status,
        None,
        _outcome_of_prediction(error_a),
        _outcome_of_prediction(error_b),
        known.context,
        known.sentence,
        known.zone,
    )


def _outcome_of_prediction(error: ErrorItem | None) -> Outcome:
    if error is None:
        return Outcome(None, "", None)
    return Outcome(error.kind, error.detail, error.predicted)


def _group_predictions(errors: Iterable[ErrorItem]) -> dict[_Key, list[ErrorItem]]:
    """The wrong predictions without a gold item, by label and span."""
    return _group_by_prediction(error for error in errors if error.gold is None)


def _group_paired(errors: Iterable[ErrorItem]) -> dict[_Key, list[ErrorItem]]:
    """The wrong predictions that are paired with a gold item, by label and span."""
    return _group_by_prediction(error for error in errors if error.gold is not None)


def _group_by_prediction(errors: Iterable[ErrorItem]) -> dict[_Key, list[ErrorItem]]:
    groups: dict[_Key, list[ErrorItem]] = defaultdict(list)
    for error in errors:
        if error.predicted is not None:
            groups[_key(error.predicted)].append(error)
    for group in groups.values():
        group.sort(key=_error_key)
    return groups


def _key(item: Item) -> _Key:
    """What equal items have in common; for an unplaced item, its text too."""
    text = item.text if item.start < 0 else ""
    arguments = [(argument[1:4], argument.label or "") for argument in item.arguments]
    return item.label, item.start, item.end, item.fragments, text, tuple(arguments)


def _error_key(error: ErrorItem) -> _Key:
    """An order of the errors of equal items that does not depend on the order of the input."""
    gold = () if error.gold is None else _key(error.gold)
    predicted = () if error.predicted is None else _key(error.predicted)
    return error.kind, error.detail, predicted, gold


def _text_order_key(change: ItemChange) -> _Key:
    item = change.item
    kinds = (change.a.kind or "", change.b.kind or "")
    return item.start, item.end, change.gold is None, *_key(item), kinds


def _join_documents(
    errors_a: Iterable[ErrorItem], errors_b: Iterable[ErrorItem], places: Mapping[str, int]
) -> Iterator[tuple[list[ErrorItem], list[ErrorItem]]]:
    """The errors of both systems in each document in which one has any; both in one order."""
    documents_b = _group_documents(errors_b)
    pending = next(documents_b, None)
    for document, first in _group_documents(errors_a):
        while pending is not None and places[pending[0]] < places[document]:
            yield [], pending[1]
            pending = next(documents_b, None)
        if pending is not None and pending[0] == document:
            yield first, pending[1]
            pending = next(documents_b, None)
        else:
            yield first, []
    while pending is not None:
        yield [], pending[1]
        pending = next(documents_b, None)


def _group_documents(errors: Iterable[ErrorItem]) -> Iterator[tuple[str, list[ErrorItem]]]:
    for document, group in groupby(errors, key=lambda error: error.document):
        yield document, list(group)


def sort_documents(errors: Iterable[ErrorItem], places: Mapping[str, int]) -> list[ErrorItem]:
    """The errors in another order of documents; those of a document stay in order."""
    return sorted(errors, key=lambda error: places[error.document])
