"""Random documents with events whose arguments have articles and coreference, and the numbers of
gen-arg and of GoLLIE for them in plain loops, written from their rules. They share no code with
evalkit.
"""

import random

from evalkit import Argument, Corpus, Document, Entity, Event, Span, Unplaced

WORDS = "Ada she the The a army town An attack fell , it".split()
TYPES, ROLES = ("Attack", "Move"), ("Attacker", "Target", "Place")


def head_of(number, count):
    """The word that governs a word, of so many: always one after it."""
    if number % 2:
        step = 1
    elif number % 4:
        step = 2
    else:
        step = 4
    return min(number + step, count - 1)


def random_argument_corpora(seed):
    """Gold and predictions, with a text of words between spaces."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(draw.randrange(1, 4)):
        words = draw.choices(WORDS, k=draw.randrange(4, 14))
        text = " ".join(words)
        ranges = []
        for word in words:
            start = ranges[-1][1] + 1 if ranges else 0
            ranges.append((start, start + len(word)))

        def make_span(ranges=ranges):
            first = draw.randrange(len(ranges))
            last = min(first + draw.choice([0, 0, 1, 2]), len(ranges) - 1)
            return ranges[first][0], ranges[last][1]

        entities = {}
        for index in range(draw.choice([0, 2, 5])):
            cluster = draw.choice(["e1", "e2", 3, None])
            attributes = {} if cluster is None else {"entity": cluster}
            span = make_span()
            entities[span] = Entity("X", *span, f"T{index}", attributes=attributes)
        spans = [*entities, *(make_span() for _ in range(3))]
        triggers = [Span(*draw.choice(ranges)) for _ in range(2)]
        sides = []
        for is_gold in (True, False):
            events = {}
            for _ in range(draw.choice([0, 1, 2, 3])):
                arguments = {
                    (draw.choice(ROLES), draw.choice(spans)): None
                    for _ in range(draw.choice([0, 1, 2, 4]))
                }
                made = [Argument(role, *span) for role, span in arguments]
                if not is_gold and made and draw.random() < 0.3:
                    made.append(made[0])
                trigger = draw.choice([*triggers, *triggers, None])
                event = Event(draw.choice(TYPES), trigger, tuple(made))
                events[event.label, event.trigger, frozenset(arguments)] = event
            sides.append(tuple(events.values()))
        quotes = []
        for layer, names in (("arguments", ROLES), ("triggers", TYPES)):
            if draw.random() < 0.4:
                quote = draw.choice(["Zoe", "ADA", "the", None])
                quotes.append(Unplaced(layer, draw.choice(names), "not in the text", quote))
        id = f"d{number}"
        gold.append(Document(id, text, tuple(entities.values()), sides[0]))
        predicted.append(Document(id, text, None, sides[1], unplaced=tuple(quotes)))
    return Corpus(gold, "gold"), Corpus(predicted, "predicted")


def words_of(text):
    """{start: number of the word}, {end: number of the word}, and the words."""
    words = text.split(" ")
    starts, ends, at = {}, {}, 0
    for number, word in enumerate(words):
        starts[at] = number
        ends[at + len(word)] = number
        at += len(word) + 1
    return starts, ends, words


def gen_arg(gold, predicted, *, head_only, coref):
    """{name of the row: (matched, predicted, gold)}."""
    names = ["Role identification", "Role"]
    if coref:
        names += ["Coref Role identification", "Coref Role"]
    counts = {name: [0, 0, 0] for name in names}
    for mine, theirs in zip(gold, predicted):
        starts, ends, _ = words_of(mine.text)
        clusters = {}
        for entity in mine.entities:
            if "entity" in (entity.attributes or {}):
                span = starts[entity.start], ends[entity.end]
                clusters[span] = entity.attributes["entity"]
        for event, other in _pair_events(mine, theirs):
            gold_set = _set_of(mine, event, head_only=head_only, without_articles=True)
            predicted_set = set()
            if other is not None:
                predicted_set = _set_of(mine, other, head_only=head_only, without_articles=False)
            for name, row in counts.items():
                row[0] += _count_matches(name, gold_set, predicted_set, clusters)
                row[1] += len(predicted_set)
                row[2] += len(gold_set)
    return counts


def _pair_events(mine, theirs):
    """Each event of gold with the predicted one of its type and trigger."""
    left = list(theirs.events)
    for event in mine.events:
        same = [each for each in left if (each.label, each.trigger) == (event.label, event.trigger)]
        yield event, same[0] if same else None
        left = [each for each in left if not same or each is not same[0]]


def _set_of(document, event, *, head_only, without_articles):
    """The arguments of an event as (first word, last word, role)."""
    starts, ends, words = words_of(document.text)
    found = set()
    for argument in event.arguments:
        first, last = starts[argument.start], ends[argument.end]
        if without_articles and first != last and words[first].lower() in {"a", "an", "the"}:
            first += 1
        if head_only:
            above = head_of(first, len(words))
            while first < above <= last:
                first, above = above, head_of(above, len(words))
            last = first
        found.add((first, last, argument.role))
    return found


def _count_matches(name, gold_set, predicted_set, clusters):
    """How many predicted arguments count for a row."""
    matches = 0
    for first, last, role in predicted_set:
        roles = {each[2] for each in gold_set if each[:2] == (first, last)}
        if not roles and name.startswith("Coref") and (first, last) in clusters:
            referent = clusters[first, last]
            roles = {each[2] for each in gold_set if clusters.get(each[:2]) == referent}
        matches += role in roles if name.endswith("Role") else bool(roles)
    return matches


def gollie_events(gold, predicted):
    """{name: (tp, predicted, gold)} of events, arguments and each class of events of GoLLIE."""
    counts = {"events": [0, 0, 0], "arguments": [0, 0, 0]}
    for mine, theirs in zip(gold, predicted):
        text = mine.text.lower()
        left = [_event_of(mine.text, event) for event in mine.events]
        right, seen = [], []
        made = [_event_of(mine.text, event) for event in theirs.events]
        made += [
            (item.label, item.quote.lower(), [])
            for item in theirs.unplaced
            if item.layer == "triggers" and item.quote is not None
        ]
        for event in made:
            if event[1] not in text:
                continue
            seen.append(event[1])
            if not event[1] or seen.count(event[1]) <= text.count(event[1]):
                right.append(event)
        for column, events in ((1, right), (2, left)):
            for label, _, arguments in events:
                counts.setdefault(label, [0, 0, 0])[column] += 1
                counts["events"][column] += 1
                counts["arguments"][column] += len(arguments)
        for label, words, arguments in right:
            same = [event for event in left if event[:2] == (label, words)]
            if same:
                left = [event for event in left if event is not same[0]]
                counts[label][0] += 1
                counts["events"][0] += 1
                remaining = list(arguments)
                for each in same[0][2]:
                    if each in remaining:
                        remaining.remove(each)
                        counts["arguments"][0] += 1
    return counts


def _event_of(text, event):
    """The class, trigger in lower case, and (role, words) of each argument."""
    trigger = "" if event.trigger is None else text[event.trigger.start : event.trigger.end]
    arguments = [(each.role, text[each.start : each.end]) for each in event.arguments]
    return event.label, trigger.lower(), arguments
