"""Strict counts beside those of seqeval, SeqScore, spaCy and nervaluate, on their own ground:
random corpora, integer for integer.

`scripts/agreement` runs this on 10,000 corpora; here are fewer. The peers come with the extra
`dev`. Where they differ by design, test_conformance.py states both numbers.
"""

import os
import random
import warnings

import pytest
from helpers.random_corpora import LABELS

from evalkit import score_spans, score_tags

CORPORA = int(os.environ.get("EVALKIT_AGREEMENT", "20"))
SEEDS = range(CORPORA)


def tags_of(draw, length):
    """Proper IOB2 tags."""
    row, at = [], 0
    while at < length:
        if draw.random() < 0.6:
            row.append("O")
            at += 1
        else:
            size, label = min(draw.choice([1, 1, 2, 3]), length - at), draw.choice(LABELS)
            row += [f"B-{label}"] + [f"I-{label}"] * (size - 1)
            at += size
    return row


def tag_corpus(seed):
    draw = random.Random(seed)
    gold = [tags_of(draw, draw.randrange(1, 12)) for _ in range(20)]
    said = [
        row if draw.random() < 0.4 else mixed(draw, row, tags_of(draw, len(row))) for row in gold
    ]
    return gold, said


def mixed(draw, one, other):
    """The first part of one and the rest of the other, where that is proper."""
    cuts = [n for n in range(len(one) + 1) if n == len(one) or not other[n].startswith("I-")]
    cut = draw.choice(cuts)
    return one[:cut] + other[cut:]


def counts(scores):
    found = scores["ner"]
    return {
        label: (found[label].tp, found[label].predicted, found[label].gold)
        for label in found.labels
        if found[label].gold or found[label].predicted
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_seqeval_counts_the_same(seed):
    from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support
    from seqeval.scheme import IOB2, Entities

    gold, said = tag_corpus(seed)
    names = sorted({tag[2:] for row in [*gold, *said] for tag in row if tag != "O"})
    found = [
        {(n, *entity) for n, row in enumerate(side) for entity in get_entities(row)}
        for side in (gold, said)
    ]

    ours = score_tags(gold, said)

    theirs = {
        name: [{entity for entity in side if entity[1] == name} for side in found] for name in names
    }
    assert counts(ours) == {name: (len(g & s), len(s), len(g)) for name, (g, s) in theirs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratios = precision_recall_fscore_support(gold, said, average=None, zero_division=0)
    for name, *values in zip(names, *ratios, strict=True):
        assert [
            ours["ner"][name].precision or 0,
            ours["ner"][name].recall or 0,
            ours["ner"][name].f1 or 0,
            ours["ner"][name].gold,
        ] == pytest.approx(values, abs=1e-12)
    strict = [Entities(side, IOB2) for side in (gold, said)]
    for name in names:
        one, other = (side.filter(name) for side in strict)
        assert counts(ours)[name] == (len(one & other), len(other), len(one))


def drop_label(draw, rows, labels):
    """One side without some label, so that labels are missing on either side."""
    dropped = draw.choice([None, *labels])
    return [["O" if tag[2:] == dropped else tag for tag in row] for row in rows]


def reports_of(seed):
    """Precision, recall, F1 and support of labels and averages, by evalkit and by seqeval; our None
    is read as its 0. Empty where seqeval raises ValueError, for lack of entities.
    """
    from seqeval.metrics import classification_report

    draw = random.Random(seed)
    gold, predicted = (
        [tags_of(draw, draw.randrange(1, 9)) for _ in range(draw.randrange(1, 6))] for _ in (0, 1)
    )
    predicted = [
        mixed(draw, row, tags_of(draw, len(row))) if draw.random() < 0.7 else row for row in gold
    ]
    gold, predicted = (drop_label(draw, rows, LABELS) for rows in (gold, predicted))
    ours = score_tags(gold, predicted, boot=0)["ner"]
    if all(tag == "O" for row in [*gold, *predicted] for tag in row):
        return {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = classification_report(gold, predicted, output_dict=True, zero_division=0)
    rows = {label: ours[label] for label in ours.labels} | {
        "micro avg": ours.micro,
        "macro avg": ours.macro,
        "weighted avg": ours.weighted,
    }
    our_report = {}
    for name, row in rows.items():
        # The support of our macro and weighted rows is None.
        support = row.gold if row.gold is not None else ours.micro.gold
        our_report[name] = [row.precision or 0, row.recall or 0, row.f1 or 0, support]
    columns = ("precision", "recall", "f1-score", "support")
    their_report = {name: [row[column] for column in columns] for name, row in theirs.items()}
    return our_report, their_report


@pytest.mark.parametrize("seed", SEEDS)
def test_seqeval_reports_the_same_averages_where_labels_are_missing_on_either_side(seed):
    ours, theirs = reports_of(seed)

    assert set(ours) == set(theirs)
    assert all(ours[name] == pytest.approx(theirs[name], abs=1e-12) for name in ours)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 10_000, 1000))
def test_seqeval_reports_the_same_averages_on_many_corpora(first):
    compared = 0
    for seed in range(first, first + 1000):
        ours, theirs = reports_of(seed)
        assert set(ours) == set(theirs), f"corpus {seed}"
        for name, values in ours.items():
            assert values == pytest.approx(theirs[name], abs=1e-12), f"corpus {seed}, {name}"
        compared += bool(ours)

    assert compared > 800


@pytest.mark.parametrize("seed", SEEDS)
def test_seqscore_counts_the_same(seed):
    from seqscore.scoring import score_label_sequences

    gold, said = tag_corpus(seed)
    theirs, _ = score_label_sequences(said, gold, "BIO", repair=None)

    assert counts(score_tags(gold, said)) == {
        name: (found.true_pos, found.true_pos + found.false_pos, found.true_pos + found.false_neg)
        for name, found in theirs.type_scores.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_seqscore_repairs_the_same(seed):
    from seqscore.scoring import score_label_sequences

    draw = random.Random(seed)
    gold, said = tag_corpus(seed)
    said = [
        [tag if draw.random() < 0.8 else f"I-{draw.choice(LABELS)}" for tag in row] for row in said
    ]
    for repair in ("conlleval", "discard"):
        theirs, _ = score_label_sequences(said, gold, "BIO", repair=repair)
        micro = score_tags(gold, said, repair=repair)["ner"].micro
        assert (micro.tp, micro.fp, micro.fn) == (
            theirs.true_pos,
            theirs.false_pos,
            theirs.false_neg,
        )


def span_corpus(seed, *, flat):
    """Token spans; gold and prediction are each free of overlaps where flat."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(10):
        sides = []
        for _ in range(2):
            taken = []
            for _ in range(draw.randrange(6)):
                start = draw.randrange(18)
                span = (start, start + draw.choice([1, 2, 3]))
                if not flat or all(span[1] <= a or b <= span[0] for a, b, _ in taken):
                    taken.append((*span, draw.choice(LABELS)))
            sides.append(sorted(dict.fromkeys(taken)))
        said = sorted(
            dict.fromkeys(
                sides[1]
                + [
                    s
                    for s in sides[0]
                    if draw.random() < 0.6
                    and (not flat or all(s[1] <= a or b <= s[0] for a, b, _ in sides[1]))
                ]
            )
        )
        pairs.append((sides[0], said))
    return pairs


@pytest.fixture(scope="module")
def nlp():
    import spacy

    return spacy.blank("en")


@pytest.mark.parametrize("seed", SEEDS)
def test_spacy_counts_the_same(seed, nlp):
    from spacy.scorer import Scorer
    from spacy.tokens import Doc, Span
    from spacy.training import Example

    pairs = span_corpus(seed, flat=False)

    def doc(spans):
        made = Doc(nlp.vocab, words=["x"] * 21)
        made.spans["sc"] = [Span(made, start, end, label=label) for start, end, label in spans]
        return made

    theirs = Scorer.score_spans(
        [Example(doc(said), doc(gold)) for gold, said in pairs],
        "spans_sc",
        getter=lambda d, _: d.spans["sc"],
        has_annotation=lambda d: "sc" in d.spans,
        allow_overlap=True,
    )
    ours = score_spans(*zip(*pairs, strict=True))["ner"]

    assert (ours.micro.precision or 0, ours.micro.recall or 0, ours.micro.f1 or 0) == pytest.approx(
        (theirs["spans_sc_p"], theirs["spans_sc_r"], theirs["spans_sc_f"]), abs=1e-12
    )
    for label, found in theirs["spans_sc_per_type"].items():
        assert (ours[label].precision or 0, ours[label].recall or 0) == pytest.approx(
            (found["p"], found["r"]), abs=1e-12
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_nervaluate_counts_the_same_on_flat_spans(seed):
    """Sorted by start and without overlaps on a side, its first choice is the best one, but for
    type: there it may find fewer pairs.
    """
    from nervaluate import Evaluator

    pairs = span_corpus(seed, flat=True)
    dicts = [
        [
            [{"label": label, "start": start, "end": end - 1} for start, end, label in side]
            for side in sides
        ]
        for sides in zip(*pairs, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Evaluator(*dicts, tags=LABELS, loader="dict").evaluate()["overall"]
    for scheme in ("strict", "exact"):
        muc = score_spans(*zip(*pairs, strict=True), f"entities/{scheme}")[f"entities/{scheme}"]
        assert (muc.micro.tp, muc.micro.predicted, muc.micro.gold) == (
            theirs[scheme].correct,
            theirs[scheme].actual,
            theirs[scheme].possible,
        )
    ours = score_spans(*zip(*pairs, strict=True), ["entities/partial", "entities/type"])
    muc = ours["entities/partial"].muc
    assert (muc.correct, muc.partial) == (theirs["partial"].correct, theirs["partial"].partial)
    assert ours["entities/type"].micro.tp >= theirs["ent_type"].correct


@pytest.mark.parametrize("seed", SEEDS)
def test_nervaluate_has_the_same_muc_counts_where_no_order_matters(seed):
    """Each span overlaps at most one of the other side, so nervaluate has nothing to choose."""
    from nervaluate import Evaluator

    draw = random.Random(seed)
    pairs = []
    for _ in range(10):
        sides = [], []
        for slot in range(0, 40, 8):
            for side in sides:
                if draw.random() < 0.7:
                    start = slot + draw.choice([0, 0, 1, 2])
                    side.append((start, start + draw.choice([3, 3, 4]), draw.choice(LABELS)))
        pairs.append(sides)
    dicts = [
        [
            [{"label": label, "start": start, "end": end - 1} for start, end, label in side]
            for side in sides
        ]
        for sides in zip(*pairs, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Evaluator(*dicts, tags=LABELS, loader="dict").evaluate()["overall"]
    for scheme, name in (
        ("strict", "strict"),
        ("exact", "exact"),
        ("partial", "partial"),
        ("type", "ent_type"),
    ):
        muc = score_spans(*zip(*pairs, strict=True), f"entities/{scheme}", boot=0)[
            f"entities/{scheme}"
        ].muc
        expected = theirs[name]
        assert tuple(muc) == (
            expected.correct,
            expected.incorrect,
            expected.partial,
            expected.missed,
            expected.spurious,
        )
