"""Scores from tags and from bare spans, for people who have no documents."""

import random

import numpy as np
import pytest

from evalkit import InputError, score_spans, score_tags

PROPER = {
    "IOB2": (
        ["O", "B-A", "I-A", "B-A", "B-B", "I-B", "O"],
        [(1, 3, "A"), (3, 4, "A"), (4, 6, "B")],
    ),
    "IOB1": (
        ["O", "I-A", "I-A", "B-A", "I-B", "I-B", "O"],
        [(1, 3, "A"), (3, 4, "A"), (4, 6, "B")],
    ),
    "BIOES": (
        ["O", "B-A", "E-A", "S-A", "B-B", "I-B", "E-B"],
        [(1, 3, "A"), (3, 4, "A"), (4, 7, "B")],
    ),
    "BILOU": (
        ["O", "B-A", "L-A", "U-A", "B-B", "I-B", "L-B"],
        [(1, 3, "A"), (3, 4, "A"), (4, 7, "B")],
    ),
}
IMPROPER = [  # tagging, tags, which token, what each repair makes of them
    ("IOB2", ["I-A", "I-A", "O"], 0, {"begin": [(0, 2, "A")], "discard": []}),
    (
        "IOB2",
        ["B-A", "I-B", "I-B"],
        1,
        {"begin": [(0, 1, "A"), (1, 3, "B")], "discard": [(0, 1, "A")]},
    ),
    (
        "IOB1",
        ["I-A", "O", "B-A"],
        2,
        {"begin": [(0, 1, "A"), (2, 3, "A")], "discard": [(0, 1, "A")]},
    ),
    (
        "IOB1",
        ["I-B", "B-A", "O"],
        1,
        {"begin": [(0, 1, "B"), (1, 2, "A")], "discard": [(0, 1, "B")]},
    ),
    ("IOB1", ["B-A", "I-A", "O"], 0, {"begin": [(0, 2, "A")], "discard": []}),
    (
        "BIOES",
        ["B-A", "O", "S-B"],
        0,
        {"begin": [(0, 1, "A"), (2, 3, "B")], "discard": [(2, 3, "B")]},
    ),
    ("BIOES", ["O", "E-A", "E-A"], 1, {"begin": [(1, 2, "A"), (2, 3, "A")], "discard": []}),
    ("BIOES", ["B-A", "I-A", "B-A"], 1, {"begin": [(0, 2, "A"), (2, 3, "A")], "discard": []}),
    (
        "BILOU",
        ["U-A", "L-A", "O"],
        1,
        {"begin": [(0, 1, "A"), (1, 2, "A")], "discard": [(0, 1, "A")]},
    ),
    ("BILOU", ["B-A", "L-B", "O"], 0, {"begin": [(0, 1, "A"), (1, 2, "B")], "discard": []}),
]


def spans_said(tags, length, **options):
    """Each span that the tags are taken to say, found by asking for it: scored against every single
    span there could be.
    """
    found = []
    for start in range(length):
        for end in range(start + 1, length + 1):
            for label in "AB":
                gold = ["O"] * length
                gold[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
                told = written(gold, options.get("tagging", "IOB2"))
                if score_tags([told], [tags], **options)["ner"].micro.tp:
                    found.append((start, end, label))
    return sorted(found)


def written(tags, tagging):
    """IOB2 tags of one span under another tagging."""
    if tagging == "IOB2":
        return tags
    there = [n for n, tag in enumerate(tags) if tag != "O"]
    label = tags[there[0]][2:]
    if tagging == "IOB1":
        return [tag if tag == "O" else f"I-{label}" for tag in tags]
    single, last = ("S", "E") if tagging == "BIOES" else ("U", "L")
    letters = [single] if len(there) == 1 else ["B", *"I" * (len(there) - 2), last]
    return [f"{letters[n - there[0]]}-{label}" if n in there else "O" for n in range(len(tags))]


@pytest.mark.parametrize("tagging", PROPER)
def test_proper_tags_say_their_spans(tagging):
    tags, spans = PROPER[tagging]

    assert spans_said(tags, len(tags), tagging=tagging) == spans


@pytest.mark.parametrize(("tagging", "tags", "at", "spans"), IMPROPER)
def test_improper_tags_are_an_error_or_repaired_as_named(tagging, tags, at, spans):
    with pytest.raises(
        InputError,
        match=(
            rf"predicted tags: sequence 1, token {at}: '{tags[at]}' .*, which is invalid {tagging}:"
            r" .* is expected.*; correct them, or choose a tag repair: repair=\"discard\" .*, begin"
            r" .* or conlleval .*$"
        ),
    ):
        score_tags([["O"], ["O", "O", "O"]], [["O"], tags], tagging=tagging)
    for repair, expected in spans.items():
        assert spans_said(tags, 3, tagging=tagging, repair=repair) == expected
    assert spans_said(tags, 3, tagging=tagging, repair="conlleval") == spans["begin"]


def test_what_was_repaired_is_counted_and_signed():
    scores = score_tags([["B-A", "O"], ["O", "O"]], [["I-A", "O"], ["I-A", "B-B"]], repair="begin")[
        "ner"
    ]

    assert (
        scores.counts.set_aside["gold_repaired"],
        scores.counts.set_aside["predicted_repaired"],
    ) == (0, 2)
    assert scores.signature.endswith(
        "|read:gold=documents:sentence+repair:begin,predicted=repair:begin"
    )
    assert "Set aside, invalid predicted tags, repaired as the signature says: 2 (entities)" in str(
        score_tags([["B-A"], ["O"]], [["I-A"], ["I-A"]], repair="begin")
    )


@pytest.mark.parametrize(
    ("tag", "tagging"),
    [
        ("X", "IOB2"),
        ("B-", "IOB2"),
        ("o", "IOB2"),
        ("E-A", "IOB2"),
        ("", "IOB2"),
        ("U-A", "BIOES"),
        ("b-A", "IOB2"),
        ("B_A", "IOB2"),
        ("B-A\nO", "BIOES-"),
        (None, "IOB2"),
        (7, "IOB2"),
    ],
)
def test_what_is_no_tag_is_refused(tag, tagging):
    with pytest.raises(
        InputError,
        match="invalid .*tag|unknown tagging 'BIOES-'; expected one of: IOB2, IOB1, IOE2",
    ):
        score_tags([["O"]], [[tag]], tagging=tagging)


@pytest.mark.parametrize(
    ("gold", "said", "message"),
    [
        ([["O"]], [], "1 sequences of gold, 0 predicted"),
        ([["O"], ["O"]], [["O"], ["O", "O"]], "sequence 1: 1 tags of gold, 2 predicted"),
        (["O", "O"], ["O", "O"], "expected a list of sequences"),
        ("O", "O", "expected a list of sequences"),
    ],
)
def test_sequences_that_do_not_pair_up_are_refused(gold, said, message):
    with pytest.raises(InputError, match=message):
        score_tags(gold, said)


def test_long_hostile_and_foreign_labels_are_labels():
    labels = ["WORK_OF_ART_AND_MORE", "é", "組織", "a-b", "A", "A\x00B", "x" * 300, "O"]
    tags = [[f"B-{label}", f"I-{label}", "O"] for label in labels]

    scores = score_tags(tags, tags)["ner"]

    assert list(scores.labels) == sorted(labels)
    assert scores.micro.f1 == 1.0
    assert score_tags([["B-a\nb", "O"]], [["B-a\nb", "O"]])["ner"]["a\nb"].tp == 1


def test_labels_of_any_length_and_script_are_counted():
    labels = [
        "A",
        "AB",
        "ABCDEF",
        "ABCDEFG",
        "ABCDEFGH",
        "ABCDEFGHIJKLMN",
        "ABCDEFGHIJKLM",
        "OO",
        "O",
        "BA",
        "组",
    ]
    rows = [
        [tag for label in labels[: n % 12] for tag in (f"B-{label}", f"I-{label}", "O")]
        for n in range(300)
    ]

    scores = score_tags(rows, rows)["ner"]

    assert {label: scores[label].tp for label in scores.labels} == {
        label: sum(n % 12 > k for n in range(300)) for k, label in enumerate(labels)
    }
    assert scores.micro.f1 == 1.0


@pytest.mark.parametrize(
    "row",
    [
        ["B-A", "I-A", "O", "B-ABCDEFGHIJKLMNO", "O"],
        ["B-A", "B-x\0y"],
        ["B-x\ny", "O", "B-A"],
    ],
)
def test_labels_with_line_feeds_and_zeros_are_read(row):
    scores = score_tags([row], [row])["ner"]

    assert set(scores.labels) == {tag[2:] for tag in row if tag != "O"}
    assert scores.micro.tp == sum(tag.startswith("B-") for tag in row)


def test_a_label_of_any_length_beside_others_is_told_apart():
    rows = [[f"B-{'x' * n}", "O"] for n in range(1, 40)]
    shifted = [*rows[1:], rows[0]]

    scores = score_tags(rows, shifted)["ner"]

    assert scores.micro.tp == 0
    assert all(scores[label].gold == scores[label].predicted == 1 for label in scores.labels)
    assert len(scores.labels) == 39


def test_an_unknown_repair_or_tagging_is_answered_with_the_known_ones():
    with pytest.raises(InputError) as error:
        score_tags([["O"]], [["O"]], repair="begn")
    assert (
        str(error.value)
        == "unknown repair 'begn'; expected one of: error, discard, begin, conlleval; did you mean"
        " 'begin'?"
    )
    with pytest.raises(InputError) as error:
        score_tags([["O"]], [["O"]], tagging="IOB")
    assert (
        str(error.value)
        == "unknown tagging 'IOB'; expected one of: IOB2, IOB1, IOE2, IOE1, IO, BIOES, BILOU,"
        " BMES, bare, suffix; did you mean 'IOB2'?"
    )


def test_empty_sequences_and_none_at_all():
    assert score_tags([[], ["B-A"], []], [[], ["B-A"], []])["ner"].micro.f1 == 1.0
    assert score_tags([], [])["ner"].micro.f1 is None
    assert score_spans([], [])["ner"].micro.f1 is None


def test_more_labels_than_a_byte_can_tell_apart():
    tags = [[f"B-L{n}"] for n in range(1000)]

    assert score_tags(tags, tags)["ner"].micro.tp == 1000


def test_tags_score_as_their_spans_do_over_many_blocks():
    draw = random.Random(5)
    gold = [
        [draw.choice(["O", "B-A", "B-B"]) for _ in range(draw.randrange(9))] for _ in range(2500)
    ]
    said = [
        [tag if draw.random() < 0.8 else draw.choice(["O", "B-A", "B-B"]) for tag in row]
        for row in gold
    ]

    def spans(rows):
        return [[(n, n + 1, tag[2:]) for n, tag in enumerate(row) if tag != "O"] for row in rows]

    for scheme in ("strict", "exact", "partial", "type"):
        tags, bare = (
            scored[f"entities/{scheme}"]
            for scored in (
                score_tags(gold, said, metrics=f"entities/{scheme}"),
                score_spans(spans(gold), spans(said), f"entities/{scheme}"),
            )
        )
        assert tags.rows() == bare.rows()
        assert list(tags.by_document()) == list(bare.by_document())
        assert tags.muc == bare.muc


def test_bare_spans_need_no_text():
    scores = score_spans(
        [[(0, 3, "A"), (5, 9, "B")], []],
        [[(0, 3, "A"), (5, 8, "B")], [(1, 2, "A")]],
        ["ner", "entities/type", "entities/characters"],
    )

    assert (scores["ner"].micro.tp, scores["ner"].micro.predicted) == (1, 3)
    assert scores["entities/type"].micro.tp == 2
    assert (
        scores["entities/characters"].micro.tp,
        scores["entities/characters"].micro.gold,
        scores["entities/characters"].micro.predicted,
    ) == (6, 7, 7)


def test_bare_spans_may_be_numpys():
    spans = [[(np.int64(0), np.int32(3), "A")]]

    assert score_spans(spans, spans)["ner"].micro.tp == 1


def test_a_span_twice_is_wrong_in_a_prediction_and_refused_in_gold():
    scores = score_spans([[(0, 3, "A")]], [[(0, 3, "A"), (0, 3, "A")]])["ner"]

    assert (scores.micro.tp, scores.micro.fp, scores.counts.set_aside["duplicate"]) == (1, 1, 1)
    with pytest.raises(InputError, match=r"gold, document 1: duplicate span \(0, 3, 'A'\)"):
        score_spans([[], [(0, 3, "A"), (0, 3, "A")]], [[], []])


def test_spans_may_be_dicts_as_nervaluate_transformers_and_presidio_give_them():
    triples = [[(0, 3, "A"), (4, 6, "B"), (7, 8, "C")], []]
    dicts = [
        [
            {"label": "A", "start": 0, "end": 3},
            {"entity_group": "B", "start": 4, "end": 6, "score": 0.9, "word": "x"},
            {"entity_type": "C", "start": 7, "end": 8, "score": 0.9},
        ],
        [],
    ]

    assert (
        score_spans(dicts, triples).rows()
        == score_spans(triples, dicts).rows()
        == score_spans(triples, triples).rows()
    )
    for wrong in (
        {"label": "A", "start": 0},
        {"start": 0, "end": 3},
        {"label": 5, "start": 0, "end": 3},
        {"label": "A", "start": 3, "end": 3},
        {},
    ):
        with pytest.raises(InputError, match="predicted, document 0: invalid span"):
            score_spans([[]], [[wrong]])


def test_tokens_of_tags_are_scored_one_by_one():
    scores = score_tags(
        [["B-P", "I-P", "O", "B-L"]],
        [["B-P", "O", "O", "B-P"]],
        metrics="entities/strict,tokens/strict,tokens/exact",
        boot=0,
    )

    assert list(scores) == ["entities/strict", "tokens/strict", "tokens/exact"]
    assert (
        scores["tokens"].micro.tp,
        scores["tokens"].micro.gold,
        scores["tokens"].micro.predicted,
    ) == (1, 3, 2)
    assert scores["tokens/exact"].micro.tp == 2
    assert scores["entities/strict"].micro.tp == 0
    assert scores.confusion("tokens") == {("L", "P"): 1, ("P", "P"): 1, ("P", None): 1}


@pytest.mark.parametrize("seed", range(10))
def test_tokens_of_tags_are_those_of_scikit_learn(seed):
    from sklearn.metrics import precision_recall_fscore_support

    draw = random.Random(seed)
    gold, said = (
        [[draw.choice(["O", "B-A", "B-B"]) for _ in range(20)] for _ in range(30)] for _ in range(2)
    )

    micro = score_tags(gold, said, metrics="tokens", boot=0)["tokens"].micro

    flat = [[tag for tags in side for tag in tags] for side in (gold, said)]
    assert (micro.precision, micro.recall, micro.f1) == pytest.approx(
        precision_recall_fscore_support(*flat, labels=["B-A", "B-B"], average="micro")[:3]
    )


@pytest.mark.parametrize("documents", [3, 1023, 1024, 1025, 2049])
def test_confusion_of_tags_and_spans_is_that_of_plain_loops(documents):
    draw = random.Random(documents)
    gold, said = (
        [
            [(at, at + 2, draw.choice("ABC")) for at in range(0, 12, 4) if draw.random() < 0.7]
            for _ in range(documents)
        ]
        for _ in range(2)
    )
    tagged = [
        [
            [
                f"{'BI'[n]}-{spans[at]}" if at in spans else "O"
                for at in range(0, 12, 4)
                for n in (0, 1)
            ]
            for spans in ({s: label for s, _, label in row} for row in side)
        ]
        for side in (gold, said)
    ]
    expected = {}
    for one, other in zip(gold, said):
        labels = [{start: label for start, _, label in row} for row in (one, other)]
        for start in {*labels[0], *labels[1]}:
            key = labels[0].get(start), labels[1].get(start)
            expected[key] = expected.get(key, 0) + 1

    assert score_spans(gold, said, boot=0).confusion() == expected
    assert score_tags(*tagged, boot=0).confusion() == expected


def test_pairs_of_spans_name_document_and_offsets():
    pair, other = score_spans([[], [(5, 7, "A")]], [[], [(5, 7, "A"), (8, 9, "A")]], boot=0).pairs(
        "ner"
    )

    assert (pair.document, pair.kind, pair.gold[:3], pair.predicted[:3]) == (
        "1",
        "correct",
        ("A", 5, 7),
        ("A", 5, 7),
    )
    assert (other.document, other.kind, other.gold, other.predicted[:3]) == (
        "1",
        "spurious",
        None,
        ("A", 8, 9),
    )


@pytest.mark.parametrize(
    "span",
    [(3, 3, "A"), (-1, 3, "A"), (0, 3), (0, "3", "A"), (0, 3.5, "A"), None, (0, 2**70, "A"), "abc"],
)
def test_what_is_no_span_is_refused(span):
    with pytest.raises(InputError, match="predicted, document 1: invalid span"):
        score_spans([[], []], [[], [(0, 1, "A"), span]])


def test_metrics_that_bare_spans_do_not_have_are_refused():
    with pytest.raises(
        InputError,
        match="triggers/strict: bare spans are scored as entities",
    ):
        score_spans([[]], [[]], "tri-c")
    with pytest.raises(
        InputError,
        match="entities/characters: tags are scored as entities and tokens",
    ):
        score_tags([[]], [[]], metrics="entities/characters")
    for metric, message in (
        ("tokens", "tokens/strict: bare spans are scored as entities"),
        ("attributions", "attributions/strict: bare spans are scored as entities"),
    ):
        with pytest.raises(InputError, match=message):
            score_spans([[]], [[]]).pairs(metric)


@pytest.mark.parametrize("bits", [8, 15, 16, 20, 24, 31, 32, 40, 48, 60])
@pytest.mark.parametrize("scheme", ["strict", "exact", "partial", "type", "characters"])
def test_spans_apart_by_a_power_of_two_never_match(bits, scheme):
    gold = [[(0, 3, "A"), (7, 9, "B")], [(1, 2, "A")]]
    said = [
        [(2**bits, 2**bits + 3, "A"), (2**bits + 7, 2**bits + 9, "B")],
        [(2**bits + 1, 2**bits + 2, "A")],
    ]

    micro = score_spans(gold, said, f"entities/{scheme}")[f"entities/{scheme}"].micro

    assert (micro.tp, micro.gold, micro.predicted) == (
        0,
        *((6, 6) if scheme == "characters" else (3, 3)),
    )
