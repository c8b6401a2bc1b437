"""Corpora in shards: which files belong to a pattern or a folder, and which of both sides belong
together.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from evalkit.corpus import split_options
from evalkit.errors import InputError, escape_surrogates, quoted_repr
from evalkit.evaluation.document_join import (
    DocumentPairs,
    EvaluationInputs,
    ShardedSide,
    open_inputs,
)
from evalkit.files import is_url, list_inputs, strip_compression, to_path
from evalkit.formats.loading import load_schema_for
from evalkit.formats.registry import (
    FORMATS,
    STREAMED_SUFFIXES,
    CorpusLocation,
    detect_format,
    parse_location,
)
from evalkit.scoring.metrics import Metric

MAX_NAMED = 5  # shards that a message names


class ShardPair(NamedTuple):
    """A shard of gold and that of the predictions.

    name: of both, in messages. corpus_name, prediction_name: of the whole corpora.
    """

    name: str
    corpus_name: str
    prediction_name: str
    gold: CorpusLocation
    predicted: CorpusLocation
    missing: str
    match_texts: bool = True

    def open(self, metrics: Collection[Metric] = ()) -> EvaluationInputs:
        """Both sides of the shard, with the names of the whole corpora. metrics: those that are
        requested, of which some need texts.
        """
        inputs = open_inputs(
            self.gold, self.predicted, self.missing, metrics, match_texts=self.match_texts
        )
        return replace(inputs, name=self.corpus_name, prediction_name=self.prediction_name)


@dataclass
class ShardedInputs(EvaluationInputs):
    """Both sides of an evaluation, in shards that are read one after the other."""

    shards: Sequence[ShardPair] = ()

    def iter_batches(self) -> Iterator[DocumentPairs]:
        """The documents of all shards; see `EvaluationInputs.iter_batches`."""
        self.missing_count = 0
        for shard in self.shards:
            inputs = shard.open()
            yield from inputs.iter_batches()
            self.missing_count += inputs.missing_count


def find_shards(
    gold: str | Path, predicted: str | Path, missing: str, *, match_texts: bool = True
) -> ShardedInputs:
    """The shards of both sides, paired by their paths below the folder of each side and sorted.
    match_texts: whether both sides must have the same texts.

    Raises InputError for a side without files, and for a shard that one side lacks.
    """
    gold_name, gold_shards = _list_shards(gold)
    prediction_name, predicted_shards = _list_shards(predicted)
    for side, other, where in (
        (gold_shards, predicted_shards, predicted),
        (predicted_shards, gold_shards, gold),
    ):
        unpaired = sorted(side.keys() - other.keys())
        if unpaired:
            named = ", ".join(quoted_repr(name) for name in unpaired[:MAX_NAMED])
            more = f" and {len(unpaired) - MAX_NAMED} more" if len(unpaired) > MAX_NAMED else ""
            raise InputError(
                f"{where}: lacks the shards {named}{more}: expected files of the same names on both"
                " sides"
            )
    shards = [
        ShardPair(
            name,
            gold_name,
            prediction_name,
            gold_shards[name],
            predicted_shards[name],
            missing,
            match_texts,
        )
        for name in sorted(gold_shards)
    ]
    return ShardedInputs(
        name=gold_name,
        prediction_name=prediction_name,
        schema=load_schema_for(shards[0].gold),
        gold=ShardedSide(tuple(shard.gold for shard in shards)),
        predicted=ShardedSide(tuple(shard.predicted for shard in shards)),
        missing=missing,
        match_texts=match_texts,
        shards=shards,
    )


def _list_shards(source: str | Path) -> tuple[str, dict[str, CorpusLocation]]:
    """The name of a side, and its shards by name: the path below its folder, without the suffix of
    a compression.
    """
    pattern, query = split_options(str(source))
    prefix, colon, rest = pattern.partition(":")
    if colon and not is_url(pattern) and prefix in FORMATS:
        pattern = rest
    else:
        prefix = ""
    like = parse_location(f"{prefix}{':' if prefix else ''}shard{query}")
    folder, paths = _match_files(pattern)
    if not paths:
        raise InputError(f"{source}: no file matches: expected shards, such as gold/part-1.jsonl")
    shards: dict[str, CorpusLocation] = {}
    for path in paths:
        name = strip_compression(path).relative_to(folder).as_posix()
        if name in shards:
            raise InputError(
                f"{source}: {shards[name].path} and {path} are one shard: expected one file for"
                " each"
            )
        shards[name] = detect_format(CorpusLocation(like.format, path, like.options))
    return escape_surrogates(folder.resolve().name or "corpus"), shards


def _match_files(pattern: str) -> tuple[Path, list[Path]]:
    """The folder above all wildcards, and the sorted files that match."""
    path = to_path(pattern)
    if not re.search(r"[*?\[]", pattern):
        if not path.is_dir():
            raise InputError(
                f"{pattern}: one file, while the other side is a pattern or a folder of shards:"
                " expected shards on both sides"
            )
        if is_url(pattern):
            found = [
                match for suffix in STREAMED_SUFFIXES for match in _glob(f"{path}/**/*{suffix}*")
            ]
        else:
            found = list_inputs(path)
        return path, [
            match for match in sorted(found) if strip_compression(match).suffix in STREAMED_SUFFIXES
        ]
    fixed: list[str] = []
    for part in path.parts:
        if re.search(r"[*?\[]", part):
            break
        fixed.append(part)
    folder = type(path)(*fixed) if fixed else Path()
    return folder, [match for match in _glob(pattern) if match.name != "schema.json"]


def _glob(pattern: str) -> list[Path]:
    if is_url(pattern) and not pattern.startswith("file://"):
        from evalkit.files.remote import list_matches

        return list(list_matches(pattern))
    matches = glob.glob(str(to_path(pattern)), recursive=True)  # noqa: PTH207 - absolute, too
    return sorted(path for match in matches if (path := Path(match)).is_file())
