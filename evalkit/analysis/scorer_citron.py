"""Citron: quotations by their cues, sources and contents, in tokens.

A quotation has a cue, and lists of source and content spans, which are those of the fragments.

    exact match   a predicted quotation is correct if some gold quotation matches it, and gold's is
                  missed if no prediction matches it. They match: for the cue, if the cues are
                  equal; for sources or contents, if the cues overlap and these lists are equal; for
                  all, if all three are equal. A predicted cue that begins where gold's ends
                  overlaps it. Recall is correct predictions ÷ (correct predictions + missed gold
                  quotations).
    overlap       the tokens that each predicted quotation shares with each of gold, summed over all
                  pairs, ÷ all predicted and all gold tokens. So a perfect prediction of nested or
                  repeated quotations has more than 1. Over all three parts, precision and recall
                  are exchanged.

0/0 is 0. Two empty lists of sources are equal. (Source: citron/metrics.py, utils.py and data.py at
b140405; read. Numbers: those of bbc/citron at 1937f2c.)

Tokens are those of spaCy's English tokenizer, as in the pipeline en_core_web_sm that Citron loads,
for the version of spaCy that is installed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from evalkit.analysis.scorer_rules import (
    WITH_ZERO,
    ItemCredits,
    Ratios,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
    ratios_with_zero,
)
from evalkit.analysis.scorer_sets import (
    DROP_UNPLACED,
    change_items,
    join_fragments,
    set_count,
)

METRIC = "attribution-relations/strict"
TokenRange = tuple[int, int]


class Quotation(NamedTuple):
    """The token ranges of a quotation."""

    sources: tuple[TokenRange, ...]
    cue: TokenRange
    contents: tuple[TokenRange, ...]


Match = Callable[[Quotation, Quotation], bool]  # of a predicted and a gold quotation
# Returns the spans of some parts, each of which shares tokens with the same part only
Parts = Callable[[Quotation], Sequence[Sequence[TokenRange]]]


def build_rules() -> ScorerRules:
    """The rules of Citron."""
    read = ScorerRule(
        "read", "compares the tokens of spaCy that a span touches", _TokenReader().read_state
    )
    measures = []
    for name, text, match, parts_of in PARTS:
        exact = ScorerRule("equal", f"{text}, in any attribution", set_count(count_matches(match)))
        recall = ScorerRule(
            "count",
            "divides the correct predictions by these and the missed attributions for recall",
            set_count(count_missed(match)),
        )
        measures.append(
            ScorerMeasure(
                f"{name} exact match",
                METRIC,
                (read, DROP_UNPLACED, DROP_WITHOUT_CUE, exact, recall, WITH_ZERO),
            )
        )
        overlap = ScorerRule(
            "count",
            f"counts the tokens that {name.lower()} of each prediction share with those of each"
            " gold attribution",
            set_count(count_overlaps(parts_of)),
        )
        ratio = EXCHANGED if name == "All Quote Spans" else WITH_ZERO
        measures.append(
            ScorerMeasure(
                f"{name} overlap", METRIC, (read, DROP_UNPLACED, DROP_WITHOUT_CUE, overlap, ratio)
            )
        )
    return ScorerRules(measures, report_rows)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The printed blocks, not rounded."""
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        rows.append(
            {
                "name": name,
                "Precision": numbers.precision,
                "Recall": numbers.recall,
                "F1": numbers.f1,
            }
        )
    return rows


@lru_cache(maxsize=1)
def _load_tokenizer() -> Any:
    import spacy

    return spacy.blank("en").tokenizer


@dataclass(frozen=True)
class _TokenReader:
    """Turns offsets into token numbers. starts: of the tokens of each text."""

    starts: dict[str, list[int]] = field(default_factory=dict)

    def read_state(self, state: ScorerState) -> ScorerState:
        """The state whose items have a Quotation as key, if they have a cue."""

        def read(item: ScorerItem) -> ScorerItem:
            if item.start is None:
                return item
            parts: Any = item.key
            source, cue, content = parts
            text = state.documents[item.document].text
            if cue is None:
                return item._replace(key=("no cue", item.source))
            (cue_range,) = self._ranges(text, join_fragments(cue))
            return item._replace(
                key=Quotation(self._ranges(text, source), cue_range, self._ranges(text, content))
            )

        return change_items(state, read)

    def _ranges(
        self, text: str, fragments: Sequence[tuple[int, int]] | None
    ) -> tuple[TokenRange, ...]:
        if text not in self.starts:
            self.starts[text] = [token.idx for token in _load_tokenizer()(text)]
        starts = self.starts[text]
        return tuple(
            (bisect_right(starts, start) - 1, bisect_right(starts, end - 1))
            for start, end in fragments or ()
        )


def overlap_cues(predicted: Quotation, gold: Quotation) -> bool:
    """Whether cues overlap, or the predicted one begins where gold's ends."""
    return predicted.cue[0] <= gold.cue[1] and predicted.cue[1] > gold.cue[0]


def _equal_cues(predicted: Quotation, gold: Quotation) -> bool:
    return predicted.cue == gold.cue


def _equal_sources(predicted: Quotation, gold: Quotation) -> bool:
    return overlap_cues(predicted, gold) and predicted.sources == gold.sources


def _equal_contents(predicted: Quotation, gold: Quotation) -> bool:
    return overlap_cues(predicted, gold) and predicted.contents == gold.contents


def _equal_quotations(predicted: Quotation, gold: Quotation) -> bool:
    return predicted == gold


PARTS: tuple[tuple[str, str, Match, Parts], ...] = (
    ("Cue Span", "compares cues", _equal_cues, lambda quotation: ((quotation.cue,),)),
    (
        "Source Spans",
        "compares sources where cues overlap",
        _equal_sources,
        lambda quotation: (quotation.sources,),
    ),
    (
        "Content Spans",
        "compares contents where cues overlap",
        _equal_contents,
        lambda quotation: (quotation.contents,),
    ),
    (
        "All Quote Spans",
        "compares sources, cues and contents",
        _equal_quotations,
        lambda quotation: (quotation.sources, (quotation.cue,), quotation.contents),
    ),
)


def _by_document(items: Sequence[ScorerItem]) -> dict[int, list[int]]:
    indices: dict[int, list[int]] = {}
    for index, item in enumerate(items):
        indices.setdefault(item.document, []).append(index)
    return indices


def _find_matches(state: ScorerState, match: Match) -> list[list[int]]:
    """The gold items that match each predicted item, by their indices."""
    gold = _by_document(state.gold)
    quotations = _quotations(state.gold)
    found = []
    for item in state.predicted:
        quotation: Any = item.key
        candidates = gold.get(item.document, ())
        found.append([index for index in candidates if match(quotation, quotations[index])])
    return found


def count_matches(match: Match) -> Callable[[ScorerState], ItemCredits]:
    """A count of the items of each side that match some item of the other side."""

    def count(state: ScorerState) -> ItemCredits:
        matches = _find_matches(state, match)
        found = {index for indices in matches for index in indices}
        return ItemCredits(
            [float(index in found) for index in range(len(state.gold))],
            [float(bool(indices)) for indices in matches],
        )

    return count


def count_missed(match: Match) -> Callable[[ScorerState], ItemCredits]:
    """The same count, in which gold items are as many as the correct predictions and the missed
    gold items: each correct prediction is credited to the first gold item that it matches.
    """

    def count(state: ScorerState) -> ItemCredits:
        matches = _find_matches(state, match)
        gold_credit = [0.0] * len(state.gold)
        gold_weight = [1.0] * len(state.gold)
        for indices in matches:
            for index in indices:
                gold_weight[index] = 0.0
        for indices in matches:
            if indices:
                gold_credit[indices[0]] += 1
                gold_weight[indices[0]] += 1
        predicted_credit = [float(bool(indices)) for indices in matches]
        return ItemCredits(gold_credit, predicted_credit, gold_weight)

    return count


def count_overlaps(parts_of: Parts) -> Callable[[ScorerState], ItemCredits]:
    """A count of the tokens of some parts: those that are shared, summed over all pairs of items,
    and all of each item.
    """

    def count(state: ScorerState) -> ItemCredits:
        gold = _by_document(state.gold)
        gold_parts, predicted_parts = (
            [parts_of(quotation) for quotation in _quotations(items)]
            for items in (state.gold, state.predicted)
        )
        gold_credit = [0.0] * len(state.gold)
        predicted_credit = [0.0] * len(state.predicted)
        for number, item in enumerate(state.predicted):
            for index in gold.get(item.document, ()):
                for spans, others in zip(predicted_parts[number], gold_parts[index], strict=True):
                    shared = _count_shared(spans, others)
                    gold_credit[index] += shared
                    predicted_credit[number] += shared
        return ItemCredits(
            gold_credit,
            predicted_credit,
            list(map(_count_tokens, gold_parts)),
            list(map(_count_tokens, predicted_parts)),
        )

    return count


def _quotations(items: Sequence[ScorerItem]) -> list[Any]:
    return [item.key for item in items]


def _count_tokens(parts: Sequence[Sequence[TokenRange]]) -> float:
    return float(sum(end - start for spans in parts for start, end in spans))


def _count_shared(spans: Sequence[TokenRange], others: Sequence[TokenRange]) -> int:
    return sum(
        max(0, min(end, other_end) - max(start, other_start))
        for start, end in spans
        for other_start, other_end in others
    )


def _exchange_ratios(credits: ItemCredits) -> Ratios:
    precision, recall, f1 = ratios_with_zero(credits)
    return Ratios(recall, precision, f1)


DROP_WITHOUT_CUE = ScorerRule(
    "drop",
    "has no attributions without a cue",
    lambda state: keep_items(state, lambda item: isinstance(item.key, Quotation)),
)
EXCHANGED = ScorerRule(
    "ratio",
    "exchanges precision and recall, and counts 0/0 as 0",
    lambda state: replace(state, ratio=_exchange_ratios),
)
