"""Practices that change the data before a scorer runs."""

import pytest
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.event_scorers import random_structured_corpora
from helpers.quick import choose_quick
from msgspec import structs

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Span,
    emulate,
    score,
)
from evalkit.analysis.scorer_registry import SCORERS
from evalkit.errors import UnknownNameError

TAGS = (
    [["B-PER", "O"], ["O", "O"], ["O", "B-LOC"]],
    [["B-PER", "O"], ["B-LOC", "O"], ["O", "B-ORG"]],
)


def without_empty(gold, predicted):
    """The sequences in which gold has another tag than O."""
    pairs = [pair for pair in zip(gold, predicted) if any(tag != "O" for tag in pair[0])]
    return [list(side) for side in zip(*pairs)] if pairs else ([[]], [[]])


def test_predictions_in_sentences_without_gold_cost_nothing():
    emulated = emulate("seqeval", *TAGS, practices="drop-empty")

    [step] = [step for step in emulated.differences[0].steps if step.kind == "drop"]
    assert step.text == "drop-empty: removes documents and sentences without gold items"
    [change] = step.changes
    assert (change.side, change.item.label, change.document) == ("predicted", "LOC", "1")
    assert (step.before.precision, step.after.precision) == (1 / 3, 1 / 2)
    assert "|scorer:seqeval@1.2.2[practices=drop-empty]|" in emulated.signature


def test_tags_outside_are_removed_too():
    emulated = emulate("sklearn-tokens", *TAGS, practices="drop-empty")

    assert emulated.rows[-1] == {"name": "accuracy", "f1-score": 3 / 4, "support": 4}


@pytest.mark.parametrize("seed", choose_quick(range(300), 8))
@pytest.mark.parametrize("scorer", ["seqeval", "sklearn-tokens", "conlleval"])
def test_the_numbers_are_those_of_the_sentences_with_gold(scorer, seed):
    gold, predicted = random_tag_corpus(seed)

    emulated = emulate(scorer, gold, predicted, practices=["drop-empty"])

    assert emulated.rows == emulate(scorer, *without_empty(gold, predicted)).rows


@pytest.mark.parametrize("seed", choose_quick(range(300), 8))
def test_a_practice_is_a_scorer_of_its_own(seed):
    gold, predicted = random_entity_corpora(seed)
    kept = [document for document in gold if document.entities]
    if not kept:
        return
    ids = {document.id for document in kept}
    [row] = emulate("drop-empty", gold, predicted).rows
    others = predicted.with_documents([each for each in predicted if each.id in ids])
    strict = score(gold.with_documents(kept), others, "entities/strict", boot=0)[
        "entities/strict"
    ].micro

    assert (row["precision"], row["recall"], row["f1"]) == (
        strict.precision,
        strict.recall,
        strict.f1,
    )


def test_entities_that_do_not_align_with_words_are_removed_from_both_sides():
    text = "Ada left Paris."
    gold = Corpus([Document("d", text, (Entity("PER", 0, 3), Entity("LOC", 9, 12)))])
    predicted = Corpus([Document("d", text, (Entity("PER", 0, 3), Entity("LOC", 10, 14)))])

    [row] = emulate("drop-unaligned", gold, predicted).rows
    assert row == {
        "name": "strict",
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "gold": 1,
        "predicted": 1,
    }
    # seqeval reads the words that entities overlap, and so both are the word Paris
    assert emulate("seqeval", gold, predicted).rows[-3]["support"] == 2
    dropped = emulate("seqeval", gold, predicted, practices="drop-unaligned")
    assert dropped.rows[-3]["support"] == 1
    [step] = dropped.differences[0].steps
    assert [change.item.text for change in step.changes] == ["Par", "aris"]


def test_both_practices_are_steps_of_their_own():
    text = "Ada left Paris."
    documents = [Document("a", text, (Entity("PER", 0, 2),)), Document("b", text, ())]
    other = (Entity("LOC", 9, 14),)
    predictions = [Document("a", text, other), Document("b", text, other)]

    emulated = emulate(
        "seqeval", Corpus(documents), Corpus(predictions), practices="drop-empty,drop-unaligned"
    )

    assert [step.text.partition(":")[0] for step in emulated.differences[0].steps[:2]] == [
        "drop-unaligned",
        "drop-empty",
    ]
    assert emulated.rows[0]["name"] == "micro avg"  # nothing is left


@pytest.mark.parametrize("seed", choose_quick(range(10), 2))
@pytest.mark.parametrize(
    "scorer", [name for name, each in SCORERS.items() if each.layer == "entities"]
)
def test_each_scorer_of_entities_has_practices(scorer, seed):
    corpora = random_entity_corpora(seed)

    for practices in ("drop-empty", "drop-unaligned", "drop-empty+drop-unaligned"):
        check_chain(emulate(scorer, *corpora, practices=practices))


def test_nothing_is_left_to_pair():
    """The scorers whose count begins with evalkit's own pairs have none."""
    documents = [Document("a", "Ada left", ())]
    predictions = [Document("a", "Ada left", (Entity("PER", 0, 3),))]
    other = Document("b", "Bob left", (Entity("PER", 0, 3),))

    emulated = emulate(
        "hipe",
        Corpus([*documents, Document("b", "Bob left", (Entity("PER", 0, 2),))]),
        Corpus([*predictions, other]),
        practices=["drop-empty", "drop-unaligned"],
    )

    assert emulated.rows[0]["F1"] == 0


def test_no_practice_is_not_in_the_signature():
    assert "practices" not in emulate("seqeval", *TAGS, practices="").signature


def test_unknown_practices_are_named():
    with pytest.raises(UnknownNameError, match="drop-emty"):
        emulate("seqeval", *TAGS, practices="drop-emty")


def test_only_entities_have_borders():
    events = Corpus([Document("d", "ab", events=[])])
    with pytest.raises(InputError, match="drop-unaligned.*expected a scorer of entities"):
        emulate("textee", events, events, practices="drop-unaligned")


@pytest.mark.parametrize("scorer", ["gen-arg", "gollie?task=events"])
@pytest.mark.parametrize("practice", ["gold-triggers", "head-words"])
def test_scorers_that_read_events_themselves_refuse_practices_of_events(scorer, practice):
    name, _, task = scorer.partition("?task=")
    options = {"task": task} if task else {}
    corpus = make_event_corpus(("Hit", (12, 15), []))
    with pytest.raises(InputError, match=f"{practice}.*{name} reads events itself"):
        emulate(name, corpus, corpus, practices=practice, **options)


def make_event_corpus(*events):
    """Events as (type, trigger, arguments), an argument as (role, span, head)."""
    made = [
        Event(
            kind,
            Span(*trigger),
            [Argument(role, *span, head=head and Span(*head)) for role, span, head in arguments],
        )
        for kind, trigger, arguments in events
    ]
    return Corpus([Document("d", "the old man hit a dog and ran", events=made)])


MAN, DOG, HEAD = (0, 11), (16, 21), (8, 11)


def test_arguments_of_events_that_gold_lacks_cost_nothing():
    gold = make_event_corpus(("Hit", (12, 15), [("Agent", MAN, None)]), ("Run", (26, 29), []))
    predicted = make_event_corpus(
        ("Hit", (12, 15), [("Agent", MAN, None)]),
        ("Run", (26, 29), [("Agent", DOG, None)]),
        ("Die", (12, 15), [("Victim", DOG, None)]),
    )
    emulated = emulate("gold-triggers", gold, predicted)

    assert [row["precision"] for row in emulated.rows] == [1 / 2] * 4
    [step] = emulated.differences[0].steps
    assert [change.item.label for change in step.changes] == ["Victim"]
    rows = emulate("textee", gold, predicted, practices="gold-triggers").rows
    assert [row["pred_num"] for row in rows] == [2] * 6


def test_dygie_does_not_know_the_types_of_removed_events():
    gold = make_event_corpus(("Hit", (12, 15), [("Agent", MAN, None)]))
    predicted = make_event_corpus(("Hit", (12, 15), [("Agent", MAN, None)]), ("Die", (12, 15), []))

    def recall(**options):
        return emulate("dygie", gold, predicted, **options).rows[-1]["recall"]

    assert (recall(), recall(practices="gold-triggers")) == (0.0, 1.0)


def test_arguments_are_reduced_to_their_heads():
    gold = make_event_corpus(("Hit", (12, 15), [("Agent", MAN, HEAD), ("Victim", DOG, None)]))
    predicted = make_event_corpus(
        ("Hit", (12, 15), [("Agent", (4, 11), HEAD), ("Victim", DOG, None)])
    )
    emulated = emulate("head-words", gold, predicted, explain=True)

    assert [row["f1"] for row in emulated.rows] == [1.0] * 4
    assert [difference.evalkit.f1 for difference in emulated.differences] == [0.5] * 4
    assert "without a head, compared as a whole: 2 arguments" in str(emulated)
    rows = emulate("oneie", gold, predicted, practices=["gold-triggers", "head-words"]).rows
    assert [row["F"] for row in rows] == [100.0] * 4


def test_heads_that_are_not_annotated_come_from_a_parser(tmp_path):
    import spacy
    from spacy.tokens import Doc

    @spacy.Language.component("last_word_is_the_head")
    def parse(document: Doc) -> Doc:
        for token in document:
            token.head = document[len(document) - 1]
            token.dep_ = "dep"
        return document

    pipeline = spacy.blank("en")
    pipeline.add_pipe("last_word_is_the_head")
    pipeline.to_disk(tmp_path / "parser")
    gold = make_event_corpus(("Hit", (12, 15), [("Agent", MAN, None)]))
    predicted = make_event_corpus(("Hit", (12, 15), [("Agent", (0, 7), None)]))
    source = f"spacy:{tmp_path / 'parser'}"

    # All words are one step from the root, so that the first word of a span is its head
    emulated = emulate("head-words", gold, predicted, heads=source)
    assert [row["f1"] for row in emulated.rows] == [1.0] * 4
    assert "without a head, compared as a whole: 0 arguments" in str(emulated)
    with pytest.raises(
        InputError, match="heads=.*add practices='head-words'|practices=\"head-words\""
    ):
        emulate("textee", gold, predicted, heads=source)


@pytest.mark.parametrize("seed", choose_quick(range(300), 15))
@pytest.mark.parametrize("practice", ["gold-triggers", "head-words"])
def test_practices_of_arguments_are_changes_of_the_corpora(practice, seed):
    gold, predicted = random_structured_corpora(seed)
    changed = gold, predicted
    if practice == "gold-triggers":
        kept = [keep_events(each, gold[each.id]) for each in predicted]
        changed = gold, predicted.with_documents(kept)
    else:
        changed = tuple(
            side.with_documents([take_heads(each) for each in side]) for side in changed
        )
    for scorer in ("textee", "dygie", "oneie"):
        emulated = emulate(scorer, gold, predicted, practices=practice)
        check_chain(emulated)
        assert emulated.rows == emulate(scorer, *changed).rows


def keep_events(document, gold):
    known = {(each.label, each.trigger) for each in gold.events or ()}
    events = [each for each in document.events or () if (each.label, each.trigger) in known]
    return structs.replace(document, events=tuple(events))


def take_heads(document):
    if document.events is None:
        return document
    events = []
    for event in document.events:
        arguments = {}
        for each in event.arguments:
            span = each.head or each
            fragments = () if each.head else each.fragments
            reduced = Argument(each.role, span.start, span.end, fragments)
            arguments[reduced] = reduced
        events.append(structs.replace(event, arguments=tuple(arguments.values())))
    return structs.replace(document, events=tuple(events))
