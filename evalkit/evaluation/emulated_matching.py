"""Evalkit's own pairs of entities under a scheme, for the counts of emulated scorers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.analysis.scorer_rules import SIDES, ItemCredits, ScorerItem, ScorerState
from evalkit.corpus import Corpus
from evalkit.data.document import Document, Entity
from evalkit.evaluation.corpus_scores import score
from evalkit.scoring.pairs import ItemPair

CREDIT = {"correct": 1.0, "partial": 0.5}
_Span = tuple[str, int, int, Any]  # label, start, end, fragments
_Spans = tuple[_Span, ...]


class DocumentCredits(NamedTuple):
    """The credits of the items of a document, and how its predicted items count."""

    gold: list[float]
    predicted: list[float]
    kinds: list[str]

    @classmethod
    def of_none(cls, gold: int, predicted: int) -> DocumentCredits:
        """Those of some numbers of items without pairs."""
        return cls([0.0] * gold, [0.0] * predicted, ["spurious"] * predicted)


class EntityMatcher:
    """Counts as evalkit pairs entities under a scheme. Documents whose entities a rule does not
    change are paired once.
    """

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self._known: dict[tuple[_Spans, _Spans], DocumentCredits] = {}

    def __call__(self, state: ScorerState) -> ItemCredits:
        """The credit of each item, in its place."""
        rows = {side: _place_by_document(state, side) for side in SIDES}
        spans = []
        for number in range(len(state.documents)):
            gold, predicted = (
                tuple(_span_of(state.items(side)[row]) for row in rows[side].get(number, ()))
                for side in SIDES
            )
            spans.append((gold, predicted))
        unknown = [pair for pair in dict.fromkeys(spans) if pair not in self._known]
        self._known.update(zip(unknown, _match_documents(unknown, self._scheme), strict=True))
        credits = {side: [0.0] * len(state.items(side)) for side in SIDES}
        kinds = ["spurious"] * len(state.predicted)
        for number, pair in enumerate(spans):
            known = self._known[pair]
            for side, own in (("gold", known.gold), ("predicted", known.predicted)):
                for row, credit in zip(rows[side].get(number, ()), own, strict=True):
                    credits[side][row] = credit
            for row, kind in zip(rows["predicted"].get(number, ()), known.kinds, strict=True):
                kinds[row] = kind
        return ItemCredits(credits["gold"], credits["predicted"], predicted_kinds=kinds)


def match_entities(state: ScorerState, scheme: str) -> ItemCredits:
    """The credit of each item under a scheme of entities, as evalkit pairs them."""
    return EntityMatcher(scheme)(state)


def _place_by_document(state: ScorerState, side: str) -> dict[int, list[int]]:
    """The positions of the items of each document that are in the text."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row, item in enumerate(state.items(side)):
        if item.start is not None:
            rows[item.document].append(row)
    return rows


def _span_of(item: ScorerItem) -> _Span:
    """Label, start, end and, of a discontinuous item, the fragments."""
    key = item.key
    is_discontinuous = (
        isinstance(key, tuple) and len(key) > 1 and all(isinstance(part, tuple) for part in key)
    )
    return str(item.label), item.start or 0, item.end or 0, key if is_discontinuous else ()


def _match_documents(
    documents: Sequence[tuple[_Spans, _Spans]], scheme: str
) -> list[DocumentCredits]:
    """The credits of the spans of each document, as evalkit pairs them. Of equal gold spans, which
    a rule may make of different ones, only the first is paired.
    """
    credits = [DocumentCredits.of_none(*map(len, spans)) for spans in documents]
    if not any(gold and predicted for gold, predicted in documents):
        return credits
    metric = f"entities/{scheme}"
    gold = _to_corpus([(tuple(dict.fromkeys(own)), other) for own, other in documents], 0)
    predicted = _to_corpus(documents, 1)
    rows = [_number_rows(documents, number) for number in range(len(SIDES))]
    pairs = score(gold, predicted, metric, zones="all", boot=0).pairs(metric)
    for pair in sorted(pairs, key=_is_duplicate):  # of equal spans, the first is paired
        own = credits[int(pair.document)]
        credit = CREDIT.get(pair.kind, 0.0)
        if pair.gold is not None:
            own.gold[rows[0][_key_of(pair.document, pair.gold)].pop()] = credit
        if pair.predicted is not None:
            row = rows[1][_key_of(pair.document, pair.predicted)].pop()
            own.predicted[row] = credit
            if pair.gold is not None:
                own.kinds[row] = pair.kind
    return credits


def _to_corpus(documents: Sequence[tuple[_Spans, _Spans]], side: int) -> Corpus:
    """A corpus of the spans of a side, whose texts reach as far as the spans."""
    corpus = []
    for number, spans in enumerate(documents):
        length = max((end for own_spans in spans for _, _, end, _ in own_spans), default=0)
        entities = tuple(
            Entity(label, start, end, fragments=fragments)
            for label, start, end, fragments in spans[side]
        )
        corpus.append(Document(str(number), "." * length, entities))
    return Corpus(corpus, SIDES[side])


def _number_rows(
    documents: Sequence[tuple[_Spans, _Spans]], side: int
) -> dict[tuple[str, str, int, int], list[int]]:
    """The positions of the spans of a side among those of their document, the last first."""
    rows: dict[tuple[str, str, int, int], list[int]] = defaultdict(list)
    for number, spans in enumerate(documents):
        for row in reversed(range(len(spans[side]))):
            label, start, end, _ = spans[side][row]
            rows[str(number), label, start, end].append(row)
    return rows


def _is_duplicate(pair: ItemPair) -> bool:
    return pair.kind == "duplicate"


def _key_of(document: str, item: Any) -> tuple[str, str, int, int]:
    return document, item.label, item.start, item.end
