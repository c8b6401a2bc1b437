"""Whatever a label is called, a table shows it and does nothing else."""

import csv
import io
import time

import pytest

from evalkit import Corpus, Document, Entity, score, score_spans
from evalkit.errors import UnknownName

HOSTILE = ["=1+1", "@SUM(A1)", "-3", "a|b", "[/red]", "[link=x]y", ":smile:", "a\x1b[2Jb", "\u202eabc", "a\nb", "<b>", "`x`", "*x*", "_y_", "O", "B-PER", "0", " ", "PER "]


@pytest.fixture
def scores():
    gold = Corpus([Document("d", "x" * 40, [Entity(label, n, n + 1) for n, label in enumerate(HOSTILE)])])
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
    with pytest.raises(ValueError, match="no format 'text'; formats: json, table, markdown, latex, csv, html"):
        scores.render("text")


def test_latex_escapes_what_would_be_a_command():
    hostile = ["a\\input{x}", "50%", "a&b", "$x$", "#1", "a_b", "{", "~^"]
    corpus = Corpus([Document("d", "x" * 40, [Entity(label, n, n + 1) for n, label in enumerate(hostile)])])

    told = score(corpus, corpus, ["ner"]).to_latex()

    lines = [line for line in told.splitlines() if line.endswith(r" \\")]
    assert all(line.replace(r"\&", "").count("&") == 8 for line in lines)
    assert r"a\textbackslash{}input\{x\} & " in told
    assert r"50\% & " in told
    assert [line for line in told.splitlines() if line.startswith("%") and "a&b" in line] == []


def test_html_shows_labels_and_runs_none(scores):
    told = scores.to_html()

    assert "&lt;b&gt;" in told
    assert "<b>" not in told.partition("<body>")[2]
    assert "default-src 'none'" in told
    assert "<script" not in told
    assert "\x1b" not in told
    assert scores._repr_html_() in told


def test_a_narrow_terminal_gets_fewer_columns_and_is_told(scores):
    told = scores.render("table", width=70)

    assert max(len(line) for line in told.splitlines() if not line.startswith(("evalkit:", "Warning", "95 %", "micro", "no range", "macro"))) <= 70
    assert "left out, for want of room: TP, FP, FN" in told
    assert "left out" not in str(scores)


@pytest.mark.parametrize("format", ["table", "markdown", "latex", "html"])
def test_a_long_label_is_cut_in_tables_and_whole_in_rows(format):
    label = "x" * 1_000_000

    found = score_spans([[(0, 2, label)]], [[(0, 2, label)]], boot=0)

    assert "x" * 79 + "…" in found.render(format)
    assert len(found.render(format)) < 10_000
    assert label in found.render("csv")
    assert found.rows()[0]["label"] == label


def test_rows_of_many_labels_take_linear_time():
    def seconds(labels):
        spans = [[(0, 2, f"L{n}")] for n in range(labels)]
        found = score_spans(spans, spans, boot=0)
        started = time.process_time()
        found.rows()
        return time.process_time() - started

    seconds(100)
    assert seconds(16_000) < 10 * max(seconds(4_000), 0.01)  # 4 where linear, 16 where quadratic


def test_an_unknown_label_is_answered_with_some_of_many():
    spans = [[(0, 2, f"L{n}")] for n in range(1000)]

    with pytest.raises(UnknownName, match=r"no label 'x' in 'entities/strict'; labels: L0, L1, .*, and 900 more"):
        score_spans(spans, spans, boot=0)["ner"]["x"]


def test_latex_cells_begin_no_optional_argument():
    corpus = Corpus([Document("d", "x" * 40, [Entity(label, n, n + 1) for n, label in enumerate(["A", "[PER]", "*x"])])])

    told = score(corpus, corpus, ["ner"]).to_latex()

    assert "\n{[}PER{]} & " in told
    assert "\n{*}x & " in told


def test_what_is_no_terminal_is_wide_enough_for_every_column(scores):
    long = Corpus([Document("d", "x" * 40, [Entity("L" * 90, 0, 3)])])

    assert "left out" not in str(score(long, long, ["ner"]))
