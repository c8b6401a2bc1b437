"""Random documents in which much is shared, and predictions that are made from gold, so that many
of their items match.

Gold has stacked labels, nested and discontinuous entities, several types on one trigger, events
that differ only in their arguments, shared sources, attributions without cue or source, and zones,
but no duplicates. A prediction may have duplicates, which differ from their original in id, score
and attributes at most, and unplaced items.
"""

import random

from helpers.oracle import split_duplicates

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Schema,
    Span,
    Unplaced,
    Zone,
)
from evalkit.data.schema import ZoneSchema

TEXT = "Ada’s (big) plan, U.S. x-y. “Bo” ran to Rome’s gate"
SCHEMA = Schema(zones={"in": ZoneSchema(), "out": ZoneSchema(primary=())})
NESTED = [
    (0, 3),
    (0, 5),
    (0, 10),
    (3, 10),
    (7, 10),
    (12, 16),
    (18, 22),
    (12, 22),
    (29, 31),
    (33, 36),
    (40, 44),
    (40, 51),
]
BROKEN = [((0, 3), (7, 10)), ((12, 16), (18, 22)), ((29, 31), (33, 36), (40, 44))]
LABELS, ROLES, REALIS = ("A", "B", "C"), ("R", "S"), ("ACTUAL", "OTHER", None)
TRIGGERS = [(12, 16), (12, 22), (33, 36)]
FILLERS = [(0, 3), (2, 5), (29, 31), (40, 44)]
SOURCES, CUES, CONTENTS = (
    [(0, 3), (0, 5), (40, 44)],
    [(12, 16), (13, 17), (16, 22), (33, 36)],
    [(7, 10), (7, 22), (18, 31), (29, 51)],
)
ZONES = [
    (),
    (),
    (Zone("in", 0, 12), Zone("out", 12, 30), Zone("in", 31, len(TEXT))),
    (Zone("out", 0, 18), Zone("in", 20, 26)),
    (Zone("in", 0, 30), Zone("out", 8, 20)),
]
UNPLACED = [
    Unplaced("entities", "A", "not found", "Cy"),
    Unplaced("entities", "D", "not found"),
    Unplaced("triggers", "B", "not found", "went"),
    Unplaced("arguments", "R", "not found"),
    Unplaced("realis", "OTHER", "not found"),
    Unplaced("attributions", "source", "not found", "Di"),
    Unplaced("attribution-relations", "attribution", "not found"),
]


def make_span(draw):
    if draw.random() < 0.15:
        pieces = draw.choice(BROKEN)
        return Span(pieces[0][0], pieces[-1][1], pieces)
    if draw.random() < 0.2:
        return Span(*sorted(draw.sample(range(len(TEXT) + 1), 2)))
    return Span(*draw.choice(NESTED))


def make_entities(draw):
    entities = []
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        span = make_span(draw)
        labels = draw.sample(LABELS, draw.choice([1, 1, 2]))
        entities += [
            Entity(label, span.start, span.end, fragments=span.fragments) for label in labels
        ]
    return entities


def make_arguments(draw):
    chosen = draw.sample(
        [(role, span) for role in ROLES for span in FILLERS], draw.choice([0, 1, 1, 2, 3])
    )
    return [Argument(role, *span) for role, span in chosen]


def make_events(draw):
    events = []
    for _ in range(draw.choice([0, 0, 1, 1, 2])):
        trigger = make_span(draw) if draw.random() < 0.1 else Span(*draw.choice(TRIGGERS))
        times = draw.choice([1, 1, 1, 2])
        events += [
            Event(
                draw.choice(LABELS[:2]), trigger, make_arguments(draw), realis=draw.choice(REALIS)
            )
            for _ in range(times)
        ]
    return events


def make_part(draw, pool, absent):
    return (
        None
        if draw.random() < absent
        else make_span(draw)
        if draw.random() < 0.1
        else Span(*draw.choice(pool))
    )


def make_attributions(draw):
    source = make_part(draw, SOURCES, 0.2)
    return [
        Attribution(
            make_part(draw, CUES, 0.25),
            make_part(draw, CONTENTS, 0),
            source if draw.random() < 0.5 else make_part(draw, SOURCES, 0.3),
        )
        for _ in range(draw.choice([0, 0, 1, 1, 2, 3]))
    ]


def make_gold(draw, id, zones=None):
    made = Document(id, TEXT, make_entities(draw), make_events(draw), make_attributions(draw))
    distinct = split_duplicates(made).distinct
    return Document(id, TEXT, **distinct, zones=draw.choice(ZONES) if zones is None else zones)


def move(draw, span):
    """A span that mostly still overlaps the one given."""
    start, end = (
        max(span.start + draw.choice([-1, 0, 1]), 0),
        min(span.end + draw.choice([-1, 0, 2]), len(TEXT)),
    )
    return Span(start, end) if start < end else Span(span.start, span.end)


def alter_entity(draw, entity):
    if draw.random() < 0.5:
        span = move(draw, entity)
        return Entity(entity.label, span.start, span.end)
    return Entity(draw.choice(LABELS), entity.start, entity.end, fragments=entity.fragments)


def alter_event(draw, event):
    change = draw.choice(["type", "trigger", "arguments", "arguments", "realis"])
    return Event(
        draw.choice(LABELS[:2]) if change == "type" else event.label,
        move(draw, event.trigger) if change == "trigger" else event.trigger,
        (
            [*event.arguments[:1], *make_arguments(draw)]
            if change == "arguments"
            else event.arguments
        ),  # one may stand twice in a prediction
        realis=draw.choice(REALIS) if change == "realis" else event.realis,
    )


def alter_attribution(draw, attribution):
    change = draw.choice(["source", "cue", "content"])
    before = getattr(attribution, change)
    after = (
        move(draw, before)
        if before is not None and draw.random() < 0.6
        else make_part(
            draw,
            {"source": SOURCES, "cue": CUES, "content": CONTENTS}[change],
            0 if change == "content" else 0.4,
        )
    )
    values = {part: getattr(attribution, part) for part in ("source", "cue", "content")} | {
        change: after
    }
    return Attribution(**values)


def repeat(draw, annotation, id):
    """A duplicate: the same but for what does not count."""
    more = {
        "id": draw.choice([None, id]),
        "score": draw.choice([None, 0.5]),
        "attributes": draw.choice([None, {"unsure": True}]),
    }
    if isinstance(annotation, Entity):
        return Entity(
            annotation.label,
            annotation.start,
            annotation.end,
            fragments=annotation.fragments,
            **more,
        )
    if isinstance(annotation, Event):
        return Event(
            annotation.label,
            annotation.trigger,
            annotation.arguments[::-1],
            realis=annotation.realis,
            **more,
        )
    return Attribution(
        annotation.cue,
        annotation.content,
        annotation.source,
        label=draw.choice([None, "belief"]),
        **more,
    )


ALTER = {"entities": alter_entity, "events": alter_event, "attributions": alter_attribution}
MAKE = {"entities": make_entities, "events": make_events, "attributions": make_attributions}
MOST = {"entities": 7, "events": 5, "attributions": 4}


def make_prediction(draw, gold, *, duplicates=True):
    layers = {}
    for name, alter in ALTER.items():
        annotations = []
        for annotation in getattr(gold, name):
            chance = draw.random()
            if chance < 0.5:
                annotations.append(annotation)
            elif chance < 0.85:
                annotations.append(alter(draw, annotation))
        if draw.random() < 0.4:
            annotations += MAKE[name](draw)
        annotations = annotations[: MOST[name]]
        if duplicates:
            annotations += [
                repeat(draw, annotation, f"{name}-{n}")
                for n, annotation in enumerate(annotations)
                if draw.random() < 0.2
            ]
        draw.shuffle(annotations)
        layers[name] = annotations
    if not duplicates:
        layers["events"] = [
            Event(
                e.label,
                e.trigger,
                {(a.role, a.start, a.end): a for a in e.arguments}.values(),
                realis=e.realis,
            )
            for e in layers["events"]
        ]
        return Document(
            gold.id, TEXT, **split_duplicates(Document(gold.id, TEXT, **layers)).distinct
        )
    return Document(
        gold.id, TEXT, **layers, unplaced=draw.sample(UNPLACED, draw.choice([0, 0, 1, 2]))
    )


def make_pairs(seed, documents=None, *, duplicates=True, zones=None):
    """Pairs of a gold document and its prediction."""
    draw = random.Random(seed)
    pairs = []
    for n in range(documents or draw.choice([1, 2, 3])):
        gold = make_gold(draw, f"d{n}", zones)
        pairs.append((gold, make_prediction(draw, gold, duplicates=duplicates)))
    return pairs


def make_corpora(pairs):
    """(gold, predicted)"""
    return tuple(
        Corpus([pair[side] for pair in pairs], name="corpus", schema=SCHEMA) for side in (0, 1)
    )


def zone_of_characters(document):
    """The zone of each character that lies in one; of zones that overlap, the one that starts later
    has the character.
    """
    zones = {}
    for zone in sorted(document.zones, key=lambda zone: zone.start):
        zones.update(dict.fromkeys(range(zone.start, zone.end), zone.label))
    return zones


def scored_characters(document, names=("in",)):
    """The characters of the zones that are scored, None for all: a document without zones is scored
    as a whole.
    """
    if not document.zones:
        return None
    return {n for n, label in zone_of_characters(document).items() if label in names}
