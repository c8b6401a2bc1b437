"""Check that a dataset card is complete and agrees with its corpus.

Complete: the metadata loads, its values are the Hub's, and each required section of the Hub's
template is present and filled. In agreement: size, configs, features and all counts are those of
the corpus, and a card of a data set without texts quotes none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, NamedTuple

from evalkit.corpus import Corpus
from evalkit.data.document import LAYERS
from evalkit.errors import LoadError, quoted_repr, spell_option
from evalkit.formats.hf_tables import card_data
from evalkit.hub.allowed_values import load_allowed_values, size_category
from evalkit.hub.card_metadata import holds_text
from evalkit.hub.card_source import (
    PLACEHOLDER,
    REQUIRED_METADATA,
    is_filled,
    split_card,
    unfilled_placeholders,
)
from evalkit.hub.card_tables import CardTable, escape_markdown, tables
from evalkit.hub.markdown import Section, sections
from evalkit.hub.text_leaks import MAX_SHARED_WORDS_PROSE, NgramIndex
from evalkit.scoring.digest import DigestBuilder

# The sections of huggingface_hub/templates/datasetcard_template.md, below its title
TEMPLATE = (
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
# The sections that the template marks as optional
OPTIONAL = (
    "Dataset Sources",
    "Annotations",
    "Citation",
    "Glossary",
    "More Information",
    "Dataset Card Authors",
)
TITLE = "Dataset Card for "
# Sections that hold only other sections
CONTAINER_SECTIONS = (
    "Dataset Details",
    "Uses",
    "Dataset Creation",
    "Source Data",
    "Annotations",
)
MAX_LISTED_VALUES = 20  # a field with more allowed values gets the nearest of them only
_SIGNED = re.compile(r"\bcorpus:[^|\n]*@([0-9a-f]{8})\|")
_CELL = re.compile(r"(?<!\\)(?:\\\\)*\|")


class _TableRow(NamedTuple):
    """A row of a table in a card: its line, and the cells of its last columns."""

    line: int
    counts: tuple[str, ...]


def card_errors(
    text: str, corpus: Corpus, *, with_text: bool | None = None, name: str = "README.md"
) -> Iterator[str]:
    """A line for each error in a card of a corpus; none where it is complete and agrees.

    with_text: the version that the card must be of, with the texts or without; None: the one that
    its metadata declares. name: of the card, in messages. Raises MissingDependencyError where
    `datasets`, which carries the Hub's lists, is not installed.
    """
    text = text.replace("\r\n", "\n")
    try:
        data, body, line = split_card(text, name)
    except LoadError as error:
        yield from error.errors
        return
    has_text = holds_text(data)
    if with_text is not None and has_text != with_text:
        yield (
            f"{name}: the card is of the data set {_version_name(with_text=has_text)}, expected"
            f" one {_version_name(with_text=with_text)}; write it again"
            f" ({spell_option('with_text' if with_text else 'without_text', True)})"
        )
    card_sections = sections(body, first_line=line)
    for message in (*_value_errors(data), *_corpus_errors(data, corpus, with_text=has_text)):
        yield f"{name}: {message}"
    located = (
        *_section_errors(card_sections, data),
        *unfilled_placeholders(body, line),
        *_count_errors(card_sections, tables(corpus, with_text=has_text)),
        *_score_errors(card_sections, corpus),
    )
    for message in located:
        yield f"{name}{message}"
    if not has_text:
        yield from (f"{name}: {message}" for message in _leak_errors(text, corpus))


def _version_name(*, with_text: bool) -> str:
    return "with the texts" if with_text else "without the texts"


def _value_errors(data: Mapping[str, Any]) -> Iterator[str]:
    """A message for each missing metadata field and each value that the Hub does not know."""
    for field in (*REQUIRED_METADATA, "size_categories"):
        if not is_filled(data.get(field)):
            yield f"no {field} in the metadata"
    for field, allowed in load_allowed_values().items():
        given = data.get(field, [])
        for value in given if isinstance(given, list) else [given]:
            if value == PLACEHOLDER:
                continue
            if not isinstance(value, str):
                yield f"{field}: invalid value {quoted_repr(value)}: expected a string in quotes"
            elif value not in allowed:
                yield (
                    f"{field}: {quoted_repr(value)} is not in the Hub's"
                    f" list{_suggestion(field, value, allowed)}"
                )
    if data.get("license") in ("other", ["other"]):
        for field in ("license_name", "license_link"):
            if not data.get(field):
                yield f"license: 'other' needs {field}"


def _suggestion(field: str, value: str, allowed: frozenset[str]) -> str:
    """Advice for a value that the Hub does not know."""
    nearest = get_close_matches(value, sorted(allowed), n=1)
    advice = ""
    if len(allowed) < MAX_LISTED_VALUES:
        advice = f"; expected one of: {', '.join(sorted(allowed))}"
    elif nearest:
        advice = f"; did you mean {nearest[0]!r}?"
    if field == "license":
        advice += "; write a newer license as 'other', with license_name and license_link"
    return advice


def _corpus_errors(data: Mapping[str, Any], corpus: Corpus, *, with_text: bool) -> Iterator[str]:
    """A message for each metadata field that does not agree with the corpus."""
    size = size_category(len(corpus))
    if data.get("size_categories") not in ([size], size):
        yield (
            f"size_categories: the card has {quoted_repr(data.get('size_categories'))}, the corpus"
            f" {size!r}"
        )
    expected = card_data(corpus, with_text=with_text)
    if data.get("configs") != expected["configs"]:
        names = ", ".join(config["config_name"] for config in expected["configs"])
        yield f"configs: expected {names}, split test, data/CONFIG.jsonl"
    declared = data.get("dataset_info")
    for info in expected["dataset_info"]:
        if not isinstance(declared, list) or info not in declared:
            yield f"dataset_info: the features of {info['config_name']} are not those of its rows"


def _section_errors(card_sections: list[Section], data: Mapping[str, Any]) -> Iterator[str]:
    """A message for each section of the Hub's template that is missing, empty or duplicated."""
    title = f"{TITLE}{escape_markdown(str(data.get('pretty_name', '')))}"
    if title not in (section.title for section in card_sections if section.level == 1):
        yield f": no title {title!r}, after pretty_name"
    by_title: dict[str, Section] = {}
    for section in card_sections:
        if section.title in TEMPLATE and section.title in by_title:
            yield f":{section.line}: a second section {section.title!r}; join the two"
        by_title.setdefault(section.title, section)
    for name in TEMPLATE:
        if name not in by_title:
            if name not in OPTIONAL:
                yield f": no section {name!r}, which the Hub's template requires"
        elif name not in CONTAINER_SECTIONS and not by_title[name].words:
            yield f":{by_title[name].line}: section {name!r} is empty"


def _count_errors(card_sections: list[Section], expected: list[CardTable]) -> Iterator[str]:
    """A message for each count that is not that of the corpus."""
    by_title = {section.title: section for section in card_sections}
    for table in expected:
        section = by_title.get(table.title)
        if section is None:
            yield f": no section {table.title!r}, with its counts"
            continue
        counts, rows = table.numbers(), _table_rows(section, table)
        for key, numbers in counts.items():
            row = rows.get(key)
            if row is None:
                yield (
                    f":{section.line}: {table.title!r}: no row for {' | '.join(key)}; the corpus"
                    f" has {' | '.join(numbers)}"
                )
            elif row.counts != numbers:
                yield (
                    f":{row.line}: {table.title!r}: {' | '.join(key)}: the card has"
                    f" {' | '.join(row.counts)}, the corpus {' | '.join(numbers)}"
                )
        for key, row in rows.items():
            if key not in counts:
                yield (
                    f":{row.line}: {table.title!r}: {' | '.join(key)} is not in the corpus or its"
                    " schema, or not escaped"
                )


def _table_rows(section: Section, table: CardTable) -> dict[tuple[str, ...], _TableRow]:
    """The rows of the table in a section, by their keys."""
    lines = [
        (number, line)
        for number, line in enumerate(section.body.split("\n"), start=section.line + 1)
        if line.startswith("|")
    ]
    rows = {}
    for number, line in lines[2:]:  # below the header and its rule
        cells = tuple(cell.strip() for cell in _cells(line))
        counts: tuple[str, ...] = ("a row of other columns",)
        if len(cells) == len(table.columns):
            counts = cells[len(cells) - table.counts :]
        rows[cells[: table.keys]] = _TableRow(number, counts)
    return rows


def _cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    edges = [bar.end() for bar in _CELL.finditer(line)]
    return [line[start : end - 1] for start, end in pairwise(edges)]


def _score_errors(card_sections: list[Section], corpus: Corpus) -> Iterator[str]:
    """A message for each baseline score whose signature names another corpus."""
    digest = DigestBuilder(LAYERS)
    digest.add(list(corpus))
    digests = digest.with_schema(corpus.schema)
    layer_digests = {digests.digest_of(layer)[:8] for layer in LAYERS}
    for section in card_sections:
        if section.title != "Baseline Scores":
            continue
        for scored in _SIGNED.findall(section.body):
            if scored not in layer_digests:
                yield (
                    f":{section.line}: {section.title!r}: scores of corpus @{scored}, and this one"
                    f" is @{', @'.join(sorted(layer_digests))}; score it again"
                )


def _leak_errors(text: str, corpus: Corpus) -> Iterator[str]:
    """A message for each document whose text the card quotes, with the first quote."""
    length = MAX_SHARED_WORDS_PROSE
    if not NgramIndex(document.text for document in corpus).first_shared_ngram(text, length):
        return
    for document in corpus:
        quote = NgramIndex([document.text]).first_shared_ngram(text, length)
        if quote:
            yield (
                f"{quoted_repr(quote)} is quoted from document {quoted_repr(document.id)}, whose"
                " text is not published; write it in other words"
            )
