"""Warnings if gold and predictions use different labels, with a label map that would fit.

A map is only proposed, never applied. It renames predicted labels to gold's: where both are equal
but for case and punctuation (person, PERSON; Conflict.Attack, CONFLICT:ATTACK), or are common names
of one thing (SYNONYMS).
"""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from evalkit.data.label_maps import format_label_map, list_labels, maps_of_layer
from evalkit.errors import spell_option
from evalkit.results.metadata import ResultMetadata
from evalkit.scoring.cells import GOLD, PREDICTED
from evalkit.scoring.counts import Counts
from evalkit.scoring.layers import get_layer, is_attribute_layer
from evalkit.scoring.links import KEY as LINK_KEY
from evalkit.scoring.metrics import Metric, flat_layer_of

SYNONYMS = (
    "per pers person persons people human personname",
    "org orgs organization organizations organisation organisations corp corporation company",
    "loc location locations place",
    "gpe geopoliticalentity country city",
    "fac facility building",
    "misc miscellaneous other",
    "norp nationality nationalities",
    "date dates",
    "time times",
    "money monetary",
    "percent percentage",
    "quantity measure measurement",
    "cardinal number numeral",
    "ordinal ordinals",
    "product products prod",
    "event events evt",
    "workofart creativework work",
    "language languages lang",
    "law laws legal",
    "chemical chemicals chem drug",
    "disease diseases disorder",
    "gene genes",
    "species organism",
)
RELATED = {
    "gpe": "loc",
    "loc": "gpe",
}  # what a label set that lacks the one calls by the other's name
_GROUPS = {name: group.split()[0] for group in SYNONYMS for name in group.split()}
MAX_PROPOSAL = 2000  # characters


class LabelSets(NamedTuple):
    """The labels that gold and the prediction have in a layer of label maps, in scored zones, and
    how many items a map or a list dropped.
    """

    layer: str
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    gold_dropped: int
    predicted_dropped: int


def collect_label_sets(all_counts: Iterable[Counts]) -> list[LabelSets]:
    """The label sets of each layer with labels of users; layers that share a map count once."""
    sets: dict[str, LabelSets] = {}
    # The entities with an attribute are some of all entities: they count where no other layer does.
    for counts in sorted(all_counts, key=lambda each: is_attribute_layer(_layer_of(each))):
        name = _layer_of(counts)
        maps = maps_of_layer(name)
        if not maps or maps[-1] in sets or get_layer(name).has_links:
            continue
        layer = maps[-1]
        totals = counts.totals
        gold, predicted = (
            tuple(label for label, total in zip(counts.labels, totals[:, column].tolist()) if total)
            for column in (GOLD, PREDICTED)
        )
        aside = counts.set_aside
        sets[layer] = LabelSets(
            layer, gold, predicted, aside.get("gold_dropped", 0), aside.get("predicted_dropped", 0)
        )
    return list(sets.values())


def _layer_of(counts: Counts) -> str:
    return Metric.parse(counts.metric).layer


def suggest_label_map(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, str]:
    """What each predicted label that gold lacks may be called in gold: by case and punctuation,
    else by synonyms.

    Others are left out.
    """
    by_form: dict[str, str] = {}
    by_group: dict[str, str] = {}
    for label in sorted(gold, reverse=True):  # of several that fit, the first in order
        form = _form(label)
        by_form[form] = label
        by_group[_GROUPS.get(form, form)] = label
    suggested = {}
    for label in predicted:
        form = _form(label)
        group = _GROUPS.get(form, form)
        fitting = by_form.get(form) or by_group.get(group) or by_group.get(RELATED.get(group, ""))
        if fitting is not None and fitting != label and label not in gold:
            suggested[label] = fitting
    return suggested


def _form(label: str) -> str:
    """A label without case, white space and punctuation; itself where nothing is left."""
    return "".join(character for character in label.casefold() if character.isalnum()) or label


def iter_label_warnings(
    counts: Sequence[Counts], metadata: ResultMetadata, *, command_line: bool
) -> Iterator[str]:
    """Warnings about labels: of layers whose sides share no label, labels that were named and occur
    nowhere, and labels that the label map does not name.

    command_line: name options as they are typed, instead of parameters as they are called.
    """
    options = metadata.options
    label_sets = collect_label_sets(counts)
    yield from _iter_mismatches(
        label_sets,
        flat_layer_of(options.metrics),
        has_label_map=options.label_map is not None,
        command_line=command_line,
    )
    names = "--labels or --label-map" if command_line else "labels or label_map"
    if metadata.unused_labels:
        yield (
            f"labels named in {names} that occur nowhere: {list_labels(metadata.unused_labels)}"
            f"{_suggest_spelling(metadata.unused_labels, label_sets)}"
        )
    yield from _iter_absent_attributes(counts)
    for layer, labels in metadata.unmapped_labels.items():
        yield f"{layer}: labels that the label map does not name were kept: {list_labels(labels)}"


def _iter_absent_attributes(counts: Sequence[Counts]) -> Iterator[str]:
    """Warnings about layers of what no annotation of gold, or of a prediction, has."""
    layers: dict[str, Counts] = {}
    for each in counts:
        layers.setdefault(_layer_of(each), each)
    for layer, each in layers.items():
        owner, key = _find_attribute(layer)
        if not key:
            continue
        sides = []
        for side, column in (("gold", GOLD), ("the prediction", PREDICTED)):
            reasons = ("dropped", "outside_zones", "nil", "empty")
            name = "gold" if column == GOLD else "predicted"
            aside = sum(each.set_aside.get(f"{name}_{reason}", 0) for reason in reasons)
            if not each.totals[:, column].sum() + aside:
                sides.append(side)
        if sides:
            yield f"{layer}: no {owner} of {' or of '.join(sides)} has {key}"


def _find_attribute(layer: str) -> tuple[str, str]:
    """The annotation that a layer is made from, and what it must have; empty if nothing."""
    if layer == "speakers":
        return "attribution", "a source_name or the attribute 'speaker'"
    if get_layer(layer).has_links:
        return "entity", f"the attribute {LINK_KEY!r}"
    if is_attribute_layer(layer):
        return "entity", f"the attribute {layer.partition(':')[2]!r}"
    return "", ""


def _suggest_spelling(unused: Sequence[str], sets: Sequence[LabelSets]) -> str:
    """The labels of either side that are most similar to labels that occur nowhere."""
    occurring: dict[str, str] = {}
    for each in sets:
        occurring.update((label.casefold(), label) for label in (*each.gold, *each.predicted))
    suggestions = []
    for label in unused:
        for similar in difflib.get_close_matches(label.casefold(), occurring, n=1):
            suggestions.append(f"{occurring[similar]!r} for {label!r}")
    return f"; did you mean {', '.join(suggestions)}?" if suggestions else ""


def _iter_mismatches(
    sets: Sequence[LabelSets], flat_layer: str, *, has_label_map: bool, command_line: bool
) -> Iterator[str]:
    """A warning for each layer in which gold and prediction have no label in common, or labels that
    differ only in case.

    The proposal stands behind the last of them; where a label map is in use there is none, since it
    would replace that map.
    """
    messages: list[str] = []
    proposals: dict[str, dict[str, str]] = {}
    for each in sets:
        message, proposal = _compare_labels(each)
        if message:
            messages.append(message)
        if proposal:
            proposals[each.layer] = proposal
    if messages and proposals and not has_label_map:
        messages[-1] += f"; {_format_proposal(proposals, flat_layer, command_line=command_line)}"
    yield from messages


def _compare_labels(sets: LabelSets) -> tuple[str, dict[str, str]]:
    """The warning of a layer ("" for none), and the map that would fit."""
    for side, labels, other, dropped in (
        ("gold", sets.gold, sets.predicted, sets.gold_dropped),
        ("predicted", sets.predicted, sets.gold, sets.predicted_dropped),
    ):
        if other and not labels and dropped:
            return (
                (
                    f"{sets.layer}: no {side} label is kept: {spell_option('labels')} and"
                    f" {spell_option('label_map')} drop all {dropped:,} {side} items; the other"
                    f" side keeps {list_labels(other)}"
                ),
                {},
            )
    if not sets.gold or not sets.predicted:
        return "", {}
    if not set(sets.gold) & set(sets.predicted):
        message = (
            f"{sets.layer}: gold and prediction have no label in common; gold:"
            f" {list_labels(sets.gold)}; predicted: {list_labels(sets.predicted)}"
        )
        return message, suggest_label_map(sets.gold, sets.predicted)
    gold_by_case = {label.casefold(): label for label in reversed(sets.gold)}
    in_gold = set(sets.gold)
    differing = {
        label: gold_by_case[label.casefold()]
        for label in sets.predicted
        if label not in in_gold and label.casefold() in gold_by_case
    }
    if not differing:
        return "", {}
    pairs = list_labels([f"{label} (gold: {other})" for label, other in differing.items()])
    return (
        f"{sets.layer}: predicted labels that differ from gold's only in case: {pairs}",
        differing,
    )


def _format_proposal(
    proposals: Mapping[str, Mapping[str, str]], flat_layer: str, *, command_line: bool
) -> str:
    """The label map that would fit, as it is typed on the command line or called in Python."""
    label_map: Mapping[str, object] = proposals
    flat = proposals.get(flat_layer) if len(proposals) == 1 else None
    if flat:
        label_map = flat
    if len(json.dumps(label_map)) > MAX_PROPOSAL:
        number = sum(map(len, proposals.values()))
        return (
            f"{number:,} labels would fit by case or common synonyms: rename them with"
            f" {'--label-map FILE.json' if command_line else 'label_map='}"
        )
    if not command_line:
        return f"a label map that would fit: label_map={dict(label_map)!r}"
    if flat and (typed := format_label_map(flat)):
        return f"a label map that would fit: --label-map {shlex.quote(typed)}"
    return (
        "a label map that would fit: --label-map FILE.json, with"
        f" {json.dumps(label_map, ensure_ascii=False)} in the file"
    )
