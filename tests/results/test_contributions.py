"""What a difference of F1 comes from: by label, document and zone."""

import csv
import io
import json
import random
from fractions import Fraction
from math import fsum

import pytest
from helpers.cli import run_evalkit
from helpers.perturbed import SENTENCE, perturbed, strict_by_unit
from rich.cells import cell_len

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Scores,
    Zone,
    compare,
    score,
    score_spans,
)

METRICS = "entities/strict,entities/exact,entities/partial,entities/type,entities/characters"
PERSON, PLACE, GROUP = "PER", "LOC", "ORG"


def degraded(gold, seed, share=0.3, labels="ABC"):
    """A system that misses some entities of gold, moves some and gives some another label."""
    draw = random.Random(seed)
    documents = []
    for document in gold:
        entities = []
        for entity in document.entities:
            if draw.random() < share:
                continue
            label = draw.choice(labels) if draw.random() < 0.2 else entity.label
            end = entity.end + (draw.random() < 0.2)
            entities.append(Entity(label, entity.start, end))
        documents.append(Document(document.id, document.text, entities, zones=document.zones))
    return Corpus(documents, name=f"s{seed}")


def with_zones(corpus):
    """The corpus with a zone over the first sentence of each document, and one over the second."""
    documents = []
    for document in corpus:
        length = len(SENTENCE)
        zones = [Zone("title", 0, length), Zone("body", length, 2 * length)]
        documents.append(Document(document.id, document.text, document.entities, zones=zones))
    return Corpus(documents, name=corpus.name)


def strict_contributions(gold, a, b, part_of):
    """The contributions to the difference of strict micro F1, in plain loops."""
    units_a, units_b = (strict_by_unit(gold, side, by_sentence=False) for side in (a, b))
    parts = {}
    for side, units in ((0, units_a), (1, units_b)):
        for (document, _), labels in units.items():
            for label, (gold_items, predicted, tp) in labels.items():
                counts = parts.setdefault(part_of(document, label), [[0, 0, 0], [0, 0, 0]])[side]
                for n, count in enumerate((gold_items, predicted, tp)):
                    counts[n] += count
    n_a, n_b = (sum(sides[side][0] + sides[side][1] for sides in parts.values()) for side in (0, 1))
    tp_a, tp_b = (sum(sides[side][2] for sides in parts.values()) for side in (0, 1))
    contributions = {}
    for part, (counts_a, counts_b) in parts.items():
        by_tp = (counts_a[2] - counts_b[2]) * (Fraction(1, n_a) + Fraction(1, n_b))
        by_predicted = (counts_a[1] - counts_b[1]) * Fraction(tp_a + tp_b, n_a * n_b)
        contributions[part] = by_tp - by_predicted
    return contributions, Fraction(2 * tp_a, n_a) - Fraction(2 * tp_b, n_b)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("feature", ["label", "document"])
def test_contributions_to_strict_micro_f1_are_those_of_plain_loops(seed, feature):
    gold, a = perturbed(20, seed)
    b = degraded(gold, seed + 100)
    comparison = compare(a=a, b=b, gold=gold, metrics="ner")

    rows = comparison.by(feature).rows()

    expected, difference = strict_contributions(
        gold, a, b, lambda document, label: label if feature == "label" else document
    )
    assert {row["part"]: row["contribution"] for row in rows} == {
        part: float(contribution) for part, contribution in expected.items()
    }
    assert sum(expected.values()) == difference
    assert float(difference) == pytest.approx(comparison.rows()[0]["difference"], abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("feature", ["label", "document", "zone"])
@pytest.mark.parametrize("runs", [1, 3])
def test_contributions_add_up_to_each_difference(seed, feature, runs):
    gold = with_zones(perturbed(15, seed)[0])
    systems = [[degraded(gold, 10 * s + n) for n in range(runs)] for s in (1, 2)]
    options = {"zones": "all"}

    comparison = compare(a=systems[0], b=systems[1], gold=gold, metrics=METRICS, options=options)

    splits = comparison.by(feature).differences
    assert [split.metric for split in splits] == METRICS.split(",")
    for split, row in zip(splits, comparison.rows(), strict=True):
        total = fsum(part.contribution for part in split.parts)
        assert total == pytest.approx(row["difference"], abs=1e-15)
        assert split.difference == pytest.approx(row["difference"], abs=1e-15)


@pytest.mark.parametrize("runs", [1, 2])
def test_macro_f1_by_label_is_the_difference_of_labels_over_their_number(runs):
    gold, _ = perturbed(30, 5)
    a = [degraded(gold, n) for n in range(runs)]
    b = [degraded(gold, n + 50) for n in range(runs)]

    comparison = compare(a=a, b=b, gold=gold, metrics="ner", average="macro")

    rows = comparison.by("label").rows()
    scores = [[score(gold, run, "ner")["ner"] for run in system] for system in (a, b)]
    for row in rows:
        f1_a, f1_b = (sum(run[row["part"]].f1 for run in system) / runs for system in scores)
        assert (row["f1_a"], row["f1_b"]) == pytest.approx((f1_a, f1_b))
        assert row["contribution"] == pytest.approx((f1_a - f1_b) / 3)
    total = fsum(row["contribution"] for row in rows)
    assert total == pytest.approx(comparison.rows()[0]["difference"], abs=1e-15)


def test_a_label_that_only_one_system_has_contributes_to_the_difference_of_macro_f1():
    gold = [[(0, 2, "A"), (4, 6, "B")]]
    a = [[(0, 2, "A"), (4, 6, "B")]]
    b = [[(0, 2, "A"), (4, 6, "B"), (8, 10, "C")]]

    comparison = compare(
        a=score_spans(gold, a, boot=0), b=score_spans(gold, b, boot=0), average="macro"
    )

    contributions = {row["part"]: row["contribution"] for row in comparison.by("label").rows()}
    # 2/2 - 2/3: C costs ½ (2 + 2) / (2 · 3), and A and B have the same F1
    assert contributions == pytest.approx({"A": 0, "B": 0, "C": 1 / 3})


def test_swapping_the_systems_negates_contributions():
    gold, a = perturbed(20, 3)
    b = degraded(gold, 4)

    one, other = (
        compare(**systems, gold=gold, metrics=METRICS).by("document").rows()
        for systems in ({"a": a, "b": b}, {"b": b, "a": a})
    )

    swapped = {(row["metric"], row["part"]): -row["contribution"] for row in other}
    assert {(row["metric"], row["part"]): row["contribution"] for row in one} == swapped


def test_the_order_of_documents_and_shards_does_not_matter(tmp_path):
    gold, a = perturbed(20, 3)
    b = degraded(gold, 4)
    expected = compare(a=a, b=b, gold=gold, metrics="ner").by("document").rows()
    shuffled = list(range(20))
    random.Random(1).shuffle(shuffled)
    merged = {}
    for name, side in (("a", a), ("b", b)):
        shards = []
        for some in (shuffled[:7], shuffled[7:]):
            shard_gold, shard = (
                Corpus([list(corpus)[n] for n in some], name="gold") for corpus in (gold, side)
            )
            shards.append(score(shard_gold, shard, "ner"))
        merged[name] = Scores.merge(shards)

    assert compare(**merged).by("document").rows() == expected


def test_saved_results_have_the_contributions_of_their_predictions(tmp_path):
    gold, a = perturbed(20, 3)
    b = degraded(gold, 4)
    scores = {"a": score(gold, a, METRICS), "b": score(gold, b, METRICS)}
    for name, each in scores.items():
        each.save(tmp_path / f"{name}.json")

    saved = compare(a=tmp_path / "a.json", b=tmp_path / "b.json", metrics=METRICS)

    for feature in ("label", "document", "zone"):
        expected = compare(**scores, metrics=METRICS).by(feature).rows()
        assert saved.by(feature).rows() == expected


def c3_scores():
    """Two systems with known counts: PER 40 of 50 and 45 of 52, and so on."""
    counts = {
        PERSON: (40, 50, 45, 52, 60),
        GROUP: (20, 30, 18, 40, 50),
        PLACE: (30, 33, 33, 35, 40),
    }
    gold, a, b = [], [], []
    start = 0
    for label, (tp_a, predicted_a, tp_b, predicted_b, golds) in counts.items():
        for n in range(golds):
            gold.append((start + 4 * n, start + 4 * n + 2, label))
        for side, tp, predicted in ((a, tp_a, predicted_a), (b, tp_b, predicted_b)):
            for n in range(predicted):
                end = start + 4 * n + (2 if n < tp else 3)
                side.append((start + 4 * n, end, label))
        start += 1000
    return {"new": score_spans([gold], [b], boot=0), "old": score_spans([gold], [a], boot=0)}


def test_a_sentence_says_where_the_difference_comes_from():
    contributions = compare(**c3_scores()).by("label")

    lines = str(contributions).splitlines()
    assert lines[:2] == [
        "Contributions by label, entities/strict: new – old",
        "the difference of +0.0087 is PER +0.0320, LOC +0.0171, ORG -0.0404",
    ]
    assert lines[4:9] == [
        "ORG         -0.0404      18      20             40             30       50",
        "PER         +0.0320      45      40             52             50       60",
        "LOC         +0.0171      33      30             35             33       40",
        "──────────────────────────────────────────────────────────────────────────",
        "all         +0.0087      96      90            127            113      150",
    ]
    assert "difference of +0.87 is PER +3.20" in contributions.render(percent=True)
    assert "difference of +0.009 is PER +0.032" in contributions.render(digits=3)


def test_a_long_table_is_cut_and_its_rest_added_up():
    gold, a = perturbed(40, 3)
    b = degraded(gold, 4)
    contributions = compare(a=a, b=b, gold=gold, metrics="ner").by("document")
    (split,) = contributions.differences

    lines = str(contributions).splitlines()

    (rest,) = (line for line in lines if "more, together" in line)
    shown = fsum(part.contribution for part in split.parts[:10])
    assert len(lines) == 1 + 1 + 1 + 1 + 10 + 1 + 1 + 1 + 1
    assert rest.startswith(f"and {len(split.parts) - 10} more, together")
    assert f"{split.difference - shown:+.4f}" in rest
    assert len(contributions.rows()) == len(split.parts)
    assert "others" in lines[1]


def test_systems_with_the_same_counts_have_no_contributions_but_0():
    gold, a = perturbed(5, 3)

    text = str(compare(a=a, b=a, gold=gold, metrics="ner").by("label"))

    assert "no label contributes to the difference of 0.0000" in text


def test_schemes_that_ignore_labels_say_which_side_is_counted():
    gold = [[(0, 2, "A"), (4, 6, "B")]]
    systems = {
        name: score_spans(gold, [predicted], metrics="entities/exact", boot=0)
        for name, predicted in (("a", [(0, 2, "B")]), ("b", [(0, 2, "A"), (4, 6, "B")]))
    }

    text = str(compare(**systems).by("label"))

    assert "found: gold items that are matched" in text
    assert "found a" in text


def test_an_undefined_difference_has_no_contributions():
    systems = {
        name: score_spans([[]], [predicted], boot=0)
        for name, predicted in (("a", []), ("b", [(0, 2, "A")]))
    }

    contributions = compare(**systems).by("label")

    assert contributions.rows() == []
    assert str(contributions) == "entities/strict, a – b: no contributions: F1 is undefined"


def test_text_without_zones_has_no_contributions_by_zone():
    contributions = compare(**c3_scores()).by("zone")

    assert contributions.rows() == []
    assert str(contributions) == (
        "entities/strict, new – old: no contributions by zone: no item is in a zone"
    )


def test_other_features_and_features_of_macro_f1_are_refused():
    systems = c3_scores()

    with pytest.raises(InputError, match="unknown value 'labels' in 'by'.*did you mean 'label'"):
        compare(**systems).by("labels")
    with pytest.raises(InputError, match=r"by\('label,kind'\): expected a single one of: label,"):
        compare(**systems).by("label,kind")
    with pytest.raises(InputError, match='by="zone": macro F1 is a mean over labels'):
        compare(**systems, average="macro").by("zone")


def test_explain_is_the_former_name_of_by():
    comparison = compare(**c3_scores())

    with pytest.deprecated_call(match=r"use Comparison\.by"):
        contributions = comparison.explain("label")

    assert contributions.rows() == comparison.by("label").rows()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    gold, a = perturbed(15, 3)
    gold.save(folder / "gold.jsonl")
    a.save(folder / "a.jsonl")
    degraded(gold, 4).save(folder / "b.jsonl")
    return folder


COMPARE = (
    "compare",
    "a.jsonl",
    "b.jsonl",
    "--gold",
    "gold.jsonl",
    "--metrics",
    "ner,entities/exact",
)


def test_the_command_prints_contributions_below_the_differences(files):
    done = run_evalkit(*COMPARE, "--by", "label,document", cwd=files)

    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if line.startswith("Contributions")]
    assert titles == [
        "Contributions by label, entities/strict: a – b",
        "Contributions by label, entities/exact: a – b",
        "Contributions by document, entities/strict: a – b",
        "Contributions by document, entities/exact: a – b",
    ]
    assert done.stdout.index("Differences of F1") < done.stdout.index(titles[0])


@pytest.mark.parametrize("form", ["markdown", "latex", "html"])
def test_every_format_has_the_sentence_and_the_table(files, form):
    done = run_evalkit(*COMPARE, "--by", "label", "--format", form, cwd=files)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Contributions by label") == 2
    assert done.stdout.lower().count("of +") + done.stdout.lower().count("of -") >= 2


def test_json_and_csv_have_all_parts(files):
    done = run_evalkit(*COMPARE, "--by", "document", "--format", "json", cwd=files)
    table = run_evalkit(*COMPARE, "--by", "document", "--format", "csv", cwd=files)

    rows = json.loads(done.stdout)["contributions"]
    lines = list(csv.DictReader(io.StringIO(table.stdout)))
    assert len(rows) == len(lines) == 30
    assert [float(line["contribution"]) for line in lines] == [r["contribution"] for r in rows]
    assert list(lines[0]) == [
        *("metric", "average", "a", "b", "by", "part", "contribution", "gold"),
        *("predicted_a", "predicted_b", "tp_a", "tp_b", "found_a", "found_b", "f1_a", "f1_b"),
        *("n_a", "n_b", "loss_a", "loss_b"),
    ]


def test_the_report_has_the_contributions_too(files):
    done = run_evalkit(*COMPARE, "--by", "label", "--report", "page.html", cwd=files)

    assert done.returncode == 0, done.stderr
    assert "Contributions by label" in (files / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--by", "labl"),
            "unknown value 'labl' in '--by'; expected one of: label, document, zone",
        ),
        (("--by", "labl"), "did you mean 'label'?"),
        (("--by", "zone", "--average", "macro"), "--by zone: macro F1 is a mean over labels"),
        (("--by", "label", "--explain", "zone"), "--explain is the former name of --by"),
    ],
)
def test_a_feature_that_cannot_be_used_ends_with_2_before_anything_is_scored(
    tmp_path, arguments, message
):
    done = run_evalkit("compare", "no.jsonl", "file.jsonl", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr


def test_explain_is_a_former_name_of_the_option(files):
    done = run_evalkit(*COMPARE, "--explain", "label", cwd=files)

    assert done.returncode == 0
    assert "--explain is deprecated: write --by" in done.stderr
    assert "Contributions by label" in done.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal(width):
    systems = c3_scores()
    long_names = {f"a-system-with-a-long-name-{name}": each for name, each in systems.items()}

    text = compare(**long_names).by("label").render(width=width)

    assert max(map(cell_len, text.splitlines())) <= width
    assert "contribution" in text
