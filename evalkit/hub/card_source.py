"""The hand-written part of a dataset card: a Markdown file with metadata, a summary, and sections.

It is `corpus/card.md` of a corpus folder, or `card.md` beside a file. It has what only a person can
write; sizes, configs, features, counts, definitions and scores are generated from the corpus.
Required are the sections that the Hub's template does not mark as optional.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import InputError, LoadError, UnknownNameError
from evalkit.formats.front_matter import parse_mapping, split_front_matter
from evalkit.hub.markdown import Section, sections, without_comments
from evalkit.results.tables import dump_yaml

REQUIRED_METADATA = ("pretty_name", "language", "license")
OPTIONAL_METADATA = (
    "annotations_creators",
    "language_creators",
    "multilinguality",
    "source_datasets",
    "task_categories",
)
GENERATED = ("size_categories", "configs", "dataset_info")
REQUIRED_SECTIONS = (
    "Dataset Description",
    "Direct Use",
    "Out-of-Scope Use",
    "Curation Rationale",
    "Data Collection and Processing",
    "Who are the source data producers?",
    "Annotation process",
    "Who are the annotators?",
    "Personal and Sensitive Information",
    "Bias, Risks, and Limitations",
    "Recommendations",
    "Dataset Card Contact",
)
OPTIONAL_SECTIONS = (
    "Dataset Sources",
    "Data Statement",
    "Citation",
    "Glossary",
    "More Information",
    "Dataset Card Authors",
)
SECTIONS = (*REQUIRED_SECTIONS, *OPTIONAL_SECTIONS)
PLACEHOLDER = "[More Information Needed]"  # as in the Hub's template


@dataclass(frozen=True)
class CardSource:
    """The hand-written part of a card.

    where: the path in messages. sections: the text of each section by its title.
    """

    where: str
    metadata: Mapping[str, Any]
    summary: str
    sections: Mapping[str, str]

    def with_placeholders(self) -> CardSource:
        """A copy with a placeholder for each required part that is missing."""
        missing_metadata = {
            name: PLACEHOLDER for name in REQUIRED_METADATA if not self.metadata.get(name)
        }
        missing_sections = {
            title: PLACEHOLDER for title in REQUIRED_SECTIONS if not self.sections.get(title)
        }
        return replace(
            self,
            metadata={**self.metadata, **missing_metadata},
            summary=self.summary or PLACEHOLDER,
            sections={**self.sections, **missing_sections},
        )


def load_card_source(path: str | Path, *, draft: bool = False) -> CardSource:
    """The hand-written part in a file.

    draft: see `parse_card_source`. Raises InputError where there is no such file, LoadError with
    all that is missing in it.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; it holds the hand-written sections of a card:"
            f" {', '.join(REQUIRED_SECTIONS[:3])}, …; write a first version of the card with"
            " evalkit card --draft"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    return parse_card_source(text, str(path), draft=draft)


def parse_card_source(text: str, where: str = "card.md", *, draft: bool = False) -> CardSource:
    """The hand-written part in a text.

    draft: accept one that is not complete, and put placeholders where something required is
    missing. Raises LoadError with all that is wrong.
    """
    metadata, body, line = split_card(text.replace("\r\n", "\n"), where)
    first, *rest = sections(body, first_line=line)
    errors = [*_generated_metadata(where, metadata), *_section_errors(where, rest)]
    if not draft:
        errors += [
            *_missing_metadata(where, metadata),
            *_missing_sections(where, first, rest),
            *(f"{where}{error}" for error in unfilled_placeholders(body, line)),
        ]
    if errors:
        raise LoadError(errors)
    source = CardSource(
        where, metadata, first.words, {section.title: section.words for section in rest}
    )
    return source.with_placeholders() if draft else source


def split_card(text: str, where: str) -> tuple[dict[str, Any], str, int]:
    """The metadata of a card, the text below it, and the number of that text's first line.

    Raises LoadError where it does not load.
    """
    front = split_front_matter(text)
    if front is None:
        raise LoadError([f"{where}:1: no metadata: expected a line ---, YAML and a line ---"])
    data = parse_mapping(front.block, where, "metadata")
    return data, front.body, 1 + text[: len(text) - len(front.body)].count("\n")


def unfilled_placeholders(body: str, first_line: int) -> Iterator[str]:
    """A message for each line that still has a placeholder, with its number and section."""
    for section in sections(without_comments(body), first_line=first_line):
        name = f"section {section.title!r}" if section.level > 1 else "the summary"
        start = section.line + 1 if section.title else section.line
        for number, line in enumerate(section.body.split("\n"), start=start):
            if PLACEHOLDER.casefold() in " ".join(line.split()).casefold():
                yield f":{number}: {name}: replace {PLACEHOLDER!r}"


def is_filled(value: object) -> bool:
    """Whether a metadata field has a value that is no placeholder."""
    return value not in (None, "", [], PLACEHOLDER, [PLACEHOLDER])


def card_template(pretty_name: str, language: str | None = None) -> str:
    """A hand-written part to fill, which `evalkit card` refuses as long as it has placeholders."""
    metadata = {
        "pretty_name": pretty_name,
        "language": language or PLACEHOLDER,
        "license": PLACEHOLDER,
        "task_categories": ["token-classification"],
    }
    optional = [name for name in OPTIONAL_METADATA if name not in metadata]
    written = "\n\n".join(f"## {title}\n\n{PLACEHOLDER}" for title in REQUIRED_SECTIONS)
    return (
        f"---\n{dump_yaml(metadata)}# optional: {', '.join(optional)}\n---\n\n"
        f"{PLACEHOLDER}\n\n"
        f"<!-- Optional sections: {', '.join(OPTIONAL_SECTIONS)} -->\n\n{written}\n"
    )


def _missing_metadata(where: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    """A message for each required metadata field that is missing, and each empty one."""
    for name in REQUIRED_METADATA:
        if not is_filled(metadata.get(name)):
            yield f"{where}: no {name} in the metadata"
    for name in OPTIONAL_METADATA:
        if name in metadata and not is_filled(metadata[name]):
            yield f"{where}: {name} in the metadata is empty; fill or delete it"


def _generated_metadata(where: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    """A message for each field that is generated from the corpus."""
    for name in GENERATED:
        if name in metadata:
            yield f"{where}: {name} is written from the corpus; delete it"


def _section_errors(where: str, rest: list[Section]) -> Iterator[str]:
    """A message for each unknown or duplicated section."""
    seen: set[str] = set()
    for section in rest:
        if section.title not in SECTIONS:
            yield f"{where}:{section.line}: {UnknownNameError('section', section.title, SECTIONS)}"
        elif section.title in seen:
            yield f"{where}:{section.line}: a second section {section.title!r}; join the two"
        seen.add(section.title)


def _missing_sections(where: str, first: Section, rest: list[Section]) -> Iterator[str]:
    """A message for each section that is missing or empty."""
    if not first.words:
        yield f"{where}: no summary before the first section"
    for section in rest:
        if not section.words:
            yield f"{where}:{section.line}: section {section.title!r} is empty"
    titles = {section.title for section in rest}
    yield from (
        f"{where}: no section {title!r}" for title in REQUIRED_SECTIONS if title not in titles
    )
