"""Random corpora whose documents have many entities in few places: equal, nested, crossing, with
several labels, discontinuous, duplicates in the prediction.
"""

from random import Random

from evalkit import Corpus, Document, Entity
from evalkit.data.document import Unplaced, Zone

LABELS = ["PER", "ORG", "LOC", "été", "a", "B-"]
ALPHABET = "ab c.,é–日😀"


def random_text(draw, length):
    return "".join(draw.choices(ALPHABET, k=length))


def random_entities(draw, text, most, labels, *, discontinuous=0.0, duplicates=False):
    """Entities without duplicates, or with some."""
    entities = {}
    for _ in range(draw.randint(0, most)):
        start = draw.randrange(len(text))
        end = min(len(text), start + draw.choice([1, 1, 2, 3, 5, len(text)]))
        fragments = ()
        if end - start > 2 and draw.random() < discontinuous:
            fragments = ((start, start + 1), (end - 1, end))
        label = draw.choice(labels)
        entities[label, start, end, fragments] = Entity(label, start, end, fragments=fragments)
    found = list(entities.values())
    if draw.random() < 0.5:
        draw.shuffle(found)
    if duplicates and found:
        found += draw.choices(found, k=draw.randint(0, 2))
    return found


def random_sides(seed, documents, *, most=12, features=0.0, n_labels=4):
    """Gold and predictions of as many documents.

    features: how often a document has a zone, a discontinuous entity, no annotation of the layer,
    an item without offsets, or a failure.
    """
    draw = Random(seed)
    labels = LABELS[:n_labels]
    gold, predicted = [], []
    for number in range(documents):
        text = random_text(draw, draw.choice([1, 3, 8, 20, 40]))
        share = features if draw.random() < features else 0.0
        found = random_entities(draw, text, most, labels, discontinuous=share)
        moved = random_entities(draw, text, most, labels, discontinuous=share, duplicates=True)
        kept = [entity for entity in found if draw.random() < 0.5]
        answers = kept + moved if draw.random() < 0.8 else moved
        zones = ()
        unplaced = ()
        failure = None
        if share and draw.random() < 0.3:
            zones = (Zone(draw.choice(["a", "b"]), 0, draw.randint(1, len(text))),)
        if share and draw.random() < 0.2:
            unplaced = (Unplaced("entities", "PER", "not found", quote="x"),)
        if share and draw.random() < 0.1:
            failure = "no answer"
        is_annotated = not share or draw.random() < 0.9
        gold.append(Document(f"d{number}", text, found if is_annotated else None, zones=zones))
        predicted.append(
            Document(f"d{number}", text, answers, unplaced=unplaced, failure=failure, zones=zones)
        )
    return Corpus(gold, name="gold"), Corpus(predicted, name="predicted")
