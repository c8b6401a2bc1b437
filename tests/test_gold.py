"""The gold of the bundled corpus: what both passes have, and the decisions."""

import json
import re

from helpers.cli import run_evalkit

from evalkit import adjudicate, load_corpus, score
from evalkit.corpus import bundled_path
from evalkit.data.schema import VALUE_LABELS, schema_errors

BUNDLED = bundled_path() / "annotations"
ARTICLE = load_corpus()[0]
DECISIONS = [
    json.loads(line)
    for line in (BUNDLED / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
]


def chosen_items(line):
    """The items of a decision."""
    decision = line["decision"]
    return line["options"][decision] if isinstance(decision, str) else decision


def names():
    return [entity for entity in ARTICLE.entities if entity.label not in VALUE_LABELS]


def test_the_bundled_gold_follows_from_its_passes_and_decisions():
    adjudication = adjudicate(a=BUNDLED / "passes/a", b=BUNDLED / "passes/b")

    gold = adjudication.apply(BUNDLED / "decisions.jsonl").corpus

    assert gold.documents == load_corpus().documents
    assert gold.schema == load_corpus().schema


def test_the_command_makes_the_bundled_gold_again(tmp_path):
    passes = (BUNDLED / "passes/a", BUNDLED / "passes/b")
    decisions = BUNDLED / "decisions.jsonl"
    for output in ("gold.jsonl", "gold/"):
        done = run_evalkit(
            *("adjudicate", *passes, "--apply", decisions, "-o", output), cwd=tmp_path
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert load_corpus(tmp_path / output).documents == load_corpus().documents


def test_the_lines_of_the_bundled_decisions_are_those_of_the_command(tmp_path):
    run_evalkit(
        *("adjudicate", BUNDLED / "passes/a", BUNDLED / "passes/b", "-o", "todo.jsonl"),
        cwd=tmp_path,
    )
    lines = (tmp_path / "todo.jsonl").read_text(encoding="utf-8").splitlines()
    clusters = [line for line in DECISIONS if line["kind"] != "override"]

    assert [json.loads(line) | {"context": "", "decision": None, "note": ""} for line in lines] == [
        line | {"decision": None, "note": ""} for line in clusters
    ]
    assert all(line["decision"] is not None for line in DECISIONS)


def test_every_note_begins_with_rules_of_the_guidelines():
    guidelines = (BUNDLED / "GUIDELINES.md").read_text(encoding="utf-8")
    rules = set(re.findall(r"(?:\*\*|\| )([A-Z]\d+)\b", guidelines))

    for line in DECISIONS:
        named, colon, reason = line["note"].partition(": ")
        assert colon
        assert reason
        assert rules.issuperset(named.split(", "))


def test_gold_and_passes_are_valid_under_the_rules_on_references_and_coreference():
    for path in (BUNDLED.parent, BUNDLED / "passes/a", BUNDLED / "passes/b"):
        corpus = load_corpus(path)
        assert list(schema_errors(corpus[0], corpus.schema)) == []
        assert (corpus.schema.rules["references"], corpus.schema.rules["coreference"]) == (
            "entity-at-filler",
            "attribute-entity",
        )


def test_every_name_has_the_id_of_the_first_mention_of_its_referent_and_no_value_has_one():
    first_mentions = {}
    for entity in names():
        first_mentions.setdefault(entity.attributes["entity"], entity.id)

    assert len(names()) > len(first_mentions) > 30
    assert {referent: id for referent, id in first_mentions.items() if referent != id} == {}
    assert [
        entity
        for entity in ARTICLE.entities
        if entity.label in VALUE_LABELS and "entity" in (entity.attributes or {})
    ] == []


def test_every_reference_is_to_the_entity_that_the_filler_lies_in():
    entities = {entity.id: entity for entity in ARTICLE.entities}
    arguments = [argument for event in ARTICLE.events for argument in event.arguments]
    inside = [
        (a, [e.id for e in ARTICLE.entities if e.start <= a.start and a.end <= e.end])
        for a in arguments
    ]

    assert [
        (a.ref, held_by) for a, held_by in inside if ([a.ref] if a.ref else []) != held_by
    ] == []
    assert {entities[a.ref].label for a in arguments if a.role == "Time"} == {"DATE"}


def test_every_doubt_of_a_pass_stands_in_the_gold_unless_a_decision_settles_it():
    """Rule G7."""
    settled = {
        (d["layer"], d["start"])
        for d in DECISIONS
        if not any("unsure" in item.get("attributes", {}) for item in chosen_items(d))
    }
    doubts = {}
    for name, corpus in (
        ("gold", load_corpus()),
        ("a", load_corpus(BUNDLED / "passes/a")),
        ("b", load_corpus(BUNDLED / "passes/b")),
    ):
        article = corpus[0]
        marked = (
            [("entities", e.start, e) for e in article.entities]
            + [("events", e.trigger.start, e) for e in article.events]
            + [("attributions", a.cue.start, a) for a in article.attributions]
        )
        doubts[name] = {
            (layer, start)
            for layer, start, annotation in marked
            if "unsure" in (annotation.attributes or {})
        }

    assert doubts["a"] | doubts["b"]
    assert (doubts["a"] | doubts["b"]) - settled == doubts["gold"]


def test_the_agreement_in_the_adjudication_is_what_evalkit_computes():
    text = (BUNDLED / "adjudication.md").read_text(encoding="utf-8")
    command = re.search(
        r"`evalkit score annotations/passes/a annotations/passes/b --zones all --metrics (\S+)`",
        text,
    )[1]
    scores = score(
        load_corpus(BUNDLED / "passes/a"),
        load_corpus(BUNDLED / "passes/b"),
        command.split(","),
        zones="all",
        boot=0,
    )
    rows = re.findall(r"^\| [a-z() ,]+ \| (\d+) / (\d+) \| ([\d.]+) \|$", text, re.MULTILINE)

    assert rows == [
        (str(row.gold), str(row.predicted), f"{row.f1:.3f}")
        for row in (scores[metric].micro for metric in command.split(","))
    ]


def test_every_decision_is_listed_in_the_adjudication_with_its_rule():
    text = (BUNDLED / "adjudication.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\| D\d+ \| (\w+) \| (\w+) \|.*\| ([A-Z0-9, ]+) \| [^|]+ \|$", text, re.MULTILINE
    )

    assert listed == [(d["id"], d["kind"], d["note"].partition(":")[0]) for d in DECISIONS]


def test_no_named_person_fills_a_role_of_an_event():
    people = {entity.id for entity in ARTICLE.entities if entity.label == "PERSON"}

    assert people
    assert [
        event.id
        for event in ARTICLE.events
        for argument in event.arguments
        if argument.ref in people
    ] == []
