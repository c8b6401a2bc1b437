"""Every score says how sure it is, or why it cannot: against plain loops over documents and
sentences, and the properties p38 to p43 and p48.
"""

import random
from itertools import pairwise

import msgspec
import pytest
import scipy
from helpers import interval_oracle
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


def counts_of(units, label):
    """(gold, predicted, tp) of each unit: of a label, or of all (None)."""
    documents = []
    for unit in units.values():
        rows = [counts for name, counts in unit.items() if label in (None, name)]
        documents.append(tuple(sum(row[n] for row in rows) for n in range(3)))
    return documents


@pytest.mark.parametrize(
    ("n", "sentences", "units"),
    [(25, 2, "auto"), (4, 3, "auto"), (1, 14, "auto"), (5, 6, "sentences")],
)
@pytest.mark.parametrize("seed", range(4))
def test_intervals_are_those_of_plain_loops(n, sentences, units, seed):
    gold, said = perturbed(n, seed, sentences=sentences)

    scores = score(gold, said, "ner", units=units, level=0.9)["ner"]

    by_sentence = n == 1 or units == "sentences"
    of_units = strict_by_unit(gold, said, by_sentence=by_sentence)
    for label in (None, *scores.labels):
        row = scores.micro if label is None else scores[label]
        for name in RATIOS:
            low, high, _ = row.interval(name)
            expected = interval_oracle.ratio_ends(counts_of(of_units, label), name, 0.9)
            if expected is None:
                assert low is high is None
            else:
                assert (low, high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [2, 8, 30])
@pytest.mark.parametrize("seed", range(4))
def test_averages_have_the_intervals_of_plain_loops(n, seed):
    gold, said = perturbed(n, seed)

    scores = score(gold, said, "ner")["ner"]

    units = strict_by_unit(gold, said, by_sentence=False)
    by_label = {label: counts_of(units, label) for label in scores.labels}
    gold_items = {label: sum(counts[0] for counts in by_label[label]) for label in by_label}
    weights = {
        "macro": dict.fromkeys(by_label, 1 / len(by_label)),
        "weighted": {label: gold_items[label] / sum(gold_items.values()) for label in by_label},
    }
    for name in RATIOS:
        for average, row in (("macro", scores.macro), ("weighted", scores.weighted)):
            low, high, reason = row.interval(name)
            if reason == "one document holds all items":
                assert sum(map(bool, map(sum, counts_of(units, None)))) == 1
                continue
            expected = interval_oracle.average_ends(by_label, name, weights[average])
            assert (low, high) == pytest.approx(expected, abs=1e-9)
        values = [ratio(name, *counts) or 0 for counts in counts_of(units, None) if sum(counts)]
        if len(values) < 2:
            continue
        low, high, _ = scores.per_document.interval(name)
        theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (low, high) == pytest.approx((max(0, theirs.low), min(1, theirs.high)), abs=1e-12)


def test_documents_are_the_units_from_two_on():
    for n, units in ((1, "sentences"), (2, "documents"), (3, "documents")):
        scores = score(*perturbed(n, 1), "ner")

        assert scores["ner"].signature_fields["units"] == units
        assert scores.resampling.requested_units == "auto"


def test_macro_has_an_interval_where_a_label_is_in_one_document():
    gold, said = perturbed(30, 1)
    rare = Document("rare", SENTENCE, [Entity("RARE", 0, 3)])

    scores = score(Corpus([*gold, rare]), Corpus([*said, rare]), "ner")["ner"]

    assert scores["RARE"].interval("f1").reason == "one document holds all items"
    assert scores.macro.f1_low < scores.macro.f1 < scores.macro.f1_high


def test_macro_of_perfect_labels_has_a_lower_bound():
    gold, _ = perturbed(30, 1)

    macro = score(gold, gold, "ner")["ner"].macro.interval("f1")

    assert macro.high == 1
    assert macro.reason == "no error seen"
    assert 0.8 < macro.low < 1


def test_a_table_shows_bounds_and_why_there_is_no_interval():
    gold = Corpus(
        [Document(f"d{n}", SENTENCE, [Entity("A", 0, 3), Entity("B", 4, 7)]) for n in range(6)]
        + [Document("last", SENTENCE, [Entity("C", 0, 3)])]
    )
    said = Corpus(
        [Document(f"d{n}", SENTENCE, [Entity("A", 0, 3), Entity("B", 8, 10)]) for n in range(6)]
        + [Document("last", SENTENCE, [Entity("C", 0, 3)])]
    )

    lines = {line.split()[0]: line for line in str(score(gold, said, "ner")).splitlines() if line}

    assert "≥ 0.702" in lines["A"]
    assert "≤ 0.629" in lines["B"]
    assert "– (1 document)" in lines["C"]
    assert lines["≥:"].startswith(
        "≥: no error seen, so that there is only a bound; ≤: nothing right"
    )


def test_rows_that_are_to_be_read_with_care_are_named_below_the_table():
    text = str(score(*perturbed(4, 1), "ner"))

    assert "fewer than 5 effective documents, the interval says little" in text
    assert "A, B, micro, macro, weighted: fewer than 5" in text


@pytest.mark.parametrize(
    ("content", "names"),
    [(13, "content, strict; whole attribution, strict"), (None, "all intervals")],
)
def test_names_of_rows_with_commas_are_separated_by_semicolons(content, names):
    text = "Ann said that Bo left. Di denied it."
    said = Attribution(Span(4, 8), Span(9, 21), Span(0, 3))
    denied = Attribution(Span(26, 32), Span(33, 35), Span(23, 25))
    gold = [Document(f"d{n}", text, attributions=(said, denied)) for n in range(12)]
    first = [denied]
    if content is not None:
        first.append(Attribution(Span(4, 8), Span(9, content), Span(0, 3)))
    predicted = [Document("d0", text, attributions=tuple(first)), *gold[1:]]

    lines = str(score(gold, predicted)).splitlines()

    assert any(line.startswith(f"{names}: the errors or the correct items") for line in lines)


def test_the_effective_number_of_documents_is_printed_once():
    gold, said = perturbed(24, 3)
    large = [
        Document("large", SENTENCE * 300, [Entity("A", 20 * n, 20 * n + 3) for n in range(300)])
    ]
    part = [Document("large", SENTENCE * 300, large[0].entities[:200])]

    scores = score(Corpus([*gold, *large]), Corpus([*said, *part]))

    text = str(scores)
    effective = scores["ner"].micro.effective_units("f1")
    assert effective == pytest.approx(
        interval_oracle.effective_number(
            [
                sum(interval_oracle.right_and_wrong("f1", *counts))
                for counts in counts_of(
                    strict_by_unit(
                        Corpus([*gold, *large]), Corpus([*said, *part]), by_sentence=False
                    ),
                    None,
                )
            ]
        )
    )
    assert text.count("effective documents of") == 1
    assert f"effective documents of entities/strict, micro: {effective:.1f} of 25" in text
    assert "a few documents dominate: 1 of 25 hold half of the items" in text
    assert scores["ner"].macro.effective_units("f1") is None


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

    scores = score(Corpus(documents), Corpus(documents), "ner", zones=["body"], units="sentences")[
        "ner"
    ]

    assert scores.counts.resampling_unit_count == 6


@given(corpora(most_documents=6), st.sampled_from(["documents", "sentences"]))
@settings(max_examples=examples(30))
def test_p38_a_higher_level_gives_a_wider_interval(pairs, units):
    gold, said = both(pairs)

    scores = [
        score(gold, said, "entities/partial", units=units, level=level)["entities/partial"]
        for level in (0.5, 0.9, 0.95, 0.99)
    ]

    for average in ("micro", "per_document"):
        for name in RATIOS:
            ends = [getattr(each, average).interval(name)[:2] for each in scores]
            for narrow, wide in pairwise(ends):
                if narrow == (None, None):
                    assert wide == narrow
                else:
                    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@pytest.mark.parametrize("n", [6, 30])
def test_p39_order_shards_and_workers_move_no_interval(tmp_path, n):
    gold, said = perturbed(n, 7)
    whole = score(gold, said, boot=50).rows()
    shuffled = random.Random(1).sample(list(gold), n)
    for name, documents in (("gold", gold), ("said", said)):
        Corpus(documents, name=name).save(tmp_path / f"{name}.jsonl")

    assert score(Corpus(shuffled, name="gold"), said, boot=50).rows() == whole
    for jobs in (1, 2):
        paths = tmp_path / "gold.jsonl", tmp_path / "said.jsonl"
        assert score(*paths, jobs=jobs, boot=50).rows() == whole


def test_p41_documents_that_are_all_alike_have_an_interval_of_as_many_items():
    gold = Corpus(
        [Document(f"d{n}", SENTENCE, [Entity("A", 0, 3), Entity("A", 4, 7)]) for n in range(30)]
    )
    said = Corpus([Document(f"d{n}", SENTENCE, [Entity("A", 0, 3)]) for n in range(30)])

    scores = score(gold, said, "ner")

    recall = scores["ner"].micro.interval("recall")
    assert recall.low == pytest.approx(1 - recall.high)
    assert 0.3 < recall.low < 0.35


def test_p41_one_document_gives_a_range_of_this_article_only_and_says_so():
    gold, said = perturbed(1, 3, sentences=12)
    scores = score(gold, said, "ner")

    text = " ".join(str(scores).split())

    assert "95 % range of F1: sentence-resampling range, these documents only" in text
    assert "it is no confidence interval" in text
    assert "CI" not in text
    header = scores.render("markdown").splitlines()
    assert any(
        "| 95 % sentence-resampling range, these documents only |" in line for line in header
    )


def test_p41_one_document_as_one_unit_has_no_interval():
    scores = score(*perturbed(1, 3, sentences=12), "ner", units="documents")

    for row in (scores["ner"].micro, scores["ner"].macro, scores["ner"].per_document):
        assert row.interval("f1") == (None, None, "one document holds all items")
    assert "no 95 % CI: the units are documents, and there is one" in str(scores)


def test_sentences_as_units_say_nothing_about_other_documents():
    scores = score(*perturbed(5, 3), "ner", units="sentences")

    text = " ".join(str(scores).split())

    assert "sentence-resampling range, these documents only" in text
    assert "(15 sentences)" in text
    assert scores["ner"].per_document.interval("f1").reason == (
        "a mean over documents has no interval over sentences"
    )


def test_the_report_says_how_intervals_were_made():
    text = str(score(*perturbed(20, 3), "ner", level=0.9))

    assert "90 % CI of F1: t on the logit, delete-one jackknife (20 documents)" in text


def test_sentences_as_documents_are_named_in_the_header(tmp_path):
    (tmp_path / "gold.conll").write_text("Ada\tB-PER\n\nRome\tB-LOC\n\nBo\tB-PER\n")
    (tmp_path / "said.conll").write_text("Ada\tB-PER\n\nRome\tO\n\nBo\tB-PER\n")

    scores = score(tmp_path / "gold.conll", tmp_path / "said.conll")

    assumption = "sentences as documents: intervals and p assume that they are independent"
    assert assumption in str(scores).splitlines()[:4]
    assert assumption in score_tags([["B-A"], ["O"]], [["B-A"], ["O"]]).render().splitlines()[:3]
    assert assumption not in str(score(*perturbed(3, 1), "ner"))


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
        score(gold, said, ["entities/strict", "entities/type"], labels=labels)
        for labels in (None, ["A", "B"])
    )

    for metric in kept:
        for label in set(kept[metric].labels) & {"A", "B"}:
            assert kept[metric][label].as_dict() == every[metric][label].as_dict()


def test_without_intervals_there_is_no_trace_of_them():
    gold, said = perturbed(25, 1)

    scores = score(gold, said, "ner", boot=0)

    assert {row["f1_low"] for row in scores.rows()} == {None}
    assert scores["ner"].micro.interval("f1").reason == "not asked for"
    assert scores["ner"].micro.effective_units("f1") is None
    assert "interval" not in scores["ner"].signature_fields
    assert "interval" not in str(scores)


def test_the_number_of_replicates_changes_nothing_but_their_absence():
    gold, said = perturbed(25, 1)

    assert score(gold, said, boot=1).rows() == score(gold, said, boot=5000, seed=7).rows()


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
    assert scores["attributions/strict"].micro.interval("f1").reason == "nothing right"


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

    assert scores["tri-c"].micro.interval("f1").reason == "one document holds all items"
    assert (
        "annotated in one document: triggers; one document says nothing about others, so that there"
        " are no intervals" in str(scores)
    )


@pytest.mark.parametrize("documents", [3, 1025, 2049])
def test_intervals_do_not_depend_on_blocks_files_or_shards(tmp_path, documents):
    gold, said = perturbed(documents, 3, sentences=1)
    whole = score(gold, said).to_json()
    for name, corpus in (("gold", gold), ("said", said)):
        corpus.save(tmp_path / f"{name}.jsonl")
    half = documents // 2
    shards = [
        score(Corpus(list(gold)[part], name="gold"), Corpus(list(said)[part], name="said"))
        for part in (slice(half, None), slice(half))
    ]

    assert score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl").to_json() == whole
    assert Scores.merge(shards).to_json() == whole
    assert Scores.merge(shards[::-1]).rows() == score(gold, said).rows()
