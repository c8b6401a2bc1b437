"""Files of an adjudication: the lines to decide, and beside them the annotations they came from.

`todo.jsonl` has the lines. `todo.annotations.json` has the documents of each annotator, so that the
decisions can be applied without the original files. `todo.stale.jsonl` has earlier decisions that
fit no cluster any more.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import InputError, LoadError, quoted_repr, to_one_line
from evalkit.evaluation.adjudication import Adjudication, adjudicate_corpora
from evalkit.files import make_parents, read_input, write_atomically
from evalkit.results.adjudication_lines import (
    AdjudicationLine,
    encode_lines,
    has_decisions,
    read_lines,
)


class _Annotator(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An annotator's documents, as they are stored beside the lines."""

    name: str
    documents: list[Document]
    schema: Schema | None = None


class _StoredAnnotations(msgspec.Struct, forbid_unknown_fields=True):
    annotators: list[_Annotator]


class _StoredKeys(msgspec.Struct, forbid_unknown_fields=True):
    """The key by which stored annotations are recognized."""

    annotators: msgspec.Raw


def annotations_path(path: Path) -> Path:
    """The file with the annotations that a file of lines was made from."""
    return path.with_name(f"{path.stem}.annotations.json")


def stale_path(path: Path) -> Path:
    """The file with the earlier decisions that did not fit when a file of lines was made."""
    return path.with_name(f"{path.stem}.stale.jsonl")


def save_adjudication(
    adjudication: Adjudication, path: Path, *, previous: Path | None = None
) -> None:
    """Writes the lines, the annotations, and the stale decisions if there are any.

    Raises InputError if the file holds decisions and is not `previous`, whose decisions were
    reused.
    """
    refuse_overwriting(path, previous)
    annotators = []
    for name, corpus in adjudication.corpora.items():
        annotators.append(_Annotator(name, list(corpus), corpus.schema))
    with make_parents(path):
        _save_stale(adjudication.stale, stale_path(path))
        stored = msgspec.json.encode(_StoredAnnotations(annotators))
        write_atomically(annotations_path(path), stored)
        write_atomically(path, encode_lines(adjudication.lines))


def refuse_overwriting(path: Path, previous: Path | None) -> None:
    """Raises InputError for a file with decisions that were not reused, and where another file has
    the name of the annotations.
    """
    stored_path = annotations_path(path)
    if stored_path.exists() and not _has_annotators(stored_path):
        raise InputError(
            f"{path}: the annotations are written beside it to {stored_path.name}, which is another"
            " file; name another file"
        )
    if not path.is_file() or (previous is not None and path.resolve() == previous.resolve()):
        return
    try:
        lines = read_lines(path)
    except (LoadError, InputError):
        raise InputError(
            f"{path}: exists and is not a file of an adjudication; name another file"
        ) from None
    if has_decisions(lines.values()):
        raise InputError(
            f"{path}: holds decisions, which would be overwritten; reuse them with --previous"
            f" {path}, or name another file"
        )


def holds_lines(path: Path) -> bool:
    """Whether a file holds lines of an adjudication."""
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    try:
        return bool(read_lines(path))
    except (LoadError, InputError):
        return False


def _has_annotators(path: Path) -> bool:
    """Whether a file holds annotations that `save_adjudication` wrote."""
    try:
        msgspec.json.decode(read_input(path), type=_StoredKeys)
    except (msgspec.MsgspecError, InputError, ValueError, RecursionError):
        return False
    return True


def _save_stale(stale: tuple[AdjudicationLine, ...], path: Path) -> None:
    """Adds decisions to the file of stale ones."""
    if not stale:
        return
    lines = {}
    if path.exists():
        lines = {line.id: line for line in read_lines(path).values()}
    lines.update((line.id, line) for line in stale)
    write_atomically(path, encode_lines(lines.values()))


def load_adjudication(path: Path) -> Adjudication:
    """The adjudication whose lines are in a file, without their decisions."""
    stored_path = annotations_path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.suffix != ".jsonl":
        tool = "brat" if path.is_dir() else "labelstudio"
        raise InputError(
            f"{path}: expected a file of decisions, which ends in .jsonl; what comes from a tool is"
            f" named with it: {tool}:{path}"
        )
    if not stored_path.exists():
        raise InputError(
            f"{path}: {stored_path.name}, which was written beside it, is missing; name the"
            f" annotations: evalkit adjudicate A B --apply {path}"
        )
    try:
        stored = msgspec.json.decode(read_input(stored_path), type=_StoredAnnotations)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LoadError(
            [
                f"{stored_path}: {to_one_line(error)}; name the annotations instead: evalkit"
                f" adjudicate A B --apply {path}"
            ]
        ) from None
    corpora: dict[str, Corpus] = {}
    for annotator in stored.annotators:
        if annotator.name in corpora:
            raise LoadError([f"{stored_path}: two annotators {quoted_repr(annotator.name)}"])
        corpora[annotator.name] = Corpus(annotator.documents, annotator.name, annotator.schema)
    return adjudicate_corpora(corpora)
