"""Which of a model's answers count?

Those whose score is at least a threshold, one for all labels or one for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evalkit.corpus import Corpus
from evalkit.data.document import Document, remove_references
from evalkit.errors import InputError, quoted_repr

Thresholds = (
    float | Mapping[str, float]
)  # for all labels, or a label (event type, role) to its threshold; others have none


def parse_thresholds(text: str) -> Thresholds:
    """What a text such as 0.5, or PER=0.7,ORG=0.4, says. Raises InputError where it says none."""
    wrong = InputError(
        f"--threshold {quoted_repr(text)}: a number would do, or LABEL=NUMBER,LABEL=NUMBER, each"
        " label once"
    )
    found: dict[str, float] = {}
    for part in text.split(","):
        label, equals, value = part.rpartition("=")
        label = label.strip()
        try:
            number = float(value)
        except ValueError:
            raise wrong from None
        if (
            not math.isfinite(number)
            or label in found
            or bool(label) != bool(equals)
            or (found and "" in {label, *found})
        ):
            raise wrong
        found[label] = number
    return found.get("", found)


def threshold_messages(predicted: Corpus, least: Thresholds) -> Iterator[str]:
    """What a threshold does to predictions: how many it leaves out, how many have no score, and
    labels of it that none has.
    """
    yield f"{count_filtered(predicted, least)} annotations of a lower score are left out"
    marks = [
        (mark.score, getattr(mark, "label", None) or "attribution")
        for document in predicted
        for mark in _marks(document)
    ]
    marks += [
        (a.score, a.role)
        for document in predicted
        for event in document.events or ()
        for a in event.arguments
    ]
    if without := sum(score is None for score, _ in marks):
        yield f"{without} annotations have no score, and stay"
    if isinstance(least, Mapping) and (
        nowhere := sorted(set(least) - {label for _, label in marks})
    ):
        yield f"no annotation is labelled {', '.join(nowhere)}"


def filter_by_score(predicted: Corpus, least: Thresholds) -> Corpus:
    """The predictions without those of a lower score; what has no score stays.

    An event takes its arguments with it.
    """
    documents = [
        msgspec.structs.replace(document, **_kept(document, least)) for document in predicted
    ]
    told = (
        "+".join(f"{label}={value:g}" for label, value in sorted(least.items()))
        if isinstance(least, Mapping)
        else f"{least:g}"
    )
    return predicted.with_documents(documents, name=f"{predicted.name}>={told}")


def count_filtered(predicted: Corpus, least: Thresholds) -> int:
    """How many annotations a threshold leaves out, arguments of events that stay among them."""
    return sum(_count_annotations(document) for document in predicted) - sum(
        _count_annotations(document) for document in filter_by_score(predicted, least)
    )


def _count_annotations(document: Document) -> int:
    events = document.events or ()
    return (
        len(document.entities or ())
        + len(events)
        + sum(len(event.arguments) for event in events)
        + len(document.attributions or ())
    )


def _kept(document: Document, least: Thresholds) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    gone = {
        mark.id
        for mark in _marks(document)
        if mark.id and not _passes(mark.score, mark.label or "attribution", least)
    }
    if document.entities is not None:
        kept["entities"] = tuple(e for e in document.entities if _passes(e.score, e.label, least))
    if document.events is not None:
        kept["events"] = tuple(
            _event(e, least, gone) for e in document.events if _passes(e.score, e.label, least)
        )
    if document.attributions is not None:
        kept["attributions"] = tuple(
            _drop_missing_parent(a, gone)
            for a in document.attributions
            if _passes(a.score, a.label or "attribution", least)
        )
    return kept


def _marks(document: Document) -> Iterator[Any]:
    yield from document.entities or ()
    yield from document.events or ()
    yield from document.attributions or ()


def _event(event: Any, least: Thresholds, gone: set[str]) -> Any:
    arguments = tuple(a for a in event.arguments if _passes(a.score, a.role, least))
    return remove_references(msgspec.structs.replace(event, arguments=arguments), gone)


def _drop_missing_parent(attribution: Any, gone: set[str]) -> Any:
    return (
        msgspec.structs.replace(attribution, parent=None)
        if attribution.parent in gone
        else attribution
    )


def _passes(score: float | None, label: str, least: Thresholds) -> bool:
    bound = least.get(label) if isinstance(least, Mapping) else least
    return score is None or bound is None or score >= bound
