"""The page about corpora: one self-contained file that runs nothing, with bars and examples."""

import re
from html.parser import HTMLParser

import pytest

from evalkit import Corpus, Document, Entity, Event, Span, load_corpus
from evalkit.results.stats_report import StatsReport

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Fails where tags are not closed in order; collects rows, headings and references."""

    def __init__(self, page):
        super().__init__()
        self.open, self.rows, self.tags, self.captions = [], [], [], 0
        self.references = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attributes = dict(attrs)
        self.references += [attributes[name] for name in ("src", "href") if name in attributes]
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_the_page_of_the_bundled_corpus_is_complete_and_self_contained():
    html = load_corpus().stats().to_html()

    page = Page(html)
    assert page.tags.count("h1") == 1
    assert page.tags.count("caption") == page.tags.count("table")
    assert "script" not in page.tags
    assert page.references == [
        f"#{name}"
        for name in (
            "documents",
            "entities",
            "triggers",
            "arguments",
            "attributions",
            "definitions",
        )
    ]
    assert "http" not in re.sub(r"http-equiv", "", html)
    assert "url(" not in html
    assert len(html.encode()) < 200_000
    rows = [[cell.strip() for cell in row] for row in page.rows]
    assert ["ORG", "19", "0.311", "1", "IS (7), Islamic State (5), FBI (2)", ""] in rows
    assert html.count('class="bar"') >= 7
    assert "<mark>Islamic State</mark>" in html


def test_bars_are_as_long_as_shares():
    corpus = Corpus(
        [Document("d", "abcd", [Entity("A", n, n + 1) for n in range(3)] + [Entity("B", 3, 4)])]
    )

    html = corpus.stats().to_html()

    assert re.findall(r'class="bar" x="0" y="1" width="([\d.]+)"', html) == ["120.0", "40.0"]


def test_two_corpora_have_two_bars_and_a_key():
    first = Corpus([Document("a", "Ann", [Entity("PER", 0, 3)])], "train")
    second = Corpus([Document("b", "Ann", [Entity("LOC", 0, 3)])], "test")

    html = first.stats().to_html(other=second.stats())

    Page(html)
    assert "<bdi>train and test</bdi>" in html
    assert html.count('class="bar other"') == 2
    assert "Warning:</strong> 1 document of test has the text" in html
    assert "Entities: surface forms of test in train" in html
    assert "Examples in context of train" in html


def test_without_text_no_surface_form_is_on_the_page():
    corpus = Corpus([Document("d", "Mr Secretname", [Entity("PER", 3, 13)])], "c")

    html = corpus.stats().to_html(no_text=True)

    assert "Secretname" not in html
    assert "Secretname" in corpus.stats().to_html()
    assert "PER" in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "\x1b[2J\u202eb\u2066c",
        "{{ 7 * 7 }}",
        "</table></style><h1>",
        "x" * 5000,
    ],
)
def test_hostile_names_and_texts_are_inert(hostile):
    entities = [Entity(hostile, 0, len(hostile)), Entity("B", 0, len(hostile))]
    events = [Event(hostile, Span(0, len(hostile)))]
    document = Document(
        hostile, f"{hostile} {hostile}", entities, events, meta={"language": hostile}
    )
    stats = Corpus([document], hostile).stats()

    for html in (
        stats.to_html(),
        StatsReport({hostile: stats, "other": stats}, hostile).to_html(),
        stats.render("html", context=True),
    ):
        page = Page(html) if "<h1" in html else None
        assert page is None or page.tags.count("h1") == 1
        assert not re.search(r"<(script|img)|\x1b|\u202e|\u2066", html)
    for format in ("table", "markdown", "csv", "latex", "json"):
        text = stats.render(format, context=True, examples=5)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\u2066]", text)
    assert "<script" not in stats.render("markdown", context=True).replace("\\<", "")


def test_an_empty_corpus_has_a_page():
    html = Corpus([]).stats().to_html()

    assert Page(html).tags.count("table") == 1


def test_a_page_of_many_labels_is_cut_and_says_so():
    entities = [Entity(f"L{number:03}", number, number + 1) for number in range(400)]

    html = Corpus([Document("d", "x" * 400, entities)]).stats().to_html()

    Page(html)
    assert "100 more rows in the other formats" in html
    assert "<bdi>L299</bdi>" in html
    assert "<bdi>L300</bdi>" not in html.partition("<details>")[0]
