"""The seeded workload: documents of about 2,600 characters and 400 tokens, with 25 gold spans of 8
labels, 3 of which lie in others. Predictions are gold with 10 % dropped, 10 % moved, 10 % relabeled
and 10 % invented.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import NamedTuple

from evalkit import Corpus, Document, Entity

LABELS = ["PER", "ORG", "LOC", "GPE", "DATE", "EVENT", "FAC", "NORP"]
TOKENS = 400
SPANS = 25  # of gold in a document
SCHEMES = ["entities/strict", "entities/exact", "entities/partial", "entities/type"]
SIDES = ("gold", "predicted")
CHUNK = 1000  # documents in memory while files are written

TokenSpan = tuple[int, int, str]  # first token, one past the last, label
CharacterSpan = tuple[int, int, str]


class Sample(NamedTuple):
    """The tokens of a document, and the spans of both sides: flat ones, and those in others."""

    tokens: list[str]
    gold: tuple[list[TokenSpan], list[TokenSpan]]
    predicted: tuple[list[TokenSpan], list[TokenSpan]]


def draw_samples(count: int, seed: int = 1) -> Iterator[Sample]:
    """So many documents; the first of them are the same for any count."""
    draw = random.Random(seed)
    vocabulary = []
    for _ in range(20_000):
        vocabulary.append("".join(draw.choices("abcdefghij", k=draw.randint(2, 9))))
    for _ in range(count):
        flat, nested = draw_gold(draw)
        predicted = list(perturb(draw, flat))
        predicted += draw_spurious(draw, predicted)
        predicted_nested = list(dict.fromkeys(perturb(draw, nested)))
        tokens = draw.choices(vocabulary, k=TOKENS)
        yield Sample(tokens, (flat, nested), (sorted(predicted), predicted_nested))


def draw_gold(draw: random.Random) -> tuple[list[TokenSpan], list[TokenSpan]]:
    """22 flat spans, and 3 that lie in one of them."""
    starts = sorted(draw.sample(range(0, TOKENS - 8, 8), 22))
    lengths = draw.choices([1, 1, 2, 2, 3, 5], k=22)
    labels = draw.choices(LABELS, k=22)
    flat = [(start, start + length, label) for start, length, label in zip(starts, lengths, labels)]
    outer = draw.sample([span for span in flat if span[1] - span[0] > 1], 3)
    return flat, [(start, start + 1, draw.choice(LABELS)) for start, _, _ in outer]


def perturb(draw: random.Random, spans: Iterable[TokenSpan]) -> Iterator[TokenSpan]:
    """The spans with 10 % dropped, 10 % moved and 10 % relabeled."""
    for start, end, label in spans:
        fate = draw.random()
        if fate < 0.1:
            continue
        if fate < 0.2:
            yield start, end + 1, label
        elif fate < 0.3:
            yield start, end, draw.choice(LABELS)
        else:
            yield start, end, label


def draw_spurious(draw: random.Random, spans: Iterable[TokenSpan]) -> list[TokenSpan]:
    """Two spans that overlap none of the others."""
    taken = set()
    for start, end, _ in spans:
        taken.update(range(start, end + 1))
    free = [start for start in range(5, TOKENS - 8, 8) if taken.isdisjoint((start, start + 1))]
    return [
        (start, start + 2, draw.choice(LABELS)) for start in draw.sample(free, min(2, len(free)))
    ]


def to_character_spans(sample: Sample, side: str) -> list[CharacterSpan]:
    """All spans of a side, in characters."""
    ends = list(accumulate(len(token) + 1 for token in sample.tokens))
    flat, nested = getattr(sample, side)
    spans = []
    for first, last, label in (*flat, *nested):
        spans.append((ends[first - 1] if first else 0, ends[last - 1] - 1, label))
    return list(dict.fromkeys(spans))


def to_tags(flat: Iterable[TokenSpan]) -> list[str]:
    """The IOB2 tags of flat spans."""
    row = ["O"] * TOKENS
    for start, end, label in flat:
        row[start] = f"B-{label}"
        row[start + 1 : end] = [f"I-{label}"] * (end - start - 1)
    return row


def to_document(number: int, sample: Sample, side: str) -> Document:
    """The document of a sample with the entities of a side."""
    entities = [Entity(label, start, end) for start, end, label in to_character_spans(sample, side)]
    return Document(f"d{number}", " ".join(sample.tokens), entities)


def build_corpora(samples: Iterable[Sample]) -> tuple[Corpus, Corpus]:
    """Gold and predictions in memory."""
    listed = list(samples)
    gold = [to_document(number, sample, "gold") for number, sample in enumerate(listed)]
    predicted = [to_document(number, sample, "predicted") for number, sample in enumerate(listed)]
    return Corpus(gold), Corpus(predicted)


def write_corpora(folder: Path, count: int) -> int:
    """Write gold.jsonl and predicted.jsonl; their size in bytes."""
    samples = enumerate(draw_samples(count))
    while chunk := list(islice(samples, CHUNK)):
        for side in SIDES:
            append_documents(
                folder / f"{side}.jsonl",
                [to_document(number, sample, side) for number, sample in chunk],
            )
    return sum((folder / f"{side}.jsonl").stat().st_size for side in SIDES)


def append_documents(path: Path, documents: list[Document]) -> None:
    """Write documents at the end of a JSONL file, as evalkit saves them."""
    part = path.with_name("part.jsonl")
    Corpus(documents).save(part)
    with path.open("ab") as file:
        file.write(part.read_bytes())
    part.unlink()


def write_tiny_corpora(folder: Path, count: int) -> int:
    """Write documents of one sentence and one or two entities; their size in bytes."""
    draw = random.Random(1)
    for first in range(0, count, 10 * CHUNK):
        sides: dict[str, list[Document]] = {side: [] for side in SIDES}
        for number in range(first, min(first + 10 * CHUNK, count)):
            text = f"Ada {number} met Bo in Rome."
            person, city = Entity("PER", 0, 3), Entity("LOC", len(text) - 5, len(text) - 1)
            sides["gold"].append(Document(f"d{number}", text, [person, city]))
            predicted = [person] if draw.random() < 0.2 else [person, city]
            sides["predicted"].append(Document(f"d{number}", text, predicted))
        for side, documents in sides.items():
            append_documents(folder / f"{side}.jsonl", documents)
    return sum((folder / f"{side}.jsonl").stat().st_size for side in SIDES)
