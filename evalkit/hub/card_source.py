"""Which words of a card did a person write?

A Markdown file: metadata, a summary, and a section for each heading that no program can fill.

It is `corpus/card.md` of a corpus folder, or `card.md` beside a file. What evalkit knows of the
corpus itself (sizes, configs, features, counts, definitions, scores) does not stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr
from evalkit.formats.front_matter import parse_mapping, split_front_matter
from evalkit.hub.markdown import Section, sections, without_comments
from evalkit.results.tables import dump_yaml

METADATA = (
    "pretty_name",
    "language",
    "license",
    "annotations_creators",
    "language_creators",
    "multilinguality",
    "source_datasets",
    "task_categories",
)
GENERATED = ("size_categories", "configs", "dataset_info")
SECTIONS = (
    "Dataset Description",
    "Dataset Sources",
    "Direct Use",
    "Out-of-Scope Use",
    "Curation Rationale",
    "Data Collection and Processing",
    "Who are the source data producers?",
    "Annotation process",
    "Who are the annotators?",
    "Personal and Sensitive Information",
    "Data Statement",
    "Bias, Risks, and Limitations",
    "Recommendations",
    "Citation",
    "Glossary",
    "More Information",
    "Dataset Card Authors",
    "Dataset Card Contact",
)
DATA_STATEMENT_FIELDS = (
    "Curation Rationale",
    "Language Variety",
    "Speaker Demographic",
    "Annotator Demographic",
    "Speech Situation",
    "Text Characteristics",
)
PLACEHOLDER = "[More Information Needed]"
_UNFILLED = re.compile(r"\[\s*more information needed\s*\]", re.IGNORECASE)


@dataclass(frozen=True)
class CardSource:
    """What a person wrote: where it was read, the metadata, the summary, the sections by title."""

    where: str
    metadata: Mapping[str, Any]
    summary: str
    sections: Mapping[str, str]


def read_part(path: str | Path) -> CardSource:
    """The hand-written part at a path.

    Raises InputError where there is none, LoadError with all that it lacks.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; it holds the words of a card that no program can write, under"
            f" the headings {', '.join(SECTIONS[:3])}, …"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    return parse_card_source(text, str(path))


def parse_card_source(text: str, where: str = "card.md") -> CardSource:
    """The hand-written part in a text. Raises LoadError with all that it lacks."""
    metadata, body, line = split_card(text.replace("\r\n", "\n"), where)
    first, *rest = sections(body, first_line=line)
    faults = [
        *_of_metadata(where, metadata),
        *_of_sections(where, first, rest),
        *(f"{where}{fault}" for fault in unfilled_placeholders(body, line)),
    ]
    if faults:
        raise LoadError(faults)
    return CardSource(
        where, metadata, first.words, {section.title: section.words for section in rest}
    )


def split_card(text: str, where: str) -> tuple[dict[str, Any], str, int]:
    """The metadata of a card, the text below it, and the number of that text's first line.

    Raises LoadError where it does not load.
    """
    front = split_front_matter(text)
    if front is None:
        raise LoadError([f"{where}:1: no metadata: a line ---, YAML and a line --- would do"])
    data = parse_mapping(front.block, where, "metadata")
    return data, front.body, 1 + text[: len(text) - len(front.body)].count("\n")


def unfilled_placeholders(body: str, first_line: int) -> Iterator[str]:
    """The places that are still to be filled, each with its line: what stands there is what the
    Hub's template has.
    """
    for number, line in enumerate(without_comments(body).split("\n"), start=first_line):
        if found := _UNFILLED.search(line):
            yield f":{number}: {quoted_repr(found[0])} stands there; fill it"


def card_template(pretty_name: str) -> str:
    """A hand-written part with everything still to be written: `card` refuses it until that is
    done.
    """
    metadata = {"pretty_name": pretty_name, **dict.fromkeys(METADATA[1:], PLACEHOLDER)}
    statement = "\n".join(f"- **{name}.** {PLACEHOLDER}" for name in DATA_STATEMENT_FIELDS)
    written = "\n\n".join(
        f"## {title}\n\n{statement if title == 'Data Statement' else PLACEHOLDER}"
        for title in SECTIONS
    )
    return f"---\n{dump_yaml(metadata)}---\n\n{PLACEHOLDER}\n\n{written}\n"


def _of_metadata(where: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    for name in METADATA:
        if metadata.get(name) in (None, "", [], PLACEHOLDER):
            yield f"{where}: no {name} in the metadata"
    for name in GENERATED:
        if name in metadata:
            yield f"{where}: {name} is written from the corpus; delete it"


def _of_sections(where: str, first: Section, rest: list[Section]) -> Iterator[str]:
    if not first.words:
        yield f"{where}: no summary before the first section"
    seen: set[str] = set()
    for section in rest:
        if section.title not in SECTIONS:
            yield f"{where}:{section.line}: {UnknownNameError('section', section.title, SECTIONS)}"
        elif section.title in seen:
            yield f"{where}:{section.line}: a second section {section.title!r}; join the two"
        elif not section.words:
            yield f"{where}:{section.line}: section {section.title!r} is empty"
        seen.add(section.title)
    yield from (f"{where}: no section {title!r}" for title in SECTIONS if title not in seen)
    statement = next((section for section in rest if section.title == "Data Statement"), None)
    for name in DATA_STATEMENT_FIELDS if statement else ():
        if f"**{name}" not in statement.body:  # type: ignore[union-attr]
            yield f"{where}:{statement.line}: 'Data Statement': no '**{name}.**'"  # type: ignore[union-attr]
