"""Several annotators' examples in one Prodigy file, or in two in other orders."""

import json

import pytest

from evalkit import InputError, LoadError, load_corpus, score
from evalkit.errors import UnknownNameError


def example(text, who, spans=((0, 3),), **fields):
    items = [{"start": start, "end": end, "label": "P"} for start, end in spans]
    return {"text": text, "spans": items, "answer": "accept", "_annotator_id": who, **fields}


EXAMPLES = [
    example("Ann left", "a"),
    example("Bob left", "a"),
    example("Bob left", "b"),
    example("Ann left", "b", ()),
]


def save(path, examples):
    path.write_text("".join(json.dumps(each) + "\n" for each in examples))
    return f"prodigy:{path}"


def test_two_annotators_of_one_file_are_compared(tmp_path):
    location = save(tmp_path / "both.jsonl", EXAMPLES)

    scores = score(f"{location}?annotator=a", f"{location}?annotator=b", "ner", boot=0)

    row = scores["ner"].micro
    assert (row.precision, row.recall, row.tp) == (1, 0.5, 1)
    assert scores.metadata.conversion["gold"]["skipped"] == {"examples of other annotators": 2}
    assert "both[a]" in scores["ner"].signature


@pytest.mark.parametrize("hashes", [False, True])
def test_two_files_in_other_orders_are_joined_by_their_texts(tmp_path, hashes):
    examples = [dict(each) for each in EXAMPLES]
    if hashes:
        for each in examples:
            each["_input_hash"] = -11 if each["text"] == "Ann left" else 12
    first = save(tmp_path / "a.jsonl", examples[:2])
    second = save(tmp_path / "b.jsonl", examples[2:])

    scores = score(first, second, "ner", boot=0)

    row = scores["ner"].micro
    assert (row.precision, row.recall, row.tp) == (1, 0.5, 1)
    ids = set(load_corpus(first).ids)
    assert ids == ({"-11", "12"} if hashes else set(load_corpus(second).ids))


def test_a_file_of_several_annotators_needs_the_option(tmp_path):
    location = save(tmp_path / "both.jsonl", EXAMPLES)

    with pytest.raises(
        LoadError, match="annotated by 'a' and 'b': choose one, as in annotator=\"a"
    ):
        load_corpus(location)
    with pytest.raises(UnknownNameError, match="unknown annotator 'c'.* expected one of: a, b"):
        load_corpus(location, annotator="c")


@pytest.mark.parametrize("name", ["news-ann", "ann"])
def test_a_session_is_named_in_full_or_by_its_last_part(tmp_path, name):
    examples = [
        example("Ann left", None, _session_id="news-ann"),
        example("Bob left", None, _session_id="news-joann"),
    ]

    corpus = load_corpus(save(tmp_path / "f.jsonl", examples), annotator=name)

    assert [document.text for document in corpus] == ["Ann left"]


def test_a_text_that_one_annotator_has_twice_is_two_documents(tmp_path):
    corpus = load_corpus(save(tmp_path / "f.jsonl", [EXAMPLES[0]] * 3))

    (first, *others) = corpus.ids
    assert others == [f"{first}/2", f"{first}/3"]


def test_ids_of_their_own_are_kept_and_others_are_numbers(tmp_path):
    plain = {"text": "Ann left", "spans": []}
    examples = [{**plain, "id": "x"}, {**plain, "meta": {"id": 7}}, plain, {**plain, "id": ""}]

    corpus = load_corpus(save(tmp_path / "f.jsonl", examples))

    assert list(corpus.ids) == ["x", "7", "doc-3", "doc-4"]
    with pytest.raises(InputError, match="unknown annotator 'a'"):
        load_corpus(save(tmp_path / "f.jsonl", examples), annotator="a")
