"""Score documents with 10,000 labels and 25 spans each, and print the CPU seconds of each round and
the peak memory in MB before and after, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

from measure import read_memory

from evalkit import Corpus, Document, Entity, score

LABELS = 10_000
SPANS = 25


def build_corpora(count: int) -> tuple[Corpus, Corpus]:
    """Gold and predictions; a fifth of the predictions has another label."""
    draw = random.Random(1)
    sides: tuple[list[Document], list[Document]] = [], []
    for number in range(count):
        text = "word " * SPANS
        gold, predicted = [], []
        for position in range(SPANS):
            label = f"L{draw.randrange(LABELS)}"
            other = f"L{draw.randrange(LABELS)}" if draw.random() < 0.2 else label
            gold.append(Entity(label, 5 * position, 5 * position + 4))
            predicted.append(Entity(other, 5 * position, 5 * position + 4))
        for documents, entities in zip(sides, (gold, predicted), strict=True):
            documents.append(Document(f"d{number}", text, entities))
    return Corpus(sides[0]), Corpus(sides[1])


def main() -> None:
    """Score the corpora in some rounds."""
    count, rounds = int(sys.argv[1]), int(sys.argv[2])
    corpora = build_corpora(count)
    before = read_memory(os.getpid(), "status", "VmHWM")
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        score(*corpora, boot=0).rows()
        seconds.append(time.process_time() - started)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "before": before,
                "peak": read_memory(os.getpid(), "status", "VmHWM"),
            }
        )
    )


if __name__ == "__main__":
    main()
