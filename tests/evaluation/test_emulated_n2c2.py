"""n2c2's script of 2018 does not install: beside plain loops over its rules, and by hand."""

import pytest
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, emulate


def equals(first, second, mode):
    if first.label != second.label:
        return False
    if mode == "strict":
        return (first.start, first.end) == (second.start, second.end)
    return bool(set(range(first.start, first.end)) & set(range(second.start, second.end)))


def counts_of(gold, predicted, mode):
    """True positives, false positives and false negatives of a document."""
    numbers = range(len(predicted))
    left = list(numbers)
    taken = []
    for number in numbers:
        for gold_number, entity in enumerate(gold):
            if equals(predicted[number], entity, mode):
                if gold_number not in taken:
                    taken.append(gold_number)
                elif number in left:
                    left.remove(number)
    found = [n for n in left if any(equals(predicted[n], entity, mode) for entity in gold)]
    return len(found), len(left) - len(found), len(gold) - len(found)


def ratios(tp, fp, fn):
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def expected_rows(gold, predicted, mode):
    """Ratios by name."""
    pairs = [(document, predicted[document.id]) for document in gold if document.id in predicted]
    entities = [entity for pair in pairs for document in pair for entity in document.entities]
    rows = {}
    for label in {entity.label for entity in entities}:
        counts = [
            counts_of(*[[e for e in side.entities if e.label == label] for side in pair], mode)
            for pair in pairs
        ]
        rows[label] = ratios(*map(sum, zip(*counts)))
    counts = [counts_of(*[side.entities for side in pair], mode) for pair in pairs]
    rows["Overall (micro)"] = ratios(*map(sum, zip(*counts)))
    by_document = [ratios(*own) for own in counts]
    rows["Overall (macro)"] = [sum(column) / len(pairs) for column in zip(*by_document)]
    return rows


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_the_numbers_are_those_of_plain_loops(seed):
    gold, predicted = random_entity_corpora(seed, unplaced=False)
    predicted = Corpus(list(predicted)[: 1 + seed % 4], "predicted")
    emulated = emulate("n2c2", gold, predicted, missing="empty")

    for mode in ("strict", "lenient"):
        rows = {row["name"]: row for row in emulated.rows if row["mode"] == mode}
        expected = expected_rows(gold, predicted, mode)
        assert rows.keys() == expected.keys()
        for name, numbers in expected.items():
            printed = [rows[name][column] for column in ("Prec.", "Rec.", "F(b=1)")]
            assert printed == pytest.approx(numbers), (mode, name)


def micro(gold, predicted, mode, **options):
    """Precision and recall of (label, start, end) in one document."""
    sides = [
        Corpus([Document("d", "take aspirin daily", tuple(Entity(*e) for e in entities))], name)
        for name, entities in (("gold", gold), ("predicted", predicted))
    ]
    rows = emulate("n2c2", *sides, **options).rows
    row = next(row for row in rows if (row["name"], row["mode"]) == ("Overall (micro)", mode))
    return row["Prec."], row["Rec."]


def test_a_second_prediction_over_a_gold_entity_is_not_counted():
    gold, predicted = [("Drug", 5, 12)], [("Drug", 5, 8), ("Drug", 8, 12)]

    assert micro(gold, predicted, "lenient") == (1.0, 1.0)
    assert micro(gold, predicted, "strict") == (0.0, 0.0)
    assert micro(gold, [("Drug", 5, 12)] * 2, "strict") == (1.0, 1.0)


def test_a_prediction_over_two_gold_entities_finds_one():
    gold, wide, narrow = [("Drug", 0, 4), ("Drug", 5, 12)], ("Drug", 0, 12), ("Drug", 5, 12)

    assert micro(gold, [wide], "lenient") == (1.0, 0.5)
    # The narrow prediction is not counted behind the wide one, and the wide not behind it.
    assert micro(gold, [wide, narrow], "lenient") == (1.0, 0.5)
    assert micro(gold, [narrow, wide], "lenient") == (1.0, 0.5)


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
def test_the_steps_account_for_the_difference(seed):
    gold, predicted = random_entity_corpora(seed)
    check_chain(emulate("n2c2", gold, predicted))
    check_chain(emulate("n2c2", gold, Corpus(list(predicted)[:2], "p"), missing="empty"))
    check_chain(emulate("n2c2", *random_tag_corpus(seed)))
