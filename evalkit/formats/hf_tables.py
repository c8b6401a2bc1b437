"""Converts a corpus to tables for the package `datasets`: rows of plain JSON values.

    documents         a row a document, its annotations nested: the whole corpus, and all that is
                      read back
    entities          a row an entity, with the id of its document and its place in the layer
    events            a row an event, its trigger under start, end and text
    event_arguments   a row an argument, with the place, id and label of its event
    attributions      a row an attribution; its parts are nested

Every row has every key, and no list is null: `layers` names the layers that were annotated, since a
list alone would not tell an empty layer from one that nobody annotated. `meta` and `attributes` are
JSON in a string, since their keys differ from row to row. Offsets are code points, half-open,
int64; `fragments` is empty where an annotation is in one piece; `text` repeats the text there,
and is checked when it is read. Where the text is withheld, `digest` replaces it, and
`sha256` in the documents identifies the text.

The JSON loader of `datasets` rewrites a column of strings that all look like dates ("2026-01-05"
becomes "2026-01-05 00:00:00"), whatever features are declared. Given the documents, `features` and
`card_data` declare such a column as Json(), which it leaves alone; of the scores beside it, it then
keeps ten digits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from evalkit.data.document import ATTRIBUTION_PARTS, LAYERS, Document, span_fragments
from evalkit.errors import InputError

Row = dict[str, Any]
Digest = Callable[[Document, Any], str]  # of what a span covers in a document
CONFIGS = ("documents", "entities", "events", "event_arguments", "attributions")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def column_types(*, with_text: bool = True) -> dict[str, Row]:
    """Returns the columns of each config; a type is a name, a dict of columns, or a list of one."""
    surface = "text" if with_text else "digest"
    span = {
        "start": "int64",
        "end": "int64",
        surface: "string",
        "fragments": [{"start": "int64", "end": "int64"}],
    }
    known = {"score": "float64", "attributes": "string"}
    entity = {"id": "string", "label": "string", **span, **known}
    argument = {"role": "string", **span, "ref": "string", "score": "float64"}
    event = {"id": "string", "label": "string", "realis": "string"}
    attribution = {
        "id": "string",
        "label": "string",
        "parent": "string",
        **dict.fromkeys((*ATTRIBUTION_PARTS, "source_name"), span),
        **known,
    }
    position = {"doc_id": "string", "index": "int64"}
    return {
        "documents": {
            "id": "string",
            **({"text": "string"} if with_text else {}),
            "sha256": "string",
            "layers": ["string"],
            "entities": [entity],
            "events": [{**event, "trigger": span, "arguments": [argument], **known}],
            "attributions": [attribution],
            "zones": [{"label": "string", "start": "int64", "end": "int64"}],
            "meta": "string",
            "failure": "string",
            "unplaced": [
                {"layer": "string", "label": "string", "reason": "string", "quote": "string"}
            ],
        },
        "entities": {**position, **entity},
        "events": {**position, **event, **span, **known},
        "event_arguments": {
            "doc_id": "string",
            "event": "int64",
            "event_id": "string",
            "event_label": "string",
            "index": "int64",
            **argument,
        },
        "attributions": {**position, **attribution},
    }


def table_rows(
    documents: Iterable[Document], *, with_text: bool = True, digest: Digest | None = None
) -> dict[str, Iterator[Row]]:
    """Returns the rows of each config, as plain JSON values under the columns of `column_types`.

    `digest` computes the value that replaces the text of a span if `with_text` is false; without
    it, the value is null.
    """
    every = list(documents)
    writer = _Rows(with_text=with_text, digest=digest)
    return {
        "documents": map(writer.document, every),
        "entities": (row for d in every for row in writer.entities(d)),
        "events": (row for d in every for row in writer.events(d)),
        "event_arguments": (row for d in every for row in writer.event_arguments(d)),
        "attributions": (row for d in every for row in writer.attributions(d)),
    }


class _Rows:
    """Writes annotations as rows, with their surfaces or with digests of them."""

    def __init__(self, *, with_text: bool, digest: Digest | None) -> None:
        self.with_text, self.digest = with_text, digest

    def document(self, document: Document) -> Row:
        return {
            "id": document.id,
            **({"text": document.text} if self.with_text else {}),
            "sha256": hashlib.sha256(document.text.encode()).hexdigest(),
            "layers": [layer for layer in LAYERS if getattr(document, layer) is not None],
            "entities": [self.entity(document, e) for e in document.entities or ()],
            "events": [
                {
                    **_event_fields(e),
                    "trigger": self.span(document, e.trigger),
                    "arguments": [self.argument(document, a) for a in e.arguments],
                    **_common_fields(e),
                }
                for e in document.events or ()
            ],
            "attributions": [self.attribution(document, a) for a in document.attributions or ()],
            "zones": [{"label": z.label, "start": z.start, "end": z.end} for z in document.zones],
            "meta": _json(document.meta),
            "failure": document.failure,
            "unplaced": [
                {"layer": u.layer, "label": u.label, "reason": u.reason, "quote": u.quote}
                for u in document.unplaced
            ],
        }

    def entities(self, document: Document) -> Iterator[Row]:
        for n, entity in enumerate(document.entities or ()):
            yield {"doc_id": document.id, "index": n, **self.entity(document, entity)}

    def events(self, document: Document) -> Iterator[Row]:
        for n, event in enumerate(document.events or ()):
            yield {
                "doc_id": document.id,
                "index": n,
                **_event_fields(event),
                **self.span(document, event.trigger),
                **_common_fields(event),
            }

    def event_arguments(self, document: Document) -> Iterator[Row]:
        for n, event in enumerate(document.events or ()):
            of = {
                "doc_id": document.id,
                "event": n,
                "event_id": event.id,
                "event_label": event.label,
            }
            for index, argument in enumerate(event.arguments):
                yield {**of, "index": index, **self.argument(document, argument)}

    def attributions(self, document: Document) -> Iterator[Row]:
        for n, attribution in enumerate(document.attributions or ()):
            yield {"doc_id": document.id, "index": n, **self.attribution(document, attribution)}

    def entity(self, document: Document, entity: Any) -> Row:
        return {
            "id": entity.id,
            "label": entity.label,
            **self.span(document, entity),
            **_common_fields(entity),
        }

    def argument(self, document: Document, argument: Any) -> Row:
        return {
            "role": argument.role,
            **self.span(document, argument),
            "ref": argument.ref,
            "score": argument.score,
        }

    def attribution(self, document: Document, attribution: Any) -> Row:
        result = {name: getattr(attribution, name) for name in (*ATTRIBUTION_PARTS, "source_name")}
        nested = {name: span and self.span(document, span) for name, span in result.items()}
        return {
            "id": attribution.id,
            "label": attribution.label,
            "parent": attribution.parent,
            **nested,
            **_common_fields(attribution),
        }

    def span(self, document: Document, span: Any) -> Row:
        fragments = (
            [{"start": a, "end": b} for a, b in span_fragments(span)] if span.fragments else []
        )
        return {
            "start": span.start,
            "end": span.end,
            **self.surface(document, span),
            "fragments": fragments,
        }

    def surface(self, document: Document, span: Any) -> Row:
        if self.with_text:
            return {"text": document.text[span.start : span.end]}
        return {"digest": self.digest(document, span) if self.digest else None}


def _event_fields(event: Any) -> Row:
    return {"id": event.id, "label": event.label, "realis": event.realis}


def _common_fields(annotation: Any) -> Row:
    return {"score": annotation.score, "attributes": _json(annotation.attributes)}


def _json(value: Any) -> str | None:
    """Returns a value as JSON text; None, not "null", for None."""
    return None if value is None else json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def features(documents: Iterable[Document] = (), *, with_text: bool = True) -> dict[str, Any]:
    """Returns the Features of each config.

    Columns that have only dates in these documents are Json(), as described above. Importing
    `datasets` takes a few seconds.
    """
    result = date_like_columns(documents, with_text=with_text)
    import datasets

    if any(result.values()) and not hasattr(datasets, "Json"):
        paths = ", ".join(
            f"{config}: {path}" for config, of in result.items() for path in sorted(of)
        )
        raise InputError(
            f"{paths}: every value looks like a date, which the JSON loader of datasets rewrites;"
            " pip install 'datasets>=5.2' can prevent it"
        )
    return {
        config: datasets.Features(_feature(of, result[config], ""))
        for config, of in column_types(with_text=with_text).items()
    }


def _feature(kind: Any, dates: frozenset[str], path: str) -> Any:
    import datasets

    if isinstance(kind, list):
        return datasets.List(_feature(kind[0], dates, path))
    if isinstance(kind, dict):
        return {
            name: _feature(of, dates, f"{path}.{name}" if path else name)
            for name, of in kind.items()
        }
    return datasets.Json() if path in dates else datasets.Value(kind)


def card_data(documents: Iterable[Document], *, with_text: bool = True, split: str = "test") -> Row:
    """Returns `configs` and `dataset_info` for the YAML of a README.md.

    They declare the files data/CONFIG.jsonl and their features. Configs without rows are omitted,
    since `datasets` cannot load an empty file.
    """
    every = list(documents)
    result = date_like_columns(every, with_text=with_text)
    there = [
        config for config, of in table_rows(every, with_text=with_text).items() if next(of, None)
    ]
    files = [
        {
            "config_name": config,
            "data_files": [{"split": split, "path": f"data/{config}.jsonl"}],
            **_default(config),
        }
        for config in there
    ]
    by_config = column_types(with_text=with_text)
    return {
        "configs": files,
        "dataset_info": [
            {
                "config_name": config,
                "features": _feature_declarations(by_config[config], result[config], ""),
            }
            for config in there
        ],
    }


def _default(config: str) -> Row:
    return {"default": True} if config == CONFIGS[0] else {}


def _feature_declarations(of: Row, dates: frozenset[str], path: str) -> list[Row]:
    return [{"name": name, **_kind(kind, dates, f"{path}{name}")} for name, kind in of.items()]


def _kind(kind: Any, dates: frozenset[str], path: str) -> Row:
    if isinstance(kind, dict):
        return {"struct": _feature_declarations(kind, dates, f"{path}.")}
    if not isinstance(kind, list):
        return {"dtype": "json" if path in dates else kind}
    inner = _kind(kind[0], dates, path)
    return {"list": inner.get("struct") or inner["dtype"]}


def date_like_columns(
    documents: Iterable[Document], *, with_text: bool = True
) -> dict[str, frozenset[str]]:
    """Returns the columns of each config, such as "entities.text", that only have dates.

    The JSON loader of `datasets` would rewrite them.
    """
    return {
        config: _date_like(of) for config, of in table_rows(documents, with_text=with_text).items()
    }


def _date_like(of: Iterable[Row]) -> frozenset[str]:
    like, unlike = set[str](), set[str]()
    for row in of:
        for path, value in _strings(row, ""):
            (like if _DATE.match(value) else unlike).add(path)
    return frozenset(like - unlike)


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, f"{path}.{name}" if path else name)
