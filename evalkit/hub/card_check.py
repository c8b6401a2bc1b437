"""Is a card complete and true?

A card and its corpus in; out a line for each thing that is not as it should be.

Complete: the metadata loads, its values are the Hub's, and each section of the Hub's template is
there and filled. True: the size, the configs, the features and all counts are the corpus's, and
where the texts are withheld, nothing of them is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from evalkit.corpus import Corpus
from evalkit.data.document import LAYERS
from evalkit.errors import LoadError, quoted_repr
from evalkit.formats.hf_tables import card_data
from evalkit.hub.allowed_values import load_allowed_values, size_category
from evalkit.hub.card_metadata import holds_text
from evalkit.hub.card_source import METADATA, split_card, unfilled_placeholders
from evalkit.hub.card_tables import CardTable, escape_markdown, tables
from evalkit.hub.markdown import Section, sections
from evalkit.scoring.digest import DigestBuilder

TEMPLATE = (  # huggingface_hub/templates/datasetcard_template.md, below its title
    "Dataset Details",
    "Dataset Description",
    "Dataset Sources",
    "Uses",
    "Direct Use",
    "Out-of-Scope Use",
    "Dataset Structure",
    "Dataset Creation",
    "Curation Rationale",
    "Source Data",
    "Data Collection and Processing",
    "Who are the source data producers?",
    "Annotations",
    "Annotation process",
    "Who are the annotators?",
    "Personal and Sensitive Information",
    "Bias, Risks, and Limitations",
    "Recommendations",
    "Citation",
    "Glossary",
    "More Information",
    "Dataset Card Authors",
    "Dataset Card Contact",
)
TITLE = "Dataset Card for "
CONTAINER_SECTIONS = (
    "Dataset Details",
    "Uses",
    "Dataset Creation",
    "Source Data",
    "Annotations",
)  # these only hold others
MAX_SHARED_WORDS = 8  # words in a row that a card shares with a withheld text only by quoting it
_SIGNED = re.compile(r"\bcorpus:[^|\n]*@([0-9a-f]{8})\|")
_CELL = re.compile(r"(?<!\\)(?:\\\\)*\|")


def card_errors(
    text: str, corpus: Corpus, *, with_text: bool | None = None, name: str = "README.md"
) -> Iterator[str]:
    """What is wrong with a card of a corpus, a line each; nothing where it is complete and true.

    with_text: the version that the card must be of, with the texts or without; None: whichever it
    says that it is. name: of the card, in messages. Raises MissingPackage where `datasets`, which
    carries the Hub's lists, is not installed.
    """
    text = text.replace("\r\n", "\n")
    try:
        data, body, line = split_card(text, name)
    except LoadError as error:
        yield from error.errors
        return
    held = holds_text(data)
    if with_text is not None and held != with_text:
        yield (
            f"{name}: the card is of the version {_version(held)}, and the one"
            f" {_version(with_text)} is wanted; write it anew"
        )
    found = sections(body, first_line=line)
    yield from (
        f"{name}: {fault}"
        for fault in (*_of_values(data), *_of_corpus(data, corpus, with_text=held))
    )
    yield from (
        f"{name}{fault}"
        for fault in (
            *_of_template(found, data),
            *unfilled_placeholders(body, line),
            *_of_counts(found, tables(corpus, with_text=held)),
            *_of_scores(found, corpus),
        )
    )
    if not held:
        yield from (f"{name}: {fault}" for fault in _quoted(text, corpus))


def _version(held: bool) -> str:  # noqa: FBT001 - the one thing that it is asked
    return "with the texts" if held else "without the texts"


def _of_values(data: Mapping[str, Any]) -> Iterator[str]:
    """Fields that are missing, and values that the Hub does not know."""
    for field in (*METADATA, "size_categories"):
        if not data.get(field):
            yield f"no {field} in the metadata"
    for field, values in load_allowed_values().items():
        given = data.get(field, [])
        for value in given if isinstance(given, list) else [given]:
            if not isinstance(value, str):
                yield f"{field}: {quoted_repr(value)} is no text; put it in quotes"
            elif value not in values:
                yield (
                    f"{field}: {quoted_repr(value)} is not in the Hub's"
                    f" list{_suggestion(field, value, values)}"
                )
    if data.get("license") in ("other", ["other"]):
        yield from (
            f"license: 'other' needs {field}"
            for field in ("license_name", "license_link")
            if not data.get(field)
        )


def _suggestion(field: str, value: str, values: frozenset[str]) -> str:
    """What would do instead of a value that the Hub does not know."""
    near = get_close_matches(value, sorted(values), n=1)
    listed = (
        f"; values: {', '.join(sorted(values))}"
        if len(values) < 20
        else f"; did you mean {near[0]!r}?"
        if near
        else ""
    )
    return listed + (
        "; a newer licence goes as 'other', with license_name and license_link"
        if field == "license"
        else ""
    )


def _of_corpus(data: Mapping[str, Any], corpus: Corpus, *, with_text: bool) -> Iterator[str]:
    if data.get("size_categories") not in (
        [size_category(len(corpus))],
        size_category(len(corpus)),
    ):
        yield (
            f"size_categories: {quoted_repr(data.get('size_categories'))} stands there, and"
            f" {size_category(len(corpus))!r} is the corpus's"
        )
    expected = card_data(corpus, with_text=with_text)
    if data.get("configs") != expected["configs"]:
        yield (
            "configs: not those that are published:"
            f" {', '.join(of['config_name'] for of in expected['configs'])}, split test,"
            " data/CONFIG.jsonl"
        )
    declared = data.get("dataset_info")
    for of in expected["dataset_info"]:
        if not isinstance(declared, list) or of not in declared:
            yield f"dataset_info: the features of {of['config_name']} are not those of its rows"


def _of_template(found: list[Section], data: Mapping[str, Any]) -> Iterator[str]:
    title = f"{TITLE}{escape_markdown(str(data.get('pretty_name', '')))}"
    if title not in (section.title for section in found if section.level == 1):
        yield f": no title {title!r}, after pretty_name"
    by_title: dict[str, Section] = {}
    for section in found:
        if section.title in TEMPLATE and section.title in by_title:
            yield f":{section.line}: a second section {section.title!r}; join the two"
        by_title.setdefault(section.title, section)
    for name in TEMPLATE:
        if name not in by_title:
            yield f": no section {name!r}, which the Hub's template has"
        elif name not in CONTAINER_SECTIONS and not by_title[name].words:
            yield f":{by_title[name].line}: section {name!r} is empty"


def _of_counts(found: list[Section], expected: list[CardTable]) -> Iterator[str]:
    by_title = {section.title: section for section in found}
    for table in expected:
        section = by_title.get(table.title)
        if section is None:
            yield f": no section {table.title!r}, with its counts"
            continue
        wanted, rows = table.numbers(), dict(_rows(section, table))
        for key, numbers in wanted.items():
            if key not in rows:
                yield (
                    f":{section.line}: {table.title!r}: no row for {' | '.join(key)}; the corpus"
                    f" has {' | '.join(numbers)}"
                )
            elif rows[key][1] != numbers:
                yield (
                    f":{rows[key][0]}: {table.title!r}: {' | '.join(key)}:"
                    f" {' | '.join(rows[key][1])} stands there, and the corpus has"
                    f" {' | '.join(numbers)}"
                )
        yield from (
            f":{line}: {table.title!r}: {' | '.join(key)} is not in the corpus or its schema, or"
            " not escaped"
            for key, (line, _) in rows.items()
            if key not in wanted
        )


def _rows(
    section: Section, table: CardTable
) -> Iterator[tuple[tuple[str, ...], tuple[int, tuple[str, ...]]]]:
    """The rows of the table in a section, below its head: keys, then the line and the counts."""
    lines = [
        (section.line + n, line)
        for n, line in enumerate(section.body.split("\n"), start=1)
        if line.startswith("|")
    ]
    for number, line in lines[2:]:
        cells = tuple(cell.strip() for cell in _cells(line))
        yield (
            cells[: table.keys],
            (
                number,
                (
                    cells[len(cells) - table.counts :]
                    if len(cells) == len(table.columns)
                    else ("a row of other columns",)
                ),
            ),
        )


def _cells(line: str) -> list[str]:
    edges = [found.end() for found in _CELL.finditer(line)]
    return [line[start : end - 1] for start, end in pairwise(edges)]


def _of_scores(found: list[Section], corpus: Corpus) -> Iterator[str]:
    """Scores whose signature is not of this corpus."""
    digest = DigestBuilder(LAYERS)
    digest.add(list(corpus))
    digests = digest.with_schema(corpus.schema)
    own = {digests.of(layer)[:8] for layer in LAYERS}
    for section in found:
        if section.title == "Baseline Scores":
            yield from (
                f":{section.line}: {section.title!r}: scores of corpus @{of}, and this one is"
                f" @{', @'.join(sorted(own))}; score it anew"
                for of in _SIGNED.findall(section.body)
                if of not in own
            )


def _quoted(text: str, corpus: Corpus) -> Iterator[str]:
    words = _words(text)
    own = {tuple(words[n : n + MAX_SHARED_WORDS]) for n in range(len(words) - MAX_SHARED_WORDS + 1)}
    for document in corpus:
        said = _words(document.text)
        shared = next(
            (
                run
                for n in range(len(said) - MAX_SHARED_WORDS + 1)
                if (run := tuple(said[n : n + MAX_SHARED_WORDS])) in own
            ),
            None,
        )
        if shared:
            yield (
                f"{quoted_repr(' '.join(shared))} stands in document {quoted_repr(document.id)},"
                " whose text is withheld; say it in other words"
            )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
