"""What each format that is written holds, found by writing a document and reading it again."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Relation,
    Span,
    Zone,
    load_corpus,
)
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS

TEXT = 'Ada met Bob  in Oslo.\n"Go," said Ada.'
ADA, BOB = Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 11, id="T2")
EVENT = Event("Meet", Span(4, 7), (Argument("Who", 0, 3),))
QUOTE = Attribution(Span(28, 32), Span(22, 27), Span(33, 36), label="statement")


class Feature(NamedTuple):
    """Something that a format may hold: a document with it, and what must come back of it."""

    name: str
    document: Document
    extract: Callable[[Document], object]


def _entities(document: Document) -> object:
    return [(e.label, e.start, e.end) for e in document.entities or ()]


def _spans(document: Document) -> object:
    return [(e.label, e.fragments or ((e.start, e.end),)) for e in document.entities or ()]


FEATURES = (
    Feature("the text as it is", Document("d", TEXT, (ADA,)), lambda document: document.text),
    Feature("ids of documents", Document("news/7", TEXT, (ADA,)), lambda document: document.id),
    Feature("entities", Document("d", TEXT, (ADA, BOB)), _entities),
    Feature("nested", Document("d", TEXT, (Entity("PER", 0, 11), BOB)), _entities),
    Feature(
        "discontinuous",
        Document("d", TEXT, (Entity("PER", 0, 11, fragments=((0, 3), (8, 11))),)),
        _spans,
    ),
    Feature(
        "scores",
        Document("d", TEXT, (Entity("PER", 0, 3, score=0.5),)),
        lambda document: [e.score for e in document.entities or ()],
    ),
    Feature(
        "attributes",
        Document("d", TEXT, (Entity("PER", 0, 3, attributes={"kind": "name"}),)),
        lambda document: [dict(e.attributes or {}).get("kind") for e in document.entities or ()],
    ),
    Feature(
        "events",
        Document("d", TEXT, (ADA,), (EVENT,)),
        lambda document: [
            (e.label, e.trigger and e.trigger.start, [(a.role, a.start) for a in e.arguments])
            for e in document.events or ()
        ],
    ),
    Feature(
        "relations",
        Document("d", TEXT, (ADA, BOB), relations=(Relation("knows", "T1", "T2"),)),
        lambda document: [r.label for r in document.relations or ()],
    ),
    Feature(
        "attributions",
        Document("d", TEXT, (), (), (QUOTE,)),
        lambda document: [
            (a.label, a.source and a.source.start, a.cue and a.cue.start)
            for a in document.attributions or ()
        ],
    ),
    Feature(
        "zones",
        Document("d", TEXT, (ADA,), zones=(Zone("body", 0, 21),)),
        lambda document: [(z.label, z.start) for z in document.zones or ()],
    ),
)


def held_contents() -> dict[str, list[bool]]:
    """For each format, which of FEATURES comes back after writing and reading."""
    return {
        name: [_is_held(name, feature) for feature in FEATURES]
        for name in WRITTEN_FORMATS
        if not FORMATS[name].missing
    }


def _is_held(name: str, feature: Feature) -> bool:
    suffix = {"cas": ".xmi", "docbin": ".spacy", "bioc": ".xml", "parquet": ".parquet"}
    with TemporaryDirectory() as folder:
        location = f"{name}:{Path(folder) / 'corpus'}{suffix.get(name, '')}"
        try:
            Corpus([feature.document]).save(location)
            documents = load_corpus(location)
        except InputError:  # such as a format that has no document without an entity
            return False
        return len(documents) == 1 and feature.extract(documents[0]) == feature.extract(
            feature.document
        )


def held_table() -> list[str]:
    """The table as Markdown: a row for each format."""
    lines = [
        f"| format | {' | '.join(feature.name for feature in FEATURES)} |",
        f"|---|{':-:|' * len(FEATURES)}",
    ]
    for name, held in held_contents().items():
        cells = " | ".join("✓" if is_held else "" for is_held in held)
        lines.append(f"| `{name}` | {cells} |")
    return lines
