"""spaCy 3.8: the entities of docs, compared by the tokens of gold (`ents_p`, `ents_r`, `ents_f`).

The docs are made from texts and offsets as the documentation does it: `Doc.char_span` for each
entity, which is None within a token, and `filter_spans` for `Doc.ents`, which cannot hold entities
that overlap. A prediction covers the gold tokens that its own tokens are aligned with, from the
first to the last, so `U.S.` is correct for `U.S.-based` where that is one token of gold. Documents
without gold annotation are skipped. (Source: get_ner_prf in spacy/scorer.py of 3.8.18, run.)

Rows: `ents`, and the labels of `ents_per_type`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalkit.analysis.scorer_docs import (
    SPACY_RATIOS,
    DocTokens,
    compare_gold_tokens,
    drop_overlapping,
    drop_unaligned,
    report_rows,
)
from evalkit.analysis.scorer_rules import (
    ScorerItem,
    ScorerMeasure,
    ScorerRules,
    ScorerState,
)
from evalkit.analysis.scorer_spans import DROP_UNPLACED, WHOLE_SPANS, Range


def build_rules(
    *, tokenizer: str | None = None, predicted_tokenizer: str | None = None
) -> ScorerRules:
    """The rules of `ents`.

    tokenizer, predicted_tokenizer: of gold and of the predicted docs; see DocTokens.
    """
    tokens = DocTokens(tokenizer, predicted_tokenizer)

    def align(
        state: ScorerState, items: Sequence[ScorerItem], spans: Sequence[Range]
    ) -> Iterator[Range | None]:
        alignment = tokens.align(state, items[0].document)
        for first, end in spans:
            covered = [index for token in alignment[first:end] for index in token]
            yield (covered[0], covered[-1] + 1) if covered else None

    rules = (
        WHOLE_SPANS,
        DROP_UNPLACED,
        drop_unaligned(tokens),
        drop_overlapping(tokens),
        compare_gold_tokens(
            "compares the tokens of gold that those of a prediction are aligned with; a prediction"
            " without any is not counted",
            tokens,
            align,
        ),
        SPACY_RATIOS,
    )
    return ScorerRules(
        (ScorerMeasure("ents", "entities/strict", rules),),
        lambda states: report_rows(states["ents"], "ents"),
    )
