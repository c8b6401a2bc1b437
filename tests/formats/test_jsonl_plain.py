"""Chunks of plain lines are decoded at once: with the same documents and errors as line by line."""

import json
import random

import pytest

from evalkit import Document, Entity, LoadError, load_corpus
from evalkit.formats import jsonl
from evalkit.formats.jsonl_plain import decode_plain_lines

WORDS = ["Ada", "saw", '"Bob"', "café", "😀", "x\\y", "tab\tbed", "line\nend", "\u2028", "."]


def random_line(draw, number):
    """A plain document as JSON values; entities with and without their text."""
    text = " ".join(draw.choices(WORDS, k=draw.randint(1, 20)))
    entities = []
    for label in draw.sample("ABCDEFG", draw.randint(0, 6)):
        start = draw.randrange(len(text))
        end = draw.randint(start + 1, min(len(text), start + 9))
        entity = {"label": label, "start": start, "end": end}
        if draw.random() < 0.7:
            entity["text"] = text[start:end]
        entities.append(entity)
    return {"id": f"d{number}", "text": text, "entities": entities}


def with_entity(**fields):
    """A change of a line: an entity at the first character, with these fields."""
    return lambda line: line["entities"].append({"label": "Z", "start": 0, "end": 1, **fields})


def with_fields(**fields):
    return lambda line: line.update(fields)


# Changes of the values of a line. Some lines are valid, but not plain.
CHANGES = {
    "start before the text": with_entity(start=-1),
    "end at the start": with_entity(end=0),
    "end past the text": with_entity(end=999),
    "wrong text": with_entity(text="zzz"),
    "empty text": with_entity(text=""),
    "text past the end": lambda line: with_entity(end=999, text=line["text"])(line),
    "empty label": with_entity(label=""),
    "label with quotes": with_entity(label='"'),
    "offset that is a float": with_entity(start=0.5),
    "offset that is a bool": with_entity(end=True),
    "huge offset": with_entity(end=2**70),
    "unknown field": with_entity(unknown=1),
    "id": with_entity(id="T1"),
    "empty id": with_entity(id=""),
    "duplicate id": lambda line: [with_entity(id="T1", end=n)(line) for n in (1, 2)],
    "score": with_entity(score=1),
    "score that is null": with_entity(score=None),
    "score that is a string": with_entity(score="1"),
    "attributes": with_entity(attributes={"a": 'b"'}),
    "fragments": with_entity(end=5, fragments=[[0, 1], [4, 5]]),
    "fragments outside": with_entity(fragments=[[0, 1], [4, 5]]),
    "duplicate entity": lambda line: [with_entity()(line) for _ in range(2)],
    "empty document id": with_fields(id=""),
    "duplicate document id": with_fields(id="d0"),
    "document id that is a number": with_fields(id=3),
    "unknown key": with_fields(unknown=None),
    "meta": with_fields(meta={"a": {'"': ['"', None]}}),
    "meta that is null": with_fields(meta=None),
    "failure": with_fields(failure='it "broke"'),
    "not annotated": lambda line: line.pop("entities"),
    "entities that are null": with_fields(entities=None),
    "events": with_fields(events=[]),
    "zones": with_fields(zones=[{"label": "headline", "start": 0, "end": 1}]),
    "zones past the end": with_fields(zones=[{"label": "headline", "start": 0, "end": 999}]),
    "unplaced": with_fields(unplaced=[{"layer": "entities", "label": "A", "reason": "r"}]),
}
# Changes of the JSON text of a line
DEFECTS = {
    "cut": lambda raw: raw[: len(raw) // 2],
    "over several lines": lambda raw: raw.replace(", ", ",\n", 1),
    "two documents": lambda raw: raw + raw.replace('"id": "', '"id": "other-'),
    "duplicate key": lambda raw: raw[:-1] + ', "text": "x"}',
    "duplicate key of an entity": lambda raw: raw.replace('{"label"', '{"label": "Z", "label"', 1),
    "duplicate key, with escaped quotes": lambda raw: raw.replace(
        '"text": "', '"text": "\\u0022\\u0022'
    ).replace('{"label"', '{"end":1,"label"'),
    "duplicate key of meta": lambda raw: raw[:-1] + ', "meta": {"k": 1, "k": 1}}',
    "blank line": lambda raw: f"{raw}\n \t\n",
    "byte order mark": lambda raw: f"\ufeff{raw}",
    "carriage return": lambda raw: f"{raw}\r",
    "space at the end": lambda raw: f"{raw} ",
    "space before": lambda raw: f" {raw}",
    "list": lambda raw: f"[{raw}]",
    "lone surrogate": lambda raw: raw.replace('"text": "', '"text": "\\ud800', 1),
    "not UTF-8": lambda raw: raw.replace('"text": "', '"text": "\udcff', 1),
}


def outcome(path, **options):
    """What loading a file comes to: documents and counts, or the error."""
    try:
        corpus = load_corpus(path, **options)
    except LoadError as error:
        return str(error), error.errors, error.omitted
    types = {type(entity) for document in corpus for entity in document.entities or ()}
    assert types <= {Entity}
    assert {type(document) for document in corpus} <= {Document}
    return corpus.documents, corpus.conversion.to_json(), corpus.conversion.dropped.examples


def assert_same_outcome(path, monkeypatch, **options):
    """Chunks of all sizes and single lines have the same outcome."""
    with monkeypatch.context() as patch:
        patch.setattr(jsonl, "MAX_OTHER_CHUNKS", 0)
        line_by_line = outcome(path, **options)
    for size in (1, 700, 1900, 200_000):
        with monkeypatch.context() as patch:
            patch.setattr(jsonl, "CHUNK_SIZE", size)
            patch.setattr(jsonl, "MAX_OTHER_CHUNKS", 1000)
            assert outcome(path, **options) == line_by_line


def encode_lines(lines):
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("options", [{}, {"predictions": True}, {"duplicates": "drop"}])
def test_a_changed_line_has_the_same_outcome_in_a_chunk(tmp_path, monkeypatch, change, options):
    draw = random.Random(change)
    lines = [random_line(draw, number) for number in range(12)]
    CHANGES[change](lines[draw.randrange(12)])
    path = tmp_path / "a.jsonl"
    path.write_bytes(encode_lines(json.dumps(line, ensure_ascii=False) for line in lines))

    assert_same_outcome(path, monkeypatch, **options)


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("number", [0, 5, 11])
def test_a_defective_line_has_the_same_outcome_in_a_chunk(tmp_path, monkeypatch, defect, number):
    draw = random.Random(defect)
    lines = [json.dumps(random_line(draw, n), ensure_ascii=number == 5) for n in range(12)]
    lines[number] = DEFECTS[defect](lines[number])
    path = tmp_path / "a.jsonl"
    path.write_bytes(encode_lines(lines))

    assert_same_outcome(path, monkeypatch)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n", ""])
def test_all_line_ends_have_the_same_outcome_in_a_chunk(tmp_path, monkeypatch, ending):
    draw = random.Random(ending)
    lines = [json.dumps(random_line(draw, number)) for number in range(6)]
    path = tmp_path / "a.jsonl"
    path.write_text("\ufeff" + (ending or "\n").join(lines) + ending, newline="")

    assert_same_outcome(path, monkeypatch)


@pytest.mark.parametrize("change", ["id", "score", "meta", "failure", "not annotated"])
def test_lines_with_ids_scores_meta_or_failure_are_plain(change):
    draw = random.Random(change)
    lines = [random_line(draw, number) for number in range(3)]
    CHANGES[change](lines[1])

    documents = decode_plain_lines(encode_lines(map(json.dumps, lines)))

    assert [document.id for document in documents] == ["d0", "d1", "d2"]


@pytest.mark.parametrize(("valid_lines", "errors"), [(0, 1001), (1, 1100)])
def test_a_file_is_read_further_after_a_thousand_invalid_lines_only_if_one_is_valid(
    tmp_path, monkeypatch, valid_lines, errors
):
    plain = json.dumps(random_line(random.Random(1), 1))
    path = tmp_path / "a.jsonl"
    path.write_bytes(encode_lines([*[plain] * valid_lines, *["{"] * 1100]))

    assert_same_outcome(path, monkeypatch)
    with pytest.raises(LoadError) as error:
        load_corpus(path)
    assert len(error.value.errors) + error.value.omitted == errors
