"""Under which labels are both sides compared? What `labels=` means: a map for each side, keyed by layer, and its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from evalkit.corpus import maps_by_layer
from evalkit.errors import InputError, shown
from evalkit.schema import Schema

Labels = str | Mapping[str, Any] | tuple[Any, Any] | Sequence[str] | None


class Keep(dict[str, str | None]):
    """A label map that drops every label but those it keeps."""

    def get(self, label: str, default: Any = None) -> Any:  # noqa: ARG002 - the signature of a dict
        """The label itself where it is kept, else None."""
        return label if label in self else None


@dataclass(frozen=True)
class Relabelling:
    """The label maps of gold and of the prediction, keyed by layer, and how the signature names them."""

    gold: Mapping[str, Any]
    predicted: Mapping[str, Any]
    name: str


def mapping_of(labels: Labels, schema: Schema | None) -> Relabelling:
    """What `labels=` means. Raises UnknownName for a map that the schema does not name."""
    if labels is None or labels == {}:
        return Relabelling({}, {}, "none")
    if isinstance(labels, str):
        maps = maps_by_layer(labels, schema)
        return Relabelling(maps, maps, labels)
    if isinstance(labels, tuple) and len(labels) == 2:
        sides = [{} if of is None else maps_by_layer(of, schema) for of in labels]
        return Relabelling(sides[0], sides[1], _digest_of(sides))
    if isinstance(labels, Mapping):
        maps = maps_by_layer(labels, schema)
        return Relabelling(maps, maps, _digest_of([maps, maps]))
    if not isinstance(labels, Sequence) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"labels={shown(labels)}: the name of a map, a map, a pair of maps, or a list of labels would do")
    kept = {"entities": Keep.fromkeys(labels)}
    return Relabelling(kept, kept, f"keep-{_digest_of(sorted(labels))}")


def labels_written(labels: Labels) -> dict[str, Any] | None:
    """`labels=` as it stands in a result, from which `labels_read` makes it again."""
    if labels is None or labels == {}:
        return None
    if isinstance(labels, str):
        return {"kind": "name", "value": labels}
    if isinstance(labels, tuple) and len(labels) == 2:
        return {"kind": "pair", "value": [labels_written(of) for of in labels]}
    if isinstance(labels, Mapping):
        return {"kind": "map", "value": {key: dict(of) if isinstance(of, Mapping) else of for key, of in labels.items()}}
    return {"kind": "keep", "value": sorted(labels)}


def labels_read(written: Mapping[str, Any] | None) -> Labels:
    """What `labels_written` wrote."""
    if written is None:
        return None
    value: Any = written["value"]
    return (labels_read(value[0]), labels_read(value[1])) if written["kind"] == "pair" else value


def _digest_of(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:8]
