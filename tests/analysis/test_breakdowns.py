"""Breakdowns by features, against plain loops over the documents."""

from collections import Counter

import pytest
from helpers.perturbed import SENTENCE, perturbed

from evalkit import Corpus, Document, Entity, InputError, score, score_spans, score_tags
from evalkit.data.text import sentences, tokens

TEXT = "Ada Lovelace met Bo. In New York, Ada met the Royal Society of London. Bo left Rome."


def corpora():
    """One document with items of several lengths, twice."""
    gold = (
        Entity("PER", 0, 12, attributes={"nested": False}),
        Entity("PER", 17, 19),
        Entity("LOC", 24, 32),
        Entity("PER", 34, 37),
        Entity("ORG", 46, 69),
        Entity("LOC", 63, 69),
        Entity("PER", 71, 73),
        Entity("LOC", 79, 83),
    )
    predicted = (
        Entity("PER", 0, 12, score=0.9),
        Entity("ORG", 17, 19, score=0.8),
        Entity("LOC", 24, 32, score=0.9),
        Entity("ORG", 46, 59, score=0.4),
        Entity("LOC", 63, 69, score=0.7),
        Entity("PER", 71, 73),
        Entity("PER", 13, 16, score=0.1),
    )
    ids = [f"d{n}" for n in range(12)]
    return (
        Corpus([Document(id, TEXT, entities=gold) for id in ids], name="gold"),
        Corpus([Document(id, TEXT, entities=predicted) for id in ids], name="system"),
    )


def counts_by(bucket_of_gold, bucket_of_predicted, gold, predicted):
    """A bucket to (gold, found, predicted, tp), in a loop over all items."""
    table = {}
    for one, other in zip(gold, predicted, strict=True):
        of_gold = {(e.label, e.start, e.end) for e in one.entities}
        of_predicted = {(e.label, e.start, e.end) for e in other.entities}
        for entities, others, place, bucket_of in (
            (one.entities, of_predicted, 0, bucket_of_gold),
            (other.entities, of_gold, 2, bucket_of_predicted),
        ):
            for entity in entities:
                bucket = bucket_of(one, entity)
                if bucket is None:
                    continue
                row = table.setdefault(bucket, [0, 0, 0, 0])
                row[place] += 1
                row[place + 1] += (entity.label, entity.start, entity.end) in others
    return table


def found_by(feature, gold, predicted, **options):
    buckets = score(gold, predicted, "entities/strict", boot=0).errors(**options).by(feature)
    return {b.bucket: [b.gold, b.found, b.predicted, b.tp] for b in buckets}


def length_bucket(document, entity):
    n = len(tokens(document.text[entity.start : entity.end]))
    return "1" if n == 1 else "2" if n == 2 else "3" if n == 3 else "4–5" if n < 6 else "6–9"


def sentence_of(document, entity):
    starts = [start for start, _ in sentences(document.text)]
    return max(n for n, start in enumerate(starts) if start <= entity.start)


def test_length():
    gold, predicted = corpora()

    assert found_by("length", gold, predicted) == counts_by(
        length_bucket, length_bucket, gold, predicted
    )


def test_frequency_counts_surface_forms_of_gold():
    gold, predicted = corpora()
    surfaces = Counter(d.text[e.start : e.end] for d in gold for e in d.entities)

    def bucket(document, entity):
        n = surfaces[document.text[entity.start : entity.end]]
        return "0" if n == 0 else "1" if n == 1 else "2–4" if n < 5 else "5+"

    assert found_by("frequency", gold, predicted) == counts_by(bucket, bucket, gold, predicted)


def test_density_is_the_number_of_gold_items_in_the_sentence():
    gold, predicted = perturbed(30, 3)

    def bucket(document, entity):
        sentence = sentence_of(document, entity)
        n = sum(sentence_of(document, e) == sentence for e in of_gold[document.id].entities)
        return str(n) if n < 2 else "2–3" if n < 4 else "4–6"

    of_gold = {document.id: document for document in gold}

    assert found_by("density", gold, predicted) == counts_by(bucket, bucket, gold, predicted)


def test_position_is_the_first_sentence_and_then_thirds():
    gold, predicted = perturbed(20, 4, sentences=7)
    thirds = ["first sentence", *["first third"] * 2, *["second third"] * 2, *["last third"] * 2]

    def bucket(document, entity):
        return thirds[sentence_of(document, entity)]

    assert found_by("position", gold, predicted) == counts_by(bucket, bucket, gold, predicted)


def test_sentence_initial_items_begin_with_the_first_word():
    gold, predicted = perturbed(20, 5)

    def bucket(document, entity):
        return "first word" if entity.start % len(SENTENCE) == 0 else "elsewhere"

    assert found_by("sentence-initial", gold, predicted) == counts_by(
        bucket, bucket, gold, predicted
    )


def test_nesting():
    gold, predicted = corpora()
    found = found_by("nesting", gold, predicted)

    assert found["contains another"] == [12, 0, 0, 0]
    assert found["inside another"] == [12, 12, 0, 0]
    assert found["flat"][0] == 72


def test_confusable_surface_forms_have_several_labels_in_gold():
    text = "Paris Paris Rome Oslo"
    gold = Corpus(
        [
            Document(
                "d",
                text,
                entities=(Entity("LOC", 0, 5), Entity("PER", 6, 11), Entity("LOC", 12, 16)),
            )
        ]
    )
    predicted = Corpus([Document("d", text, entities=(Entity("LOC", 0, 5), Entity("LOC", 17, 21)))])

    assert found_by("confusable", gold, predicted) == {
        "not in gold": [0, 0, 1, 0],
        "one label": [1, 0, 0, 0],
        "several labels": [2, 1, 1, 1],
    }


def test_novelty_and_consistency_compare_with_a_training_corpus():
    train = Corpus(
        [
            Document(
                "t",
                "Bo Bo Bo rome New York",
                entities=(
                    Entity("PER", 0, 2),
                    Entity("PER", 3, 5),
                    Entity("ORG", 6, 8),
                    Entity("LOC", 9, 13),
                    Entity("ORG", 14, 22),
                ),
            )
        ]
    )
    gold, predicted = corpora()

    def bucket(document, entity):
        surface = document.text[entity.start : entity.end]
        known = {"Bo": ("PER", "ORG"), "New York": ("ORG",)}.get(surface)
        if known is None:
            return "unseen surface"
        return "seen" if entity.label in known else "unseen type"

    assert found_by("novelty", gold, predicted, train=train) == counts_by(
        bucket, bucket, gold, predicted
    )
    consistency = found_by("consistency", gold, predicted, train=train)
    assert consistency["above .5, below 1"] == [24, 12, 12, 12]
    assert consistency["above 0, up to .5"] == [0, 0, 12, 0]
    ignoring_case = found_by("novelty", gold, predicted, train=train, ignore_case=True)
    assert ignoring_case["seen"][0] == consistency["above .5, below 1"][0] + 12


def test_scores_are_divided_into_tenths_of_the_predictions():
    gold, predicted = corpora()
    found = found_by("score", gold, predicted)

    assert found["no score"] == [0, 0, 12, 12]
    assert sum(row[2] for row in found.values()) == 84
    assert sum(row[3] for row in found.values()) == 12 * 4
    assert all(row[:2] == [0, 0] for row in found.values())


def test_attributes_are_those_of_each_side():
    gold, predicted = corpora()

    found = found_by("attribute:nested", gold, predicted)

    assert found == {"False": [12, 12, 0, 0], "–": [84, 36, 84, 48]}


def test_buckets_divide_recall_and_precision():
    gold, predicted = corpora()
    analysis = score(gold, predicted, "entities/strict", boot=0).errors()
    for feature in ("length", "frequency", "density", "position", "nesting", "zone", "confusable"):
        buckets = analysis.by(feature)

        assert sum(b.gold for b in buckets) == 96
        assert sum(b.predicted for b in buckets) == 84
        assert sum(b.found for b in buckets) == sum(b.tp for b in buckets) == 48
        for bucket in buckets:
            ratio = bucket.found / bucket.gold if bucket.gold >= 10 else None
            assert bucket.recall == ratio


def test_another_metric_can_be_broken_down():
    gold, predicted = corpora()
    scores = score(gold, predicted, "entities/strict,entities/partial", boot=0)

    buckets = scores.errors(metric="entities/partial", by="length").by("length")

    assert sum(bucket.found for bucket in buckets) == scores["entities/partial"].micro.found


def test_f1_is_given_only_for_features_that_both_sides_share():
    gold, predicted = corpora()
    analysis = score(gold, predicted, "entities/strict", boot=0).errors(by="density,length")

    assert any(bucket.f1 is not None for bucket in analysis.by("density"))
    assert all(bucket.f1 is None for bucket in analysis.by("length"))


def test_unknown_features_are_refused_with_a_suggestion():
    gold, predicted = corpora()
    scores = score(gold, predicted, "entities/strict", boot=0)

    with pytest.raises(InputError, match="did you mean 'length'"):
        scores.errors(by="lenght")
    with pytest.raises(InputError, match="needs a training corpus"):
        scores.errors(by="novelty")


def test_tags_and_spans_have_the_features_that_need_no_text():
    tags = score_tags([["B-A", "I-A", "O"]] * 12, [["B-A", "O", "O"]] * 12).errors(by="length")
    spans = score_spans([[(0, 3, "A")]] * 12, [[(0, 3, "A")]] * 12)

    assert [(b.bucket, b.gold, b.predicted) for b in tags.by("length")] == [
        ("1", 0, 12),
        ("2", 12, 0),
    ]
    assert tags.counts["boundary"] == 12
    with pytest.raises(InputError, match="needs the texts of documents"):
        spans.errors(by="frequency")


def test_the_label_map_of_gold_holds_for_the_training_corpus():
    text = "Bo met Al"
    entities = (Entity("person", 0, 2), Entity("PER", 7, 9))
    gold = Corpus([Document("d", text, entities=entities)])

    analysis = score(gold, gold, "entities/strict", label_map={"person": "PER"}, boot=0).errors(
        train=gold, by="novelty,consistency"
    )

    assert [(b.bucket, b.gold) for b in analysis.by("novelty")] == [("seen", 2)]
    assert [(b.bucket, b.gold) for b in analysis.by("consistency")] == [("1", 2)]


def test_a_training_corpus_may_be_a_path_and_must_have_the_layer(tmp_path):
    gold, predicted = corpora()
    gold.save(tmp_path / "train.jsonl")
    scores = score(gold, predicted, "entities/strict", boot=0)

    (seen,) = scores.errors(train=tmp_path / "train.jsonl", by="novelty").by("novelty")[:1]

    assert seen.bucket == "seen"
    with pytest.raises(InputError, match="the training corpus has no entities in any document"):
        scores.errors(train=Corpus([Document("d", "text")]), by="novelty")
    for train in (5, [5]):
        with pytest.raises(InputError):
            scores.errors(train=train, by="novelty")


def test_an_attribute_that_no_item_has_is_refused_with_those_that_there_are():
    gold, predicted = corpora()
    scores = score(gold, predicted, "entities/strict", boot=0)

    with pytest.raises(InputError, match="no item has the attribute 'nests'; .*: nested"):
        scores.errors(by="attribute:nests")


@pytest.mark.parametrize("by", [5, [5], [None]])
def test_features_that_are_no_names_are_refused(by):
    gold, predicted = corpora()

    with pytest.raises(InputError, match="expected names of features"):
        score(gold, predicted, "entities/strict", boot=0).errors(by=by)
