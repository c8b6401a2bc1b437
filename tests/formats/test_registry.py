"""A format gives back what it was given, and a bad file is answered with its line and a way out."""

import ast
import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from helpers.documents import EMPTY, EVERYTHING, FAILED
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit.formats
from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Relation,
    Schema,
    load_corpus,
)
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS

FORMATS_FOLDER = Path(evalkit.formats.__file__).parent
line = json.dumps(
    {
        "id": "d1",
        "text": "Ada wrote.",
        "entities": [{"label": "PER", "start": 0, "end": 3, "text": "Ada"}],
    }
)
BAD_LINES = [
    ("{", ":2: not JSON: "),
    ("[1]", ":2: the line: Expected 'object', got 'array': "),
    ('{"id": "d2", "text": "Ada"} {}', ":2: not JSON: "),
    ('{"id": "d2"}', ":2: the line: Object missing required field 'text'"),
    (
        '{"id": "d2", "text": "Ada", "lable": 1}',
        ":2: the line: Object contains unknown field 'lable'",
    ),
    ('{"id": 7, "text": "Ada"}', ":2: id: Expected 'str', got 'int': 7"),
    (
        '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": 2.5}]}',
        ":2: entities[0].end: Expected 'int', got 'float': 2.5",
    ),
    (
        '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": NaN}]}',
        ":2: not JSON: ",
    ),
    (
        '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": 4}]}',
        ":2: document 'd2', entities[0].end: 4 is past the end of the text (length 3)",
    ),
    (
        '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": -3, "end": 3}]}',
        ":2: document 'd2', entities[0].start: -3 is before the text",
    ),
    (
        (
            '{"id": "d2", "text": "Oh Ada", "entities": [{"label": "PER", "start": 0, "end": 3,'
            ' "text": "Ada"}]}'
        ),
        (
            ":2: document 'd2', entities[0].text: 'Ada' is not the text at 0 to 3: 'Oh '; these"
            " words are at 3 to 6"
        ),
    ),
    (
        (
            '{"id": "d2", "text": "Oh Ada", "events": [{"label": "X", "trigger": {"start": 0,'
            ' "end": 2}, "arguments": [{"role": "R", "start": 3, "end": 3}]}]}'
        ),
        ":2: document 'd2', events[0].arguments[0].end: 3 is not after the start, 3",
    ),
    (line, ":2: id: duplicate id 'd1': already used by "),
    (
        '{"id": "d2", "text": "Ada", "entities": [], "entities": []}',
        ":2: duplicate key 'entities' in one object; keep one of them",
    ),
    (
        (
            '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": 3,'
            ' "score": 1e999}]}'
        ),
        ":2: entities[0].score: Number out of range",
    ),
    (
        '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": '
        + "9" * 5000
        + "}]}",
        ":2: ",
    ),
    ('{"id": 1, "text": }', ":2: "),
    ('{"id": 1, "text": "x", "meta": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}", ":2: "),
    (
        (
            '{"id": "d2", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": 3},'
            ' {"label": "PER", "start": 0, "end": 3, "id": "T2", "score": 0.5}]}'
        ),
        ":2: document 'd2', entities[1]: duplicate of entities[0] (same label and span)",
    ),
]


@pytest.mark.parametrize("name", ["all.jsonl", "folder"])
def test_a_corpus_comes_back_equal(tmp_path, name):
    corpus = Corpus([EVERYTHING, EMPTY], schema=Schema(labels={"PER": "people"}))

    corpus.save(tmp_path / name)

    assert load_corpus(tmp_path / name) == corpus


def test_predictions_come_back_with_failures_and_what_has_no_place(tmp_path):
    Corpus([EVERYTHING, FAILED]).save(tmp_path / "all.jsonl")

    assert list(load_corpus(tmp_path / "all.jsonl")) == [EVERYTHING, FAILED]


def test_a_folder_refuses_a_failure_that_it_cannot_hold(tmp_path):
    with pytest.raises(InputError, match="document 'd3' has a failure or unplaced items"):
        Corpus([FAILED]).save(tmp_path / "folder")


TEXT = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("\r\n\u2028\x85\ufeff🎉e\u0301\u00a0"),
    max_size=30,
)


@st.composite
def documents(draw, id):
    text = draw(TEXT)
    spans = (
        st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
        .map(sorted)
        .filter(lambda s: s[0] < s[1])
    )
    marks = draw(st.lists(st.tuples(TEXT.filter(bool), spans), max_size=4)) if text else []
    entities = [Entity(label, *span, id=f"T{n}") for n, (label, span) in enumerate(marks)]
    return Document(id, text, draw(st.sampled_from([None, entities])))


@settings(deadline=None, max_examples=examples(100))
@given(st.data(), st.sampled_from(["all.jsonl", "folder"]))
def test_any_corpus_comes_back_equal(tmp_path_factory, data, name):
    folder = tmp_path_factory.mktemp("corpus")
    corpus = Corpus([data.draw(documents(id)) for id in ("d1", "../d2", "d 3")])

    corpus.save(folder / name)

    assert list(load_corpus(folder / name, predictions=True)) == list(corpus)


@pytest.mark.parametrize(("bad", "message"), BAD_LINES)
def test_a_bad_line_is_named_with_what_stands_there(tmp_path, bad, message):
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{line}\n{bad}\n", encoding="utf-8")

    with pytest.raises(LoadError) as error:
        load_corpus(path)

    assert f"{path}{message}" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_lines_end_at_line_feeds_alone_and_blank_ones_keep_their_number(tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_bytes(
        (
            "\ufeff"
            + line
            + "\r\n\n"
            + json.dumps({"id": "d2", "text": "a\u2028b\x85c"}, ensure_ascii=False)
            + "\n\n{"
        ).encode()
    )

    with pytest.raises(LoadError) as error:
        load_corpus(path)

    assert str(error.value).startswith(f"{path}:5: not JSON")


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b'{"id": "d1", "text": "caf\xe9"}\n')

    with pytest.raises(LoadError, match=r"latin.jsonl:1: not UTF-8: .* at byte 25 of the line"):
        load_corpus(path)


def test_the_first_twenty_errors_are_kept_and_shown_by_kind(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("{\n" * 25, encoding="utf-8")

    with pytest.raises(LoadError) as error:
        load_corpus(path)

    assert len(error.value.errors) == 20
    assert str(error.value).splitlines() == [
        f"{path}:1: not JSON: Input data was truncated (19 more of this kind, the last at"
        f" {path}:20)",
        "and 5 more",
        "to fix: expected each document on one line",
    ]


def test_a_duplicate_is_let_through_in_predictions(tmp_path):
    path = tmp_path / "twice.jsonl"
    path.write_text(BAD_LINES[-1][0], encoding="utf-8")

    assert len(load_corpus(path, predictions=True)[0].entities) == 2


def test_a_changed_text_names_file_and_both_digests(tmp_path):
    Corpus([Document("d1", "Ada wrote.", [])]).save(tmp_path)
    (tmp_path / "corpus" / "d1.txt").write_text("Ada wrote!", encoding="utf-8")

    with pytest.raises(LoadError) as error:
        load_corpus(tmp_path)

    for expected in (
        "d1.txt: changed",
        hashlib.sha256(b"Ada wrote!").hexdigest(),
        hashlib.sha256(b"Ada wrote.").hexdigest(),
    ):
        assert expected in str(error.value)


def test_an_id_that_is_no_file_name_writes_nothing_outside_the_folder(tmp_path):
    Corpus([Document("../../evil", "x", []), Document("a/b", "y", [])]).save(
        tmp_path / "in" / "folder"
    )

    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    assert sorted(p.name for p in (tmp_path / "in" / "folder" / "corpus").iterdir()) == [
        "corpus.jsonl",
        "document-000001.txt",
        "document-000002.txt",
    ]


def test_saving_over_a_corpus_leaves_nothing_of_it(tmp_path):
    Corpus([EVERYTHING], schema=Schema(labels={"PER": "people"})).save(tmp_path / "folder")
    less = Corpus([EVERYTHING.without_annotations()])

    less.save(tmp_path / "folder")

    assert load_corpus(tmp_path / "folder") == less


def test_a_folder_is_not_written_over_with_other_documents(tmp_path):
    Corpus([EVERYTHING]).save(tmp_path / "folder")

    with pytest.raises(
        InputError,
        match=(
            f"folder: holds another corpus, with document '{EVERYTHING.id}', which would be"
            " overwritten; name another folder"
        ),
    ):
        Corpus([EMPTY]).save(tmp_path / "folder")

    assert list(load_corpus(tmp_path / "folder")) == [EVERYTHING]


def test_a_long_document_is_read_in_time_that_grows_as_its_marks_do(tmp_path):
    words = 20_000
    Corpus(
        [
            Document(
                "d", "Ada " * words, tuple(Entity("PER", 4 * n, 4 * n + 3) for n in range(words))
            )
        ]
    ).save(tmp_path / "folder")

    assert (
        len(load_corpus(tmp_path / "folder")[0].entities) == words
    )  # took minutes when each mark had its text checked anew


def test_what_may_never_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")

    for path in (tmp_path / "pipe.jsonl", "jsonl:/dev/zero"):
        with pytest.raises(InputError, match="a device or a named pipe: expected a file or folder"):
            load_corpus(path)


def test_a_schema_beside_is_never_taken_for_another(tmp_path):
    Corpus([EMPTY], schema=Schema(labels={"PER": "people"})).save(tmp_path / "a.jsonl")

    for other in (Schema(labels={"ORG": "firms"}), None):
        with pytest.raises(
            InputError,
            match="schema.json: differs from the schema of this corpus and would be used for b",
        ):
            Corpus([EMPTY], schema=other).save(tmp_path / "b.jsonl")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "annotations" / "entites.jsonl").write_text(""),
            (
                "entites.jsonl: unknown layer 'entites'; expected one of: entities, events,"
                " attributions, relations; did you mean 'entities'"
            ),
        ),
        (
            lambda f: respell(f, '"file":"d1.txt"', '"file":"../secret.txt"'),
            "file: '../secret.txt' is not in ",
        ),
        (lambda f: respell(f, '"file":"d1.txt"', '"file":"a\\u0000b"'), "corpus.jsonl:1: file: "),
        (lambda f: respell(f, '"file":"d1.txt"', '"file":"lost.txt"'), "lost.txt: No such file"),
        (
            lambda f: respell(f, '"zones"', '"layers":["entitiez"],"zones"'),
            "layers: 'entitiez' is listed, but ",
        ),
        (
            lambda f: respell(f, '"zones"', '"layers":["events","attributions"],"zones"'),
            "doc: document 'd1' has entities, which its line in corpus.jsonl does not list",
        ),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused(tmp_path, spoil, message):
    (tmp_path / "secret.txt").write_text("secret")
    Corpus([EVERYTHING]).save(tmp_path / "folder")
    spoil(tmp_path / "folder")

    with pytest.raises(LoadError) as error:
        load_corpus(tmp_path / "folder")

    assert message in str(error.value)


def respell(folder, old, new):
    path = folder / "corpus" / "corpus.jsonl"
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("format", WRITTEN_FORMATS)
def test_relations_come_back_or_are_counted(tmp_path, format):
    if FORMATS[format].missing:
        pytest.skip("the package of this format is not installed")
    # PubTator has relations of what entities are linked to
    entities = [
        Entity("PER", start, end, id=id, attributes={"link": id})
        for start, end, id in ((0, 3, "T1"), (8, 10, "T2"))
    ]
    relation = Relation("knows", "T1", "T2", id="R1")
    location = f"{format}:{tmp_path}/news{'.xmi' if format == 'cas' else ''}"

    losses = Corpus([Document("d", "Ada met Bo.", entities, relations=[relation])]).save(location)

    document = load_corpus(location)[0]
    ids = {entity.id: (entity.start, entity.end) for entity in document.entities}
    relations = [(each.label, ids[each.head], ids[each.tail]) for each in document.relations or ()]
    if document.relations is None:
        assert losses.counts["relations"] == 1
    else:
        assert relations == [("knows", (0, 3), (8, 10))]
        assert "relations" not in losses.counts


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(
        InputError, match="unknown format 'brut' in 'brut:x'; expected one of: jsonl, directory"
    ):
        load_corpus("brut:x")
    (tmp_path / "x.doc").write_text("")
    with pytest.raises(
        InputError,
        match="unknown suffix '.doc'; write the format before the path, such as conll:",
    ):
        load_corpus(tmp_path / "x.doc")


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("a.conll", "conll:{folder}/a.conll"),
        ("a.conllu", "conllu:{folder}/a.conllu"),
        ("a.spacy", "docbin:{folder}/a.spacy"),
    ],
)
def test_a_folder_of_files_in_another_format_is_answered_with_its_location(
    tmp_path, name, location
):
    (tmp_path / name).write_bytes(b"")

    with pytest.raises(InputError) as raised:
        load_corpus(tmp_path)

    assert str(raised.value).endswith(
        "corpus/corpus.jsonl; its files are in another format: write"
        f" {location.format(folder=tmp_path)}"
    )


def test_a_folder_of_files_in_two_formats_is_answered_with_both_locations(tmp_path):
    (tmp_path / "a.ann").write_bytes(b"")
    (tmp_path / "a.conll").write_bytes(b"")

    with pytest.raises(InputError) as raised:
        load_corpus(tmp_path)

    assert str(raised.value) == (
        f"{tmp_path}: may be brat or conll: write brat:{tmp_path} or conll:{tmp_path}/a.conll"
    )


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InputError, match="nowhere.jsonl: no such file or folder"):
        load_corpus(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize("name", [n for n in FORMATS if n not in ("jsonl", "directory")])
def test_the_documentation_of_a_format_names_its_source(name):
    source = (FORMATS_FOLDER / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")

    assert re.search(r"\(Sources?:\s", ast.get_docstring(ast.parse(source)))
