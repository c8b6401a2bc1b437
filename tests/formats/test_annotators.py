"""The annotators of one file, by name, and reading the annotations of each."""

import json

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, agreement, load_corpus
from evalkit.errors import InputError, UnknownNameError
from evalkit.formats import cas, labelstudio, prodigy, webanno

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


@pytest.mark.parametrize(
    ("sessions", "annotators"),
    [
        (["news-ann", "news-cy-lee"], ["ann", "cy-lee"]),
        (["big-news-ann", "big-news-bob"], ["ann", "bob"]),
        (["news-ann"], ["ann"]),
        (["ann", "bob"], ["ann", "bob"]),
        (["news-ann", "news-mary-ann"], ["news-ann", "news-mary-ann"]),
        (["news-", "news-bob"], ["news-", "news-bob"]),
    ],
)
def test_prodigy_lists_parts_of_sessions_that_fit_one_of_them(tmp_path, sessions, annotators):
    path = write_examples(tmp_path / "p.jsonl", sessions)

    assert prodigy.list_annotators(path) == annotators
    for name in annotators:
        corpus = load_corpus(f"prodigy:{path}?annotator={name}")
        assert len(corpus) == 1
        # Those of the other sessions, and one that was rejected
        assert corpus.conversion.skipped == {"examples of other annotators": len(sessions)}


def test_a_part_of_a_session_that_fits_two_is_refused(tmp_path):
    path = write_examples(tmp_path / "p.jsonl", ["news-ann", "news-mary-ann"])

    with pytest.raises(InputError, match="'ann' fits 'news-ann' and 'news-mary-ann': name one"):
        load_corpus(f"prodigy:{path}?annotator=ann")


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


TEXTS = ["Ada 😀 met Bo in Ulm.", "IBM hired Di.\nShe left.", "Nobody."]
MARKS = {
    "ann": [[(0, 3, "PER"), (10, 12, "PER"), (16, 19, "LOC")], [(0, 3, "ORG")], []],
    "ben": [[(0, 3, "PER"), (16, 19, "LOC")], [(0, 3, "PER"), (10, 12, "PER")], []],
    "cy": [[(0, 3, "ORG"), (10, 12, "PER"), (16, 19, "LOC")], None, []],
}


def write_label_studio(folder):
    """An export of Label Studio 1.x, with all of its own keys; cy skipped the second task."""
    tasks = []
    for n, text in enumerate(TEXTS):
        annotations = []
        for number, (name, marks) in enumerate(MARKS.items()):
            result = []
            for k, (start, end, label) in enumerate(marks[n] or ()):
                value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
                own = {"id": f"r{n}{name}{k}", "from_name": "label", "to_name": "text"}
                result.append(own | {"type": "labels", "origin": "manual", "value": value})
            annotations.append(
                {
                    "id": 10 * n + number,
                    "completed_by": {
                        "id": number,
                        "email": name,
                        "first_name": "",
                        "last_name": "",
                    },
                    "result": result,
                    "was_cancelled": marks[n] is None,
                    "ground_truth": False,
                    "created_at": "2024-01-01T00:00:00Z",
                    "updated_at": "2024-01-01T00:00:00Z",
                    "draft_created_at": None,
                    "lead_time": 2.5,
                    "prediction": {},
                    "result_count": len(result),
                    "unique_id": "x",
                    "import_id": None,
                    "last_action": None,
                    "bulk_created": False,
                    "task": n,
                    "project": 4,
                    "updated_by": 1,
                    "parent_prediction": None,
                    "parent_annotation": None,
                    "last_created_by": None,
                }
            )
        task = {"id": n, "annotations": annotations, "data": {"text": text}, "drafts": []}
        tasks.append(
            task | {"predictions": [], "inner_id": n, "total_annotations": 3, "project": 4}
        )
    (folder / "tasks.json").write_text(json.dumps(tasks))
    return "labelstudio:tasks.json"


def write_prodigy(folder):
    """Sessions of one data set, in the order in which they were saved; cy ignored a text."""
    lines = []
    for n, text in enumerate(TEXTS):
        for name, marks in MARKS.items():
            spans = [{"start": s, "end": e, "label": label} for s, e, label in marks[n] or ()]
            session = {"_annotator_id": f"news-{name}", "_session_id": f"news-{name}"}
            answer = "ignore" if marks[n] is None else "accept"
            own = {"_input_hash": 70 + n, "_task_hash": n, "_view_id": "ner_manual"}
            line = {"text": text, "spans": spans, "answer": answer, "_timestamp": 1}
            lines.append(json.dumps(line | own | session))
    (folder / "news.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    return "prodigy:news.jsonl"


def write_webanno(folder):
    """The folder `annotation` of a project of INCEpTION: a folder for each document."""
    for name, marks in MARKS.items():
        documents = []
        for n, text in enumerate(TEXTS):
            if marks[n] is not None:
                entities = tuple(Entity(label, start, end) for start, end, label in marks[n])
                documents.append(Document(f"d{n}", text, entities))
        Corpus(documents).save(f"webanno:{folder / name}")
        for file in (folder / name).glob("*.tsv"):
            target = folder / "annotation" / f"{file.stem}.txt"
            target.mkdir(parents=True, exist_ok=True)
            if name == "ann":
                (target / "INITIAL_CAS.tsv").write_bytes(file.read_bytes())
            file.replace(target / f"{name}.tsv")
    return "webanno:annotation"


LAYOUTS = [write_label_studio, write_prodigy, write_webanno]


@pytest.mark.parametrize("write", LAYOUTS)
def test_the_annotators_of_one_file_are_those_of_plain_loops(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path)

    found = agreement(source, metrics="ner")

    assert found.annotators == list(MARKS)
    for row in found.result.pairs:
        pairs = zip(MARKS[row.a], MARKS[row.b])
        both = [(x, y) for x, y in pairs if x is not None and y is not None]
        matched = sum(len(set(x) & set(y)) for x, y in both)
        items = sum(len(x) + len(y) for x, y in both)
        assert row.f1 == pytest.approx(2 * matched / items)
        assert row.documents == len(both)
    assert [each.lacking for each in found.result.annotators][:2] == [[], []]
    assert len(found.result.annotators[2].lacking) == 1


@pytest.mark.parametrize("write", LAYOUTS)
def test_what_is_not_read_of_one_file_is_printed_once(write, tmp_path):
    source = write(tmp_path)

    for command in ("agreement", "adjudicate"):
        done = run_evalkit(command, source, cwd=tmp_path)

        assert done.returncode == 0
        notices = [line for line in done.stderr.splitlines() if "not read" in line]
        assert len(notices) == len(set(notices))
        assert "values of the key" not in done.stderr  # each key of an export in a line of its own
        assert "by others" not in done.stderr  # the others are annotators, too
        assert "of other annotators" not in done.stderr


def test_folders_of_annotators_have_no_annotators_by_name(tmp_path):
    write_webanno(tmp_path)

    assert webanno.list_annotators(tmp_path / "annotation") == ["ann", "ben", "cy"]
    assert webanno.list_annotators(tmp_path / "annotation/d0.txt") == []
    assert webanno.list_annotators(tmp_path / "annotation/d0.txt/ann.tsv") == []
