"""Windows over a text that is longer than a model reads.

A window is a range of units: tokens, or words. Windows overlap, and a unit in an overlap counts
from the window in which it has more context, so that answers at the edge of one window are replaced
by those of the next.

Windows of many documents are read in batches of one length. A window is padded to a length that
depends on it alone, so that its answer depends neither on the other windows of its batch nor on the
size of batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from evalkit.data.document import Document

Range = tuple[int, int]
MAX_GROUP_SECONDS = 4.0
MAX_GROUP_CHARACTERS = 500_000  # of documents that are in memory as tokens at once
MIN_PADDED_LENGTH = 16  # tokens; for fewer, libraries multiply matrices in other ways
MIN_PADDING_STEP = 4  # tokens


def split_windows(costs: Sequence[int], max_units: int, max_cost: int, overlap: int) -> list[Range]:
    """Ranges of at most `max_units` units and a cost of at most `max_cost`; a single unit may cost
    more.

    Neighbors share `overlap` units, or half of the first window if that is less.

    >>> split_windows([1] * 9, max_units=5, max_cost=5, overlap=2)
    [(0, 5), (3, 8), (6, 9)]
    """
    ranges: list[Range] = []
    first = last = 0
    while last < len(costs):
        last, budget = first, max_cost
        while last < len(costs) and last - first < max_units:
            is_affordable = costs[last] <= budget or last == first
            if not is_affordable:
                break
            budget -= costs[last]
            last += 1
        ranges.append((first, last))
        first = last - min(overlap, (last - first) // 2)
    return ranges


def find_window_cores(windows: Sequence[Range]) -> list[Range]:
    """The part of each window that counts: overlaps are split in the middle.

    >>> find_window_cores([(0, 5), (3, 8), (6, 9)])
    [(0, 4), (4, 7), (7, 9)]
    """
    if not windows:
        return []
    cuts = [end - (end - start) // 2 for (_, end), (start, _) in pairwise(windows)]
    starts = [0, *cuts]
    ends = [*cuts, windows[-1][1]]
    return list(zip(starts, ends, strict=True))


def group_documents(
    documents: Iterable[Document], smallest: int, largest: int
) -> Iterator[list[Document]]:
    """The documents in groups that are processed together, so that windows of one length meet.

    The first group has `smallest` documents. The next is twice as large, up to `largest`, while a
    group takes little time, and half as large if it took more than MAX_GROUP_SECONDS: a run can be
    stopped between groups. A document with more than MAX_GROUP_CHARACTERS is a group of its own.
    """
    group: list[Document] = []
    characters = 0
    size = smallest
    for document in documents:
        characters += len(document.text)
        if group and (len(group) >= size or characters > MAX_GROUP_CHARACTERS):
            started = time.monotonic()
            yield group
            seconds = time.monotonic() - started
            if seconds > MAX_GROUP_SECONDS:
                size = max(smallest, size // 2)
            elif seconds < MAX_GROUP_SECONDS / 2:
                size = min(largest, 2 * size)
            group, characters = [], len(document.text)
        group.append(document)
    if group:
        yield group


def pad_length(length: int, max_length: int) -> int:
    """The length to which a window of `length` tokens is padded: few different ones, at most an
    eighth longer, or a few tokens.

    >>> [pad_length(length, 512) for length in (3, 21, 100, 130, 500)]
    [16, 24, 104, 144, 512]
    """
    step = max(MIN_PADDING_STEP, 1 << max(0, (length - 1).bit_length() - 4))
    padded = max(MIN_PADDED_LENGTH, -(-length // step) * step)
    return max(length, min(padded, max_length))


def split_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """The indices of windows in batches of equal lengths, at most `batch_size` in each; the longest
    come first, so that a lack of memory shows at once.

    >>> split_batches([16, 20, 16, 16], batch_size=2)
    [[1], [0, 2], [3]]
    """
    by_length: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        by_length.setdefault(length, []).append(index)
    batches: list[list[int]] = []
    for length in sorted(by_length, reverse=True):
        indices = by_length[length]
        for first in range(0, len(indices), batch_size):
            batches.append(indices[first : first + batch_size])
    return batches
