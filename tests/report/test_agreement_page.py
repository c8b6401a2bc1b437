"""The page of an agreement: its tables against plain loops, disagreements side by side in the text,
its caps, that it is valid and inert, and that it has no text where none is wanted.
"""

import random
import re
from collections import Counter
from itertools import combinations, pairwise

import html5lib
import pytest
from helpers.cli import run_evalkit
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, Event, InputError, Relation, Span, agreement
from evalkit.data.document import Argument
from evalkit.report.agreement_tables import MOST_LABELS
from evalkit.results.agreement import Agreement

TEXT = "Ada met Bo in Rome, and Cy in Bonn. Nobody else came. Di left Oslo at noon."
A = [("PER", 0, 3), ("PER", 8, 10), ("LOC", 14, 18), ("LOC", 30, 34), ("PER", 54, 56)]
B = [("PER", 0, 3), ("ORG", 8, 10), ("LOC", 14, 16), ("PER", 54, 56), ("LOC", 62, 66)]
SECTIONS = [
    "annotators",
    "f1",
    "pairs",
    "labels",
    "measures",
    "disagreements",
    "documents",
    "texts",
    "about",
]


def parse(page):
    """The page as a tree. Raises html5lib's ParseError for invalid HTML."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    for element in tree.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    for title in tree.iter("title"):
        title.text = ""
    return tree


def text_of(element):
    return "".join(element.itertext())


def table_of(tree, title):
    """The rows of the table whose caption starts so, without the header."""
    (table,) = [
        each for each in tree.iter("table") if text_of(each.find("caption")).startswith(title)
    ]
    return [[text_of(cell).strip() for cell in row] for body in table.iter("tbody") for row in body]


def sides_of(tree):
    """The rows of all disagreements: kinds, and both sides as elements."""
    rows = []
    for row in tree.iter("tr"):
        if (row.get("class") or "").startswith("group"):
            head, a, b = list(row)
            kinds = [text_of(each) for each in head if each.get("class", "").startswith("kind")]
            rows.append((kinds, a, b))
    return rows


def marks_of(side):
    """(class, marked words, label) of each mark of a side."""
    found = []
    for mark in side.iter("mark"):
        label = mark.find("sub")
        found.append((mark.get("class"), mark.text, text_of(label)))
    return found


def annotator(name, n, spans_of, text=TEXT):
    documents = [
        Document(f"d{i}", text, [Entity(*span) for span in spans])
        for i in range(n)
        if (spans := spans_of(i)) is not None
    ]
    return Corpus(documents, name)


def random_annotators(seed, names, n=6, labels="ABC"):
    """Annotators that mostly have the same spans; all but the first lack a document."""
    draw = random.Random(seed)
    text = "ab cd ef gh ij kl mn op. " * 3
    corpora = {name: [] for name in names}
    for i in range(n):
        starts = sorted(draw.sample(range(0, 69, 3), 6))
        base = [(draw.choice(labels), start, start + 2) for start in starts]
        for position, name in enumerate(names):
            if position and i == position:
                continue
            spans = []
            for label, start, end in base:
                chance = draw.random()
                if chance < 0.6:
                    spans.append(Entity(label, start, end))
                elif chance < 0.75:
                    spans.append(Entity(draw.choice(labels), start, end))
                elif chance < 0.85:
                    spans.append(Entity(label, start, end + 1))
            corpora[name].append(Document(f"d{i}", text, spans))
    return {name: Corpus(documents, name) for name, documents in corpora.items()}


@pytest.fixture(scope="module")
def two():
    return agreement(ann=annotator("ann", 3, lambda _: A), ben=annotator("ben", 3, lambda _: B))


@pytest.fixture(scope="module")
def three():
    return agreement(**random_annotators(1, ["ann", "ben", "cleo"]))


# Numbers


def test_the_sections_are_in_order_each_with_a_heading_and_a_sentence(three, two):
    sections = list(parse(three.to_html()).iter("section"))

    assert [section.get("id") for section in sections] == SECTIONS
    assert all([child.tag for child in section][:2] == ["h2", "p"] for section in sections)
    # A single pair is no matrix.
    assert 'id="pairs"' not in two.to_html()


def test_the_header_has_f1_its_interval_and_the_range_of_pairs(three):
    (headline,) = [p for p in parse(three.to_html()).iter("p") if p.get("class") == "headline"]

    row = three["entities/strict"]
    assert text_of(headline) == (
        f"entities/strict: mean F1 {row.f1:.3f} (95 % CI: {row.low:.3f}–{row.high:.3f});"
        f" {row.min:.3f}–{row.max:.3f} in 3 pairs"
    )


def test_a_matrix_has_f1_with_interval_of_each_pair_and_the_mean_over_others(three):
    tree = parse(three.to_html())
    (details,) = [
        each for each in tree.iter("details") if text_of(each.find("summary")) == "entities/strict"
    ]
    rows = [
        [text_of(cell).strip() for cell in row] for body in details.iter("tbody") for row in body
    ]

    pairs = {
        frozenset((pair.a, pair.b)): pair
        for pair in three.result.pairs
        if pair.metric == "entities/strict"
    }
    for row in rows:
        values = []
        for name, cell in zip(three.annotators, row[1:-1], strict=True):
            if name == row[0]:
                assert cell == ""
                continue
            pair = pairs[frozenset((row[0], name))]
            assert cell == f"{pair.f1:.3f}{pair.low:.3f}–{pair.high:.3f}"
            values.append(pair.f1)
        assert row[-1] == f"{sum(values) / len(values):.3f}"
    assert [row[0] for row in rows] == three.annotators
    kappas = [details for details in tree.iter("details") if "κ of labels" in text_of(details)]
    assert len(kappas) == 1
    assert f"{three.result.kappa[0].kappa:.3f}" in text_of(kappas[0])


def test_labels_with_the_lowest_agreement_come_first(three):
    rows = table_of(parse(three.to_html()), "Labels, entities/strict")

    expected = [row for row in three.result.f1 if row.metric == "entities/strict" and row.label]
    expected.sort(key=lambda row: row.f1)
    assert [row[:2] for row in rows] == [[row.label, f"{row.f1:.3f}"] for row in expected]


def same(first, second):
    return (first.start, first.end) == (second.start, second.end)


@pytest.mark.parametrize("seed", range(20))
def test_disagreements_by_kind_are_those_of_plain_loops(seed):
    corpora = random_annotators(seed, ["ann", "ben", "cleo"])

    tree = parse(agreement(**corpora, boot=0, measures="f1").to_html())

    # Spans of one annotator never overlap here, and those of another overlap at most one.
    by_label = Counter()
    totals = Counter()
    for a, b in combinations(corpora, 2):
        counts = Counter()
        others = {document.id: document for document in corpora[b]}
        for document in corpora[a]:
            if document.id not in others:
                continue
            unmatched = list(others[document.id].entities)
            for entity in document.entities:
                found = [each for each in unmatched if each.start == entity.start]
                if not found:
                    counts["only the first"] += 1
                    by_label[entity.label, "only one"] += 1
                    continue
                (other,) = found
                unmatched.remove(other)
                kind = "label" * (entity.label != other.label)
                if not same(entity, other):
                    kind += "+" * bool(kind) + "boundary"
                counts[kind or "equal"] += 1
                for label in {entity.label, other.label}:
                    by_label[label, kind or "equal"] += 1
            for entity in unmatched:
                counts["only the second"] += 1
                by_label[entity.label, "only one"] += 1
        totals[a, b] = counts
    (table,) = [
        each
        for each in tree.iter("table")
        if text_of(each.find("caption")) == "Disagreements by kind, entities"
    ]
    columns = [text_of(cell) for cell in table.find("thead")[0]]
    rows = {
        row[0]: dict(zip(columns, row, strict=True))
        for row in table_of(tree, "Disagreements by kind")
    }
    everybody = sum((totals[pair] for pair in combinations(corpora, 2)), Counter())
    for name, counts in {
        **{f"{a} – {b}": totals[a, b] for a, b in combinations(corpora, 2)},
        "all pairs": everybody,
    }.items():
        shown = {
            key: int(value)
            for key, value in rows[name].items()
            if key not in ("pair", "equal share")
        }
        assert {key: n for key, n in shown.items() if n} == dict(counts)
        assert rows[name]["equal share"] == f"{counts['equal'] / sum(counts.values()):.3f}"
    labels = table_of(tree, "Disagreements by label")
    for label, wrong, *_, only, equal in labels:
        assert int(equal) == by_label[label, "equal"]
        assert int(only) == by_label[label, "only one"]
        assert int(wrong) == sum(
            n for (name, kind), n in by_label.items() if name == label and kind != "equal"
        )
    assert [int(row[1]) for row in labels] == sorted((int(row[1]) for row in labels), reverse=True)


def overlapping_annotator(draw, name):
    documents = []
    for i in range(4):
        spans = set()
        for _ in range(8):
            start = draw.randrange(39)
            spans.add((draw.choice("AB"), start, draw.randint(start + 1, min(40, start + 8))))
        documents.append(Document(f"d{i}", "x" * 40, [Entity(*span) for span in sorted(spans)]))
    return Corpus(documents, name)


@pytest.mark.parametrize("seed", choose_quick(range(100), 10))
def test_swapped_annotators_have_the_same_disagreements(seed):
    draw = random.Random(seed)
    a, b = overlapping_annotator(draw, "a"), overlapping_annotator(draw, "b")

    first, second = (
        parse(agreement(**sides, boot=0, measures="f1").to_html())
        for sides in ({"a": a, "b": b}, {"b": b, "a": a})
    )

    (pair, *numbers, only_a, only_b, share) = table_of(first, "Disagreements by kind")[0]
    mirrored = table_of(second, "Disagreements by kind")[0]
    assert (pair, mirrored) == ("a – b", ["b – a", *numbers, only_b, only_a, share])
    for title in ("Disagreements by label", "F1 of each document", "Labels"):
        assert table_of(first, title) == table_of(second, title)


def test_documents_and_what_was_left_out_are_listed(three):
    tree = parse(three.to_html())

    rows = table_of(tree, "F1 of each document")
    strict = [row for row in three.result.by_document if row.metric == "entities/strict"]
    strict.sort(key=lambda row: (row.f1, row.document))
    assert [row[:2] for row in rows] == [[row.document, f"{row.f1:.3f}"] for row in strict]
    assert table_of(tree, "Documents compared and left out") == [
        ["ann", "6", "0"],
        ["ben", "5", "1"],
        ["cleo", "5", "1"],
    ]
    (lacking,) = [each for each in tree.iter("dl") if each.get("class") == "lacking"]
    assert [text_of(each) for each in lacking] == ["ben", "d1", "cleo", "d2"]
    assert [each.lacking for each in three.result.annotators] == [[], ["d1"], ["d2"]]


# The text


def test_the_spans_of_both_annotators_are_marked_side_by_side(two):
    tree = parse(two.to_html())

    rows = sides_of(tree)
    assert len(rows) == 6  # of three documents
    kinds, a, b = rows[0]
    assert kinds == ["label", "boundary", "only ann"]
    assert marks_of(a) == [
        ("g c", "Ada", "PER"),
        ("g l", "Bo", "PER"),
        ("g b", "Rome", "LOC"),
        ("g m", "Bonn", "LOC"),
    ]
    assert marks_of(b) == [("g c", "Ada", "PER"), ("g l", "Bo", "ORG"), ("g b", "Ro", "LOC")]
    kinds, a, b = rows[1]
    assert kinds == ["only ben"]
    assert marks_of(a) == [("g c", "Di", "PER")]
    assert marks_of(b) == [("g c", "Di", "PER"), ("g m", "Oslo", "LOC")]
    # Sentences without disagreement are left out.
    assert "Nobody" not in text_of(tree)


def test_the_lowest_documents_and_pairs_come_first_and_all_disagreements_are_shown(three):
    tree = parse(three.to_html())

    documents = [each for each in tree.iter("details") if each.get("class") == "document"]
    strict = [row for row in three.result.by_document if row.metric == "entities/strict"]
    strict.sort(key=lambda row: (row.f1, row.document))
    names = [text_of(each.find("summary")).partition(":")[0] for each in documents]
    assert names == [row.document for row in strict if row.f1 < 1]
    for document in documents:
        captions = [text_of(each) for each in document.iter("caption")]
        values = [float(re.search(r"F1 (\d\.\d+)", each)[1]) for each in captions]
        assert values == sorted(values)
        n = sum(int(re.search(r"(\d+) disagreements?$", each)[1]) for each in captions)
        assert f" {n} disagreement" in text_of(document.find("summary"))
    errors = [three.errors(a, b) for a, b in combinations(three.annotators, 2)]
    shown = sum(
        int(re.search(r", (\d+) disagreement", text_of(each.find("summary")))[1])
        for each in documents
    )
    assert shown == sum(len(each.items) for each in errors)


def test_the_mean_f1_of_several_layers_is_called_so():
    def annotate(end, label):
        event = Event(label, Span(11, 14), (), "e")
        return [
            Document("d1", "Ann Lee is out.", (Entity("PER", 0, end),), (event,)),
            Document("d2", "Ann Lee is out.", (Entity("PER", 0, 7),), (event,)),
        ]

    several = parse(agreement(a=annotate(7, "Go"), b=annotate(3, "Come")).to_html())
    one = parse(agreement(a=annotate(7, "Go"), b=annotate(3, "Go"), metrics="ner").to_html())

    summaries = []
    for tree in (several, one):
        documents = [each for each in tree.iter("details") if each.get("class") == "document"]
        summaries.append([text_of(each.find("summary")) for each in documents])
    assert summaries == [
        [
            "d1: mean F1 of the layers 0.000, 2 disagreements",
            "d2: mean F1 of the layers 0.500, 1 disagreement",
        ],
        ["d1: F1 0.000, 1 disagreement"],
    ]
    assert "in the order of the mean of the metrics" in text_of(several)


@pytest.mark.slow
def test_what_does_not_fit_is_counted():
    names = [f"n{n}" for n in range(10)]
    draw = random.Random(0)
    text = "Words of a sentence that is long enough to be shown as it is. " * 60
    corpora = {
        name: annotator(
            name,
            25,
            lambda _: [("A", 62 * n, 62 * n + draw.randint(3, 9)) for n in range(60)],
            text,
        )
        for name in names
    }

    found = agreement(**corpora, measures="f1", boot=0)
    page = found.to_html()

    assert len(page.encode()) < 2_500_000
    assert "20 of 25 with disagreements" in page
    for document in parse(page).iter("details"):
        if document.get("class") == "document":
            total = int(re.search(r"([\d,]+) disag", text_of(document))[1].replace(",", ""))
            captions = [text_of(each) for each in document.iter("caption")]
            counted = sum(int(re.search(r"(\d+) disagreements?$", each)[1]) for each in captions)
            (rest,) = re.findall(
                r"Not shown: ([\d,]+) disagreements in (\d+) comp", text_of(document)
            )
            assert counted + int(rest[0].replace(",", "")) == total
            assert len(captions) + int(rest[1]) == 45
    everything = found.to_html(max_documents=None)
    assert "25 of 25 with disagreements" in everything
    assert re.search(r"this page has \d+\.\d MB", everything)
    assert "Not shown" not in everything


def test_many_labels_are_cut_with_a_note():
    labels = [f"L{n:03}" for n in range(80)]
    corpora = random_annotators(3, ["a", "b"], n=120, labels=labels)

    tree = parse(agreement(**corpora, boot=0).to_html())

    assert len(table_of(tree, "Labels, entities/strict")) == MOST_LABELS
    assert "the lowest 50 of 80 labels; csv and json have all" in text_of(tree)


@pytest.mark.slow
def test_many_annotators_are_a_list_of_pairs_with_a_note():
    names = [f"n{n:02}" for n in range(21)]

    found = agreement(**random_annotators(2, names, n=25), boot=0, measures="f1,kappa")
    tree = parse(found.to_html())

    rows = table_of(tree, "Pairs, entities/strict")
    expected = sorted(pair.f1 for pair in found.result.pairs if pair.metric == "entities/strict")
    assert [row[1] for row in rows] == [f"{f1:.3f}" for f1 in expected[:200]]
    assert "the lowest 200 of 210 pairs; csv and json have all" in text_of(tree)
    assert len(table_of(tree, "Spans and labels")) == 200
    assert "the first 200 of 210 rows; csv and json have all" in text_of(tree)


def test_discontinuous_spans_nested_spans_and_relations_are_shown():
    parts = Entity("A", 0, 10, fragments=((0, 3), (8, 10)), id="e1")
    inner = Entity("B", 14, 18, id="e2")
    outer = Entity("C", 11, 18)
    first = Document("d", TEXT, [parts, inner], relations=[Relation("R", "e1", "e2")])
    second = Document("d", TEXT, [parts, inner, outer], relations=[])

    tree = parse(agreement(a=Corpus([first]), b=Corpus([second]), boot=0).to_html())

    (relations, entities) = sides_of(tree)
    assert entities[0] == ["only b"]
    assert [text for _, text, _ in marks_of(entities[1])] == ["Ada", "Bo", "Rome"]
    assert [label for *_, label in marks_of(entities[1])] == ["A [1]", "A [1]", "B"]
    assert relations[0] == ["only a"]
    assert text_of(relations[1]) == "R: A “Ada met Bo” 0–10 → B “Rome” 14–18"
    assert text_of(relations[2]) == "–"


def test_arguments_of_another_event_are_shown_as_attached():
    def document(first, second):
        return Document(
            "d",
            TEXT,
            events=[
                Event("Meet", Span(4, 7), tuple(Argument(*each) for each in first)),
                Event("Meet", Span(57, 61), tuple(Argument(*each) for each in second)),
            ],
        )

    bo, di = ("Who", 8, 10), ("Who", 54, 56)
    a, b = document([bo, di], []), document([bo], [di])

    tree = parse(agreement(a=Corpus([a]), b=Corpus([b]), boot=0).to_html())

    assert [row[0] for row in sides_of(tree)] == [["attachment"]]
    assert table_of(tree, "Disagreements by kind, arguments")[0][:2] == ["a – b", "2"]
    attached = table_of(tree, "Disagreements by kind, attached-arguments")
    assert attached[0][:3] == ["a – b", "1", "1"]


def test_annotators_who_do_not_differ_are_told_so():
    same = annotator("a", 1, lambda _: A)

    page = agreement(a=same, b=annotator("b", 1, lambda _: A)).to_html()

    assert "The annotators do not differ in anything." in page
    assert "In all: 1 document." in page
    assert sides_of(parse(page)) == []


def test_without_text_no_word_of_the_corpus_is_on_the_page(two):
    page = two.to_html(no_text=True)

    tree = parse(page)
    assert "This page contains no text of the corpus." in page
    assert "This page contains text of the corpus." in two.to_html()
    assert not list(tree.iter("mark"))
    for word in ("Ada", "Rome", "Bonn", "Oslo"):
        assert word not in page
    kinds, a, b = sides_of(tree)[0]
    assert kinds == ["label"]
    assert re.fullmatch(r"PER #[0-9a-f]{16} 8–10", text_of(a))
    assert re.fullmatch(r"ORG #[0-9a-f]{16} 8–10", text_of(b))


# Models, saved results, the command


def test_models_are_consistent():
    page = agreement(
        one=annotator("one", 2, lambda _: A), two=annotator("two", 2, lambda _: B), models=True
    ).to_html()

    body = text_of(parse(page).find("body"))
    assert body.strip().startswith("Consistency of one and two")
    assert "greement" not in body.replace("Disagreement", "").replace("disagreement", "")
    assert "nnotator" not in body.partition("Signatures")[0]


def test_a_saved_agreement_has_the_numbers_and_says_what_is_missing(three, tmp_path):
    three.save(tmp_path / "agreement.json")

    page = Agreement.load(tmp_path / "agreement.json").to_html()

    tree = parse(page)
    assert table_of(tree, "All labels") == table_of(parse(three.to_html()), "All labels")
    assert "was read from a file, which holds no documents" in page
    assert sides_of(tree) == []


def test_an_agreement_without_f1_has_a_page():
    corpora = random_annotators(1, ["ann", "ben"])

    tree = parse(agreement(**corpora, measures="kappa,alpha").to_html())

    assert "Disagreements are listed where F1 is measured." in text_of(tree)
    assert [each.get("id") for each in tree.iter("section")] == [
        "annotators",
        "measures",
        "disagreements",
        "about",
    ]


def test_the_command_writes_the_page(tmp_path):
    for name, corpus in random_annotators(1, ["ann", "ben", "cleo"]).items():
        corpus.save(tmp_path / f"{name}.jsonl")
    names = ("ann.jsonl", "ben.jsonl", "cleo.jsonl")
    options = ("-o", "page.html", "--max-documents", "2", "--no-text", "--digits", "2")

    done = run_evalkit("agreement", *names, *options, "--save", "a.json", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "2 of 6 with disagreements" in page
    assert "<code>evalkit agreement ann.jsonl ben.jsonl cleo.jsonl -o page.html" in page
    assert "<mark" not in page
    found = Agreement.load(tmp_path / "a.json")
    assert f"mean F1 {found['entities/strict'].f1:.2f} (" in page
    refused = run_evalkit("agreement", *names, "--max-documents", "few", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--max-documents few: expected a whole number, or all" in refused.stderr


def test_a_wrong_number_of_documents_is_refused(two):
    with pytest.raises(InputError, match="invalid max_documents=-1"):
        two.to_html(max_documents=-1)


def test_report_prints_and_converts_a_saved_agreement(three, tmp_path):
    three.save(tmp_path / "a.json")

    printed = run_evalkit("report", "a.json", cwd=tmp_path)
    for name in ("a.html", "a.md", "a.csv"):
        assert run_evalkit("report", "a.json", "-o", name, cwd=tmp_path).returncode == 0

    assert printed.stdout == three.render() + "\n"
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == three.to_markdown() + "\n"
    assert "Agreement of ann, ben and cleo" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "0.95" in run_evalkit("report", "a.json", "--format", "json", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json", "a.json"], "an agreement of annotators cannot be merged with other results"),
        (["a.json", "--name", "x"], "--name: a.json holds an agreement of annotators"),
        (["a.json", "--gate", "ner.f1>=0.3"], "--gate: a.json holds an agreement"),
    ],
)
def test_report_refuses_what_an_agreement_does_not_have(two, tmp_path, arguments, message):
    two.save(tmp_path / "a.json")

    done = run_evalkit("report", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr


# Valid, accessible, inert


def test_tables_headings_links_and_controls_are_accessible(three):
    tree = parse(three.to_html())

    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {a.get("href")[1:] for a in tree.iter("a")} <= set(ids)
    levels = [int(each.tag[1]) for each in tree.iter() if re.fullmatch(r"h\d", str(each.tag))]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for table in tree.iter("table"):
        assert text_of(table.find("caption")).strip()
        assert all(cell.get("scope") in ("row", "col") for cell in table.iter("th"))
        for body in table.iter("tbody"):
            assert all(row[0].tag == "th" for row in body)
    labelled = {element for label in tree.iter("label") for element in label.iter("input")}
    assert set(tree.iter("input")) == labelled
    for chart in tree.iter("svg"):
        assert chart.get("role") == "img"


def test_hostile_texts_labels_and_names_are_escaped_and_inert():
    text = "<script>alert(1)</script> \u202eevil\u202c & <img src=x onerror=alert(1)>"
    label = "<b>\u202eL</b>"
    first = annotator("a", 2, lambda _: [(label, 0, 8), (label, 27, 31)], text)
    second = annotator("b", 2, lambda _: [(label, 0, 8), ("x\ny", 27, 30)], text)

    for no_text in (False, True):
        page = agreement(**{"<i>a</i>": first, "b\u202e": second}).to_html(no_text=no_text)

        tree = parse(page)
        assert {each.tag for each in tree.iter()} & {"script", "img", "b", "i", "link"} == set()
        assert "\u202e" not in page
        assert "&lt;script&gt;" in page or no_text
        for element in tree.iter():
            for name, value in element.attrib.items():
                assert not str(name).startswith("on")
                if name in ("href", "src"):
                    assert value.startswith("#")
        assert "url(" not in page
