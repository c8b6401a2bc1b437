"""Scorers of events, relations and quotations once more, in plain loops from their rules, and
random corpora for them. Nothing here comes from evalkit but the documents.

A corpus is read as each scorer would be given it: without predictions that have no place in the
text, without events that have no trigger, and with spans from their first to their last character.
"""

import random

from helpers.relations import LABELS as RELATION_LABELS
from helpers.relations import SCHEMA, SYMMETRIC

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    Unplaced,
)

TEXT = "Ada won, said Bo. Rome fell to U.S.-led men as Cy told Di (twice) “it is so”"
PLACES = [(0, 3), (4, 7), (9, 13), (14, 16), (18, 22), (23, 27), (31, 39), (40, 43), (47, 49)]
PLACES += [(50, 54), (55, 57), (58, 65), (0, 7), (9, 16), (31, 43)]
PIECES = [((0, 3), (9, 13)), ((18, 22), (31, 43)), ((47, 49), (55, 57))]
TRIGGERS = [(4, 7), (23, 27), (23, 30), (50, 54)]
FILLERS = [(0, 3), (14, 16), (18, 22), (31, 43)]


def pick_span(draw, places):
    if draw.random() < 0.1:
        pieces = draw.choice(PIECES)
        return Span(pieces[0][0], pieces[-1][1], pieces)
    return Span(*draw.choice(places))


def pick_arguments(draw):
    arguments = []
    for _ in range(draw.choice([0, 1, 2, 2, 3])):
        span = pick_span(draw, FILLERS)
        head = None
        if draw.random() < 0.5:
            last = (span.fragments or ((span.start, span.end),))[-1]
            head = Span(max(last[0], last[1] - 3), last[1])
        argument = Argument(draw.choice("RS"), span.start, span.end, span.fragments, head=head)
        if not any(key_of_argument(argument) == key_of_argument(each) for each in arguments):
            arguments.append(argument)
    return arguments


def key_of_argument(argument):
    return argument.role, argument.start, argument.end, argument.fragments


def pick_event(draw):
    trigger = None if draw.random() < 0.1 else pick_span(draw, TRIGGERS)
    return Event(draw.choice("AB"), trigger, pick_arguments(draw))


def pick_attribution(draw):
    source = None if draw.random() < 0.25 else pick_span(draw, PLACES[:4])
    cue = None if draw.random() < 0.15 else pick_span(draw, PLACES[2:6])
    return Attribution(cue, pick_span(draw, PLACES[1:]), source)


def key_of(annotation):
    """What duplicates have in common."""
    if isinstance(annotation, Event):
        trigger = annotation.trigger
        span = trigger and (trigger.start, trigger.end, trigger.fragments)
        return annotation.label, span, frozenset(map(key_of_argument, annotation.arguments))
    if isinstance(annotation, Attribution):
        parts = (annotation.source, annotation.cue, annotation.content)
        return tuple(part and (part.start, part.end, part.fragments) for part in parts)
    return annotation.label, annotation.start, annotation.end, annotation.fragments


def distinct(annotations):
    return list({key_of(each): each for each in annotations}.values())


def pick_entities(draw):
    entities = []
    for _ in range(draw.choice([2, 3, 4, 5])):
        span = pick_span(draw, PLACES)
        entities.append(Entity(draw.choice("PQ"), span.start, span.end, fragments=span.fragments))
    return entities


def pick_relations(draw, entities, count):
    ids = [entity.id for entity in entities]
    triples = {
        (draw.choice(RELATION_LABELS), draw.choice(ids), draw.choice(ids)) for _ in range(count)
    }
    return [Relation(*triple) for triple in sorted(triples)]


def change_some(draw, annotations, pick):
    """Predictions: most of the annotations, others, repetitions, in any order."""
    kept = [each for each in annotations if draw.random() < 0.7]
    kept += [pick(draw) for _ in range(draw.choice([0, 1, 1, 2]))]
    kept += [each for each in kept if draw.random() < 0.15]
    draw.shuffle(kept)
    return kept


def with_ids(entities):
    return [
        Entity(each.label, each.start, each.end, f"T{number}", each.fragments)
        for number, each in enumerate(entities)
    ]


def random_structured_corpora(seed, documents=None):
    """Gold and predictions with entities, events, attributions and relations; some layers of some
    documents are not annotated.
    """
    draw = random.Random(seed)
    sides = [], []
    for number in range(documents or draw.choice([1, 2, 3])):
        entities = with_ids(distinct(pick_entities(draw)))
        events = distinct(pick_event(draw) for _ in range(draw.choice([0, 1, 2, 3])))
        attributions = distinct(pick_attribution(draw) for _ in range(draw.choice([0, 1, 2, 3])))
        others = with_ids(change_some(draw, entities, lambda draw: pick_entities(draw)[0]))
        others = others or with_ids(pick_entities(draw))
        relations = pick_relations(draw, entities, draw.choice([0, 2, 4]))
        found = [each for each in relations if draw.random() < 0.6 and has_ids(each, others)]
        found += [
            each
            for each in pick_relations(draw, others, draw.choice([0, 1, 2]))
            if (each.label, each.head, each.tail)
            not in {(other.label, other.head, other.tail) for other in found}
        ]
        unplaced = [
            Unplaced(layer, label, "not in the text", "Zoe")
            for layer, label in (
                ("entities", "P"),
                ("triggers", "A"),
                ("arguments", "R"),
                ("attribution-relations", "attribution"),
                ("relations", "near"),
            )
            if draw.random() < 0.1
        ]
        if number and draw.random() < 0.15:
            events = None
        gold = Document(
            f"d{number}",
            TEXT,
            entities,
            events,
            attributions,
            relations=unequal(relations, entities),
        )
        predicted = Document(
            f"d{number}",
            TEXT,
            others,
            change_some(draw, events or (), pick_event),
            change_some(draw, attributions, pick_attribution),
            unplaced=unplaced,
            relations=found,
        )
        sides[0].append(gold)
        sides[1].append(predicted)
    return Corpus(sides[0], "gold", schema=SCHEMA), Corpus(sides[1], "predicted")


def has_ids(relation, entities):
    ids = {entity.id for entity in entities}
    return relation.head in ids and relation.tail in ids


def unequal(relations, entities):
    """Without relations that differ only in the order of symmetric arguments: duplicates."""
    kept = {}
    for each in relations:
        ends = each.head, each.tail
        kept.setdefault((each.label, *(sorted(ends) if each.label in SYMMETRIC else ends)), each)
    return list(kept.values())


def reach(span):
    """A span from its first to its last character."""
    return None if span is None else (span.start, span.end)


def pairs_of(gold, predicted, layer):
    """The documents of both sides in which gold has a layer."""
    return [(each, predicted[each.id]) for each in gold if getattr(each, layer) is not None]


def with_trigger(document):
    return [event for event in document.events or () if event.trigger is not None]


def rate(correct, predicted, gold):
    """Precision, recall and F1, 0 where the denominator is 0."""
    precision = correct / predicted if predicted else 0
    recall = correct / gold if gold else 0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0


def score_textee(gold, predicted):
    """Name to precision, recall and F1."""
    tables = {}
    for name, make in {
        "Tri-I": lambda e: [reach(e.trigger)],
        "Tri-C": lambda e: [(reach(e.trigger), e.label)],
        "Arg-I": lambda e: [(e.label, reach(a)) for a in e.arguments],
        "Arg-C": lambda e: [(e.label, reach(a), a.role) for a in e.arguments],
        "Arg-I (attached)": lambda e: [(e.label, reach(e.trigger), reach(a)) for a in e.arguments],
        "Arg-C (attached)": lambda e: [
            (e.label, reach(e.trigger), reach(a), a.role) for a in e.arguments
        ],
    }.items():
        sets = set(), set()
        for pair in pairs_of(gold, predicted, "events"):
            for side, document in zip(sets, pair):
                for event in with_trigger(document):
                    side.update((document.id, item) for item in make(event))
        tables[name] = rate(len(sets[0] & sets[1]), len(sets[1]), len(sets[0]))
    return tables


def relations_of(document):
    """(label, head, tail), an argument as (span, label)."""
    entities = {entity.id: (reach(entity), entity.label) for entity in document.entities or ()}
    return [
        (each.label, entities[each.head], entities[each.tail]) for each in document.relations or ()
    ]


def score_oneie(gold, predicted, relation_directional=False):
    counts = {}

    def add(name, correct, found, all_gold):
        old = counts.get(name, (0, 0, 0))
        counts[name] = (old[0] + correct, old[1] + found, old[2] + all_gold)

    for mine, theirs in pairs_of(gold, predicted, "entities"):
        left = [(reach(e), e.label) for e in mine.entities]
        right = [(reach(e), e.label) for e in theirs.entities]
        add("Entity", sum(each in left for each in right), len(right), len(left))
    for mine, theirs in pairs_of(gold, predicted, "relations"):
        left, right = relations_of(mine), relations_of(theirs)
        correct = 0
        for label, (head, _), (tail, _) in right:
            same = False
            for other, (other_head, _), (other_tail, _) in left:
                if label != other:
                    continue
                same |= (head, tail) == (other_head, other_tail)
                if not relation_directional:
                    same |= (tail, head) == (other_head, other_tail)
            correct += same
        add("Relation", correct, len(right), len(left))
    for mine, theirs in pairs_of(gold, predicted, "events"):
        left = [(reach(e.trigger), e.label) for e in with_trigger(mine)]
        right = [(reach(e.trigger), e.label) for e in with_trigger(theirs)]
        spans = types = 0
        for span, label in right:
            labels = [other for other_span, other in left if other_span == span]
            spans += bool(labels)
            types += labels[:1] == [label]
        add("Trigger identification", spans, len(right), len(left))
        add("Trigger", types, len(right), len(left))
        sets = [
            {(reach(a), e.label, a.role) for e in with_trigger(each) for a in e.arguments}
            for each in (mine, theirs)
        ]
        spans = sum(any(one[:2] == other[:2] for other in sets[0]) for one in sets[1])
        add("Role identification", spans, len(sets[1]), len(sets[0]))
        add("Role", len(sets[0] & sets[1]), len(sets[1]), len(sets[0]))
    return {name: rate(*values) for name, values in counts.items()}


def width(start, end):
    return len(TEXT[start:end].split())


def score_dygie(gold, predicted, max_span_width=8, max_trigger_width=1):
    counts = {}

    def add(name, correct, found, all_gold):
        old = counts.get(name, (0, 0, 0))
        counts[name] = (old[0] + correct, old[1] + found, old[2] + all_gold)

    for pair in pairs_of(gold, predicted, "entities"):
        labels = [
            {
                reach(entity): entity.label
                for entity in each.entities
                if width(*reach(entity)) <= max_span_width
            }
            for each in pair
        ]
        same = sum(labels[0].get(span) == label for span, label in labels[1].items())
        add("ner", same, len(labels[1]), len(labels[0]))
    for pair in pairs_of(gold, predicted, "relations"):
        tables = [
            {(head[0], tail[0]): label for label, head, tail in relations_of(each)} for each in pair
        ]
        same = sum(tables[0].get(spans) == label for spans, label in tables[1].items())
        add("relation", same, len(tables[1]), len(tables[0]))
    for pair in pairs_of(gold, predicted, "events"):
        types, roles = ({}, {}), ({}, {})
        for side, document in enumerate(pair):
            for event in with_trigger(document):
                trigger = reach(event.trigger)
                if width(*trigger) > max_trigger_width:
                    continue
                types[side][trigger] = event.label
                for argument in event.arguments:
                    roles[side][trigger, reach(argument)] = argument.role
        found = [trigger for trigger in types[1] if trigger in types[0]]
        add("trig_id", len(found), len(types[1]), len(types[0]))
        same = sum(types[0][trigger] == types[1][trigger] for trigger in found)
        add("trig_class", same, len(types[1]), len(types[0]))
        lists = [
            [(span, kinds[trigger], role) for (trigger, span), role in table.items()]
            for kinds, table in zip(types, roles)
        ]
        spans = sum(any(one[:2] == other[:2] for other in lists[0]) for one in lists[1])
        add("arg_id", spans, len(lists[1]), len(lists[0]))
        same = sum(one in lists[0] for one in lists[1])
        add("arg_class", same, len(lists[1]), len(lists[0]))
    return {name: rate(*values) for name, values in counts.items()}


def spert_vectors(gold, predicted):
    """Table to two lists of labels, one entry for each different item, "" where a side lacks it."""
    tables = {
        "Entities": ([], []),
        "Relations without NEC": ([], []),
        "Relations with NEC": ([], []),
    }

    def add(name, left, right):
        for item in set(left) | set(right):
            tables[name][0].append(item[-1] if item in left else "")
            tables[name][1].append(item[-1] if item in right else "")

    for mine, theirs in pairs_of(gold, predicted, "entities"):
        add(
            "Entities",
            [(reach(e), e.label) for e in mine.entities],
            [(reach(e), e.label) for e in theirs.entities],
        )
    for mine, theirs in pairs_of(gold, predicted, "relations"):
        left, right = relations_of(mine), []
        for label, head, tail in relations_of(theirs):
            is_turned = label in SYMMETRIC and tail[0][0] < head[0][0]
            right.append((label, tail, head) if is_turned else (label, head, tail))
        add(
            "Relations with NEC",
            [(head, tail, label) for label, head, tail in left],
            [(head, tail, label) for label, head, tail in right],
        )
        add(
            "Relations without NEC",
            [(head[0], tail[0], label) for label, head, tail in left],
            [(head[0], tail[0], label) for label, head, tail in right],
        )
    return tables


def read_quotations(document, tokenizer):
    """(cue, sources, contents) in tokens of each attribution with a cue."""
    starts = [token.idx for token in tokenizer(document.text)]

    def tokens(start, end):
        first = max(number for number, begin in enumerate(starts) if begin <= start)
        last = max(number for number, begin in enumerate(starts) if begin < end)
        return first, last + 1

    def pieces(span):
        if span is None:
            return []
        return [tokens(*piece) for piece in span.fragments or ((span.start, span.end),)]

    return [
        (tokens(*reach(each.cue)), pieces(each.source), pieces(each.content))
        for each in document.attributions or ()
        if each.cue is not None
    ]


def score_citron(gold, predicted, tokenizer):
    pairs = [
        (read_quotations(mine, tokenizer), read_quotations(theirs, tokenizer))
        for mine, theirs in pairs_of(gold, predicted, "attributions")
    ]

    def near(theirs, mine):
        return theirs[0][0] <= mine[0][1] and theirs[0][1] > mine[0][0]

    matches = {
        "Cue Span": lambda theirs, mine: theirs[0] == mine[0],
        "Source Spans": lambda theirs, mine: near(theirs, mine) and theirs[1] == mine[1],
        "Content Spans": lambda theirs, mine: near(theirs, mine) and theirs[2] == mine[2],
        "All Quote Spans": lambda theirs, mine: theirs == mine,
    }
    parts = {
        "Cue Span": lambda quote: [quote[0]],
        "Source Spans": lambda quote: quote[1],
        "Content Spans": lambda quote: quote[2],
    }
    tables = {}
    for name, match in matches.items():
        right = wrong = missed = 0
        for left, found in pairs:
            for theirs in found:
                is_right = any(match(theirs, mine) for mine in left)
                right += is_right
                wrong += not is_right
            missed += sum(not any(match(theirs, mine) for theirs in found) for mine in left)
        tables[f"{name} exact match"] = rate(right, right + wrong, right + missed)
    sums = {}
    for name, part in parts.items():
        shared = theirs_length = mine_length = 0
        for left, found in pairs:
            for theirs in found:
                for mine in left:
                    for one in part(theirs):
                        for other in part(mine):
                            shared += len(set(range(*one)) & set(range(*other)))
            theirs_length += sum(end - start for quote in found for start, end in part(quote))
            mine_length += sum(end - start for quote in left for start, end in part(quote))
        sums[name] = shared, theirs_length, mine_length
        tables[f"{name} overlap"] = rate(shared, theirs_length, mine_length)
    shared, theirs_length, mine_length = map(sum, zip(*sums.values()))
    tables["All Quote Spans overlap"] = rate(shared, mine_length, theirs_length)
    return tables
