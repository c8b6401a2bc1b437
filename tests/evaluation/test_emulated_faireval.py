"""FairEval, which cannot be installed, beside its rules in plain loops and worked examples."""

from collections import Counter

import pytest
from helpers.emulated_tags import compare_as_faireval
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, InputError, emulate
from evalkit.data import text

WORDS = "a b c d e f g h i j"
BOUNDARIES = ("BES", "BEL", "BEO")
# TP, FP and FN of each error: the weights that FairEval proposes
WEIGHTS = {
    "TP": (1, 0, 0),
    "FP": (0, 1, 0),
    "FN": (0, 0, 1),
    "LE": (0, 0.5, 0.5),
    "LBE": (0, 0.5, 0.5),
    "BES": (0.5, 0, 0.5),
    "BEL": (0.5, 0.5, 0),
    "BEO": (0.5, 0.25, 0.25),
}


def corpora_of(gold, predicted):
    """Corpora of one document of ten words from (label, first word, last word)."""
    sides = []
    for side in (gold, predicted):
        entities = tuple(Entity(label, 2 * first, 2 * last + 1) for label, first, last in side)
        sides.append(Corpus([Document("d", WORDS, entities)]))
    return sides


def rows_of(emulated, version):
    return {row["Label"]: row for row in emulated.rows if row["Version"] == version}


def counts_of(gold, predicted):
    """The counts of all labels that are not 0."""
    row = rows_of(emulate("faireval", *corpora_of(gold, predicted)), "Weighted")["overall"]
    return {name: row[name] for name in WEIGHTS if row[name]}


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([("A", 0, 2)], [("A", 0, 2)], {"TP": 1}),
        ([("A", 0, 2)], [("B", 0, 2)], {"LE": 1}),
        ([("A", 0, 2)], [("A", 0, 1)], {"BES": 1}),
        ([("A", 0, 2)], [("A", 0, 3)], {"BEL": 1}),
        ([("A", 0, 2)], [("A", 1, 3)], {"BEO": 1}),
        ([("A", 0, 2)], [("B", 1, 3)], {"LBE": 1}),
        ([("A", 0, 2)], [("A", 3, 3)], {"FN": 1, "FP": 1}),
        # One prediction over two gold spans is in two pairs
        ([("A", 0, 1), ("A", 3, 4)], [("A", 0, 4)], {"BEL": 2}),
        # A gold span that is split in two is in two pairs
        ([("A", 0, 4)], [("A", 0, 1), ("A", 3, 4)], {"BES": 2}),
        # An equal prediction leaves no words for a further one
        ([("A", 0, 1)], [("A", 0, 1), ("A", 0, 2)], {"TP": 1, "FP": 1}),
        # Of two predictions that are paired, the second has no words of its own
        ([("A", 0, 2)], [("A", 0, 1), ("A", 0, 3)], {"BEL": 1, "FP": 1}),
        # The right label comes before the larger overlap
        ([("A", 0, 3)], [("B", 0, 2), ("A", 3, 4)], {"BEO": 1, "LBE": 1}),
    ],
)
def test_each_kind_of_error(gold, predicted, expected):
    assert counts_of(gold, predicted) == expected


def test_the_span_after_a_paired_one_is_passed_over():
    """Of two gold spans of A, each with a prediction that is too short, the second is passed over
    in the first loop, and takes the prediction only in the loop for other labels, where it may not.
    """
    gold, predicted = [("A", 0, 1), ("A", 4, 5)], [("A", 0, 0), ("A", 4, 4)]

    assert counts_of(gold, predicted) == {"BES": 1, "FN": 1, "FP": 1}


def test_the_ratios_of_the_worked_example():
    """One correct span, one with a wrong label, one too short, one missed and one spurious."""
    gold = [("A", 0, 0), ("A", 1, 1), ("B", 3, 4), ("B", 6, 6)]
    predicted = [("A", 0, 0), ("B", 1, 1), ("B", 3, 3), ("A", 8, 8)]

    emulated = emulate("faireval", *corpora_of(gold, predicted))

    traditional, fair, weighted = (
        rows_of(emulated, version)["overall"] for version in ("Traditional", "Fair", "Weighted")
    )
    assert [traditional[name] for name in ("TP", "FP", "FN", "F1")] == [1, 3, 3, 25.0]
    assert [fair[name] for name in ("TP", "FP", "LE", "BE", "LBE", "FN")] == [1, 1, 1, 1, 0, 1]
    assert [fair[name] for name in ("Prec", "Rec", "F1")] == [33.33, 33.33, 33.33]
    # 1.5 of 1.5 + 1.5 and of 1.5 + 2
    assert [weighted[name] for name in ("Prec", "Rec", "F1")] == [50.0, 42.86, 46.15]


def test_further_predictions_of_a_span_are_not_counted_by_the_traditional_ratios():
    emulated = emulate("faireval", *corpora_of([("A", 0, 0)], [("A", 0, 0), ("A", 0, 0)]))

    traditional = rows_of(emulated, "Traditional")["overall"]
    assert [traditional[name] for name in ("TP", "FP", "FN", "F1")] == [1, 0, 0, 100.0]
    assert rows_of(emulated, "Fair")["overall"]["FP"] == 1


def test_tags_go_on_under_another_label():
    emulated = emulate("faireval", [["B-PER", "I-PER"]], [["B-PER", "I-LOC"]])

    assert rows_of(emulated, "Traditional")["overall"]["F1"] == 100


@pytest.mark.parametrize(
    ("tags", "tagging", "message"),
    [
        (["O", "I-PER"], "IOB2", "sequence 0, token 1: FairEval stops at the tag 'I-PER'"),
        (["O", "S-PER"], "BIOES", "token 1: FairEval does not read the tag 'S-PER'"),
        (["O", "B-PER|ORG"], "IOB2", "token 1: FairEval reads the tag 'B-PER.ORG' as several"),
    ],
)
def test_tags_that_faireval_does_not_read(tags, tagging, message):
    with pytest.raises(InputError, match=message):
        emulate("faireval", [["O", "O"]], [tags], tagging=tagging)


def random_begun_tags(seed):
    """Two lists of sequences of tags, with an I- after another label, but not after O."""
    sides = random_tag_corpus(seed)
    for side in sides:
        for row in side:
            for position, tag in enumerate(row):
                if tag.startswith("I") and (position == 0 or row[position - 1] == "O"):
                    row[position] = f"B{tag[1:]}"
    return sides


def ratios(counts, weights):
    sums = [sum(counts[kind] * weights[kind][column] for kind in weights) for column in range(3)]
    precision = sums[0] / (sums[0] + sums[1]) if sums[0] + sums[1] else 0
    recall = sums[0] / (sums[0] + sums[2]) if sums[0] + sums[2] else 0
    total = precision + recall
    return [precision, recall, 2 * precision * recall / total if total else 0]


def check_rows(emulated, sentences):
    """The rows against the errors of plain loops; sentences: pairs of lists of spans."""
    kinds = Counter()
    traditional = Counter()
    for gold, predicted in sentences:
        for kind, label in compare_as_faireval(gold, predicted):
            kinds.update([(kind, label), (kind, "overall")])
        for span in gold:
            kind = "TP" if span in predicted else "FN"
            traditional.update([(kind, span[0]), (kind, "overall")])
        for span in predicted:
            if span not in gold:
                traditional.update([("FP", span[0]), ("FP", "overall")])
    fair = {
        kind: (0, 0.5, 0.5) if len(kind) > 1 and kind[0] in "BL" else weight
        for kind, weight in WEIGHTS.items()
    }
    plain = {kind: WEIGHTS[kind] for kind in ("TP", "FP", "FN")}
    for version, counts, weights in (
        ("Traditional", traditional, plain),
        ("Fair", kinds, fair),
        ("Weighted", kinds, WEIGHTS),
    ):
        for label, row in rows_of(emulated, version).items():
            own = {kind: counts[kind, label] for kind in weights}
            if "BE" in row:
                assert row["BE"] == sum(own[kind] for kind in BOUNDARIES)
            assert {name: row[name] for name in own if name in row} == {
                name: number for name, number in own.items() if name in row
            }
            expected = [100 * ratio for ratio in ratios(own, weights)]
            assert [row[name] for name in ("Prec", "Rec", "F1")] == pytest.approx(
                expected, abs=0.00501
            )
    labels = {span[0] for pair in sentences for side in pair for span in side}
    assert set(rows_of(emulated, "Fair")) == {*labels, "overall"}


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_the_rows_of_tags_are_those_of_plain_loops(seed):
    gold, predicted = random_begun_tags(seed)
    sentences = [
        (_spans_of_tags(row), _spans_of_tags(other)) for row, other in zip(gold, predicted)
    ]

    check_rows(emulate("faireval", gold, predicted), sentences)


def _spans_of_tags(tags):
    spans = []
    for position, tag in enumerate(tags):
        if tag.startswith("B"):
            spans.append([tag[2:], position, position])
        elif tag.startswith("I"):
            spans[-1][2] = position
    return [(label, first, last, range(first, last + 1)) for label, first, last in spans]


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_the_rows_of_entities_are_those_of_plain_loops(seed):
    """With nested, unaligned and repeated entities, and in any order."""
    gold, predicted = random_entity_corpora(seed)
    sentences = []
    for document in gold:
        tokens = text.tokens(document.text)
        pair = []
        for entities in (document.entities, predicted[document.id].entities):
            spans = []
            for entity in sorted(entities, key=lambda each: (each.start, each.end, each.label)):
                words = [
                    number
                    for number, (start, end) in enumerate(tokens)
                    if start < entity.end and entity.start < end
                ]
                if words:
                    spans.append((entity.label, words[0], words[-1], words))
            pair.append(spans)
        sentences.append(pair)

    check_rows(emulate("faireval", gold, predicted), sentences)


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
def test_the_steps_account_for_the_difference(seed):
    check_chain(emulate("faireval", *random_begun_tags(seed)))
    check_chain(emulate("faireval", *random_entity_corpora(seed)))
