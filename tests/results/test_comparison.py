"""Two systems are compared over the same units, and what cannot be said is not said."""

import json
import random

import numpy as np
import pytest
from helpers import resampling_oracle
from helpers.perturbed import perturbed, ratio, strict_by_unit

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
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
    scores = [score(gold, side, "ner", boot=200) for side in (a, b)]

    (found,) = compare(*scores, permutations=300).differences

    units = [strict_by_unit(gold, side, by_sentence=n < 20) for side in (a, b)]
    keys = [resampling_oracle.key(*unit) for unit in units[0]]
    rows = [
        [
            np.sum(list(unit.values()), axis=0) if unit else np.zeros(3, int)
            for unit in side.values()
        ]
        for side in units
    ]
    f1 = [
        [ratio("f1", *sum(w * row for w, row in zip(of, side, strict=True))) for side in rows]
        for of in ([resampling_oracle.weight(key, 12345, r) for key in keys] for r in range(200))
    ]
    observed = found.f1_a - found.f1_b
    drawn = [one - other for one, other in f1]
    traded = []
    for r in range(300):
        swap = [resampling_oracle.traded(key, 12345, r) for key in keys]
        sides = [sum(rows[which ^ s][n] for n, s in enumerate(swap)) for which in (0, 1)]
        traded.append(ratio("f1", *sides[0]) - ratio("f1", *sides[1]))
    assert found.difference == pytest.approx(observed)
    assert (found.low, found.high) == pytest.approx(resampling_oracle.percentile(drawn, 0.95))
    assert (
        found.p_bootstrap
        == (1 + sum(abs(d - observed) >= abs(observed) - 1e-12 for d in drawn)) / 201
    )
    if not found.exact:
        assert found.p == (1 + sum(abs(d) >= abs(observed) - 1e-12 for d in traded)) / 301
    assert found.minimum_detectable_difference == pytest.approx(
        (1.959964 + 0.841621) * np.std(drawn), rel=1e-5
    )
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

    assert (
        found.difference,
        found.p,
        found.p_holm,
        found.p_bootstrap,
        found.wins,
        found.losses,
    ) == (0.0, 1.0, 1.0, 1.0, 0, 0)
    assert (found.low, found.reason, found.minimum_detectable_difference) == (
        None,
        "no variance",
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

    assert (one.difference, one.low, one.high) == (-other.difference, -other.high, -other.low)
    assert (one.p, one.p_bootstrap, one.p_holm) == (other.p, other.p_bootstrap, other.p_holm)
    assert (one.wins, one.ties, one.losses, one.minimum_detectable_difference) == (
        other.losses,
        other.ties,
        other.wins,
        other.minimum_detectable_difference,
    )


def test_systems_that_differ_greatly_are_told_apart_and_ranked():
    gold, (a,) = systems(60, 2)
    poor = worse(gold, 9, share=0.9)

    found = compare(good=a, poor=poor, gold=gold, metrics="ner")

    assert found.differences[0].p < 0.001
    assert found.verdicts() == ["entities/strict: good is better than poor (p <.001 after Holm)"]
    assert "cannot be ranked" not in str(found)


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

    told = str(compare(evaluate("rules", metrics="ner"), half, gold=article, metrics="ner"))

    assert (
        "descriptive: one document; intervals and p-values are over its sentences, and say nothing"
        " about other texts" in told
    )
    assert "is better than" not in told


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"seed": 5}, "seed"),
        ({"boot": 10}, "boot"),
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

    best = max(found.systems, key=lambda name: found.systems[name]["ner"].micro.f1)
    value = f"{found.systems[best]['ner'].micro.f1:.3f}"
    assert f"{value} c*" in told["table"]
    assert f"**{value} c**" in told["markdown"]
    assert rf"\textbf{{{value} c}}" in told["latex"]
    assert f"<b>{value} c</b>" in told["html"]
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

    assert (found.low, found.reason, found.p_bootstrap) == (None, "not asked for", None)
    assert 0 < found.p <= 1


def test_macro_of_schemes_without_labels_has_no_difference():
    gold, (a, b) = systems(25, 2, 3)

    (found,) = compare(a, b, gold=gold, metrics="entities/exact", average="macro").differences

    assert (found.difference, found.p, found.reason) == (None, None, "the value is undefined")


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


def test_macro_has_no_interval_where_a_label_is_undefined_in_too_many_replicates():
    gold, (a, b) = systems(25, 2, 3)
    rare = Document("rare", "Oslo", [Entity("RARE", 0, 4)])
    gold, a, b = (Corpus([*side, rare], name=side.name) for side in (gold, a, b))

    (found,) = compare(a, b, gold=gold, metrics="ner", average="macro").differences

    assert (found.low, found.minimum_detectable_difference, found.reason) == (
        None,
        None,
        "undefined in more than 5 % of the replicates",
    )
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
    assert "conditional on these 5 documents" in told


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
    assert [line.count("&") for line in rows] == [3, 3]
    best = max(scores["ner"].micro.f1 for scores in comparison.systems.values())
    assert rf"\textbf{{{best:.3f}}}" in "".join(rows)
    row = comparison.systems["a"]["ner"].micro
    for value in (row.precision, row.recall, row.f1):
        assert f"{value:.3f}" in rows[0]
    assert r"\label{tab:systems-entities-strict}" in lines
    assert r"\label{tab:differences-of-f1}" in lines


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
