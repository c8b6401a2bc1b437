"""Values that must never move: mixes, messages and the layout of results, written out."""

import json

import numpy as np
import pytest

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Scores,
    Zone,
    score,
    score_spans,
    score_tags,
)
from evalkit.results.metadata import CorpusInfo
from evalkit.scoring.columns import hash_columns, splitmix64
from evalkit.scoring.metrics import all_metrics

GOLDEN = 0x9E3779B97F4A7C15
MASK = 2**64 - 1


REPAIR_ADVICE = (
    'correct them, or choose a tag repair: repair="discard" (drops entities with an invalid tag),'
    " begin (starts an entity at an invalid I-) or conlleval (reads tags as the CoNLL script does)"
)


def mix_by_loops(value):
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def test_the_mix_is_that_of_splitmix64():
    """The first outputs of SplitMix64 seeded with 0, as published with its reference
    implementation.
    """
    states = np.array([GOLDEN, 2 * GOLDEN & MASK, 3 * GOLDEN & MASK], np.uint64)

    assert [hex(value) for value in splitmix64(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_columns_are_mixed_one_after_the_other():
    columns = [
        np.array([0, 1, 5, 2**40], np.int64),
        np.array([7, 7, 0, 3], np.int64),
        np.array([2**63 - 1, 1, 2, 3], np.uint64),
    ]

    expected = []
    for row in zip(*(column.tolist() for column in columns), strict=True):
        found = 0
        for n, value in enumerate(row, start=1):
            found = mix_by_loops((found + value + GOLDEN * n) & MASK)
        expected.append(found)
    assert hash_columns(*columns).tolist() == expected


def test_every_metric_is_offered_once_in_the_order_of_the_layers():
    assert [str(metric) for metric in all_metrics()] == [
        *(
            f"{layer}/{scheme}"
            for layer in (
                "entities",
                "triggers",
                "arguments",
                "attached-arguments",
                "realis",
                "attributions",
                "attached-attributions",
            )
            for scheme in (
                *("strict", "exact", "partial", "type", "characters"),
                *(("head", "coref") if layer.endswith("arguments") else ()),
            )
        ),
        "attribution-relations/strict",
        "attribution-relations/type",
        "relations/strict",
        "relations/boundaries",
        "relations/exact",
        "relations/type",
        "tokens/strict",
        "tokens/exact",
        "surfaces/strict",
        "surfaces/multiset",
        "links/strict",
        "links/type",
        "links/mention-free",
        "links/in-kb",
        "speakers/strict",
        "speakers/type",
    ]


ZONES = [Zone("body", 0, 10)]
GOLD = Corpus(
    [
        Document("d", "Ada met Bo", [Entity("PER", 0, 3), Entity("PER", 8, 10)], zones=ZONES),
        Document("e", "Rome", [Entity("LOC", 0, 4)]),
    ],
    name="gold",
)
SAID = Corpus(
    [
        Document("d", "Ada met Bo", [Entity("PER", 0, 3), Entity("ORG", 7, 10)], zones=ZONES),
        Document("e", "Rome", []),
    ],
    name="said",
)


def test_a_result_holds_counts_by_unit_and_label():
    data = json.loads(score(GOLD, SAID, ["entities/partial", "entities/strict"]).to_json())

    assert data["counts"]["entities/partial"] == {
        "labels": ["LOC", "ORG", "PER"],
        "cells_per_unit": [0, 2, 1],
        "label": [1, 2, 0],
        "gold": [0, 2, 1],
        "predicted": [1, 1, 0],
        "found": [0, 1, 0],
        "found_half": [0, 1, 0],
        "tp": [0, 1, 0],
        "tp_half": [1, 0, 0],
    }
    assert data["documents"] == ["d", "e"]
    assert data["units"] == {
        "entities": {
            "scored": 2,
            "document": [0, 0, 1],
            "zone": [None, "body", None],
        }
    }
    assert data["counts"]["entities/strict"] == {
        "labels": ["LOC", "ORG", "PER"],
        "cells_per_unit": [0, 2, 1],
        "label": [1, 2, 0],
        "gold": [0, 2, 1],
        "predicted": [1, 1, 0],
        "found": [0, 1, 0],
        "tp": [0, 1, 0],
        "wrong_gold": [0, 1, 0],
        "wrong_predicted": [1, 0, 0],
    }
    assert (data["schema_version"], data["model"], data["corpus"], data["failures"]) == (
        4,
        "said",
        {"name": "gold", "documents": 2},
        {},
    )
    assert data["intervals"] == {
        "method": "t on the logit, delete-one jackknife",
        "units": "documents",
        "requested_units": "auto",
        "boot": 1000,
        "seed": 12345,
        "level": 0.95,
        "documents": 2,
    }
    assert list(data) == [
        "schema_version",
        "model",
        "corpus",
        "options",
        "versions",
        "failures",
        "unplaced",
        "layers",
        "unscored_documents",
        "missing_documents",
        "unmapped_labels",
        "unused_labels",
        "conversion",
        "span_edges",
        "warnings",
        "intervals",
        "signature",
        "digests",
        "set_aside",
        "rows",
        "documents",
        "units",
        "counts",
    ]


def test_a_result_comes_back_as_it_was():
    scores = score(GOLD, SAID)
    again = Scores.from_json(scores.to_json())

    assert again.metadata == scores.metadata
    assert "entities/strict" in again
    assert "tokens/strict" not in again
    assert len(again) == 4
    assert [dict(again[metric].counts.set_aside) for metric in again] == [
        dict(scores[metric].counts.set_aside) for metric in scores
    ]
    assert dict(again["ner"].by_zone()) == dict(scores["ner"].by_zone())
    assert again.to_json() == scores.to_json()
    assert str(again) == str(scores)
    assert {row.average for _, row in scores["ner"].by_document()} == {"micro"}
    assert [(zone, row.gold) for zone, row in scores["ner"].by_zone()] == [("body", 2), ("", 1)]


def test_tables_hold_no_counts_of_units():
    scores = score(GOLD, SAID)

    assert "cells" not in str(scores)
    assert scores.render() == str(scores)
    assert scores.to_markdown() == scores.render("markdown")
    assert scores.to_csv() == scores.render("csv")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda d: d.__setitem__("schema_version", 99),
            ("schema version 99: this evalkit reads versions 3 and 4; score the predictions again"),
        ),
        (
            lambda d: d["units"]["entities"]["document"].__setitem__(0, 2),
            "units: entities: a document that is not listed",
        ),
        (
            lambda d: d["units"]["entities"]["zone"].pop(),
            "units: entities: 2 values in a column, expected 3",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["cells_per_unit"].append(0),
            "entities/strict: cells_per_unit: 4 values, expected 3",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["cells_per_unit"].__setitem__(0, -1),
            "not a result of evalkit: Expected 'int' >= 0 - at '$.counts[...].cells_per_unit[0]'",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["cells_per_unit"].__setitem__(0, 1),
            "entities/strict: label: 3 values, expected 4",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["label"].__setitem__(0, 3),
            "entities/strict: a count of a unit or label that is not listed",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["label"].__setitem__(0, -1),
            "not a result of evalkit: Expected 'int' >= 0 - at '$.counts[...].label[0]'",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["found"].__setitem__(1, 3),
            "entities/strict: invalid counts: more items are matched than there are",
        ),
        (
            lambda d: d["counts"]["entities/strict"].update(found_half=[0, 2, 0]),
            "entities/strict: invalid counts: more items are matched than there are",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["wrong_gold"].__setitem__(1, 2),
            "entities/strict: invalid counts: more items are matched than there are",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["wrong_predicted"].__setitem__(0, 2),
            "entities/strict: invalid counts: more items are matched than there are",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["tp"].append(1),
            "entities/strict: tp: 4 values, expected 3",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["gold"].__setitem__(0, -1),
            "not a result of evalkit: Expected 'int' >= 0 - at '$.counts[...].gold[0]'",
        ),
        (
            lambda d: d.pop("counts"),
            "not a result of evalkit: Object missing required field 'counts'",
        ),
    ],
)
def test_a_result_that_cannot_be_is_refused_in_these_words(spoil, message):
    data = json.loads(score(GOLD, SAID).to_json())
    spoil(data)

    with pytest.raises(InputError) as error:
        Scores.from_json(json.dumps(data))

    assert str(error.value) == message


SPANS = [
    ([(0, 1, "A"), (2, 2**62 - 1, "B"), (3, 3, "C"), (4, 5, "D")], "(3, 3, 'C')"),
    ([(0, 1, "A"), (2, 3, "B"), (3, "4", "C"), (4, 5, "D")], "(3, '4', 'C')"),
    ([(0, 1, "A"), ("2", 3, "B"), (3, 4, "C")], "('2', 3, 'B')"),
    ([(0, 1, "A"), (1, 2, 7), (3, 3.5, "C")], "(1, 2, 7)"),
    ([(0, 1, "A"), (1.5, 2, "B")], "(1.5, 2, 'B')"),
    ([(0, 1, "A"), (5, 5, "B"), None], "(5, 5, 'B')"),
    ([(0, 1, "A"), (0, 2**62, "B"), None], "(0, 4611686018427387904, 'B')"),
    ([(0, 1, "A"), (-1, 2, "B"), None], "(-1, 2, 'B')"),
    ([(0, 1, "A"), None, (3, 3, "B")], "None"),
    ([(0, 1, "A"), (1, 2.0, "B")], "(1, 2.0, 'B')"),
    ([(0, 1, "A"), (1, 2, None)], "(1, 2, None)"),
    ([(0, 1, "A"), "abc"], "'abc'"),
]


@pytest.mark.parametrize(("spans", "first"), SPANS)
def test_the_first_span_that_is_none_is_told_with_its_document(spans, first):
    for side, sides in (("gold", ([[], spans], [[], []])), ("predicted", ([[], []], [[], spans]))):
        with pytest.raises(InputError) as error:
            score_spans(*sides)

        assert (
            str(error.value)
            == f"{side}, document 1: invalid span {first}: expected (start, end, label) with 0 <="
            " start < end < 2**62"
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: score_spans([[]], []),
            "1 lists of spans of gold, 0 predicted: each must have its counterpart",
        ),
        (
            lambda: score_tags([["O"]], []),
            "1 sequences of gold, 0 predicted: each must have its counterpart",
        ),
        (
            lambda: score_spans("ab", [[]]),
            "invalid value 'ab': expected a list of lists of spans, one for each document",
        ),
        (
            lambda: score_tags(["O"], [["O"]]),
            "invalid value ['O']: expected a list of sequences, one for each document",
        ),
        (
            lambda: score_tags([["O", "O"]], [["O"]]),
            (
                "sequence 0: 2 tags of gold, 1 predicted; both sides need one tag for each token:"
                " tokenize them alike, or align the tokens and compare spans of characters with"
                " score_spans"
            ),
        ),
        (
            lambda: score_tags([[None]], [["O"]]),
            "gold tags: invalid tag None: expected a string such as 'B-PER' or 'O'",
        ),
        (
            lambda: score_tags([["O"]], [[7]]),
            "predicted tags: invalid tag 7: expected a string such as 'B-PER' or 'O'",
        ),
        (
            lambda: score_tags([["O"]], [["X\n"]]),
            "predicted tags: invalid IOB2 tag 'X\\n': expected O, B-LABEL or I-LABEL",
        ),
        (
            lambda: score_tags([["X"]], [["O"]], tagging="BIOES"),
            "gold tags: invalid BIOES tag 'X': expected O, B-LABEL, I-LABEL, E-LABEL or S-LABEL",
        ),
        (
            lambda: score_tags([["O", "I-A"]], [["O", "O"]]),
            (
                "gold tags: sequence 0, token 1: 'I-A' is preceded by 'O', which is invalid IOB2:"
                f" B-A or I-A is expected before it; {REPAIR_ADVICE}"
            ),
        ),
        (
            lambda: score_tags([["I-A"]], [["O"]]),
            (
                "gold tags: sequence 0, token 0: 'I-A' begins the sentence, which is invalid IOB2:"
                f" B-A or I-A is expected before it; {REPAIR_ADVICE}"
            ),
        ),
        (
            lambda: score_tags([["B-B", "B-A", "I-B"]], [["O"] * 3]),
            (
                "gold tags: sequence 0, token 2: 'I-B' is preceded by 'B-A', which is invalid IOB2:"
                f" B-B or I-B is expected before it; {REPAIR_ADVICE}"
            ),
        ),
        (
            lambda: score_spans([[], [(1, 2, "A"), (3, 4, "B"), (3, 4, "B")]], [[], []]),
            "gold, document 1: duplicate span (3, 4, 'B'); delete one of the two",
        ),
        (
            lambda: score_tags([[]], [[]], metrics="tri-c"),
            (
                "triggers/strict: tags are scored as entities and tokens, and have no characters;"
                " expected entities/strict, exact, partial, type or iou:T, or tokens/strict or"
                " exact"
            ),
        ),
    ],
)
def test_mistakes_in_tags_and_spans_are_answered_in_these_words(call, message):
    with pytest.raises(InputError) as error:
        call()

    assert str(error.value) == message


def test_a_mistake_far_down_is_told_with_its_place():
    gold = [["O"]] * 3000
    said = [*gold[:2500], ["I-A"], *gold[2501:]]

    with pytest.raises(
        InputError, match="predicted tags: sequence 2500, token 0: 'I-A' begins the sentence"
    ):
        score_tags(gold, said)
    with pytest.raises(InputError, match="predicted, document 2500: "):
        score_spans([[]] * 3000, [[]] * 2500 + [[(3, 3, "A")]] + [[]] * 499)
    with pytest.raises(InputError, match="sequence 2500: 1 tags of gold, 2 predicted"):
        score_tags(gold, [*gold[:2500], ["O", "O"], *gold[2501:]])
    with pytest.raises(InputError, match=r"gold, document 2500: duplicate span \(1, 2, 'A'\)"):
        score_spans([[(0, 1, "A")]] * 2500 + [[(1, 2, "A"), (1, 2, "A")]], [[]] * 2501)


def test_signatures_of_tags_and_spans():
    tags = score_tags([["B-A"], ["O"]], [["B-A"], ["O"]], tagging="IOB1", repair="begin")["ner"]
    spans = score_spans([[(0, 1, "A")]], [[]])["ner"]

    assert tags.signature.split("|")[1:] == [
        "docs:2/2",
        "metric:entities/strict",
        "macro:union",
        "duplicates:error",
        "units:documents",
        "interval:jackknife-t",
        "level:0.95",
        "read:gold=documents:sentence+repair:begin+tagging:IOB1,"
        "predicted=repair:begin+tagging:IOB1",
    ]
    assert spans.signature.split("|")[1:] == [
        "docs:1/1",
        "metric:entities/strict",
        "macro:union",
        "duplicates:error",
        "units:documents",
        "interval:jackknife-t",
        "level:0.95",
    ]
    assert [name for name, _ in tags.by_document()] == ["0", "1"]
    assert score_tags([["B-A"]], [["O"]]).metadata.corpus == CorpusInfo("gold", 1)
    assert score_spans([[(0, 1, "A")]], [[]]).metadata.model == "predictions"
