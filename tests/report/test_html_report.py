"""The HTML pages: their contents and order, and that they run no script."""

import re
from html.parser import HTMLParser

import pytest

from evalkit import Corpus, Document, Entity, compare, score, score_spans

TEXT = "x" * 100
VOID = {"meta", "link", "br"}
AVERAGES = ("micro", "macro", "weighted", "per-document")


class Tree(HTMLParser):
    """Fails where tags are not closed in order; keeps the text of the cells of each row."""

    def __init__(self, page):
        super().__init__()
        self.open, self.rows = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open) and "title" not in self.open:
            self.rows[-1][-1] += data.strip()


def corpus(name, *, every):
    """30 documents with two entities each, in `every`th of which one has another label."""
    documents = []
    for number in range(30):
        label = "ORG" if number % every == 0 else "PER"
        entities = [Entity(label, 0, 5), Entity("LOC", 10, 15)]
        documents.append(Document(f"d{number:02}", TEXT, entities))
    return Corpus(documents, name)


@pytest.fixture
def gold():
    return corpus("gold", every=3)


@pytest.fixture
def scores(gold):
    return score(gold, corpus("model", every=2), "entities/strict,entities/exact")


def test_the_page_has_every_label_and_average_with_its_interval(scores):
    rows = Tree(scores.to_html()).rows

    person = scores["entities/strict"]["PER"]
    interval = person.interval("f1")
    assert [
        "PER",
        f"{person.precision:.3f}",
        f"{person.recall:.3f}",
        f"{person.f1:.3f}",
        f"{interval.low:.3f}–{interval.high:.3f}",
        "10",
        "5",
        "10",
        "20",
    ] in rows
    assert [row[0] for row in rows].count("macro") == 2


def test_bars_have_whiskers_where_there_is_an_interval(gold):
    with_intervals = score(gold, gold, "ner").to_html()
    without = score(corpus("gold", every=3), corpus("model", every=2), "ner", boot=0).to_html()

    assert 'class="whisker"' in score(gold, corpus("m", every=2), "ner").to_html()
    assert 'class="bar"' in with_intervals
    assert 'class="whisker"' not in without
    assert "95 %" not in without.partition("<table")[2]


def test_warnings_come_before_tables_and_signatures_last(scores):
    page = score_spans([[(0, 2, "A")]], [[(0, 2, "A")]]).to_html()

    assert page.index('class="warnings"') < page.index("<table")
    assert page.rindex("<code>") > page.rindex("</table>")


def test_the_page_has_the_confusion_of_labels_and_the_worst_documents(scores):
    page = scores.to_html()

    assert "Confusion of entities" in page
    assert page.index("Documents with the lowest F1") < page.index(">d02<")
    assert "10 more documents have a higher F1" in page


def test_the_table_of_a_metric_says_what_it_compares():
    links = [Entity("PER", 0, 5, attributes={"link": "Q1"})]
    side = Corpus([Document("d", TEXT, links)], "side")

    page = score(side, side, "links/strict,links/in-kb,entities/type").to_html()

    for note in ("strict: equal span and id", "type: overlap with equal label"):
        assert f'<p class="note">{note}</p>' in page
    assert '<p class="note">in-kb: equal span and id, without NIL</p>' in page


def test_a_layer_with_one_label_has_no_rows_by_label():
    links = [Entity("PER", 0, 5, attributes={"link": "Q1"})]
    side = Corpus([Document("d", TEXT, links), Document("e", TEXT, links)], "side")

    scores = score(side, side, "links/strict")

    for page in (scores.to_html(), scores.to_html(errors=True)):
        names = [row[0] for row in Tree(page).rows if row and row[0] in ("link", *AVERAGES)]
        assert names == ["micro", "per-document"]
        assert "by label</summary>" not in page


def test_labels_of_optional_items_that_were_found_are_not_said_to_be_of_the_schema_alone():
    entities = [Entity("PER", 0, 5), Entity("ORG", 10, 15, optional=True)]
    gold = Corpus([Document("d", TEXT, entities)], "gold")
    predicted = Corpus([Document("d", TEXT, [Entity("PER", 0, 5), Entity("ORG", 10, 15)])])

    scores = score(gold, predicted, "entities/strict")

    assert "1 more label without items that count" in scores.to_html()
    assert "1 more label without items that count" in scores.render()
    assert "without any item" not in scores.to_html()


def test_scores_without_documents_have_a_page_without_confusion(scores):
    loaded = type(scores).from_json(scores.to_json())

    assert "Confusion" not in loaded.to_html()
    assert Tree(loaded.to_html()).rows[:3] == Tree(scores.to_html()).rows[:3]


def test_the_page_of_a_comparison_starts_with_the_verdicts(gold):
    comparison = compare(
        first=corpus("first", every=2), second=gold, gold=gold, metrics="entities/strict"
    )

    page = comparison.to_html()

    assert page.index("second is better than first") < page.index("<table")
    rows = Tree(page).rows
    assert [row[0] for row in rows[1:3]] == ["second", "first"]
    assert rows[4][0] == "first – second"


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", '" onload="x', "a\x1b[2Jb"])
def test_a_page_runs_nothing_and_escapes_names(label):
    documents = [Document(label, TEXT, [Entity(label, 0, 5)]), Document("e", TEXT, [])]
    hostile = Corpus(documents, label)
    scores = score(hostile, hostile, "ner", boot=0)

    for page in (scores.to_html(), compare(a=scores, b=scores).to_html(), scores._repr_html_()):
        assert "<script" not in page
        assert "\x1b" not in page
        assert not re.search(r'<[^>]*\sonload="', page)
        Tree(page)
