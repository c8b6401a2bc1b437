r"""GLiNER 0.2.29: labels and spans of words, compared as sets over the corpus.

GLiNER's data and its predictions are spans of words, which its splitter finds: runs of letters and
digits, with hyphens and underscores within, and single other characters (`\w+(?:[-_]\w+)*|\S`). An
item covers the words with which it shares a character. Ratios are 0 where nothing divides, with a
warning there. (Source: gliner/evaluation/evaluator.py and utils.py,
gliner/data_processing/tokenizer.py of 0.2.29, read; its evaluator run on random corpora.)

Row: what `evaluate` prints, P, R and F1, not rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.analysis.scorer_rules import (
    SIDES,
    WITH_ZERO,
    ScorerDocument,
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    merge_equal_items,
)
from evalkit.analysis.scorer_spans import (
    DROP_UNPLACED,
    WHOLE_SPANS,
    Range,
    covered_tokens,
    replace_items,
)

WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")


def build_rules() -> ScorerRules:
    """The rules of GLiNER's evaluator."""
    rules = (
        WHOLE_SPANS,
        DROP_UNPLACED,
        ScorerRule(
            "equal",
            "compares words: an item covers the words of GLiNER's splitter that it overlaps",
            _cover_words,
        ),
        ScorerRule("count", "compares sets: repeated items count once", merge_equal_items),
        WITH_ZERO,
    )
    return ScorerRules((ScorerMeasure("micro", "entities/strict", rules),), report_rows)


def _cover_words(state: ScorerState) -> ScorerState:
    words = [_words(document) for document in state.documents]
    return replace_items(
        state, {side: _iter_word_items(state.items(side), words) for side in SIDES}
    )


def _words(document: ScorerDocument) -> Sequence[Range]:
    """The words of the input if it is tags, else those of the splitter."""
    if document.gold_tags is not None:
        return document.tokens
    return [word.span() for word in WORD.finditer(document.text)]


def _iter_word_items(
    items: Sequence[ScorerItem], words: Sequence[Sequence[Range]]
) -> Iterator[ScorerItem]:
    """The items with their words; those of white space only are left out."""
    for item in items:
        covered = covered_tokens(words[item.document], item.start or 0, item.end or 0)
        if covered is not None:
            yield item._replace(key=covered)


def report_rows(states: Mapping[str, ScorerState]) -> list[dict[str, Any]]:
    """The row of all items."""
    numbers = states["micro"].numbers()
    return [{"name": "micro", "P": numbers.precision, "R": numbers.recall, "F1": numbers.f1}]
