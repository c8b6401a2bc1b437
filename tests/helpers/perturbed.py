"""Gold and a prediction derived from it, and its strict counts in plain loops."""

import random

from evalkit import Corpus, Document, Entity

SENTENCE = "Ada met Bo in Rome. "


def perturbed(n, seed, sentences=3, labels="ABC"):
    """Gold and a prediction derived from it: n documents of some sentences, with up to three
    entities each.
    """
    draw = random.Random(seed)
    gold, said = [], []
    for number in range(n):
        entities, answers = [], []
        for sentence in range(sentences):
            for at in draw.sample([0, 4, 8, 11, 14], draw.randint(0, 3)):
                start = sentence * len(SENTENCE) + at
                entities.append(Entity(draw.choice(labels), start, start + 2))
                if draw.random() < 0.75:
                    answers.append(
                        Entity(
                            draw.choice(labels) if draw.random() < 0.2 else entities[-1].label,
                            start,
                            start + draw.choice([2, 2, 3]),
                        )
                    )
        gold.append(Document(f"d{number}", SENTENCE * sentences, entities))
        said.append(Document(f"d{number}", SENTENCE * sentences, answers))
    return Corpus(gold, name="gold"), Corpus(said, name="said")


def strict_by_unit(gold, said, by_sentence):
    """(document, sentence) to a label to (gold, predicted, tp), strict, in plain loops."""
    units = {}
    for document, answer in zip(gold, said, strict=True):
        for n in range(len(document.text) // len(SENTENCE)) if by_sentence else [None]:
            units[document.id, n] = {}
        for place, entities in ((0, document.entities), (1, answer.entities)):
            for e in entities:
                counts = units[
                    document.id, e.start // len(SENTENCE) if by_sentence else None
                ].setdefault(e.label, [0, 0, 0])
                counts[place] += 1
                counts[2] += place == 1 and (e.label, e.start, e.end) in {
                    (g.label, g.start, g.end) for g in document.entities
                }
    return units


def ratio(name, gold, predicted, tp):
    part, whole = {
        "precision": (tp, predicted),
        "recall": (tp, gold),
        "f1": (2 * tp, gold + predicted),
    }[name]
    return part / whole if whole else None
