"""How documents and corpora are displayed: one line in a terminal, HTML in a notebook.

The HTML highlights annotations as displaCy does. Its colors are translucent and its text has the
color of the page around it, so that it can be read on a light and on a dark background.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any, NamedTuple

from evalkit.data.gold_alternatives import GoldMarks
from evalkit.errors import escape_controls, quoted_repr, shorten

MAX_CHARACTERS = 20_000  # shown of a text: longer ones make a notebook slow
MAX_NESTING = 8  # highlights around one character
MAX_DOCUMENTS = 10  # rows in the table of a corpus
MAX_EXCERPT = 80  # characters of a text in the table of a corpus
MAX_LABELS = 30  # labels that `describe_contents` lists for a layer
LAYERS = ("entities", "events", "attributions", "relations")
# Line ends, and characters that shape words and emoji
_KEPT = "\n\t\u00ad\u200c\u200d"

STYLE = """<style>
.evalkit-text { white-space: pre-wrap; line-height: 2; max-height: 32em; overflow: auto;
  overflow-wrap: anywhere; max-width: 60em; text-align: left }
.evalkit-text mark { color: inherit; padding: .15em .2em; border-radius: .25em;
  background: hsl(var(--hue) 80% 50% / .18); border-bottom: 2px solid hsl(var(--hue) 65% 50%) }
.evalkit-text mark small { font-size: .68em; font-weight: 700; margin-left: .35em; opacity: .8 }
.evalkit-document summary { cursor: pointer; margin: .4em 0 }
.evalkit-document .missing { opacity: .7; margin: .4em 0 }
.evalkit-corpus table { border-collapse: collapse }
.evalkit-corpus th, .evalkit-corpus td { text-align: right; padding: .15em .7em }
.evalkit-corpus th { border-bottom: 1px solid currentColor }
.evalkit-corpus .text { text-align: left }
</style>"""


class Highlight(NamedTuple):
    """A range of the text and the label to be displayed at its end."""

    start: int
    end: int
    label: str
    title: str = ""


def describe_document(document: Any) -> str:
    """A document in one line: id, length, and how many annotations each layer has."""
    parts = [f"{len(document.text):,} characters"]
    for layer in LAYERS:
        annotations = getattr(document, layer)
        if annotations is not None:
            parts.append(f"{len(annotations):,} {_noun(layer, len(annotations))}")
    if document.unplaced:
        parts.append(f"{len(document.unplaced):,} unplaced")
    if document.failure is not None:
        parts.append(f"failed: {shorten(escape_controls(document.failure))}")
    return f"<Document {quoted_repr(document.id)}: {', '.join(parts)}>"


def count_labels(documents: Iterable[Any]) -> dict[str, Counter[str]]:
    """The number of annotations of each label, by layer."""
    label_counts: dict[str, Counter[str]] = {layer: Counter() for layer in LAYERS}
    for document in documents:
        for layer, counts in label_counts.items():
            for annotation in getattr(document, layer) or ():
                counts[getattr(annotation, "label", None) or "unlabeled"] += 1
    return label_counts


def describe_contents(documents: Sequence[Any]) -> list[str]:
    """A line for each layer with annotations: the number of each label, the most frequent first;
    one with the number of events without a trigger, one for unplaced items, and one for
    alternatives, optional entities and ignore regions, if there are any.
    """
    lines = []
    for layer, counts in count_labels(documents).items():
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{label} {count:,}" for label, count in ordered[:MAX_LABELS]]
        omitted = len(ordered) - len(shown)
        if omitted:
            shown.append(f"and {omitted} more labels")
        if shown:
            lines.append(f"{layer}: {', '.join(shown)}")
    without_trigger = 0
    for document in documents:
        without_trigger += sum(event.trigger is None for event in document.events or ())
    if without_trigger:
        count = f"{without_trigger:,} {_noun('events', without_trigger)}"
        lines.append(f"without a trigger, not scored in triggers and realis: {count}")
    unplaced = Counter(item.layer for document in documents for item in document.unplaced)
    if unplaced:
        shown = [f"{layer} {count:,}" for layer, count in sorted(unplaced.items())]
        lines.append(f"without a valid place in the text (unplaced): {', '.join(shown)}")
    marks = GoldMarks()
    for document in documents:
        marks.add(document)
    if description := marks.describe():
        lines.append(description)
    return lines


def document_to_html(document: Any) -> str:
    """A document as HTML: its text once for each annotated layer, with highlighted annotations.

    The first layer with annotations is open, the others open on a click.
    """
    sections: list[str] = []
    has_open_section = False
    for layer, highlights in document_highlights(document):
        count = len(getattr(document, layer))
        attribute = ""
        if count and not has_open_section:
            attribute = " open"
            has_open_section = True
        sections.append(
            f"<details{attribute}><summary>{count:,} {_noun(layer, count)}</summary>"
            f'<div class="evalkit-text">{highlight_text(document.text, highlights)}</div></details>'
        )
    if not sections:
        sections.append(f'<div class="evalkit-text">{highlight_text(document.text, ())}</div>')
    missing = [layer for layer in LAYERS if getattr(document, layer) is None]
    notes = [f"not annotated: {', '.join(missing)}"] if missing else []
    for unplaced in document.unplaced:
        quote = "" if unplaced.quote is None else f": {quoted_repr(unplaced.quote)}"
        notes.append(f"unplaced: {unplaced.label}{quote} ({unplaced.reason})")
    if document.failure is not None:
        notes.insert(0, f"failed: {document.failure}")
    return (
        f'<div class="evalkit-document">{STYLE}'
        f"<p><b>{_escape(document.id)}</b> · {len(document.text):,} characters</p>"
        + "".join(sections)
        + "".join(f'<p class="missing">{_escape(shorten(note, 300))}</p>' for note in notes)
        + "</div>"
    )


def document_highlights(document: Any) -> Iterator[tuple[str, list[Highlight]]]:
    """Each annotated layer of a document with its highlights: entities, triggers with their
    arguments, the parts of attributions, or the arguments of relations.
    """
    if document.entities is not None:
        entities: list[Highlight] = []
        for entity in document.entities:
            entities += _highlights(entity, entity.label)
        yield "entities", entities
    if document.events is not None:
        yield "events", _event_highlights(document.events)
    if document.attributions is not None:
        parts: list[Highlight] = []
        for attribution in document.attributions:
            for name in ("source", "cue", "content"):
                if getattr(attribution, name) is not None:
                    parts += _highlights(getattr(attribution, name), name, attribution.id or "")
        yield "attributions", parts
    if document.relations is not None:
        ends: list[Highlight] = []
        spans = _spans_by_id(document)
        for relation in document.relations:
            for name in ("head", "tail"):
                label = f"{relation.label} {name}"
                ends += _highlights(spans[getattr(relation, name)], label, relation.id or "")
        yield "relations", ends


def _event_highlights(events: Iterable[Any]) -> list[Highlight]:
    highlights: list[Highlight] = []
    for event in events:
        if event.trigger is not None:
            highlights += _highlights(event.trigger, event.label)
        for argument in event.arguments:
            highlights += _highlights(argument, argument.role, f"{argument.role} of {event.label}")
    return highlights


def _spans_by_id(document: Any) -> dict[str, Any]:
    """The span of each entity and trigger that has an id."""
    spans = {entity.id: entity for entity in document.entities or ()}
    spans.update((event.id, event.trigger) for event in document.events or () if event.trigger)
    return spans


def highlight_text(text: str, highlights: Iterable[Highlight]) -> str:
    """The text as HTML with highlights, which may be nested or overlap.

    A highlight that overlaps the end of another is split there.
    """
    shown = text[:MAX_CHARACTERS]
    highlights = set(highlights)
    # Steps of the golden angle keep neighboring hues apart, however many labels there are.
    labels = sorted({highlight.label for highlight in highlights})
    hues = {label: round(137.508 * number) % 360 for number, label in enumerate(labels)}
    starts: dict[int, list[Highlight]] = {}
    bounds = {0, len(shown)}
    for highlight in sorted(highlights, key=lambda each: (each.start, -each.end, each)):
        if highlight.end <= len(shown):
            starts.setdefault(highlight.start, []).append(highlight)
            bounds.update((highlight.start, highlight.end))
    pieces: list[str] = []
    open_highlights: list[Highlight] = []
    hidden = 0
    for start, end in pairwise(sorted(bounds)):
        open_highlights = _close_ended(open_highlights, start, pieces, hues)
        for highlight in starts.get(start, ()):
            if len(open_highlights) == MAX_NESTING:
                hidden += 1
                continue
            open_highlights.append(highlight)
            pieces.append(_opening_tag(highlight, hues))
        pieces.append(_escape(shown[start:end]))
    _close_ended(open_highlights, len(shown), pieces, hues)
    if len(text) > len(shown):
        pieces.append(f"… <i>and {len(text) - len(shown):,} more characters</i>")
    if hidden:
        pieces.append(f" <i>({hidden:,} more annotations are nested too deeply to be shown)</i>")
    return "".join(pieces)


def corpus_to_html(name: str, documents: Sequence[Any]) -> str:
    """A corpus as HTML: numbers of documents and of labels, and a table of the first documents."""
    rows = []
    for document in documents[:MAX_DOCUMENTS]:
        cells = [f'<td class="text">{_escape(shorten(document.id))}</td>']
        cells.append(f"<td>{len(document.text):,}</td>")
        for layer in LAYERS:
            annotations = getattr(document, layer)
            count = "–" if annotations is None else f"{len(annotations):,}"
            cells.append(f"<td>{count}</td>")
        excerpt = shorten(" ".join(document.text[: 4 * MAX_EXCERPT].split()), MAX_EXCERPT)
        cells.append(f'<td class="text">{_escape(excerpt)}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    columns = ("characters", *LAYERS)
    header = "".join(f'<th scope="col">{column}</th>' for column in columns)
    more = len(documents) - MAX_DOCUMENTS
    return (
        f'<div class="evalkit-corpus">{STYLE}<p><b>{_escape(name)}</b> · {len(documents):,}'
        f" {_noun('documents', len(documents))}</p>"
        + "".join(f"<p>{_escape(line)}</p>" for line in describe_contents(documents))
        + f'<table><thead><tr><th class="text">id</th>{header}<th class="text">text</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
        + (f"<p>and {more:,} more</p>" if more > 0 else "")
        + "</div>"
    )


def _highlights(span: Any, label: str, title: str = "") -> list[Highlight]:
    fragments = getattr(span, "fragments", ()) or ((span.start, span.end),)
    return [Highlight(start, end, label, title) for start, end in fragments]


def _close_ended(
    open_highlights: list[Highlight], position: int, pieces: list[str], hues: Mapping[str, int]
) -> list[Highlight]:
    """Close the highlights that end here; those opened inside them are closed and opened again."""
    first_ended = next(
        (n for n, each in enumerate(open_highlights) if each.end <= position), len(open_highlights)
    )
    still_open: list[Highlight] = []
    for highlight in reversed(open_highlights[first_ended:]):
        if highlight.end <= position:
            pieces.append(f"<small>{_escape(shorten(highlight.label))}</small>")
        else:
            still_open.insert(0, highlight)
        pieces.append("</mark>")
    pieces += [_opening_tag(highlight, hues) for highlight in still_open]
    return open_highlights[:first_ended] + still_open


def _opening_tag(highlight: Highlight, hues: Mapping[str, int]) -> str:
    title = f' title="{_escape(shorten(highlight.title))}"' if highlight.title else ""
    return f'<mark style="--hue:{hues[highlight.label]}"{title}>'


def _noun(plural: str, count: int) -> str:
    if count != 1:
        return plural
    return "entity" if plural == "entities" else plural.removesuffix("s")


def _escape(text: str) -> str:
    return escape(escape_controls(text, keep=_KEPT))
