"""Cuts two files in one order at the same documents, so that several workers can score them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from evalkit.evaluation.document_join import FileRange
from evalkit.files import is_plain_file
from evalkit.formats.registry import stream_module


def split_files(gold: Any, predicted: Any, n: int) -> list[tuple[FileRange, FileRange]]:
    """Both files cut at the same documents into n parts of about the same size; fewer parts where
    no such cut is found, none for what is not a local file without compression.
    """
    if not (isinstance(gold, Path) and isinstance(predicted, Path)):
        return []
    if not (is_plain_file(gold) and is_plain_file(predicted)):
        return []
    gold_stream, predicted_stream = stream_module(gold), stream_module(predicted)
    gold_size, predicted_size = gold_stream.size_of(gold), predicted_stream.size_of(predicted)
    cuts = [(0, 0)]
    for part in range(1, n):
        line = gold_stream.line_after(gold, gold_size * part // n)
        if line is None:
            continue
        id, gold_cut = line
        predicted_cut = predicted_stream.line_of_id(predicted, id, predicted_size * part // n)
        last_gold_cut, last_predicted_cut = cuts[-1]
        if predicted_cut is None or predicted_cut <= last_predicted_cut:
            continue
        if gold_cut > last_gold_cut:
            cuts.append((gold_cut, predicted_cut))
    cuts.append((gold_size, predicted_size))
    return [
        (
            FileRange(gold, gold_start, gold_end),
            FileRange(predicted, predicted_start, predicted_end),
        )
        for (gold_start, predicted_start), (gold_end, predicted_end) in pairwise(cuts)
    ]
