"""Random documents whose gold has alternatives, optional items and ignore regions, and their counts
by trying every one-to-one assignment, which shares no code with evalkit.
"""

import random
from fractions import Fraction
from typing import NamedTuple

from evalkit import Corpus, Document, Entity, Schema, Span, Unplaced, Zone
from evalkit.data.schema import ZoneSchema
from evalkit.scoring.cells import FOUND

SCHEMES = ("strict", "exact", "type", "partial", "iou:0.5", "iou:0.34", "iou:1")
LENGTH = 24
ZONES = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})


class Form(NamedTuple):
    label: str
    ranges: tuple


class Totals(NamedTuple):
    """credit: of required items. full: their pairs of credit 1. optional: optional gold items."""

    credit: Fraction
    full: int
    gold: int
    predicted: int
    optional: int
    optional_found: int
    ignored: int


def random_ranges(draw):
    start = draw.randrange(LENGTH - 8)
    end = start + draw.randint(1, 5)
    if draw.random() < 0.15:
        return (start, end), (end + 1, end + 1 + draw.randint(1, 2))
    return ((start, end),)


def shift_ranges(draw, ranges):
    """The ranges, or others nearby."""
    if draw.random() < 0.5:
        return ranges
    start = min(max(ranges[0][0] + draw.choice((-1, 0, 1)), 0), LENGTH - 2)
    end = min(max(ranges[-1][1] + draw.choice((-1, 0, 1)), start + 1), LENGTH)
    return ((start, end),)


def make_span(ranges):
    return Span(ranges[0][0], ranges[-1][1], ranges if len(ranges) > 1 else ())


def make_entity(label, ranges, **fields):
    fragments = ranges if len(ranges) > 1 else ()
    return Entity(label, ranges[0][0], ranges[-1][1], fragments=fragments, **fields)


def random_gold(draw, number, *, zones=False, plain=False):
    """A document with up to five entities."""
    forms = {}
    entities = []
    for _ in range(draw.randint(0, 5)):
        form = Form(draw.choice("AB"), random_ranges(draw))
        if form in forms:
            continue
        forms[form] = None
        entities.append([form, []])
    for form, alternatives in entities:
        for _ in range(draw.choice((0, 0, 1, 2))):
            label = draw.choice((form.label, form.label, "B", "C"))
            other = Form(label, shift_ranges(draw, form.ranges))
            if other not in forms and not plain:
                forms[other] = None
                is_span = label == form.label and draw.random() < 0.7
                alternatives.append(make_span(other.ranges) if is_span else make_entity(*other))
    made = [
        make_entity(
            *form,
            alternatives=alternatives,
            optional=not plain and draw.random() < 0.25,
        )
        for form, alternatives in entities
    ]
    regions = []
    for _ in range(0 if plain else draw.choice((0, 0, 1, 2))):
        start = draw.randrange(LENGTH - 8)
        regions.append(Zone("ignore", start, start + draw.randint(1, 8)))
    if zones:
        border = draw.randrange(1, LENGTH - 1)
        regions += [Zone("byline", 0, border), Zone("body", border, LENGTH)]
    draw.shuffle(regions)
    return Document(f"d{number}", "x" * LENGTH, made, zones=regions)


def forms_of(entity):
    """The acceptable forms of a gold entity, its own first."""
    forms = [Form(entity.label, entity.fragments or ((entity.start, entity.end),))]
    for other in entity.alternatives:
        label = getattr(other, "label", entity.label)
        forms.append(Form(label, other.fragments or ((other.start, other.end),)))
    return forms


def random_prediction(draw, gold):
    """Entities near those of gold, other ones, duplicates, and one without offsets."""
    made = []
    for entity in gold.entities:
        for form in forms_of(entity):
            if draw.random() < 0.55:
                label = draw.choice((form.label, form.label, form.label, "A", "B"))
                made.append(make_entity(label, shift_ranges(draw, form.ranges)))
    made += [make_entity(draw.choice("AB"), random_ranges(draw)) for _ in range(draw.randint(0, 2))]
    made = made[:7]
    made += [entity for entity in made if draw.random() < 0.1]
    draw.shuffle(made)
    unplaced = [Unplaced("entities", "A", "not found")] * draw.choice((0, 0, 0, 1))
    return Document(gold.id, gold.text, made, unplaced=unplaced)


def random_corpora(seed, documents, *, zones=False, plain=0.0):
    """Gold and predictions. plain: the share of documents with plain gold."""
    draw = random.Random(seed)
    gold = [
        random_gold(draw, number, zones=zones, plain=draw.random() < plain)
        for number in range(documents)
    ]
    predicted = [random_prediction(draw, each) for each in gold]
    return Corpus(gold, "gold", ZONES if zones else Schema()), Corpus(predicted, "system")


def characters(ranges):
    return {position for start, end in ranges for position in range(start, end)}


def credit_of(forms, predicted, scheme):
    """The credit of a gold item, given by its forms, and a predicted item."""
    best = Fraction(0)
    for form in forms:
        one, other = characters(form.ranges), characters(predicted.ranges)
        same_label = form.label == predicted.label
        same_span = form.ranges == predicted.ranges
        overlap = bool(one & other)
        value = Fraction(0)
        if scheme == "strict":
            value = Fraction(same_span and same_label)
        elif scheme == "exact":
            value = Fraction(same_span)
        elif scheme == "type":
            value = Fraction(overlap and same_label)
        elif scheme == "partial" and overlap:
            value = Fraction(1) if same_span else Fraction(1, 2)
        elif scheme.startswith("iou:") and same_label:
            ratio = Fraction(len(one & other), len(one | other))
            value = Fraction(ratio >= Fraction(scheme.removeprefix("iou:")))
        best = max(best, value)
    return best


def count_document(gold, predicted, scheme, *, label_map=None, in_zone=lambda ranges: True):
    """The totals of a document. label_map: applied to the labels of both sides."""

    def rename(label):
        return label_map.get(label, label) if label_map else label

    ignored = set()
    for zone in gold.zones:
        if zone.label == "ignore":
            ignored |= set(range(zone.start, zone.end))
    items = []  # (forms, is optional)
    for entity in gold.entities:
        own, *others = forms_of(entity)
        if not in_zone(own.ranges):
            continue
        is_optional = entity.optional or characters(own.ranges) <= ignored
        is_optional = is_optional or rename(own.label) is None
        forms = [Form(rename(label), ranges) for label, ranges in (own, *others)]
        forms = [form for form in forms if form.label is not None]
        if forms:
            items.append((forms, is_optional))
    candidates, rest = [], []
    seen = set()
    for entity in predicted.entities:
        ranges = entity.fragments or ((entity.start, entity.end),)
        form = Form(rename(entity.label), ranges)
        is_copy = (entity.label, ranges) in seen
        seen.add((entity.label, ranges))
        if form.label is not None and in_zone(ranges):
            (rest if is_copy else candidates).append(form)
    inside = [characters(form.ranges) <= ignored for form in candidates]
    copies_inside = sum(characters(form.ranges) <= ignored for form in rest)
    worth = [[credit_of(forms, form, scheme) for form in candidates] for forms, _ in items]
    unplaced = len(predicted.unplaced)
    best = None

    def evaluate(partners):
        pairs = [(n, m) for n, m in enumerate(partners) if m is not None]
        required = [(n, m) for n, m in pairs if not items[n][1]]
        free = set(range(len(candidates))) - {m for _, m in pairs}
        set_aside = sum(inside[m] for m in free)
        counted = len(required) + len(free) - set_aside
        credits = [worth[n][m] for n, m in required]
        rank = (sum(credits), len(pairs) - len(required), -counted, credits.count(1))
        return rank, set_aside, counted

    def extend(partners):
        nonlocal best
        n = len(partners)
        if n == len(items):
            found = evaluate(partners)
            if best is None or found[0] > best[0]:
                best = found
            return
        extend([*partners, None])
        for m in range(len(candidates)):
            if worth[n][m] and m not in partners:
                extend([*partners, m])

    extend([])
    (credit, optional_found, _, full), set_aside, counted = best
    return Totals(
        credit=Fraction(credit),
        full=full,
        gold=sum(not is_optional for _, is_optional in items),
        predicted=counted + len(rest) - copies_inside + unplaced,
        optional=sum(is_optional for _, is_optional in items),
        optional_found=optional_found,
        ignored=set_aside + copies_inside,
    )


def count_corpora(gold, predicted, scheme, **options):
    """The sums over all documents; `in_zone` depends on the document."""
    in_zone = options.pop("in_zone", None)
    totals = []
    for document, answer in zip(gold, predicted, strict=True):
        more = {"in_zone": in_zone(document)} if in_zone else {}
        totals.append(count_document(document, answer, scheme, **options, **more))
    return Totals(*map(sum, zip(*totals)))


def in_body(gold):
    """Whether a span touches the body of a document."""
    body = set()
    for zone in gold.zones:
        if zone.label == "body":
            body |= set(range(zone.start, zone.end))
    return lambda ranges: bool(characters(ranges) & body)


def totals_of(scores, metric):
    """The totals of evalkit's scores."""
    micro = scores[metric].micro
    set_aside = scores[metric].counts.set_aside
    assert micro.tp == micro.found
    return Totals(
        credit=Fraction(micro.tp),
        full=int(scores[metric].counts.totals[:, FOUND].sum()),
        gold=micro.gold,
        predicted=micro.predicted,
        optional=set_aside.get("gold_optional", 0),
        optional_found=set_aside.get("optional_found", 0),
        ignored=set_aside.get("predicted_ignored", 0),
    )
