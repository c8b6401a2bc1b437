"""The annotators of one file, by name, and reading the annotations of each."""

import json

import pytest

from evalkit import agreement, load_corpus
from evalkit.errors import InputError, UnknownNameError
from evalkit.formats import cas, labelstudio, prodigy

TEXT = "Ann met Bob"
ANN, BOB = (0, 3), (8, 11)


def region(start, end):
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": ["PER"]}
    return {"type": "labels", "from_name": "label", "to_name": "text", "value": value}


def write_tasks(path):
    """Two tasks by 1 and 2, who has an address, and one by 2 alone; 3 cancelled."""
    bea = {"id": 2, "email": "bea@example.org"}
    tasks = [
        {
            "id": 1,
            "data": {"text": TEXT},
            "annotations": [
                {"completed_by": {"id": 1}, "result": [region(*ANN), region(*BOB)]},
                {"completed_by": bea, "result": [region(*ANN)]},
                {"completed_by": {"id": 3}, "was_cancelled": True, "result": []},
            ],
        },
        {
            "id": 2,
            "data": {"text": TEXT},
            "annotations": [
                {"completed_by": bea, "result": [region(*BOB)]},
                {"completed_by": {"id": 1}, "result": [region(*BOB)]},
            ],
        },
        {
            "id": 3,
            "data": {"text": TEXT},
            "annotations": [{"completed_by": bea, "result": []}],
        },
    ]
    path.write_text(json.dumps(tasks))
    return path


def test_label_studio_lists_addresses_or_ids(tmp_path):
    path = write_tasks(tmp_path / "tasks.json")

    assert labelstudio.list_annotators(path) == ["1", "bea@example.org"]
    found = agreement(f"labelstudio:{path}")
    assert found.annotators == ["1", "bea@example.org"]
    # Two of three entities are equal; the third document has annotations of one of them.
    assert found["ner"].f1 == 2 * 2 / (3 + 2)
    assert [each.documents for each in found.result.annotators] == [2, 3]


def test_label_studio_json_min_lists_annotators(tmp_path):
    path = tmp_path / "min.json"
    label = [{"start": 0, "end": 3, "text": "Ann", "labels": ["PER"]}]
    rows = [{"id": 1, "text": TEXT, "label": label, "annotator": who} for who in (4, 7)]
    path.write_text(json.dumps(rows))

    assert labelstudio.list_annotators(path) == ["4", "7"]
    assert agreement(f"labelstudio:{path}")["ner"].f1 == 1


def test_models_of_label_studio_are_annotators_too(tmp_path):
    path = tmp_path / "predictions.json"
    predictions = [
        {"model_version": name, "result": [region(*ANN) | {"score": 0.5}]} for name in ("m1", "m2")
    ]
    path.write_text(json.dumps([{"data": {"text": TEXT}, "predictions": predictions}]))

    found = agreement(f"labelstudio:{path}?annotation_source=predictions")

    assert found.annotators == ["m1", "m2"]
    assert found.noun == "consistency"


def write_examples(path, names):
    lines = []
    for name in names:
        span = {"start": 0, "end": 3, "label": "PER"}
        lines.append({"text": TEXT, "spans": [span], "answer": "accept", "_session_id": name})
    lines.append({"text": TEXT, "spans": [], "answer": "reject", "_session_id": "news-cyd"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_prodigy_lists_sessions_without_the_name_of_the_data_set(tmp_path):
    path = write_examples(tmp_path / "p.jsonl", ["news-bob", "news-ann", "news-bob"])

    assert prodigy.list_annotators(path) == ["ann", "bob"]
    assert agreement(f"prodigy:{path}").annotators == ["ann", "bob"]
    other = write_examples(tmp_path / "o.jsonl", ["news-ann", "web-bob"])
    assert prodigy.list_annotators(other) == ["news-ann", "web-bob"]


CAS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<xmi:XMI xmlns:xmi="http://www.omg.org/XMI"'
    ' xmlns:cas="http:///uima/cas.ecore"'
    ' xmlns:ner="http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore"'
    ' xmlns:meta="http:///de/tudarmstadt/ukp/dkpro/core/api/metadata/type.ecore" xmi:version="2.0">'
    '<meta:DocumentMetaData xmi:id="2" sofa="1" begin="0" end="11" documentTitle="{title}"'
    ' documentId="{who}"/>'
    '<ner:NamedEntity xmi:id="3" sofa="1" begin="{start}" end="{end}" value="PER"/>'
    '<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text"'
    f' sofaString="{TEXT}"/>'
    '<cas:View sofa="1" members="2 3"/></xmi:XMI>'
)


def write_cas(folder, spans):
    """A file for each (document, annotator), as INCEpTION exports a project."""
    for (title, who), (start, end) in spans.items():
        path = folder / title / f"{who}.xmi"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(CAS.format(title=title, who=who, start=start, end=end))
    return folder


SPANS = {
    ("one.txt", "ann"): ANN,
    ("one.txt", "bob"): ANN,
    ("two.txt", "ann"): ANN,
    ("two.txt", "bob"): BOB,
    ("two.txt", "INITIAL_CAS"): BOB,
}


def test_cas_reads_the_files_of_an_annotator(tmp_path):
    folder = write_cas(tmp_path / "project", SPANS)

    corpus = load_corpus(f"cas:{folder}?annotator=bob")

    assert corpus.ids == ["one.txt", "two.txt"]
    assert [(e.start, e.end) for d in corpus for e in d.entities] == [ANN, BOB]
    assert corpus.conversion.skipped == {"files of other annotators": 3}
    assert corpus.name == "project[bob]"
    with pytest.raises(UnknownNameError, match="unknown annotator 'cyd'.*ann, bob"):
        load_corpus(f"cas:{folder}?annotator=cyd")


def test_cas_lists_annotators_but_not_the_unannotated_file(tmp_path):
    folder = write_cas(tmp_path / "project", SPANS)

    assert cas.list_annotators(folder) == ["ann", "bob"]
    found = agreement(f"cas:{folder}")
    assert found.annotators == ["ann", "bob"]
    assert found["ner"].f1 == 0.5


def test_one_file_must_have_several_annotators(tmp_path):
    path = write_examples(tmp_path / "p.jsonl", ["news-ann"])
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"id": "d", "text": TEXT, "entities": []}) + "\n")

    with pytest.raises(InputError, match="1 annotators: 'ann'; expected two or more"):
        agreement(f"prodigy:{path}")
    with pytest.raises(InputError, match="the format jsonl has one annotator: expected two"):
        agreement(str(gold))
    with pytest.raises(InputError, match="the annotations of one annotator"):
        agreement(f"prodigy:{path}?annotator=ann")
    with pytest.raises(InputError, match="leave out the name"):
        agreement(x=f"prodigy:{path}")
