"""The agreement of annotators: what was measured, as a file holds it, and as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_controls,
    escape_controls_in_json,
    quoted_repr,
    spell_option,
)
from evalkit.files import replace_file
from evalkit.results.confusion import import_pandas
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    to_html_fragment,
)
from evalkit.results.wording import pluralize
from evalkit.scoring.metrics import Metric

if TYPE_CHECKING:
    from evalkit.results.error_analysis import ErrorAnalysis
    from evalkit.results.scores import Scores

SCHEMA_VERSION = 1


class AnnotatorInfo(msgspec.Struct, frozen=True):
    """An annotator. documents: those with annotations, the only ones that can be compared.
    duplicates, unplaced: annotations that were left out; failures: documents on which a model
    failed.
    """

    name: str
    documents: int
    duplicates: int = 0
    unplaced: int = 0
    failures: int = 0


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


class Agreement:
    """The agreement of annotators: print it, index it by metric, or get its rows.

    `result` has all numbers; `agreement["entities/strict"].f1` is the mean F1 over all pairs.
    """

    def __init__(
        self,
        result: AgreementResult,
        scores: Mapping[tuple[str, str, str], Scores] | None = None,
    ) -> None:
        """Keep the numbers. scores: of each pair (a, b) in each layer of documents, for errors."""
        self.result = result
        self._scores = dict(scores or {})

    @property
    def annotators(self) -> list[str]:
        """The names of the annotators."""
        return [each.name for each in self.result.annotators]

    @property
    def metrics(self) -> list[str]:
        """The metrics with an agreement F1."""
        return [each.metric for each in self.result.f1 if each.label is None]

    @property
    def noun(self) -> str:
        """What it is called: consistency where the annotators are models."""
        return "consistency" if self.result.consistency else "agreement"

    def __getitem__(self, metric: str) -> AgreementF1:
        name = str(Metric.parse(metric))
        for each in self.result.f1:
            if each.metric == name and each.label is None:
                return each
        raise UnknownNameError("metric", metric, self.metrics, within="this agreement")

    def errors(self, a: str, b: str, layer: str = "entities") -> ErrorAnalysis:
        """The disagreements of two annotators in a layer, as `Scores.errors` has them: b's items
        are compared with a's, as if a were gold.

        Raises UnknownNameError for an annotator, and InputError if the documents are not available.
        """
        from evalkit.scoring.layers import get_layer

        for name in (a, b):
            if name not in self.annotators:
                raise UnknownNameError("annotator", name, self.annotators)
        scores = self._scores.get((a, b, get_layer(layer).document_layer))
        if scores is None:
            raise InputError(
                f"{layer}: no documents of {a} and {b}: expected an agreement that was not read"
                " from a file, annotators in the order in which they were given, and a layer that"
                " was compared"
            )
        return scores.errors(layer)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each number, all with the same keys; `measure` says what the value is."""
        from evalkit.results.agreement_report import list_rows

        return list_rows(self.result)

    def to_json(self) -> str:
        """The text of a result file."""
        encoded = msgspec.json.format(msgspec.json.encode(self.result), indent=1)
        return escape_controls_in_json(encoded.decode())

    @classmethod
    def from_json(cls, text: str) -> Agreement:
        """The agreement that `to_json` wrote. Raises InputError for any other text."""
        try:
            result = msgspec.json.decode(text, type=AgreementResult)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise InputError(f"not an agreement that evalkit saved: {error}") from None
        if result.schema_version != SCHEMA_VERSION:
            raise InputError(
                f"an agreement of version {result.schema_version}: expected {SCHEMA_VERSION};"
                " measure it again"
            )
        return cls(result)

    def save(self, path: str | Path) -> None:
        """Write the result to a file, which holds no text of the documents."""
        text = self.to_json()
        with replace_file(path) as file:
            file.write(text.encode() + b"\n")

    @classmethod
    def load(cls, path: str | Path) -> Agreement:
        """The agreement that `save` wrote. Raises InputError for any other file."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not an agreement that evalkit saved: not UTF-8") from None
        try:
            return cls.from_json(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The agreement as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of ratios (default 3, in
        percent 1). percent: percent instead of fractions. csv and json always hold the unrounded
        fractions.
        """
        numbers = NumberFormat(digits, percent)
        if format == "json":
            return self.to_json()
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self._report(numbers), width)

    def to_markdown(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The agreement as markdown tables; see `render`."""
        return self.render("markdown", digits=digits, percent=percent)

    def to_latex(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The tables in LaTeX, for the package booktabs; see `render`."""
        return self.render("latex", digits=digits, percent=percent)

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame."""
        return import_pandas().DataFrame(self.rows())

    def _report(self, numbers: NumberFormat = DEFAULT_FORMAT) -> Report:
        from evalkit.results.agreement_report import build_agreement_report

        return build_agreement_report(self.result, numbers)

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def __repr__(self) -> str:
        documents = pluralize(self.result.documents, "document")
        headline = ""
        if self.metrics:
            first = self[self.metrics[0]]
            f1 = "undefined" if first.f1 is None else f"{first.f1:.3f}"
            headline = f"; {first.metric} {f1}"
        return escape_controls(
            f"<Agreement of {', '.join(self.annotators)}: {documents}{headline}>"
        )

    def __str__(self) -> str:
        return self.render()


MEASURES = ("f1", "kappa", "fleiss", "alpha", "alpha-tokens", "alpha-u", "gamma")
# α over tokens and γ are measured on request: both take long, or repeat what others say.
DEFAULT_MEASURES = ("f1", "kappa", "fleiss", "alpha", "alpha-u")


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
            raise UnknownNameError("measure", quoted_repr(name), MEASURES)
    return tuple(name for name in MEASURES if name in given)
