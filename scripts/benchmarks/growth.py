"""How time grows with the number of documents, and documents with 100,000 spans a side."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from benchmarks.measure import measure_cpu
from benchmarks.workload import LABELS, SCHEMES, CharacterSpan, build_corpora, draw_samples

from evalkit import Corpus, score, score_spans

MAX_GROWTH = 2.2  # time(2n)/time(n)
MAX_SECONDS = 10  # of a scheme, for 100,000 spans a side
ROUNDS = 5
METRICS = ("strict", "exact", "partial", "type", "characters")


def label_of(index: int) -> str:
    """One of eight labels in turn."""
    return LABELS[index % len(LABELS)]


def disjoint_spans(count: int) -> list[CharacterSpan]:
    """Spans beside each other."""
    return [(4 * i, 4 * i + 3, label_of(i)) for i in range(count)]


def nested_spans(count: int) -> list[CharacterSpan]:
    """Spans in each other."""
    return [(i, 2 * count - i, label_of(i)) for i in range(count)]


def chained_spans(count: int) -> list[CharacterSpan]:
    """Spans that overlap their neighbors."""
    return [(3 * i, 3 * i + 5, label_of(i)) for i in range(count)]


def labels_of_one_span(count: int) -> list[CharacterSpan]:
    """One span with a label each."""
    return [(0, 9, f"L{i}") for i in range(count)]


def spans_in_one(count: int) -> list[CharacterSpan]:
    """Spans beside each other, all in one."""
    return [(0, 4 * count, "PER"), *disjoint_spans(count - 1)]


def many_labels(count: int) -> list[CharacterSpan]:
    """Spans beside each other, with 10,000 labels."""
    return [(4 * i, 4 * i + 3, f"L{i % 10_000}") for i in range(count)]


SHAPES: dict[str, Callable[[int], list[CharacterSpan]]] = {
    "disjoint": disjoint_spans,
    "nested": nested_spans,
    "chained": chained_spans,
    "one span, a label each": labels_of_one_span,
    "all overlapping one": spans_in_one,
    "10,000 labels": many_labels,
}


def score_four(corpora: tuple[Corpus, Corpus]) -> None:
    """Score under four schemes."""
    score(*corpora, SCHEMES, boot=0).rows()


def score_scheme(gold: list[CharacterSpan], predicted: list[CharacterSpan], name: str) -> None:
    """Score one document under one scheme."""
    metric = f"entities/{name}"
    assert score_spans([gold], [predicted], [metric], boot=0)[metric].micro


def print_growth() -> None:
    """Print how time grows."""
    print(f"time(2n)/time(n) of the number of documents; goal: at most {MAX_GROWTH}")
    times = []
    for count in (1000, 2000, 4000, 8000):
        corpora = build_corpora(draw_samples(count))
        times.append(min(measure_cpu(partial(score_four, corpora)) for _ in range(ROUNDS)))
    ratios = [f"{twice / once:.2f}" for once, twice in pairwise(times)]
    print("  1,000 to 8,000 documents:", ", ".join(ratios))
    print(f"one document with 100,000 spans a side; goal: {MAX_SECONDS} s for any scheme")
    for shape, make in SHAPES.items():
        for scheme in METRICS:
            seconds = []
            for count in (50_000, 100_000):
                gold = make(count)
                seconds.append(measure_cpu(partial(score_scheme, gold, move_starts(gold), scheme)))
            verdict = "reached" if seconds[1] <= MAX_SECONDS else "MISSED"
            growth = seconds[1] / max(seconds[0], 1e-9)
            print(f"  {shape:24} {scheme:11} {seconds[1]:6.2f} s  growth {growth:.2f}  {verdict}")


def move_starts(gold: list[CharacterSpan]) -> list[CharacterSpan]:
    """Predictions that begin a character later in 30 % of the spans."""
    draw = random.Random(2)
    moved = [(start + (draw.random() < 0.3), end, label) for start, end, label in gold]
    return list(dict.fromkeys(moved))
