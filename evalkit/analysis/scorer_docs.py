"""spaCy's docs as its scorer sees them: the tokens of a text, and spans of whole tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from evalkit.analysis.scorer_rules import (
    SIDES,
    ItemCredits,
    Ratios,
    ScorerDocument,
    ScorerItem,
    ScorerRule,
    ScorerState,
    keep_items,
    ratios_with_zero,
)
from evalkit.analysis.scorer_spans import (
    Range,
    group_by_document,
    replace_items,
    split_by_label,
)
from evalkit.errors import InputError

WORD = re.compile(r"\S+")


class DocTokens:
    """The tokens of the documents of both sides.

    tokenizer, predicted_tokenizer: the language of a blank pipeline of spaCy, such as "en", or
    "whitespace". None: for gold the tokens of the input if it is tags, else those of "en"; for
    predictions those of gold.
    """

    def __init__(self, tokenizer: str | None, predicted_tokenizer: str | None) -> None:
        self._names = {"gold": tokenizer, "predicted": predicted_tokenizer or tokenizer}
        self._tokens: dict[tuple[str, int], Sequence[Range]] = {}
        self.differ = self._names["gold"] != self._names["predicted"]

    def tokens_of(self, state: ScorerState, side: str, number: int) -> Sequence[Range]:
        """The (start, end) of each token of a document."""
        if side == "predicted" and not self.differ:
            side = "gold"
        if (side, number) not in self._tokens:
            document = state.documents[number]
            self._tokens[side, number] = _tokenize(document, self._names[side])
        return self._tokens[side, number]

    def borders(self, state: ScorerState, side: str, number: int) -> tuple[dict[int, int], ...]:
        """The number of the token that begins at a character, and of the one after the token that
        ends before a character.
        """
        tokens = self.tokens_of(state, side, number)
        starts = {start: index for index, (start, _) in enumerate(tokens)}
        ends = {end: index + 1 for index, (_, end) in enumerate(tokens)}
        return starts, ends

    def spans(self, state: ScorerState, side: str) -> Iterator[Range | None]:
        """The first and last token, exclusive, of each item; None if it does not begin and end
        with tokens, as in `Doc.char_span`.
        """
        spans: list[Range | None] = [None] * len(state.items(side))
        for number, positions in group_by_document(state.items(side)).items():
            starts, ends = self.borders(state, side, number)
            for position in positions:
                item = state.items(side)[position]
                if item.start in starts and item.end in ends:
                    spans[position] = starts[item.start], ends[item.end]
        yield from spans

    def align(self, state: ScorerState, number: int) -> list[list[int]]:
        """For each predicted token the gold tokens with which it shares a character."""
        gold = self.tokens_of(state, "gold", number)
        aligned = []
        first = 0
        for start, end in self.tokens_of(state, "predicted", number):
            while first < len(gold) and gold[first][1] <= start:
                first += 1
            stop = first
            while stop < len(gold) and gold[stop][0] < end:
                stop += 1
            aligned.append(list(range(first, stop)))
        return aligned


def _tokenize(document: ScorerDocument, name: str | None) -> Sequence[Range]:
    if name is None and document.gold_tags is not None:
        return document.tokens
    if name == "whitespace":
        return [word.span() for word in WORD.finditer(document.text)]
    tokens = _blank_pipeline(name or "en").tokenizer(document.text)
    return [(token.idx, token.idx + len(token)) for token in tokens]


@cache
def _blank_pipeline(language: str) -> Any:
    import spacy

    try:
        return spacy.blank(language)
    except ImportError as error:
        raise InputError(
            f"unknown tokenizer {language!r}: expected the code of a language of spaCy, such as"
            f" 'en', or 'whitespace' ({error})"
        ) from None


def drop_unaligned(tokens: DocTokens) -> ScorerRule:
    """A rule that drops items that are not whole tokens."""

    def apply(state: ScorerState) -> ScorerState:
        kept = {}
        for side in SIDES:
            pairs = zip(state.items(side), tokens.spans(state, side), strict=True)
            kept[side] = [item for item, span in pairs if span is not None]
        return replace_items(state, kept)

    return ScorerRule(
        "drop",
        "drops entities that begin or end within a token, for which Doc.char_span returns None",
        apply,
    )


def compare_gold_tokens(
    text: str,
    tokens: DocTokens,
    align: Callable[[ScorerState, Sequence[ScorerItem], Sequence[Range]], Iterable[Range | None]],
) -> ScorerRule:
    """A rule that compares gold tokens.

    align: returns the gold tokens of the predicted items of one document, given their own tokens;
    None for an item that is not counted.
    """

    def apply(state: ScorerState) -> ScorerState:
        gold = [
            item._replace(key=span)
            for item, span in zip(state.gold, tokens.spans(state, "gold"), strict=True)
        ]
        own = list(tokens.spans(state, "predicted"))
        predicted: dict[int, ScorerItem] = {}
        for positions in group_by_document(state.predicted).values():
            items = [state.predicted[position] for position in positions]
            spans = [own[position] or (0, 0) for position in positions]
            for position, item, span in zip(positions, items, align(state, items, spans)):
                if span is not None:
                    predicted[position] = item._replace(key=span)
        after = replace_items(
            state, {"gold": gold, "predicted": [predicted[key] for key in sorted(predicted)]}
        )
        labels = {str(item.label) for side in SIDES for item in state.items(side)}
        return replace(after, details={**state.details, "labels": labels})

    return ScorerRule("equal", text, apply)


def drop_overlapping(tokens: DocTokens) -> ScorerRule:
    """A rule that drops entities which `Doc.ents` cannot hold, as `spacy.util.filter_spans` does:
    longer ones, in tokens, are kept before shorter ones, then those that begin first.
    """

    def apply(state: ScorerState) -> ScorerState:
        kept = {}
        for side in SIDES:
            spans = [span or (0, 0) for span in tokens.spans(state, side)]
            positions: set[int] = set()
            for own in group_by_document(state.items(side)).values():
                positions.update(_filter_spans(own, spans))
            items = state.items(side)
            kept[side] = [items[position] for position in sorted(positions)]
        return replace_items(state, kept)

    return ScorerRule(
        "drop",
        "drops entities that share a token with a longer one, or else with an earlier one, as"
        " filter_spans does: Doc.ents cannot hold both",
        apply,
    )


def _filter_spans(positions: Sequence[int], spans: Sequence[Range]) -> Iterator[int]:
    taken: set[int] = set()
    for position in sorted(
        positions, key=lambda position: (spans[position][0] - spans[position][1], spans[position])
    ):
        first, end = spans[position]
        if taken.isdisjoint(range(first, end)):
            taken.update(range(first, end))
            yield position


def ratios_of_spacy(credits: ItemCredits) -> Ratios:
    """0 where nothing divides; None if there are no items at all."""
    if not credits.gold and not credits.predicted:
        return Ratios(None, None, None)
    return ratios_with_zero(credits)


SPACY_RATIOS = ScorerRule(
    "ratio",
    "counts a ratio with the denominator 0 as 0, and has none without any item",
    lambda state: replace(state, ratio=ratios_of_spacy),
)


def report_rows(state: ScorerState, name: str) -> list[dict[str, Any]]:
    """The ratios of all items and of each label. Without items there are no labels."""
    rows = [_row(name, state)]
    if rows[0]["f"] is None:
        return rows
    by_label = split_by_label(state)
    for label in sorted(state.details["labels"]):
        own = by_label.get(label) or keep_items(state, lambda _: False)
        rows.append(_row(label, replace(own, ratio=ratios_with_zero)))
    return rows


def _row(name: str, state: ScorerState) -> dict[str, Any]:
    numbers = state.numbers()
    return {"name": name, "p": numbers.precision, "r": numbers.recall, "f": numbers.f1}
