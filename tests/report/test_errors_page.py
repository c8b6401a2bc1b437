"""The page of a system's errors: its sections, marks, caps, and that it is valid and inert."""

import re

import html5lib
import pytest

from evalkit import Corpus, Document, Entity, evaluate, score
from evalkit.report import build_errors_page

LAYERS = ("entities", "triggers", "arguments", "attributions")


def parse(page):
    """The page as a tree. Raises html5lib's ParseError for invalid HTML."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def text_of(element):
    return "".join(element.itertext())


@pytest.fixture(scope="module")
def scores():
    return evaluate("rules")


@pytest.fixture(scope="module")
def page(scores):
    analyses = [scores.errors(layer) for layer in LAYERS]
    return build_errors_page(analyses, scores, command="evalkit run --report report.html")


def test_the_sections_are_in_order(page):
    tree = parse(page)

    assert [section.get("id") for section in tree.iter("section")] == [
        "scores",
        "losses",
        "confusion",
        "breakdowns",
        "examples",
        "documents",
        "about",
    ]
    assert all(section.find("h2") is not None for section in tree.iter("section"))


def test_the_header_has_f1_its_interval_and_how_many_items_were_found(scores, page):
    headline = next(p for p in parse(page).iter("p") if p.get("class") == "headline")

    micro = scores["entities/strict"].micro
    interval = micro.interval("f1")
    assert text_of(headline).startswith(f"entities: F1 {micro.f1:.3f} (")
    assert f"{interval.low:.3f}–{interval.high:.3f}" in text_of(headline)
    assert "35 of 46 gold items found, 7 of 42 predictions wrong" in text_of(headline)


def test_an_analysis_without_scores_has_the_same_intervals(scores):
    tree = parse(scores.errors().render("html"))

    interval = scores["entities/strict"]["GPE"].interval("f1")
    rows = [[text_of(cell) for cell in row] for row in tree.iter("tr")]
    gpe = next(row for row in rows if row[0] == "GPE")
    assert gpe[4].startswith(f"{interval.low:.3f}–{interval.high:.3f}")


def test_the_text_of_a_document_can_be_read_back_from_the_marks():
    text = "aa bb cc"
    gold = Corpus([Document("d", text, [Entity("A", 0, 5), Entity("B", 6, 8)])], "gold")
    predicted = Corpus([Document("d", text, [Entity("A", 3, 8)])], "model")

    tree = parse(score(gold, predicted, "ner").errors().to_html())
    (passage,) = [div for div in tree.iter("div") if div.get("class") == "passage"]

    for label in [*passage.iter("sub"), *passage.iter("sup")]:
        label.text = ""
        del label[:]
    assert text_of(passage) == text


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", '" onload="x', "a\x1b[2Jb"])
def test_names_are_inert(label):
    documents = [Document(label, "x" * 20, [Entity(label, 0, 5)])]
    hostile = Corpus(documents, label)
    missed = Corpus([Document(label, "x" * 20, [Entity(label, 3, 5)])], label)

    page = score(hostile, missed, "ner", boot=0).errors().to_html()

    assert "<script" not in page
    assert "\x1b" not in page
    assert not re.search(r'<[^>]*\sonload="', page)
    parse(page)
