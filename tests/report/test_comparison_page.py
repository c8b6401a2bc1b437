"""The page of a comparison: what the differences come from, and items side by side in the text."""

import re
from html.parser import HTMLParser

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, compare, score, score_spans
from evalkit.results.item_comparison import EXAMPLES

TEXT = "Ada met Bo in Rome, and Cy in Bonn."
SPANS = [(0, 3, "PER"), (8, 10, "PER"), (14, 18, "LOC"), (24, 26, "PER"), (30, 34, "LOC")]
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """The tags and texts of a page; fails where tags are not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.html, self.open, self.tags, self.marks = html, [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "mark":
            self.marks.append((dict(attrs)["class"], ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "mark" in self.open:
            name, text = self.marks[-1]
            self.marks[-1] = (name, text + data)


def documents(n, entities_of, text=TEXT):
    return [
        Document(f"d{i}", text, [Entity(label, a, b) for a, b, label in entities_of(i)])
        for i in range(n)
    ]


@pytest.fixture
def systems():
    """Gold, a system that misses the second entity, and one with a wrong label and a short span."""
    sides = {
        "gold": lambda _: SPANS,
        "one": lambda _: [SPANS[0], *SPANS[2:]],
        "two": lambda i: [(0, 3, "ORG"), (8, 10, "PER"), (14, 16, "LOC"), *SPANS[3:]][i % 2 :],
    }
    return {name: Corpus(documents(30, side), name) for name, side in sides.items()}


@pytest.fixture
def comparison(systems):
    return compare(
        one=systems["one"], two=systems["two"], gold=systems["gold"], metrics="entities/strict"
    )


def test_contributions_of_labels_and_kinds_have_bars_and_a_sentence(comparison):
    html = comparison.to_html()

    for feature in ("label", "kind"):
        (split,) = comparison.by(feature).differences
        title = f"Contributions by {feature}, entities/strict: one – two"
        table = html[html.index(title) :].partition("</table>")[0]
        assert f"the difference of {split.difference:+.4f} is " in table
        assert table.count("<svg") == len(split.parts) + 1
        assert table.count('class="bar"') == len(split.parts) + 1
        assert f"{split.parts[0].contribution:+.4f}" in table
    assert html.index("Differences of F1") < html.index("Contributions by label")


def test_requested_features_are_on_the_page(systems, tmp_path):
    for name, corpus in systems.items():
        corpus.save(tmp_path / f"{name}.jsonl")
    arguments = ("compare", "one.jsonl", "two.jsonl", "--gold", "gold.jsonl", "--by", "document")

    done = run_evalkit(*arguments, "--report", "page.html", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    for feature in ("label", "kind", "document"):
        assert html.count(f"Contributions by {feature}, entities/strict") == 1
    assert "and 20 more, together" in html


def test_items_that_only_one_system_gets_right_are_side_by_side(comparison):
    page = Page(comparison.to_html())

    (items,) = comparison.compare_items()
    assert len(items.examples) == EXAMPLES
    assert f"Correct only in one, entities/strict (25 of {items.statuses['won']})" in page.html
    assert f"Correct only in two, entities/strict (25 of {items.statuses['lost']})" in page.html
    assert "contains text of the corpus" in page.html
    # "Rome" is right in one, and only "Ro" of it is predicted in two.
    rows = [row for row in page.html.split("<tr>") if "14–18" in row]
    assert rows
    for row in rows:
        one, two = row.split('data-label="two"')
        assert '<mark class="g p c">Rome<sub>LOC</sub></mark>' in one
        assert ">correct</span>" in one
        assert re.search(
            "<mark[^>]*><mark[^>]*>Ro<sup>LOC</sup></mark>me<sub>LOC</sub></mark>", two
        )
        assert ">boundary</span> too short" in two
    missed = [row for row in page.html.split("<tr>") if "8–10" in row]
    for row in missed:
        assert '<mark class="g m">Bo<sub>PER</sub></mark>' in row
        assert ">missed</span>" in row
    assert "Ada<sub>PER</sub><sup>ORG</sup></mark>" in page.html


def test_the_kinds_of_gold_items_are_a_matrix(comparison):
    html = comparison.to_html()

    assert "Gold items by kind, entities/strict: one (rows) and two (columns)" in html
    assert "won against lost: p" in html


def test_without_text_the_page_has_no_text_and_says_so(comparison, tmp_path, systems):
    for name in ("one", "two"):
        score(systems["gold"], systems[name], "ner").save(tmp_path / f"{name}.json")
    saved = compare(tmp_path / "one.json", tmp_path / "two.json")
    bare = compare(
        a=score_spans([SPANS], [SPANS[:2]], boot=0), b=score_spans([SPANS], [SPANS[1:]], boot=0)
    )

    pages = [comparison.to_html(no_text=True), saved.to_html(), bare.to_html()]

    for html in pages:
        assert "This page contains no text of the corpus." in html
        assert "<mark" not in html
        assert "Rome" not in html
        assert "Contributions by label" in html
    assert "Contributions by kind" in pages[0]
    assert "Contributions by kind" not in pages[1]


def test_macro_f1_has_contributions_of_labels_only(systems):
    html = compare(
        one=systems["one"], two=systems["two"], gold=systems["gold"], average="macro"
    ).to_html()

    assert "Contributions by label" in html
    assert "Contributions by kind" not in html


def test_hostile_texts_labels_and_names_are_escaped_and_inert():
    text = "<script>alert(1)</script> \u202eevil\u202c & <img src=x onerror=alert(1)>"
    label = "<b>\u202eL</b>"
    gold = documents(3, lambda _: [(0, 8, label), (27, 31, label)], text)
    some = documents(3, lambda _: [(0, 8, label)], text)
    systems = {"<i>a</i>": Corpus(some, "a"), "b\u202e": Corpus(gold, "b")}

    html = compare(**systems, gold=Corpus(gold, "gold")).to_html()

    page = Page(html)
    assert {"script", "img", "b", "i"} & set(page.tags) == set()
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    assert "\\u202e" in html
    assert re.search(r"\son\w+=", re.sub(r"&[^;]*;", "", html).partition("</style>")[0]) is None


def test_the_parts_of_a_discontinuous_item_are_marked(systems):
    entity = Entity("PER", 0, 10, fragments=((0, 3), (8, 10)))
    gold = Corpus([Document("d", TEXT, [entity])], "gold")
    nothing = Corpus([Document("d", TEXT, [])], "nothing")

    page = Page(compare(a=gold, b=nothing, gold=gold, metrics="ner").to_html())

    marked = [text for name, text in page.marks if name == "g p c"]
    assert marked == ["AdaPER [1]", "BoPER [1]"]
