"""The outcomes of attributions and of their parts."""

import random
from collections import Counter

from helpers.error_examples import ATTRIBUTION_EXAMPLE
from helpers.random_documents import make_pairs

from evalkit import Attribution, Span, score
from evalkit.analysis.attribution_errors import classify_attributions
from evalkit.data.duplicates import drop_duplicates

PART_STATUSES = (
    "correct",
    "too short",
    "too long",
    "shifted",
    "wrong place",
    "missed",
    "spurious",
    "correct (none)",
)


def make_attribution(cue, content, source=None):
    spans = []
    for offsets in (cue, content, source):
        spans.append(None if offsets is None else Span(*offsets))
    return Attribution(*spans)


def statuses(outcome):
    return {part.part: part.status for part in outcome.parts}


def example_attributions(attributions):
    made = []
    for parts in attributions:
        offsets = [(*parts[name][0],) if parts[name] else None for name in parts]
        source, cue, content = offsets
        made.append(make_attribution(cue, content, source))
    return made


def test_the_example_comes_out():
    gold = example_attributions(ATTRIBUTION_EXAMPLE.gold)
    predicted = example_attributions(ATTRIBUTION_EXAMPLE.predicted)

    outcomes = classify_attributions(gold, predicted)

    pairs, missed, spurious, elsewhere = [], [], [], []
    for outcome in outcomes:
        if outcome.kind == "paired":
            pairs.append((outcome.gold, outcome.predicted, statuses(outcome)))
            assert outcome.anchor == "cue"
        elif outcome.kind == "missed":
            missed.append(outcome.gold)
        else:
            spurious.append(outcome.predicted)
        for part in outcome.parts:
            if part.attached_elsewhere is not None:
                elsewhere.append((part.part, outcome.predicted, part.attached_elsewhere))
    assert pairs == ATTRIBUTION_EXAMPLE.pairs
    assert missed == ATTRIBUTION_EXAMPLE.missed
    assert spurious == ATTRIBUTION_EXAMPLE.spurious
    assert elsewhere == ATTRIBUTION_EXAMPLE.attached_elsewhere


def test_each_status_of_a_part():
    gold = make_attribution((10, 14), (20, 30), None)
    cases = {
        "correct": (20, 30),
        "too short": (20, 25),
        "too long": (20, 35),
        "shifted": (25, 35),
        "wrong place": (30, 35),
    }
    for status, content in cases.items():
        (outcome,) = classify_attributions([gold], [make_attribution((10, 14), content)])

        assert statuses(outcome) == {
            "source": "correct (none)",
            "cue": "correct",
            "content": status,
        }
        assert outcome.is_correct == (status == "correct")


def test_sources_of_one_side_only_are_missed_or_spurious():
    with_source = make_attribution((10, 14), (20, 30), (0, 5))
    without_source = make_attribution((10, 14), (20, 30))

    (missed,) = classify_attributions([with_source], [without_source])
    (spurious,) = classify_attributions([without_source], [with_source])

    assert statuses(missed)["source"] == "missed"
    assert statuses(spurious)["source"] == "spurious"


def test_attributions_without_cues_are_paired_by_content():
    gold = [make_attribution(None, (20, 30), (0, 5))]
    predicted = [make_attribution(None, (20, 25), (0, 5))]

    (outcome,) = classify_attributions(gold, predicted)

    assert outcome.anchor == "content"
    assert statuses(outcome) == {
        "source": "correct",
        "cue": "correct (none)",
        "content": "too short",
    }


def test_attributions_of_failed_documents_are_marked():
    (outcome,) = classify_attributions([make_attribution((1, 2), (3, 4))], [], is_failed=True)

    assert (outcome.kind, outcome.is_failed) == ("missed", True)


def test_correct_parts_are_tp_of_attached_attributions():
    for seed in range(60):
        for gold, predicted in make_pairs(seed, 2, zones=()):
            distinct = drop_duplicates(predicted).attributions

            outcomes = classify_attributions(gold.attributions, distinct)

            parts = [part for outcome in outcomes for part in outcome.parts]
            assert {part.status for part in parts} <= set(PART_STATUSES)
            counts = Counter(part.status for part in parts)
            if not gold.attributions and not predicted.attributions:
                continue
            scores = score([gold], [predicted], "attached-attributions/strict", boot=0)
            row = scores["attached-attributions/strict"].micro
            assert counts["correct"] == row.tp
            assert sum(bool(part.gold) for part in parts) == row.gold


def test_the_order_of_attributions_does_not_matter():
    draw = random.Random(3)
    for seed in range(30):
        for gold, predicted in make_pairs(seed, 1, duplicates=False):
            shuffled = [
                draw.sample(side.attributions, len(side.attributions)) for side in (gold, predicted)
            ]

            one = classify_attributions(gold.attributions, predicted.attributions)
            other = classify_attributions(*shuffled)

            assert Counter(
                (each.kind, tuple(map(tuple, map(_plain, each.parts)))) for each in one
            ) == (
                Counter((each.kind, tuple(map(tuple, map(_plain, each.parts)))) for each in other)
            )


def _plain(part):
    return part[:4]
