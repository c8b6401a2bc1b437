"""What the report of an error analysis shows beside the numbers: warnings, examples, wording."""

import re

import pytest
from helpers.error_corpora import document_of

from evalkit import Argument, Corpus, Document, Entity, Event, Span, evaluate, score, score_spans

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
GOLD = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG"), (72, 76, "DATE")]
PREDICTED = [(4, 12, "PER"), (22, 37, "ORG"), (45, 58, "ORG"), (62, 68, "LOC")]


def scores_of(gold=GOLD, predicted=PREDICTED, text=TEXT, documents=1, **options):
    sides = [
        Corpus([document_of(f"d{n}", spans, text) for n in range(documents)], name=name)
        for name, spans in (("gold", gold), ("system", predicted))
    ]
    return score(*sides, "entities/strict", **options)


def examples_of(text, kind):
    """The lines of the table of examples of a kind."""
    block = text.split(f"Examples: {kind},")[1]
    return block.split("\n\n")[0].splitlines()[1:]


def test_warnings_failures_and_set_aside_items_are_those_of_the_scores():
    gold = Corpus([document_of(f"d{n}", GOLD, TEXT) for n in range(2)], name="gold")
    documents = [
        document_of("d0", [(0, 12, "PER"), (22, 37, "Person")], TEXT),
        document_of("d1", [], TEXT),
    ]
    scores = score(gold, Corpus(documents, name="system"), "entities/strict", labels=["PER"])

    text = scores.errors().render()

    for warning in scores.label_warnings(command_line=True):
        assert f"Warning: {warning}" in text
    assert "Warning: 2 documents: differences between models may be due to chance" in text
    assert "Set aside, gold items that the label map or the list of labels drops: 4 (ent" in text


@pytest.mark.parametrize("no_text", [False, True])
def test_documents_that_the_model_failed_on_are_named(no_text):
    def model(text):
        raise ValueError(f"cannot read {text}")

    analysis = evaluate(model, Corpus([document_of("d0", GOLD, TEXT)])).errors()

    text = analysis.render(no_text=no_text)

    assert "FAILED on 1 of 1 document; their gold items count as missed" in text
    assert ("Ada Lovelace" in text) != no_text
    assert "failed document" in text


def test_labels_that_drop_everything_are_explained():
    text = scores_of(labels=["ZZZ"]).errors().render()

    assert "labels named in --labels or --label-map that occur nowhere: ZZZ" in text
    assert "no items: there is nothing to analyze" in text
    assert "Set aside, gold items that the label map or the list of labels drops: 4" in text


def test_a_perfect_system_has_no_tables_of_errors():
    text = scores_of(predicted=GOLD, documents=12).errors().render()

    assert "no errors" in text
    assert "Kinds of error" not in text
    assert "Where the system is worst" not in text


@pytest.mark.parametrize("no_text", [False, True])
def test_examples_have_details_in_a_column(no_text):
    rows = examples_of(scores_of().errors().render(no_text=no_text), "boundary")

    assert rows[0].split()[:4] == ["start", "gold", "predicted", "detail"]
    assert rows[2].split()[:5] == ["0", "PER", "PER", "too", "short"]


def test_without_text_examples_have_both_offsets_and_hashes():
    rows = examples_of(scores_of().errors().render(no_text=True), "boundary")

    assert "0–12 → 4–12" in rows[2]
    assert len(re.findall(r"#[0-9a-f]{8}\b", rows[2])) == 2


def test_spans_without_texts_have_offsets():
    text = score_spans([[(0, 3, "A"), (5, 9, "B")]], [[(0, 4, "A")]]).errors().render()

    assert examples_of(text, "boundary")[2].endswith("0–3 → 0–4")
    assert examples_of(text, "missed")[2].endswith("5–9")


def test_attached_arguments_show_the_roles_of_both_sides_and_merge_equal_errors():
    text = "Rebels attacked and shelled the town."
    town = Entity("GPE", 32, 36)

    def corpus(role, name):
        events = tuple(
            Event(kind, Span(*trigger), (Argument(role, 32, 36),))
            for kind, trigger in (("Attack", (7, 15)), ("Shelling", (20, 27)))
        )
        return Corpus([Document("d", text, entities=(town,), events=events)], name=name)

    scores = score(corpus("Target", "gold"), corpus("Place", "system"))

    rows = examples_of(scores.errors("attached-arguments").render(), "role")

    assert rows[0].split()[:3] == ["start", "gold", "predicted"]
    assert [row.split()[:4] for row in rows[2:]] == [["32", "×2", "Target", "Place"]]


def test_long_labels_leave_room_for_the_words_around_an_error():
    label = "A" * 40
    gold = [(start, end, f"{label}{n}") for n, (start, end, _) in enumerate(GOLD)]
    predicted = [(start, end, f"{label}X{n}") for n, (start, end, _) in enumerate(GOLD)]

    text = scores_of(gold, predicted).errors().render(width=80)

    rows = examples_of(text, "label")
    assert all(len(row) <= 80 for row in rows)
    assert any("[Charles Babbage] of the" in row for row in rows)
    confused = text.split("Labels that are confused")[1].split("\n\n")[0]
    assert all(len(line) <= 80 for line in confused.splitlines())


def test_another_metric_is_named_where_it_is_broken_down():
    scores = scores_of(documents=12)

    text = scores.errors(by="length", metric="entities/exact").render()

    assert "By length, entities/exact" in text
    assert "Where the system is worst, entities/exact (buckets of 10 or more items)" in text


def test_one_document_with_all_errors_has_the_whole_share():
    documents = [document_of("d0", GOLD, TEXT), document_of("d1", GOLD, TEXT)]
    answers = [document_of("d0", GOLD, TEXT), document_of("d1", [], TEXT)]

    text = score(Corpus(documents), Corpus(answers), "entities/strict").errors().render()

    assert "100.0 %" in text


def test_scores_of_predictions_have_no_columns_of_gold():
    entities = tuple(Entity("A", 10 * n, 10 * n + 2, score=n / 20) for n in range(12))
    gold = Corpus([Document("d", "x" * 200, entities=(Entity("A", 0, 2),))])
    predicted = Corpus([Document("d", "x" * 200, entities=entities)])

    text = score(gold, predicted, "entities/strict").errors(by="score").render()

    header = text.split("By score")[1].splitlines()[1]
    assert header.split() == ["score", "predicted", "TP", "precision"]


def test_percent_speaks_of_points():
    text = scores_of(documents=12).errors().render(percent=True)

    assert "100.0 points of F1 are lost to errors" in text
    assert "F1 lost: all losses and F1 add up to 100" in text


def test_columns_of_text_are_aligned_to_the_left_in_every_format():
    analysis = scores_of(documents=12).errors()

    markdown, latex = analysis.render("markdown"), analysis.render("latex")

    assert "|---|---:|---:|---:|---:|---|" in markdown
    assert r"\begin{tabular}{lrrrrl}" in latex


def test_the_range_of_one_document_is_explained_in_a_note():
    text = evaluate("rules").errors().render(width=120)

    header = text.split("Kinds of error\n")[1].splitlines()[0]
    assert "95 % range" in header
    assert "95 % range: of the gain; sentence-resampling range, these documents only" in text


def test_intervals_to_be_read_with_care_are_named():
    gold = Corpus([document_of(f"d{n}", GOLD, TEXT) for n in range(3)])
    predicted = [document_of("d0", GOLD, TEXT), document_of("d1", PREDICTED, TEXT)]
    predicted.append(document_of("d2", GOLD[:3], TEXT))

    text = score(gold, Corpus(predicted), "entities/strict").errors().render()

    caution = "fewer than 5 effective documents, the interval says little"
    assert f"all intervals: {caution}" in text
    assert re.search(rf"without false negatives; {caution}", text)
