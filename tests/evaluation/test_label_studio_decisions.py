"""Decisions in Label Studio as people make them: regions are added, moved, relabeled, deleted and
pasted in any of the annotations, which are saved as Label Studio saves them.
"""

import json
import random
from collections import Counter

import pytest
from helpers.adjudication_oracle import count_gold
from helpers.quick import choose_quick
from helpers.random_annotators import TEXT, make_annotators

from evalkit import Corpus, Document, Entity, InputError, LoadError, adjudicate
from evalkit.evaluation.adjudication_tools import TOOLS
from evalkit.evaluation.inferred_decisions import infer_report
from evalkit.formats.registry import parse_location

NAMES = ("a", "b", "c")


def write_todo(annotators, folder):
    path = folder / "todo.json"
    TOOLS["labelstudio"].save(adjudicate(**annotators), parse_location(f"labelstudio:{path}"))
    return path, json.loads(path.read_text(encoding="utf-8"))


def load_gold(path, undecided="error"):
    adjudication = TOOLS["labelstudio"].load(f"labelstudio:{path}", undecided=undecided)
    return adjudication.apply(undecided=undecided).corpus


def make_region(draw, id):
    start = draw.randrange(len(TEXT) - 6)
    end = start + draw.choice([2, 4, 6])
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [draw.choice("ABN")]}
    return {
        "value": value,
        "id": id,
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "origin": "manual",
    }


def edit_regions(draw, annotation, others):
    """Change the regions of an annotation."""
    regions = [item for item in annotation["result"] if item["type"] == "labels"]
    relations = [item for item in annotation["result"] if item["type"] == "relation"]
    for region in list(regions):
        chance = draw.random()
        if chance < 0.15:
            regions.remove(region)
        elif chance < 0.3:
            region["value"]["labels"] = [draw.choice("ABN")]
        elif chance < 0.4:
            region["value"] = make_region(draw, region["id"])["value"]
    if draw.random() < 0.3:
        regions.append(make_region(draw, f"new{draw.random()}"))
    for other in others:
        for item in other["result"]:
            if item["type"] == "labels" and draw.random() < 0.15:
                regions.append(json.loads(json.dumps(item)) | {"id": f"copy{draw.random()}"})
    ids = [region["id"] for region in regions]
    relations = [r for r in relations if {r["from_id"], r["to_id"]} <= set(ids)]
    if len(ids) > 1 and draw.random() < 0.5:
        head, tail = draw.sample(ids, 2)
        new = {"from_id": head, "to_id": tail, "direction": draw.choice(["right", "left", "bi"])}
        relations.append(new | {"type": "relation", "labels": ["N"]})
    annotation["result"] = regions + relations
    save_as_label_studio(annotation)


def save_as_label_studio(annotation):
    """What Label Studio 1.x writes when an annotation is updated: relations without ids and notes,
    and its own fields.
    """
    for item in annotation["result"]:
        if item["type"] == "relation":
            for key in ("meta", "id"):
                item.pop(key, None)
    annotation |= {"completed_by": 1, "was_cancelled": False, "lead_time": 12.5, "id": 7}


def content_of_annotation(annotation):
    """The regions and relations of an annotation as multisets."""
    regions, relations, places = Counter(), Counter(), {}
    for item in annotation["result"]:
        if item["type"] == "labels":
            value = item["value"]
            places[item["id"]] = (value["labels"][0], value["start"], value["end"])
            regions[places[item["id"]]] += 1
    for item in annotation["result"]:
        if item["type"] == "relation":
            sides = [places[item["from_id"]], places[item["to_id"]]]
            if item["direction"] == "left":
                sides.reverse()
            relations[(item["labels"][0], *sides, item["direction"] == "bi")] += 1
    return regions, relations


def content_of(document):
    places = {e.id: (e.label, e.start, e.end) for e in document.entities}
    relations = Counter()
    for each in document.relations or ():
        is_mutual = (each.attributes or {}).get("direction") == "bi"
        relations[each.label, places[each.head], places[each.tail], is_mutual] += 1
    return Counter((e.label, e.start, e.end) for e in document.entities), relations


@pytest.mark.parametrize("seed", choose_quick(range(300), 20))
def test_gold_is_what_people_leave_in_label_studio(seed, tmp_path):
    draw = random.Random(seed)
    annotators = make_annotators(seed, documents=5)
    path, tasks = write_todo(annotators, tmp_path)
    expected = {}
    for task in tasks:
        # Some of the regions of an annotator still have the annotator's name.
        *own, settled = task["annotations"]
        by_name = dict(zip(NAMES, own))
        chosen = draw.choice([settled, settled, settled, *own, None])
        if chosen is None and not settled["ground_truth"]:
            for annotation in own:
                if annotation["result"] and draw.random() < 0.5:
                    regions = [i for i in annotation["result"] if i["type"] == "labels"]
                    extra = draw.randrange(2 * len(regions) + 1)
                    new = [make_region(draw, f"new{n}") for n in range(extra)]
                    annotation["result"] = regions[:] + new
                    save_as_label_studio(annotation)
            chosen = by_name["b"]
        elif chosen is None:
            chosen = settled
        else:
            settled["ground_truth"] = False
            edit_regions(draw, chosen, [each for each in own if each is not chosen])
            chosen["ground_truth"] = True
        expected[task["data"]["document_id"]] = content_of_annotation(chosen)
        draw.shuffle(task["annotations"])
    path.write_text(json.dumps(tasks), encoding="utf-8")

    gold = load_gold(path, undecided="b")

    assert set(expected) == {document.id for document in gold}
    for document in gold:
        assert content_of(document) == expected[document.id], document.id
    corpora = {name: Corpus(documents) for name, documents in annotators.items()}
    report = infer_report(corpora, gold, "labelstudio")
    for layer, count in report.gold_counts.items():
        assert count_gold(report, layer) == count


def make_two():
    a = Document("d", TEXT, (Entity("A", 0, 3), Entity("A", 12, 16)))
    b = Document("d", TEXT, (Entity("A", 0, 5), Entity("A", 12, 16)))
    return {"a": [a], "b": [b]}


def test_tasks_that_the_export_lacks_are_counted(tmp_path):
    annotators = {
        name: [Document(f"d{n}", TEXT, documents[0].entities) for n in range(3)]
        for name, documents in make_two().items()
    }
    path, tasks = write_todo(annotators, tmp_path)
    for task in tasks:
        task["annotations"][0]["ground_truth"] = True
    path.write_text(json.dumps(tasks[:2]), encoding="utf-8")

    adjudication = TOOLS["labelstudio"].load(f"labelstudio:{path}")

    skipped = adjudication.corpora["a"].conversion.skipped
    assert skipped["tasks that were written for adjudication, and are not in the export"] == 1
    assert [document.meta for document in adjudication.apply().corpus] == [None, None]


def test_an_annotation_that_was_deleted_is_missed_only_in_tasks_without_ground_truth(tmp_path):
    path, tasks = write_todo(make_two(), tmp_path)
    del tasks[0]["annotations"][0]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    with pytest.raises(LoadError, match=r"todo.json:1: no annotation of 'a', and none that is"):
        load_gold(path, undecided="a")
    tasks[0]["annotations"][0]["ground_truth"] = True
    path.write_text(json.dumps(tasks), encoding="utf-8")

    (gold,) = load_gold(path)

    assert [(e.start, e.end) for e in gold.entities] == [(0, 5), (12, 16)]


def test_an_annotator_without_regions_has_an_annotation_without_notes(tmp_path):
    a, b = Document("d", TEXT, ()), Document("d", TEXT, (Entity("A", 0, 3),))
    path, _ = write_todo({"a": [a], "b": [b]}, tmp_path)

    assert [len(load_gold(path, undecided=name)[0].entities) for name in "ab"] == [0, 1]


def test_an_annotation_with_more_new_regions_than_old_ones_keeps_its_annotator(tmp_path):
    a, b = Document("d", TEXT, (Entity("A", 0, 3),)), Document("d", TEXT, ())
    path, tasks = write_todo({"a": [a], "b": [b]}, tmp_path)
    edited = tasks[0]["annotations"][0]
    edited["result"] += [make_region(random.Random(0), f"new{n}") for n in range(2)]
    save_as_label_studio(edited)
    path.write_text(json.dumps(tasks), encoding="utf-8")

    assert [len(load_gold(path, undecided=name)[0].entities) for name in "ab"] == [3, 0]


def test_an_annotation_with_as_many_regions_of_another_annotator_is_not_taken_for_an_empty_one(
    tmp_path,
):
    a, b = (Document("d", TEXT, (Entity("A", 0, end),)) for end in (3, 5))
    path, tasks = write_todo({"a": [a], "b": [b]}, tmp_path)
    own, other, _ = (annotation["result"] for annotation in tasks[0]["annotations"])
    own.append({**other[0], "id": "pasted"})
    path.write_text(json.dumps(tasks), encoding="utf-8")

    with pytest.raises(LoadError, match="no annotation of 'a', and none that is marked"):
        load_gold(path, undecided="a")


def test_a_task_of_a_file_with_other_tasks_is_refused(tmp_path):
    path, tasks = write_todo(make_two(), tmp_path)
    other = tmp_path / "other.json"
    Corpus([Document("e", TEXT, (Entity("A", 0, 3),))]).save(f"labelstudio:{other}")
    tasks += json.loads(other.read_text(encoding="utf-8"))
    path.write_text(json.dumps(tasks), encoding="utf-8")

    with pytest.raises((InputError, LoadError), match="todo.json:1: no evalkit_annotators"):
        load_gold(path, undecided="a")
