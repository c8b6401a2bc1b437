"""Labels are renamed and selected alike everywhere, and mistakes are reported."""

import json
import random
import shlex

import pytest
from helpers.marked import corpus
from typer.testing import CliRunner

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Schema,
    Scores,
    Span,
    Unplaced,
    compare,
    evaluate,
    score,
    score_spans,
    score_tags,
)
from evalkit.cli.entry_point import app
from evalkit.evaluation.pr_curves import curves
from evalkit.evaluation.verify import find_differences
from evalkit.results.label_advice import suggest_label_map

PREDICTED = {"person": "PER", "org": "ORG", "Other": None}


def as_corpus(spans, name="c"):
    return Corpus(
        [
            Document(
                f"d{n}",
                "x" * 40,
                tuple(Entity(label, start, end, score=0.5) for start, end, label in row),
            )
            for n, row in enumerate(spans)
        ],
        name=name,
    )


def as_tags(spans):
    rows = []
    for row in spans:
        tags = ["O"] * 40
        for start, end, label in row:
            tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
        rows.append(tags)
    return rows


def as_file(spans, path):
    as_corpus(spans).save(path)
    return path


class model_of:  # noqa: N801
    """A model that answers with the spans of each document."""

    def __init__(self, spans):
        self.answers = {document.id: document for document in as_corpus(spans)}

    def predict(self, documents):
        return [self.answers[document.id] for document in documents]


# Each takes gold and predicted lists of spans and options, and gives the scores.
SURFACES = {
    "score": lambda gold, predicted, path, **options: score(
        as_corpus(gold), as_corpus(predicted), "ner", boot=0, **options
    ),
    "score of files": lambda gold, predicted, path, **options: score(
        as_file(gold, path / "g.jsonl"),
        as_file(predicted, path / "p.jsonl"),
        "ner",
        boot=0,
        **options,
    ),
    "score with jobs": lambda gold, predicted, path, **options: score(
        as_file(gold, path / "g.jsonl"),
        as_file(predicted, path / "p.jsonl"),
        "ner",
        boot=0,
        jobs=2,
        **options,
    ),
    "evaluate": lambda gold, predicted, path, **options: evaluate(
        model_of(predicted), as_corpus(gold), "ner", boot=0, **options
    ),
    "compare": (
        lambda gold, predicted, path, **options: compare(
            a=as_corpus(predicted),
            b=as_corpus(predicted),
            gold=as_corpus(gold),
            metrics="ner",
            options={"boot": 0, **options},
        ).systems["a"]
    ),
    "score_spans": lambda gold, predicted, path, **options: score_spans(
        gold, predicted, boot=0, **options
    ),
    "score_tags": lambda gold, predicted, path, **options: score_tags(
        as_tags(gold), as_tags(predicted), boot=0, **options
    ),
}


def random_spans(seed, labels, documents=70):
    draw = random.Random(seed)
    return [
        [(at, at + 2, draw.choice(labels)) for at in range(0, 36, 4) if draw.random() < 0.6]
        for _ in range(documents)
    ]


def plain_f1(gold, predicted, gold_map, predicted_map, kept=None):
    """F1 after renaming and choosing, by plain loops."""

    def compared(spans, label_map):
        spans_of_documents = set()
        for n, row in enumerate(spans):
            for start, end, label in row:
                new = label_map[label] if label in label_map else label_map.get("*", label)
                if new is not None and (kept is None or new in kept):
                    spans_of_documents.add((n, start, end, new))
        return spans_of_documents

    one, other = compared(gold, gold_map), compared(predicted, predicted_map)
    return 2 * len(one & other) / (len(one) + len(other))


CASES = {
    "a map": ({"label_map": PREDICTED}, PREDICTED, PREDICTED, None),
    "a map of all others": (
        {"label_map": {"person": "PER", "PER": "PER", "*": "MISC"}},
        {"person": "PER", "PER": "PER", "*": "MISC"},
        {"person": "PER", "PER": "PER", "*": "MISC"},
        None,
    ),
    "a map that drops all others": (
        {"label_map": {"person": "PER", "PER": "PER", "*": None}},
        {"person": "PER", "PER": "PER", "*": None},
        {"person": "PER", "PER": "PER", "*": None},
        None,
    ),
    "a pair": ({"label_map": (None, PREDICTED)}, {}, PREDICTED, None),
    "a list": ({"labels": ["ORG", "Other"]}, {}, {}, {"ORG", "Other"}),
    "a map and a list": (
        {"label_map": PREDICTED, "labels": ["PER"]},
        PREDICTED,
        PREDICTED,
        {"PER"},
    ),
    "a map of all others and a list": (
        {"label_map": {"Other": "PER", "*": "X"}, "labels": ["X"]},
        {"Other": "PER", "*": "X"},
        {"Other": "PER", "*": "X"},
        {"X"},
    ),
    "a map by layer": ({"label_map": {"entities": PREDICTED}}, PREDICTED, PREDICTED, None),
    "a map as labels": ({"labels": PREDICTED}, PREDICTED, PREDICTED, None),
    "a pair as labels": ({"labels": (None, PREDICTED)}, {}, PREDICTED, None),
}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("case", CASES)
def test_maps_and_lists_mean_the_same_everywhere(surface, case, tmp_path):
    options, gold_map, predicted_map, kept = CASES[case]
    gold, predicted = (
        random_spans(1, ["PER", "ORG", "Other"]),
        random_spans(2, ["person", "org", "PER", "ORG", "Other"]),
    )

    scores = SURFACES[surface](gold, predicted, tmp_path, **options)

    assert scores["ner"].micro.f1 == pytest.approx(
        plain_f1(gold, predicted, gold_map, predicted_map, kept)
    )
    assert ("|labels:" in scores["ner"].signature, "|map:" in scores["ner"].signature) == (
        kept is not None,
        bool(gold_map or predicted_map),
    )
    assert Scores.from_json(scores.to_json()).to_json() == scores.to_json()


@pytest.mark.parametrize("case", CASES)
def test_a_score_with_labels_can_be_verified(case):
    options, *_ = CASES[case]
    gold, predicted = (
        as_corpus(random_spans(1, ["PER", "Other"], 5)),
        as_corpus(random_spans(2, ["person", "org", "Other"], 5)),
    )
    scores = score(gold, predicted, "ner", boot=0, **options)

    assert find_differences(Scores.from_json(scores.to_json()), gold, predicted) == []
    assert (
        find_differences(
            Scores.from_json(score(gold, predicted, "ner", boot=0).to_json()), gold, predicted
        )
        == []
    )


def test_options_of_a_result_say_what_was_asked_for():
    both = corpus("[Ada|PER]")

    listed = score(
        both, both, labels=["PER", "A"], label_map=({"x": "y"}, None), boot=0
    ).metadata.options
    plain = score(both, both, boot=0).metadata.options

    assert (listed.labels, listed.label_map) == (
        ["A", "PER"],
        {"kind": "pair", "value": [{"kind": "map", "value": {"x": "y"}}, None]},
    )
    assert (plain.labels, plain.label_map) == (None, None)


def test_the_signature_names_short_lists_and_gives_digests_of_others():
    both = corpus("[Ada|PER]")

    def fields(**options):
        return {
            name: value
            for name, value in score(both, both, "ner", boot=0, **options)[
                "ner"
            ].signature_fields.items()
            if name in ("labels", "map")
        }

    assert fields() == {}
    assert fields(labels=["PER", "LOC"]) == {"labels": "LOC+PER"}
    assert fields(labels=["PER", "LOC"]) == fields(labels=("LOC", "PER", "PER"))
    assert fields(labels=[f"LABEL-{n}" for n in range(50)])["labels"].startswith("50@")
    assert fields(labels=["a|b"])["labels"].startswith("1@")
    assert fields(label_map={"A": "B"}) != fields(label_map={"A": "C"})
    assert (
        fields(label_map={"A": "B"})
        == fields(label_map={"entities": {"A": "B"}})
        == fields(label_map=({"A": "B"}, {"A": "B"}))
    )
    assert list(
        score(both, both, "ner", boot=0, labels=["PER"], label_map={"A": "B"})[
            "ner"
        ].signature_fields
    )[4:9] == ["zones", "macro", "labels", "map", "duplicates"]


EVENTS = Corpus(
    [
        Document(
            "d",
            "hit the man and met Ada",
            entities=[Entity("PER", 20, 23), Entity("NUM", 0, 3)],
            events=[
                Event("Attack", Span(0, 3), [Argument("Target", 8, 11)], realis="ACTUAL"),
                Event("Meet", Span(16, 19), [Argument("Entity", 20, 23)], realis="OTHER"),
            ],
        )
    ]
)


def test_a_list_is_of_entities_unless_all_metrics_are_of_events():
    def gold_items(metrics, **options):
        scores = score(EVENTS, EVENTS, metrics, boot=0, **options)
        return {metric: scores[metric].micro.gold for metric in scores}

    assert gold_items("ner,tokens,tri-c", labels=["PER"]) == {
        "entities/strict": 1,
        "tokens/strict": 1,
        "triggers/strict": 2,
    }
    assert gold_items("tri-c,arg-c,arg-c+,realis", labels=["Attack"]) == dict.fromkeys(
        ["triggers/strict", "arguments/strict", "attached-arguments/strict", "realis/strict"], 1
    )
    assert gold_items("tri-c", label_map={"Attack": "Meet"}) == {"triggers/strict": 2}
    assert (
        score(EVENTS, EVENTS, "tri-c", label_map={"Attack": "Meet"}, boot=0)["tri-c"]["Meet"].gold
        == 2
    )
    by_layer = {
        "entities": {"PER": "PER", "*": None},
        "triggers": {"Meet": "Meet", "*": None},
        "arguments": {"Entity": None},
    }
    assert gold_items("ner,tri-c,arg-c", label_map=by_layer) == {
        "entities/strict": 1,
        "triggers/strict": 1,
        "arguments/strict": 0,
    }


def test_others_stand_for_unplaced_labels_too():
    predicted = Corpus(
        [
            Document(
                "d0", "Ada", [Entity("PER", 0, 3)], unplaced=[Unplaced("entities", "NUM", "absent")]
            )
        ]
    )

    scores = score(
        corpus("[Ada|PER]"), predicted, "ner", label_map={"PER": "PER", "*": None}, boot=0
    )

    assert scores["ner"].micro.predicted == 1


def test_a_corpus_and_a_schema_know_the_star_too():
    schema = Schema(label_maps={"coarse": {"entities": {"PER": "PER", "*": "MISC"}}})
    one = Corpus(
        [Document("d", "Ada 3", [Entity("PER", 0, 3), Entity("NUM", 4, 5)])], schema=schema
    )

    assert [e.label for e in one.map_labels({"PER": "P", "*": None})[0].entities] == ["P"]
    assert [e.label for e in one.map_labels("coarse")[0].entities] == ["PER", "MISC"]
    assert score(one, one, "ner", label_map="coarse", boot=0)["ner"].labels == ("MISC", "PER")


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        ({"labels": ["PER", "NOPE"]}, ["NOPE"]),
        ({"label_map": {"PER": "P", "NOPE": "X", "*": "Y"}}, ["NOPE"]),
        ({"label_map": {"PER": "P"}, "labels": ["P", "ORG", "NOPE"]}, ["NOPE"]),
        ({"label_map": ({"person": "PER"}, {"person": "PER"})}, []),
        ({"label_map": ({"person": "PER"}, None)}, ["person"]),
        ({"label_map": {"entities": {"PER": "P"}, "triggers": {"NOPE": None}}}, []),
        ({}, []),
    ],
)
def test_labels_that_occur_nowhere_are_reported(options, unused, tmp_path):
    gold, predicted = (
        corpus("[Ada|PER] [Acme|ORG]", "[Bo|PER]"),
        corpus("[Ada|person] [Acme|ORG]", "[Bo|PER]"),
    )
    gold.save(tmp_path / "g.jsonl")
    predicted.save(tmp_path / "p.jsonl")

    scores = score(gold, predicted, "ner", boot=0, **options)
    shards = [
        score(Corpus([one], "g"), Corpus([other], "p"), "ner", boot=0, **options)
        for one, other in zip(gold, predicted)
    ]
    in_processes = score(
        tmp_path / "g.jsonl", tmp_path / "p.jsonl", "ner", boot=0, jobs=2, **options
    )

    warning = "occur nowhere: " + ", ".join(unused)
    for result in (scores, Scores.merge(shards), in_processes):
        assert result.metadata.unused_labels == unused
        assert any(warning in each for each in result.warnings) == bool(unused)
    assert (
        f"Warning: labels named in --labels or --label-map that occur nowhere: {', '.join(unused)}"
        in str(scores)
    ) == bool(unused)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": 5}, "^labels=5: expected a list of labels to keep, such as"),
        ({"labels": []}, "^labels=\\[\\]: expected at least one label to keep"),
        ({"labels": ["A", ""]}, "^labels=.*: expected a list of labels"),
        (
            {"labels": "PER"},
            r"^unknown label map 'PER'; expected one of: LABEL=NEW.*keeps the label 'PER'$",
        ),
        (
            {"labels": {"A": "B"}, "label_map": {"A": "B"}},
            "^labels=.* is a label map, and label_map= is given too",
        ),
        (
            {"label_map": 5},
            "^label_map=5: expected the name of a map in the schema, a map, or a pair",
        ),
        ({"label_map": {"A": ""}}, "^label_map: 'A': '': expected a label, or None to drop it"),
        (
            {"label_map": {"A": "B", "entities": {"A": "B"}}},
            "^label_map: 'entities' has a map of its own while other keys have a label",
        ),
        ({"label_map": ["a", "b", "c"]}, "^label_map=.*: expected the name"),
        ({"label_map": {"nope": {"A": "B"}}}, "^unknown layer 'nope' in 'label_map'"),
    ],
)
def test_labels_that_make_no_sense_are_refused_everywhere(options, message):
    for call in (
        lambda: score(corpus("[Ada|PER]"), corpus("[Ada|PER]"), **options),
        lambda: score_spans([[]], [[]], **options),
        lambda: score_tags([[]], [[]], **options),
        lambda: curves(corpus("[Ada|PER]"), corpus("[Ada|PER]"), **options),
    ):
        with pytest.raises(InputError, match=message):
            call()


# --- labels that both sides do not share ---


@pytest.mark.parametrize(
    "surface", [surface for surface in SURFACES if surface != "score with jobs"]
)
def test_label_sets_without_a_common_label_are_named_with_a_map_that_fits(surface, tmp_path):
    gold, predicted = (
        [[(0, 2, "PER"), (4, 6, "LOC"), (8, 10, "X")]],
        [[(0, 2, "Person"), (4, 6, "location"), (8, 10, "zz")]],
    )

    scores = SURFACES[surface](gold, predicted, tmp_path)

    warning = (
        "entities: gold and prediction have no label in common; gold: LOC, PER, X; predicted:"
        " Person, location, zz; a label map that would fit: "
    )
    assert scores.warnings[0] == warning + "label_map={'Person': 'PER', 'location': 'LOC'}"
    assert str(scores).splitlines()[1] == f"Warning: {warning}--label-map Person=PER,location=LOC"
    assert scores["ner"].micro.f1 == 0.0
    fitted = SURFACES[surface](
        gold, predicted, tmp_path, label_map={"Person": "PER", "location": "LOC"}
    )
    assert fitted["ner"].micro.tp == 2
    assert not any("in common" in warning for warning in fitted.warnings)


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        (
            ["PER", "ORG", "LOC", "MISC"],
            ["person", "Organisation", "location", "miscellaneous"],
            {"person": "PER", "Organisation": "ORG", "location": "LOC", "miscellaneous": "MISC"},
        ),
        (
            ["PERSON", "ORG", "GPE", "DATE"],
            ["PERS", "CORP", "geo-political entity", "date"],
            {"PERS": "PERSON", "CORP": "ORG", "geo-political entity": "GPE", "date": "DATE"},
        ),
        (["LOC"], ["GPE"], {"GPE": "LOC"}),
        (["LOC", "GPE"], ["gpe", "loc"], {"gpe": "GPE", "loc": "LOC"}),
        (["Conflict:Attack"], ["CONFLICT.ATTACK"], {"CONFLICT.ATTACK": "Conflict:Attack"}),
        (["PER"], ["PER", "cat"], {}),
        (["Per", "PER"], ["per"], {"per": "PER"}),
        (["!"], ["?"], {}),
    ],
)
def test_a_map_is_suggested_by_case_and_by_synonyms(gold, predicted, expected):
    assert suggest_label_map(gold, predicted) == expected


def test_a_suggested_map_can_be_pasted(tmp_path):
    corpus("[Ada|PERSON_NAME] [Bo|it_s]", name="g").save(tmp_path / "g.jsonl")
    Corpus([Document("d0", "Ada Bo", [Entity("person name", 0, 3), Entity("it's", 4, 6)])]).save(
        tmp_path / "p.jsonl"
    )
    call = [
        "score",
        str(tmp_path / "g.jsonl"),
        str(tmp_path / "p.jsonl"),
        "--boot",
        "0",
        "--metrics",
        "ner",
    ]

    report = CliRunner().invoke(app, call).stdout
    pasted = shlex.split(report.splitlines()[1].partition("would fit: ")[2])

    assert pasted[0] == "--label-map"
    assert "micro        1.000  1.000  1.000" in CliRunner().invoke(app, [*call, *pasted]).stdout


def test_a_map_that_cannot_be_typed_is_suggested_as_a_file(tmp_path):
    scores = score_spans([[(0, 2, "A,B")]], [[(0, 2, "a=b")]], boot=0)
    suggested = str(scores).splitlines()[1].partition("would fit: ")[2]

    assert suggested == '--label-map FILE.json, with {"a=b": "A,B"} in the file'
    events = Corpus([Document("d", "hit", events=[Event("ATTACK", Span(0, 3))])])
    gold = Corpus([Document("d", "hit", events=[Event("Attack", Span(0, 3))])])
    assert "--label-map ATTACK=Attack" in str(score(gold, events, "tri-c", boot=0))
    assert """--label-map FILE.json, with {"triggers": {"ATTACK": "Attack"}} in the file""" in str(
        score(gold, events, boot=0)
    )
    assert any(
        "label_map={'triggers': {'ATTACK': 'Attack'}}" in warning
        for warning in score(gold, events, boot=0).warnings
    )


def test_labels_that_differ_only_in_case_are_named_beside_common_ones():
    scores = score_spans([[(0, 2, "PER"), (4, 6, "ORG")]], [[(0, 2, "per"), (4, 6, "ORG")]], boot=0)

    assert (
        scores.warnings[0]
        == "entities: predicted labels that differ from gold's only in case: per (gold: PER); a"
        " label map that would fit: label_map={'per': 'PER'}"
    )
    assert not any(
        "case" in warning
        for warning in score_spans(
            [[(0, 2, "PER"), (4, 6, "per")]], [[(0, 2, "per")]], boot=0
        ).warnings
    )


def test_a_list_that_drops_one_side_whole_is_named():
    scores = score_spans(
        [[(0, 2, "PER")]], [[(0, 2, "person"), (4, 6, "org")]], boot=0, labels=["PER"]
    )

    assert (
        scores.warnings[0]
        == "entities: no predicted label is kept: labels= and label_map= drop all 2 predicted"
        " items; the other side keeps PER"
    )


@pytest.mark.parametrize("predicted", [[[(0, 2, "PER")]], [[]]])
def test_no_warning_where_labels_fit_or_nothing_was_predicted(predicted):
    assert not any(
        "label" in warning for warning in score_spans([[(0, 2, "PER")]], predicted, boot=0).warnings
    )


def test_many_and_long_labels_make_short_warnings():
    gold, predicted = (
        [[(n, n + 1, f"{side}{n}" + "x" * 1000) for n in range(100)]] for side in "GP"
    )

    warnings = score_spans(gold, predicted, boot=0).warnings

    assert len(warnings[0]) < 3000
    assert "and 80 more" in warnings[0]


# --- the command line ---


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schema = Schema(label_maps={"coarse": {"entities": {"person": "PER", "LOCATION": "LOC"}}})
    gold = Document(
        "d0", "Ann Oslo Acme", [Entity("PER", 0, 3), Entity("LOC", 4, 8), Entity("ORG", 9, 13)]
    )
    predicted = Document(
        "d0",
        "Ann Oslo Acme",
        [
            Entity("person", 0, 3, score=0.9),
            Entity("LOCATION", 4, 8, score=0.8),
            Entity("PER", 9, 13, score=0.7),
        ],
    )
    (tmp_path / "g").mkdir()
    Corpus([gold], name="gold", schema=schema).save("g/gold.jsonl")
    Corpus([predicted], name="predicted").save("predicted.jsonl")
    (tmp_path / "map.json").write_text(json.dumps({"person": "PER", "LOCATION": "LOC"}))
    (tmp_path / "pair.json").write_text(json.dumps([None, {"person": "PER", "LOCATION": "LOC"}]))
    (tmp_path / "model.py").write_text(
        "def find(text):\n    return [(0, 3, 'person'), (4, 8, 'LOCATION'), (9, 13, 'PER')]\n"
    )


COMMANDS = {
    "score": ["score", "g/gold.jsonl", "predicted.jsonl", "--metrics", "ner", "--boot", "0"],
    "run": ["run", "g/gold.jsonl", "-m", "model.py:find", "--metrics", "ner", "--boot", "0"],
    "compare": [
        "compare",
        "predicted.jsonl",
        "predicted.jsonl",
        "--gold",
        "g/gold.jsonl",
        "--metrics",
        "ner",
        "--boot",
        "0",
    ],
    "curve": ["curve", "g/gold.jsonl", "predicted.jsonl"],
}


def micro_row(command, output):
    """(items predicted, gold items, F1) that a command's JSON names; None for what it does not say."""  # noqa: E501
    data = json.loads(output)
    if command == "compare":
        return None, None, data["differences"][0]["f1_a"]
    if command == "curve":
        micro = data["curves"][-1]
        return micro["predicted"], micro["gold"], None
    micro = next(row for row in data["rows"] if row["average"] == "micro")
    return micro["predicted"], micro["gold"], micro["f1"]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--label-map", "person=PER,LOCATION=LOC"], (3, 3, 2 / 3)),
        (["--label-map", "map.json"], (3, 3, 2 / 3)),
        (["--label-map", "pair.json"], (3, 3, 2 / 3)),
        (["--label-map", "coarse"], (3, 3, 2 / 3)),
        (["--labels", "coarse"], (3, 3, 2 / 3)),
        (["--label-map", " person = PER , LOCATION = LOC ", "--labels", "PER, LOC"], (3, 2, 4 / 5)),
        (["--labels", "PER,LOC"], (1, 2, 0.0)),
        (["--labels", "PER"], (1, 1, 0.0)),
        (["--label-map", "person=PER,PER=,*="], (1, 0, 0.0)),
        (["--label-map", "*=X"], (3, 3, 1.0)),
    ],
)
def test_every_command_takes_labels_and_maps(files, command, options, expected):
    result = CliRunner().invoke(app, [*COMMANDS[command], *options, "--format", "json"])

    assert result.exit_code == 0, result.output
    row = micro_row(command, result.stdout)
    known = [None if actual is None else value for value, actual in zip(expected, row)]
    assert row == tuple(known)
    assert ("--labels coarse names a label map: write --label-map coarse" in result.stderr) == (
        options == ["--labels", "coarse"]
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label-map", "nope"], "unknown label map 'nope'; expected one of: coarse"),
        (
            ["--label-map", "a,b=c"],
            "--label-map 'a,b=c': 'a': expected LABEL=NEW, or LABEL= to drop it",
        ),
        (["--label-map", "=c"], "expected LABEL=NEW"),
        (["--label-map", "a=b,a=c"], "'a' is named twice"),
        (["--label-map", "none.json"], "--label-map none.json: No such file"),
        (["--label-map", "predicted.jsonl"], "unknown label map 'predicted.jsonl'"),
        (["--labels", "PER,"], "--labels 'PER,': expected labels with commas between them"),
        (
            ["--labels", "coarse", "--label-map", "a=b"],
            "--labels coarse names a label map of the schema, and --label-map is given too",
        ),
    ],
)
def test_labels_that_cannot_be_read_are_refused_in_one_line(files, command, options, message):
    result = CliRunner().invoke(app, [*COMMANDS[command], *options])

    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("5", "expected an object"),
        ("[1, 2]", "expected an object"),
        ('{"a": "b", "a": "c"}', "'a' is named twice"),
        ('{"a": 3}', "expected a label, or None"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_a_file_that_holds_no_map_is_refused(files, tmp_path, content, message):
    (tmp_path / "bad.json").write_text(content)

    result = CliRunner().invoke(app, [*COMMANDS["score"], "--label-map", "bad.json"])

    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_warns_of_labels_that_do_not_fit(files, command):
    result = CliRunner().invoke(app, [*COMMANDS[command], "--labels", "LOC,LOCATION,NOPE"])

    assert (
        "entities: gold and prediction have no label in common; gold: LOC; predicted: LOCATION; a"
        " label map that would fit: --label-map LOCATION=LOC" in result.stdout
    )
    assert "labels named in --labels or --label-map that occur nowhere: NOPE" in result.stdout


def test_curves_take_zones_and_missing_as_scores_do():
    gold = Corpus(
        [Document("a", "Ann Bo", [Entity("PER", 0, 3)]), Document("b", "Cy", [Entity("PER", 0, 2)])]
    )
    predicted = Corpus([Document("a", "Ann Bo", [Entity("PER", 0, 3, score=0.5)])])

    curve = curves(gold, predicted, missing="empty").curves[-1]

    assert (curve.gold, curve.average_precision) == (2, 0.5)
    with pytest.raises(InputError, match="lacks document 'b'"):
        curves(gold, predicted)
    with pytest.raises(InputError, match="unknown option 'boot' in 'curves'"):
        curves(gold, predicted, boot=5)


# --- confusion ---


@pytest.mark.parametrize("layer", ["entities", "tokens", "realis", "attributions"])
def test_confusion_of_a_layer_that_was_not_scored_is_made_or_refused_in_words(layer):
    scores = score(EVENTS, EVENTS, "tri-c", boot=0)

    if layer == "attributions":
        with pytest.raises(
            InputError, match="attributions/strict: corpus has no attributions in any document"
        ):
            scores.confusion(layer)
    else:
        assert (
            {one for one, other in scores.confusion(layer) if one == other}
            == {one for one, _ in scores.confusion(layer)}
            != set()
        )
