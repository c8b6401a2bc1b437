"""What an error analysis is asked for: the layer, features, a training corpus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evalkit.analysis.error_collector import MAX_EXAMPLES, ErrorRequest
from evalkit.analysis.features import (
    DEFAULT_FEATURES,
    TRAINING_FEATURES,
    needs_texts,
    parse_features,
)
from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.scoring.layers import is_layer
from evalkit.scoring.metrics import Metric

# Layers whose items are spans with labels
SPAN_LAYERS = ("entities", "triggers", "arguments", "realis", "attributions", "tokens")
ANALYZED_LAYERS = (*SPAN_LAYERS, "attached-arguments", "attached-attributions", "relations")


def make_error_request(
    layer: str,
    *,
    by: str | Iterable[str] | None = None,
    train: Any = None,
    metric: str | None = None,
    ignore_case: bool = False,
    examples: int = MAX_EXAMPLES,
    with_texts: bool = True,
) -> ErrorRequest:
    """A checked request. train: a corpus or its path, opened when errors are counted. with_texts:
    whether the default features may be those that need texts.

    Raises InputError for a layer or metric that cannot be analyzed.
    """
    chosen = Metric(layer, "strict") if metric is None else Metric.parse(metric)
    check_layer(layer)
    if chosen.layer != layer:
        raise InputError(
            f"metric {chosen}: is of another layer than {layer}; use"
            f" {spell_option('layer', chosen.layer)}"
        )
    if chosen.scheme == "characters":
        raise InputError(f"metric {chosen}: characters are compared as sets and make no pairs")
    if type(examples) is not int or examples < 0:
        raise InputError(
            f"invalid {spell_option('examples', examples)}: expected a whole number from 0 on"
        )
    if by is None:
        features = tuple(
            feature
            for feature in DEFAULT_FEATURES
            if (with_texts or not needs_texts(feature))
            and feature not in _list_excluded_features(layer)
        )
        if train is not None:
            features += TRAINING_FEATURES
        return ErrorRequest(chosen, features, (), train, ignore_case, examples)
    given = parse_features(by, has_training=train is not None) if by else ()
    for feature in given:
        if feature in _list_excluded_features(layer):
            raise InputError(f"{spell_option('by')} {feature}: {layer} have no {feature}")
    return ErrorRequest(chosen, given, given, train, ignore_case, examples)


def _list_excluded_features(layer: str) -> tuple[str, ...]:
    """Features that the items of a layer do not have: those of a relation are two spans."""
    return ("nesting",) if layer == "relations" else ()


def choose_layer(scores: Iterable[str]) -> str:
    """The layer that is analyzed if none is named: entities, triggers, attributions or relations,
    whichever comes first among the metrics that were scored.

    Raises InputError if there is none of them.
    """
    scored = {Metric.parse(metric).layer for metric in scores}
    for layer in ("entities", "triggers", "attributions", "relations"):
        if layer in scored:
            return layer
    raise InputError(
        "there are no entities, events, attributions or relations on both sides to analyze"
    )


def analyzable_layers(scores: Iterable[str]) -> list[str]:
    """The layers among the metrics that were scored whose errors can be analyzed."""
    scored = {Metric.parse(metric).layer for metric in scores}
    return [layer for layer in ANALYZED_LAYERS if layer in scored]


def check_layer(layer: str) -> None:
    """Raise InputError for a layer whose errors cannot be analyzed."""
    if layer not in ANALYZED_LAYERS:
        if is_layer(layer):
            raise InputError(
                f"errors of {layer} are not analyzed; expected one of: {', '.join(ANALYZED_LAYERS)}"
            )
        raise UnknownNameError("layer", layer, ANALYZED_LAYERS)
