"""The rules of other scorers, applied one by one to evalkit's items.

A scorer is a list of rules for each of its measures. A rule changes what is counted or how: it is
a function from a state to a state. The first state has evalkit's own items and count, the last one
those of the scorer, and the numbers after each rule are the chain that explains the difference.

    read    how items are formed from the input of the scorer
    drop    which items are removed
    equal   when a pair of items is equal
    count   how often an item counts: one to one, sets, many to one
    ratio   precision, recall and F1: what divides by zero, averages, rounding
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

RULE_KINDS = ("read", "drop", "equal", "count", "ratio")
SIDES = ("gold", "predicted")
UNPLACED, UNREADABLE = "unplaced", "unreadable"  # first part of the key of an item without a place


class ScorerItem(NamedTuple):
    """An item of a scorer.

    document: its number. label: None if the scorer has no labels. key: what is compared beside the
    label: a span, a string; (UNPLACED, its number) for an item that is not in the text, and
    (UNREADABLE, its number) for one that has no words either. source: the number of evalkit's item
    on the same side from which it comes; None if there is none. start, end: in the text; None for
    an item that is not in the text. text: its words. event: of an argument, the number of its event
    in the document. annotation: evalkit's, if the item is one. owner: what it is a part of, such as
    type and trigger of an event; see `build_items`.
    """

    document: int
    label: str | None
    key: Hashable
    source: int | None
    start: int | None = None
    end: int | None = None
    text: str = ""
    event: int | None = None
    annotation: Any = None
    owner: Any = None


@dataclass(frozen=True)
class ScorerDocument:
    """A document: its id, its text, and for scorers of tags its tokens.

    tokens: the (start, end) of each token in the text. sequences: the number of the first token of
    each sequence of tags. gold_tags, predicted_tags: a tag for each token, if the input has tags.
    is_predicted: whether the predictions have the document.
    """

    id: str
    text: str
    tokens: Sequence[tuple[int, int]] = ()
    sequences: Sequence[int] = (0,)
    gold_tags: Sequence[str] | None = None
    predicted_tags: Sequence[str] | None = None
    is_predicted: bool = True

    @cached_property
    def token_starts(self) -> list[int]:
        """Where each token starts in the text."""
        return [start for start, _ in self.tokens]

    @cached_property
    def token_ends(self) -> list[int]:
        """Where each token ends in the text."""
        return [end for _, end in self.tokens]

    def tags(self, side: str) -> Sequence[str] | None:
        """The tags of a side."""
        return self.gold_tags if side == "gold" else self.predicted_tags


class ItemStatus(NamedTuple):
    """How an item counts: its credit, and how often it is in the denominator. An item that is cut
    into several, such as tokens, has the sums of both.
    """

    credit: float
    total: float

    def add(self, other: ItemStatus) -> ItemStatus:
        """The sums of both."""
        return ItemStatus(self.credit + other.credit, self.total + other.total)


class ItemCredits(NamedTuple):
    """What is counted: the credit of each gold and each predicted item, and how often each is in
    the denominator; None for once each.

    predicted_kinds: of scorers with the counts of MUC, how each predicted item counts: correct,
    incorrect, partial or spurious.
    """

    gold_credit: Sequence[float]
    predicted_credit: Sequence[float]
    gold_weight: Sequence[float] | None = None
    predicted_weight: Sequence[float] | None = None
    predicted_kinds: Sequence[str] = ()

    @property
    def gold(self) -> float:
        """The denominator of recall."""
        return len(self.gold_credit) if self.gold_weight is None else sum(self.gold_weight)

    @property
    def predicted(self) -> float:
        """The denominator of precision."""
        weights = self.predicted_weight
        return len(self.predicted_credit) if weights is None else sum(weights)

    def statuses(self, side: str) -> Iterator[ItemStatus]:
        """How each item of a side counts."""
        credits, weights = self.gold_credit, self.gold_weight
        if side == "predicted":
            credits, weights = self.predicted_credit, self.predicted_weight
        yield from map(ItemStatus, credits, [1] * len(credits) if weights is None else weights)


class Ratios(NamedTuple):
    """Precision, recall and F1; None where undefined."""

    precision: float | None
    recall: float | None
    f1: float | None


class MeasureNumbers(NamedTuple):
    """What is counted over all labels, and the ratios.

    found: the credit of the gold items. correct: that of the predicted items.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    found: float
    correct: float
    gold: float
    predicted: float


@dataclass(frozen=True)
class ScorerState:
    """What is counted after some rules, and how.

    match: returns the credits of evalkit's own pairing of two lists of items under a scheme of
    entities, for rules that begin with it.
    """

    documents: Sequence[ScorerDocument]
    gold: Sequence[ScorerItem]
    predicted: Sequence[ScorerItem]
    count: Callable[[ScorerState], ItemCredits]
    ratio: Callable[[ItemCredits], Ratios]
    match: Callable[[ScorerState, str], ItemCredits]
    details: Mapping[str, Any] = field(default_factory=dict)

    def items(self, side: str) -> Sequence[ScorerItem]:
        """The items of a side."""
        return self.gold if side == "gold" else self.predicted

    @cached_property
    def _cached_credits(self) -> ItemCredits:
        return self.count(self)

    def credits(self) -> ItemCredits:
        """What is counted."""
        return self._cached_credits

    @cached_property
    def identified(self) -> Mapping[str, IdentifiedItems]:
        """The items of each side by what they are recognized by before and after a rule."""
        return {side: _identify_items(self, side) for side in SIDES}

    @cached_property
    def _following(self) -> dict[ScorerRule, tuple[ScorerState, RuleStep | None]]:
        return {}

    def follow(self, rule: ScorerRule) -> tuple[ScorerState, RuleStep | None]:
        """The state after a rule, and the step, if it changed something but the last digits of a
        float. Measures that share a state and a rule share both.
        """
        if rule not in self._following:
            after = rule.apply(self)
            self._following[rule] = after, None if after is self else _find_step(self, rule, after)
        return self._following[rule]

    def numbers(self) -> MeasureNumbers:
        """The numbers over all labels."""
        return self._numbers

    @cached_property
    def _numbers(self) -> MeasureNumbers:
        credits = self.credits()
        return MeasureNumbers(
            *self.ratio(credits),
            sum(credits.gold_credit),
            sum(credits.predicted_credit),
            credits.gold,
            credits.predicted,
        )


class ScorerRule(NamedTuple):
    """A rule of a scorer. kind: one of RULE_KINDS. text: what it does, such as "compares words"."""

    kind: str
    text: str
    apply: Callable[[ScorerState], ScorerState]


class ScorerMeasure(NamedTuple):
    """A number of a scorer.

    name: the scorer's own. metric: evalkit's, from which the chain begins. rules: in the order of
    RULE_KINDS. string_metric: in place of metric, where gold has strings without offsets.
    """

    name: str
    metric: str
    rules: Sequence[ScorerRule]
    string_metric: str | None = None


class ScorerRules(NamedTuple):
    """A scorer: its measures, and the rows that it prints, computed from the last state of each.

    percent_digits: the decimals of a scorer that prints percent, whose rows are in percent; None
    for fractions. tagging: of the tags that it reads, unless the user names another.
    """

    measures: Sequence[ScorerMeasure]
    rows: Callable[[Mapping[str, ScorerState]], list[dict[str, Any]]]
    percent_digits: int | None = None
    tagging: str = "IOB2"


class StatusChange(NamedTuple):
    """An item that counts in another way after a rule. before, after: None if it is not counted."""

    side: str
    document: str
    item: ScorerItem
    before: ItemStatus | None
    after: ItemStatus | None


class IdentifiedItems(NamedTuple):
    """The first item of each source, or of the same document, label and key where items have none,
    and how each counts; items that are not counted have no status.
    """

    items: Mapping[Hashable, ScorerItem]
    statuses: Mapping[Hashable, ItemStatus]


class RuleStep(NamedTuple):
    """A rule that made a difference, with the numbers before and after it."""

    kind: str
    text: str
    before: MeasureNumbers
    after: MeasureNumbers
    changes: Sequence[StatusChange]


def apply_rules(
    state: ScorerState, rules: Iterable[ScorerRule]
) -> tuple[ScorerState, list[RuleStep]]:
    """Returns the last state, and a step for each rule that changed an item or a number, but for
    the last digits of a float.
    """
    steps = []
    for rule in rules:
        state, step = state.follow(rule)
        if step is not None:
            steps.append(step)
    return state, steps


def _find_step(before: ScorerState, rule: ScorerRule, after: ScorerState) -> RuleStep | None:
    changes = list(_iter_changes(before, after))
    numbers = before.numbers(), after.numbers()
    if not changes and _are_close(*numbers):
        return None
    return RuleStep(rule.kind, rule.text, *numbers, changes)


def _are_close(first: MeasureNumbers, second: MeasureNumbers) -> bool:
    for one, other in zip(first, second, strict=True):
        if one is None or other is None:
            if one is not other:
                return False
        elif not math.isclose(one, other, rel_tol=1e-12):
            return False
    return True


def _iter_changes(before: ScorerState, after: ScorerState) -> Iterator[StatusChange]:
    fields = ("documents", "gold", "predicted", "count", "details")
    if all(getattr(before, name) is getattr(after, name) for name in fields):
        return  # a rule about ratios
    for side in SIDES:
        old, new = before.identified[side], after.identified[side]
        for identity in {**new.items, **old.items}:
            change = old.statuses.get(identity), new.statuses.get(identity)
            if change[0] != change[1]:
                item = old.items.get(identity) or new.items[identity]
                documents = before.documents if identity in old.items else after.documents
                yield StatusChange(side, documents[item.document].id, item, *change)


def _identify_items(state: ScorerState, side: str) -> IdentifiedItems:
    items: dict[Hashable, ScorerItem] = {}
    statuses: dict[Hashable, ItemStatus] = {}
    for item, status in zip(state.items(side), state.credits().statuses(side), strict=True):
        identity: Hashable = item.source
        if identity is None:
            identity = item.document, item.label, item.key
        items.setdefault(identity, item)
        if status != (0, 0):
            other = statuses.get(identity)
            statuses[identity] = status if other is None else other.add(status)
    return IdentifiedItems(items, statuses)


def count_one_to_one(state: ScorerState) -> ItemCredits:
    """Each gold item is found by at most one predicted item of the same document, label and key."""
    credits: dict[str, list[float]] = {}
    keys = {side: [_key(item) for item in state.items(side)] for side in SIDES}
    for side, other in (("gold", "predicted"), ("predicted", "gold")):
        left = Counter(keys[other])
        credits[side] = []
        for key in keys[side]:
            credits[side].append(float(left[key] > 0))
            left[key] -= 1
    return ItemCredits(credits["gold"], credits["predicted"])


def merge_equal_items(state: ScorerState) -> ScorerState:
    """Keeps the first of the items of a side that have the same document, label and key."""
    kept = {}
    for side in SIDES:
        firsts: dict[Hashable, ScorerItem] = {}
        for item in state.items(side):
            firsts.setdefault(_key(item), item)
        kept[side] = tuple(firsts.values())
    return replace(state, gold=kept["gold"], predicted=kept["predicted"])


def _key(item: ScorerItem) -> Hashable:
    return item.document, item.label, item.key


def keep_items(
    state: ScorerState, is_kept: Callable[[ScorerItem], bool], sides: Iterable[str] = SIDES
) -> ScorerState:
    """The state with the items of some sides for which is_kept is true; itself if all are kept."""
    kept = {side: tuple(filter(is_kept, state.items(side))) for side in sides}
    if all(len(items) == len(state.items(side)) for side, items in kept.items()):
        return state
    return replace(
        state,
        gold=kept.get("gold", state.gold),
        predicted=kept.get("predicted", state.predicted),
    )


def divide(numerator: float, denominator: float, default: float | None) -> float | None:
    """A quotient; the default where the denominator is 0."""
    return numerator / denominator if denominator else default


def ratios_with_zero(credits: ItemCredits) -> Ratios:
    """Precision, recall and F1, which are 0 where the denominator is 0."""
    precision = divide(sum(credits.predicted_credit), credits.predicted, 0.0) or 0.0
    recall = divide(sum(credits.gold_credit), credits.gold, 0.0) or 0.0
    total = precision + recall
    return Ratios(precision, recall, divide(2 * precision * recall, total, 0.0))


def ratios_of_evalkit(credits: ItemCredits) -> Ratios:
    """Precision, recall and F1 as evalkit defines them: None where the denominator is 0; F1 is
    2 tp / (predicted + gold).
    """
    return Ratios(
        divide(sum(credits.predicted_credit), credits.predicted, None),
        divide(sum(credits.gold_credit), credits.gold, None),
        divide(
            sum(credits.gold_credit) + sum(credits.predicted_credit),
            credits.predicted + credits.gold,
            None,
        ),
    )


def select_label(state: ScorerState, label: str | None) -> ScorerState:
    """The state with the items of one label, whose count does not depend on the other labels."""
    return keep_items(state, lambda item: item.label == label)


def labels_of(state: ScorerState) -> list[str]:
    """The labels of both sides, sorted."""
    return sorted({str(item.label) for side in SIDES for item in state.items(side)})


WITH_ZERO = ScorerRule(
    "ratio",
    "counts a ratio with the denominator 0 as 0",
    lambda state: replace(state, ratio=ratios_with_zero),
)
