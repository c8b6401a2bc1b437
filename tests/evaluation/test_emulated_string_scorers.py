"""Scorers of strings, beside values worked by hand from their rules and plain loops. None of them
can be installed from the package index: UniversalNER 4e454fe, InstructUIE e919e88, IEPile 11911a7,
GoLLIE c08b28d.
"""

import json

import pytest
from helpers.cli import run_evalkit
from helpers.emulated_strings import (
    gollie,
    iepile,
    instruct_uie,
    instruct_uie_relations,
    random_string_corpora,
    ratios,
    universal_ner,
)
from helpers.emulation import check_chain
from helpers.quick import choose_quick
from helpers.relations import random_corpora as random_relation_corpora

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Relation,
    Unplaced,
    emulate,
    score,
)

SCORERS = {
    "universal-ner": {},
    "instruct-uie": {},
    "iepile": {"mode": "normal"},
    "iepile set": {"mode": "set"},
    "gollie": {},
}
TEXT = "Mary met Mary in Paris. Paris was wet."
GOLD = [("PER", 0, 4), ("PER", 9, 13), ("LOC", 17, 22), ("LOC", 24, 29)]
PREDICTED = [("PER", 0, 4), ("LOC", 17, 22)]


def run(name, gold, predicted):
    return emulate(name.split()[0], gold, predicted, **SCORERS[name])


def make_corpus(text, spans, strings=()):
    """A document with entities, and with strings that have no offsets; None for what is not a
    string.
    """
    entities = [Entity(*span) for span in spans]
    unplaced = [Unplaced("entities", label, "no offsets", text) for label, text in strings]
    return Corpus([Document("d", text, entities, unplaced=unplaced)])


def make_strings(*strings, text=TEXT):
    """A document with strings only."""
    return make_corpus(text, (), [(label, words) for label, words in strings])


@pytest.fixture
def example():
    return make_corpus(TEXT, GOLD), make_corpus(TEXT, PREDICTED, [("LOC", "Berlin")])


def counts_of(emulated):
    """tp, predicted and gold of the first measure."""
    numbers = emulated.differences[0].scorer
    return numbers.correct, numbers.predicted, numbers.gold


@pytest.mark.parametrize(
    ("name", "counts", "numbers"),
    [
        ("universal-ner", (2, 3, 2), (0.666667, 1.0, 0.8)),
        ("instruct-uie", (2, 3, 2), (0.666667, 1.0, 0.8)),
        ("iepile", (2, 3, 4), (0.6667, 0.5, 0.5714)),
        ("iepile set", (2, 3, 2), (0.6667, 1.0, 0.8)),
        ("gollie", (2, 2, 4), (1.0, 0.5, 0.666667)),
    ],
)
def test_one_prediction_has_five_numbers(example, name, counts, numbers):
    emulated = run(name, *example)

    assert counts_of(emulated) == counts
    assert emulated.differences[0].scorer[:3] == pytest.approx(numbers, abs=5e-7)
    strict = emulated.differences[0].evalkit
    assert strict[:3] == pytest.approx((0.666667, 0.5, 0.571429), abs=5e-7)
    assert (strict.correct, strict.predicted, strict.gold) == (2, 3, 4)
    check_chain(emulated)


def changed_items(emulated):
    """For each step, (rule, {(side, start, text)} of its items)."""
    return [
        (
            step.kind,
            {(change.side, change.item.start, change.item.text) for change in step.changes},
        )
        for step in emulated.differences[0].steps
    ]


def test_the_steps_name_the_items_of_the_example(example):
    missed_once = {("gold", 9, "Mary"), ("gold", 24, "Paris")}
    assert changed_items(run("universal-ner", *example)) == [
        ("count", missed_once),
        ("ratio", set()),
    ]
    assert changed_items(run("gollie", *example)) == [("drop", {("predicted", None, "Berlin")})]
    assert changed_items(run("iepile", *example)) == [("ratio", set())]
    explained = emulate("gollie", *example, explain=True).render(width=200)
    assert "predicted LOC 'Berlin' (wrong → not counted)" in explained


def test_numbers_that_the_scorers_print(example):
    f1 = 2 * (2 / 3) / (2 / 3 + 1)
    universal = run("universal-ner", *example).rows
    assert [list(row) for row in universal] == [["precision", "recall", "f1"]]
    assert list(universal[0].values()) == pytest.approx([2 / 3, 1, f1], abs=1e-9)
    assert list(universal[0].values()) != [2 / 3, 1, f1]  # 1e-10 is added to the denominators
    assert run("instruct-uie", *example).rows == [
        {"name": "NER", "f1": f1, "recall": 1.0, "precision": 2 / 3}
    ]
    assert run("iepile", *example).rows == [{"name": "total", "P": 66.67, "R": 50.0, "F1": 57.14}]
    assert run("iepile set", *example).rows == [
        {"name": "total", "P": 66.67, "R": 100.0, "F1": 80.0}
    ]
    assert [row["name"] for row in run("gollie", *example).rows] == ["entities", "LOC", "PER"]


@pytest.mark.parametrize(
    ("gold", "predicted", "counts"),
    [
        (["The U.S."], ["us"], (1, 1, 1)),
        (["an apple"], ["Apple", "the apple", "a  APPLE!"], (1, 1, 1)),
        (["Theodore"], ["odore"], (0, 1, 1)),  # an article is a word
        (["The"], ["..."], (1, 1, 1)),  # both are empty then
        (["Ada", "a] b"], ["Ada"], (0, 1, 0)),  # the list of gold cannot be parsed
        (["Ada"], ["Ada", "[Bob]"], (0, 0, 1)),
        (["Ada"], ["Ada", None], (0, 0, 1)),
        (["Ada"], [None], (0, 0, 1)),
        ([], [], (0, 0, 0)),
    ],
)
def test_universal_ner_compares_normalized_sets_and_empties_what_it_cannot_parse(
    gold, predicted, counts
):
    sides = [make_strings(*(("PER", text) for text in side)) for side in (gold, predicted)]
    emulated = run("universal-ner", *sides)
    assert counts_of(emulated) == counts
    check_chain(emulated)


def test_universal_ner_empties_the_list_of_the_label_only():
    sides = (
        make_strings(("PER", "Ada"), ("LOC", "Oslo")),
        make_strings(("PER", "Ada"), ("PER", "x]"), ("LOC", "Oslo")),
    )
    assert counts_of(run("universal-ner", *sides)) == (1, 1, 2)


@pytest.mark.parametrize(
    ("gold", "predicted", "counts"),
    [
        ([], [], (1, 1, 1)),  # the empty answer is an item
        ([], [("PER", "Ada")], (0, 1, 1)),
        ([("PER", "Ada")], [], (0, 1, 1)),
        ([("PER", "Ada")], [("PER", None)], (0, 1, 1)),
        ([("Location", "Oslo")], [("located", "OSLO")], (1, 1, 1)),
        ([("PER", "location")], [("PER", "located")], (1, 1, 1)),
        ([("PER", "New  York")], [("per", "new york")], (1, 1, 1)),
        ([("PER", "U. S. ,, {x}")], [("PER", "U.S.,x")], (1, 1, 1)),
        ([("PER", "it ’s")], [("PER", "it's")], (1, 1, 1)),
        ([("PER", "a; b")], [("PER", "a")], (1, 1, 2)),  # cut at the semicolon
        ([("PER", "a;")], [("PER", "a"), ("PER", "a")], (1, 1, 2)),  # an empty part at the end
        ([("PER", "the bank")], [("PER", "bank")], (0, 1, 1)),
    ],
)
def test_instruct_uie_compares_normalized_answers(gold, predicted, counts):
    emulated = run("instruct-uie", make_strings(*gold), make_strings(*predicted))
    assert counts_of(emulated) == counts
    check_chain(emulated)


def test_instruct_uie_scores_empty_answers_to_empty_gold_as_all_correct():
    emulated = run("instruct-uie", make_corpus(TEXT, ()), make_corpus(TEXT, ()))
    assert emulated.rows == [{"name": "NER", "f1": 1.0, "recall": 1.0, "precision": 1.0}]
    assert emulated.differences[0].evalkit.f1 is None


@pytest.mark.parametrize(
    ("mode", "predicted", "counts"),
    [
        ("normal", ["Ada", "Ada", "Ada"], (2, 3, 3)),
        ("set", ["Ada", "Ada", "Ada"], (1, 1, 2)),
        ("normal", ["ada", "Bob "], (0, 2, 3)),  # verbatim
        ("normal", ["Ada", None], (1, 1, 3)),
        ("set", [], (0, 0, 2)),
    ],
)
def test_iepile_compares_strings_verbatim(mode, predicted, counts):
    gold = make_strings(("PER", "Ada"), ("PER", "Ada"), ("PER", "Bob"))
    emulated = emulate("iepile", gold, make_strings(*(("PER", t) for t in predicted)), mode=mode)
    assert counts_of(emulated) == counts
    check_chain(emulated)


def test_iepile_computes_f1_from_rounded_numbers():
    gold = make_strings(*(("PER", str(number)) for number in range(6)))
    # 1 of 1 and 1 of 6: F1 is 28.571…, but 2 · 100 · 16.67 / 116.67 is 28.576…
    assert emulate("iepile", gold, make_strings(("PER", "0"))).rows == [
        {"name": "total", "P": 100.0, "R": 16.67, "F1": 28.58}
    ]


@pytest.mark.parametrize(
    ("predicted", "counts"),
    [
        (["Berlin"], (0, 0, 2)),  # not in the text
        (["MARY", "  paris"], (1, 1, 2)),  # repeats are counted with white space at the ends
        (["Mary", "mary", "Mary"], (1, 2, 2)),  # the text has it twice
        (["ary"], (0, 1, 2)),  # a part of a word
        ([None, "Mary"], (1, 1, 2)),
        ([""], (0, 1, 2)),  # is in any text
        ([], (0, 0, 2)),
    ],
)
def test_gollie_drops_what_is_not_in_the_text(predicted, counts):
    gold = make_strings(("PER", "Mary"), ("PER", "Paris"), text=TEXT)
    emulated = run("gollie", gold, make_strings(*(("PER", text) for text in predicted)))
    assert counts_of(emulated) == counts
    check_chain(emulated)


def test_gollie_counts_repeats_of_all_classes_together():
    gold = make_strings(("PER", "Mary"), ("PER", "Mary"))
    labels = ["LOC", "ORG", "PER"]  # the text has Mary twice: the third is dropped
    emulated = run("gollie", gold, make_strings(*((label, "Mary") for label in labels)))
    assert counts_of(emulated) == (0, 2, 2)


def test_gollie_needs_the_texts():
    sides = [make_strings(("PER", "Mary"), text="") for _ in range(2)]
    with pytest.raises(InputError, match="document 'd' has no text, in which gollie searches"):
        run("gollie", *sides)


EXPECTED = {
    "universal-ner": universal_ner,
    "iepile": lambda *sides: iepile(*sides, "normal"),
    "iepile set": lambda *sides: iepile(*sides, "set"),
}


@pytest.mark.parametrize("gold_strings", [False, True])
@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_random_strings_count_as_in_plain_loops(seed, gold_strings):
    sides = random_string_corpora(seed, gold_strings=gold_strings)

    for name, expect in EXPECTED.items():
        emulated = run(name, *sides)
        counts, numbers = expect(*sides)
        assert counts_of(emulated) == counts, name
        assert [v for v in emulated.rows[0].values() if v != "total"] == list(numbers), name
    counts = instruct_uie(*sides)
    emulated = run("instruct-uie", *sides)
    assert counts_of(emulated) == counts
    row = emulated.rows[0]
    assert (row["precision"], row["recall"], row["f1"]) == ratios(*counts)
    emulated = run("gollie", *sides)
    rows = {
        row["name"]: (row["precision"], row["recall"], row["f1-score"]) for row in emulated.rows
    }
    counts = gollie(*sides)
    assert counts_of(emulated) == tuple(counts["entities"])
    assert rows == {name: ratios(*each) for name, each in counts.items()}


@pytest.mark.parametrize("gold_strings", [False, True])
@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
@pytest.mark.parametrize("name", list(SCORERS))
def test_the_steps_account_for_the_difference(name, seed, gold_strings):
    gold, predicted = random_string_corpora(seed, gold_strings=gold_strings)
    emulated = run(name, gold, predicted)

    check_chain(emulated)
    difference = emulated.differences[0]
    if any(document.unplaced for document in gold):
        strings = "multiset" if name in ("iepile", "gollie") else "strict"
        assert difference.metric == f"surfaces/{strings}"
    else:
        assert difference.metric == "entities/strict"
    row = score(gold, predicted, difference.metric, boot=0)[difference.metric].micro
    numbers = difference.evalkit
    assert (row.tp, row.predicted, row.gold) == (
        numbers.correct,
        numbers.predicted,
        numbers.gold,
    )
    assert (row.precision, row.recall, row.f1) == (
        numbers.precision,
        numbers.recall,
        numbers.f1,
    )


def test_documents_that_were_not_annotated_are_no_examples():
    gold = Corpus([Document("a", "x", []), Document("b", "x", None)])
    predicted = Corpus([Document("a", "x", []), Document("b", "x", [Entity("PER", 0, 1)])])
    assert counts_of(run("instruct-uie", gold, predicted)) == (1, 1, 1)


def test_files_of_the_projects_are_read(tmp_path):
    def conversation(answers):
        turns = [("human", f"Text: {TEXT}"), ("gpt", "I've read this text.")]
        for label, answer in answers.items():
            turns += [("human", f"What describes {label} in the text?"), ("gpt", answer)]
        return {"id": "0", "conversations": [{"from": who, "value": said} for who, said in turns]}

    paths = tmp_path / "gold.json", tmp_path / "predicted.json"
    gold = {"person": '["Mary", "Mary"]', "place": '["Paris"]'}
    for path, answers in zip(paths, (gold, {"person": '["the Mary"]', "place": "none"})):
        path.write_text(json.dumps([conversation(answers)]))
    sides = [f"universal-ner:{path}" for path in paths]
    assert counts_of(emulate("universal-ner", *sides)) == (1, 1, 2)

    line = {
        "Task": "NER",
        "Dataset": "x",
        "Instance": {"id": "0", "sentence": TEXT, "label": "person: Mary; location: Paris"},
        "Prediction": "Person: mary; located: Paris; nothing",
    }
    path = tmp_path / "predict_eval_predictions.jsonl"
    path.write_text(json.dumps(line) + "\n")
    sides = f"instruct-uie:{path}", f"instruct-uie:{path}?annotation_source=predicted"
    assert counts_of(emulate("instruct-uie", *sides)) == (2, 3, 2)

    result = run_evalkit("emulate", "iepile?mode=set", *sides, "--explain", "--format", "json")
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed["rows"] == [{"name": "total", "P": 0.0, "R": 0.0, "F1": 0.0}]
    assert "|scorer:iepile@11911a7[mode=set]|" in printed["signature"]


def make_relations(*relations):
    """A document with relations between Mary (two mentions), Paris and "a;b"."""
    text = "Mary met Mary in Paris. a;b, NA, x"
    spans = {"m1": (0, 4), "m2": (9, 13), "p": (17, 22), "s": (24, 27), "n": (29, 34)}
    entities = [Entity("X", *span, id=id) for id, span in spans.items()]
    return Corpus([Document("d", text, entities, relations=[Relation(*r) for r in relations])])


@pytest.mark.parametrize(
    ("gold", "predicted", "counts"),
    [
        ([("In", "m1", "p")], [("in", "m2", "p")], (1, 1, 1)),  # another mention, another case
        ([("location", "m1", "p")], [("located", "m1", "p")], (1, 1, 1)),
        ([("In", "m1", "p")], [("In", "p", "m1")], (0, 1, 1)),
        ([("In", "m1", "p"), ("In", "m2", "p")], [("In", "m1", "p")], (1, 1, 1)),
        ([("In", "m1", "s")], [("In", "m1", "s")], (1, 1, 1)),  # "in: mary, a"; "b" has no colon
        ([], [], (0, 0, 0)),  # unlike entities
        # NA is a type as any other: an answer without it misses it
        ([("NA", "m1", "p")], [], (0, 0, 1)),
        ([("NA", "m1", "p")], [("NA", "m1", "p")], (1, 1, 1)),
        ([("NA", "m1", "p")], [("In", "m1", "p")], (0, 1, 1)),
    ],
)
def test_instruct_uie_compares_relations_as_strings(gold, predicted, counts):
    sides = make_relations(*gold), make_relations(*predicted)
    emulated = emulate("instruct-uie", *sides, task="RE")
    assert counts_of(emulated) == counts
    assert [row["name"] for row in emulated.rows] == ["RE"]
    check_chain(emulated)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 60))
def test_random_relations_count_as_in_plain_loops(seed):
    gold, predicted = random_relation_corpora(seed, 4, events=bool(seed % 2))
    emulated = emulate("instruct-uie", gold, predicted, task="RE")

    counts = instruct_uie_relations(gold, predicted)
    assert counts_of(emulated) == counts
    row = emulated.rows[0]
    assert (row["precision"], row["recall"], row["f1"]) == ratios(*counts)
    metric = "relations/boundaries"
    row = score(gold, predicted, metric, boot=0)[metric].micro
    numbers = emulated.differences[0].evalkit
    assert (row.tp, row.predicted, row.gold) == (numbers.correct, numbers.predicted, numbers.gold)
    check_chain(emulated)


def test_practices_come_before_the_rules():
    gold = Corpus([Document("d", TEXT, [Entity("PER", 0, 4)]), Document("e", "Bob", [])])
    predictions = [Entity("PER", 0, 4), Entity("PER", 9, 12)]
    predicted = Corpus(
        [Document("d", TEXT, predictions), Document("e", "Bob", [Entity("PER", 0, 3)])]
    )
    practices = "drop-empty+drop-unaligned"
    for name, options in SCORERS.items():
        emulated = emulate(name.split()[0], gold, predicted, practices=practices, **options)
        assert counts_of(emulated) == (1, 1, 1), name
        check_chain(emulated)


def test_an_unknown_mode_is_refused_with_the_known_ones(example):
    with pytest.raises(
        InputError, match="unknown value 'sets' in 'mode='; expected one of: normal"
    ):
        emulate("iepile", *example, mode="sets")
