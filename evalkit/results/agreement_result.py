"""The numbers of an agreement, as a result file holds them, and the names of the measures."""

from __future__ import annotations

from typing import Any

import msgspec

from evalkit.errors import InputError, UnknownNameError, spell_option

MEASURES = ("f1", "kappa", "fleiss", "alpha", "alpha-tokens", "alpha-u", "gamma")
# α over tokens and γ are measured on request: both take long, or repeat what others say.
DEFAULT_MEASURES = ("f1", "kappa", "fleiss", "alpha", "alpha-u")
SCHEMA_VERSION = 1


class AnnotatorInfo(msgspec.Struct, frozen=True):
    """An annotator. documents: the number of those with annotations, the only ones that can be
    compared; lacking: the ids of the others. duplicates, unplaced: annotations that were left out;
    failures: documents on which a model failed.
    """

    name: str
    documents: int
    duplicates: int = 0
    unplaced: int = 0
    failures: int = 0
    lacking: list[str] = []


class AgreementF1(msgspec.Struct, frozen=True):
    """The mean agreement F1 over all pairs of annotators, of a metric or of one of its labels.

    f1: the mean over the pairs in which it is defined; pairs: their number. low, high: the ends of
    its interval, None where there is none; reason: why, or why to read it with care. min, max: the
    least and the greatest F1 of a pair. documents: those that two annotators or more annotated.
    """

    metric: str
    label: str | None
    f1: float | None
    low: float | None
    high: float | None
    reason: str
    min: float | None
    max: float | None
    pairs: int
    documents: int


class PairF1(msgspec.Struct, frozen=True):
    """The agreement F1 of two annotators: 2 · matched / (items_a + items_b).

    documents: those that both annotated, of which alone items count. matched: the credit of matched
    pairs.
    """

    metric: str
    a: str
    b: str
    documents: int
    f1: float | None
    low: float | None
    high: float | None
    reason: str
    matched: float
    items_a: int
    items_b: int


class DocumentF1(msgspec.Struct, frozen=True):
    """The agreement F1 of one document: the mean over the pairs with items in it, and its range."""

    metric: str
    document: str
    f1: float | None
    min: float | None
    max: float | None
    pairs: int


class LabelPair(msgspec.Struct, frozen=True):
    """How many spans that both annotators have got these two labels."""

    a: str
    b: str
    n: int


class LabelKappa(msgspec.Struct, frozen=True):
    """Cohen's κ of the labels of spans that both annotators have, and the F1 of the spans alone.

    expected: p_e, observed: p_o. kappa: None without such spans, and where p_e = 1. labels: the
    pairs of labels, which are a confusion matrix.
    """

    layer: str
    a: str
    b: str
    documents: int
    exact_f1: float | None
    n: int
    observed: float | None
    expected: float | None
    kappa: float | None
    labels: list[LabelPair]


class FleissKappa(msgspec.Struct, frozen=True):
    """Fleiss' κ of the labels of the n spans that all annotators have."""

    layer: str
    annotators: int
    documents: int
    n: int
    observed: float | None
    expected: float | None
    kappa: float | None


class NominalAlpha(msgspec.Struct, frozen=True):
    """Krippendorff's α over characters or tokens (unit), of all labels at once, or, where items
    overlap, of one label against the rest. n: the number of units. unlabeled: the share of units
    without any label by anyone.
    """

    layer: str
    unit: str
    label: str | None
    documents: int
    n: int
    unlabeled: float | None
    observed: float | None
    expected: float | None
    alpha: float | None


class UnitizingAlpha(msgspec.Struct, frozen=True):
    """Krippendorff's αU of a label; n: units of all annotators. reason: why it is None."""

    layer: str
    label: str
    documents: int
    n: int
    observed: float | None
    expected: float | None
    alpha: float | None
    reason: str = ""


class PairGamma(msgspec.Struct, frozen=True):
    """γ of two annotators; n: units of both. gamma is known up to ± reach, since the expected
    disorder is a mean over random corpora (samples, from the seed).
    """

    layer: str
    a: str
    b: str
    documents: int
    n: int
    observed: float | None
    expected: float | None
    gamma: float | None
    reach: float | None
    samples: int
    seed: int


class AgreementResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; the content of a file that `Agreement.save` writes.

    consistency: whether the annotators are models. documents: of all annotators together. options:
    as they were given. level: of the intervals; None without. layer: of the measures beside F1;
    None without these. signature: a metric to its fields. discontinuous: items with several
    fragments in the layer.
    """

    schema_version: int = SCHEMA_VERSION
    annotators: list[AnnotatorInfo]
    consistency: bool
    documents: int
    options: dict[str, Any]
    level: float | None
    signature: dict[str, dict[str, str]]
    notes: list[str]
    f1: list[AgreementF1] = []
    pairs: list[PairF1] = []
    by_document: list[DocumentF1] = []
    layer: str | None = None
    kappa: list[LabelKappa] = []
    fleiss: FleissKappa | None = None
    alpha: list[NominalAlpha] = []
    alpha_u: list[UnitizingAlpha] = []
    gamma: list[PairGamma] = []


def parse_measures(measures: Any) -> tuple[str, ...]:
    """The measures in a list, or in a string with commas; each once, in the order of MEASURES.

    Raises UnknownNameError for another one, InputError for none.
    """
    if measures is None:
        return DEFAULT_MEASURES
    given = measures.replace(",", " ").split() if isinstance(measures, str) else measures
    if not isinstance(given, (list, tuple, set, frozenset)) or not given:
        raise InputError(
            f"invalid {spell_option('measures', measures)}: expected some of {', '.join(MEASURES)}"
        )
    for name in given:
        if name not in MEASURES:
            raise UnknownNameError("measure", name, MEASURES)
    return tuple(name for name in MEASURES if name in given)
