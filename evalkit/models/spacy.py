"""A spaCy pipeline: an installed package, a folder, or the `Language` object itself.

Loading a pipeline runs its code. spaCy's offsets are code points already.

- `entities`: the source of entities: ents, or the name of a span group.
- `triggers`: the span group whose spans are event triggers, labeled with the event type.
- `batch_size`, `n_process`: those of `Language.pipe`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Event, Span, Unplaced
from evalkit.errors import InputError, MissingDependencyError, spell_option, to_one_line
from evalkit.models.fingerprint import hash_folder
from evalkit.models.malformed_answers import UNLABELED
from evalkit.models.python_function import add_entities
from evalkit.models.registry import Model

# Batches for each process per call: starting the processes costs more than a batch
BATCHES_PER_PROCESS = 16


def load(
    source: Any,
    *,
    entities: str = "ents",
    triggers: str | None = None,
    batch_size: int = 32,
    n_process: int = 1,
) -> Model:
    """A model from a pipeline or its name; the module's docstring describes the options.

    Raises InputError if no such pipeline is installed or saved.
    """
    if source == "":
        raise InputError("spacy: name a pipeline after the colon, as in spacy:en_core_web_sm")
    _validate_options(entities, triggers, batch_size, n_process)
    if isinstance(source, str):
        nlp, name = _load_pipeline(source), f"spacy:{source}"
    else:
        nlp, name = source, f"spacy:{source.meta['lang']}_{source.meta['name']}"

    known_groups: set[str | None] = {"ents", None}  # the span groups of some document

    def predict(documents: Sequence[Document]) -> Iterator[Document]:
        answers = _process(nlp, documents, batch_size, n_process)
        docs = [doc for doc in answers if not isinstance(doc, Document)]
        for key in {entities, triggers} - known_groups:
            _refuse_unknown_group(key, docs)
        known_groups.update(*(doc.spans for doc in docs))
        for document, doc in zip(documents, answers, strict=True):
            is_failed = isinstance(doc, Document)
            yield doc if is_failed else _annotate(document, doc, entities, triggers)

    settings = {
        "entities": entities,
        "triggers": triggers,
        "version": nlp.meta["version"],
        **_pipeline_digest(source, nlp),
    }
    size = batch_size if n_process == 1 else batch_size * n_process * BATCHES_PER_PROCESS
    return Model(name, predict, batch_size=size, settings=settings, packages=("spacy",))


def _validate_options(entities: Any, triggers: Any, batch_size: Any, n_process: Any) -> None:
    """Raise InputError for an invalid option."""
    if not isinstance(entities, str):
        option = spell_option("entities", entities, of="model")
        raise InputError(f"spacy: {option}: expected ents or the name of a span group")
    if not isinstance(triggers, str | None):
        option = spell_option("triggers", triggers, of="model")
        raise InputError(f"spacy: {option}: expected the name of a span group")
    for name, value in {"batch_size": batch_size, "n_process": n_process}.items():
        if not isinstance(value, int) or value < 1:
            option = spell_option(name, value, of="model")
            raise InputError(f"spacy: {option}: expected an integer >= 1")


def _pipeline_digest(source: Any, nlp: Any) -> dict[str, str]:
    """The digest of a pipeline's folder, or of its configuration, which distinguishes pipelines of
    one name and version.
    """
    if isinstance(source, str) and Path(source).is_dir():
        return {"folder (sha256)": hash_folder(Path(source))}
    config = nlp.config.to_str(interpolate=False)
    return {"config (sha256)": hashlib.sha256(config.encode()).hexdigest()}


def _load_pipeline(name: str) -> Any:
    """The pipeline of a name or folder. Raises InputError if it cannot be loaded."""
    try:
        import spacy
    except ImportError as error:
        raise MissingDependencyError(f"spacy is not installed: {error}") from None
    try:
        return spacy.load(name)
    except Exception as error:  # a pipeline is code, and may raise anything while it is loaded
        raise InputError(f"spacy:{name}: {to_one_line(error)}") from None


def _process(nlp: Any, documents: Sequence[Document], batch_size: int, n_process: int) -> list[Any]:
    """The Doc of each text, or the document with its failure. If the batch raises, each text is
    processed alone, so that one error fails one document.
    """
    texts = [document.text for document in documents]
    try:
        return list(nlp.pipe(texts, batch_size=batch_size, n_process=n_process))
    except Exception:
        return [_process_one(nlp, document) for document in documents]


def _process_one(nlp: Any, document: Document) -> Any:
    try:
        return nlp(document.text)
    except Exception as error:
        return msgspec.structs.replace(document, failure=f"{type(error).__name__}: {error}")


def _annotate(document: Document, doc: Any, entities: str, triggers: str | None) -> Document:
    """The document with the spans of a Doc."""
    entity_spans = doc.ents if entities == "ents" else doc.spans.get(entities, ())
    answer = add_entities(document, [_to_dict(span) for span in entity_spans])
    if triggers is None:
        return answer
    events = []
    unplaced = list(answer.unplaced)
    for span in doc.spans.get(triggers, ()):
        label = span.label_ or UNLABELED
        if span.start_char == span.end_char:
            unplaced.append(Unplaced("triggers", label, "an empty span"))
        else:
            events.append(Event(label, Span(span.start_char, span.end_char)))
    return msgspec.structs.replace(answer, events=tuple(events), unplaced=tuple(unplaced))


def _to_dict(span: Any) -> dict[str, Any]:
    """A span as a dict with start, end and label."""
    return {"start": span.start_char, "end": span.end_char, "label": span.label_}


def _refuse_unknown_group(key: str | None, docs: Sequence[Any]) -> None:
    """Raise InputError for a span group that no document has had, if some have others.

    A group that is missing in some documents is empty there.
    """
    groups: dict[str, None] = {}
    for doc in docs:
        groups |= dict.fromkeys(doc.spans)
    if groups and key not in groups:
        known = ", ".join(["ents", *groups])
        raise InputError(f"spacy: no span group {key!r}; expected one of: {known}")
