"""Data in memory, against other scorers that are given the same data in their own form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Any

from benchmarks.measure import Goal, Line, compare_calls
from benchmarks.sizes import Sizes, Workspace
from benchmarks.workload import (
    LABELS,
    SCHEMES,
    CharacterSpan,
    build_corpora,
    draw_samples,
    to_character_spans,
    to_tags,
)

from evalkit import score, score_spans, score_tags

MAX_SPACY_DOCUMENTS = 2000  # a Doc takes 100 kB


def compare_scorers(
    name: str,
    scorer: str,
    theirs: Callable[[], object],
    ours: Callable[[], object],
    rounds: int,
    bound: float,
) -> Line:
    """A line about CPU seconds: how many times faster evalkit is."""
    theirs_figure, ours_figure, ratio = compare_calls(theirs, ours, rounds)
    return Line(name, scorer, theirs_figure, ours_figure, ratio, Goal(">=", bound))


def tag_sides(count: int) -> tuple[list[list[str]], list[list[str]]]:
    """The tags of gold and predictions."""
    gold, predicted = [], []
    for sample in draw_samples(count):
        gold.append(to_tags(sample.gold[0]))
        predicted.append(to_tags(sample.predicted[0]))
    return gold, predicted


def span_sides(count: int) -> tuple[list[list[CharacterSpan]], list[list[CharacterSpan]]]:
    """The spans of gold and predictions."""
    gold, predicted = [], []
    for sample in draw_samples(count):
        gold.append(to_character_spans(sample, "gold"))
        predicted.append(to_character_spans(sample, "predicted"))
    return gold, predicted


def measure_seqeval(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """The three usual calls of seqeval, on the same lists of tags."""
    from seqeval.metrics import classification_report
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    gold, predicted = tag_sides(sizes.memory_documents)
    documents = f"{sizes.memory_documents:,} documents in memory"
    scorer = f"seqeval {version('seqeval')}"
    report = {"output_dict": True, "zero_division": 0}

    def ours() -> None:
        score_tags(gold, predicted, boot=0)["ner"].rows()

    calls: list[tuple[str, float, Callable[[], object]]] = [
        (
            "precision_recall_fscore_support",
            35,
            lambda: precision_recall_fscore_support(gold, predicted, average=None),
        ),
        ("classification_report", 150, lambda: classification_report(gold, predicted, **report)),
        (
            "classification_report, strict",
            80,
            lambda: classification_report(gold, predicted, mode="strict", scheme=IOB2, **report),
        ),
    ]
    for call, bound, theirs in calls:
        name = f"{documents}, tags: {call}"
        yield compare_scorers(name, scorer, theirs, ours, sizes.slow_rounds, bound)


def measure_seqscore(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """SeqScore, on the same lists of tags."""
    from seqscore.scoring import score_label_sequences

    gold, predicted = tag_sides(sizes.memory_documents)

    def ours() -> None:
        score_tags(gold, predicted, boot=0)["ner"].rows()

    yield compare_scorers(
        f"{sizes.memory_documents:,} documents in memory, tags",
        f"SeqScore {version('seqscore')}",
        lambda: score_label_sequences(predicted, gold, "BIO", repair=None),
        ours,
        sizes.slow_rounds,
        30,
    )


def measure_nervaluate(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """The four schemes of nervaluate, on the same spans."""
    from nervaluate import Evaluator

    corpora = build_corpora(draw_samples(sizes.memory_documents))
    sides = []
    for column in span_sides(sizes.memory_documents):
        dicts = []
        for spans in column:
            ordered = sorted(spans)
            dicts.append([{"label": label, "start": s, "end": e - 1} for s, e, label in ordered])
        sides.append(dicts)
    yield compare_scorers(
        f"{sizes.memory_documents:,} Documents in memory, four schemes",
        f"nervaluate {version('nervaluate')}",
        lambda: Evaluator(*sides, tags=LABELS, loader="dict").evaluate(),
        lambda: list(score(*corpora, SCHEMES, boot=0).rows()),
        sizes.slow_rounds,
        60,
    )


def count_with_sets(
    gold: Sequence[Sequence[CharacterSpan]], predicted: Sequence[Sequence[CharacterSpan]]
) -> dict[str, tuple[int, int, int]]:
    """True positives, false positives and false negatives of each label, as a careful user counts
    them.
    """
    tp, fp, fn = Counter[str](), Counter[str](), Counter[str]()
    for gold_spans, predicted_spans in zip(map(set, gold), map(set, predicted), strict=True):
        tp.update(label for *_, label in gold_spans & predicted_spans)
        fp.update(label for *_, label in predicted_spans - gold_spans)
        fn.update(label for *_, label in gold_spans - predicted_spans)
    return {label: (tp[label], fp[label], fn[label]) for label in tp | fp | fn}


def measure_sets(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """A careful user's sets and Counter, on the same spans."""
    gold, predicted = span_sides(sizes.memory_documents)

    def ours() -> None:
        score_spans(gold, predicted, boot=0)["ner"].rows()

    yield compare_scorers(
        f"{sizes.memory_documents:,} documents in memory, spans, strict",
        "sets and Counter",
        lambda: count_with_sets(gold, predicted),
        ours,
        sizes.rounds,
        3,
    )


def measure_spacy(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """The Scorer of spaCy, on the same Docs; reading their spans counts for evalkit."""
    import spacy
    from spacy.scorer import Scorer
    from spacy.tokens import Doc
    from spacy.training import Example

    vocabulary = spacy.blank("en").vocab
    count = min(sizes.memory_documents, MAX_SPACY_DOCUMENTS)
    sides: tuple[list[Any], list[Any]] = [], []
    for sample in islice(draw_samples(count), count):
        for docs, side in zip(sides, ("gold", "predicted"), strict=True):
            doc = Doc(vocabulary, words=sample.tokens)
            spans = to_character_spans(sample, side)
            doc.spans["sc"] = [doc.char_span(s, e, label=label) for s, e, label in spans]
            docs.append(doc)

    def theirs() -> None:
        examples = [Example(predicted, gold) for gold, predicted in zip(*sides, strict=True)]
        Scorer.score_spans(
            examples,
            "spans_sc",
            getter=lambda doc, _: doc.spans["sc"],
            has_annotation=lambda doc: "sc" in doc.spans,
            allow_overlap=True,
        )

    def read_spans(doc: Any) -> list[CharacterSpan]:
        return [(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]]

    def ours() -> None:
        gold, predicted = ([read_spans(doc) for doc in docs] for docs in sides)
        score_spans(gold, predicted, boot=0)["ner"].rows()

    yield compare_scorers(
        f"{count:,} Docs in memory, overlapping spans",
        f"spaCy {version('spacy')}, score_spans",
        theirs,
        ours,
        sizes.slow_rounds,
        30,
    )
