"""The disagreements of annotators in the text: for each pair of annotators the parts of a document
on which they differ, side by side, with the spans of each of them marked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup, escape

from evalkit.analysis.document_errors import DocumentErrors
from evalkit.analysis.error_items import ErrorItem
from evalkit.analysis.error_kinds import PREDICTED_ONLY
from evalkit.data.text import Range, sentences
from evalkit.errors import shorten
from evalkit.evaluation.attached_outcomes import ATTACHED_LAYERS
from evalkit.report.error_examples import TextPolicy, describe_item
from evalkit.report.marked_text import Mark, class_of_kind, escape_text, mark_text, marks_of
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.error_requests import SPAN_LAYERS
from evalkit.results.tables import NumberFormat
from evalkit.results.wording import pluralize
from evalkit.scoring.pairs import Item

MOST_BYTES = 60_000  # of the rows of a document, unless all documents are shown
MOST_EXCERPT = 2_000  # bytes of one side of a row
LONGEST_EXCERPT = 400  # characters of a row with several disagreements
SENTENCE_REACH = 120  # a sentence is shown from its beginning if that is not farther away
CONTEXT = 60  # characters on either side of a disagreement in a longer sentence
# A layer to each pair of annotators to their disagreements
PairAnalyses = Mapping[str, Mapping[tuple[str, str], ErrorAnalysis]]
# Kinds of attached arguments and parts of attributions that are equal in themselves
ATTACHMENT_KINDS = ("event", "attachment", "wrong place")
UNPAIRED = "missed"  # the kind of marks of items that only one annotator has


class KindChip(NamedTuple):
    """A kind of disagreement, with the class of its marks."""

    kind: str
    code: str


class DisagreementRow(NamedTuple):
    """A part of a text with disagreements. codes: classes of their kinds. a, b: HTML."""

    place: str
    chips: Sequence[KindChip]
    codes: str
    a: Markup
    b: Markup


@dataclass(frozen=True)
class PairView:
    """The disagreements of two annotators in one layer of a document."""

    title: str
    a: str
    b: str
    rows: Sequence[DisagreementRow]
    is_text: bool
    note: str = ""


@dataclass(frozen=True)
class DisputedDocument:
    """A document with disagreements. pairs: as many as fit; note: what does not."""

    anchor: str
    title: str
    summary: str
    pairs: Sequence[PairView]
    note: str = ""


@dataclass(frozen=True)
class TextsView:
    """The documents that are shown, of how many with disagreements."""

    documents: Sequence[DisputedDocument]
    n_with_disagreements: int
    chips: Sequence[KindChip]


class _Comparison(NamedTuple):
    """What two annotators have in a layer of a document."""

    a: str
    b: str
    layer: str
    document: DocumentErrors
    equal: int
    wrong: Sequence[ErrorItem]

    @property
    def items(self) -> Sequence[ErrorItem]:
        return self.document.items[self.layer]

    @property
    def f1(self) -> float:
        """The share of equal items: 2 · equal / items of both."""
        total = sum((item.gold is not None) + (item.predicted is not None) for item in self.items)
        return 2 * self.equal / total


def build_texts(
    analyses: PairAnalyses,
    ranked: Sequence[tuple[str, float]],
    policy: TextPolicy,
    max_documents: int | None,
    numbers: NumberFormat,
) -> TextsView:
    """The documents with disagreements, in the given order. analyses: a layer to the errors of each
    pair. ranked: documents with their F1. max_documents: how many; None for all, with all of their
    disagreements.
    """
    disputed = _find_disputed(analyses)
    order = [(id, f1) for id, f1 in ranked if id in disputed]
    if max_documents is not None:
        order = order[:max_documents]
    comparisons = _compare_documents(analyses, {id for id, _ in order}, disputed)
    f1_name = "mean F1 of the layers" if len(analyses) > 1 else "F1"
    builder = _DocumentBuilder(policy, numbers, f1_name, is_whole=max_documents is None)
    views = [
        builder.build(f"d{number + 1}", id, f1, comparisons.get(id, []))
        for number, (id, f1) in enumerate(order)
    ]
    return TextsView(views, len(disputed), builder.chips)


def _find_disputed(analyses: PairAnalyses) -> dict[str, set[tuple[str, str, str]]]:
    """A document with disagreements to the layers and pairs that have them."""
    disputed: dict[str, set[tuple[str, str, str]]] = {}
    for layer, pairs in analyses.items():
        for (a, b), analysis in pairs.items():
            for id, *_ in analysis.error_counts.losses_by_document():
                disputed.setdefault(id, set()).add((layer, a, b))
    return disputed


def _compare_documents(
    analyses: PairAnalyses,
    ids: set[str],
    disputed: Mapping[str, set[tuple[str, str, str]]],
) -> dict[str, list[_Comparison]]:
    """A document to what each pair with disagreements has in each layer; the lowest F1 first."""
    found: dict[str, list[_Comparison]] = {}
    for layer, pairs in analyses.items():
        for (a, b), analysis in pairs.items():
            wanted = [id for id in ids if (layer, a, b) in disputed[id]]
            if not wanted:
                continue
            for document in analysis.iter_documents(wanted):
                items = document.items.get(layer, ())
                equal = sum(item.kind == "correct" for item in items)
                wrong = [item for item in items if item.kind != "correct"]
                if layer in ATTACHED_LAYERS and layer.removeprefix("attached-") in analyses:
                    # The others are among those of the layer without attachment.
                    wrong = [item for item in wrong if item.kind in ATTACHMENT_KINDS]
                if not wrong:
                    continue
                comparison = _Comparison(a, b, layer, document, equal, wrong)
                found.setdefault(document.gold.id, []).append(comparison)
    for comparisons in found.values():
        # Stable: layers and pairs stay in their order among equals.
        comparisons.sort(key=lambda each: each.f1)
    return found


class _DocumentBuilder:
    """Makes the views of documents, and collects the kinds that occur."""

    def __init__(
        self, policy: TextPolicy, numbers: NumberFormat, f1_name: str, *, is_whole: bool
    ) -> None:
        self._policy, self._numbers, self._is_whole = policy, numbers, is_whole
        self._f1_name = f1_name
        self._chips: dict[str, list[str]] = {}

    @property
    def chips(self) -> list[KindChip]:
        """The kinds of all rows so far; those of one class together."""
        return [KindChip(", ".join(names), code) for code, names in self._chips.items()]

    def build(
        self, anchor: str, id: str, f1: float, comparisons: Sequence[_Comparison]
    ) -> DisputedDocument:
        left = MOST_BYTES
        views: list[PairView] = []
        for comparison in comparisons:
            if left <= 0:
                break
            view, size = self._build_pair(comparison, left)
            if not self._is_whole:
                left -= size
            views.append(view)
        wrong = sum(len(each.wrong) for each in comparisons)
        pairs = len({(each.a, each.b) for each in comparisons})
        summary = f"{self._f1_name} {self._numbers.format(f1)}, {pluralize(wrong, 'disagreement')}"
        if pairs > 1:
            summary += f" in {pluralize(pairs, 'pair')}"
        note = ""
        if len(views) < len(comparisons):
            n = sum(len(each.wrong) for each in comparisons[len(views) :])
            note = (
                f"Not shown: {pluralize(n, 'disagreement')} in"
                f" {pluralize(len(comparisons) - len(views), 'comparison')} with a higher F1"
            )
        return DisputedDocument(anchor, shorten(id), summary, views, note)

    def _build_pair(self, comparison: _Comparison, most_bytes: int) -> tuple[PairView, int]:
        """The view of a pair, with at least one row, and about how long it is on the page."""
        is_text = self._policy.shows_text and comparison.layer in SPAN_LAYERS
        rows = self._text_rows(comparison) if is_text else self._item_rows(comparison)
        shown: list[DisagreementRow] = []
        size = counted = 0
        for row, n in rows:
            if shown and size > most_bytes and not self._is_whole:
                break
            shown.append(row)
            counted += n
            size += 300 + len(row.a.encode()) + len(row.b.encode())
            for chip in row.chips:
                names = self._chips.setdefault(chip.code, [])
                name = "only one has it" if chip.kind.startswith("only ") else chip.kind
                if name not in names:
                    names.append(name)
        total = len(comparison.wrong)
        note = f"{total - counted:,} more are not shown" if counted < total else ""
        title = (
            f"{comparison.a} – {comparison.b}, {comparison.layer}: F1"
            f" {self._numbers.format(comparison.f1)}, {pluralize(total, 'disagreement')}"
        )
        view = PairView(title, shorten(comparison.a), shorten(comparison.b), shown, is_text, note)
        return view, size

    def _item_rows(self, comparison: _Comparison) -> Iterable[tuple[DisagreementRow, int]]:
        """A row for each disagreement, in which the items are described."""
        for item in comparison.wrong:
            sides = [
                Markup(escape_text(describe_item(each, self._policy) or "–"))  # noqa: S704
                for each in (item.gold, item.predicted)
            ]
            chip = _make_chip(item, comparison)
            yield DisagreementRow("", [chip], chip.code, sides[0], sides[1]), 1

    def _text_rows(self, comparison: _Comparison) -> Iterable[tuple[DisagreementRow, int]]:
        """A row for each part of the text with disagreements, in the order of the text."""
        text = comparison.document.gold.text
        marks = [_marks_of_side(comparison.items, side) for side in (0, 1)]
        ranges = sentences(text)
        for start, end, items in _find_excerpts(text, ranges, comparison.wrong):
            a, b = (_mark_excerpt(text, start, end, ranges, each) for each in marks)
            chips = list(dict.fromkeys(_make_chip(item, comparison) for item in items))
            codes = " ".join(dict.fromkeys(chip.code for chip in chips))
            first, last = _range_of(items[0])[0], max(_range_of(item)[1] for item in items)
            yield DisagreementRow(f"{first}–{last}", chips, codes, a, b), len(items)


def _make_chip(item: ErrorItem, comparison: _Comparison) -> KindChip:
    """The kind of a disagreement; of an item that one annotator alone has, who that is."""
    if item.gold is None or item.predicted is None:
        name = comparison.b if item.gold is None else comparison.a
        return KindChip(f"only {shorten(name, 40)}", class_of_kind(UNPAIRED))
    return KindChip(item.kind, class_of_kind(item.kind))


def _marks_of_side(items: Iterable[ErrorItem], side: int) -> list[Mark]:
    """The marks of the items of one annotator, all below the line."""
    shown = []
    for item in items:
        own = item.predicted if side else item.gold
        if own is not None:
            kind = UNPAIRED if item.kind in PREDICTED_ONLY else item.kind
            shown.append(item._replace(kind=kind, gold=own, predicted=None))
    return marks_of(shown, with_kinds=False)


def _range_of(item: ErrorItem) -> tuple[int, int]:
    """From the first to the last character of both items."""
    sides: list[Item] = [each for each in (item.gold, item.predicted) if each is not None]
    return min(each.start for each in sides), max(each.end for each in sides)


def _find_excerpts(
    text: str, ranges: Sequence[Range], wrong: Sequence[ErrorItem]
) -> Iterable[tuple[int, int, list[ErrorItem]]]:
    """Parts of a text and the disagreements in each: sentences, or the words around if a sentence
    is long. ranges: of the sentences.
    """
    starts = [start for start, _ in ranges]
    excerpts: list[tuple[int, int, list[ErrorItem]]] = []
    for item in sorted(wrong, key=_range_of):
        first, last = _range_of(item)
        start, end = max(first - CONTEXT, 0), min(last + CONTEXT, len(text))
        number = bisect_right(starts, first) - 1
        if number >= 0 and first - starts[number] <= SENTENCE_REACH:
            start = starts[number]
        number = max(bisect_right(starts, max(last - 1, first)) - 1, 0)
        if ranges and 0 <= ranges[number][1] - last <= SENTENCE_REACH:
            end = ranges[number][1]
        if excerpts:
            known_start, known_end, items = excerpts[-1]
            joined = max(end, known_end)
            if start < known_end and joined - known_start <= LONGEST_EXCERPT:
                excerpts[-1] = (known_start, joined, [*items, item])
                continue
        excerpts.append((start, end, [item]))
    return excerpts


def _mark_excerpt(
    text: str, start: int, end: int, ranges: Sequence[Range], marks: Sequence[Mark]
) -> Markup:
    """A part of a text with marks, and … where a sentence is cut."""
    marked, shown = mark_text(text, start, end, marks, MOST_EXCERPT)
    before = "…" if _is_inside(start, ranges) else ""
    after = "…" if shown < end or _is_inside(end, ranges) else ""
    return escape(before) + marked + escape(after)


def _is_inside(position: int, ranges: Sequence[Range]) -> bool:
    """Whether a position is within a sentence, not at one of its ends."""
    number = bisect_right(ranges, position, key=lambda each: each[0]) - 1
    return number >= 0 and ranges[number][0] < position < ranges[number][1]
