"""i2b2's script of 2014 is for Python 2: beside sets of a class with its equality, and by hand."""

import random
import re

import pytest
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, emulate
from evalkit.errors import InputError


class StrictTag:
    """An entity as the script compares it."""

    def __init__(self, label, start, end):
        self.label, self.start, self.end = label, start, end

    def __eq__(self, other):
        return (self.label, self.start, self.end) == (other.label, other.start, other.end)

    def __hash__(self):
        return hash((self.label, self.start, self.end))


class RelaxedTag(StrictTag):
    """An entity whose end may be two characters apart."""

    def __eq__(self, other):
        is_equal = (self.label, self.start) == (other.label, other.start)
        return is_equal and abs(self.end - other.end) <= 2

    def __hash__(self):
        return hash((self.label, self.start))


def tags_of(name, document):
    if name != "Token":
        kind = StrictTag if name == "Strict" else RelaxedTag
        return [kind(e.label.upper(), e.start, e.end) for e in document.entities]
    tags = []
    for entity in document.entities:
        text = document.text[entity.start : entity.end]
        spans = [match.span() for match in re.finditer("[a-zA-Z0-9]+", text)]
        for start, end in spans or [(len(text), len(text))]:
            tags.append(StrictTag(entity.label, entity.start + start, entity.start + end))
    return tags


def divide(a, b):
    return a / b if b else 0.0


def expected_rows(name, gold, predicted):
    """Micro and macro precision, recall and F1, and the standard deviations, by sets."""
    counts = []
    for document in gold:
        if document.id not in predicted:
            continue
        true, found = set(tags_of(name, document)), set(tags_of(name, predicted[document.id]))
        counts.append((len(true & found), len(found - true), len(true - found)))
    tp, fp, fn = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    micro = divide(tp, tp + fp), divide(tp, tp + fn)
    ratios = [(divide(t, t + p), divide(t, t + n)) for t, p, n in counts]
    macro = [sum(column) / len(ratios) for column in zip(*ratios)]
    deviations = [
        (sum((value - mean) ** 2 for value in column) / len(ratios)) ** 0.5
        for column, mean in zip(zip(*ratios), macro)
    ]
    return micro, macro, deviations


def f1(precision, recall):
    return divide(2 * precision * recall, precision + recall)


def perturbed(predicted, seed):
    """Predictions without some documents, with other ends, labels in lower case and repeats."""
    draw = random.Random(seed)
    documents = []
    for document in predicted:
        if documents and draw.random() < 0.2:
            continue
        entities = []
        for entity in document.entities:
            label = entity.label.lower() if draw.random() < 0.2 else entity.label
            for shift in draw.choice([(0,), (0,), (-1,), (2,), (-2, 2), (3,)]):
                end = min(max(entity.end + shift, entity.start + 1), len(document.text))
                entities.append(Entity(label, entity.start, end))
        documents.append(Document(document.id, document.text, tuple(entities)))
    return Corpus(documents, "predicted")


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_the_numbers_are_those_of_sets_of_documents(seed):
    gold, other = random_entity_corpora(seed, unplaced=False)
    predicted = perturbed(other if seed % 2 else gold, seed)
    emulated = emulate("i2b2", gold, predicted, missing="empty")

    assert [(row["name"], row["average"]) for row in emulated.rows] == [
        (name, average) for name in ("Token", "Strict", "Relaxed") for average in ("micro", "macro")
    ]
    rows = iter(emulated.rows)
    for micro_row, macro_row in zip(rows, rows):
        micro, macro, deviations = expected_rows(micro_row["name"], gold, predicted)
        printed = [micro_row[column] for column in ("Precision", "Recall", "F1")]
        assert printed == pytest.approx([*micro, f1(*micro)])
        printed = [macro_row[column] for column in ("Precision", "Recall", "F1")]
        assert printed == pytest.approx([*macro, f1(*macro)])
        printed = [macro_row[f"{column} SD"] for column in ("Precision", "Recall")]
        assert printed == pytest.approx(deviations, abs=1e-9)


def corpora(gold, predicted, text="Dr. Smith saw Ann"):
    """Corpora of documents with (label, start, end); None is a document that is missing."""
    return tuple(
        Corpus(
            [
                Document(str(number), text, tuple(Entity(*entity) for entity in entities))
                for number, entities in enumerate(documents)
                if entities is not None
            ],
            name,
        )
        for name, documents in (("gold", gold), ("predicted", predicted))
    )


def micro(emulated, name):
    """Precision and recall."""
    row = next(row for row in emulated.rows if (row["name"], row["average"]) == (name, "micro"))
    return row["Precision"], row["Recall"]


def test_a_document_without_predictions_costs_nothing():
    sides = corpora([[("DOCTOR", 4, 9)], [("DOCTOR", 4, 9)]], [[("DOCTOR", 4, 9)], None])
    emulated = emulate("i2b2", *sides, missing="empty")

    assert micro(emulated, "Strict") == (1.0, 1.0)
    step = emulated.differences[1].steps[0]
    assert step.text == "leaves out documents that the predictions lack"
    assert [change.document for change in step.changes] == ["1"]
    with pytest.raises(InputError, match="missing"):
        emulate("i2b2", *sides)


def test_ends_may_be_two_characters_apart_in_relaxed_matching():
    near = emulate("i2b2", *corpora([[("DOCTOR", 4, 9)]], [[("doctor", 4, 7)]]))
    far = emulate("i2b2", *corpora([[("DOCTOR", 4, 9)]], [[("DOCTOR", 4, 6)]]))
    other_start = emulate("i2b2", *corpora([[("DOCTOR", 4, 9)]], [[("DOCTOR", 5, 9)]]))

    assert micro(near, "Strict") == (0.0, 0.0)
    assert micro(near, "Relaxed") == (1.0, 1.0)
    assert micro(far, "Relaxed") == (0.0, 0.0)
    assert micro(other_start, "Relaxed") == (0.0, 0.0)


def test_true_positives_are_counted_on_the_side_with_fewer_entities():
    # Both predictions are similar to the first of three gold entities, but not to each other.
    gold = [("DOCTOR", 4, 7), ("PATIENT", 0, 3), ("PATIENT", 14, 17)]
    predicted = [("DOCTOR", 4, 5), ("DOCTOR", 4, 9)]
    emulated = emulate("i2b2", *corpora([gold], [predicted]))

    # tp is 2, fn 2: more than the three gold entities
    assert micro(emulated, "Relaxed") == (1.0, 0.5)


def test_tokens_are_runs_of_letters_and_digits():
    sides = corpora([[("DOCTOR", 0, 9)]], [[("DOCTOR", 4, 9)]])
    emulated = emulate("i2b2", *sides)

    assert micro(emulated, "Token") == (1.0, 0.5)
    assert micro(emulated, "Strict") == (0.0, 0.0)


def test_hipaa_keeps_its_labels_only():
    gold = [("PATIENT", 14, 17), ("IDNUM", 0, 2), ("DOCTOR", 4, 9)]
    emulated = emulate("i2b2", *corpora([gold], [[("PATIENT", 14, 17)]]), hipaa="true")

    assert micro(emulated, "Strict") == (1.0, 1.0)
    with pytest.raises(InputError, match='invalid hipaa="yes": expected true or false'):
        emulate("i2b2", *corpora([gold], [gold]), hipaa="yes")


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
def test_the_steps_account_for_the_difference(seed):
    gold, predicted = random_entity_corpora(seed)
    check_chain(emulate("i2b2", gold, predicted))
    check_chain(emulate("i2b2", gold, perturbed(predicted, seed), missing="empty"))
    check_chain(emulate("i2b2", *random_tag_corpus(seed)))
