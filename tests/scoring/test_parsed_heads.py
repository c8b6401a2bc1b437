"""Syntactic heads from a spaCy pipeline, for arguments that have none."""

import random

import pytest
import spacy
from helpers.argument_credit import random_corpora
from helpers.cli import run_evalkit
from helpers.document_events import ranges_of
from spacy.language import Language
from spacy.tokens import Doc

from evalkit import Argument, Corpus, Document, Event, InputError, Scores, Span, score
from evalkit.evaluation.verify import find_differences

METRICS = "arguments/head,attached-arguments/head"
TEXT = "the old man left. He sat."
MAN, OLD_MAN, WITH_LEFT = (8, 11), (0, 11), (0, 16)


@Language.component("test_next_token_heads")
def next_token_heads(doc):
    """Each token depends on the next one: the last token of a span is its head."""
    return Doc(
        doc.vocab,
        [token.text for token in doc],
        [bool(token.whitespace_) for token in doc],
        heads=[min(n + 1, len(doc) - 1) for n in range(len(doc))],
        deps=["dep"] * (len(doc) - 1) + ["ROOT"],
    )


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """The source of heads of a pipeline in a folder."""
    made = spacy.blank("en")
    made.add_pipe("test_next_token_heads")
    made.meta["name"], made.meta["version"] = "chain", "1.2"
    folder = tmp_path_factory.mktemp("pipeline")
    made.to_disk(folder)
    return f"spacy:{folder}"


def make_corpus(*spans, text=TEXT):
    arguments = [each if isinstance(each, Argument) else Argument("Agent", *each) for each in spans]
    return Corpus([Document("d", text, events=[Event("Go", Span(12, 16), arguments)])])


def count(gold, predicted, source):
    row = score(gold, predicted, METRICS, heads=source, boot=0)["arguments/head"].micro
    return row.tp, row.predicted, row.gold


@pytest.mark.parametrize(
    ("gold", "predicted", "matches"),
    [
        (OLD_MAN, MAN, True),
        (MAN, OLD_MAN, True),
        (OLD_MAN, WITH_LEFT, False),  # its head is left
        (OLD_MAN, (4, 7), False),
        (OLD_MAN, (0, 12), True),  # white space is no head
        ((0, 9), MAN, False),  # the head is cut where the span ends
    ],
)
def test_heads_come_from_the_pipeline_on_both_sides(pipeline, gold, predicted, matches):
    found = count(make_corpus(gold), make_corpus(predicted), pipeline)

    assert found == (int(matches), 1, 1)


def test_heads_of_the_corpus_come_first(pipeline):
    gold = make_corpus(Argument("Agent", *OLD_MAN, head=Span(4, 7)))

    assert count(gold, make_corpus((4, 7)), pipeline) == (1, 1, 1)
    assert count(gold, make_corpus(MAN), pipeline) == (0, 1, 1)


def test_the_head_of_a_discontinuous_span_is_one_of_its_tokens(pipeline):
    broken = Argument("Agent", 0, 7, ((0, 3), (4, 7)))
    apart = Argument("Agent", 0, 11, ((0, 3), (8, 11)))

    assert count(make_corpus(apart), make_corpus(MAN), pipeline) == (1, 1, 1)
    assert count(make_corpus(broken), make_corpus((4, 7)), pipeline) == (1, 1, 1)


def last_word(document, argument):
    """The head of an argument in plain words: the last word or sign of its span."""
    if argument.head is not None:
        return ranges_of(argument.head)
    start, end = ranges_of(argument)[-1]
    words = [(start + at, word) for at, word in split(document.text[start:end])]
    at, word = words[-1]
    return ((at, at + len(word)),)


def split(text):
    """The words and full stops of a text, with their offsets."""
    found, word = [], ""
    for at, character in enumerate(text + " "):
        if character in " ." and word:
            found.append((at - len(word), word))
            word = ""
        if character == ".":
            found.append((at, "."))
        elif character != " ":
            word += character
    return found


def test_random_documents_score_as_with_the_heads_in_the_corpus(pipeline):
    gold, predicted = random_corpora(4, 200)
    with_heads = [
        Corpus(list(map(add_heads, corpus)), name=corpus.name) for corpus in (gold, predicted)
    ]

    scores = score(gold, predicted, METRICS, heads=pipeline, boot=0)

    expected = score(*with_heads, METRICS, boot=0)
    for metric in scores:
        assert scores[metric].rows() == expected[metric].rows()
        assert scores[metric].counts.set_aside["gold_without_head"] == 0
    back = score(predicted, gold, METRICS, heads=pipeline, boot=0)
    assert back["arguments/head"].micro.precision == scores["arguments/head"].micro.recall


def add_heads(document):
    events = []
    for event in document.events:
        arguments = []
        for each in event.arguments:
            (start, end), *_ = last_word(document, each)
            head = Span(start, end) if each.head is None else each.head
            arguments.append(Argument(each.role, each.start, each.end, each.fragments, head=head))
        events.append(Event(event.label, event.trigger, arguments, realis=event.realis))
    return Document(document.id, document.text, events=events, zones=document.zones)


def test_the_signature_and_the_result_name_the_pipeline(pipeline, tmp_path):
    gold, predicted = make_corpus(OLD_MAN), make_corpus(MAN)
    metrics = "arguments/head,arguments/strict"

    scores = score(gold, predicted, metrics, heads=pipeline, boot=0)

    assert scores["arguments/head"].signature_fields["heads"] == "spacy:en_chain@1.2"
    assert "heads" not in scores["arguments/strict"].signature_fields
    scores.save(tmp_path / "result.json")
    assert Scores.load(tmp_path / "result.json").metadata.options.heads == pipeline
    assert find_differences(tmp_path / "result.json", gold, predicted) == []


def test_shards_and_shuffled_files_give_the_same_numbers(pipeline, tmp_path):
    gold, predicted = random_corpora(9, 40)
    whole = score(gold, predicted, METRICS, heads=pipeline)
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        (tmp_path / side).mkdir()
        for n in range(2):
            Corpus(list(corpus)[n::2]).save(tmp_path / side / f"{n}.jsonl")
    shuffled = list(predicted)
    random.Random(1).shuffle(shuffled)

    sharded = score(tmp_path / "gold", tmp_path / "predicted", METRICS, heads=pipeline)

    assert sharded.rows() == whole.rows()
    two = score(
        tmp_path / "gold",
        tmp_path / "predicted",
        METRICS,
        heads=pipeline,
        jobs=2,
        backend="threading",
    )
    assert two.to_json() == sharded.to_json()
    other = score(gold, Corpus(shuffled, name="predicted"), METRICS, heads=pipeline)
    assert other.rows() == whole.rows()


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ("en", 'invalid heads="en": expected spacy:NAME, such as spacy:en_core_web_sm'),
        ("spacy:", 'invalid heads="spacy:": expected spacy:NAME'),
        (7, "invalid heads=7: expected spacy:NAME"),
        ("spacy:no_such_pipeline", 'heads="spacy:no_such_pipeline": .*no_such_pipeline'),
    ],
)
def test_an_unknown_source_is_an_error(heads, message):
    with pytest.raises(InputError, match=message):
        score(make_corpus(OLD_MAN), make_corpus(MAN), METRICS, heads=heads)


def test_heads_need_a_metric_that_compares_them(pipeline):
    with pytest.raises(InputError, match="applies to the scheme head only; add arguments/head"):
        score(make_corpus(OLD_MAN), make_corpus(MAN), "arguments/strict", heads=pipeline)


def test_a_pipeline_without_a_parser_is_an_error(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")

    with pytest.raises(InputError, match="document 'd': no syntactic heads: expected a pipeline"):
        score(make_corpus(OLD_MAN), make_corpus(MAN), METRICS, heads=f"spacy:{tmp_path / 'blank'}")


def test_the_command_line_takes_the_option(tmp_path):
    make_corpus(OLD_MAN).save(tmp_path / "gold.jsonl")
    spacy.blank("en").to_disk(tmp_path / "blank")
    arguments = ("--metrics", "arguments/head", "--heads")

    for value, message in (
        (f"spacy:{tmp_path / 'blank'}", "no syntactic heads: expected a pipeline with a parser"),
        ("en", "invalid --heads en: expected spacy:NAME"),
    ):
        run = run_evalkit("score", *[tmp_path / "gold.jsonl"] * 2, *arguments, value)
        assert run.returncode == 2
        assert message in run.stderr
