"""The inputs of `emulate` that are tags: lists of tags, and CoNLL files, whose tags are taken as
they are, valid or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.analysis.scorer_rules import SIDES, ScorerDocument, ScorerItem
from evalkit.corpus import corpus_name, resolve_location
from evalkit.data.taggings import BARE, TAG_FORMATS, parse_tag, unknown_tag_problem
from evalkit.data.tags import TagReader
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option
from evalkit.files.encodings import open_files_as
from evalkit.formats.reading_options import split_options
from evalkit.formats.registry import CorpusLocation
from evalkit.results.wording import join_some, pluralize

OUTSIDE = "O"
TAG_REPAIR = "begin"  # how evalkit's own items are read from invalid tags
TAG_OPTIONS = ("tagging", "repair")  # of the format, which do not change the tags


class TagDocuments(NamedTuple):
    """The documents of both sides, what the report says about them, the tagging that a file names,
    and the names of both files; None for those that there are not.
    """

    documents: list[ScorerDocument]
    notes: tuple[str, ...] = ()
    tagging: str | None = None
    names: tuple[str, str] | None = None


def open_tag_documents(gold: Any, predicted: Any, missing: str = "error") -> TagDocuments | None:
    """The documents of two lists of lists of tags, or of two CoNLL files with one column of tags;
    None for anything else.

    missing: as for `score`. Raises InputError for sides that do not fit each other.
    """
    if are_tags(gold) and are_tags(predicted):
        return TagDocuments(_pair_sequences(gold, predicted))
    files = [_tag_file(side) for side in (gold, predicted)]
    if files[0] is None or files[1] is None:
        return None
    return _join_tag_files(files[0], files[1], missing)


def are_tags(value: object) -> bool:
    """Whether a value is a list of lists of tags."""
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(
        isinstance(row, (list, tuple)) and all(isinstance(tag, str) for tag in row) for row in value
    )


def _pair_sequences(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> list[ScorerDocument]:
    """A document for each sequence of tags, whose tokens have no words."""
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} sequences of gold tags, {len(predicted)} of predicted ones: expected as"
            " many"
        )
    documents = []
    for number, (gold_row, predicted_row) in enumerate(zip(gold, predicted)):
        if len(gold_row) != len(predicted_row):
            raise InputError(
                f"sequence {number}: {pluralize(len(gold_row), 'gold tag')},"
                f" {pluralize(len(predicted_row), 'predicted tag')}: expected as many"
            )
        words = [f"word{index}" for index in range(len(gold_row))]
        documents.append(
            ScorerDocument(
                str(number), " ".join(words), _ranges(words), (0,), gold_row, predicted_row
            )
        )
    return documents


def _ranges(words: Sequence[str]) -> list[tuple[int, int]]:
    """The ranges of words that are joined by a space."""
    ends = accumulate(len(word) + 1 for word in words)
    return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends)]


def _tag_file(source: object) -> CorpusLocation | None:
    """The location of a CoNLL file with one column of tags; None for anything else."""
    if not isinstance(source, (str, Path, CorpusLocation)):
        return None
    location = resolve_location(source)
    has_columns = "+" in str(location.options.get("tag_column", ""))
    if location.format_name != "conll" or "texts" in location.options or has_columns:
        return None
    return location


def _join_tag_files(gold: CorpusLocation, predicted: CorpusLocation, missing: str) -> TagDocuments:
    """The documents of two CoNLL files, in the order of gold."""
    taggings = [side.options.get("tagging") for side in (gold, predicted)]
    if None not in taggings and taggings[0] != taggings[1]:
        raise InputError(
            f"gold has {spell_option('tagging', taggings[0], of='format')}, the predictions"
            f" {spell_option('tagging', taggings[1], of='format')}: expected the same tagging"
        )
    sides = [_read_tag_file(location) for location in (gold, predicted)]
    predictions = {draft.id: draft for draft in sides[1]}
    unknown = predictions.keys() - {draft.id for draft in sides[0]}
    if unknown:
        ids = [draft.id for draft in sides[1] if draft.id in unknown]
        raise InputError(
            f"{predicted.path}: {pluralize(len(ids), 'document')} not in {gold.path}:"
            f" {join_some(ids)}; expected predictions for the documents of gold, which are joined"
            " by their ids"
        )
    documents = []
    missing_count = other_words = 0
    for draft in sides[0]:
        other = predictions.get(draft.id)
        tags = ["O"] * len(draft.tags)
        if other is None:
            missing_count += 1
            if missing == "error":
                raise InputError(
                    f"{predicted.path}: lacks document {quoted_repr(draft.id)} of {gold.path};"
                    " predict it, or count what is missing as empty with"
                    f" {spell_option('missing', 'empty')}"
                )
        else:
            _check_borders(gold, predicted, draft, other)
            tags = other.tags
            other_words += sum(map(str.__ne__, draft.tokens, other.tokens))
        documents.append(
            ScorerDocument(
                draft.id,
                draft.joined_tokens,
                _ranges(draft.tokens),
                tuple(draft.starts) or (0,),
                draft.tags,
                tags,
            )
        )
    notes = []
    if missing_count:
        notes.append(
            f"{pluralize(missing_count, 'document')} of gold without predictions: read as tags O"
        )
    if other_words:
        notes.append(
            f"{pluralize(other_words, 'word')} of the predictions that gold spells in another way:"
            " tags are joined by their positions"
        )
    tagging = gold.options.get("tagging") or predicted.options.get("tagging")
    names = corpus_name(gold), corpus_name(predicted)
    return TagDocuments(documents, tuple(notes), tagging, names)


def _check_borders(gold: CorpusLocation, predicted: CorpusLocation, draft: Any, other: Any) -> None:
    """Raises InputError unless both sides of a document have the same sentences."""
    borders, other_borders = draft.borders, other.borders
    if borders == other_borders:
        return
    for number, (own, others) in enumerate(zip(pairwise(borders), pairwise(other_borders))):
        lengths = own[1] - own[0], others[1] - others[0]
        if lengths[0] != lengths[1]:
            raise InputError(
                f"{predicted.path}:{other.lines[others[0]]}: document {quoted_repr(draft.id)},"
                f" sentence {number}: {pluralize(lengths[1], 'tag')}, but {lengths[0]} at"
                f" {gold.path}:{draft.lines[own[0]]}: expected as many"
            )
    raise InputError(
        f"{predicted.path}: document {quoted_repr(draft.id)}:"
        f" {pluralize(len(other_borders) - 1, 'sentence')}, but {len(borders) - 1} in {gold.path}:"
        " expected as many"
    )


def _read_tag_file(location: CorpusLocation) -> list[Any]:
    shared = split_options(location.options)
    own = {name: value for name, value in shared.own.items() if name not in TAG_OPTIONS}
    with open_files_as(shared.encoding):
        drafts = list(location.module.iter_tagged(location.path, **own))
    errors = [error for draft in drafts for error in draft.errors]
    if errors:
        raise LoadError(errors)
    return drafts


def iter_sequences(documents: Sequence[ScorerDocument], side: str) -> Iterator[Sequence[str]]:
    """The sequences of tags of all documents."""
    for document in documents:
        tags = document.tags(side) or ()
        for first, end in pairwise([*document.sequences, len(tags)]):
            yield tags[first:end]


def check_tags(documents: Sequence[ScorerDocument], tagging: str) -> None:
    """Raises InputError for tags that are none of a tagging, with the taggings that have all tags:
    without items of evalkit there is no number from which the steps begin.
    """
    tags = {tag for document in documents for side in SIDES for tag in document.tags(side) or ()}
    unknown = {tag for tag in tags if not _is_tag(tag, tagging)}
    if not unknown:
        return
    names = [name for name in TAG_FORMATS if name != BARE]
    fitting = [name for name in names if all(_is_tag(tag, name) for tag in tags)]
    if "BIOES" in fitting and "BMES" in fitting:  # without I and M they are the same
        fitting.remove("BMES")
    options = [spell_option("tagging", name, of="scorer") for name in fitting]
    remedy = "correct the tags"
    if options:
        remedy = f"{' or '.join(options)} reads all tags"
    elif not any("-" in tag for tag in tags):
        option = spell_option("tagging", BARE, of="scorer")
        remedy = f"if the tags are labels without prefix, use {option}"
    side, document, token = next(
        (side, document, token)
        for side in SIDES
        for document in documents
        for token, tag in enumerate(document.tags(side) or ())
        if tag in unknown
    )
    problem = unknown_tag_problem((document.tags(side) or ())[token], tagging)
    raise InputError(
        f"{side} tags: document {quoted_repr(document.id)}, token {token}: {problem}; {remedy}"
    )


def _is_tag(tag: str, tagging: str) -> bool:
    return tag == OUTSIDE or parse_tag(tag, tagging) is not None


def items_of_tags(documents: Sequence[ScorerDocument], tagging: str) -> dict[str, list[ScorerItem]]:
    """Evalkit's items of each side: those of the repaired tags."""
    check_tags(documents, tagging)
    reader = TagReader(tagging, TAG_REPAIR)
    return {side: list(_iter_items(documents, side, reader)) for side in SIDES}


def _iter_items(
    documents: Sequence[ScorerDocument], side: str, reader: TagReader
) -> Iterator[ScorerItem]:
    places = [
        (number, shift) for number, document in enumerate(documents) for shift in document.sequences
    ]
    spans = reader.spans(reader.read(list(iter_sequences(documents, side)), side), side)
    labels = list(reader.labels)
    columns = (spans.sequence, spans.start, spans.end, spans.label)
    rows = zip(*(column.tolist() for column in columns))
    for source, (sequence, first, end, label) in enumerate(rows):
        number, shift = places[sequence]
        document = documents[number]
        start, stop = document.tokens[shift + first][0], document.tokens[shift + end - 1][1]
        words = document.text[start:stop]
        yield ScorerItem(number, labels[label], ((start, stop),), source, start, stop, words)
