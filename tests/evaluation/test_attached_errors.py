"""Errors of attached arguments and attached attributions, counted like those of spans."""

import pytest
from helpers.error_examples import ATTRIBUTION_EXAMPLE, EVENT_EXAMPLE
from helpers.random_documents import make_corpora, make_pairs

from evalkit import Argument, Attribution, Corpus, Document, Event, Scores, Span, Unplaced, score
from evalkit.analysis.attached_errors import gains_by_need
from evalkit.analysis.error_kinds import kinds_of_layer

LAYERS = ("attached-arguments", "attached-attributions")


def event_corpus(events):
    made = []
    for label, trigger, arguments in events:
        made.append(Event(label, Span(*trigger), [Argument(*each) for each in arguments]))
    return Corpus([Document("d", EVENT_EXAMPLE.text, events=made)])


def attribution_corpus(attributions):
    made = []
    for parts in attributions:
        spans = {}
        for name, ranges in parts.items():
            spans[name] = Span(*ranges[0]) if ranges else None
        made.append(Attribution(**spans))
    return Corpus([Document("d", ATTRIBUTION_EXAMPLE.text, attributions=made)])


def errors_of(gold, predicted, layer, **options):
    return score(gold, predicted, f"{layer}/strict", **options).errors(layer)


def test_the_arguments_of_the_example_have_their_kinds():
    gold, predicted = event_corpus(EVENT_EXAMPLE.gold), event_corpus(EVENT_EXAMPLE.predicted)

    analysis = errors_of(gold, predicted, "attached-arguments")

    occurring = {kind: n for kind, n in analysis.counts.items() if n}
    assert occurring == {"correct": 1, "event": 1, "role": 1, "attachment": 1}
    assert analysis.details == {("event", "label"): 1}
    assert [(item.kind, item.gold.text, item.predicted.label) for item in analysis.items] == [
        ("role", "town", "Place"),
        ("event", "soldiers", "Agent"),
        ("attachment", "Monday", "Time"),
    ]
    needs = gains_by_need(analysis.error_counts)
    assert {gain.kind: gain.loss for gain in needs} == EVENT_EXAMPLE.losses
    assert {gain.kind: gain.gain for gain in needs} == EVENT_EXAMPLE.gains


def test_the_parts_of_the_example_have_their_kinds():
    gold = attribution_corpus(ATTRIBUTION_EXAMPLE.gold)
    predicted = attribution_corpus(ATTRIBUTION_EXAMPLE.predicted)

    analysis = errors_of(gold, predicted, "attached-attributions")

    occurring = {kind: n for kind, n in analysis.counts.items() if n}
    assert occurring == {"correct": 3, "boundary": 1, "wrong place": 1, "missed": 4}
    assert analysis.details == {
        ("boundary", "too short"): 1,
        ("wrong place", "attached elsewhere"): 1,
        ("missed", "with its attribution"): 3,
    }


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("seed", range(10))
def test_kinds_add_up_to_the_counts_of_strict(layer, seed):
    gold, predicted = make_corpora(make_pairs(700 + seed, 10))
    scores = score(gold, predicted, f"{layer}/strict")

    analysis = scores.errors(layer)

    row = scores[f"{layer}/strict"].micro
    counts = analysis.error_counts
    assert (counts.gold, counts.predicted, counts.correct) == (row.gold, row.predicted, row.tp)
    pair_kinds = set(kinds_of_layer(layer)) - {"missed", "spurious", "duplicate", "unplaced"}
    pairs = sum(analysis.counts[kind] for kind in pair_kinds)
    assert pairs + analysis.counts["missed"] == row.gold
    others = sum(analysis.counts.get(kind, 0) for kind in ("spurious", "duplicate", "unplaced"))
    assert pairs + others == row.predicted
    assert sum(gain.loss for gain in analysis.gains if gain.detail is None) == pytest.approx(
        1 - row.f1, abs=1e-12
    )
    for label in counts.labels:
        by_label = scores[f"{layer}/strict"][label]
        assert counts.sum_where(lambda cell: not cell.is_predicted, label) == by_label.gold
        assert counts.sum_where(lambda cell: cell.is_predicted, label) == by_label.predicted


@pytest.mark.parametrize("seed", range(6))
def test_needs_add_up_and_gain_nothing_negative(seed):
    gold, predicted = make_corpora(make_pairs(800 + seed, 20))
    analysis = errors_of(gold, predicted, "attached-arguments")

    gains = gains_by_need(analysis.error_counts, analysis.resampling)

    assert sum(gain.loss for gain in gains) == pytest.approx(1 - analysis.f1, abs=1e-12)
    assert [gain for gain in gains if gain.gain < 0] == []
    assert {gain.interval.low is None for gain in gains} <= {True, False}


def test_an_inherited_error_is_a_detail():
    gold = event_corpus([("Attack", (7, 15), [("Agent", 0, 6)])])
    predicted = event_corpus([("Attack", (7, 19), [("Target", 0, 6)])])

    analysis = errors_of(gold, predicted, "attached-arguments")

    assert analysis.details == {("role", "wrong event"): 1}
    assert {gain.kind: gain.loss for gain in gains_by_need(analysis.error_counts)} == {
        "event": 0.5,
        "role": 0.5,
    }
    assert {gain.gain for gain in gains_by_need(analysis.error_counts)} == {0.0}


def test_unplaced_duplicate_and_failed_items_are_counted():
    text = ATTRIBUTION_EXAMPLE.text
    attribution = Attribution(Span(10, 14), Span(0, 9))
    gold = Corpus(
        [
            Document("d1", text, attributions=[attribution]),
            Document("d2", text, attributions=[attribution]),
        ]
    )
    unplaced = [Unplaced("attributions", "source", "not found", "Eve")]
    predicted = Corpus(
        [
            Document("d1", text, attributions=[attribution, attribution], unplaced=unplaced),
            Document("d2", text, failure="time out"),
        ]
    )

    analysis = errors_of(gold, predicted, "attached-attributions")

    assert analysis.counts["duplicate"] == 2
    assert analysis.details == {("missed", "failed document"): 2, ("unplaced", "not found"): 1}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_order_of_documents_and_annotations_does_not_matter(layer):
    pairs = make_pairs(900, 12, duplicates=False)
    gold, predicted = make_corpora(pairs)
    reversed_documents = [
        Corpus(corpus.documents[::-1], schema=gold.schema) for corpus in (gold, predicted)
    ]

    one, other = errors_of(gold, predicted, layer), errors_of(*reversed_documents, layer)

    assert one.counts == other.counts
    assert one.details == other.details
    assert one.gains == other.gains


@pytest.mark.parametrize("layer", LAYERS)
def test_the_report_can_be_rendered_in_every_format(layer):
    gold, predicted = make_corpora(make_pairs(950, 6))
    analysis = errors_of(gold, predicted, layer)

    for format in ("table", "markdown", "latex", "csv", "html", "json", "jsonl"):
        assert analysis.render(format)


def test_the_losses_of_labels_add_up_in_the_report():
    gold, predicted = make_corpora(make_pairs(960, 20))
    analysis = errors_of(gold, predicted, "attached-arguments", boot=0)

    lines = analysis.render("table", digits=6, width=200).splitlines()

    start = lines.index("Errors by label")
    lost = []
    for line in lines[start + 3 :]:
        if line.split()[0] not in analysis.error_counts.labels:
            break
        lost.append(float(line.split()[-1]))
    assert sum(lost) == pytest.approx(1 - analysis.f1, abs=1e-5)


def test_cascades_belong_to_the_layer():
    gold, predicted = make_corpora(make_pairs(961, 20))

    arguments = errors_of(gold, predicted, "attached-arguments")
    entities = errors_of(gold, predicted, "entities")

    assert {gain.metric for gain in arguments.cascades} == {"attached-arguments/strict"}
    assert {gain.kind for gain in arguments.cascades} >= {"triggers", "roles", "attachment"}
    assert (entities.cascades, entities.needs) == ([], [])
    assert entities.fair is not None
    assert arguments.fair is None


def test_saved_counts_keep_kinds_and_needs(tmp_path):
    gold, predicted = make_corpora(make_pairs(962, 20))
    scores = score(gold, predicted, "attached-arguments/strict")
    analysis = scores.errors("attached-arguments")
    scores.save(tmp_path / "scores.json")

    loaded = Scores.load(tmp_path / "scores.json").errors("attached-arguments")

    assert loaded.counts == analysis.counts
    assert loaded.needs == analysis.needs
    assert loaded.cascades == []
