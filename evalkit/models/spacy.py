"""A spaCy pipeline: an installed package, a folder, or the `Language` object itself.

Loading a pipeline runs its code. spaCy's offsets are code points already.

- `entities`: where the entities are: ents, or the name of a span group.
- `triggers`: the name of the span group whose spans are event triggers, labeled with the event
  type.
- `batch_size`, `n_process`: as in `Language.pipe`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Event, Span, Unplaced
from evalkit.errors import InputError, MissingDependencyError, spell_option
from evalkit.models.fingerprint import digest_of_folder
from evalkit.models.python_function import UNLABELLED, document_with_entities
from evalkit.models.registry import Model

# Batches that each process gets before the next are sent: starting processes costs more than a
# batch
CHUNKS = 16


def load(
    source: Any,
    *,
    entities: str = "ents",
    triggers: str | None = None,
    batch_size: int = 32,
    n_process: int = 1,
) -> Model:
    """A model from a pipeline or its name.

    Raises InputError where no such pipeline is installed or saved.

    batch_size, n_process: those of spaCy's `nlp.pipe`.
    """
    if source == "":
        raise InputError("spacy: name a pipeline after the colon, as in spacy:en_core_web_sm")
    for name, key in {"entities": entities, "triggers": triggers}.items():
        if not isinstance(key, str) and not (name == "triggers" and key is None):
            raise InputError(
                f"spacy: {spell_option(name, key, of='model')}: the name of a span group would"
                f" do{', or ents' if name == 'entities' else ''}"
            )
    for name, value in {"batch_size": batch_size, "n_process": n_process}.items():
        if not isinstance(value, int) or value < 1:
            raise InputError(
                f"spacy: {spell_option(name, value, of='model')}: a whole number from 1 on would do"
            )
    nlp = _pipeline(source) if isinstance(source, str) else source
    name = (
        f"spacy:{source}"
        if isinstance(source, str)
        else f"spacy:{nlp.meta['lang']}_{nlp.meta['name']}"
    )

    seen: set[str | None] = {"ents", None}  # the span groups that some document had

    def answer(documents: Sequence[Document]) -> Iterator[Document]:
        docs = _answers(nlp, documents, batch_size, n_process)
        for key in {entities, triggers} - seen:
            _refuse_unknown(key, [doc for doc in docs if not isinstance(doc, Document)])
        seen.update(*(doc.spans for doc in docs if not isinstance(doc, Document)))
        for document, doc in zip(documents, docs, strict=True):
            yield doc if isinstance(doc, Document) else _placed(document, doc, entities, triggers)

    settings = {
        "entities": entities,
        "triggers": triggers,
        "version": nlp.meta["version"],
        **_origin(source, nlp),
    }
    size = batch_size if n_process == 1 else batch_size * n_process * CHUNKS
    return Model(name, answer, batch_size=size, settings=settings, packages=("spacy",))


def _origin(source: Any, nlp: Any) -> dict[str, str]:
    """What tells one pipeline from another of the same name and version: what its folder holds, or
    its configuration.
    """
    if isinstance(source, str) and Path(source).is_dir():
        return {"folder (sha256)": digest_of_folder(Path(source))}
    return {
        "config (sha256)": hashlib.sha256(nlp.config.to_str(interpolate=False).encode()).hexdigest()
    }


def _pipeline(name: str) -> Any:
    try:
        import spacy
    except ImportError as error:
        raise MissingDependencyError(f"spacy is not installed: {error}") from None
    try:
        return spacy.load(name)
    except Exception as error:  # a pipeline is code, and may raise anything while it is loaded
        raise InputError(f"spacy:{name}: {' '.join(str(error).split())}") from None


def _answers(nlp: Any, documents: Sequence[Document], batch_size: int, n_process: int) -> list[Any]:
    """What the pipeline makes of each text; where the batch raises, each alone, so that one fault
    stays one document's.
    """
    try:
        return list(
            nlp.pipe(
                [document.text for document in documents],
                batch_size=batch_size,
                n_process=n_process,
            )
        )
    except Exception:
        return [_alone(nlp, document) for document in documents]


def _alone(nlp: Any, document: Document) -> Any:
    try:
        return nlp(document.text)
    except Exception as error:
        return msgspec.structs.replace(document, failure=f"{type(error).__name__}: {error}")


def _placed(document: Document, doc: Any, entities: str, triggers: str | None) -> Document:
    named = doc.ents if entities == "ents" else doc.spans.get(entities, ())
    answer = document_with_entities(
        document, [{"start": s.start_char, "end": s.end_char, "label": s.label_} for s in named]
    )
    if triggers is None:
        return answer
    # A span of no characters has no place in the text.
    groups = doc.spans.get(triggers, ())
    empty = tuple(
        Unplaced("triggers", s.label_ or UNLABELLED, "an empty span")
        for s in groups
        if s.start_char == s.end_char
    )
    events = tuple(
        Event(s.label_ or UNLABELLED, Span(s.start_char, s.end_char))
        for s in groups
        if s.start_char < s.end_char
    )
    return msgspec.structs.replace(answer, events=events, unplaced=answer.unplaced + empty)


def _refuse_unknown(key: str | None, docs: Sequence[Any]) -> None:
    """A group that no document had yet, while some have others, is a mistake in its name; one that
    documents lack is empty there.
    """
    groups = dict.fromkeys(name for doc in docs for name in doc.spans)
    if groups and key not in groups:
        raise InputError(
            f"spacy: no span group {key!r}; span groups: {', '.join(groups) or 'none'}, and ents"
        )
