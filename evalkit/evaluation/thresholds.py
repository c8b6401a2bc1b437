"""Drops predictions whose score is below a threshold: one for all labels, or one for each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evalkit.corpus import Corpus
from evalkit.data.document import Attribution, Document, Event, remove_references
from evalkit.errors import InputError, quoted_repr

# One threshold for all labels, or a label, event type or role to its threshold; others have none.
Thresholds = float | Mapping[str, float]


def parse_thresholds(text: str) -> Thresholds:
    """The thresholds in a string such as 0.5, or PER=0.7,ORG=0.4. Raises InputError for others."""
    error = InputError(
        f"invalid --threshold {quoted_repr(text)}: expected a number, or LABEL=NUMBER,LABEL=NUMBER"
        " with each label once"
    )
    thresholds: dict[str, float] = {}
    parts = text.split(",")
    for part in parts:
        label, equals, value = part.rpartition("=")
        label = label.strip()
        try:
            number = float(value)
        except ValueError:
            raise error from None
        has_label = bool(label)
        is_alone = len(parts) == 1
        if not math.isfinite(number) or label in thresholds or has_label != bool(equals):
            raise error
        if not has_label and not is_alone:
            raise error
        thresholds[label] = number
    return thresholds.get("", thresholds)


def threshold_messages(predicted: Corpus, thresholds: Thresholds) -> Iterator[str]:
    """What thresholds do to predictions: the number of dropped annotations, of annotations without
    a score, of predictions without offsets, and the labels with a threshold that no prediction has.
    """
    yield f"annotations with a lower score, dropped: {count_filtered(predicted, thresholds)}"
    scores: list[float | None] = []
    labels: set[str] = set()
    unplaced = 0
    for document in predicted:
        for annotation in (*_iter_annotations(document), *(document.relations or ())):
            scores.append(annotation.score)
            labels.add(annotation.label or "attribution")
        for event in document.events or ():
            for argument in event.arguments:
                scores.append(argument.score)
                labels.add(argument.role)
        unplaced += len(document.unplaced)
        labels.update(item.label for item in document.unplaced)
    if None in scores:
        yield f"annotations without a score, kept: {scores.count(None)}"
    if unplaced:
        yield f"predictions without a valid place in the text, kept: {unplaced}"
    if isinstance(thresholds, Mapping):
        unused = sorted(set(thresholds) - labels)
        if unused:
            yield f"no annotation has the label {', '.join(unused)}"


def filter_by_score(predicted: Corpus, thresholds: Thresholds) -> Corpus:
    """The predictions without annotations below their threshold; those without a score are kept,
    and so are unplaced ones, which have none.

    The arguments of a dropped event are dropped with it, and so are the relations of what is
    dropped.
    """
    documents = [
        msgspec.structs.replace(document, **_kept_annotations(document, thresholds))
        for document in predicted
    ]
    if isinstance(thresholds, Mapping):
        items = sorted(thresholds.items())
        description = "+".join(f"{label}={value:g}" for label, value in items)
    else:
        description = f"{thresholds:g}"
    return predicted.with_documents(documents, name=f"{predicted.name}>={description}")


def count_filtered(predicted: Corpus, thresholds: Thresholds) -> int:
    """The number of annotations that are dropped: arguments of events and relations included."""
    kept = filter_by_score(predicted, thresholds)
    return sum(map(_count_annotations, predicted)) - sum(map(_count_annotations, kept))


def _count_annotations(document: Document) -> int:
    events = document.events or ()
    return (
        len(document.entities or ())
        + len(events)
        + sum(len(event.arguments) for event in events)
        + len(document.attributions or ())
        + len(document.relations or ())
    )


def _kept_annotations(document: Document, thresholds: Thresholds) -> dict[str, Any]:
    """The annotated layers of a document without what is below its threshold."""
    kept: dict[str, Any] = {}
    dropped_ids: set[str] = set()
    for annotation in _iter_annotations(document):
        label = annotation.label or "attribution"
        if annotation.id and not _is_kept(annotation.score, label, thresholds):
            dropped_ids.add(annotation.id)
    if document.entities is not None:
        kept["entities"] = tuple(
            entity
            for entity in document.entities
            if _is_kept(entity.score, entity.label, thresholds)
        )
    if document.events is not None:
        kept["events"] = tuple(
            _filter_arguments(event, thresholds, dropped_ids)
            for event in document.events
            if _is_kept(event.score, event.label, thresholds)
        )
    if document.attributions is not None:
        kept["attributions"] = tuple(
            _drop_missing_parent(attribution, dropped_ids)
            for attribution in document.attributions
            if _is_kept(attribution.score, attribution.label or "attribution", thresholds)
        )
    if document.relations is not None:
        kept["relations"] = tuple(
            relation
            for relation in document.relations
            if _is_kept(relation.score, relation.label, thresholds)
            and not dropped_ids & {relation.head, relation.tail}
        )
    return kept


def _iter_annotations(document: Document) -> Iterator[Any]:
    """The annotations of a document that others may refer to."""
    yield from document.entities or ()
    yield from document.events or ()
    yield from document.attributions or ()


def _filter_arguments(event: Event, thresholds: Thresholds, dropped_ids: set[str]) -> Event:
    arguments = tuple(
        argument
        for argument in event.arguments
        if _is_kept(argument.score, argument.role, thresholds)
    )
    filtered: Event = remove_references(
        msgspec.structs.replace(event, arguments=arguments), dropped_ids
    )
    return filtered


def _drop_missing_parent(attribution: Attribution, dropped_ids: set[str]) -> Attribution:
    if attribution.parent not in dropped_ids:
        return attribution
    return msgspec.structs.replace(attribution, parent=None)


def _is_kept(score: float | None, label: str, thresholds: Thresholds) -> bool:
    threshold = thresholds.get(label) if isinstance(thresholds, Mapping) else thresholds
    return score is None or threshold is None or score >= threshold
