"""Random documents with repeated strings, and their scores as strings in plain loops, which share
no code with evalkit.
"""

import random
import re
import string

from evalkit import Corpus, Document, Entity, Schema, Unplaced, Zone
from evalkit.data.schema import ZoneSchema

WORDS = ("Ada", "ada", "the", "The  Bank", "Bank", "bank.", "U.S.", "US", "...", "a", "ß", "SS")
ZONES = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})


def random_document(draw, number, *, zones=False):
    """A document over a text in which few words are repeated often."""
    words = [draw.choice(WORDS) for _ in range(12)]
    text = " ".join(words)
    starts = [len(" ".join(words[:n])) + (n > 0) for n in range(12)]
    entities = {}
    for _ in range(draw.randint(0, 6)):
        first = draw.randrange(11)
        second = first + draw.choice((0, 0, 1))
        ranges = [(starts[n], starts[n] + len(words[n])) for n in range(first, second + 1)]
        if len(ranges) == 2 and draw.random() < 0.5:
            ranges = [(ranges[0][0], ranges[1][1])]
        entities[draw.choice("AB"), tuple(ranges)] = None
    made = []
    for label, ranges in entities:
        fragments = ranges if len(ranges) > 1 else ()
        made.append(Entity(label, ranges[0][0], ranges[-1][1], fragments=fragments))
    border = starts[draw.randrange(1, 12)]
    parts = (Zone("byline", 0, border), Zone("body", border, len(text))) if zones else ()
    return Document(f"d{number}", text, made, zones=parts)


def random_prediction(draw, gold, number):
    """Entities of gold, other ones, duplicates, and quotes."""
    kept = [entity for entity in gold.entities if draw.random() < 0.6]
    kept += [entity for entity in kept if draw.random() < 0.2]
    text = gold.text
    for _ in range(draw.randint(0, 2)):
        start = draw.randrange(len(text) - 3)
        kept.append(Entity(draw.choice("AB"), start, start + draw.choice((1, 2, 3))))
    quotes = [None, "", "...", "Grace", *WORDS]
    unplaced = [
        Unplaced("entities", draw.choice("AB"), "not found", draw.choice(quotes))
        for _ in range(draw.randint(0, 2))
    ]
    draw.shuffle(kept)
    return Document(f"d{number}", text, kept, zones=gold.zones, unplaced=unplaced)


def random_corpora(seed, documents, *, zones=False):
    """Gold and predictions for the same texts."""
    draw = random.Random(seed)
    gold = [random_document(draw, number, zones=zones) for number in range(documents)]
    predicted = [random_prediction(draw, each, number) for number, each in enumerate(gold)]
    schema = ZONES if zones else Schema()
    return Corpus(gold, schema=schema, name="gold"), Corpus(predicted, name="predicted")


def normalize(text, normalization):
    """The string as it is compared."""
    if normalization == "verbatim":
        return text
    if normalization == "casefold":
        return " ".join(text.casefold().split())
    return normalize_answer(text)


def normalize_answer(s):
    """The rule of universal-ner, src/eval/evaluate.py."""
    lowered = s.lower()
    kept = "".join(character for character in lowered if character not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def string_of(document, entity):
    """The characters of an entity, its fragments joined by a space."""
    ranges = entity.fragments or ((entity.start, entity.end),)
    return " ".join(document.text[start:end] for start, end in ranges)


def strings_of(document, normalization):
    """(label, string, whether it is scored) of each entity and quote that is not empty, and the
    number of quotes that are None. Duplicates are left out and counted.
    """
    items, unknown, seen, duplicates = [], 0, set(), []
    for entity in document.entities:
        item = (entity.label, normalize(string_of(document, entity), normalization))
        ranges = entity.fragments or ((entity.start, entity.end),)
        scored = not document.zones
        for zone in document.zones:
            touches = any(start < zone.end and zone.start < end for start, end in ranges)
            scored = scored or (zone.label == "body" and touches)
        key = (entity.label, tuple(ranges))
        if item[1] and key in seen:
            duplicates.append((*item, scored))
        elif item[1]:
            items.append((*item, scored))
        seen.add(key)
    for quote in document.unplaced:
        if quote.quote is None:
            unknown += 1
        elif normalize(quote.quote, normalization):
            items.append((quote.label, normalize(quote.quote, normalization), True))
    return items, duplicates, unknown


def count_strings(gold, predicted, normalization, *, repeats):
    """(tp, predicted, gold) of a document."""
    gold_items, _, _ = strings_of(gold, normalization)
    predicted_items, duplicates, unknown = strings_of(predicted, normalization)
    inside = {text for _, text, scored in gold_items if scored}
    outside = {text for _, text, scored in gold_items if not scored} - inside
    left = [(label, text) for label, text, scored in gold_items if scored]
    right, copies = [], []
    for label, text, scored in predicted_items:
        if scored and text not in outside:
            right.append((label, text))
    for label, text, scored in duplicates:
        if scored and text not in outside:
            copies.append((label, text))
    if not repeats:
        left, right, copies = sorted(set(left)), sorted(set(right)), []
    remaining, tp = list(left), 0
    for item in right:
        if item in remaining:
            remaining.remove(item)
            tp += 1
    return tp, len(right) + len(copies) + unknown, len(left)
