"""Random documents with relations, and the scores of relations in plain loops, which share no code
with evalkit.
"""

import random

from evalkit import Corpus, Document, Entity, Event, Relation, Schema, Span
from evalkit.data.schema import RelationType

SCHEMES = ("strict", "boundaries", "exact", "type")
LABELS = ("works-for", "spouse", "near")
SYMMETRIC = ("spouse", "near")
SCHEMA = Schema(relations={label: RelationType(symmetric=label in SYMMETRIC) for label in LABELS})


def random_document(draw: random.Random, number: int, *, events: bool = False) -> Document:
    """A document with few entities, so that many relations are equal but for one property."""
    text = "abcd efgh ijkl mnop qrst uvwx"
    spans = [(start, start + length) for start in range(0, 25, 5) for length in (2, 4, 9)]
    keys: dict[tuple[str, int, int], None] = {}
    for _ in range(draw.randint(2, 6)):
        start, end = draw.choice(spans)
        keys[draw.choice("AB"), start, end] = None
    entities = [Entity(label, start, end, id=f"T{n}") for n, (label, start, end) in enumerate(keys)]
    ids = [entity.id for entity in entities]
    triggers = []
    if events:
        for n, (start, end) in enumerate(draw.sample(spans, 2)):
            triggers.append(Event(draw.choice("AB"), Span(start, end), id=f"E{n}"))
            ids.append(f"E{n}")
    relations: dict[tuple[str, str, str], None] = {}
    for _ in range(draw.randint(0, 5)):
        relations[draw.choice(LABELS), draw.choice(ids), draw.choice(ids)] = None
    return Document(
        f"d{number}",
        text,
        entities,
        triggers if events else None,
        relations=[Relation(*relation) for relation in relations],
    )


def random_corpora(seed: int, documents: int, *, events: bool = False) -> tuple[Corpus, Corpus]:
    """Gold and predictions for the same texts; half of the predictions repeat the gold."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(documents):
        gold.append(random_document(draw, number, events=events))
        other = random_document(draw, number, events=events)
        predicted.append(gold[-1] if draw.random() < 0.3 else other)
    return Corpus(gold, schema=SCHEMA, name="gold"), Corpus(predicted, name="predicted")


def items_of(document: Document, symmetric: tuple[str, ...] = SYMMETRIC) -> list[tuple]:
    """(label, argument, argument) of each relation, an argument as (kind, label, start, end)."""
    arguments = {}
    for entity in document.entities or ():
        arguments[entity.id] = ("entity", entity.label, entity.start, entity.end)
    for event in document.events or ():
        arguments[event.id] = ("event", event.label, event.trigger.start, event.trigger.end)
    items = []
    for relation in document.relations or ():
        head, tail = arguments[relation.head], arguments[relation.tail]
        if relation.label in symmetric:
            head, tail = sorted((head, tail), key=lambda each: (each[2:], each[:2]))
        items.append((relation.label, head, tail))
    return items


def project(item: tuple, scheme: str) -> tuple:
    """What two relations must have in common under a scheme."""
    label, head, tail = item
    if scheme == "boundaries":
        return label, head[2:], tail[2:]
    if scheme == "exact":
        return head, tail
    return item


def count_relations(scheme: str, gold: Document, predicted: Document) -> tuple[int, int, int]:
    """(tp, predicted, gold) of a document."""
    left = {project(item, scheme) for item in items_of(gold)}
    right = {project(item, scheme) for item in items_of(predicted)}
    if scheme != "type":
        return len(left & right), len(right), len(left)
    return _largest_matching(sorted(left), sorted(right)), len(right), len(left)


def _largest_matching(left: list[tuple], right: list[tuple]) -> int:
    """The number of pairs in the largest one-to-one matching, by augmenting paths."""
    partner: dict[int, int] = {}

    def augment(n: int, seen: set[int]) -> bool:
        for m, other in enumerate(right):
            if m not in seen and _may_match(left[n], other):
                seen.add(m)
                if m not in partner or augment(partner[m], seen):
                    partner[m] = n
                    return True
        return False

    return sum(augment(n, set()) for n in range(len(left)))


def _may_match(one: tuple, other: tuple) -> bool:
    if one[0] != other[0]:
        return False
    for mine, theirs in zip(one[1:], other[1:]):
        if mine[:2] != theirs[:2] or mine[2] >= theirs[3] or theirs[2] >= mine[3]:
            return False
    return True


def similar_corpora(seed: int, documents: int, *, events: bool = False) -> tuple[Corpus, Corpus]:
    """Gold, and predictions that differ from it in some labels, spans and directions."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(documents):
        document = random_document(draw, number, events=events)
        gold.append(document)
        predicted.append(_change_some(draw, document))
    return Corpus(gold, schema=SCHEMA, name="gold"), Corpus(predicted, name="predicted")


def _change_some(draw: random.Random, document: Document) -> Document:
    entities = []
    keys = {(entity.label, entity.start, entity.end) for entity in document.entities}
    for entity in document.entities:
        label, start, end = entity.label, entity.start, entity.end
        if draw.random() < 0.2:
            label = draw.choice("AB")
        if draw.random() < 0.2:
            start += 1
        if (label, start, end) in keys:
            label, start, end = entity.label, entity.start, entity.end
        keys.add((label, start, end))
        entities.append(Entity(label, start, end, id=entity.id))
    ids = [entity.id for entity in entities]
    ids += [event.id for event in document.events or ()]
    relations: dict[tuple[str, str, str], None] = {}
    for relation in document.relations:
        label, head, tail = relation.label, relation.head, relation.tail
        change = draw.random()
        if change < 0.15:
            label = draw.choice(LABELS)
        elif change < 0.3:
            head, tail = tail, head
        elif change < 0.4:
            head = draw.choice(ids)
        if change < 0.9:
            relations[label, head, tail] = None
        if change < 0.05:
            relations[draw.choice(LABELS), draw.choice(ids), tail] = None
    made = [Relation(*relation) for relation in relations]
    return Document(document.id, document.text, entities, document.events, relations=made)
