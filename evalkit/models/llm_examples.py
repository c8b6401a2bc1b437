"""Few-shot examples: annotated documents as turns of the conversation before the request.

Each document is a prompt of the user and an answer of the assistant, in the form that the prompt
asks for. A context is as short as it can be while it still tells the quote from equal ones. The
answer is checked by parsing it: it must give back the annotations of the document, else the example
would teach what cannot be scored as right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from evalkit.corpus import Corpus
from evalkit.data.document import Attribution, Document, Entity, Event
from evalkit.data.grounding import Quote, ground_quotes
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.models.llm_grounding import ground_answer
from evalkit.models.llm_prompt import ExtractionTask

Range = tuple[int, int]

# Words before and after a quote, in the order in which they are tried: as a rule two on each side,
# then as few as tell it from equal ones, then many.
CONTEXTS = [
    (2, 2),
    *sorted(product(range(9), repeat=2), key=lambda sides: (sum(sides), abs(sides[0] - sides[1]))),
    (16, 16),
    (32, 32),
]
_WORD = re.compile(r"\S+")


class FewShotExample(NamedTuple):
    """The text of an example, and the answer to it."""

    text: str
    answer: str


def build_examples(corpus: Corpus, task: ExtractionTask) -> tuple[FewShotExample, ...]:
    """The examples of a corpus for a task, in its order.

    Raises InputError for documents that cannot be examples of it.
    """
    for layer in task.layers:
        for document in corpus:
            if getattr(document, layer) is None:
                raise InputError(
                    f"{_locate(document)}: no {layer}, which the prompt asks for; annotate them, or"
                    f" name other layers with {spell_option('layers', of='model')}"
                )
        if not any(getattr(document, layer) for document in corpus):
            raise InputError(
                f"few-shot examples {quoted_repr(corpus.name)}: no document has any of the {layer}"
                f" that the prompt asks for; add one that has, or name other layers with"
                f" {spell_option('layers', of='model')}"
            )
    return tuple(_build_example(document, task) for document in corpus)


def _build_example(document: Document, task: ExtractionTask) -> FewShotExample:
    """A document as an example. Raises InputError if its annotations cannot be an answer."""
    answer = _AnswerWriter(document, task).write()
    grounded = ground_answer(document.without_annotations(), answer).document
    for layer in task.layers:
        items = list(getattr(document, layer))
        parsed = [_describe(item, task) for item in getattr(grounded, layer)]
        for index, item in enumerate(items):
            if _describe(item, task) not in parsed:
                raise InputError(
                    f"{_locate(document)}, {layer}[{index}]: a quote and its context do not"
                    " distinguish it from equal words; remove it from the example"
                )
            parsed.remove(_describe(item, task))
    return FewShotExample(document.text, json.dumps(answer, ensure_ascii=False))


def _describe(item: Entity | Event | Attribution, task: ExtractionTask) -> Any:
    """What an answer says of an annotation, as far as the prompt asks for it."""
    if isinstance(item, Entity):
        return item.label, item.start, item.end
    if isinstance(item, Event):
        arguments = sorted((each.role, each.start, each.end) for each in item.arguments)
        realis = item.realis if task.realis else None
        return item.label, _range_of(item.trigger), realis, arguments
    has_types = task.attributions is not None and bool(task.attributions.types)
    return item.label if has_types else None, *map(_range_of, (item.source, item.cue, item.content))


def _range_of(span: Any) -> Range | None:
    """The offsets of a span; None without one."""
    return None if span is None else (span.start, span.end)


def _locate(document: Document) -> str:
    """A document of the examples, for a message."""
    return f"few-shot example: document {quoted_repr(document.id)}"


class _AnswerWriter:
    """Writes the annotations of one document as an answer."""

    def __init__(self, document: Document, task: ExtractionTask) -> None:
        self.document, self.task = document, task
        self._words = [match.span() for match in _WORD.finditer(document.text)]

    def write(self) -> dict[str, list[Any]]:
        """The answer, with the annotations in the order of the text.

        Raises InputError for an annotation that the answer has no form for.
        """
        writers: Mapping[str, Any] = {
            "entities": self._entity,
            "events": self._event,
            "attributions": self._attribution,
        }
        answer = {}
        for layer in self.task.layers:
            items = list(enumerate(getattr(self.document, layer)))
            items.sort(key=lambda indexed: _start_of(indexed[1]))
            answer[layer] = [writers[layer](item, f"{layer}[{index}]") for index, item in items]
        return answer

    def _entity(self, entity: Entity, where: str) -> dict[str, Any]:
        self._check_name("label", entity.label, self.task.labels, where)
        return {"label": entity.label, **self._quote(entity, where)}

    def _event(self, event: Event, where: str) -> dict[str, Any]:
        self._check_name("type", event.label, self.task.events, where)
        if event.trigger is None:
            self._fail(where, "no trigger, which the prompt asks for")
        written: dict[str, Any] = {"type": event.label}
        written["trigger"] = self._quote(event.trigger, f"{where}.trigger")
        if self.task.realis:
            self._check_name("realis", event.realis, self.task.realis, where)
            written["realis"] = event.realis
        roles = {role for each in self.task.events.values() for role in each.roles}
        if roles or event.arguments:
            arguments = sorted(enumerate(event.arguments), key=lambda each: _start_of(each[1]))
            written["arguments"] = [
                self._argument(argument, roles, f"{where}.arguments[{index}]")
                for index, argument in arguments
            ]
        return written

    def _argument(self, argument: Any, roles: Collection[str], where: str) -> dict[str, Any]:
        self._check_name("role", argument.role, roles, where)
        return {"role": argument.role, **self._quote(argument, where)}

    def _attribution(self, attribution: Attribution, where: str) -> dict[str, Any]:
        types = self.task.attributions.types if self.task.attributions else {}
        written: dict[str, Any] = {}
        if types:
            self._check_name("type", attribution.label, types, where)
            written["type"] = attribution.label
        if attribution.cue is None:
            self._fail(where, "no cue, which the prompt asks for")
        for part in ("source", "cue", "content"):
            span = getattr(attribution, part)
            written[part] = None if span is None else self._quote(span, f"{where}.{part}")
        return written

    def _check_name(
        self, what: str, name: str | None, expected: Collection[str], where: str
    ) -> None:
        """Raise InputError for a name that the prompt does not mention."""
        if name is None:
            self._fail(where, f"no {what}, which the prompt asks for")
        elif name not in expected:
            names = ", ".join(sorted(expected)) or "none"
            self._fail(where, f"unknown {what} {quoted_repr(name)}: expected one of: {names}")

    def _quote(self, span: Any, where: str) -> dict[str, str]:
        """The quote of a span with a context."""
        if span.fragments:
            self._fail(where, "a discontinuous span has no quote")
        quote = self.document.text[span.start : span.end]
        if quote != quote.strip():
            self._fail(where, "begins or ends with white space, which a quote cannot have")
        contexts = list(self._contexts(span.start, span.end))
        usual, *others = contexts
        context = self._find_clear(quote, (span.start, span.end), [usual])
        if context is None:
            context = self._find_clear(quote, (span.start, span.end), others) or usual
        return {"quote": quote, "context": context}

    def _find_clear(self, quote: str, span: Range, contexts: list[str]) -> str | None:
        """The first context that tells a quote from equal ones; None if none does."""
        # Each in a group of its own, so that equal quotes do not share the occurrences.
        quotes = [Quote(quote, context, index) for index, context in enumerate(contexts)]
        groundings = ground_quotes(self.document.text, quotes)
        for context, found in zip(contexts, groundings, strict=True):
            if (found.start, found.end) == span and not found.candidates:
                return context
        return None

    def _contexts(self, start: int, end: int) -> Iterator[str]:
        """A span with words around it, in the order of CONTEXTS."""
        first = next((n for n, word in enumerate(self._words) if word[1] > start), 0)
        last = next((n for n, word in enumerate(self._words) if word[1] >= end), first)
        for before, after in CONTEXTS:
            left = self._words[max(first - before, 0)][0] if before else start
            right = self._words[min(last + after, len(self._words) - 1)][1] if after else end
            yield self.document.text[min(left, start) : max(right, end)]

    def _fail(self, where: str, problem: str) -> None:
        raise InputError(
            f"{_locate(self.document)}, {where}: {problem}; correct the example, or remove it"
        )


def _start_of(item: Any) -> int:
    """Where an annotation starts: an event at its trigger, an attribution at its content."""
    if isinstance(item, Event):
        return item.trigger.start if item.trigger else 0
    if isinstance(item, Attribution):
        return item.content.start
    start: int = item.start
    return start
