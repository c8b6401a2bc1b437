"""What the README says is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.cli import run_evalkit
from helpers.doc_blocks import doc_pages

from evalkit import load_corpus
from evalkit.formats.registry import FORMATS
from evalkit.models.rules_lexicon import EVENTS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARTICLE = (ROOT / "docs/article.md").read_text(encoding="utf-8")
PAGES = (
    "*.md",
    "corpus/*.md",
    "docs/**/*.md",
    "scripts/*",
    "evalkit/**/*.py",
    "evalkit/**/*.j2",
)


def block(name):
    return re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```\n<!-- /{name} -->", README, re.DOTALL)[1]


def test_the_first_command_starts_with_the_table_that_is_shown():
    assert block("run").strip().endswith("&& evalkit run")
    output = run_evalkit("run").stdout

    shown, end = block("output")[:-2], block("output")[-2:]
    assert output.startswith(shown)
    assert end == "…\n"
    assert "\nmicro " in shown


def test_the_readme_fits_on_a_few_screens():
    assert len(README.splitlines()) <= 122


def test_the_links_of_readme_and_docs_lead_to_files_and_headings():
    broken = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *doc_pages()]:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text):
            path = (page.parent / target).resolve() if target else page
            if not path.exists():
                broken.append(f"{page.name}: {target}")
            elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
                broken.append(f"{page.name}: {target}#{anchor}")

    assert broken == []


def anchors(text):
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    found = set(re.findall(r"\{ #([\w-]+) \}", text))
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", heading.lower())
        found.add(re.sub(r"\s+", "-", words.strip()))
    return found


@pytest.mark.slow
def test_the_comparison_of_scorers_is_what_they_print():
    command = [sys.executable, ROOT / "scripts/comparison"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    for page in (README, (ROOT / "docs/other-scorers.md").read_text(encoding="utf-8")):
        assert f"<!-- comparison -->\n{table}<!-- /comparison -->" in page


def test_ci_runs_the_test_command_of_the_readme():
    assert block("test").strip() == "pip install '.[dev]' && pytest -n auto"
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text()


def test_the_python_example_runs():
    code = block("python")

    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert re.fullmatch(r"0\.\d+ evalkit:\d.*\|model:find_turkey\n", output)


def test_the_reference_lists_every_format():
    page = (ROOT / "docs/reference/formats.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| \[`([\w-]+)`\]", page, re.MULTILINE) == list(FORMATS)


def test_the_counts_in_the_docs_are_those_of_the_corpus():
    article = load_corpus()[0]

    assert f"{len(article.entities)} entities" in ARTICLE
    assert f"{len(article.events)} events" in ARTICLE
    assert f"{len(article.attributions)} attributions" in ARTICLE


def test_the_docs_say_how_many_event_words_of_the_baseline_are_triggers_of_the_article():
    article = load_corpus()[0]
    labels = {form: label for label, event in EVENTS.items() for form in event.words}
    triggers = {(event.trigger.start, event.trigger.end): event.label for event in article.events}
    occurrences = [
        (word.span(), word[0].casefold())
        for word in re.finditer(r"\w+", article.text)
        if word[0].casefold() in labels
    ]
    lacking = [
        event
        for event in article.events
        if article.text[event.trigger.start : event.trigger.end].casefold() not in labels
    ]

    assert [word for span, word in occurrences if triggers.get(span) != labels[word]] == []
    for page in (ARTICLE, (ROOT / "corpus/card.md").read_text(encoding="utf-8")):
        assert f"{len({word for _, word in occurrences})} of the {len(labels)} forms" in page
        assert f"{len(occurrences)} times" in page
    assert f"{len(article.events)} triggers; the {len(lacking)} others" in ARTICLE


def test_no_page_says_to_install_the_other_evalkit():
    pages = [path for pattern in PAGES for path in ROOT.glob(pattern) if path.is_file()]

    assert [
        path
        for path in pages
        if re.search("pip install " + r"evalkit(?!-ie)\b", path.read_text(encoding="utf-8"))
    ] == []


def test_no_page_and_no_message_installs_evalkit_from_the_index_where_it_is_not():
    pages = [path for pattern in PAGES for path in ROOT.glob(pattern) if path.is_file()]

    assert [
        path
        for path in pages
        if re.search(r"pip install[^\n]*evalkit-ie", path.read_text(encoding="utf-8"))
        and path.name != "CHANGELOG.md"
    ] == []
    listed = [run_evalkit(name).stdout for name in ("models", "formats")]
    assert [
        line
        for text in listed
        for line in text.splitlines()
        if "pip install" in line and "pip install '.[" not in line
    ] == []
