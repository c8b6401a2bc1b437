"""Schemes define when a predicted item matches a gold item; a metric is a layer under a scheme.

The schemes are those of SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013, section 4), with credit
given to one-to-one pairs:

    scheme      a pair may be made when     credit
    strict      same span, same label       1
    exact       same span                   1
    type        overlap, same label         1
    iou:T       shared ÷ union of the       1
                characters ≥ T, same label
    partial     overlap                     1 if the same span, else 1/2
    characters  -                           1 for each character that both sides put under one label
    head        same span or head, same     1 (of arguments: see
                label                       argument_edges)
    coref       a mention of gold's         1 (of arguments)
                referent, same label
    multiset    same string, same label     1 (of surfaces: repeated strings
                                              count as often as they occur)
    mention-free  same id                   1 (of links: the ids of a document)
    in-kb       same span, same id          1 (of links: NIL is no item)
    boundaries  same spans, same label      1
                (of relations: the labels
                of their arguments do not
                count)

The score is the largest total credit that pairs can have. Two spans overlap if they share at least
one character. `iou:1` equals strict. `tri-i` to `arg-c+` are the metrics of TextEE (Huang et al.
2024, section 3); `ent_type`, `lenient` and `overlap` are other names of `type`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.scoring.event_items import COREF, HEAD, MENTIONS_SUFFIX
from evalkit.scoring.layers import LAYERS, get_layer, is_layer
from evalkit.scoring.overlap_threshold import IOU, PREFIX, normalize_scheme


@dataclass(frozen=True)
class Scheme:
    """same_label: whether matched items must have the same label. If not, labels have no F1.
    same_group: whether they must be in one group. counts_items: whether the credit of a pair is 1,
    so that true positives are numbers of items.
    """

    same_label: bool
    same_group: bool = True
    counts_items: bool = True


SCHEMES = {
    "strict": Scheme(same_label=True),
    "exact": Scheme(same_label=False),
    "partial": Scheme(same_label=False, counts_items=False),
    "type": Scheme(same_label=True),
    IOU: Scheme(same_label=True),
    "characters": Scheme(same_label=True, counts_items=False),
    "boundaries": Scheme(same_label=True, same_group=False),
    "multiset": Scheme(same_label=True),
    HEAD: Scheme(same_label=True),
    COREF: Scheme(same_label=True),
    "mention-free": Scheme(same_label=True),
    "in-kb": Scheme(same_label=True),
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

# Computed if no metrics are requested, as far as gold and predictions have the layers.
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
    "relations/boundaries",
    "relations/strict",
)


def get_scheme(name: str) -> Scheme:
    """The scheme of that name; of `iou:T` for each threshold."""
    return SCHEMES[_table_name(name)]


def _table_name(scheme: str) -> str:
    """The name of a scheme in SCHEMES."""
    return IOU if scheme.startswith(PREFIX) else scheme


@dataclass(frozen=True, order=True)
class Metric:
    """A layer under a scheme.

    >>> Metric.parse("tri-c")
    Metric(layer='triggers', scheme='strict')
    >>> str(Metric.parse("entities"))
    'entities/strict'
    >>> str(Metric.parse("entities/iou:.50"))
    'entities/iou:0.5'
    """

    layer: str
    scheme: str = "strict"

    @classmethod
    def parse(cls, name: str | Metric) -> Metric:
        """The metric of that name or alias.

        Raises UnknownNameError with the known ones, InputError for a scheme that the layer does not
        offer.
        """
        if isinstance(name, Metric):
            return name
        if not isinstance(name, str):
            raise InputError(
                f"invalid metric {quoted_repr(name)}: expected a name such as entities/strict"
            )
        lowered = name.lower()
        alias = f"entities/{lowered}" if lowered in SCHEME_ALIASES else ALIASES.get(lowered, name)
        layer, slash, scheme = _split_name(alias)
        scheme = SCHEME_ALIASES.get(scheme.lower(), scheme)
        if not slash and _table_name(lowered) in SCHEMES:
            example = next(each for each in LAYERS if _table_name(lowered) in LAYERS[each].schemes)
            raise InputError(
                f"invalid metric {quoted_repr(name)}: it is a scheme; write LAYER/{lowered}, such"
                f" as {example}/{lowered}"
            )
        if not slash and not is_layer(layer):
            raise UnknownNameError(
                "metric", name, [*map(str, all_metrics()), *ALIASES, *SCHEME_ALIASES]
            )
        if not is_layer(layer):
            raise UnknownNameError("layer", layer, [*LAYERS, "entities:KEY"], within=name)
        if slash and _table_name(scheme) not in SCHEMES:
            raise UnknownNameError("scheme", scheme, SCHEMES, within=name)
        schemes = get_layer(layer).schemes
        if scheme and _table_name(scheme) not in schemes:
            raise InputError(f"{name}: {layer} offers no {scheme}; it offers {', '.join(schemes)}")
        return cls(layer, normalize_scheme(scheme or "strict", within=name))

    @property
    def has_accuracy(self) -> bool:
        """Whether there is an accuracy over pairs of items with one span."""
        return self.scheme == "strict" and get_layer(self.layer).has_accuracy

    @property
    def digest_layer(self) -> str:
        """The name of what the digest of a corpus is made from."""
        layer = get_layer(self.layer).digest_layer
        return f"{layer}{MENTIONS_SUFFIX}" if self.scheme == COREF else layer

    def __str__(self) -> str:
        return f"{self.layer}/{self.scheme}"


def _split_name(name: str) -> tuple[str, str, str]:
    """The layer, the slash and the scheme of a metric. A KEY of `entities:KEY` may have slashes."""
    layer, slash, scheme = name.partition("/")
    if ":" in layer and "/" in scheme:
        return name.rpartition("/")
    return layer, slash, scheme


RELATION_ARGUMENTS = ("entities", "events")
RELATION_PAIR = (Metric("relations", "strict"), Metric("relations", "boundaries"))


def all_metrics() -> list[Metric]:
    """All metrics without a threshold, in the order of LAYERS."""
    return [
        Metric(layer, scheme)
        for layer, known in LAYERS.items()
        for scheme in known.schemes
        if scheme != IOU
    ]


def parse_metrics(metrics: str | Iterable[str | Metric]) -> list[Metric]:
    """The metrics of a list, or of a string with commas; each once."""
    given = metrics.replace(",", " ").split() if isinstance(metrics, str) else metrics
    if not isinstance(given, Iterable):
        raise InputError(
            f"invalid {spell_option('metrics', metrics)}: expected names of metrics such as"
            " entities/strict"
        )
    parsed = list(dict.fromkeys(map(Metric.parse, given)))
    if not parsed:
        raise InputError(
            f"no metric was given; expected some of: {', '.join(map(str, all_metrics()))}"
        )
    return parsed


def add_companions(metrics: Iterable[Metric]) -> list[Metric]:
    """The metrics, with relations/boundaries after relations/strict and the other way round: either
    alone is easily taken for the other (Taillé et al. 2020).
    """
    completed: dict[Metric, None] = {}
    for metric in metrics:
        completed[metric] = None
        if metric in RELATION_PAIR:
            completed.update(dict.fromkeys(RELATION_PAIR))
    return list(completed)


def list_document_layers(
    metrics: str | Iterable[str | Metric] | None,
) -> tuple[str, ...] | None:
    """The layers of documents that metrics score, each once; None without metrics. Relations also
    need the entities and events that they refer to.

    >>> list_document_layers("tri-c,arg-c,surfaces")
    ('events', 'entities')
    """
    if metrics is None:
        return None
    names: dict[str, None] = {}
    for metric in parse_metrics(metrics):
        layer = get_layer(metric.layer).document_layer
        names.update(dict.fromkeys(RELATION_ARGUMENTS if layer == "relations" else ()))
        names[layer] = None
    return tuple(names)


def flat_layer_of(metrics: Iterable[str | Metric] | None) -> str:
    """The layer that a list of labels and a flat label map are about: event types if all requested
    metrics are of events, relations if all are of relations, else entities.
    """
    document_layers = {
        get_layer(Metric.parse(metric).layer).document_layer for metric in metrics or ()
    }
    if document_layers == {"relations"}:
        return "relations"
    return "triggers" if document_layers == {"events"} else "entities"
