"""Random corpora with links, and the counts of their metrics by plain loops."""

import random

from msgspec.structs import replace

from evalkit import Corpus, Document, Entity, Schema, Zone
from evalkit.data.schema import ZoneSchema

TEXT = "abcdefghij" * 3
LINKS = ("Q1", "Q2", "Q3", "q1", "", None, "NIL", "NIL1", "NIL2")
ZONES = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})
SCHEMES = ("strict", "type", "mention-free", "in-kb")


def random_entities(draw, *, distinct):
    entities = []
    for _ in range(draw.randint(0, 7)):
        start = draw.randrange(0, 24, 3)
        end = start + draw.choice((2, 3, 6))
        fragments = ((start, start + 1), (end - 1, end)) if draw.random() < 0.1 else ()
        attributes = {"link": draw.choice(LINKS)} if draw.random() < 0.85 else {"other": 1}
        if draw.random() < 0.05:
            attributes = None
        label = draw.choice("AB")
        taken = {(each.label, each.start, each.end) for each in entities}
        if not distinct or (label, start, end) not in taken:
            entity = Entity(label, start, end, fragments=fragments, attributes=attributes)
            entities.append(entity)
    return entities


def random_corpora(seed, count, *, zones=False, distinct=False):
    """Gold without duplicates, and predictions that repeat half of gold, some with other links."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(count):
        border = draw.randrange(3, 27, 3)
        parts = (Zone("byline", 0, border), Zone("body", border, 30)) if zones else ()
        entities = random_entities(draw, distinct=True)
        other = [
            each if draw.random() < 0.7 else replace(each, attributes={"link": draw.choice(LINKS)})
            for each in entities
            if draw.random() < 0.5
        ]
        for entity in random_entities(draw, distinct=distinct):
            taken = {(each.label, each.start, each.end) for each in other}
            if not distinct or (entity.label, entity.start, entity.end) not in taken:
                other.append(entity)
        draw.shuffle(other)
        gold.append(Document(f"d{number}", TEXT, entities, zones=parts))
        predicted.append(Document(f"d{number}", TEXT, other, zones=parts))
    schema = ZONES if zones else Schema()
    return Corpus(gold, schema=schema, name="gold"), Corpus(predicted, name="predicted")


def is_nil(link):
    return link is None or link[:3] == "NIL"


def characters_of(entity):
    pieces = entity.fragments or ((entity.start, entity.end),)
    return frozenset(n for start, end in pieces for n in range(start, end))


def links_of(document, first_scored, *, nil_is_one, in_kb):
    """(the distinct (characters, id), how many entities repeat another in full)."""
    items, seen, duplicates = [], set(), 0
    for entity in document.entities:
        if not entity.attributes or "link" not in entity.attributes:
            continue
        link = entity.attributes["link"]
        characters = characters_of(entity)
        if max(characters) < first_scored or (in_kb and is_nil(link)):
            continue
        if (entity.label, characters, link) in seen:
            duplicates += 1
            continue
        seen.add((entity.label, characters, link))
        item = (characters, "any NIL" if nil_is_one and is_nil(link) else link)
        if item not in items:
            items.append(item)
    return items, duplicates


def largest_matching(gold, predicted, fits):
    """The size of the largest one-to-one set of pairs that fit."""
    partner = {}

    def augment(n, seen):
        for m, candidate in enumerate(predicted):
            if m in seen or not fits(gold[n], candidate):
                continue
            seen.add(m)
            if m not in partner or augment(partner[m], seen):
                partner[m] = n
                return True
        return False

    return sum(augment(n, set()) for n in range(len(gold)))


def count_by_plain_loops(gold, predicted, scheme, nil="string", *, zones=False):
    """(tp, predicted, gold) of a scheme."""
    tp = n_predicted = n_gold = 0
    options = {"nil_is_one": nil == "one", "in_kb": scheme == "in-kb"}
    for one, other in zip(gold.documents, predicted.documents, strict=True):
        first_scored = one.zones[0].end if zones else 0
        gold_items, _ = links_of(one, first_scored, **options)
        predicted_items, duplicates = links_of(other, first_scored, **options)
        if scheme == "mention-free":
            gold_ids = {link for _, link in gold_items}
            predicted_ids = {link for _, link in predicted_items}
            tp += len(gold_ids & predicted_ids)
            n_gold += len(gold_ids)
            n_predicted += len(predicted_ids)
            continue
        if scheme == "type":
            tp += largest_matching(
                gold_items, predicted_items, lambda a, b: a[1] == b[1] and a[0] & b[0]
            )
        else:
            tp += largest_matching(gold_items, predicted_items, lambda a, b: a == b)
        n_gold += len(gold_items)
        n_predicted += len(predicted_items) + duplicates
    return tp, n_predicted, n_gold
