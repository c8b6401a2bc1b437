"""Scorers of spans, beside the scorers themselves where they are installed."""

import random
import re

import pytest
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, Unplaced, emulate, score
from evalkit.errors import InputError

# One pair of tag files and the numbers that nervaluate printed for it
GOLD = ["B-PER I-PER O O B-ORG I-ORG I-ORG O B-LOC O", "O B-LOC I-LOC O B-PER O O"]
GOLD += ["B-ORG O B-MISC I-MISC O"]
PREDICTED = ["B-PER I-PER O O B-ORG I-ORG O O B-ORG O", "O I-LOC I-LOC O B-PER I-ORG O"]
PREDICTED += ["B-ORG O O O B-DATE"]
TAGS = [row.split() for row in GOLD], [row.split() for row in PREDICTED]
COUNTS = ("correct", "incorrect", "partial", "missed", "spurious", "possible", "actual")
RATIOS = ("precision", "recall", "f1")


def corpora(text, gold, predicted, unplaced=()):
    """A document with (label, start, end) on both sides."""
    sides = [tuple(Entity(*entity) for entity in side) for side in (gold, predicted)]
    return (
        Corpus([Document("d", text, sides[0])], "gold"),
        Corpus([Document("d", text, sides[1], unplaced=tuple(unplaced))], "predicted"),
    )


def row_of(emulated, **names):
    """The row with these values."""
    return next(row for row in emulated.rows if names.items() <= row.items())


def counts_of(emulated, strategy, name="overall"):
    """Correct, incorrect, partial, missed and spurious."""
    row = row_of(emulated, name=name, strategy=strategy)
    return [row[column] for column in COUNTS[:5]]


def spans_of(corpus):
    """The entities as nervaluate takes them, with inclusive ends."""
    return [
        [
            {"label": entity.label, "start": entity.start, "end": entity.end - 1}
            for entity in document.entities
        ]
        for document in corpus
    ]


def assert_equals_nervaluate(emulated, evaluator):
    results = evaluator.evaluate()
    expected = {("overall", name): result for name, result in results["overall"].items()}
    for label, by_strategy in results["entities"].items():
        expected |= {(label, name): result for name, result in by_strategy.items()}
    rows = {(row["name"], row["strategy"]): row for row in emulated.rows}
    assert rows.keys() == expected.keys()
    for key, row in rows.items():
        printed = {column: getattr(expected[key], column) for column in (*COUNTS, *RATIOS)}
        assert {column: row[column] for column in printed} == printed, key


@pytest.mark.parametrize(
    ("strategy", "counts", "f1"),
    [
        ("strict", [4, 2, 0, 1, 2], 0.533333),
        ("exact", [5, 1, 0, 1, 2], 0.666667),
        ("partial", [5, 0, 1, 1, 2], 0.733333),
        ("ent_type", [5, 1, 0, 1, 2], 0.666667),
    ],
)
def test_the_worked_example_of_nervaluate(strategy, counts, f1):
    emulated = emulate("nervaluate", *TAGS)

    assert counts_of(emulated, strategy) == counts
    row = row_of(emulated, name="overall", strategy=strategy)
    assert row["f1"] == pytest.approx(f1, abs=1e-6)
    assert "|scorer:nervaluate@1.2.1|" in emulated.signature


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_nervaluate_prints_the_same_for_tags(seed):
    from nervaluate.evaluator import Evaluator

    gold, predicted = random_tag_corpus(seed)
    labels = random.Random(seed).choice([["PER", "LOC"], ["PER", "ORG", "LOC"]])
    emulated = emulate("nervaluate", gold, predicted, tags=labels)

    evaluator = Evaluator(gold, predicted, tags=labels, loader="list")
    assert_equals_nervaluate(emulated, evaluator)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_nervaluate_prints_the_same_for_spans(seed):
    from nervaluate.evaluator import Evaluator

    gold, predicted = random_entity_corpora(seed, unplaced=False)
    labels = random.Random(seed).choice([["PER", "LOC"], ["PER", "ORG", "LOC"]])
    least = random.Random(seed).choice([1, 30, 50.5, 100])
    emulated = emulate("nervaluate", gold, predicted, tags=labels, min_overlap_percentage=least)

    spans = spans_of(gold), spans_of(predicted)
    evaluator = Evaluator(*spans, tags=labels, loader="dict", min_overlap_percentage=least)
    assert_equals_nervaluate(emulated, evaluator)


def test_nervaluate_depends_on_the_order_of_predictions():
    gold = [("PER", 0, 4), ("PER", 5, 9)]
    wide, exact = ("PER", 0, 9), ("PER", 0, 4)

    first_wide = emulate("nervaluate", *corpora("abcd efgh", gold, [wide, exact]))
    first_exact = emulate("nervaluate", *corpora("abcd efgh", gold, [exact, wide]))

    assert counts_of(first_wide, "strict") == [0, 1, 0, 1, 1]
    assert counts_of(first_exact, "strict") == [1, 1, 0, 0, 0]


def test_nervaluate_sees_no_overlap_of_less_than_a_hundredth_of_gold():
    text = "x" * 201
    emulated = emulate("nervaluate", *corpora(text, [("PER", 0, 201)], [("PER", 0, 2)]))
    wider = emulate("nervaluate", *corpora(text, [("PER", 0, 200)], [("PER", 0, 2)]))

    assert counts_of(emulated, "ent_type") == [0, 0, 0, 1, 1]
    assert counts_of(wider, "ent_type") == [1, 0, 0, 0, 0]


def test_nervaluate_evaluates_a_tag_without_the_others():
    emulated = emulate(
        "nervaluate", *corpora("abcd", [("PER", 0, 4), ("ORG", 0, 2)], [("ORG", 0, 3)])
    )

    # Of all tags the prediction is incorrect with the first item, PER, and ORG is missed.
    assert counts_of(emulated, "strict") == [0, 1, 0, 1, 0]
    assert counts_of(emulated, "strict", "PER") == [0, 0, 0, 1, 0]
    assert counts_of(emulated, "strict", "ORG") == [0, 1, 0, 0, 0]


def test_nervaluate_counts_a_repeated_prediction_as_spurious():
    emulated = emulate("nervaluate", *corpora("abcd", [("PER", 0, 4)], [("PER", 0, 4)] * 2))

    assert counts_of(emulated, "ent_type") == [1, 0, 0, 0, 1]


@pytest.mark.parametrize("scorer", ["nervaluate", "spacy-ents", "spacy-spans", "gliner", "i2b2"])
def test_a_discontinuous_entity_is_taken_as_one_span(scorer):
    text = "left and right arm"
    gold = Entity("PART", 0, 18, fragments=((0, 4), (15, 18)))
    sides = [
        Corpus([Document("d", text, (entity,))], name)
        for entity, name in ((gold, "gold"), (Entity("PART", 0, 18), "predicted"))
    ]
    difference = emulate(scorer, *sides).differences[-1 if scorer == "i2b2" else 0]

    assert (difference.evalkit.f1, difference.scorer.f1) == (0, 1)
    assert [(step.kind, step.text) for step in difference.steps] == [
        ("read", "takes a discontinuous entity as one span, from its first character to its last")
    ]


@pytest.mark.parametrize("scorer", ["nervaluate", "n2c2", "hipe"])
def test_different_gold_entities_that_a_step_makes_equal_are_counted(scorer):
    text = "left and right arm"
    fragments = ((0, 4), (15, 18)), ((0, 4), (9, 14), (15, 18))
    entities = tuple(Entity("PART", 0, 18, fragments=own) for own in fragments)
    gold = Corpus([Document("d", text, entities)], "gold")
    predicted = Corpus([Document("d", text, (Entity("PART", 0, 18),))], "predicted")

    emulated = emulate(scorer, gold, predicted)

    check_chain(emulated)
    if scorer == "nervaluate":
        from nervaluate.evaluator import Evaluator

        spans = spans_of(gold), spans_of(predicted)
        evaluator = Evaluator(*spans, tags=["PART"], loader="dict")
        assert_equals_nervaluate(emulated, evaluator)


def test_nervaluate_has_no_predictions_outside_the_text():
    unplaced = [Unplaced("entities", "PER", "not in the text", "Zoe")]
    sides = corpora("abcd", [("PER", 0, 4)], [("PER", 0, 4)], unplaced)
    emulated = emulate("nervaluate", *sides)

    assert counts_of(emulated, "strict") == [1, 0, 0, 0, 0]
    step = emulated.differences[0].steps[0]
    assert step.text == "drops predictions that are not in the text"
    assert [change.item.text for change in step.changes] == ["Zoe"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_overlap_percentage": "0"}, 'invalid min_overlap_percentage="0": expected a number'),
        ({"min_overlap_percentage": "half"}, 'percentage="half": expected a number from 1 to 100'),
        ({"tag": "PER"}, "unknown option 'tag'"),
    ],
)
def test_a_wrong_option_of_nervaluate_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        emulate("nervaluate", *TAGS, **options)


def test_nervaluate_refuses_an_item_that_begins_with_another_prefix():
    with pytest.raises(InputError, match="invalid tag 'S-PER': nervaluate refuses an item whose"):
        emulate("nervaluate", [["S-PER"]], [["O"]], tagging="BIOES")


def test_another_formula_for_the_same_f1_is_no_step():
    sides = corpora("abcd efgh", [("PER", 0, 4), ("PER", 5, 9)], [("PER", 0, 4)])
    difference = emulate("nervaluate", *sides).differences[0]

    assert difference.steps == []
    assert difference.scorer.f1 == pytest.approx(difference.evalkit.f1)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_the_counts_of_semeval_are_those_of_score(seed):
    gold, predicted = random_entity_corpora(seed)
    emulated = emulate("semeval2013", gold, predicted)

    assert [row["name"] for row in emulated.rows] == ["strict", "exact", "partial", "type"]
    scores = score(gold, predicted, [f"entities/{row['name']}" for row in emulated.rows], boot=0)
    for row in emulated.rows:
        scored = scores[f"entities/{row['name']}"]
        counts = [row[column] for column in ("COR", "INC", "PAR", "MIS", "SPU")]
        assert counts == list(scored.muc)
        assert row["POS"] == sum(len(document.entities) for document in gold)
        assert [row["precision"], row["recall"]] == [scored.micro.precision, scored.micro.recall]
        assert row["F1"] == pytest.approx(scored.micro.f1) or row["F1"] is scored.micro.f1 is None


def test_the_worked_example_of_semeval():
    rows = emulate("semeval2013", *TAGS).rows

    assert [[row[name] for name in ("COR", "INC", "PAR", "MIS", "SPU")] for row in rows] == [
        [4, 2, 0, 1, 2],
        [5, 1, 0, 1, 2],
        [5, 0, 1, 1, 2],
        [5, 1, 0, 1, 2],
    ]
    assert [(row["POS"], row["ACT"]) for row in rows] == [(7, 8)] * 4
    assert rows[2]["F1"] == pytest.approx(2 * 5.5 / 15)


def word_sets(corpus):
    """What GLiNER compares: label, first and last word, and the number of the document."""
    items = set()
    for number, document in enumerate(corpus):
        words = [match.span() for match in re.finditer(r"\w+(?:[-_]\w+)*|\S", document.text)]
        for entity in document.entities:
            covered = [
                index
                for index, (start, end) in enumerate(words)
                if start < entity.end and entity.start < end
            ]
            if covered:
                items.add((entity.label, covered[0], covered[-1], number))
    return items


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_gliner_compares_sets_of_labels_and_words(seed):
    gold, predicted = random_entity_corpora(seed)
    emulated = emulate("gliner", gold, predicted)

    expected, found = word_sets(gold), word_sets(predicted)
    precision = len(expected & found) / len(found) if found else 0.0
    recall = len(expected & found) / len(expected) if expected else 0.0
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    assert emulated.rows == [{"name": "micro", "P": precision, "R": recall, "F1": f1}]


def test_gliner_covers_whole_words_and_counts_repeats_once():
    gold = [("LOC", 0, 11)]
    predicted = [("LOC", 0, 5), ("LOC", 0, 11)]
    emulated = emulate("gliner", *corpora("Paris-based firm", gold, predicted))

    assert emulated.rows == [{"name": "micro", "P": 1.0, "R": 1.0, "F1": 1.0}]
    kinds = [step.kind for step in emulated.differences[0].steps]
    assert kinds == ["equal", "count"]


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
@pytest.mark.parametrize("scorer", ["nervaluate", "semeval2013", "gliner"])
def test_the_steps_account_for_the_difference(scorer, seed):
    check_chain(emulate(scorer, *random_tag_corpus(seed)))
    check_chain(emulate(scorer, *random_entity_corpora(seed)))
