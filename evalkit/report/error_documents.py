"""The documents with the largest share of the errors: their whole text with gold and prediction
marked, and their events and attributions as lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from evalkit.analysis.document_errors import DocumentErrors
from evalkit.analysis.error_items import ErrorItem
from evalkit.data.document import ATTRIBUTION_PARTS, Fragments, span_fragments
from evalkit.errors import InputError, shorten
from evalkit.evaluation.attached_outcomes import ATTACHED_LAYERS
from evalkit.report.error_examples import TextPolicy, describe_item
from evalkit.report.marked_text import escape_text, mark_text, marks_of
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.tables import DEFAULT_FORMAT
from evalkit.results.wording import pluralize

# Of the marked text of a document and of the lists below it, unless all documents are shown
MOST_BYTES = 30_000
MOST_LIST_BYTES = 12_000
MOST_ARGUMENTS = 12  # of an event in a list
EVENT_LAYERS = ("triggers", "arguments", "realis", "attached-arguments")
ATTRIBUTION_LAYERS = ("attributions", "attached-attributions")


class DocumentLoss(NamedTuple):
    """The wrong items of a document in all layers, and its share of 1 - F1."""

    id: str
    fn: int
    fp: int
    loss: float


class PassageView(NamedTuple):
    """A part of a text. zone: empty outside of zones."""

    zone: str
    marked: Markup


@dataclass(frozen=True)
class DocumentView:
    """A document: the summary, the text, and lists of annotations: (title, lines)."""

    id: str
    anchor: str
    title: str
    summary: str
    passages: Sequence[PassageView] = ()
    lists: Sequence[tuple[str, Sequence[str]]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class DocumentsView:
    """The documents that are shown. without: how many others there are; reason: why no texts."""

    documents: Sequence[DocumentView]
    n_with_errors: int
    reason: str = ""


def rank_documents(analyses: Sequence[ErrorAnalysis]) -> list[DocumentLoss]:
    """The documents with errors, the largest share of the loss first. The shares of all documents
    add up to 1 - F1 of all layers together.
    """
    sums: dict[str, list[int]] = {}
    total = 0
    for analysis in analyses:
        counts = analysis.error_counts
        total += counts.gold + counts.predicted
        for id, fn, fp, _ in counts.losses_by_document():
            row = sums.setdefault(id, [0, 0])
            row[0] += fn
            row[1] += fp
    ranked = [DocumentLoss(id, fn, fp, (fn + fp) / total) for id, (fn, fp) in sums.items()]
    return sorted(ranked, key=lambda row: (-row.fn - row.fp, row.id))


def build_documents(
    analyses: Sequence[ErrorAnalysis], policy: TextPolicy, max_documents: int | None
) -> DocumentsView:
    """The documents with the largest share of the loss; None: all documents, and whole texts."""
    ranked = rank_documents(analyses)
    shown = ranked if max_documents is None else ranked[:max_documents]
    layers = [analysis.layer for analysis in analyses]
    if policy.shows_text:
        # The lists below a text have the kinds of arguments and of parts.
        layers = [layer for layer in layers if layer not in ATTACHED_LAYERS] or layers
    found: dict[str, DocumentErrors] = {}
    reason = ""
    if shown:
        try:
            documents = analyses[0].iter_documents([row.id for row in shown], layers)
            found = {document.gold.id: document for document in documents}
        except InputError as error:
            reason = str(error)
    views = []
    for number, row in enumerate(shown):
        view = _DocumentViewer(layers, policy, is_whole=max_documents is None)
        views.append(view.build(f"d{number + 1}", row, found.get(row.id)))
    return DocumentsView(views, len(ranked), reason)


class _DocumentViewer:
    """Makes the view of one document."""

    def __init__(self, layers: Sequence[str], policy: TextPolicy, *, is_whole: bool) -> None:
        self._layers, self._policy, self._is_whole = layers, policy, is_whole

    def build(
        self, anchor: str, row: DocumentLoss, document: DocumentErrors | None
    ) -> DocumentView:
        title = shorten(row.id)
        summary = (
            f"{pluralize(row.fn, 'gold item')} not found, {pluralize(row.fp, 'wrong prediction')},"
            f" F1 lost {DEFAULT_FORMAT.format(row.loss)}"
        )
        if document is None:
            return DocumentView(row.id, anchor, title, summary)
        notes: list[str] = []
        failure = document.predicted.failure
        if failure is not None:
            reason = f": {shorten(failure, 200)}" if self._policy.shows_text else ""
            notes.append(f"The prediction failed{reason}")
        passages: list[PassageView] = []
        lists: list[tuple[str, Sequence[str]]] = []
        if self._policy.shows_text:
            passages = self._mark_passages(document, notes)
            lists += self._unplaced_lists(document)
            lists += self._annotation_lists(document)
        else:
            lists += self._item_lists(document)
        if not self._is_whole:
            lists = _cap_lists(lists, notes)
        shown = [(name, lines) for name, lines in lists if lines]
        return DocumentView(row.id, anchor, title, summary, passages, shown, notes)

    def _mark_passages(self, document: DocumentErrors, notes: list[str]) -> list[PassageView]:
        """The scored parts of the text with the items of the first layer."""
        layer = next((layer for layer in self._layers if document.items.get(layer)), "")
        marks = marks_of(document.items.get(layer, ()))
        text = document.gold.text
        left = len(text) * 1000 + MOST_BYTES if self._is_whole else MOST_BYTES
        views = []
        length = sum(passage.end - passage.start for passage in document.passages)
        shown = 0
        for passage in document.passages:
            if left <= 0:
                break
            marked, end = mark_text(text, passage.start, passage.end, marks, left)
            left -= len(marked.encode())
            shown += end - passage.start
            views.append(PassageView(shorten(passage.zone or ""), marked))
            if end < passage.end:
                break
        if shown < length:
            notes.append(
                f"The text is cut: the first {shown:,} of {length:,} characters are shown."
            )
        return views

    def _unplaced_lists(self, document: DocumentErrors) -> list[tuple[str, list[str]]]:
        """The predictions of the first layers that have no place in the text."""
        lines = []
        for layer in self._layers:
            for item in document.items.get(layer, ()):
                if item.kind == "unplaced":
                    surface = describe_item(item.predicted, self._policy)
                    lines.append(f"{layer}: {surface} ({shorten(item.detail)})")
        return [("Predictions that are not in the text", lines)]

    def _annotation_lists(self, document: DocumentErrors) -> list[tuple[str, list[str]]]:
        """Events, attributions and relations of both sides, in the order of the text."""
        lists = []
        if set(EVENT_LAYERS) & set(self._layers):
            lists.append(("Events", list(self._event_lines(document))))
        if set(ATTRIBUTION_LAYERS) & set(self._layers):
            lists.append(("Attributions", list(self._attribution_lines(document))))
        if "relations" in self._layers:
            lists.append(("Relations", list(self._relation_lines(document))))
        return lists

    def _item_lists(self, document: DocumentErrors) -> list[tuple[str, list[str]]]:
        """The errors of each layer without text."""
        lists = []
        for layer in self._layers:
            lines = []
            for item in document.items.get(layer, ()):
                if item.kind == "correct":
                    continue
                sides = [
                    f"{side} {shown}"
                    for side, each in (("gold", item.gold), ("predicted", item.predicted))
                    if (shown := describe_item(each, self._policy))
                ]
                detail = f", {shorten(item.detail)}" if item.detail else ""
                lines.append(f"{item.kind}{detail}: {'; '.join(sides)}")
            lists.append((f"Errors of {layer}", lines))
        return lists

    def _event_lines(self, document: DocumentErrors) -> Iterator[str]:
        triggers = _KindsOfSpans(document.items.get("triggers", ()))
        arguments = _KindsOfSpans(_items_of(document, ("arguments", "attached-arguments")))
        lines: list[tuple[Any, str]] = []
        for side in (0, 1):
            for event in _side_of(document, side).events or ():
                if event.trigger is None:
                    position = (0, 0, side)
                    parts = [f"{shorten(event.label)} without a trigger"]
                else:
                    position = (event.trigger.start, event.trigger.end, side)
                    kind = triggers.find(side, event.label, event.trigger)
                    if kind is None and "triggers" in self._layers:
                        continue  # outside of the scored zones
                    shown = self._show(document, event.trigger)
                    parts = [f"{shorten(event.label)} {shown}{_in_brackets(kind)}"]
                if event.realis is not None:
                    parts.append(f"realis {shorten(event.realis)}")
                for argument in event.arguments[:MOST_ARGUMENTS]:
                    role_kind = arguments.find(side, argument.role, argument)
                    parts.append(
                        f"{shorten(argument.role)} {self._show(document, argument)}"
                        f"{_in_brackets(role_kind)}"
                    )
                if len(event.arguments) > MOST_ARGUMENTS:
                    parts.append(f"{len(event.arguments) - MOST_ARGUMENTS:,} more arguments")
                lines.append((position, "; ".join(parts)))
        yield from _name_sides(lines)

    def _attribution_lines(self, document: DocumentErrors) -> Iterator[str]:
        kinds = _KindsOfSpans(_items_of(document, ATTRIBUTION_LAYERS))
        lines: list[tuple[Any, str]] = []
        for side in (0, 1):
            for attribution in _side_of(document, side).attributions or ():
                parts = []
                is_scored = False
                for part in ATTRIBUTION_PARTS:
                    span = getattr(attribution, part)
                    if span is None:
                        continue
                    kind = kinds.find(side, part, span)
                    is_scored |= kind is not None
                    parts.append(f"{part} {self._show(document, span)}{_in_brackets(kind)}")
                if is_scored:
                    anchor = attribution.cue or attribution.content
                    lines.append(((anchor.start, anchor.end, side), "; ".join(parts)))
        yield from _name_sides(lines)

    def _relation_lines(self, document: DocumentErrors) -> Iterator[str]:
        lines: list[tuple[Any, str]] = []
        for item in document.items.get("relations", ()):
            for side, shown in ((0, item.gold), (1, item.predicted)):
                if shown is not None and shown.start >= 0:
                    line = f"{describe_item(shown, self._policy)}{_in_brackets(item.kind)}"
                    lines.append(((shown.start, shown.end, side), line))
        yield from _name_sides(lines)

    def _show(self, document: DocumentErrors, span: Any) -> str:
        pieces = span_fragments(span)
        surface = " … ".join(document.gold.text[start:end] for start, end in pieces)
        return f"{self._policy.show_surface(surface)} {span.start}–{span.end}"


def _cap_lists(
    lists: Sequence[tuple[str, Sequence[str]]], notes: list[str]
) -> list[tuple[str, Sequence[str]]]:
    """The beginnings of the lists that fit on the page; notes on the others are added."""
    capped: list[tuple[str, Sequence[str]]] = []
    left = MOST_LIST_BYTES
    for name, lines in lists:
        shown: list[str] = []
        for line in lines:
            left -= len(escape_text(line).encode())
            if left < 0:
                notes.append(f"{name}: {len(lines) - len(shown):,} more are not shown")
                break
            shown.append(line)
        capped.append((name, shown))
    return capped


class _KindsOfSpans:
    """The kind of error of each item, by side, label and span."""

    def __init__(self, items: Iterable[ErrorItem]) -> None:
        self._kinds: dict[tuple[int, Fragments], dict[str, str]] = {}
        for item in items:
            for side, shown in ((0, item.gold), (1, item.predicted)):
                if shown is not None and shown.start >= 0:
                    pieces = shown.fragments or ((shown.start, shown.end),)
                    by_label = self._kinds.setdefault((side, tuple(pieces)), {})
                    by_label.setdefault(shown.label, item.kind)

    def find(self, side: int, label: str, span: Any) -> str | None:
        """The kind of the item with a span and a label; of a label that a label map renames, of any
        item with the span. None for a span that is not scored.
        """
        by_label = self._kinds.get((side, tuple(span_fragments(span))))
        if by_label is None:
            return None
        return by_label.get(label) or next(iter(by_label.values()))


def _items_of(document: DocumentErrors, layers: Sequence[str]) -> Sequence[ErrorItem]:
    """The items of the first of some layers that has any."""
    return next((document.items[layer] for layer in layers if layer in document.items), ())


def _side_of(document: DocumentErrors, side: int) -> Any:
    return document.predicted if side else document.gold


def _in_brackets(kind: str | None) -> str:
    return "" if kind in (None, "correct") else f" ({kind})"


def _name_sides(lines: list[tuple[Any, str]]) -> Iterator[str]:
    """The lines in order, each with its side; equal lines of both sides are one."""
    predicted = {line for (_, _, side), line in lines if side == 1}
    gold = {line for (_, _, side), line in lines if side == 0}
    for (_, _, side), line in sorted(lines):
        if line in gold and line in predicted:
            if side == 0:
                yield f"gold and prediction: {line}"
        else:
            yield f"{'prediction' if side else 'gold'}: {line}"
