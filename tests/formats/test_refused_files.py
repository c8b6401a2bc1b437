"""Files that projects leave in practice: tasks that were skipped, other media, several folders and
types; and what the message says about a file that another format reads.
"""

import json

import pytest

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Span,
    load_corpus,
    score,
)

UNANNOTATED = "documents whose entities were not annotated"
SKIPPED_TASKS = "tasks that the annotator skipped"
# How a format is written if its files cannot tell a document without annotation from one without
# entities
WITHOUT_UNANNOTATED = {"conll": {}, "cas": {}, "parquet": {"layout": "spans"}}


def region(start, end, label="PER", **fields):
    value = {"start": start, "end": end, "labels": [label]}
    return {"type": "labels", "from_name": "label", "value": value, **fields}


def task(number, *annotations, **data):
    return {"id": number, "data": {"text": "Ada ran.", **data}, "annotations": list(annotations)}


@pytest.fixture
def put(tmp_path):
    def put(name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return put


# Label Studio


@pytest.mark.parametrize("key", ["was_cancelled", "skipped"])
def test_a_skipped_task_is_left_out_and_counted(put, tmp_path, key):
    done = task(1, {"result": [region(0, 3)]})
    skipped = task(2, {"result": [], key: True})
    annotated = task(3, {"result": [], key: True}, {"result": []})
    path = put("f.json", [done, skipped, annotated])

    corpus = load_corpus(f"labelstudio:{path}")

    assert list(corpus.ids) == ["1", "3"]
    assert corpus.conversion.skipped == {SKIPPED_TASKS: 1}
    assert corpus.conversion.dropped == {"annotations that were cancelled": 1}
    corpus.save(tmp_path / "f.conll")
    assert len(load_corpus(tmp_path / "f.conll")) == 2


def test_a_task_is_skipped_for_the_annotator_who_skipped_it(put):
    first = {"completed_by": 1, "result": [region(0, 3)]}
    second = {"completed_by": 2, "result": [], "was_cancelled": True}
    path = put("f.json", [task(1, first, second), task(2, first, {**first, "completed_by": 2})])

    one, two = (load_corpus(f"labelstudio:{path}", annotator=n) for n in (1, 2))

    assert (list(one.ids), list(two.ids)) == (["1", "2"], ["2"])
    assert (one.conversion.skipped, two.conversion.skipped) == ({}, {SKIPPED_TASKS: 1})


def test_predictions_of_a_skipped_task_are_read(put):
    skipped = task(2, {"result": [], "was_cancelled": True})
    path = put("f.json", [{**skipped, "predictions": [{"result": [region(0, 3)]}]}])

    corpus = load_corpus(f"labelstudio:{path}", annotation_source="predictions")

    assert [document.entities for document in corpus] == [(Entity("PER", 0, 3),)]


@pytest.mark.parametrize("name", WITHOUT_UNANNOTATED)
def test_tasks_without_annotations_do_not_block_other_formats(put, tmp_path, name):
    path = put("f.json", [task(1, {"result": [region(0, 3)]}), task(2), task(3, {"result": []})])
    corpus = load_corpus(f"labelstudio:{path}")
    assert [document.entities is None for document in corpus] == [False, True, False]
    location = f"{name}:{tmp_path / 'out'}"

    losses = corpus.save(location, **WITHOUT_UNANNOTATED[name])

    assert len(load_corpus(location)) == 2
    assert losses.skipped == {UNANNOTATED: 1}
    assert losses.skipped.examples[UNANNOTATED] == ("document '2'",)


@pytest.mark.parametrize("name", WITHOUT_UNANNOTATED)
def test_a_corpus_without_any_annotation_is_not_written_as_one_without_entities(tmp_path, name):
    corpus = Corpus([Document("1", "Ada"), Document("2", "", failure="timed out")])

    with pytest.raises(InputError, match="^document '1': entities were not annotated, but"):
        corpus.save(f"{name}:{tmp_path / 'out'}", **WITHOUT_UNANNOTATED[name])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "type"),
    [
        ({"image": "/data/a.png"}, "rectanglelabels"),
        ({"html": "<p>Ada</p>"}, "hypertextlabels"),
        ({"video": "a.mp4"}, "videorectangle"),
    ],
)
def test_tasks_of_other_media_are_refused(put, data, type):
    result = {"type": type, "value": {"x": 1, "y": 2, "labels": ["PER"]}}
    choice = {"type": "choices", "value": {"choices": ["good"]}}
    one = {"id": 1, "data": data, "annotations": [{"result": [choice, result]}]}
    path = put("f.json", [one])
    key = next(iter(data))

    with pytest.raises(LoadError) as error:
        load_corpus(f"labelstudio:{path}")

    assert (
        f"f.json:1: data.{key}: no regions of a text: their type is '{type}', and only regions of"
        " the type 'labels' are read" in str(error.value)
    )
    corpus = load_corpus(f"labelstudio:{path}", text_field=key)
    assert corpus[0].entities == ()
    assert corpus.conversion.dropped == {
        f"results of type '{type}'": 1,
        "results of type 'choices'": 1,
    }


def test_any_object_is_no_task(put):
    path = put("f.json", {"source": "a.txt", "params": {"k": 1}, "items": []})

    with pytest.raises(LoadError) as error:
        load_corpus(f"labelstudio:{path}")

    assert str(error.value) == (
        f"{path}:1: not a task of Label Studio: neither the key 'data' nor regions; keys: source,"
        " params, items; expected a list of tasks, as Label Studio exports it as JSON or JSON-MIN"
    )


# Files of another format

DOCCANO = {"id": 1, "text": "Ada ran.", "label": [[0, 3, "PER"]]}
PRODIGY = {"text": "Ada ran.", "spans": [{"start": 0, "end": 3, "label": "PER"}]}
SPACY = {"text": "Ada ran.", "entities": [[0, 3, "PER"]]}
DYGIE = {"doc_key": "d", "sentences": [["Ada", "ran"]], "ner": [[[0, 0, "PER"]]]}


@pytest.mark.parametrize(
    ("format", "record", "other"),
    [
        ("labelstudio", DOCCANO, "doccano"),
        ("labelstudio", DYGIE, "dygie"),
        ("jsonl", DOCCANO, "doccano"),
        ("jsonl", DYGIE, "dygie"),
        ("dygie", DOCCANO, "doccano"),
        ("doccano", SPACY, "spacy-json"),
        ("doccano", PRODIGY, "prodigy"),
        ("conll", DOCCANO, "doccano"),
        ("cas", DOCCANO, "doccano"),
        ("spert", PRODIGY, "prodigy"),
    ],
)
def test_a_file_of_another_format_is_answered_with_its_location(put, format, record, other):
    path = put("f.xmi" if format == "cas" else "f.jsonl", record)

    with pytest.raises(InputError) as error:
        load_corpus(f"{format}:{path}")

    assert f"read it as {other}:{path}" in str(error.value)
    corpus = load_corpus(f"{other}:{path}")
    assert [(e.label, e.start, e.end) for e in corpus[0].entities] == [("PER", 0, 3)]


def test_a_faulty_document_beside_valid_ones_is_not_answered_with_another_format(put):
    path = put(
        "f.jsonl", f"{json.dumps(DOCCANO)}\n{json.dumps({**DOCCANO, 'label': [[0, 9, 'X']]})}\n"
    )

    with pytest.raises(LoadError) as error:
        load_corpus(f"doccano:{path}")

    assert "read it as" not in str(error.value)


def test_a_document_over_many_lines_is_read_as_training_examples(put):
    path = put("f.json", json.dumps([SPACY, SPACY], indent=2))

    with pytest.raises(
        LoadError, match=f"one JSON document over many lines.* read it as spacy-json:{path}"
    ):
        load_corpus(f"doccano:{path}")
    corpus = load_corpus(f"spacy-json:{path}")

    assert [document.entities for document in corpus] == [(Entity("PER", 0, 3),)] * 2


# Prodigy


def prodigy(tokens, start, end, first):
    return {
        "text": "Since 2015, Ada ran.",
        "tokens": [
            {"text": text, "start": start, "end": end, "id": n}
            for n, (text, start, end) in enumerate(tokens)
        ],
        "spans": [
            {"start": start, "end": end, "token_start": first, "token_end": first, "label": "PER"}
        ],
        "answer": "accept",
    }


# Joined by single spaces, though the text has none before the comma and the full stop
JOINED = [("Since", 0, 5), ("2015", 6, 10), (",", 11, 12), ("Ada", 13, 16), ("ran", 17, 20)]


def test_a_span_whose_tokens_were_joined_otherwise_is_refused_without_a_wrong_option(put):
    path = put("f.jsonl", prodigy(JOINED, 13, 16, 3))

    with pytest.raises(LoadError) as error:
        load_corpus(f"prodigy:{path}")

    assert (
        "tokens[3].text: 'Ada' is not the text at 13 to 16: 'da '; these words are at 12 to 15"
        in str(error.value)
    )
    assert "first_offset" not in str(error.value)


def test_faults_of_tokens_behind_the_last_span_are_no_errors(put):
    path = put("f.jsonl", prodigy(JOINED, 6, 10, 1))

    corpus = load_corpus(f"prodigy:{path}")

    assert [(e.start, e.end) for e in corpus[0].entities] == [(6, 10)]
    assert corpus.conversion.dropped == {"tokens": 5}


# brat


def test_documents_of_a_folder_are_in_the_order_of_their_names(put, tmp_path):
    names = ["b", "a10", "a2", "sub/a", "a-1", "B"]
    for name in names:
        put(f"in/{name}.txt", "Ada")
        put(f"in/{name}.ann", "T1\tPER 0 3\tAda\n")

    assert list(load_corpus(f"brat:{tmp_path}/in").ids) == sorted(names)


QUOTES = (
    "T1\tQuote 4 8\tsaid\nT2\tContent 9 18\tit rained\nT3\tSource 0 3\tAda\n"
    "E1\tQuote:T1 Content:T2 Source:T3\n"
    "T4\tReport 9 11\tit\nE2\tReport:T4 Content:T2 Parent:E1\n"
    "T5\tMeet 0 3\tAda\nE3\tMeet:T5\n"
    "A1\tLabel E2 vague\n"
)


def test_several_types_of_events_are_attributions_with_their_type_as_label(put, tmp_path):
    put("in/d.txt", "Ada said it rained.")
    put("in/d.ann", QUOTES)

    several = load_corpus(f"brat:{tmp_path}/in?attribution=Quote,Report")
    single = load_corpus(f"brat:{tmp_path}/in?attribution=Quote")

    said, rained = Span(4, 8), Span(9, 18)
    assert several[0].attributions == (
        Attribution(said, rained, Span(0, 3), id="E1", label="Quote"),
        Attribution(Span(9, 11), rained, id="E2", label="vague", parent="E1"),
    )
    assert [event.label for event in several[0].events] == ["Meet"]
    assert several[0].entities == ()
    assert single[0].attributions == (Attribution(said, rained, Span(0, 3), id="E1"),)
    assert [event.label for event in single[0].events] == ["Report", "Meet"]
    assert score(several, several, "attributions")["attributions"].micro.f1 == 1
    with pytest.raises(InputError, match="invalid attribution 'Quote,Report'"):
        several.save(f"brat:{tmp_path}/out", attribution="Quote,Report")


def test_texts_in_a_folder_of_their_own_are_read(put, tmp_path):
    for name in ("d1", "sub/d2", "without"):
        put(f"txt/{name}.txt", "Ada ran.")
    for name in ("d1", "sub/d2"):
        put(f"ann/{name}.ann", "T1\tPER 0 3\tAda\n")
    location = f"brat:{tmp_path}/ann"
    with pytest.raises(
        LoadError, match="no d1.txt in (.|\n)* if the texts are in another folder, name it with"
    ):
        load_corpus(location)

    by_location = load_corpus(f"{location}?texts={tmp_path}/txt")
    by_keyword = load_corpus(location, texts=tmp_path / "txt")

    assert by_location.documents == by_keyword.documents
    assert list(by_keyword.ids) == ["d1", "sub/d2"]
    for document in by_keyword:
        assert document.text == "Ada ran."
        assert document.entities == (Entity("PER", 0, 3, id="T1"),)
    (tmp_path / "txt" / "d1.txt").unlink()
    with pytest.raises(LoadError, match="no d1.txt in .*txt: expected the text"):
        load_corpus(location, texts=tmp_path / "txt")
    with pytest.raises(InputError, match="invalid texts .*: expected a folder of .txt files"):
        load_corpus(location, texts=tmp_path / "none")


# doccano


def test_messages_about_doccano_files_name_the_remedy(put):
    ends = [
        {"id": 1, "text": "Ada", "label": [[0, 4, "P"]]},
        {"id": 2, "text": "B", "label": [[0, 1, "P"]]},
    ]
    path = put("f.jsonl", "\n".join(map(json.dumps, ends)))

    with pytest.raises(LoadError) as error:
        load_corpus(f"doccano:{path}")

    assert str(error.value) == (
        f"{path}:1: document '1', label[0].end: 4 is past the end of the text (length 3); to leave"
        ' out documents with errors, load with on_error="skip"'
    )
    corpus = load_corpus(f"doccano:{path}", on_error="skip")
    assert list(corpus.ids) == ["2"]
