"""Check that stops a run in which all predicted items are malformed.

Then the form of the answers is wrong, and a score of 0 would say nothing about the model. An item
is malformed if its type, its structure or a field is wrong: no span, no label, an offset that is
not an integer, an end before its start. Offsets past the end of the text, and quotes that are not
in it, are not malformed.

The reader of an answer notes a document whose items are all malformed in its `meta`
(`note_malformed`). The runner stops if that is true of the first documents with items
(`refuse_malformed`). A single well-formed item ends the check; malformed items are then scored as
wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.errors import ModelError, quoted_repr
from evalkit.models.registry import RUN_METADATA_KEY, SAMPLES_METADATA_KEY

MALFORMED = "evalkit:malformed"
UNLABELED = "unlabeled"  # the label of an item without one
MAX_MALFORMED_DOCUMENTS = 5


def note_malformed(document: Document, item: object, reason: object, expected: str) -> Document:
    """The document with a note that all of its items are malformed, with one as an example.

    reason: what is wrong with this item. expected: the form of a valid item.
    """
    example = quoted_repr(item)
    problem = str(reason)
    if problem.startswith("expected "):  # the item has another form altogether
        note = f"{example}: expected {expected}"
    else:
        note = f"{example}: {problem}; expected {expected}"
    return msgspec.structs.replace(document, meta={**(document.meta or {}), MALFORMED: note})


def refuse_malformed(
    answers: Iterator[Document], name: str, is_stopped: Callable[[], bool]
) -> Generator[Document, None, None]:
    """The answers without notes.

    Malformed answers are held back until one has a well-formed item.

    is_stopped: whether the run was ended early, so that not all documents were sent. Raises
    ModelError if all items of the first five documents with items are malformed, or of all
    documents if these are fewer.
    """
    held: list[Document] = []
    first_note, is_checking = "", True
    # The answers are a generator, which ends the model with it.
    with contextlib.closing(answers):  # type: ignore[type-var]
        for annotated in answers:
            note = (annotated.meta or {}).get(MALFORMED)
            answer = annotated if note is None else _drop_note(annotated)
            if is_checking and note is not None:
                first_note = first_note or str(note)
                held.append(answer)
                if len(held) >= MAX_MALFORMED_DOCUMENTS:
                    break
                continue
            if is_checking and _has_items(answer):
                is_checking = False
                yield from held
            yield answer
    if not is_checking or not held:
        return
    if is_stopped():
        yield from held
        return
    documents = "the document"
    if len(held) > 1:
        documents = f"the first {len(held)} documents with predictions"
    notes = [_log_entry(document) for document in held]
    raise ModelError(
        f"{name}: every prediction for {documents} is malformed, such as {first_note}", notes
    )


def _log_entry(document: Document) -> dict[str, Any]:
    """The requests for a document whose answer is not kept, for the log of the run."""
    meta = document.meta or {}
    entry = {"id": document.id, **meta.get(RUN_METADATA_KEY, {})}
    if SAMPLES_METADATA_KEY in meta:
        entry[SAMPLES_METADATA_KEY] = meta[SAMPLES_METADATA_KEY]
    return entry


def _has_items(document: Document) -> bool:
    """Whether a document has any predictions, with or without offsets."""
    return bool(document.entities or document.events or document.attributions or document.unplaced)


def _drop_note(document: Document) -> Document:
    """The document without the note of `note_malformed`."""
    meta = {key: value for key, value in (document.meta or {}).items() if key != MALFORMED}
    return msgspec.structs.replace(document, meta=meta or None)
