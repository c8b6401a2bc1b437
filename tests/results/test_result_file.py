"""A result travels: written, read, merged, verified and told again, it stays the same, to the byte."""  # noqa: E501

import csv
import html.parser
import io
import json
import os
import random
import re
import subprocess
import sys
from itertools import pairwise

import msgspec
import pytest
from helpers.perturbed import perturbed
from helpers.profiles import examples
from helpers.random_corpora import both, corpora
from hypothesis import given, settings

from evalkit import (
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Scores,
    Span,
    Zone,
    evaluate,
    load_corpus,
    score,
    score_tags,
)
from evalkit.evaluation.verify import find_differences


def thirds(gold, said):
    """Both corpora in three shards, the middle one of most."""
    cuts = [0, len(gold) // 5, 4 * len(gold) // 5, len(gold)]
    for first, last in pairwise(cuts):
        yield tuple(Corpus(list(side)[first:last], name=side.name) for side in (gold, said))


@given(corpora())
@settings(max_examples=examples(40))
def test_what_is_read_is_what_was_written(pairs):
    gold, said = both(pairs)
    scores = score(
        gold, said, ["entities/strict", "entities/partial", "entities/characters"], boot=20
    )

    again = Scores.from_json(scores.to_json())

    assert again.to_json() == scores.to_json()
    assert str(again) == str(scores)
    assert again.rows() == scores.rows()
    assert again["entities/partial"].muc == scores["entities/partial"].muc


def test_a_result_of_every_layer_comes_back():
    scores = evaluate("rules")

    again = Scores.from_json(scores.to_json())

    assert (again.to_json(), str(again)) == (scores.to_json(), str(scores))


def test_reasons_for_setting_aside_keep_their_order_in_a_result_that_comes_back():
    text = "Ada met Ada."
    gold = Corpus([Document("d", text, [Entity("PER", 0, 3)])])
    predicted = Corpus(
        [Document("d", text, [Entity("PER", 0, 3), Entity("PER", 8, 11), Entity("PER", 11, 12)])]
    )
    scores = score(gold, predicted, "surfaces/strict", normalization="squad")
    lines = [line for line in str(scores).splitlines() if line.startswith("Set aside")]

    assert lines == [
        "Set aside, predicted items that equal another under this metric: 1 (surfaces)",
        "Set aside, predicted items whose string is empty after normalization: 1 (surfaces)",
    ]
    assert str(Scores.from_json(scores.to_json())) == str(scores)


def test_numbers_set_aside_name_the_metric_where_those_of_a_layer_differ():
    table = Zone("ignore", 8, 12)
    gold = Corpus([Document("d", "Ada met Ada.", [Entity("PER", 0, 3)], zones=[table])])
    predicted = Corpus([Document("d", "Ada met Ada.", [Entity("PER", 8, 11)])])

    report = str(score(gold, predicted, "entities/strict,entities/characters"))

    line = "Set aside, predicted items in ignore regions: 1"
    assert f"{line} (entities/strict)" in report.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10, 26, 120])
@pytest.mark.parametrize("units", ["auto", "documents", "sentences"])
def test_merged_shards_are_the_bytes_of_the_whole(n, units):
    gold, said = perturbed(n, 11)
    whole = score(gold, said, units=units, boot=50)

    shards = [
        score(one, other, units=units, boot=50) for one, other in thirds(gold, said) if len(one)
    ]

    assert Scores.merge(shards).to_json() == whole.to_json()
    assert Scores.merge(shards[::-1]).to_json() == whole.to_json()
    assert (
        Scores.merge([Scores.from_json(shard.to_json()) for shard in shards]).to_json()
        == whole.to_json()
    )


def test_merging_keeps_what_was_set_aside_and_what_failed():
    gold = load_corpus()
    again = Document("other", gold[0].text, gold[0].entities[:5])
    said = [
        Document(gold[0].id, gold[0].text, failure="time out"),
        Document(
            "other",
            gold[0].text,
            [*again.entities[:3], msgspec.structs.replace(again.entities[0], id=None)],
        ),
    ]
    whole = score(
        Corpus([gold[0], again], name="c"), Corpus(said, name="m"), "ner,entities/partial"
    )

    shards = [
        score(Corpus([g], name="c"), Corpus([s], name="m"), "ner,entities/partial")
        for g, s in ((gold[0], said[0]), (again, said[1]))
    ]

    assert Scores.merge(shards).to_json() == whole.to_json()
    assert Scores.merge(shards).metadata.failures == {gold[0].id: "time out"}


def test_shards_that_were_not_scored_alike_are_refused_with_the_field():
    one, other, _ = [score(*shard, "ner") for shard in thirds(*perturbed(10, 1))]
    seeded = score(*list(thirds(*perturbed(10, 1)))[1], "ner", seed=5)

    with pytest.raises(InputError, match="document 'd0' is in two of the results"):
        Scores.merge([one, one])
    with pytest.raises(InputError, match="seed: 12345 and 5; only results of shards of one corpus"):
        Scores.merge([one, seeded])
    with pytest.raises(InputError, match="no results to merge"):
        Scores.merge([])
    assert Scores.merge([one, other]).resampling.documents == 8


@pytest.mark.slow
def test_neither_hash_seed_nor_order_nor_workers_move_a_byte(tmp_path):
    gold, said = perturbed(40, 5)
    gold.save(tmp_path / "gold.jsonl")
    said.save(tmp_path / "said.jsonl")
    for name, side in (("shuffled/gold", gold), ("shuffled/said", said)):
        (tmp_path / "shuffled").mkdir(exist_ok=True)
        Corpus(random.Random(len(name)).sample(list(side), 40)).save(tmp_path / f"{name}.jsonl")

    def bytes_of(folder, seed, *options):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "evalkit.cli",
                "score",
                folder / "gold.jsonl",
                folder / "said.jsonl",
                "--format",
                "json",
                "--boot",
                "100",
                *options,
            ],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        return done.stdout

    first = bytes_of(tmp_path, "0")
    assert bytes_of(tmp_path, "1") == first
    assert bytes_of(tmp_path / "shuffled", "2") == first
    assert bytes_of(tmp_path, "3", "--jobs", "2") == first


class Cells(html.parser.HTMLParser):
    """The text of each cell of the rows of a page."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1] and self.lasttag in ("td", "th", "b"):
            self.rows[-1][-1] += data.strip()


def test_p46_every_format_holds_the_numbers_of_the_result():
    scores = score(*perturbed(25, 2), "ner", boot=100)
    rows = json.loads(scores.to_json())["rows"]

    from_csv = [
        {key: value for key, value in row.items() if value}
        for row in csv.DictReader(io.StringIO(scores.to_csv()))
    ]
    assert from_csv == [
        {key: str(value) for key, value in row.items() if value is not None} for row in rows
    ]
    assert scores.to_pandas().to_dict("records")[0]["f1_low"] == rows[0]["f1_low"]
    expected = {
        row["label"] or row["average"]: (
            [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
            + [f"{row['f1_low']:.3f}–{row['f1_high']:.3f}"]
            + [str(row[name]) for name in ("tp", "fp", "fn", "gold")]
        )
        for row in rows
        if row["average"] not in ("macro", "weighted", "per-document")
    }
    page = Cells()
    page.feed(scores.render("html"))
    told = {
        "html": page.rows,
        "markdown": [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in scores.to_markdown().splitlines()
            if line.startswith("| ")
        ],
        "latex": [
            [cell.strip().replace("--", "–") for cell in line.removesuffix(r" \\").split("&")]
            for line in scores.to_latex().splitlines()
            if "&" in line
        ],
        "table": [line.split() for line in str(scores).splitlines()],
    }
    for form, lines in told.items():
        found = {line[0]: line[1:] for line in lines if line}
        assert {name: found[name] for name in expected} == expected, form


def test_a_saved_result_is_loaded_again(tmp_path):
    scores = score(*perturbed(3, 2))

    scores.save(tmp_path / "r.json")

    assert Scores.load(tmp_path / "r.json").to_json() == scores.to_json()


def test_a_file_that_is_no_result_is_named(tmp_path):
    (tmp_path / "r.json").write_text("{}", encoding="utf-8")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")

    with pytest.raises(
        InputError,
        match=r"r.json: not a result of evalkit: Object missing required field 'schema_version'",
    ):
        Scores.load(tmp_path / "r.json")
    with pytest.raises(InputError, match=r"b.json: not a result of evalkit: not UTF-8"):
        Scores.load(tmp_path / "b.json")
    with pytest.raises(InputError, match="none.json: No such file"):
        Scores.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda d: d["intervals"].update(units="words"),
            "Invalid enum value 'words' - at '\\$.intervals.units'",
        ),
        (
            lambda d: d["intervals"].pop("boot"),
            "Object missing required field 'boot' - at '\\$.intervals'",
        ),
        (lambda d: d.update(counts={}), "it has no counts"),
        (
            lambda d: d["counts"]["entities/strict"]["gold"].__setitem__(0, 2**31),
            "Expected 'int' <= 2147483647",
        ),
        (
            lambda d: d.update(digests={"schema": "x", "documents": {"entities": "no"}}),
            "Expected 'str' matching regex",
        ),
        (lambda d: d["intervals"].update(documents=5), "corpus: 3 documents, and 5 in intervals"),
        (lambda d: d["intervals"].update(level=None), "Expected 'float', got 'null' - at"),
        (
            lambda d: d["documents"].__setitem__(0, None),
            "Expected 'str', got 'null' - at",
        ),
        (
            lambda d: d["signature"]["entities/strict"].update(docs="x"),
            "signature: docs: invalid value 'x': expected two numbers such as 3/5",
        ),
        (
            lambda d: d["set_aside"].pop("entities/strict"),
            "the result has counts of this metric, but no signature, set_aside or units",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["gold"].append(1),
            "gold: [0-9]+ values, expected",
        ),
        (
            lambda d: d["counts"]["entities/strict"]["found"].__setitem__(0, 0.5),
            "Expected 'int', got 'float'",
        ),
        (lambda d: d.pop("corpus"), "Object missing required field 'corpus'"),
        (
            lambda d: d.update(schema_version=1),
            "schema version 1: this evalkit reads versions 3 and 4; score the predictions again",
        ),
    ],
)
def test_a_result_that_was_spoilt_is_refused(spoil, message):
    data = json.loads(score(*perturbed(3, 2)).to_json())
    spoil(data)

    with pytest.raises(InputError, match=message):
        Scores.from_json(json.dumps(data))


def as_version_3(text):
    """A result as it was written in schema version 3, made with plain loops."""
    data = json.loads(text)
    documents = data.pop("documents")
    data["schema_version"] = 3
    for layer, units in data["units"].items():
        indices = units.get("document", range(len(documents)))
        nothing = [None] * len(indices)
        zones, sentences = units.get("zone", nothing), units.get("sentence", nothing)
        data["units"][layer] = {
            "scored": units["scored"],
            "units": [[documents[n], *rest] for n, *rest in zip(indices, zones, sentences)],
        }
    names = "gold predicted found found_half tp tp_half wrong_gold wrong_predicted".split()
    for metric, counts in data["counts"].items():
        cells, labels = [], iter(counts["label"])
        for unit, number in enumerate(counts["cells_per_unit"]):
            for _ in range(number):
                row = [counts[name][len(cells)] if name in counts else 0 for name in names]
                cells.append([unit, next(labels), *row])
        data["counts"][metric] = {
            "labels": counts["labels"],
            "columns": ["unit", "label", *names],
            "cells": cells,
        }
    return data


@pytest.mark.parametrize("units", ["documents", "sentences"])
def test_a_result_of_schema_version_3_is_read(units):
    text = score(*perturbed(5, 4), units=units, zones="all").to_json()

    assert Scores.from_json(json.dumps(as_version_3(text))).to_json() == text
    assert Scores.from_json(json.dumps(as_version_3(evaluate("rules").to_json()))).to_json() == (
        evaluate("rules").to_json()
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda counts: counts["columns"].reverse(),
            "columns .*; this evalkit reads unit, label, gold",
        ),
        (lambda counts: counts["cells"][0].append(1), "cells: expected lists of 10 numbers"),
        (
            lambda counts: counts["cells"][0].__setitem__(0, 3),
            "a count of a unit or label that is not listed",
        ),
        (
            lambda counts: counts["cells"][0].__setitem__(1, 3),
            "a count of a unit or label that is not listed",
        ),
    ],
)
def test_a_spoilt_result_of_schema_version_3_is_refused(spoil, message):
    data = as_version_3(score(*perturbed(3, 2)).to_json())
    spoil(data["counts"]["entities/strict"])

    with pytest.raises(InputError, match=message):
        Scores.from_json(json.dumps(data))


def test_a_result_holds_no_text_of_the_corpus():
    text = evaluate("rules").to_json()

    assert [
        line for line in load_corpus()[0].text.splitlines() if len(line) > 20 and line in text
    ] == []


OPTIONS = [
    {},
    {"labels": ["A", "B"]},
    {"labels": ({"A": "B"}, None)},
    {"labels": {"entities": {"C": None}}},
    {"zones": "all"},
    {"units": "sentences", "boot": 30, "seed": 4, "level": 0.9},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_result_verifies_against_what_it_was_made_of(options):
    gold, said = perturbed(22, 6)
    result = Scores.from_json(score(gold, said, "ner,entities/type", **options).to_json())

    assert find_differences(result, gold, Corpus(list(said), name="other")) == []


def test_a_result_with_counts_of_errors_verifies_too():
    gold, said = perturbed(22, 6)
    scores = score(gold, said, "ner")
    scores.errors("entities")

    assert find_differences(scores, gold, said) == []
    other = Corpus([Document(each.id, each.text, []) for each in said], name="other")
    lines = find_differences(scores, gold, other)
    assert lines[0].startswith("entities/strict micro F1")
    assert not any(line.startswith("error_counts") for line in lines)


def test_verifying_says_what_differs():
    gold, said = perturbed(22, 6)
    result = score(gold, said, "ner")
    spoilt = Corpus([Document(said[0].id, said[0].text, []), *list(said)[1:]], name="said")
    other = Corpus(
        [
            Document(gold[0].id, gold[0].text, [*gold[0].entities, Entity("NEW", 1, 3)]),
            *list(gold)[1:],
        ],
        name="gold",
    )

    assert any(
        re.match(r"entities/strict micro F1 0\.\d{3} → 0\.\d{3} \(TP \d+ → \d+", line)
        for line in find_differences(result, gold, spoilt)
    )
    assert any(
        line.startswith("signature: entities/strict: corpus: ")
        for line in find_differences(result, other, said)
    )


def test_a_result_of_tags_cannot_be_verified():
    with pytest.raises(InputError, match="made from tags or bare spans"):
        find_differences(score_tags([["B-A"]], [["B-A"]]), *perturbed(2, 1))


def test_counts_of_sentences_become_counts_of_documents():
    gold, said = perturbed(9, 3)
    by_sentence, by_document = (
        score(gold, said, "entities/partial", units=units)["entities/partial"].counts
        for units in ("sentences", "documents")
    )

    found = by_sentence.merge_sentences().sort_units()

    expected = by_document.sort_units()
    assert (found.units, found.resampling_unit_count) == (
        expected.units,
        expected.resampling_unit_count,
    )
    assert (found.values == expected.values).all()
    assert (found.unit == expected.unit).all()
    assert (found.label == expected.label).all()


def shard(gold, said):
    return score(Corpus(gold, name="g"), Corpus(said, name="m"))


def documents(*names, events=None, entities=()):
    return [Document(name, "Ada met Bo", entities, events) for name in names]


def test_a_shard_in_which_the_model_failed_throughout_adds_no_layers():
    gold = [
        documents("a", events=[Event("Meet", Span(4, 7))]),
        documents("b", events=[Event("Meet", Span(4, 7))]),
    ]
    said = [documents("a"), [Document("b", "Ada met Bo", failure="time out")]]

    merged = Scores.merge([shard(*pair) for pair in zip(gold, said, strict=True)])

    assert merged.to_json() == shard([*gold[0], *gold[1]], [*said[0], *said[1]]).to_json()
    assert list(merged) == [
        "entities/strict",
        "entities/exact",
        "entities/partial",
        "entities/type",
    ]


def test_a_shard_that_lacks_a_layer_which_others_have_is_refused_as_the_whole_is():
    gold = [documents("a", events=[]), documents("b", events=[])]
    said = [documents("a", events=[]), documents("b")]

    with pytest.raises(
        InputError, match="document 'b': the prediction has no events, while others have"
    ):
        shard([*gold[0], *gold[1]], [*said[0], *said[1]])
    with pytest.raises(
        InputError, match="document 'b': the prediction has no events, while others have"
    ):
        Scores.merge([shard(*pair) for pair in zip(gold, said, strict=True)])


def test_a_document_that_no_scored_layer_annotates_is_seen_to_stand_twice():
    bare = Document("twice", "Ada met Bo")
    shards = [shard([*documents(name), bare], [*documents(name), bare]) for name in "ab"]

    with pytest.raises(InputError, match="document 'twice' is in two of the results"):
        Scores.merge(shards)


def test_what_maps_leave_is_told_in_one_order():
    def one(name, *labels):
        gold = [
            Document(
                name,
                "Ada met Bo",
                [Entity(label, 0, 3) for label in labels],
                [Event("Meet", Span(4, 7))],
            )
        ]
        return gold, score(
            Corpus(gold, name="g"),
            Corpus(gold, name="m"),
            labels={"entities": {"A": "X"}, "triggers": {"Go": "Y"}},
        )

    (first, one_), (second, two) = one("a"), one("b", "B")

    whole = score(
        Corpus([*first, *second], name="g"),
        Corpus([*first, *second], name="m"),
        labels={"entities": {"A": "X"}, "triggers": {"Go": "Y"}},
    )
    assert (
        Scores.merge([one_, two]).to_json()
        == Scores.merge([two, one_]).to_json()
        == whole.to_json()
    )


def test_numpy_versions_may_differ_between_shards():
    shards = [json.loads(shard(documents(name), documents(name)).to_json()) for name in "ab"]
    shards[1]["versions"]["numpy"] = "1.26.0"

    merged = Scores.merge([Scores.from_json(json.dumps(one)) for one in shards])

    assert merged.metadata.versions["numpy"].startswith("1.26.0+")


def test_verifying_a_file_finds_rows_that_were_made_up(tmp_path):
    gold, said = perturbed(22, 6)
    data = json.loads(score(gold, said, "ner").to_json())
    data["rows"][0]["f1"] = 0.99
    genuine = data["warnings"]
    data["warnings"] = [*genuine, "all is well"]
    (tmp_path / "r.json").write_text(json.dumps(data), encoding="utf-8")

    assert [
        line.partition(":")[0] for line in find_differences(tmp_path / "r.json", gold, said)
    ] == ["warnings"]
    data["warnings"] = genuine
    (tmp_path / "r.json").write_text(json.dumps(data), encoding="utf-8")
    assert [
        line.startswith("rows[0]: f1: 0.99 in the result, ")
        for line in find_differences(tmp_path / "r.json", gold, said)
    ] == [True]


def test_a_failed_document_is_named_in_one_order():
    gold = documents(*"abcdefgh")
    failed = [Document(name, "Ada met Bo", failure="no") for name in "hgfedcba"]

    scores = shard(gold, failed)

    assert str(scores).splitlines()[2] == "  a: no"
    assert str(Scores.from_json(scores.to_json())) == str(scores)


def test_a_result_of_an_earlier_version_gets_the_signature_of_its_intervals():
    gold, said = perturbed(5, 1)
    data = json.loads(score(gold, said, units="sentences").to_json())
    data["intervals"]["requested_units"] = "auto"
    for fields in data["signature"].values():
        del fields["interval"]
        fields |= {"boot": "1000", "seed": "12345"}

    read = Scores.from_json(json.dumps(data))

    now = score(gold, said)
    assert read.rows() == now.rows()
    assert read["ner"].signature == now["ner"].signature
