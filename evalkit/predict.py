"""How is a model run over a corpus? In batches, over bare documents: the model never sees what is to be found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.corpus import Corpus, load_corpus
from evalkit.document import Document
from evalkit.errors import EvalkitError, InputError, shown
from evalkit.models import Model, load_model


def predict(model: object, corpus: Corpus | str | Path, **arguments: Any) -> Corpus:
    """The corpus (or the one at a path) as the model marks it: the same ids, texts, zones and schema. A document that failed carries the reason."""
    corpus = corpus if isinstance(corpus, Corpus) else load_corpus(corpus)
    loaded = load_model(model, **arguments)
    return Corpus(predicted(loaded, corpus), name=loaded.name, schema=corpus.schema)


def predicted(model: Model, corpus: Corpus) -> Iterator[Document]:
    """The documents as the model marks them, one by one. Raises InputError where the model holds documents that the corpus lacks."""
    if extra := [id for id in model.knows or () if id not in corpus]:
        raise InputError(f"{model.name}: {len(extra)} documents are not in {corpus.name}, such as {shown(extra[0])}")
    for first in range(0, len(corpus), model.batch_size):
        batch = list(corpus[first : first + model.batch_size])
        answers = list(model.answer([document.bare() for document in batch]))
        if len(answers) != len(batch):
            raise EvalkitError(f"{model.name}: {len(answers)} answers to {len(batch)} documents")
        for document, answer in zip(batch, answers, strict=True):
            yield msgspec.structs.replace(answer, id=document.id, zones=document.zones)
