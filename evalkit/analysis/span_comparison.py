"""How a predicted span differs from gold's, as sets of characters."""

from __future__ import annotations

from evalkit.data.document import Fragments
from evalkit.scoring.attribution_pairing import count_shared


def compare_spans(gold: Fragments, predicted: Fragments) -> str:
    """How the prediction differs: "correct" for equal spans, "too short" where it has a part of
    gold's characters and no other, "too long" where it has all of them and more, "wrong place"
    where no character is shared, else "shifted".
    """
    shared = count_shared(gold, predicted)
    if not shared:
        return "wrong place"
    has_all, has_no_other = shared == _length(gold), shared == _length(predicted)
    if has_all and has_no_other:
        return "correct"
    if has_no_other:
        return "too short"
    return "too long" if has_all else "shifted"


def _length(span: Fragments) -> int:
    return sum(end - start for start, end in span)
