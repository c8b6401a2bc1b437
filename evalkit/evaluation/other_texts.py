"""Predictions for another text than gold's, such as a transcript by a speech recognizer: their
strings are compared, since their offsets say nothing about the text of gold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from evalkit.data.document import Document, Unplaced
from evalkit.errors import InputError, spell_option
from evalkit.results.metadata import IN_ANOTHER_TEXT
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric
from evalkit.scoring.surfaces import surface_form


def are_string_metrics(metrics: Collection[Metric]) -> bool:
    """Whether metrics are given that all compare strings."""
    return bool(metrics) and all(get_layer(metric.layer).compares_strings for metric in metrics)


def check_metrics_without_texts(metrics: Iterable[Metric] | None) -> None:
    """Raise InputError unless metrics are given, and all of them compare strings."""
    remedy = "expected only metrics that compare strings, such as surfaces/strict"
    option = spell_option("match_texts", False)
    if metrics is None:
        raise InputError(f"{option}: {remedy}; name them with {spell_option('metrics')}")
    for metric in metrics:
        if not get_layer(metric.layer).compares_strings:
            raise InputError(f"{option}: {metric} compares offsets; {remedy}")


def replace_text(prediction: Document, text: str) -> Document:
    """The prediction with gold's text, and its entities as quotes: in its own text an offset is a
    place, in gold's it would be another one.
    """
    entities = None if prediction.entities is None else ()
    quotes = [
        Unplaced("entities", entity.label, IN_ANOTHER_TEXT, surface_form(prediction.text, entity))
        for entity in prediction.entities or ()
    ]
    return Document(
        prediction.id,
        text,
        entities,
        failure=prediction.failure,
        unplaced=(*quotes, *(item for item in prediction.unplaced if item.layer == "entities")),
    )
