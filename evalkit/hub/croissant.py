"""Croissant metadata of a data set: its card and files as JSON-LD, with the RAI vocabulary.

Each file of rows is a record set. In the flat ones every column is a field. In `documents` the
lists of annotations are fields with sub-fields, one level deep, since readers follow no second one:
a trigger is trigger_start, trigger_end and so on, and arguments and fragments are in the flat
record sets only. Together the record sets have all of the corpus.

Name, license, tags, citation and the RAI fields are taken from the card; a RAI field whose section
the card lacks is left out. Specifications:
https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html.

The reader of the package mlcroissant takes a column whose strings are all digits for numbers: it
reads a text of "007" as "7".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from evalkit.formats.hf_tables import column_types
from evalkit.hub.card_source import split_card
from evalkit.hub.markdown import Section, sections

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float"}
MEDIA = {".jsonl": "application/jsonlines", ".json": "application/json", ".md": "text/markdown"}
RAI = {
    "rai:dataCollection": "Data Collection and Processing",
    "rai:dataAnnotationProtocol": "Annotation process",
    "rai:dataAnnotationAnalysis": "Annotation process",
    "rai:annotatorDemographics": "Who are the annotators?",
    "rai:personalSensitiveInformation": "Personal and Sensitive Information",
    "rai:dataBiases": "Bias, Risks, and Limitations",
    "rai:dataLimitations": "Bias, Risks, and Limitations",
    "rai:dataUseCases": "Direct Use",
    "rai:dataSocialImpact": "Out-of-Scope Use",
    "rai:dataReleaseMaintenancePlan": "Dataset Card Contact",
}
_SOCIAL = re.compile(
    r"^[-*] \*\*Social impact\.\*\* (.*?)(?=^[-*#] |^#|\Z)", re.MULTILINE | re.DOTALL
)
RELEASES = (
    "A published version keeps its tag, which is made of the version of its schema; what is"
    " corrected is published as a new version."
)
RECORD_SET_DESCRIPTIONS = {
    "documents": (
        "A row a document, its annotations nested. Arguments and fragments are in the other record"
        " sets."
    ),
    "entities": "A row an entity, with the id of its document and its index in the layer.",
    "events": "A row an event; start, end and fragments are those of its trigger.",
    "event_arguments": "A row an argument, with the index, the id and the label of its event.",
    "attributions": "A row an attribution, with its source, cue and content.",
    "relations": "A row a relation, with the ids of its arguments.",
}
_AUTHOR = re.compile(r"author\s*=\s*(?:\{\{(.+?)\}\}|\{(.+?)\}|\"(.+?)\")")
_BIBTEX = re.compile(r"^`{3,}bibtex\n(.*?)\n`{3,}", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class PublishedFile:
    """A file of a published folder: its path in the folder, bytes, SHA-256 in hexadecimal, and
    whether it has words of a text.
    """

    path: str
    size: int
    sha256: str
    holds_text: bool = False


def build_croissant(
    card: str,
    files: Iterable[PublishedFile],
    *,
    url: str,
    version: str,
    published: date,
    with_text: bool,
) -> dict[str, Any]:
    """The JSON-LD of a data set: its metadata, its files, and a record set for each file of rows.

    card: the text of README.md. url: of the data set's page.
    """
    data, body, _ = split_card(card, "README.md")
    listed = list(files)
    paths = {file.path for file in listed}
    context = (resources.files("evalkit.hub") / "croissant_context.json").read_bytes()
    record_sets = [
        _record_set(config, columns)
        for config, columns in column_types(with_text=with_text).items()
        if f"data/{config}.jsonl" in paths
    ]
    return {
        "@context": json.loads(context),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        **_dataset_fields(data, body, url, version, published),
        **_rai_fields(data, body),
        "distribution": [_file(file) for file in listed],
        "recordSet": record_sets,
    }


def _dataset_fields(
    data: Mapping[str, Any], body: str, url: str, version: str, published: date
) -> dict[str, Any]:
    """The fields on the whole data set: name, license, citation and others."""
    words = {section.title: section.words for section in sections(body)}
    citation = words.get("Citation", "")
    bibtex = _BIBTEX.search(citation)
    keywords = [*_as_list(data.get("task_categories")), *_as_list(data.get("task_ids"))]
    return {
        "name": str(data.get("pretty_name", "")),
        "description": _summary(body),
        "url": url,
        "version": version,
        "datePublished": published.isoformat(),
        "license": _license(data, url),
        "creator": {"@type": "sc:Organization", "name": _creator(citation, url)},
        "citeAs": bibtex[1] if bibtex else citation,
        "keywords": [*keywords, *_as_list(data.get("tags"))],
        "inLanguage": _as_list(data.get("language")),
    }


def _creator(citation: str, url: str) -> str:
    """The author of the citation, or the owner of the data set's page."""
    author = _AUTHOR.search(citation)
    if author:
        return str(next(filter(None, author.groups())))
    return url.rstrip("/").rpartition("/")[0].rpartition("/")[2]


def _summary(body: str) -> str:
    """The text between the title and the first section."""
    for section in sections(body):
        if section.level == 1:
            return section.words
    return ""


def _license(data: Mapping[str, Any], url: str) -> str:
    """The SPDX identifier of the license, or the address of its text."""
    link = str(data.get("license_link") or "")
    if not link:
        return str(data.get("license", ""))
    return link if "://" in link else f"{url}/blob/main/{link}"


def _as_list(value: Any) -> list[str]:
    """The values of a metadata field that is a list or a single value."""
    if isinstance(value, list):
        return [str(item) for item in value]
    return [str(value)] if value else []


def _rai_fields(data: Mapping[str, Any], body: str) -> dict[str, str]:
    """The RAI fields: each is the text of a section of the card, with the sections below it."""
    card_sections = sections(body)
    texts = {
        section.title: _section_with_subsections(card_sections, index)
        for index, section in enumerate(card_sections)
    }
    fields = {field: texts[title] for field, title in RAI.items() if texts.get(title)}
    # The template has no section for the social impact: it may be a point of the biases.
    social_impact = _SOCIAL.search(texts.get("Bias, Risks, and Limitations", ""))
    if social_impact:
        fields["rai:dataSocialImpact"] = " ".join(social_impact[1].split())
    contact = fields.get("rai:dataReleaseMaintenancePlan", "")
    fields["rai:dataReleaseMaintenancePlan"] = f"{RELEASES} {contact}".rstrip()
    if "machine-generated" in _as_list(data.get("annotations_creators")):
        fields["rai:machineAnnotationTools"] = texts.get("Who are the annotators?", "")
    return fields


def _section_with_subsections(card_sections: list[Section], index: int) -> str:
    """The text of a section and of the sections below it."""
    level = card_sections[index].level
    parts = [card_sections[index].words]
    for section in card_sections[index + 1 :]:
        if section.level <= level:
            break
        parts += [section.title, section.words]
    return "\n\n".join(part for part in parts if part)


def _file(file: PublishedFile) -> dict[str, Any]:
    """The entry of a file."""
    suffix = PurePosixPath(file.path).suffix
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": MEDIA.get(suffix, "text/plain"),
        "sha256": file.sha256,
    }


def _record_set(config: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The record set of a config, with a field for each column."""
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": RECORD_SET_DESCRIPTIONS[config],
        "field": [_column_field(config, name, kind) for name, kind in columns.items()],
    }


def _column_field(config: str, name: str, kind: Any) -> dict[str, Any]:
    """The field of a column; the plain values in a nested one are its sub-fields.

    kind: the type of the column, as in `column_types`: a name, a dict, or a list of one of them.
    """
    is_list = isinstance(kind, list)
    item = kind[0] if is_list else kind
    if not isinstance(item, dict):
        return {**_field(f"{config}/{name}", kind), "source": _source(config, name, ())}
    subfields = []
    for path, leaf in _leaves(item, (), in_list=is_list):
        source = _source(config, name, path, from_list=isinstance(leaf, list))
        subfields.append({**_field(f"{config}/{name}/{'_'.join(path)}", leaf), "source": source})
    field = _field(f"{config}/{name}", None)
    if is_list:
        field |= _ARRAY
    return {**field, "subField": subfields}


def _leaves(
    kind: Mapping[str, Any], path: tuple[str, ...], *, in_list: bool
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The paths to plain values, and to lists of them unless they are in a list themselves."""
    for name, value in kind.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name), in_list=in_list)
        elif not isinstance(value, list):
            yield (*path, name), value
        elif not in_list:
            for inner, leaf in value[0].items():
                yield (*path, name, inner), [leaf]


_ARRAY = {"isArray": True, "arrayShape": "-1"}


def _field(id: str, kind: Any) -> dict[str, Any]:
    """A field. kind: the name of its type, in a list for an array; None for nested values."""
    field = {"@type": "cr:Field", "@id": id, "name": id}
    type_name = kind[0] if isinstance(kind, list) else kind
    if type_name:
        field["dataType"] = TYPES[type_name]
    return {**field, **_ARRAY} if isinstance(kind, list) else field


def _source(
    config: str, column: str, path: tuple[str, ...], *, from_list: bool = False
) -> dict[str, Any]:
    """The source of a field's values. from_list: the last step applies to each item of a list."""
    source: dict[str, Any] = {
        "fileObject": {"@id": f"data/{config}.jsonl"},
        "extract": {"column": column},
    }
    if from_list:
        source["transform"] = [{"jsonPath": ".".join(path[:-1])}, {"jsonPath": path[-1]}]
    elif path:
        source["transform"] = [{"jsonPath": ".".join(path)}]
    return source
