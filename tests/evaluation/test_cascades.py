"""What a layer would gain if another layer were correct."""

import pytest
from helpers.error_examples import EVENT_EXAMPLE
from helpers.random_documents import make_corpora, make_pairs

from evalkit import (
    Argument,
    Corpus,
    Document,
    Event,
    InputError,
    Span,
    compare,
    fix_errors,
    score,
)
from evalkit.evaluation.cascades import CASCADES, measure_cascades
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.results.cascade_gains import build_cascade_table
from evalkit.results.tables import DEFAULT_FORMAT


def make_task(gold, predicted, **options):
    size = len(gold) if isinstance(gold, Corpus) else 2
    inputs = EvaluationInputs(
        "gold", "predicted", getattr(gold, "schema", None), gold, predicted, "error"
    )
    return ScoringRun(inputs, ScoreOptions.create(**options), size).task


def example_corpus(events):
    made = []
    for label, trigger, arguments in events:
        made.append(Event(label, Span(*trigger), [Argument(*each) for each in arguments]))
    return Corpus([Document("d", EVENT_EXAMPLE.text, events=made)])


def test_the_gains_of_the_example_come_out():
    gold, predicted = example_corpus(EVENT_EXAMPLE.gold), example_corpus(EVENT_EXAMPLE.predicted)

    gains = measure_cascades(make_task(gold, predicted), ["attached-arguments/strict"])

    assert {gain.kind: (gain.f1, gain.gain) for gain in gains} == {
        "triggers": (0.25, 0.25),
        "spurious events": (0.25, 0.0),
        "roles": (0.25, 0.25),
        "argument spans": (0.25, 0.0),
        "attachment": (0.25, 0.25),
    }
    assert {gain.metric_name: gain.condition for gain in gains[-1:]} == {
        "Arg-C+": "if the attachment were correct"
    }


@pytest.mark.parametrize("seed", range(4))
def test_gains_are_differences_of_scores_with_their_paired_intervals(seed):
    gold, predicted = make_corpora(make_pairs(seed, 20))

    gains = measure_cascades(make_task(gold, predicted))

    assert {(gain.metric, gain.kind) for gain in gains} == {
        (metric, kind)
        for metric, kinds in CASCADES.items()
        for kind in kinds
        if metric != "relations/strict"  # these documents have no relations
    }
    for gain in gains:
        before = score(gold, predicted, gain.metric)
        after = score(gold, fix_errors(gold, predicted, gain.kind), gain.metric)
        (difference,) = compare(after=after, before=before).differences

        assert gain.f1 == before[gain.metric].micro.f1
        assert gain.corrected_f1 == after[gain.metric].micro.f1
        assert gain.gain == difference.difference
        assert gain.interval == difference.interval


def test_files_give_the_gains_of_corpora(tmp_path):
    gold, predicted = make_corpora(make_pairs(8, 12))
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        corpus.save(tmp_path / name / "corpus.jsonl")
    paths = [tmp_path / name / "corpus.jsonl" for name in ("gold", "predicted")]

    gains = measure_cascades(make_task(*paths, zones="all"))

    assert gains == measure_cascades(make_task(gold, predicted, zones="all"))


def test_options_apply_to_the_gains():
    gold, predicted = make_corpora(make_pairs(9, 20))
    options = {"metrics": "arg-c+", "labels": ["A"], "zones": "all", "boot": 0}

    gains = measure_cascades(make_task(gold, predicted, **options), ["attached-arguments/strict"])

    row = score(gold, predicted, **options)["arg-c+"].micro
    assert {gain.f1 for gain in gains} == {row.f1}
    assert {gain.interval.reason for gain in gains} == {"not asked for"}
    fixed = fix_errors(gold, predicted, "triggers", labels=["A"], zones="all")
    corrected = score(gold, fixed, **options)["arg-c+"].micro.f1
    assert gains[0].corrected_f1 == corrected


def test_layers_that_a_side_lacks_have_no_gains():
    gold = Corpus([Document("d", "Ada ran.", [], [Event("A", Span(4, 7))])])
    predicted = Corpus([Document("d", "Ada ran.", [])])

    assert measure_cascades(make_task(gold, predicted)) == []


def test_a_correct_prediction_gains_nothing():
    gold = example_corpus(EVENT_EXAMPLE.gold)

    gains = measure_cascades(make_task(gold, gold), ["arguments/strict"])

    assert {(gain.metric_name, gain.f1, gain.gain) for gain in gains} == {("Arg-C", 1.0, 0.0)}


def test_the_table_has_a_line_for_each_metric_and_correction():
    gold, predicted = make_corpora(make_pairs(5, 30))
    task = make_task(gold, predicted)
    gains = measure_cascades(task)

    table = build_cascade_table(gains, DEFAULT_FORMAT, task.resampling)

    assert table.columns == ("metric", "condition", "F1 then", "F1 gain", "95 % CI")
    assert [row[0] for row in table.rows if row[0]] == [
        "Arg-C+",
        "Arg-C",
        "realis",
        "attached attributions",
        "whole attributions",
    ]
    assert len(table.rows) == len(gains)
    assert build_cascade_table([], DEFAULT_FORMAT, task.resampling) is None


def test_an_unknown_metric_is_an_error():
    gold = example_corpus(EVENT_EXAMPLE.gold)

    with pytest.raises(InputError, match="unknown metric 'entities/strict'"):
        measure_cascades(make_task(gold, gold), ["entities/strict"])
