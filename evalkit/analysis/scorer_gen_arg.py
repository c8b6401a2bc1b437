"""gen-arg: arguments of events whose triggers are given, several of which may match one of gold.

The arguments of an event are a set of (span, role). A predicted argument is identified if an
argument of the event of gold has its span, and right if one with its role has. Each one counts, so
that several roles of one span are all identified, and recall can exceed 1. From gold's spans a
leading a, an or the is removed if words follow, from predicted ones it is not. Rows in percent, 0
where the denominator is 0. (Source: raspberryice/gen-arg at fcdc5b0, src/genie/scorer.py and
utils.py, S. Li et al. 2021, read.)

What applies to given spans: gen-arg finds the predicted words at the occurrence that is nearest to
the trigger. Evalkit takes the spans as they are predicted, discontinuous ones from their first to
their last character; those that are not in the text are dropped, as there. A predicted event is
that of gold with the same type and trigger, several in their order; others are dropped. Events of
all types are scored, since there is no ontology.

**Options**

- `head_only`: spans are reduced to their heads: `Argument.head`, or that of a parse of the words
  between white space, by the pipeline that `heads` names (`heads=spacy:en_core_web_sm`): the first
  word of the span, or the word that governs it within the span. The words are gen-arg's for the
  format wikievents with `text=tokens`.
- `coref`: adds the rows in which an argument that has the span of none of gold's is right if it is
  a mention of the same entity of gold as one of them. Mentions are entities with the same value of
  the attribute `entity`; the span of gold's argument, without article and reduced to its head, must
  be that of an entity, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.analysis.scorer_options import parse_flag
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ItemCredits,
    ScorerDocument,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
    merge_equal_items,
)
from evalkit.data.document import Document, trigger_fragments
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.scoring.argument_mentions import CLUSTER_KEY
from evalkit.scoring.attribute_values import canonical_value
from evalkit.scoring.parsed_heads import load_parser, parse_heads

ARTICLE = re.compile(r"(?:a|an|the)\s+(?=\S)", re.IGNORECASE)
WORD = re.compile(r"\S+")
Span = tuple[int, int]


def build_rules(
    *, head_only: bool | str = False, coref: bool | str = False, heads: str | None = None
) -> ScorerRules:
    """The rules of gen-arg. Raises InputError for an invalid option."""
    source = None if heads is None else parse_heads(heads, of="scorer")
    reading = [
        ScorerRule("read", "compares the arguments of each event of gold", _read_events),
        ScorerRule("read", "removes a, an and the before gold arguments", _remove_articles),
    ]
    if parse_flag("head_only", head_only):
        reading.append(
            ScorerRule(
                "read",
                "reduces arguments to their heads",
                lambda state: _reduce_to_heads(state, source),
            )
        )
    dropping = [
        ScorerRule(
            "drop",
            "drops predictions that are not in the text",
            lambda state: keep_items(state, lambda item: item.start is not None),
        ),
        ScorerRule(
            "drop",
            "drops the arguments of predicted events that gold does not have",
            lambda state: keep_items(state, lambda item: item.event is not None),
        ),
    ]
    mentions = [
        ScorerRule(
            "equal",
            "takes a mention of the same entity for equal, if no argument of gold has its span",
            _use_clusters,
        )
    ]
    counting = [
        ScorerRule("count", "counts each predicted argument that is found", _count_many_to_one),
        WITH_ZERO,
    ]
    measures = []
    for has_clusters in (False, True) if parse_flag("coref", coref) else (False,):
        equality = mentions if has_clusters else []
        rules = (*reading, *dropping, *equality, *counting)
        prefix = "Coref " if has_clusters else ""
        measures += [
            ScorerMeasure(f"{prefix}Role identification", "attached-arguments/exact", rules),
            ScorerMeasure(f"{prefix}Role", "attached-arguments/strict", rules),
        ]
    return ScorerRules(measures, _report_rows, percent_digits=2)


def _read_events(state: ScorerState) -> ScorerState:
    """The state with the arguments of each event as a set of spans and roles. The event of a
    predicted argument is the number of gold's; None if gold does not have it.
    """
    inputs = state.details["inputs"]
    events = {
        number: _pair_events(inputs.gold[document.id], inputs.predicted[document.id])
        for number, document in enumerate(state.documents)
        if document.id in inputs.predicted
    }
    sides: dict[str, list[ScorerItem]] = {side: [] for side in SIDES}
    for side in SIDES:
        for item in inputs.items(side, "attached-arguments"):
            if item.start is None:
                sides[side].append(item)
                continue
            event = item.event
            if side == "predicted":
                event = events[item.document].get(item.event)
            key = event if event is not None else ("other", item.event), (item.start, item.end)
            sides[side].append(item._replace(key=key, event=event))
    state = replace(state, gold=sides["gold"], predicted=sides["predicted"], count=_count_arguments)
    return merge_equal_items(state)


def _pair_events(gold: Document, predicted: Document) -> dict[int, int]:
    """The number of gold's event for each predicted event that has its type and trigger."""
    numbers: dict[Hashable, list[int]] = defaultdict(list)
    for number, event in enumerate(gold.events or ()):
        numbers[event.label, trigger_fragments(event)].append(number)
    pairs = {}
    for number, event in enumerate(predicted.events or ()):
        left = numbers[event.label, trigger_fragments(event)]
        if left:
            pairs[number] = left.pop(0)
    return pairs


def _change_spans(
    state: ScorerState, change: Callable[[ScorerItem], Span], sides: Sequence[str]
) -> ScorerState:
    """The state with other spans of the arguments of some sides, which are sets again."""
    items = {side: state.items(side) for side in SIDES}
    for side in sides:
        items[side] = [
            item if item.start is None else item._replace(key=(_event_of(item), change(item)))
            for item in items[side]
        ]
    return merge_equal_items(replace(state, gold=items["gold"], predicted=items["predicted"]))


def _event_of(item: ScorerItem) -> Hashable:
    event, _ = _parts_of(item)
    return event


def _span_of(item: ScorerItem) -> Span:
    _, span = _parts_of(item)
    return span


def _parts_of(item: ScorerItem) -> tuple[Hashable, Span]:
    """The event and the span of an argument in the text."""
    key: Any = item.key
    event, span = key
    return event, span


def _remove_articles(state: ScorerState) -> ScorerState:
    def remove(item: ScorerItem) -> Span:
        start, end = _span_of(item)
        article = ARTICLE.match(state.documents[item.document].text, start, end)
        return (start if article is None else article.end()), end

    return _change_spans(state, remove, ["gold"])


def _reduce_to_heads(state: ScorerState, source: str | None) -> ScorerState:
    parsed: dict[int, Any] = {}  # by document, parsed once if needed

    def find(item: ScorerItem) -> Span:
        if item.annotation.head is not None:
            return item.annotation.head.start, item.annotation.head.end
        start, end = _span_of(item)
        document = state.documents[item.document]
        words = [word.span() for word in WORD.finditer(document.text)]
        inside = [n for n, (first, last) in enumerate(words) if first < end and start < last]
        if len(inside) < 2:
            return start, end
        if source is None:
            option = spell_option("heads", "spacy:NAME", of="scorer")
            raise InputError(
                f"document {quoted_repr(document.id)}: the argument {quoted_repr(item.text)} has no"
                f" head: name a parser with {option}, such as spacy:en_core_web_sm"
            )
        if item.document not in parsed:
            texts = [document.text[first:last] for first, last in words]
            parsed[item.document] = load_parser(source).parse_words(document.id, texts)
        first, last = words[_climb(parsed[item.document], inside)]
        return max(first, start), min(last, end)

    return _change_spans(state, find, SIDES)


def _climb(parsed: Any, inside: Sequence[int]) -> int:
    """The word that governs the first word of a span within the span."""
    word = inside[0]
    while True:
        head: int = parsed[word].head.i
        if head == word or not inside[0] <= head <= inside[-1]:
            return word
        word = head


def _use_clusters(state: ScorerState) -> ScorerState:
    """The state in which mentions of one entity of gold are equal."""
    clusters = [_read_clusters(state, document) for document in state.documents]
    return replace(state, details={**state.details, "clusters": clusters})


def _read_clusters(state: ScorerState, document: ScorerDocument) -> dict[Span, str]:
    """What each mention in the entities of gold refers to."""
    entities = state.details["inputs"].gold[document.id].entities or ()
    return {
        (entity.start, entity.end): canonical_value(entity.attributes[CLUSTER_KEY])
        for entity in entities
        if (entity.attributes or {}).get(CLUSTER_KEY) is not None
    }


def _count_many_to_one(state: ScorerState) -> ScorerState:
    return replace(state, details={**state.details, "is_many_to_one": True})


def _count_arguments(state: ScorerState) -> ItemCredits:
    """The credits of the arguments, each of gold once unless the state says many to one."""
    has_roles = str(state.details["metric"]).endswith("strict")
    is_many_to_one = "is_many_to_one" in state.details
    indexes: dict[Hashable, list[int]] = defaultdict(list)
    spans = set()
    for index, item in enumerate(state.gold):
        spans.add((item.document, item.key))
        for key in _keys_of(state, item, has_roles=has_roles):
            indexes[key].append(index)
    gold_credit = [0.0] * len(state.gold)
    predicted_credit = [0.0] * len(state.predicted)
    for number, item in enumerate(state.predicted):
        keys = list(_keys_of(state, item, has_roles=has_roles))
        if (item.document, item.key) in spans:
            keys = keys[:1]  # its referent does not matter
        for key in keys:
            found = [n for n in indexes[key] if is_many_to_one or not gold_credit[n]]
            if found:
                same_role = [n for n in found if state.gold[n].label == item.label]
                gold_credit[(same_role or found)[0]] += 1
                predicted_credit[number] = 1.0
                break
    return ItemCredits(gold_credit, predicted_credit)


def _keys_of(state: ScorerState, item: ScorerItem, *, has_roles: bool) -> Iterator[Hashable]:
    """What an argument is found by: its span, and then what it refers to."""
    role = item.label if has_roles else None
    yield item.document, role, item.key
    clusters = state.details.get("clusters")
    if clusters is None or item.start is None:
        return
    event, span = _parts_of(item)
    if span in clusters[item.document]:
        yield item.document, role, (event, clusters[item.document][span])


def _report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The rows in percent, not rounded."""
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        ratios = (numbers.precision, numbers.recall, numbers.f1)
        rows.append({"name": name, **dict(zip("PRF", (100 * (each or 0.0) for each in ratios)))})
    return rows
