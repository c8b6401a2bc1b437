"""UniversalNER conversations: a JSON list of objects, or an object on each line.

    {"id", "conversations": [{"from": "human", "value": "Text: Ada left Oslo."},
                             {"from": "gpt", "value": "I've read this text."},
                             {"from": "human", "value": "What describes person in the text?"},
                             {"from": "gpt", "value": "[\\"Ada\\"]"}]}

A question asks for one label, and the answer is a JSON list of strings. (Source:
universal-ner/universal-ner at 4e454fe, src/eval/test_data, and the data set Pile-NER-type.) Files
with `messages`, `role` (user, assistant) and `content` in place of `conversations`, `from` and
`value` are read, too. A conversation has any number of questions. Successive conversations with one
question each and the same text, as in UniversalNER's test data, form a document, until a question
is repeated; it has the id of the first.

Strings have no offsets: they are unplaced items, which the layer `surfaces` compares, or are
searched in the text (`ground`). An answer, or an item of it, that is not of this form is an
unplaced item without a text, which is never correct; UniversalNER's scorer takes such an answer for
an empty list.

**Reading options**: `ground`; `texts`: a corpus with the documents, whose ids they get: they are
found by their ids, their place or their texts.

A document without a question, or without any answer, was not annotated. Dropped: questions without
an answer, system messages, ids of conversations that were joined, other keys.

**Writing**: a conversation for each document, with a question for each label of the corpus.
Dropped: offsets of entities, discontinuous entities, ids, scores, attributes, relations, events,
attributions, zones, meta, failed documents, and, where the corpus has no labels, that entities were
annotated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonlines
import msgspec

from evalkit.data.document import Document, Unplaced
from evalkit.errors import LoadError, quoted_repr
from evalkit.files import replace_file
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import iter_list_or_lines
from evalkit.formats.quoted_records import QuotedEntity, QuotedRecord, Records, build_documents
from evalkit.formats.quoted_writing import LabeledText, iter_written
from evalkit.formats.registry import DocumentResults

HELD = {"entities"}
EXPECTED = 'expected objects with "conversations"'
KEYS = ("id", "conversations", "messages")
PREFIX = "Text:"
QUESTION = re.compile(r"What describes (.+) in the text\?", re.DOTALL)
ACKNOWLEDGMENT = "I've read this text."
SPEAKERS = {
    "human": "question",
    "user": "question",
    "gpt": "answer",
    "assistant": "answer",
    "system": "system",
}
MALFORMED = "the answer is not a JSON list of strings"
MALFORMED_ANSWERS = "answers, or items of answers, that are not strings in a JSON list (unplaced)"


class _RecordError(ValueError):
    """A record of another form; the message says where and what."""


class _Turn(msgspec.Struct):
    """A message: its kind ("question", "answer" or "system"), text and path in the record."""

    kind: str
    text: str
    at: str


class _Conversation(msgspec.Struct):
    """A text with the labels that were asked for, and the answers.

    is_joined: whether it may be joined with the conversations after it.
    """

    position: str
    id: str | None
    text: str | None
    labels: set[str]
    entities: list[QuotedEntity]
    unplaced: list[Unplaced]
    is_annotated: bool = False
    is_joined: bool = False

    def accepts(self, other: _Conversation) -> bool:
        """Whether another conversation asks for a further label of the same text."""
        return (
            self.is_joined
            and other.is_joined
            and self.text == other.text
            and self.labels.isdisjoint(other.labels)
        )

    def to_record(self) -> QuotedRecord:
        """The unchecked document."""
        entities = self.entities if self.is_annotated else None
        return QuotedRecord(self.id, self.text, entities, tuple(self.unplaced))


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    ground: bool | str = False,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document."""
    records = _iter_quoted(path, conversion)
    return build_documents(records, conversion, "universal-ner", texts, ground=ground)


def _iter_quoted(path: Path, conversion: ConversionReport) -> Records:
    """Yields the unchecked document of each conversation, or of several with one text."""
    previous: _Conversation | None = None
    follows_error = False  # whether a conversation about the same text may be unreadable
    for position, record in iter_list_or_lines(path, EXPECTED):
        result: _Conversation | LoadError
        if isinstance(record, LoadError):
            result = record
        else:
            try:
                result = _parse_record(record, position, conversion)
            except _RecordError as error:
                result = LoadError([f"{position}: {error}"])
        if isinstance(result, LoadError):
            yield position, result
        elif previous is not None and previous.accepts(result):
            _join(previous, result, conversion)
            continue
        if previous is not None:
            is_lacking = follows_error or isinstance(result, LoadError)
            yield previous.position, _record_or_error(previous, is_lacking=is_lacking)
            previous = None
            follows_error = False
        if isinstance(result, LoadError):
            follows_error = True
        else:
            previous = result
    if previous is not None:
        yield previous.position, _record_or_error(previous, is_lacking=follows_error)


def _record_or_error(conversation: _Conversation, *, is_lacking: bool) -> QuotedRecord | LoadError:
    """The record of a conversation; an error without message if a conversation beside it, whose
    error is given by itself, may be about the same text.
    """
    if conversation.is_joined and is_lacking:
        return LoadError([])
    return conversation.to_record()


def _join(first: _Conversation, further: _Conversation, conversion: ConversionReport) -> None:
    """Adds the answers of a conversation to those of the first with the same text."""
    first.labels |= further.labels
    first.entities += further.entities
    first.unplaced += further.unplaced
    first.is_annotated = first.is_annotated or further.is_annotated
    if further.id is not None:
        conversion.add("ids of conversations that were joined", further.position)


def _parse_record(
    record: dict[str, Any], position: str, conversion: ConversionReport
) -> _Conversation:
    """The conversation of a record. Raises _RecordError."""
    id = record.get("id")
    if not isinstance(id, (str, int, type(None))) or isinstance(id, bool):
        raise _RecordError(f"id: expected a string, got {quoted_repr(id)}")
    for key, value in record.items():
        if key not in KEYS and value not in (None, [], {}, ""):
            conversion.add(f"values of the key {quoted_repr(key)}", position)
    conversation = _Conversation(
        position, None if id in (None, "") else str(id), None, set(), [], []
    )
    questions = 0
    asked: str | None = None  # the label of the last question, if it has no answer yet
    for turn in _iter_turns(record):
        if turn.kind == "system":
            conversion.add("system messages", position)
        elif turn.kind == "answer":
            if asked is not None:
                _add_answer(conversation, asked, turn.text, conversion)
                asked = None
        elif conversation.text is None:
            conversation.text = _text_of(turn)
        else:
            if asked is not None:
                conversion.add("questions without an answer", position)
            asked = _label_of(turn)
            conversation.labels.add(asked)
            questions += 1
    if conversation.text is None:
        raise _RecordError(f"no text: expected a message that begins with {quoted_repr(PREFIX)}")
    if asked is not None:
        conversion.add("questions without an answer", position)
    conversation.is_joined = questions == 1
    return conversation


def _iter_turns(record: dict[str, Any]) -> Iterator[_Turn]:
    """Yields the messages of a record. Raises _RecordError."""
    key = "conversations" if "conversations" in record else "messages"
    turns = record.get(key)
    if not isinstance(turns, list):
        keys = ", ".join(map(str, record)) or "none"
        raise _RecordError(f"no list of messages as 'conversations' among the keys {keys}")
    for index, turn in enumerate(turns):
        at = f"{key}[{index}]"
        if not isinstance(turn, dict):
            raise _RecordError(f"{at}: expected an object, got {quoted_repr(turn)}")
        speaker = turn.get("from", turn.get("role"))
        if not isinstance(speaker, str) or speaker not in SPEAKERS:
            raise _RecordError(
                f"{at}.from: expected one of: {', '.join(SPEAKERS)}; got {quoted_repr(speaker)}"
            )
        text = turn.get("value", turn.get("content"))
        if not isinstance(text, str):
            raise _RecordError(f"{at}.value: expected a string, got {quoted_repr(text)}")
        yield _Turn(SPEAKERS[speaker], text, f"{at}.value")


def _text_of(turn: _Turn) -> str:
    """The text in the first message of a person. Raises _RecordError."""
    if not turn.text.startswith(PREFIX):
        raise _RecordError(f"{turn.at}: expected 'Text: …', got {quoted_repr(turn.text)}")
    return turn.text.removeprefix(PREFIX).removeprefix(" ")


def _label_of(turn: _Turn) -> str:
    """The label that a question asks for. Raises _RecordError."""
    match = QUESTION.fullmatch(turn.text.strip())
    if match is None:
        raise _RecordError(
            f"{turn.at}: expected 'What describes LABEL in the text?', got {quoted_repr(turn.text)}"
        )
    return match[1]


def _add_answer(
    conversation: _Conversation, label: str, answer: str, conversion: ConversionReport
) -> None:
    """Adds the strings of an answer, and an unplaced item for each part of another form."""
    conversation.is_annotated = True
    try:
        items: list[Any] = msgspec.json.decode(answer, type=list[Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        items = [None]
    for item in items:
        if isinstance(item, str):
            conversation.entities.append(QuotedEntity(label, item))
        else:
            conversation.unplaced.append(Unplaced("entities", label, MALFORMED))
            conversion.skipped.add(MALFORMED_ANSWERS, conversation.position)


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes one conversation per line. The module docstring lists what is dropped."""
    written: list[tuple[Document, list[LabeledText] | None]] = []
    labels: dict[str, None] = {}
    for document, quotes in iter_written(documents, conversion, HELD):
        texts = _list_texts(document, quotes, conversion)
        written.append((document, texts))
        labels.update(dict.fromkeys(label for label, _ in texts or ()))
    with replace_file(path) as file:
        writer = jsonlines.Writer(file, dumps=lambda item: msgspec.json.encode(item).decode())
        for document, texts in written:
            if texts is not None and not labels:
                name = "entities that were annotated, in a corpus without labels to ask for"
                conversion.add(name, f"document {quoted_repr(document.id)}")
            writer.write({"id": document.id, "conversations": _turns_of(document, texts, labels)})


def _list_texts(
    document: Document, quotes: list[LabeledText], conversion: ConversionReport
) -> list[LabeledText] | None:
    """The labels and texts of a document; None if its entities were not annotated."""
    if document.entities is None and not quotes:
        return None
    entities = document.entities or ()
    if entities:
        where = f"document {quoted_repr(document.id)}"
        conversion.add("offsets of entities", where, len(entities))
    texts = [(entity.label, document.text[entity.start : entity.end]) for entity in entities]
    return texts + quotes


def _turns_of(
    document: Document, texts: list[LabeledText] | None, labels: Iterable[str]
) -> list[dict[str, str]]:
    """The messages about a document, with a question for each label if it was annotated."""
    turns = [
        {"from": "human", "value": f"{PREFIX} {document.text}"},
        {"from": "gpt", "value": ACKNOWLEDGMENT},
    ]
    if texts is None:
        return turns
    by_label: dict[str, list[str]] = {label: [] for label in labels}
    for label, text in texts:
        by_label[label].append(text)
    for label, strings in by_label.items():
        turns.append({"from": "human", "value": f"What describes {label} in the text?"})
        turns.append({"from": "gpt", "value": msgspec.json.encode(strings).decode()})
    return turns
