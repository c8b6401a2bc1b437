"""What a notebook and a plain session display: short lines, highlighted texts, data frames."""

import re
from html.parser import HTMLParser

import pytest

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Schema,
    Span,
    compare,
    load_corpus,
    load_model,
    score,
    score_spans,
)
from evalkit.evaluation.pr_curves import curves

TEXT = "Ann of Ohio <left> & said so"


@pytest.fixture
def document():
    return Document(
        "d1",
        TEXT,
        [Entity("PER", 0, 3), Entity("GPE", 7, 11), Entity("NP", 0, 11)],
        [Event("Leave", Span(13, 17))],
    )


@pytest.fixture
def scores():
    gold = [[(0, 2, "PER"), (3, 5, "LOC")], [(0, 2, "PER")]] * 15
    predicted = [[(0, 2, "PER"), (3, 5, "ORG")], [(1, 2, "PER")]] * 15
    return score_spans(gold, predicted, "entities/strict,entities/exact,entities/partial")


class Text(HTMLParser):
    """The text of a page without its style, and the depth of open marks at its end."""

    def __init__(self, page):
        super().__init__()
        self.text, self.depth, self.deepest = "", 0, 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "mark":
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)

    def handle_endtag(self, tag):
        self.depth -= tag == "mark"

    def handle_data(self, data):
        if self.lasttag != "style":
            self.text += data


def test_a_document_is_one_line_in_a_session(document):
    assert repr(document) == "<Document 'd1': 28 characters, 3 entities, 1 event>"
    assert repr(Document("d", "x", failure="out of\nmemory")) == (
        "<Document 'd': 1 characters, failed: out of\\nmemory>"
    )


def test_a_notebook_highlights_nested_annotations_and_escapes_the_text(document):
    page = document._repr_html_()

    assert page.count("<details") == 2
    assert page.count("<details open>") == 1
    assert re.sub(r"<[^>]*>", "", page.partition("</summary>")[2].partition("</div>")[0]) == (
        "AnnPER of OhioGPENP &lt;left&gt; &amp; said so"
    )
    assert "not annotated: attributions" in page


def test_highlights_that_overlap_are_split_and_all_marks_are_closed():
    crossing = [Entity("A", 0, 8), Entity("B", 4, 12), Entity("C", 6, 14)]

    parsed = Text(Document("d", "x" * 20, crossing)._repr_html_())

    assert (parsed.depth, parsed.deepest) == (0, 3)
    assert "xxxxxxxxAxxxxBxxCxxxxxx" in parsed.text


def test_a_long_or_deeply_nested_document_has_a_short_page():
    nested = [Entity("L", n, 50_000 - n) for n in range(1_000)]
    deep = [Entity("L", n, 5_000 - n) for n in range(1_000)]

    page = Document("d", "x" * 50_000, [*nested, *deep])._repr_html_()

    assert len(page) < 40_000
    assert "and 30,000 more characters" in page
    assert "992 more annotations are nested too deeply" in page


def test_parts_of_attributions_and_unplaced_predictions_are_displayed():
    quote = Document("d", TEXT, attributions=[Attribution(Span(21, 25), Span(26, 28), Span(0, 3))])

    assert Text(quote._repr_html_()).text.count("source") == 1


def test_a_corpus_displays_its_labels_and_its_first_documents():
    corpus = Corpus([Document(f"d{n}", TEXT, [Entity("PER", 0, 3)]) for n in range(12)], "mine")

    page = corpus._repr_html_()

    assert "<b>mine</b> · 12 documents" in page
    assert "entities: PER 12" in page
    assert page.count("<tr>") == 11
    assert "and 2 more" in page


def test_a_schema_is_one_line():
    assert repr(Schema()) == "<Schema: empty>"
    assert repr(Schema("news", "2", labels={"PER": "a person"})) == "<Schema news 2: 1 label>"


def test_scores_metrics_and_rows_are_one_line_each(scores):
    metric = scores["entities/strict"]

    assert repr(scores) == (
        "<Scores of predictions on gold: 30 documents, 3 metrics; entities/strict micro F1 0.333>"
    )
    assert repr(metric) == "<MetricScores entities/strict: 3 labels, micro F1 0.333>"
    assert repr(metric["PER"]) == (
        "<Row entities/strict PER precision=0.500 recall=0.500 f1=0.500 tp=15 fp=15 fn=15"
        " support=30>"
    )
    assert re.fullmatch(r"<Interval 0\.\d{3} to 0\.\d{3}>", repr(metric.micro.interval("f1")))
    assert "entities/strict" in str(scores)


def test_one_metric_displays_its_own_table(scores):
    metric = scores["entities/partial"]

    assert "Entities, partial" in str(metric)
    assert "Entities, strict" not in str(metric)
    assert "<table" in metric._repr_html_()


def test_a_comparison_is_one_line():
    corpus = load_corpus()
    one, other = (score(corpus, corpus, "ner", boot=0) for _ in range(2))

    assert repr(compare(a=one, b=other)).startswith("<Comparison of a, b: 1 metric; ")


def test_models_and_curves_are_one_line():
    gold = Corpus([Document("d", TEXT, [Entity("PER", 0, 3, score=0.5)])], "mine")

    assert repr(load_model("rules")) == "<Model rules>"
    assert repr(curves(gold, gold)) == "<Curves entities/strict of mine on mine: 2 curves>"


def test_a_confusion_matrix_is_a_dict_that_prints_as_a_matrix(scores):
    found = scores.confusion()

    assert found == {("LOC", "ORG"): 15, ("PER", "PER"): 15, ("PER", None): 15, (None, "PER"): 15}
    assert [line.split() for line in str(found).splitlines() if line.startswith("PER")] == [
        ["PER", "·", "15*", "15"]
    ]
    assert "<table" in found._repr_html_()
    frame = found.to_pandas()
    assert frame.loc["LOC", "ORG"] == 15
    assert frame.to_numpy().sum() == 60


def test_a_data_frame_has_an_index_whole_counts_and_no_empty_rows():
    corpus = load_corpus()

    frame = score(corpus, corpus, "ner", boot=0).to_pandas()

    assert frame.index.names == ["metric", "label"]
    assert frame.loc[("entities/strict", "GPE"), "gold"] == 14
    assert str(frame["tp"].dtype) == "Int64"
    assert frame["f1"].notna().all()
    assert list(frame["average"].unique()) == ["", "micro", "macro", "weighted", "per-document"]


def test_half_credits_stay_fractions_in_a_data_frame(scores):
    assert scores.to_pandas().loc[("entities/partial", "PER"), "tp"] == 22.5


def test_a_page_is_readable_in_the_dark_and_shows_warnings_first():
    page = score_spans([[(0, 2, "A")]], [[(0, 2, "A")]]).render("html")

    assert "color-scheme: light dark" in page
    assert "@media print" in page
    assert page.index("Warning:") < page.index("<table")
    assert page.rindex("<code>evalkit:") > page.rindex("</table>")


def test_columns_of_text_are_aligned_to_the_left():
    corpus = load_corpus()
    one, other = (score(corpus, corpus, "ner", boot=0) for _ in range(2))

    page = compare(a=one, b=other).render("html")

    assert '<th scope="col" class="text">systems</th>' in page
    assert '<th scope="col">difference</th>' in page
