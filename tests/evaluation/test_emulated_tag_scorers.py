"""Scorers of tagged words, beside the scorers themselves where they are installed."""

import math
import warnings

import pytest
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import emulate

# One pair of tag files and the numbers that the scorers printed for it
GOLD = ["B-PER I-PER O O B-ORG I-ORG I-ORG O B-LOC O", "O B-LOC I-LOC O B-PER O O"]
GOLD += ["B-ORG O B-MISC I-MISC O"]
PREDICTED = ["B-PER I-PER O O B-ORG I-ORG O O B-ORG O", "O I-LOC I-LOC O B-PER I-ORG O"]
PREDICTED += ["B-ORG O O O B-DATE"]
TAGS = [row.split() for row in GOLD], [row.split() for row in PREDICTED]


def row_of(emulated, name):
    """Precision, recall and F1 of a row."""
    row = next(row for row in emulated.rows if row["name"] == name)
    return [row["precision"], row["recall"], row["f1-score"]]


def test_the_worked_example_of_seqeval():
    emulated = emulate("seqeval", *TAGS)

    assert row_of(emulated, "micro avg") == pytest.approx([0.5, 0.571429, 0.533333], abs=1e-6)
    assert row_of(emulated, "macro avg")[2] == pytest.approx(0.4)
    assert "|scorer:seqeval@1.2.2|" in emulated.signature


@pytest.mark.parametrize("seed", choose_quick(range(1000), 60))
def test_seqeval_prints_the_same(seed):
    from seqeval.metrics import classification_report

    gold, predicted = random_tag_corpus(seed)
    emulated = emulate("seqeval", gold, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        printed = classification_report(gold, predicted, output_dict=True, zero_division=0)

    assert {row["name"] for row in emulated.rows} == set(printed)
    for name, numbers in printed.items():
        row = next(row for row in emulated.rows if row["name"] == name)
        for column, value in numbers.items():
            expected = None if math.isnan(value) else pytest.approx(value, abs=1e-12)
            assert row[column] == expected, (name, column)


@pytest.mark.parametrize("seed", choose_quick(range(200), 20))
@pytest.mark.parametrize("scorer", ["seqeval"])
def test_the_steps_account_for_the_difference(scorer, seed):
    check_chain(emulate(scorer, *random_tag_corpus(seed)))
    check_chain(emulate(scorer, *random_entity_corpora(seed)))
