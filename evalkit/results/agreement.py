"""The agreement of annotators: print it, look numbers up, save it and read it back."""

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
    spell_option,
)
from evalkit.files import replace_file
from evalkit.results.agreement_report import build_agreement_report, list_rows
from evalkit.results.agreement_result import SCHEMA_VERSION, AgreementF1, AgreementResult
from evalkit.results.confusion import import_pandas
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    to_html_fragment,
)
from evalkit.results.wording import pluralize
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric

if TYPE_CHECKING:
    from evalkit.results.error_analysis import ErrorAnalysis
    from evalkit.results.scores import Scores


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

    def list_pairs(self, layer: str = "entities") -> list[tuple[str, str]]:
        """The pairs of annotators whose disagreements in a layer can be looked up: those who have a
        document in common; none if the agreement was read from a file.
        """
        document_layer = get_layer(layer).document_layer
        return [(a, b) for a, b, compared in self._scores if compared == document_layer]

    def errors(self, a: str, b: str, layer: str = "entities", **options: Any) -> ErrorAnalysis:
        """The disagreements of two annotators in a layer, as `Scores.errors` has them: b's items
        are compared with a's, as if a were gold. options: of `Scores.errors`.

        Raises UnknownNameError for an annotator, and InputError if the documents are not available.
        """
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
        return scores.errors(layer, **options)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each number, all with the same keys; `measure` says what the value is."""
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
        """The agreement as table, markdown, latex, csv, html (see `to_html`) or json.

        width: columns of the terminal, for the table. digits: decimals of ratios (default 3, in
        percent 1). percent: percent instead of fractions. csv and json always hold the unrounded
        fractions.
        """
        numbers = NumberFormat(digits, percent)
        if format == "json":
            return self.to_json()
        if format == "html":
            return self.to_html(digits=digits, percent=percent)
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self._report(numbers), width)

    def to_html(
        self,
        *,
        no_text: bool = False,
        max_documents: int | None = 20,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """A page for readers, with the disagreements in the text. no_text: without surface forms
        and context. max_documents: of how many documents the disagreements are shown; None for all.
        digits, percent: see `render`.

        Raises InputError for another number of documents.
        """
        if max_documents is not None and (type(max_documents) is not int or max_documents < 0):
            raise InputError(
                f"invalid {spell_option('max_documents', max_documents)}: expected a whole number"
                " from 0 on, or None for all"
            )
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.agreement_page import build_agreement_page

        return build_agreement_page(
            self,
            text=not no_text,
            max_documents=max_documents,
            numbers=NumberFormat(digits, percent),
        )

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


class _SavedKeys(msgspec.Struct):
    """The keys by which the file of an agreement is recognized."""

    annotators: msgspec.Raw
    consistency: bool


def is_saved_agreement(path: str | Path) -> bool:
    """Whether a file holds an agreement that `Agreement.save` wrote."""
    try:
        msgspec.json.decode(Path(path).read_bytes(), type=_SavedKeys)
    except (OSError, msgspec.DecodeError):
        return False
    return True
