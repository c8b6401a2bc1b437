"""Saved predictions as a model: a file in any format of corpora, a Corpus, or a list of predicted
documents. Documents are matched by id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from evalkit.corpus import Corpus, load_corpus, resolve_location, to_corpus
from evalkit.data.document import Document
from evalkit.errors import InputError, quoted_repr
from evalkit.formats.jsonl import to_json_dict
from evalkit.models.fingerprint import hash_file, hash_folder
from evalkit.models.registry import Model


def load(source: Any) -> Model:
    """A model that returns saved predictions: of a file, a Corpus, or a list of documents.

    Raises InputError for an invalid list, and when a document is requested that the predictions
    lack or that has another text.
    """
    if source == "":
        raise InputError("predictions: name a file after the colon, as in predictions:out.jsonl")
    if isinstance(source, str):
        location = resolve_location(source)
        corpus = load_corpus(location, predictions=True)
        name = f"predictions:{source}"
        path = location.path
        digest = hash_file(path) if path.is_file() else hash_folder(path)
        settings = {"file (sha256)": digest}
    else:
        corpus = to_corpus(source, "predictions")
        name = corpus.name
        settings = {"documents (sha256)": _digest_of_documents(corpus)}

    def predict(documents: Sequence[Document]) -> Iterator[Document]:
        for document in documents:
            yield _find_prediction(name, corpus, document)

    return Model(name, predict, document_ids=corpus.ids, settings=settings, streams=True)


def _find_prediction(name: str, corpus: Corpus, document: Document) -> Document:
    """The prediction for a document. Raises InputError without one, or for another text."""
    if document.id not in corpus:
        raise InputError(f"{name}: no prediction for document {quoted_repr(document.id)}")
    predicted = corpus[document.id]
    if predicted.text != document.text:
        raise InputError(
            f"{name}: document {quoted_repr(document.id)} has another text than in the corpus"
        )
    return msgspec.structs.replace(predicted, zones=())


def _digest_of_documents(corpus: Corpus) -> str:
    """The SHA-256 of documents in evalkit's own format."""
    digest = hashlib.sha256()
    for document in corpus:
        digest.update(msgspec.json.encode(to_json_dict(document)))
    return digest.hexdigest()
