"""Reads data sets with a column of tokens and a column of tags; hf.py describes the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.data.document import Document, Entity
from evalkit.data.taggings import describe_prefix
from evalkit.data.tags import TaggedSpans, TagReader
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr, spell_option
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.recognition import TAGS
from evalkit.formats.registry import DocumentResults

BLOCK_ROWS = 1000  # that are read at once
# Columns of tags that are none of entities, which are read only if they are named
OTHER_TAGS = ("pos_tags", "chunk_tags")


class TokenTagDataset:
    """Builds documents from a data set with a column of tokens and a column of tags."""

    def __init__(
        self,
        name: str,
        dataset: Any,
        conversion: ConversionReport,
        *,
        tokens: str,
        tags: str | None,
        names: str | Sequence[str] | None,
    ) -> None:
        """Finds the columns. Raises InputError with the existing columns if one is missing.

        names: the tags that numbers stand for, from 0 on; None for those of the data set.
        """
        self.name, self.dataset, self.conversion = name, dataset, conversion
        self.tokens, self.tags = tokens, tags or self._tags()
        for option, column in (("token_column", self.tokens), ("tag_column", self.tags)):
            if column not in dataset.column_names:
                raise InputError(
                    f"{name}: no column {quoted_repr(column)}; name one with"
                    f" {spell_option(option, 'NAME', of='format')}:"
                    f" {', '.join(dataset.column_names)}"
                )
        class_label = getattr(dataset.features[self.tags], "feature", None)
        self.names: list[str] | None = getattr(class_label, "names", None)
        if names is not None:
            self.names = names.split(",") if isinstance(names, str) else list(names)

    def _tags(self) -> str:
        """Returns the column of tags: ner_tags, the only column with a ClassLabel, or the only one
        whose name ends with "tags" and that may be of entities.
        """
        if "ner_tags" in self.dataset.column_names:
            return "ner_tags"
        labelled: list[str] = []
        for name, feature in self.dataset.features.items():
            if hasattr(getattr(feature, "feature", None), "names"):
                labelled.append(name)
        if not labelled:
            names = self.dataset.column_names
            labelled = [name for name in names if name.endswith(TAGS) and name not in OTHER_TAGS]
        if len(labelled) == 1:
            return labelled[0]
        raise InputError(
            f"{self.name}: no single column of tags; name one with"
            f" {spell_option('tag_column', 'NAME', of='format')}:"
            f" {', '.join(labelled or self.dataset.column_names)}"
        )

    def documents(self, tags: TagReader, split: str) -> DocumentResults:
        """Yields the location of each row with its document, or a LoadError."""
        for column in self.dataset.column_names:
            if column not in (self.tokens, self.tags, "id"):
                self.conversion.add("columns", f"{self.name}: {column}")
        for first in range(0, len(self.dataset), BLOCK_ROWS):
            rows = self.dataset[first : first + BLOCK_ROWS]
            yield from self._read_block(rows, first, tags, split)
        for prefix in tags.prefixes:
            self.conversion.detected.add(describe_prefix(prefix), f"{self.name}: {self.tags}")

    def _read_block(
        self, rows: Mapping[str, list[Any]], first: int, tags: TagReader, split: str
    ) -> DocumentResults:
        """Yields the documents of some rows; `first` is the number of the first."""
        problems: dict[int, str] = {}  # of rows, by their numbers in the block
        tag_rows: list[list[str]] = []
        for number, (tokens, row_tags) in enumerate(zip(rows[self.tokens], rows[self.tags])):
            problem = self._find_problem(tokens, row_tags)
            if problem is not None:
                problems[number] = problem
            tag_rows.append([] if problem is not None else self.strings(row_tags))
        spans = self._read_spans(tags, tag_rows, problems)
        if spans.improper:
            self.conversion.repaired.add(
                f"invalid tags, repaired as {tags.repair}",
                f"{self.name}: {self.tags}",
                spans.improper,
            )
        row_spans: list[list[tuple[str, int, int]]] = [[] for _ in tag_rows]
        labels = list(tags.labels)
        for row, start, end, label in zip(
            spans.sequence.tolist(), spans.start.tolist(), spans.end.tolist(), spans.label.tolist()
        ):
            row_spans[row].append((labels[label], start, end))
        ids = rows.get("id", [None] * len(tag_rows))
        for number, (row_id, tokens) in enumerate(zip(ids, rows[self.tokens])):
            if number in problems:
                position = f"{self.name}: row {first + number}"
                yield position, LoadError([f"{position}: {problems[number]}"])
                continue
            id = f"{split}-{first + number}" if row_id is None else str(row_id)
            yield self.document(
                first + number, id, tokens, len(tag_rows[number]), row_spans[number]
            )

    def _find_problem(self, tokens: Any, tags: Any) -> str | None:
        """What is wrong with a row other than the sequence of its tags; None if nothing is."""
        if not _is_list_of(tokens, (str,)):
            return f"{self.tokens}: {quoted_repr(tokens)}: expected a list of strings"
        if not _is_list_of(tags, (str, int)):
            return f"{self.tags}: {quoted_repr(tags)}: expected a list of tags"
        if self.names is None:
            return None
        for code in tags:
            if not (isinstance(code, int) and 0 <= code < len(self.names)):
                return (
                    f"{self.tags}: invalid tag {quoted_repr(code)}: expected the index of one of"
                    f" {len(self.names)} tags; are the tags of this split published?"
                )
        return None

    def _read_spans(
        self, tags: TagReader, tag_rows: list[list[str]], problems: dict[int, str]
    ) -> TaggedSpans:
        """The spans of some rows. Rows with invalid tags are emptied, and their problems added."""
        try:
            return tags.spans(tags.read(tag_rows, self.tags), self.tags)
        except InputError:
            pass  # in one of the rows
        for number, row in enumerate(tag_rows):
            try:
                tags.spans(tags.read([row], self.tags), self.tags)
            except InputError as error:
                problem = str(error).removeprefix(f"{self.tags} tags: ")
                problems[number] = f"{self.tags}: {problem.removeprefix('sequence 0, ')}"
                tag_rows[number] = []
        return tags.spans(tags.read(tag_rows, self.tags), self.tags)

    def strings(self, row: Any) -> Any:
        """Returns the tags of a row as strings."""
        if self.names is None:
            if any(isinstance(code, int) for code in row):
                raise InputError(
                    f"{self.name}: {self.tags}: the tags are numbers without names: name them in"
                    f" their order with {spell_option('names', 'O,B-PER,I-PER', of='format')}"
                )
            return row
        return [self.names[code] for code in row]

    def document(
        self, number: int, id: str, tokens: Any, tagged: int, spans: list[tuple[str, int, int]]
    ) -> tuple[str, Document | InputError]:
        """Returns the location of a row with its document, or a LoadError."""
        position = f"{self.name}: row {number}"
        if len(tokens) != tagged:
            return position, LoadError(
                [
                    f"{position}: {len(tokens)} {self.tokens} and {tagged} {self.tags}; each token"
                    " has one tag"
                ]
            )
        starts, at = [], 0
        for token in tokens:
            starts.append(at)
            at += len(token) + 1
        try:
            entities = []
            for label, first, past in spans:
                end = starts[past - 1] + len(tokens[past - 1])
                entities.append(Entity(label, starts[first], end))
            return position, Document(id, " ".join(tokens), tuple(entities))
        except DocumentError as error:
            return position, LoadError([f"{position}: {error}"])


def _is_list_of(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(item, types) for item in value)
