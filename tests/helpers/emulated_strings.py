"""Random documents whose strings are hard to compare, and the numbers of scorers of strings for
them in plain loops, written from the rules of the scorers. They share no code with evalkit.
"""

import json
import random
import re
import string

from evalkit import Corpus, Document, Entity, Unplaced

WORDS = (
    "Ada ada the The a An Bank bank, bank U.S. US location Location {x} x {} ’s 's ; x;y ]b [c] ..."
).split()
LABELS = ("PER", "location", "Location", "a:b")


def random_string_corpora(seed, *, gold_strings=False):
    """Gold and predictions with repeated strings, strings that are not in the text, parts of
    answers that are not strings, and empty sides. gold_strings: gold has strings without offsets.
    """
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(draw.randrange(1, 6)):
        words = draw.choices(WORDS, k=draw.randrange(1, 10))
        text = " ".join(words)
        ranges = _word_ranges(words)
        entities = {}
        for _ in range(draw.choice([0, 1, 2, 4])):
            first = draw.randrange(len(ranges))
            last = min(first + draw.choice([0, 0, 1]), len(ranges) - 1)
            entity = draw.choice(LABELS), ranges[first][0], ranges[last][1]
            entities[entity] = Entity(*entity)
        kept = [entity for entity in entities.values() if draw.random() < 0.5]
        for _ in range(draw.choice([0, 1, 2])):
            start, end = draw.choice(ranges)
            kept.append(Entity(draw.choice(LABELS), start, end))
        if kept and draw.random() < 0.3:
            kept.append(draw.choice(kept))
        draw.shuffle(kept)
        if draw.random() < 0.2:
            kept = []
        quotes = []
        for _ in range(draw.choice([0, 0, 1, 3])):
            quote = draw.choice([None, "", " ", "Zoe", "BANK", " ada ", *WORDS])
            quotes.append(Unplaced("entities", draw.choice(LABELS), "not in the text", quote))
        id = f"d{number}"
        mine = Document(id, text, tuple(entities.values()))
        gold.append(_as_strings(mine, draw) if gold_strings else mine)
        predicted.append(Document(id, text, tuple(kept), unplaced=tuple(quotes)))
    return Corpus(gold, "gold"), Corpus(predicted, "predicted")


def _word_ranges(words):
    ranges, start = [], 0
    for word in words:
        ranges.append((start, start + len(word)))
        start += len(word) + 1
    return ranges


def _as_strings(document, draw):
    """The document with its entities as strings, and some that are not in the text."""
    quotes = [document.text[entity.start : entity.end] for entity in document.entities]
    labels = [entity.label for entity in document.entities]
    if draw.random() < 0.3:
        quotes.append(draw.choice(["Zoe", ""]))
        labels.append(draw.choice(LABELS))
    items = [
        Unplaced("entities", label, "no offsets", quote) for label, quote in zip(labels, quotes)
    ]
    return Document(document.id, document.text, (), unplaced=tuple(items))


def answers_of(document):
    """(label, string) of the entities and strings of a document, in order; the string is None for a
    part of an answer that is not one.
    """
    rows = [(each.label, document.text[each.start : each.end]) for each in document.entities]
    return rows + [(each.label, each.quote) for each in document.unplaced]


def ratios(tp, predicted, gold):
    """Precision, recall and F1; 0 where the denominator is 0."""
    precision = tp / predicted if predicted else 0.0
    recall = tp / gold if gold else 0.0
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def universal_ner(gold, predicted):
    """(tp, predicted, gold) of UniversalNER, and its precision, recall and F1."""
    tp = number_predicted = number_gold = 0
    for mine, theirs in zip(gold, predicted):
        rows = answers_of(mine), answers_of(theirs)
        for label in sorted({label for side in rows for label, _ in side}):
            lists = []
            for side in rows:
                raw = json.dumps([text for each, text in side if each == label])
                lists.append(_parse_list(raw))
            tp += sum(1 for item in lists[1] if item in lists[0])
            number_predicted += len(lists[1])
            number_gold += len(lists[0])
    precision = tp / (number_predicted + 1e-10)
    recall = tp / (number_gold + 1e-10)
    f1 = 2 * precision * recall / (precision + recall + 1e-10)
    return (tp, number_predicted, number_gold), (precision, recall, f1)


def _parse_list(raw):
    """The distinct normalized strings of an answer; none where it cannot be parsed."""
    end = raw.find("]")
    try:
        items = json.loads(raw[: end + 1])
    except ValueError:
        return []
    if any(not isinstance(item, str) for item in items):
        return []
    found = []
    for item in items:
        letters = "".join(c for c in item.lower() if c not in string.punctuation)
        words = re.sub(r"\b(a|an|the)\b", " ", letters).split()
        if " ".join(words) not in found:
            found.append(" ".join(words))
    return found


def iepile(gold, predicted, mode):
    """(tp, predicted, gold) of IEPile, and its precision, recall and F1 in percent."""
    tp = number_predicted = number_gold = 0
    for mine, theirs in zip(gold, predicted):
        left, right = (
            [row for row in answers_of(each) if row[1] is not None] for each in (mine, theirs)
        )
        if mode == "set":
            left, right = list(dict.fromkeys(left)), list(dict.fromkeys(right))
        number_predicted += len(right)
        number_gold += len(left)
        for row in right:
            if row in left:
                left.remove(row)
                tp += 1
    precision = round(tp / number_predicted * 100, 2) if number_predicted else 0.0
    recall = round(tp / number_gold * 100, 2) if number_gold else 0.0
    total = precision + recall
    f1 = round(2 * precision * recall / total, 2) if total else 0.0
    return (tp, number_predicted, number_gold), (precision, recall, f1)


def gollie(gold, predicted):
    """{name: (tp, predicted, gold)} of all entities and of each class of GoLLIE."""
    counts = {"entities": [0, 0, 0]}
    for mine, theirs in zip(gold, predicted):
        text = theirs.text.lower()
        seen, right = [], []
        for label, words in answers_of(theirs):
            if words is None or words.lower().strip() not in text:
                continue
            seen.append(words.lower())
            if words and seen.count(words.lower()) > text.count(words.lower()):
                continue
            right.append((label, words.lower().strip()))
        left = [(label, words.lower().strip()) for label, words in answers_of(mine)]
        for label, _ in left + right:
            counts.setdefault(label, [0, 0, 0])
        for label, _ in left:
            counts[label][2] += 1
            counts["entities"][2] += 1
        for row in right:
            correct = row in left
            if correct:
                left.remove(row)
            for name in ("entities", row[0]):
                counts[name][0] += correct
                counts[name][1] += 1
    return counts


def instruct_uie(gold, predicted):
    """(tp, predicted, gold) of InstructUIE."""
    tp = number_predicted = number_gold = 0
    for mine, theirs in zip(gold, predicted):
        left, right = (_parts_of(answers_of(each)) for each in (mine, theirs))
        tp += len(left & right)
        number_predicted += len(right)
        number_gold += len(left)
    return tp, number_predicted, number_gold


def instruct_uie_relations(gold, predicted):
    """(tp, predicted, gold) of the relations of InstructUIE."""
    tp = number_predicted = number_gold = 0
    for mine, theirs in zip(gold, predicted):
        left, right = (_relations_of(each) for each in (mine, theirs))
        tp += len(left & right)
        number_predicted += len(right)
        number_gold += len(left)
    return tp, number_predicted, number_gold


def _relations_of(document):
    """The set of the parts of an answer with relations."""
    words = {}
    for entity in document.entities or ():
        words[entity.id] = document.text[entity.start : entity.end]
    for event in document.events or ():
        words[event.id] = document.text[event.trigger.start : event.trigger.end]
    answer = "; ".join(
        f"{each.label}: {words[each.head]}, {words[each.tail]}" for each in document.relations
    )
    return {part for part in map(_format, _format(answer).split(";")) if ":" in part}


def _parts_of(rows):
    """The set of the parts of an answer. A part that is not a string is one of its own."""
    parts = set()
    for number, (label, text) in enumerate(rows):
        if text is None:
            parts.add(("unknown", number))
        else:
            parts |= {_format(part) for part in _format(f"{label}: {text}").split(";")} - {""}
    answer = "; ".join(f"{label}: {text or ''}" for label, text in rows)
    if "" in {_format(part) for part in _format(answer).split(";")}:
        parts.add("")
    return parts


def _format(text):
    text = " ".join(text.split())
    for mark in ",:().;'_-":
        text = re.sub(r"\s*" + re.escape(mark) + r"\s*", mark, text)
    text = text.lower().replace("{", "").replace("}", "")
    for mark in ",.;":
        while mark + mark in text:
            text = text.replace(mark + mark, mark)
    return text.replace("’", "'").replace("location", "located")
