"""Adjudication against plain loops, and its properties."""

import json
import random
from collections import Counter

import msgspec
import pytest
from helpers import adjudication_oracle as oracle
from helpers.random_annotators import make_annotators

from evalkit import Document, Entity, Event, InputError, LoadError, Relation, Span, adjudicate
from evalkit.data.document import LAYERS
from evalkit.evaluation.adjudication_files import load_adjudication, save_adjudication

NAMES = ("a", "b", "c")


def replace(line, **changes):
    return msgspec.structs.replace(line, **changes)


def content(document, layer):
    """The annotations of a layer without ids and what they refer to, as a multiset."""
    if layer != "relations":
        return Counter(oracle.content_of(layer, each) for each in getattr(document, layer) or ())
    places = {}
    for name in ("entities", "events"):
        for each in getattr(document, name) or ():
            places[each.id] = (name, oracle.place_of(name, each))
    return Counter((r.label, places[r.head], places[r.tail]) for r in document.relations or ())


def item_content(layer, item):
    """The same of an item of a line."""

    def ranges(span):
        if span is None:
            return None
        if "start" not in span:
            return ()
        return tuple(map(tuple, span.get("fragments", [(span["start"], span["end"])])))

    attributes = item.get("attributes", {})
    plain = tuple(sorted((k, repr(v)) for k, v in attributes.items() if k != "entity"))
    if layer == "entities":
        return item["label"], ranges(item), plain
    if layer == "events":
        arguments = sorted((a["role"], ranges(a)) for a in item.get("arguments", ()))
        trigger = ranges(item.get("trigger")) or ()
        return item["label"], trigger, item.get("realis"), plain, tuple(arguments)
    if layer == "attributions":
        parts = [ranges(item.get(name)) for name in ("cue", "content", "source")]
        return item.get("label"), *parts, plain
    sides = [item["head"], item["tail"]]
    return item["label"], *((s.get("layer", "entities"), ranges(s)) for s in sides)


@pytest.mark.parametrize(
    "seeds", [range(300), pytest.param(range(300, 10_000), marks=pytest.mark.slow)]
)
def test_agreed_items_and_clusters_are_those_of_plain_loops(seeds):
    for seed in seeds:
        annotators = make_annotators(seed)
        adjudication = adjudicate(**annotators)
        documents = {name: own[0] for name, own in annotators.items()}
        for layer in LAYERS:
            agreed, clusters = oracle.split(documents, layer)
            counts = adjudication.item_counts()[layer]
            lines = [line for line in adjudication.lines if line.layer == layer]
            sizes = sorted(tuple(len(line.options[name]) for name in NAMES) for line in lines)

            assert counts["agreed"] == len(agreed), (seed, layer)
            assert sizes == sorted(
                tuple(len(cluster[name]) for name in NAMES) for cluster in clusters
            ), (seed, layer)


@pytest.mark.parametrize("seed", range(100))
def test_gold_of_one_annotators_decisions_is_that_annotators_document(seed):
    annotators = make_annotators(seed)
    adjudication = adjudicate(**annotators)

    for name in NAMES:
        gold = adjudication.apply(undecided=name).corpus[0]
        own = annotators[name][0]
        for layer in LAYERS:
            assert content(gold, layer) == content(own, layer), (name, layer)
        assert adjudicate(gold=[gold], own=[own]).lines == (), name


def choose(draw, line):
    return draw.choice([*NAMES, "all", "none", None])


def expected_content(annotators, adjudication, decisions):
    """What gold has by document and layer: the agreed items and those of each decision."""
    expected = {}
    for n, document in enumerate(next(iter(annotators.values()))):
        for layer in LAYERS:
            own = content(annotators["a"][n], layer)
            for line in adjudication.lines:
                if line.document == document.id and line.layer == layer:
                    for item in line.options["a"]:
                        own[item_content(layer, item)] -= 1
            expected[document.id, layer] = own
    for line in adjudication.lines:
        decision = decisions[line.id]
        target = expected[line.document, line.layer]
        if isinstance(decision, list):
            chosen = [item_content(line.layer, item) for item in decision]
        elif decision == "all":
            most = Counter()
            for items in line.options.values():
                keys = Counter(json.dumps(item, sort_keys=True) for item in items)
                most |= keys
            chosen = [item_content(line.layer, json.loads(key)) for key in most.elements()]
        elif decision == "none":
            chosen = []
        else:
            chosen = [item_content(line.layer, item) for item in line.options[decision]]
        target.update(chosen)
    return {key: +counts for key, counts in expected.items()}


def make_decisions(draw, adjudication):
    decisions = {}
    for line in adjudication.lines:
        decision = draw.choice([*NAMES, "all", "none", "list"])
        if decision == "list":
            decision = [item for items in line.options.values() for item in items][::2]
        decisions[line.id] = decision
    return decisions


def assert_no_decision_is_lost(gold, expected, problems):
    lost = sum(int(line.split()[0]) for line in problems if "relations of annotations" in line)
    missing = 0
    for (id, layer), counts in expected.items():
        found = content(gold[id], layer)
        if layer == "relations":
            assert found <= counts
            missing += (counts - found).total()
        else:
            assert found == counts, (id, layer)
    assert missing == lost


@pytest.mark.parametrize("seed", range(20))
def test_no_decision_is_lost_through_a_file(seed, tmp_path):
    annotators = make_annotators(seed, documents=10)
    adjudication = adjudicate(**annotators)
    decisions = make_decisions(random.Random(seed), adjudication)
    save_adjudication(adjudication, tmp_path / "todo.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "todo.jsonl").read_text().splitlines()]
    decided = [line | {"decision": decisions[line["id"]]} for line in lines]
    random.Random(seed).shuffle(decided)
    (tmp_path / "todo.jsonl").write_text("".join(json.dumps(line) + "\n" for line in decided))

    result = load_adjudication(tmp_path / "todo.jsonl").apply(tmp_path / "todo.jsonl")

    expected = expected_content(annotators, adjudication, decisions)
    assert_no_decision_is_lost(result.corpus, expected, result.report.problems)
    assert len(result.report.decisions) == len(lines)
    in_memory = adjudication.apply(
        replace(line, decision=decisions[line.id]) for line in adjudication.lines
    )
    assert in_memory.corpus.documents == result.corpus.documents


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_annotators_documents_and_annotations_does_not_matter(seed):
    annotators = make_annotators(seed, documents=3)
    draw = random.Random(seed)
    shuffled = {}
    for name in draw.sample(NAMES, 3):
        own = []
        for document in annotators[name]:
            layers = {
                layer: tuple(draw.sample(items := getattr(document, layer), len(items)))
                for layer in LAYERS
            }
            own.append(msgspec.structs.replace(document, **layers))
        shuffled[name] = draw.sample(own, len(own))
    first, second = adjudicate(**annotators), adjudicate(**shuffled)

    assert {line.id: line for line in first.lines} == {line.id: line for line in second.lines}
    golds = []
    for each in (first, second):
        gold = each.apply(undecided="none").corpus
        golds.append({document.id: document for document in gold})
    assert golds[0] == golds[1]


TEXT = "Ann Lee of Rovers met Bo."


def document(*entities, **fields):
    return Document("d", TEXT, tuple(entities), **fields)


PER, ORG = Entity("PER", 0, 7), Entity("ORG", 11, 17)


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ([PER], [Entity("ORG", 0, 7)], "label"),
        ([PER], [Entity("PER", 0, 3)], "boundary"),
        ([PER], [Entity("ORG", 0, 3)], "label+boundary"),
        ([PER], [], "missed"),
        ([PER], [Entity("PER", 0, 7, attributes={"unsure": True})], "attributes"),
        ([PER], [Entity("PER", 0, 3), Entity("PER", 4, 7)], "several items"),
    ],
)
def test_a_line_names_what_the_annotators_differ_in(a, b, kind):
    (line,) = adjudicate(a=[document(*a)], b=[document(*b)]).lines

    assert (line.kind, line.layer, line.document, line.decision) == (kind, "entities", "d", None)
    assert line.text == TEXT[line.start : line.end]
    assert line.text in line.context


def test_stacked_items_are_compared_as_multisets():
    twice, once = document(PER, PER, ORG), document(PER, ORG)
    adjudication = adjudicate(a=[twice], b=[once])

    (line,) = adjudication.lines
    assert (len(line.options["a"]), line.options["b"]) == (1, [])
    assert adjudication.item_counts()["entities"]["agreed"] == 2
    assert len(adjudication.apply(undecided="a").corpus[0].entities) == 3


def test_a_disputed_label_does_not_make_the_relations_of_its_entity_disputed():
    relation = Relation("works-for", "x", "y")
    a = document(Entity("PER", 0, 7, "x"), Entity("ORG", 11, 17, "y"), relations=(relation,))
    b = document(
        Entity("LOC", 0, 7, "1"),
        Entity("ORG", 11, 17, "2"),
        relations=(Relation("works-for", "1", "2"),),
    )
    adjudication = adjudicate(a=[a], b=[b])

    assert [line.layer for line in adjudication.lines] == ["entities"]
    gold = adjudication.apply(undecided="b").corpus[0]
    assert [e.label for e in gold.entities] == ["LOC", "ORG"]
    assert [(r.head, r.tail) for r in gold.relations] == [("T1", "T2")]


def test_a_relation_whose_entity_was_decided_against_is_counted():
    relation = Relation("works-for", "x", "y")
    a = document(Entity("PER", 0, 7, "x"), Entity("ORG", 11, 17, "y"), relations=(relation,))
    b = document(Entity("LOC", 0, 7, "x"), Entity("ORG", 11, 17, "y"), relations=(relation,))

    result = adjudicate(a=[a], b=[b]).apply(undecided="none")

    assert result.corpus[0].relations == ()
    assert result.report.problems == (
        "1 relations of annotations that the gold does not have (document 'd', R1)",
    )


def test_ids_of_referents_do_not_matter():
    mentions = [(0, 7), (11, 17), (22, 24)]
    a = document(
        *(Entity("X", s, e, attributes={"entity": v}) for (s, e), v in zip(mentions, "ppq"))
    )
    b = document(
        *(Entity("X", s, e, attributes={"entity": v}) for (s, e), v in zip(mentions, "112"))
    )
    c = document(
        *(Entity("X", s, e, attributes={"entity": v}) for (s, e), v in zip(mentions, "rst"))
    )

    assert adjudicate(a=[a], b=[b]).lines == ()
    (line,) = adjudicate(a=[a], c=[c]).lines
    assert (line.text, line.kind) == ("Rovers", "attributes")
    gold = adjudicate(a=[a], c=[c]).apply(undecided="a").corpus[0]
    assert [e.attributes["entity"] for e in gold.entities] == ["T1", "T1", "T3"]


def test_a_layer_that_one_annotator_did_not_annotate_is_one_decision():
    a = document(PER, ORG, events=(Event("Meet", Span(18, 21)),))
    b = document(PER, ORG)
    adjudication = adjudicate(a=[a], b=[b])

    (line,) = adjudication.lines
    assert (line.kind, line.layer, line.options["b"]) == ("one annotator", "events", None)
    assert len(adjudication.apply(undecided="a").corpus[0].events) == 1
    assert adjudication.apply(undecided="none").corpus[0].events == ()
    with pytest.raises(InputError, match="decides nothing there"):
        adjudication.apply(undecided="b")
    with pytest.raises(LoadError, match="'b' did not annotate the events"):
        adjudication.apply([replace(line, decision="b")])


def test_documents_that_an_annotator_lacks_are_listed_and_decided():
    more = Document("e", TEXT, (PER,))
    adjudication = adjudicate(a=[document(PER), more], b=[document(PER)], c=[document(PER), more])

    assert adjudication.lacking == {"b": ("e",)}
    assert adjudication.lines == ()  # two annotators agree
    assert len(adjudication.apply().corpus) == 2
    alone = adjudicate(a=[document(PER), more], b=[document(PER)])
    assert [(line.document, line.kind) for line in alone.lines] == [("e", "one annotator")]


def test_undecided_lines_are_refused_and_named():
    adjudication = adjudicate(a=[document(PER)], b=[document(ORG)])

    with pytest.raises(InputError) as error:
        adjudication.apply()
    assert str(error.value).startswith("decisions: 2 lines have no decision: ")
    for line in adjudication.lines:
        assert line.id in str(error.value)


def test_a_decision_may_be_a_list_of_items_with_or_without_text():
    a = [document(PER)]
    adjudication = adjudicate(a=a, b=[document()])
    (line,) = adjudication.lines
    items = [
        {"label": "PER", "start": 0, "end": 3},
        {"label": "FAM", "start": 4, "end": 7, "text": "Lee"},
    ]

    gold = adjudication.apply([replace(line, decision=items)]).corpus[0]

    assert [(e.label, e.start, e.end, e.id) for e in gold.entities] == [
        ("PER", 0, 3, "T1"),
        ("FAM", 4, 7, "T2"),
    ]


@pytest.mark.parametrize(
    ("decision", "problem"),
    [
        ("A", "unknown decision 'A'; expected one of: a, b, all, none"),
        (
            [{"label": "PER", "start": 0, "end": 99}],
            "decision[0]: end: 99 is past the end of the text",
        ),
        (
            [{"label": "PER", "start": 0, "end": 3, "text": "Bo"}],
            "'Bo' is not the text at 0 to 3: 'Ann'",
        ),
        ([{"label": "", "start": 0, "end": 3}], "invalid label ''"),
        ([{"start": 0, "end": 3}], "missing required field `label`"),
        ([{"label": "PER", "start": 0, "end": 3, "id": "T9"}], "id: expected no ids and scores"),
        (
            [{"label": "PER", "start": 0, "end": 3, "attributes": {"entity": "T1"}}],
            "entity: Expected `object`, got `str`: expected the place of the annotation as",
        ),
        (
            [
                {
                    "label": "PER",
                    "start": 0,
                    "end": 3,
                    "attributes": {"entity": {"start": 0, "end": 99}},
                }
            ],
            "is past the end of the text",
        ),
    ],
)
def test_an_invalid_decision_is_refused_with_its_line(decision, problem, tmp_path):
    adjudication = adjudicate(a=[document(PER)], b=[document()])
    save_adjudication(adjudication, tmp_path / "todo.jsonl")
    (line,) = map(json.loads, (tmp_path / "todo.jsonl").read_text().splitlines())
    (tmp_path / "todo.jsonl").write_text(json.dumps(line | {"decision": decision}) + "\n")

    with pytest.raises(LoadError) as error:
        adjudication.apply(tmp_path / "todo.jsonl")

    assert str(error.value).startswith(f"{tmp_path / 'todo.jsonl'}:1: line '{line['id']}': ")
    assert problem in str(error.value)


def test_changed_options_are_refused():
    adjudication = adjudicate(a=[document(PER)], b=[document()])
    (line,) = adjudication.lines

    with pytest.raises(LoadError, match="options differ from the annotations"):
        adjudication.apply([replace(line, options={"a": [], "b": []}, decision="a")])


def test_earlier_decisions_are_reused_and_stale_ones_are_listed():
    before = adjudicate(a=[document(PER, ORG)], b=[document()])
    decided = [replace(line, decision="a", note=line.text) for line in before.lines]

    after = adjudicate(a=[document(PER, ORG)], b=[document(Entity("LOC", 0, 7))], previous=decided)

    assert [(line.text, line.decision, line.note) for line in after.lines] == [
        ("Ann Lee", None, ""),
        ("Rovers", "a", "Rovers"),
    ]
    assert [line.note for line in after.stale] == ["Ann Lee"]
    with pytest.raises(InputError, match="1 decision fits no cluster"):
        after.apply(decided)


def test_an_override_changes_what_everybody_agrees_on():
    agreed = {"label": "PER", "start": 0, "end": 7, "text": "Ann Lee"}
    adjudication = adjudicate(a=[document(PER)], b=[document(PER)])
    line = msgspec.convert(
        {
            "id": "o1",
            "document": "d",
            "layer": "entities",
            "start": 0,
            "end": 7,
            "kind": "override",
            "options": {"a": [agreed], "b": [agreed]},
            "decision": [agreed | {"label": "PERSON"}],
            "note": "N1",
        },
        type(adjudicate(a=[document(PER)], b=[document()]).lines[0]),
    )

    result = adjudication.apply([line])

    assert [e.label for e in result.corpus[0].entities] == ["PERSON"]
    assert result.report.count_decisions()["override"]["other items"] == 1
    again = adjudicate(a=[document(PER)], b=[document()], previous=[line])
    assert [stale.id for stale in again.stale] == ["o1"]  # b does not have the item any more
    with pytest.raises(InputError, match="fits no cluster"):
        again.apply([line], undecided="a")
    unequal = replace(line, options={"a": [agreed], "b": []})
    with pytest.raises(InputError, match="fits no cluster"):
        adjudication.apply([unequal])


@pytest.mark.parametrize(
    ("options", "rule", "decision"),
    [
        ({"a": [PER], "b": [PER], "c": []}, "majority", "a"),
        ({"a": [PER], "b": [], "c": []}, "majority", "none"),
        ({"a": [PER], "b": [Entity("X", 0, 7)], "c": [Entity("Y", 0, 7)]}, "majority", None),
        ({"a": [PER], "b": [Entity("PER", 0, 3)], "c": [Entity("PER", 0, 7)]}, "majority", "a"),
        ({"a": [PER], "b": []}, "majority", None),
        ({"a": [PER], "b": [Entity("PER", 0, 3)]}, "longest", "a"),
        ({"a": [PER], "b": [Entity("PER", 0, 3)]}, "shortest", "b"),
        ({"a": [Entity("PER", 4, 7)], "b": [Entity("PER", 3, 6)]}, "longest", None),
        ({"a": [PER], "b": [Entity("X", 0, 3)]}, "longest", None),
        ({"a": [PER], "b": []}, "longest", None),
    ],
)
def test_rules_decide_what_they_can(options, rule, decision):
    corpora = {name: [document(*items)] for name, items in options.items()}
    (line,) = adjudicate(**corpora, resolve=rule).lines

    assert line.decision == decision
    assert line.note == ("" if decision is None else f"automatic: {rule}")
    if decision is not None:
        report = adjudicate(**corpora).apply(resolve=rule).report
        assert report.count_sources() == {f"automatic: {rule}": 1}


def test_a_majority_of_items_that_nobody_chose_together_is_a_list():
    corpora = {
        "a": [document(PER, Entity("X", 0, 3))],
        "b": [document(PER)],
        "c": [document(Entity("X", 0, 3), Entity("Y", 0, 7))],
    }
    (line,) = adjudicate(**corpora, resolve="majority").lines
    assert line.decision == "a"
    corpora["a"][0] = document(PER, Entity("X", 0, 3), Entity("Z", 0, 7))
    (line,) = adjudicate(**corpora, resolve="majority").lines
    assert [item["label"] for item in line.decision] == ["PER", "X"] or [
        item["label"] for item in line.decision
    ] == ["X", "PER"]


def test_annotators_of_different_texts_are_refused():
    with pytest.raises(InputError, match="the texts of 1 documents differ"):
        adjudicate(a=[Document("d", "one", ())], b=[Document("d", "two", ())])


@pytest.mark.parametrize("name", ["all", "none", "majority", "error"])
def test_reserved_names_of_annotators_are_refused(name):
    with pytest.raises(InputError, match="have a meaning of their own"):
        adjudicate(**{name: [document()], "b": [document()]})


def test_one_annotator_is_refused():
    with pytest.raises(InputError, match="two or more annotators"):
        adjudicate(a=[document()])
