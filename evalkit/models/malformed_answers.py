"""Is every item of a model's answers malformed?

Then its form is wrong, and a score of 0 would say nothing of the model.

An item is malformed where its type, its shape or a field is wrong: no span, no label, an offset
that is no whole number, an end before its start. One that is well-formed and wrong is not: offsets
past the end of the text, a quote that is not in it. Whoever reads answers notes a document whose
items are all malformed in its `meta` (`note_malformed`); whoever runs a model stops where that is
so for the first documents with items (`refuse_malformed`). A single well-formed item ends the
check: malformed items are then counted, as ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator

import msgspec

from evalkit.data.document import Document
from evalkit.errors import ModelError, quoted_repr
from evalkit.models.registry import RUN_METADATA_KEY

MALFORMED = "evalkit:malformed"
MAX_MALFORMED_DOCUMENTS = 5


def note_malformed(document: Document, item: object, reason: object, expected: str) -> Document:
    """The document with a note that all of its items are malformed, of which one is shown."""
    note = f"{quoted_repr(item)}: {reason}; expected {expected}"
    return msgspec.structs.replace(document, meta={**(document.meta or {}), MALFORMED: note})


def refuse_malformed(
    answers: Iterator[Document], name: str, is_stopped: Callable[[], bool]
) -> Generator[Document, None, None]:
    """The answers without notes.

    Answers that are malformed are held back until one has a well-formed item.

    is_stopped: whether the run was ended early, so that not all documents were asked for. Raises
    ModelError where all items of the first five documents with items are malformed, or of all
    documents if these are fewer.
    """
    held: list[Document] = []
    note, checking = "", True
    with contextlib.closing(answers):  # type: ignore[type-var]  # a generator, whose model is ended with it
        for marked in answers:
            found = (marked.meta or {}).get(MALFORMED)
            answer = marked if found is None else _drop_note(marked)
            if checking and found is not None:
                note = note or str(found)
                held.append(answer)
                if len(held) >= MAX_MALFORMED_DOCUMENTS:
                    break
                continue
            if checking and _has_items(answer):
                checking = False
                yield from held
            yield answer
    if checking and held and is_stopped():
        yield from held
    elif checking and held:
        documents = (
            "the document with items"
            if len(held) == 1
            else f"the first {len(held)} documents with items"
        )
        notes = [
            {"id": document.id, **(document.meta or {}).get(RUN_METADATA_KEY, {})}
            for document in held
        ]
        raise ModelError(f"{name}: every item of {documents} is malformed, such as {note}", notes)


def _has_items(document: Document) -> bool:
    return bool(document.entities or document.events or document.attributions or document.unplaced)


def _drop_note(document: Document) -> Document:
    meta = {key: value for key, value in (document.meta or {}).items() if key != MALFORMED}
    return msgspec.structs.replace(document, meta=meta or None)
