"""DocRED and Re-DocRED: relations between the entities of a document.

    [{"title", "sents": [[token]], "vertexSet": [[{"name", "sent_id", "pos": [first, end],
      "type"}]], "labels": [{"h", "t", "r", "evidence": [sentence]}]}]

`vertexSet` has a list of mentions for each entity; `pos` counts the tokens of the sentence, the end
is exclusive; `h` and `t` are numbers of entities, from 0. (Source: the description of the data in
thunlp/DocRED at 0c8f967, and its `evaluation.py`; Re-DocRED of tonytan48/Re-DocRED, and DWIE as
LogiRE prepares it, have the same layout.) A file with a document on each line is read, too.

**Entities.** Each mention is an entity with the id `0.1`: the numbers of the entity and of the
mention. The mentions of one entity have the same attribute `entity`, the number of the entity.

**Relations** of DocRED are between entities. Here each is one relation between the first mentions
in the text of both. For predicted relations between gold entities, as DocRED scores them,
`relations/strict` therefore gives the F1 of `evaluation.py`, if no prediction is repeated and no
two entities have the same first mention. Where the mentions are predicted, too, a relation counts
only if the first mentions of both arguments are correct: evalkit does not match clusters.

**Predictions** in the layout of the submissions have the entities of gold, which `texts` names:
`docred:result.json?texts=dev.json`. Each document of gold is read with its predicted relations.

    [{"title", "h_idx", "t_idx", "r"}]

**Text.** The tokens of a sentence are joined by a space, the sentences by a line feed.

**Reading option**: `texts`: the file of DocRED with the entities of predicted relations.

Without `labels`, relations were not annotated. Names that differ from the tokens of their mention
are counted as repaired: the tokens are read. Dropped: evidence, other keys.

This format is only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evalkit.data.document import Document, Entity, Relation
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr, spell_option
from evalkit.files import open_input
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_lists import HEAD, iter_list_or_lines
from evalkit.formats.json_records import convert_record
from evalkit.formats.registry import DocumentResults, split_prefix
from evalkit.formats.sentence_tokens import SentenceTokens, is_same_surface

T = TypeVar("T", bound=msgspec.Struct)
EXPECTED = 'expected a list of documents with "sents" and "vertexSet"'
MAX_PREDICTION_ERRORS = 2_000  # after which a file of predictions is not read further
EXPECTED_RELATIONS = 'expected a list of relations with "title", "h_idx", "t_idx" and "r"'
OTHER_NAMES = "names that differ from the tokens of their mention"


class DocredMention(msgspec.Struct):
    """A mention of an entity. `global_pos` and `index`, of Re-DocRED, say the same as `pos`."""

    pos: tuple[int, int]
    sent_id: int
    type: str
    name: str | None = None
    global_pos: Any = None
    index: Any = None


class DocredRelation(msgspec.Struct):
    """A relation: the numbers of its arguments, and its label."""

    h: int
    t: int
    r: str


class DocredRecord(msgspec.Struct):
    """A document: the keys that are read."""

    title: str
    sents: list[list[str]]
    clusters: list[list[DocredMention]] = msgspec.field(name="vertexSet")
    labels: list[DocredRelation] | None = None


class PredictedRelation(msgspec.Struct):
    """A predicted relation of the layout of submissions."""

    title: str
    h_idx: int
    t_idx: int
    r: str


def read(
    path: Path, conversion: ConversionReport, *, texts: str | Path | None = None
) -> DocumentResults:
    """Yields the location of each document with the document, or a LoadError.

    With `texts`, the locations are those in the file with the entities.
    """
    if texts is not None:
        yield from _read_predictions(path, conversion, texts)
        return
    for position, record in _iter_records(path, DocredRecord, conversion, EXPECTED):
        if isinstance(record, LoadError):
            yield position, record
            continue
        labels = None
        if record.labels is not None:
            labels = [
                (f"{position}: labels[{n}]", relation) for n, relation in enumerate(record.labels)
            ]
        yield position, _read_document(record, labels, position, conversion)


def _read_predictions(
    path: Path, conversion: ConversionReport, texts: str | Path
) -> DocumentResults:
    """Yields each document of `texts` with the relations that are predicted for it."""
    with open_input(path) as file:
        is_blank = not file.read(HEAD).strip()
    if is_blank:
        yield str(path), LoadError([f"{path}: no JSON; without relations, write []"])
        return
    predicted: dict[str, list[tuple[str, DocredRelation]]] = {}
    errors: list[str] = []
    for position, record in _iter_records(path, PredictedRelation, conversion, EXPECTED_RELATIONS):
        if isinstance(record, LoadError):
            errors += record.errors
            if len(errors) >= MAX_PREDICTION_ERRORS:
                break
        else:
            relation = DocredRelation(record.h_idx, record.t_idx, record.r)
            predicted.setdefault(record.title, []).append((position, relation))
    if errors:  # of relations that may be of any document: none is sure to be complete
        raise LoadError(errors)
    _, gold = split_prefix(texts)
    unread = ConversionReport()  # what gold has beside the entities is counted where gold is read
    for position, document in _iter_records(gold, DocredRecord, unread, EXPECTED):
        if isinstance(document, LoadError):
            yield position, document
        else:
            relations = predicted.pop(document.title, [])
            yield position, _read_document(document, relations, position, unread)
    for title, relations in predicted.items():
        position = relations[0][0]
        problem = f"title: {quoted_repr(title)} is not in {texts}"
        yield position, LoadError([f"{position}: {problem}"])


def _iter_records(
    path: Path, kind: type[T], conversion: ConversionReport, expected: str
) -> Iterator[tuple[str, T | LoadError]]:
    for position, item in iter_list_or_lines(path, expected):
        if isinstance(item, LoadError):
            yield position, item
        elif kind is DocredRecord and "h_idx" in item:
            option = spell_option("texts", "GOLD", of="format")
            problem = (
                "a predicted relation, without its document; name the file with the documents and"
                f" entities: {option}"
            )
            yield position, LoadError([f"{position}: {problem}"])
        else:
            yield position, convert_record(item, kind, position, conversion)


def _read_document(
    record: DocredRecord,
    labels: list[tuple[str, DocredRelation]] | None,
    position: str,
    conversion: ConversionReport,
) -> Document | LoadError:
    """The document of a record. labels: its relations with their locations; None if they were not
    annotated.
    """
    tokens = SentenceTokens(record.sents)
    mentions: list[Entity] = []
    first_mentions: list[Entity | None] = []  # of each entity, in the text
    try:
        for number, cluster in enumerate(record.clusters):
            entities = []
            for n, mention in enumerate(cluster):
                where = f"{position}: vertexSet[{number}][{n}]"
                start, end = tokens.find_range(*mention.pos, f"{where}.pos", mention.sent_id)
                found = tokens.text[start:end]
                if mention.name is not None and not is_same_surface(mention.name, found):
                    conversion.repaired.add(OTHER_NAMES, where)
                entities.append(
                    Entity(
                        mention.type,
                        start,
                        end,
                        id=f"{number}.{n}",
                        attributes={"entity": str(number)},
                    )
                )
            mentions += entities
            first_mentions.append(
                min(entities, key=lambda entity: (entity.start, entity.end), default=None)
            )
        relations = None
        if labels is not None:
            relations = tuple(_read_relation(*label, first_mentions) for label in labels)
        return Document(record.title, tokens.text, tuple(mentions), relations=relations)
    except DocumentError as error:
        return LoadError([f"{position}: {error}"])
    except InputError as error:
        return LoadError([str(error)])


def _read_relation(
    where: str, relation: DocredRelation, first_mentions: Sequence[Entity | None]
) -> Relation:
    """The relation between first mentions. Raises InputError for an argument without one."""
    arguments = []
    for number in (relation.h, relation.t):
        mention = first_mentions[number] if 0 <= number < len(first_mentions) else None
        if mention is None or mention.id is None:
            raise InputError(
                f"{where}: no entity {number} with a mention: vertexSet has {len(first_mentions)}"
                " entities, counted from 0"
            )
        arguments.append(mention.id)
    head, tail = arguments
    return Relation(relation.r, head, tail)
