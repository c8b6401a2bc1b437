"""What does a data set say of itself to programs?

Its card and its files in; croissant.json out: Croissant 1.1 with the RAI vocabulary.

A record set stands for each file of rows. In the flat ones every column is a field. In `documents`
the lists of marks are fields with sub-fields, one level deep, since readers follow no second one: a
trigger is told as trigger_start, trigger_end and so on, while arguments and fragments stand in the
flat record sets alone. Together the record sets hold all of the corpus.

Nothing is invented: name, licence, tags, citation and all RAI fields are taken from the card.
Specifications: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html.

The reader of the package mlcroissant takes a column whose strings are all digits for numbers: a
text of "007" is read as "7" there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from evalkit.errors import LoadError
from evalkit.formats.hf_tables import column_types
from evalkit.hub.card_source import split_card
from evalkit.hub.markdown import sections

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
        "A row a document, its marks nested. Arguments and fragments are in the other record sets."
    ),
    "entities": "A row an entity, with the id of its document and its place in the layer.",
    "events": "A row an event; start, end and fragments are those of its trigger.",
    "event_arguments": "A row an argument, with the place, the id and the label of its event.",
    "attributions": "A row an attribution, with its source, cue and content.",
}
_CROISSANT_TERMS = """
    arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject
    fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet
    references regex repeated replace samplingRate separator source subField transform
""".split()
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _CROISSANT_TERMS},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "sc": "https://schema.org/",
}
_AUTHOR = re.compile(r"author\s*=\s*(?:\{\{(.+?)\}\}|\{(.+?)\}|\"(.+?)\")")
_BIBTEX = re.compile(r"^`{3,}bibtex\n(.*?)\n`{3,}", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class PublishedFile:
    """A file of a published folder: its path in it, bytes, sha256 in hexadecimal, and whether it
    holds words of a text.
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
    """The JSON-LD of a data set: its metadata, its files, and a record set for each file of rows
    among them.

    card: the README.md. url: of the data set's page. Raises LoadError where the card lacks a
    section that is needed.
    """
    data, body, _ = split_card(card, "README.md")
    every = list(files)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        **_about(data, body, url, version, published),
        **_rai_fields(data, body),
        "distribution": [_file(file) for file in every],
        "recordSet": [
            _record_set(config, of)
            for config, of in column_types(with_text=with_text).items()
            if f"data/{config}.jsonl" in {file.path for file in every}
        ],
    }


def _about(
    data: Mapping[str, Any], body: str, url: str, version: str, published: date
) -> dict[str, Any]:
    said = {section.title: section.words for section in sections(body)}
    citation = said.get("Citation", "")
    bibtex = _BIBTEX.search(citation)
    author = _AUTHOR.search(citation)
    owner = url.rstrip("/").rpartition("/")[0].rpartition("/")[2]
    return {
        "name": str(data.get("pretty_name", "")),
        "description": _summary(body),
        "url": url,
        "version": version,
        "datePublished": published.isoformat(),
        "license": _licence(data, url),
        "creator": {
            "@type": "sc:Organization",
            "name": next(filter(None, author.groups())) if author else owner,
        },
        "citeAs": bibtex[1] if bibtex else citation,
        "keywords": [
            *_listed(data.get("task_categories")),
            *_listed(data.get("task_ids")),
            *_listed(data.get("tags")),
        ],
        "inLanguage": _listed(data.get("language")),
    }


def _summary(body: str) -> str:
    """The first words below the title."""
    titled = next((section for section in sections(body) if section.level == 1), None)
    return titled.words if titled else ""


def _licence(data: Mapping[str, Any], url: str) -> str:
    link = str(data.get("license_link") or "")
    if link:
        return link if "://" in link else f"{url}/blob/main/{link}"
    return str(data.get("license", ""))


def _listed(value: Any) -> list[str]:
    return (
        [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []
    )


def _rai_fields(data: Mapping[str, Any], body: str) -> dict[str, str]:
    """The RAI fields.

    Each is what a section of the card says, with the sections below it in its words.
    """
    found = sections(body)
    said = {
        section.title: _section_with_subsections(found, index)
        for index, section in enumerate(found)
    }
    missing = sorted({title for title in RAI.values() if not said.get(title)})
    if missing:
        raise LoadError(
            f"README.md: no words under {title!r}, which croissant.json takes from there"
            for title in missing
        )
    fields = {field: said[title] for field, title in RAI.items()}
    if found_point := _SOCIAL.search(
        said["Bias, Risks, and Limitations"]
    ):  # the template has no section of its own for it
        fields["rai:dataSocialImpact"] = " ".join(found_point[1].split())
    fields["rai:dataReleaseMaintenancePlan"] = (
        f"{RELEASES} {fields['rai:dataReleaseMaintenancePlan']}"
    )
    if "machine-generated" in _listed(data.get("annotations_creators")):
        fields["rai:machineAnnotationTools"] = said["Who are the annotators?"]
    return fields


def _section_with_subsections(found: list[Any], index: int) -> str:
    level, told = found[index].level, [found[index].words]
    for section in found[index + 1 :]:
        if section.level <= level:
            break
        told += [section.title, section.words]
    return "\n\n".join(words for words in told if words)


def _file(file: PublishedFile) -> dict[str, Any]:
    suffix = file.path[file.path.rfind(".") :] if "." in file.path else ""
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": MEDIA.get(suffix, "text/plain"),
        "sha256": file.sha256,
    }


def _record_set(config: str, of: Mapping[str, Any]) -> dict[str, Any]:
    fields = [field for name, kind in of.items() for field in _fields(config, name, kind)]
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": RECORD_SET_DESCRIPTIONS[config],
        "field": fields,
    }


def _fields(config: str, name: str, kind: Any) -> Iterator[dict[str, Any]]:
    """The field of a column; the leaves of what is nested are its sub-fields."""
    nested = isinstance(kind, dict) or (isinstance(kind, list) and isinstance(kind[0], dict))
    field = {
        **_field(f"{config}/{name}", None if nested else kind),
        **(_ARRAY if isinstance(kind, list) else {}),
    }
    if not nested:
        yield {**field, "source": _source(config, name, ())}
        return
    leaves = _leaves(
        kind[0] if isinstance(kind, list) else kind, (), in_list=isinstance(kind, list)
    )
    below = [
        {
            **_field(f"{config}/{name}/{'_'.join(path)}", leaf),
            "source": _source(config, name, path, apart=isinstance(leaf, list)),
        }
        for path, leaf in leaves
    ]
    yield {**field, "subField": below}


def _leaves(
    kind: Mapping[str, Any], path: tuple[str, ...], *, in_list: bool
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The ways down to plain values, and to lists of them where there is no list above."""
    for name, of in kind.items():
        if isinstance(of, dict):
            yield from _leaves(of, (*path, name), in_list=in_list)
        elif not isinstance(of, list):
            yield (*path, name), of
        elif not in_list:
            yield from (((*path, name, inner), [leaf]) for inner, leaf in of[0].items())


_ARRAY = {"isArray": True, "arrayShape": "-1"}


def _field(id: str, kind: Any) -> dict[str, Any]:
    typed = kind[0] if isinstance(kind, list) else kind
    return {
        "@type": "cr:Field",
        "@id": id,
        "name": id,
        **({"dataType": TYPES[typed]} if typed else {}),
        **(_ARRAY if isinstance(kind, list) else {}),
    }


def _source(
    config: str, column: str, path: tuple[str, ...], *, apart: bool = False
) -> dict[str, Any]:
    """Where a field's values stand. `apart`: the last step is taken for each item of a list."""
    steps = [".".join(path[:-1]), path[-1]] if apart else [".".join(path)] if path else []
    transforms = [{"jsonPath": step} for step in steps]
    return {
        "fileObject": {"@id": f"data/{config}.jsonl"},
        "extract": {"column": column},
        **({"transform": transforms} if transforms else {}),
    }
