"""Adjudication in brat and Label Studio, there and back."""

import json
import random
from collections import Counter

import msgspec
import pytest
from helpers import adjudication_oracle as oracle
from helpers.random_annotators import make_annotators

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Relation,
    Span,
    adjudicate,
    load_corpus,
)
from evalkit.data.document import LAYERS
from evalkit.evaluation.adjudication_tools import TOOLS, add_prefixes
from evalkit.evaluation.inferred_decisions import infer_report
from evalkit.formats.registry import parse_location

NAMES = ("a", "b", "c")
replace = msgspec.structs.replace


def content(document, layer):
    """The annotations of a layer without ids and references, as a multiset."""
    if layer != "relations":
        return Counter(oracle.content_of(layer, each) for each in getattr(document, layer) or ())
    places = {}
    for name in ("entities", "events"):
        for each in getattr(document, name) or ():
            places[each.id] = (name, oracle.place_of(name, each))
    return Counter((r.label, places[r.head], places[r.tail]) for r in document.relations or ())


def representable(document):
    """The document as brat can hold it: no annotation twice, none without trigger or cue."""
    layers = {}
    for layer in LAYERS:
        kept = []
        for annotation in getattr(document, layer):
            anchor = {"events": "trigger", "attributions": "cue"}.get(layer)
            if anchor is not None and getattr(annotation, anchor) is None:
                continue
            kept.append(annotation)
        layers[layer] = tuple(kept)
    kept_ids = {each.id for layer in LAYERS for each in layers[layer]}
    layers["events"] = tuple(
        replace(
            event,
            arguments=tuple(
                replace(a, ref=a.ref if a.ref in kept_ids else None) for a in event.arguments
            ),
        )
        for event in layers["events"]
    )
    layers["attributions"] = tuple(
        replace(each, parent=each.parent if each.parent in kept_ids else None)
        for each in layers["attributions"]
    )
    return replace(document, **layers)


def drop_repeats(annotators):
    """Documents in which nothing is repeated, since brat holds each annotation once."""
    result = {}
    for name, documents in annotators.items():
        result[name] = []
        for document in documents:
            own = representable(document)
            layers = {}
            for layer in ("entities", "events", "attributions"):
                seen, kept = set(), []
                for each in getattr(own, layer):
                    annotation = each
                    if layer == "events":
                        annotation = replace(each, arguments=distinct(each.arguments))
                    key = oracle.content_of(layer, annotation)
                    if key not in seen:
                        seen.add(key)
                        kept.append(annotation)
                layers[layer] = tuple(kept)
            ids = {each.id for kept in layers.values() for each in kept}
            layers["events"] = tuple(
                replace(
                    e,
                    arguments=tuple(
                        replace(a, ref=a.ref if a.ref in ids else None) for a in e.arguments
                    ),
                )
                for e in layers["events"]
            )
            layers["attributions"] = tuple(
                replace(x, parent=x.parent if x.parent in ids else None)
                for x in layers["attributions"]
            )
            seen, relations = set(), []
            for relation in own.relations:
                key = (relation.label, relation.head, relation.tail)
                if relation.head in ids and relation.tail in ids and key not in seen:
                    seen.add(key)
                    relations.append(relation)
            result[name].append(replace(own, **layers, relations=tuple(relations)))
    return result


def distinct(arguments):
    kept = {}
    for argument in arguments:
        kept.setdefault((argument.role, oracle.ranges(argument)), argument)
    return tuple(kept.values())


@pytest.mark.parametrize("seed", range(40))
def test_the_annotations_of_each_annotator_come_back_from_brat(seed, tmp_path):
    annotators = drop_repeats(make_annotators(seed, documents=5))
    adjudication = adjudicate(**annotators)
    target = f"brat:{tmp_path / 'todo'}"
    TOOLS["brat"].save(adjudication, parse_location(target))

    for name in NAMES:
        gold = TOOLS["brat"].load(target, undecided=name).apply(undecided=name).corpus
        for own in annotators[name]:
            for layer in LAYERS:
                assert content(gold[own.id], layer) == content(own, layer), (name, own.id, layer)
            lines = adjudicate(gold=[gold[own.id]], own=[own]).lines
            assert lines == (), (name, own.id)


@pytest.mark.parametrize("seed", range(20))
def test_agreed_items_have_no_prefix_in_brat(seed):
    annotators = drop_repeats(make_annotators(seed, documents=3))
    adjudication = adjudicate(**annotators)

    corpus = add_prefixes(adjudication)

    for n, document in enumerate(corpus):
        documents = {name: own[n] for name, own in annotators.items()}
        agreed, _ = oracle.split(documents, "entities")
        plain = [e for e in document.entities if e.label[:2] not in ("a.", "b.", "c.")]
        assert len(plain) == len(agreed)


def select_plainly(document):
    """The document as Label Studio can hold it."""
    entities = tuple(
        Entity(e.label, e.start, e.end, e.id) for e in document.entities if not e.fragments
    )
    ids = {entity.id for entity in entities}
    relations = tuple(r for r in document.relations if r.head in ids and r.tail in ids)
    return Document(document.id, document.text, entities, relations=relations)


@pytest.mark.parametrize("seed", range(40))
def test_the_annotations_of_each_annotator_come_back_from_label_studio(seed, tmp_path):
    annotators = make_annotators(seed, documents=5)
    target = f"labelstudio:{tmp_path / 'todo.json'}"
    TOOLS["labelstudio"].save(adjudicate(**annotators), parse_location(target))
    draw = random.Random(seed)
    tasks = json.loads((tmp_path / "todo.json").read_text(encoding="utf-8"))
    decisions = {}
    for task in tasks:
        settled = task["annotations"][-1]
        id = task["data"]["document_id"]
        assert len(task["annotations"]) == 4
        draw.shuffle(task["annotations"])
        if settled["ground_truth"]:
            continue
        decisions[id] = draw.choice([*NAMES, None])
        for annotation in task["annotations"]:
            notes = {item["meta"]["text"][0] for item in annotation["result"] if "meta" in item}
            if notes == {decisions[id]}:
                annotation["ground_truth"] = True
    (tmp_path / "todo.json").write_text(json.dumps(tasks), encoding="utf-8")

    for name in NAMES:
        gold = TOOLS["labelstudio"].load(target, undecided=name).apply(undecided=name).corpus
        for n, document in enumerate(gold):
            who = decisions.get(document.id) or name
            own = select_plainly(annotators[who][n])
            if not own.entities:
                continue  # an annotation of no region has no note, and was not marked above
            for layer in ("entities", "relations"):
                assert content(document, layer) == content(own, layer), (who, document.id)


TEXT = "Ann Lee of Rovers met Bo."


def make_two():
    works = Relation("works-for", "x", "y")
    meets = Event("Meet", Span(18, 21), (Argument("Who", 0, 7, ref="x"),), "e")
    says = Attribution(Span(18, 21), Span(22, 24), label="fact", id="q")
    a = Document(
        "d",
        TEXT,
        (Entity("PER", 0, 7, "x"), Entity("ORG", 11, 17, "y")),
        (meets,),
        (says,),
        relations=(works,),
    )
    b = replace(
        a,
        entities=(Entity("LOC", 0, 7, "x"), Entity("ORG", 11, 17, "y")),
        attributions=(replace(says, label="belief"),),
    )
    return a, b


def test_items_that_refer_to_an_undecided_one_have_a_prefix_too():
    a, b = make_two()
    (document,) = add_prefixes(adjudicate(a=[a], b=[b]))

    assert [e.label for e in document.entities] == ["b.LOC", "a.PER", "ORG"]
    assert sorted(r.label for r in document.relations) == ["a.works-for", "b.works-for"]
    assert sorted(e.label for e in document.events) == ["a.Meet", "b.Meet"]
    assert sorted(x.label for x in document.attributions) == ["a.fact", "b.belief"]


def decide_in_brat(folder, kept):
    """Remove the prefix of an annotator, and the annotations of others."""
    source = f"brat:{folder}"
    (document,) = load_corpus(source, predictions=True)
    layers = {}
    for layer in LAYERS:
        layers[layer] = tuple(
            replace(x, label=x.label.removeprefix(f"{kept}."))
            for x in getattr(document, layer)
            if x.label[:2] not in ({"a.", "b."} - {f"{kept}."})
        )
    Corpus([replace(document, **layers)]).save(source)


@pytest.mark.parametrize("kept", ["a", "b"])
def test_what_people_leave_in_brat_is_gold(tmp_path, kept):
    a, b = make_two()
    folder = tmp_path / "todo"
    TOOLS["brat"].save(adjudicate(a=[a], b=[b]), parse_location(f"brat:{folder}"))

    with pytest.raises(InputError) as error:
        TOOLS["brat"].load(f"brat:{folder}")
    assert "8 annotations with the prefix of an annotator" in str(error.value)
    assert "d T2 'a.PER'" in str(error.value)
    decide_in_brat(folder, kept)
    gold = TOOLS["brat"].load(f"brat:{folder}").apply().corpus[0]

    for layer in LAYERS:
        assert content(gold, layer) == content({"a": a, "b": b}[kept], layer)
    assert gold.events[0].arguments[0].ref == "T1"


def test_a_brat_folder_with_decisions_is_not_overwritten(tmp_path):
    a, b = make_two()
    location = parse_location(f"brat:{tmp_path / 'todo'}")
    TOOLS["brat"].save(adjudicate(a=[a], b=[b]), location)

    with pytest.raises(InputError, match="holds an adjudication, which would be overwritten"):
        TOOLS["brat"].save(adjudicate(a=[a], b=[b]), location)


def test_decisions_that_there_are_go_into_both_tools(tmp_path):
    a, b = make_two()
    adjudication = adjudicate(a=[a], b=[b])
    lines = [replace(line, decision="b") for line in adjudication.lines]
    decided = adjudicate(a=[a], b=[b], previous=lines)

    (document,) = add_prefixes(decided)
    assert [e.label for e in document.entities] == ["LOC", "ORG"]
    source = f"labelstudio:{tmp_path / 'todo.json'}"
    losses = TOOLS["labelstudio"].save(decided, parse_location(source))
    gold = TOOLS["labelstudio"].load(source).apply().corpus[0]
    assert [e.label for e in gold.entities] == ["LOC", "ORG"]
    assert len(gold.relations) == 1
    assert losses.dropped["decisions about what Label Studio cannot hold"] == 1
    assert (losses.dropped["events"], losses.dropped["attributions"]) == (2, 2)


def test_a_task_without_ground_truth_is_undecided(tmp_path):
    a, b = make_two()
    source = f"labelstudio:{tmp_path / 'todo.json'}"
    TOOLS["labelstudio"].save(adjudicate(a=[a], b=[b]), parse_location(source))

    with pytest.raises(InputError, match="1 task without an annotation that is marked"):
        TOOLS["labelstudio"].load(source)
    adjudication = TOOLS["labelstudio"].load(source, undecided="a")
    assert [line.kind for line in adjudication.lines] == ["label"]


def test_several_ground_truths_and_files_of_others_are_refused(tmp_path):
    a, b = make_two()
    path = tmp_path / "todo.json"
    source = f"labelstudio:{path}"
    TOOLS["labelstudio"].save(adjudicate(a=[a], b=[b]), parse_location(source))
    with pytest.raises(InputError, match="exists, and may hold decisions"):
        TOOLS["labelstudio"].save(adjudicate(a=[a], b=[b]), parse_location(source))
    tasks = json.loads(path.read_text())
    for annotation in tasks[0]["annotations"]:
        annotation["ground_truth"] = True
    path.write_text(json.dumps(tasks))
    with pytest.raises(InputError, match=r"todo.json:1: 3 annotations are marked as ground truth"):
        TOOLS["labelstudio"].load(source)
    Corpus([a]).save(f"labelstudio:{tmp_path / 'other.json'}")
    with pytest.raises(InputError, match="no evalkit_annotators in the data"):
        TOOLS["labelstudio"].load(f"labelstudio:{tmp_path / 'other.json'}")


def test_a_name_that_cannot_be_a_prefix_is_refused():
    a, b = make_two()
    with pytest.raises(InputError, match="it stands before labels"):
        add_prefixes(adjudicate(**{"a b": [a], "b": [b]}))


@pytest.mark.parametrize("layer", ["entities", "attributions", "relations"])
def test_labels_that_begin_like_a_prefix_are_refused(layer):
    a, b = make_two()
    first, *others = getattr(b, layer)
    b = replace(b, **{layer: (replace(first, label="a.x"), *others)})

    with pytest.raises(InputError, match=r"document 'd': the label 'a.x' begins with the name of"):
        add_prefixes(adjudicate(a=[a], b=[b]))
    add_prefixes(adjudicate(c=[a], b=[b]))


def test_the_decisions_of_a_tool_are_found_in_its_gold():
    a = Document("d", TEXT, (Entity("PER", 0, 7), Entity("ORG", 11, 17), Entity("PER", 22, 24)))
    b = Document("d", TEXT, (Entity("LOC", 0, 7), Entity("ORG", 11, 17)))
    corpora = {"a": Corpus([a]), "b": Corpus([b])}
    for chosen, decisions in (
        (a.entities, ["a", "a"]),
        (b.entities, ["b", "none"]),
        ((*a.entities, Entity("LOC", 0, 7)), ["all", "a"]),
        ((Entity("PER", 0, 3), *b.entities[1:]), ["other items", "none"]),
        ((b.entities[0], Entity("FAC", 11, 17)), ["b", "none", "override"]),
    ):
        gold = Corpus([Document("d", TEXT, tuple(chosen))])

        for format in ("brat", "labelstudio"):
            report = infer_report(corpora, gold, format)

            found = ["override" if d.line.kind == "override" else d.name for d in report.decisions]
            assert found == decisions, (format, chosen)


@pytest.mark.parametrize("seed", range(10))
def test_mixed_decisions_are_found_again(seed):
    annotators = drop_repeats(make_annotators(seed, documents=4))
    corpora = {name: Corpus(documents) for name, documents in annotators.items()}
    adjudication = adjudicate(**corpora)
    draw = random.Random(seed)
    lines = [replace(line, decision=draw.choice(NAMES)) for line in adjudication.lines]
    result = adjudication.apply(lines)

    report = infer_report(corpora, result.corpus, "brat")

    layers = {"entities", "attributions"}
    chosen = {d.line.id: d for d in result.report.decisions if d.line.layer in layers}
    found = {d.line.id: d for d in report.decisions if d.line.layer in layers}
    assert found.keys() == chosen.keys()
    for id, decided in chosen.items():
        plain = [Counter(map(describe_plainly, each.gold)) for each in (decided, found[id])]
        assert plain[0] == plain[1]


def describe_plainly(item):
    """An item of a line without references and ids."""
    fields = {k: v for k, v in item.items() if k != "parent"}
    fields["attributes"] = {
        k: v for k, v in (item.get("attributes") or {}).items() if k != "entity"
    }
    return json.dumps(fields, sort_keys=True)
