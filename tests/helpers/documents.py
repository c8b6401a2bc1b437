"""Documents that use every field of the annotation model, or none."""

from evalkit import Argument, Attribution, Document, Entity, Event, Relation, Span, Unplaced, Zone

EVERYTHING = Document(
    "d1",
    "Ada said she would put 🎉 the light out.\r\nBye.",
    entities=[Entity("PER", 0, 3, id="T1", score=0.5, attributes={"unsure": True})],
    events=[
        Event(
            "Switch.Off",
            Span(19, 38, ((19, 22), (35, 38))),
            [Argument("Agent", 0, 3, ref="T1")],
            id="E1",
            realis="OTHER",
        )
    ],
    attributions=[
        Attribution(
            Span(4, 8), Span(9, 38), Span(0, 3), label="assertion", id="A1", source_name=Span(0, 3)
        ),
        Attribution(None, Span(13, 18), id="A2", parent="A1"),
    ],
    relations=[
        Relation("near", "T1", "E1", id="R1", score=0.5, attributes={"unsure": True}),
        Relation("near", "E1", "T1"),
    ],
    zones=[Zone("body", 0, 39)],
    meta={"language": "en", "tags": ["x"]},
)

EMPTY = Document("d2", "", entities=[])

FAILED = Document(
    "d3",
    "x",
    failure="time out",
    unplaced=[Unplaced("entities", "PER", "not in the text", quote="Bo")],
)
