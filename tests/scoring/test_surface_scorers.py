"""surfaces/strict scores as UniversalNER: its rules in plain loops, read in
universal-ner/universal-ner at 4e454fe (src/eval/evaluate.py).
"""

import json
import re

import pytest
from helpers.surfaces import normalize_answer, random_corpora, string_of

from evalkit import Corpus, Document, Entity, Unplaced, score

METRIC = "surfaces/strict"
SEEDS = [
    pytest.param(range(50), id="50"),
    pytest.param(range(50, 1000), marks=pytest.mark.slow, id="1000"),
]


def answers_of(document, label):
    """The answer to one question of UniversalNER, which asks for one label: a JSON list."""
    strings = [string_of(document, each) for each in document.entities if each.label == label]
    strings += [
        each.quote for each in document.unplaced if each.label == label and each.quote is not None
    ]
    return json.dumps(strings)


def parse_answer(answer):
    """The distinct normalized strings up to the first closing bracket; none if that is no JSON."""
    found = re.match(r"\[.*?\]", answer)
    try:
        strings = json.loads(found.group() if found else "[]")
    except json.JSONDecodeError:
        return []
    distinct = []
    for each in strings:
        normalized = normalize_answer(each)
        if normalized not in distinct:
            distinct.append(normalized)
    return distinct


def score_as_universal_ner(gold, predicted):
    """Correct, predicted and gold strings over all questions, and P, R and F1 of these."""
    correct = n_predicted = n_gold = 0
    for one, other in zip(gold, predicted, strict=True):
        for label in "AB":
            expected = parse_answer(answers_of(one, label))
            given = parse_answer(answers_of(other, label))
            correct += sum(each in expected for each in given)
            n_predicted += len(given)
            n_gold += len(expected)
    precision = correct / (n_predicted + 1e-10)
    recall = correct / (n_gold + 1e-10)
    f1 = 2 * precision * recall / (precision + recall + 1e-10)
    return (correct, n_predicted, n_gold), (precision, recall, f1)


def keep_strings(corpus, is_kept):
    """The corpus with the entities and quotes of which is_kept(string) is true."""
    documents = []
    for document in corpus:
        entities = [each for each in document.entities if is_kept(string_of(document, each))]
        quotes = [
            each for each in document.unplaced if each.quote is not None and is_kept(each.quote)
        ]
        documents.append(Document(document.id, document.text, entities, unplaced=quotes))
    return Corpus(documents, name=corpus.name)


@pytest.mark.parametrize("seeds", SEEDS)
def test_surfaces_under_squad_are_the_numbers_of_universal_ner(seeds):
    total = 0
    for seed in seeds:
        gold, predicted = (
            keep_strings(corpus, normalize_answer) for corpus in random_corpora(seed, 4)
        )

        row = score(gold, predicted, METRIC, normalization="squad", boot=0)[METRIC].micro

        counts, ratios = score_as_universal_ner(gold, predicted)
        assert (row.tp, row.predicted, row.gold) == counts
        ours = [row.precision or 0, row.recall or 0, row.f1 or 0]
        assert ours == pytest.approx(ratios, abs=1e-9)
        total += row.tp
    assert total > 3 * len(seeds)


@pytest.mark.parametrize("seeds", SEEDS)
def test_strings_that_normalization_empties_count_there_and_not_here(seeds):
    differences = 0
    for seed in seeds:
        gold, predicted = (
            keep_strings(corpus, lambda _: True) for corpus in random_corpora(seed, 4)
        )
        row = score(gold, predicted, METRIC, normalization="squad", boot=0)[METRIC].micro
        empty = [0, 0, 0]
        for one, other in zip(gold, predicted):
            for label in "AB":
                has_empty = ["" in parse_answer(answers_of(each, label)) for each in (other, one)]
                empty[0] += all(has_empty)
                empty[1] += has_empty[0]
                empty[2] += has_empty[1]

        (correct, n_predicted, n_gold), _ = score_as_universal_ner(gold, predicted)

        assert (correct, n_predicted, n_gold) == (
            row.tp + empty[0],
            row.predicted + empty[1],
            row.gold + empty[2],
        )
        differences += sum(empty)
    assert differences > len(seeds)


def test_duplicates_count_once_on_both_sides():
    text = "Bank, the Bank and a bank"
    entities = [Entity("A", 0, 4), Entity("A", 6, 14), Entity("A", 19, 25), Entity("B", 0, 4)]
    quotes = [Unplaced("entities", "A", "no offsets", words) for words in ("BANK", "Bank", "x")]
    gold = Corpus([Document("d", text, entities)])
    predicted = Corpus([Document("d", text, entities[:2], unplaced=quotes)])

    row = score(gold, predicted, METRIC, normalization="squad", boot=0)[METRIC].micro

    assert (row.tp, row.predicted, row.gold) == (1, 2, 2)
    assert score_as_universal_ner(gold, predicted)[0] == (1, 2, 2)


def test_a_string_with_a_closing_bracket_ends_an_answer_there_and_not_here():
    text = "IL-2 [human] and IL-3"
    corpus = Corpus([Document("d", text, [Entity("A", 0, 12), Entity("A", 17, 21)])])

    row = score(corpus, corpus, METRIC, normalization="squad", boot=0)[METRIC].micro

    assert (row.tp, row.predicted, row.gold) == (2, 2, 2)
    assert score_as_universal_ner(corpus, corpus)[0] == (0, 0, 0)
