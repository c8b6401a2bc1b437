"""Converts a corpus to tables for the package `datasets`: rows of plain JSON values.

    documents         a document in each row, with its annotations nested: the whole corpus, and
                      the only table that is read
    entities          an entity in each row, with the id of its document and its index in the layer
    events            an event in each row, with its trigger under start, end and text, which are
                      null for an event without a trigger
    event_arguments   an argument in each row, with the index, id and label of its event
    attributions      an attribution in each row, with its parts nested
    relations         a relation in each row, with the ids of its arguments

Every row has every key, and no list is null: `layers` names the layers that were annotated, since
an empty list alone does not show whether a layer was annotated. `meta` and `attributes` are
JSON in a string, since their keys differ from row to row. Offsets are code points, half-open,
int64; `fragments` is empty for a contiguous annotation; `text` is the text between the offsets,
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
from itertools import chain
from typing import Any

import msgspec

from evalkit.data.document import ATTRIBUTION_PARTS, LAYERS, Document, span_fragments
from evalkit.errors import InputError

Row = dict[str, Any]
Digest = Callable[[Document, Any], str]  # the digest of the text of a span in a document
CONFIGS = ("documents", "entities", "events", "event_arguments", "attributions", "relations")
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
    argument = {"role": "string", **span, "ref": "string", "score": "float64", "head": span}
    event = {"id": "string", "label": "string", "realis": "string"}
    attribution = {
        "id": "string",
        "label": "string",
        "parent": "string",
        **dict.fromkeys((*ATTRIBUTION_PARTS, "source_name"), span),
        **known,
    }
    relation = {
        "id": "string",
        "label": "string",
        "head": "string",
        "tail": "string",
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
            "relations": [relation],
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
        "relations": {**position, **relation},
    }


def table_rows(
    documents: Iterable[Document], *, with_text: bool = True, digest: Digest | None = None
) -> dict[str, Iterator[Row]]:
    """Returns the rows of each config, as plain JSON values under the columns of `column_types`.

    `digest` computes the value that replaces the text of a span if `with_text` is false; without
    it, the value is null.
    """
    corpus = list(documents)
    rows = _Rows(with_text=with_text, digest=digest)
    return {
        "documents": map(rows.document, corpus),
        "entities": chain.from_iterable(map(rows.entities, corpus)),
        "events": chain.from_iterable(map(rows.events, corpus)),
        "event_arguments": chain.from_iterable(map(rows.event_arguments, corpus)),
        "attributions": chain.from_iterable(map(rows.attributions, corpus)),
        "relations": chain.from_iterable(map(rows.relations, corpus)),
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
            "events": [self.event(document, e) for e in document.events or ()],
            "attributions": [self.attribution(document, a) for a in document.attributions or ()],
            "relations": [self.relation(relation) for relation in document.relations or ()],
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
                **self.optional_columns(document, event.trigger),
                **_common_fields(event),
            }

    def event_arguments(self, document: Document) -> Iterator[Row]:
        for n, event in enumerate(document.events or ()):
            event_columns = {
                "doc_id": document.id,
                "event": n,
                "event_id": event.id,
                "event_label": event.label,
            }
            for index, argument in enumerate(event.arguments):
                yield {**event_columns, "index": index, **self.argument(document, argument)}

    def attributions(self, document: Document) -> Iterator[Row]:
        for n, attribution in enumerate(document.attributions or ()):
            yield {"doc_id": document.id, "index": n, **self.attribution(document, attribution)}

    def relations(self, document: Document) -> Iterator[Row]:
        for n, relation in enumerate(document.relations or ()):
            yield {"doc_id": document.id, "index": n, **self.relation(relation)}

    def entity(self, document: Document, entity: Any) -> Row:
        return {
            "id": entity.id,
            "label": entity.label,
            **self.span(document, entity),
            **_common_fields(entity),
        }

    def event(self, document: Document, event: Any) -> Row:
        return {
            **_event_fields(event),
            "trigger": None if event.trigger is None else self.span(document, event.trigger),
            "arguments": [self.argument(document, argument) for argument in event.arguments],
            **_common_fields(event),
        }

    def argument(self, document: Document, argument: Any) -> Row:
        return {
            "role": argument.role,
            **self.span(document, argument),
            "ref": argument.ref,
            "score": argument.score,
            "head": None if argument.head is None else self.span(document, argument.head),
        }

    def attribution(self, document: Document, attribution: Any) -> Row:
        parts: Row = {}
        for name in (*ATTRIBUTION_PARTS, "source_name"):
            span = getattr(attribution, name)
            parts[name] = None if span is None else self.span(document, span)
        return {
            "id": attribution.id,
            "label": attribution.label,
            "parent": attribution.parent,
            **parts,
            **_common_fields(attribution),
        }

    def relation(self, relation: Any) -> Row:
        return {
            "id": relation.id,
            "label": relation.label,
            "head": relation.head,
            "tail": relation.tail,
            **_common_fields(relation),
        }

    def span(self, document: Document, span: Any) -> Row:
        fragments = []
        if span.fragments:
            fragments = [{"start": start, "end": end} for start, end in span_fragments(span)]
        return {
            "start": span.start,
            "end": span.end,
            **self.surface(document, span),
            "fragments": fragments,
        }

    def optional_columns(self, document: Document, span: Any) -> Row:
        """The columns of a span; null, without fragments, for None."""
        if span is not None:
            return self.span(document, span)
        surface = "text" if self.with_text else "digest"
        return {"start": None, "end": None, surface: None, "fragments": []}

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
    date_columns = date_like_columns(documents, with_text=with_text)
    import datasets

    if any(date_columns.values()) and not hasattr(datasets, "Json"):
        columns = []
        for config, paths in date_columns.items():
            columns += [f"{config}: {path}" for path in sorted(paths)]
        raise InputError(
            f"{', '.join(columns)}: every value looks like a date, which the JSON loader of"
            " datasets rewrites; pip install 'datasets>=5.2' can prevent it"
        )
    return {
        config: datasets.Features(_feature(columns, date_columns[config], ""))
        for config, columns in column_types(with_text=with_text).items()
    }


def _feature(kind: Any, dates: frozenset[str], path: str) -> Any:
    import datasets

    if isinstance(kind, list):
        return datasets.List(_feature(kind[0], dates, path))
    if isinstance(kind, dict):
        return {
            name: _feature(inner, dates, f"{path}.{name}" if path else name)
            for name, inner in kind.items()
        }
    return datasets.Json() if path in dates else datasets.Value(kind)


def card_data(documents: Iterable[Document], *, with_text: bool = True, split: str = "test") -> Row:
    """Returns `configs` and `dataset_info` for the YAML of a README.md.

    They declare the files data/CONFIG.jsonl and their features. Configs without rows are omitted,
    since `datasets` cannot load an empty file.
    """
    corpus = list(documents)
    date_columns = date_like_columns(corpus, with_text=with_text)
    types_by_config = column_types(with_text=with_text)
    configs = []
    dataset_info = []
    for config, rows in table_rows(corpus, with_text=with_text).items():
        if next(rows, None) is None:
            continue
        data_files = [{"split": split, "path": f"data/{config}.jsonl"}]
        declaration: Row = {"config_name": config, "data_files": data_files}
        if config == CONFIGS[0]:
            declaration["default"] = True
        configs.append(declaration)
        declared = _feature_declarations(types_by_config[config], date_columns[config], "")
        dataset_info.append({"config_name": config, "features": declared})
    return {"configs": configs, "dataset_info": dataset_info}


def _feature_declarations(columns: Row, dates: frozenset[str], path: str) -> list[Row]:
    return [
        {"name": name, **_declare_type(kind, dates, f"{path}{name}")}
        for name, kind in columns.items()
    ]


def _declare_type(kind: Any, dates: frozenset[str], path: str) -> Row:
    if isinstance(kind, dict):
        return {"struct": _feature_declarations(kind, dates, f"{path}.")}
    if not isinstance(kind, list):
        return {"dtype": "json" if path in dates else kind}
    inner = _declare_type(kind[0], dates, path)
    return {"list": inner.get("struct") or inner["dtype"]}


def date_like_columns(
    documents: Iterable[Document], *, with_text: bool = True
) -> dict[str, frozenset[str]]:
    """Returns the columns of each config, such as "entities.text", that only have dates.

    The JSON loader of `datasets` would rewrite them.
    """
    rows_by_config = table_rows(documents, with_text=with_text)
    return {config: _date_like(rows) for config, rows in rows_by_config.items()}


def _date_like(rows: Iterable[Row]) -> frozenset[str]:
    with_dates, with_other_values = set[str](), set[str]()
    for row in rows:
        for path, value in _strings(row, ""):
            if _DATE.match(value):
                with_dates.add(path)
            else:
                with_other_values.add(path)
    return frozenset(with_dates - with_other_values)


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, f"{path}.{name}" if path else name)
