"""Label maps and lists of labels: which labels are scored, and under which names.

A label map renames labels: {"person": "PER", "Other": None}. None drops a label; the key "*" stands
for all labels that the map does not name, so that {"PER": "PER", "*": None} drops every label but
PER, and {"PER": "PER", "*": "MISC"} renames all others. Without "*", labels that the map does not
name are unchanged. A list of labels keeps these and drops all others. If both are given, the map is
applied first, and the list has the new labels.

A list or a flat map applies to entities (and tokens, which have the labels of entities). If all
requested metrics are about events, it applies to event types; a dropped event is dropped with its
arguments and its realis. Maps for several layers are keyed by layer: {"entities": {…},
"triggers": {…}, "arguments": {…}, "realis": {…}}; the one for arguments maps roles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.schema import LabelMap, Schema
from evalkit.errors import InputError, UnknownNameError, quoted_repr, shorten, spell_option

OTHERS = "*"  # stands for all labels that a map does not name
# The maps that apply to a layer of metrics; the last of them renames its labels
MAPS_OF_LAYERS = {
    "entities": ("entities",),
    "tokens": ("entities",),
    "surfaces": ("entities",),
    "links": ("entities",),
    "triggers": ("triggers",),
    "arguments": ("triggers", "arguments"),
    "attached-arguments": ("triggers", "arguments"),
    "realis": ("triggers", "realis"),
    "relations": ("entities", "triggers", "relations"),
}


def maps_of_layer(layer: str) -> tuple[str, ...]:
    """The layers of label maps that apply to a layer of metrics; `entities:KEY` has those of
    entities.
    """
    return MAPS_OF_LAYERS.get(layer.partition(":")[0], ())


LAYERS_WITH_MAPS = (
    "entities",
    "triggers",
    "arguments",
    "realis",
    "attributions",
    "relations",
)
# Characters of the kept labels in a signature; longer lists are replaced by a digest
MAX_SIGNATURE_LABELS = 60

LabelsOption = str | Mapping[str, Any] | Sequence[Any] | None
LabelMapOption = str | Mapping[str, Any] | Sequence[Any] | None


class LabelMapper(dict[str, str | None]):
    """A label map with a value for every label: "*" is applied.

    Its items are the labels that were looked up.
    """

    def __init__(self, label_map: LabelMap) -> None:
        """Keep `label_map`, which may have the key "*"."""
        super().__init__()
        self.label_map = label_map

    def __missing__(self, label: str) -> str | None:
        new_label = self.label_map.get(OTHERS, label)
        if label != OTHERS:
            new_label = self.label_map.get(label, new_label)
        self[label] = new_label
        return new_label

    def get(self, label: str, default: Any = None) -> Any:  # noqa: ARG002 - the signature of a dict
        """The new label; None if the label is dropped."""
        return self[label]


@dataclass(frozen=True)
class LabelMapping:
    """The label maps of gold and of the prediction, keyed by layer, after the list of labels.

    `labels`, `label_map`: the options as given. `requested`: the maps without the list of labels.
    `flat_layer`: the layer that a list or a flat map applies to.
    """

    gold: Mapping[str, LabelMapper]
    predicted: Mapping[str, LabelMapper]
    labels: tuple[str, ...] | None
    label_map: LabelMapOption
    flat_layer: str
    requested: tuple[Mapping[str, LabelMap], Mapping[str, LabelMap]]

    @property
    def is_identity(self) -> bool:
        """Whether all labels are unchanged."""
        return self.labels is None and not any(self.requested)

    def signature_fields(self) -> dict[str, str]:
        """The fields `labels` and `map` of the signature, without those that were not given."""
        fields = {}
        if self.labels is not None:
            fields["labels"] = _labels_in_signature(self.labels)
        if isinstance(self.label_map, str):
            fields["map"] = self.label_map
        elif any(self.requested):
            fields["map"] = _digest([dict(side) for side in self.requested])
        return fields

    def options(self) -> dict[str, Any]:
        """The options `labels` and `label_map` of a result; `decode_label_map` reads the map."""
        return {
            "labels": None if self.labels is None else list(self.labels),
            "label_map": encode_label_map(self.label_map),
        }

    def unused_labels(self, layers: Iterable[str]) -> list[str]:
        """The labels in the maps and in the list of labels that no annotation has.

        layers: the scored layers of metrics. Keys of a map are compared with the labels before it
        is applied, the list of labels with those after. Maps of the schema are not checked, since
        they list all labels that the schema knows.
        """
        applied_layers = {self.flat_layer}
        for layer in layers:
            applied_layers.update(maps_of_layer(layer))
        checks_maps = not isinstance(self.label_map, str)
        named: set[str] = set()
        used: set[str] = set()
        for requested, mappers in zip(self.requested, (self.gold, self.predicted)):
            if checks_maps:
                for layer in applied_layers.intersection(requested):
                    named.update(requested[layer])
                    used.update(requested[layer].keys() & mappers[layer].keys())
            if self.labels is not None:
                named.update(self.labels)
                used.update(set(self.labels).intersection(mappers[self.flat_layer].values()))
        return sorted(named - used - {OTHERS})

    def unmapped_labels(self) -> dict[str, list[str]]:
        """For each layer with a map, the labels of only one side that are neither its keys nor its
        values.
        """
        unmapped = {}
        for layer in LAYERS_WITH_MAPS:
            if self.labels is not None and layer == self.flat_layer:
                continue
            # A label of both sides does not need to be in the map.
            shared = set(self.gold.get(layer, ())) & set(self.predicted.get(layer, ()))
            new_labels: set[str | None] = set()
            for requested in self.requested:
                new_labels.update(requested.get(layer, {}).values())
            remaining: set[str] = set()
            for requested, mappers in zip(self.requested, (self.gold, self.predicted)):
                if requested.get(layer) and OTHERS not in requested[layer]:
                    remaining |= set(mappers[layer]) - set(requested[layer]) - new_labels - shared
            if remaining:
                unmapped[layer] = sorted(remaining)
        return unmapped


def resolve_label_mapping(
    labels: LabelsOption,
    label_map: LabelMapOption,
    schema: Schema | None,
    flat_layer: str = "entities",
) -> LabelMapping:
    """The label maps of both sides for the options `labels` and `label_map`.

    A name, a map or a pair of maps that is given as `labels` is taken as the label map. Raises
    UnknownNameError for a map that the schema does not have, InputError for other invalid values.
    """
    kept, label_map = _split_labels(labels, label_map)
    try:
        requested = _resolve_sides(label_map, schema, flat_layer)
    except UnknownNameError as error:
        if isinstance(labels, str) and label_map == labels:
            raise InputError(
                f"{error}; {spell_option('labels', [labels])} keeps the label {quoted_repr(labels)}"
            ) from None
        raise
    sides = []
    for maps in requested:
        applied = dict(maps)
        if kept is not None:
            applied[flat_layer] = _keep_labels(maps.get(flat_layer, {}), kept)
        sides.append({layer: LabelMapper(each) for layer, each in applied.items()})
    return LabelMapping(sides[0], sides[1], kept, label_map or None, flat_layer, requested)


def _split_labels(
    labels: LabelsOption, label_map: LabelMapOption
) -> tuple[tuple[str, ...] | None, LabelMapOption]:
    """The labels to keep (None for all), and the label map."""
    if labels is None:
        return None, label_map
    is_pair = (
        isinstance(labels, tuple)
        and len(labels) == 2
        and not all(isinstance(each, str) for each in labels)
    )
    if isinstance(labels, (str, Mapping)) or is_pair:
        if label_map is not None:
            raise InputError(
                f"{spell_option('labels', labels)} is a label map, and {spell_option('label_map')}"
                f" is given too: give the map as {spell_option('label_map')}, and a list of labels"
                f" to keep as {spell_option('labels')}"
            )
        return None, labels
    if not isinstance(labels, Iterable) or not all(
        isinstance(label, str) and label for label in labels
    ):
        raise InputError(
            f"{spell_option('labels', labels)}: expected a list of labels to keep, such as ['PER',"
            f" 'LOC']; {spell_option('label_map')} takes a map"
        )
    kept = tuple(sorted(set(labels)))
    if not kept:
        raise InputError(f"{spell_option('labels', labels)}: expected at least one label to keep")
    return kept, label_map


def _resolve_sides(
    label_map: LabelMapOption, schema: Schema | None, flat_layer: str
) -> tuple[dict[str, LabelMap], dict[str, LabelMap]]:
    """The maps of gold and of the prediction, keyed by layer."""
    if label_map is None:
        return {}, {}
    if isinstance(label_map, (str, Mapping)):
        maps = maps_by_layer(label_map, schema, flat_layer)
        return maps, maps
    if (
        isinstance(label_map, Sequence)
        and len(label_map) == 2
        and all(side is None or isinstance(side, (str, Mapping)) for side in label_map)
    ):
        gold, predicted = (
            {} if side is None else maps_by_layer(side, schema, flat_layer) for side in label_map
        )
        return gold, predicted
    raise InputError(
        f"{spell_option('label_map', label_map)}: expected the name of a map in the schema, a map,"
        " or a pair of maps (gold, predicted)"
    )


def _keep_labels(label_map: LabelMap, kept: Sequence[str]) -> dict[str, str | None]:
    """The label map that is equivalent to a map followed by a list of labels to keep."""
    names = set(kept)
    applied = {label: new if new in names else None for label, new in label_map.items()}
    if OTHERS not in applied:
        applied |= {label: label for label in kept if label not in label_map}
        applied[OTHERS] = None
    return applied


def maps_by_layer(
    label_map: str | LabelMap | Mapping[str, LabelMap],
    schema: Schema | None,
    flat_layer: str = "entities",
) -> dict[str, LabelMap]:
    """Label maps keyed by layer.

    label_map: the name of a label map in the schema, a flat map for `flat_layer`, or a map for each
    layer.
    """
    if isinstance(label_map, str):
        known = schema.label_maps if schema else {}
        if label_map not in known:
            expected = [*known, "LABEL=NEW,LABEL=NEW", "FILE.json"]
            raise UnknownNameError("label map", label_map, expected)
        return dict(known[label_map])
    for label, value in label_map.items():
        if not isinstance(label, str) or not (_is_new_label(value) or isinstance(value, Mapping)):
            raise InputError(
                f"label_map: {quoted_repr(label)}: {quoted_repr(value)}: expected a label, or None"
                " to drop it"
            )
    if not all(isinstance(value, Mapping) for value in label_map.values()):
        if layers := [label for label, value in label_map.items() if isinstance(value, Mapping)]:
            raise InputError(
                f"label_map: {quoted_repr(layers[0])} has a map of its own while other keys have a"
                " label: expected one map, or a map for each layer"
            )
        return {flat_layer: label_map} if label_map else {}  # type: ignore[dict-item]
    for layer, each in label_map.items():
        if layer not in LAYERS_WITH_MAPS:
            raise UnknownNameError("layer", layer, LAYERS_WITH_MAPS, within="label_map")
        for label, value in each.items():  # type: ignore[union-attr]
            if not isinstance(label, str) or not _is_new_label(value):
                raise InputError(
                    f"label_map: {layer}: {quoted_repr(label)}: {quoted_repr(value)}: expected a"
                    " label, or None to drop it"
                )
    return {layer: each for layer, each in label_map.items() if each}  # type: ignore[misc]


def _is_new_label(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def encode_label_map(label_map: LabelMapOption) -> dict[str, Any] | None:
    """A label map as JSON values for a result; `decode_label_map` reads it."""
    if label_map is None or label_map == {}:
        return None
    if isinstance(label_map, str):
        return {"kind": "name", "value": label_map}
    if isinstance(label_map, Mapping):
        plain = {}
        for key, value in label_map.items():
            plain[key] = dict(value) if isinstance(value, Mapping) else value
        return {"kind": "map", "value": plain}
    return {"kind": "pair", "value": [encode_label_map(side) for side in label_map]}


def decode_label_map(encoded: Mapping[str, Any] | None) -> LabelMapOption:
    """The label map that `encode_label_map` encoded."""
    if encoded is None:
        return None
    if encoded["kind"] == "pair":
        gold, predicted = encoded["value"]
        return decode_label_map(gold), decode_label_map(predicted)
    label_map: LabelMapOption = encoded["value"]
    return label_map


def parse_labels(text: str) -> list[str]:
    """The labels in a string such as PER,LOC. Raises InputError for an empty label."""
    labels = [label.strip() for label in text.split(",")]
    if not all(labels):
        raise InputError(
            f"--labels {quoted_repr(text)}: expected labels with commas between them, such as"
            " PER,LOC"
        )
    return labels


def parse_label_map(text: str) -> LabelMapOption:
    """The label map in a string: person=PER,org=ORG,*= or FILE.json or the name of a map in the
    schema.

    Raises InputError for an invalid pair or file.
    """
    if text.endswith(".json"):
        return _load_label_map(Path(text))
    if "=" not in text:
        return text
    label_map: dict[str, str | None] = {}
    for part in text.split(","):
        label, equals, new = (each.strip() for each in part.partition("="))
        if not label or not equals:
            raise InputError(
                f"--label-map {quoted_repr(text)}: {quoted_repr(part)}: expected LABEL=NEW, or"
                " LABEL= to drop it; labels with commas or = go into FILE.json"
            )
        if label in label_map:
            raise InputError(
                f"--label-map {quoted_repr(text)}: {quoted_repr(label)} is named twice"
            )
        label_map[label] = new or None
    return label_map


def _load_label_map(path: Path) -> LabelMapOption:
    """The label map in a JSON file: an object, or a list of two (gold, predicted)."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique_keys)
    except OSError as error:
        raise InputError(f"--label-map {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"--label-map {path}: not valid JSON: {shorten(str(error), 200)}"
        ) from None
    if isinstance(loaded, dict):
        return loaded
    if (
        isinstance(loaded, list)
        and len(loaded) == 2
        and all(side is None or isinstance(side, dict) for side in loaded)
    ):
        return loaded[0], loaded[1]
    raise InputError(
        f'--label-map {path}: expected an object such as {{"person": "PER", "*": null}}, or a list'
        " of two (gold, predicted)"
    )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"{quoted_repr(key)} is named twice")
        result[key] = value
    return result


def format_label_map(label_map: Mapping[str, str | None]) -> str | None:
    """A flat label map as a value of --label-map; None if a label needs a JSON file, since it has a
    comma, an equals sign or outer white space.
    """
    pairs = []
    for label, new in label_map.items():
        if set(",=") & set(label) or (new and "," in new) or label != label.strip():
            return None
        pairs.append(f"{label}={new or ''}")
    text = ",".join(pairs)
    return None if text.endswith(".json") else text


def _labels_in_signature(labels: Sequence[str]) -> str:
    joined = "+".join(labels)
    is_plain = not any(set("|+:@") & set(label) or len(label.split()) != 1 for label in labels)
    if is_plain and len(joined) <= MAX_SIGNATURE_LABELS:
        return joined
    return f"{len(labels)}@{_digest(list(labels))}"


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:8]


def list_labels(labels: Sequence[str], most: int = 20) -> str:
    """Labels as a list in a message: at most `most`, long ones shortened."""
    more = f" and {len(labels) - most:,} more" if len(labels) > most else ""
    return ", ".join(shorten(label, 40) for label in labels[:most]) + more
