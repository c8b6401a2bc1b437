"""The page of a system's errors: its sections, marks and caps, that it is valid, accessible and
inert, and that it has no text where none is wanted.
"""

import random
import re
from itertools import pairwise

import html5lib
import pytest
from helpers.quick import choose_quick

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Scores,
    Span,
    Unplaced,
    evaluate,
    score,
    score_spans,
    score_tags,
)
from evalkit.data.document import Argument, Zone
from evalkit.report import build_errors_page
from evalkit.results.html_page import load_text

LAYERS = ("entities", "triggers", "arguments", "attributions")
SECTIONS = ["scores", "losses", "confusion", "breakdowns", "examples", "documents", "about"]


def parse(page):
    """The page as a tree. Raises html5lib's ParseError for invalid HTML."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    for element in tree.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]  # of charts: without their namespace
    return tree


def text_of(element):
    return "".join(element.itertext())


def rows_of(tree):
    """The cells of each table row, without the words in charts."""
    for title in tree.iter("title"):
        title.text = ""
    return [[text_of(cell).strip() for cell in row] for row in tree.iter("tr")]


def passages_of(tree):
    return [element for element in tree.iter("div") if element.get("class") == "passage"]


def without_labels(passage):
    """The text of a passage, without the labels at its marks."""
    return "".join(iter_text(passage))


def iter_text(element):
    yield element.text or ""
    for child in element:
        if child.tag not in ("sub", "sup"):
            yield from iter_text(child)
        yield child.tail or ""


def page_of(gold, predicted, *, text="aa bb cc dd", **options):
    """The page of one document with the given entities on both sides."""
    first = Corpus([Document("d", text, gold)], "gold")
    second = Corpus([Document("d", text, predicted)], "model")
    return score(first, second, "ner", boot=0).errors().to_html(**options)


@pytest.fixture(scope="module")
def scores():
    return evaluate("rules")


@pytest.fixture(scope="module")
def page(scores):
    analyses = [scores.errors(layer) for layer in LAYERS]
    return build_errors_page(analyses, scores, command="evalkit run --report report.html")


@pytest.fixture(scope="module")
def tree(page):
    return parse(page)


# What is on the page


def test_the_sections_are_in_order_each_with_a_heading_and_a_sentence(tree):
    sections = list(tree.iter("section"))

    assert [section.get("id") for section in sections] == SECTIONS
    assert all([child.tag for child in section][:2] == ["h2", "p"] for section in sections)


def test_the_header_has_f1_its_interval_and_how_many_items_were_found(scores, tree):
    headline = next(p for p in tree.iter("p") if p.get("class") == "headline")

    micro = scores["entities/strict"].micro
    interval = micro.interval("f1")
    assert text_of(headline).startswith(f"entities: F1 {micro.f1:.3f} (")
    assert f"{interval.low:.3f}–{interval.high:.3f}" in text_of(headline)
    assert "35 of 46 gold items found, 7 of 42 predictions wrong" in text_of(headline)


def test_an_analysis_without_scores_has_the_intervals_of_strict(scores):
    rows = rows_of(parse(scores.errors().render("html")))

    row = scores["entities/strict"]["GPE"]
    interval = row.interval("f1")
    assert [
        "GPE",
        f"{row.precision:.3f}",
        f"{row.recall:.3f}",
        f"{row.f1:.3f}",
        f"{interval.low:.3f}–{interval.high:.3f}",
        "11",
        "2",
        "3",
        "14",
    ] in rows


def test_f1_and_the_losses_fill_the_bar(scores):
    tree = parse(scores.errors().to_html())
    (bar,) = [svg for svg in tree.iter("svg") if svg.get("class") == "losses"]

    widths = [float(rect.get("width").rstrip("%")) for rect in bar.iter("rect")]

    assert sum(widths) == pytest.approx(100, abs=0.01)
    assert text_of(bar.find("desc")) == (
        "A bar of length 1: F1 0.795, label 0.091, boundary 0.045, label+boundary 0.023, missed"
        " 0.045"
    )
    losses = [row[2] for row in rows_of(tree) if row[0] in ("a label", "b boundary", "d missed")]
    assert losses == ["0.091", "0.045", "0.045"]


def test_the_confusion_has_missed_and_spurious_items_and_says_what_pairs_are_of_other_spans():
    gold = [Entity("A", 0, 5), Entity("B", 6, 8)]
    rows = rows_of(parse(page_of(gold, [Entity("A", 0, 2), Entity("C", 9, 11)])))

    assert ["gold \\ predicted", "A", "B", "C", "missed"] in rows
    assert ["A", "1 = 0 + 1", "0", "0", "0"] in rows
    assert ["B", "0", "0", "0", "1"] in rows
    assert ["spurious", "0", "0", "1", ""] in rows


def test_many_labels_are_a_list_of_the_largest_confusions():
    gold = [Entity(f"L{n:02}", n, n + 1) for n in range(30)]
    predicted = [Entity("L00", n, n + 1) for n in range(30)]

    rows = rows_of(parse(page_of(gold, predicted, text="x" * 30)))

    assert ["gold label → predicted label", "n", "with the same span"] in rows
    assert ["L01 → L00", "1", "1"] in rows
    assert sum(" → " in row[0] for row in rows) == 1 + 20


def test_examples_lead_to_the_document():
    gold = Corpus([Document(f"d{n}", "aa", [Entity("A", 0, 2)]) for n in range(2)])
    predicted = Corpus([Document("d0", "aa", [Entity("A", 0, 2)]), Document("d1", "aa", [])])

    tree = parse(score(gold, predicted, "ner", boot=0).errors().to_html())
    (link,) = [a for a in tree.iter("a") if text_of(a) == "d1"]

    (document,) = [each for each in tree.iter("details") if each.get("class") == "document"]
    assert link.get("href") == f"#{document.get('id')}"
    assert text_of(document.find("summary")).startswith("d1: 1 gold item not found")


def test_examples_are_marked_in_their_context(tree):
    examples = next(each for each in tree.iter("section") if each.get("id") == "examples")
    first = next(examples.iter("li"))
    context, where = first.findall("p")

    (mark,) = context.iter("mark")
    assert (mark.get("class"), mark.text) == ("g p l", "Islamic State")
    assert [(label.tag, text_of(label)) for label in mark] == [("sub", "ORG"), ("sup", "PERSON")]
    assert "gold: ORG “Islamic State” 346–359; predicted: PERSON" in text_of(where)
    assert "sentence 6; zone highlight" in text_of(where)


def test_five_examples_of_a_kind_are_open_and_fifty_are_on_the_page():
    text = "x " * 80
    gold = [Entity("A", 2 * n, 2 * n + 1) for n in range(80)]
    tree = parse(page_of(gold, [], text=text))

    (group,) = [each for each in tree.iter("details") if "group" in each.get("class", "")]
    (others,) = group.findall("details")

    assert text_of(group.find("summary")).startswith("missed entities: 50 of 80;")
    assert len(group.find("ol")) == 5
    assert len(others.find("ol")) == 45
    assert others.get("open") is None


def test_marks_nest_and_the_text_can_be_read_back():
    text = "aa bb cc dd"
    gold = [Entity("A", 0, 8), Entity("B", 3, 5)]
    predicted = [Entity("A", 3, 11), Entity("B", 3, 5)]

    (passage,) = passages_of(parse(page_of(gold, predicted, text=text)))

    assert without_labels(passage) == text
    labels = [
        (label.tag, text_of(label)) for label in passage.iter() if label.tag in ("sub", "sup")
    ]
    assert labels == [("sub", "B"), ("sub", "A boundary"), ("sup", "A boundary")]


def test_parts_of_a_discontinuous_span_have_the_same_number():
    gold = [Entity("A", 0, 8, fragments=((0, 2), (6, 8))), Entity("B", 3, 5)]

    (passage,) = passages_of(parse(page_of(gold, [])))

    assert [text_of(label) for label in passage.iter("sub")] == [
        "A [1] missed",
        "B missed",
        "A [1] missed",
    ]


@pytest.mark.parametrize("seed", choose_quick(range(20), 5))
def test_any_spans_give_the_text_back(seed):

    draw = random.Random(seed)
    text = "".join(draw.choice("ab <&\n") for _ in range(60))

    def spans():
        keys = set()
        for _ in range(12):
            start = draw.randrange(59)
            keys.add((draw.choice("AB"), start, draw.randint(start + 1, 60)))
        return [Entity(*key) for key in sorted(keys)]

    (passage,) = passages_of(parse(page_of(spans(), spans(), text=text)))

    assert without_labels(passage) == text


def test_only_scored_zones_are_shown():
    zones = (Zone("head", 0, 2), Zone("body", 3, 8))
    gold = Corpus([Document("d", "aa bb cc dd", [Entity("A", 3, 5)], zones=zones)], "gold")
    predicted = Corpus([Document("d", "aa bb cc dd", [])], "model")

    tree = parse(score(gold, predicted, "ner", zones="body", boot=0).errors().to_html())

    assert [without_labels(passage) for passage in passages_of(tree)] == ["bb cc"]


def test_events_attributions_and_unplaced_predictions_are_listed_below_the_text():
    text = "Ann said Bob left."
    gold = Document(
        "d",
        text,
        [Entity("PER", 0, 3)],
        [Event("Leave", Span(13, 17), (Argument("Who", 9, 12),))],
        [Attribution(Span(4, 8), Span(9, 17), Span(0, 3))],
    )
    predicted = Document(
        "d",
        text,
        [],
        [Event("Leave", Span(13, 17))],
        [Attribution(Span(4, 8), Span(9, 17), Span(0, 3))],
        unplaced=[Unplaced("entities", "PER", "not in the text", quote="Eve")],
    )

    tree = parse(score(Corpus([gold]), Corpus([predicted]), boot=0).to_html(errors=True))
    (document,) = [each for each in tree.iter("details") if each.get("class") == "document"]

    lines = [text_of(line) for line in document.iter("li")]
    assert "gold: Leave “left” 13–17; Who “Bob” 9–12 (missed)" in lines
    assert "prediction: Leave “left” 13–17" in lines
    assert "gold and prediction: source “Ann” 0–3; cue “said” 4–8; content “Bob left” 9–17" in lines
    assert "entities: PER “Eve” (not in the text)" in lines


def test_a_page_of_attached_arguments_has_their_kinds_and_what_other_layers_cost(scores):
    tree = parse(scores.errors("attached-arguments").to_html())

    rows = rows_of(tree)
    assert ["a role", "7"] in [row[:2] for row in rows]
    conditions = [row for row in rows if row[1] == "if triggers were correct"]
    assert [row[0] for row in conditions] == ["Arg-C+"]
    assert {text_of(label).strip() for label in tree.iter("label")} >= {"all kinds", "role", "span"}
    assert "Target “al-Jora” 1438–1445 (role)" in text_of(tree)


def test_the_documents_with_the_largest_losses_are_shown_and_others_counted():
    gold = Corpus([Document(f"d{n:02}", "x" * 40, entities_of(n + 1)) for n in range(30)])
    predicted = Corpus([Document(f"d{n:02}", "x" * 40, []) for n in range(30)])
    analysis = score(gold, predicted, "ner", boot=0).errors()

    def shown(page):
        tree = parse(page)
        return [
            text_of(each.find("summary")).partition(":")[0]
            for each in tree.iter("details")
            if each.get("class") == "document"
        ]

    assert shown(analysis.to_html()) == [f"d{n:02}" for n in range(29, 9, -1)]
    assert "20 of 30 with errors" in analysis.to_html()
    assert shown(analysis.to_html(max_documents=2)) == ["d29", "d28"]
    assert len(shown(analysis.to_html(max_documents=None))) == 30
    assert re.search(
        r"30 of 30 with errors; this page has \d\.\d MB", analysis.to_html(max_documents=None)
    )


def entities_of(n):
    return [Entity("A", place, place + 1) for place in range(n)]


def test_signatures_options_failures_and_the_command_are_named(scores, page):
    assert "<code>evalkit run --report report.html</code>" in page
    assert scores["entities/strict"].signature.partition("|metric")[0] in page
    assert "Set aside, gold items outside the scored zones: 15 (entities)" in page

    failed = Corpus([Document("d", "aa bb cc dd", failure="no answer")])
    gold = Corpus([Document("d", "aa bb cc dd", [Entity("A", 0, 2)])])
    of_failure = score(gold, failed, "ner", boot=0).to_html(errors=True)
    assert "d: no answer" in of_failure
    assert "The prediction failed: no answer" in of_failure


# Where there are no texts


def test_without_text_no_word_of_the_corpus_is_on_the_page(scores):
    page = scores.to_html(errors=True, no_text=True)

    tree = parse(page)
    assert not list(tree.iter("mark"))
    for word in ("Islamic", "Fighters", "Raqqah", "militants", "Syria", "deserting"):
        assert word not in page
    assert re.search(r"label: gold ORG #[0-9a-f]{16} 346–359; predicted PERSON #", page)


def test_reasons_of_failures_are_left_out_with_the_text():
    failed = Corpus([Document("d", "aa bb", failure="no JSON in: aa bb")])
    gold = Corpus([Document("d", "aa bb", [Entity("A", 0, 2)])])

    page = score(gold, failed, "ner", boot=0).to_html(errors=True, no_text=True)

    assert "no JSON" not in page
    assert "The prediction failed" in page


def test_saved_scores_have_the_page_without_examples(scores):
    scores.to_html(errors=True)  # errors that were counted are saved
    loaded = Scores.from_json(scores.to_json())

    page = loaded.to_html(errors=True)

    assert "These scores were saved and contain only counts" in page
    assert "Where F1 is lost" in page
    assert not list(parse(page).iter("mark"))


def test_scores_that_were_saved_before_errors_were_counted_say_so():
    fresh = score(
        Corpus([Document("d", "aa", [Entity("A", 0, 2)])]), Corpus([Document("d", "aa", [])])
    )

    page = Scores.from_json(fresh.to_json()).to_html(errors=True)

    assert "these scores contain only counts" in page
    parse(page)


def test_the_page_says_what_intervals_assume_where_sentences_are_documents():
    assumption = "sentences as documents: intervals and p assume that they are independent"
    scores = score_tags([["B-A"], ["B-A"]], [["B-A"], ["O"]])
    without_intervals = score_tags([["B-A"], ["B-A"]], [["B-A"], ["O"]], boot=0)

    assert assumption in str(scores)
    assert scores.to_html(errors=True).count(assumption) == 1
    assert build_errors_page([scores.errors()]).count(assumption) == 1
    assert assumption not in without_intervals.to_html(errors=True)


def test_bare_spans_have_a_page_without_texts():
    page = score_spans([[(0, 2, "A")], [(3, 5, "B")]], [[(0, 2, "B")], []]).to_html(errors=True)

    assert "tags and bare spans have none" in page
    parse(page)


def test_a_page_of_nothing_is_refused():
    with pytest.raises(InputError, match="a page needs an error analysis or scores"):
        build_errors_page([])


# Valid, accessible, inert


def test_the_page_loads_nothing_and_runs_nothing(page, tree):
    assert (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src'
        " 'unsafe-inline'; img-src data:\">"
    ) in page
    assert not {element.tag for element in tree.iter()} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert not str(name).startswith("on")
            if name in ("href", "src"):
                assert value.startswith("#")
    assert "url(" not in page
    assert "@import" not in page


def test_ids_are_unique_and_links_lead_to_them(tree):
    ids = [element.get("id") for element in tree.iter() if element.get("id")]

    assert len(ids) == len(set(ids))
    assert {a.get("href")[1:] for a in tree.iter("a")} <= set(ids)


def test_headings_are_in_order(tree):
    levels = [
        int(element.tag[1]) for element in tree.iter() if re.fullmatch(r"h\d", str(element.tag))
    ]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert tree.get("lang") == "en"


def test_tables_have_captions_and_scopes(tree):
    for table in tree.iter("table"):
        assert text_of(table.find("caption")).strip()
        assert all(cell.get("scope") in ("row", "col") for cell in table.iter("th"))
        for body in table.iter("tbody"):
            assert all(row[0].tag == "th" for row in body)


def test_charts_have_a_role_and_a_title(tree):
    for chart in tree.iter("svg"):
        assert chart.get("role") == "img"
        assert text_of(chart.find("title"))


def test_controls_have_labels(tree):
    labelled = {element for label in tree.iter("label") for element in label.iter("input")}

    assert set(tree.iter("input")) == labelled


def test_texts_have_a_direction_of_their_own(tree):
    shown = [each for each in tree.iter() if each.get("class") in ("passage", "context")]

    assert shown
    assert all(element.get("dir") == "auto" for element in shown)
    style = load_text("evalkit.report", "errors.css")
    assert "unicode-bidi: isolate" in style
    assert "white-space: pre-wrap" in style


def luminance(color):
    channels = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mix(color, share, other):
    """color-mix(in srgb, color share, other)."""
    channels = [
        round(int(color[n : n + 2], 16) * share + int(other[n : n + 2], 16) * (1 - share))
        for n in (1, 3, 5)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


THEMES = ("light", "dark", "print")


@pytest.fixture(params=THEMES)
def colors(request):
    """The colors of a theme by name."""
    style = load_text("evalkit.report", "errors.css")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    themes = dict(zip(THEMES, blocks, strict=True))
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", themes[request.param]))


def test_colors_have_contrast(colors):
    paper = colors["paper"]
    for name in ("ink", "quiet", *"clbxmsdu"):
        assert contrast(colors[name], paper) >= 4.5, name
    style = load_text("evalkit.report", "errors.css")
    shares = re.findall(r"td\.s\d \{ background: color-mix\(in srgb, var\(--shade\) (\d+)%", style)
    assert len(shares) == 9
    shade = colors.get("shade")
    for share in shares:
        assert contrast(colors["ink"], mix(shade, int(share) / 100, paper)) >= 4.5


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<style>*{display:none}</style>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "<link rel=stylesheet href=http://evil.test/x.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.test'>",
    "<base href=http://evil.test/>",
    "<form action=http://evil.test><input>",
    "<object data=http://evil.test>",
    "<embed src=http://evil.test>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<!--",
    "-->",
    "<!-- size -->",
    "--!><script>alert(1)</script>",
    "<![CDATA[x]]>",
    "]]>",
    "<?php echo 1 ?>",
    "<!doctype html>",
    "</main></body></html>",
    "</table></td></tr>",
    "</details></summary>",
    "</mark></p></div>",
    '" onload="alert(1)',
    "' onload='alert(1)",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "` onload=`alert(1)",
    "x onmouseover=alert(1) y",
    "x\" style=\"background:url('http://evil.test')",
    "}</style>",
    "*/}body{display:none}/*",
    "url(http://evil.test)",
    "expression(alert(1))",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&amp;&amp;",
    "&quot;",
    "&",
    "&#0;",
    "&#x202e;",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "${7*7}",
    "%s%n%d",
    "a\x00b",
    "a\x07b",
    "a\x1b[2Jb",
    "a\x7fb",
    "a\x85b",
    "a\x9bb",
    "a\u202eb",
    "a\u2066b\u2069",
    "a\u200bb",
    "a\u200e\u200fb",
    "a\u2028b\u2029c",
    "a\ufeffb",
    "a\ufdd0b\uffffc",
    "a\U0001fffeb",
    "a\u034fb\u3164c",
    "a\rb",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "a\x0bb\x0cc",
    "\n\n",
    "שלום עולם",
    "مرحبا",
    "e\u0301\u0301\u0301\u0301",
    "👩‍👩‍👧",
    "𝒜",
    "L" * 10_000,
    "<b>" * 3_000,
]


@pytest.fixture(scope="module")
def shape():
    """The tags of the page of harmless names, as often as they occur."""
    return tags_of(parse(page_of_names("x")))


def page_of_names(name):
    """The page of two documents in which everything that can have a name has this one."""
    text = f"Ada {name} met {name} Bob"
    length = len(text)
    entity = Entity(name, 0, 3, attributes={"key": name})
    events = [Event(name, Span(0, 3), (Argument(name, 4, length),), realis=name)]
    gold = [
        Document(name, text, [entity], events, [Attribution(Span(0, 3), Span(4, length))]),
        Document(f"{name}2", text, [Entity(name, 0, length)], [], []),
    ]
    predicted = [
        Document(
            name,
            text,
            [Entity(f"{name}2", 0, 3, attributes={"key": name}), Entity(name, 4, length)],
            [],
            [],
            unplaced=[Unplaced("entities", name, name, quote=name)],
        ),
        Document(f"{name}2", text, failure=name),
    ]
    zones = (Zone(name, 0, length),)
    gold = [Document(**{**fields_of(document), "zones": zones}) for document in gold]
    scores = score(Corpus(gold, name), Corpus(predicted, name), zones="all", name=name, boot=0)
    analyses = [
        scores.errors("entities", by="attribute:key,zone,nesting"),
        *(scores.errors(layer) for layer in ("triggers", "arguments", "attributions")),
    ]
    return build_errors_page(analyses, scores, command=name)


def fields_of(document):
    return {name: getattr(document, name) for name in document.__struct_fields__}


def tags_of(tree):
    return sorted({str(element.tag) for element in tree.iter()})


@pytest.mark.parametrize("name", choose_quick(HOSTILE, 14), ids=range(len(HOSTILE)))
def test_hostile_names_are_inert(name, shape):
    page = page_of_names(name)

    tree = parse(page)
    assert tags_of(tree) == shape
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", page
    )
    assert not re.search("[\ufdd0-\ufdef\ufffe\uffff\ufeff\u034f\u3164]", page)
    assert len(page.encode()) < 250_000
    for element in tree.iter():
        assert not any(str(key).startswith("on") for key in element.attrib)
        assert (element.get("href") or "#").startswith("#")


# Sizes


def test_the_page_of_the_bundled_article_is_small(page):
    assert len(page.encode()) < 200_000


def test_long_documents_are_cut_with_a_note():
    text = "word " * 40_000
    gold = [Entity("A", 5 * n, 5 * n + 4) for n in range(0, 40_000, 20)]

    page = page_of(gold, gold[::2], text=text)

    assert len(page.encode()) < 200_000
    assert re.search(r"The text is cut: the first [\d,]+ of 200,000 characters are shown", page)
    (whole,) = passages_of(parse(page_of(gold, gold[::2], text=text, max_documents=None)))
    assert without_labels(whole) == text


def test_long_lists_are_cut_with_a_note():
    text = "word " * 2_000
    events = [Event("Type", Span(5 * n, 5 * n + 4)) for n in range(2_000)]
    gold = Corpus([Document("d", text, events=events)])
    predicted = Corpus([Document("d", text, events=[])])

    page = score(gold, predicted, "tri-c", boot=0).to_html(errors=True)

    assert len(page.encode()) < 200_000
    assert re.search(r"Events: 1,\d\d\d more are not shown", page)


@pytest.mark.slow
def test_the_page_of_many_documents_is_below_two_megabytes():
    draw = random.Random(1)
    gold, predicted = [], []
    for number in range(10_000):
        text = "word " * 150
        starts = draw.sample(range(150), 25)
        spans = [(f"L{draw.randrange(30)}", 5 * start, 5 * start + 4) for start in starts]
        gold.append(Document(f"d{number}", text, [Entity(*span) for span in spans]))
        wrong = [(f"L{draw.randrange(30)}", *span[1:]) for span in spans[:5]]
        predicted.append(
            Document(f"d{number}", text, [Entity(*span) for span in (*wrong, *spans[8:])])
        )

    page = score(Corpus(gold), Corpus(predicted), "ner").to_html(errors=True)

    assert len(page.encode()) < 2_000_000
    assert "20 of 10,000 with errors" in page
