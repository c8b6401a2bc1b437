"""The items of events: triggers, realis and arguments.

An event without a trigger has arguments only: it is no item of `triggers` and `realis`, where such
events are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from evalkit.data.document import Document, trigger_fragments
from evalkit.scoring.items import Items, Maps, build_items, map_label

HEAD, COREF = "head", "coref"  # schemes of arguments, see `argument_edges`
ARGUMENT_SCHEMES = (HEAD, COREF)
MENTIONS_SUFFIX = "+mentions"  # of the name of a digest that depends on the mentions of arguments


def list_triggers(documents: Sequence[Document], maps: Maps) -> Items:
    """Each trigger, labeled with the type of its event."""
    return _list_of_triggers(documents, lambda event: map_label(maps, "triggers", event.label))


def list_realis(documents: Sequence[Document], maps: Maps) -> Items:
    """Each trigger that has a realis, labeled with it; a dropped event type takes its realis
    with it.
    """
    return _list_of_triggers(
        documents,
        lambda event: _with_type(maps, event, map_label(maps, "realis", event.realis)),
        has_item=_has_realis,
    )


def _list_of_triggers(
    documents: Sequence[Document],
    label_of: Callable[[Any], Any],
    has_item: Callable[[Any], bool] = lambda _: True,
) -> Items:
    """The trigger of each event that has an item; events without a trigger are counted."""
    each = []
    without_trigger = 0
    for document in documents:
        triples: list[tuple[Any, Any, Hashable]] = []
        for event in document.events or ():
            if not has_item(event):
                continue
            if event.trigger is not None:
                triples.append((label_of(event), event.trigger, None))
            elif label_of(event) is not None:
                without_trigger += 1
        each.append(triples)
    return replace(build_items(each, has_groups=False), without_trigger=without_trigger)


def _has_realis(event: Any) -> bool:
    return event.realis is not None


def _with_type(maps: Maps, event: Any, label: Any) -> Any:
    """The label; None if the label map drops the event type."""
    return None if map_label(maps, "triggers", event.label) is None else label


def list_arguments(documents: Sequence[Document], maps: Maps) -> Items:
    """Each argument, in the group of its event type (Li et al. 2013, section 2)."""
    return _list_of_arguments(
        documents, maps, lambda event: map_label(maps, "triggers", event.label)
    )


def list_attached_arguments(documents: Sequence[Document], maps: Maps) -> Items:
    """Each argument, in the group of type and trigger of its event (TextEE's Arg-I+, Arg-C+). The
    events of one type without a trigger are one group.
    """
    return _list_of_arguments(
        documents,
        maps,
        lambda event: (map_label(maps, "triggers", event.label), trigger_fragments(event)),
    )


def _list_of_arguments(
    documents: Sequence[Document], maps: Maps, group_of: Callable[[Any], Hashable]
) -> Items:
    return build_items(
        [
            [
                (
                    _with_type(maps, event, map_label(maps, "arguments", argument.role)),
                    argument,
                    group_of(event),
                )
                for event in document.events or ()
                for argument in event.arguments
            ]
            for document in documents
        ]
    )


def event_of_each_realis(document: Document) -> Iterator[int]:
    """The index of the event of each item of `realis`."""
    for index, event in enumerate(document.events or ()):
        if event.realis is not None and event.trigger is not None:
            yield index


def trigger_scores(document: Document) -> Iterable[float | None]:
    """The score of each item of `triggers`."""
    return [event.score for event in document.events or () if event.trigger is not None]


def realis_scores(document: Document) -> Iterable[float | None]:
    """The score of each item of `realis`."""
    events = document.events or ()
    return [events[index].score for index in event_of_each_realis(document)]


def argument_scores(document: Document) -> Iterable[float | None]:
    """The score of each item of `arguments`."""
    return [argument.score for event in document.events or () for argument in event.arguments]
