"""Relations: the published examples, and equality with plain loops on random documents."""

import random

import pytest
from helpers.relations import (
    SCHEMES,
    count_relations,
    items_of,
    random_corpora,
    random_document,
)

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Relation,
    Schema,
    load_corpus,
    score,
)
from evalkit.data.schema import RelationType, schema_errors
from evalkit.errors import DocumentError

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
METRICS = [f"relations/{scheme}" for scheme in SCHEMES]


def make_document(triples, text=TEXT, id="d"):
    """A document with (head, tail, label); head and tail are (start, end, label)."""
    ids = {}
    for head, tail, _ in triples:
        for argument in (head, tail):
            ids.setdefault(argument, f"T{len(ids) + 1}")
    entities = [Entity(label, start, end, id=ids[start, end, label]) for start, end, label in ids]
    relations = [Relation(label, ids[head], ids[tail]) for head, tail, label in triples]
    return Document(id, text, entities, relations=relations)


def counts_of(row):
    return row.tp, row.predicted, row.gold


ADA, ADA_AS_ORG = (0, 12, "PER"), (0, 12, "ORG")
CHARLES, SOCIETY = (22, 37, "PER"), (45, 68, "ORG")
GOLD = [(ADA, SOCIETY, "member"), (ADA, CHARLES, "friend")]
PREDICTED = [
    (ADA_AS_ORG, SOCIETY, "member"),
    (CHARLES, ADA, "friend"),
    (SOCIETY, ADA, "member"),
]


def test_symmetric_relations_and_labels_of_arguments():
    schema = Schema(relations={"friend": RelationType(symmetric=True)})
    gold = Corpus([make_document(GOLD)], schema=schema)
    predicted = Corpus([make_document(PREDICTED)])

    scores = score(gold, predicted, METRICS)

    assert counts_of(scores["relations/strict"].micro) == (1, 3, 2)
    assert counts_of(scores["relations/boundaries"].micro) == (2, 3, 2)
    assert scores["relations/boundaries"].micro.f1 == 0.8


def test_a_relation_is_directed_unless_the_schema_calls_it_symmetric():
    scores = score(Corpus([make_document(GOLD)]), Corpus([make_document(PREDICTED)]), METRICS)

    assert counts_of(scores["relations/strict"].micro) == (0, 3, 2)


def test_a_repeated_relation_counts_once():
    text = "aaaa bbbb cccc"
    a, b, c = (0, 4, "A"), (5, 9, "B"), (10, 14, "B")
    gold = make_document([(a, b, "r"), (a, c, "r")], text)
    predicted = make_document([(a, b, "r"), (a, b, "r"), (a, c, "q")], text)

    scores = score(Corpus([gold]), Corpus([predicted]), METRICS)

    assert counts_of(scores["relations/strict"].micro) == (1, 2, 2)
    assert scores["relations/strict"].micro.f1 == 0.5
    assert counts_of(scores["relations/exact"].micro) == (2, 2, 2)


def test_duplicates_in_gold_are_an_error():
    gold = Corpus([make_document([(ADA, SOCIETY, "r"), (ADA, SOCIETY, "r")])])

    with pytest.raises(LoadError, match=r"relations\[1\]: duplicate of relations\[0\]"):
        score(gold, Corpus([make_document(GOLD)]))


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_random_documents_score_as_in_plain_loops(documents, events):
    gold, predicted = random_corpora(documents, documents, events=events)

    scores = score(gold, predicted, METRICS, boot=0)

    for scheme in SCHEMES:
        by_document = dict(scores[f"relations/{scheme}"].by_document())
        for mine, theirs in zip(gold, predicted):
            expected = count_relations(scheme, mine, theirs)
            row = by_document.get(mine.id)
            assert expected == ((0, 0, 0) if row is None else counts_of(row)), (scheme, mine.id)


@pytest.mark.parametrize("events", [False, True])
def test_files_shards_orders_and_batches_give_the_same_bytes(tmp_path, events):
    gold, predicted = random_corpora(5, 150, events=events)
    predicted = Corpus(list(predicted), schema=gold.schema, name="predicted")
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS)
    assert whole.rows() == score(gold, predicted, METRICS).rows()
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        (tmp_path / side).mkdir()
        for n in range(3):
            part = Corpus(list(corpus)[n::3], schema=corpus.schema)
            part.save(tmp_path / side / f"{n}.jsonl")
    shuffled = list(predicted)
    random.Random(1).shuffle(shuffled)
    Corpus(shuffled, schema=gold.schema).save(tmp_path / "shuffled.jsonl")

    assert score(tmp_path / "gold", tmp_path / "predicted", METRICS).rows() == whole.rows()
    assert score(gold, Corpus(shuffled, name="predicted"), METRICS).rows() == whole.rows()
    two = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS, jobs=2)
    assert two.to_json() == whole.to_json()
    unordered = score(tmp_path / "gold.jsonl", tmp_path / "shuffled.jsonl", METRICS)
    assert unordered.rows() == whole.rows()


def test_sides_can_be_exchanged():
    gold, predicted = random_corpora(6, 200)
    predicted = Corpus(list(predicted), schema=gold.schema)
    forward, back = score(gold, predicted, METRICS), score(predicted, gold, METRICS)

    for metric in METRICS:
        row, other = forward[metric].micro, back[metric].micro
        assert (row.precision, row.recall) == (other.recall, other.precision)


def test_the_order_of_annotations_and_their_ids_do_not_matter():
    draw = random.Random(3)
    gold, predicted = random_corpora(7, 100)
    scores = score(gold, predicted, METRICS)
    changed = []
    for document in predicted:
        new_id = {entity.id: f"x{entity.id}" for entity in document.entities}
        entities = [
            Entity(each.label, each.start, each.end, id=new_id[each.id])
            for each in document.entities
        ]
        relations = [
            Relation(each.label, new_id[each.head], new_id[each.tail])
            for each in document.relations
        ]
        draw.shuffle(entities)
        draw.shuffle(relations)
        changed.append(Document(document.id, document.text, entities, relations=relations))

    assert score(gold, Corpus(changed), METRICS).rows() == scores.rows()


def test_label_maps_rename_relations_and_the_labels_of_their_arguments():
    gold, predicted = random_corpora(8, 100)
    maps = {"relations": {"near": "spouse", "works-for": None}, "entities": {"B": "A"}}

    scores = score(gold, predicted, METRICS, label_map=maps, boot=0)

    mapped = [corpus.map_labels(maps) for corpus in (gold, predicted)]
    mapped = [Corpus(_without_duplicates(corpus), schema=gold.schema) for corpus in mapped]
    expected = score(*mapped, METRICS, boot=0)
    for metric in METRICS:
        assert counts_of(scores[metric]["spouse"]) == counts_of(expected[metric]["spouse"])
        assert counts_of(scores[metric].micro) == counts_of(expected[metric].micro)


def _without_duplicates(corpus):
    for document in corpus:
        entities, kept_ids = {}, {}
        for entity in document.entities:
            first = entities.setdefault((entity.label, entity.start, entity.end), entity)
            kept_ids[entity.id] = first.id
        relations = {
            (relation.label, kept_ids[relation.head], kept_ids[relation.tail]): None
            for relation in document.relations
        }
        relations = [Relation(*each) for each in relations]
        yield Document(document.id, document.text, list(entities.values()), relations=relations)


def test_saved_relations_are_read_back(tmp_path):
    gold, _ = random_corpora(9, 30, events=True)

    for name in ("gold.jsonl", "gold.parquet", "folder"):
        gold.save(tmp_path / name)
        assert list(load_corpus(tmp_path / name)) == list(gold)
    assert load_corpus(tmp_path / "folder").schema == gold.schema


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        (Relation("r", "T1", "T9"), r"relations\[0\].tail: no entity or event .* the id 'T9'"),
        (Relation("r", "R1", "T1", id="R1"), r"relations\[0\].head: no entity or event"),
    ],
)
def test_arguments_are_ids_of_entities_or_events(relation, message):
    with pytest.raises(DocumentError, match=message):
        Document("d", "Ada", [Entity("PER", 0, 3, id="T1")], relations=[relation])


@pytest.mark.parametrize("field", ["label", "head", "tail"])
@pytest.mark.parametrize("value", ["", None, 3])
def test_fields_of_relations_are_checked(field, value):
    with pytest.raises(DocumentError, match=f"{field}"):
        Relation(**{"label": "r", "head": "T1", "tail": "T2", field: value})


def test_a_corpus_without_relations_cannot_be_scored_for_them():
    corpus = Corpus([Document("d", "Ada", [Entity("PER", 0, 3)])])

    with pytest.raises(InputError, match="relations"):
        score(corpus, corpus, "relations/strict")


def test_the_schema_is_checked():
    schema = Schema(relations={"member": RelationType(head=("PER",), tail=("ORG",))})
    corpus = Corpus([make_document(PREDICTED[:1])])

    errors = [str(error) for error in schema_errors(corpus[0], schema)]

    assert len(errors) == 1
    assert "relations[0].head: unknown label of a head of member 'ORG'" in errors[0]


def test_random_documents_have_all_kinds_of_relations():
    draw = random.Random(0)
    documents = [random_document(draw, n, events=True) for n in range(200)]
    items = [item for document in documents for item in items_of(document)]
    kinds = {(head[0], tail[0]) for _, head, tail in items}

    assert kinds == {(a, b) for a in ("entity", "event") for b in ("entity", "event")}
    assert any(head == tail for _, head, tail in items)


def test_a_list_of_labels_is_one_of_relations_where_all_metrics_are():
    gold, predicted = random_corpora(21, 30)
    expected = score(gold, predicted, "relations/strict", boot=0)["relations/strict"]["near"]

    by_list = score(gold, predicted, "relations/strict", labels=["near"], boot=0)
    renamed = score(gold, predicted, "relations/strict", label_map={"near": "by"}, boot=0)

    assert expected.tp > 0
    assert by_list["relations/strict"].labels == ("near",)
    assert by_list["relations/strict"]["near"] == expected
    assert renamed["relations/strict"]["by"].tp == expected.tp
