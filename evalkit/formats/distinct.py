"""Which marks are the same in a format that does not hold all of them?

Gold in which two are cannot be read again: one of them is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from evalkit.document import Argument, Document, Event, ranges
from evalkit.errors import shown
from evalkit.formats.losses import Losses

SAME = "that equal another in what this format holds of them"


def distinct(
    documents: Iterable[Document], losses: Losses, *, trimmed: bool = False
) -> Iterator[Document]:
    """The documents without entities, events and arguments of which the format holds label or role
    and place alone, and an earlier one has these.

    trimmed: the format drops white space at the edges of marks. What repeats another altogether
    stays: predictions may, and gold does not.
    """
    for document in documents:
        yield Distinct(document, losses, trimmed=trimmed).document()


class Distinct:
    """A document as it is left."""

    def __init__(self, document: Document, losses: Losses, *, trimmed: bool) -> None:
        self._document, self._losses, self._trimmed = document, losses, trimmed
        self._instead: dict[
            str, str | None
        ] = {}  # ids of marks that are left out, and that of the mark which stays

    def document(self) -> Document:
        """The document without what cannot be told apart."""
        changed: dict[str, Any] = {}
        if self._document.entities:
            changed["entities"] = self._kept(self._document.entities, "entities", "entities")
        if self._document.events:
            events = [
                replace(
                    event,
                    arguments=self._kept(event.arguments, "arguments", f"events[{n}].arguments"),
                )
                for n, event in enumerate(self._document.events)
            ]
            changed["events"] = self._kept(events, "events", "events")
            if self._instead:
                changed["events"] = tuple(
                    replace(event, arguments=tuple(map(self._referring, event.arguments)))
                    for event in changed["events"]
                )
        return replace(self._document, **changed) if changed else self._document

    def _referring(self, argument: Argument) -> Argument:
        return (
            replace(argument, ref=self._instead[argument.ref])
            if argument.ref in self._instead
            else argument
        )

    def _kept(self, marks: Iterable[Any], what: str, where: str) -> tuple[Any, ...]:
        seen: dict[Any, Any] = {}
        kept = []
        for n, mark in enumerate(marks):
            key = self._key(mark)
            if key in seen and _bare(seen[key]) != _bare(mark):
                if getattr(mark, "id", None) is not None:
                    self._instead[mark.id] = seen[key].id
                self._losses.add(
                    f"{what} {SAME}", f"document {shown(self._document.id)}, {where}[{n}]"
                )
                continue
            seen.setdefault(key, mark)
            kept.append(mark)
        return tuple(kept)

    def _key(self, mark: Any) -> Any:
        if isinstance(mark, Event):
            return (
                mark.label,
                self._place(mark.trigger),
                frozenset(
                    self._key(argument) for argument in mark.arguments if not self._empty(argument)
                ),
            )
        return getattr(mark, "label", None) or mark.role, self._place(mark)

    def _empty(self, span: Any) -> bool:
        """Whether nothing is left of a mark."""
        return (
            self._trimmed
            and not span.fragments
            and not self._document.text[span.start : span.end].strip()
        )

    def _place(self, span: Any) -> Any:
        if not self._trimmed or span.fragments:
            return ranges(span)
        text = self._document.text[span.start : span.end]
        start = span.start + len(text) - len(text.lstrip())
        return ((start, start + len(text.strip())),)


def _bare(mark: Any) -> Any:
    """A mark without id and score, which do not tell two apart."""
    return replace(mark, **{name: None for name in ("id", "score") if hasattr(mark, name)})
