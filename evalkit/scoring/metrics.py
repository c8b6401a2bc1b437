"""When is it right?

A scheme says so; a metric is a layer under a scheme, and its name is the same everywhere.

The schemes are those of SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013, section 4), with credit
given to one-to-one pairs:

    scheme      a pair may be made when     credit
    strict      same span, same label       1
    exact       same span                   1
    type        overlap, same label         1
    partial     overlap                     1 if the same span, else 1/2
    characters  -                           1 for each character that both sides put under one label

The score is the largest total credit that pairs can have. Two spans overlap if they share at least
one character. `tri-i` to `arg-c+` are the metrics of TextEE (Huang et al. 2024, section 3);
`ent_type`, `lenient` and `overlap` are other names of `type`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.scoring.layers import LAYERS


@dataclass(frozen=True)
class Scheme:
    """Whether a pair must have one label; where it need not, a label's row has no F1."""

    same_label: bool


SCHEMES = {
    "strict": Scheme(same_label=True),
    "exact": Scheme(same_label=False),
    "partial": Scheme(same_label=False),
    "type": Scheme(same_label=True),
    "characters": Scheme(same_label=True),
}

ALIASES = {
    "ner": "entities/strict",
    "f1": "entities/strict",
    "tri-i": "triggers/exact",
    "ti": "triggers/exact",
    "tri-c": "triggers/strict",
    "tc": "triggers/strict",
    "arg-i": "arguments/exact",
    "ai": "arguments/exact",
    "arg-c": "arguments/strict",
    "ac": "arguments/strict",
    "arg-i+": "attached-arguments/exact",
    "ai+": "attached-arguments/exact",
    "arg-c+": "attached-arguments/strict",
    "ac+": "attached-arguments/strict",
}

SCHEME_ALIASES = {
    "ent_type": "type",
    "lenient": "type",
    "overlap": "type",
}  # alone they stand for entities under the scheme

# What is printed where nothing was asked for, as far as gold and prediction have it
DEFAULT_METRICS = (
    "entities/strict",
    "entities/exact",
    "entities/partial",
    "entities/type",
    "triggers/exact",
    "triggers/strict",
    "arguments/exact",
    "arguments/strict",
    "attached-arguments/exact",
    "attached-arguments/strict",
    "attributions/type",
    "attributions/strict",
    "attribution-relations/type",
    "attribution-relations/strict",
)


@dataclass(frozen=True, order=True)
class Metric:
    """A layer under a scheme.

    >>> Metric.parse("tri-c")
    Metric(layer='triggers', scheme='strict')
    >>> str(Metric.parse("entities"))
    'entities/strict'
    """

    layer: str
    scheme: str = "strict"

    @classmethod
    def parse(cls, name: str | Metric) -> Metric:
        """The metric of that name or alias.

        Raises UnknownName with the known ones, InputError for a scheme that the layer does not
        offer.
        """
        if isinstance(name, Metric):
            return name
        if not isinstance(name, str):
            raise InputError(
                f"{quoted_repr(name)} is no metric: a name would do, such as entities/strict"
            )
        lowered = name.lower()
        alias = f"entities/{lowered}" if lowered in SCHEME_ALIASES else ALIASES.get(lowered, name)
        layer, slash, scheme = alias.partition("/")
        scheme = SCHEME_ALIASES.get(scheme.lower(), scheme)
        if not slash and layer not in LAYERS:
            raise UnknownNameError(
                "metric", name, [*map(str, all_metrics()), *ALIASES, *SCHEME_ALIASES]
            )
        if layer not in LAYERS:
            raise UnknownNameError("layer", layer, LAYERS, within=name)
        if slash and scheme not in SCHEMES:
            raise UnknownNameError("scheme", scheme, SCHEMES, within=name)
        if scheme and scheme not in LAYERS[layer].schemes:
            raise InputError(
                f"{name}: {layer} offers no {scheme}; it offers {', '.join(LAYERS[layer].schemes)}"
            )
        return cls(layer, scheme or "strict")

    def __str__(self) -> str:
        return f"{self.layer}/{self.scheme}"


def all_metrics() -> list[Metric]:
    """All that are offered, in the order of LAYERS."""
    return [Metric(layer, scheme) for layer, known in LAYERS.items() for scheme in known.schemes]


def parse_metrics(metrics: str | Iterable[str | Metric]) -> list[Metric]:
    """The metrics of a list, or of a text with commas; each once."""
    names = metrics.replace(",", " ").split() if isinstance(metrics, str) else metrics
    if not isinstance(names, Iterable):
        raise InputError(
            f"{spell_option('metrics', metrics)}: names of metrics would do, such as"
            " entities/strict"
        )
    found = list(dict.fromkeys(map(Metric.parse, names)))
    if not found:
        raise InputError(f"no metric was named; metrics: {', '.join(map(str, all_metrics()))}")
    return found
