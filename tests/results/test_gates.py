"""Rules that scores and comparisons must meet, and what is reported about those that fail."""

import random

import pytest

from evalkit import Corpus, Document, Entity, InputError, Scores, compare, score
from evalkit.results.gates import _format_below, parse_gate

TEXT = "Ada met Bo in Rome. "


def gold_corpus(n=30):
    return Corpus(
        [
            Document(
                f"d{k}", TEXT, [Entity("PER", 0, 3), Entity("PER", 8, 10), Entity("LOC", 14, 18)]
            )
            for k in range(n)
        ],
        name="gold",
    )


def worse(gold, seed, share, name):
    draw = random.Random(seed)
    documents = []
    for document in gold:
        kept = [entity for entity in document.entities if draw.random() > share]
        documents.append(Document(document.id, document.text, kept))
    return Corpus(documents, name=name)


@pytest.fixture(scope="module")
def scores():
    gold = gold_corpus()
    return score(gold, worse(gold, 1, 0.3, "said"), "ner,entities/exact")


@pytest.mark.parametrize(
    "rule",
    [
        "ner>=0.5",
        "entities/strict >= .5",
        "entities/strict[PER].recall>=0.5",
        "ner.precision>=1",
        "ner[LOC]>0.5",
        "ner.low>0.5",
        "entities/exact.f1 >= 5e-1",
    ],
)
def test_a_rule_that_is_met_raises_nothing(scores, rule):
    scores.check_gate(rule)


def test_a_rule_that_fails_says_by_how_much(scores):
    f1, recall = scores["ner"].micro.f1, scores["ner"]["PER"].recall
    low = scores["ner"].micro.f1_low
    for rule, sentence in (
        ("ner>=0.99", f"entities/strict F1 {f1:.3f} < 0.99"),
        ("ner[PER].recall >= .95", f"entities/strict[PER] recall {recall:.3f} < .95"),
        ("ner.precision>1", "entities/strict precision 1.000 <= 1"),
        ("ner.low>=0.9", f"entities/strict F1, lower end of the 95 % interval, {low:.3f} < 0.9"),
    ):
        with pytest.raises(AssertionError) as failed:
            scores.check_gate(rule)
        assert str(failed.value) == f"gate failed: {sentence}"
    assert Scores.check is Scores.check_gate


@pytest.mark.parametrize(
    ("value", "bound", "shown"),
    [
        (0.795, 0.8, "0.795"),
        (0.79996, 0.8, "0.79996"),
        (0.7999999, 0.8, "0.7999999"),
        (0.9, 0.8, "0.900"),
    ],
)
def test_a_value_is_shown_with_the_digits_that_show_it_is_too_small(value, bound, shown):
    assert _format_below(value, bound) == shown


def test_what_is_undefined_is_not_passed():
    gold = gold_corpus(3)
    empty = Corpus([Document(d.id, d.text, []) for d in gold])

    with pytest.raises(AssertionError, match="precision is undefined"):
        score(gold, empty).check_gate("ner.precision>=0")
    with pytest.raises(AssertionError, match="F1 is undefined"):
        score(gold, empty, "entities/exact").check_gate("entities/exact[PER]>=0")
    with pytest.raises(
        AssertionError, match=r"F1 has no interval \(one document holds all items\)"
    ):
        score(gold_corpus(1), gold_corpus(1), units="documents").check_gate("ner.low>=0")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("ner=>0.8", "did you mean 'ner>=0.8'?"),
        ("ner == 0.8", "did you mean 'ner >= 0.8'?"),
        ("ner > = 0.8", "did you mean 'ner >= 0.8'?"),
        ("ner", "expected a rule such as 'ner>=0.80'"),
        ("", "expected a rule such as"),
        ("ner<0.8", "expected a rule such as"),
        ("ner>=80%", "invalid number '80%': expected a number from 0 to 1; for 80 % write 0.8"),
        ("ner>=80", "for 80 % write 0.8"),
        ("ner>=high", "invalid number 'high': expected a number from 0 to 1"),
        ("ner>=nan", "invalid number 'nan'"),
        ("ner>=-1", "invalid number '-1'"),
        ("nerr>=0.8", "unknown metric 'nerr'"),
        ("ner.accuracy>=0.8", "unknown ratio 'accuracy'"),
        ("ner: no worse by 2", "invalid number '2'"),
        ("ner: worse", "expected a rule such as"),
    ],
)
def test_a_rule_that_cannot_be_read_is_answered_with_one_that_can(rule, message):
    with pytest.raises(InputError) as refused:
        parse_gate(rule)
    assert message in str(refused.value)


def test_unknown_metrics_and_labels_are_no_failed_gates(scores):
    with pytest.raises(InputError, match="unknown metric 'triggers/strict'"):
        scores.check_gate("tri-c>=0.1")
    with pytest.raises(InputError, match="unknown label 'PRE'.*did you mean 'PER'"):
        scores.check_gate("ner[PRE]>=0.1")
    with pytest.raises(InputError, match="needs two systems: give it to `compare`"):
        scores.check_gate("ner: better")


def test_a_comparison_is_better_or_no_worse_than_its_base():
    gold = gold_corpus()
    good, poor = worse(gold, 1, 0.1, "good"), worse(gold, 2, 0.6, "poor")
    up = compare(base=poor, new=good, gold=gold, metrics="ner")
    down = compare(base=good, new=poor, gold=gold, metrics="ner")
    same = compare(base=good, new=good, gold=gold, metrics="ner")

    up.check_gate("ner: better")
    up.check_gate("ner: no worse by 0")
    same.check_gate("ner: no worse by 0")
    (difference,) = down.differences
    with pytest.raises(AssertionError, match="new is not better than base"):
        down.check_gate("ner: better")
    with pytest.raises(AssertionError) as failed:
        down.check_gate("ner: no worse by 0.01")
    assert f"new may be worse than base by {difference.high:.3f}, more than 0.01" in str(
        failed.value
    )
    assert "one-sided at 2.5 %" in str(failed.value)
    with pytest.raises(AssertionError, match="new and base have the same counts"):
        same.check_gate("ner: better")


def test_better_needs_p_as_well_as_the_interval():
    gold = gold_corpus(5)
    comparison = compare(base=worse(gold, 3, 0.5, "half"), new=gold, gold=gold, metrics="ner")

    assert comparison.differences[0].p >= 0.05
    with pytest.raises(AssertionError, match="is not better"):
        comparison.check_gate("ner: better")
    comparison.check_gate("ner: no worse by 0.1")


def test_a_comparison_gate_is_about_two_systems_and_a_compared_metric():
    gold = gold_corpus(8)
    systems = {f"s{n}": worse(gold, n, 0.3, f"s{n}") for n in range(3)}
    three = compare(**systems, gold=gold, metrics="ner")

    with pytest.raises(
        InputError, match="expected two systems, of which the first is the base; got 3"
    ):
        three.check_gate("ner: better")
    with pytest.raises(InputError, match="is about the scores of one system"):
        three.check_gate("ner>=0.8")
    with pytest.raises(InputError, match="unknown metric 'entities/type' in 'this comparison'"):
        three.check_gate("entities/type: better")


def test_without_intervals_a_comparison_is_not_passed():
    gold = gold_corpus(8)
    comparison = compare(
        base=worse(gold, 1, 0.3, "a"),
        new=worse(gold, 2, 0.3, "b"),
        gold=gold,
        metrics="ner",
        options={"boot": 0},
    )

    with pytest.raises(AssertionError, match=r"no interval of the difference \(not asked for\)"):
        comparison.check_gate("ner: no worse by 0.5")
