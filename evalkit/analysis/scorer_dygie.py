"""DyGIE++: dictionaries by span, so that the last annotation of a span, trigger or pair wins.

    ner                   the label of each span
    relation              the label of each pair of spans; the labels of the entities do not count
    trig_id, trig_class   the type of each trigger, which is one token
    arg_id, arg_class     the role of each pair of a trigger and a span: correct if gold has an
                          argument with the span and the type of the trigger (and the role),
                          whichever trigger it belongs to

Several predicted arguments may match one gold argument: the number of these is divided by that of
all predicted and by that of all gold arguments, so that recall can be 200 %. 0/0 is 0. The number
of matches is the same for both ratios. (Sources: dygie/training/event_metrics.py at 37d0049,
ner_metrics.py at f7ff698, relation_metrics.py at 6df18ad, data/dataset_readers/dygie.py at 0364dbe,
document.py at 086fc1e; read. Numbers: those of dwadden/dygiepp at b55dec4.)

DyGIE++ scores sentences, and its annotations do not cross them, which makes no difference for the
numbers. Tokens are what white space divides, as in its files.

Options:

    max_span_width      entities of more tokens are not scored on either side; 8 as in DyGIE++'s
                        template, or none. It does not apply to relations and arguments.
    max_trigger_width   events whose trigger has more tokens cannot be represented: 1, or none
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from evalkit.analysis.scorer_oneie import restore_order
from evalkit.analysis.scorer_options import parse_size
from evalkit.analysis.scorer_practices import list_events
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    keep_items,
)
from evalkit.analysis.scorer_sets import (
    DROP_RELATIONS_OF_EVENTS,
    DROP_UNPLACED,
    DROP_WITHOUT_TRIGGER,
    JOIN_FRAGMENTS,
    change_items,
    count_many_to_one,
    join_fragments,
    keep_last,
    set_count,
    with_label,
    without_label,
)


def build_rules(*, max_span_width: object = 8, max_trigger_width: object = 1) -> ScorerRules:
    """The rules of DyGIE++."""
    span_width = parse_size("max_span_width", max_span_width)
    trigger_width = parse_size("max_trigger_width", max_trigger_width)
    entities = [JOIN_FRAGMENTS, DROP_UNPLACED]
    if span_width is not None:
        entities.append(_drop_wide_entities(span_width))
    events = [JOIN_FRAGMENTS, DROP_UNPLACED, DROP_WITHOUT_TRIGGER]
    if trigger_width is not None:
        events.append(_drop_wide_triggers(trigger_width))
    triggers = [*events, KEEP_LAST_TYPE]
    arguments = [*events, READ_LAST_TYPE, KEEP_LAST_ROLE]
    relations = [
        JOIN_FRAGMENTS,
        READ_DIRECTED,
        DROP_UNPLACED,
        DROP_RELATIONS_OF_EVENTS,
        KEEP_LAST_RELATION,
    ]
    measures = [
        ScorerMeasure("ner", "entities/strict", (*entities, KEEP_LAST_LABEL, WITH_ZERO)),
        ScorerMeasure("relation", "relations/boundaries", (*relations, WITH_ZERO)),
        ScorerMeasure("trig_id", "triggers/exact", (*triggers, WITH_ZERO)),
        ScorerMeasure("trig_class", "triggers/strict", (*triggers, WITH_ZERO)),
        ScorerMeasure("arg_id", "arguments/exact", (*arguments, COUNT_SPANS, WITH_ZERO)),
        ScorerMeasure("arg_class", "arguments/strict", (*arguments, COUNT_ARGUMENTS, WITH_ZERO)),
    ]
    return ScorerRules(measures, report_rows)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The metrics of each name, not rounded."""
    rows = []
    for name, state in states.items():
        numbers = state.numbers()
        rows.append(
            {
                "name": name,
                "precision": numbers.precision,
                "recall": numbers.recall,
                "f1": numbers.f1,
            }
        )
    return rows


def count_tokens(text: str) -> int:
    """The number of tokens of a span, which white space divides."""
    return len(text.split())


def _drop_wide_entities(width: int) -> ScorerRule:
    def drop(state: ScorerState) -> ScorerState:
        return keep_items(state, lambda item: _count_entity_tokens(state, item) <= width)

    return ScorerRule("drop", f"does not score entities of more than {width} tokens", drop)


def _count_entity_tokens(state: ScorerState, item: ScorerItem) -> int:
    return count_tokens(state.documents[item.document].text[item.start : item.end])


def _drop_wide_triggers(width: int) -> ScorerRule:
    def drop(state: ScorerState) -> ScorerState:
        return keep_items(state, lambda item: _count_trigger_tokens(state, item) <= width)

    tokens = "one token" if width == 1 else f"{width} tokens"
    return ScorerRule("drop", f"has no events whose trigger is more than {tokens}", drop)


def _count_trigger_tokens(state: ScorerState, item: ScorerItem) -> int:
    _, ranges = item.owner
    text = state.documents[item.document].text
    return count_tokens(text[ranges[0][0] : max(end for _, end in ranges)])


def _trigger_of(item: ScorerItem) -> Hashable:
    return item.document, item.owner[1]


def _read_last_type(state: ScorerState) -> ScorerState:
    """The arguments under the type of the last event with their trigger."""
    for side in SIDES:
        types: dict[Hashable, str | None] = {}
        for event in list_events(state, side):
            types[event.document, join_fragments(event.key)] = event.label
        state = change_items(state, _with_type(types), (side,))
    return state


def _with_type(types: Mapping[Hashable, str | None]) -> Any:
    def change(item: ScorerItem) -> ScorerItem:
        key: Any = item.key
        return item._replace(key=(types[_trigger_of(item)], key[1]))

    return change


def _trigger_and_span(item: ScorerItem) -> Hashable:
    key: Any = item.key
    return _trigger_of(item), key[1]


def _pair_of_spans(item: ScorerItem) -> Hashable:
    arguments: Any = item.key
    return item.document, tuple(ranges for _, ranges in arguments)


KEEP_LAST_LABEL = ScorerRule(
    "drop",
    "keeps one label of a span, the last",
    lambda state: keep_last(state, without_label),
)
KEEP_LAST_TYPE = ScorerRule(
    "drop",
    "keeps one event of a trigger, the last",
    lambda state: keep_last(state, without_label),
)
READ_LAST_TYPE = ScorerRule(
    "drop",
    "knows one type of a trigger, that of the last event, for all arguments of the trigger",
    _read_last_type,
)
KEEP_LAST_ROLE = ScorerRule(
    "drop",
    "keeps one role of a span under a trigger, the last",
    lambda state: keep_last(state, _trigger_and_span),
)
READ_DIRECTED = ScorerRule(
    "read",
    "reads the arguments of symmetric relations in their order, too",
    lambda state: change_items(state, restore_order),
)
KEEP_LAST_RELATION = ScorerRule(
    "drop",
    "keeps one relation of a pair of spans, the last",
    lambda state: keep_last(state, _pair_of_spans),
)
COUNT_SPANS = ScorerRule(
    "count",
    "counts every argument of every trigger, and as correct every one whose span gold has under the"
    " event type",
    set_count(count_many_to_one(without_label)),
)
COUNT_ARGUMENTS = ScorerRule(
    "count",
    "counts every argument of every trigger, and as correct every one that gold has under the event"
    " type",
    set_count(count_many_to_one(with_label)),
)
