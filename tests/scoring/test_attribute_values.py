"""The layers `entities:KEY`: label, span and value of an attribute, against plain loops."""

import itertools
import json
import random

import pytest

from evalkit import Corpus, Document, Entity, InputError, Schema, Scores, Zone, load_corpus, score
from evalkit.data.schema import ZoneSchema
from evalkit.errors import UnknownNameError
from evalkit.scoring.metrics import parse_metrics

VALUES = (True, False, 1, 1.0, "1", None, "yes", 0, 0.0, 0.5, "", -1)
TEXT = "abcdefghij" * 3
ZONES = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})
STRICT = "entities:negated/strict"
CASE_GOLD = Document("1", "no fever", [Entity("Problem", 3, 8, attributes={"negated": True})])
CASE_PREDICTED = Document("1", "no fever", [Entity("Problem", 3, 8, attributes={"negated": False})])


def same_value(one, other):
    """Whether two JSON values are equal: numbers by value, and no other types with each other."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other
    return type(one) is type(other) and one == other


def random_entities(draw, *, distinct):
    entities = []
    for _ in range(draw.randint(0, 7)):
        start = draw.randrange(0, 24, 3)
        end = start + draw.choice((2, 3, 6))
        attributes = {"negated": draw.choice(VALUES)} if draw.random() < 0.8 else {"other": 1}
        if draw.random() < 0.1:
            attributes = None
        label = draw.choice("AB")
        taken = {(each.label, each.start, each.end) for each in entities}
        if distinct and (label, start, end) in taken:
            continue
        entities.append(Entity(label, start, end, attributes=attributes))
    return entities


def random_corpora(seed, count, *, zones=False):
    """Gold without duplicates, and predictions that repeat half of gold."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(count):
        border = draw.randrange(3, 27, 3)
        parts = (Zone("byline", 0, border), Zone("body", border, 30)) if zones else ()
        entities = random_entities(draw, distinct=True)
        other = [each for each in entities if draw.random() < 0.5]
        other += random_entities(draw, distinct=False)
        draw.shuffle(other)
        gold.append(Document(f"d{number}", TEXT, entities, zones=parts))
        predicted.append(Document(f"d{number}", TEXT, other, zones=parts))
    schema = ZONES if zones else Schema()
    return Corpus(gold, schema=schema, name="gold"), Corpus(predicted, name="predicted")


def items_of(document, first_scored=0):
    items = []
    for entity in document.entities:
        if entity.attributes and "negated" in entity.attributes and entity.end > first_scored:
            value = entity.attributes["negated"]
            items.append((entity.label, entity.start, entity.end, value))
    return items


def overlap(one, other):
    """The share of the characters of the union that both items have."""
    shared = max(0, min(one[2], other[2]) - max(one[1], other[1]))
    union = one[2] - one[1] + other[2] - other[1] - shared
    return shared / union


def count_by_plain_loops(gold, predicted, threshold=1.0, *, zones=False):
    """(tp, predicted, gold): the largest matching of items with one label and an equal value. A
    predicted item that repeats another in full is wrong.
    """
    counts = [0, 0, 0]
    for one, other in zip(gold.documents, predicted.documents, strict=True):
        border = one.zones[0].end if zones else 0
        left, repeated = items_of(one, border), []
        for item in items_of(other, border):
            if not any(item[:3] == each[:3] and same_value(item[3], each[3]) for each in repeated):
                repeated.append(item)
        counts[1] += len(items_of(other, border))
        counts[2] += len(left)
        partner = {}

        def augment(n, seen):
            for m, candidate in enumerate(repeated):  # noqa: B023 - called in this iteration only
                item = left[n]  # noqa: B023
                fits = item[0] == candidate[0] and same_value(item[3], candidate[3])
                if m in seen or not fits or overlap(item, candidate) < threshold:
                    continue
                seen.add(m)
                if m not in partner or augment(partner[m], seen):  # noqa: B023
                    partner[m] = n  # noqa: B023
                    return True
            return False

        counts[0] += sum(augment(n, set()) for n in range(len(left)))
    return tuple(counts)


def micro(scores, metric=STRICT):
    row = scores[metric].micro
    return row.tp, row.predicted, row.gold


def test_an_entity_with_another_value_is_wrong():
    row = score(Corpus([CASE_GOLD]), Corpus([CASE_PREDICTED]), STRICT, boot=0)[STRICT].micro
    assert (row.precision, row.recall, row.f1) == (0, 0, 0)
    assert score(Corpus([CASE_GOLD]), Corpus([CASE_GOLD]), STRICT, boot=0)[STRICT].micro.f1 == 1


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations_with_replacement(VALUES, 2)))
def test_values_are_equal_as_canonical_json(one, other):
    gold = Document("1", TEXT, [Entity("A", 0, 3, attributes={"negated": one})])
    predicted = Document("1", TEXT, [Entity("A", 0, 3, attributes={"negated": other})])
    scores = score(Corpus([gold]), Corpus([predicted]), STRICT, boot=0)
    assert scores[STRICT].micro.tp == same_value(one, other)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("scheme", ["strict", "iou:1", "iou:0.5", "iou:0.2"])
def test_counts_are_those_of_plain_loops(count, scheme):
    gold, predicted = random_corpora(count + len(scheme), count)
    threshold = 1.0 if scheme == "strict" else float(scheme.partition(":")[2])
    metric = f"entities:negated/{scheme}"
    counts = micro(score(gold, predicted, metric, boot=0), metric)
    assert counts == count_by_plain_loops(gold, predicted, threshold)
    assert 0 < counts[0] < counts[2] < counts[1]


def test_items_outside_the_scored_zones_do_not_count():
    gold, predicted = random_corpora(5, 200, zones=True)
    counts = micro(score(gold, predicted, STRICT, boot=0))
    assert counts == count_by_plain_loops(gold, predicted, zones=True)
    assert counts[2] < sum(len(items_of(document)) for document in gold.documents)


@pytest.mark.slow
def test_order_files_workers_and_shards_change_no_number(tmp_path):
    gold, predicted = random_corpora(6, 70)
    expected = score(gold, predicted, STRICT, boot=0)
    draw = random.Random(1)
    shuffled = [
        Document(each.id, each.text, draw.sample(each.entities, len(each.entities)))
        for each in predicted.documents
    ]
    draw.shuffle(shuffled)
    assert micro(score(gold, Corpus(shuffled), STRICT, boot=0)) == micro(expected)
    for folder in ("gold", "predicted", "whole"):
        (tmp_path / folder).mkdir()
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        Corpus(corpus.documents).save(tmp_path / "whole" / f"{name}.jsonl")
        for number, start in enumerate(range(0, 70, 30)):
            part = Corpus(corpus.documents[start : start + 30])
            part.save(tmp_path / name / f"{number}.jsonl")
    whole = [str(tmp_path / "whole" / f"{name}.jsonl") for name in ("gold", "predicted")]
    results = [score(*whole, STRICT, boot=0), score(*whole, STRICT, boot=0, jobs=2)]
    shards = [str(tmp_path / name / "*.jsonl") for name in ("gold", "predicted")]
    results.append(score(*shards, STRICT, boot=0))
    loaded = load_corpus(whole[0]), load_corpus(whole[1], predictions=True)
    results.append(score(*loaded, STRICT, boot=0))
    for result in results:
        assert micro(result) == micro(expected)
    assert len({each[STRICT].signature_fields["corpus"].partition("@")[2] for each in results}) == 1


def test_swapped_sides_swap_precision_and_recall():
    gold, predicted = random_corpora(7, 100)
    documents = []
    for document in predicted.documents:
        first_of = {(each.label, each.start, each.end): each for each in document.entities}
        documents.append(Document(document.id, document.text, list(first_of.values())))
    one = micro(score(gold, Corpus(documents), STRICT, boot=0))
    other = micro(score(Corpus(documents), gold, STRICT, boot=0))
    assert other == (one[0], one[2], one[1])


def test_duplicates_agree_in_the_value_too():
    gold = Corpus([Document("1", TEXT, [Entity("A", 0, 3, attributes={"negated": 1})])])
    twice = [Entity("A", 0, 3, attributes={"negated": value}) for value in (1, 1.0, 2)]
    scores = score(gold, Corpus([Document("1", TEXT, twice)]), STRICT, boot=0)
    assert micro(scores) == (1, 3, 1)
    assert scores[STRICT].counts.set_aside["duplicate"] == 1


def test_corpora_that_differ_in_the_attribute_have_other_digests_for_its_layer_only(tmp_path):
    other = Corpus([CASE_PREDICTED], name="gold")
    gold = Corpus([CASE_GOLD], name="gold")
    metrics = "entities/strict,entities:negated,entities:other"
    signatures = []
    for corpus in (gold, other):
        corpus.save(tmp_path / "gold.jsonl")
        in_memory = score(corpus, other, metrics, boot=0)
        from_file = score(str(tmp_path / "gold.jsonl"), other, metrics, boot=0)
        fields = [each.signature_fields["corpus"] for each in map(in_memory.__getitem__, in_memory)]
        assert fields == [
            each.signature_fields["corpus"] for each in map(from_file.__getitem__, from_file)
        ]
        signatures.append(fields)
    changed = [one != two for one, two in zip(*signatures, strict=True)]
    assert changed == [False, True, False]


def test_results_are_saved_merged_and_read(tmp_path):
    gold, predicted = random_corpora(8, 40)
    whole = score(gold, predicted, STRICT)
    whole.save(tmp_path / "result.json")
    assert Scores.load(tmp_path / "result.json")[STRICT].micro == whole[STRICT].micro
    parts = [
        score(Corpus(gold.documents[part], name="gold"), Corpus(predicted.documents[part]), STRICT)
        for part in (slice(0, 13), slice(13, None))
    ]
    assert micro(Scores.merge(parts)) == micro(whole)


def test_label_maps_of_entities_hold():
    gold, predicted = random_corpora(9, 60)
    scores = score(gold, predicted, STRICT, label_map={"A": "B"}, boot=0)
    assert [row.label for row in scores[STRICT].rows() if not row.average] == ["B"]
    dropped = score(gold, predicted, STRICT, labels=["A"], boot=0)
    assert micro(dropped)[2] == sum(
        item[0] == "A" for document in gold.documents for item in items_of(document)
    )


def test_an_attribute_that_occurs_nowhere_is_a_warning():
    gold, predicted = random_corpora(10, 5)
    scores = score(gold, predicted, "entities:absent", boot=0)
    expected = "entities:absent: no entity of gold or of the prediction has the attribute 'absent'"
    assert expected in scores.warnings
    assert not any("no entity" in each for each in score(gold, predicted, STRICT, boot=0).warnings)


def test_names_of_metrics_are_parsed():
    names = ["entities:negated", "entities:a/b/strict", "entities:x:y/iou:.50"]
    assert list(map(str, parse_metrics(names))) == [
        "entities:negated/strict",
        "entities:a/b/strict",
        "entities:x:y/iou:0.5",
    ]
    with pytest.raises(InputError, match="offers no exact"):
        parse_metrics("entities:negated/exact")
    for name in ("entities:/strict", "triggers:x/strict"):
        with pytest.raises(UnknownNameError, match="entities:KEY"):
            parse_metrics(name)


def test_errors_of_the_layer_are_refused_clearly():
    scores = score(Corpus([CASE_GOLD]), Corpus([CASE_PREDICTED]), STRICT, boot=0)
    with pytest.raises(InputError, match="errors of entities:negated are not analyzed"):
        scores.errors("entities:negated")


def test_values_come_through_every_spelling_of_json(tmp_path):
    lines = []
    for value in ("1", "1.0", "1e0", '"1"', "true"):
        entity = f'{{"label": "A", "start": 0, "end": 3, "attributes": {{"negated": {value}}}}}'
        lines.append(f'{{"id": {json.dumps(value)}, "text": "{TEXT}", "entities": [{entity}]}}\n')
    (tmp_path / "p.jsonl").write_text("".join(lines))
    gold = Corpus(
        [
            Document(value, TEXT, [Entity("A", 0, 3, attributes={"negated": 1})])
            for value in ("1", "1.0", "1e0", '"1"', "true")
        ]
    )
    assert micro(score(gold, str(tmp_path / "p.jsonl"), STRICT, boot=0)) == (3, 5, 5)
