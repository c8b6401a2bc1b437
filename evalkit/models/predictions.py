"""Saved predictions: a JSONL file, or any other format, whose documents are found by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from evalkit.corpus import load_corpus, resolve_location
from evalkit.data.document import Document
from evalkit.errors import InputError, quoted_repr
from evalkit.models.fingerprint import digest_of_file, digest_of_folder
from evalkit.models.registry import Model


def load(file: str) -> Model:
    """A model that answers with what the file holds.

    Raises InputError for a document that it lacks or has another text for.
    """
    if not file:
        raise InputError("predictions: name a file after the colon, as in predictions:out.jsonl")
    location = resolve_location(file)
    saved = load_corpus(location, predictions=True)

    def answer(documents: Sequence[Document]) -> Iterator[Document]:
        for document in documents:
            if document.id not in saved:
                raise InputError(f"{file}: lacks document {quoted_repr(document.id)}")
            if saved[document.id].text != document.text:
                raise InputError(
                    f"{file}: document {quoted_repr(document.id)} has another text than the corpus"
                )
            yield msgspec.structs.replace(saved[document.id], zones=())

    path = location.path
    settings = {"file (sha256)": digest_of_file(path) if path.is_file() else digest_of_folder(path)}
    return Model(
        f"predictions:{file}", answer, document_ids=saved.ids, settings=settings, streams=True
    )
