"""Random documents whose arguments have heads and refer to entities, and the scores of the schemes
`head` and `coref` in plain loops, which share no code with evalkit.
"""

import random

from helpers.document_events import (
    REALIS,
    ROLES,
    TEXT,
    TYPES,
    ZONES,
    event_key,
    is_scored,
    make_span,
    ranges_of,
)
from helpers.oracle import best, characters

from evalkit import Argument, Corpus, Document, Entity, Event, Span

LAYERS, SCHEMES = ("arguments", "attached-arguments"), ("head", "coref")
METRICS = [f"{layer}/{scheme}" for layer in LAYERS for scheme in SCHEMES]
SENTENCES = [(0, 13), (14, 30), (31, len(TEXT))]
CLUSTERS = ("e1", "e2", 3, None)
TRIGGERS = (None, None, Span(4, 7), Span(17, 20))


def make_entities(draw: random.Random) -> tuple[Entity, ...]:
    entities = {}
    for n in range(draw.choice([0, 2, 4, 6])):
        span = make_span(draw)
        value = draw.choice(CLUSTERS)
        attributes = {} if value is None else {"entity": value}
        entities["PER", ranges_of(span)] = Entity(
            "PER", span.start, span.end, f"T{n}", span.fragments, attributes=attributes
        )
    return tuple(entities.values())


def make_head(draw: random.Random, span) -> Span | None:
    """A word of a span, in half of the cases."""
    if draw.random() < 0.5:
        return None
    start, end = draw.choice(ranges_of(span))
    words = [(a, a + len(word)) for a, word in split_words(start, end)]
    return Span(*draw.choice(words))


def split_words(start: int, end: int) -> list[tuple[int, str]]:
    words = []
    for word in TEXT[start:end].split():
        at = TEXT.index(word, start)
        words.append((at, word))
        start = at + len(word)
    return words


def make_argument(draw: random.Random, entities, *, is_gold: bool) -> Argument:
    span = make_span(draw)
    if draw.random() < 0.2:  # a long one, perhaps over several sentences
        start, end = sorted(draw.sample([0, 4, 14, 17, 31, 35, 42, 48, 61], 2))
        span = Span(start, end - 1)
    if entities and draw.random() < 0.4:
        entity = draw.choice(entities)
        span = Span(entity.start, entity.end, entity.fragments)
    ref = draw.choice(entities).id if is_gold and entities and draw.random() < 0.4 else None
    head = make_head(draw, span) if is_gold or draw.random() < 0.5 else None
    return Argument(draw.choice(ROLES), span.start, span.end, span.fragments, ref, head=head)


def make_document(draw: random.Random, id: str, entities, zones=(), *, is_gold: bool) -> Document:
    events = {}
    for _ in range(draw.choice([1, 1, 2, 3])):
        arguments = {}
        for _ in range(draw.choice([1, 2, 3, 4])):
            argument = make_argument(draw, entities, is_gold=is_gold)
            arguments[argument.role, ranges_of(argument)] = argument
        event = Event(
            draw.choice(TYPES),
            draw.choice(TRIGGERS),
            tuple(arguments.values()),
            realis=draw.choice(REALIS),
        )
        events[event_key(event)] = event
    return Document(
        id, TEXT, entities if is_gold else None, events=tuple(events.values()), zones=zones
    )


def random_corpora(seed: int, documents: int) -> tuple[Corpus, Corpus]:
    """Gold and predictions for the same texts."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(documents):
        entities, zones = make_entities(draw), draw.choice(ZONES)
        gold.append(make_document(draw, f"d{number}", entities, zones, is_gold=True))
        predicted.append(make_document(draw, f"d{number}", entities, is_gold=False))
    return Corpus(gold, name="gold"), Corpus(predicted, name="predicted")


def find_mentions(document: Document, argument: Argument) -> set:
    """The mentions of what an argument of gold refers to."""
    entities = document.entities or ()
    named = [each for each in entities if argument.ref is not None and each.id == argument.ref]
    if not named:
        named = [each for each in entities if ranges_of(each) == ranges_of(argument)]
    mentions = set()
    for entity in named:
        mentions.add(ranges_of(entity))
        for other in entities:
            value = (entity.attributes or {}).get("entity")
            if value is not None and (other.attributes or {}).get("entity") == value:
                mentions.add(ranges_of(other))
    return mentions


def items_of(document: Document, layer: str, zones) -> list[tuple]:
    """(role, ranges, group, heads, mentions) of each distinct item in the zones called "in"."""
    items: dict[tuple, tuple[set, set]] = {}
    for event in document.events or ():
        group: object = event.label
        if layer == "attached-arguments":
            group = event.label, event.trigger and ranges_of(event.trigger)
        for argument in event.arguments:
            key = argument.role, ranges_of(argument), group
            if not is_scored(key[1], zones):
                continue
            heads, mentions = items.setdefault(key, (set(), set()))
            if argument.head is not None:
                heads.add(ranges_of(argument.head))
            mentions |= find_mentions(document, argument)
    return [(*key, *extra) for key, extra in items.items()]


def sentences_of(ranges) -> list[int]:
    """The numbers of the first and the last sentence of a span."""
    return [
        max(n for n, (start, _) in enumerate(SENTENCES) if start <= position)
        for position in (ranges[0][0], ranges[-1][1] - 1)
    ]


def credit(gold: tuple, predicted: tuple, scheme: str) -> int:
    """1 for two items that may be paired, else 0."""
    role, ranges, group, heads, mentions = gold
    other_role, other_ranges, other_group, other_heads, _ = predicted
    if (role, group) != (other_role, other_group):
        return 0
    if ranges == other_ranges:
        return 1
    if scheme == "coref":
        return int(other_ranges in mentions)
    if other_heads:
        return int(bool(heads & other_heads))
    first, last = sentences_of(ranges)
    other_first, other_last = sentences_of(other_ranges)
    is_inside = first <= other_first and other_last <= last
    return int(is_inside and any(characters(head) <= characters(other_ranges) for head in heads))


def count_items(gold: Document, predicted: Document, layer: str, scheme: str) -> tuple:
    """(tp, predicted, gold) of a document."""
    sides = [items_of(document, layer, gold.zones) for document in (gold, predicted)]
    frozen = [
        [(*item[:3], frozenset(item[3]), frozenset(item[4])) for item in side] for side in sides
    ]
    return best(*frozen, scheme, credit=credit), len(sides[1]), len(sides[0])
