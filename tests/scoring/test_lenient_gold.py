"""Alternatives, optional items and ignore regions of gold: the published example, and equality with
all one-to-one assignments on random documents.
"""

import json
import random

import msgspec
import pytest
from helpers.lenient_gold import (
    SCHEMES,
    count_corpora,
    count_document,
    in_body,
    random_corpora,
    totals_of,
)

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Scores,
    Span,
    Unplaced,
    Zone,
    load_corpus,
    score,
)
from evalkit.scoring import lenient_matching

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
METRICS = [f"entities/{scheme}" for scheme in SCHEMES]
DEFAULT_AND_SLOW = [300, pytest.param(10_000, marks=pytest.mark.slow)]

GOLD = [
    Entity("PER", 0, 12, alternatives=[Span(4, 12)]),
    Entity("ORG", 45, 68, optional=True),
    Entity("DATE", 72, 76),
]
PREDICTED = [Entity("PER", 4, 12), Entity("ORG", 45, 68), Entity("PER", 22, 37)]


def one_document(entities, zones=(), **fields):
    return Corpus([Document("d", TEXT, entities, zones=zones, **fields)], "corpus")


def counts_of(row):
    return row.tp, row.predicted, row.gold


def test_an_alternative_and_an_optional_item_that_were_found():
    scores = score(one_document(GOLD), one_document(PREDICTED), "entities/strict")
    strict = scores["entities/strict"]
    assert counts_of(strict.micro) == (1, 2, 2)
    assert (strict.micro.precision, strict.micro.recall, strict.micro.f1) == (0.5, 0.5, 0.5)
    assert strict.counts.set_aside["optional_found"] == 1
    assert strict.counts.set_aside["predicted_ignored"] == 0
    assert strict.signature_fields["gold"] == "alternatives+optional"
    assert counts_of(strict.plain) == (1, 3, 3)


def test_plain_gold_ignores_them():
    gold, predicted = one_document(GOLD, [Zone("ignore", 20, 40)]), one_document(PREDICTED)
    plain = Corpus(
        [
            Document("d", TEXT, [Entity(each.label, each.start, each.end) for each in GOLD]),
        ]
    )
    scores = score(gold, predicted, METRICS, plain_gold=True)
    for metric in METRICS:
        expected = score(plain, predicted, metric)[metric]
        assert scores[metric].micro == expected.micro
        assert scores[metric].plain is None
        assert "gold" not in scores[metric].signature_fields
        lenient = score(gold, predicted, metric)[metric]
        assert counts_of(lenient.plain) == counts_of(expected.micro)
        assert lenient.plain.f1 == expected.micro.f1
        assert lenient.signature_fields["gold"] == "alternatives+optional+ignore"


def test_a_second_prediction_of_an_item_is_wrong():
    gold = [Entity("PER", 0, 12, alternatives=[Span(4, 12), Entity("WRITER", 0, 12)])]
    predicted = [Entity("PER", 0, 12), Entity("PER", 4, 12), Entity("WRITER", 0, 12)]
    for count in range(4):
        strict = score(one_document(gold), one_document(predicted[:count]))["entities/strict"]
        assert counts_of(strict.micro) == (min(count, 1), count, 1)


def test_a_prediction_counts_under_the_label_of_its_gold_item():
    gold = [Entity("PER", 0, 12, alternatives=[Entity("WRITER", 4, 12)]), Entity("WRITER", 22, 37)]
    strict = score(one_document(gold), one_document([Entity("WRITER", 4, 12)]))["entities/strict"]
    assert counts_of(strict["PER"]) == (1, 1, 1)
    assert counts_of(strict["WRITER"]) == (0, 0, 1)
    # The label is ignored: precision is by predicted labels, as ever.
    exact = score(one_document(gold), one_document([Entity("WRITER", 4, 12)]))["entities/exact"]
    assert (exact["PER"].found, exact["PER"].predicted) == (1, 0)
    assert (exact["WRITER"].tp, exact["WRITER"].predicted) == (1, 1)


def test_the_best_relation_to_any_form_decides():
    gold = [Entity("PER", 0, 3, alternatives=[Span(4, 12)])]
    predicted = one_document([Entity("PER", 5, 12)])
    scores = score(one_document(gold), predicted, METRICS)
    assert scores["entities/strict"].micro.tp == 0
    assert scores["entities/type"].micro.tp == 1
    assert scores["entities/partial"].micro.tp == 0.5
    assert scores["entities/iou:0.5"].micro.tp == 1
    scores = score(one_document(gold), one_document([Entity("PER", 4, 12)]), METRICS)
    assert scores["entities/partial"].micro.tp == 1


def test_required_items_are_matched_before_optional_ones():
    gold = [Entity("PER", 0, 12, optional=True), Entity("PER", 4, 15)]
    scores = score(one_document(gold), one_document([Entity("PER", 4, 12)]), "entities/type")
    assert counts_of(scores["entities/type"].micro) == (1, 1, 1)
    assert scores["entities/type"].counts.set_aside["optional_found"] == 0


def test_a_prediction_in_an_ignore_region_is_set_aside_unless_it_matches():
    zones = [Zone("ignore", 22, 40), Zone("ignore", 40, 68)]
    gold = [Entity("PER", 0, 12), Entity("PER", 22, 37)]
    predicted = [
        Entity("PER", 22, 37),  # gold inside is optional
        Entity("ORG", 38, 50),  # in two regions that touch
        Entity("ORG", 60, 70),  # partly outside
        Entity("PER", 22, 37),  # a duplicate
    ]
    unplaced = [Unplaced("entities", "PER", "not found")]
    gold_corpus = one_document(gold, zones)
    strict = score(gold_corpus, one_document(predicted, unplaced=unplaced))["entities/strict"]
    assert counts_of(strict.micro) == (0, 2, 1)
    assert strict.counts.set_aside["predicted_ignored"] == 2
    assert strict.counts.set_aside["duplicate"] == 0
    assert strict.counts.set_aside["optional_found"] == 1
    assert strict.signature_fields["gold"] == "ignore"


def test_a_required_item_takes_a_prediction_outside_of_ignore_regions():
    gold = [Entity("PER", 0, 12)]
    predicted = [Entity("PER", 0, 5), Entity("PER", 6, 12)]
    zones = [Zone("ignore", 0, 5)]
    scores = score(one_document(gold, zones), one_document(predicted), "entities/type")
    assert counts_of(scores["entities/type"].micro) == (1, 1, 1)
    assert scores["entities/type"].counts.set_aside["predicted_ignored"] == 1


def test_ignore_regions_are_no_zones_to_be_scored():
    gold = one_document(GOLD, [Zone("ignore", 0, 12)])
    with pytest.raises(InputError, match="ignore regions cannot be selected; expected one of"):
        score(gold, one_document(PREDICTED), zones=["ignore"])
    assert score(gold, one_document(PREDICTED), zones="primary")
    scores = score(gold, one_document(PREDICTED), "entities/strict")["entities/strict"]
    assert {unit.zone for unit in scores.counts.units} == {None}


@pytest.mark.parametrize("documents", DEFAULT_AND_SLOW, ids=str)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_counts_equal_those_of_all_assignments(scheme, documents):
    gold, predicted = random_corpora(1, documents, plain=0.1)
    metric = f"entities/{scheme}"
    for first in range(0, documents, 100):
        part = (Corpus(list(side)[first : first + 100]) for side in (gold, predicted))
        sides = tuple(part)
        scores = score(*sides, metric, boot=0)
        assert totals_of(scores, metric) == count_corpora(*sides, scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_counts_of_each_document_equal_those_of_all_assignments(scheme):
    gold, predicted = random_corpora(2, 40)
    metric = f"entities/{scheme}"
    for document, answer in zip(gold, predicted, strict=True):
        scores = score(Corpus([document]), Corpus([answer]), metric, boot=0)
        assert totals_of(scores, metric) == count_document(document, answer, scheme)


@pytest.mark.parametrize("label_map", [None, {"A": None, "C": "A"}])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_zones_are_applied_before(scheme, label_map):
    gold, predicted = random_corpora(3, 200, zones=True)
    predicted = Corpus([msgspec.structs.replace(each, unplaced=()) for each in predicted])
    metric = f"entities/{scheme}"
    scores = score(gold, predicted, metric, label_map=label_map, boot=0)
    expected = count_corpora(gold, predicted, scheme, label_map=label_map, in_zone=in_body)
    assert totals_of(scores, metric) == expected


def test_sentences_are_units():
    text = "Ada met Bo. Bo left."
    entities = [
        Entity("PER", 0, 3, alternatives=[Span(0, 7)]),
        Entity("PER", 12, 14, optional=True),
    ]
    gold = Corpus([Document("d", text, entities)])
    predicted = Corpus([Document("d", text, [Entity("PER", 0, 7), Entity("PER", 15, 19)])])
    strict = score(gold, predicted, "entities/strict", units="sentences")["entities/strict"]
    assert counts_of(strict.micro) == (1, 2, 1)
    assert strict.counts.resampling_unit_count == 2


@pytest.mark.parametrize("label_map", [{"C": "A"}, {"B": None}, {"A": None}, {"A": "B", "C": None}])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_labels_of_alternatives_are_mapped(scheme, label_map):
    gold, predicted = random_corpora(4, 200)
    metric = f"entities/{scheme}"
    scores = score(gold, predicted, metric, label_map=label_map, boot=0)
    predicted = Corpus(
        [msgspec.structs.replace(each, unplaced=_kept(each, label_map)) for each in predicted]
    )
    assert totals_of(scores, metric) == count_corpora(gold, predicted, scheme, label_map=label_map)


def _kept(document, label_map):
    """The unplaced items whose label is not dropped."""
    return [item for item in document.unplaced if label_map.get(item.label, item.label)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_large_components_have_the_same_counts(monkeypatch, scheme):
    gold, predicted = random_corpora(5, 200)
    metric = f"entities/{scheme}"
    expected = totals_of(score(gold, predicted, metric, boot=0), metric)
    monkeypatch.setattr(lenient_matching, "MAX_KEYED_EDGES", 0)
    assert totals_of(score(gold, predicted, metric, boot=0), metric) == expected


def test_gold_without_any_scores_as_plain_gold():
    gold, predicted = random_corpora(6, 200, plain=1.0)
    lenient = json.loads(score(gold, predicted, METRICS, boot=0).to_json())
    plain = json.loads(score(gold, predicted, METRICS, boot=0, plain_gold=True).to_json())
    assert plain["options"].pop("plain_gold") is True
    assert lenient == plain


@pytest.mark.parametrize("scheme", SCHEMES)
def test_documents_of_plain_gold_score_the_same_either_way(scheme):
    # A document without marks beside an ignore region without items is counted by the code for
    # gold that is not plain.
    gold, predicted = random_corpora(7, 200, plain=1.0)
    documents = []
    for each in gold:
        zone = Zone("ignore", len(each.text), len(each.text) + 1)
        documents.append(msgspec.structs.replace(each, text=each.text + " ", zones=[zone]))
    marked = Corpus(documents)
    answers = Corpus([msgspec.structs.replace(each, text=each.text + " ") for each in predicted])
    metric = f"entities/{scheme}"
    one, other = score(gold, predicted, metric)[metric], score(marked, answers, metric)[metric]
    assert one.micro == other.micro
    assert (one.muc.correct, one.muc.partial) == (other.muc.correct, other.muc.partial)
    assert other.plain.f1 == one.micro.f1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_alternative_never_lowers_f1(scheme):
    gold, predicted = random_corpora(8, 100)
    metric = f"entities/{scheme}"
    for document, answer in zip(gold, predicted, strict=True):
        if not any(entity.alternatives for entity in document.entities):
            continue
        fewer = []
        for entity in document.entities:
            fewer.append(msgspec.structs.replace(entity, alternatives=entity.alternatives[:-1]))
        less = msgspec.structs.replace(document, entities=fewer)
        f1, lower = (
            score(Corpus([each]), Corpus([answer]), metric, boot=0)[metric].micro.f1
            for each in (document, less)
        )
        if f1 is None:  # all that is left was optional, and is found
            assert lower in (None, 0.0)
        else:
            assert lower is None or f1 >= lower - 1e-12


def test_rows_of_labels_add_up():
    gold, predicted = random_corpora(9, 200)
    scores = score(gold, predicted, METRICS, boot=0)
    for metric in METRICS:
        rows = [scores[metric][label] for label in scores[metric].labels]
        micro = scores[metric].micro
        for name in ("tp", "found", "predicted", "gold"):
            assert sum(getattr(row, name) for row in rows) == getattr(micro, name)
        for row in rows:
            assert row.tp <= row.predicted
            assert row.found <= row.gold
            if not metric.endswith(("exact", "partial")):
                assert row.tp == row.found


def _as_json(scores):
    data = json.loads(scores.to_json())
    data.pop("model")
    for fields in data["signature"].values():
        fields.pop("model")
    return data


def test_order_ids_and_batches_change_nothing():
    gold, predicted = random_corpora(10, 150, plain=0.3)
    expected = _as_json(score(gold, predicted, METRICS))
    draw = random.Random(1)

    def shuffled(corpus):
        documents = []
        for each in corpus:
            entities = list(each.entities)
            draw.shuffle(entities)
            mixed = []
            for entity in entities:
                others = list(entity.alternatives)
                draw.shuffle(others)
                mixed.append(msgspec.structs.replace(entity, alternatives=others))
            documents.append(msgspec.structs.replace(each, entities=mixed))
        draw.shuffle(documents)
        return Corpus(documents, corpus.name, corpus.schema)

    assert _as_json(score(shuffled(gold), shuffled(predicted), METRICS)) == expected
    renamed = [
        Corpus([msgspec.structs.replace(each, id=f"x{each.id}") for each in side])
        for side in (gold, predicted)
    ]
    again = score(*renamed, METRICS)
    for metric in METRICS:
        assert again[metric].micro == score(gold, predicted, metric)[metric].micro


@pytest.mark.slow
def test_files_shards_jobs_and_saved_results_give_the_same(tmp_path):
    gold, predicted = random_corpora(11, 120, plain=0.5)
    scores = score(gold, predicted, METRICS)
    paths = [tmp_path / "a" / "gold.jsonl", tmp_path / "b" / "system.jsonl"]
    for path, side in zip(paths, (gold, predicted)):
        side.save(path)
    expected = _as_json(scores)
    assert _as_json(score(*paths, METRICS)) == expected
    assert _as_json(score(*paths, METRICS, jobs=2)) == expected
    parts = []
    for first in (0, 40, 80):
        sides = [
            Corpus(list(side)[first : first + 40], side.name, side.schema)
            for side in (gold, predicted)
        ]
        parts.append(score(*sides, METRICS))
        for name, side in zip(("gold", "system"), sides):
            (tmp_path / name).mkdir(exist_ok=True)
            side.save(tmp_path / name / f"{first}.jsonl")
    assert _as_json(Scores.merge(parts)) == expected
    shards = score(
        str(tmp_path / "gold" / "*.jsonl"), str(tmp_path / "system" / "*.jsonl"), METRICS
    )
    assert _as_json(shards)["counts"] == expected["counts"]
    assert _as_json(shards)["plain_differences"] == expected["plain_differences"]
    scores.save(tmp_path / "result.json")
    loaded = Scores.load(tmp_path / "result.json")
    assert _as_json(loaded) == expected
    assert loaded["entities/strict"].plain == scores["entities/strict"].plain


def test_a_shard_with_plain_gold_is_merged():
    gold, predicted = random_corpora(12, 40)
    plain_gold, plain_predicted = random_corpora(13, 40, plain=1.0)
    sides = [
        [msgspec.structs.replace(each, id=f"p{each.id}") for each in side]
        for side in (plain_gold, plain_predicted)
    ]
    shards = [score(gold, predicted, METRICS)]
    shards.append(score(Corpus(sides[0], "gold", gold.schema), Corpus(sides[1], "system"), METRICS))
    for order in (shards, shards[::-1]):
        merged = Scores.merge(order)
        assert merged["entities/strict"].signature_fields["gold"] == "alternatives+optional+ignore"
        one = sum(shard["entities/strict"].micro.gold for shard in shards)
        assert merged["entities/strict"].micro.gold == one


def test_characters_tokens_and_surfaces_take_gold_as_plain():
    gold, predicted = one_document(GOLD, [Zone("ignore", 20, 40)]), one_document(PREDICTED)
    metrics = ["entities/characters", "tokens/strict", "surfaces/strict"]
    lenient, plain = (score(gold, predicted, metrics, plain_gold=flag) for flag in (False, True))
    for metric in metrics:
        assert lenient[metric].micro == plain[metric].micro
        assert lenient[metric].plain is None
        assert "gold" not in lenient[metric].signature_fields


def test_the_digest_of_gold_depends_on_them():
    def digest(*entities, zones=()):
        scores = score(one_document(entities, zones), one_document([]), "entities/strict")
        return scores["entities/strict"].signature_fields["corpus"]

    digests = [
        digest(Entity("PER", 0, 12)),
        digest(Entity("PER", 0, 12, optional=True)),
        digest(Entity("PER", 0, 12, alternatives=[Span(4, 12)])),
        digest(Entity("PER", 0, 12, alternatives=[Span(4, 12)], optional=True)),
        digest(Entity("PER", 0, 12, alternatives=[Entity("ORG", 4, 12)])),
        digest(Entity("PER", 0, 12), zones=[Zone("ignore", 0, 12)]),
    ]
    assert len(set(digests)) == len(digests)
    one, other = Span(4, 12), Span(0, 3)
    assert digest(Entity("PER", 0, 12, alternatives=[one, other])) == digest(
        Entity("PER", 0, 12, alternatives=[other, one])
    )


def test_pairs_show_what_is_optional_and_ignored():
    zones = [Zone("ignore", 22, 37)]
    scores = score(one_document(GOLD, zones), one_document(PREDICTED), "entities/strict")
    shown = [
        (pair.kind, pair.gold and pair.gold.text, pair.predicted and pair.predicted.text)
        for pair in scores.pairs("entities/strict")
    ]
    assert shown == [
        ("correct", "Ada Lovelace", "Lovelace"),
        ("ignored", None, "Charles Babbage"),
        ("optional", "Royal Society of London", "Royal Society of London"),
        ("missing", "1843", None),
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pairs_fit_the_counts(scheme):
    gold, predicted = random_corpora(14, 150, plain=0.3)
    metric = f"entities/{scheme}"
    scores = score(gold, predicted, metric)
    pairs = scores.pairs(metric)
    kinds = [pair.kind for pair in pairs]
    totals = totals_of(scores, metric)
    muc = scores[metric].muc
    assert kinds.count("correct") == muc.correct
    assert kinds.count("partial") == muc.partial
    assert kinds.count("incorrect") == muc.incorrect
    assert kinds.count("missing") == muc.missing
    assert kinds.count("ignored") == totals.ignored
    assert kinds.count("optional") == totals.optional
    order = {id: number for number, id in enumerate(gold.ids)}
    positions = [order[pair.document] for pair in pairs]
    assert positions == sorted(positions)


def test_marks_of_predictions_are_counted_as_dropped():
    scores = score(one_document(GOLD), one_document(GOLD))
    dropped = scores.metadata.conversion["predicted"]["dropped"]
    assert dropped == {
        "alternatives of predicted entities": 1,
        "optional marks of predicted entities": 1,
    }
    assert "1 alternatives of predicted entities" in scores.render()


def test_the_report_has_both_numbers():
    zones = [Zone("ignore", 22, 37)]
    report = score(one_document(GOLD, zones), one_document(PREDICTED), "entities/strict").render()
    assert (
        "1 optional item, 1 of them found; 1 item matched by an alternative (entities/strict)"
        in report
    )
    assert "ignore regions): 0.333 instead of 0.667 (entities/strict)" in report
    assert "Set aside, predicted items in ignore regions: 1 (entities)" in report
    plain = score(one_document(GOLD, zones), one_document(PREDICTED), plain_gold=True).render()
    assert "alternatives, optional items and ignore regions are ignored (plain gold)" in plain


def test_scores_with_and_without_them_are_not_compared():
    from evalkit import compare

    gold, predicted = one_document(GOLD), one_document(PREDICTED)
    with pytest.raises(InputError, match="gold"):
        compare(a=score(gold, predicted), b=score(gold, predicted, plain_gold=True))
    comparison = compare(a=predicted, b=predicted, gold=gold, options={"plain_gold": True})
    assert comparison.differences


def test_a_corpus_maps_its_alternatives(tmp_path):
    corpus = one_document(
        [
            Entity("PER", 0, 12, alternatives=[Span(4, 12), Entity("ORG", 0, 12)]),
            Entity("ORG", 45, 68),
        ]
    )
    mapped = corpus.map_labels({"ORG": "PER"})
    assert mapped[0].entities[0].alternatives == (Span(4, 12),)
    assert corpus.map_labels({"ORG": None})[0].entities[0].alternatives == (Span(4, 12),)
    mapped.save(tmp_path / "mapped.jsonl")
    assert list(load_corpus(tmp_path / "mapped.jsonl")) == list(mapped)
