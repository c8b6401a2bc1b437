"""Two systems are compared over the same units, and what cannot be said is not said."""

import json
import random
from statistics import fmean, stdev

import numpy as np
import pytest
from helpers import interval_oracle
from helpers.perturbed import perturbed, ratio, strict_by_unit

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Schema,
    compare,
    evaluate,
    load_corpus,
    score,
    score_spans,
    score_tags,
)


def systems(n, *seeds, sentences=3):
    """Gold, and for each seed a system that says some of it."""
    gold, _ = perturbed(n, 1, sentences=sentences)
    return gold, [worse(gold, seed) for seed in seeds]


def worse(gold, seed, share=0.3):
    draw = random.Random(seed)
    return Corpus(
        [Document(d.id, d.text, [e for e in d.entities if draw.random() > share]) for d in gold],
        name=f"s{seed}",
    )


@pytest.mark.parametrize("n", [4, 30])
def test_differences_are_those_of_plain_loops(n):
    gold, (a, b) = systems(n, 2, 3)
    scores = [score(gold, side, "ner") for side in (a, b)]

    (found,) = compare(*scores, permutations=300).differences

    units = [strict_by_unit(gold, side, by_sentence=False) for side in (a, b)]
    keys = [interval_oracle.key(*unit) for unit in units[0]]
    rows = [
        [
            np.sum(list(unit.values()), axis=0) if unit else np.zeros(3, int)
            for unit in side.values()
        ]
        for side in units
    ]
    observed = found.f1_a - found.f1_b
    assert found.difference == pytest.approx(observed)
    error, effective = interval_oracle.difference_error(*rows)
    reach = interval_oracle.quantile(0.975, max(1, effective - 1)) * error
    assert (found.low, found.high) == pytest.approx((observed - reach, observed + reach), abs=1e-12)
    assert found.standard_error == pytest.approx(error)
    assert found.effective_units == pytest.approx(effective)
    differing = sum((x != y).any() for x, y in zip(*rows, strict=True))
    assert found.differing_units == differing
    if not found.exact:
        swapped = []
        for r in range(300):
            swap = [interval_oracle.is_swapped(key, 12345, r) for key in keys]
            sides = [sum(rows[which ^ s][n] for n, s in enumerate(swap)) for which in (0, 1)]
            swapped.append(ratio("f1", *sides[0]) - ratio("f1", *sides[1]))
        assert found.p == (1 + sum(abs(d) >= abs(observed) - 1e-12 for d in swapped)) / 301
    each = [
        round((ratio("f1", *one) or 0) - (ratio("f1", *other) or 0), 12)
        for one, other in zip(*rows, strict=True)
        if sum(one) + sum(other)
    ]
    assert (found.wins, found.ties, found.losses) == (
        sum(d > 0 for d in each),
        each.count(0),
        sum(d < 0 for d in each),
    )


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_p40_a_system_and_itself_do_not_differ(average):
    gold, (a,) = systems(25, 2)

    (found,) = compare(a=a, b=a, gold=gold, metrics="ner", average=average).differences

    assert (found.difference, found.p, found.p_holm) == (0.0, 1.0, 1.0)
    assert (found.wins, found.losses, found.differing_units) == (0, 0, 0)
    assert (found.low, found.reason, found.minimum_detectable_difference) == (
        None,
        "the systems give the same counts",
        None,
    )


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_p40_swapping_flips_signs_and_keeps_p(n, average):
    gold, (a, b) = systems(n, 2, 3)

    (one,), (other,) = (
        compare(**sides, gold=gold, metrics="ner", average=average).differences
        for sides in ({"a": a, "b": b}, {"b": b, "a": a})
    )

    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    assert (one.p, one.p_holm) == (other.p, other.p_holm)
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert one.minimum_detectable_difference == other.minimum_detectable_difference


def test_systems_that_differ_greatly_are_ranked_and_the_verdict_names_the_population():
    gold, (a,) = systems(60, 2)
    poor = worse(gold, 9, share=0.9)

    found = compare(good=a, poor=poor, gold=gold, metrics="ner")

    assert found.differences[0].p < 0.001
    assert found.verdicts() == [
        "entities/strict: good is better than poor on documents like these 60 (p < .001 after Holm)"
    ]
    assert "cannot be ranked" not in str(found)


def test_over_sentences_the_verdict_is_about_these_documents_only():
    gold, (a,) = systems(1, 2, sentences=60)
    poor = worse(gold, 9, share=0.9)

    (verdict,) = compare(good=a, poor=poor, gold=gold, metrics="ner").verdicts()

    assert verdict == (
        "entities/strict: good is better than poor (p < .001 after Holm; sentence-resampling range,"
        " these documents only)"
    )


def test_where_too_few_documents_differ_no_verdict_is_possible():
    gold, (a,) = systems(30, 2)
    for differing, possible in ((5, False), (6, True)):
        changed = [
            Document(d.id, d.text, []) if n < differing else a[n] for n, d in enumerate(gold)
        ]

        comparison = compare(a=a, b=Corpus(changed), gold=gold, metrics="ner")

        (difference,) = comparison.differences
        assert difference.differing_units == differing
        assert difference.exact
        line = "no verdict is possible on a and b: 5 documents differ; at least 6 are needed"
        assert (line in str(comparison)) is not possible
        assert difference.is_significant is possible


def test_more_systems_need_more_documents_that_differ():
    gold, (a,) = systems(30, 2)
    worse_in = {}
    for number in (5, 6):
        documents = [Document(d.id, d.text, []) if n < number else a[n] for n, d in enumerate(gold)]
        worse_in[f"in{number}"] = Corpus(documents)

    comparison = compare(a=a, **worse_in, gold=gold, metrics="ner")

    text = " ".join(str(comparison).split())
    assert (
        "no verdict is possible on in5 and in6: 1 document differs; at least 7 are needed" in text
    )
    assert "no verdict is possible on a and in5: 5 documents differ; at least 7 are needed" in text
    assert "no verdict is possible on a and in6: 6 documents differ; at least 7 are needed" in text


def test_where_p_cannot_be_small_no_disagreement_is_reported():
    gold, (a,) = systems(4, 2)
    poor = Corpus([Document(d.id, d.text, []) for d in gold])

    comparison = compare(a=a, poor=poor, gold=gold, metrics="ner")

    assert comparison.differences[0].contradicts_interval(0.95)
    assert "disagree" not in str(comparison)


def test_too_few_random_permutations_are_reported():
    gold, sides = systems(60, 2, 3, 4, 5, 6)

    text = str(compare(*sides, gold=gold, metrics="ner", permutations=99))

    assert "no verdict is possible with 99 permutations for 10 tests: draw more" in text


def test_a_ranking_groups_systems_that_do_not_differ():
    gold, (a, b) = systems(60, 2, 3)
    poor = worse(gold, 9, share=0.9)

    comparison = compare(a=a, poor=poor, b=b, gold=gold, metrics="ner")

    ranking = comparison.ranking("ner")
    assert [system.group for system in ranking] == ["a", "a", "b"]
    assert ranking[-1].name == "poor"
    assert [system.f1 for system in ranking] == sorted(
        (scores["ner"].micro.f1 for scores in comparison.systems.values()), reverse=True
    )
    assert "Ranking, entities/strict (micro F1)" in str(comparison)


def test_several_runs_of_a_system_are_averaged():
    gold, runs = systems(40, 2, 3, 4, 5)

    comparison = compare(a=runs[:3], b=runs[3], gold=gold, metrics="ner")

    (difference,) = comparison.differences
    f1s = [score(gold, run, "ner")["ner"].micro.f1 for run in runs]
    assert difference.f1_a == pytest.approx(fmean(f1s[:3]))
    assert difference.sd_a == pytest.approx(stdev(f1s[:3]))
    assert (difference.runs_a, difference.runs_b, difference.sd_b) == (3, 1, None)
    assert difference.exact is None
    assert 0 < difference.p <= 1
    text = str(comparison)
    assert "runs: a 3, b 1; F1 is the mean over runs ± standard deviation" in text
    assert "fewer than 3 runs of b: the variance of runs is pooled over both systems" in text
    assert "p: t-test with the standard error of the interval" in text


def test_runs_without_any_item_have_no_f1():
    gold = Corpus([Document(f"d{n}", "Ada", []) for n in range(3)])

    (difference,) = compare(a=[gold, gold, gold], b=gold, gold=gold, metrics="ner").differences

    assert (difference.f1_a, difference.sd_a, difference.p) == (None, None, None)


def test_the_order_of_runs_and_documents_changes_nothing():
    gold, runs = systems(40, 2, 3, 4, 5, 6, 7)
    shuffled = Corpus(random.Random(1).sample(list(gold), 40), name=gold.name)

    one = compare(a=runs[:3], b=runs[3:], gold=gold, metrics="ner").differences[0]
    other = compare(a=runs[:3], b=runs[3:], gold=shuffled, metrics="ner").differences[0]

    assert one.as_dict() == other.as_dict()


def test_an_interval_that_contradicts_p_is_pointed_out():
    for seed in range(200):
        gold, (a,) = systems(12, seed)
        comparison = compare(a=a, b=worse(gold, seed + 1, share=0.55), gold=gold, metrics="ner")
        (difference,) = comparison.differences
        contradicts = (difference.p < 0.05) == (difference.low <= 0 <= difference.high)
        assert difference.contradicts_interval(0.95) is contradicts
        assert ("the interval disagree" in str(comparison)) is contradicts
        if contradicts:
            return
    raise AssertionError("no example in 200 corpora")


def test_systems_that_cannot_be_told_apart_are_not_ranked():
    gold, sides = systems(25, 2, 3, 4)

    found = compare(*sides, gold=gold, metrics="ner")

    assert found.verdicts() == [
        "these 3 systems cannot be ranked on this corpus (by entities/strict)"
    ]
    assert len(found.differences) == 3


def test_holm_is_over_systems_and_metrics():
    gold, sides = systems(25, 2, 3, 4)

    found = compare(*sides, gold=gold, metrics="ner,entities/type")

    assert len(found.differences) == 6
    smallest = min(found.differences, key=lambda d: d.p)
    assert smallest.p_holm == pytest.approx(min(1.0, 6 * smallest.p))
    assert "Holm over 6 tests" in str(found)


def test_one_document_is_described_and_not_judged():
    article = load_corpus()
    half = Corpus([Document(article[0].id, article[0].text, article[0].entities[::2])], name="half")

    text = str(compare(evaluate("rules", metrics="ner"), half, gold=article, metrics="ner"))

    assert (
        "descriptive: sentence-resampling range, these documents only; intervals and p say nothing"
        " about other texts" in text
    )
    assert "is better than" not in text


def test_sentences_as_documents_are_named_in_header_and_verdict():
    gold = [["B-A", "O"]] * 30
    poor = [["O", "O"]] * 25 + [["B-A", "O"]] * 5

    comparison = compare(good=score_tags(gold, gold), poor=score_tags(gold, poor))

    assumption = "sentences as documents: intervals and p assume that they are independent"
    assert comparison.render().splitlines()[1] == assumption
    assert comparison.verdicts()[0].endswith(f"; {assumption})")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"units": "sentences"}, "units"),
        ({"labels": ["A"]}, "labels"),
        ({"label_map": {"A": "B"}}, "map"),
        ({"level": 0.9}, "level"),
    ],
)
def test_scores_that_were_not_made_alike_are_refused_with_the_field(options, field):
    gold, (a, b) = systems(25, 2, 3)

    with pytest.raises(
        InputError,
        match=rf"{field} is .* for a and .* for b: only scores of the same gold",
    ):
        compare(a=score(gold, a, "ner"), b=score(gold, b, "ner", **options))


def test_a_result_without_intervals_is_compared_with_one_that_has_them():
    gold, (a, b) = systems(25, 2, 3)
    with_intervals, without = score(gold, a, "ner"), score(gold, b, "ner", boot=0)

    (one,) = compare(a=with_intervals, b=without).differences
    (other,) = compare(b=without, a=with_intervals).differences

    assert one.low is not None
    assert other.high == pytest.approx(-one.low)


def test_a_field_that_one_result_lacks_is_called_not_set():
    gold, (a, b) = systems(25, 2, 3)

    with pytest.raises(InputError, match="map is not set for a and '[0-9a-f]+' for b"):
        compare(a=score(gold, a, "ner"), b=score(gold, b, "ner", label_map={"A": "B"}))


def test_at_another_level_p_is_compared_with_that_level():
    gold, (a,) = systems(12, 2)
    systems_to_compare = {"a": a, "b": worse(gold, 9, share=0.5)}

    comparison = compare(**systems_to_compare, gold=gold, metrics="ner", options={"level": 0.99999})

    (difference,) = comparison.differences
    assert difference.p < 0.05
    assert difference.low < 0 < difference.high
    assert "disagree" not in str(comparison)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_labels_that_are_only_declared_change_no_difference(average):
    gold, (a, b) = systems(20, 2, 3)
    one_label = [
        Corpus(
            [Document(d.id, d.text, [e for e in d.entities if e.label == "A"]) for d in side],
            name=side.name,
        )
        for side in (gold, a, b)
    ]
    rows = []
    for schema in (None, Schema(labels={"A": "", "DECLARED": ""})):
        sides = [Corpus(list(side), name=side.name, schema=schema) for side in one_label]
        comparison = compare(*sides[1:], gold=sides[0], metrics="ner", average=average)
        rows.append(comparison.differences[0].as_dict())

    assert rows[0] == rows[1]
    assert rows[0]["low"] is not None


def test_a_verdict_counts_the_documents_that_are_annotated():
    gold, (a,) = systems(60, 2)
    poor = worse(gold, 9, share=0.9)
    more = [Document(f"e{n}", "Nothing here") for n in range(20)]
    corpora = [Corpus([*side, *more], name=side.name) for side in (gold, a, poor)]

    (verdict,) = compare(
        good=corpora[1], poor=corpora[2], gold=corpora[0], metrics="ner"
    ).verdicts()

    assert "on documents like these 60" in verdict


def test_a_system_without_f1_has_no_group():
    gold = Corpus([Document(f"d{n}", "Ada met Bo", [Entity("PER", 0, 3)]) for n in range(9)])
    silent = Corpus([Document(d.id, d.text, []) for d in gold], name="silent")
    empty = Corpus([Document(d.id, d.text, []) for d in gold], name="empty")

    comparison = compare(a=silent, b=empty, gold=empty, metrics="ner")

    text = str(comparison)
    assert "entities/strict: micro F1 is undefined" in text
    assert "t-test" not in text
    assert "Holm" not in text.split("Differences")[1].split("difference:")[1]


def test_scores_of_another_gold_are_refused():
    gold, (a, b) = systems(25, 2, 3)
    other = Corpus([Document(d.id, d.text, d.entities[1:]) for d in gold])

    with pytest.raises(InputError, match="digest of the corpus is"):
        compare(score(gold, a, "ner"), score(other, b, "ner"))


def test_the_corpus_may_have_another_name():
    gold, (a, b) = systems(25, 2, 3)

    assert (
        len(
            compare(
                score(gold, a, "ner"), score(Corpus(list(gold), name="copy"), b, "ner")
            ).differences
        )
        == 1
    )


def test_what_cannot_be_compared_is_refused():
    gold, (a, b) = systems(3, 2, 3)

    with pytest.raises(InputError, match="1 system to compare: expected two or more"):
        compare(a, gold=gold)
    with pytest.raises(InputError, match="predictions are compared over gold; name it"):
        compare("a.jsonl", "b.jsonl")
    with pytest.raises(InputError, match="unknown average 'mean'; expected one of: micro, macro"):
        compare(a, b, gold=gold, average="mean")
    with pytest.raises(InputError, match="have no metric in common"):
        compare(score(gold, a, "ner"), score(gold, b, "entities/type"))
    with pytest.raises(
        InputError, match="invalid permutations=0: expected a whole number from 1 to 10,000,000"
    ):
        compare(a, b, gold=gold, permutations=0)
    with pytest.raises(InputError, match="unknown metric 'triggers/strict' in 'these scores'"):
        compare(score(gold, a, "ner"), score(gold, b, "ner"), metrics="tri-c")


def test_a_name_that_stands_twice_gets_a_number():
    gold, (a,) = systems(3, 2)

    assert list(compare(a, a, a, gold=gold).systems) == ["s2", "s2-2", "s2-3"]


def test_labels_that_only_one_system_knows_are_no_obstacle():
    gold, (a,) = systems(25, 2)
    inventive = Corpus(
        [Document(d.id, d.text, [*a[d.id].entities, Entity("NEW", 5, 7)]) for d in gold],
        name="inventive",
    )

    (found,) = compare(a, inventive, gold=gold, metrics="ner").differences

    assert found.difference > 0
    assert (found.losses, found.ties) == (0, sum(not d.entities for d in gold))


def test_a_comparison_has_all_formats():
    gold, sides = systems(60, 2, 3)
    found = compare(*sides, worse(gold, 9, share=0.9), gold=gold, metrics="ner")

    told = {
        form: found.render(form) for form in ("table", "markdown", "latex", "csv", "html", "json")
    }

    first, *_, last = found.ranking("ner")
    assert (first.group, last.group) == ("a", "b")
    for text in (told["table"], told["markdown"], told["latex"], told["html"]):
        assert f"{first.f1:.3f}" in text
    assert [row["p"] for row in json.loads(told["json"])["differences"]] == [
        d.p for d in found.differences
    ]
    assert len(told["csv"].splitlines()) == 4
    assert found._repr_html_().startswith("<div")
    with pytest.raises(InputError, match="unknown format 'pdf'"):
        found.render("pdf")


def test_without_replicates_there_are_p_values_and_no_intervals():
    gold, (a, b) = systems(25, 2, 3)

    (found,) = compare(a, b, gold=gold, metrics="ner", options={"boot": 0}).differences

    assert (found.low, found.reason) == (None, "not asked for")
    text = str(compare(a, b, gold=gold, metrics="ner", options={"boot": 0}))
    assert "CI" not in text
    assert "MDD" not in text
    assert 0 < found.p <= 1


def test_macro_of_schemes_without_labels_has_no_difference():
    gold, (a, b) = systems(25, 2, 3)

    (found,) = compare(a, b, gold=gold, metrics="entities/exact", average="macro").differences

    assert (found.difference, found.p, found.reason) == (None, None, "the value is undefined")
    text = str(compare(a, b, gold=gold, metrics="entities/exact", average="macro"))
    assert "entities/exact: macro F1 is undefined" in text
    assert "Ranking" not in text
    assert "ranked" not in text


def test_bare_scores_of_another_gold_are_refused():
    spans = [[(0, 3, "A")], [(2, 5, "B")], []]

    with pytest.raises(InputError, match="gold of a and of b is not the same"):
        compare(a=score_spans(spans, spans), b=score_spans(spans[::-1], spans))
    with pytest.raises(InputError, match="gold of a and of b is not the same"):
        compare(a=score_tags([["B-A"]], [["B-A"]]), b=score_tags([["B-B"]], [["B-A"]]))
    assert (
        compare(a=score_spans(spans, spans), b=score_spans(spans, spans[::-1]))
        .differences[0]
        .difference
        > 0
    )


def test_macro_has_an_interval_where_a_label_is_in_one_document():
    gold, (a, b) = systems(25, 2, 3)
    rare = Document("rare", "Oslo", [Entity("RARE", 0, 4)])
    gold, a, b = (Corpus([*side, rare], name=side.name) for side in (gold, a, b))

    (found,) = compare(a, b, gold=gold, metrics="ner", average="macro").differences

    assert found.low < found.difference < found.high
    assert found.p is not None


def test_saying_nothing_where_nothing_is_wins_against_a_spurious_item():
    gold, (a,) = systems(25, 2)
    empty = [Document(f"e{n}", "Nothing here", []) for n in range(10)]
    noisy = [Document(f"e{n}", "Nothing here", [Entity("A", 0, 7)]) for n in range(10)]
    gold, quiet, loud = (
        Corpus([*gold, *empty]),
        Corpus([*a, *empty], name="quiet"),
        Corpus([*a, *noisy], name="loud"),
    )

    (found,) = compare(quiet, loud, gold=gold, metrics="ner").differences

    assert (found.wins, found.losses) == (10, 0)


def test_failures_and_few_documents_are_told():
    gold, (a, b) = systems(5, 2, 3)
    failing = Corpus(
        [Document(b[0].id, b[0].text, failure="time out"), *list(b)[1:]], name="failing"
    )

    told = str(compare(a, failing, gold=gold, metrics="ner"))

    assert "Warning: failing failed on 1 of 5 documents; their gold items count as missed" in told


def test_options_for_saved_results_are_refused():
    gold, (a, b) = systems(5, 2, 3)

    with pytest.raises(InputError, match="boot, units: a saved result has its options already"):
        compare(score(gold, a), b, gold=gold, options={"boot": 7, "units": "documents"})


def test_a_result_is_known_by_how_it_begins(tmp_path):
    gold, (a, b) = systems(5, 2, 3)
    score(gold, a).save(tmp_path / "one")
    score(gold, b).save(tmp_path / "two")

    assert list(compare(tmp_path / "one", tmp_path / "two").systems) == ["one", "two"]


def test_latex_has_a_table_of_systems_with_precision_recall_and_f1():
    gold, (a, b) = systems(30, 2, 3)
    comparison = compare(a=a, b=b, gold=gold, metrics="ner")

    lines = comparison.to_latex().splitlines()

    rows = [line for line in lines if line.startswith(("a & ", "b & "))]
    assert {line.count("&") for line in rows} == {3}
    best = max(scores["ner"].micro.f1 for scores in comparison.systems.values())
    assert rf"\textbf{{{best:.3f}}}" in "".join(rows)
    row = comparison.systems["a"]["ner"].micro
    for value in (row.precision, row.recall, row.f1):
        assert f"{value:.3f}" in rows[0]
    assert r"\label{tab:systems-entities-strict}" in lines
    assert r"\label{tab:differences-of-f1-entities-strict}" in lines


def test_a_comparison_is_a_data_frame():
    gold, (a, b) = systems(30, 2, 3)
    comparison = compare(a=a, b=b, gold=gold, metrics="ner")

    frame = comparison.to_pandas()

    assert frame.index.names == ["metric", "a", "b"]
    assert frame.loc[("entities/strict", "a", "b"), "difference"] == (
        comparison.differences[0].difference
    )
    assert comparison.to_markdown() == comparison.render("markdown")


def test_digits_and_percent_change_tables_and_no_data():
    gold, (a, b) = systems(30, 2, 3)
    comparison = compare(a=a, b=b, gold=gold, metrics="ner")
    (difference,) = comparison.differences

    percent = comparison.render(percent=True, digits=2)

    assert f"{100 * comparison.systems['a']['ner'].micro.f1:.2f}" in percent
    assert f"{100 * difference.difference:+.2f}" in percent
    assert f"{100 * difference.f1_a:.1f}" in comparison.to_latex(percent=True)
    assert comparison.render("csv", percent=True) == comparison.render("csv")
