"""A document is checked when it is made, and says what is wrong with it."""

import numpy as np
import pytest

from evalkit import Argument, Attribution, Document, Entity, Event, Span, Unplaced, Zone
from evalkit.errors import DocumentError

TEXT = "Ada wrote."
BAD = [
    (lambda: Span(3, 3), "end: 3 is not after the start, 3"),
    (lambda: Span(5, 3), "end: 3 is not after the start, 5"),
    (lambda: Span(-1, 3), "start: -1 is before the text"),
    (lambda: Span(True, 3), "start: invalid offset True"),
    (lambda: Span(0.0, 3), "start: invalid offset 0.0"),
    (lambda: Span(0, "3"), "end: invalid offset '3'"),
    (lambda: Span(0, 9, ((0, 3), (2, 9))), "fragments: .* are not in order"),
    (lambda: Span(0, 9, ((0, 3), (5, 8))), "fragments: .* do not reach from 0 to 9"),
    (lambda: Entity("", 0, 3), "label: invalid label ''"),
    (lambda: Entity("PER", 0, 3, score=float("nan")), "score: invalid score nan"),
    (lambda: Entity("PER", 0, 3, score="high"), "score: invalid score 'high'"),
    (lambda: Span(0, 5, ((0, 1), (3.0, 5))), "fragments: invalid fragments"),
    (lambda: Span(0, 5, ((False, True), (3, 5))), "fragments: invalid fragments"),
    (lambda: Event("X", (0, 3)), r"trigger: expected Span, got \(0, 3\)"),
    (lambda: Event("X", Span(0, 3), [(0, 3)]), r"arguments\[0\]: expected Argument, got \(0, 3\)"),
    (lambda: Attribution(None, None), "content: expected Span, got None"),
    (lambda: Entity("a\ud83d", 0, 3), "label: invalid label"),
    (
        lambda: Unplaced("events", "X", "r"),
        "layer: unknown layer 'events'; expected one of: entities, triggers",
    ),
    (
        lambda: Document("d1", TEXT, [(0, 3, "PER")]),
        r"document 'd1', entities\[0\]: expected Entity, got \(0, 3, 'PER'\)",
    ),
    (lambda: Document("", TEXT), "id: invalid id ''"),
    (lambda: Document("d1", None), "document 'd1', text: invalid text None"),
    (lambda: Document("d1", "a\ud83d"), "document 'd1', text: a lone surrogate at 1"),
    (
        lambda: Document("d1", TEXT, entities="PER"),
        "document 'd1', entities: expected a list, got 'PER'",
    ),
    (
        lambda: Document("d1", TEXT, (Entity("PER", 0, 99),)),
        r"document 'd1', entities\[0\].end: 99 is past the end of the text",
    ),
    (
        lambda: Document("d1", TEXT, events=[Event("X", Span(0, 11))]),
        r"document 'd1', events\[0\].trigger.end: 11 is past",
    ),
    (
        lambda: Document("d1", TEXT, zones=[Zone("body", 0, 11)]),
        r"document 'd1', zones\[0\].end: 11 is past",
    ),
    (
        lambda: Document("d1", TEXT, [Entity("A", 0, 3, id="T1"), Entity("B", 0, 3, id="T1")]),
        r"entities\[1\].id: duplicate id 'T1': already used by entities\[0\]",
    ),
    (
        lambda: Document(
            "d1", TEXT, events=[Event("X", Span(4, 9), [Argument("R", 0, 3, ref="T9")])]
        ),
        r"events\[0\].arguments\[0\].ref: no entity or event of this document has the id 'T9'",
    ),
    (
        lambda: Document(
            "d1", TEXT, attributions=[Attribution(None, Span(0, 3), id="A1", parent="A2")]
        ),
        r"attributions\[0\].parent: no attribution of this document has the id 'A2'",
    ),
    (
        lambda: Document(
            "d1",
            TEXT,
            attributions=[
                Attribution(None, Span(0, 3), id=a, parent=b)
                for a, b in (("A1", "A2"), ("A2", "A1"))
            ],
        ),
        r"attributions\[0\].parent: is nested in itself",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_cannot_be_true_is_refused_with_its_place(make, message):
    with pytest.raises(DocumentError, match=message):
        make()


def test_numbers_of_numpy_become_plain():
    entity = Entity("PER", np.int64(0), np.int32(3), score=np.float32(0.5))

    assert [type(value) for value in (entity.start, entity.end, entity.score)] == [int, int, float]
    assert entity == Entity("PER", 0, 3, score=0.5)


def test_labels_of_numpy_become_plain():
    assert type(Entity(np.str_("PER"), 0, 3).label) is str


def test_nothing_given_is_nothing():
    assert Document("d", TEXT, zones=None, unplaced=None) == Document("d", TEXT)
    assert Event("X", Span(0, 3), None) == Event("X", Span(0, 3))


def test_fragments_that_touch_are_joined():
    assert Entity("PER", 0, 9, fragments=[(0, 3), (3, 9)]) == Entity("PER", 0, 9)
    assert Span(0, 9, [(0, 2), (2, 3), (5, 9)]).fragments == ((0, 3), (5, 9))


def test_three_states_of_a_layer_stay_apart():
    assert Document("d1", TEXT).entities is None
    assert Document("d1", TEXT, entities=[]).entities == ()
    assert Document("d1", TEXT, failure="time out").failure == "time out"


def test_a_bare_document_shows_a_model_nothing_to_copy():
    document = Document(
        "d1", TEXT, [Entity("PER", 0, 3)], zones=[Zone("body", 0, 10)], meta={"gold": "PER"}
    )

    assert document.without_annotations() == Document("d1", TEXT)


def test_nothing_can_be_changed():
    with pytest.raises(AttributeError):
        Document("d1", TEXT).text = "x"
