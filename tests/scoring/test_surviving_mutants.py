"""What the other tests let pass when the matching and counting is changed by a word: each test here
notices such a change.

They were written against mutants of match.py, columns.py, chunk.py, counting.py and bare.py; the
numbers follow from the definitions.
"""

from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from helpers.marked import corpus, marked

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Schema,
    Span,
    Unplaced,
    Zone,
    score,
    score_spans,
    score_tags,
)
from evalkit.data.batch import DocumentBatch, DocumentRef, Vocabulary, entity_arrays
from evalkit.data.schema import ZoneSchema
from evalkit.scoring.cells import PREDICTED, CellCounter
from evalkit.scoring.columns import ItemArrayBuilder, ItemArrays, SharedEncoding, combine_keys
from evalkit.scoring.counting import BlockBuilder, block_from_arrays
from evalkit.scoring.items import Items, SyntheticSpan
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.matching import Matching, flatten_groups
from evalkit.scoring.zones import document_layout

TEXT = "x" * 60
SCHEMA = Schema(zones={"in": ZoneSchema(), "out": ZoneSchema(primary=())})
FAR = 2**62 - 1  # the furthest end that a bare span can have


def broken(label, *ranges):
    return Entity(label, ranges[0][0], ranges[-1][1], fragments=ranges)


def entities(*items, id="d"):
    return Corpus(
        [Document(id, TEXT, [Entity(*item) if isinstance(item, tuple) else item for item in items])]
    )


def attributions(*items, id="d"):
    return Corpus([Document(id, TEXT, attributions=items)])


def attributed(cue, content, source=None):
    return Attribution(cue, content, source)


def matched(gold, said, metric):
    """(start, end) of either side of each pair with credit or MUC's incorrect, and its kind."""
    found = score(gold, said, metric).pairs(metric)
    return [
        (pair.kind, pair.gold[1:3], pair.predicted[1:3])
        for pair in found
        if pair.gold and pair.predicted
    ]


def columns(*rows):
    """Columns from (document, label, head, start, end, fragments)."""
    return ItemArrays(*np.array(rows, np.int64).reshape(-1, 6).T)


# Bare spans and tags.


@pytest.mark.parametrize("side", ["", b"O", b"", iter([["O"]]), 7, None])
def test_what_is_no_list_of_sequences_is_refused(side):
    with pytest.raises(InputError, match=r": expected a list of sequences, one for each document$"):
        score_tags(side, [])
    with pytest.raises(InputError, match=r": expected a list of sequences, one for each document$"):
        score_tags([], side)
    with pytest.raises(
        InputError, match=r": expected a list of lists of spans, one for each document$"
    ):
        score_spans(side, [])


def test_offsets_whose_sums_would_not_fit_into_64_bits_are_refused():
    assert score_spans([[(0, FAR, "A")]], [[(0, FAR, "A")]])["ner"].micro.tp == 1
    with pytest.raises(
        InputError,
        match=(
            r"^gold, document 0: invalid span \(0, 4611686018427387904, 'A'\): expected"
            r" \(start, end, label\) with 0 <= start < end < 2\*\*62$"
        ),
    ):
        score_spans([[(0, FAR + 1, "A")]], [[]])


def test_the_counts_of_muc_are_made_when_they_are_asked_for():
    scores = score_spans([[(0, 3, "A"), (5, 9, "B")]], [[(0, 2, "A"), (5, 9, "B"), (5, 9, "C")]])[
        "ner"
    ]

    assert scores.counts.has_incorrect is False
    assert scores.counts.values[-2:].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert scores.muc == (1, 1, 0, 0, 1)
    assert scores.counts.has_incorrect is True
    assert scores.counts.values[-2:].tolist() == [[1, 0, 0], [1, 0, 0]]


def test_tags_have_the_counts_of_muc_too():
    scores = score_tags([["B-A", "I-A", "O", "B-B"]], [["B-A", "O", "O", "B-B"]])["ner"]

    assert scores.muc == (1, 1, 0, 0, 0)


def test_what_was_run_says_the_versions_and_no_failures():
    metadata = score_spans([[]], [[]]).metadata

    assert sorted(metadata.versions) == ["evalkit", "numpy"]
    assert metadata.versions["numpy"] == np.__version__
    assert metadata.failures == {}


def test_the_signature_of_bare_spans_begins_with_the_version():
    assert score_spans([[]], [[]])["ner"].signature.startswith("evalkit:")


def test_where_nothing_is_nothing_is_kept():
    scores = score_spans([], [])["ner"]

    assert scores.counts.values.shape == (8, 0)
    assert list(scores.by_document()) == []


def test_each_of_many_documents_keeps_its_own_counts():
    gold = [[(0, 3, "A")], *[[]] * 1023, [(0, 3, "B"), (5, 7, "A")], [(1, 2, "B")]]
    said = [[(0, 3, "A"), (0, 3, "A")], *[[]] * 1023, [(0, 3, "B")], [(1, 2, "A"), (4, 6, "B")]]

    scores = score_spans(gold, said)["ner"]

    rows = [(row.tp, row.gold, row.predicted) for _, row in scores.by_document()]
    assert rows == [(1, 1, 2), *[(0, 0, 0)] * 1023, (1, 2, 1), (0, 1, 2)]
    assert scores.counts.set_aside["duplicate"] == 1
    assert [id for id, _ in scores.by_document()][1023:] == ["1023", "1024", "1025"]


def test_characters_far_apart_under_several_labels_are_each_counted_once():
    spans = [
        (start, end, label)
        for label in "ABC"
        for start, end in [
            (0, 20),
            (5, 15),
            (18, 30),
            (40, 44),
            (FAR - 10, FAR - 1),
            (FAR - 6, FAR - 1),
        ]
    ]

    micro = score_spans([spans], [spans], "entities/characters")["entities/characters"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (129, 129, 129)


def test_labels_stay_apart_where_their_numbers_no_longer_fit():
    gold = [[(0, FAR, "A"), (2, FAR, "B"), (3, FAR, "C"), (4, FAR, "D")]]

    micro = score_spans(gold, [[(0, FAR, "E"), (1, FAR, "E")]], "entities/type")[
        "entities/type"
    ].micro

    assert (micro.tp, micro.gold, micro.predicted) == (0, 4, 2)


def test_what_is_far_along_under_one_label_does_not_reach_into_the_next():
    gold = [[(0, 3, "A"), (5, 9, "A"), (20, FAR - 1, "B")]]

    micro = score_spans(gold, [[(10, FAR - 1, "C")]], "entities/type")["entities/type"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (0, 3, 1)


# Who answers whom.


@pytest.mark.parametrize("order", [1, -1])
def test_a_neighbour_that_only_touches_is_no_answer(order):
    after = matched(
        entities(("A", 0, 5)), entities(*[("A", 4, 8), ("A", 5, 7)][::order]), "entities/type"
    )
    before = matched(
        entities(("A", 5, 9)), entities(*[("A", 3, 6), ("A", 2, 5)][::order]), "entities/type"
    )

    assert after == [("correct", (0, 5), (4, 8))]
    assert before == [("correct", (5, 9), (3, 6))]


def test_a_neighbour_that_only_touches_is_no_answer_among_many():
    found = matched(
        entities(("A", 0, 5), ("A", 6, 9)), entities(("A", 5, 7), ("A", 4, 8)), "entities/type"
    )

    assert found == [("correct", (0, 5), (4, 8)), ("correct", (6, 9), (5, 7))]


def test_the_answer_that_ends_first_is_taken_though_other_spans_are_discontinuous():
    gold, said = (
        entities(("A", 0, 10), broken("A", (40, 41), (43, 44))),
        entities(("A", 1, 9), ("A", 2, 4)),
    )

    found = matched(gold, said, "entities/partial")

    assert found == [("partial", (0, 10), (2, 4))]


@pytest.mark.parametrize("labels", ["AB", "BA"])
def test_of_discontinuous_spans_that_are_equal_the_first_label_by_name_answers(labels):
    gold = entities(*[broken(label, (0, 3), (6, 9)) for label in labels])

    found = score(gold, entities(("C", 0, 9)), "entities/partial").pairs("entities/partial")

    assert [(pair.kind, pair.gold.label) for pair in found] == [
        ("missing", "B"),
        ("partial", "A"),
    ]


def test_fragments_that_only_touch_do_not_overlap():
    gold = entities(
        broken("A", (0, 1), (30, 31)), broken("A", (4, 6), (20, 22)), broken("A", (6, 7), (24, 25))
    )

    micro = score(gold, entities(("A", 0, 8), ("A", 2, 4)), "entities/partial")[
        "entities/partial"
    ].micro

    assert (micro.tp, micro.gold, micro.predicted) == (0.5, 3, 2)


def test_what_a_scheme_leaves_over_is_matched_only_where_that_is_asked_for():
    matching = Matching(
        columns((0, 0, 0, 0, 5, 0)), columns((0, 0, 0, 2, 7, 0)), np.arange(1), [()], [()]
    )

    assert [len(pairs.gold) for pairs in matching.pairs_under("strict", wrong=False)] == [0, 0, 0]
    assert [len(pairs.gold) for pairs in matching.pairs_under("strict", wrong=True)] == [0, 0, 1]
    assert [len(pairs.gold) for pairs in matching.pairs_under("strict")] == [0, 0, 1]


def test_heads_stay_apart_where_their_numbers_no_longer_fit():
    # 17 times the second head is one less than 2**64: on a line that wraps, its row would lie on
    # those of the first.
    head = (2**64 - 1) // 17
    gold = [
        (0, 0, 0, start, end, 0)
        for start, end in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (2, 3)]
    ]
    matching = Matching(columns(*gold), columns((0, 0, head, 3, 4, 0)), np.arange(1), [()], [()])

    assert [len(pairs.gold) for pairs in matching.pairs_under("type", wrong=False)] == [0, 0, 0]


def test_roles_are_told_apart_under_every_event_type():
    def events(role):
        return Corpus(
            [
                Document(
                    "d",
                    TEXT,
                    events=[
                        Event("Attack", Span(0, 3), [Argument(role, 5, 9)]),
                        Event("Die", Span(4, 5), [Argument(role, 5, 9)]),
                    ],
                )
            ]
        )

    micro = score(events("Place"), events("Target"), "arguments/type")["arguments/type"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (0, 2, 2)


def test_too_many_overlaps_of_discontinuous_spans_are_refused_with_their_number(monkeypatch):
    gold, said = (
        entities(broken("A", (10, 12), (14, 16))),
        entities(("A", 9, 11), ("A", 9, 15), ("A", 12, 13)),
    )

    monkeypatch.setattr("evalkit.scoring.discontinuous.MAX_OVERLAPS", 2)

    with pytest.raises(
        InputError,
        match=(
            r"^3 overlaps with discontinuous spans in one document: more than 2 cannot be matched;"
            r" score strict or exact$"
        ),
    ):
        score(gold, said, "entities/partial")


def test_as_many_overlaps_as_are_allowed_are_matched(monkeypatch):
    monkeypatch.setattr("evalkit.scoring.discontinuous.MAX_OVERLAPS", 2)

    micro = score(
        entities(broken("A", (10, 12), (14, 16))),
        entities(("A", 9, 11), ("A", 15, 18)),
        "entities/partial",
    )["entities/partial"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (0.5, 1, 2)


# Attributions.


def test_an_attribution_without_a_source_never_answers_one_with_a_source_on_the_same_words():
    gold = attributions(attributed(Span(0, 8, ((0, 3), (4, 8))), Span(9, 12)))
    said = attributions(attributed(Span(4, 8), Span(9, 12), Span(0, 3)))

    micro = score(gold, said, "attribution-relations/type")["attribution-relations/type"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (0, 1, 1)


def test_attributions_on_the_same_words_are_told_apart_by_their_parts():
    gold = attributions(
        attributed(Span(0, 8, ((0, 3), (4, 8))), Span(9, 12)),
        attributed(Span(4, 8), Span(9, 12), Span(0, 3)),
    )
    said = attributions(attributed(Span(4, 7), Span(9, 12), Span(1, 3)))

    micro = score(gold, said, "attribution-relations/type")["attribution-relations/type"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (1, 2, 1)


def test_parts_that_only_touch_do_not_answer_each_other():
    one, other = (
        attributions(attributed(Span(8, 10), Span(12, 20), Span(0, 5))),
        attributions(attributed(Span(6, 8), Span(12, 20), Span(1, 5))),
    )

    assert (
        score(one, other, "attribution-relations/type")["attribution-relations/type"].micro.tp == 0
    )
    assert (
        score(other, one, "attribution-relations/type")["attribution-relations/type"].micro.tp == 0
    )


def test_discontinuous_cues_that_overlap_put_attributions_together():
    gold = attributions(attributed(Span(0, 9, ((0, 3), (6, 9))), Span(12, 20), Span(30, 33)))
    said = attributions(attributed(Span(0, 2), Span(12, 20), Span(30, 33)))

    rows = score(gold, said, "attached-attributions/strict")["attached-attributions/strict"]

    assert {
        part: (rows[part].tp, rows[part].gold, rows[part].predicted) for part in rows.labels
    } == {"content": (1, 1, 1), "cue": (0, 1, 1), "source": (1, 1, 1)}


def test_unpaired_attributions_stay_in_the_denominators():
    gold = attributions(
        attributed(Span(0, 3), Span(5, 9)), attributed(Span(10, 13), Span(15, 19), Span(20, 22))
    )
    said = attributions(attributed(Span(1, 3), Span(5, 9)), attributed(Span(30, 33), Span(35, 39)))

    found = score(gold, said, "attached-attributions/strict")["attached-attributions/strict"]

    assert (found.micro.tp, found.micro.gold, found.micro.predicted) == (1, 5, 4)


# What is set aside.


def test_what_is_set_aside_is_counted_by_its_reason():
    zones = [Zone("in", 0, 9), Zone("out", 9, 60)]
    gold = Corpus(
        [
            Document(
                "d", TEXT, [Entity("A", 0, 3), Entity("B", 5, 8), Entity("C", 10, 12)], zones=zones
            )
        ],
        schema=SCHEMA,
    )
    nowhere = [
        Unplaced("entities", "LOC", "absent", "Rome"),
        Unplaced("entities", "A", "absent", "Rome"),
        Unplaced("entities", "D", "absent", "Rome"),
    ]
    said = [
        Entity("A", 0, 3),
        Entity("A", 0, 3),
        Entity("B", 5, 8),
        Entity("D", 20, 22),
        Entity("D", 30, 32),
        Entity("B", 40, 42),
        Entity("A", 50, 52),
    ]

    found = score(
        gold,
        Corpus([Document("d", TEXT, said, unplaced=nowhere)]),
        "entities/strict",
        labels={"entities": {"A": "X", "D": None}},
    )["entities/strict"]

    assert found.counts.set_aside == {
        "gold_outside_zones": 1,
        "gold_merged": 0,
        "gold_dropped": 0,
        "documents_not_annotated": 0,
        "predicted_outside_zones": 2,
        "predicted_merged": 0,
        "predicted_dropped": 2,
        "duplicate": 1,
        "unplaced": 2,
    }
    assert {
        label: (found[label].tp, found[label].gold, found[label].predicted)
        for label in ("B", "X", "LOC")
    } == {"B": (1, 1, 1), "X": (1, 1, 3), "LOC": (0, 0, 1)}


def test_a_prediction_that_drops_nothing_says_so():
    scores = score(
        corpus("[Ada|A]"), corpus("[Ada|A]"), "entities/strict", labels={"entities": {"A": "X"}}
    )["entities/strict"]

    assert (
        scores.counts.set_aside["gold_dropped"],
        scores.counts.set_aside["predicted_dropped"],
    ) == (0, 0)


def test_dropped_items_add_up_over_many_documents():
    both = corpus(*["[Ada|A] met [Bo|B]"] * 130)

    found = score(both, both, "entities/strict", labels={"entities": {"A": None, "B": "C"}})[
        "entities/strict"
    ]

    assert (
        found.counts.set_aside["gold_dropped"],
        found.counts.set_aside["predicted_dropped"],
    ) == (130, 130)
    assert (found.micro.tp, found.micro.gold, found.micro.predicted) == (130, 130, 130)


def test_characters_of_one_label_count_in_the_zone_where_they_lie():
    zones = [Zone("in", 0, 12), Zone("out", 12, 30), Zone("in", 31, 60)]
    gold = Corpus(
        [
            Document(
                "d",
                TEXT,
                [Entity("A", 13, 18), Entity("A", 35, 40), Entity("A", 38, 42)],
                zones=zones,
            )
        ],
        schema=SCHEMA,
    )

    by_zone = dict(
        score(gold, gold, "entities/characters", zones="all")["entities/characters"].by_zone()
    )

    assert {
        zone: (row.tp, row.gold, row.predicted) for zone, row in by_zone.items() if row.gold
    } == {"in": (7, 7, 7), "out": (5, 5, 5)}


# Documents in chunks, and files.


def test_a_label_that_was_never_seen_before_gets_a_number_of_its_own():
    one, other = f"new-{uuid4().hex}", f"new-{uuid4().hex}"

    scores = score(entities((one, 0, 3), (other, 5, 9)), entities((one, 0, 3), (one, 5, 9)))["ner"]

    assert {
        label: (scores[label].tp, scores[label].gold, scores[label].predicted)
        for label in scores.labels
    } == {one: (1, 1, 2), other: (0, 1, 0)}


def test_the_entities_of_a_chunk_are_read_once():
    chunk = DocumentBatch([marked("[Ada|PER] wrote")])

    assert entity_arrays(chunk) is entity_arrays(chunk)


@pytest.mark.parametrize("metric", ["entities/strict", "tokens/strict", "triggers/strict"])
def test_each_of_many_documents_in_chunks_keeps_its_own_items(metric):
    def several(n, label):
        marks = (
            [broken(label, (0, 1), (n % 20 + 2, n % 20 + 4))]
            if n % 3 == 0
            else [Entity(label, 0, n % 5 + 1)]
            if n % 3 == 1
            else []
        )
        events = [Event(mark.label, Span(mark.start, mark.end, mark.fragments)) for mark in marks]
        return Document(f"d{n}", "a b c d e f g h i j k l m n o", marks, events)

    gold, said = (
        Corpus([several(n, "B" if n in wrong else "A") for n in range(200)])
        for wrong in ((), (3, 66, 129, 199))
    )

    scores = score(gold, said, metric)[metric]

    assert [id for id, row in scores.by_document() if row.tp != row.gold] == [
        "d3",
        "d66",
        "d129",
        "d199",
    ]
    assert [id for id, row in scores.by_document() if not row.gold] == [
        f"d{n}" for n in range(2, 200, 3)
    ]


PLAIN = """\
{"id": "a", "text": "Ada met Bo", "entities": [{"label": "PER", "start": 0, "end": 3}, {"label": "PER", "start": 8, "end": 10}]}
{"id": "b", "text": "Cy left", "entities": [{"label": "PER", "start": 0, "end": 2}]}
{"id": "c", "text": "Di stays", "entities": []}
"""  # noqa: E501
PLAIN_SAID = """\
{"id": "a", "text": "Ada met Bo", "entities": [{"label": "PER", "start": 0, "end": 3}, {"label": "PER", "start": 0, "end": 3}]}
{"id": "b", "text": "Cy left", "entities": [{"label": "PER", "start": 0, "end": 2}, {"label": "ORG", "start": 3, "end": 7}, {"label": "PER", "start": 0, "end": 2}]}
{"id": "c", "text": "Di stays", "entities": [{"label": "PER", "start": 0, "end": 2}]}
"""  # noqa: E501


@pytest.fixture
def files(tmp_path):
    (tmp_path / "gold.jsonl").write_text(PLAIN)
    (tmp_path / "said.jsonl").write_text(PLAIN_SAID)
    return tmp_path / "gold.jsonl", tmp_path / "said.jsonl"


def test_copies_in_plain_files_are_wrong_in_each_document(files):
    scores = score(*files, "entities/strict")["entities/strict"]

    assert [(id, row.tp, row.gold, row.predicted) for id, row in scores.by_document()] == [
        ("a", 1, 2, 2),
        ("b", 1, 1, 3),
        ("c", 0, 0, 1),
    ]
    assert scores.counts.set_aside["duplicate"] == 2


def test_pairs_of_plain_files_have_their_words(files):
    found = score(*files, "entities/strict").pairs("entities/strict")

    assert [(pair.document, pair.kind, (pair.gold or pair.predicted).text) for pair in found] == [
        ("a", "correct", "Ada"),
        ("a", "duplicate", "Ada"),
        ("a", "missing", "Bo"),
        ("b", "correct", "Cy"),
        ("b", "duplicate", "Cy"),
        ("b", "spurious", "left"),
        ("c", "spurious", "Di"),
    ]


def test_plain_documents_are_let_go_once_their_entities_are_numbers():
    chunk = DocumentBatch([marked("[Ada|PER] wrote", id="a"), marked("Bo", id="b")])
    chunk.contiguous_only = True

    builder = BlockBuilder(LAYERS["entities"], "entities", Vocabulary(), None, ({}, {}))
    builder.add(chunk, chunk)

    assert builder.documents == (
        [DocumentRef("a", 9), DocumentRef("b", 2)],
        [DocumentRef("a", 9), DocumentRef("b", 2)],
    )
    assert len(builder) == 2


def test_a_side_of_which_nothing_is_set_aside_has_no_copies_and_nothing_without_a_place():
    builder = BlockBuilder(LAYERS["entities"], "entities", Vocabulary(), None, ({}, {}))
    builder.add(
        [marked("[Ada|A] met [Bo|B]")],
        [Document("d0", "Ada met Bo", [Entity("A", 0, 3), Entity("A", 0, 3)])],
    )

    block = builder.block()

    for side in (block.gold, block.predicted):
        assert side.unplaced.shape == (0, 3)
        assert side.unplaced.dtype == np.int64
    assert (len(block.gold.duplicates), block.gold.copies_unit.tolist()) == (0, [])
    assert (len(block.predicted.duplicates), block.predicted.copies_unit.tolist()) == (1, [0])


def test_a_gold_side_of_which_some_is_set_aside_has_nothing_without_a_place():
    zoned = Document("d", TEXT, [Entity("A", 0, 3), Entity("A", 20, 23)], zones=[Zone("in", 0, 9)])
    builder = BlockBuilder(
        LAYERS["entities"], "entities", Vocabulary(), frozenset({"in"}), ({}, {})
    )
    builder.add([zoned], [zoned])

    block = builder.block()

    assert (block.gold.unplaced.shape, block.gold.unplaced.dtype) == ((0, 3), np.int64)
    assert (len(block.gold.columns), len(block.gold.duplicates)) == (1, 0)


def test_a_block_of_bare_columns_has_copies_on_the_predicted_side_alone():
    gold, said, again = (
        columns((0, 0, 0, 0, 3, 0), (0, 0, 0, 5, 8, 0)),
        columns((0, 0, 0, 0, 2, 0)),
        columns((0, 0, 0, 0, 2, 0)),
    )

    block = block_from_arrays(
        gold,
        said,
        again,
        document_layout(["a"], np.zeros(1, np.int64)),
        SharedEncoding(Vocabulary({"A": 0})),
    )

    assert (dict(block.gold.set_aside), dict(block.predicted.set_aside)) == ({}, {"duplicate": 1})
    assert (block.gold.duplicates.start.tolist(), block.gold.copies_unit.tolist()) == ([], [])
    assert [
        (side.unplaced.shape, side.unplaced.dtype) for side in (block.gold, block.predicted)
    ] == [((0, 3), np.int64)] * 2
    assert block.count_cells("strict").tolist() == [
        [0],
        [0],
        [2],
        [2],
        [0],
        [0],
        [0],
        [0],
        [1],
        [1],
    ]
    assert block.count_cells("strict", wrong=False).tolist() == [
        [0],
        [0],
        [2],
        [2],
        [0],
        [0],
        [0],
        [0],
        [0],
        [0],
    ]


# Rows and columns.


def test_rows_that_come_in_pieces_stand_one_after_the_other():
    rows = ItemArrayBuilder(SharedEncoding(Vocabulary()))

    rows.add(Items([1, 1], ["A", "B"], [Span(0, 3), Span(0, 9, ((0, 3), (5, 9)))], ["h", "i"]))
    rows.add(Items([0, 2], ["B", "A"], [Span(1, 2), Span(0, 9, ((0, 3), (5, 9)))], ["i", "j"]))

    found = rows.columns(np.array([0, 10, 20, 30]))
    assert found.document.tolist() == [0, 1, 3, 3]
    assert (found.label.tolist(), found.head.tolist()) == ([0, 1, 1, 0], [0, 1, 1, 2])
    assert (found.start.tolist(), found.end.tolist()) == ([0, 10, 31, 30], [3, 19, 32, 39])
    assert found.fragments.tolist() == [0, 1, 0, 2]


def test_placed_rows_that_come_in_pieces_stand_one_after_the_other():
    one = Document("a", TEXT, [Entity("A", 0, 3), broken("B", (0, 3), (5, 9))])
    two = Document("b", TEXT, [Entity("B", 1, 2), broken("A", (0, 3), (5, 9)), Entity("A", 4, 5)])
    coding = SharedEncoding(Vocabulary({"A": 0, "B": 1}))
    rows = ItemArrayBuilder(coding)

    rows.add_placed(entity_arrays([one]))
    rows.add_placed(entity_arrays([two]))
    rows.add_placed(entity_arrays([one]))

    found = rows.columns(np.array([0, 100, 200]))
    assert found.document.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert [list(coding.labels)[label] for label in found.label] == [
        "A",
        "B",
        "B",
        "A",
        "A",
        "A",
        "B",
    ]
    assert (found.start.tolist(), found.end.tolist()) == (
        [0, 0, 101, 100, 104, 200, 200],
        [3, 9, 102, 109, 105, 203, 209],
    )
    assert found.fragments.tolist() == [0, 1, 0, 2, 0, 0, 3]
    assert coding.pieces == [
        (),
        ((0, 3), (5, 9)),
        ((100, 103), (105, 109)),
        ((200, 203), (205, 209)),
    ]


def test_columns_are_whole_numbers_of_64_bits():
    rows = ItemArrayBuilder(SharedEncoding(Vocabulary()))
    rows.add(Items([1], ["A"], [Span(0, 3)]))

    found = rows.columns(np.zeros(1, np.int64))

    assert {
        getattr(found, name).dtype
        for name in ("document", "label", "head", "start", "end", "fragments")
    } == {np.dtype(np.int64)}


def test_the_parts_of_a_span_lie_where_its_document_lies():
    coding = SharedEncoding(Vocabulary())

    code = coding.shape(SyntheticSpan(0, 9, ((0, 3), (5, 9)), (None, ((0, 3),), ((5, 9),))), 100)

    assert code == 1
    assert coding.pieces == [(), ((100, 103), (105, 109))]
    assert coding.parts == [(), (None, ((100, 103),), ((105, 109),))]


def test_keys_are_in_the_order_of_their_columns():
    found = combine_keys(np.array([1, 0, 1, 0]), np.array([0, 7, 3, 2]))

    assert found.order().tolist() == [3, 1, 0, 2]


def test_keys_that_leave_no_room_for_their_row_are_put_in_order_all_the_same():
    found = combine_keys(np.array([2**60, 1] * 100))

    assert found.order().tolist() == [*range(1, 200, 2), *range(0, 200, 2)]
    assert found.order().dtype == np.int64


def test_a_key_takes_the_bits_of_its_columns_and_no_more():
    bits = [combine_keys(np.array(column)).bits for column in ([0, 0], [1, 0], [5, 0])]

    assert bits == [0, 1, 3]
    assert combine_keys(np.array([0, 0]), np.array([1, 0]), np.array([5, 7])).bits == 4


def test_columns_of_62_bits_stand_side_by_side():
    found = combine_keys(np.array([2**31 - 1, 0, 1]), np.array([2**30, 3, 0]))

    assert found.key.tolist() == [(2**31 - 1) * 2**31 + 2**30, 3, 2**31]
    assert found.bits == 62


@pytest.mark.parametrize(
    ("head", "last", "start", "end"),
    [
        (5, 20, [0, 55], [2, 65]),
        # 2**62 and more: groups are counted; just below: they stand where their numbers put them.
        (2**31 - 1, 2**31 + 9, [0, 2**31], [2, 2**32 - 1]),
        (2**31 - 2, 2**31 + 9, [0, (2**31 - 2) * 2**31], [2, (2**31 - 1) * 2**31 - 1]),
        (2**31 - 1, 2**31 + 8, [0, (2**31 - 1) ** 2], [2, 2**31 * (2**31 - 1) - 1]),
        # So with two groups: 2**62 and more: offsets are counted.
        (1, 2**61 + 9, [0, 5], [1, 7]),
        (1, 2**61 + 8, [0, 2**61 - 1], [2, 2**62 - 3]),
    ],
)
def test_groups_stand_side_by_side_while_62_bits_hold_them_and_closer_where_they_do_not(
    head, last, start, end
):
    both = columns((0, 0, 0, 10, 12, 0), (0, 0, head, 10, last, 0))

    line = flatten_groups(both, None, np.arange(2))

    assert (line.start.tolist(), line.end.tolist()) == (start, end)


def test_only_documents_with_equal_rows_are_looked_at_annotation_by_annotation():
    looked = []
    layer = replace(
        LAYERS["entities"], owners=lambda document: looked.append(document.id) or range(2)
    )
    builder = BlockBuilder(layer, "entities", Vocabulary(), None, ({}, {}))
    documents = [
        marked("[Ada|A] met [Bo|A]", id="a"),
        Document("b", "Ada", [Entity("A", 0, 3), Entity("A", 0, 3)]),
    ]

    builder.add(documents, documents)
    builder.block()

    assert looked == ["b", "b"]


@pytest.mark.parametrize("units", [2, 1000])
@pytest.mark.parametrize("weights", [None, np.array([1, 1, 1])])
def test_sums_are_whole_numbers(units, weights):
    totals = CellCounter(units, 2)

    totals.add(PREDICTED, np.array([0, 3, 3]), weights)

    assert totals.cells()[:4].tolist() == [[0, 1], [0, 1], [0, 0], [1, 2]]


@pytest.mark.parametrize("metric", ["entities/strict", "entities/partial", "entities/type"])
def test_spans_of_neighboring_documents_do_not_meet(metric):
    spans = [[(0, 3, "A")], [], [(0, 1, "A"), (2, 3, "A")], []]

    scores = score_spans(spans, [spans[-1], *spans[:-1]], metric)[metric]

    assert (scores.micro.tp, scores.micro.fp, scores.micro.fn) == (0, 3, 3)
    assert [name for name, _ in scores.by_document()] == ["0", "1", "2", "3"]
