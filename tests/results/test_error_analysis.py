"""The report of an error analysis, its formats, and the confusion of labels."""

import csv
import hashlib
import io
import itertools
import json

import pytest
from helpers.error_corpora import document_of
from helpers.perturbed import perturbed

from evalkit import Corpus, Document, Entity, InputError, Scores, evaluate, score, score_spans

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
GOLD = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG"), (72, 76, "DATE")]
PREDICTED = [(4, 12, "PER"), (22, 37, "ORG"), (45, 58, "ORG"), (62, 68, "LOC")]


@pytest.fixture(scope="module")
def bundled():
    return evaluate("rules").errors()


def analyze(gold=GOLD, predicted=PREDICTED, text=TEXT, **options):
    sides = [
        Corpus([document_of("d", spans, text)], name=name)
        for name, spans in (("gold", gold), ("system", predicted))
    ]
    return score(*sides, "entities/strict", **options).errors()


def test_the_rules_baseline_on_the_bundled_corpus(bundled):
    assert {kind: n for kind, n in bundled.counts.items() if n} == {
        "correct": 35,
        "label": 4,
        "boundary": 2,
        "label+boundary": 1,
        "missed": 4,
    }
    assert bundled.details == {
        ("boundary", "too long"): 1,
        ("boundary", "too short"): 1,
        ("label+boundary", "too short"): 1,
    }
    gains = {gain.kind: gain for gain in bundled.gains if gain.detail is None}
    losses = {kind: gain.loss for kind, gain in gains.items()}
    assert losses == pytest.approx(
        {"label": 0.090909, "boundary": 0.045455, "label+boundary": 0.022727, "missed": 0.045455},
        abs=1e-6,
    )
    assert gains["missed"].gain == pytest.approx(0.052372, abs=1e-6)
    assert bundled.gain_without_false_positives.gain == pytest.approx(0.068743, abs=1e-6)
    assert bundled.gain_without_false_negatives.gain == pytest.approx(0.133838, abs=1e-6)
    missed = [item.gold.start for item in bundled.items if item.kind == "missed"]
    assert missed == [0, 64, 71, 817]
    labels = {(item.gold.label, item.predicted.label) for item in bundled.examples("label")}
    assert labels == {("ORG", "PERSON")}


def test_the_report_fits_its_width_and_names_what_it_shows(bundled):
    for width in (80, 120):
        text = bundled.render(width=width)

        lines = [line for line in text.splitlines() if not line.startswith("evalkit:")]
        assert max(map(len, lines)) <= width
        assert "35 correct of 46 gold and 42 predicted items" in text
        assert "all errors" in text
    wide = bundled.render(width=120)
    assert "right span, wrong label" in wide
    assert "in {Eastern [Syria]}" in wide


def test_examples_show_gold_and_prediction_in_the_text():
    text = analyze().render(width=100)

    assert "[Ada {Lovelace]} wrote to" in text
    assert "[{Royal Society} of London]" in text
    assert "in [1843]." in text


def test_without_text_no_characters_of_the_corpus_are_shown():
    analysis = analyze()

    for format in ("table", "markdown", "latex", "csv", "html", "json", "jsonl"):
        shown = analysis.render(format, no_text=True)
        for words in ("Lovelace", "Royal", "Babbage", "1843"):
            assert words not in shown, format
    first = json.loads(analysis.render("jsonl", no_text=True).splitlines()[0])
    assert first["gold"]["surface"] is None
    assert first["gold"]["surface_hash"] == hashlib.sha256(b"Ada Lovelace").hexdigest()[:16]


def test_jsonl_has_one_error_a_line_with_what_is_needed_to_find_it_again():
    items = [json.loads(line) for line in analyze().render("jsonl").splitlines()]

    assert [item["kind"] for item in items] == [
        "boundary",
        "label",
        "boundary",
        "spurious",
        "missed",
    ]
    first = items[0]
    assert list(first) == [
        "document",
        "layer",
        "kind",
        "detail",
        "gold",
        "predicted",
        "context",
        "context_start",
        "sentence",
        "zone",
        "approximate",
    ]
    assert first["gold"] == {
        "label": "PER",
        "start": 0,
        "end": 12,
        "fragments": [],
        "surface": "Ada Lovelace",
    }
    assert first["predicted"]["surface"] == "Lovelace"
    for item in items:
        start = item["context_start"]
        assert TEXT[start : start + len(item["context"])] == item["context"]
        for side in (item["gold"], item["predicted"]):
            assert side is None or TEXT[side["start"] : side["end"]] == side["surface"]


def test_errors_load_into_pandas():
    pandas = pytest.importorskip("pandas")

    frame = pandas.read_json(io.StringIO(analyze().render("jsonl")), lines=True)

    assert frame.groupby("kind").size().to_dict() == {
        "boundary": 2,
        "label": 1,
        "missed": 1,
        "spurious": 1,
    }


def test_json_and_csv_have_unrounded_numbers(bundled):
    data = json.loads(bundled.render("json", digits=1))
    rows = list(csv.DictReader(io.StringIO(bundled.render("csv", percent=True))))

    assert data["f1"] == pytest.approx(35 / 44)
    assert sum(gain["loss"] for gain in data["gains"] if not (gain["detail"] or gain["label"])) == (
        pytest.approx(1 - 35 / 44)
    )
    assert float(rows[0]["loss"]) == pytest.approx(4 / 44)
    boundary = {"gold": "GPE", "predicted": "GPE", "kind": "boundary", "n": 1}
    assert boundary in data["confusion"]


def test_percent_and_digits_change_all_ratios(bundled):
    text = bundled.render(percent=True, digits=2)

    assert "F1 79.55" in text
    assert "+9.09" in text


def test_the_confusion_has_two_views():
    analysis = analyze()

    assert analysis.confusion.paired == {
        ("DATE", None): 1,
        ("ORG", "ORG"): 1,
        ("PER", "ORG"): 1,
        ("PER", "PER"): 1,
        (None, "LOC"): 1,
    }
    assert analysis.confusion.same_span == {
        ("DATE", None): 1,
        ("ORG", None): 1,
        ("PER", "ORG"): 1,
        ("PER", None): 1,
        (None, "LOC"): 1,
        (None, "ORG"): 1,
        (None, "PER"): 1,
    }


def test_the_same_span_view_is_the_confusion_of_the_scores():
    gold, predicted = perturbed(30, 2)
    scores = score(gold, predicted, "entities/strict")

    assert scores.errors().confusion.same_span == scores.confusion()


def test_examples_of_scored_predictions_begin_with_the_most_confident():
    text = "x" * 100
    gold = Corpus([Document("d", text, entities=())])
    entities = tuple(Entity("A", 10 * n, 10 * n + 2, score=score) for n, score in enumerate(SCORES))
    predicted = Corpus([Document("d", text, entities=entities)])

    examples = score(gold, predicted, "entities/strict").errors().examples("spurious", 3)

    assert [item.predicted.score for item in examples] == [0.9, 0.8, 0.5]


SCORES = (0.5, 0.9, 0.1, 0.8, 0.2)


def test_examples_without_scores_are_spread_over_documents():
    text = "x" * 100
    wrong = [(10 * n, 10 * n + 2, "A") for n in range(9)]
    gold = Corpus([document_of(f"d{n}", [], text) for n in range(6)])
    spans = [wrong, wrong[:1], wrong[:2], [], wrong[:1], wrong[:1]]
    predicted = Corpus([document_of(f"d{n}", each, text) for n, each in enumerate(spans)])

    examples = score(gold, predicted, "entities/strict").errors().examples("spurious", 5)

    assert len({item.document for item in examples}) == 5


def test_hostile_strings_cannot_move_the_cursor():
    label = "PER\x1b[2J\u202e"
    text = "Ada\x07 met \x1b]0;x\x07 Bo"
    gold = Corpus([Document("d\x1b[31m", text, entities=(Entity(label, 0, 3),))])
    predicted = Corpus([Document("d\x1b[31m", text, entities=(Entity("B\x9b", 0, 2),))])

    analysis = score(gold, predicted, "entities/strict").errors()

    for format in ("table", "markdown", "latex", "csv", "html", "json", "jsonl"):
        shown = analysis.render(format)
        assert not set(shown) & set("\x1b\x07\x9b\u202e"), format


def test_layers_that_have_no_spans_are_refused():
    gold, predicted = perturbed(3, 2)
    scores = score(gold, predicted, "entities/strict")

    with pytest.raises(InputError, match="errors of attribution-relations are not analyzed"):
        scores.errors("attribution-relations")
    with pytest.raises(InputError, match="has no events in any document"):
        scores.errors("triggers")
    with pytest.raises(InputError, match="unknown kind of error 'wrong'"):
        scores.errors().examples("wrong")


def test_saved_scores_have_the_counts_of_errors_that_were_analyzed(tmp_path):
    gold, predicted = perturbed(12, 3)
    scores = score(gold, predicted, "entities/strict")
    before = scores.to_json()
    analysis = scores.errors()
    scores.save(tmp_path / "result.json")

    loaded = Scores.load(tmp_path / "result.json")
    again = loaded.errors()

    assert "error_counts" not in json.loads(before)
    assert again.gains == analysis.gains
    assert again.hardest() == analysis.hardest()
    assert "from saved counts" in again.render()
    assert "SENTENCE" not in (tmp_path / "result.json").read_text()
    for action in (lambda: again.items, lambda: loaded.errors(by="length")):
        with pytest.raises(InputError, match="need the documents"):
            action()
    with pytest.raises(InputError, match="need the documents"):
        Scores.from_json(before).errors()


def test_counts_that_do_not_fit_are_refused(tmp_path):
    gold, predicted = perturbed(5, 3)
    scores = score(gold, predicted, "entities/strict")
    scores.errors()
    data = json.loads(scores.to_json())
    for change, message in (
        (("counts", [[99, 0, 0, 1]]), "a unit, label or cell that is not listed"),
        (("cells", [["gold", "wrong", ""]] * 20), "unknown kind of error"),
        (("labels", 3), "not a result"),
    ):
        changed = json.loads(json.dumps(data))
        changed["error_counts"]["entities"][change[0]] = change[1]

        with pytest.raises(InputError, match=message):
            Scores.from_json(json.dumps(changed))


def test_spans_without_text_are_analyzed_by_offsets():
    scores = score_spans([[(0, 3, "A"), (5, 9, "B")]], [[(0, 4, "A")]])

    analysis = scores.errors()

    assert analysis.counts["boundary"] == analysis.counts["missed"] == 1
    assert [item.context for item in analysis.items] == [None, None]
    assert "Examples: missed" in analysis.render()


def test_numbers_that_cannot_be_are_refused():
    gold, predicted = perturbed(3, 2)
    scores = score(gold, predicted, "entities/strict")

    for examples in (-1, "x", 2.0):
        with pytest.raises(InputError, match="expected a whole number from 0 on"):
            scores.errors(examples=examples)
    with pytest.raises(InputError, match="or None for all"):
        scores.errors().to_html(max_documents="all")


def test_breakdowns_of_saved_counts_are_refused(tmp_path):
    gold, predicted = perturbed(5, 3)
    scores = score(gold, predicted, "entities/strict")
    scores.errors()
    scores.save(tmp_path / "result.json")

    with pytest.raises(InputError, match="need the documents"):
        Scores.load(tmp_path / "result.json").errors().by("length")


def test_discontinuous_items_with_equal_ends_have_one_order():
    text = "x" * 20
    entities = [Entity("A", 0, 12, fragments=((0, 2), (at, at + 1), (10, 12))) for at in (3, 5, 7)]
    shown = set()
    for order in itertools.permutations(entities):
        gold = Corpus([Document("d", text, entities=order)])
        predicted = Corpus([Document("d", text, entities=())])
        analysis = score(gold, predicted, "entities/strict").errors()
        items = analysis.examples("missed")
        shown.add((analysis.render("jsonl"), tuple(item.gold.fragments for item in items)))

    assert len(shown) == 1


def test_errors_are_grouped_by_surface_form(bundled):
    first = bundled.by_surface(1)

    assert [tuple(each) for each in first] == [("Islamic State", "label", "ORG", "PERSON", 4)]
    assert sum(each.n for each in bundled.by_surface(100)) == len(bundled.items)


def test_surface_forms_are_compared_without_case_on_request():
    gold = Corpus([Document("d", "Bo BO  bo", entities=(Entity("A", 0, 2), Entity("A", 3, 5)))])
    predicted = Corpus([Document("d", "Bo BO  bo", entities=())])
    scores = score(gold, predicted, "entities/strict")

    assert [each.surface for each in scores.errors().by_surface()] == ["BO", "Bo"]
    assert [tuple(each) for each in scores.errors(ignore_case=True).by_surface()] == [
        ("bo", "missed", "A", None, 2)
    ]
    assert score_spans([[(0, 3, "A")]], [[]]).errors().by_surface() == []
