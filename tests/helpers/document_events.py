"""Random documents with events, some of them without a trigger, and the scores of their layers in
plain loops, which share no code with evalkit.
"""

import random

from helpers.oracle import best

from evalkit import Argument, Corpus, Document, Event, Schema, Span, Zone
from evalkit.data.schema import ZoneSchema

TEXT = "Ada ran home. Bo met Cy there. The old man sat down with her."
WORDS = [(0, 3), (4, 7), (8, 12), (14, 16), (17, 20), (21, 23), (24, 29), (35, 38), (39, 42)]
TYPES, ROLES, REALIS = ("Go", "Meet"), ("Agent", "Place"), ("ACTUAL", "OTHER", None)
BROKEN = ((0, 3), (8, 12))
LAYERS = ("triggers", "arguments", "attached-arguments", "realis")
SCHEMES = ("strict", "exact", "type", "partial", "iou:0.5")
SETS = ("triggers", "arguments", "attached-arguments")
SCHEMA = Schema(zones={"in": ZoneSchema(), "out": ZoneSchema(primary=())})
ZONES = [(), (Zone("in", 0, 13), Zone("out", 14, 30), Zone("in", 31, len(TEXT)))]


def make_span(draw: random.Random) -> Span:
    if draw.random() < 0.1:
        return Span(BROKEN[0][0], BROKEN[-1][1], BROKEN)
    first = draw.randrange(len(WORDS))
    last = min(first + draw.choice([0, 0, 0, 1]), len(WORDS) - 1)
    return Span(WORDS[first][0], WORDS[last][1])


def make_event(draw: random.Random) -> Event:
    trigger = None if draw.random() < 0.5 else Span(*draw.choice(WORDS[1:5]))
    arguments: dict[tuple[str, Span], Argument] = {}
    for _ in range(draw.choice([0, 1, 2, 3])):
        role, span = draw.choice(ROLES), make_span(draw)
        arguments[role, span] = Argument(role, span.start, span.end, span.fragments)
    return Event(draw.choice(TYPES), trigger, tuple(arguments.values()), realis=draw.choice(REALIS))


def event_key(event: Event) -> tuple:
    arguments = {(each.role, ranges_of(each)) for each in event.arguments}
    trigger = None if event.trigger is None else ranges_of(event.trigger)
    return event.label, trigger, event.realis, frozenset(arguments)


def make_gold(draw: random.Random, id: str, zones: tuple[Zone, ...] | None = None) -> Document:
    events = [make_event(draw) for _ in range(draw.choice([0, 1, 2, 3]))]
    distinct = {event_key(event): event for event in events}
    return Document(
        id,
        TEXT,
        events=tuple(distinct.values()),
        zones=draw.choice(ZONES) if zones is None else zones,
    )


def make_predicted(draw: random.Random, gold: Document) -> Document:
    """A document with some events of gold, some of them changed, and others."""
    events = []
    for event in gold.events or ():
        arguments = {}
        for each in event.arguments:
            role = each.role if draw.random() < 0.8 else draw.choice(ROLES)
            span = each if draw.random() < 0.8 else make_span(draw)
            if draw.random() < 0.8:
                key = role, ranges_of(span)
                arguments[key] = Argument(role, span.start, span.end, span.fragments)
        trigger = event.trigger
        if draw.random() < 0.2:
            trigger = None if trigger is not None else Span(*draw.choice(WORDS[1:5]))
        label = event.label if draw.random() < 0.8 else draw.choice(TYPES)
        events.append(Event(label, trigger, tuple(arguments.values()), realis=event.realis))
    if draw.random() < 0.5:
        events.append(make_event(draw))
    distinct = list({event_key(event): event for event in events}.values())
    draw.shuffle(distinct)
    return Document(gold.id, TEXT, events=tuple(distinct))


def random_corpora(seed: int, documents: int) -> tuple[Corpus, Corpus]:
    """Gold and predictions for the same texts."""
    draw = random.Random(seed)
    gold = [make_gold(draw, f"d{number}") for number in range(documents)]
    predicted = [make_predicted(draw, document) for document in gold]
    return (
        Corpus(gold, schema=SCHEMA, name="gold"),
        Corpus(predicted, schema=SCHEMA, name="predicted"),
    )


def ranges_of(span) -> tuple:
    return tuple(span.fragments) or ((span.start, span.end),)


def items_of(document: Document, layer: str, zones: tuple[Zone, ...]) -> list[tuple]:
    """(label, ranges, group) of each item that is not entirely outside the zones called "in"."""
    items = []
    for event in document.events or ():
        trigger = None if event.trigger is None else ranges_of(event.trigger)
        if layer == "triggers" and trigger is not None:
            items.append((event.label, trigger, None))
        if layer == "realis" and trigger is not None and event.realis is not None:
            items.append((event.realis, trigger, None))
        for argument in event.arguments:
            if layer == "arguments":
                items.append((argument.role, ranges_of(argument), event.label))
            if layer == "attached-arguments":
                items.append((argument.role, ranges_of(argument), (event.label, trigger)))
    return [item for item in items if is_scored(item[1], zones)]


def is_scored(ranges: tuple, zones: tuple[Zone, ...]) -> bool:
    """Whether a span is not entirely outside the zones called "in"."""
    scored = [zone for zone in zones if zone.label == "in"]
    pieces = [(start, end, zone) for start, end in ranges for zone in scored]
    return not zones or any(start < zone.end and zone.start < end for start, end, zone in pieces)


def count_items(gold: Document, predicted: Document, layer: str, scheme: str) -> tuple:
    """(tp, predicted, gold) of a document: equal items count once on each side, under schemes
    without labels also items of sets that differ only in their labels.
    """
    sides = []
    for document in (gold, predicted):
        items = items_of(document, layer, gold.zones)
        if scheme in ("exact", "partial") and layer in SETS:
            items = [("", *item[1:]) for item in items]
        sides.append(list(dict.fromkeys(items)))
    return best(*sides, scheme), len(sides[1]), len(sides[0])
