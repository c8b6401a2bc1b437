"""RAMS: an event on each line, with its arguments in a window of five sentences.

    {"doc_key", "sentences": [[token]], "evt_triggers": [[first, last, [[type, 1.0]]]],
     "gold_evt_links": [[[first, last], [first, last], "evt089arg02place"]],
     "ent_spans": [[first, last, [["evt089arg02place", 1.0]]]], "split", "source_url"}

Indices count the tokens of the line from 0, the last one is inclusive. A link has the trigger, the
argument and its role, from which the number of the event type and of the role is removed (`place`).
(Source: the data of RAMS 1.0, Ebner et al. 2020, and its scorer.) The spans of ent_spans are the
arguments once more. Predictions in the same layout are read, too, such as those of
raspberryice/gen-arg.

**Predictions** of the scorer's own layout have no sentences and no event types:

    {"doc_key", "predictions": [[[first, last], [first, last, role, score]]]}

The first item is the trigger, the others are arguments. The sentences, and the event type of the
trigger, are those of the line with the same doc_key in the file of RAMS that `texts` names:
`rams:predicted.jsonl?texts=test.jsonlines`.

**Text.** The tokens of a sentence are joined by a space, the sentences by a line feed.

**Reading option**: `texts`: the file of RAMS with the sentences and the triggers of predictions.

A trigger with several types is an event of each type. Without `evt_triggers`, events were not
annotated; entities never are. Dropped: spans of ent_spans without a link, confidences other than 1
of types, other keys.

This format is only read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Argument, Document, Event, Span
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import convert_item, iter_records
from evalkit.formats.registry import DocumentResults, split_prefix
from evalkit.formats.sentence_tokens import SentenceTokens

NUMBERS = re.compile(r"^evt\d+arg\d+")  # of the event type and of the role, before a role
LabelledTokens = tuple[int, int, list[tuple[str, float]]]  # first and last token; labels
TokenRange = tuple[int, int]
Trigger = tuple[TokenRange, str]  # with the event type
Link = tuple[TokenRange, TokenRange, str, float | None]  # trigger, argument, role, score


class RamsRecord(msgspec.Struct):
    """A line: the keys that are read."""

    doc_key: str | int
    sentences: list[list[str]] | None = None
    evt_triggers: list[LabelledTokens] | None = None
    gold_evt_links: list[tuple[TokenRange, TokenRange, str]] | None = None
    ent_spans: list[LabelledTokens] | None = None
    predictions: list[list[Any]] | None = None


def read(
    path: Path, conversion: ConversionReport, *, texts: str | Path | None = None
) -> DocumentResults:
    """Yields the file:line of each document with the document, or a LoadError.

    Raises the first error of the file with the sentences.
    """
    windows = {} if texts is None else _read_windows(texts)
    for position, record in iter_records(path, RamsRecord, conversion):
        if isinstance(record, LoadError):
            yield position, record
            continue
        try:
            window = record
            if record.predictions is not None:
                _count_unread_gold(record, position, conversion)
                window = _find_window(record, windows, texts)
            yield position, _read_document(window, position, conversion)
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def _read_windows(texts: str | Path) -> dict[str, RamsRecord]:
    """The records of a file of RAMS by doc_key. Raises LoadError for the first invalid one."""
    _, path = split_prefix(texts)
    records = {}
    for _, record in iter_records(path, RamsRecord, ConversionReport()):
        if isinstance(record, LoadError):
            raise record
        records[str(record.doc_key)] = record
    return records


def _find_window(
    record: RamsRecord, windows: dict[str, RamsRecord], texts: str | Path | None
) -> RamsRecord:
    """A record of predictions with the sentences and triggers of the file `texts`; the same if it
    has sentences. Raises InputError if there are none.
    """
    if record.sentences is not None:
        return record
    if texts is None:
        option = spell_option("texts", "GOLD", of="format")
        raise InputError(
            f"predictions without sentences; name the file of RAMS that has them: {option}"
        )
    window = windows.get(str(record.doc_key))
    if window is None:
        raise InputError(f"doc_key: {quoted_repr(str(record.doc_key))} is not in {texts}")
    return RamsRecord(
        record.doc_key, window.sentences, window.evt_triggers, predictions=record.predictions
    )


def _count_unread_gold(record: RamsRecord, position: str, conversion: ConversionReport) -> None:
    for name in ("gold_evt_links", "ent_spans"):
        if getattr(record, name):
            conversion.add(f"values of the key {name!r} beside predictions", position)


def _read_document(record: RamsRecord, position: str, conversion: ConversionReport) -> Document:
    if record.sentences is None:
        raise InputError("sentences: missing; expected a list of tokens for each sentence")
    tokens = SentenceTokens(record.sentences)
    id = str(record.doc_key)
    if record.evt_triggers is None:
        if record.predictions:
            raise InputError("evt_triggers: missing; the types of predicted events are unknown")
        return Document(id, tokens.text)
    triggers: list[Trigger] = []
    for n, (first, last, types) in enumerate(record.evt_triggers):
        for label, confidence in types:
            triggers.append(((first, last), label))
            if confidence != 1:
                conversion.add("confidences of types", f"{position}: evt_triggers[{n}]")
    if record.predictions is None:
        links: list[Link] = [(*link, None) for link in record.gold_evt_links or ()]
        _count_unlinked_spans(record, position, conversion)
        events = _build_events(triggers, links, tokens, "gold_evt_links")
    else:
        predicted, links = _read_predictions(record.predictions)
        triggers = [trigger for trigger in triggers if trigger[0] in predicted]
        events = _build_events(triggers, links, tokens, "predictions")
    return Document(id, tokens.text, events=events)


def _count_unlinked_spans(record: RamsRecord, position: str, conversion: ConversionReport) -> None:
    linked = {argument for _, argument, _ in record.gold_evt_links or ()}
    for n, (first, last, _) in enumerate(record.ent_spans or ()):
        if (first, last) not in linked:
            conversion.add("spans of ent_spans without a link", f"{position}: ent_spans[{n}]")


def _read_predictions(predictions: Sequence[Any]) -> tuple[set[TokenRange], list[Link]]:
    """The predicted triggers and their arguments. Raises InputError for an invalid item."""
    triggers = set()
    links: list[Link] = []
    for n, items in enumerate(predictions):
        if not items:
            raise InputError(f"predictions[{n}]: empty: expected the trigger, then its arguments")
        trigger = convert_item(items[0], TokenRange, f"predictions[{n}][0]", "[first, last]")
        triggers.add(trigger)
        for m, item in enumerate(items[1:], 1):
            first, last, role, score = convert_item(
                item,
                tuple[int, int, str, float],
                f"predictions[{n}][{m}]",
                "[first, last, role, score] of an argument",
            )
            links.append((trigger, (first, last), role, score))
    return triggers, links


def _build_events(
    triggers: Sequence[Trigger], links: Sequence[Link], tokens: SentenceTokens, key: str
) -> tuple[Event, ...]:
    """The event of each trigger with its arguments. key: that of the links, for messages.

    Raises InputError for a link of another trigger, and for tokens that do not exist.
    """
    arguments: dict[TokenRange, list[Argument]] = {trigger: [] for trigger, _ in triggers}
    for n, (trigger, (first, last), role, score) in enumerate(links):
        where = f"{key}[{n}]" if key == "gold_evt_links" else f"{key}, argument {n}"
        if trigger not in arguments:
            raise InputError(
                f"{where}: no trigger at tokens {list(trigger)}; evt_triggers has"
                f" {sorted(map(list, arguments)) or 'none'}"
            )
        start, end = tokens.find_range(first, last + 1, where)
        arguments[trigger].append(Argument(NUMBERS.sub("", role), start, end, score=score))
    events = []
    for n, (trigger, label) in enumerate(triggers):
        span = Span(*tokens.find_range(trigger[0], trigger[1] + 1, f"evt_triggers, event {n}"))
        events.append(Event(label, span, tuple(arguments[trigger])))
    return tuple(events)
