"""Small files of the kinds that other tools write, each of which was refused once."""

import json

import pytest

from evalkit import Argument, Event, InputError, LoadError, Span, load_corpus, score


def test_a_tab_at_the_end_of_a_brat_line_is_repaired(tmp_path):
    (tmp_path / "d.txt").write_text("Ada ran.")
    (tmp_path / "d.ann").write_text("T1\tPER 0 3\tAda\t\nT2\tACT 4 7\tran\n")

    corpus = load_corpus(f"brat:{tmp_path}")

    assert [(e.label, e.start, e.end) for e in corpus.documents[0].entities] == [
        ("PER", 0, 3),
        ("ACT", 4, 7),
    ]
    assert corpus.conversion.repaired == {"tabs at the end of a line": 1}
    (tmp_path / "d.ann").write_text("T1\tPER 0 3\tAdam\t\n")
    with pytest.raises(LoadError, match="'Adam\\\\t' is not the text"):
        load_corpus(f"brat:{tmp_path}")


def test_a_number_is_a_document_key_of_dygie(tmp_path):
    record = {"doc_key": 58, "sentences": [["Ada", "ran"]], "ner": [[[0, 0, "PER"]]]}
    (tmp_path / "f.jsonl").write_text(json.dumps(record))

    corpus = load_corpus(f"dygie:{tmp_path}/f.jsonl")

    assert list(corpus.ids) == ["58"]


@pytest.mark.parametrize("types", [(None, None), ("PER", None)])
def test_mentions_without_type_are_arguments_only(tmp_path, types):
    mentions = []
    for n, (mention_type, text) in enumerate(zip(types, ("Ada", "gold"))):
        mention = {"id": f"e{n}", "start": 2 * n, "end": 2 * n + 1, "text": text}
        mentions.append(mention if mention_type is None else {**mention, "entity_type": "PER"})
    arguments = [{"entity_id": "e0", "role": "Winner"}, {"entity_id": "e1", "role": "Prize"}]
    trigger = {"start": 1, "end": 2, "text": "won"}
    record = {
        "doc_id": "d1",
        "wnd_id": "d1-1",
        "sentence": "Ada won gold",
        "tokens": ["Ada", "won", "gold"],
        "entity_mentions": mentions,
        "event_mentions": [
            {"id": "v1", "event_type": "Win", "trigger": trigger, "arguments": arguments}
        ],
    }
    (tmp_path / "f.json").write_text(json.dumps(record))

    corpus = load_corpus(f"textee:{tmp_path}/f.json")

    document = corpus.documents[0]
    ref = None if types[0] is None else "e0"
    assert document.events == (
        Event(
            "Win",
            Span(4, 7),
            (Argument("Winner", 0, 3, ref=ref), Argument("Prize", 8, 12)),
            id="v1",
        ),
    )
    assert (document.entities is None) == (types[0] is None)
    what = "mentions without entity type, which are arguments only"
    assert corpus.conversion.dropped == {what: types.count(None)}
    assert score(corpus, corpus, "arg-c")["arg-c"].micro.f1 == 1


@pytest.mark.parametrize("names", ["O,B-PER,I-PER", ["O", "B-PER", "I-PER"]])
def test_numbers_are_tags_where_their_names_are_given(tmp_path, monkeypatch, names):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    row = {"tokens": ["Ada", "Bo", "ran"], "ner_tags": [1, 2, 0]}
    (tmp_path / "data" / "test.jsonl").write_text(json.dumps(row))
    location = f"hf:{tmp_path}/data"

    corpus = load_corpus(location, split="test", names=names)

    assert [(e.label, e.start, e.end) for e in corpus.documents[0].entities] == [("PER", 0, 6)]
    with pytest.raises(InputError, match='numbers without names: .* names="O,B-PER,I-PER"'):
        load_corpus(location, split="test")
    with pytest.raises(InputError, match="index of one of 2 tags"):
        load_corpus(location, split="test", names="O,B-PER")


def prodigy_record(tokens, span):
    return {
        "text": "Ada ran.\n\nBo sat.",
        "tokens": [
            {"text": text, "start": start, "end": end, "id": n}
            for n, (text, start, end) in enumerate(tokens)
        ],
        "spans": [{**span, "label": "PER"}],
        "answer": "accept",
    }


def test_faults_of_tokens_that_no_span_has_are_no_errors_in_prodigy(tmp_path):
    tokens = [("Ada", 0, 3), ("\n\n", 0, 2), ("Bo", 10, 12)]
    path = tmp_path / "f.jsonl"
    path.write_text(
        json.dumps(
            prodigy_record(tokens, {"start": 10, "end": 12, "token_start": 2, "token_end": 2})
        )
    )

    corpus = load_corpus(f"prodigy:{path}")

    assert [(e.start, e.end) for e in corpus.documents[0].entities] == [(10, 12)]
    assert corpus.conversion.dropped == {"tokens": 3}
    tokens[2] = ("Bob", 10, 12)
    path.write_text(
        json.dumps(
            prodigy_record(tokens, {"start": 10, "end": 12, "token_start": 2, "token_end": 2})
        )
    )
    with pytest.raises(LoadError, match=r"tokens\[2\].text: 'Bob' is not the text at 10 to 12"):
        load_corpus(f"prodigy:{path}")
