"""spaCy 3.8: the spans of a group of docs (`spans_sc_p`, `spans_sc_r`, `spans_sc_f`), as sets.

The docs are made from texts and offsets with `Doc.char_span` for each entity, which is None within
a token. A prediction is counted only if the gold tokens that its own are aligned with are the same
string. With `allow_overlap=false`, as for other attributes than those of a span categorizer, a gold
token is used by the first prediction that is aligned with it. (Source: Scorer.score_spans in
spacy/scorer.py and Example.get_aligned_spans_x2y of 3.8.18, run.)

Rows: `spans_KEY`, and the labels of `spans_KEY_per_type`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from evalkit.analysis.scorer_docs import (
    SPACY_RATIOS,
    DocTokens,
    compare_gold_tokens,
    drop_unaligned,
    report_rows,
)
from evalkit.analysis.scorer_options import parse_flag
from evalkit.analysis.scorer_rules import (
    ScorerItem,
    ScorerMeasure,
    ScorerRule,
    ScorerRules,
    ScorerState,
    merge_equal_items,
)
from evalkit.analysis.scorer_spans import DROP_UNPLACED, WHOLE_SPANS, Range


def build_rules(
    *,
    key: str = "sc",
    allow_overlap: bool | str = True,
    tokenizer: str | None = None,
    predicted_tokenizer: str | None = None,
) -> ScorerRules:
    """The rules of spans.

    key: of the group, for the names of rows. allow_overlap: whether predictions may share tokens.
    tokenizer, predicted_tokenizer: of gold and of the predicted docs; see DocTokens.
    """
    tokens = DocTokens(tokenizer, predicted_tokenizer)
    shares_tokens = parse_flag("allow_overlap", allow_overlap)
    name = f"spans_{key}"
    others = "" if shares_tokens else ", without those of predictions before it"
    rules = (
        WHOLE_SPANS,
        DROP_UNPLACED,
        drop_unaligned(tokens),
        compare_gold_tokens(
            "compares the tokens of gold that those of a prediction are aligned with"
            f"{others}; a prediction is not counted if they are another string",
            tokens,
            partial(_align_equal_strings, tokens, shares_tokens=shares_tokens),
        ),
        ScorerRule("count", "compares sets: repeated spans count once", merge_equal_items),
        SPACY_RATIOS,
    )
    return ScorerRules(
        (ScorerMeasure(name, "entities/strict", rules),),
        lambda states: report_rows(states[name], name),
    )


def _align_equal_strings(
    tokens: DocTokens,
    state: ScorerState,
    items: Sequence[ScorerItem],
    spans: Sequence[Range],
    *,
    shares_tokens: bool,
) -> Iterator[Range | None]:
    number = items[0].document
    text = state.documents[number].text
    gold = tokens.tokens_of(state, "gold", number)
    alignment = tokens.align(state, number)
    used: set[int] = set()
    for item, (first, end) in zip(items, spans):
        covered = [index for token in alignment[first:end] for index in token]
        if not shares_tokens:
            covered = [index for index in covered if index not in used]
        if not covered:
            yield None
            continue
        aligned = text[gold[covered[0]][0] : gold[covered[-1]][1]]
        if _comparable(aligned) == _comparable(text[item.start : item.end]):
            used.update(covered)
            yield covered[0], covered[-1] + 1
        else:
            yield None


def _comparable(string: str) -> str:
    return string.lower().strip().replace(" ", "")
