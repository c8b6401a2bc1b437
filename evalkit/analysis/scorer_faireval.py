"""FairEval (commit 5d43e1e; Ortmann 2022): traditional, fair and weighted precision and recall.

Tags are read as B- and I-: I- after another label goes on with the span, and I- after O stops
FairEval. Other input is compared as files of spans are: an entity covers the words that it
overlaps, entities may overlap each other, and a document is one sentence. `faireval_matching` has
the errors.

    traditional   TP, FP and FN of equal spans; further predictions of a span that is found are
                  neither
    fair          each error counts as half a false positive and half a false negative
    weighted      the weights that FairEval proposes: BES is ½ TP and ½ FN, BEL ½ TP and ½ FP, BEO
                  ½ TP, ¼ FP and ¼ FN, LE and LBE ½ FP and ½ FN

Rows: the tables that FairEval prints, in percent with two decimals: each label and overall; errors
count for the label of gold (its default, focus=target). (Source: src/FairEval.py.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from evalkit.analysis.faireval_matching import SpanError, WordSpan, compare_spans
from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ItemCredits,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    labels_of,
    ratios_with_zero,
)
from evalkit.analysis.scorer_tags import (
    ONLY_PLACED,
    ONLY_WORDS,
    OUTSIDE,
    Chunk,
    has_tags,
    read_chunks,
    split_items,
    words_of,
)
from evalkit.errors import InputError, quoted_repr

DIGITS = 2
OVERALL = "overall"
RATIOS = ("Prec", "Rec", "F1")
BOUNDARY_ERRORS = ("BES", "BEL", "BEO")
ERRORS = ("LE", *BOUNDARY_ERRORS, "LBE")


class ErrorWeight(NamedTuple):
    """What an error counts."""

    true_positive: float
    false_positive: float
    false_negative: float


PARTS = {"BE": BOUNDARY_ERRORS}
COLUMNS = {
    "Traditional": ("TP", "FP", "FN"),
    "Fair": ("TP", "FP", "LE", "BE", "LBE", "FN"),
    "Weighted": ("TP", "FP", "FN", "LE", "LBE", "BEO", "BES", "BEL"),
}
PLAIN_WEIGHTS = {
    "TP": ErrorWeight(1, 0, 0),
    "FP": ErrorWeight(0, 1, 0),
    "FN": ErrorWeight(0, 0, 1),
}
HALF_WEIGHT = ErrorWeight(0, 0.5, 0.5)
WEIGHTS = {
    "Fair": {**PLAIN_WEIGHTS, **dict.fromkeys(ERRORS, HALF_WEIGHT)},
    "Weighted": {
        **PLAIN_WEIGHTS,
        "LE": HALF_WEIGHT,
        "LBE": HALF_WEIGHT,
        "BES": ErrorWeight(0.5, 0, 0.5),
        "BEL": ErrorWeight(0.5, 0.5, 0),
        "BEO": ErrorWeight(0.5, 0.25, 0.25),
    },
}


def build_rules() -> ScorerRules:
    """The rules of FairEval."""
    read = ScorerRule("read", "compares words: an item covers the words that it overlaps", _read)
    counts = {
        "Traditional": ScorerRule(
            "count",
            "does not count a further prediction of a span that is found",
            lambda state: replace(state, count=_count_equal_spans),
        ),
        "Fair": ScorerRule(
            "count",
            "counts each wrong pair once: half on the side of gold, half on that of predictions",
            lambda state: replace(state, count=_count_with(WEIGHTS["Fair"])),
        ),
        "Weighted": ScorerRule(
            "count",
            "counts each wrong pair once, and wrong borders as half correct",
            lambda state: replace(state, count=_count_with(WEIGHTS["Weighted"])),
        ),
    }
    measures = [
        ScorerMeasure(name, "entities/strict", (ONLY_PLACED, ONLY_WORDS, read, count, WITH_ZERO))
        for name, count in counts.items()
    ]
    return ScorerRules(measures, report_rows, percent_digits=DIGITS)


def iter_chunks(tags: Sequence[str]) -> Iterator[Chunk]:
    """The spans of a sequence of tags. Raises InputError for what FairEval does not read."""
    begin: int | None = None
    label = ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, *types = tag.split("-")
        if "|" in tag:
            raise InputError(
                f"token {position}: FairEval reads the tag {quoted_repr(tag)} as several tags,"
                " which emulate does not: expected a label without |"
            )
        if tag == OUTSIDE or prefix == "B":
            if begin is not None:
                yield begin, position, label
            begin = None
        elif prefix != "I":
            raise InputError(
                f"token {position}: FairEval does not read the tag {quoted_repr(tag)}: expected O,"
                " B-LABEL or I-LABEL"
            )
        elif begin is None:
            raise InputError(
                f"token {position}: FairEval stops at the tag {quoted_repr(tag)}, since no span"
                " begins before it: correct the tags"
            )
        if prefix == "B":
            begin, label = position, types[0] if types else ""


_read_chunks = read_chunks(iter_chunks, "")


def _read(state: ScorerState) -> ScorerState:
    """Reads items whose key is their words."""
    items = {}
    if has_tags(state):
        state = _read_chunks.apply(state)
        for side in SIDES:
            chunks: list[Any] = [*state.items(side)]
            items[side] = tuple(item._replace(key=tuple(range(*item.key))) for item in chunks)
    else:
        for side in SIDES:
            items[side] = tuple(_iter_word_items(state, side))
    return replace(state, gold=items["gold"], predicted=items["predicted"])


def _iter_word_items(state: ScorerState, side: str) -> Iterator[ScorerItem]:
    """The items with words of all documents, in the order of the text."""
    for number, own in enumerate(split_items(state, side)):
        document = state.documents[number]
        for item in sorted(own, key=lambda item: (item.start or 0, item.end or 0, str(item.label))):
            words = {word for part in _parts_of(item) for word in words_of(document, part)}
            if words:
                yield item._replace(key=tuple(sorted(words)))


def _parts_of(item: ScorerItem) -> Iterator[ScorerItem]:
    """The fragments of an item in the text."""
    if item.start is not None:
        fragments: Any = item.key
        for start, end in fragments:
            yield item._replace(start=start, end=end)


def find_errors(state: ScorerState) -> list[SpanError]:
    """The errors of all sentences."""
    sentences: dict[tuple[int, int], dict[str, list[WordSpan]]] = defaultdict(
        lambda: {side: [] for side in SIDES}
    )
    for side in SIDES:
        for number, item in enumerate(state.items(side)):
            words: Any = item.key
            sequence = bisect_right(state.documents[item.document].sequences, words[0])
            sentences[item.document, sequence][side].append(
                WordSpan(str(item.label), words[0], words[-1], frozenset(words), number)
            )
    errors = []
    for _, spans in sorted(sentences.items()):
        errors += compare_spans(spans["gold"], spans["predicted"])
    return errors


def _count_with(weights: Mapping[str, ErrorWeight]) -> Callable[[ScorerState], ItemCredits]:
    """Returns a function that counts errors with some weights."""

    def count(state: ScorerState) -> ItemCredits:
        credits = {side: [0.0] * len(state.items(side)) for side in SIDES}
        totals = {side: [0.0] * len(state.items(side)) for side in SIDES}
        for error in find_errors(state):
            weight = weights[error.kind]
            if error.gold is not None:
                credits["gold"][error.gold.number] += weight.true_positive
                totals["gold"][error.gold.number] += weight.true_positive + weight.false_negative
            if error.predicted is not None:
                number = error.predicted.number
                credits["predicted"][number] += weight.true_positive
                totals["predicted"][number] += weight.true_positive + weight.false_positive
        return ItemCredits(
            credits["gold"], credits["predicted"], totals["gold"], totals["predicted"]
        )

    return count


def _count_equal_spans(state: ScorerState) -> ItemCredits:
    """Each gold item that has an equal prediction is a TP; further equal predictions are not
    counted.
    """
    keys = {
        side: [(item.document, item.label, item.key) for item in state.items(side)]
        for side in SIDES
    }
    predicted, left = set(keys["predicted"]), Counter(keys["gold"])
    gold_credit = [float(key in predicted) for key in keys["gold"]]
    gold_keys = set(keys["gold"])
    credit, weight = [], []
    for key in keys["predicted"]:
        # The first of equal predictions has the credit of all equal gold items.
        found = left.pop(key, 0)
        credit.append(float(found))
        weight.append(float(found if key in gold_keys else 1))
    return ItemCredits(gold_credit, credit, None, weight)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The tables of FairEval."""
    labels = [*labels_of(states["Fair"]), OVERALL]
    tables = {"Traditional": _count_equal(states["Traditional"])}
    tables |= dict.fromkeys(WEIGHTS, _count_kinds(states["Fair"]))
    rows = []
    for version, counts in tables.items():
        weights = WEIGHTS.get(version, PLAIN_WEIGHTS)
        for label in labels:
            own = counts[label]
            row: dict[str, Any] = {"Version": version, "Label": label}
            for name in COLUMNS[version]:
                row[name] = sum(own[kind] for kind in PARTS.get(name, (name,)))
            rows.append({**row, **_ratios(own, weights)})
    return rows


def _count_kinds(state: ScorerState) -> dict[str, Counter[str]]:
    """The number of errors of each kind, by the label of gold, or else of the prediction."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for error in find_errors(state):
        span = error.predicted if error.gold is None else error.gold
        labels = (OVERALL,) if span is None else (OVERALL, span.label)
        for label in labels:
            counts[label][error.kind] += 1
    return counts


def _count_equal(state: ScorerState) -> dict[str, Counter[str]]:
    """The numbers of TP, FP and FN by label."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    credits = state.credits()
    for item, (credit, _) in zip(state.gold, credits.statuses("gold")):
        for label in (OVERALL, str(item.label)):
            counts[label]["TP" if credit else "FN"] += 1
    for item, (credit, total) in zip(state.predicted, credits.statuses("predicted")):
        for label in (OVERALL, str(item.label)):
            counts[label]["FP"] += round(total - credit)
    return counts


def _ratios(counts: Counter[str], weights: Mapping[str, ErrorWeight]) -> dict[str, float]:
    """Precision, recall and F1 in percent."""
    sums = [
        sum(counts[kind] * weight[column] for kind, weight in weights.items())
        for column in range(3)
    ]
    true_positive, false_positive, false_negative = sums
    credits = ItemCredits([true_positive], [true_positive])
    ratios = ratios_with_zero(
        credits._replace(
            gold_weight=[true_positive + false_negative],
            predicted_weight=[true_positive + false_positive],
        )
    )
    return {name: round(100 * (ratio or 0.0), DIGITS) for name, ratio in zip(RATIOS, ratios)}
