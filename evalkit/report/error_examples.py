"""The examples of each kind of error: the words around them, with the spans marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from evalkit.analysis.error_items import ErrorItem, hash_surface
from evalkit.errors import shorten
from evalkit.report.marked_text import class_of_kind, escape_text, mark_context
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.error_numbers import explain_kind
from evalkit.scoring.pairs import Item

OPEN_EXAMPLES = 5  # of a kind that are shown at once
FEWER_EXAMPLES = (50, 25, 10, OPEN_EXAMPLES)  # of a kind; the first that fits on the page
MOST_CONTEXT = 600  # bytes of the words around an example
LONGEST_SURFACE = 80


class TextPolicy(NamedTuple):
    """Whether texts are shown, or hashes in their place."""

    shows_text: bool

    def show_surface(self, text: str) -> str:
        """A surface form in quotation marks, or its hash, which equal surface forms share."""
        if not text:
            return ""
        if not self.shows_text:
            return f"#{hash_surface(text)}"
        return f"“{shorten(' '.join(text.split()), LONGEST_SURFACE)}”"


class ExampleLine(NamedTuple):
    """An example. document: its id; document_name: as it is shown. marked: the words around it as
    HTML; empty where there is no text.
    """

    document: str
    document_name: str
    description: str
    marked: Markup


@dataclass(frozen=True)
class ExampleGroup:
    """The examples of a kind: those that are shown at once, and the others."""

    kind: str
    code: str
    meaning: str
    count: str
    first: Sequence[ExampleLine]
    others: Sequence[ExampleLine]


def build_examples(analysis: ErrorAnalysis, policy: TextPolicy, most: int) -> list[ExampleGroup]:
    """The examples of each kind that occurs, at most so many."""
    groups = []
    for kind in analysis.kinds:
        n = analysis.counts[kind]
        lines = [_example_line(item, policy) for item in analysis.examples(kind, most)]
        if lines:
            count = f"{len(lines):,} of {n:,}" if len(lines) < n else f"{n:,}"
            first, others = lines[:OPEN_EXAMPLES], lines[OPEN_EXAMPLES:]
            meaning = explain_kind(kind, analysis.layer)
            groups.append(ExampleGroup(kind, class_of_kind(kind), meaning, count, first, others))
    return groups


def fit_examples(
    analyses: Sequence[ErrorAnalysis], policy: TextPolicy, most_bytes: int
) -> tuple[Mapping[str, Sequence[ExampleGroup]], int]:
    """The examples of each layer, and the largest number of one kind: as many as fit."""
    for most in FEWER_EXAMPLES:
        groups = {analysis.layer: build_examples(analysis, policy, most) for analysis in analyses}
        lines = [
            line
            for of_layer in groups.values()
            for group in of_layer
            for line in (*group.first, *group.others)
        ]
        if sum(_count_bytes(line) for line in lines) <= most_bytes:
            break
    return groups, most


def _count_bytes(line: ExampleLine) -> int:
    """About how long an example is on the page."""
    words = sum(len(escape_text(text).encode()) for text in line[:-1])
    return 200 + words + len(line.marked.encode())


def _example_line(item: ErrorItem, policy: TextPolicy) -> ExampleLine:
    return ExampleLine(
        item.document,
        shorten(item.document),
        _describe_error(item, policy),
        mark_context(item, MOST_CONTEXT) if policy.shows_text else Markup(),
    )


def describe_item(item: Item | None, policy: TextPolicy) -> str:
    """Label, surface form, offsets and score of an item; empty for None."""
    if item is None:
        return ""
    if item.arguments:
        return _describe_relation(item, policy)
    parts = [shorten(item.label), policy.show_surface(item.text)]
    if item.start >= 0:
        spans = item.fragments or ((item.start, item.end),)
        shown = ", ".join(f"{start}–{end}" for start, end in spans[:3])
        parts.append(f"{shown}, …" if len(spans) > 3 else shown)
    if item.score is not None:
        parts.append(f"score {item.score:.2f}")
    return " ".join(filter(None, parts))


def _describe_relation(item: Item, policy: TextPolicy) -> str:
    """Label, arguments and score of a relation."""
    arguments = []
    for argument in item.arguments:
        words = [
            shorten(argument.label or ""),
            policy.show_surface(argument.text),
            f"{argument.start}–{argument.end}",
        ]
        arguments.append(" ".join(filter(None, words)))
    shown = f"{shorten(item.label)}: {' → '.join(arguments)}"
    return shown if item.score is None else f"{shown} score {item.score:.2f}"


def _describe_error(item: ErrorItem, policy: TextPolicy) -> str:
    """Both items, the detail, the sentence and the zone of an error."""
    parts = [
        f"{side}: {shown}"
        for side, each in (("gold", item.gold), ("predicted", item.predicted))
        if (shown := describe_item(each, policy))
    ]
    if item.detail:
        parts.append(shorten(item.detail))
    if item.sentence is not None:
        parts.append(f"sentence {item.sentence + 1}")
    if item.zone is not None:
        parts.append(f"zone {shorten(item.zone)}")
    if item.is_approximate:
        parts.append("another pairing may be as good")
    return "; ".join(parts)
