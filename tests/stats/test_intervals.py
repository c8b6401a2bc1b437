"""Every score says how sure it is, or why it cannot: against plain loops over sentences and
documents, and the properties p38 to p43 and p48.
"""

import random
from itertools import pairwise

import msgspec
import pytest
from helpers import resampling_oracle
from helpers.perturbed import SENTENCE, perturbed, ratio, strict_by_unit
from helpers.profiles import examples
from helpers.random_corpora import both, corpora
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Scores,
    Span,
    Zone,
    load_corpus,
    score,
    score_spans,
    score_tags,
)
from evalkit.data.document import remove_references

RATIOS = ("precision", "recall", "f1")


def totals(units, weights, label):
    return [
        sum(
            w * counts[n]
            for w, unit in zip(weights, units.values(), strict=True)
            for name, counts in unit.items()
            if label in (None, name)
        )
        for n in range(3)
    ]


def mean(values):
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@pytest.mark.parametrize("seed", range(4))
def test_documents_are_drawn_where_there_are_twenty(seed):
    gold, said = perturbed(25, seed, sentences=2)

    scores = score(gold, said, "ner", boot=200)["ner"]

    units = strict_by_unit(gold, said, by_sentence=False)
    weights = [
        [resampling_oracle.weight(resampling_oracle.key(*unit), 12345, r) for unit in units]
        for r in range(200)
    ]
    for label in (None, *scores.labels):
        row = scores.micro if label is None else scores[label]
        drawn = [totals(units, of, label) for of in weights]
        for name in RATIOS:
            low, high, _ = row.interval(name)
            assert (low, high) == pytest.approx(
                resampling_oracle.percentile([ratio(name, *of) for of in drawn], 0.95), abs=1e-12
            )


@pytest.mark.parametrize("seed", range(4))
def test_sentences_are_drawn_where_there_are_fewer(seed):
    gold, said = perturbed(5, seed, sentences=6)

    scores = score(gold, said, "ner", boot=200)["ner"]

    units = strict_by_unit(gold, said, by_sentence=True)
    weights = [
        [resampling_oracle.weight(resampling_oracle.key(*unit), 12345, r) for unit in units]
        for r in range(200)
    ]
    once = [1] * len(units)
    for label in (None, *scores.labels):
        row = scores.micro if label is None else scores[label]
        drawn = [totals(units, of, label) for of in weights]
        without = [
            totals(units, [at != n for at in range(len(units))], label) for n in range(len(units))
        ]
        for name in RATIOS:
            low, high, _ = row.interval(name)
            expected = resampling_oracle.bca(
                [ratio(name, *of) for of in drawn],
                ratio(name, *totals(units, once, label)),
                [ratio(name, *of) for of in without],
                0.95,
            )
            assert (low, high) == pytest.approx(expected, abs=1e-12)
    assert scores.counts.resampling_unit_count == 30


@pytest.mark.parametrize("seed", range(4))
def test_macro_is_the_mean_over_the_labels_in_each_replicate(seed):
    gold, said = perturbed(30, seed)

    scores = score(gold, said, "ner", boot=100)["ner"]

    units = strict_by_unit(gold, said, by_sentence=False)
    weights = [
        [resampling_oracle.weight(resampling_oracle.key(*unit), 12345, r) for unit in units]
        for r in range(100)
    ]
    for name in RATIOS:
        drawn = [
            mean([ratio(name, *totals(units, of, label)) for label in "ABC"]) for of in weights
        ]
        low, high, _ = scores.macro.interval(name)
        assert (low, high) == pytest.approx(resampling_oracle.percentile(drawn, 0.95), abs=1e-12)


def test_macro_has_no_interval_where_a_label_is_undefined_in_too_many_replicates():
    gold, said = perturbed(30, 1)
    rare = Document("rare", SENTENCE, [Entity("RARE", 0, 3)])

    scores = score(Corpus([*gold, rare]), Corpus([*said, rare]), "ner")["ner"]

    assert scores.macro.interval("recall") == (
        None,
        None,
        "undefined in more than 5 % of the replicates",
    )
    assert scores.micro.interval("recall").low is not None


def test_a_matched_prediction_belongs_to_the_sentence_of_its_gold_and_others_to_where_they_start():
    gold = Document("d", SENTENCE * 2, [Entity("A", 14, 24)])
    said = Document("d", SENTENCE * 2, [Entity("A", 22, 24), Entity("B", 15, 30)])

    counts = score(Corpus([gold]), Corpus([said]), "entities/type")["entities/type"].counts

    cells = {
        (counts.units[unit].sentence, counts.labels[label]): values[:2]
        for unit, label, *values in zip(counts.unit, counts.label, *counts.values, strict=True)
    }
    assert cells == {(0, "A"): [1, 1], (0, "B"): [0, 1]}


def test_zones_that_are_not_scored_are_not_drawn_from():
    text = SENTENCE * 3
    documents = [
        Document(
            f"d{n}", text, [Entity("A", 0, 3)], zones=[Zone("body", 0, 40), Zone("byline", 40, 60)]
        )
        for n in range(3)
    ]

    scores = score(Corpus(documents), Corpus(documents), "ner", zones=["body"])["ner"]

    assert scores.counts.resampling_unit_count == 6


@given(corpora(most_documents=6), st.sampled_from(["documents", "sentences"]))
@settings(max_examples=examples(30))
def test_p38_a_higher_level_gives_a_wider_interval(pairs, units):
    gold, said = both(pairs)

    rows = [
        score(gold, said, "entities/partial", units=units, boot=400, level=level)[
            "entities/partial"
        ].micro
        for level in (0.5, 0.9, 0.95, 0.99)
    ]

    for name in RATIOS:
        ends = [row.interval(name)[:2] for row in rows]
        assert all(
            one == other == (None, None) or other[0] <= one[0] <= one[1] <= other[1]
            for one, other in pairwise(ends)
        )


@pytest.mark.parametrize("n", [6, 30])
def test_p39_order_shards_and_workers_move_no_interval(tmp_path, n):
    gold, said = perturbed(n, 7)
    whole = score(gold, said).rows()
    shuffled = random.Random(1).sample(list(gold), n)
    for name, documents in (("gold", gold), ("said", said)):
        Corpus(documents, name=name).save(tmp_path / f"{name}.jsonl")

    assert score(Corpus(shuffled, name="gold"), said).rows() == whole
    for jobs in (1, 2):
        assert score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl", jobs=jobs).rows() == whole


def test_p41_documents_that_are_all_alike_give_no_interval_and_say_so():
    gold = Corpus(
        [Document(f"d{n}", SENTENCE, [Entity("A", 0, 3), Entity("A", 4, 7)]) for n in range(30)]
    )
    said = Corpus([Document(f"d{n}", SENTENCE, [Entity("A", 0, 3)]) for n in range(30)])

    scores = score(gold, said, "ner")

    assert scores["ner"].micro.interval("f1") == (None, None, "no variance")
    assert "–: no CI (no variance" in str(scores)


def test_p41_one_document_gives_a_range_of_this_article_only_and_says_so():
    gold, said = perturbed(1, 3, sentences=12)

    told = str(score(gold, said, "ner"))

    assert "95 % range" in told
    assert "sentence-resampling range, these documents only" in told
    assert "95 % CI of F1" not in told


def test_p41_one_document_as_one_unit_has_no_interval():
    gold, said = perturbed(1, 3, sentences=12)

    assert score(gold, said, "ner", units="documents")["ner"].micro.interval("f1") == (
        None,
        None,
        "all items are in one unit",
    )


@pytest.mark.parametrize(
    ("sentences", "each", "known"), [(8, 1, True), (7, 2, False), (12, 0, False)]
)
def test_one_document_needs_ten_items_in_eight_sentences(sentences, each, known):
    starts = [n * len(SENTENCE) + at for n in range(sentences) for at in (0, 4)[:each]]
    gold = Document("d", SENTENCE * 12, [Entity("A", start, start + 2) for start in starts])
    said = Document("d", SENTENCE * 12, [Entity("A", start, start + 2) for start in starts[::2]])

    found = score(Corpus([gold]), Corpus([said]), "ner")["ner"].micro.interval("f1")

    assert (found.low is not None) is known


def test_several_documents_are_told_to_be_all_that_is_claimed_of():
    gold, said = perturbed(5, 3)

    told = str(score(gold, said, "ner"))

    assert (
        "95 % CI of F1: BCa bootstrap, 1,000 replicates over 15 sentences, seed 12345; conditional"
        " on these 5 documents" in told
    )


def test_many_documents_are_told_to_be_drawn():
    gold, said = perturbed(20, 3)

    assert "90 % CI of F1: percentile bootstrap, 500 replicates over 20 documents, seed 7" in str(
        score(gold, said, "ner", level=0.9, boot=500, seed=7)
    )


@pytest.mark.parametrize("units", ["documents", "sentences"])
def test_p43_confusion_sums_up_to_gold_and_to_the_prediction(units):
    gold, said = perturbed(12, 5)
    scores = score(gold, said, ["ner"], units=units)

    found = scores.confusion()

    for label in "ABC":
        assert sum(n for (row, _), n in found.items() if row == label) == scores["ner"][label].gold
        assert (
            sum(n for (_, column), n in found.items() if column == label)
            == scores["ner"][label].predicted
        )
        assert found.get((label, label), 0) == scores["ner"][label].tp
    assert (None, None) not in found


def test_confusion_shows_who_was_taken_for_whom():
    gold = Corpus(
        [
            Document(
                "d", SENTENCE, [Entity("PER", 0, 3), Entity("PER", 8, 10), Entity("LOC", 14, 18)]
            )
        ]
    )
    said = Corpus(
        [
            Document(
                "d", SENTENCE, [Entity("PER", 0, 3), Entity("ORG", 8, 10), Entity("LOC", 11, 18)]
            )
        ]
    )

    found = score(gold, said).confusion()

    assert found == {("LOC", None): 1, ("PER", "ORG"): 1, ("PER", "PER"): 1, (None, "LOC"): 1}


def test_confusion_of_sets_is_refused():
    with pytest.raises(InputError, match="triggers are a set whose labels `exact` drops"):
        score(load_corpus(), load_corpus()).confusion("triggers")


@given(corpora(most_documents=3))
@settings(max_examples=examples(30))
def test_p48_keeping_labels_first_is_reading_their_rows(pairs):
    gold, said = both(pairs)

    every, kept = (
        score(gold, said, ["entities/strict", "entities/type"], labels=labels, boot=50)
        for labels in (None, ["A", "B"])
    )

    for metric in kept:
        for label in set(kept[metric].labels) & {"A", "B"}:
            assert kept[metric][label].as_dict() == every[metric][label].as_dict()


def test_rows_without_intervals_cost_no_draws():
    gold, said = perturbed(25, 1)

    scores = score(gold, said, "ner", boot=0)

    assert {row["f1_low"] for row in scores.rows()} == {None}
    assert scores["ner"].micro.interval("f1").reason == "not asked for"
    assert "boot:0" in scores["ner"].signature
    assert "interval" not in str(scores)


def test_a_label_has_no_f1_and_so_no_interval_where_labels_are_free():
    gold, said = perturbed(25, 1)

    row = score(gold, said, "entities/exact")["entities/exact"]["A"]

    assert (row.f1_low, row.f1_high, row.interval("f1").reason) == (
        None,
        None,
        "the value is undefined",
    )
    assert row.precision_low < row.precision < row.precision_high
    assert row.recall_low < row.recall < row.recall_high


def test_wilson_is_of_whole_credits_and_of_shares_alone():
    scores = score(*perturbed(25, 1))

    assert (
        scores["entities/strict"].micro.wilson("recall").low
        < scores["entities/strict"].micro.recall
    )
    assert scores["entities/strict"].micro.wilson("f1").low is None
    assert scores["entities/partial"].micro.wilson("recall").low is None
    assert scores["entities/strict"].macro.wilson("recall").low is None


def test_tags_and_spans_have_intervals_over_their_sequences():
    tags = [["B-A", "O", "B-B"], ["O", "B-A", "O"]] * 15
    said = [["B-A", "O", "O"], ["O", "B-A", "O"]] * 15

    assert score_tags(tags, said)["ner"].micro.f1_low < score_tags(tags, said)["ner"].micro.f1
    assert (
        score_spans([[(0, 1, "A")], [(0, 1, "A")]] * 10, [[(0, 1, "A")], []] * 10)[
            "ner"
        ].micro.recall_high
        > 0.5
    )


def test_every_layer_has_intervals_over_sentences():
    article = load_corpus()
    dropped_ids = {entity.id for entity in article[0].entities[1::2]}
    events = [remove_references(event, dropped_ids) for event in article[0].events[::2]]
    scores = score(
        article,
        Corpus(
            [Document(article[0].id, article[0].text, article[0].entities[::2], events, [])],
            name="half",
        ),
        zones="all",
    )

    assert scores["entities/strict"].micro.f1_low is not None
    assert scores["arg-c+"].micro.f1_low is not None
    assert (
        scores["attributions/strict"].micro.interval("f1").reason
        == "fewer than 10 items, or items in fewer than 8 sentences"
    )


def test_attached_parts_and_relations_have_intervals_too():
    text = SENTENCE * 30
    all_ = [
        Attribution(Span(at + 4, at + 7), Span(at + 8, at + 10), Span(at, at + 3))
        for at in range(0, 600, 20)
    ]
    gold, said = (
        Corpus([Document("d", text, attributions=all_)]),
        Corpus([Document("d", text, attributions=all_[::2])]),
    )

    scores = score(
        gold,
        said,
        "attached-attributions/strict,attribution-relations/type,attributions/characters",
    )

    assert all(
        scores[metric].micro.f1_low < scores[metric].micro.f1 < scores[metric].micro.f1_high
        for metric in scores
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"units": "words"},
            "unknown value 'words' in 'units='; expected one of: auto, documents, sentences",
        ),
        ({"boot": -1}, "invalid boot=-1: expected a whole number from 0 to 10,000,000"),
        ({"boot": 2.5}, "invalid boot=2.5: expected a whole number"),
        ({"seed": "x"}, 'invalid seed="x": expected a whole number'),
        ({"level": 0.9999999999999999}, "expected a number between 0 and 1"),
        ({"boot": 10**13}, "invalid boot=10000000000000: expected a whole number"),
        ({"level": 95}, "invalid level=95: expected a number between 0 and 1, such as 0.95"),
        ({"level": True}, "level=True"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        score(*perturbed(2, 1), **options)


def test_an_unknown_ratio_is_answered_with_the_known_ones():
    with pytest.raises(
        InputError, match="unknown ratio 'accuracy'; expected one of: precision, recall, f1"
    ):
        score(*perturbed(2, 1))["ner"].micro.interval("accuracy")


def test_a_wrong_overlap_moves_nobody_to_another_sentence():
    gold = Corpus([Document("d", SENTENCE * 2, [Entity("A", 18, 24)])])
    said = Corpus([Document("d", SENTENCE * 2, [Entity("B", 22, 26)])])
    scores = score(gold, said, "entities/strict")

    before = (
        [unit.sentence for unit in scores["ner"].counts.units],
        scores["ner"].counts.unit.tolist(),
    )
    text = scores.to_json()

    assert scores["ner"].muc.incorrect == 1
    assert (
        [unit.sentence for unit in scores["ner"].counts.units],
        scores["ner"].counts.unit.tolist(),
    ) == before
    assert Scores.from_json(text).to_json() == text


@pytest.mark.parametrize("seed", range(5))
def test_saving_a_result_moves_no_interval(seed):
    gold, _ = perturbed(1, seed, sentences=14)
    draw = random.Random(seed)
    shifted = [
        Entity(e.label, max(e.start - draw.choice([0, 5]), 0), e.end) for e in gold[0].entities
    ]
    said = Corpus([Document("d0", gold[0].text, list(dict.fromkeys(shifted)))])
    scores = score(gold, said)

    first = scores.rows()
    scores.to_json()

    assert scores.rows() == first


def test_a_layer_of_one_document_has_a_range_of_that_article_only():
    gold, said = perturbed(5, 1)
    more = [
        msgspec.structs.replace(gold[0], events=[Event("Meet", Span(4, 7))] * 1),
        *list(gold)[1:],
    ]
    same = [
        msgspec.structs.replace(said[n], events=document.events) for n, document in enumerate(more)
    ]

    scores = score(Corpus(more), Corpus(same), "ner,tri-c")

    assert (
        scores["tri-c"].micro.interval("f1").reason
        == "fewer than 10 items, or items in fewer than 8 sentences"
    )
    assert (
        "annotated in one document: triggers; their intervals are sentence-resampling ranges, that"
        " document only" in str(scores)
    )


@pytest.mark.parametrize(
    ("boot", "level", "known"),
    [
        (39, 0.95, True),
        (38, 0.95, False),
        (1, 0.5, False),
        (999, 0.999, False),
        (1999, 0.999, True),
    ],
)
def test_too_few_replicates_for_a_level_give_no_interval(boot, level, known):
    found = score(*perturbed(25, 1), "ner", boot=boot, level=level)["ner"].micro.interval("f1")

    assert (found.low is not None) is known
    assert found.reason in ("", "too few replicates for this level")


def test_one_document_as_a_whole_is_told_to_give_no_range():
    assert "no 95 % range: documents are resampled, and there is one" in str(
        score(*perturbed(1, 3), "ner", units="documents")
    )
