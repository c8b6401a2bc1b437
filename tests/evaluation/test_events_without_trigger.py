"""Events of whole documents, which have arguments and no trigger."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.document_events import (
    LAYERS,
    SCHEMES,
    TEXT,
    count_items,
    make_gold,
    make_predicted,
    random_corpora,
)

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    LoadError,
    Relation,
    Schema,
    Scores,
    Span,
    evaluate,
    fix_errors,
    load_corpus,
    load_model,
    predict,
    score,
)
from evalkit.data.schema import EventType, schema_errors
from evalkit.errors import DocumentError
from evalkit.evaluation.cascades import CASCADES
from evalkit.formats.registry import WRITTEN_FORMATS
from evalkit.models.exec_answers import build_document

METRICS = [f"{layer}/{scheme}" for layer in LAYERS for scheme in SCHEMES]
PLEDGE = Event("Pledge", None, (Argument("Pledger", 0, 4),))
ACME = Document("d", "Acme pledged 5 shares.", events=(PLEDGE,))


def counts_of(row):
    return row.tp, row.predicted, row.gold


def test_a_file_of_events_without_trigger_is_scored(tmp_path):
    arguments = [{"role": "Pledger", "start": 0, "end": 4}]
    for name, event in (
        ("gold", {"label": "Pledge", "arguments": arguments}),
        ("predicted", {"label": "Pledge", "trigger": None, "arguments": arguments}),
    ):
        line = {"id": "1", "text": "Acme pledged 5 shares.", "events": [event]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n")

    scores = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS, boot=0)

    for scheme in SCHEMES:
        assert counts_of(scores[f"arguments/{scheme}"].micro) == (1, 1, 1)
        assert counts_of(scores[f"attached-arguments/{scheme}"].micro) == (1, 1, 1)
        assert counts_of(scores[f"triggers/{scheme}"].micro) == (0, 0, 0)


def test_the_trigger_is_the_last_word_about_attached_arguments():
    with_trigger = Event("Pledge", Span(5, 12), PLEDGE.arguments)
    gold = Corpus([ACME])
    predicted = Corpus([Document("d", ACME.text, events=[with_trigger])])

    scores = score(gold, predicted, "arguments/strict,attached-arguments/strict", boot=0)

    assert counts_of(scores["arguments/strict"].micro) == (1, 1, 1)
    assert counts_of(scores["attached-arguments/strict"].micro) == (0, 1, 1)


@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_random_documents_score_as_in_plain_loops(documents):
    gold, predicted = random_corpora(documents, documents)

    scores = score(gold, predicted, METRICS, boot=0)

    for metric in METRICS:
        layer, _, scheme = metric.partition("/")
        by_document = dict(scores[metric].by_document())
        for mine, theirs in zip(gold, predicted):
            expected = count_items(mine, theirs, layer, scheme)
            row = by_document.get(mine.id)
            assert expected == ((0, 0, 0) if row is None else counts_of(row)), (metric, mine.id)


def test_sides_can_be_exchanged():
    draw = random.Random(6)
    gold = [make_gold(draw, f"d{number}", zones=()) for number in range(200)]
    predicted = Corpus([make_predicted(draw, document) for document in gold])
    gold = Corpus(gold)

    forward, back = score(gold, predicted, METRICS), score(predicted, gold, METRICS)

    for metric in METRICS:
        row, other = forward[metric].micro, back[metric].micro
        assert (row.precision, row.recall) == (other.recall, other.precision)


def test_files_shards_orders_and_jobs_give_the_same_numbers(tmp_path):
    gold, predicted = random_corpora(5, 150)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS)
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        (tmp_path / side).mkdir()
        for n in range(3):
            part = Corpus(list(corpus)[n::3], schema=corpus.schema)
            part.save(tmp_path / side / f"{n}.jsonl")
    draw = random.Random(1)
    shuffled = [
        Document(each.id, each.text, events=draw.sample(each.events, len(each.events)))
        for each in draw.sample(list(predicted), len(predicted))
    ]
    shuffled = Corpus(shuffled, schema=gold.schema, name="predicted")

    assert score(gold, predicted, METRICS).rows() == whole.rows()
    assert score(gold, shuffled, METRICS).rows() == whole.rows()
    assert score(tmp_path / "gold", tmp_path / "predicted", METRICS).rows() == whole.rows()
    two = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS, jobs=2)
    assert two.to_json() == whole.to_json()


def test_events_without_trigger_are_counted_where_triggers_or_realis_are_scored(tmp_path):
    realis = Event("Pledge", None, (Argument("Pledger", 13, 14),), realis="ACTUAL")
    met = Event("Meet", Span(5, 12))
    gold = Corpus([Document("d", ACME.text, events=[PLEDGE, realis, met])])
    metrics = "triggers/strict,triggers/exact,realis/strict,arguments/strict"

    scores = score(gold, Corpus([ACME]), metrics)

    asides = {metric: scores[metric].counts.set_aside for metric in scores}
    for metric, expected in (
        ("triggers/strict", (2, 1)),
        ("triggers/exact", (2, 1)),
        ("realis/strict", (1, None)),
        ("arguments/strict", (None, None)),
    ):
        found = asides[metric]
        names = ("gold_without_trigger", "predicted_without_trigger")
        assert tuple(map(found.get, names)) == expected
    report = scores.render()
    assert "gold events without a trigger: 2 (triggers)" in report
    assert "predicted events without a trigger: 1 (triggers)" in report
    scores.save(tmp_path / "result.json")
    saved = json.loads((tmp_path / "result.json").read_bytes())
    assert saved["set_aside"]["triggers/strict"]["gold_without_trigger"] == 2
    merged = Scores.merge(
        [
            score(Corpus([part]), Corpus([part]), metrics)
            for part in (ACME, Document("e", ACME.text, events=[met]))
        ]
    )
    assert merged["triggers/strict"].counts.set_aside["gold_without_trigger"] == 1


def test_a_dropped_event_type_is_no_event_without_trigger():
    scores = score(Corpus([ACME]), Corpus([ACME]), "triggers/strict", label_map={"Pledge": None})

    assert "gold_without_trigger" not in scores["triggers/strict"].counts.set_aside


def test_stats_and_validate_count_events_without_trigger(tmp_path):
    schema = Schema(events={"Pledge": EventType(), "Meet": EventType()})
    documents = [ACME, Document("e", ACME.text, events=[PLEDGE, Event("Pledge", Span(5, 12))])]
    corpus = Corpus(documents, schema=schema)
    corpus.save(tmp_path / "corpus")

    layer = corpus.stats().layers["triggers"]

    assert (layer.total.annotations, layer.without_trigger) == (1, 2)
    assert layer.unused_labels == ("Meet",)
    line = "not counted, events without a trigger: 2"
    assert line in corpus.stats().render()
    assert line in Corpus([ACME, *documents[1:]]).stats().render("html")
    validated = run_evalkit("validate", tmp_path / "corpus")
    assert "without a trigger, not scored in triggers and realis: 2 events" in validated.stdout
    only = Corpus([ACME]).stats()
    assert "without any annotation: triggers" not in only.render()
    assert only.layers["triggers"].without_trigger == 1


def test_rules_about_triggers_do_not_concern_events_without():
    schema = Schema(rules={"triggers": "single-token", "arguments": "same-sentence"})
    far = Event("Go", None, (Argument("Agent", 0, 3), Argument("Agent", 14, 16)))

    assert list(schema_errors(Document("d", TEXT, events=[far]), schema)) == []


def test_a_relation_of_an_event_without_trigger_is_refused():
    event = Event("Pledge", None, PLEDGE.arguments, id="E1")
    entities = [Entity("ORG", 0, 4, id="T1")]

    with pytest.raises(DocumentError, match=r"relations\[0\].tail: the event 'E1' has no trigger"):
        Document("d", ACME.text, entities, [event], relations=[Relation("by", "T1", "E1")])


def test_an_argument_may_refer_to_an_event_without_trigger():
    inner = Event("Pledge", None, PLEDGE.arguments, id="E1")
    outer = Event("Report", Span(5, 12), (Argument("Content", 13, 21, ref="E1"),))

    assert Document("d", ACME.text, events=[inner, outer]).events == (inner, outer)


def test_duplicates_are_found_and_dropped(tmp_path):
    Corpus([Document("d", ACME.text, events=[PLEDGE, PLEDGE])]).save(tmp_path / "gold.jsonl")

    with pytest.raises(LoadError, match=r"events\[1\]: duplicate of events\[0\]"):
        score(tmp_path / "gold.jsonl", Corpus([ACME]))
    kept = load_corpus(tmp_path / "gold.jsonl", duplicates="drop")
    assert kept[0].events == (PLEDGE,)
    other = Event("Pledge", Span(5, 12), PLEDGE.arguments)
    assert len(Document("d", ACME.text, events=[PLEDGE, other]).events) == 2


def test_documents_are_displayed():
    assert "<mark" in ACME._repr_html_()
    assert "without a trigger" in Corpus([ACME])._repr_html_()
    assert repr(ACME) == "<Document 'd': 22 characters, 1 event>"


# What a format makes of ACME: the names that it counts as dropped, or None if it loses nothing
WRITTEN = {
    "jsonl": None,
    "directory": None,
    "parquet": None,
    "bigbio": None,
    "docbin": "events without a trigger, in doc.spans",
    "brat": "events without a trigger",
    "cas": "events without a trigger",
    "webanno": "events without a trigger",
    "bioc": "events without a trigger",
    "dygie": "events without a trigger",
    "textee": "events without a trigger",
}


@pytest.mark.parametrize("name", [name for name in WRITTEN_FORMATS if name != "hf"])
def test_what_a_format_cannot_hold_is_counted(tmp_path, name):
    refers = Event("Report", Span(5, 12), (Argument("Content", 13, 21, ref="E1"),), id="E2")
    event = Event("Pledge", None, PLEDGE.arguments, id="E1")
    entities = (Entity("ORG", 0, 4, id="T1"),)
    corpus = Corpus([Document("d", ACME.text, entities, (event, refers))])
    path = tmp_path / ("saved" if name in ("directory", "brat") else "saved.txt")

    report = corpus.save(f"{name}:{path}")

    dropped = {line for line in report.dropped if "event" in line and "ids" not in line}
    expected = WRITTEN.get(name, "events")
    assert dropped == (set() if expected is None else {expected})
    if expected is None or name == "docbin":
        events = load_corpus(f"{name}:{path}")[0].events
        assert events[0] == event if name != "bigbio" else events[0].trigger is None
        assert events[0].arguments[0].role == "Pledger"


def test_errors_of_attached_arguments_add_up_to_the_counts():
    gold, predicted = random_corpora(8, 200)
    metrics = ("attached-arguments/strict", "arguments/strict", "triggers/strict", "realis/strict")
    scores = score(gold, predicted, metrics, boot=0)

    for metric in metrics:
        row = scores[metric].micro
        counts = scores.errors(metric.partition("/")[0]).counts
        pairs = sum(n for kind, n in counts.items() if kind not in ("missed", "spurious"))
        assert counts["correct"] == row.tp
        assert pairs + counts["missed"] == row.gold
        assert pairs + counts["spurious"] == row.predicted


def test_events_of_one_type_without_trigger_are_one_event_of_attached_arguments():
    a, b, c, d = (Argument(role, *span) for role, span in zip("ABCD", ((0, 4), (5, 12)) * 2))
    gold = Corpus([Document("d", ACME.text, events=[Event("P", None, [a]), Event("P", None, [b])])])
    predicted = Corpus(
        [Document("d", ACME.text, events=[Event("P", None, [b, c]), Event("Q", None, [a, d])])]
    )

    analysis = score(gold, predicted, "attached-arguments/strict").errors("attached-arguments")

    assert {kind: n for kind, n in analysis.counts.items() if n} == {
        "correct": 1,
        "role": 1,
        "spurious": 2,
    }


@pytest.mark.parametrize(
    "kind", ["triggers", "spurious events", "roles", "argument spans", "missed"]
)
def test_fixed_errors_never_lose(kind):
    gold, predicted = random_corpora(9, 400)
    metric = "triggers/strict" if kind == "missed" else "attached-arguments/strict"
    layer = {"layer": "triggers"} if kind == "missed" else {}
    before = score(gold, predicted, metric, boot=0)[metric].micro

    fixed = fix_errors(gold, predicted, kind, **layer)

    after = score(gold, fixed, metric, boot=0)[metric].micro
    assert after.f1 > before.f1
    if kind == "missed":
        assert after.recall > before.recall


def test_fixing_spurious_triggers_leaves_events_without_trigger():
    met = Event("Meet", Span(5, 12))
    gold = Corpus([ACME])
    predicted = Corpus([Document("d", ACME.text, events=[PLEDGE, met])])

    assert list(fix_errors(gold, predicted, "spurious", layer="triggers")) == [ACME]


def test_gains_of_corrections_are_computed():
    gold, predicted = random_corpora(10, 60)

    scores = score(gold, predicted, ["attached-arguments/strict", "realis/strict"], boot=0)

    assert [gain.kind for gain in scores.errors("attached-arguments").cascades][:2] == [
        *CASCADES["attached-arguments/strict"][:2]
    ]


def test_the_html_report_shows_events_without_trigger(tmp_path):
    gold, predicted = random_corpora(11, 20)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")

    run_evalkit(
        "errors",
        tmp_path / "gold.jsonl",
        tmp_path / "predicted.jsonl",
        "--layer",
        "attached-arguments",
        "-o",
        tmp_path / "errors.html",
    )

    assert "without a trigger" in (tmp_path / "errors.html").read_text()


def test_a_model_may_return_events_without_trigger():
    def answer(text):
        return Document("x", text, events=[PLEDGE])

    scores = evaluate(answer, Corpus([ACME]), "arguments/strict")

    assert counts_of(scores["arguments/strict"].micro) == (1, 1, 1)
    assert predict(load_model(answer), Corpus([ACME]))[0].events == (PLEDGE,)


def test_scores_and_attributes_belong_to_the_events_with_a_trigger():
    sure = Event("Meet", Span(5, 12), score=0.9, realis="ACTUAL", attributes={"tense": "past"})
    unsure = Event("Meet", None, PLEDGE.arguments, score=0.1, realis="ACTUAL")
    corpus = Corpus([Document("d", ACME.text, events=[unsure, sure])])
    scores = score(corpus, corpus, "triggers/strict,realis/strict", boot=0)

    for metric in scores:
        assert [pair.predicted.score for pair in scores.pairs(metric)] == [0.9]
    for layer in ("triggers", "realis"):
        groups = scores.errors(layer).by("attribute:tense")
        assert "past" in str(groups)


def test_a_data_set_of_the_hub_holds_events_without_trigger(tmp_path):
    pytest.importorskip("datasets")
    met = Event("Meet", Span(5, 12), id="E2")
    corpus = Corpus([Document("d", ACME.text, (), (PLEDGE, met))])

    corpus.save(f"hf:{tmp_path / 'data'}")

    assert list(load_corpus(f"hf:{tmp_path / 'data'}")) == list(corpus)
    rows = (tmp_path / "data" / "data" / "events.jsonl").read_text().splitlines()
    assert [json.loads(row)["start"] for row in rows] == [None, 5]


def test_an_answer_with_a_relation_of_an_event_without_trigger_is_unplaced():
    arguments = [{"role": "Pledger", "start": 0, "end": 4}]
    answer = {
        "entities": [{"label": "ORG", "start": 0, "end": 4, "id": "T1"}],
        "events": [{"label": "Pledge", "arguments": arguments, "id": "E1"}],
        "relations": [{"label": "by", "head": "E1", "tail": "T1"}],
    }

    found = build_document(Document("d", ACME.text), answer)

    assert (found.failure, found.relations, len(found.events)) == (None, (), 1)
    assert [(each.layer, each.label) for each in found.unplaced] == [("relations", "by")]
    assert "no entity, or event with a trigger, has the id 'E1'" in found.unplaced[0].reason


def test_a_relation_of_a_quote_and_an_event_without_trigger_is_unplaced(tmp_path):
    arguments = [{"role": "Pledger", "start": 0, "end": 4}]
    line = {
        "id": "d",
        "text": ACME.text,
        "entities": [{"label": "ORG", "text": "Acme", "id": "T1"}],
        "events": [{"label": "Pledge", "arguments": arguments, "id": "E1"}],
        "relations": [{"label": "by", "head": "T1", "tail": "E1"}],
    }
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n")

    document = load_corpus(tmp_path / "x.jsonl", predictions=True)[0]

    assert [each.layer for each in document.unplaced] == ["entities", "relations"]
    with pytest.raises(LoadError, match=r"relations\[0\].tail: the event 'E1' has no trigger"):
        load_corpus(tmp_path / "x.jsonl", predictions=True, ground=True)
