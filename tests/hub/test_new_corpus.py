"""A corpus begins, and grows, by one road."""

import json

import pytest
from helpers.cli import run_evalkit

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Schema,
    Span,
    load_corpus,
)
from evalkit.hub.new_corpus import create_or_extend_corpus


def evalkit(*arguments):
    return run_evalkit(*arguments)


@pytest.fixture
def texts(tmp_path):
    """Two texts, one with the line ends of Windows."""
    (tmp_path / "a.txt").write_bytes(b"Ada wrote.\r\nBo read.\r\n")
    (tmp_path / "b.txt").write_text("Cy slept 👩‍👩‍👧.\n", encoding="utf-8")
    return tmp_path


def test_texts_are_copied_byte_for_byte_beside_guidelines_and_a_schema(texts):
    made = evalkit(
        "new",
        texts / "mine",
        texts / "a.txt",
        texts / "b.txt",
        "--language",
        "en",
        "--schema-from",
        "evalkit-news",
    )

    assert made.returncode == 0
    assert made.stdout.splitlines()[0] == f"{texts}/mine: 2 documents added: a, b"
    corpus = load_corpus(texts / "mine")
    assert [(document.id, document.text) for document in corpus] == [
        ("a", "Ada wrote.\r\nBo read.\r\n"),
        ("b", "Cy slept 👩‍👩‍👧.\n"),
    ]
    assert (corpus.schema.name, corpus.schema.version, "PERSON" in corpus.schema.labels) == (
        "mine",
        "0.1.0",
        True,
    )
    assert (
        (texts / "mine/annotations/GUIDELINES.md")
        .read_text(encoding="utf-8")
        .startswith("# Annotation guidelines: mine\n")
    )
    assert (
        evalkit("validate", texts / "mine").stdout
        == f"{texts}/mine: 2 documents, 0 entities, 0 events, 0 attributions: valid (offsets, texts"
        " and ids; labels, zones, rules of schema.json)\n"
    )


def test_a_corpus_is_extended_and_its_files_stay(texts):
    create_or_extend_corpus(texts / "mine", [texts / "a.txt"])
    (texts / "mine/annotations/GUIDELINES.md").write_text("ours", encoding="utf-8")
    (texts / "mine/annotations/entities.jsonl").write_text(
        json.dumps({"doc": "a", "label": "PER", "start": 0, "end": 3}) + "\n", encoding="utf-8"
    )
    rows = texts / "mine/corpus/corpus.jsonl"
    rows.write_text(
        rows.read_text(encoding="utf-8")
        .replace('"layers":[]', '"layers":["entities"]')
        .rstrip("\n"),
        encoding="utf-8",
    )

    added = create_or_extend_corpus(texts / "mine", [texts / "b.txt"])

    assert added == ["b"]
    assert [
        document.entities and len(document.entities) for document in load_corpus(texts / "mine")
    ] == [1, None]
    assert (texts / "mine/annotations/GUIDELINES.md").read_text(encoding="utf-8") == "ours"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"other", "a.txt: the corpus has a document 'a' already; rename the file"),
        (
            "c.txt",
            b"Ada wrote.\r\nBo read.\r\n",
            "c.txt: the same text, byte for byte, as document 'a'",
        ),
        ("c.txt", b"\xff\xfe", "c.txt: not UTF-8 at byte 0; save it as UTF-8"),
        ("c.txt", b" \n", "c.txt: the file has no text"),
        ("c.txt", b"\xef\xbb\xbfAda", "c.txt: begins with a byte order mark"),
        ("c.txt", None, "c.txt: No such file or directory"),
    ],
)
def test_a_text_that_cannot_be_one_is_refused_before_anything_is_written(
    texts, name, content, message
):
    create_or_extend_corpus(texts / "mine", [texts / "a.txt"])
    before = (texts / "mine/corpus/corpus.jsonl").read_bytes()
    (texts / "new").mkdir()
    if content is not None:
        (texts / "new" / name).write_bytes(content)

    with pytest.raises(InputError, match=message):
        create_or_extend_corpus(texts / "mine", [texts / "b.txt", texts / "new" / name])

    assert (texts / "mine/corpus/corpus.jsonl").read_bytes() == before
    assert not (texts / "mine/corpus/b.txt").exists()


def test_a_folder_that_holds_something_else_is_refused(texts):
    with pytest.raises(InputError, match="exists and is not a corpus folder; name a new folder"):
        create_or_extend_corpus(texts, [texts / "a.txt"])


def test_a_hostile_file_name_becomes_one_that_says_nothing(texts):
    (texts / "CON aux..txt").write_text("Ada", encoding="utf-8")

    create_or_extend_corpus(texts / "mine", [texts / "CON aux..txt"])

    assert load_corpus(texts / "mine").ids == ["CON aux."]
    assert sorted(path.name for path in (texts / "mine/corpus").iterdir()) == [
        "card.md",
        "corpus.jsonl",
        "document-000001.txt",
    ]


def test_a_new_schema_has_labels_to_fill(texts):
    evalkit("new", texts / "mine", texts / "a.txt")

    assert json.loads((texts / "mine/annotations/schema.json").read_text()) == {
        "name": "mine",
        "version": "0.1.0",
        "guidelines": "GUIDELINES.md",
        "labels": {},
    }
    assert "schema.json declares no labels" in evalkit("validate", texts / "mine").stdout


def test_the_labels_of_a_schema_are_derived_from_annotations(texts):
    event = Event("Write", Span(4, 9), (Argument("Author", 0, 3),), realis="actual")
    entities = (Entity("PER", 0, 3), Entity("LOC", 4, 5), Entity("PER", 8, 10))
    gold = Corpus([Document("d", "Ada wrote.", entities=entities, events=(event,))])
    gold.save(texts / "gold.jsonl")

    run = evalkit("new", texts / "mine", texts / "a.txt", "--schema-from", texts / "gold.jsonl")

    assert run.returncode == 0
    assert json.loads((texts / "mine/annotations/schema.json").read_text()) == {
        "name": "mine",
        "version": "0.1.0",
        "guidelines": "GUIDELINES.md",
        "labels": {"PER": "", "LOC": ""},
        "events": {"Write": {"definition": "", "roles": {"Author": ""}, "crosswalk": {}}},
        "realis": {"actual": ""},
    }


def test_a_schema_without_labels_gets_those_of_the_corpus_itself(texts):
    mine = texts / "mine"
    evalkit("new", mine, texts / "a.txt")
    line = {"doc": "a", "label": "PER", "start": 0, "end": 3}
    (mine / "annotations/entities.jsonl").write_text(json.dumps(line) + "\n")
    rows = mine / "corpus/corpus.jsonl"
    rows.write_text(rows.read_text().replace('"layers":[]', '"layers":["entities"]'))

    run = evalkit("new", mine, "--schema-from", mine)

    assert run.stdout.startswith(f"{mine}: 0 documents added\n")
    assert load_corpus(mine).schema.labels == {"PER": ""}


def test_a_corpus_without_schema_and_annotations_has_no_labels_to_derive(texts):
    (texts / "gold.jsonl").write_text('{"id": "d", "text": "Ada"}\n')

    run = evalkit("new", texts / "mine", texts / "a.txt", "--schema-from", texts / "gold.jsonl")

    assert (run.returncode, run.stderr) == (
        2,
        f"evalkit: --schema-from {texts}/gold.jsonl: the corpus has no schema and no annotations\n",
    )


def test_a_corpus_has_one_schema(texts):
    create_or_extend_corpus(
        texts / "mine", [texts / "a.txt"], schema=Schema(labels={"PER": "A person."})
    )

    run = evalkit("new", texts / "mine", texts / "b.txt", "--schema-from", "evalkit-news")

    assert (run.returncode, run.stderr) == (
        2,
        f"evalkit: {texts}/mine/annotations/schema.json: declares labels already; --schema-from is"
        " for a new corpus\n",
    )


def test_a_card_to_fill_is_written_and_its_draft_lists_what_is_missing(texts):
    made = evalkit("new", texts / "mine", texts / "a.txt", "--language", "en")

    card = evalkit("card", texts / "mine")
    draft = evalkit("card", texts / "mine", "--draft", "-o", texts / "README.md")

    assert (
        made.stdout.splitlines()[-1]
        == f"to publish: fill {texts}/mine/corpus/card.md; evalkit card {texts}/mine --draft lists"
        " what is missing"
    )
    assert card.returncode == 2
    assert f"{texts}/mine/corpus/card.md: no license in the metadata" in card.stderr
    assert draft.returncode == 0
    lines = draft.stderr.splitlines()
    assert (
        lines[0] == f"{texts}/README.md: 14 places to fill, here or in {texts}/mine/corpus/card.md:"
    )
    assert lines[1] == f"  {texts}/README.md: no license in the metadata"
    assert (texts / "README.md").read_text().count("[More Information Needed]") == 14


def test_a_folder_without_texts_can_be_filled_later(texts):
    first = evalkit("new", texts / "mine")
    second = evalkit("new", texts / "mine", texts / "a.txt")

    assert first.stdout.startswith(f"{texts}/mine: 0 documents added\n")
    assert second.stdout.startswith(f"{texts}/mine: 1 document added: a\n")
    assert load_corpus(texts / "mine").ids == ["a"]


def test_a_schema_with_labels_leaves_their_definitions_to_write(texts):
    run = evalkit("new", texts / "mine", texts / "a.txt", "--schema-from", "evalkit-news")
    Corpus([Document("a", "Ada", entities=[Entity("PER", 0, 3)])]).save(texts / "gold.jsonl")
    derived = evalkit(
        "new", texts / "other", texts / "a.txt", "--schema-from", texts / "gold.jsonl"
    )

    assert "the labels" not in run.stdout
    assert "and the definitions of the labels (" in derived.stdout


def test_a_draft_on_stdout_names_the_sections_of_the_card_to_fill(texts):
    evalkit("new", texts / "mine", texts / "a.txt")

    draft = evalkit("card", texts / "mine", "--draft")

    lines = draft.stderr.splitlines()
    assert lines[0] == f"{texts}/mine/corpus/card.md: 15 places to fill:"
    assert "README.md" not in draft.stderr
    assert "  section 'Direct Use': replace '[More Information Needed]'" in lines
