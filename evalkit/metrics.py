"""When is it right? A scheme says so; a metric is a layer under a scheme, and its name is the same everywhere.

Strict and exact are those of SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013, section 4): the same span, with the same
label or with any. `triggers`, `arguments` are sets formed after the scheme's projection (Li et al. 2013), so that
`tri-i`, `tri-c`, `arg-i` and `arg-c` are those of TextEE (Huang et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.errors import InputError, UnknownName
from evalkit.layers import LAYERS


@dataclass(frozen=True)
class Scheme:
    """When a pair may be made: must the spans be equal, must the labels?"""

    same_span: bool
    same_label: bool


SCHEMES = {
    "strict": Scheme(same_span=True, same_label=True),
    "exact":  Scheme(same_span=True, same_label=False),
}  # fmt: skip

ALIASES = {
    "ner":   "entities/strict",
    "tri-i": "triggers/exact",   "ti": "triggers/exact",
    "tri-c": "triggers/strict",  "tc": "triggers/strict",
    "arg-i": "arguments/exact",  "ai": "arguments/exact",
    "arg-c": "arguments/strict", "ac": "arguments/strict",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Metric:
    """A layer under a scheme.

    >>> Metric.of("tri-c")
    Metric(layer='triggers', scheme='strict')
    >>> Metric.of("entity/strict")
    Traceback (most recent call last):
        ...
    evalkit.errors.UnknownName: no layer 'entity' in 'entity/strict'; layers: entities, triggers, arguments, attributions; did you mean 'entities'?
    """

    layer: str
    scheme: str = "strict"

    @classmethod
    def of(cls, name: str | Metric) -> Metric:
        """The metric of that name or alias. Raises UnknownName with the known ones, InputError for a scheme that the layer does not offer."""
        if isinstance(name, Metric):
            return name
        layer, slash, scheme = ALIASES.get(name.lower(), name).partition("/")
        if not slash and layer not in LAYERS:
            raise UnknownName("metric", name, [*map(str, every_metric()), *ALIASES])
        if layer not in LAYERS:
            raise UnknownName("layer", layer, LAYERS, within=name)
        if slash and scheme not in SCHEMES:
            raise UnknownName("scheme", scheme, SCHEMES, within=name)
        if scheme not in (*LAYERS[layer].schemes, ""):
            raise InputError(f"{name}: {layer} offers no {scheme}; it offers {', '.join(LAYERS[layer].schemes)}")
        return cls(layer, scheme or "strict")

    def __str__(self) -> str:
        return f"{self.layer}/{self.scheme}"


def every_metric() -> list[Metric]:
    """All that are offered, in the order of LAYERS."""
    return [Metric(layer, scheme) for layer, known in LAYERS.items() for scheme in known.schemes]


def named(metrics: str | Iterable[str | Metric]) -> list[Metric]:
    """The metrics of a list, or of a text with commas; each once."""
    names = metrics.replace(",", " ").split() if isinstance(metrics, str) else metrics
    found = list(dict.fromkeys(map(Metric.of, names)))
    if not found:
        raise InputError(f"no metric was named; metrics: {', '.join(map(str, every_metric()))}")
    return found
