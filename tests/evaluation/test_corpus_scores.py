"""What counts, what is set aside, and what is refused."""

import json

import pytest
from helpers.marked import corpus, marked

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Schema,
    Scores,
    Span,
    Unplaced,
    Zone,
    evaluate,
    load_corpus,
    score,
)
from evalkit.corpus import bundled_path
from evalkit.data.schema import ZoneSchema

GOLD = corpus("[Ada|PER] met [Bo|PER]", "[Acme|ORG] fell")


def said(*documents):
    return Corpus(documents, name="said")


def empty(gold):
    return Corpus([Document(d.id, d.text, [], [], []) for d in gold])


def test_gold_as_a_prediction_scores_one_everywhere_that_gold_has_anything():
    for row in score(load_corpus(), load_corpus()).rows():
        expected = 1.0 if row["average"] or row["gold"] else None
        label_free = row["metric"].endswith(("exact", "partial")) and row["average"] not in (
            "micro",
            "per-document",
        )
        assert (row["precision"], row["recall"], row["f1"]) == (
            expected,
            expected,
            None if label_free else expected,
        )


def test_an_empty_prediction_has_recall_zero_and_no_precision():
    for metric in (scores := score(load_corpus(), empty(load_corpus()))):
        micro = scores[metric].micro
        assert (micro.precision, micro.recall, micro.f1, micro.tp, micro.fn) == (
            None,
            0.0,
            0.0,
            0,
            micro.gold,
        )


def test_what_is_nowhere_is_undefined():
    micro = score(corpus("Ada"), corpus("Ada"))["ner"].micro

    assert (micro.precision, micro.recall, micro.f1) == (None, None, None)


def test_macro_is_over_the_labels_that_either_side_has():
    scores = score(corpus("[Ada|PER] [Bo|PER] [Acme|ORG]"), corpus("[Ada|PER] Bo Acme"), ["ner"])[
        "ner"
    ]

    assert (scores.macro.recall, scores.macro.f1, scores.macro.precision) == (
        0.25,
        pytest.approx((2 / 3) / 2),
        0.5,
    )
    assert scores.weighted.recall == pytest.approx(1 / 3)
    assert scores.macro.tp is None


def test_a_copy_in_a_prediction_is_wrong_and_named():
    two = [
        Entity("PER", 0, 3, id="T1"),
        Entity("PER", 0, 3, id="T2", score=0.5),
        Entity("PER", 8, 10),
    ]
    scores = score(GOLD, said(Document("d0", "Ada met Bo", two), GOLD[1]))

    for scheme in ("strict", "exact"):
        micro = scores[f"entities/{scheme}"].micro
        assert (micro.tp, micro.fp, micro.fn, micro.predicted) == (3, 1, 0, 4)
        assert scores[f"entities/{scheme}"].counts.set_aside["duplicate"] == 1
    assert "Counted as wrong, duplicate predictions: 1 (entities)" in str(scores)


def test_a_repeated_event_counts_once_with_its_arguments():
    event = Event("Attack", Span(0, 3), [Argument("Target", 4, 7)])
    gold = said(Document("d", "hit the man", events=[event]))

    scores = score(gold, said(Document("d", "hit the man", events=[event, event])))

    assert (scores["tri-c"].micro.tp, scores["tri-c"].micro.fp) == (1, 0)
    assert (scores["arg-c"].micro.tp, scores["arg-c"].micro.fp) == (1, 0)


def test_an_argument_shared_by_two_events_is_no_copy():
    events = [Event("Attack", Span(at, at + 3), [Argument("Target", 8, 11)]) for at in (0, 4)]
    both = said(Document("d", "hit hit man", events=events))

    scores = score(both, both)

    assert (
        scores["arg-c"].micro.gold,
        scores["arg-c"].micro.fp,
        scores["arg-c"].counts.set_aside["predicted_merged"],
    ) == (1, 0, 1)


def test_a_copy_in_gold_is_refused():
    twice = said(Document("d0", "Ada", [Entity("PER", 0, 3), Entity("PER", 0, 3, id="T2")]))

    with pytest.raises(
        LoadError,
        match=(
            r"said: document 'd0', entities\[1\]: duplicate of entities\[0\] \(same label and"
            r" span\)"
        ),
    ):
        score(twice, twice)


def test_entities_that_differ_in_attributes_alone_are_duplicates():
    gold = said(Document("d0", "Ada", [Entity("PER", 0, 3)]))
    predicted = said(
        Document("d0", "Ada", [Entity("PER", 0, 3, attributes={"unsure": n}) for n in range(6)])
    )

    scores = score(gold, predicted)["ner"]

    assert (scores.micro.gold, scores.micro.predicted, scores.micro.tp) == (1, 6, 1)
    assert scores.counts.set_aside["duplicate"] == 5
    with pytest.raises(LoadError, match=r"entities\[1\]"):
        score(predicted, gold)


def test_what_has_no_place_is_wrong_under_its_label():
    predicted = said(
        Document(
            "d0",
            "Ada",
            [Entity("PER", 0, 3)],
            unplaced=[Unplaced("entities", "ORG", "not found", "Acme")],
        )
    )

    scores = score(corpus("[Ada|PER]"), predicted)["ner"]

    assert (scores["ORG"].predicted, scores["ORG"].fp, scores.micro.precision) == (1, 1, 0.5)


ZONED = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})


def zoned(*entities, name="gold"):
    document = Document(
        "d",
        "Ada ran. By Bo",
        [Entity("PER", *e) for e in entities],
        zones=[Zone("body", 0, 8), Zone("byline", 9, 14)],
    )
    return Corpus([document], name=name, schema=ZONED)


def test_items_outside_the_scored_zones_are_set_aside_on_both_sides():
    scores = score(zoned((0, 3), (12, 14)), zoned((0, 3), (9, 14)))["ner"]

    assert (scores.micro.gold, scores.micro.predicted, scores.micro.f1) == (1, 1, 1.0)
    assert (
        scores.counts.set_aside["gold_outside_zones"],
        scores.counts.set_aside["predicted_outside_zones"],
    ) == (1, 1)
    assert "zones:body|" in scores.signature


def test_an_item_that_touches_a_scored_zone_is_scored_and_one_between_zones_is_not():
    scores = score(zoned((0, 3)), zoned((7, 14), (8, 9)))["ner"]

    assert (scores.micro.predicted, scores.counts.set_aside["predicted_outside_zones"]) == (1, 1)


def test_a_discontinuous_item_is_scored_where_its_pieces_are():
    split = Document(
        "d",
        "Ada ran. By Bo",
        [
            Entity("PER", 8, 14, fragments=((8, 9), (12, 14))),
            Entity("PER", 0, 14, fragments=((0, 3), (12, 14))),
        ],
        zones=zoned()[0].zones,
    )

    scores = score(zoned((0, 3)), Corpus([split]))["ner"]

    assert (scores.micro.predicted, scores.counts.set_aside["predicted_outside_zones"]) == (1, 1)


@pytest.mark.parametrize(
    ("zones", "gold", "signed"),
    [("all", 2, "all"), ("byline", 1, "byline"), (["body", "byline"], 2, "body+byline")],
)
def test_zones_can_be_chosen(zones, gold, signed):
    scores = score(zoned((0, 3), (12, 14)), zoned(), zones=zones)["ner"]

    assert (scores.micro.gold, f"|zones:{signed}|" in scores.signature) == (gold, True)


def test_a_zone_that_is_nowhere_is_refused():
    with pytest.raises(
        InputError,
        match="unknown zone 'bodi' in 'gold'; expected one of: primary, all, body, byline",
    ):
        score(zoned(), zoned(), zones="bodi")


def test_a_document_that_is_missing_is_refused_or_counted_as_empty():
    with pytest.raises(InputError, match="said: lacks document 'd1' of corpus; .*missing=.empty."):
        score(GOLD, said(GOLD[0]))

    scores = score(GOLD, said(GOLD[0]), missing="empty")["ner"]
    assert (scores.micro.fn, "|missing:empty|" in scores.signature) == (1, True)


def test_the_message_about_a_missing_document_names_those_of_the_predictions():
    gold = [marked("x", id=id) for id in "abcd"]
    predicted = [marked("x", id=f"sentence-{n}") for n in range(1, 5)]

    with pytest.raises(
        InputError, match="lacks document 'a' of .*; the predictions have "
    ) as error:
        score(Corpus(gold), Corpus(predicted))

    assert str(error.value).endswith("'sentence-1', 'sentence-2', 'sentence-3' and 1 more")


def test_a_document_that_gold_lacks_is_refused():
    with pytest.raises(InputError, match="said: 1 document not in corpus, such as 'd9'"):
        score(GOLD, said(*GOLD, marked("x", id="d9")))


def test_another_text_is_refused_where_it_begins_to_differ():
    with pytest.raises(
        InputError,
        match=(
            "document 'd1' has another text than in corpus: from character 4 on, '!' where ' fell'"
            " is expected"
        ),
    ):
        score(GOLD, said(GOLD[0], marked("Acme!", id="d1")))


def test_a_layer_that_gold_lacks_in_a_document_leaves_its_score_and_is_counted():
    gold = said(GOLD[0], Document("d1", GOLD[1].text))

    scores = score(gold, GOLD)["ner"]

    assert (
        scores.micro.gold,
        scores.micro.predicted,
        scores.counts.set_aside["documents_not_annotated"],
    ) == (2, 2, 1)
    assert "|docs:1/2|" in scores.signature


def test_a_layer_that_one_prediction_lacks_is_refused():
    with pytest.raises(
        InputError,
        match=(
            "document 'd1': the prediction has no entities, while others have; write an empty list"
        ),
    ):
        score(GOLD, said(GOLD[0], Document("d1", GOLD[1].text)))


def test_a_failed_document_misses_its_gold():
    scores = score(GOLD, said(GOLD[0], Document("d1", GOLD[1].text, failure="time out")))

    assert (scores["ner"]["ORG"].fn, scores.metadata.failures) == (1, {"d1": "time out"})


def test_layers_that_no_prediction_gives_are_not_scored_unless_asked_for():
    only_entities = said(Document(load_corpus()[0].id, load_corpus()[0].text, []))

    assert list(score(load_corpus(), only_entities)) == [
        "entities/strict",
        "entities/exact",
        "entities/partial",
        "entities/type",
    ]
    with pytest.raises(InputError, match="triggers/strict: said has no events in any document"):
        score(load_corpus(), only_entities, ["tri-c"])
    with pytest.raises(InputError, match="corpus and said have no layer in common to score"):
        score(GOLD, said(*(Document(d.id, d.text) for d in GOLD)))


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("entity/strict", "unknown layer 'entity' in 'entity/strict'; expected one of: entities, "),
        (
            "entities/strikt",
            "unknown scheme 'strikt' in 'entities/strikt'; expected one of: strict, exact",
        ),
        ("f2", "unknown metric 'f2'; expected one of: entities/strict, "),
        ("", "no metric was given; expected some of: entities/strict, "),
    ],
)
def test_an_unknown_metric_is_answered_with_the_known_ones(metric, message):
    with pytest.raises(InputError, match=message):
        score(GOLD, GOLD, metric)


def test_labels_can_be_mapped_on_either_side_or_kept():
    gold, predicted = corpus("[Ada|PER] [Acme|ORG] [3|NUM]"), corpus("[Ada|PERSON] [Acme|ORG] 3")

    mapped = score(gold, predicted, labels=({"NUM": None}, {"PERSON": "PER"}))["ner"]
    kept = score(gold, predicted, labels=["ORG"])["ner"]

    assert (mapped.micro.f1, mapped.micro.gold) == (1.0, 2)
    assert (kept.micro.f1, kept.micro.gold) == (1.0, 1)
    assert "|map:" in mapped.signature
    assert (
        "|map:conll2003|"
        in score(load_corpus(), load_corpus(), labels="conll2003")["ner"].signature
    )


def test_labels_that_a_map_makes_equal_are_no_copies():
    both = said(
        Document(
            "d",
            "Ada",
            [Entity("GPE", 0, 3), Entity("LOC", 0, 3)],
            [Event(t, Span(0, 3), [Argument("A", 1, 2), Argument("B", 1, 2)]) for t in "XY"],
        )
    )

    scores = score(
        both,
        both,
        labels={"entities": {"GPE": "LOC"}, "triggers": {"X": "Y"}, "arguments": {"B": "A"}},
    )

    for metric in scores:
        kept = 2 if metric.startswith("entities") else 1  # events and arguments are sets
        assert (
            scores[metric].micro.gold,
            scores[metric].micro.predicted,
            scores[metric].micro.f1,
        ) == (kept, kept, 1.0)
    assert scores["ner"].counts.set_aside["gold_merged"] == 0
    assert scores["tri-c"].counts.set_aside["gold_merged"] == 1


def test_what_a_map_drops_is_counted():
    scores = score(
        corpus("[Ada|PER] [3|NUM]"),
        said(
            Document(
                "d0",
                "Ada 3",
                [Entity("PER", 0, 3)],
                unplaced=[Unplaced("entities", "NUM", "nowhere")],
            )
        ),
        labels={"NUM": None},
    )

    assert (scores["ner"].micro.f1, scores["ner"].counts.set_aside["gold_dropped"]) == (1.0, 1)
    assert (
        "Set aside, gold items that the label map or the list of labels drops: 1 (entities)"
        in str(scores)
    )


def test_an_event_type_that_is_dropped_takes_arguments_and_realis_along():
    both = said(
        Document(
            "d",
            "hit man",
            events=[
                Event("Attack", Span(0, 3), [Argument("Target", 4, 7)], realis="ACTUAL"),
                Event("Meet", Span(4, 7), realis="OTHER"),
            ],
        )
    )

    scores = score(
        both, both, ["tri-c", "arg-c", "arg-c+", "realis"], labels={"triggers": {"Attack": None}}
    )

    assert {metric: scores[metric].micro.gold for metric in scores} == {
        "triggers/strict": 1,
        "arguments/strict": 0,
        "attached-arguments/strict": 0,
        "realis/strict": 1,
    }


def test_labels_to_keep_that_are_nowhere_are_told():
    assert (
        "labels named in labels or label_map that occur nowhere: NOPE"
        in score(GOLD, GOLD, labels=["PER", "NOPE"]).warnings
    )


def test_one_document_that_failed_takes_no_layer_along():
    gold = said(
        Document("d0", "Ada", [Entity("PER", 0, 3)], [Event("X", Span(0, 3))]),
        Document("d1", "Bo", [Entity("PER", 0, 2)], []),
    )
    predicted = said(
        Document("d0", "Ada", [Entity("PER", 0, 3)]),
        Document("d1", "Bo", [Entity("PER", 0, 2)], failure="boom"),
    )

    scores = score(gold, predicted)

    assert {metric.split("/")[0] for metric in scores} == {"entities"}
    assert (scores["ner"].micro.tp, scores["ner"].micro.recall) == (1, 0.5)


def test_missing_documents_taken_as_empty_take_no_layer_along():
    gold = said(
        Document("d0", "Ada", [Entity("PER", 0, 3)], []),
        Document("d1", "Bo", [Entity("PER", 0, 2)], []),
    )

    scores = score(gold, said(Document("d0", "Ada", [Entity("PER", 0, 3)])), missing="empty")

    assert (
        {metric.split("/")[0] for metric in scores},
        scores["ner"].micro.recall,
        scores.metadata.failures,
    ) == ({"entities"}, 0.5, {})


def test_a_model_that_failed_everywhere_misses_everything():
    scores = score(GOLD, said(*(Document(d.id, d.text, failure="boom") for d in GOLD)))

    assert (scores["ner"].micro.recall, scores["ner"].micro.fn) == (0.0, 3)


def test_gold_that_failed_is_refused():
    with pytest.raises(InputError, match="document 'd': gold has a failure or unplaced items"):
        score(said(Document("d", "x", [], failure="boom")), said(Document("d", "x", [])))


def test_a_repeated_argument_is_refused_in_gold():
    twice = said(
        Document(
            "d", "hit man", events=[Event("Attack", Span(0, 3), [Argument("Target", 4, 7)] * 2)]
        )
    )

    with pytest.raises(LoadError, match=r"events\[0\].arguments\[1\]: duplicate of arguments\[0\]"):
        score(twice, twice)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": 5}, "invalid metrics=5: expected names of metrics"),
        ({"metrics": [None]}, "invalid metric None: expected a name"),
        ({"labels": {"PER": 3}}, "label_map: 'PER': 3: expected a label, or None to drop it"),
        (
            {"labels": {"entities": {"PER": 3}}},
            "label_map: entities: 'PER': 3: expected a label, or None to drop it",
        ),
        ({"zones": None}, "invalid zones=None: expected primary, all, or names of zones"),
        ({"labels": 5}, "labels=5: expected a list of labels to keep"),
        ({"labels": {"enttities": {"A": "B"}}}, "unknown layer 'enttities' in 'label_map'"),
        ({"missing": "skip"}, "unknown value 'skip' in 'missing='; expected one of: error, empty"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        score(GOLD, GOLD, **options)


def test_a_map_of_nothing_is_no_map():
    assert "|map:" not in score(GOLD, GOLD, labels={})["ner"].signature


def test_primary_zones_may_stand_in_a_list():
    assert (
        score(zoned((0, 3)), zoned((0, 3)), zones=["primary"])["ner"].signature
        == score(zoned((0, 3)), zoned((0, 3)))["ner"].signature
    )


def test_an_entity_without_a_place_is_wrong_among_tokens_too():
    predicted = said(
        Document(
            "d0", "Ada", [Entity("PER", 0, 3)], unplaced=[Unplaced("entities", "PER", "not found")]
        )
    )

    assert score(corpus("[Ada|PER]"), predicted, "tokens")["tokens"].micro.precision == 0.5


def test_a_list_of_documents_is_scored_like_a_corpus():
    assert score(list(GOLD), list(GOLD))["ner"].micro == score(GOLD, GOLD)["ner"].micro


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["counts"]["entities/strict"]["found"].__setitem__(0, 9),
        lambda d: d["counts"]["entities/strict"]["label"].__setitem__(0, 99),
        lambda d: d["counts"]["entities/strict"]["gold"].__setitem__(0, 2**70),
        lambda d: d.__setitem__("counts", []),
        lambda d: d.__setitem__("schema_version", 99),
        lambda d: d["signature"].__setitem__("entities/strict", "x"),
    ],
)
def test_a_result_that_cannot_be_is_refused(spoil):
    data = json.loads(score(GOLD, GOLD).to_json())
    spoil(data)

    with pytest.raises(InputError):
        Scores.from_json(json.dumps(data))


def test_labels_that_a_map_leaves_are_listed():
    scores = score(corpus("[Ada|PER] [3|NUM]"), corpus("[Ada|PER] 3"), labels={"PER": "PERSON"})

    assert "entities: labels that the label map does not name were kept: NUM" in scores.warnings


def test_paths_are_scored_as_corpora_are(tmp_path):
    GOLD.save(tmp_path / "gold.jsonl")
    corpus("[Ada|PER] met Bo", "Acme fell").save(tmp_path / "said.jsonl")

    assert (
        score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl").rows()
        == score(GOLD, corpus("[Ada|PER] met Bo", "Acme fell")).rows()
    )


def test_the_signature_says_what_the_number_depends_on():
    signature = evaluate("rules", metrics="ner")["ner"].signature

    parts = dict(part.split(":", 1) for part in signature.split("|"))
    assert list(parts) == [
        "evalkit",
        "corpus",
        "docs",
        "metric",
        "zones",
        "macro",
        "duplicates",
        "missing",
        "units",
        "interval",
        "level",
        "model",
    ]
    assert (parts["docs"], parts["metric"], parts["zones"], parts["model"]) == (
        "1/1",
        "entities/strict",
        "body+caption+headline+highlight",
        "rules",
    )


def test_the_digest_follows_gold_and_not_the_order_of_documents():
    def digest(gold):
        return score(gold, gold)["ner"].signature.split("|")[1]

    assert digest(GOLD) == digest(Corpus([GOLD[1], GOLD[0]], name="corpus"))
    assert digest(GOLD) != digest(corpus("[Ada|PER] met [Bo|PER]", "[Acme|GPE] fell"))


def test_scores_round_trip_through_json():
    scores = evaluate("rules")

    again = Scores.from_json(scores.to_json())

    assert again.to_json() == scores.to_json()
    assert str(again) == str(scores)
    with pytest.raises(InputError, match="not a result of evalkit"):
        Scores.from_json("{}")


def test_both_passes_agree_as_the_adjudication_says():
    scores = score(
        load_corpus(bundled_path() / "annotations" / "passes" / "a"),
        load_corpus(bundled_path() / "annotations" / "passes" / "b"),
        zones="all",
    )
    told = (bundled_path() / "annotations" / "adjudication.md").read_text(encoding="utf-8")

    for layer, name in (
        ("entities", "entities"),
        ("triggers", "triggers (type)"),
        ("arguments", "arguments (role)"),
        ("attributions", "attribution parts"),
    ):
        micro = scores[f"{layer}/strict"].micro
        assert f"| {name} | {micro.gold} / {micro.predicted} | {micro.f1:.3f} |" in told


def test_an_attribution_without_a_source_has_two_items():
    gold = said(
        Document("d", "It was said so", attributions=[Attribution(Span(3, 11), Span(12, 14))])
    )

    assert score(gold, gold)["attributions/strict"].micro.gold == 2


def test_an_event_that_is_repeated_with_its_arguments_in_another_order_is_a_duplicate():
    arguments = [Argument("Who", 0, 3), Argument("Whom", 8, 10)]
    event, turned = Event("Meet", Span(4, 7), arguments), Event("Meet", Span(4, 7), arguments[::-1])
    gold, repeated = (
        Corpus([Document("d", "Ada met Bo", events=events)])
        for events in ([event], [event, turned])
    )

    scores = score(gold, repeated, ["tri-c", "arg-c"])

    assert (scores["tri-c"].micro.tp, scores["tri-c"].micro.fp, scores["arg-c"].micro.fp) == (
        1,
        0,
        0,
    )
    with pytest.raises(LoadError, match=r"events\[1\]: duplicate of events\[0\] \("):
        score(repeated, gold, ["tri-c"])


def test_a_corpus_that_nobody_annotated_says_so():
    with pytest.raises(
        InputError,
        match="corpus: no document is annotated in any layer, so that there is nothing to score",
    ):
        evaluate("rules", Corpus([Document("d0", "Ada met Bo.")]))
