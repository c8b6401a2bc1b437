"""Random inputs for emulated scorers, and the check of a chain of steps."""

import math
import random

from evalkit import Corpus, Document, Entity, Unplaced

LABELS = ("PER", "ORG", "LOC")
WORDS = "Ada Bob Paris left met the of a in Acme Inc. Berlin U.S.-based old , . ’s".split()


def check_chain(emulated):
    """The steps of each measure lead from evalkit's number to the scorer's, and the items of each
    step account for the whole change of its counts.
    """
    for difference in emulated.differences:
        numbers = difference.evalkit
        for step in difference.steps:
            assert are_close(step.before, numbers)
            numbers = step.after
            changes = {"gold": [0.0, 0.0], "predicted": [0.0, 0.0]}
            for change in step.changes:
                before, after = change.before or (0, 0), change.after or (0, 0)
                assert before != after
                changes[change.side][0] += after[0] - before[0]
                changes[change.side][1] += after[1] - before[1]
            expected = {
                "gold": [
                    step.after.found - step.before.found,
                    step.after.gold - step.before.gold,
                ],
                "predicted": [
                    step.after.correct - step.before.correct,
                    step.after.predicted - step.before.predicted,
                ],
            }
            for side, counts in expected.items():
                assert [round(value, 9) for value in changes[side]] == [
                    round(value, 9) for value in counts
                ], (step.text, side)
            assert step.changes or step.kind == "ratio", step.text
        assert are_close(numbers, difference.scorer)


def are_close(first, second):
    """Whether numbers differ in the last digits of a float at most; None equals None."""
    for one, other in zip(first, second, strict=True):
        if one is None or other is None:
            if one is not other:
                return False
        elif not math.isclose(one, other, rel_tol=1e-12):
            return False
    return True


def random_tags(draw, length, *, improper):
    """A sequence of IOB2 tags; with improper ones if asked for."""
    tags = []
    while len(tags) < length:
        label = draw.choice(LABELS)
        size = min(draw.choice([1, 1, 2, 3]), length - len(tags))
        if draw.random() < 0.5:
            tags.append("O")
        elif improper and draw.random() < 0.3:
            tags += [f"I-{label}"] * size
        else:
            tags += [f"B-{label}"] + [f"I-{label}"] * (size - 1)
    return tags


def random_tag_corpus(seed, *, improper=True):
    """Two lists of sequences of tags that agree in part; some are empty."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for _ in range(draw.randrange(1, 8)):
        length = draw.randrange(0, 12)
        gold.append(random_tags(draw, length, improper=improper))
        other = random_tags(draw, length, improper=improper)
        cut = draw.randrange(length + 1)
        predicted.append(gold[-1][:cut] + other[cut:] if draw.random() < 0.8 else other)
    return gold, predicted


def random_letters_corpus(seed, letters):
    """Two lists of sequences of tags with these prefixes in any order: most are invalid."""
    draw = random.Random(seed)
    names = ["O", *(f"{letter}-{label}" for letter in letters for label in LABELS[:2])]
    gold, predicted = [], []
    for _ in range(draw.randrange(1, 5)):
        gold.append(draw.choices(names, k=draw.randrange(0, 9)))
        predicted.append([tag if draw.random() < 0.7 else draw.choice(names) for tag in gold[-1]])
    return gold, predicted


def random_entity_corpora(seed, *, unplaced=True, duplicates=True):
    """Gold and predictions with nested, unaligned, repeated and unplaced entities, and with empty
    sides.
    """
    draw = random.Random(seed)
    sides = [], []
    for number in range(draw.randrange(1, 6)):
        text = " ".join(draw.choices(WORDS, k=draw.randrange(1, 14)))
        gold = {_random_entity(draw, text) for _ in range(draw.randrange(5))}
        kept = [entity for entity in sorted(gold, key=_order) if draw.random() < 0.6]
        relabeled = [
            Entity(draw.choice(LABELS), entity.start, entity.end)
            for entity in gold
            if draw.random() < 0.2
        ]
        predicted = [*kept, *relabeled]
        predicted += [_random_entity(draw, text) for _ in range(draw.randrange(3))]
        if duplicates and predicted and draw.random() < 0.3:
            predicted.append(predicted[0])
        if not duplicates:
            predicted = list(dict.fromkeys(predicted))
        draw.shuffle(predicted)
        quotes = []
        if unplaced and draw.random() < 0.4:
            quotes.append(Unplaced("entities", draw.choice(LABELS), "not in the text", "Zoe"))
        id = f"d{number}"
        sides[0].append(Document(id, text, tuple(sorted(gold, key=_order))))
        sides[1].append(Document(id, text, tuple(predicted), unplaced=tuple(quotes)))
    return Corpus(sides[0], "gold"), Corpus(sides[1], "predicted")


def _order(entity):
    return entity.start, entity.end, entity.label


def _random_entity(draw, text):
    """Mostly whole words, sometimes a part of one."""
    starts = [n for n in range(len(text)) if n == 0 or text[n - 1] == " "]
    first = draw.choice(starts)
    ends = [n for n in range(first + 1, len(text) + 1) if n == len(text) or text[n] == " "]
    end = draw.choice(ends[:3])
    if draw.random() < 0.15 and end - first > 1:
        end -= 1
    return Entity(draw.choice(LABELS), first, end)
