"""UniversalNER's conversations: a question for each label, answered by a JSON list of strings."""

import gzip
import json
import random
import re
import string

import pytest
from helpers.any_text import corpora
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import HealthCheck, given, settings

from evalkit import Corpus, Document, Entity, LoadError, Unplaced, load_corpus, score
from evalkit.formats.quoted_entities import WITHOUT_OFFSETS
from evalkit.formats.universal_ner import MALFORMED, MALFORMED_ANSWERS

KEYS = {
    "conversations": ("conversations", "from", "value", "human", "gpt"),
    "messages": ("messages", "role", "content", "user", "assistant"),
}


def conversation(id, text, *answers, form="conversations"):
    """A conversation about a text, with (label, answer) pairs."""
    turns_key, speaker_key, text_key, person, model = KEYS[form]
    turns = [(person, f"Text: {text}"), (model, "I've read this text.")]
    for label, answer in answers:
        turns.append((person, f"What describes {label} in the text?"))
        turns.append((model, answer))
    return {"id": id, turns_key: [{speaker_key: who, text_key: value} for who, value in turns]}


def write_list(path, records):
    path.write_text(json.dumps(records), encoding="utf-8")
    return f"universal-ner:{path}"


def load(location, **options):
    return load_corpus(location, predictions=True, **options)


def quotes_of(document):
    return [(item.label, item.quote) for item in document.unplaced]


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("is_list", [True, False])
def test_the_answers_of_a_conversation_are_strings_without_offsets(tmp_path, form, is_list):
    record = conversation(
        "ner_0", "Ada met Bo.", ("person", '["Ada", "Bo"]'), ("place", "[]"), form=form
    )
    path = tmp_path / "a.json"
    path.write_text(json.dumps([record] if is_list else record), encoding="utf-8")

    corpus = load(f"universal-ner:{path}")

    assert list(corpus) == [
        Document(
            "ner_0",
            "Ada met Bo.",
            (),
            unplaced=tuple(
                Unplaced("entities", "person", WITHOUT_OFFSETS, name) for name in ("Ada", "Bo")
            ),
        )
    ]
    assert not corpus.conversion


def test_conversations_about_one_text_are_one_document_until_a_question_is_repeated(tmp_path):
    records = [
        conversation("x_0", "Ada left.", ("person", '["Ada"]')),
        conversation("x_1", "Ada left.", ("the place", "[]")),
        conversation("x_2", "Ada left.", ("person", '["Ada"]')),
        conversation("x_3", "Bo left.", ("person", '["Bo"]')),
    ]

    corpus = load(write_list(tmp_path / "a.json", records))

    assert [(d.id, d.text, quotes_of(d)) for d in corpus] == [
        ("x_0", "Ada left.", [("person", "Ada")]),
        ("x_2", "Ada left.", [("person", "Ada")]),
        ("x_3", "Bo left.", [("person", "Bo")]),
    ]
    assert corpus.conversion.counts == {"ids of conversations that were joined": 1}


def test_conversations_with_several_questions_are_documents_of_their_own(tmp_path):
    records = [
        conversation(0, "Ada.", ("a", '["Ada"]'), ("b", "[]")),
        conversation(1, "Ada.", ("c", '["Ada"]'), ("d", "[]")),
        conversation(2, "Ada."),
        conversation(3, "Ada.", ("e", "[]")),
    ]

    corpus = load(write_list(tmp_path / "a.json", records))

    assert corpus.ids == ["0", "1", "2", "3"]
    assert [document.entities for document in corpus] == [(), (), None, ()]


@pytest.mark.parametrize(
    ("answer", "malformed"),
    [("Ada and Bo", 1), ('["Ada', 1), ('{"a": 1}', 1), ('[["Ada", "x"], 3, "Bo"]', 2), ("", 1)],
)
def test_an_answer_of_another_form_is_a_prediction_that_is_never_correct(
    tmp_path, answer, malformed
):
    record = conversation("d", "Ada met Bo.", ("person", answer), ("place", '["Bo"]'))

    corpus = load(write_list(tmp_path / "a.json", [record]), ground=True)

    assert [item.reason for item in corpus[0].unplaced] == [MALFORMED] * malformed
    assert corpus.conversion.skipped == {MALFORMED_ANSWERS: malformed}
    assert corpus[0].meta["grounding"]["unparsable"] == malformed
    gold = Corpus([Document("d", "Ada met Bo.", [Entity("person", 0, 3), Entity("place", 8, 10)])])
    row = score(gold, corpus, "surfaces/strict", boot=0)["surfaces/strict"].micro
    assert (row.tp, row.gold) == (1, 2)
    assert row.predicted == 1 + malformed + answer.count('"Bo"')


def test_questions_without_an_answer_and_other_keys_are_counted(tmp_path):
    record = conversation("d", "Ada.", ("a", "[]"), ("b", "[]"))
    record["conversations"].insert(0, {"from": "system", "value": "A chat."})
    record["conversations"][4:5] = []  # the answer of a
    record["conversations"].pop()
    record["source"] = "web"

    corpus = load(write_list(tmp_path / "a.json", [record]))

    assert corpus[0].entities is None
    assert corpus.conversion.dropped == {
        "system messages": 1,
        "questions without an answer": 2,
        "values of the key 'source'": 1,
    }


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": "a"}, "no list of messages as 'conversations' among the keys id"),
        ({"conversations": ["x"]}, r"conversations\[0\]: expected an object, got 'x'"),
        ({"conversations": []}, "no text: expected a message that begins with 'Text:'"),
        (
            {"conversations": [{"from": "bot", "value": "x"}]},
            r"conversations\[0\].from: expected one of: human, .*; got 'bot'",
        ),
        (
            {"messages": [{"role": "user", "content": 3}]},
            r"messages\[0\].value: expected a string, got 3",
        ),
        (
            {"messages": [{"role": "user", "content": "Hi"}]},
            r"messages\[0\].value: expected 'Text: …', got 'Hi'",
        ),
        (
            {
                "conversations": [
                    {"from": "human", "value": "Text: Ada"},
                    {"from": "human", "value": "Who?"},
                ]
            },
            r"conversations\[1\].value: expected 'What describes LABEL in the text\?', got 'Who\?'",
        ),
        ({"id": [1], "conversations": []}, r"id: expected a string, got \[1\]"),
    ],
)
def test_a_record_of_another_form_is_refused_with_its_line(tmp_path, record, message):
    good = conversation("d", "Ada.", ("a", "[]"), ("b", "[]"))
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(record)}\n")

    with pytest.raises(LoadError, match=f"a.jsonl:2: {message}"):
        load(f"universal-ner:{tmp_path}/a.jsonl")
    assert load(f"universal-ner:{tmp_path}/a.jsonl", on_error="skip").ids == ["d"]


def test_documents_get_the_ids_of_the_corpus_with_the_texts(tmp_path):
    gold = Corpus([Document("g0", "Ada left."), Document("g1", "Bo left.")])
    gold.save(tmp_path / "gold.jsonl")
    records = [
        conversation("x_0", "Bo left.", ("person", '["Bo"]')),
        conversation("x_1", "Ada left.", ("person", '["Ada"]')),
    ]
    location = write_list(tmp_path / "a.json", records)

    assert load(location, texts=tmp_path / "gold.jsonl").ids == ["g1", "g0"]


def test_a_compressed_file_is_read_and_the_command_line_scores_it(tmp_path):
    record = conversation("d", "Ada met Bo. Ada.", ("person", '["Ada", "Bo"]'))
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(json.dumps(record).encode()))
    entities = [Entity("person", 0, 3), Entity("person", 8, 10), Entity("person", 12, 15)]
    Corpus([Document("d", "Ada met Bo. Ada.", entities)]).save(tmp_path / "gold.jsonl")
    predicted = f"universal-ner:{tmp_path}/p.jsonl.gz"

    surfaces = run_evalkit("score", tmp_path / "gold.jsonl", predicted, "--metrics=surfaces/strict")
    grounded = run_evalkit("score", tmp_path / "gold.jsonl", f"{predicted}?ground=true", "--boot=0")

    assert surfaces.returncode == grounded.returncode == 0
    assert "1.000" in surfaces.stdout
    assert "0.667" in grounded.stdout  # two of three


# ---- UniversalNER's scorer in plain loops --------------------------------------------------------

WORDS = ["Ada", "the Ada", "Bo!", "BO", "Öst", "new Rome", "new  rome", "a-b"]


def normalize(text):
    """Lower case, without punctuation, articles and repeated spaces."""
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def count_answers(gold_records, predicted_records):
    """Correct, predicted and gold strings: each question is answered by distinct strings. An answer
    that is no list counts as one wrong string.
    """
    correct = n_predicted = n_gold = 0
    for gold, predicted in zip(gold_records, predicted_records, strict=True):
        gold_turns, predicted_turns = gold["conversations"], predicted["conversations"]
        for place in range(3, len(gold_turns), 2):
            gold_strings = {normalize(item) for item in json.loads(gold_turns[place]["value"])}
            try:
                items = json.loads(predicted_turns[place]["value"])
            except ValueError:
                n_predicted += 1
                items = []
            predicted_strings = {normalize(item) for item in items}
            correct += len(gold_strings & predicted_strings)
            n_predicted += len(predicted_strings)
            n_gold += len(gold_strings)
    return correct, n_predicted, n_gold


def random_records(rng, *, with_errors, layout):
    """Conversations about random texts: one for each label, or one for each text."""
    records = []
    for number in range(rng.randrange(1, 5)):
        text = " ".join(rng.choices(WORDS, k=4)) + f" {number if rng.random() < 0.8 else ''}"
        answers = []
        for label in ("person", "place", "a (long) label"):
            answer = json.dumps(rng.choices(WORDS, k=rng.randrange(4)))
            if with_errors and rng.random() < 0.2:
                answer = answer[:-1]
            answers.append((label, answer))
        if layout == "a label in each":
            for answer in answers:
                records.append(conversation(f"c_{len(records)}", text, answer))
        else:
            records.append(conversation(f"c_{len(records)}", text, *answers))
    return records


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_surfaces_are_the_numbers_of_plain_loops_over_the_answers(tmp_path, count):
    total = 0
    for seed in range(count):
        layout = ("a label in each", "all labels in each")[seed % 2]
        gold = random_records(random.Random(seed), with_errors=False, layout=layout)
        rng = random.Random(-seed - 1)
        predicted = json.loads(json.dumps(gold))
        for record in predicted:
            for turn in record["conversations"][3::2]:
                if rng.random() < 0.5:
                    turn["value"] = rng.choice(
                        [json.dumps(rng.choices(WORDS, k=rng.randrange(4))), "none", '["Ada']
                    )
        sides = [
            load(write_list(tmp_path / f"{name}.json", records))
            for name, records in (("gold", gold), ("predicted", predicted))
        ]

        row = score(*sides, "surfaces/strict", normalization="squad", boot=0)["surfaces/strict"]

        micro = row.micro
        expected = count_answers(gold, predicted)
        assert (micro.tp, micro.predicted, micro.gold) == expected, seed
        total += micro.tp
    assert total > count


# ---- writing -------------------------------------------------------------------------------------


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    documents=corpora(
        layers=("entities", "events", "attributions", "relations"), broken=True, most=3
    )
)
def test_what_is_read_again_and_what_was_counted_are_what_was_written(tmp_path, documents):
    path = tmp_path / "w.jsonl"
    losses = Corpus(documents).save(f"universal-ner:{path}")

    back = load(f"universal-ner:{path}")

    assert [(d.id, d.text) for d in back] == [(d.id, d.text) for d in documents]
    kept = n_entities = 0
    for document, again in zip(documents, back, strict=True):
        entities = document.entities or ()
        strings = [(e.label, document.text[e.start : e.end]) for e in entities if not e.fragments]
        n_entities += len(entities)
        kept += len(again.unplaced)
        assert set(quotes_of(again)) == set(strings)
        is_annotated = document.entities is not None
        labels_of_corpus = any(quotes_of(other) for other in back)
        assert (again.entities is not None) == (is_annotated and labels_of_corpus)
    counts = losses.counts
    equal = counts.get("entities that equal another in what this format holds of them", 0)
    assert kept + counts.get("discontinuous entities", 0) + equal == n_entities
    assert counts.get("offsets of entities", 0) == kept
    again = tmp_path / "again.jsonl"
    back.save(f"universal-ner:{again}")
    assert again.read_bytes() == path.read_bytes()


def test_each_document_is_asked_for_each_label_of_the_corpus(tmp_path):
    documents = [
        Document("d0", "Ada met Bo. Ada", [Entity("p", 0, 3), Entity("p", 12, 15)]),
        Document("d1", "Oslo", [Entity("place", 0, 4)]),
        Document("d2", "Oslo", []),
        Document("d3", "Oslo"),
    ]

    Corpus(documents).save(f"universal-ner:{tmp_path}/w.jsonl")

    lines = [json.loads(line) for line in (tmp_path / "w.jsonl").read_text().splitlines()]
    assert lines == [
        conversation("d0", "Ada met Bo. Ada", ("p", '["Ada","Ada"]'), ("place", "[]")),
        conversation("d1", "Oslo", ("p", "[]"), ("place", '["Oslo"]')),
        conversation("d2", "Oslo", ("p", "[]"), ("place", "[]")),
        conversation("d3", "Oslo"),
    ]
    assert load(f"universal-ner:{tmp_path}/w.jsonl", ground=True)[0].entities == (
        documents[0].entities
    )


def test_an_annotated_corpus_without_labels_is_counted(tmp_path):
    losses = Corpus([Document("d", "Ada", [])]).save(f"universal-ner:{tmp_path}/w.jsonl")

    assert losses.counts == {
        "entities that were annotated, in a corpus without labels to ask for": 1
    }
    assert load(f"universal-ner:{tmp_path}/w.jsonl")[0].entities is None
