"""spaCy's scorer, beside spaCy itself."""

import random
from functools import cache

import pytest
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, emulate
from evalkit.errors import InputError

TOKENIZERS = (None, "de", "xx", "whitespace")


def sides(text, gold, predicted):
    """A document with (label, start, end) on both sides."""
    return tuple(
        Corpus([Document("d", text, tuple(Entity(*entity) for entity in entities))], name)
        for name, entities in (("gold", gold), ("predicted", predicted))
    )


@cache
def blank(language):
    import spacy

    return spacy.blank(language)


def make_doc(text, tokenizer):
    from spacy.tokens import Doc

    if tokenizer == "whitespace":
        words = text.split()
        return Doc(blank("en").vocab, words, [True] * (len(words) - 1) + [False] * bool(words))
    return blank(tokenizer or "en").make_doc(text)


def examples(gold, predicted, tokenizers, key=None):
    """Examples of spaCy, with entities or, given a key, with spans."""
    from spacy.training import Example
    from spacy.util import filter_spans

    for pair in zip(gold, predicted):
        docs = []
        for document, tokenizer in zip(pair, tokenizers):
            doc = make_doc(document.text, tokenizer)
            spans = [
                doc.char_span(entity.start, entity.end, label=entity.label)
                for entity in document.entities
            ]
            spans = [span for span in spans if span is not None]
            if key is None:
                doc.ents = filter_spans(spans)
            else:
                doc.spans[key] = spans
            docs.append(doc)
        yield Example(docs[1], docs[0])


def assert_equals_spacy(emulated, printed, name):
    expected = {name: {column: printed[f"{name}_{column}"] for column in "prf"}}
    expected |= printed[f"{name}_per_type"] or {}
    rows = {row["name"]: {column: row[column] for column in "prf"} for row in emulated.rows}
    assert rows.keys() == expected.keys()
    for label, numbers in expected.items():
        for column, value in numbers.items():
            assert rows[label][column] == value, (label, column)


def choose_tokenizers(seed):
    """Those of gold and predictions; the same in half of the cases."""
    draw = random.Random(seed)
    first = draw.choice(TOKENIZERS)
    return first, draw.choice([first, draw.choice(TOKENIZERS)])


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_spacy_prints_the_same_for_entities(seed):
    from spacy.scorer import get_ner_prf

    gold, predicted = random_entity_corpora(seed, unplaced=False)
    tokenizers = choose_tokenizers(seed)
    options = {"tokenizer": tokenizers[0], "predicted_tokenizer": tokenizers[1] or "en"}
    emulated = emulate("spacy-ents", gold, predicted, **options)

    printed = get_ner_prf(examples(gold, predicted, tokenizers))
    assert_equals_spacy(emulated, printed, "ents")


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_spacy_prints_the_same_for_spans(seed):
    from spacy.scorer import Scorer

    gold, predicted = random_entity_corpora(seed, unplaced=False)
    tokenizers = choose_tokenizers(seed)
    options = {"tokenizer": tokenizers[0], "predicted_tokenizer": tokenizers[1] or "en"}
    allow_overlap = seed % 3 > 0
    emulated = emulate("spacy-spans", gold, predicted, allow_overlap=allow_overlap, **options)

    printed = Scorer.score_spans(
        examples(gold, predicted, tokenizers, "sc"),
        "spans_sc",
        getter=lambda doc, _: doc.spans["sc"],
        has_annotation=lambda doc: "sc" in doc.spans,
        allow_overlap=allow_overlap,
    )
    assert_equals_spacy(emulated, printed, "spans_sc")


def test_entities_are_compared_by_the_tokens_of_gold():
    corpora = sides("the Paris-based firm", [("LOC", 4, 15)], [("LOC", 4, 9)])
    options = {"tokenizer": "whitespace", "predicted_tokenizer": "en"}

    ents = emulate("spacy-ents", *corpora, **options)
    spans = emulate("spacy-spans", *corpora, **options)

    assert ents.rows[0] == {"name": "ents", "p": 1.0, "r": 1.0, "f": 1.0}
    assert spans.rows[0] == {"name": "spans_sc", "p": 0.0, "r": 0.0, "f": 0.0}


def test_entities_that_overlap_are_dropped_as_filter_spans_does():
    gold = [("ORG", 0, 14), ("PER", 0, 5)]
    corpora = sides("Alice and Bob Ltd", gold, [("PER", 0, 5), ("PER", 0, 9), ("LOC", 6, 13)])
    emulated = emulate("spacy-ents", *corpora)

    step = next(step for step in emulated.differences[0].steps if "filter_spans" in step.text)
    assert step.kind == "drop"
    dropped = [(change.side, change.item.text) for change in step.changes if not change.after]
    assert dropped == [("predicted", "Alice"), ("predicted", "and Bob")]


def test_entities_within_a_token_are_dropped():
    emulated = emulate("spacy-ents", *sides("Alice", [("PER", 0, 5)], [("PER", 0, 3)]))

    assert [step.text.split(",")[0] for step in emulated.differences[0].steps] == [
        "drops entities that begin or end within a token",
        "counts a ratio with the denominator 0 as 0",
    ]
    assert emulated.rows[0] == {"name": "ents", "p": 0.0, "r": 0.0, "f": 0.0}


@pytest.mark.parametrize("scorer", ["spacy-ents", "spacy-spans"])
def test_there_are_no_numbers_without_any_item(scorer):
    emulated = emulate(scorer, *sides("Alice", [], []))

    assert [[row["p"], row["r"], row["f"]] for row in emulated.rows] == [[None, None, None]]


def test_repeated_spans_count_once():
    emulated = emulate(
        "spacy-spans", *sides("Alice", [("PER", 0, 5)], [("PER", 0, 5)] * 2), key="names"
    )

    assert emulated.rows[0] == {"name": "spans_names", "p": 1.0, "r": 1.0, "f": 1.0}


@pytest.mark.parametrize(
    ("scorer", "options", "message"),
    [
        ("spacy-ents", {"tokenizer": "klingon"}, "unknown tokenizer 'klingon': expected the code"),
        (
            "spacy-spans",
            {"allow_overlap": "maybe"},
            'invalid allow_overlap="maybe": expected true',
        ),
    ],
)
def test_a_wrong_option_is_refused(scorer, options, message):
    with pytest.raises(InputError, match=message):
        emulate(scorer, *sides("Alice", [("PER", 0, 5)], [("PER", 0, 5)]), **options)


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
@pytest.mark.parametrize("scorer", ["spacy-ents", "spacy-spans"])
def test_the_steps_account_for_the_difference(scorer, seed):
    first, second = choose_tokenizers(seed)
    options = {"tokenizer": first, "predicted_tokenizer": second or "en"}
    check_chain(emulate(scorer, *random_tag_corpus(seed)))
    check_chain(emulate(scorer, *random_entity_corpora(seed), **options))
