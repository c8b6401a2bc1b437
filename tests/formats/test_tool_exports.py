"""What Prodigy, doccano and Label Studio export becomes a corpus and goes back; what is no entity
is counted, what is wrong is refused.
"""

import json

import pytest
from helpers.any_text import corpora
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Span,
    Unplaced,
    Zone,
    load_corpus,
)
from evalkit.errors import UnknownNameError
from evalkit.formats.conversion import ConversionReport

FEW = settings(max_examples=examples(80), deadline=None)
TOOLS = ["prodigy", "doccano", "labelstudio"]
ADA = [Entity("PER", 0, 3)]


@pytest.fixture
def read(tmp_path):
    def read(tool, content, **options):
        path = tmp_path / "f.json"
        path.write_bytes(
            content
            if isinstance(content, bytes)
            else content.encode()
            if isinstance(content, str)
            else json.dumps(content).encode()
        )
        return load_corpus(f"{tool}:{path}", **options)

    return read


@pytest.fixture
def refused(read, tmp_path):
    def refused(tool, content, **options):
        with pytest.raises(InputError) as error:
            read(tool, content, **options)
        return str(error.value).replace(f"{tmp_path}/", "")

    return refused


@pytest.fixture
def back(tmp_path):
    def back(tool, documents, **options):
        losses = Corpus(documents).save(f"{tool}:{tmp_path}/w.json", **options)
        return list(load_corpus(f"{tool}:{tmp_path}/w.json", **options)), losses

    return back


def lines(*records):
    return "\n".join(map(json.dumps, records))


def told(corpus):
    return corpus.conversion.counts


# In and out


@pytest.mark.parametrize("tool", TOOLS)
@FEW
@given(documents=corpora())
def test_what_is_written_comes_back(tool, tmp_path_factory, documents):
    path = f"{tool}:{tmp_path_factory.mktemp('back')}/f.json"

    losses = Corpus(documents).save(path)

    assert list(load_corpus(path)) == documents
    assert not losses


@pytest.mark.parametrize("tool", TOOLS)
@FEW
@given(documents=corpora(layers=("entities", "events", "attributions"), broken=True))
def test_what_a_tool_cannot_hold_is_counted_and_the_rest_comes_back(
    tool, tmp_path_factory, documents
):
    path = f"{tool}:{tmp_path_factory.mktemp('losses')}/f.json"
    losses = ConversionReport()

    written = Corpus(documents).save(path).counts

    kept = [
        Document(d.id, d.text, tuple(e for e in d.entities if not e.fragments)) for d in documents
    ]
    assert list(load_corpus(path)) == kept
    losses.add(
        "discontinuous entities", "", sum(bool(e.fragments) for d in documents for e in d.entities)
    )
    losses.add("events", "", sum(len(d.events) for d in documents))
    losses.add("attributions", "", sum(len(d.attributions) for d in documents))
    losses.add(
        "layers that were annotated and are empty",
        "",
        sum((not d.events) + (not d.attributions) for d in documents),
    )
    assert written == {what: count for what, count in losses.counts.items() if count}


@pytest.mark.parametrize(
    ("tool", "lost"), [("prodigy", {}), ("doccano", {"scores of entities": 1}), ("labelstudio", {})]
)
def test_ids_scores_meta_and_layers_that_were_not_annotated_come_back_where_a_tool_has_a_place_for_them(  # noqa: E501
    back, tool, lost
):
    rich = Document(
        "007",
        "Ada met Bo",
        [Entity("PER", 0, 3, id="e1", score=0.5), Entity("PER", 8, 10)],
        meta={"source": "x", "n": [1]},
    )
    bare = Document("d2", "Ada met Bo", None)
    empty = Document("d3", "", [])
    plain = Document(
        "007",
        "Ada met Bo",
        [Entity("PER", 0, 3, id="e1"), Entity("PER", 8, 10)],
        meta={"source": "x", "n": [1]},
    )

    documents, losses = back(tool, [rich, bare, empty])

    assert documents == [plain if lost else rich, bare, empty]
    assert losses.counts == lost


def test_attributes_of_entities_are_further_keys_of_a_span_in_prodigy(back):
    document = Document(
        "d1", "Ada", [Entity("PER", 0, 3, attributes={"source": "x", "rank": 2, "token_end": 1})]
    )

    documents, losses = back("prodigy", [document])

    assert documents[0].entities[0].attributes == {"source": "x", "rank": 2}
    assert list(losses.lines()) == [
        "1 attributes under the key 'token_end' (document 'd1', entities[0])"
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_zones_unplaced_items_and_documents_that_failed_are_losses(back, tool):
    document = Document(
        "d1",
        "Ada",
        ADA,
        zones=(Zone("lead", 0, 3),),
        unplaced=(Unplaced("entities", "PER", "absent"),),
    )
    failed = Document("d2", "Bo", failure="timeout")

    documents, losses = back(tool, [document, failed])

    assert documents == [Document("d1", "Ada", ADA)]
    assert losses.counts == {"zones": 1, "unplaced items": 1, "documents that failed": 1}


@pytest.mark.parametrize("tool", TOOLS)
def test_an_event_may_name_an_entity_that_is_left_out(back, tool):
    broken = Entity("PER", 0, 6, id="e1", fragments=((0, 3), (4, 6)))
    document = Document(
        "d1",
        "Ada Bo met",
        [broken],
        events=[Event("Meet", Span(7, 10))],
        attributions=[Attribution(None, Span(0, 3))],
    )

    documents, losses = back(tool, [document])

    assert documents == [Document("d1", "Ada Bo met", [])]
    assert losses.counts == {"events": 1, "attributions": 1, "discontinuous entities": 1}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_corpus_without_documents_comes_back(back, tool):
    documents, losses = back(tool, [])

    assert (documents, losses.counts) == ([], {})


@pytest.mark.parametrize("tool", TOOLS)
def test_the_command_line_converts_and_says_what_is_lost(tmp_path, tool):
    gold = tmp_path / "gold.jsonl"
    gold.write_text(
        json.dumps(
            {
                "id": "d1",
                "text": "😀 Ada",
                "entities": [{"label": "PER", "start": 2, "end": 5}],
                "zones": [{"label": "z", "start": 0, "end": 1}],
            }
        ),
        encoding="utf-8",
    )

    there = evalkit("convert", gold, f"{tool}:{tmp_path}/w.json")
    checked = evalkit("validate", f"{tool}:{tmp_path}/w.json")

    assert (there.returncode, checked.returncode) == (0, 0)
    assert "not written: 1 zones (document 'd1', zones[0])" in there.stderr
    assert "1 document, 1 entity" in checked.stdout


def evalkit(*arguments):
    return run_evalkit(*arguments)


# Wrong offsets


OLD = [
    {
        "id": 4,
        "data": {"text": "😀 Ada met Bo"},
        "annotations": [
            {
                "result": [
                    {
                        "id": "r1",
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "text",
                        "value": {"start": 3, "end": 6, "text": "Ada", "labels": ["PER"]},
                    },
                    {
                        "id": "r2",
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "text",
                        "value": {"start": 11, "end": 13, "text": "Bo", "labels": ["PER"]},
                    },
                ]
            }
        ],
    }
]


def test_an_old_export_of_label_studio_is_refused_and_the_message_says_how_to_read_it(tmp_path):
    path = tmp_path / "f.json"
    path.write_text(json.dumps(OLD), encoding="utf-8")

    wrong, right = (
        evalkit("validate", f"labelstudio:{path}"),
        evalkit("validate", f"labelstudio:{path}?offset_unit=utf-16"),
    )

    assert wrong.returncode == 2
    assert (
        "all 2 mismatches vanish if offsets are UTF-16 code units; append"
        " '?offset_unit=utf-16' to the path" in wrong.stderr
    )
    assert (
        "f.json:1: document '4', annotations[0].result[0].value.text: 'Ada' is not the text at 3"
        " to 6: 'da '; these words are at 2 to 5" in wrong.stderr
    )
    assert "Traceback" not in wrong.stderr
    assert (right.returncode, right.stderr) == (
        0,
        f"{path}: repaired: 2 spans whose offsets were converted ({path}:1, …)\n",
    )


def test_offsets_are_read_as_the_option_says(read):
    bo = {"text": "😀 Bo\nmet", "label": [[3, 4, "PER"]]}
    example = {
        "text": "😀 Bo",
        "spans": [{"start": 5, "end": 7, "label": "PER"}],
        "tokens": [{"start": 0, "end": 4, "text": "😀"}, {"start": 5, "end": 7, "text": "Bo"}],
    }

    assert read("labelstudio", OLD, offset_unit="utf-16")[0].entities == (
        Entity("PER", 2, 5, id="r1"),
        Entity("PER", 10, 12, id="r2"),
    )
    assert read("doccano", bo, offset_unit="utf-16", end_offset="inclusive")[0].entities == (
        Entity("PER", 2, 4),
    )
    assert read("prodigy", example, offset_unit="utf-8")[0].entities == (Entity("PER", 2, 4),)


def test_tokens_of_prodigy_tell_how_offsets_were_counted(refused):
    example = {
        "text": "😀 Bo",
        "spans": [{"start": 0, "end": 5, "label": "PER"}],
        "tokens": [{"start": 0, "end": 2, "text": "😀"}, {"start": 3, "end": 5, "text": "Bo"}],
    }

    message = refused("prodigy", example)

    assert "f.json: all 2 mismatches vanish if offsets are UTF-16 code units" in message
    assert (
        "f.json:1: document 'doc-1', tokens[0].text: '😀' is not the text at 0 to 2: '😀 '"
        in message
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_an_option_is_refused_with_those_there_are(refused, tool):
    assert "unknown value 'inc' in 'end_offset'; expected one of: exclusive, inclusive" in refused(
        tool, [], end_offset="inc"
    )
    assert f"unknown option 'offset' in '{tool}'" in refused(tool, [], offset="utf-16")


# Prodigy


def test_examples_that_were_accepted_are_read_and_the_others_counted(read):
    corpus = read(
        "prodigy",
        lines(
            {
                "text": "Ada",
                "spans": [{"start": 0, "end": 3, "label": "PER", "token_start": 0, "token_end": 0}],
                "tokens": [{"text": "Ada", "start": 0, "end": 3, "id": 0, "ws": False}],
                "answer": "accept",
                "_input_hash": 1,
                "_task_hash": 2,
                "meta": {"source": "x"},
                "relations": [{"head": 0, "child": 0}],
                "html": "<b>",
            },
            {"text": "Bo", "answer": "reject"},
            {"text": "Cy", "answer": "ignore"},
            {"text": "Di", "answer": "accept"},
            {"text": "Ed"},
        ),
    )

    assert list(corpus) == [
        Document("1", "Ada", ADA, meta={"source": "x"}),
        Document("doc-4", "Di", []),
        Document("doc-5", "Ed", None),
    ]
    assert told(corpus) == {
        "values of the key 'html'": 1,
        "keys that begin with _": 2,
        "relations": 1,
        "tokens": 1,
        "examples answered reject": 1,
        "examples answered ignore": 1,
    }


def test_an_id_is_that_of_the_example_or_of_its_meta(read):
    corpus = read(
        "prodigy",
        lines(
            {"text": "a", "id": 7, "meta": {"id": "x"}},
            {"text": "b", "meta": {"id": "x"}},
            {"text": "c", "meta": {"id": [1]}},
        ),
    )

    assert corpus.ids == ["7", "x", "doc-3"]


def test_word_pieces_are_not_spelled_as_the_text_is(read):
    pieces = [
        {"text": "[CLS]", "start": 0, "end": 0, "id": 0, "tokenizer_id": 101},
        {"text": "##da", "start": 1, "end": 3, "id": 1, "tokenizer_id": 9},
    ]

    assert read(
        "prodigy",
        {"text": "Ada", "tokens": pieces, "spans": [{"start": 1, "end": 3, "label": "X"}]},
    )[0].entities == (Entity("X", 1, 3),)


def test_lists_in_a_span_are_counted_and_plain_values_become_attributes(read):
    corpus = read(
        "prodigy",
        {
            "text": "Ada",
            "spans": [
                {
                    "start": 0,
                    "end": 3,
                    "label": "PER",
                    "id": 5,
                    "score": 0.5,
                    "kb_id": "Q7259",
                    "path": [1],
                }
            ],
        },
    )

    assert corpus[0].entities == (
        Entity("PER", 0, 3, id="5", score=0.5, attributes={"kb_id": "Q7259"}),
    )
    assert told(corpus) == {"values of the key 'path' of spans": 1}


TOKENS = [{"start": 0, "end": 3, "text": "Ada"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 9, "label": "PER"}]},
            "f.json:1: document 'doc-1', spans[0].end: 9 is past the end of the text (length 3)",
        ),
        (
            {"text": "Ada", "spans": [{"start": -1, "end": 2, "label": "PER"}]},
            "spans[0].start: -1 is before the text",
        ),
        (
            {"text": "Ada", "spans": [{"start": 2, "end": 2, "label": "PER"}]},
            "spans[0].end: 2 is not after the start, 2",
        ),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 3, "label": ""}]},
            "spans[0].label: invalid label ''",
        ),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 3, "label": "PER", "text": "Eve"}]},
            "spans[0].text: 'Eve' is not the text at 0 to 3: 'Ada'",
        ),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": "3", "label": "PER"}]},
            "f.json:1: spans[0].end: Expected 'int', got 'str': '3'",
        ),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 10**40, "label": "PER"}]},
            "spans[0].end: 10000000000",
        ),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 3}]},
            "f.json:1: spans[0]: Object missing required field 'label'",
        ),
        (
            {
                "text": "Ada",
                "spans": [{"start": 0, "end": 2, "label": "PER", "token_end": 0}],
                "tokens": TOKENS,
            },
            "f.json:1: spans[0].end: 2, but tokens[0], its token_end, has the end 3",
        ),
        (
            {
                "text": "Ada",
                "spans": [{"start": 0, "end": 3, "label": "PER", "token_start": 4}],
                "tokens": TOKENS,
            },
            "f.json:1: spans[0].token_start: 4 is not a token; there are 1",
        ),
        (
            {"text": "Ada", "answer": "yes"},
            "f.json:1: answer: unknown answer 'yes'; expected one of: accept, reject, ignore",
        ),
        ({"image": "a.png"}, "f.json:1: the line: Object missing required field 'text'"),
        ([1], "f.json:1: the line: Expected 'object', got 'array'"),
        ('{"text": "a", "text": "b"}', "f.json:1: duplicate key 'text' in one object"),
        ('{"text": "a"}\n{"text": ', "f.json:2: not JSON"),
        (b'{"text": "\xff"}', "f.json:1: not UTF-8"),
        (b"\0", "f.json:1: not JSON"),
        ("[" * 100_000, "f.json:1: "),
        (
            lines({"text": "a", "id": 1}, {"text": "b", "id": "1"}),
            "f.json:2: id: duplicate id '1': already used by f.json:1",
        ),
        (
            {
                "text": "Ada",
                "id": "x",
                "spans": [
                    {"start": 0, "end": 3, "label": "A", "id": 1},
                    {"start": 0, "end": 1, "label": "A", "id": 1},
                ],
            },
            "entities[1].id: duplicate id '1': already used by entities[0]; expected unique ids",
        ),
        (
            {"text": "Ada", "spans": [{"start": 0, "end": 3, "label": "A"}] * 2},
            "duplicate of entities[0] (same label and span)",
        ),
    ],
)
def test_what_is_wrong_in_prodigy_is_one_line_with_its_place(refused, content, message):
    found = refused("prodigy", content)

    assert message in found
    assert found.count("\n") == 0


def test_all_that_is_wrong_with_an_example_is_told(refused):
    message = refused(
        "prodigy",
        {"text": "Ada", "spans": [{"start": 0, "end": 9 + n, "label": "PER"} for n in range(30)]},
    )

    assert message == (
        "f.json:1: document 'doc-1', spans[0].end: 9 is past the end of the text (length 3) (19"
        " more of this kind, the last at f.json:1)"
    )


# doccano


def test_both_ways_of_doccano_are_read(read):
    corpus = read(
        "doccano",
        lines(
            {"id": 1, "text": "Ada met Bo", "label": [[0, 3, "PER"], [8, 10, "PER"]]},
            {
                "id": 2,
                "data": "Ada met Bo",
                "labels": [[0, 3, "PER"]],
                "meta": {},
                "annotation_approver": None,
            },
            {
                "id": 3,
                "text": "Ada met Bo",
                "entities": [{"id": 9, "label": "PER", "start_offset": 0, "end_offset": 3}],
                "relations": [{"id": 1, "from_id": 9, "to_id": 9, "type": "r"}],
                "Comments": ["x", "y"],
                "cats": ["good"],
            },
            {"text": "Ada", "label": ["good"]},
            {"text": "Ada"},
            {"text": "Ada", "data": "more", "source": "x", "meta": {"source": "y"}, "label": []},
        ),
    )

    assert list(corpus) == [
        Document("1", "Ada met Bo", [Entity("PER", 0, 3), Entity("PER", 8, 10)]),
        Document("2", "Ada met Bo", ADA, meta={"annotation_approver": None}),
        Document("3", "Ada met Bo", [Entity("PER", 0, 3, id="9")]),
        Document("doc-4", "Ada", []),
        Document("doc-5", "Ada", None),
        Document("doc-6", "Ada", [], meta={"data": "more", "source": "y"}),
    ]
    assert told(corpus) == {
        "relations": 1,
        "comments": 2,
        "labels of whole documents": 2,
        "values of the key 'source', which is also in meta": 1,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"text": "Ada", "label": [[0, 9, "PER"]]},
            "f.json:1: document 'doc-1', label[0].end: 9 is past the end of the text (length 3)",
        ),
        (
            {"text": "Ada", "entities": [{"label": "PER", "start_offset": -2, "end_offset": 3}]},
            "document 'doc-1', entities[0].start: -2 is before the text",
        ),
        (
            {"text": "Ada", "label": [[0, 3]]},
            "f.json:1: label[0]: Expected 'array' of length 3, got 2: [0, 3]",
        ),
        ({"text": "Ada", "label": "PER"}, "f.json:1: label: Expected 'array"),
        (
            {"text": "Ada", "annotations": [{"label": 1, "start_offset": 0, "end_offset": 3}]},
            (
                "f.json:1: annotations: labels are numbers without names; export as 'JSONL (text"
                " label)'"
            ),
        ),
        (
            {"id": 1, "label": []},
            "f.json:1: no text: expected the key 'text' or 'data'; keys: id, label",
        ),
        ("[]", "f.json:1: the line: Expected 'object', got 'array'"),
        (b'\xef\xbb\xbf{"text": "a"', "f.json:1: not JSON"),
    ],
)
def test_what_is_wrong_in_doccano_is_one_line_with_its_place(refused, content, message):
    found = refused("doccano", content)

    assert message in found
    assert found.count("\n") == 0


@pytest.mark.parametrize("tool", ["prodigy", "doccano"])
def test_a_byte_order_mark_and_empty_lines_are_no_part_of_a_file_and_an_empty_file_has_no_documents(
    read, tool
):
    assert len(read(tool, b'\xef\xbb\xbf{"text": "\\ufeffa"}\r\n\n')) == 1
    assert read(tool, b'\xef\xbb\xbf{"text": "\\ufeffa"}\r\n\n')[0].text == "\ufeffa"
    assert len(read(tool, b"")) == 0


# Label Studio


def region(start, end, text=None, *labels, **more):
    value = {"start": start, "end": end, "labels": list(labels or ["PER"])} | (
        {} if text is None else {"text": text}
    )
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def task(*annotations, text="Ada met Bo", **more):
    return {"id": 1, "data": {"text": text}, "annotations": list(annotations), **more}


def by(who, *regions, **more):
    return {"completed_by": who, "result": list(regions), **more}


def test_a_task_is_a_document_and_its_first_annotation_is_read(read):
    first = by(
        3,
        region(0, 3, "Ada", id="r1"),
        region(8, 10, "Bo", "PER", "ORG", id="r2"),
        region(8, 10, "Bo", "LOC", id="r2"),
    )
    tasks = [
        task(
            {"was_cancelled": True, "result": [region(0, 1)]},
            first,
            by(4, region(0, 3, "Ada", "ORG")),
        ),
        {"id": 2, "data": {"text": "Bo", "source": "x"}, "annotations": []},
        {"id": 3, "data": {"text": "Bo", "document_id": "d3"}, "completions": [by(3)]},
        {
            "data": {"title": "Bo"},
            "annotations": [{"result": [region(0, 2)], "was_cancelled": True}],
        },
    ]

    corpus = read("labelstudio", tasks)

    assert list(corpus) == [
        Document(
            "1",
            "Ada met Bo",
            [
                Entity("PER", 0, 3, id="r1"),
                Entity("PER", 8, 10, id="r2"),
                Entity("ORG", 8, 10),
                Entity("LOC", 8, 10),
            ],
        ),
        Document("2", "Bo", None, meta={"source": "x"}),
        Document("d3", "Bo", []),
    ]
    assert corpus.conversion.dropped == {
        "annotations that were cancelled": 1,
        "annotations by others": 1,
    }
    assert corpus.conversion.skipped == {"tasks that the annotator skipped": 1}


def test_what_is_no_entity_is_counted_by_name(read):
    results = [
        region(0, 3),
        {"type": "choices", "from_name": "c", "to_name": "text", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "a", "to_id": "b"},
        {"type": "labels", "value": {"start": 8, "end": 10, "text": "Bo"}},
        region(8, 10, meta={"text": ["a note"]}),
    ]

    corpus = read(
        "labelstudio",
        [
            task(
                by(1, *results),
                predictions=[{"result": []}],
                drafts=[{}],
                project=3,
                created_at="x",
            )
        ],
    )

    assert corpus[0].entities == (Entity("PER", 0, 3), Entity("PER", 8, 10))
    assert told(corpus) == {
        "records of how a task was made, such as times and the project": 1,
        "drafts": 1,
        "predictions (?annotation_source=predictions reads them)": 1,
        "results of type 'choices'": 1,
        "relations with a region that is not read": 1,
        "regions without a label": 1,
        "notes on regions": 1,
    }


def test_an_annotator_is_named_by_number_or_address_and_who_is_not_there_is_refused(read):
    tasks = [
        task(by(3, region(0, 3)), by({"id": 4, "email": "bo@x.org"}, region(8, 10))),
        {"id": 2, "data": {"text": "Bo"}, "annotations": [by(3)]},
    ]

    assert [d.entities for d in read("labelstudio", tasks, annotator="4")] == [
        (Entity("PER", 8, 10),),
        None,
    ]
    assert [d.entities for d in read("labelstudio", tasks, annotator="bo@x.org")] == [
        (Entity("PER", 8, 10),),
        None,
    ]
    assert [d.entities for d in read("labelstudio", tasks, annotator=3)] == [
        (Entity("PER", 0, 3),),
        (),
    ]
    with pytest.raises(
        UnknownNameError, match="unknown annotator '5' in .*; expected one of: 3, 4, bo@x.org"
    ):
        read("labelstudio", tasks, annotator=5)


def test_predictions_are_read_with_their_scores(read):
    said = {
        "model_version": "m1",
        "score": 0.9,
        "result": [
            region(0, 3, score=0.5),
            {**region(8, 10), "value": {"start": 8, "end": 10, "labels": ["PER"], "score": 0.25}},
        ],
    }

    corpus = read(
        "labelstudio",
        [task(by(3), predictions=[said, {"model_version": "m2", "result": []}])],
        annotation_source="predictions",
    )

    assert corpus[0].entities == (Entity("PER", 0, 3, score=0.5), Entity("PER", 8, 10, score=0.25))
    assert told(corpus) == {
        "annotations beside predictions": 1,
        "predictions by others": 1,
        "scores of whole predictions": 1,
    }
    assert (
        read(
            "labelstudio",
            [task(predictions=[said, {"model_version": "m2", "result": []}])],
            annotation_source="predictions",
            annotator="m2",
        )[0].entities
        == ()
    )


def test_predictions_are_written_as_such(back, tmp_path):
    document = Document("d1", "Ada", [Entity("PER", 0, 3, score=0.5)])

    documents, losses = back("labelstudio", [document], annotation_source="predictions")

    assert (documents, bool(losses)) == ([document], False)
    assert (
        json.loads((tmp_path / "w.json").read_text())[0]["predictions"][0]["model_version"]
        == "evalkit"
    )


def test_json_min_is_read_an_annotation_a_document(read):
    rows = [
        {
            "text": "Ada met Bo",
            "source": "x",
            "id": 7,
            "label": [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}],
            "annotator": 1,
            "annotation_id": 1,
            "lead_time": 2.5,
        },
        {
            "text": "Ada met Bo",
            "id": 7,
            "label": [{"start": 8, "end": 10, "text": "Bo", "labels": ["PER", "ORG"]}],
            "annotator": 2,
        },
        {"text": "Bo", "id": 8, "annotator": 1},
    ]

    corpus = read("labelstudio", rows)

    assert list(corpus) == [
        Document("7", "Ada met Bo", ADA, meta={"source": "x"}),
        Document("8", "Bo", []),
    ]
    assert told(corpus) == {
        "records of how a task was made, such as times and the project": 2,
        "annotations by others": 1,
    }
    assert [(d.id, d.entities) for d in read("labelstudio", rows, annotator="2")] == [
        ("7", (Entity("PER", 8, 10), Entity("ORG", 8, 10)))
    ]


def test_a_text_is_named_where_there_are_several(read, refused):
    tasks = [
        {
            "id": 1,
            "data": {"title": "Ada", "body": "Bo"},
            "annotations": [by(1, region(0, 2, "Bo"))],
        }
    ]

    assert read("labelstudio", tasks, text_field="body")[0] == Document(
        "1", "Bo", [Entity("PER", 0, 2)], meta={"title": "Ada"}
    )
    assert 'f.json:1: data: several texts: title, body; text_field="KEY" names one' in refused(
        "labelstudio", tasks
    )
    assert (
        "unknown text field 'boddy' in 'f.json:1: data'; expected one of: title, body; did you mean"
        " 'body'?" in refused("labelstudio", tasks, text_field="boddy")
    )


@pytest.mark.parametrize(
    ("text", "start", "end", "said"),
    [
        ("Ada\nBo", 0, 6, "Ada\\nBo"),
        ("Ada\nBo", 0, 6, "Ada\nBo"),
        ("Ada\r\nBo", 0, 7, "Ada\\nBo"),
        ("$\\nabla$\nBo", 0, 11, "$\\nabla$\\nBo"),
        ("$\\nabla$\nBo", 1, 7, "\\nabla"),
    ],
)
def test_a_line_end_in_a_region_may_be_written_with_a_backslash(read, text, start, end, said):
    assert read("labelstudio", [task(by(1, region(start, end, said)), text=text)])[0].entities == (
        Entity("PER", start, end),
    )


def test_wrong_offsets_of_regions_that_cross_lines_are_explained_too(refused):
    message = refused(
        "labelstudio",
        [
            task(by(1, region(3, 9, "Ada\\nBo"), region(0, 2, "Oh")), text="Oh Ada\nBo"),
            task(by(1, region(3, 9, "Ada\\nBo")), text="😀 Ada\nBo", id=2),
        ],
    )

    assert "all 1 mismatches" not in message
    assert "the mismatch vanishes if offsets are UTF-16 code units" in message


def test_a_task_alone_is_read_and_lines_are_counted(read, refused):
    assert read("labelstudio", task(by(1, region(0, 3)))).ids == ["1"]
    assert "f.json:3: document '2', annotations[0].result[0].value.end: 99 is past" in refused(
        "labelstudio",
        "[\n"
        + ",\n".join([json.dumps(task(by(1))), json.dumps(task(by(1, region(0, 99)), id=2))])
        + "]",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [task(by(1, region(0, 3, "Eve")))],
            (
                "f.json:1: document '1', annotations[0].result[0].value.text: 'Eve' is not the"
                " text at 0 to 3: 'Ada'; these words are not in the text"
            ),
        ),
        (
            [task({"was_cancelled": True}, by(1, region(0, 99)))],
            "annotations[1].result[0].value.end: 99 is past the end of the text (length 10)",
        ),
        (
            [task(by(1, region("/p[1]", 3)))],
            "f.json:1: annotations[0].result[0]: value.start: Expected 'int', got 'str': '/p[1]'",
        ),
        (
            [task(by(1, {"type": "labels"}))],
            "f.json:1: annotations[0].result[0]: the line: Object missing required field 'value'",
        ),
        ([task(3)], "f.json:1: annotations[0]: Expected 'object', got 'int': 3"),
        ([{"id": 1, "data": {"n": 1}}], "f.json:1: data: no text; keys: n"),
        ([{"id": 1, "data": "Ada"}], "f.json:1: data: Expected 'object', got 'str': 'Ada'"),
        ([1], "f.json:1: Expected 'object', got 'int'"),
        ([task(), task()], "f.json:1: id: duplicate id '1': already used by f.json:1"),
        (
            '[{"id": 1, "id": 2, "data": {"text": ""}}]',
            "f.json:1: duplicate key 'id' in one object",
        ),
        (
            "",
            (
                "f.json: not JSON: Input data was truncated; expected a list of tasks, as Label"
                " Studio exports it as JSON or JSON-MIN"
            ),
        ),
        ('[{"id": 1}', "f.json: not JSON"),
        ('{"id": 1}\n{"id": 2}', "f.json: not JSON"),
        ('"Ada"', "f.json: Expected 'array', got 'str'; expected a list of tasks"),
        (
            b'[{"data": {"text": "\xff"}}]',
            "f.json:1: not UTF-8: invalid start byte at byte 19 of the object",
        ),
        (b"\0", "f.json: not JSON"),
        ("[" * 100_000, "f.json: nested too deeply"),
        (
            '[{"data": {"text": "", "n": ' + "9" * 5000 + "}}]",
            "f.json:1: Integer value out of range",
        ),
    ],
)
def test_what_is_wrong_in_label_studio_is_one_line_with_its_place(refused, content, message):
    found = refused("labelstudio", content)

    assert message in found
    assert found.count("\n") == 0


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_that_is_not_there_is_named(tmp_path, tool):
    with pytest.raises(InputError, match="no such file or folder"):
        load_corpus(f"{tool}:{tmp_path}/none")
    with pytest.raises(InputError, match="Is a directory"):
        load_corpus(f"{tool}:{tmp_path}")


def test_regions_of_several_controls_are_not_taken_for_one_layer(tmp_path):
    regions = [
        {
            "type": "labels",
            "from_name": name,
            "to_name": "text",
            "value": {"start": 0, "end": 3, "labels": [label]},
        }
        for name, label in (("label", "PER"), ("pos", "NOUN"))
    ]
    (tmp_path / "x.json").write_text(
        json.dumps([{"id": 1, "data": {"text": "Ada"}, "annotations": [{"result": regions}]}]),
        encoding="utf-8",
    )

    with pytest.raises(
        InputError,
        match="regions of several controls: 'label', 'pos'; control=.NAME. reads those of one",
    ):
        load_corpus(f"labelstudio:{tmp_path}/x.json")

    found = load_corpus(f"labelstudio:{tmp_path}/x.json", control="label")
    assert [entity.label for entity in found[0].entities] == ["PER"]
    assert found.conversion.counts == {"regions of other controls": 1}
