"""What the README says is what happens."""

import re
import subprocess
import sys
from pathlib import Path

from helpers.cli import run_evalkit

from evalkit import load_corpus
from evalkit.formats.registry import FORMATS
from evalkit.models.rules_lexicon import EVENTS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name):
    return re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```\n<!-- /{name} -->", README, re.DOTALL)[1]


def test_the_first_command_ends_with_the_table_that_is_shown():
    assert block("run").strip().endswith("&& evalkit run")

    assert subprocess.run(
        [sys.executable, "-m", "evalkit.cli", "run"], capture_output=True, text=True, check=True
    ).stdout == block("output")


def test_ci_runs_the_test_command_of_the_readme():
    assert block("test").strip() == "pip install '.[dev]' && pytest -n auto"
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text()


def test_the_python_example_runs():
    code = block("python")

    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told.splitlines()[0] == "capitals on evalkit-news (1 document)"
    assert told.splitlines()[-1].startswith("evalkit:")


def test_the_formats_in_the_readme_are_those_that_there_are():
    rows = re.search(r"<!-- formats -->\n(.*?)<!-- /formats -->", README, re.DOTALL)[
        1
    ].splitlines()[2:]

    assert [re.match(r"\| `(\w+)` \|", row)[1] for row in rows] == list(FORMATS)


def test_the_counts_in_the_readme_are_those_of_the_corpus():
    article = load_corpus()[0]

    assert f"{len(article.entities)} entities" in README
    assert f"{len(article.events)} events" in README
    assert f"{len(article.attributions)} attributions" in README


def test_the_readme_says_how_many_event_words_of_the_baseline_are_triggers_of_the_article():
    article = load_corpus()[0]
    labels = {form: label for label, (forms, _, _) in EVENTS.items() for form in forms.split()}
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
    for page in (README, (ROOT / "corpus/card.md").read_text(encoding="utf-8")):
        assert f"{len({word for _, word in occurrences})} of the {len(labels)} forms" in page
        assert f"{len(occurrences)} times" in page
    assert f"{len(article.events)} triggers; the {len(lacking)} others" in README


def test_no_page_says_to_install_the_other_evalkit():
    pages = [
        path
        for pattern in ("*.md", "scripts/*", "evalkit/**/*.py")
        for path in ROOT.glob(pattern)
        if path.is_file()
    ]

    assert [
        path
        for path in pages
        if re.search("pip install " + r"evalkit(?!-ie)\b", path.read_text(encoding="utf-8"))
    ] == []


def test_no_page_and_no_message_installs_evalkit_from_the_index_where_it_is_not():
    pages = [
        path
        for pattern in ("*.md", "corpus/*.md", "scripts/*", "evalkit/**/*.py", "evalkit/**/*.j2")
        for path in ROOT.glob(pattern)
        if path.is_file()
    ]

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
