"""scripts/gold on a small corpus and on the bundled one: gold = what both passes have + decisions."""  # noqa: E501

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit import load_corpus, score
from evalkit.corpus import bundled_path
from evalkit.data.schema import VALUE_LABELS, schema_errors

SCRIPT = Path(__file__).parent.parent / "scripts/gold"
TEXT = "Rovers hired Ann Lee in Cork. Lee said that Rovers paid her."
GUIDELINES = "- **N1 Names.**\n- **A2 Dependents.**\n| R7: a case | decision |\n"


def span(surface, nth=0):
    start = -1
    for _ in range(nth + 1):
        start = TEXT.index(surface, start + 1)
    return {"start": start, "end": start + len(surface), "text": surface}


def pair(surface, nth=0):
    return [span(surface, nth)["start"], span(surface, nth)["end"]]


def entity(id, label, surface, referent, nth=0):
    return (
        {"doc": "d", "id": id, "label": label}
        | span(surface, nth)
        | {"attributes": {"entity": referent}}
    )


def hiring(*arguments, **fields):
    return {
        "doc": "d",
        "id": "x",
        "label": "Hire",
        "trigger": span("hired"),
        "arguments": list(arguments),
        "realis": "ACTUAL",
    } | fields


def argument(role, surface, ref):
    return {"role": role} | span(surface) | {"ref": ref}


SAYING = {
    "doc": "d",
    "id": "q",
    "label": "assertion",
    "source": span("Lee", 1),
    "cue": span("said"),
    "content": span("that Rovers paid her"),
    "parent": None,
}
A = {
    "entities": [
        entity("T1", "ORG", "Rovers", "rovers"),
        entity("T2", "PERSON", "Ann Lee", "lee"),
        entity("T3", "GPE", "Cork", "cork"),
        entity("T4", "PERSON", "Lee", "lee", 1),
        entity("T5", "ORG", "Rovers", "rovers", 1),
    ],
    "events": [hiring(argument("Employer", "Rovers", "T1"), argument("Person", "Ann Lee", "T2"))],
    "attributions": [SAYING],
}
B = {  # the same in another order, under other ids
    "entities": [
        entity("m9", "ORG", "Rovers", "club", 1),
        entity("m8", "PERSON", "Lee", "x", 1),
        entity("m7", "GPE", "Cork", "y"),
        entity("m6", "PERSON", "Ann Lee", "x"),
        entity("m5", "ORG", "Rovers", "club"),
    ],
    "events": [hiring(argument("Person", "Ann Lee", "m6"), argument("Employer", "Rovers", "m5"))],
    "attributions": [SAYING | {"id": "q7", "source_name": None}],
}


@pytest.fixture
def annotations(tmp_path):
    """A function that writes both passes and decisions, and returns the folder of annotations."""

    def write(a=A, b=B, decisions=()):
        folder = tmp_path / "annotations"
        files = {
            f"passes/{side}/{layer}": lines
            for side, of in (("a", a), ("b", b))
            for layer, lines in of.items()
        }
        for name, lines in (files | {"decisions": decisions}).items():
            path = folder / f"{name}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        (folder / "GUIDELINES.md").write_text(GUIDELINES, encoding="utf-8")
        (folder / "schema.json").write_text(
            json.dumps(
                {"events": {"Hire": {"roles": {"Person": "", "Employer": "", "Place": ""}}}}
            ),
            encoding="utf-8",
        )
        (tmp_path / "corpus").mkdir(exist_ok=True)
        (tmp_path / "corpus/d.txt").write_text(TEXT, encoding="utf-8")
        row = {"id": "d", "file": "d.txt", "sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
        (tmp_path / "corpus/corpus.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        return folder

    return write


def run(folder, *options):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )


def todo(folder):
    done = run(folder, "--todo")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def changed(of, layer, *lines):
    return of | {layer: list(lines)}


def decided(decision, *gold, rule="A2", **changes):
    return decision | {"gold": list(gold), "rule": rule, "reason": "the rule says so"} | changes


def test_passes_that_differ_in_ids_and_order_alone_agree(annotations):
    folder = annotations()

    assert todo(folder) == []
    assert run(folder).returncode == 0
    gold = load_corpus(folder.parent)[0]
    assert [(e.id, e.attributes["entity"]) for e in gold.entities] == [
        ("T1", "T1"),
        ("T2", "T2"),
        ("T3", "T3"),
        ("T4", "T2"),
        ("T5", "T1"),
    ]
    assert [(a.role, a.ref) for a in gold.events[0].arguments] == [
        ("Person", "T2"),
        ("Employer", "T1"),
    ]
    assert [(a.id, a.parent) for a in gold.attributions] == [("A1", None)]


def test_the_stored_gold_is_checked_line_by_line(annotations):
    folder = annotations()
    run(folder)

    assert run(folder, "--check").returncode == 0
    path = folder / "entities.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"GPE"', '"LOC"'), encoding="utf-8")
    done = run(folder, "--check")
    assert (
        done.returncode,
        done.stdout.startswith(f"{path}:3: differs from passes and decisions: expected "),
    ) == (1, True)
    path.unlink()
    assert run(folder, "--check").stdout.startswith(f"{path}:1: differs")


@pytest.mark.parametrize(
    ("layer", "b"),
    [
        (
            "entities",
            changed(
                B,
                "entities",
                *B["entities"][:2],
                entity("m7", "LOC", "Cork", "y"),
                *B["entities"][3:],
            ),
        ),
        (
            "entities",
            changed(
                B,
                "entities",
                *B["entities"][:1],
                entity("m8", "PERSON", "Lee", "z", 1),
                *B["entities"][2:],
            ),
        ),
        (
            "events",
            changed(
                B,
                "events",
                hiring(argument("Person", "Ann Lee", "m6"), argument("Employer", "Rovers", None)),
            ),
        ),
        (
            "events",
            changed(
                B,
                "events",
                hiring(argument("Person", "Ann Lee", "m6"), argument("Employer", "Rovers", "m9")),
            ),
        ),
        ("events", changed(B, "events", B["events"][0] | {"realis": "OTHER"})),
        ("events", changed(B, "events", B["events"][0] | {"attributes": {"unsure": True}})),
        ("events", changed(B, "events")),
        ("attributions", changed(B, "attributions", SAYING | {"source": None})),
        ("attributions", changed(B, "attributions", SAYING | {"source_name": span("Lee", 1)})),
        ("attributions", changed(B, "attributions", SAYING | {"label": "belief"})),
    ],
)
def test_a_difference_in_any_field_is_a_cluster_that_needs_a_decision(annotations, layer, b):
    folder = annotations(b=b)

    (cluster,) = todo(folder)
    assert (cluster["layer"], cluster["kind"], cluster["gold"]) == (layer, "disagreement", None)
    assert cluster["a"] != cluster["b"]
    for mode in ((), ("--check",)):
        done = run(folder, *mode)
        assert (done.returncode, done.stderr) == (
            2,
            f"{folder}: 1 clusters of disagreement without a decision; see --todo\n",
        )
    assert not (folder / "entities.jsonl").exists()


def test_a_missing_first_mention_is_one_cluster_and_not_one_for_each_later_mention(annotations):
    (cluster,) = todo(
        annotations(
            b=changed(B, "entities", *B["entities"][:-1])
            | {"events": [hiring(argument("Person", "Ann Lee", "m6"))]}
        )
    )[:1]

    assert (cluster["layer"], [item["text"] for item in cluster["a"]], cluster["b"]) == (
        "entities",
        ["Rovers"],
        [],
    )


def test_overlapping_items_are_one_cluster_and_touching_ones_two(annotations):
    a = changed(
        A,
        "entities",
        *A["entities"],
        entity("T6", "PERSON", "Ann Lee in", "o"),
        entity("T7", "ORG", " Cork.", "p"),
    )
    b = changed(B, "entities", *B["entities"], entity("m1", "GPE", "in", "q"))
    clusters = todo(annotations(a=a, b=b))

    assert [(c["start"], c["end"], len(c["a"]), len(c["b"])) for c in clusters] == [
        (*pair("Ann Lee in"), 1, 1),
        (*pair(" Cork."), 1, 0),
    ]
    assert [c["id"] for c in clusters] == ["D1", "D2"]


def test_a_decision_replaces_the_items_of_its_cluster(annotations):
    b = changed(B, "events", hiring(argument("Person", "Ann Lee", "m6")))
    (cluster,) = todo(annotations(b=b))
    gold = {
        "label": "Hire",
        "trigger": span("hired"),
        "arguments": [{"role": "Place"} | span("Cork") | {"ref": pair("Cork")}],
        "realis": "OTHER",
    }
    folder = annotations(b=b, decisions=[decided(cluster, gold)])

    assert (todo(folder), run(folder).returncode, run(folder, "--check").returncode) == ([], 0, 0)
    (event,) = load_corpus(folder.parent)[0].events
    assert (event.realis, [(a.role, a.ref) for a in event.arguments]) == (
        "OTHER",
        [("Place", "T3")],
    )


def test_a_decision_can_leave_nothing(annotations):
    b = changed(B, "events")
    (cluster,) = todo(annotations(b=b))
    folder = annotations(b=b, decisions=[decided(cluster)])

    assert (run(folder).returncode, load_corpus(folder.parent)[0].events) == (0, ())


def test_an_override_changes_adds_and_removes_agreed_items(annotations):
    place = {"layer": "entities", "document": "d", "kind": "override"}
    cork = {"label": "GPE"} | span("Cork") | {"attributes": {"entity": pair("Cork")}}
    her = (
        {"label": "PERSON"}
        | span("her")
        | {"attributes": {"entity": pair("Lee", 1), "unsure": True}}
    )
    change = decided(
        place | {"id": "D1", "start": cork["start"], "end": cork["end"], "a": [cork], "b": [cork]},
        cork | {"label": "LOC"},
        rule="N1",
    )
    add = decided(
        place | {"id": "D2", "start": her["start"], "end": her["end"], "a": [], "b": []},
        her,
        rule="N1, A2",
    )
    folder = annotations(decisions=[change, add])

    assert run(folder).returncode == 0
    found = load_corpus(folder.parent)[0].entities
    assert [(e.id, e.label, e.attributes["entity"]) for e in found[2:]] == [
        ("T3", "LOC", "T3"),
        ("T4", "PERSON", "T2"),
        ("T5", "ORG", "T1"),
        ("T6", "PERSON", "T2"),
    ]


def test_a_mention_joins_the_referent_that_a_decision_links_it_to(annotations):
    b = changed(
        B, "entities", *B["entities"][:1], entity("m8", "PERSON", "Lee", "z", 1), *B["entities"][2:]
    )
    (cluster,) = todo(annotations(b=b))
    apart = {"label": "PERSON"} | span("Lee", 1) | {"attributes": {"entity": pair("Lee", 1)}}
    for gold, referents in (
        (cluster["a"][0], ["T1", "T2", "T3", "T2", "T1"]),
        (apart, ["T1", "T2", "T3", "T4", "T1"]),
    ):
        folder = annotations(b=b, decisions=[decided(cluster, gold)])
        assert run(folder).returncode == 0
        assert [e.attributes["entity"] for e in load_corpus(folder.parent)[0].entities] == referents


def test_parents_are_compared_by_their_cue(annotations):
    inner = {
        "doc": "d",
        "id": "n",
        "label": "fact",
        "cue": span("paid"),
        "content": span("her"),
        "parent": "q",
    }
    a, b = (
        changed(A, "attributions", inner, SAYING),
        changed(B, "attributions", SAYING | {"id": "z"}, inner | {"id": "q", "parent": "z"}),
    )
    folder = annotations(a=a, b=b)

    assert (todo(folder), run(folder).returncode) == ([], 0)
    assert [(x.id, x.parent) for x in load_corpus(folder.parent)[0].attributions] == [
        ("A1", None),
        ("A2", "A1"),
    ]


LABELED = changed(
    B, "entities", *B["entities"][:2], entity("m7", "LOC", "Cork", "y"), *B["entities"][3:]
)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"a": []}, "a and b are not a cluster of disagreement of the passes; see --todo"),
        (
            {"kind": "override"},
            "a and b: an override repeats items that both passes have, the same on both sides",
        ),
        (
            {"kind": "guess"},
            "expected an unused id, a kind (disagreement, override), a rule and a reason",
        ),
        (
            {"reason": ""},
            "expected an unused id, a kind (disagreement, override), a rule and a reason",
        ),
        ({"rule": "N1, Q9"}, "rule: expected rule numbers of GUIDELINES.md, not 'N1, Q9'"),
        ({"gold": None}, "a, b and gold: expected lists of items"),
        ({"start": 0}, "start and end: expected those of the anchors together"),
        ({"layer": "tokens"}, "no document 'd' with a layer 'tokens'"),
        ({"document": "e"}, "no document 'e' with a layer 'entities'"),
        (
            {"note": ""},
            "expected the keys id, layer, document, start, end, kind, a, b, gold, rule, reason",
        ),
        (
            {"gold": [{"label": "GPE", "start": 0, "end": 4, "text": "Cork"}]},
            "text: 'Cork' is not at 0:4, where 'Rove' is",
        ),
        (
            {
                "gold": [
                    {"label": "ORG"} | span("Rovers") | {"attributes": {"entity": pair("Rovers")}}
                ]
            },
            "gold: holds an item that is in the gold already",
        ),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_with_its_line(annotations, changes, problem):
    (cluster,) = todo(annotations(b=LABELED))
    folder = annotations(b=LABELED, decisions=[decided(cluster, *cluster["a"]) | changes])
    done = run(folder)

    assert (done.returncode, done.stderr) == (2, f"{folder / 'decisions.jsonl'}:1: {problem}\n")


def test_a_decision_that_outlived_its_disagreement_is_refused(annotations):
    (cluster,) = todo(annotations(b=LABELED))
    folder = annotations(decisions=[decided(cluster, *cluster["a"])])

    assert "are not a cluster of disagreement" in run(folder, "--check").stderr


def test_a_pass_that_repeats_an_annotation_or_names_nothing_is_refused(annotations):
    assert (
        "passes/b/entities.jsonl:6: repeats another annotation"
        in run(
            annotations(b=changed(B, "entities", *B["entities"], B["entities"][0] | {"id": "m1"}))
        ).stderr
    )
    assert (
        "passes/b/events.jsonl:1: ref: no annotation 'T1'"
        in run(annotations(b=changed(B, "events", *A["events"]))).stderr
    )


def test_a_referred_entity_that_no_decision_keeps_is_named(annotations):
    cork = {"label": "ORG"} | span("Rovers") | {"attributes": {"entity": pair("Rovers")}}
    drop = decided(
        {
            "id": "D1",
            "layer": "entities",
            "document": "d",
            "kind": "override",
            "start": 0,
            "end": 6,
            "a": [cork],
            "b": [cork],
        }
    )
    done = run(annotations(decisions=[drop]))

    assert (done.returncode, done.stderr) == (
        2,
        "document d, E1: 0 entities at 0:6, where one is referred to\n",
    )


def test_decisions_beside_the_annotations_are_no_layer(annotations):
    folder = annotations(b=LABELED)
    (cluster,) = todo(folder)
    run(annotations(b=LABELED, decisions=[decided(cluster, *cluster["a"])]))

    assert load_corpus(folder.parent)[0].entities[2].label == "GPE"


# The bundled corpus

BUNDLED = bundled_path() / "annotations"
ARTICLE = load_corpus()[0]
DECISIONS = [
    json.loads(line)
    for line in (BUNDLED / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
]


def names():
    return [entity for entity in ARTICLE.entities if entity.label not in VALUE_LABELS]


def test_the_bundled_gold_follows_from_its_passes_and_decisions():
    done = run(BUNDLED, "--check")

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "the stored gold follows from passes and decisions\n",
        "",
    )


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
        if not any("unsure" in item.get("attributes", {}) for item in d["gold"])
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
        r"^\| (D\d+) \| (\w+) \|.*\| ([A-Z0-9, ]+) \| [^|]+ \|$", text, re.MULTILINE
    )

    assert listed == [(d["id"], d["kind"], d["rule"]) for d in DECISIONS]


def test_no_named_person_fills_a_role_of_an_event():
    people = {entity.id for entity in ARTICLE.entities if entity.label == "PERSON"}

    assert people
    assert [
        event.id
        for event in ARTICLE.events
        for argument in event.arguments
        if argument.ref in people
    ] == []
