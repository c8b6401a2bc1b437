"""InstructUIE's data sets, and its files of predictions."""

import gzip
import json
import random
import string

import pytest
from helpers.any_text import corpora
from helpers.profiles import examples
from hypothesis import HealthCheck, given, settings

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Unplaced,
    load_corpus,
    score,
)
from evalkit.formats.instruct_uie import MALFORMED_PARTS, OTHER_OFFSETS, iter_pairs
from evalkit.formats.quoted_entities import WITHOUT_OFFSETS

TEXT = "Ada left Oslo, Norway."


def entity(name, type, *pos):
    return {"name": name, "type": type, "pos": list(pos)}


def write_list(path, *records):
    path.write_text(json.dumps(records), encoding="utf-8")
    return f"instruct-uie:{path}"


def prediction(id, label, output, sentence=TEXT, **instance):
    """A line of predict_eval_predictions.jsonl."""
    instance = {"id": id, "sentence": sentence, "label": label, "ground_truth": label, **instance}
    return {"Task": "NER", "Dataset": "news", "Instance": instance, "Prediction": output}


def load(location, **options):
    return load_corpus(location, predictions=True, **options)


def quotes_of(document):
    return [(item.label, item.quote) for item in document.unplaced]


@pytest.mark.parametrize("is_list", [True, False])
def test_the_entities_of_a_data_set_have_offsets_where_their_names_are_at_them(tmp_path, is_list):
    records = [
        {"sentence": TEXT, "entities": [entity("Ada", "person", 0, 3), entity("Oslo", "place")]},
        {"sentence": TEXT, "entities": [entity("Ada", "person", 1, 4), entity("x", "NA", 0, 1)]},
        {"sentence": TEXT, "entities": []},
        {"sentence": TEXT, "relations": [{"type": "in"}]},
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "a.json").write_text(json.dumps(records) if is_list else lines)

    corpus = load(f"instruct-uie:{tmp_path}/a.json")

    assert list(corpus) == [
        Document(
            "doc-1",
            TEXT,
            (Entity("person", 0, 3),),
            unplaced=(Unplaced("entities", "place", WITHOUT_OFFSETS, "Oslo"),),
        ),
        Document(
            "doc-2", TEXT, (), unplaced=(Unplaced("entities", "person", WITHOUT_OFFSETS, "Ada"),)
        ),
        Document("doc-3", TEXT, ()),
        Document("doc-4", TEXT),
    ]
    assert corpus.conversion.repaired == {OTHER_OFFSETS: 1}
    assert corpus.conversion.dropped == {
        "entities of the type NA or ''": 1,
        "values of the key 'relations'": 1,
    }
    grounded = load(f"instruct-uie:{tmp_path}/a.json?ground=true")
    assert [e.label for e in grounded[0].entities] == ["person", "place"]


def test_gold_and_predictions_of_one_file_are_read_by_name(tmp_path):
    records = [
        prediction("0", "person: Ada; place: Oslo", "person: Ada; place: Norway; nonsense"),
        prediction("1", "None", "None"),
        {"Task": "RE", "Dataset": "x", "Instance": {"id": "0"}, "Prediction": ""},
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    gold = load(f"instruct-uie:{tmp_path}/p.jsonl")
    predicted = load(f"instruct-uie:{tmp_path}/p.jsonl?annotation_source=predicted")

    assert gold.ids == predicted.ids == ["news-0", "news-1"]
    assert quotes_of(gold[0]) == [("person", "Ada"), ("place", "Oslo")]
    assert quotes_of(predicted[0])[1:] == [("person", "Ada"), ("place", "Norway")]
    assert quotes_of(predicted[0])[0] == ("unknown", None)
    assert gold[1].entities == predicted[1].entities == ()
    assert gold.conversion.dropped == {
        "predictions (?annotation_source=predicted reads them)": 2,
    }
    assert gold.conversion.skipped == {"records of other tasks than NER": 1}
    assert predicted.conversion.skipped == {
        "records of other tasks than NER": 1,
        MALFORMED_PARTS: 1,
    }
    row = score(gold, predicted, "surfaces/strict", boot=0)["surfaces/strict"].micro
    assert (row.tp, row.predicted, row.gold) == (1, 3, 2)


@pytest.mark.parametrize(
    "entities",
    [
        [entity("Ada", "person", 0, 3)],
        '[{"name": "Ada", "type": "person", "pos": [0, 3]}]',
        "[{'name': 'Ada', 'type': 'person', 'pos': [0, 3]}]",
    ],
)
def test_entities_of_an_instance_are_preferred_to_its_label(tmp_path, entities):
    record = prediction("0", "person: Bo", "", entities=entities)

    corpus = load(write_list(tmp_path / "a.json", record))

    assert corpus[0].entities == (Entity("person", 0, 3),)
    assert corpus[0].unplaced == ()


@pytest.mark.parametrize(
    ("answer", "pairs"),
    [
        ("", []),
        (" None ", []),
        ("[]", []),
        ("person: Ada", [("person", "Ada")]),
        ("person: Ada; place: Oslo;", [("person", "Ada"), ("place", "Oslo")]),
        ("person: Ada, place: Oslo", [("person", "Ada"), ("place", "Oslo")]),
        ("place: Oslo, Norway, person: Ada", [("place", "Oslo, Norway"), ("person", "Ada")]),
        ("place: Oslo, Norway; person: Ada", [("place", "Oslo, Norway"), ("person", "Ada")]),
        ("time: 10:30; person: Ada", [("time", "10:30"), ("person", "Ada")]),
        ("(Ada, person), (Oslo, place)", [("person", "Ada"), ("place", "Oslo")]),
        ("(Oslo, Norway, place)", [("place", "Oslo, Norway")]),
        ("(Ada (Bo), person); (Oslo, place)", [("person", "Ada (Bo)"), ("place", "Oslo")]),
        ("Ada; person:; : Bo", [("Ada", ""), ("person", ""), ("", "Bo")]),
        ("(Ada)", [("Ada", "")]),
    ],
)
def test_answers_of_all_forms_are_read(answer, pairs):
    assert list(iter_pairs(answer)) == pairs


@pytest.mark.parametrize(
    ("record", "options", "message"),
    [
        ({"sentence": TEXT, "entities": [{"name": "Ada"}]}, {}, "entities.*missing required"),
        ({"sentence": 1, "entities": []}, {}, "sentence: Expected 'str . null', got 'int': 1"),
        ({"entities": []}, {}, r"no text; .*instruct-uie:FILE\?texts=CORPUS"),
        (
            prediction("0", "None", None),
            {"annotation_source": "predicted"},
            "no 'Prediction': gold is read with annotation_source=\"gold\"",
        ),
        (
            prediction("0", "None", "", entities="[{'name': 'Ada'"),
            {},
            "Instance.entities: expected a list of objects with 'name' and 'type', got",
        ),
    ],
)
def test_a_record_of_another_form_is_refused_with_its_line(tmp_path, record, options, message):
    location = write_list(tmp_path / "a.json", record)

    with pytest.raises(LoadError, match=f"a.json:1: .*{message}"):
        load(location, **options)


def test_an_unknown_source_is_named(tmp_path):
    location = write_list(tmp_path / "a.json", {"sentence": TEXT, "entities": []})

    with pytest.raises(InputError, match="unknown annotation_source 'x'.*expected one of: gold"):
        load(location, annotation_source="x")


def test_a_compressed_file_is_read_and_texts_give_ids(tmp_path):
    Corpus([Document("g", TEXT)]).save(tmp_path / "gold.jsonl")
    record = prediction("0", "None", "person: Ada")
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(json.dumps(record).encode()))

    corpus = load(
        f"instruct-uie:{tmp_path}/p.jsonl.gz",
        annotation_source="predicted",
        texts=tmp_path / "gold.jsonl",
        ground=True,
    )

    assert list(corpus.ids) == ["g"]
    assert corpus[0].entities == (Entity("person", 0, 3),)


# ---- plain loops over the answers ----------------------------------------------------------------

LABELS = ["person", "place", "time of day"]
NAMES = ["Ada", "Bo", "10:30", "Oslo", "Ada Lovelace"]


def count_answers(records):
    """Correct, predicted and gold pairs; a part without a colon counts as a wrong one."""
    counts = [0, 0, 0]
    for record in records:
        sides = []
        for answer in (record["Prediction"], record["Instance"]["label"]):
            pairs, malformed = set(), 0
            for part in answer.split("; ") if answer != "None" else []:
                label, colon, name = part.partition(": ")
                if colon:
                    pairs.add((label, name))
                else:
                    malformed += 1
            sides.append((pairs, malformed))
        (predicted, malformed), (gold, _) = sides
        counts[0] += len(predicted & gold)
        counts[1] += len(predicted) + malformed
        counts[2] += len(gold)
    return tuple(counts)


def random_answer(rng, *, with_errors):
    parts = [f"{rng.choice(LABELS)}: {rng.choice(NAMES)}" for _ in range(rng.randrange(4))]
    if with_errors and rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(string.ascii_letters))
    return "; ".join(parts) or "None"


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_surfaces_are_the_numbers_of_plain_loops_over_the_answers(tmp_path, count):
    path = tmp_path / "p.jsonl"
    total = 0
    for seed in range(count):
        rng = random.Random(seed)
        records = [
            prediction(
                str(number),
                random_answer(rng, with_errors=False),
                random_answer(rng, with_errors=True),
            )
            for number in range(rng.randrange(1, 6))
        ]
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        gold = load(f"instruct-uie:{path}")
        predicted = load(f"instruct-uie:{path}?annotation_source=predicted")

        row = score(gold, predicted, "surfaces/strict", boot=0)["surfaces/strict"].micro

        assert (row.tp, row.predicted, row.gold) == count_answers(records), seed
        total += row.tp
    assert total > count / 5


# ---- writing -------------------------------------------------------------------------------------


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    documents=corpora(
        layers=("entities", "events", "attributions", "relations"), broken=True, most=3
    )
)
def test_what_is_read_again_and_what_was_counted_are_what_was_written(tmp_path, documents):
    location = f"instruct-uie:{tmp_path}/w.json"
    losses = Corpus(documents).save(location)

    back = load(location)

    assert [(d.id, d.text) for d in back] == [(d.id, d.text) for d in documents]
    kept = n_entities = 0
    for document, again in zip(documents, back, strict=True):
        spans = {(e.label, e.start, e.end) for e in document.entities or () if not e.fragments}
        assert {(e.label, e.start, e.end) for e in again.entities or ()} == spans
        assert (again.entities is None) == (document.entities is None)
        kept += len(again.entities or ())
        n_entities += len(document.entities or ())
    counts = losses.counts
    equal = counts.get("entities that equal another in what this format holds of them", 0)
    assert kept + counts.get("discontinuous entities", 0) + equal == n_entities


def test_strings_without_offsets_and_the_label_na_are_written_as_the_format_holds_them(tmp_path):
    document = Document(
        "d",
        TEXT,
        [Entity("person", 0, 3), Entity("NA", 4, 8)],
        unplaced=(
            Unplaced("entities", "place", WITHOUT_OFFSETS, "Rome"),
            Unplaced("entities", "place", "no text"),
            Unplaced("triggers", "go", WITHOUT_OFFSETS, "left"),
        ),
    )

    losses = Corpus([document]).save(f"instruct-uie:{tmp_path}/w.json")

    assert json.loads((tmp_path / "w.json").read_text()) == [
        {
            "id": "d",
            "sentence": TEXT,
            "entities": [entity("Ada", "person", 0, 3), entity("Rome", "place")],
        }
    ]
    assert losses.counts == {"unplaced items": 2, "entities with the label NA": 1}
