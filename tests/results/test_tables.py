"""Whatever a label is called, a table shows it and does nothing else."""

import cProfile
import csv
import io
import json
import re
import unicodedata
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalkit import Corpus, Document, Entity, compare, score, score_spans
from evalkit.errors import UnknownNameError, escape_controls, escape_controls_in_json
from evalkit.evaluation.pr_curves import curves
from evalkit.hub.card_tables import CardTable, code_span, escape_markdown
from evalkit.results.tables import RENDERERS, Report, Table, csv_cell, dump_yaml

HOSTILE = [
    "=1+1",
    "@SUM(A1)",
    "-3",
    "a|b",
    "[/red]",
    "[link=x]y",
    ":smile:",
    "a\x1b[2Jb",
    "\u202eabc",
    "a\nb",
    "<b>",
    "`x`",
    "*x*",
    "_y_",
    "O",
    "B-PER",
    "0",
    " ",
    "PER ",
]


@pytest.fixture
def scores():
    gold = Corpus(
        [Document("d", "x" * 40, [Entity(label, n, n + 1) for n, label in enumerate(HOSTILE)])]
    )
    return score(gold, gold, ["ner"])


def test_labels_come_back_from_rows_as_they_are(scores):
    assert [row["label"] for row in scores.rows() if row["label"]] == sorted(HOSTILE)


def test_a_table_shows_labels_and_obeys_none(scores):
    told = str(scores)

    assert [c for c in told if not c.isprintable() and c != "\n"] == []
    for label in ("[/red]", "[link=x]y", ":smile:", "a\\x1b[2Jb", "\\u202eabc", "a\\nb"):
        assert label in told


def test_markdown_escapes_what_would_be_markup(scores):
    lines = [line for line in scores.to_markdown().splitlines() if line.startswith("| ")]

    assert all(line.replace("\\|", "").count("|") == 10 for line in lines)
    assert any("\\<b\\>" in line for line in lines)


def test_csv_runs_no_formula(scores):
    labels = [row["label"] for row in csv.DictReader(io.StringIO(scores.to_csv()))]

    assert [label for label in labels if label[:1] in "=+-@" and label] == []
    assert "'=1+1" in labels


def test_an_unknown_format_is_answered_with_the_known_ones(scores):
    with pytest.raises(
        ValueError,
        match="unknown format 'text'; expected one of: json, table, markdown, latex, csv, html",
    ):
        scores.render("text")


def test_latex_escapes_what_would_be_a_command():
    hostile = ["a\\input{x}", "50%", "a&b", "$x$", "#1", "a_b", "{", "~^"]
    corpus = Corpus(
        [Document("d", "x" * 40, [Entity(label, n, n + 1) for n, label in enumerate(hostile)])]
    )

    told = score(corpus, corpus, ["ner"]).to_latex()

    lines = [line for line in told.splitlines() if line.endswith(r" \\")]
    assert all(line.replace(r"\&", "").count("&") == 8 for line in lines)
    assert r"a\textbackslash{}input\{x\} & " in told
    assert r"50\% & " in told
    assert [line for line in told.splitlines() if line.startswith("%") and "a&b" in line] == []


def test_html_shows_labels_and_runs_none(scores):
    told = scores.render("html")

    assert "&lt;b&gt;" in told
    assert "<b>" not in told.partition("<body>")[2]
    assert "default-src 'none'" in told
    assert "<script" not in told
    assert "\x1b" not in told
    assert scores._repr_html_() in told


def long_label_scores():
    labels = ["Personnel.Recruitment.And.Then.Some", "B"]
    entities = [Entity(label, n, n + 1) for n, label in enumerate(labels)]
    corpus = Corpus([Document("d", "x" * 40, entities)])
    return score(corpus, corpus, ["ner"])


@pytest.mark.parametrize("width", [50, 70, 80, 120])
def test_a_report_fits_into_its_terminal_but_for_signatures(width):
    lines = long_label_scores().render("table", width=width).splitlines()

    assert [line for line in lines if len(line) > width and "evalkit:" not in line] == []


@pytest.mark.parametrize("width", [80, 120, None])
def test_80_columns_show_all_ratios_and_counts(width):
    text = long_label_scores().render("table", width=width)

    for column in ("P", "R", "F1", "these documents only", "TP", "FP", "FN", "support"):
        assert column in next(line for line in text.splitlines() if line.startswith("label"))


def test_a_narrow_terminal_shortens_labels_and_then_hides_intervals():
    shortened = long_label_scores().render("table", width=80)
    hidden = long_label_scores().render("table", width=60)

    assert re.search(r"^Personnel\.[\w.]+…", shortened, re.MULTILINE)
    assert "hidden columns" not in shortened
    assert "hidden columns (narrow terminal): FN, FP, TP" in hidden
    assert "hidden columns" not in str(long_label_scores())


def test_a_comparison_hides_columns_before_it_cuts_names():
    text = "Ada met Bo in Rome. " * 2
    gold = Corpus([Document(f"d{n}", text, [Entity("A", 0, 3)]) for n in range(9)], name="gold")
    names = [f"bert-base-cased-{n}" for n in range(3)]

    table = compare(**dict.fromkeys(names, gold), gold=gold).render("table", width=70)

    assert f"{names[0]} – {names[1]}" in table
    assert "hidden columns (narrow terminal): win/tie/loss, p" in table


def test_warnings_come_first_and_signatures_last(scores):
    lines = str(scores).splitlines()

    assert lines[1].startswith("Warning: ")
    assert lines[-1].startswith("evalkit:")
    assert "Warning" not in "".join(lines[2:])


def test_schemes_stand_in_a_block_of_their_own():
    corpus = Corpus([Document("d", "Ada", [Entity("type", 0, 3)])])
    text = str(score(corpus, corpus))

    by_label, by_scheme = text.split("\n\n")[1:3]
    assert [line.split()[0] for line in by_label.splitlines()[5:10]] == [
        "type",
        "─" * len(by_label.splitlines()[4]),
        "micro",
        "macro",
        "weighted",
    ]
    assert [line.split()[0] for line in by_scheme.splitlines()[3:9]] == [
        "scheme",
        "─" * len(by_scheme.splitlines()[4]),
        "strict",
        "exact",
        "partial",
        "type",
    ]


@pytest.mark.parametrize(
    ("options", "f1"),
    [
        ({}, "0.667"),
        ({"digits": 2}, "0.67"),
        ({"percent": True}, "66.7"),
        ({"digits": 2, "percent": True}, "66.67"),
    ],
)
@pytest.mark.parametrize("form", ["table", "markdown", "latex", "html"])
def test_digits_and_percent_hold_for_every_table(form, options, f1):
    scores = score_spans([[(0, 2, "A"), (3, 5, "A")]], [[(0, 2, "A")]], boot=0)

    text = scores.render(form, **options)

    assert re.search(rf"\b{re.escape(f1)}\b", text)


def test_csv_and_json_hold_unrounded_fractions():
    scores = score_spans([[(0, 2, "A"), (3, 5, "A")]], [[(0, 2, "A")]], boot=0)

    assert scores.render("csv", digits=1, percent=True) == scores.render("csv")
    assert scores.render("json", digits=1, percent=True) == scores.render("json")


@pytest.mark.parametrize("digits", [-1, 16, 1.5, True, "2"])
def test_other_digits_are_refused(scores, digits):
    with pytest.raises(ValueError, match="digits=: expected a whole number from 0 to 15"):
        scores.render(digits=digits)


@pytest.mark.parametrize("format", ["table", "markdown", "latex", "html"])
def test_a_long_label_is_cut_in_tables_and_whole_in_rows(format):
    label = "x" * 1_000_000

    found = score_spans([[(0, 2, label)]], [[(0, 2, label)]], boot=0)

    assert "x" * 79 + "…" in found.render(format)
    assert len(found.render(format)) < 10_000
    assert label in found.render("csv")
    assert found.rows()[0]["label"] == label


def test_rows_of_many_labels_take_linear_time():
    def calls(labels):
        spans = [[(0, 2, f"L{n}")] for n in range(labels)]
        scores = score_spans(spans, spans, boot=0)
        profile = cProfile.Profile()
        profile.runcall(scores.rows)
        return sum(entry.callcount for entry in profile.getstats())

    assert calls(4_000) < 5 * calls(1_000)  # 4 where linear, 16 where quadratic


def test_an_unknown_label_is_answered_with_some_of_many():
    spans = [[(0, 2, f"L{n}")] for n in range(1000)]

    with pytest.raises(
        UnknownNameError,
        match=r"unknown label 'x' in 'entities/strict'; expected one of: L0, L1, .*, and 900 more",
    ):
        score_spans(spans, spans, boot=0)["ner"]["x"]


def test_latex_cells_begin_no_optional_argument():
    corpus = Corpus(
        [
            Document(
                "d",
                "x" * 40,
                [Entity(label, n, n + 1) for n, label in enumerate(["A", "[PER]", "*x"])],
            )
        ]
    )

    told = score(corpus, corpus, ["ner"]).to_latex()

    assert "\n{[}PER{]} & " in told
    assert "\n{*}x & " in told


def test_what_is_no_terminal_is_wide_enough_for_every_column(scores):
    long = Corpus([Document("d", "x" * 40, [Entity("L" * 90, 0, 3)])])

    assert "hidden columns" not in str(score(long, long, ["ner"]))


CONTROLS = "\x00\x07\x1b\r\n\t\x0b\x0c\x7f\x85\x9b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\u200b"  # noqa: E501
SIGNS = "=+-@＝＋－＠|`\\$<>&%#_~^*[](){}'\",;:!/ \u00a0\u3000aZ0é中"
names = st.text(alphabet=CONTROLS + SIGNS, max_size=12) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</td></tr></table>",
        "\\end{tabular}",
        "]]>",
        "```",
        "-->",
        "\r=1+1",
        "\n=1",
        " \u00a0=1",
    ]
)


def controls(text, keep="\n"):
    return [
        c
        for c in text
        if c not in keep and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


def report_of(cells):
    """A report whose every text is hostile."""
    a, b, c, d = cells
    table = Table(
        title=a,
        columns=("name", b),
        rows=((c, "1"), (d, "2")),
        notes=(b,),
        highlighted=frozenset({(0, 0)}),
    )
    return Report((a,), (table,), (d,), tuple({"label": cell, "f1": -0.5} for cell in cells))


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)


@given(st.tuples(names, names, names, names))
def test_no_text_reaches_an_output_with_control_characters(cells):
    for render in RENDERERS.values():
        assert controls(render(report_of(cells), None)) == []
    assert controls(escape_controls_in_json(json.dumps(cells, ensure_ascii=False))) == []
    assert json.loads(escape_controls_in_json(json.dumps(cells, ensure_ascii=False))) == list(cells)
    assert controls(dump_yaml(list(cells))) == []
    assert yaml.safe_load(dump_yaml(list(cells))) == list(cells)


@given(st.tuples(names, names, names, names))
def test_no_text_breaks_out_of_its_cell(cells):
    report, plain = report_of(cells), report_of(("a", "b", "c", "d"))

    markdown = RENDERERS["markdown"](report, None).splitlines()
    rows = [line for line in markdown if line.startswith("| ")]
    assert [unescaped(line, "|") for line in rows] == [3] * 3
    latex = RENDERERS["latex"](report, None).splitlines()
    assert [unescaped(line, "&") for line in latex if line.endswith(r" \\")] == [1] * 3
    assert [unescaped(line, "$") % 2 for line in latex if not line.startswith("%")] == [
        0 for line in latex if not line.startswith("%")
    ]
    assert sum(line == r"\end{tabular}" for line in latex) == 1
    assert Tags(RENDERERS["html"](report, None)).seen == Tags(RENDERERS["html"](plain, None)).seen
    card = CardTable(
        "", ("A", "B"), ((escape_markdown(cells[0]), escape_markdown(cells[1])),)
    ).markdown.splitlines()
    assert [unescaped(line, "|") for line in card] == [3] * 3


@given(names)
def test_no_text_ends_its_code_span(text):
    span = code_span(text)
    fence = span[: len(span) - len(span.lstrip("`"))]

    assert controls(span, keep="") == []
    assert fence not in span[len(fence) : -len(fence)]


def unescaped(line, sign):
    """How often a sign stands in a line without a backslash before it."""
    return re.sub(r"\\.", "", line).count(sign)


@given(st.lists(names, min_size=1, max_size=4))
def test_csv_comes_back_from_a_reader_and_holds_no_formula(cells):
    text = RENDERERS["csv"](Report(rows=tuple({"label": cell, "f1": -0.5} for cell in cells)), None)

    read = list(csv.reader(io.StringIO(text, newline="")))

    assert [line[1:] for line in read] == [["f1"], *[["-0.5"]] * len(cells)]
    for cell, (label, _) in zip(cells, read[1:], strict=True):
        assert label.removeprefix("'") == escape_controls(cell).removeprefix("'")
        assert not label.strip().startswith(tuple("=+-@＝＋－＠"))
    # Under another separator no part of a text begins a cell of its own.
    for other in (";", "\t", "|"):
        assert [
            len(line)
            for line in csv.reader(
                io.StringIO("\n".join(map(csv_cell, cells)), newline=""), delimiter=other
            )
            if line
        ] == [1] * sum(c != "" for c in cells)


HOSTILE_NAMES = [
    "a\x1b[2Jb",
    "\u202eabc",
    "a\x9bb",
    "a\u2066b",
    "a\nb",
    "</title><script>",
    "\u200fx",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("form", ["json", *RENDERERS])
def test_names_of_models_and_corpora_do_not_reach_any_output_raw(name, form):
    gold = Corpus(
        [Document(f"{name}-{n}", "Ada", [Entity(name, 0, 3, score=0.5)]) for n in range(2)],
        name=f"gold {name}",
    )
    predicted = Corpus(list(gold), name=f"model {name}")
    scores = score(gold, predicted, boot=0)
    found = compare(scores, score(gold, Corpus(list(gold), name=f"other {name}"), boot=0))

    outputs = [scores.render(form), found.render(form), curves(gold, predicted).render(form)]
    assert [controls(text) for text in (*outputs, scores["entities/strict"].signature)] == [[]] * 4
    assert form != "html" or not any("<script>" in text for text in outputs)
