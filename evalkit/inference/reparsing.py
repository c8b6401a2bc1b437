"""Parsing the stored answers of a run again, with the present parser and settings.

No request is sent: the text of each answer is in the run directory. All predictions are replaced at
once, and only if all answers could be parsed or failed by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.errors import InputError, PartialRunError, quoted_repr, spell_option
from evalkit.inference.answers import separate_metadata
from evalkit.inference.run_dir import KEY, RunDirectory
from evalkit.models.malformed_answers import refuse_malformed
from evalkit.models.registry import Model


def get_parser(model: Model) -> Callable[[Document, Mapping[str, Any]], Document | None]:
    """The function that parses stored answers.

    Raises InputError for a model whose answers are not stored as texts.
    """
    if model.parse_stored is None:
        raise InputError(
            f"{model.name}: {spell_option('reparse', True)}: the answers of this model are not"
            " texts; use a model of kind openai:NAME"
        )
    return model.parse_stored


def reparse_answers(model: Model, corpus: Corpus, run: RunDirectory) -> Iterator[Document]:
    """The documents with the annotations of their stored answers, which replace those of the run
    directory.

    A document that failed before there was an answer keeps its failure. Raises ModelError, and
    replaces nothing, if the first answers are all malformed.
    """
    parsed = refuse_malformed(_parse_all(model, corpus, run), model.name, lambda: False)
    documents = [separate_metadata(document, corpus, model.secrets).document for document in parsed]
    run.replace_answers(documents)
    yield from run.answers.values()


def refuse_unanswered(corpus: Corpus, run: RunDirectory) -> None:
    """Raise PartialRunError if a document has no stored answer."""
    missing = [id for id in corpus.ids if id not in run.answers]
    if missing:
        raise PartialRunError(
            f"{run.folder}: {len(missing)} of {len(corpus)} documents have no stored answer, such"
            f" as {quoted_repr(missing[0])}; run the same command without"
            f" {spell_option('reparse', True)} to request them"
        )


def _parse_all(model: Model, corpus: Corpus, run: RunDirectory) -> Generator[Document, None, None]:
    """The documents of the run directory, parsed again where they have an answer."""
    parse = get_parser(model)
    for id, stored in run.answers.items():
        meta = {name: value for name, value in (stored.meta or {}).items() if name != KEY}
        parsed = parse(corpus[id].without_annotations(), meta)
        if parsed is None:
            run.unparsed += 1
            parsed = replace(stored, meta=meta or None)
        yield parsed
