"""Relations of entities without offsets: unplaced where an argument is not found in the text."""

import json
import random

import pytest

from evalkit import Corpus, Relation, Unplaced, load_corpus, score
from evalkit.errors import InputError, LoadError

TEXT = "Ada wrote to Charles in London."
ENTITIES = [("PER", "Ada", "a"), ("PER", "Charles", "c"), ("LOC", "Paris", "p")]
RELATIONS = [("wrote-to", "a", "c"), ("lived-in", "c", "p")]


def write_lines(path, *documents):
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return str(path)


def quoted_line(id="1", text=TEXT, entities=ENTITIES, relations=RELATIONS, **fields):
    return {
        "id": id,
        "text": text,
        "entities": [{"label": label, "text": words, "id": id} for label, words, id in entities],
        "relations": [
            {"label": label, "head": head, "tail": tail} for label, head, tail in relations
        ],
        **fields,
    }


def gold_line(text=TEXT):
    spans = [("PER", 0, 3, "a"), ("PER", 13, 20, "c"), ("LOC", 24, 30, "l")]
    return {
        "id": "1",
        "text": text,
        "entities": [
            {"label": label, "start": start, "end": end, "id": id}
            for label, start, end, id in spans
        ],
        "relations": [
            {"label": "wrote-to", "head": "a", "tail": "c"},
            {"label": "lived-in", "head": "c", "tail": "l"},
        ],
    }


def test_a_relation_of_an_entity_that_is_not_in_the_text_is_unplaced(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", quoted_line())

    corpus = load_corpus(path, ground=True, predictions=True)

    (document,) = corpus
    assert document.relations == (Relation("wrote-to", "a", "c"),)
    assert document.unplaced == (
        Unplaced("entities", "LOC", "not in the text", "Paris"),
        Unplaced("relations", "lived-in", "argument not in the text", "Charles → Paris"),
    )
    assert corpus.conversion.counts == {
        "entities without offsets that were found in the text": 2,
        "entities without offsets that are not in the text (unplaced)": 1,
        "relations of entities that are not in the text (unplaced)": 1,
    }


def test_an_unplaced_relation_is_a_false_positive_and_an_error_of_its_own_kind(tmp_path):
    gold = write_lines(tmp_path / "g.jsonl", gold_line())
    path = write_lines(tmp_path / "p.jsonl", quoted_line())

    scores = score(gold, f"{path}?ground=true", "relations/strict", boot=0)

    for metric in ("relations/strict", "relations/boundaries"):
        row = scores[metric].micro
        assert (row.tp, row.fp, row.fn) == (1, 1, 1)
        assert (scores[metric]["lived-in"].tp, scores[metric]["lived-in"].fp) == (0, 1)
    assert scores.metadata.unplaced == {"not in the text": 1, "argument not in the text": 1}
    assert scores.errors("relations").counts["unplaced"] == 1


def test_without_ground_all_relations_of_quotes_are_unplaced(tmp_path):
    gold = write_lines(tmp_path / "g.jsonl", gold_line())
    path = write_lines(tmp_path / "p.jsonl", quoted_line())

    for predicted in (path, load_corpus(path, predictions=True)):
        scores = score(gold, predicted, "relations/strict,surfaces/strict", boot=0)
        row = scores["relations/strict"].micro
        assert (row.tp, row.predicted, row.gold) == (0, 2, 2)
        assert scores["surfaces/strict"].micro.tp == 2
    (document,) = load_corpus(path, predictions=True)
    assert document.relations == ()
    assert [item.layer for item in document.unplaced] == ["entities"] * 3 + ["relations"] * 2


def test_an_argument_with_offsets_and_an_event_may_be_in_unplaced_relations(tmp_path):
    line = quoted_line(entities=[("LOC", "Paris", "p")], relations=[])
    line["entities"].append({"label": "PER", "start": 0, "end": 3, "id": "a"})
    line["events"] = [{"label": "Contact", "trigger": {"start": 4, "end": 9}, "id": "e"}]
    line["relations"] = [
        {"label": "lived-in", "head": "a", "tail": "p"},
        {"label": "place", "head": "e", "tail": "p"},
        {"label": "agent", "head": "e", "tail": "a"},
    ]
    path = write_lines(tmp_path / "p.jsonl", line)

    for options in ({}, {"ground": True}):
        (document,) = load_corpus(path, predictions=True, **options)
        assert document.relations == (Relation("agent", "e", "a"),)
        assert [item.quote for item in document.unplaced] == [
            "Paris",
            "Ada → Paris",
            "wrote → Paris",
        ]


def test_references_of_arguments_to_entities_that_are_not_in_the_text_are_dropped_and_counted(
    tmp_path,
):
    line = quoted_line(relations=[])
    argument = {"role": "Place", "start": 24, "end": 30, "ref": "p"}
    line["events"] = [
        {"label": "Contact", "trigger": {"start": 4, "end": 9}, "arguments": [argument]}
    ]
    path = write_lines(tmp_path / "p.jsonl", line)

    corpus = load_corpus(path, ground=True, predictions=True)

    assert corpus.documents[0].events[0].arguments[0].ref is None
    assert corpus.conversion.dropped == {"references to entities that are not in the text": 1}
    with pytest.raises(
        LoadError, match=r":1: .*events\[0\].arguments\[0\].ref: .*'p'.*ground=True"
    ):
        load_corpus(path, predictions=True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"relations": [("r", "a", "x")]}, r"relations\[0\].tail: .*no entity.*'x'"),
        ({"relations": [("r", "p", "x")]}, r"relations\[0\].tail: .*no entity.*'x'"),
        ({"relations": [("r", "x", "p")]}, r"relations\[0\].head: .*no entity.*'x'"),
        ({"relations": [("", "a", "p")]}, r"relations\[0\].label: invalid label ''"),
        ({"entities": [*ENTITIES, ("PER", "Ada", "p")]}, r"entities\[3\].id: .*'p'"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"ground": True}])
def test_invalid_relations_are_refused_with_their_place(tmp_path, change, problem, options):
    path = write_lines(tmp_path / "p.jsonl", quoted_line(**change))
    with pytest.raises(LoadError, match=problem):
        load_corpus(path, predictions=True, **options)


@pytest.mark.parametrize("field", [{"score": 0.5}, {"attributes": {"a": 1}}])
def test_fields_that_unplaced_relations_cannot_hold_are_refused_without_ground(tmp_path, field):
    line = quoted_line()
    line["relations"][0].update(field)
    path = write_lines(tmp_path / "p.jsonl", line)
    with pytest.raises(LoadError, match=rf"relations\[0\].*{next(iter(field))}.*ground=True"):
        load_corpus(path, predictions=True)
    (relation,) = load_corpus(path, ground=True).documents[0].relations
    assert getattr(relation, next(iter(field))) == next(iter(field.values()))


def test_gold_may_not_have_unplaced_relations(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", quoted_line())
    for options in ("", "?ground=true"):
        with pytest.raises(InputError, match="gold has"):
            score(f"{path}{options}", f"{path}{options}", "relations/strict", boot=0)


def test_what_was_read_is_saved_and_read_again(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", quoted_line())
    for options in ({}, {"ground": True}):
        corpus = load_corpus(path, predictions=True, **options)
        corpus.save(tmp_path / "again.jsonl")
        assert load_corpus(tmp_path / "again.jsonl", predictions=True).documents == corpus.documents


def test_dicts_in_memory_may_have_relations_of_quotes():
    (document,) = Corpus.from_examples([quoted_line()])
    assert [item.layer for item in document.unplaced] == ["entities"] * 3 + ["relations"] * 2


def test_offsets_in_other_units_are_converted_beside_entities_that_are_searched(tmp_path):
    line = quoted_line(text="éé Ada, Charles", relations=[("r", "a", "c"), ("r", "b", "p")])
    line["entities"].append({"label": "PER", "start": 5, "end": 8, "text": "Ada", "id": "b"})
    path = write_lines(tmp_path / "p.jsonl", line)

    (document,) = load_corpus(path, ground=True, offset_unit="utf-8", predictions=True)

    assert [(entity.start, entity.end) for entity in document.entities] == [(3, 6), (8, 15), (3, 6)]
    assert document.relations == (Relation("r", "a", "c"),)
    assert document.unplaced[-1].quote == "Ada → Paris"


def random_lines(seed, documents):
    """Lines of gold and predictions over words, each word at most once in a text, so that its place
    is certain; predictions may name a word that the text lacks.
    """
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(documents):
        words = draw.sample("abcdefgh", draw.randint(2, 6))
        text = " ".join(words)
        entities = []
        for n in range(draw.randint(1, 4)):
            place = draw.randrange(len(words))
            entities.append(
                {
                    "label": draw.choice("XY"),
                    "start": 2 * place,
                    "end": 2 * place + 1,
                    "id": f"g{n}",
                }
            )
        unique = {(each["label"], each["start"]): each for each in entities}
        ids = [each["id"] for each in unique.values()]
        relations = {
            (draw.choice("rs"), draw.choice(ids), draw.choice(ids))
            for _ in range(draw.randint(0, 4))
        }
        gold.append(
            {
                "id": str(number),
                "text": text,
                "entities": list(unique.values()),
                "relations": [dict(zip(("label", "head", "tail"), each)) for each in relations],
            }
        )
        quotes = {}
        for each in unique.values():
            if draw.random() < 0.8:
                quotes[each["label"], words[each["start"] // 2]] = None
        quotes.setdefault((draw.choice("XY"), draw.choice("abcdefghi")))
        entities = [(label, word, f"p{n}") for n, (label, word) in enumerate(quotes)]
        ids = [id for _, _, id in entities]
        relations = {
            (draw.choice("rs"), draw.choice(ids), draw.choice(ids))
            for _ in range(draw.randint(0, 5))
        }
        predicted.append(quoted_line(str(number), text, entities, sorted(relations)))
    return gold, predicted


def count_relations(gold, predicted, *, is_grounded):
    """(tp, predicted, gold) of relations/strict in plain loops."""
    tp = n_predicted = n_gold = 0
    for one, other in zip(gold, predicted):
        spans = {each["id"]: (each["label"], each["start"]) for each in one["entities"]}
        expected = {(r["label"], spans[r["head"]], spans[r["tail"]]) for r in one["relations"]}
        places = {}
        for each in other["entities"]:
            place = one["text"].find(each["text"])
            if is_grounded and place >= 0:
                places[each["id"]] = (each["label"], place)
        found = set()
        for relation in other["relations"]:
            if relation["head"] in places and relation["tail"] in places:
                found.add((relation["label"], places[relation["head"]], places[relation["tail"]]))
            else:
                n_predicted += 1
        tp += len(expected & found)
        n_predicted += len(found)
        n_gold += len(expected)
    return tp, n_predicted, n_gold


@pytest.mark.parametrize("is_grounded", [False, True])
def test_random_relations_count_as_in_plain_loops(tmp_path, is_grounded):
    gold, predicted = random_lines(3, 300)
    paths = write_lines(tmp_path / "g.jsonl", *gold), write_lines(tmp_path / "p.jsonl", *predicted)
    expected = count_relations(gold, predicted, is_grounded=is_grounded)

    location = f"{paths[1]}?ground=true" if is_grounded else paths[1]
    row = score(paths[0], location, "relations/strict", boot=0)["relations/strict"].micro

    assert (row.tp, row.predicted, row.gold) == expected
    assert (expected[0] > 50) == is_grounded
