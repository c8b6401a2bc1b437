"""A spaCy pipeline: an installed package, a folder, or the object itself. Loading one runs its code.

`entities` says where its entities are: "ents" (the default), or the name of a span group; `triggers` names the span
group whose spans are event triggers, labelled with the event type. spaCy's offsets are code points already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from evalkit.document import Document, Entity, Event, Span
from evalkit.errors import InputError, MissingPackage
from evalkit.models import Model


def load(source: Any, *, entities: str = "ents", triggers: str | None = None, batch_size: int = 32) -> Model:
    """A model from a pipeline or its name. Raises InputError where no such pipeline is installed or saved."""
    if source == "":
        raise InputError("spacy: name a pipeline after the colon, as in spacy:en_core_web_sm")
    nlp = _pipeline(source) if isinstance(source, str) else source
    name = f"spacy:{source}" if isinstance(source, str) else f"spacy:{nlp.meta['lang']}_{nlp.meta['name']}"

    def answer(documents: Sequence[Document]) -> Iterator[Document]:
        for document, doc in zip(documents, _answers(nlp, documents), strict=True):
            yield doc if isinstance(doc, Document) else _placed(document, doc, entities, triggers)

    return Model(name, answer, batch_size=int(batch_size))


def _pipeline(name: str) -> Any:
    try:
        import spacy
    except ImportError as error:
        raise MissingPackage(f"spacy is not installed: {error}") from None
    try:
        return spacy.load(name)
    except OSError as error:
        raise InputError(f"spacy:{name}: {' '.join(str(error).split())}") from None


def _answers(nlp: Any, documents: Sequence[Document]) -> list[Any]:
    """What the pipeline makes of each text; where the batch raises, each alone, so that one fault stays one document's."""
    try:
        return list(nlp.pipe([document.text for document in documents]))
    except Exception:
        return [_alone(nlp, document) for document in documents]


def _alone(nlp: Any, document: Document) -> Any:
    try:
        return nlp(document.text)
    except Exception as error:
        return msgspec.structs.replace(document, failure=f"{type(error).__name__}: {error}")


def _placed(document: Document, doc: Any, entities: str, triggers: str | None) -> Document:
    named = doc.ents if entities == "ents" else _group(doc, entities)
    events = None
    if triggers is not None:
        events = tuple(Event(s.label_ or "unlabelled", Span(s.start_char, s.end_char)) for s in _group(doc, triggers))
    return Document(
        document.id, document.text, entities=tuple(Entity(s.label_ or "unlabelled", s.start_char, s.end_char) for s in named), events=events
    )


def _group(doc: Any, key: str) -> Any:
    if key not in doc.spans:
        raise InputError(f"spacy: no span group {key!r}; span groups: {', '.join(doc.spans) or 'none'}, and ents")
    return doc.spans[key]
