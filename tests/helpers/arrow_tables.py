"""Random corpora for the readers of JSONL, Parquet and Arrow tables, and the tables of a corpus."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
from helpers.random_documents import make_gold, make_prediction

from evalkit import Corpus, Document, Entity
from evalkit.formats.jsonl import to_json_dict

WORDS = ["Ada", "met", "𝒜da", "👩‍👩‍👧", "né", "e\u0301", "東京", "Öst", "x", "\u2028", "it's"]
LABELS = ["PER", "ORG", "Öst", "Conflict.Attack"]


def make_plain(draw, id, *, with_ids=False):
    """A document with contiguous entities only, or with none, in a text that may be empty."""
    words = draw.choices(WORDS, k=draw.choice([0, 1, 5, 20]))
    text = draw.choice([" ", "\n"]).join(words)
    if draw.random() < 0.3:
        text = text.encode("ascii", "ignore").decode()
    if not text or draw.random() < 0.1:
        return Document(id, text, draw.choice([(), ()]))
    spans = set()
    for _ in range(draw.choice([0, 1, 3, 8])):
        start = draw.randrange(len(text))
        spans.add((start, draw.randint(start + 1, len(text)), draw.choice(LABELS)))
    entities = []
    for number, (start, end, label) in enumerate(sorted(spans)):
        score = draw.choice([None, 0.1 * number])
        entity_id = f"T{number}" if with_ids else None
        entities.append(Entity(label, start, end, id=entity_id, score=score))
    return Document(id, text, entities, meta=draw.choice([None, {"n": [1, {"ß": None}]}]))


def alter_plain(draw, document):
    """A prediction for a document of contiguous entities."""
    entities = [entity for entity in document.entities if draw.random() < 0.8]
    entities += [
        Entity(draw.choice(LABELS), entity.start, entity.end)
        for entity in document.entities
        if draw.random() < 0.2
    ]
    failure = "no answer" if draw.random() < 0.05 else None
    return Document(document.id, document.text, entities, failure=failure)


def make_sides(seed, documents=30):
    """Gold and predictions of documents of all kinds."""
    draw = random.Random(seed)
    gold, predicted = [], []
    is_plain = draw.choice([True, False])
    for number in range(documents):
        if is_plain or draw.random() < 0.6:
            gold.append(make_plain(draw, f"d{number}", with_ids=draw.random() < 0.3))
            predicted.append(alter_plain(draw, gold[-1]))
        else:
            gold.append(make_gold(draw, f"d{number}"))
            predicted.append(make_prediction(draw, gold[-1]))
    return Corpus(gold), Corpus(predicted)


def json_table(corpus):
    """A table with the keys of JSONL as columns, as a program makes it from dicts."""
    rows = []
    for document in corpus:
        row = to_json_dict(document)
        for item in (row, *row.get("entities", ()), *row.get("events", ())):
            for key in {"meta", "attributes"} & item.keys():
                item[key] = json.dumps(item[key])
        rows.append(row)
    keys = {key: None for row in rows for key in row}
    return pa.Table.from_pylist([{key: row.get(key) for key in keys} for row in rows])


def rewrite(path, row_group_size):
    """Write a Parquet file again with row groups of another size."""
    pq.write_table(pq.read_table(path), path, row_group_size=row_group_size)
